import { Group, Select, SimpleGrid, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { OPINIONS, signStatement, type Opinion } from "../../../server/protocol/auditStatement.ts";
import type { Hex } from "../../../server/protocol/bytes.ts";
import { keccakText } from "../../../server/protocol/keccak.ts";
import { domainOf } from "../../../server/protocol/typed.ts";
import { ActionButton, type Action, type Plan } from "../../action.tsx";
import { ask, useAnswer } from "../../api.tsx";
import type { Chain } from "../../chain.ts";
import { AddressText } from "../../components/AddressText.tsx";
import { epochText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { recordsWords } from "../../words/auditRecords.ts";
import { epochIn, hourText } from "./hourField.ts";

/** What an auditor states, signs and records. */
export function StatementForm() {
  const words = useWords(recordsWords);
  const { language } = useLanguage();
  const deployment = useAnswer("/v1/deployment").data;
  const facilities = useAnswer("/v1/facilities", { query: { limit: 200 } }).data?.items ?? [];
  const lastEpoch = useAnswer("/v1/summary").data?.lastEpoch ?? null;
  const [chosen, setSubject] = useState<string | null>(null);
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [opinion, setOpinion] = useState<Opinion>("unqualified");
  const [findings, setFindings] = useState("");
  const addresses = deployment?.addresses;
  const subjects = [
    ...(addresses === undefined
      ? []
      : [
          { value: addresses.telemetry, label: words.telemetry },
          { value: addresses.vault, label: words.vault },
        ]),
    ...facilities.map(({ address, name }) => ({ value: address, label: words.facilityOf(name) })),
  ];
  const subject = chosen ?? subjects[0]?.value ?? "";
  const toHour = to || (lastEpoch === null ? "" : hourText(BigInt(lastEpoch)));
  const fromHour = from || (lastEpoch === null ? "" : hourText(BigInt(lastEpoch) - 23n));
  const isWhole = subject !== "" && toHour !== "" && fromHour !== "" && findings.trim() !== "";

  const plan = async (chain: Chain): Promise<Plan> => {
    const { statements, authority } = chain.contracts;
    const { FailedAction } = await import("../../chain.ts");
    const [isAuditor] = await authority.hasRole(await statements.auditorRoleId(), chain.account);
    if (!isAuditor) throw new FailedAction("AuditStatements_NotAuditor", { account: chain.account });
    const [fromEpoch, toEpoch] = [epochIn(fromHour), epochIn(toHour)];
    const head = await ask("/v1/epochs/:epoch", { params: { epoch: String(toEpoch) } });
    const nowAt = (await chain.provider.getBlock("latest"))?.timestamp ?? 0;
    const statement = {
      ...{ auditor: chain.account, subject, fromEpoch: BigInt(fromEpoch), toEpoch: BigInt(toEpoch) },
      ...{ headHash: head.reportHash, findingsHash: keccakText(findings), signedAt: BigInt(nowAt) },
      opinion: BigInt(OPINIONS.indexOf(opinion)),
    };
    const domain = domainOf(await statements.eip712Domain());
    let signature: Hex = "0x";
    return {
      effects: [
        { label: words.subject, after: subjects.find(({ value }) => value === subject)?.label ?? subject },
        { label: words.fromHour, after: epochText(fromEpoch, language) },
        { label: words.toHour, after: epochText(toEpoch, language) },
        { label: words.opinion, after: words[opinion], ...(opinion !== "unqualified" && { tone: "warn" as const }) },
        { label: words.head, after: <AddressText value={statement.headHash} /> },
        { label: words.findingsHash, after: <AddressText value={statement.findingsHash} /> },
      ],
      steps: [
        {
          label: words.sign,
          async run({ signer }) {
            signature = await signStatement(signer, domain, statement);
            return undefined;
          },
        },
        { label: words.send, run: () => statements.record(statement, signature) },
      ],
    };
  };
  const action: Action = { title: words.record, plan, onDone: () => setFindings("") };

  return (
    <Stack gap="sm">
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <Select
          label={words.subject}
          data={subjects}
          value={subject === "" ? null : subject}
          onChange={setSubject}
          allowDeselect={false}
        />
        <Select
          label={words.opinion}
          description={words[`${opinion}Hint`]}
          inputWrapperOrder={["label", "input", "description"]}
          data={OPINIONS.map((value) => ({ value, label: words[value] }))}
          value={opinion}
          onChange={(value) => value !== null && setOpinion(value)}
          allowDeselect={false}
        />
        <TextInput
          type="datetime-local"
          step={3600}
          label={words.fromHour}
          value={fromHour}
          onChange={(event) => setFrom(event.currentTarget.value)}
        />
        <TextInput
          type="datetime-local"
          step={3600}
          label={words.toHour}
          value={toHour}
          onChange={(event) => setTo(event.currentTarget.value)}
        />
      </SimpleGrid>
      <Textarea
        label={words.findings}
        description={words.findingsHint}
        value={findings}
        onChange={(event) => setFindings(event.currentTarget.value)}
        autosize
        minRows={3}
      />
      {findings !== "" && (
        <Text size="sm" c="dimmed" component="div">
          {words.findingsHash} <AddressText value={keccakText(findings)} />
        </Text>
      )}
      <Group>
        <ActionButton action={action} disabled={!isWhole}>
          {words.signAndRecord}
        </ActionButton>
      </Group>
    </Stack>
  );
}
