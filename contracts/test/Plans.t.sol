// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Opening, State} from "../interfaces/ITaskMarket.sol";
import {Bid, Task} from "../libraries/Orders.sol";
import {Receipt, ReceiptLib} from "../libraries/Receipts.sol";
import {Seat} from "../libraries/Words.sol";
import {Plans} from "../Plans.sol";
import {Order, PAGE, TRACE, Vm, vm} from "./Base.t.sol";
import {Scene} from "./Scene.t.sol";

/// @title Children lower a plan's weight and never raise it. Agent 4 plans (weight 25); agents 1 and 2 work for it at weight 9,
/// agent 3 at 16.
contract PlansTest is Scene {
    uint256 private constant PLANNER = AGENT + 3;

    Order private _plan;
    bytes32 private _planId;
    Receipt[] private _receipts;
    bytes32[] private _children;

    function test_winnersOfChildrenLowerThePlan() external {
        _begin();
        _child(_childOrder(1), _answers(7, 7, 8)); // the loser, agent 3, does not count
        _revealed(9);
    }

    function test_theMeanIsOfAllWinnersOfAllChildren() external {
        _begin();
        _child(_childOrder(1), _answers(7, 7, 8));
        _child(_childOrder(2), _answers(7, 7, 7));
        _revealed(10); // (4 · 9 + 16) / 5
    }

    function test_heavierChildrenRaiseNothing() external {
        vm.prank(_agent(3));
        registry.declare(4, PAGE, 300 | (300 << 16));
        _begin();
        _child(_childOrder(1), _answers(7, 8, 8)); // 9 and 16
        _revealed(9);
    }

    function test_aPlanWithoutChildrenKeepsItsWeight() external {
        _begin();
        _revealed(25);
    }

    function test_theWalletPostsChildrenToo() external {
        uint256 operator = 0x0b;
        _setWallet(4, operator);
        _begin();
        Order memory o = _childOrder(1);
        o.requester = vm.addr(operator);
        vm.deal(o.requester, 1e18);
        _child(o, _answers(7, 7, 8));
        _revealed(9);
    }

    function test_aStrangersTaskIsNoChild() external {
        _begin();
        Order memory o = _childOrder(1);
        o.requester = requester;
        _child(o, _answers(7, 7, 8));
        _revealed(25);
    }

    function test_aChildOfAnotherPlanIsNoChild() external {
        _begin();
        Order memory o = _childOrder(1);
        o.parent = "another";
        _child(o, _answers(7, 7, 8));
        _revealed(25);
    }

    function test_ownWorkProvesNothing() external {
        _begin();
        vm.prank(_agent(2));
        registry.transferFrom(_agent(2), _agent(3), 3);
        Order memory o = _childOrder(1);
        (Task memory t, bytes32 id) = _post(o);
        Bid[] memory bids = _bids(id, 3, o.ceiling);
        bids[2] = _bid(id, 3, PLANNER, o.ceiling);
        vm.prank(o.requester);
        market.award(t, bids, "");
        _vote(o, id, _answers(7, 7, 8));
        _settled(t, id);
        _revealed(25);
    }

    function test_aChildWithoutQuorumDoesNotCount() external {
        _begin();
        Order memory o = _childOrder(1);
        o.quorumBps = 10_000;
        _child(o, _answers(7, 7, 8));
        _revealed(25);
    }

    function test_anOpenChildIsWaitedForUntilCommitEnd() external {
        _begin();
        Order memory o = _childOrder(1);
        (o.bidEnd, o.commitEnd) = (_plan.commitEnd - 10, _plan.commitEnd + 10);
        (Task memory t, bytes32 id) = _awarded(o, 3);
        _vote(o, id, _answers(7, 7, 8));
        _children.push(id);
        _receipts.push(Receipt(t, 0, new uint256[](0)));
        Opening memory opening = _sealPlan();
        bytes memory call =
            abi.encodeCall(plans.reveal, (market, _pack(_plan), opening, TRACE, _children, _receipts));
        _refusedBy(address(plans), judge, 0, call, abi.encodeWithSelector(Plans.ChildOpen.selector, id));
        vm.warp(uint256(_plan.commitEnd) + 1);
        market.settle(t); // too late to count
        plans.reveal(market, _pack(_plan), opening, TRACE, _children, _receipts);
        assertEq(Seat.wrap(market.seatOf(_planId, 0)).weight(), 25, "weight");
    }

    function test_receiptsAndEvidenceAreChecked() external {
        _begin();
        _child(_childOrder(1), _answers(7, 7, 8));
        _child(_childOrder(2), _answers(7, 7, 8));
        Opening memory opening = _sealPlan();
        Task memory t = _pack(_plan);
        bytes memory call = abi.encodeCall(plans.reveal, (market, t, opening, bytes32("other"), _children, _receipts));
        bytes memory error_ = abi.encodeWithSelector(Plans.EvidenceMismatch.selector, opening.evidenceDigest);
        _refusedBy(address(plans), judge, 0, call, error_);
        Receipt[] memory receipts = _receipts;
        (receipts[0], receipts[1]) = (receipts[1], receipts[0]);
        call = abi.encodeCall(plans.reveal, (market, t, opening, TRACE, _children, receipts));
        error_ = abi.encodeWithSelector(Plans.ChildMismatch.selector, _children[0]);
        _refusedBy(address(plans), judge, 0, call, error_);
        receipts = _receipts;
        receipts[1].results[0] |= uint256(0x3fff) << 48; // a heavier winner than there was
        call = abi.encodeCall(plans.reveal, (market, t, opening, TRACE, _children, receipts));
        error_ = abi.encodeWithSelector(ReceiptLib.NoSuchReceipt.selector, _children[1]);
        _refusedBy(address(plans), judge, 0, call, error_);
        plans.reveal(market, t, opening, TRACE, _children, _receipts);
    }

    function test_aReceiptIsOfAClosedTask() external {
        _begin();
        (Task memory t, bytes32 id) = _post(_childOrder(1));
        Receipt memory r = Receipt(t, 0, new uint256[](0));
        bytes memory error_ = abi.encodeWithSelector(ReceiptLib.NoSuchReceipt.selector, id);
        _refusedBy(address(this), judge, 0, abi.encodeCall(this.check, (r)), error_);
        vm.prank(_agent(3));
        market.cancel(t, "");
        _refusedBy(address(this), judge, 0, abi.encodeCall(this.check, (r)), error_);
        _child(_childOrder(2), _answers(7, 7, 8));
        (bytes32 found, State outcome, uint256 closedAt) = this.check(_receipts[0]);
        assertTrue(found == _children[0] && outcome == State.Settled && closedAt == block.timestamp, "receipt");
        uint256 word = _receipts[0].results[0];
        assertEq(ReceiptLib.agentId(word), 1, "agent");
        assertEq(ReceiptLib.score(word), 10_000, "score");
        assertEq(ReceiptLib.pay(word), 970, "pay");
    }

    function check(Receipt calldata r) external view returns (bytes32, State, uint256) {
        return r.check(market);
    }

    /* INSIDE */

    /// @dev An awarded plan task of agent 4 alone.
    function _begin() private {
        for (uint256 i; i < 3; ++i) {
            vm.prank(_agent(i));
            registry.declare(i + 1, PAGE, i == 2 ? 400 | (400 << 16) : 300 | (300 << 16));
        }
        vm.deal(_agent(3), 1e18);
        _plan = _order(requester, 1);
        (_plan.kind, _plan.k, _plan.commitEnd) = (1, 1, _plan.bidEnd + 600);
        Task memory t;
        (t, _planId) = _post(_plan);
        Bid[] memory bids = new Bid[](1);
        bids[0] = _bid(_planId, 4, registry.getAgentWallet(4) == _agent(3) ? PLANNER : 0x0b, 10);
        vm.prank(requester);
        market.award(t, bids, "");
    }

    function _childOrder(uint256 salt) private view returns (Order memory o) {
        o = _order(_agent(3), salt);
        (o.parent, o.quorumBps) = (_planId, 4_000);
    }

    /// @dev A whole child task of agents 1 to 3, named by the plan.
    function _child(Order memory o, uint256[] memory answers) private {
        (Task memory t, bytes32 id) = _awarded(o, 3);
        _vote(o, id, answers);
        _settled(t, id);
    }

    function _settled(Task memory t, bytes32 id) private {
        vm.recordLogs();
        market.settle(t);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Receipt storage r = _receipts.push();
        r.task = t;
        (r.winner,,,,, r.results) =
            abi.decode(logs[0].data, (bytes32, uint256, uint256, uint256, uint256, uint256[]));
        _children.push(id);
    }

    function _sealPlan() private returns (Opening memory opening) {
        opening = _opening(0, 7);
        opening.evidenceDigest = keccak256(abi.encode(TRACE, _children));
        address wallet = Seat.wrap(market.seatOf(_planId, 0)).wallet();
        vm.prank(wallet);
        market.commit(_planId, 0, _commitment(_planId, 4, opening), "");
    }

    /// @dev Reveals the plan, relayed by nobody in particular; it votes with `weight`.
    function _revealed(uint256 weight) private {
        Opening memory opening = _sealPlan();
        vm.recordLogs();
        plans.reveal(market, _pack(_plan), opening, TRACE, _children, _receipts);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertTrue(logs[1].topics[0] == Plans.PlanRevealed.selector, "event");
        (, uint256 told,,) = abi.decode(logs[1].data, (uint256, uint256, bytes32, bytes32[]));
        assertEq(told, weight, "weight told");
        assertEq(Seat.wrap(market.seatOf(_planId, 0)).weight(), weight, "weight");
    }
}
