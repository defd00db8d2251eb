// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITaskMarket, State} from "../interfaces/ITaskMarket.sol";
import {Task} from "../libraries/Orders.sol";
import {TaskMarket} from "../TaskMarket.sol";
import {Order, POOL, WINDOW, vm} from "./Base.t.sol";
import {PlainToken} from "./Hostile.sol";
import {Scene} from "./Scene.t.sol";

/// @title What a market may be made of, and a task may be posted with.
contract PostingTest is Scene {
    function test_noMarketIsWithoutAPool() external {
        vm.expectRevert(abi.encodeWithSelector(ITaskMarket.ZeroAddress.selector));
        new TaskMarket(registry, address(0), address(plans), WINDOW, address(0), 0, 0);
    }

    function test_noMarketHasTermsOutOfRange() external {
        vm.expectRevert(_range("minWindow", 0, 1, 30 days));
        new TaskMarket(registry, POOL, address(plans), 0, address(0), 0, 0);
        vm.expectRevert(_range("minWindow", 30 days + 1, 1, 30 days));
        new TaskMarket(registry, POOL, address(plans), 30 days + 1, address(0), 0, 0);
        vm.expectRevert(_range("scoreBurnBps", 10_001, 0, 10_000));
        new TaskMarket(registry, POOL, address(plans), WINDOW, address(0), 0, 10_001);
        new TaskMarket(registry, POOL, address(plans), 30 days, address(0), 0, 10_000);
    }

    function test_postIsForTheRequesterOrItsSignature() external {
        Task memory t = _pack(_order(requester, 1));
        bytes32 id = market.taskIdOf(t);
        _refused(judge, abi.encodeCall(market.post, (t, "")), _notAuthorized(judge, requester));
        bytes memory forged = _signDigest(JUDGE, id);
        _refused(judge, abi.encodeCall(market.post, (t, forged)), _badSignature(requester));
        vm.deal(judge, 3_000);
        vm.prank(judge);
        market.post{value: 3_000}(t, _signDigest(REQUESTER, id));
        _isState(id, State.Open);
        _refused(
            requester, abi.encodeCall(market.post, (t, "")), abi.encodeWithSelector(ITaskMarket.TaskExists.selector, id)
        );
    }

    function test_postTakesCoinsFirstAndTheBalanceForTheRest() external {
        Order memory o = _order(requester, 2);
        vm.deal(judge, 1_000);
        vm.prank(judge);
        market.deposit{value: 1_000}(requester, address(0), 1_000);
        bytes memory error_ =
            abi.encodeWithSelector(ITaskMarket.InsufficientBalance.selector, requester, address(0), 2_999, 3_000);
        _refusedBy(address(market), requester, 1_999, abi.encodeCall(market.post, (_pack(o), "")), error_);
        vm.prank(requester);
        market.post{value: 2_500}(_pack(o), "");
        assertEq(market.balanceOf(requester, address(0)), 500, "the rest of the balance");
        o.salt = "surplus";
        vm.prank(requester);
        market.post{value: 3_100}(_pack(o), "");
        assertEq(market.balanceOf(requester, address(0)), 600, "a surplus becomes balance");
    }

    function test_postOfATokenTaskTakesNoCoins() external {
        Order memory o = _order(requester, 3);
        PlainToken coin = _token(requester, 3_000);
        o.token = address(coin);
        bytes memory error_ = abi.encodeWithSelector(ITaskMarket.AmountMismatch.selector, 1, 0);
        _refusedBy(address(market), requester, 1, abi.encodeCall(market.post, (_pack(o), "")), error_);
        vm.prank(requester);
        market.deposit(requester, address(coin), 3_000);
        vm.prank(requester);
        bytes32 id = market.post(_pack(o), "");
        _isState(id, State.Open);
        assertEq(market.balanceOf(requester, address(coin)), 0, "escrowed");
    }

    function test_everyParameterHasItsRange() external {
        Order memory o = _order(requester, 4);
        o.ceiling = 0;
        _outOfRange(o, "ceiling", 0, 1, type(uint96).max);
        o = _order(requester, 4);
        o.requirement = 0;
        _outOfRange(o, "requirement", 0, 1, type(uint256).max);
        o.requirement = 10_001 << 32;
        _outOfRange(o, "requirement", o.requirement, 1, 10_000);
        o = _order(requester, 4);
        o.kind = 4;
        _outOfRange(o, "kind", 4, 0, 3);
        o = _order(requester, 4);
        o.baseBps = 10_001;
        _outOfRange(o, "baseBps", 10_001, 0, 10_000);
        o = _order(requester, 4);
        o.minMatchBps = 10_001;
        _outOfRange(o, "minMatchBps", 10_001, 0, 10_000);
        o = _order(requester, 4);
        o.sharedBps = 10_001;
        _outOfRange(o, "sharedBps", 10_001, 0, 10_000);
        o = _order(requester, 4);
        o.k = 17;
        _outOfRange(o, "k", 17, 1, 16);
        o.k = 0;
        _outOfRange(o, "k", 0, 1, 16);
        o = _order(requester, 4);
        o.minSeats = 0;
        _outOfRange(o, "minSeats", 0, 1, 3);
        o.minSeats = 4;
        _outOfRange(o, "minSeats", 4, 1, 3);
        o = _order(requester, 4);
        o.quorumBps = 0;
        _outOfRange(o, "quorumBps", 0, 1, 10_000);
        o.quorumBps = 10_001;
        _outOfRange(o, "quorumBps", 10_001, 1, 10_000);
    }

    function test_everyWindowHasItsRange() external {
        uint256 now_ = block.timestamp;
        Order memory o = _order(requester, 5);
        o.bidEnd = uint40(now_ + WINDOW - 1);
        _outOfRange(o, "bidEnd", o.bidEnd, now_ + WINDOW, now_ + 30 days);
        o.bidEnd = uint40(now_ + 30 days + 1);
        _outOfRange(o, "bidEnd", o.bidEnd, now_ + WINDOW, now_ + 30 days);
        o = _order(requester, 5);
        o.commitEnd = o.bidEnd + uint40(WINDOW) - 1;
        _outOfRange(o, "commitEnd", o.commitEnd, o.bidEnd + WINDOW, uint256(o.bidEnd) + 30 days);
        o = _order(requester, 5);
        o.revealWindow = 30 days + 1;
        _outOfRange(o, "revealWindow", o.revealWindow, WINDOW, 30 days);
        o = _order(requester, 5);
        o.evaluationWindow = 1;
        _outOfRange(o, "evaluationWindow", 1, 0, 0);
        (o.evaluationWindow, o.evaluationFee) = (0, 1);
        _outOfRange(o, "evaluationFee", 1, 0, 0);
        o.evaluator = judge;
        _outOfRange(o, "evaluationWindow", 0, WINDOW, 30 days);
        o = _order(requester, 5);
        Task memory t = _pack(o);
        t.times |= 1 << 144;
        bytes memory error_ = _range("times", 1, 0, 0);
        _refused(requester, abi.encodeCall(market.post, (t, "")), error_);
        t = _pack(o);
        t.terms |= 2 << 184;
        _refused(requester, abi.encodeCall(market.post, (t, "")), _range("open", 2, 0, 1));
    }

    function _outOfRange(Order memory o, bytes32 name, uint256 value, uint256 min, uint256 max) private {
        _refused(requester, abi.encodeCall(market.post, (_pack(o), "")), _range(name, value, min, max));
    }

    function _range(bytes32 name, uint256 value, uint256 min, uint256 max) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ITaskMarket.ParameterOutOfRange.selector, name, value, min, max);
    }
}
