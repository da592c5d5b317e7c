import { Select, SimpleGrid, TextInput, type InputWrapperProps } from "@mantine/core";
import { parseAssets } from "../../../../server/protocol/units.ts";
import type { Model } from "../../../../server/protocol/apiRegistry.ts";
import type { ListAnswer } from "../../../api.tsx";
import { Section } from "../../../components/Section.tsx";
import { Answered, Empty } from "../../../components/States.tsx";
import { countText } from "../../../format.ts";
import { useLanguage, useWords } from "../../../language.tsx";
import { registerWords } from "../../../words/register.ts";
import type { Money } from "../money.ts";

/** What a person has said of a lot so far. */
export interface LotSaid {
  readonly modelId: string | null;
  readonly cost: string;
  readonly day: string;
}

/** The cost in base units; undefined where what is said is none. */
export function costOf({ cost }: LotSaid, money: Money | undefined): bigint | undefined {
  try {
    const assets = money === undefined ? 0n : parseAssets(cost.replace(/[,\s]/g, ""), money.decimalCount);
    return assets > 0n ? assets : undefined;
  } catch {
    return undefined;
  }
}

/** The first second of the day of service; undefined where it is none, or not over yet. */
export function dayOf({ day }: LotSaid): bigint | undefined {
  const timeMs = Date.parse(`${day}T00:00:00Z`);
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(day) && timeMs > 0 && timeMs <= Date.now();
  return isDay ? BigInt(timeMs / 1000) : undefined;
}

const BELOW = ["label", "input", "description", "error"] satisfies InputWrapperProps["inputWrapperOrder"];

interface LotPartProps {
  said: LotSaid;
  models: ListAnswer<Model>;
  money: Money | undefined;
  onChange: (said: LotSaid) => void;
}

/** What a lot is registered with, besides its devices. */
export function LotPart({ said, models, money, onChange }: LotPartProps) {
  const words = useWords(registerWords);
  const { language } = useLanguage();
  return (
    <Section title={words.lotTitle} lead={words.lotLead}>
      <Answered of={models} empty={<Empty title={words.noModels} />}>
        {(list) => {
          const model = list.find(({ modelId }) => modelId === said.modelId);
          return (
            <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm">
              <Select
                label={words.model}
                description={model !== undefined && words.modelHint(countText(model.tdpW, language))}
                inputWrapperOrder={BELOW}
                data={list.map(({ modelId, name }) => ({ value: modelId, label: name }))}
                value={said.modelId}
                onChange={(modelId) => onChange({ ...said, modelId })}
                allowDeselect={false}
              />
              <TextInput
                label={words.cost}
                description={money?.unit}
                inputWrapperOrder={BELOW}
                inputMode="decimal"
                value={said.cost}
                onChange={(event) => onChange({ ...said, cost: event.currentTarget.value })}
                error={said.cost !== "" && costOf(said, money) === undefined && words.badCost}
              />
              <TextInput
                type="date"
                label={words.commissioned}
                description={words.commissionedHint}
                inputWrapperOrder={BELOW}
                value={said.day}
                onChange={(event) => onChange({ ...said, day: event.currentTarget.value })}
                error={said.day !== "" && dayOf(said) === undefined && words.badDay}
              />
            </SimpleGrid>
          );
        }}
      </Answered>
    </Section>
  );
}
