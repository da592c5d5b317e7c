import { expect } from "chai";
import { id } from "ethers";
import { Payments__factory } from "../../types/factories/facility/Payments__factory.ts";
import { enforcementWorld, type EnforcementWorld } from "./enforcement-world.ts";
import type { Ready, Verb } from "./hostile-stage.ts";

// Every habit that a settlement token may have, over every verb of a table.

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

/** Describes each verb of a table over each habit; a token's call back is tried on every one of `doors`. */
export function describeOverHostileTokens(
  subject: string,
  verbs: readonly Verb[],
  doors: (w: EnforcementWorld) => readonly string[],
): void {
  for (const verb of verbs) describe(`${subject} over hostile tokens: ${verb.name}`, () => describeVerb(verb, doors));
}

function describeVerb(verb: Verb, doors: (w: EnforcementWorld) => readonly string[]): void {
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
    expect(await w.asset.balanceOf(ready.place)).to.be.at.least((await ready.books()).ledger);

  const isNothing = verb.moves === "nothing";
  /** The books as the verb leaves them over a token without any habit. */
  const plainly = async () => {
    await ready.run();
    const plain = await ready.books();
    await snapshot.restore();
    return plain;
  };

  for (const { what, error, set } of STOPS) {
    const then = isNothing ? "does not stop it" : "is refused, and then goes on as if nothing had been";
    it(`${what} ${then}`, async () => {
      const before = await ready.books();
      const plain = await plainly();
      await set(w, ready, true);
      if (!isNothing) {
        const contract = error.startsWith("Coin") ? w.asset : ready.place;
        await expect(ready.run()).to.be.revertedWithCustomError(contract, error);
        expect(await ready.books()).to.deep.equal(before);
        await set(w, ready, false);
      }
      await ready.run();
      expect(await ready.books()).to.deep.equal(plain);
      await isBacked();
    });
  }

  it("M05: a token that returns nothing changes nothing", async () => {
    const plain = await plainly();
    await w.asset.setReturns(true, false);
    await ready.run();
    expect(await ready.books()).to.deep.equal(plain);
  });

  it("M05: a fee on transfer is refused on the way in; on the way out it is the receiver's affair", async () => {
    const before = await ready.books();
    const plain = await plainly();
    await w.asset.setFee(100);
    if (verb.moves === "in") {
      await expect(ready.run()).to.be.revertedWithCustomError(settlement, "Settlement_WrongAmount");
      expect(await ready.books()).to.deep.equal(before);
      return;
    }
    await ready.run();
    expect((await ready.books()).ledger).to.equal(plain.ledger);
    await isBacked();
  });

  it("M02, M05: a rebase up is nobody's until it is booked", async () => {
    if (verb.name === "sync") return;
    const plain = await plainly();
    await w.asset.mint(ready.place, 1_000n);
    await ready.run();
    const after = await ready.books();
    expect({ ...after, held: [] }).to.deep.equal({ ...plain, held: [] });
    expect(await w.asset.balanceOf(ready.place)).to.be.at.least(after.ledger + 1_000n);
  });

  it("M05: a rebase down is short for who is paid last, and stops nobody else", async () => {
    const { ledger } = await ready.books();
    const paid = ledger - (await plainly()).ledger;
    const held = await w.asset.balanceOf(ready.place);
    if (held === 0n) return;
    await w.asset.burn(ready.place, 1n);
    if (paid > held - 1n) {
      await expect(ready.run()).to.be.revertedWithCustomError(w.asset, "ERC20InsufficientBalance");
      expect((await ready.books()).ledger).to.equal(ledger);
      await w.asset.mint(ready.place, 1n);
    }
    await ready.run();
  });

  if (isNothing) return;

  it("M04: a token that calls back finds every money verb closed, and the verb does what it does once", async () => {
    const plain = await plainly();
    for (const data of doors(w)) {
      await w.asset.setHook(ready.place, data);
      await ready.run();
      expect(await w.asset.hookSucceeded(), data.slice(0, 10)).to.equal(false);
      expect(await w.asset.hookResult(), data.slice(0, 10)).to.equal(GUARD);
      expect(await ready.books()).to.deep.equal(plain);
      await snapshot.restore();
    }
  });
}
