import { expect } from "chai";
import { encodeBytes32String, id, type Wallet } from "ethers";
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { join } from "node:path";
import { openCapital } from "../../server/plugins/capital.ts";
import { contractsAfter } from "../../server/plugins/chainAt.ts";
import { openFiles } from "../../server/plugins/files.ts";
import { startFollower, type Follower } from "../../server/plugins/follow.ts";
import { readModel } from "../../server/plugins/readmodel.ts";
import { draftsBefore, insertDraft } from "../../server/plugins/readmodelDrafts.ts";
import { rebuild } from "../../server/plugins/rebuild.ts";
import { openStore, type Store } from "../../server/plugins/store.ts";
import type { LeaseTermsJson } from "../../server/protocol/apiDrafts.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { contractsAt, send } from "../../server/protocol/contracts.ts";
import { PRICINGS } from "../../server/protocol/lease.ts";
import { termsDigest } from "../../server/protocol/leaseTerms.ts";
import { domainOf } from "../../server/protocol/typed.ts";
import type { Sources } from "../../server/sources.ts";
import type { CapitalSources } from "../../server/sourcesCapital.ts";
import { START_AT, advanceTo, startWorld, type RunningWorld } from "./running.ts";

/** Terms as an event has them: every integer a decimal string. */
type Told = Omit<LeaseTermsJson, "pricing" | "periodCount" | "lesseeBucket"> &
  Record<"pricing" | "periodCount" | "lesseeBucket", string> &
  Record<"payment" | "exit", Record<string, string>>;

const run = promisify(execFile);

