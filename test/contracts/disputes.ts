import { expect } from "chai";
import { commitmentOf, meterWordsOf } from "../../server/protocol/report.ts";
import { Disputes__factory } from "../../types/factories/bond/Disputes__factory.ts";
import { deployFaults, ethers, networkHelpers } from "./faults-world.ts";
import { CHALLENGE_SEC, HOUR_SEC, Pen, hashOf, idle, later } from "./reports.ts";

const STAKE = 10_000n;
const BURN_BPS = 2_000n;
const ANSWER_SEC = 10n * HOUR_SEC;
const RULING_SEC = 20n * HOUR_SEC;
const LOT_BOND = 50_000n;
const SLASHING_ROLE = 12n;
const ARBITER_ROLE = 13n;
const [OPEN, ANSWERED, DISPUTER_WON, OPERATOR_WON, UNDECIDED] = [1n, 2n, 3n, 4n, 5n];

async function deployed() {
  // Among the chain's snapshots: the tests of faults stand on the same one, whatever time it is here by then.
  const world = await networkHelpers.loadFixture(deployFaults);
  const { admin, registry, telemetry, bonds, coin, manager, oracles, operator, stranger } = world;
  const [arbiter, injured] = (await ethers.getSigners()).slice(6);
  const settings = {
    ...{ asset: coin, registry, telemetry, bonds, bondAssets: STAKE },
    ...{ burnBps: BURN_BPS, answerSec: ANSWER_SEC, rulingSec: RULING_SEC },
  };
  const disputes = await new Disputes__factory(admin).deploy(manager, settings);
  await manager.grantRole(SLASHING_ROLE, disputes, 0);
  await manager.setTargetFunctionRole(disputes, [disputes.interface.getFunction("rule").selector], ARBITER_ROLE);
  await manager.grantRole(ARBITER_ROLE, arbiter!, 0);
  const lotBond = await bonds.lotBondId(1);
  await bonds.post(lotBond, LOT_BOND);
  for (const account of [stranger, operator]) {
    await coin.mint(account, 100_000n);
    await coin.connect(account).approve(disputes, 100_000n);
  }
  await registry.connect(operator).offerLien(1, injured!);
  await registry.connect(injured).takeLien(1);
  const pen = new Pen(telemetry, oracles, networkHelpers.time);
  const { epoch, filing } = await pen.file([later(idle(1n))]);
  return { ...world, disputes, settings, arbiter: arbiter!, injured: injured!, lotBond, epoch, filing };
}

