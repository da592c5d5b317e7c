import { dirname, join, normalize } from "node:path/posix";
import type { TextFile } from "../architecture/rules/files.ts";

/** A fenced block of code: its info string ("sh run") and its lines. */
export interface Block {
  info: string;
  code: string;
}

const FENCE = /^(```+)([^\n]*)\n([\s\S]*?)^\1[ \t]*$/gm;

export function blocks(text: string): Block[] {
  return [...text.matchAll(FENCE)].map(([, , info, code]) => ({ info: info!.trim(), code: code! }));
}

/** The blocks that the tests run: marked ```sh run. */
export function runnable(text: string): string[] {
  return blocks(text)
    .filter(({ info }) => info === "sh run")
    .map(({ code }) => code.trim());
}

/** Marked blocks that the tests cannot run: no command, another language, or the tests themselves. */
export function badRuns({ path, text }: TextFile): string[] {
  return blocks(text)
    .filter(({ info }) => /\brun\b/.test(info))
    .flatMap(({ info, code }) => {
      if (info !== "sh run") return [`${path}: \`\`\`${info} is not run; \`\`\`sh run is`];
      if (code.trim() === "") return [`${path}: an empty block is marked to be run`];
      return /npm (?:t|test|run (?:test|check|coverage|snapshots))\b/.test(code)
        ? [`${path}: the tests cannot run themselves`]
        : [];
    });
}

/** Text that can hold links: without code. */
function prose(text: string): string {
  return text.replace(FENCE, "").replace(/(`+)[^`][\s\S]*?\1/g, "");
}

export function links(text: string): string[] {
  const inline = prose(text).matchAll(/\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)/g);
  const references = prose(text).matchAll(/^\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)/gm);
  return [...inline, ...references].map((match) => match[1]!);
}

/** The anchors of a page, as GitHub makes them from its headings. */
export function anchors(text: string): Set<string> {
  const counts = new Map<string, number>();
  const headings = [...text.replace(FENCE, "").matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)].map((match) => {
    const slug = match[1]!
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-");
    const count = counts.get(slug) ?? 0;
    counts.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
  const named = [...text.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)].map((match) => match[1]!);
  return new Set([...headings, ...named]);
}

/** Links of the project's pages that lead nowhere. `paths` is every file of the project. */
export function brokenLinks(pages: TextFile[], paths: string[]): string[] {
  const files = new Set(paths);
  const folders = new Set(paths.flatMap((path) => path.split("/").map((_, i, parts) => parts.slice(0, i).join("/"))));
  const texts = new Map(pages.map(({ path, text }) => [path, text]));
  return pages.flatMap(({ path, text }) =>
    links(text).flatMap((link) => {
      if (/^[a-z][a-z+.-]*:/i.test(link)) return [];
      const [file = "", anchor] = link.split("#").map(decodeURI);
      const target = file === "" ? path : normalize(join(dirname(path), file)).replace(/\/$/, "");
      if (!files.has(target) && !folders.has(target)) return [`${path}: ${link} leads to no file of the project`];
      if (anchor === undefined) return [];
      const page = texts.get(target);
      return page !== undefined && anchors(page).has(anchor) ? [] : [`${path}: ${link} names no heading`];
    }),
  );
}

/** Decisions that the list of decisions does not name, and numbers given twice. */
export function unlistedDecisions(names: string[], list: string): string[] {
  const numbers = names.map((name) => name.slice(0, 4));
  return [
    ...names.filter((name) => !links(list).includes(name)).map((name) => `${name} is not in docs/adr/README.md`),
    ...names.filter((name) => !/^\d{4}-[a-z0-9-]+\.md$/.test(name)).map((name) => `${name}: 0000-short-name.md`),
    ...names.filter((_, i) => numbers.indexOf(numbers[i]!) !== i).map((name) => `${name}: its number is taken`),
  ];
}

/** Does a changelog tell of what is coming, or of this version? */
export function tellsOf(changelog: string, version: string): boolean {
  const titles = [...changelog.matchAll(/^## \[?([^\]\s]+)/gm)].map((match) => match[1]);
  return titles.includes("Unreleased") || titles.includes(version);
}
