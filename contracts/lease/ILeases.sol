// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LeaseId, LotId} from "../units.sol";
import {IRateIndex} from "./IRateIndex.sol";

/// @title What the leases ask of a contract that holds the lien on a lot.
interface ILienholder {
    /// @notice The least price, in `asset`, at which the lot may be sold to its lessee: for less, the operator and an
    /// accomplice could buy the collateral off its creditors. The greatest number for a token that is not taken.
    function releaseAssets(LotId lotId, address asset) external view returns (uint256);

    /// @notice Reverts, with a reason, where the contract will not be the payee of a lease of the lot in `asset`. One
    /// that does not know the question, and gives no reason, has nothing against it.
    function requireLet(LotId lotId, address asset) external view;
}

/// @title What other contracts ask of the leases, what a lease says, and all that is told of it.
interface ILeases {
    // Terms

    enum Pricing {
        TakeOrPay, // the base rent each month
        Metered, // per GPU-hour that was available and allocated
        IndexLinked // the same, at the index of the lot's model, between a floor and a cap
    }

    enum EfficiencyMetric {
        None,
        Pue, // facility energy ÷ IT energy
        WhPerGpuHour // IT energy per GPU-hour that was available and allocated
    }

    struct SlaStep {
        uint16 availabilityBps; // below this availability …
        uint16 creditBps; // … this share of the period's rent is credited; the largest step reached counts
    }

    /// The rate per GPU-hour is a part of the index as fixed for the day the period starts on. All zero where the
    /// pricing is another.
    struct IndexClause {
        IRateIndex source;
        uint16 participationBps;
        uint256 floorAssets; // per GPU-hour
        uint256 capAssets;
    }

    /// What is saved beside the target is shared with the payee, what is used beyond it with the lessee. All zero where
    /// the metric is None.
    struct EfficiencyClause {
        EfficiencyMetric metric;
        uint32 targetUnits; // 1e4 × the ratio for Pue, Wh for WhPerGpuHour
        uint16 sharedBps; // this part of the energy's price is paid or credited …
        uint16 maxBps; // … up to this part of the period's rent
        uint256 kWhRateAssets; // the price of a kWh
    }

    struct PaymentClause {
        uint32 dueSec; // a receivable is due this long after it is invoiced
        uint16 lateFeeBps; // a year of 360 days, on what is left to pay
        uint32 cureSec; // unpaid this long after it was due, it is a default
        uint32 prepaidMonthCount; // base rents that the lessee pays into the escrow at the opening; take-or-pay only
        uint256 depositAssets; // that the lessee pays in at the opening
    }

    struct ExitClause {
        uint32 minPeriodCount; // neither ended early nor bought by the lessee before so many periods
        uint32 noticeSec; // from the lessee's notice to the early end
        uint32 renewalPeriodCount; // by which the lessee may prolong the lease, once; 0 for not at all
        uint16 renewalRentBps; // rent of those periods, in parts of the rent before
        uint256 terminationFeeAssets; // for each period not begun
        uint256 purchaseAssets; // price at which the lessee may buy the lot; 0 for not at all
    }

    struct Terms {
        LotId lotId;
        address lessee;
        address payee; // who the rent belongs to: the facility that holds the lien, or the operator
        address asset; // settlement token; one whole token is one dollar of the index
        Pricing pricing;
        uint64 startAt; // midnight UTC; its day of the month is the anchor day
        uint32 periodCount; // months
        uint256 baseRentAssets; // a month, TakeOrPay only
        uint256 gpuHourRateAssets; // per GPU-hour, Metered only
        IndexClause index;
        EfficiencyClause efficiency;
        PaymentClause payment;
        ExitClause exit;
        bool tripleNet; // take-or-pay without SLA or efficiency clause: the lessee bears what running the lot costs
        bool relatedParty;
        uint8 lesseeBucket; // the lessee's credit, as the parties see it: 0 is the best
        bytes2[] countries; // where the lot may stand; none for anywhere
        SlaStep[] sla; // availability strictly falling, credit strictly rising
        bytes32 documentHash; // the legal contract
        bytes32 salt; // makes two equal leases two
    }

    // What happens to a lease

