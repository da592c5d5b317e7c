import { expect } from "chai";
import fc from "fast-check";
import {
  acquire,
  costOf,
  dispose,
  giveBack,
  openBasis,
  sharesOf,
  writeOff,
  type BasisMethod,
} from "../../server/model/basis.ts";
import {
  accrueTo,
  bring,
  claimableOf,
  costIn,
  give,
  interestOf,
  loseTo,
  openHolding,
  outstandingOf,
  post,
  rateOfReturn,
  receive,
  take,
} from "../../server/model/holding.ts";

const RAY = 10n ** 27n;
const flat = (assets: bigint) => ({ assets, incomeAssets: 0n });

describe("what shares cost", () => {
  const twice = (method: BasisMethod) => {
    const basis = openBasis(method);
    acquire(basis, 100n, 100n);
    acquire(basis, 100n, 80n);
    return basis;
  };

  it("goes with the oldest first, or with all alike", () => {
    const fifo = twice("fifo");
    expect([dispose(fifo, 150n), costOf(fifo)]).to.deep.equal([140n, 40n]);
    const average = twice("average");
    expect([dispose(average, 150n), costOf(average)]).to.deep.equal([135n, 45n]);
  });

  it("comes back with principal to each share alike, never more than there is", () => {
    const basis = twice("fifo");
    expect(giveBack(basis, 20n)).to.equal(20n);
    expect(basis.parcels.map(({ costAssets }) => costAssets)).to.deep.equal([90n, 70n]);
    expect(giveBack(basis, 180n), "the second parcel had 70 left").to.equal(160n);
    expect(costOf(basis)).to.equal(0n);
  });

  it("is lost with its part of what is written off", () => {
    const basis = twice("fifo");
    expect(writeOff(basis, 50n, 200n)).to.equal(45n);
    expect(writeOff(basis, 150n, 150n)).to.equal(135n);
  });

  it("is never more or less than what came, went and is left", () => {
    const step = fc.record({ isIn: fc.boolean(), shares: fc.bigInt(1n, 10n ** 12n), cost: fc.bigInt(0n, 10n ** 12n) });
    const steps = fc.array(step, { maxLength: 30 });
    fc.assert(
      fc.property(steps, fc.constantFrom<BasisMethod>("fifo", "average"), (given, method) => {
        const basis = openBasis(method);
        let [paid, gone] = [0n, 0n];
        for (const { isIn, shares, cost } of given) {
          if (isIn) {
            acquire(basis, shares, cost);
            paid += cost;
          } else if (sharesOf(basis) > 0n) {
            const most = sharesOf(basis);
            gone += dispose(basis, shares < most ? shares : most);
            if (sharesOf(basis) > 0n) gone += giveBack(basis, cost / 7n);
          }
          expect(costOf(basis)).to.equal(paid - gone);
          if (sharesOf(basis) === 0n) expect(costOf(basis)).to.equal(0n);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("an account's shares of a class", () => {
  it("earn what accrues while they are there, whether in the account or posted; only the account's own are claimed", () => {
    const holding = openHolding("fifo");
    bring(holding, 0n, 1_000n, flat(1_000n));
    post(holding, 400n);
    const first = accrueTo(holding, 10n, { interestRay: RAY / 100n, principalRay: RAY / 10n });
    expect(first).to.include({ interestAssets: 10n, principalAssets: 100n });
    expect([claimableOf(holding), costIn(holding), outstandingOf(holding)]).to.deep.equal([66n, 900n, 900n]);
    take(holding, 20n, 500n, flat(440n));
    expect(holding.realisedAssets).to.equal(-10n);
    const second = accrueTo(holding, 30n, { interestRay: (RAY * 3n) / 100n, principalRay: RAY / 10n });
    expect(second).to.include({ interestAssets: 10n, principalAssets: 0n });
    expect(interestOf(holding)).to.equal(20n);
  });

  it("keep fractions of a unit until they are whole", () => {
    const holding = openHolding("fifo");
    bring(holding, 0n, 1n, flat(1n));
    const paid = [1n, 2n, 3n, 4n].map(
      (n) => accrueTo(holding, n, { interestRay: (n * RAY) / 4n, principalRay: 0n }).interestAssets,
    );
    expect(paid).to.deep.equal([0n, 0n, 0n, 1n]);
  });

  it("count accrued interest that was paid for against the interest that comes", () => {
    const holding = openHolding("fifo");
    bring(holding, 0n, 100n, { assets: 95n, incomeAssets: 3n });
    accrueTo(holding, 1n, { interestRay: RAY / 20n, principalRay: 0n });
    expect([interestOf(holding), holding.paidInAssets, costIn(holding)]).to.deep.equal([2n, 98n, 95n]);
  });

  it("lose cost with what is written off", () => {
    const holding = openHolding("fifo");
    bring(holding, 0n, 100n, flat(80n));
    expect(loseTo(holding, RAY / 4n)).to.deep.equal({ lossAssets: 25n, basisAssets: 20n, gainAssets: -20n });
    expect([outstandingOf(holding), holding.realisedAssets]).to.deep.equal([75n, -20n]);
  });

  it("have a yearly rate of all flows and of the value now, but not once some moved without a price", () => {
    const year = 31_536_000n;
    const holding = openHolding("fifo");
    bring(holding, 0n, 100n, flat(100n));
    accrueTo(holding, year, { interestRay: RAY / 10n, principalRay: 0n });
    expect(rateOfReturn(holding.flows, 100n, year)).to.be.closeTo(0.1, 1e-9);
    expect(rateOfReturn(holding.flows, null, year)).to.equal(null);
    expect(give(holding, 40n, "held")).to.deep.equal({ basisAssets: 40n, gainAssets: 0n });
    expect(rateOfReturn(holding.flows, 60n, year)).to.equal(null);
    receive(holding, 40n, "posted");
    expect([holding.heldShares, holding.postedShares, costIn(holding)]).to.deep.equal([60n, 40n, 60n]);
  });

  it("have no yearly rate in their first week, nor one beyond what is looked for", () => {
    const young = openHolding("fifo");
    bring(young, 0n, 100n, flat(100n));
    const ageAt = (days: bigint) => days * 86_400n;
    expect(rateOfReturn(young.flows, 99n, ageAt(7n) - 1n), "younger than a week").to.equal(null);
    expect(rateOfReturn(young.flows, 99n, ageAt(7n))).to.be.closeTo(0.99 ** (365 / 7) - 1, 1e-9);
    for (const worth of [1n, 1_000n]) expect(rateOfReturn(young.flows, worth, ageAt(8n)), "no rate").to.equal(null);
  });
});
