type Verb = "record" | "settle" | "collect" | "distribute" | "appraise" | "claim" | "fulfil" | "flag" | "liquidate";

/** One thing the keeper did. */
export interface KeeperAction {
  readonly verb: Verb;
  readonly subject: string;
}

/** Does one thing, and notes it. */
export type Acting = (action: KeeperAction, send: () => Promise<unknown>) => Promise<void>;
