import { expect } from "chai";
import { network } from "hardhat";
import { Wallet, ZeroAddress, ZeroHash, id, toBeHex } from "ethers";
import { nodeKeyOf } from "../../scripts/cast.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { nodeKeyHash } from "../../server/protocol/identity.ts";
import { GPUS, MODEL, START_AT, TDP_W, deployRegistry, plain, registerLots } from "./reports.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });

const COST = 10n ** 12n;
const ROOT = id("identity root");
// The base point of P-256 (SEC 2, 2.4.2), a valid public key.
const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const BASE_X = "0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
const BASE_Y = "0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

async function deployed() {
  const world = await deployRegistry(ethers);
  await registerLots(world.registry, world.operator, 2);
  return world;
}

describe("Registry", () => {
  let world: Awaited<ReturnType<typeof deployed>>;
  let registry: Awaited<ReturnType<typeof deployed>>["registry"];

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployed);
    registry = world.registry;
  });

  const asOperator = () => registry.connect(world.operator);
  const asStranger = () => registry.connect(world.stranger);

  describe("addModel", () => {
    it("keeps name and design power under the name's hash", async () => {
      await expect(registry.addModel("B200", 1000)).to.emit(registry, "ModelAdded").withArgs(id("B200"), "B200", 1000);
      expect([...(await registry.models(id("B200")))]).to.deep.equal(["B200", 1000n]);
    });

    it("refuses a model that is known, one of no power, and one of no name", async () => {
      await expect(registry.addModel(MODEL, 1))
        .to.be.revertedWithCustomError(registry, "Registry_ModelKnown")
        .withArgs(id(MODEL));
      await expect(registry.addModel("B200", 0))
        .to.be.revertedWithCustomError(registry, "Registry_BadModel")
        .withArgs(id("B200"), 0);
      await expect(registry.addModel("", 1))
        .to.be.revertedWithCustomError(registry, "Registry_BadModel")
        .withArgs(id(""), 1);
    });
  });

  describe("registerSite", () => {
    it("is open to anyone, who becomes its operator", async () => {
      await expect(asStranger().registerSite("0x5a41", id("zone")))
        .to.emit(registry, "SiteRegistered")
        .withArgs(2, world.stranger.address, "0x5a41", id("zone"));
      expect([...(await registry.sites(2))]).to.deep.equal([world.stranger.address, "0x5a41", id("zone")]);
    });

    for (const country of ["0x0000", "0x7573", "0x4053", "0x5b53", "0x5540", "0x555b", "0x5500"]) {
      it(`refuses the country ${country}: not two capital letters`, async () => {
        await expect(registry.registerSite(country, ZeroHash))
          .to.be.revertedWithCustomError(registry, "Registry_BadCountry")
          .withArgs(country);
      });
    }
  });

  describe("registerNodes and revokeNode", () => {
    const BASE = { x: BASE_X, y: BASE_Y };
    // −1 times the base point: the same x.
    const NEGATED = { x: BASE_X, y: toBeHex(P - BigInt(BASE_Y), 32) };
    const [BASE_HASH, NEGATED_HASH] = [BASE, NEGATED].map(({ x, y }) => nodeKeyHash(x as Hex, y as Hex)) as [Hex, Hex];

    it("keeps a site's keys in the order given, and one until its operator retires it, once", async () => {
      const sent = asOperator().registerNodes(1, [BASE, NEGATED]);
      await expect(sent).to.emit(registry, "NodeRegistered").withArgs(1, 1, BASE_X, BASE_Y);
      await expect(sent).to.emit(registry, "NodeRegistered").withArgs(2, 1, NEGATED.x, NEGATED.y);
      expect([...(await registry.nodes(world.operator, BASE_HASH))]).to.deep.equal([1n, 1n, false]);
      expect(await registry.nodeCount()).to.equal(2n);
      await expect(asOperator().revokeNode(BASE_HASH)).to.emit(registry, "NodeRevoked").withArgs(1);
      expect((await registry.nodes(world.operator, BASE_HASH)).revoked).to.equal(true);
      expect((await registry.nodes(world.operator, NEGATED_HASH)).revoked).to.equal(false);
      await expect(asOperator().revokeNode(BASE_HASH))
        .to.be.revertedWithCustomError(registry, "Registry_UnknownKey")
        .withArgs(world.operator.address, BASE_HASH);
    });

    it("E13: registers an operator's key once, at any of its sites, revoked or not; another's takes nothing from it", async () => {
      await asStranger().registerSite("0x5a41", id("zone"));
      await asOperator().registerSite("0x5553", id("zone"));
      await asStranger().registerNodes(2, [NEGATED]);
      await asOperator().registerNodes(1, [BASE]);
      await asOperator().revokeNode(BASE_HASH);
      for (const [siteId, points] of [
        [1, [BASE]],
        [3, [BASE]],
        [1, [NEGATED, BASE]],
      ] as const) {
        await expect(asOperator().registerNodes(siteId, [...points]))
          .to.be.revertedWithCustomError(registry, "Registry_KeyKnown")
          .withArgs(world.operator.address, BASE_HASH, 2);
      }
      await expect(asOperator().registerNodes(1, [NEGATED, NEGATED]))
        .to.be.revertedWithCustomError(registry, "Registry_KeyKnown")
        .withArgs(world.operator.address, NEGATED_HASH, 3);
      await asOperator().registerNodes(3, []);
      await asOperator().registerNodes(3, [NEGATED]);
      expect([...(await registry.nodes(world.operator, NEGATED_HASH))]).to.deep.equal([3n, 3n, false]);
      for (const nodeId of [1, 3]) expect(await registry.isNodeKey(nodeId, NEGATED.x, NEGATED.y)).to.equal(true);
      expect(await registry.isNodeKey(2, NEGATED.x, NEGATED.y)).to.equal(false);
    });

    it("refuses a point that is not on the curve", async () => {
      for (const [x, y] of [
        [BASE_X, toBeHex(BigInt(BASE_Y) + 1n, 32)],
        [ZeroHash, ZeroHash],
      ] as const) {
        await expect(asOperator().registerNodes(1, [BASE, { x, y }]))
          .to.be.revertedWithCustomError(registry, "Registry_BadNodeKey")
          .withArgs(x, y);
      }
    });

    it("knows a node's point again, revoked or not, and no other", async () => {
      await asOperator().registerNodes(1, [BASE]);
      await asOperator().revokeNode(BASE_HASH);
      expect(await registry.isNodeKey(1, BASE.x, BASE.y)).to.equal(true);
      expect(await registry.isNodeKey(1, NEGATED.x, NEGATED.y)).to.equal(false);
      expect(await registry.isNodeKey(2, BASE.x, BASE.y)).to.equal(false);
      expect(await registry.isNodeKey(0, ZeroHash, ZeroHash)).to.equal(false);
    });

    it("registers a hundred hosts for at most 27,500 gas each", async () => {
      const points = Array.from({ length: 100 }, (_, index) => nodeKeyOf("a hundred", `host-${index}`));
      const { gasUsed } = (await (await asOperator().registerNodes(1, points)).wait())!;
      expect(Number(gasUsed) / 100).to.be.lessThan(27_500);
    });

    it("M24: refuses anyone but the site's operator, and a site or node that is not there", async () => {
      await asOperator().registerNodes(1, [BASE]);
      const refused = "Registry_NotOperator";
      await expect(asStranger().registerNodes(1, [BASE]))
        .to.be.revertedWithCustomError(registry, refused)
        .withArgs(world.stranger.address, world.operator.address);
      await expect(asOperator().registerNodes(2, []))
        .to.be.revertedWithCustomError(registry, refused)
        .withArgs(world.operator.address, ZeroAddress);
      for (const [caller, keyHash] of [
        [world.stranger, BASE_HASH],
        [world.operator, NEGATED_HASH],
      ] as const) {
        await expect(registry.connect(caller).revokeNode(keyHash))
          .to.be.revertedWithCustomError(registry, "Registry_UnknownKey")
          .withArgs(caller.address, keyHash);
      }
    });
  });

  describe("registerLot", () => {
    it("keeps and emits all of it, the design power taken from the model", async () => {
      const lot = [1n, world.operator.address, 9n, TDP_W, id(MODEL), COST, 77n, ROOT];
      await expect(asOperator().registerLot(1, id(MODEL), 9, COST, 77, ROOT))
        .to.emit(registry, "LotRegistered")
        .withArgs(3, 1, world.operator.address, lot);
      expect(Object.values(plain(await registry.lot(3)))).to.deep.equal(lot);
      expect(await registry.country(3)).to.equal("0x5553");
      expect(await registry.lotCount()).to.equal(3);
    });

    it("refuses zero GPUs, cost, commissioning time or identity root", async () => {
      for (const [gpus, cost, commissionedAt, root] of [
        [0n, COST, 1n, ROOT],
        [GPUS, 0n, 1n, ROOT],
        [GPUS, COST, 0n, ROOT],
        [GPUS, COST, 1n, ZeroHash],
      ] as const) {
        await expect(asOperator().registerLot(1, id(MODEL), gpus, cost, commissionedAt, root))
          .to.be.revertedWithCustomError(registry, "Registry_BadLot")
          .withArgs(gpus, cost, commissionedAt, root);
      }
    });

    it("refuses an unknown model", async () => {
      await expect(asOperator().registerLot(1, id("A100"), GPUS, COST, 1, ROOT))
        .to.be.revertedWithCustomError(registry, "Registry_UnknownModel")
        .withArgs(id("A100"));
    });

    it("M24: refuses anyone but the site's operator", async () => {
      await expect(asStranger().registerLot(1, id(MODEL), GPUS, COST, 1, ROOT))
        .to.be.revertedWithCustomError(registry, "Registry_NotOperator")
        .withArgs(world.stranger.address, world.operator.address);
    });

    it("an unknown lot is refused by every view that needs one, and has no evidence and no lien", async () => {
      for (const lotId of [0n, 3n]) {
        await expect(registry.lot(lotId))
          .to.be.revertedWithCustomError(registry, "Registry_UnknownLot")
          .withArgs(lotId);
        await expect(registry.country(lotId)).to.be.revertedWithCustomError(registry, "Registry_UnknownLot");
        expect(await registry.evidenceClass(lotId)).to.equal(0);
        expect(await registry.lienHolder(lotId)).to.equal(ZeroAddress);
      }
    });
  });

  describe("offerLien, takeLien, releaseLien", () => {
    it("goes from an offer to a holder and back to nobody", async () => {
      const holder = world.stranger.address;
      await expect(asOperator().offerLien(1, holder)).to.emit(registry, "LienOffered").withArgs(1, holder);
      expect(await registry.lienOfferedTo(1)).to.equal(holder);
      expect(await registry.lienHolder(1)).to.equal(ZeroAddress);
      await expect(asStranger().takeLien(1)).to.emit(registry, "LienTaken").withArgs(1, holder);
      expect(await registry.lienOfferedTo(1)).to.equal(ZeroAddress);
      expect(await registry.lienHolder(1)).to.equal(holder);
      expect(await registry.lienHolder(2)).to.equal(ZeroAddress);
      await expect(asStranger().releaseLien(1)).to.emit(registry, "LienReleased").withArgs(1, holder);
      expect(await registry.lienHolder(1)).to.equal(ZeroAddress);
    });

    it("E08: refuses a lien taken twice, by its holder or by another", async () => {
      await asOperator().offerLien(1, world.stranger);
      await asStranger().takeLien(1);
      for (const taker of [world.stranger, world.admin]) {
        await expect(registry.connect(taker).takeLien(1))
          .to.be.revertedWithCustomError(registry, "Registry_LienHeld")
          .withArgs(1, world.stranger.address);
      }
    });

    it("E08: refuses a new offer while somebody holds it; after the release only a new offer gives it", async () => {
      await asOperator().offerLien(1, world.stranger);
      await asStranger().takeLien(1);
      await expect(asOperator().offerLien(1, world.admin))
        .to.be.revertedWithCustomError(registry, "Registry_LienHeld")
        .withArgs(1, world.stranger.address);
      await asStranger().releaseLien(1);
      await expect(asStranger().takeLien(1))
        .to.be.revertedWithCustomError(registry, "Registry_LienNotOffered")
        .withArgs(1, world.stranger.address, ZeroAddress);
      await asOperator().offerLien(1, world.admin);
      await registry.takeLien(1);
      expect(await registry.lienHolder(1)).to.equal(world.admin.address);
    });

    it("E08: refuses to take what was offered to another, to nobody, or no longer", async () => {
      await expect(asStranger().takeLien(1)).to.be.revertedWithCustomError(registry, "Registry_LienNotOffered");
      await asOperator().offerLien(1, world.stranger);
      await expect(registry.takeLien(1))
        .to.be.revertedWithCustomError(registry, "Registry_LienNotOffered")
        .withArgs(1, world.admin.address, world.stranger.address);
      await expect(asStranger().takeLien(2)).to.be.revertedWithCustomError(registry, "Registry_LienNotOffered");
      await asOperator().offerLien(1, ZeroAddress);
      await expect(asStranger().takeLien(1)).to.be.revertedWithCustomError(registry, "Registry_LienNotOffered");
    });

    it("E08: refuses a release by a stranger, the operator, the admin, or of a lien nobody holds", async () => {
      await expect(asStranger().releaseLien(1))
        .to.be.revertedWithCustomError(registry, "Registry_NotLienHolder")
        .withArgs(1, world.stranger.address, ZeroAddress);
      await asOperator().offerLien(1, world.stranger);
      await asStranger().takeLien(1);
      for (const other of [world.operator, world.admin]) {
        await expect(registry.connect(other).releaseLien(1))
          .to.be.revertedWithCustomError(registry, "Registry_NotLienHolder")
          .withArgs(1, other.address, world.stranger.address);
      }
    });

    it("E08: refuses an offer by anyone but the lot's operator, the admin included", async () => {
      for (const other of [world.stranger, world.admin]) {
        await expect(registry.connect(other).offerLien(1, other))
          .to.be.revertedWithCustomError(registry, "Registry_NotOperator")
          .withArgs(other.address, world.operator.address);
      }
      await expect(asOperator().offerLien(3, world.stranger)).to.be.revertedWithCustomError(
        registry,
        "Registry_UnknownLot",
      );
    });
  });

  describe("M24: what only the AccessManager's roles may do", () => {
    for (const [name, args] of [
      ["addModel", ["B200", 1000]],
      ["attest", [1, 1, 2n ** 40n, ROOT]],
      ["renew", [1, 1, 2n ** 40n, ROOT]],
      ["revokeAttestation", [1, 1]],
      ["unfreeze", [1]],
      ["setAuthority", [new Wallet(id("thief")).address]],
    ] as const) {
      it(`M24: refuses ${name} by a stranger and by an operator`, async () => {
        for (const caller of [world.stranger, world.operator]) {
          const call = registry.connect(caller).getFunction(name)(...args);
          await expect(call)
            .to.be.revertedWithCustomError(registry, "AccessManagedUnauthorized")
            .withArgs(caller.address);
        }
      });
    }
  });
});
