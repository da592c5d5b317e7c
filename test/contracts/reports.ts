// What the tests of the telemetry share: a deployed pair of registry and telemetry, and the oracles' pen, which fills
// reports in, signs them and keeps the filing that the next one needs.
import { createRequire } from "node:module";
import type { HardhatEthers, HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";
import type { NetworkHelpers } from "@nomicfoundation/hardhat-network-helpers/types";
import type { ContractTransactionResponse, Result } from "ethers";
import { ContractFactory, Signature, Wallet, ZeroHash, id, toBeHex } from "ethers";
import type { Hex } from "../../server/protocol/bytes.ts";
import { type LotMeter, type Meter, emptyMeter, packMeter } from "../../server/protocol/meter.ts";
import * as signed from "../../server/protocol/report.ts";
import {
  type AbiEntry,
  type Domain,
  domainOf,
  structDigest,
  structHash,
  structOf,
} from "../../server/protocol/typed.ts";
import { Registry__factory } from "../../types/factories/registry/Registry__factory.ts";
import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import type { Registry } from "../../types/registry/Registry.ts";
import type { Telemetry } from "../../types/telemetry/Telemetry.ts";

export const HOUR_SEC = 3600n;
export const START_AT = "2030-01-01T00:00:00Z";
export const START_EPOCH = BigInt(Date.parse(START_AT)) / 1000n / HOUR_SEC;
/** When a configuration expires that no test is to outlive. */
export const NEVER_AT = 2n ** 63n;
export const CHALLENGE_SEC = 24n * HOUR_SEC;
export const MAX_DELAY_SEC = 6n * HOUR_SEC;
export const MODEL = "H100 SXM";
export const TDP_W = 700n;
export const GPUS = 8n;
export const ZERO_HASH = ZeroHash as Hex;

const { abi: managerAbi, bytecode: managerBytecode } = createRequire(import.meta.url)(
  "@openzeppelin/contracts/build/contracts/AccessManager.json",
) as { abi: []; bytecode: string };

const abi = Telemetry__factory.abi as unknown as readonly AbiEntry[];
const REPORT = structOf(abi, "submit", "report");
const SKIP = structOf(abi, "skip", "notice");

// As the contract's types want them: with lists that can be written.
export type Report = Omit<signed.Report, "meters"> & { meters: LotMeter[] };
export type Filing = Omit<signed.Filing, "meters"> & { meters: LotMeter[] };

/** A quorum's statement that an epoch will have no report: Telemetry.Skip. */
export interface Skip {
  readonly configDigest: Hex;
  readonly epoch: bigint;
  readonly prevReportHash: Hex;
  readonly reasonHash: Hex;
}

/** One lot's line in a report, unpacked. */
export interface Reading extends Meter {
  readonly lotId: bigint;
  readonly tdpW: bigint;
}

/** A hash that stands for the text. */
export function hashOf(text: string): Hex {
  return id(text) as Hex;
}

/** A lot whose GPUs all report, with every counter at zero. */
export function idle(lotId: bigint, gpuCount = GPUS): Reading {
  return { ...emptyMeter(gpuCount), reportingCount: gpuCount, lotId, tdpW: TDP_W };
}

/** The same lot `hours` ordinary hours later. */
export function later(reading: Reading, hours = 1n): Reading {
  const gpus = reading.gpuCount * hours;
  return {
    ...reading,
    availableGpuSec: reading.availableGpuSec + gpus * HOUR_SEC,
    allocatedGpuSec: reading.allocatedGpuSec + gpus * 2700n,
    smActiveGpuSec: reading.smActiveGpuSec + gpus * 1800n,
    gpuEnergyWh: reading.gpuEnergyWh + gpus * 500n,
    itEnergyWh: reading.itEnergyWh + gpus * 700n,
    facilityEnergyWh: reading.facilityEnergyWh + gpus * 840n,
    cfeMatchedWh: reading.cfeMatchedWh + gpus * 420n,
    waterMl: reading.waterMl + gpus * 1000n,
    emissionsGCO2e: reading.emissionsGCO2e + gpus * 168n,
    workUnits: reading.workUnits + hours,
  };
}

export function pack(reading: Reading) {
  return packMeter(reading.lotId, reading.tdpW, reading);
}

/** The oracles' keys, fixed, in the order the contract wants. */
export function oracleWallets(faulty: number, name = "oracle"): Wallet[] {
  const wallets = Array.from({ length: 3 * faulty + 1 }, (_, i) => new Wallet(id(`${name} ${i}`)));
  return wallets.sort((a, b) => (BigInt(a.address) < BigInt(b.address) ? -1 : 1));
}

/** A registry with one model and one site, with its AccessManager. */
export async function deployRegistry(ethers: HardhatEthers) {
  const [admin, operator, stranger] = (await ethers.getSigners()) as [
    HardhatEthersSigner,
    HardhatEthersSigner,
    HardhatEthersSigner,
  ];
  const manager = await new ContractFactory(managerAbi, managerBytecode, admin).deploy(admin.address);
  const registry = await new Registry__factory(admin).deploy(manager);
  await registry.addModel(MODEL, TDP_W);
  await registry.connect(operator).registerSite("0x5553", id("ERCOT"));
  return { admin, operator, stranger, manager, registry };
}

/** Registry and telemetry, with 3f+1 oracles; the first epoch is START_EPOCH. */
export async function deployTelemetry(ethers: HardhatEthers, faulty: number) {
  const world = await deployRegistry(ethers);
  const telemetry = await new Telemetry__factory(world.admin).deploy(
    world.manager,
    world.registry,
    START_EPOCH,
    CHALLENGE_SEC,
    MAX_DELAY_SEC,
  );
  const oracles = oracleWallets(faulty);
  await telemetry.setConfig(oracles, faulty, NEVER_AT);
  return { ...world, telemetry, oracles };
}

/** Registers `count` lots of `gpuCount` devices at the operator's site. */
export async function registerLots(registry: Registry, operator: HardhatEthersSigner, count: number, gpuCount = GPUS) {
  for (let i = 0; i < count; ++i) {
    await registry.connect(operator).registerLot(1n, id(MODEL), gpuCount, 10n ** 12n, 1n, id("identity root"));
  }
}

function isReport(statement: Report | Skip): statement is Report {
  return "meters" in statement;
}

/** Where the oracles write: it fills in what the next report must say, and remembers the filing before. */
export class Pen {
  prior: Filing = { reportHash: ZERO_HASH, submittedAt: 0n, meters: [] };
  epoch = START_EPOCH;
  oracles: Wallet[];
  readonly telemetry: Telemetry;
  readonly time: NetworkHelpers["time"];

  constructor(telemetry: Telemetry, oracles: Wallet[], time: NetworkHelpers["time"]) {
    this.telemetry = telemetry;
    this.oracles = oracles;
    this.time = time;
  }

  /** hashStruct of a statement, which the next one names. */
  static hash(statement: Report | Skip): Hex {
    return isReport(statement) ? signed.reportHashOf(REPORT, statement) : structHash(SKIP, statement);
  }

  /** The report that the contract expects next, with `change` written over it. */
  async report(readings: readonly Reading[], change: Partial<Report> = {}): Promise<Report> {
    return {
      configDigest: (await this.telemetry.configDigest()) as Hex,
      epoch: this.epoch,
      periodStartAt: this.epoch * HOUR_SEC,
      periodEndAt: (this.epoch + 1n) * HOUR_SEC,
      readingsRoot: hashOf("readings"),
      prevReportHash: this.prior.reportHash,
      dataHash: hashOf("data"),
      methodologyHash: hashOf("methodology"),
      devicesRegisteredCount: readings.reduce((sum, reading) => sum + reading.gpuCount, 0n),
      devicesReportingCount: readings.reduce((sum, reading) => sum + reading.reportingCount, 0n),
      meters: readings.map(pack),
      ...change,
    };
  }

  /** The skip that the contract would take next, with `change` written over it. */
  async notice(reason = "no quorum on the data", change: Partial<Skip> = {}): Promise<Skip> {
    const configDigest = (await this.telemetry.configDigest()) as Hex;
    const { epoch, prior } = this;
    return { configDigest, epoch, prevReportHash: prior.reportHash, reasonHash: hashOf(reason), ...change };
  }

  async domain(): Promise<Domain> {
    const [fields, name, version, chainId, verifyingContract, salt, extensions] = await this.telemetry.eip712Domain();
    return domainOf({ fields, name, version, chainId, verifyingContract, salt, extensions });
  }

  async digest(statement: Report | Skip, change: Domain = {}): Promise<Hex> {
    const domain = { ...(await this.domain()), ...change };
    return isReport(statement)
      ? signed.reportDigestOf(REPORT, domain, statement)
      : structDigest(SKIP, domain, statement);
  }

  /** The first 2f+1 oracles. */
  quorum(): number[] {
    const faulty = (this.oracles.length - 1) / 3;
    return Array.from({ length: 2 * faulty + 1 }, (_, i) => i);
  }

  /** The bitmap that names the oracles at `by`, and their 64-byte signatures in the order given. */
  async sign(statement: Report | Skip, by = this.quorum(), domain: Domain = {}): Promise<[bigint, string]> {
    const digest = await this.digest(statement, domain);
    const parts = by.map((i) => this.oracles[i]!.signingKey.sign(digest).compactSerialized.slice(2));
    return [by.reduce((bits, i) => bits | (1n << BigInt(i)), 0n), `0x${parts.join("")}`];
  }

  /** Sends a statement as it stands, signed by `by`, without noting anything down. */
  async send(statement: Report | Skip, by?: number[]): Promise<ContractTransactionResponse> {
    const [bitmap, signatures] = await this.sign(statement, by);
    return isReport(statement)
      ? this.telemetry.submit(signed.reportCall(statement), signed.filingCall(this.prior), bitmap, signatures)
      : this.telemetry.skip(statement, signed.filingCall(this.prior), bitmap, signatures);
  }

  /** Lets the next transaction come `afterSec` after the end of the hour that is to be reported. */
  async reach(afterSec = 600n): Promise<void> {
    await this.time.setNextBlockTimestamp((this.epoch + 1n) * HOUR_SEC + afterSec);
  }

  /** Files the next report in time. */
  async file(readings: readonly Reading[]) {
    const report = await this.report(readings);
    await this.reach();
    return { report, ...(await this.note(report)) };
  }

  /** Files a skip of the next epoch in time. */
  async fileSkip(reason?: string) {
    const notice = await this.notice(reason);
    await this.reach();
    return { notice, ...(await this.note(notice)) };
  }

  /** Sends a statement and notes it down as the filing that the next one stands on. */
  async note(statement: Report | Skip) {
    const tx = await this.send(statement);
    const submittedAt = BigInt((await tx.getBlock())!.timestamp);
    const meters = isReport(statement) ? statement.meters : this.prior.meters;
    this.prior = { reportHash: Pen.hash(statement), submittedAt, meters };
    return { tx, filing: this.prior, epoch: this.epoch++ };
  }
}

/** A struct that a contract gave, as a plain object. */
export function plain(struct: object): Record<string, bigint> {
  return (struct as Result).toObject() as Record<string, bigint>;
}

/** The same point of the curve with the other s, in the 64-byte form, whose top bit is the parity. */
export function otherS(compact: string): string {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const { r, s, yParity } = Signature.from(compact);
  const high = BigInt.asUintN(255, order - BigInt(s));
  return r + toBeHex(high | (BigInt(1 - yParity) << 255n), 32).slice(2);
}
