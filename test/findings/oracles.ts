// Faults a review found in what oracles sign and take from each other. Each test was red before they were mended.
import { join } from "node:path";

import { expect } from "chai";
import { SigningKey } from "ethers";

import { openIntake, type Intake } from "../../server/jobs/intake.ts";
import { REPORT_STRUCT, SKIP_STRUCT, skipHashOf, skipOf } from "../../server/jobs/filing.ts";
import { startInstance } from "../../server/jobs/instance.ts";
import { markedSigner } from "../../server/keys/marks.ts";
import { memorySigner } from "../../server/keys/signer.ts";
import { saveDecision } from "../../server/plugins/ballots.ts";
import { openRegistry } from "../../server/plugins/directory.ts";
import { openFiles } from "../../server/plugins/files.ts";
import { refusalStatus } from "../../server/plugins/problems.ts";
import type { Bundle, Instance, SignedMessage } from "../../server/protocol/ballot.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import type { ReportJson } from "../../server/protocol/report.ts";
import { domainOf, structPreimage } from "../../server/protocol/typed.ts";
import { FACTORS, FIRST_EPOCH, inOrder, readingOf, startStage, wire, type Stage } from "../server/stage.ts";

const E = FIRST_EPOCH;
const SIGNATURE: Hex = `0x${"11".repeat(64)}`;

describe("Findings: oracles", function () {
  this.timeout(60_000);
  let stage: Stage;

  before(async () => {
    stage = await startStage();
  });
  after(() => stage.stop());
  beforeEach(() => stage.reset());

  const headAndConfig = async () => {
    const head = await stage.head();
    return { head, config: head.config! };
  };

  it("E14: after a skip was signed and a halt moved the deadline, every oracle refused the report that was due then", async () => {
    const { head, config } = await headAndConfig();
    const domain = domainOf(await stage.contracts.telemetry.eip712Domain());
    const preimage = structPreimage(SKIP_STRUCT, domain, skipOf(head, config.configDigest));
    for (const [oracleId, wallet] of inOrder(stage.world.cast.oracles).entries()) {
      const marked = markedSigner(memorySigner(new SigningKey(wallet.privateKey)), stage.markFile(oracleId));
      await marked.signReport({ configCount: config.configCount, epoch: E, kind: 1, preimage });
      await marked.close();
    }
    const oracles = await stage.startOracles();
    await stage.advanceTo((E + 1n) * 3600n);
    await stage.until(oracles, ({ lastEpoch }) => lastEpoch === E);
    expect(await stage.contracts.telemetry.skipped(E)).to.equal(true);
  });

  it("S06: readings were refused for good by an oracle that was behind, or had no identities of their lot yet", async () => {
    const { identities } = stage.world.deployment;
    const end = (E + 1n) * 3600n;
    let nowAt = end + 60n;
    let folderCount = 0;
    const open = async (given: typeof identities) => {
      const files = await openFiles(join(stage.folder, `intake-${++folderCount}`));
      return openIntake({
        registry: openRegistry({
          ...{ db: stage.store.db, files, identities: given, version: () => 1 },
          methodology: { factors: FACTORS, exceptions: new Map() },
        }),
        ...{ store: stage.store, oracleIds: [0], domain: stage.domain, threadCount: 0, log: () => undefined },
        ...{ window: { maxDelaySec: 7200n, skewSec: 0n }, now: () => nowAt },
        ...{ readingsPerMinute: 1000, waitingBytes: 1e7 },
      });
    };
    const answers = async (intake: Intake, nodeId: bigint) => {
      const line = JSON.stringify(wire(readingOf(stage, 0, E, { reading: { nodeId } })));
      const [taken] = await intake.take(Buffer.from(line), "lines", "10.0.0.1");
      return taken?.outcome === "refused" ? [taken.refusal.code, refusalStatus(taken.refusal)] : [taken?.outcome];
    };
    const [whole, lacking] = [await open(identities), await open([])];
    try {
      await stage.head();
      expect(await answers(whole, 99n), "while it is behind").to.deep.equal(["Ingest_Behind", 503]);
      await stage.advanceTo(end);
      await stage.head();
      expect(await answers(whole, 99n), "once it is not").to.deep.equal(["Reading_UnknownNode", 403]);
      expect(await answers(whole, 1n)).to.deep.equal(["inserted"]);
      expect(await answers(lacking, 1n), "without identities").to.deep.equal(["Ingest_Behind", 503]);
      nowAt = end + 7201n;
      expect((await answers(lacking, 1n))[0], "too old to come again").to.match(/^Reading_/);
    } finally {
      await whole.stop();
      await lacking.stop();
    }
  });

  describe("S08: a stranger's bundle", () => {
    it("cost a recovery for each of its signatures", async () => {
      const { head, config } = await headAndConfig();
      const { configDigest, signers } = config;
      const instance: Instance = { configDigest, epoch: E, kind: 1 };
      const value = skipHashOf(head, configDigest);
      const quorum = [0, 1, 2].map((signerIndex): SignedMessage => ({
        type: "precommit",
        signerIndex,
        round: 0,
        value,
        signature: SIGNATURE,
      }));
      await saveDecision(stage.store.db, 0, instance, { value, quorum, decidedAt: 1n });
      let recoveryCount = 0;
      const running = await startInstance({
        ...{ oracleId: 0, store: stage.store, instance, config, selfIndex: 0, peers: [], roundMs: 60_000 },
        ...{ ballotDomain: `0x${"22".repeat(32)}`, reportStruct: REPORT_STRUCT },
        sign: () => Promise.resolve(SIGNATURE),
        propose: () => Promise.resolve({ value, report: undefined }),
        judge: () => Promise.resolve({ verdict: "valid" }),
        isChainSignature: () => {
          recoveryCount++;
          return false;
        },
        ...{ onChange: () => undefined, onRefusal: () => undefined },
        onError: (error) => {
          throw error;
        },
      });
      try {
        expect(running.decision?.value).to.equal(value);
        const empty = { instance, messages: [], reports: [], signatures: [], isAsking: false };
        const signatures = Array.from({ length: 256 }, (_, n) => ({
          ...{ signerIndex: n % signers.length, value },
          signature: `0x${n.toString(16).padStart(128, "0")}` as const,
        }));
        await running.receive({ ...empty, signatures });
        expect(recoveryCount).to.equal(signers.length);
      } finally {
        running.stop();
      }
    });

    it("made an oracle hash reports that no signed message had named", async () => {
      const { config } = await headAndConfig();
      const instance: Instance = { configDigest: config.configDigest, epoch: E, kind: 0 };
      const running = await startInstance({
        ...{ oracleId: 0, store: stage.store, instance, config, selfIndex: 0, peers: [], roundMs: 60_000 },
        ...{ ballotDomain: `0x${"22".repeat(32)}`, reportStruct: REPORT_STRUCT },
        sign: () => Promise.resolve(SIGNATURE),
        propose: () => new Promise(() => undefined),
        judge: () => Promise.resolve({ verdict: "valid" }),
        isChainSignature: () => false,
        ...{ onChange: () => undefined, onRefusal: () => undefined, onError: () => undefined },
      });
      try {
        let readCount = 0;
        const watched = new Proxy({} as ReportJson, {
          get() {
            readCount++;
            return undefined;
          },
        });
        const bundle: Bundle = { instance, messages: [], reports: [watched], signatures: [], isAsking: false };
        await running.receive(bundle);
        expect(readCount).to.equal(0);
      } finally {
        running.stop();
      }
    });
  });
});
