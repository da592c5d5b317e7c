// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {
    DayCount,
    amortizedAssets,
    interestAssets,
    levelPaymentAssets,
    periodInterestAssets,
    tabledAssets
} from "../annuity.sol";
import {Date, addMonths, dateOf, days30360, daysInMonth, periodDays30360, timeOf} from "../calendar.sol";
import {ClassToken} from "../facility/ClassToken.sol";
import {IFacility} from "../facility/IFacility.sol";
import {StepLists} from "../facility/StepLists.sol";
import {Step, StepList, Waterfall} from "../facility/Waterfall.sol";
import {IRegistry} from "../registry/IRegistry.sol";
import {LeaseId, LotId, SiteId} from "../units.sol";

/// @title Lots, evidence and offered liens, without devices.
contract MockPledges {
    mapping(LotId lotId => uint256) private _costAssets;
    mapping(LotId lotId => uint8) public evidenceClass;
    mapping(LotId lotId => address) public lienOfferedTo;
    mapping(LotId lotId => address) public lienHolder;
    mapping(LotId lotId => bytes2) public country;
    mapping(LotId lotId => bool) public isFrozen;

    error MockPledges_LienNotOffered(LotId lotId, address caller);

    function setLot(LotId lotId, uint256 costAssets, uint8 class_, address offeredTo) external {
        _costAssets[lotId] = costAssets;
        evidenceClass[lotId] = class_;
        lienOfferedTo[lotId] = offeredTo;
        country[lotId] = "US";
    }

    function setFrozen(LotId lotId, bool isFrozen_) external {
        isFrozen[lotId] = isFrozen_;
    }

    function setCountry(LotId lotId, bytes2 country_) external {
        country[lotId] = country_;
    }

    function lot(LotId lotId) external view returns (IRegistry.Lot memory) {
        return IRegistry.Lot(SiteId.wrap(1), address(1), 8, 700, "H100", _costAssets[lotId], 0, 0);
    }

    function takeLien(LotId lotId) external {
        require(
            lienHolder[lotId] == address(0) && lienOfferedTo[lotId] == msg.sender,
            MockPledges_LienNotOffered(lotId, msg.sender)
        );
        lienHolder[lotId] = msg.sender;
    }

    function releaseLien(LotId lotId) external {
        _dropLien(lotId);
    }

    function passLien(LotId lotId, address to) external {
        _dropLien(lotId);
        lienOfferedTo[lotId] = to;
    }

    function passLot(LotId lotId, address) external {
        _dropLien(lotId);
    }

    function _dropLien(LotId lotId) private {
        require(lienHolder[lotId] == msg.sender, MockPledges_LienNotOffered(lotId, msg.sender));
        lienHolder[lotId] = address(0);
    }
}

/// @title Leases that owe and pay what a test says.
contract MockRent {
    using SafeERC20 for IERC20;

    mapping(LotId lotId => LeaseId) public leaseOf;
    mapping(LeaseId leaseId => address) public payeeOf;
    mapping(LeaseId leaseId => bool) public isLocated;
    mapping(address payee => uint256) public collectable;
    mapping(address payee => uint256) public receivable;
    mapping(address payee => uint256) public revenue;
    uint256 public overstatedAssets;

    function setLease(LotId lotId, LeaseId leaseId, address payee) external {
        leaseOf[lotId] = leaseId;
        payeeOf[leaseId] = payee;
        isLocated[leaseId] = true;
    }

    /// @dev Rent is in the payee's own token.
    function assetOf(LeaseId leaseId) external view returns (address) {
        return IFacility(payeeOf[leaseId]).asset();
    }

    function purchaserOf(LeaseId) external pure returns (address) {
        return address(0);
    }

    function setLocated(LeaseId leaseId, bool located) external {
        isLocated[leaseId] = located;
    }

    function setReceivable(address payee, uint256 assets) external {
        receivable[payee] = assets;
    }

    /// @dev Makes `collect` report more than it pays.
    function overstate(uint256 assets) external {
        overstatedAssets = assets;
    }

    function pay(IERC20 asset, address payee, uint256 assets) external {
        collectable[payee] += assets;
        revenue[payee] += assets;
        asset.safeTransferFrom(msg.sender, address(this), assets);
    }

    /// @dev Pays for a lot that its lessee buys: no rent.
    function payPrice(IERC20 asset, address payee, uint256 assets) external {
        collectable[payee] += assets;
        asset.safeTransferFrom(msg.sender, address(this), assets);
    }

    function revenueAssets(address payee, address) external view returns (uint256, uint256) {
        return (revenue[payee], 0);
    }

    function receivableAssets(address payee, address) external view returns (uint256) {
        return receivable[payee];
    }

    function collectableAssets(address payee, address) external view returns (uint256) {
        return collectable[payee];
    }

    function collect(address asset) external returns (uint256 assets) {
        assets = collectable[msg.sender];
        collectable[msg.sender] = 0;
        IERC20(asset).safeTransfer(msg.sender, assets);
        assets += overstatedAssets;
    }
}

