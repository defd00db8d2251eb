// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAgentRegistry} from "../interfaces/IAgentRegistry.sol";
import {ITaskMarket, Opening, Skip, State} from "../interfaces/ITaskMarket.sol";
import {Capability} from "../libraries/Capability.sol";
import {Bid, Task} from "../libraries/Orders.sol";
import {Head, HeadLib, Seat, SeatLib} from "../libraries/Words.sol";
import {TaskMarket} from "../TaskMarket.sol";
import {Base, Order, PAGE, POOL, SCORE_BURN_BPS, TRACE, Vm, WINDOW, vm} from "./Base.t.sol";
import {FeeToken, PlainToken, Wallet1271} from "./Hostile.sol";

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

/// @title Actors, and whole steps at once, for the tests of single rules.
abstract contract Scene is Base {
    uint256 internal constant REQUESTER = 0xa11ce;
    uint256 internal constant AGENT = 0xb0b; // agent i + 1 is of key AGENT + i
    uint256 internal constant JUDGE = 0xce5a;
    uint256 internal constant AGENTS = 4;
    bytes32 internal constant NEW_DESKS = bytes32(uint256(6)); // the counter's slot
    address internal requester;
    address internal judge;

    function setUp() external {
        _deploy();
        (requester, judge) = (vm.addr(REQUESTER), vm.addr(JUDGE));
        vm.deal(requester, 1e18);
        for (uint256 i; i < AGENTS; ++i) {
            vm.prank(_agent(i));
            registry.register(keccak256("file"), PAGE, 10_000 | (10_000 << 16));
        }
    }

    function _agent(uint256 i) internal pure returns (address) {
        return vm.addr(AGENT + i);
    }

    function _post(Order memory o) internal returns (Task memory t, bytes32 id) {
        t = _pack(o);
        vm.prank(o.requester);
        id = market.post{value: _escrow(o)}(t, "");
    }

    /// @dev One bid of each of the first n agents, at the price.
    function _bids(bytes32 id, uint256 n, uint256 price) internal view returns (Bid[] memory bids) {
        bids = new Bid[](n);
        for (uint256 i; i < n; ++i) {
            bids[i] = _bid(id, i + 1, AGENT + i, price);
        }
    }

    function _awarded(Order memory o, uint256 n) internal returns (Task memory t, bytes32 id) {
        (t, id) = _post(o);
        Bid[] memory bids = _bids(id, n, o.ceiling);
        vm.prank(o.requester);
        market.award(t, bids, "");
    }

    /// @dev Opening of seat s: an answer of zero stays away.
    function _opening(uint256 s, uint256 answer) internal pure returns (Opening memory) {
        return Opening(s, _digest(answer), TRACE, bytes32(s + 1), "");
    }

    function _commit(bytes32 id, uint256 s, uint256 answer) internal {
        Seat word = Seat.wrap(market.seatOf(id, s));
        bytes32 commitment = _commitment(id, word.agentId(), _opening(s, answer)); // sha-256 is a call: before the prank
        vm.prank(word.wallet());
        market.commit(id, s, commitment, "");
    }

    /// @dev Commits and reveals one answer a seat, past the deadlines where somebody stays away.
    function _vote(Order memory o, bytes32 id, uint256[] memory answers) internal {
        bool away;
        for (uint256 s; s < answers.length; ++s) {
            if (answers[s] != 0) _commit(id, s, answers[s]);
            else away = true;
        }
        if (away) vm.warp(uint256(o.commitEnd) + 1);
        for (uint256 s; s < answers.length; ++s) {
            if (answers[s] != 0) market.reveal(id, _opening(s, answers[s]));
        }
    }

    function _answers(uint256 a, uint256 b, uint256 c) internal pure returns (uint256[] memory answers) {
        answers = new uint256[](3);
        (answers[0], answers[1], answers[2]) = (a, b, c);
    }

    function _evaluated(Order memory o) internal view returns (Order memory) {
        (o.evaluator, o.evaluationWindow, o.evaluationFee) = (judge, 30, 77);
        return o;
    }

    /// @dev A token of which `who` has an amount, all of it at the market's disposal.
    function _token(address who, uint256 amount) internal returns (PlainToken token) {
        token = new PlainToken();
        token.mint(who, amount);
        vm.prank(who);
        token.approve(address(market), amount);
    }

    function _accrued(uint256 agentId, address token) internal view returns (uint256 amount) {
        (amount,,,) = market.accountOf(agentId, token);
    }

    /// @dev The call fails, with exactly this error.
    function _refused(address by, bytes memory call, bytes memory want) internal {
        _refusedBy(address(market), by, 0, call, want);
    }

    function _wrongState(bytes32 id, State have, State want) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ITaskMarket.WrongState.selector, id, have, want);
    }

    function _notAuthorized(address caller, address expected) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ITaskMarket.NotAuthorized.selector, caller, expected);
    }

    function _badSignature(address expected) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ITaskMarket.BadSignature.selector, expected);
    }
}

