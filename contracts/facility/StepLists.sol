// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Step, StepKind, StepList, Waterfall_BadStep, Waterfall_Incomplete} from "./Waterfall.sol";

/// @title Which orders of steps a facility may have.
library StepLists {
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
    ) private pure returns (bool) {
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
