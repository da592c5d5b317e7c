// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ILeases} from "../lease/ILeases.sol";
import {Invoice} from "../lease/Invoice.sol";
import {IRegistry} from "../registry/IRegistry.sol";
import {ITelemetry} from "../telemetry/ITelemetry.sol";
import {LotId} from "../units.sol";

/// @title A registry whose lots are what a test says.
contract MockLots is IRegistry {
    error Registry_UnknownLot(LotId lotId);

    mapping(LotId lotId => Lot) private _lots;
    mapping(LotId lotId => address) public lienHolder;

    function setLot(LotId lotId, Lot calldata lot_) external {
        _lots[lotId] = lot_;
    }

    function takeLien(LotId lotId) external {
        lienHolder[lotId] = msg.sender;
    }

    function releaseLien(LotId lotId) external {
        delete lienHolder[lotId];
    }

    function lot(LotId lotId) external view returns (Lot memory) {
        require(_lots[lotId].operator != address(0), Registry_UnknownLot(lotId));
        return _lots[lotId];
    }

    function evidenceClass(LotId) external pure returns (uint8) {
        return 0;
    }

    function country(LotId) external pure returns (bytes2) {
        return "DE";
    }
}

/// @title A telemetry whose Final meters are what a test says.
contract MockMeters is ITelemetry {
    error Telemetry_NotRecorded(LotId lotId, uint64 epoch);

    mapping(LotId lotId => mapping(uint64 epoch => Meter)) private _meters;
    mapping(LotId lotId => mapping(uint64 epoch => bool)) private _isRecorded;
    uint64 public reportedUntilAt;

    function record(LotId lotId, uint64 epoch, Meter calldata meter) external {
        _meters[lotId][epoch] = meter;
        _isRecorded[lotId][epoch] = true;
    }

    function meterAt(LotId lotId, uint64 epoch) external view returns (Meter memory) {
        require(_isRecorded[lotId][epoch], Telemetry_NotRecorded(lotId, epoch));
        return _meters[lotId][epoch];
    }
}

/// @title Runs the invoice's vectors.
contract MockInvoice {
    function compute(
        ILeases.Terms calldata terms,
        ITelemetry.Meter calldata from,
        ITelemetry.Meter calldata to,
        uint256 periodSec
    ) external pure returns (Invoice.Statement memory) {
        return Invoice.compute(terms, from, to, periodSec);
    }
}

/// @title A token with the habits that settlement tokens have: set them one by one.
contract MockCoin is ERC20 {
    error Coin_Blacklisted(address account);
    error Coin_Paused();

    uint8 private immutable _decimals;
    bool public isPaused;
    bool public returnsNothing;
    bool public returnsFalse;
    uint256 public feeBps;
    mapping(address account => bool) public isBlacklisted;
    address public hookTarget;
    bytes public hookData;
    bool public hookSucceeded;
    bytes public hookResult;

    constructor(uint8 decimals_) ERC20("Mock Coin", "MOCK") {
        _decimals = decimals_;
    }

    function mint(address to, uint256 assets) external {
        _mint(to, assets);
    }

    function burn(address from, uint256 assets) external {
        _burn(from, assets);
    }

    function setPaused(bool isPaused_) external {
        isPaused = isPaused_;
    }

    function setReturns(bool nothing, bool isFalse) external {
        (returnsNothing, returnsFalse) = (nothing, isFalse);
    }

    function setFee(uint256 feeBps_) external {
        feeBps = feeBps_;
    }

    function setBlacklisted(address account, bool isOn) external {
        isBlacklisted[account] = isOn;
    }

    /// @notice Called in the middle of every transfer, as a token with hooks would.
    function setHook(address target, bytes calldata data) external {
        (hookTarget, hookData) = (target, data);
    }

    function transfer(address to, uint256 assets) public override returns (bool) {
        if (returnsFalse) return false;
        super.transfer(to, assets);
        return _end();
    }

    function transferFrom(address from, address to, uint256 assets) public override returns (bool) {
        if (returnsFalse) return false;
        super.transferFrom(from, to, assets);
        return _end();
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function _update(address from, address to, uint256 assets) internal override {
        require(!isPaused, Coin_Paused());
        require(!isBlacklisted[from], Coin_Blacklisted(from));
        require(!isBlacklisted[to], Coin_Blacklisted(to));
        uint256 feeAssets = from == address(0) || to == address(0) ? 0 : (assets * feeBps) / 10_000;
        super._update(from, to, assets - feeAssets);
        if (feeAssets > 0) super._update(from, address(0), feeAssets);
        if (hookTarget != address(0)) (hookSucceeded, hookResult) = hookTarget.call(hookData);
    }

    function _end() private view returns (bool) {
        if (!returnsNothing) return true;
        assembly {
            return(0, 0)
        }
    }
}

/// @title A contract wallet that accepts one digest, or whatever it is told to, and may call others while it decides.
contract MockWallet is IERC1271 {
    bytes32 public acceptedDigest;
    address public callTarget;
    bytes public callData;

    function accept(bytes32 digest) external {
        acceptedDigest = digest;
    }

    function callWhenAsked(address target, bytes calldata data) external {
        (callTarget, callData) = (target, data);
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        if (callTarget != address(0)) {
            (bool isDone, ) = callTarget.staticcall(callData);
            if (!isDone) return 0xffffffff;
        }
        return digest == acceptedDigest ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
