// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title One way to read a signature: 65 bytes (r, s, v) or 64 bytes (ERC-2098), low s only; else ERC-1271 of the signer's code.
library Signatures {
    /// A wallet contract gets this much gas for its answer, so that a hostile one cannot eat the caller's.
    uint256 internal constant ERC1271_GAS = 200_000;

    /// @notice Whether `signer` signed `digest`. The zero address never signs.
    function isValid(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        if (signer == address(0)) return false;
        if (recover(digest, signature) == signer) return true;
        return signer.code.length != 0 && _isValidByCode(signer, digest, signature);
    }

    /// @return signer The key that signed, or zero for anything malformed.
    function recover(bytes32 digest, bytes calldata signature) internal pure returns (address signer) {
        bytes32 r;
        bytes32 s;
        uint8 v;
        if (signature.length == 65) {
            assembly ("memory-safe") {
                r := calldataload(signature.offset)
                s := calldataload(add(signature.offset, 32))
                v := byte(0, calldataload(add(signature.offset, 64)))
            }
            (signer,,) = ECDSA.tryRecover(digest, v, r, s);
        } else if (signature.length == 64) {
            assembly ("memory-safe") {
                r := calldataload(signature.offset)
                s := calldataload(add(signature.offset, 32))
            }
            (signer,,) = ECDSA.tryRecover(digest, r, s);
        }
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
