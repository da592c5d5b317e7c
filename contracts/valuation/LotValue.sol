// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {addMonths} from "../calendar.sol";
import {ILeases} from "../lease/ILeases.sol";
import {BPS, EPOCH_SEC, mulDivDown, mulDivUp, RAY, WAD} from "../units.sol";

/// What a lot's hardware is valued by.
struct Hardware {
    uint256 costAssets;
    uint256 commissionedAt;
    uint16[] residualBps;
    uint256 factorWad; // of the index
    uint256 haircutBps; // of the evidence class
}

/// What a take-or-pay lease brings, month by month.
struct Rents {
    uint256 monthAssets;
    uint256 renewedAssets; // a renewed month
    uint256 lastAssets; // the last month, which an early end may cut
    uint256 feeAssets; // for a month that the lessee ends the lease before
    uint256 fromIndex; // the first month not yet invoiced
    uint256 termCount; // months from here on are renewed ones
    uint256 firmCount; // months up to here the lessee cannot end
    uint256 endCount; // all months
    uint256 optionCount; // months after which the lessee may buy the lot
    uint256 priceAssets; // at which it may; the greatest number where it may not
    uint256 endAt;
}

/// What a lot is worth that is let, in rent and in hardware: kept to the end, or sold as soon as the lessee may buy it.
struct Leased {
    uint256 rentAssets;
    uint256 hardwareAssets;
    uint256 soldRentAssets;
    uint256 soldAssets; // the price
}

