// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What the bonds ask of the telemetry: how long a report can be wrong before it is Final, and who signs.
interface IWindows {
    /// @notice How long a report can be challenged before it is Final.
    function challengeSec() external view returns (uint64);

    /// @notice How long after the end of its hour a report is accepted.
    function maxDelaySec() external view returns (uint64);

    /// @notice The oracle signers.
    function signers() external view returns (address[] memory);
}
