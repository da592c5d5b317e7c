import type { Addresses } from "../protocol/deployment.ts";
import type { Contracts } from "../protocol/contracts.ts";
import type { AccountSources, MoneySources, ReportSources } from "../sourcesMoney.ts";
import type { BlockRow, View } from "./events.ts";
import { booksOf } from "./readmodelBooks.ts";
import { calendarOf, standingsOf } from "./readmodelCalendar.ts";
import { createdAt } from "./readmodelDeals.ts";
import { facilityAt } from "./readmodelFacilities.ts";
import { holdersAfter } from "./readmodelHolders.ts";
import { invoicesAfter, receivablesAfter } from "./readmodelInvoices.ts";
import { leaseAt, leasesAfter } from "./readmodelLeases.ts";
import { flowsAfter, ledgersOf, portfolioOf, taxYearOf } from "./readmodelPortfolio.ts";
import { monthOfFacility, reportOf, reportsOf } from "./readmodelReports.ts";
import { telemetryOf } from "./readmodelTelemetry.ts";
import { appraisedBefore, openPastPrices, valueOf, type Valued } from "./readmodelValues.ts";
import type { Tokens } from "./tokens.ts";
import type { InView } from "./views.ts";

/** What the sources of money are made of. */
export interface MoneyOptions {
  readonly view: InView;
  readonly addresses: Addresses;
  readonly tokens: Tokens;
  readonly contractsAfter: (block: Pick<BlockRow, "hash">) => Contracts;
}

/** What is there, owed, paid and whose. */
export function moneySources({
  view,
  addresses,
  tokens,
  contractsAfter,
}: MoneyOptions): MoneySources & AccountSources & ReportSources {
  const pastPrices = openPastPrices(contractsAfter);
  let minCategory: number | undefined;

  const valuedAt = async (now: View, address: string): Promise<Valued | undefined> => {
    const created = await createdAt(now, address);
    const facility = await facilityAt(now, tokens, address);
    if (created === undefined || facility === undefined) return undefined;
    return { facility, standings: await standingsOf(now, created, await booksOf(now, address)), head: now.head };
  };

  return {
    async facilityValue(address) {
      const valued = await view((now) => valuedAt(now, address));
      return valued && (await valueOf(contractsAfter(valued.head), valued));
    },
    async appraisals(address, page) {
      const found = await view((now) => appraisedBefore(now, address, page));
      return found && (await pastPrices.appraisals(address, found));
    },
    facilityTelemetry: (address, range) =>
      view(async (now) => {
        if ((await createdAt(now, address)) === undefined) return undefined;
        return await telemetryOf(now, [...(await booksOf(now, address)).lotIds], range);
      }),
    calendar: (address) => view((now) => calendarOf(now, address)),
    holders: (address, page, classIndex) =>
      view(async (now) => {
        minCategory ??= Number(await contractsAfter(now.head).gate.minCategory());
        return await holdersAfter(now, address, page, { classIndex, minCategory });
      }),

    leases: (page, filter) => view((now) => leasesAfter(now, page, filter)),
    lease: (leaseId) => view((now) => leaseAt(now, leaseId)),
    invoices: (leaseId, page) => view((now) => invoicesAfter(now, leaseId, page)),
    receivables: (page, filter) => view((now) => receivablesAfter(now, page, filter)),

    reports: (address) => view((now) => reportsOf(now, address)),
    async report(address, month) {
      const told = await view((now) => monthOfFacility(now, tokens, address, month));
      return told && (await reportOf(told, pastPrices));
    },

    async portfolio(account, method) {
      const { head, ledgers } = await view(async (now) => ({
        head: now.head,
        ledgers: await ledgersOf(now, tokens, { account, addresses, method }),
      }));
      return await portfolioOf({ account, method, head, ledgers, pastPrices, contracts: contractsAfter(head) });
    },
    flows: (account, page, { method, ...filter }) =>
      view(async (now) => flowsAfter(await ledgersOf(now, tokens, { account, addresses, method }), page, filter)),
    taxYear: (account, year, method) =>
      view(async (now) => {
        const ledgers = await ledgersOf(now, tokens, { account, addresses, method });
        return taxYearOf(ledgers, { account, year, method });
      }),
  };
}
