// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IWindows} from "../bond/IWindows.sol";

/// @title A telemetry whose delays and signers are what a test says.
contract MockWindows is IWindows {
    uint64 public immutable challengeSec;
    uint64 public immutable maxDelaySec;
    address[] private _signers;

    constructor(uint64 challengeSec_, uint64 maxDelaySec_) {
        challengeSec = challengeSec_;
        maxDelaySec = maxDelaySec_;
    }

    function setSigners(address[] calldata signers_) external {
        _signers = signers_;
    }

    function signers() external view returns (address[] memory) {
        return _signers;
    }
}