    struct Status {
        address payee; // of the invoices to come
        uint32 periodCount; // with the renewed ones
        uint32 endCount; // how many of them are invoiced: fewer after an early end
        uint32 settledCount; // how many were; the lease is over when all that are to be were
        address purchaser; // the lessee once it bought the lot
        uint64 endAt; // the early end; 0 for none
        bool isInDefault;
        uint8 assetDecimalCount; // of an index-linked lease's token
        uint256 prepaidAssets; // in escrow
        uint256 depositAssets;
        uint256 owedAssets; // rent and termination fees invoiced and left to pay; late fees are counted beside it
    }

    /// What an invoice was made from, and what it says. See Invoice.
    struct Statement {
        uint32 gpuCount;
        uint256 periodSec; // that were let
        uint256 wholeSec; // of the whole month
        uint256 availableGpuSec;
        uint256 allocatedGpuSec;
        uint256 curtailedGpuSec;
        uint256 itEnergyWh;
        uint256 facilityEnergyWh;
        uint256 indexWad; // 0 where none was fixed, and of other pricings
        uint256 availabilityBps;
        uint256 rateAssets; // per GPU-hour
        uint256 baseAssets;
        uint256 meteredAssets;
        uint256 slaCreditAssets;
        uint256 bonusAssets; // of the efficiency clause
        uint256 excessCreditAssets; // of the efficiency clause
        uint256 dueAssets;
    }

    struct Payment {
        uint256 paidAssets; // by the escrow
        uint256 leftAssets; // to pay
        uint64 dueAt; // until then
        uint256 prepaidAssets; // in the escrow afterwards
    }

    /// What a payment did to a receivable.
    struct Reduction {
        address payee; // of the receivable; 0 where nothing is owed for the period
        uint256 lateFeeAssets; // paid of the late fee
        uint256 paidAssets; // paid of the receivable
        uint256 lateFeeLeftAssets;
        uint256 leftAssets;
        uint256 prepaidAssets; // in the escrow afterwards
    }

    // Errors

    error Lease_Unknown(LeaseId leaseId);
    error Lease_NotOperator(LotId lotId, address caller);
    error Lease_NotLessee(LeaseId leaseId, address caller);
    error Lease_NotPayee(LeaseId leaseId, address caller);
    error Lease_LotRetired(LotId lotId);
    error Lease_LotLeased(LotId lotId, LeaseId leaseId);
    error Lease_WrongPayee(address payee, address expected);
    error Lease_NoAsset(LotId lotId);
    error Lease_BadPeriods(LotId lotId, uint32 periodCount, uint32 maxCount);
    error Lease_NotMidnight(uint64 startAt);
    error Lease_StartPassed(uint64 startAt, uint256 earliestAt);
    error Lease_StartTooFar(uint64 startAt, uint256 latestAt);
    error Lease_BadRent(Pricing pricing, uint256 baseRentAssets, uint256 gpuHourRateAssets);
    /// No source, nothing of the index, no cap, a floor above it, a token of too many decimals; or a clause that the
    /// pricing does not use.
    error Lease_BadIndex(Pricing pricing, uint16 participationBps, uint256 floorAssets, uint256 capAssets);
    /// A target, price or part that is zero or too large; or a clause without a metric.
    error Lease_BadEfficiency(EfficiencyMetric metric, uint32 targetUnits, uint16 sharedBps, uint16 maxBps);
    error Lease_BadPayment(uint32 dueSec, uint16 lateFeeBps, uint32 cureSec, uint32 prepaidMonthCount);
    error Lease_BadExit(uint32 noticeSec, uint32 renewalPeriodCount, uint16 renewalRentBps);
    error Lease_TooLarge(uint256 assets, uint256 maxAssets);
    error Lease_NotNet(Pricing pricing, uint256 stepCount, EfficiencyMetric metric);
    error Lease_TooManyCountries(uint256 countryCount, uint256 maxCount);
    error Lease_WrongCountry(LotId lotId, bytes2 country);
    error Lease_SlaTooLong(uint256 stepCount, uint256 maxCount);
    error Lease_SlaUnsorted(uint256 stepIndex);
    error Lease_TermsUsed(LeaseId leaseId);
    error Lease_BadSignature(address lessee);
    error Lease_Ended(LeaseId leaseId);
    error Lease_NotEnded(LeaseId leaseId, uint32 settledCount, uint32 endCount);
    error Lease_UnknownPeriod(LeaseId leaseId, uint32 periodIndex, uint32 periodCount);
    error Lease_WrongPeriod(LeaseId leaseId, uint32 periodIndex, uint32 expectedIndex);
    error Lease_NotDue(LeaseId leaseId, uint256 untilAt);
    error Lease_IndexNotFixed(LeaseId leaseId, uint32 periodIndex, uint256 floorFromAt);
    error Lease_Owing(LeaseId leaseId, uint256 owedAssets);
    error Lease_ZeroAssets(LeaseId leaseId);
    error Lease_NotOwed(LeaseId leaseId, uint32 periodIndex);
    error Lease_CureOpen(LeaseId leaseId, uint32 periodIndex, uint256 untilAt);
    error Lease_EscrowPays(LeaseId leaseId, uint32 periodIndex, uint256 prepaidAssets);
    error Lease_InDefault(LeaseId leaseId);
    error Lease_Bought(LeaseId leaseId, address purchaser);
    error Lease_TooEarly(LeaseId leaseId, uint256 askedAt, uint256 earliestAt);
    error Lease_TooLate(LeaseId leaseId, uint256 askedAt, uint256 endAt);
    error Lease_NoOption(LeaseId leaseId);
    error Lease_NotBought(LeaseId leaseId);
    error Lease_NotHandedOver(LeaseId leaseId, address purchaser, address operator);
    error Lease_NotLienHolder(LeaseId leaseId, address caller, address holder);
    error Lease_PriceTooLow(LeaseId leaseId, uint256 assets, uint256 leastAssets);

