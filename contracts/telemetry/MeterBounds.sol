// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EPOCH_SEC, LotId} from "../units.sol";
import {MeterWords} from "./MeterWords.sol";

error Telemetry_CounterFell(LotId lotId, uint64 beforeUnits, uint64 afterUnits);
error Telemetry_TimeBound(LotId lotId, uint256 gpuSec, uint256 boundGpuSec);
error Telemetry_EnergyBound(LotId lotId, uint256 energyWh, uint256 boundWh);
error Telemetry_WrongDeviceCount(uint256 registeredCount, uint256 reportingCount);

/// @title What a lot's meter can have moved by in one epoch.
///
/// Bounds, for each lot and epoch
/// - No counter falls; no lot disappears; the number of GPUs and their design power never change.
/// - available + curtailed ≤ GPUs × 3600; allocated ≤ available; SM-active ≤ available.
/// - GPU energy ≤ IT energy ≤ facility energy; carbon-free-matched ≤ facility; IT energy ≤ 1.6 × design power.
///   (wall watts per GPU ÷ TDP of 1.10 to 1.30 were measured in MLPerf power logs)
///   Energy is floored to Wh with the remainder carried: one epoch's difference may be off by 1 Wh, the totals may not.
library MeterBounds {
    /// @dev Refuses the four words of a lot that break a bound against the words of the epoch before. Unchecked: sums
    /// and products of fields of 64 bits or less do not overflow 256.
    function requireWithin(
        LotId lotId,
        bytes32[] calldata line,
        bytes32 lastTime,
        bytes32 lastEnergy,
        bytes32 lastResource
    ) internal pure {
        bytes32 resource = line[MeterWords.RESOURCE];
        _delta(lotId, resource, lastResource, MeterWords.FIRST);
        _delta(lotId, resource, lastResource, MeterWords.SECOND);
        _delta(lotId, resource, lastResource, MeterWords.FOURTH);
        uint256 curtailed = _delta(lotId, resource, lastResource, MeterWords.THIRD);
        bytes32 timeWord = line[MeterWords.TIME];
        _requireTimes(lotId, timeWord, lastTime, curtailed);
        unchecked {
            // 1.6 × design power for one hour
            uint256 boundWh = (uint256(MeterWords.gpuCount(timeWord)) * MeterWords.tdpW(line[0]) * 16) / 10 + 1;
            _requireEnergies(lotId, line[MeterWords.ENERGY], lastEnergy, boundWh);
        }
    }

    function _requireTimes(LotId lotId, bytes32 word, bytes32 last, uint256 curtailed) private pure {
        uint256 gpuCount = MeterWords.gpuCount(word);
        uint256 reporting = MeterWords.reportingCount(word);
        require(reporting <= gpuCount, Telemetry_WrongDeviceCount(gpuCount, reporting));
        uint256 available = _delta(lotId, word, last, MeterWords.SECOND);
        unchecked {
            uint256 usedGpuSec = available + curtailed;
            uint256 boundGpuSec = gpuCount * EPOCH_SEC;
            require(usedGpuSec <= boundGpuSec, Telemetry_TimeBound(lotId, usedGpuSec, boundGpuSec));
        }
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
        unchecked {
            // The epoch's parts are no more than its wholes, within the carried remainder
            require(gpu <= it + 1, Telemetry_EnergyBound(lotId, gpu, it));
            require(it <= facility + 1, Telemetry_EnergyBound(lotId, it, facility));
            require(cfe <= facility + 1, Telemetry_EnergyBound(lotId, cfe, facility));
        }
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
}
