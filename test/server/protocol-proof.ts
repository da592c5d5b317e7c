import { expect } from "chai";

import { aggregate, initialState, type Aggregation, type VerifiedReading } from "../../server/protocol/aggregate.ts";
import { ZERO_BYTES32, bytesOf, hexOf } from "../../server/protocol/bytes.ts";
import { noDrops } from "../../server/protocol/drops.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { deviceLeafHash, leafHashes } from "../../server/protocol/leaf.ts";
import type { Lot } from "../../server/protocol/lot.ts";
import { parseLeaf, verifyAbsence, verifyDeviceProof, type ReportFacts } from "../../server/protocol/proof.ts";
import { checkLotSum, verifyLot, type LotProof } from "../../server/protocol/proofLot.ts";
import { readingSetLines } from "../../server/protocol/publication.ts";
import { readingDomain, readingHash, type Reading } from "../../server/protocol/reading.ts";
import { Refusal } from "../../server/protocol/refusal.ts";
import { buildTree, proofOf, rangeProofOf, rootOf, verifyProof, verifyRange } from "../../server/protocol/tree.ts";
import { epochEndAt, epochStartAt } from "../../server/protocol/units.ts";
import { buildProofIndex, type ProofIndex } from "../../server/plugins/proofIndex.ts";
import {
  absenceProofIn,
  deviceProofIn,
  lotProofLines,
  type PlacedReport,
} from "../../server/plugins/readmodelProofs.ts";

const EPOCH = 490_000n;
const domain = readingDomain(31_337n, `0x${"42".repeat(20)}`);
const site = { overheadE4: 12_345n, pueE4: 10_901n, cfeBps: 3_333n, gCO2ePerKWh: 41n, waterMlPerKWh: 333n };
const anchorOf = (lotId: bigint, index: number) => keccakText(`device ${lotId} ${index}`);

/** A node's reading of the devices of a lot by their index. */
function signed(nodeId: bigint, lotId: bigint, indexes: readonly number[]): VerifiedReading {
  const reading: Reading = {
    ...{ nodeId, lotId, epoch: EPOCH, sequenceIndex: nodeId, prevReadingHash: ZERO_BYTES32, drops: noDrops() },
    ...{ periodStartAt: epochStartAt(EPOCH), periodEndAt: epochEndAt(EPOCH), itEnergy: null },
    devices: indexes.map((deviceIndex) => ({
      ...{ deviceIndex, deviceId: anchorOf(lotId, deviceIndex), energyStartMJ: 5n },
      ...{ energyEndMJ: 1_000_000_007n + BigInt(deviceIndex), availableSec: 3600n, allocatedSec: 1800n },
      ...{ smActiveMilliSec: 1_234_567n, curtailedSec: 0n, workUnits: 7n, flagsBitmap: 0, droppedCount: 0 },
    })),
  };
  return { reading, readingHash: readingHash(domain, reading), signature: `0x${"11".repeat(64)}` };
}

