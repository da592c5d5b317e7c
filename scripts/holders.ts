// The gas of sixty payment dates with ten and with 10,000 holders of each of four classes: npm run holders. It takes a
// minute; npm test runs the same with 300.
import { runTests } from "./runner.ts";

const { failed } = await runTests("mocha", ["test/contracts/facility-holders.ts"], { env: { HOLDERS: "10000" } });
process.exit(failed === 0 ? 0 : 1);
