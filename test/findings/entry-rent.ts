import { expect } from "chai";
import { capitalFixture } from "../contracts/capital-fixture.ts";
import { DAY, R, UNIT } from "../contracts/capital-stage.ts";
import { RECEIVABLES_BPS } from "../contracts/capital-values.ts";

// Rent of lessees whose promise counts for nothing reaches the residual class when it is paid, and no value told of it
// before. Who came to the vault the second before, and left two hours later, took a part of it for nothing, wherever a
// month's rent is more than the evidence haircut on the hardware.

describe("Findings: rent that no entry value counted", () => {
  for (const when of ["is invoiced", "is paid"] as const) {
    it(`M31: who enters the vault before a month's rent ${when} and leaves after it gains nothing`, async () => {
      const w = await capitalFixture();
      const { valuation, deal1, dave, bob, erin, mallory, vault, leases, networkHelpers, buy } = w;
      // The haircut of the best evidence, as deployed.
      await valuation.setHaircuts([10_000, 5_000, 2_000, 500, 500], RECEIVABLES_BPS as never);
      await w.appraise();
      await vault.connect(bob).deposit(90_000n * UNIT, bob);
      const { entryAssets } = await valuation.classValue(deal1.facility, R);
      const shares = 60_000n * UNIT;
      await buy(dave, deal1.tokens[R]!, shares, (shares * entryAssets * 99n) / (20_000_000n * UNIT));
      const leaseIds = [
        await w.openLease(1n, mallory, { baseRentAssets: 60_000n * UNIT, periodCount: 1 }),
        await w.openLease(2n, mallory, { baseRentAssets: 60_000n * UNIT, periodCount: 1 }),
      ];
      await w.appraise();
      const { untilAt } = await leases.periodAt(leaseIds[0]!, 0);
      const keepAt = async (time: bigint) => {
        await networkHelpers.time.increaseTo(time);
        await w.fixYesterday(200);
        await w.appraise();
      };
      await networkHelpers.time.increase(2 * DAY);
      await keepAt(untilAt - 60n);
      const settle = async () => {
        await networkHelpers.time.increaseTo(untilAt);
        for (const leaseId of leaseIds) await leases.settle(leaseId, 0);
      };
      if (when === "is paid") {
        await settle();
        await w.appraise();
      }
      const paid = 1_000_000n * UNIT;
      await vault.connect(erin).deposit(paid, erin);
      if (when === "is invoiced") await settle();
      for (const leaseId of leaseIds) await leases.connect(mallory).pay(leaseId, 0, 60_000n * UNIT);
      await deal1.facility.collect();
      await vault.connect(erin).requestRedeem(await vault.balanceOf(erin), erin, erin);
      await w.refresh(2);
      await vault.fulfil();
      const got = await vault.maxWithdraw(erin);
      // Two hours of the seniors' interest are hers.
      expect(got, `paid ${paid}`).to.be.at.most(paid + 20n * UNIT);
    });
  }
});
