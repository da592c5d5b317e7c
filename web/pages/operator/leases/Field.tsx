import { TextInput } from "@mantine/core";
import type { Money } from "../money.ts";
import type { DraftSaid, SaidField } from "./draftSaid.ts";

/** What a field needs of the form. */
export interface FormHold {
  readonly said: DraftSaid;
  readonly change: (changed: Partial<DraftSaid>) => void;
  /** What is wrong with a field, once the form was tried. */
  readonly fault: (field: SaidField) => string | undefined;
  readonly money: Money;
}

type TextField = { [K in SaidField]: DraftSaid[K] extends string ? K : never }[SaidField];

interface FieldProps {
  hold: FormHold;
  name: TextField;
  label: string;
  isMoney?: boolean;
  description?: string;
}

/** A field of the form that is a number or an amount. */
export function Field({ hold, name, label, isMoney = false, description }: FieldProps) {
  return (
    <TextInput
      label={isMoney ? `${label} (${hold.money.unit})` : label}
      inputMode="decimal"
      value={hold.said[name]}
      onChange={(event) => hold.change({ [name]: event.currentTarget.value })}
      error={hold.fault(name)}
      {...(description === undefined ? {} : { description })}
      inputWrapperOrder={["label", "input", "description", "error"]}
    />
  );
}
