// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {ITaskMarket, Opening, State} from "../interfaces/ITaskMarket.sol";
import {Bid, Task} from "../libraries/Orders.sol";
import {Receipt} from "../libraries/Receipts.sol";
import {RewardPool} from "../RewardPool.sol";
import {TaskMarket} from "../TaskMarket.sol";
import {Base, Order, PAGE, SCORE_BURN_BPS, SCORE_MIN, TRACE, Vm, WINDOW, vm} from "./Base.t.sol";
import {FeeToken, PlainToken} from "./Hostile.sol";

uint256 constant EPOCH = 60;
uint256 constant DELAY = 1;
uint256 constant SPREAD = 4;

/// @title A market that says whatever suits it, and comes back into the pool while it is asked for money.
contract LyingMarket {
    RewardPool private immutable POOL;
    uint256 public closedAt;
    ITaskMarket private _victim;
    Receipt private _receipt;
    uint256 private _seat;

    constructor(RewardPool pool) {
        POOL = pool;
    }

    function say(uint256 closedAt_) external {
        closedAt = closedAt_;
    }

    /// @notice From now on `withdraw` tries this instead of paying.
    function aim(ITaskMarket victim, Receipt calldata r, uint256 seat) external {
        (_victim, _receipt, _seat) = (victim, r, seat);
    }

    function taskIdOf(Task calldata task) external pure returns (bytes32) {
        return keccak256(abi.encode(task));
    }

    function receiptOf(bytes32) external view returns (State, uint256, bytes26) {
        return (State.Settled, closedAt, bytes26(keccak256(abi.encodePacked(_receipt.winner, _receipt.results))));
    }

    function withdraw(address, address, address, uint256, uint256, bytes calldata) external {
        if (address(_victim) != address(0)) POOL.share(_victim, _receipt, _seat);
    }

    function fundAgent(uint256, address token, uint256 amount) external payable {
        if (token != address(0)) PlainToken(token).transferFrom(msg.sender, address(this), amount);
    }
}

/// @title Three agents, one requester, several tokens; a task is worked off in one instant.
abstract contract PoolBase is Base {
    uint256 internal constant AGENTS = 3;
    uint256 internal constant TOKENS = 3;
    address internal constant REQUESTER = address(0xa11ce);
    uint256 internal constant AGENT_KEY = 0xb0b;

    RewardPool public pool;
    address[] internal _tokens;
    uint256 private _salt;

    function _deployPool() internal {
        _deploy();
        pool = new RewardPool(EPOCH, DELAY, SPREAD);
        market = new TaskMarket(
            registry, address(pool), address(plans), WINDOW, address(0), SCORE_MIN, SCORE_BURN_BPS
        );
        domain = _domain("Symphony TaskMarket", address(market));
        for (uint256 i; i < AGENTS; ++i) {
            vm.prank(vm.addr(AGENT_KEY + i));
            registry.register(keccak256("file"), PAGE, 10_000 | (10_000 << 16));
        }
        vm.deal(REQUESTER, 1e30);
        vm.prank(REQUESTER);
        market.deposit{value: 1e30}(REQUESTER, address(0), 1e30);
        _tokens = [address(0), address(new PlainToken()), address(new FeeToken())];
        for (uint256 i = 1; i < TOKENS; ++i) {
            PlainToken coin = PlainToken(_tokens[i]);
            coin.mint(REQUESTER, 1e30);
            vm.prank(REQUESTER);
            coin.approve(address(market), 1e30);
            vm.prank(REQUESTER);
            market.deposit(REQUESTER, address(coin), 1e30);
        }
    }

    /// @dev A task of `k` seats from hire to settle; the last seat dissents where `dissent`.
    function _work(address token, uint256 k, uint256 ceiling, uint256 sharedBps, bool dissent)
        internal
        returns (Receipt memory r)
    {
        Order memory o = _order(REQUESTER, ++_salt);
        (o.token, o.k, o.ceiling, o.sharedBps) = (token, uint8(k), uint96(ceiling), uint16(sharedBps));
        r.task = _pack(o);
        bytes32 id = market.taskIdOf(r.task);
        Bid[] memory bids = new Bid[](k);
        for (uint256 i; i < k; ++i) {
            bids[i] = _bid(id, i + 1, AGENT_KEY + i, ceiling);
        }
        vm.prank(REQUESTER);
        market.hire(r.task, bids, "");
        Opening[] memory openings = new Opening[](k);
        for (uint256 i; i < k; ++i) {
            openings[i] = Opening(i, _digest(dissent && i + 1 == k ? 1 : 0), TRACE, bytes32(i), "");
            vm.prank(vm.addr(AGENT_KEY + i));
            market.commit(id, i, _commitment(id, i + 1, openings[i]), "");
        }
        vm.recordLogs();
        market.revealAndSettle(r.task, openings);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        bytes memory data = logs[logs.length - 1].data;
        (r.winner,,,,, r.results) = abi.decode(data, (bytes32, uint256, uint256, uint256, uint256, uint256[]));
    }

    function _given(Receipt memory r, uint256 seat) internal pure returns (uint256) {
        return uint96(r.results[2 * seat] >> 64) * (r.task.terms >> 240) / 10_000;
    }

    function _accrued(uint256 agentId, address token) internal view returns (uint256 accrued) {
        (accrued,,,) = market.accountOf(agentId, token);
    }
}

