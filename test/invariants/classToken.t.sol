// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Gate} from "../../contracts/compliance/Gate.sol";
import {ClassToken} from "../../contracts/facility/ClassToken.sol";
import {Authority} from "../../contracts/governance/Authority.sol";
import {MockCoin} from "../../contracts/mocks/MockCoin.sol";
import {MockIssuer} from "../../contracts/mocks/MockFacilityWorld.sol";
import {vm} from "./Vm.sol";

bytes32 constant DOMAIN_TYPEHASH = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
);

function domainOf(string memory name, uint256 chainId, address verifying) pure returns (bytes32) {
    return keccak256(abi.encode(DOMAIN_TYPEHASH, keccak256(bytes(name)), keccak256("1"), chainId, verifying));
}

/// @dev A credential as its provider signs it for the gate on a chain.
function signed(
    Gate gate,
    Gate.Credential memory credential,
    uint256 chainId,
    uint256 key
) view returns (bytes memory) {
    bytes32 domain = domainOf("Rackbond Gate", chainId, address(gate));
    bytes32 structHash = keccak256(abi.encode(gate.CREDENTIAL_TYPEHASH(), credential));
    (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked(hex"1901", domain, structHash)));
    return abi.encodePacked(r, s, v);
}

/// @title Plays one class and its gate: issues first, then income, losses, transfers, claims, freezes, recoveries.
contract ClassPlayer {
    uint256 private constant HOLDERS = 6;
    uint256 private constant PROVIDER_KEY = 0xBEEF;

    Gate public immutable gate;
    ClassToken public immutable token;
    MockIssuer public immutable issuer;
    address[HOLDERS] public holders;

    uint256 public accruedAssets;
    uint256 public repaidAssets;
    uint256 public lossAssets;
    uint256 public claimedAssets;
    mapping(bytes32 verb => uint256) public doneCount;

    constructor() {
        vm.warp(1_800_000_000);
        Authority authority = new Authority(address(this));
        gate = new Gate(address(authority), Gate.Category.Retail);
        MockCoin asset = new MockCoin(6);
        issuer = new MockIssuer(address(new ClassToken()), address(gate), address(asset), address(authority));
        token = issuer.token();
        asset.mint(address(issuer), type(uint128).max);
        gate.listProvider(vm.addr(PROVIDER_KEY), true);
        for (uint256 i = 0; i < HOLDERS; ++i) {
            holders[i] = address(uint160(0xA11CE000 + i));
            _admit(holders[i]);
        }
        // Two stay without shares, and the supply divides nothing evenly.
        for (uint256 i = 0; i + 2 < HOLDERS; ++i) issuer.mint(holders[i], 1_234_567 * 10 ** (i + 1) + i);
    }

    function holderCount() external pure returns (uint256) {
        return HOLDERS;
    }

    function accrue(uint64 interestAssets, uint64 principalAssets) external {
        issuer.accrue(interestAssets, principalAssets);
        accruedAssets += uint256(interestAssets) + principalAssets;
        repaidAssets += principalAssets;
        ++doneCount["accrue"];
    }

    function accrueLoss(uint64 assets) external {
        issuer.accrueLoss(assets);
        lossAssets += assets;
        ++doneCount["accrueLoss"];
    }

    /// @dev All shares in one call of three, so that holders come and go.
    function transfer(uint8 from, uint8 to, uint96 shares) external {
        address sender = holders[from % HOLDERS];
        uint256 balance = token.balanceOf(sender);
        uint256 amount = shares % 3 == 0 ? balance : shares % (balance + 1);
        address receiver = holders[to % HOLDERS];
        if (!token.canTransfer(sender, receiver, amount)) return;
        (uint256 senders, uint256 receivers) = (token.claimableAssets(sender), token.claimableAssets(receiver));
        vm.prank(sender);
        token.transfer(receiver, amount);
        // A movement is nobody's income, nor loss: what a market booked as claimable stays so.
        assert(token.claimableAssets(sender) == senders && token.claimableAssets(receiver) == receivers);
        ++doneCount["transfer"];
    }

    function forcedTransfer(uint8 from, uint8 to, uint96 shares) external {
        address sender = holders[from % HOLDERS];
        address receiver = holders[to % HOLDERS];
        if (!token.canReceive(receiver)) return;
        token.forcedTransfer(sender, receiver, shares % (token.balanceOf(sender) + 1));
        ++doneCount["forcedTransfer"];
    }

    function freeze(uint8 who, uint96 shares) external {
        token.setFrozenTokens(holders[who % HOLDERS], shares % 3 == 0 ? 0 : shares);
        ++doneCount["freeze"];
    }

    function limit(uint8 count) external {
        gate.ruleClass(address(token), Gate.ClassRules(count % 7, "US", 0, 0, Gate.Category.None));
        ++doneCount["limit"];
    }

    function claim(uint8 who) external {
        address holder = holders[who % HOLDERS];
        if (token.claimableAssets(holder) == 0) return;
        claimedAssets += token.claimFor(holder);
        ++doneCount["claim"];
    }

    /// @dev Neutral for the class: what the two wallets have together is theirs before and after, to the fraction.
    function recover(uint8 lostIndex, uint8 toIndex) external {
        address lost = holders[lostIndex % HOLDERS];
        address to = holders[toIndex % HOLDERS];
        if (lost == to || token.isLost(to)) return;
        uint256 shares = token.balanceOf(lost) + token.balanceOf(to);
        uint256 claimable = token.claimableAssets(lost) + token.claimableAssets(to);
        uint256 frozen = token.getFrozenTokens(lost) + token.getFrozenTokens(to);
        uint256 writtenOff = token.writtenOffAssets(lost) + token.writtenOffAssets(to);
        token.recover(lost, to);
        assert(token.balanceOf(to) == shares && token.getFrozenTokens(to) == frozen);
        assert(token.balanceOf(lost) == 0 && token.claimableAssets(lost) == 0 && token.getFrozenTokens(lost) == 0);
        // Two fractions together may be a whole unit.
        assert(token.claimableAssets(to) - claimable <= 1);
        assert(token.writtenOffAssets(to) - writtenOff <= 1);
        token.readmit(lost);
        ++doneCount["recover"];
    }

    function _admit(address holder) private {
        Gate.Credential memory credential = Gate.Credential(
            holder,
            vm.addr(PROVIDER_KEY),
            "US",
            Gate.Category.Retail,
            1_799_999_999,
            3_000_000_000
        );
        gate.present(credential, signed(gate, credential, block.chainid, PROVIDER_KEY));
    }
}

