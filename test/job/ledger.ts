import type { JsonRpcProvider, Log, LogDescription } from "ethers";

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

const [FEE, , RESERVE] = [0n, 1n, 2n];

interface Entry {
  name: string;
  address: string;
  args: LogDescription["args"];
}

/** All events of a contract kind at an address, in order. */
function entries(logs: Log[], address: string, contract: keyof typeof INTERFACES): Entry[] {
  return logs
    .filter((log) => log.address.toLowerCase() === address.toLowerCase())
    .flatMap((log) => {
      const event = INTERFACES[contract].parseLog(log);
      return event === null ? [] : [{ name: event.name, address: log.address, args: event.args }];
    });
}

const sum = (values: bigint[]) => values.reduce((total, value) => total + value, 0n);

/** Adds the ledger up, event by event; asks no contract anything. */
export async function readLedger(provider: JsonRpcProvider, deployment: Deployment): Promise<Ledger> {
  const place = deployment.facilities[0]!;
  const logs = await provider.getLogs({ fromBlock: 0, toBlock: "latest" });
  const leases = entries(logs, deployment.addresses.leases, "leases");
  const facility = entries(logs, place.address, "facility");
  const tokens = place.classTokens.flatMap((token) => entries(logs, token, "classToken"));
  const of = (list: Entry[], name: string) => list.filter((entry) => entry.name === name);

  const own = new Set(
    of(leases, "Opened")
      .filter(({ args }) => args.terms.payee === place.address)
      .map(({ args }) => args.leaseId as bigint),
  );
  const received = sum([
    ...of(leases, "Invoiced").filter(({ args }) => own.has(args.leaseId)).map(({ args }) => args.payment.paidAssets),
    ...of(leases, "Paid").filter(({ args }) => own.has(args.leaseId)).map(({ args }) => args.paidAssets),
    ...of(leases, "PaidFromEscrow").filter(({ args }) => own.has(args.leaseId)).map(({ args }) => args.paidAssets),
  ]);
  const steps = of(facility, "StepPaid").map(({ args }) => ({
    kind: args.step.kind as bigint,
    paid: args.paidAssets as bigint,
  }));
  const claimed = sum(of(tokens, "Claimed").map(({ args }) => args.assets));
  const toClasses = sum(steps.filter(({ kind }) => kind !== FEE && kind !== RESERVE).map(({ paid }) => paid));
  const returned = sum(of(facility, "ClassScheduled").map(({ args }) => args.returnedAssets));
  const distributed = sum(of(facility, "PaymentMade").map(({ args }) => args.collectionsAssets));
  return {
    received,
    fees: sum(steps.filter(({ kind }) => kind === FEE).map(({ paid }) => paid)),
    claimable: toClasses + returned - claimed,
    claimed,
    reserve: steps.filter(({ kind }) => kind === RESERVE).at(-1)?.paid ?? 0n,
    collections: received - distributed,
  };
}

/** The same from the stablecoin's own transfers: what reached the facility and what left it. */
export async function readTransfers(provider: JsonRpcProvider, deployment: Deployment) {
  const { asset, leases } = deployment.addresses;
  const facility = deployment.facilities[0]!.address;
  const logs = await provider.getLogs({ fromBlock: 0, toBlock: "latest", address: asset });
  const transfers = entries(logs, asset, "asset").filter(({ name }) => name === "Transfer");
  const moved = (from: (address: string) => boolean, to: (address: string) => boolean) =>
    sum(transfers.filter(({ args }) => from(args.from) && to(args.to)).map(({ args }) => args.value));
  const is = (address: string) => (other: string) => other === address;
  const isNot = (address: string) => (other: string) => other !== address;
  return {
    rentToFacility: moved(is(leases), is(facility)),
    raised: moved(isNot(leases), is(facility)),
    paidOut: moved(is(facility), isNot(facility)),
    held: moved(() => true, is(facility)) - moved(is(facility), () => true),
  };
}
