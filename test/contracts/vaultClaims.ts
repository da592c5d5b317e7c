import { expect } from "chai";
import { USD } from "./facility-world.ts";
import { deployBare, deposited, ethers, HOUR, networkHelpers, queued, SHARES } from "./vaultWorld.ts";

describe("IncomeVault's claims", () => {
  describe("redeem and withdraw", () => {
    async function filled() {
      const world = await queued();
      await world.vault.fulfil();
      return world;
    }

    it("pay what is claimable to any receiver, in parts, to the last unit", async () => {
      const { vault, asset, alice, mallory } = await networkHelpers.loadFixture(filled);
      const [shares, assets] = [await vault.maxRedeem(alice.address), await vault.maxWithdraw(alice.address)];
      await expect(vault.connect(alice).redeem(shares / 3n, mallory.address, alice.address))
        .to.emit(vault, "Withdraw")
        .withArgs(alice.address, mallory.address, alice.address, (assets * (shares / 3n)) / shares, shares / 3n);
      await expect(vault.connect(alice).withdraw(assets / 3n, mallory.address, alice.address)).to.changeTokenBalance(
        ethers,
        asset,
        mallory.address,
        assets / 3n,
      );
      const [leftShares, leftAssets] = [await vault.maxRedeem(alice.address), await vault.maxWithdraw(alice.address)];
      expect(leftAssets).to.equal(assets - (assets * (shares / 3n)) / shares - assets / 3n);
      await expect(vault.connect(alice).redeem(leftShares, alice.address, alice.address)).to.changeTokenBalance(
        ethers,
        asset,
        alice.address,
        leftAssets,
      );
      expect(await vault.maxWithdraw(alice.address)).to.equal(0n);
      expect(await vault.claimableRedeemRequest(1n, alice.address)).to.equal(0n);
    });

    it("refuse one unit more than is claimable", async () => {
      const { vault, alice } = await networkHelpers.loadFixture(filled);
      const [shares, assets] = [await vault.maxRedeem(alice.address), await vault.maxWithdraw(alice.address)];
      await expect(vault.connect(alice).redeem(shares + 1n, alice.address, alice.address))
        .to.be.revertedWithCustomError(vault, "Vault_NotEnoughShares")
        .withArgs(alice.address, 1n);
      await expect(vault.connect(alice).withdraw(assets + 1n, alice.address, alice.address))
        .to.be.revertedWithCustomError(vault, "Vault_NotEnoughAssets")
        .withArgs(alice.address, 1n);
      await vault.connect(alice).withdraw(assets, alice.address, alice.address);
    });

    it("obey the controller and its operators only", async () => {
      const { vault, alice, mallory } = await networkHelpers.loadFixture(filled);
      const shares = await vault.maxRedeem(alice.address);
      for (const call of [
        vault.connect(mallory).redeem(shares, mallory.address, alice.address),
        vault.connect(mallory).withdraw(1n, mallory.address, alice.address),
        vault.connect(mallory).cancelRedeemRequest(1n, alice.address),
        vault.connect(mallory).claimCancelRedeemRequest(1n, mallory.address, alice.address),
      ])
        await expect(call)
          .to.be.revertedWithCustomError(vault, "Vault_NotApproved")
          .withArgs(alice.address, mallory.address);
      await vault.connect(alice).setOperator(mallory.address, true);
      await vault.connect(mallory).redeem(shares, mallory.address, alice.address);
    });

    it("take the oldest of several batches first, each at its own price", async () => {
      const { vault, alice, request, pass, setPrice, buy } = await networkHelpers.loadFixture(deposited);
      await buy(0, 500n * USD);
      await request(alice, 100n * USD * SHARES);
      await pass(HOUR);
      await vault.fulfil();
      await setPrice(0, 5_000n);
      await request(alice, 100n * USD * SHARES);
      await pass(HOUR);
      await vault.fulfil();
      const first = 100n * USD;
      const all = await vault.maxWithdraw(alice.address);
      const call = vault.connect(alice).redeem;
      expect(await call.staticCall(100n * USD * SHARES, alice.address, alice.address)).to.equal(first);
      expect(await call.staticCall(200n * USD * SHARES, alice.address, alice.address)).to.equal(all);
      await call(150n * USD * SHARES, alice.address, alice.address);
      expect(await vault.claimableRedeemRequest(1n, alice.address)).to.equal(0n);
      expect(await vault.claimableRedeemRequest(2n, alice.address)).to.equal(50n * USD * SHARES);
      expect(await vault.requestIds(alice.address)).to.deep.equal([2n]);
    });

    it("cannot be previewed (ERC-7540)", async () => {
      const { vault } = await networkHelpers.loadFixture(filled);
      await expect(vault.previewRedeem(0n)).to.be.revertedWithCustomError(vault, "Vault_NoPreview");
      await expect(vault.previewWithdraw(1n)).to.be.revertedWithCustomError(vault, "Vault_NoPreview");
    });

    it("M25: go on while the vault is paused and its values are stale, and so do requests and cancellations", async () => {
      const { vault, alice, carol, hold, request, redeemAll } = await networkHelpers.loadFixture(filled);
      await vault.pause();
      await hold(0);
      await redeemAll(alice);
      const requestId = await request(carol);
      await vault.connect(carol).cancelRedeemRequest(requestId, carol.address);
      await vault.connect(carol).claimCancelRedeemRequest(requestId, carol.address, carol.address);
    });

    it("M25: fills go on while the vault is paused", async () => {
      const { vault } = await networkHelpers.loadFixture(queued);
      await vault.pause();
      await vault.fulfil();
    });

    it("M06: who is frozen by the gate waits alone, and its claim stays recorded", async () => {
      const { vault, gate, alice, bob, redeemAll } = await networkHelpers.loadFixture(filled);
      const assets = await vault.maxWithdraw(alice.address);
      await gate.freeze(alice.address, true);
      expect(await vault.maxRedeem(alice.address)).to.equal(0n);
      expect(await vault.maxWithdraw(alice.address)).to.equal(0n);
      await expect(vault.connect(alice).withdraw(1n, alice.address, alice.address))
        .to.be.revertedWithCustomError(vault, "ERC7943CannotSend")
        .withArgs(alice.address);
      await expect(vault.connect(alice).redeem(1n, alice.address, alice.address)).to.revert(ethers);
      await redeemAll(bob);
      await gate.freeze(alice.address, false);
      expect(await vault.maxWithdraw(alice.address)).to.equal(assets);
      await redeemAll(alice);
    });

    it("M06: who is frozen in the queue holds no fill up, and cannot ask either", async () => {
      const { vault, gate, alice, carol } = await networkHelpers.loadFixture(queued);
      await gate.freeze(alice.address, true);
      await gate.freeze(carol.address, true);
      await vault.fulfil();
      await expect(vault.connect(carol).requestRedeem(1n, carol.address, carol.address))
        .to.be.revertedWithCustomError(vault, "ERC7943CannotSend")
        .withArgs(carol.address);
    });

    it("M05: a receiver that the asset has blacklisted blocks only itself, and may be paid elsewhere", async () => {
      const { vault, asset, alice, bob, mallory, redeemAll } = await networkHelpers.loadFixture(filled);
      await asset.setBlacklisted(alice.address, true);
      await expect(redeemAll(alice)).to.be.revertedWithCustomError(asset, "MockToken_Blacklisted");
      await redeemAll(bob);
      const assets = await vault.maxWithdraw(alice.address);
      await expect(vault.connect(alice).withdraw(assets, mallory.address, alice.address)).to.changeTokenBalance(
        ethers,
        asset,
        mallory.address,
        assets,
      );
    });

    it("M08: who holds an expired credential leaves all the same, and only shares are not sent to it", async () => {
      const { vault, alice, admit, deposit, request, pass, redeemAll } = await networkHelpers.loadFixture(deployBare);
      await deposit(alice, 100n * USD);
      await admit(alice.address, (await networkHelpers.time.latest()) + 100);
      const early = await request(alice, 10n * USD * SHARES);
      await pass(HOUR);
      expect(await vault.maxDeposit(alice.address)).to.equal(0n);
      expect(await request(alice)).to.equal(early);
      await expect(vault.connect(alice).cancelRedeemRequest(early, alice.address))
        .to.be.revertedWithCustomError(vault, "ERC7943CannotReceive")
        .withArgs(alice.address);
      await vault.fulfil();
      await redeemAll(alice);
      expect(await vault.totalSupply()).to.equal(0n);
    });
  });

  describe("cancelRedeemRequest", () => {
    for (const odds of [
      [1n, 2n, 4n],
      [3n, 5n, 11n],
      [7n, 13n, 17n],
      [19n, 23n, 29n],
      [101n, 202n, 303n],
    ])
      it(`M03: all of a batch, filled in part, less ${odds.join(", ")}: nobody is short of a share, none is left`, async () => {
        const { vault, alice, bob, carol, target, request, pass, buy } = await networkHelpers.loadFixture(deposited);
        await buy(0, 901n * USD);
        const holders = [alice, bob, carol];
        for (const [index, holder] of holders.entries())
          await request(holder, (await vault.balanceOf(holder)) - odds[index]!);
        await pass(HOUR);
        await vault.fulfil();
        for (const holder of holders) {
          expect((await vault.pendingRedeemRequest(1n, holder.address)) > 0n).to.equal(true);
          await vault.connect(holder).cancelRedeemRequest(1n, holder.address);
          await vault.connect(holder).claimCancelRedeemRequest(1n, holder.address, holder.address);
        }
        expect(await vault.balanceOf(target)).to.equal(0n);
        expect(await vault.pendingShares()).to.equal(0n);
      });

    it("makes what waits claimable as shares at once, and leaves what was filled", async () => {
      const { vault, alice, bob, target } = await networkHelpers.loadFixture(queued);
      await vault.fulfil();
      const [filledShares, filledAssets] = [
        await vault.maxRedeem(alice.address),
        await vault.maxWithdraw(alice.address),
      ];
      const waiting = await vault.pendingRedeemRequest(1n, alice.address);
      await expect(vault.connect(alice).cancelRedeemRequest(1n, alice.address))
        .to.emit(vault, "CancelRedeemRequest")
        .withArgs(alice.address, 1n, alice.address);
      expect(await vault.pendingCancelRedeemRequest(1n, alice.address)).to.equal(false);
      expect(await vault.claimableCancelRedeemRequest(1n, alice.address)).to.equal(waiting);
      expect(await vault.pendingRedeemRequest(1n, alice.address)).to.equal(0n);
      expect(await vault.maxRedeem(alice.address)).to.equal(filledShares);
      expect(await vault.maxWithdraw(alice.address)).to.equal(filledAssets);
      await expect(vault.connect(alice).claimCancelRedeemRequest(1n, bob.address, alice.address))
        .to.emit(vault, "CancelRedeemClaim")
        .withArgs(alice.address, bob.address, 1n, alice.address, waiting);
      expect(await vault.balanceOf(bob.address)).to.equal(waiting);
      expect(await vault.balanceOf(target)).to.be.gte(await vault.pendingRedeemRequest(1n, bob.address));
      await vault.connect(alice).withdraw(filledAssets, alice.address, alice.address);
      expect(await vault.requestIds(alice.address)).to.deep.equal([]);
    });

    it("makes the parts of the others larger, not their price", async () => {
      const { vault, alice, bob } = await networkHelpers.loadFixture(queued);
      await vault.connect(alice).cancelRedeemRequest(1n, alice.address);
      await vault.fulfil();
      expect(await vault.maxWithdraw(bob.address)).to.be.closeTo(100n * USD, 1n);
      expect(await vault.maxRedeem(bob.address)).to.be.closeTo(100n * USD * SHARES, SHARES);
    });

    it("ends a batch that was begun once nobody is left in it", async () => {
      const { vault, alice, bob, carol, request, pass, target, sell } = await networkHelpers.loadFixture(queued);
      await vault.fulfil();
      expect(await request(carol)).to.equal(2n);
      for (const holder of [alice, bob]) await vault.connect(holder).cancelRedeemRequest(1n, holder.address);
      await pass(HOUR);
      await sell(0, 100n * USD, 100n * USD);
      await expect(vault.fulfil()).to.emit(vault, "Fulfilled");
      expect(await vault.maxWithdraw(carol.address)).to.be.closeTo(100n * USD, 1n);
      for (const holder of [alice, bob])
        await vault.connect(holder).claimCancelRedeemRequest(1n, holder.address, holder.address);
      expect(await vault.balanceOf(target)).to.equal(0n);
    });

    it("is refused for nothing, and so is its claim; shares go to who may receive them", async () => {
      const { vault, carol, mallory, request } = await networkHelpers.loadFixture(queued);
      await expect(vault.connect(carol).cancelRedeemRequest(1n, carol.address))
        .to.be.revertedWithCustomError(vault, "Vault_NothingPending")
        .withArgs(1n, carol.address);
      await expect(vault.connect(carol).claimCancelRedeemRequest(1n, carol.address, carol.address))
        .to.be.revertedWithCustomError(vault, "Vault_NothingCancelled")
        .withArgs(1n, carol.address);
      const requestId = await request(carol);
      await vault.connect(carol).cancelRedeemRequest(requestId, carol.address);
      await expect(vault.connect(carol).claimCancelRedeemRequest(requestId, mallory.address, carol.address))
        .to.be.revertedWithCustomError(vault, "ERC7943CannotReceive")
        .withArgs(mallory.address);
      // The batch is still open: it can be joined again.
      await vault.connect(carol).claimCancelRedeemRequest(requestId, carol.address, carol.address);
      expect(await request(carol)).to.equal(requestId);
    });
  });
});
