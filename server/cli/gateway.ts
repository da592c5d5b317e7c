import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { Command } from "commander";
import { isAddress } from "ethers";
import { Type, type Static } from "typebox";
import { Compile } from "typebox/compile";

import { runGateway, type GatewaySettings } from "../agent/gateway.ts";
import type { HostedNode } from "../agent/host.ts";
import { Failure, messageOf } from "../failure.ts";
import { openNodeSigner, type NodeSigner } from "../keys/nodeSigner.ts";
import { readSecret } from "../keys/secrets.ts";
import { readingDomain } from "../protocol/reading.ts";
import { devicesOf } from "./agent.ts";

const strict = { additionalProperties: false };
const Id = Type.Integer({ minimum: 0 });

/** The gateway's settings file; paths in it are from its folder. docs/ingest.md has an example. */
const GatewayFile = Type.Object(
  {
    chainId: Type.Integer({ minimum: 1 }),
    telemetry: Type.String(),
    oracles: Type.Array(Type.String(), { minItems: 1 }),
    allowPrivate: Type.Optional(Type.Boolean()),
    listen: Type.Object({ host: Type.String(), port: Type.Integer({ minimum: 0, maximum: 65_535 }) }, strict),
    tokenFile: Type.Optional(Type.String()),
    hostLabels: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
    podIsExporters: Type.Optional(Type.Boolean()),
    closeDelaySec: Type.Optional(Type.Integer({ minimum: 1, maximum: 1800 })),
    journalMiB: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_048_576 })),
    hosts: Type.Array(
      Type.Object(
        {
          hostname: Type.String({ minLength: 1, maxLength: 253 }),
          nodeId: Id,
          lotId: Id,
          key: Type.String(),
          keyPasswordFile: Type.Optional(Type.String()),
          devices: Type.String(),
          allocation: Type.Union([Type.Literal("pod"), Type.Literal("dedicated")]),
          maxGapSec: Type.Optional(Type.Integer({ minimum: 1, maximum: 1800 })),
        },
        strict,
      ),
      { minItems: 1, maxItems: 1024 },
    ),
  },
  strict,
);
type GatewayFile = Static<typeof GatewayFile>;
const validator = Compile(GatewayFile);

/** `rackbond gateway`: readings of several hosts out of what a Prometheus server writes. */
export function gatewayCommand(): Command {
  return new Command("gateway")
    .description("takes Prometheus remote write for several hosts, signs an hour's reading of each, sends it")
    .requiredOption("--config <file>", "the hosts, their keys and boards, the oracles: JSON, docs/ingest.md")
    .option("--data <folder>", "journal, spool and lock; one gateway at a time has it", ".gateway")
    .action(async ({ config, data }: { config: string; data: string }) => {
      const log = (line: string) => process.stderr.write(`rackbond gateway: ${line}\n`);
      const { settings, signers } = await settingsOf(config, data, log);
      const running = await runGateway(settings);
      log(`takes remote write at ${running.url}/api/v1/write`);
      await new Promise<void>((done) => {
        for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => done());
      });
      await running.stop();
      for (const signer of signers) await signer.close();
    });
}

function readFile(file: string): GatewayFile {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Failure("Config_Invalid", `${file}: ${messageOf(error)}`, { cause: error });
  }
  if (validator.Check(json)) return json;
  const [first] = validator.Errors(json);
  throw new Failure("Config_Invalid", `${file}: ${first?.instancePath ?? ""} ${first?.message ?? ""}`);
}

async function settingsOf(
  file: string,
  folder: string,
  log: (line: string) => void,
): Promise<{ settings: GatewaySettings; signers: NodeSigner[] }> {
  const given = readFile(file);
  const at = (path: string) => resolve(dirname(file), path);
  if (!isAddress(given.telemetry)) throw new Failure("Config_Invalid", `${file}: telemetry is no contract's address`);
  const hostnames = new Set(given.hosts.map(({ hostname }) => hostname));
  if (hostnames.size !== given.hosts.length) throw new Failure("Config_Invalid", `${file}: a host is there twice`);
  const signers: NodeSigner[] = [];
  const nodes: HostedNode[] = [];
  for (const { hostname, nodeId, lotId, key, keyPasswordFile, devices, allocation, maxGapSec = 120 } of given.hosts) {
    const password = keyPasswordFile === undefined ? {} : { passwordFile: at(keyPasswordFile) };
    const signer = await openNodeSigner(key, { isProduction: true, ...password }, `the key of ${hostname}`);
    signers.push(signer);
    nodes.push({
      ...{ hostname, nodeId: BigInt(nodeId), lotId: BigInt(lotId), allocation, maxGapSec },
      deviceIndex: await devicesOf(at(devices), BigInt(nodeId)),
      sign: (readingHash) => signer.sign(readingHash),
    });
  }
  const settings: GatewaySettings = {
    ...{ nodes, folder, log, listen: given.listen, oracles: given.oracles },
    domain: readingDomain(BigInt(given.chainId), given.telemetry),
    token: given.tokenFile === undefined ? undefined : readSecret(at(given.tokenFile), "the token file"),
    labels: {
      host: given.hostLabels ?? ["Hostname", "hostname", "instance"],
      isPodOfExporter: given.podIsExporters ?? false,
    },
    isPrivateAllowed: given.allowPrivate ?? false,
    maxJournalBytes: (given.journalMiB ?? 2048) * 1024 * 1024,
    ...{ closeDelaySec: given.closeDelaySec ?? 60, timeoutMs: 10_000, backoffMs: [1_000, 300_000] },
  };
  return { settings, signers };
}
