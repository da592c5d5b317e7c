/** One measure: a JSON row of `npm run bench`. */
export interface Row {
  name: string;
  unit: string;
  value: number;
  /** What was measured beside it in the same run. */
  peer: string | null;
  peerValue: number | null;
  /** value ÷ peerValue */
  ratio: number | null;
  target: number;
  met: boolean;
}

interface Measure {
  name: string;
  unit: string;
  value: number;
  peer?: { name: string; value: number };
  /** What is to be reached; where it is left out, the peer's value. */
  target?: number;
  /** More is better: the target is the least, not the most. */
  isLeast?: boolean;
}

export function rowOf({ name, unit, value, peer, target = peer?.value, isLeast = false }: Measure): Row {
  if (target === undefined) throw new Error(`${name} has neither a target nor a peer`);
  const ratio = peer === undefined ? null : Number((value / peer.value).toFixed(4));
  const beside = { peer: peer?.name ?? null, peerValue: peer?.value ?? null, ratio };
  return { name, unit, value, ...beside, target, met: isLeast ? value >= target : value <= target };
}

/** The rows for people, in columns; what missed its target says so. */
export function tableOf(rows: readonly Row[]): string {
  const number = (value: number | null) => value?.toLocaleString("en-US") ?? "";
  const head = ["measure", "unit", "value", "peer", "peer's", "ratio", "target", ""];
  const cells = rows.map((row) => [
    ...[row.name, row.unit, number(row.value), row.peer ?? "", number(row.peerValue)],
    ...[row.ratio?.toFixed(3) ?? "", number(row.target), row.met ? "" : "MISSED"],
  ]);
  const isNumber = (column: number) => [2, 4, 5, 6].includes(column);
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((line) => line[column]!.length)));
  return [head, ...cells]
    .map((line) => line.map((cell, i) => (isNumber(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))))
    .map((line) => line.join("  ").trimEnd())
    .join("\n");
}
