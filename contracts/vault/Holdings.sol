// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IShareExchange, Order} from "../exchange/IShareExchange.sol";
import {BPS, mulDivDown, mulDivUp} from "../units.sol";
import {ClassValue, IValuation} from "../valuation/IValuation.sol";
import {IHeldClass, IHeldFacility, IVaultHoldings} from "./IHolding.sol";

/// @title The classes that the vault may hold: at most 16, with a cap per facility, and what they are worth. Its verbs
/// run as the vault.
///
/// - Shares count as far as they were bought, subscribed and not sold: what is sent here changes nothing but who earns
///   its income. Fewer are counted where fewer are there (a forced transfer).
/// - A class that is not held has no value and needs none; the income it still owes counts until it is claimed.
/// - What was paid and what was delivered is what balances changed by, whatever the other side says. Allowances are
///   given for one call and taken back.
library Holdings {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// One class.
    struct Holding {
        address facility;
        uint88 classIndex;
        bool isListed;
        uint128 shares;
    }

    struct Portfolio {
        address[] tokens; // of the listed classes
        mapping(address classToken => Holding) holdings;
        mapping(address facility => uint256) capAssets;
        uint128 lossDayIndex; // the UTC day that sales last lost on
        uint128 lossAssets; // on it
    }

    /// Where it trades.
    struct Places {
        IERC20 asset;
        IValuation valuation;
        IShareExchange exchange;
        uint256 maxDiscountBps;
        uint256 maxLossAssets; // of the sales of a day
    }

    /// For who leaves and for who comes; may be acted on if `staleToken` is zero.
    struct Worth {
        uint256 exitAssets;
        uint256 entryAssets;
        address staleToken;
    }

    uint256 private constant MAX_CLASSES = 16;
    uint256 private constant DAY_SEC = 1 days;

    // Admin

    /// @notice See `IncomeVault.list`. Shares that are held from an earlier listing count again.
    function list(
        Portfolio storage portfolio,
        Places calldata places,
        address facility,
        uint256 classIndex,
        uint256 capAssets
    ) external {
        address asset = IHeldFacility(facility).asset();
        require(asset == address(places.asset), IVaultHoldings.Vault_OtherAsset(facility, asset));
        address token = IHeldFacility(facility).classToken(classIndex);
        Holding storage holding = portfolio.holdings[token];
        require(!holding.isListed, IVaultHoldings.Vault_Listed(token));
        uint256 count = portfolio.tokens.length;
        require(count < MAX_CLASSES, IVaultHoldings.Vault_TooManyClasses(count));
        // Only of classes that have one is a value asked for ever after.
        places.valuation.classValue(facility, classIndex);
        (holding.facility, holding.classIndex, holding.isListed) = (facility, uint88(classIndex), true);
        portfolio.tokens.push(token);
        emit IVaultHoldings.ClassListed(facility, classIndex, token);
        uint256 oldAssets = portfolio.capAssets[facility];
        require(capAssets >= oldAssets, IVaultHoldings.Vault_CapNotHigher(facility, oldAssets, capAssets));
        _setCap(portfolio, facility, capAssets);
    }

    /// @notice See `IncomeVault.raiseCap`.
    function raiseCap(Portfolio storage portfolio, address facility, uint256 capAssets) external {
        uint256 oldAssets = portfolio.capAssets[facility];
        require(capAssets > oldAssets, IVaultHoldings.Vault_CapNotHigher(facility, oldAssets, capAssets));
        _setCap(portfolio, facility, capAssets);
    }

    /// @notice See `IncomeVault.lowerCap`.
    function lowerCap(Portfolio storage portfolio, address facility, uint256 capAssets) external {
        uint256 oldAssets = portfolio.capAssets[facility];
        require(capAssets < oldAssets, IVaultHoldings.Vault_CapNotLower(facility, oldAssets, capAssets));
        _setCap(portfolio, facility, capAssets);
    }

    /// @notice See `IncomeVault.closeClass`.
    function close(Portfolio storage portfolio, Places calldata places, address token) external {
        Holding storage holding = _listed(portfolio, token);
        (ClassValue memory value, uint256 shares) = _valueOf(holding, places.valuation, token);
        uint256 claimableAssets = IHeldClass(token).claimableAssets(address(this));
        bool isWorthless = shares == 0 || (value.entryAssets == 0 && value.isUsable());
        require(isWorthless && claimableAssets == 0, IVaultHoldings.Vault_StillHeld(token, shares, claimableAssets));
        holding.isListed = false;
        address[] storage tokens = portfolio.tokens;
        uint256 last = tokens.length - 1;
        for (uint256 i = 0; i < last; ++i) {
            if (tokens[i] == token) tokens[i] = tokens[last];
        }
        tokens.pop();
        emit IVaultHoldings.ClassClosed(token);
    }

    // Trade

    /// @notice See `IncomeVault.subscribe`.
    function subscribe(
        Portfolio storage portfolio,
        Places calldata places,
        address token,
        uint256 askedAssets
    ) external returns (uint256 assets) {
        Holding storage holding = _listed(portfolio, token);
        uint256 hadShares = _held(token);
        uint256 hadAssets = _held(address(places.asset));
        places.asset.forceApprove(holding.facility, askedAssets);
        IHeldFacility(holding.facility).subscribe(holding.classIndex, askedAssets);
        places.asset.forceApprove(holding.facility, 0);
        uint256 shares = _held(token) - hadShares;
        assets = hadAssets - _held(address(places.asset));
        _bought(portfolio, places, token, shares, assets, _mostFor(holding, places, token, shares));
    }

    /// @notice See `IncomeVault.buy`.
    function buy(
        Portfolio storage portfolio,
        Places calldata places,
        Order calldata order,
        bytes calldata signature,
        uint256 askedShares,
        uint256 maxAssets
    ) external returns (uint256 assets) {
        address token = order.shareToken;
        Holding storage holding = _ordered(portfolio, places, order, true);
        maxAssets = Math.min(maxAssets, _mostFor(holding, places, token, askedShares));
        uint256 hadShares = _held(token);
        uint256 hadAssets = _held(address(places.asset));
        places.asset.forceApprove(address(places.exchange), maxAssets);
        places.exchange.fill(order, signature, askedShares, maxAssets, address(this));
        places.asset.forceApprove(address(places.exchange), 0);
        uint256 shares = _held(token) - hadShares;
        assets = hadAssets - _held(address(places.asset));
        require(shares == askedShares, IVaultHoldings.Vault_WrongShares(token, askedShares, shares));
        _bought(portfolio, places, token, shares, assets, maxAssets);
    }

    /// @notice See `IncomeVault.sell`.
    function sell(
        Portfolio storage portfolio,
        Places calldata places,
        Order calldata order,
        bytes calldata signature,
        uint256 askedShares,
        uint256 minAssets
    ) external returns (uint256 assets) {
        address token = order.shareToken;
        Holding storage holding = _ordered(portfolio, places, order, false);
        uint256 heldShares = holding.shares;
        require(askedShares <= heldShares, IVaultHoldings.Vault_NotHeld(token, askedShares, heldShares));
        minAssets = Math.max(minAssets, _leastFor(holding, places, token, askedShares));
        uint256 hadShares = _held(token);
        uint256 hadAssets = _held(address(places.asset));
        IERC20(token).forceApprove(address(places.exchange), askedShares);
        places.exchange.fill(order, signature, askedShares, minAssets, address(this));
        IERC20(token).forceApprove(address(places.exchange), 0);
        uint256 shares = hadShares - _held(token);
        assets = _held(address(places.asset)) - hadAssets;
        require(shares == askedShares, IVaultHoldings.Vault_WrongShares(token, askedShares, shares));
        require(assets >= minAssets, IVaultHoldings.Vault_PriceBelow(token, assets, minAssets));
        _sold(portfolio, places, token, shares, assets);
    }

    /// @notice See `IncomeVault.refund`.
    function refund(
        Portfolio storage portfolio,
        Places calldata places,
        address facility
    ) external returns (uint256 assets) {
        uint256 hadAssets = _held(address(places.asset));
        IHeldFacility(facility).refund(address(this));
        assets = _held(address(places.asset)) - hadAssets;
        bool isHeld;
        uint256 count = portfolio.tokens.length;
        for (uint256 i = 0; i < count; ++i) {
            address token = portfolio.tokens[i];
            Holding storage holding = portfolio.holdings[token];
            if (holding.facility != facility) continue;
            isHeld = true;
            holding.shares = uint128(Math.min(holding.shares, _held(token)));
        }
        // A stranger would book a donation as cash.
        require(isHeld, IVaultHoldings.Vault_NotListed(facility));
        emit IVaultHoldings.RaiseRefunded(facility, assets);
    }

    /// @notice See `IncomeVault.claimIncome`.
    function claim(
        Portfolio storage portfolio,
        Places calldata places,
        address token
    ) external returns (uint256 assets) {
        _listed(portfolio, token);
        uint256 hadAssets = _held(address(places.asset));
        IHeldClass(token).claim(address(this));
        assets = _held(address(places.asset)) - hadAssets;
        emit IVaultHoldings.IncomeClaimed(token, assets);
    }

    // Views

    /// @notice What all that is held is worth, with the income it owes. Where the valuation does not answer (in the
    /// middle of a facility's own call) it reverts, or counts the class as stale and worth nothing if that `maySkip`.
    function worth(
        Portfolio storage portfolio,
        IValuation valuation,
        bool maySkip
    ) external view returns (Worth memory sum) {
        uint256 count = portfolio.tokens.length;
        for (uint256 i = 0; i < count; ++i) {
            address token = portfolio.tokens[i];
            Holding storage holding = portfolio.holdings[token];
            if (maySkip && holding.shares > 0 && !_answers(holding, valuation)) {
                sum.staleToken = token;
                return sum;
            }
            (ClassValue memory value, uint256 shares) = _valueOf(holding, valuation, token);
            if (shares > 0 && !value.isUsable()) sum.staleToken = token;
            uint256 incomeAssets = IHeldClass(token).claimableAssets(address(this));
            sum.exitAssets += incomeAssets + value.exitAssets;
            sum.entryAssets += incomeAssets + value.entryAssets;
        }
    }

    // Internal

    function _setCap(Portfolio storage portfolio, address facility, uint256 capAssets) private {
        portfolio.capAssets[facility] = capAssets;
        emit IVaultHoldings.CapSet(facility, capAssets);
    }

    /// @dev Books what was bought, at a price that was not above the entry value, within the facility's cap.
    function _bought(
        Portfolio storage portfolio,
        Places calldata places,
        address token,
        uint256 shares,
        uint256 assets,
        uint256 maxAssets
    ) private {
        require(assets <= maxAssets, IVaultHoldings.Vault_PriceAbove(token, assets, maxAssets));
        Holding storage holding = portfolio.holdings[token];
        holding.shares = (holding.shares + shares).toUint128();
        uint256 entryAssets = _entryOf(portfolio, places.valuation, holding.facility);
        uint256 capAssets = portfolio.capAssets[holding.facility];
        require(entryAssets <= capAssets, IVaultHoldings.Vault_OverCap(holding.facility, entryAssets, capAssets));
        emit IVaultHoldings.ClassBought(token, shares, assets);
    }

    /// @dev Books what was sold, and counts what it brought less than its entry value: so nobody trades the vault's
    /// money away by turns, each within its price.
    function _sold(
        Portfolio storage portfolio,
        Places calldata places,
        address token,
        uint256 shares,
        uint256 assets
    ) private {
        Holding storage holding = portfolio.holdings[token];
        holding.shares -= uint128(shares);
        uint256 dayIndex = block.timestamp / DAY_SEC;
        uint256 lossAssets = Math.saturatingSub(_mostFor(holding, places, token, shares), assets);
        if (dayIndex == portfolio.lossDayIndex) lossAssets += portfolio.lossAssets;
        uint256 maxAssets = places.maxLossAssets;
        require(lossAssets <= maxAssets, IVaultHoldings.Vault_DailyLossExceeded(lossAssets, maxAssets));
        (portfolio.lossDayIndex, portfolio.lossAssets) = (uint128(dayIndex), lossAssets.toUint128());
        emit IVaultHoldings.ClassSold(token, shares, assets);
    }

    function _listed(Portfolio storage portfolio, address token) private view returns (Holding storage holding) {
        holding = portfolio.holdings[token];
        require(holding.isListed, IVaultHoldings.Vault_NotListed(token));
    }

    function _answers(Holding storage holding, IValuation valuation) private view returns (bool) {
        try valuation.classValue(holding.facility, holding.classIndex) returns (ClassValue memory) {
            return true;
        } catch {
            return false;
        }
    }

    /// @dev The class of an order that the vault may take.
    function _ordered(
        Portfolio storage portfolio,
        Places calldata places,
        Order calldata order,
        bool isSell
    ) private view returns (Holding storage) {
        bool isFit = order.asset == address(places.asset) && order.isSell == isSell;
        require(isFit, IVaultHoldings.Vault_WrongOrder(order.shareToken, order.asset, order.isSell));
        return _listed(portfolio, order.shareToken);
    }

    function _held(address token) private view returns (uint256) {
        return IERC20(token).balanceOf(address(this));
    }

    /// @dev What is held of a facility is worth at entry.
    function _entryOf(
        Portfolio storage portfolio,
        IValuation valuation,
        address facility
    ) private view returns (uint256 entryAssets) {
        uint256 count = portfolio.tokens.length;
        for (uint256 i = 0; i < count; ++i) {
            address token = portfolio.tokens[i];
            Holding storage holding = portfolio.holdings[token];
            if (holding.facility != facility) continue;
            (ClassValue memory value, ) = _valueOf(holding, valuation, token);
            entryAssets += value.entryAssets;
        }
    }

    /// @dev What the shares held of a class are worth, both figures rounded down, and how many they are; no value is
    /// asked for without shares.
    function _valueOf(
        Holding storage holding,
        IValuation valuation,
        address token
    ) private view returns (ClassValue memory value, uint256 shares) {
        shares = holding.shares;
        if (shares > 0) shares = Math.min(shares, _held(token));
        if (shares == 0) return (value, 0);
        uint256 supplyShares;
        (value, supplyShares) = _value(holding, valuation, token);
        value.exitAssets = mulDivDown(shares, value.exitAssets, supplyShares);
        value.entryAssets = mulDivDown(shares, value.entryAssets, supplyShares);
    }

    /// @dev What a class is worth, for how many shares.
    function _value(
        Holding storage holding,
        IValuation valuation,
        address token
    ) private view returns (ClassValue memory value, uint256 supplyShares) {
        return (valuation.classValue(holding.facility, holding.classIndex), IERC20(token).totalSupply());
    }

    /// @dev The most to pay for some shares: their entry value, down.
    function _mostFor(
        Holding storage holding,
        Places calldata places,
        address token,
        uint256 shares
    ) private view returns (uint256) {
        (ClassValue memory value, uint256 supplyShares) = _value(holding, places.valuation, token);
        require(value.isUsable(), IVaultHoldings.Vault_StaleValue(token));
        return mulDivDown(shares, value.entryAssets, supplyShares);
    }

    /// @dev The least to get for them: their exit value less the discount, up.
    function _leastFor(
        Holding storage holding,
        Places calldata places,
        address token,
        uint256 shares
    ) private view returns (uint256) {
        (ClassValue memory value, uint256 supplyShares) = _value(holding, places.valuation, token);
        require(value.isUsable(), IVaultHoldings.Vault_StaleValue(token));
        return mulDivUp(mulDivUp(shares, value.exitAssets, supplyShares), BPS - places.maxDiscountBps, BPS);
    }
}
