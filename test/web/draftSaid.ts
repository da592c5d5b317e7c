import { expect } from "chai";
import { termsFaults } from "../../server/protocol/leaseTerms.ts";
import type { LeaseTermsJson } from "../../server/protocol/apiDrafts.ts";
import { USUAL, fieldOf, termsSaid, type DraftSaid } from "../../web/pages/operator/leases/draftSaid.ts";

const [LESSEE, PAYEE, ASSET, INDEX] = ["11", "22", "33", "44"].map((pair) => `0x${pair.repeat(20)}`) as [
  string,
  string,
  string,
  string,
];
const SALT = `0x${"55".repeat(32)}`;
const place = { payee: PAYEE, asset: ASSET, assetDecimalCount: 6, indexSource: INDEX, salt: SALT };
const contract = {
  ...{ nowAt: BigInt(Date.UTC(2026, 1, 1) / 1000), payee: PAYEE, country: "US" },
  ...{ isRetired: false, assetDecimalCount: 6 },
};
const SAID: DraftSaid = { ...USUAL, lotId: "7", lessee: ` ${LESSEE} `, startDay: "2026-02-15", baseRent: "12,500.25" };

const made = (said: Partial<DraftSaid>): LeaseTermsJson => {
  const terms = termsSaid({ ...SAID, ...said }, place);
  if (Array.isArray(terms)) throw new Error(JSON.stringify(terms));
  return terms;
};

describe("portal: what a form says of a lease", () => {
  it("is the terms that the contract takes: percent as basis points, days as seconds, amounts exact", () => {
    const terms = made({ deposit: "0.000001", sla: [{ availability: "99.5", credit: "10" }], countries: "us, ca" });
    expect(terms).to.deep.equal({
      ...{ lotId: "7", lessee: LESSEE, payee: PAYEE, asset: ASSET, pricing: "TakeOrPay" },
      ...{ startAt: String(Date.UTC(2026, 1, 15) / 1000), periodCount: 36 },
      ...{ baseRentAssets: "12500250000", gpuHourRateAssets: "0" },
      index: { source: `0x${"0".repeat(40)}`, participationBps: 0, floorAssets: "0", capAssets: "0" },
      efficiency: { metric: "None", targetUnits: 0, sharedBps: 0, maxBps: 0, kWhRateAssets: "0" },
      payment: {
        ...{ dueSec: 864_000, lateFeeBps: 1200, cureSec: 2_592_000, prepaidMonthCount: 1, depositAssets: "1" },
      },
      exit: {
        ...{ minPeriodCount: 12, noticeSec: 2_592_000, renewalPeriodCount: 0, renewalRentBps: 0 },
        ...{ terminationFeeAssets: "0", purchaseAssets: "0" },
      },
      ...{ tripleNet: false, relatedParty: false, lesseeBucket: 2, countries: ["US", "CA"] },
      sla: [{ availabilityBps: 9950, creditBps: 1000 }],
      ...{ documentHash: `0x${"0".repeat(64)}`, salt: SALT },
    });
    expect(termsFaults(terms, contract)).to.deep.equal([]);
  });

  it("leaves out what its pricing does not use, whatever stands in the fields", () => {
    const linked = made({
      pricing: "IndexLinked",
      indexFloor: "1",
      indexCap: "3",
      gpuHourRate: "9",
      prepaidMonths: "x",
    });
    expect([linked.baseRentAssets, linked.gpuHourRateAssets, linked.payment.prepaidMonthCount]).to.deep.equal([
      ...["0", "0", 0],
    ]);
    expect(linked.index).to.deep.equal({
      ...{ source: INDEX, participationBps: 9000, floorAssets: "1000000", capAssets: "3000000" },
    });
    const metered = made({ pricing: "Metered", gpuHourRate: "1.7", metric: "Pue", target: "1.25", kWhRate: "0.08" });
    expect(metered.efficiency).to.include({
      targetUnits: 12_500,
      sharedBps: 5000,
      maxBps: 1000,
      kWhRateAssets: "80000",
    });
    const net = made({ isTripleNet: true, metric: "WhPerGpuHour", target: "900", kWhRate: "0.08" });
    expect([net.sla, net.efficiency.targetUnits]).to.deep.equal([[], 900]);
    for (const terms of [linked, metered]) expect(termsFaults(terms, contract)).to.deep.equal([]);
    expect(termsFaults(net, contract).map(({ at, code }) => [fieldOf(at), code])).to.deep.equal([
      ["isTripleNet", "Lease_NotNet"],
    ]);
  });

  it("names every field that cannot be read", () => {
    const faults = termsSaid(
      {
        ...SAID,
        ...{ lotId: "", lessee: "0x12", startDay: "2026-02-31T", months: "1.5", baseRent: "1.0000001", lateFee: "-1" },
        ...{ sla: [{ availability: "99,9,x", credit: "10" }], countries: "USA", documentHash: "0x12", bucket: "256" },
      },
      place,
    );
    expect((faults as { at: string }[]).map(({ at }) => at).sort()).to.deep.equal([
      ...["baseRent", "bucket", "countries", "documentHash", "lateFee", "lessee", "lotId", "months", "sla", "startDay"],
    ]);
  });

  it("shows the contract's refusals at the fields they are about", () => {
    const codes = (said: Partial<DraftSaid>) =>
      termsFaults(made(said), contract).map(({ at, code }) => `${fieldOf(at)} ${code}`);
    expect(codes({ startDay: "2026-01-31" })).to.deep.equal(["startDay Lease_StartPassed"]);
    expect(codes({ baseRent: "0" })).to.deep.equal(["baseRent Lease_BadRent"]);
    expect(codes({ prepaidMonths: "37" })).to.deep.equal(["prepaidMonths Lease_BadPayment"]);
    expect(codes({ renewalMonths: "1", renewalRent: "0" })).to.deep.equal(["renewalRent Lease_BadExit"]);
    expect(codes({ countries: "DE" })).to.deep.equal(["countries Lease_WrongCountry"]);
    expect(codes({ sla: [SAID.sla[1]!, SAID.sla[0]!] })).to.deep.equal(["sla Lease_SlaUnsorted"]);
  });
});
