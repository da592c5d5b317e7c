import { expect } from "chai";
import fc from "fast-check";
import { assetsAt, bookOf, orderOf, planOf, priceWad, type Offer } from "../../server/model/book.ts";
import type { Order } from "../../server/protocol/fill.ts";
import { Refusal } from "../../server/protocol/refusal.ts";
import { WAD } from "../../server/protocol/units.ts";

const [ALICE, BOB, CAROL] = ["A1", "b0", "C0"].map((byte) => `0x${byte.repeat(20)}`) as [string, string, string];
const ANYONE = `0x${"00".repeat(20)}`;

function offer(parts: Partial<Order>, fillableShares = parts.shares ?? 100n, accruedAssets = 0n): Offer {
  const order: Order = {
    ...{ maker: ALICE, taker: ANYONE, shareToken: BOB, asset: CAROL, isSell: true, shares: 100n, assets: 100n },
    ...{ maxAccruedAssets: 10n ** 9n, maxFeeBps: 100n, expiresAt: 1n, nonce: 0n, salt: `0x${"00".repeat(32)}` },
    ...parts,
  };
  return { order, fillableShares, accruedAssets };
}

const assetsOf = (offers: readonly Offer[]) => offers.map(({ order }) => order.assets);

describe("book of orders", () => {
  it("has the best price first on both sides, an older one before an equal newer, and nothing unfillable", () => {
    const equal = offer({ shares: 200n, assets: 198n });
    const book = bookOf([
      offer({ assets: 101n }),
      offer({ assets: 99n }),
      equal,
      offer({ assets: 98n }, 0n),
      offer({ isSell: false, assets: 95n }),
      offer({ isSell: false, assets: 97n }),
    ]);
    expect(assetsOf(book.asks)).to.deep.equal([99n, 198n, 101n]);
    expect(book.asks[1]).to.equal(equal);
    expect(assetsOf(book.bids)).to.deep.equal([97n, 95n]);
  });

  it("tells prices apart that are equal in 18 decimals", () => {
    const [low, high] = [
      { shares: 10n ** 30n, assets: 10n ** 30n },
      { shares: 10n ** 30n, assets: 10n ** 30n + 1n },
    ];
    expect(priceWad(low)).to.equal(priceWad(high));
    expect(assetsOf(bookOf([offer(high), offer(low)]).asks)).to.deep.equal([low.assets, high.assets]);
  });
});

describe("plan of fills", () => {
  const asks = bookOf([offer({ assets: 99n }, 40n, 7n), offer({ assets: 102n }, 100n, 7n)]).asks;

  it("takes the best first, rounds each fill for its maker, and adds up", () => {
    const plan = planOf(asks, 60n, null, 50n, BOB);
    expect(plan.fills.map(({ fillShares }) => fillShares)).to.deep.equal([40n, 20n]);
    // 39.6 and 20.4, each up; interest 2.8 and 1.4.
    expect(plan.priceAssets).to.equal(40n + 21n);
    expect(plan.accruedAssets).to.equal(3n + 2n);
    expect(plan.totalAssets).to.equal(66n);
    expect(plan.missingShares).to.equal(0n);
  });

  it("stops at the limit, and says what is missing", () => {
    const plan = planOf(asks, 60n, WAD, 0n, BOB);
    expect([plan.shares, plan.missingShares]).to.deep.equal([40n, 20n]);
    expect(planOf(asks, 60n, (WAD * 102n) / 100n, 0n, BOB).missingShares).to.equal(0n);
    expect(planOf(asks, 60n, (WAD * 102n) / 100n - 1n, 0n, BOB).missingShares).to.equal(20n);
  });

  it("takes the fee off what a seller gets, not onto what a buyer pays", () => {
    const bids = bookOf([offer({ isSell: false, shares: 10_000n, assets: 10_000n })]).bids;
    expect(planOf(bids, 10_000n, null, 100n, BOB).totalAssets).to.equal(9_900n);
    const sells = bookOf([offer({ shares: 10_000n, assets: 10_000n })]).asks;
    expect(planOf(sells, 10_000n, null, 100n, BOB).totalAssets).to.equal(10_000n);
  });

  it("passes over the taker's own orders and those for somebody else", () => {
    const side = bookOf([offer({ maker: BOB.toUpperCase().replace("X", "x") }), offer({ taker: CAROL })]).asks;
    expect(planOf(side, 100n, null, 0n, BOB).shares).to.equal(0n);
    expect(planOf(side, 200n, null, 0n, CAROL).shares).to.equal(200n);
  });

  it("plans nothing out of an empty book", () =>
    expect(planOf([], 5n, null, 0n, BOB)).to.deep.include({ shares: 0n, missingShares: 5n, totalAssets: 0n }));
});

describe("order of a draft", () => {
  const draft = { ...offer({}).order, priceWad: WAD, maxAccruedWad: 0n };

  it("never asks less than its price nor pays more: the whole, and each part", () => {
    const size = fc.bigInt(1n, 10n ** 15n);
    fc.assert(
      fc.property(size, fc.bigInt(1n, 10n ** 19n), fc.boolean(), fc.bigInt(1n, 100n), (shares, atWad, isSell, part) => {
        const assets = assetsAt(shares, atWad, isSell);
        fc.pre(assets > 0n);
        const order = orderOf({ ...draft, shares, priceWad: atWad, isSell });
        expect(order.assets).to.equal(assets);
        const exact = shares * atWad;
        expect(isSell ? assets * WAD >= exact : assets * WAD <= exact).to.equal(true);
        const fillShares = (shares * part + 99n) / 100n;
        const [side] = [bookOf([offer(order)])].map(({ asks, bids }) => (isSell ? asks : bids)) as [Offer[]];
        const { priceAssets } = planOf(side, fillShares, null, 0n, BOB);
        expect(
          isSell ? priceAssets * shares >= assets * fillShares : priceAssets * shares <= assets * fillShares,
        ).to.equal(true);
      }),
      { numRuns: 300 },
    );
  });

  it("refuses one without shares, and one that would cost nothing", () => {
    expect(() => orderOf({ ...draft, shares: 0n })).to.throw(Refusal, "Order_NoShares");
    expect(() => orderOf({ ...draft, isSell: false, shares: 1n, priceWad: WAD - 1n })).to.throw(
      Refusal,
      "Order_NoPrice",
    );
  });

  it("lets interest up to its most per share, or none", () => {
    expect(orderOf(draft).maxAccruedAssets).to.equal(0n);
    expect(orderOf({ ...draft, maxAccruedWad: WAD / 3n }).maxAccruedAssets).to.equal(34n);
  });
});
