// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {State} from "../interfaces/ITaskMarket.sol";

/// @notice One slot a task.
///
///   255  248 247   240 239      200 199       160 159    120 119   ...   96 95        0
///   | phase |  seats  | revealEnd  |  commitEnd  |  bidEnd   |    unused    |   price   |
///
/// `phase` is what happened; what time does to it is `stateAt`. A closed task keeps its phase only.
type Head is uint256;

/// @notice One slot a seat, three lives; agentId and weight stay where they are.
///
///            255 254 253        240 239      208 207                                  0
///   awarded   | 1 |    weight      |  agentId   |  zero (48)  |      wallet (160)       |
///   committed | 2 |    weight      |  agentId   |     first 26 bytes of the commitment  |
///   revealed  | 3 |    weight      |  agentId   |     first 26 bytes of answerDigest    |
///
/// 208 bits of a commitment cost an attacker 2¹⁰⁴ work for two openings.
type Seat is uint256;

using HeadLib for Head global;
using SeatLib for Seat global;

library HeadLib {
    function make(State phase_, uint256 seats_, uint256 price_, uint256 bidEnd_, uint256 commitEnd_, uint256 revealEnd_)
        internal
        pure
        returns (Head)
    {
        return Head.wrap(
            (uint256(phase_) << 248) | (seats_ << 240) | (revealEnd_ << 200) | (commitEnd_ << 160) | (bidEnd_ << 120)
                | price_
        );
    }

    function closed(State phase_) internal pure returns (Head) {
        return Head.wrap(uint256(phase_) << 248);
    }

    function phase(Head head) internal pure returns (State) {
        return State(Head.unwrap(head) >> 248);
    }

    function seats(Head head) internal pure returns (uint256) {
        return uint8(Head.unwrap(head) >> 240);
    }

    function revealEnd(Head head) internal pure returns (uint256) {
        return uint40(Head.unwrap(head) >> 200);
    }

    function commitEnd(Head head) internal pure returns (uint256) {
        return uint40(Head.unwrap(head) >> 160);
    }

    function bidEnd(Head head) internal pure returns (uint256) {
        return uint40(Head.unwrap(head) >> 120);
    }

    function price(Head head) internal pure returns (uint256) {
        return uint96(Head.unwrap(head));
    }

    function withPhase(Head head, State next) internal pure returns (Head) {
        return Head.wrap((Head.unwrap(head) << 8 >> 8) | (uint256(next) << 248));
    }

    /// @notice The state that block time makes of the stored phase.
    function stateAt(Head head, uint256 time) internal pure returns (State state) {
        state = head.phase();
        if (state == State.Open && time > head.bidEnd()) return State.Unawarded;
        if (state == State.Awarded && time > head.commitEnd()) state = State.Revealing;
        if (state == State.Revealing && time > head.revealEnd()) return State.Closing;
    }
}

library SeatLib {
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
