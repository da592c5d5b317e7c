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

    /// @dev Checks an order of steps. In every list: each fee once, interest and principal of each senior class once,
    /// the residual once and last; no principal of a class above the interest of that class or a more senior one. The
    /// reserve stands in the performing list only, once and above all principal, where there is one.
    function check(
        Step[] calldata steps,
        StepList list,
        uint256 feeCount,
        uint256 seniorCount,
        bool hasReserve
    ) internal pure {
        uint256[8] memory seen; // how many of each kind stand above
        for (uint256 i = 0; i < steps.length; ++i) {
            Step calldata step = steps[i];
            require(
                mayStand(step, list, seen, feeCount, seniorCount) &&
                    (step.kind != StepKind.Residual || i + 1 == steps.length),
                Waterfall_BadStep(i, step.kind, step.subjectIndex)
            );
            ++seen[uint256(step.kind)];
        }
        uint256 reserveCount = hasReserve && list == StepList.Performing ? 1 : 0;
        require(
            seen[uint256(StepKind.Fee)] == feeCount &&
                seen[uint256(StepKind.Interest)] == seniorCount &&
                seen[uint256(StepKind.Reserve)] == reserveCount &&
                seen[uint256(StepKind.Principal)] == seniorCount &&
                seen[uint256(StepKind.Residual)] == 1,
            Waterfall_Incomplete(seen[0], seen[1], seen[2], seen[3])
        );
    }

    /// @dev Whether a step may stand below those seen. All kinds are in the order of their subjects, so interest
    /// and principal are senior first. In the enforcement list all of a class stands above all of the next; turbo, trap
    /// and the excess of fees stand below all principal, turbo and trap in the performing list only.
    function mayStand(
        Step memory step,
        StepList list,
        uint256[8] memory seen,
        uint256 feeCount,
        uint256 seniorCount
    ) internal pure returns (bool) {
        uint256 subject = step.subjectIndex;
        if (step.kind == StepKind.Residual) return subject == seniorCount;
        if (subject != seen[uint256(step.kind)]) return false;
        uint256 principals = seen[uint256(StepKind.Principal)];
        if (step.kind == StepKind.Fee) return subject < feeCount;
        if (step.kind == StepKind.Interest) {
            return subject < seniorCount && (list != StepList.Enforcement || principals == subject);
        }
        if (step.kind == StepKind.Principal) return subject < seen[uint256(StepKind.Interest)];
        if (step.kind == StepKind.FeeExcess) return subject < feeCount && principals == seniorCount;
        if (list != StepList.Performing) return false;
        if (step.kind == StepKind.Reserve) return subject == 0 && principals == 0;
        return principals == seniorCount && subject < (step.kind == StepKind.Trap ? 1 : seniorCount);
    }
}
