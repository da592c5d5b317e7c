import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import compiler from "solc";
import { read, ROOT } from "../architecture/project.ts";
import { matchSnapshot } from "./snapshot.ts";

interface Layout {
  storage: { label: string; slot: string; offset: number; type: string }[];
  types: Record<string, { label: string; members?: Layout["storage"] }> | null;
}

const solc = compiler as {
  compile(input: string, callbacks: { import(path: string): { contents: string } }): string;
};
const require = createRequire(import.meta.url);

/** One line for each variable and each struct member: where it is kept. */
function layoutLines(contract: string, { storage, types }: Layout): string[] {
  const line = (label: string, slot: string, offset: number, type: string) =>
    `${contract}: slot ${slot.padStart(2)} byte ${String(offset).padStart(2)} ${types![type]!.label} ${label}`;
  const structs = Object.entries(types ?? {}).filter(([, { members }]) => members !== undefined);
  return [
    ...storage.map(({ label, slot, offset, type }) => line(label, slot, offset, type)),
    ...structs
      .sort(([a], [b]) => a.localeCompare(b))
      .flatMap(([, { label, members }]) =>
        members!.map((member) => line(`${label}.${member.label}`, member.slot, member.offset, member.type)),
      ),
  ];
}

describe("snapshot of the storage layout", () => {
  it("is the one committed, for every contract", () => {
    const files = read("contracts/", ".sol").filter(({ path }) => !path.startsWith("contracts/mocks/"));
    const input = {
      language: "Solidity",
      sources: Object.fromEntries(files.map(({ path, text }) => [path, { content: text }])),
      settings: { evmVersion: "prague", outputSelection: { "*": { "*": ["storageLayout"] } } },
    };
    const output = JSON.parse(
      solc.compile(JSON.stringify(input), {
        import: (path) => ({
          contents: readFileSync(path.startsWith("@") ? require.resolve(path) : join(ROOT, path), "utf8"),
        }),
      }),
    ) as { contracts: Record<string, Record<string, { storageLayout: Layout }>> };
    const lines = files.flatMap(({ path }) =>
      Object.entries(output.contracts[path] ?? {}).flatMap(([name, { storageLayout }]) =>
        layoutLines(name, storageLayout),
      ),
    );
    matchSnapshot("storage.txt", lines.join("\n") + "\n");
  });
});
