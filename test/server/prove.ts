import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { Wallet } from "ethers";

import type { Program } from "../../server/main.ts";
import { ZERO_BYTES32, type Hex } from "../../server/protocol/bytes.ts";
import { statementIn } from "../../server/protocol/faults.ts";
import { packSignatures } from "../../server/protocol/quorum.ts";
import { filingCall, reportCall } from "../../server/protocol/report.ts";
import { runHour, startRunning, startWorld, type RunningWorld } from "./running.ts";

const RACKBOND = fileURLToPath(new URL("../../server/cli/rackbond.ts", import.meta.url));

describe("rackbond prove", () => {
  let world: RunningWorld;
  let program: Program;
  let epoch: bigint;
  const prover = Wallet.createRandom();

  before(async () => {
    world = await startWorld();
    program = await startRunning(world, world.folder);
    for (let hour = 0; hour < 2; hour++) epoch = await runHour(world, program);
    writeFileSync(join(world.folder, "deployment.json"), JSON.stringify(world.deployment));
    await world.provider.send("hardhat_setBalance", [prover.address, "0xde0b6b3a7640000"]);
  });
  after(async () => {
    await program.stop();
    await world.stop();
  });

  /** The command as a stranger runs it. */
  const command = async (args: string[], gasKey?: string) =>
    await new Promise<{ code: number; stdout: string; stderr: string }>((done) => {
      const own = ["--deployment", join(world.folder, "deployment.json"), "--rpc", world.rpcUrl];
      const state = ["--files", join(world.folder, "files"), "--state", join(world.folder, "prove-state.json")];
      const env = { ...process.env, ...(gasKey === undefined ? {} : { RACKBOND_GAS_KEY: gasKey }) };
      execFile(process.execPath, [RACKBOND, "prove", ...own, ...state, ...args], { env }, (error, stdout, stderr) => {
        done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });

  /** The input of a second report of the epoch, which the oracles signed too. */
  async function second(): Promise<string> {
    const { telemetry } = program.contracts;
    const [event] = await telemetry.queryFilter(telemetry.filters.Submitted(epoch));
    const { report } = statementIn((await event!.getTransaction()).data, epoch);
    const other = { ...report, methodologyHash: ZERO_BYTES32 };
    const digest = (await telemetry.reportDigest(reportCall(other))) as Hex;
    const signatures = world.cast.oracles.map((oracle) => oracle.signingKey.sign(digest).serialized);
    const packed = packSignatures(digest, [...(await telemetry.signers())], 1, signatures);
    const prior = filingCall({ reportHash: ZERO_BYTES32, submittedAt: 0n, meters: [] });
    return telemetry.interface.encodeFunctionData("submit", [
      reportCall(other),
      prior,
      packed.signerBitmap,
      packed.signatures,
    ]);
  }

  it("finds nothing in what honest oracles report: 0", async () => {
    const { code, stdout } = await command([]);
    expect([code, stdout]).to.deep.equal([0, "2 reports, 0 faults, 0 not looked at\n"]);
  });

  it("E04: tries the proof of two reports, sends it once, and knows it afterwards", async () => {
    const file = join(world.folder, "input.hex");
    writeFileSync(file, `${await second()}\n`);
    const says = `two reports of epoch ${epoch}, both signed by oracles `;
    for (const [args, key] of [
      [["--dry-run"], prover.privateKey],
      [[], undefined],
    ] as const) {
      const tried = await command(["--inputs", file, ...args], key && `plain:${key}`);
      expect([tried.code, tried.stdout.startsWith(`open: epoch ${epoch}: ${says}`)]).to.deep.equal([1, true]);
    }
    expect(await program.contracts.telemetry.haltedFromEpoch()).to.equal(0n);

    const sent = await command(["--inputs", file, "--json"], `plain:${prover.privateKey}`);
    const result = JSON.parse(sent.stdout) as { faults: { kind: string; status: string; epoch: string }[] };
    expect([sent.code, sent.stderr]).to.deep.equal([0, ""]);
    expect(result.faults).to.have.length(1);
    expect(result.faults[0]).to.include({ kind: "proveTwoReports", status: "sent", epoch: String(epoch) });
    expect(await program.contracts.telemetry.haltedFromEpoch()).to.equal(epoch);

    const again = await command(["--inputs", file], `plain:${prover.privateKey}`);
    expect([again.code, again.stdout.startsWith(`proven: epoch ${epoch}: ${says}`)]).to.deep.equal([0, true]);
  });

  it("an epoch whose readings nobody has is not passed over in silence: 1", async () => {
    const { telemetry } = program.contracts;
    const [event] = await telemetry.queryFilter(telemetry.filters.Submitted(epoch));
    rmSync(join(world.folder, "files", "readings", `${event!.args.report.dataHash}.ndjson.zst`));
    const { code, stdout } = await command([]);
    expect([code, stdout.startsWith(`not looked at: epoch ${epoch}: Audit_NoFile`)]).to.deep.equal([1, true]);
  });

  it("refuses wrong use: 2", async () => {
    expect((await command(["--bounty-to", "0x12"])).code).to.equal(2);
    expect((await command(["--inputs", join(world.folder, "nowhere")])).code).to.equal(2);
    expect((await command(["--gas-key", `plain:${prover.privateKey}`])).code).to.equal(2);
  });
});
