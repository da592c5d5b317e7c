import { setTimeout as sleep } from "node:timers/promises";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import rateLimit from "@fastify/rate-limit";
import Fastify from "fastify";
import { SigningKey } from "ethers";

import type { Oracle } from "../../server/jobs/oracle.ts";
import { memorySigner } from "../../server/keys/signer.ts";
import type { Api } from "../../server/plugins/http.ts";
import { peerClient } from "../../server/plugins/peerClient.ts";
import type { Peer } from "../../server/plugins/peers.ts";
import { problems } from "../../server/plugins/problems.ts";
import {
  ballotDomain,
  ballotPreimage,
  bundleJson,
  type Bundle,
  type SignedMessage,
} from "../../server/protocol/ballot.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import type { Message } from "../../server/protocol/rounds.ts";
import { peerRoutes } from "../../server/routes/peers.ts";
import { FIRST_EPOCH, inOrder, readingOf, startStage, wire, type Overrides, type Stage } from "./stage.ts";

const E = FIRST_EPOCH;
const NOW = (E + 1n) * 3600n;
const ROUND_MS = 400;

/** How a test's peer misbehaves: it gets the honest one and answers in its stead. */
type Twist = (honest: Peer) => Peer;

describe("oracles over HTTP", function () {
  this.timeout(60_000);
  let stage: Stage;
  let oracles: Oracle[] = [];
  let apps: Api[] = [];

  before(async () => {
    stage = await startStage();
  });
  after(() => stage.stop());
  beforeEach(() => stage.reset());
  afterEach(async () => {
    await Promise.all(oracles.map((oracle) => oracle.stop()));
    await Promise.all(apps.map((app) => app.close()));
    apps = [];
  });

  /** Four oracles that reach each other by HTTP only; some of them answer in another way than they should. */
  const start = async (twists: ReadonlyMap<number, Twist> = new Map(), overrides: Overrides = {}) => {
    const peers = async (own: readonly Peer[]) => {
      apps = await Promise.all(
        own.map(async (peer, oracleId) => {
          const app = Fastify() as unknown as Api;
          await app.register(rateLimit, { global: false });
          problems(app);
          peerRoutes(app, { peer: twists.get(oracleId)?.(peer) ?? peer, files: stage.files });
          await app.listen({ host: "127.0.0.1", port: 0 });
          return app;
        }),
      );
      return apps.map((app) => peerClient({ url: urlOf(app), timeoutMs: ROUND_MS }));
    };
    oracles = await stage.startOracles({ roundMs: ROUND_MS, ...overrides, peers });
  };
  const urlOf = (app: Api) => `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const give = async (epoch = E) => {
    const hours = [0, 1, 2].map((n) => wire(readingOf(stage, n, epoch)));
    await Promise.all(oracles.map((oracle) => oracle.ingest(hours, (epoch + 1n) * 3600n)));
  };
  const closesWell = async () => {
    const closed = await stage.close(oracles);
    expect(closed.report.devicesReportingCount).to.equal(3n);
    const { telemetry } = stage.contracts;
    expect(await telemetry.queryFilter(telemetry.filters.Submitted(E))).to.have.length(1);
    return closed;
  };

  it("S14: decide and bring a report on-chain once", async () => {
    await start();
    await give();
    expect((await closesWell()).refusals).to.deep.equal([]);
  });

  it("S14: go on while one of them is down, also where it is the one to propose", async () => {
    const downIndex = Number(E % 4n);
    await start();
    await give();
    await oracles[downIndex]!.stop();
    await apps[downIndex]!.close();
    const { signerBitmap } = await closesWell();
    expect((signerBitmap >> BigInt(downIndex)) & 1n).to.equal(0n);
  });

  it("S14: go on while one of them answers too late, or never", async () => {
    const late = async <T>(answer: () => Promise<T>) => {
      await sleep(3 * ROUND_MS);
      return await answer();
    };
    const slow: Twist = (peer) => ({
      exchange: (bundle) => late(() => peer.exchange(bundle)),
      inventory: (epoch) => late(() => peer.inventory(epoch)),
      readings: (epoch, hashes) => late(() => peer.readings(epoch, hashes)),
      file: (kind, hash) => late(() => peer.file(kind, hash)),
    });
    await start(new Map([[Number(E % 4n), slow]]));
    await give();
    await closesWell();
  });

  it("S14: put what each was fed into one report", async () => {
    await start();
    const hours = [0, 1, 2].map((n) => wire(readingOf(stage, n, E)));
    await Promise.all(hours.map((signed, n) => oracles[n]!.ingest([signed], NOW)));
    await closesWell();
  });

  it("S14: a peer that lies about what it holds costs its requests and nothing more", async () => {
    const rubbish: Twist = (peer) => ({
      ...peer,
      inventory: () => Promise.resolve([1n, 2n, 3n].map((nodeId) => ({ nodeId, readingHash: `0x${"9".repeat(64)}` }))),
      readings: () => Promise.resolve([wire(readingOf(stage, 0, E, { signedBy: 1 }))]),
    });
    await start(new Map([[3, rubbish]]));
    const hours = [1, 2].map((n) => wire(readingOf(stage, n, E)));
    for (const oracle of oracles.slice(0, 3)) await oracle.ingest(hours, NOW);
    const { report } = await stage.close(oracles);
    expect(report.devicesReportingCount).to.equal(2n);
  });

  it("S14: a signer that votes twice stops nobody", async () => {
    const liarIndex = 2;
    const wallet = inOrder(stage.world.cast.oracles)[liarIndex]!;
    const signer = memorySigner(new SigningKey(wallet.privateKey));
    const { chain, world } = stage;
    const domain = ballotDomain(BigInt(chain.chainId), world.deployment.addresses.telemetry);
    const say = async (bundle: Bundle, message: Message): Promise<SignedMessage> => ({
      ...message,
      signature: await signer.sign(ballotPreimage(domain, bundle.instance, message)),
    });
    let answers = 0;
    const liar: Twist = () => ({
      async exchange(bundle) {
        // To each who asks something else: nil, what it said, or a value of its own.
        const values: (Hex | null)[] = [null, bundle.messages[0]?.value ?? null, `0x${"7".repeat(64)}`];
        const value = values[answers++ % 3] ?? null;
        const votes = (["prevote", "precommit"] as const).map((type) => ({
          type,
          signerIndex: liarIndex,
          round: 0,
          value,
        }));
        const messages = await Promise.all(votes.map((vote) => say(bundle, vote)));
        return { ...bundle, messages, reports: [], signatures: [], isAsking: false };
      },
      inventory: () => Promise.resolve([]),
      readings: () => Promise.resolve([]),
      file: () => Promise.resolve(undefined),
    });
    await start(new Map([[liarIndex, liar]]));
    await give();
    await oracles[liarIndex]!.stop();
    await closesWell();
    expect(answers).to.be.greaterThan(2);
  });

  it("S07: go on with one clock hours ahead and with one hours behind", async () => {
    for (const offsetSec of [5n * 3600n, -5n * 3600n]) {
      await stage.reset();
      const clock = { now: () => stage.station.followedAt() + offsetSec };
      await start(new Map(), { clockOf: (oracleId) => (oracleId === Number(E % 4n) ? clock : undefined) });
      await give();
      await closesWell();
      await Promise.all(apps.splice(0).map((app) => app.close()));
    }
  });

  it("E10: skip an hour that no report can have any more, each for itself and once", async () => {
    await start();
    await stage.advanceTo(NOW + (await stage.contracts.telemetry.maxDelaySec()) + 1n);
    await stage.until(oracles, ({ lastEpoch }) => lastEpoch >= E);
    expect(await stage.contracts.telemetry.skipped(E)).to.equal(true);
  });

  describe("a peer's door", () => {
    const post = async (path: string, body: string) =>
      (await fetch(`${urlOf(apps[0]!)}/peer/v1/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body })).status; // prettier-ignore

    it("S08: takes no malformed, oversized or wrongly signed message, and stays open", async () => {
      await start();
      await give();
      await stage.advanceTo(NOW);
      await stage.head();
      oracles[0]!.wake();
      await sleep(100);
      const { config } = await stage.head();
      const instance = { configDigest: config!.configDigest, epoch: E, kind: 0 as const };
      const forged: SignedMessage = {
        ...{ type: "precommit", signerIndex: 1, round: 7, value: `0x${"1".repeat(64)}` },
        signature: `0x${"1".repeat(128)}`,
      };
      const bundle: Bundle = { instance, messages: [forged], reports: [], signatures: [], isAsking: true };
      const json = bundleJson(bundle);
      expect(await post("messages", "{")).to.equal(400);
      expect(await post("messages", JSON.stringify({ ...json, more: 1 }))).to.equal(422);
      expect(
        await post("messages", JSON.stringify({ ...json, messages: Array(3_000).fill(json.messages[0]) })),
      ).to.equal(422);
      expect(await post("messages", " ".repeat(5 << 20))).to.equal(413);
      expect(await post("readings", JSON.stringify({ epoch: "1", hashes: Array(501).fill(instance.configDigest) }))).to.equal(400); // prettier-ignore
      expect(await post("messages", JSON.stringify(json))).to.be.oneOf([204, 422]);
      const { newest } = await stage.until(oracles, ({ lastEpoch }) => lastEpoch >= E);
      expect(newest!.report.devicesReportingCount).to.equal(3n);
    });
  });
});
