import { expect } from "chai";
import { network } from "hardhat";
import { ZeroAddress, id } from "ethers";
import { GPUS, START_AT, TDP_W, deployRegistry, registerLots } from "./reports.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });

const EXPIRES_AT = 2n ** 40n;

/** Lot 1 with a lien that `creditor` holds, lot 2 free; `buyer` has a site of its own, 2, in Norway. */
async function deployed() {
  const world = await deployRegistry(ethers);
  const [, , , creditor, buyer] = await ethers.getSigners();
  const { registry, operator } = world;
  await registerLots(registry, operator, 2);
  await registry.connect(operator).registerSite("0x5345", id("SE1"));
  await registry.connect(buyer).registerSite("0x4e4f", id("NO2"));
  await registry.connect(operator).offerLien(1, creditor!);
  await registry.connect(creditor).takeLien(1);
  await registry.attest(1, 4, EXPIRES_AT, id("report"));
  return { ...world, creditor: creditor!, buyer: buyer! };
}

describe("Registry: what moves and is sold", () => {
  let world: Awaited<ReturnType<typeof deployed>>;
  let registry: Awaited<ReturnType<typeof deployed>>["registry"];

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployed);
    registry = world.registry;
  });

  const asCreditor = () => registry.connect(world.creditor);

  async function refusesAllButTheHolder(verb: "passLien" | "passLot") {
    const { creditor, operator, stranger, admin } = world;
    for (const other of [operator, stranger, admin]) {
      await expect(registry.connect(other)[verb](1, other))
        .to.be.revertedWithCustomError(registry, "Registry_NotLienHolder")
        .withArgs(1, other.address, creditor.address);
    }
    await expect(asCreditor()[verb](1, ZeroAddress))
      .to.be.revertedWithCustomError(registry, "Registry_NoRecipient")
      .withArgs(1);
    expect(await registry.lienHolder(1)).to.equal(creditor.address);
  }

  describe("passLien", () => {
    it("gives the lien up and offers it to another creditor, who has it once taken and then alone releases it", async () => {
      const { creditor, stranger } = world;
      await expect(asCreditor().passLien(1, stranger))
        .to.emit(registry, "LienReleased")
        .withArgs(1, creditor.address)
        .and.to.emit(registry, "LienOffered")
        .withArgs(1, stranger.address);
      expect([await registry.lienHolder(1), await registry.lienOfferedTo(1)]).to.deep.equal([
        ZeroAddress,
        stranger.address,
      ]);
      await registry.connect(stranger).takeLien(1);
      expect(await registry.lienHolder(1)).to.equal(stranger.address);
      await expect(asCreditor().releaseLien(1))
        .to.be.revertedWithCustomError(registry, "Registry_NotLienHolder")
        .withArgs(1, creditor.address, stranger.address);
      await expect(asCreditor().passLien(1, creditor)).to.be.revertedWithCustomError(
        registry,
        "Registry_NotLienHolder",
      );
      await registry.connect(stranger).releaseLien(1);
      expect(await registry.lienHolder(1)).to.equal(ZeroAddress);
    });

    it("E08: is taken by nobody else: not by the holder before, and until then the offer is the operator's again", async () => {
      const { operator, stranger, creditor } = world;
      await asCreditor().passLien(1, stranger);
      await expect(asCreditor().takeLien(1))
        .to.be.revertedWithCustomError(registry, "Registry_LienNotOffered")
        .withArgs(1, creditor.address, stranger.address);
      await registry.connect(operator).offerLien(1, ZeroAddress);
      await expect(registry.connect(stranger).takeLien(1))
        .to.be.revertedWithCustomError(registry, "Registry_LienNotOffered")
        .withArgs(1, stranger.address, ZeroAddress);
    });

    it("E08: refuses anyone but the holder, a lot nobody holds a lien on, and passing it to nobody", async () => {
      await refusesAllButTheHolder("passLien");
      for (const lotId of [2, 9]) {
        await expect(asCreditor().passLien(lotId, world.creditor))
          .to.be.revertedWithCustomError(registry, "Registry_NotLienHolder")
          .withArgs(lotId, world.creditor.address, ZeroAddress);
      }
    });
  });

  describe("passLot", () => {
    it("makes the buyer the operator, ends the lien, and keeps what was attested", async () => {
      const { creditor, buyer, operator } = world;
      const before = await registry.lot(1);
      await expect(asCreditor().passLot(1, buyer))
        .to.emit(registry, "LotPassed")
        .withArgs(1, buyer.address, creditor.address)
        .and.to.emit(registry, "LienReleased")
        .withArgs(1, creditor.address);
      const after = await registry.lot(1);
      expect(after.operator).to.equal(buyer.address);
      expect(before.operator).to.equal(operator.address);
      expect([after.siteId, after.gpuCount, after.tdpW]).to.deep.equal([1n, GPUS, TDP_W]);
      expect(await registry.evidenceClass(1)).to.equal(4);
      expect(await registry.lienHolder(1)).to.equal(ZeroAddress);
      expect(await registry.lienOfferedTo(1)).to.equal(ZeroAddress);
    });

    it("E08: ends the power of sale: the holder sells once, and the one before can do nothing more", async () => {
      const { creditor, buyer, operator } = world;
      await asCreditor().passLot(1, buyer);
      await expect(asCreditor().passLot(1, creditor))
        .to.be.revertedWithCustomError(registry, "Registry_NotOperator")
        .withArgs(creditor.address, buyer.address);
      await expect(registry.connect(operator).offerLien(1, operator))
        .to.be.revertedWithCustomError(registry, "Registry_NotOperator")
        .withArgs(operator.address, buyer.address);
      await registry.connect(buyer).offerLien(1, creditor);
      await asCreditor().takeLien(1);
      expect(await registry.lienHolder(1)).to.equal(creditor.address);
    });

    it("E08: refuses anyone but the holder, and selling to nobody", () => refusesAllButTheHolder("passLot"));

    it("is the operator's of a lot without a lien, held or offered; of no other lot", async () => {
      const { operator, creditor, buyer, admin } = world;
      for (const other of [creditor, buyer, admin]) {
        await expect(registry.connect(other).passLot(2, other))
          .to.be.revertedWithCustomError(registry, "Registry_NotOperator")
          .withArgs(other.address, operator.address);
      }
      const own = registry.connect(operator);
      await expect(own.passLot(9, buyer)).to.be.revertedWithCustomError(registry, "Registry_UnknownLot").withArgs(9);
      await expect(own.passLot(2, ZeroAddress)).to.be.revertedWithCustomError(registry, "Registry_NoRecipient");
      await own.offerLien(2, creditor);
      await expect(own.passLot(2, buyer))
        .to.be.revertedWithCustomError(registry, "Registry_LienOffered")
        .withArgs(2, creditor.address);
      await own.offerLien(2, ZeroAddress);
      await expect(own.passLot(2, buyer))
        .to.emit(registry, "LotPassed")
        .withArgs(2, buyer.address, operator.address)
        .and.not.to.emit(registry, "LienReleased");
      expect((await registry.lot(2)).operator).to.equal(buyer.address);
    });
  });

  describe("moveLot", () => {
    it("E09: puts the lot at another site of its operator, under a lien too, and voids only levels 3 and 4", async () => {
      const { operator, creditor } = world;
      await registry.attest(2, 3, EXPIRES_AT, id("other"));
      expect(await registry.country(1)).to.equal("0x5553");
      await expect(registry.connect(operator).moveLot(1, 2))
        .to.emit(registry, "LotMoved")
        .withArgs(1, 2)
        .and.to.emit(registry, "AttestationVoided")
        .withArgs(1, 3, operator.address)
        .and.to.emit(registry, "AttestationVoided")
        .withArgs(1, 4, operator.address);
      expect(await registry.country(1)).to.equal("0x5345");
      expect((await registry.lot(1)).siteId).to.equal(2n);
      expect([await registry.evidenceClass(1), await registry.evidenceClass(2)]).to.deep.equal([2n, 3n]);
      expect(await registry.lienHolder(1)).to.equal(creditor.address);
      await registry.renew(1, 3, EXPIRES_AT, id("metered there"));
      expect(await registry.evidenceClass(1)).to.equal(3n);
    });

    it("lets a buyer take the lot away to a site of its own", async () => {
      const { buyer } = world;
      await asCreditor().passLot(1, buyer);
      await registry.connect(buyer).moveLot(1, 3);
      expect(await registry.country(1)).to.equal("0x4e4f");
    });

    it("M24: refuses anyone but the lot's operator, a site of somebody else's, and one that is not there", async () => {
      const { operator, creditor, buyer } = world;
      for (const other of [creditor, buyer]) {
        await expect(registry.connect(other).moveLot(1, 3))
          .to.be.revertedWithCustomError(registry, "Registry_NotOperator")
          .withArgs(other.address, operator.address);
      }
      for (const [siteId, owner] of [
        [3, buyer.address],
        [4, ZeroAddress],
      ] as const) {
        await expect(registry.connect(operator).moveLot(1, siteId))
          .to.be.revertedWithCustomError(registry, "Registry_NotOperator")
          .withArgs(operator.address, owner);
      }
      await expect(registry.connect(operator).moveLot(9, 2))
        .to.be.revertedWithCustomError(registry, "Registry_UnknownLot")
        .withArgs(9);
      expect(await registry.evidenceClass(1)).to.equal(4n);
    });
  });
});
