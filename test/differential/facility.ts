import { ACTOR_COUNT } from "./player.ts";
import { playHistory } from "./history.ts";
import { Random } from "./random.ts";
import { Stage } from "./stage.ts";

const HISTORY_COUNT = Number(process.env["HISTORIES"] ?? 20);
const SEED = Number(process.env["SEED"] ?? 1);
const LANES = Number(process.env["LANES"] ?? 2);

async function createStage(): Promise<Stage> {
  const stage = await Stage.create(ACTOR_COUNT);
  const { world, actors } = stage;
  const { asset, rent } = world;
  const acts = [];
  for (const [actorIndex, actor] of actors.entries()) {
    await world.admit(actor);
    await asset.mint(actor, 10n ** 40n);
    const data = asset.interface.encodeFunctionData("approve", [await rent.getAddress(), 2n ** 256n - 1n]);
    acts.push({ actorIndex, target: await asset.getAddress(), data, isRefused: false, text: "approve" });
  }
  await stage.play(BigInt(await world.networkHelpers.time.latest()) + 1n, acts, true);
  await stage.keep();
  return stage;
}

describe("Differential: facilities", () => {
  it("show the balances of the model, in random histories", async function () {
    this.timeout(600_000);
    const events: Record<string, number> = {};
    let seed = SEED;
    const lane = async () => {
      const stage = await createStage();
      while (seed < SEED + HISTORY_COUNT) {
        const mine = seed++;
        const random = new Random(mine);
        try {
          const happened = await playHistory(stage, random, random.whole(24, 72));
          for (const [event, count] of Object.entries(happened)) events[event] = (events[event] ?? 0) + count;
        } catch (error) {
          throw new Error(`seed ${mine}: ${(error as Error).message}`, { cause: error });
        }
        await stage.restart();
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    console.log(events);
  });
});
