const REDRAW_MS = 100;
const LINE_MS = 500;
const WIDTH = 30;

/** Progress on standard error: a bar in a terminal, a plain line now and then elsewhere. */
export interface Bar {
  /** Shows how far it is, of how many where that is known; `note` says what is done. */
  show(done: number, of: number | undefined, note: string): void;
  /** Takes the bar away. */
  end(): void;
}

/** `every` is how many steps make one plain line where there is no terminal; half a second does where none is given. */
export function startBar(
  every?: number,
  stream: Pick<NodeJS.WriteStream, "isTTY" | "columns" | "write"> = process.stderr,
): Bar {
  let drawnAt = 0;
  let lastLine = 0;
  const isTime = (paceMs: number) => {
    if (Date.now() - drawnAt < paceMs) return false;
    drawnAt = Date.now();
    return true;
  };
  return {
    show(done, of, note) {
      const isEnd = of !== undefined && done >= of;
      const text = `${done.toLocaleString("en")}${of === undefined ? "" : ` of ${of.toLocaleString("en")}`} · ${note}`;
      if (!stream.isTTY) {
        if (!isEnd && !(every === undefined ? isTime(LINE_MS) : done - lastLine >= every)) return;
        lastLine = done;
        stream.write(`${text}\n`);
        return;
      }
      if (!isEnd && !isTime(REDRAW_MS)) return;
      const filled = of === undefined ? 0 : Math.round(Math.min(1, done / of) * WIDTH);
      const line = of === undefined ? text : `${"█".repeat(filled)}${"░".repeat(WIDTH - filled)} ${text}`;
      stream.write(`\r\u001b[K${line.slice(0, Math.max(20, stream.columns - 1))}`);
    },
    end() {
      if (stream.isTTY) stream.write("\r\u001b[K");
    },
  };
}
