// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MockShare} from "./MockShare.sol";

/// @title A facility that issues shares one for one, or not quite, and takes them all back on a refund.
contract MockFund {
    using SafeERC20 for IERC20;

    IERC20 public immutable asset;
    MockShare[] private _classes;
    /// @notice Shares that a subscription gives for what it pays.
    uint256 public issueBps = 1e4;

    constructor(IERC20 asset_, uint256 classCount, uint8 decimals) {
        asset = asset_;
        for (uint256 i = 0; i < classCount; ++i) _classes.push(new MockShare(asset_, decimals));
    }

    function setIssue(uint256 issueBps_) external {
        issueBps = issueBps_;
    }

    function subscribe(uint256 classIndex, uint256 assets) external {
        asset.safeTransferFrom(msg.sender, address(this), assets);
        _classes[classIndex].mint(msg.sender, (assets * issueBps) / 1e4);
    }

    function refund(address to) external returns (uint256 assets) {
        for (uint256 i = 0; i < _classes.length; ++i) {
            uint256 shares = _classes[i].balanceOf(msg.sender);
            _classes[i].burn(msg.sender, shares);
            assets += shares;
        }
        asset.safeTransfer(to, assets);
    }

    function classToken(uint256 classIndex) external view returns (MockShare) {
        return _classes[classIndex];
    }
}
