// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC8183, JobStatus} from "../interfaces/IERC8183.sol";
import {IQuorumEvaluator, Policy} from "../interfaces/IQuorumEvaluator.sol";
import {ITaskMarket, Opening, State} from "../interfaces/ITaskMarket.sol";
import {Cids} from "../libraries/Cids.sol";
import {Bid, Task} from "../libraries/Orders.sol";
import {Receipt, ReceiptLib} from "../libraries/Receipts.sol";
import {QuorumEvaluator} from "../periphery/QuorumEvaluator.sol";
import {Base, Order, PAGE, TRACE, Vm, vm} from "./Base.t.sol";
import {PlainToken} from "./Hostile.sol";
import {HostileJob, Job8183} from "./Job8183.sol";

/// @title A market with three agents, an evaluator of it, and jobs to judge.
abstract contract Court is Base {
    uint256 internal constant AGENT = 0xb0b; // agent i + 1 is of key AGENT + i
    uint256 internal constant CEILING = 1_000;
    uint256 internal constant ESCROW = 3 * CEILING;
    uint256 internal constant BUDGET = 5_000;
    uint256 internal constant FEE = 150; // 3 % of the budget
    bytes32 internal constant DELIVERABLE = keccak256("the work");
    address internal constant CLIENT = address(0xc11e);
    address internal constant PROVIDER = address(0x9807);
    address internal constant PAYER = address(0x9a1e);
    address internal constant OTHER = address(0x07e8);
    address internal constant ROUTER = address(0x8074);
    address internal constant STRANGER = address(0x57a6);
    QuorumEvaluator internal quorum;
    Job8183 internal jobs;
    PlainToken internal token;

    function setUp() external {
        _deploy();
        quorum = new QuorumEvaluator(market);
        jobs = new Job8183(300);
        token = new PlainToken();
        for (uint256 i; i < 3; ++i) {
            vm.prank(vm.addr(AGENT + i));
            registry.register(keccak256("file"), PAGE, 10_000 | (10_000 << 16));
        }
        token.mint(CLIENT, 10 * BUDGET);
        vm.prank(CLIENT);
        token.approve(address(jobs), 10 * BUDGET);
    }

    /* POLICIES AND JOBS */

    /// @dev Of the fields that the evaluator fills in, requester, header and salt hold what it must overwrite.
    function _policy() internal view returns (Policy memory p) {
        Order memory o = _order(address(0xdead), 1);
        (o.router, o.ceiling, o.minSeats) = (ROUTER, uint96(CEILING), 2);
        (o.bidEnd, o.commitEnd) = (20, 40);
        p = Policy(_pack(o), "{\"body\":\"", "\"}", "Case: ", ". Was it done?");
    }

    function _digestOf(Policy memory p) internal pure returns (bytes32) {
        return keccak256(abi.encode(p));
    }

    function _job(address where) internal pure returns (IERC8183) {
        return IERC8183(where);
    }

    function _created(address evaluator) internal returns (uint256 jobId) {
        vm.prank(CLIENT);
        jobId = jobs.createJob(PROVIDER, evaluator, uint48(block.timestamp + 3_600), "Paint it", address(0), 0);
    }

    function _funded(uint256 jobId) internal {
        vm.prank(CLIENT);
        jobs.setBudget(jobId, address(token), BUDGET, "");
        vm.prank(CLIENT);
        jobs.fund(jobId, BUDGET, "");
    }

    function _delivered(uint256 jobId) internal {
        vm.prank(PROVIDER);
        jobs.submit(jobId, DELIVERABLE, "");
    }

    /// @dev A job with a policy, whose provider has submitted and presented.
    function _submitted() internal returns (uint256 jobId) {
        jobId = _created(address(quorum));
        Policy memory p = _policy();
        vm.prank(CLIENT);
        quorum.setPolicy(_job(address(jobs)), jobId, p);
        _funded(jobId);
        _delivered(jobId);
        vm.prank(PROVIDER);
        quorum.present(_job(address(jobs)), jobId, DELIVERABLE);
    }

    /// @dev The same of a job contract that lies.
    function _lied(HostileJob liar, uint256 jobId) internal {
        Policy memory p = _policy();
        liar.set(address(quorum), STRANGER, JobStatus.Open, "");
        vm.prank(STRANGER);
        quorum.setPolicy(_job(address(liar)), jobId, p);
        liar.set(address(quorum), STRANGER, JobStatus.Submitted, "");
        vm.prank(STRANGER);
        quorum.present(_job(address(liar)), jobId, DELIVERABLE);
    }

    function _statusOf(uint256 jobId) internal view returns (JobStatus status) {
        (,, status,,,) = _job(address(jobs)).getJob(jobId);
    }

    function _isStatus(uint256 jobId, JobStatus want) internal view {
        assertEq(uint256(_statusOf(jobId)), uint256(want), "status");
    }

    function _isCase(address job, uint256 jobId, bytes32 policy, bytes32 deliverable, bytes32 task) internal view {
        (bytes32 a, bytes32 b, bytes32 c) = quorum.caseOf(_job(job), jobId);
        assertTrue(a == policy, "the case's policy");
        assertTrue(b == deliverable, "the case's deliverable");
        assertTrue(c == task, "the case's task");
    }

    /* VOTES */

    function _judge(address job, uint256 jobId, address payer, uint256 value) internal returns (bytes32) {
        Policy memory p = _policy();
        vm.deal(payer, payer.balance + value);
        vm.prank(payer);
        return quorum.judge{value: value}(_job(job), jobId, p);
    }

    /// @dev The task that `judge` makes of the policy now.
    function _taskOf(address job, uint256 jobId, address payer) internal view returns (Task memory t) {
        Policy memory p = _policy();
        (bytes memory header,) = quorum.documentsOf(p, _job(job), jobId, DELIVERABLE);
        Order memory o = _order(quorum.purseOf(payer), 0);
        (o.router, o.ceiling, o.minSeats) = (ROUTER, uint96(CEILING), 2);
        (o.header, o.salt) = (sha256(header), keccak256(abi.encode(job, jobId, DELIVERABLE)));
        return _pack(o);
    }

    function _posted(address job, uint256 jobId, address payer, uint256 value)
        internal
        returns (Task memory t, bytes32 id)
    {
        t = _taskOf(job, jobId, payer);
        id = _judge(job, jobId, payer, value);
        assertTrue(id == market.taskIdOf(t), "the policy's task");
        _isState(id, State.Open);
    }

    function _award(Task memory t) internal {
        bytes32 id = market.taskIdOf(t);
        Bid[] memory bids = new Bid[](3);
        for (uint256 i; i < 3; ++i) {
            bids[i] = _bid(id, i + 1, AGENT + i, CEILING);
        }
        vm.prank(ROUTER);
        market.award(t, bids, "");
    }

    /// @dev Seat s is agent s + 1; an empty answer stays away.
    function _settle(Task memory t, string memory a, string memory b, string memory c)
        internal
        returns (Receipt memory r)
    {
        bytes32 id = market.taskIdOf(t);
        string[3] memory answers = [a, b, c];
        Opening[3] memory openings;
        for (uint256 s; s < 3; ++s) {
            if (bytes(answers[s]).length == 0) continue;
            openings[s] = Opening(s, sha256(bytes(answers[s])), TRACE, bytes32(s + 1), "");
            bytes32 commitment = _commitment(id, s + 1, openings[s]);
            vm.prank(vm.addr(AGENT + s));
            market.commit(id, s, commitment, "");
        }
        if (bytes(c).length == 0) vm.warp(uint256(uint40(t.times >> 40)) + 1);
        for (uint256 s; s < 3; ++s) {
            if (bytes(answers[s]).length != 0) market.reveal(id, openings[s]);
        }
        vm.recordLogs();
        market.settle(t);
        Vm.Log memory log = _only(vm.getRecordedLogs(), address(market), ITaskMarket.TaskSettled.selector);
        (bytes32 winner,,,,, uint256[] memory results) =
            abi.decode(log.data, (bytes32, uint256, uint256, uint256, uint256, uint256[]));
        r = Receipt(t, winner, results);
    }

    function _resolve(uint256 jobId, Receipt memory r) internal {
        vm.prank(STRANGER);
        quorum.resolve(_job(address(jobs)), jobId, r);
    }

    /* ASSERTIONS */

    function _only(Vm.Log[] memory logs, address emitter, bytes32 topic) internal pure returns (Vm.Log memory log) {
        uint256 n;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter != emitter || logs[i].topics[0] != topic) continue;
            (log, n) = (logs[i], n + 1);
        }
        assertEq(n, 1, "events");
    }

    /// @dev The one event of the evaluator among those recorded, about this job.
    function _told(bytes32 topic, address job, uint256 jobId) internal returns (Vm.Log memory log) {
        log = _only(vm.getRecordedLogs(), address(quorum), topic);
        assertTrue(log.topics[1] == bytes32(uint256(uint160(job))), "the event's job");
        assertTrue(log.topics[2] == bytes32(jobId), "the event's jobId");
    }

    /// @dev The call to the evaluator fails, with exactly this error.
    function _refused(address by, bytes memory call, bytes memory want) internal {
        _refusedBy(address(quorum), by, 0, call, want);
    }

    function _notAuthorized(address caller, address expected) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuorumEvaluator.NotAuthorized.selector, caller, expected);
    }

    function _wrongStatus(JobStatus have, JobStatus want) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuorumEvaluator.WrongStatus.selector, have, want);
    }

    function _foreign(bytes32 have, bytes32 want) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuorumEvaluator.ForeignTask.selector, have, want);
    }

    function _live(bytes32 id, State state) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IQuorumEvaluator.VoteLive.selector, id, state);
    }

    function _short(address account, uint256 have, uint256 want) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ITaskMarket.InsufficientBalance.selector, account, address(0), have, want);
    }
}

