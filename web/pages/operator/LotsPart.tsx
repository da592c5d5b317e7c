import { Anchor, UnstyledButton } from "@mantine/core";
import { Link } from "wouter";
import type { LotDetail } from "../../../server/protocol/api.ts";
import { hrefOf, type ListAnswer } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { EvidenceText } from "../../components/Badges.tsx";
import { Amount } from "../../components/Amount.tsx";
import { DataTable } from "../../components/DataTable.tsx";
import { Section } from "../../components/Section.tsx";
import { When } from "../../components/When.tsx";
import { countText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { fleetWords } from "../../words/fleet.ts";
import { Mark } from "./Mark.tsx";
import { useMoney } from "./money.ts";

interface LotsPartProps {
  lots: ListAnswer<LotDetail>;
  query: { operator: string | undefined; limit: number };
  chosenLotId: string | undefined;
  onChoose: (lotId: string) => void;
}

/** Lots; one of them is looked at closer below. */
export function LotsPart({ lots, query, chosenLotId, onChoose }: LotsPartProps) {
  const words = useWords(fleetWords);
  const { language } = useLanguage();
  const money = useMoney();
  return (
    <Section title={words.lotsTitle}>
      <DataTable<LotDetail>
        caption={words.lotsTitle}
        rows={lots.data ?? []}
        rowKey={({ lotId }) => lotId}
        csvHref={hrefOf("/v1/lots", { query })}
        more={lots}
        columns={[
          {
            key: "lot",
            title: words.lot,
            sortBy: ({ lotId }) => BigInt(lotId),
            cell: ({ lotId }) => (
              <UnstyledButton
                onClick={() => onChoose(lotId)}
                aria-label={words.showLot(lotId)}
                aria-pressed={lotId === chosenLotId}
                fz="inherit"
                fw={lotId === chosenLotId ? 700 : 400}
                c="var(--mantine-color-anchor)"
                td={lotId === chosenLotId ? undefined : "underline"}
              >
                {lotId}
              </UnstyledButton>
            ),
          },
          { key: "model", title: words.model, sortBy: (lot) => lot.modelName, cell: (lot) => lot.modelName },
          {
            key: "gpus",
            title: words.gpus,
            isFigure: true,
            sortBy: ({ gpuCount }) => gpuCount,
            cell: ({ gpuCount }) => countText(gpuCount, language),
          },
          { key: "site", title: words.site, cell: ({ siteId, country }) => words.place(siteId, country) },
          {
            key: "evidence",
            title: words.evidence,
            sortBy: (lot) => lot.evidenceClass,
            cell: (lot) => <EvidenceText evidenceClass={lot.evidenceClass} />,
          },
          {
            key: "cost",
            title: words.cost,
            isFigure: true,
            sortBy: ({ costAssets }) => BigInt(costAssets),
            cell: ({ costAssets }) =>
              money === undefined ? "…" : <Amount assets={costAssets} {...money} digitCount={0} />,
          },
          { key: "service", title: words.inService, cell: (lot) => <When at={lot.commissionedAt} isDateOnly /> },
          {
            key: "lien",
            title: words.lien,
            cell: ({ lienHolder }) => (lienHolder === null ? words.unpledged : <AddressText value={lienHolder} />),
          },
          {
            key: "lease",
            title: words.lease,
            cell: ({ leaseId }) =>
              leaseId === null ? (
                <span className="warn">{words.vacant}</span>
              ) : (
                <Anchor component={Link} href={`/operator/leases?lease=${leaseId}`} fz="inherit">
                  {leaseId}
                </Anchor>
              ),
          },
          { key: "state", title: words.state, cell: (lot) => <LotState lot={lot} /> },
        ]}
      />
    </Section>
  );
}

function LotState({ lot: { isFrozen, isRetired } }: { lot: LotDetail }) {
  const words = useWords(fleetWords);
  if (isFrozen) return <Mark tone="bad">{words.frozen}</Mark>;
  return isRetired ? <Mark tone="plain">{words.retired}</Mark> : <Mark tone="good">{words.live}</Mark>;
}
