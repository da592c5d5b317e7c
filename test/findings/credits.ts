import { expect } from "chai";
import {
  deployFacility,
  leaseOf,
  networkHelpers,
  pledge,
  usd,
  YEAR_SEC,
  DAY_SEC,
} from "../contracts/valuation-world.ts";

// A lessee who signs service levels that nobody reaches, or an efficiency clause that is never met, is credited all of its
// rent and can never be shown to owe any: such a rent raised a lot's value for as long as the lease ran.

describe("Findings: rent that its own credits take back", () => {
  const efficiency = { metric: 1, targetUnits: 1, sharedBps: 10_000, maxBps: 4_000, kWhRateAssets: 1n };
  for (const [name, clauses, partBps] of [
    ["none of it counts where the service level credits all", { sla: [[10_000, 10_000]] }, 0n],
    ["what a service level may credit does not count", { sla: [[9_900, 1_000], [9_000, 2_500]] }, 7_500n], // prettier-ignore
    ["nor what an efficiency clause may", { efficiency, sla: [[9_900, 1_000]] }, 5_000n],
  ] as const)
    it(name, async () => {
      const world = await networkHelpers.loadFixture(deployFacility);
      const { valuation, letting, seams, lessee, startAt } = world;
      await pledge(world, 1, 3, YEAR_SEC / 2n);
      await valuation.rate(lessee, { asOfAt: startAt, maxAgeSec: 400n * DAY_SEC, lesseeBucket: 0 });
      const contractedOf = async (changes: object) => {
        const { terms, status } = await leaseOf(world, { baseRentAssets: usd(10_000) });
        await letting.setLease(1, { ...terms, ...changes }, status);
        await valuation.appraise(seams, [1]);
        return (await valuation.appraisal(seams)).contractedAssets;
      };
      const sla = ("sla" in clauses ? clauses.sla : []).map(([availabilityBps, creditBps]) => ({
        availabilityBps,
        creditBps,
      }));
      const whole = await contractedOf({});
      const counted = await contractedOf({ ...clauses, sla });
      expect(Number(counted)).to.be.closeTo(Number((whole * partBps) / 10_000n), 40);
    });
});
