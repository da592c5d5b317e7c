import { FACILITY_STATES } from "../../server/protocol/deal.ts";
import { checkConserved, checkLevelPayment, checkSeniorFirst } from "./checks.ts";
import { centsOf, type Figure } from "./figures.ts";
import { ledgerOf, type Chapter, type PaidDate } from "./ledger.ts";
import type { Checks, ClassPeriod, ClassResult, Conservation, PeriodResult, SimulationResult } from "./result.ts";
import type { Scenario } from "./scenario.ts";
import type { Stage } from "./stage.ts";
import { xirr, type Flow } from "../../server/model/yields.ts";

const HALF_CENT = 5_000n;
const BPS = 10_000n;
const WAD = 10n ** 18n;
const DECIMALS = 6;
const OF_CLASSES = new Set(["Interest", "Principal", "Turbo", "Residual"]);

/** What a payment date left behind, for who watches. */
export interface Standing {
  seniorAssets: bigint;
  valueAssets: bigint;
  isShortOfInterest: boolean;
}

/** Runs payment dates, claims what they pay, and keeps and checks the record of it. */
export interface Books {
  state(): Promise<string>;
  payDate(invoicedAssets: bigint, story: string[]): Promise<{ period: PeriodResult; standing: Standing }>;
  result(
    story: string[],
    figures: Figure[],
    scenario: Scenario,
  ): Promise<Omit<SimulationResult, "reports" | "transactions" | "seconds">>;
}

/** A class as it goes: where it stood before the date, where its schedule has it, what its holder paid and claimed. */
interface Account {
  name: string;
  outstanding: bigint;
  scheduled: bigint;
  levelPayment: bigint;
  raised: bigint;
  interest: bigint;
  principal: bigint;
  loss: bigint;
  flows: Flow[];
}

export async function openBooks(stage: Stage): Promise<Books> {
  const { deal, chain, parties, as, terms, tokens } = stage;
  const keeper = as(parties.keeper);
  const facility = keeper.facility(stage.facility);
  const ledger = ledgerOf(stage);
  const checks: Checks = { conserved: 0, seniorFirst: 0, levelPayments: 0 };
  const accounts = await openAccounts(stage);
  const periods: PeriodResult[] = [];
  const covers: { net: bigint; service: bigint }[] = [];
  await ledger.read();

  const claim = async () => {
    for (const [index, holder] of parties.holders.entries()) {
      const token = as(holder).classToken(tokens[index]!);
      const assets = await token.claimableAssets(holder.address);
      if (assets === 0n) continue;
      await chain.send(() => token.claim(holder.address));
      accounts[index]!.flows.push({ at: chain.nowAt(), assets });
    }
  };

  const value = async () => {
    const flags = await Promise.all(deal.lots.map((_, index) => facility.isPledged(index + 1)));
    const lots = deal.lots.map((_, index) => index + 1).filter((_, index) => flags[index]);
    await chain.send(() => keeper.valuation.appraise(stage.facility, lots));
    const { exitAssets: valueAssets } = await keeper.valuation.facilityValue(stage.facility);
    const owed = await Promise.all(deal.classes.map((_, index) => facility.owedAssets(index)));
    return { valueAssets, seniorAssets: owed.reduce((sum, assets) => sum + assets, 0n) };
  };

  /** Takes a run of the list into the accounts. */
  const post = async (where: string, { redeemed, writtenOff }: Chapter, paid: PaidDate): Promise<ClassPeriod[]> => {
    checkSeniorFirst(checks, where, paid);
    for (const { classIndex, incomeAssets, principalAssets } of redeemed) {
      const account = accounts[classIndex]!;
      account.interest += incomeAssets;
      account.principal += principalAssets;
      account.outstanding -= principalAssets;
    }
    const rows: ClassPeriod[] = [];
    for (const [index, account] of accounts.entries()) {
      const { outstandingAssets } = await facility.classAt(index);
      const paidAssets = paid.steps
        .filter(({ kind, subjectIndex }) => subjectIndex === index && OF_CLASSES.has(kind))
        .reduce((sum, step) => sum + BigInt(step.paid), 0n);
      const loss = writtenOff.get(index) ?? 0n;
      const principal = account.outstanding - outstandingAssets - loss;
      const class_ = terms.classes[index]!;
      if (class_.kind === "Senior" && class_.principalKind === "LevelPay") {
        const level = {
          terms: class_,
          levelPaymentAssets: account.levelPayment,
          outstandingBefore: account.outstanding,
        };
        const standing = { ...level, outstandingAfter: outstandingAssets + loss };
        account.scheduled = checkLevelPayment(checks, where, standing, account.scheduled, paid, index);
      }
      account.outstanding = outstandingAssets;
      account.interest += paidAssets - principal;
      account.principal += principal;
      account.loss += loss;
      rows.push({
        ...{ name: account.name, interest: String(paidAssets - principal), principal: String(principal) },
        ...{ outstanding: String(outstandingAssets), poolFactor: ratio(outstandingAssets, account.raised) },
      });
    }
    return rows;
  };

  const stateOf = async () => FACILITY_STATES[Number(await facility.state())]!;

  const periodOf = async (
    chapter: Chapter,
    paid: PaidDate,
    extra: { invoiced: bigint; story: string[] },
    worth: Omit<Standing, "isShortOfInterest">,
  ) => {
    const where = `payment date ${paid.paymentIndex + 1}`;
    covers.push({ net: paid.netAssets, service: paid.serviceAssets });
    const last = covers.slice(-deal.covenants.dscrPeriods);
    const service = last.reduce((sum, cover) => sum + cover.service, 0n);
    const net = last.reduce((sum, cover) => sum + cover.net, 0n);
    const classes = await post(where, chapter, paid);
    const cash = await ledger.conservation();
    checkConserved(checks, where, cash);
    const period: PeriodResult = {
      ...{ index: paid.paymentIndex, dueOn: dateOf(paid.dueAt), state: await stateOf() },
      collections: String(paid.collectionsAssets),
      ...{ rent: String(chapter.rentAssets), invoiced: String(extra.invoiced) },
      ...{ net: String(paid.netAssets), service: String(paid.serviceAssets) },
      dscrBps: last.length < deal.covenants.dscrPeriods || service === 0n ? null : Number((net * BPS) / service),
      ltvBps: worth.valueAssets === 0n ? null : Number((worth.seniorAssets * BPS) / worth.valueAssets),
      value: String(worth.valueAssets),
      steps: paid.steps.map(({ kind, subject, due, paid: assets }) => ({ kind, subject, due, paid: assets })),
      classes,
      ...{ reserve: String(paid.reserveAssets), trapped: String(paid.trappedAssets) },
      events: [...extra.story, ...chapter.story],
      cash,
    };
    return period;
  };

  return {
    state: stateOf,
    async payDate(invoiced, story) {
      await chain.send(() => facility.collect());
      await chain.send(() => facility.distribute());
      await claim();
      const worth = await value();
      const chapter = await ledger.read();
      const paid = chapter.payments.at(-1)!;
      const period = await periodOf(chapter, paid, { invoiced, story }, worth);
      periods.push(period);
      const isShortOfInterest = paid.steps.some((step) => step.kind === "Interest" && step.due !== step.paid);
      return { period, standing: { ...worth, isShortOfInterest } };
    },
    async result(story, figures, scenario) {
      await claim();
      const chapter = await ledger.read();
      const closing = chapter.payments.at(-1);
      const last =
        closing === undefined ? undefined : await periodOf(chapter, closing, { invoiced: 0n, story }, NOTHING);
      const cash: Conservation = await ledger.conservation();
      checkConserved(checks, "the end", cash);
      const level = accounts.find(({ levelPayment }) => levelPayment > 0n);
      return {
        ...{ deal: deal.name, title: deal.title, about: deal.about },
        ...{ scenario: scenario.name, scenarioAbout: scenario.about },
        ...(level === undefined ? {} : { levelPayment: centsOf(level.levelPayment + HALF_CENT) }),
        ...{ decimals: DECIMALS, figures },
        covenants: { trapDscrBps: deal.covenants.trapDscrBps, amortiseDscrBps: deal.covenants.amortiseDscrBps },
        classes: accounts.map((account, index) => classResult(stage, account, index)),
        periods,
        ...(last === undefined ? {} : { closing: last }),
        ...{ cash, checks, state: await stateOf() },
      };
    },
  };
}

