import { expect } from "chai";
import { US } from "./facility-world.ts";
import { createGate, INSTITUTIONAL, NONE, PROFESSIONAL, RETAIL } from "./gate-world.ts";

const FR = "0x4652";
const DAY = 86_400;
const [REG_D_SEC, REG_S_SEC] = [365 * DAY, 40 * DAY];
const rules = {
  ...{ maxHolderCount: 99, homeCountry: US, homeLockUpSec: REG_D_SEC, abroadLockUpSec: REG_S_SEC },
  freeCategory: NONE as number,
};

describe("Gate: classes", () => {
  let w: Awaited<ReturnType<typeof createGate>>;
  let token: string;
  beforeEach(async () => {
    w = await createGate();
    token = w.other.address; // any address may be a class
  });

  const passage = async (from: string, to = from) => [...(await w.gate.passage(token, from, to))];
  const lockUpSec = async (country: string, category: number) => {
    const holder = w.ethers.Wallet.createRandom().address;
    await w.present({ holder, country, category });
    return Number((await passage(holder))[2]);
  };

  describe("the table of lock-ups", () => {
    it("a contract listed as a holder is free, its credential notwithstanding", async () => {
      await w.gate.ruleClass(token, rules);
      const contract = await w.gate.getAddress();
      await w.gate.listHolder(contract, true);
      expect(await passage(contract)).to.deep.equal([true, true, 0n, 99n]);
      await w.present({ holder: contract });
      expect((await passage(contract))[2]).to.equal(0n);
      await w.gate.listHolder(contract, false);
      expect((await passage(contract))[2]).to.equal(BigInt(REG_D_SEC));
    });

    it("who never had a credential is free; who had one that lapsed is not", async () => {
      await w.gate.ruleClass(token, rules);
      expect(await passage(w.alice.address)).to.deep.equal([true, false, 0n, 99n]);
      await w.present();
      await w.gate.connect(w.provider).revoke(w.alice.address);
      expect(await passage(w.alice.address)).to.deep.equal([true, false, BigInt(REG_D_SEC), 99n]);
    });

    it("from the free category on holders are free, below it not", async () => {
      await w.gate.ruleClass(token, { ...rules, freeCategory: PROFESSIONAL });
      expect(await lockUpSec(US, RETAIL)).to.equal(REG_D_SEC);
      expect(await lockUpSec(US, PROFESSIONAL)).to.equal(0);
      expect(await lockUpSec(FR, INSTITUTIONAL)).to.equal(0);
    });

    it("at home holders are locked up as at home, of every category when none is free", async () => {
      await w.gate.ruleClass(token, rules);
      for (const category of [RETAIL, PROFESSIONAL, INSTITUTIONAL]) {
        expect(await lockUpSec(US, category)).to.equal(REG_D_SEC);
      }
    });

    it("anywhere else as abroad, with or without one at home", async () => {
      await w.gate.ruleClass(token, rules);
      expect(await lockUpSec(FR, RETAIL)).to.equal(REG_S_SEC);
      await w.gate.ruleClass(token, { ...rules, homeLockUpSec: 0 });
      expect([await lockUpSec(FR, RETAIL), await lockUpSec(US, RETAIL)]).to.deep.equal([REG_S_SEC, 0]);
      await w.gate.ruleClass(token, { ...rules, abroadLockUpSec: 0 });
      expect([await lockUpSec(FR, RETAIL), await lockUpSec(US, RETAIL)]).to.deep.equal([0, REG_D_SEC]);
    });

    it("a class without rules has no lock-up and no limit, whatever another class has", async () => {
      await w.gate.ruleClass(w.mallory.address, rules);
      await w.present();
      expect(await passage(w.alice.address)).to.deep.equal([true, true, 0n, 0n]);
    });
  });

  describe("passage", () => {
    it("says of each side what canSend and canReceive say", async () => {
      await w.present();
      const { alice, mallory, gate } = w;
      const sides = async () => [
        (await passage(alice.address, mallory.address)).slice(0, 2),
        (await passage(mallory.address, alice.address)).slice(0, 2),
      ];
      expect(await sides()).to.deep.equal([
        [true, false],
        [true, true],
      ]);
      await gate.freeze(alice.address, true);
      expect(await sides()).to.deep.equal([
        [false, false],
        [true, false],
      ]);
    });
  });

  describe("ruleClass", () => {
    it("sets all of it at once and says so", async () => {
      await expect(w.gate.ruleClass(token, rules)).to.emit(w.gate, "ClassRuled").withArgs(token, Object.values(rules));
      expect(await w.gate.rulesOf(token)).to.deep.equal([99n, US, BigInt(REG_D_SEC), BigInt(REG_S_SEC), BigInt(NONE)]);
    });

    it("refuses a home that is no country", async () => {
      await expect(w.gate.ruleClass(token, { ...rules, homeCountry: "0x0000" }))
        .to.be.revertedWithCustomError(w.gate, "Gate_BadCountry")
        .withArgs("0x0000");
    });
  });

  describe("countries and providers", () => {
    const letters = Array.from({ length: 26 }, (_, i) => (0x41 + i).toString(16));
    const countries = letters.flatMap((first) => letters.map((second) => `0x${first}${second}`));

    it("blocks the country named and no other", async () => {
      for (const country of ["0x4141", "0x4241", "0x475a", "0x4841", "0x5a5a"]) {
        await w.gate.blockCountry(country, true);
        expect(await Promise.all(countries.map((other) => w.gate.isBlockedCountry(other)))).to.deep.equal(
          countries.map((other) => other === country),
        );
        expect(await w.gate.isProvider(w.provider.address)).to.equal(true);
        await w.gate.blockCountry(country, false);
      }
      await expect(w.gate.isBlockedCountry("0x5a5b")).to.be.revertedWithCustomError(w.gate, "Gate_BadCountry");
    });

    it("judges each holder by the bits of its own country and provider, in every word", async () => {
      await w.gate.listProvider(w.other.address, true);
      const holders = await Promise.all(
        ["0x4145", "0x4652", "0x4b50", "0x5553", "0x5a57"].map(async (country, i) => {
          const holder = w.ethers.Wallet.createRandom().address;
          const provider = i % 2 === 0 ? w.provider : w.other;
          const changed = { holder, country, provider: provider.address };
          await w.gate.present({ ...w.credential, ...changed }, await w.sign(changed, provider));
          return { holder, country };
        }),
      );
      const verified = () => Promise.all(holders.map(({ holder }) => w.gate.isVerified(holder)));
      for (const [i, { country }] of holders.entries()) {
        await w.gate.blockCountry(country, true);
        expect(await verified()).to.deep.equal(holders.map((_, k) => k !== i));
        await w.gate.blockCountry(country, false);
      }
      await w.gate.listProvider(w.other.address, false);
      expect(await verified()).to.deep.equal([true, false, true, false, true]);
      await w.gate.listProvider(w.other.address, true);
      await w.gate.listProvider(w.provider.address, false);
      expect(await verified()).to.deep.equal([false, true, false, true, false]);
    });

    it("lists 74 providers and no more; one that was delisted keeps its place", async () => {
      const { gate, mallory, provider } = w;
      const more = (await gate.MAX_PROVIDER_COUNT()) - 1n;
      for (let n = 0n; n < more; n++) await gate.listProvider(w.ethers.toBeHex(n + 1n, 20), true);
      await expect(gate.listProvider(mallory.address, true))
        .to.be.revertedWithCustomError(gate, "Gate_TooManyProviders")
        .withArgs(mallory.address, 74);
      expect([await gate.isProvider(w.ethers.toBeHex(more, 20)), await gate.isProvider(mallory.address)]).to.deep.equal(
        [true, false],
      );
      await gate.listProvider(provider.address, false);
      expect(await gate.isProvider(provider.address)).to.equal(false);
      await gate.listProvider(provider.address, true);
      await w.present();
      expect(await w.rights()).to.deep.equal([true, true, true]);
    });
  });
});
