// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LibString} from "solady/src/utils/LibString.sol";
import {SafeTransferLib} from "solady/src/utils/SafeTransferLib.sol";
import {IERC8183, JobStatus} from "../interfaces/IERC8183.sol";
import {IQuorumEvaluator, Policy} from "../interfaces/IQuorumEvaluator.sol";
import {ITaskMarket, State} from "../interfaces/ITaskMarket.sol";
import {Cids} from "../libraries/Cids.sol";
import {Task} from "../libraries/Orders.sol";
import {Receipt} from "../libraries/Receipts.sol";

/// @notice A payer's account in the market: what the evaluator calls on it, it calls on the market. What the market returns of several
/// tasks to one account cannot be told apart, and settling is anyone's; so every payer has an account of its own, and nothing is left
/// to divide.
contract Purse {
    address private immutable EVALUATOR = msg.sender;
    address private immutable MARKET = address(QuorumEvaluator(msg.sender).MARKET());

    fallback() external payable {
        if (msg.sender != EVALUATOR) revert IQuorumEvaluator.NotAuthorized(msg.sender, EVALUATOR);
        address market = MARKET;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let ok := call(gas(), market, callvalue(), data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if iszero(ok) { revert(data, returndatasize()) }
            return(data, returndatasize())
        }
    }

    /// @dev Coins come along with a call, or not at all.
    receive() external payable {
        revert IQuorumEvaluator.NotAuthorized(msg.sender, EVALUATOR);
    }
}

