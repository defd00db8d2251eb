// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AgentRegistry} from "../AgentRegistry.sol";
import {Opening, State} from "../interfaces/ITaskMarket.sol";
import {Bid, Task} from "../libraries/Orders.sol";
import {Plans} from "../Plans.sol";
import {TaskMarket} from "../TaskMarket.sol";

/// @dev The cheat codes that these tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function prank(address sender) external;
    function warp(uint256 time) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function store(address account, bytes32 slot, bytes32 value) external;
    function deal(address account, uint256 balance) external;
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function expectRevert(bytes calldata data) external;
    function assume(bool condition) external pure;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory logs);
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
bytes32 constant PAGE = keccak256("page");
bytes32 constant TRACE = keccak256("trace");
uint256 constant WINDOW = 5;
uint256 constant SCORE_MIN = 500; // of the native coin
uint256 constant SCORE_BURN_BPS = 300;
address constant POOL = address(0x9001);

/// @notice A task's 24 parameters by name; `Base._pack` makes the ten words of them.
struct Order {
    address requester;
    address router;
    address token;
    uint96 ceiling;
    uint16 baseBps;
    uint96 bond;
    uint8 kind;
    bytes32 pageId;
    uint256 requirement;
    uint16 minMatchBps;
    uint8 k;
    uint8 minSeats;
    uint16 quorumBps;
    bool open;
    uint40 bidEnd;
    uint40 commitEnd;
    uint32 revealWindow;
    address evaluator;
    uint32 evaluationWindow;
    uint96 evaluationFee;
    uint16 sharedBps;
    bytes32 parent;
    bytes32 header;
    bytes32 salt;
}

