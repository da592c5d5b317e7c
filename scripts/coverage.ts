// Runs the tests that drive the contracts, instrumented; prints the summary and writes the report to coverage/.
import { globSync } from "node:fs";
import { join } from "node:path";

process.env["HARDHAT_COVERAGE"] = "true"; // read when Hardhat is imported
const { default: hre } = await import("hardhat");
const patterns = ["test/contracts/**/*.ts", "test/findings/{telemetry,claim-for}.ts", "test/invariants/**/*.t.sol"];
const testFiles = globSync(patterns, { cwd: join(import.meta.dirname, "..") }).sort();
const result: unknown = await hre.tasks.getTask("test").run({ testFiles });
const success = typeof result === "object" && result !== null && "success" in result && result.success === true;
process.exit(success ? 0 : 1);
