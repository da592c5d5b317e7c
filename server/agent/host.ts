import { join } from "node:path";

import type { Hex } from "../protocol/bytes.ts";
import { lineOf, parseExposition } from "../protocol/exposition.ts";
import { readingJson, type SignedReadingJson } from "../protocol/reading.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import { isCounted, scrapeOf } from "../protocol/scrape.ts";
import { MILLI, epochEndAt, epochStartAt, u64 } from "../protocol/units.ts";
import { epochUntil } from "./hours.ts";
import { openJournal, type JournalStatus, type Segment } from "./journal.ts";
import { startNode, type NodeSettings, type NodeState } from "./node.ts";
import type { JournalRecord, RecordPlace } from "./segment.ts";
import { openSpool, type Spool } from "./spool.ts";

/** A host whose readings are made here. */
export interface HostedNode extends NodeSettings {
  readonly hostname: string;
  /** The node's signature over a reading's hash. */
  sign(readingHash: Hex): Promise<Hex>;
}

export interface AgentHostOptions {
  /** Keeps the journal and the spool; one process at a time has it. */
  readonly folder: string;
  readonly nodes: readonly HostedNode[];
  /** Of the readings: one chain, one telemetry contract. */
  readonly domain: Hex;
  /** Bytes that the journal may take on the disk. */
  readonly maxJournalBytes?: number;
}

/** Adds the scrapes of GPU hosts up to one signed reading for each host and epoch, and loses none of them. */
export interface AgentHost {
  /**
   * Takes a scrape, or a part of one, and the host's wall meter where it has one; resolves when it is on the disk.
   * Messages of one host and time are one scrape; before their epoch is closed they may come in any order, and twice.
   * Refuses malformed text as a whole, and everything while the disk or the journal is full.
   */
  take(hostname: string, atMilliSec: bigint, text: string, wallEnergyMJ?: bigint): Promise<void>;
  /**
   * Signs the readings of an epoch, and of earlier ones that were not closed: one for each host that was seen in it, once.
   * They are in the spool when they are given. A scrape after the end of the epoch says how the hour ended, so the
   * first one comes before. What comes of an epoch after its reading is counted in the next.
   */
  closeEpoch(epoch: bigint): Promise<SignedReadingJson[]>;
  /** The time up to which a host is known: of its newest scrape, or of the end of its newest reading. */
  newestOf(hostname: string): bigint;
  /** The readings that wait to be delivered. */
  readonly spool: Spool;
  status(): HostStatus;
  close(): Promise<void>;
}

/** What the journal holds, and what is of nobody. */
export interface HostStatus extends JournalStatus {
  /** Records that were dropped at a close because their host is no longer among the nodes. */
  readonly orphanCount: number;
}

const MAX_JOURNAL_BYTES = 2 * 1024 ** 3;

type Place = RecordPlace & { readonly segment: Segment; readonly atMilliSec: bigint };

