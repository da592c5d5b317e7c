// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @title A contract wallet that accepts one digest, or whatever it is told to, and may call others while it decides.
contract MockWallet is IERC1271 {
    bytes32 public acceptedDigest;
    address public callTarget;
    bytes public callData;

    function accept(bytes32 digest) external {
        acceptedDigest = digest;
    }

    function callWhenAsked(address target, bytes calldata data) external {
        (callTarget, callData) = (target, data);
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        if (callTarget != address(0)) {
            (bool isDone, ) = callTarget.staticcall(callData);
            if (!isDone) return 0xffffffff;
        }
        return digest == acceptedDigest ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
