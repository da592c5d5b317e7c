import { UnstyledButton } from "@mantine/core";
import type { Lease } from "../../../../server/protocol/apiLeases.ts";
import { hrefOf, useList } from "../../../api.tsx";
import { AddressText } from "../../../components/AddressText.tsx";
import { Amount } from "../../../components/Amount.tsx";
import { DataTable } from "../../../components/DataTable.tsx";
import { Section } from "../../../components/Section.tsx";
import { Answered, Empty } from "../../../components/States.tsx";
import { When } from "../../../components/When.tsx";
import { countText } from "../../../format.ts";
import { useLanguage, useWords } from "../../../language.tsx";
import { leasesWords } from "../../../words/leases.ts";
import { Mark } from "../Mark.tsx";
import type { Money } from "../money.ts";
import { RentText } from "./RentText.tsx";

interface LeasesPartProps {
  /** Whose leases: of lots that it operates, or that it is the lessee of; undefined for all. */
  party: string | undefined;
  ownLotIds: readonly string[] | undefined;
  money: Money;
  chosenLeaseId: string | undefined;
  onChoose: (leaseId: string) => void;
}

/** Leases and what they came to. */
export function LeasesPart({ party, ownLotIds, money, chosenLeaseId, onChoose }: LeasesPartProps) {
  const words = useWords(leasesWords);
  const { language } = useLanguage();
  const query = { limit: 200 };
  const leases = useList("/v1/leases", "after", { query });
  const isOf = ({ lessee, lotId }: Lease) =>
    party === undefined || lessee.toLowerCase() === party.toLowerCase() || ownLotIds?.includes(lotId) === true;
  const shown = { ...leases, data: leases.data?.filter(isOf) };
  const none = <Empty title={words.noLeases}>{party === undefined ? words.noLeasesAnyone : words.noLeasesHint}</Empty>;
  const amount = (assets: string) => <Amount assets={assets} {...money} />;
  return (
    <Section title={words.leasesTitle}>
      <Answered of={shown} empty={none}>
        {(list) => (
          <DataTable<Lease>
            caption={words.leasesTitle}
            rows={list}
            rowKey={({ leaseId }) => leaseId}
            csvHref={hrefOf("/v1/leases", { query })}
            more={leases}
            columns={[
              {
                key: "lease",
                title: words.lease,
                sortBy: ({ leaseId }) => BigInt(leaseId),
                cell: ({ leaseId }) => (
                  <UnstyledButton
                    onClick={() => onChoose(leaseId)}
                    aria-label={words.show(leaseId)}
                    aria-pressed={leaseId === chosenLeaseId}
                    fz="inherit"
                    fw={leaseId === chosenLeaseId ? 700 : 400}
                    c="var(--mantine-color-anchor)"
                    td={leaseId === chosenLeaseId ? undefined : "underline"}
                  >
                    {leaseId}
                  </UnstyledButton>
                ),
              },
              { key: "lot", title: words.lot, cell: ({ lotId }) => lotId },
              { key: "lessee", title: words.lessee, cell: ({ lessee }) => <AddressText value={lessee} /> },
              { key: "start", title: words.start, cell: ({ startAt }) => <When at={startAt} isDateOnly /> },
              {
                key: "rent",
                title: words.rent,
                isFigure: true,
                cell: (lease) => <RentText terms={lease} money={money} />,
              },
              {
                key: "settled",
                title: words.periods,
                isFigure: true,
                cell: ({ settledCount, endCount }) =>
                  words.ofPeriods(countText(settledCount, language), countText(endCount, language)),
              },
              { key: "invoiced", title: words.invoiced, isFigure: true, cell: (row) => amount(row.invoicedAssets) },
              { key: "paid", title: words.paid, isFigure: true, cell: (row) => amount(row.paidAssets) },
              {
                key: "owed",
                title: words.owed,
                isFigure: true,
                cell: ({ owedAssets }) => <span className={owedAssets === "0" ? "" : "bad"}>{amount(owedAssets)}</span>,
              },
              { key: "state", title: words.state, cell: (lease) => <LeaseState lease={lease} /> },
            ]}
          />
        )}
      </Answered>
    </Section>
  );
}

/** How a lease stands. */
export function LeaseState({ lease }: { lease: Lease }) {
  const words = useWords(leasesWords);
  if (lease.isInDefault) return <Mark tone="bad">{words.inDefault}</Mark>;
  if (lease.purchaser !== null) return <Mark tone="plain">{words.bought}</Mark>;
  const isOver = lease.settledCount === lease.endCount;
  return isOver ? <Mark tone="plain">{words.ended}</Mark> : <Mark tone="good">{words.running}</Mark>;
}
