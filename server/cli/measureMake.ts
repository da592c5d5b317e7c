import { writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { serialize } from "node:v8";

import type { Hex } from "../protocol/bytes.ts";
import { makeFleet, readingOfNode } from "./measureFleet.ts";

// Makes a fleet and what its nodes sign, in a process of its own: what is measured afterwards takes it from files, as it
// would come in. node measureMake.ts FOLDER NODES BOARDS LOTS EPOCH DOMAIN

const [folder = ".", nodes = "1", boards = "8", lots = "1", epoch = "0", domain = "0x"] = process.argv.slice(2);
const nodeCount = Number(nodes);
const fleet = makeFleet({ nodeCount, boardsPerNode: Number(boards), lotCount: Number(lots) });
const names = Object.keys(fleet.roster) as (keyof typeof fleet.roster)[];
const plain = Object.fromEntries(names.map((name) => [name, fleet.roster[name].slice()]));
writeFileSync(join(folder, "roster"), serialize(plain));

const BATCH_COUNT = 1_000;
const file = await open(join(folder, "readings.ndjson"), "w");
const ends: number[] = [];
let byteCount = 0;
for (let from = 0; from < nodeCount; from += BATCH_COUNT) {
  const count = Math.min(BATCH_COUNT, nodeCount - from);
  const text = Array.from(
    { length: count },
    (_, n) => readingOfNode(fleet, domain as Hex, from + n, BigInt(epoch)).line,
  );
  const bytes = Buffer.from(`${text.join("\n")}\n`);
  await file.write(bytes);
  byteCount += bytes.length;
  ends.push(byteCount);
}
await file.close();
writeFileSync(join(folder, "ends.json"), JSON.stringify(ends));
