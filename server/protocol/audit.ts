import {
  aggregate,
  initialState,
  stateLine,
  type AggregateState,
  type Aggregation,
  type VerifiedReading,
} from "./aggregate.ts";
import {
  checkFiling,
  compareMeters,
  compareState,
  type ChainNames,
  type FiledCall,
  type FiledEpoch,
  type OnDifference,
} from "./auditHistory.ts";
import type { Hex } from "./bytes.ts";
import { identityAnchor } from "./identity.ts";
import { identityRootOf, parseIdentities } from "./identityTree.ts";
import { keccakText } from "./keccak.ts";
import type { Lot } from "./lot.ts";
import { unpackMeter } from "./meter.ts";
import { factorsOf, parseMethodology, type Methodology } from "./methodology.ts";
import { checkReadingSet, type CheckedSet, type FileKind } from "./publication.ts";
import type { Reading } from "./reading.ts";
import { Refusal, demand } from "./refusal.ts";
import { registryClock, type ContractEvent, type RegisteredNode } from "./registryHistory.ts";
import type { Report } from "./report.ts";
import { checkFollows, checkGrowth, checkReading } from "./rules.ts";
import { epochEndAt } from "./units.ts";

// Recomputes every epoch from nothing but the chain's events and the published files, and tells what differs.

export interface AuditOptions {
  readonly names: ChainNames;
  /** That readings are signed in. */
  readonly domain: Hex;
  readonly registryEvents: readonly ContractEvent[];
  /** A file, checked by `check`; refuses (`Audit_NoFile`) when no source gives one that passes, and says what each gave. */
  readonly file: <T>(kind: FileKind, hash: Hex, check: (lines: AsyncIterable<string>) => Promise<T>) => Promise<T>;
  /** What the transaction of a filing carried; undefined where it came through another contract and cannot be seen. */
  readonly call: (one: FiledEpoch) => Promise<FiledCall | undefined>;
  readonly isSigned: (node: RegisteredNode, readingHash: Hex, signature: Hex) => boolean | Promise<boolean>;
  readonly onDifference: OnDifference;
}

/** What was looked at. */
export interface AuditTotals {
  reportCount: number;
  skipCount: number;
  readingCount: number;
  deviceHourCount: number;
  /** Filings whose signatures were not seen: they came through another contract. */
  unseenCount: number;
}

/** Audits epochs in their order; `before` is the epoch that the first of them follows, where it is not the first of all. */
export interface Auditor {
  readonly totals: AuditTotals;
  /** Begins after an epoch, from its published state and readings: what came before is taken as published. */
  startAfter(before: readonly FiledEpoch[]): Promise<void>;
  audit(one: FiledEpoch): Promise<void>;
}

interface Place {
  readonly deviceId: Hex;
  readonly keyHash: Hex;
}

const KEPT_METHODOLOGIES = 4;

