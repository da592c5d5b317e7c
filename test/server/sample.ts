import { Readable } from "node:stream";
import { zstdCompressSync } from "node:zlib";
import type { Hex } from "../../server/protocol/bytes.ts";
import { PublicDeploymentSchema, type PublicDeployment } from "../../server/protocol/deployment.ts";
import { DROP_REASONS } from "../../server/protocol/drops.ts";
import type * as api from "../../server/protocol/api.ts";
import type { DeviceProof } from "../../server/protocol/proof.ts";
import type { SignedReadingJson } from "../../server/protocol/reading.ts";
import { expect } from "chai";
import type { InjectOptions } from "fastify";
import { sampleMoney } from "./sampleMoney.ts";
import type { Api } from "../../server/plugins/http.ts";
import type { ReadingReceipt, Sources } from "../../server/sources.ts";
import { sampleAbsence, sampleAudit } from "./sampleAudit.ts";
import { sampleCapital } from "./sampleCapital.ts";

// One small world for the API's tests: a facility, three lots, three epochs.

export const ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
export const HASH: Hex = `0x${"ab".repeat(32)}`;

export const signedReading: SignedReadingJson = {
  reading: {
    version: 1,
    nodeId: "1",
    lotId: "1",
    epoch: "490000",
    sequenceIndex: "0",
    prevReadingHash: HASH,
    periodStartAt: "1764000000",
    periodEndAt: "1764003600",
    itEnergyStartMJ: null,
    itEnergyEndMJ: null,
    drops: Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as SignedReadingJson["reading"]["drops"],
    devices: [
      {
        deviceIndex: 0,
        deviceId: HASH,
        energyStartMJ: "9007199254740993",
        energyEndMJ: "18446744073709551615",
        availableSec: "3600",
        allocatedSec: "3600",
        smActiveMilliSec: "1000",
        curtailedSec: "0",
        workUnits: "0",
        flagsBitmap: 0,
        droppedCount: 0,
      },
    ],
  },
  signature: `0x${"01".repeat(64)}`,
};

const summary: api.Summary = {
  months: 2,
  cash: { received: "10", fees: "1", claimable: "2", claimed: "3", reserve: "4", collections: "0" },
  chainId: "31337",
  blockCount: "100",
  chainTimeAt: "1764000000",
  asset: ADDRESS,
  assetDecimalCount: 6,
  gpuCount: "64",
  lastEpoch: "490002",
  finalEpoch: null,
};

const facility: api.Facility = {
  address: ADDRESS,
  name: "Rackbond One",
  state: "Performing",
  asset: ADDRESS,
  assetSymbol: "USDX",
  assetDecimalCount: 6,
  sponsor: ADDRESS,
  ...{ createdAt: "1763000000", raiseUntilAt: "1763100000", firstPaymentAt: "1764000000" },
  ...{ anticipatedRepaymentAt: null, callableAt: null, escrowAssets: "0", drawnAssets: "1" },
  reserveTargetAssets: "1",
  coverageBps: null,
  relatedPartyBps: 0,
  evidenceClass: 3,
  gpuCount: "64",
  covenants: {
    ...{ trapDscrBps: 13_500, amortiseDscrBps: 12_500, dscrPeriodCount: 3, maxLtvBps: 9_000, minCoverageBps: 9_000 },
    ...{ covenantCureSec: 2_592_000, interestCureSec: 864_000, countries: ["US"] },
  },
  ratchet: [{ maxPueE4: 12_000, marginBps: 25 }],
  collectionsAssets: "0",
  reserveAssets: `1${"0".repeat(77)}`,
  trappedAssets: "0",
  feesPaidAssets: "1",
  dscrBps: 13_500,
  marginBps: 25,
  breaches: [{ trigger: "Coverage", subjectId: "1", openedAt: "1764000000" }],
  paymentCount: 1,
  nextPaymentAt: null,
  classes: [
    {
      classIndex: 0,
      token: ADDRESS,
      name: "Senior <A>",
      symbol: "A",
      kind: "Senior",
      ...{ principalKind: "LevelPay", dayCount: "Thirty360", termMonthCount: 24, targetAssets: "1" },
      ...{ poolFactorWad: "1000000000000000000", interestDueAssets: "0", missedAt: null },
      ...{ interestPaidAssets: "0", principalPaidAssets: "0" },
      ...{ holderCount: 2, largestHolderBps: 6_000, topTenHoldersBps: 10_000 },
      couponBps: 950,
      totalShares: "1",
      outstandingAssets: "1",
      owedAssets: "1",
      claimableAssets: "0",
      claimedAssets: "0",
      lossAssets: "0",
    },
  ],
  lotIds: ["1"],
};

