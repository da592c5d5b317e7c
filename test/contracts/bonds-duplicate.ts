import { expect } from "chai";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { id, type Signer } from "ethers";
import { openFiles, type Files } from "../../server/plugins/files.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { doubledDevices, type PublishedLot } from "../../server/protocol/duplicates.ts";
import { identityAnchor, nodeKeyHash } from "../../server/protocol/identity.ts";
import {
  identifiedLeaf,
  identityLines,
  identityRootOf,
  namedIdentityRoot,
  parseIdentities,
  type NamedDevice,
} from "../../server/protocol/identityTree.ts";
import { nodeKeyOf } from "../../scripts/cast.ts";
import type { Bonds } from "../../types/bond/Bonds.ts";
import { Registry__factory } from "../../types/factories/registry/Registry__factory.ts";
import * as world from "./bonds-world.ts";
import { MODEL } from "./reports.ts";

const { ethers, networkHelpers, COST, LOT_BOND } = world;
const FAR_AT = 2n ** 40n;

// One board, spelled by one operator as its vendor prints it and by the other in small letters.
const HOSTS = ["east-1", "east-2", "west-1"];
const EAST = ["1654923000101", "1654923000102", "1654923000103", "abc-0001-x"];
const WEST = ["1654923000201", "1654923000202", " ABC-0001-X", "1654923000203", "1654923000204"];

/** Two operators' lots (3 and 4) with what they publish; the operator of the second holds a bond, its lender the lien. */
async function doublePledge(files: Files) {
  const w = await world.deployBonds();
  const { registry, operator, stranger: rival } = w;
  await registry.connect(rival).registerSite("0x4e4f", id("NO1"));
  const points = HOSTS.map((hostname) => nodeKeyOf("double", hostname));
  await registry.connect(operator).registerNodes(1, points.slice(0, 2));
  await registry.connect(rival).registerNodes(2, points.slice(2));
  const keyHashOf = (nodeId: bigint) => nodeKeyHash(points[Number(nodeId) - 1]!.x, points[Number(nodeId) - 1]!.y);
  const register = async (owner: typeof operator, siteId: number, devices: NamedDevice[]) => {
    const root = namedIdentityRoot(devices, keyHashOf);
    await files.put("identities", root, identityLines(devices));
    await registry.connect(owner).registerLot(siteId, id(MODEL), devices.length, COST, 1, root);
  };
  const east = EAST.map((name, index) => ({ name, nodeId: BigInt(1 + (index % 2)) }));
  await register(operator, 1, east);
  await register(
    rival,
    2,
    WEST.map((name) => ({ name, nodeId: 3n })),
  );
  for (const lotId of [3, 4]) await registry.attest(lotId, 2, FAR_AT, id("inventory"));
  await registry.connect(rival).offerLien(4, w.injured);
  await registry.connect(w.injured).takeLien(4);
  const bondId = await w.bonds.lotBondId(4);
  await w.bonds.connect(rival).post(bondId, LOT_BOND);
  return { ...w, rival, bondId, keyHashOf };
}

/** Whoever it is: from the chain's events and the published files, every lot's devices; what is not its root is left out. */
async function readLots(bonds: Bonds, files: Files): Promise<PublishedLot[]> {
  const registry = Registry__factory.connect(await bonds.registry(), ethers.provider);
  const nodes = await registry.queryFilter(registry.filters.NodeRegistered());
  const keyHashes = new Map(
    nodes.map(({ args }) => [args.nodeId, nodeKeyHash(args.publicX as Hex, args.publicY as Hex)]),
  );
  const roots = new Map<bigint, Hex>();
  for (const { args } of await registry.queryFilter(registry.filters.LotRegistered())) {
    roots.set(args.lotId, args[3].identityRoot as Hex);
  }
  for (const { args } of await registry.queryFilter(registry.filters.DevicesSwapped())) {
    roots.set(args.lotId, args.identityRoot as Hex);
  }
  for (const { args } of await registry.queryFilter(registry.filters.LotRetired())) roots.delete(args.lotId);
  const lots: PublishedLot[] = [];
  for (const [lotId, root] of roots) {
    if (!(await files.has("identities", root))) continue;
    const named = await parseIdentities(files.open("identities", root));
    const devices = named.map(({ name, nodeId }) => ({
      anchor: identityAnchor(name),
      nodeKeyHash: keyHashes.get(nodeId) as Hex,
    }));
    if (identityRootOf(devices) === root) lots.push({ lotId, devices });
  }
  return lots;
}

async function proveFrom(bonds: Bonds, files: Files, prover: Signer): Promise<number> {
  let proven = 0;
  for (const pair of doubledDevices(await readLots(bonds, files))) {
    const [a, b] = pair.map(({ lot, deviceIndex }) => identifiedLeaf(lot.lotId, lot.devices, deviceIndex));
    await bonds.connect(prover).proveDuplicate(a!, b!);
    proven++;
  }
  return proven;
}

