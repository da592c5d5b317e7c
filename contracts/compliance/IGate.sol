// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What a class token asks of its facility's gate.
interface IGate {
    /// @notice May `account` receive shares now?
    function canReceive(address account) external view returns (bool);

    /// @notice May `account` send shares now? Wider than `canReceive`: an expired credential may still exit.
    function canSend(address account) external view returns (bool);

    /// @notice ERC-3643's view: does `account` hold a valid credential now?
    function isVerified(address account) external view returns (bool);
}
