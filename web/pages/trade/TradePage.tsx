import { Grid, Select } from "@mantine/core";
import { useEffect, useMemo } from "react";
import { useSearchParams } from "wouter";
import { bookOf, priceWad } from "../../../server/model/book.ts";
import { useList } from "../../api.tsx";
import { useCoins } from "../../coins.ts";
import { Figure, Figures } from "../../components/Figure.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty, Loading } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { useWords } from "../../language.tsx";
import { tradeWords } from "../../words/trade.ts";
import { BookTables } from "./BookTables.tsx";
import { offerOf } from "./offers.ts";
import { OwnOrders } from "./OwnOrders.tsx";
import { TradeForm } from "./TradeForm.tsx";
import { useTradeTalk, type TradedClass, type TradeTalk } from "./tradeTalk.tsx";
import { Trades } from "./Trades.tsx";

/** Trading of one class: its prices, the book, what the visitor can do, trades until now. */
export default function TradePage() {
  const words = useWords(tradeWords);
  const { facilities } = useCoins();
  const [search, setSearch] = useSearchParams();
  const classes = useMemo(
    () =>
      (facilities ?? []).flatMap(({ asset, assetSymbol, assetDecimalCount, classes: own }) =>
        own.map(({ token, symbol, name }): TradedClass => ({
          ...{ token, symbol, name, asset },
          coin: { unit: assetSymbol, decimalCount: assetDecimalCount },
        })),
      ),
    [facilities],
  );
  const chosen = classes.find(({ token }) => token.toLowerCase() === search.get("class")?.toLowerCase()) ?? classes[0];
  return (
    <>
      <PageHead
        title={words.title}
        lead={words.lead}
        actions={
          chosen && (
            <Select
              aria-label={words.class}
              w={280}
              data={classes.map(({ token, symbol, name }) => ({ value: token, label: `${symbol} · ${name}` }))}
              value={chosen.token}
              onChange={(token) => setSearch(token === null ? {} : { class: token }, { replace: true })}
              allowDeselect={false}
            />
          )
        }
      />
      {chosen === undefined ? (
        facilities === undefined ? (
          <Loading lineCount={6} />
        ) : (
          <Empty title={words.noClasses} />
        )
      ) : (
        <TradedPlace key={chosen.token} of={chosen} />
      )}
    </>
  );
}

const BOOK_COUNT = 200;

function TradedPlace({ of }: { of: TradedClass }) {
  const talk = useTradeTalk(of);
  const { words } = talk;
  const orders = useList("/v1/orders", "before", { query: { shareToken: of.token, limit: BOOK_COUNT } });
  // A page may be short, or empty, where many orders before it cannot be filled: the book goes on to those behind.
  const { hasMore, isLoadingMore, more, problem } = orders;
  const isShort = (orders.data?.length ?? 0) < BOOK_COUNT;
  useEffect(() => {
    if (isShort && hasMore && !isLoadingMore && problem === undefined) more();
  }, [isShort, hasMore, isLoadingMore, more, problem]);
  const book = useMemo(() => bookOf((orders.data ?? []).toReversed().map(offerOf)), [orders.data]);
  const [bestAsk, bestBid] = [book.asks[0], book.bids[0]];
  return (
    <>
      <Prices talk={talk} bestAsk={bestAsk && priceWad(bestAsk.order)} bestBid={bestBid && priceWad(bestBid.order)} />
      <Grid gap="md" mb="xl">
        <Grid.Col span={{ base: 12, md: 7 }}>
          <Section title={words.book} lead={words.bookLead}>
            <Answered of={orders} isEmpty={() => false}>
              {() => <BookTables book={book} talk={talk} />}
            </Answered>
          </Section>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <Section title={`${words.buy} / ${words.sell}`}>
            <TradeForm book={book} talk={talk} />
          </Section>
        </Grid.Col>
      </Grid>
      <OwnOrders talk={talk} />
      <Trades talk={talk} />
    </>
  );
}

interface PricesProps {
  talk: TradeTalk;
  bestAsk: bigint | undefined;
  bestBid: bigint | undefined;
}

function Prices({ talk, bestAsk, bestBid }: PricesProps) {
  const { words, of, price } = talk;
  const prices = useList("/v1/prices", "after", { query: { kind: "class", limit: 200 } });
  const fills = useList("/v1/fills", "before", { query: { shareToken: of.token, limit: 1 } });
  const value = prices.data?.find(({ priceId }) => priceId.toLowerCase() === of.token.toLowerCase());
  const last = fills.data?.[0];
  const shown = (wad: string | null | undefined) => (wad === null || wad === undefined ? "—" : price(BigInt(wad)));
  const age = value && (
    <>
      {words.priceStates(value.state)}
      {value.computedAt !== null && (
        <>
          , {words.asOf} <When at={value.computedAt} />
        </>
      )}
    </>
  );
  return (
    <div style={{ marginBottom: "var(--mantine-spacing-xl)" }}>
      <Figures>
        <Figure label={words.exit} note={age ?? words.exitNote} tone={value?.state === "Usable" ? undefined : "warn"}>
          {shown(value?.exitWad)}
        </Figure>
        <Figure label={words.entry} note={words.entryNote}>
          {shown(value?.entryWad)}
        </Figure>
        <Figure label={words.bid}>{bestBid === undefined ? words.none : price(bestBid)}</Figure>
        <Figure label={words.ask}>{bestAsk === undefined ? words.none : price(bestAsk)}</Figure>
        <Figure label={words.last} note={last && <When at={last.filledAt} />}>
          {last === undefined
            ? words.none
            : price(priceWad({ assets: BigInt(last.priceAssets), shares: BigInt(last.shares) }))}
        </Figure>
      </Figures>
    </div>
  );
}
