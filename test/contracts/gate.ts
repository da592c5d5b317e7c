import { expect } from "chai";
import { FOREVER, US } from "./facility-world.ts";
import { createGate, NONE, PROFESSIONAL, RETAIL } from "./gate-world.ts";

const CU = "0x4355";
const NO_RULES = { maxHolderCount: 0, homeCountry: US, homeLockUpSec: 0, abroadLockUpSec: 0, freeCategory: NONE };
const YEAR = 365 * 86_400;

describe("Gate", () => {
  let w: Awaited<ReturnType<typeof createGate>>;
  beforeEach(async () => {
    w = await createGate();
  });

  describe("the decision table", () => {
    it("an account without a credential may only send", async () => {
      expect(await w.rights()).to.deep.equal([false, true, false]);
    });

    it("an account with a valid credential may do both and is verified", async () => {
      await w.present();
      expect(await w.rights()).to.deep.equal([true, true, true]);
      expect(await w.gate.holderOf(w.alice.address)).to.deep.equal([
        w.provider.address,
        BigInt(w.now + YEAR),
        US,
        BigInt(PROFESSIONAL),
        1n, // the first provider
        false,
        false,
      ]);
    });

    it("M08: an expired holder may send, to the second", async () => {
      await w.present();
      await w.networkHelpers.time.increaseTo(w.now + YEAR - 1);
      expect(await w.rights()).to.deep.equal([true, true, true]);
      await w.networkHelpers.time.increaseTo(w.now + YEAR);
      expect(await w.rights()).to.deep.equal([false, true, false]);
    });

    it("a frozen account may do nothing, its credential or listing notwithstanding", async () => {
      await w.present();
      await w.gate.freeze(w.alice.address, true);
      expect(await w.rights()).to.deep.equal([false, false, false]);
      await w.gate.freeze(w.alice.address, false);
      expect(await w.rights()).to.deep.equal([true, true, true]);

      const market = await w.gate.getAddress();
      await w.gate.listHolder(market, true);
      await w.gate.freeze(market, true);
      expect(await w.rights(market)).to.deep.equal([false, false, false]);
    });

    it("a holder of a blocked country may send", async () => {
      await w.present({ country: CU });
      await w.gate.blockCountry(CU, true);
      expect(await w.rights()).to.deep.equal([false, true, false]);
      await w.gate.blockCountry(CU, false);
      expect(await w.rights()).to.deep.equal([true, true, true]);
    });

    it("a holder whose provider was delisted may send", async () => {
      await w.present();
      await w.gate.listProvider(w.provider.address, false);
      expect(await w.rights()).to.deep.equal([false, true, false]);
    });

    it("a holder below the gate's category may send", async () => {
      await w.present({ category: RETAIL });
      expect(await w.rights()).to.deep.equal([false, true, false]);
    });

    it("a listed contract may do both and is not verified", async () => {
      const market = await w.gate.getAddress();
      await w.gate.listHolder(market, true);
      expect(await w.rights(market)).to.deep.equal([true, true, false]);
      await w.gate.listHolder(market, false);
      expect(await w.rights(market)).to.deep.equal([false, true, false]);
    });
  });

  describe("present", () => {
    it("records the credential and says all of it", async () => {
      await expect(w.present())
        .to.emit(w.gate, "Presented")
        .withArgs(w.alice.address, w.provider.address, US, PROFESSIONAL, w.now, w.now + YEAR);
    });

    it("replaces a credential by a newer one", async () => {
      await w.present();
      await w.present({ issuedAt: w.now + 1, expiresAt: w.now + 2 * YEAR });
      expect((await w.gate.holderOf(w.alice.address)).expiresAt).to.equal(w.now + 2 * YEAR);
    });

    it("refuses the same and an older credential, of any provider", async () => {
      await w.present();
      for (const issuedAt of [w.now, w.now - 1]) {
        await expect(w.present({ issuedAt }))
          .to.be.revertedWithCustomError(w.gate, "Gate_CredentialNotNewer")
          .withArgs(w.alice.address, issuedAt, w.now);
      }
      await w.gate.listProvider(w.other.address, true);
      const older = { provider: w.other.address, issuedAt: w.now - 1 };
      await expect(w.gate.present({ ...w.credential, ...older }, await w.sign(older, w.other)))
        .to.be.revertedWithCustomError(w.gate, "Gate_CredentialNotNewer")
        .withArgs(w.alice.address, w.now - 1, w.now);
    });

    it("refuses a provider that is not listed", async () => {
      const changed = { provider: w.mallory.address };
      await expect(w.gate.present({ ...w.credential, ...changed }, await w.sign(changed, w.mallory)))
        .to.be.revertedWithCustomError(w.gate, "Gate_UnknownProvider")
        .withArgs(w.mallory.address);
    });

    it("refuses every changed field, another signer, contract and chain", async () => {
      const good = await w.sign();
      const forged = [
        { ...w.credential, holder: w.mallory.address },
        { ...w.credential, country: "0x4742" },
        { ...w.credential, category: 3 },
        { ...w.credential, issuedAt: w.now - 1 },
        { ...w.credential, expiresAt: FOREVER },
      ];
      for (const credential of forged) {
        await expect(w.gate.present(credential, good)).to.be.revertedWithCustomError(w.gate, "Gate_BadSignature");
      }
      const strange = [
        await w.sign({}, w.mallory),
        await w.sign({}, w.provider, { verifyingContract: w.mallory.address }),
        await w.sign({}, w.provider, { chainId: 1n }),
        "0x",
      ];
      for (const signature of strange) {
        await expect(w.gate.present(w.credential, signature))
          .to.be.revertedWithCustomError(w.gate, "Gate_BadSignature")
          .withArgs(w.alice.address, w.provider.address);
      }
    });

    it("refuses a credential from the future, an expired one, no category and a country that is none", async () => {
      const [issuedAt, expiresAt] = [w.now + 1000, w.now - 1];
      await expect(w.present({ issuedAt })).to.be.revertedWithCustomError(w.gate, "Gate_CredentialFromFuture");
      await expect(w.present({ issuedAt: w.now - 2, expiresAt })).to.be.revertedWithCustomError(
        w.gate,
        "Gate_CredentialExpired",
      );
      await expect(w.present({ category: NONE })).to.be.revertedWithCustomError(w.gate, "Gate_BadCategory");
      for (const country of ["0x7573", "0x5500", "0x405a", "0x5b5a", "0x5a40", "0x5a5b"]) {
        await expect(w.present({ country })).to.be.revertedWithCustomError(w.gate, "Gate_BadCountry").withArgs(country);
      }
    });
  });

  describe("revoke", () => {
    it("ends the credential, and what was signed before and not presented", async () => {
      await w.present({ issuedAt: w.now - 10 });
      await w.gate.connect(w.provider).revoke(w.alice.address);
      const voidUntilAt = await w.networkHelpers.time.latest();
      expect(await w.rights()).to.deep.equal([false, true, false]);
      await expect(w.present({ issuedAt: w.now }))
        .to.be.revertedWithCustomError(w.gate, "Gate_CredentialRevoked")
        .withArgs(w.alice.address, w.provider.address, w.now, voidUntilAt);
      await w.present({ issuedAt: voidUntilAt + 1 });
      expect(await w.rights()).to.deep.equal([true, true, true]);
    });

    it("leaves another provider's credential", async () => {
      await w.gate.listProvider(w.other.address, true);
      await w.present();
      await w.gate.connect(w.other).revoke(w.alice.address);
      expect(await w.rights()).to.deep.equal([true, true, true]);
    });

    it("refuses a stranger", async () => {
      await expect(w.gate.connect(w.mallory).revoke(w.alice.address))
        .to.be.revertedWithCustomError(w.gate, "Gate_UnknownProvider")
        .withArgs(w.mallory.address);
    });
  });

  describe("administration", () => {
    it("M24: refuses a stranger on each verb", async () => {
      const gate = w.gate.connect(w.mallory);
      const calls = [
        () => gate.listProvider(w.mallory.address, true),
        () => gate.blockCountry(CU, true),
        () => gate.listHolder(w.mallory.address, true),
        () => gate.freeze(w.alice.address, true),
        () => gate.ruleClass(w.alice.address, NO_RULES),
      ];
      for (const call of calls) {
        await expect(call())
          .to.be.revertedWithCustomError(gate, "AccessManagedUnauthorized")
          .withArgs(w.mallory.address);
      }
    });

    it("refuses to list an account without code, or to block what is no country", async () => {
      await expect(w.gate.listHolder(w.alice.address, true))
        .to.be.revertedWithCustomError(w.gate, "Gate_NoCode")
        .withArgs(w.alice.address);
      await expect(w.gate.blockCountry("0x0000", true))
        .to.be.revertedWithCustomError(w.gate, "Gate_BadCountry")
        .withArgs("0x0000");
    });
  });
});
