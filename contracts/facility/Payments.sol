// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {amortizedAssets} from "../annuity.sol";
import {Settlement_WrongAmount} from "../settlement.sol";
import {BPS, mulDivDown} from "../units.sol";
import {Book, Books, Class, Fee} from "./FacilityBook.sol";
import {IFacility, State} from "./IFacility.sol";
import {Step, StepKind, StepList, Waterfall} from "./Waterfall.sol";

/// @title What comes into a facility and how a payment date pays it out.
/// @notice Runs on the facility's own book, in its name.
library Payments {
    using Books for Book;
    using SafeERC20 for IERC20;

    /// @notice See `Facility.collect`.
    function collect(Book storage book) external returns (uint256 assets) {
        require(book.isLive(), IFacility.Facility_WrongState(book.state));
        address asset = book.asset;
        uint256 balanceAssets = IERC20(asset).balanceOf(address(this));
        assets = book.leases.collect(asset);
        uint256 deliveredAssets = IERC20(asset).balanceOf(address(this)) - balanceAssets;
        require(deliveredAssets == assets, Settlement_WrongAmount(asset, assets, deliveredAssets));
        book.collectionsAssets += assets;
        book.periodRentAssets += assets;
        emit IFacility.Collected(assets, book.collectionsAssets);
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
        for (uint256 i = 0; i + 1 < book.classes.length; ++i) {
            Class storage class = book.classes[i];
            class.interestDueAssets += book.interestOf(class, class.outstandingAssets, dueAt);
            class.scheduledAssets =
                paymentIndex + 1 < class.terms.termMonthCount
                    ? amortizedAssets(class.scheduledAssets, class.terms.couponBps, class.levelPaymentAssets)
                    : 0;
        }
        for (uint256 i = 0; i < book.fees.length; ++i) {
            Fee storage fee = book.fees[i];
            fee.dueAssets += fee.terms.fixedAssets + mulDivDown(book.periodRentAssets, fee.terms.collectionsBps, BPS);
        }
        book.periodRentAssets = 0;
        book.periodStartAt = uint64(dueAt);
        pay(book, dueAt);
    }

    /// @notice Runs the steps of the state's list on all cash: collections, reserve and trapped.
    function pay(Book storage book, uint256 dueAt) public {
        uint256 paymentIndex = book.paymentCount++;
        uint256 collectedAssets = book.collectionsAssets;
        uint256 cashAssets = collectedAssets + book.reserveAssets + book.trappedAssets;
        Step[] storage steps = book.steps[uint256(_listOf(book.state))];
        uint256 count = steps.length;
        uint256[] memory dues = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) dues[i] = _dueOf(book, steps[i], cashAssets);
        (uint256[] memory payments, ) = Waterfall.allocate(dues, cashAssets);

        // The residual is due all there is, so no cash remains.
        book.collectionsAssets = 0;
        book.reserveAssets = 0;
        book.trappedAssets = 0;
        for (uint256 i = 0; i < count; ++i) {
            Step memory step = steps[i];
            if (step.kind == StepKind.Residual) dues[i] = payments[i];
            emit IFacility.StepPaid(paymentIndex, i, step, dues[i], payments[i]);
            _settle(book, step, payments[i]);
        }
        emit IFacility.PaymentMade(paymentIndex, dueAt, collectedAssets, book.reserveAssets, book.trappedAssets);
    }

    function _listOf(State state) private pure returns (StepList) {
        if (state == State.EarlyAmortisation) return StepList.Amortisation;
        return state == State.Enforcement ? StepList.Enforcement : StepList.Performing;
    }

    function _dueOf(Book storage book, Step memory step, uint256 cashAssets) private view returns (uint256) {
        if (step.kind == StepKind.Fee) return _cappedAssets(book.fees[step.subjectIndex]);
        if (step.kind == StepKind.FeeExcess) {
            Fee storage fee = book.fees[step.subjectIndex];
            return fee.dueAssets - _cappedAssets(fee);
        }
        if (step.kind == StepKind.Reserve) return _isAllDue(book) ? 0 : book.reserveTargetAssets;
        if (step.kind == StepKind.Residual) return cashAssets;
        if (step.kind == StepKind.Trap || step.kind == StepKind.Turbo) return 0;
        Class storage class = book.classes[step.subjectIndex];
        if (step.kind == StepKind.Interest) return class.interestDueAssets;
        return class.outstandingAssets > class.scheduledAssets ? class.outstandingAssets - class.scheduledAssets : 0;
    }

    /// @dev Books what a step was paid.
    function _settle(Book storage book, Step memory step, uint256 assets) private {
        if (step.kind == StepKind.Reserve) {
            book.reserveAssets = assets;
        } else if (step.kind == StepKind.Trap) {
            book.trappedAssets = assets;
        } else if (step.kind == StepKind.Fee || step.kind == StepKind.FeeExcess) {
            Fee storage fee = book.fees[step.subjectIndex];
            fee.dueAssets -= assets;
            book.feesPaidAssets += assets;
            book.credit(fee.terms.payee, assets);
        } else {
            Class storage class = book.classes[step.subjectIndex];
            uint256 principalAssets;
            if (step.kind == StepKind.Interest) {
                class.interestDueAssets -= assets;
            } else {
                // What the residual gets is principal only once every senior class is whole.
                if (step.kind != StepKind.Residual || book.seniorOwedAssets() == 0) {
                    principalAssets = assets < class.outstandingAssets ? assets : class.outstandingAssets;
                }
                class.outstandingAssets -= principalAssets;
            }
            book.accrue(class.token, assets - principalAssets, principalAssets);
        }
    }

    function _cappedAssets(Fee storage fee) private view returns (uint256) {
        return fee.dueAssets < fee.terms.capAssets ? fee.dueAssets : fee.terms.capAssets;
    }

    /// @dev Whether the schedule leaves no principal of a senior class outstanding.
    function _isAllDue(Book storage book) private view returns (bool) {
        for (uint256 i = 0; i + 1 < book.classes.length; ++i) {
            if (book.classes[i].outstandingAssets != 0 && book.classes[i].scheduledAssets != 0) return false;
        }
        return true;
    }
}
