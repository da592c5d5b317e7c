import { mkdirSync, readFileSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

import { Failure, codeOf, messageOf } from "../failure.ts";
import { takeLock } from "../lock.ts";
import { hexOf, type Hex } from "../protocol/bytes.ts";
import { keccakHex, keccakText } from "../protocol/keccak.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { KeySigner } from "./key.ts";

// The high-water mark of a report key: what it signed for the chain last. It lies in a file of its own, apart from the
// database, and is on disk before a signature leaves, so that whatever else is lost the key never signs two reports of one
// epoch. FILE holds the mark, FILE.lock its one process, FILE.made says that a mark was made here before.

/** Instances by time: kind 0 a report, kind 1 a skip. */
export interface Instance {
  readonly configCount: bigint;
  readonly epoch: bigint;
  readonly kind: 0 | 1;
}

/** What was signed for the chain last. */
export interface Mark extends Instance {
  readonly digest: Hex;
}

/** A report key that signs above its mark only. */
export interface MarkedSigner {
  readonly address: string;
  /** Signs a report or a skip, once the mark is durable; refuses below the mark, and at it another digest. */
  signReport(signing: Instance & { readonly preimage: Uint8Array }): Promise<Hex>;
  /** Signs a message between oracles, which moves no mark; refuses what a contract would take for a report or a skip. */
  signMessage(preimage: Uint8Array): Promise<Hex>;
  /** What stands in the file; undefined before the first signature. */
  mark(): Mark | undefined;
  /** Lets go of the file, and closes the key. */
  close(): Promise<void>;
}

const DECIMAL = /^(0|[1-9][0-9]{0,19})$/;
const DIGEST = /^0x[0-9a-f]{64}$/;

/**
 * A key with its mark in `markFile`, which belongs to this process until `close`. `reportSeparator`: the domain separator of
 * the telemetry contract; what is signed for the chain must be under it, and messages must not.
 */
export function markedSigner(signer: KeySigner, markFile: string, reportSeparator?: Hex): MarkedSigner {
  const made = `${markFile}.made`;
  mkdirSync(dirname(markFile), { recursive: true, mode: 0o700 });
  const release = takeLock(`${markFile}.lock`, {
    code: "Mark_InUse",
    what: `the mark ${markFile}`,
    remedy: "a report key has one process; stop it, or give this one its own key and mark",
  });
  const address = signer.address.toLowerCase();
  let newest: Mark | undefined;

  // What is on disk counts, and it never falls: not even by a backup that is put back while the program runs.
  const standing = (): Mark | undefined => {
    const mark = readMark(markFile, address);
    if (mark === undefined && (newest !== undefined || exists(made)))
      throw new Failure("Mark_Missing", `the mark ${markFile} is gone. ${REMEDY}; then remove ${made}`);
    if (mark !== undefined && newest !== undefined && orderOf(mark, newest) < 0)
      throw new Failure("Mark_Fell", `the mark ${markFile} is older than what this process signed. ${REMEDY}`);
    return mark;
  };

  const raise = async (mark: Mark): Promise<void> => {
    const stands = standing();
    const order = stands === undefined ? 1 : orderOf(mark, stands);
    if (stands !== undefined && (order < 0 || (order === 0 && stands.digest !== mark.digest)))
      throw new Refusal("Signer_BelowMark", {
        ...{ signer: signer.address, configCount: mark.configCount, epoch: mark.epoch, kind: mark.kind },
        ...{ markConfigCount: stands.configCount, markEpoch: stands.epoch, markKind: stands.kind },
        ...{ digest: mark.digest, markDigest: stands.digest },
      });
    if (order !== 0) {
      try {
        await writeDurably(markFile, markText(mark, address));
        if (!exists(made)) await writeDurably(made, `${address}\n`);
      } catch (error) {
        const fault = messageOf(error);
        throw new Failure("Mark_NotDurable", `the mark ${markFile} cannot be written, nothing is signed: ${fault}`);
      }
    }
    newest = mark;
  };

  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work, work);
    turn = done.catch(() => undefined);
    return done;
  };
  const isForChain = (preimage: Uint8Array) =>
    reportSeparator === undefined ? undefined : hexOf(preimage.subarray(2, 34)) === reportSeparator;

  try {
    standing();
  } catch (error) {
    release();
    throw error;
  }
  return {
    address: signer.address,
    signReport: ({ configCount, epoch, kind, preimage }) =>
      inTurn(async () => {
        if (isForChain(preimage) === false) throw new Refusal("Signer_OtherDomain", { signer: signer.address, epoch });
        await raise({ configCount, epoch, kind, digest: keccakHex(preimage) });
        return await signer.sign(preimage);
      }),
    async signMessage(preimage) {
      if (isForChain(preimage) === true) throw new Refusal("Signer_NotAMessage", { signer: signer.address });
      return await signer.sign(preimage);
    },
    mark: standing,
    async close() {
      await turn;
      release();
      await signer.close();
    },
  };
}

const REMEDY =
  "Put its newest backup back only if the key signed nothing since; if that is not certain, give the oracle a new key";

function orderOf(a: Instance, b: Instance): number {
  const difference = a.configCount - b.configCount || a.epoch - b.epoch || BigInt(a.kind - b.kind);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function markText({ configCount, epoch, kind, digest }: Mark, address: string): string {
  const body = `rackbond mark 1\n${address}\n${configCount}\n${epoch}\n${kind}\n${digest}\n`;
  return `${body}${keccakText(body)}\n`;
}

/** The mark in a file; undefined when there is no such file. Anything but a whole mark of this key is a failure. */
function readMark(file: string, address: string): Mark | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new Failure("Mark_Unreadable", `the mark ${file} cannot be read: ${messageOf(error)}`);
  }
  const [, owner = "", configCount = "", epoch = "", kind = "", digest = ""] = text.split("\n");
  const isMark = DECIMAL.test(configCount) && DECIMAL.test(epoch) && /^[01]$/.test(kind) && DIGEST.test(digest);
  const mark = isMark
    ? { configCount: BigInt(configCount), epoch: BigInt(epoch), kind: kind === "1" ? 1 : 0, digest: digest as Hex }
    : undefined;
  if (mark === undefined || text !== markText(mark as Mark, owner))
    throw new Failure("Mark_Damaged", `the mark ${file} is damaged. ${REMEDY}`);
  if (owner !== address)
    throw new Failure("Mark_OtherKey", `the mark ${file} is of the key ${owner}, not of ${address}; each has its own`);
  return mark as Mark;
}

function exists(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch (error) {
    return codeOf(error) !== "ENOENT";
  }
}

/** The file holds the text, whole, also after the power fails now. */
async function writeDurably(file: string, text: string): Promise<void> {
  const fresh = `${file}.fresh`;
  try {
    const handle = await open(fresh, "w", 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => undefined);
    throw error;
  }
  const folder = await open(dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
