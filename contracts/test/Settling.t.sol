// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITaskMarket, State} from "../interfaces/ITaskMarket.sol";
import {Capability} from "../libraries/Capability.sol";
import {Bid, Task} from "../libraries/Orders.sol";
import {Order, PAGE, POOL, SCORE_BURN_BPS, Vm, vm} from "./Base.t.sol";
import {PlainToken} from "./Hostile.sol";
import {Scene} from "./Scene.t.sol";

/// @title Votes, evaluations, and the arithmetic of weights and scores; whole lives are in tests/contract and tests/property.
contract SettlingTest is Scene {
    /* SETTLE */

    function test_theVotePaysItsWinnersAndTheBaseToTheRest() external {
        Order memory o = _order(requester, 50);
        (o.sharedBps, o.bond) = (2_500, 40);
        for (uint256 i = 1; i <= 3; ++i) {
            market.fundAgent{value: 40}(i, address(0), 40);
        }
        (Task memory t, bytes32 id) = _awarded(o, 3);
        _vote(o, id, _answers(7, 7, 8));
        vm.recordLogs();
        market.settle(t);
        (bytes32 winner, uint256 weights, uint256 refund, uint256 burnt, uint256 fee, uint256[] memory results) =
            _told(vm.getRecordedLogs());
        assertTrue(bytes26(winner) == bytes26(_digest(7)) && uint256(winner) << 208 == 0, "winner");
        assertEq(uint32(weights >> 32), uint32(weights) / 2 * 3, "weights");
        assertTrue(weights >> 64 == 0 && fee == 0, "no evaluation");
        uint256 burn = 1_000 * SCORE_BURN_BPS / 10_000;
        assertEq(burnt, 2 * burn + 200 * SCORE_BURN_BPS / 10_000, "burnt");
        assertEq(refund, 800, "what the vote left");
        uint256 pay = 1_000 - burn;
        assertEq(uint96(results[0] >> 64), pay, "pay of a winner");
        assertEq(_accrued(1, address(0)), pay - pay / 4 + 40, "a winner's account");
        assertEq(_accrued(3, address(0)), 194 - 48 + 40, "a loser's account");
        assertEq(market.balanceOf(POOL, address(0)), 2 * (pay / 4) + 48, "the pool's");
        assertTrue(market.earnedOf(1, PAGE) != 0 && market.earnedOf(3, PAGE) == 0, "earned");
        (, uint256 seats, uint256 won, uint256 noShows) = market.accountOf(1, address(0));
        assertTrue(seats == 1 && won == 1 && noShows == 0, "counters");
        assertEq(results[1], market.earnedOf(1, PAGE), "told");
        (State outcome,, bytes26 digest) = market.receiptOf(id);
        assertTrue(outcome == State.Settled, "receipt");
        assertTrue(digest == bytes26(keccak256(abi.encodePacked(winner, results))), "digest");
    }

    function _told(Vm.Log[] memory logs)
        private
        pure
        returns (bytes32, uint256, uint256, uint256, uint256, uint256[] memory)
    {
        bytes memory data = logs[logs.length - 1].data;
        return abi.decode(data, (bytes32, uint256, uint256, uint256, uint256, uint256[]));
    }

    function test_whoStaysAwayLosesTheBondToNobody() external {
        Order memory o = _order(requester, 51);
        (o.k, o.bond) = (2, 40);
        market.fundAgent{value: 40}(1, address(0), 40);
        market.fundAgent{value: 40}(2, address(0), 40);
        (Task memory t, bytes32 id) = _awarded(o, 2);
        vm.warp(uint256(o.commitEnd) + 1);
        vm.recordLogs();
        market.settle(t); // nobody has committed: nothing to wait for
        _isState(id, State.Void);
        (,, uint256 refund, uint256 burnt,,) = _told(vm.getRecordedLogs());
        assertTrue(refund == 2_000 && burnt == 80, "refund and burnt");
        (uint256 accrued, uint256 seats, uint256 won, uint256 noShows) = market.accountOf(1, address(0));
        assertTrue(accrued == 0 && seats == 1 && won == 0 && noShows == 1, "account");
    }

    function test_theSmallestBondIsLockedToo() external {
        Order memory o = _order(requester, 33);
        (o.k, o.bond) = (1, 1);
        market.fundAgent{value: 1}(1, address(0), 1);
        _awarded(o, 1);
        assertEq(_accrued(1, address(0)), 0, "not locked");
        (Task memory t, bytes32 id) = _post(_with(o, 34));
        bytes memory call = abi.encodeCall(market.award, (t, _bids(id, 1, 900), ""));
        _refused(requester, call, abi.encodeWithSelector(ITaskMarket.TooFewSeats.selector, 0, 1));
    }

    function _with(Order memory o, uint256 salt) private pure returns (Order memory) {
        o.salt = bytes32(salt);
        return o;
    }

    function test_noQuorumPaysTheBaseAndMovesNoScore() external {
        Order memory o = _order(requester, 52);
        (Task memory t, bytes32 id) = _awarded(o, 3);
        _vote(o, id, _answers(7, 8, 9));
        market.settle(t);
        _isState(id, State.Inconclusive);
        assertEq(_accrued(2, address(0)), 200, "base");
        assertEq(market.earnedOf(2, PAGE), 0, "earned");
    }

    function test_equalWeightsGoToTheLowerHash() external {
        Order memory o = _order(requester, 53);
        (o.k, o.quorumBps) = (2, 5_000);
        for (uint256 salt; salt < 4; ++salt) {
            o.salt = bytes32(100 + salt);
            (Task memory t, bytes32 id) = _awarded(o, 2);
            _commit(id, 0, 7);
            _commit(id, 1, 8);
            market.reveal(id, _opening(0, 7));
            market.reveal(id, _opening(1, 8));
            uint256 before = _accrued(1, address(0));
            market.settle(t);
            bytes32 a = keccak256(abi.encodePacked(id, bytes26(_digest(7))));
            bytes32 b = keccak256(abi.encodePacked(id, bytes26(_digest(8))));
            // A winner with whom nobody agreed proves nothing: full pay and base, no score, no burn.
            uint256 pay = a < b ? 1_000 : 200;
            assertEq(_accrued(1, address(0)) - before, pay, "the lower hash wins");
        }
    }

    function test_cheapSeatsAndOtherTokensMoveNoScore() external {
        Order memory o = _order(requester, 54);
        o.ceiling = 499;
        (Task memory t, bytes32 id) = _awarded(o, 3);
        _vote(o, id, _answers(7, 7, 7));
        market.settle(t);
        assertEq(_accrued(1, address(0)), 499, "nothing burnt");
        assertEq(market.earnedOf(1, PAGE), 0, "a cheap seat");
        o = _order(requester, 55);
        PlainToken coin = _token(address(this), 3_000);
        o.token = address(coin);
        market.deposit(requester, address(coin), 3_000);
        t = _pack(o);
        vm.prank(requester);
        id = market.post(t, "");
        Bid[] memory bids = _bids(id, 3, 1_000);
        vm.prank(requester);
        market.award(t, bids, "");
        _vote(o, id, _answers(7, 7, 7));
        market.settle(t);
        assertEq(market.earnedOf(1, PAGE), 0, "another token");
        assertEq(_accrued(1, address(coin)), 1_000, "paid in the token");
    }

    function test_aScoreThatIsReachedStays() external {
        Order memory o = _order(requester, 56);
        o.requirement = 1; // a lane so light that no step moves it
        (Task memory t, bytes32 id) = _awarded(o, 3);
        _vote(o, id, _answers(7, 7, 7));
        market.settle(t);
        assertEq(market.earnedOf(1, PAGE), 0, "earned");
        (, uint256 seats,,) = market.accountOf(1, address(0));
        assertEq(seats, 1, "seats");
    }

    /* EVALUATORS */

    function test_anEvaluationInTimeScoresAndIsPaid() external {
        Order memory o = _evaluated(_order(requester, 60));
        (Task memory t, bytes32 id) = _awarded(o, 3);
        uint256 scores = 10_000 | (0 << 16) | (5_000 << 32);
        bytes memory call = abi.encodeCall(market.evaluate, (t, scores, ""));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.Pending.selector, id, o.commitEnd));
        _vote(o, id, _answers(7, 7, 8));
        _refused(requester, call, _notAuthorized(requester, judge));
        bytes memory pending =
            abi.encodeWithSelector(ITaskMarket.Pending.selector, id, uint256(o.commitEnd) + o.revealWindow + 30);
        _refused(requester, abi.encodeCall(market.settle, (t)), pending);
        bytes memory high = abi.encodeCall(market.evaluate, (t, 10_001, ""));
        bytes memory error_ =
            abi.encodeWithSelector(ITaskMarket.ParameterOutOfRange.selector, bytes32("scores"), 10_001, 0, 10_000);
        _refused(judge, high, error_);
        vm.recordLogs();
        market.evaluate(t, scores, _sign(JUDGE, _evaluateMessage(id, scores)));
        (, uint256 weights, uint256 refund, uint256 burnt, uint256 fee,) = _told(vm.getRecordedLogs());
        assertTrue(weights >> 64 == 1 && fee == 77, "an evaluation");
        assertEq(market.balanceOf(judge, address(0)), 77, "fee");
        // By the vote: 1000, 1000, 200. By the evaluator: 1000, 200, 600, of which 3 % are burnt.
        assertEq(_accrued(1, address(0)), 970, "confirmed");
        assertEq(_accrued(2, address(0)), 194, "refuted");
        assertEq(_accrued(3, address(0)), 582, "raised");
        assertEq(burnt, 800 + 30 + 6 + 18, "what it took, and the score burn");
        assertEq(refund, 400, "what a raise left of the vote's rest");
    }

    /// @dev Prices so high that no rounding hides a share that is off by a ten-thousandth.
    function test_payIsExactToTheWei() external {
        Order memory o = _order(requester, 61);
        (o.ceiling, o.sharedBps) = (1e15, 2_500);
        (Task memory t, bytes32 id) = _awarded(o, 3);
        _vote(o, id, _answers(7, 7, 8));
        market.settle(t);
        assertEq(_accrued(1, address(0)), 7.275e14, "a winner, by the vote");
        assertEq(_accrued(3, address(0)), 1.455e14, "a loser, by the vote");
        o.salt = bytes32(uint256(62));
        (t, id) = _awarded(_evaluated(o), 3);
        _vote(o, id, _answers(7, 7, 8));
        vm.prank(judge);
        market.evaluate(t, 10_000 | (5_000 << 32), "");
        assertEq(_accrued(1, address(0)), 7.275e14 + 7.275e14, "confirmed");
        assertEq(_accrued(2, address(0)), 7.275e14 + 1.455e14, "refuted");
        assertEq(_accrued(3, address(0)), 1.455e14 + 4.365e14, "raised");
        assertEq(market.balanceOf(POOL, address(0)), (2 * 9.7e14 + 1.94e14 + 9.7e14 + 1.94e14 + 5.82e14) / 4, "shared");
    }

    function test_anEvaluatorsSilenceMeansTheVote() external {
        Order memory o = _evaluated(_order(requester, 61));
        (Task memory t, bytes32 id) = _awarded(o, 3);
        _vote(o, id, _answers(7, 7, 7));
        vm.warp(uint256(o.commitEnd) + o.revealWindow + 30);
        _isState(id, State.Evaluating);
        vm.warp(block.timestamp + 1);
        bytes memory call = abi.encodeCall(market.evaluate, (t, 0, ""));
        _refused(judge, call, _wrongState(id, State.Closing, State.Evaluating));
        market.settle(t);
        assertEq(market.balanceOf(requester, address(0)), 77, "the fee returns");
        assertEq(market.balanceOf(judge, address(0)), 0, "silence is not paid");
    }

    function test_anEvaluationOfNothingIsNotPaid() external {
        Order memory o = _evaluated(_order(requester, 62));
        (Task memory t, bytes32 id) = _awarded(o, 3);
        vm.warp(uint256(o.commitEnd) + o.revealWindow + 1);
        vm.prank(judge);
        market.evaluate(t, 0, "");
        _isState(id, State.Void);
        assertEq(market.balanceOf(requester, address(0)), 3_077, "all returns");
    }

    function test_aFreeEvaluationOfALoneSeatMovesNoScore() external {
        Order memory o = _evaluated(_order(requester, 63));
        (o.evaluationFee, o.k) = (0, 1);
        (Task memory t, bytes32 id) = _awarded(o, 1);
        _commit(id, 0, 7);
        market.reveal(id, _opening(0, 7));
        vm.prank(judge);
        market.evaluate(t, 9_000, "");
        assertEq(_accrued(1, address(0)), 920, "by the score");
        assertEq(market.earnedOf(1, PAGE), 0, "earned");
        assertEq(market.balanceOf(requester, address(0)), 0, "a harsh word returns nothing");
    }

    /// @dev An evaluation never returns more to the requester than silence would have.
    function testFuzz_evaluationNeverPaysTheRequester(uint256 scores, uint16 base, uint8 answers) external {
        Order memory o = _evaluated(_order(requester, 64));
        o.baseBps = base % 10_001;
        scores = _word(scores);
        uint256[2] memory refunds;
        for (uint256 i; i < 2; ++i) {
            o.salt = bytes32(i);
            (o.bidEnd, o.commitEnd) = (uint40(block.timestamp + 20), uint40(block.timestamp + 40));
            (Task memory t, bytes32 id) = _awarded(o, 3);
            _vote(o, id, _answers(answers % 3, answers / 3 % 3, answers / 9 % 3));
            uint256 before = market.balanceOf(requester, address(0));
            if (i == 0) vm.warp(uint256(o.commitEnd) + o.revealWindow + 31);
            vm.prank(judge);
            if (i == 0) market.settle(t);
            else market.evaluate(t, scores, "");
            refunds[i] = market.balanceOf(requester, address(0)) - before;
        }
        assertTrue(refunds[1] <= refunds[0], "an evaluation paid the requester");
    }

    /* ARITHMETIC */

    /// @dev Never past the score, never away from it, at most a sixteenth of the way, and nothing in lanes not required.
    function testFuzz_stepMovesTowardTheScore(uint16 e, uint16 r, uint16 score, uint8 lane) external pure {
        (e, r, score, lane) = (e % 10_001, r % 10_001, score % 10_001, lane % 16);
        uint256 rest = 0x1234 << (16 * ((uint256(lane) + 1) % 16));
        uint256 next = Capability.step((uint256(e) << (16 * lane)) | rest, uint256(r) << (16 * lane), score);
        uint256 moved = (next >> (16 * lane)) & 0xffff;
        assertEq(next & ~(uint256(0xffff) << (16 * lane)), rest, "another lane moved");
        (uint256 low, uint256 high) = e < score ? (e, score) : (score, e);
        assertTrue(moved >= low && moved <= high, "overshot");
        uint256 way = moved > e ? moved - e : e - moved;
        assertEq(way, (high - low) * r / 160_000, "step");
    }

    function testFuzz_weightIsBounded(uint256 declared, uint256 earned, uint256 requirement) external pure {
        (declared, earned, requirement) = (_word(declared), _word(earned), _word(requirement));
        vm.assume(requirement != 0);
        (uint256 matchBps, uint256 weight) = Capability.matchAndWeight(declared, earned, requirement);
        assertTrue(matchBps <= 10_000, "match above 1");
        assertTrue(weight >= 1 && weight <= 10_000, "weight out of bounds");
    }

    function testFuzz_inRangeIsEveryLane(uint256 word) external pure {
        bool expected = true;
        for (uint256 i; i < 16; ++i) {
            if ((word >> (16 * i)) & 0xffff > 10_000) expected = false;
        }
        assertTrue(Capability.inRange(word) == expected, "inRange");
        assertTrue(Capability.inRange(_word(word)), "clamped");
    }

    function _word(uint256 word) private pure returns (uint256 out) {
        for (uint256 i; i < 16; ++i) {
            out |= (((word >> (16 * i)) & 0xffff) % 10_001) << (16 * i);
        }
    }
}
