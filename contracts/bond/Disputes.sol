// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

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
    }

    // The winner's share of a loser's bond.
    uint16 private constant WINNER_BPS = 5000;

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
    event Claimed(address indexed account, address to, uint256 assets);

    error Disputes_BadSettings(uint256 bondAssets, uint256 burnBps, uint256 answerSec, uint256 rulingSec);
    error Disputes_UnbondingTooShort(uint256 unbondingSec, uint256 windowsSec);
    error Disputes_NotFiled(uint64 epoch);
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
    /// @param reportHash With `metersHash` and `submittedAt` what the chain's word for the epoch is made of.
    /// @param evidenceHash Names what is published as evidence.
    function dispute(
        LotId lotId,
        uint64 epoch,
        bytes32 reportHash,
        bytes32 metersHash,
        uint64 submittedAt,
        bytes32 evidenceHash
    ) external nonReentrant returns (uint256 disputeId) {
        require(
            telemetry.commitments(epoch) == keccak256(abi.encode(reportHash, metersHash, submittedAt)),
            Disputes_NotFiled(epoch)
        );
        uint256 finalAt = uint256(submittedAt) + telemetry.challengeSec();
        require(block.timestamp < finalAt, Disputes_Final(epoch, finalAt, block.timestamp));
        address operator = registry.lot(lotId).operator;
        disputeId = ++disputeCount;
        uint64 deadlineAt = uint64(block.timestamp) + answerSec;
        disputes[disputeId] = Dispute(lotId, epoch, deadlineAt, State.Open, msg.sender, operator);
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
            claimableAssets[entry.disputer] += bondAssets;
            emit Decided(disputeId, State.Undecided, 0, address(0), address(0), 0);
        }
    }

    /// @notice Pays the caller's claim out.
    function claim(address to) external nonReentrant returns (uint256 assets) {
        assets = claimableAssets[msg.sender];
        require(assets != 0, Disputes_NothingToClaim(msg.sender));
        claimableAssets[msg.sender] = 0;
        ledgerAssets -= assets;
        emit Claimed(msg.sender, to, assets);

        asset.safeTransfer(to, assets);
    }

    // Internal

    function _requireState(uint256 disputeId, State expected) private view returns (Dispute storage entry) {
        entry = disputes[disputeId];
        require(entry.state == expected, Disputes_WrongState(disputeId, entry.state, expected));
    }

    function _requireInTime(uint256 disputeId, Dispute storage entry) private view {
        require(block.timestamp < entry.deadlineAt, Disputes_Late(disputeId, entry.deadlineAt, block.timestamp));
    }

    /// @dev The lot's bond is slashed, by as much as there is of it; the disputer has its own back.
    function _decideForDisputer(uint256 disputeId, Dispute storage entry) private {
        entry.state = State.DisputerWon;
        claimableAssets[entry.disputer] += bondAssets;
        address injured = bonds.injuredOf(entry.lotId);
        uint256 takenAssets = bonds.slash(
            bonds.lotBondId(entry.lotId),
            keccak256(abi.encode(address(this), disputeId)),
            bondAssets,
            entry.disputer,
            injured,
            WINNER_BPS,
            burnBps
        );
        uint256 burned = mulDivDown(takenAssets, burnBps, BPS);
        emit Decided(disputeId, State.DisputerWon, takenAssets, entry.disputer, injured, burned);
    }

    /// @dev The disputer's bond is shared out here.
    function _decideForOperator(uint256 disputeId, Dispute storage entry) private {
        entry.state = State.OperatorWon;
        address injured = bonds.injuredOf(entry.lotId);
        uint256 winnerAssets = mulDivDown(bondAssets, WINNER_BPS, BPS);
        uint256 burned = mulDivDown(bondAssets, burnBps, BPS);
        claimableAssets[entry.operator] += winnerAssets;
        claimableAssets[injured] += bondAssets - winnerAssets - burned;
        burnedAssets += burned;
        emit Decided(disputeId, State.OperatorWon, bondAssets, entry.operator, injured, burned);
    }
}
