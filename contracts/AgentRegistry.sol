// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IAgentRegistry, IERC8004Identity} from "./interfaces/IAgentRegistry.sol";
import {Capability} from "./libraries/Capability.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title The registry of agents; its interface carries the documentation.
contract AgentRegistry is ERC721, EIP712, IAgentRegistry {
    bytes32 private constant WALLET_TYPEHASH =
        keccak256("AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)");
    bytes32 private constant AGENT_WALLET_KEY = keccak256("agentWallet");
    uint256 private constant MAX_WALLET_DEADLINE = 5 minutes;

    /* STORAGE */

    uint256 private _lastId;
    /// wallet (160) | low 96 bits of the owner's address, from the lowest bit; zero: the owner is the wallet
    mapping(uint256 agentId => uint256) private _wallet;
    mapping(uint256 agentId => bytes32) private _file;
    mapping(uint256 agentId => string) private _uri; // only for agents registered with a foreign URI
    mapping(uint256 agentId => mapping(bytes32 pageId => uint256)) private _declared;
    mapping(uint256 agentId => mapping(bytes32 keyHash => bytes)) private _metadata;

    constructor() ERC721("Symphony Agent", "AGENT") EIP712("ERC8004IdentityRegistry", "1") {}

    modifier onlyAuthorized(uint256 agentId) {
        if (!isAuthorizedOrOwner(msg.sender, agentId)) revert NotAgentOwner(agentId, msg.sender);
        _;
    }

    /* REGISTER */

    /// @inheritdoc IAgentRegistry
    function register(bytes32 fileDigest, bytes32 pageId, uint256 word) external returns (uint256 agentId) {
        agentId = _next();
        _file[agentId] = fileDigest;
        emit Registered(agentId, _ipfsURI(fileDigest), msg.sender);
        emit FileSet(agentId, fileDigest);
        _declare(agentId, pageId, word);
    }

    /// @inheritdoc IERC8004Identity
    function register() external returns (uint256 agentId) {
        agentId = _next();
        emit Registered(agentId, "", msg.sender);
    }

    /// @inheritdoc IERC8004Identity
    function register(string calldata agentURI) external returns (uint256 agentId) {
        agentId = _next();
        _uri[agentId] = agentURI;
        emit Registered(agentId, agentURI, msg.sender);
    }

    /// @inheritdoc IERC8004Identity
    function register(string calldata agentURI, MetadataEntry[] calldata metadata) external returns (uint256 agentId) {
        agentId = _next();
        _uri[agentId] = agentURI;
        emit Registered(agentId, agentURI, msg.sender);
        for (uint256 i; i < metadata.length; ++i) {
            _setMetadata(agentId, metadata[i].metadataKey, metadata[i].metadataValue);
        }
    }

    /* THE AGENT'S OWN WORDS */

    /// @inheritdoc IAgentRegistry
    function publishPage(string calldata tags) external returns (bytes32 pageId) {
        pageId = keccak256(bytes(tags));
        emit SkillPagePublished(pageId, tags);
    }

    /// @inheritdoc IAgentRegistry
    function setFile(uint256 agentId, bytes32 fileDigest) external onlyAuthorized(agentId) {
        _file[agentId] = fileDigest;
        delete _uri[agentId];
        emit FileSet(agentId, fileDigest);
        emit URIUpdated(agentId, _ipfsURI(fileDigest), msg.sender);
    }

    /// @inheritdoc IAgentRegistry
    function declare(uint256 agentId, bytes32 pageId, uint256 word) external onlyAuthorized(agentId) {
        _declare(agentId, pageId, word);
    }

    /// @inheritdoc IERC8004Identity
    function setAgentURI(uint256 agentId, string calldata newURI) external onlyAuthorized(agentId) {
        _uri[agentId] = newURI;
        emit URIUpdated(agentId, newURI, msg.sender);
    }

    /// @inheritdoc IERC8004Identity
    function setMetadata(uint256 agentId, string calldata metadataKey, bytes calldata metadataValue)
        external
        onlyAuthorized(agentId)
    {
        _setMetadata(agentId, metadataKey, metadataValue);
    }

    /* OPERATOR KEY */

    /// @inheritdoc IERC8004Identity
    function setAgentWallet(uint256 agentId, address newWallet, uint256 deadline, bytes calldata signature)
        external
        onlyAuthorized(agentId)
    {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        uint256 latest = block.timestamp + MAX_WALLET_DEADLINE;
        if (deadline > latest) revert DeadlineTooFar(deadline, latest);
        bytes32 digest =
            _hashTypedDataV4(keccak256(abi.encode(WALLET_TYPEHASH, agentId, newWallet, _ownerOf(agentId), deadline)));
        if (!Signatures.isValid(newWallet, digest, signature)) revert BadSignature(newWallet);
        _setWallet(agentId, newWallet);
    }

    /// @inheritdoc IERC8004Identity
    function unsetAgentWallet(uint256 agentId) external onlyAuthorized(agentId) {
        _setWallet(agentId, address(0));
    }

    /* VIEWS */

    /// @inheritdoc IERC8004Identity
    function isAuthorizedOrOwner(address spender, uint256 agentId) public view returns (bool) {
        address owner = _ownerOf(agentId);
        if (owner == address(0)) revert UnknownAgent(agentId);
        return _isAuthorized(owner, spender, agentId);
    }

    /// @inheritdoc IERC8004Identity
    function getAgentWallet(uint256 agentId) external view returns (address wallet) {
        (, wallet) = ownerAndWallet(agentId);
    }

    /// @inheritdoc IERC8004Identity
    function getMetadata(uint256 agentId, string calldata metadataKey) external view returns (bytes memory) {
        bytes32 key = keccak256(bytes(metadataKey));
        if (key == AGENT_WALLET_KEY) {
            (, address wallet) = ownerAndWallet(agentId);
            return abi.encodePacked(wallet);
        }
        return _metadata[agentId][key];
    }

    /// @inheritdoc IAgentRegistry
    function fileDigestOf(uint256 agentId) external view returns (bytes32) {
        return _file[agentId];
    }

    /// @inheritdoc IAgentRegistry
    function declaredOf(uint256 agentId, bytes32 pageId) external view returns (uint256) {
        return _declared[agentId][pageId];
    }

    /// @inheritdoc IAgentRegistry
    function ownerAndWallet(uint256 agentId) public view returns (address owner, address wallet) {
        owner = _ownerOf(agentId);
        wallet = address(uint160(_wallet[agentId]));
        if (wallet == address(0)) wallet = owner;
    }

    /// @inheritdoc IAgentRegistry
    function seatingOf(uint256 agentId, bytes32 pageId)
        external
        view
        returns (address wallet, uint256 ownerTag, uint256 declared)
    {
        uint256 word = _wallet[agentId];
        if (word == 0) {
            address owner = _ownerOf(agentId);
            word = uint160(owner) | (uint256(uint96(uint160(owner))) << 160);
        }
        (wallet, ownerTag) = (address(uint160(word)), word >> 160);
        declared = _declared[agentId][pageId];
    }

    /// @notice The agent's registration file: a foreign URI if one was set, else `ipfs://` and the CID of its digest.
    function tokenURI(uint256 agentId) public view override returns (string memory) {
        _requireOwned(agentId);
        string memory uri = _uri[agentId];
        return bytes(uri).length != 0 ? uri : _ipfsURI(_file[agentId]);
    }

    /* INTERNAL */

    function _next() private returns (uint256 agentId) {
        unchecked {
            agentId = ++_lastId;
        }
        _mint(msg.sender, agentId);
    }

    function _declare(uint256 agentId, bytes32 pageId, uint256 word) private {
        if (!Capability.inRange(word)) revert LaneOutOfRange(word);
        _declared[agentId][pageId] = word;
        emit CapabilitiesDeclared(agentId, pageId, word);
    }

    function _setMetadata(uint256 agentId, string calldata key, bytes calldata value) private {
        bytes32 keyHash = keccak256(bytes(key));
        if (keyHash == AGENT_WALLET_KEY) revert ReservedMetadataKey();
        _metadata[agentId][keyHash] = value;
        emit MetadataSet(agentId, key, key, value);
    }

    function _setWallet(uint256 agentId, address wallet) private {
        _wallet[agentId] =
            wallet == address(0) ? 0 : uint160(wallet) | (uint256(uint96(uint160(_ownerOf(agentId)))) << 160);
        emit AgentWalletChanged(agentId, wallet);
    }

    /// @dev A new owner must not inherit the old operator key: cleared before the token moves (ERC-8004).
    function _update(address to, uint256 agentId, address auth) internal override returns (address from) {
        if (_wallet[agentId] != 0) _setWallet(agentId, address(0));
        return super._update(to, agentId, auth);
    }

    /// @dev "ipfs://" + CIDv1 (raw, sha2-256) in base32. Its 36 bytes begin with the constant 0x01551220, whose first 30 bits
    /// are the characters "afkrei"; two zero bits, the digest and two zero bits of padding make the other 52.
    function _ipfsURI(bytes32 digest) private pure returns (string memory uri) {
        if (digest == 0) return "";
        uri = "ipfs://bafkrei----------------------------------------------------";
        assembly ("memory-safe") {
            mstore(0, "abcdefghijklmnopqrstuvwxyz234567")
            let out := add(uri, 46) // 32 of length and 14 of prefix
            for { let i := 0 } lt(i, 51) { i := add(i, 1) } {
                mstore8(add(out, i), byte(and(shr(sub(253, mul(5, i)), digest), 31), mload(0)))
            }
            mstore8(add(out, 51), byte(and(shl(2, digest), 31), mload(0)))
        }
    }
}
