import { expect } from "chai";
import fc from "fast-check";

import type { Hex } from "../../server/protocol/bytes.ts";
import { parseReading, readingHash, type Reading } from "../../server/protocol/reading.ts";
import { checkFollows, checkReading } from "../../server/protocol/rules.ts";
import { AT, DOMAIN, EPOCH, LOT, bench, scrapeOf } from "./agentBench.ts";

describe("agent on any history of scrapes", () => {
  // Energy up to design power, on a board that restarts, blanks, gaps and falls silent as it likes.
  const step = fc.record({
    waitSec: fc.oneof(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 1, max: 4 * 3600 })),
    wattShare: fc.float({ min: 0, max: 1, noNaN: true }),
    smActive: fc.float({ min: 0, max: 1, noNaN: true }),
    fault: fc.constantFrom("none", "none", "none", "reset", "blank", "wallReset", "noWall", "restart", "late"),
    boards: fc.constantFrom([0], [1], [0, 1], [0, 1], [0, 1], []),
    isClosing: fc.boolean(),
  });

  it("makes readings that pass every check of the oracles, one after the other, within the counters' sums", () => {
    let readings = 0;
    const property = fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, hasCounter) => {
      const own = bench({ maxGapSec: 3600 });
      const spentMJ = [0n, 0n];
      const counterMJ = [5_000_000n, 1n];
      let wallMJ = 77n;
      let at = AT;
      let before: { reading: Reading; hash: string } | undefined;
      let nextEpoch = EPOCH;
      const closeUntil = (epoch: bigint) => {
        for (; nextEpoch < epoch; nextEpoch++) {
          const signed = own.agent.close(nextEpoch);
          if (signed === undefined) continue;
          const reading = parseReading(signed.reading);
          checkReading(reading, nextEpoch, LOT);
          if (before !== undefined) checkFollows(reading, before.reading, before.hash as Hex);
          before = { reading, hash: readingHash(DOMAIN, reading) };
          readings++;
        }
      };
      for (const { waitSec, wattShare, smActive, fault, boards, isClosing } of steps) {
        at += waitSec;
        const usedMJ = BigInt(Math.floor(wattShare * 700_000)) * BigInt(waitSec);
        for (const gpu of [0, 1]) {
          if (fault === "reset") counterMJ[gpu] = 0n;
          counterMJ[gpu]! += usedMJ;
          spentMJ[gpu]! += usedMJ;
        }
        if (fault === "wallReset") wallMJ = 0n;
        wallMJ += (usedMJ * 2n * 12n) / 10n;
        const rows = boards.map((gpu) => ({
          ...{ gpu, smActive: fault === "blank" ? "NaN" : smActive.toFixed(6) },
          powerW: fault === "blank" ? "9223372036854775794" : (wattShare * 700).toFixed(3),
          ...(hasCounter ? { energyMJ: fault === "blank" ? "9223372036854775794" : counterMJ[gpu]! } : {}),
        }));
        if (fault === "restart") own.restart();
        own.agent.observe(scrapeOf(...rows), fault === "late" ? at - 50 : at, fault === "noWall" ? undefined : wallMJ);
        if (isClosing) closeUntil(BigInt(at) / 3600n);
      }
      closeUntil(BigInt(at) / 3600n + 1n);
      for (const { deviceIndex, energyEndMJ } of before?.reading.devices ?? []) {
        if (hasCounter) expect(energyEndMJ <= spentMJ[deviceIndex]!).to.equal(true);
      }
    });
    fc.assert(property, { numRuns: 300, seed: 20260101 });
    expect(readings).to.be.greaterThan(500);
  });
});
