import { SegmentedControl, Slider, Stack, Tabs, Text } from "@mantine/core";
import { useState } from "react";
import {
  effectOf,
  mostOf,
  owedAssets,
  suppliedAssets,
  type MarketEffect,
  type MarketVerb,
} from "../../../server/model/market.ts";
import type { Market } from "../../../server/protocol/apiMarkets.ts";
import { Refusal } from "../../../server/protocol/refusal.ts";
import { formatAssets } from "../../../server/protocol/units.ts";
import { ActionButton } from "../../action.tsx";
import { AmountField, type AmountInput } from "../../components/AmountField.tsx";
import { amountOf, marketAction, type Ask } from "./marketActions.ts";
import { marketOf, type OwnMarket } from "./marketNow.ts";
import type { MarketTalk } from "./talk.tsx";

const TABS = [
  { name: "borrow", verbs: ["borrow"] },
  { name: "repay", verbs: ["repay"] },
  { name: "collateral", verbs: ["supplyCollateral", "withdrawCollateral"] },
  { name: "lend", verbs: ["supply", "withdraw"] },
] as const satisfies readonly { name: string; verbs: readonly MarketVerb[] }[];
type TabName = (typeof TABS)[number]["name"];

interface MarketFormsProps {
  market: Market;
  own: OwnMarket | undefined;
  input: AmountInput;
  verb: MarketVerb;
  onVerb: (verb: MarketVerb) => void;
  talk: MarketTalk;
}

/** What can be done in a market: choose a verb, type an amount, see what it would do. */
export function MarketForms({ market, own, input, verb, onVerb, talk }: MarketFormsProps) {
  const { words } = talk;
  const [tab, setTab] = useState<TabName>("borrow");
  const choose = (to: MarketVerb) => {
    input.set("");
    onVerb(to);
  };
  const titles = {
    borrow: words.borrowTab,
    repay: words.repayTab,
    collateral: words.collateralTab,
    lend: words.lendTab,
  };
  return (
    <Tabs
      value={tab}
      onChange={(name) => {
        const found = TABS.find((one) => one.name === name);
        if (found === undefined) return;
        setTab(found.name);
        choose(found.verbs[0]);
      }}
      keepMounted={false}
    >
      <Tabs.List grow mb="md">
        {TABS.map(({ name }) => (
          <Tabs.Tab key={name} value={name} px={6}>
            {titles[name]}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {TABS.map(({ name, verbs }) => (
        <Tabs.Panel key={name} value={name}>
          <Stack gap="md">
            {verbs.length > 1 && (
              <SegmentedControl
                fullWidth
                size="xs"
                aria-label={titles[name]}
                value={verb}
                onChange={(value) => choose(value)}
                data={verbs.map((value, place) => ({ value, label: place === 0 ? words.in : words.out }))}
              />
            )}
            <VerbForm market={market} own={own} input={input} verb={verb} talk={talk} />
          </Stack>
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}

function VerbForm({ market, own, input, verb, talk }: Omit<MarketFormsProps, "onVerb">) {
  const { words, coin } = talk;
  const isOfShares = verb === "supplyCollateral" || verb === "withdrawCollateral";
  const most = own === undefined ? undefined : mostFor(verb, market, own);
  const ask = own === undefined ? undefined : askOf(verb, input, market, own);
  const isPaused = verb === "borrow" && market.isBorrowingPaused;
  return (
    <>
      <AmountField
        label={words.amount}
        input={input}
        unit={isOfShares ? market.symbol : coin.unit}
        most={most}
        {...(verb === "borrow" ? { mostLabel: words.liquid } : {})}
      />
      {verb === "borrow" && own !== undefined && most !== undefined && most > 0n && (
        <div>
          <Text size="sm" c="dimmed" mb={4}>
            {words.partOfMost}
          </Text>
          <Slider
            value={Math.min(100, Number(((input.units ?? 0n) * 100n) / most))}
            onChange={(part) => input.set(formatAssets((most * BigInt(part)) / 100n, coin.decimalCount))}
            thumbLabel={words.partOfMost}
            label={(part) => `${String(part)} %`}
            marks={[25, 50, 75].map((value) => ({ value }))}
          />
        </div>
      )}
      {ask !== undefined && own !== undefined && <RefusalLine refusal={outcomeOf(ask, market, own).refusal} />}
      <ActionButton
        action={marketAction(market, ask ?? { verb, units: 0n, isAll: false }, talk)}
        disabled={ask === undefined || isPaused}
        fullWidth
      >
        {words.verbs(verb)}
      </ActionButton>
    </>
  );
}

function RefusalLine({ refusal }: { refusal: Refusal | undefined }) {
  if (refusal === undefined) return null;
  return (
    <Text size="sm" className="bad" role="alert" style={{ wordBreak: "break-word" }}>
      <span className="mono">{refusal.code}</span>{" "}
      {Object.entries(refusal.facts)
        .map(([name, value]) => `${name} ${String(value)}`)
        .join(", ")}
    </Text>
  );
}

/** The most of a verb that the market and the wallet let through. */
export function mostFor(verb: MarketVerb, market: Market, own: OwnMarket): bigint {
  const { totals, price } = marketOf(market);
  const ofMarket = mostOf(verb, totals, own.position, price);
  const held = verb === "supplyCollateral" ? own.walletShares : own.cashAssets;
  if (ofMarket === null) return held;
  return verb === "repay" && held < ofMarket ? held : ofMarket;
}

/** What is asked for, where an amount stands there. All of a debt or of what was lent is asked for by its shares. */
export function askOf(verb: MarketVerb, input: AmountInput, market: Market, own: OwnMarket): Ask | undefined {
  if (input.units === undefined) return undefined;
  const { totals } = marketOf(market);
  const { borrowShares, supplyShares } = own.position;
  const wholeAssets =
    verb === "repay"
      ? owedAssets(totals, borrowShares)
      : verb === "withdraw"
        ? suppliedAssets(totals, supplyShares)
        : undefined;
  const isAll = input.isMost && wholeAssets !== undefined && wholeAssets <= mostFor(verb, market, own);
  return { verb, units: input.units, isAll };
}

/** What an ask would leave by the figures of the page, or why it would be refused. */
export function outcomeOf(
  ask: Ask,
  market: Market,
  own: OwnMarket,
): { effect: MarketEffect; refusal?: undefined } | { effect?: undefined; refusal: Refusal } {
  const { totals, price } = marketOf(market);
  try {
    return { effect: effectOf(ask.verb, amountOf(ask, own), totals, own.position, price) };
  } catch (error) {
    if (error instanceof Refusal) return { refusal: error };
    throw error;
  }
}
