// What the tests of the telemetry share: a deployed pair of registry and telemetry, and the oracles' pen, which fills
// reports in, signs them and keeps the filing that the next one needs.
import { createRequire } from "node:module";
import type { HardhatEthers, HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";
import type { NetworkHelpers } from "@nomicfoundation/hardhat-network-helpers/types";
import type { ContractTransactionResponse } from "ethers";
import {
  AbiCoder,
  Contract,
  ContractFactory,
  Signature,
  TypedDataEncoder,
  Wallet,
  concat,
  id,
  keccak256,
  toBeHex,
} from "ethers";
import { Registry__factory } from "../../types/factories/registry/Registry__factory.ts";
import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import type { Registry } from "../../types/registry/Registry.ts";
import type { Telemetry } from "../../types/telemetry/Telemetry.ts";

export const HOUR_SEC = 3600n;
export const START_AT = "2030-01-01T00:00:00Z";
export const START_EPOCH = BigInt(Date.parse(START_AT)) / 1000n / HOUR_SEC;
export const CHALLENGE_SEC = 24n * HOUR_SEC;
export const MAX_DELAY_SEC = 6n * HOUR_SEC;
export const TDP_W = 700n;
export const GPUS = 8n;

const { abi: managerAbi, bytecode: managerBytecode } = createRequire(import.meta.url)(
  "@openzeppelin/contracts/build/contracts/AccessManager.json",
) as { abi: []; bytecode: string };

const LOT_METER_TYPES = {
  LotMeter: [
    { name: "lotId", type: "uint64" },
    { name: "tdpW", type: "uint32" },
    { name: "timeWord", type: "bytes32" },
    { name: "energyWord", type: "bytes32" },
    { name: "resourceWord", type: "bytes32" },
  ],
};
export const REPORT_TYPES = {
  Report: [
    { name: "configDigest", type: "bytes32" },
    { name: "epoch", type: "uint64" },
    { name: "periodStartAt", type: "uint64" },
    { name: "periodEndAt", type: "uint64" },
    { name: "readingsRoot", type: "bytes32" },
    { name: "prevReportHash", type: "bytes32" },
    { name: "dataHash", type: "bytes32" },
    { name: "methodologyHash", type: "bytes32" },
    { name: "devicesRegisteredCount", type: "uint32" },
    { name: "devicesReportingCount", type: "uint32" },
    { name: "meters", type: "LotMeter[]" },
  ],
  ...LOT_METER_TYPES,
};
export const SKIP_TYPES = {
  Skip: [
    { name: "configDigest", type: "bytes32" },
    { name: "epoch", type: "uint64" },
    { name: "prevReportHash", type: "bytes32" },
    { name: "reasonHash", type: "bytes32" },
  ],
};

/** A lot's counters, unpacked. */
export interface Reading {
  lotId: bigint;
  tdpW: bigint;
  gpuCount: bigint;
  reportingCount: bigint;
  availableGpuSec: bigint;
  allocatedGpuSec: bigint;
  smActiveGpuSec: bigint;
  gpuEnergyWh: bigint;
  itEnergyWh: bigint;
  facilityEnergyWh: bigint;
  cfeMatchedWh: bigint;
  waterMl: bigint;
  emissionsGCO2e: bigint;
  curtailedGpuSec: bigint;
  workUnits: bigint;
}

export interface LotMeter {
  lotId: bigint;
  tdpW: bigint;
  timeWord: string;
  energyWord: string;
  resourceWord: string;
}

export interface Report {
  configDigest: string;
  epoch: bigint;
  periodStartAt: bigint;
  periodEndAt: bigint;
  readingsRoot: string;
  prevReportHash: string;
  dataHash: string;
  methodologyHash: string;
  devicesRegisteredCount: bigint;
  devicesReportingCount: bigint;
  meters: LotMeter[];
}

export interface Skip {
  configDigest: string;
  epoch: bigint;
  prevReportHash: string;
  reasonHash: string;
}

export interface Filing {
  reportHash: string;
  submittedAt: bigint;
  meters: LotMeter[];
}

/** A lot that has reported, with every counter at zero. */
export function idle(lotId: bigint, gpuCount = GPUS): Reading {
  return {
    lotId,
    tdpW: TDP_W,
    gpuCount,
    reportingCount: gpuCount,
    availableGpuSec: 0n,
    allocatedGpuSec: 0n,
    smActiveGpuSec: 0n,
    gpuEnergyWh: 0n,
    itEnergyWh: 0n,
    facilityEnergyWh: 0n,
    cfeMatchedWh: 0n,
    waterMl: 0n,
    emissionsGCO2e: 0n,
    curtailedGpuSec: 0n,
    workUnits: 0n,
  };
}

/** The same lot one ordinary hour later. */
export function hourAfter(reading: Reading): Reading {
  const gpuSec = reading.gpuCount * HOUR_SEC;
  return {
    ...reading,
    availableGpuSec: reading.availableGpuSec + gpuSec,
    allocatedGpuSec: reading.allocatedGpuSec + (gpuSec * 3n) / 4n,
    smActiveGpuSec: reading.smActiveGpuSec + gpuSec / 2n,
    gpuEnergyWh: reading.gpuEnergyWh + reading.gpuCount * 500n,
    itEnergyWh: reading.itEnergyWh + reading.gpuCount * 700n,
    facilityEnergyWh: reading.facilityEnergyWh + reading.gpuCount * 840n,
    cfeMatchedWh: reading.cfeMatchedWh + reading.gpuCount * 420n,
    waterMl: reading.waterMl + reading.gpuCount * 1000n,
    emissionsGCO2e: reading.emissionsGCO2e + reading.gpuCount * 168n,
    workUnits: reading.workUnits + 1n,
  };
}

function word(...fields: [bits: bigint, value: bigint][]): string {
  return toBeHex(
    fields.reduce((packed, [bits, value]) => (packed << bits) | value, 0n),
    32,
  );
}

/** The packing of MeterWords.sol, written a second time on purpose. */
export function pack(reading: Reading): LotMeter {
  const { lotId, tdpW } = reading;
  return {
    lotId,
    tdpW,
    timeWord: word(
      [32n, reading.gpuCount],
      [32n, reading.reportingCount],
      [64n, reading.availableGpuSec],
      [64n, reading.allocatedGpuSec],
      [64n, reading.smActiveGpuSec],
    ),
    energyWord: word(
      [64n, reading.gpuEnergyWh],
      [64n, reading.itEnergyWh],
      [64n, reading.facilityEnergyWh],
      [64n, reading.cfeMatchedWh],
    ),
    resourceWord: word(
      [64n, reading.waterMl],
      [64n, reading.emissionsGCO2e],
      [64n, reading.curtailedGpuSec],
      [64n, reading.workUnits],
    ),
  };
}

/** The word the contract stores for a filing, by the formula in its first chapter. */
export function commitmentOf(filing: Filing): string {
  const coder = AbiCoder.defaultAbiCoder();
  const structHashes = filing.meters.map((meter) => TypedDataEncoder.hashStruct("LotMeter", LOT_METER_TYPES, meter));
  const metersHash = keccak256(concat(structHashes));
  return keccak256(coder.encode(["bytes32", "bytes32", "uint64"], [filing.reportHash, metersHash, filing.submittedAt]));
}

/** The oracles' keys, fixed, in the order the contract wants. */
export function oracleWallets(faulty: number, name = "oracle"): Wallet[] {
  return Array.from({ length: 3 * faulty + 1 }, (_, i) => new Wallet(id(`${name} ${i}`))).sort((a, b) =>
    a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1,
  );
}

/** Registry with one model and one site, telemetry with 3f+1 oracles, the first epoch being START_EPOCH. */
export async function deployTelemetry(ethers: HardhatEthers, faulty: number) {
  const [admin, operator, stranger] = await ethers.getSigners();
  if (!admin || !operator || !stranger) throw new Error("the test network has too few accounts");
  const manager = await new ContractFactory(managerAbi, managerBytecode, admin).deploy(admin.address);
  const registry = await new Registry__factory(admin).deploy(manager);
  const telemetry = await new Telemetry__factory(admin).deploy(
    manager,
    registry,
    START_EPOCH,
    CHALLENGE_SEC,
    MAX_DELAY_SEC,
  );
  await registry.addModel("H100 SXM", TDP_W);
  await registry.connect(operator).registerSite("0x5553", id("ERCOT"));
  const oracles = oracleWallets(faulty);
  await telemetry.setConfig(oracles, faulty);
  return {
    admin,
    operator,
    stranger,
    manager: new Contract(await manager.getAddress(), managerAbi, admin),
    registry,
    telemetry,
    oracles,
  };
}

/** Registers `count` lots of `gpuCount` devices; gives their ids. */
export async function registerLots(registry: Registry, operator: HardhatEthersSigner, count: number, gpuCount = GPUS) {
  const first = (await registry.lotCount()) + 1n;
  for (let i = 0; i < count; ++i) {
    await registry.connect(operator).registerLot(1n, id("H100 SXM"), gpuCount, 10n ** 12n, 1n, id("identity root"));
  }
  return Array.from({ length: count }, (_, i) => first + BigInt(i));
}

/** Where the oracles write: it fills in what the next report must say, and remembers the filing before. */
export class Pen {
  prior: Filing = { reportHash: `0x${"0".repeat(64)}`, submittedAt: 0n, meters: [] };
  epoch = START_EPOCH;
  oracles: Wallet[];
  readonly telemetry: Telemetry;
  readonly time: NetworkHelpers["time"];

  constructor(telemetry: Telemetry, oracles: Wallet[], time: NetworkHelpers["time"]) {
    this.telemetry = telemetry;
    this.oracles = oracles;
    this.time = time;
  }

  /** The report that the contract expects next, with `change` written over it. */
  async report(readings: Reading[], change: Partial<Report> = {}): Promise<Report> {
    const sum = (field: "gpuCount" | "reportingCount") => readings.reduce((total, r) => total + r[field], 0n);
    return {
      configDigest: await this.telemetry.configDigest(),
      epoch: this.epoch,
      periodStartAt: this.epoch * HOUR_SEC,
      periodEndAt: (this.epoch + 1n) * HOUR_SEC,
      readingsRoot: id("readings"),
      prevReportHash: this.prior.reportHash,
      dataHash: id("data"),
      methodologyHash: id("methodology"),
      devicesRegisteredCount: sum("gpuCount"),
      devicesReportingCount: sum("reportingCount"),
      meters: readings.map(pack),
      ...change,
    };
  }

  async notice(reason = "no quorum on the data", change: Partial<Skip> = {}): Promise<Skip> {
    const configDigest = await this.telemetry.configDigest();
    return {
      configDigest,
      epoch: this.epoch,
      prevReportHash: this.prior.reportHash,
      reasonHash: id(reason),
      ...change,
    };
  }

  /** The quorum of the first 2f+1 oracles, as indices. */
  quorum(): number[] {
    return Array.from({ length: ((this.oracles.length - 1) / 3) * 2 + 1 }, (_, i) => i);
  }

  async domain() {
    const { chainId } = await this.telemetry.runner!.provider!.getNetwork();
    return { name: "Rackbond Telemetry", version: "1", chainId, verifyingContract: await this.telemetry.getAddress() };
  }

  /** The 64-byte signatures of the oracles at `by`, in that order, and the bitmap that names them. */
  async sign(statement: Report | Skip, by = this.quorum(), domain?: Awaited<ReturnType<Pen["domain"]>>) {
    const types = "meters" in statement ? REPORT_TYPES : SKIP_TYPES;
    const digest = TypedDataEncoder.hash(domain ?? (await this.domain()), types, statement);
    const parts = by.map((i) => this.oracles[i]!.signingKey.sign(digest).compactSerialized.slice(2));
    return { bitmap: by.reduce((bits, i) => bits | (1n << BigInt(i)), 0n), signatures: `0x${parts.join("")}` };
  }

  static hash(statement: Report | Skip): string {
    return "meters" in statement
      ? TypedDataEncoder.hashStruct("Report", REPORT_TYPES, statement)
      : TypedDataEncoder.hashStruct("Skip", SKIP_TYPES, statement);
  }

  /** Sends a statement as it stands, signed by `by`, without noting anything down. */
  async send(statement: Report | Skip, by?: number[]): Promise<ContractTransactionResponse> {
    const { bitmap, signatures } = await this.sign(statement, by);
    return "meters" in statement
      ? this.telemetry.submit(statement, this.prior, bitmap, signatures)
      : this.telemetry.skip(statement, this.prior, bitmap, signatures);
  }

  /** Moves the clock so that the next transaction comes `afterSec` after the end of the next report's hour. */
  async reach(afterSec = 600n): Promise<void> {
    await this.time.setNextBlockTimestamp((this.epoch + 1n) * HOUR_SEC + afterSec);
  }

  /** Files the next report in time. */
  async file(
    readings: Reading[],
  ): Promise<{ report: Report; filing: Filing; epoch: bigint; tx: ContractTransactionResponse }> {
    const report = await this.report(readings);
    await this.reach();
    const tx = await this.send(report);
    return { report, tx, ...(await this.note(report, report.meters, tx)) };
  }

  /** Files a skip of the next epoch in time. */
  async fileSkip(
    reason?: string,
  ): Promise<{ notice: Skip; filing: Filing; epoch: bigint; tx: ContractTransactionResponse }> {
    const notice = await this.notice(reason);
    await this.reach();
    const tx = await this.send(notice);
    return { notice, tx, ...(await this.note(notice, this.prior.meters, tx)) };
  }

  private async note(statement: Report | Skip, meters: LotMeter[], tx: ContractTransactionResponse) {
    const submittedAt = BigInt((await tx.getBlock())!.timestamp);
    this.prior = { reportHash: Pen.hash(statement), submittedAt, meters };
    return { filing: this.prior, epoch: this.epoch++ };
  }
}

/** r, s → the same point of the curve with the other s, in the 64-byte form. */
export function otherS(compact: string): string {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const { r, s, yParity } = Signature.from(compact);
  const high = (order - BigInt(s)) & ((1n << 255n) - 1n);
  return r + toBeHex(high | (BigInt(1 - yParity) << 255n), 32).slice(2);
}
