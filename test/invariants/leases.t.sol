// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DAY_SEC} from "../../contracts/calendar.sol";
import {ILeases} from "../../contracts/lease/ILeases.sol";
import {Leases} from "../../contracts/lease/Leases.sol";
import {MockCoin} from "../../contracts/mocks/MockCoin.sol";
import {MockLots} from "../../contracts/mocks/MockLots.sol";
import {MockMeters} from "../../contracts/mocks/MockMeters.sol";
import {MockWallet} from "../../contracts/mocks/MockWallet.sol";
import {IRegistry} from "../../contracts/registry/IRegistry.sol";
import {ITelemetry} from "../../contracts/telemetry/ITelemetry.sol";
import {LeaseId, LotId, SiteId} from "../../contracts/units.sol";
import {vm} from "./Vm.sol";

/// @title Plays operator, lessee, payees and strangers on a lot; keeps its own books beside the ledger.
contract LeasesPlayer {
    LotId private constant LOT = LotId.wrap(1);
    uint256 private constant MAX_ASSETS = 1e15;

    Leases public immutable leases;
    MockCoin public immutable coin;
    MockLots private immutable _lots;
    MockMeters private immutable _meters;
    MockWallet private immutable _wallet;

    uint256 public paidInAssets;
    uint256 public donatedAssets;
    uint256 public dueAssets; // rent and fees for early ends
    uint256 public lateFeeAssets;
    uint256 public purchasedAssets;
    uint256 public refundedAssets;
    uint256 public collectedAssets;
    mapping(bytes4 verb => uint256) public doneCount;
    address[4] private _accounts; // the lessee last
    ITelemetry.Meter private _meter;

    constructor() {
        vm.warp(1_893_456_000); // 2030-01-01
        _lots = new MockLots();
        IRegistry.Lot memory lot;
        (lot.siteId, lot.operator, lot.gpuCount) = (SiteId.wrap(1), address(this), 8);
        _lots.setLot(LOT, lot);
        _meters = new MockMeters();
        _wallet = new MockWallet();
        coin = new MockCoin(6);
        leases = new Leases(_lots, _meters);
        coin.approve(address(leases), type(uint256).max);
        vm.prank(address(_wallet));
        coin.approve(address(leases), type(uint256).max);
        _accounts = [address(this), address(0xA1), address(0xA2), address(_wallet)];
        open(1_000_000_007, 1_500, 40_000);
    }

    function open(uint64 rentAssets, uint32 depositAssets, uint32 feeAssets) public {
        (LeaseId liveId, ILeases.Status memory status) = _current();
        if (LeaseId.unwrap(leases.leaseOf(LOT)) != 0) {
            if (leases.purchaserOf(liveId) == address(0) || status.settledCount < status.endCount) return;
            _setOperator(status.purchaser); // the lot was passed on, though nobody told the leases
        }
        address operator = _lots.lot(LOT).operator;
        bool isMetered = rentAssets % 2 == 1;
        ILeases.Terms memory terms;
        (terms.lotId, terms.lessee, terms.payee, terms.asset) = (LOT, address(_wallet), operator, address(coin));
        if (_lots.lienHolder(LOT) != address(0)) terms.payee = _lots.lienHolder(LOT);
        terms.pricing = isMetered ? ILeases.Pricing.Metered : ILeases.Pricing.TakeOrPay;
        if (isMetered) terms.gpuHourRateAssets = uint256(rentAssets) + 1;
        else terms.baseRentAssets = uint256(rentAssets) + 1;
        terms.startAt = uint64(block.timestamp - (block.timestamp % DAY_SEC) + DAY_SEC);
        terms.periodCount = 3;
        terms.payment.lateFeeBps = 5_000;
        terms.payment.dueSec = 10 days;
        terms.payment.cureSec = 5 days;
        terms.payment.depositAssets = depositAssets;
        terms.payment.prepaidMonthCount = isMetered ? 0 : depositAssets % 3;
        terms.exit.noticeSec = 3 days;
        terms.exit.terminationFeeAssets = feeAssets;
        terms.exit.purchaseAssets = 777_777;
        terms.exit.renewalPeriodCount = 2;
        terms.exit.renewalRentBps = 8_999;
        terms.sla = new ILeases.SlaStep[](2);
        (terms.sla[0], terms.sla[1]) = (ILeases.SlaStep(9900, 1000), ILeases.SlaStep(9500, 10_000));
        terms.salt = bytes32(uint256(LeaseId.unwrap(liveId)));
        _wallet.accept(leases.digestOf(terms));
        uint256 pulledAssets = depositAssets + terms.baseRentAssets * terms.payment.prepaidMonthCount;
        coin.mint(address(_wallet), pulledAssets);
        paidInAssets += pulledAssets;
        vm.prank(operator);
        leases.open(terms, "");
        _record(terms.startAt);
        ++doneCount[this.open.selector];
    }

    function settle(uint64 lostGpuSec) external {
        (LeaseId leaseId, ILeases.Status memory status) = _current();
        if (status.settledCount == status.endCount) return;
        (uint256 fromAt, uint256 untilAt) = leases.periodAt(leaseId, status.settledCount);
        uint256 wholeGpuSec = 8 * (untilAt - fromAt);
        _meter.gpuCount = 8;
        _meter.availableGpuSec += uint64(wholeGpuSec - (lostGpuSec % (wholeGpuSec / 10)));
        _meter.allocatedGpuSec += uint64(wholeGpuSec / 3);
        _record(untilAt);
        if (block.timestamp < untilAt) vm.warp(untilAt);
        uint256 before = status.owedAssets;
        leases.settle(leaseId, status.settledCount);
        (, ILeases.Status memory later) = _current();
        dueAssets += status.prepaidAssets - later.prepaidAssets + later.owedAssets - before;
        ++doneCount[this.settle.selector];
    }

    function prepay(uint64 assets) external {
        (LeaseId leaseId, ILeases.Status memory status) = _current();
        if (status.settledCount == status.endCount) return;
        leases.prepay(leaseId, _mint(address(this), assets));
        ++doneCount[this.prepay.selector];
    }

    function pay(uint32 periodIndex, uint64 assets) external {
        (LeaseId leaseId, ILeases.Status memory status) = _current();
        periodIndex %= status.periodCount;
        (, , uint256 feeAssets) = leases.receivable(leaseId, periodIndex);
        uint256 paidAssets = _mint(address(this), assets);
        leases.pay(leaseId, periodIndex, paidAssets);
        lateFeeAssets += paidAssets < feeAssets ? paidAssets : feeAssets;
        ++doneCount[this.pay.selector];
    }

    function payFromEscrow(uint32 periodIndex) external {
        (LeaseId leaseId, ILeases.Status memory status) = _current();
        periodIndex %= status.periodCount;
        (uint256 leftAssets, , uint256 feeAssets) = leases.receivable(leaseId, periodIndex);
        if (status.prepaidAssets == 0 || leftAssets == 0) return;
        leases.payFromEscrow(leaseId, periodIndex);
        lateFeeAssets += status.prepaidAssets < feeAssets ? status.prepaidAssets : feeAssets;
        ++doneCount[this.payFromEscrow.selector];
    }

    function declareDefault(uint32 periodIndex) external {
        (LeaseId leaseId, ILeases.Status memory status) = _current();
        periodIndex %= status.periodCount;
        (uint256 leftAssets, uint256 dueAt, uint256 feeAssets) = leases.receivable(leaseId, periodIndex);
        if (status.isInDefault || leftAssets == 0) return;
        if (block.timestamp < dueAt + 5 days) {
            vm.warp(dueAt + 5 days);
            (, , feeAssets) = leases.receivable(leaseId, periodIndex);
        }
        if (status.prepaidAssets >= leftAssets + feeAssets) return;
        leases.declareDefault(leaseId, periodIndex);
        uint256 escrowAssets = status.prepaidAssets + status.depositAssets;
        lateFeeAssets += escrowAssets < feeAssets ? escrowAssets : feeAssets;
        _cutOff(leaseId, status);
        ++doneCount[this.declareDefault.selector];
    }

    function terminate() external {
        (LeaseId leaseId, ILeases.Status memory status) = _current();
        (, uint256 endAt) = leases.periodAt(leaseId, status.periodCount - 1);
        bool isFree = !status.isInDefault && status.purchaser == address(0) && status.endAt == 0;
        if (!isFree || block.timestamp + 4 days > endAt) return;
        vm.prank(address(_wallet));
        leases.terminate(leaseId);
        _cutOff(leaseId, status);
        ++doneCount[this.terminate.selector];
    }

    function purchase() external {
        (LeaseId leaseId, ILeases.Status memory status) = _current();
        (, uint256 endAt) = leases.periodAt(leaseId, status.periodCount - 1);
        if (status.endAt != 0) endAt = status.endAt;
        (ILeases.Terms memory terms, ) = leases.lease(leaseId);
        bool isFree = !status.isInDefault && status.purchaser == address(0) && status.owedAssets == 0;
        if (!isFree || block.timestamp < terms.startAt || block.timestamp >= endAt) return;
        _mint(address(_wallet), 777_776);
        vm.prank(address(_wallet));
        leases.purchase(leaseId);
        purchasedAssets += 777_777;
        ++doneCount[this.purchase.selector];
    }

    function handOver() external {
        (LeaseId leaseId, ILeases.Status memory status) = _current();
        if (leases.purchaserOf(leaseId) == address(0)) return;
        vm.prank(status.payee);
        leases.handOver(leaseId);
        _setOperator(status.purchaser);
        ++doneCount[this.handOver.selector];
    }

    function renew() external {
        (LeaseId leaseId, ILeases.Status memory status) = _current();
        (, uint256 endAt) = leases.periodAt(leaseId, status.periodCount - 1);
        bool isFree = !status.isInDefault && status.purchaser == address(0) && status.endAt == 0;
        if (!isFree || status.periodCount > 3 || block.timestamp >= endAt) return;
        vm.prank(address(_wallet));
        leases.renew(leaseId);
        ++doneCount[this.renew.selector];
    }

    function assign(uint8 payeeIndex) external {
        (LeaseId leaseId, ILeases.Status memory status) = _current();
        address to = _accounts[payeeIndex % 3];
        vm.prank(to);
        _lots.takeLien(LOT);
        vm.prank(status.payee);
        leases.assign(leaseId, to);
        ++doneCount[this.assign.selector];
    }

    function markRelated() external {
        (LeaseId leaseId, ILeases.Status memory status) = _current();
        vm.prank(status.payee);
        leases.markRelated(leaseId);
        ++doneCount[this.markRelated.selector];
    }

    function refund() external {
        (LeaseId leaseId, ILeases.Status memory status) = _current();
        uint256 heldAssets = status.prepaidAssets + status.depositAssets;
        if (status.settledCount < status.endCount || status.owedAssets > 0 || heldAssets == 0) return;
        leases.refund(leaseId);
        refundedAssets += heldAssets;
        ++doneCount[this.refund.selector];
    }

    function collect(uint8 accountIndex) external {
        vm.prank(_accounts[accountIndex % 4]);
        collectedAssets += leases.collect(address(coin));
        ++doneCount[this.collect.selector];
    }

    function wait(uint24 delaySec) external {
        vm.warp(block.timestamp + delaySec);
    }

    function donate(uint64 assets) external {
        coin.mint(address(leases), assets);
        donatedAssets += assets;
        ++doneCount[this.donate.selector];
    }

    function accounts() external view returns (address[4] memory) {
        return _accounts;
    }

    /// @dev The fee for the periods that an early end cut off, as the rules say.
    function _cutOff(LeaseId leaseId, ILeases.Status memory before) private {
        (ILeases.Terms memory terms, ILeases.Status memory later) = leases.lease(leaseId);
        dueAssets += terms.exit.terminationFeeAssets * (before.endCount - later.endCount);
    }

    function _mint(address to, uint64 assets) private returns (uint256 minted) {
        minted = 1 + (assets % MAX_ASSETS);
        coin.mint(to, minted);
        paidInAssets += minted;
    }

    function _setOperator(address operator) private {
        IRegistry.Lot memory lot = _lots.lot(LOT);
        lot.operator = operator;
        _lots.setLot(LOT, lot);
        _lots.releaseLien(LOT);
    }

    function _record(uint256 boundaryAt) private {
        _meters.record(LOT, uint64(boundaryAt / 3600 - 1), _meter);
    }

    function _current() private view returns (LeaseId leaseId, ILeases.Status memory status) {
        leaseId = LeaseId.wrap(leases.leaseCount());
        if (LeaseId.unwrap(leaseId) != 0) (, status) = leases.lease(leaseId);
    }
}

