import { Failure } from "../failure.ts";

// Where a key is kept is said by a URI: SCHEME:PLACE?NAME=VALUE&… Secrets are never part of it, except of `plain:`, so a URI
// is not repeated in an error as it was given.

export interface KeyUri {
  readonly scheme: string;
  readonly place: string;
  readonly options: ReadonlyMap<string, string>;
}

/** Splits a key's URI; options not among `allowed`, and one given twice, are refused. */
export function parseKeyUri(uri: string, what: string, schemes: Readonly<Record<string, readonly string[]>>): KeyUri {
  const colon = uri.indexOf(":");
  const scheme = colon > 0 ? uri.slice(0, colon) : "";
  const allowed = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined;
  if (allowed === undefined) {
    const forms = Object.keys(schemes).map((name) => `${name}:…`);
    throw new Failure("Config_Key", `${what} is not of a known form: ${forms.join(", ")}`);
  }
  const mark = uri.indexOf("?", colon);
  const place = uri.slice(colon + 1, mark < 0 ? undefined : mark);
  const options = new Map<string, string>();
  for (const part of mark < 0 ? [] : uri.slice(mark + 1).split("&")) {
    const equals = part.indexOf("=");
    const name = part.slice(0, Math.max(equals, 0));
    if (!allowed.includes(name) || options.has(name)) {
      const known = allowed.length === 0 ? "none" : allowed.join(", ");
      throw new Failure("Config_Key", `${what}: options of ${scheme}: are ${known}, each once as NAME=VALUE`);
    }
    options.set(name, decoded(part.slice(equals + 1), what));
  }
  if (place === "" && scheme !== "pkcs11") throw new Failure("Config_Key", `${what}: nothing stands after ${scheme}:`);
  return { scheme, place, options };
}

/** The text with its %XX undone. */
export function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Failure("Config_Key", `${what}: a % is not followed by two digits`);
  }
}
