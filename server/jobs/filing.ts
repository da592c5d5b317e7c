import { keccak256 } from "ethers";

import { Telemetry__factory } from "../../types/factories/telemetry/Telemetry__factory.ts";
import type { MarkedSigner } from "../keys/marks.ts";
import type { OracleConfig, TelemetryHead } from "../plugins/head.ts";
import type { DecisionSignature, Instance } from "../protocol/ballot.ts";
import type { Hex } from "../protocol/bytes.ts";
import { INTERFACES } from "../protocol/contracts.ts";
import { keccakHex, keccakText } from "../protocol/keccak.ts";
import { packSignatures, signerIndexOf } from "../protocol/quorum.ts";
import { Refusal } from "../protocol/refusal.ts";
import { filingCall, reportCall, reportPreimageOf, type Report } from "../protocol/report.ts";
import { structHash, structOf, structPreimage, type Domain, type TypedStruct } from "../protocol/typed.ts";
import type { Outgoing } from "./transmit.ts";

/** The EIP-712 types of what is signed for the chain, out of the ABI. */
export const REPORT_STRUCT: TypedStruct = structOf(Telemetry__factory.abi, "submit", "report");
export const SKIP_STRUCT: TypedStruct = structOf(Telemetry__factory.abi, "skip", "notice");

/** Why an epoch is skipped, as published by its hash: every oracle writes the same. */
function skipReason(epoch: bigint): string {
  return JSON.stringify({
    version: 1,
    epoch: String(epoch),
    reason: "no report within the delay that the chain allows",
  });
}

/** What a skip of the head's next epoch says. */
export function skipOf({ lastEpoch, prior }: TelemetryHead, configDigest: Hex) {
  const epoch = lastEpoch + 1n;
  return { configDigest, epoch, prevReportHash: prior.reportHash, reasonHash: keccakText(skipReason(epoch)) };
}

/** The epoch that a call of `Filing` is about, by its key. */
export function epochOfCall(key: string): bigint {
  return BigInt(key.split("/")[1] ?? "");
}

/** The hash of a skip: the value that its instance decides. */
export function skipHashOf(head: TelemetryHead, configDigest: Hex): Hex {
  return structHash(SKIP_STRUCT, skipOf(head, configDigest));
}

export interface FilingOptions {
  readonly telemetry: string;
  readonly reportDomain: Domain;
  readonly signer: MarkedSigner;
}

/** Signatures for the chain over what was decided, and the call that brings it there. */
export interface Filing {
  /** Signs what was decided; the mark is durable before, and refuses what is below it. */
  sign(instance: Instance, config: OracleConfig, preimage: Uint8Array): Promise<Hex>;
  /** What is hashed and signed of a decision; undefined while its report is not here. */
  preimageOf(instance: Instance, head: TelemetryHead, report: Report | undefined): Uint8Array | undefined;
  isSigned(preimage: Uint8Array, config: OracleConfig, signature: DecisionSignature): boolean;
  /** The call, once; the same decision after another prior filing (a block is gone, and came again) is another call. */
  call(
    head: TelemetryHead,
    instance: Instance,
    config: OracleConfig,
    decided: { readonly report: Report | undefined; readonly preimage: Uint8Array },
    signatures: readonly DecisionSignature[],
  ): Outgoing;
}

export function startFiling({ telemetry, reportDomain, signer }: FilingOptions): Filing {
  return {
    sign: ({ epoch, kind }, { configCount }, preimage) => signer.signReport({ configCount, epoch, kind, preimage }),

    preimageOf(instance, head, report) {
      if (instance.kind === 1) return structPreimage(SKIP_STRUCT, reportDomain, skipOf(head, instance.configDigest));
      return report === undefined ? undefined : reportPreimageOf(REPORT_STRUCT, reportDomain, report);
    },

    isSigned(preimage, { signers }, { signerIndex, signature }) {
      try {
        return signerIndexOf(keccakHex(preimage), signers, signature) === signerIndex;
      } catch (error) {
        if (error instanceof Refusal) return false;
        throw error;
      }
    },

    call(head, { epoch, kind, configDigest }, { signers, faultyCount }, { report, preimage }, signatures) {
      const packed = packSignatures(
        keccakHex(preimage),
        signers,
        faultyCount,
        signatures.map(({ signature }) => signature),
      );
      const rest = [filingCall(head.prior), packed.signerBitmap, packed.signatures] as const;
      const data =
        report === undefined
          ? INTERFACES.telemetry.encodeFunctionData("skip", [skipOf(head, configDigest), ...rest])
          : INTERFACES.telemetry.encodeFunctionData("submit", [reportCall(report), ...rest]);
      const name = kind === 1 ? "skip" : "report";
      return { kind: name, key: `${name}/${epoch}/${keccak256(data).slice(2, 18)}`, to: telemetry, data };
    },
  };
}
