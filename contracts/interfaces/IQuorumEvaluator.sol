// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Task} from "../libraries/Orders.sol";
import {Receipt} from "../libraries/Receipts.sol";
import {IERC8183, JobStatus} from "./IERC8183.sol";
import {State} from "./ITaskMarket.sol";

/// @notice Which vote judges a job, and what it is asked. Fixed before the work begins.
struct Policy {
    /// The task of every vote on this job, but for four fields: `requester`, `header` and `salt` are filled in when a vote is posted,
    /// and `bidEnd` and `commitEnd` count from then (they are windows here, in seconds).
    Task task;
    /// The beacon header's bytes before and after the body's CID (59 letters).
    bytes headerHead;
    bytes headerTail;
    /// The task body's bytes before and after the case (176 letters): 0x‹job, 40 digits›/0x‹jobId, 64›/0x‹deliverable, 64›.
    bytes bodyHead;
    bytes bodyTail;
}

/// @title QuorumEvaluator: the `evaluator` of any ERC-8183 job; a k-of-n vote of agents decides between complete and reject.
///
/// The client fixes a policy while the job is Open; the provider submits, and presents the deliverable here; anyone pays for a vote;
/// once the market has settled it, anyone carries the verdict to the job. The answer `true` completes, `false` rejects; no quorum, no
/// votes, nobody seated, or another answer decide nothing: the money has gone back to the payer, and another vote may be posted. If no
/// vote ever decides, the job expires by its own rules. A policy's windows should fit before that.
///
/// What the chain checks: that the question is the policy's. Header and body of the task (symphony.beacon/1, symphony.task/1) are
/// put together here, from the policy and the case alone, so whoever pays for a vote cannot ask anything else. What it cannot check:
/// that the policy's texts are well-formed, fair, or of boolean answer format (agents refuse what is malformed; a provider reads the
/// policy before it works), that the deliverable's bytes are to be had (publish them, and header and body, in the content network),
/// and that the deliverable is the one of the job's own event, for the ERC gives no read of it. It is the word of the same provider,
/// once; let the body ask for `false` where the two differ.
///
/// Who is seated: the policy's router awards, or, in an open task, agents seat themselves. Nobody else can: the requester is a purse.
interface IQuorumEvaluator {
    event PolicySet(IERC8183 indexed job, uint256 indexed jobId, bytes32 digest, Policy policy);
    event DeliverablePresented(IERC8183 indexed job, uint256 indexed jobId, bytes32 deliverable);
    /// @param header sha-256 of the header that `documentsOf` gives.
    event VotePosted(
        IERC8183 indexed job, uint256 indexed jobId, bytes32 indexed taskId, address payer, bytes32 deliverable, bytes32 header
    );
    /// @notice The job was completed, or else rejected; its reason is the task's id.
    event JobDecided(IERC8183 indexed job, uint256 indexed jobId, bytes32 indexed taskId, bool completed);
    /// @notice A vote settled on something else than true or false.
    event NoVerdict(IERC8183 indexed job, uint256 indexed jobId, bytes32 indexed taskId, bytes32 winner);

    error NotAuthorized(address caller, address expected);
    /// @notice The job names another evaluator.
    error NotEvaluator(address evaluator);
    error WrongStatus(JobStatus have, JobStatus want);
    error PolicyFixed(bytes32 digest);
    error PolicyMismatch(bytes32 have, bytes32 want);
    error EmptyDeliverable();
    error AlreadyPresented(bytes32 deliverable);
    error NotPresented();
    /// @notice The job's last vote still runs, or has settled and waits for `resolve`.
    error VoteLive(bytes32 taskId, State state);
    error ForeignTask(bytes32 have, bytes32 want);
    /// @notice The vote ended without an answer: post another.
    error Undecided(bytes32 taskId, State outcome);

    /// @notice For the job's client, while the job is Open; once.
    function setPolicy(IERC8183 job, uint256 jobId, Policy calldata policy) external;

    /// @notice For the job's provider, once it has submitted; once. @param deliverable As submitted to the job.
    function present(IERC8183 job, uint256 jobId, bytes32 deliverable) external;

    /// @notice Posts a vote, paid by the caller: native coins that come along first, then its purse's balance in the market (fill that with
    /// `deposit(purseOf(payer), token, amount)`). At most one vote of a job lives at a time.
    function judge(IERC8183 job, uint256 jobId, Policy calldata policy) external payable returns (bytes32 taskId);

    /// @notice Carries the verdict of the job's settled vote to the job.
    function resolve(IERC8183 job, uint256 jobId, Receipt calldata receipt) external;

    /// @notice Takes what the market owes the caller's purse: what votes did not spend.
    function withdraw(address token, address to, uint256 amount) external;

    /// @notice Some job contracts pay their evaluator a fee. It is for whoever fetches it: the reward for calling `resolve`.
    function sweep(address token) external;

    /// @notice The market account whose money is `payer`'s alone, and the requester of the votes that it pays for.
    function purseOf(address payer) external view returns (address);

    /// @return policy Digest of the job's policy: keccak256(abi.encode(policy)). @return task The vote that lives, or was the last.
    function caseOf(IERC8183 job, uint256 jobId) external view returns (bytes32 policy, bytes32 deliverable, bytes32 task);

    /// @notice The documents of a vote, byte for byte: put them where agents find content.
    function documentsOf(Policy calldata policy, IERC8183 job, uint256 jobId, bytes32 deliverable)
        external
        pure
        returns (bytes memory header, bytes memory body);
}
