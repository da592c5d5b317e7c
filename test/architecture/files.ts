import { expect } from "chai";
import { bytesOf, paths, read } from "./project.ts";
import * as rules from "./rules/files.ts";

// Samples that a rule must catch are put together here, so that this file does not break the rule itself.
const WORK = ["", "work", "main"].join("/");
const LATER = ["for", "now"].join(" ");
const TASK = ["TO", "DO"].join("");

describe("files", () => {
  describe("names", () => {
    it("say what is inside", () => expect(rules.bannedNames(paths)).to.deep.equal([]));

    it("fails on a name for anything", () => {
      const bad = ["server/utils/time.ts", "scripts/helpers.ts", "contracts/common/A.sol", "web/index.tsx", "misc.md"];
      expect(rules.bannedNames([...bad, "server/protocol/units.ts"])).to.have.length(bad.length);
    });
  });

  describe("length", () => {
    it("is at most 600 lines of Solidity and 350 of TypeScript", () =>
      expect(rules.tooLong(read("", ".sol", ".ts", ".tsx"))).to.deep.equal([]));

    it("fails one line over, not at the cap", () => {
      const lines = (count: number) => "x\n".repeat(count);
      const files = [
        { path: "contracts/a/A.sol", text: lines(601) },
        { path: "contracts/a/B.sol", text: lines(600) },
        { path: "server/a.ts", text: lines(350) + "x" },
        { path: "server/b.ts", text: lines(350) },
      ];
      expect(rules.tooLong(files)).to.deep.equal([
        "contracts/a/A.sol: 601 lines, 600 are allowed",
        "server/a.ts: 351 lines, 350 are allowed",
      ]);
    });
  });

  describe("contract folders", () => {
    it("are flat and hold at most five files, the facility's twelve", () =>
      expect(rules.contractFolders(paths)).to.deep.equal([]));

    it("fails on a sixth file and on a folder in a folder", () => {
      const six = ["A", "B", "C", "D", "E", "F"].map((name) => `contracts/lease/${name}.sol`);
      expect(rules.contractFolders(six.slice(1))).to.deep.equal([]);
      expect(rules.contractFolders([...six, "contracts/bond/cover/G.sol"])).to.have.length(2);
      const facility = Array.from({ length: 13 }, (_, place) => `contracts/facility/F${place}.sol`);
      expect(rules.contractFolders(facility.slice(1))).to.deep.equal([]);
      expect(rules.contractFolders(facility)).to.have.length(1);
    });
  });

  describe("git", () => {
    it("holds what was written: nothing built, recorded or secret", () =>
      expect(rules.strayFiles(paths.map((path) => ({ path, bytes: bytesOf(path) })))).to.deep.equal([]));

    it("fails on artefacts, data, secrets and big files", () => {
      const bad = ["artifacts/contracts/A.json", "types/A.ts", "docs/trace.csv", ".env.local", "node.key"];
      const files = [...bad, "docs/a.md"].map((path) => ({ path, bytes: 10 }));
      expect(rules.strayFiles([...files, { path: "docs/b.md", bytes: 200_001 }])).to.have.length(bad.length + 1);
    });
  });

  describe("text", () => {
    const text = read("", ".sol", ".ts", ".tsx", ".js", ".mjs", ".md", ".json", ".yml", ".sh", ".ci/run");

    it("names no path of one machine", () => expect(rules.machinePaths(text)).to.deep.equal([]));

    it("fails on a machine's path, not on a path in the project or an address", () => {
      const sample = `from ${WORK}/a and "${WORK}"; not ..${WORK}, ./home/a, https://a.org/home/b or net${WORK}`;
      expect(rules.machinePaths([{ path: "a.md", text: sample }])).to.have.length(2);
    });

    it("puts nothing off", () => {
      const own = "test/architecture/rules/files.ts"; // the list of the words
      expect(rules.putOff(text.filter(({ path }) => path !== own && path !== "package-lock.json"))).to.deep.equal([]);
    });

    it("fails on work put off", () =>
      expect(rules.putOff([{ path: "a.ts", text: `// ${LATER}\n// ${TASK}: rest` }])).to.have.length(2));

    it("opens with the licence in Solidity", () => expect(rules.missingLicence(read("", ".sol"))).to.deep.equal([]));

    it("fails on Solidity with another licence or none", () => {
      const bad = ["pragma solidity 0.8.37;\n", "// SPDX-License-Identifier: GPL-3.0\n"];
      expect(rules.missingLicence(bad.map((text) => ({ path: "A.sol", text })))).to.have.length(2);
    });
  });
});
