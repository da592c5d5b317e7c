// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Settlement} from "../settlement.sol";
import {mulDivUp, WAD} from "../units.sol";
import {CollateralIncome, ICollateralIncome} from "./CollateralIncome.sol";
import {IRateModel, MAX_RATE_PER_SECOND_WAD} from "./IRateModel.sol";
import {incentiveWad, Liquidation, Loan, Market_AlreadyFlagged, Market_NotFlagged, Position} from "./Loan.sol";
import {
    AccrueInterest,
    Authorization,
    Borrow,
    checkInput,
    CreateMarket,
    EnableIrm,
    EnableLltv,
    Id,
    IncrementNonce,
    Ledger,
    LedgerWords,
    Market,
    Market_AlreadySet,
    Market_Unknown,
    Market_ZeroAddress,
    MarketParams,
    OpenIncome,
    PAYS_INCOME,
    refuseCallback,
    Repay,
    SetAuthorization,
    SetFee,
    SetFeeRecipient,
    Signature,
    Supply,
    SupplyCollateral,
    TakeIncome,
    Withdraw,
    WithdrawCollateral
} from "./Market.sol";

/// @title Isolated lending markets in one contract: shares of a class as collateral, a stablecoin as loan.
///
/// Shapes
/// - Verbs, parameters, structs and events have the types of Morpho Blue's public interface; callback data must be
///   empty. Amounts of collateral are `collateralShares`, in units of the collateral token.
///
/// Assumptions
/// - A market trusts its price source, rate model and tokens, and nothing else; no market can lose another's money.
/// - Tokens may return nothing and may freeze accounts. One that delivers less than asked is refused; one that changes
///   balances by itself is not supported. A balance is never read as money: donations change nothing.
///
/// Rounding
/// - Always against the caller: supplied and repaid shares down, withdrawn and borrowed shares up; debt up, collateral
///   value down; a liquidation repays up and seizes down.
/// - One virtual asset and 1e6 virtual shares stand in every total, so the first depositor cannot move the share price.
///
/// Liveness
/// - Collateral that pays income is posted for the caller, or for who may receive it: nobody comes to it past the gate.
/// - Without a valid price there is no new debt, no collateral leaves an indebted position, and nothing is liquidated.
///   supply, withdraw, repay, supplyCollateral and an owner's repayFromIncome need no price.
/// - Interest stops before any total could leave its bits; no elapsed time can lock a market.
/// - Bad debt is taken from the suppliers in the liquidation that leaves a borrower without collateral.
/// - The bonus for a liquidation rises from a fifth of the market's to all of it within six hours of the flag. Only
///   health takes a flag off, or a day: no dust repaid or posted starts its clock anew.
/// - A liquidation asks for at most what is there: a repayment that comes first makes it smaller, not impossible.
///
/// Income
/// - What the collateral token pays while posted belongs to the borrower (`CollateralIncome`). An indebted owner takes
///   it out only while healthy, because a payment to the class may lower its price; it may repay the debt at any time,
///   and once the position is unhealthy anyone may direct it to repay.
///
/// Roles
/// - The AccessManager says who enables rate models and LLTVs (for good), sets fees up to 25 % of interest, stops new
///   borrowing in a market and resumes it. Nobody can change a market, stop anything else in it, or move its money.
contract Markets is AccessManaged, EIP712, ReentrancyGuardTransient {
    using CollateralIncome for CollateralIncome.Book;
    using SafeERC20 for IERC20;
    using Settlement for IERC20;

    bytes32 public constant AUTHORIZATION_TYPEHASH = keccak256(
        "Authorization(address authorizer,address authorized,bool isAuthorized,uint256 nonce,uint256 deadline)"
    );
    uint256 private constant MAX_FEE_BPS = 2500;

    // Storage

    address public feeRecipient;
    mapping(address irm => bool) public isIrmEnabled;
    mapping(uint256 lltvWad => bool) public isLltvEnabled;
    mapping(Id id => MarketParams) public idToMarketParams;
    mapping(address authorizer => mapping(address authorized => bool)) public isAuthorized;
    mapping(address authorizer => uint256) public nonce;
    mapping(Id id => LedgerWords) private _ledgers;
    mapping(Id id => mapping(address account => Position)) private _positions;
    mapping(address collateralToken => CollateralIncome.Book) private _books;
    mapping(Id id => mapping(address account => CollateralIncome.Entitlement)) private _entitlements;

    error Market_Exists(Id id);
    error Market_NoCode(address account);
    error Market_IrmNotEnabled(address irm);
    error Market_LltvNotEnabled(uint256 lltvWad);
    error Market_LltvTooHigh(uint256 lltvWad);
    error Market_FeeTooHigh(Id id, uint256 feeBps, uint256 maxFeeBps);
    error Market_NoFeeRecipient(Id id);
    error Market_ZeroAmount();
    error Market_BorrowingPaused(Id id);
    error Market_MayNotHold(Id id, address account);
    error Market_MayNotSend(Id id, address account);
    error Market_NotAuthorized(address onBehalf, address caller);
    error Market_NoIncome(Id id);
    error Market_IncomeNotLoanToken(Id id, address incomeAsset, address loanToken);

    /// @param authority the AccessManager that says who may enable models and LLTVs and set fees
    constructor(address authority) AccessManaged(authority) EIP712("Rackbond Markets", "1") {}

    // Admin

    /// @notice Lets markets be created with a rate model, for good.
    function enableIrm(address irm) external restricted {
        require(irm.code.length > 0, Market_NoCode(irm));
        require(!isIrmEnabled[irm], Market_AlreadySet());
        isIrmEnabled[irm] = true;
        emit EnableIrm(irm);
    }

    /// @notice Lets markets be created with a liquidation loan-to-value under 1, for good.
    function enableLltv(uint256 lltvWad) external restricted {
        require(lltvWad < WAD, Market_LltvTooHigh(lltvWad));
        require(!isLltvEnabled[lltvWad], Market_AlreadySet());
        isLltvEnabled[lltvWad] = true;
        emit EnableLltv(lltvWad);
    }

    /// @notice Sets which part of a market's interest goes to the fee recipient, from now on.
    function setFee(MarketParams memory params, uint256 feeBps) external restricted nonReentrant {
        Id id = params.toId();
        Ledger memory ledger = _accrue(params, id);
        require(feeBps <= MAX_FEE_BPS, Market_FeeTooHigh(id, feeBps, MAX_FEE_BPS));
        require(feeBps == 0 || feeRecipient != address(0), Market_NoFeeRecipient(id));
        ledger.feeBps = uint16(feeBps);
        _ledgers[id].store(ledger);
        emit SetFee(id, feeBps);
    }

    /// @notice Who gets the supply shares that fees are paid in, from the next accrual on.
    function setFeeRecipient(address feeRecipient_) external restricted {
        require(feeRecipient_ != address(0), Market_ZeroAddress());
        feeRecipient = feeRecipient_;
        emit SetFeeRecipient(feeRecipient_);
    }

    /// @notice Stops new borrowing in a market, and nothing else.
    function pauseBorrowing(MarketParams memory params) external restricted nonReentrant {
        Id id = params.toId();
        _ledgers[id].setPause(id, true);
    }

    /// @notice Allows new borrowing in a market again.
    function resumeBorrowing(MarketParams memory params) external restricted nonReentrant {
        Id id = params.toId();
        _ledgers[id].setPause(id, false);
    }

    // Markets

    /// @notice Opens a market; anyone may. Whether the collateral pays income is asked of the token itself, once, when
    /// its first market is created: see `CollateralIncome.incomeAsset`.
    function createMarket(MarketParams memory params) external nonReentrant {
        Id id = params.toId();
        require(isIrmEnabled[params.irm], Market_IrmNotEnabled(params.irm));
        require(isLltvEnabled[params.lltv], Market_LltvNotEnabled(params.lltv));
        require(params.loanToken.code.length > 0, Market_NoCode(params.loanToken));
        require(params.collateralToken.code.length > 0, Market_NoCode(params.collateralToken));
        require(params.oracle.code.length > 0, Market_NoCode(params.oracle));
        Ledger memory ledger = _ledgers[id].load();
        require(ledger.lastUpdateAt == 0, Market_Exists(id));

        CollateralIncome.Book storage book = _books[params.collateralToken];
        IERC20 incomeAsset = book.asset;
        if (address(incomeAsset) == address(0)) {
            incomeAsset = CollateralIncome.incomeAsset(params.collateralToken);
            book.asset = incomeAsset;
            emit OpenIncome(params.collateralToken, address(incomeAsset));
        }
        ledger.lastUpdateAt = uint40(block.timestamp);
        if (address(incomeAsset) != address(0)) ledger.marks = PAYS_INCOME;
        _ledgers[id].store(ledger);
        idToMarketParams[id] = params;
        emit CreateMarket(id, params);
    }

    // Lenders

    /// @notice Lends `assets`, or as much as `shares` cost (exactly one is not zero). Shares round down, assets up.
    function supply(
        MarketParams memory params,
        uint256 assets,
        uint256 shares,
        address onBehalf,
        bytes calldata data
    ) external nonReentrant returns (uint256 suppliedAssets, uint256 suppliedShares) {
        checkInput(assets, shares, onBehalf);
        refuseCallback(data);
        Id id = params.toId();
        Ledger memory ledger = _accrue(params, id);

        (assets, shares) = ledger.supplyIn(assets, shares);
        ledger.addSupply(assets, shares);
        _positions[id][onBehalf].supplyShares += shares;
        _ledgers[id].store(ledger);
        emit Supply(id, msg.sender, onBehalf, assets, shares);

        IERC20(params.loanToken).pullExact(msg.sender, assets);
        return (assets, shares);
    }

    /// @notice Takes lent `assets`, or what `shares` are worth, out. Shares round up, assets down.
    function withdraw(
        MarketParams memory params,
        uint256 assets,
        uint256 shares,
        address onBehalf,
        address receiver
    ) external nonReentrant returns (uint256 withdrawnAssets, uint256 withdrawnShares) {
        checkInput(assets, shares, receiver);
        _checkAuthorized(onBehalf);
        Id id = params.toId();
        Ledger memory ledger = _accrue(params, id);

        (assets, shares) = ledger.supplyOut(assets, shares);
        _positions[id][onBehalf].withdrawSupply(id, onBehalf, shares);
        ledger.removeSupply(assets, shares);
        ledger.checkLiquidity(id);
        _ledgers[id].store(ledger);
        emit Withdraw(id, msg.sender, onBehalf, receiver, assets, shares);

        IERC20(params.loanToken).safeTransfer(receiver, assets);
        return (assets, shares);
    }

    // Borrowers

    /// @notice Borrows `assets`, or what `shares` of the debt are worth, against posted collateral. Shares round up,
    /// assets down. Reverts without a valid price, and while borrowing is paused.
    function borrow(
        MarketParams memory params,
        uint256 assets,
        uint256 shares,
        address onBehalf,
        address receiver
    ) external nonReentrant returns (uint256 borrowedAssets, uint256 borrowedShares) {
        checkInput(assets, shares, receiver);
        _checkAuthorized(onBehalf);
        (Id id, Ledger memory ledger, Position storage held, Loan memory loan) = _open(params, onBehalf);
        require(!ledger.isBorrowingPaused(), Market_BorrowingPaused(id));

        (assets, shares) = ledger.debtOut(assets, shares);
        require(assets > 0, Market_ZeroAmount());
        ledger.addDebt(assets, shares);
        ledger.checkLiquidity(id);
        loan.borrowShares += uint120(shares);
        loan.checkHealthy(ledger, params, id, onBehalf);
        _store(id, ledger, held, loan);
        emit Borrow(id, msg.sender, onBehalf, receiver, assets, shares);

        IERC20(params.loanToken).safeTransfer(receiver, assets);
        return (assets, shares);
    }

    /// @notice Repays `assets`, or what `shares` of the debt cost. Shares round down, assets up. Needs no price.
    function repay(
        MarketParams memory params,
        uint256 assets,
        uint256 shares,
        address onBehalf,
        bytes calldata data
    ) external nonReentrant returns (uint256 repaidAssets, uint256 repaidShares) {
        checkInput(assets, shares, onBehalf);
        refuseCallback(data);
        (Id id, Ledger memory ledger, Position storage held, Loan memory loan) = _open(params, onBehalf);

        (assets, shares) = ledger.debtIn(assets, shares);
        loan.reduceDebt(ledger, id, onBehalf, assets, shares);
        _store(id, ledger, held, loan);
        emit Repay(id, msg.sender, onBehalf, assets, shares);

        IERC20(params.loanToken).pullExact(msg.sender, assets);
        return (assets, shares);
    }

    /// @notice Posts collateral. Accrues no interest and needs no price. Collateral that pays income is posted for the
    /// caller, or for an account that may receive it: nobody else is given an interest in it.
    function supplyCollateral(
        MarketParams memory params,
        uint256 collateralShares,
        address onBehalf,
        bytes calldata data
    ) external nonReentrant {
        require(collateralShares > 0, Market_ZeroAmount());
        require(onBehalf != address(0), Market_ZeroAddress());
        refuseCallback(data);
        Id id = params.toId();
        Position storage held = _positions[id][onBehalf];
        Loan memory loan = held.load();
        uint256 heldShares = loan.collateralShares;
        // What is posted says that there is a market, and whether it pays income: one slot less is read.
        if (heldShares == 0) {
            uint256 lastUpdateAt;
            (lastUpdateAt, loan.paysIncome) = _ledgers[id].header();
            require(lastUpdateAt != 0, Market_Unknown(id));
        }
        loan.post(id, onBehalf, collateralShares);
        if (loan.paysIncome) {
            require(onBehalf == msg.sender || _share(params).canReceive(onBehalf), Market_MayNotHold(id, onBehalf));
            _moveIncome(params, id, onBehalf, heldShares, loan.collateralShares);
        }
        held.store(loan);
        emit SupplyCollateral(id, msg.sender, onBehalf, collateralShares);

        IERC20(params.collateralToken).pullExact(msg.sender, collateralShares);
    }

    /// @notice Takes collateral out. With debt it reverts without a valid price or when the rest would be too little.
    /// To another receiver than its owner, collateral that pays income goes only while the owner may send it.
    function withdrawCollateral(
        MarketParams memory params,
        uint256 collateralShares,
        address onBehalf,
        address receiver
    ) external nonReentrant {
        require(collateralShares > 0, Market_ZeroAmount());
        require(receiver != address(0), Market_ZeroAddress());
        _checkAuthorized(onBehalf);
        (Id id, Ledger memory ledger, Position storage held, Loan memory loan) = _open(params, onBehalf);

        uint256 heldShares = loan.collateralShares;
        loan.withdraw(id, onBehalf, collateralShares);
        loan.checkHealthy(ledger, params, id, onBehalf);
        if (ledger.paysIncome()) {
            require(receiver == onBehalf || _maySend(params, onBehalf), Market_MayNotSend(id, onBehalf));
            _moveIncome(params, id, onBehalf, heldShares, loan.collateralShares);
        }
        _store(id, ledger, held, loan);
        emit WithdrawCollateral(id, msg.sender, onBehalf, receiver, collateralShares);

        IERC20(params.collateralToken).safeTransfer(receiver, collateralShares);
    }

    // Income of posted collateral

    /// @notice Pays what the collateral of `onBehalf` has earned to `receiver`: all that the collateral token can pay.
    /// While the owner is frozen it waits, as it would in the owner's wallet.
    function claimIncome(
        MarketParams memory params,
        address onBehalf,
        address receiver
    ) external nonReentrant returns (uint256 assets) {
        require(receiver != address(0), Market_ZeroAddress());
        _checkAuthorized(onBehalf);
        (Id id, Ledger memory ledger, , Loan memory loan) = _open(params, onBehalf);
        require(ledger.paysIncome(), Market_NoIncome(id));
        require(_share(params).gate().canSend(onBehalf), Market_MayNotSend(id, onBehalf));

        _ledgers[id].store(ledger);
        loan.checkHealthy(ledger, params, id, onBehalf);
        address token = params.collateralToken;
        assets = _books[token].take(_entitlements[id][onBehalf], token, loan.collateralShares, type(uint256).max);
        emit TakeIncome(id, msg.sender, onBehalf, receiver, assets);

        _books[token].asset.safeTransfer(receiver, assets);
    }

    /// @notice Repays debt of `onBehalf` with what its collateral has earned, as far as either goes. The owner may, and
    /// anyone once the position is unhealthy.
    function repayFromIncome(
        MarketParams memory params,
        address onBehalf
    ) external nonReentrant returns (uint256 assets, uint256 shares) {
        (Id id, Ledger memory ledger, Position storage held, Loan memory loan) = _open(params, onBehalf);
        require(ledger.paysIncome(), Market_NoIncome(id));
        address token = params.collateralToken;
        address incomeAsset = address(_books[token].asset);
        require(incomeAsset == params.loanToken, Market_IncomeNotLoanToken(id, incomeAsset, params.loanToken));
        if (!_isAuthorized(onBehalf)) loan.checkUnhealthy(ledger, params, id, onBehalf);

        shares = loan.borrowShares;
        (uint256 owedAssets, ) = ledger.debtIn(0, shares);
        assets = _books[token].take(_entitlements[id][onBehalf], token, loan.collateralShares, owedAssets);
        if (assets < owedAssets) (, shares) = ledger.debtIn(assets, 0);
        loan.reduceDebt(ledger, id, onBehalf, assets, shares);
        _store(id, ledger, held, loan);
        emit TakeIncome(id, msg.sender, onBehalf, address(this), assets);
        emit Repay(id, msg.sender, onBehalf, assets, shares);
    }

    // Liquidation

    /// @notice Flags an unhealthy position: from now on the bonus for its liquidation rises. Anyone may.
    function flag(MarketParams memory params, address borrower) external nonReentrant {
        (Id id, Ledger memory ledger, Position storage held, Loan memory loan) = _open(params, borrower);
        loan.checkUnhealthy(ledger, params, id, borrower);
        require(!loan.isFlagged(), Market_AlreadyFlagged(id, borrower, loan.flaggedAt));

        loan.setFlag(id, borrower, block.timestamp);
        _store(id, ledger, held, loan);
    }

    /// @notice Takes the flag off a position that is healthy again. Anyone may.
    function unflag(MarketParams memory params, address borrower) external nonReentrant {
        (Id id, Ledger memory ledger, Position storage held, Loan memory loan) = _open(params, borrower);
        require(loan.flaggedAt != 0, Market_NotFlagged(id, borrower));
        loan.checkHealthy(ledger, params, id, borrower);

        loan.setFlag(id, borrower, 0);
        _store(id, ledger, held, loan);
    }

    /// @notice Repays debt of an unhealthy borrower and takes collateral worth that and the bonus of now
    /// (`liquidationBonusWad`). Either up to `seizedShares` or up to `repaidShares` of debt (exactly one is not zero);
    /// never more than is there. Flags the position if nobody did and it stays unhealthy.
    function liquidate(
        MarketParams memory params,
        address borrower,
        uint256 seizedShares,
        uint256 repaidShares,
        bytes calldata data
    ) external nonReentrant returns (uint256, uint256) {
        checkInput(seizedShares, repaidShares, borrower);
        refuseCallback(data);
        (Id id, Ledger memory ledger, Position storage held, Loan memory loan) = _open(params, borrower);
        uint256 price = loan.checkUnhealthy(ledger, params, id, borrower);

        uint256 heldShares = loan.collateralShares;
        uint256 paidPrice = mulDivUp(price, WAD, incentiveWad(params.lltv, loan.flaggedSec()));
        Liquidation memory result = loan.liquidate(ledger, paidPrice, seizedShares, repaidShares);
        if (ledger.paysIncome()) _moveIncome(params, id, borrower, heldShares, loan.collateralShares);
        loan.keepFlag(ledger, params, id, borrower, price);
        _store(id, ledger, held, loan);
        result.tell(id, borrower);

        IERC20(params.loanToken).pullExact(msg.sender, result.repaidAssets);
        IERC20(params.collateralToken).safeTransfer(msg.sender, result.seizedShares);
        return (result.seizedShares, result.repaidAssets);
    }

    // Interest

    /// @notice Adds the interest since the last accrual to a market's totals. Anyone may, at any time.
    function accrueInterest(MarketParams memory params) external nonReentrant {
        Id id = params.toId();
        _ledgers[id].store(_accrue(params, id));
    }

    // Authorizations

    /// @notice Lets `authorized` withdraw, borrow, take collateral and income out for the caller, or no longer.
    function setAuthorization(address authorized, bool newIsAuthorized) external {
        require(isAuthorized[msg.sender][authorized] != newIsAuthorized, Market_AlreadySet());
        isAuthorized[msg.sender][authorized] = newIsAuthorized;
        emit SetAuthorization(msg.sender, msg.sender, authorized, newIsAuthorized);
    }

    /// @notice The same by an EIP-712 signature of an externally owned account, which anyone may bring. When somebody
    /// brought it already, the authorization stands and this reverts with `Market_WrongNonce`.
    function setAuthorizationWithSig(Authorization calldata authorization, Signature calldata signature) external {
        address authorizer = authorization.authorizer;
        uint256 usedNonce = nonce[authorizer];
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(AUTHORIZATION_TYPEHASH, authorization)));
        authorization.checkSigned(signature, digest, usedNonce);

        nonce[authorizer] = usedNonce + 1;
        isAuthorized[authorizer][authorization.authorized] = authorization.isAuthorized;
        emit IncrementNonce(msg.sender, authorizer, usedNonce);
        emit SetAuthorization(msg.sender, authorizer, authorization.authorized, authorization.isAuthorized);
    }

    // Views

    /// @notice A market's totals as of its last accrual; `lastUpdateAt` is 0 where there is no market.
    function market(Id id) external view returns (Market memory) {
        return _ledgers[id].load().totals();
    }

    /// @notice Has the guardian stopped new borrowing in a market?
    function isBorrowingPaused(Id id) external view returns (bool) {
        return _ledgers[id].load().isBorrowingPaused();
    }

    /// @notice What an account has in a market.
    function position(
        Id id,
        address account
    ) external view returns (uint256 supplyShares, uint128 borrowShares, uint128 collateralShares) {
        Position storage held = _positions[id][account];
        Loan memory loan = held.load();
        return (held.supplyShares, loan.borrowShares, loan.collateralShares);
    }

    /// @notice When a borrower's position was flagged; 0 for one without a flag, or with one that is void by now.
    function flaggedAt(Id id, address borrower) external view returns (uint256) {
        Loan memory loan = _positions[id][borrower].load();
        return loan.isFlagged() ? loan.flaggedAt : 0;
    }

    /// @notice What a liquidator would get now beyond what it repays, were the position unhealthy: part of that.
    function liquidationBonusWad(MarketParams memory params, address borrower) external view returns (uint256) {
        Loan memory loan = _positions[params.toId()][borrower].load();
        return incentiveWad(params.lltv, loan.flaggedSec()) - WAD;
    }

    /// @notice What a position's collateral has earned and not taken out.
    function claimableIncome(MarketParams memory params, address account) external view returns (uint256 assets) {
        (Id id, address token) = (params.toId(), params.collateralToken);
        return
            _books[token].owedAssets(
                _entitlements[id][account],
                token,
                _positions[id][account].load().collateralShares
            );
    }

    /// @notice What is booked for a collateral token over all markets.
    function incomeBook(address collateralToken) external view returns (CollateralIncome.Book memory) {
        return _books[collateralToken];
    }

    // Checks

    function _checkAuthorized(address onBehalf) private view {
        require(_isAuthorized(onBehalf), Market_NotAuthorized(onBehalf, msg.sender));
    }

    function _isAuthorized(address onBehalf) private view returns (bool) {
        return msg.sender == onBehalf || isAuthorized[onBehalf][msg.sender];
    }

    /// @dev Posted shares are in nobody's wallet: where any of the owner's are frozen, they go back to it first.
    function _maySend(MarketParams memory params, address account) private view returns (bool) {
        ICollateralIncome share = _share(params);
        return share.canSend(account) && share.getFrozenTokens(account) == 0;
    }

    function _share(MarketParams memory params) private pure returns (ICollateralIncome) {
        return ICollateralIncome(params.collateralToken);
    }

    // Ledgers and loans

    /// @dev What a verb on a loan starts from: totals with the interest until now, and the loan.
    function _open(
        MarketParams memory params,
        address account
    ) private returns (Id id, Ledger memory ledger, Position storage held, Loan memory loan) {
        id = params.toId();
        ledger = _accrue(params, id);
        held = _positions[id][account];
        loan = held.load();
    }

    function _store(Id id, Ledger memory ledger, Position storage held, Loan memory loan) private {
        held.store(loan);
        _ledgers[id].store(ledger);
    }

    /// @dev A market's totals with the interest until now. The caller stores them.
    function _accrue(MarketParams memory params, Id id) private returns (Ledger memory ledger) {
        ledger = _ledgers[id].load();
        require(ledger.lastUpdateAt != 0, Market_Unknown(id));
        uint256 elapsedSec = block.timestamp - ledger.lastUpdateAt;
        if (elapsedSec == 0) return ledger;
        uint256 ratePerSecondWad = IRateModel(params.irm).borrowRate(params, ledger.totals());
        ratePerSecondWad = Math.min(ratePerSecondWad, MAX_RATE_PER_SECOND_WAD);
        (uint256 interestAssets, uint256 feeShares) = ledger.accrue(ratePerSecondWad, elapsedSec);
        if (feeShares > 0) _positions[id][feeRecipient].supplyShares += feeShares;
        ledger.lastUpdateAt = uint40(block.timestamp);
        emit AccrueInterest(id, ratePerSecondWad, interestAssets, feeShares);
    }

    // Income

    /// @dev Credits a position for the collateral it had before it changes.
    function _moveIncome(
        MarketParams memory params,
        Id id,
        address account,
        uint256 fromShares,
        uint256 toShares
    ) private {
        address token = params.collateralToken;
        _books[token].move(_entitlements[id][account], token, fromShares, toShares);
    }
}
