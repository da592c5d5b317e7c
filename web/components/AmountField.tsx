import { Button, Group, Text, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { formatAssets, parseAssets } from "../../server/protocol/units.ts";
import { amountText } from "../format.ts";
import { useLanguage, useWords } from "../language.tsx";
import { fieldWords } from "../words/field.ts";

/** An amount as it is being typed. */
export interface AmountInput {
  text: string;
  set: (text: string, isMost?: boolean) => void;
  /** The most was asked for, whatever it comes to by then. */
  isMost: boolean;
  /** In base units; undefined while nothing, or no amount, is there. */
  units: bigint | undefined;
  decimalCount: number;
  isMalformed: boolean;
}

/** What an amount field holds. */
export function useAmountInput(decimalCount: number, first = ""): AmountInput {
  const [{ text, isMost }, setTyped] = useState({ text: first, isMost: false });
  const set = (typed: string, takesMost = false) => setTyped({ text: typed, isMost: takesMost });
  const units = unitsOf(text, decimalCount);
  const isMalformed = units === undefined && text.trim() !== "";
  return { text, set, isMost, units: units === 0n ? undefined : units, decimalCount, isMalformed };
}

/** Base units of a decimal text, with or without groups. */
function unitsOf(text: string, decimalCount: number): bigint | undefined {
  const plain = text.replaceAll(/[\s,_]/g, "");
  if (!/^\d+(?:\.\d*)?$/.test(plain)) return undefined;
  try {
    return parseAssets(plain.replace(/^0+(?=\d)/, "").replace(/\.$/, ""), decimalCount);
  } catch {
    return undefined;
  }
}

interface AmountFieldProps {
  label: string;
  input: AmountInput;
  unit: string;
  /** The most that can be asked for; what is above is said to be, not refused. */
  most?: bigint | undefined;
  /** What the most is. */
  mostLabel?: string;
  hint?: ReactNode;
}

/** An amount to type, with its unit and the most there is. */
export function AmountField({ label, input, unit, most, mostLabel, hint }: AmountFieldProps) {
  const words = useWords(fieldWords);
  const { language } = useLanguage();
  const { decimalCount } = input;
  const isOver = most !== undefined && input.units !== undefined && input.units > most;
  const mostText =
    most === undefined
      ? ""
      : `${amountText(most, decimalCount, language, decimalCount > 2 ? 2 : decimalCount)} ${unit}`;
  const error = input.isMalformed ? words.malformed(decimalCount) : isOver ? words.over(mostText) : undefined;
  return (
    <TextInput
      label={label}
      inputMode="decimal"
      autoComplete="off"
      spellCheck={false}
      value={input.text}
      onChange={(event) => input.set(event.currentTarget.value)}
      error={error}
      classNames={{ input: "figures" }}
      rightSection={
        <Text size="sm" c="dimmed" pe="sm" style={{ whiteSpace: "nowrap" }}>
          {unit}
        </Text>
      }
      rightSectionWidth={`${Math.max(unit.length, 3) + 3}ch`}
      description={
        most === undefined && hint === undefined ? undefined : (
          <Group component="span" gap={6} justify="space-between">
            <span>
              {most !== undefined && `${mostLabel ?? words.most}: ${mostText}`}
              {most !== undefined && hint !== undefined && " · "}
              {hint}
            </span>
            {most !== undefined && most > 0n && (
              <Button
                variant="subtle"
                size="compact-xs"
                onClick={() => input.set(formatAssets(most, decimalCount), true)}
                aria-label={words.takeMost(label, mostText)}
              >
                {words.max}
              </Button>
            )}
          </Group>
        )
      }
      inputWrapperOrder={["label", "input", "error", "description"]}
    />
  );
}