/// @title What holds of a class whatever is played.
contract ClassTokenInvariants {
    ClassPlayer public player;

    function setUp() external {
        player = new ClassPlayer();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(player);
    }

    function invariant_sharesAreTheSupply() external view {
        uint256 shares;
        for (uint256 i = 0; i < player.holderCount(); ++i) shares += player.token().balanceOf(player.holders(i));
        assert(shares == player.token().totalSupply());
    }

    function invariant_M03_partsAreAtMostTheWholeAndWithinAUnitAHolder() external view {
        ClassToken token = player.token();
        uint256 count = player.holderCount();
        (uint256 claimable, uint256 repaid, uint256 writtenOff) = (0, 0, 0);
        for (uint256 i = 0; i < count; ++i) {
            address holder = player.holders(i);
            claimable += token.claimableAssets(holder);
            repaid += token.repaidAssets(holder);
            writtenOff += token.writtenOffAssets(holder);
        }
        _isPart(claimable + player.claimedAssets(), player.accruedAssets(), count + 2);
        _isPart(repaid, player.repaidAssets(), count + 1);
        _isPart(writtenOff, player.lossAssets(), count + 1);
    }

    function invariant_M07_theHoldersAreCountedExactly() external view {
        uint256 holding;
        for (uint256 i = 0; i < player.holderCount(); ++i) {
            if (player.token().balanceOf(player.holders(i)) != 0) ++holding;
        }
        assert(holding == player.token().holderCount());
    }

    /// @dev The player can do everything, so the invariants were not held by refusals.
    function test_thePlayerGetsThrough() external {
        for (uint8 i = 0; i < 60; ++i) {
            player.accrue(1_000_003 * uint64(i), 77_777);
            player.accrueLoss(1_000_033);
            player.transfer(i, i / 6 + 1, 777_777_777);
            player.freeze(i, i % 4 == 0 ? 1_000_001 : 0);
            player.forcedTransfer(i, i + 1, 1_111_111);
            if (i % 5 == 0) player.recover(i, i + 3);
            player.claim(i);
            player.limit(i);
            this.invariant_sharesAreTheSupply();
            this.invariant_M03_partsAreAtMostTheWholeAndWithinAUnitAHolder();
            this.invariant_M07_theHoldersAreCountedExactly();
        }
        assert(player.doneCount("transfer") > 20 && player.doneCount("forcedTransfer") > 20);
        assert(player.doneCount("recover") > 5 && player.doneCount("claim") > 20);
    }

    function _isPart(uint256 parts, uint256 whole, uint256 unitsLost) private pure {
        assert(parts <= whole && whole <= parts + unitsLost);
    }
}

