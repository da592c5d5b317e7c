import { generateKeyPairSync } from "node:crypto";
import { expect } from "chai";

import { pointOf, signReading } from "../../server/nodekey.ts";
import { buildProofIndex } from "../../server/plugins/proofIndex.ts";
import { deviceProofIn, type PlacedReport } from "../../server/plugins/readmodelProofs.ts";
import { aggregate, initialState, type VerifiedReading } from "../../server/protocol/aggregate.ts";
import { ZERO_BYTES32 } from "../../server/protocol/bytes.ts";
import { noDrops } from "../../server/protocol/drops.ts";
import { nodeKeyHash } from "../../server/protocol/identity.ts";
import { identityRootOf } from "../../server/protocol/identityTree.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import type { DeviceProof } from "../../server/protocol/proof.ts";
import { proofFileText, readProofFile } from "../../server/protocol/proofFile.ts";
import { PROOF_STEPS, proveHour, type ProofGround } from "../../server/protocol/proofSteps.ts";
import { readingSetLines } from "../../server/protocol/publication.ts";
import { readingDomain, readingHash, type Reading } from "../../server/protocol/reading.ts";
import { epochEndAt, epochStartAt } from "../../server/protocol/units.ts";

const EPOCH = 490_000n;
const LOT = 2n;
const domain = readingDomain(31_337n, `0x${"42".repeat(20)}`);
const site = { overheadE4: 12_345n, pueE4: 10_901n, cfeBps: 3_333n, gCO2ePerKWh: 41n, waterMlPerKWh: 333n };
const keys = [1, 2].map(() => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
const points = keys.map(pointOf);
const anchors = [0, 1, 2, 3, 4].map((index) => keccakText(`device ${index}`));

function signed(nodeId: bigint, indexes: readonly number[]): VerifiedReading {
  const reading: Reading = {
    ...{ nodeId, lotId: LOT, epoch: EPOCH, sequenceIndex: 4n, prevReadingHash: ZERO_BYTES32, drops: noDrops() },
    ...{ periodStartAt: epochStartAt(EPOCH), periodEndAt: epochEndAt(EPOCH), itEnergy: null },
    devices: indexes.map((deviceIndex) => ({
      ...{ deviceIndex, deviceId: anchors[deviceIndex]!, energyStartMJ: 5n, energyEndMJ: 1_000_000_007n },
      ...{ availableSec: 3600n, allocatedSec: 1800n, smActiveMilliSec: 1_234_567n, curtailedSec: 0n },
      ...{ workUnits: 7n, flagsBitmap: 0, droppedCount: 0 },
    })),
  };
  const hash = readingHash(domain, reading);
  return { reading, readingHash: hash, signature: signReading(keys[Number(nodeId) - 1]!, hash) };
}

describe("an hour's proof, step by step", () => {
  let proof: DeviceProof;
  let ground: Required<ProofGround>;

  before(async () => {
    const readings = [signed(1n, [0, 1, 2]), signed(2n, [3, 4])];
    const lots = [{ lotId: LOT, gpuCount: 5n, tdpW: 700n, site }];
    const result = aggregate(EPOCH, initialState(EPOCH), lots, readings);
    const lines = (async function* () {
      yield* await Promise.resolve(readingSetLines(EPOCH, result.state, readings));
    })();
    const index = await buildProofIndex(domain, result.dataHash, lines);
    const { readingsRoot, dataHash, devicesReportingCount } = result;
    const placed = {
      args: { epoch: String(EPOCH), readingsRoot, dataHash },
      ...{ reportHash: keccakText("report"), transactionHash: keccakText("transaction") },
    } as PlacedReport;
    proof = deviceProofIn(index, placed, anchors[1]!)!;
    const devices = anchors.map((anchor, at) => {
      const { x, y } = points[at < 3 ? 0 : 1]!;
      return { anchor, nodeKeyHash: nodeKeyHash(x, y) };
    });
    ground = {
      ...{ domain, nodeKey: points[0]!, standing: "Final" },
      report: { epoch: EPOCH, readingsRoot, dataHash, devicesReportingCount },
      identity: { root: identityRootOf(devices), devices },
    };
  });

  const failing = async (given: unknown, on: ProofGround = ground) => {
    const { steps, verdict } = await proveHour(given, on);
    expect(steps.map(({ name }) => name)).to.deep.equal(PROOF_STEPS);
    const failed = steps.filter(({ state }) => state === "failed");
    return { verdict, failed: failed.map(({ name, refusal }) => `${name} ${refusal!.code}`) };
  };

  it("passes each step, and shows the hashes from leaf to root", async () => {
    const shown = await proveHour(readProofFile(JSON.stringify(proof)).proof, ground);
    expect(shown.steps.filter(({ state }) => state !== "passed")).to.deep.equal([]);
    expect(shown.verdict).to.equal("proven");
    expect([shown.hashes![0], shown.hashes!.at(-1)]).to.deep.equal([proof.leafHash, proof.root]);
    expect(shown.readingHashes!.at(-1)).to.equal(proof.signed.dataHash);
    expect(shown.hashes).to.have.length(proof.proof.length + 1);
  });

  it("E12: what was tampered with fails at its step", async () => {
    const { leaf, signed: source } = proof;
    const { reading } = source;
    const [first, second, ...others] = reading.devices;
    const moreWork = { ...second!, allocatedSec: "3600" };
    const tampered = { ...source, reading: { ...reading, devices: [first!, moreWork, ...others] } };
    const cases: [string, object, string[]][] = [
      [
        "a counter of the leaf",
        { leaf: { ...leaf, device: { ...leaf.device, allocatedSec: "3600" } } },
        ["hour Proof_OtherReading", "leaf Proof_OtherLeaf", "path Proof_WrongPath"],
      ],
      [
        "the counter in the reading",
        { signed: tampered },
        ["signature Proof_WrongSignature", "hour Proof_OtherReading", "publication Proof_WrongPath"],
      ],
      [
        "both",
        { signed: tampered, leaf: { ...leaf, device: moreWork } },
        [
          "signature Proof_WrongSignature",
          "leaf Proof_OtherLeaf",
          "path Proof_WrongPath",
          "publication Proof_WrongPath",
        ],
      ],
      ["the leaf's hash", { leafHash: ZERO_BYTES32 }, ["leaf Proof_OtherLeaf"]],
      ["a hash of the path", { proof: [ZERO_BYTES32, ...proof.proof.slice(1)] }, ["path Proof_WrongPath"]],
      ["the root", { root: ZERO_BYTES32 }, ["path Proof_WrongPath", "report Proof_WrongRoot"]],
      [
        "the root of the readings",
        { signed: { ...source, dataHash: ZERO_BYTES32 } },
        ["publication Proof_WrongPath", "report Proof_WrongRoot"],
      ],
      ["more than a proof", { more: 1 }, ["form Proof_Malformed"]],
    ];
    for (const [name, changed, expected] of cases) {
      expect(await failing({ ...proof, ...changed }), name).to.deep.equal({ verdict: "broken", failed: expected });
    }
    const highS = { ...source, signature: `0x${"ff".repeat(64)}` };
    expect((await failing({ ...proof, signed: highS })).failed[0]).to.equal("signature Signature_OutOfRange");
  });

  it("E12: fails where the chain, the registry or the identities say otherwise", async () => {
    const { report, identity } = ground;
    const cases: [string, ProofGround, string][] = [
      ["another epoch", { report: { ...report, epoch: EPOCH + 1n } }, "report Proof_OtherEpoch"],
      ["another root", { report: { ...report, readingsRoot: ZERO_BYTES32 } }, "report Proof_WrongRoot"],
      ["another count", { report: { ...report, devicesReportingCount: 4n } }, "report Proof_WrongCount"],
      ["other readings", { report: { ...report, dataHash: ZERO_BYTES32 } }, "report Proof_WrongRoot"],
      ["a report that was rolled back", { standing: null }, "standing Proof_NoReport"],
      ["another root of the lot", { identity: { ...identity, root: ZERO_BYTES32 } }, "identity Identities_WrongRoot"],
    ];
    for (const [name, changed, expected] of cases) {
      const found = await failing(proof, { ...ground, ...changed });
      expect(found, name).to.deep.equal({ verdict: "broken", failed: [expected] });
    }
    const otherKey = await failing(proof, { ...ground, nodeKey: points[1]! });
    expect(otherKey.failed).to.deep.equal(["signature Proof_WrongSignature", "identity Proof_OtherNode"]);
    const noNode = await failing(proof, { ...ground, nodeKey: null });
    expect(noNode.failed).to.deep.equal(["signature Proof_UnknownNode", "identity Proof_OtherNode"]);
    const swapped = identity.devices.toReversed();
    const moved = { devices: swapped, root: identityRootOf(swapped) };
    expect((await failing(proof, { ...ground, identity: moved })).failed).to.deep.equal(["identity Proof_OtherDevice"]);
  });

  it("reads a file with where its contracts are, one without, and refuses what is neither", () => {
    const origin = { chainId: 31_337, telemetry: `0x${"42".repeat(20)}`, registry: `0x${"43".repeat(20)}` };
    const text = proofFileText(origin, proof);
    expect(readProofFile(text)).to.deep.equal({ origin, proof });
    expect(readProofFile(JSON.stringify(proof))).to.deep.equal({ origin: undefined, proof });
    expect(() => readProofFile("{")).to.throw("Proof_NotJson");
    const other = text.replace('"chainId": 31337', '"chainId": "31337"');
    expect(() => readProofFile(other)).to.throw("Proof_OtherFile");
  });

  it("leaves open what nobody told, and never calls that proven", async () => {
    const states = async (on: ProofGround) => {
      const { steps, verdict } = await proveHour(proof, on);
      return { verdict, open: steps.filter(({ state }) => state === "open").map(({ name }) => name) };
    };
    const alone = ["signature", "publication", "report", "standing", "identity"];
    expect(await states({})).to.deep.equal({ verdict: "open", open: alone });
    const { identity: _identity, ...rest } = ground;
    expect(await states(rest)).to.deep.equal({ verdict: "proven", open: ["identity"] });
    for (const name of ["domain", "report", "standing", "nodeKey"] as const) {
      const { [name]: _left, ...others } = ground;
      expect((await states(others)).verdict, name).to.equal("open");
    }
  });
});
