// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ITelemetry} from "../telemetry/ITelemetry.sol";
import {BPS, EPOCH_SEC, mulDivDown, mulDivUp} from "../units.sol";
import {ILeases} from "./ILeases.sol";

/// @title What a lessee owes for one period: a pure function of the terms and the two meters at the period's ends.
/// @notice Every rounding is against the payee: availability and metered rent down, credit up.
///
///   Δx              = x at the end − x at the start
///   required        = max(0, gpuCount × periodSec − Δcurtailed)                                 [GPU-seconds]
///   availabilityBps = min(10,000, ⌊Δavailable × 10,000 ÷ required⌋)                             [bps]
///   base            = the month's rent                                    if TakeOrPay, else 0  [assets]
///   metered         = ⌊Δallocated × rate ÷ 3,600⌋                         if Metered, else 0    [assets]
///   slaCredit       = ⌈(base + metered) × creditBps ÷ 10,000⌉                                   [assets]
///   due             = base + metered − slaCredit                                                [assets]
///
/// Curtailed time is neither downtime nor delivered: it leaves the required time, so a fully curtailed period has an
/// availability of 10,000. A lot that has never reported has no GPUs on its meter and an availability of 0.
/// gpuCount is the later meter's, also when the lot changed within the period. The meter's allocated time is never
/// more than its available time, so what is metered was both.
/// creditBps is that of the last step whose availability is above the measured one: in a valid table the largest.
/// A valid table has at most 10,000 there, so the credit is never more than the rent.
library Invoice {
    struct Statement {
        uint32 gpuCount; // inputs, as the formula used them
        uint256 periodSec;
        uint256 availableGpuSec;
        uint256 allocatedGpuSec;
        uint256 curtailedGpuSec;
        uint256 availabilityBps; // outputs
        uint256 baseAssets;
        uint256 meteredAssets;
        uint256 slaCreditAssets;
        uint256 dueAssets;
    }

    /// @dev The statement for a period of `periodSec` whose ends are metered by `from` and `to`. Reverts with a panic
    /// where a counter fell.
    function compute(
        ILeases.Terms memory terms,
        ITelemetry.Meter memory from,
        ITelemetry.Meter memory to,
        uint256 periodSec
    ) internal pure returns (Statement memory s) {
        s.gpuCount = to.gpuCount;
        s.periodSec = periodSec;
        s.availableGpuSec = to.availableGpuSec - from.availableGpuSec;
        s.allocatedGpuSec = to.allocatedGpuSec - from.allocatedGpuSec;
        s.curtailedGpuSec = to.curtailedGpuSec - from.curtailedGpuSec;
        s.availabilityBps = _availabilityBps(s);

        if (terms.pricing == ILeases.Pricing.TakeOrPay) s.baseAssets = terms.baseRentAssets;
        else s.meteredAssets = mulDivDown(s.allocatedGpuSec, terms.gpuHourRateAssets, EPOCH_SEC);

        uint256 rentAssets = s.baseAssets + s.meteredAssets;
        s.slaCreditAssets = mulDivUp(rentAssets, _creditBps(terms.sla, s.availabilityBps), BPS);
        s.dueAssets = rentAssets - s.slaCreditAssets;
    }

    function _availabilityBps(Statement memory s) private pure returns (uint256) {
        if (s.gpuCount == 0) return 0;
        uint256 wholeGpuSec = s.gpuCount * s.periodSec;
        if (s.curtailedGpuSec >= wholeGpuSec) return BPS;
        return Math.min(BPS, mulDivDown(s.availableGpuSec, BPS, wholeGpuSec - s.curtailedGpuSec));
    }

    function _creditBps(
        ILeases.SlaStep[] memory sla,
        uint256 availabilityBps
    ) private pure returns (uint256 creditBps) {
        for (uint256 i = 0; i < sla.length && availabilityBps < sla[i].availabilityBps; ++i) {
            creditBps = sla[i].creditBps;
        }
    }
}
