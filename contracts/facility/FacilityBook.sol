// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {interestAssets, periodInterestAssets} from "../annuity.sol";
import {addMonths} from "../calendar.sol";
import {IGate} from "../compliance/IGate.sol";
import {ILeases} from "../lease/ILeases.sol";
import {IRegistry} from "../registry/IRegistry.sol";
import {LeaseId, LotId} from "../units.sol";
import {ClassToken} from "./ClassToken.sol";
import {IAppraisal} from "./IAppraisal.sol";
import {AuctionTerms, ClassTerms, Covenants, FeeTerms, IFacility, RatchetStep, State, Trigger} from "./IFacility.sol";
import {Step} from "./Waterfall.sol";

/// The books of a class.
struct Class {
    address token;
    uint64 missedAt; // the first payment date that its interest due was missed on; 0: none is
    ClassTerms terms;
    uint256 raisedAssets;
    uint256 principalAssets; // raised, less what went back undrawn
    uint256 outstandingAssets; // principal not yet repaid
    uint256 scheduledAssets; // what the schedule leaves outstanding after the last payment date run
    uint256 levelPaymentAssets; // LevelPay: a month, until the last
    uint256 balloonAssets; // LevelPay: in the last payment
    uint256 interestDueAssets; // accrued up to the last payment date, unpaid
}

/// The books of a fee.
struct Fee {
    FeeTerms terms;
    uint256 dueAssets; // accrued, unpaid
}

/// What was there to serve the seniors on a payment date, and what it took.
struct Cover {
    uint128 netAssets; // rent since the date before, less its fees
    uint128 serviceAssets; // interest of the period and scheduled principal
}

/// A covenant that does not hold.
struct Breach {
    uint64 openedAt; // 0: it does
    uint64 dayAt; // Coverage: the last day shown, by the breach or its cure
}

/// The margin of an interest period.
struct Margin {
    bool isShown;
    uint16 marginBps;
}

/// The last sale that a lot was put up for.
struct Auction {
    uint256 startAssets;
    uint64 startedAt; // 0: it never was
}

/// All that a facility keeps: its settings and its ledger, in one place that every library works on.
struct Book {
    address asset;
    State state;
    uint16 advanceBps;
    uint8 minEvidenceClass;
    uint32 paymentCount; // payment dates run so far
    address sponsor;
    uint64 raiseUntilAt;
    ILeases leases;
    uint64 firstPaymentAt;
    IRegistry registry;
    uint64 periodStartAt; // of the current interest period: the last payment date run, or the start of funding
    IAppraisal appraisal;
    uint64 anticipatedRepaymentAt;
    IGate gate;
    uint64 callableAt;
    address factory; // what created this facility, and knows which others it created
    uint64 fundedAt; // when funding started
    uint32 breachCount; // how many breaches are open
    uint64 lastLotAt; // when a lot last left
    uint32 lotChangeCount; // how often a lot was pledged or left
    // All money is in one of: escrow (raised, not drawn), collections (received, not paid out), reserve, trapped,
    // claims of the sponsor and the fee payees, and income of the classes not yet claimed.
    uint256 escrowAssets;
    uint256 collectionsAssets;
    uint256 reserveAssets;
    uint256 trappedAssets;
    uint256 totalClaimableAssets;
    uint256 reserveTargetAssets;
    uint256 initialReserveAssets;
    uint256 rentAssets; // rent collected since the start
    uint256 periodRentAssets; // rent collected since the last payment date
    uint256 saleAssets; // of the collections: what lots sold to their lessees fetched
    uint256 totalDrawnAssets;
    uint256 feesPaidAssets;
    uint256 lotCount;
    Class[] classes;
    Fee[] fees;
    Step[][3] steps; // by StepList
    Covenants covenants;
    RatchetStep[] ratchet;
    AuctionTerms auction;
    Cover[] covers; // by payment date
    mapping(Trigger trigger => mapping(uint256 subjectId => Breach)) breaches; // of the facility (0) or a lot
    mapping(uint256 periodIndex => Margin) margins;
    mapping(address account => uint256) claimableAssets;
    mapping(address token => uint256) unclaimedAssets;
    mapping(LotId lotId => uint256) drawnAssets;
    mapping(LotId lotId => bool) isPledged;
    mapping(LotId lotId => Auction) auctions;
}

