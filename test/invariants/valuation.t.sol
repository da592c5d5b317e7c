// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {ILeases} from "../../contracts/lease/ILeases.sol";
import {MockIndex} from "../../contracts/mocks/MockIndex.sol";
import {MockLetting} from "../../contracts/mocks/MockLetting.sol";
import {MockSeams} from "../../contracts/mocks/MockSeams.sol";
import {MockShare} from "../../contracts/mocks/MockShare.sol";
import {MockToken} from "../../contracts/mocks/MockToken.sol";
import {IRegistry} from "../../contracts/registry/IRegistry.sol";
import {BPS, LeaseId, LotId, SiteId} from "../../contracts/units.sol";
import {ComputeIndex} from "../../contracts/valuation/ComputeIndex.sol";
import {Rating} from "../../contracts/valuation/Inputs.sol";
import {ClassValue} from "../../contracts/valuation/IValuation.sol";
import {Hardware, Leased, LotValue, Rents} from "../../contracts/valuation/LotValue.sol";
import {Valuation} from "../../contracts/valuation/Valuation.sol";
import {vm} from "./Vm.sol";

/// @title Moves every input of a facility of three lots, and appraises; checks what is told after each step.
contract ValuationPlayer {
    uint256 private constant LOTS = 3;
    uint256 private constant CLASSES = 3;
    bytes32 private constant MODEL = "model";
    address private constant LESSEE = address(0x1E55EE);

    Valuation public immutable valuation;
    MockSeams public immutable seams;
    MockLetting public immutable letting = new MockLetting();
    MockIndex public immutable index = new MockIndex();
    MockToken public immutable asset = new MockToken(6);
    mapping(bytes4 verb => uint256) public doneCount;
    uint256 public pricedCount;
    uint256 public refusedCount;
    uint256 public heldCount;
    /// @notice The first thing that went wrong in a step; the runner ignores steps that revert, so it is kept.
    string public broken;
    uint64 private immutable _referenceDayAt;
    uint256 private _revenueAssets;
    uint256 private _unpaidAssets;

    constructor() {
        vm.warp(1_800_000_000);
        seams = new MockSeams(address(asset));
        valuation = new Valuation(
            address(new AccessManager(address(this))),
            seams,
            seams,
            ILeases(address(letting)),
            ComputeIndex(address(index)),
            Valuation.Limits(1 days, 1000, 6 hours)
        );
        for (uint256 i; i < CLASSES; ++i) {
            MockShare share = new MockShare(asset, 6);
            share.mint(address(this), 1e12);
            seams.addClass(address(share), i + 1 == CLASSES ? 0 : 3e11);
        }
        _referenceDayAt = uint64(block.timestamp - (block.timestamp % 1 days) - 1 days);
        index.setRate(MODEL, _referenceDayAt, 3e18);
        for (uint64 i = 1; i <= LOTS; ++i) {
            IRegistry.Lot memory lot;
            (lot.siteId, lot.operator, lot.gpuCount) = (SiteId.wrap(1), address(this), 8);
            (lot.modelId, lot.costAssets) = (MODEL, 4e11 * i);
            lot.commissionedAt = uint64(block.timestamp) - 100 days * i;
            seams.pledge(LotId.wrap(i), lot, 4);
        }
        valuation.setCurve(MODEL, uint64(block.timestamp), 400 days, _referenceDayAt, _points(9000, 1000));
        valuation.setHaircuts([10_000, 5000, 2500, 1000, 0], [1000, 2500, 5000, 8000, 10_000]);
        valuation.setDiscount(400, [uint16(100), 150, 200, 300, 450, 700, 1100, 2000]);
        _refresh();
        _appraise();
    }

    modifier step(bytes4 verb) {
        uint64 heldUntilAt = valuation.appraisal(address(seams)).heldUntilAt;
        _;
        ++doneCount[verb];
        _check("a hold was shortened", valuation.appraisal(address(seams)).heldUntilAt >= heldUntilAt);
        check();
    }

    function appraise() external step(this.appraise.selector) {
        _refresh();
        _appraise();
    }

    /// @dev Without the day's index and telemetry: the value is as old as they are.
    function appraiseLate() external step(this.appraiseLate.selector) {
        _appraise();
    }

    function setCurve(uint16 firstBps, uint16 fallBps, bool isIndexed) external step(this.setCurve.selector) {
        uint16[] memory points = _points(firstBps % 10_001, fallBps % 2000);
        valuation.setCurve(MODEL, uint64(block.timestamp), 400 days, isIndexed ? _referenceDayAt : 0, points);
    }

    function setHaircuts(uint16 evidenceBps, uint16 ageBps) external step(this.setHaircuts.selector) {
        uint16 e = evidenceBps % 10_001;
        uint16 a = ageBps % 10_001;
        valuation.setHaircuts([e, e, e / 2, e / 4, e / 8], [a / 8, a / 4, a / 2, a, 10_000]);
    }

    function setDiscount(uint16 baseBps, uint16 spreadBps) external step(this.setDiscount.selector) {
        uint16 s = spreadBps % 5001;
        valuation.setDiscount(baseBps % 5001, [s / 8, s / 8, s / 4, s / 4, s / 2, s / 2, s, s]);
    }

    function rate(uint8 lesseeBucket, uint32 ageSec, uint32 maxAgeSec) external step(this.rate.selector) {
        uint64 asOfAt = uint64(block.timestamp) - (ageSec % 1 hours);
        if (asOfAt < valuation.ratingOf(LESSEE).asOfAt) asOfAt = uint64(block.timestamp);
        valuation.rate(LESSEE, Rating(asOfAt, maxAgeSec % 400 days, lesseeBucket % 8));
    }

    function lease(
        uint64 lotId,
        uint8 kind,
        uint64 rentAssets,
        uint64 otherAssets,
        uint8 periodCount,
        uint8 minPeriodCount
    ) external step(this.lease.selector) {
        ILeases.Terms memory terms;
        ILeases.Status memory status;
        terms.lotId = LotId.wrap(1 + (lotId % uint64(LOTS)));
        (terms.lessee, terms.asset, status.payee) = (LESSEE, address(asset), address(seams));
        terms.pricing = ILeases.Pricing(kind % 8 == 0 ? 1 : 0);
        terms.startAt = uint64(block.timestamp - (block.timestamp % 1 days) - 400 days);
        terms.periodCount = 1 + (periodCount % 60);
        (status.periodCount, status.endCount) = (terms.periodCount, terms.periodCount);
        status.settledCount = terms.periodCount / 3;
        terms.baseRentAssets = rentAssets % 5e10;
        terms.exit.minPeriodCount = minPeriodCount;
        terms.exit.terminationFeeAssets = otherAssets % 2e10;
        if (kind & 16 != 0) terms.exit.purchaseAssets = otherAssets % 8e11;
        terms.relatedParty = kind % 8 == 1;
        status.isInDefault = kind % 8 == 2;
        if (kind % 8 == 3) status.purchaser = LESSEE;
        status.owedAssets = otherAssets % 1e10;
        letting.setLease(LeaseId.wrap(LotId.unwrap(terms.lotId)), terms, status);
    }

    function endLease(uint64 lotId) external step(this.endLease.selector) {
        letting.endLease(LotId.wrap(1 + (lotId % uint64(LOTS))));
    }

    /// @dev Rent is invoiced, and paid in part: what was ever invoiced never falls.
    function invoice(uint64 invoicedAssets, uint64 paidAssets, uint8 age) external step(this.invoice.selector) {
        _unpaidAssets += invoicedAssets % 1e11;
        uint256 paid = paidAssets % (_unpaidAssets + 1);
        (_unpaidAssets, _revenueAssets) = (_unpaidAssets - paid, _revenueAssets + paid);
        uint256[5] memory agesAssets;
        agesAssets[age % 5] = _unpaidAssets;
        letting.setMoney(paid, _revenueAssets, 0, agesAssets);
    }

    function setCash(uint64 assets) external step(this.setCash.selector) {
        seams.setLedger(assets % 1e12, 0);
    }

    function setEvidence(uint64 lotId, uint8 evidenceClass) external step(this.setEvidence.selector) {
        seams.setEvidence(LotId.wrap(1 + (lotId % uint64(LOTS))), evidenceClass % 5);
    }

    function pass(uint32 elapsedSec) external step(this.pass.selector) {
        vm.warp(block.timestamp + (elapsedSec % (elapsedSec & 1 == 0 ? 2 days : 3 hours)));
    }

    function moveIndex(uint64 rateWad) external step(this.moveIndex.selector) {
        index.setRate(MODEL, _today() - 1 days, 0.2e18 + (rateWad % 7e18));
    }

    /// @notice What must hold whatever is set, at any time.
    function check() public {
        address facility = address(seams);
        ClassValue memory whole = valuation.facilityValue(facility);
        Valuation.Appraisal memory last = valuation.appraisal(facility);
        _check("exit above entry", whole.exitAssets <= whole.entryAssets);
        _check("lots: exit above entry", last.exitAssets <= last.entryAssets);
        _check("contracted beyond exit", last.contractedAssets <= last.exitAssets);
        bool isUsable = whole.isUsable();
        (uint256 exitAssets, uint256 entryAssets) = (0, 0);
        for (uint256 i; i < CLASSES; ++i) {
            ClassValue memory value = valuation.classValue(facility, i);
            exitAssets += value.exitAssets;
            entryAssets += value.entryAssets;
            _check("a class's exit above its entry", value.exitAssets <= value.entryAssets);
            _check("a senior above its claim", i + 1 == CLASSES || value.entryAssets <= seams.owedAssets(i));
            try valuation.classPriceWad(facility, i) returns (uint256 priceWad) {
                _check("a price of a value nobody may act on", isUsable && priceWad > 0);
                ++pricedCount;
            } catch {
                _check("no price of a good value", !isUsable || value.exitAssets == 0);
                ++refusedCount;
            }
        }
        _check("classes have more than there is", exitAssets <= whole.exitAssets && entryAssets <= whole.entryAssets);
        if (block.timestamp < whole.heldUntilAt) ++heldCount;
    }

    function _appraise() private {
        LotId[] memory lotIds = new LotId[](LOTS);
        for (uint64 i; i < LOTS; ++i) lotIds[i] = LotId.wrap(i + 1);
        try valuation.appraise(address(seams), lotIds) {
            _check("a date ahead", valuation.appraisal(address(seams)).computedAt <= block.timestamp);
        } catch {
            (, uint256 rateWad) = index.newest(MODEL);
            uint256 referenceWad = valuation.curve(MODEL).referenceWad;
            _check("an appraisal refused", rateWad * 10 < referenceWad || rateWad > 2 * referenceWad);
        }
    }

    /// @dev Brings telemetry up to date, and the index too where its last day is over a day ago.
    function _refresh() private {
        seams.setReportedUntil(uint64(block.timestamp));
        (uint64 dayAt, uint256 rateWad) = index.newest(MODEL);
        if (dayAt < _today() - 1 days) index.setRate(MODEL, _today() - 1 days, rateWad);
    }

    function _today() private view returns (uint64) {
        return uint64(block.timestamp - (block.timestamp % 1 days));
    }

    function _check(string memory what, bool holds) private {
        if (!holds && bytes(broken).length == 0) broken = what;
    }

    function _points(uint16 firstBps, uint16 fallBps) private pure returns (uint16[] memory points) {
        points = new uint16[](5);
        for (uint16 i; i < 5; ++i) points[i] = firstBps > i * fallBps ? firstBps - i * fallBps : 0;
    }
}

