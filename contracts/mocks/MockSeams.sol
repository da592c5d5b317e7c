// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IFacility, State} from "../facility/IFacility.sol";
import {IRegistry} from "../registry/IRegistry.sol";
import {ITelemetry} from "../telemetry/ITelemetry.sol";
import {LotId, NodeId} from "../units.sol";
import {IPrice} from "../valuation/IPrice.sol";

/// @title What valuation and credit read from the rest, set by the test: one facility with its registry, telemetry and
/// price.
contract MockSeams is IFacility, IRegistry, ITelemetry, IPrice {
    error MockSeams_Stale();
    error MockSeams_NoClaims();
    error MockSeams_UnknownLot(LotId lotId);

    State public state;
    address public asset;
    address public sponsor;
    uint256 public redemptionAssets;
    uint256 public cashAssets;
    uint256 public receivableAssets;
    address[] public classToken;
    uint256[] public owedAssets;
    uint64 public reportedUntilAt;
    uint32 public paymentCount;
    uint256 private _price;
    bool private _stale;
    LotId[] private _lotIds;
    mapping(LotId => Lot) private _lots;
    mapping(LotId => bool) public isPledged;
    mapping(LotId => uint8) public evidenceClass;

    constructor(address asset_) {
        asset = asset_;
        state = State.Performing;
    }

    // What the test sets

    function setLedger(uint256 cashAssets_, uint256 receivableAssets_) external {
        cashAssets = cashAssets_;
        receivableAssets = receivableAssets_;
    }

    function addClass(address token, uint256 owedAssets_) external {
        classToken.push(token);
        owedAssets.push(owedAssets_);
    }

    function setOwed(uint256 classIndex, uint256 owedAssets_) external {
        owedAssets[classIndex] = owedAssets_;
    }

    function pledge(LotId lotId, Lot calldata lot_, uint8 evidenceClass_) external {
        _lotIds.push(lotId);
        _lots[lotId] = lot_;
        isPledged[lotId] = true;
        evidenceClass[lotId] = evidenceClass_;
    }

    function setEvidence(LotId lotId, uint8 evidenceClass_) external {
        evidenceClass[lotId] = evidenceClass_;
    }

    function setReportedUntil(uint64 reportedUntilAt_) external {
        reportedUntilAt = reportedUntilAt_;
    }

    function setPaymentCount(uint32 paymentCount_) external {
        paymentCount = paymentCount_;
    }

    function setPrice(uint256 price_) external {
        _price = price_;
    }

    function setStale(bool stale) external {
        _stale = stale;
    }

    // The seams

    function price() external view returns (uint256) {
        require(!_stale, MockSeams_Stale());
        return _price;
    }

    function classCount() external view returns (uint256) {
        return classToken.length;
    }

    function lotChangeCount() external view returns (uint256) {
        return _lotIds.length;
    }

    function missedAt(uint256) external pure returns (uint64) {
        return 0;
    }

    function accruedAssets(uint256) external pure returns (uint256) {
        return 0;
    }

    /// @dev Strict seniority on what the classes are owed.
    function enforcementAssets(uint256 assets) external view returns (uint256[] memory classAssets) {
        classAssets = new uint256[](classToken.length);
        for (uint256 i = 0; i < classAssets.length; ++i) {
            bool isLast = i + 1 == classAssets.length;
            classAssets[i] = isLast || assets < owedAssets[i] ? assets : owedAssets[i];
            assets -= classAssets[i];
        }
    }

    function lotCount() external view returns (uint256) {
        return _lotIds.length;
    }

    function lot(LotId lotId) external view returns (Lot memory) {
        require(_lots[lotId].costAssets != 0, MockSeams_UnknownLot(lotId));
        return _lots[lotId];
    }

    function lienHolder(LotId lotId) external view returns (address) {
        return isPledged[lotId] ? address(this) : address(0);
    }

    function isFrozen(LotId) external pure returns (bool) {
        return false;
    }

    function isRetired(LotId) external pure returns (bool) {
        return false;
    }

    function duplicateOf(LotId) external pure returns (Duplicate memory duplicate) {}

    function nodeCount() external pure returns (uint64) {
        return 0;
    }

    function formerRootSec() external pure returns (uint64) {
        return 30 days;
    }

    function isNodeKey(NodeId, bytes32, bytes32) external pure returns (bool) {
        return false;
    }

    function proveDuplicate(Identified calldata, Identified calldata, address) external pure returns (LotId) {
        return LotId.wrap(0);
    }

    function country(LotId) external pure returns (bytes2) {
        return "US";
    }

    function meterAt(LotId, uint64) external pure returns (Meter memory meter) {
        return meter;
    }

    function takeLien(LotId lotId) external {
        isPledged[lotId] = true;
    }

    function releaseLien(LotId lotId) external {
        isPledged[lotId] = false;
    }

    function passLien(LotId lotId, address) external {
        isPledged[lotId] = false;
    }

    function passLot(LotId lotId, address to) external {
        isPledged[lotId] = false;
        _lots[lotId].operator = to;
    }

    function redeem(LotId[] calldata, uint256) external pure {
        revert MockSeams_NoClaims();
    }

    function payClaim(address, uint256) external pure {
        revert MockSeams_NoClaims();
    }
}
