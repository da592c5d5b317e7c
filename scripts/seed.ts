import { encodeBytes32String, id, ZeroHash, type JsonRpcProvider, type Wallet } from "ethers";

import { contractsAt, send, sendAppraisal, type Contracts } from "../server/protocol/contracts.ts";
import type { Addresses, Deployment } from "../server/protocol/deployment.ts";
import { identityAnchor, nodeKeyHash } from "../server/protocol/identity.ts";
import { identityRootOf } from "../server/protocol/identityTree.ts";
import type { Hex } from "../server/protocol/bytes.ts";
import { NO_CLAUSES } from "../server/protocol/lease.ts";
import { domainOf, structOf } from "../server/protocol/typed.ts";
import { Gate__factory } from "../types/factories/compliance/Gate__factory.ts";
import { TestStable__factory } from "../types/factories/mocks/TestStable__factory.ts";
import { Leases__factory } from "../types/factories/lease/Leases__factory.ts";
import { nodeKeyOf, type Cast } from "./cast.ts";
import { BONDS, DEAL, MONTH_HOURS } from "./catalogue.ts";
import { LLTV_WAD } from "./deploy.ts";
import { COUNTRY, createdIn, facilitySettings } from "./facility.ts";
import { openFeeds, openPrice } from "./feeds.ts";
import type { FleetLot } from "./fleet.ts";
import { fixDay, modelsOf } from "./quotes.ts";

export interface SeedOptions {
  seed: string;
  provider: JsonRpcProvider;
  addresses: Addresses;
  cast: Cast;
  fleet: FleetLot[];
  /** The chain's time when seeding begins, and when the leases start: midnight UTC. */
  genesisAt: number;
  startAt: number;
  firstPaymentAt: number;
}

/** What the seed created. */
export interface Seeded {
  facilities: Deployment["facilities"];
  indexFeeds: Deployment["indexFeeds"];
  identities: Deployment["identities"];
  costAssets: bigint;
  seniorAssets: bigint;
}

const UNITS_PER_CENT = 10_000n; // of a six-decimal stablecoin
const DAY_SEC = 86_400;
const YEAR_SEC = 365 * DAY_SEC;
/** Curves and ratings are good for so long; their owners renew them before. */
const INPUT_SEC = 400 * DAY_SEC;
/** The vault takes a quarter of the senior class, and keeps a tenth of that beside in cash. */
const [VAULT_PART, CASH_PART] = [4n, 10n];
const EVIDENCE_CLASS = 3; // attested, with an independent power meter
/** H100 residual at the end of year 1 to 5, middle of the ranges on record (V2), in basis points of cost. */
const RESIDUAL_BPS = [10_000, 6_250, 4_250, 3_000, 1_750, 1_250];

/** Registers the fleet, funds the facility, draws on the lots, opens leases and a market: all by the parties themselves. */
export async function seed(options: SeedOptions): Promise<Seeded> {
  const { provider, addresses, cast, fleet, genesisAt } = options;
  const as = (wallet: Wallet) => contractsAt(addresses, wallet.connect(provider));
  const identities = await registerFleet(options, as(cast.operator), as(cast.admin), as(cast.auditor));
  for (const { address } of cast.lessees) await send(as(cast.admin).valuation.rate(address, ratingOf(genesisAt)));

  await postBonds(options, fleet.length);

  const costs = fleet.map(costOf);
  const costAssets = costs.reduce((sum, cost) => sum + cost, 0n);
  const seniorAssets = (costAssets * DEAL.seniorShareBps) / 10_000n;
  await admit(options, as(cast.admin));
  const { facility, classTokens } = await createFacility(options, as(cast.admin), seniorAssets, costAssets);
  const vaultAssets = seniorAssets / VAULT_PART;
  await fillVault(options, facility, classTokens[0] as string, vaultAssets);
  const halfAssets = seniorAssets / 2n;
  await raise(options, facility, [halfAssets, seniorAssets - halfAssets - vaultAssets], costAssets - seniorAssets);

  for (const [index, cost] of costs.entries()) {
    const lotId = index + 1;
    await send(as(cast.operator).registry.offerLien(lotId, facility));
    await send(as(cast.sponsor).facility(facility).draw(lotId, cost));
  }
  await send(as(cast.sponsor).facility(facility).withdraw(cast.sponsor.address));
  await send(as(cast.keeper).facility(facility).startPerforming());
  for (const index of fleet.keys()) await openLease(options, index, facility, as(cast.operator));
  const deployer = cast.admin.connect(provider);
  const prices = [];
  for (const classIndex of classTokens.keys()) prices.push(await openPrice(deployer, addresses, facility, classIndex));
  const [token, oracle] = [classTokens[0] as string, prices[0] as string];
  const market = await openMarket(options, facility, { token, oracle }, as(cast.admin));
  const facilities = [{ address: facility, classTokens, prices, markets: [market] }];
  return { facilities, indexFeeds: await openFeeds(deployer, addresses, fleet), identities, costAssets, seniorAssets };
}

