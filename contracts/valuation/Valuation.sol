// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {DAY_SEC} from "../calendar.sol";
import {IAppraisal} from "../facility/IAppraisal.sol";
import {IClassToken, IFacility, State} from "../facility/IFacility.sol";
import {ILeases} from "../lease/ILeases.sol";
import {IRegistry} from "../registry/IRegistry.sol";
import {ITelemetry} from "../telemetry/ITelemetry.sol";
import {BPS, EPOCH_SEC, LeaseId, LotId, mulDivDown, mulDivUp, WAD} from "../units.sol";
import {ComputeIndex} from "./ComputeIndex.sol";
import {ClassValue, IValuation} from "./IValuation.sol";
import {AGES, BUCKETS, Curve, EVIDENCE_CLASSES, Inputs, InputSet, Rating} from "./Inputs.sol";
import {Hardware, Leased, LotValue, Rents} from "./LotValue.sol";

/// @title What a facility and its classes are worth, and since when that is known. The rules are docs/capital.md §1.
///
/// Two figures
/// - Exit, for who leaves or borrows, has every haircut; entry, for who comes, has none. Exit ≤ entry, always.
/// - Everything rounds down.
///
/// The value of a facility
/// - cash in its ledger + receivables, both read live, + its lots as last appraised.
/// - A lot is worth its hardware: cost × residual curve × index, at most its cost. One whose lessee was rated is worth
///   the rent that the lessee cannot walk away from, and the hardware after it; on exit at most its cost. A rent that
///   does not count so can lower a lot's exit figure, never raise it. A lot that its lessee bought is worth nothing:
///   its price is in the cash. Entry counts whatever rent may have accrued before the value expires.
/// - On exit unpaid rent counts up to what rated lessees owed when appraised. What is invoiced after an appraisal is
///   taken off the contracted rent in it, and may count as unpaid rent instead: nothing counts twice.
/// - A class is worth what the facility's enforcement list would give it of that.
///
/// Age
/// - Every value carries `computedAt`; it is stale `maxAgeSec` later. An input that lives longer than that (a curve, a
///   rating, an index day) counts as dated so that both expire together: computedAt = min(block time, newest telemetry,
///   input's date + its max age − maxAgeSec). So a value is stale as soon as one of its inputs is, and nothing is
///   carried forward.
/// - An appraisal is void, as if never made, once a lot was pledged, released or bought, an input was set, a newer day
///   of the index fixed, a payment date run, or a lease of the facility declared in default.
/// - A value that jumped is held: it may be acted on `holdSec` later. It is never clamped.
/// - Whoever acts on a value reads `classPriceWad`, which reverts when stale or held, or asks `isUsable`.
///
/// Meters
/// - `coverageBps` and `pueE4` read recorded Final meters at the boundaries of hours, and nothing else. An hour before
///   a lot's first report counts as one in which none of its GPUs reported.
///
/// Liveness
/// - `appraise` is open to anyone, who supplies every pledged lot in ascending order; one missing, twice or foreign is
///   refused. All lots go into one call, so a block's gas bounds how many a facility can have.
///
/// Roles
/// - The AccessManager's roles set curves, haircuts, rates and ratings, within the ranges that are checked here. They
///   can make values wrong, and move no money. Until they are set, haircuts and rates are at their worst.
contract Valuation is IAppraisal, IValuation, AccessManaged {
    using InputSet for Inputs;
    using SafeCast for uint256;

    // Types

    /// What a value may be acted on by, for good.
    struct Limits {
        uint32 maxAgeSec; // after `computedAt`
        uint16 maxMoveBps; // a greater move of the lots' value per cost from one appraisal to the next is a jump …
        uint32 holdSec; // … and holds the value for so long
    }

    struct Appraisal {
        uint128 exitAssets; // of the lots
        uint128 entryAssets;
        uint128 hardwareAssets; // exit of the lots as if none were let
        uint128 contractedAssets; // rent in the exit figure
        uint128 owedAssets; // by counted lessees
        uint128 invoicedAssets; // to the facility since its start
        uint128 soldAssets; // to the facility since its start, for lots that lessees bought
        uint128 exitPerCostWad;
        bool hasLots;
        uint64 computedAt;
        uint64 heldUntilAt;
        uint64 changeCount; // when it was made: what voids it counts on
    }

    /// A lot as it is appraised, or the sum of lots.
    struct Worth {
        uint256 costAssets;
        uint256 exitAssets;
        uint256 entryAssets;
        uint256 hardwareAssets;
        uint256 contractedAssets;
        uint256 owedAssets;
        uint256 knownAt; // of the oldest input
    }

    // Immutables

    uint256 private constant INDEX_AGE_SEC = 5 days;
    uint256 private constant INDEX_RANGE_LEAST = 10; // a tenth of the reference …
    uint256 private constant INDEX_RANGE_MOST = 2; // … to twice
    uint256 private constant COVERAGE_DAYS = 7;
    uint256 private constant MAX_PRICE_WAD = type(uint96).max;
    uint256 private constant ACCRUED_PARTS = 12;
    LeaseId private constant NONE = LeaseId.wrap(0);

    IRegistry public immutable registry;
    ITelemetry public immutable telemetry;
    ILeases public immutable leases;
    ComputeIndex public immutable index;
    /// @notice How long after `computedAt` a value may be acted on.
    uint32 public immutable maxAgeSec;
    /// @notice By how much the exit value of a facility's lots, per cost, may move from one appraisal to the next.
    uint16 public immutable maxMoveBps;
    /// @notice How long a value that moved by more is held.
    uint32 public immutable holdSec;

    // Storage

    Inputs private _inputs;
    mapping(address facility => Appraisal) private _appraisals;

    event Appraised(address indexed facility, Appraisal appraisal);
    /// From `fromWad` to `toWad` exit value per cost.
    event Held(address indexed facility, uint256 fromWad, uint256 toWad, uint64 heldUntilAt);

    /// No age, no move or no hold.
    error Valuation_BadLimits(uint32 maxAgeSec, uint16 maxMoveBps, uint32 holdSec);
    /// The index fixed no rate of that day.
    error Valuation_NoReference(bytes32 modelId, uint64 dayAt);
    /// A curve that would expire before a value.
    error Valuation_ShortLived(bytes32 modelId, uint32 curveMaxAgeSec, uint32 maxAgeSec);
    error Valuation_NoCurve(bytes32 modelId);
    /// The index is beyond what a curve may be scaled by.
    error Valuation_IndexOutOfRange(bytes32 modelId, uint256 rateWad, uint256 referenceWad);
    error Valuation_WrongLotCount(address facility, uint256 suppliedCount, uint256 pledgedCount);
    error Valuation_LotsUnsorted(address facility, LotId lotId);
    error Valuation_NotPledged(address facility, LotId lotId);
    error Valuation_UnknownClass(address facility, uint256 classIndex, uint256 classCount);
    error Valuation_NoClass(address classToken, address facility);
    error Valuation_Stale(address facility, uint64 computedAt, uint32 maxAgeSec, uint256 nowAt);
    error Valuation_Held(address facility, uint64 heldUntilAt, uint256 nowAt);
    /// Less than one whole share exists: dust would carry the price of a whole class.
    error Valuation_TooFewShares(address facility, uint256 classIndex, uint256 shares);
    /// Zero, or more than 2^96 / 1e18 whole assets per whole share.
    error Valuation_BadPrice(address facility, uint256 classIndex, uint256 priceWad);

    error Valuation_NotMidnight(uint64 dayAt);
    error Valuation_NoEnergy(uint64 fromAt, uint64 untilAt);

    /// @param authority the AccessManager
    constructor(
        address authority,
        IRegistry registry_,
        ITelemetry telemetry_,
        ILeases leases_,
        ComputeIndex index_,
        Limits memory limits
    ) AccessManaged(authority) {
        require(
            limits.maxAgeSec > 0 && limits.maxMoveBps > 0 && limits.holdSec > 0,
            Valuation_BadLimits(limits.maxAgeSec, limits.maxMoveBps, limits.holdSec)
        );
        (registry, telemetry, leases, index) = (registry_, telemetry_, leases_, index_);
        (maxAgeSec, maxMoveBps, holdSec) = (limits.maxAgeSec, limits.maxMoveBps, limits.holdSec);
        _inputs.start();
    }

    // Admin. Each verb voids every appraisal.

    /// @notice Sets a model's residual curve as it was on `asOfAt`.
    /// @param curveMaxAgeSec how long after `asOfAt` it may be used; not less than the valuation's own max age
    /// @param referenceDayAt the day whose index rate it is for, midnight UTC; 0 where it goes with no index
    /// @param residualBps parts of cost at the end of year 0, 1, …: never rising, at most 100 %
    function setCurve(
        bytes32 modelId,
        uint64 asOfAt,
        uint32 curveMaxAgeSec,
        uint64 referenceDayAt,
        uint16[] calldata residualBps
    ) external restricted {
        uint256 referenceWad = referenceDayAt == 0 ? 0 : index.rateWad(modelId, referenceDayAt);
        require(referenceDayAt == 0 || referenceWad > 0, Valuation_NoReference(modelId, referenceDayAt));
        require(curveMaxAgeSec >= maxAgeSec, Valuation_ShortLived(modelId, curveMaxAgeSec, maxAgeSec));
        _inputs.setCurve(modelId, Curve(asOfAt, curveMaxAgeSec, referenceWad.toUint128(), residualBps));
    }

    /// @notice Sets what is taken off hardware by evidence class, and off unpaid rent by age.
    /// @param evidenceBps of evidence class 0 to 4, never rising
    /// @param receivablesBps of the ages of `ILeases.ageing`, never falling, the last 100 %
    function setHaircuts(
        uint16[EVIDENCE_CLASSES] calldata evidenceBps,
        uint16[AGES] calldata receivablesBps
    ) external restricted {
        _inputs.setHaircuts(evidenceBps, receivablesBps);
    }

    /// @notice Sets what contracted rent is discounted with, a year.
    /// @param spreadBps_ by the lessee's bucket, never falling
    function setDiscount(uint16 rateBps, uint16[BUCKETS] calldata spreadBps_) external restricted {
        _inputs.setDiscount(rateBps, spreadBps_);
    }

    /// @notice Rates a lessee as it was on `rating.asOfAt`; a max age of 0 takes its rating away.
    function rate(address lessee, Rating calldata rating) external restricted {
        _inputs.rate(lessee, rating);
    }

    // Appraisal

    /// @notice Values the lots of a facility and dates the result; anyone may.
    /// @param lotIds every lot pledged to the facility, ascending
    /// @dev Errors: Valuation_WrongLotCount, _LotsUnsorted, _NotPledged, _NoCurve, _IndexOutOfRange.
    function appraise(address facility, LotId[] calldata lotIds) external {
        uint256 lotCount = IFacility(facility).lotCount();
        require(lotIds.length == lotCount, Valuation_WrongLotCount(facility, lotIds.length, lotCount));
        address asset = IFacility(facility).asset();
        Worth memory sum;
        sum.knownAt = block.timestamp;
        // Of a facility without lots telemetry tells nothing: money in a raise has a value before the first report.
        if (lotCount > 0) sum.knownAt = Math.min(sum.knownAt, telemetry.reportedUntilAt());
        for (uint256 i; i < lotCount; ++i) {
            LotId lotId = lotIds[i];
            require(
                i == 0 || LotId.unwrap(lotIds[i - 1]) < LotId.unwrap(lotId),
                Valuation_LotsUnsorted(facility, lotId)
            );
            require(IFacility(facility).isPledged(lotId), Valuation_NotPledged(facility, lotId));
            _add(sum, _appraiseLot(facility, asset, lotId));
        }

        Appraisal storage last = _appraisals[facility];
        uint256 perCostWad = sum.costAssets == 0 ? 0 : mulDivDown(sum.exitAssets, WAD, sum.costAssets);
        uint64 heldUntilAt = _holdOf(facility, last, sum.costAssets, perCostWad);
        _appraisals[facility] = Appraisal({
            exitAssets: sum.exitAssets.toUint128(),
            entryAssets: sum.entryAssets.toUint128(),
            hardwareAssets: sum.hardwareAssets.toUint128(),
            contractedAssets: sum.contractedAssets.toUint128(),
            owedAssets: sum.owedAssets.toUint128(),
            invoicedAssets: _invoicedAssets(facility, asset).toUint128(),
            soldAssets: leases.soldAssets(facility, asset).toUint128(),
            exitPerCostWad: perCostWad.toUint128(),
            hasLots: sum.costAssets > 0,
            computedAt: uint64(sum.knownAt),
            heldUntilAt: heldUntilAt,
            changeCount: _changeCount(facility, asset)
        });
        emit Appraised(facility, _appraisals[facility]);
    }

    // Views

    /// @notice How often an input was set; an appraisal made before the last time is void.
    function inputCount() external view returns (uint32) {
        return _inputs.setCount;
    }

    /// @notice What rent is discounted with beside the spread, a year.
    function baseRateBps() external view returns (uint16) {
        return _inputs.baseRateBps;
    }

    /// @notice The curve of a model; no points when none was set.
    function curve(bytes32 modelId) external view returns (Curve memory) {
        return _inputs.curves[modelId];
    }

    /// @notice What is taken off hardware of an evidence class, 0 to 4.
    function evidenceHaircutBps(uint256 classIndex) external view returns (uint16) {
        return _inputs.evidenceHaircutBps[classIndex];
    }

    /// @notice What is taken off unpaid rent of an age, 0 to 4.
    function receivablesHaircutBps(uint256 ageIndex) external view returns (uint16) {
        return _inputs.receivablesHaircutBps[ageIndex];
    }

    /// @notice What rent of a lessee of a bucket, 0 to 7, is discounted with beside the base rate, a year.
    function spreadBps(uint256 bucketIndex) external view returns (uint16) {
        return _inputs.spreadBps[bucketIndex];
    }

    /// @notice The last rating of a lessee; expired after its max age.
    function ratingOf(address lessee) external view returns (Rating memory) {
        return _inputs.ratings[lessee];
    }

    /// @notice The last appraisal of a facility's lots, void or not.
    function appraisal(address facility) external view returns (Appraisal memory) {
        return _appraisals[facility];
    }

    /// @notice All that a facility has, and when that may be acted on. To look at.
    function facilityValue(address facility) public view returns (ClassValue memory value) {
        Appraisal memory last = _appraisals[facility];
        address asset = IFacility(facility).asset();
        (uint256 exitAssets, uint256 entryAssets, uint256 movedAssets) = _receivables(facility, asset, last);
        uint256 cashAssets = IFacility(facility).cashAssets();
        bool isVoid =
            last.changeCount != _changeCount(facility, asset) || last.soldAssets != leases.soldAssets(facility, asset);
        return
            ClassValue(
                cashAssets + exitAssets + last.exitAssets - movedAssets,
                cashAssets + entryAssets + last.entryAssets,
                isVoid ? 0 : last.computedAt,
                maxAgeSec,
                last.heldUntilAt
            );
    }

    /// @inheritdoc IValuation
    function classValue(address facility, uint256 classIndex) external view returns (ClassValue memory value) {
        _requireClass(facility, classIndex);
        value = facilityValue(facility);
        value.exitAssets = IFacility(facility).enforcementAssets(value.exitAssets)[classIndex];
        value.entryAssets = IFacility(facility).enforcementAssets(value.entryAssets)[classIndex];
    }

    /// @inheritdoc IValuation
    /// @dev Errors: Valuation_UnknownClass, _Stale, _Held, _TooFewShares, _BadPrice.
    function classPriceWad(address facility, uint256 classIndex) external view returns (uint256 priceWad) {
        uint64 computedAt;
        (priceWad, computedAt) = latestPriceWad(facility, classIndex);
        require(
            block.timestamp <= uint256(computedAt) + maxAgeSec,
            Valuation_Stale(facility, computedAt, maxAgeSec, block.timestamp)
        );
    }

    /// @notice The same of whatever age, with the time of its oldest input. Reverts where there is none, or it is held.
    function latestPriceWad(
        address facility,
        uint256 classIndex
    ) public view returns (uint256 priceWad, uint64 computedAt) {
        _requireClass(facility, classIndex);
        ClassValue memory value = facilityValue(facility);
        computedAt = value.computedAt;
        require(computedAt > 0, Valuation_Stale(facility, 0, maxAgeSec, block.timestamp));
        require(block.timestamp >= value.heldUntilAt, Valuation_Held(facility, value.heldUntilAt, block.timestamp));
        IERC20Metadata token = IERC20Metadata(IFacility(facility).classToken(classIndex));
        uint256 oneShares = 10 ** token.decimals();
        uint256 oneAssets = 10 ** IERC20Metadata(IFacility(facility).asset()).decimals();
        uint256 shares = token.totalSupply();
        require(shares >= oneShares, Valuation_TooFewShares(facility, classIndex, shares));
        uint256 exitAssets = IFacility(facility).enforcementAssets(value.exitAssets)[classIndex];
        priceWad = mulDivDown(exitAssets, WAD * oneShares, shares * oneAssets);
        require(priceWad > 0 && priceWad <= MAX_PRICE_WAD, Valuation_BadPrice(facility, classIndex, priceWad));
    }

    /// @inheritdoc IValuation
    function accruedAssets(address classToken, uint256 shares) external view returns (uint256) {
        IFacility facility = IFacility(IClassToken(classToken).facility());
        uint256 classCount = facility.classCount();
        uint256 classIndex = 0;
        while (classIndex < classCount && facility.classToken(classIndex) != classToken) ++classIndex;
        require(classIndex < classCount, Valuation_NoClass(classToken, address(facility)));
        State state = facility.state();
        bool isFlat =
            classIndex == classCount - 1 ||
                state < State.Funding ||
                state > State.CashTrap ||
                facility.missedAt(classIndex) > 0;
        if (isFlat) return 0;
        return mulDivDown(facility.accruedAssets(classIndex), shares, IERC20Metadata(classToken).totalSupply());
    }

    /// @inheritdoc IAppraisal
    /// @dev The exit figures; a held value is told as never known, so that nobody acts on it.
    function valueOf(
        address facility
    ) external view returns (uint256 valueAssets, uint256 hardwareAssets, uint64 computedAt, uint32 ageSec) {
        ClassValue memory value = facilityValue(facility);
        return (
            value.exitAssets,
            _appraisals[facility].hardwareAssets,
            block.timestamp < value.heldUntilAt ? 0 : value.computedAt,
            value.maxAgeSec
        );
    }

    /// @inheritdoc IAppraisal
    /// @dev Errors: Valuation_NotMidnight, Registry_UnknownLot, Telemetry_NotRecorded.
    function coverageBps(LotId lotId, uint64 dayAt) external view returns (uint16 coverageBps_) {
        require(dayAt % DAY_SEC == 0, Valuation_NotMidnight(dayAt));
        uint256 reportingCount = 0;
        for (uint256 i = 0; i < COVERAGE_DAYS; ++i) {
            reportingCount += _meterAt(lotId, dayAt - i * DAY_SEC).reportingCount;
        }
        // No meter counts more GPUs than the lot has, so this is at most 10,000.
        return uint16((reportingCount * BPS) / (registry.lot(lotId).gpuCount * COVERAGE_DAYS));
    }

    /// @inheritdoc IAppraisal
    /// @dev Errors: Valuation_NoEnergy, Telemetry_NotRecorded.
    function pueE4(LotId[] calldata lotIds, uint64 fromAt, uint64 untilAt) external view returns (uint256) {
        uint256 facilityWh = 0;
        uint256 itWh = 0;
        for (uint256 i = 0; i < lotIds.length; ++i) {
            ITelemetry.Meter memory start = _meterAt(lotIds[i], fromAt);
            ITelemetry.Meter memory end = _meterAt(lotIds[i], untilAt);
            facilityWh += end.facilityEnergyWh - start.facilityEnergyWh;
            itWh += end.itEnergyWh - start.itEnergyWh;
        }
        require(itWh > 0, Valuation_NoEnergy(fromAt, untilAt));
        return mulDivUp(facilityWh, 1e4, itWh);
    }

    // Internal: a lot

    function _appraiseLot(address facility, address asset, LotId lotId) private view returns (Worth memory worth) {
        IRegistry.Lot memory lot = registry.lot(lotId);
        Curve memory points = _inputs.curves[lot.modelId];
        require(points.residualBps.length > 0, Valuation_NoCurve(lot.modelId));
        worth.knownAt = _datedAt(points.asOfAt, points.maxAgeSec);
        Hardware memory hardware = Hardware(
            lot.costAssets,
            lot.commissionedAt,
            points.residualBps,
            _indexFactorWad(lot.modelId, points.referenceWad, worth),
            _inputs.evidenceHaircutBps[registry.evidenceClass(lotId)]
        );
        worth.costAssets = lot.costAssets;
        uint256 hardwareAssets = LotValue.hardwareAssets(hardware, block.timestamp);
        worth.entryAssets = hardwareAssets;
        worth.exitAssets = LotValue.cut(hardwareAssets, hardware.haircutBps);
        worth.hardwareAssets = worth.exitAssets;
        LeaseId leaseId = leases.leaseOf(lotId);
        if (leaseId == NONE) return worth;

        (ILeases.Terms memory terms, ILeases.Status memory status) = leases.lease(leaseId);
        if (status.purchaser != address(0)) {
            (worth.exitAssets, worth.entryAssets, worth.hardwareAssets) = (0, 0, 0);
        } else if (status.payee != facility || terms.asset != asset) {
            worth.exitAssets = 0; // the lot earns for somebody else
        } else if (!status.isInDefault) {
            _appraiseLet(worth, hardware, leaseId, terms, status);
            uint256 accrued = LotValue.accruedAssets(terms, status, lot.gpuCount, block.timestamp + maxAgeSec);
            // At most a twelfth of the cost: a rent that is signed for show must not price newcomers out.
            accrued = Math.min(accrued, worth.costAssets / ACCRUED_PARTS);
            worth.entryAssets = Math.max(worth.entryAssets, hardwareAssets + accrued);
        }
    }

    /// @dev A lot under a lease that stands and pays the facility.
    function _appraiseLet(
        Worth memory worth,
        Hardware memory hardware,
        LeaseId leaseId,
        ILeases.Terms memory terms,
        ILeases.Status memory status
    ) private view {
        if (terms.pricing != ILeases.Pricing.TakeOrPay) {
            if (terms.exit.purchaseAssets == 0) return;
            uint256 leastAssets = Math.min(worth.entryAssets, terms.exit.purchaseAssets);
            worth.exitAssets = LotValue.cut(leastAssets, hardware.haircutBps);
            return;
        }
        Rents memory rents = LotValue.rentsOf(terms, status);
        uint256 endAssets = LotValue.hardwareAssets(hardware, Math.max(block.timestamp, rents.endAt));
        (bool isCounted, uint256 bucketIndex) = _creditOf(worth, leaseId, terms, status.payee);
        uint256 rateRay = LotValue.monthRateRay(_inputs.baseRateBps, _inputs.spreadBps[bucketIndex]);
        Leased memory leased = LotValue.leasedOf(rents, endAssets, rateRay);
        (uint256 wholeAssets, ) = LotValue.leasedAssets(leased, 0);
        if (isCounted) {
            (uint256 exitAssets, uint256 contractedAssets) = LotValue.leasedAssets(leased, hardware.haircutBps);
            // At most the cost: a lessee may sign a rent that it never pays.
            worth.exitAssets = Math.min(exitAssets, worth.costAssets);
            worth.contractedAssets = Math.min(contractedAssets, worth.costAssets);
            worth.entryAssets = Math.max(worth.entryAssets, wholeAssets);
            worth.owedAssets = status.owedAssets;
        } else {
            worth.exitAssets = LotValue.cut(Math.min(worth.entryAssets, wholeAssets), hardware.haircutBps);
        }
    }

    /// @dev Whether a lessee's rent counts, and the bucket it is discounted by; the date of the rating, where it does.
    function _creditOf(
        Worth memory worth,
        LeaseId leaseId,
        ILeases.Terms memory terms,
        address payee
    ) private view returns (bool isCounted, uint256 bucketIndex) {
        Rating memory rating = _inputs.ratings[terms.lessee];
        (, bool isRelated) = leases.revenueOf(leaseId, payee);
        bool isRated = rating.maxAgeSec > 0 && block.timestamp <= uint256(rating.asOfAt) + rating.maxAgeSec;
        if (terms.relatedParty || isRelated || !isRated) return (false, BUCKETS - 1);
        worth.knownAt = Math.min(worth.knownAt, _datedAt(rating.asOfAt, rating.maxAgeSec));
        return (true, Math.min(BUCKETS - 1, Math.max(rating.lesseeBucket, terms.lesseeBucket)));
    }

    /// @dev The newest index rate over the curve's reference, with its date; 1 where the curve has none.
    function _indexFactorWad(bytes32 modelId, uint256 referenceWad, Worth memory worth) private view returns (uint256) {
        if (referenceWad == 0) return WAD;
        (uint64 dayAt, uint256 rateWad) = index.newest(modelId);
        require(
            rateWad * INDEX_RANGE_LEAST >= referenceWad && rateWad <= referenceWad * INDEX_RANGE_MOST,
            Valuation_IndexOutOfRange(modelId, rateWad, referenceWad)
        );
        worth.knownAt = Math.min(worth.knownAt, _datedAt(dayAt + DAY_SEC, INDEX_AGE_SEC));
        return mulDivDown(rateWad, WAD, referenceWad);
    }

    /// @dev When an input counts as known, so that it expires with the value.
    function _datedAt(uint256 asOfAt, uint256 inputMaxAgeSec) private view returns (uint256) {
        return asOfAt + inputMaxAgeSec - maxAgeSec;
    }

    // Internal: a facility

    function _add(Worth memory sum, Worth memory worth) private pure {
        sum.costAssets += worth.costAssets;
        sum.exitAssets += worth.exitAssets;
        sum.entryAssets += worth.entryAssets;
        sum.hardwareAssets += worth.hardwareAssets;
        sum.contractedAssets += worth.contractedAssets;
        sum.owedAssets += worth.owedAssets;
        sum.knownAt = Math.min(sum.knownAt, worth.knownAt);
    }

    /// @dev Until when a new appraisal is held: it jumped from the one before, or that one is held still.
    function _holdOf(
        address facility,
        Appraisal storage last,
        uint256 costAssets,
        uint256 perCostWad
    ) private returns (uint64 heldUntilAt) {
        heldUntilAt = last.heldUntilAt;
        uint256 lastWad = last.exitPerCostWad;
        bool isComparable = costAssets > 0 && last.hasLots && block.timestamp <= uint256(last.computedAt) + maxAgeSec;
        uint256 moveWad = perCostWad > lastWad ? perCostWad - lastWad : lastWad - perCostWad;
        if (!isComparable || moveWad * BPS <= lastWad * maxMoveBps) return heldUntilAt;
        heldUntilAt = uint64(Math.max(heldUntilAt, block.timestamp + holdSec));
        emit Held(facility, lastWad, perCostWad, heldUntilAt);
    }

    /// @dev How often there was anything that voids an appraisal, but for a lot's sale: none of the five ever falls.
    function _changeCount(address facility, address asset) private view returns (uint64) {
        return
            uint64(
                _inputs.setCount +
                    index.newestCount() +
                    IFacility(facility).lotChangeCount() +
                    IFacility(facility).paymentCount() +
                    leases.defaultCount(facility, asset)
            );
    }

    /// @dev All that a facility was ever invoiced, and late fees that it was paid: what this grows by was contracted,
    /// metered or a fee before.
    function _invoicedAssets(address facility, address asset) private view returns (uint256 assets) {
        (assets, ) = leases.revenueAssets(facility, asset);
        assets += leases.receivableAssets(facility, asset);
    }

    /// @dev What rent that is invoiced or paid counts for, and what of the contracted rent became such since the
    /// appraisal.
    function _receivables(
        address facility,
        address asset,
        Appraisal memory last
    ) private view returns (uint256 exitAssets, uint256 entryAssets, uint256 movedAssets) {
        exitAssets = leases.collectableAssets(facility, asset);
        entryAssets = exitAssets;
        movedAssets = Math.min(last.contractedAssets, _invoicedAssets(facility, asset) - last.invoicedAssets);
        uint256[AGES] memory agesAssets = leases.ageing(facility, asset);
        uint256 cutAssets = 0;
        for (uint256 i; i < AGES; ++i) {
            entryAssets += agesAssets[i];
            cutAssets += LotValue.cut(agesAssets[i], _inputs.receivablesHaircutBps[i]);
        }
        exitAssets += Math.min(cutAssets, last.owedAssets + movedAssets);
    }

    function _requireClass(address facility, uint256 classIndex) private view {
        uint256 classCount = IFacility(facility).classCount();
        require(classIndex < classCount, Valuation_UnknownClass(facility, classIndex, classCount));
    }

    /// @dev The Final meter at the start of the hour that a time is in: that of the hour which ends there.
    function _meterAt(LotId lotId, uint256 timeAt) private view returns (ITelemetry.Meter memory) {
        return telemetry.meterAt(lotId, uint64(timeAt / EPOCH_SEC - 1));
    }
}
