import { ContractFactory, type Signer } from "ethers";

import { AuditStatements__factory } from "../types/factories/audit/AuditStatements__factory.ts";
import { Bonds__factory } from "../types/factories/bond/Bonds__factory.ts";
import { Disputes__factory } from "../types/factories/bond/Disputes__factory.ts";
import { Faults__factory } from "../types/factories/bond/Faults__factory.ts";
import { Gate__factory } from "../types/factories/compliance/Gate__factory.ts";
import { AdaptiveRate__factory } from "../types/factories/credit/AdaptiveRate__factory.ts";
import { Leverage__factory } from "../types/factories/credit/Leverage.sol/Leverage__factory.ts";
import { Markets__factory } from "../types/factories/credit/Markets__factory.ts";
import { ShareExchange__factory } from "../types/factories/exchange/ShareExchange__factory.ts";
import { ClassToken__factory } from "../types/factories/facility/ClassToken__factory.ts";
import { Facilities__factory } from "../types/factories/facility/Facilities__factory.ts";
import { Covenants__factory } from "../types/factories/facility/Covenants__factory.ts";
import { Enforcement__factory } from "../types/factories/facility/Enforcement__factory.ts";
import { Facility__factory } from "../types/factories/facility/Facility__factory.ts";
import { Payments__factory } from "../types/factories/facility/Payments__factory.ts";
import { Raise__factory } from "../types/factories/facility/Raise__factory.ts";
import { Invoice__factory } from "../types/factories/lease/Invoice__factory.ts";
import { Leases__factory } from "../types/factories/lease/Leases__factory.ts";
import { LeaseTerms__factory } from "../types/factories/lease/LeaseTerms__factory.ts";
import { Authority__factory } from "../types/factories/governance/Authority__factory.ts";
import { TestStable__factory } from "../types/factories/mocks/TestStable__factory.ts";
import { Registry__factory } from "../types/factories/registry/Registry__factory.ts";
import { Telemetry__factory } from "../types/factories/telemetry/Telemetry__factory.ts";
import { ComputeIndex__factory } from "../types/factories/valuation/ComputeIndex__factory.ts";
import { Valuation__factory } from "../types/factories/valuation/Valuation__factory.ts";
import { Holdings__factory } from "../types/factories/vault/Holdings__factory.ts";
import { IncomeVault__factory } from "../types/factories/vault/IncomeVault__factory.ts";
import { INTERFACES, send } from "../server/protocol/contracts.ts";
import type { Addresses } from "../server/protocol/deployment.ts";
import { BONDS, DISPUTES } from "./catalogue.ts";
import { CONTRACT_ROLES, OFFICES, ROLES, roleCalls, type RoleName } from "./governance.ts";
import { governedTargets } from "./handover.ts";

/** What is fixed when the contracts are deployed. */
export interface DeployOptions {
  /** Becomes the access manager's administrator and pays for the deployment. */
  admin: Signer;
  /** May attest lots. */
  auditor: string;
  /** Oracle signers, n = 3f+1. */
  oracles: string[];
  /** The settlement stablecoin; a test token that anyone mints is deployed without it. */
  asset?: string;
  /** Receives fees, and what a slash leaves to nobody else: the admin where it is not given. */
  treasury?: string;
  /** Rules on disputes: the admin where it is not given. */
  arbiter?: string;
  /** The first hour that is reported, in unix hours. */
  startEpoch: bigint;
}

