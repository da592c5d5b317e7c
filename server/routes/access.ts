import { pageOf as pageSchemaOf } from "../protocol/api.ts";
import {
  AccessQuerySchema,
  AccessSchema,
  EventsQuerySchema,
  OperationSchema,
  RoleSchema,
  RolesQuerySchema,
  StatementSchema,
  StatementsQuerySchema,
} from "../protocol/apiAccess.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import type { CapitalSources } from "../sourcesCapital.ts";
import { beforeOf, givenAddress, offsetPage, pageOf } from "./parameters.ts";

/** Who may do what after which delay, and what auditors state. */
export function accessRoutes(app: Api, sources: CapitalSources): void {
  app.get(
    "/v1/access",
    {
      schema: {
        operationId: "listAccess",
        summary: "Every restricted function of every contract: its role, and who has it after which delay",
        description: "Pass `next` as `after`: it is a place in the list.",
        tags: ["access"],
        querystring: AccessQuerySchema,
        response: answers({ 200: pageSchemaOf(AccessSchema) }),
      },
    },
    async ({ query }) => {
      const filter = {
        target: givenAddress(query.target, "target"),
        account: givenAddress(query.account, "account"),
        role: query.role,
      };
      return offsetPage(query, await sources.access(filter));
    },
  );

  app.get(
    "/v1/access/roles",
    {
      schema: {
        operationId: "listRoles",
        summary: "The access manager's roles, by id, with their members",
        description: "Pass `next` as `after`: it is a place in the list.",
        tags: ["access"],
        querystring: RolesQuerySchema,
        response: answers({ 200: pageSchemaOf(RoleSchema) }),
      },
    },
    async ({ query }) => offsetPage(query, await sources.roles()),
  );

  app.get(
    "/v1/access/operations",
    {
      schema: {
        operationId: "listOperations",
        summary: "Calls that were announced, the newest first, and what became of them",
        tags: ["access"],
        querystring: EventsQuerySchema,
        response: answers({ 200: pageSchemaOf(OperationSchema) }),
      },
    },
    ({ query }) =>
      pageOf(
        query.limit,
        (limit) => sources.operations({ limit, ...beforeOf(query) }),
        ({ eventId }) => eventId,
      ),
  );

  app.get(
    "/v1/statements",
    {
      schema: {
        operationId: "listStatements",
        summary: "What auditors stated, the newest first, withdrawn ones included",
        tags: ["access"],
        querystring: StatementsQuerySchema,
        response: answers({ 200: pageSchemaOf(StatementSchema) }),
      },
    },
    ({ query }) => {
      const filter = {
        auditor: givenAddress(query.auditor, "auditor"),
        subject: givenAddress(query.subject, "subject"),
      };
      return pageOf(
        query.limit,
        (limit) => sources.statements({ limit, ...beforeOf(query) }, filter),
        ({ eventId }) => eventId,
      );
    },
  );
}
