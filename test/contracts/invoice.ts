import { readFileSync } from "node:fs";
import { expect } from "chai";
import type { Result } from "ethers";
import { network } from "hardhat";
import { EFFICIENCY_METRICS, NO_CLAUSES, PRICINGS } from "../../server/protocol/lease.ts";
import type { ILeases, Invoice, ITelemetry, MockInvoice } from "../../types/mocks/MockInvoice.ts";

type RentTerms = Pick<ILeases.TermsStruct, "baseRentAssets" | "gpuHourRateAssets" | "sla">;
type Vector = {
  name: string;
  terms: RentTerms & {
    pricing: (typeof PRICINGS)[number];
    index?: Partial<ILeases.IndexClauseStruct>;
    efficiency?: Omit<ILeases.EfficiencyClauseStruct, "metric"> & { metric: (typeof EFFICIENCY_METRICS)[number] };
    exit?: Partial<ILeases.ExitClauseStruct>;
  };
  from: Partial<ITelemetry.MeterStruct>;
  to: Partial<ITelemetry.MeterStruct>;
  span: Partial<Invoice.SpanStruct> & { periodSec: string };
  statement: Record<string, string>;
};

const vectors = JSON.parse(readFileSync(new URL("../vectors/invoice.json", import.meta.url), "utf8")) as Vector[];
const { ethers } = await network.create();

const termsOf = ({ pricing, index, efficiency, exit, ...rent }: Vector["terms"]): ILeases.TermsStruct => ({
  ...NO_CLAUSES,
  lotId: 1,
  lessee: ethers.ZeroAddress,
  payee: ethers.ZeroAddress,
  asset: ethers.ZeroAddress,
  startAt: 0,
  periodCount: 1,
  documentHash: ethers.ZeroHash,
  salt: ethers.ZeroHash,
  ...rent,
  pricing: PRICINGS.indexOf(pricing),
  index: { ...NO_CLAUSES.index, ...index },
  efficiency: {
    ...NO_CLAUSES.efficiency,
    ...efficiency,
    metric: EFFICIENCY_METRICS.indexOf(efficiency?.metric ?? "None"),
  },
  exit: { ...NO_CLAUSES.exit, ...exit },
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

const spanOf = (span: Vector["span"]): Invoice.SpanStruct => ({
  wholeSec: span.periodSec,
  isRenewed: false,
  indexWad: 0,
  oneAssets: 1_000_000,
  ...span,
});

describe("Invoice", () => {
  let invoice: MockInvoice;
  before(async () => {
    invoice = await ethers.deployContract("MockInvoice");
  });

  describe("given the shared vectors", () => {
    for (const { name, terms, from, to, span, statement } of vectors) {
      it(name, async () => {
        const result = await invoice.compute(termsOf(terms), meterOf(from), meterOf(to), spanOf(span));
        const computed = (result as unknown as Result).toObject() as Record<string, bigint>;
        const printed = Object.fromEntries(Object.entries(computed).map(([key, value]) => [key, value.toString()]));
        expect(printed).to.deep.equal(statement);
      });
    }
  });

  describe("when a counter fell", () => {
    const terms = termsOf({ pricing: "TakeOrPay", baseRentAssets: 1, gpuHourRateAssets: 0, sla: [] });

    for (const counter of ["availableGpuSec", "allocatedGpuSec", "curtailedGpuSec", "itEnergyWh", "facilityEnergyWh"]) {
      it(`panics: ${counter}`, async () => {
        const span = spanOf({ periodSec: "3600" });
        const call = invoice.compute(terms, meterOf({ [counter]: 5 }), meterOf({ [counter]: 4 }), span);
        await expect(call).to.be.revertedWithPanic(0x11);
      });
    }
  });
});
