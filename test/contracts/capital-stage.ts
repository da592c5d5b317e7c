import { id, toBeHex, type Signer as EthersSigner } from "ethers";
import { network } from "hardhat";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import {
  accessManager,
  at,
  CREDENTIAL,
  FEE,
  FEE_EXCESS,
  FOREVER,
  INTEREST,
  PRINCIPAL,
  RESIDUAL,
  TRAP,
  US,
} from "./facility-world.ts";
import { deployLeases, domainOf, TERMS_TYPES, type Terms } from "./leasesStage.ts";
import { deployRegistry, MODEL } from "./reports.ts";
import { deployIndex, deployValuation, POINTS_BPS, type Ethers, type Signer } from "./capital-values.ts";

// Two facilities with everything that is built on their classes, all of it the real contracts. Stand-ins: the telemetry
// (hours that a test says were reported; it meters nothing, which is enough for take-or-pay rent) and the settlement
// token, a coin with habits to switch on.

export const UNIT = 1_000_000n;
export const HOUR = 3_600;
export const DAY = 86_400;
/** The classes of the first facility; the second one has a senior and a residual. */
export const [A, B, R] = [0, 1, 2] as const;
export const COMMISSIONED_AT = at("2026-12-01");
export const FUNDED_AT = at("2026-12-31");
export const RENT = 40_000n * UNIT;
export const COSTS = [750_000n, 500_000n, 625_000n].map((cost) => cost * UNIT);
export const PARTS = [
  [600_000n, 200_000n, 200_000n],
  [400_000n, 100_000n],
].map((parts) => parts.map((part) => part * UNIT));

const steps = (...pairs: [number, number][]) => pairs.map(([kind, subjectIndex]) => ({ kind, subjectIndex }));
const classOf = (symbol: string, kind: 0 | 1, targetAssets: bigint, couponBps: number) => ({
  ...{ name: symbol, symbol },
  terms: {
    ...{ kind, principalKind: 0, dayCount: 1, couponBps, termMonthCount: kind === 0 ? 24 : 0, callPremiumBps: 0 },
    ...{ targetAssets, minimumAssets: targetAssets, balloonAssets: 0n, scheduledWad: [] as bigint[] },
  },
});

