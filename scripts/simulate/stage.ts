import { encodeBytes32String, id, toUtf8Bytes, hexlify } from "ethers";

import { STEP_KINDS } from "../../server/protocol/deal.ts";
import type { Contracts } from "../../server/protocol/contracts.ts";
import type { Addresses } from "../../server/protocol/deployment.ts";
import type { ClassTerms, FacilityTerms, Step } from "../../server/model/types.ts";
import { domainOf, structOf } from "../../server/protocol/typed.ts";
import { Gate__factory } from "../../types/factories/compliance/Gate__factory.ts";
import { Leases__factory } from "../../types/factories/lease/Leases__factory.ts";
import { TestStable__factory } from "../../types/factories/mocks/TestStable__factory.ts";
import { deploy } from "../deploy.ts";
import type { Chain } from "./chain.ts";
import type { Deal } from "./deal.ts";
import { assetsOf } from "./figures.ts";
import { leaseTermsOf, type Letting } from "./leaseTerms.ts";
import { oracleKeys, partiesOf, speaking, type Parties } from "./parties.ts";
import { calendarOf, facilityTermsOf } from "./terms.ts";

const DAY_SEC = 86_400;
const YEARS_SEC = 20 * 365 * DAY_SEC;
/** Nothing of a simulation is older: the curve that hardware is valued by stays in force. */
const CURVE_AGE_SEC = YEARS_SEC;

/** A deal on a chain: everybody is there, everything is signed. */
export interface Stage {
  deal: Deal;
  chain: Chain;
  addresses: Addresses;
  parties: Parties;
  as: (party: Parties["admin"]) => Contracts;
  terms: FacilityTerms;
  facility: string;
  tokens: string[];
}

/** Deploys, registers the lots and creates the facility, before the deal's first day. */
export async function setStage(deal: Deal, chain: Chain): Promise<Stage> {
  const { startAt } = calendarOf(deal);
  const parties = partiesOf(deal, chain.signers);
  const addresses = await deploy({
    admin: parties.admin,
    auditor: parties.auditor.address,
    oracles: oracleKeys().map(({ address }) => address),
    startEpoch: BigInt(startAt / 3600),
  });
  chain.catchUp(startAt - DAY_SEC / 2);
  const as = speaking(addresses);
  const stage = { deal, chain, addresses, parties, as };
  await registerLots(stage, startAt);
  await admit(stage, startAt);
  const terms = facilityTermsOf(
    deal,
    parties.payees.map(({ address }) => address),
  );
  const created = await createFacility(stage, terms, startAt + DAY_SEC / 2);
  return { ...stage, terms, ...created };
}

type Scene = Pick<Stage, "deal" | "chain" | "addresses" | "parties" | "as">;

async function registerLots({ deal, chain, parties, as }: Scene, startAt: number): Promise<void> {
  const { registry, valuation } = as(parties.admin);
  for (const { model, tdpW, residualBps } of new Map(deal.lots.map((lot) => [lot.model, lot])).values()) {
    await chain.send(() => registry.addModel(model, tdpW));
    await chain.send(() => valuation.setCurve(id(model), chain.nowAt() - 1, CURVE_AGE_SEC, 0, residualBps));
  }
  const operator = as(parties.operator);
  for (const [index, lot] of deal.lots.entries()) {
    const country = hexlify(toUtf8Bytes(lot.country));
    await chain.send(() => operator.registry.registerSite(country, encodeBytes32String(lot.gridZone)));
    const figures = [lot.gpuCount, assetsOf(lot.cost), startAt - DAY_SEC, id(`boards of ${lot.name}`)] as const;
    await chain.send(() => operator.registry.registerLot(index + 1, id(lot.model), ...figures));
    const auditor = as(parties.auditor);
    const untilAt = startAt + YEARS_SEC;
    await chain.send(() => auditor.registry.attest(index + 1, lot.evidenceClass, untilAt, id("inventory")));
  }
}

/** A credential for every holder to be, and for who buys lots. */
async function admit({ chain, parties, as }: Scene, startAt: number): Promise<void> {
  const { gate } = as(parties.admin);
  await chain.send(() => gate.listProvider(parties.kycProvider.address, true));
  const domain = domainOf(await gate.eip712Domain());
  const { types } = structOf(Gate__factory.abi, "present", "credential");
  const { holders, newHolders, buyer, sponsor } = parties;
  for (const [index, { address }] of [...holders, ...newHolders, buyer, sponsor].entries()) {
    const credential = {
      ...{ holder: address, provider: parties.kycProvider.address, country: "0x5553", category: 3 },
      ...{ issuedAt: startAt - 2 * DAY_SEC + index, expiresAt: startAt + YEARS_SEC },
    };
    const signature = await parties.kycProvider.signTypedData(domain, types, credential);
    await chain.send(() => gate.present(credential, signature));
  }
}

