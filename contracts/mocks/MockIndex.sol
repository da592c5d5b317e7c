// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRateIndex} from "../lease/IRateIndex.sol";

/// @title An index that says what a test wants, or misbehaves.
contract MockIndex is IRateIndex {
    enum Habit {
        Answers,
        Reverts,
        BurnsGas,
        AnswersShort,
        AnswersLong
    }

    error MockIndex_Broken();

    uint32 public newestCount;
    mapping(bytes32 modelId => mapping(uint64 dayAt => uint256)) private _ratesWad;
    mapping(bytes32 modelId => uint64) private _newestAt;
    Habit private _habit;

    function setRate(bytes32 modelId, uint64 dayAt, uint256 rateWad_) external {
        _ratesWad[modelId][dayAt] = rateWad_;
        if (dayAt <= _newestAt[modelId]) return;
        _newestAt[modelId] = dayAt;
        ++newestCount;
    }

    function setHabit(Habit habit) external {
        _habit = habit;
    }

    function newest(bytes32 modelId) external view returns (uint64 dayAt, uint256 newestWad) {
        dayAt = _newestAt[modelId];
        newestWad = _ratesWad[modelId][dayAt];
    }

    function rateWad(bytes32 modelId, uint64 dayAt) external view returns (uint256) {
        require(_habit != Habit.Reverts, MockIndex_Broken());
        // solhint-disable no-inline-assembly
        if (_habit == Habit.BurnsGas) {
            assembly {
                invalid()
            }
        }
        if (_habit == Habit.AnswersShort) {
            assembly {
                return(0, 31)
            }
        }
        if (_habit == Habit.AnswersLong) {
            assembly {
                return(0, 40000)
            }
        }
        // solhint-enable no-inline-assembly
        return _ratesWad[modelId][dayAt];
    }
}
