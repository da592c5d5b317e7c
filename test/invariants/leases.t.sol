// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DAY_SEC} from "../../contracts/calendar.sol";
import {ILeases} from "../../contracts/lease/ILeases.sol";
import {Invoice} from "../../contracts/lease/Invoice.sol";
import {Leases} from "../../contracts/lease/Leases.sol";
import {MockCoin} from "../../contracts/mocks/MockCoin.sol";
import {MockLots} from "../../contracts/mocks/MockLots.sol";
import {MockMeters} from "../../contracts/mocks/MockMeters.sol";
import {MockWallet} from "../../contracts/mocks/MockWallet.sol";
import {IRegistry} from "../../contracts/registry/IRegistry.sol";
import {ITelemetry} from "../../contracts/telemetry/ITelemetry.sol";
import {BPS, LeaseId, LotId, SiteId} from "../../contracts/units.sol";
import {vm} from "./Vm.sol";

/// @title The invoice's formula, for any meters and a table of two steps.
contract InvoiceTest {
    struct Sample {
        bool isMetered;
        uint128 rentAssets;
        uint16 upperBps;
        uint16 lowerBps;
        uint16 creditBps;
        uint16 moreCreditBps;
        uint24 gpuCount;
        uint64 availableGpuSec;
        uint64 allocatedGpuSec;
        uint64 curtailedGpuSec;
        uint24 periodSec;
    }

    function testFuzz_M03_everyRoundingIsAgainstThePayee(Sample memory sample) external pure {
        (ILeases.Terms memory terms, ITelemetry.Meter memory from, ITelemetry.Meter memory to) = _inputs(sample);
        Invoice.Statement memory s = Invoice.compute(terms, from, to, sample.periodSec);
        uint256 rentAssets = s.baseAssets + s.meteredAssets;
        assert(s.dueAssets + s.slaCreditAssets == rentAssets);
        assert(s.availabilityBps <= BPS);

        uint256 wholeGpuSec = uint256(to.gpuCount) * sample.periodSec;
        if (to.gpuCount == 0) {
            assert(s.availabilityBps == 0);
        } else if (to.curtailedGpuSec >= wholeGpuSec) {
            assert(s.availabilityBps == BPS);
        } else {
            uint256 requiredGpuSec = wholeGpuSec - to.curtailedGpuSec;
            assert(s.availabilityBps * requiredGpuSec <= to.availableGpuSec * BPS);
            assert(s.availabilityBps == BPS || (s.availabilityBps + 1) * requiredGpuSec > to.availableGpuSec * BPS);
        }

        uint256 creditBps = _creditBps(terms.sla, s.availabilityBps);
        assert(s.slaCreditAssets * BPS >= rentAssets * creditBps);
        assert(s.slaCreditAssets == 0 || (s.slaCreditAssets - 1) * BPS < rentAssets * creditBps);

        if (sample.isMetered) {
            assert(s.baseAssets == 0);
            assert(s.meteredAssets * 3600 <= uint256(to.allocatedGpuSec) * sample.rentAssets);
            assert((s.meteredAssets + 1) * 3600 > uint256(to.allocatedGpuSec) * sample.rentAssets);
        } else {
            assert(s.baseAssets == sample.rentAssets && s.meteredAssets == 0);
        }
    }

    function testFuzz_moreDeliveredNeverCostsThePayee(Sample memory sample, uint64 moreGpuSec) external pure {
        (ILeases.Terms memory terms, ITelemetry.Meter memory from, ITelemetry.Meter memory to) = _inputs(sample);
        Invoice.Statement memory less = Invoice.compute(terms, from, to, sample.periodSec);
        to.availableGpuSec += moreGpuSec % (type(uint64).max - to.availableGpuSec);
        assert(Invoice.compute(terms, from, to, sample.periodSec).dueAssets >= less.dueAssets);
    }

    function testFuzz_M03_partsAreNeverMoreThanTheWhole(Sample memory sample, uint64 split) external pure {
        sample.isMetered = true;
        (ILeases.Terms memory terms, ITelemetry.Meter memory from, ITelemetry.Meter memory to) = _inputs(sample);
        ITelemetry.Meter memory middle;
        middle.allocatedGpuSec = uint64(split % (uint256(to.allocatedGpuSec) + 1));
        uint256 parts =
            Invoice.compute(terms, from, middle, 0).meteredAssets + Invoice.compute(terms, middle, to, 0).meteredAssets;
        uint256 whole = Invoice.compute(terms, from, to, 0).meteredAssets;
        assert(parts <= whole && whole <= parts + 1);
    }

    /// @dev A valid table, and a delivery near what is required, so that every step is reached often.
    function _inputs(
        Sample memory sample
    ) private pure returns (ILeases.Terms memory terms, ITelemetry.Meter memory from, ITelemetry.Meter memory to) {
        from.gpuCount = 1; // it is the later count that matters
        terms.pricing = sample.isMetered ? ILeases.Pricing.Metered : ILeases.Pricing.TakeOrPay;
        (terms.baseRentAssets, terms.gpuHourRateAssets) = (sample.rentAssets, sample.rentAssets);
        terms.sla = new ILeases.SlaStep[](2);
        uint16 upperBps = 1 + (sample.upperBps % uint16(BPS));
        terms.sla[0] = ILeases.SlaStep(upperBps, 1 + (sample.creditBps % uint16(BPS - 1)));
        uint16 creditBps = terms.sla[0].creditBps;
        terms.sla[1] = ILeases.SlaStep(
            sample.lowerBps % upperBps,
            creditBps + 1 + (sample.moreCreditBps % (uint16(BPS) - creditBps))
        );
        to.gpuCount = sample.gpuCount;
        uint256 wholeGpuSec = uint256(sample.gpuCount) * sample.periodSec + 1;
        to.availableGpuSec = uint64(sample.availableGpuSec % (wholeGpuSec + wholeGpuSec / 8));
        to.allocatedGpuSec = uint64(sample.allocatedGpuSec % (uint256(to.availableGpuSec) + 1));
        to.curtailedGpuSec = uint64(sample.curtailedGpuSec % (wholeGpuSec + wholeGpuSec / 8));
    }

    function _creditBps(ILeases.SlaStep[] memory sla, uint256 availabilityBps) private pure returns (uint256) {
        if (availabilityBps < sla[1].availabilityBps) return sla[1].creditBps;
        return availabilityBps < sla[0].availabilityBps ? sla[0].creditBps : 0;
    }
}

