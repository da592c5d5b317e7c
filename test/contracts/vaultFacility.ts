import { expect } from "chai";
import { createWorld, DAY, FOREVER, RESIDUAL_CLASS, SENIOR_CLASS, type World } from "./facility-world.ts";

// The vault over a real facility, its class tokens, one gate for both, and the real exchange.
describe("IncomeVault over a facility", () => {
  const HOUR = 3600;

  /** Carol has deposited 400 000; the vault may hold 350 000 of the facility, at entry. */
  async function createStage() {
    const world = await createWorld();
    const { ethers, manager, gate, asset, facility, unit, carol } = world;
    const valuation = await ethers.deployContract("MockValuation");
    const exchange = await ethers.deployContract("ShareExchange", [manager, valuation, world.servicer.address]);
    const Holdings = await (await ethers.deployContract("Holdings")).getAddress();
    const vault = await ethers.deployContract(
      "IncomeVault",
      [
        await manager.getAddress(),
        {
          name: "Rackbond Income",
          symbol: "RBI",
          asset: await asset.getAddress(),
          gate: await gate.getAddress(),
          valuation: await valuation.getAddress(),
          exchange: await exchange.getAddress(),
          maxDiscountBps: 200,
          maxDailyLossBps: 200,
        },
      ],
      { libraries: { Holdings } },
    );
    await gate.listHolder(vault, true);
    await valuation.setAssets(facility, SENIOR_CLASS, 0n, 0n);
    await vault.list(facility, SENIOR_CLASS, 350_000n * unit);
    await asset.connect(carol).approve(vault, ethers.MaxUint256);
    await vault.connect(carol).deposit(400_000n * unit, carol.address);
    /** Values the class at so much per share, in parts of 10 000. */
    const setPrice = async (exitBps: bigint, entryBps = exitBps) => {
      const supply = await world.senior.totalSupply();
      await valuation.setAssets(facility, SENIOR_CLASS, (supply * exitBps) / 10_000n, (supply * entryBps) / 10_000n);
    };
    return { ...world, valuation, exchange, vault, setPrice };
  }

  /** Signs what Alice would sell or buy of the senior class. */
  async function signed(
    stage: World & Awaited<ReturnType<typeof createStage>>,
    isSell: boolean,
    shares: bigint,
    assets: bigint,
  ) {
    const { ethers, exchange, senior, asset, alice } = stage;
    const order = {
      maker: alice.address,
      taker: ethers.ZeroAddress,
      shareToken: await senior.getAddress(),
      asset: await asset.getAddress(),
      isSell,
      shares,
      assets,
      maxAccruedAssets: assets,
      maxFeeBps: 100,
      expiresAt: FOREVER,
      nonce: 0,
      salt: ethers.ZeroHash,
    };
    const domain = {
      name: "Rackbond Exchange",
      version: "1",
      chainId: (await ethers.provider.getNetwork()).chainId,
      verifyingContract: await exchange.getAddress(),
    };
    const types = {
      Order: [
        ["maker", "address"],
        ["taker", "address"],
        ["shareToken", "address"],
        ["asset", "address"],
        ["isSell", "bool"],
        ["shares", "uint256"],
        ["assets", "uint256"],
        ["maxAccruedAssets", "uint256"],
        ["maxFeeBps", "uint16"],
        ["expiresAt", "uint64"],
        ["nonce", "uint256"],
        ["salt", "bytes32"],
      ].map(([name, type]) => ({ name: name!, type: type! })),
    };
    return [order, await alice.signTypedData(domain, types, order)] as const;
  }

  /** 300 000 of the senior class are the vault's, 400 000 Alice's, and the facility performs. */
  async function performing() {
    const stage = await createStage();
    const { facility, alice, bob, sponsor, senior, vault, unit, offerLot, valuation, networkHelpers } = stage;
    await facility.connect(alice).subscribe(SENIOR_CLASS, 400_000n * unit);
    await valuation.setAssets(facility, SENIOR_CLASS, 700_000n * unit, 700_000n * unit);
    await vault.subscribe(senior, 300_000n * unit);
    await facility.connect(bob).subscribe(RESIDUAL_CLASS, 300_000n * unit);
    await networkHelpers.time.increase(DAY);
    await facility.startFunding();
    await offerLot();
    await facility.connect(sponsor).draw(7n, 1_000_000n * unit);
    await facility.connect(sponsor).startPerforming();
    return stage;
  }

  it("subscribes in the raise, within its cap and where the gate lists it (M07)", async () => {
    const { facility, senior, vault, gate, unit, alice, valuation, target } = await createStage();
    await facility.connect(alice).subscribe(SENIOR_CLASS, 300_000n * unit);
    await valuation.setAssets(facility, SENIOR_CLASS, 660_000n * unit, 660_000n * unit);
    await expect(vault.subscribe(senior, 360_000n * unit))
      .to.be.revertedWithCustomError(vault, "Vault_OverCap")
      .withArgs(target, 360_000n * unit, 350_000n * unit);
    await gate.listHolder(vault, false);
    await expect(vault.subscribe(senior, 100_000n * unit)).to.be.revertedWithCustomError(
      senior,
      "ERC7943CannotReceive",
    );
    await gate.listHolder(vault, true);
    await valuation.setAssets(facility, SENIOR_CLASS, 650_000n * unit, 650_000n * unit);
    await vault.subscribe(senior, 350_000n * unit);
    expect(await senior.balanceOf(vault)).to.equal(350_000n * unit);
    expect(await vault.totalAssets()).to.equal(400_000n * unit);
  });

  it("M16: gets its money back from a raise that failed, by anyone's call", async () => {
    const { facility, senior, vault, unit, valuation, mallory, networkHelpers } = await createStage();
    await valuation.setAssets(facility, SENIOR_CLASS, 300_000n * unit, 300_000n * unit);
    await vault.subscribe(senior, 300_000n * unit);
    await networkHelpers.time.increase(30 * DAY);
    await facility.declareFailed();
    await vault.connect(mallory).refund(facility);
    expect(await vault.cashAssets()).to.equal(400_000n * unit);
    expect(await vault.totalAssets()).to.equal(400_000n * unit);
    await vault.closeClass(senior);
    expect(await vault.classTokens()).to.deep.equal([]);
  });

  it("earns what the facility pays its share of the class, before and after the claim", async () => {
    const { vault, senior, unit, pay, mallory } = await performing();
    await pay(100_000n * unit);
    const income = await senior.claimableAssets(vault);
    expect(income).to.be.gt(20_000n * unit);
    expect(await vault.totalAssets()).to.equal(400_000n * unit + income);
    await vault.connect(mallory).claimIncome(senior);
    expect(await vault.cashAssets()).to.equal(100_000n * unit + income);
    expect(await vault.totalAssets()).to.equal(400_000n * unit + income);
    await expect(senior.claimFor(vault)).to.be.revertedWithCustomError(senior, "ClassToken_HolderIsContract");
  });

  it("buys and sells on the exchange: price, accrued interest and fee within the bounds of the value", async () => {
    const stage = (await performing()) as World & Awaited<ReturnType<typeof createStage>>;
    const { vault, senior, asset, exchange, valuation, unit, alice, ethers, setPrice } = stage;
    await exchange.setFee(100);
    await senior.connect(alice).approve(exchange, ethers.MaxUint256);
    await asset.connect(alice).approve(exchange, ethers.MaxUint256);
    await valuation.setAccrued(senior, 10n ** 16n); // one per cent
    await setPrice(9_500n, 10_000n);

    const [sells, sellSignature] = await signed(stage, true, 10_000n * unit, 9_900n * unit);
    await expect(vault.buy(sells, sellSignature, 10_000n * unit, 9_999n * unit - 1n)).to.revert(ethers);
    await vault.buy(sells, sellSignature, 10_000n * unit, 10_000n * unit);
    expect(await vault.cashAssets()).to.equal(100_000n * unit - 10_000n * unit);
    expect(await senior.balanceOf(vault)).to.equal(310_000n * unit);

    // At least 93.1 % in all: exit less two per cent; the buyer's accrued interest counts, the fee does not.
    const [poor, poorSignature] = await signed(stage, false, 10_000n * unit, 9_303n * unit);
    await expect(vault.sell(poor, poorSignature, 10_000n * unit, 0n))
      .to.be.revertedWithCustomError(exchange, "ShareExchange_UnderLimit")
      .withArgs((9_303n * 99n * unit) / 100n + 100n * unit, 9_310n * unit);
    const [buys, buySignature] = await signed(stage, false, 10_000n * unit, 9_305n * unit);
    await vault.sell(buys, buySignature, 10_000n * unit, 0n);
    expect(await vault.cashAssets()).to.equal(90_000n * unit + (9_305n * 99n * unit) / 100n + 100n * unit);
    expect(await senior.balanceOf(vault)).to.equal(300_000n * unit);
  });

  it("M06: frozen by the class's gate it keeps its claim, and its own holders leave", async () => {
    const { vault, senior, gate, unit, carol, pay, networkHelpers } = await performing();
    await pay(100_000n * unit);
    const income = await senior.claimableAssets(vault);
    await gate.freeze(vault, true);
    await expect(vault.claimIncome(senior)).to.be.revertedWithCustomError(senior, "ERC7943CannotSend");
    await vault.connect(carol).requestRedeem(10n ** 6n * 50_000n * unit, carol.address, carol.address);
    await networkHelpers.time.increase(HOUR);
    await vault.fulfil();
    await vault.connect(carol).redeem(await vault.maxRedeem(carol.address), carol.address, carol.address);
    await gate.freeze(vault, false);
    expect(await senior.claimableAssets(vault)).to.equal(income);
    await vault.claimIncome(senior);
  });

  it("counts shares that were taken from it by law as lost", async () => {
    const { vault, senior, unit, alice } = await performing();
    await senior.forcedTransfer(vault, alice.address, 100_000n * unit);
    expect(await vault.totalAssets()).to.equal(300_000n * unit);
  });
});
