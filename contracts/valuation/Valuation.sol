// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {DAY_SEC} from "../calendar.sol";
import {IAppraisal} from "../facility/IAppraisal.sol";
import {IFacility} from "../facility/IFacility.sol";
import {IRegistry} from "../registry/IRegistry.sol";
import {ITelemetry} from "../telemetry/ITelemetry.sol";
import {BPS, EPOCH_SEC, LotId, mulDivDown, mulDivUp, WAD} from "../units.sol";

/// @title What a facility and its classes are worth, and since when that is known.
///
/// The value of a facility
/// - cash in its ledger + receivables less a haircut, both read live, + its hardware as last appraised.
/// - A lot's hardware is its cost × the residual curve of its model at its age × (1 − the haircut of its evidence
///   class). No rent that is not yet invoiced counts.
/// - A class is worth what strict seniority would leave it: min(owed, what the classes above leave); the last class has
///   the rest. Everything rounds down.
///
/// Age
/// - Every value carries `computedAt`; it is stale `maxAgeSec` later. An input that lives longer than that (a curve)
///   counts as dated so that both expire together: computedAt = min(block time, newest telemetry, curve date + curve's
///   max age − maxAgeSec). So a value is stale as soon as one of its inputs is, and nothing is carried forward.
/// - An appraisal of another number of lots, or one made before a curve or haircut changed, counts as never made.
/// - Whoever acts on a price reads `classPriceWad`, which reverts when stale.
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
/// - The AccessManager's role sets curves and haircuts. It can make values wrong, and move no money.
contract Valuation is IAppraisal, AccessManaged {
    using SafeCast for uint256;

    /// A value never goes without its age.
    struct Value {
        uint256 valueAssets;
        uint64 computedAt;
        uint32 maxAgeSec;
    }

    /// What a model's hardware is worth, in parts of its cost, at the end of year 0, 1, … after commissioning: linear
    /// between two points, flat after the last.
    struct Curve {
        uint64 asOfAt;
        uint32 maxAgeSec;
        uint16[] residualBps;
    }

    struct Appraisal {
        uint128 hardwareAssets;
        uint64 computedAt;
        uint32 lotCount;
        uint32 inputCount; // of the inputs it was made with
    }

    uint256 private constant YEAR_SEC = 365 days;
    uint256 private constant EVIDENCE_CLASSES = 5;
    uint256 private constant COVERAGE_DAYS = 7;
    uint256 private constant MAX_PRICE_WAD = type(uint96).max;

    IRegistry public immutable registry;
    ITelemetry public immutable telemetry;
    /// @notice How long after `computedAt` a value may be acted on.
    uint32 public immutable maxAgeSec;

    // Storage

    /// @notice How often a curve or a haircut was set; an appraisal made before the last time is void.
    uint32 public inputCount;
    /// @notice What is taken off unpaid and uncollected rent.
    uint16 public receivablesHaircutBps;
    uint16[EVIDENCE_CLASSES] private _evidenceHaircutBps;
    mapping(bytes32 modelId => Curve) private _curves;
    mapping(address facility => Appraisal) private _appraisals;

    event CurveSet(bytes32 indexed modelId, uint64 asOfAt, uint32 maxAgeSec, uint16[] residualBps, uint32 inputCount);
    event HaircutsSet(uint16[EVIDENCE_CLASSES] evidenceBps, uint16 receivablesBps, uint32 inputCount);
    event Appraised(
        address indexed facility,
        uint128 hardwareAssets,
        uint64 computedAt,
        uint32 lotCount,
        uint32 inputCount
    );

    /// No points, more than 100 %, a rise with age, a date that has not come or is before the last one's, or an age
    /// limit below the valuation's own.
    error Valuation_BadCurve(bytes32 modelId, uint64 asOfAt, uint32 maxAgeSec);
    /// More than 100 %, or better evidence cut more.
    error Valuation_BadHaircut(uint16 haircutBps);
    error Valuation_NoCurve(bytes32 modelId);
    error Valuation_WrongLotCount(address facility, uint256 suppliedCount, uint256 pledgedCount);
    error Valuation_LotsUnsorted(address facility, LotId lotId);
    error Valuation_NotPledged(address facility, LotId lotId);
    error Valuation_UnknownClass(address facility, uint256 classIndex, uint256 classCount);
    error Valuation_Stale(address facility, uint64 computedAt, uint32 maxAgeSec, uint256 nowAt);
    /// Less than one whole share exists: dust would carry the price of a whole class.
    error Valuation_TooFewShares(address facility, uint256 classIndex, uint256 shares);
    /// Zero, or more than 2^96 / 1e18 whole assets per whole share.
    error Valuation_BadPrice(address facility, uint256 classIndex, uint256 priceWad);

    error Valuation_NotMidnight(uint64 dayAt);
    error Valuation_NoEnergy(uint64 fromAt, uint64 untilAt);

    /// @param authority the AccessManager
    /// @param maxAgeSec_ how long after `computedAt` a value may be acted on
    /// @param evidenceBps haircut on hardware of evidence class 0 to 4, never rising
    /// @param receivablesBps haircut on receivables
    constructor(
        address authority,
        IRegistry registry_,
        ITelemetry telemetry_,
        uint32 maxAgeSec_,
        uint16[EVIDENCE_CLASSES] memory evidenceBps,
        uint16 receivablesBps
    ) AccessManaged(authority) {
        registry = registry_;
        telemetry = telemetry_;
        maxAgeSec = maxAgeSec_;
        _setHaircuts(evidenceBps, receivablesBps);
    }

    // Admin

    /// @notice Sets a model's residual curve as it was on `asOfAt`. Voids every appraisal.
    /// @param curveMaxAgeSec how long after `asOfAt` it may be used; not less than the valuation's own max age
    /// @param residualBps parts of cost at the end of year 0, 1, …: never rising, at most 100 %
    function setCurve(
        bytes32 modelId,
        uint64 asOfAt,
        uint32 curveMaxAgeSec,
        uint16[] calldata residualBps
    ) external restricted {
        uint256 previousBps = BPS;
        bool sound =
            residualBps.length > 0 &&
                asOfAt <= block.timestamp &&
                asOfAt >= _curves[modelId].asOfAt &&
                curveMaxAgeSec >= maxAgeSec;
        for (uint256 i; i < residualBps.length; ++i) {
            sound = sound && residualBps[i] <= previousBps;
            previousBps = residualBps[i];
        }
        require(sound, Valuation_BadCurve(modelId, asOfAt, curveMaxAgeSec));

        _curves[modelId] = Curve(asOfAt, curveMaxAgeSec, residualBps);
        emit CurveSet(modelId, asOfAt, curveMaxAgeSec, residualBps, ++inputCount);
    }

    /// @notice Sets what is taken off hardware by evidence class, and off receivables. Voids every appraisal.
    function setHaircuts(uint16[EVIDENCE_CLASSES] memory evidenceBps, uint16 receivablesBps) external restricted {
        _setHaircuts(evidenceBps, receivablesBps);
    }

    // Appraisal

    /// @notice Values the hardware of a facility and dates the result; anyone may.
    /// @param lotIds every lot pledged to the facility, ascending
    function appraise(
        IFacility facility,
        LotId[] calldata lotIds
    ) external returns (uint256 hardwareAssets, uint64 computedAt) {
        uint256 lotCount = facility.lotCount();
        require(lotIds.length == lotCount, Valuation_WrongLotCount(address(facility), lotIds.length, lotCount));

        uint256 oldestAt = Math.min(block.timestamp, telemetry.reportedUntilAt());
        for (uint256 i; i < lotCount; ++i) {
            LotId lotId = lotIds[i];
            require(
                i == 0 || LotId.unwrap(lotIds[i - 1]) < LotId.unwrap(lotId),
                Valuation_LotsUnsorted(address(facility), lotId)
            );
            require(facility.isPledged(lotId), Valuation_NotPledged(address(facility), lotId));
            (uint256 lotAssets, uint256 knownAt) = _appraiseLot(lotId);
            hardwareAssets += lotAssets;
            oldestAt = Math.min(oldestAt, knownAt);
        }
        computedAt = uint64(oldestAt);

        uint128 storedAssets = hardwareAssets.toUint128();
        _appraisals[address(facility)] = Appraisal(storedAssets, computedAt, lotCount.toUint32(), inputCount);
        emit Appraised(address(facility), storedAssets, computedAt, lotCount.toUint32(), inputCount);
    }

    // Views

    /// @notice The curve of a model; no points when none was set.
    function curve(bytes32 modelId) external view returns (Curve memory) {
        return _curves[modelId];
    }

    /// @notice What is taken off hardware of an evidence class, 0 to 4.
    function evidenceHaircutBps(uint256 classIndex) external view returns (uint16) {
        return _evidenceHaircutBps[classIndex];
    }

    /// @notice The last appraisal of a facility's hardware.
    function appraisal(address facility) external view returns (Appraisal memory) {
        return _appraisals[facility];
    }

    /// @notice All that a facility has, and since when that is known (0: never). To look at; see `classPriceWad`.
    function facilityValue(IFacility facility) public view returns (Value memory) {
        Appraisal memory last = _appraisals[address(facility)];
        bool current = last.inputCount == inputCount && last.lotCount == facility.lotCount();
        uint256 receivableAssets = mulDivDown(facility.receivableAssets(), BPS - receivablesHaircutBps, BPS);
        return
            Value(
                facility.cashAssets() + receivableAssets + last.hardwareAssets,
                current ? last.computedAt : 0,
                maxAgeSec
            );
    }

    /// @notice What strict seniority would give a class now, with the age of the facility's value. To look at.
    function classValue(IFacility facility, uint256 classIndex) public view returns (Value memory value) {
        uint256 classCount = facility.classCount();
        require(classIndex < classCount, Valuation_UnknownClass(address(facility), classIndex, classCount));
        value = facilityValue(facility);
        uint256 leftAssets = value.valueAssets;
        for (uint256 i; i < classIndex; ++i) {
            leftAssets = Math.saturatingSub(leftAssets, facility.owedAssets(i));
        }
        bool residual = classIndex == classCount - 1;
        value.valueAssets = residual ? leftAssets : Math.min(leftAssets, facility.owedAssets(classIndex));
    }

    /// @notice Whole assets per whole share of a class, rounded down. Reverts with `Valuation_Stale` when too old,
    /// `Valuation_TooFewShares` or `Valuation_BadPrice` when there is no price to act on.
    function classPriceWad(IFacility facility, uint256 classIndex) external view returns (uint256 priceWad) {
        Value memory value = classValue(facility, classIndex);
        require(
            block.timestamp <= uint256(value.computedAt) + value.maxAgeSec,
            Valuation_Stale(address(facility), value.computedAt, value.maxAgeSec, block.timestamp)
        );
        IERC20Metadata token = IERC20Metadata(facility.classToken(classIndex));
        uint256 oneShares = 10 ** token.decimals();
        uint256 oneAssets = 10 ** IERC20Metadata(facility.asset()).decimals();
        uint256 shares = token.totalSupply();
        require(shares >= oneShares, Valuation_TooFewShares(address(facility), classIndex, shares));
        priceWad = mulDivDown(value.valueAssets, WAD * oneShares, shares * oneAssets);
        require(priceWad > 0 && priceWad <= MAX_PRICE_WAD, Valuation_BadPrice(address(facility), classIndex, priceWad));
    }

    /// @inheritdoc IAppraisal
    function valueOf(
        address facility
    ) external view returns (uint256 valueAssets, uint256 hardwareAssets, uint64 computedAt, uint32 ageSec) {
        Value memory value = facilityValue(IFacility(facility));
        return (value.valueAssets, _appraisals[facility].hardwareAssets, value.computedAt, value.maxAgeSec);
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

    // Internal

    /// @dev The Final meter at the start of the hour that a time is in: that of the hour which ends there.
    function _meterAt(LotId lotId, uint256 timeAt) private view returns (ITelemetry.Meter memory) {
        return telemetry.meterAt(lotId, uint64(timeAt / EPOCH_SEC - 1));
    }

    function _setHaircuts(uint16[EVIDENCE_CLASSES] memory evidenceBps, uint16 receivablesBps) private {
        require(receivablesBps <= BPS, Valuation_BadHaircut(receivablesBps));
        uint256 previousBps = BPS;
        for (uint256 i; i < EVIDENCE_CLASSES; ++i) {
            require(evidenceBps[i] <= previousBps, Valuation_BadHaircut(evidenceBps[i]));
            previousBps = evidenceBps[i];
        }
        _evidenceHaircutBps = evidenceBps;
        receivablesHaircutBps = receivablesBps;
        emit HaircutsSet(evidenceBps, receivablesBps, ++inputCount);
    }

    /// @dev A lot's value, and the time its curve counts as known at.
    function _appraiseLot(LotId lotId) private view returns (uint256 lotAssets, uint256 knownAt) {
        IRegistry.Lot memory lot = registry.lot(lotId);
        Curve storage points = _curves[lot.modelId];
        require(points.residualBps.length > 0, Valuation_NoCurve(lot.modelId));
        uint256 haircutBps = _evidenceHaircutBps[registry.evidenceClass(lotId)];
        uint256 ageSec = Math.saturatingSub(block.timestamp, lot.commissionedAt);
        lotAssets = mulDivDown(lot.costAssets, _residualWad(points.residualBps, ageSec), WAD);
        lotAssets = mulDivDown(lotAssets, BPS - haircutBps, BPS);
        knownAt = uint256(points.asOfAt) + points.maxAgeSec - maxAgeSec;
    }

    /// @dev The curve at an age: what is left of the cost.
    function _residualWad(uint16[] storage residualBps, uint256 ageSec) private view returns (uint256) {
        uint256 year = ageSec / YEAR_SEC;
        uint256 last = residualBps.length - 1;
        if (year >= last) return (uint256(residualBps[last]) * WAD) / BPS;
        uint256 fromBps = residualBps[year];
        uint256 fallBps = fromBps - residualBps[year + 1];
        // The fall rounds up, so that what is left rounds down.
        return (fromBps * WAD) / BPS - mulDivUp(fallBps * WAD, ageSec % YEAR_SEC, YEAR_SEC * BPS);
    }
}
