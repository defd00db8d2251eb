// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {State, Task} from "../interfaces/ITaskMarket.sol";
import {Base, PAGE, vm} from "./Base.t.sol";
import {Handler} from "./Handler.t.sol";

/// @title The properties of DESIGN 3.4, whatever the actors of `Handler` do.
contract InvariantsTest is Base {
    Handler private handler;

    function setUp() external {
        _deploy();
        handler = new Handler(registry, market, domain);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev Every coin that came in and did not go out is there.
    function invariant_Solvency() external view {
        assertEq(address(market).balance, handler.paidIn() - handler.paidOut(), "coins held");
    }

    /// @dev Coins held are exactly the coins owed: balances, agents' accounts, burnt, escrow and bonds of live tasks.
    function invariant_Conservation() external view {
        assertEq(address(market).balance, _owed(), "coins owed");
    }

    /// @dev NoDoubleSettle, CommitBinding, RevealOnlyAfterCommit, OnlyOwnSeat, DistinctOwners, WeightBound: tried by the handler.
    function invariant_NothingImproperSucceeds() external view {
        assertTrue(bytes(handler.fault()).length == 0, handler.fault());
    }

    function invariant_ScoreInRange() external view {
        for (uint256 agentId = 1; agentId <= handler.AGENTS(); ++agentId) {
            uint256 word = market.earnedOf(agentId, PAGE);
            for (; word != 0; word >>= 16) {
                assertTrue(word & 0xffff <= 10_000, "an earned lane is above 1");
            }
        }
    }

    /// @dev Time plus one permissionless call ends every task, and then every coin but the burnt ones can leave.
    function invariant_Liveness() external {
        vm.warp(block.timestamp + 365 days);
        for (uint256 i; i < handler.count(); ++i) {
            if (!handler.isLive(i)) continue;
            vm.prank(address(0xbeef));
            market.settle(handler.task(i));
            assertTrue(market.stateOf(handler.ids(i)) >= State.Settled, "a task is stuck");
        }
        for (uint256 i; i < handler.ACTORS(); ++i) {
            address a = handler.actor(i);
            uint256 have = market.balanceOf(a, address(0));
            vm.prank(a);
            market.withdraw(a, address(0), a, have, 0, "");
        }
        for (uint256 agentId = 1; agentId <= handler.AGENTS(); ++agentId) {
            (uint256 accrued,,,) = market.accountOf(agentId, address(0));
            if (accrued == 0) continue;
            address owner = registry.ownerOf(agentId);
            vm.prank(owner);
            market.claim(agentId, address(0), owner, 0, "");
        }
        assertEq(address(market).balance, market.burntOf(address(0)), "coins left behind");
    }

    function _owed() private view returns (uint256 owed) {
        owed = market.burntOf(address(0));
        for (uint256 i; i < handler.ACTORS(); ++i) {
            owed += market.balanceOf(handler.actor(i), address(0));
        }
        for (uint256 agentId = 1; agentId <= handler.AGENTS(); ++agentId) {
            (uint256 accrued,,,) = market.accountOf(agentId, address(0));
            owed += accrued;
        }
        for (uint256 i; i < handler.count(); ++i) {
            if (!handler.isLive(i)) continue;
            Task memory t = handler.task(i);
            (uint256 price, uint256 seats,,,) = market.headOf(handler.ids(i));
            owed += seats == 0 ? uint256(t.ceiling) * t.k : (price + t.bond) * seats;
        }
    }
}
