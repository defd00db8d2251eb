// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bid, ITaskMarket, State, Task} from "../interfaces/ITaskMarket.sol";
import {Capability} from "../libraries/Capability.sol";
import {Base, PAGE, vm} from "./Base.t.sol";

/// @title Unit and fuzz tests of single rules; whole lives are in tests/contract and tests/property.
contract MarketTest is Base {
    uint256 private constant REQUESTER = 0xa11ce;
    uint256 private constant AGENT = 0xb0b;
    address private requester;

    function setUp() external {
        _deploy();
        requester = vm.addr(REQUESTER);
        vm.deal(requester, 1e18);
        for (uint256 i; i < 3; ++i) {
            vm.prank(vm.addr(AGENT + i));
            registry.register(keccak256("file"), PAGE, 10_000 | (10_000 << 16));
        }
    }

    function test_awardPaysEverySeatTheHighestSeatedAsk() external {
        (Task memory t, bytes32 id) = _posted(1);
        Bid[] memory bids = new Bid[](3);
        bids[0] = _bid(id, 1, AGENT, 100);
        bids[1] = _bid(id, 2, AGENT + 1, 700);
        bids[2] = _bid(id, 3, AGENT + 2, 300);
        vm.prank(requester);
        market.award(t, bids, "");
        (uint256 price, uint256 seats,,,) = market.headOf(id);
        assertEq(price, 700, "price");
        assertEq(seats, 3, "seats");
        assertEq(market.balanceOf(requester, address(0)), 3 * (1_000 - 700), "returned");
    }

    function test_nobodyElseMayAward() external {
        (Task memory t, bytes32 id) = _posted(2);
        Bid[] memory bids = new Bid[](1);
        bids[0] = _bid(id, 1, AGENT, 100);
        vm.expectRevert(abi.encodeWithSelector(ITaskMarket.NotAuthorized.selector, address(this), requester));
        market.award(t, bids, "");
    }

    function test_expiresToTheRequester() external {
        (Task memory t, bytes32 id) = _posted(3);
        vm.expectRevert(
            abi.encodeWithSelector(ITaskMarket.WrongState.selector, id, State.Open, State.Closing)
        );
        market.settle(t);
        vm.warp(uint256(t.bidEnd) + 1);
        market.settle(t);
        assertEq(uint256(market.stateOf(id)), uint256(State.Expired), "state");
        assertEq(market.balanceOf(requester, address(0)), 3_000, "refund");
    }

    /// @dev Never past the score, never away from it, at most a sixteenth of the way, and nothing in lanes not required.
    function testFuzz_stepMovesTowardTheScore(uint16 e, uint16 r, uint16 score, uint8 lane) external pure {
        (e, r, score, lane) = (e % 10_001, r % 10_001, score % 10_001, lane % 16);
        uint256 rest = 0x1234 << (16 * ((uint256(lane) + 1) % 16));
        uint256 next = Capability.step((uint256(e) << (16 * lane)) | rest, uint256(r) << (16 * lane), score);
        uint256 moved = (next >> (16 * lane)) & 0xffff;
        assertEq(next & ~(uint256(0xffff) << (16 * lane)), rest, "another lane moved");
        (uint256 low, uint256 high) = e < score ? (e, score) : (score, e);
        assertTrue(moved >= low && moved <= high, "overshot");
        uint256 way = moved > e ? moved - e : e - moved;
        assertEq(way, (high - low) * r / 160_000, "step");
    }

    function testFuzz_weightIsBounded(uint256 declared, uint256 earned, uint256 requirement) external pure {
        (declared, earned, requirement) = (_word(declared), _word(earned), _word(requirement));
        vm.assume(requirement != 0);
        (uint256 matchBps, uint256 weight) = Capability.matchAndWeight(declared, earned, requirement);
        assertTrue(matchBps <= 10_000, "match above 1");
        assertTrue(weight >= 1 && weight <= 10_000, "weight out of bounds");
    }

    function testFuzz_inRangeIsEveryLane(uint256 word) external pure {
        bool expected = true;
        for (uint256 i; i < 16; ++i) {
            if ((word >> (16 * i)) & 0xffff > 10_000) expected = false;
        }
        assertTrue(Capability.inRange(word) == expected, "inRange");
        assertTrue(Capability.inRange(_word(word)), "clamped");
    }

    function _word(uint256 word) private pure returns (uint256 out) {
        for (uint256 i; i < 16; ++i) {
            out |= (((word >> (16 * i)) & 0xffff) % 10_001) << (16 * i);
        }
    }

    function _posted(uint256 salt) private returns (Task memory t, bytes32 id) {
        t = _task(requester, salt);
        vm.prank(requester);
        id = market.depositAndPost{value: 3_000}(t);
    }
}
