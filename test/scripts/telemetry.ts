import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { expect } from "chai";
import fc from "fast-check";

import { parseScrape, type GpuSample } from "../../server/protocol/scrape.ts";
import { KALOS, gpuModel, type Quantile } from "../../scripts/catalogue.ts";
import { generateHost, madeUpUuid, quantile, type GeneratedHost } from "../../scripts/exporter.ts";
import { fleetOf, type FleetOptions } from "../../scripts/fleet.ts";
import { readPowerTrace, replayPower, replayScrapes } from "../../scripts/replay.ts";

const HOUR = 3600;
const AT = 490_000 * HOUR;

describe("telemetry of a run", () => {
  const folder = mkdtempSync(join(tmpdir(), "rackbond-telemetry-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, content: string | Buffer) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  const host = (options: Partial<GeneratedHost> = {}) =>
    generateHost({
      ...{ seed: "1", hostIndex: 0, gpuCount: 4, modelName: "NVIDIA H100 80GB HBM3", tdpW: 700, startAt: AT },
      ...options,
    });
  const samplesAt = (scrape: (at: number) => string | undefined, at: number): readonly GpuSample[] =>
    parseScrape(scrape(at) ?? "").samples;

  describe("generator", () => {
    it("is a function of its seed: in any order, and another for another seed or host", () => {
      const times = [AT, AT + 1800, AT + 3600, AT + 40 * HOUR, AT + 7 * HOUR];
      const texts = times.map((at) => host().scrape(at));
      const again = host();
      expect(times.toReversed().map((at) => again.scrape(at))).to.deep.equal(texts.toReversed());
      expect(host({ seed: "2" }).scrape(AT)).to.not.equal(texts[0]);
      expect(host({ hostIndex: 1 }).gpus[0]!.uuid).to.not.equal(host().gpus[0]!.uuid);
    });

    it("S10: prints what a dcgm-exporter prints: of 8,000 values some blanks and NaNs, and nothing else, are dropped", () => {
      const own = host({ gpuCount: 8 });
      const dropped = { blankCount: 0, notANumberCount: 0, others: 0 };
      for (let hour = 1; hour <= 500; hour++) {
        const { drops, samples } = parseScrape(own.scrape(AT + hour * HOUR) ?? "");
        const { blankCount, notANumberCount, ...others } = drops;
        dropped.blankCount += blankCount;
        dropped.notANumberCount += notANumberCount;
        dropped.others += Object.values(others).reduce((sum, count) => sum + count, 0);
        expect(samples.filter(({ energyMJ }) => energyMJ === null)).to.deep.equal([]);
      }
      expect(dropped.others).to.equal(0);
      expect(dropped.blankCount).to.equal(dropped.notANumberCount);
      expect(dropped.blankCount).to.be.within(2, 25); // one board's scrape in 400
    });

    it("draws power by the given quantiles, scaled to the model's design power, and SM activity by theirs", () => {
      const powers: number[] = [];
      const actives: number[] = [];
      for (let hostIndex = 0; hostIndex < 40; hostIndex++) {
        const own = host({ hostIndex });
        for (let hour = 1; hour <= 240; hour += 6) {
          for (const { powerMilliW, smActivePpm } of samplesAt((at) => own.scrape(at), AT + hour * HOUR)) {
            if (powerMilliW !== null) powers.push(Number(powerMilliW) / 1000);
            if (smActivePpm !== null) actives.push(Number(smActivePpm) / 1e4);
          }
        }
      }
      const at = (values: number[], percent: number) =>
        values.toSorted((a, b) => a - b)[Math.floor((values.length * percent) / 100)]!;
      // Within what two percentiles more or less would give: the sample is of about 6,000.
      const near = (points: readonly Quantile[], percent: number, scale: number): [number, number] => [
        quantile(points, percent - 2.5) * scale,
        quantile(points, percent + 2.5) * scale,
      ];
      for (const percent of [10, 30, 50, 70, 90]) {
        expect(at(powers, percent), `power ${percent} %`).to.be.within(...near(KALOS.powerW, percent, 700 / 400));
        expect(at(actives, percent), `SM ${percent} %`).to.be.within(...near(KALOS.smActivePct, percent, 1));
      }
    });

    it("never lets an energy counter fall, and counts the power shown", () => {
      const own = host();
      const last = new Map<string, bigint>();
      for (let at = AT; at <= AT + 200 * HOUR; at += 1800) {
        for (const { uuid, energyMJ } of samplesAt((time) => own.scrape(time), at)) {
          expect(energyMJ! >= (last.get(uuid) ?? 0n)).to.equal(true);
          last.set(uuid, energyMJ!);
        }
      }
      const [before, after] = [AT + 600, AT + 3000].map((at) => samplesAt((time) => own.scrape(time), at)[0]!);
      const powerMilliW = after!.powerMilliW ?? before!.powerMilliW!;
      expect(Number(after!.energyMJ! - before!.energyMJ!)).to.be.closeTo(Number(powerMilliW) * 2400, 2400);
    });

    it("has hosts that are down for hours now and then, and draw nothing meanwhile", () => {
      let downHours = 0;
      for (let hostIndex = 0; hostIndex < 30; hostIndex++) {
        const own = host({ hostIndex, gpuCount: 8 });
        for (let hour = 1; hour <= 720; hour++) if (own.scrape(AT + hour * HOUR) === undefined) downHours++;
      }
      // 30 hosts × 8 GPUs × 720 h at the published rate are 3.4 faults of 6.5 hours in the mean.
      expect(downHours).to.be.within(2, 120);
    });

    it("interpolates an inverse distribution function and stops at its ends", () => {
      const points: Quantile[] = [
        [10, 1],
        [20, 3],
        [100, 3],
      ];
      expect([0, 10, 15, 20, 60, 100, 120].map((at) => quantile(points, at))).to.deep.equal([1, 1, 2, 3, 3, 3, 3]);
    });
  });

  const uuid = madeUpUuid("r");
  const row = (name: string, value: string, more = "") =>
    `${name}{gpu="0",UUID="${uuid}",modelName="NVIDIA H100 80GB HBM3"${more}} ${value}\n`;
  const recording = (energyMJ: string, powerW: string, more = "") =>
    row("DCGM_FI_DEV_POWER_USAGE", powerW, more) + row("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", energyMJ, more);

  describe("replayed scrapes", () => {
    it("move the counters on with the recorded power, and serve the other lines as recorded", () => {
      const text = recording("1000", "250.5", ',Hostname="a"') + row("DCGM_FI_PROF_SM_ACTIVE", "0.5", ',Hostname="a"');
      const [own] = replayScrapes([file("a.prom", `# HELP x\n${text}`)], AT);
      expect(own!.hostname).to.equal("a");
      expect(own!.scrape(AT)).to.equal(text);
      const later = own!.scrape(AT + 7201)!;
      expect(samplesAt(() => later, 0)[0]).to.deep.include({
        energyMJ: 1000n + 250_500n * 7201n,
        smActivePpm: 500_000n,
      });
      expect(own!.scrape(AT + 10)!.split("\n")[0]).to.equal(text.split("\n")[0]);
    });

    it("serve hosts apart, by their Hostname, and by the file's name where there is none", () => {
      const two = recording("1", "1", ',Hostname="x"') + recording("1", "1", ',Hostname="y"');
      const hosts = replayScrapes([file("two.prom", two), file("bare.prom", recording("1", "1"))], AT);
      expect(hosts.map(({ hostname }) => hostname)).to.deep.equal(["x", "y", "bare.prom"]);
    });

    it("of one host take turns by the hour, on one counter that never falls or jumps", () => {
      const files = [
        file("m.prom", recording("9000000", "100", ',Hostname="h"')),
        file("n.prom", recording("5", "300", ',Hostname="h"')),
      ];
      const [own] = replayScrapes(files, AT);
      const energies = [0, 1, 2, 3, 4].map(
        (hour) => samplesAt((at) => own!.scrape(at), AT + hour * HOUR)[0]!.energyMJ!,
      );
      expect(energies.map((energyMJ) => energyMJ - 9_000_000n)).to.deep.equal(
        [0n, 100n, 400n, 500n, 800n].map((watts) => watts * 3_600_000n),
      );
      expect(samplesAt((at) => own!.scrape(at), AT + 1.5 * HOUR)[0]!.powerMilliW).to.equal(300_000n);
    });

    it("S10: a blank counter stays blank", () => {
      const [own] = replayScrapes([file("b.prom", recording("140737488355328", "100"))], AT);
      expect(samplesAt((at) => own!.scrape(at), AT + HOUR)[0]!.energyMJ).to.equal(null);
    });

    const wrong: [string, () => string, string][] = [
      ["missing", () => join(folder, "none.prom"), "cannot be read: ENOENT"],
      ["a folder", () => folder, "cannot be read: EISDIR"],
      ["empty", () => file("empty.prom", ""), "no dcgm-exporter sample with a UUID label"],
      ["of comments only", () => file("comments.prom", "# HELP x\n# TYPE x gauge\n"), "no dcgm-exporter sample"],
      ["JSON", () => file("q.json", '{"status":"success"}'), "not dcgm-exporter text: Exposition_Malformed: line 1"],
      ["HTML", () => file("p.html", "<html>\n</html>"), "not dcgm-exporter text: Exposition_Malformed: line 1"],
      ["binary", () => file("b.bin", Buffer.from([0, 255, 1, 254, 10, 7])), "not dcgm-exporter text: "],
      ["without a UUID", () => file("node.prom", "node_load1 0.5\n"), "no dcgm-exporter sample with a UUID label"],
      ["cut off", () => file("cut.prom", `${recording("1", "1")}DCGM_FI_DEV_POWER_USAGE{UUID="GPU`), "line 3"],
      ["not gzip, by its name", () => file("x.prom.gz", "plain"), "cannot be read: incorrect header check"],
      [
        "gzip that unpacks beyond the limit",
        () => file("bomb.prom.gz", gzipSync(Buffer.alloc(65 << 20))),
        "cannot be read: ",
      ],
      [
        "huge",
        () => {
          const huge = file("huge.prom", "");
          truncateSync(huge, 3 * 2 ** 30); // takes no room on disk
          return huge;
        },
        "3221225472 bytes, over 67108864",
      ],
    ];
    for (const [name, make, message] of wrong) {
      it(`refuse a file that is ${name}, by its name`, () => {
        const path = make();
        expect(() => replayScrapes([path], AT))
          .to.throw(`${path}: `)
          .with.property("message")
          .that.contains(message);
      });
    }
  });

  describe("power trace", () => {
    it("holds each watt until the next sample, leaves pauses out and repeats; energy is conserved", () => {
      const trace = readPowerTrace(
        file(
          "p.csv",
          "time,watts\n2024-01-01T00:00:00,100\n2024-01-01T00:00:10,200\n2024-01-01T01:00:00,50\n2024-01-01T01:00:20.500,9",
        ),
      );
      expect([trace.lengthSec, trace.energyMJ]).to.deep.equal([30.5, 1_000_000n + 1_025_000n]);
      expect([0, 5, 10, 20.25, 30.5].map((sec) => trace.energyAfterMJ(sec))).to.deep.equal([
        0n,
        500_000n,
        1_000_000n,
        1_512_500n,
        2_025_000n,
      ]);
      expect(trace.energyAfterMJ(30.5 * 1000 + 5)).to.equal(2_025_000_000n + 500_000n);
    });

    it("reads a time with its zone, and milliseconds, unpacked or not", () => {
      const zoned = "time,watts\r\n2024-01-01T00:00:00Z,7\r\n2024-01-01T01:00:10+01:00,7\r\n";
      expect(readPowerTrace(file("z.csv", zoned)).energyMJ).to.equal(70_000n);
      const packed = gzipSync("device,time_ms,watts\nn,1000,5\nn,3000,5\n");
      expect(readPowerTrace(file("z.csv.gz", packed)).energyMJ).to.equal(10_000n);
    });

    it("never falls, and over whole rounds gives whole energies", () => {
      const lines = Array.from({ length: 50 }, (_, n) => `${n * 777},${(n * 7919) % 3000}`);
      const trace = readPowerTrace(file("m.csv", `time_ms,watts\n${lines.join("\n")}\n`));
      const sec = fc.integer({ min: 0, max: 10_000_000 });
      fc.assert(
        fc.property(sec, sec, (a, b) => trace.energyAfterMJ(Math.min(a, b)) <= trace.energyAfterMJ(Math.max(a, b))),
        { numRuns: 2000, seed: 7 },
      );
    });

    it("is the wall meter of a host whose eight boards share it", () => {
      const own = replayPower(file("8xB200.csv", "time_ms,watts\n0,10000\n60000,10000\n"), AT);
      expect(own.hostname).to.equal("8xB200");
      expect(own.gpus.map(({ modelName }) => modelName)).to.deep.equal(Array(8).fill(gpuModel("B200").name));
      expect(own.wallEnergyMJ!(AT + HOUR)).to.equal(36_000_000_000n);
      const boards = samplesAt((at) => own.scrape(at), AT + HOUR);
      expect(boards.reduce((sum, { energyMJ }) => sum + energyMJ!, 0n)).to.equal(27_691_200_000n);
    });

    const wrong: [string, string, string][] = [
      [
        "without its columns",
        "time,volts\n1,2\n",
        "a power trace needs the columns watts and time or time_ms, got time,volts",
      ],
      ["with a power that is none", "time_ms,watts\n0,1\n1000,NaN\n", ":3: not a time and a power: 1000,NaN"],
      ["with a negative power", "time_ms,watts\n0,-1\n1000,1\n", ":2: not a time and a power"],
      ["with an infinite power", "time_ms,watts\n0,1e308\n1000,1\n", ":2: not a time and a power"],
      ["with an empty time", "time_ms,watts\n,5\n1000,1\n", ":2: not a time and a power"],
      ["with an empty power", "time_ms,watts\n0, \n1000,1\n", ":2: not a time and a power"],
      ["with a time that is none", "time,watts\nnoon,5\n", ":2: not a time and a power: noon,5"],
      ["of one sample", "time_ms,watts\n0,5\n", "fewer than two samples within 60 s of each other"],
      ["of pauses only", "time_ms,watts\n0,5\n61000,5\n", "fewer than two samples within 60 s of each other"],
      ["empty", "", "a power trace needs the columns"],
    ];
    for (const [name, text, message] of wrong) {
      it(`refuses a file ${name}, by its name and line`, () => {
        const path = file("wrong.csv", text);
        expect(() => readPowerTrace(path))
          .to.throw(path)
          .with.property("message")
          .that.contains(message);
      });
    }
  });

  describe("fleet", () => {
    const options: FleetOptions = {
      ...{ seed: "1", startAt: AT, scrapeFiles: [], powerFiles: [], quantiles: undefined, rateCents: new Map() },
    };

    it("is two generated lots by default, at the catalogue's rents or the given ones", () => {
      const lots = fleetOf({ ...options, rateCents: new Map([["h100-sxm", 999]]) });
      expect(lots.map(({ gpuCount, model }) => [gpuCount, model.rateCents])).to.deep.equal([
        [48, 999],
        [16, 999],
      ]);
      expect(fleetOf(options)[0]!.model.rateCents).to.equal(170);
    });

    it("makes a lot of each recorded model", () => {
      const scrapes = [file("one.prom", recording("1", "1", ',Hostname="one"'))];
      const lots = fleetOf({
        ...options,
        scrapeFiles: scrapes,
        powerFiles: [file("8xB200.csv", "time_ms,watts\n0,1\n1000,1\n")],
      });
      expect(lots.map(({ gpuCount, model }) => [model.name, gpuCount])).to.deep.equal([
        ["NVIDIA H100 80GB HBM3", 1],
        ["NVIDIA B200", 8],
      ]);
    });

    it("refuses an unknown model, two models in a host, and a host or a board recorded twice", () => {
      const unknown = file("u.prom", recording("1", "1").replaceAll("NVIDIA H100 80GB HBM3", "Radeon"));
      expect(() => fleetOf({ ...options, scrapeFiles: [unknown] })).to.throw('GPU model "Radeon"');
      const other = recording("1", "1").replaceAll(uuid, madeUpUuid("o")).replaceAll("H100 80GB HBM3", "L4");
      const mixed = file("mixed.prom", recording("1", "1") + other);
      expect(() => fleetOf({ ...options, scrapeFiles: [mixed] })).to.throw("mixed.prom: a host of 2 GPU models");
      const trace = file("t.csv", "time_ms,watts\n0,1\n1000,1\n");
      expect(() => fleetOf({ ...options, powerFiles: [trace, trace] })).to.throw("t is recorded twice");
      const moved = file("moved.prom", recording("1", "1", ',Hostname="a"') + recording("1", "1", ',Hostname="b"'));
      expect(() => fleetOf({ ...options, scrapeFiles: [moved] })).to.throw(
        `${uuid} is recorded twice: for host a and host b`,
      );
    });
  });
});
