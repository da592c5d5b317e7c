import { useMemo, type ReactNode } from "react";
import { PRICE_SCALE, type MarketHealth } from "../../../server/model/market.ts";
import { WAD } from "../../../server/protocol/units.ts";
import { useCoins } from "../../coins.ts";
import type { MoneyUnit } from "../../components/Money.tsx";
import { Amount } from "../../components/Amount.tsx";
import { amountText, percentText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { fieldWords } from "../../words/field.ts";
import { marketsWords } from "../../words/markets.ts";

// How the figures of a market are said: its words, its coin, and each kind of figure as text.

export const PRICE_DECIMALS = PRICE_SCALE.toString().length - 1;
const WAD_DECIMALS = WAD.toString().length - 1;

/** A health above which nothing is said, and under which a small move liquidates. */
const CALM_WAD = (WAD * 130n) / 100n;
const TIGHT_WAD = (WAD * 110n) / 100n;

/** How near a position is to its liquidation; undefined: far, or without debt. */
export function toneOf({ healthWad }: Pick<MarketHealth, "healthWad">): "warn" | "bad" | undefined {
  if (healthWad === null || healthWad >= CALM_WAD) return undefined;
  return healthWad >= TIGHT_WAD ? "warn" : "bad";
}

/** What the components and actions of one market speak with. */
export interface MarketTalk {
  words: (typeof marketsWords)["en"];
  field: (typeof fieldWords)["en"];
  coin: MoneyUnit;
  symbol: string;
  cash: (assets: bigint) => ReactNode;
  short: (assets: bigint) => ReactNode;
  shares: (shares: bigint) => ReactNode;
  price: (price: bigint | null) => ReactNode;
  health: (health: Pick<MarketHealth, "healthWad" | "owedAssets">) => string;
  ratio: (wad: bigint) => string;
}

/** The talk of a market whose loan token and collateral these are. */
export function useMarketTalk(loanToken: string | undefined, symbol: string): MarketTalk {
  const words = useWords(marketsWords) as MarketTalk["words"];
  const field = useWords(fieldWords) as MarketTalk["field"];
  const { language } = useLanguage();
  const { coinOf } = useCoins();
  const coin = coinOf(loanToken);
  return useMemo(() => {
    const { decimalCount, unit } = coin;
    return {
      ...{ words, field, coin, symbol },
      cash: (assets) => <Amount assets={assets} decimalCount={decimalCount} unit={unit} />,
      short: (assets) => <Amount assets={assets} decimalCount={decimalCount} unit={unit} isShort />,
      shares: (shares) => <Amount assets={shares} decimalCount={decimalCount} unit={symbol} />,
      price: (price) =>
        price === null ? "—" : <Amount assets={price} decimalCount={PRICE_DECIMALS} unit={unit} digitCount={4} />,
      health: ({ healthWad, owedAssets }) =>
        owedAssets === 0n
          ? words.noDebt
          : healthWad === null
            ? words.noPrice
            : amountText(healthWad, WAD_DECIMALS, language),
      ratio: (wad) => percentText(wad / 10n ** 14n, language, 1),
    };
  }, [words, field, coin, symbol, language]);
}
