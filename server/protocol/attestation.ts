import { createLocalJWKSet, decodeProtectedHeader, errors, jwtVerify, type JSONWebKeySet, type JWTPayload } from "jose";

import { hexOf, type Hex } from "./bytes.ts";
import { canonicalDeviceName, identityAnchor } from "./identity.ts";
import type { NamedDevice } from "./identityTree.ts";
import { Refusal, demand } from "./refusal.ts";

// NVIDIA's remote attestation service (NRAS) answers with a detached EAT bundle (RFC 9711):
// [["JWT", overall token], { "GPU-0": its token, … }]. The overall token holds the SHA-256 of each board's token, and every
// token is signed with ES384 by a key of the service's JWKS.

/** What a bundle is held against. */
export interface AttestationRules {
  readonly issuer: string;
  /** The nonce that was asked for: hexadecimal, without 0x. */
  readonly nonce: string;
  readonly nowAt: bigint;
  /** How far the service's clock may be off. */
  readonly skewSec: bigint;
}

/** A board that the vendor vouches for. */
export interface AttestedDevice {
  readonly ueid: string;
  readonly anchor: Hex;
  readonly model: string;
  /** When the first of the tokens that say so expires. */
  readonly expiresAt: bigint;
}

const MAX_DEVICES = 64;
const MAX_TOKEN_CHARS = 65_536;
const SDK_WRAPPER = "REMOTE_GPU_CLAIMS";

/** Claims about a board that must be there and true, as NVIDIA's own policy for relying parties has them. */
const TRUE_CLAIMS = [
  ...["gpu-arch-check", "gpu-vbios-index-no-conflict"],
  ...["cert-chain-validated", "parsed", "nonce-match", "signature-verified"].map(
    (it) => `gpu-attestation-report-${it}`,
  ),
  ...["driver", "vbios"].flatMap((rim) =>
    ["fetched", "schema-validated", "cert-validated", "signature-verified", "measurements-available"].map(
      (it) => `gpu-${rim}-rim-${it}`,
    ),
  ),
].map((name) => `x-nvidia-${name}`);

