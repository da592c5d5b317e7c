import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { JsonRpcProvider } from "ethers";

import { startChain } from "../../scripts/chain.ts";

describe("findings: local chain", () => {
  it("keeps the states that it takes out of memory below its own folder: killed chains left 66 GB in the home", async function () {
    const folder = mkdtempSync(join(tmpdir(), "rackbond-chain-"));
    const chain = await startChain({ genesisAt: 1, port: 0, folder, isKept: false, engine: "anvil" }).catch(
      () => undefined,
    );
    if (chain === undefined) {
      rmSync(folder, { recursive: true });
      this.skip();
      return;
    }
    try {
      const provider = new JsonRpcProvider(chain.url, chain.chainId, { staticNetwork: true });
      await provider.send("anvil_mine", ["0x600"]);
      provider.destroy();
      const cache = join(folder, "chain.cache");
      expect(existsSync(cache) && readdirSync(cache, { recursive: true }).length).to.be.greaterThan(500);
    } finally {
      await chain.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }).timeout(60_000);
});
