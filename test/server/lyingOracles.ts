import { generateKeyPairSync } from "node:crypto";
import { Wallet, concat, toBeHex } from "ethers";

import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import { isSignedBy, keyOf, pointOf, signReading } from "../../server/nodekey.ts";
import { aggregate, initialState, type Aggregation, type VerifiedReading } from "../../server/protocol/aggregate.ts";
import { startAudit } from "../../server/protocol/audit.ts";
import { telemetryHistory, type Difference, type FiledCall } from "../../server/protocol/auditHistory.ts";
import { ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { noDrops } from "../../server/protocol/drops.ts";
import { identityAnchor, nodeKeyHash } from "../../server/protocol/identity.ts";
import { identityLines, namedIdentityRoot } from "../../server/protocol/identityTree.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { unpackMeter, type LotMeter } from "../../server/protocol/meter.ts";
import { methodologyText } from "../../server/protocol/methodology.ts";
import { readingSetLines } from "../../server/protocol/publication.ts";
import { readingDomain, readingHash, type Reading } from "../../server/protocol/reading.ts";
import { Refusal } from "../../server/protocol/refusal.ts";
import type { ContractEvent } from "../../server/protocol/registryHistory.ts";
import {
  buildReport,
  configDigestOf,
  reportCall,
  reportDigestOf,
  reportHashOf,
  type Report,
} from "../../server/protocol/report.ts";
import { structDigest, structHash, structOf } from "../../server/protocol/typed.ts";
import { epochEndAt, epochStartAt } from "../../server/protocol/units.ts";

// A chain told by its events, with four oracles that sign whatever the test wants: what no contract can see, the audit must.

export const FIRST = 490_000n;
const chainId = 31_337n;
const telemetry = `0x${"42".repeat(20)}`;
const domain = readingDomain(chainId, telemetry);
const names = {
  ...{
    chainId,
    telemetry,
    domain: { name: "Rackbond Telemetry", version: "1", chainId, verifyingContract: telemetry },
  },
  reportStruct: structOf(Telemetry__factory.abi, "submit", "report"),
  skipStruct: structOf(Telemetry__factory.abi, "skip", "notice"),
};
const oracles = [1, 2, 3, 4]
  .map((secret) => new Wallet(toBeHex(secret, 32)))
  .sort((a, b) => (BigInt(a.address) < BigInt(b.address) ? -1 : 1));
const signers = oracles.map(({ address }) => address);
const site = { overheadE4: 12_345n, pueE4: 10_901n, cfeBps: 3_333n, gCO2ePerKWh: 41n, waterMlPerKWh: 333n };
const nodeKeys = [1n, 2n].map(() => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
const boards = (lotId: bigint) => [0, 1].map((place) => `1654422${lotId}0${place}000`);
export const TDP = 700n;

/** What a test may change of the honest course. */
export interface Lies {
  /** Of the readings of an epoch, after they were made and before they are signed over by the oracles. */
  readings?: (epoch: bigint, readings: VerifiedReading[]) => VerifiedReading[];
  /** Of a report, before it is signed. */
  report?: (report: Report, own: Aggregation) => Report;
  call?: (epoch: bigint, call: FiledCall) => FiledCall | undefined;
  events?: (events: ContractEvent[]) => ContractEvent[];
  /** Epochs that are skipped. */
  skip?: readonly bigint[];
  /** How long after an epoch's end it is skipped. */
  skipDelaySec?: bigint;
  /** Where the audit begins. */
  fromEpoch?: bigint;
}

const points = nodeKeys.map((key) => pointOf(key));

/** A node's signed reading; `before` chains it to the one before. */
export function signed(
  epoch: bigint,
  nodeId: bigint,
  before?: VerifiedReading,
  change: Partial<Reading> = {},
): VerifiedReading {
  const ends = before?.reading.devices.map(({ energyEndMJ }) => energyEndMJ) ?? [];
  const reading: Reading = {
    ...{ nodeId, lotId: nodeId, epoch, sequenceIndex: epoch - FIRST, drops: noDrops(), itEnergy: null },
    prevReadingHash: before?.readingHash ?? ZERO_BYTES32,
    ...{ periodStartAt: epochStartAt(epoch), periodEndAt: epochEndAt(epoch) },
    devices: boards(nodeId).map((name, deviceIndex) => ({
      ...{ deviceIndex, deviceId: identityAnchor(name), energyStartMJ: ends[deviceIndex] ?? 0n },
      energyEndMJ: (ends[deviceIndex] ?? 0n) + 1_000_000_007n,
      ...{ availableSec: 3600n, allocatedSec: 1800n, smActiveMilliSec: 1_234_567n, curtailedSec: 0n },
      ...{ workUnits: 7n, flagsBitmap: 0, droppedCount: 0 },
    })),
    ...change,
  };
  const hash = readingHash(domain, reading);
  return { reading, readingHash: hash, signature: signReading(nodeKeys[Number(nodeId) - 1]!, hash) };
}

/** Three epochs of two lots as the oracles tell them, audited. */
export async function auditOf(lies: Lies = {}, maxDifferences = 1): Promise<Difference[]> {
  const files = new Map<string, string[]>();
  const events: ContractEvent[] = [];
  const calls = new Map<Hex, FiledCall>();
  let block = 0n;
  const emit = (contract: "registry" | "telemetry", name: string, args: Record<string, unknown>, blockAt: bigint) => {
    const txHash = keccakText(`transaction ${++block}`);
    events.push({ contract, name, args, block, blockAt, txHash });
    return txHash;
  };
  const registeredAt = epochStartAt(FIRST) - 7200n;
  const keyHashOf = (nodeId: bigint) => nodeKeyHash(points[Number(nodeId) - 1]!.x, points[Number(nodeId) - 1]!.y);
  for (const lotId of [1n, 2n]) {
    const { x: publicX, y: publicY } = points[Number(lotId) - 1]!;
    emit("registry", "NodeRegistered", { nodeId: lotId, siteId: 1n, publicX, publicY }, registeredAt);
    const named = boards(lotId).map((name) => ({ name, nodeId: lotId }));
    const identityRoot = namedIdentityRoot(named, keyHashOf);
    files.set(`identities ${identityRoot}`, [...identityLines(named)]);
    const lot = { gpuCount: 2n, tdpW: TDP, identityRoot };
    emit("registry", "LotRegistered", { lotId, siteId: 1n, lot }, registeredAt);
    emit("registry", "Attested", { lotId, level: 1n, expiresAt: registeredAt + 10_000_000n }, registeredAt);
  }
  const opened = { epoch: FIRST, challengeSec: 86_400n, maxDelaySec: 259_200n };
  emit("telemetry", "Opened", opened, registeredAt);
  const configDigest = configDigestOf(chainId, telemetry, 1n, signers, 1);
  const config = { configDigest, configCount: 1n, signers, faultyCount: 1n, expiresAt: registeredAt + 20_000_000n };
  emit("telemetry", "ConfigSet", config, registeredAt);
  const text = methodologyText({ factors: site, exceptions: new Map() });
  files.set(`methodologies ${keccakText(text)}`, [text]);

  let state = initialState(FIRST);
  let prior: { hash: Hex; meters: LotMeter[] } = { hash: ZERO_BYTES32, meters: [] };
  let before: VerifiedReading[] = [];
  const lots = [1n, 2n].map((lotId) => ({ lotId, gpuCount: 2n, tdpW: TDP, site }));
  for (let epoch = FIRST; epoch < FIRST + 3n; epoch++) {
    const submittedAt = epochEndAt(epoch) + 60n;
    const file = (digest: Hex, value: object) => {
      const signatures = concat(oracles.slice(0, 3).map((one) => one.signingKey.sign(digest).compactSerialized)) as Hex;
      return { value, signerBitmap: 7n, signatures };
    };
    if (lies.skip?.includes(epoch) === true) {
      const notice = { configDigest, epoch, prevReportHash: prior.hash, reasonHash: keccakText("too late") };
      const skipHash = structHash(names.skipStruct, notice);
      const skippedAt = epochEndAt(epoch) + (lies.skipDelaySec ?? opened.maxDelaySec + 1n);
      const args = { epoch, skipHash, submittedAt: skippedAt, signerBitmap: 7n, reasonHash: notice.reasonHash };
      calls.set(
        emit("telemetry", "Skipped", args, skippedAt),
        file(structDigest(names.skipStruct, names.domain, notice), notice),
      );
      prior = { ...prior, hash: skipHash };
      continue;
    }
    const honest = [1n, 2n].map((nodeId) => signed(epoch, nodeId, before[Number(nodeId) - 1]));
    const readings = lies.readings?.(epoch, honest) ?? honest;
    const own = aggregate(epoch, state, lots, readings);
    files.set(`readings ${own.dataHash}`, [...readingSetLines(epoch, own.state, readings)]);
    const told = buildReport(own, configDigest, prior.hash, keccakText(text));
    const report = lies.report?.(told, own) ?? told;
    const reportHash = reportHashOf(names.reportStruct, report);
    const call = file(reportDigestOf(names.reportStruct, names.domain, report), reportCall(report));
    const args = { epoch, reportHash, submittedAt, signerBitmap: 7n, report: reportCall(report) };
    const given = lies.call === undefined ? call : lies.call(epoch, call);
    const txHash = emit("telemetry", "Submitted", args, submittedAt);
    if (given !== undefined) calls.set(txHash, given);
    prior = { hash: reportHash, meters: report.meters };
    before = honest;
    state = own.state;
  }
  const { timeWord, energyWord, resourceWord } = prior.meters[0]!;
  const meter = unpackMeter({ timeWord, energyWord, resourceWord });
  emit("telemetry", "Recorded", { lotId: 1n, epoch: FIRST + 2n, meter }, epochEndAt(FIRST + 2n) + 90_000n);

  const differences: Difference[] = [];
  const onDifference = (difference: Difference) => {
    differences.push(difference);
    if (differences.length >= maxDifferences) throw new Error("enough");
  };
  const seen = lies.events?.(events) ?? events;
  try {
    const ofTelemetry = seen.filter(({ contract }) => contract === "telemetry");
    const { filed } = telemetryHistory(ofTelemetry, names, onDifference);
    const auditor = startAudit({
      ...{ names, domain, onDifference, registryEvents: seen.filter(({ contract }) => contract === "registry") },
      file: async (kind, hash, check) => {
        const lines = files.get(`${kind} ${hash}`);
        if (lines === undefined) throw new Refusal("Audit_NoFile", { found: "none" });
        return await check(
          (async function* () {
            yield* await Promise.resolve(lines);
          })(),
        );
      },
      call: ({ txHash }) => Promise.resolve(calls.get(txHash)),
      isSigned: (node, hash, signature) => isSignedBy(keyOf(node), hash, signature),
    });
    const { fromEpoch = FIRST } = lies;
    await auditor.startAfter(filed.filter(({ epoch }) => epoch < fromEpoch));
    for (const one of filed) if (one.epoch >= fromEpoch) await auditor.audit(one);
  } catch (error) {
    if (!(error instanceof Error) || error.message !== "enough") throw error;
  }
  return differences;
}
