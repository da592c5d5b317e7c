import { mkdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Page } from "playwright-core";
import type { AxeResults } from "axe-core";
import { expect } from "chai";
import type { Wallet } from "ethers";

import { theStage, type Stage, type Visitor, type VisitOptions } from "./stage.ts";
import { connect, settled } from "./visiting.ts";

// Every page as people see it: at desktop and phone width, light and dark, in both languages.

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const DESKTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
const NARROWEST = 360;
const USABLE_MS = 1_500;
const SHOWN_MS = 15_000;
/** Where screenshots are kept; none are without it. */
const SCREENS = process.env["E2E_SCREENS"];
const MOST_BYTES = 200_000;
const WORDS = ["undefined", "NaN", "[object", "Invalid Date"];

interface Shown {
  readonly name: string;
  readonly path: (stage: Stage) => string;
  /** Whose wallet is connected. */
  readonly wallet?: (stage: Stage) => Wallet;
}

const investor = (stage: Stage) => stage.job.world.cast.investors[0] as Wallet;
const operator = (stage: Stage) => stage.job.world.cast.operator;
const auditor = (stage: Stage) => stage.job.world.cast.auditor;
const fixed = (path: string) => () => path;

const PAGES: readonly Shown[] = [
  { name: "home", path: fixed("/") },
  { name: "facility", path: ({ performing }) => `/facilities/${performing}`, wallet: investor },
  { name: "facility-raising", path: ({ raising }) => `/facilities/${raising}`, wallet: investor },
  { name: "portfolio", path: fixed("/portfolio"), wallet: investor },
  { name: "trade", path: fixed("/trade"), wallet: investor },
  { name: "vault", path: fixed("/vault"), wallet: ({ job }) => job.world.cast.saver },
  { name: "markets", path: fixed("/markets") },
  {
    name: "market",
    path: ({ job }) => `/markets/${job.world.deployment.facilities[0]!.markets[0]!.id}`,
    wallet: investor,
  },
  { name: "operator", path: fixed("/operator"), wallet: operator },
  { name: "operator-register", path: fixed("/operator/register"), wallet: operator },
  { name: "operator-agent", path: fixed("/operator/agent"), wallet: operator },
  { name: "operator-leases", path: fixed("/operator/leases"), wallet: operator },
  { name: "audit", path: fixed("/audit") },
  { name: "audit-search", path: fixed("/audit/search") },
  { name: "audit-reserves", path: fixed("/audit/reserves") },
  { name: "audit-waterfall", path: fixed("/audit/waterfall") },
  { name: "audit-access", path: fixed("/audit/access") },
  { name: "audit-statements", path: fixed("/audit/statements"), wallet: auditor },
];

describe("every page", function () {
  this.timeout(1_800_000);
  let stage: Stage;
  before(async () => (stage = await theStage()));

  it("is usable in a second and a half when it is the first", async () => {
    const { context, page } = await stage.visit("/docs");
    try {
      const startedMs = performance.now();
      await page.goto("/");
      await page.getByRole("main").getByText("Rackbond One").first().waitFor({ timeout: SHOWN_MS });
      expect(performance.now() - startedMs).to.be.below(USABLE_MS);
    } finally {
      await context.close();
    }
  });

  for (const shown of PAGES) {
    describe(shown.name, () => {
      const looks = [DESKTOP, PHONE].flatMap((size) =>
        (["light", "dark"] as const).map((scheme): VisitOptions => ({ ...size, scheme })),
      );
      for (const look of looks) {
        const name = `${shown.name}-${look.width === PHONE.width ? "phone" : "desktop"}-${look.scheme}`;
        it(`${name}: shows figures, no serious finding of axe, no complaint`, async () => {
          const visitor = await open(stage, shown, look);
          try {
            await settled(visitor.page);
            if (SCREENS !== undefined) await keep(visitor.page, name);
            expect(await seriousFindings(visitor.page)).to.deep.equal([]);
            const text = await visitor.page.innerText("body");
            for (const word of WORDS) expect(text).not.to.include(word);
            expect(visitor.complaints).to.deep.equal([]);
          } finally {
            await visitor.context.close();
          }
        });
      }

      it("fits 360 px and speaks Japanese", async () => {
        const visitor = await open(stage, shown, { ...PHONE, width: NARROWEST, locale: "ja-JP" });
        try {
          await settled(visitor.page);
          expect(await visitor.page.getAttribute("html", "lang")).to.equal("ja");
          expect(await visitor.page.innerText("main")).to.match(/[\u3040-\u30ff\u4e00-\u9fff]/);
          const width = await visitor.page.evaluate("document.documentElement.scrollWidth");
          expect(width).to.be.at.most(NARROWEST);
          expect(visitor.complaints).to.deep.equal([]);
        } finally {
          await visitor.context.close();
        }
      });
    });
  }
});

async function open(stage: Stage, { path, wallet }: Shown, look: VisitOptions): Promise<Visitor> {
  const visitor = await stage.visit(path(stage), wallet === undefined ? look : { ...look, wallet: wallet(stage) });
  if (wallet !== undefined) await connect(visitor);
  return visitor;
}

async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate<AxeResults>("axe.run(document, { resultTypes: ['violations'] })");
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
}

async function keep(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENS as string, { recursive: true });
  const path = join(SCREENS as string, `${name}.png`);
  await page.screenshot({ path, animations: "disabled" });
  expect(statSync(path).size).to.be.at.most(MOST_BYTES);
}
