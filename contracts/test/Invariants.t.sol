// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITaskMarket, State} from "../interfaces/ITaskMarket.sol";
import {Head} from "../libraries/Words.sol";
import {Base, Order, PAGE, POOL, Vm, vm} from "./Base.t.sol";
import {Handler, Property} from "./Handler.t.sol";

/// @title The properties of DESIGN 3.4, whatever the actors of `Handler` do.
contract InvariantsTest is Base {
    Handler private handler;

    function setUp() external {
        _deploy();
        handler = new Handler(registry, plans, market, domain);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev Coins held cover all that is owed, per token whose balances change only by transfers. The other tokens
    /// stop, block, shrink and take fees all the while: they harm claims in themselves, and nothing else.
    function invariant_Solvency() external view {
        for (uint256 c; c < handler.FAIR(); ++c) {
            assertTrue(handler.held(c) >= _owed(c), "insolvent");
        }
    }

    /// @dev Nothing is made or lost: what came in and did not leave is owed (balances, agents' accounts, escrow and bonds of live
    /// tasks) or was burnt, also in the unfair tokens, whose deposits count as they arrived.
    function invariant_Conservation() external view {
        for (uint256 c; c < handler.COINS(); ++c) {
            assertEq(_owed(c) + handler.burnt(c), handler.paidIn(c) - handler.paidOut(c), "owed and burnt");
            if (c < handler.FAIR()) assertEq(handler.held(c), handler.paidIn(c) - handler.paidOut(c), "held");
        }
    }

    /// @dev Time plus one permissionless call ends every task, and then every coin but the burnt ones can leave.
    function invariant_Liveness() external {
        _clean(Property.Liveness);
        vm.warp(block.timestamp + 365 days);
        uint256[2] memory burnt = [handler.burnt(0), handler.burnt(1)];
        for (uint256 i; i < handler.count(); ++i) {
            if (!handler.isLive(i)) continue;
            Order memory o = handler.order(i);
            vm.recordLogs();
            vm.prank(address(0xbeef));
            market.settle(_pack(o));
            assertTrue(market.stateOf(handler.ids(i)) >= State.Settled, "a task is stuck");
            uint256 lost = _burntIn(vm.getRecordedLogs());
            for (uint256 c; c < handler.FAIR(); ++c) {
                if (o.token == handler.coin(c)) burnt[c] += lost;
            }
        }
        for (uint256 c; c < handler.FAIR(); ++c) {
            _leave(c);
            assertEq(handler.held(c), burnt[c], "coins left behind");
        }
    }

    function invariant_NoDoubleSettle() external view {
        _clean(Property.NoDoubleSettle);
    }

    function invariant_CommitBinding() external view {
        _clean(Property.CommitBinding);
    }

    function invariant_RevealOnlyAfterCommit() external view {
        _clean(Property.RevealOnlyAfterCommit);
    }

    function invariant_OnlyOwnSeat() external view {
        _clean(Property.OnlyOwnSeat);
    }

    /// @dev A desk is one task's at a time: what happens to other tasks never touches its seats.
    function invariant_OneTaskADesk() external view {
        for (uint256 i; i < handler.count(); ++i) {
            if (handler.isLive(i)) assertTrue(handler.isUndisturbed(i), "another task wrote into a seat");
        }
    }

    function invariant_DistinctOwners() external view {
        _clean(Property.DistinctOwners);
    }

    function invariant_WeightBound() external view {
        _clean(Property.WeightBound);
    }

    function invariant_EvaluationNeverPaysRequester() external view {
        _clean(Property.EvaluationNeverPaysRequester);
    }

    function invariant_ScoreInRange() external view {
        _clean(Property.ScoreInRange);
        for (uint256 agentId = 1; agentId <= handler.AGENTS(); ++agentId) {
            uint256 word = market.earnedOf(agentId, PAGE);
            for (; word != 0; word >>= 16) {
                assertTrue(word & 0xffff <= 10_000, "an earned lane is above 1");
            }
        }
    }

    /// @dev A receipt is of what TaskSettled said, and never changes.
    function invariant_ReceiptBinding() external view {
        _clean(Property.ReceiptBinding);
        for (uint256 i; i < handler.count(); ++i) {
            Handler.Closed memory c = handler.closed(i);
            (State outcome, uint256 closedAt, bytes26 digest) = market.receiptOf(handler.ids(i));
            assertTrue(outcome == c.outcome && closedAt == c.closedAt, "the receipt changed");
            if (c.results.length == 0) continue;
            assertTrue(digest == bytes26(keccak256(abi.encodePacked(c.winner, c.results))), "the digest changed");
        }
    }

    /* INSIDE */

    function _clean(Property property) private view {
        string memory fault = handler.fault(property);
        assertTrue(bytes(fault).length == 0, fault);
    }

    function _owed(uint256 c) private view returns (uint256 owed) {
        address token = handler.coin(c);
        owed = market.balanceOf(POOL, token);
        for (uint256 i; i < handler.ACTORS(); ++i) {
            owed += market.balanceOf(handler.actor(i), token);
        }
        for (uint256 agentId = 1; agentId <= handler.AGENTS(); ++agentId) {
            (uint256 accrued,,,) = market.accountOf(agentId, token);
            owed += accrued;
        }
        for (uint256 i; i < handler.count(); ++i) {
            Order memory o = handler.order(i);
            if (o.token != token || !handler.isLive(i)) continue;
            Head head = Head.wrap(market.headOf(handler.ids(i)));
            if (head.seats() == 0) owed += _escrow(o);
            else owed += (head.price() + o.bond) * head.seats() + head.price() * head.free() + o.evaluationFee;
        }
    }

    function _burntIn(Vm.Log[] memory logs) private pure returns (uint256 burnt) {
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != ITaskMarket.TaskSettled.selector) continue;
            (,,, burnt,,) = abi.decode(logs[i].data, (bytes32, uint256, uint256, uint256, uint256, uint256[]));
        }
    }

    function _leave(uint256 c) private {
        address token = handler.coin(c);
        for (uint256 i; i <= handler.ACTORS(); ++i) {
            address who = i == handler.ACTORS() ? POOL : handler.actor(i);
            uint256 have = market.balanceOf(who, token);
            vm.prank(who);
            market.withdraw(who, token, who, have, 0, "");
        }
        for (uint256 agentId = 1; agentId <= handler.AGENTS(); ++agentId) {
            (uint256 accrued,,,) = market.accountOf(agentId, token);
            if (accrued == 0) continue;
            address owner = registry.ownerOf(agentId);
            vm.prank(owner);
            market.claim(agentId, token, owner, 0, "");
        }
    }
}
