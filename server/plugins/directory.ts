import type { KeyObject } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { Failure } from "../failure.ts";
import { keyOf } from "../nodekey.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Deployment } from "../protocol/deployment.ts";
import { identityAnchor } from "../protocol/identity.ts";
import { identityLines, identityRootOf, parseIdentities, type NamedDevice } from "../protocol/identityTree.ts";
import type { Lot } from "../protocol/lot.ts";
import { factorsOf, type Methodology } from "../protocol/methodology.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Db } from "./db.ts";
import type { Files } from "./files.ts";
import {
  apply,
  attestedAt,
  isWanted,
  FACT_NAMES,
  type Facts,
  type KeyOfPoint,
  type Node,
  type RegistryEvent,
  type Standing,
} from "./registryFacts.ts";

// The registry as it stood at a time, out of the followed events; a lot's devices out of published files.

/** A device of a lot's identity tree; its index is its place in the list. */
export interface DirectoryDevice {
  readonly deviceId: Hex;
  readonly name: string;
  /** Of the nodes with the leaf's key at sites of the operator of the lot's site the first; 0 where there is none. */
  readonly nodeId: bigint;
}

/** A lot with the devices of its identity tree; none where nobody published them. */
export interface DirectoryLot extends Standing {
  readonly lot: Lot;
  readonly siteId: bigint;
  readonly identityRoot: Hex;
  /** The first end of an epoch at which it was attested: from then on it is reported. */
  readonly attestedAt: bigint | undefined;
  readonly devices: readonly DirectoryDevice[];
}

/** Who may report what. Of the nodes those that have devices and are not revoked. */
export interface Directory {
  readonly lots: ReadonlyMap<bigint, DirectoryLot>;
  readonly nodes: ReadonlyMap<bigint, Node>;
}

export interface DirectoryOptions {
  readonly db: Db;
  readonly files: Files;
  readonly identities: Deployment["identities"];
  readonly methodology: Methodology;
  /** Changes whenever the followed events do. */
  readonly version: () => number;
  /** Asks peers for published identities; undefined when nobody has them. */
  readonly fetchIdentities?: (identityRoot: Hex) => Promise<AsyncIterable<string> | undefined>;
}

/** Gives the registry as it stood at a time: what blocks up to that time say, the time itself included. */
export interface Registry {
  at(timeAt: bigint): Promise<Directory>;
}

/** A leaf of an identity tree: whose key it is comes out of the events. */
interface IdentifiedBoard {
  readonly deviceId: Hex;
  readonly name: string;
  readonly keyHash: Hex;
}

type Boards = readonly IdentifiedBoard[];

interface Built {
  readonly directory: Directory;
  /** Whether the published identities of all lots that need them are there. */
  readonly isWhole: boolean;
  readonly builtMs: number;
}

/** After which identities that nobody had are asked for again. */
const RETRY_MILLI_SEC = 30_000;
/** How long a directory waits for what is asked of peers; later it goes on in the background. */
const FETCH_MILLI_SEC = 2_000;
const KEPT_COUNT = 4;

