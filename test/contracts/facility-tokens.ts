import { expect } from "chai";
import { createWorld, LOT, SENIOR_CLASS } from "./facility-world.ts";

describe("Facility: settlement tokens", () => {
  for (const decimals of [6, 8, 18]) {
    it(`M05: runs a deal in a token of ${decimals} decimals, exact to a unit for each holder`, async () => {
      const w = await createWorld({ decimals, termMonthCount: 1 });
      await w.perform();
      await w.toDate(0);
      await w.payRent(800_000n * w.unit);
      await w.facility.distribute();
      expect(await w.senior.decimals()).to.equal(decimals);
      expect(await w.senior.claimableAssets(w.alice.address)).to.equal(707_000n * w.unit);
      await w.facility.release(LOT);
      await w.facility.close();
      await w.senior.claimFor(w.alice.address);
      await w.residual.claimFor(w.bob.address);
      for (const account of [w.servicer, w.sponsor]) await w.facility.connect(account).withdraw(account.address);
      expect(await w.asset.balanceOf(w.target)).to.be.at.most(2);
    });
  }

  it("M05: refuses a token that keeps a fee of a subscription", async () => {
    const w = await createWorld();
    await w.asset.setFee(100);
    const library = await w.ethers.getContractAt("Raise", w.target);
    await expect(w.facility.connect(w.alice).subscribe(SENIOR_CLASS, 100n))
      .to.be.revertedWithCustomError(library, "Settlement_WrongAmount")
      .withArgs(await w.asset.getAddress(), 100, 99);
    expect(await w.senior.totalSupply()).to.equal(0);
  });

  it("M05: refuses a token that answers false, in and out", async () => {
    const w = await createWorld();
    await w.perform();
    await w.asset.setReturns(false, true);
    const asset = await w.asset.getAddress();
    await expect(w.facility.connect(w.sponsor).withdraw(w.sponsor.address))
      .to.be.revertedWithCustomError(w.facility, "SafeERC20FailedOperation")
      .withArgs(asset);
    expect(await w.facility.claimableAssets(w.sponsor.address)).to.equal(1_000_000n * w.unit);
    const fresh = await createWorld();
    await fresh.asset.setReturns(false, true);
    await expect(fresh.facility.connect(fresh.alice).subscribe(SENIOR_CLASS, 1)).to.be.revertedWithCustomError(
      fresh.facility,
      "SafeERC20FailedOperation",
    );
  });

  describe("M04: a token that calls back in the middle of a transfer", () => {
    /// Every verb that moves money, tried from inside one that does.
    async function inside() {
      const w = await createWorld();
      await w.perform();
      await w.toDate(0);
      await w.payRent(100_000n * w.unit);
      const face = w.facility.interface;
      return { w, face };
    }

    it("cannot enter any money verb of the facility", async () => {
      const { w, face } = await inside();
      const calls = [
        face.encodeFunctionData("distribute"),
        face.encodeFunctionData("collect"),
        face.encodeFunctionData("sync"),
        face.encodeFunctionData("withdraw", [w.mallory.address]),
        face.encodeFunctionData("payClaim", [w.mallory.address, 1]),
        face.encodeFunctionData("release", [LOT]),
        face.encodeFunctionData("close"),
      ];
      const snapshot = await w.networkHelpers.takeSnapshot();
      for (const data of calls) {
        await w.asset.setHook(w.target, data);
        await w.facility.connect(w.sponsor).withdraw(w.sponsor.address);
        expect(await w.asset.hookSucceeded()).to.equal(false);
        await snapshot.restore();
      }
      // The first of them succeeds from outside: it was the guard that refused it.
      await w.facility.distribute();
    });

    it("claims once: the claim is taken off before the transfer", async () => {
      const { w } = await inside();
      await w.facility.distribute();
      const data = w.senior.interface.encodeFunctionData("claimFor", [w.alice.address]);
      await w.asset.setHook(await w.senior.getAddress(), data);
      const due = await w.senior.claimableAssets(w.alice.address);
      const claim = w.senior.claimFor(w.alice.address);
      await expect(claim).to.changeTokenBalances(w.ethers, w.asset, [w.alice], [due]);
      expect(await w.asset.hookSucceeded()).to.equal(false);
    });

    it("reads no share of money that is already on its way out", async () => {
      const { w } = await inside();
      const ledger = await w.facility.ledgerAssets();
      await w.asset.setHook(w.target, w.facility.interface.encodeFunctionData("ledgerAssets"));
      await w.facility.connect(w.sponsor).withdraw(w.sponsor.address);
      expect(await w.asset.hookSucceeded()).to.equal(true);
      expect(await w.facility.ledgerAssets()).to.equal(ledger - 1_000_000n * w.unit);
    });
  });
});
