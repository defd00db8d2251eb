// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Identity part of ERC-8004 (agents as ERC-721 tokens), as of the 2026-08 reference contracts.
interface IERC8004Identity {
    struct MetadataEntry {
        string metadataKey;
        bytes metadataValue;
    }

    event Registered(uint256 indexed agentId, string agentURI, address indexed owner);
    event MetadataSet(
        uint256 indexed agentId, string indexed indexedMetadataKey, string metadataKey, bytes metadataValue
    );
    event URIUpdated(uint256 indexed agentId, string newURI, address indexed updatedBy);

    function register() external returns (uint256 agentId);
    function register(string calldata agentURI) external returns (uint256 agentId);
    function register(string calldata agentURI, MetadataEntry[] calldata metadata) external returns (uint256 agentId);
    function setAgentURI(uint256 agentId, string calldata newURI) external;
    function getMetadata(uint256 agentId, string calldata metadataKey) external view returns (bytes memory);
    function setMetadata(uint256 agentId, string calldata metadataKey, bytes calldata metadataValue) external;

    /// @notice Names the agent's operator key. `signature` is the new wallet's, over
    /// AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline); deadline at most five minutes ahead.
    function setAgentWallet(uint256 agentId, address newWallet, uint256 deadline, bytes calldata signature) external;
    function getAgentWallet(uint256 agentId) external view returns (address);
    function unsetAgentWallet(uint256 agentId) external;
    function isAuthorizedOrOwner(address spender, uint256 agentId) external view returns (bool);
}

/// @title AgentRegistry: who the agents are and what they say they can do.
/// @notice An agent is an ERC-721 token. Its registration file is content-addressed: the chain keeps the sha-256 digest of a
/// raw-codec CIDv1. A *declared* capability word is 16 lanes of uint16 (0…10000), keyed by (agentId, pageId).
/// Knows no other contract; nothing here can move money or reputation.
interface IAgentRegistry is IERC8004Identity {
    /// @notice A skill page: canonical JSON (RFC 8785) of its 16 tags. `pageId` is its keccak256. Publishing is an event only.
    event SkillPagePublished(bytes32 indexed pageId, string tags);
    /// @notice The registration file's digest changed (sha-256 of the file; codec raw).
    event FileSet(uint256 indexed agentId, bytes32 digest);
    event CapabilitiesDeclared(uint256 indexed agentId, bytes32 indexed pageId, uint256 word);
    /// @notice The operator key changed; zero means "the owner itself" (also after each transfer).
    event AgentWalletChanged(uint256 indexed agentId, address wallet);

    error NotAgentOwner(uint256 agentId, address caller);
    error UnknownAgent(uint256 agentId);
    error LaneOutOfRange(uint256 word);
    error ReservedMetadataKey();
    error SignatureExpired(uint256 deadline);
    error DeadlineTooFar(uint256 deadline, uint256 latest);
    error BadSignature(address expected);

    /// @notice The lean way in: digest of the registration file and one declared word, one call.
    function register(bytes32 fileDigest, bytes32 pageId, uint256 word) external returns (uint256 agentId);
    function publishPage(string calldata tags) external returns (bytes32 pageId);
    function setFile(uint256 agentId, bytes32 fileDigest) external;
    function declare(uint256 agentId, bytes32 pageId, uint256 word) external;
    function fileDigestOf(uint256 agentId) external view returns (bytes32);
    function declaredOf(uint256 agentId, bytes32 pageId) external view returns (uint256);

    /// @notice All that seating an agent needs, in two reads. An unknown agent answers zeros.
    /// @return wallet The operator key.
    /// @return ownerTag Low 96 bits of the owner's address: enough to keep one owner from two seats. Whoever looked for another owner
    /// with a victim's tag, to keep it from a seat, would try 2⁹⁶ keys.
    /// @return declared The word.
    function seatingOf(uint256 agentId, bytes32 pageId)
        external
        view
        returns (address wallet, uint256 ownerTag, uint256 declared);

    /// @notice Owner and wallet (the owner where none is set); zeros for an unknown agent.
    function ownerAndWallet(uint256 agentId) external view returns (address owner, address wallet);
}
