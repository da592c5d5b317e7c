import { expect } from "chai";
import { FOREVER } from "./facility-world.ts";
import { capitalFixture, type CapitalFixture } from "./capital-fixture.ts";
import { A, DAY, PARTS, UNIT } from "./capital-stage.ts";
import { LLTVS } from "./capital-places.ts";

// There and back, many times in one transaction; and shares of nearly nothing as collateral.

interface Leg {
  target: string;
  data: string;
}

/** An account that may hold everything, with money, shares and all approvals. */
async function traveller(w: CapitalFixture) {
  const { ethers, asset, vault, markets, exchange, deal1, admit, vaultGate, alice, senior } = w;
  const trips = await ethers.deployContract("MockTrips");
  const self = await trips.getAddress();
  for (const gate of [undefined, vaultGate]) await admit(self, FOREVER, gate);
  const token = deal1.tokens[A]!;
  await asset.mint(trips, 10_000n * UNIT);
  await token.connect(alice).transfer(trips, 10_000n * UNIT);
  const leg = async (place: typeof markets | typeof vault | typeof exchange | typeof asset, data: string) => ({
    ...{ target: await place.getAddress(), data },
  });
  const legs: Leg[] = [];
  for (const spender of [vault, markets, exchange]) {
    const data = asset.interface.encodeFunctionData("approve", [await spender.getAddress(), ethers.MaxUint256]);
    for (const what of [asset, token]) legs.push({ target: await what.getAddress(), data });
  }
  await trips.run(legs, 1);
  const has = async () => ({
    assets: await asset.balanceOf(trips),
    shares: await token.balanceOf(trips),
    vault: await vault.balanceOf(trips),
    position: await markets.position(senior.id, trips),
  });
  return { trips, self, token, leg, has };
}