/// @title Plays operator, lessee, payee and strangers on a lot; keeps its own books beside the ledger.
contract LeasesPlayer {
    LotId private constant LOT = LotId.wrap(1);
    uint256 private constant MAX_ASSETS = 1e15;

    Leases public immutable leases;
    MockCoin public immutable coin;
    MockMeters private immutable _meters;
    MockWallet private immutable _wallet;

    uint256 public paidInAssets;
    uint256 public donatedAssets;
    uint256 public dueAssets;
    uint256 public collectedAssets;
    uint256 public refundedAssets;
    mapping(bytes4 verb => uint256) public doneCount;
    ITelemetry.Meter private _meter;

    constructor() {
        vm.warp(1_893_456_000); // 2030-01-01
        MockLots lots = new MockLots();
        IRegistry.Lot memory lot;
        (lot.siteId, lot.operator, lot.gpuCount) = (SiteId.wrap(1), address(this), 8);
        lots.setLot(LOT, lot);
        _meters = new MockMeters();
        _wallet = new MockWallet();
        coin = new MockCoin(6);
        leases = new Leases(lots, _meters);
        coin.approve(address(leases), type(uint256).max);
        open(1_000_000_007, false);
    }

    function open(uint64 rentAssets, bool isMetered) public {
        if (LeaseId.unwrap(leases.leaseOf(LOT)) != 0) return;
        ILeases.Terms memory terms;
        (terms.lotId, terms.lessee, terms.payee, terms.asset) = (LOT, address(_wallet), address(this), address(coin));
        terms.pricing = isMetered ? ILeases.Pricing.Metered : ILeases.Pricing.TakeOrPay;
        if (isMetered) terms.gpuHourRateAssets = uint256(rentAssets) + 1;
        else terms.baseRentAssets = uint256(rentAssets) + 1;
        terms.startAt = uint64(block.timestamp - (block.timestamp % DAY_SEC) + DAY_SEC);
        terms.periodCount = 3;
        terms.sla = new ILeases.SlaStep[](2);
        (terms.sla[0], terms.sla[1]) = (ILeases.SlaStep(9900, 1000), ILeases.SlaStep(9500, 10_000));
        terms.salt = bytes32(uint256(leases.leaseCount()));
        _wallet.accept(leases.digestOf(terms));
        leases.open(terms, "");
        _record(terms.startAt);
        ++doneCount[this.open.selector];
    }

    function settle(uint64 lostGpuSec) external {
        (LeaseId leaseId, ILeases.Terms memory terms, uint32 settledCount) = _current();
        if (settledCount == terms.periodCount) return;
        (uint256 fromAt, uint256 untilAt) = leases.periodAt(leaseId, settledCount);
        uint256 wholeGpuSec = 8 * (untilAt - fromAt);
        _meter.gpuCount = 8;
        _meter.availableGpuSec += uint64(wholeGpuSec - (lostGpuSec % (wholeGpuSec / 10)));
        _meter.allocatedGpuSec += uint64(wholeGpuSec / 3);
        _record(untilAt);
        if (block.timestamp < untilAt) vm.warp(untilAt);
        (, , uint256 prepaidAssets, uint256 owedAssets) = leases.lease(leaseId);
        leases.settle(leaseId, settledCount);
        (, , uint256 prepaidAfterAssets, uint256 owedAfterAssets) = leases.lease(leaseId);
        dueAssets += prepaidAssets - prepaidAfterAssets + owedAfterAssets - owedAssets;
        ++doneCount[this.settle.selector];
    }

    function prepay(uint64 assets) external {
        (LeaseId leaseId, ILeases.Terms memory terms, uint32 settledCount) = _current();
        if (settledCount == terms.periodCount) return;
        leases.prepay(leaseId, _mint(assets));
        ++doneCount[this.prepay.selector];
    }

    function pay(uint32 periodIndex, uint64 assets) external {
        (LeaseId leaseId, ILeases.Terms memory terms, ) = _current();
        leases.pay(leaseId, periodIndex % terms.periodCount, _mint(assets));
        ++doneCount[this.pay.selector];
    }

    function payFromEscrow(uint32 periodIndex) external {
        (LeaseId leaseId, ILeases.Terms memory terms, ) = _current();
        periodIndex %= terms.periodCount;
        (, , uint256 prepaidAssets, ) = leases.lease(leaseId);
        (uint256 leftAssets, ) = leases.receivable(leaseId, periodIndex);
        if (prepaidAssets == 0 || leftAssets == 0) return;
        leases.payFromEscrow(leaseId, periodIndex);
        ++doneCount[this.payFromEscrow.selector];
    }

    function refund() external {
        (LeaseId leaseId, ILeases.Terms memory terms, uint32 settledCount) = _current();
        (, , uint256 prepaidAssets, uint256 owedAssets) = leases.lease(leaseId);
        if (settledCount < terms.periodCount || owedAssets > 0 || prepaidAssets == 0) return;
        leases.refund(leaseId);
        ++doneCount[this.refund.selector];
    }

    function collect(bool isLessee) external {
        if (isLessee) vm.prank(address(_wallet));
        uint256 assets = leases.collect(address(coin));
        if (isLessee) refundedAssets += assets;
        else collectedAssets += assets;
        ++doneCount[this.collect.selector];
    }

    function donate(uint64 assets) external {
        coin.mint(address(leases), assets);
        donatedAssets += assets;
        ++doneCount[this.donate.selector];
    }

    function wallet() external view returns (address) {
        return address(_wallet);
    }

    function _mint(uint64 assets) private returns (uint256 minted) {
        minted = 1 + (assets % MAX_ASSETS);
        coin.mint(address(this), minted);
        paidInAssets += minted;
    }

    function _record(uint256 boundaryAt) private {
        _meters.record(LOT, uint64(boundaryAt / 3600 - 1), _meter);
    }

    function _current() private view returns (LeaseId leaseId, ILeases.Terms memory terms, uint32 settledCount) {
        leaseId = LeaseId.wrap(leases.leaseCount());
        (terms, settledCount, , ) = leases.lease(leaseId);
    }
}

