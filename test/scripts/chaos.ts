import { createServer, connect } from "node:net";
import { once } from "node:events";

import { expect } from "chai";

import { keepAccount, type PublishedEpoch } from "../../scripts/chaos/account.ts";
import { simulateFleet } from "../../scripts/chaos/fleet.ts";
import { FAULT_KINDS, FAULTS, planFaults } from "../../scripts/chaos/plan.ts";
import { writeEpoch, type Made } from "../../scripts/chaos/readings.ts";
import { openWire, type WireMode } from "../../scripts/chaos/wire.ts";
import { SITE_FACTORS } from "../../scripts/catalogue.ts";
import { aggregate, initialState } from "../../server/protocol/aggregate.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { unpackMeter } from "../../server/protocol/meter.ts";

const DOMAIN: Hex = `0x${"11".repeat(32)}`;
const { itPerGpuEnergyE4: overheadE4, ...OTHERS } = SITE_FACTORS;
const factors = { overheadE4, ...OTHERS };

describe("chaos run", () => {
  describe("plan of faults", () => {
    const plan = (seed: string) => planFaults({ seed, kinds: FAULT_KINDS, epochCount: 24, beatsPerEpoch: 30 });

    it("is a function of the seed", () => {
      expect(plan("7")).to.deep.equal(plan("7"));
      expect(plan("7")).not.to.deep.equal(plan("8"));
    });

    it("has every kind, and one oracle at a time that may say anything", () => {
      for (const seed of ["1", "2", "3"]) {
        const faults = plan(seed);
        const passing = FAULT_KINDS.filter((kind) => !FAULTS[kind].isArbitrary);
        expect(faults.map(({ kind }) => kind)).to.include.members(passing);
        const arbitrary = faults.filter(({ kind }) => FAULTS[kind].isArbitrary);
        expect(arbitrary.length).to.be.greaterThan(3);
        arbitrary.slice(1).forEach(({ atBeat }, index) => {
          expect(atBeat).to.be.greaterThan(arbitrary[index]!.atBeat + arbitrary[index]!.beatCount + 30);
        });
      }
    });
  });

  describe("account", () => {
    const first = 490_000n;
    const fleet = simulateFleet("test", 2, 12);
    const lots = fleet.map(({ lotId, tdpW, nodes }) => ({
      ...{ lotId, tdpW, site: factors },
      gpuCount: BigInt(nodes.flatMap(({ boards }) => boards).length),
    }));
    const made = new Map<Hex, Made>();
    const epochs: PublishedEpoch[] = [];
    const account = (published: readonly PublishedEpoch[], held: (one: Made) => boolean) =>
      keepAccount(
        { domain: DOMAIN, fleet, factors, made, holders: (one) => (held(one) ? 2 : 0), holderCount: 2 },
        published,
      );
    const changed = (index: number, change: (epoch: PublishedEpoch) => Partial<PublishedEpoch>) =>
      epochs.map((epoch, at) => (at === index ? { ...epoch, ...change(epoch) } : epoch));
    const rules = (published: readonly PublishedEpoch[], held: (one: Made) => boolean = () => false) =>
      new Set(account(published, held).findings.map(({ rule }) => rule));
    const plain = ({ habit }: Made) => habit === "plain";

    before(() => {
      let state = initialState(first);
      for (let epoch = first; epoch < first + 6n; epoch++) {
        for (const post of writeEpoch("test", fleet, DOMAIN, epoch)) made.set(post.made.hash, post.made);
        const set = [...made.values()]
          .filter((one) => one.reading.epoch === epoch && plain(one))
          .map(({ reading, hash: readingHash, json }) => ({ reading, readingHash, signature: json.signature as Hex }));
        const sums = aggregate(epoch, state, lots, set);
        state = sums.state;
        const meters = new Map(state.lots.map(({ lotId, meter }) => [lotId, meter]));
        epochs.push({ epoch, readings: set, meters });
        expect(unpackMeter(sums.meters[0]!)).to.deep.equal(meters.get(1n));
      }
    });

    it("comes to the meters of the aggregation by another way", () => {
      const { findings, readingCount, mustCount } = account(epochs, plain);
      expect(findings).to.deep.equal([]);
      expect(readingCount).to.equal(mustCount).and.to.be.greaterThan(60);
    });

    it("finds a meter that is off by one, and one that a reading is missing of", () => {
      const meters = (epoch: PublishedEpoch) => {
        const [lotId, meter] = [...epoch.meters][0]!;
        return new Map([...epoch.meters, [lotId, { ...meter, itEnergyWh: meter.itEnergyWh + 1n }]]);
      };
      expect(rules(changed(3, (epoch) => ({ meters: meters(epoch) })))).to.deep.equal(new Set(["meters"]));
      const shorter = changed(5, ({ readings }) => ({ readings: readings.slice(1) }));
      expect(rules(shorter, plain)).to.deep.equal(new Set(["meters", "complete"]));
    });

    it("finds what nobody made, what was forged, and a node that stands twice", () => {
      const forged = [...made.values()].find(({ habit }) => habit === "forged")!;
      const entry = { reading: forged.reading, signature: forged.json.signature as Hex };
      const index = Number(forged.reading.epoch - first);
      expect(rules(changed(index, ({ readings }) => ({ readings: [...readings, entry] })))).to.include("valid");
      const twice = changed(2, ({ readings }) => ({ readings: [...readings, readings[0]!] }));
      expect(rules(twice)).to.include("valid");
      const stranger = changed(2, ({ readings: [one, ...others] }) => ({
        readings: [{ ...one!, reading: { ...one!.reading, sequenceIndex: 999n } }, ...others],
      }));
      expect(rules(stranger)).to.include("valid");
    });
  });

  describe("wire", () => {
    /** What comes back of "hello" through a wire, within a moment; undefined when nothing does. */
    const echo = async (mode: WireMode): Promise<string | undefined> => {
      const server = createServer((socket) => void socket.on("error", () => undefined).pipe(socket));
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const wire = await openWire({ port: (server.address() as { port: number }).port, slowMs: 50 });
      wire.set(mode);
      const socket = connect(wire.port, "127.0.0.1");
      const said = new Promise<string | undefined>((resolve) => {
        socket.once("data", (bytes: Buffer) => resolve(bytes.toString()));
        socket.once("error", () => resolve("reset"));
        setTimeout(resolve, 150, undefined);
      });
      socket.write("hello");
      const answer = await said;
      socket.destroy();
      await wire.close();
      server.close();
      return answer;
    };

    it("carries, delays, changes, loses and resets", async () => {
      expect(await echo("open")).to.equal("hello");
      expect(await echo("slow")).to.equal("hello");
      expect(await echo("corrupt")).to.equal("hemlo");
      expect(await echo("refuse")).to.equal("reset");
      for (const mode of ["silent", "mute", "deaf"] as const) expect(await echo(mode)).to.equal(undefined);
    });
  });
});
