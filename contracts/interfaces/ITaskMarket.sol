// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A task, whole. Its EIP-712 digest is its id, so signing the order and naming the task are one act.
/// Times are unix seconds of block time; money is in the token's smallest unit.
struct Task {
    address requester; //         pays, and may cancel while Open
    address router; //            may award besides the requester; zero: nobody else
    address token; //             zero: the native coin
    uint96 ceiling; //            most that one seat may be paid
    uint16 baseBps; //            share of the price that any timely reveal earns
    uint96 bond; //               per seat, from the agent's account; lost by not revealing
    uint8 kind; //                0 answer, 1 plan, 2 evaluate, 3 rollout
    bytes32 pageId; //            skill page that gives the requirement its meaning
    uint256 requirement; //       capability word, at least one lane above zero
    uint16 minMatchBps; //        bids below this match(declared, requirement) are skipped
    uint8 k; //                   seats wanted, 1…16
    uint8 minSeats; //            award reverts below this many
    uint16 quorumBps; //          share of all awarded weight that the winning answer must hold
    uint40 bidEnd;
    uint40 commitEnd;
    uint32 revealWindow; //       revealEnd = commitEnd + revealWindow
    address evaluator; //         zero: the vote alone scores
    uint32 evaluationWindow;
    uint96 evaluationFee;
    uint16 sharedBps;
    bytes32 parent; //            plan task that this one is a child of; zero: none
    bytes32 header; //            sha-256 digest of the beacon header (raw CIDv1)
    bytes32 salt;
}

/// @notice A bid as it is published and as it is awarded: an EIP-712 message of the agent's wallet.
struct Bid {
    uint256 agentId;
    uint96 price; //              asked per seat
    uint16 confidenceBps; //      the agent's own estimate of being right
    uint40 expiry; //             last second in which the bid may be awarded
    bytes signature; //           over Bid(bytes32 taskId,uint256 agentId,uint96 price,uint16 confidenceBps,uint40 expiry)
}

/// @notice Life of a task. Open, Awarded, Revealing are functions of the stored word and block.timestamp.
enum State {
    None,
    Open, //         posted, until bidEnd
    Unawarded, //    past bidEnd without award: settle makes it Expired
    Awarded, //      commits
    Revealing, //    reveals: all have committed, or commitEnd is past
    Closing, //      past revealEnd: settle is due
    Settled, //      an answer won with quorum
    Inconclusive, // answers, but none with quorum
    Void, //         nobody revealed
    Expired, //      never awarded
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

/// @title TaskMarket: everything that a task moves. Immutable, no owner, no proxy; reads the registry in award and claim only.
///
/// Every step takes an optional `signature`: empty means msg.sender, else an EIP-712 message (65 bytes, or 64 by ERC-2098).
interface ITaskMarket {
    /* EVENTS: self-sufficient, an index never needs a call */

    event TaskPosted(bytes32 indexed taskId, address indexed requester, Task task);
    event TaskCancelled(bytes32 indexed taskId, uint256 refund);
    event BidPosted(
        bytes32 indexed taskId,
        uint256 indexed agentId,
        uint96 price,
        uint16 confidenceBps,
        uint40 expiry,
        bytes signature
    );
    event BidSkipped(bytes32 indexed taskId, uint256 indexed agentId, Skip reason);
    /// @param price What every seat earns at most: the highest seated ask.
    /// @param returned What the requester got back of its ceiling.
    /// @param seats One word a seat, in order: wallet (bits 0…159), agentId (160…191), weight (192…205).
    event TaskAwarded(bytes32 indexed taskId, uint256 price, uint256 returned, uint256[] seats);
    event AnswerCommitted(bytes32 indexed taskId, uint256 indexed agentId, uint256 seat, bytes32 commitment);
    /// @param answer The canonical answer's bytes where they were published inline, else empty.
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
    /// @param winnerWeight Weight of the heaviest answer (also when it missed the quorum).
    /// @param totalWeight Weight of all awarded seats, no-shows included.
    /// @param results Two words a seat, in order: agentId (bits 0…31), score in bps (32…47), revealed (48), scored (49), pay (64…159),
    /// bond returned (160…255); then the agent's earned word of the task's page after this task.
    event TaskSettled(
        bytes32 indexed taskId,
        State indexed outcome,
        bytes32 winner,
        uint256 winnerWeight,
        uint256 totalWeight,
        uint256 refund,
        uint256 burnt,
        uint256[] results
    );
    event Deposited(address indexed account, address indexed token, uint256 amount, address from);
    event Withdrawn(address indexed account, address indexed token, address to, uint256 amount);
    event AgentFunded(uint256 indexed agentId, address indexed token, uint256 amount, address from);
    event PayClaimed(uint256 indexed agentId, address indexed token, address to, uint256 amount);