/// @title Rules of posting, seating and voting; whole lives are in tests/contract and tests/property.
contract MarketTest is Scene {
    /* POST */

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

    /* COMMIT AND REVEAL */

    function test_commitIsOnceOfTheSeatedWalletAndInTime() external {
        Order memory o = _order(requester, 40);
        (, bytes32 id) = _awarded(o, 2);
        bytes memory noSeat = abi.encodeWithSelector(ITaskMarket.NoSuchSeat.selector, id, 2);
        _refused(_agent(0), abi.encodeCall(market.commit, (id, 2, TRACE, "")), noSeat);
        bytes memory call = abi.encodeCall(market.commit, (id, 0, TRACE, ""));
        _refused(_agent(1), call, _notAuthorized(_agent(1), _agent(0)));
        market.commit(id, 0, TRACE, _sign(AGENT, _commitMessage(id, 0, TRACE)));
        _refused(_agent(0), call, abi.encodeWithSelector(ITaskMarket.AlreadyCommitted.selector, id, 0));
        vm.warp(uint256(o.commitEnd) + 1);
        call = abi.encodeCall(market.commit, (id, 1, TRACE, ""));
        _refused(_agent(1), call, _wrongState(id, State.Revealing, State.Awarded));
    }

    function test_revealOpensWhatWasCommitted() external {
        Order memory o = _order(requester, 41);
        (, bytes32 id) = _awarded(o, 3);
        _commit(id, 0, 7);
        bytes memory call = abi.encodeCall(market.reveal, (id, _opening(0, 7)));
        _refused(judge, call, _wrongState(id, State.Awarded, State.Revealing));
        _commit(id, 1, 8);
        vm.warp(uint256(o.commitEnd) + 1);
        market.reveal(id, _opening(0, 7));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.AlreadyRevealed.selector, id, 0));
        call = abi.encodeCall(market.reveal, (id, _opening(1, 7)));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.CommitmentMismatch.selector, id, 1));
        call = abi.encodeCall(market.reveal, (id, _opening(2, 7)));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.NotCommitted.selector, id, 2));
        call = abi.encodeCall(market.reveal, (id, _opening(3, 7)));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.NoSuchSeat.selector, id, 3));
        Opening memory opening = _opening(1, 8);
        opening.answer = new bytes(257);
        call = abi.encodeCall(market.reveal, (id, opening));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.AnswerTooLong.selector, 257, 256));
        opening.answer = "8";
        call = abi.encodeCall(market.reveal, (id, opening));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.AnswerMismatch.selector, opening.answerDigest));
        opening.answer = abi.encode(8);
        market.reveal(id, opening);
        vm.warp(uint256(o.commitEnd) + o.revealWindow + 1);
        call = abi.encodeCall(market.reveal, (id, _opening(2, 7)));
        _refused(judge, call, _wrongState(id, State.Closing, State.Revealing));
    }

    function test_revealsOpenEarlyWhenAllHaveCommitted() external {
        Order memory o = _order(requester, 42);
        (Task memory t, bytes32 id) = _awarded(o, 2);
        _commit(id, 0, 7);
        _commit(id, 1, 7);
        market.reveal(id, _opening(0, 7));
        _isState(id, State.Revealing);
        bytes memory pending =
            abi.encodeWithSelector(ITaskMarket.Pending.selector, id, uint256(o.commitEnd) + o.revealWindow);
        _refused(judge, abi.encodeCall(market.settle, (t)), pending);
        Opening[] memory openings = new Opening[](1);
        openings[0] = _opening(1, 7);
        market.revealAndSettle(t, openings);
        _isState(id, State.Settled);
    }

    function test_aSingleSeatNeedsNoNote() external {
        Order memory o = _order(requester, 43);
        o.k = 1;
        (Task memory t, bytes32 id) = _awarded(o, 1);
        bytes memory pending = abi.encodeWithSelector(ITaskMarket.Pending.selector, id, o.commitEnd);
        _refused(judge, abi.encodeCall(market.settle, (t)), pending);
        _commit(id, 0, 7);
        market.reveal(id, _opening(0, 7));
        _isState(id, State.Awarded);
        market.settle(t);
        _isState(id, State.Settled);
        assertEq(_accrued(1, address(0)), 1_000, "a lone winner is paid, and nothing burnt");
        assertEq(market.earnedOf(1, PAGE), 0, "but earns no reputation");
    }

    /// @dev The event is written by hand: byte for byte what the compiler would write.
    function test_aRevealIsToldAsTheCompilerWould() external {
        string[4] memory texts = ["", "42", "a text of thirty-two bytes, here!", "one more than thirty-two bytes are"];
        for (uint256 i; i < 4; ++i) {
            Order memory o = _order(requester, 80 + i);
            (, bytes32 id) = _awarded(o, 1);
            bytes memory text = bytes(texts[i]);
            Opening memory told = Opening(0, sha256(text), TRACE, bytes32(i), text);
            bytes32 commitment = _commitment(id, 1, told);
            vm.prank(_agent(0));
            market.commit(id, 0, commitment, "");
            vm.recordLogs();
            market.reveal(id, told);
            Vm.Log memory log = vm.getRecordedLogs()[0];
            bytes memory want = abi.encode(uint256(0), told.answerDigest, TRACE, told.salt, text);
            assertTrue(keccak256(log.data) == keccak256(want), "data");
            assertTrue(log.topics[1] == id && uint256(log.topics[2]) == 1, "topics");
        }
    }

    /* DESKS */

    function test_aDeskIsLeftToTheNextTask() external {
        Order memory o = _order(requester, (1 << 64) | 7);
        (, bytes32 first) = _awarded(o, 3);
        _vote(o, first, _answers(1, 1, 1));
        market.settle(_pack(o));
        for (uint256 s; s < 3; ++s) {
            assertEq(market.seatOf(first, s), 0, "a closed task shows a seat");
        }
        o.salt = bytes32(uint256((2 << 64) | 7));
        o.k = 1;
        (o.bidEnd, o.commitEnd) = (uint40(block.timestamp + 20), uint40(block.timestamp + 40));
        (, bytes32 second) = _awarded(o, 1);
        assertEq(Seat.wrap(market.seatOf(second, 0)).tag(), SeatLib.AWARDED, "seated");
        for (uint256 s = 1; s < 17; ++s) {
            assertEq(market.seatOf(second, s), 0, "a seat of the task before");
            bytes memory none = abi.encodeWithSelector(ITaskMarket.NoSuchSeat.selector, second, s);
            _refused(_agent(s % AGENTS), abi.encodeCall(market.commit, (second, s, TRACE, "")), none);
        }
    }

    /// @dev Two live tasks that want one desk, and the one who comes second leaves first.
    function test_nobodySitsAtATakenDesk() external {
        Order memory o = _order(requester, (1 << 64) | 7);
        (, bytes32 first) = _awarded(o, 3);
        uint256[3] memory words;
        for (uint256 s; s < 3; ++s) {
            words[s] = market.seatOf(first, s);
        }
        Order memory p = _order(requester, (2 << 64) | 7);
        (, bytes32 second) = _awarded(p, 2);
        assertEq(uint256(vm.load(address(market), NEW_DESKS)), 1, "a new desk");
        assertTrue(first != second, "two tasks");
        _vote(p, second, new uint256[](2));
        market.settle(_pack(p));
        for (uint256 s; s < 3; ++s) {
            assertEq(market.seatOf(first, s), words[s], "written into");
        }
        vm.warp(uint256(o.commitEnd) + o.revealWindow + 1);
        market.settle(_pack(o));
        _isState(first, State.Void);
    }

    function test_aClosedHeadIsShownAsTheReceiptThatItIs() external {
        Order memory o = _order(requester, 72);
        (, bytes32 id) = _awarded(o, 1);
        assertTrue(market.headOf(id) << 13 >> 221 == 0, "no desk is shown");
        _vote(o, id, _answers(7, 0, 0));
        market.settle(_pack(o));
        (State outcome, uint256 closedAt, bytes26 digest) = market.receiptOf(id);
        uint256 word = (uint256(outcome) << 248) | (closedAt << 208) | uint208(digest);
        assertEq(market.headOf(id), word, "the receipt");
    }

    function test_newDesksEndBeforeTheirNumbersDo() external {
        Order memory o = _order(requester, (1 << 64) | 7);
        _awarded(o, 1);
        o.salt = bytes32(uint256((2 << 64) | 7));
        (Task memory t, bytes32 id) = _post(o);
        vm.store(address(market), NEW_DESKS, bytes32(HeadLib.NAMED_DESKS));
        bytes memory call = abi.encodeCall(market.award, (t, _bids(id, 1, 900), ""));
        _refused(requester, call, abi.encodeWithSelector(ITaskMarket.NoDesk.selector));
        vm.store(address(market), NEW_DESKS, bytes32(HeadLib.NAMED_DESKS - 1));
        vm.prank(requester);
        market.award(t, _bids(id, 1, 900), "");
        assertEq(Head.wrap(market.headOf(id)).seats(), 1, "the last desk");
    }

    function test_plansAreOpenedByPlansAlone() external {
        Order memory o = _order(requester, 44);
        o.kind = 1;
        (, bytes32 id) = _awarded(o, 1);
        _commit(id, 0, 7);
        bytes memory wrongKind = abi.encodeWithSelector(ITaskMarket.WrongKind.selector, id);
        _refused(judge, abi.encodeCall(market.reveal, (id, _opening(0, 7))), wrongKind);
        bytes memory call = abi.encodeCall(market.revealAndSettle, (_pack(o), new Opening[](0)));
        _refused(judge, call, wrongKind);
        call = abi.encodeCall(market.revealPlan, (id, _opening(0, 7), 1));
        _refused(judge, call, _notAuthorized(judge, address(plans)));
        o = _order(requester, 45);
        (, bytes32 other) = _awarded(o, 1);
        _commit(other, 0, 7);
        call = abi.encodeCall(market.revealPlan, (other, _opening(0, 7), 1));
        _refused(address(plans), call, abi.encodeWithSelector(ITaskMarket.WrongKind.selector, other));
        uint256 weight = Seat.wrap(market.seatOf(id, 0)).weight();
        Opening memory opening = _opening(0, 7);
        vm.prank(address(plans));
        market.revealPlan(id, opening, weight + 1);
        assertEq(Seat.wrap(market.seatOf(id, 0)).weight(), weight, "never raised");
    }

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

