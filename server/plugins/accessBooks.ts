import { ADMIN_ROLE_ID, PUBLIC_ROLE_ID } from "../protocol/restricted.ts";
import type { Db } from "./db.ts";

// The access manager as its events made it: roles with their members and delays, and whose each function is.

/** A delay, and the one that takes its place later. */
interface Delay {
  beforeSec: bigint;
  sec: bigint;
  fromAt: bigint;
}

interface MemberBook {
  readonly sinceAt: bigint;
  delay: Delay;
}

export interface RoleBook {
  readonly roleId: bigint;
  label: string;
  adminRoleId: bigint;
  guardianRoleId: bigint;
  grantDelay: Delay;
  readonly members: Map<string, MemberBook>;
}

export interface AccessBooks {
  readonly roles: Map<bigint, RoleBook>;
  /** By target and selector. */
  readonly functions: Map<string, bigint>;
  readonly closedTargets: Set<string>;
}

type Args = Record<string, string> & { closed?: boolean; newMember?: boolean };

export function roleOf({ roles }: AccessBooks, roleId: bigint): RoleBook {
  const known = roles.get(roleId);
  if (known !== undefined) return known;
  const label = roleId === ADMIN_ROLE_ID ? "ADMIN" : roleId === PUBLIC_ROLE_ID ? "PUBLIC" : String(roleId);
  const role: RoleBook = {
    ...{ roleId, label, adminRoleId: ADMIN_ROLE_ID, guardianRoleId: ADMIN_ROLE_ID, grantDelay: constant(0n) },
    members: new Map(),
  };
  roles.set(roleId, role);
  return role;
}

const constant = (sec: bigint): Delay => ({ beforeSec: sec, sec, fromAt: 0n });

/** What a delay is at a time. */
export function delaySecAt({ beforeSec, sec, fromAt }: Delay, nowAt: bigint): number {
  return Number(nowAt < fromAt ? beforeSec : sec);
}

const number = (args: Args, name: string) => BigInt(args[name] ?? 0);

const ENTRIES: Record<string, (books: AccessBooks, args: Args) => void> = {
  RoleLabel: (books, args) => (roleOf(books, number(args, "roleId")).label = args["label"] ?? ""),
  RoleAdminChanged: (books, args) => (roleOf(books, number(args, "roleId")).adminRoleId = number(args, "admin")),
  RoleGuardianChanged: (books, args) =>
    (roleOf(books, number(args, "roleId")).guardianRoleId = number(args, "guardian")),
  RoleGrantDelayChanged(books, args) {
    const role = roleOf(books, number(args, "roleId"));
    role.grantDelay = { beforeSec: role.grantDelay.sec, sec: number(args, "delay"), fromAt: number(args, "since") };
  },
  RoleGranted(books, args) {
    const { members } = roleOf(books, number(args, "roleId"));
    const { account = "" } = args;
    const [sec, fromAt] = [number(args, "delay"), number(args, "since")];
    const member = members.get(account);
    if (member === undefined || args.newMember === true)
      members.set(account, { sinceAt: fromAt, delay: constant(sec) });
    else member.delay = { beforeSec: member.delay.sec, sec, fromAt };
  },
  RoleRevoked: (books, args) => roleOf(books, number(args, "roleId")).members.delete(args["account"] ?? ""),
  TargetClosed({ closedTargets }, { target = "", closed }) {
    if (closed === true) closedTargets.add(target);
    else closedTargets.delete(target);
  },
  TargetFunctionRoleUpdated: ({ functions }, { target = "", selector = "", roleId = "0" }) =>
    functions.set(`${target} ${selector}`, BigInt(roleId)),
};

export async function accessBooksOf(db: Db): Promise<AccessBooks> {
  const { rows } = await db.query<{ name: string; args: Args }>(
    "select name, args from events where contract = 'authority' order by block, log_index",
  );
  const books: AccessBooks = { roles: new Map(), functions: new Map(), closedTargets: new Set() };
  roleOf(books, ADMIN_ROLE_ID);
  for (const { name, args } of rows) ENTRIES[name]?.(books, args);
  return books;
}
