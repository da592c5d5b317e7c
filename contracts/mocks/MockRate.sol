// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRateModel} from "../credit/IRateModel.sol";
import {Market, MarketParams} from "../credit/Market.sol";

/// @title A rate model gone mad.
contract MockRate is IRateModel {
    function borrowRate(MarketParams calldata, Market calldata) external pure returns (uint256 ratePerSecondWad) {
        return type(uint256).max;
    }
}