/// @title What a lot is worth: formulas of its model's curve, its lease and its lessee's rate, and of nothing else.
/// @notice Every rounding is down, against who gains from the value; of what only an entry figure counts, up.
///
///   residual   = the curve at an age: parts of cost at the end of year 0, 1, …, linear between, flat after the last
///   part       = ⌊residual × index factor⌋, at most 1; in 18 decimals, like both                       [1]
///   hardware   = ⌊cost × part⌋                                                                        [assets]
///   i          = ⌈(base rate + spread) ÷ 12⌉, in 27 decimals                                          [1 a month]
///   (1 + i)^k  = ⌈(1 + i)^(k − 1) × (1 + i)⌉, in 27 decimals                                          [1]
///   rent(k)    = the rent of month k, counted from the first not yet invoiced, less the largest credits; where the
///                lessee may end the lease before it, at most the termination fee                      [assets]
///   PV(n)      = Σ ⌊rent(k) ÷ (1 + i)^k⌋ over k = 1 … n                                               [assets]
///   cut(x)     = ⌊x × (1 − haircut)⌋                                                                  [assets]
///   leased     = min(PV(n) + cut(⌊min(hardware at the end, price) ÷ (1 + i)^n⌋),
///                    PV(m) + cut(⌊price ÷ (1 + i)^m⌋) where the lessee may buy the lot after m < n months)
///   accrued    = ⌈rent a second × seconds since the last invoiced period, no later than the lease's end⌉, at the rate
///                of the shortest month, or of every GPU at work all the time                          [assets]
library LotValue {
    uint256 internal constant YEAR_SEC = 365 days;
    uint256 private constant MONTHS = 12;
    uint256 private constant SHORTEST_MONTH_SEC = 28 days;

    /// @dev A curve's residual at an age, in parts of the cost. The fall rounds up, so that what is left rounds down.
    function residualWad(uint16[] memory residualBps, uint256 ageSec) internal pure returns (uint256) {
        uint256 year = ageSec / YEAR_SEC;
        uint256 last = residualBps.length - 1;
        if (year >= last) return (uint256(residualBps[last]) * WAD) / BPS;
        uint256 fromBps = residualBps[year];
        uint256 fallBps = fromBps - residualBps[year + 1];
        return (fromBps * WAD) / BPS - mulDivUp(fallBps * WAD, ageSec % YEAR_SEC, YEAR_SEC * BPS);
    }

    /// @dev Hardware at a time, at the lower of cost and market, without a haircut.
    function hardwareAssets(Hardware memory hardware, uint256 timeAt) internal pure returns (uint256) {
        uint256 ageSec = Math.saturatingSub(timeAt, hardware.commissionedAt);
        uint256 partWad = mulDivDown(residualWad(hardware.residualBps, ageSec), hardware.factorWad, WAD);
        return mulDivDown(hardware.costAssets, Math.min(WAD, partWad), WAD);
    }

    /// @dev What is left after a haircut.
    function cut(uint256 assets, uint256 haircutBps) internal pure returns (uint256) {
        return mulDivDown(assets, BPS - haircutBps, BPS);
    }

    /// @dev A month's rate from two yearly ones.
    function monthRateRay(uint256 baseRateBps, uint256 spreadBps) internal pure returns (uint256) {
        return mulDivUp(baseRateBps + spreadBps, RAY, MONTHS * BPS);
    }

    /// @dev What the terms of a take-or-pay lease and what became of it make of its months.
    function rentsOf(
        ILeases.Terms memory terms,
        ILeases.Status memory status
    ) internal pure returns (Rents memory rents) {
        ILeases.ExitClause memory exit = terms.exit;
        // Less all that the lessee may be credited: who sets a service level that nobody reaches pays nothing.
        uint256 creditBps = terms.efficiency.maxBps;
        if (terms.sla.length > 0) creditBps += terms.sla[terms.sla.length - 1].creditBps;
        rents.monthAssets = mulDivDown(terms.baseRentAssets, Math.saturatingSub(BPS, creditBps), BPS);
        rents.renewedAssets = mulDivDown(rents.monthAssets, exit.renewalRentBps, BPS);
        rents.feeAssets = exit.terminationFeeAssets;
        rents.fromIndex = status.settledCount;
        rents.termCount = terms.periodCount;
        rents.endCount = status.endCount;
        rents.optionCount = exit.minPeriodCount;
        rents.priceAssets = exit.purchaseAssets == 0 ? type(uint256).max : exit.purchaseAssets;
        uint256 wholeAt = addMonths(terms.startAt, rents.endCount);
        rents.endAt = status.endAt == 0 ? wholeAt : status.endAt;
        rents.firmCount = status.endAt == 0 ? exit.minPeriodCount : rents.endCount;
        if (rents.fromIndex == rents.endCount) return rents;
        uint256 lastAt = addMonths(terms.startAt, rents.endCount - 1);
        rents.lastAssets = mulDivDown(
            rents.endCount > rents.termCount ? rents.renewedAssets : rents.monthAssets,
            rents.endAt - lastAt,
            wholeAt - lastAt
        );
    }

    /// @dev The present value of a let lot, whose hardware is worth `endAssets` when the lease ends.
    function leasedOf(
        Rents memory rents,
        uint256 endAssets,
        uint256 rateRay
    ) internal pure returns (Leased memory leased) {
        uint256 factorRay = RAY;
        uint256 soldFactorRay = RAY;
        for (uint256 index = rents.fromIndex; index < rents.endCount; ++index) {
            if (index == rents.optionCount) (leased.soldRentAssets, soldFactorRay) = (leased.rentAssets, factorRay);
            factorRay = (factorRay * (RAY + rateRay) + RAY - 1) / RAY;
            leased.rentAssets += (rentAssets(rents, index) * RAY) / factorRay;
        }
        leased.hardwareAssets = mulDivDown(Math.min(endAssets, rents.priceAssets), RAY, factorRay);
        if (rents.priceAssets == type(uint256).max || rents.optionCount >= rents.endCount) {
            (leased.soldRentAssets, leased.soldAssets) = (leased.rentAssets, leased.hardwareAssets);
        } else {
            leased.soldAssets = mulDivDown(rents.priceAssets, RAY, soldFactorRay);
        }
    }

    /// @dev What of the rent of a month the lessee cannot walk away from.
    function rentAssets(Rents memory rents, uint256 index) internal pure returns (uint256 assets) {
        assets = index < rents.termCount ? rents.monthAssets : rents.renewedAssets;
        if (index + 1 == rents.endCount) assets = rents.lastAssets;
        if (index >= rents.firmCount) assets = Math.min(assets, rents.feeAssets);
    }

    /// @dev The most that a lease can have earned by a time and not been invoiced for.
    function accruedAssets(
        ILeases.Terms memory terms,
        ILeases.Status memory status,
        uint256 gpuCount,
        uint256 timeAt
    ) internal pure returns (uint256 assets) {
        uint256 fromAt = addMonths(terms.startAt, status.settledCount);
        uint256 endAt = status.endAt == 0 ? addMonths(terms.startAt, status.endCount) : status.endAt;
        uint256 elapsedSec = Math.saturatingSub(Math.min(timeAt, endAt), fromAt);
        if (terms.pricing == ILeases.Pricing.TakeOrPay) {
            assets = mulDivUp(terms.baseRentAssets, elapsedSec, SHORTEST_MONTH_SEC);
        } else {
            uint256 rateAssets = Math.max(terms.gpuHourRateAssets, terms.index.capAssets);
            assets = mulDivUp(rateAssets * gpuCount, elapsedSec, EPOCH_SEC);
        }
        uint256 mostBps = Math.max(BPS, terms.exit.renewalRentBps);
        assets = mulDivUp(assets * mostBps, BPS + terms.efficiency.maxBps, BPS * BPS);
    }

    /// @dev What a let lot is worth with a haircut on its hardware, whatever its lessee does, and the rent in it.
    function leasedAssets(
        Leased memory leased,
        uint256 haircutBps
    ) internal pure returns (uint256 assets, uint256 contractedAssets) {
        uint256 keptAssets = leased.rentAssets + cut(leased.hardwareAssets, haircutBps);
        uint256 soldAssets = leased.soldRentAssets + cut(leased.soldAssets, haircutBps);
        return soldAssets < keptAssets ? (soldAssets, leased.soldRentAssets) : (keptAssets, leased.rentAssets);
    }
}
