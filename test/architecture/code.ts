import { expect } from "chai";
import { read } from "./project.ts";
import { codeDirections, importCycles } from "./rules/imports.ts";
import { codeModule, starExports } from "./rules/typescript.ts";

describe("TypeScript", () => {
  const files = read("", ".ts", ".tsx").filter(({ path }) => path !== "eslint.config.js");

  describe("imports", () => {
    const modules = files.map(codeModule);

    it("follow the table of directions", () => expect(codeDirections(modules)).to.deep.equal([]));

    it("have no cycle", () => expect(importCycles(modules)).to.deep.equal([]));

    const direction = (path: string, target: string, statement = `import { a } from "${target}";`) =>
      codeDirections([codeModule({ path, text: statement })]);

    it("fails on each direction that is not in the table", () => {
      const bad: [string, string][] = [
        ["server/protocol/tree.ts", "../plugins/store.ts"],
        ["server/protocol/tree.ts", "node:crypto"],
        ["server/protocol/tree.ts", "fs/promises"],
        ["server/protocol/tree.ts", "pg"],
        ["server/model/facility.ts", "node:crypto"],
        ["server/model/facility.ts", "../../types/factories/facility/Facility__factory.ts"],
        ["server/jobs/keeper.ts", "../model/facility.ts"],
        ["server/routes/lots.ts", "../jobs/epoch.ts"],
        ["server/plugins/store.ts", "../routes/lots.ts"],
        ["server/jobs/epoch.ts", "../app.ts"],
        ["server/failure.ts", "./plugins/store.ts"],
        ["server/app.ts", "./main.ts"],
        ["server/app.ts", "../scripts/deploy.ts"],
        ["server/app.ts", "hardhat"],
        ["server/app.ts", "../test/world.ts"],
        ["scripts/simulate.ts", "../server/jobs/epoch.ts"],
        ["web/portal.tsx", "../server/failure.ts"],
        ["web/portal.tsx", "../server/routes/lots.ts"],
        ["web/portal.tsx", "../scripts/deploy.ts"],
        ["server/app.ts", "../web/format.ts"],
        ["scripts/simulate.ts", "../types/factories/mocks/MockCoin__factory.ts"],
        ["server/protocol/digest.ts", "../../types/factories/mocks/TestStable__factory.ts"],
        ["notes/a.ts", "./b.ts"],
      ];
      for (const [path, target] of bad) expect(direction(path, target), `${path} ${target}`).to.have.length(1);
    });

    it("sees type imports, re-exports and dynamic imports too", () => {
      const path = "server/protocol/tree.ts";
      const target = "../plugins/store.ts";
      expect(direction(path, target, `import type { Store } from "${target}";`)).to.have.length(1);
      expect(direction(path, target, `export { store } from "${target}";`)).to.have.length(1);
      expect(direction(path, target, `const store = await import("${target}");`)).to.have.length(1);
      expect(direction(path, target, `let store: import("${target}").Store;`)).to.have.length(1);
    });

    it("lets the directions of the table pass", () => {
      const good: [string, string][] = [
        ["server/protocol/tree.ts", "./bytes.ts"],
        ["server/protocol/digest.ts", "../../types/factories/telemetry/Telemetry__factory.ts"],
        ["server/model/dates.ts", "../protocol/calendar.ts"],
        ["scripts/paths.ts", "../server/model/facility.ts"],
        ["server/routes/lots.ts", "../protocol/schemas.ts"],
        ["server/plugins/store.ts", "node:fs"],
        ["server/plugins/store.ts", "../failure.ts"],
        ["server/app.ts", "./routes/lots.ts"],
        ["scripts/simulate.ts", "../server/app.ts"],
        ["scripts/deploy.ts", "../types/factories/mocks/TestStable__factory.ts"],
        ["test/server/tree.ts", "../../server/protocol/tree.ts"],
        ["web/chain.ts", "../server/protocol/contracts.ts"],
        ["web/pages/audit/replay.ts", "../../../server/model/waterfall.ts"],
        ["web/chain.ts", "../types/facility/Facility.ts"],
      ];
      for (const [path, target] of good) expect(direction(path, target), `${path} ${target}`).to.deep.equal([]);
    });

    it("fails on two files that import each other", () => {
      const pair = [
        { path: "server/a.ts", text: 'import { b } from "./b.ts";' },
        { path: "server/b.ts", text: 'import type { A } from "./a.ts";' },
      ];
      expect(importCycles(pair.map(codeModule))).to.deep.equal(["server/a.ts → server/b.ts → server/a.ts"]);
    });
  });

  describe("exports", () => {
    it("are named", () => expect(starExports(files)).to.deep.equal([]));

    it("fails on export *, with or without a name", () => {
      const text = (statement: string) => [{ path: "a.ts", text: statement }];
      expect(starExports(text('export * from "./b.ts";'))).to.have.length(1);
      expect(starExports(text('export * as b from "./b.ts";'))).to.have.length(1);
      expect(starExports(text('export { b } from "./b.ts";'))).to.deep.equal([]);
    });
  });
});
