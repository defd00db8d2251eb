// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bid, Task} from "../libraries/Orders.sol";

/// @notice Life of a task: functions of the stored word and block.timestamp, up to the closed ones.
enum State {
    None,
    Open, //         posted, until bidEnd
    Free, //         open task past bidEnd without award: any agent that matches may take a seat, until commitEnd
    Unawarded, //    nobody was seated: settle makes it Expired
    Awarded, //      commits
    Revealing, //    reveals: all have committed, or commitEnd is past
    Evaluating, //   past revealEnd: the evaluator's scores may still come
    Closing, //      settle is due
    Settled, //      an answer won with quorum
    Inconclusive, // answers, but none with quorum
    Void, //         nobody revealed
    Expired, //      nobody was seated
    Cancelled
}

/// @notice Why `award` passed over a bid.
enum Skip {
    None,
    UnknownAgent,
    BidExpired,
    PriceAboveCeiling,
    MatchTooLow,
    OwnerSeated, //  another seat of this task has the same owner
    BondUnfunded,
    BadSignature
}

/// @notice The opening of a seat's commitment.
struct Opening {
    uint256 seat;
    bytes32 answerDigest;
    bytes32 evidenceDigest;
    bytes32 salt;
    bytes answer; // the canonical answer's bytes where they are published inline (≤ 256), else empty
}

/// @title TaskMarket: everything that a task moves. Immutable, no owner, no proxy; reads the registry where agents are seated, where
/// they are paid out, and where plans are revealed; calls nobody in settle.
///
/// Every step takes an optional `signature`: empty means msg.sender, else an EIP-712 message (65 bytes, 64 by ERC-2098, or whatever
/// the signer's code accepts by ERC-1271).
interface ITaskMarket {
    /* EVENTS: self-sufficient, an index never needs a call */

    /// @param value Native coins that came with the call; the rest of the escrow was the requester's balance, any surplus became it.
    event TaskPosted(bytes32 indexed taskId, address indexed requester, uint256 value, Task task);
    event TaskCancelled(bytes32 indexed taskId, uint256 refund);
    event BidPosted(bytes32 indexed taskId, uint256 indexed agentId, uint256 terms, bytes signature);
    event BidSkipped(bytes32 indexed taskId, uint256 indexed agentId, Skip reason);
    /// @param price What every seat earns at most: the highest seated ask.
    /// @param returned What the requester got back of its ceiling.
    /// @param seats One word a seat, in order: wallet (bits 0…159), agentId (160…191), weight (192…205).
    event TaskAwarded(bytes32 indexed taskId, uint256 price, uint256 returned, uint256[] seats);
    /// @notice A free seat of an open task was taken, at the ceiling. @param seat As in TaskAwarded.
    event SeatTaken(bytes32 indexed taskId, uint256 indexed agentId, uint256 index, uint256 seat);
    event AnswerCommitted(bytes32 indexed taskId, uint256 indexed agentId, uint256 seat, bytes32 commitment);
    event AnswerRevealed(
        bytes32 indexed taskId,
        uint256 indexed agentId,
        uint256 seat,
        bytes32 answerDigest,
        bytes32 evidenceDigest,
        bytes32 salt,
        bytes answer
    );
    /// @param outcome Settled, Inconclusive, Void or Expired.
    /// @param winner First 26 bytes of the winning answer's digest; zero unless Settled.
    /// @param weights Of the heaviest answer, also when it missed the quorum (bits 0…31); of all seats, no-shows included (32…63).
    /// @param refund To the requester. @param burnt Owed to nobody from now on: lost bonds, what an evaluation takes, the score burn.
    /// @param fee Paid to the evaluator; its scores came in time iff bit 64 of `weights` is set.
    /// @param results Two words a seat, in order: agentId (bits 0…31), score in bps (32…47), weight (48…63), pay before the shared
    /// part (64…159), revealed (160), scored (161), won (162); then the agent's earned word of the task's page after this task.
    event TaskSettled(
        bytes32 indexed taskId,
        State indexed outcome,
        bytes32 winner,
        uint256 weights,
        uint256 refund,
        uint256 burnt,
        uint256 fee,
        uint256[] results
    );
    event Deposited(address indexed account, address indexed token, uint256 amount, address from);
    event Withdrawn(address indexed account, address indexed token, address to, uint256 amount);
    event AgentFunded(uint256 indexed agentId, address indexed token, uint256 amount, address from);
    event PayClaimed(uint256 indexed agentId, address indexed token, address to, uint256 amount);

    /* ERRORS */