// A report stands open to challenge for a day, and is refused after three: then only a signed skip moves on.
const CHALLENGE_SEC = 24n * 3600n;
const MAX_DELAY_SEC = 72n * 3600n;
// The signatures of a set of oracles are taken for ten years after the first hour; keys are changed long before.
const CONFIG_SEC = 10n * 365n * 24n * 3600n;
// A value is acted on for two days after its oldest input; one that moved by a tenth at once is held for six hours.
const VALUE_LIMITS = { maxAgeSec: 48n * 3600n, maxMoveBps: 1_000n, holdSec: 6n * 3600n };
// Better evidence, smaller haircut: self-reported hardware counts for nothing.
const EVIDENCE_HAIRCUT_BPS = [10_000n, 5_000n, 2_000n, 1_000n, 500n] as const;
// Unpaid rent of rated lessees, by age: not due, to 4, 8, 13 weeks, and older.
const RECEIVABLES_HAIRCUT_BPS = [1_000n, 2_500n, 5_000n, 8_000n, 10_000n] as const;
// Contracted rent is discounted at 4 % a year and a spread, by the lessee's bucket.
const BASE_RATE_BPS = 400n;
const SPREAD_BPS = [100n, 150n, 200n, 300n, 450n, 700n, 1_100n, 2_000n] as const;
// A compute rate: three quotes or more, a fifth of their median apart at most, and half off the last rate at most.
const INDEX_LIMITS = [3n, 2_000n, 5_000n] as const;
// The vault sells at most a hundredth below its exit value, and a day's sales bring at most a half percent of it less.
const VAULT = { name: "Rackbond Income", symbol: "RBI", maxDiscountBps: 100n, maxDailyLossBps: 50n } as const;
const WAD = 10n ** 18n;
/** Liquidation loan-to-value that markets may be created with. */
export const LLTV_WAD = (77n * WAD) / 100n;

