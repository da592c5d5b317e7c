// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {DAY_SEC, Date, addMonths, dateOf} from "../calendar.sol";
import {IRegistry} from "../registry/IRegistry.sol";
import {ITelemetry} from "../telemetry/ITelemetry.sol";
import {BPS, EPOCH_SEC, LeaseId, LotId, WAD, mulDivDown, mulDivUp} from "../units.sol";
import {ILeases} from "./ILeases.sol";
import {IRateIndex} from "./IRateIndex.sol";

/// @title What a lessee owes: pure functions of the terms, the two meters at a period's ends, and time.
/// @notice Every rounding is against the payee: availability, rent and bonus down, credits up.
///
///   Δx              = x at the end − x at the start
///   required        = max(0, gpuCount × periodSec − Δcurtailed)                                 [GPU-seconds]
///   availabilityBps = min(10,000, ⌊Δavailable × 10,000 ÷ required⌋)                             [bps]
///   renewed(x)      = ⌊x × renewalRentBps ÷ 10,000⌋ in a renewed period, else x                 [assets]
///   base            = ⌊renewed(the month's rent) × periodSec ÷ wholeSec⌋  if TakeOrPay, else 0  [assets]
///   linked          = ⌊index × 10^decimals × participationBps ÷ (10¹⁸ × 10,000)⌋                [assets a GPU-hour]
///   rate            = renewed(the terms' rate)                            if Metered            [assets a GPU-hour]
///                     renewed(min(cap, max(floor, linked)))               if IndexLinked
///   metered         = ⌊Δallocated × rate ÷ 3,600⌋                         else 0                [assets]
///   rent            = base + metered                                                            [assets]
///   slaCredit       = ⌈rent × creditBps ÷ 10,000⌉                                               [assets]
///   allowed, used   = ⌊ΔIT energy × target ÷ 10,000⌋, Δfacility energy    if Pue                [Wh]
///                     ⌊Δallocated × target ÷ 3,600⌋, ΔIT energy           if WhPerGpuHour
///   limit           = ⌊rent × maxBps ÷ 10,000⌋                                                  [assets]
///   bonus           = min(limit, ⌊max(0, allowed − used) × rate a kWh × sharedBps ÷ (1,000 × 10,000)⌋)
///   excessCredit    = min(limit, rent − slaCredit, ⌈max(0, used − allowed) × … ÷ …⌉)
///   due             = rent − slaCredit + bonus − excessCredit                                   [assets]
///
/// Curtailed time is neither downtime nor delivered: it leaves the required time, so a fully curtailed period has an
/// availability of 10,000. A lot that has never reported has no GPUs on its meter and an availability of 0.
/// gpuCount is the later meter's, also when the lot changed within the period. The meter's allocated time is never
/// more than its available time, so what is metered was both.
/// creditBps is that of the last step whose availability is above the measured one: in a valid table the largest.
/// A valid table has at most 10,000 there, so the credit is never more than the rent.
///
/// Linked to the leases: `make` gathers what the formula depends on. The index is that of the lot's model as fixed for
/// the day the period starts on; where it is not fixed ten days after the period's end, the floor counts.
library Invoice {
    /// Which period of which lease.
    struct Subject {
        LeaseId leaseId;
        uint32 periodIndex;
        uint8 assetDecimalCount; // of an index-linked lease's token
        uint256 fromAt;
        uint256 untilAt; // where it ends, early or not
    }

    /// What a statement depends on beside the terms and the meters.
    struct Span {
        uint256 periodSec; // that were let
        uint256 wholeSec; // of the whole month
        bool isRenewed;
        uint256 indexWad; // 0 where none was fixed
        uint256 oneAssets; // one whole token
    }

    /// @notice How long after a period's end its index may still be fixed; then the floor counts.
    uint256 public constant INDEX_WAIT_SEC = 10 days;

    // For reading a day's rate. Who gives the call less, so that it fails, has not enough left to go on settling.
    uint256 private constant INDEX_GAS_UNITS = 100_000;

    uint256 private constant KWH_WH = 1000;
    uint256 private constant YEAR_SEC = 360 * DAY_SEC; // of late fees

    /// @notice The statement of a period that has ended, from the Final meters at its ends.
    /// @dev Errors: Lease_IndexNotFixed, Telemetry_NotRecorded.
    function make(
        ILeases.Terms storage stored,
        Subject memory p,
        IRegistry registry,
        ITelemetry telemetry
    ) external view returns (ILeases.Statement memory) {
        ILeases.Terms memory terms = stored;
        Span memory span;
        span.periodSec = p.untilAt - p.fromAt;
        span.wholeSec = addMonths(terms.startAt, p.periodIndex + 1) - p.fromAt;
        span.isRenewed = p.periodIndex >= terms.periodCount;
        if (terms.pricing == ILeases.Pricing.IndexLinked) {
            span.oneAssets = 10 ** p.assetDecimalCount;
            span.indexWad = _indexWad(terms.index.source, registry.lot(terms.lotId).modelId, p.fromAt);
            uint256 floorFromAt = p.untilAt + INDEX_WAIT_SEC;
            require(
                span.indexWad > 0 || block.timestamp >= floorFromAt,
                ILeases.Lease_IndexNotFixed(p.leaseId, p.periodIndex, floorFromAt)
            );
        }
        return
            compute(
                terms,
                _meterAt(telemetry, terms.lotId, p.fromAt),
                _meterAt(telemetry, terms.lotId, p.untilAt),
                span
            );
    }

    /// @dev The statement for a period whose ends are metered by `from` and `to`. Reverts with a panic where a counter
    /// fell.
    function compute(
        ILeases.Terms memory terms,
        ITelemetry.Meter memory from,
        ITelemetry.Meter memory to,
        Span memory span
    ) internal pure returns (ILeases.Statement memory s) {
        s.gpuCount = to.gpuCount;
        s.periodSec = span.periodSec;
        s.wholeSec = span.wholeSec;
        s.availableGpuSec = to.availableGpuSec - from.availableGpuSec;
        s.allocatedGpuSec = to.allocatedGpuSec - from.allocatedGpuSec;
        s.curtailedGpuSec = to.curtailedGpuSec - from.curtailedGpuSec;
        s.itEnergyWh = to.itEnergyWh - from.itEnergyWh;
        s.facilityEnergyWh = to.facilityEnergyWh - from.facilityEnergyWh;
        s.availabilityBps = _availabilityBps(s);

        uint256 partBps = span.isRenewed ? terms.exit.renewalRentBps : BPS;
        if (terms.pricing == ILeases.Pricing.TakeOrPay) {
            s.baseAssets = mulDivDown(mulDivDown(terms.baseRentAssets, partBps, BPS), s.periodSec, s.wholeSec);
        } else {
            uint256 rateAssets = terms.gpuHourRateAssets;
            if (terms.pricing == ILeases.Pricing.IndexLinked) {
                s.indexWad = span.indexWad;
                rateAssets = _linkedAssets(terms.index, span);
            }
            s.rateAssets = mulDivDown(rateAssets, partBps, BPS);
            s.meteredAssets = mulDivDown(s.allocatedGpuSec, s.rateAssets, EPOCH_SEC);
        }

        uint256 rentAssets = s.baseAssets + s.meteredAssets;
        s.slaCreditAssets = mulDivUp(rentAssets, _creditBps(terms.sla, s.availabilityBps), BPS);
        uint256 leftAssets = rentAssets - s.slaCreditAssets;
        (s.bonusAssets, s.excessCreditAssets) = _efficiency(terms.efficiency, s, rentAssets);
        s.excessCreditAssets = Math.min(s.excessCreditAssets, leftAssets);
        s.dueAssets = leftAssets + s.bonusAssets - s.excessCreditAssets;
    }

    /// @dev The late fee on what is left of a receivable, for so many seconds, rounded down.
    function lateFeeAssets(uint256 leftAssets, uint256 lateFeeBps, uint256 lateSec) internal pure returns (uint256) {
        return mulDivDown(leftAssets, lateFeeBps * lateSec, BPS * YEAR_SEC);
    }

    /// @notice Where a receivable is counted that is so many weeks past due: not due, 1 to 4, 5 to 8, more.
    function ageIndex(uint256 weekCount) internal pure returns (uint256) {
        if (weekCount == 0) return 0;
        if (weekCount <= 4) return 1;
        return weekCount <= 8 ? 2 : 3;
    }

    /// @dev The end of the hour that a time is in: early ends are there, where meters are.
    function hourEndAt(uint256 timeAt) internal pure returns (uint256) {
        return timeAt - (timeAt % EPOCH_SEC) + EPOCH_SEC;
    }

    /// @dev How many periods of a lease begin before a time: no more than months lie between the two dates, and one.
    function begunCount(uint256 startAt, uint256 endAt) internal pure returns (uint256) {
        if (endAt <= startAt) return 0;
        (Date memory from, Date memory to) = (dateOf(startAt), dateOf(endAt));
        uint256 monthCount = 12 * to.year + to.month - 12 * from.year - from.month;
        return addMonths(startAt, monthCount) < endAt ? monthCount + 1 : monthCount;
    }

    /// @dev The Final meter at a boundary: that of the epoch which ends there.
    function _meterAt(
        ITelemetry telemetry,
        LotId lotId,
        uint256 boundaryAt
    ) private view returns (ITelemetry.Meter memory) {
        return telemetry.meterAt(lotId, uint64(boundaryAt / EPOCH_SEC - 1));
    }

    /// @dev A source that reverts, runs away or answers nonsense has fixed nothing: it cannot hold the lot for ever.
    function _indexWad(IRateIndex source, bytes32 modelId, uint256 dayAt) private view returns (uint256) {
        (bool isDone, bytes memory answer) = address(source).staticcall{gas: INDEX_GAS_UNITS}(
            abi.encodeCall(IRateIndex.rateWad, (modelId, uint64(dayAt)))
        );
        return isDone && answer.length == 32 ? uint256(bytes32(answer)) : 0;
    }

    function _availabilityBps(ILeases.Statement memory s) private pure returns (uint256) {
        if (s.gpuCount == 0) return 0;
        uint256 wholeGpuSec = s.gpuCount * s.periodSec;
        if (s.curtailedGpuSec >= wholeGpuSec) return BPS;
        return Math.min(BPS, mulDivDown(s.availableGpuSec, BPS, wholeGpuSec - s.curtailedGpuSec));
    }

    /// @dev An index beyond 2^128 is at the cap anyway; so nothing that a source says can make this revert.
    function _linkedAssets(ILeases.IndexClause memory clause, Span memory span) private pure returns (uint256) {
        uint256 indexWad = Math.min(span.indexWad, type(uint128).max);
        uint256 linkedAssets = mulDivDown(indexWad * clause.participationBps, span.oneAssets, WAD * BPS);
        return Math.min(clause.capAssets, Math.max(clause.floorAssets, linkedAssets));
    }

    function _creditBps(
        ILeases.SlaStep[] memory sla,
        uint256 availabilityBps
    ) private pure returns (uint256 creditBps) {
        for (uint256 i = 0; i < sla.length && availabilityBps < sla[i].availabilityBps; ++i) {
            creditBps = sla[i].creditBps;
        }
    }

    function _efficiency(
        ILeases.EfficiencyClause memory clause,
        ILeases.Statement memory s,
        uint256 rentAssets
    ) private pure returns (uint256 bonusAssets, uint256 creditAssets) {
        if (clause.metric == ILeases.EfficiencyMetric.None) return (0, 0);
        (uint256 allowedWh, uint256 usedWh) = clause.metric == ILeases.EfficiencyMetric.Pue
            ? (mulDivDown(s.itEnergyWh, clause.targetUnits, BPS), s.facilityEnergyWh)
            : (mulDivDown(s.allocatedGpuSec, clause.targetUnits, EPOCH_SEC), s.itEnergyWh);
        uint256 limitAssets = mulDivDown(rentAssets, clause.maxBps, BPS);
        uint256 priceAssets = clause.kWhRateAssets * clause.sharedBps;
        if (allowedWh >= usedWh) {
            bonusAssets = Math.min(limitAssets, mulDivDown(allowedWh - usedWh, priceAssets, KWH_WH * BPS));
        } else {
            creditAssets = Math.min(limitAssets, mulDivUp(usedWh - allowedWh, priceAssets, KWH_WH * BPS));
        }
    }
}