    error TaskExists(bytes32 taskId);
    /// @param name ASCII name of the parameter.
    error ParameterOutOfRange(bytes32 name, uint256 value, uint256 min, uint256 max);
    error InsufficientBalance(address account, address token, uint256 have, uint256 want);
    error WrongState(bytes32 taskId, State have, State want);
    error NotAuthorized(address caller, address expected);
    error BadSignature(address expected);
    error SignatureExpired(uint256 deadline);
    error TooManyBids(uint256 count, uint256 max);
    error TooFewSeats(uint256 seated, uint256 minSeats);
    error UnknownAgent(uint256 agentId);
    /// @notice `take` found a reason against the agent, or a signed award a bid without its agent's signature.
    error SeatRefused(uint256 agentId, Skip reason);
    error NoDesk();
    error NoSuchSeat(bytes32 taskId, uint256 seat);
    error AlreadyCommitted(bytes32 taskId, uint256 seat);
    error NotCommitted(bytes32 taskId, uint256 seat);
    error AlreadyRevealed(bytes32 taskId, uint256 seat);
    error CommitmentMismatch(bytes32 taskId, uint256 seat);
    error AnswerMismatch(bytes32 answerDigest);
    error AnswerTooLong(uint256 length, uint256 max);
    /// @notice A seat may still act, or the evaluator may.
    error Pending(bytes32 taskId, uint256 until);
    /// @notice `reveal` for a plan (`Plans` opens it), or `revealPlan` for another kind.
    error WrongKind(bytes32 taskId);
    error NothingToClaim(uint256 agentId, address token);
    error WalletMayOnlyPayOwner(uint256 agentId, address owner);
    error ZeroAddress();
    error AmountMismatch(uint256 value, uint256 amount);
    /// @notice No account of a token ever holds 2¹²⁰ units or more.
    error AmountTooLarge(uint256 amount);

    /* of the pinned library that moves money (Solady), raised as they stand */

    error ETHTransferFailed();
    error TransferFailed();
    error TransferFromFailed();

    /* MONEY */

    /// @notice Native coins (`amount` = msg.value), or `amount` of an ERC-20 from the caller; what really arrives is credited.
    function deposit(address account, address token, uint256 amount) external payable;
    /// @notice The same into an agent's account, for bonds.
    function fundAgent(uint256 agentId, address token, uint256 amount) external payable;
    function withdraw(
        address account,
        address token,
        address to,
        uint256 amount,
        uint256 deadline,
        bytes calldata signature
    ) external;
    function claim(uint256 agentId, address token, address to, uint256 deadline, bytes calldata signature) external;

    /* LIFE OF A TASK */

    /// @notice Escrows and announces. Native coins that come along are used first.
    function post(Task calldata task, bytes calldata signature) external payable returns (bytes32 taskId);
    /// @notice `post` and `award` in one. `signature` is the requester's over Hire(bytes32 taskId,uint256[] bids).
    function hire(Task calldata task, Bid[] calldata bids, bytes calldata signature)
        external
        payable
        returns (bytes32 taskId);
    function cancel(Task calldata task, bytes calldata signature) external;
    function bid(bytes32 taskId, Bid calldata b) external;
    /// @notice Seats the first k acceptable bids in the caller's order. `signature` is the requester's or router's over
    /// Award(bytes32 taskId,uint256[] bids), the bids by their terms. A signed award reverts where a bid is not signed by its agent's
    /// wallet; others skip it.
    function award(Task calldata task, Bid[] calldata bids, bytes calldata signature) external;
    /// @notice Takes a free seat of an open task, at the ceiling. `signature` is the agent wallet's over
    /// Take(bytes32 taskId,uint256 agentId,uint256 deadline): a seat taken too late to commit would cost the bond.
    function take(Task calldata task, uint256 agentId, uint256 deadline, bytes calldata signature) external;
    function commit(bytes32 taskId, uint256 seat, bytes32 commitment, bytes calldata signature) external;
    /// @notice Opens a seat's commitment. Carries no authority: anyone may relay it.
    function reveal(bytes32 taskId, Opening calldata opening) external;
    /// @notice Opens a plan at no more than `weight`; only for the deployment's `Plans`, which has looked at the children.
    function revealPlan(bytes32 taskId, Opening calldata opening, uint256 weight) external;
    /// @notice Opens several seats and settles.
    function revealAndSettle(Task calldata task, Opening[] calldata openings) external;
    /// @notice The evaluator's scores, sixteen bits a seat from the lowest, 0…10000; settles. `signature` is over
    /// Evaluate(bytes32 taskId,uint256 scores).
    function evaluate(Task calldata task, uint256 scores, bytes calldata signature) external;
    /// @notice The one permissionless closer.
    function settle(Task calldata task) external;

    /* VIEWS */

    function taskIdOf(Task calldata task) external view returns (bytes32);
    function stateOf(bytes32 taskId) external view returns (State);
    /// @return word The task's raw word: see `libraries/Words.sol`.
    function headOf(bytes32 taskId) external view returns (uint256 word);
    /// @return word The seat's raw word: see `libraries/Words.sol`.
    function seatOf(bytes32 taskId, uint256 seat) external view returns (uint256 word);
    /// @return outcome State.None while it lives. @return closedAt Block time. @return digest First 26 bytes of
    /// keccak256(abi.encodePacked(winner, results)) of its TaskSettled; zero for Expired and Cancelled.
    function receiptOf(bytes32 taskId) external view returns (State outcome, uint256 closedAt, bytes26 digest);
    function balanceOf(address account, address token) external view returns (uint256);
    /// @return accrued Money of the agent. @return seats Seats closed. @return won Seats that won. @return noShows Seats never revealed.
    function accountOf(uint256 agentId, address token)
        external
        view
        returns (uint256 accrued, uint256 seats, uint256 won, uint256 noShows);
    function earnedOf(uint256 agentId, bytes32 pageId) external view returns (uint256 word);
    function nonces(address account) external view returns (uint256);
}
