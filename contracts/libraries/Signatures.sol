// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title One way to read a signature: 65 bytes (r, s, v) or 64 bytes (ERC-2098), low s only.
library Signatures {
    /// @return signer The signer, or zero for anything malformed: callers compare with a non-zero address.
    function recover(bytes32 digest, bytes memory signature) internal pure returns (address signer) {
        if (signature.length == 64) {
            bytes32 r;
            bytes32 vs;
            assembly ("memory-safe") {
                r := mload(add(signature, 32))
                vs := mload(add(signature, 64))
            }
            (signer,,) = ECDSA.tryRecover(digest, r, vs);
        } else {
            (signer,,) = ECDSA.tryRecover(digest, signature);
        }
    }
}
