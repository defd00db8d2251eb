// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {State} from "../interfaces/ITaskMarket.sol";

/// @notice One slot a task. While it lives:
///
///   255  248 247  240 239   232 231      216 215           192 191         168 167         144 143    104 103   96 95    0
///   | phase |  seats |  free   |   flags    | evaluationWindow | revealWindow | commitWindow |  bidEnd   | zero   | price |
///
/// and once it is closed, a receipt that any other contract can check results against:
///
///   255  248 247          208 207                                                                                   0
///   | phase |    closedAt     |   first 26 bytes of keccak256(winner ‖ results), as TaskSettled carries them; or zero   |
///
/// `phase` is what happened; what time does to it is `stateAt`. `free` counts the seats that may still be taken in an open task.
type Head is uint256;

/// @notice One slot a seat, three lives; agentId and weight stay where they are.
///
///            255 254 253        240 239      208 207       160 159               0
///   awarded   | 1 |    weight      |  agentId   |  commitEnd  |  wallet            |
///   committed | 2 |    weight      |  agentId   |  first 26 bytes of the commitment |
///   revealed  | 3 |    weight      |  agentId   |  first 26 bytes of answerDigest   |
///
/// 208 bits of a commitment cost an attacker 2¹⁰⁴ work for two openings.
type Seat is uint256;

using HeadLib for Head global;
using SeatLib for Seat global;

library HeadLib {
    /// Flag: answers are plans, which name children when they are revealed.
    uint256 internal constant PLAN = 1 << 216;

    uint256 private constant SEATS = 240;
    uint256 private constant FREE = 232;
    uint256 private constant PHASE = 248;

    function open(
        uint256 bidEnd_,
        uint256 commitEnd_,
        uint256 revealWindow_,
        uint256 evaluationWindow_,
        uint256 free_,
        bool plan_
    ) internal pure returns (Head) {
        return Head.wrap(
            (uint256(State.Open) << PHASE) | (free_ << FREE) | (plan_ ? PLAN : 0) | (evaluationWindow_ << 192)
                | (revealWindow_ << 168) | ((commitEnd_ - bidEnd_) << 144) | (bidEnd_ << 104)
        );
    }

    function closed(State phase_, uint256 closedAt_, bytes32 receipt_) internal pure returns (Head) {
        return Head.wrap((uint256(phase_) << PHASE) | (closedAt_ << 208) | (uint256(receipt_) >> 48));
    }

    function phase(Head head) internal pure returns (State) {
        return State(Head.unwrap(head) >> PHASE);
    }

    function seats(Head head) internal pure returns (uint256) {
        return uint8(Head.unwrap(head) >> SEATS);
    }

    function free(Head head) internal pure returns (uint256) {
        return uint8(Head.unwrap(head) >> FREE);
    }

    function isPlan(Head head) internal pure returns (bool) {
        return Head.unwrap(head) & PLAN != 0;
    }

    function bidEnd(Head head) internal pure returns (uint256) {
        return uint40(Head.unwrap(head) >> 104);
    }

    function commitEnd(Head head) internal pure returns (uint256) {
        unchecked {
            return bidEnd(head) + uint24(Head.unwrap(head) >> 144);
        }
    }

    function revealEnd(Head head) internal pure returns (uint256) {
        unchecked {
            return commitEnd(head) + uint24(Head.unwrap(head) >> 168);
        }
    }

    function evaluationEnd(Head head) internal pure returns (uint256) {
        unchecked {
            return revealEnd(head) + uint24(Head.unwrap(head) >> 192);
        }
    }

    function price(Head head) internal pure returns (uint256) {
        return uint96(Head.unwrap(head));
    }

    function closedAt(Head head) internal pure returns (uint256) {
        return uint40(Head.unwrap(head) >> 208);
    }

    /// @notice First 26 bytes of the receipt's digest.
    function receipt(Head head) internal pure returns (bytes26) {
        return bytes26(uint208(Head.unwrap(head)));
    }

    function withPhase(Head head, State next) internal pure returns (Head) {
        return Head.wrap((Head.unwrap(head) << 8 >> 8) | (uint256(next) << PHASE));
    }

    /// @notice Awarded: phase, seats, free seats and price anew; deadlines and flags stay.
    function awarded(Head head, uint256 seats_, uint256 free_, uint256 price_) internal pure returns (Head) {
        uint256 kept = Head.unwrap(head) << 24 >> 120 << 96;
        return
            Head.wrap((uint256(State.Awarded) << PHASE) | (seats_ << SEATS) | (free_ << FREE) | kept | price_);
    }

    /// @notice The state that block time makes of the stored phase.
    function stateAt(Head head, uint256 time) internal pure returns (State state) {
        state = head.phase();
        if (state == State.Open) {
            if (time <= head.bidEnd()) return state;
            return head.free() != 0 && time <= head.commitEnd() ? State.Free : State.Unawarded;
        }
        if (state == State.Awarded && time > head.commitEnd()) state = State.Revealing;
        if (state == State.Revealing && time > head.revealEnd()) {
            return time > head.evaluationEnd() ? State.Closing : State.Evaluating;
        }
    }
}

library SeatLib {
    uint256 internal constant AWARDED = 1;
    uint256 internal constant COMMITTED = 2;
    uint256 internal constant REVEALED = 3;
    uint256 private constant LOW = (1 << 208) - 1;

    function awarded(address wallet_, uint256 agentId_, uint256 weight_, uint256 commitEnd_)
        internal
        pure
        returns (Seat)
    {
        return Seat.wrap(
            (AWARDED << 254) | (weight_ << 240) | (agentId_ << 208) | (commitEnd_ << 160) | uint160(wallet_)
        );
    }

    /// @dev Next life: the tag, the kept middle, and the first 26 bytes of `value`.
    function advance(Seat seat, uint256 tag_, bytes32 value) internal pure returns (Seat) {
        uint256 kept = Seat.unwrap(seat) << 2 >> 210 << 208;
        return Seat.wrap((tag_ << 254) | kept | (uint256(value) >> 48));
    }

    function withWeight(Seat seat, uint256 weight_) internal pure returns (Seat) {
        return Seat.wrap((Seat.unwrap(seat) & ~(uint256(0x3fff) << 240)) | (weight_ << 240));
    }

    function tag(Seat seat) internal pure returns (uint256) {
        return Seat.unwrap(seat) >> 254;
    }

    function weight(Seat seat) internal pure returns (uint256) {
        return (Seat.unwrap(seat) >> 240) & 0x3fff;
    }

    function agentId(Seat seat) internal pure returns (uint256) {
        return uint32(Seat.unwrap(seat) >> 208);
    }

    /// @notice Of an awarded seat: last second in which it may commit.
    function commitEnd(Seat seat) internal pure returns (uint256) {
        return uint40(Seat.unwrap(seat) >> 160);
    }

    function wallet(Seat seat) internal pure returns (address) {
        return address(uint160(Seat.unwrap(seat)));
    }

    /// @notice Commitment or answer: 208 bits, the first 26 bytes of the digest.
    function value208(Seat seat) internal pure returns (uint256) {
        return Seat.unwrap(seat) & LOW;
    }
}
