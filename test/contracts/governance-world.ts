import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  FunctionFragment,
  id,
  ZeroAddress,
  ZeroHash,
  type Block,
  type Interface,
  type ParamType,
  type Wallet,
} from "ethers";

import { connectChain } from "../../server/plugins/chain.ts";
import { contractsAt, explainRevert, INTERFACES, send } from "../../server/protocol/contracts.ts";
import { gpuModel } from "../../scripts/catalogue.ts";
import { startChain } from "../../scripts/chain.ts";
import { generateHost } from "../../scripts/exporter.ts";
import { CONTRACT_ROLES, type Office, type Restriction } from "../../scripts/governance.ts";
import { governedTargets } from "../../scripts/handover.ts";
import { buildWorld, type World } from "../../scripts/world.ts";

// The system as `npm start` deploys, seeds and hands it over, on a chain whose clock the tests drive.

const DAY_SEC = 86_400;
const START_AT = Date.UTC(2026, 0, 1) / 1000;

export type Deployed = Awaited<ReturnType<typeof startDeployed>>;

export async function startDeployed() {
  const folder = mkdtempSync(join(tmpdir(), "rackbond-governance-"));
  const model = gpuModel("H100");
  const host = generateHost({
    ...{ seed: "governance", hostIndex: 0, gpuCount: 1 },
    ...{ modelName: model.name, tdpW: model.tdpW, startAt: START_AT },
  });
  const genesisAt = START_AT - 2 * DAY_SEC;
  const chain = await startChain({ genesisAt, port: 0, folder, isKept: false });
  const provider = await connectChain(chain.url, chain.chainId);
  const world = await buildWorld({
    ...{ seed: "governance", provider, fleet: [{ model, hosts: [host], gpuCount: 1 }], folder },
    ...{ genesisAt, startAt: START_AT, firstPaymentAt: Date.UTC(2026, 1, 3) / 1000, isHandedOver: true },
  });
  const { deployment, cast } = world;
  const targets = governedTargets(deployment);
  return {
    ...{ provider, world, deployment, cast, targets },
    contracts: contractsAt(deployment.addresses, provider),
    as: (wallet: Wallet) => contractsAt(deployment.addresses, wallet.connect(provider)),
    /** Where a restricted function is: of a kind that there are several of, at the first. */
    targetOf: ({ contract }: Restriction) => targets.find((one) => one.contract === contract)!.target,
    /** What a call would end in: the error's name, or undefined where it succeeds. */
    async outcome(from: string, to: string, data: string): Promise<string | undefined> {
      try {
        await provider.call({ from, to, data });
        return undefined;
      } catch (error) {
        const refusal = explainRevert(error);
        if (refusal === undefined) throw error;
        return refusal.code;
      }
    },
    /** The holders of a restricted function's role. */
    holdersOf: ({ role }: Restriction): string[] =>
      role in CONTRACT_ROLES
        ? CONTRACT_ROLES[role as keyof typeof CONTRACT_ROLES].map((name) => deployment.addresses[name])
        : [cast.offices[role as Office].address],
    async nowAt() {
      return ((await provider.getBlock("latest")) as Block).timestamp;
    },
    async advanceTo(at: number) {
      await provider.send("evm_setNextBlockTimestamp", [at]);
      await provider.send("evm_mine", []);
    },
    /** Runs steps, and brings the chain back to where it was. */
    async aside(steps: () => Promise<void>) {
      const snapshot: unknown = await provider.send("evm_snapshot", []);
      try {
        await steps();
      } finally {
        await provider.send("evm_revert", [snapshot]);
      }
    },
    /** Announces a call through the access manager; gives when it can be made. */
    async schedule(wallet: Wallet, target: string, data: string): Promise<number> {
      const { authority } = contractsAt(deployment.addresses, wallet.connect(provider));
      const receipt = await send(authority.schedule(target, data, 0));
      const event = INTERFACES.authority.parseLog(receipt.logs[0]!)!;
      return Number(event.args.schedule);
    },
    async stop() {
      provider.destroy();
      await chain.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Nothing of a type: what a function that asks who calls before anything else can be tried with. */
export function nothingOf(param: ParamType): unknown {
  if (param.baseType === "tuple") return param.components!.map(nothingOf);
  if (param.baseType === "array") {
    return param.arrayLength! < 0
      ? []
      : Array.from({ length: param.arrayLength! }, () => nothingOf(param.arrayChildren!));
  }
  if (param.type === "address") return ZeroAddress;
  if (param.type === "bool") return false;
  if (param.type === "string") return "";
  if (param.type === "bytes") return "0x";
  if (param.type.startsWith("bytes")) return `0x${"00".repeat(Number(param.type.slice(5)))}`;
  return 0n;
}

/** Nothing for all that a function takes. */
function nothing(contract: Restriction["contract"], name: string): unknown[] {
  const code: Interface = INTERFACES[contract];
  return code.getFunction(name)!.inputs.map(nothingOf);
}

/** A call that its holder could make in the world above, and what of the contract's own stands against it, if anything. */
export interface Sample {
  readonly args: readonly unknown[];
  readonly refusal?: string;
}

const FAR_AT = START_AT + 1000 * DAY_SEC;

/** One for each restricted function. */
export function samplesOf({ deployment, cast }: Pick<World, "deployment" | "cast">): Record<string, Sample> {
  const { addresses, facilities } = deployment;
  const [{ markets }] = facilities as [(typeof facilities)[number]];
  const [{ id: _, ...params }] = markets as [(typeof markets)[number]];
  const [first, second] = cast.investors.map(({ address }) => address) as [string, string];
  const curve = [START_AT - DAY_SEC, 100 * DAY_SEC, 0, [10_000, 5_000]] as const;
  const signers = cast.oracles.map(({ address }) => address).sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  return {
    "registry.addModel": { args: ["another", 700] },
    "registry.attest": { args: [1, 2, FAR_AT, id("seen")] },
    "registry.renew": { args: [1, 4, FAR_AT, id("seen")] },
    "registry.revokeAttestation": { args: [1, 1] },
    "registry.unfreeze": { args: [1], refusal: "Registry_NotFrozen" },
    "telemetry.setConfig": { args: [signers, 1, FAR_AT] },
    "telemetry.halt": { args: [START_AT / 3600] },
    "telemetry.resolve": { args: [false], refusal: "Telemetry_NotHalted" },
    "disputes.rule": { args: [1, true], refusal: "Disputes_WrongState" },
    "bonds.slash": { args: [ZeroHash, id("fault"), 0, first, ZeroAddress, 10_000, 1], refusal: "Bonds_BadShares" },
    "gate.listProvider": { args: [cast.servicer.address, true] },
    "gate.blockCountry": { args: ["0x5553", true] },
    "gate.ruleClass": { args: [facilities[0]!.classTokens[0], [100, "0x5553", 1, 1, 0]] },
    "gate.listHolder": { args: [addresses.bonds, true] },
    "gate.freeze": { args: [first, true] },
    "facilities.create": {
      args: nothing("facilities", "create"),
      refusal: "Facilities_BadCounts",
    },
    "facilities.pause": { args: [] },
    "facilities.resume": { args: [] },
    "facility.cancel": { args: [], refusal: "Facility_WrongState" },
    "classToken.forcedTransfer": { args: [first, second, 1] },
    "classToken.recover": { args: [first, second] },
    "classToken.readmit": { args: [first], refusal: "ClassToken_NotLost" },
    "classToken.setFrozenTokens": { args: [first, 1] },
    "valuation.setCurve": { args: [id(gpuModel("H100").name), ...curve] },
    "valuation.setHaircuts": {
      args: [
        [10_000, 5_000, 4_000, 3_000, 2_000],
        [0, 100, 200, 300, 10_000],
      ],
    },
    "valuation.setDiscount": { args: [400, [0, 1, 2, 3, 4, 5, 6, 7]] },
    "valuation.rate": { args: [first, [START_AT - DAY_SEC, 100 * DAY_SEC, 3]] },
    "computeIndex.listPublisher": { args: [first, true] },
    "markets.enableIrm": { args: [addresses.registry] },
    "markets.enableLltv": { args: [5n * 10n ** 17n] },
    "markets.pauseBorrowing": { args: [params] },
    "markets.resumeBorrowing": { args: [params], refusal: "Market_AlreadySet" },
    "markets.setFee": { args: [params, 0] },
    "markets.setFeeRecipient": { args: [first] },
    "vault.list": { args: [facilities[0]!.address, 1, 10n ** 15n] },
    "vault.raiseCap": { args: [facilities[0]!.address, 10n ** 15n] },
    "vault.lowerCap": { args: [facilities[0]!.address, 0] },
    "vault.closeClass": { args: [addresses.asset], refusal: "Vault_NotListed" },
    "vault.subscribe": { args: [addresses.asset, 1], refusal: "Vault_StaleValue" },
    "vault.buy": { args: nothing("vault", "buy"), refusal: "Vault_StaleValue" },
    "vault.sell": { args: nothing("vault", "sell"), refusal: "Vault_WrongOrder" },
    "vault.pause": { args: [] },
    "vault.resume": { args: [], refusal: "Vault_NotPaused" },
    "exchange.setFee": { args: [100] },
    "exchange.setFeeRecipient": { args: [first] },
  };
}

/** The calldata of a restricted function's sample. */
export function callOf(restriction: Restriction, samples: Record<string, Sample>): { data: string; refusal?: string } {
  const { contract, name, selector } = restriction;
  const sample = samples[`${contract}.${name}`];
  if (sample === undefined) throw new Error(`no call of ${contract}.${name} to try`);
  const code: Interface = INTERFACES[contract];
  const data = code.encodeFunctionData(selector, sample.args);
  return { data, ...(sample.refusal === undefined ? {} : { refusal: sample.refusal }) };
}

/** All functions of a contract that change something, with calldata to try them. */
export function verbsOf(contract: Restriction["contract"]): { name: string; selector: string; data: string }[] {
  const code: Interface = INTERFACES[contract];
  return code.fragments.flatMap((fragment) => {
    if (!FunctionFragment.isFragment(fragment) || fragment.constant) return [];
    const { name, selector, inputs } = fragment;
    return [{ name, selector, data: code.encodeFunctionData(selector, inputs.map(nothingOf)) }];
  });
}
