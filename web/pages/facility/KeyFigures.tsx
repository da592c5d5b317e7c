import { Skeleton } from "@mantine/core";
import type { Facility } from "../../../server/protocol/api.ts";
import { useAnswer } from "../../api.tsx";
import { EvidenceText } from "../../components/Badges.tsx";
import { Figure, Figures } from "../../components/Figure.tsx";
import { Money } from "../../components/Money.tsx";
import { When } from "../../components/When.tsx";
import { countText, percentText, timeText, timesText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { facilityWords } from "../../words/facility.ts";

/** What an investor asks first. */
export function KeyFigures({ facility }: { facility: Facility }) {
  const words = useWords(facilityWords);
  const { language } = useLanguage();
  const { data: value, isLoading } = useAnswer("/v1/facilities/:address/value", {
    params: { address: facility.address },
  });
  const { covenants, dscrBps, coverageBps, nextPaymentAt, paymentCount } = facility;
  const ltvBps = value?.ltvBps ?? null;
  const senior = facility.classes.find(({ kind }) => kind === "Senior");
  const yieldBps = value?.classes.find(({ classIndex }) => classIndex === senior?.classIndex)?.scheduledYieldBps;
  const coupon = senior === undefined ? "—" : percentText(senior.couponBps, language);
  const navNoteOf = (): string | undefined => {
    if (isLoading) return undefined;
    if (value === undefined || value.computedAt === null) return words.navNone;
    const isUsable = value.isUsable && value.expiresAt !== null;
    return isUsable ? words.navUsable(timeText(value.expiresAt!, language)) : words.navStale;
  };
  return (
    <Figures perRow={4}>
      {isLoading ? (
        <Figure label={words.yield}>
          <Pending />
        </Figure>
      ) : yieldBps === undefined || yieldBps === null ? (
        <Figure label={words.couponOnly} note={words.couponNote}>
          {coupon}
        </Figure>
      ) : (
        <Figure label={words.yield} note={words.yieldNote(coupon)}>
          {percentText(yieldBps, language)}
        </Figure>
      )}
      <Figure label={words.nav} note={navNoteOf()} tone={value?.isUsable === false ? "warn" : undefined}>
        {isLoading ? (
          <Pending />
        ) : value === undefined || value.computedAt === null ? (
          "—"
        ) : (
          <Money assets={value.exitAssets} isShort />
        )}
      </Figure>
      <Figure
        label={words.dscr}
        note={covenants.trapDscrBps === 0 ? words.untested : words.dscrNote(timesText(covenants.trapDscrBps, language))}
        tone={dscrBps !== null && dscrBps < covenants.trapDscrBps ? "bad" : undefined}
      >
        {dscrBps === null ? "—" : timesText(dscrBps, language)}
      </Figure>
      <Figure
        label={words.ltv}
        note={covenants.maxLtvBps === 0 ? words.untested : words.ltvNote(percentText(covenants.maxLtvBps, language, 0))}
        tone={covenants.maxLtvBps > 0 && ltvBps !== null && ltvBps > covenants.maxLtvBps ? "bad" : undefined}
      >
        {isLoading ? <Pending /> : ltvBps === null ? "—" : percentText(ltvBps, language, 1)}
      </Figure>
      <Figure
        label={words.coverage}
        note={
          covenants.minCoverageBps === 0
            ? words.untested
            : words.coverageNote(percentText(covenants.minCoverageBps, language, 0))
        }
        tone={coverageBps !== null && coverageBps < covenants.minCoverageBps ? "bad" : undefined}
      >
        {coverageBps === null ? "—" : percentText(coverageBps, language)}
      </Figure>
      <Figure label={words.evidence} note={<EvidenceNote evidenceClass={facility.evidenceClass} />}>
        {facility.evidenceClass ?? "—"}
      </Figure>
      <Figure label={words.related} note={words.relatedNote}>
        {percentText(facility.relatedPartyBps, language, 1)}
      </Figure>
      {facility.trappedAssets === "0" ? (
        <Figure label={words.nextPayment} note={words.nextPaymentNote(countText(paymentCount, language))} isText>
          <When at={nextPaymentAt} isDateOnly />
        </Figure>
      ) : (
        <Figure label={words.trapped} note={words.trappedNote} tone="warn">
          <Money assets={facility.trappedAssets} isShort />
        </Figure>
      )}
    </Figures>
  );
}

/** A figure that is being asked. */
function Pending() {
  return <Skeleton component="span" display="inline-block" height={18} width={72} aria-busy="true" />;
}

function EvidenceNote({ evidenceClass }: { evidenceClass: number | null }) {
  return <EvidenceText evidenceClass={evidenceClass} isWordOnly />;
}
