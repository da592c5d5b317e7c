// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAppraisal} from "../facility/IAppraisal.sol";
import {LotId} from "../units.sol";

/// @title An appraisal that says what a test wants.
contract MockAppraisal is IAppraisal {
    struct Value {
        uint256 valueAssets;
        uint256 hardwareAssets;
        uint64 computedAt;
        uint32 maxAgeSec;
    }

    mapping(address facility => Value) public valueOf;
    mapping(LotId lotId => mapping(uint64 dayAt => uint16)) public coverageBps;
    uint256 private _pueE4;

    function setValue(address facility, Value calldata value) external {
        valueOf[facility] = value;
    }

    function setCoverage(LotId lotId, uint64 dayAt, uint16 coverageBps_) external {
        coverageBps[lotId][dayAt] = coverageBps_;
    }

    function setPue(uint256 pueE4_) external {
        _pueE4 = pueE4_;
    }

    function pueE4(LotId[] calldata, uint64, uint64) external view returns (uint256) {
        return _pueE4;
    }
}
