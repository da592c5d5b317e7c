// Every test of the project: Solidity (fuzz, invariants), then TypeScript. The last line sums both runners.
import { runTests } from "./runner.ts";

const solidity = await runTests("solidity");
const mocha = await runTests("mocha");
const failed = solidity.failed + mocha.failed;
console.log(`${solidity.passed + mocha.passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
