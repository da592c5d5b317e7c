import { createHash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { LRUCache } from "lru-cache";
import { Type } from "typebox";
import { FacilityParamsSchema, NoQuerySchema, pageOf as pageSchemaOf } from "../protocol/api.ts";
import {
  MonthlyReportSchema,
  ReportListSchema,
  ReportParamsSchema,
  type MonthlyReport,
} from "../protocol/apiReports.ts";
import { namesTag } from "../plugins/answering.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { unknown } from "../plugins/problems.ts";
import { reportPdf } from "../plugins/reportPaper.ts";
import { reportCsv } from "../plugins/reportTable.ts";
import type { Sources } from "../sources.ts";
import { addressOf } from "./parameters.ts";

// What goes out is not serialised by a schema.
const document = <T>(type: string, description: string) =>
  Type.Unsafe<T>({ description, content: { [type]: { schema: Type.String({ description }) } } });

/** Papers that are kept: a month that is over stays the same for good. */
const KEPT_COUNT = 64;

/** A report as a file of one kind. */
interface Paper {
  readonly ending: "csv" | "pdf";
  readonly type: string;
  readonly make: (report: MonthlyReport) => string | Promise<Buffer>;
}
const CSV: Paper = { ending: "csv", type: "text/csv; charset=utf-8; header=present", make: reportCsv };
const PDF: Paper = { ending: "pdf", type: "application/pdf", make: reportPdf };

/** Monthly reports to a facility's investors. */
export function reportRoutes(app: Api, sources: Sources): void {
  const reportAt = async (params: { address: string; month: string }): Promise<MonthlyReport> => {
    const address = addressOf(params.address, "address");
    const report = await sources.report(address, params.month);
    if (report === undefined) throw unknown("Report", { address, month: params.month });
    return report;
  };
  const nameOf = ({ facility, month }: MonthlyReport, ending: string) =>
    `attachment; filename="rackbond-${facility.slice(2, 10).toLowerCase()}-${month}.${ending}"`;

  // By what the report says, its block among it: whoever asks first has it set, once, also when many ask at once.
  const kept = new LRUCache<string, Promise<string | Buffer>>({ max: KEPT_COUNT });
  const give = async (report: MonthlyReport, paper: Paper, request: FastifyRequest, reply: FastifyReply) => {
    const { ending, type, make } = paper;
    const digest = createHash("sha256")
      .update(`${ending} ${JSON.stringify(report)}`)
      .digest("base64url")
      .slice(0, 27);
    const etag = `"${digest}"`;
    reply.header("etag", etag).header("cache-control", "no-cache").header("x-block-number", report.block);
    if (namesTag(request.headers["if-none-match"], etag)) return await reply.code(304).send();
    let bytes = kept.get(digest);
    if (bytes === undefined) {
      bytes = Promise.resolve(make(report));
      kept.set(digest, bytes);
      bytes.catch(() => kept.delete(digest)); // who waits for it is told
    }
    reply.type(type).header("content-disposition", nameOf(report, ending));
    return await reply.send(await bytes);
  };

  app.get(
    "/v1/facilities/:address/reports",
    {
      schema: {
        operationId: "listReports",
        summary: "Months that a facility has a report of, newest first",
        tags: ["facilities"],
        params: FacilityParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: pageSchemaOf(ReportListSchema) }, 404),
      },
    },
    async ({ params }) => {
      const address = addressOf(params.address, "address");
      const items = await sources.reports(address);
      if (items === undefined) throw unknown("Facility", { address });
      return { items, next: null };
    },
  );

  for (const ending of ["", ".json"] as const)
    app.get(
      `/v1/facilities/:address/reports/:month${ending}`,
      {
        schema: {
          operationId: ending === "" ? "getReport" : "getReportFile",
          summary: "A month of a facility for its investors",
          tags: ["facilities"],
          params: ReportParamsSchema,
          querystring: NoQuerySchema,
          response: answers({ 200: MonthlyReportSchema }, 404),
        },
      },
      ({ params }) => reportAt(params),
    );

  app.get(
    "/v1/facilities/:address/reports/:month.csv",
    {
      schema: {
        operationId: "getReportCsv",
        summary: "The same as lines of figures",
        tags: ["facilities"],
        params: ReportParamsSchema,
        querystring: NoQuerySchema,
        response: answers(
          { 200: document<string>("text/csv", "A line for each figure, with its section and unit") },
          404,
        ),
      },
    },
    async (request, reply) => await give(await reportAt(request.params), CSV, request, reply),
  );

  app.get(
    "/v1/facilities/:address/reports/:month.pdf",
    {
      schema: {
        operationId: "getReportPdf",
        summary: "The same on paper",
        tags: ["facilities"],
        params: ReportParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: document<Buffer>("application/pdf", "A4, to be printed") }, 404),
      },
    },
    async (request, reply) => await give(await reportAt(request.params), PDF, request, reply),
  );
}
