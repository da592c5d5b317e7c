import { expect } from "chai";
import { checkBacked, checkVerb } from "./capital-checks.ts";
import { CREDIT_VERBS } from "./capital-credit.ts";
import { DEAL_VERBS, History } from "./capital-history.ts";
import { openMarkets } from "./capital-places.ts";
import { tryRoundTrip } from "./capital-rounds.ts";
import { capitalStage } from "./capital-stage.ts";
import { tradeVerbs } from "./capital-trade.ts";
import { openVault } from "./capital-vault.ts";

// Everybody does anything on the whole stage. More of it: CAPITAL_SEEDS=1,2,3 CAPITAL_STEPS=2000.

const seeds = (process.env["CAPITAL_SEEDS"] ?? "1").split(",").map(Number);
const stepCount = Number(process.env["CAPITAL_STEPS"] ?? 150);

describe("Capital, everybody doing anything", () => {
  for (const seed of seeds) {
    it(`seed ${seed}: contracts hold what they owe, no round trip pays, nobody is unhealthy by its own verb`, async function () {
      this.timeout(3_600_000);
      const stage = await capitalStage();
      const credit = await openMarkets(stage);
      const trade = await openVault(stage, credit);
      const history = new History(stage, credit, seed, [...DEAL_VERBS, ...CREDIT_VERBS, ...tradeVerbs(trade)]);
      let tripCount = 0;
      for (let i = 0; i < stepCount; ++i) {
        const { verb, receipt } = await history.step();
        const after = `step ${i} ${verb.name}`;
        await checkVerb(history, verb.name, receipt, after);
        if (i % 5 === 0) await checkBacked(history, trade, after);
        if (i % 10 === 9 && (await tryRoundTrip(history, trade, after))) ++tripCount;
      }
      if (process.env["CAPITAL_STEPS"] !== undefined) {
        const counts = JSON.stringify([
          tripCount,
          Object.fromEntries(history.done),
          Object.fromEntries(history.refused),
        ]);
        process.stdout.write(`${counts}\n`);
      }
      expect(history.done.size, "verbs that were done").to.be.above(20);
    });
  }
});
