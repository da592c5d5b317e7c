import type { Log, LogDescription } from "ethers";

import { INTERFACES } from "../../server/protocol/contracts.ts";
import { FACILITY_STATES, STEP_KINDS } from "../../server/protocol/deal.ts";
import { TestStable__factory } from "../../types/factories/mocks/TestStable__factory.ts";
import type { Conservation, StepResult } from "./result.ts";
import type { Stage } from "./stage.ts";

// What the chain says of a facility, read a second way: by its events and the stablecoin's transfers.

/** One run of the priority of payments, out of its events. */
export interface PaidDate {
  paymentIndex: number;
  dueAt: number;
  /** There to pay from: what was collected, and the reserve and trapped cash of before. */
  cashAssets: bigint;
  steps: (StepResult & { kindIndex: number; subjectIndex: number })[];
  netAssets: bigint;
  serviceAssets: bigint;
  reserveAssets: bigint;
  trappedAssets: bigint;
  collectionsAssets: bigint;
}

/** What happened on the chain since it was last read. */
export interface Chapter {
  payments: PaidDate[];
  rentAssets: bigint;
  /** All else that was collected: prices of lots, what redeemed the facility. */
  otherAssets: bigint;
  /** What a redemption paid the classes, and what a close wrote off. */
  redeemed: { classIndex: number; incomeAssets: bigint; principalAssets: bigint }[];
  writtenOff: Map<number, bigint>;
  story: string[];
}

export interface Ledger {
  read(): Promise<Chapter>;
  conservation(): Promise<Conservation>;
}

const TOKEN = TestStable__factory.createInterface();
const TRIGGERS = ["DSCR", "LTV", "coverage", "country", "interest", "maturity"];

export function ledgerOf(stage: Stage): Ledger {
  const { deal, chain, addresses, facility, as, parties } = stage;
  const classNames = [...deal.classes.map(({ name }) => name), "residual"];
  const holders = new Set(parties.holders.map(({ address }) => address));
  const book = as(parties.keeper).facility(facility);
  let nextBlock = 0;
  let before = { reserveAssets: 0n, trappedAssets: 0n };
  let [inAssets, claimedAssets, outAssets] = [0n, 0n, 0n];

  const count = (log: Log) => {
    const parsed = TOKEN.parseLog(log);
    if (parsed?.name !== "Transfer") return;
    const [from, to, assets] = parsed.args.toArray() as [string, string, bigint];
    if (to === facility) inAssets += assets;
    if (from !== facility) return;
    outAssets += assets;
    if (holders.has(to)) claimedAssets += assets;
  };

  const payment = (steps: LogDescription[], made: LogDescription, cover: LogDescription | undefined): PaidDate => {
    const { paymentIndex, dueAt, collectionsAssets, reserveAssets, trappedAssets } = made.args as unknown as {
      [name in keyof PaidDate]: bigint;
    };
    const { netAssets, serviceAssets } = (cover?.args ?? { netAssets: 0n, serviceAssets: 0n }) as unknown as {
      [name in keyof PaidDate]: bigint;
    };
    const cashAssets = collectionsAssets + before.reserveAssets + before.trappedAssets;
    before = { reserveAssets, trappedAssets };
    return {
      ...{ paymentIndex: Number(paymentIndex), dueAt: Number(dueAt), cashAssets, collectionsAssets },
      ...{ netAssets, serviceAssets, reserveAssets, trappedAssets },
      steps: steps.map(({ args }) => {
        const { step, dueAssets, paidAssets } = args as unknown as {
          step: { kind: bigint; subjectIndex: bigint };
          dueAssets: bigint;
          paidAssets: bigint;
        };
        const [kindIndex, subjectIndex] = [Number(step.kind), Number(step.subjectIndex)];
        const kind = STEP_KINDS[kindIndex]!;
        const subject = subjectOf(kind, subjectIndex);
        return { kind, subject, kindIndex, subjectIndex, due: String(dueAssets), paid: String(paidAssets) };
      }),
    };
  };

  const subjectOf = (kind: (typeof STEP_KINDS)[number], index: number): string => {
    if (kind === "Fee" || kind === "FeeExcess") return deal.fees[index]!.name;
    const isOfClass = kind === "Interest" || kind === "Principal" || kind === "Turbo";
    return isOfClass ? classNames[index]! : "";
  };

  return {
    async read() {
      const untilBlock = (await chain.blockNumber()) + 1;
      for (const log of await chain.logsSince(addresses.asset, nextBlock)) count(log);
      const events = (await chain.logsSince(facility, nextBlock))
        .map((log) => INTERFACES.facility.parseLog(log))
        .filter((event) => event !== null);
      nextBlock = untilBlock;
      const chapter: Chapter = {
        payments: [],
        rentAssets: 0n,
        otherAssets: 0n,
        redeemed: [],
        writtenOff: new Map(),
        story: [],
      };
      let steps: LogDescription[] = [];
      let cover: LogDescription | undefined;
      for (const event of events) {
        const args = event.args as unknown as Record<string, bigint>;
        if (event.name === "PerformingStarted") before = { reserveAssets: args["reserveAssets"]!, trappedAssets: 0n };
        if (event.name === "CoverTested") cover = event;
        if (event.name === "StepPaid") steps.push(event);
        if (event.name === "PaymentMade") {
          chapter.payments.push(payment(steps, event, cover));
          steps = [];
          cover = undefined;
        }
        if (event.name === "Collected") {
          chapter.rentAssets += args["rentAssets"]!;
          chapter.otherAssets += args["assets"]! - args["rentAssets"]!;
        }
        if (event.name === "LotSold") chapter.otherAssets += args["priceAssets"]!;
        if (event.name === "ClassRedeemed") {
          const incomeAssets = args["interestAssets"]! + args["premiumAssets"]!;
          const principalAssets = args["principalAssets"]!;
          chapter.redeemed.push({ classIndex: Number(args["classIndex"]), incomeAssets, principalAssets });
        }
        if (event.name === "ClassWrittenOff") chapter.writtenOff.set(Number(args["classIndex"]), args["lossAssets"]!);
        const words = wordsOf(
          event,
          deal.lots.map(({ name }) => name),
          classNames,
        );
        if (words !== undefined) chapter.story.push(words);
      }
      return chapter;
    },
    async conservation() {
      const { leases } = as(parties.keeper);
      const [fees, drawn, reserve, trapped, escrow, ownCollections, waiting, ledger, ...unclaimed] = await Promise.all([
        book.feesPaidAssets(),
        book.totalDrawnAssets(),
        book.reserveAssets(),
        book.trappedAssets(),
        book.escrowAssets(),
        book.collectionsAssets(),
        leases.collectableAssets(facility, addresses.asset),
        book.ledgerAssets(),
        ...stage.tokens.map((token) => book.unclaimedAssets(token)),
      ]);
      const held = await TestStable__factory.connect(addresses.asset, parties.keeper).balanceOf(facility);
      if (held !== inAssets - outAssets || held !== ledger) {
        throw new Error(`the facility holds ${held}, its books say ${ledger}, transfers ${inAssets - outAssets}`);
      }
      const amounts = {
        received: inAssets - drawn + waiting,
        fees,
        claimable: unclaimed.reduce((sum, assets) => sum + assets, 0n),
        claimed: claimedAssets,
        ...{ reserve, trapped, escrow },
        collections: ownCollections + waiting,
      };
      return Object.fromEntries(
        Object.entries(amounts).map(([name, assets]) => [name, String(assets)]),
      ) as unknown as Conservation;
    },
  };
}

