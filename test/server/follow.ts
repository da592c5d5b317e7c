import { expect } from "chai";
import { encodeBytes32String } from "ethers";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startFollower, type FollowOptions } from "../../server/plugins/follow.ts";
import { openStore, type Store } from "../../server/plugins/store.ts";
import { contractsAt, send } from "../../server/protocol/contracts.ts";
import { startWorld, type RunningWorld } from "./running.ts";

type Provider = FollowOptions["provider"];
type Send = Provider["send"];

interface KeptEvent {
  contract: string;
  address: string;
  tx_hash: string;
  log_index: number;
}

describe("follower", () => {
  let world: RunningWorld;
  let store: Store;

  before(async () => {
    world = await startWorld();
    const dataDir = join(world.folder, "database");
    mkdirSync(dataDir);
    store = await openStore({ dataDir });
  });

  after(async () => {
    await store.close();
    await world.stop();
  });

  const follower = (options: Partial<FollowOptions> = {}) =>
    startFollower({ store, provider: world.provider, deployment: world.deployment, ...options });

  /** All that is kept of the chain but the marks of the ranges, which depend on when it was read. */
  const kept = async () => {
    const events = await store.db.query<KeptEvent>("select * from events order by block, log_index");
    const blocks = await store.db.query(
      "select * from blocks where number in (select block from events) order by number",
    );
    return { events: events.rows, blocks: blocks.rows };
  };

  const rebuilt = async (rangeCount?: number) => {
    await store.db.query("delete from blocks");
    await follower(rangeCount === undefined ? {} : { rangeCount }).catchUp();
    return await kept();
  };

  const sites = async () => {
    const { rows } = await store.db.query<{ zone: string }>(
      `select args ->> 'gridZone' zone from events where name = 'SiteRegistered' order by block, log_index`,
    );
    return rows.map(({ zone }) => zone);
  };

  const registerSite = async (zone: string) => {
    const { registry } = contractsAt(world.deployment.addresses, world.cast.operator.connect(world.provider));
    await send(registry.registerSite("0x5553", encodeBytes32String(zone)));
  };

  /** A provider that answers some methods in its own way. */
  const lying = (
    lies: Record<string, (params: unknown, truth: () => Promise<unknown>) => Promise<unknown>>,
  ): Provider => ({
    send: ((method: string, params: unknown[]) => {
      const truth = () => world.provider.send(method, params) as Promise<unknown>;
      return lies[method]?.(params, truth) ?? truth();
    }) as Send,
  });

  const refusal = async (provider: Provider) => {
    const before = await kept();
    const code = await follower({ provider })
      .catchUp()
      .then(
        () => "none",
        (error: unknown) => (error as { code?: string }).code ?? String(error),
      );
    expect(await kept(), "state").to.deep.equal(before);
    return code;
  };

  describe("catchUp", () => {
    it("reads every event of the deployment, facilities and tokens announced on the way included", async () => {
      const { events } = await rebuilt();
      const contracts = new Set(events.map(({ contract }) => contract));
      expect([...contracts].sort()).to.deep.equal([
        "authority",
        "bonds",
        "classToken",
        "computeIndex",
        "disputes",
        "exchange",
        "facilities",
        "facility",
        "gate",
        "leases",
        "markets",
        "registry",
        "telemetry",
        "valuation",
        "vault",
      ]);
      const logs = await world.provider.getLogs({
        address: [...new Set(events.map(({ address }) => address))],
        fromBlock: world.deployment.startBlock,
        toBlock: "latest",
      });
      expect(events.map(({ tx_hash, log_index }) => [tx_hash, log_index])).to.deep.equal(
        logs.map(({ transactionHash, index }) => [transactionHash, index]),
      );
    });

    it("S16: reads the same in ranges of any size", async () => {
      const whole = await rebuilt();
      expect(await rebuilt(7)).to.deep.equal(whole);
      expect(await rebuilt(1)).to.deep.equal(whole);
    });

    it("goes on where an earlier follower ended, and twice at once reads nothing twice", async () => {
      await registerSite("restart");
      const [one, other] = [follower(), follower()];
      await Promise.allSettled([one.catchUp(), one.catchUp(), other.catchUp()]);
      await one.catchUp();
      expect(one.isCurrent()).to.equal(true);
      const live = await kept();
      expect(await rebuilt()).to.deep.equal(live);
    });
  });

  describe("two followers of one database", () => {
    it("never leave a gap: one whose head was forgotten by the other writes nothing", async () => {
      await follower().catchUp();
      await registerSite("gap");
      const provider = lying({
        eth_getLogs: async (_, truth) => {
          const logs = await truth();
          await store.db.query("delete from blocks where number > $1", [world.deployment.startBlock]);
          return logs;
        },
      });
      const error: unknown = await follower({ provider })
        .catchUp()
        .catch((refused: unknown) => refused);
      expect(error).to.be.an("error").and.have.property("code", "Follow_HeadMoved");
      await follower().catchUp();
      const live = await kept();
      expect(await rebuilt()).to.deep.equal(live);
    });
  });

  describe("re-org", () => {
    for (const depth of [1, 3, 12]) {
      for (const grown of [-1, 0, 2]) {
        const length = depth + grown;
        if (length < 0) continue;
        it(`S03: ${depth} blocks replaced by ${length}`, async () => {
          await follower().catchUp();
          const common = await sites();
          const snapshot = (await world.provider.send("evm_snapshot", [])) as string;
          for (let n = 0; n < depth; n++) await registerSite(`left ${n}`);
          await follower({ rangeCount: 2 }).catchUp();
          expect(await sites()).to.have.length(common.length + depth);

          await world.provider.send("evm_revert", [snapshot]);
          for (let n = 0; n < length; n++) await registerSite(`new ${n}`);
          await follower({ rangeCount: 2 }).catchUp();
          const live = await kept();
          const zones = Array.from({ length }, (_, n) => encodeBytes32String(`new ${n}`));
          expect(await sites()).to.deep.equal([...common, ...zones]);
          expect(await rebuilt()).to.deep.equal(live);
        });
      }
    }

    it("S03: a branch that is left while its range is read leaves nothing behind", async () => {
      await follower().catchUp();
      const common = await sites();
      const snapshot = (await world.provider.send("evm_snapshot", [])) as string;
      await registerSite("left");
      let isLeft = false;
      const provider = lying({
        eth_getLogs: async (_, truth) => {
          const logs = await truth();
          if (!isLeft) {
            isLeft = true;
            await world.provider.send("evm_revert", [snapshot]);
            await registerSite("new");
          }
          return logs;
        },
      });
      await follower({ provider }).catchUp();
      expect(await sites()).to.deep.equal([...common, encodeBytes32String("new")]);
    });
  });

  describe("a node that lies", () => {
    beforeEach(async () => {
      await follower().catchUp();
      await registerSite("true");
    });

    it("S04: is refused for another chain id", async () => {
      expect(await refusal(lying({ eth_chainId: () => Promise.resolve("0x1") }))).to.equal("Chain_WrongId");
    });

    it("S04: is refused for a log of a contract or a block that was not asked for", async () => {
      const changed = (change: object) =>
        lying({ eth_getLogs: async (_, truth) => ((await truth()) as object[]).map((log) => ({ ...log, ...change })) });
      expect(await refusal(changed({ address: world.deployment.addresses.asset }))).to.equal("Follow_StrayLog");
      expect(await refusal(changed({ blockNumber: "0x1" }))).to.equal("Follow_StrayLog");
      expect(await refusal(changed({ removed: true }))).to.equal("Follow_StrayLog");
      expect(await refusal(changed({ topics: [`0x${"11".repeat(32)}`] }))).to.equal("Follow_UnknownEvent");
      expect(await refusal(changed({ blockHash: `0x${"22".repeat(32)}` }))).to.equal("Follow_ChainMoves");
    });

    it("S04: is refused when it has none of the blocks kept, and nothing is forgotten", async () => {
      const provider = lying({
        eth_getBlockByNumber: async (_, truth) => ({ ...((await truth()) as object), hash: `0x${"33".repeat(32)}` }),
      });
      expect(await refusal(provider)).to.equal("Follow_OtherChain");
    });

    it("S04: is asked again after an error, and nothing was lost", async () => {
      let failCount = 1;
      const provider = lying({
        eth_getLogs: (_, truth) => (failCount-- > 0 ? Promise.reject(new Error("timeout")) : truth()),
      });
      const one = follower({ provider });
      expect(await one.catchUp().catch(String)).to.equal("Error: timeout");
      expect(one.isCurrent()).to.equal(false);
      await one.catchUp();
      expect(one.isCurrent()).to.equal(true);
      const live = await kept();
      expect(await rebuilt()).to.deep.equal(live);
    });
  });
});
