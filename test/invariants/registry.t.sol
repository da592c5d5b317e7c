// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

import {Registry} from "../../contracts/registry/Registry.sol";
import {LotId, SiteId} from "../../contracts/units.sol";
import {vm} from "./Vm.sol";

/// @title A lot's lien and evidence, against the plainest model of them, through any sequence of calls.
contract RegistryTest {
    uint256 private constant LOTS = 2;
    uint256 private constant ACTORS = 3; // actor 0 operates the lots

    Registry private _registry;
    address[LOTS] private _offeredTo;
    address[LOTS] private _holder;

    function setUp() external {
        _registry = new Registry(address(new AccessManager(address(this))));
        bytes32 modelId = _registry.addModel("H100 SXM", 700);
        vm.prank(_actor(0));
        SiteId siteId = _registry.registerSite("US", "ERCOT");
        for (uint256 i; i < LOTS; ++i) {
            vm.prank(_actor(0));
            _registry.registerLot(siteId, modelId, 8, 1, 1, "root");
        }
    }

    function testFuzz_E08_aLienMovesOnlyByOfferTakeAndRelease(uint256 seed) external {
        for (uint256 i; i < 48; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 place = (seed >> 8) % LOTS;
            LotId lotId = LotId.wrap(uint64(place + 1));
            address caller = _actor((seed >> 16) % ACTORS);
            address to = (seed >> 24) % 8 == 0 ? address(0) : _actor((seed >> 32) % ACTORS);
            vm.prank(caller);
            if (seed % 3 == 0) _offer(place, lotId, caller, to);
            else if (seed % 3 == 1) _take(place, lotId, caller);
            else _release(place, lotId, caller);
            for (uint256 j; j < LOTS; ++j) {
                assert(_registry.lienHolder(LotId.wrap(uint64(j + 1))) == _holder[j]);
                assert(_registry.lienOfferedTo(LotId.wrap(uint64(j + 1))) == _offeredTo[j]);
            }
        }
    }

    function testFuzz_E09_evidenceHoldsUntilItExpires(uint8 class, uint64 expiresAt, uint64 laterAt) external {
        uint64 nowAt = uint64(block.timestamp);
        bool isValid = class >= 1 && class <= 4 && expiresAt > nowAt; // else not one level of it stands
        try _registry.attest(LotId.wrap(1), class, expiresAt, "evidence") {
            assert(isValid);
        } catch {
            assert(!isValid);
        }
        if (laterAt < nowAt) laterAt += nowAt;
        vm.warp(laterAt);
        assert(_registry.evidenceClass(LotId.wrap(1)) == (isValid && laterAt < expiresAt ? class : 0));
        assert(_registry.evidenceClass(LotId.wrap(2)) == 0);
    }

    function _offer(uint256 place, LotId lotId, address caller, address to) private {
        bool isAllowed = caller == _actor(0) && _holder[place] == address(0);
        try _registry.offerLien(lotId, to) {
            assert(isAllowed);
            _offeredTo[place] = to;
        } catch {
            assert(!isAllowed);
        }
    }

    function _take(uint256 place, LotId lotId, address caller) private {
        bool isAllowed = _offeredTo[place] == caller && _holder[place] == address(0);
        try _registry.takeLien(lotId) {
            assert(isAllowed);
            (_offeredTo[place], _holder[place]) = (address(0), caller);
        } catch {
            assert(!isAllowed);
        }
    }

    function _release(uint256 place, LotId lotId, address caller) private {
        bool isAllowed = _holder[place] == caller;
        try _registry.releaseLien(lotId) {
            assert(isAllowed);
            _holder[place] = address(0);
        } catch {
            assert(!isAllowed);
        }
    }

    function _actor(uint256 index) private pure returns (address) {
        return address(uint160(0xA11CE + index));
    }
}
