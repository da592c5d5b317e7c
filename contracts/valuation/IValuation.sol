// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What all shares of a class are worth together, for who leaves and for who comes, and when that may be acted on.
struct ClassValue {
    uint256 exitAssets;
    uint256 entryAssets; // never below `exitAssets`
    uint64 computedAt; // of the oldest input; 0: never
    uint32 maxAgeSec;
    uint64 heldUntilAt; // after a jump
}

using {isUsable} for ClassValue global;

/// @dev Whether a value may be acted on now.
function isUsable(ClassValue memory value) view returns (bool) {
    return block.timestamp >= value.heldUntilAt && block.timestamp <= uint256(value.computedAt) + value.maxAgeSec;
}

/// @title What a vault and an exchange ask of the valuation.
interface IValuation {
    /// @notice What a class is worth, of whatever age: to look at, or to act on if `isUsable`. Reverts for an unknown
    /// class only.
    function classValue(address facility, uint256 classIndex) external view returns (ClassValue memory);

    /// @notice Whole settlement tokens per whole share on exit, rounded down. Reverts when there is no price to act on.
    function classPriceWad(address facility, uint256 classIndex) external view returns (uint256);

    /// @notice Interest that accrued to `shares` of a class since its last payment date, in the settlement token,
    /// rounded down; 0 where the class trades flat: a residual, one that waits for missed interest, a facility past
    /// CashTrap. Reverts for a token that is no class of its facility.
    function accruedAssets(address classToken, uint256 shares) external view returns (uint256);
}
