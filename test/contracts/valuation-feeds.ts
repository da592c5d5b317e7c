import { expect } from "chai";
import { deployAuthority, WAD } from "./marketsWorld.ts";
import { DAY_SEC, deployValuation, ethers, LIMITS, MODEL, networkHelpers, pledge } from "./valuation-world.ts";

const { time } = networkHelpers;
const NO_DATA = "No data present";

/** A facility with cash of 150 for the 100 shares of its one class, in tokens of so many decimals, appraised. */
async function deployClass(decimals = 6, sequencer: string = ethers.ZeroAddress) {
  const [admin] = await ethers.getSigners();
  const loan = await ethers.deployContract("MockToken", [decimals]);
  const seams = await ethers.deployContract("MockSeams", [loan]);
  const letting = await ethers.deployContract("MockLetting");
  const index = await ethers.deployContract("MockIndex");
  const authority = await deployAuthority();
  const valuation = await ethers.deployContract("Valuation", [authority, seams, seams, letting, index, LIMITS]);
  const share = await ethers.deployContract("MockShare", [loan, 18]);
  await share.mint(admin!, 100n * WAD);
  await seams.addClass(share, 0);
  const unit = 10n ** BigInt(decimals);
  await seams.setLedger(150n * unit, 0);
  const price = await ethers.deployContract("ClassPrice", [valuation, seams, 0, sequencer]);
  const appraise = async () => {
    await seams.setReportedUntil(await time.latest());
    await valuation.appraise(seams, []);
    return (await valuation.appraisal(seams)).computedAt;
  };
  return { loan, seams, valuation, share, unit, price, appraise };
}

describe("ClassPrice", () => {
  for (const decimals of [6, 8, 18]) {
    it(`M02, M05: scales for ${decimals} decimals, and ignores donations`, async () => {
      const { price, loan, seams, unit, appraise, valuation } = await deployClass(decimals);
      await appraise();
      expect(await price.loanAsset()).to.equal(await loan.getAddress());
      // 2 shares are worth 3 of the loan token.
      const worth = async () => (2n * WAD * (await price.price())) / 10n ** 36n;
      expect(await worth()).to.equal(3n * unit);
      expect((await price.latestRoundData()).answer).to.equal((3n * WAD) / 2n);
      await loan.mint(seams, 1000n * unit);
      expect(await worth()).to.equal(3n * unit);
      await time.increase(2n * DAY_SEC);
      await expect(price.price()).to.be.revertedWithCustomError(valuation, "Valuation_Stale");
    });
  }

  it("tells decimals, version and what it is a price of", async () => {
    const { price, share, loan } = await deployClass();
    expect([await price.decimals(), await price.version()]).to.deep.equal([18n, 1n]);
    expect(await price.description()).to.equal(`${await share.symbol()} / ${await loan.symbol()}`);
    expect(await price.classToken()).to.equal(await share.getAddress());
  });

  it("has the latest round, under the time of its oldest input, and no other", async () => {
    const { price, appraise } = await deployClass();
    const computedAt = await appraise();
    const round = [computedAt, (3n * WAD) / 2n, computedAt, computedAt, computedAt];
    expect(await price.latestRoundData()).to.deep.equal(round);
    expect(await price.getRoundData(computedAt)).to.deep.equal(round);
    for (const id of [0n, computedAt - 1n, computedAt + 1n, 2n ** 80n - 1n]) {
      await expect(price.getRoundData(id)).to.be.revertedWith(NO_DATA);
    }
  });

  it("M18: answers a stale price with its own age, where `price` reverts", async () => {
    const { price, appraise, valuation } = await deployClass();
    const computedAt = await appraise();
    await time.increaseTo(computedAt + DAY_SEC);
    await price.price();
    await time.increaseTo(computedAt + DAY_SEC + 1n);
    await expect(price.price()).to.be.revertedWithCustomError(valuation, "Valuation_Stale");
    expect((await price.latestRoundData()).updatedAt).to.equal(computedAt);
  });

  it("M18, M29: reverts where there is no price, a void one, a held one, or a bad one", async () => {
    const { price, appraise, valuation, seams, unit } = await deployClass();
    const refuse = (error: string) =>
      Promise.all(
        [price.price(), price.latestRoundData(), price.getRoundData(1)].map((answer) =>
          expect(answer).to.be.revertedWithCustomError(valuation, error),
        ),
      );
    await refuse("Valuation_Stale");
    await appraise();
    await seams.setLedger(0, 0);
    await refuse("Valuation_BadPrice");
    await seams.setLedger(unit, 0);
    await valuation.setHaircuts([0, 0, 0, 0, 0], [0, 0, 0, 0, 10_000]);
    await refuse("Valuation_Stale");
    const startAt = BigInt(await time.latest());
    await pledge({ seams, startAt }, 1, 4);
    const appraiseAt = async (residualBps: number, lotIds: number[]) => {
      await valuation.setCurve(MODEL, startAt, 90n * DAY_SEC, 0, [residualBps]);
      await valuation.appraise(seams, lotIds);
    };
    await appraiseAt(5000, [1]);
    await price.price();
    await appraiseAt(1000, [1]);
    await refuse("Valuation_Held");
  });

  describe("with a sequencer", () => {
    const sequenced = async () => {
      const sequencer = await ethers.deployContract("MockSequencer");
      const world = await deployClass(6, await sequencer.getAddress());
      await world.appraise();
      return { ...world, sequencer, now: BigInt(await time.latest()) };
    };

    it("M18: has no price while it is down, not for an hour after, and not where its feed knows nothing", async () => {
      const { price, sequencer, now } = await sequenced();
      const upAt = now + 100n;
      for (const [answer, startedAt, at, upSinceAt] of [
        [0, 0n, now + 10n, 0n],
        [1, now - 7200n, now + 20n, 0n],
        [-1, now - 7200n, now + 30n, 0n],
        [0, upAt, upAt + 3599n, upAt],
      ] as const) {
        await sequencer.set(answer, startedAt);
        await time.increaseTo(at);
        for (const call of [price.price(), price.latestRoundData(), price.getRoundData(1)]) {
          await expect(call)
            .to.be.revertedWithCustomError(price, "ClassPrice_SequencerDown")
            .withArgs(upSinceAt, 3600n, at);
        }
      }
      await time.increaseTo(upAt + 3600n);
      await price.price();
      await price.latestRoundData();
    });
  });
});

