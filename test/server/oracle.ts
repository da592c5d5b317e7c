import { expect } from "chai";

import type { Ingested, Oracle } from "../../server/jobs/oracle.ts";
import { readDirectory } from "../../server/plugins/directory.ts";
import { equivocationsOf, readingsOf } from "../../server/plugins/queries.ts";
import { contractsAt, send } from "../../server/protocol/contracts.ts";
import { readingOfBody } from "../../server/protocol/packed.ts";
import { readingDomain, readingJson, type SignedReadingJson } from "../../server/protocol/reading.ts";
import { P256_ORDER } from "../../server/protocol/signature.ts";
import { startOracle } from "../../server/jobs/oracle.ts";
import { refusalOf } from "./agentBench.ts";
import { FACTORS, FIRST_EPOCH, readingOf, startStage, wire, type Stage } from "./stage.ts";

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
  const outcomes = (ingested: Ingested[]) => ingested.map(({ outcome }) => outcome);

  describe("ingest", () => {
    it("takes a node's reading, knows it again, and keeps what it says", async () => {
      const [oracle] = oracles as [Oracle];
      const signed = wire(readingOf(stage, 0, E));
      expect(outcomes(await oracle.ingest([signed], NOW))).to.deep.equal(["inserted"]);
      const before = await stage.storeText();
      expect(outcomes(await oracle.ingest([signed, signed], NOW))).to.deep.equal(["duplicate", "duplicate"]);
      expect(await stage.storeText()).to.equal(before);
      const [row] = await readingsOf(stage.store.db, 0, E);
      expect(readingJson(readingOfBody(row!.body))).to.deep.equal(signed.reading);
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

    it("E03: refuses a late reading that ends above what the newest one began at", async () => {
      const [oracle] = oracles as [Oracle];
      await oracle.ingest([wire(readingOf(stage, 0, E + 1n))], NOW);
      const late = readingOf(stage, 0, E, { energyMJ: 1n });
      const [refused] = await oracle.ingest([wire(late)], NOW);
      expect(refused).to.have.nested.property("refusal.code", "Reading_CounterFell");
      expect(refused).to.have.nested.property("refusal.facts.beforeEndMJ", 1n);
      expect(await readingsOf(stage.store.db, 0, E)).to.deep.equal([]);
    });

    it("refuses a reading that does not follow the one before it in its batch", async () => {
      const [oracle] = oracles as [Oracle];
      const first = readingOf(stage, 0, E);
      const next = readingOf(stage, 0, E + 1n, { before: { ...first, hash: `0x${"1".repeat(64)}` } });
      const [taken, refused] = await oracle.ingest([wire(first), wire(next)], NOW);
      expect(taken).to.deep.equal({ outcome: "inserted" });
      expect(refused).to.have.nested.property("refusal.code", "Reading_WrongPrevHash");
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
});
