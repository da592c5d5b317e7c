import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import { Command, Option } from "commander";
import { getAddress, type JsonRpcProvider } from "ethers";

import { Failure, messageOf } from "../failure.ts";
import { GasSigner } from "../keys/gasSigner.ts";
import { connectChain } from "../plugins/chain.ts";
import { chainReader } from "../plugins/chainReader.ts";
import { fileSources } from "../plugins/fileSources.ts";
import { explainRevert } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import { registryClock } from "../protocol/registryHistory.ts";
import { deploymentIn, epochIn } from "./audit.ts";
import { openGasKey } from "./gasKey.ts";
import { duplicates, reportFaults, type Found } from "./proveSearch.ts";
import { openSender, type Call, type Sender } from "./sender.ts";

// `rackbond prove`: finds the faults that the chain decides (docs/telemetry.md §7) in its events and transactions and in
// the published files, and has them punished.

/** What is looked at. */
export interface ProveRequest {
  readonly deployment: Deployment;
  readonly rpcUrl: string;
  readonly sources: readonly string[];
  readonly isPrivateAllowed: boolean;
  readonly fromEpoch?: bigint;
  readonly toEpoch?: bigint;
  /** Inputs of `submit` that did not come on-chain. */
  readonly inputs: readonly string[];
  /** Sends the proofs; without it they are only tried. */
  readonly sender?: Sender;
  /** Has the bounties; the sender by default. */
  readonly bountyTo?: string;
}

/** `open`: the chain takes the proof · `sent` · `proven`: before · `refused`: the chain does not see it so. */
export type FaultStatus = "open" | "sent" | "proven" | "refused";

/** A fault, and what became of it. */
export interface ProvenFault extends Omit<Found, "calls"> {
  readonly status: FaultStatus;
  /** What the chain said against it. */
  readonly refusal?: string;
}

export interface ProveResult {
  readonly faults: readonly ProvenFault[];
  /** Reports of which no fault could be looked for, and why. */
  readonly unseen: readonly string[];
  readonly reportCount: number;
}

const ANYONE = `0x${"0".repeat(39)}1`; // a bounty's receiver while a proof is only tried
const BEFORE = new Set(["Faults_AlreadyProven", "Registry_Frozen"]);

/** Looks for faults, tries each proof on the chain and sends it where it is asked to. */
export async function prove(request: ProveRequest): Promise<ProveResult> {
  const { deployment, rpcUrl, sender } = request;
  const events = await chainReader({ rpcUrl, deployment }).events(() => undefined);
  const files = await fileSources(request);
  const provider = await connectChain(rpcUrl, deployment.chainId);
  const unseen: string[] = [];
  const faults: ProvenFault[] = [];
  try {
    const registry = registryClock(events.filter(({ contract }) => contract === "registry"));
    registry.moveTo(events.at(-1)?.blockAt ?? 0n);
    const search = { ...request, events, files, provider, registry, unseen };
    const found = [...(await reportFaults(search)), ...(await duplicates(search))];
    const bountyTo = request.bountyTo ?? sender?.address ?? ANYONE;
    for (const { calls, ...fault } of found) {
      const from = sender?.address ?? bountyTo;
      faults.push({ ...fault, ...(await settle(calls(bountyTo), { provider, from, sender })) });
    }
  } finally {
    provider.destroy();
  }
  const reportCount = events.filter(({ name }) => name === "Submitted").length;
  return { faults, unseen, reportCount };
}

/** Sends the first call that the chain takes, or tells that there is one, or what the chain says against the last. */
async function settle(
  calls: readonly Call[],
  { provider, from, sender }: { provider: JsonRpcProvider; from: string; sender: Sender | undefined },
): Promise<Pick<ProvenFault, "status" | "refusal">> {
  let refusal = "";
  for (const call of calls) {
    try {
      await provider.call({ ...call, from });
    } catch (error) {
      const refused = explainRevert(error);
      if (refused === undefined) throw error;
      if (BEFORE.has(refused.code)) return { status: "proven" };
      refusal = refused.message;
      continue;
    }
    if (sender === undefined) return { status: "open" };
    await sender.send(call);
    return { status: "sent" };
  }
  return { status: "refused", refusal };
}

