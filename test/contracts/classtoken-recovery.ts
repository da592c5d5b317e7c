import { expect } from "chai";
import { createToken } from "./facility-world.ts";

describe("ClassToken.recover", () => {
  let w: Awaited<ReturnType<typeof createToken>>;
  beforeEach(async () => {
    w = await createToken();
    await w.issuer.accrue(100, 5); // 63 of Alice, 42 of Bob
  });
  const state = async (account: string) => [
    await w.token.balanceOf(account),
    await w.token.claimableAssets(account),
    await w.token.getFrozenTokens(account),
  ];

  it("moves shares, unclaimed income and the frozen amount to a verified wallet, past freezes", async () => {
    await w.gate.freeze(w.alice.address, true);
    await w.token.setFrozenTokens(w.alice.address, 250);
    await w.token.setFrozenTokens(w.carol.address, 50);
    const { alice, carol } = w;
    const recovery = w.token.recover(alice.address, carol.address);
    await expect(recovery).to.emit(w.token, "Recovered").withArgs(alice.address, carol.address, 600, 63);
    await expect(recovery).to.emit(w.token, "Transfer").withArgs(alice.address, carol.address, 600);
    await expect(recovery).to.emit(w.token, "ForcedTransfer").withArgs(alice.address, carol.address, 600);
    await expect(recovery).to.emit(w.token, "Frozen").withArgs(alice.address, 0);
    await expect(recovery).to.emit(w.token, "Frozen").withArgs(carol.address, 300);
    expect(await state(alice.address)).to.deep.equal([0n, 0n, 0n]);
    expect(await state(carol.address)).to.deep.equal([600n, 63n, 300n]);
    await w.token.connect(carol).claim(carol.address);
    await w.token.connect(carol).transfer(w.bob.address, 300);
    await expect(w.token.connect(carol).transfer(w.bob.address, 1)).to.be.revertedWithCustomError(
      w.token,
      "ERC7943InsufficientUnfrozenBalance",
    );
  });

  it("M03: adds to what the new wallet has, fractions too, and to nobody else's", async () => {
    await w.issuer.accrue(1, 0); // 0.6 and 0.4 more
    await w.token.recover(w.alice.address, w.bob.address);
    expect(await state(w.bob.address)).to.deep.equal([1000n, 106n, 0n]); // 63.6 + 42.4
    expect(await w.token.holderCount()).to.equal(1);
    await w.issuer.accrue(10, 0);
    expect(await state(w.bob.address)).to.deep.equal([1000n, 116n, 0n]);
    expect(await state(w.alice.address)).to.deep.equal([0n, 0n, 0n]);
  });

  it("keeps a frozen amount without end", async () => {
    await w.token.setFrozenTokens(w.alice.address, w.ethers.MaxUint256);
    await w.token.setFrozenTokens(w.carol.address, 1);
    await w.token.recover(w.alice.address, w.carol.address);
    expect(await state(w.carol.address)).to.deep.equal([600n, 63n, w.ethers.MaxUint256]);
  });

  it("M07: the lost wallet receives nothing, on any path, until it is readmitted", async () => {
    const { token, alice, bob, carol, issuer, gate } = w;
    await token.recover(alice.address, carol.address);
    expect([await token.isLost(alice.address), await token.isLost(carol.address)]).to.deep.equal([true, false]);
    expect(await gate.canReceive(alice.address)).to.equal(true);
    expect(await token.canReceive(alice.address)).to.equal(false);
    expect(await token.canTransfer(bob.address, alice.address, 1)).to.equal(false);
    await token.connect(bob).approve(alice.address, 1);
    await token.setFrozenTokens(alice.address, 1); // does not wash the mark off
    await token.setFrozenTokens(alice.address, 0);
    const paths = [
      () => token.connect(bob).transfer(alice.address, 1),
      () => token.connect(alice).transferFrom(bob.address, alice.address, 1),
      () => issuer.mint(alice.address, 1),
      () => token.forcedTransfer(bob.address, alice.address, 1),
      () => token.recover(carol.address, alice.address),
    ];
    for (const path of paths) {
      await expect(path()).to.be.revertedWithCustomError(token, "ERC7943CannotReceive").withArgs(alice.address);
    }
    await expect(token.readmit(alice.address)).to.emit(token, "Readmitted").withArgs(alice.address);
    await token.connect(bob).transfer(alice.address, 1);
    await expect(token.readmit(alice.address))
      .to.be.revertedWithCustomError(token, "ClassToken_NotLost")
      .withArgs(alice.address);
  });

  it("M07: refuses a new wallet without a valid credential, a listed contract, a frozen one, the same one", async () => {
    const { token, alice, carol, mallory, gate } = w;
    const market = await w.rent.getAddress();
    await gate.listHolder(market, true);
    for (const to of [mallory.address, market, w.ethers.ZeroAddress]) {
      await expect(token.recover(alice.address, to))
        .to.be.revertedWithCustomError(token, "ERC7943CannotReceive")
        .withArgs(to);
    }
    await gate.freeze(carol.address, true);
    await expect(token.recover(alice.address, carol.address)).to.be.revertedWithCustomError(
      token,
      "ERC7943CannotReceive",
    );
    await expect(token.recover(alice.address, alice.address))
      .to.be.revertedWithCustomError(token, "ClassToken_SameWallet")
      .withArgs(alice.address);
    await expect(token.recover(w.ethers.ZeroAddress, w.bob.address)).to.be.revertedWithCustomError(
      token,
      "ERC20InvalidSender",
    );
    expect(await state(alice.address)).to.deep.equal([600n, 63n, 0n]);
  });

  it("M24: refuses a stranger, as does readmit", async () => {
    const token = w.token.connect(w.mallory);
    for (const call of [() => token.recover(w.alice.address, w.carol.address), () => token.readmit(w.alice.address)]) {
      await expect(call())
        .to.be.revertedWithCustomError(token, "AccessManagedUnauthorized")
        .withArgs(w.mallory.address);
    }
  });
});
