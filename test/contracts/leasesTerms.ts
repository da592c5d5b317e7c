import { expect } from "chai";
import { EFFICIENCY_METRICS, NO_CLAUSES, PRICINGS } from "../../server/protocol/lease.ts";
import { contractTerms, openingAssets, signTerms, termsDigest, termsFaults } from "../../server/protocol/leaseTerms.ts";
import type { LeaseTermsJson } from "../../server/protocol/apiDrafts.ts";
import { domainOf as signedDomainOf } from "../../server/protocol/typed.ts";
import type { Terms } from "./leasesStage.ts";
import { at, BASE, ENDS, ethers, FULL_CLAUSES, LINKED_CLAUSES, LOT_ID, stage } from "./leasesStage.ts";

const DAY = 86_400n;
const DUE = 10n * DAY;
const HUGE = 2n ** 128n;

const payment = (changed: Partial<Terms["payment"]>) => ({
  payment: { ...NO_CLAUSES.payment, dueSec: DUE, ...changed },
});
const exit = (changed: Partial<Terms["exit"]>) => ({ exit: { ...NO_CLAUSES.exit, ...changed } });
const index = (changed: Partial<Terms["index"]>) => ({ index: { ...NO_CLAUSES.index, ...changed } });
const efficiency = (changed: Partial<Terms["efficiency"]>) => ({
  efficiency: { ...FULL_CLAUSES.efficiency, ...changed },
});
const metered = { pricing: 1, baseRentAssets: 0n, gpuHourRateAssets: 1n };
const linked = (changed: Partial<Terms["index"]>) => ({
  ...LINKED_CLAUSES,
  index: { ...LINKED_CLAUSES.index, ...changed },
});

/** Terms as the API and the portal have them. */
function jsonOf(terms: Terms): LeaseTermsJson {
  const { index, efficiency, payment, exit } = terms;
  const numbers = (clause: object) =>
    Object.fromEntries(
      Object.entries(clause).map(([name, value]) => [
        name,
        name.endsWith("Assets") ? String(value as bigint) : Number(value as bigint),
      ]),
    );
  return {
    ...terms,
    ...{ lotId: String(terms.lotId), startAt: String(terms.startAt), lesseeBucket: Number(terms.lesseeBucket) },
    pricing: PRICINGS[terms.pricing]!,
    ...{ baseRentAssets: String(terms.baseRentAssets), gpuHourRateAssets: String(terms.gpuHourRateAssets) },
    index: { ...numbers(index), source: index.source },
    efficiency: { ...numbers(efficiency), metric: EFFICIENCY_METRICS[Number(efficiency.metric)]! },
    ...{ payment: numbers(payment), exit: numbers(exit) },
    countries: terms.countries.map((code) => Buffer.from(code.slice(2), "hex").toString("latin1")),
    sla: terms.sla.map(numbers),
  } as unknown as LeaseTermsJson;
}

/** What the stage's lot is to the terms. */
const PLACE = { nowAt: BigInt(at("2030-01-10") + 30_000), country: "DE", isRetired: false, assetDecimalCount: 6 };

