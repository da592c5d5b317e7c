import { SigningKey, computeAddress, decryptKeystoreJson } from "ethers";

import { Failure } from "../failure.ts";
import type { Hex } from "../protocol/bytes.ts";
import { keccakHex } from "../protocol/keccak.ts";
import { externalSigner, moduleSigner } from "./external.ts";
import type { KeySigner } from "./key.ts";
import { PKCS11_OPTIONS, openTokenKey } from "./pkcs11.ts";
import { readPrivateFile, readSecret, type KeyRules } from "./secrets.ts";
import { parseKeyUri, type KeyUri } from "./uri.ts";
import { WEB3SIGNER_OPTIONS, web3signer } from "./web3signer.ts";

export type { KeySigner } from "./key.ts";

const SCHEMES = {
  keystore: ["password-file"],
  pkcs11: PKCS11_OPTIONS,
  web3signer: WEB3SIGNER_OPTIONS,
  module: [],
  plain: [],
};

const KEYSTORE_LIMIT_BYTES = 65_536;
const SCRYPT_LIMIT_BYTES = 1 << 30;
const PBKDF2_LIMIT_ROUNDS = 10_000_000;

/** Opens the report or gas key that a URI names (docs/keys.md has their forms). */
export async function openSigner(uri: string, rules: KeyRules, what = "the key's URI"): Promise<KeySigner> {
  const parsed = parseKeyUri(uri, what, SCHEMES);
  switch (parsed.scheme) {
    case "keystore":
      return await keystoreSigner(parsed, rules);
    case "pkcs11":
      return await tokenSigner(parsed, rules);
    case "web3signer":
      return await web3signer(parsed);
    case "module":
      return await moduleSigner(parsed.place);
    default:
      return plainSigner(parsed.place, rules);
  }
}

/** A signer over a private key in memory. */
export function memorySigner(key: SigningKey): KeySigner {
  return {
    address: computeAddress(key.publicKey),
    sign: (preimage) => Promise.resolve(key.sign(keccakHex(preimage)).compactSerialized as Hex),
    close: () => Promise.resolve(),
  };
}

async function tokenSigner(uri: KeyUri, rules: KeyRules): Promise<KeySigner> {
  const key = await openTokenKey(uri, rules, "secp256k1");
  return externalSigner(
    { publicKey: key.point, signDigest: (digest) => key.sign(digest), close: () => key.close() },
    "the token",
  );
}

function plainSigner(text: string, rules: KeyRules): KeySigner {
  if (rules.isProduction) {
    const remedy = "use keystore:, pkcs11: or web3signer:";
    throw new Failure("Config_PlainKey", `a key in plain text is refused in production mode; ${remedy}`);
  }
  return memorySigner(signingKeyOf(text, "plain: is not followed by the 0x and 64 digits of a private key"));
}

function signingKeyOf(text: string, fault: string): SigningKey {
  try {
    if (/^0x[0-9a-fA-F]{64}$/.test(text)) {
      const key = new SigningKey(text);
      computeAddress(key.publicKey); // refuses 0 and what is not below the order
      return key;
    }
  } catch {
    // The library's message may hold the key.
  }
  throw new Failure("Config_Key", fault);
}

async function keystoreSigner({ place, options }: KeyUri, rules: KeyRules): Promise<KeySigner> {
  const passwordFile = options.get("password-file") ?? rules.passwordFile;
  if (passwordFile === undefined) {
    const remedy = "keystore:FILE?password-file=FILE, or RACKBOND_PASSWORD_FILE";
    throw new Failure("Config_Key", `the keystore ${place} needs a file with its password: ${remedy}`);
  }
  const json = readPrivateFile(place, "the keystore", KEYSTORE_LIMIT_BYTES).toString("utf8");
  const address = checkKeystore(json, place);
  const password = readSecret(passwordFile, "the password file");
  let privateKey: string;
  try {
    privateKey = (await decryptKeystoreJson(json, password)).privateKey;
  } catch (error) {
    if (String(error).includes("incorrect password"))
      throw new Failure("Key_WrongPassword", `the password in ${passwordFile} does not open the keystore ${place}`);
    throw new Failure("Key_BadKeystore", `the keystore ${place} is damaged`);
  }
  const signer = memorySigner(signingKeyOf(privateKey, `the keystore ${place} holds no private key`));
  if (address !== undefined && signer.address.toLowerCase() !== address)
    throw new Failure(
      "Key_BadKeystore",
      `the keystore ${place} says ${address} and holds the key of ${signer.address}`,
    );
  return signer;
}

/** The address that a V3 keystore names; a file that would cost more memory or time to open than keystores do is refused. */
function checkKeystore(json: string, file: string): string | undefined {
  const bad = (why: string) => new Failure("Key_BadKeystore", `${file} is no V3 keystore: ${why}`);
  let store: unknown;
  try {
    store = lowerKeys(JSON.parse(json));
  } catch {
    throw bad("it is not JSON"); // the parser's message quotes the file
  }
  const { version, crypto, address } = (store ?? {}) as Record<string, unknown>;
  if (Number(version) !== 3) throw bad("version is not 3");
  const { kdf, kdfparams } = (crypto ?? {}) as Record<string, unknown>;
  const { n, r, p, c } = (kdfparams ?? {}) as Record<string, unknown>;
  if (kdf === "scrypt") {
    const [cost, block, lanes] = [Number(n), Number(r), Number(p)];
    const bytes = 128 * cost * block;
    if (!(bytes > 0 && bytes <= SCRYPT_LIMIT_BYTES && lanes >= 1 && lanes <= 16))
      throw bad(`its scrypt parameters are out of bounds (memory up to ${SCRYPT_LIMIT_BYTES} bytes, p up to 16)`);
  } else if (kdf === "pbkdf2") {
    if (!(Number(c) >= 1 && Number(c) <= PBKDF2_LIMIT_ROUNDS))
      throw bad(`its pbkdf2 count is not from 1 to ${PBKDF2_LIMIT_ROUNDS}`);
  } else throw bad("its kdf is neither scrypt nor pbkdf2");
  if (address === undefined) return undefined;
  const text = typeof address === "string" ? address.toLowerCase().replace(/^0x/, "") : "";
  if (!/^[0-9a-f]{40}$/.test(text)) throw bad("its address is none");
  return `0x${text}`;
}

function lowerKeys(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key.toLowerCase(), lowerKeys(entry)]));
}
