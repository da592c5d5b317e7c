import { builtinModules } from "node:module";
import { dirname, join } from "node:path/posix";

/** A source file and what it imports: paths from the project's root, or package names. */
export interface Module {
  path: string;
  imports: string[];
}

/** Which contract folders each may import; between folders, interfaces only. */
const CONTRACTS: Record<string, string[]> = {
  governance: [],
  registry: [],
  compliance: [],
  telemetry: ["registry"],
  lease: ["registry", "telemetry"],
  facility: ["lease", "registry", "compliance"],
  valuation: ["lease", "telemetry", "facility", "registry"],
  credit: ["valuation", "compliance", "exchange"],
  vault: ["valuation", "compliance", "exchange"],
  exchange: ["valuation", "compliance"],
  compute: ["registry", "telemetry"],
  power: ["registry", "telemetry"],
  bond: ["registry", "telemetry"],
  audit: [],
};

/** The server's own ground: its root files, except the two that compose the program. */
const GROUND = "server/*.ts";
const BASE = ["server/protocol", GROUND, "types"];
const PARTS = ["server/plugins", "server/jobs", "server/routes", "server/agent", "server/keys"];
const COMPOSED = ["server/app.ts", "server/main.ts"];

/** Which areas each area of the TypeScript may import; inside an area the imports are free. */
const TYPESCRIPT: Record<string, string[]> = {
  types: [],
  "server/protocol": ["types"],
  // The model of a deal, to which contracts are compared: pure, it runs where the protocol does.
  "server/model": ["server/protocol"],
  [GROUND]: ["server/protocol", "types"],
  // The read model computes what is to come as the model does.
  "server/plugins": [...BASE, "server/model"],
  // Report and node keys, wherever they are kept: a key never leaves this folder.
  "server/keys": BASE,
  "server/agent": [...BASE, "server/keys"],
  "server/jobs": [...BASE, "server/plugins", "server/keys"],
  "server/routes": [...BASE, "server/plugins"],
  "server/app.ts": [...BASE, ...PARTS],
  "server/main.ts": [...BASE, ...PARTS, "server/app.ts"],
  "server/cli": [...BASE, ...PARTS, ...COMPOSED, "server/model"],
  // The simulation composes the whole program; it enters the server by these doors only.
  "scripts/chaos": [...BASE, "server/plugins", ...COMPOSED, "scripts"],
  scripts: [...BASE, "scripts/chaos", "server/model", ...COMPOSED],
  web: ["server/protocol", "server/model", "types"],
  test: [
    "scripts",
    "scripts/chaos",
    "web",
    "hardhat.config.ts",
    "server/model",
    "server/cli",
    ...BASE,
    ...PARTS,
    ...COMPOSED,
  ],
  "hardhat.config.ts": [],
  "vite.config.ts": [],
};

/** Areas that run in a browser. */
const PURE = new Set(["server/protocol", "server/model"]);

/** These packages do too (jose by WebCrypto alone). */
const ISOMORPHIC = new Set(["ethers", "hash-wasm", "jose", "typebox"]);

/** The file a relative import names, from the project's root; a package import stays as it is. */
export function resolveImport(from: string, specifier: string): string {
  return specifier.startsWith(".") ? join(dirname(from), specifier) : specifier;
}

function isFile(target: string): boolean {
  return /\.(sol|ts|tsx|mts|mjs|js|json)$/.test(target) && !target.startsWith("@");
}

/** Imports of contracts that go against the table. */
export function contractDirections(modules: Module[]): string[] {
  return modules.flatMap(({ path, imports }) =>
    imports.flatMap((target) => {
      const reason = contractImport(path, target);
      return reason === undefined ? [] : [`${path} imports ${target}: ${reason}`];
    }),
  );
}

function contractImport(path: string, target: string): string | undefined {
  if (target.startsWith("@openzeppelin/contracts/")) return undefined;
  const folder = folderOf(path);
  const other = folderOf(target);
  if (other === undefined) return "neither the project's nor OpenZeppelin's";
  if (folder === undefined || folder === "mocks") return undefined;
  if (other === "mocks") return "only tests use mocks";
  const allowed = folder === "" ? [] : CONTRACTS[folder];
  if (allowed === undefined) return `the folder ${folder} has no row in the table of directions`;
  if (other === folder || other === "") return undefined;
  if (!allowed.includes(other)) return `${folder} may import ${allowed.join(", ") || "no other folder"}`;
  return /\/I[A-Z]\w*\.sol$/.test(target) ? undefined : "only interfaces cross a folder";
}

/** The folder under contracts/, "" for its root, undefined for what is not a contract of the project. */
function folderOf(path: string): string | undefined {
  if (!path.startsWith("contracts/")) return undefined;
  return path.split("/").length === 2 ? "" : path.split("/")[1];
}

/** Imports of TypeScript that go against the table. */
export function codeDirections(modules: Module[]): string[] {
  return modules.flatMap(({ path, imports }) =>
    imports.flatMap((target) => {
      const reason = isFile(target) ? fileImport(path, target) : packageImport(path, target);
      return reason === undefined ? [] : [`${path} imports ${target}: ${reason}`];
    }),
  );
}

function fileImport(path: string, target: string): string | undefined {
  const from = areaOf(path);
  const to = areaOf(target);
  if (from === undefined) return `${path} belongs to no area of the table`;
  if (to === undefined) return "it belongs to no area of the table";
  if (/^types\/(?:factories\/)?mocks\//.test(target)) {
    const isLocalMoney = from === "scripts" && /\/TestStable(?:__factory)?\.ts$/.test(target);
    if (from !== "test" && !isLocalMoney) return "only tests use mocks, and local chains the test money";
  }
  const allowed = TYPESCRIPT[from]!;
  if (from === to || allowed.includes(to)) return undefined;
  return `${from} may import ${allowed.join(", ") || "nothing of the project"}`;
}

function packageImport(path: string, target: string): string | undefined {
  const area = areaOf(path);
  const name = target
    .split("/")
    .slice(0, target.startsWith("@") ? 2 : 1)
    .join("/");
  if (area !== undefined && PURE.has(area) && !ISOMORPHIC.has(name)) {
    const isNode = target.startsWith("node:") || builtinModules.includes(target);
    return isNode ? "the core is pure: no Node module" : "not among the packages that run in a browser";
  }
  if (path.startsWith("server/") && /^hardhat$|^@nomicfoundation\//.test(name))
    return "the server runs without Hardhat";
  return undefined;
}

function areaOf(path: string): string | undefined {
  const area = Object.keys(TYPESCRIPT).find((name) => path === name || path.startsWith(`${name}/`));
  return area ?? (/^server\/[^/]+\.ts$/.test(path) ? GROUND : undefined);
}

/** Import cycles, each as one path that returns to its start (one for every edge that closes a cycle). */
export function importCycles(modules: Module[]): string[] {
  const edges = new Map(modules.map(({ path, imports }) => [path, imports]));
  const done = new Set<string>();
  const trail: string[] = [];
  const found: string[] = [];
  const visit = (path: string) => {
    if (trail.includes(path)) {
      found.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
      return;
    }
    if (done.has(path)) return;
    trail.push(path);
    for (const next of edges.get(path) ?? []) visit(next);
    trail.pop();
    done.add(path);
  };
  for (const path of edges.keys()) visit(path);
  return found;
}
