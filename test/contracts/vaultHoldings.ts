import { expect } from "chai";
import { USD } from "./facility-world.ts";
import {
  deployWorld,
  ethers,
  HOUR,
  MAX_DAILY_LOSS_BPS,
  MAX_DISCOUNT_BPS,
  networkHelpers,
  SHARES,
} from "./vaultWorld.ts";

describe("IncomeVault's holdings", () => {
  // Alice has deposited a thousand; then half of it is in the first class.
  async function deposited() {
    const world = await deployWorld();
    await world.deposit(world.alice, 1_000n * USD);
    return world;
  }

  async function invested() {
    const world = await deposited();
    await world.buy(0, 500n * USD);
    return world;
  }

  const fixture = <T>(made: () => Promise<T>) => networkHelpers.loadFixture(made);

  describe("list", () => {
    it("lists a class of a facility in the vault's asset that has a value, once", async () => {
      const { vault, funds, classes, valuation } = await fixture(deployWorld);
      const token = await funds[1].classToken(1);
      await expect(vault.list(funds[1], 1, 2_000_000n * USD)).to.be.revertedWithCustomError(
        valuation,
        "MockValuation_Unknown",
      );
      await valuation.setAssets(funds[1], 1, 0n, 0n);
      await expect(vault.list(funds[1], 1, 2_000_000n * USD))
        .to.emit(vault, "ClassListed")
        .withArgs(await funds[1].getAddress(), 1n, token)
        .to.emit(vault, "CapSet")
        .withArgs(await funds[1].getAddress(), 2_000_000n * USD);
      await expect(vault.list(funds[1], 1, 2_000_000n * USD))
        .to.be.revertedWithCustomError(vault, "Vault_Listed")
        .withArgs(token);
      expect(await vault.classTokens()).to.deep.equal([
        ...(await Promise.all(classes.map((one) => one.getAddress()))),
        token,
      ]);
    });

    it("refuses a facility in another asset, and a cap below the facility's", async () => {
      const { vault, funds, valuation } = await fixture(deployWorld);
      const other = await ethers.deployContract("MockToken", [6]);
      const fund = await ethers.deployContract("MockFund", [other, 1, 6]);
      await expect(vault.list(fund, 0, 1n))
        .to.be.revertedWithCustomError(vault, "Vault_OtherAsset")
        .withArgs(await fund.getAddress(), await other.getAddress());
      await valuation.setAssets(funds[1], 1, 0n, 0n);
      await expect(vault.list(funds[1], 1, 1_000_000n * USD - 1n)).to.be.revertedWithCustomError(
        vault,
        "Vault_CapNotHigher",
      );
    });

    it("M23: refuses a seventeenth class", async () => {
      const { vault, asset, valuation } = await fixture(deployWorld);
      const fund = await ethers.deployContract("MockFund", [asset, 14, 6]);
      for (let classIndex = 0; classIndex < 13; ++classIndex) {
        await valuation.setAssets(fund, classIndex, 0n, 0n);
        await vault.list(fund, classIndex, USD);
      }
      await valuation.setAssets(fund, 13, 0n, 0n);
      await expect(vault.list(fund, 13, USD))
        .to.be.revertedWithCustomError(vault, "Vault_TooManyClasses")
        .withArgs(16n);
    });
  });

  describe("raiseCap and lowerCap", () => {
    it("go up and down only", async () => {
      const { vault, funds } = await fixture(deployWorld);
      const cap = 1_000_000n * USD;
      await expect(vault.raiseCap(funds[0], cap)).to.be.revertedWithCustomError(vault, "Vault_CapNotHigher");
      await expect(vault.lowerCap(funds[0], cap)).to.be.revertedWithCustomError(vault, "Vault_CapNotLower");
      await vault.raiseCap(funds[0], cap + 1n);
      await vault.lowerCap(funds[0], cap - 1n);
      expect(await vault.capAssets(funds[0])).to.equal(cap - 1n);
    });

    it("bound a facility's classes together, at entry, to the unit", async () => {
      const { vault, funds, buy, setPrice } = await fixture(deposited);
      await vault.lowerCap(funds[0], 600n * USD);
      await setPrice(0, 9_000n, 10_000n);
      await buy(0, 400n * USD);
      await expect(buy(1, 200n * USD + 1n))
        .to.be.revertedWithCustomError(vault, "Vault_OverCap")
        .withArgs(await funds[0].getAddress(), 600n * USD + 1n, 600n * USD);
      await buy(1, 200n * USD);
      await buy(2, 300n * USD); // another facility
      await vault.lowerCap(funds[0], 0n); // what is held beyond stays
      expect(await vault.totalAssets()).to.equal(960n * USD);
    });
  });

  describe("closeClass", () => {
    it("waits until nothing is left: no shares of any value, and no income", async () => {
      const { vault, classes, sell } = await fixture(invested);
      const token = classes[0]!;
      await token.pay(1_000_000n * USD);
      await expect(vault.closeClass(token))
        .to.be.revertedWithCustomError(vault, "Vault_StillHeld")
        .withArgs(await token.getAddress(), 500n * USD, 500n * USD);
      await sell(0, 500n * USD, 500n * USD);
      await expect(vault.closeClass(token))
        .to.be.revertedWithCustomError(vault, "Vault_StillHeld")
        .withArgs(await token.getAddress(), 0n, 500n * USD);
      expect(await vault.totalAssets()).to.equal(1_500n * USD);
      await vault.claimIncome(token);
      await expect(vault.closeClass(token))
        .to.emit(vault, "ClassClosed")
        .withArgs(await token.getAddress());
      expect(await vault.classTokens()).to.have.length(2);
      await expect(vault.closeClass(token)).to.be.revertedWithCustomError(vault, "Vault_NotListed");
      await expect(vault.claimIncome(token)).to.be.revertedWithCustomError(vault, "Vault_NotListed");
    });

    it("lets worthless shares go, and counts them again when the class is listed again", async () => {
      const { vault, funds, classes, setPrice, hold, pass } = await fixture(invested);
      await setPrice(0, 0n, 1n);
      await expect(vault.closeClass(classes[0]!)).to.be.revertedWithCustomError(vault, "Vault_StillHeld");
      await setPrice(0, 0n);
      await hold(0);
      await expect(vault.closeClass(classes[0]!)).to.be.revertedWithCustomError(vault, "Vault_StillHeld");
      await pass(HOUR);
      await vault.closeClass(classes[0]!);
      await setPrice(0, 5_000n);
      expect(await vault.totalAssets()).to.equal(500n * USD);
      await vault.list(funds[0], 0, 1_000_000n * USD);
      expect(await vault.totalAssets()).to.equal(750n * USD);
    });
  });

  describe("subscribe", () => {
    it("takes shares in a raise for what they are worth", async () => {
      const { vault, funds, classes, asset, target, valuation } = await fixture(deposited);
      const supply = 1_000_400n * USD; // after it
      await valuation.setAssets(funds[0], 1, supply, supply);
      await expect(vault.subscribe(classes[1]!, 400n * USD))
        .to.emit(vault, "ClassBought")
        .withArgs(await classes[1]!.getAddress(), 400n * USD, 400n * USD);
      expect(await vault.cashAssets()).to.equal(600n * USD);
      expect((await vault.holdingOf(classes[1]!)).shares).to.equal(400n * USD);
      expect(await asset.allowance(target, funds[0])).to.equal(0n);
    });

    it("is refused where the facility gives less for it, or the value cannot be acted on", async () => {
      const { vault, funds, classes, valuation, hold } = await fixture(deposited);
      const supply = 1_000_400n * USD;
      await valuation.setAssets(funds[0], 1, supply, supply);
      await funds[0].setIssue(9_999n);
      await expect(vault.subscribe(classes[1]!, 400n * USD)).to.be.revertedWithCustomError(vault, "Vault_PriceAbove");
      await funds[0].setIssue(10_000n);
      await hold(1);
      await expect(vault.subscribe(classes[1]!, 400n * USD)).to.be.revertedWithCustomError(vault, "Vault_StaleValue");
    });
  });

  describe("refund", () => {
    it("takes back what was subscribed in a raise that failed; anyone may call", async () => {
      const { vault, funds, classes, valuation, mallory } = await fixture(deposited);
      const supply = 1_000_400n * USD;
      await valuation.setAssets(funds[0], 1, supply, supply);
      await vault.subscribe(classes[1]!, 400n * USD);
      await expect(vault.connect(mallory).refund(funds[0]))
        .to.emit(vault, "RaiseRefunded")
        .withArgs(await funds[0].getAddress(), 400n * USD);
      expect(await vault.cashAssets()).to.equal(1_000n * USD);
      expect(await vault.totalAssets()).to.equal(1_000n * USD);
      expect((await vault.holdingOf(classes[1]!)).shares).to.equal(0n);
    });

    it("M02: is refused for a facility that is not listed: nobody books a donation by it", async () => {
      const { vault, asset, mallory } = await fixture(deposited);
      const fund = await ethers.deployContract("MockFund", [asset, 1, 6]);
      await asset.connect(mallory).transfer(fund, USD);
      await expect(vault.connect(mallory).refund(fund))
        .to.be.revertedWithCustomError(vault, "Vault_NotListed")
        .withArgs(await fund.getAddress());
    });
  });

  describe("claimIncome", () => {
    it("turns what a class owes into cash, without changing what all is worth; anyone may call", async () => {
      const { vault, classes, mallory } = await fixture(invested);
      await classes[0]!.pay(10_000n * USD);
      const before = [await vault.totalAssets(), await vault.entryAssets()];
      await expect(vault.connect(mallory).claimIncome(classes[0]!))
        .to.emit(vault, "IncomeClaimed")
        .withArgs(await classes[0]!.getAddress(), 5n * USD);
      expect(await vault.cashAssets()).to.equal(505n * USD);
      expect([await vault.totalAssets(), await vault.entryAssets()]).to.deep.equal(before);
    });

    it("books what was delivered, not what the class says", async () => {
      const { vault, classes } = await fixture(invested);
      await classes[0]!.setPaid(4_000n);
      await classes[0]!.pay(10_000n * USD);
      await vault.claimIncome(classes[0]!);
      expect(await vault.cashAssets()).to.equal(502n * USD);
    });

    it("changes nobody's place: who enters before it and leaves after it gains nothing (M31)", async () => {
      const { vault, asset, bob, classes, deposit, request, redeemAll, pass, sell } = await fixture(invested);
      await classes[0]!.pay(100_000n * USD);
      const before = await asset.balanceOf(bob.address);
      await deposit(bob, 10_000n * USD);
      await vault.claimIncome(classes[0]!);
      await request(bob);
      await pass(HOUR);
      await sell(0, 500n * USD, 500n * USD);
      await vault.fulfil();
      await redeemAll(bob);
      expect(await asset.balanceOf(bob.address)).to.be.lte(before);
    });
  });

  describe("buy", () => {
    it("pays at most the entry value of the shares, and what was asked for", async () => {
      const { vault, exchange, buy, order, setPrice, classes, asset, target } = await fixture(deposited);
      await setPrice(0, 8_000n, 9_000n);
      await expect(buy(0, 100n * USD, 90n * USD + 1n))
        .to.be.revertedWithCustomError(exchange, "MockExchange_Limit")
        .withArgs(90n * USD + 1n, 90n * USD);
      const sells = await order(0, true, 100n * USD, 90n * USD);
      await expect(vault.buy(sells, "0x", 100n * USD, 90n * USD - 1n)).to.be.revertedWithCustomError(
        exchange,
        "MockExchange_Limit",
      );
      await expect(buy(0, 100n * USD, 90n * USD))
        .to.emit(vault, "ClassBought")
        .withArgs(await classes[0]!.getAddress(), 100n * USD, 90n * USD);
      expect(await vault.entryAssets()).to.equal(1_000n * USD);
      expect(await vault.totalAssets()).to.equal(990n * USD);
      expect(await asset.allowance(target, exchange)).to.equal(0n);
    });

    it("is refused for another class, asset or side, for a class whose value is held, and while paused", async () => {
      const { vault, funds, order, buy, hold } = await fixture(deposited);
      const sells = await order(0, true, USD, USD);
      const call = (changed: object) => vault.buy({ ...sells, ...changed }, "0x", USD, USD);
      const other = await funds[1].classToken(1);
      await expect(call({ shareToken: other }))
        .to.be.revertedWithCustomError(vault, "Vault_NotListed")
        .withArgs(other);
      await expect(call({ isSell: false })).to.be.revertedWithCustomError(vault, "Vault_WrongOrder");
      await expect(call({ asset: other }))
        .to.be.revertedWithCustomError(vault, "Vault_WrongOrder")
        .withArgs(sells.shareToken, other, true);
      await hold(0);
      await expect(buy(0, USD)).to.be.revertedWithCustomError(vault, "Vault_StaleValue");
      await buy(1, USD);
      await vault.pause();
      await expect(buy(1, USD)).to.be.revertedWithCustomError(vault, "Vault_Paused");
    });

    it("is refused where fewer shares come than were paid for", async () => {
      const { vault, exchange, buy, classes } = await fixture(deposited);
      await exchange.setDelivered(9_999n);
      await expect(buy(0, 100n * USD))
        .to.be.revertedWithCustomError(vault, "Vault_WrongShares")
        .withArgs(await classes[0]!.getAddress(), 100n * USD, (100n * USD * 9_999n) / 10_000n);
    });

    it("leaves the cash that waiting redemptions need, to the unit, and what was set aside", async () => {
      const { vault, alice, buy, request, pass } = await fixture(deposited);
      await request(alice, 300n * USD * SHARES);
      await pass(HOUR);
      await vault.fulfil();
      await request(alice, 200n * USD * SHARES);
      const free = await vault.freeAssets();
      expect(free).to.be.closeTo(500n * USD, 1n);
      await expect(buy(0, free + 1n))
        .to.be.revertedWithCustomError(vault, "Vault_CashAwaited")
        .withArgs(free + 1n, free);
      await buy(0, free);
      expect(await vault.freeAssets()).to.be.lte(1n);
    });
  });

  describe("sell", () => {
    it("gets at least the exit value less the discount, and what was asked for", async () => {
      const { vault, exchange, sell, setPrice, classes, target } = await fixture(invested);
      await setPrice(0, 9_000n, 10_000n);
      const least = (90n * USD * (10_000n - MAX_DISCOUNT_BPS)) / 10_000n;
      await expect(sell(0, 100n * USD, least - 1n))
        .to.be.revertedWithCustomError(exchange, "MockExchange_Limit")
        .withArgs(least - 1n, least);
      await expect(sell(0, 100n * USD, least, least + 1n)).to.be.revertedWithCustomError(
        exchange,
        "MockExchange_Limit",
      );
      await expect(sell(0, 100n * USD, least))
        .to.emit(vault, "ClassSold")
        .withArgs(await classes[0]!.getAddress(), 100n * USD, least);
      expect((await vault.holdingOf(classes[0]!)).shares).to.equal(400n * USD);
      expect(await vault.cashAssets()).to.equal(500n * USD + least);
      expect(await classes[0]!.allowance(target, exchange)).to.equal(0n);
    });

    it("is refused beyond what was bought, at a held value, and where less is paid than agreed", async () => {
      const { vault, exchange, sell, classes, target, admin, hold } = await fixture(invested);
      await classes[0]!.connect(admin).transfer(target, 10n);
      await expect(sell(0, 500n * USD + 1n, 600n * USD))
        .to.be.revertedWithCustomError(vault, "Vault_NotHeld")
        .withArgs(await classes[0]!.getAddress(), 500n * USD + 1n, 500n * USD);
      await exchange.setDelivered(9_000n);
      await expect(sell(0, 100n * USD, 100n * USD))
        .to.be.revertedWithCustomError(vault, "Vault_PriceBelow")
        .withArgs(await classes[0]!.getAddress(), 90n * USD, 98n * USD);
      await hold(0);
      await expect(sell(0, 100n * USD, 100n * USD)).to.be.revertedWithCustomError(vault, "Vault_StaleValue");
    });

    it("M24: brings in a day at most three per cent of all less than entry, however often it is done", async () => {
      const { vault, buy, sell, setPrice, pass } = await fixture(invested);
      await setPrice(0, 9_000n, 10_000n);
      const most = (950n * USD * MAX_DAILY_LOSS_BPS) / 10_000n;
      await sell(0, 250n * USD, 225n * USD);
      await buy(0, 100n * USD, 90n * USD); // what a purchase gains does not count
      const exit = await vault.totalAssets();
      expect(exit).to.equal(950n * USD);
      await expect(sell(0, 50n * USD, 45n * USD))
        .to.be.revertedWithCustomError(vault, "Vault_DailyLossExceeded")
        .withArgs(30n * USD, most);
      await sell(0, 35n * USD, (315n * USD) / 10n);
      await pass(24 * HOUR);
      await sell(0, 50n * USD, 45n * USD);
    });

    it("goes on while the vault is paused and another class is stale", async () => {
      const { vault, buy, sell, hold } = await fixture(invested);
      await buy(1, 100n * USD);
      await hold(1);
      await vault.pause();
      await sell(0, 100n * USD, 100n * USD);
      expect(await vault.cashAssets()).to.equal(500n * USD);
    });
  });
});