/// @title The vote as an ERC-8183 evaluator; its interface carries the documentation.
/// @dev Holds no money: votes are paid from purses, and a fee that a job paid is anyone's to fetch. Of untrusted code it calls a job's
/// `getJob`, statically, and its `complete` or `reject`, last. So a job contract that lies spoils the cases under its own address only.
contract QuorumEvaluator is IQuorumEvaluator {
    using SafeTransferLib for address;

    struct Case {
        bytes32 policy;
        bytes32 deliverable;
        bytes32 task;
    }

    ITaskMarket public immutable MARKET;

    mapping(IERC8183 job => mapping(uint256 jobId => Case)) private _case;

    constructor(ITaskMarket market) {
        MARKET = market;
    }

    /* BEFORE THE VOTE */

    /// @inheritdoc IQuorumEvaluator
    function setPolicy(IERC8183 job, uint256 jobId, Policy calldata policy) external {
        (, address client, JobStatus status,,, address evaluator) = job.getJob(jobId);
        if (evaluator != address(this)) revert NotEvaluator(evaluator);
        _requireStatus(status, JobStatus.Open);
        _requireSender(client);
        Case storage c = _case[job][jobId];
        if (c.policy != 0) revert PolicyFixed(c.policy);
        bytes32 digest = keccak256(abi.encode(policy));
        c.policy = digest;
        emit PolicySet(job, jobId, digest, policy);
    }

    /// @inheritdoc IQuorumEvaluator
    function present(IERC8183 job, uint256 jobId, bytes32 deliverable) external {
        (,, JobStatus status, address provider,,) = job.getJob(jobId);
        _requireStatus(status, JobStatus.Submitted);
        _requireSender(provider);
        if (deliverable == 0) revert EmptyDeliverable();
        Case storage c = _case[job][jobId];
        if (c.deliverable != 0) revert AlreadyPresented(c.deliverable);
        c.deliverable = deliverable;
        emit DeliverablePresented(job, jobId, deliverable);
    }

    /* THE VOTE */

    /// @inheritdoc IQuorumEvaluator
    function judge(IERC8183 job, uint256 jobId, Policy calldata policy) external payable returns (bytes32 taskId) {
        Case storage c = _case[job][jobId];
        bytes32 digest = keccak256(abi.encode(policy));
        if (digest != c.policy) revert PolicyMismatch(digest, c.policy);
        bytes32 deliverable = c.deliverable;
        if (deliverable == 0) revert NotPresented();
        (,, JobStatus status,,,) = job.getJob(jobId);
        _requireStatus(status, JobStatus.Submitted);
        _requireNoVote(c.task);

        address purse = _purse(msg.sender);
        Task memory task = _task(policy, job, jobId, deliverable, purse);
        taskId = ITaskMarket(purse).post{value: msg.value}(task, "");
        c.task = taskId;
        emit VotePosted(job, jobId, taskId, msg.sender, deliverable, task.header);
    }

    /// @inheritdoc IQuorumEvaluator
    function resolve(IERC8183 job, uint256 jobId, Receipt calldata receipt) external {
        (bytes32 taskId, State outcome,) = receipt.check(MARKET);
        Case storage c = _case[job][jobId];
        if (taskId != c.task) revert ForeignTask(taskId, c.task);
        if (outcome != State.Settled) revert Undecided(taskId, outcome);

        // A winner is known by the first 26 bytes of its answer's digest.
        bytes26 winner = bytes26(receipt.winner);
        bool completed = winner == bytes26(sha256("true"));
        if (!completed && winner != bytes26(sha256("false"))) {
            c.task = 0;
            emit NoVerdict(job, jobId, taskId, receipt.winner);
            return;
        }
        delete _case[job][jobId]; // the job never comes back
        emit JobDecided(job, jobId, taskId, completed);
        if (completed) job.complete(jobId, taskId, "");
        else job.reject(jobId, taskId, "");
    }

    /* MONEY */

    /// @inheritdoc IQuorumEvaluator
    function withdraw(address token, address to, uint256 amount) external {
        address purse = _purse(msg.sender);
        ITaskMarket(purse).withdraw(purse, token, to, amount, 0, "");
    }

    /// @inheritdoc IQuorumEvaluator
    function sweep(address token) external {
        token.safeTransferAll(msg.sender);
    }

    /* VIEWS */

    /// @inheritdoc IQuorumEvaluator
    function purseOf(address payer) public view returns (address) {
        bytes32 code = keccak256(type(Purse).creationCode);
        return address(
            uint160(uint256(keccak256(abi.encodePacked(bytes1(0xff), address(this), _salt(payer), code))))
        );
    }

    /// @inheritdoc IQuorumEvaluator
    function caseOf(IERC8183 job, uint256 jobId) external view returns (bytes32, bytes32, bytes32) {
        Case storage c = _case[job][jobId];
        return (c.policy, c.deliverable, c.task);
    }

    /// @inheritdoc IQuorumEvaluator
    function documentsOf(Policy calldata policy, IERC8183 job, uint256 jobId, bytes32 deliverable)
        public
        pure
        returns (bytes memory header, bytes memory body)
    {
        string memory subject = string.concat(
            LibString.toHexString(uint160(address(job)), 20),
            "/",
            LibString.toHexString(jobId, 32),
            "/",
            LibString.toHexString(uint256(deliverable), 32)
        );
        body = bytes.concat(policy.bodyHead, bytes(subject), policy.bodyTail);
        header = bytes.concat(policy.headerHead, Cids.raw(sha256(body)), policy.headerTail);
    }

    /* INSIDE */

    /// @dev The policy's task, now, about this case, paid by this purse.
    function _task(Policy calldata policy, IERC8183 job, uint256 jobId, bytes32 deliverable, address purse)
        private
        view
        returns (Task memory task)
    {
        (bytes memory header,) = documentsOf(policy, job, jobId, deliverable);
        task = policy.task;
        task.payer = (task.payer >> 160 << 160) | uint160(purse);
        task.times += block.timestamp | (block.timestamp << 40); // bidEnd and commitEnd
        task.header = sha256(header);
        task.salt = keccak256(abi.encode(job, jobId, deliverable));
    }

    /// @dev No vote yet, or the last one ended without an answer.
    function _requireNoVote(bytes32 taskId) private view {
        if (taskId == 0) return;
        State state = MARKET.stateOf(taskId);
        if (state <= State.Settled) revert VoteLive(taskId, state);
    }

    function _purse(address payer) private returns (address purse) {
        purse = purseOf(payer);
        if (purse.code.length == 0) new Purse{salt: _salt(payer)}();
    }

    function _salt(address payer) private pure returns (bytes32) {
        return bytes32(uint256(uint160(payer)));
    }

    function _requireStatus(JobStatus have, JobStatus want) private pure {
        if (have != want) revert WrongStatus(have, want);
    }

    function _requireSender(address expected) private view {
        if (msg.sender != expected) revert NotAuthorized(msg.sender, expected);
    }
}
