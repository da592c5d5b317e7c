import { Alert, Button, Group, Select, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { LotDetail } from "../../../../server/protocol/api.ts";
import { PRICINGS } from "../../../../server/protocol/lease.ts";
import { openingAssets, termsFaults } from "../../../../server/protocol/leaseTerms.ts";
import { API_KEY, tell, useAnswer } from "../../../api.tsx";
import { AddressText } from "../../../components/AddressText.tsx";
import { Amount } from "../../../components/Amount.tsx";
import { Section } from "../../../components/Section.tsx";
import { countText } from "../../../format.ts";
import { useLanguage, useWords } from "../../../language.tsx";
import { draftWords } from "../../../words/draft.ts";
import type { Money } from "../money.ts";
import { ClausesPart } from "./ClausesPart.tsx";
import { Field, type FormHold } from "./Field.tsx";
import { USUAL, fieldOf, termsSaid, type DraftSaid, type SaidField } from "./draftSaid.ts";

interface DraftFormProps {
  lots: readonly LotDetail[];
  money: Money;
  onDone: () => void;
}

/** Drafts a lease on one of the operator's free lots. */
export function DraftForm({ lots, money, onDone }: DraftFormProps) {
  const words = useWords(draftWords);
  const { language } = useLanguage();
  const client = useQueryClient();
  const addresses = useAnswer("/v1/deployment").data?.addresses;
  const summary = useAnswer("/v1/summary").data;
  const [said, setSaid] = useState<DraftSaid>({ ...USUAL, lotId: lots[0]?.lotId ?? "" });
  const [salt] = useState(() => hexOf(crypto.getRandomValues(new Uint8Array(32))));
  const [isTried, setTried] = useState(false);
  const [failure, setFailure] = useState<string>();
  const [isSending, setSending] = useState(false);

  const lot = lots.find(({ lotId }) => lotId === said.lotId);
  const payee = lot === undefined ? "" : (lot.lienHolder ?? lot.operator);
  const place = {
    ...{ payee, asset: money.asset, assetDecimalCount: money.decimalCount, salt },
    indexSource: addresses?.computeIndex ?? "",
  };
  const read = termsSaid(said, place);
  const terms = Array.isArray(read) ? undefined : read;
  const nowAt = BigInt(summary?.chainTimeAt ?? 0);
  const refused =
    terms === undefined || lot === undefined
      ? []
      : termsFaults(terms, {
          ...{ nowAt, payee, country: lot.country, isRetired: lot.isRetired },
          assetDecimalCount: money.decimalCount,
        });
  const text = (code: string) => (words as unknown as Record<string, string>)[code] ?? code;
  const fault = (field: SaidField) => {
    if (!isTried) return undefined;
    if (Array.isArray(read)) {
      const found = read.find(({ at }) => at === field);
      return found === undefined ? undefined : words[found.what];
    }
    const found = refused.find(({ at }) => fieldOf(at) === field);
    return found === undefined ? undefined : text(found.code);
  };
  const hold: FormHold = { said, fault, money, change: (changed) => setSaid((before) => ({ ...before, ...changed })) };

  const send = async () => {
    setTried(true);
    setFailure(undefined);
    if (terms === undefined || refused.length > 0) return;
    setSending(true);
    try {
      await tell("POST", "/v1/lease-drafts", { terms });
      await client.invalidateQueries({ queryKey: [API_KEY] });
      onDone();
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
    } finally {
      setSending(false);
    }
  };

  return (
    <form
      data-testid="draft"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <Section title={words.partiesTitle} lead={words.lead}>
        <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
          <Select
            label={words.lot}
            data={lots.map(({ lotId, modelName, gpuCount }) => ({
              value: lotId,
              label: words.lotOption(lotId, modelName, countText(gpuCount, language)),
            }))}
            value={said.lotId === "" ? null : said.lotId}
            onChange={(lotId) => hold.change({ lotId: lotId ?? "" })}
            error={fault("lotId")}
            nothingFoundMessage={words.noLots}
            allowDeselect={false}
            searchable
          />
          <TextInput
            label={words.lessee}
            description={words.lesseeHint}
            inputWrapperOrder={["label", "input", "description", "error"]}
            className="mono"
            value={said.lessee}
            onChange={(event) => hold.change({ lessee: event.currentTarget.value })}
            error={fault("lessee")}
            spellCheck={false}
          />
          <TextInput
            type="date"
            label={words.start}
            description={words.startHint}
            inputWrapperOrder={["label", "input", "description", "error"]}
            value={said.startDay}
            onChange={(event) => hold.change({ startDay: event.currentTarget.value })}
            error={fault("startDay")}
          />
          <Field hold={hold} name="months" label={words.months} />
        </SimpleGrid>
        {lot !== undefined && (
          <Text size="sm" c="dimmed" mt="sm" component="div">
            {words.payee} {lot.lienHolder === null ? words.payeeOperator : words.payeeHolder}{" "}
            <AddressText value={payee} />
          </Text>
        )}
      </Section>
      <Section title={words.rentTitle}>
        <Stack gap="sm">
          <Select
            label={words.pricing}
            data={PRICINGS.map((value) => ({ value, label: words[value] }))}
            value={said.pricing}
            onChange={(pricing) => hold.change({ pricing: pricing ?? "TakeOrPay" })}
            allowDeselect={false}
            maw={360}
          />
          <SimpleGrid cols={{ base: 2, sm: 3 }} spacing="sm">
            {said.pricing === "TakeOrPay" && <Field hold={hold} name="baseRent" label={words.baseRent} isMoney />}
            {said.pricing === "TakeOrPay" && <Field hold={hold} name="prepaidMonths" label={words.prepaidMonths} />}
            {said.pricing === "Metered" && <Field hold={hold} name="gpuHourRate" label={words.gpuHourRate} isMoney />}
            {said.pricing === "IndexLinked" && (
              <>
                <Field hold={hold} name="indexShare" label={words.indexShare} />
                <Field hold={hold} name="indexFloor" label={words.indexFloor} isMoney />
                <Field hold={hold} name="indexCap" label={words.indexCap} isMoney />
              </>
            )}
            <Field hold={hold} name="deposit" label={words.deposit} isMoney />
            <Field hold={hold} name="dueDays" label={words.dueDays} />
            <Field hold={hold} name="lateFee" label={words.lateFee} />
            <Field hold={hold} name="cureDays" label={words.cureDays} />
          </SimpleGrid>
        </Stack>
      </Section>
      <ClausesPart hold={hold} />
      {failure !== undefined && (
        <Alert color="red" variant="light" role="alert" mb="md">
          {failure}
        </Alert>
      )}
      <Group justify="space-between" mb="xl">
        <Text size="sm" c="dimmed" component="div" role="status">
          {terms !== undefined && (
            <>
              {words.opening} <Amount assets={openingAssets(terms)} {...money} />
            </>
          )}
        </Text>
        <Group gap="xs">
          <Button variant="default" onClick={onDone}>
            {words.cancel}
          </Button>
          <Button type="submit" loading={isSending}>
            {words.save}
          </Button>
        </Group>
      </Group>
    </form>
  );
}

function hexOf(bytes: Uint8Array): string {
  return `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
