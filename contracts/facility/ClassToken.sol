// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IERC7943Fungible} from "../compliance/IERC7943Fungible.sol";
import {IGate} from "../compliance/IGate.sol";
import {RAY, mulDivDown} from "../units.sol";
import {IFacility} from "./IFacility.sol";

/// @title The shares of one class of a facility: ERC-20, ERC-2612 and ERC-7943, with income that follows the holder.
/// @notice Shares are issued one for one with settlement assets and have their decimals.
///
/// Income. The facility accrues interest and principal to the class as a whole, a figure per share that only grows. A
/// holder's income is what its shares earned since the start, less what is not its own: what they had earned when they
/// came, and what it claimed. One accrual costs the same for 10 and 10,000 holders. Income accrued before a transfer
/// stays with the sender.
/// Principal and loss. What was repaid and what was lost belong to the shares: `repaidAssets` and `writtenOffAssets` of
/// a holder are those of the shares it has now, whoever was paid. One share is worth one asset less both.
/// Rounding. Income and loss per share are rounded down and the remainder carried into the next accrual. A holder's
/// income is kept to a millionth of a millionth of a unit, what its shares earned rounded down before and after each
/// movement; a claim pays whole units and leaves the fraction. So a movement changes nobody's income, and less than a
/// millionth of a millionth is won or lost by it later: below 10^12 movements the sum of claims never exceeds what was
/// accrued, and above, the facility still pays no more than it set aside. What is left in the end is less than a unit
/// for each holder. Repaid and lost parts are rounded down.
/// Compliance. Every movement is refused by the first error that is marked for it and applies; no path (approve and
/// transferFrom, permit, a market in between) goes round. Issue and refund are the facility's `mint` and `burn`.
///
/// | error                                | transfer | issue | refund | forced | recovery | claim |
/// | ------------------------------------ | -------- | ----- | ------ | ------ | -------- | ----- |
/// | `ERC7943CannotSend`                  | yes      |       | yes    |        |          | yes   |
/// | `ERC7943CannotReceive`               | yes      | yes   |        | yes    | verified |       |
/// | `ClassToken_LockedUp`                | yes      |       |        |        |          |       |
/// | `ERC20InsufficientBalance`           | yes      |       | yes    | yes    | all      |       |
/// | `ERC7943InsufficientUnfrozenBalance` | yes      |       | yes    | thaws  | all      |       |
/// | `ClassToken_TooManyHolders`          | yes      | yes   |        |        |          |       |
///
/// CannotSend: the gate froze the holder. CannotReceive: the gate does not let the receiver (for a recovery: has no
/// valid credential of it), or it is a lost wallet. LockedUp: the gate's lock-up for this holder, from the last issue
/// on, is not over. TooManyHolders: the receiver would be one more than the gate's limit. `canTransfer` foretells the
/// first column; more than the balance is more than is not frozen.
/// A frozen holder's claim stays recorded; nobody else's waits for it.
/// Holders. Every account with shares counts as one, a market too: the register of holders, not who stands behind it.
/// A contract that did not count would have to be counted when it is delisted; this count cannot drift. At the limit
/// shares move among holders, and to a newcomer from one who leaves with all of its shares.
/// Recovery. A lost wallet's shares, unclaimed income and frozen amount move to a verified one together. The lost
/// wallet receives nothing in this class until it is readmitted.
/// Liveness. Claims are pulled. A claim that the settlement token refuses to pay reverts and stays recorded.
/// Roles. The facility alone issues, refunds and accrues; freezing, forced transfers and recovery go through the access
/// manager.
/// Limits. Below 2^96 units (79 billion of an 18-decimal token) of shares, and of income and loss since the start.
///
/// A holder's state is one storage slot: the base's own balances stay unused and `balanceOf`, `totalSupply` and
/// `_update` are replaced together. The EIP-712 domain has the fixed name "Rackbond Class" and the clone's address.
contract ClassToken is ERC20Permit, AccessManaged, Initializable, IERC7943Fungible {
    using SafeCast for uint256;
    using SafeCast for int256;

    struct Holder {
        uint96 shares;
        int152 otherE12; // of what its shares earned, what is not its own or was claimed, in 1e-12 asset units
        uint8 marks; // PARTLY_FROZEN, LOST
    }

    /// What every movement reads: one slot.
    struct Income {
        uint176 perShareRay; // interest and principal since the start
        uint48 issuedAt; // when shares were last issued
        uint32 accrualCount;
    }

    struct Register {
        uint96 supplyShares;
        uint32 holderCount;
        uint8 decimals;
    }

    // `_frozenShares` has to be looked at.
    uint8 private constant PARTLY_FROZEN = 1;
    // Recovered from: receives nothing.
    uint8 private constant LOST = 2;

    // Ray to a millionth of a millionth.
    uint256 private constant RAY_PER_E12 = 1e15;
    uint256 private constant E12 = 1e12;

    string private _className;
    string private _classSymbol;
    Register private _register;
    Income private _income;
    /// @notice Interest accrued per share since the start, in assets, 27 decimals.
    uint256 public interestPerShareRay;
    /// @notice Principal written off per share since the start, in assets, 27 decimals.
    uint256 public lossPerShareRay;
    // What dividing by the supply left over, times 1e27; each is below the supply.
    uint128 private _interestRemainder;
    uint128 private _principalRemainder;
    uint128 private _lossRemainder;
    mapping(address account => Holder) private _holders;
    mapping(address account => uint256) private _frozenShares;

    event Accrued(
        uint256 indexed accrualIndex,
        uint256 interestAssets,
        uint256 principalAssets,
        uint256 interestPerShareRay,
        uint256 principalPerShareRay
    );
    event LossAccrued(uint256 lossAssets, uint256 lossPerShareRay);
    event Claimed(address indexed holder, address indexed to, uint256 assets);
    /// All that a lost wallet had moved: its shares (`Transfer`), what it could claim, its frozen amount (`Frozen`).
    event Recovered(address indexed lost, address indexed to, uint256 shares, uint256 claimableAssets);
    event Readmitted(address indexed account);

    /// Only the facility may do this.
    error ClassToken_NotFacility(address caller);
    /// A contract claims for itself.
    error ClassToken_HolderIsContract(address holder);
    /// There is nothing to claim.
    error ClassToken_NothingToClaim(address holder);
    /// The holder may not send until its lock-up is over.
    error ClassToken_LockedUp(address holder, uint256 unlockAt);
    /// The account would be one holder more than the gate's limit.
    error ClassToken_TooManyHolders(address account, uint256 maxHolderCount);
    /// A wallet is not recovered to itself.
    error ClassToken_SameWallet(address account);
    /// No shares: nobody to bear it.
    error ClassToken_NoShares(uint256 lossAssets);
    /// More income than the class can count.
    error ClassToken_TooMuchIncome(uint256 interestAssets, uint256 principalAssets);
    /// The account is not a lost wallet.
    error ClassToken_NotLost(address account);

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
        _register.decimals = IERC20Metadata(asset).decimals();
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
        _move(from, to, amount, _income.perShareRay, 0);
        emit ForcedTransfer(from, to, amount);
        return true;
    }

    /// @inheritdoc IERC7943Fungible
    function setFrozenTokens(address account, uint256 amount) external restricted returns (bool) {
        _setFrozen(account, amount);
        return true;
    }

    /// @notice Moves all that a lost wallet has to a verified one of the same owner: shares, unclaimed income, frozen
    /// amount. Goes past freezes, lock-ups and the limit of holders. The lost wallet may not receive until readmitted.
    function recover(address lost, address to) external restricted {
        require(lost != address(0), ERC20InvalidSender(lost));
        require(to != lost, ClassToken_SameWallet(lost));
        require(gate().isVerified(to), ERC7943CannotReceive(to));
        uint256 frozen = _frozenShares[lost];
        if (frozen != 0) {
            _setFrozen(lost, 0);
            _setFrozen(to, Math.saturatingAdd(_frozenShares[to], frozen));
        }
        uint256 shares = _holders[lost].shares;
        _move(lost, to, shares, _income.perShareRay, 0);
        // Without shares, what the lost wallet had not claimed is all there is in its slot.
        Holder storage holder = _holders[lost];
        int152 unclaimedE12 = -holder.otherE12;
        holder.otherE12 = 0;
        holder.marks |= LOST;
        _holders[to].otherE12 -= unclaimedE12;
        emit ForcedTransfer(lost, to, shares);
        emit Recovered(lost, to, shares, uint152(unclaimedE12) / E12);
    }

    /// @notice Lets a wallet that was lost receive again, as far as the gate does. Allowances it gave stand again too.
    function readmit(address account) external restricted {
        Holder storage holder = _holders[account];
        require(holder.marks & LOST != 0, ClassToken_NotLost(account));
        holder.marks &= ~LOST;
        emit Readmitted(account);
    }

    // Facility

    /// @notice Issues shares to an account that the gate lets receive.
    function mint(address to, uint256 shares) external onlyFacility {
        _income.issuedAt = uint48(block.timestamp);
        _mint(to, shares);
    }

    /// @notice Takes shares back that an account may send, against a refund; a lock-up does not stop it.
    function burn(address from, uint256 shares) external onlyFacility {
        _burn(from, shares);
    }

    /// @notice Accrues income that the facility has set aside for this class. There must be shares.
    function accrue(uint256 interestAssets, uint256 principalAssets) external onlyFacility {
        uint256 supply = _register.supplyShares;
        uint256 interest = interestAssets * RAY + _interestRemainder;
        uint256 principal = principalAssets * RAY + _principalRemainder;
        _interestRemainder = uint128(interest % supply);
        _principalRemainder = uint128(principal % supply);

        Income memory income = _income;
        uint256 perShareRay = income.perShareRay + interest / supply + principal / supply;
        interestPerShareRay += interest / supply;
        // So no holder's shares earned more than its slot can count.
        require(
            (supply * perShareRay) / RAY_PER_E12 <= uint152(type(int152).max),
            ClassToken_TooMuchIncome(interestAssets, principalAssets)
        );
        _income = Income(perShareRay.toUint176(), income.issuedAt, income.accrualCount + 1);
        emit Accrued(
            income.accrualCount + 1,
            interestAssets,
            principalAssets,
            interestPerShareRay,
            perShareRay - interestPerShareRay
        );
    }

    /// @notice Writes principal of the class off. There must be shares.
    function accrueLoss(uint256 lossAssets) external onlyFacility {
        uint256 supply = _register.supplyShares;
        require(supply != 0, ClassToken_NoShares(lossAssets));
        uint256 loss = lossAssets * RAY + _lossRemainder;
        _lossRemainder = uint128(loss % supply);
        lossPerShareRay += loss / supply;
        emit LossAccrued(lossAssets, lossPerShareRay);
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
        return _unclaimedE12(_holders[account].shares, _holders[account].otherE12, _income.perShareRay) / E12;
    }

    /// @notice Principal accrued per share since the start, in assets, 27 decimals.
    function principalPerShareRay() public view returns (uint256) {
        return _income.perShareRay - interestPerShareRay;
    }

    /// @notice Part of the principal repaid since the start that belongs to the shares an account has now.
    function repaidAssets(address account) external view returns (uint256) {
        return mulDivDown(balanceOf(account), principalPerShareRay(), RAY);
    }

    /// @notice Part of the principal written off since the start that belongs to the shares an account has now.
    function writtenOffAssets(address account) external view returns (uint256) {
        return mulDivDown(balanceOf(account), lossPerShareRay, RAY);
    }

    /// @notice When an account's lock-up in this class is over; in the past or 0 for one that is free.
    function unlockAt(address account) external view returns (uint256) {
        (, , uint256 lockUpSec, ) = gate().passage(address(this), account, account);
        return _income.issuedAt + lockUpSec;
    }

    /// @inheritdoc IERC7943Fungible
    function canSend(address account) public view returns (bool) {
        (bool maySend, , uint256 lockUpSec, ) = gate().passage(address(this), account, account);
        return maySend && block.timestamp >= _income.issuedAt + lockUpSec;
    }

    /// @inheritdoc IERC7943Fungible
    function canReceive(address account) public view returns (bool) {
        return gate().canReceive(account) && _holders[account].marks & LOST == 0;
    }

    /// @inheritdoc IERC7943Fungible
    function canTransfer(address from, address to, uint256 amount) external view returns (bool) {
        if (amount > _unfrozenShares(from) || !canSend(from) || !canReceive(to)) return false;
        if (amount == 0 || balanceOf(to) != 0 || balanceOf(from) == amount) return true;
        (, , , uint256 maxHolderCount) = gate().passage(address(this), from, to);
        return maxHolderCount == 0 || _register.holderCount < maxHolderCount;
    }

    /// @notice How many accounts have shares.
    function holderCount() external view returns (uint256) {
        return _register.holderCount;
    }

    /// @notice Whether an account was recovered from and not readmitted.
    function isLost(address account) external view returns (bool) {
        return _holders[account].marks & LOST != 0;
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
        return _register.decimals;
    }

    /// @notice Shares issued.
    function totalSupply() public view override returns (uint256) {
        return _register.supplyShares;
    }

    /// @notice Shares of an account, frozen ones included.
    function balanceOf(address account) public view override returns (uint256) {
        return _holders[account].shares;
    }

    // Internal

    /// @dev Every issue, refund and transfer.
    function _update(address from, address to, uint256 amount) internal override {
        Income memory income = _income;
        (bool maySend, bool mayReceive, uint256 lockUpSec, uint256 maxHolderCount) = gate().passage(
            address(this),
            from,
            to
        );
        require(maySend || from == address(0), ERC7943CannotSend(from));
        require(mayReceive || to == address(0), ERC7943CannotReceive(to));
        if (lockUpSec != 0 && from != address(0) && to != address(0)) {
            uint256 freeAt = income.issuedAt + lockUpSec;
            require(block.timestamp >= freeAt, ClassToken_LockedUp(from, freeAt));
        }
        _move(from, to, amount, income.perShareRay, maxHolderCount);
    }

    /// @dev Moves the shares, keeps each side's income, and counts the holders.
    function _move(address from, address to, uint256 amount, uint256 perShareRay, uint256 maxHolderCount) private {
        bool leaves;
        bool joins;
        if (from == address(0)) {
            _register.supplyShares = (_register.supplyShares + amount).toUint96();
        } else {
            Holder memory sender = _holders[from];
            require(amount <= sender.shares, ERC20InsufficientBalance(from, sender.shares, amount));
            if (sender.marks & PARTLY_FROZEN != 0) {
                uint256 unfrozen = _unfrozenShares(from);
                require(amount <= unfrozen, ERC7943InsufficientUnfrozenBalance(from, amount, unfrozen));
            }
            _resize(sender, sender.shares - amount, perShareRay);
            leaves = sender.shares == 0;
            _holders[from] = sender;
        }
        if (to == address(0)) {
            _register.supplyShares -= uint96(amount);
        } else {
            Holder memory receiver = _holders[to];
            require(receiver.marks & LOST == 0, ERC7943CannotReceive(to));
            joins = receiver.shares == 0;
            _resize(receiver, receiver.shares + amount, perShareRay);
            _holders[to] = receiver;
        }
        if (leaves != joins && amount != 0) _count(to, joins, maxHolderCount);
        emit Transfer(from, to, amount);
    }

    /// @dev One holder more, `account`, or one less.
    function _count(address account, bool joins, uint256 maxHolderCount) private {
        uint32 count = _register.holderCount;
        if (!joins) {
            _register.holderCount = count - 1;
            return;
        }
        require(maxHolderCount == 0 || count < maxHolderCount, ClassToken_TooManyHolders(account, maxHolderCount));
        _register.holderCount = count + 1;
    }

    function _claim(address account, address to) private returns (uint256 assets) {
        (address facility_, IGate gate_) = _bonds();
        require(gate_.canSend(account), ERC7943CannotSend(account));
        Holder storage holder = _holders[account];
        assets = _unclaimedE12(holder.shares, holder.otherE12, _income.perShareRay) / E12;
        require(assets != 0, ClassToken_NothingToClaim(account));
        holder.otherE12 += int152(int256(assets * E12)); // at most what its shares earned: see `accrue`
        emit Claimed(account, to, assets);
        IFacility(facility_).payClaim(to, assets);
    }

    function _setFrozen(address account, uint256 amount) private {
        _frozenShares[account] = amount;
        uint8 marks = _holders[account].marks;
        _holders[account].marks = amount == 0 ? marks & ~PARTLY_FROZEN : marks | PARTLY_FROZEN;
        emit Frozen(account, amount);
    }

    /// @dev Changes how many shares a holder has, and nothing about its income until now.
    function _resize(Holder memory holder, uint256 shares, uint256 perShareRay) private pure {
        uint256 unclaimedE12 = _unclaimedE12(holder.shares, holder.otherE12, perShareRay);
        holder.shares = uint96(shares); // at most the supply
        holder.otherE12 = (_earnedE12(shares, perShareRay) - int256(unclaimedE12)).toInt152();
    }

    /// @dev What a holder's shares earned since the start, less what is not its own or was claimed: never below zero,
    /// for what shares earned never falls.
    function _unclaimedE12(uint256 shares, int256 otherE12, uint256 perShareRay) private pure returns (uint256) {
        return uint256(_earnedE12(shares, perShareRay) - otherE12);
    }

    /// @dev What shares earned since the start; far within the range of an integer.
    function _earnedE12(uint256 shares, uint256 perShareRay) private pure returns (int256) {
        return int256((shares * perShareRay) / RAY_PER_E12);
    }

    function _unfrozenShares(address account) private view returns (uint256) {
        uint256 balance = balanceOf(account);
        uint256 frozen = _frozenShares[account];
        return balance > frozen ? balance - frozen : 0;
    }

    /// @dev The facility and the gate, from the clone's code: cheaper than storage, and never to change. They are the
    /// two words after the 45 bytes of the proxy (OpenZeppelin's `cloneWithImmutableArgs`); its `fetchCloneArgs` takes
    /// 700 gas more on every transfer and claim.
    function _bonds() private view returns (address facility_, IGate gate_) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            extcodecopy(address(), 0, 45, 64)
            facility_ := mload(0)
            gate_ := mload(32)
        }
    }
}
