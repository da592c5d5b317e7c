// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IRegistry} from "../registry/IRegistry.sol";
import {BPS, EPOCH_SEC, LotId} from "../units.sol";
import {IReports} from "./IReports.sol";
import {ITelemetry} from "./ITelemetry.sol";
import {MeterBounds, Telemetry_WrongDeviceCount} from "./MeterBounds.sol";
import {MeterWords} from "./MeterWords.sol";

/// @title Hourly meters of every lot, written under 2f+1 of n = 3f+1 oracle signatures.
///
/// Assumptions
/// - At most f of the n signers are faulty. 2f+1 colluding signers can write any meter inside `MeterBounds`.
/// - The readings behind a report are published under `dataHash`; anyone can recompute the report from them.
///
/// State
/// - Per epoch one word is stored: keccak256(reportHash, hash of the meters, submittedAt). Whoever submits or records
///   supplies the preimage, which the events give. Counters live in storage only where somebody recorded them, under
///   the word of the filing that they are of: another filing of the epoch knows nothing of them.
/// - Epochs are contiguous. An epoch without a report is one that a quorum skipped, with a reason.
/// - What stands beyond the newest epoch was rolled back: it is as if it had never been.
///
/// Liveness
/// - A report is refused before its hour has ended and after `maxDelaySec`; then only a signed skip moves on.
/// - Only Final meters (the challenge window has passed) can be recorded, and money moves on recorded meters only.
/// - A halt from an epoch on refuses reports, skips, and meters of that epoch or a later one, until it is resolved.
///   It begins after the newest recorded epoch at the earliest: what money has moved on is never taken back. What was
///   meant to come meanwhile is late from the resolution on, not from its hour's end.
///
/// Roles
/// - Signers are set by the AccessManager's role, for a time; a new set voids reports signed for the old one.
/// - Faults halts; the authority resolves, upholding the epochs or rolling them back.
contract Telemetry is ITelemetry, IReports, EIP712, AccessManaged {
    using MeterWords for bytes32[];

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
        bytes32[] meterWords;
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

    /// A filing without a report, and how far reports reached at it.
    struct Silence {
        bool isSilent;
        uint64 reportedUntilAt;
    }

    /// An epoch, and how many rollbacks there had been when it was noted: a later one may have taken it back.
    struct Noted {
        uint64 epoch;
        uint64 rollbackCount;
    }

    bytes32 public constant REPORT_TYPEHASH = keccak256(
        "Report(bytes32 configDigest,uint64 epoch,uint64 periodStartAt,uint64 periodEndAt,bytes32 readingsRoot,"
        "bytes32 prevReportHash,bytes32 dataHash,bytes32 methodologyHash,uint32 devicesRegisteredCount,"
        "uint32 devicesReportingCount,bytes32[] meterWords)"
    );
    bytes32 public constant SKIP_TYPEHASH = keccak256(
        "Skip(bytes32 configDigest,uint64 epoch,bytes32 prevReportHash,bytes32 reasonHash)"
    );

    IRegistry public immutable registry;
    /// @inheritdoc IReports
    uint64 public immutable challengeSec;
    /// @inheritdoc IReports
    uint64 public immutable maxDelaySec;

    /// @notice The first epoch to be reported.
    uint64 public immutable startEpoch;

    // Storage

    /// @notice keccak256(chain id, this contract, number of the config, signers, f); 0 after a rollback.
    bytes32 public configDigest;
    // The first 3f+1 count; a fixed array spares its length's read.
    address[256] private _signers;
    // One word, which a report reads and writes once.
    uint48 public configCount;
    uint8 public faultyCount; // f
    bool private _isHalted;
    /// @notice Until when the configuration's signatures are taken.
    uint64 public configExpiresAt;
    /// @inheritdoc IReports
    uint64 public lastEpoch;
    /// @inheritdoc ITelemetry
    uint64 public reportedUntilAt;
    // Words that reports do without.
    uint64 private _haltedFromEpoch;
    /// @notice When the last halt was resolved.
    uint64 public resolvedAt;
    uint64 public rollbackCount;
    /// @notice The newest epoch that somebody recorded: it and those before stand for ever.
    uint64 public newestRecordedEpoch;
    mapping(uint64 rollbackIndex => uint64 fromEpoch) private _rollbacks;
    mapping(uint64 epoch => bytes32) private _commitments;
    mapping(bytes32 commitment => Silence) private _silences;
    /// @inheritdoc IReports
    mapping(bytes32 digest => bool) public isConfig;
    mapping(LotId => Noted) private _firsts;
    mapping(LotId => mapping(bytes32 commitment => Words)) private _recorded;

    event Opened(uint64 indexed epoch, IRegistry registry, uint64 challengeSec, uint64 maxDelaySec);
    event ConfigSet(
        bytes32 indexed configDigest,
        uint64 configCount,
        address[] signers,
        uint8 faultyCount,
        uint64 expiresAt
    );
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
    event Halted(uint64 indexed epoch);
    event Resolved(uint64 indexed epoch, bool rolledBack);

    error Telemetry_BadConfig(uint256 signerCount, uint8 faultyCount);
    error Telemetry_ConfigExpired(uint64 expiresAt, uint256 nowAt);
    error Telemetry_Halted(uint64 fromEpoch);
    error Telemetry_NotHalted();
    error Telemetry_BadWords(uint256 wordCount);
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
    error Telemetry_NotFinal(uint64 epoch, uint256 finalAt, uint256 nowAt);
    error Telemetry_NoPosition(uint256 positionIndex, uint256 meterCount);
    error Telemetry_NotRecorded(LotId lotId, uint64 epoch);
    error Telemetry_BackwardRange(uint64 fromEpoch, uint64 toEpoch);

    /// @param startEpoch_ The first epoch to be reported (unix hours).
    constructor(
        address authority,
        IRegistry registry_,
        uint64 startEpoch_,
        uint64 challengeSec_,
        uint64 maxDelaySec_
    ) EIP712("Rackbond Telemetry", "1") AccessManaged(authority) {
        registry = registry_;
        challengeSec = challengeSec_;
        maxDelaySec = maxDelaySec_;
        startEpoch = startEpoch_;
        lastEpoch = startEpoch_ - 1;
        newestRecordedEpoch = startEpoch_ - 1;
        bytes32 genesis = _commitment(0, keccak256(""), 0);
        _commitments[startEpoch_ - 1] = genesis;
        _silences[genesis].isSilent = true;
        emit Opened(startEpoch_, registry_, challengeSec_, maxDelaySec_);
    }

    // Administration

    /// @notice Replaces the signers: n = 3f+1 addresses in ascending order, f ≥ 1.
    /// @param expiresAt When the new set's signatures are no longer taken.
    function setConfig(address[] calldata oracles, uint8 faultyCount_, uint64 expiresAt) external restricted {
        require(
            faultyCount_ != 0 && oracles.length == 3 * uint256(faultyCount_) + 1 && oracles.length <= 256,
            Telemetry_BadConfig(oracles.length, faultyCount_)
        );
        require(expiresAt > block.timestamp, Telemetry_ConfigExpired(expiresAt, block.timestamp));
        address above;
        for (uint256 i; i < oracles.length; ++i) {
            require(oracles[i] > above, Telemetry_SignersUnsorted(i, oracles[i]));
            above = oracles[i];
            _signers[i] = above;
        }
        faultyCount = faultyCount_;
        configExpiresAt = expiresAt;
        uint48 count = ++configCount;
        bytes32 digest = configDigestOf(count, oracles, faultyCount_);
        configDigest = digest;
        isConfig[digest] = true;
        emit ConfigSet(digest, count, oracles, faultyCount_, expiresAt);
    }

    /// @inheritdoc IReports
    /// @dev A halt from an epoch stays where it is, or moves to an earlier one; never to one that is recorded, or
    /// before one that is: money has moved on it.
    function halt(uint64 epoch) external restricted {
        uint64 from = epoch > newestRecordedEpoch ? epoch : newestRecordedEpoch + 1;
        if (_isHalted && from >= _haltedFromEpoch) return;
        _isHalted = true;
        _haltedFromEpoch = from;
        emit Halted(from);
    }

    /// @notice Ends a halt: upholds the epochs, or takes back what was filed from the halted one on. Then the
    /// configuration is void, and the next epoch is that of `Resolved`, under a new one.
    function resolve(bool rolledBack) external restricted {
        require(_isHalted, Telemetry_NotHalted());
        uint64 from = _haltedFromEpoch;
        _isHalted = false;
        resolvedAt = uint64(block.timestamp);
        if (rolledBack) {
            configDigest = 0;
            if (from > lastEpoch + 1) from = lastEpoch + 1; // of epochs to come, none is on-chain
            _rollbacks[rollbackCount++] = from;
            if (from <= lastEpoch) {
                lastEpoch = from - 1;
                Silence storage silence = _silences[_commitments[from - 1]];
                reportedUntilAt = silence.isSilent ? silence.reportedUntilAt : uint64(from * EPOCH_SEC);
            }
        }
        emit Resolved(from, rolledBack);
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
        _requireInTime(report.epoch, endAt);
        _requireMeters(report, prior.meterWords);

        bytes32 metersHash = report.meterWords.listHash();
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

        bytes32 commitment = _file(notice.epoch, skipHash, prior.meterWords.listHash());
        _silences[commitment] = Silence(true, reportedUntilAt);
        emit Skipped(notice.epoch, skipHash, uint64(block.timestamp), signerBitmap, notice.reasonHash);
    }

    /// @notice Puts meters of a Final epoch where contracts can read them. Anyone may; doing it twice changes nothing.
    /// @param meterIndexes Which of the filing's lots, counted from 0; with none, the epoch is recorded all the same.
    function record(uint64 epoch, Filing calldata filing, uint256[] calldata meterIndexes) external {
        _requireNotHalted(epoch);
        bytes32 commitment = _requireFiling(epoch, filing);
        uint256 finalAt = filing.submittedAt + challengeSec;
        require(block.timestamp >= finalAt, Telemetry_NotFinal(epoch, finalAt, block.timestamp));
        if (epoch > newestRecordedEpoch) newestRecordedEpoch = epoch;
        bool silent = _silences[commitment].isSilent;
        uint256 lotCount = filing.meterWords.length / MeterWords.STRIDE;
        for (uint256 i; i < meterIndexes.length; ++i) {
            uint256 position = meterIndexes[i];
            require(position < lotCount, Telemetry_NoPosition(position, lotCount));
            bytes32[] calldata line = filing.meterWords[MeterWords.STRIDE * position:];
            LotId lotId = MeterWords.lotId(line[0]);
            bytes32 timeWord = line[MeterWords.TIME];
            if (silent) timeWord = MeterWords.withoutReporting(timeWord);
            Words memory words = Words(timeWord, line[MeterWords.ENERGY], line[MeterWords.RESOURCE]);
            _recorded[lotId][commitment] = words;
            emit Recorded(lotId, epoch, MeterWords.unpack(timeWord, words.energyWord, words.resourceWord));
        }
    }

    // Views

    /// @notice The oracle signers, ascending; a signature's index is its signer's place here.
    function signers() external view returns (address[] memory list) {
        list = new address[](faultyCount == 0 ? 0 : 3 * uint256(faultyCount) + 1);
        for (uint256 i; i < list.length; ++i) list[i] = _signers[i];
    }

    /// @inheritdoc IReports
    function commitments(uint64 epoch) public view returns (bytes32) {
        return epoch > lastEpoch ? bytes32(0) : _commitments[epoch];
    }

    /// @notice Whether the epoch is on-chain without a report: no GPU reported in it.
    function skipped(uint64 epoch) external view returns (bool) {
        return _silences[commitments(epoch)].isSilent;
    }

    /// @notice The first epoch a lot was reported in, or 0.
    function firstEpoch(LotId lotId) public view returns (uint64) {
        Noted storage first = _firsts[lotId];
        return _isTakenBack(first.epoch, first.rollbackCount) ? 0 : first.epoch;
    }

    /// @notice From which epoch on the telemetry is halted, or 0.
    function haltedFromEpoch() external view returns (uint64) {
        return _isHalted ? _haltedFromEpoch : 0;
    }

    /// @inheritdoc IReports
    function configDigestOf(
        uint64 configCount_,
        address[] calldata oracles,
        uint8 faultyCount_
    ) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), configCount_, oracles, faultyCount_));
    }

    /// @inheritdoc IReports
    function isInForce(bytes32 digest) external view returns (bool) {
        return digest != 0 && digest == configDigest && block.timestamp < configExpiresAt;
    }

    /// @inheritdoc IReports
    function isFiled(Report calldata report, uint64 submittedAt) external view returns (bool) {
        bytes32 metersHash = report.meterWords.listHash();
        return commitments(report.epoch) == _commitment(_reportHash(report, metersHash), metersHash, submittedAt);
    }

    /// @inheritdoc IReports
    function reportDigest(Report calldata report) external view returns (bytes32) {
        return _hashTypedDataV4(_reportHash(report, report.meterWords.listHash()));
    }

    /// @inheritdoc ITelemetry
    /// @dev Of a lot that was never reported, the newest epoch is the newest that anything was recorded of.
    function meterAt(LotId lotId, uint64 epoch) public view returns (Meter memory) {
        _requireNotHalted(epoch);
        require(epoch <= newestRecordedEpoch, Telemetry_NotRecorded(lotId, epoch));
        Words storage words = _recorded[lotId][_commitments[epoch]];
        if (words.timeWord == 0) {
            // A lot that no report names has counted nothing so far, as far as no rollback reaches.
            uint64 first = firstEpoch(lotId);
            require(first == 0 || epoch < first, Telemetry_NotRecorded(lotId, epoch));
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
        require(!_isHalted, Telemetry_Halted(_haltedFromEpoch));
        bytes32 current = configDigest;
        require(digest == current && digest != 0, Telemetry_WrongConfig(digest, current));
        require(block.timestamp < configExpiresAt, Telemetry_ConfigExpired(configExpiresAt, block.timestamp));
        uint64 expectedEpoch = lastEpoch + 1;
        require(epoch == expectedEpoch, Telemetry_WrongEpoch(epoch, expectedEpoch));
        _requireFiling(expectedEpoch - 1, prior);
        require(prevReportHash == prior.reportHash, Telemetry_WrongPrevReport(epoch, prevReportHash, prior.reportHash));
        uint256 endAt = (uint256(epoch) + 1) * EPOCH_SEC;
        require(block.timestamp >= endAt, Telemetry_Future(epoch, endAt, block.timestamp));
    }

    function _requireInTime(uint64 epoch, uint256 endAt) private view {
        uint256 deadlineAt = endAt + maxDelaySec;
        if (block.timestamp <= deadlineAt) return;
        // Nobody could report during a halt.
        if (resolvedAt > endAt) deadlineAt = uint256(resolvedAt) + maxDelaySec;
        require(block.timestamp <= deadlineAt, Telemetry_TooOld(epoch, deadlineAt, block.timestamp));
    }

    function _requireNotHalted(uint64 epoch) private view {
        if (_isHalted) require(epoch < _haltedFromEpoch, Telemetry_Halted(_haltedFromEpoch));
    }

    function _requireFiling(uint64 epoch, Filing calldata filing) private view returns (bytes32 given) {
        given = _commitment(filing.reportHash, filing.meterWords.listHash(), filing.submittedAt);
        bytes32 stored = commitments(epoch);
        require(given == stored, Telemetry_WrongPrior(epoch, given, stored));
    }

    function _file(uint64 epoch, bytes32 reportHash, bytes32 metersHash) private returns (bytes32 commitment) {
        commitment = _commitment(reportHash, metersHash, uint64(block.timestamp));
        _commitments[epoch] = commitment;
        lastEpoch = epoch;
    }

    /// @dev Whether a rollback after the first `sinceCount` took an epoch back. They are the authority's acts, and few.
    function _isTakenBack(uint64 epoch, uint64 sinceCount) private view returns (bool) {
        for (uint64 i = sinceCount; i < rollbackCount; ++i) {
            if (_rollbacks[i] <= epoch) return true;
        }
        return false;
    }

    /// @dev Walks the sorted lots beside the sorted lots before; both lists name each lot once.
    function _requireMeters(Report calldata report, bytes32[] calldata before) private {
        bytes32[] calldata words = report.meterWords;
        require(words.length % MeterWords.STRIDE == 0, Telemetry_BadWords(words.length));
        uint256 registeredCount;
        uint256 reportingCount;
        uint256 position;
        LotId above;
        for (uint256 i; i < words.length; i += MeterWords.STRIDE) {
            bytes32[] calldata line = words[i:i + MeterWords.STRIDE];
            LotId lotId = MeterWords.lotId(line[0]);
            require(LotId.unwrap(lotId) > LotId.unwrap(above), Telemetry_LotsUnsorted(lotId, above));
            above = lotId;
            if (_requireLine(report.epoch, line, before[position:])) position += MeterWords.STRIDE;
            bytes32 timeWord = line[MeterWords.TIME];
            unchecked {
                registeredCount += MeterWords.gpuCount(timeWord);
                reportingCount += MeterWords.reportingCount(timeWord);
            }
        }
        if (position != before.length) {
            revert Telemetry_LotMissing(MeterWords.lotId(before[position]), report.epoch);
        }
        require(
            registeredCount == report.devicesRegisteredCount && reportingCount == report.devicesReportingCount,
            Telemetry_WrongDeviceCount(registeredCount, reportingCount)
        );
    }

    /// @dev Judges a lot's line beside the first line before that is left; tells whether that one is of the same lot.
    function _requireLine(
        uint64 epoch,
        bytes32[] calldata line,
        bytes32[] calldata last
    ) private returns (bool isKnown) {
        bytes32 key = line[0];
        LotId lotId = MeterWords.lotId(key);
        if (last.length != 0) {
            LotId lastId = MeterWords.lotId(last[0]);
            isKnown = lastId == lotId;
            // A lot dropped from the list shows here, or after the loop when it was among the last.
            require(LotId.unwrap(lastId) >= LotId.unwrap(lotId), Telemetry_LotMissing(lastId, epoch));
        }
        if (!isKnown) {
            _requireFirst(epoch, lotId, line);
            return false;
        }
        uint32 gpuCount = MeterWords.gpuCount(line[MeterWords.TIME]);
        bytes32 lastTime = last[MeterWords.TIME];
        require(
            key == last[0] && gpuCount == MeterWords.gpuCount(lastTime),
            Telemetry_LotChanged(lotId, gpuCount, MeterWords.tdpW(key))
        );
        MeterBounds.requireWithin(lotId, line, lastTime, last[MeterWords.ENERGY], last[MeterWords.RESOURCE]);
    }

    function _requireFirst(uint64 epoch, LotId lotId, bytes32[] calldata line) private {
        IRegistry.Lot memory lot = registry.lot(lotId);
        uint32 gpuCount = MeterWords.gpuCount(line[MeterWords.TIME]);
        require(
            gpuCount == lot.gpuCount && line[0] == MeterWords.key(lotId, lot.tdpW),
            Telemetry_LotChanged(lotId, gpuCount, MeterWords.tdpW(line[0]))
        );
        _firsts[lotId] = Noted(epoch, rollbackCount);
        MeterBounds.requireWithin(lotId, line, 0, 0, 0);
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
