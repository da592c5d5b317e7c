// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title A token whose transfers revert with 64 KiB, so that who copies them pays for it.
contract MockBomb {
    /// @notice What transfers revert with.
    function reason() public pure returns (bytes memory answer) {
        answer = new bytes(65_536);
        for (uint256 i = 0; i < 512; ++i) answer[i] = bytes1(uint8(i));
    }

    function balanceOf(address) external pure returns (uint256) {
        return 0;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        bytes memory answer = reason();
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            revert(add(answer, 32), mload(answer))
        }
    }
}
