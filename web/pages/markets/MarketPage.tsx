import { Alert, Grid, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { Link, useParams } from "wouter";
import { liquidAssets, type MarketVerb } from "../../../server/model/market.ts";
import type { Market } from "../../../server/protocol/apiMarkets.ts";
import { ActionButton } from "../../action.tsx";
import { useAnswer } from "../../api.tsx";
import { useCoins } from "../../coins.ts";
import { AddressText } from "../../components/AddressText.tsx";
import { useAmountInput } from "../../components/AmountField.tsx";
import { Figure, Figures } from "../../components/Figure.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty, Loading } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { countText, percentText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { useOwn } from "../../own.ts";
import { useWallet } from "../../wallet.tsx";
import { marketsWords } from "../../words/markets.ts";
import { HealthPanel } from "./HealthPanel.tsx";
import { incomeAction } from "./marketActions.ts";
import { askOf, MarketForms, outcomeOf } from "./MarketForms.tsx";
import { MarketHistory } from "./MarketHistory.tsx";
import { MarketLists } from "./MarketLists.tsx";
import { marketOf, ownMarket, type OwnMarket } from "./marketNow.ts";
import { useMarketTalk, type MarketTalk } from "./talk.tsx";

/** One lending market, and what the visitor has and can do in it. */
export default function MarketPage() {
  const { id } = useParams<{ id: string }>();
  const words = useWords(marketsWords);
  const answer = useAnswer("/v1/markets/:id", { params: { id } });
  const talk = useMarketTalk(answer.data?.params.loanToken, answer.data?.symbol ?? "");
  const { facilityOf } = useCoins();
  const title = answer.data === undefined ? words.title : `${answer.data.symbol} / ${talk.coin.unit}`;
  return (
    <>
      <PageHead
        title={title}
        lead={facilityOf(answer.data?.params.collateralToken)?.name}
        above={
          <Link href="/markets" style={{ fontSize: 14 }}>
            {words.toMarkets}
          </Link>
        }
      />
      <Answered of={answer} loading={<Loading lineCount={6} />}>
        {(market) => (
          <>
            <Notices market={market} talk={talk} />
            <Totals market={market} talk={talk} />
            <Desk market={market} talk={talk} />
            <MarketHistory id={market.id} />
            <MarketLists market={market} talk={talk} />
            <Terms market={market} />
          </>
        )}
      </Answered>
    </>
  );
}

function Notices({ market, talk }: { market: Market; talk: MarketTalk }) {
  const { words } = talk;
  return (
    <Stack gap="xs" mb={market.isBorrowingPaused || market.priceScaled === null ? "md" : 0}>
      {market.isBorrowingPaused && (
        <Alert color="yellow" variant="light">
          {words.paused}
        </Alert>
      )}
      {market.priceScaled === null && (
        <Alert color="yellow" variant="light">
          {words.stale}
        </Alert>
      )}
    </Stack>
  );
}

function Totals({ market, talk }: { market: Market; talk: MarketTalk }) {
  const { words } = talk;
  const { language } = useLanguage();
  const { totals, price } = marketOf(market);
  return (
    <Stack mb="xl">
      <Figures perRow={4}>
        <Figure label={words.supplied} note={`${words.suppliers}: ${countText(market.supplierCount, language)}`}>
          {talk.short(totals.totalSupplyAssets)}
        </Figure>
        <Figure label={words.borrowed} note={`${words.borrowers}: ${countText(market.borrowerCount, language)}`}>
          {talk.short(totals.totalBorrowAssets)}
        </Figure>
        <Figure label={words.liquid}>{talk.short(liquidAssets(totals))}</Figure>
        <Figure label={words.utilization} note={words.utilizationNote}>
          {percentText(market.utilizationBps, language, 1)}
        </Figure>
        <Figure label={words.borrowRate} note={words.aYear}>
          {percentText(market.borrowRateBps, language)}
        </Figure>
        <Figure label={words.supplyRate} note={words.afterFee}>
          {percentText(market.supplyRateBps, language)}
        </Figure>
        <Figure
          label={words.price}
          note={price.price === null ? words.noPriceNote : words.priceNote}
          tone={price.price === null ? "warn" : undefined}
        >
          {price.price === null ? words.noPrice : talk.price(price.price)}
        </Figure>
        <Figure label={words.lltv} note={words.lltvNote}>
          {talk.ratio(price.lltvWad)}
        </Figure>
      </Figures>
    </Stack>
  );
}

/** The visitor's position beside what it can do. */
function Desk({ market, talk }: { market: Market; talk: MarketTalk }) {
  const { words } = talk;
  const { account } = useWallet();
  const [verb, setVerb] = useState<MarketVerb>("borrow");
  const input = useAmountInput(talk.coin.decimalCount);
  const own = useOwn(["market", market.id], (chain) => ownMarket(chain, market));
  const ask = own === undefined ? undefined : askOf(verb, input, market, own);
  const after = ask === undefined || own === undefined ? undefined : outcomeOf(ask, market, own).effect;
  return (
    <Section title={words.position} lead={words.positionLead} isBare>
      <Grid gap="md">
        <Grid.Col span={{ base: 12, md: 7 }}>
          <div className="surface" style={{ padding: "16px 18px", height: "100%" }}>
            {account === undefined ? (
              <Empty title={words.connect} />
            ) : own === undefined ? (
              <Loading lineCount={5} />
            ) : (
              <Own market={market} own={own} after={after} talk={talk} />
            )}
          </div>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <div className="surface" style={{ padding: "8px 18px 18px", height: "100%" }}>
            <MarketForms market={market} own={own} input={input} verb={verb} onVerb={setVerb} talk={talk} />
          </div>
        </Grid.Col>
      </Grid>
    </Section>
  );
}

interface OwnProps {
  market: Market;
  own: OwnMarket;
  after: ReturnType<typeof outcomeOf>["effect"];
  talk: MarketTalk;
}

function Own({ market, own, after, talk }: OwnProps) {
  const { words } = talk;
  const { totals, price } = marketOf(market);
  const { position, incomeAssets } = own;
  const isNothing = position.supplyShares + position.borrowShares + position.collateralShares === 0n;
  return (
    <Stack>
      {own.flaggedAt > 0n && (
        <Alert color="red" variant="light">
          {words.flagged}
        </Alert>
      )}
      {isNothing && after === undefined && (
        <Text size="sm" c="dimmed">
          {words.nothingPosted}
        </Text>
      )}
      <HealthPanel totals={totals} position={position} price={price} after={after} talk={talk} />
      {market.paysIncome && position.collateralShares > 0n && (
        <div className="surface" style={{ padding: "10px 14px" }}>
          <Text size="sm" c="dimmed">
            {words.income}
          </Text>
          <Text fw={600} className="figures" mb={6}>
            {talk.cash(incomeAssets)}
          </Text>
          <Text size="xs" c="dimmed" mb="xs">
            {words.incomeNote}
          </Text>
          <Group gap="xs">
            <ActionButton
              action={incomeAction(market, "repay", talk)}
              size="xs"
              variant="default"
              disabled={incomeAssets === 0n || position.borrowShares === 0n}
            >
              {words.incomeTitles("repay")}
            </ActionButton>
            <ActionButton
              action={incomeAction(market, "claim", talk)}
              size="xs"
              variant="default"
              disabled={incomeAssets === 0n}
            >
              {words.incomeTitles("claim")}
            </ActionButton>
          </Group>
        </div>
      )}
    </Stack>
  );
}

function Terms({ market }: { market: Market }) {
  const words = useWords(marketsWords);
  const { language } = useLanguage();
  const { params } = market;
  return (
    <Section title={words.terms} lead={words.termsLead}>
      <dl className="pairs">
        <dt>{words.loan}</dt>
        <dd>
          <AddressText value={params.loanToken} />
        </dd>
        <dt>{words.collateral}</dt>
        <dd>
          <AddressText value={params.collateralToken} />
        </dd>
        <dt>{words.oracle}</dt>
        <dd>
          <AddressText value={params.oracle} />
        </dd>
        <dt>{words.rateModel}</dt>
        <dd>
          <AddressText value={params.irm} />
        </dd>
        <dt>{words.fee}</dt>
        <dd>{percentText(market.feeBps, language)}</dd>
        <dt>{words.bonus}</dt>
        <dd>{percentText(BigInt(market.fullBonusWad) / 10n ** 14n, language)}</dd>
        <dt>{words.opened}</dt>
        <dd>
          <When at={market.createdAt} isDateOnly />
        </dd>
      </dl>
    </Section>
  );
}
