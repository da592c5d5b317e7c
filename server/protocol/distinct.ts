import type { Reading } from "./reading.ts";

/**
 * The readings that can stand in one set (docs/telemetry.md §3): by ascending node, without those that have a device or
 * a place of their lot which one before has. It is the lot's operator who registered it twice: no other lot loses by it.
 */
export function distinctReadings<T extends { readonly reading: Reading }>(readings: readonly T[]): T[] {
  const taken = new Set<string>();
  const byNode = readings.toSorted((a, b) => (a.reading.nodeId < b.reading.nodeId ? -1 : 1));
  return byNode.filter(({ reading: { lotId, devices } }) => {
    const names = devices.flatMap(({ deviceIndex, deviceId }) => [`${lotId} ${deviceIndex}`, `${lotId} ${deviceId}`]);
    if (names.some((name) => taken.has(name))) return false;
    for (const name of names) taken.add(name);
    return true;
  });
}
