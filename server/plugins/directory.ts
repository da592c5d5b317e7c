import type { KeyObject } from "node:crypto";

import { Failure } from "../failure.ts";
import { keyOf } from "../nodekey.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Deployment } from "../protocol/deployment.ts";
import { identityAnchor, nodeKeyHash } from "../protocol/identity.ts";
import { identityLines, identityRootOf, parseIdentities, type NamedDevice } from "../protocol/identityTree.ts";
import type { Lot } from "../protocol/lot.ts";
import { factorsOf, type Methodology } from "../protocol/methodology.ts";
import { Refusal } from "../protocol/refusal.ts";
import { EPOCH_SEC } from "../protocol/units.ts";
import type { Db } from "./db.ts";
import type { Files } from "./files.ts";

// The registry as it stood at a time, out of the followed events; a lot's devices out of published files.

/** A node as registered, with the lot that has its devices. */
export interface Node {
  readonly nodeId: bigint;
  readonly siteId: bigint;
  readonly lotId: bigint;
  readonly publicX: Hex;
  readonly publicY: Hex;
  readonly keyHash: Hex;
  readonly key: KeyObject;
}

/** A device of a lot's identity tree; its index is its place in the list. */
export interface DirectoryDevice {
  readonly deviceId: Hex;
  readonly name: string;
  readonly nodeId: bigint;
}

