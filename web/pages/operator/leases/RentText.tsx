import type { Lease } from "../../../../server/protocol/apiLeases.ts";
import { Amount } from "../../../components/Amount.tsx";
import { percentText } from "../../../format.ts";
import { useLanguage, useWords } from "../../../language.tsx";
import { leasesWords } from "../../../words/leases.ts";
import type { Money } from "../money.ts";

type Priced = Pick<Lease, "pricing" | "baseRentAssets" | "gpuHourRateAssets"> & {
  index: Pick<Lease["index"], "participationBps">;
};

/** What is paid for a lease, in a line. */
export function RentText({ terms, money }: { terms: Priced; money: Money }) {
  const words = useWords(leasesWords);
  const { language } = useLanguage();
  switch (terms.pricing) {
    case "TakeOrPay":
      return (
        <>
          <Amount assets={terms.baseRentAssets} {...money} /> <span className="unit">{words.aMonth}</span>
        </>
      );
    case "Metered":
      return (
        <>
          <Amount assets={terms.gpuHourRateAssets} {...money} digitCount={4} />{" "}
          <span className="unit">{words.anHour}</span>
        </>
      );
    case "IndexLinked":
      return words.ofIndex(percentText(terms.index.participationBps, language, 0));
  }
}
