import { Stack, Text } from "@mantine/core";
import type { Statement } from "../../../server/protocol/apiAccess.ts";
import { OPINIONS } from "../../../server/protocol/auditStatement.ts";
import { ZERO_BYTES32 } from "../../../server/protocol/bytes.ts";
import { ActionButton, type Action } from "../../action.tsx";
import { hrefOf, useList } from "../../api.tsx";
import type { Chain } from "../../chain.ts";
import { AddressText } from "../../components/AddressText.tsx";
import { DataTable } from "../../components/DataTable.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { epochText, timeText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { useWallet } from "../../wallet.tsx";
import { recordsWords } from "../../words/auditRecords.ts";
import { StatementForm } from "./StatementForm.tsx";

const LISTED = { query: { limit: 50 } };

export default function StatementsPage() {
  const words = useWords(recordsWords);
  const { language } = useLanguage();
  const { account } = useWallet();
  const statements = useList("/v1/statements", "before", LISTED);
  return (
    <>
      <PageHead title={words.statements} lead={words.statementsLead} />
      <Section title={words.record} lead={words.recordLead}>
        <StatementForm />
      </Section>
      <Section title={words.list}>
        <Answered of={statements} empty={<Empty title={words.noStatements}>{words.noStatementsHint}</Empty>}>
          {(rows) => (
            <DataTable
              caption={words.list}
              rows={rows}
              rowKey={({ statementHash }) => statementHash}
              csvHref={hrefOf("/v1/statements", LISTED)}
              more={statements}
              columns={[
                {
                  key: "subject",
                  title: words.subject,
                  cell: ({ subject, subjectName }) => (
                    <AddressText value={subject} {...(subjectName !== null && { name: subjectName })} />
                  ),
                },
                {
                  key: "hours",
                  title: words.hours,
                  cell: ({ fromEpoch, toEpoch }) => (
                    <Stack gap={0}>
                      <span>{epochText(fromEpoch, language)}</span>
                      <span>{epochText(toEpoch, language)}</span>
                    </Stack>
                  ),
                },
                {
                  key: "opinion",
                  title: words.opinion,
                  cell: ({ opinion }) => (
                    <span className={opinion === "unqualified" ? "good" : "warn"}>{words[opinion]}</span>
                  ),
                },
                {
                  key: "head",
                  title: words.head,
                  wraps: true,
                  cell: ({ headHash, isHeadOnChain }) => (
                    <Stack gap={0}>
                      <AddressText value={headHash} />
                      <Text size="xs" className={isHeadOnChain ? "good" : "bad"}>
                        {isHeadOnChain ? words.isHere : words.isNotHere}
                      </Text>
                    </Stack>
                  ),
                },
                {
                  key: "findings",
                  title: words.findingsHash,
                  cell: ({ findingsHash }) => <AddressText value={findingsHash} />,
                },
                { key: "auditor", title: words.auditor, cell: ({ auditor }) => <AddressText value={auditor} /> },
                { key: "signed", title: words.signed, cell: ({ signedAt }) => <When at={signedAt} /> },
                {
                  key: "state",
                  title: words.state,
                  cell: (statement) =>
                    statement.withdrawnAt !== null ? (
                      <span className="bad">{words.withdrawn(timeText(statement.withdrawnAt, language, true))}</span>
                    ) : account?.toLowerCase() === statement.auditor.toLowerCase() ? (
                      <WithdrawButton statement={statement} />
                    ) : (
                      words.standing
                    ),
                },
              ]}
            />
          )}
        </Answered>
      </Section>
    </>
  );
}

function WithdrawButton({ statement }: { statement: Statement }) {
  const words = useWords(recordsWords);
  const { auditor, subject, fromEpoch, toEpoch, headHash, findingsHash, opinion, signedAt } = statement;
  const call = {
    ...{ auditor, subject, fromEpoch, toEpoch, headHash, findingsHash, signedAt },
    opinion: BigInt(OPINIONS.indexOf(opinion)),
  };
  const action: Action = {
    title: words.withdrawTitle,
    async plan({ contracts: { statements } }: Chain) {
      await statements.withdraw.staticCall(call, ZERO_BYTES32);
      return {
        effects: [{ label: words.state, before: words.standing, after: words.withdraw, tone: "bad" }],
        steps: [{ label: words.withdraw, run: () => statements.withdraw(call, ZERO_BYTES32) }],
        warnings: [words.withdrawWarning],
      };
    },
  };
  return (
    <ActionButton action={action} size="xs" variant="default">
      {words.withdraw}
    </ActionButton>
  );
}
