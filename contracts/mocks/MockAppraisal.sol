// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAppraisal} from "../facility/IAppraisal.sol";
import {LotId} from "../units.sol";

/// @title An appraisal that says what a test wants.
contract MockAppraisal is IAppraisal {
    error MockAppraisal_NoEnergy(uint64 fromAt, uint64 untilAt);

    struct Value {
        uint256 valueAssets;
        uint256 hardwareAssets;
        uint64 computedAt;
        uint32 maxAgeSec;
    }

    mapping(address facility => Value) public valueOf;
    mapping(LotId lotId => mapping(uint64 dayAt => uint16)) public coverageBps;
    mapping(uint64 fromAt => mapping(uint64 untilAt => uint256)) private _pueE4;

    function setValue(address facility, Value calldata value) external {
        valueOf[facility] = value;
    }

    function setCoverage(LotId lotId, uint64 dayAt, uint16 coverageBps_) external {
        coverageBps[lotId][dayAt] = coverageBps_;
    }

    function setPue(uint64 fromAt, uint64 untilAt, uint256 pueE4_) external {
        _pueE4[fromAt][untilAt] = pueE4_;
    }

    function pueE4(LotId[] calldata, uint64 fromAt, uint64 untilAt) external view returns (uint256 pueE4_) {
        pueE4_ = _pueE4[fromAt][untilAt];
        require(pueE4_ != 0, MockAppraisal_NoEnergy(fromAt, untilAt));
    }
}
