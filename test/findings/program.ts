import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { codeOf, messageOf } from "../../server/failure.ts";
import type { Program } from "../../server/main.ts";
import {
  advanceTo,
  outsideReading,
  postReading,
  runHour,
  startRunning,
  startWorld,
  type RunningWorld,
} from "../server/running.ts";

// Found in review: one reading of a node's key could shut the node out or stop every epoch, and a database that held
// another deployment's rows was taken for this one's.

describe("a running program", () => {
  let world: RunningWorld;
  let program: Program;

  beforeEach(async () => {
    world = await startWorld();
    program = await startRunning(world, world.folder);
  });

  afterEach(async () => {
    await program.stop();
    await world.stop();
  });

  /** Moves the chain to the end of the next hour; its epoch. */
  const endHour = async () => {
    const epoch = program.nextEpoch();
    await advanceTo(world.provider, Number((epoch + 1n) * 3600n));
    await program.follow();
    return epoch;
  };

  it("S07: refuses a reading of an hour to come, and the honest one of this hour is taken", async () => {
    const epoch = await endHour();
    const idle = outsideReading(world, epoch).reading.devices.map((device) => ({ ...device, energyEndMJ: "0" }));
    const future = await postReading(program, outsideReading(world, epoch + 1n, { devices: idle }));
    expect(future.status).to.equal(422);
    expect(future.body["code"]).to.equal("Reading_Future");
    expect((await postReading(program, outsideReading(world, epoch))).status).to.equal(202);
  });

  it("S07: refuses a reading of an hour long past", async () => {
    const old = await postReading(program, outsideReading(world, (await endHour()) - 73n));
    expect(old.body["code"]).to.equal("Reading_TooOld");
  });

  it("refuses work units that would pin a lot's counter, and the hours go on", async () => {
    const epoch = await endHour();
    const devices = outsideReading(world, epoch).reading.devices.map((device) => ({
      ...device,
      workUnits: "18446744073709551615",
    }));
    const answer = await postReading(program, outsideReading(world, epoch, { devices }));
    expect(answer.status).to.equal(422);
    expect(answer.body["code"]).to.equal("Reading_WorkImplausible");
    expect(await runHour(world, program)).to.equal(epoch);
  });

  it("S21: refuses a place in the chain that the store cannot hold", async () => {
    const signed = outsideReading(world, program.nextEpoch());
    const reading = { ...signed.reading, sequenceIndex: "18446744073709551615" };
    const answer = await postReading(program, { ...signed, reading });
    expect(answer.status).to.equal(422);
    expect(answer.body["code"]).to.equal("Reading_PlaceTooLarge");
  });

  it("refuses a database that belongs to another deployment", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rackbond-other-"));
    try {
      const first = await startRunning(world, folder);
      await first.stop();
      const other = { ...world, deployment: { ...world.deployment, id: "00000000-0000-4000-8000-000000000000" } };
      const refused: unknown = await startRunning(other, folder).catch((error: unknown) => error);
      expect(codeOf(refused)).to.equal("Store_OtherDeployment");
      expect(messageOf(refused)).to.include(world.deployment.id);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
