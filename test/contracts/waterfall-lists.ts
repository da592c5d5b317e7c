import { expect } from "chai";
import fc from "fast-check";
import { network } from "hardhat";

const KINDS = ["Fee", "Interest", "Reserve", "Principal", "Turbo", "Trap", "FeeExcess", "Residual"] as const;
type Kind = (typeof KINDS)[number];
const LISTS = ["Performing", "Amortisation", "Enforcement"] as const;
type List = (typeof LISTS)[number];

/** "Fee 0" and so on, as they are written here and read in a failure. */
type Line = `${Kind} ${number}`;
const step = (line: Line) => {
  const [kind, subject] = line.split(" ") as [Kind, string];
  return { kind: KINDS.indexOf(kind), subjectIndex: Number(subject) };
};

/** Two fees, two senior classes and a reserve: what each list may hold. */
const FEES: Line[] = ["Fee 0", "Fee 1"];
const SENIORS = [0, 1] as const;
const RESIDUAL: Line = "Residual 2";
const GOOD: Record<List, Line[]> = {
  Performing: [
    ...FEES,
    ...["Interest 0", "Interest 1", "Reserve 0", "Principal 0", "Principal 1"],
    ...["Trap 0", "Turbo 0", "Turbo 1", "FeeExcess 0", "FeeExcess 1", RESIDUAL],
  ] as Line[],
  Amortisation: [...FEES, "Interest 0", "Interest 1", "Principal 0", "Principal 1", "FeeExcess 0", RESIDUAL],
  Enforcement: [...FEES, "Interest 0", "Principal 0", "Interest 1", "Principal 1", RESIDUAL],
};

/** The rules of docs/deal.md §4, by what stands where; not the counting of the contract. */
function accepts(list: List, lines: Line[]): boolean {
  const where = (line: Line) => lines.indexOf(line);
  const has = (line: Line) => where(line) >= 0;
  const above = (line: Line, other: Line) => !has(other) || (has(line) && where(line) < where(other));
  const ofKind = (kind: Kind) => lines.filter((line) => line.startsWith(`${kind} `));
  const lastPrincipal = where("Principal 1");
  const named = new Set<string>(GOOD.Performing);
  return (
    new Set(lines).size === lines.length &&
    lines.every((line) => named.has(line)) &&
    [...FEES, RESIDUAL].every(has) &&
    SENIORS.every((c) => has(`Interest ${c}`) && has(`Principal ${c}`)) &&
    where(RESIDUAL) === lines.length - 1 &&
    above("Fee 0", "Fee 1") &&
    (["Interest", "Principal", "Turbo", "FeeExcess"] as const).every((kind) => above(`${kind} 0`, `${kind} 1`)) &&
    SENIORS.every((c) => above(`Interest ${c}`, `Principal ${c}`)) &&
    (["Turbo", "Trap", "FeeExcess"] as const).every((kind) =>
      ofKind(kind).every((line) => where(line) > lastPrincipal),
    ) &&
    (list === "Performing"
      ? has("Reserve 0") && above("Reserve 0", "Principal 0")
      : ["Reserve", "Turbo", "Trap"].every((kind) => ofKind(kind as Kind).length === 0)) &&
    (list !== "Enforcement" || above("Principal 0", "Interest 1"))
  );
}

function permutations<T>(items: T[]): T[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, i) =>
    permutations(items.filter((_, other) => other !== i)).map((rest) => [item, ...rest]),
  );
}

