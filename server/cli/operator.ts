import { createReadStream, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { Command, InvalidArgumentError, Option } from "commander";
import { id, parseUnits, type JsonRpcProvider } from "ethers";

import { Failure, messageOf } from "../failure.ts";
import { GasSigner } from "../keys/gasSigner.ts";
import { connectChain, decimalCountOf } from "../plugins/chain.ts";
import { filesIn, openFiles } from "../plugins/files.ts";
import type { Hex } from "../protocol/bytes.ts";
import { contractsAt, type Contracts } from "../protocol/contracts.ts";
import type { DeviceList } from "../protocol/deviceList.ts";
import { parseDeployment, type Deployment } from "../protocol/deployment.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import { readDeviceList } from "./deviceList.ts";
import { enrol, planEnrolment, type Enrolment, type Goal } from "./enrol.ts";
import { openGasKey } from "./gasKey.ts";
import { handOver, oracleUrls } from "./handOver.ts";
import { openSender, type Sender } from "./sender.ts";

// `rackbond operator`: what an operator of hardware says on-chain (docs/operator.md).

interface CommonOptions {
  readonly deployment: string;
  readonly rpc: string;
  readonly gasKey: string;
  readonly state: string;
  readonly confirmations: bigint;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

interface ListOptions extends CommonOptions {
  readonly devices: string;
  readonly publish: string;
  readonly batch: bigint;
  readonly oracles?: string;
  readonly allowPrivate?: boolean;
}

type PublishOptions = Pick<ListOptions, "deployment" | "rpc" | "json" | "publish" | "oracles" | "allowPrivate"> & {
  readonly lot: bigint;
};

interface RegisterOptions extends ListOptions {
  readonly site: bigint;
  readonly model: string;
  readonly cost: string;
  readonly commissioned: bigint;
}

/** Everything a verb works with, open. */
interface Desk {
  readonly deployment: Deployment;
  readonly provider: JsonRpcProvider;
  readonly contracts: Contracts;
  readonly signer: GasSigner;
  readonly sender: () => Sender;
}

const SHOWN_FAULTS = 100;
const PROGRESS_EVERY_MS = 500;

/** `rackbond operator` and its verbs. */
export function operatorCommand(): Command {
  const command = new Command("operator").description("register hardware, and answer for it");
  withList(command.command("register"))
    .description("register a lot out of a CSV of its devices: hosts, published identities, lot")
    .requiredOption("--site <id>", "the site the lot stands at", wholeNumber)
    .requiredOption("--model <name>", "name of the GPU model, as it was added to the registry")
    .requiredOption("--cost <amount>", "acquisition cost of the whole lot, in the settlement asset")
    .requiredOption("--commissioned <date>", "day the lot was put into service, YYYY-MM-DD (UTC)", dayStart)
    .action(register);
  withList(command.command("swap"))
    .description("replace the devices of a lot by those of a CSV; voids levels 1 and 2 of its evidence")
    .requiredOption("--lot <id>", "the lot", wholeNumber)
    .action(swap);
  withOracles(withPlace(command.command("publish")))
    .description("hand a lot's published identities to every oracle")
    .requiredOption("--lot <id>", "the lot", wholeNumber)
    .action(publish);
  withChain(command.command("retire"))
    .description("retire a lot for ever: its devices may stand in another one")
    .requiredOption("--lot <id>", "the lot", wholeNumber)
    .action(retire);
  withChain(command.command("bond"))
    .description("post to a lot's bond: what it lacks of the required sum, or an amount")
    .requiredOption("--lot <id>", "the lot", wholeNumber)
    .option("--amount <amount>", "in the settlement asset")
    .action(bond);
  return command;
}

function withPlace(command: Command): Command {
  return command
    .addOption(
      new Option("--deployment <file>", "where the contracts are").env("RACKBOND_DEPLOYMENT").makeOptionMandatory(),
    )
    .addOption(new Option("--rpc <url>", "JSON-RPC of the chain").env("RACKBOND_RPC_URL").makeOptionMandatory())
    .option("--json", "the result as one line of JSON");
}

function withOracles(command: Command): Command {
  return command
    .option("--publish <folder>", "where the identities are published from", "published")
    .addOption(
      new Option("--oracles <urls>", "oracles that are handed the identities, by comma").env("RACKBOND_ORACLE_URLS"),
    )
    .option("--allow-private", "oracles may be on this machine or in a private network");
}

function withChain(command: Command): Command {
  return withPlace(command)
    .addOption(new Option("--gas-key <uri>", "the operator's key").env("RACKBOND_GAS_KEY").makeOptionMandatory())
    .option(
      "--state <file>",
      "keeps what was signed and is not settled, over an interruption",
      "rackbond-operator.json",
    )
    .addOption(wholeOption("--confirmations <count>", "blocks that a transaction is deep when it is done", 1n))
    .option("--dry-run", "say what would be done; send nothing");
}

function withList(command: Command): Command {
  return withOracles(withChain(command))
    .requiredOption("--devices <file>", "CSV: serial or uuid, hostname, node_key or node_point")
    .addOption(wholeOption("--batch <count>", "hosts registered in one transaction", 400n));
}

async function register(options: RegisterOptions, command: Command): Promise<void> {
  await withDesk(options, command, async (desk) => {
    const decimalCount = await decimalCountOf(desk.provider, desk.deployment.addresses.asset);
    const terms = {
      siteId: options.site,
      modelId: id(options.model) as Hex,
      costAssets: amountOf(options.cost, decimalCount),
      commissionedAt: options.commissioned,
    };
    return await enrolList(desk, options, { kind: "register", terms });
  });
}

async function swap(options: ListOptions & { readonly lot: bigint }, command: Command): Promise<void> {
  await withDesk(options, command, (desk) => enrolList(desk, options, { kind: "swap", lotId: options.lot }));
}

async function enrolList(desk: Desk, options: ListOptions, goal: Goal): Promise<object> {
  const onProgress = progress();
  const list = await readList(options.devices, (count) => onProgress("devices read", count, undefined));
  demand(options.batch > 0n && options.batch <= 10_000n, "Operator_BadBatch", { batch: options.batch });
  const { deployment, provider, signer } = desk;
  const enrolment: Enrolment = {
    ...{ deployment, provider, list, goal, operator: signer.address },
    ...{ hostsPerTransaction: Number(options.batch), onProgress },
  };
  const counts = { deviceCount: list.names.length, hostCount: list.hosts.length, identityRoot: list.identityRoot };
  if (options.dryRun === true) {
    const { missingCount, transactionCount, lotId } = await planEnrolment(enrolment);
    return { dryRun: true, ...counts, missingHostCount: missingCount, transactionCount, lotId: shown(lotId) };
  }
  const sender = desk.sender();
  const files = await openFiles(options.publish);
  const oracles = oracleUrls(options.oracles);
  const { lotId, registeredHostCount, gasUsed } = await enrol(enrolment, sender, files);
  if (oracles.length === 0)
    process.stderr.write(`no oracle has the identities yet: rackbond operator publish --lot ${lotId} --oracles …\n`);
  const handed = await handOver({ ...handing(options), oracles, files, lotId, identityRoot: list.identityRoot });
  return { ...counts, lotId: String(lotId), registeredHostCount, gasUsed: String(gasUsed), handedTo: handed.length };
}

async function publish(options: PublishOptions): Promise<void> {
  const { lot: lotId } = options;
  const oracles = oracleUrls(options.oracles);
  if (oracles.length === 0) throw new Failure("Config_Missing", "--oracles is not given: who is to have the file");
  const deployment = readDeployment(options.deployment);
  const provider = await connectChain(options.rpc.split(",")[0] as string, deployment.chainId);
  try {
    const { registry } = contractsAt(deployment.addresses, provider);
    const identityRoot = (await registry.lot(lotId)).identityRoot as Hex;
    const files = filesIn(options.publish);
    const handed = await handOver({ ...handing(options), oracles, files, lotId, identityRoot });
    print({ lotId: String(lotId), identityRoot, handedTo: handed.length }, options.json === true);
  } finally {
    provider.destroy();
  }
}

function handing({ allowPrivate }: Pick<ListOptions, "allowPrivate">) {
  return { isPrivateAllowed: allowPrivate === true, onProgress: (line: string) => process.stderr.write(`${line}\n`) };
}

async function retire(options: CommonOptions & { readonly lot: bigint }, command: Command): Promise<void> {
  await withDesk(options, command, async ({ deployment, contracts, sender: open }) => {
    const { lot: lotId } = options;
    const result = { lotId: String(lotId) };
    if (options.dryRun !== true) {
      const sender = open();
      await sender.resume();
      if (await contracts.registry.isRetired(lotId)) return { ...result, retired: true };
      const data = contracts.registry.interface.encodeFunctionData("retireLot", [lotId]);
      await sender.send({ to: deployment.addresses.registry, data });
    }
    return { ...result, retired: await contracts.registry.isRetired(lotId) };
  });
}

async function bond(
  options: CommonOptions & { readonly lot: bigint; readonly amount?: string },
  command: Command,
): Promise<void> {
  await withDesk(options, command, async (desk) => {
    const { deployment, provider, contracts, signer } = desk;
    const { addresses } = deployment;
    const bondId = await contracts.bonds.lotBondId(options.lot);
    const sender = options.dryRun === true ? undefined : desk.sender();
    await sender?.resume();
    const [standingAssets, requiredAssets] = await Promise.all([
      contracts.bonds.standingAssets(bondId),
      contracts.bonds.requiredLotAssets(options.lot),
    ]);
    const lackingAssets = requiredAssets > standingAssets ? requiredAssets - standingAssets : 0n;
    const assets =
      options.amount === undefined
        ? lackingAssets
        : amountOf(options.amount, await decimalCountOf(provider, addresses.asset));
    const result = { lotId: String(options.lot), bondId, requiredAssets: String(requiredAssets) };
    if (sender !== undefined && assets > 0n) {
      const coin = contracts.classToken(addresses.asset); // the two functions used are any ERC-20's
      if ((await coin.allowance(signer.address, addresses.bonds)) < assets) {
        const data = coin.interface.encodeFunctionData("approve", [addresses.bonds, assets]);
        await sender.send({ to: addresses.asset, data });
      }
      const data = contracts.bonds.interface.encodeFunctionData("post", [bondId, assets]);
      await sender.send({ to: addresses.bonds, data });
    }
    const shownAssets = String(await contracts.bonds.standingAssets(bondId));
    return { ...result, postedAssets: sender === undefined ? "0" : String(assets), standingAssets: shownAssets };
  });
}

/** Opens key and chain for a verb, prints its result, and closes them. */
async function withDesk(
  options: CommonOptions,
  command: Command,
  work: (desk: Desk) => Promise<object>,
): Promise<void> {
  const closing: (() => Promise<void> | void)[] = [];
  try {
    const deployment = readDeployment(options.deployment);
    const key = await openGasKey(options.gasKey, command);
    closing.push(() => key.close());
    const provider = await connectChain(options.rpc.split(",")[0] as string, deployment.chainId);
    closing.push(() => provider.destroy());
    const signer = new GasSigner(key);
    const desk: Desk = {
      ...{ deployment, provider, signer, contracts: contractsAt(deployment.addresses, provider) },
      sender: () => {
        const { chainId } = deployment;
        const confirmationCount = Number(options.confirmations);
        const sender = openSender({ provider, signer, chainId, stateFile: resolve(options.state), confirmationCount });
        closing.push(() => sender.close());
        return sender;
      },
    };
    print(await work(desk), options.json === true);
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function readList(file: string, onProgress: (deviceCount: number) => void): Promise<DeviceList> {
  const options = { folder: dirname(resolve(file)), maxFaults: SHOWN_FAULTS, onProgress };
  let list: DeviceList;
  try {
    list = await readDeviceList(createReadStream(file), options);
  } catch (error) {
    throw new Failure("Operator_Unreadable", `${file} cannot be read: ${messageOf(error)}`);
  }
  for (const { line, code, what } of list.faults) process.stderr.write(`${file}:${line}: ${code}: ${what}\n`);
  const { faultCount } = list;
  if (faultCount > 0) throw new Refusal("DeviceList_Refused", { faultCount, shownCount: list.faults.length });
  return list;
}

function readDeployment(file: string): Deployment {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Failure("Config_Deployment", `the deployment ${file} cannot be read: ${messageOf(error)}`);
  }
  return parseDeployment(json);
}

/** Tells people how far it is, a few times a second at most. */
function progress(): (what: string, count: number, total: number | undefined) => void {
  let toldMs = 0;
  return (what, count, total) => {
    if (Date.now() - toldMs < PROGRESS_EVERY_MS && count !== total) return;
    toldMs = Date.now();
    const of = total === undefined ? "" : ` of ${total.toLocaleString("en")}`;
    process.stderr.write(`${count.toLocaleString("en")}${of} ${what}\n`);
  };
}

function print(result: object, isJson: boolean): void {
  const lines = Object.entries(result).map(([name, value]) => `${name}: ${String(value)}`);
  process.stdout.write(isJson ? `${JSON.stringify(result)}\n` : `${lines.join("\n")}\n`);
}

function shown(lotId: bigint | undefined): string | null {
  return lotId === undefined ? null : String(lotId);
}

function wholeOption(flags: string, description: string, byDefault: bigint): Option {
  return new Option(flags, description).argParser(wholeNumber).default(byDefault, String(byDefault));
}

function wholeNumber(text: string): bigint {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(text)) throw new InvalidArgumentError("not a whole number");
  return BigInt(text);
}

function dayStart(text: string): bigint {
  const timeMs = Date.parse(`${text}T00:00:00Z`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(timeMs) || timeMs <= 0)
    throw new InvalidArgumentError("not a day of the form YYYY-MM-DD after 1970");
  return BigInt(timeMs / 1000);
}

function amountOf(text: string, decimalCount: number): bigint {
  const isAmount = /^\d{1,30}(\.\d{1,18})?$/.test(text);
  demand(isAmount && (text.split(".")[1] ?? "").length <= decimalCount, "Operator_BadAmount", { text, decimalCount });
  return parseUnits(text, decimalCount);
}
