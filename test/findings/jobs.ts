// Faults a review found in the jobs of the server. Each test was red before they were mended.
import { expect } from "chai";
import { Transaction, id } from "ethers";

import { startKeeper } from "../../server/jobs/keeper.ts";
import type { Oracle } from "../../server/jobs/oracle.ts";
import { enqueue, itemByKey, markSent } from "../../server/plugins/outbox.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { contractsAt, send } from "../../server/protocol/contracts.ts";
import type { SignedReadingJson } from "../../server/protocol/reading.ts";
import { domainOf, structOf } from "../../server/protocol/typed.ts";
import { TestStable__factory } from "../../types/factories/mocks/TestStable__factory.ts";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import { Leases__factory } from "../../types/factories/lease/Leases__factory.ts";
import { FIRST_EPOCH, START_AT, payer, readingOf, startStage, wire, type Stage } from "../server/stage.ts";

const E = FIRST_EPOCH;
const NOW = (E + 1n) * 3600n;
const DAY_SEC = 86_400;
const STABLE = TestStable__factory.createInterface();

describe("Findings: jobs", function () {
  this.timeout(60_000);
  let stage: Stage;
  let oracles: Oracle[];

  before(async () => {
    stage = await startStage();
  });
  after(() => stage.stop());
  beforeEach(async () => {
    await stage.reset();
    oracles = await stage.startOracles();
  });

  /** Gives oracles the same hour of all nodes, signed once. */
  const report = async (some: readonly Oracle[], epoch: bigint) => {
    const hours = [0, 1, 2].map((n) => wire(readingOf(stage, n, epoch)));
    await Promise.all(some.map((oracle) => oracle.ingest(hours, NOW)));
    return hours;
  };

  describe("oracles", () => {
    it("a reading without a signature took its whole batch down", async () => {
      const { reading } = readingOf(stage, 0, E);
      const results = await oracles[0]!.ingest([{ reading } as SignedReadingJson, wire(readingOf(stage, 1, E))], NOW);
      expect(results[0]).to.have.nested.property("refusal.code", "Reading_Unsigned");
      expect(results[1]).to.deep.equal({ outcome: "inserted" });
    });

    it("a reading that an oracle missed shut its node out for ever", async () => {
      const first = readingOf(stage, 0, E);
      const lost = readingOf(stage, 0, E + 1n, { before: first });
      const next = readingOf(stage, 0, E + 2n, { before: lost });
      await oracles[0]!.ingest([wire(first)], NOW);
      expect(await oracles[0]!.ingest([wire(next)], NOW + 7200n)).to.deep.equal([{ outcome: "inserted" }]);
      for (const devicesReportingCount of [1n, 0n, 1n]) {
        expect((await stage.close(oracles)).report.devicesReportingCount).to.equal(devicesReportingCount);
      }
    });

    it("S14: an oracle with other readings stopped the epoch when it was its turn to propose", async () => {
      const proposer = oracles[Number(E % 4n)]!;
      await report(
        oracles.filter((oracle) => oracle !== proposer),
        E,
      );
      const closed = await stage.close(oracles);
      expect(closed.report.devicesReportingCount).to.equal(3n);
    });

    it("a reading that came after the report was decided stopped the epoch", async () => {
      const [late, ...inTime] = [0, 1, 2].map((n) => wire(readingOf(stage, n, E)));
      for (const oracle of oracles) await oracle.ingest(inTime, NOW);
      await stage.provider.send("evm_setAutomine", [false]); // decided, and not on-chain yet
      try {
        await stage.advanceTo(NOW);
        const { rows } = await decided();
        expect(rows).to.have.length(4);
      } finally {
        await stage.provider.send("evm_setAutomine", [true]);
      }
      for (const oracle of oracles) await oracle.ingest([late!], NOW + 1n); // the program was killed before it sent
      oracles = await stage.startOracles();
      await stage.provider.send("evm_mine", []);
      const { newest } = await stage.until(oracles, ({ lastEpoch }) => lastEpoch === E);
      expect(newest!.report.devicesReportingCount).to.equal(2n);
    });
  });

  /** Waits until all four have decided. */
  const decided = async () => {
    const ask = () => stage.store.db.query("select 1 from decisions");
    await stage.until(oracles, async () => (await ask()).rows.length === 4);
    return await ask();
  };

  describe("transmitter", () => {
    const mint = (to: string, assets: bigint) => ({
      to: stage.world.deployment.addresses.asset,
      data: STABLE.encodeFunctionData("mint", [to, assets]),
    });

    it("S05: a call whose nonce another transaction took was waited for in vain, and then for ever", async () => {
      const { db } = stage.store;
      const wallet = stage.world.cast.transmitter.connect(stage.provider);
      const holder = (await payer(stage, "holder")).address;
      const call = mint(holder, 5n);
      await enqueue(db, { kind: "test", key: "lost", sender: wallet.address as Hex, request: call });
      const nonce = await wallet.getNonce();
      const raw = { ...call, nonce, chainId: 31_337n, type: 2, gasLimit: 200_000n, maxFeePerGas: 10n ** 10n };
      const rawTx = (await wallet.signTransaction(raw)) as Hex;
      const item = (await itemByKey(db, "lost"))!;
      await markSent(db, item.id, { nonce: BigInt(nonce), rawTx, txHash: Transaction.from(rawTx).hash as Hex });
      const other = await wallet.sendTransaction({ to: holder, nonce });
      await stage.provider.waitForTransaction(other.hash);
      await stage.startTransmitter().resume();
      const { status, nonce: newNonce } = (await itemByKey(db, "lost"))!;
      expect([status, newNonce]).to.deep.equal(["done", BigInt(nonce) + 1n]);
    });
  });

  describe("keeper", () => {
    it("a lease of a lot that no oracle reports stopped the keeper for everybody", async () => {
      const { deployment, cast } = stage.world;
      const { addresses } = deployment;
      const operator = contractsAt(addresses, cast.operator.connect(stage.provider));
      const modelId = (await operator.registry.lot(1)).modelId;
      await send(operator.registry.registerLot(1, modelId, 1, 1n, START_AT - DAY_SEC, id("root")));
      const stranger = await payer(stage, "stranger");
      const terms = {
        ...{ lotId: 3, lessee: stranger.address, payee: cast.operator.address, asset: addresses.asset, pricing: 0 },
        ...{ startAt: START_AT, periodCount: 2, baseRentAssets: 1n, gpuHourRateAssets: 0n },
        ...{ ...NO_CLAUSES, documentHash: id("terms"), salt: id("salt") },
      };
      const { types } = structOf(Leases__factory.abi, "open", "terms");
      const domain = domainOf(await operator.leases.eip712Domain());
      await send(operator.leases.open(terms, await stranger.signTypedData(domain, types, terms)));

      const keeper = startKeeper(stage.contracts, deployment);
      await stage.close(oracles);
      const at = Date.UTC(2026, 1, 1) / 1000 + 1;
      await stage.advanceTo(at);
      const [{ address }] = deployment.facilities as [(typeof deployment.facilities)[number]];
      expect(await keeper.run(BigInt(at))).to.deep.equal([{ verb: "appraise", subject: address }]);
    });
  });
});
