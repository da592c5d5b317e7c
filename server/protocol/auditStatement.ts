import { AuditStatements__factory } from "../../types/factories/audit/AuditStatements__factory.ts";
import type { Hex } from "./bytes.ts";
import type { TypedSigner } from "./order.ts";
import { structDigest, structOf, type Domain } from "./typed.ts";

// What an auditor says of some hours of a contract's history: how it is hashed and signed (contracts/audit).

/** What an auditor can come to; the places are those of the contract's enum. */
export const OPINIONS = ["unqualified", "qualified", "adverse", "disclaimer"] as const;

export type Opinion = (typeof OPINIONS)[number];

/** What an auditor signs; the fields are those of the contract's struct. */
export interface AuditStatement {
  readonly auditor: string;
  readonly subject: string; // the contract that it is about
  readonly fromEpoch: bigint;
  readonly toEpoch: bigint;
  readonly headHash: string; // of the report of the last hour
  readonly findingsHash: string; // keccak256 of what is published as findings
  readonly opinion: bigint; // place in `OPINIONS`
  readonly signedAt: bigint;
}

/** The EIP-712 types of a statement, out of the ABI. */
export const STATEMENT = structOf(AuditStatements__factory.abi, "record", "statement");

/** What a statement is known by, and what its auditor signs. */
export function statementHash(domain: Domain, statement: AuditStatement): Hex {
  return structDigest(STATEMENT, domain, statement);
}

/** An auditor's signature of a statement. */
export async function signStatement(signer: TypedSigner, domain: Domain, statement: AuditStatement): Promise<Hex> {
  return (await signer.signTypedData(domain, STATEMENT.types, { ...statement })) as Hex;
}
