import { expect } from "chai";
import type { BaseContract } from "ethers";
import { capitalFixture, type CapitalFixture } from "./capital-fixture.ts";
import { A, R, UNIT } from "./capital-stage.ts";

// What everything is worth, read in the middle of every call that hands control away: the settlement token calls back in
// each of its transfers. What is read is what stood before the call or stands after it, or it is refused.

type Verb = readonly [name: string, run: (w: CapitalFixture) => Promise<unknown>];
type View = readonly [name: string, place: BaseContract, data: string];

const VERBS: readonly Verb[] = [
  ["Facility.collect", ({ deal1 }) => deal1.facility.collect()],
  ["Facility.distribute", ({ deal1 }) => deal1.facility.distribute()],
  ["Facility.withdraw", ({ deal1, sponsor }) => deal1.facility.connect(sponsor).withdraw(sponsor)],
  ["ClassToken.claim", ({ deal1, alice }) => deal1.tokens[A]!.connect(alice).claim(alice)],
  ["Leases.pay", ({ leases, mallory }) => leases.connect(mallory).pay(1, 0, 10_000n * UNIT)],
  ["Markets.supply", ({ markets, senior, erin }) => markets.connect(erin).supply(senior.params, UNIT, 0, erin, "0x")],
  [
    "Markets.withdraw",
    ({ markets, senior, erin }) => markets.connect(erin).withdraw(senior.params, 500_000n * UNIT, 0, erin, erin),
  ],
  [
    "Markets.borrow",
    ({ markets, senior, alice }) => markets.connect(alice).borrow(senior.params, 1_000n * UNIT, 0, alice, alice),
  ],
  [
    "Markets.repay",
    ({ markets, senior, alice }) => markets.connect(alice).repay(senior.params, 40_000n * UNIT, 0, alice, "0x"),
  ],
  [
    "Markets.claimIncome",
    ({ markets, senior, alice }) => markets.connect(alice).claimIncome(senior.params, alice, alice),
  ],
  [
    "Markets.repayFromIncome",
    ({ markets, senior, alice }) => markets.connect(alice).repayFromIncome(senior.params, alice),
  ],
  ["IncomeVault.deposit", ({ vault, carol }) => vault.connect(carol).deposit(100_000n * UNIT, carol)],
  ["IncomeVault.withdraw", ({ vault, bob }) => vault.connect(bob).withdraw(1_000n * UNIT, bob, bob)],
  ["IncomeVault.claimIncome", ({ vault, deal1 }) => vault.claimIncome(deal1.tokens[A]!)],
  ["IncomeVault.buy", ({ buy, alice, deal1 }) => buy(alice, deal1.tokens[A]!, 1_000n * UNIT, 900n * UNIT)],
  [
    "IncomeVault.sell",
    async ({ order, vault, allocator, erin, deal1 }) => {
      const bid = await order(erin, deal1.tokens[A]!, {
        shares: 10_000n * UNIT,
        assets: 11_000n * UNIT,
        isSell: false,
      });
      return vault.connect(allocator).sell(bid.order, bid.signature, 10_000n * UNIT, 0);
    },
  ],
  [
    "ShareExchange.fill",
    async ({ order, exchange, alice, erin, deal1 }) => {
      const sale = await order(alice, deal1.tokens[A]!, { shares: UNIT, assets: UNIT });
      return exchange.connect(erin).fill(sale.order, sale.signature, UNIT, UNIT, erin);
    },
  ],
];

/** They change nothing that is read here: what comes in while rent is fetched counts before and after. */
const UNSEEN = new Set(["Facility.withdraw", "ShareExchange.fill"]);

describe("Capital, read midway", () => {
  let w: CapitalFixture;
  let views: readonly View[];
  let snapshot: Awaited<ReturnType<CapitalFixture["networkHelpers"]["takeSnapshot"]>>;

  before(async () => {
    w = await capitalFixture();
    const { valuation, vault, markets, senior, residual, deal1, leases, mallory, bob, alice, oracleOf } = w;
    const [classOracle, facilityAt] = [await oracleOf(residual), await deal1.facility.getAddress()];
    const call = (place: BaseContract, name: string, args: unknown[] = []): View => [
      ...([name, place, place.interface.encodeFunctionData(name, args)] as const),
    ];
    views = [
      ...[A, R].map((i) => call(valuation, "classValue", [facilityAt, i])),
      call(deal1.facility, "cashAssets"),
      call(classOracle, "price"),
      call(vault, "totalAssets"),
      call(vault, "entryAssets"),
      call(vault, "setAsideAssets"),
      call(vault, "convertToAssets", [10n ** 18n]),
      call(markets, "market", [senior.id]),
      call(markets, "position", [senior.id, alice.address]),
      call(markets, "claimableIncome", [senior.params, alice.address]),
      ...[await vault.getAddress(), alice.address].map((who) => call(deal1.tokens[A]!, "claimableAssets", [who])),
    ];
    // Rent is paid and waits, a payment date has income for all, Bob's redemption is filled, everybody owes something.
    const leaseId = await w.openLease(1n, mallory, { baseRentAssets: 100_000n * UNIT, periodCount: 2 });
    const { untilAt } = await leases.periodAt(leaseId, 0);
    await w.networkHelpers.time.increaseTo(untilAt);
    await leases.settle(leaseId, 0);
    await leases.connect(mallory).pay(leaseId, 0, 60_000n * UNIT);
    await deal1.facility.distribute();
    await leases.connect(mallory).pay(leaseId, 0, 10_000n * UNIT);
    await vault.connect(bob).requestRedeem((await vault.balanceOf(bob)) / 2n, bob, bob);
    await w.networkHelpers.time.increase(2 * 86_400);
    await w.fixYesterday(200);
    await w.appraise();
    await vault.fulfil();
    await w.networkHelpers.time.increaseTo((await deal1.facility.nextPaymentAt()) - 7_200n);
    await w.fixYesterday(200);
    await w.appraise();
    await w.networkHelpers.time.increase(7_200);
    await w.networkHelpers.mine();
    expect(await markets.claimableIncome(senior.params, alice)).to.be.above(0n);
    snapshot = await w.networkHelpers.takeSnapshot();
  });
  afterEach(() => snapshot.restore());

  for (const [name, run] of VERBS) {
    it(`M30: ${name}: every value midway is the one before or the one after, or refused`, async () => {
      const { asset, networkHelpers, signers } = w;
      const nobody = signers[18]!.address;
      const timeAt = (await networkHelpers.time.latest()) + 10;
      const read = async () => ((await asset.hookSucceeded()) ? await asset.hookResult() : "refused");
      const atTime = () => networkHelpers.time.setNextBlockTimestamp(timeAt);
      let seen = 0;
      for (const [view, place, data] of views) {
        await asset.setHook(place, data);
        await atTime();
        await asset.mint(nobody, 1);
        const before = await read();
        await atTime();
        await run(w);
        const midway = await read();
        await atTime();
        await asset.mint(nobody, 1);
        const after = await read();
        expect([before, after, "refused"], `${view} midway`).to.include(midway);
        if (before !== after) ++seen;
        await snapshot.restore();
      }
      // The views do see what the verb does.
      if (!UNSEEN.has(name)) expect(seen).to.be.above(0);
    });
  }
});
