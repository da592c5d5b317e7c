/** A wallet's interface (EIP-1193). */
export interface Eip1193Provider {
  request(call: { method: string; params?: unknown[] | Record<string, unknown> }): Promise<unknown>;
  on?(event: string, listener: (...args: never[]) => void): unknown;
  removeListener?(event: string, listener: (...args: never[]) => void): unknown;
}

/** A wallet that announced itself (EIP-6963). */
export interface AnnouncedWallet {
  info: { uuid: string; name: string; icon: string; rdns: string };
  provider: Eip1193Provider;
}

/** Has every wallet in the page announce itself, now and later; returns how to stop listening. */
export function discoverWallets(onWallet: (wallet: AnnouncedWallet) => void): () => void {
  const listener = (event: Event) => {
    const { detail } = event as CustomEvent<AnnouncedWallet | undefined>;
    if (detail?.info.uuid !== undefined) onWallet(detail);
  };
  window.addEventListener("eip6963:announceProvider", listener);
  window.dispatchEvent(new Event("eip6963:requestProvider"));
  return () => window.removeEventListener("eip6963:announceProvider", listener);
}