describe("Bonds: a doubled pledge", () => {
  let folder: string;
  let files: Files;
  let w: Awaited<ReturnType<typeof doublePledge>>;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "rackbond-identities-"));
    files = await openFiles(folder);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  beforeEach(async () => {
    w = await networkHelpers.loadFixture(deployed);
  });
  const deployed = () => doublePledge(files);

  it("E07: is found and slashed by an outsider with the events and the published files alone", async () => {
    const bountyAssets = (LOT_BOND * world.BOUNTY_BPS) / 10_000n;
    expect(await w.bonds.slashableAssets(w.bondId)).to.equal(LOT_BOND);

    expect(await proveFrom(w.bonds, files, w.prover)).to.equal(1);

    expect(await w.registry.isFrozen(4)).to.equal(true);
    expect(await w.registry.isFrozen(3)).to.equal(false);
    expect(await w.bonds.slashableAssets(w.bondId)).to.equal(0n);
    expect(await w.bonds.claimableAssets(w.prover)).to.equal(bountyAssets);
    expect(await w.bonds.claimableAssets(w.injured)).to.equal(LOT_BOND - bountyAssets);
    await expect(w.bonds.claim(w.prover)).to.changeTokenBalance(ethers, w.coin, w.prover, bountyAssets);
  });

  it("E07: finds nothing where the second lot has been retired or its device swapped out", async () => {
    const devices = WEST.map((name) => ({ name: name.replace("ABC", "DEF"), nodeId: 3n }));
    const root = namedIdentityRoot(devices, w.keyHashOf);
    await files.put("identities", root, identityLines(devices));
    await w.registry.connect(w.rival).swapDevices(4, root);
    expect(await proveFrom(w.bonds, files, w.prover)).to.equal(0);
    expect(await w.bonds.slashableAssets(w.bondId)).to.equal(LOT_BOND);
  });

  describe("slashDuplicate", () => {
    const leaves = async () => {
      const [pair] = doubledDevices(await readLots(w.bonds, files));
      const [a, b] = pair!.map(({ lot, deviceIndex }) => identifiedLeaf(lot.lotId, lot.devices, deviceIndex));
      return [a!, b!] as const;
    };

    it("M32: slashes once what was proven at the registry, for whom the proof named", async () => {
      await w.registry.connect(w.insurer).proveDuplicate(...(await leaves()), w.prover);
      await w.bonds.connect(w.signer).slashDuplicate(4);
      expect(await w.bonds.claimableAssets(w.prover)).to.be.greaterThan(0n);
      await w.bonds.connect(w.rival).post(w.bondId, 100n);
      await expect(w.bonds.slashDuplicate(4)).to.be.revertedWithCustomError(w.bonds, "Bonds_AlreadySlashed");
      await expect(w.bonds.connect(w.prover).proveDuplicate(...(await leaves())))
        .to.be.revertedWithCustomError(w.registry, "Registry_Frozen")
        .withArgs(4);
      expect(await w.bonds.slashableAssets(w.bondId)).to.equal(100n);
    });

    it("pays who held the lien when it was proven, though it has let the lot go since; else the treasury", async () => {
      await w.registry.proveDuplicate(...(await leaves()), w.prover);
      await w.registry.connect(w.injured).releaseLien(4);
      await w.bonds.slashDuplicate(4);
      expect(await w.bonds.claimableAssets(w.injured)).to.equal((LOT_BOND * 9n) / 10n);
      expect(await w.bonds.claimableAssets(w.treasury)).to.equal(0n);
    });

    it("pays the treasury where nobody held a lien", async () => {
      await w.registry.connect(w.injured).releaseLien(4);
      await w.bonds.connect(w.prover).proveDuplicate(...(await leaves()));
      expect(await w.bonds.claimableAssets(w.treasury)).to.equal((LOT_BOND * 9n) / 10n);
    });

    it("M32: takes what is unbonding; the lot's covers owe the lien holder the rest of the lot's cost", async () => {
      await w.registry.connect(w.injured).releaseLien(4);
      await w.bonds.connect(w.rival).startUnbonding(w.bondId, LOT_BOND);
      await w.registry.connect(w.rival).offerLien(4, w.injured);
      await w.registry.connect(w.injured).takeLien(4);
      await w.bonds.connect(w.insurer).giveCover(4, 70_000n, FAR_AT);
      const [a, b] = await leaves();
      await networkHelpers.time.increase(1);
      await w.bonds.connect(w.prover).proveDuplicate(a, b);
      expect(await w.bonds.slashableAssets(w.bondId)).to.equal(0n);
      const [unmet] = await w.bonds.queryFilter(w.bonds.filters.LossUnmet());
      expect(unmet!.args.assets).to.equal(COST - LOT_BOND);
      await w.bonds.meetLoss(unmet!.args.lossId, 1);
      expect(await w.bonds.claimableAssets(w.injured)).to.equal((LOT_BOND * 9n) / 10n + 70_000n);
    });

    it("slashes again what is proven after a swap and the end of the freeze", async () => {
      await proveFrom(w.bonds, files, w.prover);
      const devices = WEST.map((name) => ({ name: name.replace("ABC-0001-X", "1654923000103"), nodeId: 3n }));
      const root = namedIdentityRoot(devices, w.keyHashOf);
      await files.put("identities", root, identityLines(devices));
      await w.registry.connect(w.rival).swapDevices(4, root);
      await w.registry.unfreeze(4);
      await w.bonds.connect(w.rival).post(w.bondId, 500n);
      expect(await proveFrom(w.bonds, files, w.prover)).to.equal(1);
      expect(await w.bonds.slashableAssets(w.bondId)).to.equal(0n);
    });

    it("refuses a lot of which nothing was proven", async () => {
      await expect(w.bonds.slashDuplicate(4)).to.be.revertedWithCustomError(w.bonds, "Bonds_NoDuplicate").withArgs(4);
    });
  });
});
