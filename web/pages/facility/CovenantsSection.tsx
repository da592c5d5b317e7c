import type { Facility } from "../../../server/protocol/api.ts";
import { useAnswer } from "../../api.tsx";
import { DataTable, type Column } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { percentText, spanText, timesText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { facilityWords } from "../../words/facility.ts";

interface Test {
  name: string;
  limit: string;
  now: string;
  /** Undefined where it is not tested, or nothing is known. */
  holds: boolean | undefined;
}

/** What a facility must keep to, and whether it does. */
export function CovenantsSection({ facility }: { facility: Facility }) {
  const words = useWords(facilityWords);
  const { language } = useLanguage();
  const value = useAnswer("/v1/facilities/:address/value", { params: { address: facility.address } }).data;
  const { covenants, dscrBps, coverageBps } = facility;
  const ltvBps = value?.ltvBps ?? null;
  const times = (bps: number | null) => (bps === null ? "—" : timesText(bps, language));
  const percent = (bps: number | null) => (bps === null ? "—" : percentText(bps, language));
  const atLeast = (name: string, now: number | null, least: number, text: typeof times): Test => ({
    name,
    limit: least === 0 ? words.untested : `≥ ${text(least)}`,
    now: text(now),
    holds: least === 0 || now === null ? undefined : now >= least,
  });
  const tests: Test[] = [
    atLeast(words.trapTest, dscrBps, covenants.trapDscrBps, times),
    atLeast(words.amortiseTest, dscrBps, covenants.amortiseDscrBps, times),
    {
      name: words.ltvTest,
      limit: covenants.maxLtvBps === 0 ? words.untested : `≤ ${percent(covenants.maxLtvBps)}`,
      now: percent(ltvBps),
      holds: covenants.maxLtvBps === 0 || ltvBps === null ? undefined : ltvBps <= covenants.maxLtvBps,
    },
    atLeast(words.coverageTest, coverageBps, covenants.minCoverageBps, percent),
  ];
  const columns: Column<Test>[] = [
    { key: "name", title: words.covenant, cell: ({ name }) => name },
    { key: "limit", title: words.threshold, isFigure: true, cell: ({ limit }) => limit },
    { key: "now", title: words.now, isFigure: true, cell: ({ now }) => now },
    {
      key: "state",
      title: words.state,
      cell: ({ holds }) =>
        holds === undefined ? (
          "—"
        ) : (
          <span className={holds ? "good" : "bad"}>{holds ? words.holds : words.broken}</span>
        ),
    },
  ];
  const cure = spanText(covenants.covenantCureSec, language);
  return (
    <Section title={words.covenants} lead={`${words.covenantsLead} (${words.cure(cure)})`}>
      <DataTable caption={words.covenants} columns={columns} rows={tests} rowKey={({ name }) => name} />
    </Section>
  );
}
