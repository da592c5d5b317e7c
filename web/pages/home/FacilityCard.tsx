import { Group, SimpleGrid, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Facility } from "../../../server/protocol/api.ts";
import { StateBadge } from "../../components/Badges.tsx";
import { InMoney, Money } from "../../components/Money.tsx";
import { When } from "../../components/When.tsx";
import { countText, percentText, timesText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { homeWords } from "../../words/home.ts";

/** A facility in short. */
export function FacilityCard({ facility }: { facility: Facility }) {
  const words = useWords(homeWords);
  const { language } = useLanguage();
  const { covenants, dscrBps, classes, nextPaymentAt } = facility;
  const senior = classes.find(({ kind }) => kind === "Senior");
  const owed = classes.reduce((sum, { outstandingAssets }) => sum + BigInt(outstandingAssets), 0n);
  const isTight = dscrBps !== null && dscrBps < covenants.trapDscrBps;
  return (
    <InMoney of={{ decimalCount: facility.assetDecimalCount, unit: facility.assetSymbol }}>
      <Link href={`/facilities/${facility.address}`} className="surface card">
        <Stack gap="md">
          <Group justify="space-between" wrap="nowrap" align="flex-start">
            <div>
              <Text fw={600} fz="lg" lh={1.3}>
                {facility.name}
              </Text>
              <Text size="sm" c="dimmed">
                {words.lotsAndGpus(facility.lotIds.length, countText(facility.gpuCount, language))}
              </Text>
            </div>
            <StateBadge state={facility.state} />
          </Group>
          <SimpleGrid cols={{ base: 2, xs: 3 }} spacing="md" verticalSpacing="sm" component="dl" m={0}>
            <Fact label={words.coupon}>{senior === undefined ? "—" : percentText(senior.couponBps, language)}</Fact>
            <Fact label={words.outstanding}>
              <Money assets={owed} isShort />
            </Fact>
            <Fact label={words.dscr} tone={isTight ? "bad" : undefined}>
              {dscrBps === null ? "—" : timesText(dscrBps, language)}
            </Fact>
            <Fact label={words.evidence}>{facility.evidenceClass ?? "—"}</Fact>
            <Fact label={words.related}>{percentText(facility.relatedPartyBps, language, 1)}</Fact>
            <Fact label={words.nextPayment}>
              {nextPaymentAt === null ? words.noneDue : <When at={nextPaymentAt} isDateOnly />}
            </Fact>
          </SimpleGrid>
        </Stack>
      </Link>
    </InMoney>
  );
}

function Fact({ label, tone, children }: { label: string; tone?: "bad" | undefined; children: ReactNode }) {
  return (
    <div>
      <Text component="dt" size="xs" c="dimmed">
        {label}
      </Text>
      <Text component="dd" m={0} fw={600} className={`figures ${tone ?? ""}`}>
        {children}
      </Text>
    </div>
  );
}
