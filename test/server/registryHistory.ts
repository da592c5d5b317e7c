import { expect } from "chai";

import { keccakText } from "../../server/protocol/keccak.ts";
import { registryClock, type ContractEvent } from "../../server/protocol/registryHistory.ts";

const HOUR = 3600n;

describe("protocol registry history", () => {
  const root = keccakText("root");
  const lot = { gpuCount: 8n, tdpW: 700n, identityRoot: root };
  let block = 0n;
  const at = (blockAt: bigint, name: string, args: Record<string, unknown>): ContractEvent => {
    return { contract: "registry", name, args, blockAt, block: ++block, txHash: keccakText(String(block)) };
  };
  const registered = at(0n, "LotRegistered", { lotId: 1n, siteId: 1n, lot });
  const attested = (from: bigint, until: bigint, level = 1n) =>
    at(from, "Attested", { lotId: 1n, level, expiresAt: until });

  /** The hours at whose end the lot is among those that a report has. */
  const reportedAt = (events: ContractEvent[], hours = 6): number[] => {
    const clock = registryClock(events);
    return Array.from({ length: hours }, (_, hour) => hour + 1).filter((hour) => {
      clock.moveTo(BigInt(hour) * HOUR);
      return clock.reportedLots().length > 0;
    });
  };

  it("E09: a lot is reported from the first end of an hour at which it is attested, for good", () => {
    const cases: [string, ContractEvent[], number[]][] = [
      ["never attested", [], []],
      ["at the end itself", [attested(2n * HOUR, 9n * HOUR)], [2, 3, 4, 5, 6]],
      ["a second after an end", [attested(2n * HOUR + 1n, 9n * HOUR)], [3, 4, 5, 6]],
      ["and expired meanwhile", [attested(0n, 2n * HOUR)], [1, 2, 3, 4, 5, 6]],
      ["between two ends", [attested(HOUR + 1n, 2n * HOUR)], []],
      ["until after an end", [attested(HOUR + 1n, 2n * HOUR + 1n)], [2, 3, 4, 5, 6]],
      ["at another level", [attested(0n, 9n * HOUR, 2n)], []],
      ["voided before an end", [attested(HOUR + 1n, 9n * HOUR), voided(HOUR + 2n, 1n)], []],
      ["another level voided", [attested(HOUR + 1n, 9n * HOUR), voided(HOUR + 2n, 2n)], [2, 3, 4, 5, 6]],
      ["swapped before an end", [attested(HOUR + 1n, 9n * HOUR), swapped(HOUR + 2n)], []],
      ["and again", [attested(HOUR + 1n, HOUR + 2n), attested(4n * HOUR, 9n * HOUR)], [4, 5, 6]],
    ];
    for (const [name, events, hours] of cases) expect(reportedAt([registered, ...events]), name).to.deep.equal(hours);
  });

  it("a lot stands where it was moved to, with the devices it was swapped to, at that time and no sooner", () => {
    const clock = registryClock([registered, at(HOUR, "LotMoved", { lotId: 1n, siteId: 2n }), swapped(2n * HOUR)]);
    const seen = [0n, HOUR - 1n, HOUR, 2n * HOUR].map((time) => {
      clock.moveTo(time);
      return [clock.lot(1n)?.siteId, clock.lot(1n)?.identityRoot === root];
    });
    expect(seen).to.deep.equal([
      [1n, true],
      [1n, true],
      [2n, true],
      [2n, false],
    ]);
    expect(clock.lot(2n)).to.equal(undefined);
  });

  it("a node is there from its registration, and revoked from then on", () => {
    const [publicX, publicY] = [keccakText("x"), keccakText("y")];
    const node = { nodeId: 1n, siteId: 1n, publicX, publicY };
    const clock = registryClock([at(HOUR, "NodeRegistered", node), at(2n * HOUR, "NodeRevoked", { nodeId: 1n })]);
    const seen = [0n, HOUR, 2n * HOUR].map((time) => {
      clock.moveTo(time);
      return clock.node(1n)?.isRevoked;
    });
    expect(seen).to.deep.equal([undefined, false, true]);
    expect(clock.node(1n)).to.include({ x: publicX, y: publicY });
  });

  function voided(time: bigint, level: bigint): ContractEvent {
    return at(time, "AttestationVoided", { lotId: 1n, level });
  }
  function swapped(time: bigint): ContractEvent {
    return at(time, "DevicesSwapped", { lotId: 1n, identityRoot: keccakText("another root") });
  }
});
