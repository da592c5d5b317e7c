import { createHash, createPrivateKey, type KeyObject } from "node:crypto";

import { Failure } from "../failure.ts";
import { isSignedBy, keyOf, pointOf, signReading } from "../nodekey.ts";
import { hexOf, type Hex } from "../protocol/bytes.ts";
import type { NodePoint } from "../protocol/nodePoint.ts";
import { P256_ORDER, signedBytes } from "../protocol/signature.ts";
import { parseEcdsa } from "./external.ts";
import { PKCS11_OPTIONS, openTokenKey } from "./pkcs11.ts";
import { readPrivateFile, readSecret, type KeyRules } from "./secrets.ts";
import { parseKeyUri, type KeyUri } from "./uri.ts";

/** A node's P-256 key, wherever it is kept. */
export interface NodeSigner {
  readonly point: NodePoint;
  /** The signature over a reading's hash: ECDSA with SHA-256, 64 bytes r ‖ s, s in the lower half. */
  sign(readingHash: Hex): Promise<Hex>;
  /** Ends what the signer holds open. */
  close(): Promise<void>;
}

const SCHEMES = { pem: ["password-file"], pkcs11: PKCS11_OPTIONS };
const PEM_LIMIT_BYTES = 16_384;

/** Opens the node key that a URI names (docs/keys.md has their forms). */
export async function openNodeSigner(uri: string, rules: KeyRules, what = "the node key's URI"): Promise<NodeSigner> {
  const parsed = parseKeyUri(uri, what, SCHEMES);
  return parsed.scheme === "pem" ? pemSigner(parsed, rules) : await tokenSigner(parsed, rules);
}

/** A signer over a private key in memory. */
export function nodeSignerOf(key: KeyObject): NodeSigner {
  return {
    point: pointOf(key),
    sign: (readingHash) => Promise.resolve(signReading(key, readingHash)),
    close: () => Promise.resolve(),
  };
}

function pemSigner({ place, options }: KeyUri, rules: KeyRules): NodeSigner {
  const pem = readPrivateFile(place, "the node key", PEM_LIMIT_BYTES);
  const isEncrypted = pem.includes("ENCRYPTED");
  const passwordFile = options.get("password-file") ?? (isEncrypted ? rules.passwordFile : undefined);
  if (isEncrypted && passwordFile === undefined)
    throw new Failure("Config_Key", `the node key ${place} is encrypted: pem:FILE?password-file=FILE`);
  const passphrase = passwordFile === undefined ? undefined : readSecret(passwordFile, "the password file");
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: "pem", ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    const fault = isEncrypted ? `the password in ${passwordFile} does not open it` : "it is damaged";
    throw new Failure("Key_BadPem", `${place} is no private key in PEM that can be read: ${fault}`);
  }
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType !== "ec" || curve !== "prime256v1")
    throw new Failure("Key_WrongCurve", `${place} holds a key of ${curve ?? key.asymmetricKeyType}; P-256 is needed`);
  return nodeSignerOf(key);
}

async function tokenSigner(uri: KeyUri, rules: KeyRules): Promise<NodeSigner> {
  const token = await openTokenKey(uri, rules, "P-256");
  const point = { x: hexOf(token.point.subarray(1, 33)), y: hexOf(token.point.subarray(33)) };
  const key = keyOf(point);
  return {
    point,
    async sign(readingHash) {
      const digest = createHash("sha256").update(signedBytes(readingHash)).digest();
      const { r, s } = parseEcdsa(await token.sign(digest), P256_ORDER, "the token");
      const signature: Hex = `0x${[r, s].map((value) => value.toString(16).padStart(64, "0")).join("")}`;
      if (!isSignedBy(key, readingHash, signature))
        throw new Failure("Key_WrongSignature", "the token: the signature is not of the key that was opened");
      return signature;
    },
    close: () => token.close(),
  };
}
