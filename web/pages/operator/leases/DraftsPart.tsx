import { Group } from "@mantine/core";
import type { LeaseDraft } from "../../../../server/protocol/apiDrafts.ts";
import { contractTerms, openingAssets, signTerms, termsDigest } from "../../../../server/protocol/leaseTerms.ts";
import { domainOf } from "../../../../server/protocol/typed.ts";
import type { Hex } from "../../../../server/protocol/bytes.ts";
import type { Plan } from "../../../action.tsx";
import { tell, useList } from "../../../api.tsx";
import type { Chain } from "../../../chain.ts";
import { AddressText } from "../../../components/AddressText.tsx";
import { Amount } from "../../../components/Amount.tsx";
import { DataTable } from "../../../components/DataTable.tsx";
import { Section } from "../../../components/Section.tsx";
import { Answered, Empty } from "../../../components/States.tsx";
import { When } from "../../../components/When.tsx";
import { countText } from "../../../format.ts";
import { useLanguage, useWords } from "../../../language.tsx";
import { leasesWords } from "../../../words/leases.ts";
import { allowanceStep } from "../allowance.ts";
import { LastingAction } from "../LastingAction.tsx";
import { Mark } from "../Mark.tsx";
import type { Money } from "../money.ts";
import { RentText } from "./RentText.tsx";

interface DraftsPartProps {
  account: string;
  money: Money;
}

/** Drafts that the account is a party of: the lessee signs, the operator opens. */
export function DraftsPart({ account, money }: DraftsPartProps) {
  const words = useWords(leasesWords);
  const { language } = useLanguage();
  const drafts = useList("/v1/lease-drafts", "before", {});
  return (
    <Section title={words.draftsTitle} lead={words.draftsLead}>
      <Answered of={drafts} empty={<Empty title={words.noDrafts}>{words.noDraftsHint}</Empty>}>
        {(list) => (
          <DataTable<LeaseDraft>
            caption={words.draftsTitle}
            rows={list}
            rowKey={({ draftId }) => draftId}
            more={drafts}
            columns={[
              { key: "lot", title: words.lot, cell: ({ terms }) => terms.lotId },
              { key: "lessee", title: words.lessee, cell: ({ terms }) => <AddressText value={terms.lessee} /> },
              { key: "start", title: words.start, cell: ({ terms }) => <When at={terms.startAt} isDateOnly /> },
              {
                key: "months",
                title: words.months,
                isFigure: true,
                cell: ({ terms }) => countText(terms.periodCount, language),
              },
              {
                key: "rent",
                title: words.rent,
                isFigure: true,
                cell: ({ terms }) => <RentText terms={terms} money={money} />,
              },
              { key: "state", title: words.state, cell: (draft) => <DraftState draft={draft} /> },
              {
                key: "act",
                title: "",
                cell: (draft) => <DraftActs draft={draft} account={account} money={money} />,
              },
            ]}
          />
        )}
      </Answered>
    </Section>
  );
}

function DraftState({ draft: { state, leaseId } }: { draft: LeaseDraft }) {
  const words = useWords(leasesWords);
  if (state === "Drafted") return <Mark tone="warn">{words.Drafted}</Mark>;
  if (state === "Signed") return <Mark tone="news">{words.Signed}</Mark>;
  return (
    <Mark tone="good">
      {words.OpenedDraft} · {words.lease} {leaseId}
    </Mark>
  );
}

interface DraftActsProps extends DraftsPartProps {
  draft: LeaseDraft;
}

function DraftActs({ draft, account, money }: DraftActsProps) {
  const words = useWords(leasesWords);
  const { terms, state, signature } = draft;
  const isSame = (address: string) => address.toLowerCase() === account.toLowerCase();
  const amount = (assets: bigint | string) => <Amount assets={assets} {...money} />;

  const planSigning = async (chain: Chain): Promise<Plan> => {
    const { leases, classToken } = chain.contracts;
    const domain = domainOf(await leases.eip712Domain());
    const digest = termsDigest(domain, terms);
    if (digest !== draft.draftId) throw new Error(`${draft.draftId} is not the digest of these terms`);
    const assets = openingAssets(terms);
    const balance = await classToken(terms.asset).balanceOf(chain.account); // of any ERC-20
    const allow = await allowanceStep(chain, terms.asset, chain.addresses.leases, assets, words.stepAllow);
    const sign = async () => {
      const signed = await signTerms(chain.signer, domain, terms);
      await tell("POST", `/v1/lease-drafts/${draft.draftId}/signature`, { signature: signed });
      return undefined;
    };
    return {
      effects: [
        { label: words.rent, after: <RentText terms={terms} money={money} /> },
        { label: words.start, after: <When at={terms.startAt} isDateOnly /> },
        { label: words.months, after: terms.periodCount },
        { label: words.willPay, after: amount(assets) },
        { label: words.ofThatDeposit, after: amount(terms.payment.depositAssets) },
        { label: words.exitFee, after: amount(terms.exit.terminationFeeAssets) },
        { label: words.payee, after: <AddressText value={terms.payee} /> },
        { label: words.digest, after: <AddressText value={digest} /> },
      ],
      steps: [...allow, { label: words.stepSign, run: sign }],
      ...(balance < assets ? { warnings: [words.lacksBalance] } : {}),
    };
  };

  const planOpening = async ({ contracts }: Chain): Promise<Plan> => {
    const given = contractTerms(terms);
    const leaseId = await contracts.leases.open.staticCall(given, signature as Hex);
    return {
      effects: [
        { label: words.lease, after: String(leaseId) },
        { label: words.lessee, after: <AddressText value={terms.lessee} /> },
        { label: words.willPay, after: amount(openingAssets(terms)) },
        { label: words.payee, after: <AddressText value={terms.payee} /> },
      ],
      steps: [{ label: words.open, run: () => contracts.leases.open(given, signature as Hex) }],
    };
  };

  return (
    <Group gap={4} wrap="nowrap">
      <LastingAction
        size="xs"
        isOpen={state === "Drafted" && isSame(terms.lessee)}
        action={{ title: words.signTitle(terms.lotId), plan: planSigning }}
      >
        {words.sign}
      </LastingAction>
      <LastingAction
        size="xs"
        isOpen={state === "Signed" && isSame(draft.operator)}
        action={{ title: words.openTitle(terms.lotId), plan: planOpening }}
      >
        {words.open}
      </LastingAction>
    </Group>
  );
}
