import { expect } from "chai";
import { id, ZeroAddress } from "ethers";
import { Bonds__factory } from "../../types/factories/bond/Bonds__factory.ts";
import { createWorld } from "./facility-world.ts";
import { deployRegistry, MODEL } from "./reports.ts";

describe("Bonds and a facility", () => {
  it("a facility that is injured is paid without asking, and its sync makes collections of it", async () => {
    const w = await createWorld();
    await w.perform();
    const { registry, manager, admin, operator, stranger } = await deployRegistry(w.ethers);
    await registry.connect(operator).registerLot(1, id(MODEL), 8, 1000n, 1, id("boards"));
    const telemetry = await w.ethers.deployContract("MockWindows", [100, 100]);
    const bonds = await new Bonds__factory(admin).deploy(manager, {
      ...{ asset: w.asset, registry, telemetry, treasury: admin, unbondingSec: 201 },
      ...{ lotBondBps: 500, oracleBondAssets: 1, proverBountyBps: 1000 },
    });
    await w.asset.mint(operator, 500n);
    await w.asset.connect(operator).approve(bonds, 500n);
    await bonds.connect(operator).post(await bonds.lotBondId(1), 500n);
    await bonds.slash(await bonds.lotBondId(1), id("a fault"), 500n, ZeroAddress, w.facility, 0, 0);
    await bonds.connect(stranger).claim(w.facility);
    const before = await w.facility.collectionsAssets();
    await w.facility.connect(stranger).sync();
    expect((await w.facility.collectionsAssets()) - before).to.equal(500n);
  });
});
