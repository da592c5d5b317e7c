// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IPrice} from "../valuation/IPrice.sol";

/// @title What a share of a vault is redeemed for at exit, as a market asks: while the vault takes deposits, which
/// it does as long as everything it holds has a value to act on.
contract MockSharePrice is IPrice {
    IERC4626 public immutable vault;

    error MockSharePrice_Stale();

    constructor(IERC4626 vault_) {
        vault = vault_;
    }

    /// @inheritdoc IPrice
    function price() external view returns (uint256) {
        // A vault's share has six decimals more than its asset.
        require(vault.maxDeposit(msg.sender) > 0, MockSharePrice_Stale());
        return vault.convertToAssets(1e24) * 1e12;
    }
}
