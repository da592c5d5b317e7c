// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {DayCount} from "../../contracts/annuity.sol";
import {IGate} from "../../contracts/compliance/IGate.sol";
import {ClassToken} from "../../contracts/facility/ClassToken.sol";
import {Facility} from "../../contracts/facility/Facility.sol";
import {
    AuctionTerms,
    ClassKind,
    ClassSettings,
    ClassTerms,
    Covenants,
    FeeTerms,
    Settings,
    State,
    Trigger
} from "../../contracts/facility/IFacility.sol";
import {Step, StepKind} from "../../contracts/facility/Waterfall.sol";
import {ILeases} from "../../contracts/lease/ILeases.sol";
import {MockCoin} from "../../contracts/mocks/MockCoin.sol";
import {MockPledges, MockRent} from "../../contracts/mocks/MockFacilityWorld.sol";
import {MockAppraisal} from "../../contracts/mocks/MockAppraisal.sol";
import {IRegistry} from "../../contracts/registry/IRegistry.sol";
import {LotId} from "../../contracts/units.sol";
import {vm} from "./Vm.sol";

/// @title A gate that lets everyone through, and a factory that nobody paused.
contract OpenGate is IGate {
    function isPaused() external pure returns (bool) {
        return false;
    }

    function passage(address, address, address) external pure returns (bool, bool, uint256, uint256) {
        return (true, true, 0, 0);
    }

    function canReceive(address) external pure returns (bool) {
        return true;
    }

    function canSend(address) external pure returns (bool) {
        return true;
    }

    function isVerified(address) external pure returns (bool) {
        return true;
    }
}