const NOTHING = { seniorAssets: 0n, valueAssets: 0n };

async function openAccounts(stage: Stage): Promise<Account[]> {
  const { deal, chain, parties, as } = stage;
  const facility = as(parties.keeper).facility(stage.facility);
  const names = [...deal.classes.map(({ name }) => name), "residual"];
  return await Promise.all(
    names.map(async (name, index) => {
      const { raisedAssets, outstandingAssets, levelPaymentAssets } = await facility.classAt(index);
      return {
        ...{ name, outstanding: outstandingAssets, scheduled: outstandingAssets, levelPayment: levelPaymentAssets },
        ...{ raised: raisedAssets, interest: 0n, principal: 0n, loss: 0n },
        flows: [{ at: chain.nowAt(), assets: -raisedAssets }],
      };
    }),
  );
}

function classResult({ deal }: Stage, account: Account, index: number): ClassResult {
  const terms = deal.classes[index];
  const claimed = account.flows.slice(1).reduce((sum, { assets }) => sum + assets, 0n);
  const paid = account.interest + account.principal;
  // Most of what the residual gets is income: what it lost is what did not come back of what it paid in.
  const short = paid < account.raised ? account.raised - paid : 0n;
  return {
    name: account.name,
    kind: terms === undefined ? "Residual" : "Senior",
    principalKind: terms?.principal ?? "Residual",
    couponBps: terms?.couponBps ?? 0,
    ...{ raised: String(account.raised), interest: String(account.interest), principal: String(account.principal) },
    ...{ outstanding: String(account.outstanding), loss: String(terms === undefined ? short : account.loss) },
    yield: xirr(account.flows),
    multiple: Number(claimed) / Number(account.raised),
  };
}

function ratio(part: bigint, whole: bigint): string {
  const parts = (part * WAD) / whole;
  return `${parts / WAD}.${String(parts % WAD)
    .padStart(18, "0")
    .slice(0, 6)}`;
}

function dateOf(timeAt: number): string {
  return new Date(timeAt * 1000).toISOString().slice(0, 10);
}
