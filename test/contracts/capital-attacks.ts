import { expect } from "chai";
import { capitalFixture, type CapitalFixture } from "./capital-fixture.ts";
import { A, B, DAY, R, RENT, UNIT } from "./capital-stage.ts";

// What people try on the whole stage, and what comes of it.

describe("Capital, attacked", () => {
  let w: CapitalFixture;
  let snapshot: Awaited<ReturnType<CapitalFixture["networkHelpers"]["takeSnapshot"]>>;

  before(async () => {
    w = await capitalFixture();
    snapshot = await w.networkHelpers.takeSnapshot();
  });
  afterEach(() => snapshot.restore());

  /** Everything to date, until a time. */
  const keepUntil = async (untilAt: bigint) => {
    await w.networkHelpers.time.increaseTo(untilAt);
    await w.fixYesterday(200);
    await w.appraise();
  };
  /** What somebody gets back for all shares of the vault, an hour later at the earliest. */
  const leave = async (who: CapitalFixture["erin"]) => {
    const { vault } = w;
    await vault.connect(who).requestRedeem(await vault.balanceOf(who), who, who);
    await w.refresh(2);
    await vault.fulfil();
    const assets = await vault.maxWithdraw(who);
    await vault.connect(who).withdraw(assets, who, who);
    return assets;
  };

  describe("liquidation", () => {
    beforeEach(async () => {
      await w.indebt();
      await w.reprice(190);
    });

    it("M06: a borrower that the stablecoin blacklisted is liquidated like any other", async () => {
      const { asset, markets, residual, dave, erin, deal1 } = w;
      await asset.setBlacklisted(dave, true);
      const had = await deal1.tokens[R]!.balanceOf(erin);
      await markets.connect(erin).liquidate(residual.params, dave, 1_000n * UNIT, 0, "0x");
      expect((await deal1.tokens[R]!.balanceOf(erin)) - had).to.equal(1_000n * UNIT);
    });

    it("M06 M07: a borrower that the gate froze is liquidated, and takes neither shares nor income out", async () => {
      const { gate, markets, residual, senior, alice, bob, dave, erin } = w;
      await gate.freeze(dave, true);
      await gate.freeze(alice, true);
      await markets.connect(erin).liquidate(residual.params, dave, 1_000n * UNIT, 0, "0x");
      for (const to of [alice, bob]) {
        await expect(markets.connect(alice).withdrawCollateral(senior.params, UNIT, alice, to)).to.revert(w.ethers);
        await expect(markets.connect(alice).claimIncome(senior.params, alice, to)).to.revert(w.ethers);
      }
      await markets.connect(alice).repay(senior.params, UNIT, 0, alice, "0x");
      await markets.connect(bob).repay(residual.params, UNIT, 0, dave, "0x");
    });

    it("M08: who may not hold the class cannot seize it", async () => {
      const { gate, provider, markets, residual, dave, mallory, erin, deal1 } = w;
      await gate.connect(provider).revoke(erin);
      for (const by of [mallory, erin]) {
        await expect(markets.connect(by).liquidate(residual.params, dave, UNIT, 0, "0x"))
          .to.be.revertedWithCustomError(deal1.tokens[R]!, "ERC7943CannotReceive")
          .withArgs(by.address);
      }
    });

    it("M08: a borrower whose credential expired repays, adds, is liquidated, and gets its shares out never again", async () => {
      const { gate, provider, markets, residual, dave, erin, alice, deal1 } = w;
      await gate.connect(provider).revoke(dave);
      const own = markets.connect(dave);
      await own.repay(residual.params, 20_000n * UNIT, 0, dave, "0x");
      await own.supplyCollateral(residual.params, UNIT, dave, "0x");
      await expect(own.withdrawCollateral(residual.params, UNIT, dave, dave)).to.be.revertedWithCustomError(
        deal1.tokens[R]!,
        "ERC7943CannotReceive",
      );
      await own.withdrawCollateral(residual.params, UNIT, dave, alice);
      await w.reprice(175);
      await w.refresh(25);
      await markets.connect(erin).liquidate(residual.params, dave, UNIT, 0, "0x");
    });
  });

  describe("transfer limits", () => {
    it("M07: no path brings shares of a class to who may not hold them", async () => {
      const { markets, senior, exchange, order, alice, mallory, deal1, vault, bob } = w;
      const token = deal1.tokens[A]!;
      const cannot = "ERC7943CannotReceive";
      await expect(token.connect(alice).transfer(mallory, 1)).to.be.revertedWithCustomError(token, cannot);
      await expect(
        markets.connect(alice).withdrawCollateral(senior.params, 1, alice, mallory),
      ).to.be.revertedWithCustomError(token, cannot);
      await expect(
        markets.connect(alice).supplyCollateral(senior.params, UNIT, mallory, "0x"),
      ).to.be.revertedWithCustomError(markets, "Market_MayNotHold");
      const sale = await order(alice, token, { shares: UNIT, assets: UNIT });
      for (const [by, to] of [
        [mallory, mallory],
        [bob, mallory],
      ] as const) {
        await expect(
          exchange.connect(by).fill(sale.order, sale.signature, UNIT, UNIT, to),
        ).to.be.revertedWithCustomError(token, cannot);
      }
      const bid = await order(mallory, token, { shares: UNIT, assets: 2n * UNIT, isSell: false });
      await expect(
        exchange.connect(alice).fill(bid.order, bid.signature, UNIT, 0, alice),
      ).to.be.revertedWithCustomError(token, cannot);
      await expect(
        exchange.settle(sale.order, sale.signature, bid.order, bid.signature, UNIT),
      ).to.be.revertedWithCustomError(token, cannot);
      await expect(vault.connect(bob).deposit(UNIT, mallory)).to.be.revertedWithCustomError(vault, cannot);
      await expect(vault.connect(bob).transfer(mallory, 1)).to.be.revertedWithCustomError(vault, cannot);
    });

    it("M08: a vault holder whose credential expired is filled and paid; it cannot buy more or take shares back", async () => {
      const { vault, vaultGate, provider, carol } = w;
      await vault.connect(carol).requestRedeem((await vault.balanceOf(carol)) / 2n, carol, carol);
      await vaultGate.connect(provider).revoke(carol);
      await expect(vault.connect(carol).deposit(UNIT, carol)).to.be.revertedWithCustomError(
        vault,
        "ERC7943CannotReceive",
      );
      expect(await vault.maxDeposit(carol)).to.equal(0n);
      expect(await leave(carol)).to.be.above(99_000n * UNIT);
    });

    it("M07: a vault holder that was frozen in the queue takes nothing out, to nobody; once it is free it does", async () => {
      const { vault, vaultGate, carol, bob } = w;
      await vault.connect(carol).requestRedeem(await vault.balanceOf(carol), carol, carol);
      await w.refresh(2);
      await vault.fulfil();
      await vaultGate.freeze(carol, true);
      const assets = await vault.connect(bob).maxWithdraw(carol);
      expect(assets).to.equal(0n);
      await expect(vault.connect(carol).withdraw(UNIT, bob, carol)).to.be.revertedWithCustomError(
        vault,
        "ERC7943CannotSend",
      );
      await vaultGate.freeze(carol, false);
      await vault.connect(carol).withdraw(UNIT, bob, carol);
    });
  });

  describe("income", () => {
    /** The vault buys Dave's residual too: the class that rent comes to. */
    beforeEach(async () => {
      const { valuation, deal1, dave, buy, vault, bob } = w;
      await vault.connect(bob).deposit(200_000n * UNIT, bob);
      const { entryAssets } = await valuation.classValue(deal1.facility, R);
      const shares = 60_000n * UNIT;
      await buy(dave, deal1.tokens[R]!, shares, (shares * entryAssets * 99n) / (20_000_000n * UNIT));
    });

    it("M31: who enters the second before a payment date and leaves after it gains nothing", async () => {
      const { asset, vault, erin, deal1, mallory } = w;
      await asset.connect(mallory).transfer(deal1.facility, 60_000n * UNIT);
      await deal1.facility.sync();
      await keepUntil((await deal1.facility.nextPaymentAt()) - 3_000n);
      await vault.connect(erin).deposit(100_000n * UNIT, erin);
      await w.networkHelpers.time.increase(3_000);
      await deal1.facility.distribute();
      for (const i of [A, R]) await vault.claimIncome(deal1.tokens[i]!);
      expect(await leave(erin)).to.be.at.most(100_100n * UNIT); // two hours of interest
    });

    for (const [what, firm, prepaid] of [
      ["rent that a rated lessee prepaid", 12n, 1n],
      ["rent that a lessee who was never rated prepaid", 0n, 1n],
      ["rent that a lessee who was never rated still owes", 0n, 0n],
    ] as const) {
      it(`M31: who enters the second before ${what}, and leaves after it, gains nothing`, async () => {
        const { vault, erin, mallory, leases, deal1, networkHelpers } = w;
        if (firm > 0n) await w.rate(mallory.address);
        const exit = { minPeriodCount: firm, noticeSec: 0n, renewalPeriodCount: 0n, renewalRentBps: 0n };
        const leaseId = await w.openLease(1n, mallory, {
          payment: {
            ...{ dueSec: 864_000n, lateFeeBps: 0n, cureSec: 0n },
            prepaidMonthCount: prepaid,
            depositAssets: 0n,
          },
          exit: { ...exit, terminationFeeAssets: 0n, purchaseAssets: 0n },
          baseRentAssets: RENT,
        });
        const { untilAt } = await leases.periodAt(leaseId, 0);
        await w.appraise();
        await networkHelpers.time.increase(2 * DAY); // out of a hold, if there is one
        await keepUntil(untilAt - 100n);
        if (prepaid === 0n) {
          await networkHelpers.time.increaseTo(untilAt);
          await leases.settle(leaseId, 0);
          await w.appraise();
        }
        await vault.connect(erin).deposit(100_000n * UNIT, erin);
        const shares = await vault.balanceOf(erin);
        const before = await vault.convertToAssets(shares);
        if (prepaid > 0n) {
          await networkHelpers.time.increaseTo(untilAt);
          await leases.settle(leaseId, 0);
        } else await leases.connect(mallory).pay(leaseId, 0, RENT);
        await deal1.facility.collect();
        const after = await vault.convertToAssets(shares);
        expect(await leave(erin), `exit ${before} before, ${after} after`).to.be.at.most(100_100n * UNIT);
        // Counted rent was in the price before it came; what counts for nothing is the holders' once it is paid.
        if (firm > 0n) expect(after - before).to.be.at.most(200n * UNIT);
      });
    }

    it("M31: a lot that its lessee bought leaves the value in the same second", async () => {
      const { mallory, leases, deal1, valuation, networkHelpers } = w;
      const exit = { minPeriodCount: 0n, noticeSec: 0n, renewalPeriodCount: 0n, renewalRentBps: 0n };
      const leaseId = await w.openLease(1n, mallory, {
        exit: { ...exit, terminationFeeAssets: 0n, purchaseAssets: 700_000n * UNIT },
        periodCount: 12,
      });
      await networkHelpers.time.increase(2 * DAY);
      await w.fixYesterday(200);
      await w.appraise();
      const before = await valuation.facilityValue(deal1.facility);
      expect(before.computedAt).to.be.above(0n);
      await leases.connect(mallory).purchase(leaseId);
      const bought = await valuation.facilityValue(deal1.facility);
      expect(bought.computedAt).to.equal(0n);
      await w.appraise();
      const after = await valuation.facilityValue(deal1.facility);
      // The price, the other lot, and nothing of the one that was bought.
      const other = (500_000n * UNIT * 99n * 90n) / 10_000n;
      expect(after.exitAssets).to.be.within(700_000n * UNIT + other, 701_000n * UNIT + other);
    });
  });

  describe("bad news", () => {
    it("M31: a run is filled pro rata, and nobody at the price before the news", async () => {
      const { vault, bob, carol, erin, dave, buy, deal1, valuation } = w;
      const { entryAssets } = await valuation.classValue(deal1.facility, R);
      await buy(dave, deal1.tokens[R]!, 40_000n * UNIT, (40_000n * UNIT * entryAssets * 99n) / (20_000_000n * UNIT));
      const before = await vault.totalAssets();
      await w.reprice(184);
      const bad = await vault.totalAssets();
      expect(bad).to.be.below(before);
      // Everybody runs, Bob first and Carol an hour later, into the same batch.
      await vault.connect(bob).requestRedeem(await vault.balanceOf(bob), bob, bob);
      await w.refresh(1);
      await vault.connect(carol).requestRedeem(await vault.balanceOf(carol), carol, carol);
      await w.refresh(1);
      const cash = await vault.cashAssets();
      await vault.connect(bob).fulfil();
      const [first, second] = [await vault.maxWithdraw(bob), await vault.maxWithdraw(carol)];
      expect(first + second).to.be.within(cash - 10n, cash);
      const shares = await Promise.all([bob, carol].map((who) => vault.pendingRedeemRequest(1, who)));
      // Equal parts of each.
      expect((shares[0]! * 1_000_000n) / shares[1]!).to.be.within(
        (first * 1_000_000n) / second - 2n,
        (first * 1_000_000n) / second + 2n,
      );
      // Who comes now pays entry; the rest of the batch is filled from that, the next batch only then.
      await vault.connect(erin).deposit(400_000n * UNIT, erin);
      await vault.connect(erin).requestRedeem(await vault.balanceOf(erin), erin, erin);
      expect(await vault.pendingRedeemRequest(2, erin)).to.be.above(0n);
      await vault.fulfil();
      expect(await vault.pendingRedeemRequest(1, bob)).to.equal(0n);
      // What Erin paid above exit is everybody's; she herself leaves with less.
      expect(await vault.convertToAssets(await vault.pendingRedeemRequest(2, erin))).to.be.below(400_000n * UNIT);
    });

    it("a loss goes through the facility's residual, then its classes, then loans and vault, in that order", async () => {
      const { valuation, deal1, markets, residual, senior, dave, erin, vault } = w;
      await w.indebt();
      const worth = async () =>
        Promise.all([A, B, R].map(async (i) => (await valuation.classValue(deal1.facility, i)).exitAssets));
      const [a0, b0, r0] = await worth();
      const vault0 = await vault.totalAssets();
      // In steps within the index's limit, each after the hold of the one before.
      const path: bigint[][] = [];
      for (let cents = 180; cents > 85; cents = Math.round(cents * 0.88)) {
        await w.reprice(cents);
        await w.refresh(25);
        path.push(await worth());
        const [a, b, r] = path.at(-1)!;
        if (r! > 0n)
          expect([a! >= a0!, b! >= b0!], "a senior lost before the residual was gone").to.deep.equal([true, true]);
        if (b! > 0n) expect(a! >= a0!, "A lost before B was gone").to.equal(true);
      }
      expect(path.at(-1)![2], "the residual is gone").to.equal(0n);
      expect(path.at(-1)![1]).to.be.below(b0!);
      expect(r0).to.be.above(0n);
      // No price, no liquidation of what is worth nothing.
      await expect(markets.connect(erin).liquidate(residual.params, dave, UNIT, 0, "0x")).to.be.revertedWithCustomError(
        valuation,
        "Valuation_BadPrice",
      );
      // The vault lost its part of what its two senior classes lost, and no more.
      const [first, second] = [deal1, w.deal2].map(({ facility }) => valuation.classValue(facility, A));
      const parts =
        (600_000n * UNIT - (await first!).exitAssets) / 12n + (400_000n * UNIT - (await second!).exitAssets) / 8n;
      expect(vault0 - (await vault.totalAssets())).to.be.within(parts - 2_000n * UNIT, parts + 2_000n * UNIT);
      expect((await markets.position(senior.id, w.alice)).borrowShares).to.be.above(0n);
    });

    it("bad debt is the suppliers' in the liquidation that leaves no collateral, and nobody else's", async () => {
      const { markets, residual, senior, dave, erin, vault } = w;
      await w.indebt();
      await w.reprice(182);
      await w.reprice(166);
      await w.refresh(25);
      await w.reprice(166);
      const other = await markets.market(senior.id);
      const shares = await vault.totalAssets();
      const before = await markets.market(residual.id);
      await markets.connect(erin).liquidate(residual.params, dave, 2n ** 90n, 0, "0x");
      const after = await markets.market(residual.id);
      expect(await markets.position(residual.id, dave)).to.deep.equal([0n, 0n, 0n]);
      expect(after.totalBorrowAssets).to.equal(0n);
      expect(after.totalSupplyAssets).to.be.below(before.totalSupplyAssets);
      expect((await markets.market(senior.id)).totalSupplyAssets).to.equal(other.totalSupplyAssets);
      expect(await vault.totalAssets()).to.be.at.least(shares);
    });
  });
});
