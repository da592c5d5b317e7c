// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DAY_SEC, days30360, periodDays30360} from "./calendar.sol";
import {BPS, RAY, WAD, mulDivDown, mulDivUp} from "./units.sol";

// Interest and level payments. Rates have 27 decimals, so that a twelfth of a yearly rate is exact far below a cent.

enum DayCount {
    Thirty360, // every month has 30 days (30/360 bond basis)
    Actual360 // time passed, to the second, over a year of 360 days
}

/// A level payment needs at least one period.
error Annuity_NoPeriods(uint256 principalAssets);
/// The balloon may not exceed the principal.
error Annuity_BalloonTooLarge(uint256 balloonAssets, uint256 principalAssets);

/// @dev (1 + rate) ^ periods, by squaring; each product is rounded down, an error below 1e-25 of the result.
function compoundRay(uint256 ratePerPeriodRay, uint256 periodCount) pure returns (uint256 factorRay) {
    factorRay = RAY;
    uint256 baseRay = RAY + ratePerPeriodRay;
    while (periodCount != 0) {
        if (periodCount % 2 == 1) factorRay = mulDivDown(factorRay, baseRay, RAY);
        periodCount /= 2;
        if (periodCount != 0) baseRay = mulDivDown(baseRay, baseRay, RAY);
    }
}

/// @dev The equal payment that, made at the end of each period, leaves `balloonAssets` after the last; rounded up.
/// payment = (principal · f − balloon) · rate / (f − 1), f = (1 + rate) ^ periods: the ordinary annuity.
function levelPaymentAssets(
    uint256 principalAssets,
    uint256 ratePerPeriodRay,
    uint256 periodCount,
    uint256 balloonAssets
) pure returns (uint256) {
    require(periodCount != 0, Annuity_NoPeriods(principalAssets));
    require(balloonAssets <= principalAssets, Annuity_BalloonTooLarge(balloonAssets, principalAssets));
    if (ratePerPeriodRay == 0) return mulDivUp(principalAssets - balloonAssets, 1, periodCount);
    uint256 factorRay = compoundRay(ratePerPeriodRay, periodCount);
    return mulDivUp(principalAssets * factorRay - balloonAssets * RAY, ratePerPeriodRay, (factorRay - RAY) * RAY);
}

/// @dev Simple interest on a principal from one time to another, rounded down; 30/360 by the bond basis.
function interestAssets(
    uint256 principalAssets,
    uint256 couponBps,
    DayCount dayCount,
    uint256 fromAt,
    uint256 toAt
) pure returns (uint256) {
    return
        dayCount == DayCount.Thirty360
            ? mulDivDown(principalAssets, couponBps * days30360(fromAt, toAt), BPS * 360)
            : mulDivDown(principalAssets, couponBps * (toAt - fromAt), BPS * 360 * DAY_SEC);
}

/// @dev The same in the period from one payment date to the next, which by 30/360 has 30 days, whatever its length.
function periodInterestAssets(
    uint256 principalAssets,
    uint256 couponBps,
    DayCount dayCount,
    uint256 fromAt,
    uint256 nextAt,
    uint256 toAt
) pure returns (uint256) {
    if (dayCount == DayCount.Actual360) return interestAssets(principalAssets, couponBps, dayCount, fromAt, toAt);
    return mulDivDown(principalAssets, couponBps * periodDays30360(fromAt, nextAt, toAt), BPS * 360);
}

/// @dev What a table leaves of a principal, as a part of it with 18 decimals, rounded down.
function tabledAssets(uint256 principalAssets, uint256 leftWad) pure returns (uint256) {
    return mulDivDown(principalAssets, leftWad, WAD);
}

/// @dev What a level payment leaves of a scheduled principal after one month of coupon (30/360, rounded down).
function amortizedAssets(uint256 scheduledAssets, uint256 couponBps, uint256 paymentAssets) pure returns (uint256) {
    uint256 owed = scheduledAssets + mulDivDown(scheduledAssets, couponBps, BPS * 12);
    return owed > paymentAssets ? owed - paymentAssets : 0;
}
