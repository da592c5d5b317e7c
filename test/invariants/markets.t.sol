// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {AdaptiveRate} from "../../contracts/credit/AdaptiveRate.sol";
import {CollateralIncome} from "../../contracts/credit/CollateralIncome.sol";
import {KinkedRate} from "../../contracts/credit/KinkedRate.sol";
import {Id, Market, MarketParams} from "../../contracts/credit/Market.sol";
import {Markets} from "../../contracts/credit/Markets.sol";
import {MockSeams} from "../../contracts/mocks/MockSeams.sol";
import {MockShare} from "../../contracts/mocks/MockShare.sol";
import {MockToken} from "../../contracts/mocks/MockToken.sol";
import {vm} from "./Vm.sol";

/// @title Plays three accounts on two markets, one with an adaptive rate, that share their tokens and price; checks
/// every step against the last. The loan token tries to come in again in the middle of a verb, authorized by everybody.
contract MarketsPlayer {
    uint256 private constant MOST = 1e15; // a billion of six decimals
    uint256 private constant ACCOUNTS = 3;

    Markets public immutable markets;
    MockToken public immutable loan;
    MockShare public immutable share;
    MockSeams public immutable seams;
    address public immutable feeRecipient = address(0xFEE);
    AdaptiveRate public immutable adaptive;
    MarketParams[2] public params;
    address[ACCOUNTS] public accounts = [address(0xA11CE), address(0xB0B), address(0xCA401)];
    uint256 public donatedAssets;
    uint256 public donatedShares;
    mapping(bytes4 verb => uint256) public doneCount;
    uint256[2] public fullBonusWad = [uint256(1e36) / 0.94e18 - 1e18, uint256(0.15e18)];
    uint256 public fullBonusCount;
    uint256 public reentryCount;
    bytes private _hookCall;
    /// @notice The first thing that went wrong in a step; the runner ignores steps that revert, so it is kept.
    string public broken;
    bool private _lossAllowed;

    constructor() {
        markets = new Markets(address(new AccessManager(address(this))));
        KinkedRate irm = new KinkedRate(0.01e18, 0.2e18, 10e18, 0.8e18);
        loan = new MockToken(6);
        share = new MockShare(loan, 6);
        seams = new MockSeams(address(loan));
        seams.setPrice(1e36);
        adaptive = new AdaptiveRate(address(markets));
        markets.enableIrm(address(irm));
        markets.enableIrm(address(adaptive));
        markets.setFeeRecipient(feeRecipient);
        for (uint256 i; i < 2; ++i) {
            uint256 lltvWad = i == 0 ? 0.8e18 : 0.5e18;
            markets.enableLltv(lltvWad);
            address model = i == 0 ? address(irm) : address(adaptive);
            params[i] = MarketParams(address(loan), address(share), address(seams), model, lltvWad);
            markets.createMarket(params[i]);
        }
        markets.setFee(params[0], 1000);
        for (uint256 i; i < ACCOUNTS; ++i) {
            loan.mint(accounts[i], MOST);
            share.mint(accounts[i], MOST);
            vm.prank(accounts[i]);
            loan.approve(address(markets), type(uint256).max);
            vm.prank(accounts[i]);
            share.approve(address(markets), type(uint256).max);
            vm.prank(accounts[i]);
            markets.setAuthorization(address(loan), true);
        }
    }

    /// @dev Brings interest up to date first, so that a step alone is seen: no rounding of it may favour the caller.
    modifier step(uint8 which) {
        markets.accrueInterest(params[0]);
        markets.accrueInterest(params[1]);
        Market memory old = marketAt(which % 2);
        uint256[ACCOUNTS] memory flags = _flags(which);
        bool[ACCOUNTS] memory healthy = _healths(which, old);
        _lossAllowed = false;
        if (_hookCall.length > 0) loan.setHook(address(markets), _hookCall);
        _;
        _checkHook();
        Market memory now_ = marketAt(which % 2);
        _checkLoans(which, flags, healthy, _healths(which, now_));
        _check(
            "a supply share lost value without bad debt",
            _lossAllowed ||
                (uint256(now_.totalSupplyAssets) + 1) * (uint256(old.totalSupplyShares) + 1e6) >=
                    (uint256(old.totalSupplyAssets) + 1) * (uint256(now_.totalSupplyShares) + 1e6)
        );
        // One unit may be left by the last repayment.
        _check(
            "a share of the debt grew without interest",
            uint256(now_.totalBorrowAssets) * (uint256(old.totalBorrowShares) + 1e6) <=
                (uint256(old.totalBorrowAssets) + 1) * (uint256(now_.totalBorrowShares) + 1e6)
        );
    }

    // Verbs

    function supply(uint8 which, uint8 who, uint64 amount, bool byShares) external step(which) {
        (uint256 assets, uint256 shares) = _split(1 + (amount % 1e12), byShares);
        vm.prank(_account(who));
        try markets.supply(params[which % 2], assets, shares, _account(who), "") {
            ++doneCount[this.supply.selector];
        } catch {}
    }

    function withdraw(uint8 which, uint8 who, uint64 amount, bool byShares) external step(which) {
        (uint256 assets, uint256 shares) = _split(1 + (amount % 1e11), byShares);
        vm.prank(_account(who));
        try markets.withdraw(params[which % 2], assets, shares, _account(who), _account(who)) {
            ++doneCount[this.withdraw.selector];
        } catch {}
    }

    /// @dev Up to what the collateral allows and one unit more, so that limits are met often.
    function borrow(uint8 which, uint8 who, uint64 amount, bool byShares) external step(which) {
        (uint256 assets, uint256 shares) = _split(1 + (amount % (_roomAssets(which, _account(who)) + 1)), byShares);
        vm.prank(_account(who));
        try markets.borrow(params[which % 2], assets, shares, _account(who), _account(who)) {
            ++doneCount[this.borrow.selector];
            _check("unhealthy after taking out", isHealthy(which, _account(who)));
        } catch {}
    }

    function repay(uint8 which, uint8 who, uint64 amount, bool byShares, bool whole) external step(which) {
        (uint256 assets, uint256 shares) = _split(1 + (amount % 1e11), byShares);
        if (whole) (assets, shares) = (0, borrowSharesOf(which, _account(who)));
        vm.prank(_account(who));
        try markets.repay(params[which % 2], assets, shares, _account(who), "") {
            ++doneCount[this.repay.selector];
        } catch {}
    }

    function supplyCollateral(uint8 which, uint8 who, uint64 amount) external step(which) {
        vm.prank(_account(who));
        try markets.supplyCollateral(params[which % 2], 1 + (amount % 1e11), _account(who), "") {
            ++doneCount[this.supplyCollateral.selector];
        } catch {}
    }

    function withdrawCollateral(uint8 which, uint8 who, uint64 amount) external step(which) {
        vm.prank(_account(who));
        try markets.withdrawCollateral(params[which % 2], 1 + (amount % 1e10), _account(who), _account(who)) {
            ++doneCount[this.withdrawCollateral.selector];
            _check("unhealthy after taking out", isHealthy(which, _account(who)));
        } catch {}
    }

    /// @dev Works on every unhealthy position, its owner frozen by both tokens or not, and on no healthy one.
    function liquidate(uint8 which, uint8 who, uint8 victim, uint64 amount, bool byDebt) external step(which) {
        (uint256 seizedShares, uint256 repaidShares) = _split(1 + (amount % 1e12), byDebt);
        address borrower = _account(victim);
        bool healthy = isHealthy(which, borrower);
        uint256 suppliedAssets = marketAt(which % 2).totalSupplyAssets;
        uint256 bonusWad = markets.liquidationBonusWad(params[which % 2], borrower);
        if (amount & 1 == 1 && borrower != _account(who)) _ban(borrower, true);
        vm.prank(_account(who));
        try markets.liquidate(params[which % 2], borrower, seizedShares, repaidShares, "") returns (
            uint256 seized,
            uint256 repaidAssets
        ) {
            ++doneCount[this.liquidate.selector];
            _check(
                "a liquidator got more than the bonus of then",
                seized * seams.price() * 1e18 <= repaidAssets * 1e36 * (1e18 + bonusWad)
            );
            if (seized > 0 && bonusWad == fullBonusWad[which % 2]) ++fullBonusCount;
            _check("a healthy position was liquidated", !healthy);
            _lossAllowed = marketAt(which % 2).totalSupplyAssets < suppliedAssets;
            _check("bad debt stayed", !_lossAllowed || borrowSharesOf(which, borrower) == 0);
        } catch {
            _check("an unhealthy position was not liquidated", healthy);
        }
        _ban(borrower, false);
    }

    /// @dev M08: who may not hold the shares does not get them by a liquidation.
    function liquidateIneligible(uint8 which, uint8 who, uint8 victim, uint64 amount) external step(which) {
        share.setBarred(_account(who), true);
        vm.prank(_account(who));
        try markets.liquidate(params[which % 2], _account(victim), 1 + (amount % 1e12), 0, "") {
            _check("an ineligible liquidator got shares", false);
        } catch {
            ++doneCount[this.liquidateIneligible.selector];
        }
        share.setBarred(_account(who), false);
    }

    /// @dev M05: with a fee, a pause or a lie the token is refused, and nothing has changed.
    function misbehave(uint8 which, uint8 who, uint64 amount, uint8 habit) external step(which) {
        (address account, MarketParams memory market) = (_account(who), params[which % 2]);
        bytes32 before = keccak256(abi.encode(marketAt(which % 2), borrowSharesOf(which, account)));
        if (habit % 3 == 0) loan.setFee(100);
        if (habit % 3 == 1) loan.setPaused(true);
        if (habit % 3 == 2) loan.setReturnsFalse(true);
        vm.prank(account);
        try markets.supply(market, 100 + (amount % 1e11), 0, account, "") {
            _check("a supply that was not delivered counts", false);
        } catch {
            ++doneCount[this.misbehave.selector];
        }
        vm.prank(account);
        try markets.repay(market, 100 + (amount % 1e11), 0, account, "") {
            _check("a repayment that was not delivered counts", false);
        } catch {}
        loan.setFee(0);
        loan.setPaused(false);
        loan.setReturnsFalse(false);
        _check(
            "a refused token changed something",
            before == keccak256(abi.encode(marketAt(which % 2), borrowSharesOf(which, account)))
        );
    }

    /// @dev From now on the loan token calls this verb, with authorization, in the middle of every other.
    function arm(uint8 verb, uint8 which, uint8 who) external {
        (address account, MarketParams memory market) = (_account(who), params[which % 2]);
        if (verb % 6 == 0) _hookCall = abi.encodeCall(markets.withdraw, (market, 1, 0, account, address(this)));
        if (verb % 6 == 1) _hookCall = abi.encodeCall(markets.borrow, (market, 1, 0, account, address(this)));
        if (verb % 6 == 2) _hookCall = abi.encodeCall(markets.withdrawCollateral, (market, 1, account, account));
        if (verb % 6 == 3) _hookCall = abi.encodeCall(markets.flag, (market, account));
        if (verb % 6 == 4) _hookCall = abi.encodeCall(markets.liquidate, (market, account, 1, 0, ""));
        if (verb % 6 == 5) delete _hookCall;
        ++doneCount[this.arm.selector];
    }

    /// @dev Works on every unhealthy position that has no standing flag, and on no other.
    function flag(uint8 which, uint8 who, uint8 victim) external step(which) {
        address borrower = _account(victim);
        bool healthy = isHealthy(which, borrower);
        bool flagged = markets.flaggedAt(idAt(which % 2), borrower) != 0;
        vm.prank(_account(who));
        try markets.flag(params[which % 2], borrower) {
            ++doneCount[this.flag.selector];
            _check("flagged without need", !healthy && !flagged);
        } catch {
            _check("an unhealthy position was not flagged", healthy || flagged);
        }
    }

    function unflag(uint8 which, uint8 who, uint8 victim) external step(which) {
        address borrower = _account(victim);
        vm.prank(_account(who));
        try markets.unflag(params[which % 2], borrower) {
            ++doneCount[this.unflag.selector];
            _check("an unhealthy position lost its flag", isHealthy(which, borrower));
        } catch {}
    }

    /// @dev While a market is paused nothing is borrowed in it.
    function pause(uint8 which, bool resume) external {
        if (resume == markets.isBorrowingPaused(idAt(which % 2))) {
            if (resume) markets.resumeBorrowing(params[which % 2]);
            else markets.pauseBorrowing(params[which % 2]);
            ++doneCount[this.pause.selector];
        }
    }

    function payIncome(uint64 assets) external {
        loan.mint(address(this), assets % 1e11);
        loan.approve(address(share), assets % 1e11);
        share.pay(assets % 1e11);
        ++doneCount[this.payIncome.selector];
    }

    function claimIncome(uint8 which, uint8 who) external step(which) {
        address account = _account(who);
        uint256 owedAssets = markets.claimableIncome(params[which % 2], account);
        uint256 hadAssets = loan.balanceOf(account);
        vm.prank(account);
        try markets.claimIncome(params[which % 2], account, account) returns (uint256 assets) {
            _check(
                "another income than claimable",
                assets == owedAssets && loan.balanceOf(account) == hadAssets + assets
            );
            if (assets > 0) ++doneCount[this.claimIncome.selector];
        } catch {
            _check("income refused to a healthy owner", !isHealthy(which, account));
        }
    }

    function repayFromIncome(uint8 which, uint8 who) external step(which) {
        address account = _account(who);
        vm.prank(account);
        (uint256 assets, ) = markets.repayFromIncome(params[which % 2], account);
        if (assets > 0) ++doneCount[this.repayFromIncome.selector];
    }

    /// @dev M28: there and back again, many times, ends with no more than at the start.
    function dust(uint8 which, uint8 who, uint16 amount, uint8 rounds) external step(which) {
        address account = _account(who);
        uint256 hadAssets = loan.balanceOf(account);
        uint256 owedShares = borrowSharesOf(which, account);
        for (uint256 i; i < rounds % 16; ++i) {
            vm.prank(account);
            (, uint256 shares) = markets.supply(params[which % 2], 1 + amount, 0, account, "");
            if (shares == 0) continue;
            vm.prank(account);
            try markets.withdraw(params[which % 2], 0, shares, account, account) {
                ++doneCount[this.dust.selector];
            } catch {}
            vm.prank(account);
            try markets.borrow(params[which % 2], 1 + amount, 0, account, account) {
                vm.prank(account);
                markets.repay(params[which % 2], 1 + amount, 0, account, "");
            } catch {}
        }
        _check("a round trip paid", loan.balanceOf(account) <= hadAssets);
        _check("a round trip repaid", borrowSharesOf(which, account) >= owedShares);
    }

    function movePrice(uint64 price) external {
        seams.setPrice(0.3e36 + (uint256(price) * 0.9e36) / type(uint64).max);
        ++doneCount[this.movePrice.selector];
    }

    function pass(uint32 elapsedSec) external {
        vm.warp(block.timestamp + (elapsedSec % (elapsedSec & 1 == 0 ? 7 days : 5 hours)));
        ++doneCount[this.pass.selector];
    }

    function donate(uint32 assets, uint32 shares) external {
        loan.mint(address(markets), assets);
        share.mint(address(markets), shares);
        donatedAssets += assets;
        donatedShares += shares;
        ++doneCount[this.donate.selector];
    }

    // Views

    function marketAt(uint256 which) public view returns (Market memory) {
        return markets.market(idAt(which));
    }

    function idAt(uint256 which) public view returns (Id) {
        return Id.wrap(keccak256(abi.encode(params[which])));
    }

    function borrowSharesOf(uint8 which, address account) public view returns (uint256 shares) {
        (, shares, ) = markets.position(idAt(which % 2), account);
    }

    function isHealthy(uint8 which, address account) public view returns (bool) {
        (uint256 owedAssets, uint256 maxAssets) = health(which, account);
        return owedAssets <= maxAssets;
    }

    function health(uint8 which, address account) public view returns (uint256 owedAssets, uint256 maxAssets) {
        return _healthAt(which, account, marketAt(which % 2), seams.price());
    }

    function _healthAt(
        uint8 which,
        address account,
        Market memory totals,
        uint256 price
    ) private view returns (uint256 owedAssets, uint256 maxAssets) {
        (, uint256 borrowShares, uint256 collateralShares) = markets.position(idAt(which % 2), account);
        uint256 base = uint256(totals.totalBorrowShares) + 1e6;
        owedAssets = (borrowShares * (uint256(totals.totalBorrowAssets) + 1) + base - 1) / base;
        maxAssets = (((collateralShares * price) / 1e36) * params[which % 2].lltv) / 1e18;
    }

    function _roomAssets(uint8 which, address account) private view returns (uint256) {
        (uint256 owedAssets, uint256 maxAssets) = health(which, account);
        return maxAssets > owedAssets ? maxAssets - owedAssets : 0;
    }

    /// @dev Whatever the token tried in the middle of a verb was refused by the lock.
    function _checkHook() private {
        if (_hookCall.length == 0) return;
        loan.setHook(address(0), "");
        bytes32 word = loan.hookWord();
        if (word == 0) return;
        bool isRefused = bytes4(word) == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
        _check("a verb was entered from inside another", !loan.hookPassed() && isRefused);
        if (isRefused) ++reentryCount;
    }

    function _healths(uint8 which, Market memory totals) private view returns (bool[ACCOUNTS] memory healthy) {
        uint256 price = seams.price();
        for (uint256 i; i < ACCOUNTS; ++i) {
            (uint256 owedAssets, uint256 maxAssets) = _healthAt(which, accounts[i], totals, price);
            healthy[i] = owedAssets <= maxAssets;
        }
    }

    function _flags(uint8 which) private view returns (uint256[ACCOUNTS] memory flags) {
        for (uint256 i; i < ACCOUNTS; ++i) flags[i] = markets.flaggedAt(idAt(which % 2), accounts[i]);
    }

    /// @dev At one price and time no verb, the owner's or another's, makes a healthy position unhealthy. A flag is set
    /// on what is unhealthy, now; it goes from what is healthy; and its clock never starts anew.
    function _checkLoans(
        uint8 which,
        uint256[ACCOUNTS] memory oldFlags,
        bool[ACCOUNTS] memory oldHealths,
        bool[ACCOUNTS] memory healths
    ) private {
        uint256[ACCOUNTS] memory flags = _flags(which);
        for (uint256 i; i < ACCOUNTS; ++i) {
            _check("a verb made a healthy position unhealthy", healths[i] || !oldHealths[i]);
            if (flags[i] == oldFlags[i]) continue;
            if (flags[i] == 0) _check("an unhealthy position lost its flag", healths[i]);
            else if (oldFlags[i] == 0) _check("a healthy one was flagged", !healths[i] && flags[i] == block.timestamp);
            else _check("a flag's clock started anew", false);
        }
    }

    function _ban(address account, bool isBanned) private {
        loan.setBlacklisted(account, isBanned);
        share.setBarred(account, isBanned);
        share.setFrozen(account, isBanned, 0);
    }

    function _check(string memory what, bool holds) private {
        if (!holds && bytes(broken).length == 0) broken = what;
    }

    function _account(uint8 who) private view returns (address) {
        return accounts[who % ACCOUNTS];
    }

    /// @dev An amount of assets, or of shares of about the same worth.
    function _split(uint256 amount, bool inShares) private pure returns (uint256 assets, uint256 shares) {
        if (inShares) shares = amount * 1e6;
        else assets = amount;
    }
}

