import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import type { Wallet } from "ethers";

import { gpuModel } from "../../scripts/catalogue.ts";
import { generateHost, type Exporter } from "../../scripts/exporter.ts";
import { nodeKeyOf } from "../../scripts/cast.ts";
import { startJob, type Job } from "../../scripts/job.ts";
import { createdIn, facilitySettings } from "../../scripts/facility.ts";
import { startAgentHost, type AgentHost } from "../../server/agent/host.ts";
import { signReading } from "../../server/nodekey.ts";
import { contractsAt, send } from "../../server/protocol/contracts.ts";
import { readingDomain } from "../../server/protocol/reading.ts";
import { injectWallet, type InjectedWallet } from "./wallet.ts";

// The running system with a month behind it, a second facility that takes subscriptions, and a real browser in front.
// One for all stories: it takes minutes to get there.

export const SEED = "1";
const HOUR_SEC = 3600;
const DAY_HOURS = 24;
const DAY_SEC = DAY_HOURS * HOUR_SEC;
const CHALLENGE_HOURS = 25;
const HOST_GPUS = 8;
/** Generated hosts of the main job end before this index. */
const FIRST_NEW_HOST = 100;

/** Somebody at a screen. */
export interface Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Undefined for who only reads. */
  readonly wallet: InjectedWallet | undefined;
  /** What the page complained about: errors thrown, and requests that failed. */
  readonly complaints: string[];
}

/** A host that the main job knows nothing of, before and after it is registered. */
export interface NewHost {
  readonly exporter: Exporter;
  /** Rows of the operator's list, without the header: uuid,hostname,node_point. */
  readonly rows: string[];
}

export interface Stage {
  readonly job: Job;
  readonly url: string;
  /** Takes subscriptions until two months from now. */
  readonly raising: string;
  /** The one that has paid. */
  readonly performing: string;
  newHost(place: number): NewHost;
  /** Runs a registered host's agent from now on. */
  plugIn(host: NewHost): Promise<void>;
  passHours(count: number): Promise<void>;
  /** Until the next payment date has paid. */
  passPayment(): Promise<void>;
  /** Until what is reported now is final. */
  passChallenge(): Promise<void>;
  visit(path: string, options?: VisitOptions): Promise<Visitor>;
}

export interface VisitOptions {
  readonly wallet?: Wallet;
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: "light" | "dark";
  readonly locale?: "en-US" | "ja-JP";
}

let started: Promise<Stage> | undefined;
const closing: (() => Promise<void> | void)[] = [];

/** The stage, started by who asks first. */
export function theStage(): Promise<Stage> {
  started ??= startStage();
  return started;
}

after(async function () {
  this.timeout(60_000);
  for (const close of closing.splice(0).reverse()) await close();
});

async function startStage(): Promise<Stage> {
  process.env["RACKBOND_REQUESTS_PER_MINUTE"] = "1000000"; // a hundred visitors from one address
  const folder = mkdtempSync(join(tmpdir(), "rackbond-e2e-"));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  // A folder that `npm start -- --data` made saves the month; what is there is not touched.
  const given = process.env["E2E_DATA"];
  // Owners are kept: the database's files belong to an account of its own where this runs as root.
  if (given !== undefined) execFileSync("cp", ["--archive", `${given}/.`, folder]);
  const job = await startJob(
    {
      ...{ once: true, months: 1, seed: SEED, factor: 0, data: folder, port: 0, rpcPort: 0, chain: undefined },
      ...{ scrapeFiles: [], powerFiles: [], quantiles: undefined, rateCents: new Map() },
    },
    () => undefined,
  );
  closing.push(() => job.stop());
  while (job.paymentCount() < 1) await job.passHour();
  job.stopHolders(); // from here on they act in their browsers

  const raising = await raiseAgain(job);
  const browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb"],
  });
  closing.push(() => browser.close());

  const agents: { exporter: Exporter; agent: AgentHost }[] = [];
  const handIn = async (epoch: bigint) => {
    for (const { exporter, agent } of agents) {
      for (const half of [1, 2]) {
        const at = Number(epoch) * HOUR_SEC + (half * HOUR_SEC) / 2;
        const text = exporter.scrape(at);
        if (text !== undefined)
          await agent.take(exporter.hostname, BigInt(at) * 1000n, text, exporter.wallEnergyMJ?.(at));
      }
      await deliver(job, await agent.closeEpoch(epoch));
    }
  };
  const passHours = async (count: number) => {
    for (let hour = 0; hour < count; hour++) await job.passHour(handIn);
    await job.program.follow();
  };

  return {
    job,
    url: job.program.apiUrl,
    raising,
    performing: job.world.deployment.facilities[0]!.address,
    newHost,
    async plugIn(host) {
      const agent = await agentOf(job, host, join(folder, `agent-${host.exporter.hostname}`));
      closing.push(() => agent.close());
      agents.push({ exporter: host.exporter, agent });
      const startAt = Number(job.program.nextEpoch()) * HOUR_SEC;
      const text = host.exporter.scrape(startAt);
      if (text !== undefined) await agent.take(host.exporter.hostname, BigInt(startAt) * 1000n, text);
    },
    passHours,
    async passPayment() {
      const before = job.paymentCount();
      while (job.paymentCount() === before) await passHours(1);
    },
    passChallenge: () => passHours(CHALLENGE_HOURS),
    visit: (path, options = {}) => visit(browser, job, path, options),
  };
}

