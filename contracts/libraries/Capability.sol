// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Capability words: 16 lanes of uint16 in one slot, lane 0 lowest, each 0…10000 (= 0…1).
/// @notice Pure arithmetic of DESIGN 3.2; `symphony_chain/model/tally.py` is the same in plain Python.
library Capability {
    /// An unproven agent still weighs something: earned lanes count as at least this much (0.05).
    uint256 internal constant FLOOR = 500;
    uint256 internal constant FULL = 10_000;

    // Every lane's top bit, and per lane 0x8000 − 10001: x + GAP sets a lane's top bit iff the lane exceeds 10000.
    uint256 private constant TOP = 0x8000800080008000800080008000800080008000800080008000800080008000;
    uint256 private constant GAP = 0x58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef;

    /// @dev True iff every lane is at most 10000. No lane can carry into the next: both summands are below 0x8000.
    function inRange(uint256 word) internal pure returns (bool) {
        if (word & TOP != 0) return false;
        unchecked {
            return (word + GAP) & TOP == 0;
        }
    }

    /// @notice match(declared, r) and the seat weight of c = min(declared, max(earned, FLOOR)), both in basis points.
    /// weight = max(1, match(c, r)² / 10000). `requirement` must be non-zero and in range.
    function matchAndWeight(uint256 declared, uint256 earned, uint256 requirement)
        internal
        pure
        returns (uint256 matchBps, uint256 weight)
    {
        uint256 total;
        uint256 sumDeclared;
        uint256 sumProven;
        unchecked {
            // 16 lanes × 10000² < 2⁴¹: nothing overflows.
            while (requirement != 0) {
                uint256 r = requirement & 0xffff;
                if (r != 0) {
                    uint256 d = declared & 0xffff;
                    uint256 e = earned & 0xffff;
                    if (e < FLOOR) e = FLOOR;
                    total += r;
                    sumDeclared += d * r;
                    sumProven += (d < e ? d : e) * r;
                }
                requirement >>= 16;
                declared >>= 16;
                earned >>= 16;
            }
            matchBps = sumDeclared / total;
            uint256 proven = sumProven / total;
            weight = proven * proven / FULL;
            if (weight == 0) weight = 1;
        }
    }

    /// @notice One step of the earned word toward a score: lane i moves by r_i / 10000 / 16 of (score − earned_i), toward zero.
    function step(uint256 earned, uint256 requirement, uint256 score) internal pure returns (uint256 next) {
        next = earned;
        unchecked {
            for (uint256 shift; requirement != 0; shift += 16) {
                uint256 r = requirement & 0xffff;
                requirement >>= 16;
                if (r == 0) continue;
                uint256 e = (earned >> shift) & 0xffff;
                if (score >= e) next += ((score - e) * r / 160_000) << shift;
                else next -= ((e - score) * r / 160_000) << shift;
            }
        }
    }
}
