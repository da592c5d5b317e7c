// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DayCount} from "../annuity.sol";
import {IGate} from "../compliance/IGate.sol";
import {ILeases} from "../lease/ILeases.sol";
import {IRegistry} from "../registry/IRegistry.sol";
import {LeaseId, LotId} from "../units.sol";
import {IAppraisal} from "./IAppraisal.sol";
import {Step} from "./Waterfall.sol";

/// What a class is.
enum ClassKind {
    Senior,
    Residual
}

/// How a senior class is repaid: what its schedule leaves outstanding after each date. After the last it is nothing.
enum PrincipalKind {
    LevelPay, // a level payment less a month's coupon
    Scheduled, // by a table
    Balloon, // all with the last payment
    Sequential // whenever there is cash
}

struct ClassTerms {
    ClassKind kind;
    PrincipalKind principalKind;
    DayCount dayCount;
    uint16 couponBps; // a year, without margin; residual: 0
    uint16 termMonthCount; // payments from the first date to the last; residual: 0
    uint16 callPremiumBps; // of what is outstanding when it is redeemed; residual: 0
    uint256 targetAssets; // the most that is raised
    uint256 minimumAssets; // the least; at least one whole token
    uint256 balloonAssets; // LevelPay: due with the last payment, if the target is raised and drawn
    uint64[] scheduledWad; // Scheduled: the part of principal that is left after each date, the last 0
}

struct ClassSettings {
    string name;
    string symbol;
    ClassTerms terms;
}

struct FeeTerms {
    address payee;
    uint16 collectionsBps; // of the rent collected since the payment date before
    uint256 fixedAssets; // each payment date
    uint256 capAssets; // the most a Fee step pays on a date; the rest is due at the FeeExcess step
}

/// What trips the facility. A ratio of 0 switches its test off.
struct Covenants {
    uint16 trapDscrBps; // below this debt service cover cash is trapped …
    uint16 amortiseDscrBps; // … and below this one the facility amortises early
    uint8 dscrPeriodCount; // payment dates that the cover is summed over
    uint16 maxLtvBps;
    uint16 minCoverageBps; // reporting ÷ registered GPUs of a lot, over a week
    uint32 covenantCureSec; // a breach open for so long lets anyone declare early amortisation
    uint32 interestCureSec; // the same for missed interest, or principal past its last date, and enforcement
    bytes2[] countries; // where lots may be; none: anywhere
}

/// The margin while measured PUE is at most this; the last row's above and while nobody shows it.
struct RatchetStep {
    uint32 maxPueE4;
    uint16 marginBps;
}

/// How a lot is sold in enforcement.
struct AuctionTerms {
    uint16 startBps; // of the lot's cost
    uint16 floorBps; // of the start
    uint32 durationSec; // from start to floor
}

/// All that is agreed before a facility exists; nothing of it changes afterwards.
struct Settings {
    address asset;
    address sponsor;
    ILeases leases;
    IRegistry registry;
    IGate gate;
    IAppraisal appraisal;
    uint64 raiseUntilAt; // the last second to subscribe
    uint64 firstPaymentAt; // anchor of the monthly dates, clamped to the month's end; also the end of funding
    uint64 anticipatedRepaymentAt; // from here on excess cash repays the seniors; 0: never
    uint64 callableAt; // from here on a new facility may redeem this one; 0: never
    uint16 advanceBps; // the most to be drawn of a lot's cost
    uint8 minEvidenceClass; // of a lot to be drawn on
    uint256 reserveTargetAssets;
    uint256 initialReserveAssets; // filled from escrow that was not drawn
    ClassSettings[] classes; // senior first, the residual last
    FeeTerms[] fees;
    Covenants covenants;
    RatchetStep[] ratchet; // PUE rising, margin not falling; none: no margin
    AuctionTerms auction;
    Step[] performingSteps; // also in a cash trap
    Step[] amortisationSteps;
    Step[] enforcementSteps;
}

/// What a refinancing draws on a lot.
struct LotDraw {
    LotId lotId;
    uint256 assets;
}

enum State {
    Raising,
    Funding,
    Performing,
    CashTrap,
    EarlyAmortisation,
    Enforcement,
    Closed,
    Refunding
}

