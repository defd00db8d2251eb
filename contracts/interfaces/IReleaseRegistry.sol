// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A version of something that its publisher stands for: content by digest, never by name alone.
struct Release {
    address publisher;
    bytes32 kind; //     ASCII name: "base-model", "toolchain", "task-template", "skill-page", "expert-corpus", …
    string name; //      1…64 bytes
    string version; //   1…31 bytes
    bytes32 digest; //   sha-256 of the content's root block, as in its CIDv1; not zero
    uint8 codec; //      multicodec of that CID: 0x55 raw, 0x70 dag-pb
    uint64 size; //      bytes of the whole content
}

/// @title ReleaseRegistry: publishers' versions of base models, toolchains, task templates, skill pages and corpora.
///
/// A name belongs to nobody: (publisher, name, version) names one digest, for ever. So nobody can take a name away from anybody, and no
/// version that was read once can mean anything else later. Whom to believe is the reader's choice of publishers. Immutable, no owner.
///
/// A publisher may yank a version: a mark that cannot be taken off, for readers to see; the digest stays. `latestOf` is the version
/// published last, yanked or not: to go back, publish the old digest under a new version.
///
/// An empty `signature` means msg.sender; else it is an EIP-712 message of the publisher, good until `deadline`. A deadline, because a
/// relayer that held a release back could otherwise make an old version the latest one.
interface IReleaseRegistry {
    event ReleasePublished(
        address indexed publisher,
        bytes32 indexed kind,
        bytes32 indexed nameHash,
        string name,
        string version,
        bytes32 digest,
        uint8 codec,
        uint64 size
    );
    /// @param nameHash keccak256 of the name, here and above.
    event ReleaseYanked(address indexed publisher, bytes32 indexed nameHash, string name, string version);

    /// @notice The version exists: publish under another one.
    error ReleaseExists(address publisher, string name, string version);
    error NoSuchRelease(address publisher, string name, string version);
    error AlreadyYanked(address publisher, string name, string version);
    /// @param field ASCII name of the field.
    error LengthOutOfRange(bytes32 field, uint256 length, uint256 min, uint256 max);
    error ZeroDigest();
    error NotAuthorized(address caller, address expected);
    error BadSignature(address expected);
    error SignatureExpired(uint256 deadline);

    /// @notice `signature` is over Release(address publisher,bytes32 kind,string name,string version,bytes32 digest,uint8 codec,uint64
    /// size,uint256 deadline).
    function publish(Release calldata release, uint256 deadline, bytes calldata signature) external;
    /// @notice `signature` is over Yank(address publisher,string name,string version,uint256 deadline).
    function yank(
        address publisher,
        string calldata name,
        string calldata version,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice All zero where there is none. `publishedAt` is block time.
    function releaseOf(address publisher, string calldata name, string calldata version)
        external
        view
        returns (bytes32 digest, uint8 codec, uint64 size, uint40 publishedAt, bool yanked);
    /// @return version Published last under this name; empty where there is none.
    function latestOf(address publisher, string calldata name) external view returns (string memory version);
}
