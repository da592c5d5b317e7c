// Compares the committed snapshots (ABI, storage layout, gas, OpenAPI) with the code; --update writes them anew.
import { globSync } from "node:fs";
import { join } from "node:path";
import { runTests } from "./runner.ts";

const files = globSync("test/snapshots/*.ts", { cwd: join(import.meta.dirname, "..") }).sort();
const env = process.argv.includes("--update") ? { UPDATE_SNAPSHOTS: "1" } : {};
const { failed } = await runTests("mocha", files, { env });
process.exit(failed === 0 ? 0 : 1);
