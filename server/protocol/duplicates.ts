import type { Hex } from "./bytes.ts";
import type { IdentifiedDevice } from "./identityTree.ts";

/** A live lot with the devices of its current identity root. */
export interface PublishedLot {
  readonly lotId: bigint;
  readonly devices: readonly IdentifiedDevice[];
}

/** Where a device stands. */
export interface Place {
  readonly lot: PublishedLot;
  readonly deviceIndex: number;
}

/** Devices that stand in two places, each with the place where it was seen before. */
export function* doubledDevices(lots: Iterable<PublishedLot>): Generator<readonly [Place, Place], void, undefined> {
  const places = new Map<Hex, Place>();
  for (const lot of lots) {
    for (const [deviceIndex, { anchor }] of lot.devices.entries()) {
      const before = places.get(anchor);
      if (before === undefined) places.set(anchor, { lot, deviceIndex });
      else yield [before, { lot, deviceIndex }];
    }
  }
}
