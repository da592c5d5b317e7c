import { expect } from "chai";
import { SigningKey, ZeroHash, type Wallet } from "ethers";

import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import { Leases__factory } from "../../types/factories/lease/Leases__factory.ts";
import { REPORT_STRUCT } from "../../server/jobs/filing.ts";
import type { Oracle } from "../../server/jobs/oracle.ts";
import { reportOf } from "../../server/plugins/reports.ts";
import { connectChain } from "../../server/plugins/chain.ts";
import { contractsAt, send } from "../../server/protocol/contracts.ts";
import { packSignatures } from "../../server/protocol/quorum.ts";
import type { Refusal } from "../../server/protocol/refusal.ts";
import { filingCall, reportCall, reportDigestOf } from "../../server/protocol/report.ts";
import type { SignedReadingJson } from "../../server/protocol/reading.ts";
import { domainOf, structOf, type Domain } from "../../server/protocol/typed.ts";
import { AT, EPOCH, bench, refusalOf, scrapeOf } from "../server/agentBench.ts";
import { FIRST_EPOCH, START_AT, inOrder, readingOf, startStage, wire, type Stage } from "../server/stage.ts";

// What may come in from outside and must not get through: each is refused by a name with its numbers, and the chain, the
// store and the agents are as they were.

const E = FIRST_EPOCH;
const END_AT = (E + 1n) * 3600n;

