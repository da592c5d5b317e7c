import { expect } from "chai";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getAddress } from "ethers";
import { insertBlocks, insertEvents, type EventRow } from "../../server/plugins/events.ts";
import type { Json } from "../../server/protocol/eventJson.ts";
import { readModel } from "../../server/plugins/readmodel.ts";
import { openStore, type Store } from "../../server/plugins/store.ts";
import type { LotDetail } from "../../server/protocol/api.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import type { Deployment } from "../../server/protocol/deployment.ts";
import type { Sources } from "../../server/sources.ts";
import { silentContracts } from "./silent.ts";

const word = (n: number): Hex => `0x${n.toString(16).padStart(64, "0")}`;
const account = (n: number) => getAddress(`0x${n.toString(16).padStart(40, "0")}`);
const [registry, facility, operator, lessee] = [1, 2, 3, 4].map(account) as [string, string, string, string];

describe("read model of a lot's evidence and liens", () => {
  let folder: string;
  let store: Store;
  let model: Sources;
  let block = 0n;

  /** One event a block, an hour apart; the lot is 1. */
  const told = async (name: string, args: Record<string, Json>): Promise<LotDetail> => {
    block += 1n;
    await insertBlocks(store.db, [{ number: block, hash: word(Number(block)), time: block * 3600n }]);
    const place = { block, logIndex: 0, txHash: word(Number(block)), address: registry, contract: "registry" };
    const event: EventRow = { ...place, name, args: { lotId: "1", ...args } };
    await insertEvents(store.db, [event]);
    return (await model.lot(1n)) as LotDetail;
  };
  const attested = (level: string, expiresAt = "9999999999") => told("Attested", { level, expiresAt });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "rackbond-lots-"));
    store = await openStore({ dataDir: join(folder, "data") });
    model = readModel({
      store,
      follower: { isCurrent: () => true, version: () => 0 },
      files: { find: () => Promise.resolve(undefined) },
      proofs: { indexOf: () => Promise.resolve(undefined) },
      deployment: { chainId: 1, addresses: { asset: account(9) } } as Deployment,
      contractsAfter: () => silentContracts,
      submit: () => Promise.reject(new Error("not here")),
    });
    const lot = {
      ...{ siteId: "1", operator, gpuCount: "2", tdpW: "700", modelId: word(8), costAssets: "1" },
      ...{ commissionedAt: "1", identityRoot: word(9) },
    };
    await told("ModelAdded", { modelId: word(8), name: "GPU", tdpW: "700" });
    await told("SiteRegistered", { siteId: "1", operator, country: "0x4649", gridZone: word(0) });
    await told("LotRegistered", { siteId: "1", operator, lot });
  });

  after(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("E09: the class is the highest level below which all stand; each expires and is void alone", async () => {
    expect(await attested("2")).to.include({ evidenceClass: 0, identityRoot: word(9) });
    expect(await attested("1")).to.include({ evidenceClass: 2 });
    expect(await attested("4")).to.include({ evidenceClass: 2 });
    expect(await attested("3")).to.include({ evidenceClass: 4, isFrozen: false, isRetired: false });
    const lot = await told("AttestationVoided", { level: "3", by: operator });
    expect(lot.evidenceClass).to.equal(2);
    expect(lot.levels.map(({ level }) => level)).to.deep.equal([1, 2, 4]);
    // The next block's time, to the second: expired.
    expect(await attested("2", String((block + 1n) * 3600n))).to.include({ evidenceClass: 1 });
    expect(await attested("2", String((block + 1n) * 3600n + 1n))).to.include({ evidenceClass: 2 });
  });

  it("E07: a frozen lot has none until it is unfrozen; a swap is told by its root", async () => {
    const proven = { injuredLotId: "2", anchor: word(3), bountyTo: lessee, lienHolder: facility };
    expect(await told("DuplicateProven", proven)).to.include({ evidenceClass: 0, isFrozen: true });
    expect(await told("DevicesSwapped", { identityRoot: word(10) })).to.include({ identityRoot: word(10) });
    await attested("2");
    expect(await told("Unfrozen", {})).to.include({ evidenceClass: 2, isFrozen: false });
  });

  it("the lien is the holder's who took it last, until it is released", async () => {
    expect((await model.lot(1n))?.lienHolder).to.equal(null);
    expect(await told("LienTaken", { holder: facility })).to.include({ lienHolder: facility });
    expect(await told("LienReleased", { holder: facility })).to.include({ lienHolder: null });
    expect(await told("LienTaken", { holder: lessee })).to.include({ lienHolder: lessee });
    expect(await told("LienReleased", { holder: lessee })).to.include({ lienHolder: null });
  });

  it("a retired lot has no class", async () => {
    expect(await told("LotRetired", {})).to.include({ evidenceClass: 0, isRetired: true, isFrozen: false });
  });
});
