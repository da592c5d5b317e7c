import { Text } from "@mantine/core";
import { Link } from "wouter";
import type { Market } from "../../../server/protocol/apiMarkets.ts";
import { hrefOf, useList } from "../../api.tsx";
import { useCoins } from "../../coins.ts";
import { Amount } from "../../components/Amount.tsx";
import { DataTable, type Column } from "../../components/DataTable.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { percentText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { marketsWords } from "../../words/markets.ts";
import { PRICE_DECIMALS } from "./talk.tsx";
import { UtilizationBar } from "./UtilizationBar.tsx";

/** All lending markets. */
export default function MarketsPage() {
  const words = useWords(marketsWords);
  const markets = useList("/v1/markets", "after");
  const columns = useColumns();
  return (
    <>
      <PageHead title={words.title} lead={words.lead} />
      <div className="surface" style={{ padding: "6px 16px 14px" }}>
        <Answered of={markets} empty={<Empty title={words.none}>{words.noneHint}</Empty>}>
          {(rows) => (
            <DataTable
              caption={words.title}
              columns={columns}
              rows={rows}
              rowKey={({ id }) => id}
              csvHref={hrefOf("/v1/markets")}
              more={markets}
            />
          )}
        </Answered>
      </div>
    </>
  );
}

function useColumns(): Column<Market>[] {
  const words = useWords(marketsWords);
  const { language } = useLanguage();
  const { coinOf, facilityOf } = useCoins();
  const cash = ({ params }: Market, assets: string) => {
    const { decimalCount, unit } = coinOf(params.loanToken);
    return <Amount assets={assets} decimalCount={decimalCount} unit={unit} isShort />;
  };
  return [
    {
      key: "market",
      title: words.market,
      cell: (market) => (
        <>
          <Text component="span" fw={600}>
            <Link href={`/markets/${market.id}`}>
              {market.symbol} / {coinOf(market.params.loanToken).unit}
            </Link>
          </Text>
          <Text size="xs" c="dimmed">
            {facilityOf(market.params.collateralToken)?.name}
          </Text>
        </>
      ),
      sortBy: ({ symbol }) => symbol,
    },
    {
      key: "supplied",
      title: words.supplied,
      isFigure: true,
      cell: (market) => cash(market, market.totalSupplyAssets),
      sortBy: ({ totalSupplyAssets }) => BigInt(totalSupplyAssets),
    },
    {
      key: "borrowed",
      title: words.borrowed,
      isFigure: true,
      cell: (market) => cash(market, market.totalBorrowAssets),
      sortBy: ({ totalBorrowAssets }) => BigInt(totalBorrowAssets),
    },
    {
      key: "utilization",
      title: words.utilization,
      cell: ({ utilizationBps }) => <UtilizationBar bps={utilizationBps} />,
      sortBy: ({ utilizationBps }) => utilizationBps,
    },
    {
      key: "borrowRate",
      title: words.borrowRate,
      isFigure: true,
      cell: ({ borrowRateBps }) => percentText(borrowRateBps, language),
      sortBy: ({ borrowRateBps }) => borrowRateBps,
    },
    {
      key: "supplyRate",
      title: words.supplyRate,
      isFigure: true,
      cell: ({ supplyRateBps }) => percentText(supplyRateBps, language),
      sortBy: ({ supplyRateBps }) => supplyRateBps,
    },
    {
      key: "lltv",
      title: words.lltv,
      isFigure: true,
      cell: ({ params }) => percentText(BigInt(params.lltv) / 10n ** 14n, language, 0),
    },
    {
      key: "price",
      title: words.price,
      isFigure: true,
      cell: ({ priceScaled, params }) =>
        priceScaled === null ? (
          <span className="warn">{words.noPrice}</span>
        ) : (
          <Amount
            assets={priceScaled}
            decimalCount={PRICE_DECIMALS}
            unit={coinOf(params.loanToken).unit}
            digitCount={4}
          />
        ),
    },
  ];
}
