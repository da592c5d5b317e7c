// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @title One party of a history: does what the history says, and signs everything.
contract MockActor is IERC1271 {
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
    Read[] private _reads;

    error MockHistory_Refused(uint256 actIndex, bytes reason);
    error MockHistory_NotRefused(uint256 actIndex);
    error MockHistory_Unread(uint256 readIndex, bytes reason);
    error MockHistory_Differs(uint256[] shownValues);

    constructor(uint256 actorCount) {
        for (uint256 i = 0; i < actorCount; ++i) actors.push(new MockActor());
    }

    /// @notice From now on these views are compared too.
    function watch(Read[] calldata reads) external {
        for (uint256 i = 0; i < reads.length; ++i) _reads.push(reads[i]);
    }

    /// @notice Forgets the views of the history before.
    function reset() external {
        delete _reads;
    }

    /// @notice Acts in order, then compares all that is watched.
    function play(Act[] calldata acts, uint256[] calldata modelledValues) external {
        for (uint256 i = 0; i < acts.length; ++i) {
            (bool isDone, bytes memory answer) = actors[acts[i].actorIndex].act(acts[i].target, acts[i].data);
            require(isDone || acts[i].isRefused, MockHistory_Refused(i, answer));
            require(!isDone || !acts[i].isRefused, MockHistory_NotRefused(i));
        }
        uint256[] memory shownValues = _show(modelledValues.length);
        for (uint256 i = 0; i < shownValues.length; ++i) {
            require(shownValues[i] == modelledValues[i], MockHistory_Differs(shownValues));
        }
    }

    function _show(uint256 valueCount) private view returns (uint256[] memory shownValues) {
        shownValues = new uint256[](valueCount);
        uint256 next = 0;
        for (uint256 i = 0; i < _reads.length; ++i) {
            Read storage read = _reads[i];
            (bool isDone, bytes memory answer) = read.target.staticcall(read.data);
            require(isDone, MockHistory_Unread(i, answer));
            uint256[] memory wordIndices = read.wordIndices;
            for (uint256 j = 0; j < wordIndices.length; ++j) {
                uint256 offset = 32 * (wordIndices[j] + 1);
                uint256 word;
                assembly {
                    word := mload(add(answer, offset))
                }
                shownValues[next++] = word;
            }
        }
    }
}
