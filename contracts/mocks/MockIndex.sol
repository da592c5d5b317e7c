// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRateIndex} from "../lease/IRateIndex.sol";

/// @title A rate index that says what a test wants.
contract MockIndex is IRateIndex {
    mapping(bytes32 modelId => mapping(uint64 dayAt => uint256)) public rateWad;

    function setRate(bytes32 modelId, uint64 dayAt, uint256 rateWad_) external {
        rateWad[modelId][dayAt] = rateWad_;
    }
}
