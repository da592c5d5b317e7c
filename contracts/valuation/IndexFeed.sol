// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DAY_SEC} from "../calendar.sol";
import {ComputeIndex} from "./ComputeIndex.sol";
import {IAggregatorV3} from "./IPrice.sol";

/// @title The index of one model, as a Chainlink feed: US dollars for an hour of one GPU, by the day.
///
/// - Immutable, without roles. A round is a day: its id is the day's number since 1970, `startedAt` and `updatedAt` are
///   the day's start and end.
/// - It answers for every day whose rate was fixed, and reverts with "No data present" for any other. The newest one is
///   as old as it says: nothing is carried forward.
contract IndexFeed is IAggregatorV3 {
    ComputeIndex public immutable index;
    bytes32 public immutable modelId;

    /// @inheritdoc IAggregatorV3
    uint8 public immutable decimals = 18;
    /// @inheritdoc IAggregatorV3
    uint256 public immutable version = 1;
    /// @inheritdoc IAggregatorV3
    string public description;

    /// @param model the name of the model, which its id is the hash of
    constructor(ComputeIndex index_, string memory model) {
        index = index_;
        modelId = keccak256(bytes(model));
        description = string.concat(model, " hour / USD");
    }

    /// @inheritdoc IAggregatorV3
    function getRoundData(uint80 roundId_) external view returns (uint80, int256, uint256, uint256, uint80) {
        return _round(roundId_);
    }

    /// @inheritdoc IAggregatorV3
    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        (uint64 dayAt, ) = index.newest(modelId);
        return _round(uint80(dayAt / DAY_SEC));
    }

    function _round(uint80 dayIndex) private view returns (uint80, int256, uint256, uint256, uint80) {
        uint256 startedAt = dayIndex * DAY_SEC;
        uint256 rateWad = startedAt <= type(uint64).max ? index.rateWad(modelId, uint64(startedAt)) : 0;
        // solhint-disable-next-line gas-custom-errors
        require(rateWad > 0, "No data present");
        return (dayIndex, int256(rateWad), startedAt, startedAt + DAY_SEC, dayIndex);
    }
}
