import { stdout } from "node:process";

/** Rows of a live table: what is shown while a simulated month runs. */
export type Rows = readonly (readonly [label: string, value: string])[];

export interface Progress {
  /** Shows where things stand: redraws the table in a terminal, prints a plain line now and then elsewhere. */
  show(headline: string, rows: Rows): void;
  /** Prints lines that stay. */
  say(text: string): void;
  /** Leaves the table where it is. */
  end(): void;
}

const REDRAW_MS = 100;

/** Progress on standard output; `everyShows` is how many shows make one plain line where there is no terminal. */
export function startProgress(everyShows: number, stream: NodeJS.WriteStream = stdout): Progress {
  let drawnLines = 0;
  let drawnAt = 0;
  let shows = 0;
  const clear = () => {
    if (drawnLines > 0) stream.write(`\u001b[${drawnLines}A\u001b[0J`);
    drawnLines = 0;
  };
  return {
    show(headline, rows) {
      shows += 1;
      if (!stream.isTTY) {
        if (shows % everyShows === 0) {
          stream.write(`${headline} · ${rows.map(([label, value]) => `${label} ${value}`).join(" · ")}\n`);
        }
        return;
      }
      if (Date.now() - drawnAt < REDRAW_MS) return;
      drawnAt = Date.now();
      clear();
      const width = Math.max(...rows.map(([label]) => label.length));
      const lines = [headline, ...rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`)];
      stream.write(lines.map((line) => line.slice(0, Math.max(20, stream.columns - 1))).join("\n") + "\n");
      drawnLines = lines.length;
    },
    say(text) {
      clear();
      stream.write(`${text}\n`);
    },
    end() {
      drawnLines = 0;
    },
  };
}
