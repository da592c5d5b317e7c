// Plays random histories on the contracts and on the model of a deal (server/model), which must agree on every balance:
// npm run differential -- --histories N --seed S. The tests play the first hundred.
import { Command } from "commander";
import { whole } from "./options.ts";
import { runTests } from "./runner.ts";

const LIMIT_MS = 24 * 3_600_000;

const { histories, seed } = new Command("npm run differential --")
  .description("Compares the contracts with the model of a deal, on random histories.")
  .option("--histories <n>", "how many of facilities, and as many of leases", whole(1, 1e6), 200)
  .option("--seed <n>", "of the first; each further one has the next", whole(0, 2 ** 31), Math.floor(Date.now() / 1000))
  .showHelpAfterError()
  .parse()
  .opts<{ histories: number; seed: number }>();

const files = ["test/differential/facility.ts", "test/differential/leases.ts"];
const settings = { DIFFERENTIAL_HISTORIES: String(histories), DIFFERENTIAL_SEED: String(seed) };
const { failed } = await runTests("mocha", files, { env: settings, limitMs: LIMIT_MS });
process.exit(failed === 0 ? 0 : 1);