/** The issuer announces a second facility, waits its two days, and creates it. */
async function raiseAgain(job: Job): Promise<string> {
  const { world, provider } = job;
  const { authority, facilities } = contractsAt(
    world.deployment.addresses,
    world.cast.offices.ISSUER.connect(provider),
  );
  const nowAt = (await provider.getBlock("latest"))!.timestamp;
  const settings = facilitySettings(world.deployment.addresses, world.cast, {
    ...{ name: "Rackbond Two", symbol: "RB2", seniorAssets: world.seniorAssets, costAssets: world.costAssets },
    raiseUntilAt: nowAt + 60 * DAY_SEC,
    firstPaymentAt: nowAt + 120 * DAY_SEC,
  });
  const call = facilities.interface.encodeFunctionData("create", [settings]);
  const target = await facilities.getAddress();
  await send(authority.schedule(target, call, 0));
  for (let hour = 0; hour <= 2 * DAY_HOURS; hour++) await job.passHour();
  const receipt = await send(facilities.create(settings));
  await job.program.follow();
  return createdIn(receipt).facility;
}

function newHost(place: number): NewHost {
  const model = gpuModel("H100");
  const exporter = generateHost({
    ...{ seed: SEED, hostIndex: FIRST_NEW_HOST + place, gpuCount: HOST_GPUS, startAt: Date.UTC(2026, 0, 1) / 1000 },
    ...{ modelName: model.name, tdpW: model.tdpW },
  });
  const { x, y } = nodeKeyOf(SEED, exporter.hostname);
  const rows = exporter.gpus.map(
    ({ uuid }, index) => `${uuid},${exporter.hostname},${index === 0 ? `${x}${y.slice(2)}` : ""}`,
  );
  return { exporter, rows };
}

/** The agent of a host, with its places as the registry has them. */
async function agentOf(job: Job, { exporter }: NewHost, folder: string): Promise<AgentHost> {
  const { deployment } = job.world;
  const { registry } = job.program.contracts;
  const { key, x, y } = nodeKeyOf(SEED, exporter.hostname);
  const points = await registry.queryFilter(registry.filters.NodeRegistered());
  const nodeId = points.find(({ args }) => args.publicX === x && args.publicY === y)?.args.nodeId;
  if (nodeId === undefined) throw new Error(`${exporter.hostname}: its node key is not registered`);
  const lots = await registry.queryFilter(registry.filters.LotRegistered());
  const lotId = lots.at(-1)!.args.lotId;
  const domain = readingDomain(BigInt(deployment.chainId), deployment.addresses.telemetry);
  return startAgentHost({
    ...{ folder, domain },
    nodes: [
      {
        ...{ hostname: exporter.hostname, nodeId, lotId, allocation: "pod", maxGapSec: 2 * HOUR_SEC },
        deviceIndex: new Map(exporter.gpus.map(({ uuid }, index) => [uuid, index])),
        sign: (hash) => Promise.resolve(signReading(key, hash)),
      },
    ],
  });
}

/** Hands readings to the API, as an agent elsewhere does. */
async function deliver(job: Job, readings: Awaited<ReturnType<AgentHost["closeEpoch"]>>): Promise<void> {
  if (readings.length === 0) return;
  const response = await fetch(`${job.program.apiUrl}/v1/readings/batch`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(readings),
  });
  const answer = (await response.json()) as { results?: { outcome: string; detail?: string }[] };
  const refused = answer.results?.find(({ outcome }) => outcome === "refused");
  if (!response.ok || refused !== undefined)
    throw new Error(`readings were refused: ${JSON.stringify(refused ?? answer)}`);
}

async function visit(browser: Browser, job: Job, path: string, options: VisitOptions): Promise<Visitor> {
  const { width = 1440, height = 900, scheme = "light", locale = "en-US" } = options;
  const context = await browser.newContext({
    ...{ viewport: { width, height }, colorScheme: scheme, locale, timezoneId: "UTC", reducedMotion: "reduce" },
    ...{ baseURL: job.program.apiUrl, acceptDownloads: true },
  });
  const wallet = options.wallet && (await injectWallet(context, options.wallet, job.chainUrl));
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText ?? "";
    if (why !== "net::ERR_ABORTED") complaints.push(`${request.url()}: ${why}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(job.program.apiUrl) && !/^(?:data|blob):/.test(request.url()))
      complaints.push(`asked elsewhere: ${request.url()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 500) complaints.push(`${response.url()}: ${response.status()}`);
  });
  await page.goto(path);
  return { context, page, wallet, complaints };
}
