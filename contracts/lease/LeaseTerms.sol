// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {DAY_SEC, addMonths} from "../calendar.sol";
import {IRegistry} from "../registry/IRegistry.sol";
import {BPS, LeaseId, LotId} from "../units.sol";
import {ILeases, ILienholder} from "./ILeases.sol";

/// @title What terms may say, how they are signed and how they are kept. Linked to the leases: its own code, their
/// storage.
library LeaseTerms {
    using LowLevelCall for address;

    /// @notice EIP-712 type hash of the terms that a lessee signs.
    bytes32 public constant TERMS_TYPEHASH = keccak256(
        "Terms(uint64 lotId,address lessee,address payee,address asset,uint8 pricing,uint64 startAt,"
        "uint32 periodCount,uint256 baseRentAssets,uint256 gpuHourRateAssets,IndexClause index,"
        "EfficiencyClause efficiency,PaymentClause payment,ExitClause exit,bool tripleNet,bool relatedParty,"
        "uint8 lesseeBucket,bytes2[] countries,SlaStep[] sla,bytes32 documentHash,bytes32 salt)"
        "EfficiencyClause(uint8 metric,uint32 targetUnits,uint16 sharedBps,uint16 maxBps,uint256 kWhRateAssets)"
        "ExitClause(uint32 minPeriodCount,uint32 noticeSec,uint32 renewalPeriodCount,uint16 renewalRentBps,"
        "uint256 terminationFeeAssets,uint256 purchaseAssets)"
        "IndexClause(address source,uint16 participationBps,uint256 floorAssets,uint256 capAssets)"
        "PaymentClause(uint32 dueSec,uint16 lateFeeBps,uint32 cureSec,uint32 prepaidMonthCount,uint256 depositAssets)"
        "SlaStep(uint16 availabilityBps,uint16 creditBps)"
    );

    bytes32 private constant EFFICIENCY_TYPEHASH = keccak256(
        "EfficiencyClause(uint8 metric,uint32 targetUnits,uint16 sharedBps,uint16 maxBps,uint256 kWhRateAssets)"
    );
    bytes32 private constant EXIT_TYPEHASH = keccak256(
        "ExitClause(uint32 minPeriodCount,uint32 noticeSec,uint32 renewalPeriodCount,uint16 renewalRentBps,"
        "uint256 terminationFeeAssets,uint256 purchaseAssets)"
    );
    bytes32 private constant INDEX_TYPEHASH = keccak256(
        "IndexClause(address source,uint16 participationBps,uint256 floorAssets,uint256 capAssets)"
    );
    bytes32 private constant PAYMENT_TYPEHASH = keccak256(
        "PaymentClause(uint32 dueSec,uint16 lateFeeBps,uint32 cureSec,uint32 prepaidMonthCount,uint256 depositAssets)"
    );
    bytes32 private constant SLA_STEP_TYPEHASH = keccak256("SlaStep(uint16 availabilityBps,uint16 creditBps)");

    /// @notice The longest term, renewed or not: twenty years of months.
    uint32 public constant MAX_PERIOD_COUNT = 240;

    /// @notice The longest time between acceptance and start, of a notice, and to cure.
    uint64 public constant MAX_AHEAD_SEC = 366 days;

    /// @notice The longest time from an invoice to its due time.
    uint32 public constant MAX_DUE_SEC = 91 days;

    /// @notice The most steps an SLA table, and the most countries a list may have.
    uint256 public constant MAX_SLA_COUNT = 8;
    uint256 public constant MAX_COUNTRY_COUNT = 16;

    // A rent beyond this is a mistake or an attempt to overflow the payee's totals. Times 2^64 GPU-seconds ÷ 3,600,
    // seven times over at a renewal and twice with a bonus, it is still below 2^192.
    uint256 private constant MAX_ASSETS = type(uint128).max;
    uint8 private constant MAX_DECIMAL_COUNT = 18;

    /// @notice Refuses what the leases do not take, whoever signed it. Gives the decimals of an index-linked lease's
    /// token, else 0.
    function check(ILeases.Terms calldata terms, IRegistry registry) external view returns (uint8 assetDecimalCount) {
        checkPayee(terms.lotId, terms.payee, terms.asset, registry);
        require(!registry.isRetired(terms.lotId), ILeases.Lease_LotRetired(terms.lotId));
        require(terms.asset != address(0), ILeases.Lease_NoAsset(terms.lotId));
        _checkPeriods(terms);
        _checkRent(terms);
        assetDecimalCount = _checkIndex(terms);
        _checkEfficiency(terms.efficiency);
        _checkPayment(terms);
        _checkExit(terms);
        require(
            !terms.tripleNet ||
                (terms.pricing == ILeases.Pricing.TakeOrPay &&
                    terms.sla.length == 0 &&
                    terms.efficiency.metric == ILeases.EfficiencyMetric.None),
            ILeases.Lease_NotNet(terms.pricing, terms.sla.length, terms.efficiency.metric)
        );
        _checkCountry(terms, registry);
        _checkSla(terms.sla);
    }

    /// @notice Refuses a payee that is neither the lien holder nor, without a lien, the operator. Were any allowed, two
    /// strangers could inflate a facility's receivables with a lease of their own. A payee that is a contract and gives
    /// a reason against it is not made one.
    function checkPayee(LotId lotId, address payee, address asset, IRegistry registry) public view {
        address expected = registry.lienHolder(lotId);
        if (expected == address(0)) expected = registry.lot(lotId).operator;
        require(payee == expected, ILeases.Lease_WrongPayee(payee, expected));
        bool isLet = payee.staticcallNoReturn(abi.encodeCall(ILienholder.requireLet, (lotId, asset)));
        if (!isLet && LowLevelCall.returnDataSize() > 0) LowLevelCall.bubbleRevert();
    }

    /// @notice Refuses a caller that is not the lien holder, a payee that is not the operator, and a lot that was
    /// bought.
    function checkTaker(
        ILeases.Terms storage terms,
        ILeases.Status storage status,
        LeaseId leaseId,
        IRegistry registry
    ) external view {
        address holder = registry.lienHolder(terms.lotId);
        require(msg.sender == holder, ILeases.Lease_NotLienHolder(leaseId, msg.sender, holder));
        address operator = registry.lot(terms.lotId).operator;
        require(status.payee == operator, ILeases.Lease_WrongPayee(status.payee, operator));
        require(status.purchaser == address(0), ILeases.Lease_Bought(leaseId, status.purchaser));
    }

    /// @notice Refuses a signature that is not the lessee's (EOA or ERC-1271).
    function checkSignature(address lessee, bytes32 digest, bytes calldata signature) external view {
        bool isValid = SignatureChecker.isValidSignatureNowCalldata(lessee, digest, signature);
        require(isValid, ILeases.Lease_BadSignature(lessee));
    }

    /// @notice Refuses a lot that its purchaser does not operate.
    function checkHandedOver(LotId lotId, LeaseId leaseId, address purchaser, IRegistry registry) external view {
        address operator = registry.lot(lotId).operator;
        require(operator == purchaser, ILeases.Lease_NotHandedOver(leaseId, purchaser, operator));
    }

    /// @notice Refuses a price that the lien holder, where it is a contract, does not give the lot up for.
    function checkPrice(ILeases.Terms storage terms, LeaseId leaseId, IRegistry registry) external view {
        address holder = registry.lienHolder(terms.lotId);
        if (holder.code.length == 0) return;
        uint256 assets = terms.exit.purchaseAssets;
        uint256 leastAssets = ILienholder(holder).releaseAssets(terms.lotId, terms.asset);
        require(assets >= leastAssets, ILeases.Lease_PriceTooLow(leaseId, assets, leastAssets));
    }

    /// @notice Refuses an early end, or a purchase, before the lessee may.
    function checkEarliest(ILeases.Terms storage terms, LeaseId leaseId, uint256 askedAt) external view {
        uint256 earliestAt = addMonths(terms.startAt, terms.exit.minPeriodCount);
        require(askedAt >= earliestAt, ILeases.Lease_TooEarly(leaseId, askedAt, earliestAt));
    }

    /// @notice Whether the lot's country is among those of the terms.
    function isLocated(ILeases.Terms storage terms, IRegistry registry) external view returns (bool) {
        uint256 count = terms.countries.length;
        if (count == 0) return true;
        bytes2 country = registry.country(terms.lotId);
        for (uint256 i = 0; i < count; ++i) {
            if (terms.countries[i] == country) return true;
        }
        return false;
    }

    /// @notice Keeps terms, field by field: the compiler does not copy a struct that holds an array of structs.
    function store(ILeases.Terms storage stored, ILeases.Terms calldata terms) external {
        stored.lotId = terms.lotId;
        stored.lessee = terms.lessee;
        stored.payee = terms.payee;
        stored.asset = terms.asset;
        stored.pricing = terms.pricing;
        stored.startAt = terms.startAt;
        stored.periodCount = terms.periodCount;
        stored.baseRentAssets = terms.baseRentAssets;
        stored.gpuHourRateAssets = terms.gpuHourRateAssets;
        stored.index = terms.index;
        stored.efficiency = terms.efficiency;
        stored.payment = terms.payment;
        stored.exit = terms.exit;
        stored.tripleNet = terms.tripleNet;
        stored.relatedParty = terms.relatedParty;
        stored.lesseeBucket = terms.lesseeBucket;
        stored.countries = terms.countries;
        for (uint256 i = 0; i < terms.sla.length; ++i) stored.sla.push(terms.sla[i]);
        stored.documentHash = terms.documentHash;
        stored.salt = terms.salt;
    }

    /// @notice The EIP-712 struct hash of terms.
    function hash(ILeases.Terms calldata terms) external pure returns (bytes32) {
        bytes32[] memory steps = new bytes32[](terms.sla.length);
        for (uint256 i = 0; i < steps.length; ++i) steps[i] = keccak256(abi.encode(SLA_STEP_TYPEHASH, terms.sla[i]));
        // In parts: the compiler cannot hold all the words at once.
        bytes memory head = abi.encode(
            TERMS_TYPEHASH,
            terms.lotId,
            terms.lessee,
            terms.payee,
            terms.asset,
            terms.pricing,
            terms.startAt,
            terms.periodCount,
            terms.baseRentAssets,
            terms.gpuHourRateAssets
        );
        bytes memory clauses = abi.encode(
            keccak256(abi.encode(INDEX_TYPEHASH, terms.index)),
            keccak256(abi.encode(EFFICIENCY_TYPEHASH, terms.efficiency)),
            keccak256(abi.encode(PAYMENT_TYPEHASH, terms.payment)),
            keccak256(abi.encode(EXIT_TYPEHASH, terms.exit))
        );
        bytes memory tail = abi.encode(
            terms.tripleNet,
            terms.relatedParty,
            terms.lesseeBucket,
            keccak256(abi.encodePacked(terms.countries)),
            keccak256(abi.encodePacked(steps)),
            terms.documentHash,
            terms.salt
        );
        return keccak256(bytes.concat(head, clauses, tail));
    }

    /// @dev Without these bounds two accomplices could keep a pledged lot let, and its facility open, for ever.
    function _checkPeriods(ILeases.Terms calldata terms) private view {
        require(
            terms.periodCount > 0 && terms.periodCount <= MAX_PERIOD_COUNT,
            ILeases.Lease_BadPeriods(terms.lotId, terms.periodCount, MAX_PERIOD_COUNT)
        );
        require(terms.startAt % DAY_SEC == 0, ILeases.Lease_NotMidnight(terms.startAt));
        uint256 earliestAt = block.timestamp - (block.timestamp % DAY_SEC);
        require(terms.startAt >= earliestAt, ILeases.Lease_StartPassed(terms.startAt, earliestAt));
        uint256 latestAt = earliestAt + MAX_AHEAD_SEC;
        require(terms.startAt <= latestAt, ILeases.Lease_StartTooFar(terms.startAt, latestAt));
    }

    function _checkRent(ILeases.Terms calldata terms) private pure {
        (uint256 base, uint256 rate) = (terms.baseRentAssets, terms.gpuHourRateAssets);
        bool isSound =
            terms.pricing == ILeases.Pricing.TakeOrPay
                ? base > 0 && base <= MAX_ASSETS && rate == 0
                : base == 0 && (rate > 0) == (terms.pricing == ILeases.Pricing.Metered) && rate <= MAX_ASSETS;
        require(isSound, ILeases.Lease_BadRent(terms.pricing, base, rate));
    }

    function _checkIndex(ILeases.Terms calldata terms) private view returns (uint8 assetDecimalCount) {
        ILeases.IndexClause calldata index = terms.index;
        bool isLinked = terms.pricing == ILeases.Pricing.IndexLinked;
        if (isLinked) assetDecimalCount = IERC20Metadata(terms.asset).decimals();
        bool isSound =
            isLinked
                ? address(index.source) != address(0) &&
                    index.participationBps > 0 &&
                    index.capAssets > 0 &&
                    index.floorAssets <= index.capAssets &&
                    index.capAssets <= MAX_ASSETS &&
                    assetDecimalCount <= MAX_DECIMAL_COUNT
                : address(index.source) == address(0) &&
                    index.participationBps == 0 &&
                    index.floorAssets == 0 &&
                    index.capAssets == 0;
        require(
            isSound,
            ILeases.Lease_BadIndex(terms.pricing, index.participationBps, index.floorAssets, index.capAssets)
        );
    }

    function _checkEfficiency(ILeases.EfficiencyClause calldata clause) private pure {
        bool isSound =
            clause.metric == ILeases.EfficiencyMetric.None
                ? clause.targetUnits == 0 && clause.sharedBps == 0 && clause.maxBps == 0 && clause.kWhRateAssets == 0
                : clause.targetUnits > 0 &&
                    clause.sharedBps > 0 &&
                    clause.sharedBps <= BPS &&
                    clause.maxBps > 0 &&
                    clause.maxBps <= BPS &&
                    clause.kWhRateAssets > 0;
        require(
            isSound,
            ILeases.Lease_BadEfficiency(clause.metric, clause.targetUnits, clause.sharedBps, clause.maxBps)
        );
        _checkSize(clause.kWhRateAssets);
    }

    function _checkPayment(ILeases.Terms calldata terms) private pure {
        ILeases.PaymentClause calldata payment = terms.payment;
        bool isPrepaid = terms.pricing == ILeases.Pricing.TakeOrPay && payment.prepaidMonthCount <= terms.periodCount;
        require(
            payment.dueSec <= MAX_DUE_SEC &&
                payment.lateFeeBps <= BPS &&
                payment.cureSec <= MAX_AHEAD_SEC &&
                (isPrepaid || payment.prepaidMonthCount == 0),
            ILeases.Lease_BadPayment(payment.dueSec, payment.lateFeeBps, payment.cureSec, payment.prepaidMonthCount)
        );
        _checkSize(payment.depositAssets);
    }

    function _checkExit(ILeases.Terms calldata terms) private pure {
        ILeases.ExitClause calldata exit = terms.exit;
        require(
            exit.noticeSec <= MAX_AHEAD_SEC &&
                exit.renewalPeriodCount <= MAX_PERIOD_COUNT - terms.periodCount &&
                (exit.renewalPeriodCount > 0) == (exit.renewalRentBps > 0),
            ILeases.Lease_BadExit(exit.noticeSec, exit.renewalPeriodCount, exit.renewalRentBps)
        );
        _checkSize(exit.terminationFeeAssets);
        _checkSize(exit.purchaseAssets);
    }

    function _checkSize(uint256 assets) private pure {
        require(assets <= MAX_ASSETS, ILeases.Lease_TooLarge(assets, MAX_ASSETS));
    }

    function _checkCountry(ILeases.Terms calldata terms, IRegistry registry) private view {
        uint256 count = terms.countries.length;
        if (count == 0) return;
        require(count <= MAX_COUNTRY_COUNT, ILeases.Lease_TooManyCountries(count, MAX_COUNTRY_COUNT));
        bytes2 country = registry.country(terms.lotId);
        bool isAllowed = false;
        for (uint256 i = 0; i < count; ++i) isAllowed = isAllowed || terms.countries[i] == country;
        require(isAllowed, ILeases.Lease_WrongCountry(terms.lotId, country));
    }

    /// @dev Availability strictly falling from at most 10,000, credit strictly rising to at most 10,000.
    function _checkSla(ILeases.SlaStep[] calldata sla) private pure {
        require(sla.length <= MAX_SLA_COUNT, ILeases.Lease_SlaTooLong(sla.length, MAX_SLA_COUNT));
        uint256 aboveBps = BPS + 1;
        uint256 lowerCreditBps = 0;
        for (uint256 i = 0; i < sla.length; ++i) {
            (uint256 availabilityBps, uint256 creditBps) = (sla[i].availabilityBps, sla[i].creditBps);
            require(
                availabilityBps < aboveBps && creditBps > lowerCreditBps && creditBps <= BPS,
                ILeases.Lease_SlaUnsorted(i)
            );
            (aboveBps, lowerCreditBps) = (availabilityBps, creditBps);
        }
    }
}
