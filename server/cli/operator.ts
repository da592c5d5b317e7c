import { createReadStream } from "node:fs";
import { dirname, resolve } from "node:path";

import { Command, InvalidArgumentError, Option } from "commander";
import { id } from "ethers";

import { startBar } from "../bar.ts";
import { Failure, messageOf } from "../failure.ts";
import { connectChain, decimalCountOf } from "../plugins/chain.ts";
import { filesIn, openFiles } from "../plugins/files.ts";
import type { Hex } from "../protocol/bytes.ts";
import { contractsAt } from "../protocol/contracts.ts";
import type { DeviceList } from "../protocol/deviceList.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import {
  amountOf,
  printResult,
  readDeployment,
  wholeNumber,
  wholeOption,
  withDesk,
  withKey,
  withPlace,
  type Desk,
  type PlaceOptions,
  type SendingOptions,
} from "./desk.ts";
import { readDeviceList } from "./deviceList.ts";
import { enrol, planEnrolment, type Enrolment, type Goal } from "./enrol.ts";
import { handOver, oracleUrls } from "./handOver.ts";

// `rackbond operator`: what an operator of hardware says on-chain (docs/operator.md).

interface ListOptions extends SendingOptions {
  readonly devices: string;
  readonly publish: string;
  readonly batch: bigint;
  readonly oracles?: string;
  readonly allowPrivate?: boolean;
}

type PublishOptions = PlaceOptions &
  Pick<ListOptions, "publish" | "oracles" | "allowPrivate"> & {
    readonly lot: bigint;
  };

interface RegisterOptions extends ListOptions {
  readonly site: bigint;
  readonly model: string;
  readonly cost: string;
  readonly commissioned: bigint;
}

const SHOWN_FAULTS = 100;

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
  withOperatorKey(command.command("retire"))
    .description("retire a lot for ever: its devices may stand in another one")
    .requiredOption("--lot <id>", "the lot", wholeNumber)
    .action(retire);
  withOperatorKey(command.command("bond"))
    .description("post to a lot's bond: what it lacks of the required sum, or an amount")
    .requiredOption("--lot <id>", "the lot", wholeNumber)
    .option("--amount <amount>", "in the settlement asset")
    .action(bond);
  return command;
}

function withOperatorKey(command: Command): Command {
  return withKey(command, "operator");
}

function withOracles(command: Command): Command {
  return command
    .option("--publish <folder>", "where the identities are published from", "published")
    .addOption(
      new Option("--oracles <urls>", "oracles that are handed the identities, by comma").env("RACKBOND_ORACLE_URLS"),
    )
    .option("--allow-private", "oracles may be on this machine or in a private network");
}

function withList(command: Command): Command {
  return withOracles(withOperatorKey(command))
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
  const bar = startBar();
  const onProgress = (what: string, count: number, total: number | undefined) => bar.show(count, total, what);
  const list = await readList(options.devices, (count) => onProgress("devices read", count, undefined));
  demand(options.batch > 0n && options.batch <= 10_000n, "Operator_BadBatch", { batch: options.batch });
  const { deployment, provider, signer } = desk;
  const enrolment: Enrolment = {
    ...{ deployment, provider, list, goal, operator: signer.address },
    ...{ hostsPerTransaction: Number(options.batch), onProgress },
  };
  const counts = { deviceCount: list.names.length, hostCount: list.hosts.length, identityRoot: list.identityRoot };
  if (options.dryRun === true) {
    bar.end();
    const { missingCount, transactionCount, lotId } = await planEnrolment(enrolment);
    return { dryRun: true, ...counts, missingHostCount: missingCount, transactionCount, lotId: shown(lotId) };
  }
  const sender = desk.sender();
  const files = await openFiles(options.publish);
  const oracles = oracleUrls(options.oracles);
  const { lotId, registeredHostCount, gasUsed } = await enrol(enrolment, sender, files);
  bar.end();
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
    printResult({ lotId: String(lotId), identityRoot, handedTo: handed.length }, options.json === true);
  } finally {
    provider.destroy();
  }
}

function handing({ allowPrivate }: Pick<ListOptions, "allowPrivate">) {
  return { isPrivateAllowed: allowPrivate === true, onProgress: (line: string) => process.stderr.write(`${line}\n`) };
}

async function retire(options: SendingOptions & { readonly lot: bigint }, command: Command): Promise<void> {
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
  options: SendingOptions & { readonly lot: bigint; readonly amount?: string },
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

function shown(lotId: bigint | undefined): string | null {
  return lotId === undefined ? null : String(lotId);
}

function dayStart(text: string): bigint {
  const timeMs = Date.parse(`${text}T00:00:00Z`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(timeMs) || timeMs <= 0)
    throw new InvalidArgumentError("not a day of the form YYYY-MM-DD after 1970");
  return BigInt(timeMs / 1000);
}
