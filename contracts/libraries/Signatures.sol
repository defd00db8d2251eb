// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "solady/src/utils/ECDSA.sol";

/// @title One way to read a signature: 65 bytes (r, s, v) or 64 bytes (ERC-2098), low s only; else ERC-1271 of the signer's code.
library Signatures {
    /// A wallet contract gets this much gas for its answer, so that a hostile one cannot eat the caller's.
    uint256 internal constant ERC1271_GAS = 200_000;

    /// Half the order of secp256k1: each signature has a twin with a higher s, which is not taken.
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @notice Whether `signer` signed `digest`. The zero address never signs.
    function isValid(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        if (signer == address(0)) return false;
        if (recover(digest, signature) == signer) return true;
        return signer.code.length != 0 && _isValidByCode(signer, digest, signature);
    }

    /// @return signer The key that signed, or zero for anything malformed.
    function recover(bytes32 digest, bytes calldata signature) internal view returns (address signer) {
        if (signature.length < 64) return signer;
        uint256 s;
        assembly ("memory-safe") {
            s := calldataload(add(signature.offset, 32))
        }
        // The short form keeps the parity in the top bit of s.
        if (signature.length == 64) s = s << 1 >> 1;
        if (s <= HALF_ORDER) signer = ECDSA.tryRecoverCalldata(digest, signature);
    }

    /// @dev Copies one word of the answer, however long it is.
    function _isValidByCode(address signer, bytes32 digest, bytes calldata signature) private view returns (bool ok) {
        bytes memory data = abi.encodeWithSelector(0x1626ba7e, digest, signature);
        assembly ("memory-safe") {
            ok := staticcall(ERC1271_GAS, signer, add(data, 32), mload(data), 0, 32)
            ok := and(ok, and(gt(returndatasize(), 31), eq(mload(0), shl(224, 0x1626ba7e))))
        }
    }
}
