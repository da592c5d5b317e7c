// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DAY_SEC, addMonths} from "../../contracts/calendar.sol";
import {ILeases} from "../../contracts/lease/ILeases.sol";
import {Invoice} from "../../contracts/lease/Invoice.sol";
import {ITelemetry} from "../../contracts/telemetry/ITelemetry.sol";
import {BPS} from "../../contracts/units.sol";

/// @title The invoice's formula, for any meters, a table of two steps and any clause.
contract InvoiceTest {
    struct Sample {
        uint8 pricing;
        uint128 rentAssets;
        uint16 upperBps;
        uint16 lowerBps;
        uint16 creditBps;
        uint16 moreCreditBps;
        uint24 gpuCount;
        uint64 availableGpuSec;
        uint64 allocatedGpuSec;
        uint64 curtailedGpuSec;
        uint24 periodSec;
        uint24 cutSec;
        bool isRenewed;
        uint16 renewalRentBps;
        uint256 indexWad;
        uint16 participationBps;
        uint128 floorAssets;
        uint8 metric;
        uint32 targetUnits;
        uint16 sharedBps;
        uint16 maxBps;
        uint128 kWhRateAssets;
        uint64 itEnergyWh;
        uint64 facilityEnergyWh;
    }

    function testFuzz_M03_everyRoundingIsAgainstThePayee(Sample memory sample) external pure {
        (ILeases.Terms memory terms, ITelemetry.Meter memory from, ITelemetry.Meter memory to) = _inputs(sample);
        ILeases.Statement memory s = Invoice.compute(terms, from, to, _span(sample));
        uint256 rentAssets = s.baseAssets + s.meteredAssets;
        assert(s.dueAssets + s.slaCreditAssets + s.excessCreditAssets == rentAssets + s.bonusAssets);
        assert(s.availabilityBps <= BPS);

        uint256 wholeGpuSec = uint256(to.gpuCount) * s.periodSec;
        if (to.gpuCount == 0) {
            assert(s.availabilityBps == 0);
        } else if (to.curtailedGpuSec >= wholeGpuSec) {
            assert(s.availabilityBps == BPS);
        } else {
            uint256 requiredGpuSec = wholeGpuSec - to.curtailedGpuSec;
            assert(s.availabilityBps * requiredGpuSec <= to.availableGpuSec * BPS);
            assert(s.availabilityBps == BPS || (s.availabilityBps + 1) * requiredGpuSec > to.availableGpuSec * BPS);
        }

        uint256 creditBps = _creditBps(terms.sla, s.availabilityBps);
        assert(s.slaCreditAssets * BPS >= rentAssets * creditBps);
        assert(s.slaCreditAssets == 0 || (s.slaCreditAssets - 1) * BPS < rentAssets * creditBps);

        uint256 partBps = sample.isRenewed ? sample.renewalRentBps : BPS;
        if (terms.pricing == ILeases.Pricing.TakeOrPay) {
            assert(s.meteredAssets == 0);
            assert(s.baseAssets * BPS * s.wholeSec <= sample.rentAssets * partBps * s.periodSec);
            // Two roundings: less than one unit each.
            assert((s.baseAssets + 2) * BPS * s.wholeSec > sample.rentAssets * partBps * s.periodSec);
        } else {
            assert(s.baseAssets == 0);
            assert(s.meteredAssets * 3600 <= uint256(to.allocatedGpuSec) * s.rateAssets);
            assert((s.meteredAssets + 1) * 3600 > uint256(to.allocatedGpuSec) * s.rateAssets);
        }
    }

    function testFuzz_aLinkedRateIsBetweenFloorAndCapAndRisesWithTheIndex(
        Sample memory sample,
        uint256 moreWad
    ) external pure {
        sample.pricing = 2;
        sample.isRenewed = false;
        (ILeases.Terms memory terms, ITelemetry.Meter memory from, ITelemetry.Meter memory to) = _inputs(sample);
        uint256 rateAssets = Invoice.compute(terms, from, to, _span(sample)).rateAssets;
        assert(rateAssets >= terms.index.floorAssets && rateAssets <= terms.index.capAssets);
        if (sample.indexWad < type(uint128).max) {
            uint256 linkedAssets = (sample.indexWad * sample.participationBps) / 1e16;
            bool isBetween = linkedAssets >= terms.index.floorAssets && linkedAssets <= terms.index.capAssets;
            assert(!isBetween || rateAssets == linkedAssets);
        }
        sample.indexWad = sample.indexWad / 2 + moreWad / 2 > sample.indexWad ? moreWad : sample.indexWad;
        assert(Invoice.compute(terms, from, to, _span(sample)).rateAssets >= rateAssets);
    }

    function testFuzz_M03_theEfficiencyClauseIsRoundedAgainstThePayeeAndLimited(Sample memory sample) external pure {
        sample.metric = 1 + (sample.metric % 2);
        (ILeases.Terms memory terms, ITelemetry.Meter memory from, ITelemetry.Meter memory to) = _inputs(sample);
        ILeases.Statement memory s = Invoice.compute(terms, from, to, _span(sample));
        uint256 rentAssets = s.baseAssets + s.meteredAssets;
        bool isPue = terms.efficiency.metric == ILeases.EfficiencyMetric.Pue;
        uint256 allowedWh =
            isPue
                ? (uint256(to.itEnergyWh) * sample.targetUnits) / BPS
                : (uint256(to.allocatedGpuSec) * sample.targetUnits) / 3600;
        uint256 usedWh = isPue ? to.facilityEnergyWh : to.itEnergyWh;
        assert(s.bonusAssets == 0 || s.excessCreditAssets == 0);
        assert(s.bonusAssets * BPS <= rentAssets * sample.maxBps);
        assert(s.excessCreditAssets * BPS <= rentAssets * sample.maxBps);
        uint256 priceAssets = uint256(sample.kWhRateAssets) * sample.sharedBps;
        if (allowedWh >= usedWh) {
            assert(s.excessCreditAssets == 0 && s.bonusAssets * 1e7 <= (allowedWh - usedWh) * priceAssets);
        } else {
            bool isWhole = s.excessCreditAssets * 1e7 >= (usedWh - allowedWh) * priceAssets;
            bool isLimited = s.excessCreditAssets == (rentAssets * sample.maxBps) / BPS;
            assert(s.bonusAssets == 0 && (isWhole || isLimited || s.dueAssets == 0));
        }
    }

    function testFuzz_moreDeliveredNeverCostsThePayee(Sample memory sample, uint64 moreGpuSec) external pure {
        (ILeases.Terms memory terms, ITelemetry.Meter memory from, ITelemetry.Meter memory to) = _inputs(sample);
        uint256 lessAssets = Invoice.compute(terms, from, to, _span(sample)).dueAssets;
        to.availableGpuSec += moreGpuSec % (type(uint64).max - to.availableGpuSec);
        assert(Invoice.compute(terms, from, to, _span(sample)).dueAssets >= lessAssets);
    }

    function testFuzz_M03_partsAreNeverMoreThanTheWhole(Sample memory sample, uint64 split) external pure {
        sample.pricing = 1;
        (ILeases.Terms memory terms, ITelemetry.Meter memory from, ITelemetry.Meter memory to) = _inputs(sample);
        ITelemetry.Meter memory middle;
        middle.allocatedGpuSec = uint64(split % (uint256(to.allocatedGpuSec) + 1));
        middle.itEnergyWh = to.itEnergyWh;
        middle.facilityEnergyWh = to.facilityEnergyWh;
        Invoice.Span memory span = _span(sample);
        uint256 parts =
            Invoice.compute(terms, from, middle, span).meteredAssets +
                Invoice.compute(terms, middle, to, span).meteredAssets;
        uint256 whole = Invoice.compute(terms, from, to, span).meteredAssets;
        assert(parts <= whole && whole <= parts + 1);
    }

    function testFuzz_M33_aPeriodOfWhichAllWasLetIsWholeAndTwoPartsAreNeverMore(Sample memory sample) external pure {
        sample.pricing = 0;
        (ILeases.Terms memory terms, ITelemetry.Meter memory from, ITelemetry.Meter memory to) = _inputs(sample);
        Invoice.Span memory span = _span(sample);
        uint256 partAssets = Invoice.compute(terms, from, to, span).baseAssets;
        span.periodSec = span.wholeSec - span.periodSec;
        uint256 restAssets = Invoice.compute(terms, from, to, span).baseAssets;
        span.periodSec = span.wholeSec;
        uint256 wholeAssets = Invoice.compute(terms, from, to, span).baseAssets;
        assert(wholeAssets == (uint256(sample.rentAssets) * (sample.isRenewed ? sample.renewalRentBps : BPS)) / BPS);
        assert(partAssets + restAssets <= wholeAssets && wholeAssets <= partAssets + restAssets + 1);
    }

    function testFuzz_M33_periodsBegunAreThoseThatStartBefore(uint32 startDay, uint32 lengthSec) external pure {
        uint256 startAt = uint256(startDay % 40_000) * DAY_SEC;
        uint256 endAt = startAt + lengthSec;
        uint256 count = Invoice.begunCount(startAt, endAt);
        assert(addMonths(startAt, count) >= endAt);
        assert(count == 0 ? endAt == startAt : addMonths(startAt, count - 1) < endAt);
        assert(Invoice.begunCount(startAt + lengthSec, startAt) == 0);
    }

    function testFuzz_M33_anHourEndsAfterEveryTimeInIt(uint64 timeAt) external pure {
        uint256 endAt = Invoice.hourEndAt(timeAt);
        assert(endAt % 3600 == 0 && endAt > timeAt && endAt <= uint256(timeAt) + 3600);
    }

    function testFuzz_M03_lateFeesInPartsAreNeverMoreThanAtOnce(
        uint128 leftAssets,
        uint16 feeBps,
        uint32 firstSec,
        uint32 thenSec
    ) external pure {
        uint256 parts =
            Invoice.lateFeeAssets(leftAssets, feeBps, firstSec) + Invoice.lateFeeAssets(leftAssets, feeBps, thenSec);
        uint256 whole = Invoice.lateFeeAssets(leftAssets, feeBps, uint256(firstSec) + thenSec);
        assert(parts <= whole && whole <= parts + 1);
        assert(whole * BPS * 360 days <= uint256(leftAssets) * feeBps * (uint256(firstSec) + thenSec));
    }

    function _span(Sample memory sample) private pure returns (Invoice.Span memory span) {
        span.wholeSec = uint256(sample.periodSec) + 1;
        span.periodSec = span.wholeSec - (sample.cutSec % span.wholeSec);
        span.isRenewed = sample.isRenewed;
        span.indexWad = sample.indexWad;
        span.oneAssets = 1e6;
    }

    /// @dev A valid table, and a delivery near what is required, so that every step is reached often.
    function _inputs(
        Sample memory sample
    ) private pure returns (ILeases.Terms memory terms, ITelemetry.Meter memory from, ITelemetry.Meter memory to) {
        from.gpuCount = 1; // it is the later count that matters
        terms.pricing = ILeases.Pricing(sample.pricing % 3);
        (terms.baseRentAssets, terms.gpuHourRateAssets) = (sample.rentAssets, sample.rentAssets);
        terms.index.participationBps = sample.participationBps;
        terms.index.floorAssets = sample.floorAssets;
        terms.index.capAssets = sample.floorAssets + uint256(sample.rentAssets);
        terms.exit.renewalRentBps = sample.renewalRentBps;
        (sample.sharedBps, sample.maxBps) = (sample.sharedBps % 10_001, sample.maxBps % 10_001);
        terms.efficiency = ILeases.EfficiencyClause(
            ILeases.EfficiencyMetric(sample.metric % 3),
            sample.targetUnits,
            sample.sharedBps,
            sample.maxBps,
            sample.kWhRateAssets
        );
        terms.sla = new ILeases.SlaStep[](2);
        uint16 upperBps = 1 + (sample.upperBps % uint16(BPS));
        terms.sla[0] = ILeases.SlaStep(upperBps, 1 + (sample.creditBps % uint16(BPS - 1)));
        uint16 creditBps = terms.sla[0].creditBps;
        terms.sla[1] = ILeases.SlaStep(
            sample.lowerBps % upperBps,
            creditBps + 1 + (sample.moreCreditBps % (uint16(BPS) - creditBps))
        );
        to.gpuCount = sample.gpuCount;
        uint256 wholeGpuSec = uint256(sample.gpuCount) * sample.periodSec + 1;
        to.availableGpuSec = uint64(sample.availableGpuSec % (wholeGpuSec + wholeGpuSec / 8));
        to.allocatedGpuSec = uint64(sample.allocatedGpuSec % (uint256(to.availableGpuSec) + 1));
        to.curtailedGpuSec = uint64(sample.curtailedGpuSec % (wholeGpuSec + wholeGpuSec / 8));
        (to.itEnergyWh, to.facilityEnergyWh) = (sample.itEnergyWh, sample.facilityEnergyWh);
    }

    function _creditBps(ILeases.SlaStep[] memory sla, uint256 availabilityBps) private pure returns (uint256) {
        if (availabilityBps < sla[1].availabilityBps) return sla[1].creditBps;
        return availabilityBps < sla[0].availabilityBps ? sla[0].creditBps : 0;
    }
}
