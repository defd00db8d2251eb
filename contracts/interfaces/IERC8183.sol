// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

enum JobStatus {
    Open,
    Funded,
    Submitted,
    Completed,
    Rejected,
    Expired
}

/// @title What an evaluator needs of an ERC-8183 job contract.
interface IERC8183 {
    /// @notice The job's first members. The ERC fixes no read; this is the reference code's `getJob(uint256) returns (Job memory)`, a
    /// struct with a string in it, of which this names the leading word and the five members that no version of it has moved. A
    /// contract whose `getJob` begins otherwise cannot be evaluated.
    /// @return offset Where the struct begins: an ABI matter.
    function getJob(uint256 jobId)
        external
        view
        returns (
            uint256 offset,
            address client,
            JobStatus status,
            address provider,
            uint256 expiredAt,
            address evaluator
        );

    function complete(uint256 jobId, bytes32 reason, bytes calldata optParams) external;

    function reject(uint256 jobId, bytes32 reason, bytes calldata optParams) external;
}
