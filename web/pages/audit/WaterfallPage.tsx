import { Group, Select, Stack } from "@mantine/core";
import { useState } from "react";
import type { Beside, ReplayedDate, ReplayedStep } from "../../../server/model/replay.ts";
import type { Facility } from "../../../server/protocol/api.ts";
import { useAnswer } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { Amount } from "../../components/Amount.tsx";
import { DataTable } from "../../components/DataTable.tsx";
import { Figure, Figures } from "../../components/Figure.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { countText, shortHex, timesText, timeText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { booksWords } from "../../words/auditBooks.ts";
import { Notice } from "./Notice.tsx";
import { useReplay, type Replayed } from "./replayed.ts";

const BPS = 10_000n;

export default function WaterfallPage() {
  const words = useWords(booksWords);
  const facilities = useAnswer("/v1/facilities", { query: { limit: 200 } });
  const [chosen, setChosen] = useState<string | null>(null);
  return (
    <>
      <PageHead title={words.waterfall} lead={words.waterfallLead} />
      <Answered
        of={facilities}
        isEmpty={({ items }) => items.length === 0}
        empty={<Empty title={words.noFacility}>{words.noFacilityHint}</Empty>}
      >
        {({ items }) => {
          const paid = items.find(({ paymentCount }) => paymentCount > 0);
          const facility = items.find(({ address }) => address === chosen) ?? paid ?? items[0]!;
          return (
            <FacilityReplay
              key={facility.address}
              facility={facility}
              facilities={items}
              onFacility={(address) => setChosen(address)}
            />
          );
        }}
      </Answered>
    </>
  );
}

interface FacilityReplayProps {
  facility: Facility;
  facilities: readonly Facility[];
  onFacility: (address: string | null) => void;
}

function FacilityReplay({ facility, facilities, onFacility }: FacilityReplayProps) {
  const words = useWords(booksWords);
  const { language } = useLanguage();
  const replayed = useReplay(facility.address);
  const [chosen, setChosen] = useState<string | null>(null);
  const dates = replayed.data?.dates ?? [];
  const date = dates.find(({ index }) => String(index) === chosen) ?? dates.at(-1);
  const labelOf = ({ index, dueAt, kind }: ReplayedDate) =>
    (kind === "close" ? words.closeOf : words.dateOf)(countText(index + 1, language), timeText(dueAt, language, true));
  return (
    <>
      <Group mb="lg" align="flex-end">
        <Select
          label={words.facility}
          w={{ base: "100%", xs: 320 }}
          data={facilities.map(({ address, name }) => ({ value: address, label: `${name} · ${shortHex(address)}` }))}
          value={facility.address}
          onChange={onFacility}
          allowDeselect={false}
        />
        <Select
          label={words.date}
          w={{ base: "100%", xs: 240 }}
          disabled={dates.length === 0}
          data={dates.toReversed().map((one) => ({ value: String(one.index), label: labelOf(one) }))}
          value={date === undefined ? null : String(date.index)}
          onChange={setChosen}
          allowDeselect={false}
        />
      </Group>
      <Answered
        of={replayed}
        isEmpty={(data) => data.dates.length === 0}
        empty={<Empty title={words.noDates}>{words.noDatesHint}</Empty>}
      >
        {(data) => (
          <>
            <Stack mb="xl">
              <Finding replayed={data} />
            </Stack>
            {date !== undefined && <OneDate date={date} replayed={data} facility={facility} />}
            <AllDates replayed={data} facility={facility} />
          </>
        )}
      </Answered>
    </>
  );
}

function Finding({ replayed }: { replayed: Replayed }) {
  const words = useWords(booksWords);
  const { language } = useLanguage();
  const { dates, differenceCount, eventCount } = replayed;
  const from = words.replayed(countText(eventCount, language));
  if (differenceCount > 0) {
    return (
      <Notice tone="bad" title={words.differs(countText(differenceCount, language))}>
        {words.differsHint} {from}
      </Notice>
    );
  }
  const lineCount = dates.reduce((sum, { steps }) => sum + 2 * steps.length, 0);
  return (
    <Notice tone="good" title={dates.length === 1 ? words.equalOne : words.equal(countText(dates.length, language))}>
      {words.equalHint(countText(lineCount, language))} {from}.
    </Notice>
  );
}

interface DateProps {
  replayed: Replayed;
  facility: Facility;
}

