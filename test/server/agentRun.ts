import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { runAgent, type AgentClock, type AgentSettings } from "../../server/agent/run.ts";
import { isSignedBy, keyOf } from "../../server/nodekey.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { parseReading, readingHash } from "../../server/protocol/reading.ts";
import { checkFollows, checkReading } from "../../server/protocol/rules.ts";
import { AT, DOMAIN, LOT, POINT, UUIDS, newFolder } from "./agentBench.ts";
import {
  BOARD_MW,
  agentSettings,
  counterMJ,
  end,
  exporterText,
  serve,
  startOracle,
  until,
  type FakeOracle,
  type Served,
} from "./agentPlaces.ts";

const HOUR_MS = 3_600_000;
const closing: (() => Promise<unknown>)[] = [];

/** A clock that passes an hour in some milliseconds, and that can be set. */
function clockAt(originMs: number, rate: number): AgentClock & { set: (nowMs: number) => void } {
  let [fromMs, startMs] = [originMs, Date.now()];
  return {
    nowMs: () => Math.floor(fromMs + (Date.now() - startMs) * rate),
    tickMs: 1,
    set: (nowMs) => ([fromMs, startMs] = [nowMs, Date.now()]),
  };
}

async function exporterAt(clock: { nowMs(): number }, text = exporterText): Promise<Served> {
  const served = await serve((_, response) => response.end(text(clock.nowMs())));
  closing.push(served.close);
  return served;
}

async function oracleAt(clock: { nowMs(): number }, before: Parameters<typeof startOracle>[0] = () => "take") {
  const oracle = await startOracle(before, () => clock.nowMs());
  closing.push(oracle.close);
  return oracle;
}

async function run(changed: Partial<AgentSettings>, clock: AgentClock, folder = newFolder()) {
  const lines: string[] = [];
  const running = await runAgent({ ...agentSettings(folder), log: (line) => lines.push(line), ...changed }, clock);
  closing.push(() => running.stop());
  return { running, lines, folder };
}

const textOf = async (url: string) => await (await fetch(url)).text();

/** The readings that came, in order, after every check an oracle makes and the sums of the energies. */
function checkedReadings({ taken, faults }: FakeOracle) {
  expect(faults).to.deep.equal([]);
  const epochs = [...taken.keys()].sort((a, b) => Number(a - b));
  const readings = epochs.map((epoch) => {
    const { reading: json, signature } = taken.get(epoch)!;
    const reading = parseReading(json);
    checkReading(reading, epoch, LOT);
    expect(isSignedBy(keyOf(POINT), readingHash(DOMAIN, reading), signature as Hex)).to.equal(true);
    return reading;
  });
  for (const [i, reading] of readings.entries()) {
    if (i > 0) checkFollows(reading, readings[i - 1]!, readingHash(DOMAIN, readings[i - 1]!));
  }
  return readings;
}

