// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LotId} from "../units.sol";
import {ITelemetry} from "./ITelemetry.sol";

/// One lot's cumulative counters as they are signed, published and stored: three packed words.
struct LotMeter {
    LotId lotId;
    uint32 tdpW; // of one GPU; fixed by the registry, carried so that the power bound needs no call
    bytes32 timeWord; // gpuCount, reportingCount u32; availableGpuSec, allocatedGpuSec, smActiveGpuSec u64
    bytes32 energyWord; // gpuEnergyWh · itEnergyWh · facilityEnergyWh · cfeMatchedWh, u64 each
    bytes32 resourceWord; // waterMl · emissionsGCO2e · curtailedGpuSec · workUnits, u64 each
}

/// @title Packs and unpacks meters; most significant field first.
library MeterWords {
    bytes32 internal constant LOT_METER_TYPEHASH = keccak256(
        "LotMeter(uint64 lotId,uint32 tdpW,bytes32 timeWord,bytes32 energyWord,bytes32 resourceWord)"
    );

    // How far above the word's end its 64-bit fields begin.
    uint256 internal constant FIRST = 192;
    uint256 internal constant SECOND = 128;
    uint256 internal constant THIRD = 64;
    uint256 internal constant FOURTH = 0;

    /// @dev EIP-712 struct hash.
    function structHash(LotMeter calldata meter) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    LOT_METER_TYPEHASH,
                    meter.lotId,
                    meter.tdpW,
                    meter.timeWord,
                    meter.energyWord,
                    meter.resourceWord
                )
            );
    }

    /// @dev EIP-712 encoding of the array: the hash of the concatenated struct hashes.
    function arrayHash(LotMeter[] calldata meters) internal pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](meters.length);
        for (uint256 i; i < meters.length; ++i) hashes[i] = structHash(meters[i]);
        return keccak256(abi.encodePacked(hashes));
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
