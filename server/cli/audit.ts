import { readFile } from "node:fs/promises";
import { Command } from "commander";

import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import { Failure, codeOf, messageOf } from "../failure.ts";
import { isSignedBy, keyOf } from "../nodekey.ts";
import { chainReader } from "../plugins/chainReader.ts";
import { fileSources } from "../plugins/fileSources.ts";
import { startAudit, type AuditTotals } from "../protocol/audit.ts";
import { telemetryHistory, type Difference } from "../protocol/auditHistory.ts";
import { parseDeployment, type Deployment } from "../protocol/deployment.ts";
import { readingDomain } from "../protocol/reading.ts";
import type { RegisteredNode } from "../protocol/registryHistory.ts";
import { structOf } from "../protocol/typed.ts";
import { parseU64 } from "../protocol/units.ts";

/** What an audit is asked. */
export interface AuditRequest {
  readonly deployment: Deployment;
  readonly rpcUrl: string;
  readonly sources: readonly string[];
  readonly isPrivateAllowed: boolean;
  readonly fromEpoch?: bigint;
  readonly toEpoch?: bigint;
  /** How many differences are listed before it ends. */
  readonly maxDifferences: number;
  readonly onProgress: (text: string) => void;
}

/** What an audit found. */
export interface AuditResult extends AuditTotals {
  readonly differences: readonly Difference[];
  readonly firstEpoch: bigint | undefined;
  readonly lastEpoch: bigint | undefined;
  readonly rolledBackCount: number;
  readonly recordedCount: number;
  readonly byteCount: number;
  readonly seconds: number;
}

/** Thrown to end an audit that has found enough. */
class Enough extends Error {}

/** Audits a deployment from the chain's events and the published files alone. */
export async function audit(request: AuditRequest): Promise<AuditResult> {
  const { deployment, fromEpoch = 0n, toEpoch, maxDifferences, onProgress } = request;
  const startedMs = Date.now();
  const differences: Difference[] = [];
  const onDifference = (difference: Difference) => {
    differences.push(difference);
    if (differences.length >= maxDifferences) throw new Enough();
  };
  const { telemetry } = deployment.addresses;
  const chainId = BigInt(deployment.chainId);
  const chain = chainReader({ rpcUrl: request.rpcUrl, deployment });
  const files = await fileSources(request);
  const names = {
    ...{ chainId, telemetry },
    domain: { name: "Rackbond Telemetry", version: "1", chainId, verifyingContract: telemetry },
    reportStruct: structOf(Telemetry__factory.abi, "submit", "report"),
    skipStruct: structOf(Telemetry__factory.abi, "skip", "notice"),
  };
  const keys = new WeakMap<RegisteredNode, ReturnType<typeof keyOf>>();
  const events = await chain.events((block, head) => onProgress(`block ${block} of ${head}`));
  const auditor = startAudit({
    ...{ names, onDifference, domain: readingDomain(chainId, telemetry) },
    registryEvents: events.filter(({ contract }) => contract === "registry"),
    file: (kind, hash, check) => files.file(kind, hash, check),
    call: (one) => chain.callOf(one),
    isSigned: (node, hash, signature) => {
      const key = keys.get(node) ?? keyOf(node);
      keys.set(node, key);
      return isSignedBy(key, hash, signature);
    },
  });
  let counts = { rolledBackCount: 0, recordedCount: 0 };
  let audited: readonly { epoch: bigint }[] = [];
  try {
    const ofTelemetry = events.filter(({ contract }) => contract === "telemetry");
    const { filed, rolledBackCount, recordedCount } = telemetryHistory(ofTelemetry, names, onDifference);
    counts = { rolledBackCount, recordedCount };
    await auditor.startAfter(filed.filter(({ epoch }) => epoch < fromEpoch));
    const chosen = filed.filter(({ epoch }) => epoch >= fromEpoch && (toEpoch === undefined || epoch <= toEpoch));
    for (const [place, one] of chosen.entries()) {
      onProgress(`epoch ${one.epoch}, ${place + 1} of ${chosen.length}, ${auditor.totals.readingCount} readings`);
      audited = chosen.slice(0, place + 1);
      await auditor.audit(one);
    }
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  }
  return {
    ...{ differences, ...counts, ...auditor.totals },
    ...{ firstEpoch: audited[0]?.epoch, lastEpoch: audited.at(-1)?.epoch },
    byteCount: chain.byteCount() + files.byteCount(),
    seconds: Math.round((Date.now() - startedMs) / 100) / 10,
  };
}