/// @title The facility of one class token, that mints, burns and accrues as a test says.
contract MockIssuer {
    using SafeERC20 for IERC20;

    IERC20 public immutable asset;
    ClassToken public immutable token;

    constructor(address implementation, address gate, address asset_, address authority) {
        asset = IERC20(asset_);
        token = ClassToken(Clones.cloneWithImmutableArgs(implementation, abi.encode(address(this), gate)));
        token.initialize("Test Class", "TST", asset_, authority);
    }

    function mint(address to, uint256 shares) external {
        token.mint(to, shares);
    }

    function burn(address from, uint256 shares) external {
        token.burn(from, shares);
    }

    function accrue(uint256 interestAssets_, uint256 principalAssets) external {
        token.accrue(interestAssets_, principalAssets);
    }

    function accrueLoss(uint256 lossAssets) external {
        token.accrueLoss(lossAssets);
    }

    function payClaim(address to, uint256 assets) external {
        require(msg.sender == address(token), ClassToken.ClassToken_NotFacility(msg.sender));
        asset.safeTransfer(to, assets);
    }
}

/// @title The free functions of the calendar, the annuity and the waterfall, callable from outside.
contract MockMath {
    function date(uint256 timeAt) external pure returns (Date memory) {
        return dateOf(timeAt);
    }

    function time(Date memory date_) external pure returns (uint256) {
        return timeOf(date_);
    }

    function monthDays(uint256 year, uint256 month) external pure returns (uint256) {
        return daysInMonth(year, month);
    }

    function plusMonths(uint256 anchorAt, uint256 months) external pure returns (uint256) {
        return addMonths(anchorAt, months);
    }

    function plusMonthsList(uint256 anchorAt, uint256 count) external pure returns (uint256[] memory datesAt) {
        datesAt = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) datesAt[i] = addMonths(anchorAt, i);
    }

    function thirty360(uint256 fromAt, uint256 toAt) external pure returns (uint256) {
        return days30360(fromAt, toAt);
    }

    function periodThirty360(uint256 fromAt, uint256 nextAt, uint256 toAt) external pure returns (uint256) {
        return periodDays30360(fromAt, nextAt, toAt);
    }

    function periodInterest(
        uint256 principalAssets,
        uint256 couponBps,
        DayCount dayCount,
        uint256 fromAt,
        uint256 nextAt,
        uint256 toAt
    ) external pure returns (uint256) {
        return periodInterestAssets(principalAssets, couponBps, dayCount, fromAt, nextAt, toAt);
    }

    function tabled(uint256 principalAssets, uint256 leftWad) external pure returns (uint256) {
        return tabledAssets(principalAssets, leftWad);
    }

    function levelPayment(
        uint256 principalAssets,
        uint256 rateRay,
        uint256 periodCount,
        uint256 balloonAssets
    ) external pure returns (uint256) {
        return levelPaymentAssets(principalAssets, rateRay, periodCount, balloonAssets);
    }

    function interest(
        uint256 principalAssets,
        uint256 couponBps,
        DayCount dayCount,
        uint256 fromAt,
        uint256 toAt
    ) external pure returns (uint256) {
        return interestAssets(principalAssets, couponBps, dayCount, fromAt, toAt);
    }

    function amortized(
        uint256 scheduledAssets,
        uint256 couponBps,
        uint256 paymentAssets
    ) external pure returns (uint256) {
        return amortizedAssets(scheduledAssets, couponBps, paymentAssets);
    }

    function allocate(
        uint256[] memory duesAssets,
        uint256 cashAssets
    ) external pure returns (uint256[] memory paymentsAssets, uint256 remainderAssets) {
        paymentsAssets = new uint256[](duesAssets.length);
        remainderAssets = cashAssets;
        for (uint256 i = 0; i < duesAssets.length; ++i) {
            (paymentsAssets[i], remainderAssets) = Waterfall.pay(duesAssets[i], remainderAssets);
        }
    }

    function check(
        Step[] calldata steps,
        StepList list,
        uint256 feeCount,
        uint256 seniorCount,
        bool hasReserve
    ) external pure {
        StepLists.check(steps, list, feeCount, seniorCount, hasReserve);
    }
}
