import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { SignJWT, exportJWK, generateKeyPair, type CryptoKey, type JSONWebKeySet } from "jose";

import { ROOT } from "../architecture/project.ts";

export const NOW = 1_790_000_000;
export const NONCE = "931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb";
export const ISSUER = "https://nras.attestation.nvidia.com";
export const UEID = "481858311570236547493498289839486179865867984732";

type Claims = Record<string, unknown>;

const TIMES = { iss: ISSUER, iat: NOW - 10, nbf: NOW - 10, exp: NOW + 86_400, eat_nonce: NONCE };

/** Claims of a board as NRAS gives them. */
export const DEVICE: Claims = {
  ...TIMES,
  ...{
    ueid: UEID,
    hwmodel: "GH100 A01 GSP BROM",
    oemid: "5703",
    measres: "success",
    secboot: true,
    dbgstat: "disabled",
  },
  ...Object.fromEntries(
    (
      "arch-check vbios-index-no-conflict attestation-report-cert-chain-validated attestation-report-parsed " +
      "attestation-report-nonce-match attestation-report-signature-verified driver-rim-fetched " +
      "driver-rim-schema-validated driver-rim-cert-validated driver-rim-signature-verified " +
      "driver-rim-measurements-available vbios-rim-fetched vbios-rim-schema-validated vbios-rim-cert-validated " +
      "vbios-rim-signature-verified vbios-rim-measurements-available"
    )
      .split(" ")
      .map((name) => [`x-nvidia-gpu-${name}`, true]),
  ),
};

/** Claims of the overall token, without its digests. */
export const OVERALL: Claims = {
  ...TIMES,
  ...{ sub: "NVIDIA-PLATFORM-ATTESTATION", "x-nvidia-ver": "3.0", "x-nvidia-overall-att-result": true },
};

export interface Service {
  readonly jwks: JSONWebKeySet;
  readonly privateKey: CryptoKey;
  token(claims: Claims, header?: Record<string, string | undefined>, key?: CryptoKey | Uint8Array): Promise<string>;
  /** A bundle over these boards; `edit` changes it before the overall token is signed. */
  bundle(
    devices: Claims[],
    overall?: Claims,
    submods?: (made: Record<string, unknown>) => unknown,
  ): Promise<[[string, string], Record<string, string>]>;
}

/** A service with a key of its own, that signs what it is told. */
export async function attestationService(kid = "nras-1", alg = "ES384"): Promise<Service> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid, alg, use: "sig" }] };
  const token: Service["token"] = async (claims, header = {}, key = privateKey) =>
    await new SignJWT(claims).setProtectedHeader({ alg, kid, typ: "JWT", ...header }).sign(key);
  return {
    jwks,
    privateKey,
    token,
    async bundle(devices, overall = OVERALL, submods = (made) => made) {
      const tokens = await Promise.all(devices.map((claims) => token(claims)));
      const entries = tokens.map((text, index) => [`GPU-${index}`, text] as const);
      const digests = entries.map(([name, text]) => [
        name,
        ["DIGEST", ["SHA-256", createHash("sha256").update(text).digest("hex")]],
      ]);
      const whole = await token({
        ...overall,
        submods: submods(Object.fromEntries(digests) as Record<string, unknown>),
      });
      return [["JWT", whole], Object.fromEntries(entries)];
    },
  };
}

/** Claims that NVIDIA published with its SDK; undefined where the shared data is not at hand. */
export function publishedClaims(name: string): Claims | undefined {
  const file = join(ROOT, "../shared/data/attestation", name);
  const found = existsSync(file) ? file : join(ROOT, "../../shared/data/attestation", name);
  return existsSync(found) ? (JSON.parse(readFileSync(found, "utf8")) as Claims) : undefined;
}
