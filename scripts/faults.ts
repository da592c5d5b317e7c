// Plants faults in a copy of the waterfall and expects the prover to name the property each breaks: npm run prove:faults.
// A fault that is still proven ends the command with 1.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { prove, readProofs } from "./prover.ts";

interface Fault {
  name: string;
  find: string;
  replace: string;
  /** The contract of proofs that must fail, and what it must name. */
  contract: string;
  property: string;
}

const SOURCE = "contracts/facility/Waterfall.sol";
const PAID = "        paidAssets = dueAssets < cashAssets ? dueAssets : cashAssets;\n";
const LEFT = "        leftAssets = cashAssets - paidAssets;\n";

export const FAULTS: Fault[] = [
  {
    name: "a step's cash is spent twice",
    ...{ find: LEFT, replace: "        leftAssets = cashAssets;\n" },
    ...{ contract: "OneStep", property: "the payment of a step and what it leaves are the cash before it" },
  },
  {
    name: "a payment that can never run",
    ...{ find: PAID, replace: `        require(cashAssets > cashAssets);\n${PAID}` },
    ...{ contract: "OneStep", property: "possible: a step is paid in part" },
  },
  {
    name: "one unit too much left at one exact value of 95 bits",
    ...{ find: LEFT, replace: `${LEFT}        if (cashAssets == 31337133713371337133713371337) ++leftAssets;\n` },
    ...{ contract: "OneStep", property: "the payment of a step and what it leaves are the cash before it" },
  },
  {
    name: "one unit too little paid where the cash is 77",
    ...{ find: LEFT, replace: `        if (cashAssets == 77 && paidAssets > 0) --paidAssets;\n${LEFT}` },
    ...{ contract: "OneStep", property: "a step is paid less than is due only where nothing is left" },
  },
  {
    name: "a junior step is paid before the senior one is whole",
    ...{ find: PAID, replace: PAID.replace(": cashAssets", ": cashAssets / 2") },
    ...{ contract: "Seniority", property: "seniority: nothing is paid below a step that is not whole" },
  },
  {
    name: "plenty of cash pays a step less",
    ...{ find: LEFT, replace: `        if (cashAssets > 2 ** 90) paidAssets = 0;\n${LEFT}` },
    ...{ contract: "Monotonicity", property: "monotonicity: more cash never pays a step less" },
  },
  {
    name: "a subtraction is no longer checked",
    ...{ find: LEFT, replace: `        unchecked {\n    ${LEFT}        }\n` },
    ...{ contract: "OneStep", property: "2 operations never overflow, underflow or divide by zero" },
  },
  {
    name: "a fee's excess loses a unit",
    find: "excessAssets = dueAssets - cappedAssets;",
    replace: "excessAssets = dueAssets > cappedAssets ? dueAssets - cappedAssets - 1 : 0;",
    ...{ contract: "FeeSplit", property: "a fee's capped part and its excess are what is due of it" },
  },
];

/** Calls `use` with a folder that holds the waterfall with the fault in it. */
export async function plant<T>({ name, find, replace }: Fault, use: (overlay: string) => Promise<T>): Promise<T> {
  const text = readFileSync(join(import.meta.dirname, "..", SOURCE), "utf8");
  if (text.split(find).length !== 2) throw new Error(`${name}: there is no one place for it in ${SOURCE}`);
  const overlay = mkdtempSync(join(tmpdir(), "rackbond-fault-"));
  try {
    mkdirSync(dirname(join(overlay, SOURCE)), { recursive: true });
    writeFileSync(
      join(overlay, SOURCE),
      text.replace(find, () => replace),
    );
    return await use(overlay);
  } finally {
    rmSync(overlay, { recursive: true });
  }
}

/** Whether the prover names what a fault breaks. */
async function isFound(fault: Fault): Promise<boolean> {
  const proofs = readProofs().filter(({ contract }) => contract === fault.contract);
  const verdicts = await plant(fault, (overlay) => prove(proofs, { overlay }));
  return verdicts.some(({ property, failure }) => property === fault.property && failure !== undefined);
}

async function main(): Promise<void> {
  const left = [...FAULTS];
  let missed = 0;
  async function work(): Promise<void> {
    for (let fault = left.shift(); fault !== undefined; fault = left.shift()) {
      const found = await isFound(fault);
      if (!found) missed++;
      console.log(`${found ? "found " : "MISSED"}  ${fault.name}\n        ${fault.contract}: ${fault.property}`);
    }
  }
  await Promise.all([work(), work()]);
  console.log(`${FAULTS.length - missed} faults found, ${missed} missed`);
  process.exit(missed === 0 ? 0 : 1);
}

if (import.meta.main) await main();