/** The keys of a JWKS that may sign: P-384, public, each with an id of its own. */
export function parseJwks(text: string): JSONWebKeySet {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const { keys } = (json ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Refusal("Jwks_Malformed", { reason: "it has no array of keys" });
  const good = (keys as (Record<string, unknown> | null)[]).filter(
    (key) => key?.kty === "EC" && key.crv === "P-384" && typeof key.kid === "string" && key.d === undefined,
  );
  demand(good.length > 0, "Jwks_NoKey", { keyCount: keys.length });
  const ids = new Set(good.map((key) => key?.kid));
  demand(ids.size === good.length, "Jwks_KeyTwice", { keyCount: good.length });
  return { keys: good as JSONWebKeySet["keys"] };
}

/** The boards that a bundle attests: every token checked, none left out, none added. */
export async function verifyBundle(
  bundle: unknown,
  jwks: JSONWebKeySet,
  rules: AttestationRules,
): Promise<AttestedDevice[]> {
  const { overall, detached } = splitBundle(bundle);
  const keys = createLocalJWKSet(jwks);
  const claims = await verifyToken("overall", overall, keys, rules);
  requireClaim("overall", claims, "x-nvidia-overall-att-result", true);
  const digests = digestsOf(claims.submods);
  const names = [...new Set([...digests.keys(), ...detached.keys()])].sort();
  const devices: AttestedDevice[] = [];
  for (const name of names) {
    const [digest, token] = [digests.get(name), detached.get(name)];
    demand(digest !== undefined, "Attestation_NotVouched", { name });
    demand(token !== undefined, "Attestation_TokenMissing", { name });
    demand((await sha256(token)) === digest, "Attestation_WrongDigest", { name });
    devices.push(deviceOf(name, await verifyToken(name, token, keys, rules), expiryOf(claims)));
  }
  demand(devices.length > 0, "Attestation_NoDevice", { count: 0 });
  requireDistinct(devices);
  return devices;
}

/**
 * When the evidence of a lot's devices expires: each must be attested once, and nothing else be. `others` are the devices of
 * further lots: a board stands in one lot only.
 */
export function evidenceExpiresAt(
  devices: readonly NamedDevice[],
  attested: readonly AttestedDevice[],
  others: readonly NamedDevice[] = [],
): bigint {
  const byAnchor = new Map(attested.map((device) => [device.anchor, device]));
  requireDistinct(attested);
  const elsewhere = new Set(others.map(({ name }) => identityAnchor(name)));
  const own = new Set<Hex>();
  let expiresAt: bigint | undefined;
  for (const [deviceIndex, { name }] of devices.entries()) {
    const anchor = identityAnchor(name);
    demand(!own.has(anchor), "Attestation_DeviceTwice", { deviceIndex, name });
    demand(!elsewhere.has(anchor), "Attestation_OtherLot", { deviceIndex, name });
    own.add(anchor);
    const found = byAnchor.get(anchor);
    if (found === undefined) throw new Refusal("Attestation_DeviceMissing", { deviceIndex, name });
    if (expiresAt === undefined || found.expiresAt < expiresAt) expiresAt = found.expiresAt;
  }
  for (const { anchor, ueid } of attested) demand(own.has(anchor), "Attestation_ForeignDevice", { ueid });
  if (expiresAt === undefined) throw new Refusal("Attestation_NoDevice", { count: 0 });
  return expiresAt;
}

/**
 * The chips of NVIDIA's data-centre boards, as the first word of `hwmodel` names them, and the names of the models that are made
 * of each: "GH100 A01 GSP BROM" is the chip of an H100.
 */
const CHIPS: readonly (readonly [chip: string, models: RegExp])[] = [
  ["GA100", /\bA(100|800|30)\b/],
  ["AD102", /\bL(40S?|20)\b/],
  ["AD104", /\bL4\b/],
  ["GH100", /\b(G?H(100|200)|H800|H20)\b/],
  ["GB100", /\bG?B(100|200)\b/],
  ["GB202", /\bRTX PRO 6000\b/],
];

/**
 * Refuses boards that are not of the lot's registered model. `given` names the chip of a model that is not known here: the
 * auditor's word.
 */
export function requireModel(attested: readonly AttestedDevice[], modelName: string, given?: string): void {
  const chips = CHIPS.flatMap(([chip, models]) => (models.test(modelName) ? [chip] : []));
  if (chips.length === 0 && given !== undefined) chips.push(given);
  demand(chips.length > 0, "Attestation_UnknownModel", { modelName });
  for (const { ueid, model } of attested) {
    const [chip = ""] = model.split(" ");
    demand(chips.includes(chip), "Attestation_OtherModel", { ueid, hwmodel: model, modelName, chips: chips.join(" ") });
  }
}

function requireDistinct(devices: readonly AttestedDevice[]): void {
  const seen = new Set<Hex>();
  for (const { ueid, anchor } of devices) {
    demand(!seen.has(anchor), "Attestation_UeidTwice", { ueid });
    seen.add(anchor);
  }
}

function splitBundle(bundle: unknown): { overall: string; detached: Map<string, string> } {
  const malformed = (reason: string) => new Refusal("Attestation_Malformed", { reason });
  if (!Array.isArray(bundle) || bundle.length !== 2) throw malformed("no bundle of two parts");
  const [head, rest] = bundle as [unknown, unknown];
  if (!Array.isArray(head) || head.length !== 2 || head[0] !== "JWT") throw malformed("the first part is no JWT");
  if (typeof rest !== "object" || rest === null || Array.isArray(rest)) throw malformed("the second part is no map");
  // NVIDIA's SDK puts the service's answer into a bundle of its own, which nobody signs.
  if (Object.hasOwn(rest, SDK_WRAPPER)) {
    const inner = (rest as Record<string, unknown>)[SDK_WRAPPER];
    if (Array.isArray(inner) && Object.hasOwn((inner[1] ?? {}) as object, SDK_WRAPPER)) throw malformed("nested twice");
    return splitBundle(inner);
  }
  const detached = new Map(Object.entries(rest));
  const tokens: unknown[] = [head[1], ...detached.values()];
  if (detached.size > MAX_DEVICES) throw malformed(`more than ${MAX_DEVICES} tokens`);
  if (!tokens.every((token) => typeof token === "string" && token.length <= MAX_TOKEN_CHARS))
    throw malformed(`a token is no text of at most ${MAX_TOKEN_CHARS} characters`);
  return { overall: head[1] as string, detached: detached as Map<string, string> };
}

async function verifyToken(
  name: string,
  token: string,
  keys: ReturnType<typeof createLocalJWKSet>,
  { issuer, nonce, nowAt, skewSec }: AttestationRules,
): Promise<JWTPayload> {
  const bad = (reason: string) => new Refusal("Attestation_BadToken", { name, reason });
  let claims: JWTPayload;
  try {
    if (typeof decodeProtectedHeader(token).kid !== "string") throw bad("it names no key");
    const { payload } = await jwtVerify(token, keys, {
      ...{ algorithms: ["ES384"], issuer, requiredClaims: ["exp", "nbf", "iat", "eat_nonce"] },
      ...{ currentDate: new Date(Number(nowAt) * 1000), clockTolerance: Number(skewSec) },
    });
    claims = payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) throw bad(`${error.code}: ${error.message}`);
    throw error instanceof Refusal ? error : bad("it is no token");
  }
  for (const time of ["exp", "nbf", "iat"] as const)
    demand(Number.isSafeInteger(claims[time]), "Attestation_BadTime", { name, claim: time });
  demand(BigInt(claims.iat as number) <= nowAt + skewSec, "Attestation_FromFuture", {
    name,
    issuedAt: claims.iat ?? 0,
  });
  const said = claims.eat_nonce;
  const isSame = typeof said === "string" && said.toLowerCase().replace(/^0x/, "") === nonce.toLowerCase();
  demand(isSame, "Attestation_WrongNonce", { name, nonce: String(said).slice(0, 140), expected: nonce });
  return claims;
}

