import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { startNode, type NodeSettings, type NodeState } from "../../server/agent/node.ts";
import { pointOf, signReading } from "../../server/nodekey.ts";
import {
  parseReading,
  readingDomain,
  readingHash,
  readingJson,
  type Reading,
  type SignedReadingJson,
} from "../../server/protocol/reading.ts";
import { Refusal } from "../../server/protocol/refusal.ts";
import { parseScrape } from "../../server/protocol/scrape.ts";
import type { Lot } from "../../server/protocol/lot.ts";
import { nodeKeyOf } from "../../scripts/cast.ts";
import { madeUpUuid } from "../../scripts/exporter.ts";

/** The epoch that tests begin in, and its first second. */
export const EPOCH = 490_000n;
export const AT = Number(EPOCH) * 3600;
export const UUIDS = [madeUpUuid("bench/0"), madeUpUuid("bench/1")] as const;
export const DOMAIN = readingDomain(31_337n, `0x${"11".repeat(20)}`);
export const { key: KEY } = nodeKeyOf("bench", "host");
export const POINT = pointOf(KEY);

export const LOT: Lot = {
  lotId: 7n,
  gpuCount: 2n,
  tdpW: 700n,
  site: { overheadE4: 12_300n, pueE4: 12_500n, cfeBps: 4_092n, gCO2ePerKWh: 369n, waterMlPerKWh: 1_800n },
};

/** One board's rows of a scrape; what is left out is not printed. */
export interface Row {
  gpu?: number;
  energyMJ?: bigint | string;
  powerW?: number | string;
  smActive?: number | string;
  pod?: string;
}

export function scrapeOf(...rows: Row[]): string {
  return rows
    .flatMap(({ gpu = 0, energyMJ, powerW, smActive, pod = "train" }) => {
      const labels = `{gpu="${gpu}",UUID="${UUIDS[gpu] ?? madeUpUuid(`bench/${gpu}`)}",pod="${pod}"}`;
      return [
        ...(energyMJ === undefined ? [] : [`DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION${labels} ${energyMJ}`]),
        ...(powerW === undefined ? [] : [`DCGM_FI_DEV_POWER_USAGE${labels} ${powerW}`]),
        ...(smActive === undefined ? [] : [`DCGM_FI_PROF_SM_ACTIVE${labels} ${smActive}`]),
      ];
    })
    .map((line) => `${line}\n`)
    .join("");
}

const root = mkdtempSync(join(tmpdir(), "rackbond-agents-"));
process.once("exit", () => rmSync(root, { recursive: true, force: true }));

/** A folder of its own, gone when the tests end. */
export function newFolder(): string {
  return mkdtempSync(join(root, "agent-"));
}

/** A host with two boards. */
export const NODE: NodeSettings = {
  ...{ nodeId: 3n, lotId: LOT.lotId, deviceIndex: new Map(UUIDS.map((uuid, index) => [uuid, index])) },
  ...{ allocation: "pod", maxGapSec: 600 },
};

/** A node that is fed by hand. */
export interface Agent {
  observe: (text: string, atSec: number, wallEnergyMJ?: bigint) => void;
  close: (epoch: bigint) => SignedReadingJson | undefined;
  /** The newest reading. */
  newest: () => SignedReadingJson | undefined;
}

export interface Bench {
  agent: Agent;
  /** The same node from its state after the newest reading; what it saw since is forgotten. */
  restart: () => Agent;
  /** Closes an epoch that must have a reading. */
  read: (epoch: bigint) => { reading: Reading; hash: string };
}

/** A node of a host with two boards. */
export function bench(options: Partial<NodeSettings> = {}): Bench {
  let state: NodeState | undefined;
  let newest: SignedReadingJson | undefined;
  const start = (): Agent => {
    const node = startNode({ ...NODE, ...options }, DOMAIN, state);
    return {
      observe: (text, atSec, wallEnergyMJ) => {
        node.observe(parseScrape(text), BigInt(Math.round(atSec * 1000)), wallEnergyMJ);
      },
      close(epoch) {
        const closed = node.close(epoch);
        if (closed === undefined) return undefined;
        state = node.state();
        newest = { reading: readingJson(closed.reading), signature: signReading(KEY, closed.hash) };
        return newest;
      },
      newest: () => newest,
    };
  };
  const own: Bench = {
    agent: start(),
    restart() {
      own.agent = start();
      return own.agent;
    },
    read(epoch) {
      const signed = own.agent.close(epoch);
      if (signed === undefined) throw new Error(`epoch ${epoch} has no reading`);
      const reading = parseReading(signed.reading);
      return { reading, hash: readingHash(DOMAIN, reading) };
    },
  };
  return own;
}

/** The refusal that work ends in. */
export async function refusalOf(work: () => unknown): Promise<Refusal> {
  try {
    await work();
  } catch (error) {
    expect(error, String(error)).to.be.instanceOf(Refusal);
    return error as Refusal;
  }
  throw new Error("it was not refused");
}
