import type { HistoryEvent, Reserve } from "../../server/protocol/apiHistory.ts";
import type { Hex } from "../../server/protocol/bytes.ts";
import type { AbsenceProof, DeviceProof } from "../../server/protocol/proof.ts";
import type { AuditSources } from "../../server/sourcesAudit.ts";

/** What an auditor asks, of the sample's one facility. */
export function sampleAudit(address: string, hash: Hex): AuditSources {
  const historyEvent: HistoryEvent = {
    ...{ eventId: "7000003", block: "7", logIndex: 3, blockAt: "1764000000", transactionHash: hash },
    ...{ contract: "facility", address, name: "StepPaid" },
    args: {
      paymentIndex: "0",
      stepIndex: "0",
      step: { kind: "0", subjectIndex: "0" },
      dueAssets: "2",
      paidAssets: "1",
    },
  };

  const reserve: Reserve = {
    ...{ kind: "vault", address, asset: address, assetSymbol: "USDX", assetDecimalCount: 6 },
    ...{ parts: [{ part: "cash", assets: "7" }], bookedAssets: "7", balanceAssets: "8" },
  };

  return {
    history: (given) => Promise.resolve(given === address ? [historyEvent] : undefined),
    reserves: ({ after }) => Promise.resolve(after === undefined ? [reserve] : []),
  };
}

/** That the device after the last one of the sample's lot is not in its report. */
export function sampleAbsence({ leaf }: DeviceProof, hash: Hex): AbsenceProof {
  return {
    ...{ lotId: "1", deviceIndex: 8, leafCount: 8, root: hash, reportHash: hash, transactionHash: hash },
    below: { leaf, proof: [hash] },
    above: null,
  };
}
