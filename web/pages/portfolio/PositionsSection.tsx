import { Group } from "@mantine/core";
import { Link } from "wouter";
import type { Portfolio, Position } from "../../../server/protocol/apiMoney.ts";
import { Amount } from "../../components/Amount.tsx";
import { DataTable, type Column } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { Empty } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { amountText, percentText, priceText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { portfolioWords } from "../../words/portfolio.ts";
import { HoldingActions } from "../facility/actions/HoldingActions.tsx";

/** Each class the account has shares of. */
export function PositionsSection({ portfolio }: { portfolio: Portfolio }) {
  const words = useWords(portfolioWords);
  const { language } = useLanguage();
  const money = (position: Position, assets: string | null) =>
    assets === null ? (
      "—"
    ) : (
      <Amount assets={assets} decimalCount={position.assetDecimalCount} unit={position.assetSymbol} />
    );
  const columns: Column<Position>[] = [
    {
      key: "class",
      title: words.className,
      cell: (position) => (
        <>
          <Link href={`/facilities/${position.facility}`}>{position.symbol}</Link>
          <span className="unit">{position.facilityName}</span>
        </>
      ),
    },
    {
      key: "shares",
      title: words.shares,
      isFigure: true,
      cell: ({ shares, postedShares, frozenShares, unlockAt, assetDecimalCount }) => (
        <>
          {amountText(shares, assetDecimalCount, language)}
          {postedShares !== "0" && (
            <span className="unit">{words.posted(amountText(postedShares, assetDecimalCount, language, 0))}</span>
          )}
          {frozenShares !== "0" && <span className="unit bad">{words.frozen}</span>}
          {unlockAt !== null && (
            <span className="unit">
              {words.locked} <When at={unlockAt} isDateOnly />
            </span>
          )}
        </>
      ),
      sortBy: ({ shares }) => BigInt(shares),
    },
    { key: "cost", title: words.cost, isFigure: true, cell: (one) => money(one, one.costAssets) },
    {
      key: "value",
      title: words.valueColumn,
      isFigure: true,
      cell: (one) => (
        <>
          {money(one, one.valueAssets)}
          {one.exitPriceWad !== null && (
            <span className={`unit ${one.isValueUsable ? "" : "warn"}`}>
              {one.isValueUsable ? words.atPrice(priceText(one.exitPriceWad, language)) : words.stale}
            </span>
          )}
        </>
      ),
    },
    {
      key: "xirr",
      title: words.xirrColumn,
      isFigure: true,
      cell: ({ xirrBps }) => (xirrBps === null ? "—" : percentText(xirrBps, language)),
    },
    { key: "claimable", title: words.claimableColumn, isFigure: true, cell: (one) => money(one, one.claimableAssets) },
    {
      key: "actions",
      title: "",
      cell: (position) => (
        <HoldingActions
          place={position}
          coin={{ unit: position.assetSymbol, decimalCount: position.assetDecimalCount }}
          claimableAssets={BigInt(position.claimableAssets)}
        />
      ),
    },
  ];
  return (
    <Section title={words.positions}>
      <DataTable
        caption={words.positions}
        columns={columns}
        rows={portfolio.positions}
        rowKey={({ token }) => token}
        empty={
          <Empty title={words.noPositions}>
            {words.noPositionsHint}
            <Group justify="center" mt="xs">
              <Link href="/">{words.toFacilities}</Link>
              <Link href="/trade">{words.toTrade}</Link>
            </Group>
          </Empty>
        }
      />
    </Section>
  );
}
