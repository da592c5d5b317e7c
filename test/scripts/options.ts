import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { DEAL } from "../../scripts/catalogue.ts";
import { takeFolder } from "../../scripts/folder.ts";
import { readOptions } from "../../scripts/options.ts";
import { readText } from "../../scripts/replay.ts";

describe("command line of a run", () => {
  const folder = mkdtempSync(join(tmpdir(), "rackbond-options-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  describe("options", () => {
    it("have defaults", () => {
      const given = readOptions([]);
      expect(given).to.deep.include({
        once: false,
        months: 3,
        seed: "1",
        factor: 36_000,
        port: undefined,
        rpcPort: 8545,
      });
      expect(readOptions(["--once"]).factor).to.equal(0);
      expect(readOptions(["--once", "--factor", "5"]).factor).to.equal(5);
      expect(readOptions(["--scrape", "a", "b", "--months", "2"])).to.deep.include({
        scrapeFiles: ["a", "b"],
        months: 2,
      });
    });

    const bad = [
      ["--months", "0"],
      ["--months", "1.5"],
      ["--months", "two"],
      ["--months", String(DEAL.termMonths + 1n)],
      ["--factor", "-1"],
      ["--factor", "1e3"],
      ["--port", "65536"],
      ["--rpc-port", "0x10"],
      ["--chain", "geth"],
      ["--seed"],
      ["--scrape"],
      ["--speed", "3"],
      ["surplus"],
    ];
    it("refuse each bad value by its name, and end with 1", () => {
      const module = join(import.meta.dirname, "../../scripts/options.ts");
      const program = `
        const { readOptions } = await import(${JSON.stringify(module)});
        process.exit = (code) => { throw code; };
        let said = "";
        process.stderr.write = (text) => { said += text; return true; };
        const answers = ${JSON.stringify(bad)}.map((args) => {
          said = "";
          try { readOptions(args); return "taken"; } catch (code) { return code + " " + said.split("\\n")[0]; }
        });
        console.log(JSON.stringify(answers));`;
      const output = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
      const answers = JSON.parse(output) as string[];
      for (const [index, answer] of answers.entries()) {
        const [name = "", value = ""] = bad[index]!;
        expect(answer, name).to.match(/^1 error: /);
        expect(answer).to.contain(name === "surplus" ? "too many arguments" : name);
        if (name !== "--speed") expect(answer).to.contain(value);
      }
    });

    it("read the quantiles of a cluster", () => {
      const csv =
        "percentile,kalos_sm_active_pct,kalos_a100_power_w,seren_sm_active_pct,seren_a100_power_w\n0,0,50,0,60\n100,90,400,100,500\n";
      const path = file("q.csv", csv);
      expect(readOptions(["--quantiles", path]).quantiles!.powerW).to.deep.equal([
        [0, 50],
        [100, 400],
      ]);
      const { quantiles } = readOptions(["--quantiles", path, "--cluster", "seren"]);
      expect(quantiles!.smActivePct).to.deep.equal([
        [0, 0],
        [100, 100],
      ]);
      expect(() => readOptions(["--quantiles", path, "--cluster", "none"])).to.throw(
        `${path}: no column none_sm_active_pct`,
      );
    });

    for (const [name, rows] of [
      ["not a number", "0,0,50\n50,x,60"],
      ["empty", "0,0,50\n50,,60"],
      ["out of order", "50,0,50\n0,1,60"],
      ["beyond 100 %", "0,0,50\n50,101,60"],
      ["more power than a board can draw", "0,0,50\n50,1,641"],
      ["falling", "0,0,50\n50,1,40"],
    ] as const) {
      it(`refuse quantiles that are ${name}, by the file and line`, () => {
        const path = file("bad-q.csv", `percentile,kalos_sm_active_pct,kalos_a100_power_w\n${rows}\n`);
        expect(() => readOptions(["--quantiles", path])).to.throw(`${path}:3: kalos_`);
      });
    }

    it("read the newest price of each GPU in whole cents", () => {
      const path = file(
        "prices.csv",
        "date,gpu,median\n2026-07-02,h100-sxm,2.345\n2026-07-01,h100-sxm,9\n2026-07-01,l4,0.8\n",
      );
      expect([...readOptions(["--prices", path]).rateCents]).to.deep.equal([
        ["h100-sxm", 235],
        ["l4", 80],
      ]);
    });

    for (const row of [
      "yesterday,l4,1",
      "2026-07-01,,1",
      "2026-07-01,l4,",
      "2026-07-01,l4,0",
      "2026-07-01,l4,-1",
      "2026-07-01,l4,Infinity",
    ]) {
      it(`refuse the price row ${row}, by the file and line`, () => {
        const path = file("bad-p.csv", `date,gpu,median\n${row}\n`);
        expect(() => readOptions(["--prices", path])).to.throw(`${path}:2: not a date, a GPU and a price: ${row}`);
      });
    }

    it("refuse a table without rows or columns, and a file that is not there", () => {
      const path = file("none.csv", "date,gpu\n2026-07-01,l4\n");
      expect(() => readOptions(["--prices", path])).to.throw(`${path}: no column median`);
      expect(() => readOptions(["--prices", file("e.csv", "date,gpu,median\n")])).to.throw("e.csv: no rows");
      expect(() => readText(join(folder, "gone.csv"))).to.throw("gone.csv: cannot be read: ENOENT");
    });
  });

  describe("folder", () => {
    it("is one run's at a time; what a dead owner left is taken over", () => {
      const path = join(folder, "data");
      mkdirSync(path);
      writeFileSync(join(path, "owner.pid"), "1");
      expect(() => takeFolder(path)).to.throw(
        `${path} is in use by process 1; stop it, or choose another folder with --data`,
      );
      for (const owner of ["4194305", "x", "-5", ""]) {
        writeFileSync(join(path, "owner.pid"), owner);
        const taken = takeFolder(path);
        expect(taken.path).to.equal(path);
        taken.release();
        expect([existsSync(path), existsSync(join(path, "owner.pid"))]).to.deep.equal([true, false]);
      }
    });

    it("that was not asked for is gone at the end; a later process that got a dead chain's id is left alone", async () => {
      const dead = mkdtempSync(join(tmpdir(), "rackbond-run-"));
      writeFileSync(join(dead, "owner.pid"), "4194305");
      const other = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"], { stdio: "ignore" });
      writeFileSync(join(dead, "chain.run.json"), JSON.stringify({ pid: other.pid, url: "" }));
      const taken = takeFolder(undefined);
      expect(existsSync(dead)).to.equal(false);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(other.signalCode).to.equal(null);
      other.kill();
      taken.release();
      expect(existsSync(taken.path)).to.equal(false);
    });
  });
});
