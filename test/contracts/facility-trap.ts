import { expect } from "chai";
import {
  at,
  CASH_TRAP,
  createWorld,
  DSCR,
  EARLY_AMORTISATION,
  FEE,
  INTEREST,
  PERFORMING,
  PRINCIPAL,
  RESERVE,
  RESIDUAL,
  SCHEDULED,
  SENIOR_CLASS,
  TRAP,
  TURBO,
  type Settings,
  type World,
} from "./facility-world.ts";

const WAD = 10n ** 18n;
const TENTHS = [9n, 8n, 7n, 6n, 5n, 0n].map((part) => (part * WAD) / 10n);

/// Debt service of round numbers: on the first date 7,000 of interest and 70,000 of principal.
const trapping = (changed: Partial<Settings> = {}, dscrPeriodCount = 1) =>
  createWorld({
    change: (settings) => {
      const [senior, residual] = settings.classes;
      if (!senior || !residual) throw new Error("a world has two classes");
      const terms = { ...senior.terms, principalKind: SCHEDULED, termMonthCount: 6, scheduledWad: TENTHS };
      const [fee, interest, reserve, principal, rest] = settings.performingSteps;
      if (!fee || !interest || !reserve || !principal || !rest) throw new Error("a world has five steps");
      const turbo = { kind: TURBO, subjectIndex: 0 };
      const trap = { kind: TRAP, subjectIndex: 0 };
      return {
        ...settings,
        classes: [{ ...senior, terms }, residual],
        covenants: { ...settings.covenants, trapDscrBps: 13_500, amortiseDscrBps: 12_500, dscrPeriodCount },
        performingSteps: [fee, interest, reserve, principal, turbo, trap, rest],
        ...changed,
      };
    },
  });

