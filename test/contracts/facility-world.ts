import { createRequire } from "node:module";
import { network } from "hardhat";
import type { MockCoin } from "../../types/mocks/MockCoin.ts";

// One facility of two classes over test doubles of the registry and the leases, and the verbs that tests repeat.

// As OpenZeppelin built it.
export const accessManager = createRequire(import.meta.url)(
  "@openzeppelin/contracts/build/contracts/AccessManager.json",
) as { abi: string[]; bytecode: string };

export const USD = 1_000_000n;
export const DAY = 86_400;
export const at = (iso: string) => Date.parse(iso.length === 10 ? `${iso}T00:00:00Z` : iso) / 1000;
export const [FEE, INTEREST, RESERVE, PRINCIPAL, RESIDUAL] = [0, 1, 2, 3, 7] as const;
export const [TURBO, TRAP, FEE_EXCESS] = [4, 5, 6] as const;
export const [LEVEL_PAY, SCHEDULED, BALLOON, SEQUENTIAL] = [0, 1, 2, 3] as const;
export const [DSCR, LTV, COVERAGE, COUNTRY, INTEREST_DEFAULT, MATURITY] = [0, 1, 2, 3, 4, 5] as const;
export const [RAISING, FUNDING, PERFORMING] = [0n, 1n, 2n] as const;
export const [CASH_TRAP, EARLY_AMORTISATION, ENFORCEMENT, CLOSED, REFUNDING] = [3n, 4n, 5n, 6n, 7n] as const;
/** The lists of steps. */
export const [PERFORMING_LIST, AMORTISATION_LIST, ENFORCEMENT_LIST] = [0, 1, 2] as const;
export const [SENIOR_CLASS, RESIDUAL_CLASS] = [0, 1] as const;
export const LOT = 7n;

export const START_AT = at("2026-12-01");
export const RAISE_UNTIL_AT = at("2026-12-20");
export const FIRST_PAYMENT_AT = at("2027-01-31");

export const CREDENTIAL = {
  Credential: [
    { name: "holder", type: "address" },
    { name: "provider", type: "address" },
    { name: "country", type: "bytes2" },
    { name: "category", type: "uint8" },
    { name: "issuedAt", type: "uint48" },
    { name: "expiresAt", type: "uint48" },
  ],
};
export const US = "0x5553";
export const FOREVER = 2 ** 40;

export type WorldOptions = {
  decimals?: number;
  plainCoin?: boolean;
  dayCount?: 0 | 1;
  couponBps?: number;
  termMonthCount?: number;
  balloonAssets?: bigint;
  reserveTargetAssets?: bigint;
  firstPaymentAt?: number;
  collectionsBps?: number;
  /// Changes what is agreed before the facility is created.
  change?: (settings: Settings) => Settings;
};

/// What everything of a facility is agreed on, unless a test says otherwise.
function settingsOf(
  options: WorldOptions,
  payee: string,
  places: Record<"asset" | "sponsor" | "leases" | "registry" | "gate" | "appraisal", string>,
) {
  const unit = 10n ** BigInt(options.decimals ?? 6);
  const steps: { kind: number; subjectIndex: number }[] = [
    { kind: FEE, subjectIndex: 0 },
    { kind: INTEREST, subjectIndex: 0 },
    { kind: RESERVE, subjectIndex: 0 },
    { kind: PRINCIPAL, subjectIndex: 0 },
    { kind: RESIDUAL, subjectIndex: 1 },
  ];
  return {
    ...places,
    raiseUntilAt: RAISE_UNTIL_AT,
    firstPaymentAt: options.firstPaymentAt ?? FIRST_PAYMENT_AT,
    anticipatedRepaymentAt: 0,
    callableAt: 0,
    advanceBps: 8000,
    minEvidenceClass: 2,
    reserveTargetAssets: options.reserveTargetAssets ?? 10_000n * unit,
    initialReserveAssets: 0n,
    classes: [
      {
        name: "Test Facility A",
        symbol: "TFA",
        terms: {
          kind: 0,
          principalKind: 0,
          dayCount: options.dayCount ?? 0,
          couponBps: options.couponBps ?? 1200,
          termMonthCount: options.termMonthCount ?? 12,
          callPremiumBps: 0,
          targetAssets: 700_000n * unit,
          minimumAssets: 500_000n * unit,
          balloonAssets: options.balloonAssets ?? 0n,
          scheduledWad: [] as bigint[],
        },
      },
      {
        name: "Test Facility Residual",
        symbol: "TFR",
        terms: {
          kind: 1,
          principalKind: 0,
          dayCount: 0,
          couponBps: 0,
          termMonthCount: 0,
          callPremiumBps: 0,
          targetAssets: 300_000n * unit,
          minimumAssets: 200_000n * unit,
          balloonAssets: 0n,
          scheduledWad: [] as bigint[],
        },
      },
    ],
    fees: [
      {
        payee,
        collectionsBps: options.collectionsBps ?? 0,
        fixedAssets: 500n * unit,
        capAssets: 5_000n * unit,
      },
    ],
    covenants: {
      trapDscrBps: 0,
      amortiseDscrBps: 0,
      dscrPeriodCount: 0,
      maxLtvBps: 0,
      minCoverageBps: 0,
      covenantCureSec: 30 * DAY,
      interestCureSec: 5 * DAY,
      countries: [] as string[],
    },
    ratchet: [] as { maxPueE4: number; marginBps: number }[],
    auction: { startBps: 10_000, floorBps: 5_000, durationSec: 7 * DAY },
    performingSteps: steps.filter(({ kind }) => kind !== RESERVE || options.reserveTargetAssets !== 0n),
    amortisationSteps: steps.filter(({ kind }) => kind !== RESERVE),
    enforcementSteps: steps.filter(({ kind }) => kind !== RESERVE),
  };
}

