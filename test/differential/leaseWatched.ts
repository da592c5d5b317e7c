import type { Interface } from "ethers";
import * as model from "../../server/model/lease.ts";
import { FIRST_PAYEE, LESSEE, PAYEES, type LeaseWorld } from "./leaseWorld.ts";
import { valueOf, type Value } from "./stage.ts";

// Every balance of the leases that is compared, and where the contracts show it.

/** What the histories of the leases look like from outside. */
export interface Ledger {
  readonly leases: model.Lease[];
  /** Taken out so far, by payee. */
  readonly collected: Map<string, bigint>;
  /** Prices of lots, by payee. */
  readonly prices: Map<string, bigint>;
  /** What the lessee may take out. */
  refundAssets: bigint;
}

export function watchedLedger(world: LeaseWorld, ledger: Ledger, nowAt: () => bigint): Value[] {
  const calls: Interface = world.leases.interface;
  const target = world.addresses.leases;
  const asset = world.addresses.coin;
  const of = (payee: string, view: string, modelled: () => bigint, word = 0) => {
    const args = [world.stage.actors[FIRST_PAYEE + PAYEES.findIndex((name) => name === payee)], asset];
    return valueOf(`${payee} ${view} ${word}`, target, calls, view, args, modelled, word);
  };
  return [
    ...PAYEES.flatMap((payee) => [
      of(payee, "receivableAssets", () => receivables(ledger, payee).reduce((sum, one) => sum + one.leftAssets, 0n)),
      of(payee, "collectableAssets", () => collectable(ledger, payee)),
      of(payee, "revenueAssets", () => rentOf(ledger, payee)),
      of(payee, "revenueAssets", () => relatedOf(ledger, payee), 1),
      ...[0, 1, 2, 3, 4].map((age) => of(payee, "ageing", () => ageing(ledger, payee, age, nowAt()), age)),
    ]),
    valueOf(
      "refunds",
      target,
      calls,
      "collectableAssets",
      [world.stage.actors[LESSEE], asset],
      () => ledger.refundAssets,
    ),
    valueOf("balance", asset, world.coin.interface, "balanceOf", [target], () => balance(ledger)),
  ];
}

function receivables({ leases }: Ledger, payee: string): model.Receivable[] {
  return leases.flatMap((lease) => lease.receivables.filter((one) => one?.payee === payee) as model.Receivable[]);
}

function rentOf({ leases }: Ledger, payee: string): bigint {
  return leases.reduce((sum, { rentAssets }) => sum + (rentAssets.get(payee) ?? 0n), 0n);
}

function relatedOf({ leases }: Ledger, payee: string): bigint {
  return leases.reduce((sum, lease) => sum + model.relatedRent(lease, payee), 0n);
}

export function collectable(ledger: Ledger, payee: string): bigint {
  const paid = rentOf(ledger, payee) + (ledger.prices.get(payee) ?? 0n);
  return paid - (ledger.collected.get(payee) ?? 0n);
}

function ageing(ledger: Ledger, payee: string, age: number, nowAt: bigint): bigint {
  return receivables(ledger, payee).reduce(
    (sum, one) => (model.ageOf(one, nowAt) === age ? sum + one.leftAssets : sum),
    0n,
  );
}

function balance(ledger: Ledger): bigint {
  const held = ledger.leases.reduce((sum, lease) => sum + lease.escrowAssets + lease.depositAssets, 0n);
  return PAYEES.reduce((sum, payee) => sum + collectable(ledger, payee), held + ledger.refundAssets);
}

export function watchedLease(world: LeaseWorld, lease: model.Lease, leaseId: number): Value[] {
  const calls: Interface = world.leases.interface;
  const target = world.addresses.leases;
  const named = (text: string) => `lease ${leaseId} ${text}`;
  // After the offset of the terms.
  const status = (text: string, word: number, modelled: () => bigint) =>
    valueOf(named(text), target, calls, "lease", [leaseId], modelled, word + 1);
  return [
    status("endCount", 2, () => BigInt(lease.periodCount)),
    status("settledCount", 3, () => BigInt(lease.settledCount)),
    status("endAt", 5, () => lease.endAt ?? 0n),
    status("isInDefault", 6, () => (lease.isDefaulted ? 1n : 0n)),
    status("prepaid", 8, () => lease.escrowAssets),
    status("deposit", 9, () => lease.depositAssets),
    status("owed", 10, () => lease.receivables.reduce((sum, one) => sum + (one?.leftAssets ?? 0n), 0n)),
  ];
}

/** Receivables from one period to another, as far as the contract knows them. */
export function watchedReceivables(
  world: LeaseWorld,
  lease: model.Lease,
  leaseId: number,
  nowAt: () => bigint,
  range: { from: number; until: number },
): Value[] {
  const calls: Interface = world.leases.interface;
  const target = world.addresses.leases;
  return Array.from({ length: range.until - range.from }, (_, offset) => {
    const index = range.from + offset;
    const shows = (text: string, word: number, modelled: (one: model.Receivable) => bigint): Value => {
      const value = () => {
        const receivable = lease.receivables[index];
        return receivable === undefined ? 0n : modelled(receivable);
      };
      const name = `lease ${leaseId} receivable ${index} ${text}`;
      return { ...valueOf(name, target, calls, "receivable", [leaseId, index], value, word), isSeldom: index % 3 > 0 };
    };
    return [
      shows("left", 0, ({ leftAssets }) => leftAssets),
      shows("due", 1, ({ dueAt }) => dueAt),
      shows("late fee", 2, (one) => one.lateFeeAssets + model.lateFee(lease, one, nowAt())),
    ];
  }).flat();
}