/// @title The markets' books, whatever is played.
contract MarketsInvariants {
    MarketsPlayer private _player;
    Markets private _markets;

    function setUp() external {
        _player = new MarketsPlayer();
        _markets = _player.markets();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_player);
    }

    function invariant_noStepBrokeARule() external view {
        require(bytes(_player.broken()).length == 0, _player.broken());
    }

    function invariant_M20_theAdaptiveRateStaysBetweenItsCaps() external view {
        AdaptiveRate model = _player.adaptive();
        uint256 rateRay = model.rateAtTargetPerSecondRay(_player.idAt(1));
        assert(rateRay >= model.MIN_RATE_PER_SECOND_RAY() && rateRay <= model.MAX_RATE_PER_SECOND_RAY());
    }

    function invariant_assetsCoverLiabilitiesToTheUnit() external view {
        uint256 liabilities = _markets.incomeBook(address(_player.share())).cashAssets;
        for (uint256 i; i < 2; ++i) {
            Market memory totals = _player.marketAt(i);
            assert(totals.totalBorrowAssets <= totals.totalSupplyAssets);
            liabilities += totals.totalSupplyAssets - totals.totalBorrowAssets;
        }
        uint256 assets = _player.loan().balanceOf(address(_markets)) - _player.donatedAssets();
        // A last repayment that rounds up leaves a unit in the contract that no one is owed.
        assert(assets >= liabilities);
        assert(assets <= liabilities + _played());
    }

    function invariant_positionsAddUpToTheTotals() external view {
        uint256 postedShares;
        for (uint256 i; i < 2; ++i) {
            Market memory totals = _player.marketAt(i);
            (uint256 supplyShares, , ) = _markets.position(_player.idAt(i), _player.feeRecipient());
            uint256 borrowShares;
            for (uint256 j; j < 3; ++j) {
                (uint256 supplied, uint256 borrowed, uint256 posted) = _markets.position(
                    _player.idAt(i),
                    _player.accounts(j)
                );
                assert(borrowed == 0 || posted > 0);
                supplyShares += supplied;
                borrowShares += borrowed;
                postedShares += posted;
            }
            assert(supplyShares == totals.totalSupplyShares && borrowShares == totals.totalBorrowShares);
        }
        MockShare share = _player.share();
        assert(_markets.incomeBook(address(share)).postedShares == postedShares);
        assert(share.balanceOf(address(_markets)) == postedShares + _player.donatedShares());
    }

    function invariant_incomeThatIsOwedIsThere() external view {
        MockShare share = _player.share();
        CollateralIncome.Book memory book = _markets.incomeBook(address(share));
        uint256 owedAssets;
        for (uint256 i; i < 2; ++i) {
            for (uint256 j; j < 3; ++j) owedAssets += _markets.claimableIncome(_params(i), _player.accounts(j));
        }
        uint256 claimableAssets = share.claimableAssets(address(_markets));
        assert(owedAssets <= book.cashAssets + claimableAssets);
        assert(book.unclaimedAssets <= claimableAssets);
    }

    /// @dev A long game, played the same each time: what the invariants above were held against. Its length is what the
    /// runner's memory bears.
    function test_everyVerbSucceedsOften() external {
        uint256 seed = 1;
        for (uint256 i; i < 700; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            _play(seed);
        }
        _expect("supply", MarketsPlayer.supply.selector, 15);
        _expect("withdraw", MarketsPlayer.withdraw.selector, 15);
        _expect("borrow", MarketsPlayer.borrow.selector, 25);
        _expect("repay", MarketsPlayer.repay.selector, 5);
        _expect("supplyCollateral", MarketsPlayer.supplyCollateral.selector, 20);
        _expect("withdrawCollateral", MarketsPlayer.withdrawCollateral.selector, 10);
        _expect("liquidate", MarketsPlayer.liquidate.selector, 8);
        _expect("flag", MarketsPlayer.flag.selector, 5);
        _expect("unflag", MarketsPlayer.unflag.selector, 1);
        _expect("pause", MarketsPlayer.pause.selector, 10);
        _expect("misbehave", MarketsPlayer.misbehave.selector, 15);
        _expect("liquidateIneligible", MarketsPlayer.liquidateIneligible.selector, 15);
        require(_player.reentryCount() >= 200, string.concat("reentry ", Strings.toString(_player.reentryCount())));
        require(_player.fullBonusCount() >= 2, string.concat("full ", Strings.toString(_player.fullBonusCount())));
        _expect("claimIncome", MarketsPlayer.claimIncome.selector, 8);
        _expect("repayFromIncome", MarketsPlayer.repayFromIncome.selector, 4);
        _expect("dust", MarketsPlayer.dust.selector, 150);
        this.invariant_noStepBrokeARule();
        this.invariant_assetsCoverLiabilitiesToTheUnit();
        this.invariant_positionsAddUpToTheTotals();
        this.invariant_incomeThatIsOwedIsThere();
    }

    function _play(uint256 seed) private {
        (uint8 which, uint8 who, uint8 victim) = (uint8(seed >> 8), uint8(seed >> 16), uint8(seed >> 24));
        (uint64 amount, bool flag) = (uint64(seed >> 32), (seed >> 96) & 1 == 1);
        uint256 verb = uint8(seed) % 27;
        if (verb == 0) _player.supply(which, who, amount, flag);
        if (verb == 1) _player.withdraw(which, who, amount, flag);
        if (verb >= 2 && verb <= 5) _player.borrow(which, who, amount, flag);
        if (verb == 6) _player.repay(which, who, amount, flag, who > 200);
        if (verb == 7) _player.supplyCollateral(which, who, amount);
        if (verb == 8) _player.withdrawCollateral(which, who, amount);
        if (verb >= 9 && verb <= 11) _player.liquidate(which, who, victim, amount % 1e10, flag);
        if (verb == 12 || verb == 13) _player.flag(which, who, victim);
        if (verb == 14) _player.unflag(which, who, victim);
        if (verb == 15) _player.pause(which, victim > 60);
        if (verb == 16) _player.payIncome(amount);
        if (verb == 17) _player.claimIncome(which, who);
        if (verb == 18) _player.repayFromIncome(which, who);
        if (verb == 19) _player.dust(which, who, uint16(amount), uint8(seed >> 104));
        if (verb == 20 || verb == 21) _player.movePrice(amount);
        if (verb == 22) _player.pass(uint32(amount));
        if (verb == 24) _player.liquidateIneligible(which, who, victim, amount);
        if (verb == 25) _player.misbehave(which, who, amount, victim);
        if (verb == 26) _player.arm(victim, which, who);
        if (verb == 23) flag ? _player.pass(uint32(amount) | 1) : _player.donate(uint32(amount), victim);
    }

    function _expect(string memory verb, bytes4 selector, uint256 least) private view {
        uint256 doneCount = _player.doneCount(selector);
        require(doneCount >= least, string.concat(verb, " ", Strings.toString(doneCount)));
    }

    /// @dev How many repayments there were: each may leave a unit.
    function _played() private view returns (uint256) {
        return
            _player.doneCount(MarketsPlayer.repay.selector) +
            _player.doneCount(MarketsPlayer.liquidate.selector) +
            _player.doneCount(MarketsPlayer.dust.selector) +
            _player.doneCount(MarketsPlayer.repayFromIncome.selector);
    }

    function _params(uint256 which) private view returns (MarketParams memory params) {
        (params.loanToken, params.collateralToken, params.oracle, params.irm, params.lltv) = _player.params(which);
    }
}
