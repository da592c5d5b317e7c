import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { JsonRpcProvider } from "ethers";

import { audit } from "../../server/cli/audit.ts";
import { parseDeployment } from "../../server/protocol/deployment.ts";
import { LOCAL_CHAIN_ID, startChain, type LocalChain } from "../../scripts/chain.ts";
import { INTERFACES } from "../../server/protocol/contracts.ts";
import { readLedger, readTransfers, type Ledger } from "./ledger.ts";

// The main job as people run it, in a process of its own; what it said is checked by a second reader of the chain.

interface Outcome {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** Runs the main job; with `killAfter`, kills it hard once its output matches. */
function run(args: string[], killAfter?: RegExp): Promise<Outcome> {
  const script = join(import.meta.dirname, "../../scripts/start.ts");
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const outcome: Outcome = { code: null, signal: null, stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    outcome.stdout += chunk.toString();
    if (killAfter?.test(outcome.stdout) === true) child.kill("SIGKILL");
  });
  child.stderr.on("data", (chunk: Buffer) => (outcome.stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ ...outcome, code, signal }));
  });
}

describe("npm start -- --once", function () {
  this.timeout(480_000);
  const folder = mkdtempSync(join(tmpdir(), "rackbond-test-"));
  let killed: Outcome;
  let outcome: Outcome;
  let chain: LocalChain | undefined;
  let provider: JsonRpcProvider | undefined;
  const connected = () => {
    if (provider === undefined) throw new Error("the chain did not start");
    return provider;
  };

  before(async () => {
    const args = ["--once", "--months", "1", "--port", "0", "--rpc-port", "0", "--data", folder];
    killed = await run(args, /reports 120/);
    outcome = await run(args);
    chain = await startChain({ genesisAt: 1, port: 0, folder, isKept: true });
    provider = new JsonRpcProvider(chain.url, LOCAL_CHAIN_ID, { staticNetwork: true });
  });

  after(async () => {
    provider?.destroy();
    await chain?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const summary = () => JSON.parse(outcome.stdout.trim().split("\n").at(-1) ?? "") as SummaryJson;
  const deployment = () => {
    const world = JSON.parse(readFileSync(join(folder, "world.json"), "utf8")) as { deployment: unknown };
    return parseDeployment(world.deployment);
  };

  it("S01: goes on where it was killed with -9, and exits 0", () => {
    expect(killed.signal).to.equal("SIGKILL");
    expect(outcome.code, outcome.stderr).to.equal(0);
    expect(outcome.stderr).to.equal("");
  });

  it("ends standard output with a JSON object of months and cash", () => {
    const { months, cash } = summary();
    expect(months).to.equal(1);
    expect(Object.keys(cash)).to.have.members(["received", "fees", "claimable", "claimed", "reserve", "collections"]);
    for (const assets of Object.values(cash)) expect(assets).to.match(/^(0|[1-9]\d*)$/);
  });

  it("says of every amount what a second reader computes from the chain's events", async () => {
    const ledger = await readLedger(connected(), deployment());
    const said = Object.fromEntries(Object.entries(summary().cash).map(([name, assets]) => [name, BigInt(assets)]));
    expect(said).to.deep.equal(ledger);
  });

  it("conserves the rent to the unit: received = fees + claimable + claimed + reserve + collections", () => {
    const [received, ...rest] = ledgerOf(summary());
    expect(received).to.be.greaterThan(0n);
    expect(rest.reduce((sum, assets) => sum + assets, 0n)).to.equal(received);
  });

  it("holds in the facility what its books say, by the stablecoin's own transfers", async () => {
    const { rentToFacility, held } = await readTransfers(connected(), deployment());
    const { received, fees, claimable, reserve, collections } = asLedger(summary());
    expect(rentToFacility).to.equal(received);
    // Fee payees have not drawn their claims; the sponsor has drawn its.
    expect(held).to.equal(fees + claimable + reserve + collections);
  });

  it("has each hour on-chain exactly once, without a gap", async () => {
    const { addresses } = deployment();
    const { topicHash } = INTERFACES.telemetry.getEvent("Submitted");
    const logs = await connected().getLogs({ fromBlock: 0, address: addresses.telemetry, topics: [topicHash] });
    const epochs = logs.map((log) => Number(BigInt(log.topics[1] ?? "0x0")));
    const first = Date.UTC(2026, 0, 1) / 3_600_000;
    expect(epochs).to.deep.equal(epochs.map((_, index) => first + index));
    expect(String(epochs.at(-1))).to.equal(summary().lastEpoch);
  });

  it("leaves published files from which every report and recorded meter is made again", async () => {
    const result = await audit({
      ...{ deployment: deployment(), rpcUrl: chain?.url ?? "", sources: [join(folder, "files")] },
      ...{ isPrivateAllowed: false, maxDifferences: 1, onProgress: () => undefined },
    });
    expect(result.differences).to.deep.equal([]);
    expect(String(result.lastEpoch)).to.equal(summary().lastEpoch);
    expect(result.reportCount).to.be.greaterThan(744);
    expect(result.recordedCount).to.be.greaterThan(0);
  });
});

interface SummaryJson {
  months: number;
  cash: Record<keyof Ledger, string>;
  lastEpoch: string;
}

function asLedger({ cash }: SummaryJson): Ledger {
  return Object.fromEntries(Object.entries(cash).map(([name, assets]) => [name, BigInt(assets)])) as unknown as Ledger;
}

function ledgerOf(summary: SummaryJson): bigint[] {
  const { received, fees, claimable, claimed, reserve, collections } = asLedger(summary);
  return [received, fees, claimable, claimed, reserve, collections];
}
