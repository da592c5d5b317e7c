import { createPrivateKey, type KeyObject } from "node:crypto";

import { Failure } from "../failure.ts";
import { pointOf, signReading, type NodePoint } from "../nodekey.ts";
import type { Hex } from "../protocol/bytes.ts";
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

const SCHEMES = { pem: ["password-file"], pkcs11: ["module-path", "pin-source"] };
const PEM_LIMIT_BYTES = 16_384;

/** Opens the node key that a URI names (docs/keys.md has their forms). */
export async function openNodeSigner(uri: string, rules: KeyRules, what = "the node key's URI"): Promise<NodeSigner> {
  const parsed = parseKeyUri(uri, what, SCHEMES);
  if (parsed.scheme === "pem") return pemSigner(parsed, rules);
  return await Promise.reject(new Failure("Config_Key", `${what}: ${parsed.scheme}: is not served`));
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