/// @title Plays a facility of two senior classes and a residual, from its first payment date on.
contract FacilityPlayer {
    uint256 private constant UNIT = 1e6;
    LotId private constant LOT = LotId.wrap(7);
    uint256 private constant HOLDERS = 3;

    Facility public immutable facility;
    MockCoin public immutable asset = new MockCoin(6);
    MockPledges public immutable pledges = new MockPledges();
    MockRent public immutable rent = new MockRent();
    MockAppraisal public immutable appraisal = new MockAppraisal();
    ClassToken[3] public tokens;
    address[HOLDERS] public holders = [address(0xA11CE), address(0xB0B), address(0xCA401)];

    uint256 public rentAssets;
    uint256 public donatedAssets;
    uint256 public claimedAssets;
    uint256 public withdrawnAssets;
    uint256 public distributedCount;
    uint256 public transferCount;
    uint256 public claimCount;
    uint256 public breachedCount;
    State public worstState; // that nothing leads back from

    constructor() {
        vm.warp(1_800_000_000);
        facility = Facility(Clones.clone(address(new Facility())));
        address implementation = address(new ClassToken());
        OpenGate gate = new OpenGate();
        address[] memory clones = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            clones[i] = Clones.cloneWithImmutableArgs(implementation, abi.encode(address(facility), gate));
            tokens[i] = ClassToken(clones[i]);
            tokens[i].initialize("Class", "C", address(asset), address(this));
        }
        Settings memory settings = _settings(gate);
        vm.prank(address(gate));
        facility.initialize(settings, clones, address(this));
        asset.mint(address(this), 1e30);
        asset.approve(address(rent), type(uint256).max);
        for (uint256 i = 0; i < 3; ++i) {
            asset.mint(holders[i], 1e15);
            vm.prank(holders[i]);
            asset.approve(address(facility), type(uint256).max);
            vm.prank(holders[i]);
            facility.subscribe(i, 333_333 * UNIT + i);
        }
        vm.warp(1_800_000_001);
        facility.startFunding();
        pledges.setLot(LOT, 1_000_000 * UNIT, 3, address(facility));
        facility.draw(LOT, 600_000 * UNIT + 1);
        facility.startPerforming();
    }

    modifier noted() {
        _;
        State state = facility.state();
        if (state > State.CashTrap && state > worstState) worstState = state;
    }

    function payRent(uint64 assets) external {
        uint256 amount = assets % (80_000 * UNIT);
        rent.pay(asset, address(facility), amount);
        rentAssets += amount;
        facility.collect();
    }

    function donate(uint32 assets) external {
        asset.transfer(address(facility), assets);
        donatedAssets += assets;
        if (assets != 0) facility.sync();
    }

    /// @dev Appraises the facility, and shows a breach or its cure where it is one.
    function appraise(uint64 value) external noted {
        uint256 valueAssets = value % (2_000_000 * UNIT);
        appraisal.setValue(address(facility), MockAppraisal.Value(valueAssets, 0, uint64(block.timestamp), 1));
        try facility.declareLtv() {
            ++breachedCount;
        } catch {
            try facility.cureLtv() {} catch {}
        }
    }

    function declareDefault(uint8 class) external noted {
        try facility.declareInterestDefault(class % 2) {} catch {
            try facility.declareMaturityDefault(class % 2) {} catch {}
        }
    }

    function declareAmortisation() external noted {
        try facility.declareAmortisation(Trigger.Ltv, 0) {} catch {}
    }

    function distribute() external noted {
        uint256 dueAt = facility.nextPaymentAt();
        if (block.timestamp < dueAt) vm.warp(dueAt);
        facility.distribute();
        ++distributedCount;
    }

    function transfer(uint8 class, uint8 from, uint8 to, uint96 shares) external {
        ClassToken token = tokens[class % 3];
        address sender = holders[from % HOLDERS];
        uint256 amount = shares % (token.balanceOf(sender) + 1);
        vm.prank(sender);
        token.transfer(holders[to % HOLDERS], amount);
        ++transferCount;
    }

    function claim(uint8 class, uint8 holder) external {
        ClassToken token = tokens[class % 3];
        address account = holders[holder % HOLDERS];
        if (token.claimableAssets(account) == 0) return;
        claimedAssets += token.claimFor(account);
        ++claimCount;
    }

    function withdraw() external {
        if (facility.claimableAssets(address(this)) != 0) withdrawnAssets += facility.withdraw(address(0xFEE));
    }

    function _settings(IGate gate) private view returns (Settings memory settings) {
        settings.asset = address(asset);
        settings.sponsor = address(this);
        settings.leases = ILeases(address(rent));
        settings.registry = IRegistry(address(pledges));
        settings.gate = gate;
        settings.raiseUntilAt = 1_800_000_000;
        settings.firstPaymentAt = 1_801_353_600; // 31 January 2027
        settings.advanceBps = 8000;
        settings.minEvidenceClass = 1;
        settings.appraisal = appraisal;
        settings.anticipatedRepaymentAt = 1_845_000_000; // 17 months on
        settings.reserveTargetAssets = 20_000 * UNIT;
        settings.initialReserveAssets = 10_000 * UNIT;
        settings.covenants = Covenants(13_500, 12_500, 3, 9000, 0, 60 days, 5 days, new bytes2[](0));
        settings.auction = AuctionTerms(10_000, 5_000, 7 days);
        settings.classes = new ClassSettings[](3);
        for (uint256 i = 0; i < 3; ++i) {
            ClassTerms memory terms;
            (terms.couponBps, terms.termMonthCount, terms.targetAssets, terms.minimumAssets) = (950, 24, 4e11, 3e11);
            if (i == 1) (terms.dayCount, terms.balloonAssets) = (DayCount.Actual360, 1e10);
            if (i == 2) (terms.kind, terms.couponBps, terms.termMonthCount) = (ClassKind.Residual, 0, 0);
            settings.classes[i] = ClassSettings("Class", "C", terms);
        }
        settings.fees = new FeeTerms[](1);
        settings.fees[0] = FeeTerms(address(this), 250, 100 * UNIT, 1000 * UNIT);
        settings.performingSteps = _list(
            "\x00\x00\x01\x00\x01\x01\x02\x00\x03\x00\x03\x01\x04\x00\x05\x00\x06\x00\x07\x02"
        );
        settings.amortisationSteps = _list("\x00\x00\x01\x00\x01\x01\x03\x00\x03\x01\x06\x00\x07\x02");
        settings.enforcementSteps = _list("\x00\x00\x01\x00\x03\x00\x01\x01\x03\x01\x06\x00\x07\x02");
    }

    /// @dev Steps out of pairs of bytes, kind and subject.
    function _list(bytes memory pairs) private pure returns (Step[] memory steps) {
        steps = new Step[](pairs.length / 2);
        for (uint256 i = 0; i < steps.length; ++i) {
            steps[i] = Step(StepKind(uint8(pairs[2 * i])), uint8(pairs[2 * i + 1]));
        }
    }
}

