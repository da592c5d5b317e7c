import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";

import { runGateway } from "../../server/agent/gateway.ts";
import { openJournal } from "../../server/agent/journal.ts";
import { codeOf } from "../../server/failure.ts";
import type { Hex } from "../../server/protocol/bytes.ts";

const EPOCH = 490_000;
const END_MS = (EPOCH + 1) * 3_600_000;
const UUID = "GPU-00000000-0000-4000-8000-000000000001";
const LINE = (energyMJ: number) => `DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{UUID="${UUID}"} ${energyMJ}\n`;

describe("gateway", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "rackbond-gateway-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const closed = () => readdirSync(join(folder, "spool")).filter((name) => name.endsWith(".ndjson")).length;

  it("S06: an hour stays open for a server that is behind the one which was seen after its end", async () => {
    let nowMs = END_MS - 60_000;
    const gateway = await runGateway(
      {
        nodes: [
          {
            ...{ hostname: "gpu-a", nodeId: 1n, lotId: 1n, allocation: "dedicated", maxGapSec: 600 },
            deviceIndex: new Map([[UUID, 0]]),
            sign: () => Promise.resolve<Hex>(`0x${"00".repeat(64)}`),
          },
        ],
        domain: `0x${"11".repeat(32)}`,
        ...{ listen: { host: "127.0.0.1", port: 0 }, token: undefined, folder, oracles: [], isPrivateAllowed: true },
        labels: { host: ["instance"], isPodOfExporter: false },
        ...{ maxJournalBytes: 1e8, closeDelaySec: 60, timeoutMs: 1000, backoffMs: [10, 20], log: () => undefined },
      },
      { nowMs: () => nowMs, tickMs: 2 },
    );
    const push = async (atMs: number) => {
      const headers = { "content-type": "text/plain" };
      const url = `${gateway.url}/api/v1/exposition/gpu-a?at=${atMs}`;
      return (await fetch(url, { method: "POST", headers, body: LINE(atMs - END_MS + 3_600_000) })).status;
    };
    try {
      expect(await push(END_MS - 50_000)).to.equal(204);
      nowMs = END_MS + 3_000;
      expect(await push(END_MS + 2_000)).to.equal(204);
      nowMs += 20_000;
      await sleep(60);
      expect(closed(), "before it settled").to.equal(0);
      expect(await push(END_MS - 1_000), "of the server that is behind").to.equal(204);
      nowMs += 26_000;
      for (let turn = 0; closed() === 0 && turn < 200; turn++) await sleep(10);
      expect(closed(), "once it settled").to.equal(1);
      expect(await push(END_MS - 3_600_001), "of an hour before that").to.equal(400);
    } finally {
      await gateway.stop();
    }
  });

  it("S08: records of many old hours are no more than a few open files", async () => {
    const journal = openJournal({ folder, maxBytes: 1e8 });
    const at = (epoch: number) => ({ hostname: "gpu-a", atMilliSec: BigInt(epoch * 3_600_000 + 1), text: LINE(1) });
    const records = Array.from({ length: 100 }, (_, epoch) => ({ ...at(epoch), wallEnergyMJ: undefined }));
    await Promise.all(records.map((record) => journal.append(record)));
    expect(openFiles()).to.be.lessThan(20);
    const kept = (await journal.seal(100n)).flatMap((segment) => [...journal.read(segment)]);
    expect(kept.map(({ atMilliSec }) => atMilliSec)).to.deep.equal(records.map(({ atMilliSec }) => atMilliSec));
    await journal.close();
  });

  function openFiles(): number {
    const names = readdirSync("/proc/self/fd").flatMap((name) => {
      try {
        return readlinkSync(`/proc/self/fd/${name}`);
      } catch (error) {
        if (codeOf(error) === "ENOENT") return []; // the listing's own
        throw error;
      }
    });
    return names.filter((name) => name.startsWith(folder)).length;
  }
});
