import type { QueryResult, QueryResultRow } from "pg";

/** Where a query runs: on the pool, or inside a transaction. */
export interface Db {
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<QueryResult<Row>>;
}

/** Runs its work in one transaction. */
export type Transact = <T>(work: (tx: Db) => Promise<T>) => Promise<T>;

/** Held by one session of the database at a time; it ends with the session. */
export interface Lock {
  /** Whether the session still lives. */
  isHeld(): Promise<boolean>;
  release(): Promise<void>;
}
