// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

import {LotId, NodeId, SiteId} from "../units.sol";
import {IRegistry} from "./IRegistry.sol";

/// @title Which hardware exists, who answers for it, how well that is known, and who holds a lien on it.
///
/// Assumptions
/// - A lot is what its registration says and no more: `evidenceClass` tells how far an auditor has checked it.
/// - The identity root is the sorted Merkle tree of (index, identity anchor, node key); its leaves are published.
///
/// Liens
/// - A lot has at most one lien holder at any time.
/// - A lien is taken only by the address that it was offered to: by the lot's operator, or by the holder before, who
///   gives it up with the offer. Only its holder releases it.
/// - Whoever offers a lien grants its holder the power of sale: the holder can make anybody the lot's operator, once,
///   for the lien ends with it. Of a lot without a lien, the power of sale is the operator's.
///
/// Evidence
/// - `evidenceClass` is 0 unless an auditor's attestation stands: not expired, not revoked, the lot not moved since.
///
/// Roles
/// - Anyone registers sites; a site's operator registers its lots and nodes.
/// - Models and attestations are restricted by the AccessManager; of a registered lot only the
///   operator (by a sale) and the site (by its operator) ever change, and none is removed.
contract Registry is IRegistry, AccessManaged {
    struct Model {
        string name;
        uint32 tdpW;
    }

    struct Site {
        address operator;
        bytes2 country;
        bytes32 gridZone;
    }

    struct Node {
        SiteId siteId;
        bool revoked;
        bytes32 publicX;
        bytes32 publicY;
    }

    struct Attestation {
        uint8 evidenceClass;
        uint64 expiresAt;
        address auditor;
        bytes32 evidenceHash;
    }

    struct Lien {
        address offeredTo;
        address holder;
    }

    // Storage

    mapping(bytes32 modelId => Model) public models;
    mapping(SiteId => Site) public sites;
    mapping(NodeId => Node) public nodes;
    mapping(LotId => Attestation) public attestations;
    mapping(LotId => Lien) private _liens;
    mapping(LotId => Lot) private _lots;
    uint64 public siteCount;
    uint64 public nodeCount;
    uint64 public lotCount;

    event ModelAdded(bytes32 indexed modelId, string name, uint32 tdpW);
    event SiteRegistered(SiteId indexed siteId, address indexed operator, bytes2 country, bytes32 gridZone);
    event NodeRegistered(NodeId indexed nodeId, SiteId indexed siteId, bytes32 publicX, bytes32 publicY);
    event NodeRevoked(NodeId indexed nodeId);
    event LotRegistered(LotId indexed lotId, SiteId indexed siteId, address indexed operator, Lot lot);
    event Attested(
        LotId indexed lotId,
        uint8 evidenceClass,
        uint64 expiresAt,
        address indexed auditor,
        bytes32 evidenceHash
    );
    event AttestationRevoked(LotId indexed lotId, address indexed by);
    event LotMoved(LotId indexed lotId, SiteId indexed siteId);
    event LotPassed(LotId indexed lotId, address indexed operator, address indexed seller);
    event LienOffered(LotId indexed lotId, address indexed to);
    event LienTaken(LotId indexed lotId, address indexed holder);
    event LienReleased(LotId indexed lotId, address indexed holder);

    error Registry_ModelKnown(bytes32 modelId);
    error Registry_UnknownModel(bytes32 modelId);
    error Registry_BadModel(bytes32 modelId, uint32 tdpW);
    error Registry_BadCountry(bytes2 country);
    error Registry_UnknownLot(LotId lotId);
    error Registry_UnknownNode(NodeId nodeId);
    error Registry_NotOperator(address caller, address operator);
    error Registry_BadNodeKey(bytes32 publicX, bytes32 publicY);
    error Registry_BadLot(uint32 gpuCount, uint256 costAssets, uint64 commissionedAt, bytes32 identityRoot);
    error Registry_BadEvidenceClass(uint8 evidenceClass);
    error Registry_AttestationExpired(LotId lotId, uint64 expiresAt, uint256 nowAt);
    error Registry_LienHeld(LotId lotId, address holder);
    error Registry_LienNotOffered(LotId lotId, address caller, address offeredTo);
    error Registry_LienOffered(LotId lotId, address offeredTo);
    error Registry_NotLienHolder(LotId lotId, address caller, address holder);
    error Registry_NoRecipient(LotId lotId);

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

    /// @notice Records an auditor's evidence for a lot; it replaces the attestation before.
    /// @param attestedClass 1 serials inventoried · 2 attested by the vendor · 3 and an independent power meter · 4 and
    /// an on-site audit.
    function attest(LotId lotId, uint8 attestedClass, uint64 expiresAt, bytes32 evidenceHash) external restricted {
        _requireLot(lotId);
        require(attestedClass >= 1 && attestedClass <= 4, Registry_BadEvidenceClass(attestedClass));
        require(expiresAt > block.timestamp, Registry_AttestationExpired(lotId, expiresAt, block.timestamp));
        attestations[lotId] = Attestation(attestedClass, expiresAt, msg.sender, evidenceHash);
        emit Attested(lotId, attestedClass, expiresAt, msg.sender, evidenceHash);
    }

    /// @notice Voids a lot's attestation.
    function revokeAttestation(LotId lotId) external restricted {
        _requireLot(lotId);
        _voidAttestation(lotId);
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

    /// @notice Registers a host by the public point of the P-256 key that signs its readings.
    function registerNode(SiteId siteId, bytes32 publicX, bytes32 publicY) external returns (NodeId nodeId) {
        _requireOperator(sites[siteId].operator);
        require(P256.isValidPublicKey(publicX, publicY), Registry_BadNodeKey(publicX, publicY));
        nodeId = NodeId.wrap(++nodeCount);
        nodes[nodeId] = Node(siteId, false, publicX, publicY);
        emit NodeRegistered(nodeId, siteId, publicX, publicY);
    }

    /// @notice Retires a node key; readings signed with it are refused from then on.
    function revokeNode(NodeId nodeId) external {
        Node storage node = nodes[nodeId];
        require(node.publicX != 0 && !node.revoked, Registry_UnknownNode(nodeId));
        _requireOperator(sites[node.siteId].operator);
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
        emit LotRegistered(lotId, siteId, msg.sender, entry);
    }

    /// @notice Tells that the caller's lot now stands at another of its sites. What was attested of it is void: nobody
    /// has seen it there.
    function moveLot(LotId lotId, SiteId siteId) external {
        Lot storage entry = _requireLot(lotId);
        _requireOperator(entry.operator);
        _requireOperator(sites[siteId].operator);
        entry.siteId = siteId;
        emit LotMoved(lotId, siteId);
        _voidAttestation(lotId);
    }

    // Liens

    /// @notice Offers the lot's lien to `to`, in place of an offer before; zero withdraws the offer.
    function offerLien(LotId lotId, address to) external {
        _requireOperator(_requireLot(lotId).operator);
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
        Lot storage entry = _requireLot(lotId);
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
    function evidenceClass(LotId lotId) external view returns (uint8) {
        Attestation storage attestation = attestations[lotId];
        return attestation.expiresAt > block.timestamp ? attestation.evidenceClass : 0;
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

    function _voidAttestation(LotId lotId) private {
        delete attestations[lotId];
        emit AttestationRevoked(lotId, msg.sender);
    }

    function _isCapital(bytes1 letter) private pure returns (bool) {
        return letter >= "A" && letter <= "Z";
    }
}
