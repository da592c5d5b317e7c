import { orderOf, priceWad, type PlannedFill } from "../../../server/model/book.ts";
import type { Order } from "../../../server/protocol/fill.ts";
import { Refusal } from "../../../server/protocol/refusal.ts";
import type { Action, ActionStep } from "../../action.tsx";
import { ApiProblem, tell } from "../../api.tsx";
import { approvalOf } from "../../approval.ts";
import type { Chain } from "../../chain.ts";
import { termsOf, type SignedOffer } from "./offers.ts";
import type { TradeTalk } from "./tradeTalk.tsx";

// What an account does on the exchange: each as one action with the preview of all it changes.

/** What a purchase may cost more than its quote, for the interest that accrues until its block. */
const SLACK_PARTS = 1000n;
const HAND_IN_ATTEMPTS = 20;
const HAND_IN_WAIT_MS = 1000;
/** As `ShareExchange.Status` numbers it. */
const OPEN = 0n;

/** What the account has of a class and of its coin, and the exchange's own figures. */
export interface OwnTrade {
  cashAssets: bigint;
  heldShares: bigint;
  feeBps: bigint;
}

/** The account's own, at the newest block. */
export async function ownTrade({ contracts, account }: Chain, { of }: Pick<TradeTalk, "of">): Promise<OwnTrade> {
  const [cashAssets, heldShares, feeBps] = await Promise.all([
    contracts.classToken(of.asset).balanceOf(account),
    contracts.classToken(of.token).balanceOf(account),
    contracts.exchange.feeBps(),
  ]);
  return { cashAssets, heldShares, feeBps };
}

/** A planned fill as the exchange quotes it at the newest block. */
interface Quoted {
  offer: SignedOffer;
  fillShares: bigint;
  priceAssets: bigint;
  accruedAssets: bigint;
  feeAssets: bigint;
}

/** Fills orders out of the book, one after the other. */
export function fillAction(fills: readonly PlannedFill<SignedOffer>[], isBuying: boolean, talk: TradeTalk): Action {
  const { words, field, of, cash, shares, price } = talk;
  return {
    title: (isBuying ? words.buyTitle : words.sellTitle)(of.symbol),
    async plan(chain) {
      const { account, contracts, addresses } = chain;
      const [own, quoted] = await Promise.all([
        ownTrade(chain, talk),
        Promise.all(fills.map((fill) => quote(chain, fill))),
      ]);
      const sum = (one: (of: Quoted) => bigint) => quoted.reduce((total, fill) => total + one(fill), 0n);
      const filledShares = sum(({ fillShares }) => fillShares);
      const priceAssets = sum((fill) => fill.priceAssets);
      const accruedAssets = sum((fill) => fill.accruedAssets);
      const feeAssets = sum((fill) => fill.feeAssets);
      const totalAssets = priceAssets + accruedAssets - (isBuying ? 0n : feeAssets);
      const mostAssets = sum(mostOf);
      const [held, needed] = isBuying ? [own.cashAssets, totalAssets] : [own.heldShares, filledShares];
      if (needed > held) throw new Refusal("Wallet_NotEnough", { askedUnits: needed, heldUnits: held });
      const unit = isBuying ? of.coin.unit : of.symbol;
      const approvals = await approvalOf(chain, {
        token: isBuying ? of.asset : of.token,
        spender: addresses.exchange,
        units: isBuying ? mostAssets : filledShares,
        label: field.allow(field.theExchange, unit),
      });
      if (approvals.length === 0 && quoted[0] !== undefined) {
        const { offer, fillShares } = quoted[0];
        const limit = limitOf(quoted[0]);
        await contracts.exchange.fill.staticCall(offer.order, offer.signature, fillShares, limit, account);
      }
      const sign = isBuying ? 1n : -1n;
      return {
        effects: [
          {
            label: field.yourShares(of.symbol),
            before: shares(own.heldShares),
            after: shares(own.heldShares + sign * filledShares),
          },
          {
            label: field.inWallet(of.coin.unit),
            before: cash(own.cashAssets),
            after: cash(own.cashAssets - sign * totalAssets),
          },
          { label: words.averagePrice, after: price(priceWad({ assets: priceAssets, shares: filledShares })) },
          { label: words.priceAssets, after: cash(priceAssets) },
          { label: words.accruedAssets, after: cash(accruedAssets) },
          { label: isBuying ? words.feeBySeller : words.fee, after: cash(feeAssets) },
          { label: isBuying ? words.pays : words.gets, after: cash(totalAssets) },
          ...(isBuying && accruedAssets > 0n ? [{ label: words.atMost, after: cash(mostAssets) }] : []),
        ],
        steps: [
          ...approvals,
          ...quoted.map((fill, place): ActionStep => ({
            label: words.fillStep(place + 1, quoted.length),
            run: (now) =>
              now.contracts.exchange.fill(
                ...([fill.offer.order, fill.offer.signature, fill.fillShares, limitOf(fill), account] as const),
              ),
          })),
        ],
      };
    },
  };
}

/** Asks the exchange what a fill comes to now; refuses one that is not open any more. */
async function quote({ contracts, account }: Chain, { offer, fillShares }: PlannedFill<SignedOffer>): Promise<Quoted> {
  const { order, signature, orderHash } = offer;
  const [{ status, fillableShares }, figures] = await Promise.all([
    contracts.exchange.statusOf(order, signature, account),
    contracts.exchange.quote(order, fillShares),
  ]);
  if (status !== OPEN) throw new Refusal("ShareExchange_NotFillable", { orderHash, status });
  if (fillShares > fillableShares)
    throw new Refusal("ShareExchange_WrongShares", { orderHash, fillShares, openShares: fillableShares });
  const { priceAssets, accruedAssets, feeAssets } = figures;
  return { ...{ offer, fillShares }, ...{ priceAssets, accruedAssets, feeAssets } };
}

