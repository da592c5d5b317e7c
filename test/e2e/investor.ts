import { expect } from "chai";
import type { Wallet } from "ethers";
import type { Page } from "playwright-core";

import { fund } from "../../scripts/seed.ts";
import { send } from "../../server/protocol/contracts.ts";
import { theStage, type Stage, type Visitor } from "./stage.ts";
import type { InjectedWallet } from "./wallet.ts";

// What an investor does, in a browser with a wallet: subscribe, borrow, repay, sell to another investor, redeem from the
// vault, claim what a payment date brought. Each through the preview; what the chain has afterwards is what the preview said.

const SHOWN_MS = 30_000;
const POLL_MS = 500;
const UNIT = 1_000_000n;

/** How many transactions a wallet was asked for: an approval is one. */
const sentBy = ({ requests }: InjectedWallet) => requests.filter((method) => method === "eth_sendTransaction").length;

describe("investor's story", function () {
  this.timeout(1_200_000);
  let stage: Stage;
  let first: Wallet;
  let second: Wallet;

  before(async () => {
    stage = await theStage();
    const { cast, deployment } = stage.job.world;
    [first, second] = cast.investors as [Wallet, Wallet];
    const context = { provider: stage.job.provider, addresses: deployment.addresses };
    // Money to act with; the allowance it leaves is for nobody that is asked here.
    for (const wallet of [first, second, cast.saver]) {
      await fund(context, wallet, deployment.addresses.registry, 100_000n * UNIT);
    }
    await stage.job.program.follow();
  });

  const contracts = () => stage.job.program.contracts;
  const senior = () => contracts().classToken(stage.job.world.deployment.facilities[0]!.classTokens[0]!);
  const market = () => stage.job.world.deployment.facilities[0]!.markets[0]!;

  /** Somebody at a page with the wallet connected; closed after the work. */
  const at = async (path: string, wallet: Wallet, work: (page: Page, visitor: Visitor) => Promise<void>) => {
    const visitor = await stage.visit(path, { wallet });
    try {
      await visitor.page.getByTestId("connect").click();
      await visitor.page.getByTestId("wallet").waitFor({ timeout: SHOWN_MS });
      await work(visitor.page, visitor);
      expect(visitor.complaints).to.deep.equal([]);
    } catch (error) {
      const shown = await visitor.page.innerText("main").catch(() => "nothing");
      throw new Error(`${path} showed: ${shown.slice(0, 600)}`, { cause: error });
    } finally {
      await visitor.context.close();
    }
  };

  /** Clicks what opens the preview, reads it, confirms, and waits until all is in a block. */
  const act = async (page: Page, button: string | RegExp): Promise<string> => {
    await page.getByRole("main").getByRole("button", { name: button, exact: true }).click({ timeout: SHOWN_MS });
    const dialog = page.getByRole("dialog");
    const confirm = dialog.getByRole("button", { name: "Confirm in the wallet" });
    await dialog.getByText("What this does").first().waitFor({ timeout: SHOWN_MS });
    const said = await dialog.innerText();
    await confirm.click();
    const done = dialog.getByText("The figures here follow within a block.");
    const failed = dialog.getByRole("alert").filter({ hasText: "This did not happen" });
    const end = done.or(failed).first();
    for (let waitedMs = 0; waitedMs < SHOWN_MS && !(await end.isVisible()); waitedMs += POLL_MS) {
      await stage.job.program.follow();
      await page.waitForTimeout(POLL_MS);
    }
    expect(await failed.allInnerTexts()).to.deep.equal([]);
    await dialog.getByRole("button", { name: "Close" }).last().click();
    await stage.job.program.follow();
    return said;
  };

  it("subscribes to a facility that raises, after the preview", async () => {
    await at(`/facilities/${stage.raising}`, first, async (page, { wallet }) => {
      await page.getByRole("textbox", { name: "Amount" }).fill("10,000");
      const said = await act(page, "Subscribe");
      expect(said).to.match(/Your RB2A[\s\S]*0\.00[\s\S]*10,000\.00/);
      expect(sentBy(wallet!)).to.equal(2);
    });
    const token = await contracts().facility(stage.raising).classToken(0);
    expect(await contracts().classToken(token).balanceOf(first.address)).to.equal(10_000n * UNIT);
  });

  it("is told no by the contract's own error, and nothing is sent", async () => {
    await at(`/facilities/${stage.raising}`, stage.job.world.cast.operator, async (page, { wallet }) => {
      await page.getByRole("textbox", { name: "Amount" }).fill("1");
      await page.getByRole("main").getByRole("button", { name: "Subscribe", exact: true }).click();
      const failed = page.getByRole("dialog").getByRole("alert").filter({ hasText: "This did not happen" });
      await failed.waitFor({ timeout: SHOWN_MS });
      expect(await failed.innerText()).to.include("ERC7943CannotReceive");
      expect(sentBy(wallet!)).to.equal(0);
    });
  });

  it("borrows against posted shares and repays, with the health of both shown first", async () => {
    const { markets } = contracts();
    const owed = async () => (await markets.position(market().id, first.address)).borrowShares;
    const before = await owed();
    await at(`/markets/${market().id}`, first, async (page) => {
      await page.getByRole("textbox", { name: "Amount" }).fill("1000");
      const said = await act(page, "Borrow");
      expect(said).to.match(/Health[\s\S]*1\.\d\d/);
      expect(said).to.include("Liquidated below a price of");
    });
    const more = await owed();
    expect(more > before).to.equal(true);
    await at(`/markets/${market().id}`, first, async (page) => {
      await page.getByRole("tab", { name: "Repay" }).click();
      await page.getByRole("textbox", { name: "Amount" }).fill("2000");
      await act(page, "Repay");
    });
    expect((await owed()) < before).to.equal(true);
  });

  it("signs a sell order; another investor fills a part of it out of the book", async () => {
    const [soldBefore, boughtBefore] = [
      await senior().balanceOf(first.address),
      await senior().balanceOf(second.address),
    ];
    await at("/trade", first, async (page, { wallet }) => {
      await page.getByText("Sell", { exact: true }).first().click();
      await page.getByText("Place an order", { exact: true }).first().click();
      await page.getByRole("textbox", { name: "Shares" }).fill("100");
      await page.getByRole("textbox", { name: "Price of a share" }).fill("1.01");
      const said = await act(page, "Place an order");
      expect(said).to.match(/Asked for it[\s\S]*101\.00/);
      expect(wallet!.requests).to.include("eth_signTypedData_v4");
      await page.getByRole("region", { name: "Asks" }).getByText("1.0100").waitFor({ timeout: SHOWN_MS });
    });
    await at("/trade", second, async (page) => {
      await page.getByRole("region", { name: "Asks" }).getByText("1.0100").waitFor({ timeout: SHOWN_MS });
      await page.getByRole("textbox", { name: "Shares" }).fill("40");
      const said = await act(page, "Buy RB1A");
      expect(said).to.match(/Average price[\s\S]*1\.0100/);
    });
    expect(soldBefore - (await senior().balanceOf(first.address))).to.equal(40n * UNIT);
    expect((await senior().balanceOf(second.address)) - boughtBefore).to.equal(40n * UNIT);
  });

  it("deposits to the vault, asks for redemption, and claims it when the queue was filled", async () => {
    const { vault } = contracts();
    const { saver } = stage.job.world.cast;
    await at("/vault", saver, async (page) => {
      await page.getByRole("textbox", { name: "Amount" }).fill("5000");
      expect(await act(page, "Deposit")).to.include("Your shares at exit");
      await page.getByRole("radiogroup").getByText("Redeem", { exact: true }).click();
      await page.getByRole("textbox", { name: "Shares" }).fill("1000");
      expect(await act(page, "Ask for redemption")).to.include("Worth at exit now");
    });
    await stage.passHours(2);
    const anyone = vault.connect(stage.job.world.cast.keeper.connect(stage.job.provider));
    if ((await vault.pendingShares()) > 0n) await send(anyone.fulfil());
    await stage.job.program.follow();
    expect(await vault.maxRedeem(saver.address)).to.be.above(0n);
    await at("/vault", saver, async (page) => {
      await act(page, "Claim");
    });
    expect(await vault.maxRedeem(saver.address)).to.equal(0n);
  });

  it("claims what the next payment date brought", async () => {
    await stage.passPayment();
    const claimable = await senior().claimableAssets(first.address);
    expect(claimable).to.be.above(0n);
    const coin = contracts().classToken(stage.job.world.deployment.addresses.asset);
    const before = await coin.balanceOf(first.address);
    await at("/portfolio", first, async (page) => {
      expect(await act(page, /^Claim.* RB1A/)).to.include("tUSD");
    });
    expect(await senior().claimableAssets(first.address)).to.equal(0n);
    expect((await coin.balanceOf(first.address)) - before).to.be.at.least(claimable);
  });
});
