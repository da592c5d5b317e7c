import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { DEAL_NAMES, parseDeal, readDeal } from "../../scripts/simulate/deal.ts";
import { assetsOf } from "../../scripts/simulate/figures.ts";
import { parseScenario, readScenario, SCENARIO_NAMES } from "../../scripts/simulate/scenario.ts";
import { facilityTermsOf } from "../../scripts/simulate/terms.ts";

const SCRIPTS = join(import.meta.dirname, "../../scripts");

/** A file's JSON, to be spoilt. */
function jsonOf(folder: string, name: string): Record<string, never> {
  return JSON.parse(readFileSync(join(SCRIPTS, folder, `${name}.json`), "utf8")) as Record<string, never>;
}

/** Sets a value by its path, through marks or not. */
function set(json: unknown, path: string, value: unknown): void {
  const keys = path.split("/").slice(1);
  let place = json as Record<string, unknown>;
  for (const key of keys.slice(0, -1)) {
    place = place[key] as Record<string, unknown>;
    if ("mark" in place) place = place["value"] as Record<string, unknown>;
  }
  place[keys.at(-1)!] = value;
}

describe("deals and scenarios of the simulation", () => {
  describe("files", () => {
    it("are those that can be named", () => {
      const names = (folder: string) => readdirSync(join(SCRIPTS, folder)).map((file) => file.replace(".json", ""));
      expect(names("deals")).to.have.members([...DEAL_NAMES]);
      expect(names("scenarios")).to.have.members([...SCENARIO_NAMES]);
      for (const name of DEAL_NAMES) expect(readDeal(name).content.name).to.equal(name);
      for (const name of SCENARIO_NAMES) expect(readScenario(name).content.name).to.equal(name);
    });

    // Counts, kinds and zeros say nothing that could be wrong; every other number has to say where it comes from.
    for (const name of DEAL_NAMES) {
      it(`of ${name} mark every figure with its source`, () => {
        const unmarked: string[] = [];
        const visit = (path: string, json: unknown) => {
          if (typeof json === "object" && json !== null) {
            if ("mark" in json) return;
            for (const [key, value] of Object.entries(json)) visit(`${path}/${key}`, value);
          } else if (/\d/.test(String(json)) && !/^(0|10000)$/.test(String(json))) unmarked.push(path);
        };
        visit("", jsonOf("deals", name));
        const named = /\/(?:lot|startMonth|model|name|title|about|gridZone)$/;
        expect(unmarked.filter((path) => !named.test(path))).to.deep.equal([]);
      });
    }

    it("of xai-2026 say which figures are read and which are assumed", () => {
      const marks = new Map(readDeal("xai-2026").figures.map(({ path, mark }) => [path, mark]));
      expect(marks.get("/classes/0/target")).to.equal("V2");
      expect(marks.get("/covenants/trapDscrBps")).to.equal("V");
      expect(marks.get("/residual/target")).to.equal("D");
      expect(marks.get("/leases/0/rent")).to.equal("A");
    });
  });

  describe("terms", () => {
    it("of equipment-abs have the credit enhancement of each class", () => {
      const { content } = readDeal("equipment-abs");
      const pool = content.lots.reduce((sum, { cost }) => sum + assetsOf(cost), 0n);
      let senior = 0n;
      const enhancements = content.classes.map(({ target }) => {
        senior += assetsOf(target);
        // What is not above or beside a class protects it, and the reserve of 1 %.
        return Number(((pool - senior + assetsOf(content.reserve.initial)) * 10_000n) / pool) / 100;
      });
      expect(enhancements).to.deep.equal([28.9, 21.85, 16.15, 9.15, 5]);
    });

    it("of ddtl leave what the table of future principal leaves after each year", () => {
      const { content } = readDeal("ddtl");
      const { classes } = facilityTermsOf(content, ["", ""]);
      const [{ scheduledWad, targetAssets }] = classes as [(typeof classes)[0]];
      expect(scheduledWad.at(-1)).to.equal(0n);
      const left = [12, 24, 36, 48, 60, 72].map(
        (date) => (scheduledWad[date - 1]! * targetAssets) / 10n ** 18n / 10n ** 12n,
      );
      const years = [986n, 4218n, 2833n, 1010n, 124n, 2000n];
      let rest = 11_171n;
      // Rounded down: the unit that a share of 18 decimals loses.
      for (const [index, year] of years.entries()) expect(left[index]).to.be.oneOf([(rest -= year), rest - 1n]);
    });
  });

  describe("refuse by path and value", () => {
    const bad: [path: string, value: unknown, said: string][] = [
      ["/classes/0/couponBps", -1, "/classes/0/couponBps is -1: must be >= 0"],
      ["/classes/0/couponBps", "950", '/classes/0/couponBps is "950": must be integer'],
      [
        "/classes/0/principal",
        "Bullet",
        '/classes/0/principal is "Bullet": must be equal to one of the allowed values LevelPay',
      ],
      ["/classes/0/target", "1e9", '/classes/0/target is "1e9": must match pattern'],
      ["/classes/0/balloon", "3400000000.01", '/classes/0/balloon is "3400000000.01": exceeds the target'],
      ["/classes/0/schedule", ["1"], "/classes/0/schedule is 1: must have no entries"],
      ["/leases/0/lot", 1, "/leases/0/lot is 1: must be below 1"],
      ["/leases/0/rent", undefined, "/leases/0/rent is missing: TakeOrPay needs it"],
      ["/leases/0/gpuHourRate", "2", '/leases/0/gpuHourRate is "2": TakeOrPay has none'],
      ["/leases/0/sla", [{ availabilityBps: 1, creditBps: 1 }], "/leases/0/tripleNet is true: is for take-or-pay"],
      ["/startOn", "2026-13-01", '/startOn is "2026-13-01": no date'],
      ["/residual/target", "1", '/residual/target is "1": cost and initial reserve exceed what is raised'],
      ["/lots/0/residualBps", [1, 2], "/lots/0/residualBps is [1,2]: must not rise"],
      ["/reserve/initial", "167000001", '/reserve/initial is "167000001": exceeds the target'],
      ["/covenants/amortiseDscrBps", 20_000, "/covenants/amortiseDscrBps is 20000: exceeds trapDscrBps"],
      ["/fees", undefined, "/fees is missing: must be there"],
      ["/colour", "red", '/colour is "red": is not a part of this file'],
      ["/advanceBps", { value: 1, mark: "W", source: "x" }, "/advanceBps is {"],
      ["/advanceBps", { value: 1, mark: "V", source: "" }, "a marked figure is { value, mark, source }"],
    ];
    for (const [path, value, said] of bad) {
      it(`a deal whose ${path} is ${JSON.stringify(value)}`, () => {
        const json = jsonOf("deals", "xai-2026");
        set(json, path, value);
        const text = JSON.stringify(json);
        expect(() => parseDeal("mine.json", JSON.parse(text)))
          .to.throw("mine.json: ")
          .with.property("message")
          .that.contains(said);
      });
    }

    for (const [path, value, said] of [
      ["/stops", [{ lease: 0, at: 101 }], "/stops/0/at is 101: must be <= 100"],
      ["/meters", [{ from: 5, until: 5 }], "/meters/0/until is 5: must be after from (5)"],
      [
        "/rents",
        [
          { at: 5, bps: 9000 },
          { at: 5, bps: 8000 },
        ],
        "/rents/1/at is 5: must rise",
      ],
      ["/bidBps", undefined, "/bidBps is missing: must be there"],
    ] as [string, unknown, string][]) {
      it(`a scenario whose ${path} is ${JSON.stringify(value)}`, () => {
        const json = jsonOf("scenarios", "base");
        set(json, path, value);
        const text = JSON.stringify(json);
        expect(() => parseScenario("mine.json", JSON.parse(text))).to.throw(`mine.json: ${said}`);
      });
    }

    it("a name that is no file, and a file that is no JSON", () => {
      expect(() => readDeal("xai")).to.throw('deal "xai" is neither a file nor one of xai-2026, ');
      expect(() => readScenario("crash")).to.throw('scenario "crash" is neither a file nor one of base, ');
      const page = join(SCRIPTS, "simulate.ts");
      expect(() => readDeal(page)).to.throw(`${page}: cannot be read as JSON: `);
    });
  });
});
