import { expect } from "chai";
import { id } from "ethers";
import { Payments__factory } from "../../types/factories/facility/Payments__factory.ts";
import { enforcementWorld, A, LOT_1, LOT_2, type EnforcementWorld } from "./enforcement-world.ts";
import { VERBS, books, type Ready } from "./hostile-stage.ts";

/** What stops a transfer in its tracks, how to switch it on and off, and the error that says so. */
interface Stop {
  readonly what: string;
  readonly error: string;
  readonly set: (w: EnforcementWorld, ready: Ready, isOn: boolean) => Promise<unknown>;
}

const STOPS: readonly Stop[] = [
  {
    what: "M05: a token that returns false",
    error: "SafeERC20FailedOperation",
    set: ({ asset }, _, isOn) => asset.setReturns(false, isOn),
  },
  { what: "M05: a token that is paused", error: "Coin_Paused", set: ({ asset }, _, isOn) => asset.setPaused(isOn) },
  {
    what: "M06: a payer that is blacklisted",
    error: "Coin_Blacklisted",
    set: async ({ asset, mallory }, { from }, isOn) => asset.setBlacklisted(from ?? mallory, isOn),
  },
  {
    what: "M06: a payee that is blacklisted",
    error: "Coin_Blacklisted",
    set: async ({ asset, mallory }, { to }, isOn) => asset.setBlacklisted(to ?? mallory, isOn),
  },
];

const GUARD = id("ReentrancyGuardReentrantCall()").slice(0, 10);
/** Its error is that of a file, in the ABI of whatever raises it. */
const settlement = { interface: Payments__factory.createInterface() };

for (const verb of VERBS) {
  describe(`Facility over hostile tokens: ${verb.name}`, () => {
    let w: EnforcementWorld;
    let ready: Ready;
    let snapshot: Awaited<ReturnType<EnforcementWorld["networkHelpers"]["takeSnapshot"]>>;

    before(async () => {
      w = await enforcementWorld();
      ready = await verb.ready(w);
      snapshot = await w.networkHelpers.takeSnapshot();
    });
    afterEach(() => snapshot.restore());

    const isBacked = async () =>
      expect(await w.asset.balanceOf(ready.facility)).to.be.at.least(await ready.facility.ledgerAssets());

    const isNothing = verb.moves === "nothing";
    /** The books as the verb leaves them over a token without any habit. */
    const plainly = async () => {
      await ready.run();
      const plain = await books(w, ready.facility);
      await snapshot.restore();
      return plain;
    };

    for (const { what, error, set } of STOPS) {
      const then = isNothing ? "does not stop it" : "is refused, and then goes on as if nothing had been";
      it(`${what} ${then}`, async () => {
        const before = await books(w, ready.facility);
        const plain = await plainly();
        await set(w, ready, true);
        if (!isNothing) {
          const contract = error.startsWith("Coin") ? w.asset : ready.facility;
          await expect(ready.run()).to.be.revertedWithCustomError(contract, error);
          expect(await books(w, ready.facility)).to.deep.equal(before);
          await set(w, ready, false);
        }
        await ready.run();
        expect(await books(w, ready.facility)).to.deep.equal(plain);
        await isBacked();
      });
    }

    it("M05: a token that returns nothing changes nothing", async () => {
      const plain = await plainly();
      await w.asset.setReturns(true, false);
      await ready.run();
      expect(await books(w, ready.facility)).to.deep.equal(plain);
    });

    it("M05: a fee on transfer is refused on the way in; on the way out it is the receiver's affair", async () => {
      const before = await books(w, ready.facility);
      const plain = await plainly();
      await w.asset.setFee(100);
      if (verb.moves === "in") {
        await expect(ready.run()).to.be.revertedWithCustomError(settlement, "Settlement_WrongAmount");
        expect(await books(w, ready.facility)).to.deep.equal(before);
        return;
      }
      await ready.run();
      expect((await books(w, ready.facility)).ledger).to.equal(plain.ledger);
      await isBacked();
    });

    it("M02, M05: a rebase up is nobody's until it is booked", async () => {
      if (verb.name === "sync") return;
      const plain = await plainly();
      await w.asset.mint(ready.facility, 1_000n);
      await ready.run();
      const after = await books(w, ready.facility);
      expect({ ...after, held: [] }).to.deep.equal({ ...plain, held: [] });
      expect(await w.asset.balanceOf(ready.facility)).to.be.at.least(after.ledger + 1_000n);
    });

    it("M05: a rebase down is short for who is paid last, and stops nobody else", async () => {
      const { ledger } = await books(w, ready.facility);
      const paid = ledger - (await plainly()).ledger;
      const held = await w.asset.balanceOf(ready.facility);
      if (held === 0n) return;
      await w.asset.burn(ready.facility, 1n);
      if (paid > held - 1n) {
        await expect(ready.run()).to.be.revertedWithCustomError(w.asset, "ERC20InsufficientBalance");
        expect((await books(w, ready.facility)).ledger).to.equal(ledger);
        await w.asset.mint(ready.facility, 1n);
      }
      await ready.run();
    });

    if (isNothing) return;

    it("M04: a token that calls back finds every money verb closed, and the verb does what it does once", async () => {
      const plain = await plainly();
      for (const data of moneyVerbs(w)) {
        await w.asset.setHook(ready.facility, data);
        await ready.run();
        expect(await w.asset.hookSucceeded(), data.slice(0, 10)).to.equal(false);
        expect(await w.asset.hookResult(), data.slice(0, 10)).to.equal(GUARD);
        expect(await books(w, ready.facility)).to.deep.equal(plain);
        await snapshot.restore();
      }
    });
  });
}

