// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A task's 24 parameters in ten words, as they travel in calldata and in events. What a wallet signs, and what names the
/// task, is the EIP-712 digest of the 24 named fields (`OrderLib.structHash`): packing saves gas, not readability.
///
///            255                                    160 159                                0
///   payer     |              ceiling (96)              |            requester (160)         |
///   routing   |              bond (96)                 |            router (160)            |
///   asset     |              evaluationFee (96)        |            token (160)             |
///   terms     | sharedBps 240 | quorumBps 224 | minMatchBps 208 | baseBps 192 | open 184 | minSeats 176 | k 168 | kind 160 |
///             |                                                     evaluator (160)         |
///   times     | zero 144 | evaluationWindow 112 | revealWindow 80 | commitEnd 40 | bidEnd 0 |
struct Task {
    uint256 payer;
    uint256 routing;
    uint256 asset;
    uint256 terms;
    uint256 times;
    bytes32 pageId; //       skill page that gives the requirement its meaning
    uint256 requirement; //  capability word, at least one lane above zero
    bytes32 parent; //       plan task that this one is a child of; zero: none
    bytes32 header; //       sha-256 digest of the beacon header (raw CIDv1)
    bytes32 salt;
}

/// @notice A bid as it is published and as it is awarded: an EIP-712 message of the agent's wallet.
///
///           255     184 183      144 143            128 127     32 31       0
///   terms    |  zero   |  expiry   |  confidenceBps   |  price   |  agentId  |
struct Bid {
    uint256 terms;
    bytes signature; // over Bid(bytes32 taskId,uint256 agentId,uint96 price,uint16 confidenceBps,uint40 expiry)
}

using OrderLib for Task global;
using BidLib for Bid global;