function OneDate({ date, replayed, facility }: DateProps & { date: ReplayedDate }) {
  const words = useWords(booksWords);
  const { language } = useLanguage();
  const { figures, steps, state } = date;
  const money = { decimalCount: facility.assetDecimalCount, unit: facility.assetSymbol };
  const figure = (name: string) => figures.find((one) => one.name === name);
  const net = figure("netAssets");
  const service = figure("serviceAssets");
  const shown: [string, Beside | undefined][] = [
    [words.net, net],
    [words.service, service],
    [words.reserve, figure("reserveAssets")],
    [words.trap, figure("trappedAssets")],
  ];
  return (
    <>
      <Section title={timeText(date.dueAt, language, true)} isBare>
        <Figures>
          <Figure label={words.cash} note={words.cashNote}>
            <Amount assets={date.cashAssets} {...money} isShort />
          </Figure>
          {shown.map(
            ([label, beside]) =>
              beside !== undefined && (
                <Figure key={label} label={label} note={<Mark beside={beside} />} tone={toneOf(beside)}>
                  <Amount assets={beside.modelled} {...money} isShort />
                </Figure>
              ),
          )}
          {net !== undefined && service !== undefined && service.modelled > 0n && (
            <Figure label={words.cover}>{timesText((net.modelled * BPS) / service.modelled, language)}</Figure>
          )}
          <Figure label={words.state} note={<Mark beside={state} />} tone={toneOf(state)}>
            {state.modelled}
          </Figure>
        </Figures>
      </Section>
      <Section title={words.steps} lead={words.stepsLead}>
        {!date.isSameList && <Notice tone="bad" title={words.otherList} />}
        <DataTable
          caption={words.steps}
          rows={steps.map((step, place) => ({ step, place }))}
          rowKey={({ place }) => String(place)}
          columns={[
            { key: "line", title: words.line, cell: ({ step }) => <LineName step={step} replayed={replayed} /> },
            {
              key: "due",
              title: `${words.due} · ${words.computed}`,
              isFigure: true,
              cell: ({ step }) => <Amount assets={step.due.modelled} {...money} />,
            },
            {
              key: "dueChain",
              title: words.onChain,
              isFigure: true,
              cell: ({ step }) => <OnChain beside={step.due} {...money} />,
            },
            {
              key: "paid",
              title: `${words.paid} · ${words.computed}`,
              isFigure: true,
              cell: ({ step }) => <Amount assets={step.paid.modelled} {...money} />,
            },
            {
              key: "paidChain",
              title: words.onChain,
              isFigure: true,
              cell: ({ step }) => <OnChain beside={step.paid} {...money} />,
            },
            {
              key: "check",
              title: words.check,
              cell: ({ step }) =>
                toneOf(step.due) === "bad" ? <Mark beside={step.due} /> : <Mark beside={step.paid} />,
            },
          ]}
        />
      </Section>
    </>
  );
}

function LineName({ step: { step }, replayed }: { step: ReplayedStep; replayed: Replayed }) {
  const words = useWords(booksWords);
  const { kind, subjectIndex } = step;
  if (kind === "Reserve" || kind === "Trap") return words[kind];
  const { classes, fees } = replayed.settings;
  if (kind === "Fee" || kind === "FeeExcess") return words[kind](shortHex(fees[subjectIndex]?.payee ?? ""));
  return words[kind](classes[subjectIndex]?.symbol ?? "");
}

function AllDates({ replayed, facility }: DateProps) {
  const words = useWords(booksWords);
  const { language } = useLanguage();
  const money = { decimalCount: facility.assetDecimalCount, unit: facility.assetSymbol };
  return (
    <Section title={words.dates}>
      <DataTable
        caption={words.dates}
        rows={replayed.dates.toReversed()}
        rowKey={({ index }) => String(index)}
        columns={[
          { key: "index", title: "#", cell: ({ index }) => countText(index + 1, language) },
          { key: "dueAt", title: words.dueAt, cell: ({ dueAt }) => <When at={dueAt} isDateOnly /> },
          {
            key: "cash",
            title: words.cash,
            isFigure: true,
            cell: ({ cashAssets }) => <Amount assets={cashAssets} {...money} />,
          },
          { key: "state", title: words.state, cell: ({ state }) => state.onChain },
          {
            key: "differences",
            title: words.differences,
            isFigure: true,
            cell: ({ differenceCount }) => (
              <span className={differenceCount === 0 ? "good" : "bad"}>{countText(differenceCount, language)}</span>
            ),
          },
          {
            key: "transaction",
            title: words.transaction,
            cell: ({ transactionHash }) => <AddressText value={transactionHash} />,
          },
        ]}
      />
    </Section>
  );
}

function toneOf({ modelled, onChain }: Beside<bigint | string>): "bad" | undefined {
  return modelled === onChain ? undefined : "bad";
}

function Mark({ beside }: { beside: Beside<bigint | string> }) {
  const words = useWords(booksWords);
  const isEqual = beside.modelled === beside.onChain;
  return <span className={isEqual ? "good" : "bad"}>{isEqual ? words.equalMark : words.differsMark}</span>;
}

function OnChain({ beside, ...money }: { beside: Beside; decimalCount: number; unit: string }) {
  return (
    <span className={toneOf(beside)}>
      <Amount assets={beside.onChain} {...money} />
    </span>
  );
}
