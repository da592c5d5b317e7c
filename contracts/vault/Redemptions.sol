// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {mulDivDown, mulDivUp, RAY} from "../units.sol";

/// @title Redemptions wait in batches: equal parts within one, one after the other.
///
/// - At most two batches live: the oldest that is not filled and, once something of that was filled, the next, which
///   takes new requests. Their ids are the request ids, from 1.
/// - A batch counts two figures per requested share, which only grow: the part of it that was filled, and the assets
///   it was filled with. A request is its shares times these; a cancelled one leaves with what it has and changes
///   neither.
/// - What waits is rounded down, what was filled is the rest, the assets are rounded down: all together take no more
///   shares or assets than the batch holds. What rounding leaves of the shares is burnt with the last fill.
/// - An account has requests in at most 8 batches that it has not claimed; only itself and those it approved can make
///   any, so nobody fills them for it.
library Redemptions {
    using SafeCast for uint256;

    struct Batch {
        uint128 requestedShares; // of requests that were not cancelled
        uint128 heldShares; // of them, what waits
        uint128 filledRay; // the part of each requested share that was filled
        uint64 openedAt; // its first request
        uint256 perShareRay; // assets of each requested share
    }

    /// Of one account in one batch.
    struct Request {
        uint128 shares; // requested and not cancelled
        uint128 cancelledShares; // to be taken back
        uint128 takenShares; // of what was filled
        uint128 takenAssets;
        uint128 owedShares; // filled before the rest was cancelled, and not taken
        uint128 owedAssets;
    }

    struct Queue {
        uint256 oldestId;
        uint256 pendingShares; // that wait, in both batches
        mapping(uint256 requestId => Batch) batches;
        mapping(uint256 requestId => mapping(address controller => Request)) requests;
        mapping(address controller => uint256[]) requestIds; // that are not over, rising
    }

    uint256 private constant MAX_REQUESTS = 8;
    // How long a batch takes requests before it is filled.
    uint256 private constant OPEN_SEC = 1 hours;

    error Vault_TooManyRequests(address controller, uint256 requestCount);
    error Vault_NothingPending(uint256 requestId, address controller);
    error Vault_NothingCancelled(uint256 requestId, address controller);
    error Vault_NotEnoughShares(address controller, uint256 missingShares);
    error Vault_NotEnoughAssets(address controller, uint256 missingAssets);
    error Vault_NothingRequested(uint256 requestId);
    error Vault_BatchOpen(uint256 requestId, uint256 fillableAt);
    error Vault_NotEnoughCash(uint256 requestId, uint256 cashAssets);

    // Verbs

    function request(Queue storage queue, address controller, uint256 shares) internal returns (uint256 requestId) {
        requestId = openId(queue);
        Batch storage batch = queue.batches[requestId];
        if (batch.requestedShares == 0) batch.openedAt = uint64(block.timestamp);
        batch.requestedShares += shares.toUint128();
        batch.heldShares += shares.toUint128();
        queue.pendingShares += shares;

        queue.requests[requestId][controller].shares += shares.toUint128();
        uint256[] storage requestIds = queue.requestIds[controller];
        uint256 count = requestIds.length;
        if (count > 0 && requestIds[count - 1] == requestId) return requestId;
        require(count < MAX_REQUESTS, Vault_TooManyRequests(controller, count));
        requestIds.push(requestId);
    }

    /// @dev Takes what waits of a request out of its batch; `dustShares` are nobody's any more.
    function cancel(Queue storage queue, uint256 requestId, address controller) internal returns (uint256 dustShares) {
        Batch storage batch = queue.batches[requestId];
        Request storage own = queue.requests[requestId][controller];
        uint256 shares = pendingOf(queue, requestId, controller);
        require(shares > 0, Vault_NothingPending(requestId, controller));
        (uint256 owedShares, uint256 owedAssets) = claimableOf(queue, requestId, controller);
        batch.requestedShares -= own.shares;
        batch.heldShares -= uint128(shares);
        queue.pendingShares -= shares;
        own.cancelledShares += uint128(shares);
        (own.owedShares, own.owedAssets) = (uint128(owedShares), uint128(owedAssets));
        (own.shares, own.takenShares, own.takenAssets) = (0, 0, 0);
        if (batch.requestedShares == 0 && batch.filledRay > 0) dustShares = _end(queue, batch);
    }

    /// @dev Gives the shares of a cancelled request back.
    function takeCancelled(
        Queue storage queue,
        uint256 requestId,
        address controller
    ) internal returns (uint256 shares) {
        Request storage own = queue.requests[requestId][controller];
        shares = own.cancelledShares;
        require(shares > 0, Vault_NothingCancelled(requestId, controller));
        own.cancelledShares = 0;
        _forget(queue, controller);
    }

    /// @dev Fills the oldest batch, as far as the cash goes, at `priceAssets` for `priceShares`.
    /// @return requestId the batch
    /// @return burntShares that were filled
    /// @return assets what they are worth, rounded down
    function fill(
        Queue storage queue,
        uint256 cashAssets,
        uint256 priceAssets,
        uint256 priceShares
    ) internal returns (uint256 requestId, uint256 burntShares, uint256 assets) {
        requestId = queue.oldestId + 1;
        Batch storage batch = queue.batches[requestId];
        uint256 requestedShares = batch.requestedShares;
        require(requestedShares > 0, Vault_NothingRequested(requestId));
        uint256 fillableAt = batch.openedAt + OPEN_SEC;
        require(block.timestamp >= fillableAt, Vault_BatchOpen(requestId, fillableAt));

        uint256 filledRay = RAY - batch.filledRay;
        assets = mulDivDown(batch.heldShares, priceAssets, priceShares);
        if (assets > cashAssets) {
            uint256 shares = mulDivDown(cashAssets, priceShares, priceAssets);
            filledRay = Math.min(filledRay, mulDivDown(shares, RAY, requestedShares));
            burntShares = mulDivDown(requestedShares, filledRay, RAY);
            assets = mulDivDown(burntShares, priceAssets, priceShares);
            require(assets > 0, Vault_NotEnoughCash(requestId, cashAssets));
        }
        uint256 perShareRay = mulDivDown(assets, RAY, requestedShares);
        assets = mulDivUp(requestedShares, perShareRay, RAY);
        batch.filledRay += uint128(filledRay);
        batch.perShareRay += perShareRay;
        if (batch.filledRay == RAY) {
            burntShares = _end(queue, batch);
        } else {
            batch.heldShares -= uint128(burntShares);
            queue.pendingShares -= burntShares;
        }
    }

    /// @dev Takes filled shares, the oldest first, and what they were filled with.
    function takeShares(Queue storage queue, address controller, uint256 shares) internal returns (uint256 assets) {
        uint256[] storage requestIds = queue.requestIds[controller];
        uint256 leftShares = shares;
        for (uint256 i = 0; i < requestIds.length && leftShares > 0; ++i) {
            (uint256 hasShares, uint256 hasAssets) = claimableOf(queue, requestIds[i], controller);
            if (hasShares == 0) continue;
            uint256 tookShares = Math.min(leftShares, hasShares);
            uint256 tookAssets = mulDivDown(hasAssets, tookShares, hasShares);
            _take(queue.requests[requestIds[i]][controller], tookShares, tookAssets);
            leftShares -= tookShares;
            assets += tookAssets;
        }
        require(leftShares == 0, Vault_NotEnoughShares(controller, leftShares));
        _forget(queue, controller);
    }

    /// @dev Takes assets that shares were filled with, the oldest first.
    function takeAssets(Queue storage queue, address controller, uint256 assets) internal returns (uint256 shares) {
        uint256[] storage requestIds = queue.requestIds[controller];
        uint256 leftAssets = assets;
        for (uint256 i = 0; i < requestIds.length && leftAssets > 0; ++i) {
            (uint256 hasShares, uint256 hasAssets) = claimableOf(queue, requestIds[i], controller);
            if (hasAssets == 0) continue;
            uint256 tookAssets = Math.min(leftAssets, hasAssets);
            uint256 tookShares = mulDivUp(hasShares, tookAssets, hasAssets);
            _take(queue.requests[requestIds[i]][controller], tookShares, tookAssets);
            leftAssets -= tookAssets;
            shares += tookShares;
        }
        require(leftAssets == 0, Vault_NotEnoughAssets(controller, leftAssets));
        _forget(queue, controller);
    }

    // Views

    /// @dev The batch that takes requests.
    function openId(Queue storage queue) internal view returns (uint256) {
        uint256 requestId = queue.oldestId + 1;
        return queue.batches[requestId].filledRay == 0 ? requestId : requestId + 1;
    }

    /// @dev Shares of a request that wait.
    function pendingOf(Queue storage queue, uint256 requestId, address controller) internal view returns (uint256) {
        uint256 shares = queue.requests[requestId][controller].shares;
        return mulDivDown(shares, RAY - queue.batches[requestId].filledRay, RAY);
    }

    /// @dev What was filled of a request and not taken.
    function claimableOf(
        Queue storage queue,
        uint256 requestId,
        address controller
    ) internal view returns (uint256 shares, uint256 assets) {
        Request storage own = queue.requests[requestId][controller];
        uint256 filledShares = own.shares - pendingOf(queue, requestId, controller);
        shares = own.owedShares + filledShares - own.takenShares;
        assets = own.owedAssets + mulDivDown(own.shares, queue.batches[requestId].perShareRay, RAY) - own.takenAssets;
    }

    /// @dev The same over all requests of an account.
    function claimable(Queue storage queue, address controller) internal view returns (uint256 shares, uint256 assets) {
        uint256[] storage requestIds = queue.requestIds[controller];
        for (uint256 i = 0; i < requestIds.length; ++i) {
            (uint256 hasShares, uint256 hasAssets) = claimableOf(queue, requestIds[i], controller);
            shares += hasShares;
            assets += hasAssets;
        }
    }

    // Internal

    /// @dev Nothing of the oldest batch waits any more; `dustShares` were held for nobody.
    function _end(Queue storage queue, Batch storage batch) private returns (uint256 dustShares) {
        dustShares = batch.heldShares;
        batch.heldShares = 0;
        queue.pendingShares -= dustShares;
        ++queue.oldestId;
    }

    /// @dev Books what was taken: first what was owed from before a cancellation.
    function _take(Request storage own, uint256 shares, uint256 assets) private {
        uint256 owedShares = Math.min(shares, own.owedShares);
        uint256 owedAssets = Math.min(assets, own.owedAssets);
        own.owedShares -= uint128(owedShares);
        own.owedAssets -= uint128(owedAssets);
        own.takenShares += uint128(shares - owedShares);
        own.takenAssets += uint128(assets - owedAssets);
    }

    /// @dev Takes requests that are over off the account's list.
    function _forget(Queue storage queue, address controller) private {
        uint256[] storage requestIds = queue.requestIds[controller];
        uint256 kept;
        for (uint256 i = 0; i < requestIds.length; ++i) {
            uint256 requestId = requestIds[i];
            (uint256 shares, uint256 assets) = claimableOf(queue, requestId, controller);
            uint256 left = shares + assets + pendingOf(queue, requestId, controller);
            if (left + queue.requests[requestId][controller].cancelledShares == 0) continue;
            requestIds[kept++] = requestId;
        }
        while (requestIds.length > kept) requestIds.pop();
    }
}
