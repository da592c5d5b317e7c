import type { KeyObject } from "node:crypto";

import { isSignedBy } from "../nodekey.ts";
import { isDeviceOf, keyAt, lotAt, searchId, type Roster } from "../plugins/roster.ts";
import { bytesOf, type Hex } from "../protocol/bytes.ts";
import type { Lot } from "../protocol/lot.ts";
import { packReading, packedIdAt } from "../protocol/packed.ts";
import { parseReading, readingHash, type Reading, type SignedReadingJson } from "../protocol/reading.ts";
import { Refusal, demand } from "../protocol/refusal.ts";
import { checkReading } from "../protocol/rules.ts";
import { parseNodeSignature } from "../protocol/signature.ts";
import { EPOCH_SEC, epochEndAt } from "../protocol/units.ts";

/** When an oracle takes readings of an epoch: from its end until `maxDelaySec` after it, give or take `skewSec`. */
export interface Window {
  readonly maxDelaySec: bigint;
  readonly skewSec: bigint;
}

/** How many signatures of a batch may be verified in vain, and for which nodes even then (places in the roster). */
export interface Allowance {
  readonly failureCount: number;
  /** A node is no longer trusted once a signature in its name was false. */
  readonly trustedNodes: Set<number>;
  readonly falseNodes: Set<number>;
}

/** What a reading is judged by. */
export interface Court {
  readonly roster: Roster;
  readonly domain: Hex;
  readonly window: Window;
  readonly nowAt: bigint;
}

/** A reading that passed: what is kept of it. */
export interface Passed {
  readonly node: number; // its place in the roster
  readonly body: Uint8Array;
  readonly readingHash: Uint8Array;
  readonly signature: Uint8Array;
}

/** One reading of at most 256 boards, with room for white space. */
export const MAX_READING_BYTES = 131_072;

/** Judges the readings of one roster, cheap checks first; keys are made once. */
export class Judge {
  readonly #keys = new Map<number, KeyObject>();
  readonly #lots: Lot[];
  readonly #roster: Roster;

  constructor(roster: Roster) {
    this.#roster = roster;
    this.#lots = Array.from(roster.lotIds, (_, place) => lotAt(roster, place));
  }

  /** Judges a text; what it returns is the node's own statement, within the window and the bounds. */
  judge(text: string, court: Court, allowance: Allowance & { readonly failed: { count: number } }): Passed {
    const { reading, signature } = signedReadingOf(text);
    const roster = this.#roster;
    const { nodeId, lotId, epoch } = reading;
    const node = searchId(roster.nodeIds, nodeId);
    demand(node >= 0, "Reading_UnknownNode", { nodeId, epoch });
    const place = searchId(roster.lotIds, lotId);
    demand(place >= 0, "Reading_WrongLot", { nodeId, lotId, epoch });
    requireOpen(reading, court);
    checkReading(reading, epoch, this.#lots[place]!);
    const body = packReading(reading);
    // Boards may have been swapped since an earlier hour: whose they were then is judged when its report is made.
    const isNewest = epochEndAt(epoch) + EPOCH_SEC > court.nowAt;
    reading.devices.forEach(({ deviceIndex, deviceId }, i) => {
      const isOwn = isDeviceOf(roster, { node, lot: place }, deviceIndex, body, packedIdAt(i));
      if (!isOwn && isNewest) throw new Refusal("Reading_WrongDevice", { nodeId, epoch, deviceIndex, deviceId });
    });
    if (allowance.failed.count >= allowance.failureCount && !allowance.trustedNodes.has(node))
      throw new Refusal("Reading_TooManyFailures", { nodeId, epoch });
    const hash = readingHash(court.domain, reading);
    if (!isSignedBy(this.#keyOf(node), hash, signature)) {
      allowance.failed.count++;
      allowance.trustedNodes.delete(node);
      allowance.falseNodes.add(node);
      throw new Refusal("Reading_BadSignature", { nodeId, epoch, readingHash: hash });
    }
    return { node, body, readingHash: bytesOf(hash), signature: bytesOf(signature) };
  }

  #keyOf(node: number): KeyObject {
    const known = this.#keys.get(node);
    if (known !== undefined) return known;
    const key = keyAt(this.#roster, node);
    this.#keys.set(node, key);
    return key;
  }
}

function signedReadingOf(text: string): { reading: Reading; signature: Hex } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Refusal("Reading_NotJson", { text: text.slice(0, 80) });
  }
  const isObject = typeof json === "object" && json !== null && !Array.isArray(json);
  demand(isObject, "Reading_Malformed", { at: "", rule: "must be an object of reading and signature" });
  const { reading: fields, signature, ...others } = json as Partial<SignedReadingJson>;
  const [other] = Object.keys(others);
  demand(other === undefined, "Reading_Malformed", { at: `/${(other ?? "").slice(0, 80)}`, rule: "is not known" });
  const reading = parseReading(fields);
  const { nodeId, epoch } = reading;
  demand(typeof signature === "string", "Reading_Unsigned", { nodeId, epoch });
  parseNodeSignature(signature);
  return { reading, signature: signature as Hex };
}

/** Refuses a reading of an epoch that is not over, or over for too long. */
function requireOpen({ nodeId, epoch }: Reading, { window, nowAt }: Court): void {
  const { maxDelaySec, skewSec } = window;
  const opensAt = epochEndAt(epoch) - skewSec;
  demand(nowAt >= opensAt, "Reading_TooEarly", { nodeId, epoch, opensAt, nowAt });
  const closesAt = epochEndAt(epoch) + maxDelaySec + skewSec;
  demand(nowAt <= closesAt, "Reading_TooLate", { nodeId, epoch, closesAt, nowAt });
}
