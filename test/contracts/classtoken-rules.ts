import { expect } from "chai";
import { createToken, FOREVER, US } from "./facility-world.ts";

const DAY = 86_400;
const FR = "0x4652";
const rules = {
  ...{ maxHolderCount: 0, homeCountry: US, homeLockUpSec: 365 * DAY, abroadLockUpSec: 40 * DAY },
  freeCategory: 0,
};

describe("ClassToken: rules", () => {
  let w: Awaited<ReturnType<typeof createToken>>;
  beforeEach(async () => {
    w = await createToken();
  });

  /** The table of the contract, a row for each error: what stands in its way, and whether it does. */
  describe("the table", () => {
    const verbs = {
      transfer: () => w.token.connect(w.alice).transfer(w.carol.address, 600),
      transferFrom: () => w.token.connect(w.bob).transferFrom(w.alice.address, w.carol.address, 600),
      issue: () => w.issuer.mint(w.carol.address, 1),
      refund: () => w.issuer.burn(w.alice.address, 600),
      forced: () => w.token.forcedTransfer(w.alice.address, w.carol.address, 600),
      recovery: () => w.token.recover(w.alice.address, w.carol.address),
      claim: () => w.token.connect(w.alice).claim(w.alice.address),
    };
    type Verb = keyof typeof verbs;
    const transfers: Verb[] = ["transfer", "transferFrom"];
    const rows: [title: string, obstacle: () => Promise<unknown>, error: string, stopped: Verb[]][] = [
      [
        "the gate froze the holder",
        () => w.gate.freeze(w.alice.address, true),
        "ERC7943CannotSend",
        [...transfers, "refund", "claim"],
      ],
      [
        "the gate does not let the receiver receive",
        () => w.gate.freeze(w.carol.address, true),
        "ERC7943CannotReceive",
        [...transfers, "issue", "forced", "recovery"],
      ],
      [
        "the receiver is a lost wallet",
        () => w.token.recover(w.carol.address, w.bob.address),
        "ERC7943CannotReceive",
        [...transfers, "issue", "forced", "recovery"],
      ],
      ["the holder is locked up", () => w.gate.ruleClass(w.token, rules), "ClassToken_LockedUp", transfers],
      [
        "the holder has fewer shares",
        () => w.token.connect(w.alice).transfer(w.bob.address, 1),
        "ERC20InsufficientBalance",
        [...transfers, "refund", "forced"],
      ],
      [
        "some of them are frozen",
        () => w.token.setFrozenTokens(w.alice.address, 1),
        "ERC7943InsufficientUnfrozenBalance",
        [...transfers, "refund"],
      ],
      [
        "the receiver is one holder too many",
        async () => {
          await w.issuer.mint(w.alice.address, 1); // so that she stays
          await w.gate.ruleClass(w.token, { ...rules, homeLockUpSec: 0, maxHolderCount: 2 });
        },
        "ClassToken_TooManyHolders",
        [...transfers, "issue"],
      ],
    ];
    beforeEach(async () => {
      await w.issuer.accrue(100, 0);
      await w.token.connect(w.alice).approve(w.bob.address, 10_000);
    });

    it("nothing in the way: every verb gets through", async () => {
      for (const verb of Object.values(verbs)) {
        const before = await w.networkHelpers.takeSnapshot();
        await verb();
        await before.restore();
      }
    });
    for (const [title, obstacle, error, stopped] of rows) {
      it(`${stopped.includes("transfer") ? "M07: " : ""}${title}: ${error} for ${stopped.join(", ")}`, async () => {
        await obstacle();
        for (const [name, verb] of Object.entries(verbs)) {
          const before = await w.networkHelpers.takeSnapshot();
          if (stopped.includes(name as Verb)) {
            await expect(verb(), name).to.be.revertedWithCustomError(w.token, error);
          } else {
            await verb();
          }
          await before.restore();
        }
      });
    }
    it("M07: canTransfer says of each row what a transfer does", async () => {
      const can = () => w.token.canTransfer(w.alice.address, w.carol.address, 600);
      expect(await can()).to.equal(true);
      for (const [title, obstacle] of rows) {
        const before = await w.networkHelpers.takeSnapshot();
        await obstacle();
        expect(await can(), title).to.equal(false);
        await before.restore();
      }
    });
  });

  describe("lock-up", () => {
    it("ends to the second, counted from the last issue of the class; canSend and unlockAt say so", async () => {
      await w.gate.ruleClass(w.token, rules);
      await w.networkHelpers.time.increase(10 * DAY);
      await w.issuer.mint(w.bob.address, 1);
      const unlockAt = (await w.networkHelpers.time.latest()) + 365 * DAY;
      expect(await w.token.unlockAt(w.alice.address)).to.equal(unlockAt);
      await w.networkHelpers.time.setNextBlockTimestamp(unlockAt - 1);
      await expect(w.token.connect(w.alice).transfer(w.bob.address, 1))
        .to.be.revertedWithCustomError(w.token, "ClassToken_LockedUp")
        .withArgs(w.alice.address, unlockAt);
      expect(await w.token.canSend(w.alice.address)).to.equal(false);
      expect(await w.gate.canSend(w.alice.address)).to.equal(true);
      await w.networkHelpers.time.setNextBlockTimestamp(unlockAt);
      await w.token.connect(w.alice).transfer(w.bob.address, 1);
      expect(await w.token.canSend(w.alice.address)).to.equal(true);
    });

    it("is of the sender: who is abroad leaves after forty days, to holders at home who then wait on", async () => {
      await w.admit(w.mallory.address, FOREVER, FR);
      await w.issuer.mint(w.mallory.address, 100);
      await w.gate.ruleClass(w.token, rules);
      await w.networkHelpers.time.increase(40 * DAY);
      await w.token.connect(w.mallory).transfer(w.carol.address, 100);
      await expect(w.token.connect(w.carol).transfer(w.bob.address, 1)).to.be.revertedWithCustomError(
        w.token,
        "ClassToken_LockedUp",
      );
    });

    it("does not stop a listed contract that holds for others", async () => {
      const { issuer, token, gate } = w;
      await gate.listHolder(issuer, true);
      await token.connect(w.alice).transfer(issuer, 100);
      await gate.ruleClass(token, rules);
      expect(await token.canTransfer(issuer, w.bob.address, 100)).to.equal(true);
    });
  });

  describe("holders", () => {
    const limit = (maxHolderCount: number) =>
      w.gate.ruleClass(w.token, { ...rules, homeLockUpSec: 0, abroadLockUpSec: 0, maxHolderCount });

    it("are counted as they come and go", async () => {
      const { token, alice, bob, carol, issuer } = w;
      const count = async (after: Promise<unknown>) => {
        await after;
        return await token.holderCount();
      };
      expect(await token.holderCount()).to.equal(2);
      expect(await count(token.connect(alice).transfer(carol.address, 599))).to.equal(3);
      expect(await count(token.connect(alice).transfer(carol.address, 1))).to.equal(2);
      expect(await count(token.connect(carol).transfer(carol.address, 600))).to.equal(2);
      expect(await count(token.connect(carol).transfer(alice.address, 600))).to.equal(2);
      expect(await count(token.connect(alice).transfer(carol.address, 0))).to.equal(2);
      expect(await count(token.connect(carol).transfer(carol.address, 0))).to.equal(2);
      expect(await count(issuer.mint(carol.address, 0))).to.equal(2);
      expect(await count(issuer.mint(carol.address, 5))).to.equal(3);
      expect(await count(issuer.burn(carol.address, 4))).to.equal(3);
      expect(await count(issuer.burn(carol.address, 1))).to.equal(2);
      expect(await count(token.forcedTransfer(alice.address, carol.address, 600))).to.equal(2);
      expect(await count(token.recover(carol.address, bob.address))).to.equal(1);
    });

    it("at the limit pass shares among themselves, and to a newcomer when they leave", async () => {
      await limit(2);
      const { token, alice, bob, carol } = w;
      await token.connect(alice).transfer(bob.address, 1);
      await token.connect(alice).transfer(carol.address, 599);
      expect(await token.holderCount()).to.equal(2);
      await expect(token.connect(carol).transfer(alice.address, 1))
        .to.be.revertedWithCustomError(token, "ClassToken_TooManyHolders")
        .withArgs(alice.address, 2);
      expect(await token.canTransfer(carol.address, alice.address, 598)).to.equal(false);
      expect(await token.canTransfer(carol.address, alice.address, 599)).to.equal(true);
      expect(await token.canTransfer(carol.address, bob.address, 1)).to.equal(true);
      expect(await token.canTransfer(carol.address, alice.address, 0)).to.equal(true);
      await token.connect(carol).transfer(alice.address, 0);
      await limit(3);
      await token.connect(carol).transfer(alice.address, 1);
    });

    it("above a limit that came later stay, and no more come", async () => {
      await limit(1);
      const { token, alice, bob, carol } = w;
      await token.connect(alice).transfer(bob.address, 1);
      await token.connect(alice).transfer(carol.address, 599); // for Alice
      await expect(token.connect(bob).transfer(alice.address, 1))
        .to.be.revertedWithCustomError(token, "ClassToken_TooManyHolders")
        .withArgs(alice.address, 1);
    });
  });
});
