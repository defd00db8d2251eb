// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DeltaRegistry} from "../DeltaRegistry.sol";
import {Delta, IDeltaRegistry} from "../interfaces/IDeltaRegistry.sol";
import {Base, PAGE, Vm, vm} from "./Base.t.sol";
import {Wallet1271} from "./Hostile.sol";

/// @title Rules of the registry of delta heads. Agent 1 is the owner's, agent 2 the neighbour's.
contract DeltasTest is Base {
    uint256 private constant OWNER = 0xa11ce;
    uint256 private constant NEIGHBOUR = 0xb0b;
    uint256 private constant OPERATOR = 0x0b;
    uint256 private constant BUYER = 0xca71;
    bytes32 private constant MODEL = keccak256("base model 0");
    bytes32 private constant OTHER_MODEL = keccak256("base model 1");
    address private constant STRANGER = address(0x57a6);

    DeltaRegistry private deltas;
    address private owner;
    address private neighbour;
    address private operator;

    function setUp() external {
        _deploy();
        deltas = new DeltaRegistry(registry);
        domain = _domain("Symphony DeltaRegistry", address(deltas));
        (owner, neighbour, operator) = (vm.addr(OWNER), vm.addr(NEIGHBOUR), vm.addr(OPERATOR));
        vm.prank(owner);
        registry.register(keccak256("file"), PAGE, 5_000);
        vm.prank(neighbour);
        registry.register(keccak256("file"), PAGE, 5_000);
    }

    function test_itKnowsItsRegistry() external view {
        assertTrue(address(deltas.REGISTRY()) == address(registry), "registry");
    }

    /* LINES */

    function test_aLineGrowsFromHeadToHead() external {
        _isHead(1, MODEL, 0);
        Delta memory first = _delta();
        _publish(owner, first);
        _isHead(1, MODEL, _head(first));
        Delta memory second = _after(first, "next");
        _publish(owner, second);
        _isHead(1, MODEL, _head(second));
        assertTrue(_head(first) != _head(second), "no step");
    }

    function test_aPublicationIsTold() external {
        Delta memory first = _delta();
        _publish(owner, first);
        Delta memory second = _after(first, "next");
        vm.recordLogs();
        _publish(owner, second);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1, "logs");
        assertTrue(logs[0].emitter == address(deltas), "emitter");
        assertEq(logs[0].topics.length, 3, "topics");
        assertTrue(logs[0].topics[0] == IDeltaRegistry.DeltaPublished.selector, "event");
        assertEq(uint256(logs[0].topics[1]), 1, "agent");
        assertTrue(logs[0].topics[2] == MODEL, "base model");
        bytes memory want = abi.encode(_head(first), second.digest, second.size, second.codec);
        assertTrue(keccak256(logs[0].data) == keccak256(want), "data");
    }

    function test_everyAgentAndModelHasALineOfItsOwn() external {
        Delta memory mine = _delta();
        _publish(owner, mine);
        _isHead(1, OTHER_MODEL, 0);
        _isHead(2, MODEL, 0);
        Delta memory theirs = _delta();
        theirs.agentId = 2;
        _publish(neighbour, theirs);
        Delta memory otherwise = _delta();
        otherwise.baseModel = OTHER_MODEL;
        _publish(owner, otherwise);
        _isHead(1, MODEL, _head(mine));
        _isHead(2, MODEL, _head(theirs));
        _isHead(1, OTHER_MODEL, _head(otherwise));
        assertTrue(_head(mine) != _head(theirs) && _head(mine) != _head(otherwise), "heads of different lines meet");
    }

    function test_twoThatGrowOneHeadCannotBothWin() external {
        Delta memory first = _delta();
        _publish(owner, first);
        Delta memory winner = _after(first, "winner");
        Delta memory loser = _after(first, "loser");
        _publish(owner, winner);
        _refused(owner, loser, "", _stale(_head(first), _head(winner)));
        loser.parent = _head(winner);
        _publish(owner, loser);
        _isHead(1, MODEL, _head(loser));
    }

    function test_aLineBeginsWithNoParent() external {
        Delta memory delta = _delta();
        delta.parent = keccak256("no head");
        _refused(owner, delta, "", _stale(delta.parent, 0));
        delta.parent = 0;
        _publish(owner, delta);
        _refused(owner, delta, "", _stale(0, _head(delta))); // and begins once
        _isHead(1, MODEL, _head(delta));
    }

    function test_theParentIsSeenToBeforeTheSender() external {
        Delta memory delta = _delta();
        (delta.agentId, delta.parent) = (99, keccak256("no head"));
        _refused(STRANGER, delta, "", _stale(delta.parent, 0));
    }

    /* WHO MAY */

    function test_anUnknownAgentHasNoLine() external {
        Delta memory delta = _delta();
        delta.agentId = 99;
        _refused(owner, delta, "", _unknown(99));
        _refused(owner, delta, _sign(OWNER, _head(delta)), _unknown(99));
        delta.agentId = type(uint256).max;
        _refused(owner, delta, "", _unknown(type(uint256).max));
        delta.agentId = 0;
        _refused(owner, delta, "", _unknown(0));
        _isHead(99, MODEL, 0);
    }

    function test_ownerAndWalletPublishAndNobodyElse() external {
        Delta memory first = _delta();
        _refused(STRANGER, first, "", _notAuthorized(STRANGER, owner));
        _refused(neighbour, first, "", _notAuthorized(neighbour, owner));
        _refused(operator, first, "", _notAuthorized(operator, owner)); // not yet
        _setWallet(1, OPERATOR);
        _refused(STRANGER, first, "", _notAuthorized(STRANGER, operator));
        _isHead(1, MODEL, 0);
        _publish(operator, first);
        Delta memory second = _after(first, "next");
        _publish(owner, second);
        _isHead(1, MODEL, _head(second));
    }

    function test_aNewOwnerInheritsTheLineAndNotTheWallet() external {
        _setWallet(1, OPERATOR);
        Delta memory first = _delta();
        _publish(operator, first);
        address buyer = vm.addr(BUYER);
        vm.prank(owner);
        registry.transferFrom(owner, buyer, 1);
        Delta memory second = _after(first, "next");
        _refused(owner, second, "", _notAuthorized(owner, buyer));
        _refused(operator, second, "", _notAuthorized(operator, buyer));
        _refused(STRANGER, second, _sign(OWNER, _head(second)), _badSignature(buyer));
        _refused(STRANGER, second, _sign(OPERATOR, _head(second)), _badSignature(buyer));
        _publish(buyer, second);
        _isHead(1, MODEL, _head(second));
    }

    /* SIGNATURES */

    function test_anyoneCarriesWhatTheWalletSigned() external {
        _setWallet(1, OPERATOR);
        Delta memory delta = _delta();
        _carry(delta, _sign(OPERATOR, _head(delta)));
        _isHead(1, MODEL, _head(delta));
    }

    function test_anyoneCarriesWhatTheOwnerSigned() external {
        _setWallet(1, OPERATOR);
        Delta memory delta = _delta();
        _carry(delta, _sign(OWNER, _head(delta)));
        _isHead(1, MODEL, _head(delta));
    }

    function test_aSignatureOfNeitherIsRefused() external {
        Delta memory delta = _delta();
        bytes memory signature = _sign(NEIGHBOUR, _head(delta));
        _refused(STRANGER, delta, signature, _badSignature(owner));
        _setWallet(1, OPERATOR);
        _refused(STRANGER, delta, signature, _badSignature(operator));
        // The owner itself sends it: what is signed counts, not who sends.
        _refused(owner, delta, signature, _badSignature(operator));
        _isHead(1, MODEL, 0);
    }

    function test_noSignatureCountsTwice() external {
        Delta memory first = _delta();
        bytes memory signature = _sign(OWNER, _head(first));
        _carry(first, signature);
        _refused(STRANGER, first, signature, _stale(0, _head(first)));
        Delta memory second = _after(first, "next");
        _carry(second, _sign(OWNER, _head(second)));
        _refused(STRANGER, first, signature, _stale(0, _head(second)));
    }

    function test_aSignatureIsOverEveryFieldOfADelta() external {
        vm.prank(owner);
        uint256 mineToo = registry.register();
        bytes memory signature = _sign(OWNER, _head(_delta()));
        for (uint256 i; i < 5; ++i) {
            Delta memory delta = _delta();
            if (i == 0) delta.agentId = mineToo;
            else if (i == 1) delta.baseModel = OTHER_MODEL;
            else if (i == 2) delta.digest = keccak256("evil");
            else if (i == 3) delta.size = 1;
            else delta.codec = 0x70;
            _refused(STRANGER, delta, signature, _badSignature(owner));
        }
        _carry(_delta(), signature);
        // And over the parent: the same content, further on in the line.
        _refused(STRANGER, _after(_delta(), "manifest"), signature, _badSignature(owner));
    }

    function test_aSignatureCountsForOneRegistry() external {
        Delta memory delta = _delta();
        domain = _domain("Symphony DeltaRegistry", address(this));
        _refused(STRANGER, delta, _sign(OWNER, _head(delta)), _badSignature(owner));
        domain = _domain("Symphony ReleaseRegistry", address(deltas));
        _refused(STRANGER, delta, _sign(OWNER, _head(delta)), _badSignature(owner));
    }

    function test_aWalletContractSignsToo() external {
        address wallet = address(new Wallet1271(operator));
        vm.prank(owner);
        registry.transferFrom(owner, wallet, 1);
        Delta memory delta = _delta();
        _refused(STRANGER, delta, _sign(OWNER, _head(delta)), _badSignature(wallet));
        _carry(delta, _sign(OPERATOR, _head(delta)));
        _isHead(1, MODEL, _head(delta));
    }

    function test_walletsFindTheDomainOnChain() external view {
        (, string memory name, string memory version, uint256 chainId, address verifier,,) = deltas.eip712Domain();
        assertTrue(keccak256(bytes(name)) == keccak256("Symphony DeltaRegistry"), "name");
        assertTrue(keccak256(bytes(version)) == keccak256("1"), "version");
        assertTrue(chainId == block.chainid && verifier == address(deltas), "place");
    }

    /* BATCHES */

    function test_aWholeLineGoesInOneCall() external {
        Delta memory first = _delta();
        Delta memory second = _after(first, "next");
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(IDeltaRegistry.publish, (first, ""));
        calls[1] = abi.encodeCall(IDeltaRegistry.publish, (second, ""));
        vm.prank(owner);
        deltas.multicall(calls);
        _isHead(1, MODEL, _head(second));
    }

    /* STEPS */

    function _delta() private pure returns (Delta memory) {
        return Delta(1, MODEL, 0, keccak256("manifest"), 4_096, 0x55);
    }

    function _after(Delta memory delta, string memory content) private pure returns (Delta memory) {
        return Delta(delta.agentId, delta.baseModel, _head(delta), keccak256(bytes(content)), delta.size, delta.codec);
    }

    /// @dev Of the delta as EIP-712 has it: the head that it makes, and what is signed.
    function _head(Delta memory d) private pure returns (bytes32) {
        bytes32 typeHash =
            keccak256("Delta(uint256 agentId,bytes32 baseModel,bytes32 parent,bytes32 digest,uint64 size,uint8 codec)");
        return keccak256(abi.encode(typeHash, d.agentId, d.baseModel, d.parent, d.digest, d.size, d.codec));
    }

    function _publish(address by, Delta memory delta) private {
        vm.prank(by);
        deltas.publish(delta, "");
    }

    function _carry(Delta memory delta, bytes memory signature) private {
        vm.prank(STRANGER);
        deltas.publish(delta, signature);
    }

    /// @dev The call fails, with exactly this error.
    function _refused(address by, Delta memory delta, bytes memory signature, bytes memory want) private {
        vm.prank(by);
        (bool ok, bytes memory have) = address(deltas).call(abi.encodeCall(IDeltaRegistry.publish, (delta, signature)));
        assertTrue(!ok, "it was not refused");
        assertTrue(keccak256(have) == keccak256(want), "another error");
    }

    /* ERRORS */

    function _stale(bytes32 parent, bytes32 head) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IDeltaRegistry.StaleParent.selector, parent, head);
    }

    function _unknown(uint256 agentId) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IDeltaRegistry.UnknownAgent.selector, agentId);
    }

    function _notAuthorized(address caller, address expected) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IDeltaRegistry.NotAuthorized.selector, caller, expected);
    }

    function _badSignature(address expected) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IDeltaRegistry.BadSignature.selector, expected);
    }

    /* ASSERTIONS */

    function _isHead(uint256 agentId, bytes32 model, bytes32 want) private view {
        assertTrue(deltas.headOf(agentId, model) == want, "head");
    }
}