/** Deploys every contract, wires the roles and gives the addresses. Facilities are created afterwards, by `seed`. */
export async function deploy(options: DeployOptions): Promise<Addresses> {
  const { admin, oracles, startEpoch } = options;
  const place = async (
    deployment: Promise<{ waitForDeployment(): Promise<unknown>; getAddress(): Promise<string> }>,
  ) => {
    const contract = await deployment;
    await contract.waitForDeployment();
    return await contract.getAddress();
  };
  // A library has no interface of its own: the contract that it is linked to does.
  const placeCode = (bytecode: string) => place(new ContractFactory([], bytecode, admin).deploy());
  const authority = await place(new Authority__factory(admin).deploy(await admin.getAddress()));
  const asset = options.asset ?? (await place(new TestStable__factory(admin).deploy()));
  const registry = await place(new Registry__factory(admin).deploy(authority));
  const telemetry = await place(
    new Telemetry__factory(admin).deploy(authority, registry, startEpoch, CHALLENGE_SEC, MAX_DELAY_SEC),
  );
  const leaseLibraries = {
    "project/contracts/lease/Invoice.sol:Invoice": await placeCode(Invoice__factory.bytecode),
    "project/contracts/lease/LeaseTerms.sol:LeaseTerms": await placeCode(LeaseTerms__factory.bytecode),
  };
  const leases = await place(new Leases__factory(leaseLibraries, admin).deploy(registry, telemetry));
  const payments = await place(new Payments__factory(admin).deploy());
  const libraries = {
    "project/contracts/facility/Raise.sol:Raise": await place(new Raise__factory(admin).deploy()),
    "project/contracts/facility/Payments.sol:Payments": payments,
    "project/contracts/facility/Covenants.sol:Covenants": await place(new Covenants__factory(admin).deploy()),
    "project/contracts/facility/Enforcement.sol:Enforcement": await place(
      new Enforcement__factory({ "project/contracts/facility/Payments.sol:Payments": payments }, admin).deploy(),
    ),
  };
  const facilityCode = await place(new Facility__factory(libraries, admin).deploy());
  const classTokenCode = await place(new ClassToken__factory(admin).deploy());
  const facilities = await place(new Facilities__factory(admin).deploy(authority, facilityCode, classTokenCode));
  const gate = await place(new Gate__factory(admin).deploy(authority, 1n));
  const computeIndex = await place(new ComputeIndex__factory(admin).deploy(authority, ...INDEX_LIMITS));
  const valuation = await place(
    new Valuation__factory(admin).deploy(authority, registry, telemetry, leases, computeIndex, VALUE_LIMITS),
  );
  const markets = await place(new Markets__factory(admin).deploy(authority));
  const rateModel = await place(new AdaptiveRate__factory(admin).deploy(markets));
  const treasury = options.treasury ?? (await admin.getAddress());
  const bonds = await place(
    new Bonds__factory(admin).deploy(authority, { ...{ asset, registry, telemetry, treasury }, ...BONDS }),
  );
  const faults = await place(new Faults__factory(admin).deploy(telemetry, registry, bonds));
  const disputes = await place(
    new Disputes__factory(admin).deploy(authority, { ...{ asset, registry, telemetry, bonds }, ...DISPUTES }),
  );
  const exchange = await place(new ShareExchange__factory(admin).deploy(authority, valuation, treasury));
  const leverage = await place(new Leverage__factory(admin).deploy(markets, exchange));
  const vaultLibraries = {
    "project/contracts/vault/Holdings.sol:Holdings": await placeCode(Holdings__factory.bytecode),
  };
  const vault = await place(
    new IncomeVault__factory(vaultLibraries, admin).deploy(authority, { ...VAULT, asset, gate, valuation, exchange }),
  );
  const statements = await place(new AuditStatements__factory(admin).deploy(authority, ROLES.AUDITOR.roleId));

  const addresses: Addresses = {
    authority,
    asset,
    registry,
    telemetry,
    leases,
    facilities,
    gate,
    valuation,
    computeIndex,
    rateModel,
    markets,
    bonds,
    faults,
    disputes,
    exchange,
    leverage,
    vault,
    statements,
  };
  await assignRoles(addresses, options);
  const sorted = [...oracles].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  await send(
    Telemetry__factory.connect(telemetry, admin).setConfig(
      ...([sorted, BigInt(Math.floor((sorted.length - 1) / 3)), options.startEpoch * 3600n + CONFIG_SEC] as const),
    ),
  );
  const values = Valuation__factory.connect(valuation, admin);
  await send(values.setHaircuts([...EVIDENCE_HAIRCUT_BPS], [...RECEIVABLES_HAIRCUT_BPS]));
  await send(values.setDiscount(BASE_RATE_BPS, [...SPREAD_BPS]));
  await send(Markets__factory.connect(markets, admin).enableIrm(rateModel));
  await send(Markets__factory.connect(markets, admin).enableLltv(LLTV_WAD));
  for (const holder of [markets, leverage, vault])
    await send(Gate__factory.connect(gate, admin).listHolder(holder, true));

  return addresses;
}

/** Every restricted function gets its role, and the deployer every office, without delay: until the hand-over. */
async function assignRoles(addresses: Addresses, { admin, auditor, arbiter }: DeployOptions): Promise<void> {
  const own = await admin.getAddress();
  const { authority } = INTERFACES;
  const grant = (role: RoleName, account: string) =>
    authority.encodeFunctionData("grantRole", [ROLES[role].roleId, account, 0]);
  const labels = Object.entries(ROLES).filter(([, { roleId }]) => roleId !== ROLES.ADMIN.roleId);
  await send(
    Authority__factory.connect(addresses.authority, admin).multicall([
      ...labels.map(([role, { roleId }]) => authority.encodeFunctionData("labelRole", [roleId, role])),
      ...governedTargets({ addresses, facilities: [] }).flatMap(({ contract, target }) => roleCalls(contract, target)),
      ...OFFICES.map((office) => grant(office, own)),
      ...Object.entries(CONTRACT_ROLES).flatMap(([role, holders]) =>
        holders.map((holder) => grant(role as RoleName, addresses[holder])),
      ),
      grant("AUDITOR", auditor),
      ...(arbiter === undefined ? [] : [grant("ARBITER", arbiter)]),
    ]),
  );
}
