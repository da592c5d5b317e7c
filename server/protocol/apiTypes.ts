import { Type, type TSchema } from "typebox";

// The kinds of value that the REST API takes and gives.

export const strict = { additionalProperties: false };

export const Amount = Type.String({ pattern: "^(0|[1-9][0-9]{0,77})$", description: "base units of the token" });
export const SignedAmount = Type.String({
  pattern: "^(0|-?[1-9][0-9]{0,77})$",
  description: "base units of the token, below zero with a minus",
});
export const U64 = Type.String({ pattern: "^(0|[1-9][0-9]{0,19})$", description: "unsigned 64-bit integer" });
export const UnixTime = Type.String({ pattern: "^(0|[1-9][0-9]{0,19})$", description: "unix seconds" });
export const Address = Type.String({ pattern: "^0x[0-9a-fA-F]{40}$" });
export const Hash = Type.String({ pattern: "^0x[0-9a-f]{64}$" });
export const COUNT = { minimum: 0, maximum: 0xffff_ffff };
export const Count = Type.Integer(COUNT);
export const Wad = Type.String({ pattern: "^(0|[1-9][0-9]{0,77})$", description: "parts of 10^18" });
export const Signature = Type.String({
  pattern: "^0x([0-9a-fA-F]{2}){1,4096}$",
  description: "of an account or a wallet",
});
/** How many a page has. Everything in an address is text: numbers are checked by their decimal form. */
export const PageLimit = Type.String({
  pattern: "^([1-9]|[1-9][0-9]|1[0-9]{2}|200)$",
  default: "50",
  description: "1 to 200",
});
export const CountryCode = Type.String({ pattern: "^[A-Z]{2}$" });
export const Bps = Type.Integer({ minimum: 0, maximum: 0xffff_ffff, description: "hundredths of a percent" });
export const SignedBps = Type.Integer({
  minimum: -10_000,
  maximum: 0xffff_ffff,
  description: "hundredths of a percent",
});
export const Month = Type.String({ pattern: "^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])$", description: "of UTC" });

export const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const oneOf = <const T extends readonly string[]>(names: T) =>
  Type.Unsafe<T[number]>({ type: "string", enum: [...names] });

/** The same as a parameter: all of them are texts with a form. */
export const textOf = <const T extends readonly string[]>(names: T) =>
  Type.Unsafe<T[number]>({ type: "string", pattern: `^(${names.join("|")})$` });
export const Flag = textOf(["true", "false"]);