/// @title What the ledger never stops being, whatever is played.
contract LeasesInvariants {
    LeasesPlayer private _player;
    Leases private _leases;
    address private _coin;

    function setUp() external {
        _player = new LeasesPlayer();
        _leases = _player.leases();
        _coin = address(_player.coin());
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_player);
    }

    /// @dev Prepaid + collectable = paid in − collected; the tokens held are that and the donations.
    function invariant_M02_ledgerIsWhatWasPaidInAndNotCollected() external view {
        (uint256 prepaidAssets, ) = _sums();
        uint256 ledgerAssets =
            prepaidAssets +
                _leases.collectableAssets(address(_player), _coin) +
                _leases.collectableAssets(_player.wallet(), _coin);
        assert(ledgerAssets == _player.paidInAssets() - _player.collectedAssets() - _player.refundedAssets());
        assert(_player.coin().balanceOf(address(_leases)) == ledgerAssets + _player.donatedAssets());
    }

    /// @dev Every invoice is receivable, collectable or collected, once.
    function invariant_M17_rentIsReceivableCollectableOrCollected() external view {
        (, uint256 owedAssets) = _sums();
        assert(_leases.receivableAssets(address(_player), _coin) == owedAssets);
        assert(
            _player.dueAssets() ==
                owedAssets + _leases.collectableAssets(address(_player), _coin) + _player.collectedAssets()
        );
    }

    function invariant_theLotIsTakenWhileItsLeaseLives() external view {
        LeaseId last = LeaseId.wrap(_leases.leaseCount());
        (ILeases.Terms memory terms, uint32 settledCount, , ) = _leases.lease(last);
        bool isLive = settledCount < terms.periodCount;
        assert(LeaseId.unwrap(_leases.leaseOf(terms.lotId)) == (isLive ? _leases.leaseCount() : 0));
    }

    /// @dev The player can do everything, so the invariants were not held by refusals.
    function test_everyVerbIsPlayed() external {
        for (uint64 round = 0; round < 2; ++round) {
            _player.open(1_000_000_007, round == 1);
            _player.prepay(500_000_000);
            _player.settle(round * 2_000_000);
            _player.settle(0);
            _player.pay(0, 1e14);
            _player.payFromEscrow(1);
            _player.settle(0);
            _player.refund();
            _player.collect(false);
            _player.collect(true);
            _player.donate(7);
        }
        assert(_player.doneCount(LeasesPlayer.open.selector) == 2);
        assert(_player.doneCount(LeasesPlayer.prepay.selector) == 2);
        assert(_player.doneCount(LeasesPlayer.settle.selector) == 6);
        assert(_player.doneCount(LeasesPlayer.pay.selector) == 2);
        assert(_player.doneCount(LeasesPlayer.payFromEscrow.selector) > 0);
        assert(_player.doneCount(LeasesPlayer.refund.selector) == 2);
        assert(_player.refundedAssets() > 0 && _player.collectedAssets() > 0);
        this.invariant_M02_ledgerIsWhatWasPaidInAndNotCollected();
        this.invariant_M17_rentIsReceivableCollectableOrCollected();
        this.invariant_theLotIsTakenWhileItsLeaseLives();
    }

    function _sums() private view returns (uint256 prepaidSumAssets, uint256 owedSumAssets) {
        for (uint64 id = 1; id <= _leases.leaseCount(); ++id) {
            (ILeases.Terms memory terms, , uint256 prepaidAssets, uint256 owedAssets) = _leases.lease(LeaseId.wrap(id));
            prepaidSumAssets += prepaidAssets;
            owedSumAssets += owedAssets;
            uint256 leftSumAssets = 0;
            for (uint32 periodIndex = 0; periodIndex < terms.periodCount; ++periodIndex) {
                (uint256 leftAssets, ) = _leases.receivable(LeaseId.wrap(id), periodIndex);
                leftSumAssets += leftAssets;
            }
            assert(leftSumAssets == owedAssets);
        }
    }
}
