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

    /// @notice The live lease of a lot, or 0. A lease whose lessee bought the lot stands until the lot is the lessee's.
    function leaseOf(LotId lotId) external view returns (LeaseId);

    /// @notice The lot of a lease; 0 for an unknown one.
    function lotOf(LeaseId leaseId) external view returns (LotId);

    /// @notice The lessee of a lease; 0 for an unknown one.
    function lesseeOf(LeaseId leaseId) external view returns (address);

    /// @notice Who the rent of a lease's invoices from the next one on belongs to; 0 for an unknown lease.
    function payeeOf(LeaseId leaseId) external view returns (address);

    /// @notice Who bought the lot by the lease's purchase option and paid its price to the payee; 0 for nobody.
    function purchaserOf(LeaseId leaseId) external view returns (address);

    /// @notice Whether the lot's country is among those that the lease allows.
    function isLocated(LeaseId leaseId) external view returns (bool);

    /// @notice Invoiced and unpaid rent that belongs to `payee`.
    function receivableAssets(address payee, address asset) external view returns (uint256);

    /// @notice Rent paid in for `payee` and not yet collected by it.
    function collectableAssets(address payee, address asset) external view returns (uint256);

    /// @notice What was ever paid for `payee` under leases (rent and fees, not the price of a lot), and what of it counts
    /// as a related party's. As `collect` takes all there is, what `totalAssets` grew by from one to the next is rent.
    function revenueAssets(
        address payee,
        address asset
    ) external view returns (uint256 totalAssets, uint256 relatedAssets);

    /// @notice Hands the rent of a lease's invoices from the next one on to `to`, who must be the holder of the lot's
    /// lien by then, or the operator of a lot without one. The payee only; what it was invoiced stays its own.
    function assign(LeaseId leaseId, address to) external;

    /// @notice Counts all that a lease ever pays the caller as a related party's. The payee only, or who was it.
    function markRelated(LeaseId leaseId) external;

    /// @notice Pays the caller all it can collect; returns how much that was.
    function collect(address asset) external returns (uint256 assets);
}
