import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";

import type { Oracle } from "../../server/jobs/oracle.ts";
import type { Ingested } from "../../server/jobs/readings.ts";
import { openRegistry, reportedLots } from "../../server/plugins/directory.ts";
import { openFiles } from "../../server/plugins/files.ts";
import { equivocationsOf, readingsOf } from "../../server/plugins/queries.ts";
import { reportOf } from "../../server/plugins/reports.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { contractsAt, send } from "../../server/protocol/contracts.ts";
import { nodeKeyHash } from "../../server/protocol/identity.ts";
import { readingOfBody } from "../../server/protocol/packed.ts";
import { readingDomain, readingJson, type SignedReadingJson } from "../../server/protocol/reading.ts";
import { P256_ORDER } from "../../server/protocol/signature.ts";
import { FACTORS, FIRST_EPOCH, GENESIS_AT, readingOf, startStage, wire, type Stage } from "./stage.ts";

const E = FIRST_EPOCH;
const NOW = (E + 1n) * 3600n;
/** When the two hours after it are over too. */
const LATER = (E + 3n) * 3600n;

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
    oracles = await stage.startOracles();
  });

  const everywhere = (...batch: SignedReadingJson[]) => Promise.all(oracles.map((oracle) => oracle.ingest(batch, NOW)));
  /** Until the first oracle has read what was reported. */
  const noted = () => stage.until(oracles, async () => (await reportOf(stage.store.db, 0, E)) !== undefined);
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
      const inOrder = await oracles[0]!.ingest([first, second, third].map(wire), LATER);
      expect(outcomes(inOrder)).to.deep.equal(["inserted", "inserted", "inserted"]);
      const reordered = await oracles[1]!.ingest([third, first, second].map(wire), LATER);
      expect(outcomes(reordered)).to.deep.equal(["inserted", "inserted", "inserted"]);
    });

    it("S07: takes a reading from the end of its hour on, for as long as it can be reported", async () => {
      const [oracle] = oracles as [Oracle];
      const at = async (receivedAt: bigint) => {
        const [result] = await oracle.ingest([wire(readingOf(stage, 0, E))], receivedAt);
        return result!.outcome === "refused" ? result!.refusal.code : result!.outcome;
      };
      const delaySec = await stage.contracts.telemetry.maxDelaySec();
      expect(await at(NOW - 1n)).to.equal("Reading_Future");
      expect(await at(NOW + delaySec + 1n)).to.equal("Reading_TooOld");
      expect(await at(NOW + delaySec)).to.equal("inserted");
    });

    it("continues a node's chain from what was reported, after a restart too", async () => {
      const first = readingOf(stage, 0, E);
      await everywhere(wire(first));
      await stage.close(oracles);
      await noted();
      oracles = await stage.startOracles();
      const wrong = readingOf(stage, 0, E + 1n, { before: { ...first, hash: `0x${"1".repeat(64)}` } });
      const [refused] = await oracles[0]!.ingest([wire(wrong)], LATER);
      expect(refused).to.have.nested.property("refusal.code", "Reading_WrongPrevHash");
      const next = readingOf(stage, 0, E + 1n, { before: first });
      expect(outcomes(await oracles[0]!.ingest([wire(next)], LATER))).to.deep.equal(["inserted"]);
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
        "Reading_WrongDevice",
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

    it("E03: refuses a counter below what the reported reading before ended at, next hour or later", async () => {
      const first = readingOf(stage, 0, E);
      await everywhere(wire(first));
      await stage.close(oracles);
      await noted();
      for (const sequenceIndex of [1n, 4n]) {
        const low = readingOf(stage, 0, E + 1n, {
          before: first,
          reading: { sequenceIndex },
          device: { energyStartMJ: 1n },
        });
        const [refused] = await oracles[0]!.ingest([wire(low)], LATER);
        expect(refused).to.have.nested.property("refusal.code", "Reading_CounterFell");
        expect(refused).to.have.nested.property("refusal.facts.beforeEndMJ", 700_000_000n);
      }
    });

    it("refuses the reading of a node that was revoked before the hour's end, and takes it for an hour before", async () => {
      const { deployment, cast } = stage.world;
      const operator = contractsAt(deployment.addresses, cast.operator.connect(stage.provider));
      await stage.advanceTo(NOW + 60n);
      const [node] = await operator.registry.queryFilter(operator.registry.filters.NodeRegistered(1));
      await send(operator.registry.revokeNode(nodeKeyHash(node!.args.publicX as Hex, node!.args.publicY as Hex)));
      await stage.head();
      const [oracle] = oracles as [Oracle];
      const hours = [readingOf(stage, 0, E + 1n), readingOf(stage, 1, E + 1n), readingOf(stage, 0, E)];
      const [refused, ...taken] = await oracle.ingest(hours.map(wire), LATER);
      expect(refused).to.have.nested.property("refusal.code", "Reading_UnknownNode");
      expect(outcomes(taken)).to.deep.equal(["inserted", "inserted"]);
    });
  });

  describe("directory", () => {
    const registryOf = async (identities: Stage["world"]["deployment"]["identities"]) =>
      openRegistry({
        ...{ db: stage.store.db, files: await openFiles(join(stage.folder, "other-files")), identities },
        ...{ methodology: { factors: FACTORS, exceptions: new Map() }, version: () => 1 },
      });

    it("S20: a lot whose published identities are not the registered ones has no devices", async () => {
      const { identities } = stage.world.deployment;
      const swapped = identities.map((lot, index) =>
        index === 0 ? { ...lot, devices: lot.devices.toReversed() } : lot,
      );
      const { lots, nodes } = await (await registryOf(swapped)).at(NOW);
      expect([...lots.values()].map(({ devices }) => devices.length)).to.deep.equal([0, 1]);
      expect([...nodes.keys()]).to.deep.equal([3n]);
    });

    it("S02: a damaged file of identities counts as none, and is replaced by a whole one", async () => {
      const { identities } = stage.world.deployment;
      const counts = async () => {
        const { lots } = await (await registryOf(identities)).at(NOW);
        return [...lots.values()].map(({ devices }) => devices.length);
      };
      const whole = await counts();
      const folder = join(stage.folder, "other-files", "identities");
      const files = readdirSync(folder).map((name) => join(folder, name));
      const before = files.map((file) => readFileSync(file));
      files.forEach((file, index) => {
        const bytes = Buffer.from(before[index]!);
        bytes[bytes.length >> 1]! ^= 1;
        writeFileSync(file, bytes);
      });
      expect(await counts())
        .to.deep.equal(whole)
        .and.not.include(0);
      expect(files.map((file) => readFileSync(file))).to.deep.equal(before);
    });

    it("has the lots that were attested at an hour's end, and what was attested once stays", async () => {
      const { deployment, cast } = stage.world;
      const auditor = contractsAt(deployment.addresses, cast.auditor.connect(stage.provider));
      const attestedOf = async (timeAt: bigint) => {
        await stage.head();
        return reportedLots(await stage.station.registry.at(timeAt), timeAt).map(({ lotId }) => lotId);
      };
      expect(await attestedOf(NOW)).to.deep.equal([1n, 2n]);
      await stage.advanceTo(NOW - 60n);
      await send(auditor.registry.revokeAttestation(1, 1));
      expect(await attestedOf(NOW)).to.deep.equal([1n, 2n]);
      expect(await attestedOf(BigInt(GENESIS_AT))).to.deep.equal([]);
    });
  });
});
