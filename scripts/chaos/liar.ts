import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";

import { JsonRpcProvider, Wallet, keccak256, toUtf8Bytes } from "ethers";

import { aggregate, initialState, type AggregateState, type VerifiedReading } from "../../server/protocol/aggregate.ts";
import { ballotDomain, ballotPreimage, bundleJson, parseBundle } from "../../server/protocol/ballot.ts";
import type { Instance, SignedMessage } from "../../server/protocol/ballot.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import type { Message } from "../../server/protocol/rounds.ts";
import { contractsAt } from "../../server/protocol/contracts.ts";
import { parseDeployment } from "../../server/protocol/deployment.ts";
import { keccakHex } from "../../server/protocol/keccak.ts";
import { linesOf } from "../../server/protocol/lines.ts";
import type { Lot } from "../../server/protocol/lot.ts";
import { methodologyText } from "../../server/protocol/methodology.ts";
import { FILE_LIMITS, checkReadingSet, readingSetLines } from "../../server/protocol/publication.ts";
import { parseReading, readingDomain, readingHash, type SignedReadingJson } from "../../server/protocol/reading.ts";
import { buildReport, reportHashOf, reportJson, reportPreimageOf, type Report } from "../../server/protocol/report.ts";
import { domainOf, structOf } from "../../server/protocol/typed.ts";
import { epochEndAt } from "../../server/protocol/units.ts";
import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import { CHAOS_FACTORS } from "./ground.ts";

// A program that sits in an oracle's place with its report key and lies: it takes readings and forgets some, proposes false
// reports, tells one peer one thing and the next another, votes for everything, and signs it all for the chain.

const env = (name: string): string => process.env[name] ?? "";
const self = Number(env("CHAOS_ORACLE"));
const peers = env("RACKBOND_PEERS").split(",");
const graceSec = BigInt(env("RACKBOND_GRACE_SEC"));
const wallet = new Wallet(env("RACKBOND_REPORT_KEY").replace("plain:", ""));
const deployment = parseDeployment(JSON.parse(readFileSync(env("RACKBOND_DEPLOYMENT"), "utf8")));
const provider = new JsonRpcProvider(env("RACKBOND_RPC_URL"), deployment.chainId, {
  staticNetwork: true,
  cacheTimeout: -1,
});
const { telemetry, registry } = contractsAt(deployment.addresses, provider);
const ballots = ballotDomain(BigInt(deployment.chainId), deployment.addresses.telemetry);
const domain = readingDomain(BigInt(deployment.chainId), deployment.addresses.telemetry);
const struct = structOf(Telemetry__factory.abi, "submit", "report");
const methodology = { factors: CHAOS_FACTORS, exceptions: new Map() };
const methodologyHash = keccak256(toUtf8Bytes(methodologyText(methodology))) as Hex;

const taken = new Map<string, Map<string, SignedReadingJson>>(); // by epoch, then node
const files = new Map<string, string>();
const heard = new Map<string, Hex>(); // what honest ones named, by epoch
let newestRound = 0;

const EVERY_MS = 100;
const ROUNDS_AHEAD = 3;

/** What it would have the others believe of an epoch. */
interface Lie {
  readonly value: Hex;
  readonly report: Report;
}

let lots: Lot[] | undefined;
let reportDomain: ReturnType<typeof domainOf> | undefined;
const lies = new Map<string, readonly [Lie, Lie]>();

async function learn(): Promise<void> {
  reportDomain ??= domainOf(await telemetry.eip712Domain());
  lots ??= await Promise.all(
    deployment.identities.map(async ({ lotId }) => {
      const { gpuCount, tdpW } = await registry.lot(lotId);
      return { lotId: BigInt(lotId), gpuCount, tdpW, site: CHAOS_FACTORS };
    }),
  );
}

/** Two false reports of the next epoch: one leaves readings out, one has a reading that its node never signed. */
async function makeLies(configDigest: Hex, epoch: bigint): Promise<readonly [Lie, Lie]> {
  const [before] = (await telemetry.queryFilter(telemetry.filters.Submitted(epoch - 1n))).slice(-1);
  let state: AggregateState = initialState(epoch);
  if (before !== undefined) {
    const { dataHash } = before.args.report;
    const answers = await Promise.allSettled(
      peers
        .filter((_, index) => index !== self)
        .map(async (url) => {
          const response = await fetch(`${url}/peer/v1/files/readings/${dataHash}`, {
            signal: AbortSignal.timeout(2_000),
          });
          const plain = zstdDecompressSync(Buffer.from(await response.arrayBuffer()));
          return await checkReadingSet(domain, dataHash as Hex, linesOf([plain], FILE_LIMITS.readings));
        }),
    );
    const whole = answers.find((one) => one.status === "fulfilled");
    if (whole === undefined) throw new Error(`nobody has the set of ${epoch - 1n}`);
    state = whole.value.state;
  }
  // What another one holds is sound: its false sets have nothing wrong with them but what it wants.
  const [witness] = peers.filter((_, index) => index !== self);
  const answer = await fetch(`${witness}/peer/v1/inventory/${epoch}`, { signal: AbortSignal.timeout(2_000) });
  const sound = new Set((await answer.text()).split(/\s/));
  const all = [...(taken.get(String(epoch))?.values() ?? [])].map(({ reading: json, signature }): VerifiedReading => {
    const reading = parseReading(json);
    return { reading, readingHash: readingHash(domain, reading), signature: signature as Hex };
  });
  const held = all.filter((one) => sound.has(one.readingHash));
  const lie = (set: readonly VerifiedReading[]): Lie => {
    const sums = aggregate(epoch, state, lots!, set);
    const report = buildReport(
      sums,
      configDigest,
      (before?.args.reportHash ?? `0x${"0".repeat(64)}`) as Hex,
      methodologyHash,
    );
    files.set(report.dataHash, [...readingSetLines(epoch, sums.state, set)].map((line) => `${line}\n`).join(""));
    return { value: reportHashOf(struct, report), report };
  };
  const [first, ...rest] = held;
  const forged = first === undefined ? held : [{ ...first, signature: rest[0]?.signature ?? first.signature }, ...rest];
  return [lie(held.filter((_, index) => index % 3 !== 0)), lie(forged)];
}

