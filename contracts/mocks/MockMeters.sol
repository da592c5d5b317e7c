// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITelemetry} from "../telemetry/ITelemetry.sol";
import {LotId} from "../units.sol";

/// @title A telemetry whose Final meters are what a test says.
contract MockMeters is ITelemetry {
    error Telemetry_NotRecorded(LotId lotId, uint64 epoch);

    mapping(LotId lotId => mapping(uint64 epoch => Meter)) private _meters;
    mapping(LotId lotId => mapping(uint64 epoch => bool)) private _isRecorded;
    uint64 public reportedUntilAt;

    function record(LotId lotId, uint64 epoch, Meter calldata meter) external {
        _meters[lotId][epoch] = meter;
        _isRecorded[lotId][epoch] = true;
    }

    function setReportedUntil(uint64 reportedUntilAt_) external {
        reportedUntilAt = reportedUntilAt_;
    }

    function meterAt(LotId lotId, uint64 epoch) external view returns (Meter memory) {
        require(_isRecorded[lotId][epoch], Telemetry_NotRecorded(lotId, epoch));
        return _meters[lotId][epoch];
    }
}
