import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { SigningKey } from "ethers";

import type { Oracle } from "../../server/jobs/oracle.ts";
import { markedSigner } from "../../server/keys/marks.ts";
import { memorySigner } from "../../server/keys/signer.ts";
import { reportOf } from "../../server/plugins/reports.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import type { SignedReadingJson } from "../../server/protocol/reading.ts";
import { FIRST_EPOCH, inOrder, readingOf, startStage, wire, type HourOptions, type Stage } from "./stage.ts";

const E = FIRST_EPOCH;
const NOW = (E + 1n) * 3600n;

describe("oracle reports", function () {
  this.timeout(60_000);
  let stage: Stage;
  let oracles: Oracle[];

  before(async () => {
    stage = await startStage();
  });
  after(() => stage.stop());
  beforeEach(async () => {
    await stage.reset();
    oracles = await stage.startOracles();
  });

  const give = (some: readonly Oracle[], batch: readonly SignedReadingJson[], receivedAt = NOW) =>
    Promise.all(some.map((oracle) => oracle.ingest(batch, receivedAt)));
  const hours = (epoch: bigint, options: HourOptions = {}) => [0, 1, 2].map((n) => readingOf(stage, n, epoch, options));
  const signerCountOf = (bitmap: bigint) => bitmap.toString(2).replaceAll("0", "").length;

  it("are the same from all, are on-chain once, and each oracle has the state after", async () => {
    await give(oracles, hours(E).map(wire));
    const closed = await stage.close(oracles);
    expect(closed.refusals).to.deep.equal([]);
    expect(await stage.contracts.telemetry.lastEpoch()).to.equal(E);
    expect(closed.report.devicesReportingCount).to.equal(3n);
    for (const { oracleId } of oracles) {
      const has = async () => (await reportOf(stage.store.db, oracleId, E))?.reportHash === closed.reportHash;
      await stage.until(oracles, has);
    }
    expect(await stage.contracts.telemetry.queryFilter(stage.contracts.telemetry.filters.Submitted())).to.have.length(
      1,
    );
  });

  it("E10: brings an epoch without a reading on-chain, nothing carried forward", async () => {
    await give(oracles, hours(E).map(wire));
    const first = await stage.close(oracles);
    const second = await stage.close(oracles);
    expect(second.report.devicesReportingCount).to.equal(0n);
    expect(second.report.meters.map((meter) => meter.energyWord)).to.deep.equal(
      first.report.meters.map((meter) => meter.energyWord),
    );
  });

  it("S14: have what any oracle was given, whoever proposes", async () => {
    let before = hours(E);
    for (let epoch = E; epoch <= E + 4n; epoch++) {
      if (epoch > E) before = before.map((signed, n) => readingOf(stage, n, epoch, { before: signed }));
      const at = (epoch + 1n) * 3600n;
      await Promise.all(before.map((signed, n) => give([oracles[n]!], [wire(signed)], at)));
      const closed = await stage.close(oracles);
      expect(closed.report.devicesReportingCount).to.equal(3n);
      expect(signerCountOf(closed.signerBitmap)).to.equal(3);
    }
    expect(await stage.contracts.telemetry.lastEpoch()).to.equal(E + 4n);
  });

  it("S06: an agent that tells oracles different things costs nothing: one of the two counts", async () => {
    const [one, other] = [readingOf(stage, 0, E), readingOf(stage, 0, E, { energyMJ: 1_000_000n })];
    await give(oracles.slice(0, 2), [wire(one)]);
    await give(oracles.slice(2), [wire(other)]);
    const { report } = await stage.close(oracles);
    expect(report.devicesReportingCount).to.equal(1n);
  });

  it("E01: with 2f oracles nothing is sent and the chain is as it was, until a third one is back", async () => {
    await give(oracles, hours(E).map(wire));
    await Promise.all(oracles.slice(2).map((oracle) => oracle.stop()));
    const { transmitter } = stage.world.cast;
    const nonce = await stage.provider.getTransactionCount(transmitter.address);
    await stage.advanceTo(NOW);
    await stage.head();
    for (const oracle of oracles.slice(0, 2)) oracle.wake();
    await sleep(1_500);
    expect(await stage.contracts.telemetry.lastEpoch()).to.equal(E - 1n);
    expect(await stage.provider.getTransactionCount(transmitter.address)).to.equal(nonce);
    expect(await stage.storeText()).to.match(/outbox\n\noutbox_versions\n\nkv/);
    const { newest } = await stage.until(await stage.startOracles(), ({ lastEpoch }) => lastEpoch === E);
    expect(newest!.report.devicesReportingCount).to.equal(3n);
  });

  it("E14: a mark that stands higher keeps its signer out, and the others go on", async () => {
    await Promise.all(oracles.map((oracle) => oracle.stop()));
    await stage.reset();
    const [wallet] = inOrder(stage.world.cast.oracles);
    const marked = markedSigner(memorySigner(new SigningKey(wallet!.privateKey)), stage.markFile(0));
    await marked.signReport({ configCount: 1n, epoch: E + 5n, kind: 0, preimage: new Uint8Array(66) });
    await marked.close();
    oracles = await stage.startOracles();
    await give(oracles, hours(E).map(wire));
    const closed = await stage.close(oracles);
    expect(closed.signerBitmap).to.equal(0b1110n);
    expect(new Set(closed.refusals.map(({ code }) => code))).to.deep.equal(new Set(["Signer_BelowMark"]));
  });

  it("S01: are the same after restarts in the middle of an epoch", async () => {
    // Made once: a node's signature, which the report's data hash covers, is another each time.
    const signed = [hours(E, { energyMJ: 123_456_789n })];
    for (let n = 1n; n < 3n; n++) {
      const next = signed
        .at(-1)!
        .map((before, host) => readingOf(stage, host, E + n, { before, energyMJ: 123_456_789n }));
      signed.push(next);
    }
    const chainOf = async (isRestarting: boolean): Promise<Hex[]> => {
      await stage.reset();
      oracles = await stage.startOracles();
      const hashes: Hex[] = [];
      for (const [n, batch] of signed.entries()) {
        await give(oracles, batch.map(wire), NOW + BigInt(n) * 3600n);
        if (isRestarting) {
          await stage.advanceTo(NOW + BigInt(n) * 3600n);
          await stage.head();
          for (const oracle of oracles) oracle.wake();
          await sleep(20 * n); // at another place each time
          oracles = await stage.startOracles();
          const { newest } = await stage.until(oracles, ({ lastEpoch }) => lastEpoch === E + BigInt(n));
          hashes.push(newest!.reportHash);
        } else hashes.push((await stage.close(oracles)).reportHash);
      }
      return hashes;
    };
    // Report hashes hold no block time.
    expect(await chainOf(true)).to.deep.equal(await chainOf(false));
  });

  it("go on from the published set where the kept state is not the chain's", async () => {
    await give(oracles, hours(E).map(wire));
    const first = await stage.close(oracles);
    await stage.until(oracles, async () => (await reportOf(stage.store.db, 3, E)) !== undefined);
    await stage.store.db.query(`update reports set carry = jsonb_set(carry, '{lots,0,meter,gpuEnergyWh}', '"9"')`);
    oracles = await stage.startOracles();
    const second = await stage.close(oracles);
    expect(second.report.meters.map((meter) => meter.energyWord)).to.deep.equal(
      first.report.meters.map((meter) => meter.energyWord),
    );
  });
});
