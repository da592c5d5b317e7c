import { expect } from "chai";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SigningKey, concat, id, parseEther, type JsonRpcProvider, type Wallet } from "ethers";
import { castOf, nodeKeyOf } from "../../scripts/cast.ts";
import { startChain, type LocalChain } from "../../scripts/chain.ts";
import { deploy } from "../../scripts/deploy.ts";
import { fund } from "../../scripts/seed.ts";
import { buildApp } from "../../server/app.ts";
import { readDeviceList } from "../../server/cli/deviceList.ts";
import { enrol, type Enrolment } from "../../server/cli/enrol.ts";
import { openSender } from "../../server/cli/sender.ts";
import { loadConfig } from "../../server/config.ts";
import { GasSigner } from "../../server/keys/gasSigner.ts";
import { memorySigner } from "../../server/keys/signer.ts";
import { connectChain } from "../../server/plugins/chain.ts";
import { openFiles, type Files } from "../../server/plugins/files.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { contractsAt, send, type Contracts } from "../../server/protocol/contracts.ts";
import type { Deployment } from "../../server/protocol/deployment.ts";
import { parseIdentities } from "../../server/protocol/identityTree.ts";
import { sampleSources } from "./sample.ts";

const PROGRAM = join(import.meta.dirname, "../../server/cli/rackbond.ts");
const MODEL = "H100 SXM";
const COST = 1_000_000n * 10n ** 6n;

/** A list of `hosts` hosts of two boards each. */
function listText(hosts: number, name = "SN"): string {
  const rows = Array.from({ length: hosts }, (_, host) => {
    const { x, y } = nodeKeyOf("operator", `${name}${host}`);
    return [`${name}-${host}-000A,${name}${host},${concat([x, y])}`, `${name}-${host}-000B,${name}${host},`];
  });
  return ["serial,hostname,node_point", ...rows.flat(), ""].join("\n");
}

