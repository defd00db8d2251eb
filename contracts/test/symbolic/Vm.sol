// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev The one cheat code of the proofs.
interface Vm {
    function assume(bool condition) external pure;
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