/// What moves a facility out of Performing.
enum Trigger {
    Dscr,
    Ltv,
    Coverage,
    Country,
    Interest,
    Maturity
}

/// @title What the valuation asks of a class token.
interface IClassToken {
    /// @notice The facility that the class belongs to.
    function facility() external view returns (address);
}

/// @title What a facility asks of whoever created it.
interface IFacilities {
    /// @notice Whether it created a facility.
    function isFacility(address facility) external view returns (bool);

    /// @notice Whether subscriptions, draws and refinancings are stopped.
    function isPaused() external view returns (bool);
}

/// @title What a class token, the valuation and the portal's contracts ask of a facility; what its libraries say and
/// refuse.
interface IFacility {
    // Raising and funding

    event Subscribed(address indexed account, uint256 indexed classIndex, uint256 assets, uint256 raisedAssets);
    event FundingStarted(uint256 startedAt, uint256 escrowAssets);
    event RefundingStarted(uint256 escrowAssets, uint256 surplusAssets);
    event Refunded(address indexed account, address indexed to, uint256 indexed classIndex, uint256 assets);
    event Pledged(LotId indexed lotId, uint256 costAssets, uint8 evidenceClass);
    event Drawn(LotId indexed lotId, uint256 assets, uint256 lotDrawnAssets, uint256 escrowAssets);
    event PerformingStarted(uint256 startedAt, uint256 returnedAssets, uint256 reserveAssets);
    event ClassScheduled(
        uint256 indexed classIndex,
        uint256 returnedAssets,
        uint256 levelPaymentAssets,
        uint256 interestDueAssets
    );

    error Facility_WrongState(State state);
    error Facility_Paused();
    error Facility_NotSponsor(address caller);
    error Facility_NoAmount();
    error Facility_UnknownClass(uint256 classIndex, uint256 classCount);
    error Facility_RaiseOver(uint256 raiseUntilAt, uint256 timeAt);
    error Facility_OverTarget(uint256 classIndex, uint256 askedAssets, uint256 openAssets);
    error Facility_ClassShort(uint256 classIndex, uint256 raisedAssets, uint256 neededAssets);
    error Facility_FundingTooLate(uint256 firstPaymentAt, uint256 timeAt);
    error Facility_RaiseNotFailed(uint256 timeAt, uint256 raiseUntilAt, uint256 firstPaymentAt, uint256 drawnAssets);
    error Facility_NothingToRefund(address account);
    error Facility_LotFrozen(LotId lotId);
    error Facility_WeakEvidence(LotId lotId, uint256 evidenceClass, uint256 minEvidenceClass);
    error Facility_LeasePaysOther(LotId lotId, LeaseId leaseId, address payee);
    error Facility_RentInOther(LotId lotId, address asset);
    error Facility_OverAdvance(LotId lotId, uint256 wantedAssets, uint256 limitAssets);
    error Facility_TooManyLots(uint256 lotCount);
    error Facility_OverEscrow(uint256 askedAssets, uint256 escrowAssets);
    error Facility_CannotPerform(uint256 totalDrawnAssets, uint256 escrowAssets, uint256 firstPaymentAt);

    // Collecting and paying

    /// `rentAssets` is what of it is rent; the rest is the price of a lot that its lessee bought.
    event Collected(uint256 assets, uint256 rentAssets, uint256 collectionsAssets);
    event SurplusBooked(uint256 assets, uint256 collectionsAssets);
    event StepPaid(uint256 indexed paymentIndex, uint256 stepIndex, Step step, uint256 dueAssets, uint256 paidAssets);
    /// `collectionsAssets` is what was there to pay from, apart from the reserve and the trap; these two are as the
    /// date left them.
    event PaymentMade(
        uint256 indexed paymentIndex,
        uint256 dueAt,
        uint256 collectionsAssets,
        uint256 reserveAssets,
        uint256 trappedAssets
    );
    event Withdrawn(address indexed account, address indexed to, uint256 assets);

