import { expect } from "chai";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fund } from "../../scripts/seed.ts";
import type { Program } from "../../server/main.ts";
import type * as api from "../../server/protocol/api.ts";
import type { Lease } from "../../server/protocol/apiLeases.ts";
import { contractsAt, send, type Contracts } from "../../server/protocol/contracts.ts";
import { TestStable__factory } from "../../types/factories/mocks/TestStable__factory.ts";
import { canBeAudited } from "./auditable.ts";
import {
  FIRST_PAYMENT_AT,
  HOUR_SEC,
  advanceTo,
  getJson,
  outsideReading,
  postReading,
  runHour,
  startRunning,
  startWorld,
  statusOf,
  type Page,
  type RunningWorld,
} from "./running.ts";

const total = (values: (string | bigint)[]) => values.reduce<bigint>((sum, value) => sum + BigInt(value), 0n);

describe("read model", () => {
  let world: RunningWorld;
  let program: Program;
  let contracts: Contracts;
  let facility: string;
  const epochs: bigint[] = [];

  const get = <T>(path: string): Promise<T> => getJson(program, path);
  const status = (path: string) => statusOf(program, path);
  const dataDir = (name: string) => {
    const path = join(world.folder, name);
    mkdirSync(path);
    return path;
  };

  before(async () => {
    world = await startWorld();
    facility = world.deployment.facilities[0]!.address;
    program = await startRunning(world, dataDir("first"));
    contracts = program.contracts;
    for (let n = 0; n < 4; n++) {
      const epoch = program.nextEpoch();
      if (n === 3) {
        await advanceTo(world.provider, Number(epoch + 1n) * HOUR_SEC);
        await program.follow();
        expect((await postReading(program, outsideReading(world, epoch))).status).to.equal(202);
      }
      epochs.push(await runHour(world, program));
    }
    await program.follow();
  });

  after(async () => {
    await program.stop();
    await world.stop();
  });

  describe("lots", () => {
    it("are as the registry has them", async () => {
      const { items } = await get<Page<api.LotDetail>>("/v1/lots");
      expect(items).to.have.length(2);
      for (const lot of items) {
        const entry = await contracts.registry.lot(BigInt(lot.lotId));
        expect(lot).to.include({
          siteId: String(entry.siteId),
          operator: entry.operator,
          modelId: entry.modelId,
          gpuCount: Number(entry.gpuCount),
          tdpW: Number(entry.tdpW),
          costAssets: String(entry.costAssets),
          identityRoot: entry.identityRoot,
          evidenceClass: Number(await contracts.registry.evidenceClass(BigInt(lot.lotId))),
          lienHolder: await contracts.registry.lienHolder(BigInt(lot.lotId)),
          leaseId: String(await contracts.leases.leaseOf(BigInt(lot.lotId))),
          country: "US",
          modelName: world.fleet[0]!.model.name,
        });
        expect(await get(`/v1/lots/${lot.lotId}`)).to.deep.equal(lot);
      }
    });

    it("have a meter for every epoch: the report's counters, with what the epoch added as ratios", async () => {
      const [from, to] = [epochs[0]!, epochs[3]!];
      for (const lotId of [1n, 2n]) {
        const path = `/v1/lots/${lotId}/meters?limit=3&to=${to}`;
        const first = await get<Page<api.LotMeterRecord>>(`${path}&from=${from}`);
        const rest = await get<Page<api.LotMeterRecord>>(`${path}&from=${first.next}`);
        const records = [...first.items, ...rest.items];
        expect(records.map(({ epoch }) => BigInt(epoch))).to.deep.equal(epochs);
        const last = records.at(-1)!;
        const growthSec = BigInt(last.meter.availableGpuSec) - BigInt(records.at(-2)!.meter.availableGpuSec);
        expect(growthSec).to.equal(7200n);
        expect(last.meter.reportingCount).to.equal(2);
        if (lotId === 2n) {
          expect(last.ratios).to.include({ allocationBps: 5_000, smActiveBps: 2_500, coverageBps: 10_000 });
          expect(records[2]!.meter).to.include({ availableGpuSec: "0", reportingCount: 0, gpuCount: 2 });
        }
      }
    });
  });

  describe("facility", () => {
    const check = async () => {
      await program.follow();
      const shown = await get<api.Facility>(`/v1/facilities/${facility}`);
      const live = contracts.facility(facility);
      expect(shown).to.include({
        state: ["Raising", "Funding", "Performing"][Number(await live.state())],
        collectionsAssets: String(await live.collectionsAssets()),
        reserveAssets: String(await live.reserveAssets()),
        feesPaidAssets: String(await live.feesPaidAssets()),
        paymentCount: Number(await live.paymentCount()),
        nextPaymentAt: String(await live.nextPaymentAt()),
      });
      expect(shown.lotIds).to.deep.equal(["1", "2"]);
      for (const { classIndex, token, ...books } of shown.classes) {
        expect(books).to.include({
          symbol: await contracts.classToken(token).symbol(),
          totalShares: String(await contracts.classToken(token).totalSupply()),
          outstandingAssets: String(await live.outstandingAssets(classIndex)),
          owedAssets: String(await live.owedAssets(classIndex)),
          claimableAssets: String(await live.unclaimedAssets(token)),
        });
      }
      return shown;
    };

    it("is as its contract says, before a payment date and after one, and cash sums up", async () => {
      const before = await check();
      expect(before.paymentCount).to.equal(0);
      expect(BigInt(before.classes[0]!.owedAssets) > BigInt(before.classes[0]!.outstandingAssets)).to.equal(true);

      const given = BigInt(before.classes[0]!.outstandingAssets) / 50n;
      const { provider, cast, deployment } = world;
      await fund({ provider, addresses: deployment.addresses }, cast.keeper, facility, given);
      await send(
        TestStable__factory.connect(deployment.addresses.asset, cast.keeper.connect(provider)).transfer(
          facility,
          given,
        ),
      );
      await send(contracts.facility(facility).sync());
      await check();
      const [market] = deployment.facilities[0]!.markets;
      const { id: _id, ...terms } = market!;
      const params = { ...terms, lltv: BigInt(terms.lltv) };
      const posters = cast.investors.slice(0, 2);
      for (const poster of posters) {
        const own = contractsAt(deployment.addresses, poster.connect(provider));
        const senior = own.classToken(params.collateralToken);
        const shares = (await senior.balanceOf(poster.address)) / 10n;
        await send(senior.approve(deployment.addresses.markets, shares));
        await send(own.markets.supplyCollateral(params, shares, poster.address, "0x"));
      }
      expect((await get<api.Summary>("/v1/summary")).cash).to.include({
        received: String(given),
        collections: String(given),
      });

      await advanceTo(provider, FIRST_PAYMENT_AT + HOUR_SEC);
      await send(contracts.facility(facility).distribute());
      await check();
      // One poster takes its income: the market then keeps the other's.
      const taker = contractsAt(deployment.addresses, posters[0]!.connect(provider));
      await send(taker.markets.claimIncome(params, posters[0]!.address, posters[0]!.address));
      const [investor] = cast.investors;
      const token = contractsAt(deployment.addresses, investor!.connect(provider)).classToken(before.classes[0]!.token);
      await send(token.claim(investor!.address));
      const after = await check();
      expect(after.paymentCount).to.equal(1);
      expect(BigInt(after.classes[0]!.claimedAssets) > 0n).to.equal(true);

      const { items } = await get<Page<api.Payment>>(`/v1/facilities/${facility}/payments`);
      expect(items).to.have.length(1);
      expect(items[0]!.collectionsAssets).to.equal(String(given));
      expect(items[0]!.steps.map(({ kind }) => kind)).to.deep.equal([
        "Fee",
        "Fee",
        "Interest",
        "Reserve",
        "Principal",
        "Trap",
        "FeeExcess",
        "FeeExcess",
        "Residual",
      ]);
      expect(total(items[0]!.steps.map(({ paidAssets }) => paidAssets))).to.equal(given);

      const { cash, ...summary } = await get<api.Summary>("/v1/summary");
      const { received, ...parts } = cash;
      expect(total(Object.values(parts))).to.equal(BigInt(received));
      expect([received, parts.fees, parts.reserve]).to.deep.equal([
        String(given),
        after.feesPaidAssets,
        after.reserveAssets,
      ]);
      const head = (await provider.getBlock("latest"))!;
      expect(summary).to.deep.equal({
        ...{ months: 1, chainId: "31337", gpuCount: "4", asset: deployment.addresses.asset, assetDecimalCount: 6 },
        blockCount: String(head.number + 1),
        chainTimeAt: String(head.timestamp),
        lastEpoch: String(epochs[3]),
        finalEpoch: null,
      });
      expect(await get<api.Ready>("/ready")).to.include({ status: "ready", lastEpoch: String(epochs[3]) });
    });

    canBeAudited(() => ({ world, program, facility }));

    it("is unknown by another address", async () => {
      const stranger = world.cast.keeper.address;
      expect(await status(`/v1/facilities/${stranger}/events`)).to.equal(404);
      expect(await status(`/v1/facilities/${stranger}`)).to.equal(404);
      for (const part of ["payments", "value", "values", "calendar", "receivables", "telemetry?from=1&to=2"])
        expect(await status(`/v1/facilities/${stranger}/${part}`), part).to.equal(404);
    });
  });

  describe("leases", () => {
    it("are as the contract has them", async () => {
      await program.follow();
      const { items } = await get<Page<Lease>>("/v1/leases");
      expect(items.map(({ pricing }) => pricing)).to.deep.equal(["TakeOrPay", "Metered"]);
      for (const shown of items) {
        const { terms, status } = await contracts.leases.lease(BigInt(shown.leaseId));
        expect(shown).to.include({
          ...{ lotId: String(terms.lotId), lessee: terms.lessee, payee: facility, documentHash: terms.documentHash },
          ...{ periodCount: Number(status.periodCount), endCount: Number(status.endCount) },
          ...{ settledCount: Number(status.settledCount), owedAssets: String(status.owedAssets) },
          ...{ prepaidAssets: String(status.prepaidAssets), depositAssets: String(status.depositAssets) },
          ...{ endAt: null, purchaser: null, isInDefault: status.isInDefault },
          baseRentAssets: String(terms.baseRentAssets),
          gpuHourRateAssets: String(terms.gpuHourRateAssets),
        });
        expect(shown.sla).to.have.length(terms.sla.length);
      }
    });
  });

  describe("a deleted database", () => {
    it("S16: is rebuilt from the chain alone, and answers the same", async () => {
      const paths = [
        ...["/v1/summary", "/v1/facilities", `/v1/facilities/${facility}/payments`, "/v1/lots", "/v1/leases"],
        ...[`/v1/facilities/${facility}/value`, `/v1/facilities/${facility}/values`],
        ...[`/v1/facilities/${facility}/calendar`, "/v1/epochs", `/v1/lots/1/meters?from=${epochs[0]}&to=${epochs[3]}`],
      ];
      const live = await Promise.all(paths.map((path) => get(path)));
      const again = await startRunning(world, dataDir("second"));
      try {
        for (const [index, path] of paths.entries())
          expect(await getJson(again, path), path).to.deep.equal(live[index]);
        const detail = await getJson<api.EpochDetail>(again, `/v1/epochs/${epochs[3]}`);
        expect([detail.report, detail.readings]).to.deep.equal([
          (await get<api.EpochDetail>(`/v1/epochs/${epochs[3]}`)).report,
          null,
        ]);
      } finally {
        await again.stop();
      }
    });
  });

  describe("a port that is taken", () => {
    it("is named, with what to do", async () => {
      const port = Number(new URL(program.apiUrl).port);
      const refused = await startRunning(world, dataDir("third"), port).catch((error: unknown) => error);
      expect(refused).to.be.an("error").and.have.property("code", "Api_PortTaken");
      expect((refused as Error).message)
        .to.include(`port ${port}`)
        .and.include("--port");
    });
  });
});
