import { messageOf } from "../failure.ts";
import { ask, type OutboundAnswer } from "../outbound.ts";
import type { SignedReadingJson } from "../protocol/reading.ts";

/** What an oracle says of one reading: it has it; it will never take it; or not now. */
export type Verdict =
  | { readonly kind: "taken" }
  | { readonly kind: "rejected"; readonly code: string; readonly detail: string }
  | { readonly kind: "later"; readonly reason: string; readonly retryAfterMs: number | undefined };

/** What became of a message: a verdict on each reading, or none because it has to be sent otherwise or later. */
export type Delivery = { readonly skewSec?: number | undefined } & (
  | { readonly kind: "judged"; readonly verdicts: readonly Verdict[] }
  | { readonly kind: "noBatch" }
  | { readonly kind: "tooLarge" }
  | { readonly kind: "failed"; readonly reason: string; readonly retryAfterMs: number | undefined }
);

interface PostOptions {
  readonly timeoutMs: number;
  readonly isPrivateAllowed: boolean;
  readonly isBatch: boolean;
  readonly nowMs: number;
}

const ANSWER_LIMIT_BYTES = 4 * 1024 * 1024;
const DETAIL_CHARS = 500;
const LONGEST_WAIT_MS = 3_600_000;
// Of the refusals by status, those that pass: too slow, too early, too many.
const PASSING = new Set([408, 425, 429]);
// Codes of problems that pass: the oracle's or the address's, not the reading's; or of an hour that is not over by the
// oracle's clock, and of too many at once.
const PASSING_CODES =
  /^(?:Route_|Server_|Ingest_|Request_(?:TooSlow|TooMany)|Reading_(?:TooEarly|Future|TooOften|TooManyFailures)$)/;

/** Sends readings to an oracle once. */
export async function post(base: URL, readings: readonly SignedReadingJson[], options: PostOptions): Promise<Delivery> {
  const { timeoutMs, isPrivateAllowed, isBatch } = options;
  const url = new URL(isBatch ? "v1/readings/batch" : "v1/readings", base);
  const type = isBatch ? "application/x-ndjson" : "application/json";
  const body = isBatch ? readings.map((one) => `${JSON.stringify(one)}\n`).join("") : JSON.stringify(readings[0]);
  let answer: OutboundAnswer;
  try {
    answer = await ask(url, {
      ...{ method: "POST", headers: { "content-type": type }, body },
      ...{ timeoutMs, limitBytes: ANSWER_LIMIT_BYTES, isPrivateAllowed },
    });
  } catch (error) {
    return { kind: "failed", reason: messageOf(error), retryAfterMs: undefined };
  }
  const skewSec = skewOf(answer, options.nowMs);
  return { skewSec, ...judge(answer, readings.length, isBatch) };
}

function judge(answer: OutboundAnswer, count: number, isBatch: boolean): Delivery {
  const { status } = answer;
  const json = jsonOf(answer);
  const retryAfterMs = retryAfterOf(answer);
  if (isBatch) {
    if (status === 404 || status === 405) return { kind: "noBatch" };
    if (status === 413 && count > 1) return { kind: "tooLarge" };
    const results = status === 200 ? json["results"] : undefined;
    if (!Array.isArray(results) || results.length !== count) return failed(status, json, retryAfterMs);
    return { kind: "judged", verdicts: results.map((one) => verdictOf(fieldsOf(one), retryAfterMs)) };
  }
  const verdict = verdictOf({ ...json, status }, retryAfterMs);
  return verdict.kind === "later" ? failed(status, json, retryAfterMs) : { kind: "judged", verdicts: [verdict] };
}

function verdictOf(result: Record<string, unknown>, retryAfterMs: number | undefined): Verdict {
  const { status } = result;
  // A batch says of a second reading only what it is.
  const named = result["outcome"] === "equivocation" ? "Reading_Equivocation" : result["code"];
  const code = typeof named === "string" ? named.slice(0, 80) : "";
  const detail = typeof result["detail"] === "string" ? result["detail"].slice(0, DETAIL_CHARS) : "";
  if (status === 200 || status === 202) return { kind: "taken" };
  const isRefusal = typeof status === "number" && status >= 400 && status < 500 && !PASSING.has(status);
  // A refusal without one of our codes is a proxy's or another program's: the reading may be taken once that is mended.
  if (isRefusal && /^[A-Z]\w+_\w+$/.test(code) && !PASSING_CODES.test(code)) return { kind: "rejected", code, detail };
  return { kind: "later", reason: `status ${String(status)} ${code}`.trim(), retryAfterMs };
}

function failed(status: number, json: Record<string, unknown>, retryAfterMs: number | undefined): Delivery {
  const code = typeof json["code"] === "string" ? json["code"].slice(0, 80) : "";
  return { kind: "failed", reason: `status ${status} ${code}`.trim(), retryAfterMs };
}

function jsonOf({ body }: OutboundAnswer): Record<string, unknown> {
  try {
    return fieldsOf(JSON.parse(body.toString("utf8")));
  } catch {
    return {};
  }
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** Retry-After in seconds or as a date; an hour at most. */
function retryAfterOf({ headers }: OutboundAnswer): number | undefined {
  const text = headers["retry-after"];
  if (text === undefined) return undefined;
  const waitMs = /^[0-9]{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), LONGEST_WAIT_MS);
}

/** What an oracle's clock shows beyond ours, in seconds; undefined where it does not answer. */
export async function skewNow(
  url: URL,
  { timeoutMs, isPrivateAllowed, nowMs }: { timeoutMs: number; isPrivateAllowed: boolean; nowMs: () => number },
): Promise<number | undefined> {
  try {
    return skewOf(await ask(url, { timeoutMs, limitBytes: ANSWER_LIMIT_BYTES, isPrivateAllowed }), nowMs());
  } catch {
    return undefined; // whoever sends to it will say why
  }
}

function skewOf({ headers }: OutboundAnswer, nowMs: number): number | undefined {
  const dateMs = Date.parse(headers.date ?? "");
  return Number.isNaN(dateMs) ? undefined : Math.round((dateMs - nowMs) / 1000);
}
