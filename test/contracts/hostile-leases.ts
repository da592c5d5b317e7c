import type { HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import { RENT, meterPeriod, openLease, settle, signTerms, type EnforcementWorld } from "./enforcement-world.ts";
import { describeOverHostileTokens } from "./hostile-habits.ts";
import type { Ready, Tx, Verb } from "./hostile-stage.ts";

const CLAUSES = {
  payment: { dueSec: 864_000n, lateFeeBps: 0n, cureSec: 432_000n, prepaidMonthCount: 1n, depositAssets: RENT },
  exit: {
    ...{ ...NO_CLAUSES.exit, renewalPeriodCount: 2n, renewalRentBps: 9_500n },
    ...{ terminationFeeAssets: RENT / 4n, purchaseAssets: 50n * RENT },
  },
};

/** A pledged lot's lease whose lessee, with money, paid a deposit and a month in. */
async function leased(w: EnforcementWorld): Promise<bigint> {
  await w.perform();
  await w.asset.mint(w.lessee, 1_000n * RENT);
  await w.asset.connect(w.lessee).approve(w.leases, 2n ** 200n);
  return openLease(w, w.lessee, CLAUSES);
}

/** The same with so many periods invoiced: the first is paid from escrow, the others are owed. */
async function invoiced(w: EnforcementWorld, count: bigint): Promise<bigint> {
  const leaseId = await leased(w);
  for (let periodIndex = 0n; periodIndex < count; periodIndex++) await settle(w, leaseId, periodIndex);
  return leaseId;
}

/** What the leases say is whose. */
async function books({ leases, facility, asset, lessee, mallory, sponsor }: EnforcementWorld) {
  const parties = [facility, lessee, mallory, sponsor];
  const collectable = await Promise.all(parties.map(async (one) => await leases.collectableAssets(one, asset)));
  const escrows = [];
  for (let leaseId = 1n; leaseId <= (await leases.leaseCount()); leaseId++) {
    const { status } = await leases.lease(leaseId);
    escrows.push([status.prepaidAssets, status.depositAssets, status.owedAssets, status.settledCount, status.endCount]);
  }
  const kept = escrows.map(([prepaidAssets, depositAssets]) => prepaidAssets! + depositAssets!);
  return {
    ...{ escrows, collectable },
    ledger: [...kept, ...collectable].reduce((sum, assets) => sum + assets, 0n),
    held: await Promise.all([...parties, leases].map(async (place) => await asset.balanceOf(place))),
    receivable: await leases.receivableAssets(facility, asset),
    revenue: [...(await leases.revenueAssets(facility, asset))],
  };
}

const still = (w: EnforcementWorld, run: () => Tx): Ready => ({ place: w.leases, run, books: () => books(w) });
const into = async (w: EnforcementWorld, party: HardhatEthersSigner, run: () => Tx): Promise<Ready> => ({
  ...still(w, run),
  ...{ from: party.address, to: await w.leases.getAddress() },
});

const VERBS: readonly Verb[] = [
  {
    name: "open, with a deposit and a month prepaid",
    moves: "in",
    async ready(w) {
      await w.perform();
      await w.asset.mint(w.lessee, 1_000n * RENT);
      await w.asset.connect(w.lessee).approve(w.leases, 2n ** 200n);
      const { terms, signature } = await signTerms(w, w.lessee, CLAUSES);
      return into(w, w.lessee, () => w.leases.connect(w.sponsor).open(terms, signature));
    },
  },
  {
    name: "prepay",
    moves: "in",
    async ready(w) {
      const leaseId = await leased(w);
      return into(w, w.mallory, () => w.leases.connect(w.mallory).prepay(leaseId, 1_000n));
    },
  },
  {
    name: "settle",
    moves: "nothing",
    async ready(w) {
      const leaseId = await invoiced(w, 1n);
      await meterPeriod(w, leaseId, 1n);
      return still(w, () => w.leases.settle(leaseId, 1n));
    },
  },
  {
    name: "pay",
    moves: "in",
    async ready(w) {
      const leaseId = await invoiced(w, 2n);
      return into(w, w.mallory, () => w.leases.connect(w.mallory).pay(leaseId, 1n, RENT + 5n));
    },
  },
  {
    name: "payFromEscrow",
    moves: "nothing",
    async ready(w) {
      const leaseId = await invoiced(w, 2n);
      await w.leases.connect(w.mallory).prepay(leaseId, RENT / 2n);
      return still(w, () => w.leases.payFromEscrow(leaseId, 1n));
    },
  },
  {
    name: "declareDefault",
    moves: "nothing",
    async ready(w) {
      const leaseId = await invoiced(w, 2n);
      await w.networkHelpers.time.increase(15 * 86_400);
      return still(w, () => w.leases.declareDefault(leaseId, 1n));
    },
  },
  {
    name: "terminate",
    moves: "nothing",
    async ready(w) {
      const leaseId = await invoiced(w, 1n);
      return still(w, () => w.leases.connect(w.lessee).terminate(leaseId));
    },
  },
  {
    name: "purchase",
    moves: "in",
    async ready(w) {
      const leaseId = await invoiced(w, 1n);
      return into(w, w.lessee, () => w.leases.connect(w.lessee).purchase(leaseId));
    },
  },
  {
    name: "renew",
    moves: "nothing",
    async ready(w) {
      const leaseId = await invoiced(w, 1n);
      return still(w, () => w.leases.connect(w.lessee).renew(leaseId));
    },
  },
  {
    name: "refund",
    moves: "nothing",
    ready: async (w) => still(w, await refundable(w)),
  },
  {
    name: "collect, of a lessee",
    moves: "out",
    async ready(w) {
      await (
        await refundable(w)
      )();
      const { leases, lessee, asset } = w;
      return {
        ...still(w, () => leases.connect(lessee).collect(asset)),
        ...{ from: await leases.getAddress(), to: lessee.address },
      };
    },
  },
];

/** A lease that its lessee ended in its first month, over and paid: the deposit and what is left go back. */
async function refundable(w: EnforcementWorld): Promise<() => Tx> {
  const leaseId = await invoiced(w, 1n);
  await w.leases.connect(w.lessee).terminate(leaseId);
  await w.networkHelpers.time.increase(3_600);
  await settle(w, leaseId, 1n);
  const { status } = await w.leases.lease(leaseId);
  for (const periodIndex of [1n, status.endCount]) {
    const [owed] = await w.leases.receivable(leaseId, periodIndex);
    if (owed > 0n) await w.leases.connect(w.mallory).pay(leaseId, periodIndex, owed);
  }
  return () => w.leases.refund(leaseId);
}

describeOverHostileTokens("Leases", VERBS, ({ leases: { interface: face }, asset }) => [
  face.encodeFunctionData("prepay", [1n, 1n]),
  face.encodeFunctionData("settle", [1n, 1n]),
  face.encodeFunctionData("pay", [1n, 1n, 1n]),
  face.encodeFunctionData("payFromEscrow", [1n, 1n]),
  face.encodeFunctionData("declareDefault", [1n, 1n]),
  face.encodeFunctionData("terminate", [1n]),
  face.encodeFunctionData("purchase", [1n]),
  face.encodeFunctionData("renew", [1n]),
  face.encodeFunctionData("refund", [1n]),
  face.encodeFunctionData("assign", [1n, asset.target]),
  face.encodeFunctionData("markRelated", [1n]),
  face.encodeFunctionData("collect", [asset.target]),
]);
