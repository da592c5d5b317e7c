// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {mulDivDown, mulDivUp, WAD} from "../units.sol";

// What a lending market is: its types, events and arithmetic. Types and order of structs and events are those of Morpho
// Blue's public interface, so that its integrators' tools apply.

// keccak256(abi.encode(MarketParams)).
type Id is bytes32;

/// What a market is; nothing of it ever changes.
struct MarketParams {
    address loanToken;
    address collateralToken;
    address oracle;
    address irm;
    uint256 lltv; // Wad
}

/// A market's totals.
struct Market {
    uint128 totalSupplyAssets;
    uint128 totalSupplyShares;
    uint128 totalBorrowAssets;
    uint128 totalBorrowShares;
    uint128 lastUpdateAt;
    uint128 feeWad;
}

struct Position {
    uint256 supplyShares;
    uint128 borrowShares;
    uint128 collateralShares;
}

/// A `Market` in three words.
struct Ledger {
    uint128 totalSupplyAssets;
    uint128 totalSupplyShares;
    uint128 totalBorrowAssets;
    uint128 totalBorrowShares;
    uint64 lastUpdateAt;
    uint64 feeWad;
    bool paysIncome;
}

/// A signed change of an authorization.
struct Authorization {
    address authorizer;
    address authorized;
    bool isAuthorized;
    uint256 nonce;
    uint256 deadline;
}

struct Signature {
    uint8 v;
    bytes32 r;
    bytes32 s;
}

using {toId} for MarketParams global;
using {interestOf} for Market global;
using {supplyIn, supplyOut, debtOut, debtIn, healthOf, liquidationOf, realiseBadDebt, totals} for Ledger global;

event EnableIrm(address indexed irm);
event EnableLltv(uint256 lltvWad);
event SetFee(Id indexed id, uint256 feeWad);
event SetFeeRecipient(address indexed feeRecipient);
event CreateMarket(Id indexed id, MarketParams params);
event OpenIncome(address indexed collateralToken, address asset);
event AccrueInterest(Id indexed id, uint256 ratePerSecondWad, uint256 interestAssets, uint256 feeShares);
event Supply(Id indexed id, address indexed caller, address indexed onBehalf, uint256 assets, uint256 shares);
event Withdraw(
    Id indexed id,
    address caller,
    address indexed onBehalf,
    address indexed receiver,
    uint256 assets,
    uint256 shares
);
event Borrow(
    Id indexed id,
    address caller,
    address indexed onBehalf,
    address indexed receiver,
    uint256 assets,
    uint256 shares
);
event Repay(Id indexed id, address indexed caller, address indexed onBehalf, uint256 assets, uint256 shares);
event SupplyCollateral(Id indexed id, address indexed caller, address indexed onBehalf, uint256 collateralShares);
event WithdrawCollateral(
    Id indexed id,
    address caller,
    address indexed onBehalf,
    address indexed receiver,
    uint256 collateralShares
);
event Liquidate(
    Id indexed id,
    address indexed caller,
    address indexed borrower,
    uint256 repaidAssets,
    uint256 repaidShares,
    uint256 seizedCollateralShares,
    uint256 badDebtAssets,
    uint256 badDebtShares
);
/// Income left the book for `receiver`, which is this contract when it repaid debt.
event TakeIncome(Id indexed id, address caller, address indexed onBehalf, address indexed receiver, uint256 assets);
event SetAuthorization(
    address indexed caller,
    address indexed authorizer,
    address indexed authorized,
    bool isAuthorized
);
event IncrementNonce(address indexed caller, address indexed authorizer, uint256 usedNonce);

// Prices scale by 1e36; above the maximum a product with an amount of collateral could overflow.
uint256 constant PRICE_SCALE = 1e36;
uint256 constant MAX_PRICE = type(uint192).max;

// One virtual asset and 1e6 virtual shares stand in every total.
uint256 constant VIRTUAL_ASSETS = 1;
uint256 constant VIRTUAL_SHARES = 1e6;

