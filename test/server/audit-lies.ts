import { expect } from "chai";

import type { Aggregation, VerifiedReading } from "../../server/protocol/aggregate.ts";
import type { FiledCall } from "../../server/protocol/auditHistory.ts";
import { ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { packMeter, unpackMeter } from "../../server/protocol/meter.ts";
import type { Reading } from "../../server/protocol/reading.ts";
import type { ContractEvent } from "../../server/protocol/registryHistory.ts";
import type { Report } from "../../server/protocol/report.ts";
import { epochEndAt, epochStartAt } from "../../server/protocol/units.ts";
import { FIRST, TDP, auditOf, signed, type Lies } from "./lyingOracles.ts";

describe("the audit of oracles that lie", () => {
  const first = async (lies: Lies) => {
    const [difference] = await auditOf(lies);
    return difference && [difference.epoch, difference.subject, difference.expected, difference.found];
  };
  const E = FIRST + 1n;
  const inEpoch =
    (change: (report: Report, own: Aggregation) => Partial<Report>) => (report: Report, own: Aggregation) =>
      report.epoch === E ? { ...report, ...change(report, own) } : report;
  const reading = (change: (one: VerifiedReading) => VerifiedReading) => (epoch: bigint, list: VerifiedReading[]) =>
    epoch === E ? [change(list[0]!), ...list.slice(1)] : list;

  it("finds nothing when they do not, a skipped epoch among the others", async () => {
    expect(await auditOf()).to.deep.equal([]);
    expect(await auditOf({ skip: [E] })).to.deep.equal([]);
    expect(await auditOf({ skip: [FIRST] })).to.deep.equal([]);
  });

  it("names a skip that came while a report could still come", async () => {
    const [difference] = await auditOf({ skip: [E], skipDelaySec: 1n });
    expect([difference?.epoch, difference?.subject]).to.deep.equal([E, "skip"]);
    expect(difference?.found).to.equal(`at ${epochEndAt(E) + 1n}`);
  });

  it("compares the state that it begins with to the meters of the report before", async () => {
    expect(await auditOf({ fromEpoch: E })).to.deep.equal([]);
    const report = (told: Report): Report => {
      if (told.epoch !== FIRST) return told;
      const meter = packMeter(1n, TDP, { ...unpackMeter(told.meters[0]!), workUnits: 15n });
      return { ...told, meters: [meter, ...told.meters.slice(1)] };
    };
    const [difference] = await auditOf({ report, fromEpoch: E });
    expect([difference?.epoch, difference?.subject]).to.deep.equal([FIRST, "published state: lot 1: workUnits"]);
  });

  it("does not take a filing that came through another contract for a difference", async () => {
    expect(await auditOf({ call: () => undefined })).to.deep.equal([]);
  });

  it("names the counter of the lot that they signed too high", async () => {
    const meters = ({ meters: all }: Report) => [
      all[0]!,
      packMeter(2n, TDP, { ...unpackMeter(all[1]!), allocatedGpuSec: 7_201n }),
    ];
    const report = inEpoch((told) => ({ meters: meters(told) }));
    expect(await first({ report })).to.deep.equal([E, "meter of lot 2: allocatedGpuSec", "7200", "7201"]);
  });

  it("names the field of the report that they signed wrong", async () => {
    const other = keccakText("other");
    const cases: [string, (report: Report) => Partial<Report>, string][] = [
      ["readingsRoot", () => ({ readingsRoot: other }), "report: readingsRoot"],
      ["devicesReportingCount", () => ({ devicesReportingCount: 5n }), "report: devicesReportingCount"],
      ["devicesRegisteredCount", () => ({ devicesRegisteredCount: 5n }), "report: devicesRegisteredCount"],
      ["prevReportHash", () => ({ prevReportHash: other }), "report: prevReportHash"],
      ["periodEndAt", () => ({ periodEndAt: 5n }), "report: periodEndAt"],
      ["configDigest", () => ({ configDigest: other }), "report: configDigest"],
      ["methodologyHash", () => ({ methodologyHash: other }), "methodologies file"],
      ["dataHash", () => ({ dataHash: other }), "readings file"],
      ["meters", ({ meters }) => ({ meters: meters.slice(0, 1) }), "lots"],
    ];
    for (const [name, change, subject] of cases) {
      const found = await first({ report: inEpoch(change) });
      expect(found?.slice(0, 2), name).to.deep.equal([E, subject]);
    }
  });

  it("names the reading whose node did not sign it, and the line where it is", async () => {
    const [difference] = await auditOf({
      readings: reading((one) => ({ ...one, signature: signed(FIRST, 2n).signature })),
    });
    expect([difference!.epoch, difference!.subject]).to.deep.equal([E, "reading of node 1: signature"]);
    expect(difference!.found).to.match(/^Reading_BadSignature: nodeId 1, epoch 490001, readingHash 0x/);
    expect(difference!.where).to.match(/^readings 0x[0-9a-f]{64} line 2$/);
  });

  it("names the reading that breaks a bound, its chain, its growth or the identities", async () => {
    const device = (one: VerifiedReading, change: object) =>
      one.reading.devices.map((old, place) => (place === 0 ? { ...old, ...change } : old));
    const changed = (change: (one: VerifiedReading) => Partial<Reading>) =>
      reading((one) => signed(E, 1n, undefined, { ...one.reading, ...change(one) }));
    const cases: [string, (one: VerifiedReading) => Partial<Reading>][] = [
      ["Reading_TimeBeyondPeriod", (one) => ({ devices: device(one, { availableSec: 3601n }) })],
      ["Reading_EnergyImplausible", (one) => ({ devices: device(one, { energyEndMJ: 9_000_000_000n }) })],
      ["Reading_WrongPrevHash", () => ({ prevReadingHash: ZERO_BYTES32 })],
      ["Reading_WrongSequence", () => ({ sequenceIndex: 0n })],
      ["Reading_CounterFell", (one) => ({ devices: device(one, { energyStartMJ: 5n, energyEndMJ: 6n }) })],
      [
        "Reading_CounterFell",
        (one) => ({ sequenceIndex: 9n, devices: device(one, { energyStartMJ: 5n, energyEndMJ: 6n }) }),
      ],
      ["Reading_WrongDevice", (one) => ({ devices: device(one, { deviceId: keccakText("a board of nobody's") }) })],
    ];
    for (const [code, change] of cases) {
      const [difference] = await auditOf({ readings: changed(change) });
      expect([difference?.subject, difference?.found.split(":")[0]]).to.deep.equal(["reading of node 1", code]);
    }
  });

  it("names what is wrong with the signatures that came with a report", async () => {
    const call = (change: (given: FiledCall) => FiledCall | undefined) => (epoch: bigint, given: FiledCall) =>
      epoch === E ? change(given) : given;
    const wrong = "11".repeat(64);
    const cases: [string, (given: FiledCall) => FiledCall | undefined][] = [
      ["signerBitmap", (given) => ({ ...given, signerBitmap: 14n })],
      ["signed value", (given) => ({ ...given, value: { ...given.value, epoch: 5n } })],
      ["signatures", (given) => ({ ...given, signatures: given.signatures.slice(0, -128) as Hex })],
      ["signature of signer 0", (given) => ({ ...given, signatures: `0x${wrong}${given.signatures.slice(130)}` })],
    ];
    for (const [subject, change] of cases) {
      expect((await first({ call: call(change) }))?.slice(0, 2), subject).to.deep.equal([E, subject]);
    }
  });

  it("names a reading of a node that was revoked, and one of a lot that nobody attested", async () => {
    const revoked = (list: ContractEvent[]) => {
      const at = epochStartAt(E) + 1n;
      const event = { contract: "registry" as const, block: 9n, blockAt: at, txHash: keccakText("revocation") };
      return [...list, { ...event, name: "NodeRevoked", args: { nodeId: 2n } }];
    };
    expect(await first({ events: revoked })).to.deep.equal([
      ...[E, "reading of node 2", "a registered node", "a revoked node"],
    ]);
    const unattested = (list: ContractEvent[]) =>
      list.filter(({ name, args }) => name !== "Attested" || args["lotId"] !== 2n);
    expect(await first({ events: unattested })).to.deep.equal([FIRST, "lots", "1", "1 2"]);
  });

  it("names a reading of a lot that was frozen, retired or swapped, and of the second node with a key", async () => {
    const also = (name: string, args: object) => (list: ContractEvent[]) => {
      const at = epochStartAt(E) + 1n;
      const event = { contract: "registry" as const, block: 9n, blockAt: at, txHash: keccakText(name) };
      return [...list, { ...event, name, args: { lotId: 2n, ...args } }];
    };
    const cases: [string, object][] = [
      ["DuplicateProven", {}],
      ["LotRetired", {}],
      ["AttestationVoided", { level: 1n }],
    ];
    for (const [name, args] of cases) {
      const found = await first({ events: also(name, args) });
      expect(found?.slice(0, 2), name).to.deep.equal([E, "reading of node 2"]);
      expect(found?.[3], name).to.match(/^Reading_LotNotInForce/);
    }
    const twice = (list: ContractEvent[]) =>
      list.flatMap((event) => {
        const isSecond = event.name === "NodeRegistered" && event.args["nodeId"] === 2n;
        const before = { ...event, args: { ...event.args, nodeId: 0n } };
        return isSecond ? [before, event] : [event];
      });
    const found = await first({ events: twice });
    expect([found?.[1], String(found?.[3]).split(":")[0]]).to.deep.equal(["reading of node 2", "Reading_WrongDevice"]);
  });

  it("names an event that says another time, or another digest of its configuration", async () => {
    const edited = (named: string, change: object) => (list: ContractEvent[]) =>
      list.map((event) => (event.name === named ? { ...event, args: { ...event.args, ...change } } : event));
    const late = edited("Submitted", { submittedAt: epochEndAt(FIRST) + 61n });
    expect((await first({ events: late }))?.slice(0, 2)).to.deep.equal([FIRST, "submittedAt"]);
    const other = edited("ConfigSet", { configDigest: ZERO_BYTES32 });
    expect((await first({ events: other }))?.slice(0, 2)).to.deep.equal([undefined, "configDigest"]);
    const expired = edited("ConfigSet", { expiresAt: 5n });
    expect((await first({ events: expired }))?.slice(0, 2)).to.deep.equal([FIRST, "configuration"]);
  });

  it("names the epoch that is not there", async () => {
    const events = (list: ContractEvent[]) =>
      list.filter(({ name, args }) => name !== "Submitted" || args["epoch"] !== E);
    expect(await first({ events })).to.deep.equal([E + 1n, "epoch", String(E), String(E + 1n)]);
  });

  it("names what was recorded otherwise than filed, too early, or not filed at all", async () => {
    const edited = (change: (event: ContractEvent) => ContractEvent) => (list: ContractEvent[]) =>
      list.map((event) => (event.name === "Recorded" ? change(event) : event));
    const last = FIRST + 2n;
    const counter = edited((event) => {
      return { ...event, args: { ...event.args, meter: { ...(event.args["meter"] as object), workUnits: 1n } } };
    });
    expect(await first({ events: counter })).to.deep.equal([last, "recorded meter of lot 1: workUnits", "42", "1"]);
    const early = edited((event) => ({ ...event, blockAt: epochEndAt(last) + 61n }));
    expect((await first({ events: early }))?.[1]).to.equal("recorded meter of lot 1");
    const stray = edited((event) => ({ ...event, args: { ...event.args, lotId: 9n } }));
    expect((await first({ events: stray }))?.slice(1)).to.deep.equal([
      "recorded meter of lot 9",
      "none: it was not filed",
      "a meter",
    ]);
  });

  it("follows a rollback: what was taken back is not audited, and must be reported anew", async () => {
    const wrong = inEpoch(({ meters }) => ({ meters: meters.slice(0, 1) }));
    const rolledBack = (list: ContractEvent[]) => {
      const at = list.findIndex(({ name, args }) => name === "Submitted" && args["epoch"] === E);
      const [{ blockAt, block }] = [list[at]!];
      const event = { contract: "telemetry" as const, block, blockAt: blockAt + 9n, txHash: keccakText("resolution") };
      return [
        ...list.slice(0, at + 1),
        { ...event, name: "Halted", args: { epoch: E } },
        { ...event, name: "Resolved", args: { epoch: E, rolledBack: true } },
      ];
    };
    expect(await auditOf({ report: wrong, events: rolledBack })).to.deep.equal([]);
    const halted = (list: ContractEvent[]) => rolledBack(list).slice(0, -1).concat(list.slice(-2));
    expect((await first({ events: halted }))?.[1]).to.equal("halt");
  });

  it("lists more than the first when asked, each once, and goes on from what was published", async () => {
    const report = inEpoch(({ meters }) => ({
      meters: meters.map((meter) => packMeter(meter.lotId, TDP, { ...unpackMeter(meter), workUnits: 29n })),
    }));
    const found = await auditOf({ report }, 100);
    expect(found.map(({ epoch, subject }) => `${epoch} ${subject}`)).to.deep.equal([
      `${E} meter of lot 1: workUnits`,
      `${E} meter of lot 2: workUnits`,
    ]);
  });
});
