// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LeaseId, LotId} from "../units.sol";

/// @title What other contracts ask of the leases.
interface ILeases {
    enum Pricing {
        TakeOrPay, // the base rent each month
        Metered // per GPU-hour that was available and allocated
    }

    struct SlaStep {
        uint16 availabilityBps; // below this availability …
        uint16 creditBps; // … this share of the period's rent is credited; the largest step reached counts
    }

    struct Terms {
        LotId lotId;
        address lessee;
        address payee; // who the rent belongs to: the facility that holds the lien, or the operator
        address asset; // settlement token
        Pricing pricing;
        uint64 startAt; // midnight UTC; its day of the month is the anchor day
        uint32 periodCount; // months
        uint256 baseRentAssets; // a month
        uint256 gpuHourRateAssets; // per GPU-hour, Metered only
        uint32 dueSec; // a receivable is due this long after it is invoiced
        bool relatedParty;
        SlaStep[] sla; // availability strictly falling, credit strictly rising
        bytes32 documentHash; // the legal contract
        bytes32 salt; // makes two equal leases two
    }

    /// @notice The live lease of a lot, or 0.
    function leaseOf(LotId lotId) external view returns (LeaseId);

    /// @notice Who a lease's rent belongs to.
    function payeeOf(LeaseId leaseId) external view returns (address);

    /// @notice Invoiced and unpaid rent that belongs to `payee`.
    function receivableAssets(address payee, address asset) external view returns (uint256);

    /// @notice Rent paid in for `payee` and not yet collected by it.
    function collectableAssets(address payee, address asset) external view returns (uint256);

    /// @notice Pays the caller all it can collect; returns how much that was.
    function collect(address asset) external returns (uint256 assets);
}