/// @dev Fields of a task in calldata. All are masked: dirty bits above `times` only name a task that cannot be posted.
library OrderLib {
    bytes32 internal constant TYPEHASH = keccak256(
        "Task(address requester,address router,address token,uint96 ceiling,uint16 baseBps,uint96 bond,uint8 kind,bytes32 pageId,uint256 requirement,uint16 minMatchBps,uint8 k,uint8 minSeats,uint16 quorumBps,bool open,uint40 bidEnd,uint40 commitEnd,uint32 revealWindow,address evaluator,uint32 evaluationWindow,uint96 evaluationFee,uint16 sharedBps,bytes32 parent,bytes32 header,bytes32 salt)"
    );

    /// @notice Pays, and may cancel while nobody is seated.
    function requester(Task calldata t) internal pure returns (address) {
        return address(uint160(t.payer));
    }

    /// @notice Most that one seat may be paid.
    function ceiling(Task calldata t) internal pure returns (uint256) {
        return t.payer >> 160;
    }

    /// @notice May award besides the requester; zero: nobody else.
    function router(Task calldata t) internal pure returns (address) {
        return address(uint160(t.routing));
    }

    /// @notice Per seat, from the agent's account; lost by not revealing.
    function bond(Task calldata t) internal pure returns (uint256) {
        return t.routing >> 160;
    }

    /// @notice Zero: the native coin.
    function token(Task calldata t) internal pure returns (address) {
        return address(uint160(t.asset));
    }

    function evaluationFee(Task calldata t) internal pure returns (uint256) {
        return t.asset >> 160;
    }

    /// @notice Zero: the vote alone scores.
    function evaluator(Task calldata t) internal pure returns (address) {
        return address(uint160(t.terms));
    }

    /// @notice 0 answer, 1 plan, 2 evaluate, 3 rollout.
    function kind(Task calldata t) internal pure returns (uint256) {
        return uint8(t.terms >> 160);
    }

    /// @notice Seats wanted, 1…16.
    function k(Task calldata t) internal pure returns (uint256) {
        return uint8(t.terms >> 168);
    }

    /// @notice Fewer than this many seats cannot settle an answer; award reverts below it.
    function minSeats(Task calldata t) internal pure returns (uint256) {
        return uint8(t.terms >> 176);
    }

    /// @notice 1: once bidding is over without an award, any agent that matches may take a free seat at the ceiling.
    function open(Task calldata t) internal pure returns (uint256) {
        return uint8(t.terms >> 184);
    }

    /// @notice Share of the price that any timely reveal earns.
    function baseBps(Task calldata t) internal pure returns (uint256) {
        return uint16(t.terms >> 192);
    }

    /// @notice Agents below this match(declared, requirement) get no seat.
    function minMatchBps(Task calldata t) internal pure returns (uint256) {
        return uint16(t.terms >> 208);
    }

    /// @notice Share of all awarded weight that the winning answer must hold.
    function quorumBps(Task calldata t) internal pure returns (uint256) {
        return uint16(t.terms >> 224);
    }

    /// @notice Share of every seat's pay that goes to the reward pool.
    function sharedBps(Task calldata t) internal pure returns (uint256) {
        return t.terms >> 240;
    }

    function bidEnd(Task calldata t) internal pure returns (uint256) {
        return uint40(t.times);
    }

    function commitEnd(Task calldata t) internal pure returns (uint256) {
        return uint40(t.times >> 40);
    }

    function revealWindow(Task calldata t) internal pure returns (uint256) {
        return uint32(t.times >> 80);
    }

    function evaluationWindow(Task calldata t) internal pure returns (uint256) {
        return uint32(t.times >> 112);
    }

    /// @notice What the requester puts in: the ceiling of every seat, and the evaluator's fee.
    function escrow(Task calldata t) internal pure returns (uint256) {
        unchecked {
            return ceiling(t) * k(t) + evaluationFee(t); // below 2¹⁰⁵
        }
    }

    /// @notice EIP-712 struct hash of the 24 fields in the order of TYPEHASH.
    function structHash(Task calldata t) internal pure returns (bytes32 hash) {
        bytes32 typeHash = TYPEHASH;
        assembly ("memory-safe") {
            let p := mload(0x40)
            let account := 0xffffffffffffffffffffffffffffffffffffffff
            let payer := calldataload(t)
            let routing := calldataload(add(t, 0x20))
            let asset := calldataload(add(t, 0x40))
            let terms := calldataload(add(t, 0x60))
            let times := calldataload(add(t, 0x80))
            mstore(p, typeHash)
            mstore(add(p, 0x020), and(payer, account))
            mstore(add(p, 0x040), and(routing, account))
            mstore(add(p, 0x060), and(asset, account))
            mstore(add(p, 0x080), shr(160, payer)) // ceiling
            mstore(add(p, 0x0a0), and(shr(192, terms), 0xffff)) // baseBps
            mstore(add(p, 0x0c0), shr(160, routing)) // bond
            mstore(add(p, 0x0e0), and(shr(160, terms), 0xff)) // kind
            calldatacopy(add(p, 0x100), add(t, 0xa0), 0x40) // pageId, requirement
            mstore(add(p, 0x140), and(shr(208, terms), 0xffff)) // minMatchBps
            mstore(add(p, 0x160), and(shr(168, terms), 0xff)) // k
            mstore(add(p, 0x180), and(shr(176, terms), 0xff)) // minSeats
            mstore(add(p, 0x1a0), and(shr(224, terms), 0xffff)) // quorumBps
            mstore(add(p, 0x1c0), and(shr(184, terms), 0xff)) // open
            mstore(add(p, 0x1e0), and(times, 0xffffffffff)) // bidEnd
            mstore(add(p, 0x200), and(shr(40, times), 0xffffffffff)) // commitEnd
            mstore(add(p, 0x220), and(shr(80, times), 0xffffffff)) // revealWindow
            mstore(add(p, 0x240), and(terms, account)) // evaluator
            mstore(add(p, 0x260), and(shr(112, times), 0xffffffff)) // evaluationWindow
            mstore(add(p, 0x280), shr(160, asset)) // evaluationFee
            mstore(add(p, 0x2a0), shr(240, terms)) // sharedBps
            calldatacopy(add(p, 0x2c0), add(t, 0xe0), 0x60) // parent, header, salt
            hash := keccak256(p, 0x320)
        }
    }
}

library BidLib {
    function agentId(Bid calldata b) internal pure returns (uint256) {
        return uint32(b.terms);
    }

    /// @notice Asked per seat.
    function price(Bid calldata b) internal pure returns (uint256) {
        return uint96(b.terms >> 32);
    }

    /// @notice The agent's own estimate of being right.
    function confidenceBps(Bid calldata b) internal pure returns (uint256) {
        return uint16(b.terms >> 128);
    }

    /// @notice Last second in which the bid may be awarded.
    function expiry(Bid calldata b) internal pure returns (uint256) {
        return uint40(b.terms >> 144);
    }
}