describe("Facility: one party that the token froze", () => {
  it("M06: holds up nobody: dates are run, the others are paid, and what is its own waits", async () => {
    const w = await enforcementWorld();
    const { asset, facility, tokens, alice, bob, carol, lessee, sponsor, unit } = w;
    await w.perform();
    for (const party of [alice, lessee]) await asset.setBlacklisted(party, true);
    await w.deposit(900_000n * unit);
    await w.distributeAt(0);
    for (const [i, holder] of [bob, carol].entries()) await tokens[i + 1]!.claimFor(holder);
    await facility.connect(sponsor).withdraw(sponsor);
    await expect(tokens[A]!.claimFor(alice)).to.be.revertedWithCustomError(asset, "Coin_Blacklisted");
    await expect(facility.connect(lessee).withdraw(lessee)).to.be.revertedWithCustomError(asset, "Coin_Blacklisted");
    const [claim, fee] = [await tokens[A]!.claimableAssets(alice), await facility.claimableAssets(lessee)];
    await w.distributeAt(1);
    expect(await tokens[A]!.claimableAssets(alice)).to.be.at.least(claim);
    // What is its own it may have sent elsewhere.
    await expect(facility.connect(lessee).withdraw(sponsor)).to.changeTokenBalance(w.ethers, asset, sponsor, fee);
    await asset.setBlacklisted(alice, false);
    await expect(tokens[A]!.claimFor(alice)).to.changeTokenBalance(w.ethers, asset, alice, claim);
    expect(await asset.balanceOf(facility)).to.equal(await facility.ledgerAssets());
  });
});

describe("Facility: the decimals of its token", () => {
  for (const decimals of [8, 18]) {
    for (const verb of VERBS) {
      it(`M05: ${verb.name} in a token of ${decimals} decimals`, async () => {
        const w = await enforcementWorld({}, decimals);
        const { facility, run } = await verb.ready(w);
        await run();
        expect(await w.asset.balanceOf(facility)).to.be.at.least(await facility.ledgerAssets());
      });
    }
  }
});

/** Calls of all verbs that move money or pledges. */
function moneyVerbs({ facility, alice }: EnforcementWorld): string[] {
  const { interface: face } = facility;
  return [
    face.encodeFunctionData("subscribe", [A, 1n]),
    face.encodeFunctionData("refund", [alice.address]),
    face.encodeFunctionData("draw", [LOT_1, 1n]),
    face.encodeFunctionData("refinance", [alice.address, []]),
    face.encodeFunctionData("startPerforming"),
    face.encodeFunctionData("collect"),
    face.encodeFunctionData("sync"),
    face.encodeFunctionData("distribute"),
    face.encodeFunctionData("withdraw", [alice.address]),
    face.encodeFunctionData("payClaim", [alice.address, 1n]),
    face.encodeFunctionData("release", [LOT_1]),
    face.encodeFunctionData("completePurchase", [LOT_1]),
    face.encodeFunctionData("startAuction", [LOT_2]),
    face.encodeFunctionData("buy", [LOT_2, 2n ** 128n]),
    face.encodeFunctionData("redeem", [[LOT_1], 1n]),
    face.encodeFunctionData("close"),
  ];
}
