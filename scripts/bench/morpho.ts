// Morpho Blue as its authors publish it, compiled here: nothing of it is in this repository.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import type { InterfaceAbi } from "ethers";

const require = createRequire(import.meta.url);
const CACHE = join(import.meta.dirname, "../../cache/bench");

/** What is deployed of it: the markets, and what its own tests use for a token, a price and a rate. */
const SOURCES = {
  Morpho: "src/Morpho.sol",
  ERC20Mock: "src/mocks/ERC20Mock.sol",
  OracleMock: "src/mocks/OracleMock.sol",
  IrmMock: "src/mocks/IrmMock.sol",
};

// Those of foundry.toml in github.com/morpho-org/morpho-blue at commit 02820d4d; the npm package leaves the file out.
const SETTINGS = {
  viaIR: true,
  optimizer: { enabled: true, runs: 999_999 },
  evmVersion: "paris",
  metadata: { bytecodeHash: "none" },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
};

export type MorphoCode = Record<keyof typeof SOURCES, { abi: InterfaceAbi; bytecode: string }>;

interface Solc {
  compile(input: string): string;
}

interface Output {
  errors?: { severity: string; formattedMessage: string }[];
  contracts: Record<string, Record<string, { abi: []; evm: { bytecode: { object: string } } }>>;
}

/** Morpho Blue's bytecode: from the cache where the same sources, settings and compiler made it before. */
export function compileMorpho(say: (line: string) => void): MorphoCode {
  const home = dirname(require.resolve("@morpho-org/morpho-blue/package.json"));
  const contentOf = (path: string) => readFileSync(join(home, path), "utf8");
  const sources = new Map<string, string>();
  const gather = (path: string) => {
    if (sources.has(path)) return;
    sources.set(path, contentOf(path));
    for (const [, target] of sources.get(path)!.matchAll(/^import[^;]*"(\.[^"]+)";/gm))
      gather(join(dirname(path), target!));
  };
  Object.values(SOURCES).forEach(gather);
  const input = JSON.stringify({
    language: "Solidity",
    sources: Object.fromEntries([...sources].map(([path, content]) => [path, { content }])),
    settings: SETTINGS,
  });
  const compiler = readFileSync(require.resolve("solc-0819/soljson.js"));
  const hash = createHash("sha256").update(input).update(compiler).digest("hex");
  const file = join(CACHE, `morpho-${hash}.json`);
  try {
    return JSON.parse(readFileSync(file, "utf8")) as MorphoCode;
  } catch {
    // Not compiled yet.
  }
  const startMs = performance.now();
  const code = compile(input);
  say(`Morpho Blue compiled in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(`${file}.${process.pid}`, JSON.stringify(code));
  renameSync(`${file}.${process.pid}`, file);
  return code;
}

function compile(input: string): MorphoCode {
  const solc = require("solc-0819") as Solc;
  const output = JSON.parse(solc.compile(input)) as Output;
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(`Morpho Blue does not compile:\n${errors[0]!.formattedMessage}`);
  const codeOf = (name: keyof typeof SOURCES) => {
    const { abi, evm } = output.contracts[SOURCES[name]]![name]!;
    return { abi, bytecode: `0x${evm.bytecode.object}` };
  };
  return {
    Morpho: codeOf("Morpho"),
    ERC20Mock: codeOf("ERC20Mock"),
    OracleMock: codeOf("OracleMock"),
    IrmMock: codeOf("IrmMock"),
  };
}
