// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Capability} from "../../libraries/Capability.sol";
import {vm} from "./Vm.sol";

/// @notice Proofs by halmos: every `check_` holds for all arguments. What is said of one lane is said of each of the sixteen.
/// @dev One condition an `assume` and an `assert`, nothing short-circuits, nothing is checked twice: fewer paths.
contract StepSymbolic {
    /// The word of scores, a capability word and a requirement are in range exactly if each of their lanes is.
    function check_inRange_is_of_every_lane(uint256 word) external pure {
        uint256 bad;
        for (uint256 shift; shift < 256; shift += 16) {
            assembly ("memory-safe") {
                bad := or(bad, gt(and(shr(shift, word), 0xffff), 10000))
            }
        }
        assert(Capability.inRange(word) == (bad == 0));
    }

    /// Toward the score, never past it, so ever in range; no other lane moves.
    function check_step_moves_its_lane_toward_the_score(uint8 lane, uint256 earned, uint16 r, uint16 score)
        external
        pure
    {
        vm.assume(r <= 10_000);
        vm.assume(score <= 10_000);
        for (uint256 i; i < 16; ++i) {
            if (lane == i) return _step(16 * i, earned, r, score);
        }
    }

    function _step(uint256 shift, uint256 earned, uint256 r, uint256 score) private pure {
        uint256 before = (earned >> shift) & 0xffff;
        vm.assume(before <= 10_000);
        uint256 next = Capability.step(earned, r << shift, score);
        uint256 later = (next >> shift) & 0xffff;
        assert((earned ^ next) & ~(uint256(0xffff) << shift) == 0);
        (uint256 low, uint256 high) = before <= score ? (before, score) : (score, before);
        assert(low <= later);
        assert(later <= high);
    }

}

/// @notice Of matches and weights, for requirements that stand: with a symbolic divisor no solver here comes to an end.
contract MatchSymbolic {
    /// The match with one required lane is what is declared of it; the weight is the square of what is proven, 1…10000.
    function check_match_and_weight_of_one_lane(uint256 declared, uint256 earned) external pure {
        uint256 d = (declared >> 48) & 0xffff;
        uint256 e = (earned >> 48) & 0xffff;
        vm.assume(d <= 10_000);
        vm.assume(e <= 10_000);
        (uint256 matchBps, uint256 weight) = Capability.matchAndWeight(declared, earned, 1 << 48);
        unchecked {
            if (e < 500) e = 500;
            uint256 proven = d < e ? d : e;
            assert(matchBps == d);
            assert(weight >= 1);
            assert(weight <= 10_000);
            if (weight != 1) assert(weight == proven * proven / 10_000);
        }
    }

    /// With two that count alike the match lies between them, the weight in its bounds.
    function check_match_and_weight_of_two_lanes(uint16 a, uint16 b, uint256 earned) external pure {
        vm.assume(a <= b);
        vm.assume(b <= 10_000);
        uint256 requirement = 1 | (1 << 16);
        (uint256 matchBps, uint256 weight) =
            Capability.matchAndWeight(uint256(a) | (uint256(b) << 16), earned, requirement);
        assert(a <= matchBps);
        assert(matchBps <= b);
        assert(weight >= 1);
        assert(weight <= 10_000);
    }
}
