// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {amortizedAssets, tabledAssets} from "../annuity.sol";
import {Settlement_WrongAmount} from "../settlement.sol";
import {BPS, mulDivDown} from "../units.sol";
import {Book, Books, Class, Cover, Fee} from "./FacilityBook.sol";
import {ClassTerms, IFacility, PrincipalKind, State, Trigger} from "./IFacility.sol";
import {Step, StepKind, StepList, Waterfall} from "./Waterfall.sol";

/// @title What comes into a facility and how a payment date pays it out.
/// @notice Runs on the facility's own book, in its name.
library Payments {
    using Books for Book;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// @notice See `Facility.collect`.
    function collect(Book storage book) public returns (uint256 assets) {
        require(book.isLive(), IFacility.Facility_WrongState(book.state));
        address asset = book.asset;
        uint256 balanceAssets = IERC20(asset).balanceOf(address(this));
        assets = book.leases.collect(asset);
        uint256 deliveredAssets = IERC20(asset).balanceOf(address(this)) - balanceAssets;
        require(deliveredAssets == assets, Settlement_WrongAmount(asset, assets, deliveredAssets));
        // The price of a lot that its lessee bought comes the same way and is no rent.
        (uint256 revenueAssets, ) = book.leases.revenueAssets(address(this), asset);
        uint256 rentAssets = revenueAssets - book.rentAssets;
        book.rentAssets = revenueAssets;
        book.collectionsAssets += assets;
        book.periodRentAssets += rentAssets;
        book.saleAssets += assets - rentAssets;
        emit IFacility.Collected(assets, rentAssets, book.collectionsAssets);
    }

    /// @notice See `Facility.sync`.
    function sync(Book storage book) external returns (uint256 assets) {
        require(book.isLive(), IFacility.Facility_WrongState(book.state));
        uint256 balanceAssets = IERC20(book.asset).balanceOf(address(this));
        uint256 bookedAssets = book.ledgerAssets();
        require(balanceAssets > bookedAssets, IFacility.Facility_NoSurplus(balanceAssets, bookedAssets));
        assets = balanceAssets - bookedAssets;
        book.collectionsAssets += assets;
        emit IFacility.SurplusBooked(assets, book.collectionsAssets);
    }

    /// @notice See `Facility.distribute`.
    function distribute(Book storage book) external {
        book.requirePaying();
        uint256 paymentIndex = book.paymentCount;
        uint256 dueAt = book.paymentAt(paymentIndex);
        require(block.timestamp >= dueAt, IFacility.Facility_PaymentNotDue(paymentIndex, dueAt, block.timestamp));
        collectWaiting(book);
        uint256 serviceAssets;
        for (uint256 i = 0; i + 1 < book.classes.length; ++i) {
            serviceAssets += _accrueClass(book, book.classes[i], paymentIndex, dueAt);
        }
        uint256 netAssets = Math.saturatingSub(book.periodRentAssets, _accrueFees(book));
        book.periodRentAssets = 0;
        book.periodStartAt = uint64(dueAt);
        book.covers.push(Cover(netAssets.toUint128(), serviceAssets.toUint128()));
        emit IFacility.CoverTested(paymentIndex, netAssets, serviceAssets);
        _testCover(book);
        pay(book, dueAt);
        for (uint256 i = 0; i + 1 < book.classes.length; ++i) {
            Class storage class = book.classes[i];
            if ((class.interestDueAssets == 0) == (class.missedAt == 0)) continue;
            class.missedAt = class.interestDueAssets == 0 ? 0 : uint64(dueAt);
            emit IFacility.InterestMissed(i, class.missedAt, class.interestDueAssets);
        }
    }

    /// @notice Collects what waits in the leases: were it left there, whoever runs a payment date first could make its
    /// cover look too low.
    function collectWaiting(Book storage book) public {
        if (book.leases.collectableAssets(address(this), book.asset) != 0) collect(book);
    }

    /// @notice Runs the steps of the state's list on all cash: collections, reserve and trapped. All that is due is
    /// counted before the first step is paid.
    function pay(Book storage book, uint256 dueAt) public {
        uint256 paymentIndex = book.paymentCount++;
        uint256 collectedAssets = book.collectionsAssets;
        uint256 cashAssets = collectedAssets + book.reserveAssets + book.trappedAssets;
        Step[] memory steps = book.steps[uint256(_listOf(book.state))];
        uint256[] memory dues = new uint256[](steps.length);
        for (uint256 i = 0; i < steps.length; ++i) {
            dues[i] = _dueOf(book, steps[i], paymentIndex, dueAt, cashAssets);
        }

        book.collectionsAssets = 0;
        book.saleAssets = 0;
        book.reserveAssets = 0;
        book.trappedAssets = 0;
        for (uint256 i = 0; i < steps.length; ++i) {
            Step memory step = steps[i];
            uint256 paidAssets;
            (paidAssets, cashAssets) = Waterfall.pay(dues[i], cashAssets);
            // The residual is due all there is, so no cash remains.
            if (step.kind == StepKind.Residual || step.kind == StepKind.Trap) dues[i] = paidAssets;
            emit IFacility.StepPaid(paymentIndex, i, step, dues[i], paidAssets);
            _settle(book, step, paidAssets);
        }
        emit IFacility.PaymentMade(paymentIndex, dueAt, collectedAssets, book.reserveAssets, book.trappedAssets);
    }

    /// @notice See `Facility.enforcementAssets`. Once a payment date has come, the fees that it adds are due too.
    function enforcementAssets(
        Book storage book,
        uint256 leftAssets
    ) external view returns (uint256[] memory classAssets) {
        classAssets = new uint256[](book.classes.length);
        if (book.state == State.Closed) return classAssets;
        if (book.isRefundable()) {
            for (uint256 i = 0; i < classAssets.length; ++i) {
                (classAssets[i], leftAssets) = Waterfall.pay(book.classes[i].outstandingAssets, leftAssets);
            }
            return classAssets;
        }
        Step[] memory steps = book.steps[uint256(StepList.Enforcement)];
        for (uint256 i = 0; i < steps.length; ++i) {
            (StepKind kind, uint256 subjectIndex) = (steps[i].kind, steps[i].subjectIndex);
            bool isFee = kind == StepKind.Fee || kind == StepKind.FeeExcess;
            uint256 dueAssets =
                isFee
                    ? _feeDueAssets(book.fees[subjectIndex], kind, _feeToComeAssets(book, subjectIndex))
                    : _claimAssets(book, kind, subjectIndex, leftAssets);
            uint256 paidAssets;
            (paidAssets, leftAssets) = Waterfall.pay(dueAssets, leftAssets);
            if (!isFee) classAssets[subjectIndex] += paidAssets;
        }
    }

    // Accruing

    /// @dev Adds a class's interest of the period to what is due, and moves its schedule on; returns its debt service:
    /// interest, and the principal of a schedule that falls, without the balloon.
    function _accrueClass(
        Book storage book,
        Class storage class,
        uint256 paymentIndex,
        uint256 dueAt
    ) private returns (uint256 serviceAssets) {
        ClassTerms storage terms = class.terms;
        uint256 outstandingAssets = class.outstandingAssets;
        serviceAssets = book.interestOf(class, outstandingAssets, dueAt);
        class.interestDueAssets += serviceAssets;

        uint256 termCount = terms.termMonthCount;
        if (paymentIndex >= termCount) return serviceAssets; // nothing is left scheduled
        uint256 beforeAssets = class.scheduledAssets;
        uint256 afterAssets = _scheduledAssets(class, paymentIndex);
        class.scheduledAssets = afterAssets;
        PrincipalKind kind = terms.principalKind;
        if (kind == PrincipalKind.Balloon || kind == PrincipalKind.Sequential) return serviceAssets;
        uint256 leftAssets = paymentIndex + 1 == termCount ? class.balloonAssets : afterAssets;
        serviceAssets += Math.saturatingSub(Math.min(beforeAssets, outstandingAssets), leftAssets);
    }

    /// @dev What a class's schedule leaves outstanding after a payment date.
    function _scheduledAssets(Class storage class, uint256 paymentIndex) private view returns (uint256) {
        ClassTerms storage terms = class.terms;
        PrincipalKind kind = terms.principalKind;
        if (kind == PrincipalKind.Sequential || paymentIndex + 1 >= terms.termMonthCount) return 0;
        if (kind == PrincipalKind.Balloon) return class.principalAssets;
        if (kind == PrincipalKind.Scheduled) {
            return tabledAssets(class.principalAssets, terms.scheduledWad[paymentIndex]);
        }
        return amortizedAssets(class.scheduledAssets, terms.couponBps, class.levelPaymentAssets);
    }

    /// @dev Adds the fees of the period to what is due; returns how much of them the Fee steps may pay.
    function _accrueFees(Book storage book) private returns (uint256 cappedAssets) {
        for (uint256 i = 0; i < book.fees.length; ++i) {
            Fee storage fee = book.fees[i];
            uint256 addedAssets = _feeAssets(fee, book.periodRentAssets);
            fee.dueAssets += addedAssets;
            cappedAssets += Math.min(addedAssets, fee.terms.capAssets);
        }
    }

    /// @dev A fee of a period with so much rent.
    function _feeAssets(Fee storage fee, uint256 rentAssets) private view returns (uint256) {
        return fee.terms.fixedAssets + mulDivDown(rentAssets, fee.terms.collectionsBps, BPS);
    }

    /// @dev What the next payment date will add to a fee, where it has come: on all rent that it would find.
    function _feeToComeAssets(Book storage book, uint256 feeIndex) private view returns (uint256) {
        if (!book.isPaying() || block.timestamp < book.paymentAt(book.paymentCount)) return 0;
        (uint256 revenueAssets, ) = book.leases.revenueAssets(address(this), book.asset);
        return _feeAssets(book.fees[feeIndex], book.periodRentAssets + revenueAssets - book.rentAssets);
    }

    /// @dev Compares the debt service cover of the last payment dates with the covenants.
    function _testCover(Book storage book) private {
        uint256 periodCount = book.covenants.dscrPeriodCount;
        uint256 count = book.covers.length;
        if (book.state > State.CashTrap || count < periodCount) return;
        uint256 netAssets;
        uint256 serviceAssets;
        for (uint256 i = count - periodCount; i < count; ++i) {
            netAssets += book.covers[i].netAssets;
            serviceAssets += book.covers[i].serviceAssets;
        }
        if (netAssets * BPS < book.covenants.amortiseDscrBps * serviceAssets) {
            book.moveTo(State.EarlyAmortisation);
        } else {
            book.setBreach(Trigger.Dscr, 0, netAssets * BPS < book.covenants.trapDscrBps * serviceAssets);
        }
    }

    // Paying

    function _listOf(State state) private pure returns (StepList) {
        if (state == State.EarlyAmortisation) return StepList.Amortisation;
        return state == State.Enforcement ? StepList.Enforcement : StepList.Performing;
    }

    function _dueOf(
        Book storage book,
        Step memory step,
        uint256 paymentIndex,
        uint256 dueAt,
        uint256 cashAssets
    ) private view returns (uint256) {
        StepKind kind = step.kind;
        if (kind == StepKind.Residual) return cashAssets;
        if (kind == StepKind.Reserve) return _reserveDueAssets(book, paymentIndex);
        if (kind == StepKind.Trap) {
            bool traps = book.state == State.CashTrap && !_isAnticipated(book, dueAt);
            return traps && !_isAllDue(book, paymentIndex) ? cashAssets : 0;
        }
        if (kind == StepKind.Fee || kind == StepKind.FeeExcess) {
            return _feeDueAssets(book.fees[step.subjectIndex], kind, 0);
        }
        Class storage class = book.classes[step.subjectIndex];
        if (kind == StepKind.Interest) return class.interestDueAssets;
        (uint256 principalAssets, uint256 turboAssets) = Waterfall.splitPrincipal(
            class.outstandingAssets,
            _leftAssets(book, step.subjectIndex)
        );
        if (kind == StepKind.Principal) return principalAssets;
        return _isAnticipated(book, dueAt) ? turboAssets : 0;
    }

    /// @dev What a fee's step is due, with what a payment date that has come will add.
    function _feeDueAssets(Fee storage fee, StepKind kind, uint256 toComeAssets) private view returns (uint256) {
        (uint256 cappedAssets, uint256 excessAssets) = Waterfall.splitFee(
            fee.dueAssets + toComeAssets,
            fee.terms.capAssets
        );
        return kind == StepKind.Fee ? cappedAssets : excessAssets;
    }

    /// @dev What a class's step of the enforcement list would be due now, of the cash that is left.
    function _claimAssets(
        Book storage book,
        StepKind kind,
        uint256 classIndex,
        uint256 leftAssets
    ) private view returns (uint256) {
        if (kind == StepKind.Interest) return book.accruedAssets(classIndex);
        return kind == StepKind.Principal ? book.classes[classIndex].outstandingAssets : leftAssets;
    }

    /// @dev Books what a step was paid.
    function _settle(Book storage book, Step memory step, uint256 assets) private {
        if (step.kind == StepKind.Reserve) {
            book.reserveAssets = assets;
        } else if (step.kind == StepKind.Trap) {
            book.trappedAssets = assets;
        } else if (assets == 0) {
            return;
        } else if (step.kind == StepKind.Fee || step.kind == StepKind.FeeExcess) {
            Fee storage fee = book.fees[step.subjectIndex];
            fee.dueAssets -= assets;
            book.feesPaidAssets += assets;
            book.credit(fee.terms.payee, assets);
        } else {
            Class storage class = book.classes[step.subjectIndex];
            bool isInterest = step.kind == StepKind.Interest;
            // What the residual gets is principal only once every senior class is whole.
            bool isIncome = isInterest || (step.kind == StepKind.Residual && book.seniorOwedAssets() != 0);
            (uint256 incomeAssets, uint256 principalAssets) = Waterfall.splitPaid(
                assets,
                class.outstandingAssets,
                isIncome
            );
            if (isInterest) class.interestDueAssets -= assets;
            class.outstandingAssets -= principalAssets;
            book.accrue(class.token, incomeAssets, principalAssets);
        }
    }

    /// @dev What a date may leave a class outstanding: its schedule, less what lots that were sold to their lessees
    /// fetched since the date before, senior first: hardware that is gone secures nobody.
    function _leftAssets(Book storage book, uint256 classIndex) private view returns (uint256 leftAssets) {
        if (book.state > State.CashTrap) return 0;
        uint256 saleAssets = book.saleAssets;
        for (uint256 i = 0; i <= classIndex; ++i) {
            Class storage class = book.classes[i];
            leftAssets = Math.min(class.outstandingAssets, class.scheduledAssets);
            uint256 soldAssets = Math.min(saleAssets, leftAssets);
            leftAssets -= soldAssets;
            saleAssets -= soldAssets;
        }
    }

    /// @dev The reserve's target, or what the seniors have outstanding where that is less.
    function _reserveDueAssets(Book storage book, uint256 paymentIndex) private view returns (uint256) {
        if (_isAllDue(book, paymentIndex)) return 0;
        uint256 outstandingAssets;
        for (uint256 i = 0; i + 1 < book.classes.length; ++i) outstandingAssets += book.classes[i].outstandingAssets;
        return Math.min(book.reserveTargetAssets, outstandingAssets);
    }

    /// @dev Whether each senior class is repaid, or to be repaid on this date: no cash is kept back then.
    function _isAllDue(Book storage book, uint256 paymentIndex) private view returns (bool) {
        for (uint256 i = 0; i + 1 < book.classes.length; ++i) {
            Class storage class = book.classes[i];
            if (class.outstandingAssets != 0 && paymentIndex + 1 < class.terms.termMonthCount) return false;
        }
        return true;
    }

    /// @dev Whether a payment date is at or past the anticipated repayment date.
    function _isAnticipated(Book storage book, uint256 dueAt) private view returns (bool) {
        return book.anticipatedRepaymentAt != 0 && dueAt >= book.anticipatedRepaymentAt;
    }
}
