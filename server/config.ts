import { Failure } from "./failure.ts";
import { keyMaterialIn } from "./production.ts";
import { SETTINGS, type Setting, type SettingType } from "./settings.ts";

// The program's settings out of environment and command line, checked by the table of them.

export type SettingName = keyof typeof SETTINGS;

type ValueOf<S extends Setting> = S["type"] extends { kind: "integer" } ? number : string;
export type Config = {
  readonly [Name in SettingName]:
    ValueOf<(typeof SETTINGS)[Name]> | (undefined extends (typeof SETTINGS)[Name]["default"] ? undefined : never);
};

/** Settings of `rackbond agent`, which has its own table. */
const AGENT_PREFIX = "RACKBOND_AGENT_";

export const settingNames = Object.keys(SETTINGS) as SettingName[];

/** The form a setting's value has, in words. */
export function formOf(type: SettingType): string {
  if (type.kind === "integer") return `integer from ${type.min} to ${type.max}`;
  return type.kind === "choice" ? type.of.join(" | ") : type.form;
}

/**
 * The settings out of the environment, overridden by `given` (by name, as text: command line options). Refuses, all at
 * once, what has another form and variables named RACKBOND_… that are none; never repeats a secret's value.
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  given: Partial<Record<SettingName, string>> = {},
): Config {
  const faults: string[] = [];
  const known = new Set<string>(settingNames.map((name) => SETTINGS[name].env));
  for (const name of Object.keys(env))
    if (name.startsWith("RACKBOND_") && !name.startsWith(AGENT_PREFIX) && !known.has(name))
      faults.push(`${name} is no setting`);
  const values = settingNames.map((name): [string, number | string | undefined] => {
    const setting: Setting = SETTINGS[name];
    const text = given[name] ?? env[setting.env];
    if (text === undefined) return [name, setting.default];
    const value = parse(setting.type, text);
    if (value === undefined) {
      const shown = setting.secret ? "what is given" : JSON.stringify(text.slice(0, 80));
      faults.push(`${setting.env}: ${shown} is not of the form ${formOf(setting.type)}`);
    }
    return [name, value];
  });
  const config = Object.fromEntries(values) as Config;
  if (config.mode === "production") faults.push(...keyMaterialIn(env));
  if (faults.length > 0) throw new Failure("Config_Invalid", `settings: ${faults.join("; ")}`);
  return config;
}

function parse(type: SettingType, text: string): number | string | undefined {
  if (type.kind === "choice") return type.of.includes(text) ? text : undefined;
  if (type.kind === "text") return type.pattern.test(text) ? text : undefined;
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return value >= type.min && value <= type.max ? value : undefined;
}

/** The settings as a table of text, for the reference. */
export function settingsTable(): { description: string; env: string; form: string; default: string; secret: string }[] {
  return settingNames.map((name) => {
    const setting: Setting = SETTINGS[name];
    return {
      description: setting.description,
      env: setting.env,
      form: formOf(setting.type),
      default: setting.default?.toString() ?? "",
      secret: setting.secret ? "yes" : "no",
    };
  });
}
