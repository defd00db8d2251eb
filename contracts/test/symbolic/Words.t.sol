// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {State} from "../../interfaces/ITaskMarket.sol";
import {Head, HeadLib, Seat, SeatLib} from "../../libraries/Words.sol";
import {vm} from "./Vm.sol";

/// @notice Proofs by halmos: packed words give back what was put in, and keep what they should.
contract WordsSymbolic {
    /* HEADS */

    function check_head_opens_with_its_fields(
        uint40 bidEnd,
        uint24 commitWindow,
        uint24 revealWindow,
        uint24 evaluationWindow,
        uint8 free,
        bool plan
    ) external pure {
        vm.assume(commitWindow < 1 << 22 && revealWindow < 1 << 22 && evaluationWindow < 1 << 22 && free < 32);
        uint256 commitEnd = uint256(bidEnd) + commitWindow;
        Head head = HeadLib.open(bidEnd, commitEnd, revealWindow, evaluationWindow, free, plan ? 1 : 0);
        assert(head.phase() == State.Open && head.seats() == 0 && head.desk() == 0 && head.price() == 0);
        assert(head.free() == free && head.isPlan() == plan);
        assert(head.bidEnd() == bidEnd && head.commitEnd() == commitEnd);
        assert(head.revealEnd() == commitEnd + revealWindow);
        assert(head.evaluationEnd() == commitEnd + revealWindow + evaluationWindow);
    }

    function check_award_keeps_deadlines_and_kind(uint256 word, uint8 seats, uint40 desk, uint8 free, uint96 price)
        external
        pure
    {
        vm.assume(seats < 32 && free < 32 && desk <= 2 * HeadLib.NAMED_DESKS);
        Head head = Head.wrap(word);
        Head next = head.awarded(seats, desk, free, price);
        assert(next.phase() == State.Awarded);
        assert(next.seats() == seats && next.desk() == desk && next.free() == free && next.price() == price);
        assert(next.bidEnd() == head.bidEnd() && next.commitEnd() == head.commitEnd());
        assert(next.revealEnd() == head.revealEnd() && next.evaluationEnd() == head.evaluationEnd());
        assert(next.isPlan() == head.isPlan());
    }

    function check_only_the_desk_is_hidden(uint256 word) external pure {
        vm.assume(word >> 248 <= uint8(type(State).max));
        Head head = Head.wrap(word);
        Head shown = head.shown();
        if (word >> 248 >= uint256(State.Settled)) assert(Head.unwrap(shown) == word && head.seats() == 0);
        else assert(Head.unwrap(shown) == word - (head.desk() << 208) && shown.desk() == 0);
    }

    function check_phase_alone_changes(uint256 word, uint8 phase) external pure {
        vm.assume(phase <= uint8(type(State).max));
        Head next = Head.wrap(word).withPhase(State(phase));
        assert(next.phase() == State(phase));
        assert((Head.unwrap(next) ^ word) << 8 == 0);
    }

    function check_closed_head_is_a_receipt(uint8 phase, uint40 closedAt, bytes32 digest) external pure {
        vm.assume(phase <= uint8(type(State).max));
        Head head = HeadLib.closed(State(phase), closedAt, digest);
        assert(head.phase() == State(phase) && head.closedAt() == closedAt && head.receipt() == bytes26(digest));
    }

    /// Time leads a task forward only; before its first deadline, and once it is closed, it changes nothing.
    function check_time_only_leads_forward(uint256 word, uint64 earlier, uint64 later) external pure {
        vm.assume(word >> 248 <= uint8(type(State).max) && earlier <= later);
        Head head = Head.wrap(word);
        State first = head.stateAt(earlier);
        State then = head.stateAt(later);
        State phase = head.phase();
        assert(phase <= first && first <= then);
        if (phase == State.Open) assert((later <= head.bidEnd()) == (then == State.Open) && then <= State.Unawarded);
        else if (phase == State.Awarded) assert((later <= head.commitEnd()) == (then == State.Awarded));
        else if (phase == State.Revealing) assert((later <= head.revealEnd()) == (then == State.Revealing));
        else assert(then == phase);
        // Liveness: past the last deadline a task that lives is due.
        if (later > head.evaluationEnd()) {
            if (phase == State.Open) assert(then == State.Unawarded);
            if (phase == State.Awarded || phase == State.Revealing) assert(then == State.Closing);
        }
    }

    /* SEATS */

    function check_seat_is_awarded_with_its_fields(address wallet, uint32 agentId, uint16 weight) external pure {
        vm.assume(weight <= 10_000);
        Seat seat = SeatLib.awarded(wallet, agentId, weight);
        assert(Seat.unwrap(SeatLib.FREE) != 0 && SeatLib.FREE.tag() == 0);
        assert(seat.tag() == SeatLib.AWARDED && seat.wallet() == wallet && seat.agentId() == agentId);
        assert(seat.weight() == weight);
    }

    function check_seat_advances_and_stays_its_agents(uint256 word, bool revealed, bytes32 value) external pure {
        Seat seat = Seat.wrap(word);
        uint256 tag = revealed ? SeatLib.REVEALED : SeatLib.COMMITTED;
        Seat next = seat.advance(tag, value);
        assert(next.tag() == tag && next.value208() == uint256(value) >> 48);
        assert(next.agentId() == seat.agentId() && next.weight() == seat.weight());
    }

    function check_weight_alone_changes(uint256 word, uint16 weight) external pure {
        vm.assume(weight <= 10_000);
        Seat next = Seat.wrap(word).withWeight(weight);
        assert(next.weight() == weight);
        assert((Seat.unwrap(next) ^ word) & ~(uint256(0x3fff) << 240) == 0);
    }
}
