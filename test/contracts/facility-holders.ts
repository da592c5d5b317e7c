import { expect } from "chai";
import {
  DAY,
  FEE,
  FIRST_PAYMENT_AT,
  INTEREST,
  LOT,
  PRINCIPAL,
  RESERVE,
  RESIDUAL,
  START_AT,
  createWorld,
} from "./facility-world.ts";
import type { Settings } from "./facility-world.ts";

/** The crowd of the larger run; npm run holders runs it with 10,000. */
const MANY = Number(process.env["HOLDERS"] ?? 300);
const FEW = 10;
const MONTHS = 60;
const SENIORS = [0, 1, 2] as const; // each of another kind
const [LEVEL_PAY, SCHEDULED, SEQUENTIAL] = [0, 1, 3] as const;
const [TURBO, TRAP, FEE_EXCESS] = [4, 5, 6] as const;
const MOST_GAS = 2_000_000n;
const BATCH = 150; // holders a transaction
const FIRST_HOLDER = 1n << 96n;

/** Four classes: by level payment, by a table, in sequence, and the residual. */
function terms(settings: Settings, gate: string): Settings {
  const [senior, residual] = settings.classes;
  const targetAssets = senior!.terms.targetAssets / 3n;
  const class_ = (name: string, change: object) => ({
    ...senior!,
    ...{ name, symbol: name },
    terms: { ...senior!.terms, targetAssets, minimumAssets: targetAssets / 2n, termMonthCount: MONTHS, ...change },
  });
  const scheduledWad = Array.from({ length: MONTHS }, (_, i) => (BigInt(MONTHS - 1 - i) * 10n ** 18n) / BigInt(MONTHS));
  const steps = (order: [number, number][]) => [
    { kind: FEE, subjectIndex: 0 },
    ...order.map(([kind, subjectIndex]) => ({ kind, subjectIndex })),
    { kind: RESIDUAL, subjectIndex: 3 },
  ];
  const [interest, principal] = [INTEREST, PRINCIPAL].map((kind) => SENIORS.map((c): [number, number] => [kind, c]));
  return {
    ...settings,
    gate,
    classes: [
      class_("A", { principalKind: LEVEL_PAY }),
      class_("B", { principalKind: SCHEDULED, scheduledWad, couponBps: 1400 }),
      class_("C", { principalKind: SEQUENTIAL, dayCount: 1, couponBps: 1600 }),
      residual!,
    ],
    performingSteps: steps([...interest!, [RESERVE, 0], ...principal!]),
    amortisationSteps: steps([...interest!, ...principal!]),
    enforcementSteps: steps(SENIORS.flatMap((c) => [interest![c]!, principal![c]!])),
  };
}

/** The most that Facilities takes of everything: every kind of step for each of its subjects. */
function most(settings: Settings): Settings {
  const [senior, residual] = settings.classes;
  const { targetAssets } = senior!.terms;
  const seniors = [0, 1, 2, 3, 4, 5, 6];
  const all = (kind: number, subjects = seniors) => subjects.map((subjectIndex) => ({ kind, subjectIndex }));
  const fees = all(FEE, [...seniors, 7]);
  const last = [...all(FEE_EXCESS, [...seniors, 7]), ...all(RESIDUAL, [7])];
  const amounts = { targetAssets: targetAssets / 7n, minimumAssets: targetAssets / 14n };
  const [fee] = settings.fees;
  return {
    ...settings,
    anticipatedRepaymentAt: FIRST_PAYMENT_AT,
    fees: fees.map((_, i) => ({ ...fee!, payee: `0x${String(i + 1).padStart(40, "0")}`, capAssets: 100_000_000n })),
    classes: [
      ...seniors.map((i) => ({ ...senior!, symbol: `S${i}`, terms: { ...senior!.terms, ...amounts } })),
      { ...residual!, terms: { ...residual!.terms, ...amounts } },
    ],
    performingSteps: [
      ...[...fees, ...all(INTEREST), ...all(RESERVE, [0]), ...all(PRINCIPAL), ...all(TRAP, [0]), ...all(TURBO)],
      ...last,
    ],
    amortisationSteps: [...fees, ...all(INTEREST), ...all(PRINCIPAL), ...last],
    enforcementSteps: [...fees, ...seniors.flatMap((c) => [...all(INTEREST, [c]), ...all(PRINCIPAL, [c])]), ...last],
  };
}

