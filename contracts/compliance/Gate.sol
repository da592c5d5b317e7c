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

    /// One slot, so that a transfer reads one.
    struct Holder {
        address provider;
        uint48 expiresAt;
        bytes2 country;
        Category category;
        bool listed;
        bool frozen;
    }

    bytes32 public constant CREDENTIAL_TYPEHASH = keccak256(
        "Credential(address holder,address provider,bytes2 country,uint8 category,uint48 issuedAt,uint48 expiresAt)"
    );

    /// @notice The least category that may hold.
    Category public immutable minCategory;

    mapping(address account => Holder) private _holders;
    /// @notice When the newest credential presented for an account was issued.
    mapping(address account => uint48) public lastIssuedAt;
    /// @notice Credentials that a provider issued for an account until this time are void.
    mapping(address provider => mapping(address account => uint48)) public voidUntilAt;
    mapping(address provider => bool) public isProvider;
    mapping(bytes2 country => bool) public isBlockedCountry;

    event ProviderListed(address indexed provider, bool listed);
    event CountryBlocked(bytes2 indexed country, bool blocked);
    event HolderListed(address indexed account, bool listed);
    event AccountFrozen(address indexed account, bool frozen);
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
        isProvider[provider] = listed;
        emit ProviderListed(provider, listed);
    }

    /// @notice Blocks or unblocks a country for holders present and future.
    function blockCountry(bytes2 country, bool blocked) external restricted {
        require(_isCountry(country), Gate_BadCountry(country));
        isBlockedCountry[country] = blocked;
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

    // Credentials

    /// @notice Records a signed credential; anyone may call. Reverts with the `Gate_` error of the first check to fail.
    function present(Credential calldata credential, bytes calldata signature) external {
        address account = credential.holder;
        address provider = credential.provider;
        uint48 issuedAt = credential.issuedAt;
        uint48 expiresAt = credential.expiresAt;
        require(isProvider[provider], Gate_UnknownProvider(provider));
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
        emit Presented(account, provider, credential.country, credential.category, issuedAt, expiresAt);
    }

    /// @notice Voids every credential that the calling provider issued for an account until now.
    function revoke(address account) external {
        require(isProvider[msg.sender], Gate_UnknownProvider(msg.sender));
        uint48 nowAt = uint48(block.timestamp);
        voidUntilAt[msg.sender][account] = nowAt;
        Holder storage holder = _holders[account];
        if (holder.provider == msg.sender) holder.expiresAt = 0;
        emit Revoked(account, msg.sender, nowAt);
    }

    // Views

    /// @inheritdoc IGate
    function canReceive(address account) external view returns (bool) {
        Holder memory holder = _holders[account];
        return !holder.frozen && (holder.listed || _isValid(holder));
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

    /// @notice What is recorded of an account.
    function holderOf(address account) external view returns (Holder memory) {
        return _holders[account];
    }

    // Internal

    function _isValid(Holder memory holder) private view returns (bool) {
        return
            block.timestamp < holder.expiresAt &&
            holder.category >= minCategory &&
            isProvider[holder.provider] &&
            !isBlockedCountry[holder.country];
    }

    function _isCountry(bytes2 country) private pure returns (bool) {
        return country[0] >= "A" && country[0] <= "Z" && country[1] >= "A" && country[1] <= "Z";
    }
}
