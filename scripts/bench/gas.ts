import { readFileSync } from "node:fs";
import { join } from "node:path";

import { runTests } from "../runner.ts";
import { marketRows, plainTransferGas } from "./markets.ts";
import { type Row, rowOf } from "./rows.ts";

// The measurements that `npm run snapshots` makes and holds to the unit.
const SNAPSHOT = "test/snapshots/gas";
const YEAR = "Telemetry.submit after a year";
const LIMIT_MS = 120_000;

/** Gas beside the peers that can be run here, and of the paths with a reach of their own. */
export async function gasRows(say: (line: string) => void): Promise<Row[]> {
  return [...(await marketRows(say)), ...(await pathRows())];
}

async function pathRows(): Promise<Row[]> {
  const { failed } = await runTests("mocha", [`${SNAPSHOT}.ts`], { limitMs: LIMIT_MS, shown: process.stderr });
  if (failed > 0) throw new Error(`${SNAPSHOT}.json is not what the code costs: npm run snapshots`);
  const text = readFileSync(join(import.meta.dirname, `../../${SNAPSHOT}.json`), "utf8");
  return snapshotRows(JSON.parse(text) as Record<string, number>, await plainTransferGas());
}

/** Rows of the committed snapshot, beside a transfer of OpenZeppelin's ERC-20. */
export function snapshotRows(snapshot: Record<string, number>, transferGas: number): Row[] {
  const measured = (path: string) => {
    const gas = snapshot[path];
    if (gas === undefined) throw new Error(`${SNAPSHOT}.json has no row ${path}`);
    return gas;
  };
  const further = measured(`${YEAR}, 3 signatures, lots: 10`) - measured(`${YEAR}, 3 signatures, lots: 1`);
  const peer = { name: "OpenZeppelin ERC-20 transfer", value: transferGas };
  const unit = "gas";
  return [
    rowOf({
      ...{ name: "class transfer, both hold and accrue", unit, peer, target: 60_000 },
      value: measured("ClassToken.transfer, both hold and accrue"),
    }),
    rowOf({ name: "class claim", unit, value: measured("ClassToken.claim"), peer, target: 70_000 }),
    rowOf({
      ...{ name: "report, 5 signatures, roots only", unit, target: 110_000 },
      value: measured(`${YEAR}, 5 signatures, roots only`),
    }),
    rowOf({ name: "each further lot in a report", unit, value: Math.ceil(further / 9), target: 7_000 }),
    rowOf({
      ...{ name: "report, 5 signatures, 100 lots", unit, target: 800_000 },
      value: measured(`${YEAR}, 5 signatures, lots: 100`),
    }),
  ];
}
