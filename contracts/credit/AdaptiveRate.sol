// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {mulDivDown, RAY, WAD} from "../units.sol";
import {IRateModel} from "./IRateModel.sol";
import {Id, Market, MarketParams} from "./Market.sol";

// ln 2, rounded down.
int256 constant LN_2_RAY = 693147180559945309417232121;
// The exponential is asked for arguments up to ± 8, and is off by less than 1e-23 of itself there.
int256 constant MAX_EXPONENT_WAD = 8e18;

/// @title A borrow rate that finds its own level: it rises while a market is used more than a target, falls while less.
///
/// - utilization u = borrowed / supplied; target t = 90 %; error e = (u − t) / (1 − t) above it, (u − t) / t below, so
///   from −1 to 1. A market with nothing supplied has no error: its rate stands still.
/// - Each market has a rate at target r: 4 % a year to begin with. In a time T of constant error it becomes
///   r · exp(50 / year · e · T), held between 0.1 % and 200 % a year. It moves with each accrual, so the error is that
///   since the last one.
/// - The rate of that time is the curve's, at the mean of r over it: r · (1 + 3 · e) above the target, r · (1 + ¾ · e)
///   below, so from a quarter of r to four times. The mean is that of two trapezoids (start, half time, end), which is
///   never under the true one of an r that moves freely, and within 1 % of it up to 50 / year · e · T = 0.6.
/// - Only `markets` moves a rate. No other state, no roles; no elapsed time and no totals make it revert.
/// - Rates are kept per second at 1e-27 and answered at 1e-18; every division rounds towards zero.
contract AdaptiveRate is IRateModel {
    uint256 public constant TARGET_UTILIZATION_WAD = 0.9e18;
    uint256 public constant START_RATE_PER_SECOND_RAY = 0.04e27 / uint256(365 days);
    uint256 public constant MIN_RATE_PER_SECOND_RAY = 0.001e27 / uint256(365 days);
    uint256 public constant MAX_RATE_PER_SECOND_RAY = 2e27 / uint256(365 days);
    int256 private constant SPEED_PER_YEAR = 50;
    int256 private constant SLOPE_ABOVE_WAD = 3e18;
    int256 private constant SLOPE_BELOW_WAD = 0.75e18;
    // Ray to Wad.
    uint256 private constant RAY_PER_WAD = 1e9;

    address public immutable markets;

    mapping(Id id => uint256) private _ratesPerSecondRay;

    event MoveRate(Id indexed id, uint256 ratePerSecondWad, uint256 rateAtTargetPerSecondRay);

    /// Only the markets contract moves a rate.
    error AdaptiveRate_NotMarkets(address caller);

    /// @param markets_ the contract whose markets' rates these are
    constructor(address markets_) {
        markets = markets_;
    }

    // Verbs

    /// @inheritdoc IRateModel
    function borrowRate(
        MarketParams calldata params,
        Market calldata market
    ) external returns (uint256 ratePerSecondWad) {
        require(msg.sender == markets, AdaptiveRate_NotMarkets(msg.sender));
        Id id = _idOf(params);
        uint256 endRay;
        (ratePerSecondWad, endRay) = _rates(id, market);
        _ratesPerSecondRay[id] = endRay;
        emit MoveRate(id, ratePerSecondWad, endRay);
    }

    // Views

    /// @notice The rate that an accrual now would use, for totals as `Markets.market` answers them.
    function borrowRateView(
        MarketParams calldata params,
        Market calldata market
    ) external view returns (uint256 ratePerSecondWad) {
        (ratePerSecondWad, ) = _rates(_idOf(params), market);
    }

    /// @notice A market's rate at target, as of its last accrual.
    function rateAtTargetPerSecondRay(Id id) public view returns (uint256 ratePerSecondRay) {
        ratePerSecondRay = _ratesPerSecondRay[id];
        return ratePerSecondRay == 0 ? START_RATE_PER_SECOND_RAY : ratePerSecondRay;
    }

    // Internal

    function _rates(Id id, Market calldata market) private view returns (uint256 ratePerSecondWad, uint256 endRay) {
        int256 errorWad = _errorWad(market);
        uint256 elapsedSec = block.timestamp - market.lastUpdateAt;
        int256 halfWad = (errorWad * SPEED_PER_YEAR * int256(elapsedSec)) / int256(2 * 365 days);
        halfWad = SignedMath.max(-MAX_EXPONENT_WAD, SignedMath.min(halfWad, MAX_EXPONENT_WAD));

        uint256 growthRay = exponentialRay(halfWad);
        uint256 startRay = rateAtTargetPerSecondRay(id);
        uint256 middleRay = mulDivDown(startRay, growthRay, RAY);
        endRay = _held(mulDivDown(middleRay, growthRay, RAY));
        uint256 meanRay = (startRay + 2 * _held(middleRay) + endRay) / 4;
        ratePerSecondWad = _onCurve(meanRay, errorWad) / RAY_PER_WAD;
    }

    function _errorWad(Market calldata market) private pure returns (int256) {
        if (market.totalSupplyAssets == 0) return 0;
        int256 offWad = int256(market.utilizationWad()) - int256(TARGET_UTILIZATION_WAD);
        return (offWad * int256(WAD)) / int256(offWad > 0 ? WAD - TARGET_UTILIZATION_WAD : TARGET_UTILIZATION_WAD);
    }

    function _onCurve(uint256 rateRay, int256 errorWad) private pure returns (uint256) {
        int256 slopeWad = errorWad > 0 ? SLOPE_ABOVE_WAD : SLOPE_BELOW_WAD;
        return mulDivDown(rateRay, uint256(int256(WAD) + (slopeWad * errorWad) / int256(WAD)), WAD);
    }

    function _held(uint256 rateRay) private pure returns (uint256) {
        return Math.max(MIN_RATE_PER_SECOND_RAY, Math.min(rateRay, MAX_RATE_PER_SECOND_RAY));
    }

    function _idOf(MarketParams memory params) private pure returns (Id) {
        return params.toId();
    }
}

/// @dev e^x for x within ± `MAX_EXPONENT_WAD`: 2^n · e^r with |r| ≤ ln 2 / 2, whose twentieth power over 20! is below
/// 1e-27. Each term is truncated by less than one unit of 1e-27, and so is the shift.
function exponentialRay(int256 exponentWad) pure returns (uint256) {
    int256 exponentRay = exponentWad * 1e9;
    int256 twos = (exponentRay + (exponentRay < 0 ? -LN_2_RAY : LN_2_RAY) / 2) / LN_2_RAY;
    int256 restRay = exponentRay - twos * LN_2_RAY;
    int256 term = int256(RAY);
    int256 sum = int256(RAY);
    for (int256 i = 1; i <= 20; ++i) {
        term = (term * restRay) / (int256(RAY) * i);
        sum += term;
    }
    return twos < 0 ? uint256(sum) >> uint256(-twos) : uint256(sum) << uint256(twos);
}
