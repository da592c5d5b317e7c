// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IERC7943Fungible} from "../compliance/IERC7943Fungible.sol";
import {IGate} from "../compliance/IGate.sol";
import {IShareExchange, Order} from "../exchange/IShareExchange.sol";
import {Settlement} from "../settlement.sol";
import {BPS, mulDivDown, mulDivUp} from "../units.sol";
import {IValuation} from "../valuation/IValuation.sol";
import {Holdings} from "./Holdings.sol";
import {IERC7540Operator, IERC7540Redeem, IERC7575, IERC7575Share, IERC7887Redeem} from "./IERC7540.sol";
import {IVaultHoldings} from "./IHolding.sol";
import {Redemptions} from "./Redemptions.sol";

/// What a vault is made with; nothing of it changes afterwards.
struct Settings {
    string name;
    string symbol;
    address asset;
    IGate gate; // who may hold the share
    IValuation valuation;
    IShareExchange exchange;
    uint16 maxDiscountBps; // the most below the exit value that a class is sold at
    uint16 maxDailyLossBps; // of all assets, the most that sales of a UTC day bring less than entry
}

/// @title One share over classes of several facilities, in one settlement token: ERC-4626 deposits, ERC-7540
/// redemptions, ERC-7887 cancellation. The share is the vault itself (ERC-7575), with six decimals more than the asset.
///
/// Assumptions
/// - The valuation answers for every listed class, of whatever age, below 2^128, and exit never exceeds entry. Listed
///   classes tell truly what they owe. The exchange settles both legs or none. The asset may return nothing and may
///   freeze accounts; one that delivers less than asked is refused, one that changes balances by itself not supported.
/// - A balance is never read as money: donations change no price and no claim.
///
/// Two prices
/// - Who comes pays entry: cash, claimable income and classes at their entry value. Who leaves gets exit: the same with
///   every haircut. One virtual asset and 10^6 virtual shares stand in both. A redemption waits for the hour after its
///   batch was opened and for a usable value: no round trip pays.
/// - Deposits and fills need a usable value of every class held. Until a redemption is filled its shares bear gain and
///   loss like all others: a loss is borne before anyone leaves ahead of it.
/// - Rounding is against the caller: shares minted and assets paid down, assets taken up.
///
/// Liveness
/// - A claim needs no price, no cash but its own, and no pause stops it: assets of filled redemptions are set aside.
///   Only the asset's own freeze, or the gate's of the claimant itself, does.
/// - Requests, cancellations, fills, claims of income and sales work while the vault is paused. An expired credential
///   may request and claim; only shares are not sent to it, so it may not cancel.
/// - Views answer in the middle of a purchase, a sale or a claim as they did before it.
/// - Bounds: 16 classes, 8 unclaimed requests of an account; below 2^104 units of cash and 2^128 of shares.
///
/// Roles
/// - The access manager splits: list and raiseCap (curator, delayed); lowerCap and closeClass (curator, at once);
///   subscribe, buy and sell (allocator); pause (guardian) and resume (risk governance).
/// - An allocator buys at most at entry and sells at least at exit less the discount; all sales of a day lose at most
///   the daily loss. It spends no cash that waiting redemptions need.
contract IncomeVault is
    IERC4626,
    IERC7540Operator,
    IERC7540Redeem,
    IERC7575,
    IERC7575Share,
    IERC7887Redeem,
    IVaultHoldings,
    IERC165,
    ERC20Permit,
    AccessManaged,
    ReentrancyGuardTransient
{
    using Holdings for Holdings.Portfolio;
    using Redemptions for Redemptions.Queue;
    using SafeERC20 for IERC20;
    using Settlement for IERC20;

    uint8 private constant EXTRA_DECIMALS = 6;
    uint256 private constant VIRTUAL_SHARES = 10 ** EXTRA_DECIMALS;
    uint256 private constant VIRTUAL_ASSETS = 1;
    uint256 private constant MAX_CASH_ASSETS = 2 ** 104;
    uint256 private constant MAX_SUPPLY_SHARES = type(uint128).max;

    IERC20 private immutable _asset;
    uint8 private immutable _decimals;
    /// @notice Who may hold the share.
    IGate public immutable gate;
    /// @notice What classes are worth.
    IValuation public immutable valuation;
    /// @notice Where classes are bought and sold.
    IShareExchange public immutable exchange;
    /// @notice The most below exit that a class is sold at, and, of all assets, below entry by all sales of a UTC day.
    uint16 public immutable maxDiscountBps;
    uint16 public immutable maxDailyLossBps;

    // Storage

    /// @notice What was received, less what was paid, spent and set aside.
    uint256 public cashAssets;
    /// @notice What belongs to filled redemptions.
    uint256 public setAsideAssets;
    /// @notice Whether deposits and purchases are stopped.
    bool public isPaused;
    /// @inheritdoc IERC7540Operator
    mapping(address controller => mapping(address operator => bool)) public isOperator;
    Redemptions.Queue private _queue;
    Holdings.Portfolio private _portfolio;
    // While money or class shares move: what views answer.
    bool private transient _isMoving;
    uint256 private transient _exitBeforeAssets;
    uint256 private transient _entryBeforeAssets;

    event PauseSet(bool isPaused);
    event Fulfilled(uint256 indexed requestId, uint256 shares, uint256 assets, bool isFilled);

    error Vault_BadDiscount(uint256 discountBps);
    error Vault_Paused();
    error Vault_NotPaused();
    error Vault_NoShares(uint256 assets);
    error Vault_OverLimit(uint256 cashAssets, uint256 supplyShares);
    error Vault_NotApproved(address account, address caller);
    error Vault_NoPreview();
    error Vault_Worthless();
    error Vault_CashAwaited(uint256 spentAssets, uint256 freeAssets);

    /// @param authority the AccessManager that says who may do what
    constructor(
        address authority,
        Settings memory settings
    ) ERC20(settings.name, settings.symbol) ERC20Permit(settings.name) AccessManaged(authority) {
        require(settings.maxDiscountBps <= BPS, Vault_BadDiscount(settings.maxDiscountBps));
        _asset = IERC20(settings.asset);
        _decimals = IERC20Metadata(settings.asset).decimals() + EXTRA_DECIMALS;
        gate = settings.gate;
        valuation = settings.valuation;
        exchange = settings.exchange;
        (maxDiscountBps, maxDailyLossBps) = (settings.maxDiscountBps, settings.maxDailyLossBps);
        emit VaultUpdate(settings.asset, address(this));
    }

    // Admin

    /// @notice Lets the vault hold a class, and of its facility up to a cap that is not below the one it has.
    function list(address facility, uint256 classIndex, uint256 capAssets_) external restricted {
        _portfolio.list(_places(0), facility, classIndex, capAssets_);
    }

    /// @notice Raises what the vault may hold of a facility, at entry.
    function raiseCap(address facility, uint256 capAssets_) external restricted {
        _portfolio.raiseCap(facility, capAssets_);
    }

    /// @notice Lowers it; what is held beyond stays.
    function lowerCap(address facility, uint256 capAssets_) external restricted {
        _portfolio.lowerCap(facility, capAssets_);
    }

    /// @notice Takes a class off the list that has nothing left: no income, and no shares of any value.
    function closeClass(address classToken) external restricted {
        _portfolio.close(_places(0), classToken);
    }

    /// @notice Stops deposits and purchases, and nothing else.
    function pause() external restricted {
        require(!isPaused, Vault_Paused());
        isPaused = true;
        emit PauseSet(true);
    }

    /// @notice Lets deposits and purchases go on.
    function resume() external restricted {
        require(isPaused, Vault_NotPaused());
        isPaused = false;
        emit PauseSet(false);
    }

    // Allocation

    /// @notice Subscribes to a listed class in its facility's raise, where a share is worth what it costs.
    function subscribe(address classToken, uint256 assets) external restricted nonReentrant {
        uint256 freeAssets_ = _startBuying();
        _endBuying(_portfolio.subscribe(_places(0), classToken, assets), freeAssets_);
    }

    /// @notice Buys shares of a listed class by a sell order, for at most `maxAssets` in all and their entry value.
    function buy(
        Order calldata order,
        bytes calldata signature,
        uint256 fillShares,
        uint256 maxAssets
    ) external restricted nonReentrant {
        uint256 freeAssets_ = _startBuying();
        _endBuying(_portfolio.buy(_places(0), order, signature, fillShares, maxAssets), freeAssets_);
    }

    /// @notice Sells shares of a listed class into a buy order, for at least `minAssets` in all and their exit value
    /// less the discount.
    function sell(
        Order calldata order,
        bytes calldata signature,
        uint256 fillShares,
        uint256 minAssets
    ) external restricted nonReentrant {
        Holdings.Worth memory worth = _worth(false);
        _startMoving(worth);
        _book(_portfolio.sell(_places(worth.exitAssets), order, signature, fillShares, minAssets));
    }

    /// @notice Takes back what was subscribed in a raise that failed; anyone may call.
    function refund(address facility) external nonReentrant returns (uint256 assets) {
        _startMoving(_worth(false));
        assets = _book(_portfolio.refund(_places(0), facility));
    }

    /// @notice Claims what a listed class owes; anyone may call.
    function claimIncome(address classToken) external nonReentrant returns (uint256 assets) {
        _startMoving(_worth(false));
        assets = _book(_portfolio.claim(_places(0), classToken));
    }

    // Holders: in

    /// @inheritdoc IERC4626
    function deposit(uint256 assets, address receiver) external nonReentrant returns (uint256 shares) {
        shares = _toShares(assets, _entryToPay());
        _enter(assets, shares, receiver);
    }

    /// @inheritdoc IERC4626
    function mint(uint256 shares, address receiver) external nonReentrant returns (uint256 assets) {
        assets = _toAssetsUp(shares, _entryToPay());
        _enter(assets, shares, receiver);
    }

    // Holders: out

    /// @inheritdoc IERC7540Operator
    function setOperator(address operator, bool approved) external returns (bool success) {
        isOperator[msg.sender][operator] = approved;
        emit OperatorSet(msg.sender, operator, approved);
        return true;
    }

    /// @inheritdoc IERC7540Redeem
    /// @dev The controller is the owner, the caller, or has approved the caller: nobody makes requests for a stranger.
    function requestRedeem(
        uint256 shares,
        address controller,
        address owner
    ) external nonReentrant returns (uint256 requestId) {
        require(shares > 0, Vault_NoShares(0));
        if (owner != msg.sender && !isOperator[owner][msg.sender]) _spendAllowance(owner, msg.sender, shares);
        if (controller != owner) _checkMayAct(controller);
        require(gate.canSend(owner), IERC7943Fungible.ERC7943CannotSend(owner));
        super._update(owner, address(this), shares);
        requestId = _queue.request(controller, shares);
        emit RedeemRequest(controller, owner, requestId, msg.sender, shares);
    }

    /// @inheritdoc IERC7887Redeem
    function cancelRedeemRequest(uint256 requestId, address controller) external nonReentrant {
        _checkMayAct(controller);
        // It would wait for a credential, neither redeemed nor returned.
        require(gate.canReceive(controller), IERC7943Fungible.ERC7943CannotReceive(controller));
        uint256 dustShares = _queue.cancel(requestId, controller);
        emit CancelRedeemRequest(controller, requestId, msg.sender);
        if (dustShares > 0) _burn(address(this), dustShares);
    }

    /// @inheritdoc IERC7887Redeem
    function claimCancelRedeemRequest(uint256 requestId, address receiver, address controller) external nonReentrant {
        _checkMayClaim(controller);
        uint256 shares = _queue.takeCancelled(requestId, controller);
        _transfer(address(this), receiver, shares);
        emit CancelRedeemClaim(controller, receiver, requestId, msg.sender, shares);
    }

    /// @notice Redeems the oldest batch of requests at exit, as far as the cash goes; anyone may call.
    function fulfil() external nonReentrant returns (uint256 requestId, uint256 shares, uint256 assets) {
        (uint256 priceAssets, uint256 priceShares) = _price(_usableWorth().exitAssets);
        require(priceAssets > VIRTUAL_ASSETS, Vault_Worthless());
        (requestId, shares, assets) = _queue.fill(cashAssets, priceAssets, priceShares);
        cashAssets -= assets;
        setAsideAssets += assets;
        _burn(address(this), shares);
        emit Fulfilled(requestId, shares, assets, _queue.oldestId == requestId);
    }

    /// @inheritdoc IERC4626
    function redeem(
        uint256 shares,
        address receiver,
        address controller
    ) external nonReentrant returns (uint256 assets) {
        _checkMayClaim(controller);
        assets = _queue.takeShares(controller, shares);
        _pay(assets, shares, receiver, controller);
    }

    /// @inheritdoc IERC4626
    function withdraw(
        uint256 assets,
        address receiver,
        address controller
    ) external nonReentrant returns (uint256 shares) {
        _checkMayClaim(controller);
        shares = _queue.takeAssets(controller, assets);
        _pay(assets, shares, receiver, controller);
    }

    // Views: shares and values

    /// @inheritdoc IERC4626
    function asset() external view returns (address assetTokenAddress) {
        return address(_asset);
    }

    /// @inheritdoc IERC7575
    function share() external view returns (address shareTokenAddress) {
        return address(this);
    }

    /// @inheritdoc IERC7575Share
    function vault(address asset_) external view returns (address vault_) {
        return asset_ == address(_asset) ? address(this) : address(0);
    }

    /// @notice Those of the asset and six more.
    function decimals() public view override(ERC20, IERC20Metadata) returns (uint8) {
        return _decimals;
    }

    /// @inheritdoc IERC4626
    /// @dev At exit, of whatever age.
    function totalAssets() external view returns (uint256 exitAssets) {
        return _worth(false).exitAssets;
    }

    /// @notice At entry.
    function entryAssets() external view returns (uint256) {
        return _worth(false).entryAssets;
    }

    /// @inheritdoc IERC4626
    function convertToShares(uint256 assets) external view returns (uint256 shares) {
        return _toShares(assets, _worth(false).exitAssets);
    }

    /// @inheritdoc IERC4626
    function convertToAssets(uint256 shares) external view returns (uint256 assets) {
        (uint256 priceAssets, uint256 priceShares) = _price(_worth(false).exitAssets);
        return mulDivDown(shares, priceAssets, priceShares);
    }

    /// @inheritdoc IERC4626
    function maxDeposit(address receiver) external view returns (uint256 maxAssets) {
        (maxAssets, ) = _room(receiver);
    }

    /// @inheritdoc IERC4626
    function maxMint(address receiver) external view returns (uint256 maxShares) {
        (, maxShares) = _room(receiver);
    }

    /// @inheritdoc IERC4626
    function previewDeposit(uint256 assets) external view returns (uint256 shares) {
        return _toShares(assets, _worth(false).entryAssets);
    }

    /// @inheritdoc IERC4626
    function previewMint(uint256 shares) external view returns (uint256 assets) {
        return _toAssetsUp(shares, _worth(false).entryAssets);
    }

    /// @inheritdoc IERC4626
    function maxRedeem(address controller) external view returns (uint256 maxShares) {
        if (_mayClaim(controller)) (maxShares, ) = _queue.claimable(controller);
    }

    /// @inheritdoc IERC4626
    function maxWithdraw(address controller) external view returns (uint256 maxAssets) {
        if (_mayClaim(controller)) (, maxAssets) = _queue.claimable(controller);
    }

    /// @notice Reverts: what a claim pays was fixed when the request was filled.
    function previewRedeem(uint256) external pure returns (uint256) {
        revert Vault_NoPreview();
    }

    /// @notice Reverts, for the same reason.
    function previewWithdraw(uint256) external pure returns (uint256) {
        revert Vault_NoPreview();
    }

    /// @inheritdoc IERC7540Redeem
    function pendingRedeemRequest(uint256 requestId, address controller) external view returns (uint256 shares) {
        return _queue.pendingOf(requestId, controller);
    }

    /// @inheritdoc IERC7540Redeem
    function claimableRedeemRequest(uint256 requestId, address controller) external view returns (uint256 shares) {
        (shares, ) = _queue.claimableOf(requestId, controller);
    }

    /// @inheritdoc IERC7887Redeem
    /// @dev Never: a cancellation can be claimed at once.
    function pendingCancelRedeemRequest(uint256, address) external pure returns (bool isPending) {
        return false;
    }

    /// @inheritdoc IERC7887Redeem
    function claimableCancelRedeemRequest(
        uint256 requestId,
        address controller
    ) external view returns (uint256 shares) {
        return _queue.requests[requestId][controller].cancelledShares;
    }

    /// @notice The batch of a request id.
    function batch(uint256 requestId) external view returns (Redemptions.Batch memory) {
        return _queue.batches[requestId];
    }

    /// @notice Shares of all requests that wait.
    function pendingShares() external view returns (uint256) {
        return _queue.pendingShares;
    }

    /// @notice Requests of an account that are not over.
    function requestIds(address controller) external view returns (uint256[] memory) {
        return _queue.requestIds[controller];
    }

    /// @notice Cash that no waiting redemption needs.
    function freeAssets() external view returns (uint256) {
        return _free(_worth(false));
    }

    /// @notice The tokens of the listed classes.
    function classTokens() external view returns (address[] memory) {
        return _portfolio.tokens;
    }

    /// @notice What is held of a class.
    function holdingOf(address classToken) external view returns (Holdings.Holding memory) {
        return _portfolio.holdings[classToken];
    }

    /// @notice The most that may be held of a facility, at entry.
    function capAssets(address facility) external view returns (uint256) {
        return _portfolio.capAssets[facility];
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return
            interfaceId == type(IERC165).interfaceId ||
            interfaceId == type(IERC4626).interfaceId ^ type(IERC7575).interfaceId ||
            interfaceId == type(IERC7575Share).interfaceId ||
            interfaceId == type(IERC7540Operator).interfaceId ||
            interfaceId == type(IERC7540Redeem).interfaceId ||
            interfaceId == type(IERC7887Redeem).interfaceId;
    }

    // Internal: shares

    /// @dev Every mint, transfer and burn; requested shares come to the vault past this (`requestRedeem`).
    function _update(address from, address to, uint256 shares) internal override {
        if (to != address(0)) {
            (bool maySend, bool mayReceive, , ) = gate.passage(address(this), from, to);
            require(maySend || from == address(0), IERC7943Fungible.ERC7943CannotSend(from));
            require(mayReceive && to != address(this), IERC7943Fungible.ERC7943CannotReceive(to));
        }
        super._update(from, to, shares);
    }

    function _enter(uint256 assets, uint256 shares, address receiver) private {
        require(shares > 0 || assets == 0, Vault_NoShares(assets));
        uint256 cash = cashAssets + assets;
        uint256 supplyShares = totalSupply() + shares;
        require(cash <= MAX_CASH_ASSETS && supplyShares <= MAX_SUPPLY_SHARES, Vault_OverLimit(cash, supplyShares));
        _asset.pullExact(msg.sender, assets);
        cashAssets = cash;
        _mint(receiver, shares);
        emit Deposit(msg.sender, receiver, assets, shares);
    }

    function _pay(uint256 assets, uint256 shares, address receiver, address controller) private {
        setAsideAssets -= assets;
        emit Withdraw(msg.sender, receiver, controller, assets, shares);
        _asset.safeTransfer(receiver, assets);
    }

    function _checkMayAct(address controller) private view {
        bool mayAct = controller == msg.sender || isOperator[controller][msg.sender];
        require(mayAct, Vault_NotApproved(controller, msg.sender));
    }

    function _checkMayClaim(address controller) private view {
        _checkMayAct(controller);
        require(gate.canSend(controller), IERC7943Fungible.ERC7943CannotSend(controller));
    }

    function _mayClaim(address controller) private view returns (bool) {
        return !_reentrancyGuardEntered() && gate.canSend(controller);
    }

    // Internal: values and holdings

    /// @dev All that is not set aside; in the middle of a movement, what it was before.
    function _worth(bool maySkip) private view returns (Holdings.Worth memory sum) {
        if (_isMoving) return Holdings.Worth(_exitBeforeAssets, _entryBeforeAssets, address(0));
        sum = _portfolio.worth(valuation, maySkip);
        sum.exitAssets += cashAssets;
        sum.entryAssets += cashAssets;
    }

    /// @dev The same, where every class held has a value that may be acted on.
    function _usableWorth() private view returns (Holdings.Worth memory worth) {
        worth = _worth(false);
        require(worth.staleToken == address(0), Vault_StaleValue(worth.staleToken));
    }

    /// @dev So many assets for so many shares.
    function _price(uint256 allAssets) private view returns (uint256 priceAssets, uint256 priceShares) {
        return (allAssets + VIRTUAL_ASSETS, totalSupply() + VIRTUAL_SHARES);
    }

    function _toShares(uint256 assets, uint256 allAssets) private view returns (uint256) {
        (uint256 priceAssets, uint256 priceShares) = _price(allAssets);
        return mulDivDown(assets, priceShares, priceAssets);
    }

    function _toAssetsUp(uint256 shares, uint256 allAssets) private view returns (uint256) {
        (uint256 priceAssets, uint256 priceShares) = _price(allAssets);
        return mulDivUp(shares, priceAssets, priceShares);
    }

    /// @dev What who comes pays for: everything at entry, if it may come now.
    function _entryToPay() private view returns (uint256) {
        require(!isPaused, Vault_Paused());
        return _usableWorth().entryAssets;
    }

    /// @dev What still fits, at entry; nothing for who may not come now.
    function _room(address receiver) private view returns (uint256 openAssets, uint256 openShares) {
        if (isPaused || _reentrancyGuardEntered() || receiver == address(this)) return (0, 0);
        Holdings.Worth memory worth = _worth(true);
        if (worth.staleToken != address(0) || !gate.canReceive(receiver)) return (0, 0);
        (uint256 priceAssets, uint256 priceShares) = _price(worth.entryAssets);
        uint256 maxAssets = Math.saturatingSub(MAX_CASH_ASSETS, cashAssets);
        uint256 maxShares = MAX_SUPPLY_SHARES - totalSupply();
        openAssets = Math.min(maxAssets, mulDivDown(maxShares, priceAssets, priceShares));
        openShares = Math.min(maxShares, mulDivDown(maxAssets, priceShares, priceAssets));
    }

    /// @dev Cash less what waiting redemptions would take now.
    function _free(Holdings.Worth memory worth) private view returns (uint256) {
        return Math.saturatingSub(cashAssets, _toAssetsUp(_queue.pendingShares, worth.exitAssets));
    }

    function _places(uint256 exitAssets) private view returns (Holdings.Places memory) {
        uint256 maxLossAssets = mulDivDown(exitAssets, maxDailyLossBps, BPS);
        return Holdings.Places(_asset, valuation, exchange, maxDiscountBps, maxLossAssets);
    }

    /// @dev From here to `_book` or `_endBuying`, views answer as before.
    function _startMoving(Holdings.Worth memory worth) private {
        (_isMoving, _exitBeforeAssets, _entryBeforeAssets) = (true, worth.exitAssets, worth.entryAssets);
    }

    /// @dev What came in is cash.
    function _book(uint256 assets) private returns (uint256) {
        _isMoving = false;
        cashAssets += assets;
        return assets;
    }

    /// @dev Purchases need what deposits need; returns what may be spent.
    function _startBuying() private returns (uint256) {
        require(!isPaused, Vault_Paused());
        Holdings.Worth memory worth = _usableWorth();
        _startMoving(worth);
        return _free(worth);
    }

    function _endBuying(uint256 assets, uint256 freeAssets_) private {
        require(assets <= freeAssets_, Vault_CashAwaited(assets, freeAssets_));
        _isMoving = false;
        cashAssets -= assets;
    }
}
