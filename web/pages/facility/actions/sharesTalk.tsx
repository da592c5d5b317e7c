import { useMemo, type ReactNode } from "react";
import type { MoneyUnit } from "../../../components/Money.tsx";
import { Amount } from "../../../components/Amount.tsx";
import { percentText } from "../../../format.ts";
import { useLanguage, useWords } from "../../../language.tsx";
import { fieldWords } from "../../../words/field.ts";
import { sharesWords } from "../../../words/shares.ts";

/** What actions on shares speak with. */
export interface SharesTalk {
  words: (typeof sharesWords)["en"];
  field: (typeof fieldWords)["en"];
  coin: MoneyUnit;
  amount: (units: bigint, unit: string) => ReactNode;
  part: (of: bigint, whole: bigint) => string;
}

/** Words and figures of shares that are settled in a coin. */
export function useSharesTalk(coin: MoneyUnit): SharesTalk {
  const words = useWords(sharesWords) as SharesTalk["words"];
  const field = useWords(fieldWords) as SharesTalk["field"];
  const { language } = useLanguage();
  const { unit, decimalCount } = coin;
  return useMemo(
    () => ({
      ...{ words, field, coin: { unit, decimalCount } },
      amount: (units, of) => <Amount assets={units} decimalCount={decimalCount} unit={of} />,
      part: (of, whole) => percentText(whole === 0n ? 0n : (of * 10_000n) / whole, language),
    }),
    [words, field, unit, decimalCount, language],
  );
}