/// @title What the libraries of a facility, and the facility, do to its book and ask of it alike.
library Books {
    /// @dev Refuses every other state.
    function requireState(Book storage book, State state) internal view {
        require(book.state == state, IFacility.Facility_WrongState(book.state));
    }

    /// @dev Refuses states in which no payment date is run: before performing, and after the end.
    function requirePaying(Book storage book) internal view {
        require(isPaying(book), IFacility.Facility_WrongState(book.state));
    }

    /// @dev Refuses while a senior class is owed anything.
    function requireRepaid(Book storage book) internal view {
        uint256 owedAssets = seniorOwedAssets(book);
        require(owedAssets == 0, IFacility.Facility_SeniorsOwed(owedAssets));
    }

    /// @dev Refuses while a payment date waits to be run.
    function requireNoneDue(Book storage book) internal view {
        uint256 dueAt = paymentAt(book, book.paymentCount);
        require(block.timestamp < dueAt, IFacility.Facility_PaymentDue(book.paymentCount, dueAt, block.timestamp));
    }

    /// @dev Refuses a lot that its lessee bought and waits for.
    function requireNotBought(Book storage book, LotId lotId, LeaseId leaseId) internal view {
        address purchaser = book.leases.purchaserOf(leaseId);
        require(purchaser == address(0), IFacility.Facility_LotBought(lotId, purchaser));
    }

    /// @dev Moves on to another state from Performing on, and says so.
    function moveTo(Book storage book, State state) internal {
        emit IFacility.StateChanged(book.state, state);
        book.state = state;
    }

    /// @dev Opens or closes a breach, where it is not so yet; cash is trapped exactly while one is open.
    function setBreach(Book storage book, Trigger trigger, uint256 subjectId, bool isOpen) internal {
        Breach storage breach = book.breaches[trigger][subjectId];
        if (isOpen == (breach.openedAt != 0)) return;
        if (isOpen) {
            breach.openedAt = uint64(block.timestamp);
            ++book.breachCount;
            emit IFacility.BreachOpened(trigger, subjectId, block.timestamp);
        } else {
            breach.openedAt = 0;
            --book.breachCount;
            emit IFacility.BreachCured(trigger, subjectId);
        }
        if (book.state == State.Performing && book.breachCount != 0) moveTo(book, State.CashTrap);
        if (book.state == State.CashTrap && book.breachCount == 0) moveTo(book, State.Performing);
    }

    /// @dev Takes a lot off the pledged ones, and what it breached with it. The lien is the caller's affair.
    function unpledge(Book storage book, LotId lotId) internal {
        require(book.isPledged[lotId], IFacility.Facility_NotPledged(lotId));
        book.isPledged[lotId] = false;
        --book.lotCount;
        ++book.lotChangeCount;
        setBreach(book, Trigger.Coverage, LotId.unwrap(lotId), false);
        setBreach(book, Trigger.Country, LotId.unwrap(lotId), false);
    }

    /// @dev Sets income aside for a class's holders.
    function accrue(Book storage book, address token, uint256 interest, uint256 principal) internal {
        if (interest + principal == 0) return;
        book.unclaimedAssets[token] += interest + principal;
        ClassToken(token).accrue(interest, principal);
    }

    /// @dev Records a claim of the sponsor or a fee payee.
    function credit(Book storage book, address account, uint256 assets) internal {
        book.claimableAssets[account] += assets;
        book.totalClaimableAssets += assets;
    }

    /// @dev Whether payment dates are run.
    function isPaying(Book storage book) internal view returns (bool) {
        return book.state >= State.Performing && book.state <= State.Enforcement;
    }

    /// @dev Whether the classes can still get back what they paid in: nothing was drawn.
    function isRefundable(Book storage book) internal view returns (bool) {
        State state = book.state;
        return
            state == State.Raising ||
            state == State.Refunding ||
            (state == State.Funding && book.totalDrawnAssets == 0);
    }

    /// @dev Whether rent may come in and interest accrues.
    function isLive(Book storage book) internal view returns (bool) {
        return book.state == State.Funding || isPaying(book);
    }

    /// @dev A class by its index; refuses an unknown one.
    function classAt(Book storage book, uint256 classIndex) internal view returns (Class storage) {
        uint256 classCount = book.classes.length;
        require(classIndex < classCount, IFacility.Facility_UnknownClass(classIndex, classCount));
        return book.classes[classIndex];
    }

    /// @dev A senior class by its index; refuses the residual.
    function seniorAt(Book storage book, uint256 classIndex) internal view returns (Class storage class) {
        class = classAt(book, classIndex);
        require(classIndex + 1 < book.classes.length, IFacility.Facility_NotSenior(classIndex));
    }

    /// @dev The residual class: the last.
    function residual(Book storage book) internal view returns (Class storage) {
        return book.classes[book.classes.length - 1];
    }

    /// @dev A payment date, counted from 0.
    function paymentAt(Book storage book, uint256 paymentIndex) internal view returns (uint256) {
        return addMonths(book.firstPaymentAt, paymentIndex);
    }

    /// @dev What the measured efficiency adds to each coupon in an interest period, counted like payment dates.
    function marginBps(Book storage book, uint256 periodIndex) internal view returns (uint256) {
        uint256 rowCount = book.ratchet.length;
        if (periodIndex == 0 || rowCount == 0) return 0;
        Margin storage margin = book.margins[periodIndex];
        return margin.isShown ? margin.marginBps : book.ratchet[rowCount - 1].marginBps;
    }

    /// @dev Interest of a class on a principal from the start of the current period to a time.
    function interestOf(
        Book storage book,
        Class storage class,
        uint256 principalAssets,
        uint256 toAt
    ) internal view returns (uint256) {
        ClassTerms storage terms = class.terms;
        uint256 periodIndex = book.paymentCount;
        uint256 couponBps = terms.couponBps + marginBps(book, periodIndex);
        uint256 fromAt = book.periodStartAt;
        if (periodIndex == 0) return interestAssets(principalAssets, couponBps, terms.dayCount, fromAt, toAt);
        uint256 nextAt = paymentAt(book, periodIndex);
        return periodInterestAssets(principalAssets, couponBps, terms.dayCount, fromAt, nextAt, toAt);
    }

    /// @dev Interest of a class accrued until now and unpaid.
    function accruedAssets(Book storage book, uint256 classIndex) internal view returns (uint256 assets) {
        Class storage class = classAt(book, classIndex);
        assets = class.interestDueAssets;
        if (isLive(book) && block.timestamp > book.periodStartAt) {
            assets += interestOf(book, class, class.outstandingAssets, block.timestamp);
        }
    }

    /// @dev What the senior classes are owed, apart from interest since the last payment date: none on no principal.
    function seniorOwedAssets(Book storage book) internal view returns (uint256 assets) {
        for (uint256 i = 0; i + 1 < book.classes.length; ++i) {
            assets += book.classes[i].outstandingAssets + book.classes[i].interestDueAssets;
        }
    }

    /// @dev All that the senior classes are owed now: outstanding and accrued.
    function seniorClaimAssets(Book storage book) internal view returns (uint256 assets) {
        for (uint256 i = 0; i + 1 < book.classes.length; ++i) {
            assets += book.classes[i].outstandingAssets + accruedAssets(book, i);
        }
    }

    /// @dev Cash that a payment date may pay out.
    function cashAssets(Book storage book) internal view returns (uint256) {
        return book.collectionsAssets + book.reserveAssets + book.trappedAssets;
    }

    /// @dev Invoiced and unpaid rent, and rent not collected yet.
    function receivableAssets(Book storage book) internal view returns (uint256) {
        return
            book.leases.receivableAssets(address(this), book.asset) +
            book.leases.collectableAssets(address(this), book.asset);
    }

    /// @dev What the facility is worth and its hardware alone, as appraised; refuses what is too old to act on.
    function freshValue(Book storage book) internal view returns (uint256 valueAssets, uint256 hardwareAssets) {
        uint64 computedAt;
        uint32 maxAgeSec;
        (valueAssets, hardwareAssets, computedAt, maxAgeSec) = book.appraisal.valueOf(address(this));
        require(
            block.timestamp <= uint256(computedAt) + maxAgeSec,
            IFacility.Facility_StaleValue(computedAt, maxAgeSec, block.timestamp)
        );
    }

    /// @dev All that the ledger holds: what the token balance must cover.
    function ledgerAssets(Book storage book) internal view returns (uint256 assets) {
        assets = book.escrowAssets + book.collectionsAssets + book.reserveAssets + book.trappedAssets;
        assets += book.totalClaimableAssets;
        for (uint256 i = 0; i < book.classes.length; ++i) assets += book.unclaimedAssets[book.classes[i].token];
    }
}
