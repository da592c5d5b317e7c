// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {IGate} from "../../contracts/compliance/IGate.sol";
import {Order} from "../../contracts/exchange/IShareExchange.sol";
import {MockExchange} from "../../contracts/mocks/MockExchange.sol";
import {MockFund} from "../../contracts/mocks/MockFund.sol";
import {MockShare} from "../../contracts/mocks/MockShare.sol";
import {MockToken} from "../../contracts/mocks/MockToken.sol";
import {IncomeVault, Settings} from "../../contracts/vault/IncomeVault.sol";
import {OpenGate, PricedValuation} from "./VaultStage.sol";
import {vm} from "./Vm.sol";

/// @title Plays three holders, an allocator and the world on a vault of four classes; checks every step.
contract VaultPlayer {
    uint256 private constant MOST = 1e15; // a billion of six decimals
    uint256 private constant HOLDERS = 3;
    uint256 private constant CLASSES = 4;
    uint256 private constant WAD = 1e18;

    /// What a step must not make worse.
    struct Seen {
        uint256 exitAssets;
        uint256 entryAssets;
        uint256 supplyShares;
        uint256[HOLDERS] wealthWad;
        uint256[HOLDERS] pendingShares;
        uint256[HOLDERS] claimableAssets;
    }

    IncomeVault public immutable vault;
    MockToken public immutable asset;
    MockExchange public immutable exchange;
    PricedValuation public immutable valuation;
    OpenGate public immutable gate;
    MockFund[2] public funds;
    address[HOLDERS] public holders = [address(0xA11CE), address(0xB0B), address(0xCA401)];
    uint256 public donatedAssets;
    mapping(bytes4 verb => uint256) public doneCount;
    uint256 public partialCount;
    uint256 public lossCount;
    /// @notice The first thing that went wrong in a step; the runner ignores steps that revert, so it is kept.
    string public broken;
    address private _actor;

    constructor() {
        asset = new MockToken(6);
        gate = new OpenGate();
        valuation = new PricedValuation();
        exchange = new MockExchange();
        vault = new IncomeVault(
            address(new AccessManager(address(this))),
            Settings({
                name: "Income",
                symbol: "INC",
                asset: address(asset),
                gate: IGate(address(gate)),
                valuation: valuation,
                exchange: exchange,
                maxDiscountBps: 0,
                maxDailyLossBps: 10_000
            })
        );
        asset.mint(address(this), MOST);
        asset.approve(address(exchange), type(uint256).max);
        for (uint256 i; i < 2; ++i) funds[i] = new MockFund(asset, 2, 6);
        for (uint256 i; i < CLASSES; ++i) {
            valuation.set(address(funds[i / 2]), i % 2, PricedValuation.Price(1e6, 1e6, 0));
            vault.list(address(funds[i / 2]), i % 2, MOST);
            tokenAt(i).mint(address(this), MOST);
            tokenAt(i).approve(address(exchange), type(uint256).max);
            asset.approve(address(tokenAt(i)), type(uint256).max);
        }
        for (uint256 i; i < HOLDERS; ++i) {
            asset.mint(holders[i], MOST);
            vm.prank(holders[i]);
            asset.approve(address(vault), type(uint256).max);
        }
    }

    /// @dev A step that moves no value may take none from anybody, nor give any to a holder. `slackWad` of rounding may
    /// pass from who leaves to who stays.
    modifier step(uint256 slackWad) {
        Seen memory old = seen();
        _actor = address(0);
        _;
        Seen memory now_ = seen();
        _checkExit(old, now_, 0);
        _checkEntry(old, now_, 0);
        _checkWealth(old, now_, slackWad);
    }

    // Holders

    function deposit(uint8 who, uint64 amount) external step(0) {
        address holder = _holder(who);
        uint256 assets = 1 + (amount % 1e11);
        (uint256 maxAssets, uint256 previewShares) = (vault.maxDeposit(holder), vault.previewDeposit(assets));
        vm.prank(holder);
        try vault.deposit(assets, holder) returns (uint256 shares) {
            ++doneCount[this.deposit.selector];
            _check("deposit gave less than previewed, or beyond its limit", shares >= previewShares);
            _check("deposit went beyond its limit", assets <= maxAssets);
        } catch {
            _check("a deposit within its limit was refused", assets > maxAssets || previewShares == 0);
        }
    }

    function mint(uint8 who, uint64 amount) external step(0) {
        address holder = _holder(who);
        uint256 shares = 1 + (uint256(amount) % 1e17);
        (uint256 maxShares, uint256 previewAssets) = (vault.maxMint(holder), vault.previewMint(shares));
        if (previewAssets > 1e12) return;
        vm.prank(holder);
        try vault.mint(shares, holder) returns (uint256 assets) {
            ++doneCount[this.mint.selector];
            _check("mint took more than previewed", assets <= previewAssets);
            _check("mint went beyond its limit", shares <= maxShares);
        } catch {
            _check("a mint within its limit was refused", shares > maxShares);
        }
    }

    function transfer(uint8 who, uint8 to, uint64 part) external {
        address holder = _holder(who);
        uint256 shares = vault.balanceOf(holder) / (1 + (part % 7));
        vm.prank(holder);
        vault.transfer(_holder(to), shares);
        ++doneCount[this.transfer.selector];
    }

    function request(uint8 who, uint64 part) external step(0) {
        address holder = _holder(who);
        uint256 shares = vault.balanceOf(holder) / (1 + (part % 3));
        if (part % 16 == 15) shares = shares > 0 ? 1 : 0;
        vm.prank(holder);
        try vault.requestRedeem(shares, holder, holder) {
            ++doneCount[this.request.selector];
        } catch {
            _check("a request was refused", shares == 0 || vault.requestIds(holder).length == 8);
        }
    }

    /// @dev All in a batch get equal parts, none more than its shares were worth.
    function fulfil() external step(4 * WAD) {
        Seen memory old = seen();
        try vault.fulfil() returns (uint256 requestId, uint256 shares, uint256) {
            ++doneCount[this.fulfil.selector];
            if (vault.batch(requestId).heldShares > 0) ++partialCount;
            (uint256 priceAssets, uint256 priceShares) = (old.exitAssets + 1, old.supplyShares + 1e6);
            uint256[HOLDERS] memory gotAssets;
            uint256[HOLDERS] memory gaveShares;
            uint256 sumShares;
            Seen memory now_ = seen();
            for (uint256 i; i < HOLDERS; ++i) {
                gotAssets[i] = now_.claimableAssets[i] - old.claimableAssets[i];
                gaveShares[i] = old.pendingShares[i] - now_.pendingShares[i];
                sumShares += gaveShares[i];
                // One unit more may come of what was rounded off at the fills before.
                uint256 mostAssets = ((gaveShares[i] + 1) * priceAssets) / priceShares + 1;
                _check("a fill paid beyond the price", gotAssets[i] <= mostAssets);
            }
            _check("a fill burnt other shares", sumShares <= shares + HOLDERS && shares <= sumShares + 1e6);
            _checkParts(requestId, gotAssets);
        } catch {}
    }

    function redeem(uint8 who, uint64 part) external step(0) {
        address holder = _holder(who);
        uint256 maxShares = vault.maxRedeem(holder);
        uint256 shares = part % 4 == 0 ? maxShares + 1 : maxShares / (part % 4);
        uint256 hadAssets = asset.balanceOf(holder);
        vm.prank(holder);
        try vault.redeem(shares, holder, holder) returns (uint256 assets) {
            if (assets > 0) ++doneCount[this.redeem.selector];
            _check("redeem paid another amount", asset.balanceOf(holder) == hadAssets + assets);
            _check("redeem went beyond its limit", shares <= maxShares);
        } catch {
            _check("a redemption within its limit was refused", shares > maxShares);
        }
    }

    function withdraw(uint8 who, uint64 part) external step(0) {
        address holder = _holder(who);
        uint256 maxAssets = vault.maxWithdraw(holder);
        uint256 assets = part % 4 == 0 ? maxAssets + 1 : maxAssets / (part % 4);
        uint256 hadAssets = asset.balanceOf(holder);
        vm.prank(holder);
        try vault.withdraw(assets, holder, holder) {
            if (assets > 0) ++doneCount[this.withdraw.selector];
            _check("withdraw paid another amount", asset.balanceOf(holder) == hadAssets + assets);
            _check("withdraw went beyond its limit", assets <= maxAssets);
        } catch {
            _check("a withdrawal within its limit was refused", assets > maxAssets);
        }
    }

    function cancel(uint8 who, bool claim) external step(WAD) {
        address holder = _holder(who);
        uint256[] memory requestIds = vault.requestIds(holder);
        for (uint256 i; i < requestIds.length; ++i) {
            if (vault.pendingRedeemRequest(requestIds[i], holder) > 0) {
                vm.prank(holder);
                vault.cancelRedeemRequest(requestIds[i], holder);
                ++doneCount[this.cancel.selector];
            }
            if (!claim || vault.claimableCancelRedeemRequest(requestIds[i], holder) == 0) continue;
            vm.prank(holder);
            vault.claimCancelRedeemRequest(requestIds[i], holder, holder);
        }
    }

    /// @dev M28: in and, an hour later, out again, many times, ends with no more than at the start.
    function roundTrip(uint8 who, uint16 amount, uint8 rounds) external step(4 * WAD) {
        address holder = _holder(who);
        for (uint256 i; i < rounds % 8; ++i) {
            vm.prank(holder);
            try vault.deposit(1 + amount, holder) returns (uint256 shares) {
                vm.prank(holder);
                try vault.requestRedeem(shares, holder, holder) {} catch {}
                ++doneCount[this.roundTrip.selector];
            } catch {}
        }
    }

    // Allocator: a purchase moves value from the exit figure to classes with a haircut, and none from the entry figure

    function buy(uint8 place, uint64 amount) external {
        Seen memory old = seen();
        uint256 shares = 1 + (amount % 1e11);
        uint256 assets = (shares * _priceOf(place).entryPpm) / 1e6;
        try vault.buy(_order(place, true, shares, assets), "", shares, assets) {
            ++doneCount[this.buy.selector];
            _checkEntry(old, seen(), 0);
        } catch {}
    }

    function subscribe(uint8 place, uint64 amount) external {
        Seen memory old = seen();
        PricedValuation.Price memory price = _priceOf(place);
        price.entryPpm = 1e6;
        if (price.exitPpm > 1e6) price.exitPpm = 1e6;
        _setPrice(place, price);
        Seen memory repriced = seen();
        try vault.subscribe(address(tokenAt(place % CLASSES)), 1 + (amount % 1e11)) {
            ++doneCount[this.subscribe.selector];
            _checkEntry(repriced, seen(), CLASSES);
        } catch {}
        _noteLoss(old);
    }

    function sell(uint8 place, uint64 amount) external {
        Seen memory old = seen();
        uint256 shares = uint256(amount) % (vault.holdingOf(address(tokenAt(place % CLASSES))).shares + 1);
        uint256 assets = (shares * _priceOf(place).exitPpm) / 1e6 + 1;
        try vault.sell(_order(place, false, shares + 1, assets + 1), "", shares, 0) {
            if (shares > 0) ++doneCount[this.sell.selector];
            _checkExit(old, seen(), 0);
        } catch {}
    }

    function claimIncome(uint8 place) external step(0) {
        uint256 owedAssets = tokenAt(place % CLASSES).claimableAssets(address(vault));
        try vault.claimIncome(address(tokenAt(place % CLASSES))) returns (uint256 assets) {
            ++doneCount[this.claimIncome.selector];
            _check("another income than owed", assets == owedAssets);
        } catch {
            _check("income was refused", owedAssets == 0);
        }
    }

    function refund(uint8 which) external {
        for (uint8 i; i < CLASSES; ++i) _setPrice(i, PricedValuation.Price(1e6, 1e6, 0));
        MockFund fund = funds[which % 2];
        Seen memory old = seen();
        asset.mint(address(fund), MOST);
        vault.refund(address(fund));
        _checkExit(old, seen(), 0);
        ++doneCount[this.refund.selector];
    }

    // World

    function payIncome(uint8 place, uint64 amount) external {
        Seen memory old = seen();
        tokenAt(place % CLASSES).pay(amount % 1e11);
        _checkExit(old, seen(), 0);
        ++doneCount[this.payIncome.selector];
    }

    /// @dev Up, down and to nothing; exit never above entry.
    function movePrice(uint8 place, uint64 exit, uint64 spread, bool isHeld) external {
        Seen memory old = seen();
        uint128 exitPpm = exit % 32 == 0 ? 0 : 0.5e6 + uint128(exit % 0.8e6);
        uint128 entryPpm = exitPpm + uint128(spread % 0.2e6);
        uint64 heldUntilAt = isHeld ? uint64(block.timestamp + 1 hours) : 0;
        _setPrice(place, PricedValuation.Price(exitPpm, entryPpm, heldUntilAt));
        ++doneCount[this.movePrice.selector];
        _noteLoss(old);
    }

    function pass(uint32 elapsedSec) external step(0) {
        vm.warp(block.timestamp + (elapsedSec % 3 hours));
        ++doneCount[this.pass.selector];
    }

    function donate(uint8 place, uint32 assets, uint32 shares) external step(0) {
        asset.mint(address(vault), assets);
        donatedAssets += assets;
        tokenAt(place % CLASSES).transfer(address(vault), shares);
        ++doneCount[this.donate.selector];
    }

    function pause(bool on) external step(0) {
        if (vault.isPaused() == on) return;
        on ? vault.pause() : vault.resume();
        ++doneCount[this.pause.selector];
    }

    /// @dev A frozen holder can neither come nor leave, and its limits say so.
    function frozen(uint8 who) external step(0) {
        address holder = _holder(who);
        gate.freeze(holder, true);
        bool isShut = vault.maxDeposit(holder) == 0 && vault.maxMint(holder) == 0;
        _check(
            "the limits of a frozen holder",
            isShut && vault.maxRedeem(holder) == 0 && vault.maxWithdraw(holder) == 0
        );
        vm.prank(holder);
        try vault.deposit(1e6, holder) {
            _check("a frozen holder came", false);
        } catch {}
        vm.prank(holder);
        try vault.withdraw(0, holder, holder) {
            _check("a frozen holder left", false);
        } catch {}
        gate.freeze(holder, false);
        ++doneCount[this.frozen.selector];
    }

    /// @dev The asset takes a fee, lies, is paused, or calls back while it is moved.
    function hostile(uint8 who, uint8 habit, uint64 amount) external step(0) {
        address holder = _holder(who);
        habit %= 4;
        if (habit == 0) asset.setFee(100);
        if (habit == 1) asset.setReturnsFalse(true);
        if (habit == 2) asset.setPaused(true);
        if (habit == 3) asset.setHook(address(vault), abi.encodeCall(vault.fulfil, ()));
        vm.prank(holder);
        try vault.deposit(1e6 + (amount % 1e10), holder) {
            _check("a deposit that was not delivered", habit == 3 && !asset.hookPassed());
            ++doneCount[this.hostile.selector];
        } catch {}
        asset.setFee(0);
        asset.setReturnsFalse(false);
        asset.setPaused(false);
        asset.setHook(address(0), "");
    }

    // Views

    function seen() public view returns (Seen memory now_) {
        (now_.exitAssets, now_.entryAssets, now_.supplyShares) = (
            vault.totalAssets(),
            vault.entryAssets(),
            vault.totalSupply()
        );
        for (uint256 i; i < HOLDERS; ++i) {
            address holder = holders[i];
            uint256 shares = vault.balanceOf(holder);
            now_.claimableAssets[i] = vault.maxWithdraw(holder);
            uint256[] memory requestIds = vault.requestIds(holder);
            for (uint256 j; j < requestIds.length; ++j) {
                now_.pendingShares[i] += vault.pendingRedeemRequest(requestIds[j], holder);
                shares += vault.claimableCancelRedeemRequest(requestIds[j], holder);
            }
            shares += now_.pendingShares[i];
            uint256 worthWad = (shares * (now_.exitAssets + 1) * WAD) / (now_.supplyShares + 1e6);
            now_.wealthWad[i] = (asset.balanceOf(holder) + now_.claimableAssets[i]) * WAD + worthWad;
        }
    }

    function tokenAt(uint256 place) public view returns (MockShare) {
        return funds[place / 2].classToken(place % 2);
    }

    // Checks

    function _checkExit(Seen memory old, Seen memory now_, uint256 slackAssets) private {
        uint256 was = (old.exitAssets + 1) * (now_.supplyShares + 1e6);
        _check("the exit price fell", (now_.exitAssets + slackAssets + 1) * (old.supplyShares + 1e6) >= was);
    }

    function _checkEntry(Seen memory old, Seen memory now_, uint256 slackAssets) private {
        uint256 was = (old.entryAssets + 1) * (now_.supplyShares + 1e6);
        _check("the entry price fell", (now_.entryAssets + slackAssets + 1) * (old.supplyShares + 1e6) >= was);
    }

    /// @dev Who acted is no richer at exit, and nobody is where no holder acted: what a deposit pays above exit is
    /// everybody else's.
    function _checkWealth(Seen memory old, Seen memory now_, uint256 slackWad) private {
        for (uint256 i; i < HOLDERS; ++i) {
            bool isAsked = _actor == address(0) || _actor == holders[i];
            _check("a step paid", !isAsked || now_.wealthWad[i] <= old.wealthWad[i] + slackWad + 2);
        }
    }

    /// @dev Parts of one batch are as the shares that waited in it, to two units each.
    function _checkParts(uint256 requestId, uint256[HOLDERS] memory gotAssets) private {
        uint256 requestedShares = vault.batch(requestId).requestedShares;
        uint256 perShareRay = vault.batch(requestId).perShareRay;
        uint256 sumAssets;
        for (uint256 i; i < HOLDERS; ++i) sumAssets += gotAssets[i];
        _check("a fill paid more than its batch", sumAssets * 1e27 <= requestedShares * perShareRay + 3e27);
    }

    function _noteLoss(Seen memory old) private {
        if (vault.totalAssets() < old.exitAssets) ++lossCount;
    }

    function _check(string memory what, bool holds) private {
        if (!holds && bytes(broken).length == 0) broken = what;
    }

    // World, by place and number

    function _setPrice(uint8 place, PricedValuation.Price memory price) private {
        valuation.set(address(funds[(place % CLASSES) / 2]), place % 2, price);
    }

    function _priceOf(uint8 place) private view returns (PricedValuation.Price memory) {
        return valuation.priceOf(address(funds[(place % CLASSES) / 2]), place % 2);
    }

    function _order(uint8 place, bool isSell, uint256 shares, uint256 assets) private view returns (Order memory) {
        return
            Order({
                maker: address(this),
                taker: address(0),
                shareToken: address(tokenAt(place % CLASSES)),
                asset: address(asset),
                isSell: isSell,
                shares: shares,
                assets: assets,
                maxAccruedAssets: 0,
                maxFeeBps: 0,
                expiresAt: type(uint64).max,
                nonce: 0,
                salt: 0
            });
    }

    function _holder(uint8 who) private returns (address) {
        _actor = holders[who % HOLDERS];
        return _actor;
    }
}