function signed(instance: Instance, message: Message): SignedMessage {
  const { compactSerialized } = wallet.signingKey.sign(keccakHex(ballotPreimage(ballots, instance, message)));
  return { ...message, signature: compactSerialized as Hex };
}

/** What one peer is told: by the epoch it lies to each the other way, all the same way, or echoes to half of them. */
function tale(instance: Instance, pair: readonly [Lie, Lie], peer: number, signerCount: number) {
  const { epoch } = instance;
  const habit = Number(epoch % 3n);
  const lie = pair[habit === 0 ? peer % 2 : 0]!;
  const echo = heard.get(String(epoch));
  const value = habit === 2 ? (peer % 2 === 0 ? (echo ?? null) : null) : lie.value;
  const messages: SignedMessage[] = [];
  for (let round = Math.max(0, newestRound - 1); round <= newestRound + ROUNDS_AHEAD; round++) {
    if ((Number(epoch % BigInt(signerCount)) + round) % signerCount === self) {
      const validRound = habit === 1 && round > 0 ? round - 1 : -1;
      messages.push(signed(instance, { type: "proposal", signerIndex: self, round, validRound, value: lie.value }));
    }
    messages.push(signed(instance, { type: "prevote", signerIndex: self, round, value }));
    messages.push(signed(instance, { type: "precommit", signerIndex: self, round, value }));
  }
  const signatures = pair.map(({ value: of, report }) => {
    const preimage = reportPreimageOf(struct, reportDomain!, report);
    return {
      signerIndex: self,
      value: of,
      signature: wallet.signingKey.sign(keccakHex(preimage)).compactSerialized as Hex,
    };
  });
  const reports = pair.map(({ report }) => reportJson(report));
  return bundleJson({ instance, messages, reports, signatures, isAsking: true });
}

/** Keeps which value the others speak of, and in which round. */
function hear(json: unknown): void {
  const { instance, messages } = parseBundle(json);
  for (const { round, value } of messages) {
    newestRound = Math.max(newestRound, Math.min(round, newestRound + 1));
    const isLie = lies.get(String(instance.epoch))?.some((one) => one.value === value) === true;
    if (value !== null && !isLie) heard.set(String(instance.epoch), value);
  }
}

let told = -1n;

async function tell(): Promise<void> {
  await learn();
  const [configDigest, lastEpoch, signers, block] = await Promise.all([
    telemetry.configDigest(),
    telemetry.lastEpoch(),
    telemetry.signers(),
    provider.getBlock("latest"),
  ]);
  const epoch = lastEpoch + 1n;
  if (BigInt(block?.timestamp ?? 0) < epochEndAt(epoch) + graceSec / 2n) return;
  if (told !== epoch) newestRound = 0;
  told = epoch;
  const instance: Instance = { configDigest: configDigest as Hex, epoch, kind: 0 };
  const pair = lies.get(String(epoch)) ?? (await makeLies(instance.configDigest, epoch));
  lies.set(String(epoch), pair);
  await Promise.allSettled(
    peers.map(async (url, peer) => {
      if (peer === self) return;
      const response = await fetch(`${url}${EXCHANGE}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(tale(instance, pair, peer, signers.length)),
        signal: AbortSignal.timeout(2_000),
      });
      if (response.ok && response.status === 200) hear(await response.json());
    }),
  );
}

/** Where oracles hand each other messages. */
const EXCHANGE = "/peer/v1/messages";

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (request.method === "GET") {
    const file = files.get(request.url?.split("/").at(-1) ?? "");
    if (request.url?.includes("/files/") === true && file === undefined) return; // not a word, for as long as they wait
    response.writeHead(200, { "content-type": "application/octet-stream" }).end(file && zstdCompressSync(file));
    return;
  }
  const json = JSON.parse(Buffer.concat(chunks).toString("utf8")) as object;
  if ("messages" in json) {
    hear(json);
    response.writeHead(204).end();
    return;
  }
  // Taken, it says.
  if ("signature" in json) {
    const { reading } = json as SignedReadingJson;
    const epoch = taken.get(reading.epoch) ?? new Map<string, SignedReadingJson>();
    taken.set(reading.epoch, epoch.set(reading.nodeId, json as SignedReadingJson));
  }
  response.writeHead(202, { "content-type": "application/json" }).end("[]");
}

createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
}).listen(Number(env("RACKBOND_PORT")), "127.0.0.1");

for (;;) {
  await tell().catch((error: unknown) => console.error(String(error)));
  await sleep(EVERY_MS);
}
