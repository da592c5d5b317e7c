// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {exponentialRay} from "../credit/AdaptiveRate.sol";

/// @title The exponential of the adaptive rate, in the open.
contract MockExponential {
    function exponentials(int256[] calldata exponentsWad) external pure returns (uint256[] memory results) {
        results = new uint256[](exponentsWad.length);
        for (uint256 i; i < exponentsWad.length; ++i) results[i] = exponentialRay(exponentsWad[i]);
    }
}
