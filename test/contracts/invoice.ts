import { readFileSync } from "node:fs";
import { expect } from "chai";
import { network } from "hardhat";

type Vector = {
  name: string;
  terms: object & { pricing: string };
  from: object;
  to: object;
  periodSec: string;
  statement: Record<string, string>;
};

const vectors = JSON.parse(readFileSync(new URL("../vectors/invoice.json", import.meta.url), "utf8")) as Vector[];

const { ethers } = await network.create();
const pricingIds: Record<string, number> = { TakeOrPay: 0, Metered: 1 };

const fullTerms = (terms: Vector["terms"]) => ({
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
  ...terms,
  pricing: pricingIds[terms.pricing],
});

const fullMeter = (meter: object) => ({
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
  ...meter,
});

describe("Invoice", () => {
  const deployed = ethers.deployContract("MockInvoice");

  describe("given the shared vectors", () => {
    for (const { name, terms, from, to, periodSec, statement } of vectors) {
      it(name, async () => {
        const invoice = await deployed;
        const result = await invoice
          .getFunction("compute")
          .staticCall(fullTerms(terms) as never, fullMeter(from) as never, fullMeter(to) as never, periodSec);
        const printed = Object.fromEntries(
          Object.entries(result.toObject() as Record<string, bigint>).map(([key, value]) => [key, value.toString()]),
        );
        expect(printed).to.deep.equal(statement);
      });
    }
  });

  describe("when a counter fell", () => {
    for (const counter of ["availableGpuSec", "allocatedGpuSec", "curtailedGpuSec"]) {
      it(`panics: ${counter}`, async () => {
        const invoice = await deployed;
        const terms = fullTerms({ pricing: "TakeOrPay", ...{ baseRentAssets: 1, gpuHourRateAssets: 0, sla: [] } });
        await expect(
          invoice
            .getFunction("compute")
            .staticCall(
              terms as never,
              fullMeter({ [counter]: 5 }) as never,
              fullMeter({ [counter]: 4 }) as never,
              3600,
            ),
        ).to.be.revertedWithPanic(0x11);
      });
    }
  });
});
