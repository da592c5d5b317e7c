// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

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
        // solhint-disable-next-line avoid-low-level-calls
        if (hookTarget != address(0)) (hookSucceeded, hookResult) = hookTarget.call(hookData);
    }

    function _end() private view returns (bool) {
        if (!returnsNothing) return true;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            return(0, 0)
        }
    }
}
