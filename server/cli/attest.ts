import { createReadStream, mkdirSync } from "node:fs";
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

import { Command, Option } from "commander";

import { loadConfig } from "../config.ts";
import { Failure, messageOf } from "../failure.ts";
import { GasSigner } from "../keys/gasSigner.ts";
import { openSigner } from "../keys/signer.ts";
import { ask, outboundUrl } from "../outbound.ts";
import { connectChain } from "../plugins/chain.ts";
import { fileSources } from "../plugins/fileSources.ts";
import {
  evidenceExpiresAt,
  parseJwks,
  requireModel,
  verifyBundle,
  type AttestedDevice,
} from "../protocol/attestation.ts";
import type { Hex } from "../protocol/bytes.ts";
import { INTERFACES, contractsAt, send, type Contracts } from "../protocol/contracts.ts";
import { parseDeployment } from "../protocol/deployment.ts";
import { identityAnchor, nodeKeyHash } from "../protocol/identity.ts";
import { namedIdentityRoot, parseIdentities, type NamedDevice } from "../protocol/identityTree.ts";
import { keccakText } from "../protocol/keccak.ts";
import { linesOf } from "../protocol/lines.ts";
import { FILE_LIMITS } from "../protocol/publication.ts";
import { Refusal, demand } from "../protocol/refusal.ts";

const VENDOR_LEVEL = 2;
const JWKS_LIMIT_BYTES = 1 << 20;
const BUNDLE_LIMIT_BYTES = 8 << 20;
const SKEW_SEC = 120n;

