import { expect } from "chai";
import { createToken, createWorld, USD } from "./facility-world.ts";

const RAY = 10n ** 27n;
describe("ClassToken", () => {
  let w: Awaited<ReturnType<typeof createToken>>;
  beforeEach(async () => {
    w = await createToken();
  });

  describe("metadata", () => {
    it("reads name, symbol and the asset's decimals from the clone", async () => {
      expect(await w.token.name()).to.equal("Test Class");
      expect(await w.token.symbol()).to.equal("TST");
      expect(await w.token.decimals()).to.equal(6);
      expect(await w.token.totalSupply()).to.equal(1000);
      expect(await w.token.facility()).to.equal(await w.issuer.getAddress());
      expect(await w.token.gate()).to.equal(await w.gate.getAddress());
    });

    it("M26: refuses a second initialisation, of the clone and of the implementation", async () => {
      const asset = await w.asset.getAddress();
      for (const target of [w.token, w.implementation]) {
        await expect(target.initialize("x", "x", asset, w.mallory.address)).to.be.revertedWithCustomError(
          w.token,
          "InvalidInitialization",
        );
      }
    });

    it("M26: leaves no moment for a front-runner: a facility's tokens are set up in the transaction that makes them", async () => {
      const created = await w.facilities.queryFilter(w.facilities.filters.FacilityCreated());
      const { classTokens } = created[0]!.args;
      expect(classTokens).to.have.length(2);
      for (const address of classTokens) {
        const token = await w.ethers.getContractAt("ClassToken", address);
        const [initialized] = await token.queryFilter(token.filters.Initialized());
        expect(initialized?.transactionHash).to.equal(created[0]!.transactionHash);
        await expect(
          token.connect(w.mallory).initialize("x", "x", await w.asset.getAddress(), w.mallory.address),
        ).to.be.revertedWithCustomError(token, "InvalidInitialization");
      }
    });

    it("M26: the implementation can mint for nobody", async () => {
      await expect(w.implementation.mint(w.mallory.address, 1)).to.revert(w.ethers);
    });
  });

  describe("mint, burn, accrue", () => {
    it("M24: refuse everyone but the facility", async () => {
      const token = w.token.connect(w.mallory);
      for (const call of [
        () => token.mint(w.mallory.address, 1),
        () => token.burn(w.alice.address, 1),
        () => token.accrue(1, 1),
        () => token.accrueLoss(1),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(token, "ClassToken_NotFacility").withArgs(w.mallory.address);
      }
    });

    it("refuse an account that may not receive, or not send", async () => {
      await expect(w.issuer.mint(w.mallory.address, 1))
        .to.be.revertedWithCustomError(w.token, "ERC7943CannotReceive")
        .withArgs(w.mallory.address);
      await w.gate.freeze(w.alice.address, true);
      await expect(w.issuer.burn(w.alice.address, 1))
        .to.be.revertedWithCustomError(w.token, "ERC7943CannotSend")
        .withArgs(w.alice.address);
    });

    it("refuse more supply than a slot holds", async () => {
      await expect(w.issuer.mint(w.alice.address, 2n ** 96n - 1000n))
        .to.be.revertedWithCustomError(w.token, "SafeCastOverflowedUintDowncast")
        .withArgs(96, 2n ** 96n);
      await w.issuer.mint(w.alice.address, 2n ** 96n - 1001n);
      expect(await w.token.balanceOf(w.alice.address)).to.equal(2n ** 96n - 401n);
    });
  });

  describe("accrual", () => {
    it("splits income by shares and shows interest and principal apart", async () => {
      await expect(w.issuer.accrue(100, 50))
        .to.emit(w.token, "Accrued")
        .withArgs(1, 100, 50, RAY / 10n, RAY / 20n);
      expect(await w.token.interestPerShareRay()).to.equal(RAY / 10n);
      expect(await w.token.principalPerShareRay()).to.equal(RAY / 20n);
      expect(await w.token.claimableAssets(w.alice.address)).to.equal(90);
      expect(await w.token.claimableAssets(w.bob.address)).to.equal(60);
    });

    it("leaves accrued income with the sender of a transfer", async () => {
      await w.issuer.accrue(100, 0);
      await w.token.connect(w.alice).transfer(w.carol.address, 600);
      await w.issuer.accrue(0, 100);
      expect(await w.token.claimableAssets(w.alice.address)).to.equal(60);
      expect(await w.token.claimableAssets(w.carol.address)).to.equal(60);
      expect(await w.token.claimableAssets(w.bob.address)).to.equal(80);
    });

    it("is unmoved by a transfer to oneself", async () => {
      await w.issuer.accrue(100, 0);
      await w.token.connect(w.alice).transfer(w.alice.address, 600);
      expect(await w.token.balanceOf(w.alice.address)).to.equal(600);
      expect(await w.token.claimableAssets(w.alice.address)).to.equal(60);
    });

    it("M03: carries what the division leaves, so that nothing is lost", async () => {
      await w.issuer.mint(w.carol.address, 2000); // 3000 shares: a third of a unit is no round figure
      for (let n = 0; n < 30; n++) await w.issuer.accrue(1, 1);
      // 60 units over 3000 shares: the carried remainder makes the thirtieth accrual whole.
      expect(await w.token.interestPerShareRay()).to.equal((30n * RAY) / 3000n);
      expect(await w.token.principalPerShareRay()).to.equal((30n * RAY) / 3000n);
      expect(await w.token.claimableAssets(w.alice.address)).to.equal(12);
      expect(await w.token.claimableAssets(w.bob.address)).to.equal(8);
      expect(await w.token.claimableAssets(w.carol.address)).to.equal(40);
    });

    it("M03: is no unit while the last digit is missing", async () => {
      await w.issuer.burn(w.bob.address, 400);
      await w.issuer.burn(w.alice.address, 597);
      await w.issuer.accrue(1, 0); // 3 shares have 0.999… of it, the rest waits
      expect(await w.token.claimableAssets(w.alice.address)).to.equal(0);
      await w.issuer.accrue(2, 0);
      expect(await w.token.claimableAssets(w.alice.address)).to.equal(3);
    });

    it("M03: a holder settled after each of many small accruals loses nothing", async () => {
      for (let n = 0; n < 20; n++) {
        await w.issuer.accrue(1, 0); // six tenths of a unit for Alice
        await w.token.connect(w.alice).transfer(w.alice.address, 0);
      }
      expect(await w.token.claimableAssets(w.alice.address)).to.equal(12);
    });

    it("M03, M28: claims never exceed what was accrued, whoever trades in between", async () => {
      let accrued = 0n;
      const holders = [w.alice, w.bob, w.carol];
      for (let n = 0n; n < 24n; n++) {
        await w.issuer.accrue(n * 7n + 1n, n % 3n);
        accrued += n * 7n + 1n + (n % 3n);
        const [from, to] = [holders[Number(n % 3n)], holders[Number((n + 1n) % 3n)]];
        if (!from || !to) throw new Error("three holders");
        const balance = await w.token.balanceOf(from.address);
        await w.token.connect(from).transfer(to.address, balance / 3n);
      }
      let claimable = 0n;
      for (const { address } of holders) claimable += await w.token.claimableAssets(address);
      expect(claimable).to.be.at.most(accrued);
      expect(claimable).to.be.at.least(accrued - 3n);
    });

    it("M20: refuses more than a holder's slot can count, and counts all below it", async () => {
      const most = (2n ** 151n - 1n) / 10n ** 12n;
      await w.issuer.mint(w.alice.address, 10n ** 12n - 1000n); // few shares would have too much each
      await expect(w.issuer.accrue(most + 1n, 0))
        .to.be.revertedWithCustomError(w.token, "ClassToken_TooMuchIncome")
        .withArgs(most + 1n, 0);
      await w.token.connect(w.bob).transfer(w.alice.address, 400);
      await w.issuer.accrue(most, 0);
      await w.asset.mint(await w.issuer.getAddress(), most);
      await w.token.connect(w.alice).claim(w.alice.address);
      await w.token.connect(w.alice).transfer(w.carol.address, 10n ** 12n);
      expect(await w.token.claimableAssets(w.alice.address)).to.equal(0);
      expect(await w.token.claimableAssets(w.carol.address)).to.equal(0);
    });

    it("M23: costs the same for two holders and for forty", async () => {
      const gasOf = async () => (await (await w.issuer.accrue(100, 100)).wait())?.gasUsed;
      await gasOf();
      const few = await gasOf();
      for (let n = 0; n < 38; n++) {
        const { address } = w.ethers.Wallet.createRandom();
        await w.admit(address);
        await w.token.connect(w.alice).transfer(address, 1);
      }
      expect(await gasOf()).to.equal(few);
    });
  });

  describe("loss", () => {
    it("belongs to the shares, whoever held them, and leaves income alone", async () => {
      await w.issuer.accrue(100, 50);
      await expect(w.issuer.accrueLoss(500))
        .to.emit(w.token, "LossAccrued")
        .withArgs(500, RAY / 2n);
      await w.token.connect(w.alice).transfer(w.carol.address, 200);
      const parts = async (holder: string) => [
        await w.token.repaidAssets(holder),
        await w.token.writtenOffAssets(holder),
        await w.token.claimableAssets(holder),
      ];
      expect(await parts(w.alice.address)).to.deep.equal([20n, 200n, 90n]);
      expect(await parts(w.bob.address)).to.deep.equal([20n, 200n, 60n]);
      expect(await parts(w.carol.address)).to.deep.equal([10n, 100n, 0n]);
    });

    it("M03: carries what the division leaves, so that nothing is lost", async () => {
      await w.issuer.mint(w.carol.address, 2000);
      for (let n = 0; n < 30; n++) await w.issuer.accrueLoss(1);
      expect(await w.token.lossPerShareRay()).to.equal((30n * RAY) / 3000n);
      expect(await w.token.writtenOffAssets(w.carol.address)).to.equal(20);
    });

    it("refuses a class without shares", async () => {
      await w.issuer.burn(w.alice.address, 600);
      await w.issuer.burn(w.bob.address, 400);
      await expect(w.issuer.accrueLoss(7)).to.be.revertedWithCustomError(w.token, "ClassToken_NoShares").withArgs(7);
    });
  });

  describe("claim", () => {
    beforeEach(async () => {
      await w.issuer.accrue(100, 5);
    });

    it("pays all whole units to the address of choice, once", async () => {
      const claim = w.token.connect(w.alice).claim(w.mallory.address);
      await expect(claim).to.emit(w.token, "Claimed").withArgs(w.alice.address, w.mallory.address, 63);
      await expect(claim).to.changeTokenBalances(w.ethers, w.asset, [w.issuer, w.mallory], [-63, 63]);
      await expect(w.token.connect(w.alice).claim(w.mallory.address))
        .to.be.revertedWithCustomError(w.token, "ClassToken_NothingToClaim")
        .withArgs(w.alice.address);
    });

    it("keeps the fraction for the next claim", async () => {
      await w.token.connect(w.alice).claim(w.alice.address);
      for (const [accrued, claimable] of [
        [1n, 0n], // 0.6
        [1n, 1n], // 1.2
      ] as const) {
        await w.issuer.accrue(accrued, 0);
        expect(await w.token.claimableAssets(w.alice.address)).to.equal(claimable);
      }
      await w.token.connect(w.alice).claim(w.alice.address);
      await w.issuer.accrue(3, 0); // 0.2 + 1.8
      expect(await w.token.claimableAssets(w.alice.address)).to.equal(2);
    });

    it("claimFor pays the holder itself, whoever calls", async () => {
      const claim = w.token.connect(w.mallory).claimFor(w.bob.address);
      await expect(claim).to.emit(w.token, "Claimed").withArgs(w.bob.address, w.bob.address, 42);
      await expect(claim).to.changeTokenBalances(w.ethers, w.asset, [w.bob, w.mallory], [42, 0]);
    });

    it("M06: a claim that the asset refuses to pay stays recorded and blocks nobody", async () => {
      await w.asset.setBlacklisted(w.alice.address, true);
      await expect(w.token.claimFor(w.alice.address))
        .to.be.revertedWithCustomError(w.asset, "Coin_Blacklisted")
        .withArgs(w.alice.address);
      expect(await w.token.claimableAssets(w.alice.address)).to.equal(63);
      await w.token.claimFor(w.bob.address);
      await w.token.connect(w.alice).transfer(w.bob.address, 100);
      await w.token.connect(w.alice).claim(w.carol.address);
    });

    it("M06: a frozen holder's claim stays recorded until it is unfrozen", async () => {
      await w.gate.freeze(w.alice.address, true);
      await expect(w.token.connect(w.alice).claim(w.mallory.address))
        .to.be.revertedWithCustomError(w.token, "ERC7943CannotSend")
        .withArgs(w.alice.address);
      await w.issuer.accrue(100, 0);
      await w.gate.freeze(w.alice.address, false);
      expect(await w.token.claimableAssets(w.alice.address)).to.equal(123);
      await w.token.claimFor(w.alice.address);
    });

    it("M08: a holder whose credential expired keeps accruing, claims and exits, and cannot buy", async () => {
      const expiresAt = (await w.networkHelpers.time.latest()) + 1000;
      await w.admit(w.alice.address, expiresAt);
      await w.networkHelpers.time.increaseTo(expiresAt);
      await w.issuer.accrue(100, 0);
      await expect(w.token.connect(w.bob).transfer(w.alice.address, 1))
        .to.be.revertedWithCustomError(w.token, "ERC7943CannotReceive")
        .withArgs(w.alice.address);
      await w.token.connect(w.alice).claim(w.alice.address);
      await w.token.connect(w.alice).transfer(w.bob.address, 600);
    });
  });

  describe("gas", () => {
    it("a transfer between holders, with accrual and gate, stays within 60,000", async () => {
      await w.token.connect(w.alice).transfer(w.bob.address, 1);
      await w.issuer.accrue(100, 100);
      const receipt = await (await w.token.connect(w.alice).transfer(w.bob.address, 1)).wait();
      expect(receipt?.gasUsed).to.be.at.most(60_000n);
    });

    it("a claim out of a facility, of a plain stablecoin, stays within 70,000", async () => {
      const { facility, senior, alice, perform, payRent, toDate } = await createWorld({ plainCoin: true });
      await perform();
      for (const paymentIndex of [0, 1]) {
        await payRent(100_000n * USD);
        await toDate(paymentIndex);
        await facility.distribute();
        const receipt = await (await senior.connect(alice).claim(alice.address)).wait();
        if (paymentIndex > 0) expect(receipt?.gasUsed).to.be.at.most(70_000n);
      }
    });
  });
});
