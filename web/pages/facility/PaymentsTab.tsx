import { Accordion, Group, Table, Text } from "@mantine/core";
import { useMemo, useState } from "react";
import { Link } from "wouter";
import type { Facility, Payment } from "../../../server/protocol/api.ts";
import type { CalendarDate, ClassDate } from "../../../server/protocol/apiFacilities.ts";
import { hrefOf, useAnswer, useList } from "../../api.tsx";
import { Chart } from "../../components/Chart.tsx";
import { CsvLink, DataTable, type Column } from "../../components/DataTable.tsx";
import { Money, useMoney } from "../../components/Money.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { useWords } from "../../language.tsx";
import { dealWords } from "../../words/deal.ts";
import { facilityWords } from "../../words/facility.ts";

const PAST_DATES = 6;
const COMING_DATES = 12;

/** What was paid and what is to come. */
export function PaymentsTab({ facility }: { facility: Facility }) {
  const words = useWords(facilityWords);
  const asked = { params: { address: facility.address } };
  const calendar = useAnswer("/v1/facilities/:address/calendar", asked);
  const payments = useList("/v1/facilities/:address/payments", "before", asked);
  return (
    <>
      <Section title={words.history} lead={words.historyLead}>
        <Answered of={payments} empty={<Empty title={words.noPayments}>{words.noPaymentsHint}</Empty>}>
          {(items) => (
            <>
              <Accordion multiple>
                {items.map((payment) => (
                  <PaymentItem key={payment.paymentIndex} payment={payment} facility={facility} />
                ))}
              </Accordion>
              <Group justify="flex-end" mt="xs">
                <CsvLink href={hrefOf("/v1/facilities/:address/payments", asked)} />
              </Group>
            </>
          )}
        </Answered>
      </Section>
      <Section title={words.calendar} lead={words.calendarLead}>
        <Answered of={calendar} isEmpty={({ items }) => items.length === 0} empty={<Empty title={words.noCalendar} />}>
          {({ items }) => <Calendar facility={facility} dates={items} />}
        </Answered>
      </Section>
    </>
  );
}

