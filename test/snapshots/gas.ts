import { createRequire } from "node:module";
import { expect } from "chai";
import { ContractFactory, encodeBytes32String, id, type ContractTransactionResponse } from "ethers";
import { network } from "hardhat";
import { Registry__factory } from "../../types/factories/registry/Registry__factory.ts";
import { matchSnapshot, sortedJson } from "./snapshot.ts";

// To add a path: drive it here, or in a file that imports `gas`, as a user would meet it in steady state (storage warm
// where it is warm in life), with constants only, and name the row "Contract.verb, what decides the cost". Then
// `npm run snapshots:update` and read the diff.

const rows: Record<string, number> = {};

/** Notes what a transaction cost. Gas on the simulated chain is exact, so any difference is a change of the code. */
async function gas(name: string, transaction: Promise<ContractTransactionResponse>): Promise<void> {
  const receipt = await (await transaction).wait();
  expect(rows, "each row once").not.to.have.property(name);
  rows[name] = Number(receipt!.gasUsed);
}

const accessManager = createRequire(import.meta.url)(
  "@openzeppelin/contracts/build/contracts/AccessManager.json",
) as { abi: []; bytecode: string };

describe("gas of the hot paths", () => {
  it("Registry", async () => {
    const { ethers } = await network.create();
    const [admin, operator, facility] = await ethers.getSigners();
    const manager = await new ContractFactory(accessManager.abi, accessManager.bytecode, admin).deploy(admin!);
    const registry = await new Registry__factory(admin).deploy(manager);
    await registry.addModel("H100", 700);
    const asOperator = registry.connect(operator);
    await asOperator.registerSite("0x4652", encodeBytes32String("FR"));
    const register = () =>
      asOperator.registerLot(1, id("H100"), 64, 2_000_000_000_000n, 1_767_225_600n, id("identity root"));
    await register();
    await gas("Registry.registerLot", register());
    await gas("Registry.offerLien", asOperator.offerLien(1, facility!));
    await gas("Registry.takeLien", registry.connect(facility).takeLien(1));
    await gas("Registry.releaseLien", registry.connect(facility).releaseLien(1));
  });

  it("is the one committed", () => {
    matchSnapshot("gas.json", sortedJson(rows));
  });
});
