// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bid, OrderLib, Task} from "../../libraries/Orders.sol";

/// @notice Proofs by halmos: what is signed is what the contract reads, field by field.
contract OrdersSymbolic {
    /// The struct hash is the EIP-712 hash of the very fields that the accessors read.
    function check_structHash_is_of_the_fields(Task calldata t) external pure {
        bytes memory head = abi.encode(
            OrderLib.TYPEHASH,
            t.requester(),
            t.router(),
            t.token(),
            uint96(t.ceiling()),
            uint16(t.baseBps()),
            uint96(t.bond()),
            uint8(t.kind())
        );
        bytes memory middle = abi.encode(
            t.pageId,
            t.requirement,
            uint16(t.minMatchBps()),
            uint8(t.k()),
            uint8(t.minSeats()),
            uint16(t.quorumBps()),
            t.open(),
            uint40(t.bidEnd()),
            uint40(t.commitEnd())
        );
        bytes memory tail = abi.encode(
            uint32(t.revealWindow()),
            t.evaluator(),
            uint32(t.evaluationWindow()),
            uint96(t.evaluationFee()),
            uint16(t.sharedBps()),
            t.parent,
            t.header,
            t.salt
        );
        assert(t.structHash() == keccak256(bytes.concat(head, middle, tail)));
    }

    /// Fields do not overlap and leave no bit out: packed again, they are the words they came from.
    function check_fields_are_the_words(Task calldata t) external pure {
        assert(t.payer == uint160(t.requester()) | (t.ceiling() << 160));
        assert(t.routing == uint160(t.router()) | (t.bond() << 160));
        assert(t.asset == uint160(t.token()) | (t.evaluationFee() << 160));
        uint256 terms = uint160(t.evaluator()) | (t.kind() << 160) | (t.k() << 168) | (t.minSeats() << 176);
        terms |= (t.open() << 184) | (t.baseBps() << 192) | (t.minMatchBps() << 208);
        assert(t.terms == terms | (t.quorumBps() << 224) | (t.sharedBps() << 240));
        uint256 times = t.bidEnd() | (t.commitEnd() << 40) | (t.revealWindow() << 80) | (t.evaluationWindow() << 112);
        assert(t.times << 112 >> 112 == times);
    }

    function check_bid_fields_are_its_terms(uint256 terms) external view {
        this.bidFields(Bid(terms, ""));
    }

    function bidFields(Bid calldata b) external pure {
        uint256 packed = b.agentId() | (b.price() << 32) | (b.confidenceBps() << 128) | (b.expiry() << 144);
        assert(b.terms << 72 >> 72 == packed);
    }

    /// Escrow is the sum, and far from where sums wrap around.
    function check_escrow_is_the_sum(Task calldata t) external pure {
        unchecked {
            assert(t.escrow() == t.ceiling() * t.k() + t.evaluationFee());
        }
        assert(t.escrow() >> 105 == 0);
    }
}
