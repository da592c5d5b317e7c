import type { JsonRpcProvider } from "ethers";
import { hexlify, Interface } from "ethers";
import type { Deployment } from "../protocol/deployment.ts";
import { AUTHORITY_ROLES, OWN_ROLES, type Role } from "../protocol/roles.ts";
import type { BlockMark, PlatformSources } from "../sourcesPlatform.ts";
import { newestEpochs } from "./readmodelEpochs.ts";
import { happeningsAfter } from "./readmodelStream.ts";
import { headBlock, type View } from "./events.ts";
import type { Follower } from "./follow.ts";
import type { Store } from "./store.ts";
import type { InView } from "./views.ts";

interface Options {
  readonly store: Pick<Store, "db">;
  readonly follower: Pick<Follower, "version" | "isCurrent">;
  readonly deployment: Deployment;
  readonly provider?: Pick<JsonRpcProvider, "call">;
  readonly view: InView;
}

/** Blocks that another process writes into the same database are seen after so long. */
const HEAD_KEPT_MS = 250;
const CONTRACT_ACCOUNT = new Interface([
  "function isValidSignature(bytes32 hash, bytes signature) view returns (bytes4)",
]);
const CONTRACT_GAS_UNITS = 1_000_000n;

/** Where the read model stands, and what an account is on the chain. */
export function platformSources({ store, follower, deployment, provider, view }: Options): PlatformSources {
  let last: { version: number; untilMs: number; block: Promise<BlockMark | undefined> } | undefined;
  return {
    head() {
      const version = follower.version();
      const nowMs = performance.now();
      if (last === undefined || last.version !== version || nowMs > last.untilMs) {
        const block = headBlock(store.db);
        last = { version, block, untilMs: nowMs + HEAD_KEPT_MS };
        block.catch(() => (last = undefined));
      }
      return last.block;
    },

    happenings: (after, logIndex, limit) => view((now) => happeningsAfter(now, after, logIndex, limit)),

    standing: () =>
      view(async (now) => ({
        ...{ headBlock: now.head.number, headAt: now.head.time, isCurrent: follower.isCurrent() },
        ...(await newestEpochs(now)),
        ...(await countsOf(now)),
      })),

    deployment() {
      const { identities: _, ...shown } = deployment;
      return shown;
    },

    chainId: () => deployment.chainId,

    rolesOf: (address) => view((now) => rolesOf(now, address)),

    async takesSignature(address, digest, signature) {
      if (provider === undefined) return false;
      const data = CONTRACT_ACCOUNT.encodeFunctionData("isValidSignature", [digest, signature]);
      const magic = CONTRACT_ACCOUNT.getFunction("isValidSignature")!.selector;
      try {
        const answer = await provider.call({ to: address, data, gasLimit: CONTRACT_GAS_UNITS });
        return hexlify(answer) === magic.padEnd(66, "0");
      } catch {
        return false; // a contract that refuses, or is none of this kind
      }
    },
  };
}

/** The newest word of the access manager on each role of an account; a grant that is still to come is none. */
const GRANTED = `select distinct on (args ->> 'roleId') (args ->> 'roleId')::int8 "roleId",
    name = 'RoleGranted' and ((args ->> 'since')::int8 <= $2 or not (args ->> 'newMember')::boolean) "isHeld"
  from events where contract = 'authority' and name in ('RoleGranted', 'RoleRevoked') and args ->> 'account' = $1
  order by args ->> 'roleId', block desc, log_index desc`;

const OWNED = `select
    exists (select 1 from events where contract = 'registry' and name in ('SiteRegistered', 'LotPassed')
      and args ->> 'operator' = $1) operator,
    exists (select 1 from events where contract = 'facilities' and name = 'FacilityCreated'
      and args -> 'settings' ->> 'sponsor' = $1) sponsor,
    exists (select 1 from events where contract = 'leases' and name = 'Opened' and args ->> 'lessee' = $1) lessee`;

async function rolesOf({ db, head }: View, address: string): Promise<Role[]> {
  const granted = await db.query<{ roleId: bigint; isHeld: boolean }>(GRANTED, [address, head.time]);
  const { rows } = await db.query<Record<(typeof OWN_ROLES)[number], boolean>>(OWNED, [address]);
  return [
    ...AUTHORITY_ROLES.filter((_role, id) =>
      granted.rows.some(({ roleId, isHeld }) => isHeld && roleId === BigInt(id)),
    ),
    ...OWN_ROLES.filter((role) => rows[0]?.[role]),
  ];
}

async function countsOf({ db }: View): Promise<{ eventCount: bigint; rollbackCount: number }> {
  const { rows } = await db.query<{ eventCount: bigint; rollbackCount: bigint }>(
    `select count(*) "eventCount", count(*) filter (where contract = 'telemetry' and name = 'Resolved'
       and (args ->> 'rolledBack')::boolean) "rollbackCount" from events`,
  );
  const { eventCount, rollbackCount } = rows[0]!;
  return { eventCount, rollbackCount: Number(rollbackCount) };
}
