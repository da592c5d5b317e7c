import type { ContractTransactionResponse } from "ethers";
import type { HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";
import type { Leases } from "../../types/lease/Leases.ts";
import type { Facility } from "../../types/facility/Facility.ts";
import { at } from "./facility-world.ts";
import { A, AUCTION, LOT_1, LOT_2, R, RENT, openLease, settle, type EnforcementWorld } from "./enforcement-world.ts";

// Every money verb of the facility, each at a moment at which it can be called, over a token whose habits tests switch.

export type Tx = Promise<ContractTransactionResponse>;

/** A verb ready to be called: by whom, and what tokens it moves from where to where. */
export interface Ready {
  /** The contract whose verb it is. */
  readonly place: Facility | Leases;
  readonly run: () => Tx;
  /** What the contract says is whose, and where the tokens are. */
  readonly books: () => Promise<{ readonly ledger: bigint }>;
  /** Absent for a verb that moves no token. */
  readonly from?: string;
  readonly to?: string;
}

export interface Verb {
  readonly name: string;
  /** Tokens into the contract, out of it to a person, or none at all. */
  readonly moves: "in" | "out" | "nothing";
  readonly ready: (w: EnforcementWorld) => Promise<Ready>;
}

const EARLY = { raiseUntilAt: at("2027-01-10"), firstPaymentAt: at("2027-03-31") };

async function performing(w: EnforcementWorld, cash = 100_000n): Promise<void> {
  await w.perform();
  await w.deposit(cash * w.unit);
}

/** Rent is paid and waits in the leases. */
async function paidRent(w: EnforcementWorld): Promise<void> {
  await w.perform();
  const leaseId = await openLease(w, w.lessee, { lotId: LOT_2 });
  await settle(w, leaseId, 0n);
  await w.leases.connect(w.mallory).pay(leaseId, 0, RENT);
}

const still = (w: EnforcementWorld, place: Facility, run: () => Tx): Ready => ({
  ...{ place, run },
  books: () => books(w, place),
});
const out = async (
  w: EnforcementWorld,
  place: Facility,
  party: HardhatEthersSigner,
  run: () => Tx,
): Promise<Ready> => ({
  ...still(w, place, run),
  ...{ from: await place.getAddress(), to: party.address },
});
const into = async (w: EnforcementWorld, place: Facility, from: string, run: () => Tx): Promise<Ready> => ({
  ...still(w, place, run),
  ...{ from, to: await place.getAddress() },
});

export const FACILITY_VERBS: readonly Verb[] = [
  {
    name: "subscribe",
    moves: "in",
    async ready(w) {
      const facility = await w.created(EARLY);
      await w.asset.connect(w.alice).approve(facility, 2n ** 200n);
      return into(w, facility, w.alice.address, () => facility.connect(w.alice).subscribe(A, 1_000n * w.unit));
    },
  },
  {
    name: "refund",
    moves: "out",
    async ready(w) {
      const facility = await w.funded(EARLY);
      await facility.connect(w.sponsor).cancel();
      return out(w, facility, w.alice, () => facility.connect(w.alice).refund(w.alice));
    },
  },
  {
    name: "draw",
    moves: "nothing",
    async ready(w) {
      const { facility, registry, sponsor, unit } = w;
      await registry.connect(sponsor).offerLien(LOT_1, facility);
      return still(w, facility, () => facility.connect(sponsor).draw(LOT_1, 1_000n * unit));
    },
  },
  {
    name: "withdraw, of the sponsor",
    moves: "out",
    async ready(w) {
      await w.perform();
      return out(w, w.facility, w.sponsor, () => w.facility.connect(w.sponsor).withdraw(w.sponsor));
    },
  },
  {
    name: "withdraw, of a fee payee",
    moves: "out",
    async ready(w) {
      await performing(w);
      await w.distributeAt(0);
      return out(w, w.facility, w.lessee, () => w.facility.connect(w.lessee).withdraw(w.lessee));
    },
  },
  {
    name: "collect",
    moves: "in",
    async ready(w) {
      await paidRent(w);
      return into(w, w.facility, await w.leases.getAddress(), () => w.facility.collect());
    },
  },
  {
    name: "sync",
    moves: "nothing",
    async ready(w) {
      await w.perform();
      await w.asset.mint(w.facility, 7n);
      return still(w, w.facility, () => w.facility.sync());
    },
  },
  {
    name: "distribute",
    moves: "nothing",
    async ready(w) {
      await performing(w);
      await w.networkHelpers.time.increaseTo(await w.facility.paymentAt(0));
      return still(w, w.facility, () => w.facility.distribute());
    },
  },
  {
    name: "claim",
    moves: "out",
    async ready(w) {
      await performing(w);
      await w.distributeAt(0);
      return out(w, w.facility, w.alice, () => w.tokens[A]!.connect(w.alice).claim(w.alice));
    },
  },
  {
    name: "claimFor",
    moves: "out",
    async ready(w) {
      await performing(w, 900_000n);
      await w.distributeAt(0);
      return out(w, w.facility, w.carol, () => w.tokens[R]!.claimFor(w.carol));
    },
  },
  {
    name: "buy",
    moves: "in",
    async ready(w) {
      await w.enforce();
      await w.facility.startAuction(LOT_1);
      await w.networkHelpers.time.increase(AUCTION.durationSec); // from here on the price stands still
      return into(w, w.facility, w.alice.address, () => w.facility.connect(w.alice).buy(LOT_1, 2n ** 128n));
    },
  },
  {
    name: "refinance and redeem",
    moves: "in",
    async ready(w) {
      const { facility, appraisal, sponsor, unit } = w;
      await performing(w);
      await w.distributeAt(0);
      const next = await w.funded({ raiseUntilAt: at("2027-02-20"), firstPaymentAt: at("2027-03-31") });
      await next.startFunding();
      await w.networkHelpers.time.increaseTo(at("2027-02-10"));
      const value = { valueAssets: 0n, hardwareAssets: 0n, computedAt: at("2027-02-10"), maxAgeSec: 86_400 };
      await appraisal.setValue(facility, value);
      const draws = [
        { lotId: LOT_1, assets: 600_000n * unit },
        { lotId: LOT_2, assets: 400_000n * unit },
      ];
      return into(w, facility, await next.getAddress(), () => next.connect(sponsor).refinance(facility, draws));
    },
  },
  {
    name: "close",
    moves: "nothing",
    async ready(w) {
      await w.enforce();
      for (const lotId of [LOT_1, LOT_2]) {
        await w.facility.startAuction(lotId);
        await w.facility.connect(w.bob).buy(lotId, 2n ** 128n);
      }
      return still(w, w.facility, () => w.facility.close());
    },
  },
];

/** Everybody's tokens, and what the facility and the leases say is whose. */
async function books(w: EnforcementWorld, facility: Facility) {
  const { asset, leases, tokens } = w;
  const people = [w.alice, w.bob, w.carol, w.sponsor, w.lessee, w.mallory];
  const classes = await Promise.all(
    [0, 1, 2].map(async (i) => [await facility.outstandingAssets(i), await facility.owedAssets(i)]),
  );
  return {
    held: await Promise.all([...people, facility, leases].map(async (place) => await asset.balanceOf(place))),
    ledger: await facility.ledgerAssets(),
    cash: await facility.cashAssets(),
    claims: await Promise.all(people.map(async (account) => await facility.claimableAssets(account))),
    income: await Promise.all(tokens.flatMap((token) => people.map(async (one) => await token.claimableAssets(one)))),
    classes,
    lotCount: await facility.lotCount(),
    state: await facility.state(),
    collectable: await leases.collectableAssets(facility, asset),
    receivable: await leases.receivableAssets(facility, asset),
  };
}
