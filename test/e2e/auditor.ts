import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect } from "chai";
import { ledgerOf, replay } from "../../server/model/replay.ts";
import type { HistoryEvent } from "../../server/protocol/apiHistory.ts";
import { PROOF_STEPS } from "../../server/protocol/proofSteps.ts";
import { theStage, type Stage, type Visitor } from "./stage.ts";
import { confirmAll, connect } from "./visiting.ts";

// The auditor's story: one device-hour proven without trust in the server, a proof that was tampered with, and what was
// found, signed and recorded.

const SHOWN_MS = 30_000;

describe("an auditor", function () {
  this.timeout(600_000);
  let stage: Stage;
  let visitor: Visitor;
  let page: Page;
  let proof: string;

  before(async () => {
    stage = await theStage();
    visitor = await stage.visit("/audit", { wallet: stage.job.world.cast.auditor });
    page = visitor.page;
    await connect(visitor);
  });

  after(async () => {
    await visitor.context.close();
  });

  const verdict = (tone: "good" | "warn" | "bad") =>
    page.locator(`[data-tone="${tone}"]`).first().waitFor({ timeout: SHOWN_MS });
  const stepsIn = async (state: string) => {
    const found: string[] = [];
    for (const name of PROOF_STEPS)
      if ((await page.locator(`[data-step="${name}"][data-state="${state}"]`).count()) > 0) found.push(name);
    return found;
  };
  const open = async (text: string) => {
    await page.getByRole("tab").nth(1).click();
    const buffer = Buffer.from(text);
    await page.locator("input[type=file]").setInputFiles({ name: "proof.json", mimeType: "application/json", buffer });
  };

  it("proves a GPU's hour, each step from the node's signature to the chain", async () => {
    await page.getByRole("button", { name: "Prove it" }).click();
    await verdict("good");
    expect(await stepsIn("passed")).to.deep.equal([...PROOF_STEPS]);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save proof file" }).click();
    proof = readFileSync(await (await download).path(), "utf8");
    expect(proof).to.include('"kind": "rackbond-device-hour"');
  });

  it("proves it from the file and the wallet's own node, while the server is not there", async () => {
    await page.route("**/v1/**", (route) => route.abort());
    await page.getByRole("radio", { name: "The chain, through my wallet" }).check();
    await open(proof);
    await verdict("good");
    // Who stands in the lot is published by the server alone: that step may stay open, and the hour is proven without it.
    const passed = await stepsIn("passed");
    expect(passed.filter((name) => name !== "identity")).to.deep.equal(PROOF_STEPS.filter((n) => n !== "identity"));
  });

  it("sees a proof that was tampered with fail, at the steps that fail", async () => {
    const more = proof.replace(/"allocatedSec": "(\d+)"/, '"allocatedSec": "1"');
    expect(more).not.to.equal(proof);
    await open(more);
    await verdict("bad");
    expect(await stepsIn("failed")).to.deep.equal(["hour", "leaf", "path"]);
    expect(await page.getByText("Not proven").isVisible()).to.equal(true);
    await open(
      proof.replace(/"signature": "0x(..)/, (_all, byte: string) => `"signature": "0x${byte === "11" ? "22" : "11"}`),
    );
    await page.locator('[data-step="signature"][data-state="failed"]').waitFor({ timeout: SHOWN_MS });
    expect(await stepsIn("failed")).to.deep.equal(["signature", "publication"]);
    await page.unroute("**/v1/**");
  });

  it("computes the payment dates again, and finds what the chain paid", async () => {
    await page.goto("/audit/waterfall");
    await verdict("good");
    const events: HistoryEvent[] = [];
    for (let after: string | null = "0"; after !== null;) {
      const answer = await fetch(`${stage.url}/v1/facilities/${stage.performing}/events?limit=200&after=${after}`);
      const { items, next } = (await answer.json()) as { items: HistoryEvent[]; next: string | null };
      events.push(...items);
      after = next;
    }
    const { facility, differenceCount, dates } = replay(events);
    expect([differenceCount, dates.length >= 1]).to.deep.equal([0, true]);
    const held = Object.values(ledgerOf(facility)).reduce((sum, assets) => sum + assets, 0n);
    expect(held).to.equal(await stage.job.program.contracts.facility(stage.performing).ledgerAssets());
    await page.goto("/audit/reserves");
    await verdict("good");
  });

  it("finds where a GPU stands, and who may do what", async () => {
    const { leaf } = (JSON.parse(proof) as { proof: { leaf: { lotId: string; device: { deviceId: string } } } }).proof;
    await page.goto("/audit/search");
    await page.getByRole("textbox").first().fill(leaf.device.deviceId);
    await page.getByRole("button", { name: "Search", exact: true }).click();
    await verdict("good");
    await page.goto("/audit/access");
    const auditor = stage.job.world.cast.auditor.address;
    await page.getByRole("textbox").first().fill(auditor);
    await page.getByText("attest(uint64,uint8,uint64,bytes32)").waitFor({ timeout: SHOWN_MS });
  });

  it("signs a statement and records it on the chain", async () => {
    await page.goto("/audit/statements");
    const findings = "All of the hours were recomputed; nothing differed.";
    await page.getByRole("textbox", { name: "Findings" }).fill(findings);
    await page.getByRole("button", { name: "Preview, sign and record" }).click();
    await confirmAll(page);
    const { statements } = stage.job.program.contracts;
    const [recorded] = await statements.queryFilter(statements.filters.Recorded());
    expect(recorded?.args.auditor).to.equal(stage.job.world.cast.auditor.address);
    await page.getByText("the chain's own report").first().waitFor({ timeout: SHOWN_MS });
  });
});
