// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {LotId} from "../units.sol";

/// @title One party of a history: does what the history says, signs everything, and has its price for a lot.
contract MockActor is IERC1271 {
    uint256 private _leastAssets;

    function setLeast(uint256 leastAssets) external {
        _leastAssets = leastAssets;
    }

    /// @dev As the leases ask the holder of a lien.
    function releaseAssets(LotId, address) external view returns (uint256) {
        return _leastAssets;
    }

    function act(address target, bytes calldata data) external returns (bool isDone, bytes memory answer) {
        return target.call(data);
    }

    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return IERC1271.isValidSignature.selector;
    }
}

/// @title Plays a step of a random history on the real contracts, in one transaction, and compares what they show
/// afterwards with what a model says.
contract MockHistory {
    struct Act {
        uint256 actorIndex;
        address target;
        bytes data;
        bool isRefused; // by the model: then the call must revert
    }

    /// @dev A view to compare: words of its answer.
    struct Read {
        address target;
        bytes data;
        uint256[] wordIndices;
    }

    MockActor[] public actors;
    Read[] private _reads; // after every step
    Read[] private _moreReads; // after some

    error MockHistory_Refused(uint256 actIndex, bytes reason);
    error MockHistory_NotRefused(uint256 actIndex);
    error MockHistory_Unread(address target, bytes data, bytes reason);
    error MockHistory_Differs(uint256[] shownValues);

    constructor(uint256 actorCount) {
        for (uint256 i = 0; i < actorCount; ++i) actors.push(new MockActor());
    }

    /// @notice From now on these views are compared too, after every step or only when all are asked for.
    function watch(Read[] calldata reads, Read[] calldata moreReads) external {
        for (uint256 i = 0; i < reads.length; ++i) _reads.push(reads[i]);
        for (uint256 i = 0; i < moreReads.length; ++i) _moreReads.push(moreReads[i]);
    }

    /// @notice Acts in order, then compares what is watched with the words of the model.
    function play(Act[] calldata acts, bool all, bytes calldata modelledValues) external {
        for (uint256 i = 0; i < acts.length; ++i) {
            (bool isDone, bytes memory answer) = actors[acts[i].actorIndex].act(acts[i].target, acts[i].data);
            require(isDone || acts[i].isRefused, MockHistory_Refused(i, answer));
            require(!isDone || !acts[i].isRefused, MockHistory_NotRefused(i));
        }
        uint256[] memory shownValues = new uint256[](modelledValues.length / 32);
        uint256 next = _show(_reads, shownValues, 0);
        if (all) _show(_moreReads, shownValues, next);
        require(
            keccak256(abi.encodePacked(shownValues)) == keccak256(modelledValues),
            MockHistory_Differs(shownValues)
        );
    }

    function _show(
        Read[] storage reads,
        uint256[] memory shownValues,
        uint256 next
    ) private view returns (uint256 next_) {
        next_ = next;
        for (uint256 i = 0; i < reads.length; ++i) {
            (address target, bytes memory data) = (reads[i].target, reads[i].data);
            (bool isDone, bytes memory answer) = target.staticcall(data);
            require(isDone, MockHistory_Unread(target, data, answer));
            uint256[] storage wordIndices = reads[i].wordIndices;
            for (uint256 j = 0; j < wordIndices.length; ++j) {
                uint256 offset = 32 * (wordIndices[j] + 1);
                uint256 word;
                assembly {
                    word := mload(add(answer, offset))
                }
                shownValues[next_++] = word;
            }
        }
    }
}
