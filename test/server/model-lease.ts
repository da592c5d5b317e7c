import { expect } from "chai";
import { readFileSync } from "node:fs";
import { invoice, type InvoicePeriod } from "../../server/model/invoice.ts";
import * as leases from "../../server/model/lease.ts";
import type { LeaseMeter, LeaseTerms } from "../../server/model/types.ts";
import { at, IDLE, leaseTerms } from "./model-stage.ts";

const DAY = 86_400n;
const MONTH = 30n * DAY;
const ALL = 10n * MONTH;

const period = (changes: Partial<InvoicePeriod> = {}): InvoicePeriod => ({
  fromAt: 0n,
  untilAt: MONTH,
  endAt: changes.untilAt ?? MONTH,
  isRenewed: false,
  indexWad: undefined,
  ...changes,
});
const meter = (changes: Partial<LeaseMeter> = {}): LeaseMeter => ({ ...IDLE, availableGpuSec: ALL, ...changes });
const dueOf = (terms: LeaseTerms, to: LeaseMeter, changes: Partial<InvoicePeriod> = {}) =>
  invoice(terms, period(changes), IDLE, to).dueAssets;

describe("model of a deal: leases", () => {
  describe("invoice", () => {
    it("M33: takes the part of the rent that a period was cut to, rounded down", () => {
      expect(dueOf(leaseTerms(), meter())).to.equal(1_000_000n);
      expect(dueOf(leaseTerms(), meter(), { endAt: 10n * DAY })).to.equal(333_333n);
    });

    it("M33: meters GPU-hours, rounded down; a renewal's rate is cut first", () => {
      const terms = leaseTerms({ pricing: "Metered", gpuHourRateAssets: 2_350_001n });
      expect(dueOf(terms, meter({ allocatedGpuSec: 5_400n }))).to.equal(3_525_001n);
      expect(dueOf(terms, meter({ allocatedGpuSec: 5_400n }), { isRenewed: true })).to.equal(2_643_750n);
    });

    it("links to the index between floor and cap, at the floor where it was not fixed", () => {
      const index = { participationBps: 9_000n, floorAssets: 1_500_000n, capAssets: 2_500_000n };
      const terms = leaseTerms({ pricing: "IndexLinked", index });
      const rate = (indexWad: bigint | undefined) => dueOf(terms, meter({ allocatedGpuSec: 3_600n }), { indexWad });
      expect(rate(2n * 10n ** 18n)).to.equal(1_800_000n);
      expect(rate(10n ** 18n)).to.equal(1_500_000n);
      expect(rate(3n * 10n ** 18n)).to.equal(2_500_000n);
      expect(rate(undefined)).to.equal(1_500_000n);
    });

    it("credits by availability, in which curtailed time is neither", () => {
      const due = (changes: Partial<LeaseMeter>) => dueOf(leaseTerms(), meter(changes));
      expect(due({ availableGpuSec: (ALL * 99n) / 100n })).to.equal(1_000_000n);
      expect(due({ availableGpuSec: (ALL * 99n) / 100n - 1n })).to.equal(900_000n);
      expect(due({ availableGpuSec: ALL / 2n })).to.equal(750_000n);
      expect(due({ availableGpuSec: ALL / 2n, curtailedGpuSec: ALL / 2n })).to.equal(1_000_000n);
      expect(due({ availableGpuSec: 0n, curtailedGpuSec: ALL })).to.equal(1_000_000n);
      expect(due({ gpuCount: 0n })).to.equal(750_000n);
    });

    it("shares the saving or the excess of energy, rounded for the lessee and bounded", () => {
      const efficiency = {
        metric: "Pue" as const,
        target: 13_000n,
        kWhRateAssets: 100n,
        sharedBps: 5_000n,
        maxBps: 1n,
      };
      const terms = leaseTerms({ efficiency });
      const due = (facilityEnergyWh: bigint) => dueOf(terms, meter({ itEnergyWh: 10_000n, facilityEnergyWh }));
      // 13,000 Wh are allowed; half of 100 units a kWh.
      expect(due(13_000n)).to.equal(1_000_000n);
      expect(due(12_961n)).to.equal(1_000_001n);
      expect(due(13_001n)).to.equal(999_999n);
      expect(due(20_000n)).to.equal(999_900n);
      expect(due(0n)).to.equal(1_000_100n);
      const perHour = { ...efficiency, metric: "WhPerGpuHour" as const, target: 800n };
      const used = meter({ allocatedGpuSec: 36_000n, itEnergyWh: 9_000n });
      expect(dueOf(leaseTerms({ efficiency: perHour }), used)).to.equal(999_950n);
    });

    it("gives what the vectors of the invoice give", () => {
      type Printed = Record<string, string | number | boolean>;
      const vectors = JSON.parse(readFileSync("test/vectors/invoice.json", "utf8")) as {
        name: string;
        terms: {
          pricing: LeaseTerms["pricing"];
          baseRentAssets: string;
          gpuHourRateAssets: string;
          index?: Printed;
          efficiency?: Printed & { metric: LeaseTerms["efficiency"]["metric"] };
          exit?: Printed;
          sla: Printed[];
        };
        from: Printed;
        to: Printed;
        span: Printed;
        statement: { dueAssets: string };
      }[];
      const big = (of: Printed | undefined, name: string, absent = 0n) => BigInt(of?.[name] ?? absent);
      const counters = (of: Printed): LeaseMeter => ({
        gpuCount: big(of, "gpuCount"),
        availableGpuSec: big(of, "availableGpuSec"),
        allocatedGpuSec: big(of, "allocatedGpuSec"),
        curtailedGpuSec: big(of, "curtailedGpuSec"),
        itEnergyWh: big(of, "itEnergyWh"),
        facilityEnergyWh: big(of, "facilityEnergyWh"),
      });
      for (const { name, terms, from, to, span, statement } of vectors) {
        const { index, efficiency, exit } = terms;
        const plain = leaseTerms();
        const whole = leaseTerms({
          pricing: terms.pricing,
          baseRentAssets: BigInt(terms.baseRentAssets),
          gpuHourRateAssets: BigInt(terms.gpuHourRateAssets),
          dollarAssets: big(span, "oneAssets", 1_000_000n),
          index: {
            participationBps: big(index, "participationBps"),
            floorAssets: big(index, "floorAssets"),
            capAssets: big(index, "capAssets"),
          },
          efficiency: {
            metric: efficiency?.metric ?? "None",
            target: big(efficiency, "targetUnits"),
            kWhRateAssets: big(efficiency, "kWhRateAssets"),
            sharedBps: big(efficiency, "sharedBps"),
            maxBps: big(efficiency, "maxBps"),
          },
          exit: { ...plain.exit, renewalRentBps: big(exit, "renewalRentBps") },
          sla: terms.sla.map((row) => ({
            availabilityBps: big(row, "availabilityBps"),
            creditBps: big(row, "creditBps"),
          })),
        });
        const [endAt, indexWad] = [big(span, "periodSec"), big(span, "indexWad")];
        const months = period({
          ...{ endAt, untilAt: big(span, "wholeSec", endAt), isRenewed: span["isRenewed"] === true },
          indexWad: indexWad === 0n ? undefined : indexWad,
        });
        const { dueAssets } = invoice(whole, months, counters(from), counters(to));
        expect(dueAssets, name).to.equal(BigInt(statement.dueAssets));
      }
    });
  });

  describe("ledger", () => {
    /** Months settled at their ends: the first paid half, the second not. */
    function owing(changes: Partial<LeaseTerms> = {}, monthCount = 2) {
      const lease = leases.openLease(leaseTerms(changes), "payee");
      const settle = (index: number) => {
        const [from, until] = [index, index + 1].map((edge) => leases.periodStartAt(lease, edge));
        leases.settle(
          lease,
          leases.periodEndAt(lease, index),
          IDLE,
          meter({ availableGpuSec: (until! - from!) * 10n }),
        );
      };
      settle(0);
      leases.pay(lease, at("2027-02-28"), 0, 500_000n);
      if (monthCount === 2) settle(1);
      return { lease, settle };
    }

    it("M17: counts the late fee between payments, which pay it before the rent", () => {
      const { lease } = owing();
      // Due on 1 March; 36 % a year is 0.1 % a day: 10 days of 500,000.
      expect(leases.owedOn(lease, 0, at("2027-03-01"))).to.equal(500_000n);
      expect(leases.owedOn(lease, 0, at("2027-03-11"))).to.equal(505_000n);
      leases.pay(lease, at("2027-03-11"), 0, 2_000n);
      expect(lease.receivables[0]).to.include({ leftAssets: 500_000n, lateFeeAssets: 3_000n });
      expect(leases.owedOn(lease, 0, at("2027-03-21"))).to.equal(508_000n);
      leases.pay(lease, at("2027-03-21"), 0, 600_000n);
      expect(lease.escrowAssets).to.equal(92_000n);
      expect(lease.rentAssets.get("payee")).to.equal(500_000n + 2_000n + 508_000n);
      leases.payFromEscrow(lease, at("2027-04-01"), 1);
      expect(lease.receivables[1]!.leftAssets).to.equal(908_000n);
    });

    it("M17 M33: a default ends the hour, takes the deposit, and owes the fee for the months left", () => {
      const { lease } = owing({}, 1);
      const cureAt = at("2027-03-11");
      expect(leases.declareDefault(lease, cureAt - 1n, 0)).to.equal(false);
      expect(leases.declareDefault(lease, cureAt, 0)).to.equal(true);
      expect(lease.endAt).to.equal(cureAt + 3_600n);
      // 505,000 are owed on the receivable and the deposit holds 500,000; two of twelve periods began.
      expect(leases.owedOn(lease, 0, cureAt)).to.equal(5_000n);
      expect([lease.periodCount, lease.escrowAssets]).to.deep.equal([2, 0n]);
      expect(lease.receivables[2]!.leftAssets).to.equal(10n * 200_000n);
      expect(leases.declareDefault(lease, cureAt + DAY, 0)).to.equal(false);
      expect(leases.refund(lease, cureAt)).to.equal(undefined);
    });

    it("M33: the lessee ends it with notice, not before the least number of periods", () => {
      const { lease } = owing();
      expect(leases.terminate(lease, at("2027-04-28"))).to.equal(false);
      expect(leases.terminate(lease, at("2027-04-29"))).to.equal(true);
      expect(lease.endAt).to.equal(at("2027-04-30T01:00:00"));
      expect(lease.periodCount).to.equal(4);
      expect(leases.owedOn(lease, 4, at("2027-04-29"))).to.equal(8n * 200_000n);
      expect(leases.renew(lease, at("2027-04-29"))).to.equal(false);
    });

    it("renews once, at the rent of the renewal", () => {
      const { lease, settle } = owing({ periodCount: 2 });
      expect(leases.renew(lease, at("2027-03-31"))).to.equal(false);
      expect(leases.renew(lease, at("2027-03-30"))).to.equal(true);
      expect(leases.renew(lease, at("2027-03-30"))).to.equal(false);
      settle(2);
      expect([lease.periodCount, lease.receivables[2]!.leftAssets]).to.deep.equal([8, 750_000n]);
    });

    it("sells the lot to a lessee that owes nothing", () => {
      const { lease } = owing({ exit: { ...leaseTerms().exit, minPeriodCount: 1 } });
      const nowAt = at("2027-04-02");
      expect(leases.purchase(lease, nowAt)).to.equal(false);
      for (const index of [0, 1]) leases.pay(lease, nowAt, index, 1_100_000n);
      expect(leases.purchase(lease, nowAt)).to.equal(true);
      expect([lease.periodCount, leases.isOwing(lease, nowAt)]).to.deep.equal([3, false]);
      expect(leases.declareDefault(lease, nowAt, 0)).to.equal(false);
    });

    it("tells the age of a receivable in weeks", () => {
      const { lease } = owing();
      const age = (weeks: bigint) => leases.ageOf(lease.receivables[0]!, at("2027-03-01") + weeks * 7n * DAY);
      expect([0n, 1n, 4n, 5n, 8n, 9n, 13n, 14n].map(age)).to.deep.equal([0, 1, 1, 2, 2, 3, 3, 4]);
    });
  });
});
