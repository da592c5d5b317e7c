import { createRequire } from "node:module";
import { memberOf, type AbiItem } from "./abi.ts";

const require = createRequire(import.meta.url);

/** The members of one of OpenZeppelin's contracts, as published. */
function openZeppelin(contract: string): string[] {
  const { abi } = require(`@openzeppelin/contracts/build/contracts/${contract}.json`) as { abi: AbiItem[] };
  return abi.map(memberOf);
}

/**
 * Members whose names a published standard fixes: functions, events and errors by signature, struct members as
 * Struct.member. They are used as published, so that other people's tools fit; nothing else may skip the unit rule.
 */
export const STANDARDS: Record<string, string[]> = {
  "ERC-20": [
    "decimals()",
    "totalSupply()",
    "balanceOf(address)",
    "allowance(address,address)",
    "transfer(address,uint256)",
    "approve(address,uint256)",
    "transferFrom(address,address,uint256)",
    "Transfer(address,address,uint256)",
    "Approval(address,address,uint256)",
  ],
  "ERC-2612": ["nonces(address)", "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"],
  "ERC-5267": ["eip712Domain()"],
  "ERC-6093": [
    "ERC20InsufficientBalance(address,uint256,uint256)",
    "ERC20InsufficientAllowance(address,uint256,uint256)",
  ],
  // What takes an amount and can only revert, or say no, has no use for its name.
  "ERC-4626": ["previewRedeem(uint256)", "previewWithdraw(uint256)"],
  "ERC-7887": ["pendingCancelRedeemRequest(uint256,address)"],
  "ERC-7943": [
    "canTransfer(address,address,uint256)",
    "forcedTransfer(address,address,uint256)",
    "setFrozenTokens(address,uint256)",
    "getFrozenTokens(address)",
    "ForcedTransfer(address,address,uint256)",
    "Frozen(address,uint256)",
    "ERC7943CannotTransfer(address,address,uint256)",
    "ERC7943InsufficientUnfrozenBalance(address,uint256,uint256)",
  ],
  "Morpho Blue": [
    "price()",
    "MarketParams.lltv",
    "Market.lastUpdate",
    "Market.fee",
    "Position.collateral",
    "isLltvEnabled(uint256)",
    "market(bytes32)",
    "position(bytes32,address)",
    "idToMarketParams(bytes32)",
    "nonce(address)",
    "Signature.v",
    "liquidate((address,address,address,address,uint256),address,uint256,uint256,bytes)",
  ],
  "Chainlink AggregatorV3": ["decimals()", "version()", "latestRoundData()", "getRoundData(uint80)"],
  "OpenZeppelin AccessManager": openZeppelin("AccessManager").filter((member) => !member.startsWith("constructor")),
  "OpenZeppelin's errors and events": [
    "AccessManagedRequiredDelay(address,uint32)",
    "ERC2612ExpiredSignature(uint256)",
    "InvalidAccountNonce(address,uint256)",
    "InsufficientBalance(uint256,uint256)",
    "Initialized(uint64)",
    "ECDSAInvalidSignatureLength(uint256)",
    "SafeCastOverflowedUintDowncast(uint8,uint256)",
    "SafeCastOverflowedIntDowncast(uint8,int256)",
    "SafeCastOverflowedIntToUint(int256)",
    "SafeCastOverflowedUintToInt(uint256)",
  ],
};
