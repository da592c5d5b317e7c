// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What the vault asks of a class token, beside ERC-20.
interface IHeldClass {
    /// @notice Income of an account that can be claimed now. It falls only when the account claims.
    function claimableAssets(address account) external view returns (uint256);

    /// @notice Pays the caller's unclaimed income to `to`.
    function claim(address to) external returns (uint256 assets);
}

/// @title What the vault asks of a facility.
interface IHeldFacility {
    /// @notice The settlement token all of its money is in.
    function asset() external view returns (address);

    /// @notice The share token of a class.
    function classToken(uint256 classIndex) external view returns (address);

    /// @notice Takes `assets` of the caller into a raise, for shares of a class.
    function subscribe(uint256 classIndex, uint256 assets) external;

    /// @notice Burns all shares of the caller after a raise that failed, and pays for them.
    function refund(address to) external returns (uint256 assets);
}

/// @title What the vault says and refuses about its holdings.
interface IVaultHoldings {
    event ClassListed(address indexed facility, uint256 indexed classIndex, address indexed classToken);
    event ClassClosed(address indexed classToken);
    event CapSet(address indexed facility, uint256 capAssets);
    /// In a raise or from a holder.
    event ClassBought(address indexed classToken, uint256 shares, uint256 assets);
    event ClassSold(address indexed classToken, uint256 shares, uint256 assets);
    event RaiseRefunded(address indexed facility, uint256 assets);
    event IncomeClaimed(address indexed classToken, uint256 assets);

    error Vault_Listed(address classToken);
    error Vault_NotListed(address classToken);
    error Vault_TooManyClasses(uint256 classCount);
    error Vault_OtherAsset(address facility, address asset);
    error Vault_CapNotHigher(address facility, uint256 capAssets, uint256 askedAssets);
    error Vault_CapNotLower(address facility, uint256 capAssets, uint256 askedAssets);
    error Vault_StillHeld(address classToken, uint256 heldShares, uint256 claimableAssets);
    error Vault_OverCap(address facility, uint256 entryAssets, uint256 capAssets);
    error Vault_StaleValue(address classToken);
    error Vault_WrongOrder(address shareToken, address asset, bool isSell);
    error Vault_PriceAbove(address classToken, uint256 paidAssets, uint256 maxAssets);
    error Vault_PriceBelow(address classToken, uint256 paidAssets, uint256 minAssets);
    error Vault_DailyLossExceeded(uint256 lossAssets, uint256 maxLossAssets);
    error Vault_NotHeld(address classToken, uint256 askedShares, uint256 heldShares);
    error Vault_WrongShares(address classToken, uint256 askedShares, uint256 deliveredShares);
}
