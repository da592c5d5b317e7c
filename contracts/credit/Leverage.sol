// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IShareExchange, Order} from "../exchange/IShareExchange.sol";
import {Settlement, Settlement_WrongAmount} from "../settlement.sol";
import {Authorization, Id, Market, MarketParams, Signature, toAssetsUp} from "./Market.sol";

/// @title What the leverage helper asks of the markets.
interface IMarketsVerbs {
    /// @notice Posts the caller's shares for an account.
    function supplyCollateral(
        MarketParams memory params,
        uint256 collateralShares,
        address onBehalf,
        bytes calldata data
    ) external;

    /// @notice Takes shares of an account out.
    function withdrawCollateral(
        MarketParams memory params,
        uint256 collateralShares,
        address onBehalf,
        address receiver
    ) external;

    /// @notice Borrows `assets` for an account.
    function borrow(
        MarketParams memory params,
        uint256 assets,
        uint256 shares,
        address onBehalf,
        address receiver
    ) external returns (uint256 borrowedAssets, uint256 borrowedShares);

    /// @notice Repays debt of an account, by assets or by shares.
    function repay(
        MarketParams memory params,
        uint256 assets,
        uint256 shares,
        address onBehalf,
        bytes calldata data
    ) external returns (uint256 repaidAssets, uint256 repaidShares);

    /// @notice Sets an authorization by its authorizer's signature.
    function setAuthorizationWithSig(Authorization calldata authorization, Signature calldata signature) external;

    /// @notice A market's totals.
    function market(Id id) external view returns (Market memory);

    /// @notice What an account has in a market.
    function position(
        Id id,
        address account
    ) external view returns (uint256 supplyShares, uint128 borrowShares, uint128 collateralShares);
}

