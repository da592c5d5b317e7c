// Reports that cannot both be and hours that cannot be: shown, they cost their signers their bonds, once; and no proof is
// to be made of what honest oracles sign.
import { expect } from "chai";
import type { Hex } from "../../server/protocol/bytes.ts";
import {
  deviceLeavesOf,
  statementCall,
  twoReports,
  type FaultProof,
  type FiledStatement,
} from "../../server/protocol/faults.ts";
import type { DeviceLeaf } from "../../server/protocol/leaf.ts";
import { Stage, leafCall } from "./faults-stage.ts";
import { ORACLE_BOND, configOf } from "./faults-world.ts";
import { NEVER_AT, hashOf, oracleWallets } from "./reports.ts";

describe("Faults: reports and hours", () => {
  const at = new Stage();
  const WHOLE = 5n * ORACLE_BOND;

  describe("E04: two reports", () => {
    const pair = async (byA?: number[], byB?: number[], change = { dataHash: hashOf("another") }) => {
      const [a, b] = [await at.liars.report([at.reading()]), await at.liars.report([at.reading()], change)];
      return [await at.liars.sign(a, byA), await at.liars.sign(b, byB)] as const;
    };

    it("cost a quorum that signed both, and halt", async () => {
      const [a, b] = await pair();
      await at.costs(twoReports(at.config, a, b));
    });

    it("cost a single signer, and stop nothing: one faulty oracle halts no telemetry", async () => {
      const [a, b] = await pair([1], [0, 1, 3]);
      await expect(at.prove(twoReports(at.config, a, b)!)).not.to.emit(at.world.telemetry, "Halted");
      expect(await at.bonds()).to.deep.equal([WHOLE, WHOLE - ORACLE_BOND, WHOLE, WHOLE]);
      expect(await at.world.telemetry.haltedFromEpoch()).to.equal(0);
    });

    it("M32: cost a signer once, and the others when they are shown to have signed too", async () => {
      const [a, b] = await pair([1], [1]);
      await at.prove(twoReports(at.config, a, b)!);
      const [c, d] = await pair([0, 1, 2], [1, 2, 3]);
      await at.prove(twoReports(at.config, c, d)!);
      expect(await at.bonds()).to.deep.equal([WHOLE, WHOLE - ORACLE_BOND, WHOLE - ORACLE_BOND, WHOLE]);
      await expect(at.prove(twoReports(at.config, c, d)!)).to.be.revertedWithCustomError(
        at.world.faults,
        "Faults_AlreadyProven",
      );
    });

    it("are none: one report twice, its signatures in another set", async () => {
      const made = await at.liars.report([at.reading()]);
      const [a, b] = [await at.liars.sign(made, [0, 1, 2]), await at.liars.sign(made, [1, 2, 3])];
      expect(twoReports(at.config, a, b)).to.equal(undefined);
      await expect(
        at.world.faults.proveTwoReports(at.config, statementCall(a), statementCall(b), at.world.prover),
      ).to.be.revertedWithCustomError(at.world.faults, "Faults_SameReport");
    });

    it("are none: of two epochs, or of two configurations", async () => {
      const a = await at.liars.file([at.reading()]);
      const b = await at.liars.sign(await at.liars.report([at.reading()]));
      await expect(
        at.world.faults.proveTwoReports(at.config, statementCall(a), statementCall(b), at.world.prover),
      ).to.be.revertedWithCustomError(at.world.faults, "Faults_OtherEpoch");
      await at.world.telemetry.setConfig(at.world.oracles, 1, NEVER_AT);
      const c = await at.liars.sign(await at.liars.report([at.reading()]));
      for (const each of [at.config, await configOf(at.world)]) {
        await expect(
          at.world.faults.proveTwoReports(each, statementCall(b), statementCall(c), at.world.prover),
        ).to.be.revertedWithCustomError(at.world.faults, "Faults_UnknownConfig");
      }
    });

    it("are none: a skip after a report, whose signature is over something else", async () => {
      const a = await at.liars.sign(await at.liars.report([at.reading()]));
      const notice = await at.liars.pen.notice();
      const [signerBitmap, signatures] = await at.liars.pen.sign(notice);
      const b = {
        ...a,
        report: { ...a.report, dataHash: notice.reasonHash },
        signerBitmap,
        signatures: signatures as Hex,
      };
      await expect(
        at.world.faults.proveTwoReports(at.config, statementCall(a), statementCall(b), at.world.prover),
      ).to.be.revertedWithCustomError(at.world.faults, "Faults_BadSignature");
    });

    it("are none without a common signer, or with a signature too few or too many", async () => {
      const [a, b] = await pair([0, 1], [2, 3]);
      const send = (x: FiledStatement, y: FiledStatement) =>
        at.world.faults.proveTwoReports(at.config, statementCall(x), statementCall(y), at.world.prover);
      await expect(send(a, b)).to.be.revertedWithCustomError(at.world.faults, "Faults_NoCommonSigner");
      const [c, d] = await pair();
      const reject = async (change: Partial<FiledStatement>, error: string) =>
        await expect(send(c, { ...d, ...change })).to.be.revertedWithCustomError(at.world.faults, error);
      await reject({ signatures: d.signatures.slice(0, -128) as Hex }, "Faults_WrongSignatureCount");
      await reject({ signatures: `${d.signatures}00` }, "Faults_WrongSignatureCount");
      await reject({ signerBitmap: 0b1011n }, "Faults_BadSignature");
      await reject({ signerBitmap: 0b10011n }, "Faults_UnknownSigner");
      await reject({ signerBitmap: 0n, signatures: "0x" }, "Faults_NoCommonSigner");
    });

    it("are none under signers of one's own choice", async () => {
      at.liars.pen.oracles = oracleWallets(1, "mine");
      const [a, b] = await pair();
      const mine = { ...at.config, oracles: at.liars.pen.oracles.map(({ address }) => address) };
      await expect(
        at.world.faults.proveTwoReports(mine, statementCall(a), statementCall(b), at.world.prover),
      ).to.be.revertedWithCustomError(at.world.faults, "Faults_UnknownConfig");
      const configDigest = (await at.world.telemetry.configDigestOf(9, mine.oracles, 1)) as Hex;
      const [c, d] = [
        { ...a, report: { ...a.report, configDigest } },
        { ...b, report: { ...b.report, configDigest } },
      ];
      await expect(
        at.world.faults.proveTwoReports(
          { ...mine, configCount: 9n },
          statementCall(c),
          statementCall(d),
          at.world.prover,
        ),
      ).to.be.revertedWithCustomError(at.world.faults, "Faults_UnknownConfig");
    });
  });

  describe("E05: a false leaf", () => {
    const MAX_U64 = 2n ** 64n - 1n;
    for (const [what, change] of Object.entries({
      "available and curtailed beyond the hour": { curtailedSec: 1n },
      "allocated beyond available": { availableSec: 1000n },
      "active beyond available": { smActiveMilliSec: 3_600_001n },
      "more energy than 1.6 times the design power": { energyEndMJ: 1_000_001n + (700n * 16n * 3_600_000n) / 10n },
      "a counter that fell within the hour": { energyEndMJ: 999_999n },
      "a counter that wrapped": { energyStartMJ: MAX_U64, energyEndMJ: 5n },
      "more work than counts": { workUnits: (1n << 24n) + 1n },
      "an index beyond the lot": { deviceIndex: 8 },
    })) {
      it(`costs: ${what}`, async () => {
        const [proof] = at.found(await at.liars.file([at.reading(change)]));
        expect(proof!.verb).to.equal("proveFalseLeaf");
        await at.costs(proof);
      });
    }

    it("costs: another epoch, no lot of the report, a leafIndex beyond the count, another kind, an unknown flag", async () => {
      const [leaf] = deviceLeavesOf(at.liars.pen.epoch, [at.reading()]) as [DeviceLeaf];
      const changes = [{ epoch: leaf.epoch + 1n }, { lotId: 3n }, { leafIndex: 1 }];
      for (const [round, change] of changes.entries()) {
        await at.again();
        const filed = await at.liars.file([at.reading()], [{ ...leaf, ...change }]);
        const proof = {
          ...{ verb: "proveFalseLeaf", epoch: filed.report.epoch, says: String(round) },
          args: [at.config, statementCall(filed), leafCall({ ...leaf, ...change })],
        } as FaultProof;
        await at.costs(proof);
      }
      await at.again();
      const odd = { ...leaf, device: { ...leaf.device, flagsBitmap: 16 } };
      const filed = await at.liars.file([at.reading()], [odd]);
      await at.costs({
        ...{ verb: "proveFalseLeaf", epoch: filed.report.epoch, says: "" },
        args: [at.config, statementCall(filed), leafCall(odd)],
      });
    });

    it("is none: any hour at its bounds", async () => {
      const [leaf] = deviceLeavesOf(at.liars.pen.epoch, [at.reading()]) as [DeviceLeaf];
      const edges = {
        ...{ energyStartMJ: MAX_U64 - (700n * 16n * 3_600_000n) / 10n, energyEndMJ: MAX_U64, deviceIndex: 7 },
        ...{ availableSec: 3600n, allocatedSec: 3600n, smActiveMilliSec: 3_600_000n, workUnits: 1n << 24n },
        ...{ flagsBitmap: 15, droppedCount: 0xffff_ffff },
      };
      for (const device of [edges, { availableSec: 0n, allocatedSec: 0n, smActiveMilliSec: 0n, curtailedSec: 3600n }]) {
        await at.again();
        const honest = { ...leaf, device: { ...leaf.device, ...device } };
        const filed = await at.liars.file([at.reading()], [honest]);
        await expect(
          at.world.faults.proveFalseLeaf(at.config, statementCall(filed), leafCall(honest), at.world.prover),
        ).to.be.revertedWithCustomError(at.world.faults, "Faults_LeafHolds");
      }
    });

    it("E12: is none: what is no leaf of the tree, an inner node among it", async () => {
      const filed = await at.liars.file([at.reading()]);
      const [leaf] = deviceLeavesOf(filed.report.epoch, filed.readings) as [DeviceLeaf];
      const wrong = leafCall({ ...leaf, lotId: 3n });
      for (const proof of [[], [hashOf("x")], [hashOf("x"), hashOf("y")]]) {
        await expect(
          at.world.faults.proveFalseLeaf(at.config, statementCall(filed), { ...wrong, proof }, at.world.prover),
        ).to.be.revertedWithCustomError(at.world.faults, "Faults_NotIncluded");
      }
    });

    it("is none of 2f signers: a report without a quorum is no report", async () => {
      const made = await at.liars.report([at.reading({ curtailedSec: 1n })]);
      const [proof] = at.found(await at.liars.sign(made, [0, 2]));
      await expect(at.prove(proof!)).to.be.revertedWithCustomError(at.world.faults, "Faults_NoQuorum").withArgs(2, 3);
    });
  });

  it("a fault of a configuration's epoch that was rolled back still costs, and halts no more", async () => {
    const filed = await at.liars.file([at.reading({ curtailedSec: 1n }, { key: at.world.keys[1]! })]);
    const [leaf, signature] = at.found(filed) as [FaultProof, FaultProof];
    await at.prove(leaf);
    await at.world.telemetry.resolve(true);
    await at.world.telemetry.setConfig(at.world.oracles, 1, NEVER_AT);
    await expect(at.prove(signature)).not.to.emit(at.world.telemetry, "Halted");
    expect(await at.bonds()).to.deep.equal([3n, 3n, 3n, 5n].map((count) => count * ORACLE_BOND));
    expect(await at.world.telemetry.haltedFromEpoch()).to.equal(0);
  });

  it("M32: takes what an oracle's bond still has, unbonding or not", async () => {
    const bondId = await at.world.bonds.oracleBondId(at.world.oracles[0]!.address);
    await at.world.bonds.startUnbonding(bondId, 4n * ORACLE_BOND);
    for (let round = 0; round < 6; round++) {
      const [proof] = at.found(await at.liars.sign(await at.liars.report([at.reading({ curtailedSec: 1n })])));
      at.liars.pen.epoch++;
      await at.prove(proof!);
    }
    expect(await at.bonds()).to.deep.equal([0n, 0n, 0n, 5n * ORACLE_BOND]);
  });
});
