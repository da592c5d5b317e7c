import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { startWorld, type RunningWorld } from "./running.ts";

const PROGRAM = join(import.meta.dirname, "../../server/cli/rackbond.ts");

describe("rackbond api", function () {
  this.timeout(120_000);
  let world: RunningWorld;
  before(async () => {
    world = await startWorld();
    writeFileSync(join(world.folder, "deployment.json"), JSON.stringify(world.deployment));
  });
  after(() => world.stop());

  const start = (...args: string[]) => {
    const env = {
      PATH: process.env["PATH"],
      ...{ RACKBOND_DEPLOYMENT: "deployment.json", RACKBOND_RPC_URL: world.rpcUrl, RACKBOND_PORT: "0" },
      RACKBOND_DATA: "data",
    };
    const child = spawn(process.execPath, [PROGRAM, "api", ...args], { cwd: world.folder, env });
    const said = { out: "", err: "" };
    child.stdout.on("data", (chunk: Buffer) => (said.out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (said.err += chunk.toString()));
    return { child, said, ended: new Promise<number | null>((resolve) => child.once("close", resolve)) };
  };

  it("serves the chain without an oracle, ends when it is told to, and reads everything again on command", async () => {
    const { child, said, ended } = start();
    const url = await new Promise<string>((resolve, reject) => {
      child.stderr.on("data", () => {
        const found = /api at (\S+)/.exec(said.err)?.[1];
        if (found !== undefined) resolve(found);
      });
      void ended.then(() => reject(new Error(said.err)));
    });
    const [place] = world.deployment.facilities;
    const answer = await fetch(`${url}/v1/facilities/${place!.address}`);
    expect([answer.status, ((await answer.json()) as { address: string }).address]).to.deep.equal([
      200,
      place!.address,
    ]);
    const reading = await fetch(`${url}/v1/readings`, {
      ...{ method: "POST", body: "{}" },
      headers: { "content-type": "application/json" },
    });
    expect(reading.status).to.be.within(400, 499);
    child.kill("SIGTERM");
    expect(await ended).to.equal(0);

    const again = start("rebuild", "--json");
    expect(await again.ended, again.said.err).to.equal(0);
    const result = JSON.parse(again.said.out) as Record<"eventCount" | "missingCount" | "strayCount", number>;
    expect(result.eventCount).to.be.above(50);
    expect(result).to.include({ missingCount: 0, strayCount: 0 });
  });
});
