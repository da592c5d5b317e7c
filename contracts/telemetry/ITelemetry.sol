// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LotId} from "../units.sol";

/// @title What other contracts ask of the telemetry.
interface ITelemetry {
    /// A lot's cumulative counters, since its first report; none ever falls.
    struct Meter {
        uint32 gpuCount;
        uint32 reportingCount; // GPUs that reported in the epoch the meter was read at
        uint64 availableGpuSec;
        uint64 allocatedGpuSec;
        uint64 smActiveGpuSec;
        uint64 gpuEnergyWh;
        uint64 itEnergyWh;
        uint64 facilityEnergyWh;
        uint64 cfeMatchedWh;
        uint64 waterMl;
        uint64 emissionsGCO2e;
        uint64 curtailedGpuSec;
        uint64 workUnits;
    }

    /// @notice The Final meter of a lot at the end of an epoch, as recorded. Zero for an epoch before the lot's first
    /// report, and up to the newest epoch for a lot that was never reported; reverts with `Telemetry_NotRecorded` where
    /// nobody has recorded it yet.
    function meterAt(LotId lotId, uint64 epoch) external view returns (Meter memory);

    /// @notice End of the newest period a quorum has reported on (Submitted or Final), unix seconds: how fresh the
    /// telemetry is.
    function reportedUntilAt() external view returns (uint64);
}
