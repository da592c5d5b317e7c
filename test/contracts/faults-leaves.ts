// Leaves that cannot both be, counters that fall and readings that nobody signed.
import { expect } from "chai";
import { ZeroAddress } from "ethers";
import type { VerifiedReading } from "../../server/protocol/aggregate.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { deviceLeavesOf, statementCall, twoReports, type FiledStatement } from "../../server/protocol/faults.ts";
import { nodeKeyHash } from "../../server/protocol/identity.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import type { DeviceLeaf } from "../../server/protocol/leaf.ts";
import { P256_ORDER } from "../../server/protocol/signature.ts";
import { Stage, leafCall, readingProof } from "./faults-stage.ts";
import { hourOf, signed, type World } from "./faults-world.ts";
import { hashOf } from "./reports.ts";

describe("Faults: leaves", () => {
  const at = new Stage();

  describe("E05: doubled", () => {
    const two = (devices: Parameters<typeof signed>[2], more: Partial<VerifiedReading["reading"]> = {}) => [
      at.reading(),
      signed(at.world, at.liars.pen.epoch, devices, { nodeId: 2n, lotId: 2n, ...more }),
    ];

    it("costs: a device of a lot in two places", async () => {
      const filed = await at.liars.file(two([hourOf(1, { deviceId: keccakText("board 3") })], { lotId: 1n }));
      await at.costs(at.found(filed).find(({ verb }) => verb === "proveDoubled"));
    });

    it("costs: a place in a lot twice", async () => {
      const filed = await at.liars.file(two([hourOf(3, { deviceId: keccakText("other") })], { lotId: 1n }));
      await at.costs(at.found(filed).find(({ verb }) => verb === "proveDoubled"));
    });

    it("costs: a leafIndex twice, or leaves out of order; in either order", async () => {
      const epoch = at.liars.pen.epoch;
      const [a, b] = deviceLeavesOf(epoch, [at.reading()]) as [DeviceLeaf, DeviceLeaf];
      for (const leaves of [
        [a, { ...b, leafIndex: 0 }],
        [
          { ...a, leafIndex: 1 },
          { ...b, leafIndex: 0 },
        ],
      ] as [DeviceLeaf, DeviceLeaf][]) {
        await at.again();
        const filed = await at.liars.file([at.reading()], leaves);
        const [first, second] = [leafCall(leaves[0], leaves), leafCall(leaves[1], leaves)];
        await at.costs({
          ...{ verb: "proveDoubled", epoch, says: "" },
          args: [at.config, statementCall(filed), ...([second, first] as const)],
        });
        await expect(
          at.world.faults.proveDoubled(at.config, statementCall(filed), first, second, at.world.prover),
        ).to.be.revertedWithCustomError(at.world.faults, "Faults_AlreadyProven");
      }
    });

    it("E07: is none: a leaf shown twice, a device in two lots, any two of an honest report, in either order", async () => {
      const filed = await at.liars.file(two([hourOf(1, { deviceId: hourOf(0).deviceId })]));
      expect(at.found(filed)).to.deep.equal([]);
      const leaves = deviceLeavesOf(filed.report.epoch, filed.readings);
      for (const a of leaves) {
        for (const b of leaves) {
          await expect(
            at.world.faults.proveDoubled(
              at.config,
              statementCall(filed),
              leafCall(a, leaves),
              leafCall(b, leaves),
              at.world.prover,
            ),
          ).to.be.revertedWithCustomError(at.world.faults, a === b ? "Faults_SameLeaf" : "Faults_LeavesApart");
        }
      }
    });
  });

  describe("a fallen counter", () => {
    const hours = async (start: bigint, more: Partial<VerifiedReading["reading"]> = {}) => {
      const first = await at.liars.file([at.reading()]);
      const devices = [
        hourOf(0, { energyStartMJ: 2_000_000n, energyEndMJ: 2_500_000n }),
        hourOf(3, { energyStartMJ: start, energyEndMJ: 2_500_000n }),
      ];
      const second = await at.liars.file([signed(at.world, at.liars.pen.epoch, devices, more)]);
      return [first, second] as const;
    };
    const call = (a: FiledStatement, b: FiledStatement) => {
      const [before, after] = [deviceLeavesOf(a.report.epoch, a.readings), deviceLeavesOf(b.report.epoch, b.readings)];
      return [
        ...([at.config, statementCall(b), leafCall(after[1]!, after)] as const),
        ...([statementCall(a).report, a.submittedAt, leafCall(before[1]!, before), at.world.prover.address] as const),
      ] as const;
    };

    it("costs the signers of the later report", async () => {
      const [first, second] = await hours(1_999_999n);
      const proof = at.found(second, [first]).find(({ verb }) => verb === "proveFallenCounter");
      await at.costs(proof);
    });

    it("is none: a counter that goes on where it stood", async () => {
      const [first, second] = await hours(2_000_000n);
      expect(at.found(second, [first]).map(({ verb }) => verb)).not.to.include("proveFallenCounter");
      await expect(at.world.faults.proveFallenCounter(...call(first, second)))
        .to.be.revertedWithCustomError(at.world.faults, "Faults_CounterHolds")
        .withArgs(2_000_000n, 2_000_000n);
    });

    it("is none: of another node or another device", async () => {
      const [first, second] = await hours(0n, { nodeId: 2n });
      await expect(at.world.faults.proveFallenCounter(...call(first, second))).to.be.revertedWithCustomError(
        at.world.faults,
        "Faults_NotNext",
      );
      const third = await at.liars.file([
        at.reading({ energyStartMJ: 0n, energyEndMJ: 1n, deviceId: keccakText("new") }),
      ]);
      await expect(at.world.faults.proveFallenCounter(...call(second, third))).to.be.revertedWithCustomError(
        at.world.faults,
        "Faults_OtherDevice",
      );
    });

    it("is none: two hours on, unless it is the node's next reading; nor backwards", async () => {
      const first = await at.liars.file([at.reading()]);
      await at.liars.file([]);
      const change = { energyStartMJ: 0n, energyEndMJ: 1n };
      const second = await at.liars.file([at.reading(change, { sequenceIndex: 2n })]);
      await expect(at.world.faults.proveFallenCounter(...call(first, second))).to.be.revertedWithCustomError(
        at.world.faults,
        "Faults_NotNext",
      );
      await expect(at.world.faults.proveFallenCounter(...call(second, first))).to.be.revertedWithCustomError(
        at.world.faults,
        "Faults_NotNext",
      );
      await at.liars.file([]);
      const next = await at.liars.file([at.reading(change, { sequenceIndex: 3n })]);
      await expect(at.world.faults.proveFallenCounter(...call(second, next))).to.emit(at.world.telemetry, "Halted");
    });

    it("is none: of what was rolled back, before or after", async () => {
      const [first, second] = await hours(0n);
      const doubled = twoReports(
        at.config,
        second,
        await at.liars.sign({ ...second, report: { ...second.report, dataHash: hashOf("x") } }),
      );
      await at.prove(doubled!);
      await at.world.telemetry.resolve(true);
      await expect(at.world.faults.proveFallenCounter(...call(first, second)))
        .to.be.revertedWithCustomError(at.world.faults, "Faults_NotFiled")
        .withArgs(second.report.epoch);
    });
  });

  describe("E05: a false signature", () => {
    const provable = async (more: Parameters<typeof signed>[3]) => {
      const filed = await at.liars.file([at.reading({}, more)]);
      return at.found(filed).find(({ verb }) => verb === "proveFalseSignature");
    };

    it("costs: of another node's key", async () => {
      await at.costs(await provable({ key: at.world.keys[1]! }));
    });

    it("costs: over nothing, or with s in the upper half", async () => {
      await at.costs(await provable({ signature: `0x${"11".repeat(64)}` }));
      await at.again();
      const { signature } = at.reading();
      const s = P256_ORDER - BigInt(`0x${signature.slice(66)}`);
      await at.costs(
        await provable({ signature: `${signature.slice(0, 66)}${s.toString(16).padStart(64, "0")}` as Hex }),
      );
    });

    it("costs: of a node that does not exist", async () => {
      for (const nodeId of [0n, 3n]) {
        await at.again();
        await at.costs(await provable({ nodeId, key: at.world.keys[0]! }));
      }
    });

    it("is none: what a node signed, though it was revoked since; nor under another key", async () => {
      const filed = await at.liars.file([at.reading()]);
      const { publicX, publicY } = at.world.points[0]!;
      await at.world.registry.connect(at.world.operator).revokeNode(nodeKeyHash(publicX, publicY));
      expect(at.found(filed)).to.deep.equal([]);
      const { reading: said, readingHash, signature } = filed.readings[0]!;
      const leaf = { leafIndex: 0, epoch: said.epoch, lotId: said.lotId, nodeId: 1n, readingHash, signature };
      const proof = readingProof(leaf, filed);
      const [own, other] = at.world.points as [World["points"][0], World["points"][0]];
      await expect(
        at.world.faults.proveFalseSignature(
          at.config,
          statementCall(filed),
          proof,
          own.publicX,
          own.publicY,
          at.world.prover,
        ),
      ).to.be.revertedWithCustomError(at.world.faults, "Faults_SignatureHolds");
      await expect(
        at.world.faults.proveFalseSignature(
          at.config,
          statementCall(filed),
          proof,
          other.publicX,
          other.publicY,
          ZeroAddress,
        ),
      ).to.be.revertedWithCustomError(at.world.faults, "Faults_NotNodeKey");
    });

    it("is none: the state's leaf, or a device's hour", async () => {
      const filed = await at.liars.file([at.reading()]);
      const [leaf, second] = deviceLeavesOf(filed.report.epoch, filed.readings) as [DeviceLeaf, DeviceLeaf];
      const [x, y] = [at.world.points[0]!.publicX, at.world.points[0]!.publicY];
      const swapped = { ...filed, report: { ...filed.report, dataHash: filed.report.readingsRoot } };
      await expect(
        at.world.faults.proveFalseSignature(
          ...([at.config, statementCall(swapped), leafCall(leaf, [leaf, second]), x, y, at.world.prover] as const),
        ),
      ).to.be.revertedWithCustomError(at.world.faults, "Faults_WrongKind");
    });
  });
});
