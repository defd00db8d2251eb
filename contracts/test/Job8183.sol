// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeTransferLib} from "solady/src/utils/SafeTransferLib.sol";
import {JobStatus} from "../interfaces/IERC8183.sol";

/// @title An ERC-8183 job contract for tests: the lifecycle, checks and `getJob` of the reference code, without hooks, pause and admin.
contract Job8183 {
    using SafeTransferLib for address;

    struct Job {
        address client;
        JobStatus status;
        address provider;
        uint48 expiredAt;
        address evaluator;
        uint48 submittedAt;
        uint256 budget;
        address hook;
        address paymentToken;
        uint256 providerAgentId;
        string description;
    }

    uint256 internal constant GRACE = 1 hours;

    /// @notice Paid to the evaluator out of a completed job's budget.
    uint256 public immutable EVALUATOR_FEE_BPS;
    uint256 public jobCounter;
    mapping(uint256 jobId => Job) private _jobs;

    event JobCreated(
        uint256 indexed jobId, address indexed client, address indexed provider, address evaluator, uint48 expiredAt, address hook
    );
    event JobSubmitted(uint256 indexed jobId, address indexed provider, bytes32 deliverable);
    event JobCompleted(uint256 indexed jobId, address indexed evaluator, bytes32 reason);
    event JobRejected(uint256 indexed jobId, address indexed rejector, bytes32 reason);
    event JobExpired(uint256 indexed jobId);

    error WrongStatus();
    error Unauthorized();
    error ZeroAddress();
    error ExpiryTooShort();
    error BudgetMismatch();
    error GracePeriodActive();

    constructor(uint256 evaluatorFeeBps) {
        EVALUATOR_FEE_BPS = evaluatorFeeBps;
    }

    function createJob(
        address provider,
        address evaluator,
        uint48 expiredAt,
        string calldata description,
        address hook,
        uint256 providerAgentId
    ) external returns (uint256 jobId) {
        if (evaluator == address(0)) revert ZeroAddress();
        if (expiredAt <= block.timestamp + 5 minutes) revert ExpiryTooShort();
        jobId = ++jobCounter;
        Job storage job = _jobs[jobId];
        (job.client, job.provider, job.evaluator, job.expiredAt) = (msg.sender, provider, evaluator, expiredAt);
        (job.description, job.hook, job.providerAgentId) = (description, hook, providerAgentId);
        emit JobCreated(jobId, msg.sender, provider, evaluator, expiredAt, hook);
    }

    function setProvider(uint256 jobId, address provider, uint256 agentId) external {
        Job storage job = _at(jobId, JobStatus.Open);
        if (msg.sender != job.client) revert Unauthorized();
        if (job.provider != address(0)) revert WrongStatus();
        if (provider == address(0)) revert ZeroAddress();
        (job.provider, job.providerAgentId) = (provider, agentId);
    }

    function setBudget(uint256 jobId, address token, uint256 amount, bytes calldata) external {
        Job storage job = _at(jobId, JobStatus.Open);
        if (msg.sender != job.client && msg.sender != job.provider) revert Unauthorized();
        if (token == address(0)) revert ZeroAddress();
        (job.paymentToken, job.budget) = (token, amount);
    }

    function fund(uint256 jobId, uint256 expectedBudget, bytes calldata) external {
        Job storage job = _at(jobId, JobStatus.Open);
        if (msg.sender != job.client) revert Unauthorized();
        if (job.provider == address(0)) revert ZeroAddress();
        if (job.budget != expectedBudget) revert BudgetMismatch();
        if (block.timestamp >= job.expiredAt) revert WrongStatus();
        job.status = JobStatus.Funded;
        job.paymentToken.safeTransferFrom(msg.sender, address(this), job.budget);
    }

    function submit(uint256 jobId, bytes32 deliverable, bytes calldata) external {
        Job storage job = _at(jobId, JobStatus.Funded);
        if (msg.sender != job.provider) revert Unauthorized();
        if (block.timestamp >= job.expiredAt) revert WrongStatus();
        (job.status, job.submittedAt) = (JobStatus.Submitted, uint48(block.timestamp));
        emit JobSubmitted(jobId, msg.sender, deliverable);
    }

    function complete(uint256 jobId, bytes32 reason, bytes calldata) external {
        Job storage job = _at(jobId, JobStatus.Submitted);
        if (msg.sender != job.evaluator) revert Unauthorized();
        job.status = JobStatus.Completed;
        uint256 fee = job.budget * EVALUATOR_FEE_BPS / 10_000;
        if (fee != 0) job.paymentToken.safeTransfer(job.evaluator, fee);
        job.paymentToken.safeTransfer(job.provider, job.budget - fee);
        emit JobCompleted(jobId, msg.sender, reason);
    }

    function reject(uint256 jobId, bytes32 reason, bytes calldata) external {
        Job storage job = _jobs[jobId];
        JobStatus status = job.status;
        if (status > JobStatus.Submitted) revert WrongStatus();
        if (msg.sender != (status == JobStatus.Open ? job.client : job.evaluator)) revert Unauthorized();
        job.status = JobStatus.Rejected;
        if (status != JobStatus.Open) job.paymentToken.safeTransfer(job.client, job.budget);
        emit JobRejected(jobId, msg.sender, reason);
    }

    function claimRefund(uint256 jobId) external {
        Job storage job = _jobs[jobId];
        JobStatus status = job.status;
        if (status > JobStatus.Submitted || block.timestamp < job.expiredAt) revert WrongStatus();
        if (status == JobStatus.Submitted && block.timestamp < job.expiredAt + GRACE) revert GracePeriodActive();
        job.status = JobStatus.Expired;
        if (status != JobStatus.Open) job.paymentToken.safeTransfer(job.client, job.budget);
        emit JobExpired(jobId);
    }

    function getJob(uint256 jobId) external view returns (Job memory) {
        return _jobs[jobId];
    }

    function _at(uint256 jobId, JobStatus status) private view returns (Job storage job) {
        job = _jobs[jobId];
        if (job.client == address(0) || job.status != status) revert WrongStatus();
    }
}

/// @title A job contract that says what suits it, and calls back while it is being completed.
contract HostileJob {
    address public evaluator;
    address public party;
    JobStatus public status;
    bytes public callback;
    uint256 public completions;
    bool public callbackSucceeded;

    function set(address evaluator_, address party_, JobStatus status_, bytes calldata callback_) external {
        (evaluator, party, status, callback) = (evaluator_, party_, status_, callback_);
    }

    /// @dev `party` is client and provider at once; then a megabyte that nobody asked for.
    function getJob(uint256) external view {
        (uint256 who, uint256 what, uint256 by) = (uint160(party), uint256(status), uint160(evaluator));
        assembly {
            mstore(0x00, 0x20)
            mstore(0x20, who)
            mstore(0x40, what)
            mstore(0x60, who)
            mstore(0x80, 0)
            mstore(0xa0, by)
            return(0, 1048576)
        }
    }

    function complete(uint256, bytes32, bytes calldata) external {
        ++completions;
        if (callback.length != 0) (callbackSucceeded,) = msg.sender.call(callback);
    }

    function reject(uint256, bytes32, bytes calldata) external pure {
        revert("never");
    }
}
