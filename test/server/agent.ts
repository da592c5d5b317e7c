import { expect } from "chai";

import { isSignedBy, keyOf, signReading } from "../../server/nodekey.ts";
import { identityAnchor } from "../../server/protocol/identity.ts";
import { FLAG_COUNTER_RESET, FLAG_ENERGY_INTEGRATED, FLAG_SM_UNKNOWN } from "../../server/protocol/reading.ts";
import { readingHash, parseReading } from "../../server/protocol/reading.ts";
import { checkFollows, checkReading } from "../../server/protocol/rules.ts";
import { P256_ORDER } from "../../server/protocol/signature.ts";
import { ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { AT, DOMAIN, EPOCH, KEY, LOT, POINT, UUIDS, bench, refusalOf, scrapeOf } from "./agentBench.ts";

const MINUTE = 60;

describe("agent", () => {
  describe("close", () => {
    it("sums the scrapes of an hour into one signed reading", () => {
      const { agent } = bench();
      for (let minute = 0; minute <= 60; minute += 5) {
        const busy = minute <= 30;
        const text = scrapeOf(
          { gpu: 0, energyMJ: 1_000_000n + BigInt(minute) * 36_000n, smActive: 0.5, pod: busy ? "train" : "" },
          { gpu: 1, energyMJ: BigInt(minute) * 12_000n, smActive: 0.25, pod: "" },
        );
        agent.observe(text, AT + minute * MINUTE);
      }
      const signed = agent.close(EPOCH)!;
      const reading = parseReading(signed.reading);
      expect(reading).to.deep.include({ nodeId: 3n, lotId: 7n, epoch: EPOCH, sequenceIndex: 0n, itEnergy: null });
      expect(reading.prevReadingHash).to.equal(ZERO_BYTES32);
      expect([reading.periodStartAt, reading.periodEndAt]).to.deep.equal([BigInt(AT), BigInt(AT + 3600)]);
      const [first, second] = reading.devices;
      expect(first).to.deep.include({ deviceIndex: 0, deviceId: identityAnchor(UUIDS[0]), flagsBitmap: 0 });
      expect(first).to.deep.include({ energyStartMJ: 0n, energyEndMJ: 2_160_000n, availableSec: 3600n });
      expect(first).to.deep.include({ allocatedSec: 1800n, smActiveMilliSec: 1_800_000n, droppedCount: 0 });
      expect(second).to.deep.include({ energyEndMJ: 720_000n, allocatedSec: 0n, smActiveMilliSec: 900_000n });
      expect(isSignedBy(keyOf(POINT), readingHash(DOMAIN, reading), signed.signature as Hex)).to.equal(true);
    });

    it("gives the reading of an epoch once, of no epoch before it, and none where nothing was seen", () => {
      const { agent } = bench();
      expect(agent.close(EPOCH)).to.equal(undefined);
      agent.observe(scrapeOf({ energyMJ: 1n }), AT + 3600);
      agent.observe(scrapeOf({ energyMJ: 2n }), AT + 7200);
      expect(agent.close(EPOCH + 1n)).to.not.equal(undefined);
      expect(agent.close(EPOCH + 1n)).to.equal(undefined);
      expect(agent.close(EPOCH)).to.equal(undefined);
      expect(agent.newest()!.reading.epoch).to.equal(String(EPOCH + 1n));
    });

    it("counts a dedicated host as allocated without a pod", () => {
      const own = bench({ allocation: "dedicated", maxGapSec: 3600 });
      for (const at of [AT, AT + 3600]) own.agent.observe(scrapeOf({ energyMJ: 0n, pod: "" }), at);
      expect(own.read(EPOCH).reading.devices[0]!.allocatedSec).to.equal(3600n);
    });

    it("S10: keeps the counter over a blank, and says what was dropped", () => {
      const own = bench();
      own.agent.observe(scrapeOf({ energyMJ: 1000n, smActive: 1 }), AT + 3000);
      own.agent.observe(scrapeOf({ energyMJ: "9223372036854775794", smActive: "NaN" }), AT + 3300);
      own.agent.observe(scrapeOf({ energyMJ: 5000n, smActive: 1 }), AT + 3600);
      const { devices, drops } = own.read(EPOCH).reading;
      expect(devices[0]).to.deep.include({ energyEndMJ: 4000n, availableSec: 600n, smActiveMilliSec: 300_000n });
      expect(devices[0]).to.deep.include({ droppedCount: 2, flagsBitmap: FLAG_SM_UNKNOWN });
      expect(drops).to.deep.include({ blankCount: 1, notANumberCount: 1 });
    });

    it("S10: goes on over a counter that restarted, and flags it in that hour only", () => {
      const own = bench();
      for (const [at, energyMJ] of [
        [3000, 9000n],
        [3300, 9500n],
        [3600, 70n],
        [3900, 90n],
        [4200, 100n],
      ] as const) {
        own.agent.observe(scrapeOf({ energyMJ }), AT + at);
      }
      const first = own.read(EPOCH).reading;
      expect(first.devices[0]).to.deep.include({ energyStartMJ: 0n, energyEndMJ: 570n });
      expect(first.devices[0]!.flagsBitmap & FLAG_COUNTER_RESET).to.equal(FLAG_COUNTER_RESET);
      expect(first.drops.counterResetCount).to.equal(1);
      const second = own.read(EPOCH + 1n).reading;
      expect(second.devices[0]).to.deep.include({ energyStartMJ: 570n, energyEndMJ: 600n });
      expect(second.devices[0]!.flagsBitmap & FLAG_COUNTER_RESET).to.equal(0);
      expect(second.drops.counterResetCount).to.equal(0);
    });

    it("S10: a counter that jumps by more than a board can take, and back, is no energy and is counted", () => {
      const own = bench();
      const counters = [9000n, 9500n, 70_000_000n, 70_000_300n, 10_000n, 10_200n].map((mJ) => mJ + 9_000_000_000_000n);
      counters[2]! += 10n ** 15n;
      counters[3]! += 10n ** 15n;
      counters.forEach((energyMJ, i) => own.agent.observe(scrapeOf({ energyMJ }), AT + 600 * (i + 1)));
      const { devices, drops } = own.read(EPOCH).reading;
      // 500, then the jump, 300 on the other counter, the jump back (a fall, too high for a restart), 200.
      expect(devices[0]!.energyEndMJ).to.equal(1000n);
      expect(drops).to.deep.include({ outOfRangeCount: 2, counterResetCount: 1 });
    });

    it("S10: a 32-bit counter that wraps counts from zero, as a restart: nothing is made up", () => {
      const own = bench();
      for (const [at, energyMJ] of [
        [3000, 4_294_967_000n],
        [3300, 500n],
        [3600, 700n],
      ] as const)
        // prettier-ignore
        own.agent.observe(scrapeOf({ energyMJ }), AT + at);
      expect(own.read(EPOCH).reading.devices[0]!.energyEndMJ).to.equal(700n);
    });

    it("times to the millisecond: the parts of an hour's scrapes are within the oracles' bounds, whole hours are whole", () => {
      const own = bench();
      const step = (at: number) =>
        own.agent.observe(scrapeOf({ energyMJ: BigInt(Math.round(at * 100)), smActive: 1 }), AT + at);
      for (let at = 700.4; at < 7300; at += 14.999) step(at);
      const first = own.read(EPOCH).reading;
      checkReading(first, EPOCH, LOT);
      expect(first.devices[0]).to.deep.include({
        availableSec: 2899n,
        allocatedSec: 2899n,
        smActiveMilliSec: 2_899_000n,
      });
      const second = own.read(EPOCH + 1n).reading;
      checkReading(second, EPOCH + 1n, LOT);
      expect(second.devices[0]).to.deep.include({
        availableSec: 3600n,
        allocatedSec: 3600n,
        smActiveMilliSec: 3_600_000n,
      });
    });

    it("allocated whole seconds are never ahead of the available ones, in a part of an hour either", () => {
      const own = bench();
      for (const [at, pod] of [
        [3598, ""],
        [3598.9, "train"],
        [3600, ""],
        [3600.1, "train"],
      ] as const)
        // prettier-ignore
        own.agent.observe(scrapeOf({ energyMJ: 1n, smActive: 1, pod }), AT + at);
      expect(own.read(EPOCH).reading.devices[0]).to.deep.include({ availableSec: 2n, allocatedSec: 0n });
      const { reading } = own.read(EPOCH + 1n);
      expect(reading.devices[0]).to.deep.include({ availableSec: 0n, allocatedSec: 0n, smActiveMilliSec: 0n });
      checkReading(reading, EPOCH + 1n, LOT);
    });

    it("a counter that restarts over the end of an hour restarts in the later one", () => {
      const own = bench();
      own.agent.observe(scrapeOf({ energyMJ: 5000n }), AT + 3500);
      own.agent.observe(scrapeOf({ energyMJ: 40n }), AT + 3700);
      expect(own.read(EPOCH).reading.devices[0]).to.deep.include({ energyEndMJ: 0n, availableSec: 100n });
      expect(own.read(EPOCH + 1n).reading.devices[0]).to.deep.include({ energyEndMJ: 40n, availableSec: 100n });
    });

    it("cuts integrated power at the end of the hour, where a board has no counter", () => {
      const own = bench();
      own.agent.observe(scrapeOf({ powerW: 100 }), AT + 3500);
      own.agent.observe(scrapeOf({ powerW: 300 }), AT + 3700);
      // 100 W rising to 200 W for 100 s, then to 300 W: 15 and 25 kJ.
      const first = own.read(EPOCH).reading.devices[0]!;
      expect(first).to.deep.include({ energyEndMJ: 15_000_000n });
      expect(first.flagsBitmap & FLAG_ENERGY_INTEGRATED).to.equal(FLAG_ENERGY_INTEGRATED);
      expect(own.read(EPOCH + 1n).reading.devices[0]).to.deep.include({ energyEndMJ: 40_000_000n });
    });

    it("counts no time over a gap longer than the limit, and all of one as long", () => {
      const own = bench({ maxGapSec: 600 });
      for (const at of [0, 600, 1201, 1801]) own.agent.observe(scrapeOf({ energyMJ: BigInt(at) }), AT + at);
      const { devices, drops } = own.read(EPOCH).reading;
      expect(devices[0]).to.deep.include({ availableSec: 1200n, energyEndMJ: 1801n });
      expect(drops.gapCount).to.equal(1);
    });

    it("a host that is down at the end of the hour was available until its last scrape", () => {
      const own = bench({ maxGapSec: 600 });
      for (const at of [0, 600, 1200]) own.agent.observe(scrapeOf({ energyMJ: BigInt(at) }), AT + at);
      expect(own.read(EPOCH).reading.devices[0]).to.deep.include({ availableSec: 1200n, energyEndMJ: 1200n });
    });

    it("a gap within the limit belongs to the hours it lies in", () => {
      const own = bench({ maxGapSec: 4000 });
      own.agent.observe(scrapeOf({ energyMJ: 0n }), AT + 3400);
      own.agent.observe(scrapeOf({ energyMJ: 4000n }), AT + 7400);
      const spent = [EPOCH, EPOCH + 1n, EPOCH + 2n].map((epoch) => {
        const { availableSec, energyStartMJ, energyEndMJ } = own.read(epoch).reading.devices[0]!;
        return [availableSec, energyEndMJ - energyStartMJ];
      });
      expect(spent).to.deep.equal([
        [200n, 200n],
        [3600n, 3600n],
        [200n, 200n],
      ]);
    });

    it("of what is seen after its hour's close the energy goes to the next reading, and the time to none", () => {
      const own = bench({ maxGapSec: 3600 });
      own.agent.observe(scrapeOf({ energyMJ: 0n }), AT + 1800);
      own.agent.observe(scrapeOf({ energyMJ: 10n }), AT + 2400);
      expect(own.read(EPOCH).reading.devices[0]!.availableSec).to.equal(600n);
      own.agent.observe(scrapeOf({ energyMJ: 25n }), AT + 4200);
      const { availableSec, energyStartMJ, energyEndMJ } = own.read(EPOCH + 1n).reading.devices[0]!;
      expect([availableSec, energyStartMJ, energyEndMJ]).to.deep.equal([600n, 10n, 25n]);
    });

    it("repeated, older and foreign rows count as dropped and as nothing else", () => {
      const own = bench();
      for (const at of [3000, 3300, 3300, 3100, 3600]) own.agent.observe(scrapeOf({ energyMJ: BigInt(at) }), AT + at);
      own.agent.observe(scrapeOf({ gpu: 5, energyMJ: 1n }), AT + 3600);
      const { devices, drops } = own.read(EPOCH).reading;
      expect(devices).to.have.length(1);
      expect(devices[0]).to.deep.include({ energyEndMJ: 600n, availableSec: 600n, droppedCount: 2 });
      expect(drops).to.deep.include({ duplicateCount: 1, outOfOrderCount: 1, unidentifiedCount: 1 });
    });

    it("a wall meter goes with the boards from reading to reading; one that contradicts them is dropped", () => {
      const own = bench({ maxGapSec: 3600 });
      const hour = (n: number, gpuMJ: bigint, wallMJ: bigint) => {
        own.agent.observe(scrapeOf({ energyMJ: gpuMJ }), AT + n * 3600, wallMJ);
      };
      hour(0, 0n, 500n);
      hour(1, 100n, 650n);
      hour(2, 200n, 800n);
      expect(own.read(EPOCH).reading.itEnergy).to.deep.equal({ startMJ: 0n, endMJ: 150n });
      expect(own.read(EPOCH + 1n).reading.itEnergy).to.deep.equal({ startMJ: 150n, endMJ: 300n });
      hour(3, 300n, 899n);
      const { itEnergy, drops } = own.read(EPOCH + 2n).reading;
      expect([itEnergy, drops.outOfRangeCount]).to.deep.equal([null, 1]);
      hour(4, 400n, 999n);
      expect(own.read(EPOCH + 3n).reading.itEnergy).to.deep.equal({ startMJ: 399n, endMJ: 499n });
    });
  });

  describe("observe", () => {
    it("S10: refuses a malformed scrape as a whole, names the line, and counts nothing of it", async () => {
      const [own, other] = [bench(), bench()];
      for (const { agent } of [own, other]) agent.observe(scrapeOf({ energyMJ: 100n }), AT + 3300);
      const broken = `${scrapeOf({ energyMJ: 900n })}DCGM_FI_DEV_POWER_USAGE{UUID="x" 12\n`;
      const refusal = await refusalOf(() => own.agent.observe(broken, AT + 3500, 7n));
      expect(refusal).to.deep.include({ code: "Exposition_Malformed", facts: { line: 2, reason: "bad label" } });
      for (const { agent } of [own, other]) agent.observe(scrapeOf({ energyMJ: 300n }), AT + 3600);
      expect(own.agent.close(EPOCH)!.reading).to.deep.equal(other.agent.close(EPOCH)!.reading);
    });

    it("S21: refuses a time or a wall meter that is none, and counts nothing of it", async () => {
      const own = bench();
      for (const at of [-1, 0]) {
        const refusal = await refusalOf(() => own.agent.observe(scrapeOf({ energyMJ: 1n }), at));
        expect(refusal.code).to.equal("Agent_BadTime");
      }
      const refusal = await refusalOf(() => own.agent.observe(scrapeOf({ energyMJ: 1n }), AT + 3600, -1n));
      expect(refusal).to.deep.include({ code: "Agent_BadWallEnergy", facts: { wallEnergyMJ: -1n } });
      expect(own.agent.close(EPOCH)).to.equal(undefined);
    });
  });

  describe("its state", () => {
    it("S01: continues the node's chain and counters after a restart", () => {
      const own = bench();
      for (const at of [3000, 3600]) own.agent.observe(scrapeOf({ energyMJ: BigInt(at) }), AT + at);
      const { reading, hash } = own.read(EPOCH);
      const agent = own.restart();
      expect(agent.close(EPOCH)).to.equal(undefined);
      // The scrape of the close once more, then the next: it is late, and is counted as nothing else.
      for (const at of [3600, 4200]) agent.observe(scrapeOf({ energyMJ: BigInt(at) }), AT + at);
      const next = own.read(EPOCH + 1n).reading;
      expect(next).to.deep.include({ sequenceIndex: 1n, prevReadingHash: hash });
      expect(next.devices[0]).to.deep.include({ energyStartMJ: 600n, energyEndMJ: 1200n, availableSec: 600n });
      expect(next.drops.outOfOrderCount).to.equal(1);
      checkFollows(next, reading, hash as Hex);
    });

    it("S01: a restart between the scrape after the hour and the next loses and doubles nothing", () => {
      const own = bench();
      for (const at of [3300, 3700]) own.agent.observe(scrapeOf({ energyMJ: BigInt(at) }), AT + at);
      own.read(EPOCH);
      const agent = own.restart();
      agent.observe(scrapeOf({ energyMJ: 4000n }), AT + 4000);
      const { devices } = own.read(EPOCH + 1n).reading;
      expect(devices[0]).to.deep.include({ energyStartMJ: 300n, energyEndMJ: 700n, availableSec: 400n });
    });
  });
});

describe("node key", () => {
  const HASH = `0x${"ab".repeat(32)}` as const;

  it("E01: takes only the lower of the two signatures, of this key and this hash", async () => {
    for (let i = 0; i < 8; i++) {
      const signature = signReading(KEY, HASH);
      expect(isSignedBy(keyOf(POINT), HASH, signature)).to.equal(true);
      expect(isSignedBy(keyOf(POINT), `0x${"ac".repeat(32)}`, signature)).to.equal(false);
      const s = P256_ORDER - BigInt(`0x${signature.slice(66)}`);
      const high = `${signature.slice(0, 66)}${s.toString(16).padStart(64, "0")}` as Hex;
      expect((await refusalOf(() => isSignedBy(keyOf(POINT), HASH, high))).code).to.equal("Signature_HighS");
    }
  });
});
