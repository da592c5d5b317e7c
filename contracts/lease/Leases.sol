// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {addMonths} from "../calendar.sol";
import {IRegistry} from "../registry/IRegistry.sol";
import {Settlement} from "../settlement.sol";
import {ITelemetry} from "../telemetry/ITelemetry.sol";
import {LeaseId, LotId} from "../units.sol";
import {ILeases} from "./ILeases.sol";
import {Invoice} from "./Invoice.sol";
import {LeaseTerms} from "./LeaseTerms.sol";

/// @title Turns metered GPU time into rent: one lease per lot, one invoice per month, no claim form.
/// @notice
/// ROLES
/// - There is no admin and no pause. A lease is opened by its lot's operator with its lessee's signature; its terms
///   never change. `terminate`, `purchase` and `renew` are the lessee's, as far as the terms give them; `assign` and
///   `markRelated` the payee's; `takeRent` the lien holder's; `collect` pays its caller; the rest is open to anyone.
/// - The payee is the holder of the lot's lien, or the operator of a lot without one. It may hand the invoices to come
///   to whoever is that then. A lien holder lets a lot be let, and becomes a payee, only if it has nothing against it.
///
/// ASSUMPTIONS
/// - The registry and the telemetry are trusted: meters are Final, never fall, and allocated ≤ available. An index is
///   trusted with the rate between floor and cap, and with nothing else: it can neither hold a period up nor reenter.
/// - Rent is in a plain ERC-20. One that returns nothing is supported, one that delivers less than asked is refused,
///   one that rebases down can be short for those who collect last, in that token alone.
///
/// ACCEPTANCE
/// - Terms open at most one lease, and only with a signature that is valid in that block (EOA or ERC-1271) and with the
///   lessee's deposit and prepaid months.
/// - A lease starts at midnight UTC, not before today, so signed terms that nobody opened die at the end of the day
///   they would have started on.
/// - A lot has at most one live lease. A lease is live until its last period is settled; then the lot is free. A lot
///   that its lessee bought is free once the lessee is its operator.
///
/// MONEY
/// - For each token: prepaid + deposits + collectable = paid in − collected. The balance is never read as income, so
///   a donation changes nothing.
/// - An invoice is paid from the lease's prepaid escrow first; the rest is a receivable of its payee. What is paid
///   beyond a receivable and its late fee is prepaid. What is left of escrow and deposit when a lease is over and owes
///   nothing is its lessee's.
/// - Every rounding is against the payee (see Invoice). A late fee is counted when something is paid, and paid first.
///
/// LIVENESS
/// - Periods settle in order, each once its meters are recorded, however late: the counters are cumulative. An index
///   that is not fixed holds its period up for ten days after the period's end, then the floor counts.
/// - No verb pays two parties, so a frozen one blocks nobody; what it is owed stays recorded.
/// - No verb loops, but over the SLA table and the countries, both short.
contract Leases is ILeases, EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Settlement for IERC20;

    // Types

    struct Lease {
        Terms terms;
        Status status;
    }

    struct Receivable {
        uint192 assets; // left to pay
        uint64 dueAt;
        address payee;
        uint64 countedAt; // until then late fees were counted
        uint256 lateFeeAssets; // of those, what is left to pay
    }

    /// What a lease paid one of its payees.
    struct Revenue {
        uint248 assets;
        bool isRelated;
    }

    // Immutables

    uint256 private constant WEEK_SEC = 7 days;
    // Due times are at most so many weeks ahead, and ages are told apart up to there.
    uint256 private constant WEEK_COUNT = 13;

    LeaseId private constant NONE = LeaseId.wrap(0);

    /// @notice Whose lots are leased.
    IRegistry public immutable registry;

    /// @notice Whose meters are invoiced.
    ITelemetry public immutable telemetry;

    // Storage

    /// @notice How many leases were ever opened; their ids are 1 to this.
    uint64 public leaseCount;

    /// @inheritdoc ILeases
    mapping(LotId lotId => LeaseId) public leaseOf;

    /// @inheritdoc ILeases
    mapping(address payee => mapping(address asset => uint256)) public receivableAssets;

    /// @inheritdoc ILeases
    /// @dev Also a lessee's refunds.
    mapping(address payee => mapping(address asset => uint256)) public collectableAssets;

    /// @inheritdoc ILeases
    mapping(address payee => mapping(address asset => uint256)) public soldAssets;
    mapping(address payee => mapping(address asset => uint256)) public defaultCount;
    mapping(LeaseId leaseId => mapping(address payee => Revenue)) public revenueOf;

    /// @notice The lease that terms were used for, by their EIP-712 struct hash; 0 for unused terms.
    mapping(bytes32 termsHash => LeaseId) public leaseByTerms;

    // Receivables by payee, token and the week they fall due in.
    mapping(address payee => mapping(address asset => mapping(uint256 weekIndex => uint256))) private _dueAssets;
    // All that leases paid by payee and token, and the related parties' of it.
    mapping(address payee => mapping(address asset => uint256)) private _revenueAssets;
    mapping(address payee => mapping(address asset => uint256)) private _relatedAssets;
    mapping(LeaseId leaseId => bool) private _isHandedOver;
    mapping(LeaseId leaseId => Lease) private _leases;
    mapping(LeaseId leaseId => mapping(uint32 periodIndex => Receivable)) private _receivables;

    constructor(IRegistry registry_, ITelemetry telemetry_) EIP712("Rackbond Leases", "1") {
        registry = registry_;
        telemetry = telemetry_;
    }

    // Verbs

    /// @notice Opens a lease on the caller's lot with its lessee's EIP-712 signature over the terms, and takes the
    /// deposit and the prepaid months from the lessee.
    /// @dev Errors: Registry_UnknownLot, Lease_NotOperator, Lease_TermsUsed, Lease_LotLeased, those of
    /// `LeaseTerms.check`, Lease_BadSignature, Settlement_WrongAmount.
    function open(
        Terms calldata terms,
        bytes calldata lesseeSignature
    ) external nonReentrant returns (LeaseId leaseId) {
        LotId lotId = terms.lotId;
        require(msg.sender == registry.lot(lotId).operator, Lease_NotOperator(lotId, msg.sender));
        bytes32 termsHash = LeaseTerms.hash(terms);
        require(leaseByTerms[termsHash] == NONE, Lease_TermsUsed(leaseByTerms[termsHash]));
        require(_isFree(lotId), Lease_LotLeased(lotId, leaseOf[lotId]));
        uint8 assetDecimalCount = LeaseTerms.check(terms, registry);
        LeaseTerms.checkSignature(terms.lessee, _hashTypedDataV4(termsHash), lesseeSignature);

        leaseId = LeaseId.wrap(++leaseCount);
        leaseOf[lotId] = leaseId;
        leaseByTerms[termsHash] = leaseId;
        Lease storage l = _leases[leaseId];
        LeaseTerms.store(l.terms, terms);
        uint256 depositAssets = terms.payment.depositAssets;
        uint256 prepaidAssets = terms.baseRentAssets * terms.payment.prepaidMonthCount;
        (l.status.payee, l.status.assetDecimalCount) = (terms.payee, assetDecimalCount);
        (l.status.periodCount, l.status.endCount) = (terms.periodCount, terms.periodCount);
        l.status.prepaidAssets = prepaidAssets;
        l.status.depositAssets = depositAssets;
        if (terms.relatedParty) revenueOf[leaseId][terms.payee].isRelated = true;
        emit Opened(leaseId, lotId, terms.lessee, msg.sender, terms);
        if (depositAssets > 0) emit Deposited(leaseId, terms.lessee, depositAssets);
        if (prepaidAssets > 0) emit Prepaid(leaseId, terms.lessee, prepaidAssets, prepaidAssets);
        if (depositAssets + prepaidAssets > 0) {
            IERC20(terms.asset).pullExact(terms.lessee, depositAssets + prepaidAssets);
        }
    }

    /// @notice Adds `assets` of the caller's to a live lease's escrow.
    /// @dev Errors: Lease_Unknown, Lease_Ended, Lease_ZeroAssets, Settlement_WrongAmount.
    function prepay(LeaseId leaseId, uint256 assets) external nonReentrant {
        Lease storage l = _live(leaseId);
        require(assets > 0, Lease_ZeroAssets(leaseId));
        l.status.prepaidAssets += assets;
        emit Prepaid(leaseId, msg.sender, assets, l.status.prepaidAssets);
        IERC20(l.terms.asset).pullExact(msg.sender, assets);
    }

    /// @notice Invoices a lease's next period from the Final meters at its ends, and pays it from the escrow as far as
    /// that goes; the rest is due `dueSec` from now. After the last period the lot is free.
    /// @dev Errors: Lease_Unknown, Lease_Ended, Lease_WrongPeriod, Lease_NotDue, Lease_IndexNotFixed,
    /// Telemetry_NotRecorded.
    function settle(LeaseId leaseId, uint32 periodIndex) external nonReentrant {
        Lease storage l = _live(leaseId);
        uint32 nextIndex = l.status.settledCount;
        require(periodIndex == nextIndex, Lease_WrongPeriod(leaseId, periodIndex, nextIndex));
        (uint256 fromAt, uint256 untilAt) = _period(l, periodIndex);
        require(untilAt <= block.timestamp, Lease_NotDue(leaseId, untilAt));

        Statement memory statement = Invoice.make(
            l.terms,
            Invoice.Subject(leaseId, periodIndex, l.status.assetDecimalCount, fromAt, untilAt),
            registry,
            telemetry
        );
        l.status.settledCount = periodIndex + 1;
        if (periodIndex + 1 == l.status.endCount) _free(leaseId);
        Payment memory payment = _invoice(leaseId, periodIndex, statement.dueAssets);
        emit Invoiced(leaseId, periodIndex, l.status.payee, fromAt, untilAt, statement, payment);
    }

    /// @notice Pays `assets` of the caller's for a period: the late fee, then the rent; what is more than is owed for
    /// it now is prepaid.
    /// @dev Errors: Lease_Unknown, Lease_UnknownPeriod, Lease_ZeroAssets, Settlement_WrongAmount.
    function pay(LeaseId leaseId, uint32 periodIndex, uint256 assets) external nonReentrant {
        Lease storage l = _having(leaseId, periodIndex);
        require(assets > 0, Lease_ZeroAssets(leaseId));
        Reduction memory r = _reduce(leaseId, periodIndex, assets);
        l.status.prepaidAssets += assets - r.lateFeeAssets - r.paidAssets;
        r.prepaidAssets = l.status.prepaidAssets;
        emit Paid(leaseId, periodIndex, msg.sender, assets, r);
        IERC20(l.terms.asset).pullExact(msg.sender, assets);
    }

    /// @notice Pays what is owed for a period from the lease's escrow, as far as that goes.
    /// @dev Errors: Lease_Unknown, Lease_UnknownPeriod, Lease_ZeroAssets when nothing is owed or nothing is prepaid.
    function payFromEscrow(LeaseId leaseId, uint32 periodIndex) external nonReentrant {
        _having(leaseId, periodIndex);
        require(_payFromEscrow(leaseId, periodIndex), Lease_ZeroAssets(leaseId));
    }

    /// @notice Shows a default by a receivable that is unpaid `cureSec` after its due time and that the escrow cannot
    /// pay: the lease ends with this hour, the deposit pays what is owed, the fee for the months left falls due. Also a
    /// lease that is over can be in default: its deposit pays what it owes.
    /// @dev Errors: Lease_Unknown, Lease_UnknownPeriod, Lease_InDefault, Lease_NotOwed, Lease_CureOpen,
    /// Lease_EscrowPays.
    function declareDefault(LeaseId leaseId, uint32 periodIndex) external nonReentrant {
        Lease storage l = _having(leaseId, periodIndex);
        require(!l.status.isInDefault, Lease_InDefault(leaseId));
        (uint256 assets, uint256 dueAt, uint256 lateFeeAssets) = receivable(leaseId, periodIndex);
        require(assets > 0, Lease_NotOwed(leaseId, periodIndex));
        uint256 curableUntilAt = dueAt + l.terms.payment.cureSec;
        require(block.timestamp >= curableUntilAt, Lease_CureOpen(leaseId, periodIndex, curableUntilAt));
        Status storage status = l.status;
        uint256 escrowAssets = status.prepaidAssets;
        require(escrowAssets < assets + lateFeeAssets, Lease_EscrowPays(leaseId, periodIndex, escrowAssets));

        uint256 depositAssets = status.depositAssets;
        escrowAssets += depositAssets;
        (status.isInDefault, status.depositAssets, status.prepaidAssets) = (true, 0, escrowAssets);
        ++defaultCount[status.payee][l.terms.asset];
        uint32 cutCount = _cut(leaseId, Invoice.hourEndAt(block.timestamp));
        emit Defaulted(leaseId, periodIndex, status.endAt, status.endCount, depositAssets, escrowAssets);
        _payFromEscrow(leaseId, periodIndex);
        _invoiceFee(leaseId, cutCount);
    }

    /// @notice Ends the caller's lease early, with the hour that `noticeSec` from now is in; the fee for the months
    /// left falls due.
    /// @dev Errors: Lease_Unknown, Lease_NotLessee, Lease_InDefault, Lease_Bought, Lease_TooLate, Lease_TooEarly.
    function terminate(LeaseId leaseId) external nonReentrant {
        Lease storage l = _ownRunning(leaseId);
        uint256 endAt = Invoice.hourEndAt(block.timestamp + l.terms.exit.noticeSec);
        require(endAt < _endAt(l), Lease_TooLate(leaseId, endAt, _endAt(l)));
        LeaseTerms.checkEarliest(l.terms, leaseId, endAt);
        uint32 cutCount = _cut(leaseId, endAt);
        emit Terminated(leaseId, uint64(endAt), l.status.endCount);
        _invoiceFee(leaseId, cutCount);
    }

    /// @notice Buys the lot for the price in the caller's lease, which owes nothing: the lease ends with this hour.
    /// @dev Errors: Lease_Unknown, Lease_NotLessee, Lease_InDefault, Lease_Bought, Lease_TooLate, Lease_NoOption,
    /// Lease_TooEarly, Lease_Owing, Lease_PriceTooLow, Settlement_WrongAmount.
    function purchase(LeaseId leaseId) external nonReentrant {
        Lease storage l = _ownRunning(leaseId);
        uint256 assets = l.terms.exit.purchaseAssets;
        require(assets > 0, Lease_NoOption(leaseId));
        LeaseTerms.checkEarliest(l.terms, leaseId, block.timestamp);
        require(l.status.owedAssets == 0, Lease_Owing(leaseId, l.status.owedAssets));
        (address payee, address asset) = (l.status.payee, l.terms.asset);
        LeaseTerms.checkPrice(l.terms, leaseId, registry);
        l.status.purchaser = msg.sender;
        _cut(leaseId, Invoice.hourEndAt(block.timestamp));
        collectableAssets[payee][asset] += assets;
        soldAssets[payee][asset] += assets;
        emit Purchased(leaseId, msg.sender, payee, assets, l.status.endAt, l.status.endCount);
        IERC20(asset).pullExact(msg.sender, assets);
    }

    /// @notice Prolongs the caller's lease by the periods that its terms give, once.
    /// @dev Errors: Lease_Unknown, Lease_NotLessee, Lease_InDefault, Lease_Bought, Lease_TooLate, Lease_NoOption.
    function renew(LeaseId leaseId) external nonReentrant {
        Lease storage l = _ownRunning(leaseId);
        uint32 moreCount = l.terms.exit.renewalPeriodCount;
        bool isFirst = l.status.periodCount == l.terms.periodCount;
        require(moreCount > 0 && isFirst && l.status.endAt == 0, Lease_NoOption(leaseId));
        l.status.periodCount += moreCount;
        l.status.endCount += moreCount;
        emit Renewed(leaseId, l.status.periodCount);
    }

    /// @notice Makes what is left of escrow and deposit collectable by the lessee, once the lease is over and owes
    /// nothing.
    /// @dev Errors: Lease_Unknown, Lease_NotEnded, Lease_Owing, Lease_ZeroAssets when nothing is left.
    function refund(LeaseId leaseId) external nonReentrant {
        Lease storage l = _known(leaseId);
        (uint32 settledCount, uint32 endCount) = (l.status.settledCount, l.status.endCount);
        require(settledCount == endCount, Lease_NotEnded(leaseId, settledCount, endCount));
        require(l.status.owedAssets == 0, Lease_Owing(leaseId, l.status.owedAssets));
        uint256 assets = l.status.prepaidAssets + l.status.depositAssets;
        require(assets > 0, Lease_ZeroAssets(leaseId));
        (l.status.prepaidAssets, l.status.depositAssets) = (0, 0);
        collectableAssets[l.terms.lessee][l.terms.asset] += assets;
        emit Refunded(leaseId, l.terms.lessee, assets);
    }

    /// @inheritdoc ILeases
    /// @dev Errors: Lease_Unknown, Lease_NotPayee, Lease_WrongPayee, those of the payee.
    function assign(LeaseId leaseId, address to) external nonReentrant {
        Lease storage l = _known(leaseId);
        require(msg.sender == l.status.payee, Lease_NotPayee(leaseId, msg.sender));
        LeaseTerms.checkPayee(l.terms.lotId, to, l.terms.asset, registry);
        _assign(leaseId, to);
    }

    /// @inheritdoc ILeases
    /// @dev Errors: Lease_Unknown, Lease_NotLienHolder, Lease_WrongPayee, Lease_Bought.
    function takeRent(LeaseId leaseId) external nonReentrant {
        Lease storage l = _known(leaseId);
        LeaseTerms.checkTaker(l.terms, l.status, leaseId, registry);
        _assign(leaseId, msg.sender);
    }

    /// @inheritdoc ILeases
    /// @dev Errors: Lease_Unknown, Lease_NotPayee, Lease_NotBought, Lease_NotHandedOver.
    function handOver(LeaseId leaseId) external nonReentrant {
        Lease storage l = _known(leaseId);
        require(msg.sender == l.status.payee, Lease_NotPayee(leaseId, msg.sender));
        address purchaser = purchaserOf(leaseId);
        require(purchaser != address(0), Lease_NotBought(leaseId));
        LeaseTerms.checkHandedOver(l.terms.lotId, leaseId, purchaser, registry);
        _isHandedOver[leaseId] = true;
        emit HandedOver(leaseId, purchaser);
        // The purchaser may have let the lot already.
        bool isLast = leaseOf[l.terms.lotId] == leaseId;
        if (isLast && l.status.settledCount == l.status.endCount) _free(leaseId);
    }

    /// @inheritdoc ILeases
    /// @dev Errors: Lease_Unknown, Lease_NotPayee.
    function markRelated(LeaseId leaseId) external nonReentrant {
        Lease storage l = _known(leaseId);
        Revenue storage r = revenueOf[leaseId][msg.sender];
        require(msg.sender == l.status.payee || r.assets > 0, Lease_NotPayee(leaseId, msg.sender));
        if (r.isRelated) return;
        r.isRelated = true;
        _relatedAssets[msg.sender][l.terms.asset] += r.assets;
        emit MarkedRelated(leaseId, msg.sender);
    }

    /// @inheritdoc ILeases
    function collect(address asset) external nonReentrant returns (uint256 assets) {
        assets = collectableAssets[msg.sender][asset];
        if (assets == 0) return 0;
        collectableAssets[msg.sender][asset] = 0;
        emit Collected(msg.sender, asset, assets);
        IERC20(asset).safeTransfer(msg.sender, assets);
    }

    // Views

    /// @inheritdoc ILeases
    /// @dev Errors: Lease_Unknown.
    function lease(LeaseId leaseId) external view returns (Terms memory terms, Status memory status) {
        Lease storage l = _known(leaseId);
        return (l.terms, l.status);
    }

    /// @inheritdoc ILeases
    function lotOf(LeaseId leaseId) external view returns (LotId) {
        return _leases[leaseId].terms.lotId;
    }

    /// @inheritdoc ILeases
    function lesseeOf(LeaseId leaseId) external view returns (address) {
        return _leases[leaseId].terms.lessee;
    }

    /// @inheritdoc ILeases
    function payeeOf(LeaseId leaseId) external view returns (address) {
        return _leases[leaseId].status.payee;
    }

    /// @inheritdoc ILeases
    function assetOf(LeaseId leaseId) external view returns (address) {
        return _leases[leaseId].terms.asset;
    }

    /// @inheritdoc ILeases
    function unsettledUntilAt(LeaseId leaseId) external view returns (uint256) {
        Lease storage l = _leases[leaseId];
        return l.status.settledCount < l.status.endCount ? _endAt(l) : 0;
    }

    /// @inheritdoc ILeases
    function purchaserOf(LeaseId leaseId) public view returns (address) {
        return _isHandedOver[leaseId] ? address(0) : _leases[leaseId].status.purchaser;
    }

    /// @inheritdoc ILeases
    /// @dev Errors: Lease_Unknown.
    function isLocated(LeaseId leaseId) external view returns (bool) {
        return LeaseTerms.isLocated(_known(leaseId).terms, registry);
    }

    /// @inheritdoc ILeases
    function ageing(address payee, address asset) external view returns (uint256[5] memory agesAssets) {
        mapping(uint256 weekIndex => uint256) storage due = _dueAssets[payee][asset];
        uint256 nowIndex = block.timestamp / WEEK_SEC;
        uint256 olderAssets = receivableAssets[payee][asset];
        for (uint256 weekIndex = nowIndex - WEEK_COUNT; weekIndex <= nowIndex + WEEK_COUNT; ++weekIndex) {
            uint256 assets = due[weekIndex];
            olderAssets -= assets;
            uint256 ageCount = nowIndex > weekIndex ? nowIndex - weekIndex : 0;
            agesAssets[Invoice.ageIndex(ageCount)] += assets;
        }
        agesAssets[4] = olderAssets;
    }

    /// @inheritdoc ILeases
    function revenueAssets(
        address payee,
        address asset
    ) external view returns (uint256 totalAssets, uint256 relatedAssets) {
        return (_revenueAssets[payee][asset], _relatedAssets[payee][asset]);
    }

    /// @notice A period of a lease: [fromAt, untilAt), whole calendar months from the start, the last one up to an
    /// early end.
    /// @dev Errors: Lease_Unknown, Lease_UnknownPeriod.
    function periodAt(LeaseId leaseId, uint32 periodIndex) external view returns (uint256 fromAt, uint256 untilAt) {
        return _period(_having(leaseId, periodIndex), periodIndex);
    }

    /// @notice What is left to pay for a period, since when it is due, and the late fee if it were paid now; zeros for
    /// a period that is not settled yet.
    /// @dev Errors: Lease_Unknown, Lease_UnknownPeriod.
    function receivable(
        LeaseId leaseId,
        uint32 periodIndex
    ) public view returns (uint256 assets, uint256 dueAt, uint256 lateFeeAssets) {
        Lease storage l = _having(leaseId, periodIndex);
        Receivable storage r = _receivables[leaseId][periodIndex];
        return (r.assets, r.dueAt, _lateFeeAssets(l, r));
    }

    /// @notice The digest a lessee signs to accept the terms.
    function digestOf(Terms calldata terms) external view returns (bytes32) {
        return _hashTypedDataV4(LeaseTerms.hash(terms));
    }

    // Internal

    function _known(LeaseId leaseId) private view returns (Lease storage l) {
        l = _leases[leaseId];
        require(l.status.periodCount > 0, Lease_Unknown(leaseId));
    }

    function _having(LeaseId leaseId, uint32 periodIndex) private view returns (Lease storage l) {
        l = _known(leaseId);
        uint32 periodCount = l.status.periodCount;
        require(periodIndex < periodCount, Lease_UnknownPeriod(leaseId, periodIndex, periodCount));
    }

    /// @dev Not let, or its last lease is over and was bought by who is the lot's operator and now lets it.
    function _isFree(LotId lotId) private view returns (bool) {
        Status storage last = _leases[leaseOf[lotId]].status;
        return leaseOf[lotId] == NONE || (last.settledCount == last.endCount && last.purchaser == msg.sender);
    }

    /// @dev A lease with a period to settle.
    function _live(LeaseId leaseId) private view returns (Lease storage l) {
        l = _known(leaseId);
        require(l.status.settledCount < l.status.endCount, Lease_Ended(leaseId));
    }

    /// @dev The caller's own lease, while its time runs and it was neither broken nor bought.
    function _ownRunning(LeaseId leaseId) private view returns (Lease storage l) {
        l = _known(leaseId);
        require(msg.sender == l.terms.lessee, Lease_NotLessee(leaseId, msg.sender));
        require(!l.status.isInDefault, Lease_InDefault(leaseId));
        require(l.status.purchaser == address(0), Lease_Bought(leaseId, l.status.purchaser));
        require(block.timestamp < _endAt(l), Lease_TooLate(leaseId, block.timestamp, _endAt(l)));
    }

    /// @dev The escrow pays what it can; the rest is a receivable of the payee.
    function _invoice(LeaseId leaseId, uint32 periodIndex, uint256 dueAssets) private returns (Payment memory payment) {
        Lease storage l = _leases[leaseId];
        (address payee, address asset) = (l.status.payee, l.terms.asset);
        payment.paidAssets = Math.min(l.status.prepaidAssets, dueAssets);
        payment.leftAssets = dueAssets - payment.paidAssets;
        payment.dueAt = uint64(block.timestamp + l.terms.payment.dueSec);
        payment.prepaidAssets = l.status.prepaidAssets - payment.paidAssets;
        l.status.prepaidAssets = payment.prepaidAssets;
        _earn(leaseId, payee, asset, payment.paidAssets);
        if (payment.leftAssets == 0) return payment;
        l.status.owedAssets += payment.leftAssets;
        _receivables[leaseId][periodIndex] = Receivable(
            uint192(payment.leftAssets),
            payment.dueAt,
            payee,
            payment.dueAt,
            0
        );
        receivableAssets[payee][asset] += payment.leftAssets;
        _dueAssets[payee][asset][payment.dueAt / WEEK_SEC] += payment.leftAssets;
    }

    /// @dev The fee for periods that were just cut off, in place of the first of them.
    function _invoiceFee(LeaseId leaseId, uint32 cutCount) private {
        Lease storage l = _leases[leaseId];
        uint256 feeAssets = l.terms.exit.terminationFeeAssets * cutCount;
        if (feeAssets == 0) return;
        uint32 periodIndex = l.status.endCount;
        Payment memory payment = _invoice(leaseId, periodIndex, feeAssets);
        emit FeeInvoiced(leaseId, periodIndex, l.status.payee, feeAssets, payment);
    }

    function _payFromEscrow(LeaseId leaseId, uint32 periodIndex) private returns (bool isPaid) {
        Status storage status = _leases[leaseId].status;
        Reduction memory r = _reduce(leaseId, periodIndex, status.prepaidAssets);
        isPaid = r.lateFeeAssets + r.paidAssets > 0;
        status.prepaidAssets -= r.lateFeeAssets + r.paidAssets;
        r.prepaidAssets = status.prepaidAssets;
        if (isPaid) emit PaidFromEscrow(leaseId, periodIndex, r);
    }

    /// @dev Counts the late fee; then moves up to `assets` of it and of the receivable to what the payee can collect.
    function _reduce(LeaseId leaseId, uint32 periodIndex, uint256 assets) private returns (Reduction memory p) {
        Lease storage l = _leases[leaseId];
        Receivable storage r = _receivables[leaseId][periodIndex];
        if (r.assets == 0) return p;
        p.payee = r.payee;
        uint256 lateFeeAssets = _lateFeeAssets(l, r);
        p.lateFeeAssets = Math.min(assets, lateFeeAssets);
        p.lateFeeLeftAssets = lateFeeAssets - p.lateFeeAssets;
        p.paidAssets = Math.min(assets - p.lateFeeAssets, r.assets);
        p.leftAssets = r.assets - p.paidAssets;

        r.assets = uint192(p.leftAssets); // it only shrinks
        if (block.timestamp > r.countedAt) r.countedAt = uint64(block.timestamp);
        r.lateFeeAssets = p.lateFeeLeftAssets;
        l.status.owedAssets -= p.paidAssets;
        (address payee, address asset) = (r.payee, l.terms.asset);
        receivableAssets[payee][asset] -= p.paidAssets;
        _dueAssets[payee][asset][r.dueAt / WEEK_SEC] -= p.paidAssets;
        _earn(leaseId, payee, asset, p.lateFeeAssets + p.paidAssets);
    }

    /// @dev The invoices to come are `to`'s.
    function _assign(LeaseId leaseId, address to) private {
        Lease storage l = _leases[leaseId];
        emit Assigned(leaseId, l.status.payee, to);
        l.status.payee = to;
        if (l.terms.relatedParty) revenueOf[leaseId][to].isRelated = true;
    }

    /// @dev What was paid for a payee under a lease is the payee's to collect.
    function _earn(LeaseId leaseId, address payee, address asset, uint256 assets) private {
        if (assets == 0) return;
        Revenue storage r = revenueOf[leaseId][payee];
        r.assets += uint248(assets);
        _revenueAssets[payee][asset] += assets;
        if (r.isRelated) _relatedAssets[payee][asset] += assets;
        collectableAssets[payee][asset] += assets;
    }

    /// @dev Ends a lease at `endAt`, where that is before its end; how many of its periods will therefore never begin.
    function _cut(LeaseId leaseId, uint256 endAt) private returns (uint32 cutCount) {
        Lease storage l = _leases[leaseId];
        if (endAt >= _endAt(l)) return 0;
        uint32 endCount = uint32(Invoice.begunCount(l.terms.startAt, endAt));
        cutCount = l.status.endCount - endCount;
        l.status.endAt = uint64(endAt);
        l.status.endCount = endCount;
        if (l.status.settledCount == endCount) _free(leaseId);
    }

    /// @dev The lot of a lease that is over. One that was bought stays taken until it was handed over, or its new
    /// operator lets it.
    function _free(LeaseId leaseId) private {
        if (purchaserOf(leaseId) == address(0)) leaseOf[_leases[leaseId].terms.lotId] = NONE;
    }

    function _lateFeeAssets(Lease storage l, Receivable storage r) private view returns (uint256) {
        uint256 lateSec = Math.saturatingSub(block.timestamp, r.countedAt);
        return r.lateFeeAssets + Invoice.lateFeeAssets(r.assets, l.terms.payment.lateFeeBps, lateSec);
    }

    function _endAt(Lease storage l) private view returns (uint256) {
        return l.status.endAt > 0 ? l.status.endAt : addMonths(l.terms.startAt, l.status.periodCount);
    }

    /// @dev Period p = [start + p months, start + p + 1 months), each counted from the start, up to an early end.
    function _period(Lease storage l, uint256 periodIndex) private view returns (uint256 fromAt, uint256 untilAt) {
        uint256 startAt = l.terms.startAt;
        (fromAt, untilAt) = (addMonths(startAt, periodIndex), addMonths(startAt, periodIndex + 1));
        uint256 endAt = l.status.endAt;
        if (endAt > fromAt) untilAt = Math.min(untilAt, endAt);
    }
}
