import { useEffect, useRef, useState } from "react";
import type { DeviceList } from "../../../../server/protocol/deviceList.ts";
import { MAX_KEY_FILE_BYTES } from "../../../../server/protocol/nodePoint.ts";
import type { ListQuestion, ListReply } from "./listWorker.ts";

/** Where the reading of dropped files stands. */
export type Reading =
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly what: "files" | "unreadable"; readonly detail?: string }
  | { readonly kind: "reading"; readonly file: string; readonly deviceCount: number }
  | { readonly kind: "read"; readonly file: string; readonly keyFileCount: number; readonly list: DeviceList };

/** Reads a list of devices beside the page: of dropped files one is the list, the others are public keys. */
export function useDeviceList() {
  const [reading, setReading] = useState<Reading>({ kind: "none" });
  const worker = useRef<Worker>(undefined);
  const stop = () => {
    worker.current?.terminate();
    worker.current = undefined;
  };
  useEffect(() => stop, []);

  const take = async (files: readonly File[]) => {
    stop();
    const keys = files.filter(({ name }) => name.toLowerCase().endsWith(".pem"));
    const [list, ...others] = files.filter((file) => !keys.includes(file));
    if (list === undefined || others.length > 0 || keys.some(({ size }) => size > MAX_KEY_FILE_BYTES)) {
      setReading({ kind: "refused", what: "files" });
      return;
    }
    setReading({ kind: "reading", file: list.name, deviceCount: 0 });
    const texts = await Promise.all(
      keys.map(async (file): Promise<[string, string]> => [file.name, await file.text()]),
    );
    const fresh = new Worker(new URL("./listWorker.ts", import.meta.url), { type: "module" });
    worker.current = fresh;
    fresh.onerror = () => setReading({ kind: "refused", what: "unreadable" });
    fresh.onmessage = ({ data }: MessageEvent<ListReply>) => {
      if (data.kind === "progress") setReading({ kind: "reading", file: list.name, deviceCount: data.deviceCount });
      else if (data.kind === "failed") setReading({ kind: "refused", what: "unreadable", detail: data.what });
      else setReading({ kind: "read", file: list.name, keyFileCount: keys.length, list: data.list });
    };
    fresh.postMessage({ list, keyFiles: new Map(texts) } satisfies ListQuestion);
  };

  const clear = () => {
    stop();
    setReading({ kind: "none" });
  };
  return { reading, take, clear };
}