function toSharesDown(uint256 assets, uint256 totalAssets, uint256 totalShares) pure returns (uint256) {
    return mulDivDown(assets, totalShares + VIRTUAL_SHARES, totalAssets + VIRTUAL_ASSETS);
}

function toSharesUp(uint256 assets, uint256 totalAssets, uint256 totalShares) pure returns (uint256) {
    return mulDivUp(assets, totalShares + VIRTUAL_SHARES, totalAssets + VIRTUAL_ASSETS);
}

function toAssetsDown(uint256 shares, uint256 totalAssets, uint256 totalShares) pure returns (uint256) {
    return mulDivDown(shares, totalAssets + VIRTUAL_ASSETS, totalShares + VIRTUAL_SHARES);
}

function toAssetsUp(uint256 shares, uint256 totalAssets, uint256 totalShares) pure returns (uint256) {
    return mulDivUp(shares, totalAssets + VIRTUAL_ASSETS, totalShares + VIRTUAL_SHARES);
}

/// @dev Both amounts of a supply of one (the other is 0): shares down, assets up.
function supplyIn(Ledger storage ledger, uint256 assets, uint256 shares) view returns (uint256, uint256) {
    (uint256 totalAssets, uint256 totalShares) = (ledger.totalSupplyAssets, ledger.totalSupplyShares);
    if (assets > 0) return (assets, toSharesDown(assets, totalAssets, totalShares));
    return (toAssetsUp(shares, totalAssets, totalShares), shares);
}

/// @dev Both amounts of a withdrawal of one: shares up, assets down.
function supplyOut(Ledger storage ledger, uint256 assets, uint256 shares) view returns (uint256, uint256) {
    (uint256 totalAssets, uint256 totalShares) = (ledger.totalSupplyAssets, ledger.totalSupplyShares);
    if (assets > 0) return (assets, toSharesUp(assets, totalAssets, totalShares));
    return (toAssetsDown(shares, totalAssets, totalShares), shares);
}

/// @dev Both amounts of a loan of one: shares up, assets down.
function debtOut(Ledger storage ledger, uint256 assets, uint256 shares) view returns (uint256, uint256) {
    (uint256 totalAssets, uint256 totalShares) = (ledger.totalBorrowAssets, ledger.totalBorrowShares);
    if (assets > 0) return (assets, toSharesUp(assets, totalAssets, totalShares));
    return (toAssetsDown(shares, totalAssets, totalShares), shares);
}

/// @dev Both amounts of a repayment of one: shares down, assets up.
function debtIn(Ledger storage ledger, uint256 assets, uint256 shares) view returns (uint256, uint256) {
    (uint256 totalAssets, uint256 totalShares) = (ledger.totalBorrowAssets, ledger.totalBorrowShares);
    if (assets > 0) return (assets, toSharesDown(assets, totalAssets, totalShares));
    return (toAssetsUp(shares, totalAssets, totalShares), shares);
}

/// @dev What a position owes, rounded up, and may owe at `price`, rounded down.
function healthOf(
    Ledger storage ledger,
    Position storage held,
    uint256 price,
    uint256 lltvWad
) view returns (uint256 borrowedAssets, uint256 maxBorrowAssets) {
    borrowedAssets = toAssetsUp(held.borrowShares, ledger.totalBorrowAssets, ledger.totalBorrowShares);
    maxBorrowAssets = mulDivDown(mulDivDown(held.collateralShares, price, PRICE_SCALE), lltvWad, WAD);
}

/// @dev Interest since the last accrual, and the shares that pay the fee on it: both rounded down, and cut so that no
/// total leaves 128 bits.
function interestOf(
    Market memory market,
    uint256 ratePerSecondWad,
    uint256 elapsedSec
) pure returns (uint256 interestAssets, uint256 feeShares) {
    interestAssets = mulDivDown(market.totalBorrowAssets, growthWad(ratePerSecondWad, elapsedSec), WAD);
    interestAssets = Math.min(interestAssets, type(uint128).max - market.totalSupplyAssets);
    uint256 feeAssets = mulDivDown(interestAssets, market.feeWad, WAD);
    uint256 lenderAssets = market.totalSupplyAssets + interestAssets - feeAssets;
    feeShares = toSharesDown(feeAssets, lenderAssets, market.totalSupplyShares);
    feeShares = Math.min(feeShares, type(uint128).max - market.totalSupplyShares);
}

