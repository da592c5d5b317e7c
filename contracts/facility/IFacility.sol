// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LotId} from "../units.sol";

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
