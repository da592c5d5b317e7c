import { expect } from "chai";
import { id, type Wallet } from "ethers";
import { startKeeper } from "../../server/jobs/keeper.ts";
import { Gate__factory } from "../../types/factories/compliance/Gate__factory.ts";
import { contractsAt, send } from "../../server/protocol/contracts.ts";
import { Refusal } from "../../server/protocol/refusal.ts";
import { domainOf, structOf } from "../../server/protocol/typed.ts";
import { fund } from "../../scripts/seed.ts";
import { fixDay } from "../../scripts/quotes.ts";
import { FIRST_EPOCH, FIRST_PAYMENT_AT, readingOf, startStage, wire, type Stage } from "./stage.ts";

const HOUR_SEC = 3600;
const OPEN_SEC = HOUR_SEC;
const DAY_SEC = 86_400;
const LAST = FIRST_EPOCH + 743n;
const FEBRUARY_AT = Date.UTC(2026, 1, 1) / 1000;

describe("keeper of the vault and the markets", function () {
  this.timeout(60_000);
  let stage: Stage;
  let world: Stage["world"];
  let provider: Stage["provider"];
  let snapshot: string;
  // January's last hour is reported, and the index fixed for its last day.
  before(async () => {
    stage = await startStage(LAST);
    ({ world, provider } = stage);
    const oracles = await stage.startOracles();
    const readings = [0, 1, 2].map((n) => wire(readingOf(stage, n, LAST)));
    await Promise.all(oracles.map((oracle) => oracle.ingest(readings, BigInt(FEBRUARY_AT))));
    await stage.close(oracles);
    await fixDay(stage.contracts.computeIndex, world.cast.publishers, stage.fleet, FEBRUARY_AT - DAY_SEC);
    snapshot = (await provider.send("evm_snapshot", [])) as string;
  });
  after(() => stage.stop());
  afterEach(async () => {
    await provider.send("evm_revert", [snapshot]);
    snapshot = (await provider.send("evm_snapshot", [])) as string;
  });

  const as = (wallet: Wallet) => contractsAt(world.deployment.addresses, wallet.connect(provider));
  const nowAt = async () => (await provider.getBlock("latest"))!.timestamp;
  const keeperOf = (isDryRun = false) =>
    startKeeper(as(world.cast.keeper), world.deployment, { isDryRun, capital: world.cast.keeper.address });
  const run = async (keeper = keeperOf()) =>
    (await keeper.run(BigInt(await nowAt()))).map(({ verb, subject }) => `${verb} ${subject}`);
  const place = () => world.deployment.facilities[0]!;

  it("pays who waits for money of the vault once the batch is closed, and does it once", async () => {
    const { saver } = world.cast;
    const { vault } = as(saver);
    const shares = (await vault.balanceOf(saver.address)) / 20n;
    await send(vault.requestRedeem(shares, saver.address, saver.address));
    const appraised = `appraise ${place().address}`;
    expect(await run(keeperOf(true))).to.deep.equal([appraised]);
    expect(await vault.maxRedeem(saver.address)).to.equal(0n);
    const keeper = keeperOf();
    // A batch of requests is open for a while, so that nobody is first.
    expect(await run(keeper)).to.deep.equal([appraised]);
    await stage.advanceTo((await nowAt()) + OPEN_SEC);
    expect(await run(keeper)).to.deep.equal(["fulfil request 1"]);
    expect(await vault.maxRedeem(saver.address)).to.equal(shares);
    expect(await run(keeper)).to.deep.equal([]);
  });

  it("claims what a payment date gave the vault, and values the lots anew after it", async () => {
    const { addresses } = world.deployment;
    const [senior] = place().classTokens as [string];
    await stage.advanceTo(FIRST_PAYMENT_AT);
    const would = await run(keeperOf(true));
    // What would be settled brings rent that is not there yet to be collected.
    expect(would.map((action) => action.split(" ")[0])).to.deep.equal([
      ...["record", "settle", "record", "settle", "distribute", "appraise"],
    ]);
    expect((await run()).slice(-3)).to.deep.equal([
      ...[`distribute ${place().address}`, `appraise ${place().address}`, `claim ${senior} for the vault`],
    ]);
    expect(await stage.contracts.classToken(senior).claimableAssets(addresses.vault)).to.equal(0n);
  });

  it("M21: flags a position that owes too much, and liquidates as far as its own money goes", async () => {
    const { cast, deployment } = world;
    const { addresses } = deployment;
    const params = marketParams();
    const keeper = keeperOf();
    await run(keeper);
    const [borrower] = cast.investors as [Wallet];
    const debt = await borrow(borrower);
    expect(await run(keeper)).to.deep.equal([]);

    await devalue();
    // The value fell by more than a tenth: nothing acts on it for six hours.
    expect(await run(keeper)).to.deep.equal([`appraise ${place().address}`]);
    await stage.advanceTo((await nowAt()) + 6 * HOUR_SEC);
    const subject = `${borrower.address} in market ${params.id}`;
    // It may hold no shares: it only flags.
    expect(await run(keeper)).to.deep.equal([`flag ${subject}`]);
    await admit(cast.keeper.address);
    expect(await run(keeper)).to.deep.equal([]);
    const coin = as(cast.keeper).classToken(addresses.asset);
    await fund({ provider, addresses }, cast.keeper, addresses.markets, debt / 20n);
    expect(await run(keeper)).to.deep.equal([`liquidate ${subject}`]);
    expect(await as(cast.keeper).classToken(params.collateralToken).balanceOf(cast.keeper.address)).to.be.above(0n);
    expect(await coin.balanceOf(cast.keeper.address)).to.be.below(debt / 1000n);
  });

  it("M21: passes over a borrower that a contract refuses, tells of it, and liquidates the next; a node's range is small", async () => {
    const { cast, deployment } = world;
    const { id: marketId } = marketParams();
    await run();
    const [refused, next] = cast.investors as [Wallet, Wallet];
    await borrow(refused);
    const debt = await borrow(next);
    await devalue();
    await run();
    await stage.advanceTo((await nowAt()) + 6 * HOUR_SEC);
    await admit(cast.keeper.address);
    await fund({ provider, addresses: deployment.addresses }, cast.keeper, deployment.addresses.markets, debt / 20n);

    const own = as(cast.keeper);
    const { markets } = own;
    const replaced: Partial<Record<string | symbol, unknown>> = {
      liquidate: (...given: Parameters<typeof markets.liquidate>) =>
        given[1] === refused.address
          ? Promise.reject(new Refusal("Market_MayNotSend", { borrower: refused.address }))
          : markets.liquidate(...given),
      queryFilter: (filter: Parameters<typeof markets.queryFilter>[0], from: number, until: number) =>
        until - from < 7 ? markets.queryFilter(filter, from, until) : Promise.reject(new Error("range too large")),
    };
    const narrow = new Proxy(markets, {
      get: (target, name) => replaced[name] ?? (Reflect.get(target, name) as unknown),
    });
    const contracts = { ...own, markets: narrow };
    const failures: string[] = [];
    const onFailure = (subject: string, error: unknown) => failures.push(`${subject}: ${(error as Refusal).code}`);
    const capital = cast.keeper.address;
    const keeper = startKeeper(contracts, deployment, { capital, onFailure });
    const [first, second] = [refused, next].map(({ address }) => `${address} in market ${marketId}`);
    expect(await run(keeper)).to.deep.equal([`flag ${first}`, `flag ${second}`, `liquidate ${second}`]);
    expect(failures).to.deep.equal([`${first}: Market_MayNotSend`]);
    // Without anybody to tell, it ends the turn.
    const strict = startKeeper(contracts, deployment, { capital });
    const ending = await run(strict).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(ending).to.be.instanceOf(Refusal).with.property("code", "Market_MayNotSend");
  });

  function marketParams() {
    const [market] = place().markets;
    return { ...market!, lltv: BigInt(market!.lltv) };
  }

  /** Posts a tenth of an account's shares and borrows what is nearly too much; what it owes. */
  async function borrow(borrower: Wallet): Promise<bigint> {
    const params = marketParams();
    const own = as(borrower);
    const token = own.classToken(params.collateralToken);
    const shares = (await token.balanceOf(borrower.address)) / 10n;
    await send(token.approve(world.deployment.addresses.markets, shares));
    await send(own.markets.supplyCollateral(params, shares, borrower.address, "0x"));
    const price = await own.classPrice(params.oracle).price();
    const debt = (((shares * price) / 10n ** 36n) * 75n) / 100n;
    await send(own.markets.borrow(params, debt, 0n, borrower.address, borrower.address));
    return debt;
  }

  /** The hardware is worth a tenth, and no lessee is rated any more. */
  async function devalue(): Promise<void> {
    const admin = as(world.cast.admin);
    const asOfAt = await nowAt();
    const [{ model }] = stage.fleet as [(typeof stage.fleet)[number]];
    await send(admin.valuation.setCurve(id(model.name), asOfAt, 400 * DAY_SEC, 0, [1_000]));
    for (const { address } of world.cast.lessees)
      await send(admin.valuation.rate(address, { asOfAt, maxAgeSec: 0, lesseeBucket: 0 }));
  }

  /** A credential, so that an account may hold shares. */
  async function admit(holder: string): Promise<void> {
    const { cast, deployment } = world;
    const gate = Gate__factory.connect(deployment.addresses.gate, cast.admin.connect(provider));
    const { types } = structOf(Gate__factory.abi, "present", "credential");
    const credential = {
      ...{ holder, provider: cast.kycProvider.address, country: "0x5553", category: 3 },
      ...{ issuedAt: await nowAt(), expiresAt: (await nowAt()) + 100 * DAY_SEC },
    };
    const domain = domainOf(await gate.eip712Domain());
    await send(gate.present(credential, await cast.kycProvider.signTypedData(domain, types, credential)));
  }
});
