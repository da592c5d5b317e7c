type Verb = "record" | "settle" | "collect" | "distribute" | "appraise" | "claim" | "fulfil" | "flag" | "liquidate";

/** One thing the keeper did. */
export interface KeeperAction {
  readonly verb: Verb;
  readonly subject: string;
}

/** Looks after one subject; where it is set, what a contract refuses of it is told and does not end the turn. */
export type Apart = (subject: string, keep: () => Promise<void>) => Promise<void>;

/** Does one thing, and notes it. */
export type Acting = (action: KeeperAction, send: () => Promise<unknown>) => Promise<void>;
