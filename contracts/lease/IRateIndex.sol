// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What index-linked leases ask of a price index of compute.
interface IRateIndex {
    /// @notice US dollars for an hour of one GPU of a model on the day that begins at `dayAt` (midnight UTC); 0 where
    /// no rate of that day was fixed. A rate that was fixed never changes.
    function rateWad(bytes32 modelId, uint64 dayAt) external view returns (uint256);
}
