// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IRegistry} from "./IRegistry.sol";

/// @title What a lot's identity root and a node's key commit to.
library Identity {
    // A leaf is four words, hashed twice: neither 32 nor 64 bytes, it can never be an inner node, and the kind in its
    // first word makes it no leaf of another tree.
    uint256 private constant KIND_IDENTITY = 1;

    /// @dev Whether the leaf stands at its index of the identity tree of a lot of `gpuCount` devices.
    function isIn(
        IRegistry.Identified calldata device,
        bytes32 identityRoot,
        uint32 gpuCount
    ) internal pure returns (bool) {
        bytes32 leaf = keccak256(
            bytes.concat(keccak256(abi.encode(KIND_IDENTITY, device.deviceIndex, device.anchor, device.nodeKeyHash)))
        );
        return device.deviceIndex < gpuCount && MerkleProof.verifyCalldata(device.proof, identityRoot, leaf);
    }

    /// @dev What the registry keeps of keccak256(x ‖ y): 184 bits, so that a node fits in a word.
    function keyHash(bytes32 publicX, bytes32 publicY) internal pure returns (bytes23) {
        return bytes23(keccak256(abi.encode(publicX, publicY)));
    }
}
