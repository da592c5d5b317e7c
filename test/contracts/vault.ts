import { expect } from "chai";
import { USD } from "./facility-world.ts";
import { deployBare, deployWorld, ethers, HOUR, networkHelpers, SHARES } from "./vaultWorld.ts";

const id = (signature: string) => BigInt(ethers.id(signature).slice(0, 10));
const interfaceId = (...signatures: string[]) =>
  ethers.toBeHex(
    signatures.map(id).reduce((a, b) => a ^ b, 0n),
    4,
  );

describe("IncomeVault", () => {
  describe("as a token", () => {
    it("is its own share, six decimals finer than the asset, and finds itself by the asset (ERC-7575)", async () => {
      const { vault, asset, target } = await networkHelpers.loadFixture(deployBare);
      expect(await vault.share()).to.equal(target);
      expect(await vault.vault(asset)).to.equal(target);
      expect(await vault.vault(target)).to.equal(ethers.ZeroAddress);
      expect(await vault.asset()).to.equal(await asset.getAddress());
      expect(await vault.decimals()).to.equal(12n);
      expect([await vault.name(), await vault.symbol()]).to.deep.equal(["Rackbond Income", "RBI"]);
    });

    it("answers the interface ids of ERC-165, 7540 (operators, redemption), 7575 (vault, share) and 7887", async () => {
      const { vault } = await networkHelpers.loadFixture(deployBare);
      for (const standard of ["0x01ffc9a7", "0xe3bc4e65", "0x620ee8e4", "0x2f0a18c5", "0xf815c03d", "0xe76cffc7"])
        expect(await vault.supportsInterface(standard), standard).to.equal(true);
      // Deposits are synchronous: neither ERC-7540's deposits nor ERC-7887's of them.
      for (const other of ["0xce3bbe50", "0x8bf840e3", "0xffffffff"])
        expect(await vault.supportsInterface(other), other).to.equal(false);
    });

    it("has every function that those ids stand for", async () => {
      const { vault } = await networkHelpers.loadFixture(deployBare);
      const has = (...signatures: string[]) =>
        interfaceId(
          ...signatures.map((signature) => vault.interface.getFunction(signature as "asset").format("sighash")),
        );
      expect(
        has(
          ...["asset()", "share()", "totalAssets()", "convertToShares(uint256)", "convertToAssets(uint256)"],
          ...["maxDeposit(address)", "previewDeposit(uint256)", "deposit(uint256,address)"],
          ...["maxMint(address)", "previewMint(uint256)", "mint(uint256,address)"],
          ...["maxWithdraw(address)", "previewWithdraw(uint256)", "withdraw(uint256,address,address)"],
          ...["maxRedeem(address)", "previewRedeem(uint256)", "redeem(uint256,address,address)"],
        ),
      ).to.equal("0x2f0a18c5");
    });

    it("moves between accounts that its gate lets send and receive, and never to itself", async () => {
      const { vault, gate, alice, bob, mallory, target, deposit } = await networkHelpers.loadFixture(deployBare);
      await deposit(alice, 100n * USD);
      await vault.connect(alice).transfer(bob.address, 5n);
      await expect(vault.connect(alice).transfer(mallory.address, 5n))
        .to.be.revertedWithCustomError(vault, "ERC7943CannotReceive")
        .withArgs(mallory.address);
      await gate.listHolder(target, true);
      await expect(vault.connect(alice).transfer(target, 5n))
        .to.be.revertedWithCustomError(vault, "ERC7943CannotReceive")
        .withArgs(target);
      await gate.freeze(bob.address, true);
      await expect(vault.connect(bob).transfer(alice.address, 5n))
        .to.be.revertedWithCustomError(vault, "ERC7943CannotSend")
        .withArgs(bob.address);
    });

    it("M07: keeps the gate by approval, permit and transferFrom", async () => {
      const { vault, alice, bob, mallory, target, deposit } = await networkHelpers.loadFixture(deployBare);
      await deposit(alice, 100n * USD);
      const { chainId } = await ethers.provider.getNetwork();
      const domain = { name: "Rackbond Income", version: "1", chainId, verifyingContract: target };
      const types = {
        Permit: ["address owner", "address spender", "uint256 value", "uint256 nonce", "uint256 deadline"].map(
          (field) => ({ type: field.split(" ")[0]!, name: field.split(" ")[1]! }),
        ),
      };
      const permit = { owner: alice.address, spender: bob.address, value: 10n, nonce: 0n, deadline: 2n ** 40n };
      const { v, r, s } = ethers.Signature.from(await alice.signTypedData(domain, types, permit));
      await vault.permit(alice.address, bob.address, 10n, 2n ** 40n, v, r, s);
      await expect(vault.connect(bob).transferFrom(alice.address, mallory.address, 5n)).to.be.revertedWithCustomError(
        vault,
        "ERC7943CannotReceive",
      );
      await vault.connect(bob).transferFrom(alice.address, bob.address, 5n);
      expect(await vault.balanceOf(bob.address)).to.equal(5n);
    });
  });

  describe("deposit and mint", () => {
    it("take exactly what was previewed and mint a million shares per unit into an empty vault", async () => {
      const { vault, asset, alice, target } = await networkHelpers.loadFixture(deployBare);
      expect(await vault.previewDeposit(100n * USD)).to.equal(100n * USD * SHARES);
      const deposit = vault.connect(alice).deposit(100n * USD, alice.address);
      await expect(deposit)
        .to.emit(vault, "Deposit")
        .withArgs(alice.address, alice.address, 100n * USD, 100n * USD * SHARES);
      expect(await vault.previewMint(50n * USD * SHARES)).to.equal(50n * USD);
      await expect(vault.connect(alice).mint(50n * USD * SHARES, alice.address)).to.changeTokenBalances(
        ethers,
        asset,
        [alice.address, target],
        [-50n * USD, 50n * USD],
      );
      expect(await vault.cashAssets()).to.equal(150n * USD);
      expect(await vault.totalAssets()).to.equal(150n * USD);
    });

    it("M31: price who comes at entry: income that is claimable is paid for before it comes", async () => {
      const { vault, alice, bob, classes, buy, deposit, setPrice } = await networkHelpers.loadFixture(deployWorld);
      await deposit(alice, 1_000n * USD);
      await buy(0, 500n * USD);
      await setPrice(0, 9_000n, 10_000n);
      await classes[0]!.pay(1_000_000n * USD); // one asset a share: 500 of them the vault's
      expect(await vault.totalAssets()).to.equal((500n + 450n + 500n) * USD);
      expect(await vault.entryAssets()).to.equal((500n + 500n + 500n) * USD);
      const shares = await deposit(bob, 1_500n * USD);
      expect(shares).to.be.closeTo(await vault.balanceOf(alice.address), 10n ** 6n);
    });

    it("are refused, and their limits zero, to who may not receive the share", async () => {
      const { vault, gate, alice, mallory, target } = await networkHelpers.loadFixture(deployBare);
      for (const receiver of [mallory.address, target, ethers.ZeroAddress]) {
        expect(await vault.maxDeposit(receiver), receiver).to.equal(0n);
        expect(await vault.maxMint(receiver), receiver).to.equal(0n);
        await expect(vault.connect(alice).deposit(USD, receiver)).to.revert(ethers);
      }
      await gate.freeze(alice.address, true);
      expect(await vault.maxDeposit(alice.address)).to.equal(0n);
      await expect(vault.connect(alice).deposit(USD, alice.address))
        .to.be.revertedWithCustomError(vault, "ERC7943CannotReceive")
        .withArgs(alice.address);
    });

    it("M25: are refused, and their limits zero, while the vault is paused", async () => {
      const { vault, alice } = await networkHelpers.loadFixture(deployBare);
      await expect(vault.resume()).to.be.revertedWithCustomError(vault, "Vault_NotPaused");
      await expect(vault.pause()).to.emit(vault, "PauseSet").withArgs(true);
      await expect(vault.pause()).to.be.revertedWithCustomError(vault, "Vault_Paused");
      expect(await vault.maxDeposit(alice.address)).to.equal(0n);
      expect(await vault.maxMint(alice.address)).to.equal(0n);
      expect(await vault.previewDeposit(USD)).to.equal(USD * SHARES); // a preview knows no limits
      await expect(vault.connect(alice).deposit(USD, alice.address)).to.be.revertedWithCustomError(
        vault,
        "Vault_Paused",
      );
      await expect(vault.connect(alice).mint(SHARES, alice.address)).to.be.revertedWithCustomError(
        vault,
        "Vault_Paused",
      );
      await expect(vault.resume()).to.emit(vault, "PauseSet").withArgs(false);
      await vault.connect(alice).deposit(USD, alice.address);
    });

    it("M18: are refused, and their limits zero, while a class held has a stale or held value; views answer", async () => {
      const { vault, alice, classes, buy, deposit, hold, pass } = await networkHelpers.loadFixture(deployWorld);
      await deposit(alice, 1_000n * USD);
      await hold(1); // not held by the vault: no matter
      await buy(0, 500n * USD);
      await deposit(alice, USD);
      await hold(0);
      expect(await vault.maxDeposit(alice.address)).to.equal(0n);
      expect(await vault.maxMint(alice.address)).to.equal(0n);
      expect(await vault.totalAssets()).to.equal(1_001n * USD);
      expect(await vault.convertToAssets(SHARES * USD)).to.equal(USD);
      for (const call of [
        vault.connect(alice).deposit(USD, alice.address),
        vault.connect(alice).mint(SHARES, alice.address),
      ])
        await expect(call)
          .to.be.revertedWithCustomError(vault, "Vault_StaleValue")
          .withArgs(await classes[0]!.getAddress());
      await pass(HOUR);
      await deposit(alice, USD);
    });

    it("have no room, and no revert, where the valuation does not answer: in the middle of a facility's call", async () => {
      const { vault, alice, funds, buy, deposit, valuation } = await networkHelpers.loadFixture(deployWorld);
      await deposit(alice, 1_000n * USD);
      await buy(0, 500n * USD);
      const unknown = { exitAssets: 0n, entryAssets: 0n, computedAt: 0n, maxAgeSec: 0n, heldUntilAt: 0n };
      await valuation.setValue(funds[0], 0, unknown);
      expect(await vault.maxDeposit(alice.address)).to.equal(0n);
      expect(await vault.maxMint(alice.address)).to.equal(0n);
      await expect(vault.totalAssets()).to.be.revertedWithCustomError(valuation, "MockValuation_Unknown");
      await expect(vault.connect(alice).deposit(USD, alice.address)).to.revert(ethers);
    });

    it("accept exactly their limits and not one unit more, and the limits never revert", async () => {
      const { vault, asset, alice } = await networkHelpers.loadFixture(deployBare);
      const room = 2n ** 104n;
      expect(await vault.maxDeposit(alice.address)).to.equal(room);
      expect(await vault.maxMint(alice.address)).to.equal(room * SHARES);
      await asset.mint(alice.address, room);
      await expect(vault.connect(alice).deposit(room + 1n, alice.address)).to.be.revertedWithCustomError(
        vault,
        "Vault_OverLimit",
      );
      await vault.connect(alice).deposit(room - 5n, alice.address);
      expect(await vault.maxDeposit(alice.address)).to.equal(5n);
      const shares = await vault.maxMint(alice.address);
      await expect(vault.connect(alice).mint(shares + 1n, alice.address)).to.revert(ethers);
      await vault.connect(alice).mint(shares, alice.address);
      expect(await vault.maxDeposit(alice.address)).to.equal(0n);
    });

    it("leave room for all shares that a deposit would mint after a loss", async () => {
      const { vault, asset, alice, buy, deposit, setPrice } = await networkHelpers.loadFixture(deployWorld);
      await deposit(alice, 1_000n * USD);
      await buy(0, 1_000n * USD);
      await setPrice(0, 0n);
      const room = await vault.maxDeposit(alice.address);
      expect(room).to.be.lt(2n ** 104n);
      await asset.mint(alice.address, 2n ** 110n);
      await expect(vault.connect(alice).deposit(room * 2n, alice.address)).to.revert(ethers);
      await vault.connect(alice).deposit(room, alice.address);
      expect(await vault.totalSupply()).to.be.lt(2n ** 128n);
    });

    it("M01: an attacker who inflates the price of an empty vault loses more than the next depositor", async () => {
      const { vault, asset, alice, mallory, admit, target, deposit, request, redeemAll, pass } =
        await networkHelpers.loadFixture(deployBare);
      await admit(mallory.address);
      const before = await asset.balanceOf(mallory.address);
      await deposit(mallory, 1n);
      await asset.connect(mallory).transfer(target, 10_000n * USD); // the ledger does not see it
      const shares = await deposit(alice, 10_000n * USD);
      expect(await vault.convertToAssets(shares)).to.equal(10_000n * USD);
      await request(mallory);
      await pass(HOUR);
      await vault.fulfil();
      await redeemAll(mallory);
      expect(before - (await asset.balanceOf(mallory.address))).to.be.gte(10_000n * USD);
      expect(await vault.convertToAssets(shares)).to.be.gte(10_000n * USD - 1n);
    });

    it("M01: nor does it pay to inflate it by income, which the ledger does see", async () => {
      const { vault, asset, alice, mallory, admit, classes, buy, deposit, request, redeemAll, pass, setPrice } =
        await networkHelpers.loadFixture(deployWorld);
      await admit(mallory.address);
      const token = classes[0]!;
      await token.burn((await ethers.getSigners())[0]!.address, 999_999n * USD + USD - 1n); // one share is left outside
      await setPrice(0, 10_000n);
      const before = await asset.balanceOf(mallory.address);
      await deposit(mallory, 2n);
      await buy(0, 1n);
      await asset.connect(mallory).approve(token, ethers.MaxUint256);
      await token.connect(mallory).pay(10_000n * USD); // all of it the vault's
      const aliceShares = await deposit(alice, 10_000n * USD);
      const loss = 10_000n * USD - (await vault.convertToAssets(aliceShares));
      await request(mallory);
      await pass(HOUR);
      await vault.claimIncome(token);
      await vault.fulfil();
      await redeemAll(mallory);
      expect(loss).to.be.lte(3n * USD);
      expect(before - (await asset.balanceOf(mallory.address))).to.be.gt(loss);
    });

    it("M02: donations of the asset, of class shares and of its own shares change no price and no claim", async () => {
      const { vault, asset, alice, admin, classes, buy, deposit, target, pass, request } =
        await networkHelpers.loadFixture(deployWorld);
      await deposit(alice, 1_000n * USD);
      await buy(0, 500n * USD);
      await request(alice, 100n * USD * SHARES);
      await pass(HOUR);
      await vault.fulfil();
      const figures = async () => [
        await vault.totalAssets(),
        await vault.entryAssets(),
        await vault.previewDeposit(USD),
        await vault.maxWithdraw(alice.address),
        await vault.freeAssets(),
      ];
      const before = await figures();
      await asset.transfer(target, 777n * USD);
      await classes[0]!.connect(admin).transfer(target, 777n * USD);
      await classes[2]!.connect(admin).transfer(target, 777n * USD);
      expect(await figures()).to.deep.equal(before);
    });

    it("M03, M28: dust round trips end with no more than they began", async () => {
      const { vault, asset, alice, bob, buy, deposit, setPrice, request, pass } =
        await networkHelpers.loadFixture(deployWorld);
      await deposit(alice, 1_000n * USD);
      await buy(0, 333n * USD);
      await setPrice(0, 9_777n);
      const before = await asset.balanceOf(bob.address);
      let paid = 0n;
      for (let round = 0n; round < 40n; ++round) {
        const assets = 1n + (round % 7n);
        paid += assets;
        await vault.connect(bob).deposit(assets, bob.address);
        paid += await vault.connect(bob).mint.staticCall(1n + round, bob.address);
        await vault.connect(bob).mint(1n + round, bob.address);
      }
      expect(before - (await asset.balanceOf(bob.address))).to.equal(paid);
      await request(bob);
      await pass(HOUR);
      await vault.fulfil();
      while ((await vault.maxWithdraw(bob.address)) > 0n)
        await vault.connect(bob).withdraw(1n, bob.address, bob.address);
      expect(await asset.balanceOf(bob.address)).to.be.lte(before);
      expect(await vault.maxRedeem(bob.address)).to.equal(0n);
    });

    it("refuse assets that would mint nothing", async () => {
      const { vault, alice, bob, buy, deposit, setPrice } = await networkHelpers.loadFixture(deployWorld);
      await deposit(alice, 10n);
      await buy(0, 10n);
      await setPrice(0, 10n ** 13n, 10n ** 13n);
      await expect(vault.connect(bob).deposit(1n, bob.address))
        .to.be.revertedWithCustomError(vault, "Vault_NoShares")
        .withArgs(1n);
    });
  });
});
