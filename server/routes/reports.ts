import { Type } from "typebox";
import { FacilityParamsSchema, NoQuerySchema, pageOf as pageSchemaOf } from "../protocol/api.ts";
import {
  MonthlyReportSchema,
  ReportListSchema,
  ReportParamsSchema,
  type MonthlyReport,
} from "../protocol/apiReports.ts";
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
    async ({ params }, reply) => {
      const report = await reportAt(params);
      reply.type("text/csv; charset=utf-8; header=present").header("x-block-number", report.block);
      return await reply.header("content-disposition", nameOf(report, "csv")).send(reportCsv(report));
    },
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
    async ({ params }, reply) => {
      const report = await reportAt(params);
      reply.type("application/pdf").header("x-block-number", report.block);
      return await reply.header("content-disposition", nameOf(report, "pdf")).send(await reportPdf(report));
    },
  );
}