    /* ERRORS */

    error TaskExists(bytes32 taskId);
    error UnsupportedParameter(string name);
    error ParameterOutOfRange(string name, uint256 value, uint256 min, uint256 max);
    error InsufficientBalance(address account, address token, uint256 have, uint256 want);
    error WrongState(bytes32 taskId, State have, State want);
    error NotAuthorized(address caller, address expected);
    error BadSignature(address expected);
    error SignatureExpired(uint256 deadline);
    error TooManyBids(uint256 count, uint256 max);
    error TooFewSeats(uint256 seated, uint256 minSeats);
    error UnknownAgent(uint256 agentId);
    error NoSuchSeat(bytes32 taskId, uint256 seat);
    error AlreadyCommitted(bytes32 taskId, uint256 seat);
    error NotCommitted(bytes32 taskId, uint256 seat);
    error AlreadyRevealed(bytes32 taskId, uint256 seat);
    error CommitmentMismatch(bytes32 taskId, uint256 seat);
    error AnswerMismatch(bytes32 answerDigest);
    error AnswerTooLong(uint256 length, uint256 max);
    error RevealsPending(bytes32 taskId, uint256 until);
    error NothingToClaim(uint256 agentId, address token);
    error WalletMayOnlyPayOwner(uint256 agentId, address owner);
    error ZeroAddress();
    error TransferFailed(address to, uint256 amount);

    /* MONEY */

    function deposit(address account) external payable;
    function withdraw(
        address account,
        address token,
        address to,
        uint256 amount,
        uint256 deadline,
        bytes calldata signature
    ) external;
    function fundAgent(uint256 agentId) external payable;
    function claim(uint256 agentId, address token, address to, uint256 deadline, bytes calldata signature) external;
    function balanceOf(address account, address token) external view returns (uint256);
    /// @return accrued Money of the agent. @return seats Seats closed. @return won Seats that scored above zero. @return noShows Seats never revealed.
    function accountOf(uint256 agentId, address token)
        external
        view
        returns (uint256 accrued, uint256 seats, uint256 won, uint256 noShows);
    function burntOf(address token) external view returns (uint256);
    function nonces(address account) external view returns (uint256);

    /* LIFE OF A TASK */

    function post(Task calldata task, bytes calldata signature) external returns (bytes32 taskId);
    /// @notice `deposit` to the caller, then `post`: one transaction for a requester that holds only coins.
    function depositAndPost(Task calldata task) external payable returns (bytes32 taskId);
    function cancel(Task calldata task, bytes calldata signature) external;
    function bid(bytes32 taskId, Bid calldata b) external;
    /// @notice Seats the first k acceptable bids in the caller's order. `signature` is the requester's or router's over
    /// Award(bytes32 taskId,uint256[] agentIds,uint256[] prices).
    function award(Task calldata task, Bid[] calldata bids, bytes calldata signature) external;
    function commit(bytes32 taskId, uint256 seat, bytes32 commitment, bytes calldata signature) external;
    /// @notice Opens a seat's commitment. Carries no authority: anyone may relay it.
    function reveal(
        bytes32 taskId,
        uint256 seat,
        bytes32 answerDigest,
        bytes32 evidenceDigest,
        bytes32 salt,
        bytes calldata answer
    ) external;
    /// @notice The one permissionless closer.
    function settle(Task calldata task) external;
    function multicall(bytes[] calldata calls) external returns (bytes[] memory results);

    /* VIEWS */

    function taskIdOf(Task calldata task) external view returns (bytes32);
    function stateOf(bytes32 taskId) external view returns (State);
    /// @return price Per seat. @return seats Awarded. @return bidEnd Deadline. @return commitEnd Deadline. @return revealEnd Deadline.
    function headOf(bytes32 taskId)
        external
        view
        returns (uint256 price, uint256 seats, uint256 bidEnd, uint256 commitEnd, uint256 revealEnd);
    /// @return word The seat's raw word: see `libraries/Words.sol`.
    function seatOf(bytes32 taskId, uint256 seat) external view returns (uint256 word);
    function earnedOf(uint256 agentId, bytes32 pageId) external view returns (uint256 word);
    function commitmentOf(
        bytes32 taskId,
        uint256 agentId,
        bytes32 answerDigest,
        bytes32 evidenceDigest,
        bytes32 salt
    ) external pure returns (bytes32);
}
