import type { HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";
import { id, SigningKey, computeAddress, type ContractRunner } from "ethers";

import type { Hex } from "../../server/protocol/bytes.ts";
import { contractsAt, type Contracts } from "../../server/protocol/contracts.ts";
import type { Addresses } from "../../server/protocol/deployment.ts";
import type { Deal } from "./deal.ts";

/** Everybody in a simulated deal, each with an account of its own. */
export interface Parties {
  admin: HardhatEthersSigner;
  auditor: HardhatEthersSigner;
  operator: HardhatEthersSigner;
  sponsor: HardhatEthersSigner;
  kycProvider: HardhatEthersSigner;
  keeper: HardhatEthersSigner;
  /** Buys lots in enforcement. */
  buyer: HardhatEthersSigner;
  /** By the deal's fees, leases, and classes with the residual last. */
  payees: HardhatEthersSigner[];
  lessees: HardhatEthersSigner[];
  holders: HardhatEthersSigner[];
  /** Of the price of compute. */
  publishers: HardhatEthersSigner[];
  /** The holders of a new facility's classes. */
  newHolders: HardhatEthersSigner[];
}

export function partiesOf(deal: Deal, signers: readonly HardhatEthersSigner[]): Parties {
  let next = 0;
  const one = () => signers[next++]!;
  const several = (count: number) => Array.from({ length: count }, one);
  return {
    admin: one(),
    auditor: one(),
    operator: one(),
    sponsor: one(),
    kycProvider: one(),
    keeper: one(),
    buyer: one(),
    payees: several(deal.fees.length),
    lessees: several(deal.leases.length),
    holders: several(deal.classes.length + 1),
    publishers: several(3),
    newHolders: several(2),
  };
}

const ORACLES = 4;

/** The oracles' keys, in the order of their addresses, as the contract has them. */
export function oracleKeys(): { key: Hex; address: string }[] {
  return Array.from({ length: ORACLES }, (_, index) => {
    const key = id(`rackbond/simulate/oracle${index}`) as Hex;
    return { key, address: computeAddress(new SigningKey(key).publicKey) };
  }).sort((a, b) => (BigInt(a.address) < BigInt(b.address) ? -1 : 1));
}

/** The contracts, spoken to by a party. */
export function speaking(addresses: Addresses): (party: ContractRunner) => Contracts {
  return (party) => contractsAt(addresses, party);
}