export type Settings = ReturnType<typeof settingsOf>;

export async function createWorld(options: WorldOptions = {}) {
  const { ethers, networkHelpers } = await network.create();
  const [admin, sponsor, servicer, alice, bob, carol, mallory, provider] = (await ethers.getSigners()) as [
    Signer,
    Signer,
    Signer,
    Signer,
    Signer,
    Signer,
    Signer,
    Signer,
  ];
  await networkHelpers.time.increaseTo(START_AT);

  const { abi, bytecode } = accessManager;
  const manager = await new ethers.ContractFactory(abi, bytecode, admin).deploy(admin.address);
  const gate = await ethers.deployContract("Gate", [await manager.getAddress(), 1]);
  // A plain coin has no habits to set, but all that the verbs below need.
  const asset = (await (options.plainCoin === true
    ? ethers.deployContract("TestStable")
    : ethers.deployContract("MockCoin", [options.decimals ?? 6]))) as MockCoin;
  const pledges = await ethers.deployContract("MockPledges");
  const rent = await ethers.deployContract("MockRent");
  const facilities = await ethers.deployContract("Facilities", [
    await manager.getAddress(),
    await (await deployFacilityCode(ethers)).getAddress(),
    await (await ethers.deployContract("ClassToken")).getAddress(),
  ]);

  await gate.listProvider(provider.address, true);
  const domain = {
    name: "Rackbond Gate",
    version: "1",
    chainId: (await ethers.provider.getNetwork()).chainId,
    verifyingContract: await gate.getAddress(),
  };
  let issuedAt = START_AT - 1_000_000;
  const admit = async (holder: string, expiresAt = FOREVER, country = US) => {
    const credential = { holder, provider: provider.address, country, category: 1, issuedAt: ++issuedAt, expiresAt };
    await gate.present(credential, await provider.signTypedData(domain, CREDENTIAL, credential));
  };
  for (const holder of [alice, bob, carol]) await admit(holder.address);

  const appraisal = await ethers.deployContract("MockAppraisal");
  const unit = 10n ** BigInt(options.decimals ?? 6);
  const standard = settingsOf(options, servicer.address, {
    asset: await asset.getAddress(),
    sponsor: sponsor.address,
    leases: await rent.getAddress(),
    registry: await pledges.getAddress(),
    gate: await gate.getAddress(),
    appraisal: await appraisal.getAddress(),
  });
  const settings = options.change?.(standard) ?? standard;

  const create = async (changed: Partial<Settings> = {}) => {
    const all = { ...settings, ...changed };
    const address = await facilities.create.staticCall(all);
    await facilities.create(all);
    return ethers.getContractAt("Facility", address);
  };
  const facility = await create();
  const senior = await ethers.getContractAt("ClassToken", await facility.classToken(0));
  const residual = await ethers.getContractAt("ClassToken", await facility.classToken(1));
  const target = await facility.getAddress();

  for (const account of [sponsor, alice, bob, carol, mallory]) {
    await asset.mint(account.address, 1_000_000_000n * unit);
    await asset.connect(account).approve(target, ethers.MaxUint256);
    await asset.connect(account).approve(await rent.getAddress(), ethers.MaxUint256);
  }

  /// Alice takes the senior class, Bob the residual.
  const raise = async (seniorAssets = 700_000n * unit, residualAssets = 300_000n * unit) => {
    await facility.connect(alice).subscribe(SENIOR_CLASS, seniorAssets);
    await facility.connect(bob).subscribe(RESIDUAL_CLASS, residualAssets);
  };
  const offerLot = async (lotId = LOT, costAssets = 1_250_000n * unit, evidenceClass = 3) =>
    pledges.setLot(lotId, costAssets, evidenceClass, target);
  /// Funding starts on 31 December, so that the first period is a month by 30/360 and 31 days by actual/360.
  const fund = async (fundedAt = at("2026-12-31")) => {
    await raise();
    await networkHelpers.time.setNextBlockTimestamp(fundedAt);
    await facility.startFunding();
  };
  const perform = async (drawnAssets = 1_000_000n * unit) => {
    await fund();
    await offerLot();
    await facility.connect(sponsor).draw(LOT, drawnAssets);
    await facility.connect(sponsor).startPerforming();
  };
  const payRent = async (assets: bigint) => {
    await rent.connect(mallory).pay(await asset.getAddress(), target, assets);
    await facility.collect();
  };
  const toDate = async (paymentIndex: number) => {
    const dueAt = await facility.paymentAt(paymentIndex);
    if (BigInt(await networkHelpers.time.latest()) < dueAt) await networkHelpers.time.increaseTo(dueAt);
  };

  /// Runs the next payment date on its day and the rent given; returns due and paid of each step, by kind and subject.
  const pay = async (rentAssets: bigint) => {
    await toDate(Number(await facility.paymentCount()));
    if (rentAssets !== 0n) await payRent(rentAssets);
    await facility.distribute();
    const events = await facility.queryFilter(facility.filters.StepPaid(), "latest");
    return new Map(
      events.map(({ args }) => [
        `${args.step.kind}.${args.step.subjectIndex}`,
        { due: args.dueAssets, paid: args.paidAssets },
      ]),
    );
  };

  const accounts = { admin, sponsor, servicer, alice, bob, carol, mallory, provider };
  const contracts = { manager, gate, asset, pledges, rent, appraisal, facilities, facility, senior, residual };
  const verbs = { admit, create, raise, offerLot, fund, perform, payRent, toDate, pay };
  return { ethers, networkHelpers, unit, target, domain, settings, ...accounts, ...contracts, ...verbs };
}

