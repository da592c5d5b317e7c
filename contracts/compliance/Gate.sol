// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IGate} from "./IGate.sol";

/// @title Who may hold a facility's shares.
/// @notice The whole policy, first line that fits:
///
/// | the account …                                              | may receive | may send | is verified |
/// | ---------------------------------------------------------- | ----------- | -------- | ----------- |
/// | is frozen                                                  | no          | no       | no          |
/// | is a contract listed as a holder (a market, a vault)       | yes         | yes      | no          |
/// | has a valid credential                                     | yes         | yes      | yes         |
/// | has none, or one that expired or was revoked               | no          | yes      | no          |
///
/// Valid: not expired, its provider still listed, its country not blocked, its category at least the gate's minimum.
/// So a holder whose credential lapses keeps what it has and may leave, but cannot buy more.
///
/// Lock-up of a class, first line that fits. It runs from the last issue of the class, so it ends at one time for all
/// holders alike and whoever buys within it has only the rest left.
///
/// | the sender …                                                       | is locked up for                          |
/// | ------------------------------------------------------------------ | ----------------------------------------- |
/// | is a contract listed as a holder                                   | 0: its shares were free when they came in |
/// | has never had a credential                                         | 0                                         |
/// | is of the class's free category or above (if there is one)         | 0                                         |
/// | is in the class's home country                                     | `homeLockUpSec` (Regulation D: a year)    |
/// | is anywhere else                                                   | `abroadLockUpSec` (Regulation S: 40 days) |
///
/// Holders of a class: the class token counts the accounts that have shares, contracts like any other, and admits no
/// more than `maxHolderCount`. A limit below the present count turns nobody out.
///
/// Credentials are statements that a listed provider (a key or an ERC-1271 contract) signs off-chain; anyone may
/// present one. An account's credentials only ever move forward in issuing time, over all providers, so an older one
/// cannot be replayed over a newer; a revocation also voids what its provider signed and nobody presented yet.
/// Roles: listing, blocking and freezing go through the access manager; a provider revokes its own credentials.
contract Gate is IGate, AccessManaged, EIP712 {
    enum Category {
        None,
        Retail,
        Professional,
        Institutional
    }

    struct Credential {
        address holder;
        address provider;
        bytes2 country; // ISO 3166-1 alpha-2, capitals
        Category category;
        uint48 issuedAt;
        uint48 expiresAt; // valid before this time
    }

    /// What a class adds to the gate's policy. One slot, so that a transfer reads one.
    struct ClassRules {
        uint32 maxHolderCount; // 0: no limit
        bytes2 homeCountry; // where the offer is at home
        uint32 homeLockUpSec; // of holders there
        uint32 abroadLockUpSec; // of all others
        Category freeCategory; // from this category on nobody is locked up; None: everybody is
    }

    /// One slot, so that a transfer reads one.
    struct Holder {
        address provider;
        uint48 expiresAt;
        bytes2 country;
        Category category;
        uint8 providerId;
        bool listed;
        bool frozen;
    }

    bytes32 public constant CREDENTIAL_TYPEHASH = keccak256(
        "Credential(address holder,address provider,bytes2 country,uint8 category,uint48 issuedAt,uint48 expiresAt)"
    );

    /// @notice The most providers that a gate may ever list.
    uint256 public constant MAX_PROVIDER_COUNT = 74;
    uint256 private constant COUNTRY_BITS = 182;

    /// @notice The least category that may hold.
    Category public immutable minCategory;

    mapping(address account => Holder) private _holders;
    mapping(address token => ClassRules) private _rules;
    /// @notice When the newest credential presented for an account was issued.
    mapping(address account => uint48) public lastIssuedAt;
    /// @notice Credentials that a provider issued for an account until this time are void.
    mapping(address provider => mapping(address account => uint48)) public voidUntilAt;
    // Providers are numbered from 1 in the order in which they were first listed.
    mapping(address provider => uint8) private _providerIds;
    uint8 private _providerCount;
    // One word for seven first letters of a country, so that validity reads one: the blocked countries of those
    // letters, 7 · 26 bits, then the listed providers, the same in every word.
    uint256[4] private _policy;

    event ProviderListed(address indexed provider, bool listed);
    event CountryBlocked(bytes2 indexed country, bool blocked);
    event HolderListed(address indexed account, bool listed);
    event AccountFrozen(address indexed account, bool frozen);
    event ClassRuled(address indexed token, ClassRules rules);
    event Presented(
        address indexed holder,
        address indexed provider,
        bytes2 indexed country,
        Category category,
        uint48 issuedAt,
        uint48 expiresAt
    );
    event Revoked(address indexed holder, address indexed provider, uint48 voidUntilAt);

    error Gate_UnknownProvider(address provider);
    error Gate_TooManyProviders(address provider, uint256 maxProviderCount);
    error Gate_BadCountry(bytes2 country);
    error Gate_BadCategory(address holder, Category category);
    error Gate_CredentialFromFuture(address holder, uint48 issuedAt, uint256 timeAt);
    error Gate_CredentialExpired(address holder, uint48 expiresAt, uint256 timeAt);
    error Gate_CredentialNotNewer(address holder, uint48 issuedAt, uint48 lastIssuedAt);
    error Gate_CredentialRevoked(address holder, address provider, uint48 issuedAt, uint48 voidUntilAt);
    error Gate_BadSignature(address holder, address provider);
    error Gate_NoCode(address account);

    constructor(address authority_, Category minCategory_) AccessManaged(authority_) EIP712("Rackbond Gate", "1") {
        minCategory = minCategory_;
    }

    // Administration

    /// @notice Lists or delists a KYC provider. Delisting one invalidates all its credentials until it is listed again.
    function listProvider(address provider, bool listed) external restricted {
        uint8 providerId = _providerIds[provider];
        if (providerId == 0) {
            require(_providerCount < MAX_PROVIDER_COUNT, Gate_TooManyProviders(provider, MAX_PROVIDER_COUNT));
            providerId = ++_providerCount;
            _providerIds[provider] = providerId;
        }
        for (uint256 i = 0; i < _policy.length; ++i) _policy[i] = _with(_policy[i], _providerBit(providerId), listed);
        emit ProviderListed(provider, listed);
    }

    /// @notice Blocks or unblocks a country for holders present and future.
    function blockCountry(bytes2 country, bool blocked) external restricted {
        require(_isCountry(country), Gate_BadCountry(country));
        (uint256 wordIndex, uint256 bitIndex) = _placeOf(country);
        _policy[wordIndex] = _with(_policy[wordIndex], bitIndex, blocked);
        emit CountryBlocked(country, blocked);
    }

    /// @notice Lists or delists a contract as a holder. Reverts with `Gate_NoCode` for an account without code.
    function listHolder(address account, bool listed) external restricted {
        require(!listed || account.code.length != 0, Gate_NoCode(account));
        _holders[account].listed = listed;
        emit HolderListed(account, listed);
    }

    /// @notice Freezes or unfreezes an account.
    function freeze(address account, bool frozen) external restricted {
        _holders[account].frozen = frozen;
        emit AccountFrozen(account, frozen);
    }

    /// @notice Sets the lock-ups and the most holders of a class. A class without rules has neither.
    function ruleClass(address token, ClassRules calldata rules) external restricted {
        require(_isCountry(rules.homeCountry), Gate_BadCountry(rules.homeCountry));
        _rules[token] = rules;
        emit ClassRuled(token, rules);
    }

    // Credentials

    /// @notice Records a signed credential; anyone may call. Reverts with the `Gate_` error of the first check to fail.
    function present(Credential calldata credential, bytes calldata signature) external {
        address account = credential.holder;
        address provider = credential.provider;
        uint48 issuedAt = credential.issuedAt;
        uint48 expiresAt = credential.expiresAt;
        require(isProvider(provider), Gate_UnknownProvider(provider));
        require(_isCountry(credential.country), Gate_BadCountry(credential.country));
        require(credential.category != Category.None, Gate_BadCategory(account, credential.category));
        require(issuedAt <= block.timestamp, Gate_CredentialFromFuture(account, issuedAt, block.timestamp));
        require(block.timestamp < expiresAt, Gate_CredentialExpired(account, expiresAt, block.timestamp));
        uint48 newestAt = lastIssuedAt[account];
        require(issuedAt > newestAt, Gate_CredentialNotNewer(account, issuedAt, newestAt));
        uint48 voidAt = voidUntilAt[provider][account];
        require(issuedAt > voidAt, Gate_CredentialRevoked(account, provider, issuedAt, voidAt));
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(CREDENTIAL_TYPEHASH, credential)));
        require(
            SignatureChecker.isValidSignatureNow(provider, digest, signature),
            Gate_BadSignature(account, provider)
        );

        lastIssuedAt[account] = issuedAt;
        Holder storage holder = _holders[account];
        holder.provider = provider;
        holder.expiresAt = expiresAt;
        holder.country = credential.country;
        holder.category = credential.category;
        holder.providerId = _providerIds[provider];
        emit Presented(account, provider, credential.country, credential.category, issuedAt, expiresAt);
    }

    /// @notice Voids every credential that the calling provider issued for an account until now.
    function revoke(address account) external {
        require(isProvider(msg.sender), Gate_UnknownProvider(msg.sender));
        uint48 nowAt = uint48(block.timestamp);
        voidUntilAt[msg.sender][account] = nowAt;
        Holder storage holder = _holders[account];
        if (holder.provider == msg.sender) holder.expiresAt = 0;
        emit Revoked(account, msg.sender, nowAt);
    }

    // Views

    /// @inheritdoc IGate
    function passage(
        address token,
        address from,
        address to
    ) external view returns (bool maySend, bool mayReceive, uint256 lockUpSec, uint256 maxHolderCount) {
        ClassRules storage rules = _rules[token];
        Holder storage sender = _holders[from];
        maySend = !sender.frozen;
        mayReceive = _mayReceive(_holders[to]);
        maxHolderCount = rules.maxHolderCount;
        if (rules.homeLockUpSec | rules.abroadLockUpSec != 0) lockUpSec = _lockUpSec(sender, rules);
    }

    /// @inheritdoc IGate
    function canReceive(address account) external view returns (bool) {
        return _mayReceive(_holders[account]);
    }

    /// @inheritdoc IGate
    function canSend(address account) external view returns (bool) {
        return !_holders[account].frozen;
    }

    /// @inheritdoc IGate
    function isVerified(address account) external view returns (bool) {
        Holder memory holder = _holders[account];
        return !holder.frozen && _isValid(holder);
    }

    /// @notice Whether a provider is listed.
    function isProvider(address provider) public view returns (bool) {
        uint8 providerId = _providerIds[provider];
        return providerId != 0 && _has(_policy[0], _providerBit(providerId));
    }

    /// @notice Whether a country is blocked.
    function isBlockedCountry(bytes2 country) external view returns (bool) {
        require(_isCountry(country), Gate_BadCountry(country));
        (uint256 wordIndex, uint256 bitIndex) = _placeOf(country);
        return _has(_policy[wordIndex], bitIndex);
    }

    /// @notice What is recorded of an account.
    function holderOf(address account) external view returns (Holder memory) {
        return _holders[account];
    }

    /// @notice What was ruled of a class.
    function rulesOf(address token) external view returns (ClassRules memory) {
        return _rules[token];
    }

    // Internal

    function _mayReceive(Holder memory holder) private view returns (bool) {
        return !holder.frozen && (holder.listed || _isValid(holder));
    }

    function _lockUpSec(Holder storage holder, ClassRules storage rules) private view returns (uint256) {
        if (holder.listed || holder.category == Category.None) return 0;
        if (rules.freeCategory != Category.None && holder.category >= rules.freeCategory) return 0;
        return holder.country == rules.homeCountry ? rules.homeLockUpSec : rules.abroadLockUpSec;
    }

    function _isValid(Holder memory holder) private view returns (bool) {
        if (block.timestamp >= holder.expiresAt || holder.category < minCategory) return false;
        (uint256 wordIndex, uint256 bitIndex) = _placeOf(holder.country);
        uint256 word = _policy[wordIndex];
        return _has(word, _providerBit(holder.providerId)) && !_has(word, bitIndex);
    }

    /// @dev Where `_policy` has the bit of a country, "AA" to "ZZ".
    function _placeOf(bytes2 country) private pure returns (uint256 wordIndex, uint256 bitIndex) {
        unchecked {
            uint256 letters = uint16(country);
            uint256 first = (letters >> 8) - 65;
            wordIndex = first / 7;
            bitIndex = (first % 7) * 26 + (letters & 0xff) - 65;
        }
    }

    function _providerBit(uint256 providerId) private pure returns (uint256) {
        return COUNTRY_BITS - 1 + providerId;
    }

    function _has(uint256 word, uint256 bitIndex) private pure returns (bool) {
        return (word >> bitIndex) & 1 == 1;
    }

    function _with(uint256 word, uint256 bitIndex, bool value) private pure returns (uint256) {
        uint256 bit = 1 << bitIndex;
        return value ? word | bit : word & ~bit;
    }

    function _isCountry(bytes2 country) private pure returns (bool) {
        return country[0] >= "A" && country[0] <= "Z" && country[1] >= "A" && country[1] <= "Z";
    }
}
