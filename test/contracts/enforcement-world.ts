import type { ContractTransactionResponse, Signer } from "ethers";
import { id, toBeHex } from "ethers";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import { emptyMeter } from "../../server/protocol/meter.ts";
import { MODEL, deployRegistry } from "./reports.ts";
import { FEE, INTEREST, PRINCIPAL, RESIDUAL, type Settings, at, createWorld } from "./facility-world.ts";
import { TERMS_TYPES, type Terms, deployLeases, domainOf } from "./leasesStage.ts";

// A facility of two senior classes over the real registry and the real leases, two lots, and the way into enforcement.

export const [LOT_1, LOT_2] = [1n, 2n] as const;
export const [COST_1, COST_2] = [750_000n, 500_000n] as const;
export const AUCTION = { startBps: 8_000, floorBps: 5_000, durationSec: 7 * 86_400 };
export const RENT = 20_000_000_000n; // a month
export const CURE_SEC = 5 * 86_400;
export const [A, B, R] = [0, 1, 2] as const;
export const [PERFORMING, CASH_TRAP, AMORTISING, ENFORCING, CLOSED] = [2n, 3n, 4n, 5n, 6n] as const;

export async function enforcementWorld(covenants: Partial<Settings["covenants"]> = {}, decimals = 6) {
  const base = await createWorld({ decimals });
  const { ethers, networkHelpers, unit, asset, appraisal, facilities, sponsor, alice, bob, carol, mallory, settings } =
    base;
  const { registry, manager } = await deployRegistry(ethers);
  const meters = await ethers.deployContract("MockMeters");
  const leases = await deployLeases(registry, meters, ethers);
  const lotIds = [LOT_1, LOT_2];
  for (const account of [alice, bob, carol, mallory]) await asset.connect(account).approve(leases, ethers.MaxUint256);
  for (const cost of [COST_1, COST_2]) {
    await registry.connect(sponsor).registerLot(1, id(MODEL), 8, cost * unit, 1, id("identity root"));
  }
  for (const lotId of lotIds) await registry.attest(lotId, 3, 2n ** 40n, id("report"));

  const [seniorTerms, residualTerms] = settings.classes.map(({ terms }) => terms) as [ClassTerms, ClassTerms];
  const senior = (symbol: string, targetAssets: bigint, couponBps: number, callPremiumBps: number) => ({
    ...{ name: symbol, symbol },
    terms: { ...seniorTerms, targetAssets, minimumAssets: targetAssets, couponBps, callPremiumBps },
  });
  const steps = (...pairs: [number, number][]) => pairs.map(([kind, subjectIndex]) => ({ kind, subjectIndex }));
  const dealSettings = {
    ...settings,
    ...{ registry: await registry.getAddress(), leases: await leases.getAddress() },
    ...{ callableAt: at("2027-02-10"), reserveTargetAssets: 0n },
    classes: [
      senior("EA", 600_000n * unit, 1200, 100),
      senior("EB", 200_000n * unit, 1500, 250),
      { name: "ER", symbol: "ER", terms: { ...residualTerms, targetAssets: 200_000n * unit } },
    ],
    covenants: { ...settings.covenants, interestCureSec: CURE_SEC, ...covenants },
    auction: AUCTION,
    performingSteps: steps([FEE, 0], [INTEREST, A], [INTEREST, B], [PRINCIPAL, A], [PRINCIPAL, B], [RESIDUAL, R]),
    amortisationSteps: steps([FEE, 0], [INTEREST, A], [INTEREST, B], [PRINCIPAL, A], [PRINCIPAL, B], [RESIDUAL, R]),
    enforcementSteps: steps([FEE, 0], [INTEREST, A], [PRINCIPAL, A], [INTEREST, B], [PRINCIPAL, B], [RESIDUAL, R]),
  };
  const subscribers = [alice, bob, carol];

  /** A facility of these settings, open for subscription. */
  const created = async (changed: Partial<typeof dealSettings> = {}, factory = facilities) => {
    const all = { ...dealSettings, ...changed };
    const address = await factory.create.staticCall(all);
    await factory.create(all);
    return ethers.getContractAt("Facility", address);
  };
  /** One that every class subscribed to, in full. */
  const funded = async (changed: Partial<typeof dealSettings> = {}, factory = facilities) => {
    const facility = await created(changed, factory);
    for (const account of [...subscribers, mallory, sponsor]) {
      await asset.connect(account).approve(facility, ethers.MaxUint256);
    }
    for (const [i, { terms }] of dealSettings.classes.entries()) {
      await facility.connect(subscribers[i]).subscribe(i, terms.targetAssets);
    }
    return facility;
  };
  const facility = await funded();
  await networkHelpers.time.setNextBlockTimestamp(at("2026-12-31"));
  await facility.startFunding();
  const tokens = await Promise.all(
    [A, B, R].map(async (i) => ethers.getContractAt("ClassToken", await facility.classToken(i))),
  );

  /** Draws 600,000 and 400,000, all that the lots allow. */
  const perform = async () => {
    for (const [lotId, cost] of [
      [LOT_1, COST_1],
      [LOT_2, COST_2],
    ] as const) {
      await registry.connect(sponsor).offerLien(lotId, facility);
      await facility.connect(sponsor).draw(lotId, (cost * unit * 8n) / 10n);
    }
    await facility.connect(sponsor).startPerforming();
  };
  /** Cash comes in that is no rent. */
  const deposit = async (assets: bigint) => {
    await asset.mint(facility, assets);
    await facility.sync();
  };
  const distributeAt = async (paymentIndex: number) => {
    await networkHelpers.time.setNextBlockTimestamp(await facility.paymentAt(paymentIndex));
    return facility.distribute();
  };
  /** The interest of the next date is missed and its cure passes. */
  const enforceNow = async () => {
    const dueAt = await facility.nextPaymentAt();
    if (BigInt(await networkHelpers.time.latest()) < dueAt) await networkHelpers.time.increaseTo(dueAt);
    await facility.distribute();
    await networkHelpers.time.increaseTo(dueAt + BigInt(CURE_SEC) + 1n);
    await facility.declareInterestDefault(A);
  };
  const enforce = async () => {
    await perform();
    await enforceNow();
  };
  /** What the classes are paid by a transaction: interest and principal of each. */
  const incomes = async (transaction: Promise<ContractTransactionResponse>) => {
    const receipt = await (await transaction).wait();
    const paid = [A, B, R].map(() => [0n, 0n] as [bigint, bigint]);
    for (const log of receipt!.logs) {
      const classIndex = tokens.findIndex(({ target }) => target === log.address);
      const event = classIndex < 0 ? null : tokens[classIndex]!.interface.parseLog(log);
      if (event?.name !== "Accrued") continue;
      const { interestAssets, principalAssets } = event.args as unknown as Record<string, bigint>;
      paid[classIndex]![0] += interestAssets!;
      paid[classIndex]![1] += principalAssets!;
    }
    return paid;
  };
  const accounts = { sponsor, alice, bob, carol, mallory, lessee: base.servicer };
  const lend = { registry, registryAdmin: manager, meters, leases, appraisal, lotIds, dealSettings };
  const verbs = { created, funded, perform, deposit, distributeAt, enforceNow, enforce, incomes };
  return { ...base, ...accounts, ...lend, ...verbs, facility, tokens };
}

