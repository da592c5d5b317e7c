import { expect } from "chai";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getAddress } from "ethers";
import { meterWordsOf } from "../../server/protocol/report.ts";
import { insertBlocks, insertEvents, type EventRow } from "../../server/plugins/events.ts";
import type { Json } from "../../server/protocol/eventJson.ts";
import { readModel } from "../../server/plugins/readmodel.ts";
import { openStore, type Store } from "../../server/plugins/store.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import type { Deployment } from "../../server/protocol/deployment.ts";
import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import { emptyMeter, packMeter } from "../../server/protocol/meter.ts";
import type { Sources } from "../../server/sources.ts";
import { silentContracts } from "./silent.ts";

// What takes months on a chain, told by the events alone.

const word = (n: number): Hex => `0x${n.toString(16).padStart(64, "0")}`;
const account = (n: number) => getAddress(`0x${n.toString(16).padStart(40, "0")}`);
const [asset = "", facility = "", senior = "", residual = "", operator = "", lessee = ""] = [1, 2, 3, 4, 5, 6].map(
  account,
);

describe("read model out of events", () => {
  let folder: string;
  let store: Store;
  let model: Sources;
  let isCurrent = true;
  let block = 0n;

  /** One event a block, an hour apart. */
  const tell = async (contract: string, address: string, name: string, args: Record<string, Json>) => {
    block += 1n;
    await insertBlocks(store.db, [{ number: block, hash: word(Number(block)), time: block * 3600n }]);
    const event: EventRow = { block, logIndex: 0, txHash: word(Number(block)), address, contract, name, args };
    await insertEvents(store.db, [event]);
  };
  const lease = (name: string, args: Record<string, Json>) => tell("leases", account(9), name, args);
  const fund = (name: string, args: Record<string, Json>) => tell("facility", facility, name, args);
  const paid = (paidAssets: string, prepaidAssets: string) => {
    return { paidAssets, leftAssets: "0", dueAt: "0", prepaidAssets };
  };
  const reduced = (payee: string, paidAssets: string, prepaidAssets: string) => ({
    ...{ payee, paidAssets, prepaidAssets, lateFeeAssets: "0", lateFeeLeftAssets: "0", leftAssets: "0" },
  });
  const noClauses = JSON.parse(
    JSON.stringify(NO_CLAUSES, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)),
  ) as Record<string, Json>;
  const cash = async () => (await model.summary()).cash;
  const leaseOne = async () => (await model.leases({ limit: 10 })).find(({ leaseId }) => leaseId === "1");
  const meterOf = (availableGpuSec: bigint, reportingCount: bigint) => {
    return meterWordsOf([packMeter(1n, 700n, { ...emptyMeter(2n), availableGpuSec, reportingCount })]);
  };
  const report = (epoch: number, count: number, meter: Json) => ({
    epoch: String(epoch),
    reportHash: word(900 + epoch),
    submittedAt: String(block * 3600n),
    signerBitmap: "7",
    report: {
      ...{ epoch: String(epoch), readingsRoot: word(1), dataHash: word(2), prevReportHash: word(3) },
      ...{ configDigest: word(4), methodologyHash: word(5), periodStartAt: "0", periodEndAt: "0" },
      ...{ devicesRegisteredCount: "2", devicesReportingCount: String(count), meterWords: meter },
    },
  });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "rackbond-events-"));
    store = await openStore({ dataDir: join(folder, "data") });
    model = readModel({
      store,
      follower: { isCurrent: () => isCurrent, version: () => 0 },
      files: { find: () => Promise.resolve(undefined) },
      proofs: { indexOf: () => Promise.resolve(undefined) },
      deployment: { chainId: 1, addresses: { asset } } as Deployment,
      contractsAfter: () => silentContracts,
      submit: () => Promise.reject(new Error("not here")),
    });
  });

  after(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is not ready without a block, nor while the follower is behind", async () => {
    expect(await model.ready()).to.equal(undefined);
    await insertBlocks(store.db, [{ number: 0n, hash: word(7), time: 0n }]);
    expect(await model.ready()).to.deep.equal({ status: "ready", chainId: "1", blockCount: "1", lastEpoch: null });
    isCurrent = false;
    expect(await model.ready()).to.equal(undefined);
    isCurrent = true;
  });

  describe("leases", () => {
    before(async () => {
      const terms = {
        ...{ lotId: "1", lessee, payee: facility, asset, pricing: "0", startAt: "0", periodCount: "2" },
        ...{ baseRentAssets: "1000", gpuHourRateAssets: "0", ...noClauses, relatedParty: true },
        ...{ sla: [{ availabilityBps: "9900", creditBps: "1000" }], documentHash: word(1), salt: word(0) },
      };
      const lot = {
        ...{ siteId: "1", operator, gpuCount: "2", tdpW: "700", modelId: word(8), costAssets: "1" },
        ...{ commissionedAt: "1", identityRoot: word(9) },
      };
      const settings = {
        ...{ asset, sponsor: operator, firstPaymentAt: "86400", raiseUntilAt: "1", reserveTargetAssets: "9" },
        ...{ anticipatedRepaymentAt: "0", callableAt: "5", covenants: { dscrPeriodCount: "1", countries: ["0x4649"] } },
        ratchet: [{ maxPueE4: "12000", marginBps: "50" }],
        classes: [
          { name: "Fund One A", symbol: "A", terms: { kind: "0", dayCount: "1", couponBps: "1000" } },
          { name: "Fund One Residual", symbol: "R", terms: { kind: "1", dayCount: "0", couponBps: "0" } },
        ],
      };
      const registry = (name: string, args: Record<string, Json>) => tell("registry", account(8), name, args);
      await registry("ModelAdded", { modelId: word(8), name: "GPU", tdpW: "700" });
      await registry("SiteRegistered", { siteId: "1", operator, country: "0x4649", gridZone: word(0) });
      await registry("LotRegistered", { lotId: "1", siteId: "1", operator, lot });
      await registry("Attested", { lotId: "1", level: "1", expiresAt: "36000", auditor: operator });
      await tell("facilities", account(7), "FacilityCreated", { facility, classTokens: [senior, residual], settings });
      await lease("Opened", { leaseId: "1", lotId: "1", lessee, operator, terms });
      await lease("Opened", { leaseId: "2", lotId: "2", lessee, operator, terms: { ...terms, payee: operator } });
    });

    it("follow prepayment, invoice, payment, escrow, collection and refund", async () => {
      await lease("Prepaid", { leaseId: "1", payer: lessee, assets: "300", prepaidAssets: "300" });
      expect(await leaseOne()).to.include({ prepaidAssets: "300", paidAssets: "0", settledCount: 0 });
      expect(await cash()).to.include({ received: "0", collections: "0" });
      const statement = { dueAssets: "900", slaCreditAssets: "100", baseAssets: "1000" };
      await lease("Invoiced", {
        leaseId: "1",
        periodIndex: "0",
        payee: facility,
        statement,
        payment: paid("300", "0"),
      });
      expect(await leaseOne()).to.include({
        invoicedAssets: "900",
        slaCreditAssets: "100",
        paidAssets: "300",
        owedAssets: "600",
        prepaidAssets: "0",
      });
      await lease("Paid", {
        leaseId: "1",
        periodIndex: "0",
        payer: lessee,
        assets: "500",
        reduction: reduced(facility, "450", "50"),
      });
      await lease("PaidFromEscrow", {
        leaseId: "1",
        periodIndex: "0",
        reduction: { ...reduced(facility, "20", "30"), lateFeeAssets: "3" },
      });
      await lease("Paid", {
        leaseId: "2",
        periodIndex: "0",
        payer: lessee,
        assets: "7",
        reduction: reduced(operator, "7", "0"),
      });
      expect(await leaseOne()).to.include({
        paidAssets: "770",
        lateFeeAssets: "3",
        owedAssets: "130",
        prepaidAssets: "30",
        settledCount: 1,
      });
      expect(await cash()).to.include({ received: "773", collections: "773" });
      expect(await model.lot(1n)).to.include({ leaseId: "1" });

      await lease("Collected", { payee: facility, asset, assets: "773" });
      await lease("Collected", { payee: lessee, asset, assets: "5" });
      await fund("Collected", { assets: "773", rentAssets: "773", collectionsAssets: "773" });
      expect(await cash()).to.include({ received: "773", collections: "773" });

      await lease("Invoiced", {
        leaseId: "1",
        periodIndex: "1",
        payee: facility,
        statement: { dueAssets: "0", slaCreditAssets: "0" },
        payment: paid("0", "30"),
      });
      await lease("Refunded", { leaseId: "1", lessee, assets: "30" });
      expect(await leaseOne()).to.include({ prepaidAssets: "0", settledCount: 2, relatedParty: true });
      expect(await model.lot(1n), "an ended lease").to.include({ leaseId: null });
    });

    it("leave a lot where it was moved to, and with whom it was sold to", async () => {
      expect(await model.lot(1n)).to.include({ siteId: "1", operator, country: "FI" });
      await tell("registry", account(8), "SiteRegistered", { siteId: "2", operator, country: "0x4e4f" });
      await tell("registry", account(8), "LotMoved", { lotId: "1", siteId: "2" });
      expect(await model.lot(1n)).to.include({ siteId: "2", country: "NO", operator });
      await tell("registry", account(8), "LotPassed", { lotId: "1", operator: lessee, seller: facility });
      expect(await model.lot(1n)).to.include({ siteId: "2", operator: lessee });
    });
  });

  describe("facility", () => {
    it("goes through its states; cash sums up with surplus and with money that was not drawn", async () => {
      const one = async () => (await model.facility(facility))!;
      const step = (stepIndex: string, kind: string, subjectIndex: string, dueAssets: string, paidAssets: string) =>
        fund("StepPaid", { paymentIndex: "0", stepIndex, step: { kind, subjectIndex }, dueAssets, paidAssets });
      await fund("Subscribed", { account: lessee, classIndex: "0", assets: "36000000", raisedAssets: "36000000" });
      await fund("Subscribed", { account: lessee, classIndex: "1", assets: "4000000", raisedAssets: "4000000" });
      expect(await one()).to.include({ state: "Raising", nextPaymentAt: "86400" });
      await fund("FundingStarted", { startedAt: String((block + 1n) * 3600n), escrowAssets: "40000000" });
      await fund("Pledged", { lotId: "1", costAssets: "1", evidenceClass: "3" });
      expect((await one()).lotIds).to.deep.equal(["1"]);
      // An hour at 10 % on 36,000,000, actual/360: 416.66 rounded down.
      expect((await one()).classes.map(({ owedAssets }) => owedAssets)).to.deep.equal(["36000416", "0"]);

      await fund("PerformingStarted", { startedAt: "0", returnedAssets: "1000", reserveAssets: "7" });
      const scheduled = { returnedAssets: "900", levelPaymentAssets: "1", interestDueAssets: "1" };
      await fund("ClassScheduled", { classIndex: "0", ...scheduled });
      await tell("classToken", senior, "Accrued", { accrualIndex: "1", interestAssets: "0", principalAssets: "900" });
      await tell("classToken", residual, "Accrued", { accrualIndex: "1", interestAssets: "0", principalAssets: "100" });
      await fund("SurplusBooked", { assets: "30", collectionsAssets: "800" });
      const raised = { received: "1810", fees: "0", claimable: "1000", claimed: "0", reserve: "7", collections: "800" };
      expect(await cash()).to.deep.equal(raised);

      await step("0", "0", "0", "50", "50");
      await step("1", "1", "0", "500", "400");
      await step("2", "2", "0", "350", "350");
      await step("3", "5", "0", "7", "7");
      await fund("CoverTested", { paymentIndex: "0", netAssets: "675", serviceAssets: "500" });
      await fund("PaymentMade", {
        paymentIndex: "0",
        dueAt: String((block + 1n) * 3600n),
        collectionsAssets: "800",
        reserveAssets: "350",
        trappedAssets: "7",
      });
      await tell("classToken", senior, "Accrued", { accrualIndex: "2", interestAssets: "400", principalAssets: "0" });
      await tell("classToken", senior, "Claimed", { holder: lessee, to: lessee, assets: "1200" });
      expect(await cash()).to.deep.equal({
        received: "1810",
        fees: "50",
        claimable: "200",
        claimed: "1200",
        reserve: "350",
        collections: "7",
      });
      const [a] = (await one()).classes;
      // Two hours' interest on 35,999,100 since the payment date, and 100 left over from it.
      // at 10 % and the margin of the table's last row, as nobody showed the PUE.
      expect(a).to.include({ outstandingAssets: "35999100", owedAssets: String(35_999_100 + 100 + 874) });
      expect(await one()).to.include({ state: "Performing", paymentCount: 1, nextPaymentAt: String(32 * 86_400) });
      expect((await model.summary()).months).to.equal(1);
      const [payment] = (await model.payments(facility, { limit: 5 }))!;
      expect(payment!.steps.map(({ kind, paidAssets }) => [kind, paidAssets])).to.deep.equal([
        ["Fee", "50"],
        ["Interest", "400"],
        ["Reserve", "350"],
        ["Trap", "7"],
      ]);
      expect(payment).to.include({ trappedAssets: "7", netAssets: "675", serviceAssets: "500" });
      expect(await model.payments(facility, { limit: 5, before: 0n })).to.deep.equal([]);

      await fund("BreachOpened", { trigger: "2", subjectId: "1", openedAt: "5" });
      await fund("BreachOpened", { trigger: "1", subjectId: "0", openedAt: "6" });
      await fund("StateChanged", { from: "2", to: "3" });
      await fund("MarginSet", { periodIndex: "1", pueE4: "12001", marginBps: "25" });
      expect(await one()).to.include({ state: "CashTrap", trappedAssets: "7", dscrBps: 13_500, marginBps: 25 });
      await fund("BreachCured", { trigger: "1", subjectId: "0" });
      expect((await one()).breaches).to.deep.equal([{ trigger: "Coverage", subjectId: "1", openedAt: "5" }]);
      await fund("StateChanged", { from: "3", to: "5" });
      await lease("Purchased", { leaseId: "1", purchaser: lessee, payee: facility, assets: "40" });
      await fund("Collected", { assets: "40", rentAssets: "0", collectionsAssets: "40" }); // the price of a lot
      await fund("LotPurchased", { lotId: "2", purchaser: lessee, leaseId: "1" });
      await fund("LotSold", { lotId: "1", buyer: lessee, priceAssets: "60", collectionsAssets: "100" });
      expect(await one()).to.include({ state: "Enforcement", collectionsAssets: "100", nextPaymentAt: "2764800" });
      await lease("Collected", { payee: facility, asset, assets: "40" });
      expect(await cash()).to.include({ received: "1910", collections: "107", reserve: "350" });
      expect((await one()).lotIds).to.deep.equal([]);
      await fund("FacilityClosed", { closedAt: "0" });
      await fund("ClassWrittenOff", { classIndex: "0", lossAssets: "35999000" });
      await tell("classToken", senior, "LossAccrued", { lossAssets: "35999000", lossPerShareRay: "1" });
      expect(await one()).to.include({ state: "Closed", nextPaymentAt: null });
      const loss = { outstandingAssets: "100", owedAssets: "100", lossAssets: "35999000" };
      expect((await one()).classes[0]).to.include(loss);
    });
  });

  describe("epochs", () => {
    before(async () => {
      await tell("telemetry", account(10), "Opened", { epoch: "100", challengeSec: "7200", maxDelaySec: "1" });
      const submit = (args: Record<string, Json>) => tell("telemetry", account(10), "Submitted", args);
      await submit(report(100, 2, meterOf(7200n, 2n)));
      const submittedAt = String(block * 3600n);
      await tell("telemetry", account(10), "Skipped", {
        epoch: "101",
        skipHash: word(101),
        submittedAt,
        reasonHash: word(1),
      });
      await submit(report(102, 1, meterOf(10_800n, 1n)));
    });

    it("are final when the challenge window has passed, and a skipped one moves no counter", async () => {
      const shown = await model.epochs({ limit: 10 });
      expect(
        shown.map(({ epoch, state, devicesReportingCount }) => [epoch, state, devicesReportingCount]),
      ).to.deep.equal([
        ["102", "Submitted", "1"],
        ["101", "Skipped", "0"],
        ["100", "Final", "2"],
      ]);
      expect(shown[1]).to.include({ reportHash: word(101), devicesRegisteredCount: "2" });
      expect(await model.epoch(101n)).to.include({ report: null, readings: null });
      const meters = (await model.meters(1n, { fromEpoch: 101n, toEpoch: 102n, limit: 10 }))!;
      expect(meters.map(({ meter }) => [meter.availableGpuSec, meter.reportingCount])).to.deep.equal([
        ["7200", 0],
        ["10800", 1],
      ]);
      expect(meters[0]!.ratios).to.include({ coverageBps: 0, allocationBps: 0 });
      expect(await model.meters(77n, { fromEpoch: 0n, toEpoch: 200n, limit: 1 })).to.equal(undefined);
      expect(await model.summary()).to.include({ lastEpoch: "102", finalEpoch: "101" });
    });

    it("E04: are not final while they are halted, and final again when they are upheld", async () => {
      await tell("telemetry", account(10), "Halted", { epoch: "100" });
      expect((await model.epochs({ limit: 1, before: 101n }))[0]!.state).to.equal("Submitted");
      expect((await model.summary()).finalEpoch).to.equal(null);
      await tell("telemetry", account(10), "Resolved", { epoch: "100", rolledBack: false });
      expect((await model.epochs({ limit: 1, before: 101n }))[0]!.state).to.equal("Final");
    });

    it("E04: are gone when they are rolled back, and their meters with them; what is filed again is shown", async () => {
      const range = { fromEpoch: 100n, toEpoch: 102n, limit: 10 };
      const shown = async () => (await model.epochs({ limit: 10 })).map(({ epoch, state }) => [epoch, state]);
      await tell("telemetry", account(10), "Resolved", { epoch: "102", rolledBack: false });
      expect((await shown()).length).to.equal(3);
      await tell("telemetry", account(10), "Resolved", { epoch: "101", rolledBack: true });
      expect(await shown()).to.deep.equal([["100", "Final"]]);
      expect(await model.epoch(101n)).to.equal(undefined);
      expect(await model.summary()).to.include({ lastEpoch: "100", finalEpoch: "100" });
      expect((await model.meters(1n, range))!.length).to.equal(1);
      await tell("telemetry", account(10), "Submitted", report(101, 1, meterOf(9_000n, 1n)));
      expect((await shown()).at(0)).to.deep.equal(["101", "Submitted"]);
      expect((await model.epoch(101n))!.report!.meters.length).to.equal(1);
      expect((await model.meters(1n, range))!.map(({ meter }) => meter.availableGpuSec)).to.deep.equal([
        "7200",
        "9000",
      ]);
    });
  });
});
