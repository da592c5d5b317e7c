import { setTimeout as sleep } from "node:timers/promises";

import { Failure, messageOf } from "../failure.ts";
import { ask, outboundUrl } from "../outbound.ts";
import type { Files } from "../plugins/files.ts";
import type { Hex } from "../protocol/bytes.ts";
import { Refusal } from "../protocol/refusal.ts";

// A lot's identities on their way to the oracles, which keep what makes the root that the registry has.

export interface HandOver {
  readonly oracles: readonly URL[];
  readonly files: Pick<Files, "open">;
  readonly lotId: bigint;
  readonly identityRoot: Hex;
  readonly isPrivateAllowed: boolean;
  readonly onProgress: (line: string) => void;
  /** How long an oracle is asked again that has not followed the chain to the lot yet, is busy, or away. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 90_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const TIMEOUT_MS = 300_000;
const ANSWER_BYTES = 65_536;

/** Addresses of oracles, given by comma. */
export function oracleUrls(text = ""): URL[] {
  const each = text.split(",").map((one) => one.trim());
  return each
    .filter((one) => one !== "")
    .map((one) => outboundUrl(one.endsWith("/") ? one : `${one}/`, "an oracle's address"));
}

/** Hands the file to every oracle; gives what each said. Refuses in the end when one of them has not taken it. */
export async function handOver(handing: HandOver): Promise<("kept" | "known")[]> {
  const { oracles, files, lotId, identityRoot, onProgress } = handing;
  if (oracles.length === 0) return [];
  const pieces: string[] = [];
  for await (const line of files.open("identities", identityRoot)) pieces.push(`${line}\n`);
  const body = Buffer.from(pieces.join(""));
  const answers = await Promise.all(
    oracles.map(async (oracle) => {
      try {
        const outcome = await hand(oracle, body, handing);
        onProgress(`${oracle.host}: ${outcome}`);
        return outcome;
      } catch (error) {
        onProgress(`${oracle.host}: not taken: ${messageOf(error)}`);
        return undefined;
      }
    }),
  );
  const taken = answers.filter((answer) => answer !== undefined);
  const missingCount = answers.length - taken.length;
  if (missingCount > 0) throw new Refusal("Operator_NotHandedOver", { lotId, identityRoot, missingCount });
  return taken;
}

async function hand(oracle: URL, body: Buffer, handing: HandOver): Promise<"kept" | "known"> {
  const { identityRoot, isPrivateAllowed, patienceMs = PATIENCE_MS } = handing;
  const url = new URL(`v1/files/identities/${identityRoot}`, oracle);
  const untilMs = Date.now() + patienceMs;
  const headers = { "content-type": "application/x-ndjson" };
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    const isLast = Date.now() + waitMs > untilMs;
    try {
      const outbound = { method: "PUT" as const, headers, body, timeoutMs: TIMEOUT_MS, limitBytes: ANSWER_BYTES };
      const answer = await ask(url, { ...outbound, isPrivateAllowed });
      const { outcome, code, detail } = answered(answer.body);
      if (answer.status === 200 && (outcome === "kept" || outcome === "known")) return outcome;
      const isForLater = code === "Lot_Unknown" || answer.status === 429 || answer.status >= 500;
      if (isLast || !isForLater) throw new Refusal("Operator_NotTaken", { status: answer.status, code, detail });
    } catch (error) {
      const isAway = error instanceof Failure && error.code === "Url_NoAnswer";
      if (isLast || !isAway) throw error;
    }
    await sleep(waitMs);
  }
}

function answered(body: Buffer): { outcome?: unknown; code: string; detail: string } {
  try {
    const { outcome, code, detail } = JSON.parse(body.toString("utf8")) as Record<string, unknown>;
    const text = (value: unknown) => (typeof value === "string" ? value.slice(0, 300) : "");
    return { outcome, code: text(code), detail: text(detail) };
  } catch {
    return { code: "", detail: "no JSON" };
  }
}
