import { LeaseHistory } from "./leaseHistory.ts";
import { createLeaseWorld } from "./leaseWorld.ts";
import { runHistories, type Lane } from "./running.ts";

/** What a run of all histories must have seen. */
const EVENTS = [
  ...["open TakeOrPay", "open Metered", "open IndexLinked", "settle", "settle refused", "cut period", "renewed period"],
  ...["SLA credit", "efficiency bonus", "efficiency credit", "index never fixed", "late fee", "pay", "payFromEscrow"],
  ...["prepay", "declareDefault", "terminate", "purchase", "renew", "refund", "assign", "markRelated"],
];

async function createLane(): Promise<Lane> {
  const world = await createLeaseWorld(6);
  return {
    play: (random, monthCount) => new LeaseHistory(world, random).play(monthCount),
    restart: () => world.stage.restart(),
  };
}

describe("Differential: leases", () => {
  it("show the balances of the model after every step of random histories", async function () {
    this.timeout(3_600_000);
    await runHistories(createLane, EVENTS);
  });
});
