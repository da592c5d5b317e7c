// Faults a review found in the agent. Each test was red before the agent was mended.
import { expect } from "chai";

import { checkReading } from "../../server/protocol/rules.ts";
import { AT, EPOCH, LOT, bench, scrapeOf } from "../server/agentBench.ts";

describe("Findings: agent", () => {
  it("a reading of scrapes that do not come on the hour stated more than an hour, and was refused", () => {
    const { agent, read } = bench();
    for (let at = AT + 30; at <= AT + 7230; at += 60)
      agent.observe(scrapeOf({ energyMJ: BigInt(at - AT) * 700_000n }), at);
    const first = read(EPOCH).reading;
    const second = read(EPOCH + 1n).reading;
    checkReading(second, EPOCH + 1n, LOT);
    expect(first.devices[0]!.availableSec).to.equal(3570n); // seen from the thirtieth second on
    expect(second.devices[0]!.availableSec).to.equal(3600n);
    expect(second.devices[0]!.energyEndMJ - second.devices[0]!.energyStartMJ).to.equal(3600n * 700_000n);
  });

  it("an outage of hours put the energy of all of them into one reading, which was refused", () => {
    const { agent, read } = bench();
    const at700W = (at: number) => scrapeOf({ energyMJ: BigInt(at - AT) * 700_000n });
    for (const at of [AT, AT + 600]) agent.observe(at700W(at), at);
    read(EPOCH);
    for (const at of [AT + 5 * 3600 + 1800, AT + 6 * 3600]) agent.observe(at700W(at), at);
    const { reading } = read(EPOCH + 5n);
    checkReading(reading, EPOCH + 5n, LOT);
    expect(reading.devices[0]!.energyEndMJ - reading.devices[0]!.energyStartMJ).to.equal(3600n * 700_000n);
  });

  it("a wall meter read from the first scrape on was taken for standing still in the first epoch", () => {
    const { agent, read } = bench();
    agent.observe(scrapeOf({ energyMJ: 0n }), AT, 1_000_000n);
    for (let at = AT + 600; at <= AT + 3600; at += 600)
      agent.observe(scrapeOf({ energyMJ: 2_000_000n }), at, 9_000_000n);
    const { reading } = read(EPOCH);
    checkReading(reading, EPOCH, LOT);
    expect(reading.itEnergy).to.deep.equal({ startMJ: 0n, endMJ: 8_000_000n });
  });

  it("an hour without a wall reading was stated as one without energy, and was refused", () => {
    const { agent, read } = bench({ maxGapSec: 3600 });
    agent.observe(scrapeOf({ energyMJ: 0n }), AT, 0n);
    agent.observe(scrapeOf({ energyMJ: 2_000_000n }), AT + 3600, 3_000_000n);
    read(EPOCH);
    agent.observe(scrapeOf({ energyMJ: 4_000_000n }), AT + 7200);
    const { reading } = read(EPOCH + 1n);
    checkReading(reading, EPOCH + 1n, LOT);
    expect(reading.itEnergy).to.equal(null);
  });

  it("a wall meter that restarted made a reading that was refused", () => {
    const { agent, read } = bench({ maxGapSec: 3600 });
    agent.observe(scrapeOf({ energyMJ: 0n }), AT, 9_000_000_000n);
    agent.observe(scrapeOf({ energyMJ: 2_000_000n }), AT + 3600, 5n);
    const { reading } = read(EPOCH);
    checkReading(reading, EPOCH, LOT);
    expect(reading.itEnergy).to.equal(null);
    expect(reading.drops.counterResetCount).to.equal(1);
  });

  it("an epoch nobody observed got the reading of a later one", () => {
    const { agent } = bench({ maxGapSec: 3600 });
    agent.observe(scrapeOf({ energyMJ: 0n }), AT + 3601);
    expect(agent.close(EPOCH)).to.equal(undefined);
  });
});
