import { execFile } from "node:child_process";
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { expect } from "chai";

import { audit, type AuditRequest } from "../../server/cli/audit.ts";
import { codeOf } from "../../server/failure.ts";
import type { Program } from "../../server/main.ts";
import {
  HOUR_SEC,
  advanceTo,
  outsideReading,
  postReading,
  runHour,
  startRunning,
  startWorld,
  type RunningWorld,
} from "./running.ts";

const RACKBOND = fileURLToPath(new URL("../../server/cli/rackbond.ts", import.meta.url));

describe("rackbond audit", () => {
  let world: RunningWorld;
  let program: Program;
  let copy: string;
  let deploymentFile: string;
  const epochs: bigint[] = [];

  before(async () => {
    world = await startWorld();
    program = await startRunning(world, world.folder);
    copy = join(world.folder, "copy");
    deploymentFile = join(world.folder, "deployment.json");
    writeFileSync(deploymentFile, JSON.stringify(world.deployment));
    for (let hour = 0; hour < 3; hour++) {
      if (hour === 1) {
        await advanceTo(world.provider, Number(program.nextEpoch() + 1n) * HOUR_SEC);
        await program.follow();
        await postReading(program, outsideReading(world, program.nextEpoch()));
      }
      epochs.push(await runHour(world, program));
    }
  });
  after(async () => {
    await program.stop();
    await world.stop();
  });
  beforeEach(() => cpSync(join(world.folder, "files"), copy, { recursive: true }));
  afterEach(() => rmSync(copy, { recursive: true, force: true }));

  const run = async (changes: Partial<AuditRequest> = {}) =>
    await audit({
      ...{ deployment: world.deployment, rpcUrl: world.rpcUrl, sources: [copy], isPrivateAllowed: true },
      ...{ maxDifferences: 1, onProgress: () => undefined, ...changes },
    });
  const reportAt = async (epoch: bigint) => {
    const { telemetry } = program.contracts;
    return (await telemetry.queryFilter(telemetry.filters.Submitted(epoch)))[0]!.args.report;
  };
  const change = (kind: string, hash: string, edit: (text: string) => string) => {
    const path = join(copy, kind, `${hash}.ndjson.zst`);
    const text = zstdDecompressSync(readFileSync(path)).toString();
    expect(edit(text), "the edit changes something").to.not.equal(text);
    writeFileSync(path, zstdCompressSync(edit(text)));
  };

  /** The command itself, as a stranger runs it. */
  const command = async (args: string[]) =>
    await new Promise<{ code: number; stdout: string; stderr: string }>((done) => {
      const all = [RACKBOND, "audit", "--deployment", deploymentFile, "--rpc", world.rpcUrl, ...args];
      execFile(process.execPath, all, (error, stdout, stderr) => {
        done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });

  it("finds no difference in what the main job publishes, from a folder and from the oracle's address alike", async () => {
    for (const sources of [[copy], [program.apiUrl]]) {
      const result = await run({ sources });
      expect(result.differences).to.deep.equal([]);
      expect(result).to.include({ firstEpoch: epochs[0], lastEpoch: epochs[2], reportCount: 3, skipCount: 0 });
      const counts = await Promise.all(epochs.map(async (epoch) => (await reportAt(epoch)).devicesReportingCount));
      expect(result.deviceHourCount).to.equal(Number(counts.reduce((sum, count) => sum + count, 0n)));
      expect(result.readingCount).to.equal(4);
      expect(result.byteCount).to.be.greaterThan(10_000);
    }
    const part = await run({ fromEpoch: epochs[1]!, toEpoch: epochs[1]! });
    expect(part).to.include({ reportCount: 1 });
    expect(part.differences).to.deep.equal([]);
  });

  it("is a command: 0 without a difference, 1 with one, 2 when it is used wrongly", async () => {
    const good = await command(["--files", program.apiUrl, "--allow-private", "--json"]);
    expect([good.code, good.stderr]).to.deep.equal([0, ""]);
    expect(JSON.parse(good.stdout)).to.deep.include({
      differences: [],
      readingCount: 4,
      firstEpoch: String(epochs[0]),
    });

    const { dataHash } = await reportAt(epochs[1]!);
    rmSync(join(copy, "readings", `${dataHash}.ndjson.zst`));
    const bad = await command(["--files", copy]);
    expect(bad.code).to.equal(1);
    expect(bad.stdout).to.match(
      new RegExp(`^epoch ${epochs[1]}: readings file\\n  expected ${dataHash}\\n  found    ${copy}: no such file\\n`),
    );

    expect((await command([])).code).to.equal(2);
    expect((await command(["--files", join(copy, "nowhere")])).code).to.equal(2);
    expect((await command(["--files", copy, "--from", "x"])).code).to.equal(2);
    const shut = await command(["--files", program.apiUrl]);
    expect([shut.code, shut.stdout.includes("127.0.0.1 is an address of a private network")]).to.deep.equal([1, true]);
  });

  describe("tells the first difference", () => {
    const first = async (changes: Partial<AuditRequest> = {}) => {
      const { differences } = await run(changes);
      expect(differences).to.have.length(1);
      const { epoch, subject, expected, found } = differences[0]!;
      return [epoch, subject, expected, found];
    };

    it("a byte of a reading", async () => {
      const { dataHash } = await reportAt(epochs[1]!);
      change("readings", dataHash, (text) => text.replace('"allocatedSec":"1800"', '"allocatedSec":"1801"'));
      const [epoch, subject, expected, found] = await first();
      expect([epoch, subject, expected]).to.deep.equal([epochs[1], "readings file", dataHash]);
      expect(found).to.match(new RegExp(`ReadingSet_WrongHash: epoch ${epochs[1]}, dataHash ${dataHash}`));
    });

    it("a missing file of each kind, and a methodology that is another", async () => {
      const { methodologyHash } = await reportAt(epochs[0]!);
      change("methodologies", methodologyHash, (text) => text.replace(/"pueE4":\d+/, '"pueE4":10001'));
      const [epoch, subject, expected, found] = await first();
      expect([epoch, subject, expected]).to.deep.equal([epochs[0], "methodologies file", methodologyHash]);
      expect(found).to.include("Methodology_WrongHash");
      for (const kind of ["identities", "readings", "methodologies"]) {
        cpSync(join(world.folder, "files"), copy, { recursive: true });
        const [name = ""] = readdirSync(join(copy, kind));
        rmSync(join(copy, kind, name));
        const { differences } = await run({ maxDifferences: 100 });
        const told = differences.find(({ where }) => where === `${kind} ${name.replace(".ndjson.zst", "")}`);
        expect(told?.subject).to.equal(`${kind} file`);
      }
    });

    it("a device that was given another node in the identities", async () => {
      const { identityRoot } = await program.contracts.registry.lot(1);
      change("identities", identityRoot, (text) => text.replace('"nodeId":"1"', '"nodeId":"2"'));
      const [, subject, expected, found] = await first();
      expect([subject, expected]).to.deep.equal(["identities file", identityRoot]);
      expect(found).to.include("Identities_WrongRoot");
    });

    it("and goes on with another source that has the right file, however wrong the one before it is", async () => {
      const { dataHash } = await reportAt(epochs[1]!);
      change("readings", dataHash, (text) => text.slice(0, -40));
      writeFileSync(join(copy, "readings", `${(await reportAt(epochs[2]!)).dataHash}.ndjson.zst`), "no zstd");
      expect((await run({ sources: [copy, program.apiUrl] })).differences).to.deep.equal([]);
      expect((await run({ sources: [copy], maxDifferences: 100 })).differences).to.have.length(2);
    });

    it("a deployment of another chain, or none", async () => {
      const other = { ...world.deployment, chainId: 5 };
      for (const changes of [{ deployment: other }, { rpcUrl: "http://127.0.0.1:1/" }, { rpcUrl: "ftp://a" }]) {
        const failed = await run(changes).then(
          () => "nothing",
          (error: unknown) => codeOf(error),
        );
        expect(failed).to.be.oneOf(["Chain_WrongId", "Url_NoAnswer", "Url_NotSecure"]);
      }
    });
  });
});
