// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DayCount} from "../annuity.sol";
import {IGate} from "../compliance/IGate.sol";
import {ILeases} from "../lease/ILeases.sol";
import {IRegistry} from "../registry/IRegistry.sol";
import {LotId} from "../units.sol";
import {Step} from "./Waterfall.sol";

/// What a class is.
enum ClassKind {
    Senior,
    Residual
}

struct ClassTerms {
    ClassKind kind;
    DayCount dayCount;
    uint16 couponBps; // a year; residual: 0
    uint16 termMonthCount; // payments from the first date to the last; residual: 0
    uint256 targetAssets; // the most that is raised
    uint256 minimumAssets; // the least; at least one whole token
    uint256 balloonAssets; // due with the last payment, if the target is raised and drawn; residual: 0
}

struct ClassSettings {
    string name;
    string symbol;
    ClassTerms terms;
}

struct FeeTerms {
    address payee;
    uint16 collectionsBps; // of the rent collected since the payment date before
    uint256 fixedAssets; // each payment date
}

/// All that is agreed before a facility exists; nothing of it changes afterwards.
struct Settings {
    address asset;
    address sponsor;
    ILeases leases;
    IRegistry registry;
    IGate gate;
    uint64 raiseUntilAt; // the last second to subscribe
    uint64 firstPaymentAt; // anchor of the monthly dates, clamped to the month's end; also the end of funding
    uint16 advanceBps; // the most to be drawn of a lot's cost
    uint8 minEvidenceClass; // of a lot to be drawn on
    uint256 reserveTargetAssets;
    ClassSettings[] classes; // senior first, the residual last
    FeeTerms[] fees;
    Step[] steps;
}

/// The books of a class.
struct Class {
    address token;
    ClassTerms terms;
    uint256 raisedAssets;
    uint256 outstandingAssets; // principal not yet repaid
    uint256 scheduledAssets; // the principal that the schedule leaves outstanding
    uint256 levelPaymentAssets; // a month, until the last
    uint256 interestDueAssets; // accrued up to the last payment date, unpaid
}

/// The books of a fee.
struct Fee {
    FeeTerms terms;
    uint256 dueAssets; // accrued, unpaid
}

/// @title What a class token, the valuation and the portal's contracts ask of a facility.
interface IFacility {
    enum State {
        Raising,
        Funding,
        Performing,
        Closed,
        Refunding
    }

    /// @notice Where the facility is in its life.
    function state() external view returns (State);

    /// @notice The settlement token all of its money is in.
    function asset() external view returns (address);

    /// @notice Cash that belongs to the classes as a whole: funding not yet drawn, collections and reserve; without
    /// what is already owed to fee payees and holders.
    function cashAssets() external view returns (uint256);

    /// @notice Invoiced and unpaid rent that belongs to the facility, and rent it has not collected yet.
    function receivableAssets() external view returns (uint256);

    /// @notice How many classes there are: senior first, the residual last.
    function classCount() external view returns (uint256);

    /// @notice The share token of a class.
    function classToken(uint256 classIndex) external view returns (address);

    /// @notice What a class is owed now: outstanding principal plus interest accrued and unpaid; the residual is owed
    /// nothing certain: 0.
    function owedAssets(uint256 classIndex) external view returns (uint256);

    /// @notice How many lots are pledged, and whether one is.
    function lotCount() external view returns (uint256);
    function isPledged(LotId lotId) external view returns (bool);

    /// @notice Pays a class holder's claim out of the ledger. Only the class token calls this.
    function payClaim(address to, uint256 assets) external;
}