interface Given {
  deployment: string;
  rpc: string;
  files: string[];
  from?: string;
  to?: string;
  inputs?: string[];
  gasKey?: string;
  bountyTo?: string;
  state: string;
  allowPrivate?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** `rackbond prove`. */
export function proveCommand(): Command {
  return new Command("prove")
    .description("find the faults that the chain decides, and have them punished where a gas key is given")
    .requiredOption("--deployment <file>", "deployment file")
    .requiredOption("--rpc <url>", "JSON-RPC address of a node of the chain that you trust")
    .requiredOption("--files <source...>", "where published files are: addresses of oracles, or a folder")
    .option("--from <epoch>", "first epoch")
    .option("--to <epoch>", "last epoch")
    .option("--inputs <file...>", "files with the input (hex) of a submit that is not on-chain: for two reports")
    .addOption(
      new Option("--gas-key <uri>", "key that sends the proofs; none: they are only tried").env("RACKBOND_GAS_KEY"),
    )
    .option("--bounty-to <address>", "has the bounties for reports; the gas key's address otherwise")
    .option("--state <file>", "keeps what was signed and is not settled", "rackbond-prove.json")
    .option("--allow-private", "files may come from addresses of this machine and of private networks")
    .option("--dry-run", "send nothing")
    .option("--json", "the result as JSON")
    .action(run);
}

async function run(given: Given, command: Command): Promise<void> {
  const deployment = await deploymentIn(given.deployment);
  const request: ProveRequest = {
    ...{ deployment, rpcUrl: given.rpc, sources: given.files, isPrivateAllowed: given.allowPrivate === true },
    ...(given.from === undefined ? {} : { fromEpoch: epochIn(given.from) }),
    ...(given.to === undefined ? {} : { toEpoch: epochIn(given.to) }),
    ...(given.bountyTo === undefined ? {} : { bountyTo: addressIn(given.bountyTo) }),
    inputs: await Promise.all((given.inputs ?? []).map(inputIn)),
  };
  const closing: (() => Promise<void> | void)[] = [];
  try {
    let result: ProveResult;
    if (given.gasKey === undefined || given.dryRun === true) result = await prove(request);
    else {
      const key = await openGasKey(given.gasKey, command);
      closing.push(() => key.close());
      const { chainId } = deployment;
      const provider = await connectChain(given.rpc, chainId);
      closing.push(() => provider.destroy());
      const stateFile = resolve(given.state);
      const sender = openSender({ provider, signer: new GasSigner(key), chainId, stateFile, confirmationCount: 1 });
      closing.push(() => sender.close());
      await sender.resume();
      result = await prove({ ...request, sender });
    }
    process.stdout.write(`${given.json === true ? jsonOf(result) : textOf(result)}\n`);
    const isLeft = result.faults.some(({ status }) => status === "open") || result.unseen.length > 0;
    if (isLeft) process.exitCode = 1;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function inputIn(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim().toLowerCase();
  } catch (error) {
    throw new Failure("Config_NoInput", `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function addressIn(text: string): string {
  try {
    return getAddress(text);
  } catch (error) {
    throw new Failure("Config_NoAddress", `--bounty-to ${text.slice(0, 50)} is no address`, { cause: error });
  }
}

function jsonOf(result: ProveResult): string {
  return JSON.stringify(result, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}

function textOf({ faults, unseen, reportCount }: ProveResult): string {
  const lines = faults.map(({ status, epoch, says, refusal }) => {
    const where = epoch === undefined ? "" : `epoch ${epoch}: `;
    return `${status}: ${where}${says}${refusal === undefined ? "" : ` (${refusal})`}`;
  });
  lines.push(...unseen.map((text) => `not looked at: ${text}`));
  return [...lines, `${reportCount} reports, ${faults.length} faults, ${unseen.length} not looked at`].join("\n");
}