describe("Capital, there and back", () => {
  let w: CapitalFixture;
  let t: Awaited<ReturnType<typeof traveller>>;
  let snapshot: Awaited<ReturnType<CapitalFixture["networkHelpers"]["takeSnapshot"]>>;

  before(async () => {
    w = await capitalFixture();
    t = await traveller(w);
    snapshot = await w.networkHelpers.takeSnapshot();
  });
  afterEach(() => snapshot.restore());

  it("M28: 1,000 dust round trips through markets, vault and exchange in a transaction win nothing", async () => {
    const { markets, vault, exchange, senior, order, alice, ethers } = w;
    const { trips, self, token, leg, has } = t;
    // Prices per share that are no whole number, so that everything rounds.
    await w.networkHelpers.time.increase(40 * DAY);
    await w.fixYesterday(200);
    await w.appraise();
    const [m, v, x] = [markets.interface, vault.interface, exchange.interface];
    const params = senior.params;
    const sale = await order(alice, token, { shares: 3_001n, assets: 2_999n });
    const bid = await order(alice, token, { shares: 3_001n, assets: 2_999n, isSell: false });
    await token.connect(alice).approve(exchange, ethers.MaxUint256);
    const dear = [
      await leg(markets, m.encodeFunctionData("supplyCollateral", [params, 70, self, "0x"])),
      await leg(vault, v.encodeFunctionData("deposit", [3, self])),
      await leg(vault, v.encodeFunctionData("mint", [1_000_001, self])),
      await leg(vault, v.encodeFunctionData("requestRedeem", [500_001, self, self])),
      await leg(vault, v.encodeFunctionData("cancelRedeemRequest", [1, self])),
      await leg(vault, v.encodeFunctionData("claimCancelRedeemRequest", [1, self, self])),
    ];
    const cheap = [
      await leg(markets, m.encodeFunctionData("supply", [params, 3, 0, self, "0x"])),
      await leg(markets, m.encodeFunctionData("borrow", [params, 2, 0, self, self])),
      await leg(markets, m.encodeFunctionData("repay", [params, 2, 0, self, "0x"])),
      await leg(markets, m.encodeFunctionData("withdraw", [params, 2, 0, self, self])),
      await leg(exchange, x.encodeFunctionData("fill", [sale.order, sale.signature, 3, 10, self])),
      await leg(exchange, x.encodeFunctionData("fill", [bid.order, bid.signature, 3, 0, self])),
    ];
    // One trip through the vault, eight each through lending, borrowing and trading: 25 a round.
    const legs = [...dear, ...Array.from({ length: 8 }, () => cheap).flat()];
    const before = await has();
    await trips.run(legs, 40, { gasLimit: 3_000_000_000n });
    const { collateralShares, supplyShares, borrowShares } = (await has()).position;
    const own = [
      await leg(
        markets,
        borrowShares > 0n
          ? m.encodeFunctionData("repay", [params, 0, borrowShares, self, "0x"])
          : m.encodeFunctionData("accrueInterest", [params]),
      ),
      await leg(markets, m.encodeFunctionData("withdrawCollateral", [params, collateralShares, self, self])),
      await leg(markets, m.encodeFunctionData("withdraw", [params, 0, supplyShares, self, self])),
      await leg(vault, v.encodeFunctionData("requestRedeem", [await vault.balanceOf(trips), self, self])),
    ];
    await trips.run(own, 1);
    await w.refresh(2);
    await vault.fulfil();
    const claim = await vault.maxWithdraw(trips);
    await trips.run([await leg(vault, v.encodeFunctionData("withdraw", [claim, self, self]))], 1);
    const after = await has();
    expect(after.shares).to.be.at.most(before.shares);
    expect(after.assets).to.be.at.most(before.assets);
    expect([...after.position], "left in the market").to.deep.equal([0n, 0n, 0n]);
  });

  /** A market on shares of the vault, by what they would be redeemed for if all values are usable. */
  const pledgeShares = async () => {
    const { ethers, markets, vault, asset, kinked, erin } = w;
    const oracle = await ethers.deployContract("MockSharePrice", [vault]);
    const params = {
      ...{ loanToken: await asset.getAddress(), collateralToken: await vault.getAddress() },
      ...{ oracle: await oracle.getAddress(), irm: await kinked.getAddress(), lltv: LLTVS[0] },
    };
    await markets.createMarket(params);
    await markets.connect(erin).supply(params, 1_000_000n * UNIT, 0, erin, "0x");
    return params;
  };

  it("M29: a vault share as collateral: gifts to the vault, to its classes and to itself lend nobody more", async () => {
    const { markets, vault, asset, bob, mallory, deal1, alice } = w;
    const params = await pledgeShares();
    const shares = await vault.balanceOf(bob);
    await markets.connect(bob).supplyCollateral(params, shares, bob, "0x");
    const value = await vault.convertToAssets(shares);
    const most = (value * 80n) / 100n;
    for (const place of [vault, markets]) await asset.connect(mallory).transfer(place, 10n ** 12n);
    await deal1.tokens[A]!.connect(alice).transfer(vault, 10_000n * UNIT);
    await expect(markets.connect(bob).borrow(params, most + 1_000n * UNIT, 0, bob, bob)).to.be.revertedWithCustomError(
      markets,
      "Market_Unhealthy",
    );
    await markets.connect(bob).borrow(params, most - UNIT, 0, bob, bob);
  });

  it("M29: whoever is alone in a vault cannot lift its share by giving: it loses what it gives", async () => {
    const { vault, bob, carol, erin, asset, deal1, networkHelpers } = w;
    for (const who of [bob, carol]) await vault.connect(who).requestRedeem(await vault.balanceOf(who), who, who);
    // All cash goes to them; what is left is classes and a batch that waits.
    await w.refresh(2);
    await vault.fulfil();
    const before = await vault.convertToAssets(10n ** 12n);
    await asset.connect(erin).transfer(vault, 10n ** 12n);
    expect(await vault.convertToAssets(10n ** 12n)).to.be.within(before, before + before / 10_000n);
    // Income is the only gift that is booked: through the facility it is every class's.
    await asset.connect(erin).transfer(deal1.facility, 10n ** 11n);
    await deal1.facility.sync();
    await networkHelpers.mine();
    expect(await vault.convertToAssets(10n ** 12n)).to.be.within(before, before + before / 10_000n);
  });

  it("M29: a market whose suppliers have a unit left, and a class of which nearly nothing is left, lend nothing", async () => {
    const { markets, erin, kinked, asset, deal2, valuation, dave, senior } = w;
    const { supplyShares } = await markets.position(senior.id, erin);
    const { totalBorrowAssets, totalSupplyAssets } = await markets.market(senior.id);
    await expect(
      markets.connect(erin).withdraw(senior.params, 0, supplyShares, erin, erin),
    ).to.be.revertedWithCustomError(markets, "Market_NotEnoughLiquidity");
    await markets.connect(erin).withdraw(senior.params, totalSupplyAssets - totalBorrowAssets, 0, erin, erin);
    await expect(markets.connect(w.alice).borrow(senior.params, 1, 0, w.alice, w.alice)).to.be.revertedWithCustomError(
      markets,
      "Market_NotEnoughLiquidity",
    );
    // The second facility's residual has all its worth in few shares: its price is still per whole share of a supply.
    const { exitAssets } = await valuation.classValue(deal2.facility, 1);
    expect(await valuation.classPriceWad(deal2.facility, 1)).to.equal((exitAssets * 10n ** 18n) / PARTS[1]![1]!);
    expect([await kinked.getAddress(), await asset.getAddress(), dave.address]).to.have.length(3);
  });

  it("a circle of pledges: shares of a vault that holds the class they were bought with carry no more than exit", async () => {
    const { markets, vault, alice, asset, deal1, senior, order, allocator } = w;
    const params = await pledgeShares();
    const token = deal1.tokens[A]!;
    const had = await asset.balanceOf(alice);
    // Alice borrows on her class, buys into the vault with it, borrows on the share, and again; the vault buys her class.
    let put = 0n;
    let loan = 20_000n * UNIT;
    await markets.connect(alice).borrow(senior.params, loan, 0, alice, alice);
    for (let i = 0; i < 12; ++i) {
      await vault.connect(alice).deposit(loan, alice);
      const shares = await vault.balanceOf(alice);
      await markets.connect(alice).supplyCollateral(params, shares, alice, "0x");
      put += loan;
      const sale = await order(alice, token, { shares: loan, assets: (loan * 99n) / 100n });
      await vault.connect(allocator).buy(sale.order, sale.signature, loan, loan);
      loan = ((await vault.convertToAssets(shares)) * 80n) / 100n - 10n;
      if (loan < 100n * UNIT) break;
      await markets.connect(alice).borrow(params, loan, 0, alice, alice);
    }
    // What she may owe in all is bound by exit: the sum of the rounds is a row that falls by a fifth each time.
    expect(put).to.be.at.most(100_000n * UNIT);
    const shares = (await markets.position(w.ethers.keccak256(encode(w, params)), alice)).collateralShares;
    const total = await markets.market(w.ethers.keccak256(encode(w, params)));
    expect(total.totalBorrowAssets).to.be.at.most(((await vault.convertToAssets(shares)) * 80n) / 100n);
    expect(await asset.balanceOf(alice)).to.be.at.least(had);
  });
});

function encode({ ethers }: CapitalFixture, params: object): string {
  const types = ["address", "address", "address", "address", "uint256"];
  return ethers.AbiCoder.defaultAbiCoder().encode(types, Object.values(params));
}
