// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ILeases} from "../lease/ILeases.sol";
import {Invoice} from "../lease/Invoice.sol";
import {ITelemetry} from "../telemetry/ITelemetry.sol";

/// @title Runs the invoice's vectors.
contract MockInvoice {
    function compute(
        ILeases.Terms calldata terms,
        ITelemetry.Meter calldata from,
        ITelemetry.Meter calldata to,
        Invoice.Span calldata span
    ) external pure returns (ILeases.Statement memory) {
        return Invoice.compute(terms, from, to, span);
    }
}
