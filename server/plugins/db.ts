import type { QueryResult, QueryResultRow } from "pg";

/** Where a query runs: on the pool, or inside a transaction. */
export interface Db {
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<QueryResult<Row>>;
}

/** Runs its work in one transaction. */
export type Transact = <T>(work: (tx: Db) => Promise<T>) => Promise<T>;