const payment: api.Payment = {
  paymentIndex: "0",
  dueAt: "1764000000",
  steps: [{ stepIndex: 0, kind: "Fee", subjectIndex: 0, dueAssets: "2", paidAssets: "1" }],
  collectionsAssets: "0",
  reserveAssets: "0",
  trappedAssets: "0",
  netAssets: "0",
  serviceAssets: "0",
  transactionHash: HASH,
};

const lot = (lotId: bigint): api.LotDetail => ({
  lotId: String(lotId),
  siteId: "1",
  operator: ADDRESS,
  country: "FI",
  modelId: HASH,
  modelName: "H100",
  gpuCount: 8,
  tdpW: 700,
  costAssets: "1",
  commissionedAt: "1764000000",
  identityRoot: HASH,
  evidenceClass: 2,
  levels: [
    { level: 1, expiresAt: "1900000000" },
    { level: 2, expiresAt: "1900000000" },
  ],
  isFrozen: false,
  isRetired: false,
  lienHolder: null,
  leaseId: "1",
});

const meter: api.LotMeterRecord["meter"] = {
  gpuCount: 8,
  reportingCount: 8,
  availableGpuSec: "1",
  allocatedGpuSec: "1",
  smActiveGpuSec: "1",
  gpuEnergyWh: "18446744073709551615",
  itEnergyWh: "1",
  facilityEnergyWh: "1",
  cfeMatchedWh: "1",
  waterMl: "1",
  emissionsGCO2e: "1",
  curtailedGpuSec: "0",
  workUnits: "0",
};

const meterRecord = (number: bigint): api.LotMeterRecord => ({
  epoch: String(number),
  state: "Final",
  meter,
  ratios: {
    allocationBps: 10_000,
    smActiveBps: 5000,
    pueE4: 12_000,
    gpuHoursPerMWh: "900",
    cfeBps: 0,
    gCO2ePerKWh: "100",
    coverageBps: 10_000,
  },
});

const epoch = (number: bigint): api.Epoch => ({
  epoch: String(number),
  state: "Final",
  reportHash: HASH,
  submittedAt: "1764000000",
  transactionHash: HASH,
  devicesRegisteredCount: "8",
  devicesReportingCount: "8",
});

const proof: DeviceProof = {
  leaf: {
    leafIndex: 0,
    epoch: "490001",
    lotId: "1",
    nodeId: "1",
    sequenceIndex: "0",
    device: signedReading.reading.devices[0]!,
  },
  leafHash: HASH,
  leafCount: 8,
  proof: [HASH],
  root: HASH,
  reportHash: HASH,
  transactionHash: HASH,
  signed: { ...signedReading, leafIndex: 0, leafCount: 2, proof: [HASH], dataHash: HASH },
};

/** The text of a published file. */
export const FILE_TEXT = `${JSON.stringify(signedReading)}\n`.repeat(100);

const sampleDeployment: PublicDeployment = {
  ...{ id: "00000000-0000-4000-8000-000000000000", chainId: 31_337, startBlock: 1 },
  addresses: Object.fromEntries(
    Object.keys(PublicDeploymentSchema.properties.addresses.properties).map((name) => [name, ADDRESS]),
  ) as unknown as PublicDeployment["addresses"],
  ...{ facilities: [], indexFeeds: [] },
};

const EPOCHS = [490_002n, 490_001n, 490_000n];
const LOTS = [1n, 2n, 3n];

