// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title Who may do what after which delay: the one OpenZeppelin AccessManager that every contract answers to.
contract Authority is AccessManager {
    constructor(address admin) AccessManager(admin) {}
}
