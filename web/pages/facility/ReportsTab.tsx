import { Anchor, Group } from "@mantine/core";
import type { Facility } from "../../../server/protocol/api.ts";
import type { ReportListItem } from "../../../server/protocol/apiReports.ts";
import { hrefOf, useAnswer } from "../../api.tsx";
import { DataTable, type Column } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { useWords } from "../../language.tsx";
import { facilityWords } from "../../words/facility.ts";

const FORMATS = ["pdf", "json", "csv"] as const;

/** Monthly reports, to read and to keep. */
export function ReportsTab({ facility: { address } }: { facility: Facility }) {
  const words = useWords(facilityWords);
  const reports = useAnswer("/v1/facilities/:address/reports", { params: { address } });
  const columns: Column<ReportListItem>[] = [
    {
      key: "month",
      title: words.monthColumn,
      cell: ({ month, isOver }) => (
        <>
          {month}
          {!isOver && <span className="unit">{words.partOfMonth}</span>}
        </>
      ),
    },
    {
      key: "formats",
      title: words.formats,
      cell: ({ month }) => (
        <Group gap="md">
          {FORMATS.map((format) => (
            <Anchor
              key={format}
              href={`${hrefOf("/v1/facilities/:address/reports/:month", { params: { address, month } })}.${format}`}
              aria-label={`${month} ${format.toUpperCase()}`}
              size="sm"
            >
              {format.toUpperCase()}
            </Anchor>
          ))}
        </Group>
      ),
    },
  ];
  return (
    <Section title={words.monthly} lead={words.monthlyLead}>
      <Answered
        of={reports}
        isEmpty={({ items }) => items.length === 0}
        empty={<Empty title={words.noReports}>{words.noReportsHint}</Empty>}
      >
        {({ items }) => (
          <DataTable caption={words.monthly} columns={columns} rows={items} rowKey={({ month }) => month} />
        )}
      </Answered>
    </Section>
  );
}
