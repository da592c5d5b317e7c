import { playHistory } from "./history.ts";
import { createWorld } from "../contracts/facility-world.ts";
import { ACTOR_COUNT, FacilityPlayer } from "./facilityPlayer.ts";
import { runHistories, type Lane } from "./running.ts";
import { Stage } from "./stage.ts";

/** What a run of all histories must have seen. */
const EVENTS = [
  ...["Performing to CashTrap by DSCR", "CashTrap to Performing by DSCR"],
  ...["Performing to EarlyAmortisation by DSCR", "CashTrap to EarlyAmortisation by DSCR"],
  ...["declareLtv", "cureLtv", "declareCoverage", "cureCoverage", "declareCountry", "cureCountry"],
  ...["declareAmortisation", "declareInterestDefault", "declareMaturityDefault", "ratchet"],
  ...["paid Fee", "paid Interest", "paid Reserve", "paid Principal", "paid Turbo", "paid Trap"],
  ...["paid FeeExcess", "paid Residual", "interest missed", "missed dates", "surplus", "price of a lot"],
  ...["claim", "transfer", "startAuction", "buy", "release", "refinance", "close", "senior loss", "residual loss"],
];

async function createLane(): Promise<Lane> {
  const world = await createWorld();
  const { asset, rent, facility, senior } = world;
  const stage = await Stage.create(world, ACTOR_COUNT, [facility.interface, senior.interface]);
  const acts = [];
  for (const [actorIndex, actor] of stage.actors.entries()) {
    await world.admit(actor);
    await asset.mint(actor, 10n ** 40n);
    const data = asset.interface.encodeFunctionData("approve", [await rent.getAddress(), 2n ** 256n - 1n]);
    acts.push({ actorIndex, target: await asset.getAddress(), data, isRefused: false, text: "approve" });
  }
  await stage.play((await stage.latestAt()) + 1n, acts, true);
  await stage.keep();
  return {
    play: (random, monthCount) => playHistory(new FacilityPlayer(stage, random, world), monthCount),
    restart: () => stage.restart(),
  };
}

describe("Differential: facilities", () => {
  it("show the balances of the model after every step of random histories", async function () {
    this.timeout(3_600_000);
    await runHistories(createLane, EVENTS);
  });
});
