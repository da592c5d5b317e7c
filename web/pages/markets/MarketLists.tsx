import type { Liquidation, Market, Position } from "../../../server/protocol/apiMarkets.ts";
import { WAD } from "../../../server/protocol/units.ts";
import { hrefOf, useList } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { DataTable, type Column } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { toneOf, type MarketTalk } from "./talk.tsx";

/** Everybody's positions in a market, and its liquidations. */
export function MarketLists({ market, talk }: { market: Market; talk: MarketTalk }) {
  const { words } = talk;
  const { id } = market;
  const positions = useList("/v1/markets/:id/positions", "after", { params: { id } });
  const liquidations = useList("/v1/markets/:id/liquidations", "before", { params: { id } });
  return (
    <>
      <Section title={words.positions} lead={words.positionsLead}>
        <Answered of={positions}>
          {(rows) => (
            <DataTable
              caption={words.positions}
              columns={positionColumns(talk)}
              rows={rows}
              rowKey={({ positionIndex }) => String(positionIndex)}
              csvHref={hrefOf("/v1/markets/:id/positions", { params: { id } })}
              more={positions}
            />
          )}
        </Answered>
      </Section>
      <Section title={words.liquidations}>
        <Answered of={liquidations} empty={<Empty title={words.noLiquidations} />}>
          {(rows) => (
            <DataTable
              caption={words.liquidations}
              columns={liquidationColumns(talk)}
              rows={rows}
              rowKey={({ eventId }) => eventId}
              csvHref={hrefOf("/v1/markets/:id/liquidations", { params: { id } })}
              more={liquidations}
            />
          )}
        </Answered>
      </Section>
    </>
  );
}

function positionColumns(talk: MarketTalk): Column<Position>[] {
  const { words } = talk;
  const healthOf = ({ healthWad, borrowAssets }: Position) => ({
    healthWad: healthWad === null ? null : BigInt(healthWad),
    owedAssets: BigInt(borrowAssets),
  });
  return [
    {
      key: "account",
      title: words.account,
      cell: ({ account, positionIndex }) =>
        account === null ? <span>{words.unnamed(positionIndex + 1)}</span> : <AddressText value={account} />,
    },
    {
      key: "lent",
      title: words.supplied,
      isFigure: true,
      cell: ({ supplyAssets }) => talk.cash(BigInt(supplyAssets)),
      sortBy: ({ supplyAssets }) => BigInt(supplyAssets),
    },
    {
      key: "collateral",
      title: words.collateral,
      isFigure: true,
      cell: ({ collateralShares }) => talk.shares(BigInt(collateralShares)),
      sortBy: ({ collateralShares }) => BigInt(collateralShares),
    },
    {
      key: "debt",
      title: words.debt,
      isFigure: true,
      cell: ({ borrowAssets }) => talk.cash(BigInt(borrowAssets)),
      sortBy: ({ borrowAssets }) => BigInt(borrowAssets),
    },
    {
      key: "health",
      title: words.health,
      isFigure: true,
      cell: (position) => <span className={toneOf(healthOf(position)) ?? ""}>{talk.health(healthOf(position))}</span>,
      sortBy: ({ healthWad }) => (healthWad === null ? WAD * WAD : BigInt(healthWad)),
    },
  ];
}

function liquidationColumns(talk: MarketTalk): Column<Liquidation>[] {
  const { words } = talk;
  return [
    { key: "when", title: words.when, cell: ({ liquidatedAt }) => <When at={liquidatedAt} /> },
    { key: "by", title: words.liquidator, cell: ({ liquidator }) => <AddressText value={liquidator} /> },
    { key: "repaid", title: words.repaid, isFigure: true, cell: ({ repaidAssets }) => talk.cash(BigInt(repaidAssets)) },
    {
      key: "seized",
      title: words.seized,
      isFigure: true,
      cell: ({ seizedShares }) => talk.shares(BigInt(seizedShares)),
    },
    { key: "bad", title: words.badDebt, isFigure: true, cell: ({ badDebtAssets }) => talk.cash(BigInt(badDebtAssets)) },
  ];
}
