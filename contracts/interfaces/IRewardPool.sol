// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITaskMarket} from "./ITaskMarket.sol";
import {Receipt} from "../libraries/Receipts.sol";

/// @title RewardPool: hands the shared part of pay out again, in later epochs. Immutable, no owner, no proxy.
///
/// A task may share a part of every seat's pay (`sharedBps`): in settle the market credits it to its balance of this contract. Here it is
/// dealt with by epochs of block time, for each market and token apart:
///
/// * `record` proves a closed task by its receipt. What its seats gave joins the pot of the epoch in which it closed, and each seat
///   will share in that epoch. Recording is open until the end of the next epoch; what is recorded later joins the pot of the epoch of
///   the recording, and its seats share in nothing.
/// * The pot of epoch e is released in SPREAD equal parts, to the epochs e + DELAY … e + DELAY + SPREAD − 1; what the division leaves
///   over goes with the first part.
/// * `advance` finalises epochs in order, each once its recording is closed: of what it was released and what came over from earlier
///   ones, an epoch reserves as much as its own seats gave, at most; the rest moves on to the next.
/// * `share` pays a seat out of its epoch's reserve, into its agent's account of the market. Every seat of an epoch gets the same
///   fraction, at most all, of what it gave itself: reserve left · given / given by all seats that are not paid yet. So the last one
///   takes the last wei, none is left over, and the order of payment moves no seat's share by more wei than the epoch has seats.
///
/// Seats of an epoch share by what they *gave*: in proportion to their pay where tasks share at one rate, and no other weight is safe.
/// By pay alone, a requester who hires itself at a huge pay and shares one basis point of it would push everybody else's share to
/// nothing, and give nothing for it. So a seat weighs what it costs; one that gave nothing weighs nothing, gets nothing, and
/// recording a task of only such seats is refused as pointless.
///
/// In = out + held, to the wei, for every market and token. This contract knows no market: whoever calls with a lying one moves
/// figures under that market's key, and money that this very market paid out in the same call.
interface IRewardPool {
    /* EVENTS */

    /// @param epoch Whose pot the amount joined. @param sharing Whether the task's seats share in that epoch: recorded in time.
    event Recorded(
        ITaskMarket indexed market,
        address indexed token,
        bytes32 indexed taskId,
        uint256 epoch,
        uint256 amount,
        bool sharing
    );
    /// @param released To the epoch, with what came over from earlier ones. @param given By its seats.
    /// @param reserved For its seats, the smaller of the two; released − reserved moves on.
    event Finalised(
        ITaskMarket indexed market,
        address indexed token,
        uint256 indexed epoch,
        uint256 released,
        uint256 given,
        uint256 reserved
    );
    /// @param given What the seat gave in the task. @param amount What it got now, the token's own fees apart.
    event Shared(
        ITaskMarket indexed market,
        bytes32 indexed taskId,
        uint256 indexed agentId,
        address token,
        uint256 seat,
        uint256 given,
        uint256 amount
    );

    /* ERRORS (and `ITaskMarket.ParameterOutOfRange` of the constructor) */

    error AlreadyRecorded(bytes32 taskId);
    /// @notice No seat of the task gave anything.
    error NothingGiven(bytes32 taskId);
    /// @notice The seat was paid, gave nothing, does not exist, or its task was not recorded in time.
    error NothingToShare(bytes32 taskId, uint256 seat);
    /// @notice `advance` has not come past this epoch yet. @param next First epoch that is not final.
    error NotFinal(uint256 epoch, uint256 next);
    /// @notice Coins come from the market that `share` has just asked, and from nobody else.
    error UnexpectedCoins(address from);
    /// @notice `share` inside `share`.
    error Reentered();

    /* STEPS: anyone may take them */

    /// @notice Once a task.
    function record(ITaskMarket market, Receipt calldata r) external;
    /// @notice Finalises, in order, up to `count` epochs in which something changes; quiet ones between them cost nothing.
    /// @return done How many; fewer than `count` where the rest is not due yet.
    function advance(ITaskMarket market, address token, uint256 count) external returns (uint256 done);
    /// @notice Once a seat.
    /// @return amount What the agent's account was given, the token's own fees apart.
    function share(ITaskMarket market, Receipt calldata r, uint256 seat) external returns (uint256 amount);

    /* VIEWS */

    /// @notice Length of an epoch in seconds; an instant's epoch is its block time divided by it.
    function EPOCH() external view returns (uint256);
    /// @notice Epochs from a pot to its first release.
    function DELAY() external view returns (uint256);
    /// @notice Parts, and epochs, that a pot is released in.
    function SPREAD() external view returns (uint256);
    /// @return What the market owes this pool for tasks recorded and not yet paid out: pots, carry and reserves together. The market's
    /// balance of the pool is this, and what closed tasks shared that nobody has recorded yet.
    function owed(ITaskMarket market, address token) external view returns (uint256);
    /// @return next First epoch that is not final.
    /// @return carry What came over to it.
    /// @return rate Released to every epoch from `next` until something changes.
    function bookOf(ITaskMarket market, address token)
        external
        view
        returns (uint256 next, uint256 carry, uint256 rate);
    /// @return pot All that was recorded into it.
    /// @return given By the seats that share in it.
    /// @return reserve Left for those of them that are not paid yet;
    /// @return unpaid who gave this much.
    function epochOf(ITaskMarket market, address token, uint256 epoch)
        external
        view
        returns (uint256 pot, uint256 given, uint256 reserve, uint256 unpaid);
    /// @return recorded Whether the task was.
    /// @return seats One bit a seat that has a share to come.
    function recordOf(ITaskMarket market, bytes32 taskId) external view returns (bool recorded, uint256 seats);
}
