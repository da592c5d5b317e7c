import { Stack } from "@mantine/core";
import { useMemo } from "react";
import type { LotMeterRecord } from "../../../server/protocol/api.ts";
import { hrefOf, useAnswer, useList } from "../../api.tsx";
import { Chart } from "../../components/Chart.tsx";
import { CsvLink } from "../../components/DataTable.tsx";
import { Figure, Figures } from "../../components/Figure.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { countText, epochText, percentText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { fleetWords } from "../../words/fleet.ts";
import { hoursOf } from "./hours.ts";

/** A week of hours and the one before the first, to subtract. */
const SHOWN_HOURS = 169;
const E4 = 10_000;

/** What a lot reports hour by hour, as it comes in. */
export function TelemetryPart({ lotId }: { lotId: string }) {
  const words = useWords(fleetWords);
  const lastEpoch = useAnswer("/v1/summary").data?.lastEpoch;
  const asked =
    lastEpoch === undefined || lastEpoch === null
      ? null
      : {
          params: { lotId },
          query: { limit: 200, from: String(BigInt(lastEpoch) - BigInt(SHOWN_HOURS) + 1n), to: lastEpoch },
        };
  const meters = useList("/v1/lots/:lotId/meters", "after", asked);
  const isNever = lastEpoch === null;
  return (
    <Section
      title={words.telemetryTitle(lotId)}
      lead={words.telemetryLead}
      isBare
      {...(asked === null ? {} : { actions: <CsvLink href={hrefOf("/v1/lots/:lotId/meters", asked)} /> })}
    >
      {isNever ? (
        <NoMeter />
      ) : (
        <Answered of={meters} empty={<NoMeter />}>
          {(records) => <Hours lotId={lotId} records={records} />}
        </Answered>
      )}
    </Section>
  );
}

function NoMeter() {
  const words = useWords(fleetWords);
  return (
    <div className="surface">
      <Empty title={words.noMeter}>{words.noMeterHint}</Empty>
    </div>
  );
}

function Hours({ lotId, records }: { lotId: string; records: LotMeterRecord[] }) {
  const words = useWords(fleetWords);
  const { language } = useLanguage();
  const hours = useMemo(() => hoursOf(records), [records]);
  const charts = useMemo(() => {
    const shown = hours.filter(({ itKW }) => itKW !== null);
    return {
      times: shown.map(({ at }) => at),
      utilization: [
        { label: words.allocated, unit: "%", values: shown.map((hour) => hour.allocatedPercent), isFilled: true },
        { label: words.smActive, unit: "%", values: shown.map((hour) => hour.smActivePercent) },
      ],
      powerRange: [0, 1.05 * Math.max(...shown.map(({ facilityKW }) => facilityKW ?? 0))] as [number, number],
      power: [
        { label: words.facilityPower, unit: "kW", values: shown.map(({ facilityKW }) => facilityKW) },
        { label: words.power, unit: "kW", values: shown.map(({ itKW }) => itKW), isFilled: true },
        { label: words.gpuPower, unit: "kW", values: shown.map(({ gpuKW }) => gpuKW) },
      ],
    };
  }, [hours, words]);
  const newest = records.at(-1)!;
  const newestFinal = records.findLast(({ state }) => state === "Final");
  const states = { Final: words.final, Submitted: words.submitted, Skipped: words.skipped };
  const { meter, ratios } = newest;
  const isWhole = meter.reportingCount === meter.gpuCount;
  return (
    <Stack gap="sm" data-testid="telemetry">
      <Figures perRow={6}>
        <Figure label={words.newestHour} note={states[newest.state]} isText>
          {epochText(newest.epoch, language)}
        </Figure>
        <Figure label={words.untilFinal} tone={newestFinal === undefined ? undefined : "good"} isText>
          <span data-testid="newest-final">
            {newestFinal === undefined ? "—" : epochText(newestFinal.epoch, language)}
          </span>
        </Figure>
        <Figure label={words.reporting} tone={isWhole ? "good" : "bad"}>
          {words.reportingOf(countText(meter.reportingCount, language), countText(meter.gpuCount, language))}
        </Figure>
        <Figure label={words.allocated}>{percentText(ratios.allocationBps, language, 1)}</Figure>
        <Figure label={words.smActive}>{percentText(ratios.smActiveBps, language, 1)}</Figure>
        <Figure label={words.pue}>{ratios.pueE4 === 0 ? "—" : (ratios.pueE4 / E4).toFixed(2)}</Figure>
      </Figures>
      {charts.times.length > 1 && (
        <>
          <div className="surface" style={{ padding: "14px 16px" }}>
            <Chart
              label={words.utilizationChart(lotId)}
              times={charts.times}
              series={charts.utilization}
              range={[0, 100]}
            />
          </div>
          <div className="surface" style={{ padding: "14px 16px" }}>
            <Chart
              label={words.powerChart(lotId)}
              times={charts.times}
              series={charts.power}
              range={charts.powerRange}
              height={180}
            />
          </div>
        </>
      )}
    </Stack>
  );
}
