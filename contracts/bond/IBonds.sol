// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LotId} from "../units.sol";

/// @title What other contracts ask of the bonds.
interface IBonds {
    /// @notice The bond that stands for a lot's operator.
    function lotBondId(LotId lotId) external pure returns (bytes32);

    /// @notice The bond that stands for an oracle's signer address.
    function oracleBondId(address signer) external pure returns (bytes32);

    /// @notice Takes up to `assets` out of a bond, what is unbonding included; at most what is there. Each bond is
    /// slashed once a fault: a second time reverts with `Bonds_AlreadySlashed`, even of a bond that held nothing.
    /// Of what is taken, `bountyBps` go to `bountyTo`, `burnBps` are burned and the rest goes to `injured`; all are
    /// claims, pulled. A share whose receiver is zero goes to the treasury. Of a lot's bond, the part of `assets` that
    /// it did not meet is owed by the lot's covers to `injured`, unless that is the treasury.
    /// @return takenAssets What the bond gave.
    function slash(
        bytes32 bondId,
        bytes32 faultId,
        uint256 assets,
        address bountyTo,
        address injured,
        uint16 bountyBps,
        uint16 burnBps
    ) external returns (uint256 takenAssets);

    /// @notice What a slash can take: everything in the bond, what is unbonding included.
    function slashableAssets(bytes32 bondId) external view returns (uint256);

    /// @notice What a bond of a lot has to hold: a share of the lot's cost, rounded up.
    function requiredLotAssets(LotId lotId) external view returns (uint256);

    /// @notice How long a withdrawal waits.
    function unbondingSec() external view returns (uint64);

    /// @notice What an oracle's bond has to hold.
    function requiredOracleAssets() external view returns (uint256);

    /// @notice Who is injured by a fault at a lot now: its lien holder, else the treasury.
    function injuredOf(LotId lotId) external view returns (address);

    /// @notice Receives what nobody else is due.
    function treasury() external view returns (address);

    /// @notice The share of a slash that a fault's prover has.
    function proverBountyBps() external view returns (uint16);
}
