import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

import { Failure, codeOf } from "../failure.ts";

// Secrets come out of files that nobody else can read; what is wrong with one is said without a byte of it.

/** Under which rules keys are opened. */
export interface KeyRules {
  /** Production mode: no key material in a URI or in the environment. */
  readonly isProduction: boolean;
  /** Holds the password or PIN of a key whose URI names no file for it. */
  readonly passwordFile?: string;
}

const SECRET_LIMIT_BYTES = 4096;

/** The bytes of a file that only its owner can read (mode 0600 or less). */
export function readPrivateFile(file: string, what: string, limitBytes: number): Buffer {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new Failure("Key_Unreadable", `${what} ${file} cannot be read: ${codeOf(error) ?? "unknown reason"}`);
  }
  try {
    const { mode, uid, size } = fstatSync(descriptor);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG)
      throw new Failure("Key_Unreadable", `${what} ${file} is no plain file`);
    const user = process.getuid?.();
    if (user !== undefined && (mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, "0");
      throw new Failure("Key_FileOpen", `${what} ${file} has mode ${shown}; others may read it: chmod 600 ${file}`);
    }
    if (user !== undefined && uid !== user && uid !== 0)
      throw new Failure("Key_FileOpen", `${what} ${file} belongs to user ${uid}, the program runs as ${user}`);
    if (size === 0 || size > limitBytes)
      throw new Failure("Key_Unreadable", `${what} ${file} has ${size} bytes; from 1 to ${limitBytes} are allowed`);
    const bytes = Buffer.alloc(size);
    const count = readSync(descriptor, bytes, 0, size, 0);
    return bytes.subarray(0, count);
  } finally {
    closeSync(descriptor);
  }
}

/** A password, PIN or token out of its file; one line break at the end is not part of it. */
export function readSecret(file: string, what: string): string {
  const text = readPrivateFile(file, what, SECRET_LIMIT_BYTES)
    .toString("utf8")
    .replace(/\r?\n$/, "");
  if (text === "") throw new Failure("Key_Unreadable", `${what} ${file} is empty`);
  return text;
}
