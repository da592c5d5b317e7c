import type { Hex } from "../protocol/bytes.ts";
import { demand } from "../protocol/refusal.ts";
import { domainOf, type Domain } from "../protocol/typed.ts";
import type { CapitalSources } from "../sourcesCapital.ts";
import type { PlatformSources } from "../sourcesPlatform.ts";
import type { ChainOptions } from "./capitalTrading.ts";
import { contractsAfter } from "./chainAt.ts";
import type { Registry } from "./directory.ts";
import type { Files } from "./files.ts";
import { openIdentityIndex } from "./identityIndex.ts";
import { accessNow, operationsBefore, rolesNow } from "./readmodelAccess.ts";
import { alertsNow } from "./readmodelAlerts.ts";
import { bondPage, bondsOf, disputesBefore } from "./readmodelBonds.ts";
import { checkedDraft, draftOf, draftsBefore, insertDraft, keepSignature } from "./readmodelDrafts.ts";
import { placesUnder, rootsOf, searchOf } from "./readmodelIdentities.ts";
import { lotAt } from "./readmodelLots.ts";
import { modelsAfter, nodesAfter, sitesAfter } from "./readmodelSites.ts";
import { statementsBefore } from "./readmodelStatements.ts";
import { keyOf, openRecent } from "./recent.ts";
import { signerOf } from "./session.ts";
import { viewsOf } from "./views.ts";

export interface FactsOptions extends ChainOptions {
  readonly files: Pick<Files, "has" | "open">;
  readonly registry: Registry;
  readonly takesSignature: PlatformSources["takesSignature"];
}

type Registered = "sites" | "nodes" | "models" | "identity" | "bonds" | "disputes" | "alerts";
type Governed = "access" | "roles" | "operations" | "statements";
type Drafted = "drafts" | "draft" | "putDraft" | "signDraft";

/** Registry, bonds, access, statements and lease drafts. */
export function factSources(options: FactsOptions): Pick<CapitalSources, Registered | Governed | Drafted> {
  const { store, provider, deployment, registry } = options;
  const view = viewsOf(store);
  const recent = openRecent(view);
  const index = openIdentityIndex(options.files);
  let domain: Domain | undefined;
  const leaseDomain = async (): Promise<Domain> => {
    if (domain !== undefined) return domain;
    const head = await view((now) => Promise.resolve(now.head));
    const { leases } = contractsAfter(provider, deployment.addresses, head);
    return (domain = domainOf(await leases.eip712Domain()));
  };
  /** The registry at a view's head: made before the view is taken, as both may wait for the database. */
  const directoryNow = async () => await registry.at((await view((now) => Promise.resolve(now.head))).time);

  const draftAt = async (draftId: Hex) => {
    const at = await leaseDomain();
    return await view(({ db }) => draftOf(db, at, draftId));
  };

  return {
    sites: (page, operator) => view((now) => sitesAfter(now, page, operator)),
    nodes: (page, filter) =>
      recent.of(keyOf("nodes", page, filter), async () => {
        const directory = await directoryNow();
        return await view((now) => nodesAfter(now, directory, page, filter));
      }),
    models: (page) => view((now) => modelsAfter(now, page)),
    identity: (anchor) =>
      recent.of(keyOf("identity", anchor), async () => {
        const found = await placesUnder(index, await view(rootsOf), anchor);
        return await view((now) => searchOf(now, anchor, found));
      }),
    bonds: (page, filter) => view(async (now) => bondPage(await bondsOf(now), page, filter)),
    disputes: (page, filter) => view((now) => disputesBefore(now, page, filter)),
    alerts: (filter) =>
      recent.of(keyOf("alerts", filter), async () => {
        const directory = await directoryNow();
        return await view((now) => alertsNow(now, directory, filter));
      }),

    access: (filter) => view((now) => accessNow(now, deployment, filter)),
    roles: () => view((now) => rolesNow(now, deployment)),
    operations: (page) => view((now) => operationsBefore(now, deployment, page)),
    statements: (page, filter) => view((now) => statementsBefore(now, deployment, page, filter)),

    async drafts(page, filter) {
      const at = await leaseDomain();
      return await view(({ db }) => draftsBefore(db, at, page, filter));
    },
    draft: draftAt,

    async putDraft(terms, by) {
      const at = await leaseDomain();
      const { head, lot } = await view(async (now) => ({ head: now.head, lot: await lotAt(now, BigInt(terms.lotId)) }));
      const asset = contractsAfter(provider, deployment.addresses, head).classToken(deployment.addresses.asset);
      const place = { nowAt: head.time, assetDecimalCount: Number(await asset.decimals()) };
      const draftId = checkedDraft(at, terms, by, lot, place);
      const isNew =
        (await draftAt(draftId)) === undefined &&
        (await store.transaction((tx) => insertDraft(tx, draftId, terms, by, head.time)));
      const draft = await draftAt(draftId);
      if (draft === undefined) throw new Error(`the draft ${draftId} was not kept`);
      return { isNew, draft };
    },

    async signDraft(draftId, signature) {
      const draft = await draftAt(draftId);
      if (draft === undefined) return undefined;
      const { lessee } = draft.terms;
      const isSigned =
        signerOf(draftId, signature) === lessee || (await options.takesSignature(lessee, draftId, signature));
      demand(isSigned, "Draft_BadSignature", { lessee });
      const { time } = await view((now) => Promise.resolve(now.head));
      await keepSignature(store.db, draftId, signature, time);
      return await draftAt(draftId);
    },
  };
}
