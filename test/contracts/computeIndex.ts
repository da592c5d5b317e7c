import { expect } from "chai";
import type { Signer, TypedDataDomain } from "ethers";
import { network } from "hardhat";
import { domainOf as parseDomain, structOf } from "../../server/protocol/typed.ts";
import { ComputeIndex__factory } from "../../types/factories/valuation/ComputeIndex__factory.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: "2030-01-10T08:00:00Z" } });
const { time } = networkHelpers;
const genesis = await networkHelpers.takeSnapshot();

const at = (date: string) => Date.parse(`${date}T00:00:00Z`) / 1000;
const DAY_SEC = 86_400;
const DAY = at("2030-01-09");
const MODEL_ID = ethers.id("NVIDIA H100 80GB HBM3");
const CENT = 10n ** 16n;
const QUOTE = structOf(ComputeIndex__factory.abi, "fix", "quotes");

type Quote = { publisher: string; modelId: string; dayAt: number; rateWad: bigint };

/** An index of five listed publishers, a spread of 20 % and a deviation of 50 %. */
async function stage() {
  await genesis.restore();
  const [admin, keeper, ...others] = await ethers.getSigners();
  const authority = await ethers.deployContract("Authority", [admin!.address]);
  const index = await ethers.deployContract("ComputeIndex", [authority, 3, 2000, 5000]);
  const publishers = others.slice(0, 6).sort((a, b) => (BigInt(a.address) < BigInt(b.address) ? -1 : 1));
  const listed = publishers.slice(0, 5);
  for (const publisher of listed) await index.listPublisher(publisher, true);
  const domain = parseDomain(await index.eip712Domain());
  const quotesOf = (cents: readonly (number | bigint)[], changed: Partial<Quote> = {}): Quote[] =>
    cents.map((value, position) => ({
      publisher: publishers[position]!.address,
      modelId: MODEL_ID,
      dayAt: DAY,
      rateWad: typeof value === "bigint" ? value : BigInt(value) * CENT,
      ...changed,
    }));
  const sign = (quote: Quote, signer: Signer, other: TypedDataDomain = {}) =>
    signer.signTypedData({ ...domain, ...other }, QUOTE.types, quote);
  const signAll = (quotes: Quote[]) =>
    Promise.all(
      quotes.map((quote) => sign(quote, publishers.find(({ address }) => address === quote.publisher) ?? admin!)),
    );
  const fix = async (quotes: Quote[]) => index.connect(keeper).fix(quotes, await signAll(quotes));
  return { index, admin: admin!, keeper: keeper!, publishers, listed, quotesOf, sign, signAll, fix };
}

