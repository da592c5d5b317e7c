import { readFileSync } from "node:fs";

import { loadConfig, type Config, type SettingName } from "../config.ts";
import { SETTINGS } from "../settings.ts";
import { Failure, messageOf } from "../failure.ts";
import { parseDeployment, type Deployment } from "../protocol/deployment.ts";

// What the processes that run until they are told to end have in common: settings, and an end in the right order.

/** What is closed at the end, the last first. */
export type Closing = (() => Promise<void> | void)[];

/** Starts a service by the settings, says where it is, and closes what it opened once it is told to end. */
export async function running(
  name: string,
  start: (config: Config, closing: Closing) => Promise<string>,
): Promise<void> {
  const closing: Closing = [];
  try {
    const place = await start(loadConfig(process.env), closing);
    process.stderr.write(`rackbond: ${name} at ${place}\n`);
    await toldToEnd();
  } finally {
    for (const close of closing.splice(0).reverse()) await close();
  }
}

/** Ends when the process is told to. */
export async function toldToEnd(): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}

/** A setting that a service cannot do without. */
export function required<Name extends SettingName>(config: Config, name: Name): NonNullable<Config[Name]> {
  const value = config[name];
  if (value === undefined)
    throw new Failure("Config_Missing", `${SETTINGS[name].env} is not given: ${SETTINGS[name].description}`);
  return value;
}

/** Where the contracts are. */
export function deploymentOf(config: Config): Deployment {
  return parseDeployment(JSON.parse(readText(required(config, "deploymentFile"), SETTINGS.deploymentFile.env)));
}

/** The text of a file that a setting names. */
export function readText(file: string, env: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Failure("Config_Unreadable", `${env}: ${messageOf(error)}`);
  }
}
