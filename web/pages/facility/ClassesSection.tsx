import type { Facility } from "../../../server/protocol/api.ts";
import type { FacilityClass } from "../../../server/protocol/apiFacilities.ts";
import type { ClassValue } from "../../../server/protocol/apiValues.ts";
import { useAnswer } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { Bar } from "../../components/Bar.tsx";
import { DataTable, type Column } from "../../components/DataTable.tsx";
import { Money } from "../../components/Money.tsx";
import { Section } from "../../components/Section.tsx";
import { bpsOfWad, percentText, priceText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { dealWords } from "../../words/deal.ts";
import { facilityWords } from "../../words/facility.ts";

interface Row {
  of: FacilityClass;
  value: ClassValue | undefined;
}

/** The classes in the order in which they are paid, and what a share of each costs. */
export function ClassesSection({ facility }: { facility: Facility }) {
  const words = useWords(facilityWords);
  const deal = useWords(dealWords);
  const { language } = useLanguage();
  const value = useAnswer("/v1/facilities/:address/value", { params: { address: facility.address } }).data;
  const rows = facility.classes.map((of): Row => ({
    of,
    value: value?.classes.find(({ classIndex }) => classIndex === of.classIndex),
  }));
  const percent = (bps: number | null = null) => (bps === null ? "—" : percentText(bps, language));
  const price = (wad: string | null = null) => (wad === null ? "—" : priceText(wad, language));
  const columns: Column<Row>[] = [
    {
      key: "class",
      title: words.className,
      cell: ({ of }) => (
        <>
          <strong>{of.symbol}</strong>
          <span className="unit">
            {deal.classKind[of.kind]}
            {of.kind === "Senior" && `, ${deal.principal[of.principalKind]}`}
          </span>
        </>
      ),
    },
    {
      key: "coupon",
      title: words.coupon,
      isFigure: true,
      cell: ({ of }) => (of.kind === "Senior" ? percent(of.couponBps) : "—"),
    },
    { key: "scheduled", title: words.scheduled, isFigure: true, cell: (row) => percent(row.value?.scheduledYieldBps) },
    { key: "exit", title: words.exitPrice, isFigure: true, cell: (row) => price(row.value?.exitPriceWad) },
    { key: "entry", title: words.entryPrice, isFigure: true, cell: (row) => price(row.value?.entryPriceWad) },
    {
      key: "outstanding",
      title: words.outstanding,
      isFigure: true,
      cell: ({ of }) => <Money assets={of.outstandingAssets} />,
    },
    {
      key: "pool",
      title: words.poolFactor,
      isFigure: true,
      cell: ({ of }) => (
        <>
          {percentText(bpsOfWad(of.poolFactorWad), language)}
          <Bar partBps={bpsOfWad(of.poolFactorWad)} />
        </>
      ),
    },
    {
      key: "claimable",
      title: words.claimable,
      isFigure: true,
      cell: ({ of }) => <Money assets={of.claimableAssets} />,
    },
    { key: "token", title: words.token, cell: ({ of }) => <AddressText value={of.token} /> },
  ];
  return (
    <Section title={words.classes} lead={words.classesLead}>
      <DataTable caption={words.classes} columns={columns} rows={rows} rowKey={({ of }) => of.token} />
    </Section>
  );
}