interface Options {
  readonly lot: string;
  readonly identities: string;
  readonly tokens: string[];
  readonly jwks: string;
  readonly issuer: string;
  readonly nonce: string;
  readonly others: string[];
  readonly files: string[];
  readonly chip?: string;
  readonly out: string;
  readonly withInventory: boolean;
  readonly allowPrivate: boolean;
  readonly deployment?: string;
  readonly rpcUrl?: string;
  readonly key?: string;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** `rackbond attest`: the vendor's tokens of a lot's devices, checked, kept as evidence, and put before the registry. */
export function attestCommand(): Command {
  return new Command("attest")
    .description("check NVIDIA's attestation tokens of a lot's devices, and attest the lot's level 2 by them")
    .requiredOption("--lot <id>", "the lot")
    .requiredOption("--identities <file>", "the lot's published identities; names are ueids")
    .requiredOption("--tokens <files...>", "the service's answers (detached EAT bundles), one a file")
    .requiredOption("--jwks <file or url>", "the service's keys: a file, or an https address")
    .requiredOption("--nonce <hex>", "the nonce that the tokens were asked with")
    .option("--issuer <url>", "the service", "https://nras.attestation.nvidia.com")
    .option("--others <files...>", "identities of other lots, in none of which a device may stand", [])
    .option("--files <sources...>", "with a chain: where the identities of all live lots are, oracles or a folder", [])
    .option("--chip <name>", "first word of hwmodel, for a registered model whose chip is not known here")
    .option("--out <folder>", "where the evidence is kept, under its hash", "evidence")
    .option("--with-inventory", "attest level 1 as well, by the same evidence", false)
    .option("--allow-private", "the keys may be fetched from a private network", false)
    .option("--deployment <file>", "the deployment: with --rpc-url, the identities are held against the registry")
    .option("--rpc-url <urls>", "JSON-RPC of the chain, several by comma")
    .addOption(
      new Option("--key <uri>", "the auditor's key (docs/keys.md): sends the attestation").env("RACKBOND_AUDITOR_KEY"),
    )
    .option("--dry-run", "check and keep, and send nothing", false)
    .option("--json", "the result as JSON", false)
    .action(async (_, command: Command) => {
      await attest(command.opts<Options>());
    });
}

async function attest(options: Options): Promise<void> {
  if (!/^[1-9][0-9]{0,18}$/.test(options.lot)) throw new Failure("Config_Lot", "--lot is no id of a lot");
  if (!/^[0-9a-fA-F]{64}$/.test(options.nonce))
    throw new Failure("Config_Nonce", "--nonce is not 64 hexadecimal digits");
  const lotId = BigInt(options.lot);
  const jwksText = await readJwks(options);
  const jwks = parseJwks(jwksText);
  const rules = {
    issuer: options.issuer,
    nonce: options.nonce,
    nowAt: BigInt(Math.floor(Date.now() / 1000)),
    skewSec: SKEW_SEC,
  };
  const attested: AttestedDevice[] = [];
  const bundles: string[] = [];
  for (const file of options.tokens) {
    const bundle = parseJson(await readBounded(file, BUNDLE_LIMIT_BYTES), file);
    try {
      attested.push(...(await verifyBundle(bundle, jwks, rules)));
    } catch (error) {
      if (error instanceof Refusal) throw new Refusal(error.code, { file, ...error.facts });
      throw error;
    }
    bundles.push(JSON.stringify(bundle));
    process.stderr.write(`${file}: ${attested.length} devices so far\n`);
  }
  const devices = await readIdentities(options.identities);
  const others = (await Promise.all(options.others.map(readIdentities))).flat();
  const expiresAt = evidenceExpiresAt(devices, attested, others);
  const { issuer, nonce } = rules;
  const header = { version: 1, kind: "nras", lotId: String(lotId), issuer, nonce, checkedAt: String(rules.nowAt) };
  const lines = [header, JSON.parse(jwksText) as unknown].map((line) => JSON.stringify(line));
  const text = `${[...lines, ...bundles].join("\n")}\n`;
  const evidenceHash = keccakText(text);
  await keep(options.out, evidenceHash, text);
  const verb = options.withInventory ? "attest" : "renew";
  const call = [lotId, VENDOR_LEVEL, expiresAt, evidenceHash] as const;
  const result = {
    ...{ lotId: String(lotId), deviceCount: devices.length, expiresAt: String(expiresAt), evidenceHash },
    ...{
      file: join(options.out, `${evidenceHash}.ndjson`),
      verb,
      data: dataOf(verb, call),
    },
  };
  const txHash = await onChain(options, devices, attested, async (contracts) => {
    const { attest: attestAll, renew } = contracts.registry;
    return (await send(verb === "attest" ? attestAll(...call) : renew(...call))).hash;
  });
  const sent = txHash === undefined ? "nothing was sent" : `sent in ${txHash}`;
  const said = `lot ${lotId}: ${devices.length} devices attested until ${expiresAt}, evidence ${evidenceHash}; ${verb}: ${sent}`;
  process.stdout.write(`${options.json ? JSON.stringify({ ...result, txHash: txHash ?? null }) : said}\n`);
}

function dataOf(verb: "attest" | "renew", call: readonly [bigint, number, bigint, Hex]): string {
  const { registry } = INTERFACES;
  return verb === "attest"
    ? registry.encodeFunctionData(verb, [...call])
    : registry.encodeFunctionData(verb, [...call]);
}

/** Holds the identities against the registry, and sends; neither where no chain is named, and no sending in a dry run. */
async function onChain(
  options: Options,
  devices: readonly NamedDevice[],
  attested: readonly AttestedDevice[],
  sending: (contracts: Contracts) => Promise<string>,
): Promise<string | undefined> {
  const { deployment: file, rpcUrl, key } = options;
  if (file === undefined || rpcUrl === undefined) {
    if (key !== undefined && !options.dryRun)
      throw new Failure("Config_Chain", "--key needs --deployment and --rpc-url");
    return undefined;
  }
  const { mode, passwordFile } = loadConfig(process.env);
  const deployment = parseDeployment(parseJson(await readBounded(file, BUNDLE_LIMIT_BYTES), file));
  const provider = await connectChain(rpcUrl, deployment.chainId);
  const signer =
    key === undefined || options.dryRun
      ? undefined
      : await openSigner(key, { isProduction: mode === "production", passwordFile }, "--key");
  try {
    const contracts = contractsAt(
      deployment.addresses,
      signer === undefined ? provider : new GasSigner(signer, provider),
    );
    // The registry keeps the hashes of its nodes' keys, its events the keys.
    const events = await contracts.registry.queryFilter(contracts.registry.filters.NodeRegistered());
    const points = new Map(events.map(({ args }) => [args.nodeId, { x: args.publicX as Hex, y: args.publicY as Hex }]));
    const keyHashOf = (nodeId: bigint) => {
      const point = points.get(nodeId);
      if (point === undefined) throw new Refusal("Directory_UnknownNode", { lotId: options.lot, nodeId });
      return nodeKeyHash(point.x, point.y);
    };
    const identityRoot = namedIdentityRoot(devices, keyHashOf);
    const { identityRoot: registered, modelId } = await contracts.registry.lot(BigInt(options.lot));
    demand(identityRoot === registered, "Directory_WrongRoot", { lotId: options.lot, identityRoot, registered });
    requireModel(attested, (await contracts.registry.models(modelId)).name, options.chip);
    await requireAlone(options, contracts, devices, keyHashOf);
    return signer === undefined ? undefined : await sending(contracts);
  } finally {
    await signer?.close();
    provider.destroy();
  }
}

/** Refuses a device that stands in another live lot; identities of lots without level 1 count where they can be had. */
async function requireAlone(
  { lot, files: sources, allowPrivate }: Options,
  { registry }: Contracts,
  devices: readonly NamedDevice[],
  keyHashOf: (nodeId: bigint) => Hex,
): Promise<void> {
  const own = new Map(devices.map(({ name }, deviceIndex) => [identityAnchor(name), deviceIndex]));
  const published = await fileSources({ sources, isPrivateAllowed: allowPrivate });
  const lotCount = await registry.lotCount();
  for (let other = 1n; other <= lotCount; other++) {
    if (other === BigInt(lot) || (await registry.isRetired(other))) continue;
    const root = (await registry.lot(other)).identityRoot as Hex;
    const read = published.file("identities", root, async (lines) => {
      const named = await parseIdentities(lines);
      const found = namedIdentityRoot(named, keyHashOf);
      demand(found === root, "Directory_WrongRoot", { lotId: other, found });
      return named;
    });
    const others = await read.catch(async (error: unknown) => {
      if (!(error instanceof Refusal) || (await registry.evidenceClass(other)) > 0n) throw error;
      process.stderr.write(`lot ${other}, which nobody attested, was not compared: ${error.message}\n`);
      return [];
    });
    for (const { name } of others) {
      const deviceIndex = own.get(identityAnchor(name));
      if (deviceIndex !== undefined) throw new Refusal("Attestation_OtherLot", { deviceIndex, name, lotId: other });
    }
  }
}

async function readJwks({ jwks, allowPrivate }: Options): Promise<string> {
  if (!/^https?:/i.test(jwks)) return await readBounded(jwks, JWKS_LIMIT_BYTES);
  const bounds = { timeoutMs: 10_000, limitBytes: JWKS_LIMIT_BYTES, isPrivateAllowed: allowPrivate };
  const { status, body } = await ask(outboundUrl(jwks, "--jwks"), bounds);
  if (status !== 200) throw new Failure("Jwks_Unreachable", `the keys' address answers with status ${status}`);
  return body.toString("utf8");
}

async function readIdentities(file: string): Promise<NamedDevice[]> {
  return await parseIdentities(linesOf(createReadStream(file), FILE_LIMITS.identities));
}

async function readBounded(file: string, limitBytes: number): Promise<string> {
  const handle = await open(file).catch((error: unknown) => {
    throw new Failure("File_Unreadable", messageOf(error));
  });
  try {
    const { size } = await handle.stat();
    if (size > limitBytes) throw new Failure("File_TooLong", `${file} has ${size} bytes; ${limitBytes} are allowed`);
    return (await handle.readFile()).toString("utf8");
  } finally {
    await handle.close();
  }
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal("File_NotJson", { file });
  }
}

/** The evidence, durable under its hash: whoever has the hash from the chain can check the file, and the tokens in it. */
async function keep(folder: string, hash: Hex, text: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${hash}.ndjson`);
  const known = await readFile(file, "utf8").catch(() => undefined);
  if (known === text) return;
  const fresh = `${file}.fresh`;
  const handle = await open(fresh, "w");
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, file);
}
