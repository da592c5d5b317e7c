import { priceWad } from "../../../server/model/book.ts";
import type { FillRecord } from "../../../server/protocol/apiExchange.ts";
import { hrefOf, useList } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { DataTable, type Column } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import type { TradeTalk } from "./tradeTalk.tsx";

/** All trades of a class. */
export function Trades({ talk }: { talk: TradeTalk }) {
  const { words, of } = talk;
  const query = { shareToken: of.token };
  const fills = useList("/v1/fills", "before", { query });
  return (
    <Section title={words.trades} lead={words.tradesLead}>
      <Answered of={fills} empty={<Empty title={words.noTrades} />}>
        {(rows) => (
          <DataTable
            caption={words.trades}
            columns={columnsOf(talk)}
            rows={rows}
            rowKey={({ eventId }) => eventId}
            csvHref={hrefOf("/v1/fills", { query })}
            more={fills}
          />
        )}
      </Answered>
    </Section>
  );
}

function columnsOf({ words, price, shares, cash }: TradeTalk): Column<FillRecord>[] {
  return [
    { key: "when", title: words.when, cell: ({ filledAt }) => <When at={filledAt} /> },
    {
      key: "price",
      title: words.price,
      isFigure: true,
      cell: (fill) => price(priceWad({ assets: BigInt(fill.priceAssets), shares: BigInt(fill.shares) })),
    },
    { key: "shares", title: words.shares, isFigure: true, cell: (fill) => shares(BigInt(fill.shares)) },
    { key: "paid", title: words.priceAssets, isFigure: true, cell: (fill) => cash(BigInt(fill.priceAssets)) },
    { key: "accrued", title: words.accruedAssets, isFigure: true, cell: (fill) => cash(BigInt(fill.accruedAssets)) },
    { key: "fee", title: words.fee, isFigure: true, cell: (fill) => cash(BigInt(fill.feeAssets)) },
    {
      key: "transaction",
      title: "",
      cell: ({ transactionHash }) => <AddressText value={transactionHash} />,
    },
  ];
}
