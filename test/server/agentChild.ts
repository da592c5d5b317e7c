// An agent in a process of its own, which its test ends as it likes. Its hours pass quickly: the clock began at a time
// and runs at a rate that the test says.
import { runAgent } from "../../server/agent/run.ts";
import { agentSettings } from "./agentPlaces.ts";

/** Runs by the command line. */
async function main(): Promise<void> {
  const [folder, exporter, oracles, startMs, originMs, rate] = process.argv.slice(2) as [
    string,
    string,
    string,
    ...string[],
  ];
  const clock = {
    nowMs: () => Math.floor(Number(originMs) + (Date.now() - Number(startMs)) * Number(rate)),
    tickMs: 2,
  };
  const running = await runAgent(
    { ...agentSettings(folder), exporters: [exporter], oracles: oracles.split(",") },
    clock,
  );
  process.stdout.write(`${running.metricsUrl}\n`);
  process.once("SIGTERM", () => {
    void running.stop().then(() => process.stdout.write("ended\n"));
  });
}

if (process.argv[1] === import.meta.filename) await main();
