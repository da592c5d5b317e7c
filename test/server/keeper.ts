import { expect } from "chai";

import { startKeeper, type Keeper } from "../../server/jobs/keeper.ts";
import type { Oracle } from "../../server/jobs/oracle.ts";
import { send } from "../../server/protocol/contracts.ts";
import { Refusal } from "../../server/protocol/refusal.ts";
import { fixDay } from "../../scripts/quotes.ts";
import { cashOf } from "../../scripts/statement.ts";
import { FIRST_EPOCH, FIRST_PAYMENT_AT, readingOf, startStage, wire, type SignedReading, type Stage } from "./stage.ts";

const LAST = FIRST_EPOCH + 743n;
const DAY_SEC = 86_400;
const FEBRUARY_AT = Date.UTC(2026, 1, 1) / 1000;

describe("keeper", function () {
  this.timeout(60_000);
  let stage: Stage;
  let oracles: Oracle[];
  let keeper: Keeper;
  let monthSnapshot: string;

  // The lots are reported in the last three hours of January only: before, their meters stand at zero.
  before(async () => {
    stage = await startStage(LAST - 2n);
    oracles = await stage.startOracles();
    keeper = startKeeper(stage.contracts, stage.world.deployment);
    let hours: SignedReading[] = [];
    for (let epoch = LAST - 2n; epoch <= LAST; epoch++) {
      hours = [0, 1, 2].map((n) => readingOf(stage, n, epoch, { before: hours[n] }));
      await Promise.all(oracles.map((oracle) => oracle.ingest(hours.map(wire), (epoch + 1n) * 3600n)));
      const { report } = await stage.close(oracles);
      expect(report.devicesReportingCount).to.equal(3n);
    }
    monthSnapshot = (await stage.provider.send("evm_snapshot", [])) as string;
  });
  after(() => stage.stop());
  afterEach(async () => {
    await stage.provider.send("evm_revert", [monthSnapshot]);
    monthSnapshot = (await stage.provider.send("evm_snapshot", [])) as string;
  });

  const verbs = async (at: number) => {
    await stage.advanceTo(at);
    const done = await keeper.run(BigInt(at));
    // Valuing has its own test below.
    return done.filter(({ verb }) => verb !== "appraise").map(({ verb, subject }) => `${verb} ${subject}`);
  };
  const place = () => stage.world.deployment.facilities[0]!;

  it("does nothing while the period's last meters can be challenged, and all of it once they are final", async () => {
    expect(await verbs(FEBRUARY_AT + DAY_SEC - 60)).to.deep.equal([]);
    const done = await verbs(FEBRUARY_AT + DAY_SEC + 60);
    expect(done).to.deep.equal([
      `record lot 1, epoch ${LAST}`,
      "settle lease 1, period 0",
      `record lot 2, epoch ${LAST}`,
      "settle lease 2, period 0",
      `collect ${place().address}`,
    ]);
    expect(await verbs(FEBRUARY_AT + DAY_SEC + 60)).to.deep.equal([]);
  });

  it("distributes at the payment date and not a minute before, once", async () => {
    await verbs(FIRST_PAYMENT_AT - 60);
    expect(await verbs(FIRST_PAYMENT_AT - 30)).to.deep.equal([]);
    expect(await verbs(FIRST_PAYMENT_AT)).to.deep.equal([`distribute ${place().address}`]);
    expect(await verbs(FIRST_PAYMENT_AT + 60)).to.deep.equal([]);
    expect(await stage.contracts.facility(place().address).paymentCount()).to.equal(1n);
  });

  it("does all of it at once when it comes late, and the rent is where the books say", async () => {
    const done = await verbs(FIRST_PAYMENT_AT + DAY_SEC);
    expect(done.map((action) => action.split(" ")[0])).to.deep.equal([
      ...["record", "settle", "record", "settle", "collect", "distribute"],
    ]);
    const { received, fees, claimable, claimed, reserve, collections } = await cashOf(stage.contracts, place());
    expect(received).to.be.greaterThan(0n);
    expect(fees + claimable + claimed + reserve + collections).to.equal(received);
    expect(claimed).to.equal(0n);
  });

  it("leaves to the chain what somebody else did already", async () => {
    await stage.advanceTo(FEBRUARY_AT + DAY_SEC + 60);
    const filing = (await stage.contracts.telemetry.queryFilter(stage.contracts.telemetry.filters.Submitted(LAST)))[0]!;
    const { reportHash, submittedAt, report } = filing.args;
    const meterWords = [...report.meterWords];
    await send(stage.contracts.telemetry.record(LAST, { reportHash, submittedAt, meterWords }, [0, 1]));
    await send(stage.contracts.leases.settle(1, 0));
    expect(await verbs(FEBRUARY_AT + DAY_SEC + 90)).to.deep.equal([
      "settle lease 2, period 0",
      `collect ${place().address}`,
    ]);
  });

  it("lets a lease wait for its index, and its payee's payment date with it; the others' periods go on", async () => {
    const { leases } = stage.contracts;
    const settle = async (leaseId: bigint, period: bigint) => {
      if (leaseId === 1n) throw new Refusal("Lease_IndexNotFixed", { leaseId, periodIndex: period });
      return await leases.settle(leaseId, period);
    };
    const waiting = new Proxy(leases, {
      get: (target, name) => (name === "settle" ? settle : (Reflect.get(target, name) as unknown)),
    });
    keeper = startKeeper({ ...stage.contracts, leases: waiting }, stage.world.deployment);
    expect(await verbs(FIRST_PAYMENT_AT)).to.deep.equal([
      `record lot 1, epoch ${LAST}`,
      `record lot 2, epoch ${LAST}`,
      "settle lease 2, period 0",
    ]);
    keeper = startKeeper(stage.contracts, stage.world.deployment);
    expect((await verbs(FIRST_PAYMENT_AT + 60)).map((action) => action.split(" ")[0])).to.deep.equal([
      ...["settle", "collect", "distribute"],
    ]);
  });

  it("E10: a payment date waits for the meters of its month: without them nothing is settled or distributed", async () => {
    // Two months on the clock, one of them with meters.
    const done = await verbs(Date.UTC(2026, 2, 4) / 1000);
    expect(done.filter((action) => action.startsWith("settle"))).to.deep.equal([
      "settle lease 1, period 0",
      "settle lease 2, period 0",
    ]);
    expect(done.filter((action) => action.startsWith("distribute"))).to.deep.equal([]);
  });

  describe("the value of the lots", () => {
    const appraised = async (at: number) => {
      await stage.advanceTo(at);
      return (await keeper.run(BigInt(at))).some(({ verb }) => verb === "appraise");
    };
    const HALF_LIFE_SEC = DAY_SEC;

    it("is renewed when half of its life is over, and not before", async () => {
      keeper = startKeeper(stage.contracts, stage.world.deployment);
      await fixDay(stage.contracts.computeIndex, stage.world.cast.publishers, stage.fleet, FEBRUARY_AT - DAY_SEC);
      expect(await appraised(FEBRUARY_AT + 600)).to.equal(true);
      const { computedAt } = await stage.contracts.valuation.facilityValue(place().address);
      expect(computedAt).to.equal(BigInt(FEBRUARY_AT));
      expect(await appraised(FEBRUARY_AT + HALF_LIFE_SEC - 600)).to.equal(false);
      expect(await appraised(FEBRUARY_AT + HALF_LIFE_SEC + 600)).to.equal(true);
    });

    it("M18: that an input keeps stale is tried for again twice a day, no more", async () => {
      keeper = startKeeper(stage.contracts, stage.world.deployment);
      // The newest day of the index is a month old.
      expect(await appraised(FEBRUARY_AT + 600)).to.equal(true);
      const { computedAt } = await stage.contracts.valuation.facilityValue(place().address);
      expect(computedAt).to.be.lessThan(BigInt(FEBRUARY_AT - 2 * DAY_SEC));
      expect(await appraised(FEBRUARY_AT + HALF_LIFE_SEC / 2 - 600)).to.equal(false);
      expect(await appraised(FEBRUARY_AT + HALF_LIFE_SEC / 2 + 1200)).to.equal(true);
    });

    it("M18: that a lot has no rate for stops nothing else", async () => {
      const { valuation } = stage.contracts;
      const appraise = () => Promise.reject(new Refusal("Valuation_IndexOutOfRange", {}));
      const refusing = new Proxy(valuation, {
        get: (target, name) => (name === "appraise" ? appraise : (Reflect.get(target, name) as unknown)),
      });
      keeper = startKeeper({ ...stage.contracts, valuation: refusing }, stage.world.deployment);
      await stage.advanceTo(FIRST_PAYMENT_AT);
      const done = await keeper.run(BigInt(FIRST_PAYMENT_AT));
      expect(done.at(-1)?.verb).to.equal("distribute");
    });
  });
});
