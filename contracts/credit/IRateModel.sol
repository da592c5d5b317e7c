// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Market, MarketParams} from "./Market.sol";

// No borrower pays more than 10,000 % a year, simple, whatever a model says: this keeps a century's interest inside
// 256 bits, so that no market can be locked by an overflow.
uint256 constant MAX_RATE_PER_SECOND_WAD = 100e18 / uint256(365 days);

/// @title What a market asks its rate model. It is no view: a later model may adapt with each accrual.
interface IRateModel {
    /// @notice The borrow rate per second since the last accrual, before compounding.
    function borrowRate(
        MarketParams calldata params,
        Market calldata market
    ) external returns (uint256 ratePerSecondWad);
}