function digestsOf(submods: unknown): Map<string, string> {
  const malformed = (name: string) => new Refusal("Attestation_Malformed", { reason: `the digest of ${name}` });
  if (typeof submods !== "object" || submods === null || Array.isArray(submods)) throw malformed("all boards");
  return new Map(
    Object.entries(submods as Record<string, unknown>).map(([name, entry]) => {
      const [kind, pair] = Array.isArray(entry) && entry.length === 2 ? (entry as [unknown, unknown]) : [];
      const [algorithm, digest] = Array.isArray(pair) && pair.length === 2 ? (pair as [unknown, unknown]) : [];
      const isSha = algorithm === "SHA-256" || algorithm === "SHA256";
      if (kind !== "DIGEST" || !isSha || typeof digest !== "string" || !/^[0-9a-fA-F]{64}$/.test(digest))
        throw malformed(name.slice(0, 80));
      return [name, digest.toLowerCase()];
    }),
  );
}

function deviceOf(name: string, claims: JWTPayload, overallExpiresAt: bigint): AttestedDevice {
  requireClaim(name, claims, "measres", "success");
  requireClaim(name, claims, "secboot", true);
  requireClaim(name, claims, "dbgstat", "disabled");
  for (const claim of TRUE_CLAIMS) requireClaim(name, claims, claim, true);
  // Whatever further check the service reports of, it must have passed.
  for (const [claim, value] of Object.entries(claims))
    demand(!claim.startsWith("x-nvidia-") || value !== false, "Attestation_NotMet", { name, claim, value: "false" });
  const { ueid, hwmodel } = claims;
  demand(typeof ueid === "string" && ueid.length <= 128, "Attestation_BadUeid", { name, ueid: typeof ueid });
  const own = expiryOf(claims);
  return {
    ueid: canonicalDeviceName(ueid),
    anchor: identityAnchor(ueid),
    model: typeof hwmodel === "string" ? hwmodel.slice(0, 128) : "",
    expiresAt: own < overallExpiresAt ? own : overallExpiresAt,
  };
}

function requireClaim(name: string, claims: JWTPayload, claim: string, wanted: boolean | string): void {
  const value = claims[claim];
  const shown = value === undefined ? "missing" : JSON.stringify(value).slice(0, 80);
  demand(value === wanted, "Attestation_NotMet", { name, claim, value: shown });
}

function expiryOf({ exp }: JWTPayload): bigint {
  return BigInt(exp as number);
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return hexOf(new Uint8Array(digest)).slice(2);
}
