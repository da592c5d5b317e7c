import { ZERO_BYTES32, type Hex } from "../protocol/bytes.ts";
import { reportFrom, type Filing, type Report } from "../protocol/report.ts";
import { headBlock, type BlockRow } from "./events.ts";
import type { Db } from "./db.ts";
import { Failure } from "../failure.ts";

// Where the telemetry stands, out of the followed events: what a re-org takes back is not in them any more.

/** A configuration of signers. */
export interface OracleConfig {
  readonly configDigest: Hex;
  readonly configCount: bigint;
  /** Ascending, as in the contract. */
  readonly signers: readonly string[];
  readonly faultyCount: number;
  /** No report is taken under it from then on; 0 where it does not expire. */
  readonly expiresAt: bigint;
}

/** A report as it is on-chain. */
export interface FiledReport {
  readonly report: Report;
  readonly reportHash: Hex;
  readonly submittedAt: bigint;
  readonly signerBitmap: bigint;
  readonly transactionHash: Hex;
}

export interface TelemetryHead {
  /** The newest block that was followed. */
  readonly block: BlockRow;
  readonly lastEpoch: bigint;
  readonly firstEpoch: bigint;
  /** Undefined until the first one is set, and after a rollback until the next one is. */
  readonly config: OracleConfig | undefined;
  readonly prior: Filing;
  /** The newest report that stands; undefined before the first. */
  readonly newest: FiledReport | undefined;
  readonly isHalted: boolean;
  /** A report of the next epoch is taken until then. */
  readonly deadlineAt: bigint;
}

interface EventRow {
  label: string;
  block: bigint;
  logIndex: number;
  time: bigint;
  name: string;
  txHash: Hex;
  args: Record<string, unknown>;
}

const EPOCH_SEC = 3600n;
const COLUMNS = `e.block, e.log_index "logIndex", b.time, e.name, e.tx_hash "txHash", e.args`;
/** What the head is made of: the newest event of each name. */
const NAMES = ["Opened", "ConfigSet", "Submitted", "Skipped", "Halted", "Resolved"];

/** Reads the head; throws while no block has been followed. */
export async function telemetryHead(db: Db): Promise<TelemetryHead> {
  const block = await headBlock(db);
  const { rows } = await db.query<EventRow>(
    `select ${COLUMNS}, label from (select name as label, name, false as undone from unnest($1::text[]) name
       union all select 'RolledBack', 'Resolved', true) wanted
     cross join lateral (select * from events where contract = 'telemetry' and events.name = wanted.name
       and (not wanted.undone or (args ->> 'rolledBack')::boolean) order by block desc, log_index desc limit 1) e
     join blocks b on b.number = e.block`,
    [NAMES],
  );
  const newestOf = (...labels: string[]) =>
    rows.filter(({ label }) => labels.includes(label)).reduce<EventRow | undefined>(later, undefined);
  const opened = newestOf("Opened");
  if (block === undefined || opened === undefined) {
    throw new Failure("Head_Empty", "the telemetry's events have not been followed yet");
  }
  const firstEpoch = epochOf(opened);
  const last = newestOf("Submitted", "Skipped", "RolledBack");
  const lastEpoch = last === undefined ? firstEpoch - 1n : epochOf(last) - (last.label === "RolledBack" ? 1n : 0n);
  const filed = last?.label === "RolledBack" ? await filingUpTo(db, lastEpoch, ["Submitted", "Skipped"]) : last;
  const reported = filed?.name === "Submitted" ? filed : await filingUpTo(db, lastEpoch, ["Submitted"]);
  const newest = reported === undefined ? undefined : filedReport(reported);
  const halting = newestOf("Halted", "Resolved");
  const config = newestOf("ConfigSet", "RolledBack");
  const resolvedAt = halting?.name === "Resolved" ? halting.time : 0n;
  const periodEndAt = (lastEpoch + 2n) * EPOCH_SEC;
  return {
    ...{ block, lastEpoch, firstEpoch, newest },
    config: config?.name === "ConfigSet" ? configOf(config) : undefined,
    prior: {
      reportHash: (filed?.args["reportHash"] ?? filed?.args["skipHash"] ?? ZERO_BYTES32) as Hex,
      submittedAt: BigInt((filed?.args["submittedAt"] as string | undefined) ?? 0),
      meters: newest?.report.meters ?? [],
    },
    isHalted: halting?.name === "Halted",
    deadlineAt: (resolvedAt > periodEndAt ? resolvedAt : periodEndAt) + BigInt(opened.args["maxDelaySec"] as string),
  };
}

function later(a: EventRow | undefined, b: EventRow): EventRow {
  return a !== undefined && (a.block > b.block || (a.block === b.block && a.logIndex > b.logIndex)) ? a : b;
}

function epochOf({ args }: EventRow): bigint {
  return BigInt(args["epoch"] as string);
}

/** The newest filing that is not of a later epoch. */
async function filingUpTo(db: Db, epoch: bigint, names: readonly string[]): Promise<EventRow | undefined> {
  const { rows } = await db.query<EventRow>(
    `select '' label, ${COLUMNS} from events e join blocks b on b.number = e.block
     where e.contract = 'telemetry' and e.name = any ($1::text[]) and (e.args ->> 'epoch')::int8 <= $2
     order by (e.args ->> 'epoch')::int8 desc, e.block desc, e.log_index desc limit 1`,
    [names, epoch],
  );
  return rows[0];
}

/** The reports of a range of epochs that stand, in order. */
export async function filedReports(db: Db, fromEpoch: bigint, toEpoch: bigint): Promise<FiledReport[]> {
  const { rows } = await db.query<EventRow>(
    `select distinct on ((args ->> 'epoch')::int8) '' label, block, log_index "logIndex", 0::int8 "time", name,
       tx_hash "txHash", args from events where contract = 'telemetry' and name in ('Submitted', 'Skipped')
       and (args ->> 'epoch')::int8 between $1 and $2
     order by (args ->> 'epoch')::int8, block desc, log_index desc`,
    [fromEpoch, toEpoch],
  );
  return rows.filter(({ name }) => name === "Submitted").map(filedReport);
}

function filedReport({ args, txHash }: EventRow): FiledReport {
  return {
    report: reportFrom(args["report"] as Parameters<typeof reportFrom>[0]),
    reportHash: args["reportHash"] as Hex,
    submittedAt: BigInt(args["submittedAt"] as string),
    signerBitmap: BigInt(args["signerBitmap"] as string),
    transactionHash: txHash,
  };
}

function configOf({ args }: EventRow): OracleConfig {
  const { configDigest, configCount, signers, faultyCount, expiresAt } = args;
  return {
    configDigest: configDigest as Hex,
    configCount: BigInt(configCount as string),
    signers: signers as string[],
    faultyCount: Number(faultyCount),
    expiresAt: BigInt((expiresAt as string | undefined) ?? 0),
  };
}
