// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {AdaptiveRate} from "../../contracts/credit/AdaptiveRate.sol";
import {Id, Market, MarketParams} from "../../contracts/credit/Market.sol";
import {Markets} from "../../contracts/credit/Markets.sol";
import {MockSeams} from "../../contracts/mocks/MockSeams.sol";
import {MockShare} from "../../contracts/mocks/MockShare.sol";
import {MockToken} from "../../contracts/mocks/MockToken.sol";
import {vm} from "./Vm.sol";

/// @title A market to the unit, in one second: no interest comes in between.
contract MarketEdgesTest {
    uint256 private constant SUPPLIED = 1e13;
    uint256 private constant POSTED = 1e9;

    Markets private _markets;
    MockToken private _loan;
    MockShare private _share;
    MockSeams private _seams;
    MarketParams private _params;

    function setUp() external {
        vm.warp(1_900_000_000);
        _markets = new Markets(address(new AccessManager(address(this))));
        AdaptiveRate model = new AdaptiveRate(address(_markets));
        _loan = new MockToken(6);
        _share = new MockShare(_loan, 6);
        _seams = new MockSeams(address(_loan));
        _seams.setPrice(1e36);
        _markets.enableIrm(address(model));
        _markets.enableLltv(0.8e18);
        _params = MarketParams(address(_loan), address(_share), address(_seams), address(model), 0.8e18);
        _markets.createMarket(_params);
        _loan.mint(address(this), 2 * SUPPLIED);
        _share.mint(address(this), 2 * POSTED);
        _loan.approve(address(_markets), type(uint256).max);
        _share.approve(address(_markets), type(uint256).max);
        _markets.supply(_params, SUPPLIED, 0, address(this), "");
        _markets.supplyCollateral(_params, POSTED, address(this), "");
    }

    /// @dev Owes all it may at the price: healthy. At a price one unit of its scale lower that still allows as much:
    /// healthy. One unit less allowed: flagged and liquidated.
    function testFuzz_M19_atTheThresholdAPositionIsHealthyAndOneUnitBelowItIsNot(uint32 owed) external {
        uint256 owedAssets = 1e6 + (owed % 799e6);
        _markets.borrow(_params, owedAssets, 0, address(this), address(this));
        // The least price at which 1e9 shares at 80 % allow for what is owed.
        uint256 valueAssets = (owedAssets * 10 + 7) / 8;
        uint256 price = (valueAssets * 1e36 + POSTED - 1) / POSTED;
        _seams.setPrice(price);
        _expectRefused(abi.encodeCall(_markets.flag, (_params, address(this))));
        _expectRefused(abi.encodeCall(_markets.liquidate, (_params, address(this), 1, 0, "")));
        _seams.setPrice(price - 1);
        _markets.flag(_params, address(this));
        _markets.liquidate(_params, address(this), 1, 0, "");
    }

    /// @dev M28: a thousand round trips of each kind in one transaction.
    function test_M28_aThousandDustRoundTripsInOneTransactionPayNothing() external {
        Id id = Id.wrap(keccak256(abi.encode(_params)));
        _markets.borrow(_params, 333333333, 0, address(this), address(this));
        (uint256 suppliedShares, uint256 owedShares, uint256 postedShares) = _markets.position(id, address(this));
        uint256 hadAssets = _loan.balanceOf(address(this));
        for (uint256 i; i < 1000; ++i) {
            uint256 assets = 1 + (i % 7);
            (, uint256 shares) = _markets.supply(_params, assets, 0, address(this), "");
            _markets.withdraw(_params, 0, shares, address(this), address(this));
            (, shares) = _markets.borrow(_params, assets, 0, address(this), address(this));
            _markets.repay(_params, 0, shares, address(this), "");
        }
        assert(_loan.balanceOf(address(this)) <= hadAssets);
        (uint256 suppliedAfter, uint256 owedAfter, uint256 postedAfter) = _markets.position(id, address(this));
        assert(suppliedAfter == suppliedShares && owedAfter == owedShares && postedAfter == postedShares);
    }

    /// @dev M29: prices of 2^96 and 2^128 are large, not wrong: what they allow is bounded by what was lent.
    function test_M29_aLargePriceLendsNoMoreThanThereIs() external {
        for (uint256 bits = 96; bits <= 192; bits += 32) {
            _seams.setPrice(2 ** bits);
            _expectRefused(abi.encodeCall(_markets.borrow, (_params, SUPPLIED + 1, 0, address(this), address(this))));
        }
        _seams.setPrice(2 ** 192);
        _markets.borrow(_params, SUPPLIED, 0, address(this), address(this));
        Market memory totals = _markets.market(Id.wrap(keccak256(abi.encode(_params))));
        assert(totals.totalBorrowAssets == totals.totalSupplyAssets);
    }

    function _expectRefused(bytes memory data) private {
        // solhint-disable-next-line avoid-low-level-calls
        (bool passed, ) = address(_markets).call(data);
        assert(!passed);
    }
}
