// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {BPS, WAD} from "../units.sol";
import {ClassToken} from "./ClassToken.sol";
import {Facility} from "./Facility.sol";
import {
    AuctionTerms,
    ClassKind,
    ClassSettings,
    ClassTerms,
    Covenants,
    FeeTerms,
    IFacilities,
    PrincipalKind,
    RatchetStep,
    Settings
} from "./IFacility.sol";
import {StepLists} from "./StepLists.sol";
import {Step, StepKind, StepList} from "./Waterfall.sol";

/// @title Creates facilities with their class tokens.
/// @notice Both are clones, made and initialised in one transaction, so nobody can come between. A facility and its
/// tokens answer to the same access manager as this contract. Settings are checked here, emitted in full, then fixed.
/// Pause. While it is paused no facility takes subscriptions, draws or refinances; every other verb of theirs goes on,
/// so that nobody is kept from leaving. It is one switch for all: it stands for a fault of the code or of the evidence.
/// Roles. Access manager: creates, pauses, resumes.
contract Facilities is IFacilities, AccessManaged {
    uint256 private constant MAX_CLASSES = 8;
    uint256 private constant MAX_FEES = 8;
    // With a coupon of 100 % and 2^96 units the level payment still fits 256 bits.
    uint256 private constant MAX_MONTHS = 600;
    // A coverage is of seven days, and is cured by later ones.
    uint256 private constant MIN_COVERAGE_CURE_SEC = 8 days;
    uint256 private constant MAX_DSCR_PERIODS = 12;
    uint256 private constant MAX_ROWS = 32; // of the ratchet and the countries

    address public immutable facilityImplementation;
    address public immutable classTokenImplementation;

    /// @inheritdoc IFacilities
    mapping(address facility => bool) public isFacility;
    /// @inheritdoc IFacilities
    bool public isPaused;

    event Paused();
    event Resumed();
    event FacilityCreated(address indexed facility, address[] classTokens, Settings settings);

    error Facilities_BadAsset(address asset, uint256 decimalCount);
    error Facilities_BadCounts(uint256 classCount, uint256 feeCount);
    error Facilities_BadClass(uint256 classIndex);
    error Facilities_BadFee(uint256 feeIndex, address payee, uint256 collectionsBps);
    error Facilities_BadDates(uint256 raiseUntilAt, uint256 firstPaymentAt, uint256 timeAt);
    error Facilities_BadAdvance(uint256 advanceBps);
    error Facilities_BadReserve(uint256 initialAssets, uint256 targetAssets);
    /// Thresholds out of order, too many dates or countries, or a test without an appraisal to read.
    error Facilities_BadCovenants(uint256 trapDscrBps, uint256 amortiseDscrBps, uint256 dscrPeriodCount);
    /// Covenants that trap cash need a step in the performing list that does.
    error Facilities_NoTrap();
    error Facilities_BadRatchet(uint256 rowIndex);
    error Facilities_BadAuction(uint256 startBps, uint256 floorBps, uint256 durationSec);

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

    /// @notice Stops subscriptions, draws and refinancings of all facilities.
    function pause() external restricted {
        isPaused = true;
        emit Paused();
    }

    /// @notice Lets them go on.
    function resume() external restricted {
        isPaused = false;
        emit Resumed();
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
        require(
            settings.initialReserveAssets <= settings.reserveTargetAssets,
            Facilities_BadReserve(settings.initialReserveAssets, settings.reserveTargetAssets)
        );
        _checkCovenants(settings);
        require(!_isTrapping(settings.covenants) || _hasTrap(settings.performingSteps), Facilities_NoTrap());
        bool hasReserve = settings.reserveTargetAssets != 0;
        StepLists.check(settings.performingSteps, StepList.Performing, feeCount, classCount - 1, hasReserve);
        StepLists.check(settings.amortisationSteps, StepList.Amortisation, feeCount, classCount - 1, hasReserve);
        StepLists.check(settings.enforcementSteps, StepList.Enforcement, feeCount, classCount - 1, hasReserve);
    }

    function _checkCovenants(Settings calldata settings) private pure {
        Covenants calldata covenants = settings.covenants;
        bool measured =
            covenants.maxLtvBps != 0 ||
                covenants.minCoverageBps != 0 ||
                settings.ratchet.length != 0 ||
                settings.callableAt != 0;
        require(
            covenants.amortiseDscrBps <= covenants.trapDscrBps &&
                covenants.dscrPeriodCount <= MAX_DSCR_PERIODS &&
                (covenants.trapDscrBps == 0) == (covenants.dscrPeriodCount == 0) &&
                covenants.minCoverageBps <= BPS &&
                (covenants.minCoverageBps == 0 || covenants.covenantCureSec >= MIN_COVERAGE_CURE_SEC) &&
                covenants.countries.length <= MAX_ROWS &&
                (!measured || address(settings.appraisal) != address(0)),
            Facilities_BadCovenants(covenants.trapDscrBps, covenants.amortiseDscrBps, covenants.dscrPeriodCount)
        );
        require(settings.ratchet.length <= MAX_ROWS, Facilities_BadRatchet(settings.ratchet.length));
        for (uint256 i = 1; i < settings.ratchet.length; ++i) {
            RatchetStep calldata above = settings.ratchet[i - 1];
            RatchetStep calldata row = settings.ratchet[i];
            require(above.maxPueE4 < row.maxPueE4 && above.marginBps <= row.marginBps, Facilities_BadRatchet(i));
        }
        AuctionTerms calldata auction = settings.auction;
        require(
            auction.startBps != 0 && auction.floorBps <= BPS && auction.durationSec != 0,
            Facilities_BadAuction(auction.startBps, auction.floorBps, auction.durationSec)
        );
    }

    /// @dev Whether a covenant is agreed on that traps cash.
    function _isTrapping(Covenants calldata covenants) private pure returns (bool) {
        return
            covenants.trapDscrBps != 0 ||
            covenants.maxLtvBps != 0 ||
            covenants.minCoverageBps != 0 ||
            covenants.countries.length != 0;
    }

    function _hasTrap(Step[] calldata steps) private pure returns (bool) {
        for (uint256 i = 0; i < steps.length; ++i) {
            if (steps[i].kind == StepKind.Trap) return true;
        }
        return false;
    }

    function _isSenior(ClassTerms calldata class) private pure returns (bool) {
        bool levelPay = class.principalKind == PrincipalKind.LevelPay;
        return
            class.kind == ClassKind.Senior &&
            class.termMonthCount != 0 &&
            class.termMonthCount <= MAX_MONTHS &&
            class.couponBps <= BPS &&
            class.callPremiumBps <= BPS &&
            class.balloonAssets <= (levelPay ? class.targetAssets : 0) &&
            _isSchedule(class);
    }

    /// @dev Whether the table of a scheduled class has an entry for each date, never rises and ends in 0; the others
    /// have no table.
    function _isSchedule(ClassTerms calldata class) private pure returns (bool) {
        uint64[] calldata parts = class.scheduledWad;
        if (class.principalKind != PrincipalKind.Scheduled) return parts.length == 0;
        if (parts.length != class.termMonthCount || parts[parts.length - 1] != 0) return false;
        uint256 beforeWad = WAD;
        for (uint256 i = 0; i < parts.length; ++i) {
            if (parts[i] > beforeWad) return false;
            beforeWad = parts[i];
        }
        return true;
    }

    function _isResidual(ClassTerms calldata class) private pure returns (bool) {
        return
            class.kind == ClassKind.Residual &&
            class.couponBps == 0 &&
            class.termMonthCount == 0 &&
            class.callPremiumBps == 0 &&
            class.balloonAssets == 0 &&
            class.scheduledWad.length == 0;
    }

    /// @dev A class has at least one whole token of shares, so that its income per share stays in range.
    function _isRaisable(ClassTerms calldata class, uint256 oneAssets) private pure returns (bool) {
        return
            class.minimumAssets >= oneAssets &&
            class.minimumAssets <= class.targetAssets &&
            class.targetAssets <= type(uint96).max;
    }
}
