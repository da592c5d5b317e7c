import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { startHistory } from "../../server/jobs/history.ts";
import { REPORT_STRUCT } from "../../server/jobs/filing.ts";
import { startReadings } from "../../server/jobs/readings.ts";
import { reportedReadings } from "../../server/plugins/ballots.ts";
import type { Registry } from "../../server/plugins/directory.ts";
import { openFiles, type Files } from "../../server/plugins/files.ts";
import type { FiledReport, TelemetryHead } from "../../server/plugins/head.ts";
import { openStore, type Store } from "../../server/plugins/store.ts";
import { aggregate, initialState, type AggregateState, type VerifiedReading } from "../../server/protocol/aggregate.ts";
import { ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { noDrops } from "../../server/protocol/drops.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { readingSetLines } from "../../server/protocol/publication.ts";
import { readingDomain, readingHash } from "../../server/protocol/reading.ts";
import { buildReport, reportCall, reportHashOf } from "../../server/protocol/report.ts";
import { epochEndAt, epochStartAt } from "../../server/protocol/units.ts";

// Found by a hostile review of 22 November: what the authority rolled back must not shut a node out.

const FIRST = 490_000n;
const domain = readingDomain(31_337n, `0x${"42".repeat(20)}`);
const site = { overheadE4: 10_000n, pueE4: 10_000n, cfeBps: 0n, gCO2ePerKWh: 0n, waterMlPerKWh: 0n };
const lots = [{ lotId: 1n, gpuCount: 2n, tdpW: 700n, site }];

interface Filed {
  readonly filed: FiledReport;
  readonly state: AggregateState;
}

describe("findings: history after a rollback", function () {
  this.timeout(30_000);
  let root: string;
  let store: Store;
  let files: Files;
  let block = 0;

  before(async () => {
    root = mkdtempSync(join(tmpdir(), "rackbond-history-"));
    store = await openStore({ dataDir: root });
    files = await openFiles(join(root, "files"));
  });
  after(async () => {
    await store.close();
    rmSync(root, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await store.db.query("truncate blocks, events, reports, reported_readings cascade");
  });

  const hourOf = (nodeId: bigint, epoch: bigint, startMJ: bigint): VerifiedReading => {
    const device = {
      ...{ deviceIndex: Number(nodeId) - 1, deviceId: keccakText(`board ${nodeId}`) },
      ...{ energyStartMJ: startMJ, energyEndMJ: startMJ + 3_600_000n },
      ...{ availableSec: 3600n, allocatedSec: 0n, smActiveMilliSec: 0n, curtailedSec: 0n, workUnits: 0n },
      ...{ flagsBitmap: 0, droppedCount: 0 },
    };
    const reading = {
      ...{ nodeId, lotId: 1n, epoch, sequenceIndex: epoch - FIRST, prevReadingHash: ZERO_BYTES32, itEnergy: null },
      ...{ periodStartAt: epochStartAt(epoch), periodEndAt: epochEndAt(epoch), drops: noDrops(), devices: [device] },
    };
    return { reading, readingHash: readingHash(domain, reading), signature: `0x${"11".repeat(64)}` };
  };
  /** A report on-chain of some readings, after another. */
  const file = async (epoch: bigint, readings: readonly VerifiedReading[], before?: Filed): Promise<Filed> => {
    const own = aggregate(epoch, before?.state ?? initialState(epoch), lots, readings);
    await files.put("readings", own.dataHash, readingSetLines(epoch, own.state, readings));
    const report = buildReport(own, ZERO_BYTES32, before?.filed.reportHash ?? ZERO_BYTES32, ZERO_BYTES32);
    const reportHash = reportHashOf(REPORT_STRUCT, report);
    const hash = Buffer.alloc(32, ++block);
    await store.db.query("insert into blocks (number, hash, time) values ($1, $2, $3)", [
      block,
      hash,
      epochEndAt(epoch),
    ]);
    const args = { epoch, reportHash, submittedAt: epochEndAt(epoch), signerBitmap: 7n, report: reportCall(report) };
    await store.db.query(
      `insert into events (block, log_index, tx_hash, address, contract, name, args)
       values ($1, 0, $2, '', 'telemetry', 'Submitted', $3)`,
      [block, hash, JSON.stringify(args, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))],
    );
    const where = { submittedAt: args.submittedAt, signerBitmap: 7n, transactionHash: ZERO_BYTES32 };
    return { filed: { report, reportHash, ...where }, state: own.state };
  };
  /** An oracle that starts: what it goes on from. */
  const startAgain = () => {
    const registry: Registry = { at: () => Promise.reject(new Error("not asked")) };
    const own = { oracleId: 0, store, readingDomain: domain };
    const readings = startReadings({ ...own, registry, maxDelaySec: 0n, skewSec: 0n });
    const history = startHistory({ ...own, files, peers: () => [], readings });
    return (newest: Filed | undefined) =>
      history.stateAt({
        ...{ newest: newest?.filed, firstEpoch: FIRST, lastEpoch: newest?.filed.report.epoch ?? FIRST - 1n },
      } as unknown as TelemetryHead);
  };
  const kept = async () =>
    [...(await reportedReadings(store.db, 0)).values()]
      .map(({ reading: { nodeId, epoch, devices } }) => [nodeId, epoch, devices[0]!.energyEndMJ])
      .sort();

  const [low, high] = [0n, 2n ** 62n];

  for (const isAway of [false, true]) {
    it(`counts only what stands, for an oracle that was ${isAway ? "away" : "there"} when it was filed anew`, async () => {
      const first = await file(FIRST, [hourOf(1n, FIRST, low), hourOf(2n, FIRST, low)]);
      const false_ = await file(FIRST + 1n, [hourOf(1n, FIRST + 1n, high)], first);
      let stateAt = startAgain();
      await stateAt(false_);
      expect(await kept()).to.deep.equal([
        [1n, FIRST + 1n, high + 3_600_000n],
        [2n, FIRST, 3_600_000n],
      ]);
      if (isAway) stateAt = startAgain();
      const anew = await file(FIRST + 1n, [hourOf(2n, FIRST + 1n, low + 3_600_000n)], first);
      expect((await stateAt(anew)).lots).to.deep.equal(anew.state.lots);
      expect(await kept()).to.deep.equal([
        [1n, FIRST, 3_600_000n],
        [2n, FIRST + 1n, 7_200_000n],
      ]);
    });
  }

  it("counts nothing when the first epoch was taken back, and what was filed again is read again", async () => {
    const first = await file(FIRST, [hourOf(1n, FIRST, high)]);
    const stateAt = startAgain();
    await stateAt(first);
    expect(await kept()).to.have.length(1);
    await stateAt(undefined);
    expect(await kept()).to.have.length(0);
    await startAgain()(first);
    expect(await kept()).to.have.length(1);
  });

  it("does not read again what it has noted", async () => {
    const first = await file(FIRST, [hourOf(1n, FIRST, low)]);
    await startAgain()(first);
    const { dataHash } = first.filed.report;
    const opened: Hex[] = [];
    const open = files.open.bind(files);
    files.open = (kind, hash) => {
      opened.push(hash);
      return open(kind, hash);
    };
    await startAgain()(first);
    expect(opened, dataHash).to.deep.equal([]);
    files.open = open;
  });
});
