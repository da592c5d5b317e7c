import type { FastifyRequest } from "fastify";
import { Refusal } from "./protocol/refusal.ts";
import type { Role } from "./protocol/roles.ts";

/** Who asks: an account that signed in, and what it is on the chain now. */
export interface Viewer {
  /** With its checksum. */
  readonly address: string;
  readonly roles: readonly Role[];
  /** The session's end. */
  readonly expiresAt: bigint;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Undefined without a session, and on routes whose config is not `isPrivate`. */
    viewer: Viewer | undefined;
  }
  interface FastifyContextConfig {
    /** The answer depends on who asks: it is never kept. */
    isPrivate?: boolean;
    /** The answer depends on more than the chain's blocks: it is made anew each time. */
    isLive?: boolean;
  }
}

/** Who may see something: these accounts, and who has one of these roles. Auditors see all. */
export interface Audience {
  readonly accounts?: readonly string[];
  readonly roles?: readonly Role[];
}

/** Whether a viewer is of an audience; without a viewer nobody is. */
export function maySee(viewer: Viewer | undefined, { accounts = [], roles = [] }: Audience): boolean {
  if (viewer === undefined) return false;
  return accounts.includes(viewer.address) || ["auditor", ...roles].some((role) => viewer.roles.includes(role as Role));
}

/** The viewer, who must be of the audience where one is given: 401 without a session, 403 with another's. */
export function demandViewer({ viewer }: Pick<FastifyRequest, "viewer">, audience?: Audience): Viewer {
  if (viewer === undefined) throw new Refusal("Viewer_Unknown", { remedy: "sign in with POST /v1/session" });
  if (audience !== undefined && !maySee(viewer, audience))
    throw new Refusal("Viewer_NotAllowed", { address: viewer.address });
  return viewer;
}
