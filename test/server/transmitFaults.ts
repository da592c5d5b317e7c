import { expect } from "chai";
import { setTimeout as sleep } from "node:timers/promises";

import { firstFees, raisedFees } from "../../server/jobs/fees.ts";
import type { Sender } from "../../server/jobs/transmit.ts";
import { HOLDER, transmitBench } from "./transmitBench.ts";

const GWEI = 10n ** 9n;

describe("transmitter under faults", function () {
  this.timeout(60_000);
  const bench = transmitBench();
  const { rpc, item, start, mint, minted, versions, queue, until, wallet } = bench;

  describe("S05: fees", () => {
    it("of a transaction that is not mined rise by a tenth or more, both, under one nonce, until it is", async () => {
      await rpc("evm_setAutomine", false);
      const transmitter = start({ bumpAfterMs: 30 });
      await queue(mint("k", 5n));
      await until(
        async () => (await item("k")).attemptCount >= 4,
        async () => {
          await transmitter.pass();
          await sleep(10);
        },
      );
      const sent = await versions("k");
      expect(new Set(sent.map(({ nonce }) => nonce)).size).to.equal(1);
      for (const [place, version] of sent.entries()) {
        const before = sent[place - 1];
        if (before === undefined) continue;
        for (const fee of ["maxFeePerGas", "maxPriorityFeePerGas"] as const)
          expect(version[fee]! * 10n >= before[fee]! * 11n, `${fee} ${before[fee]} → ${version[fee]}`).to.equal(true);
      }
      await rpc("evm_mine");
      await transmitter.pass();
      expect(await item("k")).to.deep.include({ status: "done" });
      expect(await minted()).to.equal(5n);
    });

    it("an older version that is mined counts as well", async () => {
      await rpc("evm_setAutomine", false);
      const transmitter = start({ bumpAfterMs: 30 });
      await queue(mint("k", 5n));
      await transmitter.pass();
      await sleep(40);
      await transmitter.pass();
      const [first, second] = await versions("k");
      expect(second?.hash).to.not.equal(undefined);
      await rpc("anvil_dropTransaction", second!.hash);
      await rpc("eth_sendRawTransaction", first!.serialized);
      await rpc("evm_mine");
      await transmitter.pass();
      expect(await item("k")).to.deep.include({ status: "done", txHash: first!.hash });
      expect(await minted()).to.equal(5n);
    });

    it("follow a base fee that shot up above what was offered", async () => {
      await rpc("evm_setAutomine", false);
      const transmitter = start({ bumpAfterMs: 30 });
      await queue(mint("k", 5n));
      await transmitter.pass();
      const [first] = await versions("k");
      const spike = first!.maxFeePerGas! * 3n;
      await rpc("anvil_setNextBlockBaseFeePerGas", `0x${spike.toString(16)}`);
      await rpc("evm_mine");
      expect(await minted()).to.equal(0n);
      await until(
        async () => (await minted()) === 5n,
        async () => {
          await sleep(40);
          await transmitter.pass();
          await rpc("evm_mine");
        },
      );
      await rpc("anvil_setNextBlockBaseFeePerGas", "0x1"); // the chain's reset does not bring it back
      expect((await versions("k")).at(-1)!.maxFeePerGas! > spike / 2n).to.equal(true);
    });

    it("stop at the cap, and nothing is signed while the base fee is above it", async () => {
      await rpc("evm_setAutomine", false);
      await queue(mint("k", 5n));
      const dear = start({ maxFeePerGasWei: 1n });
      await dear.pass();
      expect(await item("k")).to.deep.include({ status: "queued", attemptCount: 0 });
      expect((await item("k")).error).to.contain("above the cap");
      await dear.stop();
      const { maxFeePerGas } = await bench.stage().provider.getFeeData();
      const cap = (maxFeePerGas! * 13n) / 10n;
      const transmitter = start({ bumpAfterMs: 10, maxFeePerGasWei: cap });
      await until(
        async () => (await item("k")).error?.includes("no further under the cap") === true,
        async () => {
          await transmitter.pass();
          await sleep(12);
        },
      );
      const sent = await versions("k");
      expect(sent).to.have.length(3);
      for (const version of sent) expect(version.maxFeePerGas! <= cap).to.equal(true);
      await rpc("evm_mine");
      await transmitter.pass();
      expect(await minted()).to.equal(5n);
    });

    it("are raised so that a pool takes them, to the last wei", () => {
      const cap = 1_000n * GWEI;
      for (const fee of [0n, 1n, 9n, 10n, 11n, 101n, 10n ** 9n + 7n]) {
        const last = { maxFeePerGasWei: fee, priorityFeePerGasWei: fee };
        const next = raisedFees(last, { maxFeePerGasWei: 0n, priorityFeePerGasWei: 0n }, cap)!;
        expect(next.maxFeePerGasWei * 10n >= fee * 11n && next.maxFeePerGasWei > fee, String(fee)).to.equal(true);
        expect(next.priorityFeePerGasWei * 10n >= fee * 11n && next.priorityFeePerGasWei > fee).to.equal(true);
      }
      const last = { maxFeePerGasWei: 100n, priorityFeePerGasWei: 10n };
      expect(raisedFees(last, { maxFeePerGasWei: 900n, priorityFeePerGasWei: 5n }, 500n)).to.deep.equal({
        maxFeePerGasWei: 500n,
        priorityFeePerGasWei: 11n,
      });
      expect(raisedFees(last, last, 110n)).to.deep.equal({ maxFeePerGasWei: 110n, priorityFeePerGasWei: 11n });
      expect(raisedFees(last, last, 109n)).to.equal(undefined);
      expect(firstFees({ maxFeePerGasWei: 900n, priorityFeePerGasWei: 600n }, 10n, 500n)).to.deep.equal({
        maxFeePerGasWei: 500n,
        priorityFeePerGasWei: 500n,
      });
      expect(firstFees(last, 501n, 500n)).to.equal(undefined);
    });
  });

  it("S05: what the pool forgot is sent again, the same bytes", async () => {
    await rpc("evm_setAutomine", false);
    const transmitter = start();
    await queue(mint("k", 5n));
    await transmitter.pass();
    const { txHash } = await item("k");
    await rpc("anvil_dropTransaction", txHash);
    await sleep(25);
    await transmitter.pass();
    await rpc("evm_mine");
    await transmitter.pass();
    expect(await item("k")).to.deep.include({ status: "done", txHash, attemptCount: 1 });
  });

  it("S05: a nonce that is nobody's is filled, so that what waits behind it goes on", async () => {
    await rpc("evm_setAutomine", false);
    const nonce = await wallet().getNonce();
    await queue(mint("k", 5n));
    const ahead: Sender = {
      address: wallet().address,
      signTransaction: (call) => wallet().signTransaction({ ...call, nonce: nonce + 2 }),
    };
    // As after a re-org that took two transactions from outside: ours has a later nonce than the chain expects.
    const misled = start({}, { sender: ahead });
    await misled.pass();
    await misled.stop();
    await bench.stage().store.db.query("update outbox set nonce = $1", [nonce + 2]);
    await bench.stage().store.db.query("update outbox_versions set nonce = $1", [nonce + 2]);
    const transmitter = start();
    await until(
      async () => (await item("k")).status === "done",
      async () => {
        await transmitter.pass();
        await rpc("evm_mine");
      },
    );
    expect(await minted()).to.equal(5n);
    expect(await wallet().getNonce()).to.equal(nonce + 3);
  });

  it("S05: a transaction from outside that took the nonce counts once it is deep; then ours goes under the next", async () => {
    await rpc("evm_setAutomine", false);
    const transmitter = start({ confirmationCount: 3 });
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
    await transmitter.pass();
    expect(await item("k")).to.deep.include({ status: "sent", nonce });
    await rpc("evm_mine");
    await rpc("evm_mine");
    await transmitter.pass();
    expect((await item("k")).nonce).to.equal(nonce! + 1n);
    await rpc("evm_mine");
    await transmitter.pass();
    expect([await minted(), (await item("k")).status]).to.deep.equal([5n, "mined"]);
  });
});
