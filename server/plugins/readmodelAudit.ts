import type { Contracts } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import type { AuditSources } from "../sourcesAudit.ts";
import type { BlockRow } from "./events.ts";
import { historyAfter } from "./readmodelHistory.ts";
import { reservesAfter, reservesOf } from "./readmodelReserves.ts";
import type { Tokens } from "./tokens.ts";
import type { InView } from "./views.ts";

/** What the sources of audits are made of. */
export interface AuditOptions {
  readonly view: InView;
  readonly tokens: Tokens;
  readonly contractsAfter: (block: Pick<BlockRow, "hash">) => Contracts;
  readonly deployment: Deployment;
}

/** What it takes to check what the chain was told and paid. */
export function auditSources({ view, tokens, contractsAfter, deployment }: AuditOptions): AuditSources {
  return {
    history: (address, page) => view((now) => historyAfter(now, address, page)),
    async reserves(page) {
      const { head, asked } = await view(async (now) => ({
        head: now.head,
        asked: await reservesAfter(now, deployment, page),
      }));
      return await reservesOf(asked, head, { contracts: contractsAfter(head), tokens });
    },
  };
}
