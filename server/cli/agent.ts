import { createReadStream } from "node:fs";
import { hostname as systemHostname } from "node:os";
import { createInterface } from "node:readline";

import { Command, Option } from "commander";
import { isAddress } from "ethers";

import { runAgent, type AgentSettings } from "../agent/run.ts";
import type { WallMeter } from "../agent/wall.ts";
import { Failure, messageOf } from "../failure.ts";
import { openNodeSigner } from "../keys/nodeSigner.ts";
import { outboundUrl } from "../outbound.ts";
import { AGENT_SETTINGS, type AgentSetting } from "../protocol/agentSettings.ts";
import { parseIdentities } from "../protocol/identityTree.ts";
import { readingDomain } from "../protocol/reading.ts";

type Given = Record<keyof typeof AGENT_SETTINGS, string>;

/** `rackbond agent`: one signed reading an epoch from a GPU host to every oracle. */
export function agentCommand(): Command {
  const command = new Command("agent").description("runs on a GPU host: scrapes, signs an hour's reading, sends it");
  for (const [name, setting] of Object.entries(AGENT_SETTINGS) as [string, AgentSetting][]) {
    const option = new Option(setting.flag, setting.what).env(setting.env);
    option.attributeName = () => name;
    if (setting.default === undefined) option.makeOptionMandatory();
    else option.default(setting.default);
    command.addOption(option);
  }
  return command.exitOverride().action(async (given: Given) => {
    const log = (line: string) => process.stderr.write(`rackbond agent: ${line}\n`);
    const { settings, close } = await settingsOf(given, log);
    const running = await runAgent(settings);
    log(`metrics ${running.metricsUrl}/metrics`);
    await new Promise<void>((resolve) => {
      for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
    });
    await running.stop();
    await close();
  });
}

async function settingsOf(given: Given, log: (line: string) => void) {
  const nodeId = whole(given, "nodeId", 0, Number.MAX_SAFE_INTEGER);
  const lotId = whole(given, "lotId", 0, Number.MAX_SAFE_INTEGER);
  const backoffMs = [1_000, 300_000] as const;
  if (!isAddress(given.telemetry)) throw invalid("telemetry", "a contract's address");
  const rules = {
    isProduction: true, // a node key is never anywhere but in its file or token
    ...(given.keyPasswordFile === "" ? {} : { passwordFile: given.keyPasswordFile }),
  };
  const deviceIndex = await devicesOf(given.devices, BigInt(nodeId));
  const signer = await openNodeSigner(given.key, rules);
  const settings: AgentSettings = {
    hostname: systemHostname(),
    domain: readingDomain(BigInt(whole(given, "chainId", 1, Number.MAX_SAFE_INTEGER)), given.telemetry),
    node: {
      ...{ nodeId: BigInt(nodeId), lotId: BigInt(lotId), deviceIndex },
      allocation: choice(given, "allocation", ["pod", "dedicated"]),
      maxGapSec: whole(given, "maxGapSec", 1, 1800),
    },
    sign: (hash) => signer.sign(hash),
    exporters: addresses(given, "exporter"),
    wall: wallOf(given),
    intervalSec: whole(given, "intervalSec", 1, 600),
    timeoutMs: whole(given, "timeoutMs", 100, 60_000),
    closeDelaySec: whole(given, "closeDelaySec", 1, 1800),
    oracles: addresses(given, "oracle"),
    isPrivateAllowed: choice(given, "allowPrivate", ["yes", "no"]) === "yes",
    folder: given.data,
    maxJournalBytes: whole(given, "journalMiB", 1, 1_048_576) * 1024 * 1024,
    backoffMs,
    metrics: { host: given.metricsHost, port: whole(given, "metricsPort", 0, 65_535) },
    log,
  };
  return { settings, close: () => signer.close() };
}

/** The boards of a node, each with its place in the lot. */
export async function devicesOf(file: string, nodeId: bigint): Promise<ReadonlyMap<string, number>> {
  try {
    const devices = await parseIdentities(createInterface({ input: createReadStream(file, "utf8") }));
    const own = devices.flatMap((device, index) => (device.nodeId === nodeId ? [[device.name, index] as const] : []));
    if (own.length === 0) throw new Error(`no board of node ${nodeId}`);
    return new Map(own);
  } catch (error) {
    throw new Failure("Config_Devices", `${file}: ${messageOf(error)}`, { cause: error });
  }
}

function wallOf({ wallUrl: url, wallMetric: metric, wallCommand: command }: Given): WallMeter | undefined {
  if (command !== "" && url !== "") throw invalid("wallCommand", "given alone: there is one wall meter");
  if (command !== "") return { command };
  if ((url === "") !== (metric === "")) throw invalid("wallMetric", "given together with the wall meter's address");
  if (url === "") return undefined;
  outboundUrl(url, "the wall meter's address");
  return { url, metric };
}

function addresses(given: Given, name: "exporter" | "oracle"): string[] {
  const urls = given[name].split(",").map((url) => url.trim());
  for (const url of urls) {
    try {
      outboundUrl(url, AGENT_SETTINGS[name].env);
    } catch (error) {
      throw new Failure("Config_Invalid", messageOf(error), { cause: error });
    }
  }
  if (new Set(urls).size !== urls.length) throw invalid(name, "a list of different addresses");
  return urls;
}

function choice<T extends string>(given: Given, name: keyof Given, of: readonly T[]): T {
  const found = of.find((one) => one === given[name]);
  if (found === undefined) throw invalid(name, of.join(" or "));
  return found;
}

function whole(given: Given, name: keyof Given, min: number, max: number): number {
  const value = /^(0|[1-9][0-9]{0,15})$/.test(given[name]) ? Number(given[name]) : Number.NaN;
  if (!(value >= min && value <= max)) throw invalid(name, `an integer from ${min} to ${max}`);
  return value;
}

function invalid(name: keyof Given, form: string): Failure {
  const { flag, env } = AGENT_SETTINGS[name];
  return new Failure("Config_Invalid", `${flag.split(" ")[0]} (${env}) is to be ${form}`);
}
