import { readFileSync } from "node:fs";
import { expect } from "chai";
import { computeInvoice, type InvoiceMeter } from "../../server/protocol/invoice.ts";

type Numbers<T> = { [K in keyof T]: string | number };
type Vector = {
  name: string;
  terms: {
    pricing: "TakeOrPay" | "Metered";
    baseRentAssets: string;
    gpuHourRateAssets: string;
    sla: { availabilityBps: number; creditBps: number }[];
  };
  from: Numbers<InvoiceMeter>;
  to: Numbers<InvoiceMeter>;
  periodSec: string;
  statement: Record<string, string>;
};

const vectors = JSON.parse(readFileSync(new URL("../vectors/invoice.json", import.meta.url), "utf8")) as Vector[];

const meterOf = (meter: Vector["from"]): InvoiceMeter => ({
  gpuCount: BigInt(meter.gpuCount),
  availableGpuSec: BigInt(meter.availableGpuSec),
  allocatedGpuSec: BigInt(meter.allocatedGpuSec),
  curtailedGpuSec: BigInt(meter.curtailedGpuSec),
});

describe("protocol invoice", () => {
  describe("given the shared vectors", () => {
    for (const { name, terms, from, to, periodSec, statement } of vectors) {
      it(name, () => {
        const computed = computeInvoice(
          {
            pricing: terms.pricing,
            baseRentAssets: BigInt(terms.baseRentAssets),
            gpuHourRateAssets: BigInt(terms.gpuHourRateAssets),
            sla: terms.sla.map((step) => ({
              availabilityBps: BigInt(step.availabilityBps),
              creditBps: BigInt(step.creditBps),
            })),
          },
          meterOf(from),
          meterOf(to),
          BigInt(periodSec),
        );
        const printed = Object.fromEntries(Object.entries(computed).map(([key, value]) => [key, value.toString()]));
        expect(printed).to.deep.equal(statement);
      });
    }
  });

  describe("when a counter fell", () => {
    it("throws, naming the counter and both values", () => {
      const meter = { gpuCount: 1n, availableGpuSec: 5n, allocatedGpuSec: 5n, curtailedGpuSec: 5n };
      const terms = { pricing: "TakeOrPay", baseRentAssets: 1n, gpuHourRateAssets: 0n, sla: [] } as const;
      for (const counter of ["availableGpuSec", "allocatedGpuSec", "curtailedGpuSec"] as const) {
        const fallen = { ...meter, [counter]: 4n };
        expect(() => computeInvoice(terms, meter, fallen, 3600n)).to.throw(RangeError, `${counter} fell from 5 to 4`);
      }
    });
  });
});