/// @title Works, records, advances and shares in any order; says in `fault` what went against a promise.
contract PoolHandler is PoolBase {
    struct Entry {
        uint256 token; // index
        uint256 closedAt;
        uint256 given; // by all seats
        bool recorded;
        bool sharing;
        uint256 taken; // bits of paid seats
        uint256 got; //   by all seats, as the pool says
    }

    LyingMarket public liar;
    string public fault;
    Receipt[] private _receipts;
    Entry[] private _entries;
    mapping(uint256 token => uint256) public recordedIn;
    mapping(uint256 token => uint256) public unrecorded;
    mapping(uint256 token => uint256) public paidOut;
    mapping(uint256 token => uint256[]) private _epochs;
    mapping(uint256 token => mapping(uint256 epoch => bool)) private _seen;
    mapping(uint256 token => mapping(uint256 epoch => uint256)) public epochGot;

    constructor() {
        _deployPool();
        liar = new LyingMarket(pool);
    }

    function theMarket() external view returns (ITaskMarket) {
        return market;
    }

    function token(uint256 i) external view returns (address) {
        return _tokens[i];
    }

    function epochs(uint256 i) external view returns (uint256[] memory) {
        return _epochs[i];
    }

    function count() external view returns (uint256) {
        return _entries.length;
    }

    function work(uint256 seed) external {
        if (_entries.length == 40) return;
        uint256 t = seed % TOKENS;
        uint256[6] memory rates = [uint256(2_000), 10_000, 1, 500, 3_333, 0];
        uint256[6] memory ceilings = [uint256(1_000), 1e18 + 7, 1, 19, 1e24, 12_345];
        uint256 before = market.balanceOf(address(pool), _tokens[t]);
        Receipt memory r = _work(
            _tokens[t], 1 + seed / 3 % 3, ceilings[seed / 9 % 6], rates[seed / 54 % 6], seed / 324 % 2 == 0
        );
        uint256 given = market.balanceOf(address(pool), _tokens[t]) - before;
        _receipts.push(r);
        _entries.push(Entry(t, block.timestamp, given, false, false, 0, 0));
        unrecorded[t] += given;
        if (seed / 648 % 3 != 0) this.record(_entries.length - 1);
    }

    function record(uint256 i) external {
        if (_entries.length == 0) return;
        i %= _entries.length;
        Entry storage e = _entries[i];
        bool may = !e.recorded && e.given != 0;
        try pool.record(market, _receipts[i]) {
            if (!may) fault = "recorded twice, or nothing";
            uint256 epoch = e.closedAt / EPOCH;
            e.sharing = block.timestamp / EPOCH <= epoch + 1;
            if (!e.sharing) epoch = block.timestamp / EPOCH;
            e.recorded = true;
            recordedIn[e.token] += e.given;
            unrecorded[e.token] -= e.given;
            if (!_seen[e.token][epoch]) _epochs[e.token].push(epoch);
            _seen[e.token][epoch] = true;
        } catch {
            if (may) fault = "a receipt was refused";
        }
    }

    function advance(uint256 t, uint256 steps) external {
        pool.advance(market, _tokens[t % TOKENS], steps % 7);
        (uint256 next,,) = pool.bookOf(market, _tokens[t % TOKENS]);
        if (next + 1 > block.timestamp / EPOCH) fault = "final before its recording was closed";
    }

    function share(uint256 i, uint256 seats) external {
        if (_entries.length == 0) return;
        i %= _entries.length;
        for (uint256 seat; seat < AGENTS; ++seat) {
            if ((seats >> seat) & 1 == 1) _share(i, seat);
        }
    }

    /// @dev Mostly within an epoch or two; sometimes a long quiet time.
    function wait(uint256 seconds_) external {
        vm.warp(block.timestamp + (seconds_ % 40 == 0 ? 400 days : seconds_ % 100));
    }

    /// @dev The same receipts, by a market that lies about them, and that tries to be paid out of the honest one's money.
    function lie(uint256 i, uint256 closedAt) external {
        if (_entries.length == 0) return;
        i %= _entries.length;
        ITaskMarket fake = ITaskMarket(address(liar));
        liar.say(closedAt % 4 == 0 ? closedAt : block.timestamp - closedAt % 200);
        liar.aim(market, _receipts[i], 0);
        try pool.record(fake, _receipts[i]) {} catch {}
        try pool.advance(fake, _tokens[_entries[i].token], 5) {} catch {}
        try pool.share(fake, _receipts[i], 0) returns (uint256 amount) {
            if (amount != 0) fault = "a share inside a share";
        } catch {}
    }

    /// @dev The end: time, and steps that anyone may take, leave no seat unpaid.
    function drain() external {
        vm.warp(block.timestamp + 100 * EPOCH);
        for (uint256 i; i < _entries.length; ++i) {
            if (!_entries[i].recorded && _entries[i].given != 0) this.record(i);
        }
        vm.warp(block.timestamp + 100 * EPOCH);
        for (uint256 t; t < TOKENS; ++t) {
            pool.advance(market, _tokens[t], 3 * _epochs[t].length);
        }
        for (uint256 i; i < _entries.length; ++i) {
            for (uint256 seat; seat < AGENTS; ++seat) {
                _share(i, seat);
            }
        }
    }

    function _share(uint256 i, uint256 seat) private {
        Entry storage e = _entries[i];
        Receipt memory r = _receipts[i];
        address coin = _tokens[e.token];
        uint256 given = seat < r.results.length / 2 ? _given(r, seat) : 0;
        (uint256 next,,) = pool.bookOf(market, coin);
        uint256 epoch = e.closedAt / EPOCH;
        bool may = e.recorded && e.sharing && given != 0 && (e.taken >> seat) & 1 == 0 && epoch < next;
        uint256 before = _accrued(seat + 1, coin);
        try pool.share(market, r, seat) returns (uint256 amount) {
            if (!may) fault = "a share that is none";
            if (amount > given) fault = "more than its own contribution";
            // A token with a fee takes it twice: out of the market and in again.
            uint256 arrived = e.token == 2 ? _less(_less(amount)) : amount;
            if (_accrued(seat + 1, coin) != before + arrived) fault = "the agent got another amount";
            e.taken |= 1 << seat;
            paidOut[e.token] += amount;
            epochGot[e.token][epoch] += amount;
        } catch {
            if (may) fault = "a share was refused";
        }
    }

    function _less(uint256 amount) private pure returns (uint256) {
        return amount - amount / 100;
    }
}