/** The gas of each of sixty payment dates with so many holders of each class. */
async function gasOfDates(holderCount: number): Promise<bigint[]> {
  const w = await createWorld({ termMonthCount: MONTHS });
  const crowd = await w.ethers.deployContract("MockCrowd");
  const crowdAt = await crowd.getAddress();
  const facility = await w.create(terms(w.settings, crowdAt));
  const target = await facility.getAddress();
  for (const classIndex of [...SENIORS, 3]) {
    const { targetAssets } = (await facility.classAt(classIndex)).terms;
    await w.asset.connect(w.alice).approve(target, w.ethers.MaxUint256);
    await facility.connect(w.alice).subscribe(classIndex, targetAssets);
    const token = await w.ethers.getContractAt("ClassToken", await facility.classToken(classIndex));
    await token.connect(w.alice).transfer(crowdAt, targetAssets);
    const shares = targetAssets / BigInt(holderCount);
    for (let from = 0; from < holderCount; from += BATCH) {
      const count = Math.min(BATCH, holderCount - from);
      await crowd.spread(await token.getAddress(), FIRST_HOLDER + BigInt(from), count, shares);
    }
    expect(await token.holderCount()).to.be.within(holderCount, holderCount + 1);
  }
  // Interest counts seconds: both runs start in the same one.
  await w.networkHelpers.time.setNextBlockTimestamp(START_AT + 10 * DAY);
  await facility.startFunding();
  await w.pledges.setLot(LOT, 1_250_000n * w.unit, 3, target);
  await facility.connect(w.sponsor).draw(LOT, 900_000n * w.unit);
  await facility.connect(w.sponsor).startPerforming();

  const gas: bigint[] = [];
  for (let date = 0; date < MONTHS; date++) {
    await w.rent.connect(w.mallory).pay(await w.asset.getAddress(), target, 25_000n * w.unit + BigInt(date));
    await facility.collect();
    await w.networkHelpers.time.setNextBlockTimestamp(await facility.paymentAt(date));
    const receipt = await (await facility.distribute()).wait();
    gas.push(receipt!.gasUsed);
  }
  return gas;
}

describe("Facility: the gas of a payment date", () => {
  it(`M23: is the same with ${FEW} and with ${MANY} holders of each of four classes, on each of sixty dates`, async () => {
    const few = await gasOfDates(FEW);
    const many = await gasOfDates(MANY);
    expect(many).to.deep.equal(few);
    process.stdout.write(`      gas of each date: ${few.join(", ")}\n`);
  }).timeout(600_000);

  it("M23: is bounded where a deal has the most of everything: 8 classes, 8 fees, 40 steps", async () => {
    const w = await createWorld({ change: most });
    await w.admit(w.sponsor.address);
    const { facility, target } = w;
    for (let classIndex = 0; classIndex < 8; classIndex++) {
      await facility.connect(w.alice).subscribe(classIndex, 100_000n * w.unit);
    }
    await facility.startFunding();
    await w.offerLot();
    await facility.connect(w.sponsor).draw(LOT, 700_000n * w.unit);
    await facility.connect(w.sponsor).startPerforming();
    for (const [date, rent] of [2_000n, 30_000n, 900_000n].entries()) {
      await w.rent.connect(w.mallory).pay(await w.asset.getAddress(), target, rent * w.unit);
      await facility.collect();
      await w.toDate(date);
      const transaction = await facility.distribute();
      const paid = await facility.queryFilter(facility.filters.StepPaid(), transaction.blockNumber!);
      expect(paid).to.have.length(40);
      const { gasUsed } = (await transaction.wait())!;
      process.stdout.write(`      date ${date}: ${gasUsed} gas\n`);
      expect(gasUsed).to.be.below(MOST_GAS);
    }
    // On the last of them every step but the trap was paid.
    const steps = await facility.queryFilter(facility.filters.StepPaid(), -1);
    const unpaid = steps.filter(({ args }) => args.paidAssets === 0n).map(({ args }) => args.step.kind);
    expect(unpaid).to.deep.equal([BigInt(TRAP)]);
  });
});