/// @title What the ledger never stops being, whatever is played.
contract LeasesInvariants {
    LeasesPlayer private _player;
    Leases private _leases;
    address private _coin;

    /// What all leases, and all accounts, have together.
    struct Sums {
        uint256 heldAssets; // escrows and deposits
        uint256 owedAssets;
        uint256 receivableAssets;
        uint256 collectableAssets;
        uint256 revenueAssets;
    }

    function setUp() external {
        _player = new LeasesPlayer();
        _leases = _player.leases();
        _coin = address(_player.coin());
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_player);
    }

    /// @dev Prepaid + deposits + collectable = paid in − collected; the tokens held are that and the donations.
    function invariant_M02_ledgerIsWhatWasPaidInAndNotCollected() external view {
        Sums memory s = _sums();
        uint256 ledgerAssets = s.heldAssets + s.collectableAssets;
        assert(ledgerAssets == _player.paidInAssets() - _player.collectedAssets());
        assert(_player.coin().balanceOf(address(_leases)) == ledgerAssets + _player.donatedAssets());
    }

    /// @dev Every invoice, fee and price is receivable, collectable or collected, once; revenue is all of it that was
    /// paid, without prices.
    function invariant_M17_whatIsDueIsReceivableCollectableOrCollected() external view {
        Sums memory s = _sums();
        assert(s.receivableAssets == s.owedAssets);
        uint256 rentAssets = _player.dueAssets() + _player.lateFeeAssets();
        assert(
            rentAssets + _player.purchasedAssets() + _player.refundedAssets() ==
                s.owedAssets + s.collectableAssets + _player.collectedAssets()
        );
        assert(s.revenueAssets == rentAssets - s.owedAssets);
    }

    /// @dev Each receivable has one age.
    function invariant_agesAddUpToTheReceivables() external view {
        address[4] memory accounts = _player.accounts();
        for (uint256 i = 0; i < accounts.length; ++i) {
            uint256[5] memory agesAssets = _leases.ageing(accounts[i], _coin);
            uint256 sumAssets = agesAssets[0] + agesAssets[1] + agesAssets[2] + agesAssets[3] + agesAssets[4];
            assert(sumAssets == _leases.receivableAssets(accounts[i], _coin));
        }
    }

    function invariant_theLotIsTakenWhileItsLeaseLivesOrWasBought() external view {
        LeaseId last = LeaseId.wrap(_leases.leaseCount());
        (ILeases.Terms memory terms, ILeases.Status memory status) = _leases.lease(last);
        bool isTaken = status.settledCount < status.endCount || _leases.purchaserOf(last) != address(0);
        assert(LeaseId.unwrap(_leases.leaseOf(terms.lotId)) == (isTaken ? _leases.leaseCount() : 0));
        assert(status.settledCount <= status.endCount && status.endCount <= status.periodCount);
    }

    /// @dev The player can do everything, so the invariants were not held by refusals.
    function test_everyVerbIsPlayed() external {
        for (uint64 round = 0; round < 4; ++round) {
            _player.open(1_000_000_006 + round, uint32(round * 2_000_000), 40_000);
            _player.prepay(500_000_000);
            _player.assign(1);
            if (round == 2) _player.renew();
            _player.settle(round == 1 ? 300_000 : 0);
            if (round == 0) _player.markRelated();
            if (round == 1) _player.terminate();
            if (round == 3) {
                _player.wait(100 days);
                _player.pay(0, 5);
                _player.declareDefault(0);
            }
            _player.settle(0);
            _player.assign(0);
            _player.pay(0, 1e14);
            _player.payFromEscrow(1);
            _player.pay(1, 1e14);
            if (round == 2) _player.purchase();
            if (round == 2) _player.handOver();
            for (uint32 periodIndex = 0; periodIndex < 5; ++periodIndex) {
                _player.settle(0);
                _player.pay(periodIndex, 1e14);
            }
            _player.refund();
            for (uint8 accountIndex = 0; accountIndex < 4; ++accountIndex) _player.collect(accountIndex);
            _player.donate(7);
        }
        assert(_player.doneCount(LeasesPlayer.open.selector) == 4);
        assert(_player.doneCount(LeasesPlayer.renew.selector) == 1);
        assert(_player.doneCount(LeasesPlayer.terminate.selector) == 1);
        assert(_player.doneCount(LeasesPlayer.declareDefault.selector) == 1);
        assert(_player.doneCount(LeasesPlayer.purchase.selector) == 1);
        assert(_player.doneCount(LeasesPlayer.handOver.selector) == 1);
        assert(_player.doneCount(LeasesPlayer.payFromEscrow.selector) > 0);
        assert(_player.doneCount(LeasesPlayer.refund.selector) > 0);
        assert(_player.lateFeeAssets() > 0 && _player.refundedAssets() > 0 && _player.collectedAssets() > 0);
        this.invariant_M02_ledgerIsWhatWasPaidInAndNotCollected();
        this.invariant_M17_whatIsDueIsReceivableCollectableOrCollected();
        this.invariant_agesAddUpToTheReceivables();
        this.invariant_theLotIsTakenWhileItsLeaseLivesOrWasBought();
    }

    function _sums() private view returns (Sums memory s) {
        for (uint64 id = 1; id <= _leases.leaseCount(); ++id) {
            (, ILeases.Status memory status) = _leases.lease(LeaseId.wrap(id));
            s.heldAssets += status.prepaidAssets + status.depositAssets;
            s.owedAssets += status.owedAssets;
            uint256 leftSumAssets = 0;
            for (uint32 periodIndex = 0; periodIndex < status.periodCount; ++periodIndex) {
                (uint256 leftAssets, , ) = _leases.receivable(LeaseId.wrap(id), periodIndex);
                leftSumAssets += leftAssets;
            }
            assert(leftSumAssets == status.owedAssets);
        }
        address[4] memory accounts = _player.accounts();
        for (uint256 i = 0; i < accounts.length; ++i) {
            s.receivableAssets += _leases.receivableAssets(accounts[i], _coin);
            s.collectableAssets += _leases.collectableAssets(accounts[i], _coin);
            (uint256 totalAssets, uint256 relatedAssets) = _leases.revenueAssets(accounts[i], _coin);
            assert(relatedAssets <= totalAssets);
            s.revenueAssets += totalAssets;
        }
    }
}
