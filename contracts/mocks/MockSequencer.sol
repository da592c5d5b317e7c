// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAggregatorV3} from "../valuation/IPrice.sol";

/// @title An uptime feed of a layer 2's sequencer: 0 is up, 1 is down, since a time.
contract MockSequencer is IAggregatorV3 {
    uint8 public immutable decimals = 0;
    uint256 public immutable version = 1;
    string public description = "uptime";
    int256 private _answer;
    uint256 private _startedAt;

    function set(int256 answer, uint256 startedAt) external {
        (_answer, _startedAt) = (answer, startedAt);
    }

    function getRoundData(uint80) external view returns (uint80, int256, uint256, uint256, uint80) {
        return latestRoundData();
    }

    function latestRoundData() public view returns (uint80, int256, uint256, uint256, uint80) {
        return (1, _answer, _startedAt, block.timestamp, 1);
    }
}

/// @title A token that says it is a class of a facility that does not know it.
contract MockClaimant {
    address public immutable facility;

    constructor(address facility_) {
        facility = facility_;
    }
}
