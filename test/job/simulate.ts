import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import type { SimulationResult } from "../../scripts/simulate/result.ts";
import { SCENARIO_NAMES } from "../../scripts/simulate/scenario.ts";
import { recompute, SMALL_DEAL, type Recomputed } from "./smallDeal.ts";

// The command as people run it, in a process of its own, on a small deal in every scenario; a second reader of the
// result, which knows the deal's terms and docs/deal.md and none of the program, recomputes every step of every date.

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

function run(args: string[]): Promise<Outcome> {
  const script = join(import.meta.dirname, "../../scripts/simulate.ts");
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const outcome: Outcome = { code: null, stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (outcome.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (outcome.stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ ...outcome, code }));
  });
}

const sum = (amounts: readonly string[]) => amounts.reduce((total, units) => total + BigInt(units), 0n);

describe("npm run simulate", function () {
  this.timeout(300_000);
  const folder = mkdtempSync(join(tmpdir(), "rackbond-simulate-"));
  const file = join(folder, "deal.json");
  before(() => writeFileSync(file, JSON.stringify(SMALL_DEAL)));
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const scenario of SCENARIO_NAMES) {
    context(`scenario ${scenario}`, () => {
      const [csv, html] = [join(folder, `${scenario}.csv`), join(folder, `${scenario}.html`)];
      let outcome: Outcome;
      let result: SimulationResult;
      let second: Recomputed;

      before(async () => {
        outcome = await run(["--deal", file, "--scenario", scenario, "--json", "--csv", csv, "--html", html]);
        result = JSON.parse(outcome.stdout || "{}") as SimulationResult;
        if (outcome.code === 0) second = recompute(result);
      });

      it("exits 0 with JSON alone on standard output, the rest on standard error", () => {
        expect(outcome.code, outcome.stderr).to.equal(0);
        expect(outcome.stdout.trim().split("\n")).to.have.length(1);
        expect(outcome.stderr).to.match(/\d+ of \d+ · \d{4}-\d{2}-01 · \w+ · DSCR/);
      });

      it("says of every step of every date what a second reader computes", () => {
        const said = result.periods.map(({ state, steps }) => ({ state, steps }));
        expect(said).to.deep.equal(second.periods);
      });

      it("pays no step before those above it are whole, and everything that there is", () => {
        for (const { steps } of result.periods) {
          const short = steps.findIndex(({ due, paid }) => due !== paid);
          if (short !== -1) expect(steps.slice(short + 1).every(({ paid }) => paid === "0")).to.equal(true);
        }
      });

      it("conserves cash to the unit on every date", () => {
        for (const { cash } of [...result.periods, result]) {
          const { received, ...places } = cash;
          expect(sum(Object.values(places))).to.equal(BigInt(received));
        }
        expect(result.checks.conserved).to.be.at.least(result.periods.length);
      });

      it("gives each class what its dates paid it", () => {
        for (const [index, one] of result.classes.entries()) {
          const dates = [...result.periods, ...(result.closing === undefined ? [] : [result.closing])];
          const rows = dates.map(({ classes }) => classes[index]!);
          const redeemed = result.scenario === "refinance" && one.kind === "Senior";
          if (!redeemed) expect(sum(rows.map(({ interest }) => interest))).to.equal(BigInt(one.interest));
          if (!redeemed) expect(sum(rows.map(({ principal }) => principal))).to.equal(BigInt(one.principal));
          const booked = BigInt(one.principal) + BigInt(one.outstanding) + BigInt(one.loss);
          if (one.kind === "Senior") expect(booked).to.equal(BigInt(one.raised));
        }
      });

      it("gives the level payment in dollars and cents", () => {
        // $12m at 9 % over 10 months: 12m × r ÷ (1 − (1 + r)^−10)
        const r = 0.09 / 12;
        expect(result.levelPayment).to.equal(((12e6 * r) / (1 - (1 + r) ** -10)).toFixed(2));
      });

      it("writes the same to the table, and a page with charts", () => {
        const rows = readFileSync(csv, "utf8").trim().split("\n").slice(1);
        expect(rows.filter((row) => row.includes(",rent,"))).to.have.length(result.periods.length);
        expect(readFileSync(html, "utf8")).to.contain("</svg>").and.contain(`Scenario ${scenario}.`);
      });

      it("tells the story of the scenario", () => {
        const story = [...result.periods.flatMap(({ events }) => events), ...(result.closing?.events ?? [])];
        for (const words of STORIES[scenario]) expect(story.join("\n")).to.contain(words);
        expect(result.state).to.equal("Closed");
      });
    });
  }

  for (const [args, said] of [
    [["--deal", "nowhere"], 'simulate: deal "nowhere" is neither a file nor one of xai-2026, '],
    [["--deal", "ddtl", "--scenario", "flood"], 'simulate: scenario "flood" is neither a file nor one of base, '],
    [["--deal", "ddtl", "--paths", "0"], "argument '0' is invalid. a whole number from 1 to 1000000 is expected."],
    [["--deal", "ddtl", "--paths", "5", "--csv"], "error: --csv needs a --scenario beside --paths"],
    [["--deal", "ddtl", "--json", "--csv"], "error: --json and --csv without a file both take standard output"],
    [[], "error: required option '--deal <name>' not specified"],
  ] as [string[], string][]) {
    it(`ends with 1 and what is wrong: ${args.join(" ")}`, async () => {
      const { code, stdout, stderr } = await run(args);
      expect([code, stdout]).to.deep.equal([1, ""]);
      expect(stderr).to.contain(said);
    });
  }
});

const STORIES = {
  base: ["first buys one for $2000000.00", "closed"],
  "rent-crash": ["breach: DSCR", "cured: DSCR", "→ EarlyAmortisation"],
  default: ["first stops paying", "first is in default: its lease ends", "→ Enforcement", "one is sold for"],
  outage: ["first is credited for downtime", "breach: coverage of one", "cured: coverage of one"],
  curtailment: [],
  refinance: ["and redeems this one", "redeemed for"],
} as const satisfies Record<(typeof SCENARIO_NAMES)[number], readonly string[]>;