/// @title The pool's invariants, on real settlements in several tokens.
contract RewardPoolInvariants {
    PoolHandler private handler;
    RewardPool private pool;
    ITaskMarket private market;

    function setUp() external {
        handler = new PoolHandler();
        (pool, market) = (handler.pool(), handler.theMarket());
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    struct Selectors {
        address addr;
        bytes4[] selectors;
    }

    function targetSelectors() external view returns (Selectors[] memory targets) {
        bytes4[] memory steps = new bytes4[](10);
        steps[0] = steps[1] = steps[2] = PoolHandler.work.selector;
        steps[3] = PoolHandler.record.selector;
        steps[4] = PoolHandler.advance.selector;
        steps[5] = steps[6] = PoolHandler.share.selector;
        steps[7] = steps[8] = PoolHandler.wait.selector;
        steps[9] = PoolHandler.lie.selector;
        targets = new Selectors[](1);
        targets[0] = Selectors(address(handler), steps);
    }

    /// @notice In = out + held; the market holds that for the pool, and what nobody has recorded yet, to the wei.
    function invariant_Conservation() external view {
        for (uint256 t; t < 3; ++t) {
            uint256 owed = pool.owed(market, handler.token(t));
            require(handler.recordedIn(t) == handler.paidOut(t) + owed, "in is not out + held");
            uint256 balance = market.balanceOf(address(pool), handler.token(t));
            require(balance == owed + handler.unrecorded(t), "the market holds another amount");
        }
    }

    /// @notice What is owed is in pots not released yet, in the carry, or reserved; each counted here from the epochs.
    function invariant_EveryWeiHasAPlace() external view {
        for (uint256 t; t < 3; ++t) {
            (uint256 next, uint256 sum, uint256 rate) = pool.bookOf(market, handler.token(t));
            uint256[] memory epochs = handler.epochs(t);
            for (uint256 i; i < epochs.length; ++i) {
                (uint256 pot, uint256 given, uint256 reserve, uint256 unpaid) =
                    pool.epochOf(market, handler.token(t), epochs[i]);
                require(given <= pot && unpaid <= given && reserve <= unpaid, "epoch");
                require(handler.epochGot(t, epochs[i]) <= given, "an epoch got more than it gave");
                uint256 begin = epochs[i] + DELAY;
                uint256 parts = next <= begin ? 0 : next - begin < SPREAD ? next - begin : SPREAD;
                sum += reserve + pot - parts * (pot / SPREAD) - (parts == 0 ? 0 : pot % SPREAD);
                if (begin < next && next <= begin + SPREAD) rate -= pot / SPREAD;
            }
            require(sum == pool.owed(market, handler.token(t)), "places do not add up");
            require(rate == 0, "rate");
        }
    }

    /// @notice Nothing stays with the pool itself, and a seat gets no more than it gave, and whatever else the handler saw.
    function invariant_NeverMoreThanOwnContribution() external view {
        require(bytes(handler.fault()).length == 0, handler.fault());
        require(address(pool).balance == 0, "the pool keeps coins");
        for (uint256 t = 1; t < 3; ++t) {
            require(PlainToken(handler.token(t)).balanceOf(address(pool)) == 0, "the pool keeps tokens");
        }
    }

    /// @notice Liveness, at the end of every run: all that is reserved can be paid.
    function afterInvariant() external {
        handler.drain();
        require(bytes(handler.fault()).length == 0, handler.fault());
        for (uint256 t; t < 3; ++t) {
            uint256[] memory epochs = handler.epochs(t);
            for (uint256 i; i < epochs.length; ++i) {
                (,, uint256 reserve, uint256 unpaid) = pool.epochOf(market, handler.token(t), epochs[i]);
                require(reserve == 0 && unpaid == 0, "something stays reserved");
            }
            uint256 balance = market.balanceOf(address(pool), handler.token(t));
            require(balance == pool.owed(market, handler.token(t)), "all recorded, yet not equal");
        }
    }
}

/// @title Single rules of the pool that need tokens or markets of our own making.
contract RewardPoolTest is PoolBase {
    function setUp() external {
        _deployPool();
    }

    function test_constantsAreChecked() external {
        uint256[3][6] memory bad = [
            [uint256(0), 1, 1],
            [uint256(1), 0, 1],
            [uint256(1), 1, 0],
            [uint256(366 days), 1, 1],
            [uint256(1), 1e5, 1],
            [uint256(1), 1, 1e5]
        ];
        bytes32[3] memory names = [bytes32("epoch"), "delay", "spread"];
        for (uint256 i; i < 6; ++i) {
            uint256 most = i % 3 == 0 ? 365 days : 10_000;
            vm.expectRevert(
                abi.encodeWithSelector(ITaskMarket.ParameterOutOfRange.selector, names[i % 3], bad[i][i % 3], 1, most)
            );
            new RewardPool(bad[i][0], bad[i][1], bad[i][2]);
        }
    }

    function test_coinsFromNobodyElse() external {
        vm.deal(address(this), 1);
        (bool ok, bytes memory data) = address(pool).call{value: 1}("");
        assertTrue(!ok, "took coins");
        assertEq(
            uint256(keccak256(data)),
            uint256(keccak256(abi.encodeWithSelector(IRewardPool.UnexpectedCoins.selector, address(this)))),
            "reason"
        );
    }

    /// @dev A lying market is paid out of its own money only: coins that were forced into the pool stay there.
    function test_forcedCoinsBelongToNobody() external {
        LyingMarket liar = new LyingMarket(pool);
        Receipt memory r = _shareable(address(0));
        Receipt memory empty;
        empty.results = r.results;
        _sayAsIs(liar, empty, r);
        vm.deal(address(pool), 1e18);
        ITaskMarket fake = ITaskMarket(address(liar));
        uint256 amount = pool.share(fake, r, 0);
        assertTrue(amount != 0, "a share on paper");
        assertEq(address(pool).balance, 1e18, "forced coins");
        assertEq(address(liar).balance, 0, "the liar");
    }

    /// @dev A market that comes back for an honest market's money while it is asked for its own.
    function test_reentrancy() external {
        LyingMarket liar = new LyingMarket(pool);
        Receipt memory r = _shareable(address(0));
        _sayAsIs(liar, r, r);
        liar.aim(market, r, 0);
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.Reentered.selector));
        pool.share(ITaskMarket(address(liar)), r, 0);
        // Nothing is lost: the honest share is still there.
        assertTrue(pool.share(market, r, 0) != 0, "the honest share");
    }

    function test_aTokenWithAFeeLosesItForItselfOnly() external {
        address fee = _tokens[2];
        Receipt memory r = _shareable(fee);
        uint256 before = _accrued(1, fee);
        uint256 balance = market.balanceOf(address(pool), fee);
        uint256 amount = pool.share(market, r, 0);
        uint256 once = amount - amount / 100;
        assertEq(_accrued(1, fee) - before, once - once / 100, "arrived");
        assertEq(balance - market.balanceOf(address(pool), fee), amount, "left");
        assertEq(PlainToken(fee).balanceOf(address(pool)), 0, "kept");
        assertEq(PlainToken(fee).allowance(address(pool), address(market)), 0, "allowance");
    }

    function test_aTaskIsRecordedOnceAndOnlyIfItGave() external {
        Receipt memory r = _work(address(0), 3, 1e6, 2_000, false);
        pool.record(market, r);
        bytes32 id = market.taskIdOf(r.task);
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.AlreadyRecorded.selector, id));
        pool.record(market, r);
        r = _work(address(0), 3, 1e6, 0, false);
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.NothingGiven.selector, market.taskIdOf(r.task)));
        pool.record(market, r);
    }

    function test_recordedLateItSharesInNothing() external {
        Receipt memory r = _work(address(0), 3, 1e6, 2_000, false);
        vm.warp(block.timestamp + 2 * EPOCH);
        pool.record(market, r);
        assertEq(pool.owed(market, address(0)), _given(r, 0) + _given(r, 1) + _given(r, 2), "the gift stays");
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.NothingToShare.selector, market.taskIdOf(r.task), 0));
        pool.share(market, r, 0);
    }

    function test_aShareWaitsForItsEpoch() external {
        Receipt memory r = _work(address(0), 3, 1e6, 2_000, false);
        pool.record(market, r);
        uint256 epoch = block.timestamp / EPOCH;
        vm.expectRevert(abi.encodeWithSelector(IRewardPool.NotFinal.selector, epoch, 0));
        pool.share(market, r, 0);
    }

    /// @dev The later epoch is recorded first; its pot and the earlier one's are released in order, to the last part.
    function test_epochsOutOfOrderAreReleasedInOrder() external {
        Receipt memory first = _work(address(0), 3, 1e6, 2_000, false);
        vm.warp(block.timestamp + EPOCH);
        Receipt memory second = _work(address(0), 3, 2e6, 2_000, false);
        pool.record(market, second);
        pool.record(market, first);
        vm.warp(block.timestamp + (DELAY + SPREAD + 3) * EPOCH);
        assertEq(pool.advance(market, address(0), 100), 5, "where seats are, and where a pot begins or ends");
        vm.warp(block.timestamp + EPOCH);
        Receipt memory third = _work(address(0), 3, 1e9, 2_000, false);
        pool.record(market, third);
        vm.warp(block.timestamp + 2 * EPOCH);
        pool.advance(market, address(0), 1);
        uint256 before = pool.owed(market, address(0));
        uint256 paid = pool.share(market, third, 0) + pool.share(market, third, 1) + pool.share(market, third, 2);
        uint256 gave = _given(first, 0) + _given(first, 1) + _given(first, 2);
        gave += _given(second, 0) + _given(second, 1) + _given(second, 2);
        assertTrue(paid != 0 && paid <= gave, "from what was given before");
        assertEq(before - pool.owed(market, address(0)), paid, "out of what is owed");
    }

    /// @dev Two settlements, an epoch apart; the second can share in what the first gave.
    function _shareable(address token) private returns (Receipt memory r) {
        pool.record(market, _work(token, 3, 1e6, 2_000, false));
        vm.warp(block.timestamp + EPOCH);
        r = _work(token, 3, 1e6, 2_000, false);
        pool.record(market, r);
        vm.warp(block.timestamp + 2 * EPOCH);
        pool.advance(market, token, 10);
    }

    /// @dev The liar tells the honest market's story of two epochs, so that it has a reserve on paper.
    function _sayAsIs(LyingMarket liar, Receipt memory said, Receipt memory r) private {
        ITaskMarket fake = ITaskMarket(address(liar));
        liar.aim(ITaskMarket(address(0)), said, 0);
        if (said.winner == 0) r.winner = 0;
        liar.say(block.timestamp);
        r.task.salt = bytes32(uint256(1));
        pool.record(fake, r);
        vm.warp(block.timestamp + EPOCH);
        liar.say(block.timestamp);
        r.task.salt = bytes32(uint256(2));
        pool.record(fake, r);
        vm.warp(block.timestamp + 2 * EPOCH);
        pool.advance(fake, address(uint160(r.task.asset)), 10);
    }
}
