import { memberOf, type AbiItem, type AbiParameter } from "./abi.ts";
import { STANDARDS } from "./standards.ts";

const SUFFIXES = [
  ...["Wad", "Ray", "Bps", "E4"], // ratios: 1e18, 1e27, 1e4, 1e4 around 1
  ...["Wh", "Mwh", "MJ", "W", "Ml", "GCO2e", "PerMWh", "PerKWh"], // energy, power, water, carbon
  ...["Sec", "At", "Epoch"], // durations, unix seconds, unix hours
  ...["Assets", "Shares"], // settlement token, class token
  ...["Count", "Index", "Units", "Bitmap", "Nonce", "Id", "Class", "Bucket"],
];
const WORDS = ["assets", "shares", "epoch", "nonce", "deadline", "answer", "level"];

const NAMED_UNIT = new RegExp(`^(?:${WORDS.join("|")}|[a-z]\\w*?[a-z0-9](?:${SUFFIXES.join("|")}))$`);
const INTEGER = /^u?int\d+/;

/** Does the name of an integer say its unit? A list may be in the plural; `x_` is what `x` is set to. */
export function hasUnit(name: string, isList = false): boolean {
  const isConstant = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(name);
  const plain = isConstant ? camelCase(name) : name.replace(/_$/, "");
  return NAMED_UNIT.test(plain) || (isList && NAMED_UNIT.test(plain.replace(/e?s$/, "")));
}

function camelCase(constant: string): string {
  return constant.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Integers in an ABI whose name has no known unit. Members that a standard names are the standard's affair. */
export function unitless(contract: string, abi: AbiItem[]): string[] {
  return abi.flatMap((item) => {
    const name = item.name ?? item.type;
    if (STANDARD_MEMBERS.has(memberOf(item))) return [];
    const outputs = item.outputs ?? [];
    return [
      ...(item.inputs ?? []).flatMap((input) => inParameter(input, input.name)),
      // A single nameless result is what the function's name says.
      ...outputs.flatMap((output) => inParameter(output, output.name || (outputs.length === 1 ? name : ""))),
    ].map((what) => `${contract}.${name}: ${what}`);
  });
}

function inParameter(parameter: AbiParameter, name: string): string[] {
  const { type, internalType = type, components } = parameter;
  if (components !== undefined) {
    const struct = internalType.replace(/^struct (?:\w+\.)?/, "").replace(/(?:\[\d*\])+$/, "");
    return components
      .filter((component) => !STANDARD_MEMBERS.has(`${struct}.${component.name}`))
      .flatMap((component) => inParameter(component, component.name));
  }
  if (!INTEGER.test(type) || internalType.startsWith("enum ")) return [];
  const isId = !INTEGER.test(internalType); // a value type of units.sol is its own unit
  if (isId || hasUnit(name, type.endsWith("]"))) return [];
  return [`${type} ${name || "without a name"} has no unit`];
}

const STANDARD_MEMBERS = new Set(Object.values(STANDARDS).flat());
