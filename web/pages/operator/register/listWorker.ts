import type { DeviceList } from "../../../../server/protocol/deviceList.ts";

// Runs beside the page: a million rows take seconds, and the page goes on answering.

/** What the page asks. */
export interface ListQuestion {
  readonly list: Blob;
  readonly keyFiles: ReadonlyMap<string, string>;
}

/** What it hears: how far it is, then the list, or why it could not be read at all. */
export type ListReply =
  | { readonly kind: "progress"; readonly deviceCount: number }
  | { readonly kind: "list"; readonly list: DeviceList }
  | { readonly kind: "failed"; readonly what: string };

/** The part of a worker's scope that is used. */
interface Scope {
  onmessage: ((event: MessageEvent<ListQuestion>) => void) | null;
  postMessage(reply: ListReply): void;
}

const scope = globalThis as unknown as Scope;

scope.onmessage = ({ data }) => {
  void answer(data).catch((error: unknown) =>
    scope.postMessage({ kind: "failed", what: error instanceof Error ? error.message : String(error) }),
  );
};

async function answer({ list, keyFiles }: ListQuestion): Promise<void> {
  // Not at the top: what waits for its WebAssembly there would hear nothing of a question that came meanwhile.
  const { readListText } = await import("./readList.ts");
  const text = await list.text();
  const read = readListText(text, keyFiles, (deviceCount) => scope.postMessage({ kind: "progress", deviceCount }));
  scope.postMessage({ kind: "list", list: read });
}