type Ethers = Awaited<ReturnType<typeof network.create>>["ethers"];
type Signer = Awaited<ReturnType<Ethers["getSigners"]>>[number];
export type World = Awaited<ReturnType<typeof createWorld>>;

/// The code of facilities, with the libraries it is linked to.
async function deployFacilityCode(ethers: Ethers) {
  const place = async (name: string, libraries?: Record<string, string>) =>
    (await ethers.deployContract(name, [], { libraries })).getAddress();
  const Raise = await place("Raise");
  const Payments = await place("Payments");
  const Covenants = await place("Covenants");
  const Enforcement = await place("Enforcement", { Payments });
  return ethers.deployContract("Facility", [], { libraries: { Raise, Payments, Covenants, Enforcement } });
}

/// One class token with a mock for its facility: Alice holds 600 shares, Bob 400.
export async function createToken() {
  const world = await createWorld();
  const { ethers, alice, bob, asset, gate, manager } = world;
  const implementation = await ethers.deployContract("ClassToken");
  const issuer = await ethers.deployContract("MockIssuer", [
    await implementation.getAddress(),
    await gate.getAddress(),
    await asset.getAddress(),
    await manager.getAddress(),
  ]);
  const token = await ethers.getContractAt("ClassToken", await issuer.token());
  await issuer.mint(alice.address, 600n);
  await issuer.mint(bob.address, 400n);
  await asset.mint(await issuer.getAddress(), 10n ** 30n);
  return { ...world, implementation, issuer, token };
}
