import { readFileSync } from "node:fs";
import { expect } from "chai";
import { network } from "hardhat";

type Row = { name: string; dues: string[]; cash: string; payments: string[]; remainder: string };
const rows = (JSON.parse(readFileSync("test/vectors/waterfall.json", "utf8")) as { allocations: Row[] }).allocations;

const [FEE, INTEREST, RESERVE, PRINCIPAL, RESIDUAL] = [0n, 1n, 2n, 3n, 7n] as const;
const PERFORMING = 0;
const steps = (...pairs: [bigint, number][]) => pairs.map(([kind, subjectIndex]) => ({ kind, subjectIndex }));

describe("Waterfall", () => {
  async function deploy() {
    const { ethers } = await network.create();
    return ethers.deployContract("MockMath");
  }
  let math: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    math = await deploy();
  });

  describe("allocate", () => {
    for (const { name, dues, cash, payments, remainder } of rows) {
      it(`M10: agrees with the vector: ${name}`, async () => {
        const [paid, left] = await math.allocate(dues, cash);
        expect(paid).to.deep.equal(payments.map(BigInt));
        expect(left).to.equal(BigInt(remainder));
      });
    }
  });

  describe("check", () => {
    const good = steps(
      [FEE, 0],
      [INTEREST, 0],
      [INTEREST, 1],
      [RESERVE, 0],
      [PRINCIPAL, 0],
      [PRINCIPAL, 1],
      [RESIDUAL, 2],
    );

    it("takes the default order", async () => {
      await math.check(good, PERFORMING, 1, 2, true);
    });

    it("takes a fee below principal, and junior interest below senior principal", async () => {
      const order = steps([INTEREST, 0], [PRINCIPAL, 0], [INTEREST, 1], [PRINCIPAL, 1], [FEE, 0], [RESIDUAL, 2]);
      await math.check(order, PERFORMING, 1, 2, false);
    });

    const bad: [string, ReturnType<typeof steps>, number][] = [
      ["a fee twice", [...good.slice(0, 1), ...good], 1],
      ["interest of one class twice", [...good.slice(0, 2), ...good.slice(1)], 2],
      ["junior interest above senior interest", steps([INTEREST, 1], [INTEREST, 0]), 0],
      ["junior principal above senior principal", steps([INTEREST, 0], [INTEREST, 1], [PRINCIPAL, 1]), 2],
      ["principal above the interest of its class", steps([PRINCIPAL, 0]), 0],
      ["junior principal above its own interest", steps([INTEREST, 0], [PRINCIPAL, 0], [PRINCIPAL, 1]), 2],
      ["the reserve twice", steps([RESERVE, 0], [RESERVE, 0]), 1],
      ["the reserve with a subject", steps([RESERVE, 1]), 0],
      ["the reserve below principal", steps([INTEREST, 0], [PRINCIPAL, 0], [RESERVE, 0]), 2],
      ["the residual before the end", [...steps([RESIDUAL, 2]), ...good], 0],
      ["the residual of another class", steps([RESIDUAL, 1]), 0],
      ["the residual twice", [...good, ...steps([RESIDUAL, 2])], 6],
    ];
    for (const [name, order, stepIndex] of bad) {
      it(`refuses ${name}`, async () => {
        const step = order[stepIndex];
        await expect(math.check(order, PERFORMING, 1, 2, true))
          .to.be.revertedWithCustomError(math, "Waterfall_BadStep")
          .withArgs(stepIndex, step?.kind, step?.subjectIndex);
      });
    }

    it("refuses an order that leaves any one step out", async () => {
      for (const [i, left] of good.entries()) {
        if (i === 1 || i === 2 || i === 4) continue; // what follows is then out of place: tested above
        const order = good.filter((step) => step !== left);
        await expect(math.check(order, PERFORMING, 1, 2, true)).to.be.revertedWithCustomError(
          math,
          "Waterfall_Incomplete",
        );
      }
      await expect(math.check([], PERFORMING, 0, 0, false))
        .to.be.revertedWithCustomError(math, "Waterfall_Incomplete")
        .withArgs(0, 0, 0, 0);
    });

    it("refuses a reserve step where there is no reserve", async () => {
      await expect(math.check(good, PERFORMING, 1, 2, false))
        .to.be.revertedWithCustomError(math, "Waterfall_Incomplete")
        .withArgs(1, 2, 1, 2);
    });
  });
});
