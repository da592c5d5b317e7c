import { expect } from "chai";
import { A, LOT_1, LOT_2, enforcementWorld, type EnforcementWorld } from "./enforcement-world.ts";
import { describeOverHostileTokens } from "./hostile-habits.ts";
import { FACILITY_VERBS } from "./hostile-stage.ts";

describeOverHostileTokens("Facility", FACILITY_VERBS, moneyVerbs);

describe("Facility: one party that the token froze", () => {
  it("M06: holds up nobody: dates are run, the others are paid, and what is its own waits", async () => {
    const w = await enforcementWorld();
    const { asset, facility, tokens, alice, bob, carol, lessee, sponsor, unit } = w;
    await w.perform();
    for (const party of [alice, lessee]) await asset.setBlacklisted(party, true);
    await w.deposit(900_000n * unit);
    await w.distributeAt(0);
    for (const [i, holder] of [bob, carol].entries()) await tokens[i + 1]!.claimFor(holder);
    await facility.connect(sponsor).withdraw(sponsor);
    await expect(tokens[A]!.claimFor(alice)).to.be.revertedWithCustomError(asset, "Coin_Blacklisted");
    await expect(facility.connect(lessee).withdraw(lessee)).to.be.revertedWithCustomError(asset, "Coin_Blacklisted");
    const [claim, fee] = [await tokens[A]!.claimableAssets(alice), await facility.claimableAssets(lessee)];
    await w.distributeAt(1);
    expect(await tokens[A]!.claimableAssets(alice)).to.be.at.least(claim);
    // What is its own it may have sent elsewhere.
    await expect(facility.connect(lessee).withdraw(sponsor)).to.changeTokenBalance(w.ethers, asset, sponsor, fee);
    await asset.setBlacklisted(alice, false);
    await expect(tokens[A]!.claimFor(alice)).to.changeTokenBalance(w.ethers, asset, alice, claim);
    expect(await asset.balanceOf(facility)).to.equal(await facility.ledgerAssets());
  });
});

describe("Facility: the decimals of its token", () => {
  for (const decimals of [8, 18]) {
    for (const verb of FACILITY_VERBS) {
      it(`M05: ${verb.name} in a token of ${decimals} decimals`, async () => {
        const w = await enforcementWorld({}, decimals);
        const { place, books, run } = await verb.ready(w);
        await run();
        expect(await w.asset.balanceOf(place)).to.be.at.least((await books()).ledger);
      });
    }
  }
});

/** Calls of all verbs that move money or pledges. */
function moneyVerbs({ facility, alice }: EnforcementWorld): string[] {
  const { interface: face } = facility;
  return [
    face.encodeFunctionData("subscribe", [A, 1n]),
    face.encodeFunctionData("refund", [alice.address]),
    face.encodeFunctionData("draw", [LOT_1, 1n]),
    face.encodeFunctionData("refinance", [alice.address, []]),
    face.encodeFunctionData("startPerforming"),
    face.encodeFunctionData("collect"),
    face.encodeFunctionData("sync"),
    face.encodeFunctionData("distribute"),
    face.encodeFunctionData("withdraw", [alice.address]),
    face.encodeFunctionData("payClaim", [alice.address, 1n]),
    face.encodeFunctionData("release", [LOT_1]),
    face.encodeFunctionData("completePurchase", [LOT_1]),
    face.encodeFunctionData("startAuction", [LOT_2]),
    face.encodeFunctionData("buy", [LOT_2, 2n ** 128n]),
    face.encodeFunctionData("redeem", [[LOT_1], 1n]),
    face.encodeFunctionData("close"),
  ];
}