/** What the rating officer says of each lessee, as the leases themselves do. */
function ratingOf(asOfAt: number) {
  return { asOfAt, maxAgeSec: INPUT_SEC, lesseeBucket: DEAL.lesseeBucket };
}

/** What a lot costs: months of its rent at full use. */
function costOf(lot: FleetLot): bigint {
  return monthlyRentOf(lot) * DEAL.paybackMonths;
}

/** A month's rent of a lot at full use, at its model's rate. */
function monthlyRentOf({ model, gpuCount }: FleetLot): bigint {
  return BigInt(gpuCount) * BigInt(model.rateCents) * MONTH_HOURS * UNITS_PER_CENT;
}

async function registerFleet(
  { seed: name, fleet, genesisAt, cast }: SeedOptions,
  operator: Contracts,
  admin: Contracts,
  auditor: Contracts,
): Promise<Deployment["identities"]> {
  for (const { address } of cast.publishers) await send(admin.computeIndex.listPublisher(address, true));
  const dayAt = genesisAt - DAY_SEC;
  await fixDay(admin.computeIndex, cast.publishers, fleet, dayAt);
  for (const model of modelsOf(fleet)) {
    await send(admin.registry.addModel(model.name, model.tdpW));
    await send(admin.valuation.setCurve(id(model.name), genesisAt, INPUT_SEC, dayAt, RESIDUAL_BPS));
  }
  await send(operator.registry.registerSite(COUNTRY, encodeBytes32String("US-ERCOT")));
  const identities: Deployment["identities"] = [];
  let nodeId = 0n;
  for (const lot of fleet) {
    const devices: { name: string; nodeId: string; anchor: Hex; nodeKeyHash: Hex }[] = [];
    await send(
      operator.registry.registerNodes(
        1,
        lot.hosts.map(({ hostname }) => nodeKeyOf(name, hostname)),
      ),
    );
    for (const host of lot.hosts) {
      const { x, y } = nodeKeyOf(name, host.hostname);
      nodeId += 1n;
      const owned = { nodeId: String(nodeId), nodeKeyHash: nodeKeyHash(x, y) };
      for (const gpu of host.gpus) devices.push({ name: gpu.uuid, anchor: identityAnchor(gpu.uuid), ...owned });
    }
    const commissionedAt = genesisAt - 30 * DAY_SEC;
    const root = identityRootOf(devices);
    await send(operator.registry.registerLot(1, id(lot.model.name), lot.gpuCount, costOf(lot), commissionedAt, root));
    const lotId = identities.length + 1;
    await send(auditor.registry.attest(lotId, EVIDENCE_CLASS, genesisAt + 10 * YEAR_SEC, id("inventory")));
    identities.push({ lotId: String(lotId), devices: devices.map(({ name, nodeId }) => ({ name, nodeId })) });
  }
  return identities;
}

/** The operator posts for every lot, and whoever pays for the reports for every oracle. */
async function postBonds(options: SeedOptions, lotCount: number): Promise<void> {
  const { cast, addresses, provider } = options;
  const post = async (wallet: Wallet, bondId: string, assets: bigint) => {
    await fund(options, wallet, addresses.bonds, assets);
    await send(contractsAt(addresses, wallet.connect(provider)).bonds.post(bondId, assets));
  };
  const { bonds } = contractsAt(addresses, provider);
  for (let lotId = 1; lotId <= lotCount; lotId++) {
    await post(cast.operator, await bonds.lotBondId(lotId), await bonds.requiredLotAssets(lotId));
  }
  for (const { address } of cast.oracles) {
    await post(cast.transmitter, await bonds.oracleBondId(address), BONDS.oracleBondAssets);
  }
}

/** The KYC provider signs a credential for every holder to be. */
async function admit({ cast, genesisAt, provider, addresses }: SeedOptions, admin: Contracts): Promise<void> {
  await send(admin.gate.listProvider(cast.kycProvider.address, true));
  const gate = Gate__factory.connect(addresses.gate, provider);
  const domain = domainOf(await gate.eip712Domain());
  const { types } = structOf(Gate__factory.abi, "present", "credential");
  for (const [index, holder] of [...cast.investors, cast.equity, cast.lender, cast.saver].entries()) {
    const credential = {
      holder: holder.address,
      provider: cast.kycProvider.address,
      country: COUNTRY,
      category: 3,
      issuedAt: genesisAt - DAY_SEC + index,
      expiresAt: genesisAt + 10 * YEAR_SEC,
    };
    await send(admin.gate.present(credential, await cast.kycProvider.signTypedData(domain, types, credential)));
  }
}

async function createFacility(
  { cast, addresses, genesisAt, firstPaymentAt }: SeedOptions,
  admin: Contracts,
  seniorAssets: bigint,
  costAssets: bigint,
): Promise<{ facility: string; classTokens: string[] }> {
  const settings = facilitySettings(addresses, cast, {
    ...{ name: "Rackbond One", symbol: "RB1", seniorAssets, costAssets },
    ...{ raiseUntilAt: genesisAt + DAY_SEC, firstPaymentAt },
  });
  return createdIn(await send(admin.facilities.create(settings)));
}

