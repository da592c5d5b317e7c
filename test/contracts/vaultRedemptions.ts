import { expect } from "chai";
import { USD } from "./facility-world.ts";
import { deployWorld, deposited, ethers, HOUR, networkHelpers, queued, SHARES } from "./vaultWorld.ts";

describe("IncomeVault's redemptions", () => {
  describe("requestRedeem", () => {
    it("takes the shares into the vault's custody, where they bear gain and loss", async () => {
      const { vault, alice, target, classes, buy, setPrice } = await networkHelpers.loadFixture(deposited);
      await buy(0, 900n * USD);
      await expect(vault.connect(alice).requestRedeem(600n * USD * SHARES, alice.address, alice.address))
        .to.emit(vault, "RedeemRequest")
        .withArgs(alice.address, alice.address, 1n, alice.address, 600n * USD * SHARES);
      expect(await vault.balanceOf(alice.address)).to.equal(0n);
      expect(await vault.balanceOf(target)).to.equal(600n * USD * SHARES);
      expect(await vault.pendingRedeemRequest(1n, alice.address)).to.equal(600n * USD * SHARES);
      expect(await vault.claimableRedeemRequest(1n, alice.address)).to.equal(0n);
      expect(await vault.pendingShares()).to.equal(600n * USD * SHARES);
      expect(await vault.totalSupply()).to.equal(1_000n * USD * SHARES);
      await setPrice(0, 5_000n);
      expect(await vault.totalAssets()).to.equal(550n * USD);
      expect(await classes[0]!.balanceOf(target)).to.equal(900n * USD);
    });

    it("is refused for nothing, and for more than the owner has", async () => {
      const { vault, alice } = await networkHelpers.loadFixture(deposited);
      const request = (shares: bigint) => vault.connect(alice).requestRedeem(shares, alice.address, alice.address);
      await expect(request(0n)).to.be.revertedWithCustomError(vault, "Vault_NoShares");
      await expect(request(600n * USD * SHARES + 1n)).to.be.revertedWithCustomError(vault, "ERC20InsufficientBalance");
    });

    it("spends an allowance of the owner, not an operator's, nor an endless one", async () => {
      const { vault, alice, bob } = await networkHelpers.loadFixture(deposited);
      const request = () => vault.connect(bob).requestRedeem(10n, bob.address, alice.address);
      await expect(request()).to.be.revertedWithCustomError(vault, "ERC20InsufficientAllowance");
      await vault.connect(alice).approve(bob.address, 25n);
      await request();
      expect(await vault.allowance(alice.address, bob.address)).to.equal(15n);
      expect(await vault.pendingRedeemRequest(1n, bob.address)).to.equal(10n);
      await expect(vault.connect(alice).setOperator(bob.address, true))
        .to.emit(vault, "OperatorSet")
        .withArgs(alice.address, bob.address, true);
      await request();
      expect(await vault.allowance(alice.address, bob.address)).to.equal(15n);
      await vault.connect(alice).setOperator(bob.address, false);
      await vault.connect(alice).approve(bob.address, ethers.MaxUint256);
      await request();
      expect(await vault.allowance(alice.address, bob.address)).to.equal(ethers.MaxUint256);
    });

    it("is refused for a controller who did not ask for it", async () => {
      const { vault, alice, bob, carol } = await networkHelpers.loadFixture(deposited);
      const request = () => vault.connect(alice).requestRedeem(10n, carol.address, alice.address);
      await expect(request())
        .to.be.revertedWithCustomError(vault, "Vault_NotApproved")
        .withArgs(carol.address, alice.address);
      await vault.connect(carol).setOperator(bob.address, true);
      await expect(request()).to.be.revertedWithCustomError(vault, "Vault_NotApproved");
      await vault.connect(carol).setOperator(alice.address, true);
      await request();
      expect(await vault.pendingRedeemRequest(1n, carol.address)).to.equal(10n);
    });

    it("is refused once eight batches wait to be claimed, until one is", async () => {
      const { vault, alice, request, pass, redeemAll } = await networkHelpers.loadFixture(deposited);
      for (let batch = 1n; batch <= 8n; ++batch) {
        expect(await request(alice, 10n ** 6n)).to.equal(batch);
        await pass(HOUR);
        await vault.fulfil();
      }
      expect(await vault.requestIds(alice.address)).to.have.length(8);
      await expect(request(alice, 1n))
        .to.be.revertedWithCustomError(vault, "Vault_TooManyRequests")
        .withArgs(alice.address, 8n);
      await redeemAll(alice);
      expect(await vault.requestIds(alice.address)).to.deep.equal([]);
      expect(await request(alice, 1n)).to.equal(9n);
    });
  });

  describe("fulfil", () => {
    it("waits for an hour after the batch's first request, and for a request", async () => {
      const { vault, alice, bob, request, pass } = await networkHelpers.loadFixture(deposited);
      await expect(vault.fulfil()).to.be.revertedWithCustomError(vault, "Vault_NothingRequested").withArgs(1n);
      await request(alice);
      const { openedAt } = await vault.batch(1n);
      await pass(HOUR / 2);
      expect(await request(bob)).to.equal(1n);
      await expect(vault.fulfil())
        .to.be.revertedWithCustomError(vault, "Vault_BatchOpen")
        .withArgs(1n, openedAt + 3600n);
      await networkHelpers.time.setNextBlockTimestamp(openedAt + 3599n);
      await expect(vault.fulfil()).to.revert(ethers);
      await networkHelpers.time.setNextBlockTimestamp(openedAt + 3600n);
      await vault.fulfil();
    });

    it("fills a batch whole while there is cash, at exit, and sets the assets aside", async () => {
      const { vault, mallory, alice, buy, request, pass, setPrice } = await networkHelpers.loadFixture(deposited);
      await buy(0, 500n * USD);
      await setPrice(0, 8_000n, 9_000n);
      await request(alice, 400n * USD * SHARES);
      await pass(HOUR);
      const price = ((900n * USD + 1n) * 10n ** 18n) / (1_000n * USD * SHARES + SHARES);
      const assets = (400n * USD * SHARES * price) / 10n ** 18n;
      await expect(vault.connect(mallory).fulfil())
        .to.emit(vault, "Fulfilled")
        .withArgs(1n, 400n * USD * SHARES, assets, true);
      expect(await vault.setAsideAssets()).to.equal(assets);
      expect(await vault.cashAssets()).to.equal(500n * USD - assets);
      expect(await vault.maxWithdraw(alice.address)).to.equal(assets);
      expect(await vault.maxRedeem(alice.address)).to.equal(400n * USD * SHARES);
      expect(await vault.claimableRedeemRequest(1n, alice.address)).to.equal(400n * USD * SHARES);
      expect(await vault.pendingRedeemRequest(1n, alice.address)).to.equal(0n);
      expect(await vault.totalSupply()).to.equal(600n * USD * SHARES);
    });

    it("M31: in a run all in a batch get equal parts, and who comes later waits for them", async () => {
      const { vault, asset, admin, alice, bob, carol, request, pass, sell } = await networkHelpers.loadFixture(queued);
      await vault.fulfil(); // a tenth of the assets for nine tenths of the shares
      for (const [holder, part] of [
        [alice, 600n],
        [bob, 300n],
      ] as const) {
        expect(await vault.maxWithdraw(holder.address)).to.be.closeTo((part * USD) / 9n, 2n);
        expect(await vault.pendingRedeemRequest(1n, holder.address)).to.be.closeTo(
          ((part * 8n) / 9n) * USD * SHARES,
          USD * SHARES,
        );
      }
      expect(await request(carol)).to.equal(2n);
      await pass(HOUR);
      await expect(vault.fulfil()).to.be.revertedWithCustomError(vault, "Vault_NotEnoughCash").withArgs(1n, 1n);
      await sell(0, 400n * USD, 400n * USD);
      await vault.fulfil();
      expect(await vault.maxWithdraw(carol.address)).to.equal(0n);
      await sell(0, 500n * USD, 500n * USD);
      await expect(vault.fulfil()).to.emit(vault, "Fulfilled");
      expect(await vault.maxWithdraw(carol.address)).to.equal(0n);
      await vault.fulfil();
      for (const [holder, assets] of [
        [alice, 600n * USD],
        [bob, 300n * USD],
        [carol, 100n * USD],
      ] as const)
        expect(await vault.maxWithdraw(holder.address)).to.be.closeTo(assets, 2n);
      expect(await asset.balanceOf(await vault.getAddress())).to.be.gte(await vault.setAsideAssets());
      expect(await asset.balanceOf(admin.address)).to.be.gt(0n);
    });

    it("M31: who asks before a loss is known bears it like those who stay", async () => {
      const { vault, alice, carol, setPrice } = await networkHelpers.loadFixture(queued);
      await setPrice(0, 5_000n);
      await vault.fulfil();
      const left = await vault.convertToAssets(await vault.balanceOf(carol.address));
      expect(left).to.be.closeTo(55n * USD, 1n);
      const aliceShares =
        (await vault.pendingRedeemRequest(1n, alice.address)) + (await vault.maxRedeem(alice.address));
      expect(aliceShares).to.equal(600n * USD * SHARES);
      const claimed = await vault.maxWithdraw(alice.address);
      expect((claimed * 10n ** 12n) / (await vault.maxRedeem(alice.address))).to.be.closeTo(550_000n, 1n);
    });

    it("M18: waits while the value of a class held is stale or held after a jump", async () => {
      const { vault, classes, hold, pass } = await networkHelpers.loadFixture(queued);
      await hold(0);
      await expect(vault.fulfil())
        .to.be.revertedWithCustomError(vault, "Vault_StaleValue")
        .withArgs(await classes[0]!.getAddress());
      await pass(HOUR);
      await vault.fulfil();
    });

    it("M29: is refused while all is worth nothing: nobody leaves for nothing", async () => {
      const { vault, alice, deposit, buy, request, pass, setPrice } = await networkHelpers.loadFixture(deployWorld);
      await deposit(alice, 100n * USD);
      await buy(0, 100n * USD);
      await request(alice);
      await pass(HOUR);
      await setPrice(0, 0n);
      await expect(vault.fulfil()).to.be.revertedWithCustomError(vault, "Vault_Worthless");
      await setPrice(0, 10_000n);
      await expect(vault.fulfil()).to.be.revertedWithCustomError(vault, "Vault_NotEnoughCash");
    });

    it("a batch of dust holds nobody up", async () => {
      const { vault, alice, bob, request, pass, buy, sell, redeemAll } = await networkHelpers.loadFixture(deposited);
      await buy(0, 1_000n * USD);
      await request(alice, 1n);
      await pass(HOUR);
      await expect(vault.fulfil()).to.emit(vault, "Fulfilled").withArgs(1n, 1n, 0n, true);
      await request(bob);
      await pass(HOUR);
      await sell(0, 300n * USD, 300n * USD);
      await vault.fulfil();
      expect(await vault.maxWithdraw(bob.address)).to.equal(300n * USD);
      await redeemAll(alice);
      expect(await vault.requestIds(alice.address)).to.deep.equal([]);
    });

    it("leaves who stays with no less than before, to the last unit", async () => {
      const { vault, carol, setPrice } = await networkHelpers.loadFixture(queued);
      await setPrice(0, 7_771n);
      const before = await vault.convertToAssets(10n ** 30n);
      await vault.fulfil();
      expect(await vault.convertToAssets(10n ** 30n)).to.be.gte(before);
      expect(await vault.balanceOf(carol.address)).to.equal(100n * USD * SHARES);
    });
  });
});
