import { join } from "node:path";
import { expect } from "chai";

import { openFiles } from "../../server/plugins/files.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { parseReadingSet } from "../../server/protocol/publication.ts";
import {
  parseReading,
  readingDomain,
  readingJson,
  readingHash,
  type SignedReadingJson,
} from "../../server/protocol/reading.ts";
import { signReading } from "../../server/nodekey.ts";
import type { Program } from "../../server/main.ts";
import { nodeKeyOf } from "../../scripts/cast.ts";
import {
  advanceTo,
  postReading,
  runHour,
  SEED,
  startRunning,
  startWorld,
  type RunningWorld,
} from "../server/running.ts";

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

  /** The published readings of an epoch. */
  async function reportedIn(epoch: bigint): Promise<SignedReadingJson[]> {
    const { telemetry } = program.contracts;
    const [event] = await telemetry.queryFilter(telemetry.filters.Submitted(epoch));
    const files = await openFiles(join(world.folder, "files"));
    const set = await parseReadingSet(files.open("readings", event!.args.report.dataHash as Hex));
    const readings: SignedReadingJson[] = [];
    for await (const { reading, signature } of set.readings)
      readings.push({ reading: readingJson(reading), signature });
    return readings;
  }

  /** The first host's next reading as somebody else would write it: every board idle. */
  async function forge(): Promise<SignedReadingJson> {
    const before = await runHour(world, program);
    await program.follow();
    const readings = await reportedIn(before);
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
    await advanceTo(world.provider, Number((program.nextEpoch() + 1n) * 3600n));
    await program.follow();
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
    const readings = await reportedIn(epoch);
    expect(readings.map(({ reading }) => reading.nodeId)).to.include("1");
  });
});
