import { expect } from "chai";
import { createToken } from "./facility-world.ts";

const PERMIT = {
  Permit: [
    { name: "owner", type: "address" },
    { name: "spender", type: "address" },
    { name: "value", type: "uint256" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
};

describe("ClassToken: limits", () => {
  let w: Awaited<ReturnType<typeof createToken>>;
  beforeEach(async () => {
    w = await createToken();
  });

  describe("transfer limits", () => {
    it("M07: a receiver without credential gets nothing by transfer, allowance or permit", async () => {
      const refused = (call: Promise<unknown>) =>
        expect(call).to.be.revertedWithCustomError(w.token, "ERC7943CannotReceive").withArgs(w.mallory.address);
      await refused(w.token.connect(w.alice).transfer(w.mallory.address, 1));
      await w.token.connect(w.alice).approve(w.mallory.address, 600);
      await refused(w.token.connect(w.mallory).transferFrom(w.alice.address, w.mallory.address, 1));
      const deadline = w.ethers.MaxUint256;
      const message = { owner: w.bob.address, spender: w.mallory.address, value: 400n, nonce: 0n, deadline };
      const chainId = (await w.ethers.provider.getNetwork()).chainId;
      const verifyingContract = await w.token.getAddress();
      const domain = { name: "Rackbond Class", version: "1", chainId, verifyingContract };
      const { v, r, s } = w.ethers.Signature.from(await w.bob.signTypedData(domain, PERMIT, message));
      await w.token.permit(message.owner, message.spender, 400n, deadline, v, r, s);
      expect(await w.token.allowance(w.bob.address, w.mallory.address)).to.equal(400);
      await refused(w.token.connect(w.mallory).transferFrom(w.bob.address, w.mallory.address, 1));
      await w.token.connect(w.mallory).transferFrom(w.bob.address, w.carol.address, 400);
    });

    it("M07: a frozen sender sends nothing, by an allowance given before either", async () => {
      await w.token.connect(w.alice).approve(w.bob.address, 600);
      await w.gate.freeze(w.alice.address, true);
      await expect(w.token.connect(w.bob).transferFrom(w.alice.address, w.bob.address, 1))
        .to.be.revertedWithCustomError(w.token, "ERC7943CannotSend")
        .withArgs(w.alice.address);
    });

    it("lets a listed contract receive and send on", async () => {
      const market = await w.rent.getAddress();
      await w.gate.listHolder(market, true);
      await w.token.connect(w.alice).transfer(market, 100);
      expect(await w.token.balanceOf(market)).to.equal(100);
    });

    it("refuses more than the balance, in ERC-20's own words", async () => {
      await expect(w.token.connect(w.alice).transfer(w.bob.address, 601))
        .to.be.revertedWithCustomError(w.token, "ERC20InsufficientBalance")
        .withArgs(w.alice.address, 600, 601);
    });
  });

  describe("setFrozenTokens", () => {
    it("M07: holds back what is frozen, on every path, and lets the rest go", async () => {
      await expect(w.token.setFrozenTokens(w.alice.address, 500))
        .to.emit(w.token, "Frozen")
        .withArgs(w.alice.address, 500);
      expect(await w.token.getFrozenTokens(w.alice.address)).to.equal(500);
      await w.token.connect(w.alice).approve(w.bob.address, 600);
      for (const call of [
        () => w.token.connect(w.alice).transfer(w.bob.address, 101),
        () => w.token.connect(w.bob).transferFrom(w.alice.address, w.bob.address, 101),
        () => w.issuer.burn(w.alice.address, 101),
      ]) {
        await expect(call())
          .to.be.revertedWithCustomError(w.token, "ERC7943InsufficientUnfrozenBalance")
          .withArgs(w.alice.address, 101, 100);
      }
      await w.token.connect(w.alice).transfer(w.bob.address, 100);
      await w.token.setFrozenTokens(w.alice.address, 0);
      await w.token.connect(w.alice).transfer(w.bob.address, 500);
    });

    it("may exceed the balance, and then holds back what comes in", async () => {
      await w.token.setFrozenTokens(w.carol.address, 50);
      await w.token.connect(w.alice).transfer(w.carol.address, 60);
      await expect(w.token.connect(w.carol).transfer(w.bob.address, 11))
        .to.be.revertedWithCustomError(w.token, "ERC7943InsufficientUnfrozenBalance")
        .withArgs(w.carol.address, 11, 10);
    });

    it("canTransfer says beforehand what a transfer does", async () => {
      const can = (amount: bigint, to = w.bob.address) => w.token.canTransfer(w.alice.address, to, amount);
      expect(await can(600n)).to.equal(true);
      expect(await can(601n)).to.equal(false);
      expect(await can(1n, w.mallory.address)).to.equal(false);
      await w.token.setFrozenTokens(w.alice.address, 1);
      expect([await can(599n), await can(600n)]).to.deep.equal([true, false]);
      await w.token.setFrozenTokens(w.alice.address, 700);
      expect(await can(1n)).to.equal(false);
      await w.token.setFrozenTokens(w.alice.address, 0);
      await w.gate.freeze(w.alice.address, true);
      expect(await can(1n)).to.equal(false);
      expect([await w.token.canSend(w.alice.address), await w.token.canReceive(w.alice.address)]).to.deep.equal([
        false,
        false,
      ]);
    });
  });

  describe("forcedTransfer", () => {
    it("moves frozen shares of a frozen account; its income stays with it", async () => {
      await w.issuer.accrue(100, 0);
      await w.gate.freeze(w.alice.address, true);
      await w.token.setFrozenTokens(w.alice.address, 600);
      const forced = w.token.forcedTransfer(w.alice.address, w.carol.address, 200);
      await expect(forced).to.emit(w.token, "ForcedTransfer").withArgs(w.alice.address, w.carol.address, 200);
      await expect(forced).to.emit(w.token, "Transfer").withArgs(w.alice.address, w.carol.address, 200);
      await expect(forced).to.emit(w.token, "Frozen").withArgs(w.alice.address, 400);
      expect(await w.token.getFrozenTokens(w.alice.address)).to.equal(400);
      expect(await w.token.claimableAssets(w.alice.address)).to.equal(60);
      expect(await w.token.claimableAssets(w.carol.address)).to.equal(0);
    });

    it("leaves the frozen amount alone when the rest suffices", async () => {
      await w.token.setFrozenTokens(w.alice.address, 100);
      await expect(w.token.forcedTransfer(w.alice.address, w.carol.address, 500)).not.to.emit(w.token, "Frozen");
      expect(await w.token.getFrozenTokens(w.alice.address)).to.equal(100);
    });

    it("M07: refuses a receiver that may not receive, no address, and more than there is", async () => {
      const { alice, mallory, token } = w;
      await expect(token.forcedTransfer(alice.address, mallory.address, 1))
        .to.be.revertedWithCustomError(token, "ERC7943CannotReceive")
        .withArgs(mallory.address);
      await expect(token.forcedTransfer(alice.address, w.carol.address, 601))
        .to.be.revertedWithCustomError(token, "ERC20InsufficientBalance")
        .withArgs(alice.address, 600, 601);
      const none = w.ethers.ZeroAddress;
      await expect(token.forcedTransfer(alice.address, none, 1)).to.be.revertedWithCustomError(
        token,
        "ERC20InvalidReceiver",
      );
      await expect(token.forcedTransfer(none, w.carol.address, 1)).to.be.revertedWithCustomError(
        token,
        "ERC20InvalidSender",
      );
    });

    it("M24: refuses a stranger, as does setFrozenTokens", async () => {
      const token = w.token.connect(w.mallory);
      for (const call of [
        () => token.forcedTransfer(w.alice.address, w.carol.address, 1),
        () => token.setFrozenTokens(w.alice.address, 1),
      ]) {
        await expect(call())
          .to.be.revertedWithCustomError(token, "AccessManagedUnauthorized")
          .withArgs(w.mallory.address);
      }
    });
  });
});
