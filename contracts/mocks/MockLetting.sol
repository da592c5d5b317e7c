// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ILeases} from "../lease/ILeases.sol";
import {LeaseId, LotId} from "../units.sol";

/// @title Leases that are, owe and paid what a test says; all money is one payee's.
contract MockLetting {
    mapping(LotId lotId => LeaseId) public leaseOf;
    mapping(LeaseId leaseId => bool) public isRelated;
    uint256 private _defaultCount;
    mapping(LeaseId leaseId => bytes) private _leases;
    uint256 private _collectableAssets;
    uint256 private _revenueAssets;
    uint256 private _soldAssets;
    uint256[5] private _agesAssets;

    function setLease(LeaseId leaseId, ILeases.Terms calldata terms, ILeases.Status calldata status) external {
        leaseOf[terms.lotId] = leaseId;
        _leases[leaseId] = abi.encode(terms, status);
    }

    function endLease(LotId lotId) external {
        leaseOf[lotId] = LeaseId.wrap(0);
    }

    function setRelated(LeaseId leaseId, bool isRelated_) external {
        isRelated[leaseId] = isRelated_;
    }

    function setDefaultCount(uint256 defaultCount_) external {
        _defaultCount = defaultCount_;
    }

    function setMoney(uint256 collectable, uint256 revenue, uint256 sold, uint256[5] calldata agesAssets) external {
        (_collectableAssets, _revenueAssets, _soldAssets, _agesAssets) = (collectable, revenue, sold, agesAssets);
    }

    function lease(LeaseId leaseId) external view returns (ILeases.Terms memory, ILeases.Status memory) {
        return abi.decode(_leases[leaseId], (ILeases.Terms, ILeases.Status));
    }

    function revenueOf(LeaseId leaseId, address) external view returns (uint248, bool) {
        return (0, isRelated[leaseId]);
    }

    function collectableAssets(address, address) external view returns (uint256) {
        return _collectableAssets;
    }

    function defaultCount(address, address) external view returns (uint256) {
        return _defaultCount;
    }

    function soldAssets(address, address) external view returns (uint256) {
        return _soldAssets;
    }

    function revenueAssets(address, address) external view returns (uint256, uint256) {
        return (_revenueAssets, 0);
    }

    function receivableAssets(address, address) external view returns (uint256 assets) {
        for (uint256 i = 0; i < 5; ++i) assets += _agesAssets[i];
    }

    function ageing(address, address) external view returns (uint256[5] memory) {
        return _agesAssets;
    }
}
