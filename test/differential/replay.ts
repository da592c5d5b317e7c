import { expect } from "chai";
import { getAddress, type Interface } from "ethers";
import { INTERFACES } from "../../server/protocol/contracts.ts";
import { jsonFields } from "../../server/protocol/eventJson.ts";
import { ledgerOf, replay, type FacilityEvent } from "../../server/model/replay.ts";
import { createWorld } from "../contracts/facility-world.ts";
import { ACTOR_COUNT, FacilityPlayer } from "./facilityPlayer.ts";
import { playHistory } from "./history.ts";
import { Random } from "./random.ts";
import { Stage } from "./stage.ts";

// Random lives of facilities, played by the contracts, are replayed from their events alone.

const SEEDS = [5, 7, 10];
const MONTH_COUNT = 30;

describe("Differential: replay", () => {
  it("computes every payment date of random histories from events alone, and the ledger to the unit", async function () {
    this.timeout(300_000);
    const world = await createWorld();
    const { asset, rent, facility, senior, ethers } = world;
    const stage = await Stage.create(world, ACTOR_COUNT, [facility.interface, senior.interface]);
    for (const [actorIndex, actor] of stage.actors.entries()) {
      await world.admit(actor);
      await asset.mint(actor, 10n ** 40n);
      const data = asset.interface.encodeFunctionData("approve", [await rent.getAddress(), 2n ** 256n - 1n]);
      const act = { actorIndex, target: await asset.getAddress(), data, isRefused: false, text: "approve" };
      await stage.play((await stage.latestAt()) + 1n, [act], true);
    }
    await stage.keep();

    const logsOf = async (filter: object): Promise<ChainLog[]> => {
      const logs: unknown = await ethers.provider.send("eth_getLogs", [{ fromBlock: "0x0", ...filter }]);
      return logs as ChainLog[];
    };
    const seen = { dates: 0, closes: 0, traps: 0, losses: 0 };
    for (const seed of SEEDS) {
      await playHistory(new FacilityPlayer(stage, new Random(seed), world), MONTH_COUNT);
      const made = await logsOf({ topics: [INTERFACES.facilities.getEvent("FacilityCreated").topicHash] });
      for (const creation of made.slice(1)) {
        const created = eventOf(INTERFACES.facilities, "facilities", creation);
        const address = String(created.args["facility"]);
        const tokens = created.args["classTokens"] as string[];
        const logs = await logsOf({ address: [address, ...tokens] });
        const own = logs.map((log) => {
          const isOwn = log.address.toLowerCase() === address.toLowerCase();
          return eventOf(isOwn ? INTERFACES.facility : INTERFACES.classToken, isOwn ? "facility" : "classToken", log);
        });
        const played = replay([created, ...own]);
        expect(played.dates.filter(({ differenceCount }) => differenceCount > 0)).to.deep.equal([]);
        expect(played.differenceCount).to.equal(0);
        const held = Object.values(ledgerOf(played.facility)).reduce((sum, assets) => sum + assets, 0n);
        const onChain: unknown = await facility.attach(address).getFunction("ledgerAssets").staticCall();
        expect(held).to.equal(onChain);
        seen.dates += played.dates.length;
        seen.closes += played.dates.filter(({ kind }) => kind === "close").length;
        seen.traps += played.dates.filter(({ state }) => state.onChain === "CashTrap").length;
        seen.losses += played.facility.classes.filter(({ lossAssets }) => lossAssets > 0n).length;
        // What the chain says otherwise is told, and where.
        const paid = own.findIndex(({ name, args }) => name === "StepPaid" && args["paidAssets"] !== "0");
        if (paid < 0) continue;
        const changed = own.with(paid, { ...own[paid]!, args: { ...own[paid]!.args, paidAssets: "1" } });
        const other = replay([created, ...changed]);
        expect(other.differenceCount).to.equal(1);
        expect(other.dates[Number(own[paid]!.args["paymentIndex"])]!.differenceCount).to.equal(1);
      }
      await stage.restart();
    }
    for (const [name, count] of Object.entries(seen)) expect(count, name).to.be.greaterThan(0);
  });

  it("is of a facility from its creation on", () => {
    expect(() => replay([])).to.throw("Replay_NoCreation");
  });
});

type ChainLog = Record<"address" | "data" | "blockTimestamp" | "transactionHash", string> & { topics: string[] };

function eventOf(calls: Interface, contract: string, log: ChainLog): FacilityEvent {
  const { name, args, fragment } = calls.parseLog(log)!;
  return {
    ...{ contract, name, address: getAddress(log.address), args: jsonFields(fragment.inputs, args) },
    ...{ blockAt: String(BigInt(log.blockTimestamp)), transactionHash: log.transactionHash },
  };
}
