// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AgentRegistry} from "../AgentRegistry.sol";
import {Bid, State, Task} from "../interfaces/ITaskMarket.sol";
import {TaskMarket} from "../TaskMarket.sol";
import {Base, PAGE, vm} from "./Base.t.sol";

/// @title All actors of the market at once: the fuzzer calls these functions in any order with any arguments.
/// @notice Proper steps must succeed when the model of this file says so; improper ones are tried too, and one that succeeds is
/// written into `fault`. `paidIn` and `paidOut` are counted here, never read from the market.
contract Handler is Base {
    uint256 public constant ACTORS = 6;
    uint256 public constant AGENTS = 5;
    uint256 public constant MAX_TASKS = 8;

    struct Opening {
        uint256 answer;
        bytes32 salt;
    }

    address[] private _actors; // vm.addr is a curve multiplication: once an actor
    Task[] private _tasks;
    bytes32[] public ids;
    mapping(bytes32 => mapping(uint256 => Opening)) private _opening;
    mapping(uint256 agentId => uint256 key) public walletKey;
    uint256 public paidIn;
    uint256 public paidOut;
    uint256 public settled; // tasks closed by a vote
    uint256 public revealed;
    string public fault;

    constructor(AgentRegistry registry_, TaskMarket market_, bytes32 domain_) {
        (registry, market, domain) = (registry_, market_, domain_);
        for (uint256 i; i < ACTORS; ++i) {
            _actors.push(vm.addr(key(i)));
            vm.deal(actor(i), 1e24);
            if (i >= AGENTS) continue;
            vm.prank(actor(i));
            uint256 agentId = registry.register(keccak256("file"), PAGE, (i + 1) * 2_000 | (10_000 << 16));
            walletKey[agentId] = key(i);
            vm.prank(actor(i));
            market.fundAgent{value: 100}(agentId); // for bonds
            paidIn += 100;
        }
    }

    function key(uint256 i) public pure returns (uint256) {
        return uint256(keccak256(abi.encode("actor", i % ACTORS)));
    }

    function actor(uint256 i) public view returns (address) {
        return _actors[i % ACTORS];
    }

    function count() external view returns (uint256) {
        return ids.length;
    }

    function task(uint256 i) public view returns (Task memory) {
        return _tasks[i];
    }

    function isLive(uint256 i) public view returns (bool) {
        State state = market.stateOf(ids[i]);
        return state > State.None && state < State.Settled;
    }

    /* MONEY */

    function deposit(uint256 by, uint256 to, uint96 amount) external {
        amount %= 1e18;
        vm.prank(actor(by));
        market.deposit{value: amount}(actor(to));
        paidIn += amount;
    }

    function fundAgent(uint256 by, uint256 agentId, uint96 amount) external {
        amount %= 1e6;
        vm.prank(actor(by));
        market.fundAgent{value: amount}(agentId % AGENTS + 1);
        paidIn += amount;
    }

    function withdraw(uint256 by, uint256 amount) external {
        uint256 have = market.balanceOf(actor(by), address(0));
        amount %= have + 1;
        vm.prank(actor(by));
        market.withdraw(actor(by), address(0), actor(by), amount, 0, "");
        paidOut += amount;
        vm.prank(address(0xbad));
        try market.withdraw(actor(by), address(0), address(0xbad), 0, 0, "") {
            fault = "withdrew for another";
        } catch {}
    }

    function claim(uint256 agentId) external {
        agentId = agentId % AGENTS + 1;
        (uint256 accrued,,,) = market.accountOf(agentId, address(0));
        if (accrued == 0) return;
        address owner = registry.ownerOf(agentId);
        vm.prank(owner);
        market.claim(agentId, address(0), owner, 0, "");
        paidOut += accrued;
    }

    function transferAgent(uint256 agentId, uint256 to) external {
        agentId = agentId % AGENTS + 1;
        address owner = registry.ownerOf(agentId);
        vm.prank(owner);
        registry.transferFrom(owner, actor(to), agentId);
        walletKey[agentId] = key(to);
    }

    /* TIME */

    function wait(uint256 seconds_) external {
        vm.warp(block.timestamp + seconds_ % 15);
    }

    /* LIFE OF A TASK */

    function post(uint256 by, uint256 seed) external {
        if (ids.length == MAX_TASKS) return;
        Task memory t = _task(actor(by), ids.length);
        t.k = uint8(seed % 5 + 1);
        t.ceiling = uint96(seed % 1e9 + 1);
        t.bond = uint96(seed >> 32) % 3;
        t.baseBps = uint16(seed >> 64) % 10_001;
        t.quorumBps = uint16(seed >> 80) % 10_000 + 1;
        t.router = seed % 2 == 0 ? actor(by / 2) : address(0);
        uint256 escrow = uint256(t.ceiling) * t.k;
        vm.prank(t.requester);
        ids.push(market.depositAndPost{value: escrow}(t));
        _tasks.push(t);
        paidIn += escrow;
    }

    function cancel(uint256 pick, uint256 stranger) external {
        if (ids.length == 0 || stranger % 4 != 0) return;
        uint256 i = pick % ids.length;
        State state = market.stateOf(ids[i]);
        bool may = state == State.Open || state == State.Unawarded;
        Task memory t = _tasks[i];
        vm.prank(t.requester);
        try market.cancel(t, "") {
            if (!may) fault = "cancelled a task that was not open";
        } catch {
            if (may) fault = "could not cancel an open task";
        }
    }

    function award(uint256 pick, uint256 seed) external {
        if (ids.length == 0) return;
        uint256 i = pick % ids.length;
        Task memory t = _tasks[i];
        Bid[] memory bids = new Bid[](AGENTS);
        for (uint256 j; j < AGENTS; ++j) {
            uint256 agentId = (j + seed % AGENTS) % AGENTS + 1;
            bids[j] = _bid(ids[i], agentId, walletKey[agentId], uint96(seed >> (8 * j)) % t.ceiling);
        }
        bool open = market.stateOf(ids[i]) == State.Open;
        address by = t.router != address(0) && seed % 3 == 0 ? t.router : t.requester;
        vm.prank(by);
        try market.award(t, bids, "") {
            if (!open) fault = "awarded a task that was not open";
            _checkSeats(ids[i]);
        } catch {}
    }

    function _checkSeats(bytes32 taskId) private {
        (, uint256 n,,,) = market.headOf(taskId);
        for (uint256 a; a < n; ++a) {
            uint256 weight = _weight(taskId, a);
            if (weight == 0 || weight > 10_000) fault = "a weight is out of bounds";
            for (uint256 b; b < a; ++b) {
                if (registry.ownerOf(_agent(taskId, a)) == registry.ownerOf(_agent(taskId, b))) {
                    fault = "two seats of one owner";
                }
            }
        }
    }

    /// @dev Every seat of the task whose number is in `mask`: so that whole votes happen within one run.
    function commit(uint256 pick, uint256 mask, uint256 answers) external {
        if (ids.length == 0) return;
        bytes32 taskId = ids[pick % ids.length];
        if (market.stateOf(taskId) != State.Awarded) return;
        (, uint256 n,,,) = market.headOf(taskId);
        for (uint256 seat; seat < n; ++seat) {
            if ((mask >> seat) & 1 == 0 || _tag(taskId, seat) != 1) continue;
            Opening memory o = Opening((answers >> seat) & 1, keccak256(abi.encode(taskId, seat)));
            bytes32 commitment = _commitment(taskId, seat, o);
            address wallet = address(uint160(market.seatOf(taskId, seat)));
            vm.prank(address(0xbad));
            try market.commit(taskId, seat, commitment, "") {
                fault = "a stranger committed";
            } catch {}
            vm.prank(wallet);
            market.commit(taskId, seat, commitment, "");
            _opening[taskId][seat] = o;
            vm.prank(wallet);
            try market.commit(taskId, seat, keccak256("other"), "") {
                fault = "committed twice";
            } catch {}
        }
    }

    function reveal(uint256 pick, uint256 mask) external {
        if (ids.length == 0) return;
        bytes32 taskId = ids[pick % ids.length];
        State state = market.stateOf(taskId);
        (, uint256 n,,,) = market.headOf(taskId);
        bool may = state == State.Revealing || (state == State.Awarded && _allCommitted(taskId, n));
        for (uint256 seat; seat < n; ++seat) {
            if ((mask >> seat) & 1 == 0) continue;
            Opening memory o = _opening[taskId][seat];
            uint256 tag = _tag(taskId, seat);
            if (_tryReveal(taskId, seat, Opening(o.answer + 1, o.salt))) fault = "another answer than committed";
            bool done = _tryReveal(taskId, seat, o);
            if (done && (!may || tag != 2)) fault = "revealed without commitment, twice, or too early";
            if (!done && may && tag == 2) fault = "could not reveal";
            if (done) ++revealed;
        }
    }

    function settle(uint256 pick) external {
        if (ids.length == 0) return;
        uint256 i = pick % ids.length;
        bool live = isLive(i);
        try market.settle(_tasks[i]) {
            if (!live) fault = "settled a closed task";
            State state = market.stateOf(ids[i]);
            if (state == State.Settled || state == State.Inconclusive) ++settled;
            try market.settle(_tasks[i]) {
                fault = "settled twice";
            } catch {}
        } catch {}
    }

    /* INSIDE */

    function _tryReveal(bytes32 taskId, uint256 seat, Opening memory o) private returns (bool) {
        try market.reveal(taskId, seat, _digest(o.answer), keccak256("trace"), o.salt, "") {
            return true;
        } catch {
            return false;
        }
    }

    function _commitment(bytes32 taskId, uint256 seat, Opening memory o) private view returns (bytes32) {
        return market.commitmentOf(taskId, _agent(taskId, seat), _digest(o.answer), keccak256("trace"), o.salt);
    }

    function _allCommitted(bytes32 taskId, uint256 n) private view returns (bool) {
        for (uint256 seat; seat < n; ++seat) {
            if (_tag(taskId, seat) == 1) return false;
        }
        return true;
    }

    function _tag(bytes32 taskId, uint256 seat) private view returns (uint256) {
        return market.seatOf(taskId, seat) >> 254;
    }

    function _weight(bytes32 taskId, uint256 seat) private view returns (uint256) {
        return (market.seatOf(taskId, seat) >> 240) & 0x3fff;
    }

    function _agent(bytes32 taskId, uint256 seat) private view returns (uint256) {
        return uint32(market.seatOf(taskId, seat) >> 208);
    }
}
