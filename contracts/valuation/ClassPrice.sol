// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

import {IFacility} from "../facility/IFacility.sol";
import {IAggregatorV3, IPrice} from "./IPrice.sol";
import {Valuation} from "./Valuation.sol";

/// @title The price of one class of one facility, in the facility's own settlement token, as a market wants it and as a
/// Chainlink feed.
///
/// - Immutable, without roles. The loan token of a market that uses it must be `loanAsset`: no currency is assumed
///   equal to another.
/// - price = classPriceWad · 1e18 · 10^(decimals of the asset) / 10^(decimals of the share): units of asset per unit of
///   share, scaled by 1e36, rounded down. Reverts when there is none to act on; see `Valuation.classPriceWad`.
/// - As a feed it answers the same figure in whole tokens per whole share, with 18 decimals. A round is an appraisal:
///   its id and `updatedAt` are the time of its oldest input. A stale price is answered with its own age, for the
///   reader to judge; where there is none, or it is held, it reverts. Only the latest round is known.
/// - Where an uptime feed of a sequencer is given, there is no price until it has been up for an hour.
contract ClassPrice is IPrice, IAggregatorV3 {
    uint256 private constant GRACE_SEC = 1 hours;

    Valuation public immutable valuation;
    address public immutable facility;
    uint256 public immutable classIndex;
    address public immutable classToken;
    address public immutable loanAsset;
    /// @notice The uptime feed of a layer 2's sequencer; 0 where there is none.
    IAggregatorV3 public immutable sequencer;
    uint256 private immutable _scaleUp;
    uint256 private immutable _scaleDown;

    /// @inheritdoc IAggregatorV3
    uint8 public immutable decimals = 18;
    /// @inheritdoc IAggregatorV3
    uint256 public immutable version = 1;
    /// @inheritdoc IAggregatorV3
    string public description;

    /// The sequencer is down, or not yet up for so long; its feed has no answer: `upSinceAt` is 0.
    error ClassPrice_SequencerDown(uint256 upSinceAt, uint256 graceSec, uint256 nowAt);

    /// @param classIndex_ senior first, the residual last; an unknown one is refused by the facility
    constructor(Valuation valuation_, address facility_, uint256 classIndex_, IAggregatorV3 sequencer_) {
        valuation = valuation_;
        facility = facility_;
        classIndex = classIndex_;
        sequencer = sequencer_;
        classToken = IFacility(facility_).classToken(classIndex_);
        loanAsset = IFacility(facility_).asset();
        _scaleUp = 10 ** (18 + IERC20Metadata(loanAsset).decimals());
        _scaleDown = 10 ** IERC20Metadata(classToken).decimals();
        description = string.concat(IERC20Metadata(classToken).symbol(), " / ", IERC20Metadata(loanAsset).symbol());
    }

    /// @inheritdoc IPrice
    /// @dev Errors: ClassPrice_SequencerDown, those of `Valuation.classPriceWad`.
    function price() external view returns (uint256) {
        _requireUp();
        return (valuation.classPriceWad(facility, classIndex) * _scaleUp) / _scaleDown;
    }

    /// @inheritdoc IAggregatorV3
    function latestRoundData()
        public
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        _requireUp();
        (uint256 priceWad, uint64 computedAt) = valuation.latestPriceWad(facility, classIndex);
        return (uint80(computedAt), int256(priceWad), computedAt, computedAt, uint80(computedAt));
    }

    /// @inheritdoc IAggregatorV3
    function getRoundData(
        uint80 roundId_
    )
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        (roundId, answer, startedAt, updatedAt, answeredInRound) = latestRoundData();
        // solhint-disable-next-line gas-custom-errors
        require(roundId == roundId_, "No data present");
    }

    function _requireUp() private view {
        if (address(sequencer) == address(0)) return;
        (, int256 answer, uint256 startedAt, , ) = sequencer.latestRoundData();
        uint256 upSinceAt = answer == 0 ? startedAt : 0;
        require(
            upSinceAt != 0 && block.timestamp >= upSinceAt + GRACE_SEC,
            ClassPrice_SequencerDown(upSinceAt, GRACE_SEC, block.timestamp)
        );
    }
}