/** Sources that serve the sample; a test replaces what it is about. */
export function sampleSources(replaced: Partial<Sources> = {}): Sources {
  const known = (address: string) => address === ADDRESS;
  const stored = zstdCompressSync(FILE_TEXT);
  const give = <T>(value: T) => Promise.resolve(value);
  return {
    ...sampleAudit(ADDRESS, HASH),
    head: () => give({ number: 99n, hash: HASH }),
    chainId: () => 31_337,
    happenings: () => give({ head: { number: 99n, hash: HASH }, isContinued: true, items: [] }),
    standing: () =>
      give({
        ...{ headBlock: 99n, headAt: 1_764_000_000n, lastEpoch: 490_002n, finalEpoch: 490_001n },
        ...{ eventCount: 7n, isCurrent: true, rollbackCount: 0 },
      }),
    deployment: () => sampleDeployment,
    rolesOf: () => give([]),
    takesSignature: () => give(false),
    ready: () => give({ status: "ready", blockCount: "100", lastEpoch: null, chainId: "31337" }),
    summary: () => give(summary),
    facilities: ({ after }) => give(after === undefined ? [facility] : []),
    facility: (address) => give(known(address) ? facility : undefined),
    payments: (address) => give(known(address) ? [payment] : undefined),
    lots: ({ after = 0n, limit }) =>
      give(
        LOTS.filter((lotId) => lotId > after)
          .slice(0, limit)
          .map(lot),
      ),
    lot: (lotId) => give(LOTS.includes(lotId) ? lot(lotId) : undefined),
    meters: (lotId, { fromEpoch, toEpoch, limit }) => {
      if (!LOTS.includes(lotId)) return give(undefined);
      const range = EPOCHS.toReversed().filter((number) => number >= fromEpoch && number <= toEpoch);
      return give(range.slice(0, limit).map(meterRecord));
    },
    ...sampleMoney(),
    epochs: ({ before, limit }) =>
      give(
        EPOCHS.filter((number) => before === undefined || number < before)
          .slice(0, limit)
          .map(epoch),
      ),
    epoch: (number) =>
      give(EPOCHS.includes(number) ? { ...epoch(number), report: null, signatures: [], readings: null } : undefined),
    file: (kind, hash) =>
      give(
        kind === "readings" && hash === HASH
          ? {
              storedByteCount: stored.length,
              stored: () => Readable.from([stored]),
              plain: () => Readable.from([Buffer.from(FILE_TEXT)]),
            }
          : undefined,
      ),
    deviceProof: (number, deviceId) => give(number === 490_001n && deviceId === HASH ? proof : undefined),
    absenceProof: (number, lotId) => give(number === 490_001n && lotId === 1n ? sampleAbsence(proof, HASH) : undefined),
    lotProof: (number) => give(number === 490_001n ? ["{}", JSON.stringify(proof.leaf)] : undefined),
    capital: sampleCapital(),
    submitReading: ({ reading }) => give(receipt("inserted", reading.epoch, reading.nodeId)),
    ...replaced,
  };
}

/** What a source says of a submitted reading. */
export function receipt(outcome: ReadingReceipt["outcome"], epoch: string, nodeId: string): ReadingReceipt {
  return { outcome, epoch: BigInt(epoch), nodeId: BigInt(nodeId), readingHash: HASH };
}

/** The status and code of a refused request, after checking that it is a whole problem and gives nothing away. */
export async function refusalOf(app: Api, request: InjectOptions | string): Promise<string> {
  const answer = await app.inject(request);
  const problem = answer.json<api.Problem>();
  expect(answer.headers["content-type"]).to.match(/^application\/problem\+json/);
  expect(problem).to.include({ status: answer.statusCode, type: `urn:rackbond:problem:${problem.code}` });
  expect(problem.requestId).to.equal(answer.headers["x-request-id"]);
  expect(problem.title).to.be.a("string").and.not.equal("");
  expect(answer.body).not.to.match(/node_modules|\.ts:\d|at \w+ \(/);
  return `${answer.statusCode} ${problem.code}`;
}
