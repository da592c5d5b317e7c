import { expect } from "chai";
import { ZeroAddress, type Wallet } from "ethers";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fund } from "../../scripts/seed.ts";
import { TestStable__factory } from "../../types/factories/mocks/TestStable__factory.ts";
import type { Program } from "../../server/main.ts";
import type * as exchange from "../../server/protocol/apiExchange.ts";
import type * as markets from "../../server/protocol/apiMarkets.ts";
import type { Problem } from "../../server/protocol/api.ts";
import { contractsAt, send, sendAppraisal, type Contracts } from "../../server/protocol/contracts.ts";
import { signOrder, type Order } from "../../server/protocol/order.ts";
import { domainOf, type Domain } from "../../server/protocol/typed.ts";
import {
  HOUR_SEC,
  START_AT,
  advanceTo,
  getJson,
  runHour,
  startRunning,
  startWorld,
  statusOf,
  type Page,
  type RunningWorld,
} from "./running.ts";
import { getAs, postAs, signedIn } from "./signedIn.ts";

const WAD = 10n ** 18n;

describe("read model of capital", () => {
  let world: RunningWorld;
  let program: Program;
  let contracts: Contracts;
  let borrower: Wallet;
  let buyer: Wallet;
  let token: string;
  let asset: string;
  let domain: Domain;

  const as = (wallet: Wallet) => contractsAt(world.deployment.addresses, wallet.connect(world.provider));
  const get = async <T>(path: string): Promise<T> => {
    await program.follow();
    return await getJson<T>(program, path);
  };
  const head = async () => (await world.provider.getBlock("latest"))!;
  const market = () => world.deployment.facilities[0]!.markets[0]!;
  const params = () => ({ ...market(), lltv: BigInt(market().lltv) });

  before(async () => {
    world = await startWorld();
    const dataDir = join(world.folder, "data");
    mkdirSync(dataDir);
    program = await startRunning(world, dataDir);
    ({ contracts } = program);
    [borrower, buyer] = [world.cast.investors[0]!, world.cast.investors[1]!];
    token = world.deployment.facilities[0]!.classTokens[0]!;
    ({ asset } = world.deployment.addresses);
    domain = domainOf(await contracts.exchange.eip712Domain());
    await runHour(world, program);
    await sendAppraisal(contracts.valuation, world.deployment.facilities[0]!.address, [1n, 2n]);
    await fund({ provider: world.provider, addresses: world.deployment.addresses }, buyer, asset, 10n ** 12n);
    await send(
      TestStable__factory.connect(asset, buyer.connect(world.provider)).approve(
        world.deployment.addresses.exchange,
        10n ** 30n,
      ),
    );
    for (const spender of [world.deployment.addresses.markets, world.deployment.addresses.exchange]) {
      await send(
        as(borrower)
          .classToken(token)
          .approve(spender, 10n ** 30n),
      );
    }
  });

  after(async () => {
    await program.stop();
    await world.stop();
  });

  describe("markets", () => {
    const shownMarket = async () => {
      const [shown] = (await get<Page<markets.Market>>("/v1/markets")).items;
      expect(await get(`/v1/markets/${market().id}`)).to.deep.equal(shown);
      return shown!;
    };

    it("are as their contract has them: totals, positions, health, rate", async () => {
      expect(await shownMarket()).to.include({ symbol: "RB1A", utilizationBps: 0, borrowerCount: 0, supplierCount: 1 });
      const shares = 10_000_000_000n;
      await send(as(borrower).markets.supplyCollateral(params(), shares, borrower.address, "0x"));
      await send(as(borrower).markets.borrow(params(), 5_000_000_000n, 0n, borrower.address, borrower.address));
      await advanceTo(world.provider, START_AT + 3 * HOUR_SEC);
      await send(contracts.markets.accrueInterest(params()));
      const live = await contracts.markets.market(market().id);
      const shown = await shownMarket();
      expect(shown).to.include({
        totalSupplyAssets: String(live.totalSupplyAssets),
        totalSupplyShares: String(live.totalSupplyShares),
        totalBorrowAssets: String(live.totalBorrowAssets),
        totalBorrowShares: String(live.totalBorrowShares),
        lastUpdateAt: String(live.lastUpdateAt),
        totalCollateralShares: String(shares),
        ...{ borrowerCount: 1, facility: world.deployment.facilities[0]!.address, classIndex: 0, paysIncome: true },
        priceScaled: String(await contracts.classPrice(market().oracle).price()),
      });
      expect(live.totalBorrowAssets > 5_000_000_000n, "interest").to.equal(true);
      const { items } = await get<Page<markets.Position>>(`/v1/markets/${market().id}/positions`);
      const debt = items.find(({ borrowShares }) => borrowShares !== "0")!;
      const own = await contracts.markets.position(market().id, borrower.address);
      expect(debt).to.include({ account: null, collateralShares: String(shares), flaggedAt: null });
      expect(debt.borrowShares).to.equal(String(own.borrowShares));
      const bonus = await contracts.markets.liquidationBonusWad(params(), borrower.address);
      expect(debt.liquidationBonusWad).to.equal(String(bonus));
      expect(BigInt(debt.maxBorrowAssets!) > BigInt(debt.borrowAssets)).to.equal(true);
      expect(debt.healthWad).to.equal(String((BigInt(debt.maxBorrowAssets!) * WAD) / BigInt(debt.borrowAssets)));
      const points = (await get<Page<markets.MarketPoint>>(`/v1/markets/${market().id}/history?limit=1`)).items;
      expect(points[0]!.totalBorrowAssets).to.equal(String(live.totalBorrowAssets));
    });

    it("count interest to the block of the answer, as an accrual there would", async () => {
      await advanceTo(world.provider, START_AT + 5 * HOUR_SEC);
      const shown = (await get<Page<markets.Market>>("/v1/markets")).items[0]!;
      const at = (await head()).timestamp;
      // An accrual one second later adds as much and a second's interest.
      await send(contracts.markets.accrueInterest(params()));
      const live = await contracts.markets.market(market().id);
      const gap = live.totalBorrowAssets - BigInt(shown.totalBorrowAssets);
      expect((await head()).timestamp - at).to.equal(1);
      expect(gap >= 0n && gap <= 10n, `${gap}`).to.equal(true);
    });

    it("show an account to itself and auditors alone", async () => {
      const path = `/v1/accounts/${borrower.address}/positions`;
      expect(await statusOf(program, path)).to.equal(401);
      const [own, stranger, auditor] = await Promise.all(
        [borrower, world.cast.keeper, world.cast.auditor].map((wallet) => signedIn(program, wallet)),
      );
      expect((await getAs(program, stranger!, path)).status).to.equal(403);
      for (const cookie of [own!, auditor!]) {
        const { body } = await getAs<Page<markets.Position>>(program, cookie, path);
        expect(body.items.map(({ account, marketId }) => [account, marketId])).to.deep.equal([
          [borrower.address, market().id],
        ]);
      }
      const inMarket = `/v1/markets/${market().id}/positions`;
      const seen = async (cookie: string) => {
        const { body } = await getAs<Page<markets.Position>>(program, cookie, inMarket);
        return body.items.map(({ account }) => account);
      };
      expect(await seen(own!)).to.deep.equal([null, borrower.address]);
      expect(await seen(auditor!)).to.deep.equal([world.cast.lender.address, borrower.address]);
      expect(await statusOf(program, `/v1/markets/0x${"0".repeat(64)}/positions`)).to.equal(404);
    });
  });

  describe("orders", () => {
    const orderOf = (change: Partial<Order> = {}): Order => ({
      ...{ maker: borrower.address, taker: ZeroAddress, shareToken: token, asset, isSell: true },
      ...{ shares: 1_000_000_000n, assets: 990_000_000n, maxAccruedAssets: 10n ** 9n, maxFeeBps: 100n },
      ...{ expiresAt: BigInt(START_AT) + 10n ** 6n, nonce: 0n, salt: `0x${"5a".repeat(32)}` },
      ...change,
    });
    const post = async (order: Order, signer = borrower, signature?: string) => {
      await program.follow();
      const body = JSON.stringify(
        {
          order: { ...order, maxFeeBps: Number(order.maxFeeBps) },
          signature: signature ?? (await signOrder(signer, domain, order)),
        },
        (_, value: unknown) => (typeof value === "bigint" ? String(value) : value),
      );
      return await postAs<exchange.OrderRecord & Pick<Problem, "code" | "facts">>(program, "", "/v1/orders", body);
    };
    let first: exchange.OrderRecord;

    it("are kept when they can be filled, and shown with what the exchange says of them", async () => {
      const { status, body } = await post(orderOf());
      expect(status).to.equal(201);
      first = body;
      expect(first).to.include({ status: "Open", filledShares: "0", fillableShares: "1000000000", symbol: "RB1A" });
      expect(first.orderHash).to.equal(await contracts.exchange.hashOf(orderOf()));
      expect(first.priceWad).to.equal(String((99n * WAD) / 100n));
      expect((await post(orderOf())).status, "again").to.equal(200);
      expect(await get(`/v1/orders/${first.orderHash}`)).to.deep.equal(first);
      const listed = async (query: string) =>
        (await get<Page<exchange.OrderRecord>>(`/v1/orders${query}`)).items.length;
      expect(await listed("")).to.equal(1);
      expect(await listed(`?shareToken=${token}&side=sell&maker=${borrower.address}`)).to.equal(1);
      expect(await listed("?side=buy")).to.equal(0);
      expect(await listed(`?before=${first.orderId}`)).to.equal(0);
    });

    it("are refused when they cannot", async () => {
      const code = async (...given: Parameters<typeof post>) => {
        const { status, body } = await post(...given);
        return `${status} ${body.code} ${body.facts?.["status"] ?? ""}`.trim();
      };
      const salt = `0x${"01".repeat(32)}`;
      expect(await code(orderOf({ salt }), buyer)).to.equal("422 Order_NotFillable BadSignature");
      expect(await code(orderOf({ expiresAt: 1n }))).to.equal("422 Order_NotFillable Expired");
      expect(await code(orderOf({ shareToken: asset }))).to.equal("422 Order_UnknownClass");
      expect(await code(orderOf({ asset: token }))).to.equal("422 Order_OtherAsset");
      expect(await code(orderOf({ shares: 0n }))).to.equal("422 Order_NoShares");
      const { timestamp } = await head();
      expect(await code(orderOf({ expiresAt: BigInt(timestamp) + 299n, salt }))).to.equal("422 Order_TooShort");
      expect(await code(orderOf({ expiresAt: BigInt(timestamp + 91 * 86_400), salt }))).to.equal("422 Order_TooLong");
      const none = orderOf({ maker: world.cast.keeper.address });
      expect(await code(none, world.cast.keeper)).to.equal("422 Order_NotFillable MakerShort");
      const much = orderOf({ shares: 10n ** 77n * 2n });
      expect(await code(much, borrower, `0x${"00".repeat(65)}`)).to.equal("422 Order_OutOfRange");
    });

    it("are filled and cancelled by the chain; trades hide their parties from others", async () => {
      const order = orderOf();
      const signature = await signOrder(borrower, domain, order);
      await send(as(buyer).exchange.fill(order, signature, 400_000_000n, 10n ** 12n, buyer.address));
      expect(await get(`/v1/orders/${first.orderHash}`)).to.include({ filledShares: "400000000", status: "Open" });
      await send(as(borrower).exchange.cancel(order));
      expect(await get(`/v1/orders/${first.orderHash}`)).to.include({ status: "Cancelled", fillableShares: "0" });
      expect((await get<Page<unknown>>("/v1/orders")).items).to.deep.equal([]);
      expect((await get<Page<unknown>>("/v1/orders?status=all")).items).to.have.length(1);
      const { items } = await get<Page<exchange.FillRecord>>(`/v1/fills?shareToken=${token}`);
      expect(items).to.have.length(1);
      const shown = { shares: "400000000", priceAssets: "396000000", feeAssets: "0", seller: null, buyer: null };
      expect(items[0]).to.include(shown);
      expect(items[0]!.orderHashes, "they tell the maker").to.deep.equal([]);
      expect(await statusOf(program, `/v1/fills?orderHash=${first.orderHash}`)).to.equal(401);
      expect(await statusOf(program, `/v1/fills?account=${buyer.address}`)).to.equal(401);
      const own = await getAs<Page<exchange.FillRecord>>(
        program,
        await signedIn(program, buyer),
        `/v1/fills?account=${buyer.address}&orderHash=${first.orderHash}`,
      );
      expect(own.body.items[0]!.orderHashes).to.deep.equal([first.orderHash]);
      expect(own.body.items.map((fill) => [fill.seller, fill.buyer])).to.deep.equal([
        [borrower.address, buyer.address],
      ]);
    });

    it("are found behind very many that cannot be filled any more", async () => {
      const { exchange: spender } = world.deployment.addresses;
      const salt = (byte: number) => `0x${byte.toString(16).padStart(64, "0")}`;
      const older = await post(orderOf({ salt: salt(0) }));
      expect(older.status).to.equal(201);
      await send(
        as(buyer)
          .classToken(token)
          .approve(spender, 10n ** 30n),
      );
      for (let byte = 1; byte <= 41; byte++) {
        expect((await post(orderOf({ maker: buyer.address, salt: salt(byte) }), buyer)).status).to.equal(201);
      }
      await send(as(buyer).classToken(token).approve(spender, 0n));
      for (const round of ["first", "from what is known of them"]) {
        const { items, next } = await get<Page<exchange.OrderRecord>>(
          `/v1/orders?limit=1&side=sell${round === "first" ? "" : `&shareToken=${token}`}`,
        );
        expect([items.map(({ orderHash }) => orderHash), next], round).to.deep.equal([[older.body.orderHash], null]);
      }
      const all = await get<Page<exchange.OrderRecord>>("/v1/orders?limit=1&status=all");
      expect(all.items[0]!.status).to.equal("MakerShort");
      expect(all.next).to.equal(all.items[0]!.orderId);
    });
  });

  describe("prices", () => {
    it("are as the valuation and the index have them, and say when they are stale", async () => {
      const { items } = await get<Page<exchange.Price>>("/v1/prices");
      expect(items.map(({ kind }) => kind)).to.deep.equal(["class", "class", "index"]);
      const { address, prices } = world.deployment.facilities[0]!;
      const senior = items.find(({ priceId }) => priceId === token)!;
      expect(senior).to.include({ state: "Usable", facility: address, classIndex: 0, feed: prices[0] });
      expect(senior.exitWad).to.equal(String(await contracts.valuation.classPriceWad(address, 0)));
      const index = items.at(-1)!;
      expect(index.exitWad).to.equal(String((await contracts.computeIndex.newest(index.priceId)).newestWad));
      const days = await get<Page<exchange.IndexDay>>(`/v1/indexes/${index.name}/history`);
      expect(days.items[0]!.rateWad).to.equal(index.exitWad);
      expect(await statusOf(program, "/v1/indexes/unknown/history")).to.equal(404);
      const snapshot = (await world.provider.send("evm_snapshot", [])) as string;
      await advanceTo(world.provider, START_AT + 3 * 86_400);
      expect((await get<Page<exchange.Price>>("/v1/prices?kind=class")).items[0]!.state).to.equal("Stale");
      await world.provider.send("evm_revert", [snapshot]);
    });
  });

  describe("vault", () => {
    it("is as its contract has it, with its holdings and its queue", async () => {
      const { vault } = contracts;
      const shown = await get<exchange.Vault>("/v1/vault");
      expect(shown).to.include({
        exitAssets: String(await vault.totalAssets()),
        entryAssets: String(await vault.entryAssets()),
        cashAssets: String(await vault.cashAssets()),
        totalShares: String(await vault.totalSupply()),
        ...{ isUsable: true, isPaused: false, shareDecimalCount: 12, openRequestId: "1", fillableAt: null },
      });
      const whole = 10n ** 12n;
      const exitAssets = (BigInt(shown.exitWad) * 10n ** 6n) / WAD;
      const [offset, expected] = [1n, await vault.convertToAssets(whole)];
      expect(exitAssets >= expected - offset && exitAssets <= expected + offset).to.equal(true);
      const [holding] = (await get<Page<exchange.VaultHolding>>("/v1/vault/holdings")).items;
      expect(holding).to.include({ classToken: token, symbol: "RB1A", isUsable: true });
      const parts = BigInt(holding!.exitAssets) + BigInt(holding!.incomeAssets) + BigInt(shown.cashAssets);
      expect(String(parts)).to.equal(shown.exitAssets);
    });

    it("shows batches to all, and requests to who made them", async () => {
      const { saver } = world.cast;
      const shares = (await contracts.vault.balanceOf(saver.address)) / 4n;
      await send(as(saver).vault.requestRedeem(shares, saver.address, saver.address));
      expect((await get<exchange.Vault>("/v1/vault")).pendingShares).to.equal(String(shares));
      const [batch] = (await get<Page<exchange.VaultRequest>>("/v1/vault/requests")).items;
      expect(batch).to.include({ requestId: "1", controller: null, pendingShares: String(shares), filledBps: 0 });
      await advanceTo(world.provider, (await head()).timestamp + HOUR_SEC);
      await send(contracts.vault.fulfil());
      const path = `/v1/vault/requests?controller=${saver.address}`;
      expect(await statusOf(program, path)).to.equal(401);
      await program.follow();
      const { body } = await getAs<Page<exchange.VaultRequest>>(program, await signedIn(program, saver), path);
      expect(body.items[0]).to.include({
        claimableShares: String(await contracts.vault.maxRedeem(saver.address)),
        claimableAssets: String(await contracts.vault.maxWithdraw(saver.address)),
        controller: saver.address,
      });
      expect((await get<exchange.Vault>("/v1/vault")).setAsideAssets).to.equal(
        String(await contracts.vault.setAsideAssets()),
      );
    });
  });
});