export function startAudit(options: AuditOptions): Auditor {
  const { names, domain, onDifference } = options;
  const registry = registryClock(options.registryEvents);
  const totals: AuditTotals = { reportCount: 0, skipCount: 0, readingCount: 0, deviceHourCount: 0, unseenCount: 0 };
  const newest = new Map<bigint, { reading: Reading; hash: Hex }>();
  const identities = new Map<bigint, { root: Hex; places: readonly Place[] | undefined }>();
  const methodologies = new Map<Hex, Methodology>();
  let state: AggregateState | undefined;
  /** After an epoch whose files cannot be had meters cannot be recomputed, until a published state is taken. */
  let isLost = false;

  /** Tells what a check refused; what is no refusal is thrown on. */
  const told = async <T>(epoch: bigint, subject: string, where: string, work: () => T | Promise<T>) => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      onDifference({ epoch, subject, expected: "what the rules allow", found: error.message, where });
      return undefined;
    }
  };

  const fileOf = async <T>(
    epoch: bigint,
    kind: FileKind,
    hash: Hex,
    check: (lines: AsyncIterable<string>) => Promise<T>,
  ): Promise<T | undefined> => {
    try {
      return await options.file(kind, hash, check);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const found = String(error.facts["found"] ?? error.message);
      onDifference({ epoch, subject: `${kind} file`, expected: hash, found, where: `${kind} ${hash}` });
      return undefined;
    }
  };

  const methodologyOf = async ({ epoch, methodologyHash }: Report): Promise<Methodology | undefined> => {
    const known = methodologies.get(methodologyHash);
    if (known !== undefined) return known;
    const read = await fileOf(epoch, "methodologies", methodologyHash, async (lines) => {
      const [text = "", ...more] = await all(lines);
      const found = keccakText(text);
      if (found !== methodologyHash || more.length > 0) throw new Refusal("Methodology_WrongHash", { found });
      return parseMethodology(text);
    });
    if (read === undefined) return undefined;
    methodologies.set(methodologyHash, read);
    for (const oldest of methodologies.keys())
      if (methodologies.size > KEPT_METHODOLOGIES) methodologies.delete(oldest);
    return read;
  };

  // More devices than the chain says reported are refused before they fill the memory.
  const setOf = async (epoch: bigint, { dataHash, devicesReportingCount }: Report): Promise<CheckedSet | undefined> =>
    await fileOf(epoch, "readings", dataHash, (lines) =>
      checkReadingSet(domain, dataHash, lines, Number(devicesReportingCount)),
    );

  const placesOf = async (epoch: bigint, lotId: bigint): Promise<readonly Place[] | undefined> => {
    const root = registry.lot(lotId)?.identityRoot;
    if (root === undefined) return undefined;
    const known = identities.get(lotId);
    if (known?.root === root) return known.places;
    const places = await fileOf(epoch, "identities", root, async (lines) => {
      const devices = (await parseIdentities(lines)).map(({ name, nodeId }) => {
        const node = registry.node(nodeId);
        if (node === undefined) throw new Refusal("Identities_UnknownNode", { lotId, nodeId });
        return { deviceId: identityAnchor(name), keyHash: node.keyHash };
      });
      const found = identityRootOf(
        devices.map(({ deviceId, keyHash }) => ({ anchor: deviceId, nodeKeyHash: keyHash })),
      );
      if (found !== root) throw new Refusal("Identities_WrongRoot", { lotId, found });
      return devices;
    });
    identities.set(lotId, { root, places });
    return places;
  };

  const checkOne = async (one: VerifiedReading, lots: ReadonlyMap<bigint, Lot>, where: string): Promise<void> => {
    const { reading, readingHash, signature } = one;
    const { nodeId, lotId, epoch, devices } = reading;
    const subject = `reading of node ${nodeId}`;
    const node = registry.node(nodeId);
    if (node === undefined || node.isRevoked) {
      const found = node === undefined ? "no such node" : "a revoked node";
      onDifference({ epoch, subject, expected: "a registered node", found, where });
      return;
    }
    await told(epoch, `${subject}: signature`, where, async () => {
      if (await options.isSigned(node, readingHash, signature)) return;
      throw new Refusal("Reading_BadSignature", { nodeId, epoch, readingHash });
    });
    await told(epoch, subject, where, async () => {
      const lot = lots.get(lotId);
      if (lot === undefined) throw new Refusal("Reading_WrongLot", { nodeId, lotId, epoch });
      demand(registry.isCounted(lotId), "Reading_LotNotInForce", { nodeId, lotId, epoch });
      checkReading(reading, epoch, lot);
      const places = await placesOf(epoch, lotId);
      const { siteId } = registry.lot(lotId)!;
      // The root commits to the key, whatever node the file names: it is the first of the operator's with that key.
      const isFirst = registry.nodeOf(siteId, node.keyHash) === nodeId;
      for (const { deviceIndex, deviceId } of devices) {
        const place = places?.[deviceIndex];
        if (places === undefined || (isFirst && place?.deviceId === deviceId && place.keyHash === node.keyHash))
          continue;
        throw new Refusal("Reading_WrongDevice", { nodeId, epoch, deviceIndex, deviceId });
      }
      const before = newest.get(nodeId);
      if (before === undefined) return;
      if (reading.sequenceIndex > before.reading.sequenceIndex + 1n) checkGrowth(reading, before.reading);
      else checkFollows(reading, before.reading, before.hash);
    });
  };

  /** Compares what was recomputed with what the report says, and the published state with the own one. */
  const compare = (report: Report, own: Aggregation, set: CheckedSet, where: string): void => {
    const { epoch } = report;
    const differs = (subject: string, expected: unknown, found: unknown, at = where) => {
      if (String(expected) !== String(found))
        onDifference({ epoch, subject, expected: String(expected), found: String(found), where: at });
    };
    const said = new Map(report.meters.map((meter) => [meter.lotId, meter]));
    for (const meter of own.meters) {
      const subject = `meter of lot ${meter.lotId}`;
      const other = said.get(meter.lotId);
      if (other === undefined) continue; // the list of lots differs, which was told
      differs(`${subject}: tdpW`, meter.tdpW, other.tdpW);
      compareMeters(unpackMeter(meter), unpackMeter(other), (counter, expected, found) => {
        differs(`${subject}: ${counter}`, expected, found);
      });
    }
    differs("report: readingsRoot", own.readingsRoot, report.readingsRoot);
    differs("report: devicesRegisteredCount", own.devicesRegisteredCount, report.devicesRegisteredCount);
    differs("report: devicesReportingCount", own.devicesReportingCount, report.devicesReportingCount);
    const at = firstUnlike(stateLine(own.state), stateLine(set.state));
    differs("published state", at?.expected, at?.found, `readings ${report.dataHash} line 1`);
    differs("report: dataHash", own.dataHash, report.dataHash);
  };

  const auditReport = async (one: FiledEpoch, report: Report): Promise<void> => {
    const { epoch } = one;
    const where = `transaction ${one.txHash}`;
    const methodology = await methodologyOf(report);
    registry.moveTo(epochEndAt(epoch));
    const reported = registry.reportedLots();
    const [expected, found] = [reported, report.meters].map((list) => list.map(({ lotId }) => lotId).join(" "));
    if (expected !== found) onDifference({ epoch, subject: "lots", expected: `${expected}`, found: `${found}`, where });
    const file = `readings ${report.dataHash}`;
    const set = await setOf(epoch, report);
    if (set === undefined || methodology === undefined) {
      isLost = true;
      return;
    }
    const lots = reported.map(({ lotId, siteId, gpuCount, tdpW }) => {
      return { lotId, gpuCount, tdpW, site: factorsOf(methodology, siteId) };
    });
    const byId = new Map(lots.map((lot) => [lot.lotId, lot]));
    if (set.epoch !== epoch) {
      const subject = "readings file: epoch";
      onDifference({ epoch, subject, expected: String(epoch), found: String(set.epoch), where: `${file} line 1` });
    }
    for (const [place, signed] of set.readings.entries()) await checkOne(signed, byId, `${file} line ${place + 2}`);
    const before = isLost ? initialState(epoch) : (state ?? initialState(epoch));
    const own = await told(epoch, "report", where, () => aggregate(epoch, before, lots, set.readings));
    if (own !== undefined && !isLost) compare(report, own, set, where);
    isLost = false;
    for (const { reading, readingHash: hash } of set.readings) newest.set(reading.nodeId, { reading, hash });
    totals.readingCount += set.readings.length;
    totals.deviceHourCount += Number(own?.devicesReportingCount ?? 0n);
    // Where the two differ it goes on from what was published: one false epoch is not told again for each that follows.
    state = { ...set.state, epoch };
  };

  return {
    totals,

    async startAfter(before) {
      const last = before.findLast(({ report }) => report !== undefined);
      if (last?.report === undefined) return;
      const set = await setOf(last.epoch, last.report);
      if (set === undefined) {
        isLost = true;
        return;
      }
      compareState(last.report, set.state, onDifference);
      state = { ...set.state, epoch: last.epoch };
      for (const { reading, readingHash: hash } of set.readings) newest.set(reading.nodeId, { reading, hash });
    },

    async audit(one) {
      const call = await options.call(one);
      if (call === undefined) totals.unseenCount++;
      checkFiling(one, call, names, onDifference);
      if (one.report === undefined) totals.skipCount++;
      else {
        totals.reportCount++;
        await auditReport(one, one.report);
      }
    },
  };
}

/** Where two texts part, with a little of both. */
function firstUnlike(expected: string, found: string): { expected: string; found: string } | undefined {
  if (expected === found) return undefined;
  let at = 0;
  while (expected[at] === found[at]) at++;
  const from = Math.max(0, at - 60);
  return { expected: expected.slice(from, at + 60), found: found.slice(from, at + 60) };
}

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const list: string[] = [];
  for await (const line of lines) list.push(line);
  return list;
}
