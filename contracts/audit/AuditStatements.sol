// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {EPOCH_SEC} from "../units.sol";

/// @title What auditors say of a period of a contract's history, signed, in one public list.
///
/// Statements
/// - A statement names the hours that were looked at and, by `headHash`, the report that ends them: it is about that
///   history and no other, and says nothing where the chain holds another report for that hour. Reports name their
///   predecessors, so this one hash stands for all before it.
/// - What was found is a document that is published elsewhere; `findingsHash` is keccak256 of it.
/// - Nothing else reads what is recorded here: a statement moves no money, and changes no value and no evidence class.
///
/// Recording
/// - Anyone records what an auditor signed (EIP-712; for a contract wallet by ERC-1271), once. Whether the signer holds
///   the auditor's role is asked then: a role that is taken away later takes no statement back.
/// - Its auditor withdraws a statement for good at any time, with the role or without, recorded or not yet.
///
/// Roles
/// - The AccessManager says who is an auditor. Nobody administers this contract.
contract AuditStatements is EIP712 {
    enum Opinion {
        Unqualified, // all that was looked at holds
        Qualified, // it holds but for what the findings name
        Adverse, // it does not hold
        Disclaimer // it could not be told
    }

    enum State {
        None,
        Recorded,
        Withdrawn
    }

    struct Statement {
        address auditor;
        address subject; // the contract it is about: a facility, the vault, the telemetry
        uint64 fromEpoch; // the first hour that was looked at
        uint64 toEpoch; // the last one
        bytes32 headHash; // of the report of the last hour
        bytes32 findingsHash;
        Opinion opinion;
        uint64 signedAt;
    }

    bytes32 public constant STATEMENT_TYPEHASH = keccak256(
        "Statement(address auditor,address subject,uint64 fromEpoch,uint64 toEpoch,bytes32 headHash,"
        "bytes32 findingsHash,uint8 opinion,uint64 signedAt)"
    );

    /// @notice Who says which accounts are auditors, and by which role.
    IAccessManager public immutable accessManager;
    uint64 public immutable auditorRoleId;

    /// @notice What became of a statement.
    mapping(bytes32 statementHash => State) public stateOf;

    event Recorded(
        bytes32 indexed statementHash,
        address indexed auditor,
        address indexed subject,
        Statement statement
    );
    /// `reasonHash` names what is published as the reason.
    event Withdrawn(bytes32 indexed statementHash, address indexed auditor, bytes32 reasonHash);

    error AuditStatements_NotAuditor(address account);
    error AuditStatements_BadSignature(bytes32 statementHash, address auditor);
    error AuditStatements_BadEpochs(uint64 fromEpoch, uint64 toEpoch);
    /// Signed before the last hour was over.
    error AuditStatements_NotOver(uint64 toEpoch, uint256 overAt, uint64 signedAt);
    error AuditStatements_InFuture(uint64 signedAt, uint256 nowAt);
    error AuditStatements_WrongState(bytes32 statementHash, State state);

    constructor(IAccessManager accessManager_, uint64 auditorRoleId_) EIP712("Rackbond Audit Statements", "1") {
        (accessManager, auditorRoleId) = (accessManager_, auditorRoleId_);
    }

    // Verbs

    /// @notice Records what an auditor signed; anyone may.
    function record(Statement calldata statement, bytes calldata signature) external returns (bytes32 statementHash) {
        statementHash = hashOf(statement);
        State state = stateOf[statementHash];
        require(state == State.None, AuditStatements_WrongState(statementHash, state));
        _requireSound(statement);
        (bool isAuditor, ) = accessManager.hasRole(auditorRoleId, statement.auditor);
        require(isAuditor, AuditStatements_NotAuditor(statement.auditor));
        require(
            SignatureChecker.isValidSignatureNow(statement.auditor, statementHash, signature),
            AuditStatements_BadSignature(statementHash, statement.auditor)
        );
        stateOf[statementHash] = State.Recorded;
        emit Recorded(statementHash, statement.auditor, statement.subject, statement);
    }

    /// @notice Takes the caller's own statement back for good; one that nobody recorded can then not be recorded.
    function withdraw(Statement calldata statement, bytes32 reasonHash) external {
        require(msg.sender == statement.auditor, AuditStatements_NotAuditor(msg.sender));
        bytes32 statementHash = hashOf(statement);
        State state = stateOf[statementHash];
        require(state != State.Withdrawn, AuditStatements_WrongState(statementHash, state));
        stateOf[statementHash] = State.Withdrawn;
        emit Withdrawn(statementHash, statement.auditor, reasonHash);
    }

    // Views

    /// @notice What a statement is known by, and what its auditor signs.
    function hashOf(Statement calldata statement) public view returns (bytes32 statementHash) {
        return _hashTypedDataV4(keccak256(abi.encode(STATEMENT_TYPEHASH, statement)));
    }

    // Internal

    /// @dev Refuses hours in the wrong order or not over when it was signed, and a signature of the future.
    function _requireSound(Statement calldata statement) private view {
        (uint64 fromEpoch, uint64 toEpoch) = (statement.fromEpoch, statement.toEpoch);
        require(fromEpoch <= toEpoch, AuditStatements_BadEpochs(fromEpoch, toEpoch));
        uint256 overAt = (uint256(toEpoch) + 1) * EPOCH_SEC;
        uint64 signedAt = statement.signedAt;
        require(overAt <= signedAt, AuditStatements_NotOver(toEpoch, overAt, signedAt));
        require(signedAt <= block.timestamp, AuditStatements_InFuture(signedAt, block.timestamp));
    }
}
