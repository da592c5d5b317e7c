// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

import {ITelemetry} from "../telemetry/ITelemetry.sol";
import {MeterWords} from "../telemetry/MeterWords.sol";
import {LotId, NodeId} from "../units.sol";

/// @title The readings, leaves and trees of server/protocol, as a contract sees them: runs the shared vectors.
contract MockProtocol {
    struct DeviceHour {
        uint32 deviceIndex;
        bytes32 deviceId;
        uint64 energyStartMJ;
        uint64 energyEndMJ;
        uint64 availableSec;
        uint64 allocatedSec;
        uint64 smActiveMilliSec;
        uint64 curtailedSec;
        uint64 workUnits;
        uint32 flagsBitmap;
        uint32 droppedCount;
    }

    struct Drops {
        uint32 blankCount;
        uint32 notANumberCount;
        uint32 negativeCount;
        uint32 outOfRangeCount;
        uint32 migRepeatCount;
        uint32 duplicateCount;
        uint32 outOfOrderCount;
        uint32 counterResetCount;
        uint32 gapCount;
        uint32 unidentifiedCount;
    }

    struct Reading {
        NodeId nodeId;
        LotId lotId;
        uint64 epoch;
        uint64 sequenceIndex;
        bytes32 prevReadingHash;
        uint64 periodStartAt;
        uint64 periodEndAt;
        bool isItMetered;
        uint64 itEnergyStartMJ;
        uint64 itEnergyEndMJ;
        Drops drops;
        DeviceHour[] devices;
    }

    bytes32 private constant DEVICE_TYPEHASH = keccak256(
        "DeviceHour(uint32 deviceIndex,bytes32 deviceId,uint64 energyStartMJ,uint64 energyEndMJ,uint64 availableSec,"
        "uint64 allocatedSec,uint64 smActiveMilliSec,uint64 curtailedSec,uint64 workUnits,uint32 flagsBitmap,"
        "uint32 droppedCount)"
    );
    bytes32 private constant DROPS_TYPEHASH = keccak256(
        "Drops(uint32 blankCount,uint32 notANumberCount,uint32 negativeCount,uint32 outOfRangeCount,"
        "uint32 migRepeatCount,uint32 duplicateCount,uint32 outOfOrderCount,uint32 counterResetCount,"
        "uint32 gapCount,uint32 unidentifiedCount)"
    );
    /// @notice Type hash of a reading.
    bytes32 public constant READING_TYPEHASH = keccak256(
        "Reading(uint64 nodeId,uint64 lotId,uint64 epoch,uint64 sequenceIndex,bytes32 prevReadingHash,"
        "uint64 periodStartAt,uint64 periodEndAt,bool isItMetered,uint64 itEnergyStartMJ,uint64 itEnergyEndMJ,"
        "Drops drops,DeviceHour[] devices)"
        "DeviceHour(uint32 deviceIndex,bytes32 deviceId,uint64 energyStartMJ,uint64 energyEndMJ,uint64 availableSec,"
        "uint64 allocatedSec,uint64 smActiveMilliSec,uint64 curtailedSec,uint64 workUnits,uint32 flagsBitmap,"
        "uint32 droppedCount)"
        "Drops(uint32 blankCount,uint32 notANumberCount,uint32 negativeCount,uint32 outOfRangeCount,"
        "uint32 migRepeatCount,uint32 duplicateCount,uint32 outOfOrderCount,uint32 counterResetCount,"
        "uint32 gapCount,uint32 unidentifiedCount)"
    );

    /// @notice Leaf of a registered device.
    function identityLeaf(uint32 leafIndex, bytes32 anchor, bytes32 nodeKeyHash) external pure returns (bytes32) {
        return _twice(abi.encode(uint256(1), uint256(leafIndex), anchor, nodeKeyHash));
    }

    /// @notice Leaf of a device's hour.
    function deviceLeaf(
        uint32 leafIndex,
        uint64 epoch,
        LotId lotId,
        NodeId nodeId,
        uint64 sequenceIndex,
        DeviceHour calldata hour
    ) external pure returns (bytes32) {
        bytes32 header = bytes32(abi.encodePacked(uint32(2), leafIndex, epoch, lotId, nodeId));
        bytes32 energy = bytes32(
            abi.encodePacked(hour.energyStartMJ, hour.energyEndMJ, hour.workUnits, hour.deviceIndex, hour.droppedCount)
        );
        bytes32 times = bytes32(
            abi.encodePacked(
                uint32(hour.availableSec),
                uint32(hour.allocatedSec),
                uint32(hour.curtailedSec),
                hour.flagsBitmap,
                hour.smActiveMilliSec,
                sequenceIndex
            )
        );
        return _twice(abi.encode(header, hour.deviceId, energy, times));
    }

    /// @notice Leaf of a published reading.
    function readingLeaf(
        uint32 leafIndex,
        uint64 epoch,
        LotId lotId,
        NodeId nodeId,
        bytes32 readingHash_,
        bytes32 r,
        bytes32 s
    ) external pure returns (bytes32) {
        bytes32 header = bytes32(abi.encodePacked(uint32(3), leafIndex, epoch, lotId, nodeId));
        return _twice(abi.encode(header, readingHash_, r, s));
    }

    /// @notice Whether a leaf is in the tree with that root.
    function isIncluded(bytes32[] calldata proof, bytes32 root, bytes32 leaf) external pure returns (bool) {
        return MerkleProof.verifyCalldata(proof, root, leaf);
    }

    /// @notice EIP-712 digest of a reading.
    function readingHash(bytes32 domainSeparator, Reading calldata reading) external pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](reading.devices.length);
        for (uint256 i; i < hashes.length; ++i) {
            hashes[i] = keccak256(abi.encode(DEVICE_TYPEHASH, reading.devices[i]));
        }
        bytes memory head = abi.encode(
            READING_TYPEHASH,
            reading.nodeId,
            reading.lotId,
            reading.epoch,
            reading.sequenceIndex,
            reading.prevReadingHash,
            reading.periodStartAt,
            reading.periodEndAt
        );
        bytes memory tail = abi.encode(
            reading.isItMetered,
            reading.itEnergyStartMJ,
            reading.itEnergyEndMJ,
            keccak256(abi.encode(DROPS_TYPEHASH, reading.drops)),
            keccak256(abi.encodePacked(hashes))
        );
        return keccak256(abi.encodePacked(hex"1901", domainSeparator, keccak256(bytes.concat(head, tail))));
    }

    /// @notice Whether a node signed a reading with that hash.
    function isSigned(bytes32 hash, bytes32 r, bytes32 s, bytes32 x, bytes32 y) external view returns (bool) {
        return P256.verify(sha256(abi.encodePacked(hash)), r, s, x, y);
    }

    /// @notice The counters of a meter's words.
    function unpack(
        bytes32 timeWord,
        bytes32 energyWord,
        bytes32 resourceWord
    ) external pure returns (ITelemetry.Meter memory) {
        return MeterWords.unpack(timeWord, energyWord, resourceWord);
    }

    /// @notice Whole watt-hours of an energy and of what was left over before, and what is left over now.
    function floorWh(uint256 energyMJ, uint256 carriedMJ) external pure returns (uint256 energyWh, uint256 leftMJ) {
        return ((energyMJ + carriedMJ) / 3_600_000, (energyMJ + carriedMJ) % 3_600_000);
    }

    function _twice(bytes memory leaf) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(keccak256(leaf)));
    }
}
