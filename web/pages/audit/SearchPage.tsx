import { Button, Group, Text, TextInput } from "@mantine/core";
import { useState, type SyntheticEvent } from "react";
import type { IdentitySearch } from "../../../server/protocol/apiRegistry.ts";
import { useAnswer } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { DataTable } from "../../components/DataTable.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { countText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { recordsWords } from "../../words/auditRecords.ts";
import { anchorIn } from "./anchors.ts";
import { Notice } from "./Notice.tsx";

export default function SearchPage() {
  const words = useWords(recordsWords);
  const [text, setText] = useState("");
  const [anchor, setAnchor] = useState<string>();
  const [isBad, setBad] = useState(false);
  const search = useAnswer("/v1/search/identity/:anchor", anchor === undefined ? null : { params: { anchor } });
  const find = (event: SyntheticEvent) => {
    event.preventDefault();
    const found = anchorIn(text);
    setBad(found === undefined);
    setAnchor(found);
  };
  return (
    <>
      <PageHead title={words.search} lead={words.searchLead} />
      <form onSubmit={find}>
        <Group align="flex-end" mb="lg">
          <TextInput
            label={words.device}
            description={words.deviceHint}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            error={isBad ? words.deviceBad : undefined}
            classNames={{ input: "mono" }}
            w={{ base: "100%", sm: 560 }}
          />
          <Button type="submit" disabled={text.trim() === ""}>
            {words.find}
          </Button>
        </Group>
      </form>
      {anchor === undefined ? (
        <div className="surface">
          <Empty title={words.noSearch}>{words.noSearchHint}</Empty>
        </div>
      ) : (
        <Answered of={search}>{(data) => <Found search={data} />}</Answered>
      )}
    </>
  );
}

function Found({ search }: { search: IdentitySearch }) {
  const words = useWords(recordsWords);
  const { language } = useLanguage();
  const { anchor, places, duplicates, liens, unknownRoots } = search;
  return (
    <>
      <Text size="sm" c="dimmed" mb="xs" component="div">
        {words.anchor} <AddressText value={anchor} />
      </Text>
      <Finding search={search} />
      {unknownRoots.length > 0 && (
        <Text size="sm" className="warn" mt="xs">
          {words.unsearched(countText(unknownRoots.length, language))}
        </Text>
      )}
      <div style={{ height: 28 }} />
      <Section title={words.places}>
        <DataTable
          caption={words.places}
          rows={places}
          rowKey={({ lotId, identityRoot }) => `${lotId} ${identityRoot}`}
          empty={<Empty title={words.nowhere}>{words.nowhereHint}</Empty>}
          columns={[
            { key: "lot", title: words.lot, cell: ({ lotId }) => lotId },
            { key: "place", title: words.place, cell: ({ deviceIndex }) => countText(deviceIndex, language) },
            { key: "node", title: words.node, cell: ({ nodeId }) => nodeId ?? "—" },
            {
              key: "state",
              title: words.state,
              cell: ({ state, isFrozen }) => (
                <span className={isFrozen ? "bad" : state === "Live" ? "good" : ""}>
                  {words[state]}
                  {isFrozen && ` · ${words.frozen}`}
                </span>
              ),
            },
            { key: "from", title: words.from, cell: ({ fromAt }) => <When at={fromAt} isDateOnly /> },
            { key: "until", title: words.until, cell: ({ untilAt }) => <When at={untilAt} isDateOnly /> },
            { key: "operator", title: words.operator, cell: ({ operator }) => <AddressText value={operator} /> },
            {
              key: "evidence",
              title: words.evidence,
              isFigure: true,
              cell: ({ evidenceClass }) => evidenceClass,
            },
            {
              key: "lien",
              title: words.lien,
              cell: ({ lienHolder }) => (lienHolder === null ? words.noLien : <AddressText value={lienHolder} />),
            },
          ]}
        />
      </Section>
      <Section title={words.liens}>
        <DataTable
          caption={words.liens}
          rows={liens.map((lien, place) => ({ ...lien, place }))}
          rowKey={({ place }) => String(place)}
          empty={<Empty title={words.noLiens} />}
          columns={[
            { key: "lot", title: words.lot, cell: ({ lotId }) => lotId },
            { key: "event", title: words.event, cell: ({ event }) => words[event] },
            { key: "account", title: words.account, cell: ({ account }) => <AddressText value={account} /> },
            { key: "at", title: words.at, cell: ({ at }) => <When at={at} /> },
            {
              key: "transaction",
              title: words.transaction,
              cell: ({ transactionHash }) => <AddressText value={transactionHash} />,
            },
          ]}
        />
      </Section>
      <Section title={words.duplicates}>
        <DataTable
          caption={words.duplicates}
          rows={duplicates}
          rowKey={({ transactionHash }) => transactionHash}
          empty={<Empty title={words.noDuplicates} />}
          columns={[
            { key: "lot", title: words.lot, cell: ({ lotId }) => lotId },
            { key: "injured", title: words.injured, cell: ({ injuredLotId }) => injuredLotId },
            {
              key: "lienHolder",
              title: words.lienHolder,
              cell: ({ lienHolder }) => <AddressText value={lienHolder} />,
            },
            { key: "provenAt", title: words.provenAt, cell: ({ provenAt }) => <When at={provenAt} /> },
            { key: "bounty", title: words.bounty, cell: ({ bountyTo }) => <AddressText value={bountyTo} /> },
          ]}
        />
      </Section>
    </>
  );
}

function Finding({ search: { places } }: { search: IdentitySearch }) {
  const words = useWords(recordsWords);
  const { language } = useLanguage();
  const live = new Set(places.filter(({ state }) => state === "Live").map(({ lotId }) => lotId));
  if (live.size > 1) {
    return (
      <Notice tone="bad" title={words.twice(countText(live.size, language))}>
        {words.twiceHint}
      </Notice>
    );
  }
  if (live.size === 1) {
    return (
      <Notice tone="good" title={words.unique}>
        {words.uniqueHint}
      </Notice>
    );
  }
  return (
    <Notice tone="warn" title={places.length === 0 ? words.nowhere : words.gone}>
      {places.length === 0 ? words.nowhereHint : words.goneHint}
    </Notice>
  );
}
