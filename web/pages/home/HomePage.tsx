import { SimpleGrid } from "@mantine/core";
import type { Summary } from "../../../server/protocol/api.ts";
import { useAnswer, useList } from "../../api.tsx";
import { Figure, Figures } from "../../components/Figure.tsx";
import { InMoney, Money } from "../../components/Money.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { countText, epochText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { homeWords } from "../../words/home.ts";
import { EpochTable } from "./EpochTable.tsx";
import { FacilityCard } from "./FacilityCard.tsx";
import { PathOfAnHour } from "./PathOfAnHour.tsx";

/** Totals, facilities and the newest hours. */
export default function HomePage() {
  const words = useWords(homeWords);
  const summary = useAnswer("/v1/summary");
  const facilities = useList("/v1/facilities", "after");
  return (
    <>
      <PageHead title={words.title} lead={words.lead} />
      <Section title={words.facilities} lead={words.facilitiesLead} isBare>
        <Answered of={facilities} empty={<Empty title={words.noFacility}>{words.noFacilityHint}</Empty>}>
          {(items) => (
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              {items.map((facility) => (
                <FacilityCard key={facility.address} facility={facility} />
              ))}
            </SimpleGrid>
          )}
        </Answered>
      </Section>
      <Section title={words.totals} lead={words.totalsLead} isBare>
        <Answered of={summary}>
          {(totals) => <Totals totals={totals} symbol={facilities.data?.[0]?.assetSymbol} />}
        </Answered>
      </Section>
      <PathOfAnHour />
      <EpochTable />
    </>
  );
}

function Totals({ totals, symbol }: { totals: Summary; symbol: string | undefined }) {
  const words = useWords(homeWords);
  const { language } = useLanguage();
  const { cash } = totals;
  return (
    <InMoney of={{ decimalCount: totals.assetDecimalCount, unit: symbol ?? "" }}>
      <Figures>
        <Figure label={words.gpus} note={words.gpusNote}>
          {countText(totals.gpuCount, language)}
        </Figure>
        <Figure label={words.received} note={words.receivedNote(countText(totals.months, language))}>
          <Money assets={cash.received} isShort />
        </Figure>
        <Figure label={words.paidOut} note={words.paidOutNote}>
          <Money assets={BigInt(cash.claimed) + BigInt(cash.claimable)} isShort />
        </Figure>
        <Figure label={words.reserve} note={words.reserveNote}>
          <Money assets={cash.reserve} isShort />
        </Figure>
        <Figure label={words.finalHour} note={words.finalNote} isText>
          {totals.finalEpoch === null ? "—" : epochText(totals.finalEpoch, language)}
        </Figure>
      </Figures>
    </InMoney>
  );
}
