// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// The standards that the vault speaks beside ERC-4626: names, parameters and events are theirs.

/// @title ERC-7575: where the shares of a vault are.
interface IERC7575 {
    /// @notice The token that represents shares of the vault.
    function share() external view returns (address shareTokenAddress);
}

/// @title ERC-7575: where the vault of a share is.
interface IERC7575Share {
    /// The vault that takes `asset` for shares.
    event VaultUpdate(address indexed asset, address vault);

    /// @notice The vault that takes `asset` for shares; zero if there is none.
    function vault(address asset) external view returns (address vault_);
}

/// @title ERC-7540: who may act for a controller.
interface IERC7540Operator {
    event OperatorSet(address indexed controller, address indexed operator, bool approved);

    /// @notice Lets an operator manage the caller's requests and shares, or no more.
    function setOperator(address operator, bool approved) external returns (bool success);

    /// @notice Whether `operator` may act for `controller`.
    function isOperator(address controller, address operator) external view returns (bool status);
}

/// @title ERC-7540: asynchronous redemption.
interface IERC7540Redeem {
    event RedeemRequest(
        address indexed controller,
        address indexed owner,
        uint256 indexed requestId,
        address sender,
        uint256 shares
    );

    /// @notice Locks `shares` of `owner` in the vault and asks for their redemption on behalf of `controller`.
    function requestRedeem(uint256 shares, address controller, address owner) external returns (uint256 requestId);

    /// @notice Shares of a request that wait.
    function pendingRedeemRequest(uint256 requestId, address controller) external view returns (uint256 shares);

    /// @notice Shares of a request that were redeemed and whose assets were not taken yet.
    function claimableRedeemRequest(uint256 requestId, address controller) external view returns (uint256 shares);
}

/// @title ERC-7887: cancelling a redemption.
interface IERC7887Redeem {
    event CancelRedeemRequest(address indexed controller, uint256 indexed requestId, address sender);
    event CancelRedeemClaim(
        address indexed controller,
        address indexed receiver,
        uint256 indexed requestId,
        address sender,
        uint256 shares
    );

    /// @notice Cancels what waits of a request.
    function cancelRedeemRequest(uint256 requestId, address controller) external;

    /// @notice Sends the shares of a cancelled request to `receiver`.
    function claimCancelRedeemRequest(uint256 requestId, address receiver, address controller) external;

    /// @notice Whether a cancellation waits.
    function pendingCancelRedeemRequest(uint256 requestId, address controller) external view returns (bool isPending);

    /// @notice Shares of a cancelled request that were not taken yet.
    function claimableCancelRedeemRequest(uint256 requestId, address controller) external view returns (uint256 shares);
}