    // Events: with their block's time they are all there is to know

    /// @notice A lease began; `terms` is all there is to it.
    event Opened(LeaseId indexed leaseId, LotId indexed lotId, address indexed lessee, address operator, Terms terms);

    /// @notice The lessee paid a deposit of `assets` in.
    event Deposited(LeaseId indexed leaseId, address indexed lessee, uint256 assets);

    /// @notice `assets` more are in a lease's escrow, which now holds `prepaidAssets`.
    event Prepaid(LeaseId indexed leaseId, address indexed payer, uint256 assets, uint256 prepaidAssets);

    /// @notice A period was settled: every input and output of the invoice, and how far the escrow paid it.
    event Invoiced(
        LeaseId indexed leaseId,
        uint32 indexed periodIndex,
        address indexed payee,
        uint256 fromAt,
        uint256 untilAt,
        Statement statement,
        Payment payment
    );

    /// @notice The fee for periods that will never begin was invoiced, in place of the first of them.
    event FeeInvoiced(
        LeaseId indexed leaseId,
        uint32 indexed periodIndex,
        address indexed payee,
        uint256 dueAssets,
        Payment payment
    );

    /// @notice `payer` paid `assets` for a period: what was not owed for it went to the escrow.
    event Paid(
        LeaseId indexed leaseId,
        uint32 indexed periodIndex,
        address indexed payer,
        uint256 assets,
        Reduction reduction
    );

    /// @notice The escrow paid for a period.
    event PaidFromEscrow(LeaseId indexed leaseId, uint32 indexed periodIndex, Reduction reduction);

    /// @notice The lessee gave notice: the lease ends at `endAt`, with period `endCount` − 1.
    event Terminated(LeaseId indexed leaseId, uint64 endAt, uint32 endCount);

    /// @notice A default was shown by a receivable: the lease ends at `endAt` (0: it is over or ran out), with period
    /// `endCount` − 1, and the deposit joined the escrow, which now holds `prepaidAssets`.
    event Defaulted(
        LeaseId indexed leaseId,
        uint32 indexed periodIndex,
        uint64 endAt,
        uint32 endCount,
        uint256 depositAssets,
        uint256 prepaidAssets
    );

    /// @notice The lessee bought the lot: `payee` has the price, the lease ends at `endAt` with period `endCount` − 1.
    event Purchased(
        LeaseId indexed leaseId,
        address indexed purchaser,
        address indexed payee,
        uint256 assets,
        uint64 endAt,
        uint32 endCount
    );

    /// @notice The lot that the lessee bought was handed over to it.
    event HandedOver(LeaseId indexed leaseId, address indexed purchaser);

    /// @notice The lessee prolonged the lease to `periodCount` periods.
    event Renewed(LeaseId indexed leaseId, uint32 periodCount);

