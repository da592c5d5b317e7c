// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {WAD} from "../units.sol";
import {IRateModel, MAX_RATE_PER_SECOND_WAD} from "./IRateModel.sol";
import {Market, MarketParams} from "./Market.sol";

/// A point is under the one before it, beyond the cap, or the kink is not inside (0, 1).
error KinkedRate_BadCurve(
    uint256 baseRatePerYearWad,
    uint256 kinkRatePerYearWad,
    uint256 maxRatePerYearWad,
    uint256 kinkUtilizationWad
);

/// @title A borrow rate in two straight lines of utilization: base to kink, and steeper from the kink to 100 %.
///
/// - rate(u) = base + (kinkRate − base) · u / kink for u ≤ kink;
///   rate(u) = kinkRate + (maxRate − kinkRate) · (u − kink) / (1 − kink) above.
/// - utilization u = borrowed / supplied: 0 for an empty market, and never more than 1.
/// - Every division rounds down. No state, no roles, never reverts.
contract KinkedRate is IRateModel {
    uint256 public immutable baseRatePerSecondWad;
    uint256 public immutable kinkRatePerSecondWad;
    uint256 public immutable maxRatePerSecondWad;
    uint256 public immutable kinkUtilizationWad;

    /// @param baseRatePerYearWad_ simple rate for a year of 365 days at utilization 0
    /// @param kinkRatePerYearWad_ at the kink
    /// @param maxRatePerYearWad_ at utilization 1
    /// @param kinkUtilizationWad_ where the slope changes, strictly between 0 and 1
    constructor(
        uint256 baseRatePerYearWad_,
        uint256 kinkRatePerYearWad_,
        uint256 maxRatePerYearWad_,
        uint256 kinkUtilizationWad_
    ) {
        require(
            baseRatePerYearWad_ <= kinkRatePerYearWad_ &&
                kinkRatePerYearWad_ <= maxRatePerYearWad_ &&
                maxRatePerYearWad_ / 365 days <= MAX_RATE_PER_SECOND_WAD &&
                kinkUtilizationWad_ > 0 &&
                kinkUtilizationWad_ < WAD,
            KinkedRate_BadCurve(baseRatePerYearWad_, kinkRatePerYearWad_, maxRatePerYearWad_, kinkUtilizationWad_)
        );
        baseRatePerSecondWad = baseRatePerYearWad_ / 365 days;
        kinkRatePerSecondWad = kinkRatePerYearWad_ / 365 days;
        maxRatePerSecondWad = maxRatePerYearWad_ / 365 days;
        kinkUtilizationWad = kinkUtilizationWad_;
    }

    // Views

    /// @inheritdoc IRateModel
    function borrowRate(
        MarketParams calldata,
        Market calldata market
    ) external view returns (uint256 ratePerSecondWad) {
        return _rateAt(market.utilizationWad());
    }

    // Internal

    function _rateAt(uint256 utilizationWad) private view returns (uint256 ratePerSecondWad) {
        if (utilizationWad <= kinkUtilizationWad) {
            uint256 riseWad = kinkRatePerSecondWad - baseRatePerSecondWad;
            return baseRatePerSecondWad + (riseWad * utilizationWad) / kinkUtilizationWad;
        }
        uint256 steepRiseWad = maxRatePerSecondWad - kinkRatePerSecondWad;
        uint256 beyondWad = utilizationWad - kinkUtilizationWad;
        return kinkRatePerSecondWad + (steepRiseWad * beyondWad) / (WAD - kinkUtilizationWad);
    }
}