/** The most that a purchase costs, with the interest that accrues until its block. */
function mostOf({ priceAssets, accruedAssets }: Quoted): bigint {
  const slack = accruedAssets === 0n ? 0n : priceAssets / SLACK_PARTS + 1n;
  return priceAssets + accruedAssets + slack;
}

/** The limit of a fill: what it costs at most, or brings at least. */
function limitOf(fill: Quoted): bigint {
  return fill.offer.order.isSell ? mostOf(fill) : fill.priceAssets + fill.accruedAssets - fill.feeAssets;
}

/** What the maker of an order chooses. */
export interface Placement {
  isSell: boolean;
  shares: bigint;
  priceWad: bigint;
  /** The most interest beside the price, for one share; 0: flat. */
  maxAccruedWad: bigint;
  lifeSec: bigint;
}

/** Signs an order and hands it in. */
export function placeAction(placement: Placement, talk: TradeTalk): Action {
  const { words, field, of, cash, shares, price } = talk;
  return {
    title: words.placeTitle(of.symbol),
    async plan(chain) {
      const { account, contracts, addresses } = chain;
      const [own, nonce, block, maxFeeBps] = await Promise.all([
        ownTrade(chain, talk),
        contracts.exchange.minNonce(account),
        chain.provider.getBlock("latest"),
        contracts.exchange.MAX_FEE_BPS(),
      ]);
      const order = orderOf({
        ...{ maker: account, taker: `0x${"00".repeat(20)}`, shareToken: of.token, asset: of.asset },
        ...{ isSell: placement.isSell, shares: placement.shares, priceWad: placement.priceWad },
        ...{ maxAccruedWad: placement.maxAccruedWad, maxFeeBps, nonce, salt: randomSalt() },
        expiresAt: BigInt(block?.timestamp ?? 0) + placement.lifeSec,
      });
      const givenUnits = order.isSell ? order.shares : order.assets + order.maxAccruedAssets;
      const held = order.isSell ? own.heldShares : own.cashAssets;
      if (givenUnits > held) throw new Refusal("Wallet_NotEnough", { askedUnits: givenUnits, heldUnits: held });
      const approvals = await approvalOf(chain, {
        token: order.isSell ? of.token : of.asset,
        spender: addresses.exchange,
        units: givenUnits,
        label: field.allow(field.theExchange, order.isSell ? of.symbol : of.coin.unit),
      });
      return {
        effects: [
          { label: words.side, after: order.isSell ? words.sell : words.buy },
          { label: words.shares, after: shares(order.shares) },
          { label: words.orderPrice, after: price(priceWad(order)) },
          { label: order.isSell ? words.asked : words.bidFor, after: cash(order.assets) },
          { label: words.accruedMost, after: cash(order.maxAccruedAssets) },
          { label: words.fee, after: order.isSell ? `≤ ${talk.percent(maxFeeBps)}` : words.none },
          { label: words.expiresAt, after: talk.when(order.expiresAt) },
        ],
        steps: [...approvals, { label: words.placeStep, run: (now) => handIn(now, order) }],
        warnings: [words.placeNote],
      };
    },
  };
}

async function handIn({ contracts, signer }: Chain, order: Order): Promise<undefined> {
  const [{ signOrder }, { domainOf }] = await Promise.all([
    import("../../../server/protocol/order.ts"),
    import("../../../server/protocol/typed.ts"),
  ]);
  const signature = await signOrder(signer, domainOf(await contracts.exchange.eip712Domain()), order);
  for (let attempt = 1; ; attempt++) {
    try {
      await tell("POST", "/v1/orders", { order: termsOf(order), signature });
      return undefined;
    } catch (error) {
      // The API looks at the last block it has read: the approval before may be in one after it.
      const isShort = error instanceof ApiProblem && error.facts["status"] === "MakerShort";
      if (!isShort || attempt === HAND_IN_ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, HAND_IN_WAIT_MS));
    }
  }
}

function randomSalt(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** Voids one order of the account's. */
export function cancelAction({ order }: SignedOffer, talk: TradeTalk): Action {
  const { words, shares, price } = talk;
  return {
    title: words.cancelTitle,
    async plan({ contracts }) {
      await contracts.exchange.cancel.staticCall(order);
      return {
        effects: [
          { label: words.price, before: price(priceWad(order)), after: price(priceWad(order)) },
          { label: words.shares, before: shares(order.shares), after: shares(order.shares) },
          { label: words.cancelEffect, before: words.yes, after: words.no },
        ],
        steps: [{ label: words.cancel, run: (chain) => chain.contracts.exchange.cancel(order) }],
      };
    },
  };
}

/** Voids all orders that the account has signed until now. */
export function cancelAllAction(openCount: number, talk: TradeTalk): Action {
  const { words } = talk;
  return {
    title: words.cancelAllTitle,
    async plan({ contracts, account }) {
      const nonce = await contracts.exchange.minNonce(account);
      return {
        effects: [{ label: words.openOrders, before: String(openCount), after: "0" }],
        steps: [{ label: words.cancelAll, run: (chain) => chain.contracts.exchange.cancelBelow(nonce + 1n) }],
      };
    },
  };
}
