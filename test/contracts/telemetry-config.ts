import { expect } from "chai";
import { network } from "hardhat";
import { ZeroAddress, toBeHex } from "ethers";
import { filingCall, reportCall } from "../../server/protocol/report.ts";
import { NEVER_AT, Pen, START_AT, deployTelemetry, idle, later, oracleWallets, registerLots } from "./reports.ts";

const { ethers, networkHelpers } = await network.create({ override: { initialDate: START_AT } });

async function deployed() {
  const world = await deployTelemetry(ethers, 1);
  await registerLots(world.registry, world.operator, 1);
  return world;
}

describe("Telemetry: configurations", () => {
  let world: Awaited<ReturnType<typeof deployed>>;
  let pen: Pen;
  let readings: ReturnType<typeof idle>[];

  beforeEach(async () => {
    world = await networkHelpers.loadFixture(deployed);
    pen = new Pen(world.telemetry, world.oracles, networkHelpers.time);
    readings = [later(idle(1n))];
    await pen.reach();
  });

  describe("setConfig", () => {
    context("E14: when the signers rotate", () => {
      it("E01, E14: refuses a report for the old config, signed by its signers", async () => {
        const oldDigest = await world.telemetry.configDigest();
        const report = await pen.report(readings);
        const [bitmap, signatures] = await pen.sign(report);
        await world.telemetry.setConfig(oracleWallets(1, "next"), 1, NEVER_AT);
        await expect(world.telemetry.submit(reportCall(report), filingCall(pen.prior), bitmap, signatures))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongConfig")
          .withArgs(oldDigest, await world.telemetry.configDigest());
      });

      it("E14: refuses the old signers over the new digest, then takes the new ones", async () => {
        await world.telemetry.setConfig(oracleWallets(1, "next"), 1, NEVER_AT);
        const report = await pen.report(readings);
        await expect(pen.send(report)).to.be.revertedWithCustomError(world.telemetry, "Telemetry_BadSignature");
        pen.oracles = oracleWallets(1, "next");
        await expect(pen.send(report)).to.emit(world.telemetry, "Submitted");
      });

      it("E14: gives the same signers another digest when they are set again", async () => {
        const before = await world.telemetry.configDigest();
        const [bitmap, signatures] = await pen.sign(await pen.report(readings));
        const report = await pen.report(readings);
        await world.telemetry.setConfig(world.oracles, 1, NEVER_AT);
        expect(await world.telemetry.configDigest()).not.to.equal(before);
        await expect(
          world.telemetry.submit(reportCall(report), filingCall(pen.prior), bitmap, signatures),
        ).to.be.revertedWithCustomError(world.telemetry, "Telemetry_WrongConfig");
      });

      it("names digest, number and signers in the event, as the digest's formula says", async () => {
        const next = oracleWallets(2, "next").map((wallet) => wallet.address);
        const digest = ethers.keccak256(
          ethers.AbiCoder.defaultAbiCoder().encode(
            ["uint256", "address", "uint64", "address[]", "uint8"],
            [(await pen.domain()).chainId, await world.telemetry.getAddress(), 2, next, 2],
          ),
        );
        await expect(world.telemetry.setConfig(next, 2, NEVER_AT))
          .to.emit(world.telemetry, "ConfigSet")
          .withArgs(digest, 2, next, 2, NEVER_AT);
        expect(await world.telemetry.configDigest()).to.equal(digest);
        expect(await world.telemetry.signers()).to.deep.equal(next);
      });
    });

    context("given signers that are no 3f+1 distinct addresses", () => {
      for (const [count, faulty] of [
        [1, 0],
        [3, 1],
        [5, 1],
        [6, 2],
        [4, 2],
        [0, 0],
        [259, 86],
      ] as const) {
        it(`refuses ${count} signers with f = ${faulty}`, async () => {
          const signers = Array.from({ length: count }, (_, i) => toBeHex(i + 1, 20));
          await expect(world.telemetry.setConfig(signers, faulty, NEVER_AT))
            .to.be.revertedWithCustomError(world.telemetry, "Telemetry_BadConfig")
            .withArgs(count, faulty);
        });
      }

      it("takes 256 signers with f = 85, the most a bitmap can name", async () => {
        const signers = Array.from({ length: 256 }, (_, i) => toBeHex(i + 1, 20));
        await expect(world.telemetry.setConfig(signers, 85, NEVER_AT)).to.emit(world.telemetry, "ConfigSet");
      });

      it("refuses a signer twice, out of order, or zero", async () => {
        const [a, b, c, d] = world.oracles.map((wallet) => wallet.address) as [string, string, string, string];
        for (const [index, signers] of [
          [2, [a, b, b, d]],
          [2, [a, c, b, d]],
          [0, [ZeroAddress, b, c, d]],
        ] as [number, string[]][]) {
          await expect(world.telemetry.setConfig(signers, 1, NEVER_AT))
            .to.be.revertedWithCustomError(world.telemetry, "Telemetry_SignersUnsorted")
            .withArgs(index, signers[index]);
        }
      });

      it("M24: refuses a stranger", async () => {
        await expect(world.telemetry.connect(world.stranger).setConfig(world.oracles, 1, NEVER_AT))
          .to.be.revertedWithCustomError(world.telemetry, "AccessManagedUnauthorized")
          .withArgs(world.stranger.address);
      });
    });

    context("E14: when a configuration expires", () => {
      const set = async (expiresAt: bigint) => {
        await world.telemetry.setConfig(world.oracles, 1, expiresAt);
        expect(await world.telemetry.configExpiresAt()).to.equal(expiresAt);
      };
      const endAt = () => (pen.epoch + 1n) * 3600n;

      it("takes a report up to its last second, and neither report nor skip from then on", async () => {
        await set(endAt() + 700n);
        const report = await pen.report(readings);
        const notice = await pen.notice();
        for (const statement of [report, notice]) {
          await networkHelpers.time.setNextBlockTimestamp(endAt() + (statement === report ? 700n : 701n));
          await expect(pen.send(statement))
            .to.be.revertedWithCustomError(world.telemetry, "Telemetry_ConfigExpired")
            .withArgs(endAt() + 700n, endAt() + (statement === report ? 700n : 701n));
        }
        await set(endAt() + 800n);
        await networkHelpers.time.setNextBlockTimestamp(endAt() + 799n);
        await expect(pen.send(await pen.report(readings))).to.emit(world.telemetry, "Submitted");
      });

      it("refuses to set one that has expired", async () => {
        await networkHelpers.time.setNextBlockTimestamp(endAt() + 900n);
        await expect(world.telemetry.setConfig(world.oracles, 1, endAt() + 900n))
          .to.be.revertedWithCustomError(world.telemetry, "Telemetry_ConfigExpired")
          .withArgs(endAt() + 900n, endAt() + 900n);
      });

      it("still knows every configuration there was, and no other", async () => {
        const digests = [await world.telemetry.configDigest()];
        await set(endAt() + 800n);
        digests.push(await world.telemetry.configDigest());
        await networkHelpers.time.increaseTo(endAt() + 801n);
        for (const digest of digests) expect(await world.telemetry.isConfig(digest)).to.equal(true);
        const next = await world.telemetry.configDigestOf(3, world.oracles, 1);
        for (const digest of [next, `0x${"0".repeat(64)}`]) {
          expect(await world.telemetry.isConfig(digest)).to.equal(false);
        }
        await set(NEVER_AT);
        expect(await world.telemetry.isConfig(next)).to.equal(true);
      });
    });
  });
});
