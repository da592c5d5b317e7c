// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The price a market asks for; the shape of Morpho Blue's oracle.
interface IPrice {
    /// @notice Loan assets per collateral share, scaled by 1e36 (adjusted for both tokens' decimals). Reverts if stale.
    function price() external view returns (uint256);
}
