import { execFile } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect } from "chai";

import { startAgentHost } from "../../server/agent/host.ts";
import { signReading } from "../../server/nodekey.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { parseReading } from "../../server/protocol/reading.ts";
import { AT, DOMAIN, EPOCH, KEY, NODE, newFolder, scrapeOf } from "./agentBench.ts";

const MODULE = new URL("../../server/agent/host.ts", import.meta.url).href;
const LIMIT_KIB = 4;

// Takes a scrape a second, in twos so that batches are torn in the middle, and says which were taken and why not. A file
// of this process cannot grow beyond a limit, which a write meets as it meets the end of a disk: a part of it is written.
const PROGRAM = `
  import { startAgentHost } from ${JSON.stringify(MODULE)};
  const { folder, texts, startMs, node } = JSON.parse(process.argv[1]);
  const nodes = [{ ...node, nodeId: 3n, lotId: 7n, deviceIndex: new Map(), hostname: "a", sign: () => undefined }];
  const host = startAgentHost({ folder, domain: "0x", nodes });
  const said = [];
  for (let i = 0; i < texts.length; i += 2) {
    const pair = [i, i + 1].map((n) => host.take("a", BigInt(startMs + n * 1000), texts[n]).then(() => "taken", (error) => error.code));
    said.push(...(await Promise.all(pair)));
  }
  console.log(JSON.stringify(said));
`;

describe("agent on a full disk", () => {
  it("S02: refuses what the disk has no room for, keeps all it took and half of nothing, and goes on", async function () {
    if (process.platform === "win32") this.skip();
    const folder = newFolder();
    const startMs = (AT + 1000) * 1000;
    const texts = Array.from({ length: 60 }, (_, n) => scrapeOf({ energyMJ: BigInt(1000 + n * n), smActive: 0.5 }));
    const given = JSON.stringify({ folder, texts, startMs, node: { allocation: "pod", maxGapSec: 600 } });
    const script = `ulimit -f ${LIMIT_KIB}; exec "$0" --input-type=module -e "$1" "$2"`;
    const { stdout } = await promisify(execFile)("bash", ["-c", script, process.execPath, PROGRAM, given]);
    const said = JSON.parse(stdout) as string[];
    expect(new Set(said)).to.deep.equal(new Set(["taken", "Journal_DiskFull"]));

    const files = readdirSync(join(folder, "journal")).map((name) => statSync(join(folder, "journal", name)).size);
    expect(files.length).to.be.greaterThan(2); // it went on in further files
    for (const size of files) expect(size).to.be.at.most(LIMIT_KIB * 1024);
    const sign = (hash: Hex) => Promise.resolve(signReading(KEY, hash));
    const host = startAgentHost({ folder, domain: DOMAIN, nodes: [{ ...NODE, hostname: "a", sign }] });
    expect(host.status().cutByteCount).to.equal(0);
    const [signed] = await host.closeEpoch(EPOCH);
    await host.close();
    const [device] = parseReading(signed!.reading).devices;
    const taken = said.flatMap((one, n) => (one === "taken" ? [n] : []));
    const [first, last] = [taken[0]!, taken.at(-1)!];
    expect(device!.energyEndMJ).to.equal(BigInt(last * last - first * first));
    expect(device!.availableSec).to.equal(BigInt(last - first));
  });
});