/// @title Rules of the money door.
contract VaultTest is Scene {
    function test_depositCreditsWhatArrives() external {
        market.deposit{value: 5}(judge, address(0), 5);
        assertEq(market.balanceOf(judge, address(0)), 5, "coins");
        FeeToken coin = new FeeToken();
        coin.mint(address(this), 1_000);
        coin.approve(address(market), 1_000);
        market.deposit(judge, address(coin), 1_000);
        assertEq(market.balanceOf(judge, address(coin)), 990, "a fee was lost on the way");
        bytes memory call = abi.encodeCall(market.deposit, (address(0), address(0), 0));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.ZeroAddress.selector));
        call = abi.encodeCall(market.deposit, (judge, address(0), 2));
        bytes memory error_ = abi.encodeWithSelector(ITaskMarket.AmountMismatch.selector, 1, 2);
        _refusedBy(address(market), judge, 1, call, error_);
        call = abi.encodeCall(market.deposit, (judge, address(coin), 1));
        error_ = abi.encodeWithSelector(ITaskMarket.AmountMismatch.selector, 1, 0);
        _refusedBy(address(market), judge, 1, call, error_);
    }

    function test_noAccountHoldsTooMuch() external {
        PlainToken coin = _token(address(this), 1 << 122);
        uint256 max = 1 << 120;
        market.deposit(judge, address(coin), max - 1);
        bytes memory error_ = abi.encodeWithSelector(ITaskMarket.AmountTooLarge.selector, max);
        _refused(address(this), abi.encodeCall(market.deposit, (judge, address(coin), 1)), error_);
        market.fundAgent(1, address(coin), max - 1);
        _refused(address(this), abi.encodeCall(market.fundAgent, (1, address(coin), 1)), error_);
        bytes memory call = abi.encodeCall(market.fundAgent, (99, address(coin), 1));
        _refused(address(this), call, abi.encodeWithSelector(ITaskMarket.UnknownAgent.selector, 99));
    }

    function test_withdrawIsForTheAccountOrItsSignature() external {
        market.deposit{value: 100}(judge, address(0), 100);
        bytes memory call = abi.encodeCall(market.withdraw, (judge, address(0), requester, 1, 0, ""));
        _refused(requester, call, _notAuthorized(requester, judge));
        call = abi.encodeCall(market.withdraw, (judge, address(0), judge, 101, 0, ""));
        bytes memory error_ =
            abi.encodeWithSelector(ITaskMarket.InsufficientBalance.selector, judge, address(0), 100, 101);
        _refused(judge, call, error_);
        call = abi.encodeCall(market.withdraw, (judge, address(0), address(0), 1, 0, ""));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.ZeroAddress.selector));
        uint256 deadline = block.timestamp;
        bytes memory signature = _sign(JUDGE, _withdrawMessage(judge, address(0), judge, 60, deadline));
        call = abi.encodeCall(market.withdraw, (judge, address(0), requester, 60, deadline, signature));
        _refused(requester, call, _badSignature(judge));
        market.withdraw(judge, address(0), judge, 60, deadline, signature);
        assertEq(judge.balance, 60, "sent");
        call = abi.encodeCall(market.withdraw, (judge, address(0), judge, 60, deadline, signature));
        _refused(requester, call, _badSignature(judge)); // its nonce is used
        vm.warp(deadline + 1);
        _refused(requester, call, abi.encodeWithSelector(ITaskMarket.SignatureExpired.selector, deadline));
        vm.prank(judge);
        market.withdraw(judge, address(0), judge, 40, 0, "");
        assertEq(market.balanceOf(judge, address(0)), 0, "balance");
    }

    function test_claimIsForTheOwnerOrByTheWalletToTheOwner() external {
        uint256 operator = 0x0b;
        address owner = _agent(0);
        _setWallet(1, operator);
        market.fundAgent{value: 100}(1, address(0), 100);
        bytes memory call = abi.encodeCall(market.claim, (99, address(0), judge, 0, ""));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.UnknownAgent.selector, 99));
        call = abi.encodeCall(market.claim, (1, address(0), judge, 0, ""));
        _refused(judge, call, _notAuthorized(judge, owner));
        _refused(vm.addr(operator), call, abi.encodeWithSelector(ITaskMarket.WalletMayOnlyPayOwner.selector, 1, owner));
        vm.prank(vm.addr(operator));
        market.claim(1, address(0), owner, 0, "");
        assertEq(owner.balance, 100, "the wallet collected for the owner");
        _refused(owner, call, abi.encodeWithSelector(ITaskMarket.NothingToClaim.selector, 1, address(0)));

        uint256 deadline = block.timestamp;
        market.fundAgent{value: 5}(1, address(0), 5);
        bytes memory signature = _sign(JUDGE, _claimMessage(owner, 1, address(0), owner, deadline));
        call = abi.encodeCall(market.claim, (1, address(0), owner, deadline, signature));
        _refused(judge, call, _badSignature(owner));
        signature = _sign(operator, _claimMessage(vm.addr(operator), 1, address(0), judge, deadline));
        call = abi.encodeCall(market.claim, (1, address(0), judge, deadline, signature));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.WalletMayOnlyPayOwner.selector, 1, owner));
        signature = _sign(operator, _claimMessage(vm.addr(operator), 1, address(0), owner, deadline));
        call = abi.encodeCall(market.claim, (1, address(0), owner, deadline, signature));
        market.claim(1, address(0), owner, deadline, signature);
        market.fundAgent{value: 5}(1, address(0), 5);
        _refused(judge, call, _badSignature(owner)); // the wallet's own nonce is used up
        signature = _sign(AGENT, _claimMessage(owner, 1, address(0), judge, deadline));
        market.claim(1, address(0), judge, deadline, signature);
        assertEq(judge.balance, 5, "the owner sends it where it likes");
        call = abi.encodeCall(market.claim, (1, address(0), judge, deadline, signature));
        vm.warp(deadline + 1);
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.SignatureExpired.selector, deadline));
    }

    function test_tokensLeaveByClaimAndWithdraw() external {
        PlainToken coin = _token(address(this), 30);
        market.deposit(judge, address(coin), 10);
        market.fundAgent(1, address(coin), 20);
        vm.prank(judge);
        market.withdraw(judge, address(coin), judge, 10, 0, "");
        vm.prank(_agent(0));
        market.claim(1, address(coin), judge, 0, "");
        assertEq(coin.balanceOf(judge), 30, "tokens");
    }

    function test_multicallIsAllOrNothingAndSeesNoCoins() external {
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(market.nonces, (judge));
        calls[1] = abi.encodeCall(market.deposit, (judge, address(0), 5));
        bytes memory call = abi.encodeCall(market.multicall, (calls));
        _refused(judge, call, abi.encodeWithSelector(ITaskMarket.AmountMismatch.selector, 0, 5));
        _refusedBy(address(market), judge, 5, call, "");
        vm.deal(judge, 6_000);
        vm.prank(judge);
        market.deposit{value: 6_000}(judge, address(0), 6_000);
        Order memory o = _order(judge, 1);
        calls[0] = abi.encodeCall(market.post, (_pack(o), ""));
        o.salt = "another";
        calls[1] = abi.encodeCall(market.post, (_pack(o), ""));
        vm.prank(judge);
        bytes[] memory results = market.multicall(calls);
        _isState(abi.decode(results[0], (bytes32)), State.Open);
        _isState(abi.decode(results[1], (bytes32)), State.Open);
    }

    function test_walletsOfCodeSign() external {
        Wallet1271 wallet = new Wallet1271(judge);
        market.deposit{value: 10}(address(wallet), address(0), 10);
        uint256 deadline = block.timestamp;
        bytes32 message = _withdrawMessage(address(wallet), address(0), judge, 10, deadline);
        bytes memory call = abi.encodeCall(
            market.withdraw, (address(wallet), address(0), judge, 10, deadline, _sign(REQUESTER, message))
        );
        _refused(judge, call, _badSignature(address(wallet)));
        market.withdraw(address(wallet), address(0), judge, 10, deadline, _sign(JUDGE, message));
        assertEq(judge.balance, 10, "sent");
        call = abi.encodeCall(market.withdraw, (judge, address(0), judge, 0, deadline, "short"));
        _refused(judge, call, _badSignature(judge));
        bytes32 typeless = keccak256("anything");
        call = abi.encodeCall(market.withdraw, (address(0), address(0), judge, 0, deadline, _sign(JUDGE, typeless)));
        _refused(judge, call, _badSignature(address(0)));
    }

    /// @dev ERC-2098: s and the parity in one word.
    function test_keysSignIn64BytesToo() external {
        market.deposit{value: 10}(judge, address(0), 10);
        uint256 deadline = block.timestamp;
        (bytes32 r, bytes32 s, uint8 v) =
            _parts(_sign(JUDGE, _withdrawMessage(judge, address(0), judge, 10, deadline)));
        bytes memory compact = abi.encodePacked(r, s | bytes32(uint256(v - 27) << 255));
        market.withdraw(judge, address(0), judge, 10, deadline, compact);
        assertEq(judge.balance, 10, "sent");
    }

    function _parts(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
            v := byte(0, mload(add(signature, 96)))
        }
    }
}
