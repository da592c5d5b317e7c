// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

import {Registry} from "../../contracts/registry/Registry.sol";
import {IReports} from "../../contracts/telemetry/IReports.sol";
import {ITelemetry} from "../../contracts/telemetry/ITelemetry.sol";
import {MeterWords} from "../../contracts/telemetry/MeterWords.sol";
import {Telemetry} from "../../contracts/telemetry/Telemetry.sol";
import {EPOCH_SEC, LotId, SiteId} from "../../contracts/units.sol";
import {vm} from "./Vm.sol";

/// @title The bounds of a meter, against a second statement of them in plain arithmetic, under real signatures.
contract TelemetryTest {
    uint64 private constant START_EPOCH = 525_960;
    uint32 private constant GPUS = 8;
    uint32 private constant TDP_W = 700;
    uint64 private constant HOUR_GPU_SEC = 28_800;
    uint64 private constant BOUND_WH = 8961; // 8 × 700 × 1.6, and the carried one

    /// One lot's line in a report.
    struct LotMeter {
        LotId lotId;
        uint32 tdpW;
        bytes32 timeWord;
        bytes32 energyWord;
        bytes32 resourceWord;
    }

    /// How far each counter moves in an hour.
    struct Step {
        uint64 availableGpuSec;
        uint64 allocatedGpuSec;
        uint64 smActiveGpuSec;
        uint64 curtailedGpuSec;
        uint64 gpuEnergyWh;
        uint64 itEnergyWh;
        uint64 facilityEnergyWh;
        uint64 cfeMatchedWh;
        uint64 waterMl;
        uint64 emissionsGCO2e;
        uint64 workUnits;
    }

    Telemetry private _telemetry;
    uint256[4] private _keys;
    bytes32 private _priorHash;
    uint64 private _priorAt;
    bytes32[] private _priorWords;

    function setUp() external {
        AccessManager manager = new AccessManager(address(this));
        Registry registry = new Registry(address(manager));
        bytes32 modelId = registry.addModel("H100 SXM", TDP_W);
        SiteId siteId = registry.registerSite("US", "ERCOT");
        registry.registerLot(siteId, modelId, GPUS, 1, 1, "root");
        _telemetry = new Telemetry(address(manager), registry, START_EPOCH, 1 days, 6 hours);
        for (uint256 i; i < 4; ++i) _keys[i] = uint256(keccak256(abi.encode("oracle", i)));
        for (uint256 i; i < 3; ++i) {
            for (uint256 j = i + 1; j < 4; ++j) {
                if (vm.addr(_keys[j]) < vm.addr(_keys[i])) (_keys[i], _keys[j]) = (_keys[j], _keys[i]);
            }
        }
        address[] memory oracles = new address[](4);
        for (uint256 i; i < 4; ++i) oracles[i] = vm.addr(_keys[i]);
        _telemetry.setConfig(oracles, 1, type(uint64).max);
    }

    function testFuzz_packedWordsGiveBackEveryField(ITelemetry.Meter memory meter) external pure {
        LotMeter memory packed = _pack(meter);
        ITelemetry.Meter memory back = MeterWords.unpack(packed.timeWord, packed.energyWord, packed.resourceWord);
        assert(keccak256(abi.encode(back)) == keccak256(abi.encode(meter)));
        meter.reportingCount = 0;
        assert(MeterWords.withoutReporting(packed.timeWord) == _pack(meter).timeWord);
    }

    /// Steps are drawn from the edges of the bounds, so that both answers are common.
    function testFuzz_E03_aReportIsTakenExactlyWhenThePlainBoundsHold(uint256 seed) external {
        ITelemetry.Meter memory meter;
        meter.gpuCount = GPUS;
        uint256 taken;
        for (uint256 i; i < 6; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            Step memory step = _step(seed);
            meter.reportingCount = uint32((seed >> 244) % (GPUS + 2));
            ITelemetry.Meter memory next = _after(meter, step);
            bool within = _within(next, step);
            assert(_submit(next) == within);
            if (within) {
                meter = next;
                ++taken;
            }
        }
        // An hour of nothing is always within the bounds: no history can close the door.
        meter.reportingCount = GPUS;
        assert(_submit(meter));
        assert(_telemetry.lastEpoch() == START_EPOCH + taken);
    }

    function testFuzz_E03_aFallenCounterIsRefused(uint256 seed, uint8 counter, uint64 by) external {
        ITelemetry.Meter memory meter = ITelemetry.Meter({
            gpuCount: GPUS,
            reportingCount: GPUS,
            availableGpuSec: 1000,
            allocatedGpuSec: 1000,
            smActiveGpuSec: 1000,
            gpuEnergyWh: 1000,
            itEnergyWh: 1000,
            facilityEnergyWh: 1000,
            cfeMatchedWh: 1000,
            waterMl: type(uint64).max,
            emissionsGCO2e: 1000,
            curtailedGpuSec: 1000,
            workUnits: type(uint64).max
        });
        assert(_submit(meter));
        LotMeter memory packed = _pack(meter);
        uint256 lost = 1 + (by % 1000);
        uint256 shift = 64 * (seed % 4);
        counter %= 3;
        if (counter == 0 && shift == 192) shift = 128; // the counts stand there
        if (counter == 0) packed.timeWord = bytes32(uint256(packed.timeWord) - (lost << shift));
        if (counter == 1) packed.energyWord = bytes32(uint256(packed.energyWord) - (lost << shift));
        if (counter == 2) packed.resourceWord = bytes32(uint256(packed.resourceWord) - (lost << shift));
        assert(!_submit(MeterWords.unpack(packed.timeWord, packed.energyWord, packed.resourceWord)));
        assert(_submit(meter));
    }

    function _within(ITelemetry.Meter memory next, Step memory step) private pure returns (bool) {
        return
            next.reportingCount <= GPUS &&
            step.availableGpuSec + step.curtailedGpuSec <= HOUR_GPU_SEC &&
            step.allocatedGpuSec <= step.availableGpuSec &&
            step.smActiveGpuSec <= step.availableGpuSec &&
            step.gpuEnergyWh <= step.itEnergyWh + 1 &&
            step.itEnergyWh <= step.facilityEnergyWh + 1 &&
            step.cfeMatchedWh <= step.facilityEnergyWh + 1 &&
            step.itEnergyWh <= BOUND_WH &&
            next.gpuEnergyWh <= next.itEnergyWh &&
            next.itEnergyWh <= next.facilityEnergyWh &&
            next.cfeMatchedWh <= next.facilityEnergyWh;
    }

    function _step(uint256 seed) private pure returns (Step memory step) {
        step.availableGpuSec = uint64(_near(seed, 0, HOUR_GPU_SEC / 2));
        step.curtailedGpuSec = uint64(_near(seed, 1, HOUR_GPU_SEC - step.availableGpuSec));
        step.allocatedGpuSec = uint64(_near(seed, 2, step.availableGpuSec));
        step.smActiveGpuSec = uint64(_near(seed, 3, step.availableGpuSec));
        step.itEnergyWh = uint64(_near(seed, 4, BOUND_WH));
        step.gpuEnergyWh = uint64(_near(seed, 5, step.itEnergyWh + 1));
        step.facilityEnergyWh = uint64(_near(seed, 6, step.itEnergyWh + 3));
        step.cfeMatchedWh = uint64(_near(seed, 7, step.facilityEnergyWh + 1));
        step.waterMl = uint64(seed >> 128) >> 8;
        step.emissionsGCO2e = uint64(seed >> 64) >> 8;
        step.workUnits = uint64(seed) >> 8;
    }

    /// Mostly the edge or below, at times one beyond.
    function _near(uint256 seed, uint256 place, uint256 edge) private pure returns (uint256) {
        uint256 draw = (seed >> (8 * place)) & 0xff;
        if (draw < 8) return edge + 1;
        if (draw < 100) return edge;
        if (draw < 160) return edge == 0 ? 0 : edge - 1;
        return (edge * draw) / 256;
    }

    function _after(
        ITelemetry.Meter memory meter,
        Step memory step
    ) private pure returns (ITelemetry.Meter memory next) {
        next.gpuCount = meter.gpuCount;
        next.reportingCount = meter.reportingCount;
        next.availableGpuSec = meter.availableGpuSec + step.availableGpuSec;
        next.allocatedGpuSec = meter.allocatedGpuSec + step.allocatedGpuSec;
        next.smActiveGpuSec = meter.smActiveGpuSec + step.smActiveGpuSec;
        next.curtailedGpuSec = meter.curtailedGpuSec + step.curtailedGpuSec;
        next.gpuEnergyWh = meter.gpuEnergyWh + step.gpuEnergyWh;
        next.itEnergyWh = meter.itEnergyWh + step.itEnergyWh;
        next.facilityEnergyWh = meter.facilityEnergyWh + step.facilityEnergyWh;
        next.cfeMatchedWh = meter.cfeMatchedWh + step.cfeMatchedWh;
        next.waterMl = meter.waterMl + step.waterMl;
        next.emissionsGCO2e = meter.emissionsGCO2e + step.emissionsGCO2e;
        next.workUnits = meter.workUnits + step.workUnits;
    }

    function _pack(ITelemetry.Meter memory m) private pure returns (LotMeter memory) {
        return
            LotMeter({
                lotId: LotId.wrap(1),
                tdpW: TDP_W,
                timeWord: bytes32(
                    abi.encodePacked(
                        m.gpuCount,
                        m.reportingCount,
                        m.availableGpuSec,
                        m.allocatedGpuSec,
                        m.smActiveGpuSec
                    )
                ),
                energyWord: bytes32(abi.encodePacked(m.gpuEnergyWh, m.itEnergyWh, m.facilityEnergyWh, m.cfeMatchedWh)),
                resourceWord: bytes32(abi.encodePacked(m.waterMl, m.emissionsGCO2e, m.curtailedGpuSec, m.workUnits))
            });
    }

    /// Whether a report with this one meter, signed by three of four, is taken for the next epoch.
    function _submit(ITelemetry.Meter memory meter) private returns (bool) {
        IReports.Report memory report;
        report.configDigest = _telemetry.configDigest();
        report.epoch = _telemetry.lastEpoch() + 1;
        report.periodStartAt = report.epoch * uint64(EPOCH_SEC);
        report.periodEndAt = report.periodStartAt + uint64(EPOCH_SEC);
        report.prevReportHash = _priorHash;
        report.devicesRegisteredCount = GPUS;
        report.devicesReportingCount = meter.reportingCount;
        LotMeter memory packed = _pack(meter);
        report.meterWords = new bytes32[](4);
        report.meterWords[0] = MeterWords.key(packed.lotId, packed.tdpW);
        report.meterWords[1] = packed.timeWord;
        report.meterWords[2] = packed.energyWord;
        report.meterWords[3] = packed.resourceWord;
        vm.warp(report.periodEndAt);

        bytes32 digest = _telemetry.reportDigest(report);
        bytes memory signatures;
        for (uint256 i; i < 3; ++i) {
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keys[i], digest);
            signatures = abi.encodePacked(signatures, r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
        }
        try _telemetry.submit(report, Telemetry.Filing(_priorHash, _priorAt, _priorWords), 7, signatures) {
            _note(report);
            return true;
        } catch {
            return false;
        }
    }

    function _note(IReports.Report memory report) private {
        _priorHash = keccak256(
            abi.encode(
                _telemetry.REPORT_TYPEHASH(),
                report.configDigest,
                report.epoch,
                report.periodStartAt,
                report.periodEndAt,
                report.readingsRoot,
                report.prevReportHash,
                report.dataHash,
                report.methodologyHash,
                report.devicesRegisteredCount,
                report.devicesReportingCount,
                keccak256(abi.encodePacked(report.meterWords))
            )
        );
        _priorAt = uint64(block.timestamp);
        _priorWords = report.meterWords;
    }
}
