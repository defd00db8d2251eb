// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAgentRegistry} from "./interfaces/IAgentRegistry.sol";
import {ITaskMarket, Opening, State} from "./interfaces/ITaskMarket.sol";
import {Task} from "./libraries/Orders.sol";
import {Receipt, ReceiptLib} from "./libraries/Receipts.sol";
import {Head, Seat} from "./libraries/Words.sol";

/// @title Opens the plans of plan tasks (kind 1), and lets their children lower their weight.
/// @notice A planner posts child tasks (parent = the plan task) and binds their ids in its commitment: evidenceDigest =
/// keccak256(abi.encode(traceDigest, children)). A child counts if it is Settled by the plan's commitEnd, was posted by the planner's
/// owner or wallet, and no seat of it is of the planner's owner. The plan then votes with min(its award weight, mean award weight of
/// the winning seats of all children that count). Carries no authority and keeps nothing: anyone may relay a reveal through it.
contract Plans {
    IAgentRegistry public immutable REGISTRY;

    /// @param market Which took the reveal: a market that nobody trusts may say anything of its own tasks. @param weight With which the seat votes. @param children As committed.
    event PlanRevealed(
        address indexed market,
        bytes32 indexed taskId,
        uint256 indexed agentId,
        uint256 seat,
        uint256 weight,
        bytes32 traceDigest,
        bytes32[] children
    );

    /// @notice The opening's evidenceDigest is of another trace or of other children.
    error EvidenceMismatch(bytes32 evidenceDigest);
    /// @notice A named child may still settle in time.
    error ChildOpen(bytes32 child);
    /// @notice The receipt given is of another task.
    error ChildMismatch(bytes32 child);

    struct Plan {
        ITaskMarket market;
        bytes32 taskId;
        uint256 commitEnd;
        address owner; //  of the planner
        address wallet;
        uint256 sum; //    award weights of the winning seats of all children that count
        uint256 winners;
    }

    constructor(IAgentRegistry registry) {
        REGISTRY = registry;
    }

    /// @param receipts One a child, in order; looked at only where the child counts by its outcome and time.
    function reveal(
        ITaskMarket market,
        Task calldata task,
        Opening calldata opening,
        bytes32 traceDigest,
        bytes32[] calldata children,
        Receipt[] calldata receipts
    ) external {
        if (keccak256(abi.encode(traceDigest, children)) != opening.evidenceDigest) {
            revert EvidenceMismatch(opening.evidenceDigest);
        }
        Plan memory p;
        (p.market, p.taskId, p.commitEnd) = (market, market.taskIdOf(task), task.commitEnd());
        Seat seat = Seat.wrap(market.seatOf(p.taskId, opening.seat));
        (p.owner, p.wallet) = REGISTRY.ownerAndWallet(seat.agentId());
        for (uint256 i; i < children.length; ++i) {
            (State outcome, uint256 closedAt,) = market.receiptOf(children[i]);
            if (outcome == State.None && block.timestamp <= p.commitEnd) revert ChildOpen(children[i]);
            if (outcome == State.Settled && closedAt <= p.commitEnd) _add(p, children[i], receipts[i]);
        }
        uint256 weight = seat.weight();
        if (p.winners != 0 && p.sum / p.winners < weight) weight = p.sum / p.winners; // weights are at least 1
        market.revealPlan(p.taskId, opening, weight);
        emit PlanRevealed(address(market), p.taskId, seat.agentId(), opening.seat, weight, traceDigest, children);
    }

    function _add(Plan memory p, bytes32 child, Receipt calldata r) private view {
        (bytes32 id,,) = r.check(p.market);
        if (id != child) revert ChildMismatch(child);
        address requester = r.task.requester();
        if (r.task.parent != p.taskId || (requester != p.owner && requester != p.wallet)) return;
        uint256 sum;
        uint256 winners;
        for (uint256 i; i < r.results.length; i += 2) {
            uint256 word = r.results[i];
            (address owner,) = REGISTRY.ownerAndWallet(ReceiptLib.agentId(word));
            if (owner == p.owner) return; // its own work proves nothing
            if (word & ReceiptLib.WON == 0) continue;
            sum += ReceiptLib.weight(word);
            ++winners;
        }
        p.sum += sum;
        p.winners += winners;
    }
}
