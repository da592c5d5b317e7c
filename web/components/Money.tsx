import { createContext, use, type ReactNode } from "react";
import { Amount } from "./Amount.tsx";

/** The token that amounts of one part of a page are in. */
export interface MoneyUnit {
  decimalCount: number;
  unit: string;
}

const MoneyContext = createContext<MoneyUnit | undefined>(undefined);

/** Amounts inside are in this token. */
export function InMoney({ of: { decimalCount, unit }, children }: { of: MoneyUnit; children: ReactNode }) {
  return <MoneyContext value={{ decimalCount, unit }}>{children}</MoneyContext>;
}

/** The token that amounts here are in. */
export function useMoney(): MoneyUnit {
  const unit = use(MoneyContext);
  if (unit === undefined) throw new Error("Money outside of InMoney");
  return unit;
}

interface MoneyProps {
  /** Base units; null where nothing is known. */
  assets: bigint | string | null;
  isShort?: boolean;
  digitCount?: number;
}

/** An amount in the token of this part of the page. */
export function Money({ assets, ...look }: MoneyProps) {
  const { decimalCount, unit } = useMoney();
  return assets === null ? (
    <span>—</span>
  ) : (
    <Amount assets={assets} decimalCount={decimalCount} unit={unit} {...look} />
  );
}
