import { expect } from "chai";
import { distinctReadings } from "../../server/protocol/distinct.ts";
import type { Reading } from "../../server/protocol/reading.ts";

describe("protocol distinct", () => {
  const of = (nodeId: bigint, lotId: bigint, ...devices: [number, string][]) => ({
    reading: {
      nodeId,
      lotId,
      devices: devices.map(([deviceIndex, deviceId]) => ({ deviceIndex, deviceId })),
    } as unknown as Reading,
  });
  const nodes = (...readings: ReturnType<typeof of>[]) =>
    distinctReadings(readings).map(({ reading }) => reading.nodeId);

  it("E05: leaves out who repeats a place or a device of its lot, whole, in whatever order they come", () => {
    const low = of(1n, 1n, [0, "a"], [1, "b"]);
    for (const high of [of(2n, 1n, [1, "c"]), of(2n, 1n, [2, "b"]), of(2n, 1n, [2, "c"], [3, "a"])]) {
      expect(nodes(low, high)).to.deep.equal([1n]);
      expect(nodes(high, low)).to.deep.equal([1n]);
    }
  });

  it("E07: keeps a device that stands in two lots: neither pays for the other", () => {
    expect(nodes(of(2n, 2n, [0, "a"]), of(1n, 1n, [0, "a"]))).to.deep.equal([1n, 2n]);
  });

  it("keeps who repeats only what was left out", () => {
    const readings = [of(1n, 1n, [0, "a"]), of(2n, 1n, [0, "b"], [1, "c"]), of(3n, 1n, [1, "c"])];
    expect(nodes(...readings)).to.deep.equal([1n, 3n]);
  });
});
