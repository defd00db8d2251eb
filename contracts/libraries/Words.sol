// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {State} from "../interfaces/ITaskMarket.sol";

/// @notice One slot a task. While it lives:
///
///   255  248 247  243 242 208 207  206  202 201            180 179        158 157        136 135  96 95    0
///   | phase |  seats | desk  | plan | free | evaluationWindow | revealWindow | commitWindow | bidEnd | price |
///
/// and once it is closed, a receipt that any other contract can check results against:
///
///   255  248 247          208 207                                                                          0
///   | phase |    closedAt     |   first 26 bytes of keccak256(winner ‖ results), as TaskSettled carries them; or zero |
///
/// `phase` is what happened; what time does to it is `stateAt`. `free` counts the seats that may still be taken in an open task.
/// `desk` says where the seats are kept; it is nobody else's business and leaves the market as zero.
type Head is uint256;

/// @notice One slot a seat, three lives; agentId and weight stay where they are.
///
///            255 254 253        240 239      208 207       160 159               0
///   awarded   | 1 |    weight      |  agentId   |    zero     |  wallet            |
///   committed | 2 |    weight      |  agentId   |  first 26 bytes of the commitment |
///   revealed  | 3 |    weight      |  agentId   |  first 26 bytes of answerDigest   |
///
/// 208 bits of a commitment cost an attacker 2¹⁰⁴ work for two openings.
type Seat is uint256;

using HeadLib for Head global;
using SeatLib for Seat global;

library HeadLib {
    /// Desks 0…2³⁴ − 1 are named by salts; the same number again are new.
    uint256 internal constant NAMED_DESKS = (1 << 34) - 1;
    uint256 private constant DESKS = (1 << 35) - 1;

    /// Windows have 22 bits, more than 30 days of seconds.
    uint256 private constant WINDOW = (1 << 22) - 1;

    uint256 private constant PHASE = 248;
    uint256 private constant SEATS = 243;
    uint256 private constant DESK = 208;
    uint256 private constant PLAN = 207;
    uint256 private constant FREE = 202;
    uint256 private constant EVALUATION = 180;
    uint256 private constant REVEAL = 158;
    uint256 private constant COMMIT = 136;
    uint256 private constant BID_END = 96;

    /// @param plan_ 1: answers are plans, which name children when they are revealed.
    function open(
        uint256 bidEnd_,
        uint256 commitEnd_,
        uint256 revealWindow_,
        uint256 evaluationWindow_,
        uint256 free_,
        uint256 plan_
    ) internal pure returns (Head) {
        return Head.wrap(
            (uint256(State.Open) << PHASE) | (plan_ << PLAN) | (free_ << FREE) | (evaluationWindow_ << EVALUATION)
                | (revealWindow_ << REVEAL) | ((commitEnd_ - bidEnd_) << COMMIT) | (bidEnd_ << BID_END)
        );
    }

    function closed(State phase_, uint256 closedAt_, bytes32 receipt_) internal pure returns (Head) {
        return Head.wrap((uint256(phase_) << PHASE) | (closedAt_ << 208) | (uint256(receipt_) >> 48));
    }

    function phase(Head head) internal pure returns (State state) {
        // No word holds any other phase than open, closed, withPhase and awarded put there.
        assembly ("memory-safe") {
            state := shr(248, head)
        }
    }

    /// @notice Seats of a task that is being answered; none before and after.
    function seats(Head head) internal pure returns (uint256) {
        return head.phase() < State.Settled ? (Head.unwrap(head) >> SEATS) & 31 : 0;
    }

    function desk(Head head) internal pure returns (uint256) {
        return (Head.unwrap(head) >> DESK) & DESKS;
    }

    function isPlan(Head head) internal pure returns (bool) {
        return Head.unwrap(head) & (1 << PLAN) != 0;
    }

    function free(Head head) internal pure returns (uint256) {
        return (Head.unwrap(head) >> FREE) & 31;
    }

    function bidEnd(Head head) internal pure returns (uint256) {
        return uint40(Head.unwrap(head) >> BID_END);
    }

    function commitEnd(Head head) internal pure returns (uint256) {
        unchecked {
            return bidEnd(head) + ((Head.unwrap(head) >> COMMIT) & WINDOW);
        }
    }

    function revealEnd(Head head) internal pure returns (uint256) {
        unchecked {
            return commitEnd(head) + ((Head.unwrap(head) >> REVEAL) & WINDOW);
        }
    }

    function evaluationEnd(Head head) internal pure returns (uint256) {
        unchecked {
            return revealEnd(head) + ((Head.unwrap(head) >> EVALUATION) & WINDOW);
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

    /// @notice Awarded: phase, seats, desk, free seats and price anew; deadlines and kind stay.
    function awarded(Head head, uint256 seats_, uint256 desk_, uint256 free_, uint256 price_)
        internal
        pure
        returns (Head)
    {
        uint256 kept = Head.unwrap(head) & ((1 << PLAN) | ((1 << FREE) - (1 << BID_END)));
        return Head.wrap(
            (uint256(State.Awarded) << PHASE) | (seats_ << SEATS) | (desk_ << DESK) | kept | (free_ << FREE) | price_
        );
    }

    /// @notice The head as the market shows it: without the desk.
    function shown(Head head) internal pure returns (Head) {
        if (head.phase() >= State.Settled) return head;
        return Head.wrap(Head.unwrap(head) & ~(DESKS << DESK));
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
    /// Seat 0 of a desk that was left. Not zero: a slot that becomes zero is dear to write again.
    Seat internal constant FREE = Seat.wrap(1);
    uint256 internal constant AWARDED = 1;
    uint256 internal constant COMMITTED = 2;
    uint256 internal constant REVEALED = 3;
    uint256 private constant LOW = (1 << 208) - 1;

    function awarded(address wallet_, uint256 agentId_, uint256 weight_) internal pure returns (Seat) {
        return Seat.wrap((AWARDED << 254) | (weight_ << 240) | (agentId_ << 208) | uint160(wallet_));
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

    function wallet(Seat seat) internal pure returns (address) {
        return address(uint160(Seat.unwrap(seat)));
    }

    /// @notice Commitment or answer: 208 bits, the first 26 bytes of the digest.
    function value208(Seat seat) internal pure returns (uint256) {
        return Seat.unwrap(seat) & LOW;
    }
}