/** A facility on given terms; the second one of a refinancing has the same lots. */
export async function createFacility(
  { deal, chain, addresses, parties, as }: Scene,
  terms: FacilityTerms,
  raiseUntilAt: number,
): Promise<{ facility: string; tokens: string[] }> {
  const { facilities } = as(parties.admin);
  const names = [...deal.classes.map(({ name }) => name), "Residual"];
  const settings = {
    ...{ asset: addresses.asset, sponsor: parties.sponsor.address, leases: addresses.leases },
    ...{ registry: addresses.registry, gate: addresses.gate, appraisal: addresses.valuation, raiseUntilAt },
    firstPaymentAt: terms.firstPaymentAt,
    anticipatedRepaymentAt: terms.anticipatedRepaymentAt,
    callableAt: terms.callableAt,
    advanceBps: deal.advanceBps,
    minEvidenceClass: Math.min(...deal.lots.map(({ evidenceClass }) => evidenceClass)),
    reserveTargetAssets: terms.reserveTargetAssets,
    initialReserveAssets: terms.initialReserveAssets,
    classes: terms.classes.map((one, index) => ({
      name: `${deal.title} ${names[index]!}`,
      symbol: names[index]!.toUpperCase(),
      terms: classOf(one),
    })),
    fees: terms.fees.map((fee) => ({ ...fee })),
    covenants: {
      ...terms.covenants,
      countries: deal.covenants.countries.map((country) => hexlify(toUtf8Bytes(country))),
    },
    ratchet: terms.ratchet.map((row) => ({ ...row })),
    auction: terms.auction,
    performingSteps: terms.performingSteps.map(stepOf),
    amortisationSteps: terms.amortisationSteps.map(stepOf),
    enforcementSteps: terms.enforcementSteps.map(stepOf),
  };
  const receipt = await chain.send(() => facilities.create(settings));
  for (const log of receipt.logs) {
    const event = facilities.interface.parseLog(log);
    if (event?.name !== "FacilityCreated") continue;
    const [facility, tokens] = event.args.toArray() as [string, string[]];
    return { facility, tokens: [...tokens] };
  }
  throw new Error("the factory announced no facility");
}

function classOf(terms: ClassTerms) {
  return {
    ...terms,
    kind: terms.kind === "Senior" ? 0 : 1,
    principalKind: ["LevelPay", "Scheduled", "Balloon", "Sequential"].indexOf(terms.principalKind),
    dayCount: terms.dayCount === "Thirty360" ? 0 : 1,
    scheduledWad: [...terms.scheduledWad],
  };
}

function stepOf({ kind, subjectIndex }: Step) {
  return { kind: STEP_KINDS.indexOf(kind), subjectIndex };
}

/** Gives a party stablecoins and lets a contract take them. */
export async function fund(
  { chain, addresses }: Scene,
  party: Parties["admin"],
  spender: string,
  assets: bigint,
  allowedAssets = assets,
): Promise<void> {
  const coin = TestStable__factory.connect(addresses.asset, party);
  await chain.send(() => coin.mint(party.address, assets));
  await chain.send(() => coin.approve(spender, allowedAssets));
}

/** The first day: classes are raised, lots drawn on, leases opened. */
export async function closeDeal(stage: Stage): Promise<void> {
  const { deal, chain, parties, as, facility, terms } = stage;
  const { fundedAt } = calendarOf(deal);
  chain.moveTo(fundedAt - 3600);
  for (const [index, holder] of parties.holders.entries()) {
    const assets = terms.classes[index]!.targetAssets;
    await fund(stage, holder, facility, assets);
    await chain.send(() => as(holder).facility(facility).subscribe(index, assets));
  }
  chain.moveTo(fundedAt);
  await chain.send(() => as(parties.keeper).facility(facility).startFunding());
  for (const [index, { cost }] of deal.lots.entries()) {
    await chain.send(() => as(parties.operator).registry.offerLien(index + 1, facility));
    await chain.send(() =>
      as(parties.sponsor)
        .facility(facility)
        .draw(index + 1, assetsOf(cost)),
    );
  }
  await chain.send(() => as(parties.sponsor).facility(facility).withdraw(parties.sponsor.address));
  await chain.send(() => as(parties.sponsor).facility(facility).startPerforming());
}

/** Opens a lease with its lessee's signature; gives its id. */
export async function openLease(
  stage: Stage,
  leaseIndex: number,
  letting: Omit<Letting, "lotId" | "lessee" | "asset">,
) {
  const { deal, chain, addresses, parties, as } = stage;
  const lease = deal.leases[leaseIndex]!;
  const lessee = parties.lessees[leaseIndex]!;
  const fixed = { lotId: BigInt(lease.lot + 1), lessee: lessee.address, asset: addresses.asset };
  const terms = leaseTermsOf(deal, lease, { ...fixed, ...letting });
  const { leases } = as(parties.operator);
  const { types } = structOf(Leases__factory.abi, "open", "terms");
  const signature = await lessee.signTypedData(domainOf(await leases.eip712Domain()), types, terms);
  await chain.send(() => leases.open(terms, signature));
  return await leases.leaseCount();
}