describe("Leases: terms", () => {
  describe("open", () => {
    const badTerms: [string, Partial<Terms>, string, unknown[]][] = [
      ["no asset", { asset: ethers.ZeroAddress }, "Lease_NoAsset", [LOT_ID]],
      ["no periods", { periodCount: 0 }, "Lease_BadPeriods", [LOT_ID, 0, 240]],
      ["more than twenty years of periods", { periodCount: 241 }, "Lease_BadPeriods", [LOT_ID, 241, 240]],
      [
        "a start more than a year ahead",
        { startAt: at("2031-01-12") },
        "Lease_StartTooFar",
        [at("2031-01-12"), at("2031-01-11")],
      ],
      ["a start one second after midnight", { startAt: ENDS[0] + 1 }, "Lease_NotMidnight", [ENDS[0] + 1]],
      [
        "a start before today",
        { startAt: at("2030-01-09") },
        "Lease_StartPassed",
        [at("2030-01-09"), at("2030-01-10")],
      ],
      ["take-or-pay without a base rent", { baseRentAssets: 0n }, "Lease_BadRent", [0, 0, 0]],
      ["take-or-pay with a rate as well", { gpuHourRateAssets: 1n }, "Lease_BadRent", [0, BASE, 1]],
      ["metered without a rate", { pricing: 1, baseRentAssets: 0n }, "Lease_BadRent", [1, 0, 0]],
      ["metered with a base rent as well", { pricing: 1, gpuHourRateAssets: 1n }, "Lease_BadRent", [1, BASE, 1]],
      ["a rent of 2^128", { baseRentAssets: 2n ** 128n }, "Lease_BadRent", [0, 2n ** 128n, 0]],
      [
        "an SLA table of nine steps",
        { sla: Array.from({ length: 9 }, (_, i) => ({ availabilityBps: 9000 - i, creditBps: i + 1 })) },
        "Lease_SlaTooLong",
        [9, 8],
      ],
      ["a due time more than 91 days after the invoice", payment({ dueSec: 91n * DAY + 1n }), "Lease_BadPayment", []],
      ["a late fee above 100 % a year", payment({ lateFeeBps: 10_001n }), "Lease_BadPayment", []],
      ["a cure of more than a year", payment({ cureSec: 366n * DAY + 1n }), "Lease_BadPayment", []],
      ["more months prepaid than there are", payment({ prepaidMonthCount: 4n }), "Lease_BadPayment", [DUE, 0, 0, 4]],
      [
        "months prepaid of a rent that is metered",
        { ...metered, ...payment({ prepaidMonthCount: 1n }) },
        "Lease_BadPayment",
        [DUE, 0, 0, 1],
      ],
      ["a deposit of 2^128", payment({ depositAssets: HUGE }), "Lease_TooLarge", [HUGE, HUGE - 1n]],
      ["a notice of more than a year", exit({ noticeSec: 366n * DAY + 1n }), "Lease_BadExit", [366n * DAY + 1n, 0, 0]],
      [
        "a renewal beyond twenty years",
        exit({ renewalPeriodCount: 238n, renewalRentBps: 1n }),
        "Lease_BadExit",
        [0, 238, 1],
      ],
      ["a renewal without rent", exit({ renewalPeriodCount: 1n }), "Lease_BadExit", [0, 1, 0]],
      ["rent of no renewal", exit({ renewalRentBps: 1n }), "Lease_BadExit", [0, 0, 1]],
      ["a fee of 2^128", exit({ terminationFeeAssets: HUGE }), "Lease_TooLarge", [HUGE, HUGE - 1n]],
      ["a price of 2^128", exit({ purchaseAssets: HUGE }), "Lease_TooLarge", [HUGE, HUGE - 1n]],
      ["an index that take-or-pay does not use", index({ participationBps: 1n }), "Lease_BadIndex", [0, 1, 0, 0]],
      ["a floor that take-or-pay does not use", index({ floorAssets: 1n }), "Lease_BadIndex", [0, 0, 1, 0]],
      ["a cap that a metered rent does not use", { ...metered, ...index({ capAssets: 1n }) }, "Lease_BadIndex", []],
      ["index-linked with a rate", { ...linked({}), gpuHourRateAssets: 1n }, "Lease_BadRent", [2, 0, 1]],
      ["index-linked without a source", linked({ source: ethers.ZeroAddress }), "Lease_BadIndex", [2, 9000, 5, 9]],
      ["index-linked with no part of it", linked({ participationBps: 0n }), "Lease_BadIndex", [2, 0, 5, 9]],
      ["index-linked without a cap", linked({ floorAssets: 0n, capAssets: 0n }), "Lease_BadIndex", [2, 9000, 0, 0]],
      ["a floor above the cap", linked({ floorAssets: 10n }), "Lease_BadIndex", [2, 9000, 10, 9]],
      ["a cap of 2^128", linked({ capAssets: HUGE }), "Lease_BadIndex", [2, 9000, 5, HUGE]],
      [
        "an efficiency target without a metric",
        efficiency({ metric: 0n }),
        "Lease_BadEfficiency",
        [0, 13_000, 5000, 1000],
      ],
      ["no efficiency target", efficiency({ targetUnits: 0n }), "Lease_BadEfficiency", [1, 0, 5000, 1000]],
      ["no share of the saving", efficiency({ sharedBps: 0n }), "Lease_BadEfficiency", [1, 13_000, 0, 1000]],
      ["more than the saving", efficiency({ sharedBps: 10_001n }), "Lease_BadEfficiency", []],
      ["no limit on the saving", efficiency({ maxBps: 0n }), "Lease_BadEfficiency", []],
      ["a limit above the rent", efficiency({ maxBps: 10_001n }), "Lease_BadEfficiency", []],
      ["no price of energy", efficiency({ kWhRateAssets: 0n }), "Lease_BadEfficiency", []],
      ["a price of energy of 2^128", efficiency({ kWhRateAssets: HUGE }), "Lease_TooLarge", [HUGE, HUGE - 1n]],
      ["triple-net with service levels", { tripleNet: true }, "Lease_NotNet", [0, 2, 0]],
      ["triple-net and metered", { ...metered, tripleNet: true, sla: [] }, "Lease_NotNet", [1, 0, 0]],
      [
        "triple-net with an efficiency clause",
        { ...efficiency({}), tripleNet: true, sla: [] },
        "Lease_NotNet",
        [0, 0, 1],
      ],
      ["a lot in a country that is not allowed", { countries: ["0x5553"] }, "Lease_WrongCountry", [LOT_ID, "0x4445"]],
      ["seventeen countries", { countries: Array<string>(17).fill("0x4445") }, "Lease_TooManyCountries", [17, 16]],
      ["an SLA step above 100 %", { sla: [{ availabilityBps: 10_001, creditBps: 1 }] }, "Lease_SlaUnsorted", [0]],
      ["an SLA step without credit", { sla: [{ availabilityBps: 9900, creditBps: 0 }] }, "Lease_SlaUnsorted", [0]],
      ["a credit above the rent", { sla: [{ availabilityBps: 9900, creditBps: 10_001 }] }, "Lease_SlaUnsorted", [0]],
      [
        "an SLA availability that does not fall",
        { sla: [9900, 9900].map((availabilityBps, i) => ({ availabilityBps, creditBps: i + 1 })) },
        "Lease_SlaUnsorted",
        [1],
      ],
      [
        "an SLA credit that does not rise",
        { sla: [9900, 9800].map((availabilityBps) => ({ availabilityBps, creditBps: 1 })) },
        "Lease_SlaUnsorted",
        [1],
      ],
    ];
    for (const [what, changed, error, args] of badTerms) {
      it(`refuses ${what}`, async () => {
        const { leases, open, terms } = await stage();
        const faults = termsFaults(jsonOf({ ...terms, ...changed }), { ...PLACE, payee: terms.payee });
        expect(faults.map(({ code }) => code)).to.include(error);
        const refused = expect(open(changed)).to.be.revertedWithCustomError(leases, error);
        await (args.length > 0 ? refused.withArgs(...args) : refused);
        expect(await leases.leaseCount()).to.equal(0);
      });
    }

    it("refuses a lot that is retired", async () => {
      const { leases, lots, open } = await stage();
      await lots.setRetired(LOT_ID);
      await expect(open()).to.be.revertedWithCustomError(leases, "Lease_LotRetired").withArgs(LOT_ID);
    });

    it("refuses an index-linked rent in a token of more than eighteen decimals", async () => {
      const { leases, open } = await stage();
      const coin = await ethers.deployContract("MockCoin", [19]);
      await expect(open({ ...linked({}), asset: await coin.getAddress() }))
        .to.be.revertedWithCustomError(leases, "Lease_BadIndex")
        .withArgs(2, 9000, 5, 9);
    });

    for (const [what, changed] of [
      ["every clause of a take-or-pay lease", FULL_CLAUSES],
      ["an index-linked lease", LINKED_CLAUSES],
      ["triple-net", { tripleNet: true, sla: [] }],
      ["the country that the lot is in, among others", { countries: ["0x5553", "0x4445"] }],
    ] as [string, Partial<Terms>][]) {
      it(`takes ${what}`, async () => {
        const { leases, open, terms } = await stage();
        const json = jsonOf({ ...terms, ...changed });
        expect(termsFaults(json, { ...PLACE, payee: terms.payee })).to.deep.equal([]);
        await open(changed);
        expect(await leases.isLocated(1)).to.equal(true);
        const { status } = await leases.lease(1);
        expect(status.prepaidAssets + status.depositAssets).to.equal(openingAssets(json));
      });
    }

    it("takes terms as the API has them, signed as the portal signs them", async () => {
      const { leases, operator, lessee, terms } = await stage();
      const json = jsonOf({ ...terms, ...FULL_CLAUSES });
      const domain = signedDomainOf(await leases.eip712Domain());
      const signature = await signTerms(lessee, domain, json);
      expect(ethers.recoverAddress(termsDigest(domain, json), signature)).to.equal(lessee.address);
      await leases.connect(operator).open(contractTerms(json), signature);
      expect((await leases.lease(1)).terms.countries).to.deep.equal(["0x4445"]);
    });

    it("names the payee, a retired lot and a token that is too fine before they are sent", async () => {
      const { terms, lessee } = await stage();
      const codesOf = (changed: Partial<Terms>, place: Partial<typeof PLACE & { payee: string }>) =>
        termsFaults(jsonOf({ ...terms, ...changed }), { ...PLACE, payee: terms.payee, ...place }).map(
          ({ code }) => code,
        );
      expect(codesOf({}, { payee: lessee.address })).to.deep.equal(["Lease_WrongPayee"]);
      expect(codesOf({}, { payee: terms.payee.toLowerCase(), isRetired: true })).to.deep.equal(["Lease_LotRetired"]);
      expect(codesOf(linked({}), { assetDecimalCount: 19 })).to.deep.equal(["Lease_BadIndex"]);
    });
  });

  describe("isLocated", () => {
    it("is false once the lot stands elsewhere, and refuses an unknown lease", async () => {
      const { leases, lots, open } = await stage();
      await open({ countries: ["0x4445"] });
      await lots.setCountry("0x5553");
      expect(await leases.isLocated(1)).to.equal(false);
      await expect(leases.isLocated(2)).to.be.revertedWithCustomError(leases, "Lease_Unknown").withArgs(2);
    });

    it("is true anywhere for a lease that names no country", async () => {
      const { leases, lots, open } = await stage();
      await open();
      await lots.setCountry("0x5553");
      expect(await leases.isLocated(1)).to.equal(true);
    });
  });
});
