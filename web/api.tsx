import { useInfiniteQuery, useQuery, type UseQueryResult } from "@tanstack/react-query";
import type { Problem } from "../server/protocol/api.ts";
import type { Answers, Page } from "./answers.ts";

// Questions to the API. Each answer names the block it is true at; one that could not be asked again is shown as stale.

export type Path = keyof Answers;
type Named<P extends string> = P extends `${string}:${infer Name}/${infer Rest}`
  ? Name | Named<`/${Rest}`>
  : P extends `${string}:${infer Name}`
    ? Name
    : never;
type Query = Record<string, string | number | undefined>;

/** What a path needs: its parameters, where it names any, and a query. */
export type Asked<P extends Path> = [Named<P>] extends [never]
  ? { params?: undefined; query?: Query }
  : { params: Record<Named<P>, string>; query?: Query };
type AskedArgs<P extends Path> = [Named<P>] extends [never] ? [asked?: Asked<P>] : [asked: Asked<P>];

/** Paths that answer a list page by page. */
export type ListPath = { [P in Path]: Answers[P] extends Page<unknown> ? P : never }[Path];
export type ItemOf<P extends ListPath> = Answers[P] extends Page<infer T> ? T : never;

/** The API's own account of what went wrong (RFC 9457), or that it cannot be reached. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly facts: Readonly<Record<string, string>>;

  constructor(status: number, code: string, detail: string, facts: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.name = "ApiProblem";
    this.status = status;
    this.code = code;
    this.facts = facts;
  }
}

/** An answer of a route and where it stands. */
export interface Answer<T> {
  data: T | undefined;
  problem: ApiProblem | undefined;
  isLoading: boolean;
  /** There is an answer, and the API could not be asked since. */
  isStale: boolean;
  /** The block that the answer is true at. */
  blockNumber: string | undefined;
  retry: () => void;
}

/** A list with the pages read until now. */
export interface ListAnswer<T> extends Answer<T[]> {
  hasMore: boolean;
  isLoadingMore: boolean;
  more: () => void;
}

interface Received<T> {
  data: T;
  blockNumber: string | undefined;
}

/** A route's address with its parameters and query; for links, for example to its CSV. */
export function hrefOf<P extends Path>(path: P, ...[asked]: AskedArgs<P>): string {
  return addressed(path, asked?.params, asked?.query);
}

function addressed(path: string, params: Record<string, string> | undefined, query: Query | undefined): string {
  const filled = path.replace(/:(\w+)/g, (_all, name: string) => encodeURIComponent(params?.[name] ?? ""));
  const given = Object.entries(query ?? {}).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? filled : `${filled}?${new URLSearchParams(given).toString()}`;
}

/** Asks a route once. */
export async function ask<P extends Path>(path: P, ...asked: AskedArgs<P>): Promise<Answers[P]> {
  return (await receive<Answers[P]>(hrefOf(path, ...asked))).data;
}

/** Sends something to a route that takes it; undefined where it answers nothing. */
export async function tell(method: "POST" | "DELETE" | "PUT", path: string, body?: unknown): Promise<unknown> {
  const said =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  return (await receive(path, { method, ...said })).data;
}

type Asking = Omit<RequestInit, "headers"> & { headers?: Record<string, string> };

async function receive<T>(href: string, init: Asking = {}): Promise<Received<T>> {
  let response: Response;
  try {
    response = await fetch(href, { ...init, headers: { accept: "application/json", ...init.headers } });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiProblem(0, "Api_Unreachable", "the API cannot be reached");
  }
  const blockNumber = response.headers.get("x-block-number") ?? undefined;
  if (response.status === 204) return { data: undefined as T, blockNumber };
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok && body !== undefined) return { data: body as T, blockNumber };
  const { code, detail, facts } = (body ?? {}) as Partial<Problem>;
  throw new ApiProblem(response.status, code ?? "Api_Failed", detail ?? `status ${response.status}`, facts);
}

const isWorthAnother = (count: number, error: Error) =>
  count < 1 && error instanceof ApiProblem && (error.status === 0 || error.status >= 500);

/** When and how often queries are asked; blocks that arrive ask again sooner (web/freshness.tsx). */
const ASKING = { staleTime: 2000, refetchInterval: 30_000, retry: isWorthAnother, retryDelay: 800 } as const;

/** The first part of every query's key. */
export const API_KEY = "api";

/** A route's answer, asked again when a block arrives; `null` asks nothing, for what is not known yet. */
export function useAnswer<P extends Path>(path: P, ...[asked]: AskedArgs<P> | [null]): Answer<Answers[P]> {
  const href = asked === null ? "" : addressed(path, asked?.params, asked?.query);
  const query = useQuery({
    queryKey: [API_KEY, href],
    queryFn: ({ signal }) => receive<Answers[P]>(href, { signal }),
    enabled: asked !== null,
    ...ASKING,
  });
  return { ...standing(query, query.data?.data), blockNumber: query.data?.blockNumber };
}

/** A list of a route; pages follow one another by `after`, or by `before` where the newest comes first. */
export function useList<P extends ListPath>(
  path: P,
  pages: "after" | "before",
  ...[asked]: AskedArgs<P> | [null]
): ListAnswer<ItemOf<P>> {
  const href = asked === null ? "" : addressed(path, asked?.params, asked?.query);
  const query = useInfiniteQuery({
    queryKey: [API_KEY, "list", href],
    queryFn: ({ pageParam, signal }) => {
      const parameters = { ...asked?.query, ...(pageParam === "" ? {} : { [pages]: pageParam }) };
      return receive<Page<ItemOf<P>>>(addressed(path, asked?.params, parameters), { signal });
    },
    initialPageParam: "",
    getNextPageParam: ({ data }) => data.next ?? undefined,
    enabled: asked !== null,
    ...ASKING,
  });
  return {
    ...standing(
      query,
      query.data?.pages.flatMap(({ data }) => data.items),
    ),
    blockNumber: query.data?.pages[0]?.blockNumber,
    hasMore: query.hasNextPage,
    isLoadingMore: query.isFetchingNextPage,
    more: () => void query.fetchNextPage(),
  };
}

type Standing = Pick<UseQueryResult, "error" | "isPending" | "fetchStatus" | "refetch">;

function standing<T>({ error, isPending, fetchStatus, refetch }: Standing, known: T | undefined) {
  const problem =
    error === null
      ? undefined
      : error instanceof ApiProblem
        ? error
        : new ApiProblem(0, "Portal_Failed", error.message);
  // A refusal is an answer: what was shown before is not shown any more. Where none came, it is, as stale.
  const isRefused = problem !== undefined && problem.status >= 400 && problem.status < 500 && problem.status !== 429;
  const data = isRefused ? undefined : known;
  return {
    ...{ data, problem },
    isLoading: isPending && fetchStatus !== "idle",
    isStale: data !== undefined && problem !== undefined,
    retry: () => void refetch(),
  };
}
