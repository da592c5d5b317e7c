import { SimpleGrid, Text } from "@mantine/core";
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

/** Each asks the chain of its own block. */
const APPRAISAL_COUNT = 45;

/** What a share of each class was worth at each appraisal. */
export function PricesSection({ facility }: { facility: Facility }) {
  const words = useWords(facilityWords);
  const { address } = facility;
  const appraisals = useAnswer("/v1/facilities/:address/values", {
    params: { address },
    query: { limit: APPRAISAL_COUNT },
  });
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
  const { decimalCount, unit } = useMoney();
  const { times, prices, worth } = useMemo(() => {
    const rising = [...new Map(appraisals.toReversed().map((one) => [Number(one.at), one])).entries()];
    const priceAt = (one: Appraisal, classIndex: number) => {
      const wad = one.classes.find((candidate) => candidate.classIndex === classIndex)?.exitPriceWad ?? null;
      return wad === null ? null : Number(wad) / 1e18;
    };
    const assetsOf = (read: (one: Appraisal) => string) =>
      rising.map(([, one]) => Number(read(one)) / 10 ** decimalCount);
    return {
      times: rising.map(([at]) => at),
      prices: facility.classes
        .map(({ classIndex, symbol }) => ({
          ...{ label: symbol, unit, isStepped: true },
          values: rising.map(([, one]) => priceAt(one, classIndex)),
        }))
        .filter(({ values }) => values.some((value) => value !== null)),
      worth: [
        {
          ...{ label: words.lotsExit, unit, isFilled: true, isStepped: true },
          values: assetsOf((one) => one.lotExitAssets),
        },
        { label: words.hardwareAside, unit, isStepped: true, values: assetsOf((one) => one.hardwareAssets) },
        { label: words.contractedAside, unit, isStepped: true, values: assetsOf((one) => one.contractedAssets) },
      ],
    };
  }, [appraisals, facility.classes, decimalCount, unit, words]);
  return (
    <SimpleGrid cols={{ base: 1, md: prices.length > 0 ? 2 : 1 }}>
      {prices.length > 0 && (
        <div>
          <Text size="sm" fw={600} mb={4}>
            {words.exitPrice}
          </Text>
          <Chart label={words.exitPrice} times={times} series={prices} height={200} />
        </div>
      )}
      <div>
        <Text size="sm" fw={600} mb={4}>
          {words.lotsPart}
        </Text>
        <Chart label={words.lotsPart} times={times} series={worth} height={200} />
      </div>
    </SimpleGrid>
  );
}
