// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {amortizedAssets, interestAssets, levelPaymentAssets} from "../annuity.sol";
import {addMonths} from "../calendar.sol";
import {ILeases} from "../lease/ILeases.sol";
import {IRegistry} from "../registry/IRegistry.sol";
import {Settlement, Settlement_WrongAmount} from "../settlement.sol";
import {BPS, LeaseId, LotId, RAY, WAD, mulDivDown} from "../units.sol";
import {ClassToken} from "./ClassToken.sol";
import {Class, Fee, IFacility, Settings} from "./IFacility.sol";
import {Step, StepKind, Waterfall} from "./Waterfall.sol";

/// @title One SPV: raises money in classes, lends it against pledged lots, runs rent through a priority of payments.
///
/// Life. Raising → Funding → Performing → Closed; Refunding from Raising, or from Funding while nothing was drawn.
/// Ledger. All money is in one of: escrow (raised, not drawn), collections (received, not paid out), reserve, recorded
/// claims of the sponsor and the fee payees, income set aside for the classes. The token balance is never below their
/// sum. It is read as income nowhere except by `sync`, which books a surplus as collections for everyone to see.
/// Draws. Money leaves escrow only for a pledged lot whose evidence is good enough, whose live lease, if it has one,
/// pays this facility, and whose cost times the advance rate covers all that was drawn on it.
/// Undrawn escrow goes back, when performing starts, to the classes in proportion to their principal: the shares of
/// senior and residual money in the deal stay as they were agreed.
/// Interest. Each senior class accrues from the start of funding, on outstanding principal, by its day count, for
/// exactly the time between two payment dates. A date that is run late counts as if it had been run on its day.
/// Unpaid interest and fees are carried and bear no interest.
/// Principal. The schedule is the level payment less a month's coupon; a first period of another length and the day
/// count change the interest, never the schedule. Due is what is outstanding above the schedule, so a shortfall is due
/// again on the next date. After the last scheduled payment all is due, balloon included.
/// Reserve. On a date on which all outstanding principal is due its target is zero: it is released to pay it.
/// Residual. What the steps leave goes to the residual class on every date: as income while a senior class is owed
/// anything, then as principal until its own is repaid, then as income again.
/// Rounding. Interest down, level payment up by less than a unit, the last payment takes what is left.
/// Liveness. Every verb but subscribe, cancel, draw and the sponsor's early start is open to anyone or pulled by its
/// owner. Nothing pauses. Loops run over classes (≤ 8), fees (≤ 8) and steps only.
/// Roles. Sponsor: draws, starts performing before the first payment date, cancels. Access manager: cancels.
contract Facility is IFacility, AccessManaged, Initializable, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Settlement for IERC20;

    /// @inheritdoc IFacility
    address public asset;
    /// @inheritdoc IFacility
    State public state;
    uint16 public advanceBps;
    uint8 public minEvidenceClass;
    /// @notice Payment dates run so far.
    uint32 public paymentCount;
    address public sponsor;
    uint64 public raiseUntilAt;
    ILeases public leases;
    uint64 public firstPaymentAt;
    IRegistry public registry;
    /// @notice Start of the current interest period: the last payment date run, or the start of funding.
    uint64 public periodStartAt;

    uint256 public escrowAssets;
    uint256 public collectionsAssets;
    uint256 public reserveAssets;
    uint256 public reserveTargetAssets;
    /// @notice Rent collected since the last payment date: what fees in proportion to collections count.
    uint256 public periodRentAssets;
    uint256 public totalDrawnAssets;
    /// @notice Claims of the sponsor and the fee payees, together.
    uint256 public totalClaimableAssets;
    uint256 public feesPaidAssets;
    /// @inheritdoc IFacility
    uint256 public lotCount;

    Class[] private _classes;
    Fee[] private _fees;
    Step[] private _steps;
    mapping(address account => uint256) public claimableAssets;
    /// @notice Income set aside for a class token's holders and not yet claimed.
    mapping(address token => uint256) public unclaimedAssets;
    mapping(LotId lotId => uint256) public drawnAssets;
    mapping(LotId lotId => bool) public isPledged;

    event Subscribed(address indexed account, uint256 indexed classIndex, uint256 assets, uint256 raisedAssets);
    event FundingStarted(uint256 startedAt, uint256 escrowAssets);
    event RefundingStarted(uint256 escrowAssets, uint256 surplusAssets);
    event Refunded(address indexed account, address indexed to, uint256 indexed classIndex, uint256 assets);
    event Pledged(LotId indexed lotId, uint256 costAssets, uint8 evidenceClass);
    event Drawn(LotId indexed lotId, uint256 assets, uint256 lotDrawnAssets, uint256 escrowAssets);
    event PerformingStarted(uint256 startedAt, uint256 returnedAssets);
    event ClassScheduled(
        uint256 indexed classIndex,
        uint256 returnedAssets,
        uint256 levelPaymentAssets,
        uint256 interestDueAssets
    );
    event Collected(uint256 assets, uint256 collectionsAssets);
    event SurplusBooked(uint256 assets, uint256 collectionsAssets);
    event StepPaid(uint256 indexed paymentIndex, uint256 stepIndex, Step step, uint256 dueAssets, uint256 paidAssets);
    event PaymentMade(uint256 indexed paymentIndex, uint256 dueAt, uint256 collectionsAssets, uint256 reserveAssets);
    event Released(LotId indexed lotId);
    event FacilityClosed(uint256 closedAt);
    event Withdrawn(address indexed account, address indexed to, uint256 assets);

    error Facility_WrongState(State state);
    error Facility_NotSponsor(address caller);
    error Facility_NoAmount();
    error Facility_UnknownClass(uint256 classIndex, uint256 classCount);
    error Facility_RaiseOver(uint256 raiseUntilAt, uint256 timeAt);
    error Facility_OverTarget(uint256 classIndex, uint256 askedAssets, uint256 openAssets);
    error Facility_ClassShort(uint256 classIndex, uint256 raisedAssets, uint256 neededAssets);
    error Facility_FundingTooLate(uint256 firstPaymentAt, uint256 timeAt);
    error Facility_RaiseNotFailed(uint256 timeAt, uint256 raiseUntilAt, uint256 firstPaymentAt, uint256 drawnAssets);
    error Facility_NothingToRefund(address account);
    error Facility_WeakEvidence(LotId lotId, uint256 evidenceClass, uint256 minEvidenceClass);
    error Facility_LeasePaysOther(LotId lotId, LeaseId leaseId, address payee);
    error Facility_OverAdvance(LotId lotId, uint256 wantedAssets, uint256 limitAssets);
    error Facility_OverEscrow(uint256 askedAssets, uint256 escrowAssets);
    error Facility_CannotPerform(uint256 totalDrawnAssets, uint256 escrowAssets, uint256 firstPaymentAt);
    error Facility_PaymentNotDue(uint256 paymentIndex, uint256 dueAt, uint256 timeAt);
    error Facility_NoSurplus(uint256 balanceAssets, uint256 ledgerAssets);
    error Facility_NotPledged(LotId lotId);
    error Facility_LotLeased(LotId lotId, LeaseId leaseId);
    error Facility_SeniorsOwed(uint256 owedAssets);
    error Facility_LotsPledged(uint256 lotCount);
    error Facility_RentOutstanding(uint256 receivableAssets);
    error Facility_NothingToWithdraw(address account);
    error Facility_ClaimNotBacked(address caller, uint256 askedAssets, uint256 unclaimedAssets);

    modifier onlyIn(State state_) {
        require(state == state_, Facility_WrongState(state));
        _;
    }

    modifier onlyRepaid() {
        uint256 owed = _seniorOwedAssets();
        require(owed == 0, Facility_SeniorsOwed(owed));
        _;
    }

    constructor() AccessManaged(address(0)) {
        _disableInitializers();
    }

    /// @notice Sets a clone up with settings that `Facilities` has checked: once, in the transaction that creates it.
    function initialize(
        Settings calldata settings,
        address[] calldata tokens,
        address authority_
    ) external initializer {
        _setAuthority(authority_);
        asset = settings.asset;
        sponsor = settings.sponsor;
        leases = settings.leases;
        registry = settings.registry;
        raiseUntilAt = settings.raiseUntilAt;
        firstPaymentAt = settings.firstPaymentAt;
        advanceBps = settings.advanceBps;
        minEvidenceClass = settings.minEvidenceClass;
        reserveTargetAssets = settings.reserveTargetAssets;
        for (uint256 i = 0; i < tokens.length; ++i) {
            Class storage class = _classes.push();
            class.token = tokens[i];
            class.terms = settings.classes[i].terms;
        }
        for (uint256 i = 0; i < settings.fees.length; ++i) _fees.push(Fee(settings.fees[i], 0));
        for (uint256 i = 0; i < settings.steps.length; ++i) _steps.push(settings.steps[i]);
    }

    // Raising

    /// @notice Buys shares of a class at one asset each. Reverts over the target, after the deadline, or when the gate
    /// does not let the caller receive.
    function subscribe(uint256 classIndex, uint256 assets) external nonReentrant onlyIn(State.Raising) {
        require(block.timestamp <= raiseUntilAt, Facility_RaiseOver(raiseUntilAt, block.timestamp));
        require(assets != 0, Facility_NoAmount());
        Class storage class = _class(classIndex);
        uint256 openAssets = class.terms.targetAssets - class.raisedAssets;
        require(assets <= openAssets, Facility_OverTarget(classIndex, assets, openAssets));
        class.raisedAssets += assets;
        class.outstandingAssets += assets;
        escrowAssets += assets;
        emit Subscribed(msg.sender, classIndex, assets, class.raisedAssets);
        ClassToken(class.token).mint(msg.sender, assets);
        IERC20(asset).pullExact(msg.sender, assets);
    }

    /// @notice Closes the raise: at once when every target is met, after the deadline when every minimum is; anyone may
    /// call. Interest accrues from here. Too late on the first payment date: the raise has failed.
    function startFunding() external onlyIn(State.Raising) {
        require(block.timestamp < firstPaymentAt, Facility_FundingTooLate(firstPaymentAt, block.timestamp));
        bool open = block.timestamp <= raiseUntilAt;
        uint256 shortIndex = _firstShort(open);
        if (shortIndex != _classes.length) {
            Class storage class = _classes[shortIndex];
            uint256 neededAssets = open ? class.terms.targetAssets : class.terms.minimumAssets;
            revert Facility_ClassShort(shortIndex, class.raisedAssets, neededAssets);
        }
        state = State.Funding;
        periodStartAt = uint64(block.timestamp);
        emit FundingStarted(block.timestamp, escrowAssets);
    }

    /// @notice Calls the deal off while nothing was drawn. The sponsor, or whom the access manager lets.
    function cancel() external {
        if (msg.sender != sponsor) _checkCanCall(msg.sender, msg.data);
        require(
            state == State.Raising || (state == State.Funding && totalDrawnAssets == 0),
            Facility_WrongState(state)
        );
        _startRefunding();
    }

    /// @notice Declares the raise failed: a minimum unmet after the deadline, or nothing drawn by the first payment
    /// date. Anyone may call.
    function declareFailed() external {
        bool failed = block.timestamp >= firstPaymentAt;
        if (state == State.Raising) {
            failed = failed || (block.timestamp > raiseUntilAt && _firstShort(false) != _classes.length);
        } else {
            require(state == State.Funding, Facility_WrongState(state));
            failed = failed && totalDrawnAssets == 0;
        }
        require(failed, Facility_RaiseNotFailed(block.timestamp, raiseUntilAt, firstPaymentAt, totalDrawnAssets));
        _startRefunding();
    }

    /// @notice Gives the caller's shares of all classes back for what was paid for them; returns how much that was.
    function refund(address to) external nonReentrant onlyIn(State.Refunding) returns (uint256 assets) {
        for (uint256 i = 0; i < _classes.length; ++i) {
            Class storage class = _classes[i];
            uint256 shares = ClassToken(class.token).balanceOf(msg.sender);
            if (shares == 0) continue;
            assets += shares;
            class.outstandingAssets -= shares;
            emit Refunded(msg.sender, to, i, shares);
            ClassToken(class.token).burn(msg.sender, shares);
        }
        require(assets != 0, Facility_NothingToRefund(msg.sender));
        escrowAssets -= assets;
        IERC20(asset).safeTransfer(to, assets);
    }

    // Funding

    /// @notice Pays the sponsor out of escrow against a lot: pledges the lot on the first draw, and records the money
    /// as the sponsor's claim.
    function draw(LotId lotId, uint256 assets) external nonReentrant onlyIn(State.Funding) {
        require(msg.sender == sponsor, Facility_NotSponsor(msg.sender));
        require(assets != 0, Facility_NoAmount());
        require(assets <= escrowAssets, Facility_OverEscrow(assets, escrowAssets));
        uint8 evidenceClass = registry.evidenceClass(lotId);
        require(evidenceClass >= minEvidenceClass, Facility_WeakEvidence(lotId, evidenceClass, minEvidenceClass));
        LeaseId leaseId = leases.leaseOf(lotId);
        if (LeaseId.unwrap(leaseId) != 0) {
            address payee = leases.payeeOf(leaseId);
            require(payee == address(this), Facility_LeasePaysOther(lotId, leaseId, payee));
        }
        uint256 costAssets = registry.lot(lotId).costAssets;
        uint256 lotDrawnAssets = drawnAssets[lotId] + assets;
        uint256 limitAssets = mulDivDown(costAssets, advanceBps, BPS);
        require(lotDrawnAssets <= limitAssets, Facility_OverAdvance(lotId, lotDrawnAssets, limitAssets));

        drawnAssets[lotId] = lotDrawnAssets;
        totalDrawnAssets += assets;
        escrowAssets -= assets;
        _credit(sponsor, assets);
        if (!isPledged[lotId]) {
            isPledged[lotId] = true;
            ++lotCount;
            emit Pledged(lotId, costAssets, evidenceClass);
            registry.takeLien(lotId);
        }
        emit Drawn(lotId, assets, lotDrawnAssets, escrowAssets);
    }

    /// @notice Ends funding: when all escrow is drawn, when the sponsor says so, or from the first payment date on; at
    /// least one draw was made. Undrawn escrow goes back to the classes as principal, in proportion to theirs.
    function startPerforming() external nonReentrant onlyIn(State.Funding) {
        bool may = escrowAssets == 0 || msg.sender == sponsor || block.timestamp >= firstPaymentAt;
        require(may && totalDrawnAssets != 0, Facility_CannotPerform(totalDrawnAssets, escrowAssets, firstPaymentAt));
        uint256 toReturnAssets = escrowAssets;
        uint256 principalAssets = toReturnAssets + totalDrawnAssets;
        uint256 leftAssets = toReturnAssets;
        state = State.Performing;
        escrowAssets = 0;
        emit PerformingStarted(block.timestamp, toReturnAssets);
        for (uint256 i = 0; i < _classes.length; ++i) {
            Class storage class = _classes[i];
            uint256 raisedAssets = class.raisedAssets;
            uint256 returnedAssets =
                i + 1 == _classes.length ? leftAssets : mulDivDown(toReturnAssets, raisedAssets, principalAssets);
            leftAssets -= returnedAssets;
            _schedule(class, raisedAssets, returnedAssets);
            emit ClassScheduled(i, returnedAssets, class.levelPaymentAssets, class.interestDueAssets);
            _accrue(class.token, 0, returnedAssets);
        }
    }

    // Collecting and paying

    /// @notice Fetches the rent that waits for this facility and books exactly what came; anyone may call.
    function collect() external nonReentrant returns (uint256 assets) {
        require(_isLive(), Facility_WrongState(state));
        uint256 balanceAssets = IERC20(asset).balanceOf(address(this));
        assets = leases.collect(asset);
        uint256 deliveredAssets = IERC20(asset).balanceOf(address(this)) - balanceAssets;
        require(deliveredAssets == assets, Settlement_WrongAmount(asset, assets, deliveredAssets));
        collectionsAssets += assets;
        periodRentAssets += assets;
        emit Collected(assets, collectionsAssets);
    }

    /// @notice Books tokens that reached the facility outside its ledger as collections; anyone may call.
    function sync() external nonReentrant returns (uint256 assets) {
        require(_isLive(), Facility_WrongState(state));
        uint256 balanceAssets = IERC20(asset).balanceOf(address(this));
        uint256 bookedAssets = ledgerAssets();
        require(balanceAssets > bookedAssets, Facility_NoSurplus(balanceAssets, bookedAssets));
        assets = balanceAssets - bookedAssets;
        collectionsAssets += assets;
        emit SurplusBooked(assets, collectionsAssets);
    }

    /// @notice Runs the priority of payments of the next payment date; anyone may call, one date a call.
    function distribute() external nonReentrant onlyIn(State.Performing) {
        uint256 dueAt = nextPaymentAt();
        require(block.timestamp >= dueAt, Facility_PaymentNotDue(paymentCount, dueAt, block.timestamp));
        for (uint256 i = 0; i + 1 < _classes.length; ++i) {
            Class storage class = _classes[i];
            class.interestDueAssets += _interest(class, class.outstandingAssets, dueAt);
            class.scheduledAssets =
                paymentCount + 1 < class.terms.termMonthCount
                    ? amortizedAssets(class.scheduledAssets, class.terms.couponBps, class.levelPaymentAssets)
                    : 0;
        }
        for (uint256 i = 0; i < _fees.length; ++i) {
            Fee storage fee = _fees[i];
            fee.dueAssets += fee.terms.fixedAssets + mulDivDown(periodRentAssets, fee.terms.collectionsBps, BPS);
        }
        periodRentAssets = 0;
        periodStartAt = uint64(dueAt);
        _pay(dueAt);
    }

    // Winding up

    /// @notice Gives the lien on a lot up once the seniors are whole and no lease on it is live; anyone may call.
    function release(LotId lotId) external nonReentrant onlyIn(State.Performing) onlyRepaid {
        require(isPledged[lotId], Facility_NotPledged(lotId));
        LeaseId leaseId = leases.leaseOf(lotId);
        require(LeaseId.unwrap(leaseId) == 0, Facility_LotLeased(lotId, leaseId));
        isPledged[lotId] = false;
        --lotCount;
        emit Released(lotId);
        registry.releaseLien(lotId);
    }

    /// @notice Ends the facility once the seniors are whole, every lot is released and no rent is outstanding; pays
    /// what is left, unpaid fees first. Claims stay open. Anyone may call.
    function close() external nonReentrant onlyIn(State.Performing) onlyRepaid {
        require(lotCount == 0, Facility_LotsPledged(lotCount));
        uint256 rentAssets = receivableAssets();
        require(rentAssets == 0, Facility_RentOutstanding(rentAssets));
        state = State.Closed;
        _pay(block.timestamp);
        emit FacilityClosed(block.timestamp);
    }

    // Paying out

    /// @notice Pays the caller's recorded claim to `to`.
    function withdraw(address to) external nonReentrant returns (uint256 assets) {
        assets = claimableAssets[msg.sender];
        require(assets != 0, Facility_NothingToWithdraw(msg.sender));
        claimableAssets[msg.sender] = 0;
        totalClaimableAssets -= assets;
        emit Withdrawn(msg.sender, to, assets);
        IERC20(asset).safeTransfer(to, assets);
    }

    /// @inheritdoc IFacility
    function payClaim(address to, uint256 assets) external nonReentrant {
        uint256 openAssets = unclaimedAssets[msg.sender];
        require(assets != 0 && assets <= openAssets, Facility_ClaimNotBacked(msg.sender, assets, openAssets));
        unclaimedAssets[msg.sender] = openAssets - assets;
        IERC20(asset).safeTransfer(to, assets);
    }

    // Views

    /// @inheritdoc IFacility
    function cashAssets() external view returns (uint256) {
        return escrowAssets + collectionsAssets + reserveAssets;
    }

    /// @inheritdoc IFacility
    function receivableAssets() public view returns (uint256) {
        return leases.receivableAssets(address(this), asset) + leases.collectableAssets(address(this), asset);
    }

    /// @inheritdoc IFacility
    function classCount() external view returns (uint256) {
        return _classes.length;
    }

    /// @inheritdoc IFacility
    function classToken(uint256 classIndex) external view returns (address) {
        return _class(classIndex).token;
    }

    /// @inheritdoc IFacility
    function owedAssets(uint256 classIndex) external view returns (uint256) {
        if (classIndex + 1 == _classes.length) return 0;
        return _class(classIndex).outstandingAssets + accruedAssets(classIndex);
    }

    /// @notice Interest of a class accrued until now and unpaid.
    function accruedAssets(uint256 classIndex) public view returns (uint256 assets) {
        Class storage class = _class(classIndex);
        assets = class.interestDueAssets;
        if (_isLive() && block.timestamp > periodStartAt) {
            assets += _interest(class, class.outstandingAssets, block.timestamp);
        }
    }

    /// @notice Principal of a class not yet repaid.
    function outstandingAssets(uint256 classIndex) external view returns (uint256) {
        return _class(classIndex).outstandingAssets;
    }

    /// @notice Share of a class's raised principal that is still outstanding; 0 before anything is raised.
    function poolFactorWad(uint256 classIndex) external view returns (uint256) {
        Class storage class = _class(classIndex);
        return class.raisedAssets == 0 ? 0 : mulDivDown(class.outstandingAssets, WAD, class.raisedAssets);
    }

    /// @notice The books of a class.
    function classAt(uint256 classIndex) external view returns (Class memory) {
        return _class(classIndex);
    }

    /// @notice The fees and what is due of each.
    function fees() external view returns (Fee[] memory) {
        return _fees;
    }

    /// @notice The priority of payments.
    function steps() external view returns (Step[] memory) {
        return _steps;
    }

    /// @notice A payment date, counted from 0.
    function paymentAt(uint256 paymentIndex) public view returns (uint256) {
        return addMonths(firstPaymentAt, paymentIndex);
    }

    /// @notice The next payment date to run.
    function nextPaymentAt() public view returns (uint256) {
        return paymentAt(paymentCount);
    }

    /// @notice All that the ledger holds: what the token balance must cover.
    function ledgerAssets() public view returns (uint256 assets) {
        assets = escrowAssets + collectionsAssets + reserveAssets + totalClaimableAssets;
        for (uint256 i = 0; i < _classes.length; ++i) assets += unclaimedAssets[_classes[i].token];
    }

    // Internal

    /// @dev Whether rent may come in and interest accrues.
    function _isLive() private view returns (bool) {
        return state == State.Funding || state == State.Performing;
    }

    /// @dev The first class that raised less than its target or its minimum, or the number of classes.
    function _firstShort(bool ofTarget) private view returns (uint256 classIndex) {
        for (; classIndex < _classes.length; ++classIndex) {
            Class storage class = _classes[classIndex];
            if (class.raisedAssets < (ofTarget ? class.terms.targetAssets : class.terms.minimumAssets)) break;
        }
    }

    function _startRefunding() private {
        // What was booked as collections is nobody's principal: it becomes the sponsor's claim.
        uint256 surplusAssets = collectionsAssets;
        collectionsAssets = 0;
        state = State.Refunding;
        _credit(sponsor, surplusAssets);
        emit RefundingStarted(escrowAssets, surplusAssets);
    }

    /// @dev Takes the returned principal off, with the interest it earned, and fixes the schedule of the rest.
    function _schedule(Class storage class, uint256 raisedAssets, uint256 returnedAssets) private {
        uint256 principalAssets = raisedAssets - returnedAssets;
        class.outstandingAssets = principalAssets;
        if (class.terms.termMonthCount == 0) return;
        class.interestDueAssets = _interest(class, returnedAssets, block.timestamp);
        class.scheduledAssets = principalAssets;
        class.levelPaymentAssets = levelPaymentAssets(
            principalAssets,
            (class.terms.couponBps * RAY) / (12 * BPS),
            class.terms.termMonthCount,
            mulDivDown(class.terms.balloonAssets, principalAssets, class.terms.targetAssets)
        );
    }

    /// @dev Runs the steps on all cash: collections and reserve.
    function _pay(uint256 dueAt) private {
        uint256 paymentIndex = paymentCount++;
        uint256 collectedAssets = collectionsAssets;
        uint256 cash = collectedAssets + reserveAssets;
        uint256 count = _steps.length;
        uint256[] memory dues = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) dues[i] = _dueOf(_steps[i], cash);
        (uint256[] memory payments, ) = Waterfall.allocate(dues, cash);

        // The residual is due all there is, so no cash remains.
        collectionsAssets = 0;
        reserveAssets = 0;
        for (uint256 i = 0; i < count; ++i) {
            Step memory step = _steps[i];
            if (step.kind == StepKind.Residual) dues[i] = payments[i];
            emit StepPaid(paymentIndex, i, step, dues[i], payments[i]);
            _book(step, payments[i]);
        }
        emit PaymentMade(paymentIndex, dueAt, collectedAssets, reserveAssets);
    }

    function _dueOf(Step memory step, uint256 cash) private view returns (uint256) {
        if (step.kind == StepKind.Fee) return _fees[step.subjectIndex].dueAssets;
        if (step.kind == StepKind.Reserve) return _isAllDue() ? 0 : reserveTargetAssets;
        if (step.kind == StepKind.Residual) return cash;
        Class storage class = _classes[step.subjectIndex];
        if (step.kind == StepKind.Interest) return class.interestDueAssets;
        return class.outstandingAssets > class.scheduledAssets ? class.outstandingAssets - class.scheduledAssets : 0;
    }

    function _book(Step memory step, uint256 assets) private {
        if (step.kind == StepKind.Reserve) {
            reserveAssets = assets;
        } else if (step.kind == StepKind.Fee) {
            Fee storage fee = _fees[step.subjectIndex];
            fee.dueAssets -= assets;
            feesPaidAssets += assets;
            _credit(fee.terms.payee, assets);
        } else {
            Class storage class = _classes[step.subjectIndex];
            uint256 principalAssets;
            if (step.kind == StepKind.Interest) {
                class.interestDueAssets -= assets;
            } else {
                // What the residual gets is principal only once every senior class is whole.
                if (step.kind == StepKind.Principal || _seniorOwedAssets() == 0) {
                    principalAssets = assets < class.outstandingAssets ? assets : class.outstandingAssets;
                }
                class.outstandingAssets -= principalAssets;
            }
            _accrue(class.token, assets - principalAssets, principalAssets);
        }
    }

    /// @dev Whether the schedule leaves no principal of a senior class outstanding.
    function _isAllDue() private view returns (bool) {
        for (uint256 i = 0; i + 1 < _classes.length; ++i) {
            if (_classes[i].outstandingAssets != 0 && _classes[i].scheduledAssets != 0) return false;
        }
        return true;
    }

    /// @dev What the senior classes are owed, apart from interest since the last payment date: none on no principal.
    function _seniorOwedAssets() private view returns (uint256 assets) {
        for (uint256 i = 0; i + 1 < _classes.length; ++i) {
            assets += _classes[i].outstandingAssets + _classes[i].interestDueAssets;
        }
    }

    /// @dev Sets income aside for a class's holders.
    function _accrue(address token, uint256 interest, uint256 principal) private {
        if (interest + principal == 0) return;
        unclaimedAssets[token] += interest + principal;
        ClassToken(token).accrue(interest, principal);
    }

    function _credit(address account, uint256 assets) private {
        claimableAssets[account] += assets;
        totalClaimableAssets += assets;
    }

    function _interest(Class storage class, uint256 principalAssets, uint256 toAt) private view returns (uint256) {
        return interestAssets(principalAssets, class.terms.couponBps, class.terms.dayCount, periodStartAt, toAt);
    }

    function _class(uint256 classIndex) private view returns (Class storage) {
        require(classIndex < _classes.length, Facility_UnknownClass(classIndex, _classes.length));
        return _classes[classIndex];
    }
}
