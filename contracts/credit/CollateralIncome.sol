// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IGate} from "../compliance/IGate.sol";
import {mulDivDown, RAY} from "../units.sol";

/// @title What a market asks of whoever pays the income of a collateral token.
interface IIncomePayer {
    /// @notice The token the income is paid in.
    function asset() external view returns (address);
}

/// @title What a market asks of a collateral token that pays income to its holders.
interface ICollateralIncome {
    /// @notice Who pays the income.
    function facility() external view returns (IIncomePayer);

    /// @notice What `account` could claim now. It falls only when the account itself claims.
    function claimableAssets(address account) external view returns (uint256);

    /// @notice Who decides who may hold the token. A frozen account may not send.
    function gate() external view returns (IGate);

    /// @notice ERC-7943: may `account` receive, may it send shares now, and how many of its shares are frozen?
    function canReceive(address account) external view returns (bool);
    function canSend(address account) external view returns (bool);
    function getFrozenTokens(address account) external view returns (uint256 amount);

    /// @notice Pays everything the caller can claim to `to`.
    function claim(address to) external returns (uint256 assets);
}

/// @title Splits what a collateral token pays the market contract over the shares that are posted, exactly and in O(1).
///
/// - One book per collateral token over all markets; income is booked before any posted amount changes, so it goes to
///   those who had posted while it accrued, by shares.
/// - Booking reads `claimableAssets` and moves no money: a payer that cannot pay blocks no deposit, exit, liquidation.
///   Money is claimed when somebody takes it, and a book pays out only what was delivered to it.
/// - Rounded down twice (per share at 1e-27, per holder): what holders can take together ≤ what was claimable.
/// - Shares sent here without being posted earn for those who posted; nothing is earned while none is posted.
library CollateralIncome {
    using SafeCast for uint256;

    struct Book {
        IERC20 asset; // zero: the token pays no income
        uint256 perShareRay; // income booked per posted share since the beginning
        uint128 postedShares; // over all markets
        uint128 unclaimedAssets; // booked, and not yet claimed from the token
        uint256 cashAssets; // claimed, and not yet taken
    }

    /// What one position has of it.
    struct Entitlement {
        uint256 perShareRay; // the book's, when `owedAssets` was last brought up to date
        uint256 owedAssets;
    }

    event BookIncome(address indexed collateralToken, uint256 assets, uint256 perShareRay, uint256 unclaimedAssets);
    event HarvestIncome(address indexed collateralToken, uint256 assets, uint256 unclaimedAssets, uint256 cashAssets);

    /// @dev The asset `token` pays income in, or zero when it does not answer `claimableAssets(address)` with one word.
    /// One that does must know its facility, and the facility its asset.
    function incomeAsset(address token) internal view returns (IERC20) {
        bytes memory question = abi.encodeCall(ICollateralIncome.claimableAssets, (address(this)));
        bool answered = LowLevelCall.staticcallNoReturn(token, question) && LowLevelCall.returnDataSize() == 32;
        return answered ? IERC20(ICollateralIncome(token).facility().asset()) : IERC20(address(0));
    }

    /// @dev Credits a position and changes what it has posted, `fromShares` until now.
    function move(
        Book storage book,
        Entitlement storage entitlement,
        address token,
        uint256 fromShares,
        uint256 toShares
    ) internal {
        _credit(book, entitlement, token, fromShares);
        book.postedShares = (book.postedShares - fromShares + toShares).toUint128();
    }

    /// @dev Takes up to `maxAssets` of what a position is owed out of the book, claiming from the token when the book
    /// holds too little. What could not be claimed stays owed.
    function take(
        Book storage book,
        Entitlement storage entitlement,
        address token,
        uint256 shares,
        uint256 maxAssets
    ) internal returns (uint256 assets) {
        _credit(book, entitlement, token, shares);
        uint256 owed = entitlement.owedAssets;
        assets = Math.min(owed, maxAssets);
        if (book.cashAssets < assets) _harvest(book, token);
        uint256 cashAssets = book.cashAssets;
        assets = Math.min(assets, cashAssets);
        entitlement.owedAssets = owed - assets;
        book.cashAssets = cashAssets - assets;
    }

    /// @dev What a position with `shares` posted is owed now.
    function owedAssets(
        Book storage book,
        Entitlement storage entitlement,
        address token,
        uint256 shares
    ) internal view returns (uint256) {
        if (address(book.asset) == address(0)) return 0;
        (uint256 perShareRay, ) = _accrued(book, token);
        return entitlement.owedAssets + mulDivDown(shares, perShareRay - entitlement.perShareRay, RAY);
    }

    function _credit(Book storage book, Entitlement storage entitlement, address token, uint256 shares) private {
        uint256 bookedRay = book.perShareRay;
        (uint256 perShareRay, uint256 claimableAssets) = _accrued(book, token);
        if (perShareRay != bookedRay) {
            emit BookIncome(token, claimableAssets - book.unclaimedAssets, perShareRay, claimableAssets);
            book.perShareRay = perShareRay;
            book.unclaimedAssets = claimableAssets.toUint128();
        }
        uint256 creditedRay = entitlement.perShareRay;
        if (perShareRay == creditedRay) return;
        entitlement.perShareRay = perShareRay;
        if (shares > 0) entitlement.owedAssets += mulDivDown(shares, perShareRay - creditedRay, RAY);
    }

    /// @dev The book with what the token has accrued to this contract since the last booking.
    function _accrued(
        Book storage book,
        address token
    ) private view returns (uint256 perShareRay, uint256 claimableAssets) {
        perShareRay = book.perShareRay;
        uint256 postedShares = book.postedShares;
        if (postedShares == 0) return (perShareRay, 0);
        uint256 unclaimedAssets = book.unclaimedAssets;
        claimableAssets = ICollateralIncome(token).claimableAssets(address(this));
        if (claimableAssets > unclaimedAssets) {
            perShareRay += mulDivDown(claimableAssets - unclaimedAssets, RAY, postedShares);
        }
    }

    /// @dev What was delivered counts, not what the token says: a lying token must not pay out other people's money.
    function _harvest(Book storage book, address token) private {
        IERC20 asset = book.asset;
        uint256 balanceAssets = asset.balanceOf(address(this));
        ICollateralIncome(token).claim(address(this));
        uint256 assets = asset.balanceOf(address(this)) - balanceAssets;
        uint256 unclaimedAssets = Math.saturatingSub(book.unclaimedAssets, assets);
        book.unclaimedAssets = unclaimedAssets.toUint128();
        book.cashAssets += assets;
        emit HarvestIncome(token, assets, unclaimedAssets, book.cashAssets);
    }
}
