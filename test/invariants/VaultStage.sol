// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MockFund} from "../../contracts/mocks/MockFund.sol";
import {ClassValue, IValuation} from "../../contracts/valuation/IValuation.sol";

/// @title Lets everybody in that it did not freeze.
contract OpenGate {
    mapping(address account => bool) public isFrozen;

    function freeze(address account, bool frozen) external {
        isFrozen[account] = frozen;
    }

    function passage(
        address,
        address from,
        address to
    ) external view returns (bool maySend, bool mayReceive, uint256 lockUpSec, uint256 maxHolderCount) {
        return (!isFrozen[from], canReceive(to), 0, 0);
    }

    function canReceive(address account) public view returns (bool) {
        return account != address(0) && !isFrozen[account];
    }

    function canSend(address account) external view returns (bool) {
        return !isFrozen[account];
    }
}

/// @title Values each class at so many parts per million of its shares, whatever their supply.
contract PricedValuation is IValuation {
    struct Price {
        uint128 exitPpm;
        uint128 entryPpm;
        uint64 heldUntilAt;
    }

    mapping(address facility => mapping(uint256 classIndex => Price)) private _prices;

    function set(address facility, uint256 classIndex, Price calldata price) external {
        _prices[facility][classIndex] = price;
    }

    function classValue(address facility, uint256 classIndex) external view returns (ClassValue memory) {
        Price memory price = _prices[facility][classIndex];
        uint256 supplyShares = MockFund(facility).classToken(classIndex).totalSupply();
        return
            ClassValue(
                (supplyShares * price.exitPpm) / 1e6,
                (supplyShares * price.entryPpm) / 1e6,
                uint64(block.timestamp),
                1 hours,
                price.heldUntilAt
            );
    }

    function priceOf(address facility, uint256 classIndex) external view returns (Price memory) {
        return _prices[facility][classIndex];
    }

    function classPriceWad(address, uint256) external pure returns (uint256) {
        return 0;
    }

    function accruedAssets(address, uint256) external pure returns (uint256) {
        return 0;
    }
}
