import { expect } from "chai";
import { ZeroAddress, id, toBeHex } from "ethers";
import { Bonds__factory } from "../../types/factories/bond/Bonds__factory.ts";
import * as world from "./bonds-world.ts";
import { MODEL } from "./reports.ts";

const { ethers, networkHelpers, FAULT, LOT_BOND, ORACLE_BOND, UNBONDING_SEC } = world;

describe("Bonds", () => {
  let w: Awaited<ReturnType<typeof world.deployBonds>>;
  beforeEach(async () => {
    w = await networkHelpers.loadFixture(world.deployBonds);
  });

  const operator = () => w.bonds.connect(w.operator);
  const stakeOf = async (owner: { address: string } = w.operator, bondId = w.lotBond) => [
    ...(await w.bonds.stakeOf(bondId, owner.address)),
  ];
  const refused = async (call: Promise<unknown>, error: string, ...facts: unknown[]) =>
    await expect(call)
      .to.be.revertedWithCustomError(w.bonds, error)
      .withArgs(...facts);
  const nextAt = async () => BigInt(await networkHelpers.time.latest()) + 1n;

  describe("a deployment", () => {
    const deploy = (changed: object) => new Bonds__factory(w.admin).deploy(w.manager, { ...w.settings, ...changed });

    it("refuses an unbonding time that is not longer than a report can be late and challenged", async () => {
      const windowsSec = world.CHALLENGE_SEC + world.MAX_DELAY_SEC;
      await refused(deploy({ unbondingSec: windowsSec }), "Bonds_UnbondingTooShort", windowsSec, windowsSec);
      await deploy({ unbondingSec: windowsSec + 1n });
    });

    it("refuses shares above the whole, and no treasury", async () => {
      await refused(deploy({ lotBondBps: 10_001n }), "Bonds_BadShares", 10_001n, world.BOUNTY_BPS);
      await refused(deploy({ proverBountyBps: 10_001n }), "Bonds_BadShares", 500n, 10_001n);
      await refused(deploy({ treasury: ZeroAddress }), "Bonds_NoAddress");
    });

    it("says what a lot's and an oracle's bond have to hold; the share of an odd cost is rounded up", async () => {
      expect(await w.bonds.requiredLotAssets(1)).to.equal(LOT_BOND);
      expect(await w.bonds.requiredOracleAssets()).to.equal(ORACLE_BOND);
      await w.registry.connect(w.operator).registerLot(1, id(MODEL), 1, 21n, 1, id("boards"));
      expect(await w.bonds.requiredLotAssets(3)).to.equal(2n); // 5 % of 21
    });
  });

  describe("post", () => {
    it("adds to the bond of a lot or an oracle, whoever pays", async () => {
      const sent = operator().post(w.lotBond, 700n);
      await expect(sent).to.emit(w.bonds, "Posted").withArgs(w.lotBond, w.operator.address, 700n, 700n);
      await expect(sent).to.changeTokenBalances(ethers, w.coin, [w.operator, w.bonds], [-700n, 700n]);
      await w.bonds.connect(w.stranger).post(w.lotBond, 300n);
      await w.bonds.connect(w.stranger).post(w.oracleBond, 5n);
      expect(await stakeOf()).to.deep.equal([700n, 0n, 0n]);
      expect(await stakeOf(w.stranger)).to.deep.equal([300n, 0n, 0n]);
      expect(await w.bonds.slashableAssets(w.lotBond)).to.equal(1000n);
      expect(await w.bonds.standingAssets(w.oracleBond)).to.equal(5n);
      expect(await w.bonds.ledgerAssets()).to.equal(1005n);
    });

    it("refuses nothing, the bond of a lot or signer that is none, and what is no bond's id", async () => {
      await refused(operator().post(w.lotBond, 0n), "Bonds_NoAmount");
      await expect(operator().post(await w.bonds.lotBondId(3), 1n))
        .to.be.revertedWithCustomError(w.registry, "Registry_UnknownLot")
        .withArgs(3);
      for (const bondId of [
        ...[await w.bonds.oracleBondId(ZeroAddress), toBeHex(0, 32), toBeHex(3n << 248n, 32)],
        ...[toBeHex((1n << 248n) | (1n << 64n) | 1n, 32), toBeHex((2n << 248n) | (1n << 160n) | 1n, 32)],
      ]) {
        await refused(operator().post(bondId, 1n), "Bonds_UnknownBond", bondId);
      }
    });
  });

  describe("startUnbonding, cancelUnbonding and withdraw", () => {
    beforeEach(() => operator().post(w.lotBond, 1000n));

    it("pays what was asked for once it has waited, to the second, wherever the owner says", async () => {
      const unbondsAt = (await nextAt()) + UNBONDING_SEC;
      await expect(operator().startUnbonding(w.lotBond, 400n))
        .to.emit(w.bonds, "UnbondingStarted")
        .withArgs(w.lotBond, w.operator.address, 400n, unbondsAt);
      expect(await stakeOf()).to.deep.equal([600n, 400n, unbondsAt]);
      expect(await w.bonds.standingAssets(w.lotBond)).to.equal(600n);
      await networkHelpers.time.setNextBlockTimestamp(unbondsAt - 1n);
      await refused(
        operator().withdraw(w.lotBond, w.stranger),
        ...(["Bonds_StillUnbonding", w.lotBond, unbondsAt, unbondsAt - 1n] as const),
      );
      await networkHelpers.time.setNextBlockTimestamp(unbondsAt);
      const sent = operator().withdraw(w.lotBond, w.stranger);
      await expect(sent).to.emit(w.bonds, "Withdrawn");
      await expect(sent).to.changeTokenBalances(ethers, w.coin, [w.bonds, w.stranger], [-400n, 400n]);
      expect(await stakeOf()).to.deep.equal([600n, 0n, unbondsAt]);
      await refused(
        operator().withdraw(w.lotBond, w.operator),
        ...(["Bonds_NotUnbonding", w.lotBond, w.operator.address] as const),
      );
    });

    it("makes what was asked for before wait anew, and takes it back whole", async () => {
      await operator().startUnbonding(w.lotBond, 400n);
      await networkHelpers.time.increase(UNBONDING_SEC - 1n);
      await operator().startUnbonding(w.lotBond, 1n);
      expect((await stakeOf()).slice(0, 2)).to.deep.equal([599n, 401n]);
      await networkHelpers.time.increase(UNBONDING_SEC - 2n);
      await expect(operator().withdraw(w.lotBond, w.operator)).to.be.revertedWithCustomError(
        w.bonds,
        "Bonds_StillUnbonding",
      );
      await expect(operator().cancelUnbonding(w.lotBond))
        .to.emit(w.bonds, "UnbondingCancelled")
        .withArgs(w.lotBond, w.operator.address, 401n);
      expect((await stakeOf()).slice(0, 2)).to.deep.equal([1000n, 0n]);
      await refused(
        operator().cancelUnbonding(w.lotBond),
        ...(["Bonds_NotUnbonding", w.lotBond, w.operator.address] as const),
      );
    });

    it("refuses nothing, more than the stake, and what is another's", async () => {
      await refused(operator().startUnbonding(w.lotBond, 0n), "Bonds_NoAmount");
      await refused(
        operator().startUnbonding(w.lotBond, 1001n),
        ...(["Bonds_OverStake", w.lotBond, w.operator.address, 1001n, 1000n] as const),
      );
      const other = w.bonds.connect(w.stranger);
      await refused(
        other.startUnbonding(w.lotBond, 1n),
        ...(["Bonds_OverStake", w.lotBond, w.stranger.address, 1n, 0n] as const),
      );
      await refused(
        other.withdraw(w.lotBond, w.stranger),
        ...(["Bonds_NotUnbonding", w.lotBond, w.stranger.address] as const),
      );
    });

    it("keeps a lot's bond at the required sum while a lien is held, to the unit", async () => {
      await w.pledge();
      await refused(operator().startUnbonding(w.lotBond, 1n), "Bonds_UnderRequired", w.lotBond, 999n, LOT_BOND);
      await w.bonds.connect(w.stranger).post(w.lotBond, LOT_BOND - 999n);
      await operator().startUnbonding(w.lotBond, 1n);
      await expect(operator().startUnbonding(w.lotBond, 1n)).to.be.revertedWithCustomError(
        w.bonds,
        "Bonds_UnderRequired",
      );
      await w.registry.connect(w.injured).releaseLien(1);
      await operator().startUnbonding(w.lotBond, 999n);
    });

    it("pays nothing that a lien taken, or a rotation, since has come to need, until what stands is enough", async () => {
      await w.bonds.connect(w.stranger).post(w.lotBond, LOT_BOND - 1n);
      await operator().startUnbonding(w.lotBond, 1000n);
      await w.pledge();
      const own = w.bonds.connect(w.signer);
      await own.post(w.oracleBond, ORACLE_BOND);
      await own.startUnbonding(w.oracleBond, ORACLE_BOND);
      await w.windows.setSigners([w.signer]);
      await networkHelpers.time.increase(UNBONDING_SEC);
      await refused(
        operator().withdraw(w.lotBond, w.operator),
        ...(["Bonds_UnderRequired", w.lotBond, LOT_BOND - 1n, LOT_BOND] as const),
      );
      await refused(
        own.withdraw(w.oracleBond, w.signer),
        ...(["Bonds_UnderRequired", w.oracleBond, 0n, ORACLE_BOND] as const),
      );
      await w.windows.setSigners([w.stranger]);
      await own.withdraw(w.oracleBond, w.signer);
      await w.bonds.connect(w.stranger).post(w.lotBond, 1n);
      await expect(operator().withdraw(w.lotBond, w.operator)).to.changeTokenBalance(ethers, w.coin, w.operator, 1000n);
    });

    it("keeps an oracle's bond at the required sum while it is a signer", async () => {
      const own = w.bonds.connect(w.signer);
      await own.post(w.oracleBond, ORACLE_BOND);
      await w.windows.setSigners([w.stranger, w.signer]);
      await refused(
        own.startUnbonding(w.oracleBond, 1n),
        ...(["Bonds_UnderRequired", w.oracleBond, ORACLE_BOND - 1n, ORACLE_BOND] as const),
      );
      await w.windows.setSigners([w.stranger]);
      await own.startUnbonding(w.oracleBond, ORACLE_BOND);
    });
  });

  describe("slash", () => {
    beforeEach(() => operator().post(w.lotBond, 1000n));

    it("gives the bounty, burns, and credits the rest as claims; the parts are the whole, to the unit", async () => {
      await expect(w.slash(333n, { bps: [1_000n, 2_500n] }))
        .to.emit(w.bonds, "Slashed")
        .withArgs(w.lotBond, FAULT, w.injured.address, 333n, 333n, w.prover.address, 33n, 83n);
      expect(await w.bonds.claimableAssets(w.prover)).to.equal(33n);
      expect(await w.bonds.claimableAssets(w.injured)).to.equal(217n);
      expect(await w.bonds.burnedAssets()).to.equal(83n);
      expect(await w.bonds.ledgerAssets()).to.equal(1000n);
      expect(await stakeOf()).to.deep.equal([667n, 0n, 0n]);
      const claimed = w.bonds.claim(w.injured);
      await expect(claimed).to.changeTokenBalances(ethers, w.coin, [w.bonds, w.injured], [-217n, 217n]);
    });

    it("gives what has no receiver to the treasury", async () => {
      await w.slash(1000n, { bountyTo: ZeroAddress, injured: ZeroAddress });
      expect(await w.bonds.claimableAssets(w.treasury)).to.equal(1000n);
    });

    it("M32: takes once a fault, of each bond", async () => {
      await w.slash(100n);
      await refused(w.slash(100n), "Bonds_AlreadySlashed", w.lotBond, FAULT);
      await w.slash(100n, { faultId: id("another") });
      await w.slash(100n, { bondId: w.oracleBond });
      await refused(w.slash(1n, { bondId: w.oracleBond }), "Bonds_AlreadySlashed", w.oracleBond, FAULT);
      expect(await w.bonds.slashableAssets(w.lotBond)).to.equal(800n);
    });

    it("M32: takes from what is unbonding too, in equal parts, though its time has come", async () => {
      await w.bonds.connect(w.stranger).post(w.lotBond, 1000n);
      await operator().startUnbonding(w.lotBond, 1000n);
      await networkHelpers.time.increase(UNBONDING_SEC * 2n);
      await w.slash(500n);
      expect((await stakeOf())[1]).to.equal(750n);
      expect((await stakeOf(w.stranger))[0]).to.equal(750n);
      await expect(operator().withdraw(w.lotBond, w.operator)).to.changeTokenBalance(ethers, w.coin, w.operator, 750n);
      expect(await w.bonds.slashableAssets(w.lotBond)).to.equal(750n);
    });

    it("M32: takes at most what is there; who posts afterwards owes nothing for what went before", async () => {
      await operator().startUnbonding(w.lotBond, 400n);
      expect(await w.bonds.connect(w.court).slash.staticCall(w.lotBond, FAULT, 5000n, ...zeros(), 0, 0)).to.equal(
        1000n,
      );
      await w.slash(5000n);
      expect(await stakeOf()).to.deep.equal([0n, 0n, 0n]);
      for (const call of [
        () => operator().startUnbonding(w.lotBond, 1n),
        () => operator().cancelUnbonding(w.lotBond),
      ]) {
        await expect(call()).to.revert(ethers);
      }
      await w.bonds.connect(w.stranger).post(w.lotBond, 10n);
      expect(await stakeOf(w.stranger)).to.deep.equal([10n, 0n, 0n]);
      expect(await stakeOf()).to.deep.equal([0n, 0n, 0n]);
      await operator().post(w.lotBond, 30n);
      expect(await stakeOf()).to.deep.equal([30n, 0n, 0n]);
      await w.slash(4000n, { faultId: id("another") });
      expect(await w.bonds.slashableAssets(w.lotBond)).to.equal(0n);
      expect(await w.bonds.ledgerAssets()).to.equal(await w.coin.balanceOf(w.bonds));
    });

    it("M03: rounding is never to the advantage of who comes or goes after a slash", async () => {
      await w.slash(1n);
      for (let i = 0; i < 20; i++) await w.bonds.connect(w.stranger).post(w.lotBond, 1n);
      const [worth] = await stakeOf(w.stranger);
      expect(worth).to.be.lessThanOrEqual(20n);
      await w.bonds.connect(w.stranger).startUnbonding(w.lotBond, worth!);
      await networkHelpers.time.increase(UNBONDING_SEC);
      await w.bonds.connect(w.stranger).withdraw(w.lotBond, w.stranger);
      expect(await w.coin.balanceOf(w.stranger)).to.be.lessThanOrEqual(1_000_000n);
      expect((await stakeOf())[0]).to.be.greaterThanOrEqual(999n);
    });

    it("M24: refuses a stranger, the operator and the admin, and shares above the whole", async () => {
      for (const caller of [w.stranger, w.operator, w.admin]) {
        const call = w.bonds.connect(caller).slash(w.lotBond, FAULT, 1n, ...zeros(), 0, 0);
        await refused(call, "AccessManagedUnauthorized", caller.address);
      }
      await refused(w.slash(1n, { bps: [9_000n, 1_001n] }), "Bonds_BadShares", 9_000n, 1_001n);
      expect(await w.bonds.slashableAssets(w.lotBond)).to.equal(1000n);
    });

    it("names the injured: who holds the lien, else the treasury", async () => {
      expect(await w.bonds.injuredOf(1)).to.equal(w.treasury.address);
      await w.pledge();
      expect(await w.bonds.injuredOf(1)).to.equal(w.injured.address);
    });
  });

  const zeros = () => [ZeroAddress, ZeroAddress] as const;
});
