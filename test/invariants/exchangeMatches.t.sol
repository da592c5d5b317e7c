// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {Order} from "../../contracts/exchange/IShareExchange.sol";
import {ShareExchange} from "../../contracts/exchange/ShareExchange.sol";
import {MockToken} from "../../contracts/mocks/MockToken.sol";
import {MockValuation} from "../../contracts/mocks/MockValuation.sol";
import {vm} from "./Vm.sol";

/// @title Many matches and many pieces in one call.
contract ExchangeMatches {
    uint256 private constant SELLER_KEY = 1;
    uint256 private constant BUYER_KEY = 2;

    ShareExchange private _exchange;
    MockValuation private _valuation;
    MockToken private _share;
    MockToken private _coin;
    address private _seller;
    address private _buyer;

    function setUp() external {
        _valuation = new MockValuation();
        _exchange = new ShareExchange(address(new AccessManager(address(this))), _valuation, address(0xFEE5));
        (_share, _coin) = (new MockToken(6), new MockToken(6));
        (_seller, _buyer) = (vm.addr(SELLER_KEY), vm.addr(BUYER_KEY));
        address[2] memory accounts = [_seller, _buyer];
        for (uint256 i; i < 2; ++i) {
            _share.mint(accounts[i], 1e15);
            _coin.mint(accounts[i], 1e15);
            vm.prank(accounts[i]);
            _share.approve(address(_exchange), type(uint256).max);
            vm.prank(accounts[i]);
            _coin.approve(address(_exchange), type(uint256).max);
        }
        _exchange.setFee(25);
        _valuation.setAccrued(address(_share), 0.003e18);
    }

    /// @dev The caller chooses how many; each costs the same, the last of a thousand as the first.
    function test_M23_aThousandMatchesCostTheSameEach() external {
        uint256 tenGas = _settle(10, 0) / 10;
        uint256 thousandGas = _settle(1000, 10) / 1000;
        require(thousandGas < tenGas, "a thousand cost more each");
        require(_coin.balanceOf(address(_exchange)) == 0 && _share.balanceOf(address(_exchange)) == 0, "holds");
    }

    /// @dev One that uses up all its gas leaves the others theirs.
    function test_M23_aMatchThatBurnsItsGasStopsNoOther() external {
        ShareExchange.Match[] memory matches = _matches(8, 0);
        GasBurner burner = new GasBurner();
        (matches[0].sell.shareToken, matches[0].buy.shareToken) = (address(burner), address(burner));
        matches[0].sellSignature = _sign(SELLER_KEY, matches[0].sell);
        matches[0].buySignature = _sign(BUYER_KEY, matches[0].buy);
        uint256 settledCount = _exchange.settleMany{gas: 8 * 400_000}(matches, 1);
        require(settledCount == 7, "the others were not settled");
    }

    /// @dev M28, M03: a thousand fills of a few units, then all of it sold back in pieces: the taker has no more, nor
    /// does it escape the interest. Nobody's order is worth less to its maker.
    function test_M28_aThousandDustFillsGainNothing() external {
        _exchange.setFee(0);
        address taker = address(this);
        _coin.mint(taker, 1e12);
        _coin.approve(address(_exchange), type(uint256).max);
        _share.approve(address(_exchange), type(uint256).max);
        Order memory sell = _order(_seller, true, 3001, 2998);
        Order memory buy = _order(_buyer, false, 3001, 2998);
        (bytes memory sellSignature, bytes memory buySignature) = (_sign(SELLER_KEY, sell), _sign(BUYER_KEY, buy));
        uint256 dueAssets = 2998 + 9; // 9.003 of interest
        uint256 hadAssets = _coin.balanceOf(taker);
        for (uint256 i; i < 1000; ++i) _exchange.fill(sell, sellSignature, 3, type(uint256).max, taker);
        uint256 paidAssets = hadAssets - _coin.balanceOf(taker);
        require(paidAssets * 3001 >= dueAssets * 3000, "the taker paid less than by one fill");
        for (uint256 i; i < 1000; ++i) _exchange.fill(buy, buySignature, 3, 0, taker);
        require(_coin.balanceOf(taker) <= hadAssets, "a round trip paid");
        require(_share.balanceOf(taker) == 0, "shares are left");
    }

    function _settle(uint256 count, uint256 salt) private returns (uint256 gasUsed) {
        // Encoded before, and not copied again: this contract's memory is not what is measured.
        bytes memory call = abi.encodeCall(_exchange.settleMany, (_matches(count, salt), 0));
        gasUsed = gasleft();
        (bool isDone, bytes32 settledCount, ) = LowLevelCall.callReturn64Bytes(address(_exchange), call);
        gasUsed -= gasleft();
        require(isDone && uint256(settledCount) == count, "not all were settled");
    }

    function _matches(uint256 count, uint256 salt) private view returns (ShareExchange.Match[] memory matches) {
        matches = new ShareExchange.Match[](count);
        for (uint256 i; i < count; ++i) {
            Order memory sell = _order(_seller, true, 1e6, 0.98e6);
            Order memory buy = _order(_buyer, false, 1e6, 0.99e6);
            (sell.salt, buy.salt) = (bytes32(salt + i + 1), bytes32(salt + i + 1));
            matches[i] = ShareExchange.Match(sell, _sign(SELLER_KEY, sell), buy, _sign(BUYER_KEY, buy), 1e6);
        }
    }

    function _order(address maker, bool isSell, uint256 shares, uint256 assets) private view returns (Order memory) {
        return
            Order({
                maker: maker,
                taker: address(0),
                shareToken: address(_share),
                asset: address(_coin),
                isSell: isSell,
                shares: shares,
                assets: assets,
                maxAccruedAssets: shares,
                maxFeeBps: 100,
                expiresAt: type(uint64).max,
                nonce: 0,
                salt: 0
            });
    }

    function _sign(uint256 key, Order memory order) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, _exchange.hashOf(order));
        return abi.encodePacked(r, s, v);
    }
}

/// @title A share token that uses up whatever gas it is given.
contract GasBurner {
    fallback() external {
        for (uint256 i; ; ++i) {}
    }
}
