// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITaskMarket, Opening, State} from "../interfaces/ITaskMarket.sol";
import {Task} from "../libraries/Orders.sol";
import {Head, HeadLib, Seat, SeatLib} from "../libraries/Words.sol";
import {Order, PAGE, TRACE, Vm, vm} from "./Base.t.sol";
import {Scene} from "./Scene.t.sol";

/// @title Commits, reveals, and the desks that seats are written to.
contract AnsweringTest is Scene {
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
}
