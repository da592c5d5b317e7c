import { Command } from "commander";

import { loadConfig } from "../config.ts";
import { SETTINGS } from "../settings.ts";
import { messageOf } from "../failure.ts";
import { startKeeper } from "../jobs/keeper.ts";
import { GasSigner } from "../keys/gasSigner.ts";
import { openSigner } from "../keys/signer.ts";
import { connectChain } from "../plugins/chain.ts";
import { contractsAt } from "../protocol/contracts.ts";
import { wholeOption } from "./desk.ts";
import { deploymentOf, required, toldToEnd, type Closing } from "./service.ts";

interface Options {
  readonly every: bigint;
  readonly once?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `rackbond keeper`: does what anyone may do and somebody must, until it is told to end. */
export function keeperCommand(): Command {
  return new Command("keeper")
    .description("record, settle, collect, distribute, appraise; claim and pay for the vault; flag and liquidate")
    .addOption(wholeOption("--every <seconds>", "how often it looks what is due", 30n))
    .option("--once", "do what is due now, and end")
    .option("--dry-run", "say once what would be done; send nothing")
    .option("--json", "what was done as lines of JSON")
    .action(run);
}

async function run(options: Options): Promise<void> {
  const config = loadConfig(process.env);
  const closing: Closing = [];
  try {
    const deployment = deploymentOf(config);
    const rules = { isProduction: config.mode === "production", passwordFile: config.passwordFile };
    const key = await openSigner(required(config, "gasKey"), rules, SETTINGS.gasKey.env);
    closing.push(() => key.close());
    const provider = await connectChain(required(config, "rpcUrls"), deployment.chainId);
    closing.push(() => provider.destroy());
    const contracts = contractsAt(deployment.addresses, new GasSigner(key, provider));
    const isDryRun = options.dryRun === true;
    let failureCount = 0;
    const onFailure = (subject: string, error: unknown) => {
      failureCount += 1;
      process.stderr.write(`rackbond: keeper: ${subject}: ${messageOf(error)}\n`);
    };
    const keeper = startKeeper(contracts, deployment, { isDryRun, capital: key.address, onFailure });
    const turn = async () => {
      const nowAt = BigInt((await provider.getBlock("latest"))?.timestamp ?? 0);
      for (const { verb, subject } of await keeper.run(nowAt)) {
        const line = { dryRun: isDryRun, at: String(nowAt), verb, subject };
        const text = `${isDryRun ? "would " : ""}${verb} ${subject}`;
        process.stdout.write(`${options.json === true ? JSON.stringify(line) : text}\n`);
      }
    };
    if (options.once === true || isDryRun) {
      await turn();
      if (failureCount > 0) process.exitCode = 1;
    } else {
      process.stderr.write(`rackbond: keeper ${key.address}, every ${options.every} s\n`);
      await repeating(turn, Number(options.every) * 1_000);
    }
  } finally {
    for (const close of closing.splice(0).reverse()) await close();
  }
}

/** Takes a turn now and then until the process is told to end; one that fails is told, and the next one tries again. */
async function repeating(turn: () => Promise<void>, everyMs: number): Promise<void> {
  const end = toldToEnd().then(() => true);
  for (let isEnding = false; !isEnding;) {
    await turn().catch((error: unknown) => process.stderr.write(`rackbond: keeper: ${messageOf(error)}\n`));
    let timer: NodeJS.Timeout | undefined;
    const later = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), everyMs)));
    isEnding = await Promise.race([end, later]);
    clearTimeout(timer);
  }
}
