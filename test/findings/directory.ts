import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { startDrafts } from "../../server/jobs/drafts.ts";
import type { History } from "../../server/jobs/history.ts";
import { startReadings, type HeldReading, type Readings } from "../../server/jobs/readings.ts";
import { pointOf, signReading } from "../../server/nodekey.ts";
import type { Db } from "../../server/plugins/db.ts";
import { openRegistry, placeOf, reportedLots, type Directory, type Registry } from "../../server/plugins/directory.ts";
import { openFiles, type Files } from "../../server/plugins/files.ts";
import type { TelemetryHead } from "../../server/plugins/head.ts";
import { rosterOf } from "../../server/plugins/roster.ts";
import type { Store } from "../../server/plugins/store.ts";
import { initialState, type VerifiedReading } from "../../server/protocol/aggregate.ts";
import { ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { noDrops } from "../../server/protocol/drops.ts";
import { identityAnchor, nodeKeyHash } from "../../server/protocol/identity.ts";
import { identityLines, namedIdentityRoot, type NamedDevice } from "../../server/protocol/identityTree.ts";
import { readingDomain, readingHash } from "../../server/protocol/reading.ts";
import { Refusal } from "../../server/protocol/refusal.ts";
import { REPORT_STRUCT } from "../../server/jobs/filing.ts";
import { epochEndAt, epochStartAt } from "../../server/protocol/units.ts";

// Found by a hostile review of 22 November: what one operator registers must cost no other operator anything, and halt
// nobody's telemetry.

const E = 490_000n;
const END = epochEndAt(E);
const domain = readingDomain(31_337n, `0x${"42".repeat(20)}`);
const keys = [1, 2, 3].map(() => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
const points = keys.map((key) => pointOf(key));
const [US, THEM] = [`0x${"aa".repeat(20)}`, `0x${"bb".repeat(20)}`];

interface Told {
  time: bigint;
  name: string;
  args: Record<string, unknown>;
}

describe("findings: directory and judging", () => {
  let folder: string;
  let files: Files;
  let asked: Hex[];
  const open: (() => void)[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "rackbond-directory-"));
    files = await openFiles(folder);
    asked = [];
  });
  afterEach(() => {
    for (const end of open.splice(0)) end();
    rmSync(folder, { recursive: true, force: true });
  });

  /** By node id the place of its key: node 4 has the key of node 1 once more. */
  const keyOfNode = (nodeId: bigint) => points[(Number(nodeId) - 1) % 3]!;
  const keyHashOf = (nodeId: bigint): Hex => nodeKeyHash(keyOfNode(nodeId).x, keyOfNode(nodeId).y);
  const at = (name: string, args: Record<string, unknown>, time = 0n): Told => ({ time, name, args });
  const site = (siteId: number, operator: string) => at("SiteRegistered", { siteId: String(siteId), operator });
  const node = (nodeId: bigint, siteId: number) => {
    const { x: publicX, y: publicY } = keyOfNode(nodeId);
    return at("NodeRegistered", { nodeId: String(nodeId), siteId: String(siteId), publicX, publicY });
  };
  const rootOf = (devices: readonly NamedDevice[]) => namedIdentityRoot(devices, keyHashOf);
  const lot = (lotId: number, siteId: number, devices: readonly NamedDevice[]) => {
    const entry = { gpuCount: String(devices.length), tdpW: "700", identityRoot: rootOf(devices) };
    return at("LotRegistered", { lotId: String(lotId), siteId: String(siteId), lot: entry });
  };
  const attested = (lotId: number, untilAt = END + 1n) =>
    at("Attested", { lotId: String(lotId), level: "1", expiresAt: String(untilAt) }, 5n);
  const board = (name: string, nodeId: bigint): NamedDevice => ({ name: `BOARD-${name}`, nodeId });
  const publish = (devices: readonly NamedDevice[]) => files.put("identities", rootOf(devices), identityLines(devices));

  const registryOf = (events: readonly Told[], fetchIdentities?: () => Promise<AsyncIterable<string> | undefined>) => {
    let builtCount = 0;
    const db = {
      query: (sql: string, [, timeAt]: [unknown, bigint]) => {
        const seen = events.filter(({ time }) => time <= timeAt);
        if (sql.includes("as mark")) return Promise.resolve({ rows: [{ mark: String(seen.length) }] });
        builtCount++;
        return Promise.resolve({ rows: seen });
      },
    } as unknown as Db;
    const factors = { overheadE4: 10_000n, pueE4: 10_000n, cfeBps: 0n, gCO2ePerKWh: 0n, waterMlPerKWh: 0n };
    const registry = openRegistry({
      ...{ db, files, identities: [], methodology: { factors, exceptions: new Map() }, version: () => 1 },
      async fetchIdentities(root) {
        asked.push(root);
        return await fetchIdentities?.();
      },
    });
    return { registry, builtCount: () => builtCount };
  };

  const readingsOf = (registry: Registry): Readings =>
    startReadings({
      ...{ oracleId: 0, store: {} as Store, registry, readingDomain: domain, maxDelaySec: 86_400n, skewSec: 0n },
    });
  const signed = (nodeId: bigint, lotId: bigint, ...boards: [number, string][]): VerifiedReading => {
    const reading = {
      ...{ nodeId, lotId, epoch: E, sequenceIndex: 0n, prevReadingHash: ZERO_BYTES32, itEnergy: null },
      ...{ periodStartAt: epochStartAt(E), periodEndAt: END, drops: noDrops() },
      devices: boards.map(([deviceIndex, name]) => ({
        ...{ deviceIndex, deviceId: identityAnchor(`BOARD-${name}`), energyStartMJ: 0n, energyEndMJ: 3_600_000n },
        ...{ availableSec: 3600n, allocatedSec: 0n, smActiveMilliSec: 0n, curtailedSec: 0n, workUnits: 0n },
        ...{ flagsBitmap: 0, droppedCount: 0 },
      })),
    };
    const hash = readingHash(domain, reading);
    return { reading, readingHash: hash, signature: signReading(keys[(Number(nodeId) - 1) % 3]!, hash) };
  };
  /** What a reading is refused for; undefined where it is valid. */
  const refusalOf = (directory: Directory, registry: Registry, one: VerifiedReading): string | undefined => {
    try {
      readingsOf(registry).check(one, directory, false);
      return undefined;
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      throw error;
    }
  };

  const ours = [board("1", 1n), board("2", 2n)];

  it("a reading of a lot that no report has is refused: it would stop every proposer", async () => {
    await publish(ours);
    for (const events of [[], [attested(1, END)], [attested(1), at("LotRetired", { lotId: "1" }, 9n)]]) {
      const { registry } = registryOf([site(1, US), node(1n, 1), node(2n, 1), lot(1, 1, ours), ...events]);
      const directory = await registry.at(END);
      expect(refusalOf(directory, registry, signed(1n, 1n, [0, "1"]))).to.equal("Reading_LotNotInForce");
    }
  });

  it("boards that nobody attested, frozen lots and retired ones earn nothing, and stay in the report", async () => {
    const swapped = [board("3", 1n), board("2", 2n)];
    await publish(ours);
    await publish(swapped);
    const base = [site(1, US), node(1n, 1), node(2n, 1), lot(1, 1, ours), attested(1)];
    const cases: [string, Told[], string | undefined][] = [
      ["as attested", [], undefined],
      ["swapped", [at("DevicesSwapped", { lotId: "1", identityRoot: rootOf(swapped) }, 9n)], "Reading_LotNotInForce"],
      ["frozen", [at("DuplicateProven", { lotId: "1", injuredLotId: "2" }, 9n)], "Reading_LotNotInForce"],
      ["unfrozen", [at("DuplicateProven", { lotId: "1" }, 9n), at("Unfrozen", { lotId: "1" }, 10n)], undefined],
      ["retired", [at("LotRetired", { lotId: "1" }, 9n)], "Reading_LotNotInForce"],
      ["revoked", [at("AttestationVoided", { lotId: "1", level: "1" }, 9n)], "Reading_LotNotInForce"],
    ];
    for (const [name, events, code] of cases) {
      // An end of an epoch before those events: from then on the lot is reported.
      const { registry } = registryOf([...base, ...events.map((one) => ({ ...one, time: END - 60n + one.time }))]);
      const directory = await registry.at(END);
      expect(refusalOf(directory, registry, signed(2n, 1n, [1, "2"])), name).to.equal(code);
      expect(
        reportedLots(directory, END).map(({ lotId }) => lotId),
        name,
      ).to.deep.equal([1n]);
    }
  });

  it("a lot of a lower number that names another's node, or one's own retired lot, takes no node away", async () => {
    const theirs = [board("9", 1n)];
    await publish(ours);
    await publish(theirs);
    for (const [siteId, ...more] of [[2], [1, at("LotRetired", { lotId: "1" }, 9n)], [1]] as [number, ...Told[]][]) {
      const { registry } = registryOf([
        ...[site(1, US), site(2, THEM), node(1n, 1), node(2n, 1)],
        ...[lot(1, siteId, theirs), lot(2, 1, ours), attested(1), attested(2), ...more],
      ]);
      const directory = await registry.at(END);
      expect(refusalOf(directory, registry, signed(1n, 2n, [0, "1"]))).to.equal(undefined);
      expect(rosterOf(directory).deviceNodes.at(-2)).to.equal(1);
      if (siteId === 2) {
        expect(directory.lots.get(1n)!.devices.map(({ nodeId }) => nodeId)).to.deep.equal([0n]);
        expect(refusalOf(directory, registry, signed(1n, 1n, [0, "9"]))).to.equal("Reading_WrongDevice");
      }
      if (more.length > 0) expect(placeOf(directory, 1n).lotId).to.equal(2n);
    }
  });

  it("two files of one root, with one key under two nodes, make one directory", async () => {
    const twice = ours.map((one) => (one.nodeId === 1n ? { ...one, nodeId: 4n } : one));
    expect(rootOf(twice)).to.equal(rootOf(ours));
    const events = [site(1, US), node(1n, 1), node(2n, 1), node(4n, 1), lot(1, 1, ours), attested(1)];
    const seen = [];
    for (const devices of [ours, twice]) {
      const other = mkdtempSync(join(tmpdir(), "rackbond-directory-"));
      open.push(() => rmSync(other, { recursive: true, force: true }));
      files = await openFiles(other);
      await publish(devices);
      const { registry } = registryOf(events);
      const directory = await registry.at(END);
      expect(refusalOf(directory, registry, signed(1n, 1n, [0, "1"]))).to.equal(undefined);
      expect(refusalOf(directory, registry, signed(4n, 1n, [0, "1"]))).to.equal("Reading_UnknownNode");
      seen.push(
        [...directory.nodes.keys()],
        directory.lots.get(1n)!.devices.map(({ nodeId }) => nodeId),
      );
    }
    expect(seen).to.deep.equal([
      [1n, 2n],
      [1n, 2n],
      [1n, 2n],
      [1n, 2n],
    ]);
  });

  it("a junk lot costs no queries: files are wanted of lots in force only, and those not every time", async () => {
    await publish(ours);
    const base = [site(1, US), node(1n, 1), node(2n, 1), lot(1, 1, ours), attested(1)];
    const junk = registryOf([...base, lot(2, 1, [board("7", 2n)])]);
    const whole = await junk.registry.at(END);
    expect(await junk.registry.at(END)).to.equal(whole);
    expect(asked).to.deep.equal([]);
    const missing = registryOf([...base, lot(2, 1, [board("7", 2n)]), attested(2)], () => new Promise(() => undefined));
    const partly = await missing.registry.at(END);
    expect(await missing.registry.at(END)).to.equal(partly);
    expect(missing.builtCount()).to.equal(1);
    expect(asked).to.have.length(1);
    expect(partly.lots.get(1n)!.devices).to.have.length(2);
  });

  it("identities that a peer brings later are in the directory at once", async () => {
    const theirs = [board("7", 2n)];
    let bring: (lines: AsyncIterable<string>) => void = () => undefined;
    const later = new Promise<AsyncIterable<string>>((resolve) => (bring = resolve));
    await publish(ours);
    const { registry } = registryOf(
      [site(1, US), node(1n, 1), node(2n, 1), lot(1, 1, ours), lot(2, 1, theirs), attested(1), attested(2)],
      () => later,
    );
    expect((await registry.at(END)).lots.get(2n)!.devices).to.have.length(0);
    bring(
      (async function* () {
        yield* await Promise.resolve([...identityLines(theirs)]);
      })(),
    );
    const deadlineMs = Date.now() + 5_000;
    while ((await registry.at(END)).lots.get(2n)!.devices.length === 0 && Date.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect((await registry.at(END)).lots.get(2n)!.devices).to.have.length(1);
  });

  it("a board that its operator registered twice counts once, halts nobody, and leaving it out is no omission", async () => {
    const doubled = [board("1", 1n), board("1", 2n), board("3", 3n)];
    await publish(doubled);
    const { registry } = registryOf([
      ...[site(1, US), node(1n, 1), node(2n, 1), node(3n, 1), lot(1, 1, doubled), attested(1)],
    ]);
    const all = [signed(1n, 1n, [0, "1"]), signed(2n, 1n, [1, "1"]), signed(3n, 1n, [2, "3"])];
    const held: HeldReading[] = all.map((one) => ({ ...one, receivedAt: END }));
    let published: VerifiedReading[] = [];
    const history: History = {
      stateAt: () => Promise.resolve(initialState(E)),
      set: () => Promise.resolve({ epoch: E, state: initialState(E), readings: published }),
      publish(_, { readings }) {
        published = [...readings];
        return Promise.resolve();
      },
    };
    const drafts = startDrafts({
      ...{ history, registry, peers: () => [], methodologyHash: ZERO_BYTES32, reportStruct: REPORT_STRUCT },
      ...{ graceSec: 0n, now: () => END },
      readings: { ...readingsOf(registry), valid: () => Promise.resolve(held) },
    });
    const head = { lastEpoch: E - 1n, prior: { reportHash: ZERO_BYTES32 } } as unknown as TelemetryHead;
    const { report } = await drafts.propose(head, ZERO_BYTES32);
    expect(published.map(({ reading }) => reading.nodeId)).to.deep.equal([1n, 3n]);
    expect(report.devicesReportingCount).to.equal(2n);
    expect(await drafts.judge(report, head, ZERO_BYTES32)).to.deep.equal({ verdict: "valid" });
    // The lower node is the one that counts; and what nothing in the set repeats is missed as before.
    for (const [nodeIds, omitted] of [[[2n, 3n], 1n] as const, [[1n], 3n] as const]) {
      const some = held.filter(({ reading }) => (nodeIds as readonly bigint[]).includes(reading.nodeId));
      const other = startDrafts({
        ...{ history, registry, peers: () => [], methodologyHash: ZERO_BYTES32, reportStruct: REPORT_STRUCT },
        ...{ graceSec: 0n, now: () => END },
        readings: { ...readingsOf(registry), valid: () => Promise.resolve(some) },
      });
      const { report: poor } = await other.propose(head, ZERO_BYTES32);
      const { verdict, reason } = await drafts.judge(poor, head, ZERO_BYTES32);
      expect([verdict, reason?.facts["nodeId"]]).to.deep.equal(["omits", omitted]);
    }
    published = all;
    expect((await drafts.judge(report, head, ZERO_BYTES32)).reason?.code).to.equal("Aggregate_DeviceTwice");
  });
});
