// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LotId} from "../units.sol";

/// @title What a facility asks of whoever values it and reads its meters.
interface IAppraisal {
    /// @notice All that a facility has and the hardware alone, when that was known (0: never), and for how long after
    /// it may be acted on.
    function valueOf(
        address facility
    ) external view returns (uint256 valueAssets, uint256 hardwareAssets, uint64 computedAt, uint32 maxAgeSec);

    /// @notice Reporting ÷ registered GPUs of a lot at the seven midnights up to `dayAt`, from recorded Final meters,
    /// rounded down.
    function coverageBps(LotId lotId, uint64 dayAt) external view returns (uint16 coverageBps_);

    /// @notice Facility ÷ IT energy of lots from the hour that `fromAt` is in to the hour that `untilAt` is in, both at
    /// their starts, from recorded Final meters, rounded up. Reverts where no IT energy was metered.
    function pueE4(LotId[] calldata lotIds, uint64 fromAt, uint64 untilAt) external view returns (uint256);
}