/// @dev e^(rate · time) − 1 by its first three terms, each rounded down: under the true value, by less than 0.25 %
/// of it up to rate · time = 0.4, and it compounds again with each accrual.
function growthWad(uint256 ratePerSecondWad, uint256 elapsedSec) pure returns (uint256) {
    uint256 firstWad = ratePerSecondWad * elapsedSec;
    uint256 secondWad = (firstWad * firstWad) / (2 * WAD);
    uint256 thirdWad = (secondWad * firstWad) / (3 * WAD);
    return firstWad + secondWad + thirdWad;
}

/// @dev What a liquidator gets for one unit repaid: min(1.15, 1 / (1 − 0.3 · (1 − LLTV))), rounded down.
function incentiveWad(uint256 lltvWad) pure returns (uint256) {
    return Math.min(1.15e18, mulDivDown(WAD, WAD, WAD - (0.3e18 * (WAD - lltvWad)) / WAD));
}

/// @dev How much collateral is seized and how much debt repaid: what was asked for (one is 0), cut to the collateral
/// and to the debt. Repaid rounds up, seized down.
/// @param price loan assets per collateral share that the liquidator pays: the incentive is taken off
function liquidationOf(
    Ledger storage ledger,
    Position storage held,
    uint256 price,
    uint256 seizedShares,
    uint256 repaidShares
) view returns (uint256, uint256) {
    (uint256 totalAssets, uint256 totalShares) = (ledger.totalBorrowAssets, ledger.totalBorrowShares);
    (uint256 owedShares, uint256 postedShares) = (held.borrowShares, held.collateralShares);
    if (repaidShares == 0) {
        seizedShares = Math.min(seizedShares, postedShares);
        repaidShares = toSharesUp(mulDivUp(seizedShares, price, PRICE_SCALE), totalAssets, totalShares);
        if (repaidShares <= owedShares) return (seizedShares, repaidShares);
    }
    repaidShares = Math.min(repaidShares, owedShares);
    seizedShares = mulDivDown(toAssetsDown(repaidShares, totalAssets, totalShares), PRICE_SCALE, price);
    if (seizedShares <= postedShares) return (seizedShares, repaidShares);
    repaidShares = toSharesUp(mulDivUp(postedShares, price, PRICE_SCALE), totalAssets, totalShares);
    return (postedShares, Math.min(repaidShares, owedShares));
}

/// @dev A borrower without collateral will not pay: the debt leaves both totals at once.
function realiseBadDebt(
    Ledger storage ledger,
    Position storage held
) returns (uint256 badDebtAssets, uint256 badDebtShares) {
    badDebtShares = held.borrowShares;
    if (held.collateralShares > 0 || badDebtShares == 0) return (0, 0);
    (uint256 totalAssets, uint256 totalShares) = (ledger.totalBorrowAssets, ledger.totalBorrowShares);
    badDebtAssets = Math.min(totalAssets, toAssetsUp(badDebtShares, totalAssets, totalShares));
    held.borrowShares = 0;
    ledger.totalBorrowAssets = uint128(totalAssets - badDebtAssets);
    ledger.totalBorrowShares = uint128(totalShares - badDebtShares);
    ledger.totalSupplyAssets -= uint128(badDebtAssets);
}

function totals(Ledger storage ledger) view returns (Market memory) {
    return
        Market(
            ledger.totalSupplyAssets,
            ledger.totalSupplyShares,
            ledger.totalBorrowAssets,
            ledger.totalBorrowShares,
            ledger.lastUpdateAt,
            ledger.feeWad
        );
}

function toId(MarketParams memory params) pure returns (Id) {
    return Id.wrap(keccak256(abi.encode(params)));
}
