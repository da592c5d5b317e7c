// Runs one of Hardhat's test runners in this process: node scripts/suite.ts mocha|solidity [files]. It exits when the
// runner is done, whatever a test left open.
import hre from "hardhat";

const [runner = "mocha", ...testFiles] = process.argv.slice(2);
const result: unknown = await hre.tasks.getTask(["test", runner]).run({ testFiles });
const success = typeof result === "object" && result !== null && "success" in result && result.success === true;
process.exit(success ? 0 : 1);
