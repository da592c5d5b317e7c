import { expect } from "chai";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonRpcProvider } from "ethers";
import { startFollower } from "../../server/plugins/follow.ts";
import { readModel } from "../../server/plugins/readmodel.ts";
import { openStore, type Store } from "../../server/plugins/store.ts";
import type { Lease } from "../../server/protocol/apiLeases.ts";
import type { Deployment } from "../../server/protocol/deployment.ts";
import type { Terms, World } from "../contracts/leasesStage.ts";
import {
  BASE,
  DUE_SEC,
  ENDS,
  ethers,
  FULL_CLAUSES,
  LOT_ID,
  networkHelpers,
  settled,
  whole,
} from "../contracts/leasesStage.ts";
import type { Sources } from "../../server/sources.ts";
import { silentContracts } from "./silent.ts";

// Leases as the events of the real contract tell them, beside what the contract itself says.

const { time } = networkHelpers;
const DAY_SEC = 86_400;

describe("read model of leases", () => {
  let folder: string;
  let store: Store;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "rackbond-leases-"));
    store = await openStore({ dataDir: join(folder, "data") });
  });

  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The first lease, once it agrees with the contract in all that the contract knows. */
  async function shown({ leases }: World): Promise<Lease> {
    const unused = ethers.ZeroAddress;
    const addresses = {
      ...{ authority: unused, asset: unused, registry: unused, telemetry: unused, facilities: unused, gate: unused },
      ...{
        valuation: unused,
        computeIndex: unused,
        rateModel: unused,
        markets: unused,
        bonds: unused,
        faults: unused,
        disputes: unused,
        exchange: unused,
        leverage: unused,
        vault: unused,
        statements: unused,
      },
      leases: await leases.getAddress(),
    };
    const { chainId } = await ethers.provider.getNetwork();
    const deployment: Deployment = {
      ...{ id: "00000000-0000-0000-0000-000000000000", chainId: Number(chainId), startBlock: 0, addresses },
      ...{ facilities: [], indexFeeds: [], identities: [] },
    };
    const provider = ethers.provider as unknown as JsonRpcProvider;
    const follower = startFollower({ store, provider, deployment });
    await follower.catchUp();
    await follower.stop();
    const model = readModel({
      store,
      follower,
      deployment,
      files: { find: () => Promise.resolve(undefined) },
      proofs: { indexOf: () => Promise.resolve(undefined) },
      contractsAfter: () => silentContracts,
      submit: () => Promise.reject(new Error()),
    });
    const [lease] = await model.leases({ limit: 1 });
    const { terms, status } = await leases.lease(1);
    expect(lease).to.include({
      payee: status.payee,
      periodCount: Number(status.periodCount),
      endCount: Number(status.endCount),
      settledCount: Number(status.settledCount),
      endAt: status.endAt === 0n ? null : String(status.endAt),
      isInDefault: status.isInDefault,
      purchaser: status.purchaser === unused ? null : status.purchaser,
      prepaidAssets: String(status.prepaidAssets),
      depositAssets: String(status.depositAssets),
      owedAssets: String(status.owedAssets),
      lesseeBucket: Number(terms.lesseeBucket),
    });
    expect(lease!.exit).to.include({
      noticeSec: Number(terms.exit.noticeSec),
      purchaseAssets: String(terms.exit.purchaseAssets),
    });
    await invoicesAgree(model, lease!);
    return lease!;
  }

  /** Its invoices and receivables sum to what the lease says, and each is found by who asks for it. */
  async function invoicesAgree(model: Sources, lease: Lease): Promise<void> {
    const invoices = (await model.invoices(1n, { limit: 100 }))!;
    const total = <T>(items: readonly T[], field: (item: T) => string) =>
      String(items.reduce((sum, item) => sum + BigInt(field(item)), 0n));
    expect(invoices.map(({ periodIndex }) => periodIndex)).to.deep.equal(invoices.map((_, index) => index));
    expect(total(invoices, ({ dueAssets }) => dueAssets)).to.equal(lease.invoicedAssets);
    expect(total(invoices, ({ lateFeeAssets }) => lateFeeAssets)).to.equal(lease.lateFeeAssets);
    for (const { dueAssets, paidAssets, leftAssets, receipts } of invoices) {
      expect(BigInt(dueAssets) - BigInt(paidAssets)).to.equal(BigInt(leftAssets));
      expect(total(receipts, (receipt) => receipt.paidAssets)).to.equal(paidAssets);
    }
    const receivables = await model.receivables({ limit: 100 }, { lessee: lease.lessee });
    expect(total(receivables, ({ leftAssets }) => leftAssets)).to.equal(lease.owedAssets);
    for (const { key, state, leftAssets, overdueSec } of receivables) {
      expect(state === "Paid").to.equal(leftAssets === "0");
      expect(state === "Overdue").to.equal(overdueSec !== "0");
      const found = await model.receivables({ limit: 100 }, { state, leaseId: 1n });
      expect(found.some((each) => each.key === key)).to.equal(true);
      expect((await model.receivables({ limit: 100, after: key })).some((each) => each.key === key)).to.equal(false);
    }
    expect(await model.receivables({ limit: 100 }, { payee: ethers.ZeroAddress })).to.deep.equal([]);
    expect(await model.lease(1n)).to.deep.equal(lease);
    const { state, lessee, payee, lotId } = lease;
    const asked = { state, lessee, payee, lotId: BigInt(lotId) };
    expect(await model.leases({ limit: 5 }, asked)).to.deep.equal([lease]);
    expect(await model.leases({ limit: 5 }, { ...asked, lotId: 77n })).to.deep.equal([]);
    expect(await model.invoices(99n, { limit: 1 })).to.equal(undefined);
  }

  const clauses = { ...FULL_CLAUSES, efficiency: { ...FULL_CLAUSES.efficiency } } satisfies Partial<Terms>;

  it("shows every clause, the deposit and the prepaid months of a lease that was opened", async () => {
    const lease = await shown(await settled(0, clauses));
    expect(lease.efficiency).to.deep.equal({
      ...{ metric: "Pue", targetUnits: 13_000, sharedBps: 5000, maxBps: 1000, kWhRateAssets: "80000" },
    });
    expect(lease.payment).to.include({ lateFeeBps: 1800, prepaidMonthCount: 1, depositAssets: String(BASE) });
    expect(lease).to.deep.include({ countries: ["DE"], tripleNet: false, relatedParty: false });
    expect(lease).to.include({ prepaidAssets: String(BASE), depositAssets: String(BASE) });
  });

  it("follows late fees, a default, its fee and the last hours", async () => {
    const world = await settled(2, clauses);
    const { leases, lessee } = world;
    await time.increase(DUE_SEC + DAY_SEC);
    await leases.connect(lessee).pay(1, 1, BASE / 2n);
    await time.increase(4 * DAY_SEC);
    await leases.declareDefault(1, 1);
    const { status } = await leases.lease(1);
    await world.record(Number(status.endAt), whole(Number(status.endAt)));
    await time.increaseTo(status.endAt);
    await leases.settle(1, 2);
    const lease = await shown(world);
    expect([lease.state, BigInt(lease.lateFeeAssets) > 0n]).to.deep.equal(["Defaulted", true]);
    expect(lease).to.include({ isInDefault: true, endCount: 3, depositAssets: "0" });
  });

  it("follows a notice with its fee, a new payee, a related party and what goes back", async () => {
    const world = await settled(1, clauses);
    const { leases, lots, lessee, payee, stranger } = world;
    await lots.connect(stranger).takeLien(LOT_ID);
    await leases.connect(payee).assign(1, stranger);
    await leases.connect(stranger).markRelated(1);
    await leases.connect(lessee).terminate(1);
    await leases.connect(lessee).pay(1, 2, BASE);
    const { status } = await leases.lease(1);
    await world.record(Number(status.endAt), whole(Number(status.endAt)));
    await time.increaseTo(status.endAt);
    await leases.settle(1, 1);
    await leases.refund(1);
    const lease = await shown(world);
    expect(lease).to.include({ relatedParty: true, depositAssets: "0", prepaidAssets: "0", owedAssets: "0" });
    expect(lease.payee).to.equal(stranger.address);
  });

  it("follows a renewal and a purchase", async () => {
    const world = await settled(1, clauses);
    await world.leases.connect(world.lessee).renew(1);
    expect(await shown(world)).to.include({ periodCount: 5, endCount: 5, endAt: null });
    await time.increaseTo(ENDS[1] + DAY_SEC);
    await world.leases.connect(world.lessee).purchase(1);
    expect(await shown(world)).to.include({ periodCount: 5, endCount: 2, purchaser: world.lessee.address });
  });
});
