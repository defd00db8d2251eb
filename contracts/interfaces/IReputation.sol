// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Receipt} from "../libraries/Receipts.sol";

/// @title Reputation part of ERC-8004, as of the 2026-08 reference contracts: what its readers and writers anywhere speak.
interface IERC8004Reputation {
    event NewFeedback(
        uint256 indexed agentId,
        address indexed clientAddress,
        uint64 feedbackIndex,
        int128 value,
        uint8 valueDecimals,
        string indexed indexedTag1,
        string tag1,
        string tag2,
        string endpoint,
        string feedbackURI,
        bytes32 feedbackHash
    );
    event FeedbackRevoked(uint256 indexed agentId, address indexed clientAddress, uint64 indexed feedbackIndex);
    event ResponseAppended(
        uint256 indexed agentId,
        address indexed clientAddress,
        uint64 feedbackIndex,
        address indexed responder,
        string responseURI,
        bytes32 responseHash
    );

    /// @notice Takes one of the caller's credits for this agent (see `IReputation.open`).
    /// @param value Divided by 10^valueDecimals it is the rating; |value| ≤ 1e38, valueDecimals ≤ 18.
    /// @param tag1 At most 64 bytes, as is `tag2`.
    function giveFeedback(
        uint256 agentId,
        int128 value,
        uint8 valueDecimals,
        string calldata tag1,
        string calldata tag2,
        string calldata endpoint,
        string calldata feedbackURI,
        bytes32 feedbackHash
    ) external;
    /// @notice The client takes its feedback back; its credit stays spent.
    function revokeFeedback(uint256 agentId, uint64 feedbackIndex) external;
    /// @notice Anyone may respond.
    function appendResponse(
        uint256 agentId,
        address clientAddress,
        uint64 feedbackIndex,
        string calldata responseURI,
        bytes32 responseHash
    ) external;

    /// @notice Mean of what these clients said and did not revoke, with the number of decimals that most of it has (fewer where the mean
    /// would not fit). An empty tag matches all. At least one client must be named.
    function getSummary(uint256 agentId, address[] calldata clientAddresses, string calldata tag1, string calldata tag2)
        external
        view
        returns (uint64 count, int128 summaryValue, uint8 summaryValueDecimals);
    /// @param feedbackIndex From 1, for each agent and client apart.
    function readFeedback(uint256 agentId, address clientAddress, uint64 feedbackIndex)
        external
        view
        returns (int128 value, uint8 valueDecimals, string memory tag1, string memory tag2, bool isRevoked);
    /// @param clientAddresses None: all.
    function readAllFeedback(
        uint256 agentId,
        address[] calldata clientAddresses,
        string calldata tag1,
        string calldata tag2,
        bool includeRevoked
    )
        external
        view
        returns (
            address[] memory clients,
            uint64[] memory feedbackIndexes,
            int128[] memory values,
            uint8[] memory valueDecimals,
            string[] memory tag1s,
            string[] memory tag2s,
            bool[] memory revokedStatuses
        );
    /// @param clientAddress Zero: all. @param feedbackIndex Zero: all of this client. @param responders None: all.
    function getResponseCount(
        uint256 agentId,
        address clientAddress,
        uint64 feedbackIndex,
        address[] calldata responders
    ) external view returns (uint64 count);
    function getClients(uint256 agentId) external view returns (address[] memory clients);
    function getLastIndex(uint256 agentId, address clientAddress) external view returns (uint64 lastIndex);
    function getIdentityRegistry() external view returns (address identityRegistry);
}

/// @title Reputation: ERC-8004 feedback from those who paid for the work, and from nobody else. Immutable, no owner, no proxy.
///
/// A seat that was revealed in a closed task gives the task's requester one credit for the seat's agent: `open` proves it by the
/// task's receipt, anyone may call it. `giveFeedback` takes a credit, so what a stranger's client writes is tied to a settled seat
/// without knowing one. Both in one call: `multicall([open, giveFeedback])`. Tasks that were Void, Expired or Cancelled, and seats
/// that never revealed, gave nothing that could be rated; a no-show is counted, and its bond burnt, by the market.
///
/// The market itself is one of the clients, at no cost: to `getSummary` it is a client that gave every seat it closed in its SCORE_TOKEN
/// 100 if the seat won and 0 if not, as `successRate`, with two decimals. Its sum comes straight from the market's counters, so
/// single entries of it do not exist (`getLastIndex` of the market is 0); `getClients` lists it first once it has closed a seat.
/// Like feedback, and unlike earned words, these counters have no minimum price.
///
/// Anchors put a digest of preference labels, or of judges' verdicts, on the record of a closed task. They are events only.
///
/// The loops that ERC-8004 asks of views are views' alone: no step walks anything.
interface IReputation is IERC8004Reputation {
    /* EVENTS */

    /// @notice `client` may give `agentId` one more feedback.
    event FeedbackOpened(bytes32 indexed taskId, uint256 indexed agentId, address indexed client, uint256 seat);
    /// @param kind ASCII name of what the digest is of, such as "preference" or "verdict". @param by The task's requester or evaluator.
    event Anchored(bytes32 indexed taskId, address indexed by, bytes32 indexed kind, bytes32 digest);

    /* ERRORS (and those of the receipt's check and of the registry) */

    /// @notice No credit: prove a settled seat of this agent with `open` first; each seat gives one.
    error NothingOpen(uint256 agentId, address client);
    /// @notice This seat's credit was given before.
    error AlreadyOpened(bytes32 taskId, uint256 seat);
    /// @notice The task has no such seat, or it never revealed.
    error NotRevealed(bytes32 taskId, uint256 seat);
    /// @notice Owner, operators and wallet of an agent do not rate it.
    error SelfFeedback(uint256 agentId, address client);
    error ValueOutOfRange(int128 value, uint8 valueDecimals);
    error TagTooLong(uint256 length, uint256 max);
    error NoSuchFeedback(uint256 agentId, address client, uint64 feedbackIndex);
    error AlreadyRevoked(uint256 agentId, uint64 feedbackIndex);
    error EmptyResponse();
    /// @notice `getSummary` over nobody in particular would be anybody's to fill: name the clients you trust.
    error NoClients();
    /// @notice Anchors come from the task's requester or its evaluator.
    error NotOfTask(bytes32 taskId, address caller);

    /* STEPS */

    /// @notice Once a seat, by anyone.
    function open(Receipt calldata r, uint256 seat) external;
    function anchor(Receipt calldata r, bytes32 kind, bytes32 digest) external;

    /* VIEWS */

    /// @notice How many more feedbacks the client may give this agent.
    function creditsOf(uint256 agentId, address client) external view returns (uint64);
    /// @return seats One bit a seat that was opened.
    function openedOf(bytes32 taskId) external view returns (uint256 seats);
}
