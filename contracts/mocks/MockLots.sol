// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "../registry/IRegistry.sol";
import {LotId, NodeId} from "../units.sol";

/// @title A registry whose lots are what a test says.
contract MockLots is IRegistry {
    error Registry_UnknownLot(LotId lotId);

    mapping(LotId lotId => Lot) private _lots;
    mapping(LotId lotId => address) public lienHolder;
    mapping(LotId lotId => bool) public isRetired;
    bytes2 private _country = "DE";

    function setLot(LotId lotId, Lot calldata lot_) external {
        _lots[lotId] = lot_;
    }

    function setRetired(LotId lotId) external {
        isRetired[lotId] = true;
    }

    function setCountry(bytes2 country_) external {
        _country = country_;
    }

    function takeLien(LotId lotId) external {
        lienHolder[lotId] = msg.sender;
    }

    function releaseLien(LotId lotId) external {
        delete lienHolder[lotId];
    }

    function passLien(LotId lotId, address to) external {
        lienHolder[lotId] = to;
    }

    function passLot(LotId lotId, address to) external {
        _lots[lotId].operator = to;
        delete lienHolder[lotId];
    }

    function lot(LotId lotId) external view returns (Lot memory) {
        require(_lots[lotId].operator != address(0), Registry_UnknownLot(lotId));
        return _lots[lotId];
    }

    function evidenceClass(LotId) external pure returns (uint8) {
        return 0;
    }

    function isFrozen(LotId) external pure returns (bool) {
        return false;
    }

    function formerRootSec() external pure returns (uint64) {
        return 30 days;
    }

    function duplicateOf(LotId) external pure returns (Duplicate memory duplicate) {}

    function nodeCount() external pure returns (uint64) {
        return 0;
    }

    function isNodeKey(NodeId, bytes32, bytes32) external pure returns (bool) {
        return false;
    }

    function proveDuplicate(Identified calldata, Identified calldata, address) external pure returns (LotId) {
        revert Registry_UnknownLot(LotId.wrap(0));
    }

    function country(LotId) external view returns (bytes2) {
        return _country;
    }
}
