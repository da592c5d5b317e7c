import { useAnswer } from "../../api.tsx";
import { shortHex } from "../../format.ts";

/** The token that rent, costs and bonds are paid in. */
export interface Money {
  readonly asset: string;
  readonly unit: string;
  readonly decimalCount: number;
}

/** The settlement token; undefined until it is known. */
export function useMoney(): Money | undefined {
  const summary = useAnswer("/v1/summary").data;
  const facility = useAnswer("/v1/facilities", { query: { limit: 1 } }).data?.items[0];
  if (summary === undefined) return undefined;
  const { asset, assetDecimalCount } = summary;
  const unit = facility?.asset === asset ? facility.assetSymbol : shortHex(asset);
  return { asset, unit, decimalCount: assetDecimalCount };
}
