import { expect } from "chai";
import { id } from "ethers";
import * as world from "./bonds-world.ts";

const { ethers, networkHelpers, FAULT, UNBONDING_SEC } = world;

describe("Bonds: cover", () => {
  let w: Awaited<ReturnType<typeof world.deployBonds>>;
  let expiresAt: bigint;
  let lossId: string;
  beforeEach(async () => {
    w = await networkHelpers.loadFixture(world.deployBonds);
    expiresAt = BigInt(await networkHelpers.time.latest()) + 10_000n;
    lossId = await w.bonds.lossIdOf(w.lotBond, FAULT);
    await w.bonds.connect(w.operator).post(w.lotBond, 100n);
  });

  const give = (assets: bigint, untilAt = expiresAt, giver = w.insurer, lotId = 1) =>
    w.bonds.connect(giver).giveCover(lotId, assets, untilAt);
  const refused = async (call: Promise<unknown>, error: string, ...facts: unknown[]) =>
    await expect(call)
      .to.be.revertedWithCustomError(w.bonds, error)
      .withArgs(...facts);
  const left = async (coverIndex: number) => (await w.bonds.coverAt(1, coverIndex)).assets;

  it("pays what the bond did not meet, in the order in which covers were given", async () => {
    await expect(give(50n)).to.emit(w.bonds, "CoverGiven").withArgs(1, 0, w.insurer.address, 50n, expiresAt);
    await give(80n, expiresAt, w.stranger);
    await give(1000n);
    await expect(w.slash(300n)).to.emit(w.bonds, "LossUnmet").withArgs(lossId, 1, w.injured.address, 200n);
    await expect(w.bonds.meetLoss(lossId, 10))
      .to.emit(w.bonds, "LossMet")
      .withArgs(lossId, 1, 0, 50n)
      .and.to.emit(w.bonds, "LossMet")
      .withArgs(lossId, 1, 1, 80n)
      .and.to.emit(w.bonds, "LossMet")
      .withArgs(lossId, 1, 2, 70n);
    expect(await w.bonds.claimableAssets(w.injured)).to.equal(90n + 200n);
    expect([await left(0), await left(1), await left(2)]).to.deep.equal([0n, 0n, 930n]);
    await refused(w.bonds.meetLoss(lossId, 10), "Bonds_NoLoss", lossId);
    expect(await w.bonds.ledgerAssets()).to.equal(await w.coin.balanceOf(w.bonds));
  });

  it("M23: is walked in steps that the caller bounds", async () => {
    for (let i = 0; i < 5; i++) await give(10n);
    await w.slash(300n);
    for (const paid of [20n, 40n, 50n, 50n]) {
      await w.bonds.meetLoss(lossId, 2);
      expect(await w.bonds.claimableAssets(w.injured)).to.equal(90n + paid);
    }
    await w.bonds.meetLoss(lossId, 2n ** 256n - 1n);
    expect((await w.bonds.losses(lossId)).assets).to.equal(150n);
  });

  it("leaves to a second loss what the first one left", async () => {
    await give(150n);
    await w.slash(200n);
    await w.slash(200n, { faultId: id("another") });
    const secondId = await w.bonds.lossIdOf(w.lotBond, id("another"));
    await w.bonds.meetLoss(lossId, 1);
    await w.bonds.meetLoss(secondId, 1);
    expect(await left(0)).to.equal(0n);
    expect((await w.bonds.losses(secondId)).assets).to.equal(150n);
  });

  it("pays a loss proven in its last second, and none proven later or before it was given", async () => {
    const provenAt = expiresAt;
    await give(10n, provenAt - 1n);
    await give(20n, provenAt);
    await networkHelpers.time.setNextBlockTimestamp(provenAt);
    await w.slash(300n);
    await give(1000n, expiresAt + 5n);
    await networkHelpers.time.increase(UNBONDING_SEC - 10n);
    await w.bonds.meetLoss(lossId, 9);
    expect(await w.bonds.claimableAssets(w.injured)).to.equal(90n + 20n);
    expect([await left(0), await left(1), await left(2)]).to.deep.equal([10n, 0n, 1000n]);
  });

  it("owes nothing to the treasury, for an oracle, or where the bond met it all", async () => {
    await give(1000n);
    await w.slash(300n, { injured: w.treasury.address });
    await refused(w.bonds.meetLoss(lossId, 9), "Bonds_NoLoss", lossId);
    await w.slash(300n, { bondId: w.oracleBond });
    const oracleLossId = await w.bonds.lossIdOf(w.oracleBond, FAULT);
    await refused(w.bonds.meetLoss(oracleLossId, 9), "Bonds_NoLoss", oracleLossId);
    await w.bonds.connect(w.operator).post(w.lotBond, 100n);
    await w.slash(100n, { faultId: id("met") });
    const metId = await w.bonds.lossIdOf(w.lotBond, id("met"));
    await refused(w.bonds.meetLoss(metId, 9), "Bonds_NoLoss", metId);
  });

  it("is the insurer's again after it has expired and the unbonding time has passed, to the second", async () => {
    await give(70n);
    const untilAt = expiresAt + UNBONDING_SEC;
    const own = w.bonds.connect(w.insurer);
    await networkHelpers.time.setNextBlockTimestamp(untilAt);
    await refused(own.endCover(1, 0, w.insurer), "Bonds_CoverStands", 1, 0, untilAt, untilAt);
    await refused(
      w.bonds.connect(w.stranger).endCover(1, 0, w.stranger),
      ...(["Bonds_NotInsurer", 1, 0, w.stranger.address] as const),
    );
    await networkHelpers.time.setNextBlockTimestamp(untilAt + 1n);
    await expect(own.endCover(1, 0, w.injured)).to.changeTokenBalance(ethers, w.coin, w.injured, 70n);
    await refused(own.endCover(1, 0, w.insurer), "Bonds_NoAmount");
    await expect(own.endCover(1, 1, w.insurer)).to.revert(ethers);
  });

  it("refuses nothing, a time that is now, and a lot that is not there", async () => {
    const at = BigInt(await networkHelpers.time.latest()) + 100n;
    await refused(give(0n), "Bonds_NoAmount");
    await networkHelpers.time.setNextBlockTimestamp(at);
    await refused(give(1n, at), "Bonds_CoverExpired", 1, at, at);
    await expect(give(1n, expiresAt, w.insurer, 9)).to.be.revertedWithCustomError(w.registry, "Registry_UnknownLot");
    expect(await w.bonds.coverCount(1)).to.equal(0n);
  });
});