describe("rebuild", () => {
  let world: RunningWorld;
  let store: Store;
  let follower: Follower;
  let model: Sources;
  let capital: CapitalSources;

  const as = (wallet: Wallet) => contractsAt(world.deployment.addresses, wallet.connect(world.provider));
  const market = () => world.deployment.facilities[0]!.markets[0]!;
  const params = () => ({ ...market(), lltv: BigInt(market().lltv) });

  before(async () => {
    world = await startWorld();
    const { provider, deployment, folder } = world;
    mkdirSync(join(folder, "database"));
    store = await openStore({ dataDir: join(folder, "database") });
    follower = startFollower({ store, provider, deployment });
    const files = await openFiles(join(folder, "files"));
    model = readModel({
      ...{ store, follower, deployment, files },
      contractsAfter: (block) => contractsAfter(provider, deployment.addresses, block),
      proofs: { indexOf: () => Promise.resolve(undefined) },
      submit: () => Promise.reject(new Error("not here")),
    });
    const noSignature = () => Promise.resolve(false);
    capital = openCapital({ store, provider, deployment, files, follower, takesSignature: noSignature });
    await follower.catchUp();
  });

  after(async () => {
    await store.close();
    await world.stop();
  });

  const rebuilt = (isDry = false) =>
    rebuild({ store, provider: world.provider, deployment: world.deployment, isDry, rangeCount: 50 });

  /** What the read model says of everything. */
  const answers = async () => {
    const page = { limit: 100 };
    const facility = world.deployment.facilities[0]!.address;
    const id = market().id as Hex;
    return [
      ...[await model.summary(), await model.facilities(page), await model.payments(facility, page)],
      ...[await model.lots(page), await model.leases(page), await model.epochs(page)],
      ...[await capital.markets(page), await capital.positions(id, page), await capital.marketHistory(id, page)],
      ...[await capital.prices(page, {}), await capital.vault(), await capital.vaultHoldings(page)],
      ...[await capital.sites(page), await capital.nodes(page, {}), await capital.models(page)],
      ...[await capital.bonds(page, {}), await capital.disputes(page, {}), await capital.alerts({})],
      ...[await capital.access({}), await capital.roles(), await capital.operations(page)],
      ...[await capital.fills(page, {}), await capital.statements(page, {})],
    ];
  };

  it("reads the same out of the chain alone, and says so", async () => {
    const live = await answers();
    const done = await rebuilt();
    expect(done).to.include({ missingCount: 0, strayCount: 0, isReplaced: true });
    expect(done.eventCount > 100).to.equal(true);
    expect(await answers()).to.deep.equal(live);
    await follower.catchUp();
    expect(follower.isCurrent()).to.equal(true);
  });

  it("tells what was lost and what was never on the chain, and mends both; a dry one changes nothing", async () => {
    const live = await answers();
    await store.db.query(
      `update events set args = args || '{"assets": "1"}' where (block, log_index) =
         (select block, log_index from events where contract = 'markets' and name = 'Supply' limit 1)`,
    );
    await store.db.query(
      `delete from events where (block, log_index) =
         (select block, log_index from events where contract = 'bonds' and name = 'Posted' limit 1)`,
    );
    const damaged = await answers();
    expect(damaged).to.not.deep.equal(live);
    const found = { missingCount: 2, strayCount: 1 };
    expect(await rebuilt(true)).to.include({ ...found, isReplaced: false });
    expect(await answers()).to.deep.equal(damaged);
    expect(await rebuilt()).to.include({ ...found, isReplaced: true });
    expect(await answers()).to.deep.equal(live);
  });

  it("S03: after a branch was left the live read model is the one that the other branch alone makes", async () => {
    const { investors, saver, operator, admin } = world.cast;
    const [borrower] = investors;
    const { markets } = world.deployment.addresses;
    await send(
      as(borrower!)
        .classToken(market().collateralToken)
        .approve(markets, 10n ** 30n),
    );
    await follower.catchUp();
    const snapshot = (await world.provider.send("evm_snapshot", [])) as string;
    const branch = async (name: string, shares: bigint, delaySec: number) => {
      await send(as(borrower!).markets.supplyCollateral(params(), shares, borrower!.address, "0x"));
      await send(as(operator).registry.registerSite("0x5553", encodeBytes32String(name)));
      await send(as(saver).vault.requestRedeem(shares, saver.address, saver.address));
      await send(as(admin).authority.grantRole(9n, operator.address, delaySec));
      await advanceTo(world.provider, START_AT + delaySec);
      await send(as(admin).markets.accrueInterest(params()));
      await follower.catchUp();
      return await answers();
    };
    const left = await branch("left", 1_000_000n, 60);
    await world.provider.send("evm_revert", [snapshot]);
    const live = await branch("taken", 2_000_000n, 7_200);
    expect(live).to.not.deep.equal(left);
    expect(await rebuilt()).to.include({ missingCount: 0, strayCount: 0 });
    expect(await answers()).to.deep.equal(live);
    const { rows } = await store.db.query<{ schema: string | null }>(
      "select to_regnamespace('rebuilding')::text schema",
    );
    expect(rows[0]!.schema, "nothing is left aside").to.equal(null);
  });

  it("is a command, which fills an empty database too", async () => {
    const deploymentFile = join(world.folder, "deployment.json");
    writeFileSync(deploymentFile, JSON.stringify(world.deployment));
    const dataDir = join(world.folder, "command");
    mkdirSync(dataDir);
    const settings = { RACKBOND_DATA: dataDir, RACKBOND_RPC_URL: world.rpcUrl, RACKBOND_DEPLOYMENT: deploymentFile };
    const { eventCount } = await rebuilt(true);
    const { stdout } = await run(process.execPath, ["server/cli/rackbond.ts", "api", "rebuild", "--json"], {
      env: { ...process.env, ...settings },
    });
    const found = { eventCount, missingCount: 0, strayCount: 0, isSame: true, isReplaced: true };
    expect(JSON.parse(stdout)).to.include(found);
  });

  it("keeps what people handed in: a draft is opened by the lease of the very terms", async () => {
    const { rows } = await store.db.query<{ terms: Record<string, unknown> }>(
      "select args -> 'terms' terms from events where contract = 'leases' and name = 'Opened' order by block limit 1",
    );
    const opened = rows[0]!.terms as unknown as Told;
    const numbers = (clause: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(clause).map(([name, value]) => [name, name.endsWith("Assets") ? value : Number(value)]),
      );
    const terms = {
      ...opened,
      ...{ pricing: PRICINGS[Number(opened.pricing)]!, periodCount: Number(opened.periodCount), countries: ["US"] },
      ...{ payment: numbers(opened.payment), exit: numbers(opened.exit), lesseeBucket: Number(opened.lesseeBucket) },
      index: { ...opened.index, participationBps: 0 },
      efficiency: { ...opened.efficiency, ...{ metric: "None", targetUnits: 0, sharedBps: 0, maxBps: 0 } },
      sla: opened.sla.map((step) => numbers(step as unknown as Record<string, string>)),
    } as LeaseTermsJson;
    const domain = domainOf(await as(world.cast.keeper).leases.eip712Domain());
    const { operator } = world.cast;
    for (const one of [terms, { ...terms, documentHash: id("another") }]) {
      await insertDraft(store.db, termsDigest(domain, one), one, operator.address, 1n);
    }
    const states = async () => {
      const drafts = await draftsBefore(store.db, domain, { limit: 5 }, { party: operator.address });
      return drafts.map(({ state, leaseId }) => [state, leaseId]);
    };
    const expected = [
      ["Drafted", null],
      ["Opened", "1"],
    ];
    expect(await states()).to.deep.equal(expected);
    await rebuilt();
    expect(await states()).to.deep.equal(expected);
    const [last] = await draftsBefore(store.db, domain, { limit: 1 }, {});
    const before = last!.draftId as Hex;
    expect(await draftsBefore(store.db, domain, { limit: 5, before }, { state: "Opened" })).to.have.length(1);
  });
});
