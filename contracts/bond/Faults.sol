// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

import {IRegistry} from "../registry/IRegistry.sol";
import {IReports} from "../telemetry/IReports.sol";
import {EPOCH_SEC, NodeId} from "../units.sol";
import {IBonds} from "./IBonds.sol";

/// @title Decides, from calldata alone, that oracles signed what is false, and slashes them.
///
/// Assumptions
/// - An honest oracle signs no second report of an epoch under one configuration, and only reports that it recomputed:
///   so no proof below can be made of what honest oracles signed.
/// - Everything a proof needs is public: the report and its signatures are the submitting transaction's input, the
///   signers an event's, the leaves follow from the published readings.
///
/// Faults
/// - Two reports: one signer over two different reports of one configuration and epoch.
/// - False leaf: a device-hour leaf that no reading within the bounds makes: other kind or epoch, no lot of the report,
///   place or index beyond the counts, times, work or energy beyond what an hour holds.
/// - Doubled: two leaves with one device of a lot, one place in a lot or one leafIndex, or out of order. (One device in
///   two lots is what the registry calls a duplicate, and no oracle's fault.)
/// - Fallen counter: a device's next hour by the same node starts below where the last one ended. Only of two reports
///   that the chain holds: what was rolled back binds nobody. The next hour is the next one of the node's chain, or of
///   the next epoch: of others, honest oracles may know a reading between.
/// - False signature: a reading whose node does not exist, or did not sign it.
///
/// Consequences
/// - Each signer is slashed the sum that an oracle's bond has to hold, once for each kind, configuration and epoch.
///   The bounty is for whom the first proof names: who proves in the open can be copied.
/// - A fault that a quorum signed halts the telemetry from its epoch on where the chain holds the report, or may be
///   sent it next; once each, whoever was slashed for it before. Two reports halt only under the configuration in
///   force. So one faulty oracle stops nothing, nor do keys that signed for a configuration of the past.
contract Faults {
    enum Kind {
        None,
        TwoReports,
        FalseLeaf,
        Doubled,
        FallenCounter,
        FalseSignature
    }

    /// The preimage of a configuration's digest.
    struct Config {
        uint64 configCount;
        uint8 faultyCount;
        address[] oracles;
    }

    /// A report as it was signed; signers and signatures as `Telemetry.submit` has them.
    struct Statement {
        IReports.Report report;
        uint64 submittedAt; // when the chain took it; 0 where it did not
        uint256 signerBitmap;
        bytes signatures;
    }

    /// The four words of a leaf (server/protocol/leaf.ts), and its path to the root.
    struct Leaf {
        bytes32[4] words;
        bytes32[] proof;
    }

    uint256 private constant DEVICE_HOUR_KIND = 2;
    uint256 private constant READING_KIND = 3;
    // The bounds of server/protocol/rules.ts.
    uint256 private constant MAX_WORK_UNITS = 1 << 24;
    uint256 private constant FLAGS_MASK = 15;
    uint256 private constant BOUND_TENTHS = 16; // of the design power
    uint256 private constant MILLI = 1000;
    // Words of a lot in a report: lotId u64 · tdpW u32 in the low bits of the first, the GPUs in the top of the second.
    uint256 private constant STRIDE = 4;

    IReports public immutable telemetry;
    IRegistry public immutable registry;
    IBonds public immutable bonds;

    // Storage

    mapping(bytes32 faultId => bool) public isProven;
    // By what halts: once, whatever the authority made of it.
    mapping(bytes32 haltId => bool) private _hasHalted;

    event Proven(
        bytes32 indexed faultId,
        Kind kind,
        bytes32 indexed configDigest,
        uint64 epoch,
        address indexed signer,
        address bountyTo,
        uint256 takenAssets
    );

    error Faults_UnknownConfig(bytes32 configDigest, bytes32 givenDigest);
    error Faults_WrongSignatureCount(uint256 signatureCount, uint256 byteCount);
    error Faults_UnknownSigner(uint256 signerIndex, uint256 signerCount);
    error Faults_BadSignature(uint256 signerIndex, address recovered, address signer);
    error Faults_NoQuorum(uint256 signatureCount, uint256 quorumCount);
    error Faults_OtherEpoch(uint64 epoch, uint64 otherEpoch);
    error Faults_SameReport(bytes32 digest);
    error Faults_NoCommonSigner(uint256 signerBitmap, uint256 otherBitmap);
    error Faults_NotIncluded(bytes32 root, bytes32 leafHash);
    error Faults_WrongKind(uint256 kindIndex, uint256 expectedKindIndex);
    error Faults_SameLeaf(bytes32 leafHash);
    error Faults_LeafHolds(bytes32 leafHash);
    error Faults_LeavesApart(bytes32 leafHash, bytes32 otherLeafHash);
    error Faults_NotFiled(uint64 epoch);
    error Faults_NotNext(uint64 epoch, uint64 otherEpoch);
    error Faults_OtherDevice(bytes32 deviceId, bytes32 otherDeviceId);
    error Faults_CounterHolds(uint64 beforeMJ, uint64 startMJ);
    error Faults_NotNodeKey(NodeId nodeId);
    error Faults_SignatureHolds(NodeId nodeId);
    error Faults_AlreadyProven(Kind kind, uint64 epoch, uint256 signerBitmap);

    constructor(IReports telemetry_, IRegistry registry_, IBonds bonds_) {
        telemetry = telemetry_;
        registry = registry_;
        bonds = bonds_;
    }

    // Faults

    /// @notice Shows two different reports of one configuration and epoch; at fault is who signed both.
    /// @param bountyTo Has the bounty.
    function proveTwoReports(
        Config calldata config,
        Statement calldata a,
        Statement calldata b,
        address bountyTo
    ) external {
        require(a.report.epoch == b.report.epoch, Faults_OtherEpoch(a.report.epoch, b.report.epoch));
        bytes32 digest = telemetry.reportDigest(a.report);
        require(digest != telemetry.reportDigest(b.report), Faults_SameReport(digest));
        uint256 count = _requireSigned(config, a);
        uint256 otherCount = _requireSigned(config, b);
        uint256 both = a.signerBitmap & b.signerBitmap;
        require(both != 0, Faults_NoCommonSigner(a.signerBitmap, b.signerBitmap));
        bool isQuorums = Math.min(count, otherCount) >= _quorumCount(config);
        // One of the two may be true: of the past, only who still files can have the chain stopped for it.
        bool isFiled = isQuorums && telemetry.isInForce(a.report.configDigest) && (_isFiled(a) || _isFiled(b));
        _punish(Kind.TwoReports, config, a.report, both, bountyTo, isQuorums, isFiled);
    }

    /// @notice Shows a leaf of the report's device-hours that no device's hour can be.
    function proveFalseLeaf(
        Config calldata config,
        Statement calldata statement,
        Leaf calldata leaf,
        address bountyTo
    ) external {
        bytes32 leafHash = _requireIncluded(leaf, statement.report.readingsRoot);
        require(!_isWithin(statement.report, leaf.words), Faults_LeafHolds(leafHash));
        _punishQuorum(Kind.FalseLeaf, config, statement, bountyTo);
    }

    /// @notice Shows two leaves of the report's device-hours that cannot both be.
    function proveDoubled(
        Config calldata config,
        Statement calldata statement,
        Leaf calldata a,
        Leaf calldata b,
        address bountyTo
    ) external {
        bytes32 leafHash = _requireDeviceHour(a, statement.report.readingsRoot);
        bytes32 otherHash = _requireDeviceHour(b, statement.report.readingsRoot);
        require(leafHash != otherHash, Faults_SameLeaf(leafHash));
        uint256 leafIndex = _leafIndex(a.words);
        uint256 otherIndex = _leafIndex(b.words);
        uint256 place = _placeInLots(a.words);
        uint256 otherPlace = _placeInLots(b.words);
        bool isOneDevice = a.words[1] == b.words[1] && _lotId(a.words) == _lotId(b.words);
        bool isDoubled = isOneDevice || place == otherPlace || leafIndex == otherIndex;
        require(isDoubled || (leafIndex < otherIndex) != (place < otherPlace), Faults_LeavesApart(leafHash, otherHash));
        _punishQuorum(Kind.Doubled, config, statement, bountyTo);
    }

    /// @notice Shows that a device's energy counter starts, in the reading after, below where it ended in a report
    /// before; the chain holds both.
    /// @param beforeSubmittedAt When the report before was submitted.
    function proveFallenCounter(
        Config calldata config,
        Statement calldata statement,
        Leaf calldata leaf,
        IReports.Report calldata before,
        uint64 beforeSubmittedAt,
        Leaf calldata beforeLeaf,
        address bountyTo
    ) external {
        uint64 epoch = statement.report.epoch;
        require(_isFiled(statement), Faults_NotFiled(epoch));
        require(telemetry.isFiled(before, beforeSubmittedAt), Faults_NotFiled(before.epoch));
        _requireDeviceHour(leaf, statement.report.readingsRoot);
        _requireDeviceHour(beforeLeaf, before.readingsRoot);
        _requireNext(leaf.words, epoch, beforeLeaf.words, before.epoch);
        uint64 beforeMJ = uint64(uint256(beforeLeaf.words[2]) >> 128);
        uint64 startMJ = uint64(uint256(leaf.words[2]) >> 192);
        require(startMJ < beforeMJ, Faults_CounterHolds(beforeMJ, startMJ));
        _punishQuorum(Kind.FallenCounter, config, statement, bountyTo);
    }

    /// @notice Shows a published reading of the report whose node does not exist, or did not sign it.
    /// @param publicX The node's public key; nothing where it does not exist.
    function proveFalseSignature(
        Config calldata config,
        Statement calldata statement,
        Leaf calldata leaf,
        bytes32 publicX,
        bytes32 publicY,
        address bountyTo
    ) external {
        _requireIncluded(leaf, statement.report.dataHash);
        _requireKind(leaf.words, READING_KIND);
        NodeId nodeId = NodeId.wrap(_nodeId(leaf.words));
        if (NodeId.unwrap(nodeId) != 0 && NodeId.unwrap(nodeId) <= registry.nodeCount()) {
            require(registry.isNodeKey(nodeId, publicX, publicY), Faults_NotNodeKey(nodeId));
            bytes32 hash = sha256(abi.encode(leaf.words[1]));
            bool holds = P256.verify(hash, leaf.words[2], leaf.words[3], publicX, publicY);
            require(!holds, Faults_SignatureHolds(nodeId));
        }
        _punishQuorum(Kind.FalseSignature, config, statement, bountyTo);
    }

    // Views

    /// @notice What one signer is slashed once for.
    function faultIdOf(Kind kind, bytes32 configDigest, uint64 epoch, address signer) public pure returns (bytes32) {
        return keccak256(abi.encode(kind, configDigest, epoch, signer));
    }

    // Internal

    function _punishQuorum(Kind kind, Config calldata config, Statement calldata statement, address bountyTo) private {
        uint256 count = _requireSigned(config, statement);
        uint256 quorumCount = _quorumCount(config);
        require(count >= quorumCount, Faults_NoQuorum(count, quorumCount));
        _punish(kind, config, statement.report, statement.signerBitmap, bountyTo, true, _isFiled(statement));
    }

    /// @dev Slashes each signer of the bitmap that was not slashed for this before, and halts where nothing has for it.
    function _punish(
        Kind kind,
        Config calldata config,
        IReports.Report calldata report,
        uint256 signerBitmap,
        address bountyTo,
        bool isQuorums,
        bool isFiled
    ) private {
        bool isNew = isQuorums && _halt(kind, report, isFiled);
        for (uint256 i; signerBitmap >> i != 0; ++i) {
            if ((signerBitmap >> i) & 1 == 0) continue;
            if (_slash(kind, report, config.oracles[i], bountyTo)) isNew = true;
        }
        require(isNew, Faults_AlreadyProven(kind, report.epoch, signerBitmap));
    }

    /// @dev False where it does not halt, or has halted before. What was filed, and what might have been, are two.
    function _halt(Kind kind, IReports.Report calldata report, bool isFiled) private returns (bool) {
        bool isNext = telemetry.isInForce(report.configDigest) && report.epoch == telemetry.lastEpoch() + 1;
        bytes32 haltId = keccak256(abi.encode(kind, report.configDigest, report.epoch, isFiled));
        if (!(isFiled || isNext) || _hasHalted[haltId]) return false;
        _hasHalted[haltId] = true;
        telemetry.halt(report.epoch);
        return true;
    }

    /// @dev False where the signer was slashed for this before.
    function _slash(
        Kind kind,
        IReports.Report calldata report,
        address signer,
        address bountyTo
    ) private returns (bool) {
        bytes32 faultId = faultIdOf(kind, report.configDigest, report.epoch, signer);
        if (isProven[faultId]) return false;
        isProven[faultId] = true;
        bytes32 bondId = bonds.oracleBondId(signer);
        uint256 assets = bonds.requiredOracleAssets();
        assets = bonds.slash(bondId, faultId, assets, bountyTo, bonds.treasury(), bonds.proverBountyBps(), 0);
        emit Proven(faultId, kind, report.configDigest, report.epoch, signer, bountyTo, assets);
        return true;
    }

    /// @dev Refuses a statement with a signature that is not the one its bitmap names; gives how many it has.
    function _requireSigned(
        Config calldata config,
        Statement calldata statement
    ) private view returns (uint256 signatureCount) {
        bytes32 configDigest = statement.report.configDigest;
        bytes32 given = telemetry.configDigestOf(config.configCount, config.oracles, config.faultyCount);
        require(given == configDigest && telemetry.isConfig(configDigest), Faults_UnknownConfig(configDigest, given));
        bytes32 digest = telemetry.reportDigest(statement.report);
        bytes calldata signatures = statement.signatures;
        uint256 signerBitmap = statement.signerBitmap;
        for (uint256 i; signerBitmap >> i != 0; ++i) {
            if ((signerBitmap >> i) & 1 == 0) continue;
            require(i < config.oracles.length, Faults_UnknownSigner(i, config.oracles.length));
            uint256 start = 64 * signatureCount++;
            require(signatures.length >= start + 64, Faults_WrongSignatureCount(signatureCount, signatures.length));
            (address recovered, , ) = ECDSA.tryRecover(
                digest,
                bytes32(signatures[start:]),
                bytes32(signatures[start + 32:])
            );
            require(recovered == config.oracles[i], Faults_BadSignature(i, recovered, config.oracles[i]));
        }
        require(
            signatures.length == 64 * signatureCount,
            Faults_WrongSignatureCount(signatureCount, signatures.length)
        );
    }

    function _isFiled(Statement calldata statement) private view returns (bool) {
        return telemetry.isFiled(statement.report, statement.submittedAt);
    }

    function _quorumCount(Config calldata config) private pure returns (uint256) {
        return 2 * uint256(config.faultyCount) + 1;
    }

    function _requireIncluded(Leaf calldata leaf, bytes32 root) private pure returns (bytes32 leafHash) {
        leafHash = keccak256(abi.encode(keccak256(abi.encode(leaf.words))));
        require(MerkleProof.verifyCalldata(leaf.proof, root, leafHash), Faults_NotIncluded(root, leafHash));
    }

    function _requireDeviceHour(Leaf calldata leaf, bytes32 root) private pure returns (bytes32 leafHash) {
        leafHash = _requireIncluded(leaf, root);
        _requireKind(leaf.words, DEVICE_HOUR_KIND);
    }

    function _requireKind(bytes32[4] calldata words, uint256 expected) private pure {
        require(_kind(words) == expected, Faults_WrongKind(_kind(words), expected));
    }

    /// @dev The same device of the same node, in the reading after.
    function _requireNext(
        bytes32[4] calldata words,
        uint64 epoch,
        bytes32[4] calldata before,
        uint64 beforeEpoch
    ) private pure {
        require(words[1] == before[1], Faults_OtherDevice(words[1], before[1]));
        uint64 sequenceIndex = uint64(uint256(words[3]));
        uint256 beforeIndex = uint64(uint256(before[3]));
        bool isNext = epoch == uint256(beforeEpoch) + 1 || (epoch > beforeEpoch && sequenceIndex == beforeIndex + 1);
        require(isNext && _nodeId(words) == _nodeId(before), Faults_NotNext(epoch, beforeEpoch));
    }

    /// @dev Whether a leaf can be that of a device's hour in this report.
    function _isWithin(IReports.Report calldata report, bytes32[4] calldata words) private pure returns (bool) {
        if (_kind(words) != DEVICE_HOUR_KIND || uint64(uint256(words[0]) >> 128) != report.epoch) return false;
        if (_leafIndex(words) >= report.devicesReportingCount) return false;
        (uint256 gpuCount, uint256 tdpW) = _lotOf(report.meterWords, _lotId(words));
        uint256 energies = uint256(words[2]);
        if (uint32(energies >> 32) >= gpuCount || uint64(energies >> 64) > MAX_WORK_UNITS) return false;
        uint256 startMJ = energies >> 192;
        uint256 endMJ = uint64(energies >> 128);
        uint256 boundMJ = (tdpW * EPOCH_SEC * MILLI * BOUND_TENTHS) / 10;
        return endMJ >= startMJ && endMJ - startMJ <= boundMJ && _areTimesWithin(uint256(words[3]));
    }

    function _areTimesWithin(uint256 word) private pure returns (bool) {
        uint256 availableSec = uint32(word >> 224);
        uint256 allocatedSec = uint32(word >> 192);
        uint256 curtailedSec = uint32(word >> 160);
        uint256 flagsBitmap = uint32(word >> 128);
        uint256 smActiveMilliSec = uint64(word >> 64);
        return
            availableSec + curtailedSec <= EPOCH_SEC &&
            allocatedSec <= availableSec &&
            smActiveMilliSec <= availableSec * MILLI &&
            flagsBitmap <= FLAGS_MASK;
    }

    /// @dev GPUs of a lot and their design power as the report has them; no GPUs where it does not name the lot.
    function _lotOf(bytes32[] calldata meterWords, uint64 lotId) private pure returns (uint256 gpuCount, uint256 tdpW) {
        for (uint256 i; i + 1 < meterWords.length; i += STRIDE) {
            uint256 key = uint256(meterWords[i]);
            if (key >> 32 == lotId) return (uint256(meterWords[i + 1]) >> 224, uint32(key));
        }
    }

    // header: kind u32 | leafIndex u32 | epoch u64 | lotId u64 | nodeId u64
    function _kind(bytes32[4] calldata words) private pure returns (uint256) {
        return uint256(words[0]) >> 224;
    }

    function _leafIndex(bytes32[4] calldata words) private pure returns (uint256) {
        return uint32(uint256(words[0]) >> 192);
    }

    function _lotId(bytes32[4] calldata words) private pure returns (uint64) {
        return uint64(uint256(words[0]) >> 64);
    }

    function _nodeId(bytes32[4] calldata words) private pure returns (uint64) {
        return uint64(uint256(words[0]));
    }

    /// @dev (lotId, deviceIndex) as one number.
    function _placeInLots(bytes32[4] calldata words) private pure returns (uint256) {
        return (uint256(_lotId(words)) << 32) | uint32(uint256(words[2]) >> 32);
    }
}
