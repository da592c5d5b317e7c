import { useQueryClient } from "@tanstack/react-query";
import { createContext, use, useEffect, useState, type ReactNode } from "react";
import { API_KEY } from "./api.tsx";

// Whether what is shown is of now. The API's stream says when a block arrives; while it is silent the API is asked.

/** `live`: blocks arrive by themselves; `polled`: the API answers but does not stream; `lost`: it does not answer. */
export type Contact = "live" | "polled" | "lost";

export interface Freshness {
  contact: Contact;
  /** The newest block that the read model stands at, when it was said. */
  headBlock: string | undefined;
}

const FreshnessContext = createContext<Freshness>({ contact: "polled", headBlock: undefined });

const STREAM = "/v1/stream";
const ASK_MS = 5000;
/** Answers are asked again at most this often, however fast blocks come. */
const SETTLE_MS = 1500;
const KINDS = ["head", "epoch", "payment", "facility", "lease", "dispute", "order"];

/** Follows the API's stream, and has shown answers asked again when a block arrives. */
export function FreshnessProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [freshness, setFreshness] = useState<Freshness>({ contact: "polled", headBlock: undefined });

  useEffect(() => {
    let isEnded = false;
    let settling: ReturnType<typeof setTimeout> | undefined;
    const askAgain = () => {
      settling ??= setTimeout(() => {
        settling = undefined;
        void client.invalidateQueries({ queryKey: [API_KEY] }, { cancelRefetch: false });
      }, SETTLE_MS);
    };
    const stand = (contact: Contact, headBlock?: string) =>
      setFreshness((before) => ({ contact, headBlock: headBlock ?? before.headBlock }));

    const stream = new EventSource(STREAM);
    const onEvent = (event: MessageEvent<string>) => {
      stand("live", event.type === "head" ? blockOf(event.data) : undefined);
      askAgain();
    };
    for (const kind of KINDS) stream.addEventListener(kind, onEvent);
    stream.addEventListener("open", () => stand("live"));

    let wasLost = false;
    const look = async () => {
      if (stream.readyState === EventSource.OPEN) return;
      const isThere = await fetch("/ready").then(
        ({ ok }) => ok,
        () => false,
      );
      if (isEnded) return;
      stand(isThere ? "polled" : "lost");
      if (isThere && wasLost) askAgain();
      wasLost = !isThere;
    };
    const timer = setInterval(() => void look(), ASK_MS);
    stream.addEventListener("error", () => void look());

    return () => {
      isEnded = true;
      stream.close();
      clearInterval(timer);
      clearTimeout(settling);
    };
  }, [client]);

  return <FreshnessContext value={freshness}>{children}</FreshnessContext>;
}

/** The block number in a `head` event. */
function blockOf(data: string): string | undefined {
  try {
    const said = JSON.parse(data) as { blockNumber?: unknown };
    return typeof said.blockNumber === "string" ? said.blockNumber : undefined;
  } catch {
    return undefined;
  }
}

/** Whether what is shown is of now. */
export function useFreshness(): Freshness {
  return use(FreshnessContext);
}
