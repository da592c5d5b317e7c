import { Failure } from "../failure.ts";
import { noteBlock } from "./asOf.ts";
import { headBlock, type View } from "./events.ts";
import type { Store } from "./store.ts";

/** Runs work on one state of the events, also while the follower writes the next. */
export type InView = <T>(work: (view: View) => Promise<T>) => Promise<T>;

/** Views of a store's events. */
export function viewsOf(store: Pick<Store, "transaction">): InView {
  return (work) =>
    store.transaction(async (db) => {
      await db.query("set transaction isolation level repeatable read, read only");
      const head = await headBlock(db);
      if (head === undefined) throw new Failure("ReadModel_Empty", "no block has been followed yet");
      noteBlock(head);
      return await work({ db, head });
    });
}
