// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {mulDivDown, RAY} from "../units.sol";

/// @title A class of shares: pays income to its holders, and lets an account receive or send no more when told so. It
/// is its own facility and gate.
contract MockShare is ERC20 {
    using SafeERC20 for IERC20;

    IERC20 public immutable asset;
    uint8 private immutable _decimals;
    uint256 public perShareRay;
    /// @notice Part of what it claims to pay that it does pay: below 100 % it lies.
    uint256 public paidBps = 1e4;
    mapping(address account => uint256) private _countedRay;
    mapping(address account => uint256) private _owedRay;
    mapping(address account => bool) public isBarred;
    mapping(address account => bool) public isFrozen;
    mapping(address account => uint256) public getFrozenTokens;

    error MockShare_CannotReceive(address account);
    error MockShare_NothingToClaim(address account);

    constructor(IERC20 asset_, uint8 decimals_) ERC20("Mock Share", "SHARE") {
        asset = asset_;
        _decimals = decimals_;
    }

    function mint(address to, uint256 shares) external {
        _mint(to, shares);
    }

    function burn(address from, uint256 shares) external {
        _burn(from, shares);
    }

    /// @notice Moves shares whatever their holder wants.
    function seize(address from, address to, uint256 shares) external {
        _transfer(from, to, shares);
    }

    function setBarred(address account, bool barred) external {
        isBarred[account] = barred;
    }

    function setFrozen(address account, bool frozen, uint256 frozenShares) external {
        isFrozen[account] = frozen;
        getFrozenTokens[account] = frozenShares;
    }

    function setPaid(uint256 paidBps_) external {
        paidBps = paidBps_;
    }

    /// @notice Takes income from the caller and accrues it to all holders.
    function pay(uint256 assets) external {
        asset.safeTransferFrom(msg.sender, address(this), assets);
        perShareRay += mulDivDown(assets, RAY, totalSupply());
    }

    function claim(address to) external returns (uint256 assets) {
        _count(msg.sender);
        assets = _owedRay[msg.sender] / RAY;
        require(assets > 0, MockShare_NothingToClaim(msg.sender));
        _owedRay[msg.sender] %= RAY;
        asset.safeTransfer(to, (assets * paidBps) / 1e4);
    }

    function claimableAssets(address account) external view returns (uint256) {
        return (_owedRay[account] + balanceOf(account) * (perShareRay - _countedRay[account])) / RAY;
    }

    function canReceive(address account) external view returns (bool) {
        return !isBarred[account];
    }

    function canSend(address account) external view returns (bool) {
        return !isFrozen[account];
    }

    function gate() external view returns (address) {
        return address(this);
    }

    function facility() external view returns (address) {
        return address(this);
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function _update(address from, address to, uint256 shares) internal override {
        require(!isBarred[to], MockShare_CannotReceive(to));
        _count(from);
        _count(to);
        super._update(from, to, shares);
    }

    function _count(address account) private {
        _owedRay[account] += balanceOf(account) * (perShareRay - _countedRay[account]);
        _countedRay[account] = perShareRay;
    }
}
