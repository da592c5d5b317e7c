// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {mulDivDown, mulDivUp, WAD} from "../units.sol";
import {IPrice} from "../valuation/IPrice.sol";
import {Flag, Id, Ledger, Liquidate, MarketParams, toAssetsDown, toAssetsUp, toSharesUp, Unflag} from "./Market.sol";

// What a borrower has in a market: its health, its flag, and its liquidation.

/// What a borrower owes and has posted: no more shares of debt than a market has, or of collateral than a class.
struct Loan {
    uint120 borrowShares;
    uint96 collateralShares;
    uint40 flaggedAt; // when it was found unhealthy, in 39 bits; 0: it has no flag
    bool paysIncome; // as its market's, where collateral is posted
}

/// What an account has in a market. The second word is a `Loan`, its fields in order from the low bits up: a verb reads
/// and writes it once.
struct Position {
    uint256 supplyShares;
    uint256 loanWord;
}

struct Liquidation {
    uint256 seizedShares;
    uint256 repaidShares;
    uint256 repaidAssets;
    uint256 badDebtShares;
    uint256 badDebtAssets;
}

using {tell} for Liquidation global;
using {withdrawSupply, load, store} for Position global;
using {
    post,
    withdraw,
    reduceDebt,
    healthOf,
    checkHealthy,
    checkUnhealthy,
    setFlag,
    isFlagged,
    flaggedSec,
    liquidate,
    keepFlag
} for Loan global;

error Market_NotEnoughShares(Id id, address account, uint256 askedShares, uint256 heldShares);
error Market_TooMuchCollateral(Id id, address account, uint256 askedShares, uint256 maxShares);
error Market_BadPrice(Id id, uint256 answer);
error Market_Unhealthy(Id id, address borrower, uint256 owedAssets, uint256 maxAssets);
error Market_Healthy(Id id, address borrower, uint256 owedAssets, uint256 maxAssets);
error Market_AlreadyFlagged(Id id, address borrower, uint256 flaggedAt);
error Market_NotFlagged(Id id, address borrower);

// Prices scale by 1e36; above the maximum a product with an amount of collateral could overflow.
uint256 constant PRICE_SCALE = 1e36;
uint256 constant MAX_PRICE = 2 ** 192;

// The bonus of a flagged position rises from a fifth to all of it; a flag that led to nothing is void after a day.
uint256 constant BONUS_RISE_SEC = 6 hours;
uint256 constant FLAG_LIFE_SEC = 24 hours;

function withdrawSupply(Position storage position, Id id, address account, uint256 shares) {
    uint256 heldShares = position.supplyShares;
    require(shares <= heldShares, Market_NotEnoughShares(id, account, shares, heldShares));
    position.supplyShares = heldShares - shares;
}

function load(Position storage position) view returns (Loan memory) {
    uint256 word = position.loanWord;
    return Loan(uint120(word), uint96(word >> 120), uint40((word << 1) >> 217), word >> 255 != 0);
}

function store(Position storage position, Loan memory loan) {
    position.loanWord =
        loan.borrowShares |
        (uint256(loan.collateralShares) << 120) |
        (uint256(loan.flaggedAt) << 216) |
        (uint256(loan.paysIncome ? 1 : 0) << 255);
}

function post(Loan memory loan, Id id, address account, uint256 collateralShares) pure {
    uint256 maxShares = type(uint96).max - loan.collateralShares;
    require(collateralShares <= maxShares, Market_TooMuchCollateral(id, account, collateralShares, maxShares));
    loan.collateralShares += uint96(collateralShares);
}

function withdraw(Loan memory loan, Id id, address account, uint256 collateralShares) pure {
    uint256 heldShares = loan.collateralShares;
    require(collateralShares <= heldShares, Market_NotEnoughShares(id, account, collateralShares, heldShares));
    loan.collateralShares = uint96(heldShares - collateralShares);
}

/// @dev Takes repaid debt out of the loan and the market's total; the last of it takes the flag off.
function reduceDebt(Loan memory loan, Ledger memory ledger, Id id, address borrower, uint256 assets, uint256 shares) {
    uint256 owedShares = loan.borrowShares;
    require(shares <= owedShares, Market_NotEnoughShares(id, borrower, shares, owedShares));
    loan.borrowShares = uint120(owedShares - shares);
    ledger.removeDebt(assets, shares);
    if (shares == owedShares) loan.setFlag(id, borrower, 0);
}

/// @dev What a loan owes, rounded up, and may owe at `price`, rounded down.
function healthOf(
    Loan memory loan,
    Ledger memory ledger,
    uint256 price,
    uint256 lltvWad
) pure returns (uint256 owedAssets, uint256 maxAssets) {
    owedAssets = toAssetsUp(loan.borrowShares, ledger.totalBorrowAssets, ledger.totalBorrowShares);
    maxAssets = mulDivDown(mulDivDown(loan.collateralShares, price, PRICE_SCALE), lltvWad, WAD);
}

/// @dev Asks for no price where there is no debt.
function checkHealthy(
    Loan memory loan,
    Ledger memory ledger,
    MarketParams memory params,
    Id id,
    address borrower
) view {
    if (loan.borrowShares == 0) return;
    (uint256 owedAssets, uint256 maxAssets) = loan.healthOf(ledger, priceOf(params, id), params.lltv);
    require(owedAssets <= maxAssets, Market_Unhealthy(id, borrower, owedAssets, maxAssets));
}

