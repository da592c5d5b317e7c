import type { Statement } from "../protocol/apiAccess.ts";
import { OPINIONS } from "../protocol/auditStatement.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Deployment } from "../protocol/deployment.ts";
import type { PageBefore } from "../pages.ts";
import type { StatementFilter } from "../sourcesCapital.ts";
import type { View } from "./events.ts";
import { kindsOf } from "./readmodelAccess.ts";
import { EVENT_ID } from "./readmodelClasses.ts";
import { isStanding } from "./readmodelEpochs.ts";

interface StatementRow {
  eventId: bigint;
  at: bigint;
  transactionHash: Hex;
  hash: Hex;
  statement: Record<"auditor" | "subject" | "fromEpoch" | "toEpoch" | "opinion" | "signedAt", string> & {
    headHash: Hex;
    findingsHash: Hex;
  };
  isHeadOnChain: boolean;
  withdrawal: { at: string; reasonHash: Hex } | null;
}

/** What auditors stated, the newest first. */
export async function statementsBefore(
  view: View,
  deployment: Pick<Deployment, "addresses">,
  { limit, before }: PageBefore<bigint>,
  { auditor, subject }: StatementFilter,
): Promise<Statement[]> {
  const kinds = await kindsOf(view, deployment);
  const { rows } = await view.db.query<StatementRow>(
    `select ${EVENT_ID} "eventId", b.time at, e.tx_hash "transactionHash", e.args ->> 'statementHash' hash,
       e.args -> 'statement' statement,
       exists (select 1 from events t where t.contract = 'telemetry' and t.name in ('Submitted', 'Skipped')
         and (t.args ->> 'epoch')::int8 = (e.args -> 'statement' ->> 'toEpoch')::int8
         and coalesce(t.args ->> 'reportHash', t.args ->> 'skipHash') = e.args -> 'statement' ->> 'headHash'
         and ${isStanding("t")}) "isHeadOnChain",
       (select jsonb_build_object('at', v.time::text, 'reasonHash', w.args ->> 'reasonHash') from events w
         join blocks v on v.number = w.block where w.contract = 'statements' and w.name = 'Withdrawn'
         and w.args ->> 'statementHash' = e.args ->> 'statementHash') withdrawal
     from events e join blocks b on b.number = e.block where e.contract = 'statements' and e.name = 'Recorded'
       and ($1::int8 is null or ${EVENT_ID} < $1) and ($2::text is null or e.args ->> 'auditor' = $2)
       and ($3::text is null or e.args ->> 'subject' = $3) order by ${EVENT_ID} desc limit $4`,
    [before ?? null, auditor ?? null, subject ?? null, limit],
  );
  return rows.map(({ eventId, at, transactionHash, hash, statement, isHeadOnChain, withdrawal }) => ({
    ...{ eventId: String(eventId), statementHash: hash, auditor: statement.auditor, subject: statement.subject },
    subjectName: kinds.get(statement.subject) ?? null,
    ...{ fromEpoch: statement.fromEpoch, toEpoch: statement.toEpoch, headHash: statement.headHash, isHeadOnChain },
    ...{ findingsHash: statement.findingsHash, opinion: OPINIONS[Number(statement.opinion)] ?? "disclaimer" },
    ...{ signedAt: statement.signedAt, recordedAt: String(at), transactionHash },
    withdrawnAt: withdrawal?.at ?? null,
    reasonHash: withdrawal?.reasonHash ?? null,
  }));
}
