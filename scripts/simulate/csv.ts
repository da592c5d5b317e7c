import { stringify } from "csv-stringify/sync";

import { centsOf } from "./figures.ts";
import type { SimulationResult } from "./result.ts";
import { stepName } from "./words.ts";

/** One row a period and step, amounts in dollars and cents: a pivot table's form. */
export function csvOf(result: SimulationResult): string {
  const rows = result.periods.flatMap((period) => {
    const of = (item: string, due: string, paid: string) => ({
      ...{ period: period.index + 1, date: period.dueOn, state: period.state, item },
      ...{ due: due === "" ? "" : centsOf(BigInt(due)), paid: centsOf(BigInt(paid)) },
      ...{ dscrBps: period.dscrBps ?? "", ltvBps: period.ltvBps ?? "" },
    });
    return [
      of("rent", "", period.rent),
      of("collections", "", period.collections),
      ...period.steps.map((step) => of(stepName(step), step.due, step.paid)),
      ...period.classes.map(({ name, outstanding }) => of(`outstanding ${name}`, "", outstanding)),
      of("reserve balance", "", period.reserve),
      of("trapped balance", "", period.trapped),
    ];
  });
  return stringify(rows, {
    header: true,
    columns: ["period", "date", "state", "item", "due", "paid", "dscrBps", "ltvBps"],
  });
}
