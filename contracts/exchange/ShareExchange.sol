// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IERC7943Fungible} from "../compliance/IERC7943Fungible.sol";
import {Settlement} from "../settlement.sol";
import {BPS, mulDivDown, mulDivUp} from "../units.sol";
import {IValuation} from "../valuation/IValuation.sol";
import {IShareExchange, Order} from "./IShareExchange.sol";

/// @title Shares of a class against a settlement token, from holder to holder, by signed orders.
///
/// Custody
/// - The exchange holds nothing: shares and money go from one account to the other in one call, or that call reverts.
///   It moves a maker's tokens by an order that the maker signed, and a taker's in the taker's own call; nobody else's.
/// - A class token sees who gives and who receives, so its gate decides as in any transfer. Each receiver's balance
///   must grow by exactly what it is due: a token that delivers another amount is refused.
///
/// Money (docs/capital.md §4)
/// - Price and accrued interest of a fill are its part of what was signed: up for a sell order, down for a buy order.
///   So in pieces a maker never gets less, or pays more, than by one fill, and no taker gains by pieces.
/// - A buyer pays at most `assets` + `maxAccruedAssets` of its order, whatever a token or a facility says: accrued
///   interest is asked of the valuation only where the order allows some, and counts only up to there.
/// - The fee comes off the seller's price, rounded down: at most 100 bps, at most the limit of each order in the fill;
///   where the token refuses its recipient the seller has it.
///
/// Liveness
/// - An order is filled while `statusOf` calls it Open. A wallet's signature (ERC-1271) is asked for at every fill, so
///   it may turn false. Nothing stops a cancellation.
/// - Calls from tokens and wallets in the middle of a fill can fill nothing else; what is filled is counted before they
///   come. In `settleMany` each match has an equal part of the gas left, so none can use up another's.
///
/// Roles
/// - The AccessManager's role sets the fee and who gets it. It can stop no fill and move no money.
contract ShareExchange is IShareExchange, AccessManaged, EIP712, ReentrancyGuardTransient {
    using SafeCast for uint256;
    using Settlement for IERC20;

    /// A sell order and a buy order that cross.
    struct Match {
        Order sell;
        bytes sellSignature;
        Order buy;
        bytes buySignature;
        uint256 fillShares;
    }

    /// ERC-2612, by the caller for the exchange; `vs` as in ERC-2098.
    struct Permit {
        uint256 valueUnits;
        uint256 deadline;
        bytes32 r;
        bytes32 vs;
    }

    /// Why an order cannot be filled: the first that fits. A fill refuses by those up to BadSignature; the rest the
    /// tokens and the valuation refuse themselves.
    enum Status {
        Open, // nothing below
        Expired, // its last second is over
        OtherTaker, // it is for another taker
        FeeAboveLimit, // the fee is more than it allows
        NonceVoid, // its maker voided its nonce
        Cancelled, // its maker cancelled it
        Filled, // all of it was filled
        BadSignature, // its maker did not sign it, or no longer stands by it
        NoClass, // it is not flat, and the valuation knows no interest of its token
        MakerShort, // its maker lacks the tokens, or did not approve them
        MayNotTransfer // the class token's gate refuses the seller or the buyer
    }

    struct Filling {
        uint248 filledShares;
        bool isCancelled;
    }

    /// What moves, from whom to whom.
    struct Trade {
        address seller;
        address sharesTo;
        address buyer;
        address assetsTo;
        uint256 shares;
        uint256 priceAssets;
        uint256 accruedAssets;
        uint256 feeAssets;
    }

    bytes32 public constant ORDER_TYPEHASH = keccak256(
        "Order(address maker,address taker,address shareToken,address asset,bool isSell,uint256 shares,uint256 assets,"
        "uint256 maxAccruedAssets,uint16 maxFeeBps,uint64 expiresAt,uint256 nonce,bytes32 salt)"
    );
    uint256 public constant MAX_FEE_BPS = 100;
    // Of a refused match, so that its answer costs no other match's gas: more than any error of the project.
    uint256 private constant MAX_REASON_BYTES = 256;

    /// @notice Who says what interest accrued to shares.
    IValuation public immutable valuation;

    /// @notice The fee of each fill, of its price.
    uint16 public feeBps;
    /// @notice Who gets the fees.
    address public feeRecipient;
    /// @notice Orders of a maker with a nonce below this are void.
    mapping(address maker => uint256) public minNonce;
    mapping(bytes32 orderHash => Filling) private _fillings;

    event FeeSet(uint256 feeBps);
    event FeeRecipientSet(address indexed feeRecipient);
    event Cancelled(bytes32 indexed orderHash, address indexed maker);
    event CancelledBelow(address indexed maker, uint256 nonce);
    /// Of an order by a taker; of two orders that were matched each is the other's. `filledShares` is all until now.
    event Filled(
        bytes32 indexed orderHash,
        address indexed maker,
        address indexed taker,
        uint256 fillShares,
        uint256 filledShares
    );
    /// The buyer paid price and accrued interest, the fee out of it.
    event Traded(
        address indexed shareToken,
        address indexed seller,
        address indexed buyer,
        address asset,
        uint256 shares,
        uint256 priceAssets,
        uint256 accruedAssets,
        uint256 feeAssets
    );
    /// `reason` is the error, its first 256 bytes; empty where the gas was used up.
    event MatchSkipped(uint256 indexed matchIndex, bytes32 indexed sellHash, bytes32 indexed buyHash, bytes reason);

    error ShareExchange_FeeTooHigh(uint256 feeBps, uint256 maxFeeBps);
    error ShareExchange_BadReceiver(address account);
    error ShareExchange_NotMaker(address caller, address maker);
    error ShareExchange_NonceNotAbove(address maker, uint256 nonce, uint256 minNonce);
    error ShareExchange_NotFillable(bytes32 orderHash, Status status);
    error ShareExchange_WrongShares(bytes32 orderHash, uint256 fillShares, uint256 openShares);
    error ShareExchange_OverLimit(uint256 assets, uint256 limitAssets);
    error ShareExchange_UnderLimit(uint256 assets, uint256 limitAssets);
    error ShareExchange_NotAPair(address sellMaker, address buyMaker);
    error ShareExchange_NotCrossing(uint256 askedAssets, uint256 offeredAssets);
    error ShareExchange_SameAccount(address account);
    /// One more match than may be skipped was refused, and why.
    error ShareExchange_MatchRefused(uint256 matchIndex, bytes reason);

    /// @param authority the AccessManager that says who may set the fee
    constructor(
        address authority,
        IValuation valuation_,
        address feeRecipient_
    ) AccessManaged(authority) EIP712("Rackbond Exchange", "1") {
        valuation = valuation_;
        _setFeeRecipient(feeRecipient_);
    }

    // Administration

    /// @notice Sets the fee of fills from now on.
    function setFee(uint16 feeBps_) external restricted {
        require(feeBps_ <= MAX_FEE_BPS, ShareExchange_FeeTooHigh(feeBps_, MAX_FEE_BPS));
        feeBps = feeBps_;
        emit FeeSet(feeBps_);
    }

    /// @notice Sets who gets the fees from now on.
    function setFeeRecipient(address feeRecipient_) external restricted {
        _setFeeRecipient(feeRecipient_);
    }

    // Taking

    /// @inheritdoc IShareExchange
    function fill(
        Order calldata order,
        bytes calldata signature,
        uint256 fillShares,
        uint256 limitAssets,
        address receiver
    ) external nonReentrant returns (uint256 assets) {
        return _fill(order, signature, fillShares, limitAssets, receiver);
    }

    /// @notice `fill` with the caller's permit for the token that it gives. A permit that somebody brought before, or
    /// that fails, is passed over: then the allowance that stands decides.
    function fillWithPermit(
        Order calldata order,
        bytes calldata signature,
        uint256 fillShares,
        uint256 limitAssets,
        address receiver,
        Permit calldata permit
    ) external nonReentrant returns (uint256 assets) {
        _permit(order.isSell ? order.asset : order.shareToken, permit);
        return _fill(order, signature, fillShares, limitAssets, receiver);
    }

    // Matching

    /// @notice Fills a sell order and a buy order of the same token by each other; anyone may. The buyer pays what the
    /// sell order asks, if that is in all no more than its own order would pay.
    /// @return assets what the buyer paid, price and accrued interest
    function settle(
        Order calldata sell,
        bytes calldata sellSignature,
        Order calldata buy,
        bytes calldata buySignature,
        uint256 fillShares
    ) external nonReentrant returns (uint256 assets) {
        require(
            sell.isSell && !buy.isSell && sell.shareToken == buy.shareToken && sell.asset == buy.asset,
            ShareExchange_NotAPair(sell.maker, buy.maker)
        );
        _take(sell, sellSignature, fillShares, buy.maker);
        _take(buy, buySignature, fillShares, sell.maker);

        Trade memory trade = _tradeOf(sell, fillShares);
        (trade.seller, trade.sharesTo) = (sell.maker, buy.maker);
        (trade.buyer, trade.assetsTo) = (buy.maker, sell.maker);
        assets = trade.priceAssets + trade.accruedAssets;
        Trade memory offer = _tradeOf(buy, fillShares);
        uint256 offeredAssets = offer.priceAssets + offer.accruedAssets;
        require(assets <= offeredAssets, ShareExchange_NotCrossing(assets, offeredAssets));
        _exchange(sell, trade);
    }

    /// @notice Settles matches one after the other. Each is settled whole or not at all; one that is refused is skipped
    /// and told by `MatchSkipped`, up to `maxSkippedCount` of them: with 0, all are settled or none.
    /// @return settledCount how many were settled
    function settleMany(Match[] calldata matches, uint256 maxSkippedCount) external returns (uint256 settledCount) {
        uint256 count = matches.length;
        for (uint256 i = 0; i < count; ++i) {
            Match calldata pair = matches[i];
            try
                this.settle{gas: gasleft() / (count - i)}(
                    pair.sell,
                    pair.sellSignature,
                    pair.buy,
                    pair.buySignature,
                    pair.fillShares
                )
            returns (uint256) {
                ++settledCount;
            } catch {
                bytes memory reason = _reason();
                require(i - settledCount < maxSkippedCount, ShareExchange_MatchRefused(i, reason));
                emit MatchSkipped(i, hashOf(pair.sell), hashOf(pair.buy), reason);
            }
        }
    }

    // Cancelling

    /// @notice Voids an order of the caller's, signed or not, what is filled of it apart.
    function cancel(Order calldata order) external {
        require(msg.sender == order.maker, ShareExchange_NotMaker(msg.sender, order.maker));
        bytes32 orderHash = hashOf(order);
        _fillings[orderHash].isCancelled = true;
        emit Cancelled(orderHash, msg.sender);
    }

    /// @notice Voids all orders of the caller's with a nonce below `nonce`.
    function cancelBelow(uint256 nonce) external {
        uint256 usedNonce = minNonce[msg.sender];
        require(nonce > usedNonce, ShareExchange_NonceNotAbove(msg.sender, nonce, usedNonce));
        minNonce[msg.sender] = nonce;
        emit CancelledBelow(msg.sender, nonce);
    }

    // Views

    /// @inheritdoc IShareExchange
    function quote(
        Order calldata order,
        uint256 fillShares
    ) external view returns (uint256 priceAssets, uint256 accruedAssets, uint256 feeAssets) {
        Trade memory trade = _tradeOf(order, fillShares);
        return (trade.priceAssets, trade.accruedAssets, trade.feeAssets);
    }

    /// @notice What a maker signs, and what an order is known by: its EIP-712 digest.
    function hashOf(Order calldata order) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ORDER_TYPEHASH, order)));
    }

    /// @notice How much of an order was filled.
    function filledShares(bytes32 orderHash) external view returns (uint256) {
        return _fillings[orderHash].filledShares;
    }

    /// @notice Whether an order was cancelled by itself.
    function isCancelled(bytes32 orderHash) external view returns (bool) {
        return _fillings[orderHash].isCancelled;
    }

    /// @notice Whether `taker` (0: leave that open) could fill an order now as far as its maker and the gate go, if not
    /// why, and how many shares of it at most.
    function statusOf(
        Order calldata order,
        bytes calldata signature,
        address taker
    ) external view returns (Status status, uint256 fillableShares) {
        bytes32 orderHash = hashOf(order);
        status = _statusOf(order, orderHash, signature, taker == address(0) ? order.taker : taker);
        if (status != Status.Open) return (status, 0);
        uint256 wholeAssets = order.assets;
        if (order.maxAccruedAssets != 0) {
            try valuation.accruedAssets(order.shareToken, order.shares) returns (uint256 accrued) {
                wholeAssets = Math.saturatingAdd(wholeAssets, Math.min(accrued, order.maxAccruedAssets));
            } catch {
                return (Status.NoClass, 0);
            }
        }
        fillableShares = order.shares - _fillings[orderHash].filledShares;
        uint256 available = _available(order.isSell ? order.shareToken : order.asset, order.maker);
        if (order.isSell) fillableShares = Math.min(fillableShares, available);
        else if (available < wholeAssets)
            fillableShares = Math.min(fillableShares, mulDivDown(available, order.shares, wholeAssets));
        if (fillableShares == 0) return (Status.MakerShort, 0);
        if (taker != address(0) && !_mayTransfer(order, taker, fillableShares)) return (Status.MayNotTransfer, 0);
    }

    // Internal

    function _setFeeRecipient(address feeRecipient_) private {
        _checkReceiver(feeRecipient_);
        feeRecipient = feeRecipient_;
        emit FeeRecipientSet(feeRecipient_);
    }

    function _fill(
        Order calldata order,
        bytes calldata signature,
        uint256 fillShares,
        uint256 limitAssets,
        address receiver
    ) private returns (uint256 assets) {
        _checkReceiver(receiver);
        _take(order, signature, fillShares, msg.sender);

        Trade memory trade = _tradeOf(order, fillShares);
        assets = trade.priceAssets + trade.accruedAssets;
        if (order.isSell) {
            require(assets <= limitAssets, ShareExchange_OverLimit(assets, limitAssets));
            (trade.seller, trade.sharesTo) = (order.maker, receiver);
            (trade.buyer, trade.assetsTo) = (msg.sender, order.maker);
        } else {
            (trade.seller, trade.sharesTo) = (msg.sender, order.maker);
            (trade.buyer, trade.assetsTo) = (order.maker, receiver);
        }
        uint256 sellerAssets = _exchange(order, trade);
        if (order.isSell) return assets;
        require(sellerAssets >= limitAssets, ShareExchange_UnderLimit(sellerAssets, limitAssets));
        return sellerAssets;
    }

    /// @dev Checks an order and counts what is filled of it.
    function _take(Order calldata order, bytes calldata signature, uint256 fillShares, address taker) private {
        bytes32 orderHash = hashOf(order);
        Status status = _statusOf(order, orderHash, signature, taker);
        require(status == Status.Open, ShareExchange_NotFillable(orderHash, status));
        uint256 filled = _fillings[orderHash].filledShares;
        uint256 openShares = order.shares - filled;
        require(
            fillShares != 0 && fillShares <= openShares,
            ShareExchange_WrongShares(orderHash, fillShares, openShares)
        );
        _fillings[orderHash].filledShares = (filled + fillShares).toUint248();
        emit Filled(orderHash, order.maker, taker, fillShares, filled + fillShares);
    }

    function _statusOf(
        Order calldata order,
        bytes32 orderHash,
        bytes calldata signature,
        address taker
    ) private view returns (Status) {
        if (block.timestamp > order.expiresAt) return Status.Expired;
        if (order.taker != address(0) && order.taker != taker) return Status.OtherTaker;
        if (feeBps > order.maxFeeBps) return Status.FeeAboveLimit;
        if (order.nonce < minNonce[order.maker]) return Status.NonceVoid;
        Filling memory filling = _fillings[orderHash];
        if (filling.isCancelled) return Status.Cancelled;
        if (filling.filledShares >= order.shares) return Status.Filled;
        if (!SignatureChecker.isValidSignatureNowCalldata(order.maker, orderHash, signature))
            return Status.BadSignature;
        return Status.Open;
    }

    /// @dev What a fill costs; the accounts are the caller's to say.
    function _tradeOf(Order calldata order, uint256 fillShares) private view returns (Trade memory trade) {
        trade.shares = fillShares;
        trade.priceAssets = _partOf(order, order.assets, fillShares);
        if (order.maxAccruedAssets != 0) {
            uint256 accrued = valuation.accruedAssets(order.shareToken, order.shares);
            trade.accruedAssets = _partOf(order, Math.min(accrued, order.maxAccruedAssets), fillShares);
        }
        trade.feeAssets = mulDivDown(trade.priceAssets, feeBps, BPS);
    }

    /// @dev The part that a fill has of a sum for the whole order, in favour of the maker.
    function _partOf(Order calldata order, uint256 wholeAssets, uint256 fillShares) private pure returns (uint256) {
        return
            order.isSell
                ? mulDivUp(wholeAssets, fillShares, order.shares)
                : mulDivDown(wholeAssets, fillShares, order.shares);
    }

    /// @dev Both legs, and the fee out of the price where its recipient can be paid.
    /// @return sellerAssets what the seller's side got
    function _exchange(Order calldata order, Trade memory trade) private returns (uint256 sellerAssets) {
        require(trade.seller != trade.sharesTo, ShareExchange_SameAccount(trade.seller));
        require(trade.buyer != trade.assetsTo, ShareExchange_SameAccount(trade.buyer));
        IERC20 asset = IERC20(order.asset);
        trade.feeAssets = _takeFee(asset, trade.buyer, trade.feeAssets);
        emit Traded(
            order.shareToken,
            trade.seller,
            trade.buyer,
            order.asset,
            trade.shares,
            trade.priceAssets,
            trade.accruedAssets,
            trade.feeAssets
        );
        sellerAssets = trade.priceAssets + trade.accruedAssets - trade.feeAssets;
        // Some tokens refuse to move nothing.
        if (sellerAssets != 0) asset.moveExact(trade.buyer, trade.assetsTo, sellerAssets);
        IERC20(order.shareToken).moveExact(trade.seller, trade.sharesTo, trade.shares);
    }

    /// @dev A recipient that the token refuses has no fee, and stops no trade.
    /// @return what was taken
    function _takeFee(IERC20 asset, address buyer, uint256 feeAssets) private returns (uint256) {
        address feeTo = feeRecipient;
        if (feeAssets == 0 || feeTo == buyer) return feeAssets;
        return asset.tryMoveExact(buyer, feeTo, feeAssets) ? feeAssets : 0;
    }

    function _permit(address token, Permit calldata permit) private {
        bytes32 s = permit.vs & bytes32(uint256(type(int256).max));
        uint8 v = uint8(uint256(permit.vs) >> 255) + 27;
        LowLevelCall.callNoReturn(
            token,
            abi.encodeCall(
                IERC20Permit.permit,
                (msg.sender, address(this), permit.valueUnits, permit.deadline, v, permit.r, s)
            )
        );
    }

    function _checkReceiver(address account) private view {
        require(account != address(0) && account != address(this), ShareExchange_BadReceiver(account));
    }

    /// @dev What an account has and lets the exchange move.
    function _available(address token, address account) private view returns (uint256) {
        return Math.min(IERC20(token).balanceOf(account), IERC20(token).allowance(account, address(this)));
    }

    /// @dev Whether the gate lets shares move; a token without one does.
    function _mayTransfer(Order calldata order, address taker, uint256 shares) private view returns (bool) {
        (address from, address to) = order.isSell ? (order.maker, taker) : (taker, order.maker);
        if (!order.isSell) shares = Math.min(shares, IERC20(order.shareToken).balanceOf(taker));
        try IERC7943Fungible(order.shareToken).canTransfer(from, to, shares) returns (bool may) {
            return may;
        } catch {
            return true;
        }
    }

    /// @dev What the last call reverted with, its first bytes.
    function _reason() private pure returns (bytes memory reason) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let size := returndatasize()
            if gt(size, MAX_REASON_BYTES) {
                size := MAX_REASON_BYTES
            }
            reason := mload(0x40)
            mstore(reason, size)
            returndatacopy(add(reason, 32), 0, size)
            mstore(0x40, add(add(reason, 32), and(add(size, 31), not(31))))
        }
    }
}
