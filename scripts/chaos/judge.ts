import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";

import type { Hex } from "../../server/protocol/bytes.ts";
import { linesOf } from "../../server/protocol/lines.ts";
import { checkReadingSet, FILE_LIMITS } from "../../server/protocol/publication.ts";
import { epochEndAt } from "../../server/protocol/units.ts";
import { keepAccount, type PublishedEpoch } from "./account.ts";
import { CHAOS_FACTORS, type Ground } from "./ground.ts";
import { FAULTS } from "./plan.ts";
import type { Made } from "./readings.ts";
import { GRACE_SEC, headOf, type Aftermath, type Spell } from "./run.ts";
import { disorderOf, filedEpochs, type FiledEpoch } from "./verdict.ts";

/** One rule of the run, what it was held against, and where it was broken. */
export interface Check {
  readonly rule: string;
  readonly seen: string;
  readonly violations: readonly string[];
}

export interface Judgement {
  readonly checks: readonly Check[];
  readonly epochCount: number;
  readonly readingCount: number;
  readonly notes: readonly string[];
}

const FAULTY = 1;

/** Holds what is left of a run against every rule. */
export async function judge(aftermath: Aftermath): Promise<Judgement> {
  const { ground, provider, oracles, signatures, fleet, domain, made, firstEpoch, spells, isSettled } = aftermath;
  const filed = await filedEpochs(provider, ground.deployment);
  const { published, served, missing } = await publishedEpochs(oracles.urls, domain, filed);
  const filedAt = new Map(filed.map(({ epoch, submittedAt }) => [epoch, submittedAt]));
  const account = keepAccount(
    {
      ...{ domain, fleet, made, factors: CHAOS_FACTORS, holderCount: FAULTY + 1 },
      holders: (one) => holdersOf(one, filedAt, spells),
    },
    published,
  );
  const of = (rule: string) =>
    account.findings.filter((one) => one.rule === rule).map(({ epoch, text }) => `epoch ${epoch}: ${text}`);
  const endpoints = await Promise.all(oracles.urls.map((url) => hashesOf(url).catch(() => new Map<string, string>())));
  const liars = new Set(spells.filter(({ fault }) => fault.kind === "liar").flatMap(({ fault }) => fault.victims));
  const losers = new Set(
    spells.filter(({ fault }) => ["rows", "files", "lost"].includes(fault.kind)).flatMap(({ fault }) => fault.victims),
  );
  const telemetry = ground.deployment.addresses.telemetry.toLowerCase();
  const sent = aftermath.pace.transactions().filter(({ to }) => to?.toLowerCase() === telemetry);
  signatures.hearChain(sent.map(({ input }) => input));
  const conflicts = signatures.conflicts();
  const { messageCount, chainCount } = signatures.counts();
  const checks: Check[] = [
    {
      rule: "each epoch is on-chain once, in order",
      seen: `${filed.length} epochs`,
      violations: disorderOf(filed, firstEpoch, filed.length),
    },
    {
      rule: "after recovery nothing is left over: all epochs on-chain, all readings answered, all heads equal",
      seen: `${aftermath.epochCount} epochs, ${made.size} readings made`,
      violations: isSettled ? [] : await unsettled(aftermath, filed),
    },
    {
      rule: "each set is published, by two oracles at least",
      seen: `${served} copies of ${published.length} sets`,
      violations: missing,
    },
    { rule: "nothing invalid is in a set", seen: `${account.readingCount} readings`, violations: of("valid") },
    {
      rule: "what f+1 honest oracles acknowledged before the cut-off is in",
      seen: `${account.mustCount} readings`,
      violations: of("complete"),
    },
    {
      rule: "meters are the sum of the sets",
      seen: `${published.length * fleet.length} meters`,
      violations: of("meters"),
    },
    {
      rule: "the oracles agree on every report",
      seen: `${filed.length * endpoints.length} answers`,
      violations: endpoints.flatMap((hashes, oracle) =>
        filed.flatMap(({ epoch, reportHash }) => {
          const said = hashes.get(String(epoch));
          return said === reportHash ? [] : [`oracle ${oracle}, epoch ${epoch}: ${said ?? "no answer"}`];
        }),
      ),
    },
    {
      rule: "no signer signed two reports of an epoch",
      seen: `${chainCount} signatures`,
      violations: conflicts
        .filter(({ what, signerIndex }) => what === "report" && !liars.has(signerIndex))
        .map(({ text }) => text),
    },
    {
      rule: "no honest signer said two things in one place",
      seen: `${messageCount} messages`,
      violations: conflicts
        .filter(({ what, signerIndex }) => what !== "report" && !liars.has(signerIndex) && !losers.has(signerIndex))
        .map(({ what, text }) => `${what} ${text}`),
    },
  ];
  checks.push(await auditOf(aftermath));
  const endings = oracles.endings();
  const liarCount = conflicts.filter(({ signerIndex }) => liars.has(signerIndex)).length;
  const notes = [
    `${endings.length} times an oracle ended by itself${endings.length > 0 ? `: ${[...new Set(endings)].join("; ")}` : ""}`,
    `${liarCount} pairs of contradicting signatures by liars`,
  ];
  return { checks, epochCount: filed.length, readingCount: account.readingCount, notes };
}

const RACKBOND = join(import.meta.dirname, "../../server/cli/rackbond.ts");