describe("IndexFeed", () => {
  async function deployFeed() {
    const { index } = await deployValuation();
    const feed = await ethers.deployContract("IndexFeed", [index, "H100 SXM"]);
    return { index, feed };
  }
  const DAY = 21_900n;
  const roundOf = (day: bigint, rateWad: bigint) => [day, rateWad, day * DAY_SEC, (day + 1n) * DAY_SEC, day];

  it("tells decimals, version and what it is a rate of", async () => {
    const { feed } = await deployFeed();
    expect([await feed.decimals(), await feed.version()]).to.deep.equal([18n, 1n]);
    expect(await feed.description()).to.equal("H100 SXM hour / USD");
    expect(await feed.modelId()).to.equal(MODEL);
  });

  it("has a round for each fixed day, as old as the day's end, and the newest", async () => {
    const { feed, index } = await deployFeed();
    await index.setRate(MODEL, DAY * DAY_SEC, 3n * WAD);
    await index.setRate(MODEL, (DAY - 2n) * DAY_SEC, 2n * WAD);
    expect(await feed.latestRoundData()).to.deep.equal(roundOf(DAY, 3n * WAD));
    expect(await feed.getRoundData(DAY)).to.deep.equal(roundOf(DAY, 3n * WAD));
    expect(await feed.getRoundData(DAY - 2n)).to.deep.equal(roundOf(DAY - 2n, 2n * WAD));
  });

  it("M18: reverts by the feeds' own word for a day nobody fixed, a number that is no day, and before the first", async () => {
    const { feed, index } = await deployFeed();
    await expect(feed.latestRoundData()).to.be.revertedWith(NO_DATA);
    await index.setRate(MODEL, DAY * DAY_SEC, 3n * WAD);
    // The third is the day's time of 2^64 later, and the next the greatest number there is.
    for (const id of [0n, DAY - 1n, DAY + 2n ** 64n / DAY_SEC + 1n, 2n ** 80n - 1n]) {
      await expect(feed.getRoundData(id)).to.be.revertedWith(NO_DATA);
    }
  });
});
