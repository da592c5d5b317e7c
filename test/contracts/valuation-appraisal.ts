import { expect } from "chai";
import { deployAuthority } from "./marketsWorld.ts";
import { DAY_SEC, deployValuation, ethers, LIMITS, networkHelpers, pledge, usd } from "./valuation-world.ts";
import { emptyMeter, type Meter } from "../../server/protocol/meter.ts";

const HOUR_SEC = 3600n;
const GPUS = 7n;
// The first midnight of the week that the tests count, after the chain's own start.
const FIRST_DAY_AT = BigInt(Date.parse("2026-02-01T00:00:00Z")) / 1000n;
const LAST_DAY_AT = FIRST_DAY_AT + 6n * DAY_SEC;

async function deployed() {
  const [admin] = await ethers.getSigners();
  const lots = await ethers.deployContract("MockLots");
  const meters = await ethers.deployContract("MockMeters");
  const authority = await deployAuthority();
  const valuation = await ethers.deployContract("Valuation", [
    ...([authority, lots, meters, ethers.ZeroAddress, ethers.ZeroAddress, LIMITS] as const),
  ]);
  const lot = {
    ...{ siteId: 1, operator: admin!, gpuCount: GPUS, tdpW: 700, modelId: ethers.id("H100"), costAssets: 1 },
    ...{ commissionedAt: 1, identityRoot: ethers.ZeroHash },
  };
  for (const lotId of [1, 2]) await lots.setLot(lotId, lot);
  return { lots, meters, valuation };
}

describe("Valuation: what a facility asks", () => {
  let world: Awaited<ReturnType<typeof deployed>>;

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployed);
  });

  /** Records the Final meter at a boundary of hours. */
  const record = (lotId: number, boundaryAt: bigint, meter: Partial<Meter>) =>
    world.meters.record(lotId, boundaryAt / HOUR_SEC - 1n, { ...emptyMeter(GPUS), ...meter });

  describe("valueOf", () => {
    it("tells the facility's value, its hardware apart, and their age", async () => {
      const own = await deployValuation();
      const { seams, valuation, startAt } = own;
      // Every JavaScript object has a valueOf of its own.
      const valueOf = async () => [...(await valuation.getFunction("valueOf")(seams))] as unknown[];
      await seams.setLedger(usd(500), 0);
      expect(await valueOf()).to.deep.equal([usd(500), 0n, 0n, DAY_SEC]);
      await pledge(own, 1, 3, 0n, usd(40));
      await networkHelpers.time.setNextBlockTimestamp(startAt + 100n);
      await valuation.appraise(seams, [1]);
      const { hardwareAssets } = await valuation.appraisal(seams);
      expect(await valueOf()).to.deep.equal([usd(500) + hardwareAssets, hardwareAssets, startAt, DAY_SEC]);
    });
  });

  describe("coverageBps", () => {
    async function week(reporting: readonly bigint[]) {
      for (const [day, reportingCount] of reporting.entries())
        await record(1, FIRST_DAY_AT + BigInt(day) * DAY_SEC, { reportingCount });
    }

    it("sums what reported at seven midnights over what is registered, rounded down", async () => {
      const { valuation } = world;
      await week([7n, 7n, 7n, 7n, 7n, 7n, 7n]);
      expect(await valuation.coverageBps(1, LAST_DAY_AT)).to.equal(10_000n);
      await record(1, FIRST_DAY_AT, { reportingCount: 6n });
      expect(await valuation.coverageBps(1, LAST_DAY_AT)).to.equal(9795n); // 48 ÷ 49 = 0.97959…
      await record(1, LAST_DAY_AT, { reportingCount: 0n });
      expect(await valuation.coverageBps(1, LAST_DAY_AT)).to.equal(8367n); // 41 ÷ 49 = 0.83673…
    });

    it("counts exactly the seven midnights: not the eighth, and no hour beside them", async () => {
      const { valuation } = world;
      await week([1n, 7n, 7n, 7n, 7n, 7n, 7n, 0n]);
      for (const at of [LAST_DAY_AT - HOUR_SEC, LAST_DAY_AT + HOUR_SEC]) await record(1, at, { reportingCount: 0n });
      expect(await valuation.coverageBps(1, LAST_DAY_AT)).to.equal(8775n); // 43 ÷ 49
      expect(await valuation.coverageBps(1, LAST_DAY_AT + DAY_SEC)).to.equal(8571n); // 42 ÷ 49
    });

    it("counts no GPU of a midnight before the lot's first report: its meter is empty", async () => {
      await week([1n, 7n, 7n, 7n, 7n, 7n, 7n]);
      await world.meters.record(1, FIRST_DAY_AT / HOUR_SEC - 1n, emptyMeter(0n));
      expect(await world.valuation.coverageBps(1, LAST_DAY_AT)).to.equal(8571n); // 42 ÷ 49
    });

    it("M13: refuses a time that is no midnight, a midnight nobody recorded, and an unknown lot", async () => {
      const { valuation, lots, meters } = world;
      await week([7n, 7n, 7n, 7n, 7n, 7n, 7n]);
      await expect(valuation.coverageBps(1, LAST_DAY_AT + HOUR_SEC))
        .to.be.revertedWithCustomError(valuation, "Valuation_NotMidnight")
        .withArgs(LAST_DAY_AT + HOUR_SEC);
      await expect(valuation.coverageBps(1, LAST_DAY_AT - DAY_SEC))
        .to.be.revertedWithCustomError(meters, "Telemetry_NotRecorded")
        .withArgs(1, (FIRST_DAY_AT - DAY_SEC) / HOUR_SEC - 1n);
      for (let day = 0n; day < 7n; ++day) await record(9, FIRST_DAY_AT + day * DAY_SEC, {});
      await expect(valuation.coverageBps(9, LAST_DAY_AT)).to.be.revertedWithCustomError(lots, "Registry_UnknownLot");
    });
  });

  describe("pueE4", () => {
    const fromAt = FIRST_DAY_AT + 100n;
    const untilAt = LAST_DAY_AT + HOUR_SEC - 1n;

    async function span(lotId: number, itWh: bigint, facilityWh: bigint, base = 1000n) {
      await record(lotId, FIRST_DAY_AT, { itEnergyWh: base, facilityEnergyWh: 2n * base });
      await record(lotId, LAST_DAY_AT, { itEnergyWh: base + itWh, facilityEnergyWh: 2n * base + facilityWh });
    }

    it("sums the energy of all lots between the starts of two hours, rounded up", async () => {
      const { valuation } = world;
      await span(1, 1000n, 1300n);
      expect(await valuation.pueE4([1], fromAt, untilAt)).to.equal(13_000n);
      await span(2, 1999n, 2000n, 5n);
      expect(await valuation.pueE4([2], fromAt, untilAt)).to.equal(10_006n); // 1.0005002…
      expect(await valuation.pueE4([1, 2], fromAt, untilAt)).to.equal(11_004n); // 3300 ÷ 2999 = 1.10036…
    });

    it("E10, M13: refuses a span without IT energy, no lots, and an hour nobody recorded", async () => {
      const { valuation, meters } = world;
      await span(1, 0n, 10n);
      for (const lots of [[1], []]) {
        await expect(valuation.pueE4(lots, fromAt, untilAt))
          .to.be.revertedWithCustomError(valuation, "Valuation_NoEnergy")
          .withArgs(fromAt, untilAt);
      }
      await expect(valuation.pueE4([1], fromAt, untilAt + 1n))
        .to.be.revertedWithCustomError(meters, "Telemetry_NotRecorded")
        .withArgs(1, LAST_DAY_AT / HOUR_SEC);
    });
  });
});
