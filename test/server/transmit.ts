import { expect } from "chai";
import { Transaction, type Wallet } from "ethers";

import { TestStable__factory } from "../../types/factories/mocks/TestStable__factory.ts";
import { connectChain } from "../../server/plugins/chain.ts";
import { enqueue, itemByKey, markMined, markSent } from "../../server/plugins/outbox.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { INTERFACES } from "../../server/protocol/contracts.ts";
import type { Outgoing } from "../../server/jobs/transmit.ts";
import { freePort } from "../../scripts/chain.ts";
import { refusalOf } from "./agentBench.ts";
import { startStage, type Stage } from "./stage.ts";

const STABLE = TestStable__factory.createInterface();
const HOLDER = `0x${"ab".repeat(20)}`;

describe("transmitter", function () {
  this.timeout(60_000);
  let stage: Stage;
  let wallet: Wallet;

  before(async () => {
    stage = await startStage();
    wallet = stage.world.cast.transmitter.connect(stage.provider);
  });
  after(() => stage.stop());
  beforeEach(() => stage.reset());

  /** A call that is seen to have happened once, or twice: it mints. */
  const mint = (key: string, assets: bigint): Outgoing => ({
    ...{ kind: "test", key, to: stage.world.deployment.addresses.asset },
    data: STABLE.encodeFunctionData("mint", [HOLDER, assets]),
  });
  const reverting = (key: string): Outgoing => ({
    ...{ kind: "test", key, to: stage.world.deployment.addresses.leases },
    data: INTERFACES.leases.encodeFunctionData("settle", [99, 0]),
  });
  const minted = () =>
    TestStable__factory.connect(stage.world.deployment.addresses.asset, stage.provider).balanceOf(HOLDER);
  const item = async (key: string) => (await itemByKey(stage.store.db, key))!;
  const queue = async ({ kind, key, to, data }: Outgoing) => {
    await enqueue(stage.store.db, { kind, key, sender: wallet.address as Hex, request: { to, data } });
    return (await item(key)).id;
  };
  /** Signs as a run did that was killed afterwards. */
  const sign = async (outgoing: Outgoing) => {
    const itemId = await queue(outgoing);
    const nonce = await wallet.getNonce();
    const { to, data } = outgoing;
    const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 0n };
    const rawTx = (await wallet.signTransaction({
      ...{ to, data, nonce, chainId: 31_337n, type: 2, gasLimit: 200_000n },
      ...fees,
    })) as Hex;
    const txHash = Transaction.from(rawTx).hash as Hex;
    await markSent(stage.store.db, itemId, { nonce: BigInt(nonce), rawTx, txHash });
    return { itemId, rawTx, txHash, nonce };
  };

  describe("transmit", () => {
    it("brings a call on-chain, and asked again gives the same receipt", async () => {
      const transmitter = stage.startTransmitter();
      const first = await transmitter.transmit(mint("once", 7n));
      const second = await transmitter.transmit(mint("once", 7n));
      expect(second.hash).to.equal(first.hash);
      expect(await minted()).to.equal(7n);
      expect(await item("once")).to.deep.include({ status: "done", txHash: first.hash, attemptCount: 1, error: null });
    });

    it("marks a call that reverts as failed, by the contract's own error, and goes on with the next", async () => {
      const transmitter = stage.startTransmitter();
      await queue(reverting("bad"));
      const nonce = await wallet.getNonce();
      await transmitter.transmit(mint("good", 3n));
      expect(await minted()).to.equal(3n);
      const { status, error, txHash } = await item("bad");
      expect([status, txHash]).to.deep.equal(["failed", null]);
      expect(error).to.contain("Lease_Unknown: leaseId 99");
      expect(await wallet.getNonce()).to.equal(nonce + 1);
      const refusal = await refusalOf(() => transmitter.transmit(reverting("bad")));
      expect(refusal).to.deep.include({ code: "Lease_Unknown", facts: { leaseId: "99" } });
      expect((await item("bad")).status).to.equal("failed");
    });

    it("a transaction that reverts in its block is failed, and never sent again", async () => {
      const { rawTx, txHash } = await sign(reverting("late"));
      await stage.provider.send("eth_sendRawTransaction", [rawTx]);
      await stage.startTransmitter().resume();
      expect(await item("late")).to.deep.include({ status: "failed", txHash });
      const nonce = await wallet.getNonce();
      const refusal = await refusalOf(() => stage.startTransmitter().transmit(reverting("late")));
      expect(refusal.code).to.equal("Outbox_Failed");
      expect(refusal.facts.error).to.contain(`Outbox_Reverted: key late, txHash ${txHash}`);
      expect(await wallet.getNonce()).to.equal(nonce);
    });
  });

  describe("S01: killed", () => {
    it("after it was queued: it is sent once", async () => {
      await queue(mint("k", 11n));
      await stage.startTransmitter().resume();
      await stage.startTransmitter().resume();
      expect(await minted()).to.equal(11n);
      expect((await item("k")).status).to.equal("done");
    });

    it("after it was signed, before it was sent: the same bytes are sent", async () => {
      const { txHash } = await sign(mint("k", 11n));
      const receipt = await stage.startTransmitter().transmit(mint("k", 11n));
      expect(receipt.hash).to.equal(txHash);
      expect(await minted()).to.equal(11n);
      expect(await item("k")).to.deep.include({ status: "done", txHash, attemptCount: 1 });
    });

    it("after it was sent, before it was known to be mined: nothing is sent again", async () => {
      const { rawTx, txHash, nonce } = await sign(mint("k", 11n));
      await stage.provider.send("eth_sendRawTransaction", [rawTx]);
      const receipt = await stage.startTransmitter().transmit(mint("k", 11n));
      expect(receipt.hash).to.equal(txHash);
      expect(await minted()).to.equal(11n);
      expect(await wallet.getNonce()).to.equal(nonce + 1);
    });

    it("while its transaction waits in the pool: it is waited for, not doubled", async () => {
      const { rawTx, txHash } = await sign(mint("k", 11n));
      await stage.provider.send("evm_setAutomine", [false]);
      try {
        await stage.provider.send("eth_sendRawTransaction", [rawTx]);
        const transmitted = stage.startTransmitter().transmit(mint("k", 11n));
        await new Promise((resolve) => setTimeout(resolve, 100));
        await stage.provider.send("evm_mine", []);
        expect((await transmitted).hash).to.equal(txHash);
      } finally {
        await stage.provider.send("evm_setAutomine", [true]);
      }
      expect(await minted()).to.equal(11n);
    });
  });

  describe("S03: the block is gone", () => {
    it("of one that was mined: it is sent again, once, by who asks for it", async () => {
      const transmitter = stage.startTransmitter();
      const snapshot = (await stage.provider.send("evm_snapshot", [])) as string;
      await transmitter.transmit(mint("a", 1n));
      await stage.provider.send("evm_revert", [snapshot]);
      expect(await minted()).to.equal(0n);
      await transmitter.transmit(mint("a", 1n));
      await transmitter.transmit(mint("a", 1n));
      expect(await minted()).to.equal(1n);
    });

    it("of several: all are sent again in their order, before what is new", async () => {
      const transmitter = stage.startTransmitter();
      const snapshot = (await stage.provider.send("evm_snapshot", [])) as string;
      const nonce = await wallet.getNonce();
      for (const [key, assets] of [
        ["a", 1n],
        ["b", 10n],
        ["c", 100n],
      ] as const)
        await transmitter.transmit(mint(key, assets));
      await stage.provider.send("evm_revert", [snapshot]);
      await transmitter.transmit(mint("d", 1000n));
      expect(await minted()).to.equal(1111n);
      const nonces = await Promise.all(
        ["a", "b", "c", "d"].map(async (key) => Number((await item(key)).nonce) - nonce),
      );
      expect(nonces).to.deep.equal([0, 1, 2, 3]);
    });

    it("of several, killed before the newest was noted as mined: a new run brings all of them again", async () => {
      const transmitter = stage.startTransmitter();
      const snapshot = (await stage.provider.send("evm_snapshot", [])) as string;
      await transmitter.transmit(mint("a", 1n));
      await transmitter.transmit(mint("b", 10n));
      await stage.store.db.query("update outbox set status = 'sent' where key = 'b'");
      await stage.provider.send("evm_revert", [snapshot]);
      await stage.startTransmitter().resume();
      expect(await minted()).to.equal(11n);
    });

    it("and another transaction has its nonce: that one alone is sent again", async () => {
      const transmitter = stage.startTransmitter();
      const snapshot = (await stage.provider.send("evm_snapshot", [])) as string;
      await transmitter.transmit(mint("a", 1n));
      await stage.provider.send("evm_revert", [snapshot]);
      const other = await wallet.sendTransaction({ to: HOLDER });
      await stage.provider.waitForTransaction(other.hash);
      await transmitter.transmit(mint("b", 10n));
      await transmitter.transmit(mint("a", 1n));
      expect(await minted()).to.equal(11n);
    });

    it("a key marked mined by a chain that lied is found out", async () => {
      const { itemId, txHash } = await sign(mint("k", 11n));
      await markMined(stage.store.db, itemId, txHash);
      await stage.startTransmitter().transmit(mint("k", 11n));
      expect(await minted()).to.equal(11n);
    });
  });

  describe("S04: connectChain", () => {
    it("refuses a chain with another id", async () => {
      const refusal = await refusalOf(() => connectChain(stage.chain.url, 1));
      const { url } = stage.chain;
      expect(refusal).to.deep.include({ code: "Chain_WrongId", facts: { url, chainId: 31_337, expectedChainId: 1 } });
    });

    it("says where no chain answers", async () => {
      const url = `http://127.0.0.1:${await freePort()}`;
      const failure = await connectChain(url, 31_337).catch((error: unknown) => error);
      expect(failure).to.deep.include({ code: "Chain_Unreachable" });
      expect(String(failure)).to.contain(`no chain answers at ${url}: `);
    });
  });
});
