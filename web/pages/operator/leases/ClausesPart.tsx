import {
  ActionIcon,
  Button,
  Checkbox,
  FileButton,
  Group,
  Select,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { EFFICIENCY_METRICS } from "../../../../server/protocol/lease.ts";
import { keccakHex } from "../../../../server/protocol/keccak.ts";
import { Glyph } from "../../../components/Glyph.tsx";
import { Section } from "../../../components/Section.tsx";
import { useWords } from "../../../language.tsx";
import { draftWords } from "../../../words/draft.ts";
import { Field, type FormHold } from "./Field.tsx";
import type { SaidStep } from "./draftSaid.ts";

const MAX_STEPS = 8;

/** The clauses that terms may leave out. */
export function ClausesPart({ hold }: { hold: FormHold }) {
  const words = useWords(draftWords);
  const { said, change, fault } = hold;
  const hashDocument = async (file: File | null) => {
    if (file !== null) change({ documentHash: keccakHex(new Uint8Array(await file.arrayBuffer())) });
  };
  return (
    <>
      {!said.isTripleNet && (
        <Section title={words.serviceTitle} lead={words.serviceLead}>
          <ServiceLevels hold={hold} />
        </Section>
      )}
      <Section title={words.efficiencyTitle}>
        <SimpleGrid cols={{ base: 2, sm: 5 }} spacing="sm">
          <Select
            label={words.metric}
            data={EFFICIENCY_METRICS.map((value) => ({ value, label: words[value] }))}
            value={said.metric}
            onChange={(metric) => change({ metric: metric ?? "None" })}
            allowDeselect={false}
          />
          {said.metric !== "None" && (
            <>
              <Field hold={hold} name="target" label={words.target} />
              <Field hold={hold} name="sharedSaving" label={words.sharedSaving} />
              <Field hold={hold} name="maxSaving" label={words.maxSaving} />
              <Field hold={hold} name="kWhRate" label={words.kWhRate} isMoney />
            </>
          )}
        </SimpleGrid>
      </Section>
      <Section title={words.exitTitle}>
        <SimpleGrid cols={{ base: 2, sm: 3 }} spacing="sm">
          <Field hold={hold} name="minMonths" label={words.minMonths} />
          <Field hold={hold} name="noticeDays" label={words.noticeDays} />
          <Field hold={hold} name="terminationFee" label={words.terminationFee} isMoney />
          <Field hold={hold} name="renewalMonths" label={words.renewalMonths} />
          <Field hold={hold} name="renewalRent" label={words.renewalRent} />
          <Field hold={hold} name="purchase" label={words.purchase} isMoney description={words.purchaseHint} />
        </SimpleGrid>
      </Section>
      <Section title={words.otherTitle}>
        <Stack gap="sm">
          <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm">
            <Field hold={hold} name="countries" label={words.countries} description={words.countriesHint} />
            <Field hold={hold} name="bucket" label={words.bucket} description={words.bucketHint} />
            <TextInput
              label={words.document}
              description={words.documentHint}
              inputWrapperOrder={["label", "input", "description", "error"]}
              value={said.documentHash}
              onChange={(event) => change({ documentHash: event.currentTarget.value })}
              error={fault("documentHash")}
              spellCheck={false}
              rightSectionWidth={40}
              rightSection={
                <FileButton onChange={(file) => void hashDocument(file)}>
                  {(props) => (
                    <ActionIcon {...props} variant="subtle" color="gray" aria-label={words.chooseDocument}>
                      <Glyph name="up" />
                    </ActionIcon>
                  )}
                </FileButton>
              }
            />
          </SimpleGrid>
          <Checkbox
            label={words.isTripleNet}
            checked={said.isTripleNet}
            onChange={(event) => change({ isTripleNet: event.currentTarget.checked })}
            error={fault("isTripleNet")}
          />
          <Checkbox
            label={words.isRelated}
            checked={said.isRelated}
            onChange={(event) => change({ isRelated: event.currentTarget.checked })}
          />
        </Stack>
      </Section>
    </>
  );
}

function ServiceLevels({ hold: { said, change, fault } }: { hold: FormHold }) {
  const words = useWords(draftWords);
  const steps = said.sla;
  const put = (place: number, changed: Partial<SaidStep>) =>
    change({ sla: steps.map((step, at) => (at === place ? { ...step, ...changed } : step)) });
  return (
    <Stack gap="xs">
      {steps.map((step, place) => (
        <Group key={place} gap="sm" align="flex-end" wrap="nowrap">
          <TextInput
            label={words.availability}
            inputMode="decimal"
            value={step.availability}
            onChange={(event) => put(place, { availability: event.currentTarget.value })}
            maw={200}
          />
          <TextInput
            label={words.credit}
            inputMode="decimal"
            value={step.credit}
            onChange={(event) => put(place, { credit: event.currentTarget.value })}
            maw={200}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            aria-label={words.removeStep(String(place + 1))}
            onClick={() => change({ sla: steps.filter((_, at) => at !== place) })}
          >
            <Glyph name="close" />
          </ActionIcon>
        </Group>
      ))}
      {fault("sla") !== undefined && (
        <Text size="xs" className="bad" role="alert">
          {fault("sla")}
        </Text>
      )}
      <Group>
        <Button
          size="xs"
          variant="default"
          disabled={steps.length >= MAX_STEPS}
          onClick={() => change({ sla: [...steps, { availability: "", credit: "" }] })}
        >
          {words.addStep}
        </Button>
      </Group>
    </Stack>
  );
}
