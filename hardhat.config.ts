import { createRequire } from "node:module";
import hardhatToolboxMochaEthers from "@nomicfoundation/hardhat-toolbox-mocha-ethers";
import { defineConfig } from "hardhat/config";

// The compiler is the npm package: no download, the same bytes everywhere.
const solc = {
  version: "0.8.37",
  path: createRequire(import.meta.url).resolve("solc/soljson.js"),
  settings: { evmVersion: "prague", optimizer: { enabled: true, runs: 10_000 } },
};

// The largest contracts: kept under the size limit at a few gas a call.
const small = { ...solc, settings: { ...solc.settings, optimizer: { enabled: true, runs: 200 } } };
// Those whose every unit of gas counts: compiled by way of the intermediate language, which takes longer.
const cheap = { ...solc, settings: { ...solc.settings, viaIR: true } };
// The valuation: it reads whole leases, and fits by that way only.
const slim = { ...solc, settings: { ...small.settings, viaIR: true } };
const lean = { ...solc, settings: { ...cheap.settings, optimizer: { enabled: true, runs: 1000 } } };
const contracts = {
  compilers: [solc],
  overrides: {
    "contracts/vault/IncomeVault.sol": small,
    "contracts/credit/Markets.sol": lean,
    "contracts/lease/Leases.sol": small,
    "contracts/telemetry/Telemetry.sol": cheap,
    "contracts/valuation/Valuation.sol": slim,
    "test/invariants/marketEdges.t.sol": lean,
    "test/invariants/markets.t.sol": lean,
    "test/invariants/vault.t.sol": small,
  },
};

// Instrumented code is larger and dearer: no size limit, and tests of gas say nothing.
const isCoverage = process.env["HARDHAT_COVERAGE"] === "true";
const mocha = isCoverage ? { timeout: 120_000, grep: "\\b[Gg]as\\b", invert: true } : { timeout: 120_000 };

export default defineConfig({
  plugins: [hardhatToolboxMochaEthers],
  solidity: {
    profiles: { default: contracts, production: contracts },
  },
  paths: { tests: { mocha: "test", solidity: "test/invariants" } },
  typechain: { outDir: "types", tsNocheck: true },
  networks: {
    default: {
      type: "edr-simulated",
      chainType: "l1",
      hardfork: "prague",
      allowUnlimitedContractSize: isCoverage,
      initialDate: "2026-01-01T00:00:00Z", // no test depends on today
    },
    // Hardhat's node as the local chain of `npm start`: its clock begins before the main job's.
    local: { type: "edr-simulated", chainType: "l1", hardfork: "prague", initialDate: "2025-12-29T00:00:00Z" },
  },
  test: {
    mocha,
    // The clock starts in 2026 too: near 1970 a time of 0 ("never") would be less than a day ago.
    solidity: { blockTimestamp: 1_767_225_600n, fuzz: { runs: 256 }, invariant: { runs: 64, depth: 64 } },
  },
});
