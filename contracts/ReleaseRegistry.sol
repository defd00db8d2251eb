// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "solady/src/utils/EIP712.sol";
import {Multicallable} from "solady/src/utils/Multicallable.sol";
import {IReleaseRegistry, Release} from "./interfaces/IReleaseRegistry.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title The registry of releases; its interface carries the documentation.
contract ReleaseRegistry is EIP712, Multicallable, IReleaseRegistry {
    bytes32 private constant RELEASE_TYPEHASH = keccak256(
        "Release(address publisher,bytes32 kind,string name,string version,bytes32 digest,uint8 codec,uint64 size,uint256 deadline)"
    );
    bytes32 private constant YANK_TYPEHASH =
        keccak256("Yank(address publisher,string name,string version,uint256 deadline)");
    uint256 private constant MAX_NAME = 64;
    uint256 private constant MAX_VERSION = 31; // one slot

    /* STORAGE */

    struct Entry {
        bytes32 digest;
        uint64 size;
        uint40 publishedAt;
        uint8 codec;
        bool yanked;
    }

    mapping(address publisher => mapping(bytes32 nameHash => mapping(bytes32 versionHash => Entry))) private _entry;
    mapping(address publisher => mapping(bytes32 nameHash => string)) private _latest;

    /* STEPS */

    /// @inheritdoc IReleaseRegistry
    function publish(Release calldata r, uint256 deadline, bytes calldata signature) external {
        if (signature.length == 0) _requireSender(r.publisher);
        else _requireSigned(r.publisher, _structHash(r, deadline), deadline, signature);
        _within("name", bytes(r.name).length, MAX_NAME);
        _within("version", bytes(r.version).length, MAX_VERSION);
        if (r.digest == 0) revert ZeroDigest();

        bytes32 nameHash = keccak256(bytes(r.name));
        Entry storage entry = _entry[r.publisher][nameHash][keccak256(bytes(r.version))];
        if (entry.digest != 0) revert ReleaseExists(r.publisher, r.name, r.version);
        entry.digest = r.digest;
        (entry.size, entry.publishedAt, entry.codec) = (r.size, uint40(block.timestamp), r.codec);
        _latest[r.publisher][nameHash] = r.version;
        _emitPublished(r, nameHash);
    }

    /// @inheritdoc IReleaseRegistry
    function yank(
        address publisher,
        string calldata name,
        string calldata version,
        uint256 deadline,
        bytes calldata signature
    ) external {
        bytes32 nameHash = keccak256(bytes(name));
        bytes32 versionHash = keccak256(bytes(version));
        if (signature.length == 0) {
            _requireSender(publisher);
        } else {
            bytes32 message = keccak256(abi.encode(YANK_TYPEHASH, publisher, nameHash, versionHash, deadline));
            _requireSigned(publisher, message, deadline, signature);
        }
        Entry storage entry = _entry[publisher][nameHash][versionHash];
        if (entry.digest == 0) revert NoSuchRelease(publisher, name, version);
        if (entry.yanked) revert AlreadyYanked(publisher, name, version);
        entry.yanked = true;
        emit ReleaseYanked(publisher, nameHash, name, version);
    }

    /* VIEWS */

    /// @inheritdoc IReleaseRegistry
    function releaseOf(address publisher, string calldata name, string calldata version)
        external
        view
        returns (bytes32 digest, uint8 codec, uint64 size, uint40 publishedAt, bool yanked)
    {
        Entry storage e = _entry[publisher][keccak256(bytes(name))][keccak256(bytes(version))];
        return (e.digest, e.codec, e.size, e.publishedAt, e.yanked);
    }

    /// @inheritdoc IReleaseRegistry
    function latestOf(address publisher, string calldata name) external view returns (string memory) {
        return _latest[publisher][keccak256(bytes(name))];
    }

    /* INSIDE */

    function _emitPublished(Release calldata r, bytes32 nameHash) private {
        emit ReleasePublished(r.publisher, r.kind, nameHash, r.name, r.version, r.digest, r.codec, r.size);
    }

    function _structHash(Release calldata r, uint256 deadline) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                RELEASE_TYPEHASH,
                r.publisher,
                r.kind,
                keccak256(bytes(r.name)),
                keccak256(bytes(r.version)),
                r.digest,
                r.codec,
                r.size,
                deadline
            )
        );
    }

    function _requireSender(address expected) private view {
        if (msg.sender != expected) revert NotAuthorized(msg.sender, expected);
    }

    function _requireSigned(address expected, bytes32 structHash, uint256 deadline, bytes calldata signature)
        private
        view
    {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        if (!Signatures.isValid(expected, _hashTypedData(structHash), signature)) revert BadSignature(expected);
    }

    function _within(bytes32 field, uint256 length, uint256 max) private pure {
        if (length < 1 || length > max) revert LengthOutOfRange(field, length, 1, max);
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("Symphony ReleaseRegistry", "1");
    }
}
