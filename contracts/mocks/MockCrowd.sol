// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IGate} from "../compliance/IGate.sol";

/// @title A gate that lets everybody pass, and spreads what it holds over as many holders as a test says.
contract MockCrowd is IGate {
    function spread(IERC20 token, uint160 fromHolder, uint256 holderCount, uint256 shares) external {
        for (uint160 i = 0; i < holderCount; ++i) token.transfer(address(fromHolder + i), shares);
    }

    function passage(address, address, address) external pure returns (bool, bool, uint256, uint256) {
        return (true, true, 0, 0);
    }

    function canReceive(address) external pure returns (bool) {
        return true;
    }

    function canSend(address) external pure returns (bool) {
        return true;
    }

    function isVerified(address) external pure returns (bool) {
        return true;
    }
}
