import { Button, SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { Link } from "wouter";
import { useAnswer, useList } from "../../api.tsx";
import { Figure, Figures } from "../../components/Figure.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { countText, epochText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { useWallet } from "../../wallet.tsx";
import { fleetWords } from "../../words/fleet.ts";
import { AlertsPart } from "./AlertsPart.tsx";
import { BondsPart } from "./BondsPart.tsx";
import { LotsPart } from "./LotsPart.tsx";
import { NodesPart } from "./NodesPart.tsx";
import { SitesPart } from "./SitesPart.tsx";
import { TelemetryPart } from "./TelemetryPart.tsx";
import { useWhose } from "./whose.ts";

/** An operator's hardware: what it is, what it reports, and what calls for attention. */
export default function FleetPage() {
  const words = useWords(fleetWords);
  const { account } = useWallet();
  const { isMine, operator, choose } = useWhose();
  const [chosenLotId, chooseLot] = useState<string>();
  const query = { operator, limit: 200 };
  const lots = useList("/v1/lots", "after", { query });
  const sites = useList("/v1/sites", "after", { query });
  const alerts = useList("/v1/alerts", "after", { query });
  const lotId = chosenLotId ?? lots.data?.find(({ isRetired }) => !isRetired)?.lotId;
  const register = (
    <Button component={Link} href="/operator/register">
      {words.register}
    </Button>
  );
  return (
    <>
      <PageHead
        title={words.title}
        lead={words.lead}
        actions={
          <>
            {account !== undefined && (
              <SegmentedControl
                size="xs"
                aria-label={words.whose}
                value={isMine ? "mine" : "everyone"}
                onChange={(value) => choose(value === "mine")}
                data={[
                  { value: "mine", label: words.mine },
                  { value: "everyone", label: words.everyone },
                ]}
              />
            )}
            {register}
          </>
        }
      />
      <Answered
        of={lots}
        empty={
          <Section title={words.lotsTitle}>
            <Empty title={words.noLots}>{isMine ? words.noLotsHint : words.noLotsAnyone}</Empty>
          </Section>
        }
      >
        {(list) => (
          <>
            <Overview
              operator={operator}
              lotCount={list.length}
              gpuCount={list.reduce((sum, { gpuCount, isRetired }) => sum + (isRetired ? 0 : gpuCount), 0)}
              siteCount={sites.data?.length}
              alertCount={alerts.data?.length}
            />
            <AlertsPart alerts={alerts} />
            <LotsPart lots={lots} query={query} chosenLotId={lotId} onChoose={chooseLot} />
            {lotId !== undefined && <TelemetryPart key={lotId} lotId={lotId} />}
            <NodesPart operator={operator} />
            <BondsPart operator={operator} />
          </>
        )}
      </Answered>
      <SitesPart sites={sites} query={query} />
    </>
  );
}

interface OverviewProps {
  operator: string | undefined;
  lotCount: number;
  gpuCount: number;
  siteCount: number | undefined;
  alertCount: number | undefined;
}

function Overview({ operator, lotCount, gpuCount, siteCount, alertCount }: OverviewProps) {
  const words = useWords(fleetWords);
  const { language } = useLanguage();
  const missing = useList("/v1/nodes", "after", { query: { operator, isMissing: "true", limit: 200 } });
  const summary = useAnswer("/v1/summary").data;
  const count = (value: number | undefined) => (value === undefined ? "…" : countText(value, language));
  const missingCount = missing.data?.length;
  const hour = summary?.lastEpoch ?? undefined;
  return (
    <div style={{ marginBottom: "var(--mantine-spacing-xl)" }}>
      <Figures>
        <Figure label={words.sites}>{count(siteCount)}</Figure>
        <Figure label={words.lots}>{count(lotCount)}</Figure>
        <Figure label={words.gpus}>{count(gpuCount)}</Figure>
        <Figure
          label={words.missingNodes}
          tone={missingCount === undefined ? undefined : missingCount > 0 ? "bad" : "good"}
          note={
            hour === undefined || missingCount === undefined
              ? undefined
              : (missingCount > 0 ? words.missingNote : words.allReported)(epochText(hour, language))
          }
        >
          {count(missingCount)}
          {missing.hasMore ? "+" : ""}
        </Figure>
        <Figure label={words.openAlerts} tone={alertCount !== undefined && alertCount > 0 ? "warn" : undefined}>
          {count(alertCount)}
        </Figure>
      </Figures>
    </div>
  );
}
