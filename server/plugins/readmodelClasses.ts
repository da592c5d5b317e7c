import type { Db } from "./db.ts";

/** A class of a facility, by its token. */
export interface ClassRow {
  readonly token: string;
  readonly facility: string;
  readonly classIndex: number;
  readonly name: string;
  readonly symbol: string;
  readonly asset: string;
}

/** Every class that was ever issued, by its token. */
export async function classesOf(db: Db): Promise<Map<string, ClassRow>> {
  const { rows } = await db.query<ClassRow>(
    `select t.token, e.args ->> 'facility' facility, (t.place - 1)::int4 "classIndex",
       c.class ->> 'name' name, c.class ->> 'symbol' symbol, e.args -> 'settings' ->> 'asset' asset
     from events e, jsonb_array_elements_text(e.args -> 'classTokens') with ordinality t (token, place),
       jsonb_array_elements(e.args -> 'settings' -> 'classes') with ordinality c (class, place)
     where e.contract = 'facilities' and e.name = 'FacilityCreated' and t.place = c.place
     order by e.block, e.log_index, t.place`,
  );
  return new Map(rows.map((row) => [row.token, row]));
}

/** An event's place on the chain as one number that only grows. */
export const EVENT_ID = "(e.block * 1000000 + e.log_index)";
