// Writes the pages of docs/reference, and the tables of docs/governance.md out of that of roles.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { settingsTable } from "../server/config.ts";
import { errorsPage, eventsPage, gasPage, routesPage } from "./referencePages.ts";
import { CONTRACT_ROLES, delayText, RESTRICTIONS, ROLES, type RoleName } from "./governance.ts";

const INTRODUCTION = `# Settings

Made by \`npm run reference\` from the table in [settings.ts](../../server/settings.ts). A value of another form, or a variable
named \`RACKBOND_…\` that is not listed, is refused at the start. For \`npm start\` the option \`--port\` comes before
its variable, and \`--data\` alone gives the data folder. No refusal repeats what was given for a secret.
`;

/** The page of settings, as it is committed. */
export function settingsPage(): string {
  const rows = settingsTable().map((row) => [
    row.description,
    `\`${row.env}\``,
    row.form.replaceAll("|", "\\|"),
    row.default === "" ? "none" : `\`${row.default}\``,
    row.secret,
  ]);
  return `${INTRODUCTION}\n${table(["setting", "variable", "type", "default", "secret"], rows)}`;
}

/** The roles: who, how long it waits, why. */
export function rolesTable(): string {
  const rows = (Object.keys(ROLES) as RoleName[]).map((role) => {
    const { roleId, delaySec, why } = ROLES[role];
    const holders = role in CONTRACT_ROLES ? CONTRACT_ROLES[role as keyof typeof CONTRACT_ROLES].join(", ") : "a seat";
    return [role, String(roleId), holders, delayText(delaySec), why];
  });
  return table(["role", "id", "held by", "waits", "what for, and why so long"], rows);
}

/** Every restricted function: whose it is, and how long that waits. */
export function functionsTable(): string {
  const rows = RESTRICTIONS.map(({ contract, name, role, why }) => [
    ...[contract, `\`${name}\``, role, delayText(ROLES[role].delaySec), why],
  ]);
  return table(["contract", "function", "role", "waits", "what it does"], rows);
}

/** Every page of docs/reference by its name. */
export function referencePages(): Record<string, string> {
  return {
    "settings.md": settingsPage(),
    "errors.md": errorsPage(table),
    "events.md": eventsPage(table),
    "routes.md": routesPage(table),
    "gas.md": gasPage(table),
  };
}

/** The page of governance, with its tables as the code has them. */
export function governancePage(page: string): string {
  const placed = (text: string, name: string, lines: string) => {
    const [before, after] = [text.indexOf(`<!-- ${name} -->\n`), text.indexOf(`<!-- /${name} -->`)];
    if (before < 0 || after < before) throw new Error(`docs/governance.md has no place for ${name}`);
    return `${text.slice(0, before)}<!-- ${name} -->\n\n${lines}\n${text.slice(after)}`;
  };
  return placed(placed(page, "roles", rolesTable()), "functions", functionsTable());
}

/** A table in Markdown, its columns as wide as prettier makes them. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column]!.length)));
  const rule = widths.map((width) => "-".repeat(width));
  const lines = [head, rule, ...rows].map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)));
  return lines.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, "../docs/reference");
  mkdirSync(folder, { recursive: true });
  for (const [name, page] of Object.entries(referencePages())) writeFileSync(join(folder, name), page);
  const governance = join(folder, "../governance.md");
  writeFileSync(governance, governancePage(readFileSync(governance, "utf8")));
}