/// @title What holds of a facility's money whatever is played.
contract FacilityInvariants {
    FacilityPlayer public player;

    function setUp() external {
        player = new FacilityPlayer();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(player);
    }

    function invariant_M02_theBalanceIsTheLedger() external view {
        assert(player.asset().balanceOf(address(player.facility())) == player.facility().ledgerAssets());
    }

    function invariant_conservesWhatCameIn() external view {
        uint256 raised = 3 * 333_333e6 + 3;
        uint256 came = raised + player.rentAssets() + player.donatedAssets();
        uint256 went = player.claimedAssets() + player.withdrawnAssets();
        assert(player.facility().ledgerAssets() + went == came);
    }

    function invariant_M03_claimsAreWithinAUnitAHolderOfTheIncomeSetAside() external view {
        for (uint256 i = 0; i < 3; ++i) {
            uint256 claimable;
            for (uint256 k = 0; k < 3; ++k) claimable += player.tokens(i).claimableAssets(player.holders(k));
            uint256 unclaimed = player.facility().unclaimedAssets(address(player.tokens(i)));
            assert(claimable <= unclaimed);
            // A unit for each holder, and one for the remainders of interest and principal.
            assert(unclaimed <= claimable + 4);
        }
    }

    /// @dev What enforcement would give: more for no class of less, never more than there is, no senior beyond its claim.
    function invariant_M31_enforcementGivesWhatThereIsSeniorFirst() external view {
        uint256 cashAssets = player.facility().cashAssets();
        uint256[] memory less = player.facility().enforcementAssets(cashAssets);
        uint256[] memory more = player.facility().enforcementAssets(cashAssets + 111_111e6);
        uint256 sum = 0;
        for (uint256 i = 0; i < 3; ++i) {
            assert(less[i] <= more[i]);
            assert(i == 2 || more[i] <= player.facility().owedAssets(i));
            assert(i == 2 || more[i + 1] == 0 || more[i] == player.facility().owedAssets(i));
            sum += less[i];
        }
        assert(sum <= cashAssets);
    }

    function invariant_principalNeverGrowsAboveWhatWasRaised() external view {
        for (uint256 i = 0; i < 3; ++i) assert(player.facility().poolFactorWad(i) <= 1e18);
    }

    function invariant_reserveStaysWithinItsTarget() external view {
        assert(player.facility().reserveAssets() <= player.facility().reserveTargetAssets());
    }

    function invariant_cashIsTrappedExactlyWhileABreachIsOpen() external view {
        State state = player.facility().state();
        if (state > State.CashTrap) return;
        assert((state == State.CashTrap) == (player.facility().breachCount() != 0));
    }

    function invariant_earlyAmortisationAndEnforcementAreForGood() external view {
        if (player.worstState() != State.Raising) assert(player.facility().state() == player.worstState());
    }

    /// @dev The player can do everything, so the invariants were not held by refusals.
    function test_thePlayerGetsThrough() external {
        for (uint256 i = 0; i < 26; ++i) {
            player.payRent(70_000e6);
            player.donate(17);
            player.distribute();
            player.transfer(uint8(i), uint8(i), uint8(i + 1), 77_777_777);
            player.claim(uint8(i), uint8(i));
            player.withdraw();
        }
        assert(player.distributedCount() == 26 && player.transferCount() == 26 && player.claimCount() > 20);
        assert(player.facility().outstandingAssets(0) == 0 && player.facility().outstandingAssets(1) == 0);
        assert(player.facility().state() == State.Performing);
        this.invariant_M02_theBalanceIsTheLedger();
        this.invariant_conservesWhatCameIn();
        this.invariant_M03_claimsAreWithinAUnitAHolderOfTheIncomeSetAside();
    }

    function test_thePlayerGetsThroughEveryState() external {
        player.distribute();
        player.appraise(1e11);
        assert(player.facility().state() == State.CashTrap && player.breachedCount() == 1);
        player.payRent(79_999e6);
        player.distribute();
        assert(player.facility().trappedAssets() != 0);
        this.invariant_M02_theBalanceIsTheLedger();
        player.appraise(19e11);
        assert(player.facility().state() == State.Performing);
        player.appraise(1e11);
        vm.warp(block.timestamp + 61 days);
        player.declareAmortisation();
        assert(player.facility().state() == State.EarlyAmortisation);
        for (uint256 i = 0; i < 8; ++i) player.distribute();
        assert(player.facility().trappedAssets() == 0 && player.facility().reserveAssets() == 0);
        vm.warp(block.timestamp + 6 days);
        player.declareDefault(0);
        assert(player.facility().state() == State.Enforcement);
        player.payRent(79_999e6);
        player.distribute();
        this.invariant_M02_theBalanceIsTheLedger();
        this.invariant_conservesWhatCameIn();
        this.invariant_earlyAmortisationAndEnforcementAreForGood();
    }
}
