// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

enum StepKind {
    Fee, // a fee up to its cap, with what is unpaid of it since earlier dates
    Interest, // interest of a senior class
    Reserve, // the liquidity reserve, filled to its target
    Principal, // principal of a senior class, to its schedule
    Turbo, // principal of a senior class beyond its schedule, from the anticipated repayment date on
    Trap, // all that is left, kept while a covenant is breached
    FeeExcess, // a fee above its cap
    Residual // all that is left, to the residual class
}

/// One line of the priority of payments.
struct Step {
    StepKind kind;
    uint8 subjectIndex; // of the fee or the class; 0 for the reserve and the trap
}

/// The lists of a facility: which one is run depends on its state.
enum StepList {
    Performing, // also in a cash trap
    Amortisation,
    Enforcement
}

/// The step at `stepIndex` is out of place: wrong subject, twice, not of this list, or junior principal above senior
/// interest.
error Waterfall_BadStep(uint256 stepIndex, StepKind kind, uint256 subjectIndex);
/// The steps leave out a fee, interest, principal, the reserve or the residual.
error Waterfall_Incomplete(uint256 feeCount, uint256 interestCount, uint256 reserveCount, uint256 principalCount);

/// @title The priority of payments, as data.
/// @notice Payments and what remains add up to the cash. A step is paid only when every step above it is paid in full.
/// More cash never pays a step less. The reserve needs no rule of its own: its old balance is part of the cash, and its
/// due is its target, so the steps above it draw on it and the steps below wait until it is full again.
/// Proven by the compiler's model checker, with what the other functions here split (docs/proofs.md).
library Waterfall {
    /// @dev Pays one step: as much of what is due as there is.
    function pay(uint256 dueAssets, uint256 cashAssets) internal pure returns (uint256 paidAssets, uint256 leftAssets) {
        paidAssets = dueAssets < cashAssets ? dueAssets : cashAssets;
        leftAssets = cashAssets - paidAssets;
    }

    /// @dev Splits what is due of a fee at its cap: the Fee step pays the one part, FeeExcess the other.
    function splitFee(
        uint256 dueAssets,
        uint256 capAssets
    ) internal pure returns (uint256 cappedAssets, uint256 excessAssets) {
        cappedAssets = dueAssets < capAssets ? dueAssets : capAssets;
        excessAssets = dueAssets - cappedAssets;
    }

    /// @dev Splits what a class has outstanding at its schedule: Principal pays the one part, Turbo the other.
    function splitPrincipal(
        uint256 outstandingAssets,
        uint256 scheduledAssets
    ) internal pure returns (uint256 principalAssets, uint256 turboAssets) {
        turboAssets = outstandingAssets < scheduledAssets ? outstandingAssets : scheduledAssets;
        principalAssets = outstandingAssets - turboAssets;
    }

    /// @dev Splits what a class is paid below interest: principal until its own is repaid, then income; income alone
    /// where `isIncome`.
    function splitPaid(
        uint256 paidAssets,
        uint256 outstandingAssets,
        bool isIncome
    ) internal pure returns (uint256 incomeAssets, uint256 principalAssets) {
        if (!isIncome) principalAssets = paidAssets < outstandingAssets ? paidAssets : outstandingAssets;
        incomeAssets = paidAssets - principalAssets;
    }
}
