// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ClassValue, IValuation} from "../valuation/IValuation.sol";
import {mulDivDown, WAD} from "../units.sol";

/// @title A valuation that says what a test wants, each class by its facility and index; a class without a value is
/// unknown.
contract MockValuation is IValuation {
    error MockValuation_Unknown(address facility, uint256 classIndex);
    error MockValuation_NoPrice(address facility, uint256 classIndex);

    mapping(address facility => mapping(uint256 classIndex => ClassValue)) private _values;
    mapping(address facility => mapping(uint256 classIndex => uint256)) private _pricesWad;
    mapping(address classToken => uint256) public accruedPerShareWad;

    function setValue(address facility, uint256 classIndex, ClassValue calldata value) external {
        _values[facility][classIndex] = value;
    }

    /// @dev A value of now, usable for ever.
    function setAssets(address facility, uint256 classIndex, uint256 exitAssets, uint256 entryAssets) external {
        _values[facility][classIndex] = ClassValue(
            exitAssets,
            entryAssets,
            uint64(block.timestamp),
            type(uint32).max,
            0
        );
    }

    function setPrice(address facility, uint256 classIndex, uint256 priceWad) external {
        _pricesWad[facility][classIndex] = priceWad;
    }

    function setAccrued(address classToken, uint256 perShareWad) external {
        accruedPerShareWad[classToken] = perShareWad;
    }

    /// @inheritdoc IValuation
    function classValue(address facility, uint256 classIndex) external view returns (ClassValue memory value) {
        value = _values[facility][classIndex];
        require(value.computedAt != 0, MockValuation_Unknown(facility, classIndex));
    }

    /// @inheritdoc IValuation
    function classPriceWad(address facility, uint256 classIndex) external view returns (uint256 priceWad) {
        priceWad = _pricesWad[facility][classIndex];
        require(priceWad != 0 && _values[facility][classIndex].isUsable(), MockValuation_NoPrice(facility, classIndex));
    }

    /// @inheritdoc IValuation
    function accruedAssets(address classToken, uint256 shares) external view returns (uint256) {
        return mulDivDown(shares, accruedPerShareWad[classToken], WAD);
    }
}
