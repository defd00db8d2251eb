// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAgentRegistry} from "../interfaces/IAgentRegistry.sol";
import {ITaskMarket, Skip, State} from "../interfaces/ITaskMarket.sol";
import {Bid, Task} from "../libraries/Orders.sol";
import {Head} from "../libraries/Words.sol";
import {TaskMarket} from "../TaskMarket.sol";
import {Order, PAGE, POOL, Vm, WINDOW, vm} from "./Base.t.sol";
import {FeeToken} from "./Hostile.sol";
import {Scene} from "./Scene.t.sol";

/// @title A registry that knows every id, however large.
contract Crowd {
    address private immutable OWNER;

    constructor(address owner) {
        OWNER = owner;
    }

    function ownerAndWallet(uint256) external view returns (address, address) {
        return (OWNER, OWNER);
    }

    function seatingOf(uint256, bytes32) external view returns (address, uint256, uint256) {
        return (OWNER, uint96(uint160(OWNER)), 10_000 | (10_000 << 16));
    }
}

/// @title Bids, awards, open seats, and tasks that nobody is seated for.
contract SeatingTest is Scene {
    /* BIDS AND AWARD */

    function test_awardPaysEverySeatTheHighestSeatedAsk() external {
        (Task memory t, bytes32 id) = _post(_order(requester, 10));
        Bid[] memory bids = _bids(id, 3, 100);
        bids[1] = _bid(id, 2, AGENT + 1, 700);
        vm.prank(requester);
        market.award(t, bids, "");
        Head head = Head.wrap(market.headOf(id));
        assertEq(head.price(), 700, "price");
        assertEq(head.seats(), 3, "seats");
        assertEq(market.balanceOf(requester, address(0)), 3 * (1_000 - 700), "returned");
    }

    function test_anAwardAtTheCeilingReturnsNothing() external {
        (, bytes32 id) = _awarded(_order(requester, 11), 3);
        assertEq(market.balanceOf(requester, address(0)), 0, "returned");
        _isState(id, State.Awarded);
    }

    function test_onlyRequesterAndRouterAward() external {
        Order memory o = _order(requester, 12);
        o.router = judge;
        (Task memory t, bytes32 id) = _post(o);
        Bid[] memory bids = _bids(id, 3, 100);
        bytes memory call = abi.encodeCall(market.award, (t, bids, ""));
        _refused(address(this), call, _notAuthorized(address(this), requester));
        bytes32 message = _bidsMessage("Award", id, bids);
        call = abi.encodeCall(market.award, (t, bids, _sign(AGENT, message)));
        _refused(address(this), call, _badSignature(requester));
        market.award(t, bids, _sign(JUDGE, message));
        _isState(id, State.Awarded);
        _refused(requester, abi.encodeCall(market.award, (t, bids, "")), _wrongState(id, State.Awarded, State.Open));

        o.salt = "by the router itself";
        (t, id) = _post(o);
        bids = _bids(id, 3, 100);
        vm.prank(judge);
        market.award(t, bids, "");
        o.salt = "by the requester's signature";
        (t, id) = _post(o);
        bids = _bids(id, 3, 100);
        market.award(t, bids, _sign(REQUESTER, _bidsMessage("Award", id, bids)));
        _isState(id, State.Awarded);
    }

    function test_awardTellsWhyItPassesOverABid() external {
        Order memory o = _order(requester, 13);
        (o.bond, o.minMatchBps) = (10, 9_000);
        vm.prank(_agent(2));
        registry.declare(3, PAGE, 1);
        vm.prank(_agent(0));
        registry.register(keccak256("file"), PAGE, 10_000 | (10_000 << 16)); // agent 5, of agent 1's owner
        market.fundAgent{value: 10}(1, address(0), 10);
        (Task memory t, bytes32 id) = _post(o);
        Bid[] memory bids = new Bid[](8);
        bids[0] = _bid(id, 1, AGENT, 5);
        bids[1].terms = _terms(1, 5, block.timestamp - 1);
        bids[2] = _bid(id, 2, AGENT + 1, 1_001);
        bids[3] = _bid(id, 99, AGENT, 5);
        bids[4] = _bid(id, 2, AGENT, 5);
        bids[5] = _bid(id, 3, AGENT + 2, 5);
        bids[6] = _bid(id, 5, AGENT, 5);
        bids[7] = _bid(id, 4, AGENT + 3, 5);
        vm.recordLogs();
        vm.prank(requester);
        market.award(t, bids, "");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Skip[7] memory want = [
            Skip.BidExpired,
            Skip.PriceAboveCeiling,
            Skip.UnknownAgent,
            Skip.BadSignature,
            Skip.MatchTooLow,
            Skip.OwnerSeated,
            Skip.BondUnfunded
        ];
        for (uint256 i; i < want.length; ++i) {
            assertTrue(logs[i].topics[0] == ITaskMarket.BidSkipped.selector, "skipped");
            assertEq(uint256(abi.decode(logs[i].data, (Skip))), uint256(want[i]), "reason");
        }
        assertEq(Head.wrap(market.headOf(id)).seats(), 1, "seats");
    }

    function test_aRelayThatSpoilsABidBendsNoChoice() external {
        (Task memory t, bytes32 id) = _post(_order(requester, 70));
        Bid[] memory bids = _bids(id, 2, 900);
        bytes memory signature = _sign(REQUESTER, _bidsMessage("Award", id, bids));
        bids[1].signature[3] ^= 0x01;
        bytes memory want = abi.encodeWithSelector(ITaskMarket.SeatRefused.selector, 2, Skip.BadSignature);
        _refused(judge, abi.encodeCall(market.award, (t, bids, signature)), want);
        bids[1].signature[3] ^= 0x01;
        vm.prank(judge);
        market.award(t, bids, signature);
        assertEq(Head.wrap(market.headOf(id)).seats(), 2, "as it was signed");
    }

    function test_awardHasItsBounds() external {
        Order memory o = _order(requester, 14);
        o.minSeats = 2;
        (Task memory t, bytes32 id) = _post(o);
        bytes memory call = abi.encodeCall(market.award, (t, new Bid[](33), ""));
        _refused(requester, call, abi.encodeWithSelector(ITaskMarket.TooManyBids.selector, 33, 32));
        call = abi.encodeCall(market.award, (t, _bids(id, 1, 1), ""));
        _refused(requester, call, abi.encodeWithSelector(ITaskMarket.TooFewSeats.selector, 1, 2));
        vm.warp(uint256(o.bidEnd) + 1);
        call = abi.encodeCall(market.award, (t, _bids(id, 2, 1), ""));
        _refused(requester, call, _wrongState(id, State.Unawarded, State.Open));
    }

    function test_bidIsAnEventOfTheWallet() external {
        (, bytes32 id) = _post(_order(requester, 15));
        market.bid(id, _bid(id, 1, AGENT, 5));
        _refused(judge, abi.encodeCall(market.bid, (id, _bid(id, 1, JUDGE, 5))), _badSignature(_agent(0)));
        bytes memory unknown = abi.encodeWithSelector(ITaskMarket.UnknownAgent.selector, 99);
        _refused(judge, abi.encodeCall(market.bid, (id, _bid(id, 99, JUDGE, 5))), unknown);
        bytes memory call = abi.encodeCall(market.bid, (bytes32("none"), _bid("none", 1, AGENT, 5)));
        _refused(judge, call, _wrongState("none", State.None, State.Open));
    }

    function test_hirePostsAndAwardsForThePriceAlone() external {
        Task memory t = _pack(_order(requester, 16));
        bytes32 id = market.taskIdOf(t);
        Bid[] memory bids = _bids(id, 3, 400);
        _refused(judge, abi.encodeCall(market.hire, (t, bids, "")), _notAuthorized(judge, requester));
        vm.prank(requester);
        market.hire{value: 1_200}(t, bids, "");
        _isState(id, State.Awarded);
        assertEq(market.balanceOf(requester, address(0)), 0, "exactly the price");

        t.salt = "signed";
        id = market.taskIdOf(t);
        bids = _bids(id, 3, 400);
        bytes memory signature = _sign(REQUESTER, _bidsMessage("Hire", id, bids));
        vm.deal(judge, 1_300);
        vm.prank(judge);
        market.hire{value: 1_300}(t, bids, signature);
        assertEq(market.balanceOf(requester, address(0)), 100, "the relay's surplus is the requester's");
    }

    /* OPEN TASKS */

    function test_freeSeatsAreTakenAtTheCeiling() external {
        Order memory o = _order(requester, 20);
        (o.open, o.k) = (true, 2);
        (Task memory t, bytes32 id) = _post(o);
        bytes memory call = abi.encodeCall(market.take, (t, 1, 0, ""));
        _refused(_agent(0), call, _wrongState(id, State.Open, State.Free));
        vm.warp(uint256(o.bidEnd) + 1);
        _isState(id, State.Free);
        _refused(judge, call, _notAuthorized(judge, _agent(0)));
        vm.prank(_agent(0));
        market.take(t, 1, 0, "");
        call = abi.encodeCall(market.take, (t, 1, 0, ""));
        _refused(_agent(0), call, abi.encodeWithSelector(ITaskMarket.SeatRefused.selector, 1, Skip.OwnerSeated));
        _commit(id, 0, 7);
        // One has come and committed, but another still may: no reveal yet, and nothing to settle.
        bytes memory pending = abi.encodeWithSelector(ITaskMarket.Pending.selector, id, o.commitEnd);
        _refused(judge, abi.encodeCall(market.settle, (t)), pending);
        call = abi.encodeCall(market.reveal, (id, _opening(0, 7)));
        _refused(judge, call, _wrongState(id, State.Awarded, State.Revealing));
        bytes memory signature = _sign(AGENT + 1, _takeMessage(id, 2));
        market.take(t, 2, type(uint256).max, signature);
        assertEq(Head.wrap(market.headOf(id)).price(), 1_000, "price");
        call = abi.encodeCall(market.take, (t, 3, 0, ""));
        _refused(_agent(2), call, _wrongState(id, State.Awarded, State.Free));
        _commit(id, 1, 7);
        market.reveal(id, _opening(0, 7));
        market.reveal(id, _opening(1, 7));
        market.settle(t);
        _isState(id, State.Settled);
    }

    function test_takeRefusesWhomAwardWouldPassOver() external {
        Order memory o = _order(requester, 21);
        (o.open, o.minMatchBps, o.bond) = (true, 9_000, 10);
        vm.prank(_agent(2));
        registry.declare(3, PAGE, 1);
        (Task memory t,) = _post(o);
        vm.warp(uint256(o.bidEnd) + 1);
        bytes memory call = abi.encodeCall(market.take, (t, 3, 0, ""));
        _refused(_agent(2), call, abi.encodeWithSelector(ITaskMarket.SeatRefused.selector, 3, Skip.MatchTooLow));
        call = abi.encodeCall(market.take, (t, 1, 0, ""));
        _refused(_agent(0), call, abi.encodeWithSelector(ITaskMarket.SeatRefused.selector, 1, Skip.BondUnfunded));
        call = abi.encodeCall(market.take, (t, 99, 0, ""));
        _refused(_agent(0), call, _notAuthorized(_agent(0), address(0)));
    }

    function test_aSignedTakeHasADeadline() external {
        Order memory o = _order(requester, 71);
        o.open = true;
        (Task memory t, bytes32 id) = _post(o);
        vm.warp(uint256(o.bidEnd) + 2);
        uint256 deadline = block.timestamp - 1;
        bytes32 message = keccak256(
            abi.encode(keccak256("Take(bytes32 taskId,uint256 agentId,uint256 deadline)"), id, uint256(1), deadline)
        );
        bytes memory call = abi.encodeCall(market.take, (t, 1, deadline, _sign(AGENT, message)));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.SignatureExpired.selector, deadline));
    }

    function test_anIdThatFitsNoSeatIsNoAgent() external {
        IAgentRegistry crowd = IAgentRegistry(address(new Crowd(judge)));
        market = new TaskMarket(crowd, POOL, address(plans), WINDOW, address(0), 0, 0);
        Order memory o = _order(requester, 22);
        o.open = true;
        (Task memory t,) = _post(o);
        vm.warp(uint256(o.bidEnd) + 1);
        uint256 large = uint256(type(uint32).max) + 1;
        bytes memory call = abi.encodeCall(market.take, (t, large, 0, ""));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.SeatRefused.selector, large, Skip.UnknownAgent));
    }

    function test_nobodyIsSeatedWithoutARegistry() external {
        market = new TaskMarket(
            IAgentRegistry(address(new FeeToken())), POOL, address(plans), WINDOW, address(0), 0, 0
        );
        Order memory o = _order(requester, 24);
        o.open = true;
        (Task memory t,) = _post(o);
        vm.warp(uint256(o.bidEnd) + 1);
        _refused(judge, abi.encodeCall(market.take, (t, 1, 0, "")), "");
    }

    function test_seatsThatNobodyTookReturnToTheRequester() external {
        Order memory o = _order(requester, 23);
        (o.open, o.minSeats) = (true, 2);
        (Task memory t, bytes32 id) = _post(o);
        vm.warp(uint256(o.bidEnd) + 1);
        vm.prank(_agent(0));
        market.take(t, 1, 0, "");
        _commit(id, 0, 7);
        vm.warp(uint256(o.commitEnd) + 1);
        market.reveal(id, _opening(0, 7));
        market.settle(t);
        _isState(id, State.Inconclusive); // one seat is fewer than minSeats, however sure it is
        assertEq(market.balanceOf(requester, address(0)), 3_000 - 200, "refund");
        assertEq(_accrued(1, address(0)), 200, "base");
    }

    /* CANCEL AND EXPIRE */

    function test_cancelUntilSomebodyIsSeated() external {
        Order memory o = _order(requester, 30);
        (Task memory t, bytes32 id) = _post(o);
        _refused(judge, abi.encodeCall(market.cancel, (t, "")), _notAuthorized(judge, requester));
        bytes memory forged = _sign(JUDGE, _cancelMessage(id));
        _refused(judge, abi.encodeCall(market.cancel, (t, forged)), _badSignature(requester));
        market.cancel(t, _sign(REQUESTER, _cancelMessage(id)));
        _isState(id, State.Cancelled);
        assertEq(market.balanceOf(requester, address(0)), 3_000, "refund");
        _refused(requester, abi.encodeCall(market.cancel, (t, "")), _wrongState(id, State.Cancelled, State.Open));
        (, uint256 closedAt, bytes26 digest) = market.receiptOf(id);
        assertTrue(closedAt == block.timestamp && digest == 0, "receipt");

        o.salt = "awarded";
        (t, id) = _awarded(o, 1);
        _refused(requester, abi.encodeCall(market.cancel, (t, "")), _wrongState(id, State.Awarded, State.Open));
        t.salt = "never posted";
        id = market.taskIdOf(t);
        _refused(requester, abi.encodeCall(market.cancel, (t, "")), _wrongState(id, State.None, State.Open));
    }

    function test_expiresToTheRequester() external {
        (Task memory t, bytes32 id) = _post(_evaluated(_order(requester, 31)));
        bytes memory error_ = _wrongState(id, State.Open, State.Closing);
        _refused(judge, abi.encodeCall(market.settle, (t)), error_);
        vm.warp(block.timestamp + 21);
        _refused(
            judge, abi.encodeCall(market.evaluate, (t, 0, "")), _wrongState(id, State.Unawarded, State.Closing)
        );
        market.settle(t);
        _isState(id, State.Expired);
        assertEq(market.balanceOf(requester, address(0)), 3_077, "refund");
        _refused(judge, abi.encodeCall(market.settle, (t)), _wrongState(id, State.Expired, State.Closing));
    }
}
