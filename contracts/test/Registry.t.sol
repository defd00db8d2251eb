// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAgentRegistry, IERC8004Identity} from "../interfaces/IAgentRegistry.sol";
import {Base, PAGE, vm} from "./Base.t.sol";

/// @title Rules of the registry of agents.
contract RegistryTest is Base {
    uint256 private constant OWNER = 0xa11ce;
    uint256 private constant OPERATOR = 0x0b;
    /// sha-256 of "file".
    bytes32 private constant FILE = 0x3b9c358f36f0a31b6ad3e14f309c7cf198ac9246e8316f9ce543d5b19ac02b80;
    address private owner;

    function setUp() external {
        _deploy();
        owner = vm.addr(OWNER);
        vm.prank(owner);
        registry.register(FILE, PAGE, 5_000);
    }

    function test_everyWayInGivesAnAgent() external {
        vm.prank(owner);
        assertEq(registry.register(), 2, "bare");
        assertTrue(_is(registry.tokenURI(2), ""), "no file");
        vm.prank(owner);
        assertEq(registry.register("https://example.org"), 3, "by URI");
        assertTrue(_is(registry.tokenURI(3), "https://example.org"), "URI");
        IERC8004Identity.MetadataEntry[] memory entries = new IERC8004Identity.MetadataEntry[](1);
        entries[0] = IERC8004Identity.MetadataEntry("key", "value");
        vm.prank(owner);
        assertEq(registry.register("uri", entries), 4, "with metadata");
        assertTrue(_is(string(registry.getMetadata(4, "key")), "value"), "metadata");
        assertTrue(registry.ownerOf(4) == owner, "owner");
        entries[0].metadataKey = "agentWallet";
        _refused(
            abi.encodeWithSignature("register(string,(string,bytes)[])", "uri", entries),
            abi.encodeWithSelector(IAgentRegistry.ReservedMetadataKey.selector)
        );
    }

    function test_theURIIsTheFileUnlessAForeignOneWasSet() external {
        assertTrue(registry.fileDigestOf(1) == FILE, "digest");
        string memory ipfs = "ipfs://bafkreib3tq2y6nxqumnwvu7bj4yjy7hrtcwjerxigfxzzzkd2wyzvqblqa";
        assertTrue(_is(registry.tokenURI(1), ipfs), "CIDv1, raw, sha2-256");
        vm.prank(owner);
        registry.setAgentURI(1, "https://example.org");
        assertTrue(_is(registry.tokenURI(1), "https://example.org"), "foreign");
        vm.prank(owner);
        registry.setFile(1, FILE);
        assertTrue(_is(registry.tokenURI(1), ipfs), "the file again");
        (bool ok,) = address(registry).staticcall(abi.encodeCall(registry.tokenURI, (99)));
        assertTrue(!ok, "an unknown agent has no URI");
    }

    function test_declaredWordsStayInRange() external {
        assertEq(registry.declaredOf(1, PAGE), 5_000, "declared");
        vm.prank(owner);
        registry.declare(1, PAGE, 10_000 << 240);
        assertEq(registry.declaredOf(1, PAGE), 10_000 << 240, "declared anew");
        bytes memory call = abi.encodeCall(registry.declare, (1, PAGE, 10_001));
        _refused(call, abi.encodeWithSelector(IAgentRegistry.LaneOutOfRange.selector, 10_001));
        call = abi.encodeCall(registry.declare, (1, PAGE, 0x8000 << 16));
        _refused(call, abi.encodeWithSelector(IAgentRegistry.LaneOutOfRange.selector, 0x8000 << 16));
    }

    function test_seatingOfIsWalletOwnerAndWord() external {
        uint256 tag = uint96(uint160(owner));
        _seating(1, owner, tag, 5_000);
        _setWallet(1, OPERATOR);
        _seating(1, vm.addr(OPERATOR), tag, 5_000);
        _seating(99, address(0), 0, 0);
    }

    function _seating(uint256 agentId, address wallet, uint256 tag, uint256 declared) private view {
        (address wallet_, uint256 tag_, uint256 declared_) = registry.seatingOf(agentId, PAGE);
        assertTrue(wallet_ == wallet && tag_ == tag && declared_ == declared, "seating");
    }

    function test_onlyTheOwnerOrItsApprovedSpeaksForAnAgent() external {
        bytes[5] memory calls = [
            abi.encodeCall(registry.setFile, (1, 0)),
            abi.encodeCall(registry.declare, (1, PAGE, 1)),
            abi.encodeCall(registry.setAgentURI, (1, "")),
            abi.encodeCall(registry.setMetadata, (1, "key", "")),
            abi.encodeCall(registry.unsetAgentWallet, (1))
        ];
        bytes memory error_ = abi.encodeWithSelector(IAgentRegistry.NotAgentOwner.selector, 1, address(this));
        for (uint256 i; i < calls.length; ++i) {
            (bool ok, bytes memory have) = address(registry).call(calls[i]);
            assertTrue(!ok && keccak256(have) == keccak256(error_), "a stranger spoke");
        }
        vm.prank(owner);
        registry.approve(address(this), 1);
        assertTrue(registry.isAuthorizedOrOwner(address(this), 1), "approved");
        registry.setMetadata(1, "key", "by the approved");
        _refused(
            abi.encodeCall(registry.isAuthorizedOrOwner, (owner, 99)),
            abi.encodeWithSelector(IAgentRegistry.UnknownAgent.selector, 99)
        );
        _refused(
            abi.encodeCall(registry.setMetadata, (1, "agentWallet", "")),
            abi.encodeWithSelector(IAgentRegistry.ReservedMetadataKey.selector)
        );
    }

    function test_theWalletProvesItself() external {
        uint256 now_ = block.timestamp;
        address operator = vm.addr(OPERATOR);
        bytes memory call = abi.encodeCall(registry.setAgentWallet, (1, operator, now_ - 1, ""));
        _refused(call, abi.encodeWithSelector(IAgentRegistry.SignatureExpired.selector, now_ - 1));
        call = abi.encodeCall(registry.setAgentWallet, (1, operator, now_ + 301, ""));
        _refused(call, abi.encodeWithSelector(IAgentRegistry.DeadlineTooFar.selector, now_ + 301, now_ + 300));
        call = abi.encodeCall(registry.setAgentWallet, (1, operator, now_, _signWallet(1, OWNER, now_)));
        _refused(call, abi.encodeWithSelector(IAgentRegistry.BadSignature.selector, operator));
        _setWallet(1, OPERATOR);
        assertTrue(registry.getAgentWallet(1) == operator, "wallet");
        assertTrue(_is(string(registry.getMetadata(1, "agentWallet")), string(abi.encodePacked(operator))), "reserved");
        vm.prank(owner);
        registry.unsetAgentWallet(1);
        assertTrue(registry.getAgentWallet(1) == owner, "the owner itself");
    }

    function test_aNewOwnerInheritsNoWallet() external {
        _setWallet(1, OPERATOR);
        vm.prank(owner);
        registry.transferFrom(owner, address(this), 1);
        assertTrue(registry.getAgentWallet(1) == address(this), "wallet");
    }

    function test_aSkillPageIsNamedByItsText() external {
        assertTrue(registry.publishPage("[]") == keccak256("[]"), "pageId");
    }

    function _refused(bytes memory call, bytes memory want) private {
        vm.prank(owner);
        (bool ok, bytes memory have) = address(registry).call(call);
        assertTrue(!ok && keccak256(have) == keccak256(want), "another answer than the error");
    }

    function _is(string memory a, string memory b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }
}
