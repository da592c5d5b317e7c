import type { Signer } from "ethers";

import { INTERFACES, send } from "../server/protocol/contracts.ts";
import type { Addresses, Deployment } from "../server/protocol/deployment.ts";
import { Authority__factory } from "../types/factories/governance/Authority__factory.ts";
import { FUNCTIONS, OFFICES, ROLES, roleCalls, type Governed, type Office } from "./governance.ts";

/** Whose each office is from the hand-over on. */
export type Seats = Readonly<Record<Office, string>>;

interface GovernedTarget {
  readonly contract: Governed;
  readonly target: string;
}

/** Every contract with restricted functions, by its kind; each facility and class token is one. */
export function governedTargets(deployment: Pick<Deployment, "addresses" | "facilities">): GovernedTarget[] {
  const { addresses, facilities } = deployment;
  const single = (Object.keys(FUNCTIONS) as Governed[]).filter(
    (kind): kind is Governed & keyof Addresses => kind in addresses,
  );
  return [
    ...single.map((contract): GovernedTarget => ({ contract, target: addresses[contract] })),
    ...facilities.flatMap(({ address, classTokens }) => clonesOf(address, classTokens)),
  ];
}

function clonesOf(facility: string, classTokens: readonly string[]): GovernedTarget[] {
  return [
    { contract: "facility", target: facility },
    ...classTokens.map((target): GovernedTarget => ({ contract: "classToken", target })),
  ];
}

/**
 * What an administrator calls once a facility was created. The factory cannot: only an administrator gives functions
 * their roles. Until it did, what the facility and its tokens restrict is the administrator's, after its own delay.
 */
export function facilityCalls(facility: string, classTokens: readonly string[]): string[] {
  return clonesOf(facility, classTokens).flatMap(({ contract, target }) => roleCalls(contract, target));
}

/**
 * Gives every office to its seat, with its delay, and takes the deployer's roles: in one transaction, after which nobody
 * acts without the delay of its role.
 */
export async function handOver(
  deployment: Pick<Deployment, "addresses" | "facilities">,
  deployer: Signer,
  seats: Seats,
): Promise<void> {
  const own = await deployer.getAddress();
  const call = INTERFACES.authority.encodeFunctionData.bind(INTERFACES.authority);
  if (Object.values(seats).includes(own)) throw new Error("who deployed keeps no role");
  const adminDelaySec = ROLES.ADMIN.delaySec;
  const calls = [
    ...deployment.facilities.flatMap(({ address, classTokens }) => facilityCalls(address, classTokens)),
    ...governedTargets(deployment).map(({ target }) => call("setTargetAdminDelay", [target, adminDelaySec])),
    ...OFFICES.map((office) => call("grantRole", [ROLES[office].roleId, seats[office], ROLES[office].delaySec])),
    // The administrator's own role goes last: it takes the others.
    ...OFFICES.toReversed().map((office) => call("revokeRole", [ROLES[office].roleId, own])),
  ];
  await send(Authority__factory.connect(deployment.addresses.authority, deployer).multicall(calls));
}
