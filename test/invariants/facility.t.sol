// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {amortizedAssets, levelPaymentAssets} from "../../contracts/annuity.sol";
import {addMonths, dateOf, daysInMonth, timeOf} from "../../contracts/calendar.sol";
import {Waterfall} from "../../contracts/facility/Waterfall.sol";
import {BPS, RAY} from "../../contracts/units.sol";

/// @title The priority of payments, for any dues and any cash.
contract WaterfallTest {
    function testFuzz_paymentsAndRemainderAreTheCash(uint128[] memory dues128, uint256 cash) external pure {
        (uint256[] memory dues, uint256 paid) = (_widened(dues128), 0);
        (uint256[] memory payments, uint256 remainder) = _paid(dues, cash);
        for (uint256 i = 0; i < dues.length; ++i) {
            assert(payments[i] <= dues[i]);
            paid += payments[i];
        }
        assert(paid + remainder == cash);
    }

    function testFuzz_M10_noStepIsPaidBeforeThoseAboveAreWhole(uint128[] memory dues128, uint160 cash) external pure {
        uint256[] memory dues = _widened(dues128);
        (uint256[] memory payments, uint256 remainder) = _paid(dues, cash);
        bool short;
        for (uint256 i = 0; i < dues.length; ++i) {
            assert(!short || payments[i] == 0);
            short = short || payments[i] < dues[i];
        }
        assert(!short || remainder == 0);
    }

    function testFuzz_moreCashPaysNoStepLess(uint128[] memory dues128, uint128 cash, uint128 more) external pure {
        uint256[] memory dues = _widened(dues128);
        (uint256[] memory less, uint256 lessLeft) = _paid(dues, cash);
        (uint256[] memory payments, uint256 left) = _paid(dues, uint256(cash) + more);
        for (uint256 i = 0; i < dues.length; ++i) assert(payments[i] >= less[i]);
        assert(left >= lessLeft);
    }

    function _paid(
        uint256[] memory dues,
        uint256 cash
    ) private pure returns (uint256[] memory payments, uint256 remainder) {
        payments = new uint256[](dues.length);
        remainder = cash;
        for (uint256 i = 0; i < dues.length; ++i) (payments[i], remainder) = Waterfall.pay(dues[i], remainder);
    }

    function _widened(uint128[] memory dues128) private pure returns (uint256[] memory dues) {
        dues = new uint256[](dues128.length);
        for (uint256 i = 0; i < dues.length; ++i) dues[i] = dues128[i];
    }
}

/// @title The schedule of a level payment, for any principal, coupon, term and balloon.
contract AnnuityTest {
    function testFuzz_theScheduleEndsAtTheBalloon(
        uint96 principal,
        uint16 couponBps,
        uint8 months,
        uint96 balloon
    ) external pure {
        uint256 coupon = couponBps % 3000;
        uint256 term = uint256(months % 120) + 1;
        uint256 rest = principal == 0 ? 0 : uint256(balloon) % principal;
        uint256 rateRay = (coupon * RAY) / (12 * BPS);
        uint256 payment = levelPaymentAssets(principal, rateRay, term, rest);
        uint256 scheduled = principal;
        for (uint256 i = 0; i < term; ++i) {
            uint256 next = amortizedAssets(scheduled, coupon, payment);
            assert(next <= scheduled);
            scheduled = next;
        }
        // Up to two units of rounding a period, compounded, and the last digits of a rate of 27 decimals.
        uint256 tolerance = 1e4 * term + uint256(principal) / 1e15;
        assert(scheduled <= rest + tolerance);
        assert(scheduled + tolerance >= rest);
    }
}

/// @title Dates, for any anchor from 1970 to 2500.
contract CalendarTest {
    uint256 private constant LATEST_AT = 16_725_225_600;

    function testFuzz_aDateGoesThereAndBack(uint40 timeAt) external pure {
        uint256 anchorAt = timeAt % LATEST_AT;
        assert(timeOf(dateOf(anchorAt)) == anchorAt - (anchorAt % 86_400));
    }

    function testFuzz_M09_addMonthsKeepsTheAnchorDayOrTheMonthsEnd(uint40 timeAt, uint8 months) external pure {
        uint256 anchorAt = timeAt % LATEST_AT;
        uint256 anchorDay = dateOf(anchorAt).day;
        uint256 laterAt = addMonths(anchorAt, months);
        uint256 lastDay = daysInMonth(dateOf(laterAt).year, dateOf(laterAt).month);
        assert(dateOf(laterAt).day == (anchorDay < lastDay ? anchorDay : lastDay));
        uint256 monthsApart =
            (dateOf(laterAt).year - dateOf(anchorAt).year) * 12 + dateOf(laterAt).month - dateOf(anchorAt).month;
        assert(monthsApart == months);
        assert(laterAt % 86_400 == anchorAt % 86_400);
    }
}
