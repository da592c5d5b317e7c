// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Order} from "../../contracts/exchange/IShareExchange.sol";
import {ShareExchange} from "../../contracts/exchange/ShareExchange.sol";
import {MockShare} from "../../contracts/mocks/MockShare.sol";
import {MockTether} from "../../contracts/mocks/MockTether.sol";
import {MockToken} from "../../contracts/mocks/MockToken.sol";
import {MockValuation} from "../../contracts/mocks/MockValuation.sol";
import {MockWallet} from "../../contracts/mocks/MockWallet.sol";
import {vm} from "./Vm.sol";

/// @title Plays three keys and a wallet on two pairs of tokens with bad habits; every fill is computed anew.
contract ExchangePlayer {
    uint256 private constant MOST = 1e18;
    uint256 private constant ACCOUNTS = 4;
    uint256 private constant WALLET = 3;
    // Orders that are played with: at most as many as the setup makes.
    uint256 private constant NEWEST = 12;

    struct Made {
        Order order;
        bytes signature;
        uint256 pair;
        uint256 filledShares;
        uint256 movedAssets; // what its maker paid or got
        bool isCancelled;
    }

    /// What a fill must move.
    struct Legs {
        address seller;
        address sharesTo;
        address payer;
        address assetsTo;
        uint256 shares;
        uint256 priceAssets;
        uint256 accruedAssets;
        uint256 feeAssets;
    }

    ShareExchange public immutable exchange;
    MockValuation public immutable valuation;
    MockToken public immutable coin;
    MockToken public immutable paper;
    address public immutable treasury = address(0xFEE5);
    IERC20[2] public shareTokens;
    IERC20[2] public assets;
    address[ACCOUNTS + 1] public accounts; // the treasury last
    uint256[2] public donatedShares;
    uint256[2] public donatedAssets;
    mapping(bytes32 verb => uint256) public doneCount;
    /// @notice The first thing that went wrong in a step; the runner ignores steps that revert, so it is kept.
    string public broken;
    Made[] private _made;
    uint256[3] private _sells;
    mapping(address maker => uint256) private _minNonce;
    bool private _isCalm = true;
    int256[5][2] private _shares;
    int256[5][2] private _cash;

    constructor() {
        valuation = new MockValuation();
        exchange = new ShareExchange(address(new AccessManager(address(this))), valuation, treasury);
        coin = new MockToken(6);
        paper = new MockToken(6);
        (shareTokens[0], assets[0]) = (new MockShare(coin, 6), coin);
        (shareTokens[1], assets[1]) = (paper, IERC20(address(new MockTether())));
        for (uint256 i; i < WALLET; ++i) accounts[i] = vm.addr(i + 1);
        accounts[WALLET] = address(new MockWallet());
        accounts[ACCOUNTS] = treasury;
        for (uint256 i; i < ACCOUNTS; ++i) {
            for (uint256 pair; pair < 2; ++pair) {
                _fund(shareTokens[pair], accounts[i]);
                _fund(assets[pair], accounts[i]);
            }
        }
    }

    // Orders

    function make(uint8 who, uint8 whom, bool isSell, uint256 seed) external {
        uint256 pair = seed % 2;
        Order memory order = Order({
            maker: _account(who),
            taker: seed % 11 == 0 ? _account(whom) : address(0),
            shareToken: address(shareTokens[pair]),
            asset: address(assets[pair]),
            isSell: isSell,
            shares: 1 + ((seed >> 8) % (seed % 3 == 0 ? 30 : 1e9)),
            assets: 0,
            maxAccruedAssets: seed % 4 == 0 ? 0 : (seed >> 40) % 1e8,
            maxFeeBps: uint16(seed % 7 == 0 ? (seed >> 72) % 100 : 100),
            expiresAt: uint64(block.timestamp + ((seed >> 80) % 30 days)),
            nonce: _minNonce[_account(who)] + ((seed >> 112) % 3),
            salt: bytes32(_made.length)
        });
        // Around par, and where a buyer offers a little more it crosses.
        order.assets = (order.shares * (isSell ? 900 + ((seed >> 128) % 150) : 1000 + ((seed >> 128) % 150))) / 1000;
        Made storage made = _made.push();
        made.pair = pair;
        made.order = order;
        made.signature = _sign(who, exchange.hashOf(order));
        ++doneCount["make"];
    }

    /// @dev A cancelled order stays so.
    function cancel(uint256 which) external {
        Made storage made = _at(which);
        Order memory order = made.order;
        vm.prank(order.maker);
        exchange.cancel(order);
        made.isCancelled = true;
        ++doneCount["cancel"];
    }

    function cancelBelow(uint8 who, uint8 step) external {
        address maker = _account(who);
        vm.prank(maker);
        try exchange.cancelBelow(_minNonce[maker] + (step % 3)) {
            _minNonce[maker] += step % 3;
            _check("a nonce that stays", step % 3 != 0);
            ++doneCount["cancelBelow"];
        } catch {
            _check("a nonce forward was refused", step % 3 == 0);
        }
    }

    // Fills

    function fill(uint256 which, uint8 who, uint8 whom, uint256 amount) external {
        Made storage made = _at(which);
        Order memory order = made.order;
        (address taker, address receiver) = (_account(who), _account(whom));
        uint256 shares = 1 + (amount % (order.shares + order.shares / 8));
        Legs memory legs = _legsOf(order, shares, taker, receiver);
        uint256 due = legs.priceAssets + legs.accruedAssets - (order.isSell ? 0 : legs.feeAssets);
        // One in eight limits is a unit too tight.
        bool isTight = amount % 8 == 0 && due != 0;
        uint256 limit = order.isSell ? due - (isTight ? 1 : 0) : due + (isTight ? 1 : 0);
        bool mustPass = _isCalm && !isTight && _isLive(made, taker) && shares <= order.shares - made.filledShares;
        mustPass = mustPass && legs.seller != legs.sharesTo && legs.payer != legs.assetsTo;
        if (amount % 3 == 0) _standBy(made);
        (bytes memory signature, bool isSigned) = (made.signature, _isSigned(made));

        _note(made.pair);
        vm.prank(taker);
        try exchange.fill(order, signature, shares, limit, receiver) returns (uint256 paid) {
            _check("beyond the taker's limit", !isTight && paid == due);
            _check("not signed", isSigned);
            _count(made, legs, taker);
            _checkMoved(made.pair, legs);
            ++doneCount["fill"];
        } catch {
            _check("a fill was refused", !mustPass || !isSigned);
        }
    }

    function settle(uint256 which, uint256 other, uint256 amount) external {
        (Made storage sell, Made storage buy) = _pairOf(which, other);
        uint256 shares = 1 + (amount % (sell.order.shares + 1));
        if (amount % 3 != 0) _standBy(amount % 3 == 1 ? sell : buy);
        Legs memory legs = _legsOf(sell.order, shares, buy.order.maker, buy.order.maker);
        (ShareExchange.Match memory pair, bool isSigned) = (_matchOf(sell, buy, shares), _areSigned(sell, buy));
        _note(sell.pair);
        try exchange.settle(pair.sell, pair.sellSignature, pair.buy, pair.buySignature, shares) returns (uint256) {
            _check("not signed", isSigned);
            _countPair(sell, buy, legs);
            _checkMoved(sell.pair, legs);
            ++doneCount["settle"];
        } catch {
            ++doneCount["settleRefused"];
        }
    }

    /// @dev Up to three sell orders, each against a buy order, which may be the same; what was settled is told by what
    /// is filled.
    function settleMany(uint256 which, uint256 other, uint256 amount, bool all) external {
        uint256 count = _findSells(which);
        ShareExchange.Match[] memory matches = new ShareExchange.Match[](count);
        for (uint256 i; i < count; ++i) {
            (Made storage sell, Made storage buy) = (_made[_sells[i]], _buyOf(_made[_sells[i]], other + i / 2));
            matches[i] = _matchOf(sell, buy, 1 + (amount % (sell.order.shares + 1)));
        }
        try exchange.settleMany(matches, all ? 0 : 3) returns (uint256 settledCount) {
            _check("fewer than all", !all || settledCount == count);
            doneCount["settleMany"] += settledCount;
            uint256 countedCount;
            for (uint256 i; i < count; ++i) {
                (Made storage sell, Made storage buy) = (_made[_sells[i]], _buyOf(_made[_sells[i]], other + i / 2));
                if (exchange.filledShares(exchange.hashOf(sell.order)) == sell.filledShares) continue;
                ++countedCount;
                _check("not signed", _areSigned(sell, buy));
                _countPair(sell, buy, _legsOf(sell.order, matches[i].fillShares, buy.order.maker, buy.order.maker));
            }
            _check("other matches than told", countedCount == settledCount);
        } catch {
            _check("skipping reverted", all);
        }
    }

    /// @dev One field is another than what was signed, or another's signature is used.
    function forge(uint256 which, uint256 field, uint8 who) external {
        Made storage made = _at(which);
        Order memory order = made.order;
        field = field % 8;
        if (field == 0) order.assets = order.isSell ? order.assets / 2 : order.assets * 2 + 1;
        if (field == 1) order.shares = order.shares * 2;
        if (field == 2) order.maxAccruedAssets = order.maxAccruedAssets + 1;
        if (field == 3) order.expiresAt = order.expiresAt + 1;
        if (field == 4) order.maker = _account(uint8(uint160(order.maker) % 5) + 1);
        if (field == 5) order.isSell = !order.isSell;
        if (field == 6) order.maxFeeBps = order.maxFeeBps + 1;
        if (field == 7) order.salt = ~order.salt;
        if (exchange.hashOf(order) == exchange.hashOf(made.order)) return;
        address taker = _account(who);
        uint256 limit = order.isSell ? type(uint256).max : 0;
        bytes memory signature = made.signature;
        vm.prank(taker);
        try exchange.fill(order, signature, 1, limit, taker) {
            _check("a forged order was filled", false);
        } catch {
            ++doneCount["forge"];
        }
    }

    /// @dev M28: in many pieces a taker pays no less, and gets no more, than by one fill.
    function dust(uint256 which, uint8 who, uint8 pieces) external {
        Made storage made = _at(which);
        Order memory order = made.order;
        uint256 count = 1 + (pieces % 16);
        Legs memory whole = _legsOf(order, count, _account(who), _account(who));
        Legs memory sum = _legsOf(order, 0, _account(who), _account(who));
        for (uint256 i; i < count; ++i) {
            (uint256 price, uint256 accrued, uint256 fee) = exchange.quote(order, 1);
            (sum.priceAssets, sum.accruedAssets) = (sum.priceAssets + price, sum.accruedAssets + accrued);
            sum.feeAssets += fee;
        }
        (uint256 pieced, uint256 once) = (sum.priceAssets + sum.accruedAssets, whole.priceAssets + whole.accruedAssets);
        _check("pieces gain", order.isSell ? pieced >= once : pieced <= once);
        _check("pieces cost more fee", sum.feeAssets <= whole.feeAssets || !order.isSell || pieced > once);
        ++doneCount["dust"];
    }

    // The world

    /// @dev Fees on transfer, blacklists, pauses, false for a revert, and hooks that come back into the exchange.
    function misbehave(uint8 what, uint8 who, uint256 which, bool isPaper) external {
        MockToken token = isPaper ? paper : coin;
        _calm(token);
        _isCalm = false;
        if (what % 6 == 0) token.setFee(1 + (which % 1000));
        if (what % 6 == 1) token.setBlacklisted(_account(who), true);
        if (what % 6 == 2) token.setReturnsFalse(true);
        if (what % 6 == 3) token.setPaused(true);
        if (what % 6 == 4) {
            Made storage made = _at(which);
            token.setHook(
                address(exchange),
                abi.encodeCall(exchange.fill, (made.order, made.signature, 1, 0, address(token)))
            );
        }
        if (what % 6 == 5) {
            (Made storage sell, Made storage buy) = _pairOf(which, uint256(who) + 1);
            token.setHook(
                address(exchange),
                abi.encodeCall(exchange.settle, (sell.order, sell.signature, buy.order, buy.signature, 1))
            );
        }
        ++doneCount["misbehave"];
    }

    function behave() external {
        _calm(coin);
        _calm(paper);
        _isCalm = true;
    }

    /// @dev The valuation, or the facility that it asks, may say anything.
    function accrue(uint256 perShareWad, bool isLie) external {
        address token = address(shareTokens[perShareWad % 2]);
        valuation.setAccrued(token, isLie ? perShareWad >> 128 : perShareWad % 0.05e18);
        ++doneCount["accrue"];
    }

    function setFee(uint16 feeBps) external {
        exchange.setFee(feeBps % 101);
    }

    function revokeSignature() external {
        MockWallet(accounts[WALLET]).accept(0);
    }

    function pass(uint32 elapsedSec) external {
        vm.warp(block.timestamp + (elapsedSec % 2 days));
    }

    function donate(uint64 amount, uint8 which) external {
        if (!_isCalm) return;
        uint256 pair = which % 2;
        _mint(shareTokens[pair], address(exchange), amount);
        _mint(assets[pair], address(exchange), amount);
        donatedShares[pair] += amount;
        donatedAssets[pair] += amount;
        ++doneCount["donate"];
    }

    // Views

    function madeCount() external view returns (uint256) {
        return _made.length;
    }

    function madeAt(uint256 which) external view returns (Made memory) {
        return _made[which];
    }

    // Internal

    function _fund(IERC20 token, address account) private {
        _mint(token, account, MOST);
        vm.prank(account);
        MockTether(address(token)).approve(address(exchange), type(uint256).max); // returns nothing or true
    }

    function _mint(IERC20 token, address account, uint256 amount) private {
        MockTether(address(token)).mint(account, amount);
    }

    function _calm(MockToken token) private {
        token.setFee(0);
        for (uint256 i; i < ACCOUNTS; ++i) token.setBlacklisted(accounts[i], false);
        token.setReturnsFalse(false);
        token.setPaused(false);
        token.setHook(address(0), "");
    }

    function _sign(uint8 who, bytes32 digest) private returns (bytes memory) {
        if (who % ACCOUNTS == WALLET) {
            MockWallet(accounts[WALLET]).accept(digest);
            return "";
        }
        (uint8 v, bytes32 r, bytes32 s) = vm.sign((who % ACCOUNTS) + 1, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev The wallet signs an order again.
    function _standBy(Made storage made) private {
        if (made.order.maker == accounts[WALLET]) MockWallet(accounts[WALLET]).accept(exchange.hashOf(made.order));
    }

    /// @dev The wallet stands by one order at a time.
    function _isSigned(Made storage made) private view returns (bool) {
        if (made.order.maker != accounts[WALLET]) return true;
        return MockWallet(accounts[WALLET]).acceptedDigest() == exchange.hashOf(made.order);
    }

    function _areSigned(Made storage one, Made storage two) private view returns (bool) {
        return _isSigned(one) && _isSigned(two);
    }

    function _isLive(Made storage made, address taker) private view returns (bool) {
        Order memory order = made.order;
        if (made.isCancelled || order.nonce < _minNonce[order.maker] || block.timestamp > order.expiresAt) return false;
        return (order.taker == address(0) || order.taker == taker) && exchange.feeBps() <= order.maxFeeBps;
    }

    /// @dev Price, interest and fee by schoolbook arithmetic.
    function _legsOf(
        Order memory order,
        uint256 shares,
        address taker,
        address receiver
    ) private view returns (Legs memory legs) {
        legs.shares = shares;
        uint256 accrued = (order.shares * valuation.accruedPerShareWad(order.shareToken)) / 1e18;
        if (accrued > order.maxAccruedAssets) accrued = order.maxAccruedAssets;
        uint256 up = order.isSell ? order.shares - 1 : 0;
        legs.priceAssets = (order.assets * shares + up) / order.shares;
        legs.accruedAssets = (accrued * shares + up) / order.shares;
        legs.feeAssets = (legs.priceAssets * exchange.feeBps()) / 10_000;
        (legs.seller, legs.sharesTo) = order.isSell ? (order.maker, receiver) : (taker, order.maker);
        (legs.payer, legs.assetsTo) = order.isSell ? (taker, order.maker) : (order.maker, receiver);
    }

    function _countPair(Made storage sell, Made storage buy, Legs memory legs) private {
        Order memory order = buy.order;
        uint256 most = (order.assets * legs.shares) / order.shares;
        uint256 accrued = (order.shares * valuation.accruedPerShareWad(order.shareToken)) / 1e18;
        if (accrued > order.maxAccruedAssets) accrued = order.maxAccruedAssets;
        most += (accrued * legs.shares) / order.shares;
        _check("a buyer paid beyond its order", legs.priceAssets + legs.accruedAssets <= most);
        _count(sell, legs, order.maker);
        _count(buy, legs, sell.order.maker);
    }

    /// @dev Of the order's whole life: what its maker signed, and when it was good.
    function _count(Made storage made, Legs memory legs, address taker) private {
        _check("a dead order was filled", _isLive(made, taker));
        Order memory order = made.order;
        made.filledShares += legs.shares;
        _check("more than all was filled", made.filledShares <= order.shares);
        if (order.isSell) {
            made.movedAssets += legs.priceAssets - legs.feeAssets;
            _check(
                "a seller got less than it signed for",
                made.movedAssets * order.shares * 10_000 >=
                    order.assets * made.filledShares * (10_000 - order.maxFeeBps)
            );
        } else {
            made.movedAssets += legs.priceAssets + legs.accruedAssets;
            _check(
                "a buyer paid more than it signed for",
                made.movedAssets * order.shares <= (order.assets + order.maxAccruedAssets) * made.filledShares
            );
        }
    }

    function _note(uint256 pair) private {
        for (uint256 i; i <= ACCOUNTS; ++i) {
            _shares[pair][i] = int256(shareTokens[pair].balanceOf(accounts[i]));
            _cash[pair][i] = int256(assets[pair].balanceOf(accounts[i]));
        }
    }

    /// @dev Every account has what it had, and the legs.
    function _checkMoved(uint256 pair, Legs memory legs) private {
        int256 due = int256(legs.priceAssets + legs.accruedAssets);
        for (uint256 i; i <= ACCOUNTS; ++i) {
            address account = accounts[i];
            int256 shares = int256(shareTokens[pair].balanceOf(account)) - _shares[pair][i];
            int256 cash = int256(assets[pair].balanceOf(account)) - _cash[pair][i];
            if (account == legs.seller) shares += int256(legs.shares);
            if (account == legs.sharesTo) shares -= int256(legs.shares);
            if (account == legs.payer) cash += due;
            if (account == legs.assetsTo) cash -= due - int256(legs.feeAssets);
            if (account == treasury) cash -= int256(legs.feeAssets);
            _check("other shares moved", shares == 0);
            _check("other money moved", cash == 0);
        }
    }

    function _check(string memory what, bool holds) private {
        if (!holds && bytes(broken).length == 0) broken = what;
    }

    function _account(uint8 who) private view returns (address) {
        return accounts[who % ACCOUNTS];
    }

    /// @dev One of the newest orders, so that some are alive.
    function _at(uint256 which) private view returns (Made storage) {
        return _made[_made.length - 1 - (which % NEWEST)];
    }

    /// @dev A sell and a buy order of one pair where there are such among the newest.
    function _pairOf(uint256 which, uint256 other) private view returns (Made storage sell, Made storage buy) {
        sell = _at(which);
        for (uint256 i; i < NEWEST && !sell.order.isSell; ++i) sell = _at(which + i);
        buy = _buyOf(sell, other);
    }

    function _buyOf(Made storage sell, uint256 other) private view returns (Made storage buy) {
        buy = _at(other);
        for (uint256 i; i < NEWEST && (buy.order.isSell || buy.pair != sell.pair); ++i) buy = _at(other + i);
    }

    /// @dev Different sell orders among the newest.
    function _findSells(uint256 which) private returns (uint256 count) {
        for (uint256 i; i < NEWEST && count < 3; ++i) {
            uint256 found = _made.length - 1 - ((which + i) % NEWEST);
            if (_made[found].order.isSell) _sells[count++] = found;
        }
    }

    function _matchOf(
        Made storage sell,
        Made storage buy,
        uint256 shares
    ) private view returns (ShareExchange.Match memory) {
        return ShareExchange.Match(sell.order, sell.signature, buy.order, buy.signature, shares);
    }
}

/// @title The exchange's promises, whatever is played.
contract ExchangeInvariants {
    ExchangePlayer private _player;
    ShareExchange private _exchange;

    function setUp() external {
        _player = new ExchangePlayer();
        _exchange = _player.exchange();
        for (uint256 i; i < 12; ++i) {
            _player.make(uint8(i), uint8(i + 1), i % 2 == 0, uint256(keccak256(abi.encode(i))));
        }
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_player);
    }

    function invariant_noStepBrokeARule() external view {
        require(bytes(_player.broken()).length == 0, _player.broken());
    }

    function invariant_theExchangeHoldsNothing() external view {
        for (uint256 pair; pair < 2; ++pair) {
            assert(_player.shareTokens(pair).balanceOf(address(_exchange)) == _player.donatedShares(pair));
            assert(_player.assets(pair).balanceOf(address(_exchange)) == _player.donatedAssets(pair));
        }
    }

    /// @dev What the accounts, the treasury and the exchange have is all there is.
    function invariant_nothingIsLost() external view {
        for (uint256 pair; pair < 2; ++pair) {
            uint256 shares = _player.donatedShares(pair);
            uint256 cash = _player.donatedAssets(pair);
            for (uint256 i; i < 5; ++i) {
                shares += _player.shareTokens(pair).balanceOf(_player.accounts(i));
                cash += _player.assets(pair).balanceOf(_player.accounts(i));
            }
            assert(shares == 4e18 + _player.donatedShares(pair));
            assert(cash == 4e18 + _player.donatedAssets(pair));
        }
    }

    function invariant_filledIsWhatWasSeen() external view {
        uint256 count = _player.madeCount();
        for (uint256 i = count > 20 ? count - 20 : 0; i < count; ++i) {
            ExchangePlayer.Made memory made = _player.madeAt(i);
            bytes32 orderHash = _exchange.hashOf(made.order);
            assert(_exchange.filledShares(orderHash) == made.filledShares);
            assert(made.filledShares <= made.order.shares);
            assert(_exchange.isCancelled(orderHash) == made.isCancelled);
        }
    }

    /// @dev A long game, played the same each time: what the invariants above were held against.
    function test_everyVerbSucceedsOften() external {
        uint256 seed = 1;
        for (uint256 i; i < 4000; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            _play(seed);
        }
        _expect("make", 700);
        _expect("fill", 200);
        _expect("settle", 45);
        _expect("settleMany", 35);
        _expect("cancel", 40);
        _expect("cancelBelow", 30);
        _expect("forge", 200);
        _expect("dust", 100);
        _expect("misbehave", 100);
        this.invariant_noStepBrokeARule();
        this.invariant_theExchangeHoldsNothing();
        this.invariant_nothingIsLost();
        this.invariant_filledIsWhatWasSeen();
    }

    function _play(uint256 seed) private {
        (uint8 who, uint8 whom, bool flag) = (uint8(seed >> 8), uint8(seed >> 16), (seed >> 24) & 1 == 1);
        (uint256 which, uint256 other, uint256 amount) = (uint8(seed >> 32), uint8(seed >> 40), seed >> 48);
        uint256 verb = uint8(seed) % 32;
        if (verb < 6) _player.make(who, whom, flag, amount);
        if (verb >= 6 && verb < 14) _player.fill(which, who, whom, amount);
        if (verb >= 14 && verb < 18) _player.settle(which, other, amount);
        if (verb == 18 || verb == 19) _player.settleMany(which, other, amount, flag);
        if (verb == 20 || verb == 21) _player.forge(which, other, who);
        if (verb == 22) _player.dust(which, who, whom);
        if (verb == 23) _player.misbehave(who, whom, which, flag);
        if (verb >= 24 && verb < 27) _player.behave();
        if (verb == 27) _player.accrue(seed, flag && who % 4 == 0);
        if (verb == 28) flag ? _player.cancelBelow(who, whom) : _player.setFee(uint16(whom));
        if (verb == 29) flag ? _player.cancel(which) : _player.donate(uint64(amount), who);
        if (verb == 30) _player.pass(uint32(amount));
        if (verb == 31) _player.revokeSignature();
    }

    function _expect(string memory verb, uint256 least) private view {
        uint256 doneCount = _player.doneCount(bytes32(bytes(verb)));
        require(doneCount >= least, string.concat(verb, " ", Strings.toString(doneCount)));
    }
}
