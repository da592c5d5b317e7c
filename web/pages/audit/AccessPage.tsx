import { Group, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Access } from "../../../server/protocol/apiAccess.ts";
import { hrefOf, useList } from "../../api.tsx";
import { AddressText } from "../../components/AddressText.tsx";
import { DataTable } from "../../components/DataTable.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { spanText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { recordsWords } from "../../words/auditRecords.ts";

const LISTED = { query: { limit: 200 } };

export default function AccessPage() {
  const words = useWords(recordsWords);
  const [text, setText] = useState("");
  const access = useList("/v1/access", "after", LISTED);
  const wanted = text.trim().toLowerCase();
  return (
    <>
      <PageHead title={words.access} lead={words.accessLead} />
      <Group mb="lg">
        <TextInput
          label={words.filter}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          w={{ base: "100%", xs: 360 }}
        />
      </Group>
      <Answered of={access}>
        {(rows) => (
          <div className="surface" style={{ padding: "14px 16px" }}>
            <DataTable
              caption={words.access}
              rows={rows.filter((row) => textOf(row).includes(wanted))}
              rowKey={({ target, selector }) => `${target} ${selector}`}
              empty={<Empty title={words.noMatch} />}
              csvHref={hrefOf("/v1/access", LISTED)}
              more={access}
              columns={[
                {
                  key: "contract",
                  title: words.contract,
                  sortBy: ({ contract }) => contract,
                  cell: ({ contract, target }) => (
                    <Stack gap={0}>
                      <span>{contract}</span>
                      <Text size="xs" c="dimmed" component="span">
                        <AddressText value={target} />
                      </Text>
                    </Stack>
                  ),
                },
                {
                  key: "function",
                  title: words.function,
                  wraps: true,
                  sortBy: ({ signature }) => signature,
                  cell: ({ signature }) => (
                    <span className="mono" style={{ wordBreak: "break-word" }}>
                      {signature}
                    </span>
                  ),
                },
                { key: "role", title: words.role, sortBy: ({ role }) => role, cell: ({ role }) => role },
                { key: "holders", title: words.holders, cell: (row) => <Holders access={row} /> },
              ]}
            />
          </div>
        )}
      </Answered>
    </>
  );
}

function textOf({ contract, signature, role, members, target }: Access): string {
  return [contract, signature, role, target, ...members.flatMap(({ account, name }) => [account, name ?? ""])]
    .join(" ")
    .toLowerCase();
}

/** Who may call it, and after which delay. */
function Holders({ access: { members, isTargetClosed } }: { access: Access }) {
  const words = useWords(recordsWords);
  const { language } = useLanguage();
  if (isTargetClosed) return <span className="warn">{words.closed}</span>;
  if (members.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {words.nobody}
      </Text>
    );
  }
  return (
    <Stack gap={2}>
      {members.map(({ account, name, delaySec }) => (
        <span key={account}>
          <AddressText value={account} {...(name !== null && { name })} />{" "}
          <Text span size="xs" c="dimmed">
            {delaySec === 0 ? words.noDelay : words.delay(spanText(delaySec, language))}
          </Text>
        </span>
      ))}
    </Stack>
  );
}
