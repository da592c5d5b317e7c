// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {DAY_SEC, addMonths} from "../calendar.sol";
import {IRegistry} from "../registry/IRegistry.sol";
import {Settlement} from "../settlement.sol";
import {ITelemetry} from "../telemetry/ITelemetry.sol";
import {BPS, EPOCH_SEC, LeaseId, LotId} from "../units.sol";
import {ILeases} from "./ILeases.sol";
import {Invoice} from "./Invoice.sol";

/// @title Turns metered GPU time into rent: one lease per lot, one invoice per month, no claim form.
/// @notice
/// ROLES
/// - There is no admin and no pause. A lease is opened by its lot's operator with its lessee's signature, and nobody
///   can change it afterwards; the other verbs are open to anyone, but for the payee's `assign` and `markRelated`;
///   `collect` pays its caller.
/// - The payee is the holder of the lot's lien, or the operator of a lot without one. It may hand the invoices to come
///   to who is that then.
///
/// ASSUMPTIONS
/// - The registry and the telemetry are trusted: meters are Final, never fall, and allocated ≤ available.
/// - Rent is in a plain ERC-20. One that returns nothing is supported, one that delivers less than asked is refused,
///   one that rebases down can be short for those who collect last, in that token alone.
///
/// ACCEPTANCE
/// - Terms open at most one lease, and only with a signature that is valid in that block (EOA or ERC-1271).
/// - A lease starts at midnight UTC, not before today, so signed terms that nobody opened die at the end of the day
///   they would have started on.
/// - A lot has at most one live lease. A lease is live until its last period is settled; then the lot is free.
///
/// MONEY
/// - For each token: what is prepaid + what is collectable = what was paid in − what was collected. The balance is
///   never read as income, so a donation changes nothing.
/// - An invoice is paid from the lease's prepaid escrow first; the rest is a receivable of the payee. What is paid
///   beyond a receivable is prepaid. What is still prepaid when a lease has ended and owes nothing is its lessee's.
/// - Every rounding is against the payee (see Invoice).
///
/// LIVENESS
/// - Periods settle in order, each once its meters are recorded, however late: the counters are cumulative.
/// - No verb pays two parties, so a frozen one blocks nobody; what it is owed stays recorded.
/// - No verb loops, but over the SLA table of at most 8 steps.
contract Leases is ILeases, EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Settlement for IERC20;

    // Types

    struct Lease {
        Terms terms;
        address payee; // of the invoices to come
        uint32 settledCount;
        uint256 prepaidAssets;
        uint256 owedAssets; // sum of its receivables
    }

    struct Receivable {
        uint192 assets; // left to pay
        uint64 dueAt;
        address payee;
    }

    /// What a lease paid one of its payees.
    struct Revenue {
        uint248 assets;
        bool isRelated;
    }

    struct Payment {
        uint256 paidAssets; // by the escrow
        uint256 leftAssets; // to pay
        uint64 dueAt; // until then
        uint256 prepaidAssets; // in the escrow afterwards
    }

    error Lease_Unknown(LeaseId leaseId);
    error Lease_NotOperator(LotId lotId, address caller);
    error Lease_LotLeased(LotId lotId, LeaseId leaseId);
    error Lease_NotPayee(LeaseId leaseId, address caller);
    error Lease_WrongPayee(address payee, address expected);
    error Lease_NoAsset(LotId lotId);
    error Lease_BadPeriods(LotId lotId, uint32 periodCount, uint32 maxCount);
    error Lease_NotMidnight(uint64 startAt);
    error Lease_StartPassed(uint64 startAt, uint256 earliestAt);
    error Lease_StartTooFar(uint64 startAt, uint256 latestAt);
    error Lease_BadRent(Pricing pricing, uint256 baseRentAssets, uint256 gpuHourRateAssets);
    error Lease_SlaTooLong(uint256 stepCount, uint256 maxCount);
    error Lease_SlaUnsorted(uint256 stepIndex);
    error Lease_TermsUsed(LeaseId leaseId);
    error Lease_BadSignature(address lessee);
    error Lease_Ended(LeaseId leaseId);
    error Lease_NotEnded(LeaseId leaseId, uint32 settledCount, uint32 periodCount);
    error Lease_UnknownPeriod(LeaseId leaseId, uint32 periodIndex, uint32 periodCount);
    error Lease_WrongPeriod(LeaseId leaseId, uint32 periodIndex, uint32 expectedIndex);
    error Lease_NotDue(LeaseId leaseId, uint256 untilAt);
    error Lease_Owing(LeaseId leaseId, uint256 owedAssets);
    error Lease_ZeroAssets(LeaseId leaseId);

    /// @notice A lease began; `terms` is all there is to it.
    event Opened(LeaseId indexed leaseId, LotId indexed lotId, address indexed lessee, address operator, Terms terms);

    /// @notice `assets` more are in a lease's escrow, which now holds `prepaidAssets`.
    event Prepaid(LeaseId indexed leaseId, address indexed payer, uint256 assets, uint256 prepaidAssets);

    /// @notice A period was settled: every input and output of the invoice, and how far the escrow paid it.
    event Invoiced(
        LeaseId indexed leaseId,
        uint32 indexed periodIndex,
        address indexed payee,
        uint256 fromAt,
        uint256 untilAt,
        Invoice.Statement statement,
        Payment payment
    );

    /// @notice `payer` paid `assets`: `paidAssets` of them to the receivable, which then has `leftAssets` to pay; the
    /// others to the escrow, which then holds `prepaidAssets`.
    event Paid(
        LeaseId indexed leaseId,
        uint32 indexed periodIndex,
        address indexed payer,
        uint256 assets,
        uint256 paidAssets,
        uint256 leftAssets,
        uint256 prepaidAssets
    );

    /// @notice The escrow paid `paidAssets` of a receivable, which then has `leftAssets` to pay.
    event PaidFromEscrow(
        LeaseId indexed leaseId,
        uint32 indexed periodIndex,
        uint256 paidAssets,
        uint256 leftAssets,
        uint256 prepaidAssets
    );

    /// @notice What an ended lease had left in escrow became collectable by its lessee.
    event Refunded(LeaseId indexed leaseId, address indexed lessee, uint256 assets);

    /// @notice Invoices from the next one on belong to `to`.
    event Assigned(LeaseId indexed leaseId, address indexed from, address indexed to);

    /// @notice All that a lease paid and pays `payee` counts as a related party's.
    event MarkedRelated(LeaseId indexed leaseId, address indexed payee);

    /// @notice `payee` was paid all it could collect in `asset`.
    event Collected(address indexed payee, address indexed asset, uint256 assets);

    // Immutables

    /// @notice EIP-712 type hash of one step of the SLA table.
    bytes32 public constant SLA_STEP_TYPEHASH = keccak256("SlaStep(uint16 availabilityBps,uint16 creditBps)");

    /// @notice EIP-712 type hash of the terms that a lessee signs.
    bytes32 public constant TERMS_TYPEHASH = keccak256(
        "Terms(uint64 lotId,address lessee,address payee,address asset,uint8 pricing,uint64 startAt,"
        "uint32 periodCount,uint256 baseRentAssets,uint256 gpuHourRateAssets,uint32 dueSec,bool relatedParty,"
        "SlaStep[] sla,bytes32 documentHash,bytes32 salt)SlaStep(uint16 availabilityBps,uint16 creditBps)"
    );

    /// @notice The longest term: twenty years of months.
    uint32 public constant MAX_PERIOD_COUNT = 240;

    /// @notice The longest time between acceptance and start.
    uint64 public constant MAX_AHEAD_SEC = 366 days;

    /// @notice The most steps an SLA table may have.
    uint256 public constant MAX_SLA_COUNT = 8;

    // A rent beyond this is a mistake or an attempt to overflow the payee's totals. Times 2^64 GPU-seconds ÷ 3,600 it
    // is still below 2^192.
    uint256 private constant MAX_RENT_ASSETS = type(uint128).max;

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

    /// @notice The lease that terms were used for, by their EIP-712 struct hash; 0 for unused terms.
    mapping(bytes32 termsHash => LeaseId) public leaseByTerms;

    /// @dev By payee and token: all that leases paid, and the related parties' of it.
    mapping(address payee => mapping(address asset => uint256)) private _revenueAssets;
    mapping(address payee => mapping(address asset => uint256)) private _relatedAssets;
    mapping(LeaseId leaseId => mapping(address payee => Revenue)) private _revenues;

    mapping(LeaseId leaseId => Lease) private _leases;
    mapping(LeaseId leaseId => mapping(uint32 periodIndex => Receivable)) private _receivables;

    constructor(IRegistry registry_, ITelemetry telemetry_) EIP712("Rackbond Leases", "1") {
        registry = registry_;
        telemetry = telemetry_;
    }

    // Verbs

    /// @notice Opens a lease on the caller's lot with its lessee's EIP-712 signature over the terms.
    /// @dev Errors: Registry_UnknownLot, Lease_NotOperator, Lease_TermsUsed, Lease_LotLeased, those of `_checkTerms`,
    /// Lease_BadSignature.
    function open(
        Terms calldata terms,
        bytes calldata lesseeSignature
    ) external nonReentrant returns (LeaseId leaseId) {
        LotId lotId = terms.lotId;
        require(msg.sender == registry.lot(lotId).operator, Lease_NotOperator(lotId, msg.sender));
        bytes32 termsHash = _hash(terms);
        require(leaseByTerms[termsHash] == NONE, Lease_TermsUsed(leaseByTerms[termsHash]));
        require(leaseOf[lotId] == NONE, Lease_LotLeased(lotId, leaseOf[lotId]));
        _checkTerms(terms);
        require(
            SignatureChecker.isValidSignatureNowCalldata(terms.lessee, _hashTypedDataV4(termsHash), lesseeSignature),
            Lease_BadSignature(terms.lessee)
        );

        leaseId = LeaseId.wrap(++leaseCount);
        leaseOf[lotId] = leaseId;
        leaseByTerms[termsHash] = leaseId;
        _store(_leases[leaseId].terms, terms);
        _leases[leaseId].payee = terms.payee;
        _revenues[leaseId][terms.payee].isRelated = terms.relatedParty;
        emit Opened(leaseId, lotId, terms.lessee, msg.sender, terms);
    }

    /// @notice Adds `assets` of the caller's to a live lease's escrow.
    /// @dev Errors: Lease_Unknown, Lease_Ended, Lease_ZeroAssets, Settlement_WrongAmount.
    function prepay(LeaseId leaseId, uint256 assets) external nonReentrant {
        Lease storage l = _known(leaseId);
        require(l.settledCount < l.terms.periodCount, Lease_Ended(leaseId));
        require(assets > 0, Lease_ZeroAssets(leaseId));
        l.prepaidAssets += assets;
        emit Prepaid(leaseId, msg.sender, assets, l.prepaidAssets);
        IERC20(l.terms.asset).pullExact(msg.sender, assets);
    }

    /// @notice Invoices a lease's next period from the Final meters at its ends, and pays it from the escrow as far as
    /// that goes; the rest is due `dueSec` from now. After the last period the lot is free.
    /// @dev Errors: Lease_Unknown, Lease_Ended, Lease_WrongPeriod, Lease_NotDue, Telemetry_NotRecorded.
    function settle(LeaseId leaseId, uint32 periodIndex) external nonReentrant {
        Lease storage l = _known(leaseId);
        Terms memory terms = l.terms;
        require(l.settledCount < terms.periodCount, Lease_Ended(leaseId));
        require(periodIndex == l.settledCount, Lease_WrongPeriod(leaseId, periodIndex, l.settledCount));
        (uint256 fromAt, uint256 untilAt) = _period(terms.startAt, periodIndex);
        require(untilAt <= block.timestamp, Lease_NotDue(leaseId, untilAt));

        Invoice.Statement memory statement = Invoice.compute(
            terms,
            _meterAt(terms.lotId, fromAt),
            _meterAt(terms.lotId, untilAt),
            untilAt - fromAt
        );
        Payment memory payment;
        payment.paidAssets = Math.min(l.prepaidAssets, statement.dueAssets);
        payment.leftAssets = statement.dueAssets - payment.paidAssets;
        payment.dueAt = uint64(block.timestamp + terms.dueSec);
        payment.prepaidAssets = l.prepaidAssets - payment.paidAssets;

        l.settledCount = periodIndex + 1;
        if (periodIndex + 1 == terms.periodCount) leaseOf[terms.lotId] = NONE;
        l.prepaidAssets = payment.prepaidAssets;
        l.owedAssets += payment.leftAssets;
        address payee = l.payee;
        _receivables[leaseId][periodIndex] = Receivable(uint192(payment.leftAssets), payment.dueAt, payee);
        receivableAssets[payee][terms.asset] += payment.leftAssets;
        _earn(leaseId, payee, terms.asset, payment.paidAssets);
        emit Invoiced(leaseId, periodIndex, payee, fromAt, untilAt, statement, payment);
    }

    /// @notice Pays `assets` of the caller's for a period; what is more than is owed for it now is prepaid.
    /// @dev Errors: Lease_Unknown, Lease_UnknownPeriod, Lease_ZeroAssets, Settlement_WrongAmount.
    function pay(LeaseId leaseId, uint32 periodIndex, uint256 assets) external nonReentrant {
        Lease storage l = _known(leaseId);
        _checkPeriod(l, leaseId, periodIndex);
        require(assets > 0, Lease_ZeroAssets(leaseId));
        (uint256 paidAssets, uint256 leftAssets) = _reduce(l, leaseId, periodIndex, assets);
        l.prepaidAssets += assets - paidAssets;
        emit Paid(leaseId, periodIndex, msg.sender, assets, paidAssets, leftAssets, l.prepaidAssets);
        IERC20(l.terms.asset).pullExact(msg.sender, assets);
    }

    /// @notice Pays what is owed for a period from the lease's escrow, as far as that goes.
    /// @dev Errors: Lease_Unknown, Lease_UnknownPeriod, Lease_ZeroAssets when nothing is owed or nothing is prepaid.
    function payFromEscrow(LeaseId leaseId, uint32 periodIndex) external nonReentrant {
        Lease storage l = _known(leaseId);
        _checkPeriod(l, leaseId, periodIndex);
        (uint256 paidAssets, uint256 leftAssets) = _reduce(l, leaseId, periodIndex, l.prepaidAssets);
        require(paidAssets > 0, Lease_ZeroAssets(leaseId));
        l.prepaidAssets -= paidAssets;
        emit PaidFromEscrow(leaseId, periodIndex, paidAssets, leftAssets, l.prepaidAssets);
    }

    /// @notice Makes what an ended lease that owes nothing has left in escrow collectable by its lessee.
    /// @dev Errors: Lease_Unknown, Lease_NotEnded, Lease_Owing, Lease_ZeroAssets when nothing is left.
    function refund(LeaseId leaseId) external nonReentrant {
        Lease storage l = _known(leaseId);
        (uint32 settledCount, uint32 periodCount) = (l.settledCount, l.terms.periodCount);
        require(settledCount == periodCount, Lease_NotEnded(leaseId, settledCount, periodCount));
        require(l.owedAssets == 0, Lease_Owing(leaseId, l.owedAssets));
        uint256 assets = l.prepaidAssets;
        require(assets > 0, Lease_ZeroAssets(leaseId));
        l.prepaidAssets = 0;
        collectableAssets[l.terms.lessee][l.terms.asset] += assets;
        emit Refunded(leaseId, l.terms.lessee, assets);
    }

    /// @inheritdoc ILeases
    /// @dev Errors: Lease_Unknown, Lease_NotPayee, Lease_WrongPayee.
    function assign(LeaseId leaseId, address to) external nonReentrant {
        Lease storage l = _known(leaseId);
        require(msg.sender == l.payee, Lease_NotPayee(leaseId, msg.sender));
        _checkPayee(l.terms.lotId, to);
        l.payee = to;
        if (l.terms.relatedParty) _revenues[leaseId][to].isRelated = true;
        emit Assigned(leaseId, msg.sender, to);
    }

    /// @inheritdoc ILeases
    /// @dev Errors: Lease_Unknown, Lease_NotPayee.
    function markRelated(LeaseId leaseId) external nonReentrant {
        Lease storage l = _known(leaseId);
        Revenue storage r = _revenues[leaseId][msg.sender];
        require(msg.sender == l.payee || r.assets > 0, Lease_NotPayee(leaseId, msg.sender));
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

    /// @notice A lease: its terms, how many periods are settled, what its escrow holds and what it owes.
    /// @dev Errors: Lease_Unknown.
    function lease(
        LeaseId leaseId
    ) external view returns (Terms memory terms, uint32 settledCount, uint256 prepaidAssets, uint256 owedAssets) {
        Lease storage l = _known(leaseId);
        return (l.terms, l.settledCount, l.prepaidAssets, l.owedAssets);
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
        return _leases[leaseId].payee;
    }

    /// @inheritdoc ILeases
    /// @dev No terms give an option.
    function purchaserOf(LeaseId) external pure returns (address) {
        return address(0);
    }

    /// @inheritdoc ILeases
    /// @dev No terms name a country: all are allowed. Errors: Lease_Unknown.
    function isLocated(LeaseId leaseId) external view returns (bool) {
        _known(leaseId);
        return true;
    }

    /// @inheritdoc ILeases
    function revenueAssets(
        address payee,
        address asset
    ) external view returns (uint256 totalAssets, uint256 relatedAssets) {
        return (_revenueAssets[payee][asset], _relatedAssets[payee][asset]);
    }

    /// @notice A period of a lease: [fromAt, untilAt), whole calendar months from the start.
    /// @dev Errors: Lease_Unknown, Lease_UnknownPeriod.
    function periodAt(LeaseId leaseId, uint32 periodIndex) external view returns (uint256 fromAt, uint256 untilAt) {
        Lease storage l = _known(leaseId);
        _checkPeriod(l, leaseId, periodIndex);
        return _period(l.terms.startAt, periodIndex);
    }

    /// @notice What is left to pay for a period, and until when; zeros for a period that is not settled yet.
    /// @dev Errors: Lease_Unknown, Lease_UnknownPeriod.
    function receivable(LeaseId leaseId, uint32 periodIndex) external view returns (uint256 assets, uint64 dueAt) {
        _checkPeriod(_known(leaseId), leaseId, periodIndex);
        Receivable storage r = _receivables[leaseId][periodIndex];
        return (r.assets, r.dueAt);
    }

    /// @notice The digest a lessee signs to accept the terms.
    function digestOf(Terms calldata terms) external view returns (bytes32) {
        return _hashTypedDataV4(_hash(terms));
    }

    // Internal

    function _known(LeaseId leaseId) private view returns (Lease storage l) {
        l = _leases[leaseId];
        require(l.terms.periodCount > 0, Lease_Unknown(leaseId));
    }

    function _checkPeriod(Lease storage l, LeaseId leaseId, uint32 periodIndex) private view {
        uint32 periodCount = l.terms.periodCount;
        require(periodIndex < periodCount, Lease_UnknownPeriod(leaseId, periodIndex, periodCount));
    }

    /// @dev What can be refused without looking at the signature.
    function _checkTerms(Terms calldata terms) private view {
        _checkPayee(terms.lotId, terms.payee);
        require(terms.asset != address(0), Lease_NoAsset(terms.lotId));
        // Without these bounds two accomplices could keep a pledged lot let, and its facility open, for ever.
        require(
            terms.periodCount > 0 && terms.periodCount <= MAX_PERIOD_COUNT,
            Lease_BadPeriods(terms.lotId, terms.periodCount, MAX_PERIOD_COUNT)
        );

        require(terms.startAt % DAY_SEC == 0, Lease_NotMidnight(terms.startAt));
        uint256 earliestAt = block.timestamp - (block.timestamp % DAY_SEC);
        require(terms.startAt >= earliestAt, Lease_StartPassed(terms.startAt, earliestAt));
        uint256 latestAt = earliestAt + MAX_AHEAD_SEC;
        require(terms.startAt <= latestAt, Lease_StartTooFar(terms.startAt, latestAt));

        (uint256 usedAssets, uint256 unusedAssets) = terms.pricing == Pricing.TakeOrPay
            ? (terms.baseRentAssets, terms.gpuHourRateAssets)
            : (terms.gpuHourRateAssets, terms.baseRentAssets);
        require(
            usedAssets > 0 && usedAssets <= MAX_RENT_ASSETS && unusedAssets == 0,
            Lease_BadRent(terms.pricing, terms.baseRentAssets, terms.gpuHourRateAssets)
        );
        _checkSla(terms.sla);
    }

    /// @dev The lien holder, or the operator of a lot without one. Were any payee allowed, two strangers could inflate a
    /// facility's receivables with a lease of their own.
    function _checkPayee(LotId lotId, address payee) private view {
        address expected = registry.lienHolder(lotId);
        if (expected == address(0)) expected = registry.lot(lotId).operator;
        require(payee == expected, Lease_WrongPayee(payee, expected));
    }

    /// @dev Availability strictly falling from at most 10,000, credit strictly rising to at most 10,000.
    function _checkSla(SlaStep[] calldata sla) private pure {
        require(sla.length <= MAX_SLA_COUNT, Lease_SlaTooLong(sla.length, MAX_SLA_COUNT));
        uint256 aboveBps = BPS + 1;
        uint256 lowerCreditBps = 0;
        for (uint256 i = 0; i < sla.length; ++i) {
            (uint256 availabilityBps, uint256 creditBps) = (sla[i].availabilityBps, sla[i].creditBps);
            require(availabilityBps < aboveBps && creditBps > lowerCreditBps && creditBps <= BPS, Lease_SlaUnsorted(i));
            (aboveBps, lowerCreditBps) = (availabilityBps, creditBps);
        }
    }

    function _hash(Terms calldata terms) private pure returns (bytes32) {
        bytes32[] memory steps = new bytes32[](terms.sla.length);
        for (uint256 i = 0; i < steps.length; ++i) {
            SlaStep calldata step = terms.sla[i];
            steps[i] = keccak256(abi.encode(SLA_STEP_TYPEHASH, step.availabilityBps, step.creditBps));
        }
        // In two halves: the compiler cannot hold the fifteen words at once.
        return
            keccak256(
                bytes.concat(
                    abi.encode(
                        TERMS_TYPEHASH,
                        terms.lotId,
                        terms.lessee,
                        terms.payee,
                        terms.asset,
                        terms.pricing,
                        terms.startAt,
                        terms.periodCount
                    ),
                    abi.encode(
                        terms.baseRentAssets,
                        terms.gpuHourRateAssets,
                        terms.dueSec,
                        terms.relatedParty,
                        keccak256(abi.encodePacked(steps)),
                        terms.documentHash,
                        terms.salt
                    )
                )
            );
    }

    /// @dev Field by field: the compiler does not copy a struct that holds an array of structs.
    function _store(Terms storage stored, Terms calldata terms) private {
        stored.lotId = terms.lotId;
        stored.lessee = terms.lessee;
        stored.payee = terms.payee;
        stored.asset = terms.asset;
        stored.pricing = terms.pricing;
        stored.startAt = terms.startAt;
        stored.periodCount = terms.periodCount;
        stored.baseRentAssets = terms.baseRentAssets;
        stored.gpuHourRateAssets = terms.gpuHourRateAssets;
        stored.dueSec = terms.dueSec;
        stored.relatedParty = terms.relatedParty;
        for (uint256 i = 0; i < terms.sla.length; ++i) stored.sla.push(terms.sla[i]);
        stored.documentHash = terms.documentHash;
        stored.salt = terms.salt;
    }

    /// @dev Moves up to `assets` of a period's receivable to what its payee can collect.
    function _reduce(
        Lease storage l,
        LeaseId leaseId,
        uint32 periodIndex,
        uint256 assets
    ) private returns (uint256 paidAssets, uint256 leftAssets) {
        Receivable storage r = _receivables[leaseId][periodIndex];
        paidAssets = Math.min(assets, r.assets);
        leftAssets = r.assets - paidAssets;
        r.assets = uint192(leftAssets); // it only shrinks
        l.owedAssets -= paidAssets;
        receivableAssets[r.payee][l.terms.asset] -= paidAssets;
        _earn(leaseId, r.payee, l.terms.asset, paidAssets);
    }

    /// @dev What was paid for a payee under a lease is the payee's to collect.
    function _earn(LeaseId leaseId, address payee, address asset, uint256 assets) private {
        if (assets == 0) return;
        Revenue storage r = _revenues[leaseId][payee];
        r.assets += uint248(assets);
        _revenueAssets[payee][asset] += assets;
        if (r.isRelated) _relatedAssets[payee][asset] += assets;
        collectableAssets[payee][asset] += assets;
    }

    /// @dev The Final meter at a boundary: that of the epoch which ends there.
    function _meterAt(LotId lotId, uint256 boundaryAt) private view returns (ITelemetry.Meter memory) {
        return telemetry.meterAt(lotId, uint64(boundaryAt / EPOCH_SEC - 1));
    }

    /// @dev Period p = [start + p months, start + p + 1 months), each counted from the start.
    function _period(uint256 startAt, uint256 periodIndex) private pure returns (uint256 fromAt, uint256 untilAt) {
        return (addMonths(startAt, periodIndex), addMonths(startAt, periodIndex + 1));
    }
}
