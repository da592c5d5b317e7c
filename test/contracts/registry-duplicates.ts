import { expect } from "chai";
import { network } from "hardhat";
import { ZeroAddress, ZeroHash, concat, id, keccak256 } from "ethers";
import type { Hex } from "../../server/protocol/bytes.ts";
import { identityAnchor } from "../../server/protocol/identity.ts";
import {
  identifiedLeaf,
  identityRootOf,
  type IdentifiedDevice,
  type IdentifiedLeaf,
} from "../../server/protocol/identityTree.ts";
import { MODEL, START_AT, deployRegistry } from "./reports.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });

const FAR_AT = 2n ** 40n;
const DAY_SEC = 86_400n;
const DOUBT_SEC = 3n * DAY_SEC;
const FORMER_SEC = 30n * DAY_SEC;
const NODE = id("a node's key") as Hex;

const devices = (...names: string[]): IdentifiedDevice[] =>
  names.map((name) => ({ anchor: identityAnchor(name), nodeKeyHash: NODE }));

// The board S-000003 stands in lots 1 and 2, of two operators; S-000006 twice in lot 3.
const LOTS = [
  devices("S-000001", "S-000002", "S-000003"),
  devices("S-000004", "S-000003", "S-000005", "S-000010", "S-000011"),
  devices("S-000006", "S-000007", "S-000006"),
];
const BOARD = identityAnchor("S-000003");

async function deployed() {
  const world = await deployRegistry(ethers);
  const { registry, operator } = world;
  const [, , , rival, prover, creditor] = await ethers.getSigners();
  await registry.connect(rival).registerSite("0x4e4f", id("NO1"));
  for (const [owner, siteId, lot] of [
    [operator, 1, LOTS[0]!],
    [rival!, 2, LOTS[1]!],
    [operator, 1, LOTS[2]!],
  ] as const) {
    await registry.connect(owner).registerLot(siteId, id(MODEL), lot.length, 10n ** 12n, 1n, identityRootOf(lot));
  }
  return { ...world, rival: rival!, prover: prover!, creditor: creditor! };
}

