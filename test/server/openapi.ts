import { expect } from "chai";
import { buildApp } from "../../server/app.ts";
import { loadConfig } from "../../server/config.ts";
import { sampleSources } from "./sample.ts";
import { CAPITAL_ROUTES } from "./sampleCapital.ts";

interface Operation {
  operationId?: string;
  summary?: string;
  tags?: string[];
  parameters?: { name: string; in: string; required?: boolean; schema?: Record<string, unknown> }[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, Answer>;
}

interface Answer {
  $ref?: string;
  description?: string;
  content?: Record<string, { schema?: object }>;
}

// These give something else than JSON.
const TYPES: Record<string, string> = {
  "get /v1/files/{kind}/{hash}": "application/x-ndjson",
  "get /v1/epochs/{epoch}/lots/{lotId}/proof": "application/x-ndjson",
  "get /v1/facilities/{address}/reports/{month}.csv": "text/csv",
  "get /v1/facilities/{address}/reports/{month}.pdf": "application/pdf",
  "get /metrics": "text/plain",
  "get /v1/stream": "text/event-stream",
};

describe("openapi", () => {
  let document: {
    components: { schemas: Record<string, { required?: string[] }>; responses: Record<string, Answer> };
    openapi: string;
    info: { version: string };
    tags: { name: string }[];
    paths: Record<string, Record<string, Operation>>;
  };
  let operations: [string, Operation][];
  let page: { statusCode: number; body: string; policy: unknown };

  before(async () => {
    const app = await buildApp({ config: loadConfig({}, { logLevel: "silent" }), sources: sampleSources() });
    document = (await app.inject("/openapi.json")).json();
    const docs = await app.inject("/docs/");
    page = { statusCode: docs.statusCode, body: docs.body, policy: docs.headers["content-security-policy"] };
    await app.close();
    const whole = (answer: Answer): Answer =>
      answer.$ref === undefined ? answer : document.components.responses[answer.$ref.split("/").at(-1)!]!;
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { responses, ...operation }]): [string, Operation] => {
        const answers = Object.entries(responses).map(([status, answer]) => [status, whole(answer)]);
        return [`${method} ${path}`, { ...operation, responses: Object.fromEntries(answers) as typeof responses }];
      }),
    );
  });

  it("is version 3.1 and covers every route", () => {
    expect(document.openapi).to.equal("3.1.0");
    expect(document.info.version).to.match(/^\d+\.\d+\.\d+$/);
    const paths = operations.map(([name]) => name).filter((name) => !CAPITAL_ROUTES.includes(name));
    expect(operations.length - paths.length).to.equal(CAPITAL_ROUTES.length);
    expect(paths.sort()).to.deep.equal([
      "delete /v1/session",
      "get /health",
      "get /metrics",
      "get /openapi.json",
      "get /ready",
      "get /v1/accounts/{address}/flows",
      "get /v1/accounts/{address}/portfolio",
      "get /v1/accounts/{address}/tax/{year}",
      "get /v1/deployment",
      "get /v1/epochs",
      "get /v1/epochs/{epoch}",
      "get /v1/epochs/{epoch}/devices/{deviceId}/proof",
      "get /v1/epochs/{epoch}/lots/{lotId}/devices/{deviceIndex}/absence",
      "get /v1/epochs/{epoch}/lots/{lotId}/proof",
      "get /v1/facilities",
      "get /v1/facilities/{address}",
      "get /v1/facilities/{address}/calendar",
      "get /v1/facilities/{address}/events",
      "get /v1/facilities/{address}/holders",
      "get /v1/facilities/{address}/payments",
      "get /v1/facilities/{address}/receivables",
      "get /v1/facilities/{address}/reports",
      "get /v1/facilities/{address}/reports/{month}",
      "get /v1/facilities/{address}/reports/{month}.csv",
      "get /v1/facilities/{address}/reports/{month}.json",
      "get /v1/facilities/{address}/reports/{month}.pdf",
      "get /v1/facilities/{address}/telemetry",
      "get /v1/facilities/{address}/value",
      "get /v1/facilities/{address}/values",
      "get /v1/files/{kind}/{hash}",
      "get /v1/leases",
      "get /v1/leases/{leaseId}",
      "get /v1/leases/{leaseId}/invoices",
      "get /v1/lots",
      "get /v1/lots/{lotId}",
      "get /v1/lots/{lotId}/meters",
      "get /v1/receivables",
      "get /v1/reserves",
      "get /v1/session",
      "get /v1/stream",
      "get /v1/summary",
      "post /v1/readings",
      "post /v1/readings/batch",
      "post /v1/session",
      "post /v1/session/challenge",
      "put /v1/files/identities/{identityRoot}",
    ]);
  });

  it("names each operation once, with a summary and a known tag", () => {
    const ids = operations.map(([, operation]) => operation.operationId);
    expect(new Set(ids).size).to.equal(operations.length);
    const tags = document.tags.map((tag) => tag.name);
    for (const [name, { operationId, summary, tags: own }] of operations) {
      expect(operationId, name).to.match(/^[a-z][A-Za-z]+$/);
      expect(summary, name).to.be.a("string").and.not.equal("");
      expect(tags, name).to.include.members(own ?? ["none"]);
    }
  });

  it("declares each parameter of a path as required, and each as text with a form", () => {
    for (const [name, operation] of operations) {
      const inPath = [...name.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
      expect(
        declared.map((parameter) => parameter.name),
        name,
      ).to.deep.equal(inPath);
      for (const parameter of operation.parameters ?? []) {
        expect(parameter.required === true || parameter.in === "query", name).to.equal(true);
        expect(parameter.schema, `${name} ${parameter.name}`)
          .to.include.keys("type", "pattern")
          .and.include({ type: "string" });
      }
    }
  });

  it("has a schema for every answer, and problems for every error", () => {
    for (const [name, operation] of operations) {
      const { responses, requestBody } = operation;
      expect(Object.keys(responses), name).to.include.members(["200", "400", "429", "500", "503"]);
      for (const [status, { content, description }] of Object.entries(responses)) {
        expect(description, `${name} ${status}`).to.be.a("string");
        if (status === "304") continue;
        const given = TYPES[name] ?? "application/json";
        const type = Number(status) < 400 ? given : "application/problem+json";
        const isList = operation.parameters?.some((parameter) => parameter.name === "format") === true;
        const types = isList && status === "200" ? [type, "text/csv"] : [type];
        expect(Object.keys(content ?? {}), `${name} ${status}`).to.deep.equal(types);
        const schema = content?.[type]?.schema;
        const kind = name in TYPES && name !== "get /v1/stream" ? "string" : "object";
        if (Number(status) < 400) expect(schema, `${name} ${status}`).to.have.property("type", kind);
        else expect(schema, `${name} ${status}`).to.deep.equal({ $ref: "#/components/schemas/Problem" });
      }
      if (name === "post /v1/readings")
        expect(requestBody?.content["application/json"]?.schema).to.have.property("required");
      if (name === "post /v1/readings/batch")
        expect(requestBody?.content["application/json"]?.schema).to.have.nested.property("items.required");
      // Of any account there is something to tell: that it has nothing.
      const isOfThing = name.includes("{") && !name.includes("/accounts/");
      if (isOfThing) expect(responses, name).to.have.property("404");
    }
  });

  it("describes a problem once", () => {
    expect(Object.keys(document.components.schemas)).to.deep.equal(["Problem"]);
    expect(document.components.schemas["Problem"]?.required).to.include.members(["type", "status", "detail", "code"]);
  });

  it("closes every object, so that nothing undeclared passes", () => {
    const open: string[] = [];
    const walk = (schema: unknown, at: string) => {
      if (typeof schema !== "object" || schema === null) return;
      const { type, properties, additionalProperties } = schema as Record<string, unknown>;
      if (type === "object" && properties !== undefined && additionalProperties !== false) open.push(at);
      for (const [key, part] of Object.entries(schema)) walk(part, `${at}/${key}`);
    };
    for (const [name, { responses, requestBody }] of operations)
      if (name !== "get /openapi.json") walk({ responses, requestBody }, name);
    walk(document.components, "components");
    expect(open).to.deep.equal([]);
  });

  it("can be read at /docs, under a policy that lets no foreign script run", () => {
    expect(page.statusCode).to.equal(200);
    expect(page.body).to.include("swagger-ui");
    expect(page.policy)
      .to.match(/default-src 'self'/)
      .and.not.match(/script-src[^;]*unsafe-inline/);
  });
});
