// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LeaseId, LotId} from "../units.sol";
import {Book, Books} from "./FacilityBook.sol";
import {IFacility, State} from "./IFacility.sol";
import {Payments} from "./Payments.sol";

/// @title How a facility gives its lots up and ends.
/// @notice Runs on the facility's own book, in its name.
library Enforcement {
    using Books for Book;

    /// @notice See `Facility.release`.
    function release(Book storage book, LotId lotId) external {
        book.requirePaying();
        book.requireRepaid();
        require(book.isPledged[lotId], IFacility.Facility_NotPledged(lotId));
        LeaseId leaseId = book.leases.leaseOf(lotId);
        require(LeaseId.unwrap(leaseId) == 0, IFacility.Facility_LotLeased(lotId, leaseId));
        book.isPledged[lotId] = false;
        --book.lotCount;
        emit IFacility.Released(lotId);
        book.registry.releaseLien(lotId);
    }

    /// @notice See `Facility.close`.
    function close(Book storage book) external {
        book.requirePaying();
        book.requireRepaid();
        require(book.lotCount == 0, IFacility.Facility_LotsPledged(book.lotCount));
        uint256 rentAssets = book.receivableAssets();
        require(rentAssets == 0, IFacility.Facility_RentOutstanding(rentAssets));
        // Paid by the list of the state it closes from.
        Payments.pay(book, block.timestamp);
        book.state = State.Closed;
        emit IFacility.FacilityClosed(block.timestamp);
    }
}
