// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AgentRegistry} from "../AgentRegistry.sol";
import {ITaskMarket, Opening, State} from "../interfaces/ITaskMarket.sol";
import {Bid, Task} from "../libraries/Orders.sol";
import {Receipt} from "../libraries/Receipts.sol";
import {Head, Seat, SeatLib} from "../libraries/Words.sol";
import {Plans} from "../Plans.sol";
import {TaskMarket} from "../TaskMarket.sol";
import {Base, Order, PAGE, POOL, TRACE, Vm, vm} from "./Base.t.sol";
import {BlacklistToken, FeeToken, PausingToken, PlainToken, RebasingToken, Wallet1271} from "./Hostile.sol";

/// @notice Where a fault is written: one a property of DESIGN 3.4 that the handler itself can see broken.
enum Property {
    Liveness,
    NoDoubleSettle,
    CommitBinding,
    RevealOnlyAfterCommit,
    OnlyOwnSeat,
    DistinctOwners,
    WeightBound,
    ScoreInRange,
    ReceiptBinding,
    EvaluationNeverPaysRequester
}

/// @title What a settlement without the evaluator would return to the requester: tried, told by the revert, undone.
contract Silence {
    error Refund(uint256 amount);

    function settle(TaskMarket market, Task calldata task) external {
        uint256 before = market.balanceOf(task.requester(), task.token());
        vm.warp(block.timestamp + 365 days);
        market.settle(task);
        revert Refund(market.balanceOf(task.requester(), task.token()) - before);
    }
}

