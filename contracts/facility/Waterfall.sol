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
    /// one; no turbo, trap or fee excess above any principal, each at most once and in order; the residual once and
    /// last. Reserve, turbo and trap stand in the performing list only, the reserve above all principal. In the
    /// enforcement list all of a class stands above all of the next.
    function check(
        Step[] calldata steps,
        StepList list,
        uint256 feeCount,
        uint256 seniorCount,
        bool hasReserve
    ) internal pure {
        // How many of each kind have been seen; Residual counts too, and must be the last step.
        uint256[8] memory seen;
        for (uint256 i = 0; i < steps.length; ++i) {
            Step calldata step = steps[i];
            uint256 kind = uint256(step.kind);
            uint256 principalCount = seen[uint256(StepKind.Principal)];
            bool good = step.subjectIndex == seen[kind];
            if (step.kind == StepKind.Interest) {
                good = good && (list != StepList.Enforcement || principalCount == seen[kind]);
            } else if (step.kind == StepKind.Principal) {
                good = good && seen[kind] < seen[uint256(StepKind.Interest)];
            } else if (step.kind == StepKind.Reserve) {
                good = good && seen[kind] == 0 && principalCount == 0 && list == StepList.Performing;
            } else if (step.kind == StepKind.Residual) {
                good = step.subjectIndex == seniorCount && i + 1 == steps.length;
            } else if (step.kind != StepKind.Fee) {
                good = good && principalCount == seniorCount;
                if (step.kind == StepKind.FeeExcess) good = good && seen[kind] < feeCount;
                else good = good && list == StepList.Performing && seen[kind] < _countOf(step.kind, seniorCount);
            }
            require(good, Waterfall_BadStep(i, step.kind, step.subjectIndex));
            ++seen[kind];
        }
        bool reserved = hasReserve && list == StepList.Performing;
        require(
            seen[uint256(StepKind.Fee)] == feeCount &&
                seen[uint256(StepKind.Interest)] == seniorCount &&
                (seen[uint256(StepKind.Reserve)] == 1) == reserved &&
                seen[uint256(StepKind.Principal)] == seniorCount &&
                seen[uint256(StepKind.Residual)] == 1,
            Waterfall_Incomplete(seen[0], seen[1], seen[2], seen[3])
        );
    }

    /// @dev How many turbo or trap steps there may be.
    function _countOf(StepKind kind, uint256 seniorCount) private pure returns (uint256) {
        return kind == StepKind.Trap ? 1 : seniorCount;
    }
}
