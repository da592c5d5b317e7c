import { ACTOR_COUNT, FacilityHistory } from "./history.ts";
import { Random } from "./random.ts";
import { Stage } from "./stage.ts";

const HISTORY_COUNT = Number(process.env["HISTORIES"] ?? 20);
const SEED = Number(process.env["SEED"] ?? 1);

async function stageOf(): Promise<Stage> {
  const stage = await Stage.create(ACTOR_COUNT);
  const { world, actors } = stage;
  const asset = world.asset.interface;
  const acts = [];
  for (const [actorIndex, actor] of actors.entries()) {
    await world.gate.listHolder(actor, true);
    await world.asset.mint(actor, 10n ** 40n);
    for (const spender of [await world.rent.getAddress()]) {
      const data = asset.encodeFunctionData("approve", [spender, 2n ** 256n - 1n]);
      acts.push({ actorIndex, target: await world.asset.getAddress(), data, isRefused: false, text: "approve" });
    }
  }
  await stage.play(BigInt(await world.networkHelpers.time.latest()) + 1n, acts);
  await stage.keep();
  return stage;
}

describe("Differential: facilities", () => {
  it("show the balances of the model, in random histories", async function () {
    this.timeout(600_000);
    const stage = await stageOf();
    const events: Record<string, number> = {};
    for (let index = 0; index < HISTORY_COUNT; index++) {
      const seed = SEED + index;
      const random = new Random(seed);
      const history = new FacilityHistory(stage, random);
      try {
        await history.play(random.whole(24, 72));
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
      for (const [event, count] of Object.entries(history.events)) events[event] = (events[event] ?? 0) + count;
      await stage.restart();
    }
    console.log(events);
  });
});
