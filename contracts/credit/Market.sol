// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {BPS, mulDivDown, mulDivUp, WAD} from "../units.sol";

// What a lending market is: its types, events, and the arithmetic of its totals. Types and order of structs and events
// are those of Morpho Blue's public interface, so that its integrators' tools apply.

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

/// A `Market` at work. 104 bits hold 20 trillion of a token with 18 decimals.
struct Ledger {
    uint104 totalSupplyAssets;
    uint104 totalBorrowAssets;
    uint40 lastUpdateAt;
    uint8 marks; // PAYS_INCOME, BORROWING_PAUSED
    uint120 totalSupplyShares;
    uint120 totalBorrowShares;
    uint16 feeBps;
}

/// A `Ledger` as stored, its fields in order from the low bits up: a verb touches two slots, not three.
struct LedgerWords {
    uint256 assetsWord;
    uint256 sharesWord;
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

using SafeCast for uint256;
using {toId} for MarketParams global;
using {utilizationWad} for Market global;
using {checkSigned} for Authorization global;
using {
    supplyIn,
    supplyOut,
    debtOut,
    debtIn,
    addSupply,
    removeSupply,
    addDebt,
    removeDebt,
    writeOff,
    checkLiquidity,
    paysIncome,
    isBorrowingPaused,
    accrue,
    totals
} for Ledger global;
using {load, header, store, setPause} for LedgerWords global;

event EnableIrm(address indexed irm);
event EnableLltv(uint256 lltvWad);
event SetFee(Id indexed id, uint256 feeBps);
event SetFeeRecipient(address indexed feeRecipient);
event PauseBorrowing(Id indexed id);
event ResumeBorrowing(Id indexed id);
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
/// The position was found unhealthy; the bonus for its liquidation rises from `flaggedAt` on.
event Flag(Id indexed id, address indexed caller, address indexed borrower, uint256 flaggedAt);
/// The position has no flag any more: it is healthy, or owes nothing.
event Unflag(Id indexed id, address indexed caller, address indexed borrower);
/// Income left the book for `receiver`, which is this contract when it repaid debt.
event TakeIncome(Id indexed id, address caller, address indexed onBehalf, address indexed receiver, uint256 assets);
event SetAuthorization(
    address indexed caller,
    address indexed authorizer,
    address indexed authorized,
    bool isAuthorized
);
event IncrementNonce(address indexed caller, address indexed authorizer, uint256 usedNonce);

error Market_Unknown(Id id);
error Market_AlreadySet();
error Market_ZeroAddress();
error Market_NotOneAmount(uint256 assets, uint256 shares);
error Market_NoCallback();
error Market_NotEnoughLiquidity(Id id, uint256 totalSupplyAssets, uint256 totalBorrowAssets);
error Market_SignatureExpired(uint256 deadline, uint256 nowAt);
error Market_WrongNonce(address authorizer, uint256 nonce, uint256 expectedNonce);
error Market_WrongSigner(address signer, address authorizer);

// Marks of a market.
uint8 constant PAYS_INCOME = 1;
uint8 constant BORROWING_PAUSED = 2;

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
function supplyIn(Ledger memory ledger, uint256 assets, uint256 shares) pure returns (uint256, uint256) {
    (uint256 totalAssets, uint256 totalShares) = (ledger.totalSupplyAssets, ledger.totalSupplyShares);
    if (assets > 0) return (assets, toSharesDown(assets, totalAssets, totalShares));
    return (toAssetsUp(shares, totalAssets, totalShares), shares);
}

/// @dev Both amounts of a withdrawal of one: shares up, assets down.
function supplyOut(Ledger memory ledger, uint256 assets, uint256 shares) pure returns (uint256, uint256) {
    (uint256 totalAssets, uint256 totalShares) = (ledger.totalSupplyAssets, ledger.totalSupplyShares);
    if (assets > 0) return (assets, toSharesUp(assets, totalAssets, totalShares));
    return (toAssetsDown(shares, totalAssets, totalShares), shares);
}

/// @dev Both amounts of a loan of one: shares up, assets down.
function debtOut(Ledger memory ledger, uint256 assets, uint256 shares) pure returns (uint256, uint256) {
    (uint256 totalAssets, uint256 totalShares) = (ledger.totalBorrowAssets, ledger.totalBorrowShares);
    if (assets > 0) return (assets, toSharesUp(assets, totalAssets, totalShares));
    return (toAssetsDown(shares, totalAssets, totalShares), shares);
}

/// @dev Both amounts of a repayment of one: shares down, assets up.
function debtIn(Ledger memory ledger, uint256 assets, uint256 shares) pure returns (uint256, uint256) {
    (uint256 totalAssets, uint256 totalShares) = (ledger.totalBorrowAssets, ledger.totalBorrowShares);
    if (assets > 0) return (assets, toSharesDown(assets, totalAssets, totalShares));
    return (toAssetsUp(shares, totalAssets, totalShares), shares);
}

/// @dev Adds the interest of `elapsedSec` to both totals, and the shares that pay the fee on it: both rounded down, and
/// cut so that no total leaves its bits.
function accrue(
    Ledger memory ledger,
    uint256 ratePerSecondWad,
    uint256 elapsedSec
) pure returns (uint256 interestAssets, uint256 feeShares) {
    interestAssets = mulDivDown(ledger.totalBorrowAssets, growthWad(ratePerSecondWad, elapsedSec), WAD);
    interestAssets = Math.min(interestAssets, type(uint104).max - ledger.totalSupplyAssets);
    ledger.totalSupplyAssets += uint104(interestAssets);
    ledger.totalBorrowAssets += uint104(interestAssets);
    if (ledger.feeBps == 0) return (interestAssets, 0);
    uint256 feeAssets = (interestAssets * ledger.feeBps) / BPS;
    feeShares = toSharesDown(feeAssets, ledger.totalSupplyAssets - feeAssets, ledger.totalSupplyShares);
    feeShares = Math.min(feeShares, type(uint120).max - ledger.totalSupplyShares);
    ledger.totalSupplyShares += uint120(feeShares);
}

/// @dev e^(rate · time) − 1 by its first three terms, each rounded down: under the true value, by less than 0.25 %
/// of it up to rate · time = 0.4, and it compounds again with each accrual.
function growthWad(uint256 ratePerSecondWad, uint256 elapsedSec) pure returns (uint256) {
    uint256 firstWad = ratePerSecondWad * elapsedSec;
    uint256 secondWad = (firstWad * firstWad) / (2 * WAD);
    uint256 thirdWad = (secondWad * firstWad) / (3 * WAD);
    return firstWad + secondWad + thirdWad;
}

function addSupply(Ledger memory ledger, uint256 assets, uint256 shares) pure {
    ledger.totalSupplyAssets += assets.toUint104();
    ledger.totalSupplyShares += shares.toUint120();
}

function removeSupply(Ledger memory ledger, uint256 assets, uint256 shares) pure {
    ledger.totalSupplyAssets -= assets.toUint104();
    ledger.totalSupplyShares -= shares.toUint120();
}

function addDebt(Ledger memory ledger, uint256 assets, uint256 shares) pure {
    ledger.totalBorrowAssets += assets.toUint104();
    ledger.totalBorrowShares += shares.toUint120();
}

/// @dev Takes repaid debt out of its total. What is repaid rounds up, so the last of it may exceed the total by one.
function removeDebt(Ledger memory ledger, uint256 assets, uint256 shares) pure {
    ledger.totalBorrowAssets = uint104(Math.saturatingSub(ledger.totalBorrowAssets, assets));
    ledger.totalBorrowShares -= uint120(shares);
}

/// @dev Takes a debt that nobody will pay out of both totals.
function writeOff(Ledger memory ledger, uint256 shares) pure returns (uint256 assets) {
    assets = toAssetsUp(shares, ledger.totalBorrowAssets, ledger.totalBorrowShares);
    assets = Math.min(assets, ledger.totalBorrowAssets);
    ledger.removeDebt(assets, shares);
    ledger.totalSupplyAssets -= uint104(assets);
}

function checkLiquidity(Ledger memory ledger, Id id) pure {
    (uint256 suppliedAssets, uint256 borrowedAssets) = (ledger.totalSupplyAssets, ledger.totalBorrowAssets);
    require(borrowedAssets <= suppliedAssets, Market_NotEnoughLiquidity(id, suppliedAssets, borrowedAssets));
}

function paysIncome(Ledger memory ledger) pure returns (bool) {
    return ledger.marks & PAYS_INCOME != 0;
}

function isBorrowingPaused(Ledger memory ledger) pure returns (bool) {
    return ledger.marks & BORROWING_PAUSED != 0;
}

function load(LedgerWords storage words) view returns (Ledger memory) {
    (uint256 assetsWord, uint256 sharesWord) = (words.assetsWord, words.sharesWord);
    return
        Ledger(
            uint104(assetsWord),
            uint104(assetsWord >> 104),
            uint40(assetsWord >> 208),
            uint8(assetsWord >> 248),
            uint120(sharesWord),
            uint120(sharesWord >> 120),
            uint16(sharesWord >> 240)
        );
}

/// @dev The two fields that a deposit of collateral asks for, in one read.
function header(LedgerWords storage words) view returns (uint256 lastUpdateAt, bool doesPayIncome) {
    uint256 assetsWord = words.assetsWord;
    return (uint40(assetsWord >> 208), (assetsWord >> 248) & PAYS_INCOME != 0);
}

function store(LedgerWords storage words, Ledger memory ledger) {
    words.assetsWord =
        ledger.totalSupplyAssets |
        (uint256(ledger.totalBorrowAssets) << 104) |
        (uint256(ledger.lastUpdateAt) << 208) |
        (uint256(ledger.marks) << 248);
    words.sharesWord =
        ledger.totalSupplyShares |
        (uint256(ledger.totalBorrowShares) << 120) |
        (uint256(ledger.feeBps) << 240);
}

/// @dev Stops new borrowing in a market, or allows it again.
function setPause(LedgerWords storage words, Id id, bool isPaused) {
    Ledger memory ledger = words.load();
    require(ledger.lastUpdateAt != 0, Market_Unknown(id));
    require(ledger.isBorrowingPaused() != isPaused, Market_AlreadySet());
    ledger.marks ^= BORROWING_PAUSED;
    words.store(ledger);
    if (isPaused) emit PauseBorrowing(id);
    else emit ResumeBorrowing(id);
}

function totals(Ledger memory ledger) pure returns (Market memory) {
    return
        Market(
            ledger.totalSupplyAssets,
            ledger.totalSupplyShares,
            ledger.totalBorrowAssets,
            ledger.totalBorrowShares,
            ledger.lastUpdateAt,
            uint128((WAD * ledger.feeBps) / BPS)
        );
}

/// @dev borrowed ÷ supplied, rounded down: 0 for an empty market, never more than 1.
function utilizationWad(Market calldata market) pure returns (uint256) {
    if (market.totalBorrowAssets >= market.totalSupplyAssets) return market.totalBorrowAssets == 0 ? 0 : WAD;
    return mulDivDown(market.totalBorrowAssets, WAD, market.totalSupplyAssets);
}

function toId(MarketParams memory params) pure returns (Id) {
    return Id.wrap(keccak256(abi.encode(params)));
}

/// @dev An authorization is good until its deadline, once, in the order of its authorizer's nonces.
function checkSigned(
    Authorization calldata authorization,
    Signature calldata signature,
    bytes32 digest,
    uint256 usedNonce
) view {
    (address authorizer, uint256 deadline) = (authorization.authorizer, authorization.deadline);
    require(block.timestamp <= deadline, Market_SignatureExpired(deadline, block.timestamp));
    require(authorization.nonce == usedNonce, Market_WrongNonce(authorizer, authorization.nonce, usedNonce));
    address signer = ECDSA.recover(digest, signature.v, signature.r, signature.s);
    require(signer == authorizer, Market_WrongSigner(signer, authorizer));
}

/// @dev What every verb asks of its input: one amount, and somebody it is for.
function checkInput(uint256 assets, uint256 shares, address account) pure {
    require((assets == 0) != (shares == 0), Market_NotOneAmount(assets, shares));
    require(account != address(0), Market_ZeroAddress());
}

function refuseCallback(bytes calldata data) pure {
    require(data.length == 0, Market_NoCallback());
}
