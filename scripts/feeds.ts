import { ZeroAddress, type Signer } from "ethers";

import type { Addresses, Deployment } from "../server/protocol/deployment.ts";
import { ClassPrice__factory } from "../types/factories/valuation/ClassPrice__factory.ts";
import { IndexFeed__factory } from "../types/factories/valuation/IndexFeed__factory.ts";
import type { FleetLot } from "./fleet.ts";
import { modelsOf } from "./quotes.ts";

// Prices of classes and the compute index as others read them. They have no roles: anyone may deploy one.

/** A class's price, on a chain without a sequencer. */
export async function openPrice(
  by: Signer,
  addresses: Addresses,
  facility: string,
  classIndex: number,
): Promise<string> {
  const price = await new ClassPrice__factory(by).deploy(addresses.valuation, facility, classIndex, ZeroAddress);
  await price.waitForDeployment();
  return await price.getAddress();
}

/** The index of each model. */
export async function openFeeds(
  by: Signer,
  addresses: Addresses,
  fleet: readonly FleetLot[],
): Promise<Deployment["indexFeeds"]> {
  const feeds = [];
  for (const { name } of modelsOf(fleet)) {
    const feed = await new IndexFeed__factory(by).deploy(addresses.computeIndex, name);
    await feed.waitForDeployment();
    feeds.push({ model: name, address: await feed.getAddress() });
  }
  return feeds;
}
