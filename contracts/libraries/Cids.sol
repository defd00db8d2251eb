// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Names of content, written as texts write them.
library Cids {
    uint256 internal constant LENGTH = 59;

    /// @notice Raw CIDv1 of a sha-256 digest, in lower-case base32: `b`, then the 36 bytes 01 55 12 20 ‖ digest, five bits a letter.
    function raw(bytes32 digest) internal pure returns (bytes memory text) {
        bytes32 letters = "abcdefghijklmnopqrstuvwxyz234567";
        // The first thirty bits of those bytes are the same in every such name; the two that remain are zeros.
        bytes7 start = "bafkrei";
        text = new bytes(LENGTH);
        for (uint256 i; i < 7; ++i) {
            text[i] = start[i];
        }
        uint256 d = uint256(digest);
        for (uint256 i; i < 51; ++i) {
            text[7 + i] = letters[(d >> (253 - 5 * i)) & 31];
        }
        text[58] = letters[(d << 2) & 31];
    }
}
