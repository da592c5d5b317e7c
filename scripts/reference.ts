// Writes docs/reference/settings.md out of the table of settings.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { settingsTable } from "../server/config.ts";

const INTRODUCTION = `# Settings

Made by \`npm run reference\` from the table in [config.ts](../../server/config.ts). A value of another form, or a variable
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

/** A table in Markdown, its columns as wide as prettier makes them. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  const rule = widths.map((width) => "-".repeat(width));
  const lines = [head, rule, ...rows].map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)));
  return lines.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, "../docs/reference");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "settings.md"), settingsPage());
}
