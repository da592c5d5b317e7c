// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IRegistry} from "../registry/IRegistry.sol";
import {Settlement} from "../settlement.sol";
import {BPS, LotId, mulDivDown, mulDivUp} from "../units.sol";
import {IBonds} from "./IBonds.sol";
import {IWindows} from "./IWindows.sol";

/// @title Money that operators, oracles and insurers stand behind their word with, and what becomes of it.
///
/// Assumptions
/// - One settlement asset. A token that delivers less than it was asked to is refused; one whose balances change by
///   themselves is not for this contract.
/// - A bond stands for a lot (its operator) or for an oracle's signer address; anyone may post to it, and shares what
///   happens to it.
///
/// Money
/// - Balance ≥ `ledgerAssets` = bonds + covers + claims + what was burned. Nothing else is read as ours.
/// - A bond is a pool of shares: a slash lowers what every share is worth, those that are unbonding included. Rounding
///   is never to the advantage of who posts or withdraws.
/// - All payouts are claims, pulled: a receiver that the token refuses blocks nobody.
///
/// Slashing
/// - Once a fault; at most what is there. What is unbonding is slashable until it is withdrawn, which is longer after
///   the request than a report can be late and challenged.
/// - While a lien is held on a lot, or an oracle is a signer, its bond does not fall below the required sum by
///   withdrawal.
///
/// Cover
/// - Of a loss that a lot's bond did not meet, the covers that stood when it was proven pay, in the order in which they
///   were given. A cover is the insurer's again when it has expired and the unbonding time has passed.
///
/// Roles
/// - `slash` is restricted by the AccessManager to contracts that decide faults; duplicates anyone slashes.
contract Bonds is IBonds, AccessManaged, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Settlement for IERC20;

    struct Settings {
        IERC20 asset;
        IRegistry registry;
        IWindows telemetry;
        address treasury;
        uint64 unbondingSec;
        uint16 lotBondBps; // of a lot's cost
        uint256 oracleBondAssets;
        uint16 proverBountyBps;
    }

    struct Bond {
        uint256 assets;
        uint256 shares;
        uint256 unbondingShares; // among them
        uint64 roundIndex; // how often everything was slashed: shares of an earlier round are void
    }

    struct Stake {
        uint256 shares; // without those that are unbonding
        uint256 unbondingShares;
        uint64 unbondsAt;
        uint64 roundIndex;
    }

    struct Cover {
        address insurer;
        uint64 givenAt;
        uint64 expiresAt;
        uint256 assets;
    }

    /// What a lot's bond did not meet, and the next cover that is asked for it.
    struct Loss {
        LotId lotId;
        address injured;
        uint64 provenAt;
        uint256 assets;
        uint256 coverIndex;
    }

    // The top byte of a bond's id says whose it is.
    uint256 private constant KIND_SHIFT = 248;
    uint256 private constant LOT_KIND = 1;
    uint256 private constant ORACLE_KIND = 2;

    IERC20 public immutable asset;
    IRegistry public immutable registry;
    IWindows public immutable telemetry;
    /// @inheritdoc IBonds
    address public immutable treasury;
    /// @inheritdoc IBonds
    uint64 public immutable unbondingSec;
    /// @notice The share of a lot's cost that its bond has to hold.
    uint16 public immutable lotBondBps;
    /// @inheritdoc IBonds
    uint256 public immutable requiredOracleAssets;
    /// @inheritdoc IBonds
    uint16 public immutable proverBountyBps;

    // Storage

    /// @notice Everything this contract holds for somebody, and what was burned: that stays here for ever.
    uint256 public ledgerAssets;
    uint256 public burnedAssets;
    mapping(bytes32 bondId => Bond) public bonds;
    mapping(bytes32 bondId => mapping(address owner => Stake)) private _stakes;
    mapping(bytes32 bondId => mapping(bytes32 faultId => bool)) public isSlashed;
    /// @notice What an account can claim.
    mapping(address account => uint256) public claimableAssets;
    mapping(LotId => Cover[]) private _covers;
    mapping(bytes32 lossId => Loss) public losses;

    event Opened(IERC20 indexed asset, Settings settings);
    event Posted(bytes32 indexed bondId, address indexed owner, uint256 assets, uint256 shares);
    event UnbondingStarted(bytes32 indexed bondId, address indexed owner, uint256 shares, uint64 unbondsAt);
    event UnbondingCancelled(bytes32 indexed bondId, address indexed owner, uint256 shares);
    event Withdrawn(bytes32 indexed bondId, address indexed owner, address to, uint256 assets, uint256 shares);
    event Slashed(
        bytes32 indexed bondId,
        bytes32 indexed faultId,
        address indexed injured,
        uint256 askedAssets,
        uint256 takenAssets,
        address bountyTo,
        uint256 bountyAssets,
        uint256 burnedAssets
    );
    event CoverGiven(
        LotId indexed lotId,
        uint256 coverIndex,
        address indexed insurer,
        uint256 assets,
        uint64 expiresAt
    );
    event CoverEnded(LotId indexed lotId, uint256 coverIndex, address indexed insurer, address to, uint256 assets);
    event LossUnmet(bytes32 indexed lossId, LotId indexed lotId, address indexed injured, uint256 assets);
    event LossMet(bytes32 indexed lossId, LotId indexed lotId, uint256 coverIndex, uint256 assets);
    event Credited(address indexed account, uint256 assets);
    event Claimed(address indexed account, address to, uint256 assets);

    error Bonds_UnbondingTooShort(uint256 unbondingSec, uint256 windowsSec);
    error Bonds_UnbondingTooLong(uint256 unbondingSec, uint256 formerRootSec);
    error Bonds_BadShares(uint256 firstBps, uint256 secondBps);
    error Bonds_NoAddress();
    error Bonds_NoAmount();
    error Bonds_UnknownBond(bytes32 bondId);
    error Bonds_OverStake(bytes32 bondId, address owner, uint256 shares, uint256 stakeShares);
    error Bonds_UnderRequired(bytes32 bondId, uint256 standingAssets, uint256 requiredAssets);
    error Bonds_NotUnbonding(bytes32 bondId, address owner);
    error Bonds_StillUnbonding(bytes32 bondId, uint256 unbondsAt, uint256 nowAt);
    error Bonds_AlreadySlashed(bytes32 bondId, bytes32 faultId);
    error Bonds_NoDuplicate(LotId lotId);
    error Bonds_CoverExpired(LotId lotId, uint256 expiresAt, uint256 nowAt);
    error Bonds_CoverStands(LotId lotId, uint256 coverIndex, uint256 untilAt, uint256 nowAt);
    error Bonds_NotInsurer(LotId lotId, uint256 coverIndex, address caller);
    error Bonds_NoLoss(bytes32 lossId);
    error Bonds_NothingToClaim(address account);

    /// @param settings `unbondingSec` is more than the telemetry's challenge window and maximum delay together, and at
    /// most as long as a lot answers for the devices that it named.
    constructor(address authority, Settings memory settings) AccessManaged(authority) {
        uint256 windowsSec = uint256(settings.telemetry.challengeSec()) + settings.telemetry.maxDelaySec();
        require(settings.unbondingSec > windowsSec, Bonds_UnbondingTooShort(settings.unbondingSec, windowsSec));
        uint256 formerRootSec = settings.registry.formerRootSec();
        require(settings.unbondingSec <= formerRootSec, Bonds_UnbondingTooLong(settings.unbondingSec, formerRootSec));
        require(
            settings.lotBondBps <= BPS && settings.proverBountyBps <= BPS,
            Bonds_BadShares(settings.lotBondBps, settings.proverBountyBps)
        );
        require(settings.treasury != address(0), Bonds_NoAddress());
        asset = settings.asset;
        registry = settings.registry;
        telemetry = settings.telemetry;
        treasury = settings.treasury;
        unbondingSec = settings.unbondingSec;
        lotBondBps = settings.lotBondBps;
        requiredOracleAssets = settings.oracleBondAssets;
        proverBountyBps = settings.proverBountyBps;
        emit Opened(settings.asset, settings);
    }

    // Bonds

    /// @notice Adds the caller's money to the bond of a lot or an oracle.
    function post(bytes32 bondId, uint256 assets) external nonReentrant returns (uint256 shares) {
        require(assets != 0, Bonds_NoAmount());
        _requireKnown(bondId);
        Bond storage bond = bonds[bondId];
        shares = bond.shares == 0 ? assets : mulDivDown(assets, bond.shares, bond.assets);
        bond.assets += assets;
        bond.shares += shares;
        _stake(bondId, bond, msg.sender).shares += shares;
        ledgerAssets += assets;
        emit Posted(bondId, msg.sender, assets, shares);

        asset.pullExact(msg.sender, assets);
    }

    /// @notice Begins to withdraw what is worth `assets` of the caller's stake; what it asked for before waits as long.
    function startUnbonding(bytes32 bondId, uint256 assets) external nonReentrant {
        require(assets != 0, Bonds_NoAmount());
        Bond storage bond = bonds[bondId];
        Stake storage stake = _stake(bondId, bond, msg.sender);
        require(stake.shares != 0, Bonds_OverStake(bondId, msg.sender, 1, 0));
        uint256 shares = mulDivUp(assets, bond.shares, bond.assets);
        require(shares <= stake.shares, Bonds_OverStake(bondId, msg.sender, shares, stake.shares));
        stake.shares -= shares;
        stake.unbondingShares += shares;
        stake.unbondsAt = uint64(block.timestamp) + unbondingSec;
        bond.unbondingShares += shares;
        _requireHeld(bondId);
        emit UnbondingStarted(bondId, msg.sender, shares, stake.unbondsAt);
    }

    /// @notice Puts what the caller is withdrawing back into its stake.
    function cancelUnbonding(bytes32 bondId) external nonReentrant {
        Bond storage bond = bonds[bondId];
        Stake storage stake = _stake(bondId, bond, msg.sender);
        uint256 shares = stake.unbondingShares;
        require(shares != 0, Bonds_NotUnbonding(bondId, msg.sender));
        stake.shares += shares;
        stake.unbondingShares = 0;
        bond.unbondingShares -= shares;
        emit UnbondingCancelled(bondId, msg.sender, shares);
    }

    /// @notice Pays out what the caller asked for, once it has waited, and what stands is what the bond has to hold: a
    /// lien may have been taken, or the oracle become a signer, in the meantime.
    function withdraw(bytes32 bondId, address to) external nonReentrant returns (uint256 assets) {
        Bond storage bond = bonds[bondId];
        Stake storage stake = _stake(bondId, bond, msg.sender);
        uint256 shares = stake.unbondingShares;
        require(shares != 0, Bonds_NotUnbonding(bondId, msg.sender));
        require(block.timestamp >= stake.unbondsAt, Bonds_StillUnbonding(bondId, stake.unbondsAt, block.timestamp));
        assets = mulDivDown(shares, bond.assets, bond.shares);
        stake.unbondingShares = 0;
        bond.unbondingShares -= shares;
        bond.shares -= shares;
        bond.assets -= assets;
        ledgerAssets -= assets;
        _requireHeld(bondId);
        emit Withdrawn(bondId, msg.sender, to, assets, shares);

        asset.safeTransfer(to, assets);
    }

    // Slashing

    /// @inheritdoc IBonds
    function slash(
        bytes32 bondId,
        bytes32 faultId,
        uint256 assets,
        address bountyTo,
        address injured,
        uint16 bountyBps,
        uint16 burnBps
    ) external restricted nonReentrant returns (uint256 takenAssets) {
        require(uint256(bountyBps) + burnBps <= BPS, Bonds_BadShares(bountyBps, burnBps));
        takenAssets = _take(bondId, faultId, assets);
        _award(bondId, faultId, assets, takenAssets, bountyTo, injured, bountyBps, burnBps);
        _owe(bondId, faultId, assets - takenAssets, injured, uint64(block.timestamp));
    }

    /// @notice Slashes the bond of a lot that was proven to hold a device twice or another lot's, up to the lot's cost:
    /// a bounty to whom the proof named, the rest to who held the lot's lien then, else to the treasury.
    function slashDuplicate(LotId lotId) external nonReentrant returns (uint256 takenAssets) {
        return _slashDuplicate(lotId);
    }

    /// @notice Proves a duplicate in the caller's name and slashes the bond of the lot at fault.
    function proveDuplicate(
        IRegistry.Identified calldata a,
        IRegistry.Identified calldata b
    ) external nonReentrant returns (LotId faultLotId, uint256 takenAssets) {
        faultLotId = registry.proveDuplicate(a, b, msg.sender);
        takenAssets = _slashDuplicate(faultLotId);
    }

    // Cover

    /// @notice Locks the caller's money to cover losses of a lot's lien holder that are proven until a time.
    function giveCover(
        LotId lotId,
        uint256 assets,
        uint64 expiresAt
    ) external nonReentrant returns (uint256 coverIndex) {
        require(assets != 0, Bonds_NoAmount());
        require(expiresAt > block.timestamp, Bonds_CoverExpired(lotId, expiresAt, block.timestamp));
        _requireKnown(lotBondId(lotId));
        coverIndex = _covers[lotId].length;
        _covers[lotId].push(Cover(msg.sender, uint64(block.timestamp), expiresAt, assets));
        ledgerAssets += assets;
        emit CoverGiven(lotId, coverIndex, msg.sender, assets, expiresAt);

        asset.pullExact(msg.sender, assets);
    }

    /// @notice Lets covers pay a loss, at most `maxCoverCount` of them, in the order in which they were given. Anyone
    /// may, until it is met or no cover is left.
    function meetLoss(bytes32 lossId, uint256 maxCoverCount) external nonReentrant returns (uint256 metAssets) {
        Loss storage loss = losses[lossId];
        uint256 leftAssets = loss.assets;
        require(leftAssets != 0, Bonds_NoLoss(lossId));
        Cover[] storage covers = _covers[loss.lotId];
        uint256 coverIndex = loss.coverIndex;
        uint256 endIndex = Math.min(Math.saturatingAdd(coverIndex, maxCoverCount), covers.length);
        for (; coverIndex < endIndex && leftAssets != 0; ++coverIndex) {
            Cover storage cover = covers[coverIndex];
            if (cover.givenAt >= loss.provenAt || cover.expiresAt < loss.provenAt) continue;
            uint256 paidAssets = Math.min(leftAssets, cover.assets);
            if (paidAssets == 0) continue;
            cover.assets -= paidAssets;
            leftAssets -= paidAssets;
            metAssets += paidAssets;
            emit LossMet(lossId, loss.lotId, coverIndex, paidAssets);
        }
        (loss.coverIndex, loss.assets) = (coverIndex, leftAssets);
        _credit(loss.injured, metAssets);
    }

    /// @notice Gives an insurer what is left of its cover, once that has expired and losses proven before could be met.
    function endCover(LotId lotId, uint256 coverIndex, address to) external nonReentrant returns (uint256 assets) {
        Cover storage cover = _covers[lotId][coverIndex];
        require(cover.insurer == msg.sender, Bonds_NotInsurer(lotId, coverIndex, msg.sender));
        uint256 untilAt = uint256(cover.expiresAt) + unbondingSec;
        require(block.timestamp > untilAt, Bonds_CoverStands(lotId, coverIndex, untilAt, block.timestamp));
        assets = cover.assets;
        require(assets != 0, Bonds_NoAmount());
        cover.assets = 0;
        ledgerAssets -= assets;
        emit CoverEnded(lotId, coverIndex, msg.sender, to, assets);

        asset.safeTransfer(to, assets);
    }

    // Claims

    /// @notice Pays an account what it can claim. Anyone may: a facility's claim becomes collections by its `sync`.
    function claim(address account) external nonReentrant returns (uint256 assets) {
        return _pay(account, account);
    }

    /// @notice Pays what the caller can claim to another address.
    function claimTo(address to) external nonReentrant returns (uint256 assets) {
        return _pay(msg.sender, to);
    }

    // Views

    /// @inheritdoc IBonds
    function lotBondId(LotId lotId) public pure returns (bytes32) {
        return bytes32((LOT_KIND << KIND_SHIFT) | LotId.unwrap(lotId));
    }

    /// @inheritdoc IBonds
    function oracleBondId(address signer) public pure returns (bytes32) {
        return bytes32((ORACLE_KIND << KIND_SHIFT) | uint160(signer));
    }

    /// @inheritdoc IBonds
    function slashableAssets(bytes32 bondId) external view returns (uint256) {
        return bonds[bondId].assets;
    }

    /// @notice What is in a bond and not unbonding.
    function standingAssets(bytes32 bondId) public view returns (uint256) {
        Bond storage bond = bonds[bondId];
        uint256 shares = bond.shares;
        return shares == 0 ? 0 : mulDivDown(shares - bond.unbondingShares, bond.assets, shares);
    }

    /// @inheritdoc IBonds
    function requiredLotAssets(LotId lotId) public view returns (uint256) {
        return mulDivUp(registry.lot(lotId).costAssets, lotBondBps, BPS);
    }

    /// @inheritdoc IBonds
    function injuredOf(LotId lotId) external view returns (address) {
        return _orTreasury(registry.lienHolder(lotId));
    }

    /// @notice An account's stake in a bond.
    /// @return assets What its shares are worth, without those that are unbonding.
    /// @return unbondingAssets What those are worth, which it can withdraw from `unbondsAt` on.
    function stakeOf(
        bytes32 bondId,
        address owner
    ) external view returns (uint256 assets, uint256 unbondingAssets, uint64 unbondsAt) {
        Bond storage bond = bonds[bondId];
        Stake storage stake = _stakes[bondId][owner];
        if (stake.roundIndex != bond.roundIndex || bond.shares == 0) return (0, 0, 0);
        assets = mulDivDown(stake.shares, bond.assets, bond.shares);
        unbondingAssets = mulDivDown(stake.unbondingShares, bond.assets, bond.shares);
        unbondsAt = stake.unbondsAt;
    }

    /// @notice How many covers were ever given for a lot.
    function coverCount(LotId lotId) external view returns (uint256) {
        return _covers[lotId].length;
    }

    /// @notice A cover of a lot, in the order in which they were given; `assets` is what is left of it.
    function coverAt(LotId lotId, uint256 coverIndex) external view returns (Cover memory) {
        return _covers[lotId][coverIndex];
    }

    /// @notice The id under which what a fault's slash left unmet is owed.
    function lossIdOf(bytes32 bondId, bytes32 faultId) public pure returns (bytes32) {
        return keccak256(abi.encode(bondId, faultId));
    }

    // Internal

    /// @dev An account's stake; what a full slash voided is gone.
    function _stake(bytes32 bondId, Bond storage bond, address owner) private returns (Stake storage stake) {
        stake = _stakes[bondId][owner];
        if (stake.roundIndex != bond.roundIndex) {
            _stakes[bondId][owner] = Stake(0, 0, 0, bond.roundIndex);
        }
    }

    function _slashDuplicate(LotId lotId) private returns (uint256 takenAssets) {
        IRegistry.Duplicate memory duplicate = registry.duplicateOf(lotId);
        require(duplicate.provenAt != 0, Bonds_NoDuplicate(lotId));
        bytes32 bondId = lotBondId(lotId);
        bytes32 faultId = keccak256(abi.encode("duplicate", duplicate.anchor, duplicate.rootIndex));
        uint256 assets = registry.lot(lotId).costAssets;
        address injured = duplicate.lienHolder;
        takenAssets = _take(bondId, faultId, assets);
        _award(bondId, faultId, assets, takenAssets, duplicate.bountyTo, injured, proverBountyBps, 0);
        _owe(bondId, faultId, assets - takenAssets, injured, duplicate.provenAt);
    }

    function _take(bytes32 bondId, bytes32 faultId, uint256 assets) private returns (uint256 takenAssets) {
        _requireKnown(bondId);
        require(!isSlashed[bondId][faultId], Bonds_AlreadySlashed(bondId, faultId));
        isSlashed[bondId][faultId] = true;
        Bond storage bond = bonds[bondId];
        takenAssets = Math.min(assets, bond.assets);
        bond.assets -= takenAssets;
        if (bond.assets != 0) return takenAssets;
        (bond.shares, bond.unbondingShares) = (0, 0);
        ++bond.roundIndex;
    }

    function _award(
        bytes32 bondId,
        bytes32 faultId,
        uint256 askedAssets,
        uint256 takenAssets,
        address bountyTo,
        address injured,
        uint16 bountyBps,
        uint16 burnBps
    ) private {
        uint256 bountyAssets = mulDivDown(takenAssets, bountyBps, BPS);
        uint256 burntAssets = mulDivDown(takenAssets, burnBps, BPS);
        burnedAssets += burntAssets;
        emit Slashed(bondId, faultId, injured, askedAssets, takenAssets, bountyTo, bountyAssets, burntAssets);
        _credit(_orTreasury(bountyTo), bountyAssets);
        _credit(_orTreasury(injured), takenAssets - bountyAssets - burntAssets);
    }

    /// @dev Keeps what a lot's bond did not meet, for its covers to pay.
    function _owe(bytes32 bondId, bytes32 faultId, uint256 assets, address injured, uint64 provenAt) private {
        if (assets == 0 || _kindOf(bondId) != LOT_KIND || injured == address(0) || injured == treasury) return;
        LotId lotId = LotId.wrap(uint64(uint256(bondId)));
        bytes32 lossId = lossIdOf(bondId, faultId);
        losses[lossId] = Loss(lotId, injured, provenAt, assets, 0);
        emit LossUnmet(lossId, lotId, injured, assets);
    }

    function _credit(address account, uint256 assets) private {
        if (assets == 0) return;
        claimableAssets[account] += assets;
        emit Credited(account, assets);
    }

    function _pay(address account, address to) private returns (uint256 assets) {
        assets = claimableAssets[account];
        require(assets != 0, Bonds_NothingToClaim(account));
        claimableAssets[account] = 0;
        ledgerAssets -= assets;
        emit Claimed(account, to, assets);

        asset.safeTransfer(to, assets);
    }

    /// @dev Refuses while what is in a bond and not unbonding is less than it has to hold.
    function _requireHeld(bytes32 bondId) private view {
        uint256 heldAssets = _heldAssets(bondId);
        uint256 leftAssets = standingAssets(bondId);
        require(leftAssets >= heldAssets, Bonds_UnderRequired(bondId, leftAssets, heldAssets));
    }

    /// @dev What a bond has to hold while somebody relies on it: a lot's while a lien is held on it, an oracle's while
    /// it is a signer.
    function _heldAssets(bytes32 bondId) private view returns (uint256) {
        if (_kindOf(bondId) == LOT_KIND) {
            LotId lotId = LotId.wrap(uint64(uint256(bondId)));
            return registry.lienHolder(lotId) == address(0) ? 0 : requiredLotAssets(lotId);
        }
        address signer = address(uint160(uint256(bondId)));
        address[] memory signers = telemetry.signers();
        for (uint256 i; i < signers.length; ++i) {
            if (signers[i] == signer) return requiredOracleAssets;
        }
        return 0;
    }

    /// @dev Refuses the bond of a lot that is not registered, of no signer, and what is no bond's id.
    function _requireKnown(bytes32 bondId) private view {
        uint256 kind = _kindOf(bondId);
        if (kind == LOT_KIND) {
            LotId lotId = LotId.wrap(uint64(uint256(bondId)));
            require(bondId == lotBondId(lotId), Bonds_UnknownBond(bondId));
            registry.lot(lotId);
        } else {
            address signer = address(uint160(uint256(bondId)));
            require(signer != address(0) && bondId == oracleBondId(signer), Bonds_UnknownBond(bondId));
        }
    }

    function _orTreasury(address account) private view returns (address) {
        return account == address(0) ? treasury : account;
    }

    function _kindOf(bytes32 bondId) private pure returns (uint256) {
        return uint256(bondId) >> KIND_SHIFT;
    }
}
