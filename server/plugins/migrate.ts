import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { Failure, messageOf } from "../failure.ts";
import type { Db, Transact } from "./db.ts";

// Brings the schema to this program's version: the files NNN_name.sql of the migrations folder, in order, each once,
// each in a transaction of its own. What was applied is recorded with a checksum and never edited afterwards.

const LOCK = 7_204_113_905n; // every program that migrates waits for this advisory lock

interface Migration {
  number: number;
  name: string;
  sql: string;
  checksum: string;
}

/** Applies what is missing. Refuses a database that is newer than the program, or whose history differs. */
export async function migrate(transaction: Transact, folder: URL): Promise<void> {
  const known = readMigrations(folder);
  await transaction(async (tx) => {
    await tx.query("select pg_advisory_xact_lock($1)", [LOCK]);
    await tx.query(`create table if not exists schema_migrations (
      number int4 primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`);
  });
  for (;;) {
    const next = await transaction(async (tx) => {
      await tx.query("set local statement_timeout = 0; set local lock_timeout = 0");
      await tx.query("select pg_advisory_xact_lock($1)", [LOCK]);
      const migration = known[await appliedCount(tx, known)];
      if (migration === undefined) return undefined;
      try {
        await tx.query(migration.sql);
      } catch (error) {
        throw new Failure("Migration_Failed", `migration ${migration.name}: ${messageOf(error)}`, { cause: error });
      }
      await tx.query("insert into schema_migrations (number, name, checksum) values ($1, $2, $3)", [
        migration.number,
        migration.name,
        migration.checksum,
      ]);
      return migration;
    });
    if (next === undefined) return;
  }
}

/** How many of the known migrations the database has; refuses any that the program does not know as it is. */
async function appliedCount(db: Db, known: Migration[]): Promise<number> {
  const { rows } = await db.query<{ number: number; name: string; checksum: string }>(
    "select number, name, checksum from schema_migrations order by number",
  );
  for (const [place, applied] of rows.entries()) {
    const migration = known[place];
    if (migration === undefined)
      throw new Failure(
        "Migration_Newer",
        `the database is at migration ${rows.at(-1)?.number}, this program knows ${known.length}; use a newer program`,
      );
    if (applied.number !== migration.number || applied.checksum !== migration.checksum)
      throw new Failure(
        "Migration_Changed",
        `migration ${applied.number} was applied as ${applied.name} with checksum ${applied.checksum}; ` +
          `this program has ${migration.name} with ${migration.checksum}`,
      );
  }
  return rows.length;
}

function readMigrations(folder: URL): Migration[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  return names.sort().map((name, place) => {
    const number = Number(/^(\d{3})_\w+\.sql$/.exec(name)?.[1]);
    if (number !== place + 1) throw new Failure("Migration_Misnumbered", `${name} should have number ${place + 1}`);
    const sql = readFileSync(new URL(name, folder), "utf8").replaceAll("\r\n", "\n");
    return { number, name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
  });
}
