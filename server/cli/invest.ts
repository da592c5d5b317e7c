import { readFileSync, writeFileSync } from "node:fs";

import { Command, Option } from "commander";
import { formatUnits, getAddress, hexlify, randomBytes, ZeroAddress } from "ethers";

import { Failure, messageOf } from "../failure.ts";
import { MARKET_VERBS, type MarketVerb } from "../model/market.ts";
import { decimalCountOf } from "../plugins/chain.ts";
import type { Hex } from "../protocol/bytes.ts";
import { explainRevert } from "../protocol/contracts.ts";
import { orderHash, signOrder, type Order } from "../protocol/order.ts";
import { demand } from "../protocol/refusal.ts";
import { domainOf } from "../protocol/typed.ts";
import { amountOf, wholeNumber, wholeOption, withDesk, withKey, type Desk, type SendingOptions } from "./desk.ts";
import { marketOf, marketPlan, positionsOf } from "./investMarkets.ts";
import {
  claimPlan,
  classTokenOf,
  depositPlan,
  facilityOf,
  fillPlan,
  orderPlan,
  redeemPlan,
  subscribePlan,
  takePlan,
  transferPlan,
  type Investor,
  type Plan,
} from "./investPlans.ts";

// `rackbond invest`: what a holder of shares does (docs/guide/investor.md). Each verb first says what it will do.

interface Options extends SendingOptions {
  readonly facility?: string;
  readonly class: bigint;
  readonly amount: string;
  readonly shares?: string;
  readonly to: string;
  readonly account?: string;
  readonly market?: string;
  readonly side: "sell" | "buy";
  readonly price: string;
  readonly accrued: string;
  readonly days: bigint;
  readonly out: string;
  readonly order: string;
}

/** What a verb leaves besides what it sends. */
interface Work extends Plan {
  readonly result?: Readonly<Record<string, unknown>>;
  /** Done once all was sent; not in a dry run. */
  readonly finish?: () => Promise<void>;
}

const DAY_SEC = 86_400n;
const MARKET_TEXT: Record<MarketVerb, string> = {
  supply: "lend to a market",
  withdraw: "take back what was lent; --amount all for everything",
  supplyCollateral: "post shares as collateral",
  withdrawCollateral: "take collateral out; --shares all for everything",
  borrow: "borrow against what is posted",
  repay: "repay; --amount all for everything",
};

/** `rackbond invest` and its verbs. */
export function investCommand(): Command {
  const command = new Command("invest").description("hold, trade, lend and borrow: shares of classes and of the vault");
  const verb = (name: string, description: string, plan: (desk: Desk, options: Options) => Promise<Work>) =>
    withKey(command.command(name), "investor")
      .description(description)
      .action((options: Options, own: Command) =>
        withDesk(options, own, (desk) => carryOut(desk, options, plan), printForPeople),
      );
  withKey(command.command("positions"), "investor")
    .description("what an account has: classes, claims, vault, markets")
    .option("--account <address>", "another account than the key's")
    .action((options: Options, own: Command) =>
      withDesk(
        options,
        own,
        (desk) => {
          const investor = investorOf(desk);
          return positionsOf(investor, options.account === undefined ? investor.account : addressIn(options.account));
        },
        printForPeople,
      ),
    );
  withClass(verb("subscribe", "subscribe to a class while it is raised", subscribe)).requiredOption(...AMOUNT);
  withClass(verb("claim", "claim what a class paid", claim));
  withClass(verb("transfer", "send shares to another holder", transfer))
    .requiredOption(...SHARES)
    .requiredOption("--to <address>", "who gets them");
  withClass(verb("order", "sign an order to sell or buy shares, for anyone to fill", order))
    .addOption(new Option("--side <side>", "what you do").choices(["sell", "buy"]).makeOptionMandatory())
    .requiredOption(...SHARES)
    .requiredOption("--price <amount>", "what all of them cost, in the settlement asset, without accrued interest")
    .option("--accrued <amount>", "the most accrued interest beside it; 0 is flat", "0")
    .addOption(wholeOption("--days <count>", "how long it stands", 7n))
    .option("--out <file>", "where the signed order is written", "order.json");
  verb("fill", "fill somebody's signed order", fill)
    .requiredOption("--order <file>", "the signed order")
    .option("--shares <amount>", "how many; all that can be filled where it is not given");
  verb("cancel", "cancel an order of one's own", cancel).requiredOption("--order <file>", "the order");
  verb("deposit", "put money into the income vault", deposit).requiredOption(...AMOUNT);
  verb("redeem", "ask the vault for money back; all where --shares is not given", redeem).option(...SHARES);
  verb("take", "take what the vault paid for shares asked back", (desk) => takePlan(investorOf(desk)));
  for (const name of MARKET_VERBS) {
    const isCollateral = name === "supplyCollateral" || name === "withdrawCollateral";
    verb(nameOf(name), MARKET_TEXT[name], (desk, options) => onMarket(desk, options, name))
      .requiredOption(isCollateral ? SHARES[0] : AMOUNT[0], isCollateral ? SHARES[1] : AMOUNT[1])
      .option("--market <id>", "the market; the only one where it is not given");
  }
  return command;
}

