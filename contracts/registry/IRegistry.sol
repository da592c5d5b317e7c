// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LotId, SiteId} from "../units.sol";

/// @title What other contracts ask of the hardware registry.
interface IRegistry {
    struct Lot {
        SiteId siteId;
        address operator;
        uint32 gpuCount;
        uint32 tdpW; // of one GPU of the lot's model
        bytes32 modelId;
        uint256 costAssets; // acquisition cost of the whole lot, in units of the settlement asset
        uint64 commissionedAt;
        bytes32 identityRoot; // sorted Merkle tree of (index, identity anchor, node key)
    }

    /// @notice A registered lot; reverts with `Registry_UnknownLot` otherwise.
    function lot(LotId lotId) external view returns (Lot memory);

    /// @notice The evidence class in force now: 0 when never attested, expired or revoked; 4 is the best.
    function evidenceClass(LotId lotId) external view returns (uint8);

    /// @notice The holder of the lot's single lien, or zero.
    function lienHolder(LotId lotId) external view returns (address);

    /// @notice ISO 3166-1 alpha-2 code of the lot's site.
    function country(LotId lotId) external view returns (bytes2);

    /// @notice Takes the lien that the lot's operator offered to the caller.
    function takeLien(LotId lotId) external;

    /// @notice Gives the caller's lien up.
    function releaseLien(LotId lotId) external;

    /// @notice Gives the caller's lien up and offers it to `to`, who has it once it takes it: nobody becomes a creditor
    /// of a lot unasked.
    function passLien(LotId lotId, address to) external;

    /// @notice Sells a lot that the caller holds the lien on, or operates without a lien on it, held or offered: `to`
    /// becomes its operator, and the lien ends.
    function passLot(LotId lotId, address to) external;
}
