import type { Hex } from "./bytes.ts";
import type { Reading } from "./reading.ts";

/**
 * The readings that can stand in one set (docs/telemetry.md §3): by ascending node, without those that have a device or
 * a place of their lot which one before has. It is the lot's operator who registered it twice: no other lot loses by it.
 */
export function distinctReadings<T extends { readonly reading: Reading }>(readings: readonly T[]): T[] {
  const taken = new Map<bigint, Set<number | Hex>>();
  const byNode = readings.toSorted((a, b) => (a.reading.nodeId < b.reading.nodeId ? -1 : 1));
  return byNode.filter(({ reading: { lotId, devices } }) => {
    const ofLot = taken.get(lotId) ?? new Set();
    taken.set(lotId, ofLot);
    if (devices.some(({ deviceIndex, deviceId }) => ofLot.has(deviceIndex) || ofLot.has(deviceId))) return false;
    for (const { deviceIndex, deviceId } of devices) ofLot.add(deviceIndex).add(deviceId);
    return true;
  });
}
