import { existsSync, readFileSync, readdirSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import {
  addSample,
  closeEpoch,
  newAccumulator,
  wholeSec,
  type Accumulator,
} from "../../server/protocol/accumulator.ts";
import { addDrops, noDrops, type Drops } from "../../server/protocol/drops.ts";
import { MAX_EXPOSITION_CHARS, lineOf, parseExposition } from "../../server/protocol/exposition.ts";
import { parseScrape, type GpuSample } from "../../server/protocol/scrape.ts";
import {
  FLAG_COUNTER_RESET,
  FLAG_ENERGY_INTEGRATED,
  FLAG_SM_FROM_ENGINE,
  FLAG_SM_UNKNOWN,
} from "../../server/protocol/reading.ts";
import { Refusal } from "../../server/protocol/refusal.ts";

type Row = [uuid: string, model: string, ...rest: (string | number | null)[]];
type Vector = {
  name: string;
  text: string;
  samples: Row[];
  drops: Partial<Drops>;
  error?: { code: string; line: number };
};
const vectors = JSON.parse(readFileSync(new URL("../vectors/exposition.json", import.meta.url), "utf8")) as Vector[];

const text = (value: bigint | null) => (value === null ? null : String(value));
const rowOf = (sample: GpuSample): Row => [
  sample.uuid,
  sample.model,
  text(sample.energyMJ),
  text(sample.powerMilliW),
  text(sample.smActivePpm),
  sample.smSource,
  sample.droppedCount,
];
const refusalOf = (run: () => unknown): Refusal => {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return error;
  }
  throw new Error("it was not refused");
};

