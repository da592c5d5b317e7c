// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DAY_SEC} from "../calendar.sol";
import {BPS, EPOCH_SEC, LeaseId, LotId} from "../units.sol";
import {Book, Books, Breach, Class, Margin} from "./FacilityBook.sol";
import {IFacility, RatchetStep, State, Trigger} from "./IFacility.sol";

/// @title What anyone may show of a facility: covenants that do not hold, defaults, and the measured efficiency.
/// @notice Runs on the facility's own book, in its name. Nobody's word counts: a fact is read from the appraisal, the
/// registry, the leases or the book in the block that shows it. What does not hold, is shown already or cannot be known
/// is refused.
library Covenants {
    using Books for Book;

    /// How old the last day of a coverage may be when it breaches.
    uint256 private constant COVERAGE_DAYS = 14;

    /// @notice See `Facility.declareLtv`.
    function declareLtv(Book storage book) external {
        _requireNew(book, Trigger.Ltv, 0);
        require(_isOverLtv(book), IFacility.Facility_CovenantHolds(Trigger.Ltv, 0));
        book.setBreach(Trigger.Ltv, 0, true);
    }

    /// @notice See `Facility.cureLtv`.
    function cureLtv(Book storage book) external {
        _requireOpen(book, Trigger.Ltv, 0);
        require(!_isOverLtv(book), IFacility.Facility_CovenantBroken(Trigger.Ltv, 0));
        book.setBreach(Trigger.Ltv, 0, false);
    }

    /// @notice See `Facility.declareCoverage`.
    function declareCoverage(Book storage book, LotId lotId, uint64 dayAt) external {
        uint256 subjectId = LotId.unwrap(lotId);
        _requireNew(book, Trigger.Coverage, subjectId);
        require(book.isPledged[lotId], IFacility.Facility_NotPledged(lotId));
        _showDay(book, lotId, dayAt);
        require(
            dayAt + COVERAGE_DAYS * DAY_SEC >= block.timestamp,
            IFacility.Facility_DayTooOld(lotId, dayAt, block.timestamp)
        );
        require(_isUncovered(book, lotId, dayAt), IFacility.Facility_CovenantHolds(Trigger.Coverage, subjectId));
        book.setBreach(Trigger.Coverage, subjectId, true);
    }

    /// @notice See `Facility.cureCoverage`.
    function cureCoverage(Book storage book, LotId lotId, uint64 dayAt) external {
        uint256 subjectId = LotId.unwrap(lotId);
        _requireOpen(book, Trigger.Coverage, subjectId);
        _showDay(book, lotId, dayAt);
        require(!_isUncovered(book, lotId, dayAt), IFacility.Facility_CovenantBroken(Trigger.Coverage, subjectId));
        book.setBreach(Trigger.Coverage, subjectId, false);
    }

    /// @notice See `Facility.declareCountry`.
    function declareCountry(Book storage book, LotId lotId) external {
        uint256 subjectId = LotId.unwrap(lotId);
        _requireNew(book, Trigger.Country, subjectId);
        require(book.isPledged[lotId], IFacility.Facility_NotPledged(lotId));
        require(_isAbroad(book, lotId), IFacility.Facility_CovenantHolds(Trigger.Country, subjectId));
        book.setBreach(Trigger.Country, subjectId, true);
    }

    /// @notice See `Facility.cureCountry`.
    function cureCountry(Book storage book, LotId lotId) external {
        uint256 subjectId = LotId.unwrap(lotId);
        _requireOpen(book, Trigger.Country, subjectId);
        require(!_isAbroad(book, lotId), IFacility.Facility_CovenantBroken(Trigger.Country, subjectId));
        book.setBreach(Trigger.Country, subjectId, false);
    }

    /// @notice See `Facility.declareAmortisation`.
    function declareAmortisation(Book storage book, Trigger trigger, uint256 subjectId) external {
        _requireTested(book);
        bool curable = trigger == Trigger.Ltv || trigger == Trigger.Coverage || trigger == Trigger.Country;
        require(curable, IFacility.Facility_NotCovenanted(trigger));
        _requireOpen(book, trigger, subjectId);
        uint256 cureUntilAt = uint256(book.breaches[trigger][subjectId].openedAt) + book.covenants.covenantCureSec;
        require(
            block.timestamp >= cureUntilAt,
            IFacility.Facility_CureRuns(trigger, subjectId, cureUntilAt, block.timestamp)
        );
        emit IFacility.AmortisationDeclared(trigger, subjectId);
        book.moveTo(State.EarlyAmortisation);
    }

    /// @notice See `Facility.declareInterestDefault`.
    function declareInterestDefault(Book storage book, uint256 classIndex) external {
        _requireDefaultable(book);
        Class storage class = book.seniorAt(classIndex);
        for (uint256 i = 0; i < classIndex; ++i) {
            Class storage above = book.classes[i];
            require(
                above.outstandingAssets + above.interestDueAssets == 0,
                IFacility.Facility_NotMostSenior(classIndex, i)
            );
        }
        require(class.missedAt != 0 && class.interestDueAssets != 0, IFacility.Facility_NothingMissed(classIndex));
        _requireCured(book, Trigger.Interest, classIndex, class.missedAt);
        emit IFacility.DefaultDeclared(Trigger.Interest, classIndex);
        book.moveTo(State.Enforcement);
    }

    /// @notice See `Facility.declareMaturityDefault`.
    function declareMaturityDefault(Book storage book, uint256 classIndex) external {
        _requireDefaultable(book);
        Class storage class = book.seniorAt(classIndex);
        uint256 termCount = class.terms.termMonthCount;
        require(
            class.outstandingAssets != 0 && book.paymentCount >= termCount,
            IFacility.Facility_NotMatured(classIndex, class.outstandingAssets, book.paymentCount, termCount)
        );
        _requireCured(book, Trigger.Maturity, classIndex, book.paymentAt(termCount - 1));
        emit IFacility.DefaultDeclared(Trigger.Maturity, classIndex);
        book.moveTo(State.Enforcement);
    }

    /// @notice See `Facility.ratchet`.
    function ratchet(Book storage book, LotId[] calldata lotIds) external returns (uint256 marginBps) {
        book.requirePaying();
        uint256 periodIndex = book.paymentCount;
        uint256 rowCount = book.ratchet.length;
        require(periodIndex != 0 && rowCount != 0, IFacility.Facility_NoMargin(periodIndex, rowCount));
        Margin storage margin = book.margins[periodIndex];
        require(!margin.isShown, IFacility.Facility_MarginShown(periodIndex));
        uint256 endAt = book.paymentAt(periodIndex);
        require(block.timestamp < endAt, IFacility.Facility_PeriodOver(periodIndex, endAt, block.timestamp));
        _requireAllLots(book, lotIds);

        uint256 fromAt = periodIndex == 1 ? book.fundedAt : book.paymentAt(periodIndex - 2);
        uint256 untilAt = book.periodStartAt;
        uint256 pueE4 = book.appraisal.pueE4(lotIds, _hourOf(fromAt), _hourOf(untilAt));
        uint256 rowIndex;
        while (rowIndex + 1 < rowCount && book.ratchet[rowIndex].maxPueE4 < pueE4) ++rowIndex;
        RatchetStep storage row = book.ratchet[rowIndex];
        (margin.isShown, margin.marginBps) = (true, row.marginBps);
        emit IFacility.MarginSet(periodIndex, pueE4, row.marginBps);
        return row.marginBps;
    }

    // Facts

    /// @dev Whether the seniors are owed more than the value allows, by an appraisal that is not stale.
    function _isOverLtv(Book storage book) private returns (bool) {
        (uint256 valueAssets, ) = book.freshValue();
        uint256 owedAssets = book.seniorClaimAssets();
        emit IFacility.LtvShown(owedAssets, valueAssets);
        return owedAssets * BPS > book.covenants.maxLtvBps * valueAssets;
    }

    /// @dev Whether too few GPUs of a lot reported in the week up to a day.
    function _isUncovered(Book storage book, LotId lotId, uint64 dayAt) private returns (bool) {
        uint256 coverageBps = book.appraisal.coverageBps(lotId, dayAt);
        emit IFacility.CoverageShown(lotId, dayAt, coverageBps);
        return coverageBps < book.covenants.minCoverageBps;
    }

    /// @dev Whether a lot is where the facility, or its live lease, does not let it be.
    function _isAbroad(Book storage book, LotId lotId) private returns (bool) {
        bytes2 country = book.registry.country(lotId);
        emit IFacility.CountryShown(lotId, country);
        LeaseId leaseId = book.leases.leaseOf(lotId);
        if (LeaseId.unwrap(leaseId) != 0 && !book.leases.isLocated(leaseId)) return true;
        bytes2[] storage countries = book.covenants.countries;
        uint256 count = countries.length;
        for (uint256 i = 0; i < count; ++i) {
            if (countries[i] == country) return false;
        }
        return count != 0;
    }

    /// @dev A day counts once: later than the last one that was shown of the lot, to breach or to cure.
    function _showDay(Book storage book, LotId lotId, uint64 dayAt) private {
        Breach storage breach = book.breaches[Trigger.Coverage][LotId.unwrap(lotId)];
        require(dayAt > breach.dayAt, IFacility.Facility_DayShown(lotId, dayAt, breach.dayAt));
        breach.dayAt = dayAt;
    }

    // States

    function _requireTested(Book storage book) private view {
        require(
            book.state == State.Performing || book.state == State.CashTrap,
            IFacility.Facility_WrongState(book.state)
        );
    }

    function _requireDefaultable(Book storage book) private view {
        require(book.isPaying() && book.state != State.Enforcement, IFacility.Facility_WrongState(book.state));
    }

    /// @dev Refuses a trigger that was not agreed on, and one that is open already.
    function _requireNew(Book storage book, Trigger trigger, uint256 subjectId) private view {
        _requireTested(book);
        bool agreed =
            trigger == Trigger.Ltv
                ? book.covenants.maxLtvBps != 0
                : trigger == Trigger.Country || book.covenants.minCoverageBps != 0;
        require(agreed, IFacility.Facility_NotCovenanted(trigger));
        uint256 openedAt = book.breaches[trigger][subjectId].openedAt;
        require(openedAt == 0, IFacility.Facility_BreachShown(trigger, subjectId, openedAt));
    }

    function _requireOpen(Book storage book, Trigger trigger, uint256 subjectId) private view {
        require(book.breaches[trigger][subjectId].openedAt != 0, IFacility.Facility_NoBreach(trigger, subjectId));
    }

    /// @dev Refuses while what was missed can still be made good.
    function _requireCured(Book storage book, Trigger trigger, uint256 classIndex, uint256 missedAt) private view {
        uint256 cureUntilAt = missedAt + book.covenants.interestCureSec;
        require(
            block.timestamp > cureUntilAt,
            IFacility.Facility_CureRuns(trigger, classIndex, cureUntilAt, block.timestamp)
        );
    }

    /// @dev Refuses lots that are not all pledged ones, in rising order.
    function _requireAllLots(Book storage book, LotId[] calldata lotIds) private view {
        require(lotIds.length == book.lotCount, IFacility.Facility_WrongLotCount(lotIds.length, book.lotCount));
        for (uint256 i = 0; i < lotIds.length; ++i) {
            require(book.isPledged[lotIds[i]], IFacility.Facility_NotPledged(lotIds[i]));
            require(
                i == 0 || LotId.unwrap(lotIds[i - 1]) < LotId.unwrap(lotIds[i]),
                IFacility.Facility_LotsUnsorted(lotIds[i])
            );
        }
    }

    function _hourOf(uint256 timeAt) private pure returns (uint64) {
        return uint64(timeAt - (timeAt % EPOCH_SEC));
    }
}
