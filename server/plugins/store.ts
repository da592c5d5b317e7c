import pg from "pg";
import { Failure, messageOf } from "../failure.ts";
import type { Db, Lock, Transact } from "./db.ts";
import { migrate } from "./migrate.ts";
import { type EmbeddedPostgres, startPostgres } from "./postgres.ts";

// The store: PostgreSQL, one set of migrations and queries (queries.ts, outbox.ts). Embedded below the data folder by
// default, any server by its URL. int8 and numeric are bigint, bytea is a 0x string, all values travel as parameters.

export interface StoreOptions {
  /** Holds the embedded server's files. */
  dataDir: string;
  /** A server of your own, in the embedded one's stead. */
  databaseUrl?: string;
  statementTimeoutMs?: number;
  log?: (line: string) => void;
  /** The folder of the migrations, with a slash at its end. */
  migrations?: URL;
}

export interface Store {
  readonly db: Db;
  /**
   * Runs `work` in one transaction: all of it or nothing. When the connection drops during the commit the outcome is
   * unknown to the caller, so what is done here must bear being done again.
   */
  readonly transaction: Transact;
  /** Takes the lock of a name, on a connection of its own; undefined while another session has it. */
  tryLock(name: string): Promise<Lock | undefined>;
  /** The embedded server, if that is what the store runs on. */
  readonly embedded: EmbeddedPostgres | undefined;
  /** Throws when the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** How long an answer may be on its way. */
const ANSWER_MS = 1_000;

/** Opens the store: starts the embedded server if no URL is given, connects, and brings the schema up to date. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { log = () => {}, statementTimeoutMs = 30_000 } = options;
  const embedded =
    options.databaseUrl === undefined ? await startPostgres({ dataDir: options.dataDir, log }) : undefined;
  const pool = new pg.Pool({
    ...(embedded === undefined ? { connectionString: options.databaseUrl } : connectionTo(embedded)),
    application_name: "rackbond",
    max: 12,
    connectionTimeoutMillis: 10_000,
    statement_timeout: statementTimeoutMs,
    // The server's own limit says nothing through a connection that nobody carries any more.
    query_timeout: statementTimeoutMs + ANSWER_MS,
    keepAlive: true,
    idle_in_transaction_session_timeout: 60_000,
    types: { getTypeParser },
  });
  pool.on("error", (error) => log(`a database connection dropped: ${error.message}`)); // the pool opens another

  const transaction: Transact = async (work) => {
    const client = await pool.connect();
    let dropped: Error | undefined;
    const onError = (error: Error) => (dropped = error);
    client.on("error", onError); // without a listener a connection that drops between two queries ends the program
    try {
      await client.query("begin");
      const result = await work(client);
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback").catch((failure: unknown) => {
        dropped = failure instanceof Error ? failure : new Error(String(failure));
      });
      throw error;
    } finally {
      client.off("error", onError);
      client.release(dropped);
    }
  };

  const locks = new Set<Lock>();
  const tryLock = async (name: string): Promise<Lock | undefined> => {
    const client = await pool.connect();
    let dropped: Error | undefined;
    const onError = (error: Error) => (dropped = error);
    client.on("error", onError);
    const release = (error?: Error) => {
      client.off("error", onError);
      client.release(error);
    };
    try {
      const { rows } = await client.query<{ isTaken: boolean }>(
        'select pg_try_advisory_lock(hashtextextended($1, 0)) "isTaken"',
        [name],
      );
      if (rows[0]?.isTaken !== true) {
        release();
        return undefined;
      }
    } catch (error) {
      release(dropped ?? new Error("the lock could not be asked for"));
      throw error;
    }
    let isReleased = false;
    const lock: Lock = {
      async isHeld() {
        if (isReleased || dropped !== undefined) return false;
        return await client.query("select 1").then(
          () => dropped === undefined,
          () => false,
        );
      },
      async release() {
        if (isReleased) return;
        isReleased = true;
        const unlock = client.query("select pg_advisory_unlock(hashtextextended($1, 0))", [name]);
        const failure = await unlock.then(() => undefined).catch(() => new Error("the lock's session was lost"));
        release(dropped ?? failure); // a session that is closed lets go of its locks
        locks.delete(lock);
      },
    };
    locks.add(lock);
    return lock;
  };

  const close = async () => {
    for (const lock of [...locks]) await lock.release();
    await pool.end();
    await embedded?.stop();
  };
  const ping = async () => {
    await pool.query("select 1");
  };
  try {
    await ping().catch((error: unknown) => {
      throw new Failure("Store_Unreachable", `the database does not answer: ${messageOf(error)}`, { cause: error });
    });
    await migrate(transaction, options.migrations ?? new URL("migrations/", import.meta.url));
  } catch (error) {
    await close();
    throw error;
  }
  return { db: pool, transaction, tryLock, embedded, ping, close };
}

function connectionTo({ host, port, user, password, database }: EmbeddedPostgres): pg.PoolConfig {
  return { host, port, user, password, database, ssl: false, options: "" };
}

const { INT8, NUMERIC, BYTEA } = pg.types.builtins;

const getTypeParser: typeof pg.types.getTypeParser = (type, format): unknown => {
  if (type === INT8 || type === NUMERIC) return BigInt;
  if (type === BYTEA) return (value: string) => `0x${value.slice(2)}`; // PostgreSQL writes \x…
  return pg.types.getTypeParser(type, format);
};
