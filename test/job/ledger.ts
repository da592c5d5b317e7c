import type { JsonRpcProvider, Log } from "ethers";

import { INTERFACES } from "../../server/protocol/contracts.ts";
import type { Deployment } from "../../server/protocol/deployment.ts";

/** What a second reader makes of a facility's money, from the chain's logs alone. */
export interface Ledger {
  received: bigint;
  fees: bigint;
  claimable: bigint;
  claimed: bigint;
  reserve: bigint;
  collections: bigint;
}

// Kinds of steps, as the contract numbers them.
const FEE = 0n;
const RESERVE = 2n;
const TRAP = 5n;
const FEE_EXCESS = 6n;

interface Entry {
  name: string;
  /** Arguments by name, nested ones by a path of names. */
  args: ReadonlyMap<string, unknown>;
}

/** All events of a contract kind at an address, in order. */
function entries(logs: Log[], address: string, contract: keyof typeof INTERFACES): Entry[] {
  return logs
    .filter((log) => log.address.toLowerCase() === address.toLowerCase())
    .flatMap((log) => {
      const event = INTERFACES[contract].parseLog(log);
      if (event === null) return [];
      const args = new Map<string, unknown>();
      flatten(event.args.toObject(true), "", args);
      return [{ name: event.name, args }];
    });
}

function flatten(value: unknown, path: string, into: Map<string, unknown>): void {
  if (typeof value !== "object" || value === null) into.set(path, value);
  else
    for (const [name, member] of Object.entries(value)) flatten(member, path === "" ? name : `${path}.${name}`, into);
}

const amount = (entry: Entry, name: string): bigint => {
  const value = entry.args.get(name);
  if (typeof value !== "bigint") throw new Error(`${entry.name} has no amount ${name}`);
  return value;
};
const sum = (values: bigint[]) => values.reduce((total, value) => total + value, 0n);
const placeOf = (deployment: Deployment) => {
  const [place] = deployment.facilities;
  if (place === undefined) throw new Error("no facility");
  return place;
};

/** Adds the ledger up, event by event; asks no contract anything. */
export async function readLedger(provider: JsonRpcProvider, deployment: Deployment): Promise<Ledger> {
  const place = placeOf(deployment);
  const logs = await provider.getLogs({ fromBlock: 0, toBlock: "latest" });
  const leases = entries(logs, deployment.addresses.leases, "leases");
  const facility = entries(logs, place.address, "facility");
  const tokens = place.classTokens.flatMap((token) => entries(logs, token, "classToken"));
  const total = (list: Entry[], event: string, name: string) =>
    sum(list.filter((entry) => entry.name === event).map((entry) => amount(entry, name)));

  const ofOwn = leases.filter(({ args }) => (args.get("payee") ?? args.get("reduction.payee")) === place.address);
  const received =
    total(ofOwn, "Invoiced", "payment.paidAssets") +
    total(ofOwn, "FeeInvoiced", "payment.paidAssets") +
    total(ofOwn, "Purchased", "assets") +
    total(ofOwn, "Paid", "reduction.paidAssets") +
    total(ofOwn, "Paid", "reduction.lateFeeAssets") +
    total(ofOwn, "PaidFromEscrow", "reduction.paidAssets") +
    total(ofOwn, "PaidFromEscrow", "reduction.lateFeeAssets");
  const returned = total(facility, "ClassScheduled", "returnedAssets");
  const surplus = total(facility, "SurplusBooked", "assets");
  const steps = facility
    .filter(({ name }) => name === "StepPaid")
    .map((entry) => ({ kind: entry.args.get("step.kind"), paid: amount(entry, "paidAssets") }));
  const claimed = total(tokens, "Claimed", "assets");
  const paidAt = (...kinds: bigint[]) => steps.filter(({ kind }) => kinds.some((own) => own === kind));
  const toFees = sum(paidAt(FEE, FEE_EXCESS).map(({ paid }) => paid));
  const kept = new Set<unknown>([FEE, FEE_EXCESS, RESERVE, TRAP]);
  const toClasses = sum(steps.filter(({ kind }) => !kept.has(kind)).map(({ paid }) => paid));
  const trapped = paidAt(TRAP).at(-1)?.paid ?? 0n;
  return {
    received: received + returned + surplus,
    fees: toFees,
    claimable: toClasses + returned - claimed,
    claimed,
    reserve: paidAt(RESERVE).at(-1)?.paid ?? 0n,
    collections: received + surplus - total(facility, "PaymentMade", "collectionsAssets") + trapped,
  };
}

/** The same from the stablecoin's own transfers: what reached the facility as rent, and what it holds. */
export async function readTransfers(
  provider: JsonRpcProvider,
  deployment: Deployment,
): Promise<{ rentToFacility: bigint; held: bigint }> {
  const { asset, leases } = deployment.addresses;
  const facility = placeOf(deployment).address;
  const logs = await provider.getLogs({ fromBlock: 0, toBlock: "latest", address: asset });
  // A class token is an ERC-20 too: its Transfer event is the stablecoin's.
  const transfers = entries(logs, asset, "classToken").filter(({ name }) => name === "Transfer");
  const moved = (where: Record<string, string>) =>
    sum(
      transfers
        .filter(({ args }) => Object.entries(where).every(([name, address]) => args.get(name) === address))
        .map((entry) => amount(entry, "value")),
    );
  return {
    rentToFacility: moved({ from: leases, to: facility }),
    held: moved({ to: facility }) - moved({ from: facility }),
  };
}
