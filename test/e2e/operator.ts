import { expect } from "chai";
import type { Page } from "playwright-core";
import { id, type Wallet } from "ethers";

import { fund } from "../../scripts/seed.ts";
import { contractsAt, send } from "../../server/protocol/contracts.ts";
import { theStage, type Stage, type Visitor } from "./stage.ts";
import { confirm, confirmAll, connect, settled } from "./visiting.ts";

// An operator's afternoon: a site and a lot from a CSV, a lease that its lessee signs, an agent, and telemetry that
// arrives and is final.

const SHOWN_MS = 20_000;
const SENT_MS = 120_000;
const DAY_MS = 86_400_000;
const YEAR_SEC = 31_536_000;
const COST = 240_000;
const RENT = 8_400;
const UNITS = 10n ** 6n;

describe("an operator", function () {
  this.timeout(1_800_000);
  let stage: Stage;
  let visitor: Visitor;
  let page: Page;
  let lotId: string;
  let leaseId: string;
  const operator = () => stage.job.world.cast.operator;
  const lessee = () => stage.job.world.cast.lessees[0] as Wallet;

  before(async () => {
    stage = await theStage();
    visitor = await stage.visit("/operator/register", { wallet: operator() });
    page = visitor.page;
    page.setDefaultTimeout(SHOWN_MS);
    await connect(visitor);
  });
  after(async () => {
    await visitor.context.close();
  });

  async function choose(label: string, option: string | RegExp): Promise<void> {
    await page.getByRole("combobox", { name: label }).click();
    await page.getByRole("option", { name: option }).click();
  }

  it("registers a site, after seeing what it will be", async () => {
    await page.getByRole("button", { name: "Register a site" }).click();
    await page.getByLabel("Country").fill("fi");
    await page.getByLabel("Grid zone").fill("FI");
    await page.getByRole("button", { name: "Register site" }).click();
    const { registry } = contractsAt(stage.job.world.deployment.addresses, stage.job.provider);
    const siteId = (await registry.siteCount()) + 1n;
    await page.getByRole("dialog").getByText(`Site ${siteId} · FI · FI`).waitFor();
    await confirmAll(page);
    await choose("Site", `Site ${siteId} · FI · FI`);
    expect((await registry.sites(siteId)).operator).to.equal(operator().address);
  });

  it("is told every wrong row of a CSV, and can send nothing of it", async () => {
    await choose("GPU model", /H100/);
    await page.getByLabel("Acquisition cost of the lot").fill(String(COST));
    await page.getByLabel("In service since").fill("2026-01-01");
    const { rows } = stage.newHost(0);
    const [first = "", second = ""] = rows;
    const wrong = ["uuid,hostname,node_point", first, first, second.replace("GPU-", "MIG-"), "GPU-1,x"];
    await drop("wrong.csv", wrong);
    const faults = page.getByTestId("faults");
    await faults.waitFor();
    const lines = await faults.locator("tbody tr td:first-child").allInnerTexts();
    expect(lines).to.deep.equal(["3", "4", "5"]);
    expect(await page.getByRole("button", { name: "Register lot" }).isDisabled()).to.equal(true);
  });

  it("registers hosts and lot out of a sound one, and the oracle has its identities", async () => {
    const host = stage.newHost(0);
    await drop("fleet.csv", ["uuid,hostname,node_point", ...host.rows]);
    await page.getByTestId("sound").waitFor();
    await page.getByRole("button", { name: "Register lot" }).click();
    await page.getByRole("dialog").getByText("Hosts to register").waitFor();
    await confirm(page);
    const enrolled = page.getByTestId("enrolled");
    await enrolled.waitFor({ timeout: SENT_MS });
    lotId = (await enrolled.getAttribute("data-lot"))!;
    const { registry } = contractsAt(stage.job.world.deployment.addresses, stage.job.provider);
    const lot = await registry.lot(BigInt(lotId));
    expect([lot.gpuCount, lot.costAssets]).to.deep.equal([8n, BigInt(COST) * UNITS]);
    const published = await fetch(`${stage.url}/v1/files/identities/${lot.identityRoot}`);
    expect((await published.text()).trimEnd().split("\n")).to.have.length(8);
  });

  it("copies the set-up of the host's agent", async () => {
    await page.getByRole("link", { name: "Set up the agents" }).click();
    const settings = page.getByLabel("Environment file");
    await settings.waitFor();
    const text = await settings.innerText();
    expect(text).to.include(`RACKBOND_AGENT_LOT_ID=${lotId}`);
    expect(text).to.include(`RACKBOND_AGENT_ORACLE=${stage.url}`);
    // A lot reports from the first hour that begins after an auditor attested its devices.
    const { addresses } = stage.job.world.deployment;
    const auditor = contractsAt(addresses, stage.job.world.cast.auditor.connect(stage.job.provider));
    const { timestamp } = (await stage.job.provider.getBlock("latest"))!;
    await send(auditor.registry.attest(lotId, 1, timestamp + YEAR_SEC, id("inventory")));
    await stage.passHours(1);
    await stage.plugIn(stage.newHost(0));
  });

  it("drafts a lease, which its lessee signs, and opens it", async () => {
    await page.getByRole("link", { name: "Leases" }).click();
    await page.getByRole("button", { name: "Draft a lease" }).click();
    const form = page.getByTestId("draft");
    await form.waitFor();
    await choose("Lot", new RegExp(`^Lot ${lotId} `));
    await form.getByLabel("Lessee", { exact: true }).fill(lessee().address);
    const { timestamp } = (await stage.job.provider.getBlock("latest"))!;
    await form.getByLabel("Start").fill(new Date(timestamp * 1000 + DAY_MS).toISOString().slice(0, 10));
    await form.getByRole("button", { name: "Keep the draft" }).click();
    await form.getByText("An amount").first().waitFor(); // the rent is not said yet
    await form.getByLabel("Rent a month").fill(String(RENT));
    await form.getByRole("button", { name: "Keep the draft" }).click();
    await page.getByText("waits for the lessee").waitFor();

    const { addresses } = stage.job.world.deployment;
    await fundLessee(stage, lessee());
    const other = await stage.visit("/operator/leases", { wallet: lessee() });
    try {
      await connect(other);
      await other.page.getByRole("button", { name: "Sign", exact: true }).click();
      await confirmAll(other.page);
      expect(other.wallet!.requests).to.include("eth_signTypedData_v4");
      expect(other.complaints).to.deep.equal([]);
    } finally {
      await other.context.close();
    }

    await page.getByRole("button", { name: "Open", exact: true }).click();
    await confirmAll(page);
    const { leases } = contractsAt(addresses, stage.job.provider);
    const opened = await leases.leaseOf(BigInt(lotId));
    leaseId = String(opened);
    const { terms, status } = await leases.lease(opened);
    expect([terms.lessee, terms.payee]).to.deep.equal([lessee().address, operator().address]);
    expect([terms.baseRentAssets, status.prepaidAssets]).to.deep.equal([BigInt(RENT) * UNITS, BigInt(RENT) * UNITS]);
    await page.getByRole("button", { name: `Show lease ${leaseId}` }).click();
    await page.getByTestId("lease").getByText("running").waitFor();
  });

  it("sees the first telemetry within the hour, and a day later it is final", async () => {
    await stage.passHours(2);
    await page.goto("/operator");
    await settled(page);
    await page.getByRole("button", { name: `Show telemetry of lot ${lotId}` }).click();
    const telemetry = page.getByTestId("telemetry");
    await telemetry.getByText("8 of 8").waitFor();
    await telemetry.getByText("In the challenge window").waitFor();
    expect(await telemetry.getByTestId("newest-final").innerText()).to.equal("—");
    await stage.passChallenge();
    await page.reload();
    await settled(page);
    await page.getByRole("button", { name: `Show telemetry of lot ${lotId}` }).click();
    await page.getByTestId("newest-final").filter({ hasText: "UTC" }).waitFor();
    expect(visitor.complaints).to.deep.equal([]);
  });

  async function drop(name: string, lines: readonly string[]): Promise<void> {
    const buffer = Buffer.from(`${lines.join("\n")}\n`);
    await page.locator("input[type=file]").first().setInputFiles({ name, mimeType: "text/csv", buffer });
  }
});

/** Money for deposit and rent in advance; the wallet gives the allowance itself. */
async function fundLessee({ job }: Stage, wallet: Wallet): Promise<void> {
  const { addresses } = job.world.deployment;
  await fund({ provider: job.provider, addresses }, wallet, addresses.bonds, BigInt(10 * RENT) * UNITS);
}
