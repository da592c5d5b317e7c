import { expect } from "chai";
import { Transaction, type JsonRpcProvider, type Wallet } from "ethers";
import { setTimeout as sleep } from "node:timers/promises";

import { TestStable__factory } from "../../types/factories/mocks/TestStable__factory.ts";
import {
  startTransmitter,
  type Outgoing,
  type Sender,
  type Transmitter,
  type TransmitOptions,
} from "../../server/jobs/transmit.ts";
import { enqueue, itemByKey, versionsOf } from "../../server/plugins/outbox.ts";
import type { Store } from "../../server/plugins/store.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { startStage, type Stage } from "./stage.ts";

export const STABLE = TestStable__factory.createInterface();
export const HOLDER = `0x${"cd".repeat(20)}`;

/** A stage for the transmitter's tests, with hooks that start, reset and stop it. A call's effect is seen: it mints. */
export function transmitBench() {
  let stage: Stage;
  let wallet: Wallet;
  const started: Transmitter[] = [];
  const rpc = (method: string, ...params: unknown[]) => stage.provider.send(method, params) as Promise<unknown>;

  before(async () => {
    stage = await startStage();
    wallet = stage.world.cast.transmitter.connect(stage.provider);
  });
  after(() => stage.stop());
  afterEach(async () => {
    for (const transmitter of started.splice(0)) await transmitter.stop();
    await rpc("evm_setAutomine", true);
  });
  beforeEach(() => stage.reset());

  const item = async (key: string) => (await itemByKey(stage.store.db, key))!;
  return {
    stage: () => stage,
    wallet: () => wallet,
    rpc,
    item,
    start: (
      options: Partial<TransmitOptions> = {},
      parts: { store?: Store; provider?: JsonRpcProvider; sender?: Sender } = {},
    ) => {
      const { store = stage.store, provider = stage.provider, sender = wallet } = parts;
      const transmitter = startTransmitter(store, sender, provider, { resendMs: 20, waitMs: 5_000, ...options });
      started.push(transmitter);
      return transmitter;
    },
    mint: (key: string, assets: bigint): Outgoing => ({
      ...{ kind: "test", key, to: stage.world.deployment.addresses.asset },
      data: STABLE.encodeFunctionData("mint", [HOLDER, assets]),
    }),
    minted: () => TestStable__factory.connect(stage.world.deployment.addresses.asset, stage.provider).balanceOf(HOLDER),
    versions: async (key: string) =>
      (await versionsOf(stage.store.db, (await item(key)).id)).map(({ rawTx }) => Transaction.from(rawTx)).reverse(),
    queue: ({ kind, key, to, data }: Outgoing) =>
      enqueue(stage.store.db, { kind, key, sender: wallet.address as Hex, request: { to, data } }),
    until: async (isSo: () => Promise<boolean>, work: () => Promise<unknown> = () => sleep(5)) => {
      for (let i = 0; i < 500 && !(await isSo()); i++) await work();
      expect(await isSo()).to.equal(true);
    },
  };
}
