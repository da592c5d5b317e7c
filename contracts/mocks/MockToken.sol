// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";

/// @title A settlement token with the habits of real ones: a fee on transfer, a blacklist, a pause, `false` for a
/// revert, a hook that calls out before balances change.
contract MockToken is ERC20 {
    uint8 private immutable _decimals;
    uint256 public feeBps;
    bool public paused;
    bool public returnsFalse;
    mapping(address account => bool) public isBlacklisted;
    address private _hookTarget;
    bytes private _hookCall;
    /// @notice Whether the hook's last call went through, and the first word it returned.
    bool public hookPassed;
    bytes32 public hookWord;

    error MockToken_Paused();
    error MockToken_Blacklisted(address account);

    constructor(uint8 decimals_) ERC20("Mock Token", "MOCK") {
        _decimals = decimals_;
    }

    function mint(address to, uint256 assets) external {
        _mint(to, assets);
    }

    function setFee(uint256 feeBps_) external {
        feeBps = feeBps_;
    }

    function setPaused(bool paused_) external {
        paused = paused_;
    }

    function setReturnsFalse(bool returnsFalse_) external {
        returnsFalse = returnsFalse_;
    }

    function setBlacklisted(address account, bool blacklisted) external {
        isBlacklisted[account] = blacklisted;
    }

    function setHook(address target, bytes calldata call) external {
        (_hookTarget, _hookCall) = (target, call);
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function transfer(address to, uint256 assets) public override returns (bool) {
        return !returnsFalse && super.transfer(to, assets);
    }

    function transferFrom(address from, address to, uint256 assets) public override returns (bool) {
        return !returnsFalse && super.transferFrom(from, to, assets);
    }

    function _update(address from, address to, uint256 assets) internal override {
        require(!paused, MockToken_Paused());
        require(!isBlacklisted[from], MockToken_Blacklisted(from));
        require(!isBlacklisted[to], MockToken_Blacklisted(to));
        if (_hookTarget != address(0)) {
            (hookPassed, hookWord, ) = LowLevelCall.callReturn64Bytes(_hookTarget, _hookCall);
        }
        uint256 feeAssets = from == address(0) ? 0 : (assets * feeBps) / 1e4;
        super._update(from, to, assets - feeAssets);
        if (feeAssets > 0) super._update(from, address(0xfee), feeAssets);
    }
}
