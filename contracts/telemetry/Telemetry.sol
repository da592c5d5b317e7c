// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IRegistry} from "../registry/IRegistry.sol";
import {BPS, EPOCH_SEC, LotId} from "../units.sol";
import {ITelemetry} from "./ITelemetry.sol";
import {LotMeter, MeterWords} from "./MeterWords.sol";

/// @title Hourly meters of every lot, written under 2f+1 of n = 3f+1 oracle signatures.
///
/// Assumptions
/// - At most f of the n signers are faulty. 2f+1 colluding signers can write any meter inside the bounds below.
/// - The readings behind a report are published under `dataHash`; anyone can recompute the report from them.
///
/// State
/// - Per epoch one word is stored: keccak256(reportHash, hash of the meters, submittedAt). Whoever submits or records
///   supplies the preimage, which the events give. Counters live in storage only where somebody recorded them.
/// - Epochs are contiguous. An epoch without a report is one that a quorum skipped, with a reason.
///
/// Bounds, for each lot and epoch
/// - No counter falls; no lot disappears; the number of GPUs and their design power never change.
/// - available + curtailed ≤ GPUs × 3600; allocated ≤ available; SM-active ≤ available.
/// - GPU energy ≤ IT energy ≤ facility energy; carbon-free-matched ≤ facility; IT energy ≤ 1.6 × design power.
///   (wall watts per GPU ÷ TDP of 1.10 to 1.30 were measured in MLPerf power logs)
///   Energy is floored to Wh with the remainder carried: one epoch's difference may be off by 1 Wh, the totals may not.
///
/// Liveness
/// - A report is refused before its hour has ended and after `maxDelaySec`; then only a signed skip moves on.
/// - Only Final meters (the challenge window has passed) can be recorded, and money moves on recorded meters only.
///
/// Roles
/// - Signers are set by the AccessManager's role; a new set voids reports signed for the old one.
contract Telemetry is ITelemetry, EIP712, AccessManaged {
    using MeterWords for LotMeter[];

    struct Report {
        bytes32 configDigest;
        uint64 epoch;
        uint64 periodStartAt;
        uint64 periodEndAt;
        bytes32 readingsRoot;
        bytes32 prevReportHash;
        bytes32 dataHash;
        bytes32 methodologyHash;
        uint32 devicesRegisteredCount;
        uint32 devicesReportingCount;
        LotMeter[] meters;
    }

    /// A quorum's statement that an epoch will have no report.
    struct Skip {
        bytes32 configDigest;
        uint64 epoch;
        bytes32 prevReportHash;
        bytes32 reasonHash;
    }

    /// The preimage of an epoch's stored word.
    struct Filing {
        bytes32 reportHash;
        uint64 submittedAt;
        LotMeter[] meters;
    }

    /// What happened between two recorded meters. A ratio whose denominator is zero is given as 0.
    struct Ratios {
        uint256 allocationBps; // allocated ÷ available GPU time
        uint256 smActiveBps; // SM-active ÷ available GPU time
        uint256 pueE4; // facility ÷ IT energy
        uint256 gpuHoursPerMWh; // allocated GPU-hours ÷ facility energy
        uint256 cfeBps; // carbon-free-matched ÷ facility energy
        uint256 gCO2ePerKWh; // emissions ÷ facility energy
        uint256 coverageBps; // GPUs that reported in the last epoch ÷ GPUs of the lot
        uint256 evidenceClassIndex; // in force now
    }

    struct Words {
        bytes32 timeWord;
        bytes32 energyWord;
        bytes32 resourceWord;
    }

    bytes32 public constant REPORT_TYPEHASH = keccak256(
        "Report(bytes32 configDigest,uint64 epoch,uint64 periodStartAt,uint64 periodEndAt,bytes32 readingsRoot,"
        "bytes32 prevReportHash,bytes32 dataHash,bytes32 methodologyHash,uint32 devicesRegisteredCount,"
        "uint32 devicesReportingCount,LotMeter[] meters)"
        "LotMeter(uint64 lotId,uint32 tdpW,bytes32 timeWord,bytes32 energyWord,bytes32 resourceWord)"
    );
    bytes32 public constant SKIP_TYPEHASH = keccak256(
        "Skip(bytes32 configDigest,uint64 epoch,bytes32 prevReportHash,bytes32 reasonHash)"
    );

    IRegistry public immutable registry;
    /// @notice How long a report can be challenged before it is Final.
    uint64 public immutable challengeSec;
    /// @notice How long after the end of its hour a report is accepted.
    uint64 public immutable maxDelaySec;

    // Storage

    /// @notice keccak256(chain id, this contract, number of the config, signers, f).
    bytes32 public configDigest;
    // The first 3f+1 count; a fixed array spares its length's read.
    address[256] private _signers;
    uint64 public configCount;
    uint8 public faultyCount; // f
    /// @notice The newest epoch that was reported or skipped.
    uint64 public lastEpoch;
    /// @inheritdoc ITelemetry
    uint64 public reportedUntilAt;
    /// @notice keccak256(abi.encode(reportHash, metersHash, submittedAt)) of an epoch, or 0.
    mapping(uint64 epoch => bytes32) public commitments;
    /// @notice Whether a quorum skipped the epoch: no GPU reported in it.
    mapping(uint64 epoch => bool) public skipped;
    /// @notice The first epoch a lot was reported in, or 0.
    mapping(LotId => uint64 epoch) public firstEpoch;
    mapping(LotId => mapping(uint64 epoch => Words)) private _recorded;

    event Opened(uint64 indexed epoch, IRegistry registry, uint64 challengeSec, uint64 maxDelaySec);
    event ConfigSet(bytes32 indexed configDigest, uint64 configCount, address[] signers, uint8 faultyCount);
    event Submitted(
        uint64 indexed epoch,
        bytes32 indexed reportHash,
        uint64 submittedAt,
        uint256 signerBitmap,
        Report report
    );
    event Skipped(
        uint64 indexed epoch,
        bytes32 indexed skipHash,
        uint64 submittedAt,
        uint256 signerBitmap,
        bytes32 reasonHash
    );
    event Recorded(LotId indexed lotId, uint64 indexed epoch, Meter meter);

    error Telemetry_BadConfig(uint256 signerCount, uint8 faultyCount);
    error Telemetry_SignersUnsorted(uint256 signerIndex, address signer);
    error Telemetry_WrongConfig(bytes32 givenDigest, bytes32 configDigest);
    error Telemetry_WrongEpoch(uint64 epoch, uint64 expectedEpoch);
    error Telemetry_WrongPrior(uint64 epoch, bytes32 givenCommitment, bytes32 storedCommitment);
    error Telemetry_WrongPrevReport(uint64 epoch, bytes32 prevReportHash, bytes32 expectedHash);
    error Telemetry_WrongPeriod(uint64 epoch, uint64 periodStartAt, uint64 periodEndAt);
    error Telemetry_Future(uint64 epoch, uint256 periodEndAt, uint256 nowAt);
    error Telemetry_TooOld(uint64 epoch, uint256 deadlineAt, uint256 nowAt);
    error Telemetry_WrongSignatureCount(uint256 signatureCount, uint256 quorumCount);
    error Telemetry_BadSignature(uint256 signerIndex, address recovered, address signer);
    error Telemetry_UnknownSigner(uint256 signerIndex, uint256 signerCount);
    error Telemetry_LotsUnsorted(LotId lotId, LotId afterLotId);
    error Telemetry_LotMissing(LotId lotId, uint64 epoch);
    error Telemetry_LotChanged(LotId lotId, uint32 gpuCount, uint32 tdpW);
    error Telemetry_CounterFell(LotId lotId, uint64 beforeUnits, uint64 afterUnits);
    error Telemetry_TimeBound(LotId lotId, uint256 gpuSec, uint256 boundGpuSec);
    error Telemetry_EnergyBound(LotId lotId, uint256 energyWh, uint256 boundWh);
    error Telemetry_WrongDeviceCount(uint256 registeredCount, uint256 reportingCount);
    error Telemetry_NotFinal(uint64 epoch, uint256 finalAt, uint256 nowAt);
    error Telemetry_NoPosition(uint256 positionIndex, uint256 meterCount);
    error Telemetry_NotRecorded(LotId lotId, uint64 epoch);
    error Telemetry_BackwardRange(uint64 fromEpoch, uint64 toEpoch);

    /// @param startEpoch The first epoch to be reported (unix hours).
    constructor(
        address authority,
        IRegistry registry_,
        uint64 startEpoch,
        uint64 challengeSec_,
        uint64 maxDelaySec_
    ) EIP712("Rackbond Telemetry", "1") AccessManaged(authority) {
        registry = registry_;
        challengeSec = challengeSec_;
        maxDelaySec = maxDelaySec_;
        lastEpoch = startEpoch - 1;
        commitments[startEpoch - 1] = _commitment(0, keccak256(""), 0);
        emit Opened(startEpoch, registry_, challengeSec_, maxDelaySec_);
    }

    // Administration

    /// @notice Replaces the signers: n = 3f+1 addresses in ascending order, f ≥ 1.
    function setConfig(address[] calldata oracles, uint8 faultyCount_) external restricted {
        require(
            faultyCount_ != 0 && oracles.length == 3 * uint256(faultyCount_) + 1 && oracles.length <= 256,
            Telemetry_BadConfig(oracles.length, faultyCount_)
        );
        address above;
        for (uint256 i; i < oracles.length; ++i) {
            require(oracles[i] > above, Telemetry_SignersUnsorted(i, oracles[i]));
            above = oracles[i];
            _signers[i] = above;
        }
        faultyCount = faultyCount_;
        ++configCount;
        configDigest = keccak256(abi.encode(block.chainid, address(this), configCount, oracles, faultyCount_));
        emit ConfigSet(configDigest, configCount, oracles, faultyCount_);
    }

    // Reports

    /// @notice Writes the report of the next epoch.
    /// @param prior The filing of the epoch before, as its event gave it.
    /// @param signerBitmap Bit i is set where signer i signed; exactly 2f+1 bits.
    /// @param signatures 64 bytes (EIP-2098: r, then s with the parity in its top bit) per signer, by ascending index.
    function submit(
        Report calldata report,
        Filing calldata prior,
        uint256 signerBitmap,
        bytes calldata signatures
    ) external {
        _requireNext(report.configDigest, report.epoch, report.prevReportHash, prior);
        uint256 endAt = (uint256(report.epoch) + 1) * EPOCH_SEC;
        require(
            report.periodStartAt == endAt - EPOCH_SEC && report.periodEndAt == endAt,
            Telemetry_WrongPeriod(report.epoch, report.periodStartAt, report.periodEndAt)
        );
        uint256 deadlineAt = endAt + maxDelaySec;
        require(block.timestamp <= deadlineAt, Telemetry_TooOld(report.epoch, deadlineAt, block.timestamp));
        _requireMeters(report, prior.meters);

        bytes32 metersHash = report.meters.arrayHash();
        bytes32 reportHash = _reportHash(report, metersHash);
        _requireQuorum(_hashTypedDataV4(reportHash), signerBitmap, signatures);

        _file(report.epoch, reportHash, metersHash);
        reportedUntilAt = report.periodEndAt;
        emit Submitted(report.epoch, reportHash, uint64(block.timestamp), signerBitmap, report);
    }

    /// @notice Writes that the next epoch has no report; every counter stays where it was.
    function skip(
        Skip calldata notice,
        Filing calldata prior,
        uint256 signerBitmap,
        bytes calldata signatures
    ) external {
        _requireNext(notice.configDigest, notice.epoch, notice.prevReportHash, prior);
        bytes32 skipHash = keccak256(
            abi.encode(SKIP_TYPEHASH, notice.configDigest, notice.epoch, notice.prevReportHash, notice.reasonHash)
        );
        _requireQuorum(_hashTypedDataV4(skipHash), signerBitmap, signatures);

        _file(notice.epoch, skipHash, prior.meters.arrayHash());
        skipped[notice.epoch] = true;
        emit Skipped(notice.epoch, skipHash, uint64(block.timestamp), signerBitmap, notice.reasonHash);
    }

    /// @notice Puts meters of a Final epoch where contracts can read them. Anyone may; doing it twice changes nothing.
    /// @param meterIndexes Which of the filing's meters, counted from 0.
    function record(uint64 epoch, Filing calldata filing, uint256[] calldata meterIndexes) external {
        _requireFiling(epoch, filing);
        uint256 finalAt = filing.submittedAt + challengeSec;
        require(block.timestamp >= finalAt, Telemetry_NotFinal(epoch, finalAt, block.timestamp));
        bool silent = skipped[epoch];
        for (uint256 i; i < meterIndexes.length; ++i) {
            uint256 position = meterIndexes[i];
            require(position < filing.meters.length, Telemetry_NoPosition(position, filing.meters.length));
            LotMeter calldata meter = filing.meters[position];
            bytes32 timeWord = silent ? MeterWords.withoutReporting(meter.timeWord) : meter.timeWord;
            _recorded[meter.lotId][epoch] = Words(timeWord, meter.energyWord, meter.resourceWord);
            emit Recorded(meter.lotId, epoch, MeterWords.unpack(timeWord, meter.energyWord, meter.resourceWord));
        }
    }

    // Views

    /// @notice The oracle signers, ascending; a signature's index is its signer's place here.
    function signers() external view returns (address[] memory list) {
        list = new address[](faultyCount == 0 ? 0 : 3 * uint256(faultyCount) + 1);
        for (uint256 i; i < list.length; ++i) list[i] = _signers[i];
    }

    /// @notice The EIP-712 digest that a signer of `report` signs.
    function reportDigest(Report calldata report) external view returns (bytes32) {
        return _hashTypedDataV4(_reportHash(report, report.meters.arrayHash()));
    }

    /// @inheritdoc ITelemetry
    function meterAt(LotId lotId, uint64 epoch) public view returns (Meter memory) {
        Words storage words = _recorded[lotId][epoch];
        if (words.timeWord == 0) {
            uint64 first = firstEpoch[lotId];
            // A lot that no report names has counted nothing so far.
            require(first == 0 ? epoch <= lastEpoch : epoch < first, Telemetry_NotRecorded(lotId, epoch));
        }
        return MeterWords.unpack(words.timeWord, words.energyWord, words.resourceWord);
    }

    /// @notice Utilization, efficiency and carbon of a lot over the epochs after `fromEpoch` up to `toEpoch`.
    function ratios(LotId lotId, uint64 fromEpoch, uint64 toEpoch) external view returns (Ratios memory result) {
        require(fromEpoch <= toEpoch, Telemetry_BackwardRange(fromEpoch, toEpoch));
        Meter memory a = meterAt(lotId, fromEpoch);
        Meter memory b = meterAt(lotId, toEpoch);
        uint256 availableGpuSec = b.availableGpuSec - a.availableGpuSec;
        uint256 allocatedGpuSec = b.allocatedGpuSec - a.allocatedGpuSec;
        uint256 facilityWh = b.facilityEnergyWh - a.facilityEnergyWh;
        result.allocationBps = _ratio(allocatedGpuSec, BPS, availableGpuSec);
        result.smActiveBps = _ratio(b.smActiveGpuSec - a.smActiveGpuSec, BPS, availableGpuSec);
        result.pueE4 = _ratio(facilityWh, 1e4, b.itEnergyWh - a.itEnergyWh);
        result.gpuHoursPerMWh = _ratio(allocatedGpuSec, 1e6, facilityWh * 3600);
        result.cfeBps = _ratio(b.cfeMatchedWh - a.cfeMatchedWh, BPS, facilityWh);
        result.gCO2ePerKWh = _ratio(b.emissionsGCO2e - a.emissionsGCO2e, 1000, facilityWh);
        result.coverageBps = _ratio(b.reportingCount, BPS, b.gpuCount);
        result.evidenceClassIndex = registry.evidenceClass(lotId);
    }

    // Internal

    function _requireNext(bytes32 digest, uint64 epoch, bytes32 prevReportHash, Filing calldata prior) private view {
        bytes32 current = configDigest;
        require(digest == current && digest != 0, Telemetry_WrongConfig(digest, current));
        uint64 expectedEpoch = lastEpoch + 1;
        require(epoch == expectedEpoch, Telemetry_WrongEpoch(epoch, expectedEpoch));
        _requireFiling(expectedEpoch - 1, prior);
        require(prevReportHash == prior.reportHash, Telemetry_WrongPrevReport(epoch, prevReportHash, prior.reportHash));
        uint256 endAt = (uint256(epoch) + 1) * EPOCH_SEC;
        require(block.timestamp >= endAt, Telemetry_Future(epoch, endAt, block.timestamp));
    }

    function _requireFiling(uint64 epoch, Filing calldata filing) private view {
        bytes32 given = _commitment(filing.reportHash, filing.meters.arrayHash(), filing.submittedAt);
        bytes32 stored = commitments[epoch];
        require(given == stored, Telemetry_WrongPrior(epoch, given, stored));
    }

    function _file(uint64 epoch, bytes32 reportHash, bytes32 metersHash) private {
        commitments[epoch] = _commitment(reportHash, metersHash, uint64(block.timestamp));
        lastEpoch = epoch;
    }

    /// @dev Walks the sorted meters beside the sorted meters before; both lists name each lot once.
    function _requireMeters(Report calldata report, LotMeter[] calldata before) private {
        uint256 registeredCount;
        uint256 reportingCount;
        uint256 position;
        LotId above;
        for (uint256 i; i < report.meters.length; ++i) {
            LotMeter calldata meter = report.meters[i];
            LotId lotId = meter.lotId;
            require(LotId.unwrap(lotId) > LotId.unwrap(above), Telemetry_LotsUnsorted(lotId, above));
            above = lotId;
            if (position < before.length && before[position].lotId == lotId) {
                _requireGrowth(lotId, meter, before[position++]);
            } else {
                // A lot dropped from the list shows here, or after the loop when it was among the last.
                if (position < before.length && LotId.unwrap(before[position].lotId) < LotId.unwrap(lotId)) {
                    revert Telemetry_LotMissing(before[position].lotId, report.epoch);
                }
                _requireFirst(lotId, meter, report.epoch);
            }
            registeredCount += MeterWords.gpuCount(meter.timeWord);
            reportingCount += MeterWords.reportingCount(meter.timeWord);
        }
        if (position != before.length) revert Telemetry_LotMissing(before[position].lotId, report.epoch);
        require(
            registeredCount == report.devicesRegisteredCount && reportingCount == report.devicesReportingCount,
            Telemetry_WrongDeviceCount(registeredCount, reportingCount)
        );
    }

    function _requireGrowth(LotId lotId, LotMeter calldata meter, LotMeter calldata last) private pure {
        uint32 gpuCount = MeterWords.gpuCount(meter.timeWord);
        require(
            gpuCount == MeterWords.gpuCount(last.timeWord) && meter.tdpW == last.tdpW,
            Telemetry_LotChanged(lotId, gpuCount, meter.tdpW)
        );
        _requireBounds(lotId, meter, last.timeWord, last.energyWord, last.resourceWord);
    }

    function _requireFirst(LotId lotId, LotMeter calldata meter, uint64 epoch) private {
        IRegistry.Lot memory lot = registry.lot(lotId);
        uint32 gpuCount = MeterWords.gpuCount(meter.timeWord);
        require(gpuCount == lot.gpuCount && meter.tdpW == lot.tdpW, Telemetry_LotChanged(lotId, gpuCount, meter.tdpW));
        firstEpoch[lotId] = epoch;
        _requireBounds(lotId, meter, 0, 0, 0);
    }

    /// @dev The bounds of the chapter above, for one lot and one epoch.
    function _requireBounds(
        LotId lotId,
        LotMeter calldata meter,
        bytes32 lastTime,
        bytes32 lastEnergy,
        bytes32 lastResource
    ) private pure {
        bytes32 resource = meter.resourceWord;
        _delta(lotId, resource, lastResource, MeterWords.FIRST);
        _delta(lotId, resource, lastResource, MeterWords.SECOND);
        _delta(lotId, resource, lastResource, MeterWords.FOURTH);
        uint256 curtailed = _delta(lotId, resource, lastResource, MeterWords.THIRD);
        _requireTimes(lotId, meter.timeWord, lastTime, curtailed);
        // 1.6 × design power for one hour
        uint256 boundWh = (uint256(MeterWords.gpuCount(meter.timeWord)) * meter.tdpW * 16) / 10 + 1;
        _requireEnergies(lotId, meter.energyWord, lastEnergy, boundWh);
    }

    function _requireTimes(LotId lotId, bytes32 word, bytes32 last, uint256 curtailed) private pure {
        uint256 gpuCount = MeterWords.gpuCount(word);
        uint256 reporting = MeterWords.reportingCount(word);
        require(reporting <= gpuCount, Telemetry_WrongDeviceCount(gpuCount, reporting));
        uint256 available = _delta(lotId, word, last, MeterWords.SECOND);
        require(
            available + curtailed <= gpuCount * EPOCH_SEC,
            Telemetry_TimeBound(lotId, available + curtailed, gpuCount * EPOCH_SEC)
        );
        uint256 allocated = _delta(lotId, word, last, MeterWords.THIRD);
        require(allocated <= available, Telemetry_TimeBound(lotId, allocated, available));
        uint256 active = _delta(lotId, word, last, MeterWords.FOURTH);
        require(active <= available, Telemetry_TimeBound(lotId, active, available));
    }

    function _requireEnergies(LotId lotId, bytes32 word, bytes32 last, uint256 boundWh) private pure {
        uint256 gpu = _delta(lotId, word, last, MeterWords.FIRST);
        uint256 it = _delta(lotId, word, last, MeterWords.SECOND);
        uint256 facility = _delta(lotId, word, last, MeterWords.THIRD);
        uint256 cfe = _delta(lotId, word, last, MeterWords.FOURTH);
        // The epoch's parts are no more than its wholes, within the carried remainder
        require(gpu <= it + 1, Telemetry_EnergyBound(lotId, gpu, it));
        require(it <= facility + 1, Telemetry_EnergyBound(lotId, it, facility));
        require(cfe <= facility + 1, Telemetry_EnergyBound(lotId, cfe, facility));
        require(it <= boundWh, Telemetry_EnergyBound(lotId, it, boundWh));
        // and so are the totals, exactly.
        gpu = MeterWords.field(word, MeterWords.FIRST);
        it = MeterWords.field(word, MeterWords.SECOND);
        facility = MeterWords.field(word, MeterWords.THIRD);
        cfe = MeterWords.field(word, MeterWords.FOURTH);
        require(gpu <= it, Telemetry_EnergyBound(lotId, gpu, it));
        require(it <= facility, Telemetry_EnergyBound(lotId, it, facility));
        require(cfe <= facility, Telemetry_EnergyBound(lotId, cfe, facility));
    }

    /// @dev What the counter above `shift` bits of its word grew by.
    function _delta(LotId lotId, bytes32 word, bytes32 last, uint256 shift) private pure returns (uint256) {
        uint64 beforeUnits = MeterWords.field(last, shift);
        uint64 afterUnits = MeterWords.field(word, shift);
        require(afterUnits >= beforeUnits, Telemetry_CounterFell(lotId, beforeUnits, afterUnits));
        unchecked {
            return afterUnits - beforeUnits;
        }
    }

    function _requireQuorum(bytes32 digest, uint256 signerBitmap, bytes calldata signatures) private view {
        uint256 faulty = faultyCount;
        uint256 quorumCount = 2 * faulty + 1;
        uint256 signerCount = 3 * faulty + 1;
        uint256 count;
        for (uint256 i; signerBitmap >> i != 0; ++i) {
            if ((signerBitmap >> i) & 1 == 0) continue;
            require(i < signerCount, Telemetry_UnknownSigner(i, signerCount));
            uint256 start = 64 * count;
            require(signatures.length >= start + 64, Telemetry_WrongSignatureCount(count, quorumCount));
            (address recovered, , ) = ECDSA.tryRecover(
                digest,
                bytes32(signatures[start:]),
                bytes32(signatures[start + 32:])
            );
            address signer = _signers[i];
            require(recovered == signer, Telemetry_BadSignature(i, recovered, signer));
            ++count;
        }
        require(
            count == quorumCount && signatures.length == 64 * count,
            Telemetry_WrongSignatureCount(count, quorumCount)
        );
    }

    function _reportHash(Report calldata report, bytes32 metersHash) private pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    REPORT_TYPEHASH,
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
                    metersHash
                )
            );
    }

    function _commitment(bytes32 reportHash, bytes32 metersHash, uint64 submittedAt) private pure returns (bytes32) {
        return keccak256(abi.encode(reportHash, metersHash, submittedAt));
    }

    function _ratio(uint256 part, uint256 scale, uint256 whole) private pure returns (uint256) {
        return whole == 0 ? 0 : (part * scale) / whole;
    }
}
