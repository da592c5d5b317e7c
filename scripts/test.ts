// Every test of the project: built once, then Solidity (fuzz, invariants) and TypeScript in a process for each group of
// files, as many at a time as there are cores. A process's output is shown when it ends; the last line sums all.
import { globSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import hre from "hardhat";
import { runTests, type Outcome, type Runner } from "./runner.ts";
import { shardsOf } from "./shards.ts";

const ROOT = join(import.meta.dirname, "..");
const options = { env: { SUITE_BUILT: "true" }, isWhole: true };

await hre.tasks.getTask("build").run({});
const hasTests = (file: string) => /\bdescribe\(/.test(readFileSync(join(ROOT, file), "utf8"));
// The browser's stories need a browser: `npm run e2e`.
const files = globSync("test/**/*.ts", { cwd: ROOT }).filter((file) => !file.startsWith("test/e2e/") && hasTests(file));
const runs: { runner: Runner; files: string[] }[] = [
  ...shardsOf(files).map((shard) => ({ runner: "mocha" as const, files: shard })),
  { runner: "solidity", files: [] },
];

const sum: Outcome = { passed: 0, failed: 0 };
const work = async () => {
  for (let run = runs.shift(); run !== undefined; run = runs.shift()) {
    const startedMs = performance.now();
    const { passed, failed } = await runTests(run.runner, run.files, options);
    const sec = Math.round((performance.now() - startedMs) / 1000);
    console.log(
      `${run.runner} ${run.files[0] ?? "all"}, ${run.files.length} files: ${passed} of ${passed + failed} in ${sec} s\n`,
    );
    sum.passed += passed;
    sum.failed += failed;
  }
};
await Promise.all(Array.from({ length: availableParallelism() }, work));

console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exit(sum.failed === 0 ? 0 : 1);
