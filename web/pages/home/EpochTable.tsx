import type { Epoch } from "../../../server/protocol/api.ts";
import { hrefOf, useAnswer } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { DataTable, type Column } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { countText, epochText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { dealWords } from "../../words/deal.ts";
import { homeWords } from "../../words/home.ts";

const NEWEST = { query: { limit: 8 } };

/** The newest hours as the chain has them. */
export function EpochTable() {
  const words = useWords(homeWords);
  const deal = useWords(dealWords);
  const { language } = useLanguage();
  const epochs = useAnswer("/v1/epochs", NEWEST);
  const columns: Column<Epoch>[] = [
    { key: "epoch", title: words.epoch, cell: ({ epoch }) => epochText(epoch, language) },
    {
      key: "state",
      title: words.state,
      cell: ({ state }) => (
        <span className={state === "Final" ? "good" : state === "Skipped" ? "bad" : ""}>{deal.reportState[state]}</span>
      ),
    },
    {
      key: "reporting",
      title: words.reporting,
      isFigure: true,
      cell: ({ devicesReportingCount: reporting, devicesRegisteredCount: registered }) => (
        <span className={reporting === registered ? "" : "warn"}>
          {countText(reporting, language)} / {countText(registered, language)}
        </span>
      ),
    },
    { key: "report", title: words.reportHash, cell: ({ reportHash }) => <AddressText value={reportHash} /> },
  ];
  return (
    <Section title={words.epochs} lead={words.epochsLead}>
      <Answered of={epochs} isEmpty={({ items }) => items.length === 0} empty={<NoEpochs />}>
        {({ items }) => (
          <DataTable
            caption={words.epochs}
            columns={columns}
            rows={items}
            rowKey={({ epoch }) => epoch}
            csvHref={hrefOf("/v1/epochs")}
          />
        )}
      </Answered>
    </Section>
  );
}

function NoEpochs() {
  const words = useWords(homeWords);
  return <Empty title={words.noEpochs}>{words.noEpochsHint}</Empty>;
}
