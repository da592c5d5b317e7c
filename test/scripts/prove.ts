import { spawn } from "node:child_process";
import { expect } from "chai";
import type { Message } from "../../scripts/checker.ts";
import { FAULTS, plant } from "../../scripts/faults.ts";
import { judge, parseProofs, readProofs, type Proof } from "../../scripts/prover.ts";
import { read, ROOT } from "../architecture/project.ts";

const TEXT = `/// @custom:arithmetic 1
contract A {
    function f(uint256 x) external pure {
        // x is itself
        assert(x == x);
        // possible: x is not zero
        assert(x == 0);
    }
}
`;
const [proof] = parseProofs("a.sol", TEXT) as [Proof];
const place = (text: string) => ({ start: TEXT.indexOf(text), end: TEXT.indexOf(text) + text.length });
const SAFE: Message = {
  ...{ code: "9576", text: "CHC: Assertion violation check is safe!", file: "a.sol", line: 5 },
  ...place("assert(x == x)"),
};
const WITNESS: Message = {
  ...{ code: "6328", text: "CHC: Assertion violation happens here.\nCounterexample:", file: "a.sol", line: 7 },
  ...place("assert(x == 0)"),
};
const SUM: Message = { ...SAFE, text: "CHC: Overflow check is safe!", file: "b.sol", start: 7, end: 9 };
const failures = (messages: Message[]) =>
  judge(proof, messages, 0)
    .filter(({ failure }) => failure !== undefined)
    .map(({ property }) => property);

describe("prove", () => {
  describe("judge", () => {
    it("takes what the checker calls safe, with a witness and the stated operations", () => {
      expect(failures([SAFE, WITNESS, SUM])).to.deep.equal([]);
    });

    it("fails a property that the checker says nothing about", () => {
      expect(failures([WITNESS, SUM])).to.deep.equal(["x is itself"]);
      expect(failures([{ ...SAFE, start: SAFE.start + 1 }, WITNESS, SUM])).to.deep.equal(["x is itself"]);
    });

    it("fails a property with a counterexample, or with none found and no proof", () => {
      for (const said of ["happens here.", "might happen here."]) {
        const against = { ...SAFE, code: "6328", text: `CHC: Assertion violation ${said}` };
        expect(failures([against, WITNESS, SUM])).to.deep.equal(["x is itself"]);
        expect(failures([SAFE, against, WITNESS, SUM])).to.deep.equal(["x is itself"]);
      }
    });

    it("fails a witness that the checker does not find, so that no proof is about nothing", () => {
      for (const said of [[], [{ ...WITNESS, code: "9576" }], [{ ...WITNESS, text: "might happen here" }]]) {
        expect(failures([SAFE, SUM, ...said])).to.include("possible: x is not zero");
      }
    });

    it("fails when an operation is proven that is not stated, or stated and not proven", () => {
      const stated = "1 operations never overflow, underflow or divide by zero";
      expect(failures([SAFE, WITNESS])).to.deep.equal([stated]);
      expect(failures([SAFE, WITNESS, SUM, { ...SUM, start: 8 }])).to.deep.equal([stated]);
    });

    it("fails on anything else the compiler says", () => {
      const said = { ...SUM, code: "4984", text: "CHC: Overflow happens here.", line: 3 };
      expect(failures([SAFE, WITNESS, SUM, said])).to.deep.equal(["b.sol:3"]);
      expect(failures([SAFE, WITNESS, SUM, { ...said, code: "7649", line: 4 }])).to.deep.equal(["b.sol:4"]);
    });
  });

  describe("the proofs", () => {
    it("state what each assertion says", () => {
      expect(proof.assertions.map(({ property }) => property)).to.deep.equal([
        "x is itself",
        "possible: x is not zero",
      ]);
      expect(() => parseProofs("a.sol", TEXT.replace("// x is itself\n", "\n"))).to.throw("no property above it");
      expect(() => parseProofs("a.sol", "contract A {\n}\n")).to.throw("proves nothing");
    });

    it("have a witness in each contract", () => {
      for (const { contract, assertions } of readProofs()) {
        expect(
          assertions.some(({ property }) => property.startsWith("possible: ")),
          contract,
        ).to.equal(true);
      }
    });

    it("stand in docs/proofs.md, each and no other", () => {
      const page = read("docs/", ".md").find(({ path }) => path === "docs/proofs.md")!.text;
      const rows = [...page.matchAll(/^\| `(\w+)` +\| (.+?) +\|$/gm)].map(([, contract, property]) => [
        contract,
        property,
      ]);
      const properties = readProofs().flatMap(({ contract, assertions }) =>
        assertions.filter(({ property }) => !property.startsWith("possible: ")).map((a) => [contract, a.property]),
      );
      expect(rows).to.deep.equal(properties);
    });
  });

  describe("the command", () => {
    async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
      const child = spawn(process.execPath, ["scripts/prove.ts", ...args], {
        cwd: ROOT,
        stdio: ["ignore", "pipe", "inherit"],
      });
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
      const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
      return { code, output };
    }

    for (const fault of FAULTS.slice(0, 2)) {
      it(`M10: ends with 1 and names what is not proven: ${fault.name}`, async () => {
        const { code, output } = await plant(fault, (overlay) => run(fault.contract, "--with", overlay));
        expect(code, output).to.equal(1);
        expect(output).to.match(/^NOT PROVEN .* s {2}OneStep: /m);
        const line = output.split("\n").find((text) => text.endsWith(`${fault.contract}: ${fault.property}`));
        expect(line, output).to.match(/^NOT PROVEN/);
      }).timeout(300_000);
    }

    it("ends with 1 where there is nothing to prove", async () => {
      const { code, output } = await run("Nothing");
      expect(code).to.equal(1);
      expect(output).to.include("NOT PROVEN Nothing");
    });
  });
});
