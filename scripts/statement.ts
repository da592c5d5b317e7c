import type { Contracts } from "../server/protocol/contracts.ts";
import { FACILITY_STATES } from "../server/protocol/deal.ts";
import type { Deployment } from "../server/protocol/deployment.ts";
import { formatAssets } from "../server/protocol/units.ts";

/** Where the rent went, in base units: received is the sum of the others. */
export interface Cash {
  received: bigint;
  fees: bigint;
  claimable: bigint;
  claimed: bigint;
  reserve: bigint;
  collections: bigint;
}

const STEP_NAMES = ["fee", "interest", "reserve", "principal", "turbo", "trap", "fee excess", "residual"];
const [FEE, INTEREST, PRINCIPAL, TURBO, FEE_EXCESS] = [0n, 1n, 3n, 4n, 6n];
const DECIMALS = 6;

/** Dollars of a six-decimal stablecoin, to the cent. */
export function dollars(assets: bigint): string {
  const [whole = "0", fraction = ""] = formatAssets(assets, DECIMALS).split(".");
  return `$${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${fraction.padEnd(2, "0").slice(0, 2)}`;
}

/**
 * A facility's cash as its contracts say: what came in, what is set aside and paid out. In came the rent its leases
 * were paid, surplus that was booked, the price of lots and of a redemption, and funding that was not drawn and went
 * back or into the reserve; what was raised and drawn stands apart. Collections are with what is trapped.
 */
export async function cashOf(contracts: Contracts, place: Deployment["facilities"][number]): Promise<Cash> {
  const facility = contracts.facility(place.address);
  const asset = await facility.asset();
  const unclaimed = await Promise.all(place.classTokens.map((token) => facility.unclaimedAssets(token)));
  const claims = await Promise.all(
    place.classTokens.map((address) => {
      const token = contracts.classToken(address);
      return token.queryFilter(token.filters.Claimed());
    }),
  );
  const returned = await facility.queryFilter(facility.filters.PerformingStarted());
  const surplus = await facility.queryFilter(facility.filters.SurplusBooked());
  const sold = await facility.queryFilter(facility.filters.LotSold());
  const redeemed = await facility.queryFilter(facility.filters.Redeemed());
  return {
    received:
      (await rentPaid(contracts, place.address)) +
      sum(returned.map(({ args }) => args.returnedAssets + args.reserveAssets)) +
      sum(surplus.map((event) => event.args.assets)) +
      sum([...sold.map(({ args }) => args.priceAssets), ...redeemed.map(({ args }) => args.priceAssets)]),
    fees: await facility.feesPaidAssets(),
    claimable: sum(unclaimed),
    claimed: sum(claims.flat().map((event) => event.args.assets)),
    reserve: await facility.reserveAssets(),
    collections:
      (await facility.collectionsAssets()) +
      (await facility.trappedAssets()) +
      (await contracts.leases.collectableAssets(place.address, asset)),
  };
}

/** What a payee was paid under leases: rent and fees, by escrow or by the lessee, and the price of lots. */
async function rentPaid({ leases }: Contracts, payee: string): Promise<bigint> {
  const invoiced = [
    ...(await leases.queryFilter(leases.filters.Invoiced(undefined, undefined, payee))),
    ...(await leases.queryFilter(leases.filters.FeeInvoiced(undefined, undefined, payee))),
  ];
  const paid = [
    ...(await leases.queryFilter(leases.filters.Paid())),
    ...(await leases.queryFilter(leases.filters.PaidFromEscrow())),
  ].map(({ args }) => args.reduction);
  const bought = await leases.queryFilter(leases.filters.Purchased(undefined, undefined, payee));
  return sum([
    ...invoiced.map(({ args }) => args.payment.paidAssets),
    ...paid.filter((one) => one.payee === payee).map((one) => one.lateFeeAssets + one.paidAssets),
    ...bought.map(({ args }) => args.assets),
  ]);
}