export type EnforcementWorld = Awaited<ReturnType<typeof enforcementWorld>>;
type ClassTerms = Settings["classes"][number]["terms"];

/** A take-or-pay lease on a lot of the sponsor's, signed; clauses that are not given are left out. */
export async function signTerms(
  { leases, facility, asset, networkHelpers }: EnforcementWorld,
  lessee: Signer,
  changed: Partial<Terms> = {},
) {
  const now = await networkHelpers.time.latest();
  const terms = {
    ...NO_CLAUSES,
    ...{ lotId: LOT_1, lessee: await lessee.getAddress(), payee: await facility.getAddress() },
    ...{ asset: await asset.getAddress(), startAt: now - (now % 86_400) + 86_400, periodCount: 12 },
    ...{ pricing: 0, baseRentAssets: RENT, gpuHourRateAssets: 0n },
    ...{ documentHash: id("contract"), salt: toBeHex(now, 32) },
    ...changed,
  };
  return { terms, signature: await lessee.signTypedData(await domainOf(leases), TERMS_TYPES, terms) };
}

/** Opens such a lease. */
export async function openLease(w: EnforcementWorld, lessee: Signer, changed?: Partial<Terms>): Promise<bigint> {
  const { terms, signature } = await signTerms(w, lessee, changed);
  const { open } = w.leases.connect(w.sponsor);
  const leaseId = await open.staticCall(terms, signature);
  await open(terms, signature);
  return leaseId;
}

/** Meters the ends of a lease's period, nothing delivered, and moves the clock to the later one. */
export async function meterPeriod(
  { leases, meters, networkHelpers }: EnforcementWorld,
  leaseId: bigint,
  periodIndex: bigint,
): Promise<void> {
  const lotId = await leases.lotOf(leaseId);
  const { fromAt, untilAt } = await leases.periodAt(leaseId, periodIndex);
  for (const boundaryAt of [fromAt, untilAt]) await meters.record(lotId, boundaryAt / 3600n - 1n, emptyMeter(8n));
  if (BigInt(await networkHelpers.time.latest()) < untilAt) await networkHelpers.time.increaseTo(untilAt);
}

/** The same, and settles the period. */
export async function settle(w: EnforcementWorld, leaseId: bigint, periodIndex: bigint): Promise<void> {
  await meterPeriod(w, leaseId, periodIndex);
  await w.leases.settle(leaseId, periodIndex);
}
