import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { openWire } from "../../scripts/chaos/wire.ts";
import { startPostgres } from "../../server/plugins/postgres.ts";
import { openStore } from "../../server/plugins/store.ts";

// A connection that a router forgot is neither answered nor closed: three of four oracles stood still behind such ones
// until the chaos run gave up.

describe("finding: half-open connections", () => {
  it("S02: a query to a silent database fails in time, and the next one takes another connection", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rackbond-test-"));
    const server = await startPostgres({ dataDir: folder });
    const wire = await openWire({ port: server.port });
    const { user, password, database } = server;
    const databaseUrl = `postgres://${user}:${password}@127.0.0.1:${wire.port}/${database}`;
    const store = await openStore({ dataDir: folder, databaseUrl, statementTimeoutMs: 200 });
    try {
      wire.set("silent");
      const startedMs = Date.now();
      const failed = await store.transaction((tx) => tx.query("select 1")).catch((error: unknown) => error);
      expect(failed).to.be.instanceOf(Error);
      wire.set("open");
      await store.ping();
      expect(Date.now() - startedMs).to.be.lessThan(10_000);
    } finally {
      await store.close();
      await wire.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }).timeout(30_000);
});
