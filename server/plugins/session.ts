import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import cookie from "@fastify/cookie";
import { hashMessage, recoverAddress } from "ethers";
import type { FastifyReply, FastifyRequest } from "fastify";
import { LRUCache } from "lru-cache";
import { SiweMessage } from "siwe";
import type { Config } from "../config.ts";
import type { Challenge } from "../protocol/apiSession.ts";
import type { Hex } from "../protocol/bytes.ts";
import { demand, Refusal } from "../protocol/refusal.ts";
import type { PlatformSources } from "../sourcesPlatform.ts";
import type { Viewer } from "../viewer.ts";
import type { Api } from "./http.ts";

// Signing in with Ethereum (ERC-4361). Nothing is stored: a challenge's nonce carries its time and a seal over whom it is
// for, the session is a sealed cookie, and what the account may see is asked of the chain at each request. Only the
// nonces that were used are remembered, for as long as their challenges could be, by this process: so the challenges of
// another one, also of one before it with the same secret, are not taken.

const COOKIE = "rackbond_session";
const SESSION_SEC = 12 * 3600;
const CHALLENGE_SEC = 600;
const USED_COUNT = 100_000;
const STATEMENT = "Sign in to Rackbond. This sends no transaction and costs nothing.";
// A nonce: the time it was made at, eight random bytes, the seal.
const TIME_LENGTH = 10;
const HEAD_LENGTH = TIME_LENGTH + 16;
const HEAD = /^00[0-9a-f]{24}$/;
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

/** Where the browser is: what a wallet shows, and what its signature is bound to. */
interface Place {
  readonly domain: string;
  readonly uri: string;
}

export interface SessionOptions {
  readonly config: Pick<Config, "publicUrl" | "host">;
  readonly sources: PlatformSources;
  /** Seals sessions. */
  readonly secret: Buffer;
  readonly now?: () => number;
}

export interface Sessions {
  challenge(request: FastifyRequest, address: string): Challenge;
  /** Verifies a signed challenge and opens a session; the account. */
  open(request: FastifyRequest, reply: FastifyReply, message: string, signature: string): Promise<Viewer>;
  close(reply: FastifyReply): void;
}

/** Gives requests their viewer, on routes whose answers depend on it. */
export async function sessions(app: Api, options: SessionOptions): Promise<Sessions> {
  const { config, sources, secret } = options;
  const nowSec = () => Math.floor((options.now ?? Date.now)() / 1000);
  const used = new LRUCache<string, true>({ max: USED_COUNT, ttl: CHALLENGE_SEC * 1000 });
  await app.register(cookie, { secret });
  app.decorateRequest("viewer", undefined);
  const isSecure = config.publicUrl?.startsWith("https:") === true;
  const attributes = { path: "/", httpOnly: true, sameSite: "strict", secure: isSecure, signed: true } as const;

  const ownSecret = randomBytes(32);
  const sealOf = (text: string) => createHmac("sha256", ownSecret).update(text).digest("hex").slice(0, 32);

  const placeOf = ({ headers, protocol }: FastifyRequest): Place => {
    if (config.publicUrl !== undefined) return { domain: new URL(config.publicUrl).host, uri: config.publicUrl };
    const domain = headers.host ?? "";
    // Another site that passes requests on would be given signatures for itself, and could use the sessions.
    const isOwn = LOOPBACK.test(domain) || domain.replace(/:\d+$/, "") === config.host;
    demand(isOwn, "Session_OtherHost", { host: domain.slice(0, 80), remedy: "set RACKBOND_PUBLIC_URL" });
    return { domain, uri: `${protocol}://${domain}` };
  };

  /** The challenge of a nonce's head: its time and what is random of it. */
  const challengeText = (head: string, address: string, { domain, uri }: Place): string => {
    const issuedAt = issuedAtOf(head);
    return new SiweMessage({
      ...{ domain, uri, address, statement: STATEMENT, version: "1", chainId: sources.chainId() },
      nonce: head + sealOf(`${head} ${address} ${domain}`),
      issuedAt: isoOf(issuedAt),
      expirationTime: isoOf(issuedAt + CHALLENGE_SEC),
    }).prepareMessage();
  };

  const viewerOf = async (address: string, expiresAt: number): Promise<Viewer> => {
    return { address, roles: await sources.rolesOf(address), expiresAt: BigInt(expiresAt) };
  };

  app.addHook("preHandler", async (request) => {
    if (request.routeOptions.config.isPrivate !== true) return;
    const given = request.cookies[COOKIE];
    if (given === undefined || given.length > 256) return;
    const { valid, value } = request.unsignCookie(given);
    const [, address, expiresAt] = (valid ? /^(0x[0-9a-fA-F]{40})\.(\d{1,12})$/ : /^$(.)(.)/).exec(value ?? "") ?? [];
    if (address === undefined || Number(expiresAt) <= nowSec()) return;
    request.viewer = await viewerOf(address, Number(expiresAt));
  });

  return {
    challenge(request, address) {
      const head = nowSec().toString(16).padStart(TIME_LENGTH, "0") + randomBytes(8).toString("hex");
      return {
        message: challengeText(head, address, placeOf(request)),
        expiresAt: String(issuedAtOf(head) + CHALLENGE_SEC),
      };
    },

    async open(request, reply, text, signature) {
      const place = placeOf(request);
      const { domain, nonce, address } = parsed(text);
      demand(domain === place.domain, "Session_OtherHost", { domain, host: place.domain });
      const head = nonce.slice(0, HEAD_LENGTH);
      // All of it must be ours, also the words that were read before signing.
      const isOurs = HEAD.test(head) && isEqual(text, challengeText(head, address, place));
      demand(isOurs, "Session_UnknownChallenge", { nonce });
      const expiresAt = issuedAtOf(head) + CHALLENGE_SEC;
      demand(nowSec() < expiresAt, "Session_ChallengeExpired", { expiresAt });
      demand(!used.has(nonce), "Session_ChallengeUsed", { nonce });
      const digest = hashMessage(text) as Hex;
      if (signerOf(digest, signature) !== address) {
        const isTaken = await sources.takesSignature(address, digest, signature as Hex);
        demand(isTaken, "Session_BadSignature", { address });
        demand(!used.has(nonce), "Session_ChallengeUsed", { nonce }); // it may have been, while the chain was asked
      }
      used.set(nonce, true);
      const endsAt = nowSec() + SESSION_SEC;
      reply.setCookie(COOKIE, `${address}.${endsAt}`, { ...attributes, maxAge: SESSION_SEC });
      return await viewerOf(address, endsAt);
    },

    close: (reply) => void reply.clearCookie(COOKIE, attributes),
  };
}

function parsed(text: string): SiweMessage {
  try {
    return new SiweMessage(text);
  } catch {
    throw new Refusal("Session_NoMessage", { remedy: "sign what POST /v1/session/challenge gives" });
  }
}

function issuedAtOf(head: string): number {
  return parseInt(head.slice(0, TIME_LENGTH), 16);
}

/** Who signed; undefined where it is no signature of a key. */
export function signerOf(digest: Hex, signature: string): string | undefined {
  try {
    return recoverAddress(digest, signature);
  } catch {
    return undefined;
  }
}

function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function isoOf(atSec: number): string {
  return new Date(atSec * 1000).toISOString();
}