/// @title All actors of the market at once: the fuzzer calls these functions in any order with any arguments.
/// @notice Proper steps must succeed when the model of this file says so; improper ones are tried too (`meddle`), and whatever goes
/// against a property is written into `fault`. `paidIn` and `paidOut` are counted here, never read from the market.
contract Handler is Base {
    uint256 public constant ACTORS = 6; //  the last is an ERC-1271 wallet
    uint256 public constant AGENTS = 6; //  agent i + 1 is registered by actor i
    uint256 public constant COINS = 6; //   native, a plain ERC-20, and four that harm those who hold claims in them
    uint256 public constant FAIR = 2; //    the first two: balances change only by transfers, and nothing stops these
    uint256 private constant MAX_TASKS = 12;
    uint256 private constant MAX_LIVE = 4;
    address private constant STRANGER = address(0xbad);

    /// What a seat has sealed in its commitment.
    struct Sealed {
        Opening opening;
        bytes32[] children;
    }

    struct Closed {
        State outcome;
        uint256 closedAt;
        bytes32 winner;
        uint256[] results;
    }

    address[] private _actors; // vm.addr is a curve multiplication: once an actor
    mapping(address => uint256) private _key;
    PlainToken[COINS - 1] private _coins;
    Silence private _silence;
    Order[] private _orders;
    bytes32[] public ids;
    mapping(bytes32 taskId => uint256) private _index; // + 1
    mapping(bytes32 taskId => mapping(uint256 seat => Sealed)) private _sealed;
    mapping(bytes32 taskId => Closed) private _closed;
    mapping(bytes32 taskId => bytes32) private _seats; // hash of the seat words after the last step of the task itself

    mapping(uint256 coin => uint256) public paidIn;
    mapping(uint256 coin => uint256) public paidOut;
    mapping(uint256 coin => uint256) public burnt; // as TaskSettled told
    mapping(Property => string) public fault;

    constructor(AgentRegistry registry_, Plans plans_, TaskMarket market_, bytes32 domain_) {
        (registry, plans, market, domain) = (registry_, plans_, market_, domain_);
        _silence = new Silence();
        _coins = [new PlainToken(), new FeeToken(), new PausingToken(), new BlacklistToken(), new RebasingToken()];
        for (uint256 i; i < ACTORS; ++i) {
            uint256 key = uint256(keccak256(abi.encode("actor", i)));
            address who = vm.addr(key);
            if (i == ACTORS - 1) who = address(new Wallet1271(who));
            _actors.push(who);
            _key[who] = key;
            vm.deal(who, 1e24);
            for (uint256 c = 1; c < COINS; ++c) {
                _coins[c - 1].mint(who, 1e24);
                vm.prank(who);
                _coins[c - 1].approve(address(market), type(uint256).max);
            }
            vm.prank(who);
            uint256 agentId = registry.register(keccak256("file"), PAGE, (i + 1) * 1_600 | (10_000 << 16));
            for (uint256 c; c < COINS; ++c) {
                _fundAgent(who, agentId, c, 100); // for bonds
            }
            if (i % 2 == 0) continue;
            uint256 operator = uint256(keccak256(abi.encode("operator", i)));
            _key[vm.addr(operator)] = operator;
            _setWallet(agentId, operator);
        }
        vm.deal(STRANGER, 1e24);
    }

    /* WHAT THE INVARIANTS READ */

    function actor(uint256 i) public view returns (address) {
        return _actors[i % ACTORS];
    }

    function count() external view returns (uint256) {
        return ids.length;
    }

    function order(uint256 i) public view returns (Order memory) {
        return _orders[i];
    }

    function closed(uint256 i) external view returns (Closed memory) {
        return _closed[ids[i]];
    }

    function isLive(uint256 i) public view returns (bool) {
        State state = market.stateOf(ids[i]);
        return state > State.None && state < State.Settled;
    }

    /// @dev Whether the seats of a live task are as its own last step left them.
    function isUndisturbed(uint256 i) external view returns (bool) {
        return _seats[ids[i]] == bytes32(0) || _seats[ids[i]] == _hashOfSeats(ids[i]);
    }

    function coin(uint256 c) public view returns (address) {
        return c == 0 ? address(0) : address(_coins[c - 1]);
    }

    function held(uint256 c) public view returns (uint256) {
        return c == 0 ? address(market).balance : _coins[c - 1].balanceOf(address(market));
    }

    /* MONEY */

    /// @dev One function for four doors, so that the fuzzer spends its calls on tasks.
    function money(uint256 door, uint256 by, uint256 c, uint96 amount, bool signed) external {
        c %= COINS;
        if (door % 4 == 0) _deposit(actor(by), actor(by / ACTORS), c, amount % 1e18);
        else if (door % 4 == 1) _fundAgent(actor(by), by / ACTORS % AGENTS + 1, c, amount % 1e6);
        else if (door % 4 == 2) _withdraw(by % 7 == 6 ? POOL : actor(by), c, amount, signed);
        else _claim(by % AGENTS + 1, c, amount % 2 == 0, signed);
    }

    /// @dev An agent is sold; or a token stops, blocks an actor or the market, or changes all balances by itself.
    function change(uint256 what, uint256 who, uint256 by) external {
        if (what % 5 < 2) {
            uint256 agentId = who % AGENTS + 1;
            address owner = registry.ownerOf(agentId);
            vm.prank(owner);
            registry.transferFrom(owner, actor(by), agentId);
        } else if (what % 5 == 2) {
            PausingToken(address(_coins[2])).pause(who % 2 == 0);
        } else if (what % 5 == 3) {
            address account = who % (ACTORS + 1) == ACTORS ? address(market) : actor(who);
            BlacklistToken(address(_coins[3])).setBlocked(account, by % 2 == 0);
        } else {
            RebasingToken(address(_coins[4])).rebase(5_000 + who % 10_001);
        }
    }

    /* TIME */

    function wait(uint256 seconds_) external {
        vm.warp(block.timestamp + seconds_ % 15);
    }

    /* LIFE OF A TASK */

    /// @dev Posts, or posts and awards at once.
    function post(uint256 by, uint256 seed, bool signed) external {
        if (ids.length == MAX_TASKS || _live() == MAX_LIVE) return;
        Order memory o = _invent(by, seed);
        bytes32 id = market.taskIdOf(_pack(o));
        uint256 value = _prefund(o, _coinOf(o.token), seed);
        if (market.balanceOf(o.requester, o.token) + value < _escrow(o)) return;
        bytes memory call;
        if (_r(seed, 16) % 2 == 0) {
            call = abi.encodeCall(market.post, (_pack(o), signed ? _signDigest(_key[o.requester], id) : bytes("")));
        } else {
            Bid[] memory bids = _bids(id, o.ceiling, seed);
            bytes memory signature = _signIf(signed, o.requester, _bidsMessage("Hire", id, bids));
            call = abi.encodeCall(market.hire, (_pack(o), bids, signature));
        }
        vm.prank(signed ? STRANGER : o.requester);
        (bool ok,) = address(market).call{value: value}(call);
        if (!ok) return; // too few seats
        paidIn[0] += value;
        ids.push(id);
        _orders.push(o);
        _index[id] = ids.length;
        if (Head.wrap(market.headOf(id)).seats() != 0) _checkSeats(id);
    }

    function cancel(uint256 pick, bool signed) external {
        uint256 i = pick / 3;
        if (pick % 3 != 0 || i >= ids.length) return;
        State state = market.stateOf(ids[i]);
        bool may = state == State.Open || state == State.Free || state == State.Unawarded;
        address requester = _orders[i].requester;
        bytes memory signature = _signIf(signed, requester, _cancelMessage(ids[i]));
        vm.prank(signed ? STRANGER : requester);
        try market.cancel(_pack(_orders[i]), signature) {
            if (!may) _blame(Property.NoDoubleSettle, "cancelled a task that has seats or is closed");
            _note(i, new Vm.Log[](0));
        } catch {
            if (may) _blame(Property.Liveness, "could not cancel a task without seats");
        }
    }

    /// @dev Awards open tasks, takes free seats: in every live task of `tasks`. So do the next three.
    function seat(uint256 tasks, uint256 seed, bool signed) external {
        for (uint256 i; i < ids.length; ++i) {
            if (!_chosen(tasks, i)) continue;
            State state = market.stateOf(ids[i]);
            if (state == State.Free || state == State.Awarded) {
                _take(i, seed % AGENTS + 1, signed);
                _take(i, (seed % AGENTS + 1) % AGENTS + 1, signed);
            } else {
                _award(i, state, seed, signed);
            }
        }
    }

    function commit(uint256 tasks, uint256 seats, uint256 answers, bool signed) external {
        for (uint256 i; i < ids.length; ++i) {
            if (!_chosen(tasks, i) || market.stateOf(ids[i]) != State.Awarded) continue;
            uint256 n = Head.wrap(market.headOf(ids[i])).seats();
            for (uint256 s; s < n; ++s) {
                if (_among(seats, s)) _commit(ids[i], s, (answers >> s) & (answers >> 128) & 1, signed);
            }
        }
    }

    function reveal(uint256 tasks, uint256 seats, bool batched) external {
        for (uint256 i; i < ids.length; ++i) {
            if (!_chosen(tasks, i)) continue;
            uint256 n = Head.wrap(market.headOf(ids[i])).seats();
            bool may = _revealsOpen(ids[i]);
            for (uint256 s; s < n; ++s) {
                if (_among(seats, s)) _checkReveal(ids[i], s, may, batched);
            }
        }
    }

    function close(uint256 tasks, uint256 seed, bool signed) external {
        for (uint256 i; i < ids.length; ++i) {
            if (!_chosen(tasks, i)) continue;
            if (_orders[i].evaluator != address(0) && seed % 2 == 0) _evaluate(i, seed, signed);
            else _settle(i, seed % 3 == 0 && _orders[i].kind != 1 && _revealsOpen(ids[i]));
        }
    }

    /// @dev Everything that nobody may do, whatever the task's state.
    function meddle(uint256 pick, uint256 seed) external {
        if (ids.length == 0) return;
        uint256 i = pick % ids.length;
        bytes32 id = ids[i];
        Task memory t = _pack(_orders[i]);
        _strangersFail(id, t, _orders[i].ceiling, seed);
        uint256 n = Head.wrap(market.headOf(id)).seats();
        if (!isLive(i)) return _closedIsClosed(id, t);
        for (uint256 s; s < n && s < 16; ++s) {
            _sealIsFinal(id, s, Seat.wrap(market.seatOf(id, s)));
        }
    }

    /* MEDDLING */

    function _strangersFail(bytes32 id, Task memory t, uint256 ceiling, uint256 seed) private {
        Bid[] memory bids = _bids(id, ceiling, seed);
        uint256 agentId = seed % AGENTS + 1;
        address owner = registry.ownerOf(agentId);
        bytes[] memory calls = new bytes[](8);
        calls[0] = abi.encodeCall(market.award, (t, bids, ""));
        calls[1] = abi.encodeCall(market.cancel, (t, ""));
        calls[2] = abi.encodeCall(market.take, (t, agentId, 0, ""));
        calls[3] = abi.encodeCall(market.evaluate, (t, 0, ""));
        calls[4] = abi.encodeCall(market.withdraw, (actor(seed), address(0), STRANGER, 0, 0, ""));
        calls[5] = abi.encodeCall(market.claim, (agentId, address(0), owner, 0, ""));
        calls[6] = abi.encodeCall(market.revealPlan, (id, _sealed[id][0].opening, 1));
        calls[7] = abi.encodeCall(market.post, (t, ""));
        for (uint256 j; j < calls.length; ++j) {
            vm.prank(STRANGER);
            (bool ok,) = address(market).call(calls[j]);
            if (ok) _blame(Property.OnlyOwnSeat, "a stranger acted for another");
        }
        vm.prank(_orders[_index[id] - 1].evaluator);
        try market.evaluate(t, uint256(10_001) << (16 * (seed % 16)), "") {
            _blame(Property.ScoreInRange, "an evaluation above 1");
        } catch {}
    }

    function _closedIsClosed(bytes32 id, Task memory t) private {
        if (isLive(_index[id] - 1)) _blame(Property.NoDoubleSettle, "alive after its end");
        try market.settle(t) {
            _blame(Property.NoDoubleSettle, "settled twice");
        } catch {}
        address evaluator = _orders[_index[id] - 1].evaluator;
        vm.prank(evaluator);
        try market.evaluate(t, 0, "") {
            _blame(Property.NoDoubleSettle, "evaluated after the end");
        } catch {}
        address requester = _orders[_index[id] - 1].requester;
        vm.prank(requester);
        try market.post(t, "") {
            _blame(Property.NoDoubleSettle, "posted twice");
        } catch {}
    }

    /// @dev Of a seat: no stranger's commitment, no second one, no other answer than the committed one, no reveal before its time.
    function _sealIsFinal(bytes32 id, uint256 s, Seat word) private {
        bytes memory signature = _sign(_key[actor(s)], _commitMessage(id, s, TRACE));
        if (actor(s) != word.wallet() || word.tag() != SeatLib.AWARDED) {
            try market.commit(id, s, TRACE, signature) {
                _blame(Property.OnlyOwnSeat, "another's signature committed");
            } catch {}
        }
        if (word.tag() == SeatLib.AWARDED) {
            try market.commit(id, s, TRACE, "") {
                _blame(Property.OnlyOwnSeat, "a stranger committed");
            } catch {}
            if (_reveal(id, s, false)) _blame(Property.RevealOnlyAfterCommit, "revealed without a commitment");
            return;
        }
        Opening memory o = _sealed[id][s].opening;
        address wallet = registry.getAgentWallet(word.agentId());
        vm.prank(wallet);
        try market.commit(id, s, TRACE, "") {
            _blame(Property.CommitBinding, "committed twice");
        } catch {}
        if (word.tag() != SeatLib.COMMITTED) return;
        o.answerDigest = ~o.answerDigest;
        try market.reveal(id, o) {
            _blame(Property.CommitBinding, "another answer than committed");
        } catch {}
        o.answerDigest = ~o.answerDigest;
        o.evidenceDigest = ~o.evidenceDigest;
        try market.reveal(id, o) {
            _blame(Property.CommitBinding, "other evidence than committed");
        } catch {}
    }

    /* CLOSING: INSIDE */

    /// @dev Settles, or reveals and settles at once.
    function _settle(uint256 i, bool atOnce) private {
        Task memory t = _pack(_orders[i]);
        bool due = _due(ids[i], false, _orders[i].evaluator != address(0), atOnce);
        bytes memory call = abi.encodeCall(market.settle, (t));
        if (atOnce) call = abi.encodeCall(market.revealAndSettle, (t, _openings(ids[i])));
        vm.recordLogs();
        (bool done,) = address(market).call(call);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (done != due) _blame(Property.Liveness, done ? "settled too early, or twice" : "could not settle");
        if (done) _note(i, logs);
    }

    function _evaluate(uint256 i, uint256 seed, bool signed) private {
        Order memory o = _orders[i];
        Task memory t = _pack(o);
        bool due = _due(ids[i], true, true, false);
        uint256 scores;
        for (uint256 lane; lane < 16 && seed % 8 != 0; ++lane) {
            scores |= (_r(seed, lane) % 10_001) << (16 * lane);
        }
        uint256 silent = due ? _refundInSilence(t) : 0;
        uint256 before = market.balanceOf(o.requester, o.token);
        bytes memory signature = _signIf(signed, o.evaluator, _evaluateMessage(ids[i], scores));
        vm.recordLogs();
        vm.prank(signed ? STRANGER : o.evaluator);
        bool done;
        try market.evaluate(t, scores, signature) {
            done = true;
        } catch {}
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (done != due) _blame(Property.Liveness, done ? "evaluated too early or too late" : "could not evaluate");
        if (!done) return;
        if (market.balanceOf(o.requester, o.token) - before > silent) {
            _blame(Property.EvaluationNeverPaysRequester, "an evaluation paid its requester");
        }
        _note(i, logs);
    }

    function _refundInSilence(Task memory t) private returns (uint256 refund) {
        uint256 time = block.timestamp;
        try _silence.settle(market, t) {}
        catch (bytes memory reason) {
            assembly ("memory-safe") {
                refund := mload(add(reason, 36))
            }
        }
        vm.warp(time);
    }

    /// @dev What the model of this file says of settle (or evaluate): is it time?
    function _due(bytes32 id, bool evaluated, bool hasEvaluator, bool atOnce) private view returns (bool) {
        State state = market.stateOf(id);
        uint256 n = Head.wrap(market.headOf(id)).seats();
        if (state == State.Unawarded) return !evaluated;
        if (state == State.Closing) return !evaluated;
        if (state < State.Awarded || state > State.Closing || (hasEvaluator && !evaluated)) return false;
        if (state == State.Evaluating) return true;
        if (state == State.Awarded && Head.wrap(market.headOf(id)).free() != 0) return false;
        bool allDone = true;
        for (uint256 s; s < n; ++s) {
            uint256 tag = Seat.wrap(market.seatOf(id, s)).tag();
            if (tag == SeatLib.AWARDED && state == State.Awarded) return false;
            if (tag == SeatLib.COMMITTED) allDone = false;
        }
        return allDone || atOnce;
    }

    /// @dev Checks and keeps what a closing said; a cancelled task said nothing.
    function _note(uint256 i, Vm.Log[] memory logs) private {
        Closed storage c = _closed[ids[i]];
        bytes26 digest;
        (c.outcome, c.closedAt, digest) = market.receiptOf(ids[i]);
        if (c.outcome < State.Settled || c.closedAt != block.timestamp) _blame(Property.ReceiptBinding, "no receipt");
        for (uint256 j; j < logs.length; ++j) {
            if (logs[j].topics[0] != ITaskMarket.TaskSettled.selector) continue;
            _told(i, c, logs[j].data);
            bytes26 want = bytes26(keccak256(abi.encodePacked(c.winner, c.results)));
            if (digest != (c.results.length == 0 ? bytes26(0) : want)) {
                _blame(Property.ReceiptBinding, "the receipt is not of what was said");
            }
            _checkResults(i, c.outcome, c.results);
        }
        _closedIsClosed(ids[i], _pack(_orders[i]));
    }

    function _told(uint256 i, Closed storage c, bytes memory data) private {
        uint256 refund;
        uint256 lost;
        uint256 fee;
        (c.winner,, refund, lost, fee, c.results) =
            abi.decode(data, (bytes32, uint256, uint256, uint256, uint256, uint256[]));
        burnt[_coinOf(_orders[i].token)] += lost;
        if (refund + fee > _escrow(_orders[i])) _blame(Property.ReceiptBinding, "refund above the escrow");
    }

    function _checkResults(uint256 i, State outcome, uint256[] memory results) private {
        for (uint256 j; j < results.length; j += 2) {
            uint256 word = results[j];
            if (uint16(word >> 32) > 10_000) _blame(Property.ScoreInRange, "a score above 1");
            if (uint16(word >> 48) == 0 || uint16(word >> 48) > 10_000) _blame(Property.WeightBound, "a settled weight");
            bool revealed = word & (1 << 160) != 0;
            bool won = word & (1 << 162) != 0;
            if ((won && (!revealed || outcome != State.Settled)) || (!revealed && uint96(word >> 64) != 0)) {
                _blame(Property.RevealOnlyAfterCommit, "a seat without a reveal won or was paid");
            }
            uint256 earned = market.earnedOf(uint32(word), _orders[i].pageId);
            if (earned != results[j + 1]) _blame(Property.ReceiptBinding, "another earned word than said");
        }
    }

    /* SEATS: INSIDE */

    function _award(uint256 i, State state, uint256 seed, bool signed) private {
        Order memory o = _orders[i];
        Bid[] memory bids = _bids(ids[i], o.ceiling, seed);
        address by = o.router != address(0) && seed % 3 == 0 ? o.router : o.requester;
        bytes memory signature = _signIf(signed, by, _bidsMessage("Award", ids[i], bids));
        vm.prank(signed ? STRANGER : by);
        try market.award(_pack(o), bids, signature) {
            if (state != State.Open) _blame(Property.NoDoubleSettle, "awarded a task that was not open");
            _checkSeats(ids[i]);
        } catch {}
    }

    function _take(uint256 i, uint256 agentId, bool signed) private {
        bytes32 id = ids[i];
        bool may = market.stateOf(id) == State.Free || Head.wrap(market.headOf(id)).free() != 0;
        address wallet = registry.getAgentWallet(agentId);
        bytes memory signature = _signIf(signed, wallet, _takeMessage(id, agentId));
        vm.prank(signed ? STRANGER : wallet);
        try market.take(_pack(_orders[i]), agentId, type(uint256).max, signature) {
            if (!may) _blame(Property.WeightBound, "took a seat that was not free");
            _checkSeats(id);
        } catch {}
    }

    function _commit(bytes32 id, uint256 s, uint256 answer, bool signed) private {
        Seat word = Seat.wrap(market.seatOf(id, s));
        if (word.tag() != SeatLib.AWARDED) return;
        Sealed memory sealed_ = _seal(id, s, word.agentId(), answer);
        bytes32 commitment = _commitment(id, word.agentId(), sealed_.opening);
        bytes memory signature = _signIf(signed, word.wallet(), _commitMessage(id, s, commitment));
        vm.prank(signed ? STRANGER : word.wallet());
        market.commit(id, s, commitment, signature);
        _sealed[id][s] = sealed_;
        _seats[id] = _hashOfSeats(id);
    }

    function _checkReveal(bytes32 id, uint256 s, bool may, bool batched) private {
        Seat before = Seat.wrap(market.seatOf(id, s));
        bool due = may && before.tag() == SeatLib.COMMITTED;
        bool done = _reveal(id, s, batched);
        if (done && !due) {
            _blame(Property.RevealOnlyAfterCommit, "revealed without commitment, twice, or too early");
        }
        if (!done && due && !_childrenOpen(id, s)) _blame(Property.RevealOnlyAfterCommit, "could not reveal");
        if (!done) return;
        Seat now_ = Seat.wrap(market.seatOf(id, s));
        if (now_.weight() == 0 || now_.weight() > before.weight()) {
            _blame(Property.WeightBound, "a reveal raised a weight");
        }
        if (now_.agentId() != before.agentId()) _blame(Property.OnlyOwnSeat, "a seat changed hands");
        _seats[id] = _hashOfSeats(id);
    }

    function _hashOfSeats(bytes32 id) private view returns (bytes32) {
        uint256[] memory words = new uint256[](Head.wrap(market.headOf(id)).seats());
        for (uint256 s; s < words.length; ++s) {
            words[s] = market.seatOf(id, s);
        }
        return keccak256(abi.encode(words));
    }

    function _checkSeats(bytes32 id) private {
        _seats[id] = _hashOfSeats(id);
        uint256 n = Head.wrap(market.headOf(id)).seats();
        Order memory o = _orders[_index[id] - 1];
        if (n == 0 || n > o.k) _blame(Property.WeightBound, "more seats than wanted, or none");
        if (Head.wrap(market.headOf(id)).price() > o.ceiling) _blame(Property.WeightBound, "above the ceiling");
        for (uint256 a; a < n; ++a) {
            Seat seatA = Seat.wrap(market.seatOf(id, a));
            if (seatA.weight() == 0 || seatA.weight() > 10_000) _blame(Property.WeightBound, "an awarded weight");
            for (uint256 b; b < a; ++b) {
                Seat seatB = Seat.wrap(market.seatOf(id, b));
                if (seatA.agentId() == seatB.agentId()) _blame(Property.DistinctOwners, "an agent has two seats");
                // An agent may be sold after it was seated: only the newest seat is new.
                if (a == n - 1 && registry.ownerOf(seatA.agentId()) == registry.ownerOf(seatB.agentId())) {
                    _blame(Property.DistinctOwners, "two seats of one owner");
                }
            }
        }
    }

    function _seal(bytes32 id, uint256 s, uint256 agentId, uint256 answer) private view returns (Sealed memory sealed_) {
        sealed_.children = new bytes32[](0);
        sealed_.opening = Opening(s, _digest(answer), TRACE, keccak256(abi.encode(id, s)), "");
        if (answer == 1) sealed_.opening.answer = abi.encode(answer);
        if (_orders[_index[id] - 1].kind != 1) return sealed_;
        address owner = registry.ownerOf(agentId);
        bytes32[] memory children = new bytes32[](ids.length);
        uint256 n;
        for (uint256 i; i < ids.length; ++i) {
            if (_orders[i].parent == id && _orders[i].requester == owner) children[n++] = ids[i];
        }
        assembly ("memory-safe") {
            mstore(children, n) // only ever shorter
        }
        sealed_.children = children;
        sealed_.opening.evidenceDigest = keccak256(abi.encode(TRACE, children));
    }

    function _revealsOpen(bytes32 id) private view returns (bool) {
        State state = market.stateOf(id);
        uint256 n = Head.wrap(market.headOf(id)).seats();
        if (state == State.Revealing) return true;
        if (state != State.Awarded || Head.wrap(market.headOf(id)).free() != 0) return false;
        for (uint256 s; s < n; ++s) {
            if (Seat.wrap(market.seatOf(id, s)).tag() == SeatLib.AWARDED) return false;
        }
        return true;
    }

    function _reveal(bytes32 id, uint256 s, bool batched) private returns (bool) {
        Order memory o = _orders[_index[id] - 1];
        Sealed memory sealed_ = _sealed[id][s];
        sealed_.opening.seat = s;
        if (o.kind == 1) {
            Receipt[] memory receipts = new Receipt[](sealed_.children.length);
            for (uint256 j; j < receipts.length; ++j) {
                Closed memory c = _closed[sealed_.children[j]];
                receipts[j] = Receipt(_pack(_orders[_index[sealed_.children[j]] - 1]), c.winner, c.results);
            }
            try plans.reveal(market, _pack(o), sealed_.opening, TRACE, sealed_.children, receipts) {
                return true;
            } catch {
                return false;
            }
        }
        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(market.reveal, (id, sealed_.opening));
        if (batched) calls[0] = abi.encodeCall(market.multicall, (calls));
        (bool ok,) = address(market).call(calls[0]);
        return ok;
    }

    /// @dev Plans wait, until commitEnd, for children that may still settle.
    function _childrenOpen(bytes32 id, uint256 s) private view returns (bool) {
        if (block.timestamp > _orders[_index[id] - 1].commitEnd) return false;
        bytes32[] memory children = _sealed[id][s].children;
        for (uint256 j; j < children.length; ++j) {
            if (isLive(_index[children[j]] - 1)) return true;
        }
        return false;
    }

    function _openings(bytes32 id) private view returns (Opening[] memory openings) {
        uint256 n = Head.wrap(market.headOf(id)).seats();
        openings = new Opening[](n);
        uint256 m;
        for (uint256 s; s < n; ++s) {
            if (Seat.wrap(market.seatOf(id, s)).tag() == SeatLib.COMMITTED) openings[m++] = _sealed[id][s].opening;
        }
        assembly ("memory-safe") {
            mstore(openings, m) // only ever shorter
        }
    }

    /* ORDERS: INSIDE */

    function _invent(uint256 by, uint256 seed) private view returns (Order memory o) {
        o = _order(actor(by), (ids.length << 64) | ids.length % 3); // live tasks want the same desks
        uint256 c = _r(seed, 0) % 12;
        o.token = coin(c < COINS ? 0 : c - COINS);
        o.ceiling = uint96(_r(seed, 1) % 4_000 + 1);
        o.k = uint8(_r(seed, 2) % 5 + 1);
        o.minSeats = uint8(_r(seed, 3) % 4 == 0 ? o.k : 1);
        o.baseBps = uint16(_r(seed, 4) % 10_001);
        o.bond = uint96(_r(seed, 5) % 3) * 5;
        o.kind = uint8(_r(seed, 6) % 8 > 3 ? 1 : _r(seed, 6) % 4);
        o.minMatchBps = _r(seed, 7) % 4 == 0 ? 5_000 : 0;
        o.quorumBps = uint16(_r(seed, 8) % 10_000 + 1);
        o.open = _r(seed, 9) % 3 == 0;
        o.bidEnd = uint40(block.timestamp + 12);
        o.commitEnd = o.bidEnd + (o.kind == 1 ? 60 : 15);
        o.revealWindow = 15;
        o.router = _r(seed, 10) % 2 == 0 ? actor(by / 2) : address(0);
        o.sharedBps = uint16(_r(seed, 11) % 3 * 5_000);
        if (_r(seed, 12) % 2 == 0) {
            o.evaluator = actor(_r(seed, 13));
            o.evaluationWindow = 12;
            o.evaluationFee = uint96(_r(seed, 14) % 100);
        }
        if (o.kind != 1) _adopt(o, _r(seed, 15));
    }

    /// @dev Makes the order a child of a plan task whose seats are at work, where there is one.
    function _adopt(Order memory o, uint256 random) private view {
        for (uint256 j; j < ids.length; ++j) {
            uint256 i = (j + random % ids.length) % ids.length;
            if (_orders[i].kind != 1 || market.stateOf(ids[i]) != State.Awarded) continue;
            uint256 n = Head.wrap(market.headOf(ids[i])).seats();
            o.parent = ids[i];
            o.requester = registry.ownerOf(Seat.wrap(market.seatOf(ids[i], random % n)).agentId());
            return;
        }
    }

    /// @dev Brings the escrow: coins to send along, tokens as a deposit before; sometimes half, where the balance has the rest.
    function _prefund(Order memory o, uint256 c, uint256 seed) private returns (uint256 value) {
        uint256 amount = seed % 4 == 0 ? _escrow(o) / 2 : _escrow(o) + seed % 2;
        if (c == 0) return amount;
        _deposit(o.requester, o.requester, c, amount);
    }

    /// @dev One of every agent, from some agent on; now and then one that must be passed over.
    function _bids(bytes32 id, uint256 ceiling, uint256 seed) private view returns (Bid[] memory bids) {
        bids = new Bid[](AGENTS);
        for (uint256 j; j < AGENTS; ++j) {
            uint256 agentId = (j + seed % AGENTS) % AGENTS + 1;
            uint256 price = _r(seed, j) % (ceiling + ceiling / 16 + 1);
            bids[j] = _bid(id, agentId, _key[registry.getAgentWallet(agentId)], price);
        }
    }

    /* MONEY: INSIDE */

    function _withdraw(address who, uint256 c, uint256 amount, bool signed) private {
        amount %= market.balanceOf(who, coin(c)) + 1;
        signed = signed && who != POOL;
        bytes memory signature =
            _signIf(signed, who, _withdrawMessage(who, coin(c), who, amount, block.timestamp));
        vm.prank(signed ? STRANGER : who);
        try market.withdraw(who, coin(c), who, amount, block.timestamp, signature) {
            paidOut[c] += amount;
        } catch {
            _refused(c, "could not withdraw");
        }
    }

    function _claim(uint256 agentId, uint256 c, bool byWallet, bool signed) private {
        (uint256 accrued,,,) = market.accountOf(agentId, coin(c));
        if (accrued == 0) return;
        (address owner, address who) = registry.ownerAndWallet(agentId);
        if (!byWallet) who = owner;
        bytes memory signature =
            _signIf(signed, who, _claimMessage(who, agentId, coin(c), owner, block.timestamp));
        vm.prank(signed ? STRANGER : who);
        try market.claim(agentId, coin(c), owner, block.timestamp, signature) {
            paidOut[c] += accrued;
        } catch {
            _refused(c, "could not claim");
        }
    }

    function _deposit(address by, address to, uint256 c, uint256 amount) private {
        uint256 before = held(c);
        vm.prank(by);
        try market.deposit{value: c == 0 ? amount : 0}(to, coin(c), amount) {
            paidIn[c] += held(c) - before;
        } catch {
            _refused(c, "could not deposit");
        }
    }

    function _fundAgent(address by, uint256 agentId, uint256 c, uint256 amount) private {
        uint256 before = held(c);
        vm.prank(by);
        try market.fundAgent{value: c == 0 ? amount : 0}(agentId, coin(c), amount) {
            paidIn[c] += held(c) - before;
        } catch {
            _refused(c, "could not fund an agent");
        }
    }

    /// @dev Only an unfair token may ever stand in the way of money.
    function _refused(uint256 c, string memory what) private {
        if (c < FAIR) _blame(Property.Liveness, what);
    }

    /* SMALL */

    /// @dev Whether a live task is of the set: all of them one time in three, else by its bit.
    function _chosen(uint256 tasks, uint256 i) private view returns (bool) {
        return isLive(i) && (tasks % 3 == 0 || (tasks >> i) & 1 == 1);
    }

    /// @dev Whether a seat is of the set: all of them one time in two, else by its bit.
    function _among(uint256 seats, uint256 s) private pure returns (bool) {
        return seats % 2 == 0 || (seats >> s) & 1 == 1;
    }

    function _live() private view returns (uint256 n) {
        for (uint256 i; i < ids.length; ++i) {
            if (isLive(i)) ++n;
        }
    }

    function _coinOf(address token) private view returns (uint256 c) {
        while (coin(c) != token) ++c;
    }

    function _signIf(bool signed, address who, bytes32 message) private view returns (bytes memory) {
        return signed ? _sign(_key[who], message) : bytes("");
    }

    function _blame(Property property, string memory what) private {
        fault[property] = what;
    }

    function _r(uint256 seed, uint256 n) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, n)));
    }
}
