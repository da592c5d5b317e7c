import { expect } from "chai";
import { ZeroHash, type Wallet } from "ethers";

import { NO_CLAUSES } from "../../server/protocol/lease.ts";
import { Leases__factory } from "../../types/factories/lease/Leases__factory.ts";
import { closeEpoch } from "../../server/jobs/epoch.ts";
import type { Oracle } from "../../server/jobs/oracle.ts";
import { connectChain } from "../../server/plugins/chain.ts";
import { contractsAt, send } from "../../server/protocol/contracts.ts";
import { packSignatures } from "../../server/protocol/quorum.ts";
import type { Refusal } from "../../server/protocol/refusal.ts";
import { filingCall, reportCall, reportDigestOf } from "../../server/protocol/report.ts";
import type { SignedReadingJson } from "../../server/protocol/reading.ts";
import { domainOf, structOf } from "../../server/protocol/typed.ts";
import { AT, EPOCH, bench, refusalOf, scrapeOf } from "../server/agentBench.ts";
import { FIRST_EPOCH, START_AT, readingOf, startStage, wire, type Stage } from "../server/stage.ts";

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
    oracles = stage.startOracles();
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
    const [result] = await oracles[0]!.ingest([signed], END_AT);
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
    const again = readingOf(stage, 0, E + 1n, { before: first, device: { energyStartMJ: 0n } });
    const refusal = await refused(ingested(wire(again)));
    expect(refusal.code).to.equal("Reading_CounterFell");
    expect(refusal.facts).to.deep.include({ nodeId: 1n, energyStartMJ: 0n, beforeEndMJ: 700_000_000n });
  });

  it("a report with 2f signatures: refused before it is sent, and by the contract", async () => {
    await Promise.all(oracles.map((oracle) => oracle.ingest(hours, END_AT)));
    const head = await stage.head();
    await stage.advanceTo(END_AT);
    const { reportStruct, reportDomain } = stage.epochOptions(oracles);
    const signed = [await oracles[0]!.propose(head), await oracles[1]!.propose(head)];
    const [{ report }] = signed as [(typeof signed)[number]];
    const digest = reportDigestOf(reportStruct, reportDomain, report);
    const signatures = signed.map(({ signature }) => signature);
    const short = await refused(() => packSignatures(digest, head.signers, head.faultyCount, signatures));
    expect(short).to.deep.include({ code: "Quorum_TooFew", facts: { signatureCount: 2, quorumCount: 3 } });

    const packed = packSignatures(digest, head.signers, 0.5, signatures); // as a program that takes 2f for enough
    const refusal = await refused(() =>
      send(
        stage.contracts.telemetry.submit(
          reportCall(report),
          filingCall(head.prior),
          packed.signerBitmap,
          packed.signatures,
        ),
      ),
    );
    const facts = { signatureCount: "2", quorumCount: "3" };
    expect(refusal).to.deep.include({ code: "Telemetry_WrongSignatureCount", facts });
    expect(await stage.contracts.telemetry.lastEpoch()).to.equal(E - 1n);
  });

  it("a chain with another id: Chain_WrongId; a report signed for another chain: no signer of ours", async () => {
    const { url } = stage.chain;
    const wrong = await refused(() => connectChain(url, 1));
    expect(wrong).to.deep.include({ code: "Chain_WrongId", facts: { url, chainId: 31_337, expectedChainId: 1 } });

    await Promise.all(oracles.map((oracle) => oracle.ingest(hours, END_AT)));
    const head = await stage.head();
    const { reportStruct, reportDomain } = stage.epochOptions(oracles);
    const { report, signature } = await oracles[0]!.propose(head);
    const elsewhere = reportDigestOf(reportStruct, { ...reportDomain, chainId: 1n }, report);
    const refusal = await refused(() => packSignatures(elsewhere, head.signers, head.faultyCount, [signature]));
    expect(refusal.code).to.equal("Quorum_UnknownSigner");
  });

  it("a stale report: Telemetry_TooOld with its deadline; nothing is sent", async () => {
    await Promise.all(oracles.map((oracle) => oracle.ingest(hours, END_AT)));
    const head = await stage.head();
    const deadlineAt = END_AT + (await stage.contracts.telemetry.maxDelaySec());
    await stage.advanceTo(deadlineAt + 1n);
    const { transmitter } = stage.world.cast;
    const stateRoot = (await stateOf()).stateRoot;
    const refusal = await refusalOf(() => closeEpoch(stage.epochOptions(oracles), head));
    expect(refusal.code).to.equal("Telemetry_TooOld");
    expect(refusal.facts).to.deep.include({ epoch: String(E), deadlineAt: String(deadlineAt) });
    expect((await stateOf()).stateRoot).to.equal(stateRoot);
    expect(await stage.provider.getTransactionCount(transmitter.address)).to.equal(0);
    const { rows } = await stage.store.db.query("select status, tx_hash from outbox");
    expect(rows).to.deep.equal([{ status: "failed", tx_hash: null }]);
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
