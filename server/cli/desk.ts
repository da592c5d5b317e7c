import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { InvalidArgumentError, Option, type Command } from "commander";
import { parseUnits, type JsonRpcProvider } from "ethers";

import { Failure, messageOf } from "../failure.ts";
import { GasSigner } from "../keys/gasSigner.ts";
import { connectChain } from "../plugins/chain.ts";
import { contractsAt, type Contracts } from "../protocol/contracts.ts";
import { parseDeployment, type Deployment } from "../protocol/deployment.ts";
import { demand } from "../protocol/refusal.ts";
import { openGasKey } from "./gasKey.ts";
import { openSender, type Sender } from "./sender.ts";

// What the commands of a person with a key have in common: their options, and what is opened for a verb.

/** Where the chain is, and how the result is told. */
export interface PlaceOptions {
  readonly deployment: string;
  readonly rpc: string;
  readonly json?: boolean;
}

/** What a verb that sends is given besides. */
export interface SendingOptions extends PlaceOptions {
  readonly gasKey: string;
  readonly state: string;
  readonly confirmations: bigint;
  readonly dryRun?: boolean;
}

/** Everything a verb works with, open. */
export interface Desk {
  readonly deployment: Deployment;
  readonly provider: JsonRpcProvider;
  readonly contracts: Contracts;
  readonly signer: GasSigner;
  readonly sender: () => Sender;
}

/** The options of a verb that reads the chain. */
export function withPlace(command: Command): Command {
  return command
    .addOption(
      new Option("--deployment <file>", "where the contracts are").env("RACKBOND_DEPLOYMENT").makeOptionMandatory(),
    )
    .addOption(new Option("--rpc <url>", "JSON-RPC of the chain").env("RACKBOND_RPC_URL").makeOptionMandatory())
    .option("--json", "the result as one line of JSON");
}

/** The options of a verb that sends; `whose` names the key's owner, and its file of what is on its way. */
export function withKey(command: Command, whose: string): Command {
  return withPlace(command)
    .addOption(new Option("--gas-key <uri>", `the ${whose}'s key`).env("RACKBOND_GAS_KEY").makeOptionMandatory())
    .option(
      "--state <file>",
      "keeps what was signed and is not settled, over an interruption",
      `rackbond-${whose}.json`,
    )
    .addOption(wholeOption("--confirmations <count>", "blocks that a transaction is deep when it is done", 1n))
    .option("--dry-run", "say what would be done; send nothing");
}

/** Opens key and chain for a verb, prints its result, and closes them. */
export async function withDesk(
  options: SendingOptions,
  command: Command,
  work: (desk: Desk) => Promise<object>,
  print = printResult,
): Promise<void> {
  const closing: (() => Promise<void> | void)[] = [];
  try {
    const deployment = readDeployment(options.deployment);
    const key = await openGasKey(options.gasKey, command);
    closing.push(() => key.close());
    const provider = await connectChain(options.rpc.split(",")[0] as string, deployment.chainId);
    closing.push(() => provider.destroy());
    const signer = new GasSigner(key, provider);
    const desk: Desk = {
      ...{ deployment, provider, signer, contracts: contractsAt(deployment.addresses, provider) },
      sender: () => {
        const { chainId } = deployment;
        const confirmationCount = Number(options.confirmations);
        const sender = openSender({ provider, signer, chainId, stateFile: resolve(options.state), confirmationCount });
        closing.push(() => sender.close());
        return sender;
      },
    };
    print(await work(desk), options.json === true);
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** The deployment in a file that a command was given. */
export function readDeployment(file: string): Deployment {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Failure("Config_Deployment", `the deployment ${file} cannot be read: ${messageOf(error)}`);
  }
  return parseDeployment(json);
}

/** A result on standard output: a line of JSON, or a line a field. */
export function printResult(result: object, isJson: boolean): void {
  const lines = Object.entries(result).map(([name, value]) => `${name}: ${String(value)}`);
  process.stdout.write(isJson ? `${JSON.stringify(result)}\n` : `${lines.join("\n")}\n`);
}

/** An option that takes a whole number. */
export function wholeOption(flags: string, description: string, byDefault: bigint): Option {
  return new Option(flags, description).argParser(wholeNumber).default(byDefault, String(byDefault));
}

/** A whole number on the command line. */
export function wholeNumber(text: string): bigint {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(text)) throw new InvalidArgumentError("not a whole number");
  return BigInt(text);
}

/** An amount with decimals, in units of its token. */
export function amountOf(text: string, decimalCount: number): bigint {
  const isAmount = /^\d{1,30}(\.\d{1,18})?$/.test(text);
  demand(isAmount && (text.split(".")[1] ?? "").length <= decimalCount, "Amount_Malformed", { text, decimalCount });
  return parseUnits(text, decimalCount);
}
