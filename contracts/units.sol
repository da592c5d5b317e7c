// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

// Ids are types, so that a lot can never be passed where a lease is meant. Everything else is a plain integer whose
// unit is the suffix of its name.
type SiteId is uint64;
type LotId is uint64;
type NodeId is uint64;
type LeaseId is uint64;

using {sameLot as ==, otherLot as !=} for LotId global;
using {sameLease as ==, otherLease as !=} for LeaseId global;

function sameLot(LotId a, LotId b) pure returns (bool) {
    return LotId.unwrap(a) == LotId.unwrap(b);
}

function otherLot(LotId a, LotId b) pure returns (bool) {
    return LotId.unwrap(a) != LotId.unwrap(b);
}

function sameLease(LeaseId a, LeaseId b) pure returns (bool) {
    return LeaseId.unwrap(a) == LeaseId.unwrap(b);
}

function otherLease(LeaseId a, LeaseId b) pure returns (bool) {
    return LeaseId.unwrap(a) != LeaseId.unwrap(b);
}

// 100 % in basis points.
uint256 constant BPS = 1e4;
// 1.0 as a ratio.
uint256 constant WAD = 1e18;
// 1.0 with the precision that per-share accruals are kept in.
uint256 constant RAY = 1e27;
// One epoch: a UTC hour.
uint256 constant EPOCH_SEC = 3600;

/// @dev x · y / z, rounded down; reverts on overflow of the result or z = 0.
function mulDivDown(uint256 x, uint256 y, uint256 z) pure returns (uint256) {
    return Math.mulDiv(x, y, z);
}

/// @dev x · y / z, rounded up; reverts on overflow of the result or z = 0.
function mulDivUp(uint256 x, uint256 y, uint256 z) pure returns (uint256) {
    return Math.mulDiv(x, y, z, Math.Rounding.Ceil);
}
