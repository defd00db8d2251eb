// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {vm} from "./Vm.sol";

/// @dev Of 10⁸: what a score earns of the price.
function shareOf(uint256 base, uint256 score) pure returns (uint256) {
    unchecked {
        return base * 10_000 + (10_000 - base) * score;
    }
}

/// @notice Proofs by halmos on the formulas of a seat's pay, price · share / 10⁸. They stand here as they stand in TaskMarket; a test
/// compares the texts.
contract ShareSymbolic {
    /// Never more than all, all of it for a full score, and at least the base.
    function check_share_is_between_base_and_all(uint16 base, uint16 score) external pure {
        vm.assume(base <= 10_000);
        vm.assume(score <= 10_000);
        assert(shareOf(base, score) <= 1e8);
        assert(shareOf(base, 10_000) == 1e8);
        assert(shareOf(base, score) >= shareOf(base, 0));
        assert(shareOf(base, 0) == uint256(base) * 10_000);
    }
}

/// @notice What grows with what, and money: these queries are of integers.
contract MoneySymbolic {
    function _pay(uint256 price, uint256 share) private pure returns (uint256) {
        unchecked {
            return price * share / 1e8;
        }
    }

    /// A better score is never paid worse.
    function check_share_grows_with_the_score(uint16 base, uint16 low, uint16 high) external pure {
        vm.assume(base <= 10_000);
        vm.assume(low <= high);
        vm.assume(high <= 10_000);
        assert(shareOf(base, low) <= shareOf(base, high));
    }

    function check_pay_is_at_most_the_price(uint96 price, uint32 share) external pure {
        vm.assume(share <= 1e8);
        assert(_pay(price, share) <= price);
        assert(_pay(price, 1e8) == price);
    }

    function check_pay_grows_with_the_share(uint96 price, uint32 low, uint32 high) external pure {
        vm.assume(low <= high);
        vm.assume(high <= 1e8);
        assert(_pay(price, low) <= _pay(price, high));
    }

    /// Burn, shared part and the agent's own are the pay to the wei.
    function check_burn_and_share_split_the_pay(uint96 whole, uint16 burnBps, uint16 sharedBps) external pure {
        vm.assume(burnBps <= 10_000);
        vm.assume(sharedBps <= 10_000);
        uint256 pay = whole;
        unchecked {
            uint256 burn = pay * burnBps / 10_000;
            assert(burn <= pay);
            pay -= burn;
            uint256 shared = pay * sharedBps / 10_000;
            assert(shared <= pay);
            assert(burn + shared + (pay - shared) == whole);
        }
    }
}
