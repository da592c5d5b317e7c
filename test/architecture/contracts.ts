import { readFileSync } from "node:fs";
import { expect } from "chai";
import { artifacts } from "hardhat";
import { read } from "./project.ts";
import { contractDirections, importCycles } from "./rules/imports.ts";
import * as rules from "./rules/solidity.ts";
import type { AbiItem } from "./rules/abi.ts";
import { hasUnit, unitless } from "./rules/units.ts";

function sample(text: string, path = "contracts/lease/A.sol"): rules.SourceUnit[] {
  return rules.parseSolidity([{ path, text: `// SPDX-License-Identifier: MIT\npragma solidity 0.8.37;\n${text}` }]);
}

describe("contracts", () => {
  const units = rules.parseSolidity(read("contracts/", ".sol"));
  const released = units.filter(({ path }) => !path.startsWith("contracts/mocks/"));

  it("are found", () => expect(released).not.to.be.empty);

  describe("imports", () => {
    const modules = units.map(rules.contractModule);

    it("follow the table of directions, and only interfaces cross a folder", () =>
      expect(contractDirections(modules)).to.deep.equal([]));

    it("have no cycle", () => expect(importCycles(modules)).to.deep.equal([]));

    it("fails against the direction, on an implementation, a mock, a folder without a row, a root file's import", () => {
      const bad: [string, string][] = [
        ["contracts/lease/A.sol", "../facility/IFacility.sol"],
        ["contracts/registry/A.sol", "../telemetry/ITelemetry.sol"],
        ["contracts/lease/A.sol", "../telemetry/Telemetry.sol"],
        ["contracts/lease/A.sol", "../mocks/TestStable.sol"],
        ["contracts/oracle/A.sol", "../units.sol"],
        ["contracts/units.sol", "./lease/ILeases.sol"],
        ["contracts/lease/A.sol", "solady/tokens/ERC20.sol"],
      ];
      for (const [path, target] of bad) {
        const module = sample(`import {X} from "${target}";`, path).map(rules.contractModule);
        expect(contractDirections(module), `${path} ${target}`).to.have.length(1);
      }
      const good: [string, string][] = [
        ["contracts/lease/A.sol", "../telemetry/ITelemetry.sol"],
        ["contracts/lease/A.sol", "./ILeases.sol"],
        ["contracts/lease/A.sol", "../units.sol"],
        ["contracts/mocks/A.sol", "../lease/Leases.sol"],
        ["contracts/lease/A.sol", "@openzeppelin/contracts/proxy/Clones.sol"],
      ];
      for (const [path, target] of good) {
        const module = sample(`import {X} from "${target}";`, path).map(rules.contractModule);
        expect(contractDirections(module), `${path} ${target}`).to.deep.equal([]);
      }
    });

    it("fails on a cycle of three", () => {
      const module = (name: string, ...imports: string[]) => ({ path: name, imports });
      const cycle = [module("a", "b"), module("b", "c", "d"), module("c", "a"), module("d")];
      expect(importCycles(cycle)).to.deep.equal(["a → b → c → a"]);
      expect(importCycles([module("a", "b", "c"), module("b", "c"), module("c")])).to.deep.equal([]);
    });
  });

  describe("code", () => {
    it("has no proxy, delegatecall or selfdestruct", () => expect(rules.proxies(released)).to.deep.equal([]));

    it("fails on a delegatecall, a selfdestruct and a proxy, not on clones or in a comment", () => {
      const call = "contract A { function f(address a) external { a.delegatecall(''); } }";
      expect(rules.proxies(sample(call))).to.have.length(1);
      expect(
        rules.proxies(sample("contract A { function f(address payable a) external { selfdestruct(a); } }")),
      ).to.have.length(1);
      const path = "@openzeppelin/contracts/proxy";
      expect(rules.proxies(sample(`import {P} from "${path}/ERC1967/ERC1967Proxy.sol";`))).to.have.length(1);
      expect(rules.proxies(sample(`import {Clones} from "${path}/Clones.sol"; // no delegatecall`))).to.deep.equal([]);
    });

    it("locks the implementations of clones", () => expect(rules.openImplementations(released)).to.deep.equal([]));

    it("fails on an implementation that anyone could initialise", () => {
      const open = "contract A is I { function initialize() external initializer {} }";
      expect(rules.openImplementations(sample(open))).to.have.length(1);
      const locked = open.replace("{ f", "{ constructor() { _disableInitializers(); } f");
      expect(rules.openImplementations(sample(locked))).to.deep.equal([]);
    });

    it("inherits two levels at most, from OpenZeppelin and interfaces", () =>
      expect(rules.deepInheritance(released)).to.deep.equal([]));

    it("fails on a base of its own, once for the base and once for a third level", () => {
      expect(rules.deepInheritance(sample("contract A is ERC20, IA {}"))).to.deep.equal([]);
      expect(rules.deepInheritance(sample("contract A {} contract B is A {}"))).to.have.length(1);
      expect(rules.deepInheritance(sample("contract A is ERC20 {} contract B is A {}"))).to.have.length(2);
    });

    it("names errors Noun_Reason", () => expect(rules.errorNames(released)).to.deep.equal([]));

    it("fails on an error without its noun, in a contract or outside", () => {
      expect(rules.errorNames(sample("error NotDue(); contract A { error lease_NotDue(); }"))).to.have.length(2);
      expect(rules.errorNames(sample("contract A { error Lease_NotDue(uint64 dueAt); }"))).to.deep.equal([]);
    });

    it("indexes the subject of each event", () => expect(rules.subjectlessEvents(released)).to.deep.equal([]));

    it("fails on an event about an address or an id that has no index", () => {
      expect(rules.subjectlessEvents(sample("event Paid(address to, uint256 assets);"))).to.have.length(1);
      expect(rules.subjectlessEvents(sample("event Paid(LotId lotId, uint256 assets);"))).to.have.length(1);
      expect(
        rules.subjectlessEvents(sample("event Paid(address indexed to); event Set(uint64 windowSec);")),
      ).to.deep.equal([]);
    });

    it("documents every external and public function", () => expect(rules.undocumented(released)).to.deep.equal([]));

    it("fails on a function without NatSpec, unless a comment covers the pair", () => {
      const pair = "/// @notice Both.\nfunction a() external;\nfunction b() external;";
      expect(rules.undocumented(sample(`interface IA {\n${pair}\n}`))).to.deep.equal([]);
      expect(rules.undocumented(sample(`interface IA {\n${pair.replace(";\n", ";\n\n")}\n}`))).to.have.length(1);
      expect(rules.undocumented(sample("interface IA { function a() external; }"))).to.have.length(1);
    });

    it("keeps the house order: types, immutables, storage, constructor, verbs, views, internal", () =>
      expect(rules.disorder(released)).to.deep.equal([]));

    it("fails where a part stands after a later one", () => {
      const parts = [
        "struct S { uint256 assets; }",
        "uint256 private immutable x;",
        "uint256 private y;",
        "constructor() {}",
        "function v() external {}",
        "function w() external view {}",
        "function z() private {}",
      ];
      expect(rules.disorder(sample(`contract A { ${parts.join(" ")} }`))).to.deep.equal([]);
      for (let place = 1; place < parts.length; ++place) {
        const swapped = parts.with(place - 1, parts[place]!).with(place, parts[place - 1]!);
        expect(rules.disorder(sample(`contract A { ${swapped.join(" ")} }`)), swapped[place]).to.have.length(1);
      }
    });
  });

  describe("ABI", () => {
    it("names a unit for every integer of functions, events, errors and structs", async () => {
      const names = [...(await artifacts.getAllFullyQualifiedNames())].filter(
        (name) => name.startsWith("contracts/") && !name.startsWith("contracts/mocks/"),
      );
      expect(names).not.to.be.empty;
      const findings = await Promise.all(
        names.map(async (name) => {
          const { abi } = JSON.parse(readFileSync(await artifacts.getArtifactPath(name), "utf8")) as { abi: AbiItem[] };
          return unitless(name.split(":")[1]!, abi);
        }),
      );
      expect(findings.flat()).to.deep.equal([]);
    });

    it("knows a unit from a word that ends alike", () => {
      for (const name of [
        "rentAssets",
        "pueE4",
        "tdpW",
        "gCO2ePerKWh",
        "epoch",
        "lotCount",
        "dueAt",
        "energyWh",
        "MAX_LOT_COUNT",
      ])
        expect(hasUnit(name), name).to.equal(true);
      for (const name of ["amount", "value", "Wad", "at", "flat", "payload", "x", "total", "lastUpdate", "MAX_LOT", ""])
        expect(hasUnit(name), name).to.equal(false);
      expect(hasUnit("lotIndexes", true)).to.equal(true);
      expect(hasUnit("lotIndexes")).to.equal(false);
    });

    it("fails on an integer without a unit, wherever it stands", () => {
      const integer = (name: string) => ({ name, type: "uint256", internalType: "uint256" });
      const tuple = { name: "terms", type: "tuple[]", internalType: "struct A.Terms[]", components: [integer("rent")] };
      const bad: AbiItem[] = [
        { type: "function", name: "pay", inputs: [integer("amount")], outputs: [] },
        { type: "function", name: "total", inputs: [], outputs: [integer("")] },
        { type: "function", name: "pairAssets", inputs: [], outputs: [integer(""), integer("paidAssets")] },
        { type: "event", name: "Paid", inputs: [tuple] },
        { type: "error", name: "A_B", inputs: [{ name: "sums", type: "int128[3]", internalType: "int128[3]" }] },
      ];
      for (const item of bad) expect(unitless("A", [item]), item.name).to.have.length(1);
    });

    it("lets ids, enums, what is no integer and a standard's own members pass", () => {
      const good: AbiItem[] = [
        { type: "function", name: "lot", inputs: [{ name: "", type: "uint64", internalType: "LotId" }], outputs: [] },
        { type: "function", name: "state", outputs: [{ name: "", type: "uint8", internalType: "enum A.State" }] },
        {
          type: "function",
          name: "balanceOf",
          inputs: [{ name: "account", type: "address" }],
          outputs: [{ name: "", type: "uint256" }],
        },
        { type: "function", name: "feeAssets", inputs: [], outputs: [{ name: "", type: "uint256" }] },
      ];
      expect(unitless("A", good)).to.deep.equal([]);
    });
  });
});
