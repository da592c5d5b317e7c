import { keccak256, type TransactionReceipt } from "ethers";

import type { Hex } from "../protocol/bytes.ts";
import { INTERFACES } from "../protocol/contracts.ts";
import { packSignatures } from "../protocol/quorum.ts";
import { Refusal } from "../protocol/refusal.ts";
import { reportDigestOf, type Report } from "../protocol/report.ts";
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
 * Brings the next epoch's report on-chain: one oracle proposes (they take turns), the others recompute it from their own
 * readings and sign or refuse with a reason, and 2f+1 signatures go out once.
 */
export async function closeEpoch(options: EpochOptions, head: TelemetryHead): Promise<ClosedEpoch> {
  const { oracles, store } = options;
  const epoch = head.lastEpoch + 1n;
  const proposer = oracles[Number(epoch % BigInt(oracles.length))] as Oracle;
  const proposal = await proposer.propose(head);
  const answers = await Promise.all(
    oracles
      .filter((oracle) => oracle !== proposer)
      .map(async (oracle): Promise<Attestation | Refusal> => {
        try {
          return await oracle.attest(proposal.report, head);
        } catch (error) {
          if (error instanceof Refusal) return error;
          throw error;
        }
      }),
  );
  const refusals = answers.filter((answer) => answer instanceof Refusal);
  const attestations = [proposal, ...answers.filter((answer): answer is Attestation => "signature" in answer)];

  const { report, reportHash } = proposal;
  const digest = reportDigestOf(options.reportStruct, options.reportDomain, report);
  const packed = packSignatures(
    digest,
    head.signers,
    head.faultyCount,
    attestations.map(({ signature }) => signature),
  );
  const data = INTERFACES.telemetry.encodeFunctionData("submit", [
    { ...report, meters: [...report.meters] },
    { ...head.prior, meters: [...head.prior.meters] },
    packed.signerBitmap,
    packed.signatures,
  ]);
  // The same report with another prior filing (its block is gone, and came again later) is another call.
  const key = `report/${epoch}/${keccak256(data).slice(2, 18)}`;
  const receipt = await options.transmitter.transmit({ kind: "report", key, to: options.telemetry, data });
  await Promise.all(
    oracles.map((oracle) => setReportStatus(store.db, oracle.oracleId, epoch, reportHash, "submitted")),
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
