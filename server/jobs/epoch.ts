import { keccak256, type TransactionReceipt } from "ethers";

import type { Hex } from "../protocol/bytes.ts";
import { INTERFACES } from "../protocol/contracts.ts";
import { packSignatures, quorumCount } from "../protocol/quorum.ts";
import { Refusal } from "../protocol/refusal.ts";
import { reportDigestOf, type Report, filingCall, reportCall } from "../protocol/report.ts";
import type { Domain, TypedStruct } from "../protocol/typed.ts";
import type { TelemetryHead } from "../plugins/chain.ts";
import { setReportStatus } from "../plugins/reports.ts";
import type { Store } from "../plugins/store.ts";
import type { Attestation, Oracle } from "./oracle.ts";
import type { Transmitter } from "./transmit.ts";

export interface EpochOptions {
  readonly oracles: readonly Oracle[];
  readonly store: Store;
  readonly transmitter: Transmitter;
  readonly telemetry: string;
  readonly reportDomain: Domain;
  readonly reportStruct: TypedStruct;
}

/** An epoch that is on-chain, and the head that the next one follows on. */
export interface ClosedEpoch {
  readonly report: Report;
  readonly reportHash: Hex;
  readonly signerBitmap: bigint;
  readonly refusals: readonly Refusal[];
  readonly receipt: TransactionReceipt;
  readonly head: TelemetryHead;
}

/**
 * Brings the next epoch's report on-chain: one oracle proposes, the others recompute it from their own readings and sign
 * or refuse with a reason, and 2f+1 signatures go out once. They take turns, and where one cannot propose, or what it
 * proposes finds no quorum, the next one does.
 */
export async function closeEpoch(options: EpochOptions, head: TelemetryHead): Promise<ClosedEpoch> {
  const { oracles } = options;
  const epoch = head.lastEpoch + 1n;
  const needed = quorumCount(head.faultyCount);
  const refusals = new Map<Oracle, Refusal>();
  let most = 0;
  for (let turn = 0; turn < oracles.length; turn++) {
    const proposer = oracles[Number((epoch + BigInt(turn)) % BigInt(oracles.length))] as Oracle;
    const peers = oracles.filter((oracle) => oracle !== proposer);
    const attestations: Attestation[] = [];
    const take = (oracle: Oracle, answer: Attestation | Refusal) => {
      if (answer instanceof Refusal) refusals.set(oracle, answer);
      else attestations.push(answer);
    };
    const proposal = await answerOf(proposer.propose(head));
    take(proposer, proposal);
    if (proposal instanceof Refusal) continue;
    const answers = await Promise.all(peers.map((peer) => answerOf(peer.attest(proposal.report, head))));
    answers.forEach((answer, index) => take(peers[index] as Oracle, answer));
    if (attestations.length >= needed) return await submit(options, head, attestations, [...refusals.values()]);
    most = Math.max(most, attestations.length);
  }
  const reasons = [...refusals.values()].map(({ message }) => message).join("; ");
  throw new Refusal("Epoch_NoQuorum", { epoch, signatureCount: most, quorumCount: needed, reasons });
}

/** What an oracle answers; a refusal is an answer, and stops nobody else. */
async function answerOf(asked: Promise<Attestation>): Promise<Attestation | Refusal> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

async function submit(
  options: EpochOptions,
  head: TelemetryHead,
  attestations: readonly Attestation[],
  refusals: readonly Refusal[],
): Promise<ClosedEpoch> {
  const { report, reportHash } = attestations[0] as Attestation;
  const { epoch } = report;
  const digest = reportDigestOf(options.reportStruct, options.reportDomain, report);
  const packed = packSignatures(
    digest,
    head.signers,
    head.faultyCount,
    attestations.map(({ signature }) => signature),
  );
  const data = INTERFACES.telemetry.encodeFunctionData("submit", [
    reportCall(report),
    filingCall(head.prior),
    packed.signerBitmap,
    packed.signatures,
  ]);
  // The same report with another prior filing (its block is gone, and came again later) is another call.
  const key = `report/${epoch}/${keccak256(data).slice(2, 18)}`;
  const receipt = await options.transmitter.transmit({ kind: "report", key, to: options.telemetry, data });
  await Promise.all(
    attestations.map(({ oracleId }) => setReportStatus(options.store.db, oracleId, epoch, reportHash, "submitted")),
  );
  const submittedAt = submittedAtOf(receipt, epoch);
  return {
    report,
    reportHash,
    signerBitmap: packed.signerBitmap,
    refusals,
    receipt,
    head: { ...head, lastEpoch: epoch, prior: { reportHash, submittedAt, meters: report.meters } },
  };
}

function submittedAtOf(receipt: TransactionReceipt, epoch: bigint): bigint {
  for (const log of receipt.logs) {
    const event = INTERFACES.telemetry.parseLog(log);
    if (event?.name === "Submitted") return event.args.getValue("submittedAt") as bigint;
  }
  throw new Refusal("Epoch_NoEvent", { epoch, txHash: receipt.hash });
}