/// @title Signatures after the chain forks into two with different ids.
contract ForkTest {
    bytes32 private constant PERMIT_TYPEHASH = keccak256(
        "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    );
    uint256 private constant KEY = 0xA11CE;

    function test_M22_aPermitOfOneChainIsNoneOnTheOther() external {
        ClassToken token = new ClassPlayer().token();
        uint256 chainId = block.chainid;
        assert(token.DOMAIN_SEPARATOR() == domainOf("Rackbond Class", chainId, address(token)));
        vm.chainId(chainId + 1);
        assert(token.DOMAIN_SEPARATOR() == domainOf("Rackbond Class", chainId + 1, address(token)));
        assert(!_permits(token, chainId) && token.nonces(vm.addr(KEY)) == 0);
        assert(_permits(token, chainId + 1) && token.allowance(vm.addr(KEY), address(this)) == 5);
    }

    function test_M22_aCredentialOfOneChainIsNoneOnTheOther() external {
        vm.warp(1_800_000_000);
        Gate gate = new Gate(address(new Authority(address(this))), Gate.Category.Retail);
        gate.listProvider(vm.addr(KEY), true);
        Gate.Credential memory credential = Gate.Credential(
            address(this),
            vm.addr(KEY),
            "US",
            Gate.Category.Retail,
            1_799_999_999,
            3_000_000_000
        );
        uint256 chainId = block.chainid;
        vm.chainId(chainId + 1);
        try gate.present(credential, signed(gate, credential, chainId, KEY)) {
            assert(false);
        } catch {
            assert(!gate.isVerified(address(this)));
        }
        gate.present(credential, signed(gate, credential, chainId + 1, KEY));
        assert(gate.isVerified(address(this)));
    }

    function _permits(ClassToken token, uint256 chainId) private returns (bool passed) {
        address owner = vm.addr(KEY);
        bytes32 domain = domainOf("Rackbond Class", chainId, address(token));
        bytes32 structHash = keccak256(abi.encode(PERMIT_TYPEHASH, owner, address(this), 5, 0, type(uint256).max));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, keccak256(abi.encodePacked(hex"1901", domain, structHash)));
        try token.permit(owner, address(this), 5, type(uint256).max, v, r, s) {
            passed = true;
        } catch {
            passed = false;
        }
    }
}

/// @title Countries and providers share words in the gate: none may touch another's bit.
contract GateBitsTest {
    function test_noTwoCountriesOrProvidersShareABit() external {
        Gate gate = new Gate(address(new Authority(address(this))), Gate.Category.Retail);
        uint256 providers = gate.MAX_PROVIDER_COUNT();
        for (uint256 i = 1; i <= providers; ++i) {
            assert(!gate.isProvider(address(uint160(i))));
            gate.listProvider(address(uint160(i)), true);
        }
        // What is blocked or delisted already would show on the one that shares its bit.
        for (uint16 i = 0; i < 676; ++i) {
            assert(!gate.isBlockedCountry(_country(i)));
            gate.blockCountry(_country(i), true);
        }
        for (uint256 i = 1; i <= providers; ++i) {
            assert(gate.isProvider(address(uint160(i))));
            gate.listProvider(address(uint160(i)), false);
        }
        for (uint16 i = 0; i < 676; ++i) {
            assert(gate.isBlockedCountry(_country(i)));
            gate.blockCountry(_country(i), false);
        }
    }

    function _country(uint16 index) private pure returns (bytes2) {
        return bytes2((uint16(65 + index / 26) << 8) | uint16(65 + (index % 26)));
    }
}
