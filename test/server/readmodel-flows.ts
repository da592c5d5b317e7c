import { expect } from "chai";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getAddress, ZeroAddress } from "ethers";
import { insertBlocks, insertEvents } from "../../server/plugins/events.ts";
import { readModel } from "../../server/plugins/readmodel.ts";
import { openStore, type Store } from "../../server/plugins/store.ts";
import type { Flow } from "../../server/protocol/apiMoney.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import type { Deployment } from "../../server/protocol/deployment.ts";
import type { Json } from "../../server/protocol/eventJson.ts";
import type { Sources } from "../../server/sources.ts";
import { silentContracts } from "./silent.ts";

// Ways of shares that a small world does not go: collateral that is seized, leverage, gifts, a write-off.

const word = (n: number): Hex => `0x${n.toString(16).padStart(64, "0")}`;
const account = (n: number) => getAddress(`0x${n.toString(16).padStart(40, "0")}`);
const names = ["asset", "facility", "token", "holder", "other", "markets", "leverage", "exchange"] as const;
const at = Object.fromEntries(names.map((name, place) => [name, account(place + 1)])) as Record<
  (typeof names)[number],
  string
>;
const RAY = 10n ** 27n;
type Told = [contract: string, address: string, name: string, args: Record<string, Json>];

describe("flows out of events", () => {
  let folder: string;
  let store: Store;
  let model: Sources;
  let block = 0n;

  /** One transaction in a block of its own, a day after the one before. */
  const tell = async (...events: Told[]) => {
    block += 1n;
    await insertBlocks(store.db, [{ number: block, hash: word(Number(block)), time: block * 86_400n }]);
    await insertEvents(
      store.db,
      events.map(([contract, address, name, args], logIndex) => ({
        ...{ block, logIndex, txHash: word(Number(block)), contract, address, name, args },
      })),
    );
  };
  const moved = (from: string, to: string, value: string): Told => [
    "classToken",
    at.token,
    "Transfer",
    { from, to, value },
  ];
  const market = (name: string, args: Record<string, string>): Told => [
    "markets",
    at.markets,
    name,
    { id: word(7), ...args },
  ];
  const traded = (seller: string, buyer: string, shares: string, priceAssets: string): Told => {
    const price = { asset: at.asset, shares, priceAssets, accruedAssets: "0", feeAssets: "0" };
    return ["exchange", at.exchange, "Traded", { shareToken: at.token, seller, buyer, ...price }];
  };
  const flows = () => model.flows(at.holder, { limit: 100 }, { method: "fifo" });
  const newest = async () => (await flows()).at(-1)!;
  const shown = ({ kind, shares, assets, basisAssets, gainAssets, heldShares, costAssets }: Flow) =>
    [kind, shares, assets, basisAssets, gainAssets, heldShares, costAssets].join(" ");

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "rackbond-flows-"));
    store = await openStore({ dataDir: join(folder, "data") });
    model = readModel({
      ...{ store, follower: { isCurrent: () => true, version: () => 0 }, contractsAfter: () => silentContracts },
      files: { find: () => Promise.resolve(undefined) },
      proofs: { indexOf: () => Promise.resolve(undefined) },
      deployment: { chainId: 1, addresses: at as object } as Deployment,
      submit: () => Promise.reject(new Error("not here")),
    });
    const settings = { asset: at.asset, classes: [{ name: "A", symbol: "A", terms: {} }] };
    await tell([
      "facilities",
      account(20),
      "FacilityCreated",
      { facility: at.facility, classTokens: [at.token], settings },
    ]);
    await tell(["markets", at.markets, "CreateMarket", { id: word(7), params: { collateralToken: at.token } }]);
    await tell(moved(ZeroAddress, at.holder, "1000"), moved(ZeroAddress, at.other, "1000"));
  });

  after(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("leave collateral the account's, until it is seized for the debt that it repays", async () => {
    const posted = { caller: at.holder, onBehalf: at.holder, collateralShares: "600" };
    await tell(market("SupplyCollateral", posted), moved(at.holder, at.markets, "600"));
    expect(shown(await newest())).to.equal("Posted 0 0 0 0 1000 1000");
    const back = { caller: at.holder, onBehalf: at.holder, receiver: at.holder, collateralShares: "100" };
    await tell(market("WithdrawCollateral", back), moved(at.markets, at.holder, "100"));
    expect(shown(await newest())).to.equal("Returned 0 0 0 0 1000 1000");
    const seized = { caller: at.other, borrower: at.holder, seizedCollateralShares: "200", repaidAssets: "190" };
    await tell(market("Liquidate", seized), moved(at.markets, at.other, "200"));
    expect(shown(await newest())).to.equal("Seized -200 190 200 -10 800 800");
    const liquidator = (await model.flows(at.other, { limit: 10 }, { method: "fifo" })).at(-1)!;
    expect(shown(liquidator)).to.equal("Bought 200 -190 190 0 1200 1190");
  });

  it("take the leverage helper for the account in the account's own transactions, and in no others", async () => {
    const bought = { caller: at.leverage, onBehalf: at.holder, collateralShares: "100" };
    await tell(
      traded(at.other, at.leverage, "100", "96"),
      moved(at.other, at.leverage, "100"),
      market("SupplyCollateral", bought),
      moved(at.leverage, at.markets, "100"),
      ["leverage", at.leverage, "Leveraged", { id: word(7), account: at.holder, postedShares: "100" }],
    );
    expect((await flows()).slice(-2).map(shown)).to.deep.equal([
      "Bought 100 -96 96 0 900 896",
      "Posted 0 0 0 0 900 896",
    ]);
    const count = (await flows()).length;
    await tell(
      moved(at.other, at.leverage, "50"),
      market("SupplyCollateral", { caller: at.leverage, onBehalf: at.other, collateralShares: "50" }),
      ["leverage", at.leverage, "Leveraged", { id: word(7), account: at.other, postedShares: "50" }],
    );
    expect((await flows()).length).to.equal(count);
  });

  it("tell a sale by the trade before the movement, and what has no price as a gift", async () => {
    await tell(
      ...[traded(at.holder, at.other, "10", "9"), moved(at.holder, account(99), "10")],
      ...[traded(at.holder, at.other, "10", "8"), moved(at.holder, at.other, "10")],
    );
    expect((await flows()).slice(-2).map(shown)).to.deep.equal([
      "Sold -10 9 10 -1 890 886",
      "Sold -10 8 10 -2 880 876",
    ]);
    await tell(moved(at.holder, at.other, "80"));
    expect(shown(await newest())).to.equal("Sent -80 0 80 0 800 796");
    await tell(moved(at.other, at.holder, "80"));
    expect(shown(await newest())).to.equal("Received 80 0 0 0 880 796");
  });

  it("lose cost with what is written off, and end with nothing left over", async () => {
    const accrued = { interestAssets: "0", principalAssets: "0", interestPerShareRay: "0" };
    await tell(["classToken", at.token, "Accrued", { ...accrued, principalPerShareRay: String(RAY / 2n) }]);
    // The shares that were a gift cost nothing: what is repaid of them is a gain.
    expect(shown(await newest())).to.equal("Principal 0 0 400 40 880 396"); // no cash until it is claimed
    expect((await newest()).accruedAssets).to.equal("440");
    await tell(["classToken", at.token, "LossAccrued", { lossAssets: "1", lossPerShareRay: String(RAY / 2n) }]);
    expect(shown(await newest())).to.equal("Loss 0 0 396 -396 880 0");
    const year = await model.taxYear(at.holder, 1970, "fifo");
    expect(year.totals[0]).to.include({ principalAssets: "440", lossAssets: "396", proceedsAssets: "207" });
    expect(year.totals[0]).to.include({ gainAssets: String(-10 - 1 - 2 + 40 - 396), basisAssets: "220" });
  });
});
