import { readDeal } from "./simulate/deal.ts";
import { simulate } from "./simulate/run.ts";
import { readScenario } from "./simulate/scenario.ts";
import { periodText, summaryText } from "./simulate/text.ts";

const result = await simulate(readDeal(process.argv[2]!), readScenario(process.argv[3]!), (p) =>
  console.error(periodText(p)),
);
console.log(summaryText(result));
