import { expect } from "chai";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { nativeFolder } from "../../server/plugins/binaries.ts";
import { startPostgres } from "../../server/plugins/postgres.ts";
import { isPostgresOf } from "../../server/plugins/processes.ts";
import { type ReadingRow, insertReadings, markOf, readingsOf, setMark } from "../../server/plugins/queries.ts";
import { type Store, openStore } from "../../server/plugins/store.ts";

const hash = (n: number): `0x${string}` => `0x${n.toString(16).padStart(64, "0")}`;
const reading = (nodeId: bigint): ReadingRow => ({
  epoch: 490_000n,
  nodeId,
  lotId: 1n,
  sequence: 1n,
  readingHash: hash(Number(nodeId)),
  body: Buffer.from("{}"),
  signature: "0x01",
  receivedAt: 1_764_000_000n,
});

describe("store", () => {
  let root: string;
  let dataDir: string;
  const opened: Store[] = [];
  const open = async (options: { dataDir?: string; databaseUrl?: string } = {}) => {
    const store = await openStore({ dataDir, ...options });
    opened.push(store);
    return store;
  };
  const refusal = async (work: Promise<unknown>): Promise<string> => {
    try {
      await work;
    } catch (error) {
      return String((error as { code?: unknown }).code ?? error);
    }
    throw new Error("it was not refused");
  };

  before(() => {
    root = mkdtempSync(join(tmpdir(), "rackbond-store-")); // mode 0700
    dataDir = join(root, "data");
  });

  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close().catch(() => undefined);
  });

  after(() => rmSync(root, { recursive: true, force: true }));

  describe("open", () => {
    it("makes a cluster in UTC, UTF8 and C locale, with fsync, on 127.0.0.1 only, its secrets closed", async () => {
      const store = await open();
      const { rows } = await store.db.query<Record<string, string>>(
        `select current_setting('timezone') zone, current_setting('server_encoding') encoding,
           current_setting('lc_messages') messages, current_setting('fsync') fsync,
           current_setting('listen_addresses') addresses, current_setting('password_encryption') password,
           (select datcollate from pg_database where datname = current_database()) collation`,
      );
      expect(rows[0]).to.deep.equal({
        zone: "UTC",
        encoding: "UTF8",
        messages: "C",
        fsync: "on",
        addresses: "127.0.0.1",
        password: "scram-sha-256",
        collation: "C",
      });
      expect(statSync(join(dataDir, "postgres.password")).mode & 0o777).to.equal(0o600);
      expect(statSync(join(dataDir, "postgres")).mode & 0o777).to.equal(0o700);
      expect(readFileSync(join(dataDir, "postgres.log"), "utf8")).not.to.include(store.embedded?.password);
      for (const address of Object.values(networkInterfaces()).flatMap((list) => list ?? []))
        if (!address.internal && address.family === "IPv4")
          expect(await takesConnections(address.address, store.embedded?.port ?? 0)).to.equal(false);
    });

    it("keeps the data and the password from run to run", async () => {
      const first = await open();
      await setMark(first.db, "follower", "12");
      const password = first.embedded?.password;
      await first.close();
      const second = await open();
      expect(await markOf(second.db, "follower")).to.equal("12");
      expect(second.embedded?.password).to.equal(password);
    });

    it("refuses a data folder that is in use, and leaves its user alone", async () => {
      const store = await open();
      expect(await refusal(open())).to.equal("Store_InUse");
      await store.ping();
    });

    it("refuses a cluster of another PostgreSQL, and one whose password is gone", async () => {
      await (await open()).close();
      const version = join(dataDir, "postgres", "PG_VERSION");
      writeFileSync(version, "17\n");
      expect(await refusal(open())).to.equal("Postgres_WrongVersion");
      writeFileSync(version, "18\n");
      const password = join(dataDir, "postgres.password");
      renameSync(password, `${password}.away`);
      expect(await refusal(open())).to.equal("Postgres_NoPassword");
      renameSync(`${password}.away`, password);
    });

    it("starts over from a creation that was cut off", async () => {
      const half = join(root, "half", "postgres.new");
      mkdirSync(half, { recursive: true });
      writeFileSync(join(half, "PG_VERSION"), "18\n");
      await (await open({ dataDir: join(root, "half") })).ping();
    });

    it("names the database that does not answer, without the password", async () => {
      const work = openStore({ dataDir, databaseUrl: "postgres://rackbond:pass-word@127.0.0.1:9/none" });
      const error = await work.then(
        () => undefined,
        (failure: unknown) => failure as Error & { code: string },
      );
      expect(error?.code).to.equal("Store_Unreachable");
      expect(error?.message).to.include("127.0.0.1:9").and.not.include("pass-word");
    });

    it("runs as root below folders that only root may enter", async function () {
      if (process.getuid?.() !== 0) return this.skip();
      const native = join(root, "package", "native");
      cpSync(join(nativeFolder(), ".."), join(root, "package"), { recursive: true, verbatimSymlinks: true });
      const server = await startPostgres({ dataDir: join(root, "root"), native });
      const owner = statSync(join(root, "root", "postgres")).uid;
      expect(owner).not.to.equal(0);
      await server.stop();
      await (await startPostgres({ dataDir: join(root, "root"), native })).stop();
    });
  });

  describe("after a kill -9", () => {
    it("S01: of the program: ends the server left behind; every acknowledged reading is there, once", async () => {
      const { acknowledged, orphan } = await runAndKill(dataDir, 0);
      const folder = join(dataDir, "postgres");
      expect(isPostgresOf(orphan, folder)).to.equal(true);
      const store = await open();
      expect(isPostgresOf(orphan, folder)).to.equal(false);
      const kept = (await readingsOf(store.db, 0, 490_000n)).map((row) => row.nodeId);
      expect(acknowledged.length).to.be.greaterThan(20);
      expect(kept).to.include.members(acknowledged);
      const again = await insertReadings(store.db, 0, acknowledged.map(reading));
      expect(new Set(again)).to.deep.equal(new Set(["duplicate"]));
    });

    it("S01: of both: starts although a pid file names another living process", async () => {
      const { acknowledged, orphan } = await runAndKill(dataDir, 1);
      process.kill(orphan, "SIGKILL");
      await gone(orphan, join(dataDir, "postgres"));
      const { uid, gid } = statSync(join(dataDir, "postgres"));
      const stranger = spawn("sleep", ["60"], process.getuid?.() === 0 ? { uid, gid } : {}); // as PostgreSQL's own user
      const pidFile = join(dataDir, "postgres", "postmaster.pid");
      const lines = readFileSync(pidFile, "latin1").split("\n");
      writeFileSync(pidFile, [stranger.pid, ...lines.slice(1)].join("\n"));
      writeFileSync(join(dataDir, "store.lock"), `${process.pid}@1`); // our id, but an earlier process
      const store = await open();
      stranger.kill();
      expect((await readingsOf(store.db, 1, 490_000n)).map((row) => row.nodeId)).to.include.members(acknowledged);
    });

    it("S02: of the server: the transaction is undone as a whole, and the next call works", async () => {
      const store = await open();
      const before = store.embedded?.pid() ?? 0;
      const work = store.transaction(async (tx) => {
        await setMark(tx, "half", "1");
        process.kill(before, "SIGKILL");
        await gone(before, join(dataDir, "postgres"));
        await setMark(tx, "other half", "1");
      });
      expect(await refusal(work)).to.be.a("string");
      await eventually(() => store.ping());
      expect(store.embedded?.pid()).not.to.equal(before);
      expect(await markOf(store.db, "half")).to.equal(undefined);
      await setMark(store.db, "whole", "1");
      expect(await markOf(store.db, "whole")).to.equal("1");
    });
  });

  describe("transaction", () => {
    it("S02: a connection that drops in the middle leaves nothing, and the next call works", async () => {
      const store = await open();
      for (const idle of [false, true]) {
        const work = store.transaction(async (tx) => {
          const { rows } = await tx.query<{ pid: number }>("select pg_backend_pid() pid");
          await setMark(tx, "half", "1");
          await store.db.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
          if (idle) await sleep(50); // the drop is noticed between two queries
          await setMark(tx, "other half", "1");
        });
        expect(await refusal(work)).to.be.a("string");
        expect(await markOf(store.db, "half")).to.equal(undefined);
      }
      await store.transaction((tx) => setMark(tx, "half", "2"));
      expect(await markOf(store.db, "half")).to.equal("2");
    });

    it("undoes all when the work throws, and keeps its connection", async () => {
      const store = await open();
      for (let round = 0; round < 30; round++) {
        const work = store.transaction(async (tx) => {
          await setMark(tx, "undone", "1");
          throw new Error("no");
        });
        expect(await refusal(work)).to.equal("Error: no");
      }
      expect(await markOf(store.db, "undone")).to.equal(undefined);
      const { rows } = await store.db.query<{ count: bigint }>(
        "select count(*) from pg_stat_activity where application_name = 'rackbond'",
      );
      expect(rows[0]?.count).to.be.lessThan(3);
    });
  });
});