describe("Facility: debt service cover", () => {
  let w: World;
  const FEE_ASSETS = 500_000_000n;
  const SERVICE = 77_000_000_000n;
  const AT_TRAP = (SERVICE * 135n) / 100n + FEE_ASSETS;
  const AT_AMORTISATION = (SERVICE * 125n) / 100n + FEE_ASSETS;
  const state = () => w.facility.state();

  describe("on one date", () => {
    beforeEach(async () => {
      w = await trapping();
      await w.perform();
    });

    it("M12: at 1.35 exactly passes, a unit below traps all that is left below principal", async () => {
      const snapshot = await w.networkHelpers.takeSnapshot();
      const good = await w.pay(AT_TRAP);
      expect(await state()).to.equal(PERFORMING);
      expect(good.get(`${TRAP}.0`)).to.deep.equal({ due: 0n, paid: 0n });
      const left = AT_TRAP - FEE_ASSETS - SERVICE - 10_000n * w.unit;
      expect(good.get(`${RESIDUAL}.1`)?.paid).to.equal(left);
      await snapshot.restore();

      const bad = await w.pay(AT_TRAP - 1n);
      expect(await state()).to.equal(CASH_TRAP);
      expect(await w.facility.breachedAt(DSCR, 0)).to.be.greaterThan(0);
      expect(bad.get(`${TRAP}.0`)).to.deep.equal({ due: left - 1n, paid: left - 1n });
      expect(bad.get(`${RESIDUAL}.1`)?.paid).to.equal(0);
      expect(await w.facility.trappedAssets()).to.equal(left - 1n);
      expect(await w.facility.cashAssets()).to.equal(left - 1n + 10_000n * w.unit);
      expect(await w.facility.ledgerAssets()).to.equal(await w.asset.balanceOf(w.target));
    });

    it("M12: at 1.25 exactly traps, a unit below amortises early: all principal is due, the reserve is released", async () => {
      const snapshot = await w.networkHelpers.takeSnapshot();
      await w.pay(AT_AMORTISATION);
      expect(await state()).to.equal(CASH_TRAP);
      await snapshot.restore();

      const bad = await w.pay(AT_AMORTISATION - 1n);
      expect(await state()).to.equal(EARLY_AMORTISATION);
      expect([...bad.keys()]).to.deep.equal([`${FEE}.0`, `${INTEREST}.0`, `${PRINCIPAL}.0`, `${RESIDUAL}.1`]);
      const left = AT_AMORTISATION - 1n - FEE_ASSETS - 7_000n * w.unit;
      expect(bad.get(`${PRINCIPAL}.0`)).to.deep.equal({ due: 700_000n * w.unit, paid: left });
      expect(await w.facility.reserveAssets()).to.equal(0);
    });

    it("M12: cured by a date that passes, whose cash is what was trapped too; trips again", async () => {
      await w.pay(AT_TRAP - 1n);
      const trapped = await w.facility.trappedAssets();
      const service = 76_300n * w.unit;
      const cured = await w.pay((service * 135n) / 100n + FEE_ASSETS);
      expect(await state()).to.equal(PERFORMING);
      expect(await w.facility.breachedAt(DSCR, 0)).to.equal(0);
      expect(cured.get(`${RESIDUAL}.1`)?.paid).to.equal(trapped + (service * 35n) / 100n);
      expect(await w.facility.trappedAssets()).to.equal(0);
      await w.pay(((75_600n * w.unit) / 100n) * 130n + FEE_ASSETS);
      expect(await state()).to.equal(CASH_TRAP);
    });

    it("M12: what is trapped pays the seniors of the next dates", async () => {
      await w.pay(AT_TRAP - 1n);
      const trapped = await w.facility.trappedAssets();
      const next = await w.pay(((76_300n * w.unit) / 100n) * 126n + FEE_ASSETS);
      expect(await state()).to.equal(CASH_TRAP);
      expect(next.get(`${TRAP}.0`)?.paid).to.equal(trapped + ((76_300n * w.unit) / 100n) * 26n);
    });

    it("early amortisation is for good", async () => {
      await w.pay(0n);
      await w.pay(900_000n * w.unit);
      expect(await state()).to.equal(EARLY_AMORTISATION);
      expect(await w.facility.outstandingAssets(SENIOR_CLASS)).to.equal(0);
    });

    it("no debt service passes", async () => {
      for (let n = 0; n < 6; n++) await w.pay(500_000n * w.unit);
      expect(await w.facility.owedAssets(SENIOR_CLASS)).to.equal(0);
      await w.pay(0n);
      expect(await state()).to.equal(PERFORMING);
      const { netAssets, serviceAssets } = await w.facility.coverAt(6);
      expect([netAssets, serviceAssets]).to.deep.equal([0n, 0n]);
    });

    it("keeps nothing back on the last date of the seniors, though it traps", async () => {
      for (let n = 0; n < 5; n++) await w.pay(300_000n * w.unit);
      // 350,000 is due with 3,500 of interest: 1.30 times that traps.
      const last = await w.pay(353_500n * 1_300_000n + FEE_ASSETS);
      expect(await state()).to.equal(CASH_TRAP);
      expect(last.get(`${TRAP}.0`)).to.deep.equal({ due: 0n, paid: 0n });
      expect(last.get(`${RESERVE}.0`)).to.deep.equal({ due: 0n, paid: 0n });
      expect(last.get(`${RESIDUAL}.1`)?.paid).to.be.greaterThan(0);
    });

    it("says what it counted", async () => {
      await w.toDate(0);
      await w.payRent(AT_TRAP - 1n);
      await expect(w.facility.distribute())
        .to.emit(w.facility, "CoverTested")
        .withArgs(0, AT_TRAP - 1n - FEE_ASSETS, SERVICE)
        .and.to.emit(w.facility, "BreachOpened")
        .withArgs(DSCR, 0, (await w.networkHelpers.time.latest()) + 1)
        .and.to.emit(w.facility, "StateChanged")
        .withArgs(PERFORMING, CASH_TRAP);
    });
  });

  describe("over three dates", () => {
    beforeEach(async () => {
      w = await trapping({}, 3);
      await w.perform();
    });
    const services = [77_000n, 76_300n, 75_600n].map((service) => service * 1_000_000n);
    const sum = services.reduce((total, service) => total + service);

    it("M12: is not tested before the third, then on the sums, to the unit", async () => {
      const [first = 0n, second = 0n] = services;
      await w.pay(first + 10_000n * w.unit + FEE_ASSETS);
      expect(await state()).to.equal(PERFORMING);
      await w.pay(second + FEE_ASSETS);
      expect(await state()).to.equal(PERFORMING);
      const snapshot = await w.networkHelpers.takeSnapshot();
      for (const [short, after] of [
        [0n, PERFORMING],
        [1n, CASH_TRAP],
      ] as const) {
        const third = (sum * 135n) / 100n - first - 10_000n * w.unit - second;
        await w.pay(third + FEE_ASSETS - short);
        expect(await state()).to.equal(after);
        await snapshot.restore();
      }
    });

    it("forgets the first of four", async () => {
      await w.pay(0n);
      for (let n = 0; n < 2; n++) await w.pay(1_000_000n * w.unit);
      expect(await state()).to.equal(PERFORMING);
      await w.pay(FEE_ASSETS);
      expect(await state()).to.equal(PERFORMING);
      await w.pay(FEE_ASSETS);
      expect(await state()).to.equal(PERFORMING); // the third date alone carries it
      await w.pay(FEE_ASSETS);
      expect(await state()).to.equal(EARLY_AMORTISATION);
    });
  });

  describe("from the anticipated repayment date on", () => {
    beforeEach(async () => {
      w = await trapping({ anticipatedRepaymentAt: at("2027-02-28") });
      await w.perform();
    });

    it("the turbo takes what principal does not cover, to the last unit outstanding", async () => {
      const before = await w.pay(200_000n * w.unit);
      expect(before.get(`${TURBO}.0`)).to.deep.equal({ due: 0n, paid: 0n });
      expect(before.get(`${RESIDUAL}.1`)?.paid).to.be.greaterThan(0);
      const turbo = await w.pay(300_000n * w.unit);
      const scheduled = 560_000n * w.unit;
      expect(turbo.get(`${PRINCIPAL}.0`)?.due).to.equal(70_000n * w.unit);
      expect(turbo.get(`${TURBO}.0`)).to.deep.equal({ due: scheduled, paid: 223_200n * w.unit });
      expect(turbo.get(`${RESIDUAL}.1`)?.paid).to.equal(0);
      expect(await w.facility.outstandingAssets(SENIOR_CLASS)).to.equal(336_800n * w.unit);
      const rest = await w.pay(900_000n * w.unit);
      expect(rest.get(`${PRINCIPAL}.0`)?.due).to.equal(0); // ahead of the schedule
      expect(rest.get(`${TURBO}.0`)).to.deep.equal({ due: 336_800n * w.unit, paid: 336_800n * w.unit });
      expect(rest.get(`${RESIDUAL}.1`)?.paid).to.be.greaterThan(0);
    });

    it("a breach traps nothing: the cash repays the seniors", async () => {
      await w.pay(200_000n * w.unit);
      const trapped = await w.pay(((76_300n * w.unit) / 100n) * 130n + FEE_ASSETS);
      expect(await state()).to.equal(CASH_TRAP);
      expect(trapped.get(`${TRAP}.0`)).to.deep.equal({ due: 0n, paid: 0n });
      expect(trapped.get(`${TURBO}.0`)?.paid).to.be.greaterThan(0);
    });
  });
});