export function openRegistry(options: DirectoryOptions): Registry {
  const { db, files, methodology } = options;
  const keys = new Map<string, KeyObject>();
  const known = new Map<Hex, Boards>(); // by identity root
  const fetches = new Map<Hex, { readonly sinceMs: number; readonly done: Promise<void> }>();
  const directories = new Map<string, Built>();
  let foundMs = 0; // when identities were last found in the background
  let answers = { version: -1, marks: new Map<bigint, string>() };

  const keyOfPoint: KeyOfPoint = (publicX, publicY) => {
    const name = `${publicX}${publicY}`;
    const key = keys.get(name) ?? keyOf({ x: publicX, y: publicY });
    keys.set(name, key);
    return key;
  };

  /** Keeps identities as those of a root, if they make it. Their nodes say no more than which key a leaf has. */
  const learn = (root: Hex, named: readonly NamedDevice[], nodes: Facts["nodes"]): boolean => {
    const boards = named.flatMap(({ name, nodeId }) => {
      const node = nodes.get(nodeId);
      return node === undefined ? [] : [{ name, deviceId: identityAnchor(name), keyHash: node.keyHash }];
    });
    if (named.length === 0 || boards.length !== named.length || rootOf(boards) !== root) return false;
    known.set(root, boards);
    return true;
  };

  const learnFrom = async (root: Hex, nodes: Facts["nodes"], read: () => Promise<NamedDevice[]>): Promise<boolean> => {
    try {
      return learn(root, await read(), nodes);
    } catch (error) {
      const isNone = error instanceof Refusal || (error instanceof Failure && error.code === "Files_Corrupt");
      if (!isNone) throw error; // a file that is wrong is as good as none
      return false;
    }
  };

  /** From elsewhere than our files: then they are there; one of that name that is damaged is replaced. */
  const learnOther = async (root: Hex, nodes: Facts["nodes"], read: () => Promise<NamedDevice[]>): Promise<boolean> => {
    let found: NamedDevice[] = [];
    if (!(await learnFrom(root, nodes, async () => (found = await read())))) return false;
    await files.put("identities", root, identityLines(found));
    return true;
  };

  /** Asks peers for identities, now and then; nothing but what is published is lost when that goes wrong. */
  const fetch = (root: Hex, nodes: Facts["nodes"]): Promise<void> => {
    const under = fetches.get(root);
    if (under !== undefined && performance.now() - under.sinceMs < RETRY_MILLI_SEC) return under.done;
    const read = async () => {
      const lines = await options.fetchIdentities?.(root);
      return lines === undefined ? [] : await parseIdentities(lines);
    };
    const done = learnOther(root, nodes, read).then(
      (isFound) => {
        if (isFound) foundMs = performance.now();
      },
      () => undefined, // a peer or a disk that fails now is asked again
    );
    fetches.set(root, { sinceMs: performance.now(), done });
    return done;
  };

  /** Makes the identities of the lots that need them known: from our files, the deployment, or peers. */
  const learnAll = async ({ nodes, lots }: Facts, wanted: readonly bigint[]): Promise<void> => {
    const asked: Promise<void>[] = [];
    for (const lotId of wanted) {
      const { identityRoot: root } = lots.get(lotId)!;
      if (known.has(root)) continue;
      const own = async () =>
        (await files.has("identities", root)) ? await parseIdentities(files.open("identities", root)) : [];
      const given = () => {
        const lists = options.identities.filter((one) => one.lotId === String(lotId));
        return Promise.resolve(lists.flatMap(({ devices }) => devices.map(named)));
      };
      if ((await learnFrom(root, nodes, own)) || (await learnOther(root, nodes, given))) continue;
      if (options.fetchIdentities !== undefined) asked.push(fetch(root, nodes));
    }
    if (asked.length === 0) return;
    const waiting = new AbortController();
    const { signal } = waiting;
    const late = sleep(FETCH_MILLI_SEC, undefined, { signal, ref: false }).catch(() => undefined);
    await Promise.race([Promise.all(asked), late]);
    waiting.abort();
  };

  const build = async (events: readonly RegistryEvent[]): Promise<Built> => {
    const builtMs = performance.now();
    const facts: Facts = { sites: new Map(), nodes: new Map(), firstNodes: new Map(), lots: new Map() };
    for (const event of events) apply(facts, event, keyOfPoint);
    const newestAt = events.at(-1)?.time ?? 0n;
    const wanted = [...facts.lots].flatMap(([lotId, lot]) => (isWanted(lot, newestAt) ? [lotId] : []));
    await learnAll(facts, wanted);
    const lots = new Map<bigint, DirectoryLot>();
    for (const [lotId, { gpuCount, tdpW, ...lot }] of facts.lots) {
      const operator = facts.sites.get(lot.siteId);
      const boards = isWanted(lot, newestAt) ? (known.get(lot.identityRoot) ?? []) : [];
      lots.set(lotId, {
        lot: { lotId, gpuCount, tdpW, site: factorsOf(methodology, lot.siteId) },
        ...{ ...lot, attestedAt: attestedAt(lot.attestations) },
        devices: boards.map(({ deviceId, name, keyHash }) => {
          return { deviceId, name, nodeId: facts.firstNodes.get(`${operator} ${keyHash}`) ?? 0n };
        }),
      });
    }
    const nodes = new Map<bigint, Node>();
    for (const { devices } of lots.values()) {
      for (const { nodeId } of devices) {
        const node = nodes.has(nodeId) ? undefined : facts.nodes.get(nodeId);
        if (node?.isRevoked === false) nodes.set(nodeId, node);
      }
    }
    const isWhole = wanted.every((lotId) => lots.get(lotId)!.devices.length > 0);
    return { directory: { lots, nodes }, isWhole, builtMs };
  };

  /** Tells two states of the events apart, also when a re-org replaced some. */
  const markAt = async (timeAt: bigint): Promise<string> => {
    const { rows } = await db.query<{ mark: string }>(
      `select count(*) || '/' || coalesce((select encode(b.hash, 'hex') from blocks b where b.number = max(e.block)), '')
         as mark from events e join blocks b on b.number = e.block
       where e.contract = 'registry' and e.name = any ($1::text[]) and b.time <= $2`,
      [FACT_NAMES, timeAt],
    );
    return rows[0]?.mark ?? "";
  };

  const read = async (timeAt: bigint): Promise<Directory> => {
    const version = options.version();
    if (answers.version !== version) answers = { version, marks: new Map() };
    const mark = answers.marks.get(timeAt) ?? (await markAt(timeAt));
    if (options.version() === version && answers.marks.size < 1000) answers.marks.set(timeAt, mark);
    const kept = directories.get(mark);
    if (kept !== undefined && isFresh(kept)) return kept.directory;
    const { rows } = await db.query<RegistryEvent>(
      `select b.time, e.name, e.args from events e join blocks b on b.number = e.block
       where e.contract = 'registry' and e.name = any ($1::text[]) and b.time <= $2 order by e.block, e.log_index`,
      [FACT_NAMES, timeAt],
    );
    const built = await build(rows);
    directories.delete(mark);
    directories.set(mark, built);
    for (const oldest of directories.keys()) if (directories.size > KEPT_COUNT) directories.delete(oldest);
    return built.directory;
  };

  /** Whether nothing could be added to a directory: its identities are there, or were looked for a moment ago. */
  const isFresh = ({ isWhole, builtMs }: Built): boolean =>
    isWhole || (builtMs > foundMs && performance.now() - builtMs < RETRY_MILLI_SEC);

  let turn: Promise<unknown> = Promise.resolve();
  return {
    at(timeAt) {
      const next = turn.then(() => read(timeAt));
      turn = next.catch(() => undefined);
      return next;
    },
  };
}

function named({ name, nodeId }: { name: string; nodeId: string }): NamedDevice {
  return { name, nodeId: BigInt(nodeId) };
}

/** The root that devices make with the keys of their nodes. */
function rootOf(boards: Boards): Hex {
  return identityRootOf(boards.map(({ deviceId, keyHash }) => ({ anchor: deviceId, nodeKeyHash: keyHash })));
}

/** The lots that a report of an epoch has: those attested at its end or at an earlier one. */
export function reportedLots({ lots }: Directory, periodEndAt: bigint): Lot[] {
  return [...lots.values()].flatMap(({ lot, attestedAt: at }) => (at !== undefined && at <= periodEndAt ? [lot] : []));
}

/** The lot, and the places of its boards by name, that a node reports for. */
export function placeOf({ lots }: Directory, nodeId: bigint): { lotId: bigint; deviceIndex: Map<string, number> } {
  for (const [lotId, { devices, isRetired }] of lots) {
    if (isRetired) continue;
    const own = devices.flatMap(({ name, nodeId: id }, index) => (id === nodeId ? [[name, index] as const] : []));
    if (own.length > 0) return { lotId, deviceIndex: new Map(own) };
  }
  throw new Refusal("Directory_UnknownNode", { nodeId });
}