describe("bad input", function () {
  this.timeout(60_000);
  let stage: Stage;
  let oracles: Oracle[];
  let hours: SignedReadingJson[];

  before(async () => {
    stage = await startStage();
  });
  after(() => stage.stop());
  beforeEach(async () => {
    await stage.reset();
    oracles = await stage.startOracles();
    hours = [0, 1, 2].map((n) => wire(readingOf(stage, n, E)));
  });

  /** The chain's state root, and all that the store holds. */
  const stateOf = async () => {
    const { stateRoot } = (await stage.provider.send("eth_getBlockByNumber", ["latest", false])) as {
      stateRoot: string;
    };
    return { stateRoot, store: await stage.storeText() };
  };
  /** The refusal that work ends in, nothing being changed by it. */
  const refused = async (work: () => unknown): Promise<Refusal> => {
    const before = await stateOf();
    const refusal = await refusalOf(work);
    expect(await stateOf()).to.deep.equal(before);
    return refusal;
  };
  const ingested = (signed: SignedReadingJson) => async () => {
    const [result] = await oracles[0]!.ingest([signed], END_AT + 3600n);
    if (result?.outcome === "refused") throw result.refusal;
  };

  it("a malformed scrape: Exposition_Malformed with the line; the agent's counters stand", async () => {
    const [own, other] = [bench(), bench()];
    for (const { agent } of [own, other]) agent.observe(scrapeOf({ energyMJ: 10n }), AT + 3300);
    const refusal = await refusalOf(() => own.agent.observe(`${scrapeOf({ energyMJ: 99n })}<html>\n`, AT + 3500));
    expect(refusal).to.deep.include({ code: "Exposition_Malformed", facts: { line: 2, reason: "no metric name" } });
    for (const { agent } of [own, other]) agent.observe(scrapeOf({ energyMJ: 20n }), AT + 3600);
    expect(own.agent.close(EPOCH)!.reading).to.deep.equal(other.agent.close(EPOCH)!.reading);
  });

  it("an unsigned reading: Reading_Unsigned; one signed by another: Reading_BadSignature", async () => {
    const { reading } = hours[0]!;
    const unsigned = await refused(ingested({ reading } as SignedReadingJson));
    expect(unsigned).to.deep.include({ code: "Reading_Unsigned", facts: { nodeId: 1n, epoch: E } });
    const forged = readingOf(stage, 0, E, { signedBy: 1 });
    const refusal = await refused(ingested(wire(forged)));
    const facts = { nodeId: 1n, epoch: E, readingHash: forged.hash };
    expect(refusal).to.deep.include({ code: "Reading_BadSignature", facts });
  });

  it("a replayed reading: known and not kept twice; as another hour's it is not signed, as the next one it does not follow", async () => {
    const first = readingOf(stage, 0, E);
    await ingested(wire(first))();
    const before = await stateOf();
    expect(await oracles[0]!.ingest([wire(first)], END_AT)).to.deep.equal([{ outcome: "duplicate" }]);
    expect(await stateOf()).to.deep.equal(before);

    const renamed = { ...first.reading, epoch: String(E + 1n) };
    const relabelled = await refused(ingested({ reading: renamed, signature: first.signature }));
    expect(relabelled.code).to.equal("Reading_BadSignature");

    // The node's own key signs the old counters once more as the next hour's.
    await stage.close(oracles);
    await stage.until(oracles, async () => (await reportOf(stage.store.db, 0, E)) !== undefined);
    const again = readingOf(stage, 0, E + 1n, { before: first, device: { energyStartMJ: 0n } });
    const refusal = await refusalOf(async () => {
      const [result] = await oracles[0]!.ingest([wire(again)], END_AT + 3600n);
      if (result?.outcome === "refused") throw result.refusal;
    });
    expect(refusal.code).to.equal("Reading_CounterFell");
    expect(refusal.facts).to.deep.include({ nodeId: 1n, energyStartMJ: 0n, beforeEndMJ: 700_000_000n });
  });

  /** The report of the hour after one that is on-chain, with its prior filing and the signatures of all. */
  const nextReport = async (domain?: Partial<Domain>) => {
    await Promise.all(oracles.map((oracle) => oracle.ingest(hours, END_AT)));
    await stage.close(oracles);
    const { newest, prior, config } = await stage.head();
    await Promise.all(oracles.map((oracle) => oracle.stop()));
    const periods = { epoch: E + 1n, periodStartAt: END_AT, periodEndAt: END_AT + 3600n };
    const report = { ...newest!.report, ...periods, prevReportHash: newest!.reportHash };
    const reportDomain = { ...domainOf(await stage.contracts.telemetry.eip712Domain()), ...domain };
    const digest = reportDigestOf(REPORT_STRUCT, reportDomain, report);
    const signatures = inOrder(stage.world.cast.oracles).map(
      ({ privateKey }) => new SigningKey(privateKey).sign(digest).compactSerialized,
    );
    return { report, prior, config: config!, digest, signatures };
  };

  it("a report with 2f signatures: refused before it is sent, and by the contract", async () => {
    const { report, prior, config, digest, signatures } = await nextReport();
    await stage.advanceTo(END_AT + 3600n);
    const few = signatures.slice(0, 2);
    const short = await refused(() => packSignatures(digest, config.signers, config.faultyCount, few));
    expect(short).to.deep.include({ code: "Quorum_TooFew", facts: { signatureCount: 2, quorumCount: 3 } });

    const packed = packSignatures(digest, config.signers, 0.5, few); // as a program that takes 2f for enough
    const refusal = await refused(() =>
      send(
        stage.contracts.telemetry.submit(reportCall(report), filingCall(prior), packed.signerBitmap, packed.signatures),
      ),
    );
    const facts = { signatureCount: "2", quorumCount: "3" };
    expect(refusal).to.deep.include({ code: "Telemetry_WrongSignatureCount", facts });
    expect(await stage.contracts.telemetry.lastEpoch()).to.equal(E);
  });

  it("a chain with another id: Chain_WrongId; a report signed for another chain: no signer of ours", async () => {
    const { url } = stage.chain;
    const wrong = await refused(() => connectChain(url, 1));
    expect(wrong).to.deep.include({ code: "Chain_WrongId", facts: { url, chainId: 31_337, expectedChainId: 1 } });

    const { report, config, signatures } = await nextReport({ chainId: 1n });
    const here = domainOf(await stage.contracts.telemetry.eip712Domain());
    const digest = reportDigestOf(REPORT_STRUCT, here, report);
    const refusal = await refused(() => packSignatures(digest, config.signers, config.faultyCount, signatures));
    expect(refusal.code).to.equal("Quorum_UnknownSigner");
  });

  it("a stale report: Telemetry_TooOld with its deadline; the oracles skip the hour instead", async () => {
    const { report, prior, config, digest, signatures } = await nextReport();
    const deadlineAt = END_AT + 3600n + (await stage.contracts.telemetry.maxDelaySec());
    await stage.advanceTo(deadlineAt + 1n);
    const packed = packSignatures(digest, config.signers, config.faultyCount, signatures);
    const refusal = await refused(() =>
      send(
        stage.contracts.telemetry.submit(reportCall(report), filingCall(prior), packed.signerBitmap, packed.signatures),
      ),
    );
    expect(refusal.code).to.equal("Telemetry_TooOld");
    expect(refusal.facts).to.deep.include({ epoch: String(E + 1n), deadlineAt: String(deadlineAt) });

    await stage.until(await stage.startOracles(), ({ lastEpoch }) => lastEpoch === E + 1n);
    expect(await stage.contracts.telemetry.skipped(E + 1n)).to.equal(true);
    expect((await stage.head()).prior.meters).to.deep.equal(prior.meters);
  });

  it("a lease of a lot that is leased: Lease_LotLeased with the lot and its lease", async () => {
    const { deployment, cast } = stage.world;
    const operator = contractsAt(deployment.addresses, cast.operator.connect(stage.provider));
    const [lessee] = cast.lessees as [Wallet];
    const terms = {
      ...{ lotId: 1n, lessee: lessee.address, payee: deployment.facilities[0]!.address, pricing: 0n },
      ...{ asset: deployment.addresses.asset, startAt: START_AT, periodCount: 12n, baseRentAssets: 1n },
      ...{ gpuHourRateAssets: 0n, ...NO_CLAUSES, documentHash: ZeroHash, salt: ZeroHash },
    };
    const { types } = structOf(Leases__factory.abi, "open", "terms");
    const signature = await lessee.signTypedData(domainOf(await operator.leases.eip712Domain()), types, terms);
    const refusal = await refused(() => send(operator.leases.open(terms, signature)));
    expect(refusal).to.deep.include({ code: "Lease_LotLeased", facts: { lotId: "1", leaseId: "1" } });
    expect(await operator.leases.leaseOf(1)).to.equal(1n);
  });
});
