import { expect } from "chai";
import type { Message } from "../../scripts/checker.ts";
import { FAULTS, plant } from "../../scripts/faults.ts";
import { judge, parseProofs, readProofs, type Proof } from "../../scripts/prover.ts";
import { read } from "../architecture/project.ts";

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

  describe("faults planted in the waterfall", () => {
    for (const fault of FAULTS.slice(0, 2)) {
      it(`M10: names what ${fault.name} breaks`, async () => {
        expect(await plant(fault)).to.include(fault.property);
      }).timeout(200_000);
    }
  });
});