function checkUnhealthy(
    Loan memory loan,
    Ledger memory ledger,
    MarketParams memory params,
    Id id,
    address borrower
) view returns (uint256 price) {
    price = priceOf(params, id);
    (uint256 owedAssets, uint256 maxAssets) = loan.healthOf(ledger, price, params.lltv);
    require(owedAssets > maxAssets, Market_Healthy(id, borrower, owedAssets, maxAssets));
}

function priceOf(MarketParams memory params, Id id) view returns (uint256 price) {
    price = IPrice(params.oracle).price();
    require(price > 0 && price <= MAX_PRICE, Market_BadPrice(id, price));
}

/// @dev Sets the flag, or takes it off (0), and tells so; nothing where nothing changes.
function setFlag(Loan memory loan, Id id, address borrower, uint256 flaggedAt) {
    if (flaggedAt == loan.flaggedAt) return;
    loan.flaggedAt = uint40(flaggedAt);
    if (flaggedAt == 0) emit Unflag(id, msg.sender, borrower);
    else emit Flag(id, msg.sender, borrower, flaggedAt);
}

/// @dev Has the loan a flag that is not void?
function isFlagged(Loan memory loan) view returns (bool) {
    return block.timestamp < loan.flaggedAt + FLAG_LIFE_SEC;
}

/// @dev For how long: 0 where there is no flag.
function flaggedSec(Loan memory loan) view returns (uint256) {
    return loan.isFlagged() ? block.timestamp - loan.flaggedAt : 0;
}

/// @dev What a liquidator gets for one unit repaid: 1 and the bonus. The bonus is a fifth of the market's full one at
/// the flag and rises in a straight line to all of it; full: min(0.15, 1 / (1 − 0.3 · (1 − LLTV)) − 1). Rounded down.
function incentiveWad(uint256 lltvWad, uint256 sinceFlagSec) pure returns (uint256) {
    uint256 fullWad = Math.min(1.15e18, mulDivDown(WAD, WAD, WAD - (0.3e18 * (WAD - lltvWad)) / WAD)) - WAD;
    uint256 risenSec = BONUS_RISE_SEC + 4 * Math.min(sinceFlagSec, BONUS_RISE_SEC);
    return WAD + (fullWad * risenSec) / (5 * BONUS_RISE_SEC);
}

/// @dev Takes a liquidation out of the totals and the loan: what was asked for (`seizedShares` or `repaidShares`, the
/// other is 0), cut to what is posted and owed. Repaid rounds up, seized down. Debt without collateral is written off.
/// @param price loan assets per collateral share that the liquidator pays: the incentive is taken off
function liquidate(
    Loan memory loan,
    Ledger memory ledger,
    uint256 price,
    uint256 seizedShares,
    uint256 repaidShares
) pure returns (Liquidation memory result) {
    (uint256 owedShares, uint256 postedShares) = (loan.borrowShares, loan.collateralShares);
    (uint256 totalAssets, uint256 totalShares) = (ledger.totalBorrowAssets, ledger.totalBorrowShares);
    if (repaidShares == 0) {
        seizedShares = Math.min(seizedShares, postedShares);
        repaidShares = toSharesUp(mulDivUp(seizedShares, price, PRICE_SCALE), totalAssets, totalShares);
    } else {
        repaidShares = Math.min(repaidShares, owedShares);
        seizedShares = mulDivDown(toAssetsDown(repaidShares, totalAssets, totalShares), PRICE_SCALE, price);
    }
    if (repaidShares > owedShares) {
        repaidShares = owedShares;
        seizedShares = mulDivDown(toAssetsDown(repaidShares, totalAssets, totalShares), PRICE_SCALE, price);
    } else if (seizedShares > postedShares) {
        seizedShares = postedShares;
        repaidShares = toSharesUp(mulDivUp(seizedShares, price, PRICE_SCALE), totalAssets, totalShares);
    }
    result.seizedShares = seizedShares;
    result.repaidShares = repaidShares;
    result.repaidAssets = toAssetsUp(repaidShares, totalAssets, totalShares);
    ledger.removeDebt(result.repaidAssets, repaidShares);
    owedShares -= repaidShares;
    if (seizedShares == postedShares && owedShares > 0) {
        result.badDebtShares = owedShares;
        result.badDebtAssets = ledger.writeOff(owedShares);
        owedShares = 0;
    }
    loan.borrowShares = uint120(owedShares);
    loan.collateralShares = uint96(postedShares - seizedShares);
}

/// @dev After a liquidation a loan is flagged while it is unhealthy: since before, or since now.
function keepFlag(
    Loan memory loan,
    Ledger memory ledger,
    MarketParams memory params,
    Id id,
    address borrower,
    uint256 price
) {
    (uint256 owedAssets, uint256 maxAssets) = loan.healthOf(ledger, price, params.lltv);
    if (owedAssets <= maxAssets) loan.setFlag(id, borrower, 0);
    else if (!loan.isFlagged()) loan.setFlag(id, borrower, block.timestamp);
}

function tell(Liquidation memory done, Id id, address borrower) {
    emit Liquidate(
        id,
        msg.sender,
        borrower,
        done.repaidAssets,
        done.repaidShares,
        done.seizedShares,
        done.badDebtAssets,
        done.badDebtShares
    );
}