function PaymentItem({ payment, facility }: { payment: Payment; facility: Facility }) {
  const words = useWords(facilityWords);
  const deal = useWords(dealWords);
  const subjectOf = ({ kind, subjectIndex }: Payment["steps"][number]) => {
    const isOfClass = kind === "Interest" || kind === "Principal" || kind === "Turbo" || kind === "Residual";
    return isOfClass ? facility.classes[subjectIndex]?.symbol : undefined;
  };
  return (
    <Accordion.Item value={payment.paymentIndex}>
      <Accordion.Control>
        <Group justify="space-between" gap="md" pr="md" style={{ rowGap: 2 }}>
          <Text fw={600}>
            <When at={payment.dueAt} isDateOnly />
          </Text>
          <Text size="sm">
            <Text span size="sm" c="dimmed">
              {words.net}{" "}
            </Text>
            <Money assets={payment.netAssets} />
          </Text>
          <Text size="sm">
            <Text span size="sm" c="dimmed">
              {words.service}{" "}
            </Text>
            <Money assets={payment.serviceAssets} />
          </Text>
        </Group>
      </Accordion.Control>
      <Accordion.Panel>
        <div className="scrolls" role="region" aria-label={words.steps(payment.paymentIndex)} tabIndex={0}>
          <Table className="table figures" verticalSpacing={5}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th scope="col">{words.stepKind}</Table.Th>
                <Table.Th scope="col" className="end">
                  {words.stepDue}
                </Table.Th>
                <Table.Th scope="col" className="end">
                  {words.stepPaid}
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {payment.steps.map((step) => (
                <Table.Tr key={step.stepIndex}>
                  <Table.Td>
                    {deal.step[step.kind]} <span className="unit">{subjectOf(step)}</span>
                  </Table.Td>
                  <Table.Td className="end">
                    <Money assets={step.dueAssets} />
                  </Table.Td>
                  <Table.Td className={`end ${BigInt(step.paidAssets) < BigInt(step.dueAssets) ? "warn" : ""}`}>
                    <Money assets={step.paidAssets} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
        <Text size="sm" mt="xs">
          <Link href="/audit/waterfall">{words.replay}</Link>
        </Text>
      </Accordion.Panel>
    </Accordion.Item>
  );
}

interface Row {
  date: CalendarDate;
  of: ClassDate;
}

function Calendar({ facility, dates }: { facility: Facility; dates: CalendarDate[] }) {
  const words = useWords(facilityWords);
  const deal = useWords(dealWords);
  const [isWhole, setWhole] = useState(false);
  const next = dates.findIndex(({ state }) => state !== "Paid");
  const shown = isWhole
    ? dates
    : dates.slice(Math.max(0, next - PAST_DATES), next < 0 ? dates.length : next + COMING_DATES);
  const rows = shown.flatMap((date) => date.classes.filter(isSaid).map((of): Row => ({ date, of })));
  const symbolOf = (classIndex: number) => facility.classes.find((one) => one.classIndex === classIndex)?.symbol;
  const isPaid = ({ date }: Row) => date.state === "Paid";
  const columns: Column<Row>[] = [
    { key: "due", title: words.due, cell: ({ date }) => <When at={date.dueAt} isDateOnly /> },
    {
      key: "state",
      title: words.state,
      cell: (row) => (
        <span className={isPaid(row) ? "good" : row.date.state === "Due" ? "warn" : ""}>
          {deal.dateState[row.date.state]}
        </span>
      ),
    },
    { key: "class", title: words.className, cell: ({ of }) => symbolOf(of.classIndex) },
    {
      key: "interest",
      title: words.interest,
      isFigure: true,
      cell: (row) => <Money assets={isPaid(row) ? row.of.interestPaidAssets : row.of.interestDueAssets} />,
    },
    {
      key: "principal",
      title: words.principal,
      isFigure: true,
      cell: (row) => <Money assets={isPaid(row) ? row.of.principalPaidAssets : row.of.principalDueAssets} />,
    },
    { key: "left", title: words.left, isFigure: true, cell: ({ of }) => <Money assets={of.leftAssets} /> },
  ];
  return (
    <>
      <ScheduleChart facility={facility} dates={dates} />
      <DataTable
        caption={words.calendar}
        columns={columns}
        rows={rows}
        rowKey={({ date, of }) => `${date.paymentIndex}-${of.classIndex}`}
        csvHref={hrefOf("/v1/facilities/:address/calendar", { params: { address: facility.address } })}
        {...(shown.length < dates.length && {
          more: { hasMore: true, isLoadingMore: false, more: () => setWhole(true) },
        })}
      />
    </>
  );
}

/** A class that has no schedule and was paid nothing has no line. */
function isSaid({
  interestDueAssets,
  principalDueAssets,
  interestPaidAssets,
  principalPaidAssets,
}: ClassDate): boolean {
  const isScheduled = interestDueAssets !== null || principalDueAssets !== null;
  return isScheduled || interestPaidAssets !== "0" || principalPaidAssets !== "0";
}

function ScheduleChart({ facility, dates }: { facility: Facility; dates: CalendarDate[] }) {
  const words = useWords(facilityWords);
  const { decimalCount, unit } = useMoney();
  const { times, series } = useMemo(() => {
    const leftOf = (date: CalendarDate, classIndex: number) => {
      const left = date.classes.find((one) => one.classIndex === classIndex)?.leftAssets ?? null;
      return left === null ? null : Number(left) / 10 ** decimalCount;
    };
    return {
      times: dates.map(({ dueAt }) => Number(dueAt)),
      series: facility.classes
        .filter(({ kind }) => kind === "Senior")
        .map(({ classIndex, symbol }) => ({
          ...{ label: symbol, unit, isStepped: true, isFilled: true },
          values: dates.map((date) => leftOf(date, classIndex)),
        })),
    };
  }, [dates, facility.classes, decimalCount, unit]);
  if (times.length < 2) return null;
  return <Chart label={words.scheduleChart} times={times} series={series} height={180} />;
}
