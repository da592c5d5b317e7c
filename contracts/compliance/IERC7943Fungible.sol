// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

/// @title ERC-7943 for fungible tokens: compliance views, frozen balances and forced transfers. Names and parameters
/// are the standard's.
interface IERC7943Fungible is IERC165 {
    /// Shares were moved without their holder's consent.
    event ForcedTransfer(address indexed from, address indexed to, uint256 amount);
    /// The frozen balance of an account is now `amount`.
    event Frozen(address indexed account, uint256 amount);

    /// The account may not send.
    error ERC7943CannotSend(address account);
    /// The account may not receive.
    error ERC7943CannotReceive(address account);
    /// This transfer is not allowed.
    error ERC7943CannotTransfer(address from, address to, uint256 amount);
    /// The account holds only `unfrozen` that is not frozen.
    error ERC7943InsufficientUnfrozenBalance(address account, uint256 amount, uint256 unfrozen);

    /// @notice Moves `amount` from `from` to `to`, past freezes and the sender's eligibility, not past the receiver's.
    function forcedTransfer(address from, address to, uint256 amount) external returns (bool);

    /// @notice Sets (does not add to) the frozen balance of an account; it may exceed what the account holds.
    function setFrozenTokens(address account, uint256 amount) external returns (bool);

    /// @notice May `account` send now?
    function canSend(address account) external view returns (bool);

    /// @notice May `account` receive now?
    function canReceive(address account) external view returns (bool);

    /// @notice The frozen balance of an account.
    function getFrozenTokens(address account) external view returns (uint256);

    /// @notice Would a transfer of `amount` pass now, allowances aside?
    function canTransfer(address from, address to, uint256 amount) external view returns (bool);
}
