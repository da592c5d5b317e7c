// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IShareExchange, Order} from "../exchange/IShareExchange.sol";
import {mulDivDown, mulDivUp} from "../units.sol";

/// @title An exchange without signatures and fees that delivers what was agreed, or only a part; shares first.
contract MockExchange is IShareExchange {
    using SafeERC20 for IERC20;

    /// @notice The part of the taker's leg that it gets.
    uint256 public deliveredBps = 1e4;

    error MockExchange_Limit(uint256 assets, uint256 limitAssets);

    function setDelivered(uint256 deliveredBps_) external {
        deliveredBps = deliveredBps_;
    }

    function fill(
        Order calldata order,
        bytes calldata,
        uint256 fillShares,
        uint256 limitAssets,
        address receiver
    ) external returns (uint256 assets) {
        (assets, , ) = quote(order, fillShares);
        bool isWithin = order.isSell ? assets <= limitAssets : assets >= limitAssets;
        require(isWithin, MockExchange_Limit(assets, limitAssets));
        (IERC20 share, IERC20 asset) = (IERC20(order.shareToken), IERC20(order.asset));
        (uint256 shares, uint256 paidAssets) = (fillShares, assets);
        if (order.isSell) shares = (shares * deliveredBps) / 1e4;
        else paidAssets = (assets * deliveredBps) / 1e4;
        share.safeTransferFrom(order.isSell ? order.maker : msg.sender, order.isSell ? receiver : order.maker, shares);
        asset.safeTransferFrom(
            order.isSell ? msg.sender : order.maker,
            order.isSell ? order.maker : receiver,
            paidAssets
        );
    }

    function quote(
        Order calldata order,
        uint256 fillShares
    ) public pure returns (uint256 priceAssets, uint256, uint256) {
        priceAssets =
            order.isSell
                ? mulDivUp(order.assets, fillShares, order.shares)
                : mulDivDown(order.assets, fillShares, order.shares);
        return (priceAssets, 0, 0);
    }
}
