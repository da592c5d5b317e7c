import { Text } from "@mantine/core";
import { priceWad } from "../../../server/model/book.ts";
import type { OrderRecord } from "../../../server/protocol/apiExchange.ts";
import { ActionButton } from "../../action.tsx";
import { hrefOf, useList } from "../../api.tsx";
import { DataTable, type Column } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { useWallet } from "../../wallet.tsx";
import { offerOf, orderOfTerms } from "./offers.ts";
import { cancelAction, cancelAllAction } from "./tradeActions.ts";
import type { TradeTalk } from "./tradeTalk.tsx";

/** The visitor's orders of a class, whatever became of them. */
export function OwnOrders({ talk }: { talk: TradeTalk }) {
  const { words, of } = talk;
  const { account } = useWallet();
  const query = { shareToken: of.token, maker: account, status: "all" };
  const orders = useList("/v1/orders", "before", account === undefined ? null : { query });
  const openCount = (orders.data ?? []).filter(({ status }) => isLive(status)).length;
  return (
    <Section
      title={words.orders}
      actions={
        <ActionButton action={cancelAllAction(openCount, talk)} size="xs" variant="default" disabled={openCount === 0}>
          {words.cancelAll}
        </ActionButton>
      }
    >
      {account === undefined ? (
        <Text size="sm" c="dimmed">
          {words.ordersConnect}
        </Text>
      ) : (
        <Answered of={orders} empty={<Empty title={words.noOrders} />}>
          {(rows) => (
            <DataTable
              caption={words.orders}
              columns={columnsOf(talk)}
              rows={rows}
              rowKey={({ orderHash }) => orderHash}
              csvHref={hrefOf("/v1/orders", { query })}
              more={orders}
            />
          )}
        </Answered>
      )}
    </Section>
  );
}

/** Whether there is still something to cancel. */
const isLive = (status: OrderRecord["status"]) => !["Expired", "Cancelled", "Filled", "NonceVoid"].includes(status);

function columnsOf(talk: TradeTalk): Column<OrderRecord>[] {
  const { words, price, shares } = talk;
  return [
    {
      key: "side",
      title: words.side,
      cell: ({ order }) => (
        <span className={order.isSell ? "bad" : "good"}>{order.isSell ? words.sell : words.buy}</span>
      ),
    },
    { key: "price", title: words.price, isFigure: true, cell: ({ order }) => price(priceWad(orderOfTerms(order))) },
    { key: "shares", title: words.shares, isFigure: true, cell: ({ order }) => shares(BigInt(order.shares)) },
    { key: "filled", title: words.filled, isFigure: true, cell: ({ filledShares }) => shares(BigInt(filledShares)) },
    {
      key: "status",
      title: words.status,
      cell: ({ status }) => <span className={status === "Open" ? "good" : ""}>{words.statuses(status)}</span>,
    },
    { key: "expires", title: words.expiresAt, cell: ({ order }) => <When at={order.expiresAt} /> },
    {
      key: "cancel",
      title: "",
      isFigure: true,
      cell: (record) => (
        <ActionButton
          action={cancelAction(offerOf(record), talk)}
          size="xs"
          variant="default"
          disabled={!isLive(record.status)}
        >
          {words.cancel}
        </ActionButton>
      ),
    },
  ];
}