/** A lot with the devices of its identity tree; none where nobody published them. */
export interface DirectoryLot {
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

interface RegistryEvent {
  time: bigint;
  name: string;
  args: Record<string, unknown>;
}

type Devices = readonly DirectoryDevice[];
type KeyOfPoint = (publicX: Hex, publicY: Hex) => KeyObject;

const NAMES = [
  ...["NodeRegistered", "NodeRevoked", "LotRegistered", "LotMoved", "DevicesSwapped"],
  ...["Attested", "AttestationVoided"],
];
const RETRY_MILLI_SEC = 30_000;
const KEPT_COUNT = 4;

export function openRegistry(options: DirectoryOptions): Registry {
  const { db, files, methodology } = options;
  const keys = new Map<string, KeyObject>();
  const known = new Map<Hex, Devices>(); // by identity root
  const triedAt = new Map<Hex, number>();
  const directories = new Map<string, Directory>();
  let answers = { version: -1, marks: new Map<bigint, string>() };

  const keyOfPoint: KeyOfPoint = (publicX, publicY) => {
    const name = `${publicX}${publicY}`;
    const key = keys.get(name) ?? keyOf({ x: publicX, y: publicY });
    keys.set(name, key);
    return key;
  };

  /** Devices whose tree has that root: from our files, the deployment, or peers, who are asked now and then. */
  const devicesOf = async (root: Hex, lotId: bigint, nodes: Facts["nodes"]): Promise<Devices> => {
    const found = known.get(root);
    if (found !== undefined) return found;
    const ownFile = async () =>
      (await files.has("identities", root)) ? await parseIdentities(files.open("identities", root)) : [];
    const candidates = [
      ownFile,
      () =>
        options.identities.filter((one) => one.lotId === String(lotId)).flatMap(({ devices }) => devices.map(named)),
      async () => {
        if (Date.now() - (triedAt.get(root) ?? 0) < RETRY_MILLI_SEC) return [];
        triedAt.set(root, Date.now());
        const lines = await options.fetchIdentities?.(root);
        return lines === undefined ? [] : await parseIdentities(lines);
      },
    ];
    for (const candidate of candidates) {
      try {
        const devices = (await candidate()).map((device) => ({ ...device, deviceId: identityAnchor(device.name) }));
        if (devices.length === 0 || rootOf(devices, nodes) !== root) continue;
        known.set(root, devices);
        // One of that name that is damaged is replaced.
        if (candidate !== ownFile) await files.put("identities", root, identityLines(devices));
        return devices;
      } catch (error) {
        const isNone = error instanceof Refusal || (error instanceof Failure && error.code === "Files_Corrupt");
        if (!isNone) throw error; // a file that is wrong is as good as none
      }
    }
    return [];
  };

  const build = async (events: readonly RegistryEvent[]): Promise<Directory> => {
    const facts: Facts = { nodes: new Map(), lots: new Map() };
    for (const event of events) apply(facts, event, keyOfPoint);
    const lots = new Map<bigint, DirectoryLot>();
    for (const [lotId, { siteId, gpuCount, tdpW, identityRoot, attestations }] of facts.lots) {
      lots.set(lotId, {
        lot: { lotId, gpuCount, tdpW, site: factorsOf(methodology, siteId) },
        ...{ siteId, identityRoot, attestedAt: attestedAt(attestations) },
        devices: await devicesOf(identityRoot, lotId, facts.nodes),
      });
    }
    const nodes = new Map<bigint, Node>();
    for (const [lotId, { devices }] of lots) {
      for (const { nodeId } of devices) {
        const { isRevoked, ...node } = facts.nodes.get(nodeId)!; // its key is in the root of the lot
        if (!isRevoked && !nodes.has(nodeId)) nodes.set(nodeId, { ...node, lotId });
      }
    }
    return { lots, nodes };
  };

  /** Tells two states of the events apart, also when a re-org replaced some. */
  const markAt = async (timeAt: bigint): Promise<string> => {
    const { rows } = await db.query<{ mark: string }>(
      `select count(*) || '/' || coalesce((select encode(b.hash, 'hex') from blocks b where b.number = max(e.block)), '')
         as mark from events e join blocks b on b.number = e.block
       where e.contract = 'registry' and e.name = any ($1::text[]) and b.time <= $2`,
      [NAMES, timeAt],
    );
    return rows[0]?.mark ?? "";
  };

  const read = async (timeAt: bigint): Promise<Directory> => {
    const version = options.version();
    if (answers.version !== version) answers = { version, marks: new Map() };
    const mark = answers.marks.get(timeAt) ?? (await markAt(timeAt));
    if (options.version() === version && answers.marks.size < 1000) answers.marks.set(timeAt, mark);
    const kept = directories.get(mark);
    if (kept !== undefined && isWhole(kept)) return kept;
    const { rows } = await db.query<RegistryEvent>(
      `select b.time, e.name, e.args from events e join blocks b on b.number = e.block
       where e.contract = 'registry' and e.name = any ($1::text[]) and b.time <= $2 order by e.block, e.log_index`,
      [NAMES, timeAt],
    );
    const directory = await build(rows);
    directories.set(mark, directory);
    for (const oldest of directories.keys()) if (directories.size > KEPT_COUNT) directories.delete(oldest);
    return directory;
  };

  let turn: Promise<unknown> = Promise.resolve();
  return {
    at(timeAt) {
      const next = turn.then(() => read(timeAt));
      turn = next.catch(() => undefined);
      return next;
    },
  };
}

interface LotFacts {
  siteId: bigint;
  readonly gpuCount: bigint;
  readonly tdpW: bigint;
  identityRoot: Hex;
  /** Of level 1: from when, until when. */
  readonly attestations: { readonly fromAt: bigint; untilAt: bigint }[];
}

type RegisteredNode = Omit<Node, "lotId"> & { readonly isRevoked: boolean };

interface Facts {
  readonly nodes: Map<bigint, RegisteredNode>;
  readonly lots: Map<bigint, LotFacts>;
}

function apply({ nodes, lots }: Facts, { name, time, args }: RegistryEvent, keyOfPoint: KeyOfPoint): void {
  const id = (field: string) => BigInt(args[field] as string);
  const lot = "lotId" in args ? lots.get(id("lotId")) : undefined;
  const voidLevel1 = () => {
    const last = lot?.attestations.at(-1);
    if (last !== undefined && last.untilAt > time) last.untilAt = time;
  };
  if (name === "NodeRegistered") {
    const [publicX, publicY] = [args["publicX"] as Hex, args["publicY"] as Hex];
    const place = { nodeId: id("nodeId"), siteId: id("siteId"), publicX, publicY, isRevoked: false };
    nodes.set(place.nodeId, { ...place, keyHash: nodeKeyHash(publicX, publicY), key: keyOfPoint(publicX, publicY) });
  } else if (name === "NodeRevoked") {
    const node = nodes.get(id("nodeId"));
    if (node !== undefined) nodes.set(node.nodeId, { ...node, isRevoked: true });
  } else if (name === "LotRegistered") {
    const entry = args["lot"] as { gpuCount: string; tdpW: string; identityRoot: Hex };
    const facts = { siteId: id("siteId"), gpuCount: BigInt(entry.gpuCount), tdpW: BigInt(entry.tdpW) };
    lots.set(id("lotId"), { ...facts, identityRoot: entry.identityRoot, attestations: [] });
  } else if (lot === undefined) return;
  else if (name === "LotMoved") lot.siteId = id("siteId");
  else if (name === "DevicesSwapped") {
    lot.identityRoot = args["identityRoot"] as Hex;
    voidLevel1();
  } else if (name === "Attested") {
    if (args["level"] !== "1") return;
    voidLevel1();
    lot.attestations.push({ fromAt: time, untilAt: id("expiresAt") });
  } else if (args["level"] === "1") voidLevel1();
}

/** The first end of an epoch at which one of the attestations stood. */
function attestedAt(attestations: LotFacts["attestations"]): bigint | undefined {
  const ends = attestations.flatMap(({ fromAt, untilAt }) => {
    const endAt = ((fromAt + EPOCH_SEC - 1n) / EPOCH_SEC) * EPOCH_SEC;
    return endAt < untilAt ? [endAt] : [];
  });
  return ends.length === 0 ? undefined : ends.reduce((a, b) => (a < b ? a : b));
}

/** Whether the published identities of all lots are there; those of others are asked for again. */
function isWhole({ lots }: Directory): boolean {
  return [...lots.values()].every(({ devices }) => devices.length > 0);
}

function named({ name, nodeId }: { name: string; nodeId: string }): NamedDevice {
  return { name, nodeId: BigInt(nodeId) };
}

/** The root that devices make with the keys of their nodes; undefined when one of the nodes is not registered. */
function rootOf(devices: Devices, nodes: Facts["nodes"]): Hex | undefined {
  const leaves = devices.map(({ deviceId, nodeId }) => ({ anchor: deviceId, nodeKeyHash: nodes.get(nodeId)?.keyHash }));
  if (leaves.some(({ nodeKeyHash: hash }) => hash === undefined)) return undefined;
  return identityRootOf(leaves as { anchor: Hex; nodeKeyHash: Hex }[]);
}

/** The lots that a report of an epoch has: those attested at its end or at an earlier one. */
export function reportedLots({ lots }: Directory, periodEndAt: bigint): Lot[] {
  return [...lots.values()].flatMap(({ lot, attestedAt: at }) => (at !== undefined && at <= periodEndAt ? [lot] : []));
}

/** The lot, and the places of its boards by name, that a node reports for. */
export function placeOf({ lots }: Directory, nodeId: bigint): { lotId: bigint; deviceIndex: Map<string, number> } {
  for (const [lotId, { devices }] of lots) {
    const own = devices.flatMap(({ name, nodeId: id }, index) => (id === nodeId ? [[name, index] as const] : []));
    if (own.length > 0) return { lotId, deviceIndex: new Map(own) };
  }
  throw new Refusal("Directory_UnknownNode", { nodeId });
}