describe("protocol proofs", () => {
  // Nodes out of the order of their devices; lot 4 is silent, and some devices of the others.
  const lots: Lot[] = [2n, 4n, 7n].map((lotId) => ({ lotId, gpuCount: 20n, tdpW: 700n, site }));
  const verified = [
    signed(9n, 2n, [0, 5, 6]),
    signed(3n, 2n, [2, 3]),
    signed(4n, 7n, [4, 18, 19]),
    signed(1n, 7n, [7]),
  ];
  let result: Aggregation;
  let report: ReportFacts;
  let index: ProofIndex;
  let placed: PlacedReport;

  const indexOf = async (epoch: Aggregation, readings: readonly VerifiedReading[]) => {
    const lines = (async function* () {
      yield* await Promise.resolve(readingSetLines(EPOCH, epoch.state, readings));
    })();
    return await buildProofIndex(domain, epoch.dataHash, lines);
  };
  const placedOf = ({ readingsRoot, dataHash }: Aggregation) =>
    ({
      args: { epoch: String(EPOCH), readingsRoot, dataHash },
      ...{ reportHash: keccakText("report"), transactionHash: keccakText("transaction") },
    }) as PlacedReport;
  const factsOf = ({ readingsRoot, dataHash, devicesReportingCount }: Aggregation): ReportFacts => ({
    ...{ epoch: EPOCH, readingsRoot, dataHash, devicesReportingCount },
  });

  before(async () => {
    result = aggregate(EPOCH, initialState(EPOCH), lots, verified);
    report = factsOf(result);
    index = await indexOf(result, verified);
    placed = placedOf(result);
  });

  function code(work: () => unknown): string {
    try {
      work();
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      throw error;
    }
    return "none";
  }

  it("the index of a published set makes the report's two roots", () => {
    expect([rootOf(index.tree), rootOf(index.dataTree)]).to.deep.equal([result.readingsRoot, result.dataHash]);
  });

  describe("a device's hour", () => {
    it("verifies for each leaf, with the reading it came from", () => {
      for (const leaf of result.leaves) {
        const proof = deviceProofIn(index, placed, leaf.device.deviceId)!;
        const shown = verifyDeviceProof(report, domain, proof);
        expect(shown.leaf).to.deep.equal(leaf);
        const source = verified.find(({ reading }) => reading.nodeId === leaf.nodeId)!;
        expect([shown.reading, shown.readingHash]).to.deep.equal([source.reading, source.readingHash]);
      }
      expect(deviceProofIn(index, placed, keccakText("no device"))).to.equal(undefined);
    });

    it("E12: fails when anything in it is another", () => {
      const proof = deviceProofIn(index, placed, anchorOf(2n, 3))!;
      const other = deviceProofIn(index, placed, anchorOf(7n, 4))!;
      const { leaf, signed: source } = proof;
      const change = { ...leaf.device, energyEndMJ: "1000000011" };
      const cases: [string, string, object][] = [
        ["Proof_WrongPath", "a counter", { leaf: { ...leaf, device: change } }],
        ["Proof_WrongPath", "its place", { leaf: { ...leaf, leafIndex: leaf.leafIndex + 1 } }],
        ["Proof_WrongPath", "its lot", { leaf: { ...leaf, lotId: "7" } }],
        ["Proof_WrongPath", "another's path", { proof: other.proof }],
        ["Proof_WrongPath", "a path cut short", { proof: proof.proof.slice(1) }],
        ["Proof_WrongPath", "a path made longer", { proof: [...proof.proof, ZERO_BYTES32] }],
        ["Proof_OtherEpoch", "another epoch", { leaf: { ...leaf, epoch: "490001" } }],
        ["Proof_WrongRoot", "another root", { root: ZERO_BYTES32 }],
        ["Proof_WrongCount", "another count", { leafCount: proof.leafCount + 1 }],
        ["Proof_WrongPath", "an index beyond the count", { leaf: { ...leaf, leafIndex: proof.leafCount } }],
        ["Proof_WrongPath", "another signature", { signed: { ...source, signature: `0x${"12".repeat(64)}` } }],
        ["Proof_WrongRoot", "another data hash", { signed: { ...source, dataHash: proof.root } }],
        ["Proof_OtherReading", "another node's reading", { signed: other.signed }],
        ["Proof_Malformed", "a number as text", { leafCount: "9" }],
        ["Proof_Malformed", "more than a proof", { more: 1 }],
        ["Proof_Malformed", "a path of numbers", { proof: [1] }],
      ];
      for (const [expected, name, changed] of cases) {
        expect(
          code(() => verifyDeviceProof(report, domain, { ...proof, ...changed })),
          name,
        ).to.equal(expected);
      }
      expect(
        code(() => verifyDeviceProof(report, ZERO_BYTES32, proof)),
        "another domain",
      ).to.equal("Proof_WrongPath");
    });

    it("E12: an inner node is no leaf, a leaf no other tree's", () => {
      const { tree } = index;
      const node = tree.nodes.subarray(32, 64);
      const sibling = hexOf(tree.nodes.subarray(64, 96));
      for (let leafIndex = 0; leafIndex < tree.count; leafIndex++) {
        expect(verifyProof(result.readingsRoot, tree.count, leafIndex, node, [sibling])).to.equal(false);
      }
      const proof = deviceProofIn(index, placed, anchorOf(2n, 3))!;
      const other = { ...report, readingsRoot: report.dataHash };
      expect(code(() => verifyDeviceProof(other, domain, proof))).to.equal("Proof_WrongRoot");
      expect(code(() => verifyDeviceProof(other, domain, { ...proof, root: other.readingsRoot }))).to.equal(
        "Proof_WrongPath",
      );
    });
  });

  describe("absence", () => {
    it("verifies for every index that did not report, within lots, between them and at the ends", () => {
      const present = new Set(result.leaves.map(({ lotId, device }) => `${lotId}/${device.deviceIndex}`));
      for (const lotId of [0n, 2n, 4n, 7n, 8n]) {
        for (let deviceIndex = 0; deviceIndex < 21; deviceIndex++) {
          const proof = absenceProofIn(index, placed, lotId, deviceIndex);
          expect(proof === undefined).to.equal(present.has(`${lotId}/${deviceIndex}`));
          if (proof !== undefined) verifyAbsence(report, proof);
        }
      }
    });

    it("verifies in an epoch without a leaf, and there alone without neighbours", async () => {
      const silent = aggregate(EPOCH, initialState(EPOCH), lots, []);
      const proof = absenceProofIn(await indexOf(silent, []), placedOf(silent), 2n, 0)!;
      expect([proof.below, proof.above, proof.leafCount, proof.root]).to.deep.equal([null, null, 0, ZERO_BYTES32]);
      verifyAbsence(factsOf(silent), proof);
      expect(code(() => verifyAbsence(report, proof))).to.equal("Proof_WrongRoot");
      const forged = { ...proof, root: report.readingsRoot, leafCount: Number(report.devicesReportingCount) };
      expect(code(() => verifyAbsence(report, forged))).to.equal("Proof_NotNeighbours");
    });

    it("E12: of a device that is there, or with leaves that are no neighbours, is refused", () => {
      const proof = absenceProofIn(index, placed, 2n, 4)!;
      const far = absenceProofIn(index, placed, 7n, 5)!;
      const cases: [string, object][] = [
        ["Proof_NotBetween", { deviceIndex: 3 }],
        ["Proof_NotBetween", { deviceIndex: 5 }],
        ["Proof_NotBetween", { lotId: "7" }],
        ["Proof_NotNeighbours", { above: far.above }],
        ["Proof_NotNeighbours", { above: null }],
        ["Proof_NotNeighbours", { below: null }],
        ["Proof_NotNeighbours", { below: proof.above, above: proof.below }],
        ["Proof_WrongPath", { below: { ...proof.below!, proof: far.below!.proof } }],
        ["Proof_Malformed", { below: undefined }],
      ];
      for (const [expected, changed] of cases) {
        expect(code(() => verifyAbsence(report, { ...proof, ...changed }))).to.equal(expected);
      }
    });
  });

  describe("a lot's hour", () => {
    const linesOf = (lotId: bigint) => {
      const [head, ...leaves] = [...lotProofLines(index, placed, lotId)].map((line) => JSON.parse(line) as object);
      return { head: head as LotProof, leaves: leaves as never[] };
    };
    const failure = async (head: object, leaves: readonly never[]) => {
      try {
        await verifyLot(report, head as LotProof, leaves);
      } catch (error) {
        if (error instanceof Refusal) return error.code;
        throw error;
      }
      return "none";
    };

    it("verifies, and adds up to what the meter grew by", async () => {
      for (const { lotId } of lots) {
        const { head, leaves } = linesOf(lotId);
        const sum = await verifyLot(report, head, leaves);
        checkLotSum(
          sum,
          result.meters.find((meter) => meter.lotId === lotId)!,
          undefined,
        );
      }
      const next = aggregate(EPOCH + 1n, result.state, lots, []);
      const { head, leaves } = linesOf(2n);
      const sum = await verifyLot(report, head, leaves);
      expect(sum.reportingCount).to.equal(5n);
      expect(code(() => checkLotSum(sum, next.meters[0]!, result.meters[0]))).to.equal("Proof_OtherSum");
      for (const counter of ["availableGpuSec", "workUnits", "gpuEnergyMJ", "smActiveMilliSec"] as const) {
        const wrong = { ...sum, [counter]: sum[counter] + 4_000_000n };
        expect(
          code(() => checkLotSum(wrong, result.meters[0]!, undefined)),
          counter,
        ).to.equal("Proof_OtherSum");
      }
    });

    it("verifies of a lot without a leaf, and of one that is not in the report", async () => {
      for (const lotId of [0n, 4n, 9n]) {
        const { head, leaves } = linesOf(lotId);
        expect((await verifyLot(report, head, leaves)).reportingCount).to.equal(0n);
      }
    });

    it("E12: is refused when a leaf is left out, added, changed, or the range is not the whole lot", async () => {
      const { head, leaves } = linesOf(7n);
      const cut = { ...head, firstIndex: head.firstIndex + 2, rangeCount: head.rangeCount - 2 };
      const proof = rangeProofOf(index.tree, cut.firstIndex, cut.firstIndex + cut.rangeCount - 1);
      const changed = structuredClone(leaves) as { device: { allocatedSec: string } }[];
      changed[1]!.device.allocatedSec = "1801";
      const cases: [string, object, readonly object[]][] = [
        ["none", head, leaves],
        ["Proof_TooFewLeaves", head, leaves.slice(0, -1)],
        ["Proof_NotNeighbours", head, leaves.toSpliced(1, 1)],
        ["Proof_StrayLeaf", head, [...leaves, leaves[0]!]],
        ["Proof_WrongPath", head, changed],
        ["Proof_WrongPath", { ...head, proof: [...head.proof, ZERO_BYTES32] }, leaves],
        ["Proof_WrongPath", { ...head, proof: head.proof.slice(1) }, leaves],
        ["Proof_NotWholeLot", { ...cut, proof }, leaves.slice(2)],
        ["Proof_NotWholeLot", { ...head, lotId: "2" }, leaves],
        ["Proof_WrongCount", { ...head, leafCount: 8 }, leaves],
        ["Proof_WrongCount", { ...head, rangeCount: 4_000_000_000 }, leaves],
        ["Proof_Malformed", { ...head, rangeCount: -1 }, leaves],
        ["Proof_Malformed", head, [{ ...(leaves as object[])[0], more: 1 }]],
      ];
      for (const [expected, given, list] of cases) {
        expect(await failure(given, list as never[]), JSON.stringify(given).slice(0, 80)).to.equal(expected);
      }
    });
  });

  it("E05: leaves out of order under a signed root are no proof of a lot", async () => {
    const leaves = [3, 1].map((deviceIndex, leafIndex) => {
      const { leaf } = deviceProofIn(index, placed, anchorOf(2n, 3))!;
      return { ...leaf, leafIndex, device: { ...leaf.device, deviceIndex } };
    });
    const tree = buildTree(leafHashes(leaves.map(parseLeaf), deviceLeafHash));
    const forged = { ...report, readingsRoot: rootOf(tree), devicesReportingCount: 2n };
    const head = { lotId: "2", epoch: String(EPOCH), firstIndex: 0, rangeCount: 2, proof: [], leafCount: 2 };
    const hashes = { root: rootOf(tree), reportHash: ZERO_BYTES32, transactionHash: ZERO_BYTES32 };
    const failed = await verifyLot(forged, { ...head, ...hashes }, leaves).catch((error: unknown) => error);
    expect(failed).to.have.property("code", "Proof_LeavesUnsorted");
  });

  describe("ranges of a tree", () => {
    it("E12: verify for every range of every size, even and odd, and with nothing left out or added", () => {
      for (let count = 1; count < 24; count++) {
        const hashes = new Uint8Array(32 * count);
        for (let leaf = 0; leaf < count; leaf++) hashes.set(bytesOf(keccakText(`leaf ${leaf}`)), 32 * leaf);
        const tree = buildTree(hashes);
        const root = rootOf(tree);
        for (let first = 0; first < count; first++) {
          for (let last = first; last < count; last++) {
            const proof = rangeProofOf(tree, first, last);
            const within = hashes.slice(32 * first, 32 * last + 32);
            expect(verifyRange(root, count, first, within, proof)).to.equal(true);
            expect(verifyRange(root, count, first, within, [...proof, root])).to.equal(false);
            if (proof.length > 0) expect(verifyRange(root, count, first, within, proof.slice(1))).to.equal(false);
            within[0]! ^= 1;
            expect(verifyRange(root, count, first, within, proof)).to.equal(false);
            if (first === last) expect(proof).to.deep.equal(proofOf(tree, first));
          }
        }
      }
    });
    it("E12: are refused beyond the count, of no leaf and of no tree", () => {
      const root = keccakText("root");
      expect(verifyRange(ZERO_BYTES32, 0, 0, new Uint8Array(0), [])).to.equal(false);
      expect(verifyRange(root, 1, 1, new Uint8Array(32), [])).to.equal(false);
      expect(verifyRange(root, 1, -1, new Uint8Array(32), [])).to.equal(false);
      expect(verifyRange(root, 1, 0, new Uint8Array(31), [])).to.equal(false);
      // Beyond the last leaf stand the inner nodes.
      expect(verifyRange(root, 2, 2, bytesOf(root), [])).to.equal(false);
      expect(code(() => rangeProofOf(buildTree(new Uint8Array(64)), 1, 2))).to.equal("Tree_NoRange");
      expect(code(() => rangeProofOf(buildTree(new Uint8Array(0)), 0, 0))).to.equal("Tree_NoRange");
    });
  });
});
