import { expect } from "chai";
import { network } from "hardhat";
import { toBeHex } from "ethers";
import { reportCall, filingCall } from "../../server/protocol/report.ts";
import {
  GPUS,
  HOUR_SEC,
  Pen,
  type Reading,
  START_AT,
  START_EPOCH,
  TDP_W,
  deployTelemetry,
  idle,
  later,
  registerLots,
} from "./reports.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });

const HOUR_GPU_SEC = GPUS * HOUR_SEC;
const POWER_BOUND_WH = (GPUS * TDP_W * 16n) / 10n + 1n;
const MAX_U64 = 2n ** 64n - 1n;

async function deployed() {
  const world = await deployTelemetry(ethers, 1);
  await registerLots(world.registry, world.operator, 4);
  return world;
}

describe("Telemetry: what a meter may say", () => {
  let world: Awaited<ReturnType<typeof deployed>>;
  let pen: Pen;
  const zero = idle(1n);
  const base = later(zero);

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployed);
    pen = new Pen(world.telemetry, world.oracles, networkHelpers.time);
  });

  async function refuses(readings: Reading[], error: string, args: unknown[]) {
    await pen.reach();
    await expect(pen.send(await pen.report(readings)))
      .to.be.revertedWithCustomError(world.telemetry, error)
      .withArgs(...args);
  }

  async function takes(readings: Reading[]) {
    const { epoch } = await pen.file(readings);
    expect(await world.telemetry.lastEpoch()).to.equal(epoch);
  }

  describe("E03: counters never fall", () => {
    const counters = [
      "availableGpuSec",
      "allocatedGpuSec",
      "smActiveGpuSec",
      "gpuEnergyWh",
      "itEnergyWh",
      "facilityEnergyWh",
      "cfeMatchedWh",
      "waterMl",
      "emissionsGCO2e",
      "curtailedGpuSec",
      "workUnits",
    ] as const;
    const curtailed = { ...base, availableGpuSec: HOUR_GPU_SEC - 1n, curtailedGpuSec: 1n };

    for (const counter of counters) {
      it(`E03: refuses ${counter} one lower, takes it equal`, async () => {
        await pen.file([curtailed]);
        const before = curtailed[counter];
        await refuses([{ ...curtailed, [counter]: before - 1n }], "Telemetry_CounterFell", [1, before, before - 1n]);
        await takes([curtailed]);
      });
    }
  });

  describe("E03: time", () => {
    for (const [what, change, given, bound] of [
      ["available beyond the hour", { availableGpuSec: HOUR_GPU_SEC + 1n }, HOUR_GPU_SEC + 1n, HOUR_GPU_SEC],
      [
        "available and curtailed beyond the hour",
        { availableGpuSec: HOUR_GPU_SEC, curtailedGpuSec: 1n },
        HOUR_GPU_SEC + 1n,
        HOUR_GPU_SEC,
      ],
      ["curtailed alone beyond the hour", { curtailedGpuSec: HOUR_GPU_SEC + 1n }, HOUR_GPU_SEC + 1n, HOUR_GPU_SEC],
      ["allocated beyond available", { availableGpuSec: 10n, allocatedGpuSec: 11n }, 11n, 10n],
      ["SM-active beyond available", { availableGpuSec: 10n, smActiveGpuSec: 11n }, 11n, 10n],
    ] as const) {
      it(`E03: refuses ${what} by a second, in the first hour and in a later one`, async () => {
        await refuses([{ ...zero, ...change }], "Telemetry_TimeBound", [1, given, bound]);
        await pen.file([base]);
        const grown = Object.entries(change).map(([name, by]) => [name, base[name as keyof Reading] + by]);
        await refuses([{ ...base, ...Object.fromEntries(grown) } as Reading], "Telemetry_TimeBound", [1, given, bound]);
      });
    }

    it("E03: takes every second of the hour, all of it allocated and active", async () => {
      const full = { availableGpuSec: HOUR_GPU_SEC, allocatedGpuSec: HOUR_GPU_SEC, smActiveGpuSec: HOUR_GPU_SEC };
      await takes([{ ...zero, ...full }]);
    });

    it("E03: takes an hour curtailed whole, and one shared between both", async () => {
      await takes([{ ...zero, curtailedGpuSec: HOUR_GPU_SEC }]);
      await takes([{ ...zero, curtailedGpuSec: HOUR_GPU_SEC + 1n, availableGpuSec: HOUR_GPU_SEC - 1n }]);
    });

    it("E03: refuses sums that a 64-bit word would wrap", async () => {
      const wrap = { availableGpuSec: MAX_U64, curtailedGpuSec: 1n };
      await refuses([{ ...zero, ...wrap }], "Telemetry_TimeBound", [1, MAX_U64 + 1n, HOUR_GPU_SEC]);
    });
  });

  describe("E03: energy", () => {
    const even = { ...base, gpuEnergyWh: 5000n, itEnergyWh: 5000n, facilityEnergyWh: 5000n, cfeMatchedWh: 5000n };

    it("E03: takes GPU = IT = facility = carbon-free energy", async () => {
      await takes([even]);
    });

    for (const [what, change, part, whole] of [
      ["GPU over IT", { gpuEnergyWh: 5001n }, 5001n, 5000n],
      ["IT over facility", { itEnergyWh: 5001n }, 5001n, 5000n],
      ["carbon-free over facility", { cfeMatchedWh: 5001n }, 5001n, 5000n],
    ] as const) {
      it(`E03: refuses totals of ${what} by a Wh`, async () => {
        await refuses([{ ...even, ...change }], "Telemetry_EnergyBound", [1, part, whole]);
      });
    }

    // A margin in the totals, so that only the hour's own bound can refuse.
    const roomy = { ...base, gpuEnergyWh: 10n, itEnergyWh: 1000n, facilityEnergyWh: 4000n, cfeMatchedWh: 10n };
    for (const [what, part] of [
      ["GPU over IT", "gpuEnergyWh"],
      ["IT over facility", "itEnergyWh"],
      ["carbon-free over facility", "cfeMatchedWh"],
    ] as const) {
      it(`E03: refuses an hour of ${what} by two Wh, takes one (the carried remainder)`, async () => {
        await pen.file([roomy]);
        const grown = { ...roomy, facilityEnergyWh: roomy.facilityEnergyWh + 100n };
        if (part === "gpuEnergyWh") grown.itEnergyWh += 100n;
        await refuses([{ ...grown, [part]: roomy[part] + 102n }], "Telemetry_EnergyBound", [1, 102, 100]);
        await takes([{ ...grown, [part]: roomy[part] + 101n }]);
      });
    }

    it("E03: refuses IT energy over 1.6 × design power (and the carried Wh), takes it at the bound", async () => {
      const high = { ...zero, facilityEnergyWh: 2n * POWER_BOUND_WH };
      const over = POWER_BOUND_WH + 1n;
      await refuses([{ ...high, itEnergyWh: over }], "Telemetry_EnergyBound", [1, over, POWER_BOUND_WH]);
      await takes([{ ...high, itEnergyWh: POWER_BOUND_WH }]);
    });
  });

  describe("E03: the end of a counter", () => {
    it("takes 2^64 − 1 where nothing bounds it, then the same again, and nothing lower", async () => {
      const last = {
        ...base,
        facilityEnergyWh: MAX_U64,
        waterMl: MAX_U64,
        emissionsGCO2e: MAX_U64,
        workUnits: MAX_U64,
      };
      await takes([last]);
      await refuses([{ ...last, workUnits: 0n }], "Telemetry_CounterFell", [1, MAX_U64, 0]);
      await takes([last]);
    });
  });

  describe("which lots a report names", () => {
    const four = [1n, 2n, 3n, 4n].map((lotId) => later(idle(lotId)));
    const [one, two, three] = four as [Reading, Reading, Reading, Reading];

    it("E12: takes no lot at all", async () => {
      await takes([]);
      await takes([]);
    });

    it("takes lots that join between, before and after those there, and notes each one's first epoch", async () => {
      await pen.file([two]);
      await pen.file([one, two]);
      await pen.file(four);
      for (const [lotId, joined] of [
        [1n, 1n],
        [2n, 0n],
        [3n, 2n],
        [4n, 2n],
      ] as const) {
        expect(await world.telemetry.firstEpoch(lotId)).to.equal(START_EPOCH + joined);
      }
    });

    for (const [what, kept, missing] of [
      ["the first", [1, 2], 1],
      ["the middle one", [0, 2], 2],
      ["the last", [0, 1], 3],
      ["all", [], 1],
    ] as const) {
      it(`E03: refuses to drop ${what} of three`, async () => {
        const readings = four.slice(0, 3);
        await pen.file(readings);
        await refuses(
          kept.map((i) => readings[i]!),
          "Telemetry_LotMissing",
          [missing, pen.epoch],
        );
      });
    }

    it("E03: refuses to drop a lot and let another join in its place", async () => {
      await pen.file([one, two]);
      await refuses([one, three], "Telemetry_LotMissing", [2, pen.epoch]);
      await refuses([two, three], "Telemetry_LotMissing", [1, pen.epoch]);
    });

    it("E03: refuses lots twice, unsorted, or numbered zero", async () => {
      await refuses([one, one], "Telemetry_LotsUnsorted", [1, 1]);
      await refuses([two, one], "Telemetry_LotsUnsorted", [1, 2]);
      await refuses([idle(0n)], "Telemetry_LotsUnsorted", [0, 0]);
      await pen.file([one, two]);
      await refuses([one, one, two], "Telemetry_LotsUnsorted", [1, 1]);
      await refuses([two, one], "Telemetry_LotMissing", [1, pen.epoch]);
    });

    it("E03: refuses a lot that nobody registered, in the registry's words", async () => {
      await pen.reach();
      await expect(pen.send(await pen.report([later(idle(5n))])))
        .to.be.revertedWithCustomError(world.registry, "Registry_UnknownLot")
        .withArgs(5);
    });

    for (const [what, change] of [
      ["one GPU more", { gpuCount: GPUS + 1n }],
      ["one GPU less", { gpuCount: GPUS - 1n, reportingCount: GPUS - 1n, availableGpuSec: 0n, allocatedGpuSec: 0n }],
      ["another design power", { tdpW: TDP_W + 1n }],
    ] as const) {
      it(`E03: refuses ${what} than the registry says, and than the hour before`, async () => {
        const changed = { ...one, smActiveGpuSec: 0n, ...change };
        const args = [1, changed.gpuCount, changed.tdpW];
        await refuses([changed], "Telemetry_LotChanged", args);
        await pen.file([one]);
        await refuses([{ ...later(one), ...change }], "Telemetry_LotChanged", args);
      });
    }
  });

  describe("how many devices a report counts", () => {
    const lots = [later(idle(1n)), { ...later(idle(2n)), reportingCount: 5n }];

    for (const [what, change] of [
      ["registered, one more", { devicesRegisteredCount: 17n }],
      ["registered, one less", { devicesRegisteredCount: 15n }],
      ["reporting, one more", { devicesReportingCount: 14n }],
      ["reporting, one less", { devicesReportingCount: 12n }],
    ] as const) {
      it(`E03: refuses a wrong sum of ${what}`, async () => {
        await pen.reach();
        await expect(pen.send(await pen.report(lots, change)))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongDeviceCount")
          .withArgs(16, 13);
      });
    }

    it("E03: refuses more GPUs reporting than a lot has, even when the sum fits", async () => {
      const shifted = [
        { ...lots[0]!, reportingCount: GPUS + 1n },
        { ...lots[1]!, reportingCount: 4n },
      ];
      await refuses(shifted, "Telemetry_WrongDeviceCount", [GPUS, GPUS + 1n]);
    });

    it("takes none reporting", async () => {
      await takes(lots.map((lot) => ({ ...lot, reportingCount: 0n })));
    });
  });

  it("E12: refuses a lot's first word with anything above the id, and words that are no whole lots", async () => {
    const call = reportCall(await pen.report([base]));
    await pen.reach();
    const send = (meterWords: string[]) =>
      world.telemetry.submit({ ...call, meterWords }, filingCall(pen.prior), 7, "0x");
    const key = BigInt(call.meterWords[0]!);
    for (const bit of [96n, 160n, 255n]) {
      await expect(send([toBeHex(key | (1n << bit), 32), ...call.meterWords.slice(1)]))
        .to.be.revertedWithCustomError(world.telemetry, "Telemetry_LotChanged")
        .withArgs(base.lotId, GPUS, TDP_W);
    }
    for (const count of [1, 2, 3, 5]) {
      await expect(send([...call.meterWords, ...call.meterWords].slice(0, count)))
        .to.be.revertedWithCustomError(world.telemetry, "Telemetry_BadWords")
        .withArgs(count);
    }
  });
});
