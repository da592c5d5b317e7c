import { useMemo } from "react";
import type { Facility } from "../../../server/protocol/api.ts";
import type { Appraisal } from "../../../server/protocol/apiValues.ts";
import { useAnswer } from "../../api.tsx";
import { Chart } from "../../components/Chart.tsx";
import { useMoney } from "../../components/Money.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { useWords } from "../../language.tsx";
import { facilityWords } from "../../words/facility.ts";

/** What a share of each class was worth at each appraisal. */
export function PricesSection({ facility }: { facility: Facility }) {
  const words = useWords(facilityWords);
  const { address } = facility;
  const appraisals = useAnswer("/v1/facilities/:address/appraisals", { params: { address }, query: { limit: 200 } });
  return (
    <Section title={words.prices} lead={words.pricesLead}>
      <Answered of={appraisals} isEmpty={({ items }) => items.length === 0} empty={<Empty title={words.noPrices} />}>
        {({ items }) => <PriceChart facility={facility} appraisals={items} />}
      </Answered>
    </Section>
  );
}

function PriceChart({ facility, appraisals }: { facility: Facility; appraisals: Appraisal[] }) {
  const words = useWords(facilityWords);
  const { unit } = useMoney();
  const { times, series } = useMemo(() => {
    const rising = [...new Map(appraisals.toReversed().map((one) => [Number(one.at), one])).entries()];
    const priceAt = (one: Appraisal, classIndex: number) => {
      const wad = one.classes.find((candidate) => candidate.classIndex === classIndex)?.exitPriceWad ?? null;
      return wad === null ? null : Number(wad) / 1e18;
    };
    return {
      times: rising.map(([at]) => at),
      series: facility.classes.map(({ classIndex, symbol }) => ({
        label: symbol,
        unit,
        values: rising.map(([, one]) => priceAt(one, classIndex)),
      })),
    };
  }, [appraisals, facility.classes, unit]);
  return <Chart label={words.prices} times={times} series={series} height={200} />;
}
