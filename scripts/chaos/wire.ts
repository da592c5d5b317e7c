import { createServer, connect, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * What a wire does to the bytes on it. `silent` takes them and gives none on (a half-open connection), `deaf` loses the
 * answers only, `mute` the questions only; `refuse` resets every connection; `corrupt` changes bytes of the answers.
 */
export type WireMode = "open" | "refuse" | "silent" | "deaf" | "mute" | "slow" | "corrupt";

/** A TCP connection from one party to another, through a port of ours, that can be hurt. */
export interface Wire {
  readonly port: number;
  /** Changes what happens to bytes from now on. A connection that lost some says nothing any more, and is never closed. */
  set(mode: WireMode): void;
  /** Resets what is connected now, in the middle of whatever it says. */
  drop(): void;
  close(): Promise<void>;
}

/** Hears what goes over a wire: `up` from the one who connected. */
export type Tap = (connectionId: number, direction: "up" | "down", bytes: Buffer) => void;

export interface WireOptions {
  /** The port that the wire leads to. */
  readonly port: number;
  readonly slowMs?: number;
  /** Chooses the byte of a chunk that is changed. */
  readonly chooseByte?: (length: number) => number;
  readonly tap?: Tap;
}

const SLOW_MS = 400;

interface Link {
  readonly from: Socket;
  readonly to: Socket;
  isTainted: boolean;
}

/** Opens a wire on a free port of 127.0.0.1. */
export async function openWire(options: WireOptions): Promise<Wire> {
  const { port, tap, slowMs = SLOW_MS, chooseByte = (length) => length >> 1 } = options;
  let mode: WireMode = "open";
  let connectionId = 0;
  const links = new Set<Link>();

  const passes = (direction: "up" | "down"): boolean =>
    mode !== "silent" && !(mode === "mute" && direction === "up") && !(mode === "deaf" && direction === "down");

  const pass = async (link: Link, direction: "up" | "down", sink: Socket, bytes: Buffer): Promise<void> => {
    const isLost = !passes(direction);
    if (isLost) link.isTainted = true;
    if (isLost || link.isTainted) return;
    if (mode === "slow") await sleep(slowMs);
    if (mode === "corrupt" && direction === "down") {
      const at = chooseByte(bytes.length);
      bytes[at] = bytes[at]! ^ 1;
    }
    if (!sink.destroyed) sink.write(bytes);
  };

  const server = createServer((from) => {
    if (mode === "refuse") {
      from.resetAndDestroy();
      return;
    }
    const id = ++connectionId;
    const to = connect({ host: "127.0.0.1", port, noDelay: true });
    from.setNoDelay(true);
    const link: Link = { from, to, isTainted: false };
    links.add(link);
    const end = () => {
      links.delete(link);
      from.destroy();
      to.destroy();
    };
    for (const [direction, source, sink] of [
      ["up", from, to],
      ["down", to, from],
    ] as const) {
      // One chunk after the other: a slow wire keeps their order.
      let last: Promise<void> = Promise.resolve();
      source.on("data", (bytes: Buffer) => {
        tap?.(id, direction, bytes);
        last = last.then(() => pass(link, direction, sink, bytes));
      });
      source.once("end", () => void last.then(() => sink.end()));
      source.on("error", () => source.destroy());
      // Who lost bytes does not hear that the other side is gone.
      source.once("close", () => void last.then(() => (direction === "down" && link.isTainted ? undefined : end())));
    }
  });
  await listening(server);
  const address = server.address();
  const drop = () => {
    for (const link of links) {
      links.delete(link);
      link.from.resetAndDestroy();
      link.to.resetAndDestroy();
    }
  };
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    set(next) {
      mode = next;
      if (mode === "refuse") drop();
    },
    drop,
    close: () =>
      new Promise((resolve) => {
        drop();
        server.close(() => resolve());
      }),
  };
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve());
  });
}