describe("Disputes", () => {
  let world: Awaited<ReturnType<typeof deployed>>;

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployed);
  });

  type Change = Partial<{ epoch: bigint; submittedAt: bigint; lotId: bigint; meterIndex: bigint }>;
  const dispute = (by = world.stranger, change: Change = {}) => {
    const { reportHash, meters, submittedAt } = world.filing;
    const told = { epoch: world.epoch, submittedAt, lotId: 1n, meterIndex: 0n, ...change };
    const words = meterWordsOf(meters);
    return world.disputes
      .connect(by)
      .dispute(told.lotId, told.epoch, reportHash, words, told.meterIndex, told.submittedAt, hashOf("evidence"));
  };
  const answer = (by = world.operator) => world.disputes.connect(by).answer(1, hashOf("answer"));
  const rule = (disputerWins: boolean) => world.disputes.connect(world.arbiter).rule(1, disputerWins);
  const stateOf = async () => (await world.disputes.disputes(1)).state;
  const bondLeft = async () => (await world.bonds.bonds(world.lotBond)).assets;
  const slashOutside = async (assets: bigint) => {
    const { manager, admin, bonds, lotBond } = world;
    await manager.grantRole(SLASHING_ROLE, admin, 0);
    await bonds.slash(lotBond, hashOf("another fault"), assets, admin, admin, 0, 0);
  };
  /** What each side can claim here and of the bonds; every unit that this contract holds is somebody's. */
  const claims = async () => {
    const { disputes, bonds, coin, stranger, operator, injured, treasury } = world;
    const people = [stranger, operator, injured, treasury];
    const of = async (contract: { claimableAssets(who: typeof stranger): Promise<bigint> }) =>
      await Promise.all(people.map((who) => contract.claimableAssets(who)));
    const [here, there] = [await of(disputes), await of(bonds)];
    const held = here.reduce((sum, assets) => sum + assets, 0n) + (await disputes.burnedAssets());
    const isOver = (await stateOf()) > ANSWERED;
    expect(await coin.balanceOf(disputes)).to.equal(await disputes.ledgerAssets());
    expect(await disputes.ledgerAssets()).to.equal(held + (isOver ? 0n : STAKE));
    return { here, there };
  };

  it("E06: takes the disputer's bond, and says whom it is with, over what and until when", async () => {
    const at = BigInt(await networkHelpers.time.latest()) + 1n;
    await expect(dispute())
      .to.emit(world.disputes, "Disputed")
      .withArgs(1, 1, world.epoch, world.stranger, world.operator, hashOf("evidence"), at + ANSWER_SEC);
    expect(await world.coin.balanceOf(world.stranger)).to.equal(90_000n);
    expect(await stateOf()).to.equal(OPEN);
    expect(await claims()).to.deep.equal({ here: [0n, 0n, 0n, 0n], there: [0n, 0n, 0n, 0n] });
  });

  it("E06: refuses what is no filing of the chain, and an epoch from the second on that it is Final", async () => {
    for (const change of [{ epoch: world.epoch + 1n }, { submittedAt: world.filing.submittedAt - 1n }]) {
      await expect(dispute(world.stranger, change)).to.be.revertedWithCustomError(world.disputes, "Disputes_NotFiled");
    }
    expect(await world.telemetry.commitments(world.epoch)).to.equal(commitmentOf(world.filing));
    const finalAt = world.filing.submittedAt + CHALLENGE_SEC;
    await networkHelpers.time.setNextBlockTimestamp(finalAt - 1n);
    await dispute();
    await networkHelpers.time.setNextBlockTimestamp(finalAt);
    await expect(dispute())
      .to.be.revertedWithCustomError(world.disputes, "Disputes_Final")
      .withArgs(world.epoch, finalAt, finalAt);
  });

  it("E06: no answer: the operator has lost at the deadline, not a second before", async () => {
    await dispute();
    const { deadlineAt } = await world.disputes.disputes(1);
    await networkHelpers.time.setNextBlockTimestamp(deadlineAt - 1n);
    await expect(world.disputes.close(1))
      .to.be.revertedWithCustomError(world.disputes, "Disputes_NotDue")
      .withArgs(1, deadlineAt, deadlineAt - 1n);
    await networkHelpers.time.setNextBlockTimestamp(deadlineAt);
    await world.disputes.close(1);
    expect(await stateOf()).to.equal(DISPUTER_WON);
    expect(await bondLeft()).to.equal(LOT_BOND - STAKE);
    expect(await claims()).to.deep.equal({ here: [STAKE, 0n, 0n, 0n], there: [5_000n, 0n, 3_000n, 0n] });
    expect(await world.bonds.burnedAssets()).to.equal(2_000n);
  });

  it("E06: a late answer, or another's, is none", async () => {
    await dispute();
    await expect(answer(world.stranger)).to.be.revertedWithCustomError(world.disputes, "Disputes_NotOperator");
    const { deadlineAt } = await world.disputes.disputes(1);
    await networkHelpers.time.setNextBlockTimestamp(deadlineAt);
    await expect(answer())
      .to.be.revertedWithCustomError(world.disputes, "Disputes_Late")
      .withArgs(1, deadlineAt, deadlineAt);
  });

  it("E06: the right answer: the disputer's bond is the loser's, and the lot's is whole", async () => {
    await dispute();
    await expect(rule(false)).to.be.revertedWithCustomError(world.disputes, "Disputes_WrongState");
    await answer();
    await expect(answer()).to.be.revertedWithCustomError(world.disputes, "Disputes_WrongState");
    await rule(false);
    expect(await stateOf()).to.equal(OPERATOR_WON);
    expect(await bondLeft()).to.equal(LOT_BOND);
    expect(await claims()).to.deep.equal({ here: [0n, 5_000n, 3_000n, 0n], there: [0n, 0n, 0n, 0n] });
    expect(await world.disputes.burnedAssets()).to.equal(2_000n);
    await world.disputes.connect(world.operator).claimTo(world.operator);
    expect(await world.coin.balanceOf(world.operator)).to.equal(105_000n);
    await expect(world.disputes.connect(world.operator).claimTo(world.operator)).to.be.revertedWithCustomError(
      world.disputes,
      "Disputes_NothingToClaim",
    );
    await claims();
  });

  it("E06: a ruling against the operator takes its bond, once", async () => {
    await dispute();
    await answer();
    await rule(true);
    expect(await bondLeft()).to.equal(LOT_BOND - STAKE);
    for (const again of [rule(true), rule(false), world.disputes.close(1), answer()]) {
      await expect(again).to.be.revertedWithCustomError(world.disputes, "Disputes_WrongState");
    }
    expect(await bondLeft()).to.equal(LOT_BOND - STAKE);
  });

  it("E06: without a ruling in time nobody has lost, and the arbiter comes too late", async () => {
    await dispute();
    await answer();
    const { deadlineAt } = await world.disputes.disputes(1);
    await networkHelpers.time.setNextBlockTimestamp(deadlineAt);
    await expect(rule(true)).to.be.revertedWithCustomError(world.disputes, "Disputes_Late");
    await world.disputes.close(1);
    expect(await stateOf()).to.equal(UNDECIDED);
    expect(await bondLeft()).to.equal(LOT_BOND);
    expect(await claims()).to.deep.equal({ here: [9_500n, 0n, 0n, 0n], there: [0n, 0n, 0n, 0n] });
    expect(await world.disputes.burnedAssets()).to.equal(500n);
  });

  it("E06: what an epoch says of a lot is lost once, however many dispute it and however silent the operator is", async () => {
    for (let disputeId = 1; disputeId <= 6; disputeId++) await dispute();
    await networkHelpers.time.increase(ANSWER_SEC);
    for (let disputeId = 1; disputeId <= 6; disputeId++) await world.disputes.close(disputeId);
    expect(await stateOf()).to.equal(DISPUTER_WON);
    expect(await bondLeft()).to.equal(LOT_BOND - STAKE);
    expect(await world.disputes.claimableAssets(world.stranger)).to.equal(6n * STAKE);
    expect(await world.bonds.claimableAssets(world.stranger)).to.equal(STAKE / 2n);
  });

  it("E06: refuses a lot that the filing says nothing of, and a place that is another's or none", async () => {
    for (const change of [{ lotId: 2n }, { meterIndex: 1n }, { meterIndex: 2n ** 256n - 1n }]) {
      const { lotId, meterIndex } = { lotId: 1n, meterIndex: 0n, ...change };
      await expect(dispute(world.stranger, change))
        .to.be.revertedWithCustomError(world.disputes, "Disputes_NoLine")
        .withArgs(lotId, meterIndex);
    }
  });

  it("M32: who is injured is paid without asking, by anyone: a facility asks nobody", async () => {
    const { disputes, coin, injured, admin } = world;
    await dispute();
    await answer();
    await rule(false);
    await expect(disputes.connect(admin).claim(injured)).to.changeTokenBalance(ethers, coin, injured, 3_000n);
    await expect(disputes.connect(admin).claim(injured))
      .to.be.revertedWithCustomError(disputes, "Disputes_NothingToClaim")
      .withArgs(injured.address);
  });

  it("M32: covers owe nothing for a dispute, though the bond is empty", async () => {
    const { bonds, coin, stranger } = world;
    await slashOutside(LOT_BOND);
    await coin.connect(stranger).approve(bonds, 50_000n);
    await bonds.connect(stranger).giveCover(1, 50_000n, 2n ** 40n);
    await dispute();
    await networkHelpers.time.increase(ANSWER_SEC);
    await world.disputes.close(1);
    expect(await stateOf()).to.equal(DISPUTER_WON);
    expect(await bonds.queryFilter(bonds.filters.LossUnmet())).to.deep.equal([]);
  });

  for (const [how, won] of [
    ["silent", true],
    ["ruled for", false],
  ] as const) {
    it(`E06: who disputes itself ends with less (${how})`, async () => {
      const wealth = async () => {
        const { coin, operator, bonds, disputes } = world;
        const claimable = (await bonds.claimableAssets(operator)) + (await disputes.claimableAssets(operator));
        return (await coin.balanceOf(operator)) + claimable + (await bondLeft());
      };
      const before = await wealth();
      await dispute(world.operator);
      if (won) {
        await networkHelpers.time.increase(ANSWER_SEC);
        await world.disputes.close(1);
      } else {
        await answer();
        await rule(false);
      }
      expect(await wealth()).to.equal(before - STAKE / 2n);
    });
  }

  it("E06: spam costs: each of twenty lost disputes costs its bond, and the operator none of its own", async () => {
    await world.coin.mint(world.stranger, 200_000n);
    await world.coin.connect(world.stranger).approve(world.disputes, 300_000n);
    for (let disputeId = 1; disputeId <= 20; disputeId++) {
      await dispute();
      await world.disputes.connect(world.operator).answer(disputeId, hashOf("answer"));
      await world.disputes.connect(world.arbiter).rule(disputeId, false);
    }
    expect(await world.coin.balanceOf(world.stranger)).to.equal(100_000n);
    expect(await bondLeft()).to.equal(LOT_BOND);
  });

  it("M24: only an arbiter rules", async () => {
    await dispute();
    await answer();
    for (const by of [world.stranger, world.operator, world.admin]) {
      await expect(world.disputes.connect(by).rule(1, true)).to.be.revertedWithCustomError(
        world.disputes,
        "AccessManagedUnauthorized",
      );
    }
  });

  it("M32: a bond that holds less than is at stake gives what it has, and not what is not there", async () => {
    await slashOutside(LOT_BOND - 4_000n);
    await dispute();
    await networkHelpers.time.increase(ANSWER_SEC);
    await world.disputes.close(1);
    expect(await bondLeft()).to.equal(0n);
    expect(await world.bonds.claimableAssets(world.stranger)).to.equal(2_000n);
  });

  it("M32: refuses windows that a withdrawal asked for in time would outlast", async () => {
    const { admin, manager, settings, bonds, telemetry, disputes } = world;
    const unbondingSec = await bonds.unbondingSec();
    const windowsSec = (await telemetry.maxDelaySec()) + CHALLENGE_SEC + ANSWER_SEC;
    const deploy = (rulingSec: bigint) => new Disputes__factory(admin).deploy(manager, { ...settings, rulingSec });
    await expect(deploy(unbondingSec - windowsSec))
      .to.be.revertedWithCustomError(disputes, "Disputes_UnbondingTooShort")
      .withArgs(unbondingSec, unbondingSec);
    await deploy(unbondingSec - windowsSec - 1n);
  });

  it("refuses settings that would make losing free, or leave no time", async () => {
    for (const change of [{ bondAssets: 0 }, { burnBps: 0 }, { burnBps: 5001 }, { answerSec: 0 }, { rulingSec: 0 }]) {
      const settings = { ...world.settings, ...change };
      await expect(new Disputes__factory(world.admin).deploy(world.manager, settings)).to.be.revertedWithCustomError(
        world.disputes,
        "Disputes_BadSettings",
      );
    }
  });
});
