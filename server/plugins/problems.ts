import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from "fastify";
import { Busy } from "../busy.ts";
import { codeOf, messageOf } from "../failure.ts";
import type { Api } from "./http.ts";
import type { PageServer } from "./portal.ts";
import type { Problem } from "../protocol/api.ts";
import { Refusal, type RefusalFacts } from "../protocol/refusal.ts";

// Every error leaves as application/problem+json (RFC 9457) with a stable code. Clients learn what they can mend;
// what went wrong inside goes to the log, under the request's id.

export const PROBLEM_TYPE = "application/problem+json";

/** An error that a route answers with. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly facts: RefusalFacts;

  constructor(status: number, code: string, detail: string, facts: RefusalFacts = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.facts = facts;
  }
}

/** What a thing that is not there answers. */
export function unknown(subject: string, facts: RefusalFacts): HttpProblem {
  const named = Object.entries(facts).map(([name, value]) => `${name} ${String(value)}`);
  return new HttpProblem(
    404,
    `${subject}_Unknown`,
    `there is no ${subject.toLowerCase()} with ${named.join(", ")}`,
    facts,
  );
}

// Refusals say 422, but for those that say who may not, what is no list of readings, and what may come again.
const REFUSAL_STATUS: Record<string, number> = {
  Reading_BadSignature: 401,
  Session_BadSignature: 401,
  Viewer_Unknown: 401,
  Viewer_NotAllowed: 403,
  Draft_NotOperator: 403,
  Reading_UnknownNode: 403,
  Reading_NotJson: 400,
  Reading_TooLarge: 413,
  Reading_TooEarly: 425,
  Reading_TooOften: 429,
  Reading_TooManyFailures: 429,
  Batch_Empty: 400,
  Batch_NotArray: 400,
  Batch_TooDeep: 400,
  Batch_TooMany: 413,
  Ingest_Behind: 503,
  Lines_TooLong: 413,
  Identities_TooMany: 413,
};

/** The status that a refusal is answered with. */
export function refusalStatus({ code }: Refusal): number {
  return REFUSAL_STATUS[code] ?? 422;
}

// Fastify's own errors, by their code.
const FRAMEWORK: Record<string, [number, string, string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, "Request_TooLarge", "the body is larger than this server takes"],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, "Request_UnsupportedType", "the body must be application/json, not encoded"],
  FST_ERR_CTP_EMPTY_TYPE: [415, "Request_UnsupportedType", "the body must be application/json, not encoded"],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, "Request_Malformed", "the body has another length than its header says"],
  FST_ERR_BAD_URL: [400, "Request_Malformed", "the address cannot be decoded"],
  FST_ERR_MAX_PARAM_LENGTH: [414, "Request_TooLong", "a part of the address is too long"],
  FST_UNDER_PRESSURE: [503, "Server_Busy", "the server has more to do than it can; try again later"],
};

// What the server itself waits for: the first block, or the database, by PostgreSQL's and Node's codes. The pool's and the
// client's own errors have none.
const NOT_FOLLOWED = /^(ReadModel|Head)_Empty$/;
const NO_DATABASE = /^(08...|53[0-3]00|57014|57P0[1-5]|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT)$/;
const NO_ANSWER = /^(timeout exceeded when trying to connect|Query read timeout|Connection terminated.*)$/;
const RETRY_SEC = 5;

function waitingFor(error: unknown): [code: string, detail: string] | undefined {
  const code = codeOf(error) ?? "";
  if (NOT_FOLLOWED.test(code)) return [code, `${messageOf(error)}; try again later`];
  if (!NO_DATABASE.test(code) && (code !== "" || !NO_ANSWER.test(messageOf(error)))) return undefined;
  return ["Store_NoAnswer", "the database does not answer in time; try again later"];
}

function problemOf(error: unknown, requestId: string): Problem {
  const problem = (status: number, code: string, detail: string, facts: RefusalFacts = {}): Problem => ({
    type: `urn:rackbond:problem:${code}`,
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail,
    code,
    requestId,
    ...(Object.keys(facts).length > 0 && {
      facts: Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, String(value)])),
    }),
  });
  if (error instanceof HttpProblem) return problem(error.status, error.code, error.message, error.facts);
  if (error instanceof Busy) return problem(error.isOwnFault ? 429 : 503, error.code, error.message);
  if (error instanceof Refusal) return problem(refusalStatus(error), error.code, error.message, error.facts);
  const waiting = waitingFor(error);
  if (waiting !== undefined) return problem(503, ...waiting);
  const code = codeOf(error);
  const known = code === undefined ? undefined : FRAMEWORK[code];
  if (known !== undefined) return problem(...known);
  const { validation, validationContext, statusCode } = error as Partial<FastifyError>;
  if (validation !== undefined) {
    const faults = validation.map((fault) => faultOf(fault, validationContext));
    const first = faults[0];
    return { ...problem(400, "Request_Invalid", `${first?.at} ${first?.rule}`), faults };
  }
  if (statusCode === 400) return problem(400, "Request_Malformed", "the body is not valid JSON");
  // Of a file server: a folder, or a path that it does not go to.
  if (statusCode === 403 || statusCode === 404)
    return problem(404, "Route_Unknown", "there is nothing at this address");
  return problem(500, "Server_Failed", "the server failed; its log has more under this request's id");
}

function faultOf(fault: FastifySchemaValidationError, context = ""): { at: string; rule: string } {
  const extra = fault.params["additionalProperty"];
  const name = typeof extra === "string" ? ` (${extra.slice(0, 80)})` : "";
  return { at: `${context}${fault.instancePath}`, rule: `${fault.message ?? fault.keyword}${name}` };
}

const READING_SCHEME = 'Rackbond-Reading realm="readings"';

/** Answers an error. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error, request.id);
  const isWaiting = problem.status === 503 && waitingFor(error) !== undefined;
  if (problem.code === "Server_Failed" || problem.code === "Store_NoAnswer")
    request.log.error({ err: error }, problem.code);
  else request.log.info({ code: problem.code, detail: problem.detail }, "refused");
  void reply.header("x-request-id", request.id); // the hook that sets it may not have run
  if (isWaiting) void reply.header("retry-after", String(RETRY_SEC));
  if (error instanceof Busy) void reply.header("retry-after", String(error.retrySec));
  if (problem.status === 401) {
    const scheme = /^(Session|Viewer)_/.test(problem.code) ? 'Rackbond-Session realm="viewer"' : READING_SCHEME;
    void reply.header("www-authenticate", scheme);
  }
  void reply.code(problem.status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(problem);
}

/** Makes every error of the application a problem; what is unknown may be a page of the portal. */
export function problems(app: Api, pages?: PageServer): void {
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (request, reply) => {
    if (pages?.(request, reply) === true) return;
    const route = `${request.method} ${request.url.slice(0, 200)}`;
    sendProblem(new HttpProblem(404, "Route_Unknown", `there is no ${route}`), request, reply);
  });
}

/** Answers bytes that are no HTTP request, which no route ever sees. */
export function onClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const slow = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
  const status = slow ? 408 : error.code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
  const code = slow ? "Request_TooSlow" : status === 431 ? "Request_TooLong" : "Request_Malformed";
  const problem: Problem = {
    type: `urn:rackbond:problem:${code}`,
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail: slow ? "the request took too long to arrive" : "this is no HTTP request that the server takes",
    code,
    requestId: "",
  };
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${status} ${problem.title}\r\ncontent-type: ${PROBLEM_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
