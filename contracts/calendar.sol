// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// Dates of the proleptic Gregorian calendar in UTC. Day and month algorithms: Howard Hinnant, "chrono-Compatible
// Low-Level Date Algorithms" (days_from_civil, civil_from_days), for days from 1970-01-01 on.

uint256 constant DAY_SEC = 86_400;

struct Date {
    uint256 year;
    uint256 month; // 1 to 12
    uint256 day; // 1 to 31
}

/// @dev The UTC date of a unix time.
function dateOf(uint256 timeAt) pure returns (Date memory date) {
    uint256 z = timeAt / DAY_SEC + 719_468; // days since 0000-03-01
    uint256 era = z / 146_097;
    uint256 dayOfEra = z % 146_097;
    uint256 yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
    uint256 dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
    uint256 marchMonth = (5 * dayOfYear + 2) / 153;
    date.day = dayOfYear - (153 * marchMonth + 2) / 5 + 1;
    date.month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
    date.year = yearOfEra + era * 400 + (date.month <= 2 ? 1 : 0);
}

/// @dev Midnight UTC of a date, in unix seconds. The date must exist and be 1970-01-01 or later.
function timeOf(Date memory date) pure returns (uint256 timeAt) {
    uint256 year = date.month <= 2 ? date.year - 1 : date.year;
    uint256 marchMonth = date.month > 2 ? date.month - 3 : date.month + 9;
    uint256 dayOfYear = (153 * marchMonth + 2) / 5 + date.day - 1;
    uint256 yearOfEra = year % 400;
    uint256 dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
    return ((year / 400) * 146_097 + dayOfEra - 719_468) * DAY_SEC;
}

/// @dev The number of days in a month (1 to 12) of a year.
function daysInMonth(uint256 year, uint256 month) pure returns (uint256) {
    if (month == 2) return (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) ? 29 : 28;
    return (month == 4 || month == 6 || month == 9 || month == 11) ? 30 : 31;
}

/// @dev `months` after `anchorAt`, on the anchor's day of the month or the month's last day, whichever is first,
/// at the anchor's time of day. Counting from the anchor, so 31 January gives 28 February and then 31 March.
function addMonths(uint256 anchorAt, uint256 months) pure returns (uint256 timeAt) {
    Date memory date = dateOf(anchorAt);
    uint256 month = date.month - 1 + months;
    date.year += month / 12;
    date.month = (month % 12) + 1;
    uint256 last = daysInMonth(date.year, date.month);
    if (date.day > last) date.day = last;
    return timeOf(date) + (anchorAt % DAY_SEC);
}

/// @dev Days between two times by the 30/360 bond basis (ISDA 2006, 4.16(f)): a day 31 counts as 30, the later one
/// only when the earlier one is 30 or 31.
function days30360(uint256 fromAt, uint256 toAt) pure returns (uint256) {
    Date memory from = dateOf(fromAt);
    Date memory to = dateOf(toAt);
    if (from.day == 31) from.day = 30;
    if (to.day == 31 && from.day == 30) to.day = 30;
    return 360 * (to.year - from.year) + 30 * to.month + to.day - 30 * from.month - from.day;
}

/// @dev Days of interest by 30/360 in the period from one payment date to the next: 30 for the whole of it, whatever
/// its days, and at most 30 before its end. Past its end the bond basis goes on from there: that date is run late.
function periodDays30360(uint256 fromAt, uint256 nextAt, uint256 toAt) pure returns (uint256) {
    if (toAt >= nextAt) return 30 + days30360(nextAt, toAt);
    uint256 dayCount = days30360(fromAt, toAt);
    return dayCount < 30 ? dayCount : 30;
}
