import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { SigningKey, computeAddress, encryptKeystoreJson, recoverAddress, sha256, toUtf8Bytes } from "ethers";

import { Failure } from "../../server/failure.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { keccakHex } from "../../server/protocol/keccak.ts";

export const DEVELOPMENT = { isProduction: false };
export const PRODUCTION = { isProduction: true };
export const PASSWORD = "correct horse battery staple";
export const KEY = new SigningKey(sha256(toUtf8Bytes("rackbond key bench")));
export const ADDRESS = computeAddress(KEY.publicKey);

/** A folder of secrets for the tests of one file. */
export interface KeyFolder {
  readonly path: string;
  /** Writes a file, for its owner only unless a mode is given; its path. */
  write(name: string, content: string | Uint8Array, mode?: number): string;
  /** A keystore of KEY under PASSWORD, cheap to open. */
  keystore(name?: string): Promise<string>;
  remove(): void;
}

export function keyFolder(): KeyFolder {
  const path = mkdtempSync(join(tmpdir(), "rackbond-keys-"));
  const write = (name: string, content: string | Uint8Array, mode = 0o600) => {
    const file = join(path, name);
    writeFileSync(file, content);
    chmodSync(file, mode);
    return file;
  };
  return {
    path,
    write,
    async keystore(name = "key.json") {
      const account = { address: ADDRESS, privateKey: KEY.privateKey };
      return write(name, await encryptKeystoreJson(account, PASSWORD, { scrypt: { N: 1024, r: 8, p: 1 } }));
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** The failure that the work ends with; any other end fails the test. */
export async function failureOf(work: () => unknown): Promise<Failure> {
  try {
    await work();
  } catch (error) {
    expect(error, String(error)).to.be.instanceOf(Failure);
    return error as Failure;
  }
  throw new Error("it did not fail");
}

/** Who signed keccak256(preimage), by a compact signature with s in the lower half. */
export function signerOf(preimage: Uint8Array, signature: Hex): string {
  expect(signature).to.match(/^0x[0-9a-f]{128}$/);
  const s = BigInt.asUintN(255, BigInt(`0x${signature.slice(66)}`));
  expect(s <= 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n, "low s").to.equal(true);
  return recoverAddress(keccakHex(preimage), signature);
}
