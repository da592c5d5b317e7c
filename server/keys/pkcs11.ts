import type * as Pkcs11 from "pkcs11js";
import type { Handle, PKCS11, Template } from "pkcs11js";

import { Failure, messageOf } from "../failure.ts";
import { decoded, type KeyUri } from "./uri.ts";
import { readSecret, type KeyRules } from "./secrets.ts";

// Keys that never leave a PKCS#11 token. A token that was away (session closed, card pulled, module restarted) is logged in
// to again; a PIN that was refused is not tried a second time, for tokens lock after a few.

/** The options of pkcs11: URIs; both are those of RFC 7512. */
export const PKCS11_OPTIONS = ["module-path", "pin-source"];

/** A key of a token, behind its public point. */
export interface TokenKey {
  /** 65 bytes: 04 ‖ x ‖ y. */
  readonly point: Uint8Array;
  /** ECDSA over 32 bytes as they are: r ‖ s, s as the token made it. */
  sign(digest: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

type Curve = "secp256k1" | "P-256";
type Library = typeof Pkcs11;

const CURVE_OID: Record<Curve, string> = { secp256k1: "06052b8104000a", "P-256": "06082a8648ce3d030107" };
const ATTRIBUTES = ["token", "serial", "object", "id"];
const PIN_REFUSED = /^CKR_PIN_|^CKR_USER_PIN_NOT_INITIALIZED/;
const AWAY =
  /^CKR_(SESSION_HANDLE_INVALID|SESSION_CLOSED|USER_NOT_LOGGED_IN|KEY_HANDLE_INVALID|OBJECT_HANDLE_INVALID|DEVICE_\w+|TOKEN_\w+|CRYPTOKI_NOT_INITIALIZED|GENERAL_ERROR|FUNCTION_FAILED|SLOT_ID_INVALID|OPERATION_\w+)$/;

interface Module {
  readonly library: Library;
  readonly api: PKCS11;
  userCount: number;
}

/** A module is initialised once for a process, however many keys it serves. */
const modules = new Map<string, Module>();

/** Opens the key that a pkcs11: URI names: token=…;object=… (or serial=…, id=%XX…) of the module at ?module-path=. */
export async function openTokenKey(uri: KeyUri, rules: KeyRules, curve: Curve): Promise<TokenKey> {
  const wanted = attributesOf(uri.place);
  const modulePath = uri.options.get("module-path");
  if (modulePath === undefined)
    throw new Failure("Config_Key", "pkcs11: needs ?module-path=FILE of the token's module");
  const pinFile = uri.options.get("pin-source")?.replace(/^file:(\/\/)?/, "") ?? rules.passwordFile;
  if (pinFile === undefined)
    throw new Failure("Config_Key", "pkcs11: needs &pin-source=file:FILE, or RACKBOND_PASSWORD_FILE, for the PIN");
  const name = [...wanted].map(([key, value]) => `${key}=${value}`).join(";");
  const what = `the key pkcs11:${name}`;
  const module = await useModule(modulePath, what);
  const { api, library } = module;
  let open: { session: Handle; key: Handle; point: Uint8Array } | undefined;
  let refusedPin: Failure | undefined;

  const login = () => {
    if (refusedPin !== undefined) throw refusedPin;
    let session: Handle | undefined;
    try {
      initialise(api, library);
      session = api.C_OpenSession(slotOf(api, wanted, what), library.CKF_SERIAL_SESSION);
      try {
        api.C_Login(session, library.CKU_USER, readSecret(pinFile, "the PIN file"));
      } catch (error) {
        if (!messageOf(error).startsWith("CKR_USER_ALREADY_LOGGED_IN")) throw error;
      }
      open = { session, ...findKey(library, api, session, wanted, curve, what) };
      return open;
    } catch (error) {
      closeQuietly(api, session);
      if (error instanceof Failure) throw error;
      if (!PIN_REFUSED.test(messageOf(error))) throw away(what, error);
      const remedy = "it is not tried again; mend the PIN file and start anew";
      refusedPin = new Failure("Key_PinRefused", `${what}: the token refuses the PIN (${codeName(error)}); ${remedy}`);
      throw refusedPin;
    }
  };

  // Point, and with it the address, stay what they were when the key was opened.
  const loginAgain = (point: Uint8Array) => {
    const found = login();
    if (Buffer.compare(found.point, point) === 0) return found;
    closeQuietly(api, found.session);
    open = undefined;
    throw new Failure("Key_Changed", `${what}: another key is there now; start anew if that is meant`);
  };

  const signOnce = async ({ session, key }: { session: Handle; key: Handle }, digest: Uint8Array) => {
    api.C_SignInit(session, { mechanism: library.CKM_ECDSA }, key);
    return await api.C_SignAsync(session, Buffer.from(digest), Buffer.alloc(64));
  };

  let point: Uint8Array;
  try {
    ({ point } = login());
  } catch (error) {
    releaseModule(modulePath, module);
    throw error;
  }

  // A session does one thing at a time.
  let turn: Promise<unknown> = Promise.resolve();
  let isClosed = false;
  return {
    point,
    sign(digest) {
      const work = async () => {
        if (isClosed) throw new Failure("Key_Closed", `${what} was closed`);
        try {
          return await signOnce(open ?? loginAgain(point), digest);
        } catch (error) {
          if (error instanceof Failure) throw error;
          if (!AWAY.test(codeName(error))) throw away(what, error);
          closeQuietly(api, open?.session);
          open = undefined;
        }
        try {
          return await signOnce(loginAgain(point), digest);
        } catch (error) {
          throw error instanceof Failure ? error : away(what, error);
        }
      };
      const signed = turn.then(work, work);
      turn = signed.catch(() => undefined);
      return signed;
    },
    async close() {
      await turn;
      if (isClosed) return;
      isClosed = true;
      closeQuietly(api, open?.session);
      releaseModule(modulePath, module);
    },
  };
}

function attributesOf(place: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of place.split(";")) {
    const equals = part.indexOf("=");
    const name = part.slice(0, Math.max(equals, 0));
    if (!ATTRIBUTES.includes(name) || found.has(name))
      throw new Failure("Config_Key", `pkcs11: attributes are ${ATTRIBUTES.join(", ")}, each once as NAME=VALUE, by ;`);
    const text = part.slice(equals + 1);
    // An id is bytes, of which a URI can hold any.
    found.set(name, name === "id" ? idOf(text) : decoded(text, "pkcs11:"));
  }
  if (!(found.has("token") || found.has("serial")) || !(found.has("object") || found.has("id")))
    throw new Failure("Config_Key", "pkcs11: needs token= or serial=, and object= or id=");
  return found;
}

function idOf(text: string): string {
  if (!/^(%[0-9a-fA-F]{2})+$/.test(text)) throw new Failure("Config_Key", "pkcs11: id= is %XX for each byte");
  return text.replaceAll("%", "").toLowerCase();
}

async function useModule(path: string, what: string): Promise<Module> {
  let module = modules.get(path);
  if (module === undefined) {
    let library: Library;
    try {
      ({ default: library } = (await import("pkcs11js")) as unknown as { default: Library });
    } catch {
      throw new Failure("Key_NoPkcs11", "the package pkcs11js is not installed or was not built; npm ci brings it");
    }
    module = modules.get(path); // another call was quicker
    if (module === undefined) {
      const api = new library.PKCS11();
      try {
        api.load(path);
        initialise(api, library);
      } catch (error) {
        throw new Failure("Key_NoModule", `${what}: the module ${path} cannot be used: ${messageOf(error)}`);
      }
      module = { library, api, userCount: 0 };
      modules.set(path, module);
    }
  }
  module.userCount += 1;
  return module;
}

function releaseModule(path: string, module: Module): void {
  module.userCount -= 1;
  if (module.userCount > 0) return;
  modules.delete(path);
  try {
    module.api.C_Finalize();
  } catch {
    // It was finalised by someone else; there is nothing left to end.
  }
  module.api.close();
}

function initialise(api: PKCS11, library: Library): void {
  try {
    api.C_Initialize({ flags: library.CKF_OS_LOCKING_OK });
  } catch (error) {
    if (codeName(error) !== "CKR_CRYPTOKI_ALREADY_INITIALIZED") throw error;
  }
}

function slotOf(api: PKCS11, wanted: Map<string, string>, what: string): Handle {
  const slots = api.C_GetSlotList(true).filter((slot) => {
    const { label, serialNumber } = api.C_GetTokenInfo(slot);
    const is = (name: string, text: string) => !wanted.has(name) || wanted.get(name) === text.replace(/[ \0]+$/, "");
    return is("token", label) && is("serial", serialNumber);
  });
  if (slots[0] === undefined) throw new Failure("Key_NoToken", `${what}: no such token is present`);
  if (slots.length > 1) throw new Failure("Key_Ambiguous", `${what}: ${slots.length} tokens match; add serial=`);
  return slots[0];
}

function findKey(
  library: Library,
  api: PKCS11,
  session: Handle,
  wanted: Map<string, string>,
  curve: Curve,
  what: string,
) {
  const { CKA_CLASS, CKA_LABEL, CKA_ID, CKA_EC_PARAMS, CKA_EC_POINT } = library;
  const label = wanted.get("object");
  const id = wanted.get("id");
  const named: Template = [
    ...(label === undefined ? [] : [{ type: CKA_LABEL, value: label }]),
    ...(id === undefined ? [] : [{ type: CKA_ID, value: Buffer.from(id, "hex") }]),
  ];
  const only = (template: Template, kind: string): Handle => {
    api.C_FindObjectsInit(session, template);
    const found = api.C_FindObjects(session, 3);
    api.C_FindObjectsFinal(session);
    if (found[0] === undefined) throw new Failure("Key_NotFound", `${what}: the token has no such ${kind} key`);
    if (found.length > 1) throw new Failure("Key_Ambiguous", `${what}: several ${kind} keys match; add id= or object=`);
    return found[0];
  };
  const key = only([{ type: CKA_CLASS, value: library.CKO_PRIVATE_KEY }, ...named], "private");
  const [keyId] = valuesOf(api, session, key, CKA_ID);
  const twin = only(
    [
      { type: CKA_CLASS, value: library.CKO_PUBLIC_KEY },
      ...named.filter(({ type }) => type !== CKA_ID),
      { type: CKA_ID, value: keyId },
    ],
    "public",
  );
  const [parameters, encoded] = valuesOf(api, session, twin, CKA_EC_PARAMS, CKA_EC_POINT);
  if (parameters.toString("hex") !== CURVE_OID[curve])
    throw new Failure("Key_WrongCurve", `${what} is not a key of ${curve}`);
  // An OCTET STRING around the point, as the standard has it, or the bare point, as some modules do.
  const point = encoded.length === 67 && encoded[0] === 4 && encoded[1] === 65 ? encoded.subarray(2) : encoded;
  if (point.length !== 65 || point[0] !== 4)
    throw new Failure("Key_BadPublicKey", `${what}: the token does not give its public point`);
  return { key, point: new Uint8Array(point) };
}

function valuesOf(api: PKCS11, session: Handle, object: Handle, ...types: number[]): [Buffer, Buffer] {
  const found = api.C_GetAttributeValue(
    session,
    object,
    types.map((type) => ({ type })),
  );
  return found.map(({ value }) => value) as [Buffer, Buffer];
}

function closeQuietly(api: PKCS11, session: Handle | undefined): void {
  try {
    if (session !== undefined) api.C_CloseSession(session);
  } catch {
    // It was closed already: that is why it is closed here.
  }
}

function codeName(error: unknown): string {
  return /CKR_\w+/.exec(messageOf(error))?.[0] ?? "no code";
}

function away(what: string, error: unknown): Failure {
  return new Failure("Key_TokenAway", `${what}: the token does not answer as it should (${codeName(error)})`);
}