const AMOUNT = ["--amount <amount>", "in the settlement asset"] as const;
const SHARES = ["--shares <amount>", "in whole shares, with decimals"] as const;

// supplyCollateral → supply-collateral
function nameOf(verb: MarketVerb): string {
  return verb.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function withClass(command: Command): Command {
  return command
    .option("--facility <address>", "the facility; the only one where it is not given")
    .addOption(
      new Option("--class <index>", "the class, 0 is the most senior").argParser(wholeNumber).default(0n, "0"),
    );
}

// Verbs

async function subscribe(desk: Desk, options: Options): Promise<Work> {
  const place = facilityOf(desk.deployment, options.facility);
  return await subscribePlan(investorOf(desk), place, options.class, await assetsIn(desk, options.amount));
}

function claim(desk: Desk, options: Options): Promise<Work> {
  return claimPlan(investorOf(desk), tokenOf(desk, options));
}

async function transfer(desk: Desk, options: Options): Promise<Work> {
  const token = tokenOf(desk, options);
  const shares = await unitsIn(desk, token, options.shares ?? "");
  return await transferPlan(investorOf(desk), token, addressIn(options.to), shares);
}

async function order(desk: Desk, options: Options): Promise<Work> {
  const { contracts, signer, deployment, provider } = desk;
  const shareToken = tokenOf(desk, options);
  const nowAt = BigInt((await provider.getBlock("latest"))?.timestamp ?? 0);
  const terms: Order = {
    ...{ maker: signer.address, taker: ZeroAddress, shareToken, asset: deployment.addresses.asset },
    ...{ isSell: options.side === "sell", shares: await unitsIn(desk, shareToken, options.shares ?? "") },
    ...{ assets: await assetsIn(desk, options.price), maxAccruedAssets: await assetsIn(desk, options.accrued) },
    ...{ maxFeeBps: await contracts.exchange.feeBps(), expiresAt: nowAt + options.days * DAY_SEC },
    ...{ nonce: await contracts.exchange.minNonce(signer.address), salt: hexlify(randomBytes(32)) },
  };
  const domain = domainOf(await contracts.exchange.eip712Domain());
  const plan = await orderPlan(investorOf(desk), terms);
  return {
    ...plan,
    result: { orderHash: orderHash(domain, terms), file: options.out },
    finish: async () => {
      const signature = await signOrder(signer, domain, terms);
      writeFileSync(options.out, `${JSON.stringify({ order: terms, signature }, asText, 2)}\n`);
    },
  };
}

async function fill(desk: Desk, options: Options): Promise<Work> {
  const signed = orderIn(options.order);
  const shares =
    options.shares === undefined ? undefined : await unitsIn(desk, signed.order.shareToken, options.shares);
  return await fillPlan(investorOf(desk), signed.order, signed.signature, shares);
}

function cancel({ contracts, deployment, signer }: Desk, options: Options): Promise<Work> {
  const { order: own } = orderIn(options.order);
  demand(own.maker.toLowerCase() === signer.address.toLowerCase(), "Invest_NotMaker", { maker: own.maker });
  const data = contracts.exchange.interface.encodeFunctionData("cancel", [own]);
  return Promise.resolve({
    calls: [{ to: deployment.addresses.exchange, data }],
    preview: { token: own.shareToken, cancelledShares: own.shares },
  });
}

async function deposit(desk: Desk, options: Options): Promise<Work> {
  return await depositPlan(investorOf(desk), await assetsIn(desk, options.amount));
}

async function redeem(desk: Desk, options: Options): Promise<Work> {
  const { vault } = desk.deployment.addresses;
  return await redeemPlan(
    investorOf(desk),
    options.shares === undefined ? undefined : await unitsIn(desk, vault, options.shares),
  );
}

async function onMarket(desk: Desk, options: Options, verb: MarketVerb): Promise<Work> {
  const place = marketOf(desk.deployment, options.market);
  const isCollateral = verb === "supplyCollateral" || verb === "withdrawCollateral";
  const text = (isCollateral ? options.shares : options.amount) ?? "";
  const token = isCollateral ? place.params.collateralToken : place.params.loanToken;
  const isAll = text === "all" && (verb === "repay" || verb.startsWith("withdraw"));
  return await marketPlan(investorOf(desk), place, verb, isAll ? "all" : await unitsIn(desk, token, text));
}

// What they have in common

/** Says what will be, then does it; a dry run asks the chain whether the first call would pass, and sends nothing. */
async function carryOut(
  desk: Desk,
  options: Options,
  plan: (desk: Desk, options: Options) => Promise<Work>,
): Promise<object> {
  const isDryRun = options.dryRun === true;
  const sender = isDryRun ? undefined : desk.sender();
  await sender?.resume();
  const { calls, preview, result = {}, finish } = await plan(desk, options);
  const decimals = await decimalsOf(desk);
  if (sender === undefined) {
    const [first] = calls;
    if (first !== undefined)
      await desk.provider.estimateGas({ from: desk.signer.address, ...first }).catch((error: unknown) => {
        throw explainRevert(error) ?? error;
      });
    return { dryRun: true, preview, ...result, transactionCount: calls.length, decimals };
  }
  if (options.json !== true) process.stderr.write(`${linesOf({ preview, decimals }).join("\n")}\n`);
  const transactions: string[] = [];
  let gasUsed = 0n;
  for (const call of calls) {
    const receipt = await sender.send(call);
    transactions.push(receipt.hash);
    gasUsed += receipt.gasUsed;
  }
  await finish?.();
  return { dryRun: false, preview, ...result, transactions, gasUsed, decimals };
}

/** Decimals of amounts, for those who read them. */
interface Decimals {
  readonly assets: number;
  readonly shares: number;
  readonly vaultShares: number;
}

async function decimalsOf({ provider, deployment }: Desk): Promise<Decimals> {
  const { asset, vault } = deployment.addresses;
  const token = deployment.facilities[0]?.classTokens[0];
  const assets = await decimalCountOf(provider, asset);
  const shares = token === undefined ? assets : await decimalCountOf(provider, token);
  return { assets, shares, vaultShares: await decimalCountOf(provider, vault) };
}

function printForPeople(result: object, isJson: boolean): void {
  const text = isJson ? JSON.stringify(result, asText) : linesOf(result).join("\n");
  process.stdout.write(`${text}\n`);
}

/** A line a field, amounts with their decimals, times in UTC, parts as they are read. */
function linesOf(result: object, given?: Decimals, indent = ""): string[] {
  const decimals = given ?? (result as { decimals?: Decimals }).decimals ?? { assets: 6, shares: 6, vaultShares: 12 };
  return Object.entries(result).flatMap(([name, value]: [string, unknown]) => {
    if (name === "decimals" || (Array.isArray(value) && value.length === 0)) return [];
    if (Array.isArray(value) && typeof value[0] !== "object") return [`${indent}${name}: ${value.join(" ")}`];
    if (Array.isArray(value))
      return value.flatMap((one: object) => [`${indent}${name}:`, ...linesOf(one, decimals, `${indent}  `)]);
    if (typeof value === "object" && value !== null)
      return [`${indent}${name}:`, ...linesOf(value, decimals, `${indent}  `)];
    return [`${indent}${name}: ${shown(name, value, decimals)}`];
  });
}

function shown(name: string, value: unknown, { assets, shares, vaultShares }: Decimals): string {
  if (typeof value !== "bigint") return value === null ? "none" : `${value as string | number | boolean}`;
  if (/Assets$|^assets$/.test(name)) return formatUnits(value, assets);
  if (/VaultShares$|^vaultShares$/.test(name)) return formatUnits(value, vaultShares);
  if (/supplyShares$/.test(name)) return String(value); // of a market: a part of its total, no unit of its own
  if (/Shares$|^shares$/.test(name)) return formatUnits(value, shares);
  if (name.endsWith("Wad")) return formatUnits(value, 18);
  if (name.endsWith("Bps")) return `${formatUnits(value, 2)} %`;
  if (name.endsWith("At")) return value === 0n ? "never" : new Date(Number(value) * 1000).toISOString();
  return String(value);
}

function asText(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

function investorOf({ deployment, contracts, signer }: Desk): Investor {
  return { deployment, contracts, account: signer.address };
}

function tokenOf({ deployment }: Desk, options: Options): string {
  return classTokenOf(facilityOf(deployment, options.facility), options.class);
}

function assetsIn(desk: Desk, text: string): Promise<bigint> {
  return unitsIn(desk, desk.deployment.addresses.asset, text);
}

async function unitsIn({ provider }: Desk, token: string, text: string): Promise<bigint> {
  return amountOf(text, await decimalCountOf(provider, token));
}

function addressIn(text: string): string {
  try {
    return getAddress(text);
  } catch {
    throw new Failure("Config_NoAddress", `${text.slice(0, 60)} is no address`);
  }
}

/** A signed order out of a file, as `order` writes it. */
function orderIn(file: string): { order: Order; signature: Hex } {
  try {
    const { order: given, signature } = JSON.parse(readFileSync(file, "utf8")) as {
      order: Record<string, string | boolean>;
      signature: Hex;
    };
    const whole = ["shares", "assets", "maxAccruedAssets", "maxFeeBps", "expiresAt", "nonce"];
    const fields = Object.entries(given).map(([name, value]) => [
      name,
      whole.includes(name) ? BigInt(value as string) : value,
    ]);
    return { order: Object.fromEntries(fields) as Order, signature };
  } catch (error) {
    throw new Failure("Config_NoOrder", `${file} is no signed order: ${messageOf(error)}`);
  }
}
