// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {BPS} from "../units.sol";
import {ClassToken} from "./ClassToken.sol";
import {Facility} from "./Facility.sol";
import {ClassKind, ClassSettings, ClassTerms, FeeTerms, Settings} from "./IFacility.sol";
import {StepList, Waterfall} from "./Waterfall.sol";

/// @title Creates facilities with their class tokens.
/// @notice Both are clones, made and initialised in one transaction, so nobody can come between. A facility and its
/// tokens answer to the same access manager as this contract. Settings are checked here, emitted in full, then fixed.
contract Facilities is AccessManaged {
    uint256 private constant MAX_CLASSES = 8;
    uint256 private constant MAX_FEES = 8;

    address public immutable facilityImplementation;
    address public immutable classTokenImplementation;

    /// @notice Whether this contract created a facility.
    mapping(address facility => bool) public isFacility;

    event FacilityCreated(address indexed facility, address[] classTokens, Settings settings);

    error Facilities_BadAsset(address asset, uint256 decimalCount);
    error Facilities_BadCounts(uint256 classCount, uint256 feeCount);
    error Facilities_BadClass(uint256 classIndex);
    error Facilities_BadFee(uint256 feeIndex, address payee, uint256 collectionsBps);
    error Facilities_BadDates(uint256 raiseUntilAt, uint256 firstPaymentAt, uint256 timeAt);
    error Facilities_BadAdvance(uint256 advanceBps);

    constructor(
        address authority_,
        address facilityImplementation_,
        address classTokenImplementation_
    ) AccessManaged(authority_) {
        facilityImplementation = facilityImplementation_;
        classTokenImplementation = classTokenImplementation_;
    }

    /// @notice Creates a facility that is open for subscription; reverts with the error of a setting that cannot stand.
    function create(Settings calldata settings) external restricted returns (address facility) {
        _check(settings);
        facility = Clones.clone(facilityImplementation);
        isFacility[facility] = true;
        address[] memory tokens = new address[](settings.classes.length);
        bytes memory bonds = abi.encode(facility, settings.gate);
        for (uint256 i = 0; i < tokens.length; ++i) {
            ClassSettings calldata class = settings.classes[i];
            tokens[i] = Clones.cloneWithImmutableArgs(classTokenImplementation, bonds);
            ClassToken(tokens[i]).initialize(class.name, class.symbol, settings.asset, authority());
        }
        emit FacilityCreated(facility, tokens, settings);
        Facility(facility).initialize(settings, tokens, authority());
    }

    // Internal

    function _check(Settings calldata settings) private view {
        uint256 classCount = settings.classes.length;
        uint256 feeCount = settings.fees.length;
        require(
            classCount >= 2 && classCount <= MAX_CLASSES && feeCount <= MAX_FEES,
            Facilities_BadCounts(classCount, feeCount)
        );
        require(
            block.timestamp <= settings.raiseUntilAt && settings.raiseUntilAt < settings.firstPaymentAt,
            Facilities_BadDates(settings.raiseUntilAt, settings.firstPaymentAt, block.timestamp)
        );
        require(settings.advanceBps <= BPS, Facilities_BadAdvance(settings.advanceBps));
        uint256 decimals = IERC20Metadata(settings.asset).decimals();
        require(decimals >= 6 && decimals <= 18, Facilities_BadAsset(settings.asset, decimals));
        for (uint256 i = 0; i < classCount; ++i) {
            ClassTerms calldata class = settings.classes[i].terms;
            bool good = i + 1 < classCount ? _isSenior(class) : _isResidual(class);
            require(good && _isRaisable(class, 10 ** decimals), Facilities_BadClass(i));
        }
        for (uint256 i = 0; i < feeCount; ++i) {
            FeeTerms calldata fee = settings.fees[i];
            require(
                fee.payee != address(0) && fee.collectionsBps <= BPS,
                Facilities_BadFee(i, fee.payee, fee.collectionsBps)
            );
        }
        Waterfall.check(
            settings.steps,
            StepList.Performing,
            feeCount,
            classCount - 1,
            settings.reserveTargetAssets != 0
        );
    }

    function _isSenior(ClassTerms calldata class) private pure returns (bool) {
        return class.kind == ClassKind.Senior && class.termMonthCount != 0 && class.balloonAssets <= class.targetAssets;
    }

    function _isResidual(ClassTerms calldata class) private pure returns (bool) {
        return
            class.kind == ClassKind.Residual &&
            class.couponBps == 0 &&
            class.termMonthCount == 0 &&
            class.balloonAssets == 0;
    }

    /// @dev A class has at least one whole token of shares, so that its income per share stays in range.
    function _isRaisable(ClassTerms calldata class, uint256 oneAssets) private pure returns (bool) {
        return
            class.minimumAssets >= oneAssets &&
            class.minimumAssets <= class.targetAssets &&
            class.targetAssets <= type(uint96).max;
    }
}