/** What a stranger's audit says of it all, who reads the files where the oracles serve them. */
async function auditOf({ ground, oracles }: Aftermath): Promise<Check> {
  const args = ["audit", "--deployment", ground.deploymentFile, "--rpc", ground.chain.url, "--allow-private", "--json"];
  const child = spawn(process.execPath, [RACKBOND, ...args, "--continue", "--files", ...oracles.urls]);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (bytes: Buffer) => (stdout += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => (stderr += bytes.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  const rule = "rackbond audit finds no difference";
  try {
    const { differences, reportCount } = JSON.parse(stdout) as { differences: object[]; reportCount: number };
    return { rule, seen: `${reportCount} reports`, violations: differences.map((one) => JSON.stringify(one)) };
  } catch {
    return { rule, seen: "nothing", violations: [`it ended with ${code}: ${stderr.trim().split("\n").at(-1) ?? ""}`] };
  }
}

/** Oracles that held a reading in time and were honest until the epoch was decided. */
function holdersOf({ reading, ackedAt }: Made, filedAt: ReadonlyMap<bigint, number>, spells: readonly Spell[]): number {
  const endAt = Number(epochEndAt(reading.epoch));
  const decidedAt = filedAt.get(reading.epoch) ?? endAt;
  const isHonest = (oracle: number) =>
    spells.every(
      ({ fault, fromAt, untilAt }) =>
        !FAULTS[fault.kind].isArbitrary || !fault.victims.includes(oracle) || fromAt > decidedAt || untilAt < endAt,
    );
  return [...ackedAt].filter(([oracle, at]) => at <= endAt + GRACE_SEC && isHonest(oracle)).length;
}

interface Publication {
  published: PublishedEpoch[];
  served: number;
  missing: string[];
}

/** Each epoch's set, from whoever serves it whole; it is checked against the hash on-chain. */
async function publishedEpochs(
  urls: readonly string[],
  domain: Hex,
  filed: readonly FiledEpoch[],
): Promise<Publication> {
  const result: Publication = { published: [], served: 0, missing: [] };
  for (const { epoch, isSkip, dataHash, meters } of filed) {
    if (isSkip) continue;
    const faults: string[] = [];
    let readings: PublishedEpoch["readings"] | undefined;
    for (const [oracle, url] of urls.entries()) {
      try {
        const response = await fetch(`${url}/peer/v1/files/readings/${dataHash}`, {
          signal: AbortSignal.timeout(10_000),
        });
        if (!response.ok) throw new Error(`status ${response.status}`);
        const plain = zstdDecompressSync(Buffer.from(await response.arrayBuffer()));
        ({ readings } = await checkReadingSet(domain, dataHash, linesOf([plain], FILE_LIMITS.readings)));
        result.served += 1;
      } catch (error) {
        faults.push(`oracle ${oracle}: ${String(error).slice(0, 120)}`);
      }
    }
    if (urls.length - faults.length < FAULTY + 1) result.missing.push(`epoch ${epoch}: ${faults.join("; ")}`);
    if (readings !== undefined) result.published.push({ epoch, readings, meters });
  }
  return result;
}

/** The reports that an oracle says are on-chain, by epoch. */
async function hashesOf(url: string): Promise<Map<string, string>> {
  const hashes = new Map<string, string>();
  let before = "";
  for (;;) {
    const response = await fetch(`${url}/v1/epochs?limit=100${before}`, { signal: AbortSignal.timeout(5_000) });
    const { items, next } = (await response.json()) as EpochPage;
    for (const { epoch, reportHash } of items) hashes.set(epoch, reportHash);
    if (next === null) return hashes;
    before = `&before=${next}`;
  }
}

interface EpochPage {
  items: { epoch: string; reportHash: string }[];
  next: string | null;
}

const STALL_QUERIES = [
  "select epoch, kind, round, step, message from ballots order by epoch desc, round desc, step desc limit 12",
  "select epoch, kind, value_hash, decided_at from decisions order by epoch desc limit 3",
  "select max(number) as block from blocks",
  "select key, status, error, created_at from outbox order by id desc limit 6",
  "select state, wait_event, now() - state_change as since, left(query, 120) as query from pg_stat_activity where datname = current_database()",
];

/** Where each oracle stands, for whoever looks into a run that did not come to its end. */
async function whatHolds({ postgres, reportKeys }: Ground): Promise<unknown[]> {
  const ask = (oracle: number, text: string) => postgres.run(oracle, text).catch((error: unknown) => String(error));
  return await Promise.all(reportKeys.map((_, oracle) => Promise.all(STALL_QUERIES.map((text) => ask(oracle, text)))));
}

function textOfBigint(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

async function unsettled({ ground, oracles, feeder, epochCount, firstEpoch }: Aftermath, filed: readonly FiledEpoch[]) {
  const last = filed.at(-1)?.epoch;
  const heads = await Promise.all(oracles.urls.map(headOf));
  writeFileSync(join(ground.folder, "stall.json"), JSON.stringify(await whatHolds(ground), textOfBigint, 2));
  return [
    `${filed.length} of ${epochCount} epochs are on-chain, up to ${last ?? firstEpoch - 1n}; ` +
      `the oracles know ${heads.map((head) => head ?? "nothing").join(", ")}; ${feeder.openCount()} readings are open`,
  ];
}
