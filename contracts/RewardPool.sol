// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeTransferLib} from "solady/src/utils/SafeTransferLib.sol";
import {IRewardPool} from "./interfaces/IRewardPool.sol";
import {ITaskMarket} from "./interfaces/ITaskMarket.sol";
import {Receipt, ReceiptLib} from "./libraries/Receipts.sol";

/// @title The pool of shared rewards; its interface carries the documentation.
contract RewardPool is IRewardPool {
    using SafeTransferLib for address;

    uint256 private constant MAX_EPOCH = 365 days;
    uint256 private constant MAX_EPOCHS = 10_000;
    /// Later than any epoch.
    uint256 private constant NEVER = type(uint64).max;

    /// @inheritdoc IRewardPool
    uint256 public immutable EPOCH;
    /// @inheritdoc IRewardPool
    uint256 public immutable DELAY;
    /// @inheritdoc IRewardPool
    uint256 public immutable SPREAD;

    /* STORAGE. Everything hangs on the market's address; no path leads from one market's key to another's. */

    struct Entry {
        bool recorded;
        uint16 seats; //   with a share to come
    }

    /// @dev One slot that recording writes, one that paying writes.
    struct Epoch {
        uint128 pot;
        uint128 given;
        uint128 reserve;
        uint128 unpaid;
    }

    /// @dev Sums of one market's money in one token: none exceeds `owed`, whose own additions are checked. Epochs fit 32 bits until
    /// the year 2106 even if they last a second.
    struct Book {
        uint128 owed;
        uint128 carry;
        uint128 rate;
        uint32 next;
        // Cursors into `order`: the first epoch that is not finalised, not released from yet, not released to the end.
        uint32 final_;
        uint32 begun;
        uint32 ended;
        uint32[] order; // epochs that have a pot, ascending
        mapping(uint256 epoch => Epoch) epochs;
    }

    mapping(ITaskMarket market => mapping(address token => Book)) private _books;
    mapping(ITaskMarket market => mapping(bytes32 taskId => Entry)) private _entries;
    /// The market that `share` waits for; zero outside.
    address private transient _paying;

    constructor(uint256 epoch, uint256 delay, uint256 spread) {
        (EPOCH, DELAY, SPREAD) = (epoch, delay, spread);
        _within("epoch", epoch, MAX_EPOCH);
        _within("delay", delay, MAX_EPOCHS);
        _within("spread", spread, MAX_EPOCHS);
    }

    /// @dev Coins that are forced in past this belong to nobody: `share` passes on what arrives during its own withdrawal only.
    receive() external payable {
        if (msg.sender != _paying) revert UnexpectedCoins(msg.sender);
    }

    /* STEPS */

    /// @inheritdoc IRewardPool
    function record(ITaskMarket market, Receipt calldata r) external {
        (bytes32 taskId,, uint256 closedAt) = r.check(market);
        Entry storage entry = _entries[market][taskId];
        if (entry.recorded) revert AlreadyRecorded(taskId);
        (uint256 amount, uint256 seats) = _giftOf(r);
        if (amount == 0) revert NothingGiven(taskId);

        uint256 epoch = closedAt / EPOCH;
        uint256 current = block.timestamp / EPOCH;
        bool sharing = epoch == current || epoch + 1 == current;
        if (!sharing) (epoch, seats) = (current, 0);
        (entry.recorded, entry.seats) = (true, uint16(seats));

        address token = r.task.token();
        Book storage book = _books[market][token];
        Epoch storage e = book.epochs[epoch];
        if (e.pot == 0) _enlist(book.order, epoch);
        e.pot += uint128(amount);
        if (sharing) e.given += uint128(amount);
        book.owed += uint128(amount);
        emit Recorded(market, token, taskId, epoch, amount, sharing);
    }

    /// @inheritdoc IRewardPool
    function advance(ITaskMarket market, address token, uint256 count) external returns (uint256 done) {
        Book storage book = _books[market][token];
        uint256 current = block.timestamp / EPOCH;
        for (; done < count; ++done) {
            uint256 epoch = _nextChange(book);
            if (epoch + 1 >= current) break; // may still be recorded into
            _finalise(market, token, book, epoch);
        }
    }

    /// @inheritdoc IRewardPool
    function share(ITaskMarket market, Receipt calldata r, uint256 seat) external returns (uint256 amount) {
        if (_paying != address(0)) revert Reentered();
        (bytes32 taskId,, uint256 closedAt) = r.check(market);
        Entry storage entry = _entries[market][taskId];
        if ((entry.seats >> seat) & 1 == 0) revert NothingToShare(taskId, seat);
        entry.seats &= ~uint16(1 << seat);
        address token = r.task.token();
        uint256 given = _giftOf(r, seat);
        amount = _draw(_books[market][token], closedAt / EPOCH, given);
        uint256 agentId = ReceiptLib.agentId(r.results[2 * seat]);
        emit Shared(market, taskId, agentId, token, seat, given, amount);
        if (amount != 0) _pay(market, token, agentId, amount);
    }

    /* VIEWS */

    /// @inheritdoc IRewardPool
    function owed(ITaskMarket market, address token) external view returns (uint256) {
        return _books[market][token].owed;
    }

    /// @inheritdoc IRewardPool
    function bookOf(ITaskMarket market, address token)
        external
        view
        returns (uint256 next, uint256 carry, uint256 rate)
    {
        Book storage book = _books[market][token];
        return (book.next, book.carry, book.rate);
    }

    /// @inheritdoc IRewardPool
    function epochOf(ITaskMarket market, address token, uint256 epoch)
        external
        view
        returns (uint256 pot, uint256 given, uint256 reserve, uint256 unpaid)
    {
        Epoch storage e = _books[market][token].epochs[epoch];
        return (e.pot, e.given, e.reserve, e.unpaid);
    }

    /// @inheritdoc IRewardPool
    function recordOf(ITaskMarket market, bytes32 taskId) external view returns (bool recorded, uint256 seats) {
        Entry storage entry = _entries[market][taskId];
        return (entry.recorded, entry.seats);
    }

    /* RECORD: INSIDE */

    /// @dev What a seat gave: rounded as the market rounds it.
    function _giftOf(Receipt calldata r, uint256 seat) private pure returns (uint256) {
        return ReceiptLib.pay(r.results[2 * seat]) * r.task.sharedBps() / 10_000;
    }

    /// @dev What all seats gave, and which of them gave anything.
    function _giftOf(Receipt calldata r) private pure returns (uint256 amount, uint256 seats) {
        uint256 n = r.results.length / 2;
        for (uint256 i; i < n; ++i) {
            uint256 given = _giftOf(r, i);
            amount += given;
            if (given != 0) seats |= 1 << i;
        }
    }

    /// @dev Appends a new epoch. Recording goes to the present one or the one before, so it is out of order by one at most; and both
    /// lie beyond every cursor.
    function _enlist(uint32[] storage order, uint256 epoch) private {
        uint256 n = order.length;
        order.push(uint32(epoch));
        if (n != 0 && order[n - 1] > epoch) (order[n - 1], order[n]) = (uint32(epoch), order[n - 1]);
    }

    /* ADVANCE: INSIDE */

    /// @dev The next epoch that has seats, or where a pot's release begins or has ended. At most three a pot, however long it is quiet.
    function _nextChange(Book storage book) private view returns (uint256 epoch) {
        epoch = _at(book.order, book.final_, 0);
        uint256 begins = _at(book.order, book.begun, DELAY);
        uint256 ends = _at(book.order, book.ended, DELAY + SPREAD);
        if (begins < epoch) epoch = begins;
        if (ends < epoch) epoch = ends;
    }

    function _at(uint32[] storage order, uint256 i, uint256 later) private view returns (uint256) {
        return i < order.length ? order[i] + later : NEVER;
    }

    function _finalise(ITaskMarket market, address token, Book storage book, uint256 epoch) private {
        uint256 rate = book.rate;
        uint256 released = book.carry + rate * (epoch - book.next); // quiet epochs only pass on
        if (_at(book.order, book.begun, DELAY) == epoch) {
            uint256 pot = book.epochs[epoch - DELAY].pot;
            rate += pot / SPREAD;
            released += pot % SPREAD;
            ++book.begun;
        }
        if (_at(book.order, book.ended, DELAY + SPREAD) == epoch) {
            rate -= book.epochs[epoch - DELAY - SPREAD].pot / SPREAD;
            ++book.ended;
        }
        released += rate;
        uint256 reserved;
        if (_at(book.order, book.final_, 0) == epoch) {
            Epoch storage e = book.epochs[epoch];
            reserved = released < e.given ? released : e.given;
            (e.reserve, e.unpaid) = (uint128(reserved), e.given);
            ++book.final_;
        }
        (book.rate, book.carry, book.next) = (uint128(rate), uint128(released - reserved), uint32(epoch + 1));
        emit Finalised(market, token, epoch, released, book.epochs[epoch].given, reserved);
    }

    /* SHARE: INSIDE */

    /// @dev Takes a seat's share out of its epoch's reserve. unpaid ≥ reserve stays true: r − ⌊r·g/u⌋ = ⌈r·(u − g)/u⌉ ≤ u − g.
    function _draw(Book storage book, uint256 epoch, uint256 given) private returns (uint256 amount) {
        if (epoch >= book.next) revert NotFinal(epoch, book.next);
        Epoch storage e = book.epochs[epoch];
        amount = given * e.reserve / e.unpaid;
        e.reserve -= uint128(amount);
        e.unpaid -= uint128(given);
        book.owed -= uint128(amount);
    }

    /// @dev Out of the market's balance of this pool, into the agent's account there.
    function _pay(ITaskMarket market, address token, uint256 agentId, uint256 amount) private {
        _paying = address(market);
        uint256 before = _holds(token);
        market.withdraw(address(this), token, address(this), amount, 0, "");
        uint256 arrived = _holds(token) - before;
        if (token != address(0)) token.safeApproveWithRetry(address(market), arrived);
        market.fundAgent{value: token == address(0) ? arrived : 0}(agentId, token, arrived);
        _paying = address(0);
    }

    function _holds(address token) private view returns (uint256) {
        return token == address(0) ? address(this).balance : token.balanceOf(address(this));
    }

    function _within(bytes32 name, uint256 value, uint256 max) private pure {
        if (value < 1 || value > max) revert ITaskMarket.ParameterOutOfRange(name, value, 1, max);
    }
}
