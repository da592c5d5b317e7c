import { amountShort, amountText } from "../format.ts";
import { useLanguage } from "../language.tsx";

interface AmountProps {
  /** Base units of the token. */
  assets: bigint | string;
  decimalCount: number;
  /** The token's symbol. */
  unit: string;
  digitCount?: number;
  /** 1.2M in the exact figure's stead, which the title keeps. */
  isShort?: boolean;
}

/** An amount of a token, with its unit. */
export function Amount({ assets, decimalCount, unit, digitCount = 2, isShort = false }: AmountProps) {
  const { language } = useLanguage();
  const exact = amountText(assets, decimalCount, language, decimalCount);
  const shown = isShort
    ? amountShort(assets, decimalCount, language)
    : amountText(assets, decimalCount, language, digitCount);
  return (
    <span className="figures" title={`${exact} ${unit}`} style={{ whiteSpace: "nowrap" }}>
      {shown}
      <span className="unit">{unit}</span>
    </span>
  );
}
