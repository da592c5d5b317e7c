import { spawn } from "node:child_process";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { AGENT_SETTINGS, AGENT_UNIT, agentEnvironment } from "../../server/protocol/agentSettings.ts";
import { canonicalDeviceName } from "../../server/protocol/identity.ts";
import { UUIDS, newFolder } from "./agentBench.ts";
import { end, exporterText, serve, startOracle, until } from "./agentPlaces.ts";

const closing: (() => Promise<unknown>)[] = [];
const textOf = async (url: string) => await (await fetch(url)).text();

describe("rackbond agent", () => {
  const command = new URL("../../server/cli/rackbond.ts", import.meta.url).pathname;
  const TELEMETRY = `0x${"11".repeat(20)}`;

  async function place() {
    const folder = newFolder();
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
    writeFileSync(join(folder, "node.pem"), pem, { mode: 0o600 });
    const lines = UUIDS.map((uuid) => JSON.stringify({ name: canonicalDeviceName(uuid), nodeId: "3" }));
    writeFileSync(join(folder, "identities.ndjson"), `${lines.join("\n")}\n`);
    const exporter = await serve((_, response) => response.end(exporterText(Date.now())));
    const oracle = await startOracle(() => "take");
    closing.push(exporter.close, oracle.close);
    const env = {
      RACKBOND_AGENT_EXPORTER: exporter.url,
      RACKBOND_AGENT_ORACLE: oracle.url,
      RACKBOND_AGENT_NODE_ID: "3",
      RACKBOND_AGENT_LOT_ID: "7",
      RACKBOND_AGENT_CHAIN_ID: "31337",
      RACKBOND_AGENT_TELEMETRY: TELEMETRY,
      RACKBOND_AGENT_DEVICES: join(folder, "identities.ndjson"),
      RACKBOND_AGENT_KEY: `pem:${join(folder, "node.pem")}`,
      RACKBOND_AGENT_DATA: join(folder, "data"),
      RACKBOND_AGENT_METRICS_PORT: "0",
      RACKBOND_AGENT_INTERVAL_SEC: "1",
    };
    return { folder, pem, oracle, env, key: createPrivateKey(pem) };
  }

  function start(env: Record<string, string>, ...args: string[]) {
    const child = spawn(process.execPath, [command, "agent", ...args], {
      ...{ env: { PATH: process.env["PATH"] ?? "", ...env }, stdio: ["ignore", "pipe", "pipe"] },
    });
    closing.push(() => end(child, "SIGKILL"));
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += String(chunk)));
    return { child, output: () => output };
  }

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  it("S13 S19: runs by its environment, refuses a second one on its folder, ends on SIGTERM, and shows no key", async function () {
    this.timeout(30_000);
    const { env, pem, folder, oracle, key } = await place();
    const { child, output } = start(env, "--allow-private", "yes");
    await until(() => output().includes("metrics http"), "its start");
    const url = /metrics (\S+)\/metrics/.exec(output())![1]!;
    await until(async () => (await fetch(`${url}/healthz`)).status === 200, "a scrape");
    const metrics = await textOf(`${url}/metrics`);
    expect(metrics).to.match(/scrapes_total\{result="taken"\} [1-9]/);
    const second = start(env, "--allow-private", "yes");
    await once(second.child, "exit");
    expect([second.child.exitCode, second.output()]).to.deep.equal([
      1,
      `rackbond: the agent's folder ${env.RACKBOND_AGENT_DATA} is in use by process ${child.pid}; stop it, or choose another folder with --data\n`,
    ]);
    // The hour that is going on is not over: nothing is closed; an earlier one that the journal holds is.
    expect(oracle.taken.size).to.equal(0);
    expect(await end(child, "SIGTERM")).to.equal(0);
    expect(existsSync(join(folder, "data", "agent.lock"))).to.equal(false);
    const d = key.export({ format: "jwk" }).d!;
    for (const secret of [d, Buffer.from(d, "base64url").toString("hex"), pem.split("\n")[1]!])
      expect(output() + metrics).to.not.contain(secret);
  });

  it("S11 S21: refuses wrong settings before it does anything, by their names", async function () {
    this.timeout(60_000);
    const { env } = await place();
    const wrong: [Record<string, string>, string][] = [
      [{ RACKBOND_AGENT_INTERVAL_SEC: "0" }, "RACKBOND_AGENT_INTERVAL_SEC"],
      [{ RACKBOND_AGENT_EXPORTER: "http://169.254.169.254/latest" }, "RACKBOND_AGENT_EXPORTER"],
      [{ RACKBOND_AGENT_WALL_URL: "http://127.0.0.1/" }, "RACKBOND_AGENT_WALL_METRIC"],
    ];
    const ends = wrong.map(async ([changed, name]) => {
      const { child, output } = start({ ...env, ...changed });
      await once(child, "exit");
      expect([child.exitCode, output()], name).to.satisfy(
        ([code, text]: [number, string]) => code === 2 && text.includes(name),
      );
    });
    await Promise.all(ends);
    expect(existsSync(env.RACKBOND_AGENT_DATA)).to.equal(false);
  });

  it("is set up by an environment file that says what differs from the defaults, and nothing ambiguous", () => {
    const must = {
      ...{ nodeId: "3", lotId: "7", chainId: "31337", telemetry: TELEMETRY, key: "pem:/etc/rackbond/node.pem" },
      ...{ devices: "/etc/rackbond/identities.ndjson", oracle: "https://a.example/,https://b.example/" },
    };
    const text = agentEnvironment({
      ...must,
      allocation: "dedicated",
      interval: "15",
      intervalSec: "15",
    } as typeof must);
    expect(text.trimEnd().split("\n")).to.deep.equal([
      ...["RACKBOND_AGENT_NODE_ID=3", "RACKBOND_AGENT_LOT_ID=7"],
      ...["RACKBOND_AGENT_DEVICES=/etc/rackbond/identities.ndjson", "RACKBOND_AGENT_CHAIN_ID=31337"],
      ...[`RACKBOND_AGENT_TELEMETRY=${TELEMETRY}`, "RACKBOND_AGENT_KEY=pem:/etc/rackbond/node.pem"],
      ...["RACKBOND_AGENT_ORACLE=https://a.example/,https://b.example/", "RACKBOND_AGENT_ALLOCATION=dedicated"],
    ]);
    expect(() => agentEnvironment({ ...must, nodeId: "" })).to.throw("Agent_SettingMissing");
    for (const value of ["a b", "a\nb", 'a"b', "a#b", "$HOME", "a\\b"])
      expect(() => agentEnvironment({ ...must, data: value }), value).to.throw("Agent_SettingNotPlain");
    const page = readFileSync(new URL("../../docs/agent.md", import.meta.url), "utf8");
    expect(page).to.contain(`\`\`\`ini\n${AGENT_UNIT}\`\`\``);
  });

  it("has a page that names every setting and every metric", () => {
    const page = readFileSync(new URL("../../docs/agent.md", import.meta.url), "utf8");
    for (const { flag, env } of Object.values(AGENT_SETTINGS)) {
      expect(page).to.contain(flag.split(" ")[0]);
      expect(page).to.contain(env);
    }
    const source = readFileSync(new URL("../../server/agent/metrics.ts", import.meta.url), "utf8");
    const names = [...source.matchAll(/(?:gauge|counter)\("(\w+)"/g)].map((match) => `rackbond_agent_${match[1]}`);
    expect(names.length).to.be.greaterThan(10);
    for (const name of names) expect(page).to.contain(name);
  });
});
