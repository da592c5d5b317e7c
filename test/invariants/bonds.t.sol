// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {Bonds} from "../../contracts/bond/Bonds.sol";
import {MockLots} from "../../contracts/mocks/MockLots.sol";
import {MockToken} from "../../contracts/mocks/MockToken.sol";
import {MockWindows} from "../../contracts/mocks/MockWindows.sol";
import {IRegistry} from "../../contracts/registry/IRegistry.sol";
import {LotId, SiteId} from "../../contracts/units.sol";
import {vm} from "./Vm.sol";

/// @title Plays three accounts on the bonds of two lots, with a court that slashes them; checks every step.
contract BondsPlayer {
    uint256 private constant MOST = 1e15;
    uint256 private constant ACCOUNTS = 3;
    uint256 private constant LOTS = 2;

    Bonds public immutable bonds;
    MockToken public immutable coin;
    MockLots public immutable lots;
    address public immutable treasury = address(0x7EA);
    address[ACCOUNTS] public accounts = [address(0xA11CE), address(0xB0B), address(0xCA401)];
    bytes32[] public lossIds;
    uint256 public nowAt = 1e9;
    uint256 public faultCount;
    mapping(bytes4 verb => uint256) public doneCount;
    /// @notice The first thing that went wrong; the runner ignores steps that revert, so it is kept.
    string public broken;

    constructor() {
        vm.warp(nowAt);
        coin = new MockToken(6);
        lots = new MockLots();
        for (uint64 i = 1; i <= LOTS; ++i) {
            lots.setLot(
                LotId.wrap(i),
                IRegistry.Lot(SiteId.wrap(1), address(this), 8, 700, "H100", 1e9, 1, bytes32(uint256(i)))
            );
        }
        bonds = new Bonds(
            address(new AccessManager(address(this))),
            Bonds.Settings(coin, lots, new MockWindows(100, 100), treasury, 201, 500, 1e6, 1000)
        );
        for (uint256 i; i < ACCOUNTS; ++i) {
            coin.mint(accounts[i], MOST);
            vm.prank(accounts[i]);
            coin.approve(address(bonds), type(uint256).max);
        }
    }

    function post(uint8 which, uint8 who, uint64 assets) external {
        bytes32 bondId = _bondId(which);
        (uint256 before, , ) = bonds.stakeOf(bondId, _account(who));
        vm.prank(_account(who));
        bonds.post(bondId, 1 + (assets % 1e10));
        (uint256 worth, , ) = bonds.stakeOf(bondId, _account(who));
        // The unit that rounding took from the stake before may come back with the next one.
        _check("a post is worth more than was paid", worth <= before + 1 + (assets % 1e10) + 1);
        ++doneCount[this.post.selector];
    }

    function startUnbonding(uint8 which, uint8 who, uint64 assets) external {
        bytes32 bondId = _bondId(which);
        (uint256 worth, , ) = bonds.stakeOf(bondId, _account(who));
        if (worth == 0) return;
        vm.prank(_account(who));
        try bonds.startUnbonding(bondId, 1 + (assets % worth)) {
            ++doneCount[this.startUnbonding.selector];
        } catch {
            _check("a stake could not be asked for", _isPledged(which));
        }
    }

    function withdraw(uint8 which, uint8 who) external {
        address account = _account(who);
        bytes32 bondId = _bondId(which);
        (, uint256 worth, uint64 unbondsAt) = bonds.stakeOf(bondId, account);
        vm.prank(account);
        try bonds.withdraw(bondId, account) returns (uint256 assets) {
            _check("a withdrawal before its time, or of another sum", assets == worth && block.timestamp >= unbondsAt);
            _check("a withdrawal that a lien holder relied on", !_isPledged(which) || _hasEnough(which));
            ++doneCount[this.withdraw.selector];
        } catch {
            bool isDue = worth != 0 && block.timestamp >= unbondsAt;
            _check("a withdrawal refused at its time", !isDue || (_isPledged(which) && !_hasEnough(which)));
        }
    }

    /// @dev The lots are pledged now and then: each has to hold a twentieth of its cost meanwhile.
    function pledge(uint8 which, bool isPledged) external {
        if (isPledged) lots.takeLien(_lotId(which));
        else lots.releaseLien(_lotId(which));
    }

    function slash(uint8 which, uint8 who, uint64 assets, uint16 bountyBps, uint16 burnBps) external {
        bytes32 bondId = _bondId(which);
        bytes32 faultId = bytes32(++faultCount);
        bountyBps %= 10_001;
        burnBps %= 10_001 - bountyBps;
        uint256 had = bonds.slashableAssets(bondId);
        uint256 asked = assets % 1e10;
        uint256 taken = bonds.slash(bondId, faultId, asked, treasury, _account(who), bountyBps, burnBps);
        _check("more or less was taken than was there", taken == (asked < had ? asked : had));
        _check("a bond kept what was taken", bonds.slashableAssets(bondId) == had - taken);
        lossIds.push(bonds.lossIdOf(bondId, faultId));
        try bonds.slash(bondId, faultId, 1, treasury, treasury, 0, 0) {
            _check("a fault was slashed twice", false);
        } catch {}
        ++doneCount[this.slash.selector];
    }

    function giveCover(uint8 which, uint8 who, uint64 assets, uint16 lastingSec) external {
        vm.prank(_account(who));
        bonds.giveCover(_lotId(which), 1 + (assets % 1e10), uint64(block.timestamp + 1 + lastingSec));
        ++doneCount[this.giveCover.selector];
    }

    function meetLoss(uint256 which, uint8 coverCount) external {
        if (lossIds.length == 0) return;
        bytes32 lossId = lossIds[which % lossIds.length];
        (, , , uint256 owed, ) = bonds.losses(lossId);
        if (owed == 0) return;
        uint256 met = bonds.meetLoss(lossId, coverCount % 4);
        (, , , uint256 left, ) = bonds.losses(lossId);
        _check("a loss was met by another sum", met + left == owed);
        if (met > 0) ++doneCount[this.meetLoss.selector];
    }

    function endCover(uint8 which, uint8 coverIndex) external {
        LotId lotId = _lotId(which);
        uint256 count = bonds.coverCount(lotId);
        if (count == 0) return;
        Bonds.Cover memory cover = bonds.coverAt(lotId, coverIndex % count);
        vm.prank(cover.insurer);
        try bonds.endCover(lotId, coverIndex % count, cover.insurer) {
            _check("a cover ended before its time", block.timestamp > cover.expiresAt + bonds.unbondingSec());
            ++doneCount[this.endCover.selector];
        } catch {}
    }

    function claim(uint8 who) external {
        address account = who % 4 == 3 ? treasury : _account(who);
        uint256 owed = bonds.claimableAssets(account);
        if (owed == 0) return;
        uint256 had = coin.balanceOf(account);
        bonds.claim(account);
        _check("another claim than was owed", coin.balanceOf(account) == had + owed);
        ++doneCount[this.claim.selector];
    }

    function donate(uint32 assets) external {
        coin.mint(address(bonds), assets);
    }

    function wait(uint16 seconds_) external {
        nowAt += seconds_ % 512;
        vm.warp(nowAt);
    }

    /// @notice The sums that the ledger stands for, added up one by one.
    function owedAssets() external view returns (uint256 assets) {
        assets = bonds.burnedAssets() + bonds.claimableAssets(treasury);
        for (uint256 i; i < ACCOUNTS; ++i) assets += bonds.claimableAssets(accounts[i]);
        for (uint8 i; i < LOTS; ++i) {
            assets += bonds.slashableAssets(_bondId(i));
            uint256 count = bonds.coverCount(_lotId(i));
            for (uint256 j; j < count; ++j) assets += bonds.coverAt(_lotId(i), j).assets;
        }
    }

    /// @notice What all stakes in a bond are worth.
    function stakedAssets(uint8 which) external view returns (uint256 assets) {
        for (uint256 i; i < ACCOUNTS; ++i) {
            (uint256 standing, uint256 unbonding, ) = bonds.stakeOf(_bondId(which), accounts[i]);
            assets += standing + unbonding;
        }
    }

    function _check(string memory what, bool holds) private {
        if (!holds && bytes(broken).length == 0) broken = what;
    }

    function _isPledged(uint8 which) private view returns (bool) {
        return lots.lienHolder(_lotId(which)) != address(0);
    }

    function _hasEnough(uint8 which) private view returns (bool) {
        return bonds.standingAssets(_bondId(which)) >= bonds.requiredLotAssets(_lotId(which));
    }

    function _account(uint8 who) private view returns (address) {
        return accounts[who % ACCOUNTS];
    }

    function _lotId(uint8 which) private pure returns (LotId) {
        return LotId.wrap(uint64(1 + (which % LOTS)));
    }

    function _bondId(uint8 which) private view returns (bytes32) {
        return bonds.lotBondId(_lotId(which));
    }
}

/// @title Bonds: balance ≥ stakes, those unbonding included, + cover + claims, after any sequence of calls.
contract BondsTest {
    BondsPlayer private _player;

    function setUp() external {
        _player = new BondsPlayer();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_player);
    }

    function invariant_M32_everyUnitIsSomebodysOnce() external view {
        Bonds bonds = _player.bonds();
        require(bytes(_player.broken()).length == 0, _player.broken());
        require(bonds.ledgerAssets() == _player.owedAssets(), "the ledger is not the sum of its parts");
        require(_player.coin().balanceOf(address(bonds)) >= bonds.ledgerAssets(), "the balance is below the ledger");
        for (uint8 i; i < 2; ++i) {
            require(
                _player.stakedAssets(i) <= bonds.slashableAssets(bonds.lotBondId(LotId.wrap(i + 1))),
                "stakes are worth more than their bond"
            );
        }
    }
}
