import { expect } from "chai";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openStore } from "../../server/plugins/store.ts";
import { type EmbeddedPostgres, startPostgres } from "../../server/plugins/postgres.ts";

describe("store migrations", () => {
  let root: string;
  let server: EmbeddedPostgres;
  let databaseCount = 0;
  let databaseUrl: string;

  before(async () => {
    root = mkdtempSync(join(tmpdir(), "rackbond-migrations-"));
    server = await startPostgres({ dataDir: join(root, "data") });
  });

  beforeEach(async () => {
    const name = `test${databaseCount++}`;
    const url = (database: string) =>
      `postgres://${server.user}:${server.password}@${server.host}:${server.port}/${database}`;
    const store = await openStore({ dataDir: root, databaseUrl: url("postgres"), migrations: folder({}) });
    await store.db.query(`create database ${name}`);
    await store.close();
    databaseUrl = url(name);
  });

  after(async () => {
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  });

  function folder(files: Record<string, string>): URL {
    const path = mkdtempSync(join(root, "migrations-"));
    mkdirSync(path, { recursive: true });
    for (const [name, sql] of Object.entries(files)) writeFileSync(join(path, name), sql);
    return pathToFileURL(`${path}/`);
  }

  /** Opens the database with these migrations; the code of the refusal, or the tables and numbers there are. */
  async function open(files: Record<string, string>): Promise<string> {
    try {
      const store = await openStore({ dataDir: root, databaseUrl, migrations: folder(files) });
      const { rows } = await store.db.query<{ state: string }>(
        `select (select string_agg(tablename, ' ' order by tablename) from pg_tables where schemaname = 'public')
           || ': ' || (select coalesce(string_agg(number::text, ' ' order by number), '') from schema_migrations) state`,
      );
      await store.close();
      return rows[0]?.state ?? "";
    } catch (error) {
      return String((error as { code: unknown }).code);
    }
  }

  const one = { "001_one.sql": "create table one (n int8); insert into one values (1);" };
  const two = { ...one, "002_two.sql": "create table two (n int8);" };

  it("S17: are applied in order, each once", async () => {
    expect(await open(one)).to.equal("one schema_migrations: 1");
    expect(await open(two)).to.equal("one schema_migrations two: 1 2");
    expect(await open(two)).to.equal("one schema_migrations two: 1 2");
  });

  it("S17: are applied once by many programs that start together", async () => {
    const states = await Promise.all(Array.from({ length: 5 }, () => open(two)));
    expect(new Set(states)).to.deep.equal(new Set(["one schema_migrations two: 1 2"]));
  });

  it("S17: refuse a database newer than the program", async () => {
    await open(two);
    expect(await open(one)).to.equal("Migration_Newer");
    expect(await open(two)).to.equal("one schema_migrations two: 1 2");
  });

  it("S17: refuse a history that was edited", async () => {
    await open(one);
    expect(await open({ ...two, "001_one.sql": "create table one (n int4);" })).to.equal("Migration_Changed");
    expect(await open(one)).to.equal("one schema_migrations: 1");
  });

  it("S17: take a file with other line ends for the same", async () => {
    await open({ "001_one.sql": "create table one (n int8);\n-- end\n" });
    expect(await open({ "001_one.sql": "create table one (n int8);\r\n-- end\r\n" })).to.equal(
      "one schema_migrations: 1",
    );
  });

  it("S17: leave nothing of one that fails half-way, and go on when it is mended", async () => {
    const broken = { ...one, "002_two.sql": "create table two (n int8); insert into two values ('x');" };
    expect(await open(broken)).to.equal("Migration_Failed");
    expect(await open(one)).to.equal("one schema_migrations: 1");
    expect(await open(two)).to.equal("one schema_migrations two: 1 2");
  });

  it("refuse a file that is out of number", async () => {
    expect(await open({ ...one, "003_three.sql": "select 1" })).to.equal("Migration_Misnumbered");
    expect(await open({ "1_one.sql": "select 1" })).to.equal("Migration_Misnumbered");
  });
});
