// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    BONUS_RISE_SEC,
    FLAG_LIFE_SEC,
    incentiveWad,
    Liquidation,
    Loan,
    MAX_PRICE,
    Position,
    PRICE_SCALE
} from "../../contracts/credit/Loan.sol";
import {growthWad, Ledger, VIRTUAL_ASSETS, VIRTUAL_SHARES} from "../../contracts/credit/Market.sol";
import {mulDivDown, WAD} from "../../contracts/units.sol";

/// @title Every rounding of a market, held to the exact inequality it rounds; amounts up to 2^96 assets.
contract MarketMathTest {
    Position private _position;

    function testFuzz_M03_payingInRoundsSharesDownAndAssetsUp(
        uint96 total,
        uint112 totalShares,
        uint96 amount
    ) external pure {
        Ledger memory ledger;
        (ledger.totalSupplyAssets, ledger.totalBorrowAssets) = (total, total);
        (ledger.totalSupplyShares, ledger.totalBorrowShares) = (totalShares, totalShares);
        (uint256 a, uint256 s) = (uint256(total) + VIRTUAL_ASSETS, uint256(totalShares) + VIRTUAL_SHARES);
        uint256 given = uint256(amount) + 1;

        (uint256 assets, uint256 shares) = ledger.supplyIn(given, 0);
        assert(assets == given && shares * a <= given * s && (shares + 1) * a > given * s);
        (assets, shares) = ledger.supplyIn(0, given);
        assert(shares == given && assets * s >= given * a && (assets - 1) * s < given * a);

        (assets, shares) = ledger.debtIn(given, 0);
        assert(assets == given && shares * a <= given * s && (shares + 1) * a > given * s);
        (assets, shares) = ledger.debtIn(0, given);
        assert(shares == given && assets * s >= given * a && (assets - 1) * s < given * a);
    }

    function testFuzz_M03_takingOutRoundsSharesUpAndAssetsDown(
        uint96 total,
        uint112 totalShares,
        uint96 amount
    ) external pure {
        Ledger memory ledger;
        (ledger.totalSupplyAssets, ledger.totalBorrowAssets) = (total, total);
        (ledger.totalSupplyShares, ledger.totalBorrowShares) = (totalShares, totalShares);
        (uint256 a, uint256 s) = (uint256(total) + VIRTUAL_ASSETS, uint256(totalShares) + VIRTUAL_SHARES);
        uint256 given = uint256(amount) + 1;

        (uint256 assets, uint256 shares) = ledger.supplyOut(given, 0);
        assert(assets == given && shares * a >= given * s && (shares - 1) * a < given * s);
        (assets, shares) = ledger.supplyOut(0, given);
        assert(shares == given && assets * s <= given * a && (assets + 1) * s > given * a);

        (assets, shares) = ledger.debtOut(given, 0);
        assert(assets == given && shares * a >= given * s && (shares - 1) * a < given * s);
        (assets, shares) = ledger.debtOut(0, given);
        assert(shares == given && assets * s <= given * a && (assets + 1) * s > given * a);
    }

    function testFuzz_M03_debtRoundsUpAndItsLimitDown(
        uint96 total,
        uint112 totalShares,
        uint112 owedShares,
        uint96 postedShares,
        uint96 price,
        uint64 lltv
    ) external pure {
        Ledger memory ledger;
        (ledger.totalBorrowAssets, ledger.totalBorrowShares) = (total, totalShares);
        uint256 lltvWad = lltv % WAD;
        uint256 priceUp = uint256(price) * 1e12; // around par: 2^96 · 1e12 = 8e40
        Loan memory loan = Loan(owedShares, postedShares, 0, false);
        (uint256 owedAssets, uint256 maxAssets) = loan.healthOf(ledger, priceUp, lltvWad);
        (uint256 a, uint256 s) = (uint256(total) + VIRTUAL_ASSETS, uint256(totalShares) + VIRTUAL_SHARES);
        assert(owedAssets * s >= owedShares * a);
        assert(owedAssets == 0 || (owedAssets - 1) * s < owedShares * a);
        assert(maxAssets <= mulDivDown(mulDivDown(postedShares, priceUp, PRICE_SCALE), lltvWad, WAD));
        assert(maxAssets * WAD <= mulDivDown(postedShares, priceUp, PRICE_SCALE) * lltvWad);
        assert(mulDivDown(postedShares, priceUp, PRICE_SCALE) * PRICE_SCALE <= uint256(postedShares) * priceUp);
    }

    function testFuzz_M03_M19_aLiquidatorPaysAtLeastThePriceAndTakesNoMoreThanThereIs(
        uint96 total,
        uint32 shareRatio,
        uint112 owed,
        uint96 posted,
        uint96 price,
        uint128 asked,
        bool byDebt
    ) external pure {
        Ledger memory ledger;
        ledger.totalBorrowAssets = uint104(total) + 1;
        ledger.totalSupplyAssets = ledger.totalBorrowAssets;
        ledger.totalBorrowShares = uint120((uint256(total) + 1) * (1 + (shareRatio % 1e6)));
        uint256 owedShares = 1 + (owed % ledger.totalBorrowShares);
        uint256 priceUp = (1 + uint256(price)) * 1e12;
        uint256 ask = 1 + uint256(asked);
        Loan memory loan = Loan(uint120(owedShares), posted, 0, false);
        (uint256 a, uint256 s) = (ledger.totalBorrowAssets + VIRTUAL_ASSETS, ledger.totalBorrowShares + VIRTUAL_SHARES);

        Liquidation memory result = loan.liquidate(ledger, priceUp, byDebt ? 0 : ask, byDebt ? ask : 0);

        assert(result.seizedShares <= posted && result.repaidShares <= owedShares);
        assert(byDebt ? result.repaidShares <= ask : result.seizedShares <= ask);
        assert(result.repaidAssets * PRICE_SCALE >= result.seizedShares * priceUp);
        assert(result.repaidAssets * s >= result.repaidShares * a);
        // As much as asked for, unless the debt or the collateral ended first.
        bool ended = result.seizedShares == posted || result.repaidShares == owedShares;
        assert(ended || (byDebt ? result.repaidShares == ask : result.seizedShares == ask));
        // Nobody is left owing without collateral, and what is written off is what was left.
        uint256 leftShares = owedShares - result.repaidShares;
        assert(result.badDebtShares == (result.seizedShares == posted ? leftShares : 0));
        assert(loan.borrowShares == leftShares - result.badDebtShares);
        assert(loan.collateralShares == posted - result.seizedShares);
        assert(ledger.totalBorrowShares == s - VIRTUAL_SHARES - result.repaidShares - result.badDebtShares);
        assert(ledger.totalSupplyAssets == a - VIRTUAL_ASSETS - result.badDebtAssets);
        assert(ledger.totalBorrowAssets <= ledger.totalSupplyAssets);
    }

    function testFuzz_M20_interestKeepsEveryTotalInItsBits(
        uint104 supplied,
        uint104 borrowed,
        uint120 shares,
        uint64 rate,
        uint32 elapsedSec,
        uint16 fee
    ) external pure {
        Ledger memory ledger;
        (ledger.totalSupplyAssets, ledger.totalBorrowAssets) = (supplied, borrowed);
        if (borrowed > supplied) (ledger.totalSupplyAssets, ledger.totalBorrowAssets) = (borrowed, supplied);
        (ledger.totalSupplyShares, ledger.feeBps) = (shares, fee % 2501);
        (uint256 hadAssets, uint256 owedAssets) = (ledger.totalSupplyAssets, ledger.totalBorrowAssets);

        (uint256 interestAssets, uint256 feeShares) = ledger.accrue(rate, elapsedSec);

        assert(ledger.totalSupplyAssets == hadAssets + interestAssets);
        assert(ledger.totalBorrowAssets == owedAssets + interestAssets);
        assert(ledger.totalSupplyShares == shares + feeShares);
        // The fee's shares are worth at most the fee.
        uint256 worth = mulDivDown(
            feeShares,
            ledger.totalSupplyAssets + VIRTUAL_ASSETS,
            ledger.totalSupplyShares + VIRTUAL_SHARES
        );
        assert(worth * 1e4 <= interestAssets * ledger.feeBps);
    }

    function testFuzz_growthIsThreeTermsOfTheExponential(uint64 rate, uint32 elapsedSec) external pure {
        uint256 x = (uint256(rate) * elapsedSec) % (4 * WAD);
        uint256 growth = growthWad(x, 1);
        uint256 exact = x * 6 * WAD * WAD + x * x * 3 * WAD + x * x * x; // times 6e36
        assert(growth * 6 * WAD * WAD <= exact);
        assert((growth + 4) * 6 * WAD * WAD > exact);
    }

    function testFuzz_theIncentiveLiesBetweenOneAnd115Percent(uint64 lltv) external pure {
        uint256 lltvWad = lltv % WAD;
        uint256 incentive = incentiveWad(lltvWad, BONUS_RISE_SEC);
        assert(incentive >= WAD && incentive <= 1.15e18);
        uint256 shortfall = (0.3e18 * (WAD - lltvWad)) / WAD;
        assert(incentive == 1.15e18 || incentive * (WAD - shortfall) <= WAD * WAD);
        assert(incentive == 1.15e18 || (incentive + 1) * (WAD - shortfall) > WAD * WAD);
        // A liquidated position at the limit is worth more than what is paid for it.
        assert(mulDivDown(lltvWad, incentive, WAD) < WAD);
    }

    /// @dev bonus = full · (1/5 + 4/5 · min(t, 6 h) / 6 h), rounded down: never falls, a fifth at 0, all from 6 h on.
    function testFuzz_theBonusRisesInAStraightLineAndRoundsDown(
        uint64 lltv,
        uint32 sec,
        uint32 laterSec
    ) external pure {
        uint256 lltvWad = lltv % WAD;
        uint256 fullWad = incentiveWad(lltvWad, BONUS_RISE_SEC) - WAD;
        uint256 sinceSec = sec % (2 * FLAG_LIFE_SEC);
        uint256 bonusWad = incentiveWad(lltvWad, sinceSec) - WAD;
        uint256 risenSec = sinceSec < BONUS_RISE_SEC ? sinceSec : BONUS_RISE_SEC;
        uint256 exact = fullWad * (BONUS_RISE_SEC + 4 * risenSec); // times five rises
        assert(bonusWad * 5 * BONUS_RISE_SEC <= exact && (bonusWad + 1) * 5 * BONUS_RISE_SEC > exact);
        assert(incentiveWad(lltvWad, sinceSec + laterSec) - WAD >= bonusWad);
        assert(incentiveWad(lltvWad, 0) - WAD == fullWad / 5);
    }

    function testFuzz_aLoanIsReadAsItWasWritten(
        uint120 owed,
        uint96 posted,
        uint40 time,
        bool paysIncome,
        uint256 supplied
    ) external {
        uint40 flaggedAt = time % 2 ** 39;
        _position.supplyShares = supplied;
        _position.store(Loan(owed, posted, flaggedAt, paysIncome));
        Loan memory loan = _position.load();
        assert(loan.borrowShares == owed && loan.collateralShares == posted);
        assert(loan.flaggedAt == flaggedAt && loan.paysIncome == paysIncome);
        assert(_position.supplyShares == supplied);
    }

    /// @dev M29: no price up to the largest overflows with as much collateral and debt as a loan can hold.
    function testFuzz_M29_healthAtTheLimitsOfEveryNumber(uint120 owed, uint96 posted, uint192 price) external pure {
        Ledger memory ledger;
        ledger.totalBorrowAssets = type(uint104).max;
        ledger.totalBorrowShares = owed;
        Loan memory loan = Loan(owed, posted, 0, false);
        loan.healthOf(ledger, price, WAD - 1);
        (, uint256 maxAssets) = Loan(owed, type(uint96).max, 0, false).healthOf(ledger, MAX_PRICE, WAD - 1);
        assert(maxAssets > 0);
    }
}
