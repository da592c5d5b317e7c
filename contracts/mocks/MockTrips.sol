// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title An account that makes the same round of calls many times in one transaction.
contract MockTrips {
    struct Leg {
        address target;
        bytes data;
    }

    error MockTrips_Refused(uint256 roundIndex, uint256 legIndex, bytes reason);

    function run(Leg[] calldata legs, uint256 roundCount) external {
        for (uint256 i = 0; i < roundCount; ++i) {
            for (uint256 j = 0; j < legs.length; ++j) {
                (bool isDone, bytes memory reason) = legs[j].target.call(legs[j].data);
                require(isDone, MockTrips_Refused(i, j, reason));
            }
        }
    }
}
