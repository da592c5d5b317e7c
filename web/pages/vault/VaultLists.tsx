import type { VaultHolding, VaultRequest } from "../../../server/protocol/apiExchange.ts";
import { Link } from "wouter";
import { hrefOf, useList } from "../../api.tsx";
import { Amount } from "../../components/Amount.tsx";
import { DataTable, type Column } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { percentText } from "../../format.ts";
import { useLanguage, type Language } from "../../language.tsx";
import type { VaultTalk } from "./vaultActions.tsx";

/** What the vault holds, and who waits. */
export function VaultLists({ talk }: { talk: VaultTalk }) {
  const { words } = talk;
  const { language } = useLanguage();
  const holdings = useList("/v1/vault/holdings", "after");
  const requests = useList("/v1/vault/requests", "after");
  return (
    <>
      <Section title={words.holdings} lead={words.holdingsLead}>
        <Answered of={holdings} empty={<Empty title={words.noHoldings} />}>
          {(rows) => (
            <DataTable
              caption={words.holdings}
              columns={holdingColumns(talk)}
              rows={rows}
              rowKey={({ classToken }) => classToken}
              csvHref={hrefOf("/v1/vault/holdings")}
              more={holdings}
            />
          )}
        </Answered>
      </Section>
      <Section title={words.queue} lead={words.queueLead}>
        <Answered of={requests} empty={<Empty title={words.noQueue} />}>
          {(rows) => (
            <DataTable
              caption={words.queue}
              columns={requestColumns(talk, language)}
              rows={rows}
              rowKey={({ requestId }) => requestId}
              csvHref={hrefOf("/v1/vault/requests")}
              more={requests}
            />
          )}
        </Answered>
      </Section>
    </>
  );
}

function holdingColumns({ words, cash, coin }: VaultTalk): Column<VaultHolding>[] {
  const figure = (key: string, title: string, of: (holding: VaultHolding) => string): Column<VaultHolding> => ({
    ...{ key, title, isFigure: true },
    cell: (holding) => cash(BigInt(of(holding))),
    sortBy: (holding) => BigInt(of(holding)),
  });
  return [
    {
      key: "class",
      title: words.class,
      cell: ({ symbol, facility }) => (
        <Link href={`/facilities/${facility}`} style={{ fontWeight: 600 }}>
          {symbol}
        </Link>
      ),
      sortBy: ({ symbol }) => symbol,
    },
    {
      key: "shares",
      title: words.held,
      isFigure: true,
      cell: ({ shares, symbol }) => <Amount assets={shares} decimalCount={coin.decimalCount} unit={symbol} />,
    },
    figure("exit", words.atExit, ({ exitAssets }) => exitAssets),
    figure("entry", words.atEntry, ({ entryAssets }) => entryAssets),
    figure("income", words.income, ({ incomeAssets }) => incomeAssets),
    figure("cap", words.cap, ({ facilityCapAssets }) => facilityCapAssets),
    {
      key: "valued",
      title: words.valued,
      cell: ({ computedAt, isUsable }) => (
        <>
          <When at={computedAt} />{" "}
          <span className={isUsable ? "good" : "warn"}>{isUsable ? words.usable : words.unusable}</span>
        </>
      ),
    },
  ];
}

function requestColumns({ words, shares, cash }: VaultTalk, language: Language): Column<VaultRequest>[] {
  return [
    { key: "id", title: words.request, cell: ({ requestId }) => `#${requestId}` },
    { key: "opened", title: words.opened, cell: ({ openedAt }) => <When at={openedAt} /> },
    { key: "fillable", title: words.fillableFrom, cell: ({ fillableAt }) => <When at={fillableAt} /> },
    { key: "pending", title: words.pending, isFigure: true, cell: (one) => shares(BigInt(one.pendingShares)) },
    { key: "filled", title: words.filled, isFigure: true, cell: (one) => percentText(one.filledBps, language) },
    { key: "claimable", title: words.claimable, isFigure: true, cell: (one) => cash(BigInt(one.claimableAssets)) },
  ];
}
