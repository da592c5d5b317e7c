// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Waterfall} from "../../contracts/facility/Waterfall.sol";

// A payment date as a machine that pays one step a call. The checker proves what is asserted for every sequence of
// calls, so for any number of steps, any dues and any cash.

/// @custom:arithmetic 2
contract OneStep {
    function pay(uint256 dueAssets, uint256 cashAssets) external pure {
        (uint256 paidAssets, uint256 leftAssets) = Waterfall.pay(dueAssets, cashAssets);
        // the payment of a step and what it leaves are the cash before it
        assert(paidAssets + leftAssets == cashAssets);
        // a step is paid no more than is due
        assert(paidAssets <= dueAssets);
        // a step is paid less than is due only where nothing is left
        assert(paidAssets == dueAssets || leftAssets == 0);
        // possible: a step is paid in part
        assert(paidAssets == 0 || paidAssets == dueAssets);
    }
}

/// @custom:arithmetic 3
contract Conservation {
    uint256 private _cashAssets;
    uint256 private _leftAssets;
    uint256 private _paidAssets;

    constructor(uint256 cashAssets) {
        _cashAssets = cashAssets;
        _leftAssets = cashAssets;
    }

    function pay(uint256 dueAssets) external {
        uint256 paidAssets;
        (paidAssets, _leftAssets) = Waterfall.pay(dueAssets, _leftAssets);
        _paidAssets += paidAssets;
        // conservation: payments and what is left add up to the cash, after any number of steps
        assert(_paidAssets + _leftAssets == _cashAssets);
        // possible: a step is paid, and cash is left
        assert(paidAssets == 0 || _leftAssets == 0);
    }
}

/// @custom:arithmetic 1
contract Seniority {
    uint256 private _leftAssets;
    bool private _isShort; // a step above was not paid in full

    constructor(uint256 cashAssets) {
        _leftAssets = cashAssets;
    }

    function pay(uint256 dueAssets) external {
        uint256 paidAssets;
        (paidAssets, _leftAssets) = Waterfall.pay(dueAssets, _leftAssets);
        // seniority: nothing is paid below a step that is not whole
        assert(!_isShort || paidAssets == 0);
        // cash is left only where every step so far is whole
        assert(_leftAssets == 0 || paidAssets == dueAssets);
        // possible: a step is paid in part
        assert(paidAssets == 0 || paidAssets == dueAssets);
        if (paidAssets < dueAssets) _isShort = true;
    }
}

/// The same steps, run on less and on more cash.
/// @custom:arithmetic 1
contract Monotonicity {
    uint256 private _lessAssets;
    uint256 private _moreAssets;

    constructor(uint256 lessAssets, uint256 moreAssets) {
        require(lessAssets <= moreAssets);
        _lessAssets = lessAssets;
        _moreAssets = moreAssets;
    }

    function pay(uint256 dueAssets) external {
        _pay(dueAssets, dueAssets);
    }

    /// Trap and Residual: all the cash there was at first, so at least what is left.
    function payAll(uint256 lessAssets, uint256 moreAssets) external {
        require(lessAssets >= _lessAssets && moreAssets >= _moreAssets);
        _pay(lessAssets, moreAssets);
    }

    function _pay(uint256 lessDueAssets, uint256 moreDueAssets) private {
        uint256 lessPaidAssets;
        uint256 morePaidAssets;
        (lessPaidAssets, _lessAssets) = Waterfall.pay(lessDueAssets, _lessAssets);
        (morePaidAssets, _moreAssets) = Waterfall.pay(moreDueAssets, _moreAssets);
        // monotonicity: more cash never pays a step less
        assert(lessPaidAssets <= morePaidAssets);
        // more cash never leaves less for the steps below
        assert(_lessAssets <= _moreAssets);
        // possible: more cash pays a step more
        assert(lessPaidAssets == morePaidAssets);
    }
}
