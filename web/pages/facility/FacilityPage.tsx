import { Alert, Anchor, Box, Group, Tabs, Text } from "@mantine/core";
import { useParams } from "wouter";
import { useHashLocation } from "wouter/use-hash-location";
import type { Facility } from "../../../server/protocol/api.ts";
import { useAnswer } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { StateBadge } from "../../components/Badges.tsx";
import { InMoney } from "../../components/Money.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Answered } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { countText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { collateralWords } from "../../words/collateral.ts";
import { dealWords } from "../../words/deal.ts";
import { facilityWords } from "../../words/facility.ts";
import { homeWords } from "../../words/home.ts";
import { OwnShares } from "./actions/OwnShares.tsx";
import { SubscribePanel } from "./actions/SubscribePanel.tsx";
import { CollateralTab } from "./CollateralTab.tsx";
import { HoldersTab } from "./HoldersTab.tsx";
import { KeyFigures } from "./KeyFigures.tsx";
import { OverviewTab } from "./OverviewTab.tsx";
import { PaymentsTab } from "./PaymentsTab.tsx";
import { ReportsTab } from "./ReportsTab.tsx";

const TABS = [
  ["overview", OverviewTab],
  ["payments", PaymentsTab],
  ["collateral", CollateralTab],
  ["holders", HoldersTab],
  ["reports", ReportsTab],
] as const;

/** One facility, for who invests in it. */
export default function FacilityPage() {
  const home = useWords(homeWords);
  const { address = "" } = useParams();
  const facility = useAnswer("/v1/facilities/:address", { params: { address } });
  return (
    <>
      {facility.data === undefined && <PageHead title={home.facilities} />}
      <Answered of={facility}>{(shown) => <Shown facility={shown} />}</Answered>
    </>
  );
}

function Shown({ facility }: { facility: Facility }) {
  const words = useWords(facilityWords);
  const { language } = useLanguage();
  const [hash, navigate] = useHashLocation();
  const tab = TABS.find(([name]) => hash === `/${name}`)?.[0] ?? "overview";
  return (
    <InMoney of={{ decimalCount: facility.assetDecimalCount, unit: facility.assetSymbol }}>
      <PageHead
        title={facility.name}
        above={<StateBadge state={facility.state} />}
        lead={
          <Group gap="xs" style={{ rowGap: 0 }}>
            <span>{words.lots(facility.lotIds.length, countText(facility.gpuCount, language))}</span>
            <span>
              · {words.address} <AddressText value={facility.address} />
            </span>
            <span>
              · {words.sponsor} <AddressText value={facility.sponsor} />
            </span>
          </Group>
        }
      />
      <Breaches facility={facility} />
      <Box mb="xl">
        <KeyFigures facility={facility} />
      </Box>
      <SubscribePanel facility={facility} />
      <OwnShares facility={facility} />
      <Tabs value={tab} onChange={(chosen) => navigate(`/${chosen ?? "overview"}`)} keepMounted={false}>
        <div className="scrolls">
          <Tabs.List mb="lg" aria-label={words.tabs} style={{ flexWrap: "nowrap" }}>
            {TABS.map(([name]) => (
              <Tabs.Tab key={name} value={name}>
                {words[name]}
              </Tabs.Tab>
            ))}
          </Tabs.List>
        </div>
        {TABS.map(([name, Tab]) => (
          <Tabs.Panel key={name} value={name}>
            <Tab facility={facility} />
          </Tabs.Panel>
        ))}
      </Tabs>
    </InMoney>
  );
}

function Breaches({ facility: { breaches, state } }: { facility: Facility }) {
  const words = useWords(facilityWords);
  const collateral = useWords(collateralWords);
  const deal = useWords(dealWords);
  return breaches.map(({ trigger, subjectId, openedAt }) => (
    <Alert
      key={`${trigger} ${subjectId}`}
      color="red"
      variant="light"
      mb="sm"
      title={words.breach(deal.trigger[trigger])}
    >
      <Text size="sm">
        {words.breachSince} <When at={openedAt} />
        {subjectId !== "0" && (
          <>
            {" · "}
            <Anchor href="#/collateral" inherit>
              {collateral.lot} {subjectId}
            </Anchor>
          </>
        )}
        {" · "}
        {deal.stateHint[state]}
      </Text>
    </Alert>
  ));
}
