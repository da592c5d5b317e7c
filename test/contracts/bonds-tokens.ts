import { expect } from "chai";
import { Bonds__factory } from "../../types/factories/bond/Bonds__factory.ts";
import * as world from "./bonds-world.ts";

const { ethers, networkHelpers, UNBONDING_SEC } = world;

describe("Bonds and tokens", () => {
  let w: Awaited<ReturnType<typeof world.deployBonds>>;
  let expiresAt: bigint;
  beforeEach(async () => {
    w = await networkHelpers.loadFixture(world.deployBonds);
    expiresAt = BigInt(await networkHelpers.time.latest()) + 10_000n;
  });

  /** Every way in, and every way out at its time: a withdrawal, a claim, a claim elsewhere and an ended cover. */
  const ways = async (bonds = w.bonds) => {
    const own = bonds.connect(w.operator);
    const payIn = [() => own.post(w.lotBond, 1000n), () => bonds.connect(w.insurer).giveCover(1, 100n, expiresAt)];
    for (const way of payIn) await way();
    await own.startUnbonding(w.lotBond, 500n);
    await bonds.connect(w.court).slash(w.lotBond, world.FAULT, 200n, w.prover, w.injured, 1_000n, 0n);
    await networkHelpers.time.increaseTo(expiresAt + UNBONDING_SEC + 1n);
    const payOut = [
      () => own.withdraw(w.lotBond, w.operator),
      () => bonds.claim(w.injured),
      () => bonds.connect(w.prover).claimTo(w.stranger),
      () => bonds.connect(w.insurer).endCover(1, 0, w.insurer),
    ];
    return { payIn, payOut };
  };

  it("M05: a token that returns nothing works through every verb", async () => {
    const tether = await ethers.deployContract("MockTether");
    const bonds = await new Bonds__factory(w.admin).deploy(w.manager, { ...w.settings, asset: tether });
    const authority = await ethers.getContractAt("Authority", w.manager);
    await authority.setTargetFunctionRole(bonds, [bonds.interface.getFunction("slash").selector], 7n);
    for (const account of [w.operator, w.insurer]) {
      await tether.mint(account, 1000n);
      await tether.connect(account).approve(bonds, 1000n);
    }
    const { payOut } = await ways(bonds);
    for (const way of payOut) await way();
    expect(await tether.balanceOf(bonds)).to.equal(await bonds.ledgerAssets());
    expect(await tether.balanceOf(w.injured)).to.equal(180n);
  });

  it("M05: a token that delivers less, returns false or is paused is refused, state unchanged", async () => {
    const { payIn, payOut } = await ways();
    const state = async () => [
      ...[await w.bonds.ledgerAssets(), await w.bonds.coverCount(1), ...(await w.bonds.bonds(w.lotBond))],
      ...[await w.bonds.claimableAssets(w.injured), await w.bonds.claimableAssets(w.prover)],
    ];
    const before = await state();
    expiresAt += 2n ** 20n;
    await w.coin.setFee(100n);
    for (const way of payIn) await expect(way()).to.be.revertedWithCustomError(w.bonds, "Settlement_WrongAmount");
    await w.coin.setFee(0n);
    await w.coin.setReturnsFalse(true);
    for (const way of [...payIn, ...payOut]) {
      await expect(way()).to.be.revertedWithCustomError(w.bonds, "SafeERC20FailedOperation");
    }
    await w.coin.setReturnsFalse(false);
    await w.coin.setPaused(true);
    for (const way of [...payIn, ...payOut]) {
      await expect(way()).to.be.revertedWithCustomError(w.coin, "MockToken_Paused");
    }
    await w.coin.setPaused(false);
    expect(await state()).to.deep.equal(before);
    for (const way of payOut) await way();
  });

  it("M02: a donation is nobody's: no stake, claim or cover is worth more", async () => {
    await ways();
    const before = [await w.bonds.stakeOf(w.lotBond, w.operator), await w.bonds.ledgerAssets()];
    await w.coin.mint(w.bonds, 12_345n);
    expect([await w.bonds.stakeOf(w.lotBond, w.operator), await w.bonds.ledgerAssets()]).to.deep.equal(before);
  });

  it("M06: a receiver that the token refuses blocks nobody, and keeps its claim", async () => {
    await w.bonds.connect(w.operator).post(w.lotBond, 1000n);
    for (const account of [w.injured, w.prover, w.operator]) await w.coin.setBlacklisted(account, true);
    await w.slash(200n);
    await expect(w.bonds.claim(w.injured)).to.be.revertedWithCustomError(w.coin, "MockToken_Blacklisted");
    expect(await w.bonds.claimableAssets(w.injured)).to.equal(180n);
    const claimed = w.bonds.connect(w.injured).claimTo(w.stranger);
    await expect(claimed).to.changeTokenBalance(ethers, w.coin, w.stranger, 180n);
    await w.bonds.connect(w.operator).startUnbonding(w.lotBond, 800n);
    await networkHelpers.time.increase(UNBONDING_SEC);
    const withdrawn = w.bonds.connect(w.operator).withdraw(w.lotBond, w.stranger);
    await expect(withdrawn).to.changeTokenBalance(ethers, w.coin, w.stranger, 800n);
    await w.coin.setBlacklisted(w.prover, false);
    await w.bonds.connect(w.stranger).claim(w.prover);
    expect(await w.coin.balanceOf(w.prover)).to.equal(20n);
    for (const account of [w.prover, w.stranger]) {
      await expect(w.bonds.claim(account))
        .to.be.revertedWithCustomError(w.bonds, "Bonds_NothingToClaim")
        .withArgs(account.address);
    }
  });

  it("M04: a token that calls back in the middle of a transfer changes nothing a second time", async () => {
    const { payIn, payOut } = await ways();
    expiresAt += 2n ** 20n;
    const { interface: verbs } = w.bonds;
    const again = [
      verbs.encodeFunctionData("claim", [w.injured.address]),
      verbs.encodeFunctionData("claim", [w.prover.address]),
      verbs.encodeFunctionData("meetLoss", [world.FAULT, 1]),
      verbs.encodeFunctionData("slashDuplicate", [1]),
    ];
    for (const way of [...payIn, ...payOut]) {
      const snapshot = await networkHelpers.takeSnapshot();
      for (const call of again) {
        await w.coin.setHook(w.bonds, call);
        await way();
        expect(await w.coin.hookPassed()).to.equal(false);
        expect(await w.coin.balanceOf(w.bonds)).to.equal(await w.bonds.ledgerAssets());
        await snapshot.restore();
      }
    }
  });

  it("M30: what is read in the middle of a transfer is what is true after it", async () => {
    const { payOut } = await ways();
    const read = w.bonds.interface.encodeFunctionData("ledgerAssets");
    await w.coin.setHook(w.bonds, read);
    for (const way of payOut) {
      await way();
      expect(await w.coin.hookWord()).to.equal(ethers.toBeHex(await w.bonds.ledgerAssets(), 32));
    }
  });
});
