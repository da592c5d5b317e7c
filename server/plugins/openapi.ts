import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { Type, type TSchema } from "typebox";
import { NoQuerySchema, ProblemSchema } from "../protocol/api.ts";
import type { Api } from "./http.ts";
import { PROBLEM_TYPE } from "./problems.ts";

// OpenAPI 3.1, made from the schemas the routes check with.

/** The answers of a route: what it gives, and the problems it can end in (400, 429, 500 and 503 always). */
export function answers<const T extends Record<number, TSchema>>(given: T, ...statuses: number[]) {
  const problem = { content: { [PROBLEM_TYPE]: { schema: { $ref: "Problem#" } } } };
  const problems = [...new Set([400, 429, 500, 503, ...statuses])].map((status) => [
    status,
    { description: PROBLEMS[status] ?? "", ...problem },
  ]);
  return { ...Object.fromEntries(problems), ...given } as T;
}

const PROBLEMS: Record<number, string> = {
  400: "The request is not as its schema says",
  401: "Who asks is not known: the signature fails, or there is no session",
  403: "Who asks may not: the node is not registered, or the viewer is another",
  404: "There is no such thing",
  409: "Another reading of this node and epoch is kept",
  413: "The body is too large",
  415: "The body is not plain JSON",
  422: "The reading breaks a rule; the code names it",
  429: "Too many requests from this address",
  500: "The server failed",
  503: "The server cannot serve now",
};

/** Serves the description at /openapi.json and a page to read it at /docs. Call it before the routes are added. */
export async function openapi(app: Api, version: string): Promise<void> {
  app.addSchema({ ...ProblemSchema, $id: "Problem" });
  await app.register(swagger, {
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, place) => {
        const id = schema["$id"];
        return typeof id === "string" ? id : `schema${place}`;
      },
    },
    transformObject: (made) =>
      "openapiObject" in made ? described(made.openapiObject as Description) : made.swaggerObject,
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Rackbond",
        version,
        description:
          "GPU telemetry, leases and the money they make. Ids, epochs, times, amounts and counters are decimal strings.",
        license: { name: "MIT", identifier: "MIT" },
      },
      servers: [{ url: "/" }],
      components: {
        securitySchemes: { session: { type: "apiKey", in: "cookie", name: "rackbond_session" } },
      },
      tags: [
        { name: "service", description: "Whether the program runs, and its running totals" },
        { name: "session", description: "Signing in with Ethereum, for what is private" },
        { name: "facilities", description: "Facilities, their classes and payment dates" },
        { name: "lots", description: "Pledged hardware and its meters" },
        { name: "leases", description: "Who rents what, and what was invoiced" },
        { name: "accounts", description: "What an account has and had: for the account itself, and for auditors" },
        { name: "markets", description: "Lending against shares of classes" },
        { name: "exchange", description: "Orders, trades, prices and compute rates" },
        { name: "vault", description: "One share over classes of several facilities" },
        { name: "registry", description: "Sites, nodes, models, identities, and what calls for attention" },
        { name: "bonds", description: "What stands behind operators and oracles, and disputes" },
        { name: "access", description: "Who may do what, and what auditors state" },
        { name: "telemetry", description: "Signed readings, reports and proofs" },
      ],
    },
  });
  await app.register(swaggerUi, { routePrefix: "/docs", staticCSP: true, logLevel: "silent" });
  let text: string | undefined; // it does not change while the program runs
  app.get(
    "/openapi.json",
    {
      schema: {
        operationId: "getOpenApi",
        summary: "This description",
        tags: ["service"],
        querystring: NoQuerySchema,
        response: answers({ 200: Type.Object({}, { additionalProperties: true, description: "OpenAPI 3.1" }) }),
      },
    },
    async (_request, reply) => {
      text ??= JSON.stringify(app.swagger());
      return await reply.type("application/json; charset=utf-8").send(text as never);
    },
  );
}

interface Answer {
  content?: Record<string, unknown>;
  headers?: Record<string, unknown>;
}

interface Operation {
  readonly parameters?: readonly { readonly name: string }[];
  readonly responses: Record<string, Answer | { readonly $ref: string }>;
}

interface Description {
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { responses?: Record<string, unknown>; headers?: Record<string, unknown> };
}

/** Adds what surrounds all routes: the block that an answer is true at, its tag, and lists as CSV. Problems stand once. */
function described(description: Description): Description {
  const problems: Record<string, unknown> = {};
  for (const [path, methods] of Object.entries(description.paths ?? {})) {
    for (const [method, { parameters, responses }] of Object.entries(methods)) {
      for (const [status, answer] of Object.entries(responses)) {
        if (Number(status) < 400) continue;
        problems[`Problem${status}`] = answer;
        responses[status] = { $ref: `#/components/responses/Problem${status}` };
      }
      const answer = responses["200"] as Answer | undefined;
      if (method !== "get" || !path.startsWith("/v1/") || answer?.content?.["application/json"] === undefined) continue;
      answer.headers = AROUND;
      if (parameters?.some(({ name }) => name === "format") === true) answer.content["text/csv"] = { schema: CSV };
    }
  }
  return { ...description, components: { ...description.components, responses: problems, headers: HEADERS } };
}

const CSV = { type: "string", description: "a header line, then an item a line" };

const HEADERS = {
  "x-block-number": { description: "the block that the answer is true at", schema: { type: "string" } },
  etag: { description: "of public answers; changes with the block", schema: { type: "string" } },
};

const AROUND = Object.fromEntries(Object.keys(HEADERS).map((name) => [name, { $ref: `#/components/headers/${name}` }]));
