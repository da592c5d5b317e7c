import type { Command } from "commander";

import { loadConfig } from "../config.ts";
import { Failure } from "../failure.ts";
import { openSigner } from "../keys/signer.ts";

/** Opens the key that a command's transactions are paid with; refuses one that the list of processes shows. */
export async function openGasKey(uri: string, command: Command): ReturnType<typeof openSigner> {
  if (command.getOptionValueSource("gasKey") === "cli" && uri.startsWith("plain:"))
    throw new Failure("Config_PlainKey", "a key on the command line is in the list of processes; use RACKBOND_GAS_KEY");
  const { mode, passwordFile } = loadConfig(environment());
  const rules = { isProduction: mode === "production", ...(passwordFile === undefined ? {} : { passwordFile }) };
  return await openSigner(uri, rules, "the gas key");
}

/** The environment without what the options of such commands read themselves. */
function environment(): Record<string, string | undefined> {
  const own = ["RACKBOND_DEPLOYMENT", "RACKBOND_RPC_URL", "RACKBOND_GAS_KEY", "RACKBOND_ORACLE_URLS"];
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.includes(name)));
}
