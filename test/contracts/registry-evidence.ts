import { expect } from "chai";
import { network } from "hardhat";
import { ZeroAddress, ZeroHash, id } from "ethers";
import { START_AT, deployRegistry, registerLots } from "./reports.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });

const FAR_AT = 2n ** 40n;
const ROOT = id("identity root");

async function deployed() {
  const world = await deployRegistry(ethers);
  await registerLots(world.registry, world.operator, 2);
  return world;
}

describe("Registry: evidence", () => {
  let world: Awaited<ReturnType<typeof deployed>>;
  let registry: Awaited<ReturnType<typeof deployed>>["registry"];

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployed);
    registry = world.registry;
  });

  const asOperator = () => registry.connect(world.operator);
  const now = async () => BigInt(await networkHelpers.time.latest());
  const classOf = (lotId: number) => registry.evidenceClass(lotId);
  const levelsOf = async (lotId: number) =>
    await Promise.all([1, 2, 3, 4].map(async (level) => (await registry.levelExpiresAt(lotId, level)) !== 0n));

  describe("attest and renew", () => {
    it("E09: a class holds to the second before it expires, and only for its lot", async () => {
      const expiresAt = (await now()) + 1000n;
      const sent = registry.attest(1, 4, expiresAt, id("report"));
      for (const level of [1, 2, 3, 4]) {
        await expect(sent)
          .to.emit(registry, "Attested")
          .withArgs(1, level, expiresAt, world.admin.address, id("report"));
      }
      await registry.attest(2, 2, expiresAt + 1n, id("other"));
      await networkHelpers.time.increaseTo(expiresAt - 1n);
      expect(await classOf(1)).to.equal(4);
      await networkHelpers.time.increaseTo(expiresAt);
      expect(await classOf(1)).to.equal(0);
      expect(await classOf(2)).to.equal(2);
    });

    it("E09: a class is the highest level below which nothing is missing", async () => {
      await registry.renew(1, 2, FAR_AT, ROOT);
      expect(await classOf(1)).to.equal(0);
      await registry.renew(1, 4, FAR_AT, ROOT);
      await registry.renew(1, 1, FAR_AT, ROOT);
      expect(await classOf(1)).to.equal(2);
      await registry.renew(1, 3, FAR_AT, ROOT);
      expect(await classOf(1)).to.equal(4);
    });

    it("E09: one level expires alone, and is renewed alone", async () => {
      const expiresAt = (await now()) + 1000n;
      await registry.attest(1, 4, FAR_AT, ROOT);
      await registry.renew(1, 2, expiresAt, id("tokens"));
      await networkHelpers.time.increaseTo(expiresAt);
      expect(await classOf(1)).to.equal(1);
      await expect(registry.renew(1, 2, FAR_AT + 1n, id("new tokens")))
        .to.emit(registry, "Attested")
        .withArgs(1, 2, FAR_AT + 1n, world.admin.address, id("new tokens"));
      expect(await classOf(1)).to.equal(4);
      expect([...(await registry.attestations(1, 2))]).to.deep.equal([
        world.admin.address,
        FAR_AT + 1n,
        id("new tokens"),
      ]);
      expect([...(await registry.attestations(1, 1))]).to.deep.equal([world.admin.address, FAR_AT, ROOT]);
    });

    it("E09: attesting a lower class leaves the levels above as they are", async () => {
      await registry.attest(1, 4, FAR_AT, ROOT);
      await registry.attest(1, 1, FAR_AT + 5n, id("new"));
      expect(await classOf(1)).to.equal(4);
      expect(await registry.levelExpiresAt(1, 1)).to.equal(FAR_AT + 5n);
      expect(await registry.levelExpiresAt(1, 2)).to.equal(FAR_AT);
    });

    it("E09: refuses a level that is none, an expiry that is now, and a lot that is not there", async () => {
      const at = (await now()) + 100n;
      for (const level of [0, 5, 255]) {
        const badLevel = async (call: Promise<unknown>, named: number) =>
          await expect(call).to.be.revertedWithCustomError(registry, "Registry_BadLevel").withArgs(named);
        await badLevel(registry.attest(1, level, at + 1n, ROOT), Math.min(level, 5));
        await badLevel(registry.renew(1, level, at + 1n, ROOT), level);
        await badLevel(registry.revokeAttestation(1, level), level);
      }
      await networkHelpers.time.setNextBlockTimestamp(at);
      await expect(registry.attest(1, 1, at, ROOT))
        .to.be.revertedWithCustomError(registry, "Registry_AttestationExpired")
        .withArgs(1, at, at);
      for (const call of [
        () => registry.attest(3, 1, at + 1000n, ROOT),
        () => registry.renew(3, 1, at + 1000n, ROOT),
        () => registry.revokeAttestation(3, 1),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(registry, "Registry_UnknownLot").withArgs(3);
      }
    });
  });

  describe("what voids which level", () => {
    beforeEach(async () => {
      for (const lotId of [1, 2]) await registry.attest(lotId, 4, FAR_AT, ROOT);
    });

    for (const level of [1, 2, 3, 4]) {
      it(`E09: a revocation of level ${level} voids it alone`, async () => {
        await expect(registry.revokeAttestation(1, level))
          .to.emit(registry, "AttestationVoided")
          .withArgs(1, level, world.admin.address);
        expect(await levelsOf(1)).to.deep.equal([1, 2, 3, 4].map((other) => other !== level));
        expect(await classOf(1)).to.equal(level - 1);
        expect(await classOf(2)).to.equal(4);
        await expect(registry.revokeAttestation(1, level)).not.to.emit(registry, "AttestationVoided");
      });
    }

    it("E09: a swap of devices voids levels 1 and 2, and says the new root; a move levels 3 and 4", async () => {
      const swapped = asOperator().swapDevices(1, id("new root"));
      await expect(swapped).to.emit(registry, "DevicesSwapped").withArgs(1, id("new root"));
      for (const level of [1, 2]) {
        await expect(swapped).to.emit(registry, "AttestationVoided").withArgs(1, level, world.operator.address);
      }
      expect(await levelsOf(1)).to.deep.equal([false, false, true, true]);
      expect((await registry.lot(1)).identityRoot).to.equal(id("new root"));
      expect(await classOf(1)).to.equal(0);
      await registry.attest(1, 2, FAR_AT, id("seen"));
      expect(await classOf(1)).to.equal(4);
      await asOperator().registerSite("0x5345", id("SE1"));
      await asOperator().moveLot(1, 2);
      expect(await levelsOf(1)).to.deep.equal([true, true, false, false]);
      expect(await classOf(2)).to.equal(4);
    });
  });

  describe("swapDevices", () => {
    it("counts roots by age: a registration and a swap each make one", async () => {
      expect([await registry.rootIndex(1), await registry.rootIndex(2)]).to.deep.equal([1n, 2n]);
      await asOperator().swapDevices(1, id("new root"));
      expect([await registry.rootIndex(1), await registry.rootIndex(2)]).to.deep.equal([3n, 2n]);
      await registerLots(registry, world.operator, 1);
      expect([await registry.rootIndex(3), await registry.rootCount()]).to.deep.equal([4n, 4n]);
    });

    it("refuses no root, the same root, anyone but the operator, and a lot that is not there", async () => {
      for (const root of [ZeroHash, ROOT]) {
        await expect(asOperator().swapDevices(1, root))
          .to.be.revertedWithCustomError(registry, "Registry_BadRoot")
          .withArgs(1, root);
      }
      await expect(registry.swapDevices(1, id("other")))
        .to.be.revertedWithCustomError(registry, "Registry_NotOperator")
        .withArgs(world.admin.address, world.operator.address);
      await expect(asOperator().swapDevices(3, id("other"))).to.be.revertedWithCustomError(
        registry,
        "Registry_UnknownLot",
      );
    });
  });

  describe("retireLot", () => {
    it("ends a lot for ever: no class, no offer, lien, evidence, sale, move or swap", async () => {
      await registry.attest(1, 4, FAR_AT, ROOT);
      await expect(asOperator().retireLot(1)).to.emit(registry, "LotRetired").withArgs(1);
      expect([await registry.isRetired(1), await registry.isRetired(2)]).to.deep.equal([true, false]);
      expect(await classOf(1)).to.equal(0);
      expect((await registry.lot(1)).operator).to.equal(world.operator.address);
      for (const call of [
        () => asOperator().offerLien(1, world.stranger),
        () => asOperator().passLot(1, world.stranger),
        () => asOperator().moveLot(1, 1),
        () => asOperator().swapDevices(1, id("new root")),
        () => asOperator().retireLot(1),
        () => registry.attest(1, 1, FAR_AT, ROOT),
        () => registry.renew(1, 1, FAR_AT, ROOT),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(registry, "Registry_Retired").withArgs(1);
      }
      await expect(registry.takeLien(1))
        .to.be.revertedWithCustomError(registry, "Registry_LienNotOffered")
        .withArgs(1, world.admin.address, ZeroAddress);
    });

    it("E08: refuses while a lien is offered or held, and anyone but the operator", async () => {
      await expect(registry.retireLot(1))
        .to.be.revertedWithCustomError(registry, "Registry_NotOperator")
        .withArgs(world.admin.address, world.operator.address);
      await asOperator().offerLien(1, world.stranger);
      await expect(asOperator().retireLot(1))
        .to.be.revertedWithCustomError(registry, "Registry_LienOffered")
        .withArgs(1, world.stranger.address);
      await registry.connect(world.stranger).takeLien(1);
      await expect(asOperator().retireLot(1))
        .to.be.revertedWithCustomError(registry, "Registry_LienHeld")
        .withArgs(1, world.stranger.address);
      await registry.connect(world.stranger).releaseLien(1);
      await asOperator().retireLot(1);
    });
  });
});
