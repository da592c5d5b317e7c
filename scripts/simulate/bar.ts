const REDRAW_MS = 100;
const WIDTH = 30;

/** Progress on standard error: a bar in a terminal, a plain line now and then elsewhere. */
export interface Bar {
  /** Shows how far it is; `note` says what is done now. */
  show(done: number, of: number, note: string): void;
  /** Takes the bar away. */
  end(): void;
}

/** `every` is how many steps make one plain line where there is no terminal. */
export function startBar(every: number, stream: NodeJS.WriteStream = process.stderr): Bar {
  let drawnAt = 0;
  let lastLine = 0;
  return {
    show(done, of, note) {
      const share = Math.min(1, done / of);
      if (!stream.isTTY) {
        if (done - lastLine < every && done < of) return;
        lastLine = done;
        stream.write(`${done} of ${of} · ${note}\n`);
        return;
      }
      if (Date.now() - drawnAt < REDRAW_MS && done < of) return;
      drawnAt = Date.now();
      const filled = Math.round(share * WIDTH);
      const line = `${"█".repeat(filled)}${"░".repeat(WIDTH - filled)} ${done} of ${of} · ${note}`;
      stream.write(`\r\u001b[K${line.slice(0, Math.max(20, stream.columns - 1))}`);
    },
    end() {
      if (stream.isTTY) stream.write("\r\u001b[K");
    },
  };
}
