// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LotId} from "../units.sol";

/// @title What a facility's covenants ask about its hardware: its value, who reports, what it takes in energy.
interface IAppraisal {
    /// @notice What a facility is worth, the appraised hardware in it, and since when that is known (0: never); stale
    /// `maxAgeSec` after `computedAt`.
    function valueOf(
        address facility
    ) external view returns (uint256 valueAssets, uint256 hardwareAssets, uint64 computedAt, uint32 maxAgeSec);

    /// @notice GPUs of a lot that reported, of those registered, at the seven midnights up to `dayAt`, itself one.
    /// Reverts where a meter of them is not recorded and Final.
    function coverageBps(LotId lotId, uint64 dayAt) external view returns (uint16);

    /// @notice Facility energy over IT energy of lots between two full hours, rounded up, from Final meters. Reverts
    /// where a meter is missing or no energy was used.
    function pueE4(LotId[] calldata lotIds, uint64 fromAt, uint64 untilAt) external view returns (uint256);
}
