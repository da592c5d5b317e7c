// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IRegistry} from "../registry/IRegistry.sol";
import {Settlement} from "../settlement.sol";
import {IReports} from "../telemetry/IReports.sol";
import {BPS, LotId, mulDivDown} from "../units.sol";
import {IBonds} from "./IBonds.sol";

/// @title Disputes of a lot's epoch that no proof decides: two bonds, two deadlines, an arbiter.
///
/// Assumptions
/// - The arbiter is a role; whom it may be bought by, both bonds are lost to. It rules on evidence that its hash names.
/// - One settlement asset that delivers what it is asked to.
///
/// Course
/// - Anyone disputes a lot's epoch before it is Final. The lot's operator at that time answers before a deadline, else
///   it has lost. After an answer the arbiter rules before another deadline, else nobody has lost.
/// - A lot's bond waits longer to be withdrawn than a report can be late, challenged, answered for and ruled on: an
///   operator that asks for it before it lies has not got it when the dispute is decided.
/// - What is at stake is the same sum on both sides: the disputer's is held here, the operator's is its lot's bond, as
///   much of it as there is.
/// - Of a loser's bond, half goes to the winner, a part is burned, the rest goes to whom the lot is pledged to, else to
///   the treasury. So disputing oneself costs, and so does a dispute that is lost.
/// - An operator loses once what an epoch says of a lot, however many dispute it: a silent one is not drained.
/// - Without a ruling the disputer is left with less, so asking costs where the arbiter is slow.
/// - No dispute asks more of a lot's bond than is there: covers owe nothing for it.
///
/// Money
/// - Balance ≥ `ledgerAssets` = bonds of open disputes + claims + what was burned. All payouts are claims, pulled.
contract Disputes is AccessManaged, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using Settlement for IERC20;

    enum State {
        None,
        Open,
        Answered,
        DisputerWon,
        OperatorWon,
        Undecided
    }

    struct Settings {
        IERC20 asset;
        IRegistry registry;
        IReports telemetry;
        IBonds bonds;
        uint256 bondAssets;
        uint16 burnBps; // of a loser's bond
        uint64 answerSec;
        uint64 rulingSec;
    }

    struct Dispute {
        LotId lotId;
        uint64 epoch;
        uint64 deadlineAt; // of the answer, then of the ruling
        State state;
        address disputer;
        address operator;
        bytes32 faultId; // what the operator loses once: the lot in this filing
    }

    // The winner's share of a loser's bond.
    uint16 private constant WINNER_BPS = 5000;
    // A report's words of one lot, and where the lot's id begins in the first (MeterWords.sol).
    uint256 private constant LINE_WORDS = 4;
    uint256 private constant LOT_SHIFT = 32;
    // What a disputer pays for a dispute that nobody ruled on: it is burned.
    uint16 private constant UNDECIDED_BPS = 500;

    IERC20 public immutable asset;
    IRegistry public immutable registry;
    IReports public immutable telemetry;
    IBonds public immutable bonds;
    /// @notice What each side stands to lose.
    uint256 public immutable bondAssets;
    uint16 public immutable burnBps;
    uint64 public immutable answerSec;
    uint64 public immutable rulingSec;

    // Storage

    uint256 public disputeCount;
    mapping(uint256 disputeId => Dispute) public disputes;
    /// @notice Whether an operator has lost already what a dispute is about.
    mapping(bytes32 faultId => bool) public isLost;
    uint256 public ledgerAssets;
    uint256 public burnedAssets;
    mapping(address account => uint256) public claimableAssets;

    event Opened(Settings settings);
    event Disputed(
        uint256 indexed disputeId,
        LotId indexed lotId,
        uint64 epoch,
        address indexed disputer,
        address operator,
        bytes32 evidenceHash,
        uint64 deadlineAt
    );
    event Answered(uint256 indexed disputeId, bytes32 answerHash, uint64 deadlineAt);
    event Decided(
        uint256 indexed disputeId,
        State state,
        uint256 loserAssets,
        address winner,
        address injured,
        uint256 burnedAssets
    );
    event Credited(address indexed account, uint256 assets);
    event Claimed(address indexed account, address to, uint256 assets);

    error Disputes_BadSettings(uint256 bondAssets, uint256 burnBps, uint256 answerSec, uint256 rulingSec);
    error Disputes_UnbondingTooShort(uint256 unbondingSec, uint256 windowsSec);
    error Disputes_NotFiled(uint64 epoch);
    error Disputes_NoLine(LotId lotId, uint256 meterIndex);
    error Disputes_Final(uint64 epoch, uint256 finalAt, uint256 nowAt);
    error Disputes_WrongState(uint256 disputeId, State state, State expectedState);
    error Disputes_NotOperator(uint256 disputeId, address caller, address operator);
    error Disputes_Late(uint256 disputeId, uint256 deadlineAt, uint256 nowAt);
    error Disputes_NotDue(uint256 disputeId, uint256 deadlineAt, uint256 nowAt);
    error Disputes_NothingToClaim(address account);

    constructor(address authority, Settings memory settings) AccessManaged(authority) {
        require(
            settings.bondAssets != 0 &&
                settings.burnBps != 0 &&
                settings.burnBps <= BPS - WINNER_BPS &&
                settings.answerSec != 0 &&
                settings.rulingSec != 0,
            Disputes_BadSettings(settings.bondAssets, settings.burnBps, settings.answerSec, settings.rulingSec)
        );
        uint256 windowsSec =
            uint256(settings.telemetry.maxDelaySec()) +
                settings.telemetry.challengeSec() +
                settings.answerSec +
                settings.rulingSec;
        uint256 unbondingSec = settings.bonds.unbondingSec();
        require(unbondingSec > windowsSec, Disputes_UnbondingTooShort(unbondingSec, windowsSec));
        asset = settings.asset;
        registry = settings.registry;
        telemetry = settings.telemetry;
        bonds = settings.bonds;
        bondAssets = settings.bondAssets;
        burnBps = settings.burnBps;
        answerSec = settings.answerSec;
        rulingSec = settings.rulingSec;
        emit Opened(settings);
    }

    // Course

    /// @notice Disputes what an epoch that is not Final says of a lot; the caller's bond is held until it is decided.
    /// @param reportHash With `meterWords` and `submittedAt` what the chain's word for the epoch is made of.
    /// @param meterIndex Place of the lot in `meterWords`.
    /// @param evidenceHash Names what is published as evidence.
    function dispute(
        LotId lotId,
        uint64 epoch,
        bytes32 reportHash,
        bytes32[] calldata meterWords,
        uint256 meterIndex,
        uint64 submittedAt,
        bytes32 evidenceHash
    ) external nonReentrant returns (uint256 disputeId) {
        _requireLine(lotId, meterWords, meterIndex);
        bytes32 faultId = _requireOpen(lotId, epoch, reportHash, keccak256(abi.encodePacked(meterWords)), submittedAt);
        address operator = registry.lot(lotId).operator;
        disputeId = ++disputeCount;
        uint64 deadlineAt = uint64(block.timestamp) + answerSec;
        disputes[disputeId] = Dispute(lotId, epoch, deadlineAt, State.Open, msg.sender, operator, faultId);
        ledgerAssets += bondAssets;
        emit Disputed(disputeId, lotId, epoch, msg.sender, operator, evidenceHash, deadlineAt);

        asset.pullExact(msg.sender, bondAssets);
    }

    /// @notice The operator's answer, in time; now the arbiter has until its own deadline.
    function answer(uint256 disputeId, bytes32 answerHash) external nonReentrant {
        Dispute storage entry = _requireState(disputeId, State.Open);
        require(msg.sender == entry.operator, Disputes_NotOperator(disputeId, msg.sender, entry.operator));
        _requireInTime(disputeId, entry);
        entry.state = State.Answered;
        entry.deadlineAt = uint64(block.timestamp) + rulingSec;
        emit Answered(disputeId, answerHash, entry.deadlineAt);
    }

    /// @notice The arbiter's ruling on a dispute that was answered, in time.
    function rule(uint256 disputeId, bool disputerWins) external restricted nonReentrant {
        Dispute storage entry = _requireState(disputeId, State.Answered);
        _requireInTime(disputeId, entry);
        if (disputerWins) _decideForDisputer(disputeId, entry);
        else _decideForOperator(disputeId, entry);
    }

    /// @notice Ends a dispute past its deadline: without an answer the operator has lost, without a ruling nobody has.
    function close(uint256 disputeId) external nonReentrant {
        Dispute storage entry = disputes[disputeId];
        State state = entry.state;
        require(state == State.Open || state == State.Answered, Disputes_WrongState(disputeId, state, State.Open));
        require(block.timestamp >= entry.deadlineAt, Disputes_NotDue(disputeId, entry.deadlineAt, block.timestamp));
        if (state == State.Open) {
            _decideForDisputer(disputeId, entry);
        } else {
            entry.state = State.Undecided;
            uint256 burned = mulDivDown(bondAssets, UNDECIDED_BPS, BPS);
            burnedAssets += burned;
            _credit(entry.disputer, bondAssets - burned);
            emit Decided(disputeId, State.Undecided, 0, address(0), address(0), burned);
        }
    }

    /// @notice Pays an account what it can claim. Anyone may: a facility's claim becomes collections by its `sync`.
    function claim(address account) external nonReentrant returns (uint256 assets) {
        return _pay(account, account);
    }

    /// @notice Pays what the caller can claim to another address.
    function claimTo(address to) external nonReentrant returns (uint256 assets) {
        return _pay(msg.sender, to);
    }

    // Internal

    /// @dev Refuses a filing that says nothing of the lot, or not at this place.
    function _requireLine(LotId lotId, bytes32[] calldata meterWords, uint256 meterIndex) private pure {
        require(
            meterIndex < meterWords.length / LINE_WORDS &&
                LotId.wrap(uint64(uint256(meterWords[LINE_WORDS * meterIndex]) >> LOT_SHIFT)) == lotId,
            Disputes_NoLine(lotId, meterIndex)
        );
    }

    /// @dev Refuses what the chain does not hold, or holds for Final; returns what the operator can lose for it.
    function _requireOpen(
        LotId lotId,
        uint64 epoch,
        bytes32 reportHash,
        bytes32 metersHash,
        uint64 submittedAt
    ) private view returns (bytes32 faultId) {
        bytes32 commitment = telemetry.commitments(epoch);
        require(commitment == keccak256(abi.encode(reportHash, metersHash, submittedAt)), Disputes_NotFiled(epoch));
        uint256 finalAt = uint256(submittedAt) + telemetry.challengeSec();
        require(block.timestamp < finalAt, Disputes_Final(epoch, finalAt, block.timestamp));
        return keccak256(abi.encode(address(this), lotId, epoch, commitment));
    }

    function _requireState(uint256 disputeId, State expected) private view returns (Dispute storage entry) {
        entry = disputes[disputeId];
        require(entry.state == expected, Disputes_WrongState(disputeId, entry.state, expected));
    }

    function _requireInTime(uint256 disputeId, Dispute storage entry) private view {
        require(block.timestamp < entry.deadlineAt, Disputes_Late(disputeId, entry.deadlineAt, block.timestamp));
    }

    /// @dev The lot's bond is slashed, once a lot and filing, by as much as there is of it; the disputer has its own
    /// back.
    function _decideForDisputer(uint256 disputeId, Dispute storage entry) private {
        entry.state = State.DisputerWon;
        _credit(entry.disputer, bondAssets);
        address injured = bonds.injuredOf(entry.lotId);
        uint256 takenAssets = isLost[entry.faultId] ? 0 : _slash(entry, injured);
        uint256 burned = mulDivDown(takenAssets, burnBps, BPS);
        emit Decided(disputeId, State.DisputerWon, takenAssets, entry.disputer, injured, burned);
    }

    /// @dev Asks for no more than there is, so that covers owe nothing.
    function _slash(Dispute storage entry, address injured) private returns (uint256 takenAssets) {
        isLost[entry.faultId] = true;
        bytes32 bondId = bonds.lotBondId(entry.lotId);
        uint256 assets = Math.min(bondAssets, bonds.slashableAssets(bondId));
        return bonds.slash(bondId, entry.faultId, assets, entry.disputer, injured, WINNER_BPS, burnBps);
    }

    /// @dev The disputer's bond is shared out here.
    function _decideForOperator(uint256 disputeId, Dispute storage entry) private {
        entry.state = State.OperatorWon;
        address injured = bonds.injuredOf(entry.lotId);
        uint256 winnerAssets = mulDivDown(bondAssets, WINNER_BPS, BPS);
        uint256 burned = mulDivDown(bondAssets, burnBps, BPS);
        burnedAssets += burned;
        emit Decided(disputeId, State.OperatorWon, bondAssets, entry.operator, injured, burned);
        _credit(entry.operator, winnerAssets);
        _credit(injured, bondAssets - winnerAssets - burned);
    }

    function _credit(address account, uint256 assets) private {
        if (assets == 0) return;
        claimableAssets[account] += assets;
        emit Credited(account, assets);
    }

    function _pay(address account, address to) private returns (uint256 assets) {
        assets = claimableAssets[account];
        require(assets != 0, Disputes_NothingToClaim(account));
        claimableAssets[account] = 0;
        ledgerAssets -= assets;
        emit Claimed(account, to, assets);

        asset.safeTransfer(to, assets);
    }
}
