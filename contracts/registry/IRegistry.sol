// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LotId, NodeId, SiteId} from "../units.sol";

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
        bytes32 identityRoot; // Merkle tree of (index, identity anchor, node key hash)
    }

    /// A leaf of a lot's identity tree, with the proof that it is one.
    struct Identified {
        LotId lotId;
        uint32 deviceIndex;
        bytes32 anchor;
        bytes32 nodeKeyHash;
        bytes32[] proof;
    }

    /// What made a lot frozen: one device stands in it and in another live lot, or twice in it.
    struct Duplicate {
        LotId injuredLotId;
        bytes32 anchor;
        address bountyTo;
        uint64 provenAt; // 0 when nothing was ever proven of the lot
        address lienHolder; // of the lot at fault when it was proven
        uint64 rootIndex; // of the root that it stands in of the lot at fault
    }

    /// @notice A registered lot; reverts with `Registry_UnknownLot` otherwise.
    function lot(LotId lotId) external view returns (Lot memory);

    /// @notice The evidence class in force now: the highest k whose levels 1 … k all stand. 0 for a lot that was never
    /// attested, is frozen or retired; 4 is the best.
    function evidenceClass(LotId lotId) external view returns (uint8);

    /// @notice The holder of the lot's single lien, or zero.
    function lienHolder(LotId lotId) external view returns (address);

    /// @notice ISO 3166-1 alpha-2 code of the lot's site.
    function country(LotId lotId) external view returns (bytes2);

    /// @notice Whether a device of the lot was proven to be somewhere else too, and nobody has unfrozen it.
    function isFrozen(LotId lotId) external view returns (bool);

    /// @notice Whether the lot's operator has retired it, for ever.
    function isRetired(LotId lotId) external view returns (bool);

    /// @notice What was proven last of a lot that was at fault; `provenAt` is 0 when nothing was.
    function duplicateOf(LotId lotId) external view returns (Duplicate memory);

    /// @notice How many nodes were ever registered; a node exists when its id is from 1 to this.
    function nodeCount() external view returns (uint64);

    /// @notice Whether the point is the public key that the node was registered with, revoked or not.
    function isNodeKey(NodeId nodeId, bytes32 publicX, bytes32 publicY) external view returns (bool);

    /// @notice How long after a swap or its retirement a lot answers for the devices that it named.
    function formerRootSec() external view returns (uint64);

    /// @notice Shows that one device stands in two lots at once, or at two indices of one, where at least one lot has
    /// level 1 in force, and freezes the lot at fault. A root that was replaced or retired with its lot counts for
    /// `formerRootSec`, with the levels that stood at its end.
    /// @param bountyTo Whom the bounty is for, kept for whoever slashes the operator's bond.
    function proveDuplicate(
        Identified calldata a,
        Identified calldata b,
        address bountyTo
    ) external returns (LotId faultLotId);

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