/** Runs a program that stores readings one by one and says so; kills it after a while, in the middle of things. */
async function runAndKill(dataDir: string, oracleId: number): Promise<{ acknowledged: bigint[]; orphan: number }> {
  const plugin = (name: string) => JSON.stringify(new URL(`../../server/plugins/${name}`, import.meta.url).href);
  const program = `
    import { openStore } from ${plugin("store.ts")};
    import { insertReadings } from ${plugin("queries.ts")};
    const store = await openStore({ dataDir: ${JSON.stringify(dataDir)} });
    console.log("server " + store.embedded.pid());
    // A backend in the middle of a computation outlives its server for a while, and holds the shared memory.
    void store.db.query("select sum(sqrt(n)) from generate_series(1, 5000000) n");
    for (let nodeId = 1n; ; nodeId++) {
      await insertReadings(store.db, ${oracleId}, [{ epoch: 490000n, nodeId, lotId: 1n, sequence: 1n, body: Buffer.from("{}"),
        readingHash: "0x" + nodeId.toString(16).padStart(64, "0"), signature: "0x01", receivedAt: 1764000000n }]);
      console.log("kept " + nodeId);
    }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const acknowledged: bigint[] = [];
  const exit = once(child, "exit");
  let orphan = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [what, value] = line.split(" ");
    if (what === "server") orphan = Number(value);
    else acknowledged.push(BigInt(value ?? 0));
    if (acknowledged.length === 25) child.kill("SIGKILL");
  }
  await exit;
  return { acknowledged, orphan };
}

async function gone(pid: number, folder: string): Promise<void> {
  while (isPostgresOf(pid, folder)) await sleep(5);
}

async function eventually(work: () => Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt++)
    try {
      await work();
      return;
    } catch (error) {
      if (attempt === 200) throw error;
      await sleep(50);
    }
}

function takesConnections(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 500 });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("timeout", () => resolve(false)).once("close", () => socket.destroy());
  });
}
