import { createRequire } from "node:module";
import hardhatToolboxMochaEthers from "@nomicfoundation/hardhat-toolbox-mocha-ethers";
import { defineConfig } from "hardhat/config";

// The compiler is the npm package: no download, the same bytes everywhere.
const solc = {
  version: "0.8.37",
  path: createRequire(import.meta.url).resolve("solc/soljson.js"),
  settings: { evmVersion: "prague", optimizer: { enabled: true, runs: 10_000 } },
};

export default defineConfig({
  plugins: [hardhatToolboxMochaEthers],
  solidity: {
    npmFilesToBuild: ["@openzeppelin/contracts/access/manager/AccessManager.sol"],
    profiles: { default: solc, production: solc },
  },
  paths: { tests: { mocha: "test", solidity: "test/invariants" } },
  typechain: { outDir: "types", tsNocheck: true },
  networks: {
    default: { type: "edr-simulated", chainType: "l1", hardfork: "prague", allowUnlimitedContractSize: false },
  },
  test: { mocha: { timeout: 120_000 }, solidity: { fuzz: { runs: 256 }, invariant: { runs: 64, depth: 64 } } },
});
