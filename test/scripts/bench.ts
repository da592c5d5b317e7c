import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { expect } from "chai";

import { readBenchOptions } from "../../scripts/bench/command.ts";
import { snapshotRows } from "../../scripts/bench/gas.ts";
import { rowOf, tableOf } from "../../scripts/bench/rows.ts";

const gas = { name: "supply", unit: "gas" };

describe("npm run bench", () => {
  describe("a row", () => {
    it("stands beside its peer, which is the target unless there is another", () => {
      const peer = { name: "Morpho Blue", value: 80_000 };
      const beside = { ...gas, peer: "Morpho Blue", peerValue: 80_000 };
      expect(rowOf({ ...gas, value: 60_000, peer })).to.deep.equal({
        ...{ ...beside, value: 60_000, ratio: 0.75, target: 80_000, met: true },
      });
      expect(rowOf({ ...gas, value: 60_000, peer, target: 50_000 })).to.deep.equal({
        ...{ ...beside, value: 60_000, ratio: 0.75, target: 50_000, met: false },
      });
    });

    it("is met at its target, and missed one beyond", () => {
      const met = (value: number, isLeast: boolean) => rowOf({ ...gas, value, target: 70, isLeast }).met;
      expect([69, 70, 71].map((value) => met(value, false))).to.deep.equal([true, true, false]);
      expect([69, 70, 71].map((value) => met(value, true))).to.deep.equal([false, true, true]);
    });

    it("without a peer says null, and needs a target", () => {
      const row = rowOf({ ...gas, value: 1, target: 2 });
      expect(row).to.deep.equal({ ...gas, value: 1, peer: null, peerValue: null, ratio: null, target: 2, met: true });
      expect(JSON.parse(JSON.stringify(row))).to.deep.equal(row);
      expect(() => rowOf({ ...gas, value: 1 })).to.throw("supply has neither a target nor a peer");
    });
  });

  it("the table lines the columns up and says what was missed", () => {
    const rows = [
      rowOf({ ...gas, value: 1000, peer: { name: "P", value: 999 } }),
      rowOf({ ...gas, value: 1, target: 2 }),
    ];
    expect(tableOf(rows).split("\n")).to.deep.equal([
      "measure  unit  value  peer  peer's  ratio  target",
      "supply   gas   1,000  P        999  1.001     999  MISSED",
      "supply   gas       1                            2",
    ]);
  });

  it("takes the figures of the gas snapshot by name, and refuses a snapshot without one", () => {
    const year = "Telemetry.submit after a year";
    const snapshot = {
      ...{ "ClassToken.transfer, both hold and accrue": 56_000, "ClassToken.claim": 70_001 },
      [`${year}, 5 signatures, roots only`]: 110_000,
      [`${year}, 3 signatures, lots: 1`]: 100_000,
      [`${year}, 3 signatures, lots: 10`]: 163_001,
      [`${year}, 5 signatures, lots: 100`]: 800_000,
    };
    const rows = snapshotRows(snapshot, 28_000);
    expect(rows.map(({ value, target, met }) => [value, target, met])).to.deep.equal([
      [56_000, 60_000, true],
      [70_001, 70_000, false],
      [110_000, 110_000, true],
      [7_001, 7_000, false], // a ninth of 63,001, rounded up
      [800_000, 800_000, true],
    ]);
    expect(rows.map(({ ratio }) => ratio)).to.deep.equal([2, 2.5, null, null, null]);
    expect(() => snapshotRows({}, 1)).to.throw("gas.json has no row Telemetry.submit after a year");
  });

  it("takes a list of groups, all of them by default", () => {
    expect(readBenchOptions([])).to.deep.equal({ only: ["gas", "ingest", "epoch", "api"], json: false });
    expect(readBenchOptions(["--only", "gas", "epoch", "--json"])).to.deep.equal({
      only: ["gas", "epoch"],
      json: true,
    });
  });

  for (const [args, said] of [
    [["--only", "gas", "speed", "--json"], "'speed' is invalid. Allowed choices are gas, ingest, epoch, api."],
    [["--only"], "argument missing"],
    [["--fast"], "unknown option '--fast'"],
  ] as const) {
    it(`refuses ${args.join(" ")}: ends with 1 and prints nothing on standard output`, () => {
      const program = join(import.meta.dirname, "../../scripts/bench.ts");
      const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
      expect([status, stdout]).to.deep.equal([1, ""]);
      expect(stderr.split("\n")[0])
        .to.match(/^error: /)
        .and.contain(said);
    });
  }
});
