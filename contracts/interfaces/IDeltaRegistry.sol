// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A sparse update of an agent's adapter, by content: the manifest `symphony.delta/1`, which links the payload.
struct Delta {
    uint256 agentId;
    bytes32 baseModel; // digest of the base model's release
    bytes32 parent; //    head that this one follows; zero for the first
    bytes32 digest; //    sha-256 of the manifest's root block, as in its CIDv1
    uint64 size; //       bytes of the whole content
    uint8 codec; //       multicodec of that CID: 0x55 raw, 0x70 dag-pb
}

/// @title DeltaRegistry: the line of an agent's deltas on a base model, hash-chained. Immutable, no owner, no proxy.
///
/// The head of a line is the EIP-712 struct hash of its last delta, which names the head before it: so a head commits to the whole line,
/// its agent and its base model, and a receiver that knows a head can check every delta back to the first. Only the agent's owner
/// or wallet adds to a line, and only to its head: two that grow the same head cannot both win, and a signature for a head that has
/// passed is dead. That is all the replay protection that signatures need, for no head ever comes back.
///
/// Whether a delta is any good, and whether its content can be had, is not known here.
interface IDeltaRegistry {
    event DeltaPublished(
        uint256 indexed agentId, bytes32 indexed baseModel, bytes32 parent, bytes32 digest, uint64 size, uint8 codec
    );

    /// @notice Somebody published before: fetch what is between, and build on the head.
    error StaleParent(bytes32 parent, bytes32 head);
    error UnknownAgent(uint256 agentId);
    error NotAuthorized(address caller, address expected);
    error BadSignature(address expected);

    /// @param signature Empty: msg.sender is the agent's owner or wallet. Else theirs over
    /// Delta(uint256 agentId,bytes32 baseModel,bytes32 parent,bytes32 digest,uint64 size,uint8 codec).
    function publish(Delta calldata delta, bytes calldata signature) external;
    /// @return head Zero where the line has not begun.
    function headOf(uint256 agentId, bytes32 baseModel) external view returns (bytes32 head);
}
