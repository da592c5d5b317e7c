// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

import {IFacility} from "../facility/IFacility.sol";
import {IPrice} from "./IPrice.sol";
import {Valuation} from "./Valuation.sol";

/// @title The price of one class of one facility, in the facility's own settlement token, as a market wants it.
///
/// - Immutable, without roles. The loan token of a market that uses it must be `loanAsset`: no currency is assumed
///   equal to another.
/// - price = classPriceWad · 1e18 · 10^(decimals of the asset) / 10^(decimals of the share): units of asset per unit of
///   share, scaled by 1e36, rounded down.
/// - Reverts when the value is stale, zero or out of range; see `Valuation.classPriceWad`.
contract ClassPrice is IPrice {
    Valuation public immutable valuation;
    IFacility public immutable facility;
    uint256 public immutable classIndex;
    address public immutable classToken;
    address public immutable loanAsset;
    uint256 private immutable _scaleUp;
    uint256 private immutable _scaleDown;

    /// @param classIndex_ senior first, the residual last; an unknown one is refused by the facility
    constructor(Valuation valuation_, IFacility facility_, uint256 classIndex_) {
        valuation = valuation_;
        facility = facility_;
        classIndex = classIndex_;
        classToken = facility_.classToken(classIndex_);
        loanAsset = facility_.asset();
        _scaleUp = 10 ** (18 + IERC20Metadata(loanAsset).decimals());
        _scaleDown = 10 ** IERC20Metadata(classToken).decimals();
    }

    /// @inheritdoc IPrice
    function price() external view returns (uint256) {
        return (valuation.classPriceWad(facility, classIndex) * _scaleUp) / _scaleDown;
    }
}
