import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { codeOf } from "../../server/failure.ts";
import { openFiles, type Files } from "../../server/plugins/files.ts";
import { openProofs } from "../../server/plugins/proofs.ts";
import { sizeOf } from "../../server/plugins/proofIndex.ts";
import { deviceProofIn, indexFor, lotProofLines, type PlacedReport } from "../../server/plugins/readmodelProofs.ts";
import { aggregate, initialState, type Aggregation, type VerifiedReading } from "../../server/protocol/aggregate.ts";
import { ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { noDrops } from "../../server/protocol/drops.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { verifyDeviceProof, type DeviceLeafJson } from "../../server/protocol/proof.ts";
import { verifyLot, type LotProof } from "../../server/protocol/proofLot.ts";
import { readingSetLines } from "../../server/protocol/publication.ts";
import { readingDomain, readingHash, type Reading } from "../../server/protocol/reading.ts";
import { epochEndAt, epochStartAt } from "../../server/protocol/units.ts";

const domain = readingDomain(31_337n, `0x${"42".repeat(20)}`);
const site = { overheadE4: 10_000n, pueE4: 10_000n, cfeBps: 0n, gCO2ePerKWh: 0n, waterMlPerKWh: 0n };
const lot = { lotId: 1n, gpuCount: 1_000_000n, tdpW: 700n, site };
const DEVICES = 8;

function nodeReading(epoch: bigint, node: number): VerifiedReading {
  const reading: Reading = {
    ...{ nodeId: BigInt(node + 1), lotId: 1n, epoch, sequenceIndex: 0n, prevReadingHash: ZERO_BYTES32 },
    ...{ drops: noDrops(), periodStartAt: epochStartAt(epoch), periodEndAt: epochEndAt(epoch), itEnergy: null },
    devices: Array.from({ length: DEVICES }, (_, place) => ({
      ...{ deviceIndex: DEVICES * node + place, deviceId: keccakText(`device ${node} ${place}`), energyStartMJ: 0n },
      ...{ energyEndMJ: BigInt(node), availableSec: 3600n, allocatedSec: 0n, smActiveMilliSec: 0n },
      ...{ curtailedSec: 0n, workUnits: 0n, flagsBitmap: 0, droppedCount: 0 },
    })),
  };
  const hash = readingHash(domain, reading);
  return { reading, readingHash: hash, signature: `${hash}${hash.slice(2)}` as Hex };
}

describe("proofs out of published readings", () => {
  let folder: string;
  let files: Files;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "rackbond-proofs-"));
    files = await openFiles(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const publish = async (epoch: bigint, nodeCount: number): Promise<Aggregation> => {
    const readings = Array.from({ length: nodeCount }, (_, node) => nodeReading(epoch, node));
    const result = aggregate(epoch, initialState(epoch), [lot], readings);
    await files.put("readings", result.dataHash, readingSetLines(epoch, result.state, readings));
    return result;
  };
  const placedOf = ({ epoch, readingsRoot, dataHash }: Aggregation) =>
    ({ args: { epoch: String(epoch), readingsRoot, dataHash }, ...HASHES }) as PlacedReport;
  const HASHES = { reportHash: ZERO_BYTES32, transactionHash: ZERO_BYTES32 };

  it("a large set is read in a thread, and gives the same proofs", async () => {
    const result = await publish(5n, 3_000);
    expect((await files.find("readings", result.dataHash))!.storedByteCount).to.be.greaterThan(1 << 18);
    const index = (await indexFor(openProofs({ files, domain }), placedOf(result)))!;
    expect(sizeOf(index)).to.be.lessThan(3_000 * DEVICES * 250);
    const proof = deviceProofIn(index, placedOf(result), keccakText("device 1234 5"))!;
    expect(verifyDeviceProof(result, domain, proof).reading.nodeId).to.equal(1235n);
    const [head, ...leaves] = [...lotProofLines(index, placedOf(result), 1n)];
    const sum = await verifyLot(
      result,
      JSON.parse(head!) as LotProof,
      leaves.map((line) => JSON.parse(line) as DeviceLeafJson),
    );
    expect(sum.reportingCount).to.equal(24_000n);
  });

  it("S08: indexes are built one at a time, once for all who wait, and few are kept", async () => {
    const epochs = [await publish(1n, 4), await publish(2n, 4), await publish(3n, 4)];
    let openCount = 0;
    const counted = { ...files, open: (...given: Parameters<Files["open"]>) => (openCount++, files.open(...given)) };
    const proofs = openProofs({ files: counted, domain, keptBytes: 10_000 });
    const ask = async (place: number) => await proofs.indexOf(epochs[place]!.dataHash);
    const [first, again] = await Promise.all([ask(0), ask(0)]);
    expect([first === again, openCount, sizeOf(first!) < 10_000]).to.deep.equal([true, 1, true]);
    await ask(0);
    expect(openCount).to.equal(1);
    for (const place of [1, 2, 0]) await ask(place);
    expect(openCount, "the first was let go").to.equal(4);
  });

  it("S08: whoever asks for too many epochs at once is told to come again", async () => {
    const epochs: Aggregation[] = [];
    for (let epoch = 1n; epoch <= 20n; epoch++) epochs.push(await publish(epoch, 1));
    const proofs = openProofs({ files, domain });
    const asked = await Promise.allSettled(epochs.map(({ dataHash }) => proofs.indexOf(dataHash)));
    const refused = asked.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
    expect(refused.map(({ reason }) => codeOf(reason))).to.deep.equal(refused.map(() => "Proofs_Busy"));
    expect(refused).to.have.length(4);
    expect(await proofs.indexOf(epochs[19]!.dataHash)).to.not.equal(undefined);
  });

  it("nothing is proven out of a set that is not its name's, is damaged, or makes another root than the chain's", async () => {
    const result = await publish(5n, 3);
    const proofs = openProofs({ files, domain });
    const failure = async (report: PlacedReport) => {
      try {
        await indexFor(proofs, report);
      } catch (error) {
        return codeOf(error);
      }
      return "none";
    };
    const placed = placedOf(result);
    expect(await indexFor(proofs, { ...placed, args: { ...placed.args, dataHash: ZERO_BYTES32 } })).to.equal(undefined);
    const other = { ...placed, args: { ...placed.args, readingsRoot: ZERO_BYTES32 } };
    expect(await failure(other)).to.equal("Epoch_NotReproduced");
    expect(await failure({ ...placed, args: { ...placed.args, epoch: "6" } })).to.equal("Epoch_NotReproduced");
    const name = keccakText("another name");
    await files.put("readings", name, files.open("readings", result.dataHash));
    const renamed = { ...placed, args: { ...placed.args, dataHash: name } };
    expect(await failure(renamed)).to.equal("Files_Corrupt");
    const large = await publish(6n, 3_000);
    await files.put("readings", name, files.open("readings", large.dataHash));
    expect(await failure(renamed), "in a thread").to.equal("Files_Corrupt");
  });
});
