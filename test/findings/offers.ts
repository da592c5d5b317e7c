import { expect } from "chai";
import { id } from "ethers";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { insertDraft } from "../../server/plugins/readmodelDrafts.ts";
import { insertOrder, shownOrder, type OrderRow } from "../../server/plugins/readmodelOrders.ts";
import { openStore, type Store } from "../../server/plugins/store.ts";
import type { LeaseTermsJson } from "../../server/protocol/apiDrafts.ts";
import type { SignedOrder } from "../../server/protocol/apiExchange.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import type { Contracts } from "../../server/protocol/contracts.ts";

// Orders that had expired stayed for ever, and any number at once passed a maker's limit; a signed draft was not counted,
// and five hundred that nobody signed locked an operator out; one order that the exchange could not judge took the list.

const MAKER = `0x${"11".repeat(20)}`;
const DAY = 86_400n;
const AT = 1_000n * DAY;

describe("Findings: offers without bounds", () => {
  let store: Store;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "rackbond-offers-"));
    store = await openStore({ dataDir: folder });
  });
  after(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  const signed = (expiresAt: bigint): SignedOrder => ({
    order: {
      ...{ maker: MAKER, taker: MAKER, shareToken: MAKER, asset: MAKER, isSell: true, shares: "1", assets: "1" },
      ...{ maxAccruedAssets: "0", maxFeeBps: 0, expiresAt: String(expiresAt), nonce: "0", salt: id("salt") },
    },
    signature: "0x00",
  });
  const put = (name: string, expiresAt: bigint, at = AT) =>
    store.transaction((tx) => insertOrder(tx, id(name) as Hex, signed(expiresAt), at));
  const orderCount = async () => Number((await store.db.query("select place from orders")).rowCount);

  it("a maker has two hundred at most, also when they come at once, and those expired for a week go", async () => {
    const all = await Promise.allSettled(Array.from({ length: 203 }, (_, index) => put(`${index}`, AT + DAY)));
    const refused = all.flatMap((one) => (one.status === "rejected" ? [(one.reason as { code: string }).code] : []));
    expect(refused).to.deep.equal(["Order_TooMany", "Order_TooMany", "Order_TooMany"]);
    expect(await put("later", AT + 9n * DAY, AT + 2n * DAY), "expired ones do not count").to.equal(true);
    expect(await orderCount()).to.equal(201);
    expect(await put("last", AT + 30n * DAY, AT + 8n * DAY + 1n)).to.equal(true);
    expect(await orderCount()).to.equal(2);
  });

  it("drafts count signed or not, until their start", async () => {
    const put = async (name: string, startAt: bigint, at = AT) => {
      const terms = { lessee: MAKER, lotId: "1", startAt: String(startAt), salt: id(name) } as LeaseTermsJson;
      return await store.transaction((tx) => insertDraft(tx, id(name) as Hex, terms, MAKER, at));
    };
    for (let index = 0; index < 500; index++) await put(`${index}`, AT + DAY);
    await store.db.query("update lease_drafts set signature = '\\x00', signed_at = 1");
    const refused = await put("more", AT + DAY).then(String, (error: unknown) => (error as { code: string }).code);
    expect(refused).to.equal("Draft_TooMany");
    expect(await put("next day", AT + 2n * DAY, AT + DAY)).to.equal(true);
  });

  it("one that the exchange cannot judge is shown as such", async () => {
    const reverts = () => Promise.reject(Object.assign(new Error("reverted"), { code: "CALL_EXCEPTION" }));
    const contracts = { exchange: { statusOf: reverts }, valuation: { accruedAssets: reverts } };
    const row = { orderHash: id("1"), place: 1n, terms: signed(AT).order, signature: "0x00" };
    const whole = { ...row, receivedAt: 1n, filledShares: 0n } as OrderRow;
    const shown = await shownOrder(contracts as unknown as Contracts, whole, 0n, undefined, false);
    expect(shown).to.include({ status: "NoClass", fillableShares: "0", accruedAssets: "0" });
  });
});
