// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Task} from "./Orders.sol";
import {ITaskMarket, State} from "../interfaces/ITaskMarket.sol";

/// @notice A closed task as proof: its parameters, and what its TaskSettled said. A market keeps 26 bytes of it, so any contract can
/// check it and none needs to be told.
struct Receipt {
    Task task;
    bytes32 winner;
    uint256[] results;
}

using ReceiptLib for Receipt global;

library ReceiptLib {
    uint256 internal constant REVEALED = 1 << 160;
    uint256 internal constant SCORED = 1 << 161;
    uint256 internal constant WON = 1 << 162;

    error NoSuchReceipt(bytes32 taskId);

    /// @notice The task's id and how it ended; reverts where the market's receipt says otherwise, or there is none.
    function check(Receipt calldata r, ITaskMarket market)
        internal
        view
        returns (bytes32 taskId, State outcome, uint256 closedAt)
    {
        taskId = market.taskIdOf(r.task);
        bytes26 digest;
        (outcome, closedAt, digest) = market.receiptOf(taskId);
        if (outcome == State.None || digest != bytes26(keccak256(abi.encodePacked(r.winner, r.results)))) {
            revert NoSuchReceipt(taskId);
        }
    }

    function agentId(uint256 result) internal pure returns (uint256) {
        return uint32(result);
    }

    function score(uint256 result) internal pure returns (uint256) {
        return uint16(result >> 32);
    }

    function weight(uint256 result) internal pure returns (uint256) {
        return uint16(result >> 48);
    }

    /// @notice After the score burn, before the shared part.
    function pay(uint256 result) internal pure returns (uint256) {
        return uint96(result >> 64);
    }
}