    /// @notice What an ended lease had left of escrow and deposit became collectable by its lessee.
    event Refunded(LeaseId indexed leaseId, address indexed lessee, uint256 assets);

    /// @notice Invoices from the next one on belong to `to`.
    event Assigned(LeaseId indexed leaseId, address indexed from, address indexed to);

    /// @notice All that a lease paid and pays `payee` counts as a related party's.
    event MarkedRelated(LeaseId indexed leaseId, address indexed payee);

    /// @notice `payee` was paid all it could collect in `asset`.
    event Collected(address indexed payee, address indexed asset, uint256 assets);

    // What other contracts ask

    /// @notice The live lease of a lot, or 0. A lease whose lessee bought the lot stands until the lot was handed over
    /// and the last period is settled, or until that lessee lets it as the lot's operator.
    function leaseOf(LotId lotId) external view returns (LeaseId);

    /// @notice A lease: what was agreed and what became of it; reverts for an unknown one.
    function lease(LeaseId leaseId) external view returns (Terms memory terms, Status memory status);

    /// @notice The lot of a lease; 0 for an unknown one.
    function lotOf(LeaseId leaseId) external view returns (LotId);

    /// @notice The lessee of a lease; 0 for an unknown one.
    function lesseeOf(LeaseId leaseId) external view returns (address);

    /// @notice Who the rent of a lease's invoices from the next one on belongs to; 0 for an unknown lease.
    function payeeOf(LeaseId leaseId) external view returns (address);

    /// @notice The token a lease is paid in; 0 for an unknown one.
    function assetOf(LeaseId leaseId) external view returns (address);

    /// @notice The end of a lease that has periods to settle; 0 once all are, and for an unknown one.
    function unsettledUntilAt(LeaseId leaseId) external view returns (uint256);

    /// @notice Who bought the lot by the lease's purchase option, paid its price to the payee and waits for the lot; 0
    /// for nobody.
    function purchaserOf(LeaseId leaseId) external view returns (address);

    /// @notice Whether the lot's country is among those that the lease allows.
    function isLocated(LeaseId leaseId) external view returns (bool);

    /// @notice Invoiced and unpaid rent that belongs to `payee`.
    function receivableAssets(address payee, address asset) external view returns (uint256);

    /// @notice The same by the weeks (⌊time ÷ 604,800⌋) since the one its due time falls in: none or not due, 1 to 4,
    /// 5 to 8, 9 to 13, more.
    function ageing(address payee, address asset) external view returns (uint256[5] memory agesAssets);

    /// @notice Rent paid in for `payee` and not yet collected by it.
    function collectableAssets(address payee, address asset) external view returns (uint256);

    /// @notice What was ever paid for `payee` under leases (rent and fees, not the price of a lot), and what of it
    /// counts as a related party's. As `collect` takes all there is, what `totalAssets` grew by since the last one is
    /// rent.
    function revenueAssets(
        address payee,
        address asset
    ) external view returns (uint256 totalAssets, uint256 relatedAssets);

    /// @notice What a lease paid `payee`, and whether that counts as a related party's.
    function revenueOf(LeaseId leaseId, address payee) external view returns (uint248 assets, bool isRelated);

    /// @notice What lessees ever paid `payee` for lots that they bought.
    function soldAssets(address payee, address asset) external view returns (uint256);

    /// @notice How many leases were in default when they paid `payee` in `asset`.
    function defaultCount(address payee, address asset) external view returns (uint256);

    /// @notice Hands the rent of a lease's invoices from the next one on to `to`, who must be the holder of the lot's
    /// lien by then, or the operator of a lot without one. The payee only; what it was invoiced stays its own.
    function assign(LeaseId leaseId, address to) external;

    /// @notice Takes the rent of a lease's invoices from the next one on over from the lot's operator, who agreed to it
    /// by offering the lien. The holder of the lot's lien only; not of a lease whose lessee bought the lot.
    function takeRent(LeaseId leaseId) external;

    /// @notice Tells that the lot of a lease was handed over to the lessee who bought it, and operates it now. The
    /// payee only, once.
    function handOver(LeaseId leaseId) external;

    /// @notice Counts all that a lease ever pays the caller as a related party's. The payee only, or who was it.
    function markRelated(LeaseId leaseId) external;

    /// @notice Pays the caller all it can collect; returns how much that was.
    function collect(address asset) external returns (uint256 assets);
}