describe("rackbond operator", () => {
  let folder: string;
  let chain: LocalChain;
  let provider: JsonRpcProvider;
  let deployment: Deployment;
  let operator: Wallet;
  let contracts: Contracts;
  let files: Files;
  let snapshot: string;
  /** Further settings. */
  let given: Record<string, string> = {};

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "rackbond-operator-"));
    chain = await startChain({ genesisAt: Date.UTC(2026, 0, 1) / 1000, port: 0, folder, isKept: false });
    provider = await connectChain(chain.url, chain.chainId);
    const cast = castOf("operator", 1);
    operator = cast.operator.connect(provider);
    for (const { address } of [cast.admin, operator]) {
      await provider.send("hardhat_setBalance", [address, `0x${parseEther("1000").toString(16)}`]);
    }
    const admin = cast.admin.connect(provider);
    const oracles = cast.oracles.map(({ address }) => address);
    const addresses = await deploy({ admin, auditor: cast.auditor.address, oracles, startEpoch: 490_000n });
    const place = { id: "00000000-0000-0000-0000-000000000000", chainId: chain.chainId, startBlock: 0 };
    deployment = { ...place, addresses, facilities: [], indexFeeds: [], identities: [] };
    writeFileSync(join(folder, "deployment.json"), JSON.stringify(deployment));
    contracts = contractsAt(addresses, operator);
    await send(contractsAt(addresses, admin).registry.addModel(MODEL, 700));
    await send(contracts.registry.registerSite("0x5553", id("ERCOT")));
    files = await openFiles(join(folder, "published"));
    snapshot = (await provider.send("evm_snapshot", [])) as string;
  });
  beforeEach(async () => {
    await provider.send("evm_revert", [snapshot]);
    snapshot = (await provider.send("evm_snapshot", [])) as string;
    rmSync(join(folder, "state.json"), { force: true });
  });
  after(async () => {
    provider.destroy();
    await chain.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (verb: string, ...args: string[]) => runBare(verb, "--state", "state.json", ...args);
  async function runBare(verb: string, ...args: string[]) {
    const settings = {
      RACKBOND_DEPLOYMENT: "deployment.json",
      RACKBOND_RPC_URL: chain.url,
      RACKBOND_GAS_KEY: `plain:${operator.privateKey}`,
    };
    const child = spawn(process.execPath, [PROGRAM, "operator", verb, "--json", ...args], {
      cwd: folder,
      env: { PATH: process.env["PATH"], ...settings, ...given },
    });
    let [out, said] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    expect(said + out).not.to.contain(operator.privateKey.slice(2));
    return { code, said, result: out === "" ? {} : (JSON.parse(out) as Record<string, unknown>) };
  }
  const register = (file: string, ...args: string[]) =>
    run(
      "register",
      ...["--devices", file, "--site", "1", "--model", MODEL, "--cost", "1000000", "--commissioned", "2025-12-01"],
      ...["--publish", "published", ...args],
    );
  const list = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return name;
  };

  it("registers hosts and lot, publishes what the root commits to, and does nothing twice", async () => {
    const file = list("fleet.csv", listText(5));
    const planned = await register(file, "--batch", "2", "--dry-run");
    expect(planned.result).to.include({
      dryRun: true,
      deviceCount: 10,
      hostCount: 5,
      transactionCount: 4,
      lotId: null,
    });
    expect(await contracts.registry.nodeCount()).to.equal(0n);
    expect(existsSync(join(folder, "state.json"))).to.equal(false);

    const { code, said, result } = await register(file, "--batch", "2");
    expect(code, said).to.equal(0);
    expect(result).to.include({ lotId: "1", deviceCount: 10, hostCount: 5, registeredHostCount: 5 });
    expect(said).to.contain("5 of 5 · hosts");
    const lot = await contracts.registry.lot(1);
    expect([lot.gpuCount, lot.costAssets, lot.commissionedAt]).to.deep.equal([10n, COST, 1_764_547_200n]);
    expect(result["identityRoot"]).to.equal(lot.identityRoot);
    const published = await parseIdentities(files.open("identities", lot.identityRoot as Hex));
    expect(published.map(({ name, nodeId }) => [name, nodeId]).slice(0, 3)).to.deep.equal([
      ...[["SN-0-000A", 1n] as const, ["SN-0-000B", 1n] as const, ["SN-1-000A", 2n] as const],
    ]);
    const { x, y } = nodeKeyOf("operator", "SN4");
    expect(await contracts.registry.isNodeKey(5, x, y)).to.equal(true);

    const nonce = await operator.getNonce();
    const again = await register(file);
    expect(again.result).to.include({ lotId: "1", registeredHostCount: 0, gasUsed: "0" });
    expect(await operator.getNonce()).to.equal(nonce);
  });

  it("lists every fault with its line, and ends with 1 before anything is sent", async () => {
    const nonce = await operator.getNonce();
    const { code, said } = await register(list("bad.csv", `${listText(2)}SN-0-000a,SN0,\nSN-9,SN0\n`));
    expect(code).to.equal(1);
    expect(said).to.contain("bad.csv:6: DeviceList_Doubled: SN-0-000A stands in line 2 already");
    expect(said).to.contain("bad.csv:7: DeviceList_BadRow");
    expect(said).to.contain("DeviceList_Refused: faultCount 2");
    expect(await operator.getNonce()).to.equal(nonce);
  });

  it("ends with 2 where it is used wrongly, S13: and takes no key from the command line", async () => {
    expect((await run("register")).code).to.equal(2);
    expect((await register(list("fleet.csv", listText(1)), "--site", "x")).code).to.equal(2);
    const { code, said } = await register("fleet.csv", "--gas-key", `plain:0x${"11".repeat(32)}`);
    expect([code, said.includes("list of processes")]).to.deep.equal([2, true]);
  });

  it("refuses a site of somebody else and an unknown model, before anything is sent", async () => {
    const file = list("fleet.csv", listText(1));
    expect((await register(file, "--site", "9")).said).to.contain("Registry_NotOperator");
    expect((await register(file, "--model", "H999")).said).to.contain("Registry_UnknownModel");
    expect(await contracts.registry.nodeCount()).to.equal(0n);
  });

  it("posts what a bond lacks, swaps the devices, retires the lot", async () => {
    await register(list("fleet.csv", listText(2)));
    await fund({ provider, addresses: deployment.addresses }, operator, operator.address, COST);
    const posted = await run("bond", "--lot", "1");
    expect(posted.result, posted.said).to.include({ postedAssets: String(COST / 20n) });
    expect((await run("bond", "--lot", "1")).result).to.include({
      postedAssets: "0",
      standingAssets: String(COST / 20n),
    });

    const other = await run("swap", "--lot", "1", "--devices", list("one.csv", listText(1)), "--publish", "published");
    expect(other.said).to.contain("Enrol_OtherCount");
    const swapped = await run("swap", "--lot", "1", "--devices", list("new.csv", listText(2, "NEW")));
    expect(swapped.result, swapped.said).to.include({ lotId: "1", registeredHostCount: 2 });
    expect((await contracts.registry.lot(1)).identityRoot).to.equal(swapped.result["identityRoot"]);

    expect((await run("retire", "--lot", "1")).result).to.include({ retired: true });
    expect(await contracts.registry.isRetired(1)).to.equal(true);
    expect((await run("retire", "--lot", "1")).result).to.include({ retired: true });
  });

  it("hands the identities to the oracles: again to one that has not seen the lot yet, and later by itself", async () => {
    const taken: string[] = [];
    let behindCount = 1;
    const identities = {
      async take(root: Hex, pieces: AsyncIterable<Uint8Array>) {
        if (behindCount-- > 0) return undefined;
        const chunks: Uint8Array[] = [];
        for await (const piece of pieces) chunks.push(piece);
        taken.push(`${root} ${Buffer.concat(chunks).toString().split("\n").length - 1}`);
        return taken.length === 1 ? ("kept" as const) : ("known" as const);
      },
    };
    const app = await buildApp({
      config: loadConfig({}, { logLevel: "silent" }),
      sources: sampleSources({ identities }),
    });
    try {
      const url = await app.listen({ host: "127.0.0.1", port: 0 });
      const file = list("fleet.csv", listText(2));
      given = { RACKBOND_ORACLE_URLS: url };
      const registered = await register(file, "--allow-private");
      given = {};
      expect(registered.result, registered.said).to.include({ lotId: "1", handedTo: 1 });
      const published = await runBare("publish", "--lot", "1", "--oracles", url, "--allow-private");
      expect(published.result, published.said).to.include({ handedTo: 1 });
      const line = `${String(registered.result["identityRoot"])} 4`;
      expect(taken).to.deep.equal([line, line]);
      const shut = await runBare("publish", "--lot", "1", "--oracles", url);
      expect([shut.code, shut.said.includes("private network")]).to.deep.equal([1, true]);
      expect((await runBare("publish", "--lot", "1")).code).to.equal(2);
    } finally {
      await app.close();
    }
  });

  describe("over an interruption", () => {
    const open = (through: JsonRpcProvider = provider, options: object = {}) =>
      openSender({
        ...{ provider: through, signer: new GasSigner(memorySigner(new SigningKey(operator.privateKey))) },
        ...{ chainId: chain.chainId, stateFile: join(folder, "state.json"), confirmationCount: 1, pollMs: 10 },
        ...options,
      });
    const enrolment = async (): Promise<Enrolment> => {
      const { createReadStream } = await import("node:fs");
      const file = join(folder, list("fleet.csv", listText(6)));
      const terms = { siteId: 1n, modelId: id(MODEL) as Hex, costAssets: COST, commissionedAt: 1n };
      return {
        ...{ provider, deployment, operator: operator.address, hostsPerTransaction: 2 },
        list: await readDeviceList(createReadStream(file), { folder }),
        goal: { kind: "register", terms },
      };
    };
    /** The chain, but for what the test takes from it: the n-th broadcast dies before or after it has left. */
    const dying = (atCount: number, when: "before" | "after"): JsonRpcProvider => {
      let count = 0;
      return new Proxy(provider, {
        get(target, name) {
          const value = Reflect.get(target, name, target) as unknown;
          if (name === "broadcastTransaction") {
            return async (raw: string) => {
              const isLast = ++count === atCount;
              if (isLast && when === "before") throw new Error("killed");
              const answer = await target.broadcastTransaction(raw);
              if (isLast) throw new Error("killed");
              return answer;
            };
          }
          return typeof value === "function" ? (value as () => unknown).bind(target) : value;
        },
      });
    };

    for (const when of ["before", "after"] as const) {
      for (const atCount of [1, 2, 3, 4]) {
        it(`S01: killed ${when} transaction ${atCount} of 4 left, the next run makes each host and the lot once`, async () => {
          const nonce = await operator.getNonce();
          const first = open(dying(atCount, when));
          try {
            await enrol(await enrolment(), first, files);
            expect.fail("it was not killed");
          } catch (error) {
            expect(String(error)).to.contain("killed");
          }
          first.close();
          const second = open();
          const { lotId } = await enrol(await enrolment(), second, files);
          second.close();
          expect(lotId).to.equal(1n);
          expect(await contracts.registry.nodeCount()).to.equal(6n);
          expect(await contracts.registry.lotCount()).to.equal(1n);
          expect(await operator.getNonce()).to.equal(nonce + 4);
        });
      }
    }

    it("S05: a transaction in no block is sent again under its nonce, at fees at least 10 % higher", async () => {
      await provider.send("evm_setAutomine", [false]);
      try {
        const sender = open(provider, { raiseAfterMs: 300 });
        const to = deployment.addresses.registry;
        const data = contracts.registry.interface.encodeFunctionData("registerSite", ["0x4e4f", id("NO1")]);
        const sent = sender.send({ to, data });
        const signed = () =>
          (JSON.parse(readFileSync(join(folder, "state.json"), "utf8")) as { signed: string[] }).signed;
        for (let i = 0; i < 200 && (!existsSync(join(folder, "state.json")) || signed().length < 2); i++) {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        const { Transaction } = await import("ethers");
        const [low, high] = signed().map((raw) => Transaction.from(raw));
        expect(high!.nonce).to.equal(low!.nonce);
        expect(Number(high!.maxFeePerGas) / Number(low!.maxFeePerGas)).to.be.greaterThan(1.1);
        expect(Number(high!.maxPriorityFeePerGas) / Number(low!.maxPriorityFeePerGas)).to.be.greaterThan(1.1);
        await provider.send("evm_mine", []);
        await sent;
        sender.close();
        expect(await contracts.registry.siteCount()).to.equal(2n);
        expect(signed()).to.deep.equal([]);
      } finally {
        await provider.send("evm_setAutomine", [true]);
      }
    });

    it("S19: refuses a second process at work, and takes over the lock of one that is gone", () => {
      const sender = open();
      expect(() => open()).to.throw("is at work");
      sender.close();
      writeFileSync(join(folder, "state.json.lock"), "4194305");
      open().close();
      expect(existsSync(join(folder, "state.json.lock"))).to.equal(false);
    });

    it("refuses a state file that is none, and what another key left unsettled", () => {
      writeFileSync(join(folder, "state.json"), "{}");
      expect(() => open()).to.throw("is no state file");
      const state = { version: 1, chainId: 5, sender: operator.address, signed: ["0x02"] };
      writeFileSync(join(folder, "state.json"), JSON.stringify(state));
      expect(() => open()).to.throw("unsettled transaction of chain 5");
      expect(existsSync(join(folder, "state.json.lock"))).to.equal(false);
    });
  });
});
