import { useMemo, type ReactNode } from "react";
import type { MoneyUnit } from "../../components/Money.tsx";
import { Amount } from "../../components/Amount.tsx";
import { When } from "../../components/When.tsx";
import { percentText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { fieldWords } from "../../words/field.ts";
import { tradeWords } from "../../words/trade.ts";

/** A class that is traded: its token, what it is called, and what it is settled in. */
export interface TradedClass {
  token: string;
  symbol: string;
  name: string;
  asset: string;
  coin: MoneyUnit;
}

/** What trading's components and actions speak with. */
export interface TradeTalk {
  words: (typeof tradeWords)["en"];
  field: (typeof fieldWords)["en"];
  of: TradedClass;
  cash: (assets: bigint) => ReactNode;
  shares: (shares: bigint) => ReactNode;
  price: (wad: bigint) => ReactNode;
  percent: (bps: bigint) => string;
  when: (at: bigint) => ReactNode;
}

export const WAD_DECIMALS = 18;

/** The talk of one class. */
export function useTradeTalk(of: TradedClass): TradeTalk {
  const words = useWords(tradeWords) as TradeTalk["words"];
  const field = useWords(fieldWords) as TradeTalk["field"];
  const { language } = useLanguage();
  return useMemo(() => {
    const { decimalCount, unit } = of.coin;
    return {
      ...{ words, field, of },
      cash: (assets) => <Amount assets={assets} decimalCount={decimalCount} unit={unit} />,
      shares: (shares) => <Amount assets={shares} decimalCount={decimalCount} unit={of.symbol} />,
      price: (wad) => <Amount assets={wad} decimalCount={WAD_DECIMALS} unit={unit} digitCount={4} />,
      percent: (bps) => percentText(bps, language),
      when: (at) => <When at={at} />,
    };
  }, [words, field, of, language]);
}