/** Facilities, classes, gate, registry, leases and values, performing since the last day of 2026. */
export async function capitalStage() {
  const { ethers, networkHelpers } = await network.create({
    override: {
      initialDate: "2026-12-01T00:00:00Z",
      allowBlocksWithSameTimestamp: true,
      gas: 15_000_000,
      blockGasLimit: 4_000_000_000,
    },
  });
  const signers = await ethers.getSigners();
  const names = [
    "admin",
    "sponsor",
    "servicer",
    "alice",
    "bob",
    "carol",
    "dave",
    "erin",
    "mallory",
    "provider",
  ] as const;
  const people = Object.fromEntries(names.map((name, i) => [name, signers[i]!])) as Record<
    (typeof names)[number],
    Signer
  >;
  const { admin, sponsor, servicer, alice, bob, carol, dave, erin, mallory, provider } = people;
  const manager = await new ethers.ContractFactory(accessManager.abi, accessManager.bytecode, admin).deploy(
    admin.address,
  );
  const authority = await manager.getAddress();
  const gate = await ethers.deployContract("Gate", [authority, 1]);
  const asset = await ethers.deployContract("MockCoin", [6]);
  const { registry } = await deployRegistry(ethers);
  const meters = await ethers.deployContract("MockSeams", [asset]);
  const leases = await deployLeases(registry, meters, ethers);

  await gate.listProvider(provider.address, true);
  let issuedAt = at("2026-11-01");
  const admit = async (holder: string, expiresAt = FOREVER, place = gate) => {
    const domain = {
      ...{ name: "Rackbond Gate", version: "1", chainId: (await ethers.provider.getNetwork()).chainId },
      verifyingContract: await place.getAddress(),
    };
    const credential = {
      ...{ holder, provider: provider.address, country: US, category: 1 },
      ...{ issuedAt: ++issuedAt, expiresAt },
    };
    await place.present(credential, await provider.signTypedData(domain, CREDENTIAL, credential));
  };
  const holders = [alice, bob, carol, dave, erin];
  for (const holder of holders) await admit(holder.address);

  for (const cost of COSTS)
    await registry.connect(sponsor).registerLot(1, id(MODEL), 8, cost, COMMISSIONED_AT, id("identity root"));
  for (const [i] of COSTS.entries()) await registry.attest(i + 1, 3, 2n ** 40n, id("report"));

  const { index, fix } = await deployIndex(ethers, authority, signers.slice(10, 13));
  const valuation = await deployValuation(ethers, { authority, registry, telemetry: meters, leases, index });

  const today = await networkHelpers.time.latest();
  const referenceDayAt = today - (today % DAY) - DAY;
  await fix(referenceDayAt, [200, 200, 200]);
  await valuation.setCurve(id(MODEL), today, 400 * DAY, referenceDayAt, POINTS_BPS);

  const libraries = await facilityLibraries(ethers);
  const facilities = await ethers.deployContract("Facilities", [
    authority,
    await ethers.deployContract("Facility", [], { libraries }),
    await ethers.deployContract("ClassToken"),
  ]);
  const common = {
    ...{ asset: await asset.getAddress(), sponsor: sponsor.address, leases: await leases.getAddress() },
    ...{ registry: await registry.getAddress(), gate: await gate.getAddress() },
    ...{ appraisal: await valuation.getAddress(), raiseUntilAt: at("2026-12-20"), firstPaymentAt: at("2027-01-31") },
    ...{ anticipatedRepaymentAt: 0, callableAt: 0, advanceBps: 8_000, minEvidenceClass: 2 },
    ...{ reserveTargetAssets: 0n, initialReserveAssets: 0n },
    fees: [{ payee: servicer.address, collectionsBps: 100, fixedAssets: 500n * UNIT, capAssets: 5_000n * UNIT }],
    covenants: {
      ...{ trapDscrBps: 0, amortiseDscrBps: 0, dscrPeriodCount: 0, maxLtvBps: 9_000, minCoverageBps: 0 },
      ...{ covenantCureSec: 30 * DAY, interestCureSec: 5 * DAY, countries: [] as string[] },
    },
    ratchet: [],
    auction: { startBps: 8_000, floorBps: 5_000, durationSec: 7 * DAY },
  };
  const asset_ = asset; // what everybody pays in
  const create = async (classes: ReturnType<typeof classOf>[]) => {
    const last = classes.length - 1;
    const seniors = classes.slice(0, -1).map((_, i) => i);
    const paid = [
      ...seniors.map((i): [number, number] => [INTEREST, i]),
      ...seniors.map((i): [number, number] => [PRINCIPAL, i]),
    ];
    const strict = seniors.flatMap((i): [number, number][] => [
      [INTEREST, i],
      [PRINCIPAL, i],
    ]);
    const settings = {
      ...{ ...common, classes },
      performingSteps: steps([FEE, 0], ...paid, [FEE_EXCESS, 0], [TRAP, 0], [RESIDUAL, last]),
      amortisationSteps: steps([FEE, 0], ...paid, [FEE_EXCESS, 0], [RESIDUAL, last]),
      enforcementSteps: steps([FEE, 0], ...strict, [FEE_EXCESS, 0], [RESIDUAL, last]),
    };
    const address = await facilities.create.staticCall(settings);
    await facilities.create(settings);
    const facility = await ethers.getContractAt("Facility", address);
    const tokens = await Promise.all(
      classes.map(async (_, i) => ethers.getContractAt("ClassToken", await facility.classToken(i))),
    );
    return { facility, tokens };
  };
  const deals = [
    await create([
      classOf("F1A", 0, PARTS[0]![0]!, 1_000),
      classOf("F1B", 0, PARTS[0]![1]!, 1_400),
      classOf("F1R", 1, PARTS[0]![2]!, 0),
    ]),
    await create([classOf("F2A", 0, PARTS[1]![0]!, 1_200), classOf("F2R", 1, PARTS[1]![1]!, 0)]),
  ];
  const [deal1, deal2] = deals as [(typeof deals)[0], (typeof deals)[0]];
  const lotIds = [[1n, 2n], [3n]];

  for (const account of [...holders, sponsor, mallory, servicer]) {
    await asset.mint(account.address, 100_000_000n * UNIT);
    for (const spender of [deal1.facility, deal2.facility, leases]) {
      await asset_.connect(account).approve(spender, ethers.MaxUint256);
    }
  }
  /** Alice and Bob share the seniors, Carol has the mezzanine, Dave the residuals. */
  for (const [deal, { facility }] of deals.entries()) {
    const owners = deal === 0 ? [alice, carol, dave] : [alice, dave];
    for (const [i, part] of PARTS[deal]!.entries()) {
      if (i > 0) await facility.connect(owners[i]).subscribe(i, part);
      else for (const owner of [alice, bob]) await facility.connect(owner).subscribe(0, part / 2n);
    }
  }
  await networkHelpers.time.increaseTo(FUNDED_AT);
  for (const [deal, { facility }] of deals.entries()) {
    await facility.startFunding();
    for (const lotId of lotIds[deal]!) {
      await registry.connect(sponsor).offerLien(lotId, facility);
      await facility.connect(sponsor).draw(lotId, (COSTS[Number(lotId) - 1]! * 8n) / 10n);
    }
    await facility.connect(sponsor).startPerforming();
  }

  /** A take-or-pay lease on a lot, signed by its lessee and opened. */
  const openLease = async (lotId: bigint, lessee: EthersSigner, changed: Partial<Terms> = {}): Promise<bigint> => {
    const now = await networkHelpers.time.latest();
    const deal = lotIds.findIndex((ids) => ids.includes(lotId));
    const terms = {
      ...NO_CLAUSES,
      ...{ lotId, lessee: await lessee.getAddress(), payee: await deals[deal]!.facility.getAddress() },
      ...{ asset: await asset.getAddress(), startAt: now - (now % DAY) + DAY, periodCount: 12 },
      ...{ pricing: 0, baseRentAssets: RENT, gpuHourRateAssets: 0n },
      payment: { ...NO_CLAUSES.payment, dueSec: BigInt(10 * DAY), cureSec: BigInt(5 * DAY) },
      ...{ documentHash: id("contract"), salt: toBeHex(now, 32) },
      ...changed,
    };
    const signature = await lessee.signTypedData(await domainOf(leases), TERMS_TYPES, terms);
    const { open } = leases.connect(sponsor);
    const leaseId = await open.staticCall(terms, signature);
    await open(terms, signature);
    return leaseId;
  };
  /** Telemetry up to the last full hour, and a new appraisal of both facilities. */
  const report = async () => meters.setReportedUntil(Math.floor((await networkHelpers.time.latest()) / HOUR) * HOUR);
  const appraise = async () => {
    await report();
    for (const [deal, { facility }] of deals.entries()) await valuation.appraise(facility, lotIds[deal]!);
  };

  /** Fixes yesterday's rate, and rates a lessee from now on. */
  const fixYesterday = async (...cents: number[]) => {
    const now = await networkHelpers.time.latest();
    return fix(now - (now % DAY) - DAY, cents.length === 1 ? [cents[0]!, cents[0]!, cents[0]!] : cents);
  };
  const rate = async (lessee: string, lesseeBucket = 1, maxAgeSec = 300 * DAY) =>
    valuation.rate(lessee, { asOfAt: await networkHelpers.time.latest(), maxAgeSec, lesseeBucket });

  const contracts = { manager, authority, gate, asset, registry, meters, leases, facilities, index, valuation };
  const verbs = { admit, openLease, report, appraise, fix, fixYesterday, rate };
  return { ethers, networkHelpers, signers, ...people, holders, ...contracts, deals, deal1, deal2, lotIds, ...verbs };
}

export type CapitalStage = Awaited<ReturnType<typeof capitalStage>>;

async function facilityLibraries(ethers: Ethers): Promise<Record<string, string>> {
  const place = async (name: string, libraries?: Record<string, string>) =>
    (await ethers.deployContract(name, [], { libraries })).getAddress();
  const Payments = await place("Payments");
  return {
    ...{ Payments, Raise: await place("Raise"), Covenants: await place("Covenants") },
    Enforcement: await place("Enforcement", { Payments }),
  };
}
