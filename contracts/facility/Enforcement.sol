// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Settlement} from "../settlement.sol";
import {BPS, LeaseId, LotId, mulDivDown, mulDivUp} from "../units.sol";
import {ClassToken} from "./ClassToken.sol";
import {Auction, Book, Books, Class} from "./FacilityBook.sol";
import {IFacilities, IFacility, State} from "./IFacility.sol";
import {Payments} from "./Payments.sol";

/// @title How lots leave a facility (released, bought by their lessee, sold, redeemed) and how it ends.
/// @notice Runs on the facility's own book, in its name.
library Enforcement {
    using Books for Book;
    using Settlement for IERC20;

    uint256 private constant YEAR_SEC = 365 days;
    LeaseId private constant NONE = LeaseId.wrap(0);

    // Lots

    /// @notice See `Facility.release`.
    function release(Book storage book, LotId lotId) external {
        book.requirePaying();
        book.requireRepaid();
        LeaseId leaseId = book.leases.leaseOf(lotId);
        require(leaseId == NONE, IFacility.Facility_LotLeased(lotId, leaseId));
        _drop(book, lotId);
        emit IFacility.Released(lotId);
        book.registry.releaseLien(lotId);
    }

    /// @notice See `Facility.completePurchase`.
    function completePurchase(Book storage book, LotId lotId) external {
        require(book.isLive(), IFacility.Facility_WrongState(book.state));
        LeaseId leaseId = book.leases.leaseOf(lotId);
        address purchaser = book.leases.purchaserOf(leaseId);
        require(purchaser != address(0), IFacility.Facility_NotBought(lotId, leaseId));
        // Else the facility could close before its rent of the last period is invoiced. Meters that are a year late
        // hold nobody up any more.
        uint256 untilAt = book.leases.unsettledUntilAt(leaseId);
        require(
            untilAt == 0 || block.timestamp >= untilAt + YEAR_SEC,
            IFacility.Facility_LeaseUnsettled(lotId, leaseId, untilAt)
        );
        _drop(book, lotId);
        emit IFacility.LotPurchased(lotId, purchaser, leaseId);
        book.registry.passLot(lotId, purchaser);
        book.leases.handOver(leaseId);
    }

    /// @notice See `Facility.startAuction`.
    function startAuction(Book storage book, LotId lotId) external {
        _requireForSale(book, lotId);
        Auction storage auction = book.auctions[lotId];
        uint256 startAssets;
        if (auction.startedAt == 0) {
            startAssets = mulDivDown(book.registry.lot(lotId).costAssets, book.auction.startBps, BPS);
            if (startAssets == 0) startAssets = 1;
        } else {
            uint256 untilAt = auction.startedAt + book.auction.durationSec;
            require(block.timestamp >= untilAt, IFacility.Facility_AuctionRunning(lotId, untilAt));
            startAssets = _floorAssets(book, auction);
        }
        auction.startAssets = startAssets;
        auction.startedAt = uint64(block.timestamp);
        emit IFacility.AuctionStarted(lotId, startAssets, _floorAssets(book, auction));
    }

    /// @notice See `Facility.buy`.
    function buy(Book storage book, LotId lotId, uint256 maxAssets) external returns (uint256 priceAssets) {
        _requireForSale(book, lotId);
        require(book.gate.isVerified(msg.sender), IFacility.Facility_NotVerified(msg.sender));
        priceAssets = auctionPriceAssets(book, lotId);
        require(priceAssets <= maxAssets, IFacility.Facility_PriceAbove(lotId, priceAssets, maxAssets));

        _drop(book, lotId);
        book.collectionsAssets += priceAssets;
        emit IFacility.LotSold(lotId, msg.sender, priceAssets, book.collectionsAssets);
        book.registry.passLot(lotId, msg.sender);
        LeaseId leaseId = book.leases.leaseOf(lotId);
        if (leaseId != NONE) book.leases.assign(leaseId, msg.sender);
        IERC20(book.asset).pullExact(msg.sender, priceAssets);
    }

    // Redemption

    /// @notice See `Facility.redeem`.
    function redeem(Book storage book, LotId[] calldata lotIds, uint256 priceAssets) external {
        require(IFacilities(book.factory).isFacility(msg.sender), IFacility.Facility_Foreign(msg.sender));
        address sponsor = IFacility(msg.sender).sponsor();
        require(sponsor == book.sponsor, IFacility.Facility_OtherSponsor(msg.sender, sponsor));
        address asset = IFacility(msg.sender).asset();
        require(asset == book.asset, IFacility.Facility_OtherAsset(msg.sender, asset));
        uint256 neededAssets = redemptionAssets(book);
        require(priceAssets == neededAssets, IFacility.Facility_WrongPrice(priceAssets, neededAssets));
        uint256 lotCount = book.lotCount;
        require(lotIds.length == lotCount, IFacility.Facility_WrongLotCount(lotIds.length, lotCount));

        uint256 leftAssets = priceAssets;
        for (uint256 i = 0; i + 1 < book.classes.length; ++i) leftAssets -= _redeemClass(book, i);
        book.collectionsAssets += leftAssets;
        emit IFacility.Redeemed(msg.sender, priceAssets, book.collectionsAssets);
        for (uint256 i = 0; i < lotCount; ++i) _hand(book, lotIds[i], msg.sender);
        IERC20(asset).pullExact(msg.sender, priceAssets);
    }

    // The end

    /// @notice See `Facility.close`.
    function close(Book storage book) external {
        book.requirePaying();
        uint256 owedAssets = book.seniorOwedAssets();
        if (owedAssets != 0) {
            require(book.state == State.Enforcement, IFacility.Facility_SeniorsOwed(owedAssets));
            book.requireNoneDue();
            // All of a class stands above all of the next: its interest since the last date does too.
            for (uint256 i = 0; i + 1 < book.classes.length; ++i) {
                book.classes[i].interestDueAssets = book.accruedAssets(i);
            }
            book.periodStartAt = uint64(block.timestamp);
        }
        require(book.lotCount == 0, IFacility.Facility_LotsPledged(book.lotCount));
        uint256 waitingAssets = book.leases.collectableAssets(address(this), book.asset);
        uint256 unpaidAssets = book.leases.receivableAssets(address(this), book.asset);
        require(
            waitingAssets == 0 && (unpaidAssets == 0 || block.timestamp >= book.lastLotAt + YEAR_SEC),
            IFacility.Facility_RentOutstanding(waitingAssets + unpaidAssets)
        );

        // Paid by the list of the state it closes from.
        Payments.pay(book, block.timestamp);
        book.state = State.Closed;
        emit IFacility.FacilityClosed(block.timestamp);
        for (uint256 i = 0; i < book.classes.length; ++i) _writeOff(book, i);
    }

    // Related parties

    /// @notice See `Facility.declareRelated`.
    function declareRelated(Book storage book, LeaseId leaseId) external {
        address lessee = book.leases.lesseeOf(leaseId);
        uint256 shares = ClassToken(book.classes[book.classes.length - 1].token).balanceOf(lessee);
        require(shares != 0, IFacility.Facility_NotRelated(leaseId, lessee));
        emit IFacility.RelatedDeclared(leaseId, lessee, shares);
        book.leases.markRelated(leaseId);
    }

    /// @notice See `Facility.relatedPartyBps`.
    function relatedPartyBps(Book storage book) external view returns (uint256) {
        (uint256 totalAssets, uint256 relatedAssets) = book.leases.revenueAssets(address(this), book.asset);
        return totalAssets == 0 ? 0 : mulDivUp(relatedAssets, BPS, totalAssets);
    }

    // Views

    /// @notice See `Facility.auctionPriceAssets`.
    function auctionPriceAssets(Book storage book, LotId lotId) public view returns (uint256) {
        Auction storage auction = book.auctions[lotId];
        require(auction.startedAt != 0, IFacility.Facility_NoAuction(lotId));
        uint256 durationSec = book.auction.durationSec;
        uint256 elapsedSec = block.timestamp - auction.startedAt;
        uint256 floorAssets = _floorAssets(book, auction);
        if (elapsedSec >= durationSec) return floorAssets;
        return auction.startAssets - mulDivDown(auction.startAssets - floorAssets, elapsedSec, durationSec);
    }

    /// @notice See `Facility.releaseAssets`: the lot's part, by what was drawn on it, of what the seniors are owed now.
    function releaseAssets(Book storage book, LotId lotId, address asset) external view returns (uint256) {
        if (asset != book.asset) return type(uint256).max;
        return mulDivUp(book.seniorClaimAssets(), book.drawnAssets[lotId], book.totalDrawnAssets);
    }

    /// @notice See `Facility.redemptionAssets`.
    function redemptionAssets(Book storage book) public view returns (uint256 priceAssets) {
        require(
            book.state >= State.Performing && book.state <= State.EarlyAmortisation,
            IFacility.Facility_WrongState(book.state)
        );
        require(
            book.callableAt != 0 && block.timestamp >= book.callableAt,
            IFacility.Facility_NotCallable(book.callableAt, block.timestamp)
        );
        book.requireNoneDue();
        priceAssets = book.seniorClaimAssets();
        for (uint256 i = 0; i + 1 < book.classes.length; ++i) priceAssets += _premiumAssets(book.classes[i]);
        (, uint256 hardwareAssets) = book.freshValue();
        // The residual class gets what its lots are worth beyond what is owed on them.
        if (priceAssets < hardwareAssets) priceAssets = hardwareAssets;
    }

    // Internal

    /// @dev Refuses what may not be sold: the seniors have cash enough, or the lot is its lessee's already.
    function _requireForSale(Book storage book, LotId lotId) private view {
        book.requireState(State.Enforcement);
        require(book.isPledged[lotId], IFacility.Facility_NotPledged(lotId));
        uint256 owedAssets = book.seniorClaimAssets();
        uint256 cashAssets = book.collectionsAssets + book.reserveAssets + book.trappedAssets;
        require(owedAssets > cashAssets, IFacility.Facility_SeniorsCovered(owedAssets, cashAssets));
        book.requireNotBought(lotId, book.leases.leaseOf(lotId));
    }

    /// @dev Takes a lot off the books.
    function _drop(Book storage book, LotId lotId) private {
        book.unpledge(lotId);
        book.lastLotAt = uint64(block.timestamp);
        delete book.auctions[lotId];
    }

    /// @dev Hands a lot and its lease on to the facility that redeems this one.
    function _hand(Book storage book, LotId lotId, address to) private {
        LeaseId leaseId = book.leases.leaseOf(lotId);
        book.requireNotBought(lotId, leaseId);
        _drop(book, lotId);
        emit IFacility.LotRedeemed(lotId, to);
        book.registry.passLien(lotId, to);
        // The new facility takes the lien and then, as its holder, the rent.
        if (leaseId != NONE) book.leases.assign(leaseId, book.registry.lot(lotId).operator);
    }

    /// @dev Pays a senior class its call price.
    function _redeemClass(Book storage book, uint256 classIndex) private returns (uint256 paidAssets) {
        Class storage class = book.classes[classIndex];
        uint256 principalAssets = class.outstandingAssets;
        uint256 premiumAssets = _premiumAssets(class);
        uint256 interestAssets = book.accruedAssets(classIndex);
        _clear(class);
        emit IFacility.ClassRedeemed(classIndex, interestAssets, premiumAssets, principalAssets);
        book.accrue(class.token, interestAssets + premiumAssets, principalAssets);
        return interestAssets + premiumAssets + principalAssets;
    }

    /// @dev What a class has outstanding when all is paid is lost; interest it is still owed nobody will pay.
    function _writeOff(Book storage book, uint256 classIndex) private {
        Class storage class = book.classes[classIndex];
        uint256 lossAssets = class.outstandingAssets;
        _clear(class);
        if (lossAssets == 0) return;
        emit IFacility.ClassWrittenOff(classIndex, lossAssets);
        ClassToken(class.token).accrueLoss(lossAssets);
    }

    /// @dev Nothing more is owed to a class.
    function _clear(Class storage class) private {
        class.outstandingAssets = 0;
        class.interestDueAssets = 0;
        class.missedAt = 0;
    }

    function _premiumAssets(Class storage class) private view returns (uint256) {
        return mulDivUp(class.outstandingAssets, class.terms.callPremiumBps, BPS);
    }

    function _floorAssets(Book storage book, Auction storage auction) private view returns (uint256 assets) {
        assets = mulDivDown(auction.startAssets, book.auction.floorBps, BPS);
        if (assets == 0) assets = 1;
    }
}
