// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LotId} from "../units.sol";
import {ITelemetry} from "./ITelemetry.sol";

/// @title Packs and unpacks meters; most significant field first.
///
/// A lot's cumulative counters are signed, published and stored as four words, and a report's lots as one list of them:
/// - key: lotId u64 · tdpW u32, in the low 96 bits; the design power of one GPU is fixed by the registry, and carried
///   so that the power bound needs no call
/// - time: gpuCount, reportingCount u32 · availableGpuSec, allocatedGpuSec, smActiveGpuSec u64
/// - energy: gpuEnergyWh · itEnergyWh · facilityEnergyWh · cfeMatchedWh, u64 each
/// - resource: waterMl · emissionsGCO2e · curtailedGpuSec · workUnits, u64 each
library MeterWords {
    // Words of one lot, and the places of its words after the key.
    uint256 internal constant STRIDE = 4;
    uint256 internal constant TIME = 1;
    uint256 internal constant ENERGY = 2;
    uint256 internal constant RESOURCE = 3;

    // How far above the word's end its 64-bit fields begin.
    uint256 internal constant FIRST = 192;
    uint256 internal constant SECOND = 128;
    uint256 internal constant THIRD = 64;
    uint256 internal constant FOURTH = 0;

    /// @dev EIP-712 encoding of a list of words: the hash of their concatenation.
    function listHash(bytes32[] calldata words) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(words));
    }

    function key(LotId id, uint32 designW) internal pure returns (bytes32) {
        return bytes32((uint256(LotId.unwrap(id)) << 32) | designW);
    }

    function lotId(bytes32 keyWord) internal pure returns (LotId) {
        return LotId.wrap(uint64(uint256(keyWord) >> 32));
    }

    function tdpW(bytes32 keyWord) internal pure returns (uint32) {
        return uint32(uint256(keyWord));
    }

    function unpack(
        bytes32 timeWord,
        bytes32 energyWord,
        bytes32 resourceWord
    ) internal pure returns (ITelemetry.Meter memory meter) {
        meter.gpuCount = gpuCount(timeWord);
        meter.reportingCount = reportingCount(timeWord);
        meter.availableGpuSec = field(timeWord, SECOND);
        meter.allocatedGpuSec = field(timeWord, THIRD);
        meter.smActiveGpuSec = field(timeWord, FOURTH);
        meter.gpuEnergyWh = field(energyWord, FIRST);
        meter.itEnergyWh = field(energyWord, SECOND);
        meter.facilityEnergyWh = field(energyWord, THIRD);
        meter.cfeMatchedWh = field(energyWord, FOURTH);
        meter.waterMl = field(resourceWord, FIRST);
        meter.emissionsGCO2e = field(resourceWord, SECOND);
        meter.curtailedGpuSec = field(resourceWord, THIRD);
        meter.workUnits = field(resourceWord, FOURTH);
    }

    function gpuCount(bytes32 timeWord) internal pure returns (uint32) {
        return uint32(uint256(timeWord) >> 224);
    }

    function reportingCount(bytes32 timeWord) internal pure returns (uint32) {
        return uint32(uint256(timeWord) >> 192);
    }

    /// @dev The time word with reportingCount at zero: what holds for an epoch that was skipped.
    function withoutReporting(bytes32 timeWord) internal pure returns (bytes32) {
        return timeWord & ~bytes32(uint256(type(uint32).max) << 192);
    }

    /// @dev The 64-bit field above `shift` bits: FIRST, SECOND, THIRD or FOURTH.
    function field(bytes32 word, uint256 shift) internal pure returns (uint64) {
        return uint64(uint256(word) >> shift);
    }
}
