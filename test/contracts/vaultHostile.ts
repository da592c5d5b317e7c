import { expect } from "chai";
import { accessManager, USD } from "./facility-world.ts";
import { deployOn, deployWorld, ethers, HOUR, networkHelpers, queued, SHARES } from "./vaultWorld.ts";

describe("IncomeVault against the world", () => {
  const fixture = <T>(made: () => Promise<T>) => networkHelpers.loadFixture(made);

  /** A class is held that owes income; Alice has something to claim. */
  async function busy() {
    const world = await queued();
    await world.vault.fulfil();
    await world.deposit(world.carol, 4_000n * USD);
    await world.classes[0]!.pay(100_000n * USD);
    return world;
  }

  describe("M24: who may do what", () => {
    it("is a role of its own for each, and nobody else", async () => {
      const { vault, manager, funds, classes, admin, order, alice, bob, carol, mallory, provider } =
        await fixture(deployWorld);
      const authority = new ethers.Contract(manager, accessManager.abi, admin);
      const sells = await order(0, true, USD, USD);
      const buys = await order(0, false, USD, USD);
      const [CURATOR, ALLOCATOR, GUARDIAN, RISK] = [7n, 8n, 9n, 5n];
      const holders = new Map([
        [CURATOR, alice],
        [ALLOCATOR, bob],
        [GUARDIAN, carol],
        [RISK, provider],
      ]);
      const verbs = [
        [CURATOR, "list", [await funds[1].getAddress(), 1n, USD]],
        [CURATOR, "raiseCap", [await funds[0].getAddress(), 2_000_000n * USD]],
        [CURATOR, "lowerCap", [await funds[0].getAddress(), 1n]],
        [CURATOR, "closeClass", [await classes[2]!.getAddress()]],
        [ALLOCATOR, "subscribe", [await classes[0]!.getAddress(), 1n]],
        [ALLOCATOR, "buy", [sells, "0x", 1n, 1n]],
        [ALLOCATOR, "sell", [buys, "0x", 1n, 1n]],
        [GUARDIAN, "pause", []],
        [RISK, "resume", []],
      ] as const;
      for (const [role, verb] of verbs) {
        const { selector } = vault.interface.getFunction(verb);
        await authority.getFunction("setTargetFunctionRole")(vault, [selector], role);
      }
      for (const [role, holder] of holders) await authority.getFunction("grantRole")(role, holder.address, 0);
      for (const [role, verb, args] of verbs) {
        const data = vault.interface.encodeFunctionData(verb as "list", args as never);
        const others = [mallory, admin, ...[...holders].filter(([own]) => own !== role).map(([, holder]) => holder)];
        for (const other of others)
          await expect(other.sendTransaction({ to: vault, data }), `${verb} by another`)
            .to.be.revertedWithCustomError(vault, "AccessManagedUnauthorized")
            .withArgs(other.address);
        // Its own holder is let through, to whatever the verb itself says.
        const call = ethers.provider.call({ from: holders.get(role)!.address, to: await vault.getAddress(), data });
        const refusal = await call.then(
          () => "",
          (error: unknown) => String((error as { data?: string }).data),
        );
        expect(refusal.startsWith(vault.interface.getError("AccessManagedUnauthorized")!.selector), verb).to.equal(
          false,
        );
      }
    });
  });

  describe("M30: read in the middle of a call", () => {
    const VIEWS = ["totalAssets", "entryAssets", "freeAssets"] as const;

    for (const verb of ["buy", "sell", "claimIncome", "deposit", "redeem"] as const)
      it(`${verb} shows the figures from before it`, async () => {
        const { vault, asset, alice, carol, classes, buy, sell, setPrice } = await fixture(busy);
        await setPrice(0, 9_000n, 10_000n);
        const calls = {
          buy: () => buy(1, 10n * USD, 9n * USD),
          sell: () => sell(0, 100n * USD, 95n * USD),
          claimIncome: () => vault.claimIncome(classes[0]!),
          deposit: () => vault.connect(carol).deposit(USD, carol.address),
          redeem: async () =>
            vault.connect(alice).redeem(await vault.maxRedeem(alice.address), alice.address, alice.address),
        };
        for (const view of VIEWS) {
          const snapshot = await networkHelpers.takeSnapshot();
          const before = await vault[view]();
          await asset.setHook(vault, vault.interface.encodeFunctionData(view as "totalAssets"));
          await calls[verb]();
          expect(await asset.hookPassed(), view).to.equal(true);
          expect(BigInt(await asset.hookWord()), view).to.equal(before);
          await snapshot.restore();
        }
      });

    it("limits are zero, for the verbs refuse then", async () => {
      const { vault, asset, alice, bob, carol } = await fixture(busy);
      const views = [
        vault.interface.encodeFunctionData("maxDeposit", [alice.address]),
        vault.interface.encodeFunctionData("maxMint", [alice.address]),
        vault.interface.encodeFunctionData("maxRedeem", [bob.address]),
        vault.interface.encodeFunctionData("maxWithdraw", [bob.address]),
      ];
      for (const view of views) {
        await asset.setHook(vault, view);
        await vault.connect(carol).deposit(USD, carol.address);
        expect(await asset.hookPassed()).to.equal(true);
        expect(BigInt(await asset.hookWord())).to.equal(0n);
      }
    });
  });

  describe("M04: called back by its tokens", () => {
    it("refuses every verb", async () => {
      const { vault, asset, alice, carol, funds, classes, target } = await fixture(busy);
      const { interface: face } = vault;
      const calls = [
        face.encodeFunctionData("deposit", [1n, alice.address]),
        face.encodeFunctionData("mint", [1n, alice.address]),
        face.encodeFunctionData("requestRedeem", [1n, target, target]),
        face.encodeFunctionData("redeem", [0n, alice.address, alice.address]),
        face.encodeFunctionData("withdraw", [0n, alice.address, alice.address]),
        face.encodeFunctionData("cancelRedeemRequest", [1n, alice.address]),
        face.encodeFunctionData("claimCancelRedeemRequest", [1n, alice.address, alice.address]),
        face.encodeFunctionData("fulfil"),
        face.encodeFunctionData("claimIncome", [await classes[0]!.getAddress()]),
        face.encodeFunctionData("refund", [await funds[0].getAddress()]),
      ];
      const refusal = face.getError("ReentrancyGuardReentrantCall")!.selector;
      for (const call of calls) {
        await asset.setHook(vault, call);
        await vault.connect(carol).deposit(USD, carol.address);
        expect(await asset.hookPassed(), call.slice(0, 10)).to.equal(false);
        expect((await asset.hookWord()).slice(0, 10)).to.equal(refusal);
      }
    });
  });

  describe("M05: settlement tokens", () => {
    it("that deliver less than asked, or return false, are refused", async () => {
      const { vault, asset, alice } = await fixture(busy);
      await asset.setFee(1n);
      await expect(vault.connect(alice).deposit(USD, alice.address)).to.be.revertedWithCustomError(
        vault,
        "Settlement_WrongAmount",
      );
      await asset.setFee(0n);
      await asset.setReturnsFalse(true);
      await expect(vault.connect(alice).deposit(USD, alice.address)).to.be.revertedWithCustomError(
        vault,
        "SafeERC20FailedOperation",
      );
      await expect(vault.connect(alice).redeem(1n, alice.address, alice.address)).to.revert(ethers);
    });

    it("that are paused hold up money alone: requests and cancellations go on", async () => {
      const { vault, asset, carol, request } = await fixture(busy);
      await asset.setPaused(true);
      const requestId = await request(carol);
      await vault.connect(carol).cancelRedeemRequest(requestId, carol.address);
      await vault.connect(carol).claimCancelRedeemRequest(requestId, carol.address, carol.address);
    });

    for (const [token, decimals] of [
      ["MockTether", 6],
      ["MockToken", 8],
      ["MockToken", 18],
    ] as const)
      it(`${token} of ${decimals} decimals goes in and out`, async () => {
        const { vault, asset, alice, deposit, request, redeemAll, pass } = await deployOn(token, decimals);
        const before = await asset.balanceOf(alice.address);
        expect(await deposit(alice, 5n * USD)).to.equal(5n * USD * SHARES);
        expect(await vault.decimals()).to.equal(BigInt(decimals) + 6n);
        await request(alice);
        await pass(HOUR);
        await vault.fulfil();
        await redeemAll(alice);
        expect(await asset.balanceOf(alice.address)).to.equal(before);
      });
  });

  describe("class shares", () => {
    it("that were taken from the vault count no longer, nor for the ledger alone", async () => {
      const { vault, classes, target, mallory, setPrice, sell } = await fixture(queued);
      const before = await vault.totalAssets();
      await classes[0]!.seize(target, mallory.address, 300n * USD);
      await setPrice(0, 10_000n);
      expect(await vault.totalAssets()).to.equal(before - 300n * USD);
      await sell(0, 600n * USD, 600n * USD);
      expect(await vault.totalAssets()).to.equal(before - 300n * USD);
    });

    it("are refused to the vault by their own gate: the purchase is refused with them (M07)", async () => {
      const { vault, classes, target, deposit, alice, buy } = await fixture(deployWorld);
      await deposit(alice, 100n * USD);
      await classes[0]!.setBarred(target, true);
      await expect(buy(0, 10n * USD)).to.be.revertedWithCustomError(classes[0]!, "MockShare_CannotReceive");
      expect(await vault.cashAssets()).to.equal(100n * USD);
    });
  });
});
