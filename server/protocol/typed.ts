import { TypedDataEncoder, id } from "ethers";
import { bytesOf, type Hex } from "./bytes.ts";
import { Refusal, demand } from "./refusal.ts";

/** One parameter of a JSON ABI, as the compiler writes it. */
export interface AbiParameter {
  readonly name: string;
  readonly type: string;
  readonly internalType?: string;
  readonly components?: readonly AbiParameter[];
}

/** One entry of a JSON ABI. */
export interface AbiEntry {
  readonly type: string;
  readonly name?: string;
  readonly inputs?: readonly AbiParameter[];
}

interface Member {
  name: string;
  type: string;
}

/** EIP-712 types of a struct and those it contains. */
export interface TypedStruct {
  readonly primaryType: string;
  readonly types: Record<string, Member[]>;
  /** encodeType of EIP-712, the preimage of the type hash. */
  readonly typeString: string;
  readonly typeHash: Hex;
}

/** What EIP-5267's eip712Domain() returns. */
export interface Eip712Domain {
  readonly fields: string;
  readonly name: string;
  readonly version: string;
  readonly chainId: bigint;
  readonly verifyingContract: string;
  readonly salt: string;
  readonly extensions: readonly bigint[];
}

/** A domain as signers take it. */
export interface Domain {
  name?: string;
  version?: string;
  chainId?: bigint;
  verifyingContract?: string;
  salt?: string;
}

// "struct Telemetry.LotMeter[]" → "LotMeter"
function structName(parameter: AbiParameter): string {
  const match = /^struct (?:[A-Za-z_$][\w$]*\.)?([A-Za-z_$][\w$]*)(?:\[\d*\])*$/.exec(parameter.internalType ?? "");
  if (match?.[1] === undefined) {
    throw new Refusal("Abi_NotAStruct", { name: parameter.name, internalType: parameter.internalType ?? "" });
  }
  return match[1];
}

function collect(struct: AbiParameter, types: Record<string, Member[]>): string {
  const name = structName(struct);
  const members: Member[] = [];
  for (const component of struct.components ?? []) {
    // The ABI gives user-defined value types, enums and contracts as their base type, which is what is hashed.
    const isStruct = component.type.startsWith("tuple");
    const type = isStruct ? collect(component, types) + component.type.slice("tuple".length) : component.type;
    members.push({ name: component.name, type });
  }
  const known = types[name];
  demand(known === undefined || JSON.stringify(known) === JSON.stringify(members), "Abi_TwoStructsOneName", { name });
  types[name] = members;
  return name;
}

/** The EIP-712 types of the struct that a function takes as the named input. */
export function structOf(abi: readonly AbiEntry[], functionName: string, inputName: string): TypedStruct {
  const functions = abi.filter((entry) => entry.type === "function" && entry.name === functionName);
  demand(functions.length === 1, "Abi_NotOneFunction", { functionName, found: functions.length });
  const input = functions[0]?.inputs?.find((parameter) => parameter.name === inputName);
  if (input === undefined) throw new Refusal("Abi_NoInput", { functionName, inputName });
  const types: Record<string, Member[]> = {};
  const primaryType = collect(input, types);
  const typeString = TypedDataEncoder.from(types).encodeType(primaryType);
  return { primaryType, types, typeString, typeHash: id(typeString) as Hex };
}

/** The domain that a contract says it has, without the fields it leaves out. */
export function domainOf(answer: Eip712Domain): Domain {
  demand(answer.extensions.length === 0, "Domain_Extended", { extensions: answer.extensions.join(" ") });
  const fields = Number(answer.fields);
  const domain: Domain = {};
  if (fields & 1) domain.name = answer.name;
  if (fields & 2) domain.version = answer.version;
  if (fields & 4) domain.chainId = answer.chainId;
  if (fields & 8) domain.verifyingContract = answer.verifyingContract;
  if (fields & 16) domain.salt = answer.salt;
  return domain;
}

/** EIP-712 hashStruct of a value. */
export function structHash(struct: TypedStruct, value: object): Hex {
  return TypedDataEncoder.from(struct.types).hashStruct(struct.primaryType, { ...value }) as Hex;
}

/** The digest that is signed: keccak256(0x1901 ‖ domain separator ‖ hashStruct). */
export function structDigest(struct: TypedStruct, domain: Domain, value: object): Hex {
  return TypedDataEncoder.hash(domain, struct.types, { ...value }) as Hex;
}

/** What a signer hashes and signs, 66 bytes: 0x1901 ‖ domain separator ‖ hashStruct. Its keccak256 is `structDigest`. */
export function structPreimage(struct: TypedStruct, domain: Domain, value: object): Uint8Array {
  return bytesOf(TypedDataEncoder.encode(domain, struct.types, { ...value }));
}

/** The domain separator. */
export function domainSeparator(domain: Domain): Hex {
  return TypedDataEncoder.hashDomain(domain) as Hex;
}
