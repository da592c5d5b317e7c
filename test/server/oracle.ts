import { expect } from "chai";

import type { Ingested, Oracle } from "../../server/jobs/oracle.ts";
import { readDirectory } from "../../server/plugins/directory.ts";
import { equivocationsOf, readingsOf } from "../../server/plugins/queries.ts";
import { reportOf } from "../../server/plugins/reports.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { contractsAt, send } from "../../server/protocol/contracts.ts";
import { readingDomain, type SignedReadingJson } from "../../server/protocol/reading.ts";
import { P256_ORDER } from "../../server/protocol/signature.ts";
import { startOracle } from "../../server/jobs/oracle.ts";
import { refusalOf } from "./agentBench.ts";
import { FACTORS, FIRST_EPOCH, readingOf, startStage, wire, type HourOptions, type Stage } from "./stage.ts";

const E = FIRST_EPOCH;
const NOW = (E + 1n) * 3600n;

describe("oracle", function () {
  this.timeout(60_000);
  let stage: Stage;
  let oracles: Oracle[];

  before(async () => {
    stage = await startStage();
  });
  after(() => stage.stop());
  beforeEach(async () => {
    await stage.reset();
    oracles = stage.startOracles();
  });

  const everywhere = (...batch: SignedReadingJson[]) => Promise.all(oracles.map((oracle) => oracle.ingest(batch, NOW)));
  const hours = (epoch: bigint, options: HourOptions = {}) => [0, 1, 2].map((n) => readingOf(stage, n, epoch, options));
  const outcomes = (ingested: Ingested[]) => ingested.map(({ outcome }) => outcome);

  describe("ingest", () => {
    it("takes a node's reading, knows it again, and keeps the text as it came", async () => {
      const [oracle] = oracles as [Oracle];
      const signed = wire(readingOf(stage, 0, E));
      expect(outcomes(await oracle.ingest([signed], NOW))).to.deep.equal(["inserted"]);
      const before = await stage.storeText();
      expect(outcomes(await oracle.ingest([signed, signed], NOW))).to.deep.equal(["duplicate", "duplicate"]);
      expect(await stage.storeText()).to.equal(before);
      const [row] = await readingsOf(stage.store.db, 0, E);
      expect(JSON.parse(row!.body)).to.deep.equal(signed.reading);
    });

    it("S06: keeps the first of two readings of an hour, and the second as evidence", async () => {
      const [oracle] = oracles as [Oracle];
      const first = readingOf(stage, 0, E);
      const second = readingOf(stage, 0, E, { energyMJ: 1n });
      expect(outcomes(await oracle.ingest([wire(first), wire(second)], NOW))).to.deep.equal([
        "inserted",
        "equivocation",
      ]);
      expect((await readingsOf(stage.store.db, 0, E))[0]!.readingHash).to.equal(first.hash);
      expect((await equivocationsOf(stage.store.db, 0, E))[0]!.readingHash).to.equal(second.hash);
    });

    it("S06: takes the hours of a node that was offline in one batch, and in any order", async () => {
      const first = readingOf(stage, 0, E);
      const second = readingOf(stage, 0, E + 1n, { before: first });
      const third = readingOf(stage, 0, E + 2n, { before: second });
      const inOrder = await oracles[0]!.ingest([first, second, third].map(wire), NOW);
      expect(outcomes(inOrder)).to.deep.equal(["inserted", "inserted", "inserted"]);
      const reordered = await oracles[1]!.ingest([third, first, second].map(wire), NOW);
      expect(outcomes(reordered)).to.deep.equal(["inserted", "inserted", "inserted"]);
    });

    it("continues a node's chain after a restart", async () => {
      const first = readingOf(stage, 0, E);
      await everywhere(wire(first));
      oracles = stage.startOracles();
      const wrong = readingOf(stage, 0, E + 1n, { before: { ...first, hash: `0x${"1".repeat(64)}` } });
      const [refused] = await oracles[0]!.ingest([wire(wrong)], NOW);
      expect(refused).to.have.nested.property("refusal.code", "Reading_WrongPrevHash");
      const next = readingOf(stage, 0, E + 1n, { before: first });
      expect(outcomes(await oracles[0]!.ingest([wire(next)], NOW))).to.deep.equal(["inserted"]);
    });

    const highS = (signature: string) => {
      const s = P256_ORDER - BigInt(`0x${signature.slice(66)}`);
      return `${signature.slice(0, 66)}${s.toString(16).padStart(64, "0")}`;
    };
    const rows: [string, string, () => SignedReadingJson][] = [
      [
        "E01: without a signature",
        "Reading_Unsigned",
        () => ({ reading: readingOf(stage, 0, E).reading }) as SignedReadingJson,
      ],
      ["E01: signed by another node", "Reading_BadSignature", () => wire(readingOf(stage, 0, E, { signedBy: 1 }))],
      [
        "E01: changed after it was signed",
        "Reading_BadSignature",
        () => ({ ...wire(readingOf(stage, 0, E)), reading: readingOf(stage, 0, E, { energyMJ: 5n }).reading }),
      ],
      [
        "E01: with the high-s twin of its signature",
        "Signature_HighS",
        () => {
          const { reading, signature } = readingOf(stage, 0, E);
          return { reading, signature: highS(signature) };
        },
      ],
      [
        "E01: with a signature of zeros",
        "Signature_OutOfRange",
        () => ({ ...wire(readingOf(stage, 0, E)), signature: `0x${"0".repeat(128)}` }),
      ],
      [
        "E01: with half a signature",
        "Signature_Malformed",
        () => ({ ...wire(readingOf(stage, 0, E)), signature: "0x12" }),
      ],
      [
        "E01: signed for another chain",
        "Reading_BadSignature",
        () => wire(readingOf(stage, 0, E, { domain: readingDomain(1n, stage.world.deployment.addresses.telemetry) })),
      ],
      [
        "E01: signed for another contract",
        "Reading_BadSignature",
        () => wire(readingOf(stage, 0, E, { domain: readingDomain(31_337n, `0x${"22".repeat(20)}`) })),
      ],
      [
        "of a node nobody registered",
        "Reading_UnknownNode",
        () => wire(readingOf(stage, 0, E, { reading: { nodeId: 9n } })),
      ],
      [
        "of a lot nobody registered",
        "Reading_WrongLot",
        () => wire(readingOf(stage, 0, E, { reading: { lotId: 9n } })),
      ],
      [
        "of a lot the node is not in",
        "Reading_WrongLot",
        () => wire(readingOf(stage, 0, E, { reading: { lotId: 2n } })),
      ],
      [
        "S20: of another node's board",
        "Reading_WrongDevice",
        () => wire(readingOf(stage, 0, E, { device: readingOf(stage, 1, E).value.devices[0]! })),
      ],
      [
        "of a board at another's place",
        "Reading_WrongDevice",
        () => wire(readingOf(stage, 0, E, { device: { deviceIndex: 1 } })),
      ],
      [
        "of a place beyond the lot",
        "Reading_IndexBeyondLot",
        () => wire(readingOf(stage, 0, E, { device: { deviceIndex: 2 } })),
      ],
      [
        "E02: of another period than its epoch",
        "Reading_WrongPeriod",
        () => wire(readingOf(stage, 0, E, { reading: { periodEndAt: (E + 2n) * 3600n } })),
      ],
      [
        "E03: with a counter that falls",
        "Reading_CounterFell",
        () => wire(readingOf(stage, 0, E, { energyMJ: -1n, device: { energyStartMJ: 5n, energyEndMJ: 4n } })),
      ],
      [
        "E03: with more than an hour in its hour",
        "Reading_TimeBeyondPeriod",
        () => wire(readingOf(stage, 0, E, { device: { availableSec: 3601n } })),
      ],
      [
        "E03: with more power than a board can draw",
        "Reading_EnergyImplausible",
        () => wire(readingOf(stage, 0, E, { energyMJ: 4_032_000_001n })),
      ],
      [
        "S21: with a number for a decimal",
        "Reading_Malformed",
        () => {
          const { reading, signature } = readingOf(stage, 0, E);
          return { reading: { ...reading, epoch: Number(E) as unknown as string }, signature };
        },
      ],
    ];
    for (const [name, code, make] of rows) {
      it(`refuses a reading ${name}, stores nothing of it, and takes the others of its batch`, async () => {
        const [oracle] = oracles as [Oracle];
        const before = await stage.storeText();
        const [alone] = await oracle.ingest([make()], NOW);
        expect(alone).to.have.nested.property("refusal.code", code);
        expect(await stage.storeText()).to.equal(before);
        const both = await oracle.ingest([make(), wire(readingOf(stage, 2, E))], NOW);
        expect(outcomes(both)).to.deep.equal(["refused", "inserted"]);
        expect(await readingsOf(stage.store.db, 0, E)).to.have.length(1);
      });
    }

    it("E03: refuses a counter below what the reading before ended at, next hour or later", async () => {
      const [oracle] = oracles as [Oracle];
      const first = readingOf(stage, 0, E);
      await oracle.ingest([wire(first)], NOW);
      for (const sequenceIndex of [1n, 4n]) {
        const low = readingOf(stage, 0, E + 1n, {
          before: first,
          reading: { sequenceIndex },
          device: { energyStartMJ: 1n },
        });
        const [refused] = await oracle.ingest([wire(low)], NOW);
        expect(refused).to.have.nested.property("refusal.code", "Reading_CounterFell");
        expect(refused).to.have.nested.property("refusal.facts.beforeEndMJ", 700_000_000n);
      }
    });

    it("refuses the reading of a revoked node, once the registry is read anew", async () => {
      const { deployment, cast } = stage.world;
      const operator = contractsAt(deployment.addresses, cast.operator.connect(stage.provider));
      await send(operator.registry.revokeNode(1));
      const directory = await readDirectory(stage.contracts, deployment.identities, FACTORS);
      const { reportDomain, reportStruct } = stage.epochOptions(oracles);
      const oracle = startOracle({
        ...{ oracleId: 0, signer: cast.oracles[0]!, store: stage.store, directory, readingDomain: stage.domain },
        ...{ reportDomain, reportStruct, methodologyHash: `0x${"77".repeat(32)}` },
      });
      const [refused, taken] = await oracle.ingest([readingOf(stage, 0, E), readingOf(stage, 1, E)].map(wire), NOW);
      expect(refused).to.have.nested.property("refusal.code", "Reading_UnknownNode");
      expect(taken).to.deep.equal({ outcome: "inserted" });
    });
  });

  describe("directory", () => {
    it("S20: refuses published identities that are not the registered ones", async () => {
      const { identities } = stage.world.deployment;
      const swapped = identities.map((lot, index) =>
        index === 0 ? { ...lot, devices: lot.devices.toReversed() } : lot,
      );
      const refusal = await refusalOf(() => readDirectory(stage.contracts, swapped, FACTORS));
      expect(refusal.code).to.equal("Directory_WrongRoot");
      expect(refusal.facts).to.deep.include({ lotId: 1n });
    });
  });

  describe("propose and attest", () => {
    it("brings an epoch on-chain with the same report from all, and says so in every row", async () => {
      await everywhere(...hours(E).map(wire));
      const closed = await stage.close(oracles);
      expect(closed.refusals).to.deep.equal([]);
      expect(await stage.contracts.telemetry.lastEpoch()).to.equal(E);
      expect(closed.report.devicesReportingCount).to.equal(3n);
      for (const oracle of oracles) {
        const row = await reportOf(stage.store.db, oracle.oracleId, E);
        expect(row).to.deep.include({ reportHash: closed.reportHash, status: "submitted" });
      }
    });

    it("E10: brings an epoch without a reading on-chain, nothing carried forward", async () => {
      await everywhere(...hours(E).map(wire));
      const first = await stage.close(oracles);
      const second = await stage.close(oracles);
      expect(second.report.devicesReportingCount).to.equal(0n);
      expect(second.report.meters.map((meter) => meter.energyWord)).to.deep.equal(
        first.report.meters.map((meter) => meter.energyWord),
      );
    });

    it("S14: a peer with other readings refuses by the first difference, and the others go on without it", async () => {
      const [odd, ...others] = [oracles[3]!, oracles[0]!, oracles[1]!, oracles[2]!];
      const readings = hours(E);
      await Promise.all(others.map((oracle) => oracle.ingest(readings.map(wire), NOW)));
      await odd.ingest([wire(readings[0]!)], NOW);
      let closed = await stage.close(oracles);
      expect(closed.signerBitmap.toString(2).replaceAll("0", "")).to.equal("111");
      const [refusal] = closed.refusals;
      expect(refusal!.code).to.equal("Oracle_ReportDiffers");
      expect(refusal!.facts).to.deep.include({ oracleId: 3, epoch: E, field: "readingsRoot" });
      // Through four more epochs: also where the odd one's turn to propose comes.
      let before = readings;
      for (let epoch = E + 1n; epoch <= E + 4n; epoch++) {
        before = before.map((signed, n) => readingOf(stage, n, epoch, { before: signed }));
        await everywhere(...before.map(wire));
        closed = await stage.close(oracles, closed.head);
        expect(closed.refusals.map(({ code }) => code)).to.deep.equal(["Oracle_NoState"]);
      }
      expect(await stage.contracts.telemetry.lastEpoch()).to.equal(E + 4n);
    });

    it("E01: with 2f signatures nothing is sent, and the chain is as it was", async () => {
      const readings = hours(E).map(wire);
      await Promise.all(oracles.slice(0, 2).map((oracle) => oracle.ingest(readings, NOW)));
      await oracles[2]!.ingest(readings.slice(0, 1), NOW);
      await oracles[3]!.ingest(readings.slice(0, 2), NOW);
      const { transmitter } = stage.world.cast;
      const nonce = await stage.provider.getTransactionCount(transmitter.address);
      const refusal = await refusalOf(() => stage.close(oracles));
      expect(refusal.code).to.equal("Epoch_NoQuorum");
      expect(refusal.facts).to.deep.include({ epoch: E, signatureCount: 2, quorumCount: 3 });
      expect(refusal.facts.reasons).to.contain("Oracle_ReportDiffers: oracleId 2");
      expect(await stage.contracts.telemetry.lastEpoch()).to.equal(E - 1n);
      expect(await stage.provider.getTransactionCount(transmitter.address)).to.equal(nonce);
      expect(await stage.storeText()).to.match(/outbox\n\n?reading_sets/);
    });

    it("E14: a signer signs no second report for an epoch: what it signed stands, whatever comes later", async () => {
      const head = await stage.head();
      const [oracle] = oracles as [Oracle];
      await oracle.ingest([wire(readingOf(stage, 0, E))], NOW);
      const first = await oracle.propose(head);
      await oracle.ingest([wire(readingOf(stage, 1, E))], NOW);
      expect(await oracle.propose(head)).to.deep.equal(first);
      const other = await refusalOf(() => oracle.propose({ ...head, configDigest: `0x${"5".repeat(64)}` }));
      expect(other.code).to.equal("Signer_BelowMark");
      expect(other.facts).to.deep.include({ oracleId: 0, epoch: E });
      const { rows } = await stage.store.db.query("select 1 from signatures where oracle_id = 0");
      expect(rows).to.have.length(1);
    });

    it("E14: a mark that stands higher, the reports being lost, keeps the signer out and the quorum going", async () => {
      await everywhere(...hours(E).map(wire));
      await stage.store.db.query("insert into high_water values ($1, $2, $3)", [
        `\\x${oracles[0]!.address.slice(2)}`,
        E + 5n,
        `\\x${"9".repeat(64)}`,
      ]);
      const closed = await stage.close(oracles);
      expect(closed.refusals.map(({ code }) => code)).to.deep.equal(["Signer_BelowMark"]);
      expect(closed.signerBitmap.toString(2).replaceAll("0", "")).to.equal("111");
    });

    it("S01: goes on after a restart with the same report hashes", async () => {
      // Made once: a node's signature, which the report's data hash covers, is another each time.
      const signed = [hours(E, { energyMJ: 123_456_789n })];
      for (let n = 1n; n < 3n; n++) {
        const next = signed
          .at(-1)!
          .map((before, host) => readingOf(stage, host, E + n, { before, energyMJ: 123_456_789n }));
        signed.push(next);
      }
      const chainOf = async (isRestarting: boolean): Promise<Hex[]> => {
        await stage.reset();
        oracles = stage.startOracles();
        const hashes: Hex[] = [];
        for (const batch of signed) {
          await everywhere(...batch.map(wire));
          if (isRestarting) {
            await oracles[0]!.propose(await stage.head()); // and then the program was killed
            oracles = stage.startOracles();
          }
          hashes.push((await stage.close(oracles)).reportHash);
        }
        return hashes;
      };
      // Report hashes hold no block time.
      expect(await chainOf(true)).to.deep.equal(await chainOf(false));
    });

    it("refuses to go on from meters that are not the chain's", async () => {
      await everywhere(...hours(E).map(wire));
      await stage.close(oracles);
      const head = await stage.head();
      const wrong: Hex = `0x${"1".repeat(64)}`;
      const meters = head.prior.meters.map((meter) => ({ ...meter, resourceWord: wrong }));
      const refusal = await refusalOf(() => oracles[0]!.propose({ ...head, prior: { ...head.prior, meters } }));
      expect(refusal.code).to.equal("Oracle_MetersDiffer");
    });
  });
});
