import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { expect } from "chai";

// The chaos run as people run it, short: four oracle processes, everything failing, every rule held.

interface ResultJson {
  epochCount: number;
  readingCount: number;
  faults: Record<string, number>;
  checks: { rule: string; violations: string[] }[];
}

const SCRIPT = join(import.meta.dirname, "../../scripts/chaos.ts");

describe("npm run chaos -- --seed 5 --epochs 3", function () {
  this.timeout(180_000);
  let code: unknown;
  let stderr = "";
  let result: ResultJson;

  before(async () => {
    const args = ["--seed", "5", "--epochs", "3", "--nodes", "12", "--json"];
    const faults = ["kill", "killTwo", "cut", "dbDrop", "reorg", "reorgReplay", "liar"];
    const child = spawn(process.execPath, [SCRIPT, ...args, "--faults", faults.join(",")]);
    let stdout = "";
    child.stdout.on("data", (bytes: Buffer) => (stdout += bytes.toString()));
    child.stderr.on("data", (bytes: Buffer) => (stderr += bytes.toString()));
    [code] = (await once(child, "close")) as [number | null];
    result = JSON.parse(stdout) as ResultJson;
  });

  it("S01 S02 S03 S14: kills, cuts, resets, re-orgs and a liar leave every rule held", () => {
    expect(result.checks.filter(({ violations }) => violations.length > 0)).to.deep.equal([]);
    expect(code, stderr).to.equal(0);
    expect(result.checks.length).to.be.greaterThan(8);
  });

  it("did what it says", () => {
    expect(Object.keys(result.faults)).to.include.members(["kill", "cut", "reorg", "liar"]);
    expect(result.epochCount).to.be.at.least(3);
    expect(result.readingCount).to.be.greaterThan(60);
  });
});
