import { useQuery } from "@tanstack/react-query";
import { replay, type Replay } from "../../../server/model/replay.ts";
import type { HistoryEvent } from "../../../server/protocol/apiHistory.ts";
import { API_KEY, ApiProblem, ask, type Answer } from "../../api.tsx";

// A facility's events, page by page, and its life computed from them.

const PAGE_LIMIT = 200;

/** A facility's life computed again, and from how many events. */
export interface Replayed extends Replay {
  readonly eventCount: number;
}

/** Computes a facility's payments again whenever a block arrives. */
export function useReplay(address: string | undefined): Answer<Replayed> {
  const query = useQuery({
    queryKey: [API_KEY, "replay", address],
    queryFn: async (): Promise<Replayed> => {
      const events = await eventsOf(address ?? "");
      return { ...replay(events), eventCount: events.length };
    },
    enabled: address !== undefined,
    structuralSharing: false,
  });
  const { data, error } = query;
  const problem =
    error === null
      ? undefined
      : error instanceof ApiProblem
        ? error
        : new ApiProblem(0, "Portal_Failed", error.message);
  return {
    ...{ data, problem, blockNumber: undefined },
    isLoading: query.isPending && query.fetchStatus !== "idle",
    isStale: data !== undefined && problem !== undefined,
    retry: () => void query.refetch(),
  };
}

async function eventsOf(address: string): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  for (let after: string | null | undefined; after !== null;) {
    const query: { limit: number; after?: string } =
      after === undefined ? { limit: PAGE_LIMIT } : { limit: PAGE_LIMIT, after };
    const page = await ask("/v1/facilities/:address/events", { params: { address }, query });
    events.push(...page.items);
    after = page.next;
  }
  return events;
}
