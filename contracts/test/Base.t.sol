// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AgentRegistry} from "../AgentRegistry.sol";
import {Bid, Task} from "../interfaces/ITaskMarket.sol";
import {TaskMarket} from "../TaskMarket.sol";

/// @dev The cheat codes that these tests use.
interface Vm {
    function prank(address sender) external;
    function warp(uint256 time) external;
    function deal(address account, uint256 balance) external;
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function expectRevert(bytes calldata data) external;
    function assume(bool condition) external pure;
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
bytes32 constant PAGE = keccak256("page");
uint256 constant WINDOW = 5;

/// @title What every test needs: both contracts, keys, and messages signed by them.
abstract contract Base {
    AgentRegistry internal registry;
    TaskMarket internal market;
    bytes32 internal domain;

    function _deploy() internal {
        vm.warp(1_800_000_000);
        registry = new AgentRegistry();
        market = new TaskMarket(registry, WINDOW);
        domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Symphony TaskMarket"),
                keccak256("1"),
                block.chainid,
                address(market)
            )
        );
    }

    function _task(address requester, uint256 salt) internal view returns (Task memory t) {
        t.requester = requester;
        t.ceiling = 1_000;
        t.baseBps = 2_000;
        t.pageId = PAGE;
        t.requirement = 10_000 | (5_000 << 16);
        t.k = 3;
        t.minSeats = 1;
        t.quorumBps = 5_001;
        t.bidEnd = uint40(block.timestamp + 20);
        t.commitEnd = t.bidEnd + 20;
        t.revealWindow = 20;
        t.header = keccak256("header");
        t.salt = bytes32(salt);
    }

    function _bid(bytes32 taskId, uint256 agentId, uint256 key, uint96 price) internal view returns (Bid memory b) {
        b = Bid(agentId, price, 8_000, type(uint40).max, "");
        b.signature = _sign(
            key,
            keccak256(abi.encode(market.BID_TYPEHASH(), taskId, b.agentId, b.price, b.confidenceBps, b.expiry))
        );
    }

    function _sign(uint256 key, bytes32 message) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked("\x19\x01", domain, message)));
        return abi.encodePacked(r, s, v);
    }

    function _digest(uint256 answer) internal pure returns (bytes32) {
        return sha256(abi.encode(answer));
    }

    function assertTrue(bool condition, string memory what) internal pure {
        require(condition, what);
    }

    function assertEq(uint256 have, uint256 want, string memory what) internal pure {
        require(have == want, string.concat(what, ": ", _text(have), " is not ", _text(want)));
    }

    function _text(uint256 value) private pure returns (string memory out) {
        do {
            out = string.concat(string(abi.encodePacked(uint8(48 + value % 10))), out);
            value /= 10;
        } while (value != 0);
    }
}
