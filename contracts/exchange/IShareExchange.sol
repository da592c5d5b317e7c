// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What a maker signs: to sell or buy `shares` for `assets`, in parts or at once.
struct Order {
    address maker;
    address taker; // who alone may fill it; 0: anyone
    address shareToken;
    address asset;
    bool isSell; // the maker sells shares
    uint256 shares;
    uint256 assets; // for all of them, without accrued interest
    uint256 maxAccruedAssets; // the most accrued interest that the buyer pays beside, for all of them; 0: flat
    uint16 maxFeeBps; // the most that the exchange may take of the price
    uint64 expiresAt; // the last second to fill it
    uint256 nonce; // void once the maker's own is above
    bytes32 salt; // makes two equal orders two
}

/// @title What a vault and the leverage helper ask of the exchange.
interface IShareExchange {
    /// @notice Fills `fillShares` of an order; the caller is its taker. Of a sell order it pays up to `limitAssets` in
    /// all and `receiver` gets the shares; of a buy order it gives the shares and `receiver` at least `limitAssets`.
    /// @return assets what the caller paid, or `receiver` got
    function fill(
        Order calldata order,
        bytes calldata signature,
        uint256 fillShares,
        uint256 limitAssets,
        address receiver
    ) external returns (uint256 assets);

    /// @notice What a fill of `fillShares` comes to now: the price, the accrued interest that the buyer pays beside it,
    /// and the fee that comes off the seller's proceeds.
    function quote(
        Order calldata order,
        uint256 fillShares
    ) external view returns (uint256 priceAssets, uint256 accruedAssets, uint256 feeAssets);
}
