// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The price a market asks for; the shape of Morpho Blue's oracle.
interface IPrice {
    /// @notice Loan assets per collateral share, scaled by 1e36 (adjusted for both tokens' decimals). Reverts if stale.
    function price() external view returns (uint256);
}

/// @title The shape of Chainlink's price feeds.
interface IAggregatorV3 {
    /// @notice Decimals of the answers.
    function decimals() external view returns (uint8);

    /// @notice What the answers are of.
    function description() external view returns (string memory);

    /// @notice Version of the feed.
    function version() external view returns (uint256);

    /// @notice The answer of a round; reverts with "No data present" for one that is not known.
    function getRoundData(
        uint80 roundId_
    )
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);

    /// @notice The newest answer.
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}
