import { expect } from "chai";
import { network } from "hardhat";
import { metersOfWords, commitmentOf, filingCall } from "../../server/protocol/report.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import {
  NEVER_AT,
  CHALLENGE_SEC,
  type Filing,
  GPUS,
  Pen,
  START_AT,
  START_EPOCH,
  ZERO_HASH,
  deployTelemetry,
  hashOf,
  idle,
  later,
  pack,
  plain,
  registerLots,
} from "./reports.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });

async function deployed() {
  const world = await deployTelemetry(ethers, 1);
  await registerLots(world.registry, world.operator, 3);
  return world;
}

describe("Telemetry: what contracts may read", () => {
  let world: Awaited<ReturnType<typeof deployed>>;
  let pen: Pen;
  const first = later(idle(1n));
  const second = later(first);

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployed);
    pen = new Pen(world.telemetry, world.oracles, networkHelpers.time);
  });

  const finalAt = (filing: Filing) => networkHelpers.time.setNextBlockTimestamp(filing.submittedAt + CHALLENGE_SEC);
  const counters = (reading: typeof first, reportingCount = reading.reportingCount) => {
    const { lotId: _lotId, tdpW: _tdpW, ...meter } = reading;
    return { ...meter, reportingCount };
  };
  const meterAt = async (lotId: bigint, epoch: bigint) => plain(await world.telemetry.meterAt(lotId, epoch));

  describe("record", () => {
    context("given a filing as its event gave it", () => {
      it("refuses one second before it is Final, and takes it at that second, from anyone", async () => {
        const { filing, epoch } = await pen.file([first]);
        const at = filing.submittedAt + CHALLENGE_SEC;
        await networkHelpers.time.setNextBlockTimestamp(at - 1n);
        await expect(world.telemetry.record(epoch, filingCall(filing), [0]))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_NotFinal")
          .withArgs(epoch, at, at - 1n);
        await networkHelpers.time.setNextBlockTimestamp(at);
        await world.telemetry.connect(world.stranger).record(epoch, filingCall(filing), [0]);
        const [event] = await world.telemetry.queryFilter(world.telemetry.filters.Recorded);
        expect([event!.args.lotId, event!.args.epoch]).to.deep.equal([1n, epoch]);
        expect(plain(event!.args.meter)).to.deep.equal(counters(first));
        expect(await meterAt(1n, epoch)).to.deep.equal(counters(first));
      });

      it("writes only the positions asked for, in any order, and changes nothing the second time", async () => {
        const lots = [first, later(idle(2n)), later(idle(3n))];
        const { filing, epoch } = await pen.file(lots);
        await finalAt(filing);
        await world.telemetry.record(epoch, filingCall(filing), [2, 0, 2]);
        await world.telemetry.record(epoch, filingCall(filing), [0]);
        await world.telemetry.record(epoch, filingCall(filing), []);
        expect(await meterAt(1n, epoch)).to.deep.equal(counters(lots[0]!));
        expect(await meterAt(3n, epoch)).to.deep.equal(counters(lots[2]!));
        await expect(world.telemetry.meterAt(2n, epoch))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_NotRecorded")
          .withArgs(2, epoch);
      });

      it("still opens an old epoch when newer ones are filed", async () => {
        const old = await pen.file([first]);
        await pen.file([second]);
        await finalAt(pen.prior);
        await world.telemetry.record(old.epoch, filingCall(old.filing), [0]);
        expect(await meterAt(1n, old.epoch)).to.deep.equal(counters(first));
      });
    });

    context("E12: given positions that are not there", () => {
      it("E12: refuses a position at and beyond the count, and any in an empty list", async () => {
        const empty = await pen.file([]);
        const { filing, epoch } = await pen.file([first]);
        await finalAt(filing);
        for (const position of [1n, 2n ** 256n - 1n]) {
          await expect(world.telemetry.record(epoch, filingCall(filing), [0, position]))
            .to.be.revertedWithCustomError(world.telemetry, "Telemetry_NoPosition")
            .withArgs(position, 1);
        }
        await expect(world.telemetry.record(empty.epoch, filingCall(empty.filing), [0]))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_NoPosition")
          .withArgs(0, 0);
      });
    });

    context("given something else than what was filed", () => {
      it("E03: refuses other meters, another time, another hash, another epoch, and one never filed", async () => {
        const before = await pen.file([first]);
        const { filing, epoch } = await pen.file([second]);
        await finalAt(filing);
        const more = { ...second, allocatedGpuSec: second.allocatedGpuSec + 1n };
        for (const [at, wrong] of [
          [epoch, { ...filing, meters: [pack(more)] }],
          [epoch, { ...filing, submittedAt: filing.submittedAt - CHALLENGE_SEC }],
          [epoch, { ...filing, reportHash: hashOf("another") }],
          [epoch, before.filing],
          [epoch - 1n, filing],
          [epoch + 1n, filing],
          [0n, { reportHash: ZERO_HASH, submittedAt: 0n, meters: [] }],
        ] as [bigint, Filing][]) {
          await expect(world.telemetry.record(at, filingCall(wrong), [0]))
            .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongPrior")
            .withArgs(at, commitmentOf(wrong), await world.telemetry.commitments(at));
        }
      });

      it("opens the word before the first epoch to nothing: it holds no meter", async () => {
        const genesis: Filing = { reportHash: ZERO_HASH, submittedAt: 0n, meters: [] };
        await expect(world.telemetry.record(START_EPOCH - 1n, filingCall(genesis), [])).not.to.emit(
          world.telemetry,
          "Recorded",
        );
      });
    });

    context("E10: given a skipped epoch", () => {
      it("E10: has the counters of before, nobody reporting, and its own window", async () => {
        const reported = await pen.file([first]);
        await pen.fileSkip();
        const silent = await pen.fileSkip();
        await finalAt(reported.filing);
        await world.telemetry.record(reported.epoch, filingCall(reported.filing), [0]);
        await expect(
          world.telemetry.record(silent.epoch, filingCall(silent.filing), [0]),
        ).to.be.revertedWithCustomError(world.telemetry, "Telemetry_NotFinal");
        await finalAt(silent.filing);
        await world.telemetry.record(silent.epoch, filingCall(silent.filing), [0]);
        expect(await meterAt(1n, silent.epoch)).to.deep.equal(counters(first, 0n));
        const result = await world.telemetry.ratios(1n, reported.epoch, silent.epoch);
        expect([...result]).to.deep.equal([0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n]);
      });
    });
  });

  describe("meterAt", () => {
    it("is zero before the lot's first report, whatever was recorded", async () => {
      const { epoch: early, filing } = await pen.file([]);
      await pen.file([first]);
      await finalAt(filing);
      await world.telemetry.record(early, filingCall(filing), []);
      const zeros = Object.fromEntries(Object.keys(counters(first)).map((name) => [name, 0n]));
      for (const epoch of [0n, START_EPOCH - 1n, START_EPOCH]) {
        expect(await meterAt(1n, epoch)).to.deep.equal(zeros);
      }
    });

    it("is zero, up to the newest recorded epoch, for a lot that no report names: its lease can be settled", async () => {
      const { epoch, filing } = await pen.file([first]);
      await expect(world.telemetry.meterAt(2n, epoch)).to.be.revertedWithCustomError(
        world.telemetry,
        "Telemetry_NotRecorded",
      );
      await finalAt(filing);
      await world.telemetry.record(epoch, filingCall(filing), []);
      for (const at of [START_EPOCH - 1n, epoch]) {
        expect((await meterAt(2n, at)).availableGpuSec).to.equal(0n);
      }
    });

    it("refuses an epoch nobody recorded, and one that is yet to come", async () => {
      const { epoch } = await pen.file([first]);
      for (const [lotId, at] of [
        [2n, epoch + 1n],
        [1n, epoch],
        [1n, epoch + 1n],
        [1n, 2n ** 64n - 1n],
      ] as const) {
        await expect(world.telemetry.meterAt(lotId, at))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_NotRecorded")
          .withArgs(lotId, at);
      }
    });
  });

  describe("ratios", () => {
    async function recorded(readings: (typeof first)[]) {
      const epochs: bigint[] = [];
      const filings: Filing[] = [];
      for (const reading of readings) {
        const { epoch, filing } = await pen.file([reading]);
        epochs.push(epoch);
        filings.push(filing);
      }
      await finalAt(pen.prior);
      for (const [i, filing] of filings.entries()) await world.telemetry.record(epochs[i]!, filingCall(filing), [0]);
      return epochs as [bigint, bigint];
    }

    it("are those of the hours between, rounded down", async () => {
      const odd = { ...second, allocatedGpuSec: second.allocatedGpuSec + 1n, reportingCount: 5n };
      const [from, to] = await recorded([first, odd]);
      await world.registry.attest(1n, 3, (to + 1000n) * 3600n, hashOf("evidence"));
      // 21,601 of 28,800 GPU-seconds; 6,720 of 5,600 Wh; 6.0003 GPU-hours ÷ 6.72 kWh; 3,360 and 1,344 of 6,720
      const result = plain(await world.telemetry.ratios(1n, from, to));
      expect(result).to.deep.equal({
        allocationBps: 7500n,
        smActiveBps: 5000n,
        pueE4: 12_000n,
        gpuHoursPerMWh: 892n,
        cfeBps: 5000n,
        gCO2ePerKWh: 200n,
        coverageBps: 6250n,
        evidenceClassIndex: 3n,
      });
      expect((await world.telemetry.ratios(1n, from - 1n, from)).allocationBps, "from the first report").to.equal(
        7500n,
      );
    });

    it("are zero where nothing was available or used, and over no time at all", async () => {
      const [from, to] = await recorded([first, first]);
      for (const [a, b] of [
        [from, to],
        [to, to],
        [from - 1n, from - 1n],
      ] as const) {
        const result = await world.telemetry.ratios(1n, a, b);
        const coverageBps = b < from ? 0n : 10_000n;
        expect([...result]).to.deep.equal([0n, 0n, 0n, 0n, 0n, 0n, coverageBps, 0n]);
      }
    });

    it("give only what has a denominator", async () => {
      const [from] = await recorded([{ ...idle(1n), facilityEnergyWh: 8n, cfeMatchedWh: 4n, emissionsGCO2e: 8n }]);
      const result = await world.telemetry.ratios(1n, from - 1n, from);
      expect([...result]).to.deep.equal([0n, 0n, 0n, 0n, 5000n, 1000n, 10_000n, 0n]);
    });

    it("do not overflow at the end of every counter", async () => {
      const max = 2n ** 64n - 1n;
      const [from] = await recorded([
        {
          ...idle(1n),
          availableGpuSec: GPUS * 3600n,
          allocatedGpuSec: GPUS * 3600n,
          facilityEnergyWh: max,
          cfeMatchedWh: max,
          emissionsGCO2e: max,
        },
      ]);
      const result = await world.telemetry.ratios(1n, from - 1n, from);
      expect([...result]).to.deep.equal([10_000n, 0n, 0n, 0n, 10_000n, 1000n, 10_000n, 0n]);
    });
  });

  describe("events", () => {
    it("rebuild the whole state without one call", async () => {
      await pen.file([first]);
      await world.telemetry.setConfig(world.oracles, 1, NEVER_AT);
      await pen.fileSkip("why");
      const { filing, epoch } = await pen.file([second, later(idle(2n))]);
      await finalAt(filing);
      await world.telemetry.record(epoch, filingCall(filing), [0, 1]);

      const { telemetry } = world;
      const { filters } = telemetry;
      const [opened] = await telemetry.queryFilter(filters.Opened);
      const config = (await telemetry.queryFilter(filters.ConfigSet)).at(-1)!.args;
      const reports = new Map((await telemetry.queryFilter(filters.Submitted)).map(({ args }) => [args.epoch, args]));
      const skips = new Map((await telemetry.queryFilter(filters.Skipped)).map(({ args }) => [args.epoch, args]));
      const records = await telemetry.queryFilter(filters.Recorded);

      expect(await telemetry.configDigest()).to.equal(config.configDigest);
      expect(await telemetry.configCount()).to.equal(config.configCount);
      expect(await telemetry.faultyCount()).to.equal(config.faultyCount);
      expect(await telemetry.signers()).to.deep.equal(config.signers);
      expect(await telemetry.lastEpoch()).to.equal(opened!.args.epoch + BigInt(reports.size + skips.size) - 1n);
      expect(await telemetry.reportedUntilAt()).to.equal([...reports.values()].at(-1)!.report.periodEndAt);

      let prior: Filing = { reportHash: ZERO_HASH, submittedAt: 0n, meters: [] };
      expect(await telemetry.commitments(opened!.args.epoch - 1n)).to.equal(commitmentOf(prior));
      const firstEpochs = new Map<bigint, bigint>();
      for (let at = opened!.args.epoch; at <= epoch; ++at) {
        const reported = reports.get(at);
        if (reported) {
          const meters = metersOfWords(reported.report.meterWords);
          prior = { reportHash: reported.reportHash as Hex, submittedAt: reported.submittedAt, meters };
          for (const { lotId } of meters) if (!firstEpochs.has(lotId)) firstEpochs.set(lotId, at);
        } else {
          const { skipHash, submittedAt } = skips.get(at)!;
          prior = { ...prior, reportHash: skipHash as Hex, submittedAt };
        }
        expect(await telemetry.commitments(at)).to.equal(commitmentOf(prior));
        expect(await telemetry.skipped(at)).to.equal(!reported);
      }
      expect(firstEpochs.size).to.equal(2);
      for (const [lotId, at] of firstEpochs) expect(await telemetry.firstEpoch(lotId)).to.equal(at);
      expect(records.length).to.equal(2);
      for (const { args } of records) expect(await meterAt(args.lotId, args.epoch)).to.deep.equal(plain(args.meter));
    });
  });
});
