import type { Facility, LotDetail } from "../../../server/protocol/api.ts";
import type { Lease, Receivable } from "../../../server/protocol/apiLeases.ts";
import { hrefOf, useList } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { EvidenceText } from "../../components/Badges.tsx";
import { DataTable, type Column } from "../../components/DataTable.tsx";
import { Money } from "../../components/Money.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { countText, spanText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { collateralWords } from "../../words/collateral.ts";
import { dealWords } from "../../words/deal.ts";
import { facilityWords } from "../../words/facility.ts";
import { TelemetrySection } from "./TelemetrySection.tsx";

/** What stands behind a facility: lots, what they do, who rents them and what is owed. */
export function CollateralTab({ facility }: { facility: Facility }) {
  return (
    <>
      <TelemetrySection facility={facility} />
      <LotsSection facility={facility} />
      <LeasesSection facility={facility} />
      <ReceivablesSection facility={facility} />
    </>
  );
}

function LotsSection({ facility: { address } }: { facility: Facility }) {
  const words = useWords(collateralWords);
  const { language } = useLanguage();
  const asked = { query: { facility: address } };
  const lots = useList("/v1/lots", "after", asked);
  const flags = ({ isFrozen, isRetired, leaseId }: LotDetail) => {
    if (isFrozen) return <span className="bad">{words.frozen}</span>;
    if (isRetired) return <span className="warn">{words.retired}</span>;
    return leaseId === null ? <span className="warn">{words.idle}</span> : words.leased(leaseId);
  };
  const columns: Column<LotDetail>[] = [
    { key: "lot", title: words.lot, cell: ({ lotId }) => lotId },
    { key: "model", title: words.model, cell: ({ modelName }) => modelName },
    { key: "gpus", title: words.gpus, isFigure: true, cell: ({ gpuCount }) => countText(gpuCount, language) },
    { key: "country", title: words.country, cell: ({ country }) => country },
    {
      key: "evidence",
      title: words.evidenceColumn,
      cell: ({ evidenceClass }) => <EvidenceText evidenceClass={evidenceClass} />,
    },
    { key: "cost", title: words.cost, isFigure: true, cell: ({ costAssets }) => <Money assets={costAssets} isShort /> },
    { key: "flags", title: words.flags, cell: flags },
    { key: "operator", title: words.operator, cell: ({ operator }) => <AddressText value={operator} /> },
  ];
  return (
    <Section title={words.pledged}>
      <Answered of={lots} empty={<Empty title={words.noLots} />}>
        {(items) => (
          <DataTable
            caption={words.pledged}
            columns={columns}
            rows={items}
            rowKey={({ lotId }) => lotId}
            csvHref={hrefOf("/v1/lots", asked)}
            more={lots}
          />
        )}
      </Answered>
    </Section>
  );
}

function LeasesSection({ facility: { address } }: { facility: Facility }) {
  const words = useWords(collateralWords);
  const deal = useWords(dealWords);
  const { language } = useLanguage();
  const asked = { query: { payee: address } };
  const leases = useList("/v1/leases", "after", asked);
  const columns: Column<Lease>[] = [
    { key: "lease", title: words.lease, cell: ({ leaseId }) => leaseId },
    { key: "lot", title: words.lot, cell: ({ lotId }) => lotId },
    {
      key: "lessee",
      title: words.lessee,
      cell: ({ lessee, relatedParty, isInDefault }) => (
        <>
          <AddressText value={lessee} />
          {relatedParty && <span className="unit warn">{words.relatedParty}</span>}
          {isInDefault && <span className="unit bad">{words.inDefault}</span>}
        </>
      ),
    },
    { key: "pricing", title: words.pricing, cell: ({ pricing }) => deal.pricing[pricing] },
    { key: "rent", title: words.rent, isFigure: true, cell: ({ baseRentAssets }) => <Money assets={baseRentAssets} /> },
    {
      key: "term",
      title: words.term,
      cell: ({ settledCount, endCount }) =>
        words.periods(countText(settledCount, language), countText(endCount, language)),
    },
    { key: "invoiced", title: words.invoiced, isFigure: true, cell: (one) => <Money assets={one.invoicedAssets} /> },
    { key: "paid", title: words.paid, isFigure: true, cell: (one) => <Money assets={one.paidAssets} /> },
    {
      key: "owed",
      title: words.owedRent,
      isFigure: true,
      cell: ({ owedAssets }) => (
        <span className={owedAssets === "0" ? "" : "warn"}>
          <Money assets={owedAssets} />
        </span>
      ),
    },
  ];
  return (
    <Section title={words.leases}>
      <Answered of={leases} empty={<Empty title={words.noLeases} />}>
        {(items) => (
          <DataTable
            caption={words.leases}
            columns={columns}
            rows={items}
            rowKey={({ leaseId }) => leaseId}
            csvHref={hrefOf("/v1/leases", asked)}
            more={leases}
          />
        )}
      </Answered>
    </Section>
  );
}

function ReceivablesSection({ facility: { address } }: { facility: Facility }) {
  const words = useWords(collateralWords);
  const dates = useWords(facilityWords);
  const deal = useWords(dealWords);
  const { language } = useLanguage();
  const asked = { params: { address } };
  const receivables = useList("/v1/facilities/:address/receivables", "after", asked);
  const columns: Column<Receivable>[] = [
    { key: "lease", title: words.lease, cell: ({ leaseId }) => leaseId },
    { key: "period", title: words.period, cell: ({ periodIndex }) => periodIndex + 1 },
    { key: "due", title: dates.due, cell: ({ dueAt }) => <When at={dueAt} isDateOnly /> },
    {
      key: "state",
      title: dates.state,
      cell: ({ state, overdueSec }) => (
        <span className={state === "Overdue" ? "bad" : state === "Paid" ? "good" : ""}>
          {state === "Overdue" ? words.overdue(spanText(overdueSec, language)) : deal.receivable[state]}
        </span>
      ),
    },
    { key: "invoiced", title: words.invoiced, isFigure: true, cell: (one) => <Money assets={one.dueAssets} /> },
    { key: "paid", title: words.paid, isFigure: true, cell: (one) => <Money assets={one.paidAssets} /> },
    { key: "left", title: words.owedRent, isFigure: true, cell: (one) => <Money assets={one.leftAssets} /> },
  ];
  return (
    <Section title={words.openReceivables}>
      <Answered of={receivables} empty={<Empty title={words.noReceivables}>{words.noReceivablesHint}</Empty>}>
        {(items) => (
          <DataTable
            caption={words.openReceivables}
            columns={columns}
            rows={items}
            rowKey={({ key }) => key}
            csvHref={hrefOf("/v1/facilities/:address/receivables", asked)}
            more={receivables}
          />
        )}
      </Answered>
    </Section>
  );
}
