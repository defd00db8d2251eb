// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "solady/src/utils/EIP712.sol";
import {Multicallable} from "solady/src/utils/Multicallable.sol";
import {IAgentRegistry} from "./interfaces/IAgentRegistry.sol";
import {Delta, IDeltaRegistry} from "./interfaces/IDeltaRegistry.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title The registry of delta heads; its interface carries the documentation.
contract DeltaRegistry is EIP712, Multicallable, IDeltaRegistry {
    bytes32 private constant DELTA_TYPEHASH =
        keccak256("Delta(uint256 agentId,bytes32 baseModel,bytes32 parent,bytes32 digest,uint64 size,uint8 codec)");

    IAgentRegistry public immutable REGISTRY;

    /// @dev A storage word that can be pointed at: its place is computed once for reading and writing.
    struct Head {
        bytes32 value;
    }

    mapping(uint256 agentId => mapping(bytes32 baseModel => Head)) private _head;

    constructor(IAgentRegistry registry) {
        REGISTRY = registry;
    }

    /// @inheritdoc IDeltaRegistry
    function publish(Delta calldata delta, bytes calldata signature) external {
        Head storage line = _head[delta.agentId][delta.baseModel];
        bytes32 head = line.value;
        if (delta.parent != head) revert StaleParent(delta.parent, head);
        head = keccak256(abi.encode(DELTA_TYPEHASH, delta));
        _authorize(delta.agentId, head, signature);
        line.value = head;
        emit DeltaPublished(delta.agentId, delta.baseModel, delta.parent, delta.digest, delta.size, delta.codec);
    }

    /// @inheritdoc IDeltaRegistry
    function headOf(uint256 agentId, bytes32 baseModel) external view returns (bytes32) {
        return _head[agentId][baseModel].value;
    }

    function _authorize(uint256 agentId, bytes32 structHash, bytes calldata signature) private view {
        (address owner, address wallet) = REGISTRY.ownerAndWallet(agentId);
        if (owner == address(0)) revert UnknownAgent(agentId);
        if (signature.length == 0) {
            if (msg.sender != wallet && msg.sender != owner) revert NotAuthorized(msg.sender, wallet);
            return;
        }
        bytes32 message = _hashTypedData(structHash);
        if (Signatures.isValid(wallet, message, signature)) return;
        if (!Signatures.isValid(owner, message, signature)) revert BadSignature(wallet);
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("Symphony DeltaRegistry", "1");
    }
}