/// @title What holds of a value whatever its inputs do, and of each formula of a lot.
contract ValuationInvariants {
    ValuationPlayer public player;

    function setUp() external {
        player = new ValuationPlayer();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(player);
    }

    function invariant_M18_M31_exitIsWithinEntryAndNobodyActsOnABadValue() external view {
        require(bytes(player.broken()).length == 0, player.broken());
    }

    /// @dev The player can do everything, so the invariant was not held by refusals.
    function test_thePlayerGetsThrough() external {
        for (uint16 i = 1; i < 40; ++i) {
            player.rate(uint8(i), i, 300 days);
            player.lease(i, uint8(i), uint64(1e9 * uint256(i)), uint64(7e9 * uint256(i)), uint8(i), uint8(i / 2));
            player.setEvidence(i, uint8(i));
            player.appraise();
            player.setCash(uint64(3e10 * uint256(i)));
            player.invoice(uint64(1e9 * uint256(i)), uint64(5e8 * uint256(i)), uint8(i));
            player.pass(uint32(10_801 * uint256(i)));
            player.appraiseLate();
            if (i % 8 == 0) {
                player.setCurve(uint16(i * 1000), i, i % 16 == 0);
                player.setHaircuts(i * 100, i * 50);
                player.setDiscount(i * 10, i * 20);
                player.moveIndex(uint64(1e18 + uint256(i) * 1e17));
                player.endLease(i);
            }
        }
        bytes4[12] memory verbs = [
            player.appraise.selector,
            player.appraiseLate.selector,
            player.setCurve.selector,
            player.setHaircuts.selector,
            player.setDiscount.selector,
            player.rate.selector,
            player.lease.selector,
            player.endLease.selector,
            player.invoice.selector,
            player.setCash.selector,
            player.setEvidence.selector,
            player.moveIndex.selector
        ];
        for (uint256 i; i < verbs.length; ++i) assert(player.doneCount(verbs[i]) > 3);
        assert(player.pricedCount() > 50 && player.refusedCount() > 50 && player.heldCount() > 5);
        this.invariant_M18_M31_exitIsWithinEntryAndNobodyActsOnABadValue();
    }

    function testFuzz_aLotLosesByAgeHaircutAndRateAndNeverGains(
        uint16[8] calldata falls,
        uint128 costAssets,
        uint32 ageSec,
        uint32 moreSec,
        uint64 factorWad,
        uint16 haircutBps
    ) external pure {
        uint16[] memory points = new uint16[](8);
        uint16 leftBps = 10_000;
        for (uint256 i; i < 8; ++i) {
            leftBps -= falls[i] % (leftBps + 1);
            points[i] = leftBps;
        }
        Hardware memory hardware = Hardware(costAssets, 0, points, factorWad, haircutBps % (BPS + 1));
        uint256 nowAssets = LotValue.hardwareAssets(hardware, ageSec);
        assert(nowAssets <= costAssets);
        assert(LotValue.hardwareAssets(hardware, uint256(ageSec) + moreSec) <= nowAssets);
        assert(LotValue.cut(nowAssets, hardware.haircutBps) <= nowAssets);
    }

    function testFuzz_rentIsWorthLessAtAHigherRateAndNoMoreThanItsSum(
        uint96 rentAssets,
        uint96 feeAssets,
        uint96 endAssets,
        uint96 priceAssets,
        uint8[4] calldata counts,
        uint16[3] calldata rates
    ) external pure {
        Rents memory rents;
        (rents.monthAssets, rents.lastAssets, rents.renewedAssets) = (rentAssets, rentAssets / 2, rentAssets / 3);
        rents.feeAssets = feeAssets;
        rents.endCount = 1 + (counts[0] % 120);
        rents.fromIndex = counts[1] % rents.endCount;
        (rents.firmCount, rents.optionCount) = (counts[2], counts[2]);
        rents.termCount = counts[3];
        rents.priceAssets = priceAssets % 3 == 0 ? type(uint256).max : priceAssets;
        uint256 lowRay = LotValue.monthRateRay(rates[0] % 5001, rates[1] % 5001);
        uint256 highRay = LotValue.monthRateRay(rates[0] % 5001, (rates[1] % 5001) + (rates[2] % 5001));
        assert(highRay >= lowRay);
        Leased memory low = LotValue.leasedOf(rents, endAssets, lowRay);
        Leased memory high = LotValue.leasedOf(rents, endAssets, highRay);
        assert(high.rentAssets <= low.rentAssets && high.hardwareAssets <= low.hardwareAssets);
        assert(high.soldRentAssets <= low.soldRentAssets && high.soldAssets <= low.soldAssets);
        uint256 sum = 0;
        for (uint256 i = rents.fromIndex; i < rents.endCount; ++i) sum += LotValue.rentAssets(rents, i);
        assert(low.rentAssets <= sum && low.soldRentAssets <= low.rentAssets && low.hardwareAssets <= endAssets);
        (uint256 exitAssets, uint256 contractedAssets) = LotValue.leasedAssets(low, rates[2] % (BPS + 1));
        (uint256 entryAssets, ) = LotValue.leasedAssets(low, 0);
        assert(contractedAssets <= exitAssets && exitAssets <= entryAssets);
        assert(entryAssets <= low.rentAssets + endAssets);
    }
}
