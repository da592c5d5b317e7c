import { NoQuerySchema, pageOf as pageSchemaOf } from "../protocol/api.ts";
import {
  DraftParamsSchema,
  DraftSignatureSchema,
  DraftsQuerySchema,
  LeaseDraftSchema,
  NewDraftSchema,
  type LeaseDraft,
  type LeaseTermsJson,
} from "../protocol/apiDrafts.ts";
import type { Hex } from "../protocol/bytes.ts";
import type { Api } from "../plugins/http.ts";
import { answers } from "../plugins/openapi.ts";
import { unknown } from "../plugins/problems.ts";
import type { CapitalSources } from "../sourcesCapital.ts";
import { demandViewer, maySee } from "../viewer.ts";
import { addressOf, givenNumber, numberOf, pageOf } from "./parameters.ts";

/** Leases before they are on-chain: what an operator drafts and a lessee signs. Nobody else but auditors sees them. */
export function draftRoutes(app: Api, sources: CapitalSources): void {
  const known = (draft: LeaseDraft | undefined, draftId: string): LeaseDraft => {
    if (draft === undefined) throw unknown("Draft", { draftId });
    return draft;
  };
  const partiesOf = ({ operator, terms }: LeaseDraft) => ({ accounts: [operator, terms.lessee] });

  app.get(
    "/v1/lease-drafts",
    {
      config: { isPrivate: true },
      schema: {
        operationId: "listLeaseDrafts",
        summary: "Lease drafts that the viewer is a party of, the newest first; all of them for an auditor",
        tags: ["leases"],
        querystring: DraftsQuerySchema,
        response: answers({ 200: pageSchemaOf(LeaseDraftSchema) }, 401),
      },
    },
    (request) => {
      const { query } = request;
      const viewer = demandViewer(request);
      const party = maySee(viewer, {}) ? undefined : viewer.address; // auditors see all
      const filter = { party, state: query.state, lotId: givenNumber(query.lotId, "lotId") };
      return pageOf(
        query.limit,
        (limit) => sources.drafts({ limit, before: query.before as Hex | undefined }, filter),
        ({ draftId }) => draftId,
      );
    },
  );

  app.get(
    "/v1/lease-drafts/:draftId",
    {
      config: { isPrivate: true },
      schema: {
        operationId: "getLeaseDraft",
        summary: "One lease draft, to its parties and auditors",
        tags: ["leases"],
        params: DraftParamsSchema,
        querystring: NoQuerySchema,
        response: answers({ 200: LeaseDraftSchema }, 401, 403, 404),
      },
    },
    async (request) => {
      demandViewer(request);
      const { draftId } = request.params;
      const draft = known(await sources.draft(draftId as Hex), draftId);
      demandViewer(request, partiesOf(draft));
      return draft;
    },
  );

  app.post(
    "/v1/lease-drafts",
    {
      config: { isPrivate: true },
      schema: {
        operationId: "createLeaseDraft",
        summary: "Keeps terms that the lot's operator drafts; 201, or 200 where they are here",
        tags: ["leases"],
        querystring: NoQuerySchema,
        body: NewDraftSchema,
        response: answers({ 200: LeaseDraftSchema, 201: LeaseDraftSchema }, 401, 403, 413, 415, 422),
      },
    },
    async (request, reply) => {
      const { address } = demandViewer(request);
      const kept = await sources.putDraft(canonical(request.body.terms), address);
      return reply.code(kept.isNew ? 201 : 200).send(kept.draft);
    },
  );

  app.post(
    "/v1/lease-drafts/:draftId/signature",
    {
      config: { isPrivate: true },
      schema: {
        operationId: "signLeaseDraft",
        summary: "Adds the lessee's signature to a draft",
        tags: ["leases"],
        params: DraftParamsSchema,
        querystring: NoQuerySchema,
        body: DraftSignatureSchema,
        response: answers({ 200: LeaseDraftSchema }, 401, 403, 404, 413, 415, 422),
      },
    },
    async (request) => {
      demandViewer(request);
      const { draftId } = request.params;
      const draft = known(await sources.draft(draftId as Hex), draftId);
      demandViewer(request, partiesOf(draft));
      const signature = request.body.signature.toLowerCase() as Hex;
      return known(await sources.signDraft(draftId as Hex, signature), draftId);
    },
  );
}

/** Terms with every address in its one spelling; one written with a wrong checksum is refused. */
function canonical(terms: LeaseTermsJson): LeaseTermsJson {
  numberOf(terms.lotId, "terms.lotId");
  numberOf(terms.startAt, "terms.startAt");
  return {
    ...terms,
    lessee: addressOf(terms.lessee, "terms.lessee"),
    payee: addressOf(terms.payee, "terms.payee"),
    asset: addressOf(terms.asset, "terms.asset"),
    index: { ...terms.index, source: addressOf(terms.index.source, "terms.index.source") },
  };
}
