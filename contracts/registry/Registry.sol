// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {LotId, NodeId, SiteId} from "../units.sol";
import {Identity} from "./Identity.sol";
import {IRegistry} from "./IRegistry.sol";

/// @title Which hardware exists, who answers for it, how well that is known, and who holds a lien on it.
///
/// Assumptions
/// - A lot is what its registration says and no more: `evidenceClass` tells how far an auditor has checked it.
/// - The identity root is the Merkle tree of (index, identity anchor, node key hash); its leaves are published.
/// - An operator registers a node's key once, over all its sites, and for ever: a key hash names one node of it. That
///   another registers the same key takes nothing from it.
///
/// Liens
/// - A lot has at most one lien holder at any time.
/// - A lien is taken only by the address that it was offered to: by the lot's operator, or by the holder before, who
///   gives it up with the offer. Only its holder releases it.
/// - Whoever offers a lien grants its holder the power of sale: the holder can make anybody the lot's operator, once,
///   for the lien ends with it. Of a lot without a lien, the power of sale is the operator's.
/// - No lien is taken on a frozen or retired lot.
///
/// Evidence
/// - Four levels are attested, expire and are voided one by one. A swap of devices voids 1 and 2, a move 3 and 4.
/// - The identity root of a lot changes by `swapDevices` only.
/// - A device in two lots at once, of which one has level 1 in force, freezes the lot that is at fault: the one without
///   level 2 in force where the other has it, then the one without level 1, else the one with the younger root. A
///   frozen lot has nothing in force, so it puts no other at fault.
/// - For 30 days a lot answers for the root that it had before a swap or its retirement, as it stood at its end: a
///   liar that swaps while the proof is on its way is frozen all the same.
/// - For 3 days after a swap a lot is at fault by its new root only where it would be with what it had before it: its
///   operator has that time to show the device in the old root.
///
/// Roles
/// - Anyone registers sites and proves duplicates; a site's operator registers its lots and nodes.
/// - Models, attestations and the end of a freeze are restricted by the AccessManager; of a registered lot only the
///   operator (by a sale), the site and the identity root (by its operator) ever change, and none is removed.
contract Registry is IRegistry, AccessManaged {
    using Checkpoints for Checkpoints.Trace160;

    struct Model {
        string name;
        uint32 tdpW;
    }

    struct Site {
        address operator;
        bytes2 country;
        bytes32 gridZone;
    }

    /// The public point of a P-256 key.
    struct Point {
        bytes32 x;
        bytes32 y;
    }

    /// One word a node, by its operator and the hash of its key; its point is in the event.
    struct Node {
        NodeId nodeId;
        SiteId siteId;
        bool revoked;
    }

    /// One level of a lot's evidence: 1 serials inventoried · 2 attested by the vendor · 3 an independent power meter ·
    /// 4 an on-site audit.
    struct Attestation {
        address auditor;
        uint64 expiresAt;
        bytes32 evidenceHash;
    }

    struct Standing {
        uint64 rootIndex; // place of the lot's root among all roots, by age
        bool isFrozen;
        bool isRetired;
    }

    /// An identity root that is no lot's any more, or a retired one's, as it stood at its end.
    struct Former {
        uint64 rootIndex;
        uint64 endCount; // how many roots there were at its end: what is younger never stood beside it
        uint64 endedAt;
        bool hasFirst; // whether level 1 was in force
        bool hasSecond;
    }

    struct Lien {
        address offeredTo;
        address holder;
    }

    uint8 private constant LEVEL_COUNT = 4;
    uint64 private constant FORMER_ROOT_SEC = 30 days;
    // How long after a swap a lot has to show a device in its root before.
    uint64 private constant DOUBT_SEC = 3 days;

    // Storage

    mapping(bytes32 modelId => Model) public models;
    mapping(SiteId => Site) public sites;
    mapping(address operator => mapping(bytes32 keyHash => Node)) public nodes;
    Checkpoints.Trace160 private _operators; // of nodes, by the first node of each registration
    mapping(LotId => mapping(uint8 level => Attestation)) public attestations;
    mapping(LotId => Standing) private _standings;
    mapping(LotId => mapping(bytes32 identityRoot => Former)) private _formers;
    mapping(LotId => bytes32 identityRoot) private _bestFormers; // the newest that had level 1, while it counts
    mapping(LotId => Duplicate) private _duplicates;
    mapping(LotId => Lien) private _liens;
    mapping(LotId => Lot) private _lots;
    uint64 public siteCount;
    /// @inheritdoc IRegistry
    uint64 public nodeCount;
    uint64 public lotCount;
    /// @notice How many identity roots there ever were: one a registration, one a swap.
    uint64 public rootCount;

    event ModelAdded(bytes32 indexed modelId, string name, uint32 tdpW);
    event SiteRegistered(SiteId indexed siteId, address indexed operator, bytes2 country, bytes32 gridZone);
    event NodeRegistered(NodeId indexed nodeId, SiteId indexed siteId, bytes32 publicX, bytes32 publicY);
    event NodeRevoked(NodeId indexed nodeId);
    event LotRegistered(LotId indexed lotId, SiteId indexed siteId, address indexed operator, Lot lot);
    event Attested(LotId indexed lotId, uint8 level, uint64 expiresAt, address indexed auditor, bytes32 evidenceHash);
    event AttestationVoided(LotId indexed lotId, uint8 level, address indexed by);
    event LotMoved(LotId indexed lotId, SiteId indexed siteId);
    event DevicesSwapped(LotId indexed lotId, bytes32 identityRoot);
    event LotRetired(LotId indexed lotId);
    event DuplicateProven(
        LotId indexed lotId,
        LotId indexed injuredLotId,
        bytes32 indexed anchor,
        address bountyTo,
        address lienHolder
    );
    event Unfrozen(LotId indexed lotId);
    event LotPassed(LotId indexed lotId, address indexed operator, address indexed seller);
    event LienOffered(LotId indexed lotId, address indexed to);
    event LienTaken(LotId indexed lotId, address indexed holder);
    event LienReleased(LotId indexed lotId, address indexed holder);

    error Registry_ModelKnown(bytes32 modelId);
    error Registry_UnknownModel(bytes32 modelId);
    error Registry_BadModel(bytes32 modelId, uint32 tdpW);
    error Registry_BadCountry(bytes2 country);
    error Registry_UnknownLot(LotId lotId);
    error Registry_NotOperator(address caller, address operator);
    error Registry_BadNodeKey(bytes32 publicX, bytes32 publicY);
    error Registry_KeyKnown(address operator, bytes32 keyHash, NodeId nodeId);
    error Registry_UnknownKey(address operator, bytes32 keyHash);
    error Registry_BadLot(uint32 gpuCount, uint256 costAssets, uint64 commissionedAt, bytes32 identityRoot);
    error Registry_BadLevel(uint8 level);
    error Registry_AttestationExpired(LotId lotId, uint64 expiresAt, uint256 nowAt);
    error Registry_LienHeld(LotId lotId, address holder);
    error Registry_LienNotOffered(LotId lotId, address caller, address offeredTo);
    error Registry_LienOffered(LotId lotId, address offeredTo);
    error Registry_NotLienHolder(LotId lotId, address caller, address holder);
    error Registry_NoRecipient(LotId lotId);
    error Registry_Retired(LotId lotId);
    error Registry_Frozen(LotId lotId);
    error Registry_NotFrozen(LotId lotId);
    error Registry_NotSwapped(LotId lotId, uint64 rootIndex);
    error Registry_BadRoot(LotId lotId, bytes32 identityRoot);
    error Registry_BadProof(LotId lotId, uint32 deviceIndex, uint32 gpuCount);
    error Registry_OtherDevice(bytes32 anchor, bytes32 otherAnchor);
    error Registry_OneDevice(LotId lotId, uint32 deviceIndex);
    error Registry_Unattested(LotId lotId, LotId otherLotId);
    error Registry_NeverBeside(LotId lotId, LotId otherLotId);
    error Registry_InDoubt(LotId lotId, uint256 untilAt, uint256 nowAt);

    constructor(address authority) AccessManaged(authority) {}

    // Administration

    /// @notice Adds a GPU model; its thermal design power bounds what a lot can plausibly draw. Never changes.
    /// @param tdpW Thermal design power of one GPU, watts.
    function addModel(string calldata name, uint32 tdpW) external restricted returns (bytes32 modelId) {
        modelId = keccak256(bytes(name));
        require(models[modelId].tdpW == 0, Registry_ModelKnown(modelId));
        require(tdpW != 0 && bytes(name).length != 0, Registry_BadModel(modelId, tdpW));
        models[modelId] = Model(name, tdpW);
        emit ModelAdded(modelId, name, tdpW);
    }

    /// @notice Records an auditor's evidence for levels 1 to `attestedClass` of a lot, in place of what was attested of
    /// each before; higher levels stay as they are.
    /// @param attestedClass 1 serials inventoried · 2 attested by the vendor · 3 and an independent power meter · 4 and
    /// an on-site audit.
    function attest(LotId lotId, uint8 attestedClass, uint64 expiresAt, bytes32 evidenceHash) external restricted {
        require(attestedClass != 0, Registry_BadLevel(attestedClass));
        for (uint8 level = 1; level <= attestedClass; ++level) _attest(lotId, level, expiresAt, evidenceHash);
    }

    /// @notice Records an auditor's evidence for one level.
    function renew(LotId lotId, uint8 level, uint64 expiresAt, bytes32 evidenceHash) external restricted {
        _attest(lotId, level, expiresAt, evidenceHash);
    }

    /// @notice Voids one level of a lot's evidence.
    function revokeAttestation(LotId lotId, uint8 level) external restricted {
        _requireLot(lotId);
        require(level != 0 && level <= LEVEL_COUNT, Registry_BadLevel(level));
        _void(lotId, level);
    }

    /// @notice Ends the freeze of a lot whose devices were swapped since.
    function unfreeze(LotId lotId) external restricted {
        Standing storage standing = _standings[lotId];
        require(standing.isFrozen, Registry_NotFrozen(lotId));
        require(standing.rootIndex != _duplicates[lotId].rootIndex, Registry_NotSwapped(lotId, standing.rootIndex));
        standing.isFrozen = false;
        emit Unfrozen(lotId);
    }

    // Registration

    /// @notice Registers a site of the caller.
    /// @param countryCode ISO 3166-1 alpha-2, two capital letters.
    /// @param gridZone Name of the electricity bidding zone or balancing area, as bytes.
    function registerSite(bytes2 countryCode, bytes32 gridZone) external returns (SiteId siteId) {
        require(_isCapital(countryCode[0]) && _isCapital(countryCode[1]), Registry_BadCountry(countryCode));
        siteId = SiteId.wrap(++siteCount);
        sites[siteId] = Site(msg.sender, countryCode, gridZone);
        emit SiteRegistered(siteId, msg.sender, countryCode, gridZone);
    }

    /// @notice Registers hosts by the public points of the P-256 keys that sign their readings; they get ids in a row.
    function registerNodes(SiteId siteId, Point[] calldata points) external returns (NodeId firstNodeId) {
        _requireOperator(sites[siteId].operator);
        uint64 count = nodeCount;
        firstNodeId = NodeId.wrap(count + 1);
        if (points.length != 0) _operators.push(count + 1, uint160(msg.sender));
        for (uint256 i; i < points.length; ++i) {
            (bytes32 x, bytes32 y) = (points[i].x, points[i].y);
            require(P256.isValidPublicKey(x, y), Registry_BadNodeKey(x, y));
            bytes32 keyHash = Identity.keyHash(x, y);
            NodeId knownId = nodes[msg.sender][keyHash].nodeId;
            require(NodeId.unwrap(knownId) == 0, Registry_KeyKnown(msg.sender, keyHash, knownId));
            NodeId nodeId = NodeId.wrap(++count);
            nodes[msg.sender][keyHash] = Node(nodeId, siteId, false);
            emit NodeRegistered(nodeId, siteId, x, y);
        }
        nodeCount = count;
    }

    /// @notice Retires a key of the caller's; readings signed with it are refused from then on.
    function revokeNode(bytes32 keyHash) external {
        Node storage node = nodes[msg.sender][keyHash];
        NodeId nodeId = node.nodeId;
        require(NodeId.unwrap(nodeId) != 0 && !node.revoked, Registry_UnknownKey(msg.sender, keyHash));
        node.revoked = true;
        emit NodeRevoked(nodeId);
    }

    /// @notice Registers a lot: devices of one model at one site of the caller.
    /// @param costAssets Acquisition cost of the whole lot, in units of the settlement asset.
    function registerLot(
        SiteId siteId,
        bytes32 modelId,
        uint32 gpuCount,
        uint256 costAssets,
        uint64 commissionedAt,
        bytes32 identityRoot
    ) external returns (LotId lotId) {
        _requireOperator(sites[siteId].operator);
        uint32 tdpW = models[modelId].tdpW;
        require(tdpW != 0, Registry_UnknownModel(modelId));
        require(
            gpuCount != 0 && costAssets != 0 && commissionedAt != 0 && identityRoot != 0,
            Registry_BadLot(gpuCount, costAssets, commissionedAt, identityRoot)
        );
        lotId = LotId.wrap(++lotCount);
        Lot memory entry = Lot(siteId, msg.sender, gpuCount, tdpW, modelId, costAssets, commissionedAt, identityRoot);
        _lots[lotId] = entry;
        _standings[lotId].rootIndex = ++rootCount;
        emit LotRegistered(lotId, siteId, msg.sender, entry);
    }

    /// @notice Tells that the caller's lot now stands at another of its sites. Its levels 3 and 4 are void: nobody has
    /// metered or seen it there.
    function moveLot(LotId lotId, SiteId siteId) external {
        Lot storage entry = _requireOwn(lotId);
        _requireOperator(sites[siteId].operator);
        entry.siteId = siteId;
        emit LotMoved(lotId, siteId);
        _void(lotId, 3);
        _void(lotId, 4);
    }

    /// @notice Replaces devices of the caller's lot: its identity root. Levels 1 and 2 are void: nobody has seen or
    /// attested the new ones. The lot answers for the old ones for `formerRootSec`.
    function swapDevices(LotId lotId, bytes32 identityRoot) external {
        Lot storage entry = _requireOwn(lotId);
        require(identityRoot != 0 && identityRoot != entry.identityRoot, Registry_BadRoot(lotId, identityRoot));
        _endRoot(lotId, entry.identityRoot);
        entry.identityRoot = identityRoot;
        _standings[lotId].rootIndex = ++rootCount;
        emit DevicesSwapped(lotId, identityRoot);
        _void(lotId, 1);
        _void(lotId, 2);
    }

    /// @notice Retires the caller's lot for ever, without a lien on it, held or offered: its devices may stand in
    /// another from then on. The lot answers for them for `formerRootSec`.
    function retireLot(LotId lotId) external {
        bytes32 identityRoot = _requireOwn(lotId).identityRoot;
        Lien memory lien = _liens[lotId];
        require(lien.holder == address(0), Registry_LienHeld(lotId, lien.holder));
        require(lien.offeredTo == address(0), Registry_LienOffered(lotId, lien.offeredTo));
        _endRoot(lotId, identityRoot);
        _standings[lotId].isRetired = true;
        emit LotRetired(lotId);
    }

    // Duplicates

    /// @inheritdoc IRegistry
    function proveDuplicate(
        Identified calldata a,
        Identified calldata b,
        address bountyTo
    ) external returns (LotId faultLotId) {
        require(a.anchor == b.anchor, Registry_OtherDevice(a.anchor, b.anchor));
        require(a.lotId != b.lotId || a.deviceIndex != b.deviceIndex, Registry_OneDevice(a.lotId, a.deviceIndex));
        (bytes32 aRoot, Former memory aSide) = _sideOf(a);
        (bytes32 bRoot, Former memory bSide) = _sideOf(b);
        require(
            a.lotId == b.lotId
                ? aSide.rootIndex == bSide.rootIndex
                : aSide.rootIndex <= bSide.endCount && bSide.rootIndex <= aSide.endCount,
            Registry_NeverBeside(a.lotId, b.lotId)
        );
        require(aSide.hasFirst || bSide.hasFirst, Registry_Unattested(a.lotId, b.lotId));
        if (_isAtFault(aSide, bSide)) {
            _freeze(a.lotId, aRoot, aSide, b.lotId, bSide, a.anchor, bountyTo);
            return a.lotId;
        }
        _freeze(b.lotId, bRoot, bSide, a.lotId, aSide, a.anchor, bountyTo);
        return b.lotId;
    }

    // Liens

    /// @notice Offers the lot's lien to `to`, in place of an offer before; zero withdraws the offer.
    function offerLien(LotId lotId, address to) external {
        _requireOwn(lotId);
        Lien storage lien = _liens[lotId];
        require(lien.holder == address(0), Registry_LienHeld(lotId, lien.holder));
        lien.offeredTo = to;
        emit LienOffered(lotId, to);
    }

    /// @inheritdoc IRegistry
    function takeLien(LotId lotId) external {
        Lien storage lien = _liens[lotId];
        require(lien.holder == address(0), Registry_LienHeld(lotId, lien.holder));
        require(lien.offeredTo == msg.sender, Registry_LienNotOffered(lotId, msg.sender, lien.offeredTo));
        require(!_standings[lotId].isFrozen, Registry_Frozen(lotId));
        _liens[lotId] = Lien(address(0), msg.sender);
        emit LienTaken(lotId, msg.sender);
    }

    /// @inheritdoc IRegistry
    function releaseLien(LotId lotId) external {
        _requireHolder(lotId);
        delete _liens[lotId];
        emit LienReleased(lotId, msg.sender);
    }

    /// @inheritdoc IRegistry
    function passLien(LotId lotId, address to) external {
        _requireHolder(lotId);
        require(to != address(0), Registry_NoRecipient(lotId));
        _liens[lotId] = Lien(to, address(0));
        emit LienReleased(lotId, msg.sender);
        emit LienOffered(lotId, to);
    }

    /// @inheritdoc IRegistry
    function passLot(LotId lotId, address to) external {
        Lot storage entry = _requireLive(lotId);
        Lien memory lien = _liens[lotId];
        if (lien.holder == address(0)) {
            _requireOperator(entry.operator);
            require(lien.offeredTo == address(0), Registry_LienOffered(lotId, lien.offeredTo));
        } else {
            _requireHolder(lotId);
        }
        require(to != address(0), Registry_NoRecipient(lotId));
        entry.operator = to;
        emit LotPassed(lotId, to, msg.sender);
        if (lien.holder == address(0)) return;
        delete _liens[lotId];
        emit LienReleased(lotId, msg.sender);
    }

    // Views

    /// @inheritdoc IRegistry
    function lot(LotId lotId) external view returns (Lot memory) {
        return _requireLot(lotId);
    }

    /// @inheritdoc IRegistry
    function evidenceClass(LotId lotId) external view returns (uint8 level) {
        while (level < LEVEL_COUNT && _isInForce(lotId, level + 1)) ++level;
    }

    /// @notice When a level of a lot's evidence expires; 0 when it was never attested or is void.
    function levelExpiresAt(LotId lotId, uint8 level) external view returns (uint64) {
        return attestations[lotId][level].expiresAt;
    }

    /// @inheritdoc IRegistry
    function isFrozen(LotId lotId) external view returns (bool) {
        return _standings[lotId].isFrozen;
    }

    /// @inheritdoc IRegistry
    function isRetired(LotId lotId) external view returns (bool) {
        return _standings[lotId].isRetired;
    }

    /// @notice The place of the lot's identity root among all roots, by age.
    function rootIndex(LotId lotId) external view returns (uint64) {
        return _standings[lotId].rootIndex;
    }

    /// @inheritdoc IRegistry
    function duplicateOf(LotId lotId) external view returns (Duplicate memory) {
        return _duplicates[lotId];
    }

    /// @inheritdoc IRegistry
    function isNodeKey(NodeId nodeId, bytes32 publicX, bytes32 publicY) external view returns (bool) {
        address operator = address(_operators.upperLookup(NodeId.unwrap(nodeId)));
        NodeId keyId = nodes[operator][Identity.keyHash(publicX, publicY)].nodeId;
        return NodeId.unwrap(keyId) != 0 && NodeId.unwrap(keyId) == NodeId.unwrap(nodeId);
    }

    /// @inheritdoc IRegistry
    function formerRootSec() external pure returns (uint64) {
        return FORMER_ROOT_SEC;
    }

    /// @inheritdoc IRegistry
    function lienHolder(LotId lotId) external view returns (address) {
        return _liens[lotId].holder;
    }

    /// @notice Whom the lot's lien is offered to, or zero.
    function lienOfferedTo(LotId lotId) external view returns (address) {
        return _liens[lotId].offeredTo;
    }

    /// @inheritdoc IRegistry
    function country(LotId lotId) external view returns (bytes2) {
        return sites[_requireLot(lotId).siteId].country;
    }

    // Internal

    function _requireLot(LotId lotId) private view returns (Lot storage entry) {
        entry = _lots[lotId];
        require(entry.gpuCount != 0, Registry_UnknownLot(lotId));
    }

    function _requireOperator(address operator) private view {
        require(msg.sender == operator, Registry_NotOperator(msg.sender, operator));
    }

    function _requireHolder(LotId lotId) private view {
        address holder = _liens[lotId].holder;
        require(holder == msg.sender, Registry_NotLienHolder(lotId, msg.sender, holder));
    }

    function _requireLive(LotId lotId) private view returns (Lot storage entry) {
        entry = _requireLot(lotId);
        require(!_standings[lotId].isRetired, Registry_Retired(lotId));
    }

    /// @dev A live lot of the caller.
    function _requireOwn(LotId lotId) private view returns (Lot storage entry) {
        entry = _requireLive(lotId);
        _requireOperator(entry.operator);
    }

    /// @dev What stands behind a leaf: the root that it is in, now or not long ago, and the levels of evidence of it.
    function _sideOf(Identified calldata device) private view returns (bytes32 root, Former memory side) {
        LotId lotId = device.lotId;
        Lot storage entry = _requireLot(lotId);
        uint32 gpuCount = entry.gpuCount;
        root = Identity.rootOf(device, gpuCount);
        if (root == entry.identityRoot && !_standings[lotId].isRetired) {
            uint64 index = _standings[lotId].rootIndex;
            return (root, Former(index, type(uint64).max, 0, _isInForce(lotId, 1), _isInForce(lotId, 2)));
        }
        side = _formers[lotId][root];
        require(
            side.endedAt != 0 && side.endedAt + FORMER_ROOT_SEC > block.timestamp,
            Registry_BadProof(lotId, device.deviceIndex, gpuCount)
        );
    }

    /// @dev Whether `a` is at fault that a device of it is in `b` too; else `b` is.
    function _isAtFault(Former memory a, Former memory b) private pure returns (bool) {
        if (a.hasSecond != b.hasSecond) return b.hasSecond;
        if (a.hasFirst != b.hasFirst) return b.hasFirst;
        return a.rootIndex > b.rootIndex;
    }

    /// @dev A former root is proven once: what it was is gone, and the lot can be unfrozen, for its root is another.
    function _freeze(
        LotId lotId,
        bytes32 root,
        Former memory side,
        LotId injuredLotId,
        Former memory injured,
        bytes32 anchor,
        address bountyTo
    ) private {
        Standing storage standing = _standings[lotId];
        require(!standing.isFrozen, Registry_Frozen(lotId));
        if (side.endedAt != 0) delete _formers[lotId][root];
        else if (lotId != injuredLotId) _requireNoDoubt(lotId, injured);
        standing.isFrozen = true;
        address holder = _liens[lotId].holder;
        _duplicates[lotId] = Duplicate(injuredLotId, anchor, bountyTo, uint64(block.timestamp), holder, side.rootIndex);
        emit DuplicateProven(lotId, injuredLotId, anchor, bountyTo, holder);
    }

    /// @dev A lot that was swapped not long ago is at fault only where it would be with its root and levels before.
    function _requireNoDoubt(LotId lotId, Former memory injured) private view {
        Former memory former = _formers[lotId][_bestFormers[lotId]];
        uint256 untilAt = uint256(former.endedAt) + DOUBT_SEC;
        require(
            former.endedAt == 0 || block.timestamp >= untilAt || _isAtFault(former, injured),
            Registry_InDoubt(lotId, untilAt, block.timestamp)
        );
    }

    /// @dev Keeps what stood behind a root for as long as its lot answers for it; of a frozen lot it was proven.
    function _endRoot(LotId lotId, bytes32 root) private {
        Standing storage standing = _standings[lotId];
        if (standing.isFrozen) return;
        bool hasFirst = _isInForce(lotId, 1);
        uint64 nowAt = uint64(block.timestamp);
        _formers[lotId][root] = Former(standing.rootIndex, rootCount, nowAt, hasFirst, _isInForce(lotId, 2));
        if (hasFirst) _bestFormers[lotId] = root;
    }

    function _isInForce(LotId lotId, uint8 level) private view returns (bool) {
        Standing storage standing = _standings[lotId];
        return !standing.isFrozen && !standing.isRetired && attestations[lotId][level].expiresAt > block.timestamp;
    }

    function _attest(LotId lotId, uint8 level, uint64 expiresAt, bytes32 evidenceHash) private {
        _requireLive(lotId);
        require(level != 0 && level <= LEVEL_COUNT, Registry_BadLevel(level));
        require(expiresAt > block.timestamp, Registry_AttestationExpired(lotId, expiresAt, block.timestamp));
        attestations[lotId][level] = Attestation(msg.sender, expiresAt, evidenceHash);
        emit Attested(lotId, level, expiresAt, msg.sender, evidenceHash);
    }

    function _void(LotId lotId, uint8 level) private {
        if (attestations[lotId][level].expiresAt == 0) return;
        delete attestations[lotId][level];
        emit AttestationVoided(lotId, level, msg.sender);
    }

    function _isCapital(bytes1 letter) private pure returns (bool) {
        return letter >= "A" && letter <= "Z";
    }
}