    error Facility_PaymentNotDue(uint256 paymentIndex, uint256 dueAt, uint256 timeAt);
    error Facility_NoSurplus(uint256 balanceAssets, uint256 ledgerAssets);
    error Facility_NothingToWithdraw(address account);
    error Facility_ClaimNotBacked(address caller, uint256 askedAssets, uint256 unclaimedAssets);

    // Covenants

    /// Between Performing and Closed; before and after, FundingStarted, PerformingStarted, RefundingStarted and
    /// FacilityClosed say.
    event StateChanged(State indexed from, State indexed to);
    /// What a payment date had to serve the seniors with, and what it took.
    /// From `missedAt` on, a payment date, a class waits for interest; 0: no more.
    event InterestMissed(uint256 indexed classIndex, uint256 missedAt, uint256 interestDueAssets);
    event CoverTested(uint256 indexed paymentIndex, uint256 netAssets, uint256 serviceAssets);
    /// `subjectId` is the lot's, 0 for the facility as a whole.
    event BreachOpened(Trigger indexed trigger, uint256 indexed subjectId, uint256 openedAt);
    event BreachCured(Trigger indexed trigger, uint256 indexed subjectId);
    // What was read when somebody declared a breach or its cure.
    event LtvShown(uint256 owedAssets, uint256 valueAssets);
    event CoverageShown(LotId indexed lotId, uint256 dayAt, uint256 coverageBps);
    event CountryShown(LotId indexed lotId, bytes2 country);
    event AmortisationDeclared(Trigger indexed trigger, uint256 indexed subjectId);
    event DefaultDeclared(Trigger indexed trigger, uint256 indexed classIndex);
    event MarginSet(uint256 indexed periodIndex, uint256 pueE4, uint256 marginBps);

    /// The trigger was not agreed on, or is none that this verb takes.
    error Facility_NotCovenanted(Trigger trigger);
    error Facility_CovenantHolds(Trigger trigger, uint256 subjectId);
    error Facility_CovenantBroken(Trigger trigger, uint256 subjectId);
    error Facility_BreachShown(Trigger trigger, uint256 subjectId, uint256 openedAt);
    error Facility_NoBreach(Trigger trigger, uint256 subjectId);
    error Facility_DayShown(LotId lotId, uint256 dayAt, uint256 shownAt);
    error Facility_DayTooOld(LotId lotId, uint256 dayAt, uint256 timeAt);
    error Facility_CureRuns(Trigger trigger, uint256 subjectId, uint256 cureUntilAt, uint256 timeAt);
    error Facility_NotMostSenior(uint256 classIndex, uint256 owedIndex);
    error Facility_NothingMissed(uint256 classIndex);
    error Facility_CashCovers(uint256 cashAssets, uint256 neededAssets);
    error Facility_NotMatured(
        uint256 classIndex,
        uint256 outstandingAssets,
        uint256 paymentCount,
        uint256 termMonthCount
    );
    error Facility_NotSenior(uint256 classIndex);
    error Facility_NoMargin(uint256 periodIndex, uint256 rowCount);
    error Facility_MarginShown(uint256 periodIndex);
    error Facility_PeriodOver(uint256 periodIndex, uint256 endAt, uint256 timeAt);
    error Facility_LotsUnsorted(LotId lotId);

    // Enforcement and the end

    event Released(LotId indexed lotId);
    event LotPurchased(LotId indexed lotId, address indexed purchaser, LeaseId indexed leaseId);
    event AuctionStarted(LotId indexed lotId, uint256 startAssets, uint256 floorAssets);
    event LotSold(LotId indexed lotId, address indexed buyer, uint256 priceAssets, uint256 collectionsAssets);
    event LotRedeemed(LotId indexed lotId, address indexed facility);
    event ClassRedeemed(
        uint256 indexed classIndex,
        uint256 interestAssets,
        uint256 premiumAssets,
        uint256 principalAssets
    );
    event Redeemed(address indexed facility, uint256 priceAssets, uint256 collectionsAssets);
    /// `sponsorAssets` of what was drawn is the sponsor's, beyond the price.
    event Refinanced(address indexed old, uint256 priceAssets, uint256 sponsorAssets);
    event RelatedDeclared(LeaseId indexed leaseId, address indexed lessee, uint256 residualShares);
    event ClassWrittenOff(uint256 indexed classIndex, uint256 lossAssets);
    event FacilityClosed(uint256 closedAt);

