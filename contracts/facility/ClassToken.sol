// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IERC7943Fungible} from "../compliance/IERC7943Fungible.sol";
import {IGate} from "../compliance/IGate.sol";
import {RAY, mulDivDown} from "../units.sol";
import {IFacility} from "./IFacility.sol";

/// @title The shares of one class of a facility: ERC-20, ERC-2612 and ERC-7943, with income that follows the holder.
/// @notice Shares are issued one for one with settlement assets and have their decimals.
///
/// Income. The facility accrues interest and principal to the class as a whole; a holder's part is its shares times the
/// growth of the income per share since its last change of balance. One accrual costs the same for 10 and 10,000
/// holders. Income accrued before a transfer stays with the sender.
/// Rounding. Income per share is rounded down and the remainder carried into the next accrual. A holder's part is kept
/// to a millionth of a millionth of a unit, rounded down; a claim pays whole units and leaves the fraction. So the sum
/// of claims never exceeds what was accrued, settling often loses nothing that adds up, and what is left in the end is
/// less than a unit for each holder.
/// Compliance. Every movement passes `_update`, so no path (approve and transferFrom, permit, a market in between)
/// goes round the gate and the frozen balance. Only a forced transfer passes them, and even it needs a receiver that
/// may receive. A frozen holder's claim stays recorded; nobody else's waits for it.
/// Liveness. Claims are pulled. A claim that the settlement token refuses to pay reverts and stays recorded.
/// Roles. The facility alone mints, burns and accrues; freezing and forced transfers go through the access manager.
/// Limits. Below 2^96 units (79 billion of an 18-decimal token) of shares and of one holder's unclaimed income.
///
/// A holder's state is one storage slot: the base's own balances stay unused and `balanceOf`, `totalSupply` and
/// `_update` are replaced together. The EIP-712 domain has the fixed name "Rackbond Class" and the clone's address.
contract ClassToken is ERC20Permit, AccessManaged, Initializable, IERC7943Fungible {
    using SafeCast for uint256;

    struct Holder {
        uint96 shares;
        uint136 owedE12; // unclaimed income, in units of 1e-12 asset units
        uint16 accrualIndex; // the accrual up to which `owedE12` counts
        bool partlyFrozen; // whether `_frozenShares` has to be looked at
    }

    struct Income {
        uint240 perShareRay; // interest and principal since the start
        uint16 accrualIndex; // how many accruals there were
    }

    // Ray to a millionth of a millionth.
    uint256 private constant RAY_PER_E12 = 1e15;
    uint256 private constant E12 = 1e12;

    string private _className;
    string private _classSymbol;
    uint8 private _decimals;
    uint96 private _supplyShares;
    Income private _income;
    /// @notice Interest accrued per share since the start, in assets, 27 decimals.
    uint256 public interestPerShareRay;
    // What dividing by the supply left over, times 1e27; each is below the supply.
    uint128 private _interestRemainder;
    uint128 private _principalRemainder;
    // Income per share after each accrual: what a holder that last moved then counts from.
    mapping(uint256 accrualIndex => uint256) private _perShareRayAt;
    mapping(address account => Holder) private _holders;
    mapping(address account => uint256) private _frozenShares;

    event Accrued(
        uint256 indexed accrualIndex,
        uint256 interestAssets,
        uint256 principalAssets,
        uint256 interestPerShareRay,
        uint256 principalPerShareRay
    );
    event Claimed(address indexed holder, address indexed to, uint256 assets);

    /// Only the facility may do this.
    error ClassToken_NotFacility(address caller);
    /// A contract claims for itself.
    error ClassToken_HolderIsContract(address holder);
    /// There is nothing to claim.
    error ClassToken_NothingToClaim(address holder);

    modifier onlyFacility() {
        require(msg.sender == facility(), ClassToken_NotFacility(msg.sender));
        _;
    }

    constructor() ERC20("", "") ERC20Permit("Rackbond Class") AccessManaged(address(0)) {
        _disableInitializers();
    }

    /// @notice Sets what the clone's code does not carry: once, in the transaction that creates it.
    function initialize(
        string calldata name_,
        string calldata symbol_,
        address asset,
        address authority_
    ) external initializer {
        _className = name_;
        _classSymbol = symbol_;
        _decimals = IERC20Metadata(asset).decimals();
        _setAuthority(authority_);
    }

    // Administration

    /// @inheritdoc IERC7943Fungible
    function forcedTransfer(address from, address to, uint256 amount) external restricted returns (bool) {
        require(from != address(0), ERC20InvalidSender(from));
        require(to != address(0), ERC20InvalidReceiver(to));
        require(gate().canReceive(to), ERC7943CannotReceive(to));
        uint256 balance = balanceOf(from);
        require(amount <= balance, ERC20InsufficientBalance(from, balance, amount));
        if (_frozenShares[from] > balance - amount) _setFrozen(from, balance - amount);
        _move(from, to, amount);
        emit ForcedTransfer(from, to, amount);
        return true;
    }

    /// @inheritdoc IERC7943Fungible
    function setFrozenTokens(address account, uint256 amount) external restricted returns (bool) {
        _setFrozen(account, amount);
        return true;
    }

    // Facility

    /// @notice Issues shares to an account that the gate lets receive.
    function mint(address to, uint256 shares) external onlyFacility {
        _mint(to, shares);
    }

    /// @notice Takes shares back that an account may send, against a refund.
    function burn(address from, uint256 shares) external onlyFacility {
        _burn(from, shares);
    }

    /// @notice Accrues income that the facility has set aside for this class. There must be shares.
    function accrue(uint256 interestAssets, uint256 principalAssets) external onlyFacility {
        uint256 supply = _supplyShares;
        uint256 interest = interestAssets * RAY + _interestRemainder;
        uint256 principal = principalAssets * RAY + _principalRemainder;
        _interestRemainder = uint128(interest % supply);
        _principalRemainder = uint128(principal % supply);

        uint16 accrualIndex = _income.accrualIndex + 1;
        uint256 perShareRay = _income.perShareRay + interest / supply + principal / supply;
        interestPerShareRay += interest / supply;
        _income = Income(perShareRay.toUint240(), accrualIndex);
        _perShareRayAt[accrualIndex] = perShareRay;
        emit Accrued(
            accrualIndex,
            interestAssets,
            principalAssets,
            interestPerShareRay,
            perShareRay - interestPerShareRay
        );
    }

    // Claims

    /// @notice Pays the caller's unclaimed income to `to`; returns how much that was. Reverts with
    /// `ClassToken_NothingToClaim` below one unit, with `ERC7943CannotSend` while the caller is frozen.
    function claim(address to) external returns (uint256 assets) {
        return _claim(msg.sender, to);
    }

    /// @notice Pays a holder's unclaimed income to the holder itself; anyone may call. Not to a contract: a market or a
    /// vault books what it claims, and would not know of money that was pushed into it.
    function claimFor(address holder) external returns (uint256 assets) {
        require(holder.code.length == 0, ClassToken_HolderIsContract(holder));
        return _claim(holder, holder);
    }

    // Views

    /// @notice The facility that this class belongs to.
    function facility() public view returns (address) {
        (address facility_, ) = _bonds();
        return facility_;
    }

    /// @notice The gate that decides who may hold this class.
    function gate() public view returns (IGate) {
        (, IGate gate_) = _bonds();
        return gate_;
    }

    /// @notice Income of an account that can be claimed now, in whole units.
    function claimableAssets(address account) external view returns (uint256) {
        return _owedE12(_holders[account], _income) / E12;
    }

    /// @notice Principal accrued per share since the start, in assets, 27 decimals.
    function principalPerShareRay() external view returns (uint256) {
        return _income.perShareRay - interestPerShareRay;
    }

    /// @inheritdoc IERC7943Fungible
    function canSend(address account) external view returns (bool) {
        return gate().canSend(account);
    }

    /// @inheritdoc IERC7943Fungible
    function canReceive(address account) external view returns (bool) {
        return gate().canReceive(account);
    }

    /// @inheritdoc IERC7943Fungible
    function canTransfer(address from, address to, uint256 amount) external view returns (bool) {
        return amount <= _unfrozenShares(from) && gate().canSend(from) && gate().canReceive(to);
    }

    /// @inheritdoc IERC7943Fungible
    function getFrozenTokens(address account) external view returns (uint256) {
        return _frozenShares[account];
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC7943Fungible).interfaceId || interfaceId == type(IERC165).interfaceId;
    }

    /// @notice The name of the class.
    function name() public view override returns (string memory) {
        return _className;
    }

    /// @notice The symbol of the class.
    function symbol() public view override returns (string memory) {
        return _classSymbol;
    }

    /// @notice The decimals of the settlement asset.
    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    /// @notice Shares issued.
    function totalSupply() public view override returns (uint256) {
        return _supplyShares;
    }

    /// @notice Shares of an account, frozen ones included.
    function balanceOf(address account) public view override returns (uint256) {
        return _holders[account].shares;
    }

    // Internal

    /// @dev Every mint, burn and transfer: the gate, then the frozen balance, then the movement.
    function _update(address from, address to, uint256 amount) internal override {
        IGate gate_ = gate();
        if (from != address(0)) {
            require(gate_.canSend(from), ERC7943CannotSend(from));
            if (_holders[from].partlyFrozen) {
                uint256 unfrozen = _unfrozenShares(from);
                require(amount <= unfrozen, ERC7943InsufficientUnfrozenBalance(from, amount, unfrozen));
            }
        }
        if (to != address(0)) require(gate_.canReceive(to), ERC7943CannotReceive(to));
        _move(from, to, amount);
    }

    /// @dev Settles both sides and moves the shares.
    function _move(address from, address to, uint256 amount) private {
        Income memory income = _income;
        if (from == address(0)) {
            _supplyShares = (_supplyShares + amount).toUint96();
        } else {
            Holder memory holder = _settled(from, income);
            require(amount <= holder.shares, ERC20InsufficientBalance(from, holder.shares, amount));
            holder.shares -= uint96(amount);
            _holders[from] = holder;
        }
        if (to == address(0)) {
            _supplyShares -= uint96(amount);
        } else {
            Holder memory holder = _settled(to, income);
            holder.shares += uint96(amount);
            _holders[to] = holder;
        }
        emit Transfer(from, to, amount);
    }

    function _claim(address account, address to) private returns (uint256 assets) {
        (address facility_, IGate gate_) = _bonds();
        require(gate_.canSend(account), ERC7943CannotSend(account));
        Holder memory holder = _settled(account, _income);
        assets = holder.owedE12 / E12;
        require(assets != 0, ClassToken_NothingToClaim(account));
        holder.owedE12 = uint136(holder.owedE12 % E12);
        _holders[account] = holder;
        emit Claimed(account, to, assets);
        IFacility(facility_).payClaim(to, assets);
    }

    function _setFrozen(address account, uint256 amount) private {
        _frozenShares[account] = amount;
        _holders[account].partlyFrozen = amount != 0;
        emit Frozen(account, amount);
    }

    /// @dev A holder's state with its income counted up to now.
    function _settled(address account, Income memory income) private view returns (Holder memory holder) {
        holder = _holders[account];
        holder.owedE12 = _owedE12(holder, income).toUint136();
        holder.accrualIndex = income.accrualIndex;
    }

    function _owedE12(Holder memory holder, Income memory income) private view returns (uint256) {
        if (holder.accrualIndex == income.accrualIndex) return holder.owedE12;
        uint256 grownRay = income.perShareRay - _perShareRayAt[holder.accrualIndex];
        return holder.owedE12 + mulDivDown(holder.shares, grownRay, RAY_PER_E12);
    }

    function _unfrozenShares(address account) private view returns (uint256) {
        uint256 balance = balanceOf(account);
        uint256 frozen = _frozenShares[account];
        return balance > frozen ? balance - frozen : 0;
    }

    /// @dev The facility and the gate, from the clone's code: cheaper than storage, and never to change.
    function _bonds() private view returns (address, IGate) {
        return abi.decode(Clones.fetchCloneArgs(address(this)), (address, IGate));
    }
}
