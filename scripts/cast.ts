import { createECDH, createHash, createPrivateKey, type KeyObject } from "node:crypto";

import { keccak256, toUtf8Bytes, Wallet } from "ethers";

import { hexOf, type Hex } from "../server/protocol/bytes.ts";
import { OFFICES, type Office } from "./governance.ts";

/** Everybody in the simulated world, by the key each signs with. Keys are functions of the seed: worthless elsewhere. */
export interface Cast {
  /** Deploys and seeds; has no role once the system is handed over. */
  admin: Wallet;
  /** Who has which role from then on. */
  offices: Record<Office, Wallet>;
  auditor: Wallet;
  operator: Wallet;
  sponsor: Wallet;
  trustee: Wallet;
  servicer: Wallet;
  kycProvider: Wallet;
  /** Signs for its leases; the second one's rent is metered. */
  lessees: Wallet[];
  /** Hold senior shares. */
  investors: Wallet[];
  /** Holds the residual. */
  equity: Wallet;
  /** Lends stablecoins against senior shares. */
  lender: Wallet;
  /** Puts money into the income vault. */
  saver: Wallet;
  /** Sign what an hour of a GPU costs, day by day; hold no coins. */
  publishers: Wallet[];
  /** Sign reports; hold no coins. */
  oracles: Wallet[];
  /** Pays for reports. */
  transmitter: Wallet;
  /** Pays for settling and distributing. */
  keeper: Wallet;
}

const ORACLES = 4;
const PUBLISHERS = 3;

export function castOf(seed: string, lesseeCount: number): Cast {
  const wallet = (name: string) => new Wallet(keccak256(toUtf8Bytes(`rackbond/${seed}/${name}`)));
  const several = (name: string, count: number) =>
    Array.from({ length: count }, (_, index) => wallet(`${name}${index}`));
  const auditor = wallet("auditor");
  const offices = Object.fromEntries(OFFICES.map((office) => [office, wallet(`office/${office}`)]));
  return {
    admin: wallet("admin"),
    offices: { ...(offices as Record<Office, Wallet>), AUDITOR: auditor },
    auditor,
    operator: wallet("operator"),
    sponsor: wallet("sponsor"),
    trustee: wallet("trustee"),
    servicer: wallet("servicer"),
    kycProvider: wallet("kycProvider"),
    lessees: several("lessee", lesseeCount),
    investors: several("investor", 2),
    equity: wallet("equity"),
    lender: wallet("lender"),
    saver: wallet("saver"),
    publishers: several("publisher", PUBLISHERS),
    oracles: several("oracle", ORACLES),
    transmitter: wallet("transmitter"),
    keeper: wallet("keeper"),
  };
}

/** A node's P-256 key with its public point, a function of the seed and the host. */
export function nodeKeyOf(seed: string, hostname: string): { key: KeyObject; x: Hex; y: Hex } {
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(createHash("sha256").update(`rackbond/${seed}/node/${hostname}`).digest());
  const point = ecdh.getPublicKey();
  const [x, y] = [point.subarray(1, 33), point.subarray(33)];
  const text = (bytes: Buffer) => bytes.toString("base64url");
  const key = createPrivateKey({
    format: "jwk",
    key: { kty: "EC", crv: "P-256", d: text(ecdh.getPrivateKey()), x: text(x), y: text(y) },
  });
  return { key, x: hexOf(x), y: hexOf(y) };
}