/// @title The vault's books, whatever is played.
contract VaultInvariants {
    VaultPlayer private _player;
    IncomeVault private _vault;

    function setUp() external {
        _player = new VaultPlayer();
        _vault = _player.vault();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_player);
    }

    /// @dev One after the other, so that one play serves all.
    function invariant_booksHold() external view {
        require(bytes(_player.broken()).length == 0, _player.broken());
        _theBalanceIsTheLedgerToTheUnit();
        _claimsAreSetAside();
        _sharesThatWaitAreInCustody();
        require(_vault.totalAssets() <= _vault.entryAssets(), "exit exceeds entry");
    }

    /// @dev A long game, played the same each time: what the invariants above were held against.
    function test_everyVerbSucceedsOften() external {
        uint256 seed = 1;
        for (uint256 i; i < 1500; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            _play(seed);
            if (i % 20 == 0) this.invariant_booksHold();
        }
        _expect("deposit", VaultPlayer.deposit.selector, 60);
        _expect("mint", VaultPlayer.mint.selector, 80);
        _expect("transfer", VaultPlayer.transfer.selector, 40);
        _expect("request", VaultPlayer.request.selector, 60);
        _expect("fulfil", VaultPlayer.fulfil.selector, 20);
        _expect("redeem", VaultPlayer.redeem.selector, 10);
        _expect("withdraw", VaultPlayer.withdraw.selector, 20);
        _expect("cancel", VaultPlayer.cancel.selector, 15);
        _expect("roundTrip", VaultPlayer.roundTrip.selector, 120);
        _expect("buy", VaultPlayer.buy.selector, 50);
        _expect("subscribe", VaultPlayer.subscribe.selector, 25);
        _expect("sell", VaultPlayer.sell.selector, 30);
        _expect("claimIncome", VaultPlayer.claimIncome.selector, 20);
        _expect("refund", VaultPlayer.refund.selector, 1);
        _expect("hostile", VaultPlayer.hostile.selector, 4);
        require(_player.partialCount() >= 8, Strings.toString(_player.partialCount()));
        require(_player.lossCount() >= 30, Strings.toString(_player.lossCount()));
    }

    function _play(uint256 seed) private {
        (uint8 who, uint8 other, uint8 place) = (uint8(seed >> 8), uint8(seed >> 16), uint8(seed >> 24));
        (uint64 amount, uint64 more, bool flag) = (uint64(seed >> 32), uint64(seed >> 96), (seed >> 160) & 1 == 1);
        uint256 verb = uint8(seed) % 24;
        if (verb == 0 || verb == 20) _player.deposit(who, amount);
        if (verb == 1 || verb == 21) _player.mint(who, amount);
        if (verb == 2) _player.transfer(who, other, amount);
        if (verb == 3 || verb == 22) _player.request(who, amount);
        if (verb == 4 || verb == 23) _player.fulfil();
        if (verb == 5) _player.redeem(who, amount);
        if (verb == 6) _player.withdraw(who, amount);
        if (verb == 7 && flag) _player.cancel(who, more % 2 == 0);
        if (verb == 8) _player.roundTrip(who, uint16(amount), other);
        if (verb == 9 || verb == 10) _player.buy(place, amount);
        if (verb == 11) _player.subscribe(place, amount);
        if (verb == 12) _player.sell(place, amount);
        if (verb == 13) _player.claimIncome(place);
        if (verb == 14 && more % 16 == 0) _player.refund(place);
        if (verb == 15) _player.payIncome(place, amount);
        if (verb == 16) _player.movePrice(place, amount, more, other % 8 == 0);
        if (verb == 17) _player.pass(uint32(amount));
        if (verb == 18) _player.donate(place, uint32(amount), uint32(more));
        if (verb == 19 && place < 32) _player.pause(flag && other < 64);
        if (verb == 19 && place >= 32) flag ? _player.frozen(who) : _player.hostile(who, other, amount);
    }

    function _expect(string memory verb, bytes4 selector, uint256 least) private view {
        uint256 doneCount = _player.doneCount(selector);
        require(doneCount >= least, string.concat(verb, " ", Strings.toString(doneCount)));
    }

    function _theBalanceIsTheLedgerToTheUnit() private view {
        uint256 ledgerAssets = _vault.cashAssets() + _vault.setAsideAssets() + _player.donatedAssets();
        require(_player.asset().balanceOf(address(_vault)) == ledgerAssets, "the balance is not the ledger");
    }

    function _claimsAreSetAside() private view {
        uint256 claimableAssets;
        for (uint256 i; i < 3; ++i) claimableAssets += _vault.maxWithdraw(_player.holders(i));
        require(claimableAssets <= _vault.setAsideAssets(), "claims exceed what was set aside");
    }

    function _sharesThatWaitAreInCustody() private view {
        uint256 waitingShares;
        uint256 cancelledShares;
        uint256 heldShares;
        for (uint256 i; i < 3; ++i) {
            address holder = _player.holders(i);
            uint256[] memory requestIds = _vault.requestIds(holder);
            for (uint256 j; j < requestIds.length; ++j) {
                waitingShares += _vault.pendingRedeemRequest(requestIds[j], holder);
                cancelledShares += _vault.claimableCancelRedeemRequest(requestIds[j], holder);
            }
            heldShares += _vault.balanceOf(holder);
        }
        uint256 custodyShares = _vault.balanceOf(address(_vault));
        require(waitingShares <= _vault.pendingShares(), "requests exceed their batches");
        require(custodyShares == _vault.pendingShares() + cancelledShares, "custody is not what waits");
        require(_vault.totalSupply() == heldShares + custodyShares, "shares are nowhere");
    }
}