/// @title What every test needs: the contracts, keys, and messages signed by them.
abstract contract Base {
    AgentRegistry internal registry;
    Plans internal plans;
    TaskMarket internal market;
    bytes32 internal domain;

    function _deploy() internal {
        vm.warp(1_800_000_000);
        registry = new AgentRegistry();
        plans = new Plans(registry);
        market = new TaskMarket(registry, POOL, address(plans), WINDOW, address(0), SCORE_MIN, SCORE_BURN_BPS);
        domain = _domain("Symphony TaskMarket", address(market));
    }

    /* ORDERS AND BIDS */

    function _isState(bytes32 id, State want) internal view {
        assertEq(uint256(market.stateOf(id)), uint256(want), "state");
    }

    /// @dev The call fails, with exactly this error.
    function _refusedBy(address target, address by, uint256 value, bytes memory call, bytes memory want) internal {
        vm.deal(by, by.balance + value);
        vm.prank(by);
        (bool ok, bytes memory have) = target.call{value: value}(call);
        assertTrue(!ok, "it was not refused");
        assertTrue(keccak256(have) == keccak256(want), "another error");
    }

    function _order(address requester, uint256 salt) internal view returns (Order memory o) {
        o.requester = requester;
        o.ceiling = 1_000;
        o.baseBps = 2_000;
        o.pageId = PAGE;
        o.requirement = 10_000 | (5_000 << 16);
        o.k = 3;
        o.minSeats = 1;
        o.quorumBps = 5_001;
        o.bidEnd = uint40(block.timestamp + 20);
        o.commitEnd = o.bidEnd + 20;
        o.revealWindow = 20;
        o.header = keccak256("header");
        o.salt = bytes32(salt);
    }

    function _pack(Order memory o) internal pure returns (Task memory t) {
        t.payer = uint160(o.requester) | (uint256(o.ceiling) << 160);
        t.routing = uint160(o.router) | (uint256(o.bond) << 160);
        t.asset = uint160(o.token) | (uint256(o.evaluationFee) << 160);
        t.terms = uint160(o.evaluator) | (uint256(o.kind) << 160) | (uint256(o.k) << 168);
        t.terms |= (uint256(o.minSeats) << 176) | (o.open ? 1 << 184 : 0) | (uint256(o.baseBps) << 192);
        t.terms |= (uint256(o.minMatchBps) << 208) | (uint256(o.quorumBps) << 224) | (uint256(o.sharedBps) << 240);
        t.times = o.bidEnd | (uint256(o.commitEnd) << 40) | (uint256(o.revealWindow) << 80);
        t.times |= uint256(o.evaluationWindow) << 112;
        (t.pageId, t.requirement, t.parent) = (o.pageId, o.requirement, o.parent);
        (t.header, t.salt) = (o.header, o.salt);
    }

    function _escrow(Order memory o) internal pure returns (uint256) {
        return uint256(o.ceiling) * o.k + o.evaluationFee;
    }

    function _terms(uint256 agentId, uint256 price, uint256 expiry) internal pure returns (uint256) {
        return agentId | (price << 32) | (8_000 << 128) | (expiry << 144);
    }

    function _bid(bytes32 taskId, uint256 agentId, uint256 key, uint256 price) internal view returns (Bid memory b) {
        b.terms = _terms(agentId, price, type(uint40).max);
        b.signature = _sign(key, _bidMessage(taskId, b.terms));
    }

    /* MESSAGES: struct hashes of what each step's signer signs */

    function _bidMessage(bytes32 taskId, uint256 terms) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("Bid(bytes32 taskId,uint256 agentId,uint96 price,uint16 confidenceBps,uint40 expiry)"),
                taskId,
                uint32(terms),
                uint96(terms >> 32),
                uint16(terms >> 128),
                uint40(terms >> 144)
            )
        );
    }

    function _bidsMessage(string memory name, bytes32 taskId, Bid[] memory bids) internal pure returns (bytes32) {
        uint256[] memory terms = new uint256[](bids.length);
        for (uint256 i; i < bids.length; ++i) {
            terms[i] = bids[i].terms;
        }
        return keccak256(
            abi.encode(
                keccak256(bytes(string.concat(name, "(bytes32 taskId,uint256[] bids)"))),
                taskId,
                keccak256(abi.encodePacked(terms))
            )
        );
    }

    /// @dev Good for ever.
    function _takeMessage(bytes32 taskId, uint256 agentId) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256("Take(bytes32 taskId,uint256 agentId,uint256 deadline)");
        return keccak256(abi.encode(typeHash, taskId, agentId, type(uint256).max));
    }

    function _commitMessage(bytes32 taskId, uint256 seat, bytes32 commitment) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256("Commit(bytes32 taskId,uint256 seat,bytes32 commitment)");
        return keccak256(abi.encode(typeHash, taskId, seat, commitment));
    }

    function _cancelMessage(bytes32 taskId) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Cancel(bytes32 taskId)"), taskId));
    }

    function _evaluateMessage(bytes32 taskId, uint256 scores) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Evaluate(bytes32 taskId,uint256 scores)"), taskId, scores));
    }

    function _withdrawMessage(address account, address token, address to, uint256 amount, uint256 deadline)
        internal
        view
        returns (bytes32)
    {
        bytes32 typeHash = keccak256(
            "Withdraw(address account,address token,address to,uint256 amount,uint256 nonce,uint256 deadline)"
        );
        return keccak256(abi.encode(typeHash, account, token, to, amount, market.nonces(account), deadline));
    }

    function _claimMessage(address by, uint256 agentId, address token, address to, uint256 deadline)
        internal
        view
        returns (bytes32)
    {
        bytes32 typeHash = keccak256("Claim(uint256 agentId,address token,address to,uint256 nonce,uint256 deadline)");
        return keccak256(abi.encode(typeHash, agentId, token, to, market.nonces(by), deadline));
    }

    /* COMMITMENTS */

    function _digest(uint256 answer) internal pure returns (bytes32) {
        return sha256(abi.encode(answer));
    }

    function _commitment(bytes32 taskId, uint256 agentId, Opening memory o) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256(
            "Answer(bytes32 taskId,uint256 agentId,bytes32 answerDigest,bytes32 evidenceDigest,bytes32 salt)"
        );
        return keccak256(abi.encode(typeHash, taskId, agentId, o.answerDigest, o.evidenceDigest, o.salt));
    }

    /* SIGNATURES */

    function _sign(uint256 key, bytes32 message) internal view returns (bytes memory) {
        return _signDigest(key, keccak256(abi.encodePacked("\x19\x01", domain, message)));
    }

    function _signDigest(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev Names the wallet of `key` as the agent's operator; the owner calls.
    function _setWallet(uint256 agentId, uint256 key) internal {
        bytes memory signature = _signWallet(agentId, key, block.timestamp);
        vm.prank(registry.ownerOf(agentId));
        registry.setAgentWallet(agentId, vm.addr(key), block.timestamp, signature);
    }

    function _signWallet(uint256 agentId, uint256 key, uint256 deadline) internal view returns (bytes memory) {
        bytes32 typeHash =
            keccak256("AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)");
        bytes32 message = keccak256(abi.encode(typeHash, agentId, vm.addr(key), registry.ownerOf(agentId), deadline));
        bytes32 separator = _domain("ERC8004IdentityRegistry", address(registry));
        return _signDigest(key, keccak256(abi.encodePacked("\x19\x01", separator, message)));
    }

    function _domain(string memory name, address verifier) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256("1"),
                block.chainid,
                verifier
            )
        );
    }

    /* ASSERTIONS */

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