/// @title Rules of the evaluator, its purses and its documents; whole lives are in tests/contract.
contract QuorumTest is Court {
    /* BEFORE THE VOTE */

    function test_thePolicyIsTheClientsWhileTheJobIsOpenAndStands() external {
        assertTrue(address(quorum.MARKET()) == address(market), "market");
        address where = address(jobs);
        Policy memory p = _policy();
        uint256 jobId = _created(address(quorum));
        bytes memory call = abi.encodeCall(quorum.setPolicy, (_job(where), jobId, p));
        _refused(PROVIDER, call, _notAuthorized(PROVIDER, CLIENT));
        _isCase(where, jobId, 0, 0, 0);
        vm.recordLogs();
        vm.prank(CLIENT);
        quorum.setPolicy(_job(where), jobId, p);
        Vm.Log memory log = _told(IQuorumEvaluator.PolicySet.selector, where, jobId);
        assertTrue(keccak256(log.data) == keccak256(abi.encode(_digestOf(p), p)), "the event's policy");
        _isCase(where, jobId, _digestOf(p), 0, 0);
        _refused(CLIENT, call, abi.encodeWithSelector(IQuorumEvaluator.PolicyFixed.selector, _digestOf(p)));
        p.bodyTail = " Be kind.";
        call = abi.encodeCall(quorum.setPolicy, (_job(where), jobId, p));
        _refused(CLIENT, call, abi.encodeWithSelector(IQuorumEvaluator.PolicyFixed.selector, _digestOf(_policy())));
    }

    function test_aPolicyIsOnlyForAnOpenJobThatNamesTheEvaluator() external {
        Policy memory p = _policy();
        uint256 jobId = _created(STRANGER);
        bytes memory call = abi.encodeCall(quorum.setPolicy, (_job(address(jobs)), jobId, p));
        _refused(CLIENT, call, abi.encodeWithSelector(IQuorumEvaluator.NotEvaluator.selector, STRANGER));
        jobId = _created(address(quorum));
        _funded(jobId);
        call = abi.encodeCall(quorum.setPolicy, (_job(address(jobs)), jobId, p));
        _refused(CLIENT, call, _wrongStatus(JobStatus.Funded, JobStatus.Open));
        call = abi.encodeCall(quorum.setPolicy, (_job(address(token)), jobId, p));
        _refused(CLIENT, call, "");
        call = abi.encodeCall(quorum.setPolicy, (_job(STRANGER), jobId, p));
        _refused(CLIENT, call, "");
    }

    function test_theDeliverableIsTheProvidersWordOnce() external {
        address where = address(jobs);
        uint256 jobId = _created(address(quorum));
        Policy memory p = _policy();
        vm.prank(CLIENT);
        quorum.setPolicy(_job(where), jobId, p);
        _funded(jobId);
        bytes memory call = abi.encodeCall(quorum.present, (_job(where), jobId, DELIVERABLE));
        _refused(PROVIDER, call, _wrongStatus(JobStatus.Funded, JobStatus.Submitted));
        _delivered(jobId);
        _refused(CLIENT, call, _notAuthorized(CLIENT, PROVIDER));
        bytes memory empty = abi.encodeCall(quorum.present, (_job(where), jobId, 0));
        _refused(PROVIDER, empty, abi.encodeWithSelector(IQuorumEvaluator.EmptyDeliverable.selector));
        vm.recordLogs();
        vm.prank(PROVIDER);
        quorum.present(_job(where), jobId, DELIVERABLE);
        Vm.Log memory log = _told(IQuorumEvaluator.DeliverablePresented.selector, where, jobId);
        assertTrue(abi.decode(log.data, (bytes32)) == DELIVERABLE, "the event's deliverable");
        _isCase(where, jobId, _digestOf(p), DELIVERABLE, 0);
        call = abi.encodeCall(quorum.present, (_job(where), jobId, keccak256("better work")));
        _refused(PROVIDER, call, abi.encodeWithSelector(IQuorumEvaluator.AlreadyPresented.selector, DELIVERABLE));
    }

    /* THE VOTE */

    function test_aVoteIsByThePolicyOnADeliverableOfASubmittedJob() external {
        address where = address(jobs);
        Policy memory p = _policy();
        uint256 jobId = _created(address(quorum));
        bytes memory call = abi.encodeCall(quorum.judge, (_job(where), jobId, p));
        bytes4 mismatch = IQuorumEvaluator.PolicyMismatch.selector;
        _refused(PAYER, call, abi.encodeWithSelector(mismatch, _digestOf(p), bytes32(0)));
        vm.prank(CLIENT);
        quorum.setPolicy(_job(where), jobId, p);
        _refused(PAYER, call, abi.encodeWithSelector(IQuorumEvaluator.NotPresented.selector));
        _funded(jobId);
        _delivered(jobId);
        vm.prank(PROVIDER);
        quorum.present(_job(where), jobId, DELIVERABLE);
        Policy memory other = _policy();
        other.headerTail = "}";
        bytes memory others = abi.encodeCall(quorum.judge, (_job(where), jobId, other));
        _refused(PAYER, others, abi.encodeWithSelector(mismatch, _digestOf(other), _digestOf(p)));
        vm.warp(block.timestamp + 3 hours);
        jobs.claimRefund(jobId);
        _refused(PAYER, call, _wrongStatus(JobStatus.Expired, JobStatus.Submitted));
        _isCase(where, jobId, _digestOf(p), DELIVERABLE, 0);
    }

    function test_aVoteIsThePolicysTaskPaidByThePayersPurse() external {
        address where = address(jobs);
        uint256 jobId = _submitted();
        address purse = quorum.purseOf(PAYER);
        assertTrue(purse.code.length == 0, "a purse before its first use");
        vm.recordLogs();
        (Task memory t, bytes32 id) = _posted(where, jobId, PAYER, ESCROW + 7);
        Vm.Log memory log = _told(IQuorumEvaluator.VotePosted.selector, where, jobId);
        assertTrue(log.topics[3] == id, "the event's task");
        (address payer, bytes32 deliverable, bytes32 header) = abi.decode(log.data, (address, bytes32, bytes32));
        assertTrue(payer == PAYER && deliverable == DELIVERABLE && header == t.header, "the event's words");
        _isCase(where, jobId, _digestOf(_policy()), DELIVERABLE, id);
        assertTrue(purse.code.length != 0, "the purse is where purseOf said");
        assertTrue(purse != quorum.purseOf(OTHER), "a purse of one's own");
        assertEq(market.balanceOf(purse, address(0)), 7, "a surplus stays with the purse");
        assertEq(address(quorum).balance + purse.balance, 0, "coins underway");
    }

    function test_oneVoteOfAJobLivesAtATimeAndAnotherFollowsOneWithoutAnAnswer() external {
        address where = address(jobs);
        uint256 jobId = _submitted();
        (Task memory t, bytes32 id) = _posted(where, jobId, PAYER, ESCROW);
        bytes memory call = abi.encodeCall(quorum.judge, (_job(where), jobId, _policy()));
        _refusedBy(address(quorum), OTHER, ESCROW, call, _live(id, State.Open));
        _award(t);
        _refusedBy(address(quorum), OTHER, ESCROW, call, _live(id, State.Awarded));
        Receipt memory r = _settle(t, "true", "false", "");
        _isState(id, State.Inconclusive);
        bytes memory resolve = abi.encodeCall(quorum.resolve, (_job(where), jobId, r));
        bytes4 undecided = IQuorumEvaluator.Undecided.selector;
        _refused(STRANGER, resolve, abi.encodeWithSelector(undecided, id, State.Inconclusive));
        _isStatus(jobId, JobStatus.Submitted);
        address purse = quorum.purseOf(PAYER);
        uint256 left = market.balanceOf(purse, address(0));
        assertTrue(left != 0 && left < ESCROW, "a part was spent");
        _refusedBy(address(quorum), PAYER, ESCROW - left - 1, call, _short(purse, ESCROW - 1, ESCROW));
        bytes32 second;
        (t, second) = _posted(where, jobId, PAYER, ESCROW - left); // the purse is there already
        assertEq(market.balanceOf(purse, address(0)), 0, "the purse paid the rest");
        _isCase(where, jobId, _digestOf(_policy()), DELIVERABLE, second);
        _refused(STRANGER, resolve, _foreign(id, second));
        _award(t);
        r = _settle(t, "true", "true", "true");
        _refusedBy(address(quorum), OTHER, ESCROW, call, _live(second, State.Settled));
        _resolve(jobId, r);
        _isStatus(jobId, JobStatus.Completed);
    }

    function test_trueCompletesTheJobOnce() external {
        address where = address(jobs);
        uint256 jobId = _submitted();
        (Task memory t, bytes32 id) = _posted(where, jobId, PAYER, ESCROW);
        _award(t);
        Receipt memory r = _settle(t, "true", "false", "true");
        vm.recordLogs();
        _resolve(jobId, r);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Vm.Log memory log = _only(logs, address(quorum), IQuorumEvaluator.JobDecided.selector);
        assertTrue(log.topics[1] == bytes32(uint256(uint160(where))), "the event's job");
        assertTrue(log.topics[2] == bytes32(jobId) && log.topics[3] == id, "the event's jobId and task");
        assertTrue(abi.decode(log.data, (bool)), "completed");
        log = _only(logs, where, Job8183.JobCompleted.selector);
        assertTrue(abi.decode(log.data, (bytes32)) == id, "the reason is the task");
        _isStatus(jobId, JobStatus.Completed);
        assertEq(token.balanceOf(PROVIDER), BUDGET - FEE, "the provider's pay");
        _isCase(where, jobId, 0, 0, 0);
        _refused(STRANGER, abi.encodeCall(quorum.resolve, (_job(where), jobId, r)), _foreign(id, 0));
    }

    function test_falseRejectsTheJob() external {
        address where = address(jobs);
        uint256 jobId = _submitted();
        (Task memory t, bytes32 id) = _posted(where, jobId, PAYER, ESCROW);
        _award(t);
        Receipt memory r = _settle(t, "false", "false", "true");
        vm.recordLogs();
        _resolve(jobId, r);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Vm.Log memory log = _only(logs, address(quorum), IQuorumEvaluator.JobDecided.selector);
        assertTrue(log.topics[3] == id && !abi.decode(log.data, (bool)), "rejected");
        log = _only(logs, where, Job8183.JobRejected.selector);
        assertTrue(abi.decode(log.data, (bytes32)) == id, "the reason is the task");
        _isStatus(jobId, JobStatus.Rejected);
        assertEq(token.balanceOf(CLIENT), 10 * BUDGET, "the client's budget");
        _isCase(where, jobId, 0, 0, 0);
    }

    function test_anotherAnswerDecidesNothing() external {
        address where = address(jobs);
        uint256 jobId = _submitted();
        (Task memory t, bytes32 id) = _posted(where, jobId, PAYER, ESCROW);
        _award(t);
        Receipt memory r = _settle(t, "True", "True", "True");
        vm.recordLogs();
        _resolve(jobId, r);
        Vm.Log memory log = _told(IQuorumEvaluator.NoVerdict.selector, where, jobId);
        assertTrue(log.topics[3] == id, "the event's task");
        bytes32 winner = abi.decode(log.data, (bytes32));
        assertTrue(winner == bytes32(bytes26(sha256("True"))), "the event's winner");
        _isStatus(jobId, JobStatus.Submitted);
        _isCase(where, jobId, _digestOf(_policy()), DELIVERABLE, 0);
        bytes memory call = abi.encodeCall(quorum.judge, (_job(where), jobId, _policy()));
        bytes memory error_ = abi.encodeWithSelector(ITaskMarket.TaskExists.selector, id);
        _refusedBy(address(quorum), PAYER, ESCROW, call, error_); // the very same vote, in the same second
        vm.warp(block.timestamp + 1);
        (t,) = _posted(where, jobId, PAYER, ESCROW);
        _award(t);
        _resolve(jobId, _settle(t, "false", "false", "false"));
        _isStatus(jobId, JobStatus.Rejected);
    }

    function test_onlyTheJobsOwnVoteCountsAndOnlyAsItEnded() external {
        (uint256 mine, uint256 other) = (_submitted(), _submitted());
        (Task memory t, bytes32 id) = _posted(address(jobs), mine, PAYER, ESCROW);
        (Task memory u, bytes32 foreign) = _posted(address(jobs), other, OTHER, ESCROW);
        Receipt memory r = Receipt(t, bytes26(sha256("true")), new uint256[](0));
        bytes memory error_ = abi.encodeWithSelector(ReceiptLib.NoSuchReceipt.selector, id);
        _refused(STRANGER, abi.encodeCall(quorum.resolve, (_job(address(jobs)), mine, r)), error_);
        _award(t);
        r = _settle(t, "true", "true", "true");
        _award(u);
        Receipt memory s = _settle(u, "false", "false", "false");
        _refused(STRANGER, abi.encodeCall(quorum.resolve, (_job(address(jobs)), mine, s)), _foreign(foreign, id));
        (r.winner, s.winner) = (s.winner, r.winner);
        _refused(STRANGER, abi.encodeCall(quorum.resolve, (_job(address(jobs)), mine, r)), error_);
        (r.winner, s.winner) = (s.winner, r.winner);
        _resolve(mine, r);
        _resolve(other, s);
        _isStatus(mine, JobStatus.Completed);
        _isStatus(other, JobStatus.Rejected);
    }

    function test_aVerdictThatComesTooLateIsTheJobsToRefuse() external {
        uint256 jobId = _submitted();
        (Task memory t, bytes32 id) = _posted(address(jobs), jobId, PAYER, ESCROW);
        _award(t);
        Receipt memory r = _settle(t, "true", "true", "true");
        vm.warp(block.timestamp + 3 hours);
        jobs.claimRefund(jobId);
        bytes memory call = abi.encodeCall(quorum.resolve, (_job(address(jobs)), jobId, r));
        _refused(STRANGER, call, abi.encodeWithSelector(Job8183.WrongStatus.selector));
        _isCase(address(jobs), jobId, _digestOf(_policy()), DELIVERABLE, id);
    }

    function test_aHostileJobIsCompletedOnceAndSpoilsItsOwnCaseAlone() external {
        uint256 honest = _submitted();
        (, bytes32 vote) = _posted(address(jobs), honest, PAYER, ESCROW);
        HostileJob liar = new HostileJob();
        _lied(liar, 1);
        (Task memory t, bytes32 id) = _posted(address(liar), 1, OTHER, ESCROW);
        _award(t);
        Receipt memory r = _settle(t, "true", "true", "true");
        bytes memory resolve = abi.encodeCall(quorum.resolve, (_job(address(liar)), 1, r));
        liar.set(address(quorum), STRANGER, JobStatus.Submitted, resolve);
        vm.prank(STRANGER);
        quorum.resolve(_job(address(liar)), 1, r);
        assertEq(liar.completions(), 1, "completions");
        assertTrue(!liar.callbackSucceeded(), "resolved twice");
        _refused(STRANGER, resolve, _foreign(id, 0));
        _isCase(address(jobs), honest, _digestOf(_policy()), DELIVERABLE, vote);
    }

    function test_aJobThatIsNeverRejectedKeepsItsCaseAndThePayerItsMoney() external {
        HostileJob liar = new HostileJob();
        _lied(liar, 2);
        (Task memory t, bytes32 id) = _posted(address(liar), 2, OTHER, ESCROW);
        _award(t);
        Receipt memory r = _settle(t, "false", "false", "true");
        bytes memory resolve = abi.encodeCall(quorum.resolve, (_job(address(liar)), 2, r));
        _refused(STRANGER, resolve, abi.encodeWithSignature("Error(string)", "never"));
        _isCase(address(liar), 2, _digestOf(_policy()), DELIVERABLE, id);
        uint256 left = market.balanceOf(quorum.purseOf(OTHER), address(0));
        assertTrue(left != 0, "a loser's ceiling returns");
        vm.prank(OTHER);
        quorum.withdraw(address(0), OTHER, left);
        assertEq(OTHER.balance, left, "withdrawn");
    }

    /* MONEY */

    function test_aPurseObeysTheEvaluatorAlone() external {
        (Task memory t,) = _posted(address(jobs), _submitted(), PAYER, ESCROW + 10);
        address purse = quorum.purseOf(PAYER);
        bytes memory withdraw = abi.encodeCall(market.withdraw, (purse, address(0), PAYER, 10, 0, ""));
        _refusedBy(purse, PAYER, 0, withdraw, _notAuthorized(PAYER, address(quorum)));
        _refusedBy(purse, PAYER, 1, withdraw, _notAuthorized(PAYER, address(quorum)));
        bytes memory cancel = abi.encodeCall(market.cancel, (t, ""));
        _refusedBy(purse, PAYER, 0, cancel, _notAuthorized(PAYER, address(quorum)));
        assertEq(market.balanceOf(purse, address(0)), 10, "balance");
    }

    function test_aPurseTakesNoCoinsWithoutACall() external {
        _posted(address(jobs), _submitted(), PAYER, ESCROW);
        address purse = quorum.purseOf(PAYER);
        _refusedBy(purse, PAYER, 1, "", _notAuthorized(PAYER, address(quorum)));
        _refusedBy(purse, PAYER, 0, "", _notAuthorized(PAYER, address(quorum)));
        _refusedBy(purse, address(quorum), 1, "", _notAuthorized(address(quorum), address(quorum)));
        assertEq(purse.balance, 0, "coins");
    }

    function test_aPurseCallsTheMarketAndPassesOnWhatItSays() external {
        _posted(address(jobs), _submitted(), PAYER, ESCROW + 10);
        address purse = quorum.purseOf(PAYER);
        vm.prank(address(quorum));
        assertEq(ITaskMarket(purse).balanceOf(purse, address(0)), 10, "the market's answer");
        vm.deal(address(quorum), 5);
        vm.prank(address(quorum));
        ITaskMarket(purse).deposit{value: 5}(purse, address(0), 5);
        assertEq(market.balanceOf(purse, address(0)), 15, "coins go along");
        bytes memory call = abi.encodeCall(market.withdraw, (purse, address(0), PAYER, 16, 0, ""));
        _refusedBy(purse, address(quorum), 0, call, _short(purse, 15, 16));
    }

    function test_whatAPurseHoldsIsItsPayersToWithdraw() external {
        address purse = quorum.purseOf(PAYER);
        vm.deal(STRANGER, 100);
        vm.prank(STRANGER);
        market.deposit{value: 100}(purse, address(0), 100);
        bytes memory call = abi.encodeCall(quorum.withdraw, (address(0), OTHER, 1));
        _refused(OTHER, call, _short(quorum.purseOf(OTHER), 0, 1));
        assertTrue(purse.code.length == 0, "no purse yet");
        vm.prank(PAYER);
        quorum.withdraw(address(0), OTHER, 60);
        assertTrue(purse.code.length != 0, "a purse");
        vm.prank(PAYER);
        quorum.withdraw(address(0), OTHER, 40);
        assertEq(OTHER.balance, 100, "withdrawn");
        assertEq(market.balanceOf(purse, address(0)), 0, "left");
        token.mint(STRANGER, 30);
        vm.prank(STRANGER);
        token.approve(address(market), 30);
        vm.prank(STRANGER);
        market.deposit(purse, address(token), 30);
        vm.prank(PAYER);
        quorum.withdraw(address(token), OTHER, 30);
        assertEq(token.balanceOf(OTHER), 30, "tokens");
    }

    function test_aJobsFeeForItsEvaluatorIsForWhoeverFetchesIt() external {
        uint256 jobId = _submitted();
        (Task memory t,) = _posted(address(jobs), jobId, PAYER, ESCROW);
        _award(t);
        _resolve(jobId, _settle(t, "true", "true", "true"));
        assertEq(token.balanceOf(address(quorum)), FEE, "the fee");
        vm.prank(OTHER);
        quorum.sweep(address(token));
        assertEq(token.balanceOf(OTHER), FEE, "swept");
        assertEq(token.balanceOf(address(quorum)), 0, "left");
    }

    /* DOCUMENTS */

    function test_theDocumentsAreThePolicysWordsAboutTheCase() external view {
        (bytes memory header, bytes memory body) =
            quorum.documentsOf(_policy(), _job(address(0xabc)), 0x17, bytes32(uint256(0xDEF)));
        bytes memory want = "Case: 0x0000000000000000000000000000000000000abc"
            "/0x0000000000000000000000000000000000000000000000000000000000000017"
            "/0x0000000000000000000000000000000000000000000000000000000000000def. Was it done?";
        assertTrue(keccak256(body) == keccak256(want), "body");
        want = bytes.concat("{\"body\":\"", Cids.raw(sha256(want)), "\"}");
        assertTrue(keccak256(header) == keccak256(want), "header");
    }

    function test_aNameOfContentIsWrittenAsTextsWriteIt() external pure {
        _isName(sha256(""), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
        _isName(0, "bafkreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        _isName(bytes32(uint256(1)), "bafkreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaae");
        _isName(bytes32(type(uint256).max), "bafkreih777777777777777777777777777777777777777777777777774");
        bytes32 counting = 0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f;
        _isName(counting, "bafkreiaaaebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4");
    }

    function _isName(bytes32 digest, string memory want) private pure {
        bytes memory have = Cids.raw(digest);
        assertEq(have.length, Cids.LENGTH, "length");
        assertTrue(keccak256(have) == keccak256(bytes(want)), want);
    }
}
