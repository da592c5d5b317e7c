// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BPS} from "../units.sol";

// How many haircuts and spreads there are.
uint256 constant EVIDENCE_CLASSES = 5;
uint256 constant AGES = 5;
uint256 constant BUCKETS = 8;

/// What a model's hardware is worth, in parts of its cost, at the end of year 0, 1, … after commissioning: linear
/// between two points, flat after the last.
struct Curve {
    uint64 asOfAt;
    uint32 maxAgeSec;
    uint128 referenceWad; // the index rate that it is for; 0: it goes with no index
    uint16[] residualBps;
}

/// How good a lessee's promise to pay is.
struct Rating {
    uint64 asOfAt;
    uint32 maxAgeSec; // 0: not rated
    uint8 lesseeBucket; // 0 is the best
}

/// All that a valuation is told by its roles.
struct Inputs {
    uint32 setCount; // how often one of them was set
    uint16 baseRateBps; // a year
    uint16[EVIDENCE_CLASSES] evidenceHaircutBps;
    uint16[AGES] receivablesHaircutBps;
    uint16[BUCKETS] spreadBps; // a year
    mapping(bytes32 modelId => Curve) curves;
    mapping(address lessee => Rating) ratings;
}

event CurveSet(bytes32 indexed modelId, Curve curve, uint32 setCount);
event HaircutsSet(uint16[EVIDENCE_CLASSES] evidenceBps, uint16[AGES] receivablesBps, uint32 setCount);
event DiscountSet(uint16 baseRateBps, uint16[BUCKETS] spreadBps, uint32 setCount);
event Rated(address indexed lessee, Rating rating, uint32 setCount);

/// No points or too many, more than 100 %, a rise with age, a date that has not come or is before the last one's.
error Valuation_BadCurve(bytes32 modelId, uint64 asOfAt, uint256 pointCount);
/// More than 100 %; better evidence, or a younger claim, cut more; the oldest claims not cut whole.
error Valuation_BadHaircut(uint16 haircutBps);
/// More than 50 % a year, or less for a worse lessee.
error Valuation_BadRate(uint16 rateBps);
/// An unknown bucket, a date that has not come or is before the last one's, or one good for too long.
error Valuation_BadRating(address lessee, uint8 lesseeBucket, uint64 asOfAt, uint32 maxAgeSec);

/// @title The inputs of a valuation: their ranges, and that each change is counted and told.
library InputSet {
    uint256 private constant MAX_POINTS = 32;
    uint16 private constant MAX_RATE_BPS = 5000;
    uint256 private constant MAX_RATING_SEC = 400 days;

    /// @dev Until they are set, haircuts and rates are at their worst.
    function start(Inputs storage inputs) internal {
        inputs.baseRateBps = MAX_RATE_BPS;
        for (uint256 i; i < EVIDENCE_CLASSES; ++i) inputs.evidenceHaircutBps[i] = uint16(BPS);
        for (uint256 i; i < AGES; ++i) inputs.receivablesHaircutBps[i] = uint16(BPS);
        for (uint256 i; i < BUCKETS; ++i) inputs.spreadBps[i] = MAX_RATE_BPS;
    }

    /// @dev See `Valuation.setCurve`.
    function setCurve(Inputs storage inputs, bytes32 modelId, Curve memory curve) internal {
        uint256 pointCount = curve.residualBps.length;
        bool isSound =
            pointCount > 0 &&
                pointCount <= MAX_POINTS &&
                curve.asOfAt <= block.timestamp &&
                curve.asOfAt >= inputs.curves[modelId].asOfAt;
        uint256 boundBps = BPS;
        for (uint256 i; isSound && i < pointCount; ++i) {
            isSound = curve.residualBps[i] <= boundBps;
            boundBps = curve.residualBps[i];
        }
        require(isSound, Valuation_BadCurve(modelId, curve.asOfAt, pointCount));
        inputs.curves[modelId] = curve;
        emit CurveSet(modelId, curve, ++inputs.setCount);
    }

    /// @dev See `Valuation.setHaircuts`.
    function setHaircuts(
        Inputs storage inputs,
        uint16[EVIDENCE_CLASSES] memory evidenceBps,
        uint16[AGES] memory receivablesBps
    ) internal {
        uint256 boundBps = BPS;
        for (uint256 i; i < EVIDENCE_CLASSES; ++i) {
            require(evidenceBps[i] <= boundBps, Valuation_BadHaircut(evidenceBps[i]));
            boundBps = evidenceBps[i];
        }
        require(receivablesBps[AGES - 1] == BPS, Valuation_BadHaircut(receivablesBps[AGES - 1]));
        boundBps = BPS;
        for (uint256 i = AGES - 1; i > 0; --i) {
            require(receivablesBps[i - 1] <= boundBps, Valuation_BadHaircut(receivablesBps[i - 1]));
            boundBps = receivablesBps[i - 1];
        }
        (inputs.evidenceHaircutBps, inputs.receivablesHaircutBps) = (evidenceBps, receivablesBps);
        emit HaircutsSet(evidenceBps, receivablesBps, ++inputs.setCount);
    }

    /// @dev See `Valuation.setDiscount`.
    function setDiscount(Inputs storage inputs, uint16 baseRateBps, uint16[BUCKETS] memory spreadBps) internal {
        require(baseRateBps <= MAX_RATE_BPS, Valuation_BadRate(baseRateBps));
        uint256 boundBps = MAX_RATE_BPS;
        for (uint256 i = BUCKETS; i > 0; --i) {
            require(spreadBps[i - 1] <= boundBps, Valuation_BadRate(spreadBps[i - 1]));
            boundBps = spreadBps[i - 1];
        }
        (inputs.baseRateBps, inputs.spreadBps) = (baseRateBps, spreadBps);
        emit DiscountSet(baseRateBps, spreadBps, ++inputs.setCount);
    }

    /// @dev See `Valuation.rate`.
    function rate(Inputs storage inputs, address lessee, Rating memory rating) internal {
        require(
            rating.lesseeBucket < BUCKETS &&
                rating.asOfAt <= block.timestamp &&
                rating.asOfAt >= inputs.ratings[lessee].asOfAt &&
                rating.maxAgeSec <= MAX_RATING_SEC,
            Valuation_BadRating(lessee, rating.lesseeBucket, rating.asOfAt, rating.maxAgeSec)
        );
        inputs.ratings[lessee] = rating;
        emit Rated(lessee, rating, ++inputs.setCount);
    }
}
