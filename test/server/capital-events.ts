import { expect } from "chai";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getAddress } from "ethers";
import { bonusWad, fullBonusWad, isFlagged } from "../../server/model/liquidation.ts";
import { openCapital } from "../../server/plugins/capital.ts";
import { insertBlocks, insertEvents } from "../../server/plugins/events.ts";
import type { Json } from "../../server/protocol/eventJson.ts";
import { marketBookOf } from "../../server/plugins/marketBooks.ts";
import { lotBondId } from "../../server/plugins/readmodelBonds.ts";
import type { Files } from "../../server/plugins/files.ts";
import { openStore, type Store } from "../../server/plugins/store.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import type { Deployment } from "../../server/protocol/deployment.ts";
import type { CapitalSources } from "../../server/sourcesCapital.ts";

// What takes a crash or a fraud on a chain, told by the events alone.

const word = (n: number): Hex => `0x${n.toString(16).padStart(64, "0")}`;
const account = (n: number) => getAddress(`0x${n.toString(16).padStart(40, "0")}`);
const [asset, token, operator, injured, disputer, lender, borrower, liquidator] = [1, 2, 3, 4, 5, 6, 7, 8].map(
  account,
) as [string, string, string, string, string, string, string, string];
const WAD = 10n ** 18n;

describe("capital out of events", () => {
  let folder: string;
  let store: Store;
  let capital: CapitalSources;
  let block = 0n;

  /** One event a block, an hour apart. */
  const tell = async (contract: string, name: string, args: Record<string, Json>) => {
    block += 1n;
    await insertBlocks(store.db, [{ number: block, hash: word(Number(block)), time: block * 3600n }]);
    const place = { block, logIndex: 0, txHash: word(Number(block)), address: account(99) };
    await insertEvents(store.db, [{ ...place, contract, name, args }]);
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "rackbond-capital-"));
    store = await openStore({ dataDir: join(folder, "data") });
    capital = openCapital({
      store,
      provider: { send: () => Promise.reject(new Error("no chain")) },
      deployment: { chainId: 1, addresses: { asset }, facilities: [], indexFeeds: [] } as unknown as Deployment,
      files: { has: () => Promise.resolve(false) } as unknown as Files,
      follower: { version: () => 0 },
      registry: { at: () => Promise.resolve({ lots: new Map(), nodes: new Map() }) },
      takesSignature: () => Promise.resolve(false),
    });
  });

  after(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  describe("a liquidation", () => {
    const id = word(77);
    const market = (name: string, args: Record<string, Json>) => tell("markets", name, { id, ...args });

    it("takes debt and collateral, writes off what nobody pays, and is shown", async () => {
      const params = {
        loanToken: asset,
        collateralToken: token,
        oracle: token,
        irm: token,
        lltv: String((77n * WAD) / 100n),
      };
      await market("CreateMarket", { params });
      await market("Supply", { caller: lender, onBehalf: lender, assets: "1000", shares: "1000000000" });
      await market("SupplyCollateral", { caller: borrower, onBehalf: borrower, collateralShares: "500" });
      const loan = { caller: borrower, onBehalf: borrower, receiver: borrower, assets: "400", shares: "400000000" };
      await market("Borrow", loan);
      await tell("markets", "SetFeeRecipient", { feeRecipient: account(9) });
      await market("SetFee", { feeBps: "1000" });
      await market("AccrueInterest", { ratePerSecondWad: "1", interestAssets: "20", feeShares: "5" });
      await market("Flag", { caller: liquidator, borrower, flaggedAt: String(block * 3600n) });
      const flaggedAt = (await marketBookOf(store.db, id))!.positions.get(borrower)!.flaggedAt;
      expect(flaggedAt > 0n).to.equal(true);
      const liquidation = { repaidAssets: "300", repaidShares: "300000000", seizedCollateralShares: "500" };
      const written = { badDebtAssets: "120", badDebtShares: "100000000" };
      await market("Liquidate", { caller: liquidator, borrower, ...liquidation, ...written });
      const book = (await marketBookOf(store.db, id))!;
      expect(book.totals).to.deep.equal({
        ...{ totalSupplyAssets: 900n, totalSupplyShares: 1_000_000_005n },
        ...{ totalBorrowAssets: 0n, totalBorrowShares: 0n },
      });
      expect(book.positions.get(borrower)).to.include({ borrowShares: 0n, collateralShares: 0n });
      expect(book.positions.get(account(9))).to.include({ supplyShares: 5n });
      expect([book.collateralShares, book.badDebtAssets, book.feeBps]).to.deep.equal([0n, 120n, 1000n]);
      const [shown] = (await capital.liquidations(id, { limit: 5 }))!;
      expect(shown).to.include({
        liquidator,
        borrower,
        repaidAssets: "300",
        seizedShares: "500",
        badDebtAssets: "120",
      });
      expect(await capital.marketHistory(id, { limit: 5, before: BigInt(shown!.eventId) })).to.have.length(1);
      expect(await capital.liquidations(word(1), { limit: 5 })).to.equal(undefined);
    });

    it("brings a bonus that rises in six hours from the flag, which is void after a day", () => {
      const lltvWad = (77n * WAD) / 100n;
      const full = fullBonusWad(lltvWad);
      expect(Number(full) / 1e18).to.be.closeTo(1 / (1 - 0.3 * 0.23) - 1, 1e-15);
      expect(fullBonusWad(WAD / 100n)).to.equal((15n * WAD) / 100n);
      const at = (hours: bigint) => bonusWad(lltvWad, 1000n, 1000n + hours * 3600n);
      expect([at(0n), at(3n), at(6n), at(23n)]).to.deep.equal([full / 5n, (full * 3n) / 5n, full, full]);
      expect(at(24n), "void").to.equal(full / 5n);
      expect([isFlagged(0n, 5n), isFlagged(1000n, 1000n + 86_399n), isFlagged(1000n, 1000n + 86_400n)]).to.deep.equal([
        ...[false, true, false],
      ]);
    });
  });

  describe("a fraud", () => {
    const registry = (name: string, args: Record<string, Json>) => tell("registry", name, args);
    const bonds = (name: string, args: Record<string, Json>) => tell("bonds", name, args);
    const one = async (lotId: bigint) => (await capital.bonds({ limit: 5 }, { lotId }))[0]!;
    const kinds = async (who?: string) =>
      (await capital.alerts({ operator: who })).map(({ kind, lotId }) => `${kind} ${lotId}`);

    before(async () => {
      await bonds("Opened", { asset, settings: { lotBondBps: "1000", oracleBondAssets: "50" } });
      await registry("ModelAdded", { modelId: word(8), name: "GPU", tdpW: "700" });
      for (const [siteId, by] of [
        ["1", operator],
        ["2", injured],
      ] as const) {
        await registry("SiteRegistered", { siteId, operator: by, country: "0x4649", gridZone: word(0) });
        const lot = {
          ...{ siteId, operator: by, gpuCount: "2", tdpW: "700", modelId: word(8), costAssets: "1001" },
          ...{ commissionedAt: "1", identityRoot: word(Number(siteId)) },
        };
        await registry("LotRegistered", { lotId: siteId, siteId, operator: by, lot });
        await registry("LienTaken", { lotId: siteId, holder: disputer });
      }
    });

    it("lowers a bond by what was taken, and covers by what they met", async () => {
      const bondId = lotBondId(1n);
      await bonds("Posted", { bondId, owner: operator, assets: "150", shares: "150" });
      expect(await one(1n)).to.include({ assets: "150", requiredAssets: "101", isMet: true });
      await bonds("UnbondingStarted", { bondId, owner: operator, shares: "50", unbondsAt: "9" });
      expect(await one(1n)).to.include({ unbondingAssets: "50", isMet: false });
      await bonds("UnbondingCancelled", { bondId, owner: operator, shares: "50" });
      await bonds("CoverGiven", { lotId: "1", coverIndex: "0", insurer: lender, assets: "40", expiresAt: "99999999" });
      await bonds("CoverGiven", { lotId: "1", coverIndex: "1", insurer: lender, assets: "7", expiresAt: "1" });
      const slash = { bondId, faultId: word(1), injured, askedAssets: "170", bountyTo: disputer, bountyAssets: "0" };
      await bonds("Slashed", { ...slash, takenAssets: "150", burnedAssets: "0" });
      await bonds("LossUnmet", { lossId: word(2), lotId: "1", injured, assets: "20" });
      await bonds("LossMet", { lossId: word(2), lotId: "1", coverIndex: "0", assets: "15" });
      const after = { assets: "0", slashedAssets: "150", coverAssets: "25", unmetAssets: "5", isMet: false };
      expect(await one(1n)).to.include(after);
      await bonds("Posted", { bondId, owner: operator, assets: "200", shares: "200" });
      expect(await one(1n)).to.include({ assets: "200", unbondingAssets: "0", isMet: true });
      expect(await kinds(injured), "a pledged lot without a bond").to.deep.equal(["BondShort 2"]);
    });

    it("freezes the lot at fault, and tells both operators until it is unfrozen", async () => {
      const proof = { lotId: "1", injuredLotId: "2", anchor: word(5), bountyTo: disputer, lienHolder: disputer };
      await registry("DuplicateProven", proof);
      expect(await kinds(operator)).to.deep.equal(["Frozen 1"]);
      expect(await kinds(injured)).to.deep.equal(["Duplicate 2", "BondShort 2"]);
      expect((await capital.identity(word(5))).duplicates).to.have.length(1);
      expect((await capital.identity(word(5))).unknownRoots).to.deep.equal([word(1), word(2)]);
      await registry("Unfrozen", { lotId: "1" });
      expect(await kinds(operator)).to.deep.equal([]);
    });

    it("is disputed: open, answered, decided", async () => {
      const epoch = "100";
      const told = { disputeId: "1", lotId: "1", epoch, disputer, operator, evidenceHash: word(3) };
      await tell("disputes", "Disputed", { ...told, deadlineAt: String((block + 2n) * 3600n) });
      const shown = async () => (await capital.disputes({ limit: 5 }, { operator }))[0]!;
      expect(await shown()).to.include({ state: "Open", isDue: false, winner: null });
      expect(await kinds(operator)).to.deep.equal(["Dispute 1"]);
      await tell("disputes", "Answered", { disputeId: "1", answerHash: word(4), deadlineAt: "1" });
      expect(await shown()).to.include({ state: "Answered", answerHash: word(4), isDue: true });
      const decision = { state: "3", loserAssets: "9", winner: disputer, injured, burnedAssets: "1" };
      await tell("disputes", "Decided", { disputeId: "1", ...decision });
      expect(await shown()).to.include({ state: "DisputerWon", deadlineAt: null, winner: disputer, loserAssets: "9" });
      expect(await capital.disputes({ limit: 5 }, { isOpen: true })).to.deep.equal([]);
    });

    it("halts the telemetry, which concerns every operator, and evidence is told before it ends", async () => {
      await tell("telemetry", "Halted", { epoch: "5" });
      expect(await kinds(operator)).to.deep.equal(["Halted null"]);
      const expiresAt = String((block + 24n) * 3600n);
      await registry("Attested", { lotId: "1", level: "1", expiresAt, auditor: lender, evidenceHash: word(1) });
      const [, evidence] = await capital.alerts({ operator });
      expect(evidence).to.include({ kind: "EvidenceExpiring", level: 1, severity: "notice", deadlineAt: expiresAt });
      await tell("telemetry", "Resolved", { epoch: "5", rolledBack: false });
      expect(await kinds(operator)).to.deep.equal(["EvidenceExpiring 1"]);
    });
  });
});
