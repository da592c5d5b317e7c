import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { expect } from "chai";

import { openFiles } from "../../server/plugins/files.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import { contractsAt, send } from "../../server/protocol/contracts.ts";
import { identityLines } from "../../server/protocol/identityTree.ts";
import { keccakText } from "../../server/protocol/keccak.ts";
import { ROOT } from "../architecture/project.ts";
import { DEVICE, ISSUER, NONCE, OVERALL, attestationService, type Service } from "./attestationBench.ts";
import { keyFolder } from "./keyBench.ts";
import { startStage, type Stage } from "./stage.ts";

const LOT_ID = 1n;

describe("rackbond attest", function () {
  this.timeout(60_000);
  const folder = keyFolder();
  let stage: Stage;
  let service: Service;
  let jwks: string;
  let identities: string;
  let ueids: string[];

  before(async () => {
    [stage, service] = await Promise.all([startStage(), attestationService()]);
    jwks = folder.write("jwks.json", JSON.stringify(service.jwks));
    const devices = stage.world.deployment.identities.find(({ lotId }) => BigInt(lotId) === LOT_ID)!.devices;
    ueids = devices.map(({ name }) => name);
    identities = folder.write("identities", lines(devices));
    const published = await openFiles(join(folder.path, "published"));
    for (const { lotId, devices: named } of stage.world.deployment.identities) {
      const { identityRoot } = await stage.contracts.registry.lot(lotId);
      const list = named.map(({ name, nodeId }) => ({ name, nodeId: BigInt(nodeId) }));
      await published.put("identities", identityRoot as Hex, identityLines(list));
    }
  });
  after(async () => {
    await stage.stop();
    folder.remove();
  });

  const lines = (devices: readonly { name: string; nodeId: string }[]) =>
    [...identityLines(devices.map(({ name, nodeId }) => ({ name, nodeId: BigInt(nodeId) })))]
      .map((line) => `${line}\n`)
      .join("");
  /** Tokens of now, a file for each host. */
  const tokens = async (change: Record<string, unknown> = {}, names = ueids) => {
    const now = Math.floor(Date.now() / 1000);
    const times = { iat: now, nbf: now, exp: now + 86_400 };
    return await Promise.all(
      names.map(async (ueid, index) => {
        const bundle = await service.bundle([{ ...DEVICE, ...times, ueid, ...change }], { ...OVERALL, ...times });
        return folder.write(`host${index}.json`, JSON.stringify(bundle));
      }),
    );
  };
  const run = async (...args: string[]) =>
    await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const command = [join(ROOT, "server/cli/rackbond.ts"), "attest", "--lot", String(LOT_ID), "--nonce", NONCE];
      execFile(
        process.execPath,
        [...command, "--out", join(folder.path, "evidence"), ...args],
        { timeout: 30_000 },
        (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
        },
      );
    });
  const chain = () => {
    const deployment = folder.write("deployment.json", JSON.stringify(stage.world.deployment));
    return ["--deployment", deployment, "--rpc-url", stage.chain.url, "--files", join(folder.path, "published")];
  };

  it("attests a lot's level 2 on-chain, by evidence that is kept under its hash and can be checked again", async () => {
    const files = await tokens();
    const key = `plain:${stage.world.cast.auditor.privateKey}`;
    const before = await stage.contracts.registry.attestations(LOT_ID, 2);
    const checked = ["--identities", identities, "--tokens", ...files, "--jwks", jwks];
    const dry = await run(...checked, ...chain(), "--key", key, "--dry-run", "--json");
    expect(dry.code, dry.stderr).to.equal(0);
    expect((JSON.parse(dry.stdout) as { txHash: unknown }).txHash).to.equal(null);
    expect(await stage.contracts.registry.attestations(LOT_ID, 2)).to.deep.equal(before);

    const { code, stdout, stderr } = await run(...checked, ...chain(), "--key", key, "--json");
    expect(code, stderr).to.equal(0);
    const said = JSON.parse(stdout) as { evidenceHash: string; expiresAt: string; file: string; deviceCount: number };
    expect(said.deviceCount).to.equal(ueids.length);
    const text = readFileSync(said.file, "utf8");
    expect(keccakText(text)).to.equal(said.evidenceHash);
    const [header, keys, ...bundles] = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(header).to.deep.include({ kind: "nras", lotId: "1", issuer: ISSUER, nonce: NONCE });
    expect(keys).to.deep.equal(service.jwks);
    expect(bundles).to.deep.equal(files.map((file) => JSON.parse(readFileSync(file, "utf8")) as unknown));
    const attestation = await stage.contracts.registry.attestations(LOT_ID, 2);
    expect([attestation.expiresAt, attestation.evidenceHash]).to.deep.equal([
      BigInt(said.expiresAt),
      said.evidenceHash,
    ]);
    expect(`${stdout} ${stderr}`).not.to.contain(stage.world.cast.auditor.privateKey.slice(2));
  });

  it("refuses a device without its token, a bad token by its file, and a device of another lot", async () => {
    const files = await tokens();
    const refused = async (expected: string, ...args: string[]) => {
      const { code, stdout, stderr } = await run("--jwks", jwks, ...args);
      expect([code, stdout]).to.deep.equal([1, ""]);
      expect(stderr).to.contain(expected);
    };
    await refused("Attestation_DeviceMissing", "--identities", identities, "--tokens", files[0]!);
    await refused("Attestation_OtherLot", "--identities", identities, "--tokens", ...files, "--others", identities);
    const [bad] = await tokens({ measres: "fail" }, ueids.slice(0, 1));
    await refused(
      `file ${bad}, name GPU-0, claim measres`,
      "--identities",
      identities,
      "--tokens",
      bad!,
      ...files.slice(1),
    );
  });

  it("refuses identities that are not the registry's", async () => {
    const names = [...ueids].reverse();
    const other = folder.write("other", lines(names.map((name) => ({ name, nodeId: "1" }))));
    const { code, stderr } = await run(
      "--identities",
      other,
      "--tokens",
      ...(await tokens()),
      "--jwks",
      jwks,
      ...chain(),
    );
    expect([code, stderr.includes("Directory_WrongRoot")]).to.deep.equal([1, true]);
  });

  it("refuses boards of another model, and a chain whose other attested lots cannot be compared", async () => {
    const args = ["--identities", identities, "--jwks", jwks];
    const other = await run(...args, "--tokens", ...(await tokens({ hwmodel: "AD104 A01" })), ...chain());
    expect([other.code, other.stderr.includes("Attestation_OtherModel")], other.stderr).to.deep.equal([1, true]);
    const unseen = chain().slice(0, 4);
    const alone = await run(...args, "--tokens", ...(await tokens()), ...unseen);
    expect([alone.code, alone.stderr.includes("Audit_NoFile")], alone.stderr).to.deep.equal([1, true]);
  });

  it("refuses a board that stands in another live lot as well, attested or not", async () => {
    const { siteId, modelId, gpuCount, costAssets, commissionedAt, identityRoot } =
      await stage.contracts.registry.lot(LOT_ID);
    const operator = stage.world.cast.operator.connect(stage.contracts.registry.runner!.provider);
    const { registry } = contractsAt(stage.world.deployment.addresses, operator);
    await send(registry.registerLot(siteId, modelId, gpuCount, costAssets, commissionedAt, identityRoot));
    const args = ["--identities", identities, "--jwks", jwks, "--tokens", ...(await tokens()), ...chain()];
    const { code, stderr } = await run(...args);
    expect([code, stderr.includes("Attestation_OtherLot")], stderr).to.deep.equal([1, true]);
  });

  it("S11: fetches the keys from no private network unless it is allowed", async () => {
    const server = createServer((_, response) => response.end(JSON.stringify(service.jwks)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/jwks.json`;
      const args = ["--identities", identities, "--tokens", ...(await tokens()), "--jwks", url];
      const refused = await run(...args);
      expect([refused.code, refused.stderr.includes("address of a private network")]).to.deep.equal([1, true]);
      const allowed = await run(...args, "--allow-private");
      expect(allowed.code, allowed.stderr).to.equal(0);
    } finally {
      server.close();
    }
  });

  it("ends with 2 where it is used wrongly", async () => {
    const files = ["--identities", identities, "--tokens", identities, "--jwks", jwks];
    expect((await run()).code).to.equal(2);
    expect((await run(...files, "--nonce", "12")).code).to.equal(2);
    expect((await run(...files, "--lot", "-1")).code).to.equal(2);
  });
});
