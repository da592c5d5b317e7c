import { Group, SimpleGrid, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { addMonths } from "../../../../server/protocol/calendar.ts";
import type { Invoice, Lease } from "../../../../server/protocol/apiLeases.ts";
import { ActionButton } from "../../../action.tsx";
import { hrefOf, useAnswer, useList } from "../../../api.tsx";
import { AddressText } from "../../../components/AddressText.tsx";
import { Amount } from "../../../components/Amount.tsx";
import { DataTable } from "../../../components/DataTable.tsx";
import { Figure, Figures } from "../../../components/Figure.tsx";
import { Section } from "../../../components/Section.tsx";
import { Answered, Empty } from "../../../components/States.tsx";
import { When } from "../../../components/When.tsx";
import { countText, percentText, spanText } from "../../../format.ts";
import { useLanguage, useWords } from "../../../language.tsx";
import { useWallet } from "../../../wallet.tsx";
import { leasesWords } from "../../../words/leases.ts";
import { LastingAction } from "../LastingAction.tsx";
import type { Money } from "../money.ts";
import { LeaseState } from "./LeasesPart.tsx";
import { RentText } from "./RentText.tsx";
import { payAction, settleAction, terminateAction } from "./leaseActions.tsx";

/** One lease: what was agreed, what became of it, and its invoices. */
export function LeasePart({ leaseId, money }: { leaseId: string; money: Money }) {
  const words = useWords(leasesWords);
  const lease = useAnswer("/v1/leases/:leaseId", { params: { leaseId } });
  return (
    <div data-testid="lease">
      <Answered of={lease}>
        {(data) => (
          <>
            <Section title={words.leaseTitle(leaseId)} actions={<LeaseActs lease={data} money={money} />} isBare>
              <Sums lease={data} money={money} />
              <Agreed lease={data} money={money} />
            </Section>
            <Invoices lease={data} money={money} />
          </>
        )}
      </Answered>
    </div>
  );
}

interface LeaseProps {
  lease: Lease;
  money: Money;
}

function LeaseActs({ lease, money }: LeaseProps) {
  const words = useWords(leasesWords);
  const { account } = useWallet();
  const chainTimeAt = useAnswer("/v1/summary").data?.chainTimeAt;
  const monthEndAt = addMonths(BigInt(lease.startAt), lease.settledCount + 1);
  const isMonthOver = chainTimeAt !== undefined && BigInt(chainTimeAt) >= monthEndAt;
  if (lease.settledCount === lease.endCount) return <LeaseState lease={lease} />;
  const isLessee = account !== undefined && lease.lessee.toLowerCase() === account.toLowerCase();
  return (
    <Group gap="xs">
      <LeaseState lease={lease} />
      {isMonthOver && (
        <ActionButton size="xs" variant="default" action={settleAction(words, lease)}>
          {words.settle}
        </ActionButton>
      )}
      {isLessee && !lease.isInDefault && lease.endAt === null && (
        <ActionButton size="xs" variant="default" action={terminateAction(words, lease, money)}>
          {words.terminate}
        </ActionButton>
      )}
    </Group>
  );
}

function Sums({ lease, money }: LeaseProps) {
  const words = useWords(leasesWords);
  const { language } = useLanguage();
  const short = (assets: string) => <Amount assets={assets} {...money} isShort />;
  return (
    <Figures perRow={6}>
      <Figure label={words.periods}>
        {words.ofPeriods(countText(lease.settledCount, language), countText(lease.endCount, language))}
      </Figure>
      <Figure label={words.invoiced}>{short(lease.invoicedAssets)}</Figure>
      <Figure label={words.paid}>{short(lease.paidAssets)}</Figure>
      <Figure label={words.owed} tone={lease.owedAssets === "0" ? undefined : "bad"}>
        {short(lease.owedAssets)}
      </Figure>
      <Figure label={words.escrow}>{short(lease.prepaidAssets)}</Figure>
      <Figure label={words.deposit}>{short(lease.depositAssets)}</Figure>
    </Figures>
  );
}

function Agreed({ lease, money }: LeaseProps) {
  const words = useWords(leasesWords);
  const { language } = useLanguage();
  const percent = (bps: number) => percentText(bps, language, 1);
  const lines: [string, ReactNode][] = [
    [words.lot, lease.lotId],
    [words.lessee, <AddressText key="lessee" value={lease.lessee} />],
    [words.payee, <AddressText key="payee" value={lease.payee} />],
    [words.pricing, words[lease.pricing]],
    [words.rent, <RentText key="rent" terms={lease} money={money} />],
    [words.start, <When key="start" at={lease.startAt} isDateOnly />],
    [words.due, spanText(lease.payment.dueSec, language)],
    [words.cure, spanText(lease.payment.cureSec, language)],
    [words.notice, spanText(lease.exit.noticeSec, language)],
    [words.exitFee, <Amount key="fee" assets={lease.exit.terminationFeeAssets} {...money} />],
    [
      words.services,
      lease.sla.length === 0
        ? words.none
        : lease.sla.map((step) => words.service(percent(step.availabilityBps), percent(step.creditBps))).join("; "),
    ],
    [words.countries, lease.countries.length === 0 ? words.anywhere : lease.countries.join(", ")],
    [words.related, lease.relatedParty ? <span className="warn">{words.yes}</span> : words.no],
    [words.document, <AddressText key="document" value={lease.documentHash} />],
  ];
  return (
    <div className="surface" style={{ padding: "14px 16px" }}>
      <SimpleGrid component="dl" cols={{ base: 1, xs: 2, md: 3 }} spacing="sm" verticalSpacing="xs" m={0}>
        {lines.map(([label, value]) => (
          <Stack key={label} gap={0}>
            <Text component="dt" size="xs" c="dimmed">
              {label}
            </Text>
            <Text component="dd" size="sm" m={0}>
              {value}
            </Text>
          </Stack>
        ))}
      </SimpleGrid>
    </div>
  );
}

function Invoices({ lease, money }: LeaseProps) {
  const words = useWords(leasesWords);
  const { language } = useLanguage();
  const { leaseId } = lease;
  const asked = { params: { leaseId }, query: { limit: 200 } };
  const invoices = useList("/v1/leases/:leaseId/invoices", "after", asked);
  const amount = (assets: string) => <Amount assets={assets} {...money} />;
  return (
    <Section title={words.invoicesTitle}>
      <Answered of={invoices} empty={<Empty title={words.noInvoices}>{words.noInvoicesHint}</Empty>}>
        {(list) => (
          <DataTable<Invoice>
            caption={words.invoicesTitle}
            rows={list}
            rowKey={({ periodIndex, kind }) => `${kind} ${periodIndex}`}
            csvHref={hrefOf("/v1/leases/:leaseId/invoices", asked)}
            more={invoices}
            columns={[
              {
                key: "month",
                title: words.period,
                cell: ({ kind, periodIndex, fromAt }) =>
                  kind === "Rent" ? (
                    <>
                      {periodIndex + 1} · <When at={fromAt} isDateOnly />
                    </>
                  ) : (
                    words.fee
                  ),
              },
              {
                key: "availability",
                title: words.availability,
                isFigure: true,
                cell: (row) => (row.kind === "Rent" ? percentText(row.availabilityBps, language) : "—"),
              },
              {
                key: "rent",
                title: words.rent,
                isFigure: true,
                cell: (row) => amount(String(BigInt(row.baseAssets) + BigInt(row.meteredAssets))),
              },
              { key: "credit", title: words.credit, isFigure: true, cell: (row) => amount(row.slaCreditAssets) },
              {
                key: "efficiency",
                title: words.efficiency,
                isFigure: true,
                cell: (row) => <Amount assets={BigInt(row.bonusAssets) - BigInt(row.excessCreditAssets)} {...money} />,
              },
              { key: "due", title: words.total, isFigure: true, cell: (row) => amount(row.dueAssets) },
              { key: "paid", title: words.paid, isFigure: true, cell: (row) => amount(row.paidAssets) },
              {
                key: "left",
                title: words.left,
                isFigure: true,
                cell: ({ leftAssets }) => <span className={leftAssets === "0" ? "" : "bad"}>{amount(leftAssets)}</span>,
              },
              { key: "until", title: words.dueAt, cell: (row) => <When at={row.dueAt} isDateOnly /> },
              {
                key: "act",
                title: "",
                cell: (row) => (
                  <LastingAction
                    size="xs"
                    variant="default"
                    isOpen={row.leftAssets !== "0"}
                    action={payAction(words, lease, row, money)}
                  >
                    {words.pay}
                  </LastingAction>
                ),
              },
            ]}
          />
        )}
      </Answered>
    </Section>
  );
}
