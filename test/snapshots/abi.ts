import { Interface } from "ethers";
import { artifacts } from "hardhat";
import { matchSnapshot } from "./snapshot.ts";

describe("snapshot of the ABI", () => {
  it("is the one committed, for every contract that can be deployed", async () => {
    const names = [...(await artifacts.getAllFullyQualifiedNames())].filter(
      (name) => name.startsWith("contracts/") && !name.startsWith("contracts/mocks/"),
    );
    const lines = await Promise.all(
      names.map(async (name) => {
        const { abi, bytecode, contractName } = await artifacts.readArtifact(name);
        if (bytecode === "0x") return [];
        return new Interface(abi).fragments.map((fragment) => `${contractName}: ${fragment.format("full")}`);
      }),
    );
    matchSnapshot("abi.txt", lines.flat().sort().join("\n") + "\n");
  });
});