describe("running agent", () => {
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  it("S01: killed at any moment, every epoch arrives once, signed once, and the energies are the counters'", async function () {
    this.timeout(60_000);
    const folder = newFolder();
    const [startMs, originMs, rate] = [Date.now(), AT * 1000 + 1_000_000, 5_000];
    const clock = { nowMs: () => Math.floor(originMs + (Date.now() - startMs) * rate) };
    const exporter = await exporterAt(clock);
    let roll = 7;
    const draw = (below: number) => (roll = (roll * 48_271) % 2_147_483_647) % below;
    const oracles = [
      await oracleAt(clock, () => (["hangUp", "take", "take", { status: 503 }] as const)[draw(4)]!),
      await oracleAt(clock),
    ];
    const urls = oracles.map(({ url }) => url).join(",");
    const start = () => {
      const file = new URL("agentChild.ts", import.meta.url).pathname;
      const args = [file, folder, `${exporter.url}/metrics`, urls, ...[startMs, originMs, rate].map(String)];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
      closing.push(() => end(child, "SIGKILL"));
      return child;
    };
    for (let kill = 0; kill < 5; kill++) {
      const child = start();
      await once(child.stdout, "data");
      await new Promise((resolve) => setTimeout(resolve, 20 + draw(700)));
      await end(child, "SIGKILL");
    }
    const last = start();
    await once(last.stdout, "data");
    const goal = BigInt(Math.floor(clock.nowMs() / HOUR_MS)) + 1n;
    await until(() => oracles.every(({ taken }) => taken.has(goal)), "the hour after the last start");
    expect(await end(last, "SIGTERM")).to.equal(0);

    for (const oracle of oracles) {
      const readings = checkedReadings(oracle);
      const epochs = readings.map(({ epoch }) => epoch);
      expect(epochs).to.deep.equal(epochs.map((_, i) => epochs[0]! + BigInt(i)));
      expect(epochs.length).to.be.greaterThan(5);
      for (const gpu of [0, 1]) {
        const hours = readings.map(({ devices }) => devices[gpu]!);
        // What the counter said at the end of each hour, less what it said at first: no drift over all of them. A scrape
        // is a few milliseconds under way, in which this clock passes a minute or two.
        const strays = hours.map(
          ({ energyEndMJ }, i) => energyEndMJ - counterMJ(gpu, Number(epochs[i]! + 1n) * HOUR_MS),
        );
        for (const stray of strays) expect(Number(stray - strays[0]!)).to.be.within(...spread(BOARD_MW[gpu]! * 1800n));
        for (const [i, hour] of hours.entries()) {
          if (i > 0) expect(hour.energyStartMJ).to.equal(hours[i - 1]!.energyEndMJ);
          if (i > 0) expect(hour.availableSec).to.equal(3600n);
        }
      }
    }
  });

  it("says what it does: scrapes, drops, ages, unsent readings; and whether it is well", async () => {
    const clock = clockAt(AT * 1000 + 1, 10_000);
    let isDown = false;
    const exporter = await serve((_, response) => {
      if (isDown) response.writeHead(500).end();
      else response.end(`${exporterText(clock.nowMs())}DCGM_FI_DEV_POWER_USAGE{UUID="${UUIDS[0]}"} NaN\n`);
    });
    closing.push(exporter.close);
    const oracle = await oracleAt(clock);
    const { running } = await run({ exporters: [exporter.url], oracles: [oracle.url], intervalSec: 600 }, clock);
    await until(() => oracle.taken.size >= 2, "two readings");
    const metrics = await textOf(`${running.metricsUrl}/metrics`);
    expect(metrics).to.match(/rackbond_agent_scrapes_total\{result="taken"\} [1-9]/);
    expect(metrics).to.match(/rackbond_agent_dropped_samples_total\{reason="notANumberCount"\} [1-9]/);
    expect(metrics).to.match(/rackbond_agent_journal_bytes [1-9]/);
    expect(metrics).to.match(/rackbond_agent_readings_total [2-9]/);
    expect(metrics).to.contain(`rackbond_agent_oracle_up{oracle="${oracle.url}"} 1`);
    expect(metrics).to.contain(`rackbond_agent_unsent_readings{oracle="${oracle.url}"}`);
    expect(metrics).to.contain(`rackbond_agent_rejected_readings 0`);
    expect((await fetch(`${running.metricsUrl}/healthz`)).status).to.equal(200);
    isDown = true;
    await until(async () => (await fetch(`${running.metricsUrl}/healthz`)).status === 503, "unwell");
    expect(await textOf(`${running.metricsUrl}/healthz`)).to.contain("answered 500");
    expect((await fetch(`${running.metricsUrl}/`)).status).to.equal(404);
    expect((await fetch(`${running.metricsUrl}/metrics`, { method: "POST" })).status).to.equal(405);
  });

  it("S07: a clock that goes back is waited out and counted: no energy twice; one far ahead of the oracles closes nothing", async () => {
    const clock = clockAt(AT * 1000 + 1, 5_000);
    const exporter = await exporterAt(clockAt(AT * 1000 + 1, 5_000)); // whose counters go on
    const oracle = await oracleAt(clock);
    const { running, lines } = await run({ exporters: [exporter.url], oracles: [oracle.url] }, clock);
    await until(() => oracle.taken.size === 1, "a reading");
    clock.set(clock.nowMs() - 1_200_000);
    await until(() => oracle.taken.size >= 4, "three more");
    const hours = checkedReadings(oracle).map(({ devices }) => devices[0]!);
    for (const [i, hour] of hours.slice(1).entries()) expect(hour.energyStartMJ).to.equal(hours[i]!.energyEndMJ);
    // Three hours of this clock were three hours and twenty minutes.
    const spentMJ = hours.at(-1)!.energyEndMJ - hours[hours.length - 4]!.energyEndMJ;
    const wholeMJ = BOARD_MW[0]! * 3600n * 3n + BOARD_MW[0]! * 1200n;
    if (hours.length === 4) expect(Number(spentMJ - wholeMJ)).to.be.within(...spread(BOARD_MW[0]! * 600n));
    expect(await textOf(`${running.metricsUrl}/metrics`)).to.match(/scrapes_total\{result="clock"\} [1-9]/);
    expect(lines.join()).to.contain("the clock went back by");

    const ahead = clockAt(AT * 1000 + 5 * HOUR_MS, 10_000);
    const slow = await oracleAt({ nowMs: () => ahead.nowMs() - 10 * HOUR_MS });
    const other = await run({ exporters: [exporter.url], oracles: [slow.url] }, ahead);
    await until(() => other.lines.some((line) => line.includes("ahead of the oracles'")), "the refusal");
    expect(slow.taken.size).to.equal(0);
    expect(readdirSync(join(other.folder, "journal"))).to.not.deep.equal([]);
  });

  it("S08 S11: takes nothing from an exporter that redirects, is endless or is not one, and goes on", async () => {
    const clock = clockAt(AT * 1000 + 1, 1000);
    let mode = "redirect";
    const target = await serve((_, response) => response.end(exporterText(clock.nowMs())));
    closing.push(target.close);
    const exporter = await serve((_, response) => {
      if (mode === "redirect") response.writeHead(302, { location: target.url }).end();
      else if (mode === "html") response.end("<html>");
      else if (mode === "huge") response.end(Buffer.alloc(5_000_000, "#"));
      else response.end(exporterText(clock.nowMs()));
    });
    closing.push(exporter.close);
    const { running, lines } = await run({ exporters: [exporter.url] }, clock);
    for (const [next, why] of [
      ["html", "answered 302"],
      ["huge", "Exposition_Malformed"],
      ["well", "longer than"],
    ] as const) {
      // prettier-ignore
      await until(() => lines.some((line) => line.includes(why)), why);
      mode = next;
    }
    await until(async () => (await fetch(`${running.metricsUrl}/healthz`)).status === 200, "well");
    const metrics = await textOf(`${running.metricsUrl}/metrics`);
    for (const result of ["failed", "malformed", "taken"])
      expect(metrics).to.match(new RegExp(`scrapes_total\\{result="${result}"\\} [1-9]`));
  });

  it("reads the host's power meter from an exporter, or from a program", async () => {
    const clock = clockAt(AT * 1000 + 1, 20_000);
    const wallJ = () => Number(counterMJ(0, clock.nowMs()) + counterMJ(1, clock.nowMs())) / 800;
    const exporter = await exporterAt(clock);
    const wall = await exporterAt(clock, () => `node_energy_joules_total ${wallJ().toFixed(3)}\n`);
    const oracle = await oracleAt(clock);
    await run(
      { exporters: [exporter.url], oracles: [oracle.url], wall: { url: wall.url, metric: "node_energy_joules_total" } },
      clock,
    );
    await until(() => oracle.taken.size >= 2, "two readings");
    const { itEnergy } = checkedReadings(oracle)[1]!;
    expect(Number((itEnergy!.endMJ - itEnergy!.startMJ) / 1000n)).to.be.within(3_000_000, 6_000_000);

    const folder = newFolder();
    const program = join(folder, "meter");
    writeFileSync(program, "#!/bin/sh\necho 12.5\n");
    chmodSync(program, 0o700);
    const { readWall } = await import("../../server/agent/wall.ts");
    expect(await readWall({ command: program }, 2000)).to.equal(12_500n);
    for (const [text, code] of [
      ["echo no", "Wall_BadValue"],
      ["echo -1", "Wall_BadValue"],
      ["exit 3", "Wall_NoAnswer"],
      ["sleep 9", "Wall_NoAnswer"],
    ] as const) {
      // prettier-ignore
      writeFileSync(program, `#!/bin/sh\nexec ${text}\n`.replace("exec exit", "exit"));
      const failed = await readWall({ command: program }, 300).catch((error: unknown) => error as { code: string });
      expect(failed).to.include({ code });
    }
  });
});

function spread(by: bigint): [number, number] {
  return [-Number(by), Number(by)];
}
