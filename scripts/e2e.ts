// `npm run e2e`: the stories of the three users and every page, in Debian's Chromium against the running system.
// --data FOLDER starts from a folder that `npm start -- --once --months 1 --data FOLDER` made, which saves its minutes;
// --screens keeps a screenshot of each page under docs/screens.
import { existsSync, globSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { runTests } from "./runner.ts";

const ROOT = join(import.meta.dirname, "..");
const LIMIT_MS = 60 * 60_000;
const CHROMIUM = "/usr/bin/chromium";

const { values, positionals } = parseArgs({
  options: { data: { type: "string" }, screens: { type: "boolean", default: false } },
  allowPositionals: true,
});
const chromium = process.env["CHROMIUM"] ?? CHROMIUM;
if (!existsSync(chromium)) {
  console.error(`${chromium} is not there: apt-get install chromium, or name one in CHROMIUM`);
  process.exit(2);
}
const hasTests = (file: string) => !["stage.ts", "wallet.ts", "visiting.ts"].some((name) => file.endsWith(name));
const all = globSync("test/e2e/*.ts", { cwd: ROOT }).filter(hasTests).sort();
const files = positionals.length > 0 ? positionals : all;
const { passed, failed } = await runTests("mocha", files, {
  env: {
    ...{ SUITE_BUILT: "true", CHROMIUM: chromium },
    ...(values.data === undefined ? {} : { E2E_DATA: resolve(values.data) }),
    ...(values.screens ? { E2E_SCREENS: join(ROOT, "docs/screens") } : {}),
  },
  limitMs: LIMIT_MS,
});
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
