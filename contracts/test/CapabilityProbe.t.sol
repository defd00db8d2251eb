// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Capability} from "../libraries/Capability.sol";

/// @title The library's functions as calls, for tests that compare them with the Python model.
contract CapabilityProbe {
    function matchAndWeight(uint256 declared, uint256 earned, uint256 requirement)
        external
        pure
        returns (uint256 matchBps, uint256 weight)
    {
        return Capability.matchAndWeight(declared, earned, requirement);
    }

    function step(uint256 earned, uint256 requirement, uint256 score) external pure returns (uint256 next) {
        return Capability.step(earned, requirement, score);
    }

    function inRange(uint256 word) external pure returns (bool) {
        return Capability.inRange(word);
    }
}
