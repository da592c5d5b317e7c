import { Refusal, demand } from "./refusal.ts";

// Prometheus text format, as the exporters of GPU metrics write it. The parser is our own: parse-prometheus-text-format takes "1x" for
// a value, joins "1 2 3" to timestamp 23, swallows an unclosed quote, reads an HTML page as no metrics and lets a
// repeated series overwrite the first, all silently. This one refuses a malformed line by its number and gives nothing.

/** Largest text that is read, in characters. */
export const MAX_EXPOSITION_CHARS = 4_000_000;
const MAX_LINE_CHARS = 16_384;
const MAX_LABELS = 64;

/** One line of the text format. */
export interface Series {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: string;
  readonly line: number;
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\\n]|\\[\\"n])*)"[ \t]*(,?)/y;
const CLOSE = /[ \t]*\}/y;
const VALUE = /[ \t]*([^ \t]+)(?:[ \t]+(-?[0-9]{1,19}))?[ \t]*$/y;
const NUMBER = /^(?:[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|NaN|[+-]?Inf)$/;

function malformed(line: number, reason: string): Refusal {
  return new Refusal("Exposition_Malformed", { line, reason });
}

// The match of a sticky pattern at a position, or null.
function at(pattern: RegExp, text: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(text);
}

function unescape(text: string): string {
  return text.replace(/\\([\\"n])/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
}

function escape(text: string): string {
  return text.replace(/[\\"\n]/g, (letter) => (letter === "\n" ? "\\n" : `\\${letter}`));
}

/** A series as one line of the text format, the same for the same series however it was written: no timestamp. */
export function lineOf({ name, labels, value }: Series): string {
  const pairs = [...labels].map(([label, text]) => `${label}="${escape(text)}"`).sort();
  return `${name}{${pairs.join(",")}} ${value}`;
}

function parseSeries(text: string, line: number): Series {
  const name = at(NAME, text, 0)?.[0];
  if (name === undefined) throw malformed(line, "no metric name");
  const labels = new Map<string, string>();
  let position = name.length;
  if (text[position] === "{") {
    position++;
    let isOpen = true;
    for (let close = at(CLOSE, text, position); close === null; close = at(CLOSE, text, position)) {
      const match: RegExpExecArray | null = isOpen ? at(LABEL, text, position) : null;
      if (match === null) throw malformed(line, "bad label");
      const [whole, label = "", value = "", comma = ""]: string[] = match;
      if (labels.has(label)) throw malformed(line, "a label twice");
      if (labels.size === MAX_LABELS) throw malformed(line, "too many labels");
      labels.set(label, unescape(value));
      position += whole.length;
      isOpen = comma === ",";
    }
    position = CLOSE.lastIndex;
  } else if (text[position] !== " " && text[position] !== "\t") {
    throw malformed(line, "no value");
  }
  const value = at(VALUE, text, position)?.[1];
  if (value === undefined || !NUMBER.test(value)) throw malformed(line, "bad value");
  return { name, labels, value, line };
}

/** The series of a text; comments and empty lines are skipped. */
export function parseExposition(text: string): Series[] {
  demand(text.length <= MAX_EXPOSITION_CHARS, "Exposition_TooLong", { length: text.length });
  const series: Series[] = [];
  let line = 0;
  for (const raw of text.split("\n")) {
    line++;
    const content = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (content.trim() === "" || content.startsWith("#")) continue;
    if (content.length > MAX_LINE_CHARS) throw malformed(line, "line too long");
    series.push(parseSeries(content, line));
  }
  return series;
}