describe("protocol exposition", () => {
  describe("S10: given the shared cases", () => {
    for (const { name, text: scrape, samples, drops, error } of vectors) {
      it(name, () => {
        if (error !== undefined) {
          const { code, facts } = refusalOf(() => parseScrape(scrape));
          expect({ code, line: facts["line"] }).to.deep.equal(error);
          return;
        }
        const read = parseScrape(scrape);
        expect(read.samples.map(rowOf)).to.deep.equal(samples);
        expect(read.drops).to.deep.equal({ ...noDrops(), ...drops });
      });
    }
  });

  it("names the pod that a row of the board or of a slice is labelled with", () => {
    const workloads = (...pods: string[]) =>
      parseScrape(
        pods.map((pod, i) => `DCGM_FI_DEV_POWER_USAGE{UUID="GPU-1",GPU_I_ID="${i}",pod="${pod}"} 1\n`).join(""),
      ).samples.map(({ workload }) => workload);
    expect(workloads("")).to.deep.equal([""]);
    expect(workloads("", "train-0", "train-1")).to.deep.equal(["train-0"]);
  });

  it("S10: takes the exporter's own workload where Prometheus renamed it, and a scheduler's job where there is no pod", () => {
    const workload = (labels: string, name = "DCGM_FI_DEV_POWER_USAGE") =>
      parseScrape(`${name}{UUID="GPU-1",serial_number="692409005408",${labels}} 1\n`).samples[0]?.workload;
    expect(workload('pod="dcgm-exporter-x",exported_pod="train-0"')).to.equal("train-0");
    expect(workload('pod="",hpc_job="417"')).to.equal("417");
    expect(workload('pod="",job_id="8",job_user="u"', "amd_gpu_package_power")).to.equal("8");
    expect(workload('pod="",hpc_job="",job_id=""')).to.equal("");
  });

  it("writes a series the same, however it was written, and reads it back", () => {
    const text = (labels: string, tail = "") => `DCGM_FI_DEV_POWER_USAGE{${labels}} 1.50${tail}\n`;
    const lines = [
      text('pod="a\\"b\\\\\\n", UUID="GPU-1" ,', " 1700000000000"),
      text('UUID="GPU-1",pod="a\\"b\\\\\\n"'),
    ].map((one) => parseExposition(one).map(lineOf));
    expect(lines[0]).to.deep.equal(lines[1]);
    expect(parseExposition(lines[0]![0]!)[0]!.labels.get("pod")).to.equal('a"b\\\n');
  });

  describe("S08: hostile text", () => {
    it("is refused above a size", () => {
      expect(() => parseExposition("\n".repeat(MAX_EXPOSITION_CHARS + 1))).to.throw(Refusal, "Exposition_TooLong");
      expect(() => parseExposition(`a{b="${"x".repeat(20_000)}"} 1`)).to.throw(Refusal, "line too long");
    });
    it("is refused above a number of labels", () => {
      const labels = Array.from({ length: 65 }, (_, i) => `l${i}="x"`).join(",");
      expect(() => parseExposition(`a{${labels}} 1`)).to.throw(Refusal, "too many labels");
    });
    it("of the largest size takes bounded time: work grows with the length", () => {
      const shapes = [
        `a{b="${"\\\\".repeat(8_000)}`,
        `a${" ".repeat(16_000)}x`,
        `a{${" ".repeat(16_000)}`,
        `a{${'b="",'.repeat(60)}`,
        `a 1${" ".repeat(16_000)}2x`,
        "9".repeat(16_000),
      ];
      for (const shape of shapes) expect(() => parseExposition(shape), shape.slice(0, 20)).to.throw(Refusal);
      const row = 'DCGM_FI_DEV_POWER_USAGE{UUID="GPU-1"} 1\n';
      expect(parseExposition(row.repeat(Math.floor(MAX_EXPOSITION_CHARS / row.length)))).to.have.length(100_000);
    });
    it("never gives anything but a scrape or a refusal", () => {
      const alphabet = fc.constantFrom(
        "a",
        "{",
        "}",
        '"',
        "\\",
        "=",
        ",",
        " ",
        "\n",
        "1",
        ".",
        "e",
        "N",
        "-",
        "#",
        "\r",
      );
      fc.assert(
        fc.property(fc.array(alphabet, { maxLength: 60 }), (letters) => {
          try {
            parseScrape(letters.join(""));
          } catch (error) {
            expect(error).to.be.instanceOf(Refusal);
          }
        }),
      );
    });
  });

  describe("given real dcgm-exporter scrapes", () => {
    const here = new URL("../../../shared/data/dcgm/", import.meta.url);
    const folder = process.env["RACKBOND_DATA"] === undefined ? here.pathname : `${process.env["RACKBOND_DATA"]}/dcgm/`;
    // File, boards, model, energy of the first board in mJ, power in mW.
    const files = [
      ["h100x8_vllm_idle_aicr_2026-03-10.prom", 8, "NVIDIA H100 80GB HBM3", null, 66_997n],
      ["t4_under_load_ericsson.prom", 1, "Tesla T4", 15_152_422_938n, 68_244n],
      ["l40s_idle_upcloud.prom", 1, "NVIDIA L40S", 5_551_899_580n, 35_686n],
      ["l4_idle_kops_aws.prom", 1, "NVIDIA L4", 4_742_776n, 16_365n],
    ] as const;
    for (const [file, boards, model, energyMJ, powerMilliW] of files) {
      it(`${file}: every board is read and nothing dropped`, function () {
        if (!existsSync(folder + file)) this.skip();
        const { samples, drops } = parseScrape(readFileSync(folder + file, "utf8"));
        expect(samples).to.have.length(boards);
        expect(new Set(samples.map((sample) => sample.model))).to.deep.equal(new Set([model]));
        expect(samples[0]).to.include({ energyMJ, powerMilliW });
        expect(drops).to.deep.equal(noDrops());
      });
    }
    it("no file is left out", function () {
      if (!existsSync(folder)) this.skip();
      const present = readdirSync(folder).filter((name) => name.endsWith(".prom"));
      expect(present.sort()).to.deep.equal(files.map(([file]) => file).sort());
    });
  });
});

