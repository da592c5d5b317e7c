import { readFileSync } from "node:fs";
import { expect } from "chai";
import { computeInvoice, type InvoiceMeter, type InvoiceTerms, type Span } from "../../server/protocol/invoice.ts";

type Printed<T> = { [K in keyof T]?: string | number };
type Vector = {
  name: string;
  terms: {
    pricing: InvoiceTerms["pricing"];
    baseRentAssets: string;
    gpuHourRateAssets: string;
    index?: Printed<InvoiceTerms["index"]>;
    efficiency?: Printed<InvoiceTerms["efficiency"]> & { metric: InvoiceTerms["efficiency"]["metric"] };
    exit?: Printed<InvoiceTerms["exit"]>;
    sla: { availabilityBps: number; creditBps: number }[];
  };
  from: Printed<InvoiceMeter>;
  to: Printed<InvoiceMeter>;
  span: Omit<Printed<Span>, "isRenewed"> & { periodSec: string; isRenewed?: boolean };
  statement: Record<string, string>;
};

const vectors = JSON.parse(readFileSync(new URL("../vectors/invoice.json", import.meta.url), "utf8")) as Vector[];

const big = (value: string | number | undefined): bigint => BigInt(value ?? 0);

const meterOf = (meter: Vector["from"]): InvoiceMeter => ({
  gpuCount: big(meter.gpuCount),
  availableGpuSec: big(meter.availableGpuSec),
  allocatedGpuSec: big(meter.allocatedGpuSec),
  curtailedGpuSec: big(meter.curtailedGpuSec),
  itEnergyWh: big(meter.itEnergyWh),
  facilityEnergyWh: big(meter.facilityEnergyWh),
});

const termsOf = ({ index, efficiency, exit, ...terms }: Vector["terms"]): InvoiceTerms => ({
  pricing: terms.pricing,
  baseRentAssets: BigInt(terms.baseRentAssets),
  gpuHourRateAssets: BigInt(terms.gpuHourRateAssets),
  index: {
    participationBps: big(index?.participationBps),
    floorAssets: big(index?.floorAssets),
    capAssets: big(index?.capAssets),
  },
  efficiency: {
    metric: efficiency?.metric ?? "None",
    targetUnits: big(efficiency?.targetUnits),
    sharedBps: big(efficiency?.sharedBps),
    maxBps: big(efficiency?.maxBps),
    kWhRateAssets: big(efficiency?.kWhRateAssets),
  },
  exit: { renewalRentBps: big(exit?.renewalRentBps) },
  sla: terms.sla.map((step) => ({
    availabilityBps: BigInt(step.availabilityBps),
    creditBps: BigInt(step.creditBps),
  })),
});

const spanOf = (span: Vector["span"]): Span => ({
  periodSec: BigInt(span.periodSec),
  wholeSec: BigInt(span.wholeSec ?? span.periodSec),
  isRenewed: span.isRenewed ?? false,
  indexWad: big(span.indexWad),
  oneAssets: BigInt(span.oneAssets ?? 1_000_000),
});

describe("protocol invoice", () => {
  describe("given the shared vectors", () => {
    for (const { name, terms, from, to, span, statement } of vectors) {
      it(name, () => {
        const computed = computeInvoice(termsOf(terms), meterOf(from), meterOf(to), spanOf(span));
        const printed = Object.fromEntries(Object.entries(computed).map(([key, value]) => [key, value.toString()]));
        expect(printed).to.deep.equal(statement);
      });
    }
  });

  describe("when a counter fell", () => {
    it("throws, naming the counter and both values", () => {
      const terms = termsOf({ pricing: "TakeOrPay", baseRentAssets: "1", gpuHourRateAssets: "0", sla: [] });
      const [{ gpuCount, ...counters }, span] = [meterOf({ gpuCount: 1 }), spanOf({ periodSec: "3600" })];
      for (const counter of Object.keys(counters) as (keyof typeof counters)[]) {
        const [higher, lower] = [5n, 4n].map((value) => ({ gpuCount, ...counters, [counter]: value }));
        expect(() => computeInvoice(terms, higher!, lower!, span)).to.throw(RangeError, `${counter} fell from 5 to 4`);
      }
    });
  });
});
