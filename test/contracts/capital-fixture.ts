import { expect } from "chai";
import { openMarkets } from "./capital-places.ts";
import { A, capitalStage, DAY, HOUR, UNIT } from "./capital-stage.ts";
import { openVault } from "./capital-vault.ts";

// The whole stage in one moment of its life: values are fresh, Dave and Alice are in debt, Carol and Bob have shares of
// the vault, which holds some of every senior class.

export async function capitalFixture() {
  const stage = await capitalStage();
  const credit = await openMarkets(stage);
  const trade = await openVault(stage, credit);
  const { markets, places } = credit;
  const [senior, residual] = [places[0]!, places[1]!];
  const { alice, bob, carol, dave, deal1, deal2, networkHelpers, ethers } = stage;
  await stage.fixYesterday(200);
  await stage.appraise();

  await markets.connect(alice).supplyCollateral(senior.params, 100_000n * UNIT, alice, "0x");
  await markets.connect(alice).borrow(senior.params, 50_000n * UNIT, 0, alice, alice);
  await markets.connect(dave).supplyCollateral(residual.params, 100_000n * UNIT, dave, "0x");

  const { vault, allocator, order } = trade;
  for (const who of [bob, carol]) await vault.connect(who).deposit(100_000n * UNIT, who);
  /** The vault buys of somebody at a price for each whole share. */
  const buy = async (seller: typeof bob, token: (typeof deal1.tokens)[0], shares: bigint, assets: bigint) => {
    const sale = await order(seller, token, { shares, assets });
    return vault.connect(allocator).buy(sale.order, sale.signature, shares, 2n ** 100n);
  };
  await buy(bob, deal1.tokens[A]!, 50_000n * UNIT, 50_000n * UNIT);
  await buy(bob, deal2.tokens[A]!, 50_000n * UNIT, 50_000n * UNIT);

  const oracleOf = async (place: (typeof places)[0]) => ethers.getContractAt("ClassPrice", place.params.oracle);
  /** All that a position may owe at today's price. */
  const mostOf = async (place: (typeof places)[0], who: string) => {
    const { collateralShares } = await markets.position(place.id, who);
    const price = await (await oracleOf(place)).price();
    return (((collateralShares * price) / 10n ** 36n) * place.params.lltv) / 10n ** 18n;
  };
  /** Dave borrows nearly all that his residual shares carry: they lose what accrues to the seniors every second. */
  const indebt = async () => {
    const most = ((await mostOf(residual, dave.address)) * 98n) / 100n;
    await markets.connect(dave).borrow(residual.params, most, 0, dave, dave);
    return most;
  };
  /** The index moves to so many hundredths a day later, and everything is appraised. */
  const reprice = async (cents: number) => {
    await networkHelpers.time.increase(DAY);
    await stage.fixYesterday(cents);
    await stage.appraise();
  };
  /** An hour later, and all is as fresh as it was. */
  const refresh = async (hours = 1) => {
    await networkHelpers.time.increase(hours * HOUR);
    await stage.appraise();
  };
  return { ...stage, ...credit, ...trade, senior, residual, buy, oracleOf, mostOf, indebt, reprice, refresh };
}

export type CapitalFixture = Awaited<ReturnType<typeof capitalFixture>>;

/** Without a value to act on: no new debt, no liquidation, no deposit, no purchase, no fill; every way out is open. */
export async function expectClosed(w: CapitalFixture, error: string): Promise<void> {
  const { markets, senior, residual, vault, valuation, alice, bob, carol, dave, erin, deal1, buy } = w;
  const refused = [
    () => markets.connect(alice).borrow(senior.params, 1, 0, alice, alice),
    () => markets.connect(dave).borrow(residual.params, 1, 0, dave, dave),
    () => markets.connect(alice).withdrawCollateral(senior.params, 1, alice, alice),
    () => markets.connect(alice).claimIncome(senior.params, alice, alice),
    () => markets.connect(erin).liquidate(residual.params, dave, 1, 0, "0x"),
    () => markets.connect(erin).flag(residual.params, dave),
  ];
  for (const call of refused) await expect(call()).to.be.revertedWithCustomError(valuation, error);
  const stopped = [
    () => vault.connect(carol).deposit(UNIT, carol),
    () => vault.connect(carol).mint(UNIT, carol),
    () => vault.fulfil(),
    () => buy(bob, deal1.tokens[A]!, UNIT, UNIT / 2n),
  ];
  for (const call of stopped) await expect(call()).to.be.revertedWithCustomError(vault, "Vault_StaleValue");
  expect(await vault.maxDeposit(carol)).to.equal(0n);
  expect(await vault.maxMint(carol)).to.equal(0n);

  await markets.connect(alice).repay(senior.params, UNIT, 0, alice, "0x");
  await markets.connect(alice).supplyCollateral(senior.params, 1, alice, "0x");
  await markets.connect(alice).repayFromIncome(senior.params, alice);
  await markets.connect(erin).withdraw(senior.params, UNIT, 0, erin, erin);
  await markets.connect(erin).supply(senior.params, UNIT, 0, erin, "0x");
  await vault.connect(carol).requestRedeem(1_000_000n * UNIT, carol, carol);
  const ready = await vault.maxWithdraw(bob);
  expect(ready).to.be.above(0n);
  await vault.connect(bob).withdraw(ready, bob, bob);
  await deal1.tokens[A]!.connect(alice).transfer(bob, 1);
  const owed = (await markets.position(senior.id, alice)).borrowShares;
  await markets.connect(alice).repay(senior.params, 0, owed, alice, "0x");
  const { collateralShares } = await markets.position(senior.id, alice);
  await markets.connect(alice).withdrawCollateral(senior.params, collateralShares, alice, alice);
}
