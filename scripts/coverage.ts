// Runs the tests that drive the contracts, instrumented; prints the summary and writes the report to coverage/.
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";

process.env["HARDHAT_COVERAGE"] = "true"; // read when Hardhat is imported
const { default: hre } = await import("hardhat");
const patterns = ["test/contracts/**/*.ts", "test/findings/{telemetry,claim-for}.ts", "test/invariants/**/*.t.sol"];
const testFiles = globSync(patterns, { cwd: join(import.meta.dirname, "..") }).sort();
const result: unknown = await hre.tasks.getTask("test").run({ testFiles });
const success = typeof result === "object" && result !== null && "success" in result && result.success === true;

// The generated types carry bytecode that is deployed: put the uninstrumented one back.
const { HARDHAT_COVERAGE: _, ...environment } = process.env;
const rebuilt = spawnSync("npm", ["run", "build"], { stdio: "inherit", env: environment });
process.exit(success && rebuilt.status === 0 ? 0 : 1);
