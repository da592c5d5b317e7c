import { metersOfWords } from "../protocol/report.ts";
import { keccak256 } from "ethers";

import { Failure } from "../failure.ts";
import {
  aggregate,
  dataTreeOf,
  initialState,
  parseState,
  stateLine,
  type AggregateStateJson,
  type Aggregation,
  type VerifiedReading,
} from "../protocol/aggregate.ts";
import type { DeviceProof, EpochDetail } from "../protocol/api.ts";
import type { Hex } from "../protocol/bytes.ts";
import { deviceLeafHash, leafHashes, leafHex, readingLeafHash } from "../protocol/leaf.ts";
import { unpackMeter } from "../protocol/meter.ts";
import { readingOfBody } from "../protocol/packed.ts";
import { readingJson } from "../protocol/reading.ts";
import { proofOf, rootOf } from "../protocol/tree.ts";
import { E4 } from "../protocol/units.ts";
import type { View } from "./events.ts";
import type { ReportArgs } from "./readmodelEpochs.ts";

// The readings behind a report and the proofs into it. They come from what the oracles keep, so nothing of it is served
// before it makes the two roots that are on-chain.

/** The readings that a report was made from, checked against its roots. */
export interface Evidence {
  readonly readings: readonly VerifiedReading[];
  readonly aggregation: Aggregation;
  /** JSON as ReadingSetSchema says, in the one form that its hash is of. */
  readonly file: Buffer;
  readonly fileHash: Hex;
}

/** Finds the readings behind a report; undefined when none are kept here. Throws when those kept do not make it. */
export async function evidenceOf({ db }: View, args: ReportArgs): Promise<Evidence | undefined> {
  const epoch = BigInt(args.epoch);
  const { rows: kept } = await db.query<{ oracleId: number; body: string; readingHash: Hex; signature: Hex }>(
    `select oracle_id "oracleId", body, reading_hash "readingHash", signature from readings
     where epoch = $1 order by oracle_id, place`,
    [epoch],
  );
  if (kept.length === 0 && args.devicesReportingCount !== "0") return undefined;
  for (const oracleId of kept.length === 0 ? [0] : new Set(kept.map((row) => row.oracleId))) {
    const own = kept
      .filter((row) => row.oracleId === oracleId)
      .map(({ body, readingHash, signature }) => ({
        reading: readingOfBody(Buffer.from(body.slice(2), "hex")),
        readingHash,
        signature,
      }));
    const readings = firstOf(own, BigInt(args.devicesReportingCount));
    const aggregation = await withState(db, oracleId, aggregationOf(args, readings));
    if (aggregation.readingsRoot !== args.readingsRoot || aggregation.dataHash !== args.dataHash) continue;
    const inOrder = readings.toSorted((a, b) => (a.reading.nodeId < b.reading.nodeId ? -1 : 1));
    const file = Buffer.from(
      JSON.stringify({
        epoch: args.epoch,
        readings: inOrder.map(({ reading, signature }) => ({ reading: readingJson(reading), signature })),
      }),
    );
    return { readings: inOrder, aggregation, file, fileHash: keccak256(file) as Hex };
  }
  throw new Failure(
    "Epoch_NotReproduced",
    `no oracle's readings of epoch ${args.epoch} make the root ${args.readingsRoot} that is on-chain`,
  );
}

/** The readings that came first, until they have as many devices as the report: what came later is not part of it. */
function firstOf(readings: readonly VerifiedReading[], deviceCount: bigint): VerifiedReading[] {
  let count = 0n;
  const end = readings.findIndex(({ reading }) => {
    count += BigInt(reading.devices.length);
    return count > deviceCount;
  });
  return end === -1 ? [...readings] : readings.slice(0, end);
}

/** The data tree with the state that the oracle kept with its report; the neutral site of `aggregationOf` gives none. */
async function withState(db: View["db"], oracleId: number, aggregation: Aggregation): Promise<Aggregation> {
  const { epoch, readingLeaves } = aggregation;
  const { rows } = await db.query<{ carry: AggregateStateJson }>(
    "select carry from reports where oracle_id = $1 and epoch = $2",
    [oracleId, epoch],
  );
  if (rows[0] === undefined) return aggregation;
  const line = stateLine(parseState(rows[0].carry));
  const dataTree = dataTreeOf(epoch, leafHashes(readingLeaves, readingLeafHash), line);
  return { ...aggregation, dataTree, dataHash: rootOf(dataTree) };
}

/** The trees of a report. They do not depend on the meters before nor on the site's factors, so neither is needed. */
function aggregationOf({ epoch, meterWords }: ReportArgs, readings: readonly VerifiedReading[]): Aggregation {
  const site = { overheadE4: E4, pueE4: E4, cfeBps: 0n, gCO2ePerKWh: 0n, waterMlPerKWh: 0n };
  const lots = metersOfWords(meterWords).map((meter) => {
    const { lotId, tdpW } = meter;
    return { lotId, tdpW, gpuCount: unpackMeter(meter).gpuCount, site };
  });
  return aggregate(BigInt(epoch), initialState(BigInt(epoch)), lots, readings);
}

/** What an epoch's page says of its readings. */
export function readingsNote({ file, fileHash, aggregation }: Evidence): EpochDetail["readings"] {
  const { readingsRoot, dataHash, tree } = aggregation;
  return { fileHash, byteCount: String(file.length), leafCount: tree.count, readingsRoot, dataHash };
}

/** A device's leaf and path; undefined when it is not in the report. */
export function proofIn(
  { aggregation, readings }: Evidence,
  deviceId: Hex,
  epoch: { readonly reportHash: string; readonly transactionHash: string },
): DeviceProof | undefined {
  const leaf = aggregation.leaves.find(({ device }) => device.deviceId === deviceId);
  const signed = readings.find(({ reading }) => reading.nodeId === leaf?.nodeId);
  const device = signed && readingJson(signed.reading).devices.find((entry) => entry.deviceId === deviceId);
  if (leaf === undefined || device === undefined) return undefined;
  return {
    leaf: {
      leafIndex: leaf.leafIndex,
      epoch: String(leaf.epoch),
      lotId: String(leaf.lotId),
      nodeId: String(leaf.nodeId),
      sequenceIndex: String(leaf.sequenceIndex),
      device,
    },
    leafHash: leafHex(leaf, deviceLeafHash),
    leafCount: aggregation.tree.count,
    proof: proofOf(aggregation.tree, leaf.leafIndex),
    root: aggregation.readingsRoot,
    reportHash: epoch.reportHash,
    transactionHash: epoch.transactionHash,
  };
}
