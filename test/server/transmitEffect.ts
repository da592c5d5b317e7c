import { expect } from "chai";

import type { Outgoing, Sender } from "../../server/jobs/transmit.ts";
import type { Store } from "../../server/plugins/store.ts";
import { refusalOf } from "./agentBench.ts";
import { HOLDER, STABLE, transmitBench } from "./transmitBench.ts";

const GWEI = 10n ** 9n;

describe("transmitter's effect", function () {
  this.timeout(60_000);
  const bench = transmitBench();
  const { rpc, item, start, mint, minted, queue, until, wallet } = bench;

  describe("S03: a re-org", () => {
    for (const depth of [1, 3, 12])
      it(`of ${depth} blocks across our transactions: each has its effect once, and is done when it is deep`, async () => {
        const transmitter = start({ confirmationCount: 4 });
        for (let i = 0; i < 3; i++) await transmitter.transmit(mint(`k${i}`, 10n ** BigInt(i)));
        await rpc("anvil_mine", `0x${Math.max(depth - 3, 0).toString(16)}`);
        if (depth === 12) expect((await item("k0")).status).to.equal("mined");
        await rpc("anvil_reorg", depth, []);
        await until(
          async () => (await Promise.all([0, 1, 2].map((i) => item(`k${i}`)))).every(({ status }) => status === "done"),
          async () => {
            await transmitter.pass();
            await rpc("evm_mine");
          },
        );
        expect(await minted()).to.equal(111n);
      });

    it("deeper than what counts as done is seen as well", async () => {
      const transmitter = start({ confirmationCount: 1 });
      await transmitter.transmit(mint("a", 1n));
      await transmitter.transmit(mint("b", 10n));
      expect((await item("a")).status).to.equal("done");
      await rpc("anvil_reorg", 2, []);
      expect(await minted()).to.equal(0n);
      await transmitter.transmit(mint("c", 100n));
      expect(await minted()).to.equal(111n);
    });
  });

  describe("exactly one effect", () => {
    const refused = (key: string): Outgoing => ({
      ...{ kind: "report", key, to: bench.stage().world.deployment.addresses.asset },
      data: STABLE.encodeFunctionData("transferFrom", [HOLDER, HOLDER, 1n]),
    });

    it("a call that the chain refuses because another's had the effect is done, not failed", async () => {
      const transmitter = start({ isEffective: ({ key }) => Promise.resolve(key === "theirs") });
      const refusal = await refusalOf(() => transmitter.transmit(refused("theirs")));
      expect(refusal.code).to.equal("Outbox_DoneElsewhere");
      expect(await item("theirs")).to.deep.include({ status: "done", txHash: null });
      expect((await refusalOf(() => transmitter.transmit(refused("nobody's")))).code).to.equal(
        "ERC20InsufficientAllowance",
      );
      expect((await item("nobody's")).status).to.equal("failed");
    });

    const gift = (key: string): Outgoing => ({
      ...refused(key),
      data: STABLE.encodeFunctionData("transfer", [HOLDER, 7n]),
    });
    /** The wallet can give from now on. */
    const fund = async () => {
      const to = bench.stage().world.deployment.addresses.asset;
      const sent = await wallet().sendTransaction({
        to,
        data: STABLE.encodeFunctionData("mint", [wallet().address, 7n]),
      });
      await sent.wait();
    };

    it("S03: what another brought and a re-org took is sent, once it is asked for again", async () => {
      let isEffective = true;
      const transmitter = start({ isEffective: () => Promise.resolve(isEffective) });
      expect((await refusalOf(() => transmitter.transmit(gift("k")))).code).to.equal("Outbox_DoneElsewhere");
      await fund();
      expect((await refusalOf(() => transmitter.transmit(gift("k")))).code).to.equal("Outbox_DoneElsewhere");
      isEffective = false;
      await transmitter.transmit(gift("k"));
      expect(await minted()).to.equal(7n);
      expect((await item("k")).status).to.equal("done");
    });

    it("S03: what another brought is done when that is as deep as our own would have to be, and sent if it goes", async () => {
      let shownAt = await bench.stage().provider.getBlockNumber();
      const isEffective = (_: Outgoing, blockNumber: number) => Promise.resolve(blockNumber >= shownAt);
      const transmitter = start({ confirmationCount: 3, isEffective, waitMs: 0 });
      for (const key of ["deep", "gone"]) {
        expect((await refusalOf(() => transmitter.transmit(gift(key)))).code).to.equal("Outbox_NotMined");
        expect((await item(key)).status).to.equal("queued");
        await rpc("anvil_mine", "0x2");
        if (key === "gone") break;
        await transmitter.pass();
        expect(await item(key)).to.deep.include({ status: "done", txHash: null });
        shownAt = await bench.stage().provider.getBlockNumber();
      }
      shownAt = Infinity;
      await fund();
      await transmitter.pass();
      expect(await minted()).to.equal(7n);
    });

    it("S05: a revert without a word is a refusal too", async () => {
      const silent = { ...refused("silent"), data: "0x5e9e5e9e" };
      expect((await refusalOf(() => start().transmit(silent))).code).to.equal("Outbox_Refused");
    });

    it("a call whose nonce was taken is not sent again where another's had the effect", async () => {
      await rpc("evm_setAutomine", false);
      let isEffective = false;
      const transmitter = start({ isEffective: () => Promise.resolve(isEffective) });
      await queue(mint("k", 5n));
      await transmitter.pass();
      const { nonce, txHash } = await item("k");
      await rpc("anvil_dropTransaction", txHash);
      await wallet().sendTransaction({
        to: HOLDER,
        nonce: Number(nonce),
        maxFeePerGas: 100n * GWEI,
        maxPriorityFeePerGas: GWEI,
      });
      await rpc("evm_mine");
      isEffective = true;
      await transmitter.pass();
      expect(await item("k")).to.deep.include({ status: "done", txHash: null, nonce: null });
      expect((await refusalOf(() => transmitter.transmit(mint("k", 5n)))).code).to.equal("Outbox_DoneElsewhere");
      expect(await minted()).to.equal(0n);
    });

    it("S01: killed before or after any step, the next run brings each call once", async () => {
      let isWhole = false;
      let at = 0;
      for (; !isWhole; at++) {
        await bench.stage().reset();
        const crash = { left: 1 + (at >> 1), isAfter: at % 2 === 1 };
        const step = async <T>(work: () => Promise<T>): Promise<T> => {
          crash.left -= 1;
          if (crash.left === 0 && crash.isAfter) await work();
          if (crash.left <= 0) throw new Error("killed");
          return await work();
        };
        const db = {
          query: ((text: string, values?: unknown[]) =>
            step(() => bench.stage().store.db.query(text, values))) as Store["db"]["query"],
        };
        const provider = new Proxy(bench.stage().provider, {
          get(target, name) {
            const member: unknown = Reflect.get(target, name, target);
            return typeof member === "function"
              ? (...all: unknown[]) => step(() => member.apply(target, all) as Promise<unknown>)
              : member;
          },
        });
        const sender: Sender = {
          address: wallet().address,
          signTransaction: (call) => step(() => wallet().signTransaction(call)),
        };
        const doomed = start({ waitMs: 0 }, { store: { ...bench.stage().store, db }, provider, sender });
        const outcome = await doomed.transmit(mint("k", 7n)).then(
          () => "done",
          () => "killed",
        );
        await doomed.stop();
        await start().transmit(mint("k", 7n));
        expect(await minted(), `killed at step ${at}`).to.equal(7n);
        isWhole = outcome === "done" && crash.left > 0;
      }
      expect(at).to.be.greaterThan(30);
    });
  });

  describe("S19: two processes with one key", () => {
    it("one leads, the other idles, gets its answers, and takes over when the first is gone", async () => {
      const [first, second] = [start(), start()];
      first.start(5);
      await until(() => first.pass());
      expect(await second.pass()).to.equal(false);
      const receipts = await Promise.all([
        first.transmit(mint("a", 1n)),
        second.transmit(mint("b", 10n)),
        second.transmit(mint("a", 1n)),
      ]);
      expect(receipts[2].hash).to.equal(receipts[0].hash);
      await first.stop();
      expect(await second.pass()).to.equal(true);
      await second.transmit(mint("c", 100n));
      expect(await minted()).to.equal(111n);
      expect(await wallet().getNonce()).to.equal(Number((await item("c")).nonce) + 1);
    });

    it("the lead goes over when the leader's connection drops, and the two share no nonce", async () => {
      const [first, second] = [start(), start()];
      first.start(5);
      second.start(5);
      await until(async () => (await first.pass()) || (await second.pass()));
      const sending = Array.from({ length: 6 }, (_, i) =>
        (i % 2 === 0 ? first : second).transmit(mint(`k${i}`, 10n ** BigInt(i))),
      );
      await bench
        .stage()
        .store.db.query(
          "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()",
        );
      await Promise.all(sending);
      expect(await minted()).to.equal(111_111n);
      const nonces = await Promise.all(sending.map(async (_, i) => (await item(`k${i}`)).nonce));
      expect(new Set(nonces).size).to.equal(6);
    });
  });
});
