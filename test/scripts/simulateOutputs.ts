import { PassThrough } from "node:stream";

import { expect } from "chai";

import { startBar } from "../../server/bar.ts";
import { checkConserved, checkLevelPayment, checkSeniorFirst } from "../../scripts/simulate/checks.ts";
import { csvOf } from "../../scripts/simulate/csv.ts";
import { readDeal, type Deal } from "../../scripts/simulate/deal.ts";
import { centsOf } from "../../scripts/simulate/figures.ts";
import { htmlOf } from "../../scripts/simulate/html.ts";
import type { PaidDate } from "../../scripts/simulate/ledger.ts";
import { distributionOf, runPaths } from "../../scripts/simulate/montecarlo.ts";
import { randomOf } from "../../scripts/random.ts";
import { runPath, startOf } from "../../scripts/simulate/path.ts";
import type { Conservation, PeriodResult, SimulationResult } from "../../scripts/simulate/result.ts";
import { facilityTermsOf } from "../../scripts/simulate/terms.ts";
import { summaryText } from "../../scripts/simulate/text.ts";
import { monthlyYield, xirr } from "../../server/model/yields.ts";

const DAY_SEC = 86_400;
const YEAR_SEC = 365 * DAY_SEC;

function paid(...steps: [kind: string, subjectIndex: number, due: bigint, paid: bigint][]): PaidDate {
  const cashAssets = steps.reduce((sum, step) => sum + step[3], 0n);
  const amounts = {
    netAssets: 0n,
    serviceAssets: 0n,
    reserveAssets: 0n,
    trappedAssets: 0n,
    collectionsAssets: cashAssets,
  };
  return {
    ...{ paymentIndex: 0, dueAt: 0, cashAssets, ...amounts },
    steps: steps.map(([kind, subjectIndex, due, assets]) => ({
      ...{ kind, subject: "", kindIndex: 0, subjectIndex, due: String(due), paid: String(assets) },
    })),
  };
}

const none = () => ({ conserved: 0, seniorFirst: 0, levelPayments: 0 });
const CASH: Conservation = {
  ...{
    received: "10",
    fees: "1",
    claimable: "2",
    claimed: "3",
    reserve: "1",
    trapped: "1",
    collections: "1",
    escrow: "1",
  },
};

function resultOf(events: string[]): SimulationResult {
  const period: PeriodResult = {
    ...{
      index: 0,
      dueOn: "2026-02-01",
      state: "CashTrap",
      collections: "5000000",
      rent: "5000000",
      invoiced: "5000000",
    },
    ...{ net: "5000000", service: "4000000", dscrBps: 12_500, ltvBps: null, value: "0", reserve: "0", trapped: "0" },
    steps: [
      { kind: "Fee", subject: "a, b", due: "1000001", paid: "1000001" },
      { kind: "FeeExcess", subject: '"quoted"', due: "0", paid: "0" },
    ],
    classes: [{ name: "A", interest: "0", principal: "0", outstanding: "7000000", poolFactor: "0.700000" }],
    ...{ events, cash: CASH },
  };
  return {
    ...{ deal: "d", title: "<Deal> & Co", about: "x", scenario: "base", scenarioAbout: "y", decimals: 6, figures: [] },
    covenants: { trapDscrBps: 13_500, amortiseDscrBps: 12_500 },
    classes: [
      {
        ...{ name: "A", kind: "Senior", principalKind: "LevelPay", couponBps: 950, raised: "10000000", interest: "0" },
        ...{ principal: "3000000", outstanding: "7000000", loss: "0", yield: null, multiple: 0.3 },
      },
    ],
    ...{ periods: [period], cash: CASH, checks: none(), state: "CashTrap", reports: 1, transactions: 2, seconds: 3 },
  };
}

/** Chai's own closeTo takes whole numbers only, once the matchers for contracts are loaded. */
function isNear(actual: number | null | undefined, expected: number, tolerance: number): void {
  expect(Math.abs((actual ?? NaN) - expected) <= tolerance, `${actual}, not ${expected}`).to.equal(true);
}

