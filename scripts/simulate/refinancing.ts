import type { Deal } from "./deal.ts";
import { assetsOf, centsOf } from "./figures.ts";
import { monthAt, type Scenario } from "./scenario.ts";
import { createFacility, fund, type Stage } from "./stage.ts";
import { calendarOf, facilityTermsOf, later } from "./terms.ts";

const DAY_SEC = 86_400;
const BPS = 10_000n;
/** Of what the new facility raises. */
const SENIOR_BPS = 8_500n;
/** Raised and drawn beyond the price of the moment, which accrues by the second. */
const MARGIN_PARTS = 100_000n;

/** Redeems the facility by a new one of the same sponsor, once the scenario wants it and the terms allow it. */
export async function refinance(stage: Stage, scenario: Scenario, month: number): Promise<string[] | undefined> {
  const { deal, chain, parties, as, terms } = stage;
  const wanted = scenario.refinance;
  if (wanted === undefined || month + 1 < monthAt(deal, wanted.at)) return undefined;
  if (terms.callableAt === 0n || BigInt(chain.nowAt()) <= terms.callableAt) return undefined;
  const old = as(parties.keeper).facility(stage.facility);
  const price = await old.redemptionAssets();
  const raised = price + price / MARGIN_PARTS + 1n;
  const next = nextDeal(deal, month, raised, wanted.couponBps);
  const nextTerms = facilityTermsOf(
    next,
    parties.payees.map(({ address }) => address),
  );
  const { facility } = await createFacility(stage, nextTerms, chain.nowAt() + DAY_SEC);
  for (const [index, holder] of parties.newHolders.entries()) {
    const assets = nextTerms.classes[index]!.targetAssets;
    await fund(stage, holder, facility, assets);
    await chain.send(() => as(holder).facility(facility).subscribe(index, assets));
  }
  const sponsor = as(parties.sponsor).facility(facility);
  await chain.send(() => sponsor.startFunding());
  await chain.send(() => sponsor.refinance(stage.facility, drawsOf(deal, raised)));
  await chain.send(() => sponsor.startPerforming());
  return [`a new facility at ${wanted.couponBps / 100} % raises $${centsOf(raised)} and redeems this one`];
}

/** The deal that is left, as the new facility takes it on: one level-pay class over the months to go. */
function nextDeal(deal: Deal, month: number, raised: bigint, couponBps: number): Deal {
  const { startAt, periodCount } = calendarOf(deal);
  const senior = (raised * SENIOR_BPS) / BPS;
  const dollars = (assets: bigint) => `${assets / 1_000_000n}.${String(assets % 1_000_000n).padStart(6, "0")}`;
  const { callPremiumBps } = deal.classes[0]!;
  const fixed = { name: "A", principal: "LevelPay", dayCount: "30/360", callPremiumBps } as const;
  const { callableMonth: _call, anticipatedRepaymentMonth: _date, ...rest } = deal;
  return {
    ...rest,
    name: `${deal.name}-refinanced`,
    startOn: new Date(later(startAt, month + 1) * 1000).toISOString().slice(0, 10),
    classes: [{ ...fixed, couponBps, months: Math.max(1, periodCount - month - 1), target: dollars(senior) }],
    residual: { target: dollars(raised - senior) },
    reserve: { target: deal.reserve.target, initial: "0" },
  };
}

/** So much on each lot, in proportion to cost. */
function drawsOf({ lots }: Deal, total: bigint): { lotId: bigint; assets: bigint }[] {
  const cost = lots.reduce((sum, lot) => sum + assetsOf(lot.cost), 0n);
  let left = total;
  return lots.map((lot, index) => {
    const assets = index === lots.length - 1 ? left : (total * assetsOf(lot.cost)) / cost;
    left -= assets;
    return { lotId: BigInt(index + 1), assets };
  });
}
