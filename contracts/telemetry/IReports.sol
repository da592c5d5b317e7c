// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What whoever judges reports asks of the telemetry.
interface IReports {
    /// What the oracles say of one epoch.
    struct Report {
        bytes32 configDigest;
        uint64 epoch;
        uint64 periodStartAt;
        uint64 periodEndAt;
        bytes32 readingsRoot;
        bytes32 prevReportHash;
        bytes32 dataHash;
        bytes32 methodologyHash;
        uint32 devicesRegisteredCount;
        uint32 devicesReportingCount;
        bytes32[] meterWords; // four a lot, by ascending lotId: see MeterWords
    }

    /// @notice The EIP-712 digest that a signer of `report` signs.
    function reportDigest(Report calldata report) external view returns (bytes32);

    /// @notice The digest of a set of signers, the `configCount`th of this contract.
    function configDigestOf(
        uint64 configCount,
        address[] calldata oracles,
        uint8 faultyCount
    ) external view returns (bytes32);

    /// @notice Whether the digest is of a configuration in force now or before.
    function isConfig(bytes32 digest) external view returns (bool);

    /// @notice Whether signatures of a configuration are taken now: it is the newest, not expired, and not void.
    function isInForce(bytes32 digest) external view returns (bool);

    /// @notice The newest epoch that was reported or skipped.
    function lastEpoch() external view returns (uint64);

    /// @notice Whether `report` is what the chain holds for its epoch, submitted at that time.
    function isFiled(Report calldata report, uint64 submittedAt) external view returns (bool);

    /// @notice keccak256(abi.encode(reportHash, metersHash, submittedAt)) of an epoch that is on-chain, or 0.
    function commitments(uint64 epoch) external view returns (bytes32);

    /// @notice How long a report can be challenged before it is Final.
    function challengeSec() external view returns (uint64);

    /// @notice How long after the end of its hour a report is accepted.
    function maxDelaySec() external view returns (uint64);

    /// @notice Stops the telemetry from an epoch on, until the authority resolves it.
    function halt(uint64 epoch) external;
}
