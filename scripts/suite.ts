// Runs one of Hardhat's test runners in this process, on what is built if SUITE_BUILT is set:
// node scripts/suite.ts mocha|solidity [files]. It exits when the runner is done, whatever a test left open.
import hre from "hardhat";

const [runner = "mocha", ...testFiles] = process.argv.slice(2);
const noCompile = process.env["SUITE_BUILT"] === "true";
const result: unknown = await hre.tasks.getTask(["test", runner]).run({ testFiles, noCompile });
const success = typeof result === "object" && result !== null && "success" in result && result.success === true;
process.exit(success ? 0 : 1);