async function raise(options: SeedOptions, facility: string, seniorParts: bigint[], residual: bigint): Promise<void> {
  const { cast } = options;
  const subscribe = async (wallet: Wallet, classIndex: number, assets: bigint) => {
    await fund(options, wallet, facility, assets);
    const own = contractsAt(options.addresses, wallet.connect(options.provider));
    await send(own.facility(facility).subscribe(classIndex, assets));
  };
  for (const [index, part] of seniorParts.entries()) await subscribe(cast.investors[index] as Wallet, 0, part);
  await subscribe(cast.equity, 1, residual);
  await send(contractsAt(options.addresses, cast.keeper.connect(options.provider)).facility(facility).startFunding());
}

/** A saver's deposit goes into the raise by way of the vault; a part stays cash. */
async function fillVault(options: SeedOptions, facility: string, classToken: string, assets: bigint): Promise<void> {
  const { cast, addresses, provider } = options;
  const as = (wallet: Wallet) => contractsAt(addresses, wallet.connect(provider));
  await send(as(cast.admin).vault.list(facility, 0, 2n * assets));
  const paidAssets = assets + assets / CASH_PART;
  await fund(options, cast.saver, addresses.vault, paidAssets);
  await send(as(cast.saver).vault.deposit(paidAssets, cast.saver.address));
  // Before anything is drawn a share is worth what a refund would give.
  await sendAppraisal(as(cast.keeper).valuation, facility, []);
  await send(as(cast.admin).vault.subscribe(classToken, assets));
}

/** Gives a party stablecoins and lets a contract take them. */
export async function fund(
  { provider, addresses }: Pick<SeedOptions, "provider" | "addresses">,
  wallet: Wallet,
  spender: string,
  assets: bigint,
): Promise<void> {
  const coin = TestStable__factory.connect(addresses.asset, wallet.connect(provider));
  await send(coin.mint(wallet.address, assets));
  await send(coin.approve(spender, assets));
}

/** The first lot is let under take-or-pay, a month prepaid; every other one by the metered GPU-hour; a month's deposit each. */
async function openLease(options: SeedOptions, lotIndex: number, facility: string, operator: Contracts): Promise<void> {
  const { cast, fleet, addresses, provider, startAt } = options;
  const lot = fleet[lotIndex] as FleetLot;
  const lessee = cast.lessees[lotIndex] as Wallet;
  const isMetered = lotIndex > 0;
  const rentAssets = monthlyRentOf(lot);
  const terms = {
    lotId: lotIndex + 1,
    lessee: lessee.address,
    payee: facility,
    asset: addresses.asset,
    pricing: isMetered ? 1 : 0,
    startAt,
    periodCount: DEAL.termMonths,
    ...NO_CLAUSES,
    baseRentAssets: isMetered ? 0n : rentAssets,
    gpuHourRateAssets: isMetered ? BigInt(lot.model.rateCents) * UNITS_PER_CENT : 0n,
    payment: { ...DEAL.payment, depositAssets: rentAssets, prepaidMonthCount: isMetered ? 0n : 1n },
    exit: { ...NO_CLAUSES.exit, ...DEAL.exit, terminationFeeAssets: rentAssets },
    lesseeBucket: DEAL.lesseeBucket,
    countries: [COUNTRY],
    sla: DEAL.sla.map((step) => ({ ...step })),
    documentHash: id(`lease of lot ${lotIndex + 1}`),
    salt: ZeroHash,
  };
  const leases = Leases__factory.connect(addresses.leases, provider);
  const { types } = structOf(Leases__factory.abi, "open", "terms");
  const signature = await lessee.signTypedData(domainOf(await leases.eip712Domain()), types, terms);
  await fund(options, lessee, addresses.leases, isMetered ? rentAssets : 2n * rentAssets);
  await send(operator.leases.open(terms, signature));
}

async function openMarket(
  options: SeedOptions,
  facility: string,
  collateral: { token: string; oracle: string },
  admin: Contracts,
): Promise<Deployment["facilities"][number]["markets"][number]> {
  const { cast, addresses, provider } = options;
  const params = {
    loanToken: addresses.asset,
    collateralToken: collateral.token,
    oracle: collateral.oracle,
    irm: addresses.rateModel,
    lltv: LLTV_WAD,
  };
  await send(admin.markets.createMarket(params));
  const [created] = await admin.markets.queryFilter(admin.markets.filters.CreateMarket());
  if (created === undefined) throw new Error("the market was not announced");
  const lent = await contractsAt(addresses, provider).facility(facility).outstandingAssets(0);
  await fund(options, cast.lender, addresses.markets, lent);
  const own = contractsAt(addresses, cast.lender.connect(provider));
  await send(own.markets.supply(params, lent, 0n, cast.lender.address, "0x"));
  return { id: created.args.id, ...params, lltv: String(params.lltv) };
}
