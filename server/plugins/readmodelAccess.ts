import type { Interface } from "ethers";

import type { Access, Operation, Role } from "../protocol/apiAccess.ts";
import type { Hex } from "../protocol/bytes.ts";
import { INTERFACES } from "../protocol/contracts.ts";
import type { Deployment } from "../protocol/deployment.ts";
import { ADMINISTRATION, ADMIN_ROLE_ID, RESTRICTED } from "../protocol/restricted.ts";
import type { PageBefore } from "../pages.ts";
import type { AccessFilter } from "../sourcesCapital.ts";
import { accessBooksOf, delaySecAt, roleOf, type AccessBooks, type RoleBook } from "./accessBooks.ts";
import type { View } from "./events.ts";
import { EVENT_ID, classesOf } from "./readmodelClasses.ts";

// Who may do what after which delay, out of the access manager's events.

type Kind = keyof typeof INTERFACES;

const RESTRICTED_BY_KIND: Readonly<Record<string, readonly string[]>> = RESTRICTED;

/** The contracts of the system by address, each with its kind. */
export async function kindsOf(
  { db }: View,
  { addresses }: Pick<Deployment, "addresses">,
): Promise<Map<string, string>> {
  const kinds = new Map(Object.entries(addresses).map(([name, address]) => [address, name]));
  for (const { facility, token } of (await classesOf(db)).values()) {
    kinds.set(facility, "facility");
    kinds.set(token, "classToken");
  }
  return kinds;
}

function shownMembers({ members }: RoleBook, kinds: ReadonlyMap<string, string>, nowAt: bigint): Role["members"] {
  return [...members].map(([account, { sinceAt, delay }]) => ({
    ...{ account, name: kinds.get(account) ?? null, delaySec: delaySecAt(delay, nowAt), sinceAt: String(sinceAt) },
  }));
}

interface Guarded {
  readonly kind: string;
  readonly target: string;
  readonly signature: string;
  readonly selector: string;
  readonly roleId: bigint;
}

/** Every restricted function of every contract: those in the books, and those that nobody gave a role. */
function guarded(books: AccessBooks, kinds: ReadonlyMap<string, string>): Guarded[] {
  const found = new Map<string, Guarded>();
  for (const [target, kind] of kinds) {
    const names: readonly string[] = kind === "authority" ? ADMINISTRATION : (RESTRICTED_BY_KIND[kind] ?? []);
    for (const name of names) {
      const { selector, signature } = functionOf(kind, name);
      const roleId = books.functions.get(`${target} ${selector}`) ?? ADMIN_ROLE_ID;
      found.set(`${target} ${selector}`, { kind, target, signature, selector, roleId });
    }
  }
  for (const [key, roleId] of books.functions) {
    if (found.has(key)) continue;
    const [target = "", selector = ""] = key.split(" ");
    const kind = kinds.get(target) ?? "other";
    found.set(key, { kind, target, selector, roleId, signature: functionOf(kind, selector).signature });
  }
  return [...found.values()].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

const sortKey = ({ kind, target, signature }: Guarded) => `${kind} ${target.toLowerCase()} ${signature}`;

function functionOf(kind: string, name: string): { selector: string; signature: string } {
  const code: Interface | undefined = kind in INTERFACES ? INTERFACES[kind as Kind] : undefined;
  const found = code?.getFunction(name) ?? null;
  return found === null ? { selector: name, signature: name } : { selector: found.selector, signature: found.format() };
}

/** Who may call what: by contract, target and function. */
export async function accessNow(
  view: View,
  deployment: Pick<Deployment, "addresses">,
  filter: AccessFilter,
): Promise<Access[]> {
  const kinds = await kindsOf(view, deployment);
  const books = await accessBooksOf(view.db);
  return guarded(books, kinds)
    .map(({ kind, target, signature, selector, roleId }) => ({
      ...{ contract: kind, target, signature, selector, roleId: String(roleId), role: roleOf(books, roleId).label },
      isTargetClosed: books.closedTargets.has(target),
      members: shownMembers(roleOf(books, roleId), kinds, view.head.time),
    }))
    .filter(({ target }) => filter.target === undefined || target === filter.target)
    .filter(({ role, roleId }) => filter.role === undefined || role === filter.role || roleId === filter.role)
    .filter(({ members }) => filter.account === undefined || members.some(({ account }) => account === filter.account));
}

/** The roles by id, each with how many functions it guards. */
export async function rolesNow(view: View, deployment: Pick<Deployment, "addresses">): Promise<Role[]> {
  const kinds = await kindsOf(view, deployment);
  const books = await accessBooksOf(view.db);
  const functions = guarded(books, kinds);
  for (const { roleId } of functions) roleOf(books, roleId);
  return [...books.roles.values()]
    .sort((a, b) => (a.roleId < b.roleId ? -1 : 1))
    .map((role) => ({
      ...{ roleId: String(role.roleId), role: role.label, adminRoleId: String(role.adminRoleId) },
      guardianRoleId: String(role.guardianRoleId),
      grantDelaySec: delaySecAt(role.grantDelay, view.head.time),
      functionCount: functions.filter(({ roleId }) => roleId === role.roleId).length,
      members: shownMembers(role, kinds, view.head.time),
    }));
}

/** An announced call stands open for a week (OpenZeppelin's AccessManager). */
const OPEN_SEC = 7n * 86_400n;

interface OperationRow {
  eventId: bigint;
  at: bigint;
  args: Record<"operationId" | "schedule" | "caller" | "target" | "data", string>;
  end: "OperationExecuted" | "OperationCanceled" | null;
}

/** Calls that were announced, the newest first. */
export async function operationsBefore(
  view: View,
  deployment: Pick<Deployment, "addresses">,
  { limit, before }: PageBefore<bigint>,
): Promise<Operation[]> {
  const { db, head } = view;
  const kinds = await kindsOf(view, deployment);
  const { rows } = await db.query<OperationRow>(
    `select ${EVENT_ID} "eventId", b.time at, e.args,
       (select x.name from events x where x.contract = 'authority' and x.name in ('OperationExecuted', 'OperationCanceled')
         and x.args ->> 'operationId' = e.args ->> 'operationId' and x.args ->> 'nonce' = e.args ->> 'nonce') "end"
     from events e join blocks b on b.number = e.block where e.contract = 'authority' and e.name = 'OperationScheduled'
       and ($1::int8 is null or ${EVENT_ID} < $1) order by ${EVENT_ID} desc limit $2`,
    [before ?? null, limit],
  );
  return rows.map(({ eventId, at, args, end }) => {
    const readyAt = BigInt(args.schedule);
    const expiresAt = readyAt + OPEN_SEC;
    const waiting = head.time < readyAt ? "Waiting" : head.time < expiresAt ? "Ready" : "Expired";
    const contract = kinds.get(args.target) ?? null;
    const selector = args.data.slice(0, 10);
    const found = contract === null || selector.length < 10 ? undefined : functionOf(contract, selector);
    return {
      ...{ eventId: String(eventId), operationId: args.operationId as Hex },
      state: end === null ? waiting : end === "OperationExecuted" ? ("Executed" as const) : ("Cancelled" as const),
      ...{ caller: args.caller, target: args.target, contract, callData: args.data.toLowerCase() },
      signature: found === undefined || found.signature === selector ? null : found.signature,
      ...{ scheduledAt: String(at), readyAt: String(readyAt), expiresAt: String(expiresAt) },
    };
  });
}
