// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {DAY_SEC} from "../calendar.sol";
import {IRateIndex} from "../lease/IRateIndex.sol";
import {BPS} from "../units.sol";

/// @title What an hour of a GPU costs, by model and day, in US dollars: the median of what publishers signed.
///
/// A rate
/// - Each publisher signs one quote for a model and a day (UTC). Once the day is over anyone may fix its rate, by the
///   quotes of more than half of the listed publishers, and of at least three: their median, of an even number the
///   mean of the two in the middle, rounded down.
/// - A rate is fixed once and never changes. A day that nobody fixed has none (0); nothing is carried forward.
///
/// Guards. They pause, and never clamp: a set of quotes that one refuses fixes nothing.
/// - Spread: the highest quote less the lowest is at most `maxSpreadBps` of the median.
/// - Deviation: the rate is within `maxDeviationBps` of the newest one that was fixed before it, if that is of an
///   earlier day and at most thirty days older. So a leap of the market pauses the index for thirty days at most; the
///   days between can then be fixed.
///
/// Roles
/// - The AccessManager's role lists publishers. It can choose who is asked; it cannot sign for them.
/// - Who fixes a day chooses among sets of quotes that all pass, so a rate is as exact as its spread.
contract ComputeIndex is IRateIndex, AccessManaged, EIP712 {
    // Types

    struct Quote {
        address publisher;
        bytes32 modelId;
        uint64 dayAt; // midnight UTC
        uint256 rateWad; // US dollars per GPU-hour
    }

    struct Fixing {
        uint192 rateWad;
        uint64 dayAt;
    }

    event PublisherListed(address indexed publisher, bool isListed, uint256 publisherCount);
    event Fixed(
        bytes32 indexed modelId,
        uint64 indexed dayAt,
        uint256 rateWad,
        uint256 lowestWad,
        uint256 highestWad,
        uint256 quoteCount
    );

    /// A limit of zero, or fewer than three quotes.
    error ComputeIndex_BadLimits(uint256 minQuoteCount, uint16 maxSpreadBps, uint16 maxDeviationBps);
    error ComputeIndex_TooManyPublishers(uint256 publisherCount, uint256 maxCount);
    error ComputeIndex_TooFewQuotes(uint256 quoteCount, uint256 neededCount);
    error ComputeIndex_WrongSignatureCount(uint256 signatureCount, uint256 quoteCount);
    error ComputeIndex_NotMidnight(uint64 dayAt);
    error ComputeIndex_DayNotOver(uint64 dayAt, uint256 overAt);
    error ComputeIndex_Fixed(bytes32 modelId, uint64 dayAt, uint256 rateWad);
    /// A quote of another model or day than the first.
    error ComputeIndex_OtherQuote(address publisher, bytes32 modelId, uint64 dayAt);
    /// Not in ascending order of publishers, or one twice.
    error ComputeIndex_Unsorted(address publisher);
    error ComputeIndex_NotListed(address publisher);
    error ComputeIndex_BadRate(address publisher, uint256 rateWad);
    error ComputeIndex_BadSignature(address publisher);
    error ComputeIndex_Spread(uint256 lowestWad, uint256 highestWad, uint256 medianWad);
    error ComputeIndex_Deviation(uint256 rateWad, uint256 lastWad, uint64 lastDayAt);

    // Immutables

    /// @notice EIP-712 type hash of what a publisher signs.
    bytes32 public constant QUOTE_TYPEHASH = keccak256(
        "Quote(address publisher,bytes32 modelId,uint64 dayAt,uint256 rateWad)"
    );

    /// @notice The most publishers that may be listed: it bounds what fixing a day costs.
    uint256 public constant MAX_PUBLISHER_COUNT = 32;

    uint256 private constant LEAST_QUOTES = 3;
    uint256 private constant MEMORY_SEC = 30 days;
    uint256 private constant MAX_RATE_WAD = type(uint128).max;

    /// @notice The least number of quotes that fix a rate.
    uint256 public immutable minQuoteCount;
    /// @notice The most that the highest and the lowest quote may be apart, in parts of the median.
    uint16 public immutable maxSpreadBps;
    /// @notice The most that a rate may be off the one before, in parts of that.
    uint16 public immutable maxDeviationBps;

    // Storage

    /// @notice Whose quotes count.
    mapping(address publisher => bool) public isPublisher;
    /// @notice How many publishers are listed.
    uint256 public publisherCount;
    /// @inheritdoc IRateIndex
    mapping(bytes32 modelId => mapping(uint64 dayAt => uint256)) public rateWad;
    /// @notice How often a day was fixed that is newer than all of its model before: what was valued until then is old.
    uint32 public newestCount;
    mapping(bytes32 modelId => Fixing) private _newest;

    /// @param authority the AccessManager
    constructor(
        address authority,
        uint256 minQuoteCount_,
        uint16 maxSpreadBps_,
        uint16 maxDeviationBps_
    ) AccessManaged(authority) EIP712("Rackbond Compute Index", "1") {
        require(
            minQuoteCount_ >= LEAST_QUOTES && maxSpreadBps_ > 0 && maxDeviationBps_ > 0,
            ComputeIndex_BadLimits(minQuoteCount_, maxSpreadBps_, maxDeviationBps_)
        );
        (minQuoteCount, maxSpreadBps, maxDeviationBps) = (minQuoteCount_, maxSpreadBps_, maxDeviationBps_);
    }

    // Verbs

    /// @notice Lists a publisher (a key or an ERC-1271 contract), or takes it off the list.
    function listPublisher(address publisher, bool isListed) external restricted {
        if (isPublisher[publisher] == isListed) return;
        isPublisher[publisher] = isListed;
        uint256 count = isListed ? publisherCount + 1 : publisherCount - 1;
        require(count <= MAX_PUBLISHER_COUNT, ComputeIndex_TooManyPublishers(count, MAX_PUBLISHER_COUNT));
        publisherCount = count;
        emit PublisherListed(publisher, isListed, count);
    }

    /// @notice Fixes the rate of the model and day that all quotes are for; anyone may.
    /// @param quotes in ascending order of their publishers
    /// @param signatures of the quotes, in their order
    /// @dev Errors: ComputeIndex_TooFewQuotes, _WrongSignatureCount, _NotMidnight, _DayNotOver, _Fixed, _OtherQuote,
    /// _Unsorted, _NotListed, _BadRate, _BadSignature, _Spread, _Deviation.
    function fix(Quote[] calldata quotes, bytes[] calldata signatures) external returns (uint256 fixedWad) {
        uint256 count = quotes.length;
        uint256 neededCount = Math.max(minQuoteCount, publisherCount / 2 + 1);
        require(count >= neededCount, ComputeIndex_TooFewQuotes(count, neededCount));
        require(signatures.length == count, ComputeIndex_WrongSignatureCount(signatures.length, count));
        (bytes32 modelId, uint64 dayAt) = (quotes[0].modelId, quotes[0].dayAt);
        require(dayAt % DAY_SEC == 0, ComputeIndex_NotMidnight(dayAt));
        require(block.timestamp >= dayAt + DAY_SEC, ComputeIndex_DayNotOver(dayAt, dayAt + DAY_SEC));
        require(rateWad[modelId][dayAt] == 0, ComputeIndex_Fixed(modelId, dayAt, rateWad[modelId][dayAt]));

        uint256[] memory sortedWad = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            _checkQuote(quotes, i, signatures[i]);
            _insert(sortedWad, i, quotes[i].rateWad);
        }
        fixedWad = (sortedWad[(count - 1) / 2] + sortedWad[count / 2]) / 2;
        (uint256 lowestWad, uint256 highestWad) = (sortedWad[0], sortedWad[count - 1]);
        require(
            (highestWad - lowestWad) * BPS <= fixedWad * maxSpreadBps,
            ComputeIndex_Spread(lowestWad, highestWad, fixedWad)
        );
        _checkDeviation(modelId, dayAt, fixedWad);

        rateWad[modelId][dayAt] = fixedWad;
        if (dayAt > _newest[modelId].dayAt) {
            _newest[modelId] = Fixing(uint192(fixedWad), dayAt);
            ++newestCount;
        }
        emit Fixed(modelId, dayAt, fixedWad, lowestWad, highestWad, count);
    }

    // Views

    /// @notice The newest day of a model whose rate was fixed, with its rate; zeros where none was.
    function newest(bytes32 modelId) external view returns (uint64 dayAt, uint256 newestWad) {
        return (_newest[modelId].dayAt, _newest[modelId].rateWad);
    }

    /// @notice The digest a publisher signs.
    function digestOf(Quote calldata quote) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(QUOTE_TYPEHASH, quote)));
    }

    // Internal

    function _checkQuote(Quote[] calldata quotes, uint256 i, bytes calldata signature) private view {
        Quote calldata quote = quotes[i];
        address publisher = quote.publisher;
        require(
            quote.modelId == quotes[0].modelId && quote.dayAt == quotes[0].dayAt,
            ComputeIndex_OtherQuote(publisher, quote.modelId, quote.dayAt)
        );
        require(i == 0 || quotes[i - 1].publisher < publisher, ComputeIndex_Unsorted(publisher));
        require(isPublisher[publisher], ComputeIndex_NotListed(publisher));
        require(quote.rateWad > 0 && quote.rateWad <= MAX_RATE_WAD, ComputeIndex_BadRate(publisher, quote.rateWad));
        require(
            SignatureChecker.isValidSignatureNowCalldata(publisher, digestOf(quote), signature),
            ComputeIndex_BadSignature(publisher)
        );
    }

    function _checkDeviation(bytes32 modelId, uint64 dayAt, uint256 fixedWad) private view {
        Fixing memory last = _newest[modelId];
        if (last.dayAt >= dayAt || dayAt - last.dayAt > MEMORY_SEC) return;
        uint256 offWad = fixedWad > last.rateWad ? fixedWad - last.rateWad : last.rateWad - fixedWad;
        require(
            offWad * BPS <= uint256(last.rateWad) * maxDeviationBps,
            ComputeIndex_Deviation(fixedWad, last.rateWad, last.dayAt)
        );
    }

    /// @dev Puts a value into the first `count` of a list, which are sorted.
    function _insert(uint256[] memory sortedWad, uint256 count, uint256 valueWad) private pure {
        while (count > 0 && sortedWad[count - 1] > valueWad) {
            sortedWad[count] = sortedWad[count - 1];
            --count;
        }
        sortedWad[count] = valueWad;
    }
}
