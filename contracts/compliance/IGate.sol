// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What a class token, and whoever sells what it owns, asks of the gate.
interface IGate {
    /// @notice All that a transfer of `token` has to know, in one call: may `from` send and `to` receive, for how long
    /// after the last issue of the class `from` is locked up, and how many may hold the class (0: any number).
    function passage(
        address token,
        address from,
        address to
    ) external view returns (bool maySend, bool mayReceive, uint256 lockUpSec, uint256 maxHolderCount);

    /// @notice May `account` receive shares now?
    function canReceive(address account) external view returns (bool);

    /// @notice May `account` send shares now? Wider than `canReceive`: an expired credential may still exit. Lock-ups
    /// are the class token's to count.
    function canSend(address account) external view returns (bool);

    /// @notice ERC-3643's view: does `account` hold a valid credential now?
    function isVerified(address account) external view returns (bool);
}