describe("what a simulation gives", () => {
  describe("yields", () => {
    it("are the rate at which flows are worth nothing", () => {
      const flows = [
        { at: 0, assets: -1_000_000n },
        { at: YEAR_SEC, assets: 1_100_000n },
      ];
      isNear(xirr(flows), 0.1, 1e-9);
      // Two years at 5 % and a half.
      isNear(xirr([flows[0]!, { at: 2.5 * YEAR_SEC, assets: 1_500_000n }]), 1.5 ** 0.4 - 1, 1e-9);
      // The example of the spreadsheet function's documentation: 37.3362535 %.
      const example = ["2008-01-01", "2008-03-01", "2008-10-30", "2009-02-15", "2009-04-01"];
      const amounts = [-10_000n, 2_750n, 4_250n, 3_250n, 2_750n];
      const dated = example.map((day, index) => ({ at: Date.parse(day) / 1000, assets: amounts[index]! }));
      isNear(xirr(dated), 0.373362535, 1e-8);
    });

    it("exist for tiny and huge ones, where Newton's method ends nowhere", () => {
      const monthly = (assets: bigint, months: number) => [
        { at: 0, assets: -1000n },
        ...Array.from({ length: months }, (_, month) => ({ at: (month + 1) * 30 * DAY_SEC, assets })),
      ];
      isNear(xirr(monthly(100n, 60)), (1 + 0.0996675) ** (365 / 30) - 1, 0.01);
      isNear(xirr(monthly(1n, 2)), -0.995, 0.005);
      expect(xirr([{ at: 0, assets: -5n }])).to.equal(null);
      expect(xirr([])).to.equal(null);
    });

    it("are the same by the month", () => {
      const flows = Float64Array.from({ length: 61 }, (_, month) =>
        month === 0 ? -100 : month === 60 ? 100.75 : 0.75,
      );
      isNear(monthlyYield(flows), 1.0075 ** 12 - 1, 1e-9);
      expect(monthlyYield(Float64Array.of(-1, 0))).to.equal(null);
    });
  });

  describe("checks", () => {
    it("count cash that adds up, and refuse a unit more or less", () => {
      const checks = none();
      checkConserved(checks, "date 1", CASH);
      expect(checks.conserved).to.equal(1);
      for (const received of ["9", "11"]) {
        expect(() => checkConserved(checks, "date 1", { ...CASH, received })).to.throw(
          `date 1: ${received} units came in and 10 are accounted for`,
        );
      }
    });

    it("refuse a junior step that is paid before a senior one is whole, and cash that is kept", () => {
      const checks = none();
      checkSeniorFirst(
        checks,
        "date 1",
        paid(["Interest", 0, 5n, 5n], ["Interest", 1, 5n, 2n], ["Residual", 2, 0n, 0n]),
      );
      expect(checks.seniorFirst).to.equal(1);
      expect(() => checkSeniorFirst(checks, "date 1", paid(["Interest", 0, 5n, 4n], ["Interest", 1, 5n, 3n]))).to.throw(
        "date 1: Interest  is due 5 of 7 left and was paid 4",
      );
      const kept = { ...paid(["Interest", 0, 5n, 5n]), cashAssets: 6n };
      expect(() => checkSeniorFirst(checks, "date 1", kept)).to.throw("1 units were not paid out");
    });

    it("refuse a level payment that is a unit off, on schedule only", () => {
      const [terms] = facilityTermsOf(readDeal("xai-2026").content, ["", ""]).classes as [never];
      const [onSchedule, level] = [3_400_000_000_000_000n, 71_406_328_453_033n];
      const interest = (onSchedule * 950n) / 120_000n;
      const after = onSchedule + interest - level;
      const one = { terms, levelPaymentAssets: level, outstandingBefore: onSchedule, outstandingAfter: after };
      const steps = (principal: bigint) =>
        paid(["Interest", 0, interest, interest], ["Principal", 0, principal, principal]);
      const checks = none();
      expect(checkLevelPayment(checks, "d", one, onSchedule, steps(level - interest), 0)).to.equal(after);
      expect(checks.levelPayments).to.equal(1);
      expect(() => checkLevelPayment(checks, "d", one, onSchedule, steps(level - interest - 1n), 0)).to.throw(
        `d: the level payment is ${level}, ${level - 1n} was paid`,
      );
      const behind = { ...one, outstandingBefore: onSchedule + 1n, outstandingAfter: after + 1n };
      checkLevelPayment(checks, "d", behind, onSchedule, steps(1n), 0);
      expect(checks.levelPayments).to.equal(1);
    });
  });

  describe("pages and tables", () => {
    it("are HTML with nothing from elsewhere, and words of a deal as words", () => {
      const html = htmlOf("t", resultOf(["a <b> happened"]), undefined);
      expect(html).to.not.match(/<script|https?:|\bsrc=|\bhref=|@import|url\(/);
      expect(html).to.contain("&#60;Deal&#62; &#38; Co").and.contain("a &#60;b&#62; happened");
      expect(html.match(/<svg /g)).to.have.length(6);
      for (const title of [
        "Pool factors",
        "Debt service cover",
        "Priority of payments",
        "Reserve and trapped",
        "Yields",
      ]) {
        expect(html).to.contain(`<figcaption>${title}`);
      }
      expect(html).to.contain('stroke-dasharray="6 4"');
    });

    it("are CSV with a row for each step, in dollars and cents", () => {
      const rows = csvOf(resultOf([])).trim().split("\n");
      expect(rows[0]).to.equal("period,date,state,item,due,paid,dscrBps,ltvBps");
      expect(rows).to.include('1,2026-02-01,CashTrap,"fee a, b",1.00,1.00,12500,');
      expect(rows).to.include('1,2026-02-01,CashTrap,"fee excess ""quoted""",0.00,0.00,12500,');
      expect(rows).to.include("1,2026-02-01,CashTrap,outstanding A,,7.00,12500,");
    });

    it("are text for a terminal, with the class and the cash", () => {
      const text = summaryText(resultOf([]));
      expect(text).to.contain("<Deal> & Co · scenario base · 1 payment dates · CashTrap").and.contain("$7.00");
    });

    it("cut fractions of a cent off", () => {
      expect([centsOf(1_239_999n), centsOf(1_000_000n), centsOf(5n)]).to.deep.equal(["1.23", "1.00", "0.00"]);
    });
  });

  describe("progress", () => {
    const drawn = (isTTY: boolean, draw: (bar: ReturnType<typeof startBar>) => void) => {
      const stream = Object.assign(new PassThrough(), { isTTY, columns: 80 });
      draw(startBar(5, stream));
      return String(stream.read() ?? "");
    };
    it("is a bar in a terminal and plain lines elsewhere", () => {
      const steps = (bar: ReturnType<typeof startBar>) => {
        for (let done = 1; done <= 11; done++) bar.show(done, 11, "now");
        bar.end();
      };
      expect(drawn(false, steps)).to.equal("5 of 11 · now\n10 of 11 · now\n11 of 11 · now\n");
      expect(drawn(true, steps))
        .to.contain("█")
        .and.contain("11 of 11 · now")
        .and.satisfy((text: string) => text.endsWith("\r\u001b[K"));
    });
  });

  describe("random paths", () => {
    const { content: deal } = readDeal("crusoe-2023");
    const calm: Deal = {
      ...deal,
      paths: { ...deal.paths, defaultBpsAYear: 0, utilizationVolatilityBps: 0, rentVolatilityBpsAYear: 0 },
    };

    it("are the same for a seed on any number of threads, and others for another seed", async () => {
      const run = async (seed: string, threads: number) => {
        const {
          seconds: _s,
          pathsPerSecond: _p,
          threads: _t,
          ...rest
        } = await runPaths(deal, { paths: 60, seed, threads }, () => undefined);
        return rest;
      };
      const one = await run("7", 1);
      expect(await run("7", 3)).to.deep.equal(one);
      expect((await run("8", 2)).classes[0]!.coverage).to.not.deep.equal(one.classes[0]!.coverage);
    });

    it("without chance are the agreed deal: no loss, the coupon as yield, the level payment's cover", () => {
      const { classes, ...seen } = runPath(startOf(calm), randomOf(1));
      expect(classes[0]!.loss).to.equal(0);
      isNear(classes[0]!.yield, 1.01 ** 12 - 1, 1e-6);
      expect(seen).to.deep.include({ isTrapped: false, isAmortisedEarly: false, isEnforced: false });
      const rent = 7500 * 730 * 0.95 * 2.1;
      const fees = 10_000 + Math.min(150_000, rent * 0.01);
      isNear(seen.lowestDscr, (rent - fees) / 6_642_861.96, 1e-3);
    });

    it("of lessees that all default lose principal, junior first", () => {
      const doomed: Deal = { ...deal, paths: { ...deal.paths, defaultBpsAYear: 10_000, reletMonths: 36 } };
      const { classes, isEnforced } = runPath(startOf(doomed), randomOf(1));
      expect(isEnforced).to.equal(true);
      expect(classes[0]!.loss).to.be.greaterThan(0).and.lessThan(1);
      expect(classes[1]!.loss).to.equal(1);
      expect(classes[1]!.yield).to.equal(-1);
    });

    it("are described by quantiles and a histogram that counts each path once", () => {
      const { mean, quantiles, histogram } = distributionOf(Float64Array.from({ length: 1000 }, (_, index) => index));
      expect(mean).to.equal(499.5);
      expect(quantiles).to.deep.equal({ p1: 10, p5: 50, p25: 250, p50: 500, p75: 750, p95: 950, p99: 990 });
      expect(histogram.counts.reduce((sum, count) => sum + count, 0)).to.equal(1000);
      expect(distributionOf(Float64Array.of(1, Infinity, 1)).mean).to.equal(1);
    });
  });
});