export function startAgentHost({ folder, nodes, domain, maxJournalBytes }: AgentHostOptions): AgentHost {
  const spool = openSpool(join(folder, "spool"));
  const journal = openJournal({ folder: join(folder, "journal"), maxBytes: maxJournalBytes ?? MAX_JOURNAL_BYTES });
  journal.drop(spool.dropped); // a crash between a commit and its end left them
  let orphanCount = 0;
  const hosted = new Map(nodes.map((node) => [node.hostname, node]));

  /** Each host's records up to an epoch; and the first scrape of each after it, as far as one could say how it ended. */
  const recordsOf = (sealed: readonly Segment[], epoch: bigint): Map<string, Place[]> => {
    const places = new Map<string, Place[]>();
    const placesOf = (hostname: string) => {
      const known = places.get(hostname) ?? [];
      places.set(hostname, known);
      return known;
    };
    for (const segment of sealed) {
      for (const { hostname, atMilliSec, offset, length } of journal.read(segment)) {
        if (hosted.has(hostname)) placesOf(hostname).push({ segment, atMilliSec, offset, length });
        else orphanCount++;
      }
    }
    const firsts = new Map<string, Place[]>();
    const longestGapSec = Math.max(0, ...nodes.map((node) => node.maxGapSec));
    const lastEpoch = epochUntil((epochEndAt(epoch) + BigInt(longestGapSec)) * MILLI);
    for (const segment of journal.after(epoch)) {
      if (segment.epoch > lastEpoch) break;
      for (const { hostname, atMilliSec, offset, length } of journal.read(segment)) {
        if (!hosted.has(hostname)) continue;
        const before = firsts.get(hostname);
        const firstMilliSec = before?.[0]?.atMilliSec;
        const place = { segment, atMilliSec, offset, length };
        if (firstMilliSec === undefined || atMilliSec < firstMilliSec) firsts.set(hostname, [place]);
        else if (atMilliSec === firstMilliSec) before?.push(place);
      }
    }
    for (const [hostname, first] of firsts) placesOf(hostname).push(...first);
    return places;
  };

  const closeHost = async (node: HostedNode, places: Place[], epoch: bigint) => {
    const hours = startNode(node, domain, spool.stateOf(node.nodeId));
    places.sort((a, b) => (a.atMilliSec < b.atMilliSec ? -1 : a.atMilliSec > b.atMilliSec ? 1 : 0));
    for (const same of Map.groupBy(places, (place) => place.atMilliSec).values()) {
      const { lines, wallEnergyMJ } = collate(same.map((place) => journal.load(place.segment, place)));
      hours.observe(scrapeOf(lines.flatMap(parseExposition)), same[0]!.atMilliSec, wallEnergyMJ);
    }
    const readings: SignedReadingJson[] = [];
    for (const open of hours.open()) {
      const closed = open <= epoch ? hours.close(open) : undefined;
      if (closed === undefined) continue;
      readings.push({ reading: readingJson(closed.reading), signature: await node.sign(closed.hash) });
    }
    return { readings, state: hours.state() };
  };

  const closeNow = async (epoch: bigint): Promise<SignedReadingJson[]> => {
    const sealed = await journal.seal(epoch);
    const states = new Map<bigint, NodeState>();
    const readings: SignedReadingJson[] = [];
    for (const [hostname, places] of recordsOf(sealed, epoch)) {
      const node = hosted.get(hostname) as HostedNode;
      const closed = await closeHost(node, places, epoch);
      states.set(node.nodeId, closed.state);
      readings.push(...closed.readings);
    }
    if (sealed.length === 0 && readings.length === 0) return [];
    const dropped = sealed.map(({ name }) => name);
    await spool.commit({ states, readings, dropped });
    journal.drop(dropped);
    return readings;
  };

  let last: Promise<unknown> = Promise.resolve();
  return {
    async take(hostname, atMilliSec, text, wallEnergyMJ) {
      if (!hosted.has(hostname)) throw new Refusal("Agent_UnknownHost", { hostname: hostname.slice(0, 80) });
      demand(atMilliSec > 0n && atMilliSec <= MAX_MILLI_SEC, "Agent_BadTime", { atMilliSec });
      if (wallEnergyMJ !== undefined) u64(wallEnergyMJ, "wallEnergyMJ");
      const series = parseExposition(text).filter(({ name }) => isCounted(name));
      const lines = [...new Set(series.map(lineOf))];
      if (lines.length === 0 && wallEnergyMJ === undefined) return;
      await journal.append({ hostname, atMilliSec, wallEnergyMJ, text: lines.join("\n") });
    },

    closeEpoch(epoch) {
      const next = last.then(() => closeNow(epoch));
      last = next.catch(() => undefined);
      return next;
    },

    newestOf(hostname) {
      const node = hosted.get(hostname);
      let newest = node === undefined ? 0n : epochStartAt(spool.stateOf(node.nodeId).epoch + 1n) * MILLI;
      for (const segment of journal.after(-1n)) {
        for (const record of journal.read(segment)) {
          if (record.hostname === hostname && record.atMilliSec > newest) newest = record.atMilliSec;
        }
      }
      return newest;
    },

    spool,
    status: () => ({ ...journal.status, orphanCount }),
    async close() {
      await last;
      await journal.close();
    },
  };
}

// The year 9999: what is later is no time.
const MAX_MILLI_SEC = 253_402_300_800_000n;

/** One scrape out of its messages, the same whatever their order and however often they came. */
function collate(records: readonly JournalRecord[]): { lines: string[]; wallEnergyMJ: bigint | undefined } {
  const lines = new Set(records.flatMap(({ text }) => (text === "" ? [] : text.split("\n"))));
  const walls = records.flatMap(({ wallEnergyMJ }) => wallEnergyMJ ?? []);
  const wallEnergyMJ = walls.reduce<bigint | undefined>((most, one) => (one > (most ?? -1n) ? one : most), undefined);
  return { lines: [...lines].sort(), wallEnergyMJ };
}
