import { expect } from "chai";
import { network } from "hardhat";
import { Wallet, ZeroAddress, toBeHex } from "ethers";
import { filingCall, reportCall } from "../../server/protocol/report.ts";
import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import {
  Pen,
  ZERO_HASH,
  hashOf,
  START_AT,
  deployTelemetry,
  later,
  idle,
  otherS,
  registerLots,
  type Report,
} from "./reports.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });

async function deployed() {
  const world = await deployTelemetry(ethers, 1);
  await registerLots(world.registry, world.operator, 1);
  return world;
}

async function deployedWide() {
  return deployTelemetry(ethers, 2);
}

describe("Telemetry: who may write", () => {
  let world: Awaited<ReturnType<typeof deployed>>;
  let pen: Pen;
  let readings: ReturnType<typeof idle>[];

  const bytes = (signatures: string, from: number, to: number) => signatures.slice(2 + 128 * from, 2 + 128 * to);

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployed);
    pen = new Pen(world.telemetry, world.oracles, networkHelpers.time);
    readings = [later(idle(1n))];
    await pen.reach();
  });

  describe("submit", () => {
    context("given 2f+1 signatures", () => {
      for (const by of [
        [0, 1, 2],
        [0, 1, 3],
        [0, 2, 3],
        [1, 2, 3],
      ]) {
        it(`takes the report from oracles ${by.join(", ")} and names them`, async () => {
          const report = await pen.report(readings);
          const tx = await pen.send(report, by);
          const bitmap = by.reduce((bits, i) => bits | (1n << BigInt(i)), 0n);
          const [event] = await world.telemetry.queryFilter(world.telemetry.filters.Submitted, tx.blockNumber!);
          expect(event!.args.signerBitmap).to.equal(bitmap);
          expect(event!.args.reportHash).to.equal(Pen.hash(report));
        });
      }

      it("asks five of seven when two may fail", async () => {
        const { telemetry, oracles } = await networkHelpers.loadFixture(deployedWide);
        const wide = new Pen(telemetry, oracles, networkHelpers.time);
        const report = await wide.report([]);
        await wide.reach(1200n);
        await expect(wide.send(report, [0, 2, 4, 6]))
          .to.be.revertedWithCustomError(telemetry, "Telemetry_WrongSignatureCount")
          .withArgs(4, 5);
        await expect(wide.send(report, [0, 2, 4, 5, 6])).to.emit(telemetry, "Submitted");
      });

      it("signs what reportDigest says", async () => {
        const report = await pen.report(readings);
        const digest = await pen.digest(report);
        expect(await world.telemetry.reportDigest(reportCall(report))).to.equal(digest);
      });
    });

    context("E01: given a signature too few or too many", () => {
      it("E01: refuses 2f signatures", async () => {
        await expect(pen.send(await pen.report(readings), [0, 2]))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongSignatureCount")
          .withArgs(2, 3);
      });

      it("E01: refuses none", async () => {
        await expect(pen.send(await pen.report(readings), []))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongSignatureCount")
          .withArgs(0, 3);
      });

      it("E01: refuses 2f+2 signatures", async () => {
        await expect(pen.send(await pen.report(readings), [0, 1, 2, 3]))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongSignatureCount")
          .withArgs(4, 3);
      });

      it("E01: refuses 2f+1 names with 2f signatures, or with a cut one", async () => {
        const report = await pen.report(readings);
        const [bitmap, signatures] = await pen.sign(report);
        for (const short of [`0x${bytes(signatures, 0, 2)}`, signatures.slice(0, -2)]) {
          await expect(world.telemetry.submit(reportCall(report), filingCall(pen.prior), bitmap, short))
            .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongSignatureCount")
            .withArgs(2, 3);
        }
      });

      it("E01: refuses bytes after the last signature", async () => {
        const report = await pen.report(readings);
        const [bitmap, signatures] = await pen.sign(report);
        await expect(
          world.telemetry.submit(reportCall(report), filingCall(pen.prior), bitmap, `${signatures}00`),
        ).to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongSignatureCount");
      });
    });

    context("E01: given the wrong signers", () => {
      it("E01: cannot name one signer twice; a doubled signature answers for nobody else", async () => {
        const report = await pen.report(readings);
        const [, signatures] = await pen.sign(report, [0, 1, 1]);
        await expect(world.telemetry.submit(reportCall(report), filingCall(pen.prior), 0b111, signatures))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_BadSignature")
          .withArgs(2, world.oracles[1]!.address, world.oracles[2]!.address);
        await expect(world.telemetry.submit(reportCall(report), filingCall(pen.prior), 0b011, signatures))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongSignatureCount")
          .withArgs(2, 3);
      });

      for (const bit of [4n, 255n]) {
        it(`E01: refuses the bit ${bit} of no signer`, async () => {
          const report = await pen.report(readings);
          const [, signatures] = await pen.sign(report);
          await expect(
            world.telemetry.submit(reportCall(report), filingCall(pen.prior), 0b11n | (1n << bit), signatures),
          )
            .to.be.revertedWithCustomError(world.telemetry, "Telemetry_UnknownSigner")
            .withArgs(bit, 4);
        });
      }

      it("E01: refuses a stranger's signature under an oracle's bit", async () => {
        const report = await pen.report(readings);
        const stranger = new Wallet(hashOf("stranger"));
        pen.oracles = [world.oracles[0]!, world.oracles[1]!, stranger, world.oracles[3]!];
        await expect(pen.send(report))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_BadSignature")
          .withArgs(2, stranger.address, world.oracles[2]!.address);
      });

      it("E01: refuses signatures out of order", async () => {
        const report = await pen.report(readings);
        const [bitmap] = await pen.sign(report);
        const [, signatures] = await pen.sign(report, [1, 0, 2]);
        await expect(world.telemetry.submit(reportCall(report), filingCall(pen.prior), bitmap, signatures))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_BadSignature")
          .withArgs(0, world.oracles[1]!.address, world.oracles[0]!.address);
      });
    });

    context("E01: given a signature that is not one", () => {
      it("E01: refuses a signature of zeros", async () => {
        const report = await pen.report(readings);
        const [bitmap, signatures] = await pen.sign(report);
        const zero = `0x${bytes(signatures, 0, 2)}${"00".repeat(64)}`;
        await expect(world.telemetry.submit(reportCall(report), filingCall(pen.prior), bitmap, zero))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_BadSignature")
          .withArgs(2, ZeroAddress, world.oracles[2]!.address);
      });

      it("E01: refuses the other s of a good signature", async () => {
        const report = await pen.report(readings);
        const [bitmap, signatures] = await pen.sign(report);
        const high = otherS(`0x${bytes(signatures, 2, 3)}`);
        await expect(
          world.telemetry.submit(
            reportCall(report),
            filingCall(pen.prior),
            bitmap,
            `0x${bytes(signatures, 0, 2)}${high.slice(2)}`,
          ),
        ).to.be.revertedWithCustomError(world.telemetry, "Telemetry_BadSignature");
      });

      it("E01: refuses an s above half the order before recovering anybody", async () => {
        const report = await pen.report(readings);
        const [bitmap, signatures] = await pen.sign(report);
        const high = bytes(signatures, 2, 3).slice(0, 64) + toBeHex((1n << 255n) - 1n, 32).slice(2);
        await expect(
          world.telemetry.submit(
            reportCall(report),
            filingCall(pen.prior),
            bitmap,
            `0x${bytes(signatures, 0, 2)}${high}`,
          ),
        )
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_BadSignature")
          .withArgs(2, ZeroAddress, world.oracles[2]!.address);
      });
    });

    context("E01: given signatures over something else", () => {
      for (const [what, change] of [
        ["another chain", { chainId: 1n }],
        ["another contract", { verifyingContract: "0x000000000000000000000000000000000000dEaD" }],
        ["another version", { version: "2" }],
      ] as const) {
        it(`E01: refuses signatures for ${what}`, async () => {
          const report = await pen.report(readings);
          const [bitmap, signatures] = await pen.sign(report, undefined, change);
          await expect(
            world.telemetry.submit(reportCall(report), filingCall(pen.prior), bitmap, signatures),
          ).to.be.revertedWithCustomError(world.telemetry, "Telemetry_BadSignature");
        });
      }

      it("E01: refuses a report changed in any signed field that no other check holds", async () => {
        const signed = await pen.report(readings);
        const [bitmap, signatures] = await pen.sign(signed);
        const meter = signed.meters[0]!;
        const more = { ...meter, resourceWord: toBeHex(BigInt(meter.resourceWord) + 1n, 32) };
        for (const change of [
          { readingsRoot: ZERO_HASH },
          { dataHash: ZERO_HASH },
          { methodologyHash: ZERO_HASH },
          { meters: [more] },
        ] as Partial<Report>[]) {
          await expect(
            world.telemetry.submit(reportCall({ ...signed, ...change }), filingCall(pen.prior), bitmap, signatures),
          ).to.be.revertedWithCustomError(world.telemetry, "Telemetry_BadSignature");
        }
      });

      it("E01: refuses a skip signed by 2f, or signatures of a report for a skip", async () => {
        const notice = await pen.notice();
        await expect(pen.send(notice, [1, 3]))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongSignatureCount")
          .withArgs(2, 3);
        const [bitmap, signatures] = await pen.sign(await pen.report(readings));
        await expect(
          world.telemetry.skip(notice, filingCall(pen.prior), bitmap, signatures),
        ).to.be.revertedWithCustomError(world.telemetry, "Telemetry_BadSignature");
        await expect(
          world.telemetry.skip(
            { ...notice, reasonHash: hashOf("another") },
            filingCall(pen.prior),
            ...(await pen.sign(notice)),
          ),
        ).to.be.revertedWithCustomError(world.telemetry, "Telemetry_BadSignature");
      });
    });
  });

  describe("submit with no config", () => {
    it("E01: refuses the zero digest before any config is set", async () => {
      const bare = await new Telemetry__factory(world.admin).deploy(world.manager, world.registry, pen.epoch, 0, 3600);
      const report = await new Pen(bare, world.oracles, networkHelpers.time).report([]);
      await expect(bare.submit(reportCall(report), filingCall(pen.prior), 0, "0x"))
        .to.be.revertedWithCustomError(bare, "Telemetry_WrongConfig")
        .withArgs(ZERO_HASH, ZERO_HASH);
    });
  });
});