interface Given {
  deployment: string;
  rpc: string;
  files: string[];
  from?: string;
  to?: string;
  continue?: string | true;
  allowPrivate?: boolean;
  json?: boolean;
}

const LISTED_COUNT = 100;
const PROGRESS_MS = 1_000;

/** `rackbond audit`. */
export function auditCommand(): Command {
  return new Command("audit")
    .description("recompute every root and meter from the chain's events and the published files; tell what differs")
    .requiredOption("--deployment <file>", "deployment file")
    .requiredOption("--rpc <url>", "JSON-RPC address of a node of the chain that you trust")
    .requiredOption("--files <source...>", "where published files are: addresses of oracles, or a folder")
    .option("--from <epoch>", "first epoch; the state before it is taken as published")
    .option("--to <epoch>", "last epoch")
    .option("--continue [count]", `list differences beyond the first, at most ${LISTED_COUNT} or as many as given`)
    .option("--allow-private", "files may come from addresses of this machine and of private networks")
    .option("--json", "the result as JSON")
    .action(async (given: Given) => {
      const result = await audit({
        deployment: await deploymentIn(given.deployment),
        ...{ rpcUrl: given.rpc, sources: given.files, isPrivateAllowed: given.allowPrivate === true },
        ...(given.from === undefined ? {} : { fromEpoch: epochIn(given.from) }),
        ...(given.to === undefined ? {} : { toEpoch: epochIn(given.to) }),
        maxDifferences: countIn(given.continue),
        onProgress: progress(),
      });
      process.stdout.write(`${given.json === true ? jsonOf(result) : textOf(result)}\n`);
      if (result.differences.length > 0) process.exitCode = 1;
    });
}

async function deploymentIn(file: string): Promise<Deployment> {
  try {
    const json = JSON.parse(await readFile(file, "utf8")) as { deployment?: unknown };
    return parseDeployment(json.deployment ?? json);
  } catch (error) {
    const message = `${file} is no deployment file: ${codeOf(error) ?? ""} ${messageOf(error)}`;
    throw new Failure("Config_NoDeployment", message, { cause: error });
  }
}

function epochIn(text: string): bigint {
  try {
    return parseU64(text, "epoch");
  } catch (error) {
    throw new Failure("Config_NoEpoch", messageOf(error), { cause: error });
  }
}

function countIn(given: string | true | undefined): number {
  if (given === undefined) return 1;
  if (given === true) return LISTED_COUNT;
  if (!/^[1-9][0-9]{0,5}$/.test(given)) throw new Failure("Config_NoCount", `--continue ${given.slice(0, 40)}`);
  return Number(given);
}

/** Says on standard error how far it is, about once a second. */
function progress(): (text: string) => void {
  let lastMs = Date.now();
  return (text) => {
    if (Date.now() < lastMs + PROGRESS_MS) return;
    lastMs = Date.now();
    process.stderr.write(`audit: ${text}\n`);
  };
}

function jsonOf(result: AuditResult): string {
  return JSON.stringify(result, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}

function textOf(result: AuditResult): string {
  const { differences, firstEpoch, lastEpoch, reportCount, skipCount, byteCount, seconds } = result;
  const lines = differences.map(
    ({ epoch, subject, expected, found, where }) =>
      `${epoch === undefined ? "" : `epoch ${epoch}: `}${subject}\n  expected ${expected}\n  found    ${found}\n  in       ${where}`,
  );
  const range = firstEpoch === undefined ? "no epoch" : `epochs ${firstEpoch} to ${lastEpoch}`;
  const took = `${(byteCount / 1e6).toFixed(1)} MB, ${seconds} s`;
  const outcome = differences.length === 0 ? "no difference" : `${differences.length} found, the first first`;
  if (result.unseenCount > 0)
    lines.push(
      `${result.unseenCount} came through another contract: their signatures were checked by the telemetry alone`,
    );
  lines.push(
    `${range}: ${reportCount} reports, ${skipCount} skips, ${result.rolledBackCount} rolled back, ` +
      `${result.readingCount} readings, ${result.deviceHourCount} device hours, ` +
      `${result.recordedCount} recorded meters; ${took}: ${outcome}`,
    "facility payouts are not part of this audit",
  );
  return lines.join("\n");
}
