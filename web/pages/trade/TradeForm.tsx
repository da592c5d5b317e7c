import { SegmentedControl, Select, Stack, Switch, Text } from "@mantine/core";
import { useState } from "react";
import { planOf, priceWad, type Book } from "../../../server/model/book.ts";
import { ActionButton } from "../../action.tsx";
import { AmountField, useAmountInput, type AmountInput } from "../../components/AmountField.tsx";
import { amountText } from "../../format.ts";
import { useLanguage } from "../../language.tsx";
import { useOwn } from "../../own.ts";
import { useWallet } from "../../wallet.tsx";
import type { SignedOffer } from "./offers.ts";
import { fillAction, ownTrade, placeAction, type OwnTrade } from "./tradeActions.ts";
import { WAD_DECIMALS, type TradeTalk } from "./tradeTalk.tsx";

const LIVES_DAYS = [1, 7, 30] as const;
const DAY_SEC = 86_400n;
/** Of the price: the most accrued interest that an order allows beside it. */
const MAX_ACCRUED_PARTS = 50n;
const NOBODY = `0x${"00".repeat(20)}`;

interface FormProps {
  book: Book<SignedOffer>;
  talk: TradeTalk;
}

/** Buying and selling: out of the book now, or by an order that waits. */
export function TradeForm({ book, talk }: FormProps) {
  const { words, of } = talk;
  const [isBuying, setBuying] = useState(true);
  const [isNow, setNow] = useState(true);
  const amount = useAmountInput(of.coin.decimalCount);
  const price = useAmountInput(WAD_DECIMALS);
  const own = useOwn(["trade", of.token], (chain) => ownTrade(chain, talk));
  return (
    <Stack>
      <SegmentedControl
        fullWidth
        aria-label={words.side}
        value={isBuying ? "buy" : "sell"}
        onChange={(value) => setBuying(value === "buy")}
        data={[
          { value: "buy", label: words.buy },
          { value: "sell", label: words.sell },
        ]}
      />
      <SegmentedControl
        fullWidth
        size="xs"
        aria-label={`${words.now} / ${words.later}`}
        value={isNow ? "now" : "later"}
        onChange={(value) => setNow(value === "now")}
        data={[
          { value: "now", label: words.now },
          { value: "later", label: words.later },
        ]}
      />
      <AmountField label={words.amount} input={amount} unit={of.symbol} most={isBuying ? undefined : own?.heldShares} />
      <AmountField
        label={isNow ? words.limitPrice : words.orderPrice}
        input={price}
        unit={of.coin.unit}
        hint={isNow ? words.limitHint : words.orderPriceHint}
      />
      {isNow ? (
        <FromBook {...{ book, talk, amount, price, isBuying, own }} />
      ) : (
        <Place {...{ talk, amount, price, isBuying }} />
      )}
    </Stack>
  );
}

interface FromBookProps extends FormProps {
  amount: AmountInput;
  price: AmountInput;
  isBuying: boolean;
  own: OwnTrade | undefined;
}

function FromBook({ book, talk, amount, price, isBuying, own }: FromBookProps) {
  const { words, of, cash } = talk;
  const { language } = useLanguage();
  const { account } = useWallet();
  const side = isBuying ? book.asks : book.bids;
  const plan = planOf(side, amount.units ?? 0n, price.units ?? null, own?.feeBps ?? 0n, account ?? NOBODY);
  const missing = `${amountText(plan.missingShares, of.coin.decimalCount, language)} ${of.symbol}`;
  return (
    <>
      {amount.units !== undefined && (
        <div aria-live="polite">
          {plan.shares > 0n && (
            <dl className="pairs">
              <dt>{words.averagePrice}</dt>
              <dd>{talk.price(priceWad({ assets: plan.priceAssets, shares: plan.shares }))}</dd>
              <dt>{words.priceAssets}</dt>
              <dd>
                {cash(plan.priceAssets)} <span className="unit">{words.plan(plan.fills.length)}</span>
              </dd>
            </dl>
          )}
          {plan.missingShares > 0n && (
            <Text size="sm" className="warn" mt={4}>
              {words.missing(missing)}
            </Text>
          )}
        </div>
      )}
      <ActionButton action={fillAction(plan.fills, isBuying, talk)} disabled={plan.shares === 0n} fullWidth>
        {(isBuying ? words.buyTitle : words.sellTitle)(of.symbol)}
      </ActionButton>
    </>
  );
}

function Place({ talk, amount, price, isBuying }: Omit<FromBookProps, "book" | "own">) {
  const { words } = talk;
  const [days, setDays] = useState<number>(LIVES_DAYS[1]);
  const [hasAccrued, setAccrued] = useState(true);
  const priceUnits = price.units ?? 0n;
  return (
    <>
      <Select
        label={words.expires}
        data={LIVES_DAYS.map((count) => ({ value: String(count), label: words.days(count) }))}
        value={String(days)}
        onChange={(value) => setDays(Number(value ?? LIVES_DAYS[1]))}
        allowDeselect={false}
      />
      <Switch
        label={words.accrued}
        description={words.accruedHint}
        checked={hasAccrued}
        onChange={(event) => setAccrued(event.currentTarget.checked)}
      />
      <ActionButton
        action={placeAction(
          {
            isSell: !isBuying,
            shares: amount.units ?? 0n,
            priceWad: priceUnits,
            maxAccruedWad: hasAccrued ? priceUnits / MAX_ACCRUED_PARTS : 0n,
            lifeSec: BigInt(days) * DAY_SEC,
          },
          talk,
        )}
        disabled={amount.units === undefined || price.units === undefined}
        fullWidth
      >
        {words.later}
      </ActionButton>
    </>
  );
}
