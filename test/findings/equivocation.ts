import { expect } from "chai";

import { parseReading, readingDomain, readingHash, type SignedReadingJson } from "../../server/protocol/reading.ts";
import { signReading } from "../../server/nodekey.ts";
import type { Program } from "../../server/main.ts";
import { nodeKeyOf } from "../../scripts/cast.ts";
import { postReading, runHour, SEED, startRunning, startWorld, type RunningWorld } from "../server/running.ts";

// Found in review: whoever holds a node's key could end the program by sending another reading ahead of its agent's.

describe("S06: two agents with one key", () => {
  let world: RunningWorld;
  let program: Program;

  before(async () => {
    world = await startWorld();
    program = await startRunning(world, world.folder);
  });

  after(async () => {
    await program.stop();
    await world.stop();
  });

  /** The first host's next reading as somebody else would write it: every board idle. */
  async function forge(): Promise<SignedReadingJson> {
    const before = await runHour(world, program);
    await program.follow();
    const answer = await fetch(`${program.apiUrl}/v1/epochs/${before}/readings`);
    const { readings } = (await answer.json()) as { readings: SignedReadingJson[] };
    const { chainId, addresses } = world.deployment;
    const domain = readingDomain(BigInt(chainId), addresses.telemetry);
    const last = readings[0]!.reading;
    const epoch = before + 1n;
    const reading = {
      ...last,
      ...{ epoch: String(epoch), periodStartAt: String(epoch * 3600n), periodEndAt: String((epoch + 1n) * 3600n) },
      sequenceIndex: String(BigInt(last.sequenceIndex) + 1n),
      prevReadingHash: readingHash(domain, parseReading(last)),
      devices: last.devices.map((device) => ({
        ...{ ...device, energyStartMJ: device.energyEndMJ, allocatedSec: "0", smActiveMilliSec: "0" },
      })),
    };
    const { hostname } = world.fleet[0]!.hosts[0]!;
    const hash = readingHash(domain, parseReading(reading));
    return { reading, signature: signReading(nodeKeyOf(SEED, hostname).key, hash) };
  }

  it("each epoch counts once, the second reading is reported, and the hours go on", async () => {
    const forged = await forge();
    expect((await postReading(program, forged)).status).to.equal(202);
    const { telemetry } = program.contracts;

    const epoch = await runHour(world, program);
    expect(await telemetry.lastEpoch()).to.equal(epoch);
  });

  it("says whose reading was refused, once: the hour after, the node is taken again", async () => {
    const endAt = (program.nextEpoch() + 1n) * 3600n;
    const host = world.fleet[0]!.hosts[0]!;
    await program.observe(host.hostname, host.scrape(Number(endAt)) ?? "", Number(endAt));
    await world.provider.send("evm_setNextBlockTimestamp", [Number(endAt)]);
    await world.provider.send("evm_mine", []);
    const { refusals } = await program.closeEpoch(endAt);
    expect(refusals.map(({ code }) => code)).to.deep.equal(["Reading_WrongPrevHash"]);
    expect(refusals[0]?.facts).to.include({ nodeId: 1n });

    const epoch = await runHour(world, program);
    await program.follow();
    const answer = await fetch(`${program.apiUrl}/v1/epochs/${epoch}/readings`);
    const { readings } = (await answer.json()) as { readings: SignedReadingJson[] };
    expect(readings.map(({ reading }) => reading.nodeId)).to.include("1");
  });
});
