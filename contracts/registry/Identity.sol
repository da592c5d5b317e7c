// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IRegistry} from "./IRegistry.sol";

/// @title What a lot's identity root and a node's key commit to.
library Identity {
    // A leaf is four words, hashed twice: neither 32 nor 64 bytes, it can never be an inner node, and the kind in its
    // first word makes it no leaf of another tree.
    uint256 private constant KIND_IDENTITY = 1;

    /// @dev The root of the identity tree, of a lot of `gpuCount` devices, that the leaf stands in by its proof; 0 for
    /// an index beyond.
    function rootOf(IRegistry.Identified calldata device, uint32 gpuCount) internal pure returns (bytes32) {
        if (device.deviceIndex >= gpuCount) return 0;
        bytes32 leaf = keccak256(
            bytes.concat(keccak256(abi.encode(KIND_IDENTITY, device.deviceIndex, device.anchor, device.nodeKeyHash)))
        );
        return MerkleProof.processProofCalldata(device.proof, leaf);
    }

    /// @dev keccak256(x ‖ y), which the leaves of the identity trees name.
    function keyHash(bytes32 publicX, bytes32 publicY) internal pure returns (bytes32) {
        return keccak256(abi.encode(publicX, publicY));
    }
}
