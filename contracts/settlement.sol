// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// The token delivered another amount than the one asked for (a fee on transfer, or a lie).
error Settlement_WrongAmount(address asset, uint256 askedAssets, uint256 deliveredAssets);

/// @title Moves settlement tokens: tokens with no return value are supported, one that delivers less is refused.
library Settlement {
    using SafeERC20 for IERC20;

    /// @dev Takes exactly `assets` from `from`, or reverts. Not by way of `moveExact`: that costs every payment 61 gas.
    function pullExact(IERC20 asset, address from, uint256 assets) internal {
        uint256 balanceAssets = asset.balanceOf(address(this));
        asset.safeTransferFrom(from, address(this), assets);
        uint256 deliveredAssets = asset.balanceOf(address(this)) - balanceAssets;
        require(deliveredAssets == assets, Settlement_WrongAmount(address(asset), assets, deliveredAssets));
    }

    /// @dev Moves exactly `assets` from one account to another, or reverts.
    function moveExact(IERC20 asset, address from, address to, uint256 assets) internal {
        uint256 balanceAssets = asset.balanceOf(to);
        asset.safeTransferFrom(from, to, assets);
        uint256 deliveredAssets = asset.balanceOf(to) - balanceAssets;
        require(deliveredAssets == assets, Settlement_WrongAmount(address(asset), assets, deliveredAssets));
    }

    /// @dev Moves exactly `assets`, or nothing where the token refuses; reverts if it delivers another amount.
    function tryMoveExact(IERC20 asset, address from, address to, uint256 assets) internal returns (bool isMoved) {
        uint256 balanceAssets = asset.balanceOf(to);
        isMoved = asset.trySafeTransferFrom(from, to, assets);
        uint256 deliveredAssets = asset.balanceOf(to) - balanceAssets;
        uint256 askedAssets = isMoved ? assets : 0;
        require(deliveredAssets == askedAssets, Settlement_WrongAmount(address(asset), askedAssets, deliveredAssets));
    }
}
