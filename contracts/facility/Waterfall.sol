// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

enum StepKind {
    Fee, // a fee, with what is unpaid of it since earlier dates
    Interest, // interest of a senior class
    Reserve, // the liquidity reserve, filled to its target
    Principal, // principal of a senior class
    Residual // all that is left, to the residual class
}

/// One line of the priority of payments.
struct Step {
    StepKind kind;
    uint8 subjectIndex; // of the fee or the class; 0 for the reserve
}

/// The step at `stepIndex` is out of place: wrong subject, twice, or junior principal above senior interest.
error Waterfall_BadStep(uint256 stepIndex, StepKind kind, uint256 subjectIndex);
/// The steps leave out a fee, interest, principal, the reserve or the residual.
error Waterfall_Incomplete(uint256 feeCount, uint256 interestCount, uint256 reserveCount, uint256 principalCount);

/// @title The priority of payments, as data.
/// @notice Payments and what remains add up to the cash. A step is paid only when every step above it is paid in full.
/// More cash never pays a step less. The reserve needs no rule of its own: its old balance is part of the cash, and its
/// due is its target, so the steps above it draw on it and the steps below wait until it is full again.
library Waterfall {
    /// @dev Pays one step: as much of what is due as there is.
    function pay(uint256 dueAssets, uint256 cashAssets) internal pure returns (uint256 paidAssets, uint256 leftAssets) {
        paidAssets = dueAssets < cashAssets ? dueAssets : cashAssets;
        leftAssets = cashAssets - paidAssets;
    }

    /// @dev Pays the steps in order.
    function allocate(
        uint256[] memory duesAssets,
        uint256 cashAssets
    ) internal pure returns (uint256[] memory paymentsAssets, uint256 remainderAssets) {
        paymentsAssets = new uint256[](duesAssets.length);
        remainderAssets = cashAssets;
        for (uint256 i = 0; i < duesAssets.length; ++i) {
            (paymentsAssets[i], remainderAssets) = pay(duesAssets[i], remainderAssets);
        }
    }

    /// @dev Checks an order of steps: each fee once and in the order of the fees; interest, and principal, of each
    /// senior class once and senior first; no principal of a class above the interest of that class or a more senior
    /// one; at most one reserve, above all principal; the residual once and last.
    function check(Step[] calldata steps, uint256 feeCount, uint256 seniorCount, bool hasReserve) internal pure {
        // How many of each kind have been seen; Residual counts too, and must be the last step.
        uint256[5] memory seen;
        for (uint256 i = 0; i < steps.length; ++i) {
            Step calldata step = steps[i];
            uint256 kind = uint256(step.kind);
            bool good;
            if (step.kind == StepKind.Fee || step.kind == StepKind.Interest) {
                good = step.subjectIndex == seen[kind];
            } else if (step.kind == StepKind.Reserve) {
                good = step.subjectIndex == 0 && seen[kind] == 0 && seen[uint256(StepKind.Principal)] == 0;
            } else if (step.kind == StepKind.Principal) {
                good = step.subjectIndex == seen[kind] && seen[kind] < seen[uint256(StepKind.Interest)];
            } else {
                good = step.subjectIndex == seniorCount && i + 1 == steps.length;
            }
            require(good, Waterfall_BadStep(i, step.kind, step.subjectIndex));
            ++seen[kind];
        }
        require(
            seen[0] == feeCount &&
                seen[1] == seniorCount &&
                (seen[2] == 1) == hasReserve &&
                seen[3] == seniorCount &&
                seen[4] == 1,
            Waterfall_Incomplete(seen[0], seen[1], seen[2], seen[3])
        );
    }
}