function wordsOf(event: LogDescription, lots: string[], classes: string[]): string | undefined {
  const args = event.args as unknown as Record<string, bigint>;
  const lot = () => lots[Number(args["lotId"]) - 1] ?? "";
  const subject = () => (args["subjectId"] === 0n ? "" : ` of ${lots[Number(args["subjectId"]) - 1] ?? ""}`);
  const trigger = () => TRIGGERS[Number(args["trigger"])] ?? "";
  switch (event.name) {
    case "StateChanged":
      return `${FACILITY_STATES[Number(args["from"])] ?? ""} → ${FACILITY_STATES[Number(args["to"])] ?? ""}`;
    case "BreachOpened":
      return `breach: ${trigger()}${subject()}`;
    case "BreachCured":
      return `cured: ${trigger()}${subject()}`;
    case "AmortisationDeclared":
      return `early amortisation is declared: ${trigger()}${subject()}`;
    case "DefaultDeclared":
      return `default is declared: ${trigger()} of ${classes[Number(args["classIndex"])] ?? ""}`;
    case "AuctionStarted":
      return `${lot()} is put up at ${args["startAssets"]! / 1_000_000n} dollars`;
    case "LotSold":
      return `${lot()} is sold for ${args["priceAssets"]! / 1_000_000n} dollars`;
    case "LotPurchased":
      return `${lot()} is the lessee's`;
    case "Redeemed":
      return `redeemed for ${args["priceAssets"]! / 1_000_000n} dollars`;
    case "ClassWrittenOff":
      if (Number(args["classIndex"]) === classes.length - 1) return undefined;
      return `class ${classes[Number(args["classIndex"])] ?? ""} loses ${args["lossAssets"]! / 1_000_000n} dollars`;
    case "FacilityClosed":
      return "closed";
    default:
      return undefined;
  }
}
