// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {levelPaymentAssets} from "../annuity.sol";
import {Settlement} from "../settlement.sol";
import {BPS, LeaseId, LotId, RAY, mulDivDown} from "../units.sol";
import {ClassToken} from "./ClassToken.sol";
import {Book, Books, Class} from "./FacilityBook.sol";
import {ClassKind, ClassTerms, IFacilities, IFacility, LotDraw, PrincipalKind, State} from "./IFacility.sol";

/// @title A facility's money until it performs: subscriptions, refunds, draws, and what goes back undrawn.
/// @notice Runs on the facility's own book, in its name.
library Raise {
    using Books for Book;
    using SafeERC20 for IERC20;
    using Settlement for IERC20;

    /// What one transaction can hand on to another facility, and a block can appraise.
    uint256 private constant MAX_LOTS = 100;

    /// @notice See `Facility.subscribe`.
    function subscribe(Book storage book, uint256 classIndex, uint256 assets) external {
        book.requireState(State.Raising);
        _requireGoing(book);
        require(block.timestamp <= book.raiseUntilAt, IFacility.Facility_RaiseOver(book.raiseUntilAt, block.timestamp));
        require(assets != 0, IFacility.Facility_NoAmount());
        Class storage class = book.classAt(classIndex);
        uint256 openAssets = class.terms.targetAssets - class.raisedAssets;
        require(assets <= openAssets, IFacility.Facility_OverTarget(classIndex, assets, openAssets));
        class.raisedAssets += assets;
        class.outstandingAssets += assets;
        book.escrowAssets += assets;
        emit IFacility.Subscribed(msg.sender, classIndex, assets, class.raisedAssets);
        ClassToken(class.token).mint(msg.sender, assets);
        IERC20(book.asset).pullExact(msg.sender, assets);
    }

    /// @notice See `Facility.startFunding`.
    function startFunding(Book storage book) external {
        book.requireState(State.Raising);
        require(
            block.timestamp < book.firstPaymentAt,
            IFacility.Facility_FundingTooLate(book.firstPaymentAt, block.timestamp)
        );
        bool open = block.timestamp <= book.raiseUntilAt;
        uint256 shortIndex = _firstShort(book, open);
        if (shortIndex != book.classes.length) {
            Class storage class = book.classes[shortIndex];
            uint256 neededAssets = open ? class.terms.targetAssets : class.terms.minimumAssets;
            revert IFacility.Facility_ClassShort(shortIndex, class.raisedAssets, neededAssets);
        }
        book.state = State.Funding;
        book.periodStartAt = uint64(block.timestamp);
        book.fundedAt = uint64(block.timestamp);
        emit IFacility.FundingStarted(block.timestamp, book.escrowAssets);
    }

    /// @notice See `Facility.cancel`.
    function cancel(Book storage book) external {
        require(
            book.state == State.Raising || (book.state == State.Funding && book.totalDrawnAssets == 0),
            IFacility.Facility_WrongState(book.state)
        );
        _startRefunding(book);
    }

    /// @notice See `Facility.declareFailed`.
    function declareFailed(Book storage book) external {
        bool failed = block.timestamp >= book.firstPaymentAt;
        if (book.state == State.Raising) {
            failed = failed || (block.timestamp > book.raiseUntilAt && _firstShort(book, false) != book.classes.length);
        } else {
            book.requireState(State.Funding);
            failed = failed && book.totalDrawnAssets == 0;
        }
        require(
            failed,
            IFacility.Facility_RaiseNotFailed(
                block.timestamp,
                book.raiseUntilAt,
                book.firstPaymentAt,
                book.totalDrawnAssets
            )
        );
        _startRefunding(book);
    }

    /// @notice See `Facility.refund`.
    function refund(Book storage book, address to) external returns (uint256 assets) {
        book.requireState(State.Refunding);
        for (uint256 i = 0; i < book.classes.length; ++i) {
            Class storage class = book.classes[i];
            uint256 shares = ClassToken(class.token).balanceOf(msg.sender);
            if (shares == 0) continue;
            assets += shares;
            class.outstandingAssets -= shares;
            emit IFacility.Refunded(msg.sender, to, i, shares);
            ClassToken(class.token).burn(msg.sender, shares);
        }
        require(assets != 0, IFacility.Facility_NothingToRefund(msg.sender));
        book.escrowAssets -= assets;
        IERC20(book.asset).safeTransfer(to, assets);
    }

    /// @notice See `Facility.draw`.
    function draw(Book storage book, LotId lotId, uint256 assets) external {
        _requireDrawing(book, assets);
        require(assets != 0, IFacility.Facility_NoAmount());
        if (!book.isPledged[lotId]) book.registry.takeLien(lotId);
        _secureRent(book, lotId);
        _draw(book, lotId, assets);
        book.credit(book.sponsor, assets);
    }

    /// @notice See `Facility.refinance`.
    function refinance(Book storage book, address old, LotDraw[] calldata draws) external {
        uint256 drawnAssets;
        LotId[] memory lotIds = new LotId[](draws.length);
        for (uint256 i = 0; i < draws.length; ++i) {
            drawnAssets += draws[i].assets;
            lotIds[i] = draws[i].lotId;
        }
        _requireDrawing(book, drawnAssets);
        // With lots and no draw it could neither perform nor let the lots go.
        require(drawnAssets != 0, IFacility.Facility_NoAmount());
        // A stranger could take the money and hand nothing on.
        require(IFacilities(book.factory).isFacility(old), IFacility.Facility_Foreign(old));
        uint256 priceAssets = IFacility(old).redemptionAssets();
        require(drawnAssets >= priceAssets, IFacility.Facility_WrongPrice(drawnAssets, priceAssets));
        for (uint256 i = 0; i < draws.length; ++i) _draw(book, lotIds[i], draws[i].assets);
        book.credit(book.sponsor, drawnAssets - priceAssets);
        emit IFacility.Refinanced(old, priceAssets, drawnAssets - priceAssets);

        IERC20(book.asset).forceApprove(old, priceAssets);
        IFacility(old).redeem(lotIds, priceAssets);
        for (uint256 i = 0; i < draws.length; ++i) {
            book.registry.takeLien(lotIds[i]);
            _secureRent(book, lotIds[i]);
        }
    }

    /// @notice See `Facility.startPerforming`.
    function startPerforming(Book storage book) external {
        book.requireState(State.Funding);
        uint256 escrowAssets = book.escrowAssets;
        bool may = escrowAssets == 0 || msg.sender == book.sponsor || block.timestamp >= book.firstPaymentAt;
        require(
            may && book.totalDrawnAssets != 0,
            IFacility.Facility_CannotPerform(book.totalDrawnAssets, escrowAssets, book.firstPaymentAt)
        );
        uint256 principalAssets = escrowAssets + book.totalDrawnAssets;
        uint256 reserveAssets = escrowAssets < book.initialReserveAssets ? escrowAssets : book.initialReserveAssets;
        uint256 toReturnAssets = escrowAssets - reserveAssets;
        uint256 leftAssets = toReturnAssets;
        book.state = State.Performing;
        book.escrowAssets = 0;
        book.reserveAssets = reserveAssets;
        emit IFacility.PerformingStarted(block.timestamp, toReturnAssets, reserveAssets);
        for (uint256 i = 0; i < book.classes.length; ++i) {
            Class storage class = book.classes[i];
            uint256 raisedAssets = class.raisedAssets;
            uint256 returnedAssets =
                i + 1 == book.classes.length ? leftAssets : mulDivDown(toReturnAssets, raisedAssets, principalAssets);
            leftAssets -= returnedAssets;
            _schedule(book, class, raisedAssets, returnedAssets);
            emit IFacility.ClassScheduled(i, returnedAssets, class.levelPaymentAssets, class.interestDueAssets);
            book.accrue(class.token, 0, returnedAssets);
        }
    }

    /// @dev New money and new pledges wait while the factory is paused; nothing else does.
    function _requireGoing(Book storage book) private view {
        require(!IFacilities(book.factory).isPaused(), IFacility.Facility_Paused());
    }

    /// @dev Only the sponsor draws, in funding, what is in escrow.
    function _requireDrawing(Book storage book, uint256 assets) private view {
        book.requireState(State.Funding);
        _requireGoing(book);
        require(msg.sender == book.sponsor, IFacility.Facility_NotSponsor(msg.sender));
        require(assets <= book.escrowAssets, IFacility.Facility_OverEscrow(assets, book.escrowAssets));
    }

    /// @dev The rent of a lot that is let must be this facility's, and the lot not its lessee's by now.
    function _secureRent(Book storage book, LotId lotId) private {
        LeaseId leaseId = book.leases.leaseOf(lotId);
        if (LeaseId.unwrap(leaseId) == 0) return;
        book.requireNotBought(lotId, leaseId);
        address payee = book.leases.payeeOf(leaseId);
        if (payee != address(this)) {
            address operator = book.registry.lot(lotId).operator;
            require(payee == operator, IFacility.Facility_LeasePaysOther(lotId, leaseId, payee));
            book.leases.takeRent(leaseId);
        }
        address asset = book.leases.assetOf(leaseId);
        require(asset == book.asset, IFacility.Facility_RentInOther(lotId, asset));
    }

    /// @dev Takes a draw on a lot out of escrow and pledges the lot; whoever calls sees to the lien and the money.
    function _draw(Book storage book, LotId lotId, uint256 assets) private {
        require(!book.registry.isFrozen(lotId), IFacility.Facility_LotFrozen(lotId));
        uint8 evidenceClass = book.registry.evidenceClass(lotId);
        require(
            evidenceClass >= book.minEvidenceClass,
            IFacility.Facility_WeakEvidence(lotId, evidenceClass, book.minEvidenceClass)
        );
        uint256 costAssets = book.registry.lot(lotId).costAssets;
        uint256 lotDrawnAssets = book.drawnAssets[lotId] + assets;
        uint256 limitAssets = mulDivDown(costAssets, book.advanceBps, BPS);
        require(lotDrawnAssets <= limitAssets, IFacility.Facility_OverAdvance(lotId, lotDrawnAssets, limitAssets));

        book.drawnAssets[lotId] = lotDrawnAssets;
        book.totalDrawnAssets += assets;
        book.escrowAssets -= assets;
        if (!book.isPledged[lotId]) {
            book.isPledged[lotId] = true;
            ++book.lotCount;
            ++book.lotChangeCount;
            require(book.lotCount <= MAX_LOTS, IFacility.Facility_TooManyLots(book.lotCount));
            emit IFacility.Pledged(lotId, costAssets, evidenceClass);
        }
        emit IFacility.Drawn(lotId, assets, lotDrawnAssets, book.escrowAssets);
    }

    /// @dev The first class that raised less than its target or its minimum, or the number of classes.
    function _firstShort(Book storage book, bool ofTarget) private view returns (uint256 classIndex) {
        for (; classIndex < book.classes.length; ++classIndex) {
            Class storage class = book.classes[classIndex];
            if (class.raisedAssets < (ofTarget ? class.terms.targetAssets : class.terms.minimumAssets)) break;
        }
    }

    function _startRefunding(Book storage book) private {
        // What was booked as collections is nobody's principal: it becomes the sponsor's claim.
        uint256 surplusAssets = book.collectionsAssets;
        book.collectionsAssets = 0;
        book.state = State.Refunding;
        book.credit(book.sponsor, surplusAssets);
        emit IFacility.RefundingStarted(book.escrowAssets, surplusAssets);
    }

    /// @dev Takes the returned principal off, with the interest it earned, and fixes the schedule of the rest.
    function _schedule(Book storage book, Class storage class, uint256 raisedAssets, uint256 returnedAssets) private {
        uint256 principalAssets = raisedAssets - returnedAssets;
        class.principalAssets = principalAssets;
        class.outstandingAssets = principalAssets;
        ClassTerms storage terms = class.terms;
        if (terms.kind == ClassKind.Residual) return;
        class.interestDueAssets = book.interestOf(class, returnedAssets, block.timestamp);
        class.scheduledAssets = principalAssets;
        if (terms.principalKind != PrincipalKind.LevelPay) return;
        class.balloonAssets = mulDivDown(terms.balloonAssets, principalAssets, terms.targetAssets);
        class.levelPaymentAssets = levelPaymentAssets(
            principalAssets,
            (terms.couponBps * RAY) / (12 * BPS),
            terms.termMonthCount,
            class.balloonAssets
        );
    }
}
