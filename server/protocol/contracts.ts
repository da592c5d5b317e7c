import {
  isError,
  type ContractRunner,
  type ContractTransactionResponse,
  type Interface,
  type TransactionReceipt,
} from "ethers";

import { AuditStatements__factory } from "../../types/factories/audit/AuditStatements__factory.ts";
import { Bonds__factory } from "../../types/factories/bond/Bonds__factory.ts";
import { Disputes__factory } from "../../types/factories/bond/Disputes__factory.ts";
import { Faults__factory } from "../../types/factories/bond/Faults__factory.ts";
import { Gate__factory } from "../../types/factories/compliance/Gate__factory.ts";
import { AdaptiveRate__factory } from "../../types/factories/credit/AdaptiveRate__factory.ts";
import { Leverage__factory } from "../../types/factories/credit/Leverage.sol/Leverage__factory.ts";
import { Markets__factory } from "../../types/factories/credit/Markets__factory.ts";
import { ShareExchange__factory } from "../../types/factories/exchange/ShareExchange__factory.ts";
import { ClassToken__factory } from "../../types/factories/facility/ClassToken__factory.ts";
import { Facilities__factory } from "../../types/factories/facility/Facilities__factory.ts";
import { Facility__factory } from "../../types/factories/facility/Facility__factory.ts";
import { Authority__factory } from "../../types/factories/governance/Authority__factory.ts";
import { Leases__factory } from "../../types/factories/lease/Leases__factory.ts";
import { Registry__factory } from "../../types/factories/registry/Registry__factory.ts";
import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import { ClassPrice__factory } from "../../types/factories/valuation/ClassPrice__factory.ts";
import { ComputeIndex__factory } from "../../types/factories/valuation/ComputeIndex__factory.ts";
import { Valuation__factory } from "../../types/factories/valuation/Valuation__factory.ts";
import { IncomeVault__factory } from "../../types/factories/vault/IncomeVault__factory.ts";
import type { Addresses } from "./deployment.ts";
import { Refusal } from "./refusal.ts";

/** Every contract's interface by name: decodes events and, since errors pass through, any contract's revert. */
export const INTERFACES = {
  authority: Authority__factory.createInterface(),
  gate: Gate__factory.createInterface(),
  markets: Markets__factory.createInterface(),
  classToken: ClassToken__factory.createInterface(),
  facilities: Facilities__factory.createInterface(),
  facility: Facility__factory.createInterface(),
  leases: Leases__factory.createInterface(),
  registry: Registry__factory.createInterface(),
  telemetry: Telemetry__factory.createInterface(),
  classPrice: ClassPrice__factory.createInterface(),
  valuation: Valuation__factory.createInterface(),
  computeIndex: ComputeIndex__factory.createInterface(),
  bonds: Bonds__factory.createInterface(),
  faults: Faults__factory.createInterface(),
  disputes: Disputes__factory.createInterface(),
  exchange: ShareExchange__factory.createInterface(),
  leverage: Leverage__factory.createInterface(),
  vault: IncomeVault__factory.createInterface(),
  statements: AuditStatements__factory.createInterface(),
} as const satisfies Record<string, Interface>;

export type Contracts = ReturnType<typeof contractsAt>;

/** Typed handles to the contracts of a system. */
export function contractsAt(addresses: Addresses, runner: ContractRunner) {
  return {
    authority: Authority__factory.connect(addresses.authority, runner),
    gate: Gate__factory.connect(addresses.gate, runner),
    markets: Markets__factory.connect(addresses.markets, runner),
    facilities: Facilities__factory.connect(addresses.facilities, runner),
    leases: Leases__factory.connect(addresses.leases, runner),
    registry: Registry__factory.connect(addresses.registry, runner),
    telemetry: Telemetry__factory.connect(addresses.telemetry, runner),
    valuation: Valuation__factory.connect(addresses.valuation, runner),
    computeIndex: ComputeIndex__factory.connect(addresses.computeIndex, runner),
    bonds: Bonds__factory.connect(addresses.bonds, runner),
    faults: Faults__factory.connect(addresses.faults, runner),
    disputes: Disputes__factory.connect(addresses.disputes, runner),
    exchange: ShareExchange__factory.connect(addresses.exchange, runner),
    leverage: Leverage__factory.connect(addresses.leverage, runner),
    vault: IncomeVault__factory.connect(addresses.vault, runner),
    statements: AuditStatements__factory.connect(addresses.statements, runner),
    facility: (address: string) => Facility__factory.connect(address, runner),
    classToken: (address: string) => ClassToken__factory.connect(address, runner),
    rateModel: (address: string) => AdaptiveRate__factory.connect(address, runner),
    classPrice: (address: string) => ClassPrice__factory.connect(address, runner),
  };
}

const RECEIPT_WAIT_MS = 60_000;
const RECEIPT_POLL_MS = 10;

/**
 * Has a facility's lots valued, with a fifth more gas than that takes now: what it costs depends a little on the block's
 * time, and an estimate is for an earlier one.
 */
export function sendAppraisal(
  valuation: Contracts["valuation"],
  facility: string,
  lotIds: bigint[],
): Promise<TransactionReceipt> {
  const appraise = async () => {
    const gasUnits = await valuation.getFunction("appraise").estimateGas(facility, lotIds);
    return await valuation.appraise(facility, lotIds, { gasLimit: (gasUnits * 12n) / 10n });
  };
  return send(appraise());
}

/** Sends a transaction and waits for its block; a revert is thrown with the contract's own error and numbers. */
export async function send(sent: Promise<ContractTransactionResponse>): Promise<TransactionReceipt> {
  try {
    const { hash, provider } = await sent;
    // Not ethers' wait(): it goes on listening for blocks when the chain is gone.
    for (let waitedMs = 0; waitedMs < RECEIPT_WAIT_MS; waitedMs += RECEIPT_POLL_MS) {
      const receipt = await provider.getTransactionReceipt(hash);
      if (receipt === null) {
        await new Promise((resolve) => setTimeout(resolve, RECEIPT_POLL_MS));
        continue;
      }
      if (receipt.status === 0) throw new Refusal("Transaction_Reverted", { hash });
      return receipt;
    }
    throw new Refusal("Transaction_NotMined", { hash, waitedMs: RECEIPT_WAIT_MS });
  } catch (error) {
    throw explainRevert(error) ?? error;
  }
}

/** The custom error behind a failed call, as a refusal; undefined when it is none that a contract of ours throws. */
export function explainRevert(error: unknown): Refusal | undefined {
  if (!isError(error, "CALL_EXCEPTION")) return undefined;
  const { data } = error;
  if (data === null || data.length < 10) return undefined; // a revert without a selector
  for (const contract of Object.values(INTERFACES)) {
    const parsed = contract.parseError(data);
    if (parsed === null) continue;
    const facts = parsed.fragment.inputs.map((input, index) => [
      input.name === "" ? `argument${index}` : input.name,
      String(parsed.args[index]),
    ]);
    return new Refusal(parsed.name, Object.fromEntries(facts) as Record<string, string>);
  }
  return undefined;
}
