import { SegmentedControl, SimpleGrid, Stack, Text } from "@mantine/core";
import { useMemo, useState } from "react";
import type { Facility } from "../../../server/protocol/api.ts";
import type { FacilityTelemetry } from "../../../server/protocol/apiValues.ts";
import { useAnswer } from "../../api.tsx";
import { Chart } from "../../components/Chart.tsx";
import { Figure, Figures } from "../../components/Figure.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { countText, percentText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { collateralWords } from "../../words/collateral.ts";
import { facilityWords } from "../../words/facility.ts";

const HOUR_SEC = 3600;
const PERCENT_BPS = 100;
const SPANS = {
  week: { hours: 7 * 24, step: "hour" },
  month: { hours: 30 * 24, step: "day" },
} as const;
type Span = keyof typeof SPANS;

/** What the pledged lots did lately. */
export function TelemetrySection({ facility: { address } }: { facility: Facility }) {
  const words = useWords(collateralWords);
  const [span, setSpan] = useState<Span>("week");
  const { hours, step } = SPANS[span];
  const lastEpoch = useAnswer("/v1/summary").data?.lastEpoch;
  const to = typeof lastEpoch === "string" ? Number(lastEpoch) : undefined;
  const telemetry = useAnswer(
    "/v1/facilities/:address/telemetry",
    to === undefined
      ? null
      : { params: { address }, query: { from: Math.max(0, to - hours + 1), to, step, limit: hours } },
  );
  return (
    <Section
      title={words.telemetry}
      lead={words.telemetryLead}
      actions={
        <SegmentedControl
          size="xs"
          aria-label={words.span}
          value={span}
          onChange={setSpan}
          data={[
            { value: "week", label: words.week },
            { value: "month", label: words.month },
          ]}
        />
      }
    >
      {lastEpoch === null ? (
        <Empty title={words.noTelemetry} />
      ) : (
        <Answered
          of={telemetry}
          isEmpty={({ items }) => items.length === 0}
          empty={<Empty title={words.noTelemetry} />}
        >
          {({ items }) => <Charts points={items} />}
        </Answered>
      )}
    </Section>
  );
}

function Charts({ points }: { points: FacilityTelemetry[] }) {
  const words = useWords(collateralWords);
  const { coverage } = useWords(facilityWords);
  const { language } = useLanguage();
  const { times, utilization, power } = useMemo(() => {
    const rising = points.toSorted((left, right) => Number(left.fromEpoch) - Number(right.fromEpoch));
    return {
      times: rising.map(({ fromEpoch }) => Number(fromEpoch) * HOUR_SEC),
      utilization: [
        {
          ...{ label: words.allocated, unit: "%", isFilled: true },
          values: rising.map(({ allocationBps }) => allocationBps / PERCENT_BPS),
        },
        { label: words.active, unit: "%", values: rising.map(({ smActiveBps }) => smActiveBps / PERCENT_BPS) },
      ],
      power: [
        {
          ...{ label: words.power, unit: "kW", isFilled: true },
          values: rising.map(({ averagePowerW }) => Number(averagePowerW) / 1000),
        },
      ],
    };
  }, [points, words]);
  const newest = points.reduce((last, one) => (Number(one.toEpoch) > Number(last.toEpoch) ? one : last));
  return (
    <Stack gap="md">
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <div>
          <Text size="sm" fw={600} mb={4}>
            {words.utilizationChart}
          </Text>
          <Chart label={words.utilizationChart} times={times} series={utilization} range={[0, 100]} />
        </div>
        <div>
          <Text size="sm" fw={600} mb={4}>
            {words.powerChart}
          </Text>
          <Chart label={words.powerChart} times={times} series={power} />
        </div>
      </SimpleGrid>
      <Figures>
        <Figure label={coverage}>{percentText(newest.coverageBps, language)}</Figure>
        <Figure label={words.pue}>{(newest.pueE4 / 10_000).toFixed(3)}</Figure>
        <Figure label={words.carbonFree}>{percentText(newest.cfeBps, language, 1)}</Figure>
        <Figure label={words.carbon}>
          {countText(newest.gCO2ePerKWh, language)}
          <span className="unit">gCO₂e/kWh</span>
        </Figure>
        <Figure label={words.efficiency}>{countText(newest.gpuHoursPerMWh, language)}</Figure>
      </Figures>
    </Stack>
  );
}
