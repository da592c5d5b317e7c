/** How much of a whole, beside the figure that says so. */
export function Bar({ partBps, tone }: { partBps: number; tone?: "good" | "bad" | "warn" }) {
  const width = `${Math.min(100, Math.max(0, partBps / 100))}%`;
  const color = tone === undefined ? "var(--mantine-color-rack-5)" : `var(--portal-${tone})`;
  return (
    <div className="bar" aria-hidden="true">
      <div style={{ width, background: color }} />
    </div>
  );
}

export interface Part {
  label: string;
  size: bigint;
  color: string;
}

/** Parts of a whole beside one another; their figures stand in a table. */
export function Parts({ parts }: { parts: Part[] }) {
  const whole = parts.reduce((sum, { size }) => sum + size, 0n);
  if (whole === 0n) return null;
  return (
    <div className="parts" aria-hidden="true">
      {parts
        .filter(({ size }) => size > 0n)
        .map(({ label, size, color }) => (
          <div key={label} title={label} style={{ flexGrow: Number((size * 10_000n) / whole), background: color }} />
        ))}
    </div>
  );
}
