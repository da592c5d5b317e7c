import { network } from "hardhat";
import { accessManager, CREDENTIAL, US } from "./facility-world.ts";

export const [NONE, RETAIL, PROFESSIONAL, INSTITUTIONAL] = [0, 1, 2, 3] as const;
const YEAR = 365 * 86_400;

/// A gate for professionals, one provider listed, and the verbs of its tests.
export async function createGate() {
  const { ethers, networkHelpers } = await network.create();
  const [admin, alice, mallory, provider, other] = await ethers.getSigners();
  if (!admin || !alice || !mallory || !provider || !other) throw new Error("five accounts are needed");
  const { abi, bytecode } = accessManager;
  const manager = await new ethers.ContractFactory(abi, bytecode, admin).deploy(admin.address);
  const gate = await ethers.deployContract("Gate", [await manager.getAddress(), PROFESSIONAL]);
  await gate.listProvider(provider.address, true);
  const now = await networkHelpers.time.latest();
  const { chainId } = await ethers.provider.getNetwork();
  const domain = { name: "Rackbond Gate", version: "1", chainId, verifyingContract: await gate.getAddress() };
  const credential = {
    holder: alice.address,
    provider: provider.address,
    country: US,
    category: PROFESSIONAL as number,
    issuedAt: now,
    expiresAt: now + YEAR,
  };
  const sign = (changed: Partial<typeof credential> = {}, signer = provider, changedDomain = {}) =>
    signer.signTypedData({ ...domain, ...changedDomain }, CREDENTIAL, { ...credential, ...changed });
  const present = async (changed: Partial<typeof credential> = {}) =>
    gate.connect(mallory).present({ ...credential, ...changed }, await sign(changed));
  /// [may receive, may send, is verified]
  const rights = async (account = alice.address) => [
    await gate.canReceive(account),
    await gate.canSend(account),
    await gate.isVerified(account),
  ];
  return {
    ethers,
    networkHelpers,
    admin,
    alice,
    mallory,
    provider,
    other,
    gate,
    now,
    credential,
    sign,
    present,
    rights,
  };
}