describe("Registry: duplicates", () => {
  let world: Awaited<ReturnType<typeof deployed>>;
  let registry: Awaited<ReturnType<typeof deployed>>["registry"];

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployed);
    registry = world.registry;
  });

  const first = () => identifiedLeaf(1n, LOTS[0]!, 2);
  const second = () => identifiedLeaf(2n, LOTS[1]!, 1);
  const prove = (a: IdentifiedLeaf, b: IdentifiedLeaf) =>
    registry.connect(world.prover).proveDuplicate(a, b, world.prover);
  const refused = async (a: IdentifiedLeaf, b: IdentifiedLeaf, error: string, ...facts: unknown[]) =>
    await expect(prove(a, b))
      .to.be.revertedWithCustomError(registry, error)
      .withArgs(...facts);
  const swap = (lotId: number, owner: typeof world.operator, lot: IdentifiedDevice[]) =>
    registry.connect(owner).swapDevices(lotId, identityRootOf(lot));
  const frozen = async () => await Promise.all([1, 2, 3].map((lotId) => registry.isFrozen(lotId)));

  describe("E07: who is at fault", () => {
    const cases: [string, number[], number[], number][] = [
      ["the one without level 2, though it is older", [1], [1, 2], 1],
      ["the one without level 2, though it has level 1 and the other has not", [1], [2], 1],
      ["the one without level 1, though it is older", [], [1], 1],
      ["the younger, both inventoried", [1], [1], 2],
      ["the younger, both attested by the vendor", [1, 2], [1, 2], 2],
      ["the younger, whatever stands above level 2", [1, 2], [1, 2, 3, 4], 2],
    ];
    for (const [rule, levels, otherLevels, faultLotId] of cases) {
      it(`E07: ${rule}; in either order of the proofs`, async () => {
        for (const level of levels) await registry.renew(1, level, FAR_AT, ZeroHash);
        for (const level of otherLevels) await registry.renew(2, level, FAR_AT, ZeroHash);
        expect(await registry.proveDuplicate.staticCall(second(), first(), world.prover)).to.equal(faultLotId);
        await expect(prove(first(), second()))
          .to.emit(registry, "DuplicateProven")
          .withArgs(faultLotId, 3 - faultLotId, BOARD, world.prover.address, ZeroAddress);
        expect(await frozen()).to.deep.equal([faultLotId === 1, faultLotId === 2, false]);
        expect(await registry.evidenceClass(faultLotId)).to.equal(0);
      });
    }

    it("E07: the one whose level has expired or was voided, as if it never had it", async () => {
      const at = BigInt(await networkHelpers.time.latest()) + 1000n;
      await registry.attest(1, 2, at, ZeroHash);
      await registry.attest(2, 2, FAR_AT, ZeroHash);
      await networkHelpers.time.increaseTo(at);
      expect(await registry.proveDuplicate.staticCall(first(), second(), world.prover)).to.equal(1);
      await registry.attest(1, 2, FAR_AT, ZeroHash);
      expect(await registry.proveDuplicate.staticCall(first(), second(), world.prover)).to.equal(2);
      await registry.revokeAttestation(1, 2);
      expect(await registry.proveDuplicate.staticCall(first(), second(), world.prover)).to.equal(1);
    });

    it("E07: a root is as old as the last swap", async () => {
      for (const lotId of [1, 2]) await registry.attest(lotId, 1, FAR_AT, ZeroHash);
      const swapped = devices("S-000003", "S-000009", "S-000001");
      await registry.connect(world.operator).swapDevices(1, identityRootOf(swapped));
      await registry.attest(1, 1, FAR_AT, ZeroHash);
      await networkHelpers.time.increase(DOUBT_SEC);
      await expect(prove(identifiedLeaf(1n, swapped, 0), second()))
        .to.emit(registry, "DuplicateProven")
        .withArgs(1, 2, BOARD, world.prover.address, ZeroAddress);
    });

    it("E07: one lot that names a board at two indices", async () => {
      await registry.attest(3, 1, FAR_AT, ZeroHash);
      await expect(prove(identifiedLeaf(3n, LOTS[2]!, 2), identifiedLeaf(3n, LOTS[2]!, 0)))
        .to.emit(registry, "DuplicateProven")
        .withArgs(3, 3, identityAnchor("S-000006"), world.prover.address, ZeroAddress);
    });

    it("E07: nobody, while no lot was even inventoried: anyone can copy serials into a lot of his own", async () => {
      await refused(first(), second(), "Registry_Unattested", 1, 2);
      await registry.renew(1, 2, FAR_AT, ZeroHash);
      await refused(first(), second(), "Registry_Unattested", 1, 2);
      await refused(identifiedLeaf(3n, LOTS[2]!, 2), identifiedLeaf(3n, LOTS[2]!, 0), "Registry_Unattested", 3, 3);
    });
  });

  describe("a frozen lot", () => {
    beforeEach(async () => {
      for (const lotId of [1, 2]) await registry.attest(lotId, 4, FAR_AT, ZeroHash);
      await registry.connect(world.rival).offerLien(2, world.creditor);
    });

    it("keeps its lien, which is told; gives no new one; cannot be frozen twice, nor put another at fault", async () => {
      await registry.connect(world.creditor).takeLien(2);
      const sent = await (await prove(first(), second())).wait();
      const { timestamp } = (await ethers.provider.getBlock(sent!.blockNumber))!;
      expect([...(await registry.duplicateOf(2))]).to.deep.equal([
        ...[1n, BOARD, world.prover.address, BigInt(timestamp), world.creditor.address, 2n],
      ]);
      expect(await registry.lienHolder(2)).to.equal(world.creditor.address);
      await registry.connect(world.creditor).passLien(2, world.stranger);
      await expect(registry.connect(world.stranger).takeLien(2))
        .to.be.revertedWithCustomError(registry, "Registry_Frozen")
        .withArgs(2);
      await refused(first(), second(), "Registry_Frozen", 2);
      await registry.revokeAttestation(1, 1);
      await refused(first(), second(), "Registry_Unattested", 1, 2);
      expect((await registry.duplicateOf(1)).provenAt).to.equal(0n);
    });

    it("is unfrozen by the authority alone, and only after a swap", async () => {
      await expect(registry.unfreeze(2)).to.be.revertedWithCustomError(registry, "Registry_NotFrozen").withArgs(2);
      await prove(first(), second());
      await expect(registry.unfreeze(2)).to.be.revertedWithCustomError(registry, "Registry_NotSwapped").withArgs(2, 2);
      await registry.connect(world.rival).swapDevices(2, identityRootOf(devices("S-000004", "S-000008")));
      expect(await registry.isFrozen(2)).to.equal(true);
      await expect(registry.connect(world.rival).unfreeze(2))
        .to.be.revertedWithCustomError(registry, "AccessManagedUnauthorized")
        .withArgs(world.rival.address);
      await expect(registry.unfreeze(2)).to.emit(registry, "Unfrozen").withArgs(2);
      expect(await registry.evidenceClass(2)).to.equal(0);
      await registry.attest(2, 2, FAR_AT, ZeroHash);
      expect(await registry.evidenceClass(2)).to.equal(4);
      await registry.connect(world.creditor).takeLien(2);
    });
  });

  describe("refuses", () => {
    beforeEach(async () => {
      for (const lotId of [1, 2, 3]) await registry.attest(lotId, 4, FAR_AT, ZeroHash);
    });

    it("E12: another board, one place twice, and a lot that is not there", async () => {
      const other = identifiedLeaf(2n, LOTS[1]!, 0);
      await refused(first(), other, "Registry_OtherDevice", BOARD, other.anchor);
      await refused(first(), first(), "Registry_OneDevice", 1, 2);
      await refused({ ...first(), lotId: 9n }, second(), "Registry_UnknownLot", 9);
    });

    it("E12: a proof that is short, long, of another index or key, or of another lot", async () => {
      const { proof } = second();
      const bad: Partial<IdentifiedLeaf>[] = [
        { proof: proof.slice(1) },
        { proof: proof.slice(0, -1) },
        { proof: [...proof, ZeroHash as Hex] },
        { proof: [] },
        { proof: proof.toReversed() },
        { deviceIndex: 2 },
        { nodeKeyHash: id("another key") as Hex },
      ];
      for (const change of bad) {
        const leaf = { ...second(), ...change };
        await refused(first(), leaf, "Registry_BadProof", 2, leaf.deviceIndex, LOTS[1]!.length);
      }
      await refused({ ...second(), lotId: 1n }, second(), "Registry_BadProof", 1, 1, LOTS[0]!.length);
    });

    it("E12: an index beyond the count, though it is in the tree", async () => {
      const padded = [...LOTS[0]!, ...devices("S-000003")];
      await registry.connect(world.operator).registerLot(1, id(MODEL), 3, 1, 1, identityRootOf(padded));
      await registry.attest(4, 4, FAR_AT, ZeroHash);
      await refused(identifiedLeaf(4n, padded, 3), second(), "Registry_BadProof", 4, 3, 3);
      await expect(prove(identifiedLeaf(4n, padded, 2), second())).to.emit(registry, "DuplicateProven");
    });

    it("E12: an inner node passed off as a leaf, and a leaf hashed once or of another kind", async () => {
      // A "tree" whose leaf is the untyped or once-hashed preimage of what the proof names.
      const words = (kind: bigint) =>
        ethers.AbiCoder.defaultAbiCoder().encode(["uint256", "uint256", "bytes32", "bytes32"], [kind, 0, BOARD, NODE]);
      for (const root of [keccak256(words(1n)), keccak256(keccak256(words(2n))), keccak256(concat([BOARD, NODE]))]) {
        await registry.connect(world.operator).swapDevices(1, root);
        await registry.attest(1, 1, FAR_AT, ZeroHash);
        const leaf = { lotId: 1n, deviceIndex: 0, anchor: BOARD, nodeKeyHash: NODE, proof: [] };
        await refused(leaf, second(), "Registry_BadProof", 1, 0, 3);
      }
      await registry.connect(world.operator).swapDevices(1, keccak256(keccak256(words(1n))));
      await prove({ lotId: 1n, deviceIndex: 0, anchor: BOARD, nodeKeyHash: NODE, proof: [] }, second());
    });

    it("E07: what stood in a tree longer ago than a lot answers for it, and what never stood in both at one time", async () => {
      await swap(1, world.operator, devices("S-000001", "S-000002", "S-000012"));
      const endedAt = BigInt(await networkHelpers.time.latest());
      await registry.connect(world.rival).retireLot(2);
      await registry.connect(world.rival).registerLot(2, id(MODEL), 1, 1, 1, identityRootOf(devices("S-000003")));
      await registry.attest(4, 4, FAR_AT, ZeroHash);
      await refused(first(), identifiedLeaf(4n, devices("S-000003"), 0), "Registry_NeverBeside", 1, 4);
      await networkHelpers.time.increaseTo(endedAt + FORMER_SEC - 9n);
      expect(await registry.proveDuplicate.staticCall(first(), second(), world.prover)).to.equal(2);
      await networkHelpers.time.increaseTo(endedAt + FORMER_SEC);
      await refused(first(), second(), "Registry_BadProof", 1, 2, 3);
    });

    it("E07: a board that moved within its lot", async () => {
      const moved = devices("S-000003", "S-000001", "S-000002");
      await swap(1, world.operator, moved);
      await registry.attest(1, 1, FAR_AT, ZeroHash);
      await refused(first(), identifiedLeaf(1n, moved, 0), "Registry_NeverBeside", 1, 1);
    });
  });

  describe("after a swap", () => {
    const clean = devices("S-000004", "S-000020", "S-000005", "S-000010", "S-000011");

    it("E07: a liar that swaps, twice, or retires its lot while the proof is on its way is at fault all the same", async () => {
      const snapshot = await networkHelpers.takeSnapshot();
      const dodges: (() => Promise<unknown>)[] = [
        () => swap(2, world.rival, clean),
        () => swap(2, world.rival, clean).then(() => swap(2, world.rival, clean.toReversed())),
        () => registry.connect(world.rival).retireLot(2),
      ];
      for (const dodge of dodges) {
        for (const lotId of [1, 2]) await registry.attest(lotId, 2, FAR_AT, ZeroHash);
        await dodge();
        await expect(prove(first(), second()))
          .to.emit(registry, "DuplicateProven")
          .withArgs(2, 1, BOARD, world.prover.address, ZeroAddress);
        await refused(first(), second(), "Registry_BadProof", 2, 1, 5);
        await snapshot.restore();
      }
    });

    it("E07: what was proven of a root that is gone lets the lot be unfrozen, and is proven once", async () => {
      for (const lotId of [1, 2]) await registry.attest(lotId, 2, FAR_AT, ZeroHash);
      await swap(2, world.rival, clean);
      await prove(first(), second());
      await registry.unfreeze(2);
      await refused(first(), second(), "Registry_BadProof", 2, 1, 5);
    });

    it("E07: an honest lot that swapped another board is not at fault for the copy of one that it kept", async () => {
      const kept = devices("S-000001", "S-000030", "S-000003");
      for (const lotId of [1, 2]) await registry.attest(lotId, 1, FAR_AT, ZeroHash);
      await swap(1, world.operator, kept);
      const untilAt = BigInt(await networkHelpers.time.latest()) + DOUBT_SEC;
      await networkHelpers.time.increaseTo(untilAt - 2n);
      const nowAt = untilAt - 1n;
      await networkHelpers.time.setNextBlockTimestamp(nowAt);
      await refused(identifiedLeaf(1n, kept, 2), second(), "Registry_InDoubt", 1, untilAt, nowAt);
      await swap(1, world.operator, devices("S-000031", "S-000030", "S-000003"));
      await expect(prove(first(), second()))
        .to.emit(registry, "DuplicateProven")
        .withArgs(2, 1, BOARD, world.prover.address, ZeroAddress);
    });

    it("E07: who swaps another's board in is at fault at once where it would have been before, else after the doubt", async () => {
      const taken = devices("S-000003", "S-000006", "S-000007");
      await registry.attest(2, 2, FAR_AT, ZeroHash);
      await swap(3, world.operator, taken);
      expect(await registry.proveDuplicate.staticCall(identifiedLeaf(3n, taken, 0), second(), world.prover)).to.equal(
        3,
      );
      await registry.attest(1, 2, FAR_AT, ZeroHash);
      const other = devices("S-000010", "S-000001", "S-000002");
      await swap(1, world.operator, other);
      const leaves = [identifiedLeaf(1n, other, 0), identifiedLeaf(2n, LOTS[1]!, 3)] as const;
      await expect(prove(...leaves)).to.be.revertedWithCustomError(registry, "Registry_InDoubt");
      await networkHelpers.time.increase(DOUBT_SEC);
      expect(await registry.proveDuplicate.staticCall(...leaves, world.prover)).to.equal(1);
    });
  });

  describe("E13: one board, one anchor", () => {
    it("E13: however the serial is written; a look-alike is no name", () => {
      for (const name of ["s-000003", " S-000003 ", "\uff33-000003", "S-00000\uff13"]) {
        expect(identityAnchor(name), name).to.equal(BOARD);
      }
      for (const name of ["\u0405-000003", "S-0000\u200b03", "S-000003\u0301"]) {
        expect(() => identityAnchor(name), name).to.throw("Device_BadName");
      }
    });

    it("E13: written in another case in another lot, the board is found", async () => {
      const disguised = devices("s-000003 ");
      await registry.connect(world.rival).registerLot(2, id(MODEL), 1, 1, 1, identityRootOf(disguised));
      await registry.attest(1, 1, FAR_AT, ZeroHash);
      await expect(prove(first(), identifiedLeaf(4n, disguised, 0)))
        .to.emit(registry, "DuplicateProven")
        .withArgs(4, 1, BOARD, world.prover.address, ZeroAddress);
    });
  });
});