    error Facility_NotPledged(LotId lotId);
    error Facility_LotLeased(LotId lotId, LeaseId leaseId);
    error Facility_SeniorsOwed(uint256 owedAssets);
    error Facility_ResidualOwed(uint256 outstandingAssets);
    error Facility_LotsPledged(uint256 lotCount);
    error Facility_RentOutstanding(uint256 receivableAssets);
    error Facility_NotBought(LotId lotId, LeaseId leaseId);
    error Facility_LeaseUnsettled(LotId lotId, LeaseId leaseId, uint256 untilAt);
    error Facility_LotBought(LotId lotId, address purchaser);
    error Facility_ClassesCovered(uint256 owedAssets, uint256 cashAssets);
    error Facility_NoAuction(LotId lotId);
    error Facility_AuctionRunning(LotId lotId, uint256 untilAt);
    error Facility_NotVerified(address account);
    error Facility_PriceAbove(LotId lotId, uint256 priceAssets, uint256 maxAssets);
    error Facility_PaymentDue(uint256 paymentIndex, uint256 dueAt, uint256 timeAt);
    error Facility_StaleValue(uint256 computedAt, uint256 maxAgeSec, uint256 timeAt);
    error Facility_NotCallable(uint256 callableAt, uint256 timeAt);
    error Facility_Foreign(address facility);
    error Facility_OtherSponsor(address facility, address sponsor);
    error Facility_OtherAsset(address facility, address asset);
    error Facility_WrongPrice(uint256 priceAssets, uint256 neededAssets);
    error Facility_WrongLotCount(uint256 lotCount, uint256 pledgedCount);
    error Facility_NotRelated(LeaseId leaseId, address lessee);

    /// @notice Where the facility is in its life.
    function state() external view returns (State);

    /// @notice The settlement token all of its money is in.
    function asset() external view returns (address);

    /// @notice Who draws, and who may redeem the facility with a new one.
    function sponsor() external view returns (address);

    /// @notice Cash that belongs to the classes as a whole: funding not yet drawn, collections, reserve and trapped
    /// cash; without what is already owed to fee payees and holders.
    function cashAssets() external view returns (uint256);

    /// @notice Invoiced and unpaid rent that belongs to the facility, and rent it has not collected yet.
    function receivableAssets() external view returns (uint256);

    /// @notice How many classes there are: senior first, the residual last.
    function classCount() external view returns (uint256);

    /// @notice The share token of a class.
    function classToken(uint256 classIndex) external view returns (address);

    /// @notice What a class is owed now: outstanding principal plus interest accrued and unpaid; the residual is owed
    /// nothing certain: 0.
    function owedAssets(uint256 classIndex) external view returns (uint256);

    /// @notice Interest of a class accrued until now and unpaid.
    function accruedAssets(uint256 classIndex) external view returns (uint256);

    /// @notice The first payment date that the interest a class waits for was missed on; 0: it waits for none.
    function missedAt(uint256 classIndex) external view returns (uint64);

    /// @notice What each class would get of `assets`, all that the facility has, at this second: by the list of
    /// enforcement, or by a refund where nothing was drawn yet. Refuses in the middle of a verb.
    function enforcementAssets(uint256 assets) external view returns (uint256[] memory classAssets);

    /// @notice How many payment dates were run.
    function paymentCount() external view returns (uint32);

    /// @notice How often a lot was pledged or left.
    function lotChangeCount() external view returns (uint256);

    /// @notice How many lots are pledged, and whether one is.
    function lotCount() external view returns (uint256);
    function isPledged(LotId lotId) external view returns (bool);

    /// @notice What a new facility must pay now to redeem this one.
    function redemptionAssets() external view returns (uint256);

    /// @notice Pays the senior classes out of the caller's `priceAssets` and hands all lots and their leases to it.
    /// Only another facility of the same factory, sponsor and asset calls this, out of its `refinance`.
    function redeem(LotId[] calldata lotIds, uint256 priceAssets) external;

    /// @notice Pays a class holder's claim out of the ledger. Only the class token calls this.
    function payClaim(address to, uint256 assets) external;
}
