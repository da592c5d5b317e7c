import { NoQuerySchema } from "../protocol/api.ts";
import { ChallengeRequestSchema, ChallengeSchema, SessionSchema, SignInSchema } from "../protocol/apiSession.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import type { Sessions } from "../plugins/session.ts";
import type { Viewer } from "../viewer.ts";
import { addressOf } from "./parameters.ts";

const LIMITS = { rateLimit: { max: 60, timeWindow: 60_000 } };

/** Signing in, and who is. */
export function sessionRoutes(app: Api, sessions: Sessions): void {
  app.post(
    "/v1/session/challenge",
    {
      config: LIMITS,
      schema: {
        operationId: "makeChallenge",
        summary: "An ERC-4361 message for an account to sign; it holds for ten minutes, once",
        tags: ["session"],
        querystring: NoQuerySchema,
        body: ChallengeRequestSchema,
        response: answers({ 200: ChallengeSchema }, 413, 415, 422),
      },
    },
    ({ body }, reply) => sessions.challenge(reply.request, addressOf(body.address, "address")),
  );

  app.post(
    "/v1/session",
    {
      config: LIMITS,
      schema: {
        operationId: "openSession",
        summary: "Takes the signed message and sets a session's cookie, for twelve hours",
        tags: ["session"],
        querystring: NoQuerySchema,
        body: SignInSchema,
        response: answers({ 200: SessionSchema }, 401, 413, 415, 422),
      },
    },
    async (request, reply) => {
      const { message, signature } = request.body;
      return { viewer: shown(await sessions.open(request, reply, message, signature)) };
    },
  );

  app.get(
    "/v1/session",
    {
      config: { isPrivate: true },
      schema: {
        operationId: "getSession",
        summary: "Who is signed in, and what that account is on the chain now",
        tags: ["session"],
        querystring: NoQuerySchema,
        response: answers({ 200: SessionSchema }),
      },
    },
    ({ viewer }) => ({ viewer: viewer === undefined ? null : shown(viewer) }),
  );

  app.delete(
    "/v1/session",
    {
      schema: {
        operationId: "closeSession",
        summary: "Ends the session in this browser",
        tags: ["session"],
        querystring: NoQuerySchema,
        response: answers({ 200: SessionSchema }),
      },
    },
    (_request, reply) => {
      sessions.close(reply);
      return { viewer: null };
    },
  );
}

function shown({ address, roles, expiresAt }: Viewer) {
  return { address, roles: [...roles], expiresAt: String(expiresAt) };
}
