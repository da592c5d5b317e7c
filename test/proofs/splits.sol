// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Waterfall} from "../../contracts/facility/Waterfall.sol";

// What is due and what is paid, split in two: nothing is lost and nothing is counted twice.

/// @custom:arithmetic 2
contract FeeSplit {
    function split(uint256 dueAssets, uint256 capAssets) external pure {
        (uint256 cappedAssets, uint256 excessAssets) = Waterfall.splitFee(dueAssets, capAssets);
        // a fee's capped part and its excess are what is due of it
        assert(cappedAssets + excessAssets == dueAssets);
        // the capped part is within the cap
        assert(cappedAssets <= capAssets);
        // there is no excess below the cap
        assert(excessAssets == 0 || cappedAssets == capAssets);
        // possible: a fee is due in both parts
        assert(excessAssets == 0 || cappedAssets == 0);
    }
}

/// @custom:arithmetic 3
contract PrincipalSplit {
    function split(uint256 outstandingAssets, uint256 scheduledAssets) external pure {
        (uint256 principalAssets, uint256 turboAssets) = Waterfall.splitPrincipal(outstandingAssets, scheduledAssets);
        // principal and turbo together are what is outstanding
        assert(principalAssets + turboAssets == outstandingAssets);
        // principal paid in full leaves what is scheduled, or less
        assert(outstandingAssets - principalAssets <= scheduledAssets);
        // principal is due only above the schedule
        assert(principalAssets == 0 || turboAssets == scheduledAssets);
        // possible: both are due
        assert(principalAssets == 0 || turboAssets == 0);
    }
}

/// @custom:arithmetic 5
contract PaidSplit {
    uint256 private _outstandingAssets;
    uint256 private immutable RAISED;
    uint256 private _principalAssets;

    constructor(uint256 raisedAssets) {
        RAISED = raisedAssets;
        _outstandingAssets = raisedAssets;
    }

    function paid(uint256 paidAssets, bool isIncome) external {
        (uint256 incomeAssets, uint256 principalAssets) = Waterfall.splitPaid(paidAssets, _outstandingAssets, isIncome);
        // income and principal are what is paid
        assert(incomeAssets + principalAssets == paidAssets);
        // what is income alone repays nothing
        assert(!isIncome || principalAssets == 0);
        // income comes only after principal is repaid, unless it is income alone
        assert(isIncome || incomeAssets == 0 || principalAssets == _outstandingAssets);
        _outstandingAssets -= principalAssets;
        _principalAssets += principalAssets;
        // principal paid and principal outstanding are the principal raised, after any number of payments
        assert(_principalAssets + _outstandingAssets == RAISED);
        // possible: a payment is both
        assert(incomeAssets == 0 || principalAssets == 0);
    }
}
