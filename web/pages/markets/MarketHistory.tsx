import { SimpleGrid } from "@mantine/core";
import type { MarketPoint } from "../../../server/protocol/apiMarkets.ts";
import { useList } from "../../api.tsx";
import { Chart } from "../../components/Chart.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered } from "../../components/States.tsx";
import { useWords } from "../../language.tsx";
import { marketsWords } from "../../words/markets.ts";

/** How a market's rate and utilization moved, newest accruals. */
export function MarketHistory({ id }: { id: string }) {
  const words = useWords(marketsWords);
  const points = useList("/v1/markets/:id/history", "before", { params: { id }, query: { limit: 200 } });
  return (
    <Section title={words.history} lead={words.historyLead}>
      <Answered of={points}>
        {(newestFirst) => {
          const rising = newestFirst.toReversed();
          const times = rising.map(({ accruedAt }) => Number(accruedAt));
          const line = (label: string, bpsOf: (point: MarketPoint) => number) => [
            { label, unit: "%", values: rising.map((point) => bpsOf(point) / 100), isStepped: true },
          ];
          return (
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              <Chart
                label={words.borrowRate}
                times={times}
                series={line(words.borrowRate, ({ borrowRateBps }) => borrowRateBps)}
                height={190}
              />
              <Chart
                label={words.utilization}
                times={times}
                series={line(words.utilization, ({ utilizationBps }) => utilizationBps)}
                height={190}
                range={[0, 100]}
              />
            </SimpleGrid>
          );
        }}
      </Answered>
    </Section>
  );
}
