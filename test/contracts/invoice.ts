import { readFileSync } from "node:fs";
import { expect } from "chai";
import type { Result } from "ethers";
import { network } from "hardhat";
import type { ILeases, ITelemetry, MockInvoice } from "../../types/mocks/MockInvoice.ts";

type RentTerms = Pick<ILeases.TermsStruct, "baseRentAssets" | "gpuHourRateAssets" | "sla">;
type Vector = {
  name: string;
  terms: RentTerms & { pricing: "TakeOrPay" | "Metered" };
  from: Partial<ITelemetry.MeterStruct>;
  to: Partial<ITelemetry.MeterStruct>;
  periodSec: string;
  statement: Record<string, string>;
};

const vectors = JSON.parse(readFileSync(new URL("../vectors/invoice.json", import.meta.url), "utf8")) as Vector[];
const { ethers } = await network.create();

const termsOf = (rent: Vector["terms"]): ILeases.TermsStruct => ({
  lotId: 1,
  lessee: ethers.ZeroAddress,
  payee: ethers.ZeroAddress,
  asset: ethers.ZeroAddress,
  startAt: 0,
  periodCount: 1,
  dueSec: 0,
  relatedParty: false,
  documentHash: ethers.ZeroHash,
  salt: ethers.ZeroHash,
  ...rent,
  pricing: ["TakeOrPay", "Metered"].indexOf(rent.pricing),
});

const meterOf = (counters: Partial<ITelemetry.MeterStruct>): ITelemetry.MeterStruct => ({
  gpuCount: 0,
  reportingCount: 0,
  availableGpuSec: 0,
  allocatedGpuSec: 0,
  smActiveGpuSec: 0,
  gpuEnergyWh: 0,
  itEnergyWh: 0,
  facilityEnergyWh: 0,
  cfeMatchedWh: 0,
  waterMl: 0,
  emissionsGCO2e: 0,
  curtailedGpuSec: 0,
  workUnits: 0,
  ...counters,
});

describe("Invoice", () => {
  let invoice: MockInvoice;
  before(async () => {
    invoice = await ethers.deployContract("MockInvoice");
  });

  describe("given the shared vectors", () => {
    for (const { name, terms, from, to, periodSec, statement } of vectors) {
      it(name, async () => {
        const result = await invoice.compute(termsOf(terms), meterOf(from), meterOf(to), periodSec);
        const computed = (result as unknown as Result).toObject() as Record<string, bigint>;
        const printed = Object.fromEntries(Object.entries(computed).map(([key, value]) => [key, value.toString()]));
        expect(printed).to.deep.equal(statement);
      });
    }
  });

  describe("when a counter fell", () => {
    const terms = termsOf({ pricing: "TakeOrPay", baseRentAssets: 1, gpuHourRateAssets: 0, sla: [] });

    for (const counter of ["availableGpuSec", "allocatedGpuSec", "curtailedGpuSec"]) {
      it(`panics: ${counter}`, async () => {
        const call = invoice.compute(terms, meterOf({ [counter]: 5 }), meterOf({ [counter]: 4 }), 3600);
        await expect(call).to.be.revertedWithPanic(0x11);
      });
    }
  });
});