describe("protocol accumulator", () => {
  const GAP = 60_000n;
  type Sample = GpuSample & { isAllocated: boolean };
  const sample = (change: Partial<Sample>): Sample => ({
    uuid: "GPU-1",
    model: "",
    workload: "",
    isAllocated: false,
    energyMJ: null,
    powerMilliW: null,
    smActivePpm: null,
    smSource: null,
    droppedCount: 0,
    ...change,
  });
  const feed = (samples: [bigint, Partial<Sample>][], from: Accumulator = newAccumulator()) => {
    let accumulator = from;
    let drops = noDrops();
    for (const [at, change] of samples) {
      const advance = addSample(accumulator, sample(change), at, GAP);
      accumulator = advance.accumulator;
      drops = addDrops(drops, advance.drops);
    }
    return { accumulator, drops };
  };

  it("takes the growth of the board's counter, across gaps too", () => {
    const { accumulator, drops } = feed([
      [0n, { energyMJ: 500n }],
      [1000n, { energyMJ: 700n }],
      [1_000_000n, { energyMJ: 900n }],
    ]);
    expect(accumulator.energyMJ).to.equal(400n);
    expect(accumulator.availableMilliSec).to.equal(1000n);
    expect(drops).to.deep.equal({ ...noDrops(), gapCount: 1 });
  });
  it("S10: counts a counter that fell from zero, and says so until the epoch closes", () => {
    const { accumulator, drops } = feed([
      [0n, { energyMJ: 500n }],
      [1000n, { energyMJ: 30n }],
    ]);
    expect(accumulator.energyMJ).to.equal(30n);
    expect(drops.counterResetCount).to.equal(1);
    expect(accumulator.flagsBitmap & FLAG_COUNTER_RESET).to.equal(FLAG_COUNTER_RESET);
    expect(closeEpoch(accumulator)).to.deep.equal({ ...accumulator, flagsBitmap: 0 });
  });
  it("S10: keeps a counter over a scrape that lost it", () => {
    const { accumulator } = feed([
      [0n, { energyMJ: 500n, powerMilliW: 100n }],
      [1000n, { powerMilliW: 100n }],
      [2000n, { energyMJ: 800n, powerMilliW: 100n }],
    ]);
    expect(accumulator.energyMJ).to.equal(300n);
    expect(accumulator.flagsBitmap & FLAG_ENERGY_INTEGRATED).to.equal(0);
  });
  it("integrates power where there is no counter: 400 W for ten seconds are 4 kJ", () => {
    const { accumulator } = feed([
      [0n, { powerMilliW: 300_000n }],
      [10_000n, { powerMilliW: 500_000n }],
    ]);
    expect(accumulator.energyMJ).to.equal(4_000_000n);
    expect(accumulator.flagsBitmap).to.equal(FLAG_ENERGY_INTEGRATED | FLAG_SM_UNKNOWN);
  });
  it("integrates nothing over a gap, and sees no time", () => {
    const at = (span: bigint) =>
      feed([
        [0n, { powerMilliW: 1000n }],
        [span, { powerMilliW: 1000n }],
      ]).accumulator;
    expect(at(GAP).energyMJ).to.equal(60_000n);
    expect(at(GAP + 1n)).to.include({ energyMJ: 0n, availableMilliSec: 0n });
  });
  it("S10: drops a sample of the same time or an earlier one", () => {
    const { accumulator, drops } = feed([
      [5000n, { energyMJ: 1n }],
      [5000n, { energyMJ: 9n }],
      [4999n, { energyMJ: 9n }],
    ]);
    expect(accumulator.energyMJ).to.equal(0n);
    expect(drops).to.deep.equal({ ...noDrops(), duplicateCount: 1, outOfOrderCount: 1 });
  });
  it("weighs activity with time and says what it was measured by", () => {
    const { accumulator } = feed([
      [0n, { smActivePpm: 0n, smSource: "sm" }],
      [1000n, { smActivePpm: 500_000n, smSource: "engine" }],
      [3000n, { smActivePpm: 250_000n, smSource: "sm" }],
    ]);
    expect(accumulator.smActiveMilliSec).to.equal(1000n);
    expect(accumulator.flagsBitmap).to.equal(FLAG_SM_FROM_ENGINE);
    expect(wholeSec(accumulator.availableMilliSec)).to.equal(3n);
  });
  it("counts time as allocated when the board is allocated at its end, and never over a gap", () => {
    const { accumulator } = feed([
      [0n, { isAllocated: true }],
      [1000n, { isAllocated: false }],
      [3000n, { isAllocated: true }],
      [3000n + GAP + 1n, { isAllocated: true }],
    ]);
    expect(accumulator).to.include({ availableMilliSec: 3000n, allocatedMilliSec: 2000n });
  });
  it("loses nothing to rounding, however often it is sampled", () => {
    const spans = fc.array(fc.bigInt(1n, GAP), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(spans, fc.bigInt(0n, 10_000_000n), fc.bigInt(0n, 1_000_000n), (gaps, powerMilliW, smActivePpm) => {
        let at = 0n;
        const samples: [bigint, Partial<Sample>][] = [[0n, { powerMilliW, smActivePpm }]];
        for (const gap of gaps) samples.push([(at += gap), { powerMilliW, smActivePpm }]);
        const { accumulator } = feed(samples);
        expect(accumulator.energyMJ * 1000n + accumulator.halfMicroJ / 2n).to.equal(powerMilliW * at);
        expect(accumulator.smActiveMilliSec * 1_000_000n + accumulator.smPpmMilliSec).to.equal(smActivePpm * at);
        expect(accumulator.smActiveMilliSec <= accumulator.availableMilliSec).to.equal(true);
      }),
    );
  });
  it("refuses a gap that is no time", () => {
    expect(() => addSample(newAccumulator(), sample({}), 0n, 0n)).to.throw(Refusal, "Accumulator_BadGap");
  });
});
