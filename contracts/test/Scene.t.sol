// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITaskMarket, Opening, State} from "../interfaces/ITaskMarket.sol";
import {Bid, Task} from "../libraries/Orders.sol";
import {Seat} from "../libraries/Words.sol";
import {Base, Order, PAGE, TRACE, vm} from "./Base.t.sol";
import {PlainToken} from "./Hostile.sol";

/// @title Actors, and whole steps at once, for the tests of single rules.
abstract contract Scene is Base {
    uint256 internal constant REQUESTER = 0xa11ce;
    uint256 internal constant AGENT = 0xb0b; // agent i + 1 is of key AGENT + i
    uint256 internal constant JUDGE = 0xce5a;
    uint256 internal constant AGENTS = 4;
    bytes32 internal constant NEW_DESKS = bytes32(uint256(6)); // the counter's slot
    address internal requester;
    address internal judge;

    function setUp() external {
        _deploy();
        (requester, judge) = (vm.addr(REQUESTER), vm.addr(JUDGE));
        vm.deal(requester, 1e18);
        for (uint256 i; i < AGENTS; ++i) {
            vm.prank(_agent(i));
            registry.register(keccak256("file"), PAGE, 10_000 | (10_000 << 16));
        }
    }

    function _agent(uint256 i) internal pure returns (address) {
        return vm.addr(AGENT + i);
    }

    function _post(Order memory o) internal returns (Task memory t, bytes32 id) {
        t = _pack(o);
        vm.prank(o.requester);
        id = market.post{value: _escrow(o)}(t, "");
    }

    /// @dev One bid of each of the first n agents, at the price.
    function _bids(bytes32 id, uint256 n, uint256 price) internal view returns (Bid[] memory bids) {
        bids = new Bid[](n);
        for (uint256 i; i < n; ++i) {
            bids[i] = _bid(id, i + 1, AGENT + i, price);
        }
    }

    function _awarded(Order memory o, uint256 n) internal returns (Task memory t, bytes32 id) {
        (t, id) = _post(o);
        Bid[] memory bids = _bids(id, n, o.ceiling);
        vm.prank(o.requester);
        market.award(t, bids, "");
    }

    /// @dev Opening of seat s: an answer of zero stays away.
    function _opening(uint256 s, uint256 answer) internal pure returns (Opening memory) {
        return Opening(s, _digest(answer), TRACE, bytes32(s + 1), "");
    }

    function _commit(bytes32 id, uint256 s, uint256 answer) internal {
        Seat word = Seat.wrap(market.seatOf(id, s));
        bytes32 commitment = _commitment(id, word.agentId(), _opening(s, answer)); // sha-256 is a call: before the prank
        vm.prank(word.wallet());
        market.commit(id, s, commitment, "");
    }

    /// @dev Commits and reveals one answer a seat, past the deadlines where somebody stays away.
    function _vote(Order memory o, bytes32 id, uint256[] memory answers) internal {
        bool away;
        for (uint256 s; s < answers.length; ++s) {
            if (answers[s] != 0) _commit(id, s, answers[s]);
            else away = true;
        }
        if (away) vm.warp(uint256(o.commitEnd) + 1);
        for (uint256 s; s < answers.length; ++s) {
            if (answers[s] != 0) market.reveal(id, _opening(s, answers[s]));
        }
    }

    function _answers(uint256 a, uint256 b, uint256 c) internal pure returns (uint256[] memory answers) {
        answers = new uint256[](3);
        (answers[0], answers[1], answers[2]) = (a, b, c);
    }

    function _evaluated(Order memory o) internal view returns (Order memory) {
        (o.evaluator, o.evaluationWindow, o.evaluationFee) = (judge, 30, 77);
        return o;
    }

    /// @dev A token of which `who` has an amount, all of it at the market's disposal.
    function _token(address who, uint256 amount) internal returns (PlainToken token) {
        token = new PlainToken();
        token.mint(who, amount);
        vm.prank(who);
        token.approve(address(market), amount);
    }

    function _accrued(uint256 agentId, address token) internal view returns (uint256 amount) {
        (amount,,,) = market.accountOf(agentId, token);
    }

    /// @dev The call fails, with exactly this error.
    function _refused(address by, bytes memory call, bytes memory want) internal {
        _refusedBy(address(market), by, 0, call, want);
    }

    function _wrongState(bytes32 id, State have, State want) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ITaskMarket.WrongState.selector, id, have, want);
    }

    function _notAuthorized(address caller, address expected) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ITaskMarket.NotAuthorized.selector, caller, expected);
    }

    function _badSignature(address expected) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ITaskMarket.BadSignature.selector, expected);
    }
}
