import { computeAddress, getAddress, isAddress } from "ethers";
import pRetry from "p-retry";

import { Failure } from "../failure.ts";
import { ask, outboundUrl, type Outbound, type OutboundAnswer } from "../outbound.ts";
import { hexOf, type Hex } from "../protocol/bytes.ts";
import { keccak256 } from "../protocol/keccak.ts";
import { SECP256K1_ORDER, compactOf, parseEcdsa } from "./external.ts";
import { readPrivateFile, readSecret } from "./secrets.ts";
import type { KeySigner } from "./key.ts";
import type { KeyUri } from "./uri.ts";

// Web3Signer's eth1 interface: it hashes what it is sent with keccak256, and signs that. Whatever it answers, only a
// signature of the expected key leaves here. Signing the same bytes again is harmless, so what fails on the way is repeated.

/** How long and how often a remote signer is asked. */
export interface Patience {
  readonly timeoutMs: number;
  readonly retryCount: number;
  readonly firstWaitMs: number;
}

const PATIENCE: Patience = { timeoutMs: 5_000, retryCount: 3, firstWaitMs: 200 };
const LIST_LIMIT_BYTES = 1 << 20;
const ANSWER_LIMIT_BYTES = 4_096;
const PEM_LIMIT_BYTES = 65_536;

/** The options of web3signer: URIs. */
export const WEB3SIGNER_OPTIONS = ["address", "token-file", "ca-file", "cert-file", "key-file"];

/** Opens the key with the URI's address at a Web3Signer. */
export async function web3signer({ place, options }: KeyUri, patience = PATIENCE): Promise<KeySigner> {
  const base = outboundUrl(place, "the URL after web3signer:");
  const what = `Web3Signer at ${base.protocol}//${base.host}`;
  const wanted = options.get("address") ?? "";
  if (!isAddress(wanted)) throw new Failure("Config_Key", `${what}: ?address=0x… names no address`);
  const address = getAddress(wanted);
  const tokenFile = options.get("token-file");
  const pem = (name: string) => {
    const file = options.get(name);
    return file === undefined ? undefined : readPrivateFile(file, `the ${name}`, PEM_LIMIT_BYTES);
  };
  const outbound = {
    timeoutMs: patience.timeoutMs,
    isPrivateAllowed: true, // a signer's place is the private network
    tls: { ca: pem("ca-file"), cert: pem("cert-file"), key: pem("key-file") },
  };

  const call = async (path: string, more: Omit<Outbound, "timeoutMs" | "isPrivateAllowed">): Promise<string> => {
    const url = new URL(base);
    url.pathname = `${base.pathname.replace(/\/$/, "")}${path}`;
    const headers: Record<string, string> = { ...more.headers };
    if (tokenFile !== undefined) headers.authorization = `Bearer ${readSecret(tokenFile, "the token file")}`;
    const once = async () => {
      const answer = await ask(url, { ...outbound, ...more, headers });
      if (answer.status !== 200) throw new Unanswered(what, answer);
      return answer.body.toString("utf8");
    };
    const retried = (error: Error) =>
      error instanceof Unanswered ? error.isPassing : error instanceof Failure && error.code === "Url_NoAnswer";
    return await pRetry(once, {
      retries: patience.retryCount,
      minTimeout: patience.firstWaitMs,
      shouldRetry: ({ error }) => retried(error),
    });
  };

  const keyId = keyOf(await call("/api/v1/eth1/publicKeys", { limitBytes: LIST_LIMIT_BYTES }), address, what);
  return {
    address,
    async sign(preimage) {
      const text = await call(`/api/v1/eth1/sign/${keyId}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ data: hexOf(preimage) }),
        limitBytes: ANSWER_LIMIT_BYTES,
      });
      const [, digits] = /^"?0x([0-9a-fA-F]{130})"?\s*$/.exec(text) ?? [];
      if (digits === undefined)
        throw new Failure("Key_BadSignature", `${what}: the answer is no signature of 65 bytes`);
      const { r, s } = parseEcdsa(Buffer.from(digits.slice(0, 128), "hex"), SECP256K1_ORDER, what);
      return compactOf(keccak256(preimage), r, s, address, what);
    },
    close: () => Promise.resolve(),
  };
}

/** An answer without a result: what it says may repeat what it was sent, so its status alone is told. */
class Unanswered extends Failure {
  readonly isPassing: boolean;

  constructor(what: string, { status }: OutboundAnswer) {
    super("Key_NoSignature", `${what} answers with status ${status}`);
    this.isPassing = status === 408 || status === 429 || status >= 500;
  }
}

/** The one listed public key of an address, as the list spells it. */
function keyOf(text: string, address: string, what: string): Hex {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    // Said below.
  }
  if (!Array.isArray(list)) throw new Failure("Key_BadAnswer", `${what}: the answer is no list of public keys`);
  const keys = list.filter((entry): entry is Hex => {
    if (typeof entry !== "string" || !/^0x([0-9a-fA-F]{66}|(04)?[0-9a-fA-F]{128})$/.test(entry)) return false;
    try {
      return computeAddress(entry.length === 130 ? `0x04${entry.slice(2)}` : entry) === address;
    } catch {
      return false;
    }
  });
  if (keys[0] === undefined || new Set(keys).size > 1)
    throw new Failure("Key_NotFound", `${what} has ${keys.length} keys of the address ${address} among ${list.length}`);
  return keys[0];
}
