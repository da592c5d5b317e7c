// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ILeases, ILienholder} from "../lease/ILeases.sol";
import {IRegistry} from "../registry/IRegistry.sol";
import {LeaseId, LotId, WAD, mulDivDown} from "../units.sol";
import {Covenants} from "./Covenants.sol";
import {Enforcement} from "./Enforcement.sol";
import {Book, Books, Class, Cover, Fee} from "./FacilityBook.sol";
import {Covenants as CovenantTerms, IFacility, LotDraw, Settings, State, Trigger} from "./IFacility.sol";
import {Payments} from "./Payments.sol";
import {Raise} from "./Raise.sol";
import {Step, StepList} from "./Waterfall.sol";

/// @title One SPV: raises money in classes, lends it against pledged lots, runs rent through a priority of payments.
///
/// Life. Raising → Funding → Performing ⇄ CashTrap → EarlyAmortisation → Enforcement → Closed; Refunding from Raising,
/// or from Funding while nothing was drawn. The rules, to the unit, are docs/deal.md.
/// Shape. This contract is the book, the entry points and the views; what a verb does is in a library for each phase
/// (Raise, Payments, Covenants, Enforcement), linked when it is deployed and called on the one book below.
/// Ledger. All money is in one of: escrow (raised, not drawn), collections (received, not paid out), reserve, trapped
/// cash, recorded claims of the sponsor and the fee payees, income set aside for the classes. The token balance is
/// never below their sum. It is read as income nowhere except by `sync`, which books a surplus as collections for
/// everyone to see.
/// Draws. Money leaves escrow only for a pledged lot whose evidence is good enough, whose live lease, if it has one,
/// pays this facility in its token, and whose cost times the advance rate covers all that was drawn on it.
/// Lettings. A pledged lot is let for rent in the facility's token and not in enforcement; at which rent is the
/// sponsor's affair.
/// Undrawn escrow fills the reserve, when performing starts, and the rest goes back to the classes in proportion to
/// their principal: the shares of senior and residual money in the deal stay as they were agreed.
/// Interest. Each senior class accrues from the start of funding, on outstanding principal, by its day count, for
/// exactly the time between two payment dates. A date that is run late counts as if it had been run on its day.
/// Unpaid interest and fees are carried and bear no interest.
/// Principal. A schedule says what is left outstanding after each date: by a level payment less a month's coupon, by a
/// table, all or nothing. A first period of another length and the day count change the interest, never the schedule.
/// Due is what is outstanding above the schedule, so a shortfall is due again on the next date; after the last date all
/// is due, balloon included, and in early amortisation and enforcement always.
/// Reserve. Filled to its target, or to what the seniors have outstanding; released on the last date of their terms.
/// Covenants. Anyone shows a breach from what the chain knows, and anyone its cure; cash is trapped exactly while one
/// is open. Low debt service cover trips by itself on the payment date. Early amortisation and enforcement are for
/// good.
/// Residual. What the steps leave goes to the residual class on every date: as income while a senior class is owed
/// anything, then as principal until its own is repaid, then as income again.
/// Rounding. Interest down, level payment up by less than a unit, the last payment takes what is left.
/// Liveness. Every verb but subscribe, cancel, draw, refinance, redeem and the sponsor's early start is open to anyone
/// or pulled by its owner. While the factory is paused, subscribe, draw and refinance wait; nothing else does. Loops
/// run over classes (≤ 8), fees (≤ 8), steps, the covenants' short tables (≤ 32); the margin, a redemption and a
/// refinancing over all lots (≤ 100), which their caller names.
/// Roles. Sponsor: draws, refinances, starts performing before the first payment date, cancels. Access manager:
/// cancels.
contract Facility is IFacility, ILienholder, AccessManaged, Initializable, ReentrancyGuardTransient {
    using Books for Book;
    using SafeERC20 for IERC20;

    Book private _book;

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
        _book.factory = msg.sender;
        _book.asset = settings.asset;
        _book.sponsor = settings.sponsor;
        _book.leases = settings.leases;
        _book.registry = settings.registry;
        _book.gate = settings.gate;
        _book.appraisal = settings.appraisal;
        _book.raiseUntilAt = settings.raiseUntilAt;
        _book.firstPaymentAt = settings.firstPaymentAt;
        _book.anticipatedRepaymentAt = settings.anticipatedRepaymentAt;
        _book.callableAt = settings.callableAt;
        _book.advanceBps = settings.advanceBps;
        _book.minEvidenceClass = settings.minEvidenceClass;
        _book.reserveTargetAssets = settings.reserveTargetAssets;
        _book.initialReserveAssets = settings.initialReserveAssets;
        _book.covenants = settings.covenants;
        _book.auction = settings.auction;
        for (uint256 i = 0; i < tokens.length; ++i) {
            Class storage class = _book.classes.push();
            class.token = tokens[i];
            class.terms = settings.classes[i].terms;
        }
        for (uint256 i = 0; i < settings.fees.length; ++i) _book.fees.push(Fee(settings.fees[i], 0));
        for (uint256 i = 0; i < settings.ratchet.length; ++i) _book.ratchet.push(settings.ratchet[i]);
        _setSteps(StepList.Performing, settings.performingSteps);
        _setSteps(StepList.Amortisation, settings.amortisationSteps);
        _setSteps(StepList.Enforcement, settings.enforcementSteps);
    }

    // Raising

    /// @notice Buys shares of a class at one asset each. Reverts over the target, after the deadline, or when the gate
    /// does not let the caller receive.
    function subscribe(uint256 classIndex, uint256 assets) external nonReentrant {
        Raise.subscribe(_book, classIndex, assets);
    }

    /// @notice Closes the raise: at once when every target is met, after the deadline when every minimum is; anyone may
    /// call. Interest accrues from here. Too late on the first payment date: the raise has failed.
    function startFunding() external nonReentrant {
        Raise.startFunding(_book);
    }

    /// @notice Calls the deal off while nothing was drawn. The sponsor, or whom the access manager lets.
    function cancel() external nonReentrant {
        if (msg.sender != _book.sponsor) _checkCanCall(msg.sender, msg.data);
        Raise.cancel(_book);
    }

    /// @notice Declares the raise failed: a minimum unmet after the deadline, or nothing drawn by the first payment
    /// date. Anyone may call.
    function declareFailed() external nonReentrant {
        Raise.declareFailed(_book);
    }

    /// @notice Gives the caller's shares of all classes back for what was paid for them; returns how much that was.
    function refund(address to) external nonReentrant returns (uint256 assets) {
        return Raise.refund(_book, to);
    }

    // Funding

    /// @notice Pays the sponsor out of escrow against a lot: pledges the lot on the first draw, with the rent to come
    /// of a lease that paid its operator, and records the money as the sponsor's claim.
    function draw(LotId lotId, uint256 assets) external nonReentrant {
        Raise.draw(_book, lotId, assets);
    }

    /// @notice Redeems another facility of the sponsor's out of escrow, in one transaction: draws on each of its lots,
    /// at least its call price together, and gets their liens and leases. What is drawn beyond is the sponsor's claim.
    function refinance(address old, LotDraw[] calldata draws) external nonReentrant {
        Raise.refinance(_book, old, draws);
    }

    /// @notice Ends funding: when all escrow is drawn, when the sponsor says so, or from the first payment date on; at
    /// least one draw was made. Undrawn escrow fills the reserve as far as agreed; the rest goes back to the classes as
    /// principal, in proportion to theirs.
    function startPerforming() external nonReentrant {
        Raise.startPerforming(_book);
    }

    // Collecting and paying

    /// @notice Fetches the rent that waits for this facility and books exactly what came; anyone may call.
    function collect() external nonReentrant returns (uint256 assets) {
        return Payments.collect(_book);
    }

    /// @notice Books tokens that reached the facility outside its ledger as collections; anyone may call.
    function sync() external nonReentrant returns (uint256 assets) {
        return Payments.sync(_book);
    }

    /// @notice Runs the priority of payments of the next payment date; anyone may call, one date a call.
    function distribute() external nonReentrant {
        Payments.distribute(_book);
    }

    /// @notice Pays the caller's recorded claim to `to`.
    function withdraw(address to) external nonReentrant returns (uint256 assets) {
        assets = _book.claimableAssets[msg.sender];
        require(assets != 0, Facility_NothingToWithdraw(msg.sender));
        _book.claimableAssets[msg.sender] = 0;
        _book.totalClaimableAssets -= assets;
        emit Withdrawn(msg.sender, to, assets);
        IERC20(_book.asset).safeTransfer(to, assets);
    }

    /// @inheritdoc IFacility
    function payClaim(address to, uint256 assets) external nonReentrant {
        uint256 openAssets = _book.unclaimedAssets[msg.sender];
        require(assets != 0 && assets <= openAssets, Facility_ClaimNotBacked(msg.sender, assets, openAssets));
        _book.unclaimedAssets[msg.sender] = openAssets - assets;
        IERC20(_book.asset).safeTransfer(to, assets);
    }

    // Covenants

    /// @notice Shows that the seniors are owed more than the maximum part of the appraised value; traps cash. Anyone
    /// may call, like all that follows; facts are read, not given.
    function declareLtv() external nonReentrant {
        Covenants.declareLtv(_book);
    }

    /// @notice Shows that they are not any more.
    function cureLtv() external nonReentrant {
        Covenants.cureLtv(_book);
    }

    /// @notice Shows that too few GPUs of a lot reported at the seven midnights up to `dayAt`, one of the last fourteen
    /// days; traps cash.
    function declareCoverage(LotId lotId, uint64 dayAt) external nonReentrant {
        Covenants.declareCoverage(_book, lotId, dayAt);
    }

    /// @notice Shows that enough did, up to a later day.
    function cureCoverage(LotId lotId, uint64 dayAt) external nonReentrant {
        Covenants.cureCoverage(_book, lotId, dayAt);
    }

    /// @notice Shows that a lot is in a country that the facility, or the lot's live lease, does not allow; traps cash.
    function declareCountry(LotId lotId) external nonReentrant {
        Covenants.declareCountry(_book, lotId);
    }

    /// @notice Shows that it is in one that both allow.
    function cureCountry(LotId lotId) external nonReentrant {
        Covenants.cureCountry(_book, lotId);
    }

    /// @notice Starts early amortisation, for good, once a breach was open too long.
    /// @param trigger Ltv, Coverage or Country
    /// @param subjectId the lot's id; 0 for Ltv
    function declareAmortisation(Trigger trigger, uint256 subjectId) external nonReentrant {
        Covenants.declareAmortisation(_book, trigger, subjectId);
    }

    /// @notice Starts enforcement, for good: the most senior class that is owed anything missed its interest too long
    /// ago.
    function declareInterestDefault(uint256 classIndex) external nonReentrant {
        Covenants.declareInterestDefault(_book, classIndex);
    }

    /// @notice Starts enforcement, for good: a senior class is outstanding too long after its last payment date.
    function declareMaturityDefault(uint256 classIndex) external nonReentrant {
        Covenants.declareMaturityDefault(_book, classIndex);
    }

    /// @notice Shows the PUE of all pledged lots, in rising order, over the interest period before this one: it sets
    /// the margin of this one. Once a period.
    function ratchet(LotId[] calldata lotIds) external nonReentrant returns (uint256 marginBps_) {
        return Covenants.ratchet(_book, lotIds);
    }

    // Enforcement and the end

    /// @notice Gives the lien on a lot up once the seniors are whole and no lease on it is live; anyone may call.
    function release(LotId lotId) external nonReentrant {
        Enforcement.release(_book, lotId);
    }

    /// @notice Makes a lot that its lessee bought under its lease, and paid for, the lessee's, once the lease's last
    /// period is settled or 365 days after its end; anyone may call.
    function completePurchase(LotId lotId) external nonReentrant {
        Enforcement.completePurchase(_book, lotId);
    }

    /// @notice Puts a lot up for sale in enforcement, or up again where nobody bought it; anyone may call.
    function startAuction(LotId lotId) external nonReentrant {
        Enforcement.startAuction(_book, lotId);
    }

    /// @notice Buys a lot that is up, at its price of this second and at most for `maxAssets`; the gate must have
    /// verified the caller. The lot and the rent of its lease from the next invoice on are the buyer's.
    function buy(LotId lotId, uint256 maxAssets) external nonReentrant returns (uint256 priceAssets) {
        return Enforcement.buy(_book, lotId, maxAssets);
    }

    /// @inheritdoc IFacility
    function redeem(LotId[] calldata lotIds, uint256 priceAssets) external nonReentrant {
        Enforcement.redeem(_book, lotIds, priceAssets);
    }

    /// @notice Ends the facility once no lot is pledged and no rent is to come (or a year after the last lot left), and
    /// the seniors are whole, or in enforcement with loss; pays what is left by the list. Claims stay open. Anyone may
    /// call.
    function close() external nonReentrant {
        Enforcement.close(_book);
    }

    /// @notice Shows that the lessee of a lease holds shares of the residual class: its rent, past and future, is a
    /// related party's. Anyone may call.
    function declareRelated(LeaseId leaseId) external nonReentrant {
        Enforcement.declareRelated(_book, leaseId);
    }

    // Views: settings

    /// @inheritdoc IFacility
    function asset() external view returns (address) {
        return _book.asset;
    }

    /// @inheritdoc IFacility
    function sponsor() external view returns (address) {
        return _book.sponsor;
    }

    /// @notice Where the rent comes from.
    function leases() external view returns (ILeases) {
        return _book.leases;
    }

    /// @notice Where the liens on the lots are.
    function registry() external view returns (IRegistry) {
        return _book.registry;
    }

    /// @notice What the reserve is filled to.
    function reserveTargetAssets() external view returns (uint256) {
        return _book.reserveTargetAssets;
    }

    /// @notice What trips the facility.
    function covenants() external view returns (CovenantTerms memory) {
        return _book.covenants;
    }

    /// @notice The priority of payments, by list.
    function steps(StepList list) external view returns (Step[] memory) {
        return _book.steps[uint256(list)];
    }

    // Views: covenants

    /// @notice Since when a covenant is breached; 0 while it is not.
    /// @param subjectId the lot's id for Coverage and Country, else 0
    function breachedAt(Trigger trigger, uint256 subjectId) external view returns (uint64) {
        return _book.breaches[trigger][subjectId].openedAt;
    }

    /// @notice How many breaches are open; cash is trapped while there is one.
    function breachCount() external view returns (uint32) {
        return _book.breachCount;
    }

    /// @notice What a payment date that was run had to serve the seniors with, and what it took.
    function coverAt(uint256 paymentIndex) external view returns (Cover memory) {
        return _book.covers[paymentIndex];
    }

    /// @notice What measured efficiency adds to each coupon in an interest period; the last row's until it is shown.
    function marginBps(uint256 periodIndex) external view returns (uint256) {
        return _book.marginBps(periodIndex);
    }

    // Views: life and ledger

    /// @inheritdoc IFacility
    function state() external view returns (State) {
        return _book.state;
    }

    /// @inheritdoc IFacility
    function cashAssets() external view returns (uint256) {
        return _book.escrowAssets + _book.collectionsAssets + _book.reserveAssets + _book.trappedAssets;
    }

    /// @notice Raised and not drawn.
    function escrowAssets() external view returns (uint256) {
        return _book.escrowAssets;
    }

    /// @notice Received and not paid out.
    function collectionsAssets() external view returns (uint256) {
        return _book.collectionsAssets;
    }

    /// @notice In the reserve.
    function reserveAssets() external view returns (uint256) {
        return _book.reserveAssets;
    }

    /// @notice Kept while a covenant is breached.
    function trappedAssets() external view returns (uint256) {
        return _book.trappedAssets;
    }

    /// @notice All that the ledger holds: what the token balance must cover.
    function ledgerAssets() external view returns (uint256) {
        return _book.ledgerAssets();
    }

    /// @notice The recorded claim of the sponsor or a fee payee.
    function claimableAssets(address account) external view returns (uint256) {
        return _book.claimableAssets[account];
    }

    /// @notice Claims of the sponsor and the fee payees, together.
    function totalClaimableAssets() external view returns (uint256) {
        return _book.totalClaimableAssets;
    }

    /// @notice Income set aside for a class token's holders and not yet claimed.
    function unclaimedAssets(address token) external view returns (uint256) {
        return _book.unclaimedAssets[token];
    }

    /// @notice Rent collected since the last payment date: what fees in proportion to collections count.
    function periodRentAssets() external view returns (uint256) {
        return _book.periodRentAssets;
    }

    /// @notice Fees paid since the start.
    function feesPaidAssets() external view returns (uint256) {
        return _book.feesPaidAssets;
    }

    /// @notice The fees and what is due of each.
    function fees() external view returns (Fee[] memory) {
        return _book.fees;
    }

    /// @inheritdoc IFacility
    function receivableAssets() external view returns (uint256) {
        return _book.receivableAssets();
    }

    /// @notice Related parties' part of all rent since the start, rounded up.
    function relatedPartyBps() external view returns (uint256) {
        return Enforcement.relatedPartyBps(_book);
    }

    // Views: dates

    /// @inheritdoc IFacility
    function paymentCount() external view returns (uint32) {
        return _book.paymentCount;
    }

    /// @notice A payment date, counted from 0.
    function paymentAt(uint256 paymentIndex) external view returns (uint256) {
        return _book.paymentAt(paymentIndex);
    }

    /// @notice The next payment date to run.
    function nextPaymentAt() external view returns (uint256) {
        return _book.paymentAt(_book.paymentCount);
    }

    /// @notice Start of the current interest period: the last payment date run, or the start of funding.
    function periodStartAt() external view returns (uint64) {
        return _book.periodStartAt;
    }

    // Views: lots

    /// @inheritdoc IFacility
    function lotCount() external view returns (uint256) {
        return _book.lotCount;
    }

    /// @inheritdoc IFacility
    function lotChangeCount() external view returns (uint256) {
        return _book.lotChangeCount;
    }

    /// @inheritdoc IFacility
    function isPledged(LotId lotId) external view returns (bool) {
        return _book.isPledged[lotId];
    }

    /// @notice Drawn on a lot, and on all of them.
    function drawnAssets(LotId lotId) external view returns (uint256) {
        return _book.drawnAssets[lotId];
    }
    function totalDrawnAssets() external view returns (uint256) {
        return _book.totalDrawnAssets;
    }

    /// @inheritdoc ILienholder
    function releaseAssets(LotId lotId, address asset_) external view returns (uint256) {
        return Enforcement.releaseAssets(_book, lotId, asset_);
    }

    /// @inheritdoc ILienholder
    function requireLet(LotId lotId, address asset_) external view {
        require(
            _book.state >= State.Funding && _book.state <= State.EarlyAmortisation,
            Facility_WrongState(_book.state)
        );
        require(_book.isPledged[lotId], Facility_NotPledged(lotId));
        require(asset_ == _book.asset, Facility_RentInOther(lotId, asset_));
    }

    /// @notice What a lot that is up for sale costs now.
    function auctionPriceAssets(LotId lotId) external view returns (uint256) {
        return Enforcement.auctionPriceAssets(_book, lotId);
    }

    /// @inheritdoc IFacility
    function redemptionAssets() external view returns (uint256) {
        return Enforcement.redemptionAssets(_book);
    }

    // Views: classes

    /// @inheritdoc IFacility
    function classCount() external view returns (uint256) {
        return _book.classes.length;
    }

    /// @inheritdoc IFacility
    function classToken(uint256 classIndex) external view returns (address) {
        return _book.classAt(classIndex).token;
    }

    /// @notice The books of a class.
    function classAt(uint256 classIndex) external view returns (Class memory) {
        return _book.classAt(classIndex);
    }

    /// @inheritdoc IFacility
    function owedAssets(uint256 classIndex) external view returns (uint256) {
        if (classIndex + 1 == _book.classes.length) return 0;
        return _book.classAt(classIndex).outstandingAssets + _book.accruedAssets(classIndex);
    }

    /// @inheritdoc IFacility
    function accruedAssets(uint256 classIndex) external view returns (uint256) {
        return _book.accruedAssets(classIndex);
    }

    /// @inheritdoc IFacility
    function missedAt(uint256 classIndex) external view returns (uint64) {
        return _book.classAt(classIndex).missedAt;
    }

    /// @inheritdoc IFacility
    function enforcementAssets(uint256 assets) external view nonReentrantView returns (uint256[] memory classAssets) {
        return Payments.enforcementAssets(_book, assets);
    }

    /// @notice Principal of a class not yet repaid.
    function outstandingAssets(uint256 classIndex) external view returns (uint256) {
        return _book.classAt(classIndex).outstandingAssets;
    }

    /// @notice Share of a class's raised principal that is still outstanding; 0 before anything is raised.
    function poolFactorWad(uint256 classIndex) external view returns (uint256) {
        Class storage class = _book.classAt(classIndex);
        return class.raisedAssets == 0 ? 0 : mulDivDown(class.outstandingAssets, WAD, class.raisedAssets);
    }

    // Internal

    function _setSteps(StepList list, Step[] calldata steps_) private {
        for (uint256 i = 0; i < steps_.length; ++i) _book.steps[uint256(list)].push(steps_[i]);
    }
}