describe("Waterfall, its three lists", () => {
  async function deploy() {
    const { ethers } = await network.create();
    return ethers.deployContract("MockMath");
  }
  let math: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    math = await deploy();
  });
  const check = (list: List, lines: Line[]) => math.check(lines.map(step), LISTS.indexOf(list), 2, 2, true);
  const isAccepted = (list: List, lines: Line[]) =>
    check(list, lines).then(
      () => true,
      () => false,
    );

  for (const list of LISTS) {
    it(`takes the ${list.toLowerCase()} list in full`, async () => {
      await check(list, GOOD[list]);
      expect(accepts(list, GOOD[list])).to.equal(true);
    });
  }

  const bad: [List, string, Line[], number][] = [
    ["Performing", "a turbo above principal", ["Interest 0", "Interest 1", "Principal 0", "Turbo 0"], 3],
    ["Performing", "a trap above principal", ["Interest 0", "Trap 0"], 1],
    ["Performing", "the excess of a fee above principal", ["Fee 0", "FeeExcess 0"], 1],
    ["Performing", "a junior turbo above a senior one", [...GOOD.Performing.slice(0, 7), "Turbo 1"], 7],
    ["Performing", "a trap twice", [...GOOD.Performing.slice(0, 8), "Trap 1"], 8],
    ["Performing", "a turbo of the residual class", [...GOOD.Performing.slice(0, 10), "Turbo 2"], 10],
    ["Performing", "the excess of no fee", [...GOOD.Performing.slice(0, 12), "FeeExcess 2"], 12],
    ["Performing", "a fee too many", [...FEES, "Fee 2"], 2],
    ["Performing", "the interest of the residual class", ["Interest 0", "Interest 1", "Interest 2"], 2],
    ["Amortisation", "a reserve", ["Reserve 0"], 0],
    ["Amortisation", "a turbo", [...GOOD.Amortisation.slice(0, 6), "Turbo 0"], 6],
    ["Amortisation", "a trap", [...GOOD.Amortisation.slice(0, 6), "Trap 0"], 6],
    ["Enforcement", "junior interest above senior principal", ["Interest 0", "Interest 1"], 1],
    ["Enforcement", "a reserve", ["Reserve 0"], 0],
    ["Enforcement", "a turbo", [...GOOD.Enforcement.slice(0, 6), "Turbo 0"], 6],
    ["Enforcement", "a trap", [...GOOD.Enforcement.slice(0, 6), "Trap 0"], 6],
  ];
  for (const [list, name, lines, stepIndex] of bad) {
    it(`refuses in the ${list.toLowerCase()} list ${name}`, async () => {
      const { kind, subjectIndex } = step(lines[stepIndex]!);
      await expect(check(list, [...lines, RESIDUAL]))
        .to.be.revertedWithCustomError(math, "Waterfall_BadStep")
        .withArgs(stepIndex, kind, subjectIndex);
    });
  }

  it("does without turbo, trap and excess", async () => {
    const kept = GOOD.Performing.filter((line) => !/^(Turbo|Trap|FeeExcess)/.test(line));
    await check("Performing", kept);
  });

  it("asks the amortisation and enforcement lists for no reserve where the performing list has one", async () => {
    await math.check(GOOD.Amortisation.map(step), 1, 2, 2, true);
    await math.check(GOOD.Enforcement.map(step), 2, 2, 2, false);
  });

  it("M10: takes of all orders of a list those of the rules and no other", async () => {
    const middle: Record<List, Line[]> = {
      Performing: ["Interest 0", "Interest 1", "Reserve 0", "Principal 0", "Principal 1", "Trap 0"],
      Amortisation: ["Interest 0", "Interest 1", "Principal 0", "Principal 1", "FeeExcess 0"],
      Enforcement: ["Interest 0", "Interest 1", "Principal 0", "Principal 1", "FeeExcess 0"],
    };
    for (const [list, taken] of [
      ["Performing", 5],
      ["Amortisation", 2],
      ["Enforcement", 1],
    ] as const) {
      let count = 0;
      for (const order of permutations(middle[list])) {
        const lines = [...FEES, ...order, RESIDUAL];
        const accepted = await isAccepted(list, lines);
        expect(accepted, `${list}: ${lines.join(", ")}`).to.equal(accepts(list, lines));
        if (accepted) count++;
      }
      expect(count, list).to.equal(taken);
    }
  });

  it("M10: takes of lists with steps moved, changed, doubled and left out those of the rules and no other", async () => {
    const seen = { taken: 0, refused: 0 };
    const change = fc.record({
      verb: fc.constantFrom("move", "drop", "double", "change", "none"),
      from: fc.nat(12),
      to: fc.nat(12),
      kind: fc.constantFrom(...KINDS),
      subject: fc.nat(3),
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...LISTS), fc.array(change, { maxLength: 2 }), async (list, changes) => {
        const lines = [...GOOD[list]];
        for (const { verb, from, to, kind, subject } of changes) {
          const [i, j] = [from % lines.length, to % lines.length];
          if (verb === "move") lines.splice(j, 0, ...lines.splice(i, 1));
          if (verb === "drop") lines.splice(i, 1);
          if (verb === "double") lines.splice(j, 0, lines[i]!);
          if (verb === "change") lines[i] = `${kind} ${subject}`;
        }
        const accepted = await isAccepted(list, lines);
        expect(accepted, `${list}: ${lines.join(", ")}`).to.equal(accepts(list, lines));
        seen[accepted ? "taken" : "refused"]++;
      }),
      { numRuns: 2_000, seed: 4 },
    );
    expect(seen.taken, "taken").to.be.above(400);
    expect(seen.refused, "refused").to.be.above(400);
  });
});
