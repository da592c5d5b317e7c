import { expect } from "chai";
import { BASE, EMPTY, ENDS, ethers, leasedStage, ledger, networkHelpers, settled } from "./leasesStage.ts";

const { time } = networkHelpers;

/** Lease 1 with one period paid and uncollected, one owed, and `prepaid` in escrow. */
async function busyStage(prepaid = 0n) {
  const world = await settled(2);
  await world.leases.connect(world.lessee).pay(1, 0, BASE);
  if (prepaid > 0n) await world.leases.connect(world.lessee).prepay(1, prepaid);
  return world;
}

describe("Leases: hostile tokens and parties", () => {
  it("M02: a donation changes no claim and is nobody's", async () => {
    const world = await busyStage(3n);
    const { leases, coin, payee } = world;
    const before = await ledger(world);
    await coin.mint(leases, 1_000n * BASE);
    expect(await ledger(world)).to.deep.equal({ ...before, held: before.held + 1_000n * BASE });
    await leases.connect(payee).collect(coin);
    expect(await coin.balanceOf(payee)).to.equal(BASE);
  });

  describe("M04: a token that calls back in the middle of a transfer", () => {
    const verbs = ["open", "prepay", "settle", "pay", "payFromEscrow", "refund", "collect"] as const;

    for (const verb of verbs) {
      it(`cannot enter ${verb} from prepay, pay or collect`, async () => {
        const { leases, coin, lessee, payee, terms } = await busyStage(5n);
        const data = {
          open: leases.interface.encodeFunctionData("open", [{ ...terms, salt: ethers.ZeroHash }, "0x"]),
          prepay: leases.interface.encodeFunctionData("prepay", [1, 1]),
          settle: leases.interface.encodeFunctionData("settle", [1, 2]),
          pay: leases.interface.encodeFunctionData("pay", [1, 1, 1]),
          payFromEscrow: leases.interface.encodeFunctionData("payFromEscrow", [1, 1]),
          refund: leases.interface.encodeFunctionData("refund", [1]),
          collect: leases.interface.encodeFunctionData("collect", [terms.asset]),
        }[verb];
        await time.increaseTo(ENDS[3]);
        await coin.setHook(leases, data);
        for (const outer of [
          () => leases.connect(lessee).prepay(1, 2n),
          () => leases.connect(lessee).pay(1, 1, 2n),
          () => leases.connect(payee).collect(coin),
        ]) {
          await outer();
          expect(await coin.hookSucceeded()).to.equal(false);
          expect(await coin.hookResult()).to.equal(ethers.id("ReentrancyGuardReentrantCall()").slice(0, 10));
        }
      });
    }

    it("reads the ledger as it will be when the transfer succeeds", async () => {
      const { leases, coin, lessee, payee } = await busyStage();
      await coin.setHook(
        leases,
        leases.interface.encodeFunctionData("collectableAssets", [payee.address, await coin.getAddress()]),
      );
      await leases.connect(lessee).pay(1, 1, 9n);
      expect(await coin.hookResult()).to.equal(ethers.toBeHex(BASE + 9n, 32));
      await leases.connect(payee).collect(coin);
      expect(await coin.hookResult()).to.equal(ethers.ZeroHash);
    });
  });

  describe("M05: the settlement token", () => {
    it("may return nothing", async () => {
      const world = await leasedStage();
      const { leases, coin, lessee, payee } = world;
      await coin.setReturns(true, false);
      await leases.connect(lessee).prepay(1, BASE);
      await time.increaseTo(ENDS[1]);
      await leases.settle(1, 0);
      await leases.connect(payee).collect(coin);
      expect(await coin.balanceOf(payee)).to.equal(BASE);
    });

    it("is refused when it returns false, in and out", async () => {
      const world = await busyStage();
      const { leases, coin, lessee, payee } = world;
      const before = await ledger(world);
      await coin.setReturns(false, true);
      for (const call of [
        leases.connect(lessee).prepay(1, 1n),
        leases.connect(lessee).pay(1, 1, 1n),
        leases.connect(payee).collect(coin),
      ]) {
        await expect(call).to.be.revertedWithCustomError(leases, "SafeERC20FailedOperation").withArgs(coin);
      }
      expect(await ledger(world)).to.deep.equal(before);
    });

    it("is refused when it delivers less than it was asked to", async () => {
      const world = await busyStage();
      const { leases, coin, lessee } = world;
      const before = await ledger(world);
      await coin.setFee(100n);
      for (const call of [leases.connect(lessee).prepay(1, 1000n), leases.connect(lessee).pay(1, 1, 1000n)]) {
        await expect(call).to.be.revertedWithCustomError(leases, "Settlement_WrongAmount").withArgs(coin, 1000n, 990n);
      }
      expect(await ledger(world)).to.deep.equal(before);
    });

    it("may be paused: settling goes on, payments wait with the claims recorded", async () => {
      const world = await busyStage();
      const { leases, coin, lessee, payee } = world;
      await coin.setPaused(true);
      await time.increaseTo(ENDS[3]);
      await leases.settle(1, 2);
      await expect(leases.connect(lessee).pay(1, 1, 1n)).to.be.revertedWithCustomError(coin, "Coin_Paused");
      await expect(leases.connect(payee).collect(coin)).to.be.revertedWithCustomError(coin, "Coin_Paused");
      expect(await ledger(world)).to.deep.equal({
        ...EMPTY,
        settledCount: 3,
        owed: 2n * BASE,
        receivable: 2n * BASE,
        collectable: BASE,
        held: BASE,
      });
      await coin.setPaused(false);
      await leases.connect(payee).collect(coin);
      expect(await coin.balanceOf(payee)).to.equal(BASE);
    });

    for (const decimals of [6n, 8n, 18n]) {
      it(`may have ${decimals} decimals`, async () => {
        const world = await leasedStage();
        const { leases, operator, lessee, addLot, open } = world;
        const coin = await ethers.deployContract("MockCoin", [decimals]);
        const rent = 1234n * 10n ** decimals + 1n;
        await coin.mint(lessee, rent);
        await coin.connect(lessee).approve(leases, rent);
        await addLot(8n);
        await open({
          lotId: 8n,
          payee: operator.address,
          asset: await coin.getAddress(),
          baseRentAssets: rent,
          sla: [],
        });
        await world.record(ENDS[0], {}, 8n);
        await world.record(ENDS[1], {}, 8n);
        await time.increaseTo(ENDS[1]);
        await leases.settle(2, 0);
        await leases.connect(lessee).pay(2, 0, rent);
        await leases.connect(operator).collect(coin);
        expect(await coin.balanceOf(operator)).to.equal(rent);
        expect(await ledger(world)).to.deep.equal(EMPTY);
      });
    }

    it("that rebases down is short for the last to collect, in that token alone", async () => {
      const world = await busyStage(5n);
      const { leases, coin, payee } = world;
      await coin.burn(leases, 6n);
      await expect(leases.connect(payee).collect(coin)).to.be.revertedWithCustomError(coin, "ERC20InsufficientBalance");
      expect((await ledger(world)).collectable).to.equal(BASE);
      await coin.mint(leases, 1n);
      await leases.connect(payee).collect(coin);
      expect(await coin.balanceOf(payee)).to.equal(BASE);
    });
  });

  describe("M06: a frozen party", () => {
    it("payee: keeps its claim; settling, paying and the other payees go on", async () => {
      const world = await busyStage();
      const { leases, operator, coin, lessee, payee, addLot, open, record } = world;
      await coin.setBlacklisted(payee, true);
      await expect(leases.connect(payee).collect(coin)).to.be.revertedWithCustomError(coin, "Coin_Blacklisted");
      await addLot(8n);
      await open({ lotId: 8n, payee: operator.address, startAt: ENDS[2], periodCount: 1 });
      const gpuSec = 8 * (ENDS[3] - ENDS[2]);
      await record(ENDS[2], {}, 8n);
      await record(ENDS[3], { available: gpuSec }, 8n);
      await time.increaseTo(ENDS[3]);
      await leases.settle(1, 2);
      await leases.settle(2, 0);
      await leases.connect(lessee).pay(1, 1, BASE);
      await leases.connect(lessee).pay(2, 0, BASE);
      await leases.connect(operator).collect(coin);
      expect(await coin.balanceOf(operator)).to.equal(BASE);
      expect((await ledger(world)).collectable).to.equal(2n * BASE);
      await coin.setBlacklisted(payee, false);
      await leases.connect(payee).collect(coin);
      expect(await coin.balanceOf(payee)).to.equal(2n * BASE);
    });

    it("lessee: another may pay for it, and its refund stays recorded", async () => {
      const world = await busyStage();
      const { leases, coin, lessee, stranger } = world;
      await coin.setBlacklisted(lessee, true);
      await expect(leases.connect(lessee).pay(1, 1, BASE)).to.be.revertedWithCustomError(coin, "Coin_Blacklisted");
      await leases.connect(stranger).pay(1, 1, 2n * BASE + 4n);
      await time.increaseTo(ENDS[3]);
      await leases.settle(1, 2);
      await leases.refund(1);
      await expect(leases.connect(lessee).collect(coin)).to.be.revertedWithCustomError(coin, "Coin_Blacklisted");
      expect((await ledger(world)).refundable).to.equal(4n);
      await coin.setBlacklisted(lessee, false);
      await expect(leases.connect(lessee).collect(coin)).to.changeTokenBalance(ethers, coin, lessee, 4n);
    });
  });
});
