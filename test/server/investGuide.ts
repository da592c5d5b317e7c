import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { Wallet } from "ethers";
import { fixDay } from "../../scripts/quotes.ts";
import { fund } from "../../scripts/seed.ts";
import { FIRST_EPOCH, FIRST_PAYMENT_AT, readingOf, startStage, wire, type Stage } from "./stage.ts";

// The guide for investors, followed to the letter on a chain: each block of commands in turn.

const ROOT = join(import.meta.dirname, "../..");
const PROGRAM = join(ROOT, "server/cli/rackbond.ts");
const LAST = FIRST_EPOCH + 743n;
const FEBRUARY_AT = Date.UTC(2026, 1, 1) / 1000;
const DAY_SEC = 86_400;
const HOUR_SEC = 3600;

/** The blocks of a guide that are followed, each with what happens before it. */
function blocksOf(page: string): { before: string; commands: string[] }[] {
  const text = readFileSync(join(ROOT, page), "utf8");
  return [...text.matchAll(/^```sh follow ?(\w*)\n([^]*?)^```/gm)].map(([, before, body]) => ({
    before: before!,
    commands: body!.trim().split("\n"),
  }));
}

describe("the guide for investors", function () {
  this.timeout(120_000);
  let stage: Stage;
  let settings: Record<string, string>;
  let investor: Wallet;
  let other: Wallet;
  let keeper: Wallet;

  before(async () => {
    stage = await startStage(LAST);
    const { cast, deployment } = stage.world;
    [investor, other] = cast.investors as [Wallet, Wallet];
    ({ keeper } = cast);
    const oracles = await stage.startOracles();
    const readings = [0, 1, 2].map((n) => wire(readingOf(stage, n, LAST)));
    await Promise.all(oracles.map((oracle) => oracle.ingest(readings, BigInt(FEBRUARY_AT))));
    await stage.close(oracles);
    await fixDay(stage.contracts.computeIndex, cast.publishers, stage.fleet, FEBRUARY_AT - DAY_SEC);
    writeFileSync(join(stage.folder, "deployment.json"), JSON.stringify(deployment));
    const { provider } = stage;
    for (const wallet of [investor, other])
      await fund({ provider, addresses: deployment.addresses }, wallet, deployment.addresses.vault, 2_000n * 10n ** 6n);
    settings = {
      PATH: process.env["PATH"]!,
      RACKBOND_DEPLOYMENT: "deployment.json",
      RACKBOND_RPC_URL: stage.chain.url,
      RACKBOND_GAS_KEY: `plain:${investor.privateKey}`,
      OTHER_KEY: `plain:${other.privateKey}`,
      OTHER: other.address,
    };
    await run("npm run rackbond -- keeper --once", keeper); // values everything
  });
  after(() => stage.stop());

  /** Runs a command of the guide as it stands there; gives what it says and how it ends. */
  async function run(command: string, by?: Wallet, isJson = true) {
    const line = `${command.replace("npm run rackbond --", `"$NODE" "${PROGRAM}"`)}${isJson ? " --json" : ""}`;
    const own = by === undefined ? {} : { RACKBOND_GAS_KEY: `plain:${by.privateKey}` };
    // Settings that are the guide's own are none of the program's.
    const child = spawn("sh", ["-euc", line], {
      cwd: stage.folder,
      env: { ...settings, ...own, NODE: process.execPath },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [out, said] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { code, out, said };
  }
  const done = async (command: string, by?: Wallet) => {
    const { code, out, said } = await run(command, by);
    expect(code, `${command}\n${said}`).to.equal(0);
    return out
      .trim()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  const sharesOf = async (wallet: Wallet) =>
    stage.contracts.classToken(stage.world.deployment.facilities[0]!.classTokens[0]!).balanceOf(wallet.address);

  it("every command does what it says", async () => {
    const [before, otherBefore] = [await sharesOf(investor), await sharesOf(other)];
    let isClaimed = false;
    for (const block of blocksOf("docs/guide/investor.md")) {
      if (block.before === "keeper") {
        await stage.advanceTo((await stage.provider.getBlock("latest"))!.timestamp + HOUR_SEC);
        const would = await done("npm run rackbond -- keeper --dry-run", keeper);
        expect(would.map(({ verb }) => verb)).to.include("fulfil");
        expect((await done("npm run rackbond -- keeper --once", keeper)).map(({ verb }) => verb)).to.include("fulfil");
      } else if (block.before === "payment") {
        await stage.advanceTo(FIRST_PAYMENT_AT);
        const kept = (await done("npm run rackbond -- keeper --once", keeper)).map(({ verb }) => verb);
        expect(kept).to.include.members(["record", "settle", "distribute", "appraise", "claim"]);
        isClaimed = true;
      }
      for (const command of block.commands) {
        const [result] = await done(command);
        if (command.includes("--dry-run")) expect(result).to.include({ dryRun: true });
        if (command.includes("borrow"))
          expect(result!["preview"]).to.include({ movedAssets: "40000000", owedBeforeAssets: "0" });
      }
    }
    expect(isClaimed).to.equal(true);
    // 60 sold, 10 given; all collateral is back.
    expect(before - (await sharesOf(investor))).to.equal(70n * 10n ** 6n);
    expect((await sharesOf(other)) - otherBefore).to.equal(70n * 10n ** 6n);
    const [market] = stage.world.deployment.facilities[0]!.markets;
    const { borrowShares, collateralShares } = await stage.contracts.markets.position(market!.id, investor.address);
    expect([borrowShares, collateralShares]).to.deep.equal([0n, 0n]);
  });

  it("M21: what cannot be ends with 1 and why, what is wrongly asked with 2; nothing is sent", async () => {
    const nonce = await stage.provider.getTransactionCount(investor.address);
    const refused = await run("npm run rackbond -- invest borrow --amount 1000000");
    expect([refused.code, refused.out], refused.said).to.deep.equal([1, ""]);
    expect(refused.said).to.match(/Market_NotEnoughLiquidity: .*totalSupplyAssets/);
    const many = await run("npm run rackbond -- invest transfer --class 0 --to $OTHER --shares 99999999999");
    expect([many.code, many.said.includes("Invest_MayNotTransfer")]).to.deep.equal([1, true]);
    expect((await run("npm run rackbond -- invest transfer --class 7 --to nobody --shares 1")).code).to.equal(1);
    expect((await run("npm run rackbond -- invest deposit")).code).to.equal(2);
    expect(await stage.provider.getTransactionCount(investor.address)).to.equal(nonce);
  });

  it("people read amounts with their decimals", async () => {
    const { code, out } = await run("npm run rackbond -- invest positions", undefined, false);
    expect(code).to.equal(0);
    expect(out)
      .to.match(/symbol: \S+/)
      .and.match(/computedAt: (never|2026-02-\d\dT)/);
    expect(out).to.match(/shares: \d+\.\d+/);
  });
});
