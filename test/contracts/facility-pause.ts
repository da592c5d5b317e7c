import { expect } from "chai";
import { FunctionFragment, type Contract, type Signer } from "ethers";

import { Facility__factory } from "../../types/factories/facility/Facility__factory.ts";
import { at } from "./facility-world.ts";
import { A, B, enforcementWorld, LOT_1, LOT_2, R, type EnforcementWorld } from "./enforcement-world.ts";

// What a pause of the factory stops, by asking for every verb of a facility in every stage of its life, once with and
// once without it.

const STOPPED = ["subscribe", "draw", "refinance"];

type Call = readonly [by: Signer, args: readonly unknown[]];

/** A call of each verb, by somebody who may make it where anybody does. */
function callsOf(w: EnforcementWorld): Record<string, Call> {
  const { alice, sponsor, mallory, unit } = w;
  return {
    subscribe: [alice, [A, unit]],
    startFunding: [mallory, []],
    cancel: [sponsor, []],
    declareFailed: [mallory, []],
    refund: [alice, [alice]],
    draw: [sponsor, [LOT_1, unit]],
    refinance: [sponsor, [w.facility, [{ lotId: LOT_1, assets: unit }]]],
    startPerforming: [sponsor, []],
    collect: [mallory, []],
    sync: [mallory, []],
    distribute: [mallory, []],
    withdraw: [sponsor, [sponsor]],
    payClaim: [mallory, [mallory, 1]],
    declareLtv: [mallory, []],
    cureLtv: [mallory, []],
    declareCoverage: [mallory, [LOT_1, 0]],
    cureCoverage: [mallory, [LOT_1, 0]],
    declareCountry: [mallory, [LOT_1]],
    cureCountry: [mallory, [LOT_1]],
    declareAmortisation: [mallory, [1, 0]],
    declareInterestDefault: [mallory, [A]],
    declareMaturityDefault: [mallory, [A]],
    ratchet: [mallory, [[LOT_1, LOT_2]]],
    release: [mallory, [LOT_1]],
    completePurchase: [mallory, [LOT_1]],
    startAuction: [mallory, [LOT_2]],
    buy: [alice, [LOT_1, 10n ** 30n]],
    redeem: [sponsor, [[LOT_1, LOT_2], 1]],
    close: [mallory, []],
    declareRelated: [mallory, [1]],
  };
}

/** The stages, each reached from a new world, with the verbs that go through there. */
const STAGES: Record<string, { reach: (w: EnforcementWorld) => Promise<unknown>; open: string[] }> = {
  raising: {
    reach: async (w) => {
      const facility = await w.created({ raiseUntilAt: at("2027-01-05"), firstPaymentAt: at("2027-01-31") });
      for (const account of [w.alice, w.bob, w.carol]) await w.asset.connect(account).approve(facility, 10n ** 30n);
      await facility.connect(w.alice).subscribe(A, 600_000n * w.unit - w.unit);
      await facility.connect(w.bob).subscribe(B, 200_000n * w.unit);
      await facility.connect(w.carol).subscribe(R, 200_000n * w.unit);
      w.facility = facility;
    },
    open: ["subscribe", "cancel"],
  },
  refunding: {
    reach: async (w) => w.facility.connect(w.sponsor).cancel(),
    open: ["refund"],
  },
  "funding, in part drawn": {
    reach: async (w) => {
      await w.registry.connect(w.sponsor).offerLien(LOT_1, w.facility);
      await w.facility.connect(w.sponsor).draw(LOT_1, w.unit);
    },
    open: ["draw", "startPerforming", "withdraw", "collect"],
  },
  "performing, a payment due": {
    reach: async (w) => {
      await w.perform();
      await w.deposit(100_000n * w.unit);
      await w.asset.mint(w.facility, w.unit);
      await w.networkHelpers.time.increaseTo((await w.facility.paymentAt(0)) + 1n);
    },
    open: ["distribute", "sync", "withdraw", "collect"],
  },
  "interest missed past its cure": {
    reach: async (w) => {
      await w.perform();
      await w.networkHelpers.time.increaseTo((await w.facility.paymentAt(0)) + 1n);
      await w.facility.distribute();
      await w.networkHelpers.time.increase(6 * 86_400);
    },
    open: ["declareInterestDefault", "withdraw", "collect"],
  },
  "enforcement, a lot up": {
    reach: async (w) => {
      await w.enforce();
      await w.facility.startAuction(LOT_1);
    },
    open: ["buy", "startAuction", "withdraw", "collect"],
  },
};

describe("Facility: while the factory is paused", () => {
  /** What each verb would end in: "", or the error's name. */
  async function outcomes(w: EnforcementWorld, calls: Record<string, Call>) {
    const found: Record<string, string> = {};
    for (const [name, [by, args]] of Object.entries(calls)) {
      const facility = w.facility.connect(by) as unknown as Contract;
      try {
        await facility.getFunction(name).staticCall(...args);
        found[name] = "";
      } catch (error) {
        found[name] = /custom error '(\w+)/.exec(String(error))?.[1] ?? String(error);
      }
    }
    return found;
  }

  it("the table has every verb of a facility", async () => {
    const w = await enforcementWorld();
    const verbs = Facility__factory.createInterface().fragments.flatMap((fragment) =>
      FunctionFragment.isFragment(fragment) && !fragment.constant ? [fragment.name] : [],
    );
    expect(verbs.filter((name) => name !== "initialize" && name !== "setAuthority")).to.have.members(
      Object.keys(callsOf(w)),
    );
  });

  for (const [stage, { reach, open }] of Object.entries(STAGES)) {
    it(`M25: ${stage}: ${open.filter((name) => !STOPPED.includes(name)).join(", ")} stay open, and nothing else changes`, async () => {
      const w = await enforcementWorld();
      await reach(w);
      const calls = callsOf(w);
      const before = await outcomes(w, calls);
      for (const name of open) expect(before[name], name).to.equal("");
      await w.facilities.pause();
      const during = await outcomes(w, calls);
      for (const name of Object.keys(calls)) {
        const isStopped = STOPPED.includes(name) && (before[name] === "" || during[name] === "Facility_Paused");
        expect(during[name], name).to.equal(isStopped ? "Facility_Paused" : before[name]);
      }
      await w.facilities.resume();
      expect(await outcomes(w, calls)).to.deep.equal(before);
    });
  }

  it("M25: holders claim, and send their shares on", async () => {
    const w = await enforcementWorld();
    await w.perform();
    await w.deposit(100_000n * w.unit);
    await w.distributeAt(0);
    await w.facilities.pause();
    const [senior] = w.tokens;
    await expect(senior!.connect(w.alice).claim(w.alice)).to.changeTokenBalance(
      w.ethers,
      w.asset,
      w.alice,
      await senior!.claimableAssets(w.alice),
    );
    await senior!.connect(w.alice).transfer(w.bob, 1n);
  });

  it("M24: pauses and resumes by the access manager alone, and says so", async () => {
    const w = await enforcementWorld();
    for (const verb of ["pause", "resume"] as const)
      await expect(w.facilities.connect(w.mallory)[verb]())
        .to.be.revertedWithCustomError(w.facilities, "AccessManagedUnauthorized")
        .withArgs(w.mallory);
    await expect(w.facilities.pause()).to.emit(w.facilities, "Paused");
    expect(await w.facilities.isPaused()).to.equal(true);
    await expect(w.facilities.resume()).to.emit(w.facilities, "Resumed");
    expect(await w.facilities.isPaused()).to.equal(false);
  });
});
