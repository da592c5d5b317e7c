import { useMemo } from "react";
import type { Facility } from "../server/protocol/api.ts";
import { useList } from "./api.tsx";
import type { MoneyUnit } from "./components/Money.tsx";

const UNKNOWN: MoneyUnit = { unit: "", decimalCount: 6 };

/** What facilities are settled in, by the token's address; and each class's facility, by the class's token. */
export interface Coins {
  coinOf: (asset: string | undefined) => MoneyUnit;
  facilityOf: (classToken: string | undefined) => Facility | undefined;
  facilities: Facility[] | undefined;
}

/** The facilities and the tokens they are settled in. Their shares have the decimals of the token. */
export function useCoins(): Coins {
  const { data: facilities } = useList("/v1/facilities", "after", { query: { limit: 200 } });
  return useMemo(() => {
    const coins = new Map<string, MoneyUnit>();
    const byClass = new Map<string, Facility>();
    for (const facility of facilities ?? []) {
      const { asset, assetSymbol, assetDecimalCount } = facility;
      coins.set(asset.toLowerCase(), { unit: assetSymbol, decimalCount: assetDecimalCount });
      for (const { token } of facility.classes) byClass.set(token.toLowerCase(), facility);
    }
    return {
      facilities,
      coinOf: (asset) => coins.get(asset?.toLowerCase() ?? "") ?? [...coins.values()][0] ?? UNKNOWN,
      facilityOf: (token) => byClass.get(token?.toLowerCase() ?? ""),
    };
  }, [facilities]);
}
