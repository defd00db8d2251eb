// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IReleaseRegistry, Release} from "../interfaces/IReleaseRegistry.sol";
import {ReleaseRegistry} from "../ReleaseRegistry.sol";
import {Base, Vm, vm} from "./Base.t.sol";
import {Wallet1271} from "./Hostile.sol";

/// @title Rules of the registry of releases.
contract ReleasesTest is Base {
    uint256 private constant PUBLISHER = 0xa11ce;
    uint256 private constant OTHER = 0xb0b;
    uint256 private constant NOW = 1_800_000_000;
    bytes32 private constant CONTENT = keccak256("weights");

    ReleaseRegistry private releases;
    address private publisher;
    address private other;

    function setUp() external {
        vm.warp(NOW);
        releases = new ReleaseRegistry();
        domain = _domain("Symphony ReleaseRegistry", address(releases));
        (publisher, other) = (vm.addr(PUBLISHER), vm.addr(OTHER));
    }

    /* WHAT IT IS FOR */

    function test_aReleaseIsThereForEver() external {
        Release memory r = _release();
        _publish(r);
        _holds(r, NOW, false);
        _isLatest(publisher, r.name, r.version);
        vm.warp(NOW + 1);
        bytes memory taken = _named(IReleaseRegistry.ReleaseExists.selector, r);
        _refused(publisher, _publishCall(r, 0, ""), taken); // the very same
        Release memory evil = _release();
        (evil.digest, evil.kind, evil.size) = (keccak256("evil"), "toolchain", 1);
        _refused(publisher, _publishCall(evil, 0, ""), taken);
        _holds(r, NOW, false);
    }

    function test_aPublicationIsTold() external {
        Release memory r = _release();
        vm.recordLogs();
        _publish(r);
        Vm.Log memory log = _onlyLog();
        assertEq(log.topics.length, 4, "topics");
        assertTrue(log.topics[0] == IReleaseRegistry.ReleasePublished.selector, "event");
        assertTrue(log.topics[1] == bytes32(uint256(uint160(publisher))), "publisher");
        assertTrue(log.topics[2] == r.kind, "kind");
        assertTrue(log.topics[3] == keccak256(bytes(r.name)), "name hash");
        _same(log.data, abi.encode(r.name, r.version, r.digest, r.codec, r.size));
    }

    function test_whatWasNeverPublishedIsZero() external {
        _publish(_release());
        Release memory nothing;
        (nothing.publisher, nothing.name, nothing.version) = (publisher, "tiny-llama", "3");
        _holds(nothing, 0, false);
        (nothing.name, nothing.version) = ("other", "1.0.0");
        _holds(nothing, 0, false);
        (nothing.publisher, nothing.name) = (other, "tiny-llama");
        _holds(nothing, 0, false);
        _isLatest(publisher, "other", "");
        _isLatest(other, "tiny-llama", "");
    }

    function test_latestIsWhatWasPublishedLast() external {
        Release memory r = _release();
        _publish(r);
        r.version = "2.0.0";
        _publish(r);
        _isLatest(publisher, r.name, "2.0.0");
        r.version = "1.0.1"; // whatever its number says
        _publish(r);
        _isLatest(publisher, r.name, "1.0.1");
        r.name = "grammar";
        r.version = "9";
        _publish(r);
        _isLatest(publisher, "tiny-llama", "1.0.1");
        _isLatest(publisher, "grammar", "9");
    }

    function test_aNameIsItsPublishers() external {
        Release memory squatted = _release();
        (squatted.publisher, squatted.digest) = (other, keccak256("evil"));
        _publish(squatted);
        Release memory mine = _release();
        _publish(mine);
        _holds(squatted, NOW, false);
        _holds(mine, NOW, false);
        // Nor does anybody publish in another's name.
        mine.version = "1.0.1";
        bytes memory call = _publishCall(mine, 0, "");
        _refused(other, call, _notAuthorized(other, publisher));
        call = _publishCall(mine, NOW, _sign(OTHER, _message(mine, NOW)));
        _refused(other, call, _badSignature(publisher));
        _isLatest(publisher, mine.name, "1.0.0");
    }

    function test_namesThatMeetWhenPutTogetherAreApart() external {
        Release memory r = _release();
        (r.name, r.version) = ("a", "bc");
        _publish(r);
        (r.name, r.version) = ("ab", "c");
        _publish(r);
        _isLatest(publisher, "a", "bc");
        _isLatest(publisher, "ab", "c");
    }

    /* BOUNDS */

    function test_namesHaveOneToSixtyFourBytes() external {
        Release memory r = _release();
        r.name = "";
        _refused(publisher, _publishCall(r, 0, ""), _outOfRange("name", 0, 64));
        r.name = string(new bytes(65));
        _refused(publisher, _publishCall(r, 0, ""), _outOfRange("name", 65, 64));
        r.name = string(new bytes(64));
        _publish(r);
        _holds(r, NOW, false);
        r.name = "n";
        _publish(r);
        _holds(r, NOW, false);
    }

    function test_versionsHaveOneToThirtyOneBytes() external {
        Release memory r = _release();
        r.version = "";
        _refused(publisher, _publishCall(r, 0, ""), _outOfRange("version", 0, 31));
        r.version = string(new bytes(32));
        _refused(publisher, _publishCall(r, 0, ""), _outOfRange("version", 32, 31));
        _isLatest(publisher, r.name, "");
        r.version = "1234567890123456789012345678901";
        _publish(r);
        _isLatest(publisher, r.name, r.version);
        r.version = "v";
        _publish(r);
        _isLatest(publisher, r.name, "v");
    }

    function test_aReleaseHasContent() external {
        Release memory r = _release();
        r.digest = 0;
        _refused(publisher, _publishCall(r, 0, ""), abi.encodeWithSelector(IReleaseRegistry.ZeroDigest.selector));
        _isLatest(publisher, r.name, "");
    }

    function test_everyFieldKeepsItsWidth() external {
        Release memory r = _release();
        (r.size, r.codec, r.digest) = (type(uint64).max, type(uint8).max, bytes32(type(uint256).max));
        _publish(r);
        _holds(r, NOW, false);
        _yank(r);
        _holds(r, NOW, true);
    }

    /* YANKS */

    function test_aYankIsAMarkAndNoMore() external {
        Release memory r = _release();
        _publish(r);
        vm.warp(NOW + 9);
        vm.recordLogs();
        _yank(r);
        Vm.Log memory log = _onlyLog();
        assertEq(log.topics.length, 3, "topics");
        assertTrue(log.topics[0] == IReleaseRegistry.ReleaseYanked.selector, "event");
        assertTrue(log.topics[1] == bytes32(uint256(uint160(publisher))), "publisher");
        assertTrue(log.topics[2] == keccak256(bytes(r.name)), "name hash");
        _same(log.data, abi.encode(r.name, r.version));
        _holds(r, NOW, true);
        _isLatest(publisher, r.name, r.version);
    }

    function test_aYankIsForEver() external {
        Release memory r = _release();
        _publish(r);
        _yank(r);
        _refused(publisher, _yankCall(r, 0, ""), _named(IReleaseRegistry.AlreadyYanked.selector, r));
        // Nor does it free the version.
        _refused(publisher, _publishCall(r, 0, ""), _named(IReleaseRegistry.ReleaseExists.selector, r));
        _holds(r, NOW, true);
    }

    function test_onlyWhatIsThereIsYanked() external {
        Release memory r = _release();
        _publish(r);
        r.version = "9";
        _refused(publisher, _yankCall(r, 0, ""), _named(IReleaseRegistry.NoSuchRelease.selector, r));
        (r.name, r.version) = ("other", "1.0.0");
        _refused(publisher, _yankCall(r, 0, ""), _named(IReleaseRegistry.NoSuchRelease.selector, r));
        (r.publisher, r.name) = (other, "tiny-llama");
        _refused(other, _yankCall(r, 0, ""), _named(IReleaseRegistry.NoSuchRelease.selector, r));
    }

    function test_aYankIsOfOneVersion() external {
        Release memory r = _release();
        _publish(r);
        Release memory later = _release();
        later.version = "2";
        _publish(later);
        _yank(later);
        _holds(r, NOW, false);
        _holds(later, NOW, true);
        _isLatest(publisher, r.name, "2"); // yanked or not
    }

    function test_onlyThePublisherYanks() external {
        Release memory r = _release();
        _publish(r);
        _refused(other, _yankCall(r, 0, ""), _notAuthorized(other, publisher));
        bytes memory call = _yankCall(r, NOW, _sign(OTHER, _yankMessage(r, NOW)));
        _refused(other, call, _badSignature(publisher));
        _holds(r, NOW, false);
    }

    /* SIGNATURES */

    function test_anyoneCarriesASignedReleaseUntilItsDeadline() external {
        uint256 deadline = NOW + 600;
        Release memory r = _release();
        _carry(_publishCall(r, deadline, _sign(PUBLISHER, _message(r, deadline))));
        _holds(r, NOW, false);
        vm.warp(deadline);
        r.version = "2";
        _carry(_publishCall(r, deadline, _sign(PUBLISHER, _message(r, deadline))));
        _holds(r, deadline, false);
        vm.warp(deadline + 1);
        r.version = "3";
        _refused(other, _publishCall(r, deadline, _sign(PUBLISHER, _message(r, deadline))), _expired(deadline));
        // The publisher itself is not late, but for its signature.
        _refused(publisher, _publishCall(r, deadline, _sign(PUBLISHER, _message(r, deadline))), _expired(deadline));
        _publish(r);
        _isLatest(publisher, r.name, "3");
    }

    function test_anyoneCarriesASignedYankUntilItsDeadline() external {
        Release memory r = _release();
        _publish(r);
        bytes memory late = _yankCall(r, NOW, _sign(PUBLISHER, _yankMessage(r, NOW)));
        vm.warp(NOW + 1);
        _refused(other, late, _expired(NOW));
        _carry(_yankCall(r, NOW + 1, _sign(PUBLISHER, _yankMessage(r, NOW + 1))));
        _holds(r, NOW, true);
    }

    function test_nothingIsLeftToReplay() external {
        Release memory r = _release();
        bytes memory call = _publishCall(r, NOW, _sign(PUBLISHER, _message(r, NOW)));
        _carry(call);
        _refused(other, call, _named(IReleaseRegistry.ReleaseExists.selector, r));
        call = _yankCall(r, NOW, _sign(PUBLISHER, _yankMessage(r, NOW)));
        _carry(call);
        _refused(other, call, _named(IReleaseRegistry.AlreadyYanked.selector, r));
    }

    function test_aSignatureIsOverEveryFieldOfARelease() external {
        bytes memory signature = _sign(PUBLISHER, _message(_release(), NOW));
        for (uint256 i; i < 6; ++i) {
            Release memory r = _release();
            if (i == 0) r.kind = "toolchain";
            else if (i == 1) r.name = "tiny-llama2";
            else if (i == 2) r.version = "1.0.1";
            else if (i == 3) r.digest = keccak256("evil");
            else if (i == 4) r.codec = 0x55;
            else r.size = 1;
            _refused(other, _publishCall(r, NOW, signature), _badSignature(publisher));
        }
        _refused(other, _publishCall(_release(), NOW + 1, signature), _badSignature(publisher));
        Release memory another = _release();
        another.publisher = other;
        _refused(publisher, _publishCall(another, NOW, signature), _badSignature(other));
        _carry(_publishCall(_release(), NOW, signature));
    }

    function test_aSignatureIsOverEveryFieldOfAYank() external {
        Release memory r = _release();
        _publish(r);
        bytes memory signature = _sign(PUBLISHER, _yankMessage(r, NOW));
        _refused(other, _yankCall(r, NOW + 1, signature), _badSignature(publisher));
        r.version = "2";
        _publish(r);
        _refused(other, _yankCall(r, NOW, signature), _badSignature(publisher));
        (r.name, r.version) = ("other", "1.0.0");
        _publish(r);
        _refused(other, _yankCall(r, NOW, signature), _badSignature(publisher));
        r = _release();
        r.publisher = other;
        _publish(r);
        _refused(publisher, _yankCall(r, NOW, signature), _badSignature(other));
        // What is signed for a release yanks nothing.
        r = _release();
        bytes memory wrong = _sign(PUBLISHER, _message(r, NOW));
        _refused(other, _yankCall(r, NOW, wrong), _badSignature(publisher));
        _carry(_yankCall(r, NOW, signature));
    }

    function test_aSignatureCountsForOneRegistry() external {
        Release memory r = _release();
        domain = _domain("Symphony ReleaseRegistry", address(this));
        bytes memory call = _publishCall(r, NOW, _sign(PUBLISHER, _message(r, NOW)));
        _refused(other, call, _badSignature(publisher));
        domain = _domain("Symphony DeltaRegistry", address(releases));
        call = _publishCall(r, NOW, _sign(PUBLISHER, _message(r, NOW)));
        _refused(other, call, _badSignature(publisher));
    }

    function test_nobodySignsForTheZeroAddress() external {
        Release memory r = _release();
        r.publisher = address(0);
        _refused(other, _publishCall(r, NOW, new bytes(65)), _badSignature(address(0)));
        _refused(other, _yankCall(r, NOW, new bytes(65)), _badSignature(address(0)));
    }

    function test_aWalletContractPublishesToo() external {
        Release memory r = _release();
        r.publisher = address(new Wallet1271(publisher));
        bytes memory wrong = _publishCall(r, NOW, _sign(OTHER, _message(r, NOW)));
        _refused(other, wrong, _badSignature(r.publisher));
        _carry(_publishCall(r, NOW, _sign(PUBLISHER, _message(r, NOW))));
        _holds(r, NOW, false);
    }

    function test_walletsFindTheDomainOnChain() external view {
        (, string memory name, string memory version, uint256 chainId, address verifier,,) = releases.eip712Domain();
        assertTrue(_is(name, "Symphony ReleaseRegistry") && _is(version, "1"), "name and version");
        assertTrue(chainId == block.chainid && verifier == address(releases), "place");
    }

    /* BATCHES */

    function test_severalReleasesGoInOneCall() external {
        Release memory first = _release();
        Release memory second = _release();
        (second.name, second.kind) = ("grammar", "toolchain");
        bytes[] memory calls = new bytes[](3);
        calls[0] = _publishCall(first, 0, "");
        calls[1] = _publishCall(second, 0, "");
        calls[2] = _yankCall(first, 0, "");
        vm.prank(publisher);
        releases.multicall(calls);
        _holds(first, NOW, true);
        _holds(second, NOW, false);
    }

    function test_aBatchIsDoneWhollyOrNotAtAll() external {
        Release memory r = _release();
        bytes[] memory calls = new bytes[](2);
        (calls[0], calls[1]) = (_publishCall(r, 0, ""), _publishCall(r, 0, ""));
        bytes memory taken = _named(IReleaseRegistry.ReleaseExists.selector, r);
        _refused(publisher, abi.encodeCall(releases.multicall, (calls)), taken);
        _isLatest(publisher, r.name, "");
    }

    function test_coinsHaveNoBusinessHere() external {
        bytes[] memory calls = new bytes[](1);
        calls[0] = _publishCall(_release(), 0, "");
        vm.deal(publisher, 1);
        vm.prank(publisher);
        (bool ok,) = address(releases).call{value: 1}(abi.encodeCall(releases.multicall, (calls)));
        assertTrue(!ok, "it took coins");
        assertEq(address(releases).balance, 0, "balance");
    }

    /* STEPS */

    function _release() private view returns (Release memory) {
        return Release(publisher, "base-model", "tiny-llama", "1.0.0", CONTENT, 0x70, 123_456);
    }

    function _publishCall(Release memory r, uint256 deadline, bytes memory signature)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeCall(IReleaseRegistry.publish, (r, deadline, signature));
    }

    function _yankCall(Release memory r, uint256 deadline, bytes memory signature) private pure returns (bytes memory) {
        return abi.encodeCall(IReleaseRegistry.yank, (r.publisher, r.name, r.version, deadline, signature));
    }

    /// @dev By the publisher itself; its deadline counts only with a signature.
    function _publish(Release memory r) private {
        vm.prank(r.publisher);
        releases.publish(r, 0, "");
    }

    function _yank(Release memory r) private {
        vm.prank(r.publisher);
        releases.yank(r.publisher, r.name, r.version, 0, "");
    }

    /// @dev By somebody else.
    function _carry(bytes memory call) private {
        vm.prank(other);
        (bool ok,) = address(releases).call(call);
        assertTrue(ok, "it was refused");
    }

    /// @dev The call fails, with exactly this error.
    function _refused(address by, bytes memory call, bytes memory want) private {
        vm.prank(by);
        (bool ok, bytes memory have) = address(releases).call(call);
        assertTrue(!ok, "it was not refused");
        assertTrue(keccak256(have) == keccak256(want), "another error");
    }

    /* MESSAGES */

    function _message(Release memory r, uint256 deadline) private pure returns (bytes32) {
        bytes32 typeHash = keccak256(
            "Release(address publisher,bytes32 kind,string name,string version,bytes32 digest,uint8 codec,uint64 size,uint256 deadline)"
        );
        (bytes32 name, bytes32 version) = (keccak256(bytes(r.name)), keccak256(bytes(r.version)));
        return keccak256(abi.encode(typeHash, r.publisher, r.kind, name, version, r.digest, r.codec, r.size, deadline));
    }

    function _yankMessage(Release memory r, uint256 deadline) private pure returns (bytes32) {
        bytes32 typeHash = keccak256("Yank(address publisher,string name,string version,uint256 deadline)");
        (bytes32 name, bytes32 version) = (keccak256(bytes(r.name)), keccak256(bytes(r.version)));
        return keccak256(abi.encode(typeHash, r.publisher, name, version, deadline));
    }

    /* ERRORS */

    function _named(bytes4 selector, Release memory r) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, r.publisher, r.name, r.version);
    }

    function _outOfRange(bytes32 field, uint256 length, uint256 max) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IReleaseRegistry.LengthOutOfRange.selector, field, length, 1, max);
    }

    function _notAuthorized(address caller, address expected) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IReleaseRegistry.NotAuthorized.selector, caller, expected);
    }

    function _badSignature(address expected) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IReleaseRegistry.BadSignature.selector, expected);
    }

    function _expired(uint256 deadline) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IReleaseRegistry.SignatureExpired.selector, deadline);
    }

    /* ASSERTIONS */

    function _holds(Release memory r, uint256 publishedAt, bool yanked) private view {
        (bytes32 digest, uint8 codec, uint64 size, uint40 time, bool mark) =
            releases.releaseOf(r.publisher, r.name, r.version);
        assertTrue(digest == r.digest, "digest");
        assertEq(codec, r.codec, "codec");
        assertEq(size, r.size, "size");
        assertEq(time, publishedAt, "published at");
        assertTrue(mark == yanked, "yanked");
    }

    function _isLatest(address by, string memory name, string memory version) private view {
        assertTrue(_is(releases.latestOf(by, name), version), "latest");
    }

    function _onlyLog() private returns (Vm.Log memory) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1, "logs");
        assertTrue(logs[0].emitter == address(releases), "emitter");
        return logs[0];
    }

    function _same(bytes memory have, bytes memory want) private pure {
        assertTrue(keccak256(have) == keccak256(want), "data");
    }

    function _is(string memory a, string memory b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }
}
