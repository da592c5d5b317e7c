import { Button, SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { useSearchParams } from "wouter";
import { useList } from "../../api.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Loading } from "../../components/States.tsx";
import { useWords } from "../../language.tsx";
import { useWallet } from "../../wallet.tsx";
import { draftWords } from "../../words/draft.ts";
import { leasesWords } from "../../words/leases.ts";
import { DraftForm } from "./leases/DraftForm.tsx";
import { DraftsPart } from "./leases/DraftsPart.tsx";
import { LeasePart } from "./leases/LeasePart.tsx";
import { LeasesPart } from "./leases/LeasesPart.tsx";
import { useMoney } from "./money.ts";
import { useWhose } from "./whose.ts";

/** Leases, from the draft to the last invoice. */
export default function LeasesPage() {
  const words = useWords(leasesWords);
  const drafting = useWords(draftWords);
  const { account } = useWallet();
  const { isMine, operator, choose } = useWhose();
  const [search, setSearch] = useSearchParams();
  const [isDrafting, setDrafting] = useState(false);
  const money = useMoney();
  const own = useList("/v1/lots", "after", account === undefined ? null : { query: { operator: account, limit: 200 } });
  const free = own.data?.filter(({ leaseId, isRetired }) => leaseId === null && !isRetired) ?? [];
  const leaseId = search.get("lease") ?? undefined;

  if (isDrafting)
    return (
      <>
        <PageHead title={drafting.title} />
        {money === undefined || own.data === undefined ? (
          <Loading />
        ) : (
          <DraftForm lots={free} money={money} onDone={() => setDrafting(false)} />
        )}
      </>
    );
  return (
    <>
      <PageHead
        title={words.title}
        lead={words.lead}
        actions={
          account !== undefined && (
            <>
              <SegmentedControl
                size="xs"
                aria-label={words.whose}
                value={isMine ? "mine" : "everyone"}
                onChange={(value) => choose(value === "mine")}
                data={[
                  { value: "mine", label: words.mine },
                  { value: "everyone", label: words.everyone },
                ]}
              />
              <Button onClick={() => setDrafting(true)}>{words.draft}</Button>
            </>
          )
        }
      />
      {money === undefined ? (
        <Loading />
      ) : (
        <>
          {account !== undefined && <DraftsPart account={account} money={money} />}
          <LeasesPart
            party={operator}
            ownLotIds={own.data?.map(({ lotId }) => lotId)}
            money={money}
            chosenLeaseId={leaseId}
            onChoose={(chosen) => setSearch({ lease: chosen })}
          />
          {leaseId !== undefined && <LeasePart key={leaseId} leaseId={leaseId} money={money} />}
        </>
      )}
    </>
  );
}