/** The report of a payment date: each step with what was due and paid, the classes, the lots' month. */
export async function paymentReport(
  contracts: Contracts,
  deployment: Deployment,
  place: Deployment["facilities"][number],
  paymentIndex: bigint,
  month: { fromEpoch: bigint; toEpoch: bigint },
): Promise<string[]> {
  const facility = contracts.facility(place.address);
  const [payment] = await facility.queryFilter(facility.filters.PaymentMade(paymentIndex));
  const steps = await facility.queryFilter(facility.filters.StepPaid(paymentIndex));
  if (payment === undefined) throw new Error(`payment ${paymentIndex} was not made`);
  const { dueAt, collectionsAssets, reserveAssets, trappedAssets } = payment.args;
  const title = `Payment ${paymentIndex + 1n} · ${dateText(dueAt)} · collections ${dollars(collectionsAssets)}`;
  const lines = [title, "  step               due            paid"];
  for (const { args } of steps) {
    const { kind, subjectIndex } = args.step;
    const name = STEP_NAMES[Number(kind)] ?? "step";
    const isOfClass = kind === INTEREST || kind === PRINCIPAL || kind === TURBO;
    const isOfFee = kind === FEE || kind === FEE_EXCESS;
    const subject = isOfFee ? ` ${subjectIndex + 1n}` : isOfClass ? ` ${classLetter(place, subjectIndex)}` : "";
    const cells = [dollars(args.dueAssets), dollars(args.paidAssets)].map((cell) => cell.padStart(15));
    lines.push(`  ${(name + subject).padEnd(12)}${cells.join(" ")}`);
  }
  const factors = await Promise.all(place.classTokens.map((_, index) => facility.poolFactorWad(index)));
  const pool = factors.map((factor, index) => `${classLetter(place, BigInt(index))} ${ratio(factor, 10n ** 18n, 4)}`);
  lines.push(`  reserve ${dollars(reserveAssets)} · pool factors ${pool.join(", ")}`);
  const { netAssets, serviceAssets } = await facility.coverAt(paymentIndex);
  const cover = serviceAssets === 0n ? "none due" : ratio(netAssets, serviceAssets, 2);
  const state = FACILITY_STATES[Number(await facility.state())] ?? "";
  lines.push(`  debt service cover ${cover} · ${state} · trapped ${dollars(trappedAssets)}`);
  for (const { lotId } of deployment.identities) {
    const r = await contracts.telemetry.ratios(lotId, month.fromEpoch, month.toEpoch);
    lines.push(
      `  lot ${lotId}: allocated ${percent(r.allocationBps)}, SM active ${percent(r.smActiveBps)}, PUE ` +
        `${ratio(r.pueE4, 10_000n, 2)}, ${r.gpuHoursPerMWh} GPU-hours/MWh, carbon-free ${percent(r.cfeBps)}, ` +
        `${r.gCO2ePerKWh} gCO2e/kWh, evidence class ${r.evidenceClassIndex}`,
    );
  }
  return [...lines, ...(await valueLines(contracts, place))];
}

/** What the senior class is worth to who leaves and who comes, and the vault that holds it. */
async function valueLines({ valuation, vault }: Contracts, place: Deployment["facilities"][number]): Promise<string[]> {
  const { exitAssets, entryAssets, computedAt } = await valuation.classValue(place.address, 0);
  const share = await vault.convertToAssets(10n ** (await vault.decimals()));
  const paid = await vault.queryFilter(vault.filters.Fulfilled());
  return [
    `  class A worth ${dollars(exitAssets)} at exit, ${dollars(entryAssets)} at entry · valued ${dateText(computedAt)}`,
    `  vault ${dollars(await vault.totalAssets())}, of it cash ${dollars(await vault.cashAssets())} · a share ` +
      `${ratio(share, 10n ** BigInt(DECIMALS), 4)} · redeemed ${dollars(sum(paid.map(({ args }) => args.assets)))}`,
  ];
}

/** Mean gas of the last `latest` reports, or of all when they are fewer, out of the chain's receipts; 0 without any. */
export async function averageGas(contracts: Contracts, latest: number): Promise<bigint> {
  const reports = await contracts.telemetry.queryFilter(contracts.telemetry.filters.Submitted());
  const sample = reports.slice(-Math.min(latest, reports.length));
  const receipts = await Promise.all(sample.map((event) => event.getTransactionReceipt()));
  return receipts.length === 0 ? 0n : sum(receipts.map((receipt) => receipt.gasUsed)) / BigInt(receipts.length);
}

export function dateText(at: bigint | number): string {
  return new Date(Number(at) * 1000).toISOString().slice(0, 10);
}

export function percent(bps: bigint): string {
  return `${ratio(bps, 100n, 1)} %`;
}

function ratio(value: bigint, scale: bigint, digits: number): string {
  return (Number((value * 10_000n) / scale) / 10_000).toFixed(digits);
}

function classLetter(place: Deployment["facilities"][number], classIndex: bigint): string {
  const isResidual = Number(classIndex) === place.classTokens.length - 1;
  return isResidual ? "residual" : String.fromCharCode(65 + Number(classIndex));
}

function sum(values: readonly bigint[]): bigint {
  return values.reduce((total, value) => total + value, 0n);
}