describe("ComputeIndex", () => {
  describe("fix", () => {
    const medians: [string, (number | bigint)[], bigint][] = [
      ["three quotes: the one in the middle", [212, 205, 230], 212n * CENT],
      ["in whatever order they come", [230, 212, 205], 212n * CENT],
      ["five quotes", [205, 240, 215, 210, 211], 211n * CENT],
      ["four quotes: the mean of the two in the middle", [200, 215, 205, 220], 210n * CENT],
      ["four quotes: a mean rounded down", [10n, 10n, 11n, 11n], 10n],
      ["equal quotes", [200, 200, 200], 200n * CENT],
    ];
    for (const [what, cents, rateWad] of medians) {
      it(`fixes the median of ${what}`, async () => {
        const { index, quotesOf, fix } = await stage();
        const values = cents.map((value) => (typeof value === "bigint" ? value : BigInt(value) * CENT));
        const sorted = values.toSorted((a, b) => (a < b ? -1 : 1));
        await expect(fix(quotesOf(cents)))
          .to.emit(index, "Fixed")
          .withArgs(MODEL_ID, DAY, rateWad, sorted[0], sorted.at(-1), cents.length);
        expect(await index.rateWad(MODEL_ID, DAY)).to.equal(rateWad);
        expect(await index.newest(MODEL_ID)).to.deep.equal([DAY, rateWad]);
      });
    }

    it("fixes each day once, and each model apart", async () => {
      const { index, quotesOf, fix } = await stage();
      await fix(quotesOf([200, 200, 200]));
      await expect(fix(quotesOf([201, 201, 201])))
        .to.be.revertedWithCustomError(index, "ComputeIndex_Fixed")
        .withArgs(MODEL_ID, DAY, 200n * CENT);
      await fix(quotesOf([450, 450, 450], { modelId: ethers.id("H200") }));
      expect(await index.rateWad(MODEL_ID, DAY)).to.equal(200n * CENT);
      expect(await index.rateWad(ethers.id("B200"), DAY)).to.equal(0);
    });

    it("waits until the day is over, to the second", async () => {
      const { index, quotesOf, fix } = await stage();
      const today = at("2030-01-10");
      const quotes = quotesOf([200, 200, 200], { dayAt: today });
      await time.setNextBlockTimestamp(today + DAY_SEC - 1);
      await expect(fix(quotes))
        .to.be.revertedWithCustomError(index, "ComputeIndex_DayNotOver")
        .withArgs(today, today + DAY_SEC);
      await time.setNextBlockTimestamp(today + DAY_SEC);
      await fix(quotes);
    });

    it("refuses fewer quotes than three, or than half of the publishers", async () => {
      const { index, publishers, quotesOf, fix } = await stage();
      await expect(fix(quotesOf([200, 200])))
        .to.be.revertedWithCustomError(index, "ComputeIndex_TooFewQuotes")
        .withArgs(2, 3);
      await index.listPublisher(publishers[5]!, true);
      await expect(fix(quotesOf([200, 200, 200])))
        .to.be.revertedWithCustomError(index, "ComputeIndex_TooFewQuotes")
        .withArgs(3, 4);
      await fix(quotesOf([200, 200, 200, 200]));
    });

    it("refuses a publisher twice, out of order, not listed, or taken off the list", async () => {
      const { index, publishers, listed, quotesOf, fix } = await stage();
      const [a, b, c] = quotesOf([200, 201, 202]) as [Quote, Quote, Quote];
      for (const quotes of [
        [a, b, b],
        [a, c, b],
      ]) {
        await expect(fix(quotes)).to.be.revertedWithCustomError(index, "ComputeIndex_Unsorted").withArgs(listed[1]);
      }
      const unlisted = publishers[5]!;
      await expect(fix([a, b, { ...c, publisher: unlisted.address }]))
        .to.be.revertedWithCustomError(index, "ComputeIndex_NotListed")
        .withArgs(unlisted);
      await index.listPublisher(listed[0]!, false);
      await expect(fix([a, b, c]))
        .to.be.revertedWithCustomError(index, "ComputeIndex_NotListed")
        .withArgs(listed[0]);
    });

    it("refuses quotes of another model or day among them, a time within a day, no rate and a rate of 2^128", async () => {
      const { index, listed, quotesOf, fix } = await stage();
      const [a, b, c] = quotesOf([200, 200, 200]) as [Quote, Quote, Quote];
      for (const changed of [{ modelId: ethers.id("H200") }, { dayAt: DAY - DAY_SEC }]) {
        const other = { ...c, ...changed };
        await expect(fix([a, b, other]))
          .to.be.revertedWithCustomError(index, "ComputeIndex_OtherQuote")
          .withArgs(listed[2], other.modelId, other.dayAt);
      }
      await expect(fix(quotesOf([200, 200, 200], { dayAt: DAY + 1 })))
        .to.be.revertedWithCustomError(index, "ComputeIndex_NotMidnight")
        .withArgs(DAY + 1);
      for (const rateWad of [0n, 2n ** 128n]) {
        await expect(fix([a, b, { ...c, rateWad }]))
          .to.be.revertedWithCustomError(index, "ComputeIndex_BadRate")
          .withArgs(listed[2], rateWad);
      }
    });

    describe("the spread", () => {
      it("may be the limit exactly, and not a unit more: then nothing is fixed", async () => {
        const { index, quotesOf, fix } = await stage();
        const wide = quotesOf([190n * CENT, 200n * CENT, 230n * CENT + 1n]);
        await expect(fix(wide))
          .to.be.revertedWithCustomError(index, "ComputeIndex_Spread")
          .withArgs(190n * CENT, 230n * CENT + 1n, 200n * CENT);
        expect(await index.rateWad(MODEL_ID, DAY)).to.equal(0);
        await fix(quotesOf([190, 200, 230]));
      });
    });

    describe("the deviation from the rate before", () => {
      const next = (dayCount: number) => ({ dayAt: DAY + dayCount * DAY_SEC });

      it("may be the limit exactly, up and down, and not a unit more", async () => {
        const { index, quotesOf, fix } = await stage();
        await fix(quotesOf([200, 200, 200]));
        await time.increase(3 * DAY_SEC);
        for (const rateWad of [300n * CENT + 1n, 100n * CENT - 1n]) {
          await expect(fix(quotesOf([rateWad, rateWad, rateWad], next(1))))
            .to.be.revertedWithCustomError(index, "ComputeIndex_Deviation")
            .withArgs(rateWad, 200n * CENT, DAY);
        }
        await fix(quotesOf([300, 300, 300], next(1)));
        await fix(quotesOf([150, 150, 150], next(2)));
      });

      it("pauses for thirty days at most; then the days between can be fixed", async () => {
        const { index, quotesOf, fix } = await stage();
        await fix(quotesOf([200, 200, 200]));
        await time.increase(40 * DAY_SEC);
        await expect(fix(quotesOf([500, 500, 500], next(30)))).to.be.revertedWithCustomError(
          index,
          "ComputeIndex_Deviation",
        );
        await fix(quotesOf([500, 500, 500], next(31)));
        await fix(quotesOf([500, 500, 500], next(30)));
        expect(await index.newest(MODEL_ID)).to.deep.equal([DAY + 31 * DAY_SEC, 500n * CENT]);
      });
    });
  });

  describe("a publisher's signature", () => {
    it("is over the type that the ABI tells, in the index's own domain", async () => {
      const { index, quotesOf } = await stage();
      expect(await index.QUOTE_TYPEHASH()).to.equal(QUOTE.typeHash);
      const domain = parseDomain(await index.eip712Domain());
      expect(domain).to.include({ name: "Rackbond Compute Index", version: "1" });
      const [quote] = quotesOf([212]);
      expect(await index.digestOf(quote!)).to.equal(ethers.TypedDataEncoder.hash(domain, QUOTE.types, quote!));
    });

    it("M21: by another, for another chain or contract, changed, malleable or missing: refused", async () => {
      const { index, admin, listed, quotesOf, sign, signAll } = await stage();
      const quotes = quotesOf([200, 201, 202]);
      const good = await signAll(quotes);
      const [first] = quotes as [Quote];
      const { r, s, v } = ethers.Signature.from(good[0]);
      const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
      for (const signature of [
        await sign(first, admin),
        await sign(first, listed[0]!, { chainId: 1n }),
        await sign(first, listed[0]!, { verifyingContract: admin.address }),
        await sign({ ...first, rateWad: first.rateWad + 1n }, listed[0]!),
        await sign({ ...first, dayAt: DAY - DAY_SEC }, listed[0]!),
        ethers.concat([r, ethers.toBeHex(order - BigInt(s), 32), v === 27 ? "0x1c" : "0x1b"]),
        "0x",
      ]) {
        await expect(index.fix(quotes, [signature, ...good.slice(1)]))
          .to.be.revertedWithCustomError(index, "ComputeIndex_BadSignature")
          .withArgs(listed[0]);
      }
      await expect(index.fix(quotes, good.slice(1)))
        .to.be.revertedWithCustomError(index, "ComputeIndex_WrongSignatureCount")
        .withArgs(2, 3);
    });

    it("M21: may be a contract's (ERC-1271), until that turns to false", async () => {
      const { index, quotesOf, signAll } = await stage();
      const wallet = await ethers.deployContract("MockWallet");
      await index.listPublisher(wallet, true);
      const quotes = quotesOf([200, 201, 202, 203]);
      quotes[3] = { ...quotes[3]!, publisher: await wallet.getAddress() };
      quotes.sort((a, b) => (BigInt(a.publisher) < BigInt(b.publisher) ? -1 : 1));
      const signatures = await signAll(quotes);
      await expect(index.fix(quotes, signatures))
        .to.be.revertedWithCustomError(index, "ComputeIndex_BadSignature")
        .withArgs(wallet);
      await wallet.accept(await index.digestOf(quotes.find(({ publisher }) => publisher === wallet.target)!));
      await index.fix(quotes, signatures);
      expect(await index.rateWad(MODEL_ID, DAY)).to.equal(2015n * 10n ** 15n);
    });
  });

  describe("listPublisher", () => {
    it("is for the access manager's role, counts each once, and stops at thirty-two", async () => {
      const { index, keeper, listed } = await stage();
      await expect(index.connect(keeper).listPublisher(keeper, true))
        .to.be.revertedWithCustomError(index, "AccessManagedUnauthorized")
        .withArgs(keeper);
      await expect(index.listPublisher(listed[0]!, true)).to.not.emit(index, "PublisherListed");
      expect(await index.publisherCount()).to.equal(5);
      await expect(index.listPublisher(listed[0]!, false))
        .to.emit(index, "PublisherListed")
        .withArgs(listed[0], false, 4);
      for (let n = 1n; n <= 28n; n++) await index.listPublisher(ethers.toBeHex(n, 20), true);
      await expect(index.listPublisher(ethers.toBeHex(29n, 20), true))
        .to.be.revertedWithCustomError(index, "ComputeIndex_TooManyPublishers")
        .withArgs(33, 32);
    });
  });

  describe("deployment", () => {
    it("refuses fewer than three quotes and limits of nothing", async () => {
      const { index, admin } = await stage();
      for (const limits of [
        [2, 2000, 5000],
        [3, 0, 5000],
        [3, 2000, 0],
      ]) {
        await expect(ethers.deployContract("ComputeIndex", [admin, ...limits]))
          .to.be.revertedWithCustomError(index, "ComputeIndex_BadLimits")
          .withArgs(...limits);
      }
    });
  });
});