/// @title Builds a position up, or takes it down, in one transaction and without a flash loan.
///
/// Whose
/// - It acts for the caller alone: money and shares come from the caller or the caller's position, and go to the
///   caller, its position, or the makers of the orders that the caller chose.
/// - Debt and collateral of the caller move by the caller's own authorization in the markets, which stands or comes
///   signed with the call. A signature that was brought before, or is wrong, is passed over: what stands decides.
///
/// Money
/// - It holds nothing between calls. It pays out what this call brought in, never a balance: a donation stays here.
/// - A token that delivers another amount than asked is refused. An allowance is given for one amount and used up.
///
/// Safety
/// - Each step is a verb of the markets or a fill of the exchange, under all of their checks: health after every loan
///   and withdrawal, price, pause, gate, signature. One that is refused reverts the whole call with its own error.
/// - Nobody can enter in the middle of a call. No roles, no storage.
contract Leverage is ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Settlement for IERC20;

    /// How a position is built up.
    struct Build {
        MarketParams params;
        uint256 ownAssets; // the caller's, spent before anything is borrowed
        uint256 ownShares; // the caller's, posted first
        uint256 minPostedShares; // in all
        uint256 maxBorrowedAssets; // in all
    }

    /// How a position is taken down.
    struct Unwind {
        MarketParams params;
        uint256 maxSoldShares; // in all
        uint256 minProceedsAssets; // in all, repaid and paid out together
    }

    /// An order, and how much of it is taken.
    struct Fill {
        Order order;
        bytes signature;
        uint256 fillShares;
    }

    /// An authorization in the markets, signed.
    struct Consent {
        Authorization authorization;
        Signature signature;
    }

    /// ERC-2612, by the caller for this contract; `vs` as in ERC-2098.
    struct Permit {
        address token;
        uint256 valueUnits;
        uint256 deadline;
        bytes32 r;
        bytes32 vs;
    }

    IMarketsVerbs public immutable markets;
    IShareExchange public immutable exchange;

    event Leveraged(
        Id indexed id,
        address indexed account,
        uint256 postedShares,
        uint256 borrowedAssets,
        uint256 leftAssets
    );
    event Deleveraged(
        Id indexed id,
        address indexed account,
        uint256 soldShares,
        uint256 repaidAssets,
        uint256 leftAssets
    );

    error Leverage_WrongOrder(uint256 fillIndex, address shareToken, address asset, bool isSell);
    error Leverage_PostedTooFew(uint256 postedShares, uint256 minPostedShares);
    error Leverage_BorrowedTooMuch(uint256 borrowedAssets, uint256 maxBorrowedAssets);
    error Leverage_SoldTooMany(uint256 soldShares, uint256 maxSoldShares);
    error Leverage_ProceedsTooSmall(uint256 proceedsAssets, uint256 minProceedsAssets);

    constructor(IMarketsVerbs markets_, IShareExchange exchange_) {
        markets = markets_;
        exchange = exchange_;
    }

    /// @notice Posts the caller's shares, then for each sell order borrows what the cash in hand lacks, buys, and posts
    /// what was bought. Each loan must be within the market's LLTV on what is posted by then. Cash that is left over
    /// goes to the caller.
    /// @param consents signed authorizations in the markets, brought along
    /// @param permits the caller's, for its own money and shares
    function leverage(
        Build calldata build,
        Fill[] calldata fills,
        Consent[] calldata consents,
        Permit[] calldata permits
    ) external nonReentrant returns (uint256 postedShares, uint256 borrowedAssets) {
        _bring(consents);
        _permit(permits);
        MarketParams memory params = build.params;
        uint256 cashAssets = build.ownAssets;
        if (cashAssets > 0) IERC20(params.loanToken).pullExact(msg.sender, cashAssets);
        if (build.ownShares > 0) {
            IERC20(params.collateralToken).pullExact(msg.sender, build.ownShares);
            _post(params, build.ownShares);
            postedShares = build.ownShares;
        }
        for (uint256 i = 0; i < fills.length; ++i) {
            Fill calldata fill = fills[i];
            _checkOrder(params, fill.order, i, true);
            uint256 costAssets = _costOf(fill);
            if (costAssets > cashAssets) {
                borrowedAssets += costAssets - cashAssets;
                _borrow(params, costAssets - cashAssets);
                cashAssets = costAssets;
            }
            cashAssets -= _take(params.loanToken, costAssets, fill, costAssets);
            _post(params, fill.fillShares);
            postedShares += fill.fillShares;
        }
        require(postedShares >= build.minPostedShares, Leverage_PostedTooFew(postedShares, build.minPostedShares));
        require(
            borrowedAssets <= build.maxBorrowedAssets,
            Leverage_BorrowedTooMuch(borrowedAssets, build.maxBorrowedAssets)
        );
        emit Leveraged(params.toId(), msg.sender, postedShares, borrowedAssets, cashAssets);
        _payOut(params.loanToken, cashAssets);
    }

    /// @notice For each buy order takes collateral of the caller out, sells it, and repays the caller's debt with what
    /// it brought. Each withdrawal must leave the position within the market's LLTV. What is left when there is no debt
    /// goes to the caller.
    /// @param consents signed authorizations in the markets, brought along
    function deleverage(
        Unwind calldata unwind,
        Fill[] calldata fills,
        Consent[] calldata consents
    ) external nonReentrant returns (uint256 soldShares, uint256 repaidAssets, uint256 leftAssets) {
        _bring(consents);
        MarketParams memory params = unwind.params;
        for (uint256 i = 0; i < fills.length; ++i) {
            Fill calldata fill = fills[i];
            _checkOrder(params, fill.order, i, false);
            _withdraw(params, fill.fillShares);
            soldShares += fill.fillShares;
            leftAssets += _take(params.collateralToken, fill.fillShares, fill, 0);
            uint256 assets = _repay(params, leftAssets);
            repaidAssets += assets;
            leftAssets -= assets;
        }
        require(soldShares <= unwind.maxSoldShares, Leverage_SoldTooMany(soldShares, unwind.maxSoldShares));
        require(
            repaidAssets + leftAssets >= unwind.minProceedsAssets,
            Leverage_ProceedsTooSmall(repaidAssets + leftAssets, unwind.minProceedsAssets)
        );
        emit Deleveraged(params.toId(), msg.sender, soldShares, repaidAssets, leftAssets);
        _payOut(params.loanToken, leftAssets);
    }

    // Internal: what is brought along

    function _bring(Consent[] calldata consents) private {
        for (uint256 i = 0; i < consents.length; ++i) {
            // solhint-disable-next-line no-empty-blocks
            try markets.setAuthorizationWithSig(consents[i].authorization, consents[i].signature) {} catch {}
        }
    }

    function _permit(Permit[] calldata permits) private {
        for (uint256 i = 0; i < permits.length; ++i) {
            Permit calldata permit = permits[i];
            bytes32 s = permit.vs & bytes32(uint256(type(int256).max));
            uint8 v = uint8(uint256(permit.vs) >> 255) + 27;
            LowLevelCall.callNoReturn(
                permit.token,
                abi.encodeCall(
                    IERC20Permit.permit,
                    (msg.sender, address(this), permit.valueUnits, permit.deadline, v, permit.r, s)
                )
            );
        }
    }

    // Internal: the exchange

    function _checkOrder(
        MarketParams memory params,
        Order calldata order,
        uint256 fillIndex,
        bool isSell
    ) private pure {
        require(
            order.isSell == isSell && order.shareToken == params.collateralToken && order.asset == params.loanToken,
            Leverage_WrongOrder(fillIndex, order.shareToken, order.asset, order.isSell)
        );
    }

    /// @dev What the taker of a sell order pays: the fee comes off what its maker gets.
    function _costOf(Fill calldata fill) private view returns (uint256) {
        (uint256 priceAssets, uint256 accruedAssets, ) = exchange.quote(fill.order, fill.fillShares);
        return priceAssets + accruedAssets;
    }

    /// @dev Fills an order, giving `amount` of `token` for it.
    /// @return assets paid for a sell order, got for a buy order
    function _take(
        address token,
        uint256 amount,
        Fill calldata fill,
        uint256 limitAssets
    ) private returns (uint256 assets) {
        IERC20(token).forceApprove(address(exchange), amount);
        return exchange.fill(fill.order, fill.signature, fill.fillShares, limitAssets, address(this));
    }

    // Internal: the caller's position

    function _post(MarketParams memory params, uint256 shares) private {
        IERC20(params.collateralToken).forceApprove(address(markets), shares);
        markets.supplyCollateral(params, shares, msg.sender, "");
    }

    function _withdraw(MarketParams memory params, uint256 shares) private {
        uint256 balanceShares = IERC20(params.collateralToken).balanceOf(address(this));
        markets.withdrawCollateral(params, shares, msg.sender, address(this));
        _checkDelivered(params.collateralToken, balanceShares, shares);
    }

    function _borrow(MarketParams memory params, uint256 assets) private {
        uint256 balanceAssets = IERC20(params.loanToken).balanceOf(address(this));
        markets.borrow(params, assets, 0, msg.sender, address(this));
        _checkDelivered(params.loanToken, balanceAssets, assets);
    }

    /// @dev Repays what the caller owes, up to `maxAssets`: the last of it by shares, so that nothing stays owed. The
    /// totals are those of now: a withdrawal came just before.
    function _repay(MarketParams memory params, uint256 maxAssets) private returns (uint256 assets) {
        Id id = params.toId();
        (, uint256 owedShares, ) = markets.position(id, msg.sender);
        if (owedShares == 0 || maxAssets == 0) return 0;
        Market memory totals = markets.market(id);
        uint256 owedAssets = toAssetsUp(owedShares, totals.totalBorrowAssets, totals.totalBorrowShares);
        bool isAll = owedAssets <= maxAssets;
        assets = isAll ? owedAssets : maxAssets;
        IERC20(params.loanToken).forceApprove(address(markets), assets);
        markets.repay(params, isAll ? 0 : assets, isAll ? owedShares : 0, msg.sender, "");
    }

    // Internal: money

    function _payOut(address token, uint256 assets) private {
        if (assets > 0) IERC20(token).safeTransfer(msg.sender, assets);
    }

    function _checkDelivered(address token, uint256 balanceBefore, uint256 askedAssets) private view {
        uint256 deliveredAssets = IERC20(token).balanceOf(address(this)) - balanceBefore;
        require(deliveredAssets == askedAssets, Settlement_WrongAmount(token, askedAssets, deliveredAssets));
    }
}
